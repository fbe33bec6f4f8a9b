"""A table of shaded cells: one number of every combination of two settings, with the number written in."""

from contrica.report.charts import Grid
from contrica.report.numbers import DASH, below_one, fixed
from contrica.report.numbers_of import NUMBERS, Numbers
from contrica.report.over_seeds import spread
from contrica.report.svg import element, figure, words

CELL_WIDTH, CELL_HEIGHT = 58.0, 20.0
LABEL_WIDTH, HEAD_HEIGHT, TITLE_HEIGHT = 210.0, 32.0, 22.0

HEAD_LINE = 13.0

STEPS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
"""Where the shade changes: of scores, what separates good from very good is far finer than what separates bad."""

SCORES = ("r2", "mcc", "smallest_matched", "r2_in_sample", "mcc_in_sample")


def grid_figure(chart: Grid, numbers: Numbers) -> str:
    """Draw the chart; nothing where none of its experiments has the number."""
    values = [[numbers.get(name, {}).get(chart.number, ()) for name in row] for row in chart.cells]
    if not any(found for row in values for found in row):
        return ""
    label = NUMBERS[chart.number][0]
    parts = [element("text", words(label), class_="label", x=0.0, y=14.0)]
    for column, head in enumerate(chart.columns):
        x = LABEL_WIDTH + CELL_WIDTH * (column + 0.5)
        for line, part in enumerate(reversed(head.split())):
            y = TITLE_HEIGHT + HEAD_HEIGHT - 6 - HEAD_LINE * line
            parts.append(element("text", words(part), class_="tick", x=x, y=y, text_anchor="middle"))
    for number, (name, row) in enumerate(zip(chart.rows, values, strict=True)):
        y = TITLE_HEIGHT + HEAD_HEIGHT + CELL_HEIGHT * number
        parts.append(
            element("text", words(name), class_="label", x=LABEL_WIDTH - 8, y=y + CELL_HEIGHT - 6, text_anchor="end")
        )
        for column, found in enumerate(row):
            x = LABEL_WIDTH + CELL_WIDTH * column
            text, shade = _cell(list(found), chart.number)
            parts.append(
                element("rect", class_=shade, x=x, y=y, width=CELL_WIDTH - 2, height=CELL_HEIGHT - 2)
                + element(
                    "text",
                    words(text),
                    class_=f"{shade}-text",
                    x=x + CELL_WIDTH / 2 - 1,
                    y=y + CELL_HEIGHT - 6,
                    text_anchor="middle",
                )
            )
    width = LABEL_WIDTH + CELL_WIDTH * len(chart.columns)
    height = TITLE_HEIGHT + HEAD_HEIGHT + CELL_HEIGHT * len(chart.rows) + 4
    return figure(width, height, f"{chart.title}: {label}", *parts)


def _cell(values: list[float], number: str) -> tuple[str, str]:
    if not values:
        return DASH, "shade-none"
    value = spread(values).value
    if number not in SCORES:
        return fixed(value), "shade-none"
    return below_one(value), f"shade-{sum(value >= step for step in STEPS)}"
