import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest

from contrica import cli, recipes
from contrica.errors import NonFiniteError, UnknownNameError
from contrica.recipes import RECIPES, recipe, running
from contrica.report import read_run

NAMES = {"record.json", "table.md", "index.html"}
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "OMP_NUM_THREADS": "1"}
CONTRICA = [sys.executable, "-c", "import sys; from contrica.cli import main; sys.exit(main())"]


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_the_version_is_the_package_version(capsys):
    assert cli.main(["--version"]) == 0
    assert re.fullmatch(r"contrica \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_a_run_leaves_three_files_in_a_folder_of_its_own(capsys, trained, tmp_path):
    assert cli.main(["run", "photo", "--seed", "4", "--steps", "3", "--image", "china.jpg"]) == 0
    folder = tmp_path / "runs" / "photo-china-seed4"
    assert names(folder) == NAMES
    run = read_run(folder)
    assert (run.seeds, run.steps, run.options) == ((4,), 3, {"image": "china.jpg"})
    assert "index.html" in capsys.readouterr().out
    (experiment,) = trained
    assert (experiment.seed, experiment.training.steps, experiment.mixing.image) == (4, 3, "china.jpg")


def test_the_recorded_command_repeats_the_run(capsys, trained, tmp_path):
    assert cli.main(["run", "photo", "--seed", "2", "--steps", "3", "--out", "first"]) == 0
    first = read_run(tmp_path / "first")
    assert cli.main([*shlex.split(first.command)[1:], "--no-cache", "--out", "second"]) == 0
    second = read_run(tmp_path / "second")
    assert [made.to_dict() for made in second.records] == [made.to_dict() for made in first.records]
    assert second.command == first.command
    assert trained[0].describe() == trained[1].describe()


def test_several_seeds_run_each_experiment_each_and_what_is_finished_is_not_run_again(capsys, trained, tmp_path):
    assert cli.main(["run", "photo", "--steps", "1", "--seeds", "0-2"]) == 0
    assert "finished before" not in capsys.readouterr().out
    assert [experiment.seed for experiment in trained] == [0, 1, 2]
    assert read_run(tmp_path / "runs" / "photo-seed0-2").seeds == (0, 1, 2)
    assert cli.main(["run", "photo", "--steps", "1", "--seeds", "1,3"]) == 0
    assert "1 of 2 experiments were finished before" in capsys.readouterr().out
    assert [experiment.seed for experiment in trained] == [0, 1, 2, 3]


def test_json_is_one_object_and_nothing_else(capsys, trained):
    assert cli.main(["run", "first-look", "--steps", "1", "--json"]) == 0
    out = capsys.readouterr()
    found = json.loads(out.out)
    assert out.out.count("\n") == 1
    assert out.err == ""
    assert len(found["runs"]) == len(trained)
    assert {"name", "outcome", "scores", "optimum"} <= found["runs"][0].keys()


def test_a_run_is_silent_on_standard_error_where_that_is_no_terminal(capsys, trained):
    assert cli.main(["run", "photo", "--steps", "1"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_progress_is_shown_on_a_terminal(monkeypatch, trained):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", shown)
    assert cli.main(["run", "photo", "--steps", "5"]) == 0
    assert "loss 1.000" in shown.getvalue()
    assert "camera over" in shown.getvalue()
    before = shown.getvalue()
    assert cli.main(["run", "photo", "--steps", "5", "--json", "--overwrite"]) == 0
    assert shown.getvalue() == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "nothing"], "choose one of first-look, photo"),
        (["show", "nothing"], "choose one of"),
        (["run"], "RECIPE"),
        (["run", "photo", "--sede", "1"], "--sede"),
        (["run", "photo", "--seed", "x"], "seeds must be whole numbers"),
        (["run", "photo", "--seed", "-1"], "seeds must be whole numbers"),
        (["run", "photo", "--seed", "2-0"], "seeds must go up"),
        (["run", "photo", "--backend", "slurm"], "backend must be one of processes, dask, ray"),
        (["run", "photo", "--address", "tcp://here:1"], "needs backend dask or ray"),
        (["run", "photo", "--steps", "0"], "steps must be at least 1"),
        (["run", "photo", "--jobs", "0"], "jobs must be at least 1"),
        (["run", "first-look", "--image", "china.jpg"], "no option --image"),
        (["run", "photo", "--out", "full"], "--overwrite"),
        (["run", "photo", "--out", "full/notes.txt"], "it is a file"),
        (["run", "photo", "--out", "full/notes.txt/deeper"], "must be writable"),
        (["report", "empty"], "record.json"),
        (["report", "broken"], "contrica run"),
        (["unknown"], "unknown"),
    ],
)
def test_what_is_refused_gets_one_sentence_and_exit_code_2(words, says, capsys, trained, tmp_path):
    for folder in ("full", "empty", "broken"):
        (tmp_path / folder).mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "broken" / "record.json").write_text("{}")
    assert cli.main(words) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert says in out.err
    assert out.err.count("\n") == 1
    assert cli.main([*words, "--json"]) == 2
    out = capsys.readouterr()
    assert says in json.loads(out.out)["error"]
    assert out.err == ""
    assert trained == []
    assert (tmp_path / "full" / "notes.txt").read_text() == "mine"


