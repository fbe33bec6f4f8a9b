import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from contrica import cli

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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::contrica.errors.ContricaWarning")  # fits are cut short here
def test_the_way_to_a_recording_of_your_own_runs_line_by_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    section = README.split("## Your own recording")[1].split("\n## ")[0]
    commands = [shlex.split(line, comments=True) for line in re.findall(r"^    contrica (.*)$", section, re.MULTILINE)]
    assert [words[0] for words in commands] == ["simulate", "inspect", "fit", "report"]
    for words in commands:
        short = ["--steps", "20"] if words[0] == "fit" else []
        assert cli.main([*words, *short]) == 0, words
        if words[0] == "inspect":
            assert f"contrica {shlex.join(commands[2])}" in capsys.readouterr().out
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    assert code.count("ContrastiveICA(") == 1
    names = {}
    exec(compile(code.replace("ContrastiveICA(", "ContrastiveICA(steps=20, "), "README.md", "exec"), names)
    assert names["codes"].shape == (10_000, 3)


def test_every_block_of_the_readme_is_run():
    assert re.findall(r"```(\w*)\n.*?```", README, re.DOTALL) == ["python", "text", "python"]


def test_the_readme_names_every_file_that_it_links_to():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (Path(__file__).parent.parent / target).exists(), target
