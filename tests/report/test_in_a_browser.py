"""The page as a browser lays it out: everything has a size, nothing sticks out of a telephone, nothing complains."""

import html
import json
import re
import shutil
import subprocess

import pytest

from contrica.report import fit_page, page
from synthetic_records import fit_record, record, run_of

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome is installed"),
]

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--virtual-time-budget=3000",
]

PHONE = 390

MEASURE = """
<!DOCTYPE html><body><script>
const frame = document.createElement('iframe');
frame.style.width = '%d px'.replace(' ', '');
frame.style.height = '800px';
frame.style.border = '0';
frame.onload = () => {
  const inner = frame.contentDocument, found = {};
  inner.querySelectorAll('details').forEach(one => one.open = true);
  found.width = inner.documentElement.clientWidth;
  found.scrolled = inner.documentElement.scrollWidth;
  found.plots = [...inner.querySelectorAll('svg')].map(one => {
    const box = one.getBoundingClientRect();
    return [box.width, box.height, box.right];
  });
  found.images = [...inner.querySelectorAll('image')].map(one => one.getBBox().width);
  found.ground = getComputedStyle(inner.body).backgroundColor;
  const result = document.createElement('pre');
  result.textContent = JSON.stringify(found);
  document.body.appendChild(result);
};
frame.srcdoc = %s;
document.body.appendChild(frame);
</script></body>
"""


def in_browser(text, tmp_path, *, width):
    """Return what the page measures in a frame of that width, and what the browser's console said."""
    outer = tmp_path / "outer.html"
    outer.write_text(MEASURE % (width, json.dumps(text).replace("</", "<\\/")), encoding="utf-8")
    command = [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", outer.as_uri()]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"<pre>(.*)</pre>", finished.stdout)
    assert found, finished.stderr
    return json.loads(html.unescape(found.group(1))), [
        line for line in finished.stderr.splitlines() if "CONSOLE" in line
    ]


def sound(text, tmp_path, *, width):
    found, console = in_browser(text, tmp_path, width=width)
    assert found["width"] == width
    sized = all(across > 8 and down > 8 and right <= width + 0.5 for across, down, right in found["plots"])
    return found["scrolled"] <= width and sized and not console, found


@pytest.mark.parametrize("width", [PHONE, 1200])
def test_several_experiments_fit(width, tmp_path):
    made = [record("straight"), record("turned", rotate=True), record("lost in a long name" * 4, noise=0.4, gap=0.7)]
    passed, found = sound(page(run_of(*made)), tmp_path, width=width)
    assert passed, found
    assert len(found["plots"]) > 15


@pytest.mark.parametrize("width", [PHONE, 1200])
def test_a_fitted_model_fits(width, tmp_path):
    passed, found = sound(fit_page(fit_record()), tmp_path, width=width)
    assert passed, found
    assert len(found["plots"]) == 3


def test_a_photograph_fits(tmp_path):
    passed, found = sound(page(run_of(record(dim=2, image="china.jpg"))), tmp_path, width=PHONE)
    assert passed, found
    assert found["images"] == [640]


@pytest.mark.parametrize(
    "planted",
    ['<div style="width:600px">wide</div>', '<svg style="width:0"></svg>', "<script>console.error('planted')</script>"],
)
def test_a_planted_fault_is_seen(planted, tmp_path):
    text = page(run_of(record())).replace("</main>", f"{planted}</main>")
    assert not sound(text, tmp_path, width=PHONE)[0]
