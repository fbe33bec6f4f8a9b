"""One self-contained HTML page of a fitted model: no script, no font, no link, and equal for equal records."""

from contrica.diagnosis import Check, Diagnosis
from contrica.diagnosis.check import Verdict
from contrica.pairs.drawn import Histogram, PairReport
from contrica.report.bars_figure import Bar, Level, bars_figure
from contrica.report.details import described, flat
from contrica.report.fit_record import PAIRS_MADE, FitRecord
from contrica.report.numbers import fixed, short
from contrica.report.page import document
from contrica.report.svg import element, words
from contrica.report.training_figure import training_figure

MOST_CODES = 40
"""Bars beyond which a figure is longer than a screen; the table holds all codes."""

TONES = {Verdict.FINE: "recovered", Verdict.LOOK: "missed", Verdict.CANNOT_TELL: "mixed"}

MEANINGS = {
    "spread": "Standard deviation of the code over the held-out rows, in units of the code.",
    "noise share": "How far the two of a pair differ, in spreads: 0 is frozen, 1.41 has nothing in common.",
    "fitted scale": "The size of a step within pairs that the model assumes, in units of the code.",
    "found scale": "The size that held-out pairs show; it agrees with the fitted one but for what walls cut off.",
    "information": "Nats that the two of a pair share through this code, with its standard error.",
    "log batch": "The most nats that training can tell apart in a batch; the information should stay below it.",
}


def fit_page(record: FitRecord) -> str:
    """Return the page of a fitted model, a whole HTML document."""
    body = [_header(record)]
    if record.diagnosis is not None:
        body += [_codes(record.diagnosis), element("h2", words("Checks")), *map(_check, record.diagnosis.checks)]
    body += [_training(record), _pairs(record)]
    if record.diagnosis is not None:
        body += [element("h2", words("What the numbers mean")), described(MEANINGS)]
    body += [
        element("h2", words("What to run next")),
        element("pre", element("code", words(record.next_command))),
        element("h2", words("Settings")),
        described(flat(record.settings)) if record.settings else element("p", words("The defaults.")),
    ]
    return document(record.name, *body)


def _header(record: FitRecord) -> str:
    said = [f"pairs {PAIRS_MADE[record.pairs]}", f"{len(record.losses)} steps"]
    if record.num_rows is not None:
        said.insert(0, f"{record.num_rows} rows")
    if record.recording is not None:
        said.insert(0, record.recording)
    parts = [element("h1", words(record.name)), element("p", words(" · ".join(said)), class_="sub")]
    found = record.diagnosis
    tone = "mixed" if found is None or not found.actions else "missed"
    if found is not None and all(check.verdict is Verdict.FINE for check in found.checks):
        tone = "recovered"
    headline = "too few rows were held out to check the model" if found is None else found.headline
    notes = [element("p", words(note)) for note in record.to_do]
    parts.append(element("div", element("p", element("strong", words(headline))), *notes, class_=f"verdict {tone}"))
    return element("header", *parts)


def _codes(found: Diagnosis) -> str:
    bars = [
        Bar(f"code {one.code}", one.information, f"{one.information:.2f} nats", 1.96 * one.information_error)
        for one in found.factors[:MOST_CODES]
    ]
    level = Level(found.log_batch, f"log batch {found.log_batch:.2f}")
    drawn = bars_figure("Nats that the two of a pair share through each code", bars, level)
    total = sum(one.information for one in found.factors)
    caption = (
        f"Nats that the two of a pair share through each code, with 95 % intervals; {total:.2f} in all. A batch of"
        f" {found.batch_size} can tell {found.log_batch:.2f} apart."
    )
    head = element("tr", *(element("th", words(name)) for name in ("code", *list(MEANINGS)[:5])))
    rows = [
        element(
            "tr",
            element("th", words(one.code), scope="row"),
            *(
                element("td", words(text))
                for text in (
                    short(one.spread),
                    fixed(one.noise_share),
                    short(one.fitted_scale),
                    short(one.found_scale),
                    f"{one.information:.2f} ± {one.information_error:.2f}",
                )
            ),
        )
        for one in found.factors
    ]
    table = element("table", element("thead", head), element("tbody", *rows))
    return "".join(
        [
            element("h2", words("What each code holds")),
            element("figure", drawn, element("figcaption", words(caption))),
            element("div", table, class_="wide", tabindex="0", role="region", aria_label="What each code holds"),
        ]
    )


def _check(check: Check) -> str:
    state = element("span", words(check.verdict.value), class_=f"state {TONES[check.verdict]}")
    purpose = "To do" if check.verdict is Verdict.LOOK else "To tell"
    advice = [element("p", words(f"{purpose}: {check.advice}."))] if check.advice else []
    measured = [element("li", words(str(quantity).replace("+-", "±"))) for quantity in check.measured]
    return element(
        "details",
        element("summary", words(check.name), state),
        element("p", words(f"{check.sentence[:1].upper()}{check.sentence[1:]}.")),
        *advice,
        element("p", words(f"Of a right model is expected: {check.expected}."), class_="note"),
        element("ul", *measured),
        open="open" if check.verdict is Verdict.LOOK else None,
    )


def _training(record: FitRecord) -> str:
    drawn = training_figure(record.losses, record.held_out, record.best_step)
    if not drawn:
        return ""
    text = "The loss of training batches, grey."
    if record.held_out:
        text = f"{text[:-1]}, and of held-out pairs, blue. Kept are the parameters after step {record.best_step}."
        text += " Fewer held-out rows than a batch has make fewer candidates, and a smaller loss for that reason alone."
    caption = element("figcaption", words(text))
    return element("h2", words("Training")) + element("figure", drawn, caption, class_="chart")


def _pairs(record: FitRecord) -> str:
    found = record.drawn_pairs
    if found is None:
        return ""
    shown = [
        ("Lag from anchor to positive, rows", found.lags),
        ("Distance of labels, bandwidths", found.label_distances),
    ]
    drawn = [
        element("figure", _histogram(title, one), element("figcaption", words(title)))
        for title, one in shown
        if one is not None
    ]
    return element("h2", words("Pairs that were drawn")) + element("div", *drawn, class_="pair") + _counts(found)


def _counts(found: PairReport) -> str:
    return element("p", words(" ".join(line for line in found.summary)))


def _histogram(title: str, found: Histogram) -> str:
    total = sum(found.counts)
    bars = [
        Bar(name, count / total, f"{count / total:.1%}") for name, count in zip(found.names, found.counts, strict=True)
    ]
    return bars_figure(title, bars)
