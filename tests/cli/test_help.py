import json
import re
import shlex

import pytest

from contrica import cli
from contrica.cli.main import NAMED_SHELL, VERBS

STEPS = ["--steps", "2", "--patience", "0"]


def helped(capsys, verb):
    assert cli.main([*filter(None, [verb]), "--help"]) == 0
    return capsys.readouterr().out


def examples(text):
    return re.findall(r"^ +contrica (.*)$", text.split("Examples:")[1], re.MULTILINE)


def run_examples(verb, capsys):
    lines = examples(helped(capsys, verb))
    assert lines
    for line in lines:
        words = shlex.split(line)
        if words[0] == "fit" or (words[0] == "run" and "--steps" not in words):
            words += STEPS[: 4 if words[0] == "fit" else 2]
        if "results/photo" in words and words[0] == "run":
            words.append("--overwrite")
        assert cli.main(words) == 0, line
        out = capsys.readouterr()
        assert out.err == ""
        if "--json" in words:
            assert out.out.count("\n") == 1
            json.loads(out.out)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["", "simulate", "list", "show", "run", "doctor"])
def test_each_example_in_the_help_works_in_an_empty_folder(verb, capsys, trained):
    run_examples(verb, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["inspect", "fit", "transform", "score"])
def test_each_example_in_the_help_works_beside_a_recording_and_a_model(verb, capsys, here):
    if verb == "fit":
        (here / "model").unlink()
    run_examples(verb, capsys)


def test_each_example_of_a_report_works_beside_what_it_reports(capsys, toy, trained, tmp_path):
    (tmp_path / "model").symlink_to(toy / "model")
    assert cli.main(["run", "photo", "--steps", "1", "--out", "results/photo"]) == 0
    run_examples("report", capsys)


def test_every_verb_has_examples_that_are_run_here():
    assert set(VERBS) == {
        "simulate", "list", "show", "run", "doctor", "inspect", "fit", "transform", "score", "report"
    }  # fmt: skip


def test_help_names_the_verbs_when_nothing_is_asked(capsys):
    assert cli.main([]) == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"^  {verb} ", out, re.MULTILINE) for verb in VERBS)


def test_help_says_the_exit_codes(capsys):
    out = " ".join(helped(capsys, "").split())
    assert "Exit codes: 0 done; 1 a bug; 2 refused, with one sentence; 130 interrupted." in out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_offered_for_shells(shell, capsys, monkeypatch):
    monkeypatch.setenv(NAMED_SHELL, "")  # which main sets, and here it goes again
    assert cli.main(["--show-completion", shell]) == 0
    assert "_CONTRICA_COMPLETE" in capsys.readouterr().out


def test_completion_for_a_shell_that_is_none_is_refused(capsys):
    assert cli.main(["--install-completion", "toaster"]) == 2
    assert capsys.readouterr().err.startswith("contrica: --install-completion knows bash, zsh, fish, ")
