import contextlib
import io
import re
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text()
NUMBER = r" *-?\d+\.\d+"


def block(language):
    return re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)[1]


@pytest.mark.slow
def test_the_code_of_the_readme_prints_what_stands_below_it():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block("python"), "README.md", "exec"), {})
    shown = block("text")
    assert re.sub(NUMBER, "#", printed.getvalue()) == re.sub(NUMBER, "#", shown)
    numbers = [[float(number) for number in re.findall(NUMBER, text)] for text in (printed.getvalue(), shown)]
    # Another processor sums in another order; what is claimed is the second decimal.
    assert numbers[0] == pytest.approx(numbers[1], abs=5e-3)


def test_the_readme_names_every_file_that_it_links_to():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (Path(__file__).parent.parent / target).exists(), target