def test_a_filled_folder_is_overwritten_only_when_asked(capsys, trained, tmp_path):
    assert cli.main(["run", "photo", "--steps", "1"]) == 0
    assert cli.main(["run", "photo", "--steps", "2"]) == 2
    folder = tmp_path / "runs" / "photo-seed0"
    assert read_run(folder).steps == 1
    assert cli.main(["run", "photo", "--steps", "2", "--overwrite"]) == 0
    assert read_run(folder).steps == 2


def test_an_interrupted_run_leaves_with_130_and_no_folder(capsys, trained, tmp_path, monkeypatch):
    def interrupted(experiment, *, on_step=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "run", interrupted)
    assert cli.main(["run", "photo"]) == 130
    assert "Traceback" not in capsys.readouterr().err
    assert names(tmp_path) == set()


def test_an_experiment_that_diverges_is_named_after_the_others_with_exit_code_2(capsys, trained, tmp_path, monkeypatch):
    plain = running.run

    def diverging(experiment, *, on_step=None):
        if experiment.seed == 1:
            raise NonFiniteError("training needs finite numbers, but at step 7 the loss is nan")
        return plain(experiment, on_step=on_step)

    monkeypatch.setattr(running, "run", diverging)
    assert cli.main(["run", "photo", "--seeds", "0-2", "--steps", "3", "--jobs", "1"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(r"contrica: 1 of 3 experiments .* of seed 1: training needs .* nan\n", said.err)
    assert [experiment.seed for experiment in trained] == [0, 2]
    assert not (tmp_path / "runs").exists()


def test_a_bug_is_not_dressed_up_as_bad_input(trained, monkeypatch):
    def broken(experiment, *, on_step=None):
        raise ZeroDivisionError

    monkeypatch.setattr(running, "run", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["run", "photo"])


def test_a_missing_pillow_is_named(capsys, trained, monkeypatch):
    def unable(experiment, *, on_step=None):
        raise ImportError("The Python Imaging Library (Pillow) is required")

    monkeypatch.setattr(running, "run", unable)
    assert cli.main(["run", "photo"]) == 2
    assert "contrica[images]" in capsys.readouterr().err


def test_recipes_have_names_of_their_own():
    assert len({made.name for made in RECIPES}) == len(RECIPES)
    assert all(recipe(made.name) is made for made in RECIPES)


def test_an_option_that_a_recipe_lacks_is_refused():
    with pytest.raises(UnknownNameError, match="--colour"):
        recipe("photo").with_defaults({"colour": "red"})


def test_there_are_no_more_processes_than_experiments():
    assert recipes.default_jobs(1) == 1
    assert recipes.default_jobs(0) == 1


@pytest.mark.slow
def test_a_closed_pipe_is_no_error():
    with subprocess.Popen(
        [*CONTRICA, "list"], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as listing:
        listing.stdout.close()
        assert listing.stderr.read() == b""
        assert listing.wait(60) == 0


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_first_look_runs_for_real(jobs, tmp_path):
    command = [*CONTRICA, "run", "first-look", "--steps", "2", "--jobs", jobs, "--json"]
    finished = subprocess.run(command, env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    found = json.loads(finished.stdout)
    wanted = [experiment.name for experiment in recipe("first-look").build(seed=0)]
    assert [made["name"] for made in found["runs"]] == wanted


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="there are no such signals")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_a_run_that_is_stopped_while_it_trains_leaves_nothing(sent, code, tmp_path):
    command = [*CONTRICA, "run", "photo", "--out", "out"]
    with subprocess.Popen(command, env=ENVIRONMENT, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running_run:
        time.sleep(12)
        running_run.send_signal(sent)
        said = running_run.stderr.read()
        assert running_run.wait(60) == code, said
    assert "Traceback" not in said
    assert names(tmp_path) == set()
