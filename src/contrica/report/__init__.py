"""From records to what people read: json to repeat a run, a markdown table, and one self-contained page."""

from contrica.report.charts import Chart, Curves, Grid, Line, Prediction
from contrica.report.fit_page import fit_page
from contrica.report.fit_record import PAIRS_MADE, FitRecord
from contrica.report.folder import default_folder, ensure_writable, read_run, render_again, write_run
from contrica.report.over_seeds import over_seeds
from contrica.report.page import page
from contrica.report.published import PublishedValue
from contrica.report.run_record import AnyRecord, RunRecord, record_of
from contrica.report.seeds import seeds_in_words, seeds_of
from contrica.report.table import table
from contrica.report.verdict import Verdict, verdict

__all__ = [
    "PAIRS_MADE",
    "AnyRecord",
    "Chart",
    "Curves",
    "FitRecord",
    "Grid",
    "Line",
    "Prediction",
    "PublishedValue",
    "RunRecord",
    "Verdict",
    "default_folder",
    "ensure_writable",
    "fit_page",
    "over_seeds",
    "page",
    "read_run",
    "record_of",
    "render_again",
    "seeds_in_words",
    "seeds_of",
    "table",
    "verdict",
    "write_run",
]
