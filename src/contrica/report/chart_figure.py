"""A chart as a drawing, whichever kind it is."""

from contrica.report.charts import Chart, Curves
from contrica.report.curves_figure import curves_figure
from contrica.report.grid_figure import grid_figure
from contrica.report.numbers_of import Numbers


def chart_figure(chart: Chart, numbers: Numbers) -> str:
    """Return the drawing, empty where none of the chart's experiments has its number."""
    return curves_figure(chart, numbers) if isinstance(chart, Curves) else grid_figure(chart, numbers)
