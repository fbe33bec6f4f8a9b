"""One self-contained HTML page of a run: no script, no font, no link, and equal for equal records."""

from collections import Counter
from collections.abc import Sequence

from contrica.report.chart_figure import chart_figure
from contrica.report.charts import Chart, Curves
from contrica.report.comparison import comparison
from contrica.report.details import described, details, stated
from contrica.report.numbers import seconds
from contrica.report.numbers_of import Numbers, numbers_of
from contrica.report.outcome import Outcome
from contrica.report.over_seeds import over_seeds
from contrica.report.published import published_section
from contrica.report.recording_outcome import OverSeeds, RecordingOutcome, gathered, judged
from contrica.report.recordings_section import RECORDING_MEANINGS, judgement, recordings_section
from contrica.report.run_record import RunRecord
from contrica.report.seeds import seeds_in_words
from contrica.report.style import STYLE
from contrica.report.svg import element, words
from contrica.report.verdict import Kind, verdict

MOST_UNFOLDED = 48
"""Experiments that get a section each; with more, a page is too large for a browser."""

MEANINGS = {
    "linear R²": "Share of the factors' variance that an affine map of the codes explains; 1 is perfect, 0 chance.",
    "MCC": "Mean correlation of each factor with the one code matched to it; 1 is perfect, 0 chance.",
    "smallest matched": "The least of those correlations, so that one lost factor cannot hide in the mean.",
    "leakage": "Share of other factors in a matched code; 0 is perfect, 0.5 as much as of its own factor.",
    "floor": "The same score for reference codes; a score says something only as far as it is above its floors.",
    "gap": "Held-out loss above the loss of the true density ratio on the same pairs, in nats.",
    "calibration": "Mean dissimilarity of pairs by their codes over that by their factors; 1 where the scale is right.",
}


def page(run: RunRecord) -> str:
    """Return the page of a run, a whole HTML document.

    Raises
    ------
    RecordError
        If a record lacks what the page shows.
    """
    every = [Outcome.of(record) for record in run.simulated]
    recorded = [RecordingOutcome.of(record) for record in run.recordings]
    outcomes, numbers = over_seeds(every), numbers_of(every)
    body = [
        _header(run, outcomes, gathered(recorded)),
        published_section(run.published, numbers),
        *_charts(run.charts, numbers),
    ]
    if len(every) == 1:
        body.append(details(every[0]))
    elif every:
        many = len(every) > MOST_UNFOLDED
        body += [comparison(outcomes, seeds=len(run.seeds), folded=many), element("h2", words("Each experiment"))]
        body += [_too_many(len(every))] if many else map(_folded, every)
    body += recordings_section(recorded)
    meanings = (MEANINGS if every or not recorded else {}) | (RECORDING_MEANINGS if recorded else {})
    body += [element("h2", words("What the numbers mean")), described(meanings), _repeat(run, [*every, *recorded])]
    return document(run.title, *body)


def document(title: str, *body: str) -> str:
    """Return a whole HTML document, with the style inside."""
    head = element(
        "head",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        element("title", words(f"{title} | contrica")),
        f"<style>{STYLE}</style>",
    )
    return f"<!DOCTYPE html>\n{element('html', head, element('body', element('main', *body)), lang='en')}\n"


def _header(run: RunRecord, outcomes: Sequence[Outcome], recorded: Sequence[OverSeeds]) -> str:
    named = [run.recipe, *run.options.values(), f"seed {seeds_in_words(run.seeds)}", run.date[:10]]
    parts = [
        element("h1", words(run.title)),
        element("p", words(" · ".join(filter(None, named))), class_="sub"),
    ]
    if len(outcomes) == 1:
        parts.append(stated(verdict(outcomes[0])))
    elif outcomes:
        counts = Counter(verdict(outcome).kind for outcome in outcomes)
        tally = [
            element("li", words(f"{counts[kind]} {kind.value}"), class_=kind.name.lower())
            for kind in Kind
            if counts[kind]
        ]
        parts.append(element("ul", *tally, class_="tally"))
    if len(recorded) == 1:
        parts.append(judgement(recorded[0]))
    elif recorded:
        items = []
        for found in recorded:
            said = judged(found)
            text = f"{found.name}: {said.head[0].lower()}{said.head[1:]}"
            items.append(element("li", words(text), class_=said.mark))
        parts.append(element("ul", *items, class_="tally"))
    parts.append(element("p", words(run.summary), class_="lead"))
    return element("header", *parts)


def _charts(charts: Sequence[Chart], numbers: Numbers) -> list[str]:
    parts = []
    for chart in charts:
        drawn = chart_figure(chart, numbers)
        if drawn:
            kind = "chart" if isinstance(chart, Curves) else "wide"
            caption = element("figcaption", words(chart.caption))
            parts += [element("h2", words(chart.title)), element("figure", drawn, caption, class_=kind)]
    return parts


def _too_many(count: int) -> str:
    text = f"{count} are more than a page can show one by one; record.json beside it holds all of each."
    return element("p", words(text), class_="note")


def _folded(outcome: Outcome) -> str:
    judged = verdict(outcome)
    state = element("span", words(judged.kind.value), class_=f"state {judged.kind.name.lower()}")
    seed = outcome.settings.get("seed", 0)
    summary = element("summary", words(outcome.name if not seed else f"{outcome.name}, seed {seed}"), state)
    return element("details", summary, stated(judged), details(outcome, level="h3"))


def _repeat(run: RunRecord, outcomes: Sequence[Outcome | RecordingOutcome]) -> str:
    shown = dict(outcomes[0].environment) if outcomes else {}
    shown["training"] = seconds(sum(outcome.seconds for outcome in outcomes))
    shown["date"] = run.date
    intro = "The same versions on the same machine give the same numbers. record.json beside this page holds them all."
    return "".join(
        [
            element("h2", words("How to repeat it")),
            element("pre", element("code", words(run.command))),
            element("p", words(intro)),
            described(shown),
        ]
    )
