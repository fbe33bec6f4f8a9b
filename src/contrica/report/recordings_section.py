"""What a page shows of fits to recordings: scores, nulls, pictures of the codes, loss, what may be believed."""

from collections.abc import Sequence

from contrica.diagnosis.check import Verdict
from contrica.report.codes_figure import codes_figure
from contrica.report.curve_figure import loss_figure
from contrica.report.details import described, flat
from contrica.report.numbers import fixed, seconds
from contrica.report.outcome import Measured
from contrica.report.recording_outcome import OURS, OverSeeds, RecordingOutcome, gathered, judged
from contrica.report.svg import element, words
from contrica.report.table import line

RECORDING_MEANINGS = {
    "k-NN": "Read by the nearest neighbours among the codes of training rows, weighted by the inverse of distance.",
    "affine": "Read by an affine map that was fitted on the codes of training rows.",
    "inputs": "What the encoder was given, decoded in the same way with all of its columns.",
    "null": "The same fit to data in which what ties pairs or labels to the inputs was shuffled.",
    "p": "Chance, at most, of a score as high as the observed one where there is nothing to find.",
    "agreement": "Linear R² of other codes by an affine map of these, fitted on training rows, scored on test rows.",
}


def judgement(found: OverSeeds) -> str:
    """Return in a marked paragraph how the codes stand."""
    said = judged(found)
    text = element("p", element("strong", words(said.head)), words(f". {said.sentence}"))
    return element("div", text, class_=f"verdict {said.mark}")


def recordings_section(outcomes: Sequence[RecordingOutcome]) -> list[str]:
    """Return a section per experiment, the seeds of each taken together."""
    return [part for found in gathered(outcomes) for part in _section(found, alone=len(gathered(outcomes)) == 1)]


def recordings_table(outcomes: Sequence[RecordingOutcome]) -> str:
    """Return the tables of all experiments in markdown."""
    parts = []
    for found in gathered(outcomes):
        columns = _columns(found)
        rows = [[codes, *(_cell(scores.get(column)) for column in columns)] for codes, scores in found.scores.items()]
        table = [line(["codes", *columns]), line(["---", *["---:"] * len(columns)]), *map(line, rows)]
        said = [f"- {shuffled}: {_p_values(values)}" for shuffled, values in found.nulls.items()]
        said += [f"- agreement with {other}: {_cell(value)}" for other, value in found.agreement.items()]
        parts.append("\n".join([f"## {found.name}", "", *table, "", *said]))
    return "\n\n".join(parts) + "\n"


def _section(found: OverSeeds, *, alone: bool) -> list[str]:
    shown, level = found.shown, "h2" if alone else "h3"
    many = len(found.outcomes) > 1
    drawn = [element("figure", codes_figure(picture)) for picture in shown.pictures]
    caption = (
        "Test rows along the two principal axes of the codes, or, where classes are shown of figures, along the two"
        " directions that tell these apart best on training rows; beside each the same of the inputs."
    )
    sections = {
        "Scores": _scores(found),
        "Is it real?": _nulls(found),
        "Codes in the plane": element("div", *drawn, class_="squares few")
        + element("p", words(caption + (" The seed in the middle." if many else "")), class_="note"),
        "Loss": _loss(shown),
        "What may be believed": _believed(shown),
        "Do the codes agree?": _agreement(found),
    }
    body = [element(level, words(title)) + markup for title, markup in sections.items() if markup]
    settings = element("summary", words("Settings")) + described(flat(shown.settings))
    body.append(element("details", settings))
    return body if alone else [element("h2", words(found.name)), judgement(found), *body]


def _scores(found: OverSeeds) -> str:
    columns = _columns(found)
    head = element("thead", element("tr", *(element("th", words(title), scope="col") for title in ("codes", *columns))))
    rows = [
        element(
            "tr",
            element("th", words(codes), scope="row"),
            *(element("td", words(_cell(scores.get(column)))) for column in columns),
            class_=None if codes == OURS else "floor-row",
        )
        for codes, scores in found.scores.items()
    ]
    shown = found.shown
    note = f"Codes and decoders from {shown.rows['train']} training rows, scored on {shown.rows['test']} test rows" + (
        f"; the middle of {len(found.outcomes)} seeds, the least and the greatest." if len(found.outcomes) > 1 else "."
    )
    table = element("div", element("table", head, element("tbody", *rows)), class_="wide", tabindex="0", role="region")
    return table + element("p", words(note), class_="note")


def _nulls(found: OverSeeds) -> str:
    if not found.nulls:
        return ""
    if len(found.outcomes) == 1:
        return element("ul", *(element("li", words(null.text)) for null in found.shown.nulls))
    return element(
        "ul", *(element("li", words(f"{shuffled}: {_p_values(values)}")) for shuffled, values in found.nulls.items())
    )


def _loss(shown: RecordingOutcome) -> str:
    if len(shown.curve) < 2:
        return ""
    text = (
        f"The loss on held-out pairs ends at {fixed(shown.curve[-1][1])} nats; one that knows nothing is at"
        f" {fixed(shown.chance)}, the logarithm of the batch. Training took {seconds(shown.seconds)}."
    )
    drawn = loss_figure(shown.name, shown.curve, shown.chance, "chance")
    return element("figure", drawn, class_="single") + element("p", words(text))


def _believed(shown: RecordingOutcome) -> str:
    lead = (
        "No true factors are known of a recording. The codes are what makes pairs alike; the score says what they tell"
        " of the labels, the null whether that is real, and the checks below whether codes mean what the model says."
    )
    if shown.findings is None:
        return element("p", words(lead)) + element("p", words("There are too few held-out pairs for the checks."))
    items = []
    for one in shown.findings:
        purpose = "To do" if one.verdict == Verdict.LOOK.value else "To tell"
        advice = element("small", words(f" {purpose}: {one.advice}.")) if one.advice else ""
        head = element("strong", words(f"{one.name}, {one.verdict}: "))
        items.append(element("li", head, words(f"{one.sentence}."), advice))
    return element("p", words(lead)) + element("ul", *items)


def _agreement(found: OverSeeds) -> str:
    return described({f"with {other}": f"linear R² {_cell(value)}" for other, value in found.agreement.items()})


def _columns(found: OverSeeds) -> list[str]:
    return list(dict.fromkeys(column for scores in found.scores.values() for column in scores))


def _cell(measured: Measured | None) -> str:
    if measured is None:
        return ""
    if measured.low == measured.high:
        return fixed(measured.value)
    return f"{fixed(measured.value)} [{fixed(measured.low)}, {fixed(measured.high)}]"


def _p_values(values: Sequence[float]) -> str:
    return f"p = {', '.join(f'{value:.3g}' for value in values)}"
