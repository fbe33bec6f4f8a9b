import dataclasses
import html
import re
from html.parser import HTMLParser

import pytest

from contrica.errors import RecordError
from contrica.report import page
from contrica.report.page import MOST_UNFOLDED
from contrica.report.scatter_figure import MOST_FACTORS
from synthetic_records import record, run_of

VOID = {"meta", "br"}


class Strict(HTMLParser):
    """Collects tags, attributes and text, and fails on a tag that closes another one."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def parsed(text):
    reader = Strict()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def said(text):
    return " ".join(" ".join(parsed(text).text).split())


SINGLE = page(run_of(record()))
SEVERAL = page(run_of(record("straight"), record("turned", rotate=True), record("lost", noise=0.4, gap=0.7)))
PHOTOGRAPH = page(run_of(record(dim=2, noise=0.3, gap=0.6, image="china.jpg")))


@pytest.mark.parametrize("text", [SINGLE, SEVERAL, PHOTOGRAPH])
def test_the_page_is_well_formed_and_loads_nothing(text):
    tags = parsed(text).tags
    assert {"script", "link", "iframe", "object", "base"}.isdisjoint(tag for tag, _ in tags)
    addresses = [value for _, attrs in tags for name, value in attrs.items() if name in ("href", "src", "xlink:href")]
    assert all(address.startswith("data:image/") for address in addresses)
    assert "@import" not in text
    assert "url(" not in text
    assert "http" not in text


@pytest.mark.parametrize("text", [SINGLE, SEVERAL, PHOTOGRAPH])
def test_the_page_can_be_read_aloud(text):
    tags = parsed(text).tags
    assert ("html", {"lang": "en"}) in tags
    assert [tag for tag, _ in tags].count("h1") == 1
    for tag, attrs in tags:
        if tag == "svg":
            assert attrs.get("aria-hidden") == "true" or (attrs["role"] == "img" and attrs["aria-label"])


def test_equal_records_give_equal_pages():
    assert page(run_of(record())) == SINGLE


def test_markup_in_a_record_is_shown_and_not_obeyed():
    evil = "</style><script>alert(1)</script>"
    made = record(f'{evil}"', holds=False)
    made.experiment[evil] = evil
    made.environment[evil] = evil
    text = page(run_of(made, record(evil), title=evil, summary=evil, options={"image": evil}))
    assert "<script" not in text
    assert html.escape(evil) in text
    parsed(text)


def test_a_single_run_opens_with_its_verdict():
    text = said(SINGLE)
    assert re.search(r"Recovered : each factor has a code of its own \(linear R² 0\.99\d, MCC 0\.99\d", text)
    assert text.index("Recovered") < text.index("Scores") < text.index("How to repeat it")


def test_several_runs_are_compared_first_and_folded_after():
    text, tags = said(SEVERAL), [tag for tag, _ in parsed(SEVERAL).tags]
    assert tags.count("details") == tags.count("summary") == 3
    assert tags.index("table") < tags.index("details")
    for name in ("straight", "turned", "lost"):
        assert text.count(name) >= 4
    assert "1 recovered 1 recovered only up to a linear map 1 not recovered" in text


def test_a_failed_photograph_says_that_it_failed_and_what_the_numbers_support():
    text = said(PHOTOGRAPH)
    assert "Failed" in text
    assert "stays 0.600 nats above its optimum" in text
    assert "not injective" in text


def test_the_photograph_carries_a_dot_and_a_line_per_position():
    tags = parsed(PHOTOGRAPH).tags
    assert sum(tag == "image" for tag, _ in tags) == 1
    dots = [attrs for tag, attrs in tags if attrs.get("class") == "true-position"]
    (line,) = [attrs["d"] for tag, attrs in tags if attrs.get("class") == "error"]
    assert len(dots) == line.count("M") == 150
    made = record(dim=2, noise=0.3, gap=0.6, image="china.jpg")
    across, down = made.factors[0]
    assert float(dots[0]["cx"]) == pytest.approx(80 + across * (640 - 160), abs=0.01)
    assert float(dots[0]["cy"]) == pytest.approx(80 + down * (427 - 160), abs=0.01)


def test_a_photograph_that_cannot_be_loaded_is_said_to_be_missing():
    text = page(run_of(record(dim=2, image="gone.jpg")))
    assert "gone.jpg cannot be shown here" in said(text)
    parsed(text)


def test_the_guarantee_stands_there_with_its_conditions():
    items = re.findall(r"<li>(.*?)</li>", SINGLE)
    assert items == ["the mixing is injective", "the loss is at its global optimum"]
    assert "Lamperti 1958" in said(SINGLE)


def test_a_dissimilarity_that_was_selected_stands_there_with_the_reason():
    made = dataclasses.replace(record(), selection={"words": "exponent 2 is chosen; 1 & 3 do as well."})
    assert "Dissimilarity from the pairs exponent 2 is chosen; 1 & 3 do as well." in said(page(run_of(made)))
    assert "Dissimilarity from the pairs" not in said(page(run_of(record())))


def test_a_refused_guarantee_is_said_to_be_none():
    assert "no theorem applies" in said(page(run_of(record(holds=False, axes=False))))


def test_the_command_and_the_versions_stand_there():
    text = said(SINGLE)
    assert "contrica run made-up --seed 0" in text
    assert "torch 2.4.0" in text


def test_many_factors_are_cut_and_the_page_says_so():
    text = page(run_of(record(dim=MOST_FACTORS + 2)))
    assert text.count('class="cloud"') == MOST_FACTORS
    assert f"The first {MOST_FACTORS} of {MOST_FACTORS + 2} factors" in said(text)


def test_a_run_without_an_optimum_has_a_page():
    made = record()
    made.optimum.update(best=None, gap=None)
    for point in made.curve:
        point["best"] = None
    text = page(run_of(made))
    assert 'class="optimum-label"' not in text
    parsed(text)


def test_a_run_of_one_step_has_a_page():
    made = record()
    del made.curve[1:]
    parsed(page(run_of(made)))


def test_a_run_without_experiments_has_a_page():
    parsed(page(run_of()))


def test_scores_below_the_scale_are_drawn_at_its_end():
    text = page(run_of(record(noise=50.0)))
    drawn = re.findall(r'class="score" cx="([^"]*)"', text.split("<figcaption>")[0].split('class="legend"')[0])
    assert drawn
    assert all(12.0 <= float(place) <= 348.0 for place in drawn)


def test_a_damaged_record_is_refused():
    made = record()
    del made.scores["r2"]
    with pytest.raises(RecordError, match="damaged"):
        page(run_of(made))


def test_a_page_of_many_experiments_folds_the_table_and_leaves_out_their_sections():
    many = page(run_of(*(record(f"number {count}", dim=2) for count in range(MOST_UNFOLDED + 1))))
    assert parsed(many).open == []
    assert f"{MOST_UNFOLDED + 1} rows" in many
    assert "record.json beside it holds all" in many
    assert "True and recovered factors" not in many
    assert f"number {MOST_UNFOLDED}" in many
