import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from contrica import cli
from contrica.estimator import ContrastiveICA
from contrica.files import read

STEPS = ["--steps", "30", "--batch-size", "64", "--patience", "0"]
FACTORS = ["--labels", "toy.npz:factors"]
PAIRS = ["--positives", "toy.npz:positives", "--groups", "toy.npz:trial"]


def run(capsys, *words):
    """Return the exit code, and what was printed."""
    code = cli.main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def fitted(capsys, *words, out="m"):
    code, said, error = run(capsys, "fit", *words, *STEPS, "--out", out, "--json")
    assert (code, error) == (0, ""), said
    return json.loads(said)


def refused(capsys, *words):
    code, said, error = run(capsys, *words)
    assert code == 2, said
    assert said == ""
    assert error.startswith("contrica: ")
    assert error.count("\n") == 1
    return error


def test_a_fit_leaves_a_model_that_transforms_and_scores(capsys, here):
    found = fitted(capsys, "toy.npz:x", *PAIRS, "--components", "3")
    assert (found["rows"], found["pairs"], found["components"]) == (2400, "given", 3)
    assert run(capsys, "transform", "m", "toy.npz:x", "--out", "codes.npy")[0] == 0
    codes = np.load("codes.npy")
    assert codes.shape == (2400, 3)
    assert codes.dtype == np.float32
    code, said, _ = run(capsys, "score", "m", "toy.npz:x", *PAIRS, "--factors", "toy.npz:factors", "--json")
    assert code == 0
    told = json.loads(said)
    assert told["nats"] > 0
    assert told["scores"]["code_dim"] == 3


@pytest.mark.slow
def test_people_are_told_what_was_found_and_what_to_run_next(capsys, here):
    code, said, error = run(capsys, "fit", "toy.npz:x", *PAIRS, "-n", "3", *STEPS, "--out", "m")
    assert (code, error) == (0, "")
    assert said.startswith("m: 3 codes of toy.npz:x, 2400 rows, pairs given; 30 steps")
    assert "nats shared by a pair" in said
    assert "contrica transform m toy.npz:x --out codes.npy" in said
    assert run(capsys, "report", "m")[1] == said
    assert json.loads(run(capsys, "report", "m", "--json")[1])["rows"] == 2400


@pytest.mark.slow
def test_a_report_can_be_a_page_of_a_model_from_either_door(capsys, here):
    code, said, error = run(capsys, "report", "model", "--out", "page.html")
    assert (code, error) == (0, "")
    assert said.endswith("The page, which opens in any browser: page.html\n")
    assert "toy.npz:x" in (here / "page.html").read_text()
    assert "is there already" in refused(capsys, "report", "model", "--out", "page.html")
    assert "must end in .html" in refused(capsys, "report", "model", "--out", "page.pdf")
    ContrastiveICA(2, steps=5, random_state=0).fit(np.random.default_rng(0).normal(size=(90, 3))).save("own")
    assert run(capsys, "report", "own")[1].startswith("own: 2 codes, pairs by time; 5 steps, the best is 5")
    code, said, error = run(capsys, "report", "own", "--out", "page.html", "--force", "--json")
    assert (code, error, json.loads(said)["page"]) == (0, "", "page.html")
    assert "too few rows were held out" in (here / "page.html").read_text()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_codes_to_the_last_bit(capsys, here):
    codes = []
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        fitted(capsys, "toy.npz:x", "--lags", "1-2", "--groups", "toy.npz:trial", "--seed", seed, out=out)
        run(capsys, "transform", out, "toy.npz:x", "--out", f"{out}.npy")
        codes.append(np.load(f"{out}.npy"))
    np.testing.assert_array_equal(codes[0], codes[1])
    assert not np.array_equal(codes[0], codes[2])


@pytest.mark.slow
def test_pairs_by_labels_take_text_numbers_and_periods(capsys, here):
    rows = 400
    angle = np.linspace(0, 720, rows) % 360
    np.savez("l.npz", x=np.random.default_rng(0).normal(size=(rows, 4)), angle=angle, act=np.array(["a", "b"] * 200))
    assert fitted(capsys, "l.npz:x", "--labels", "l.npz:act", out="m1")["bandwidth"] is None
    by_angle = fitted(capsys, "l.npz:x", "--labels", "l.npz:angle", "--bandwidth", "20", "--period", "360", out="m2")
    assert by_angle["bandwidth"] == [20.0]
    mixed = ["--labels", "l.npz:angle", "--labels", "l.npz:act", "--period", "none"]
    assert fitted(capsys, "l.npz:x", *mixed, out="m3")["pairs"] == "labels"
    assert fitted(capsys, "l.npz:x", "--labels", "l.npz:angle", "--neighbours", "5", out="m4")["pairs"] == "labels"
    both = ["--labels", "l.npz:angle", "--pairs", "time-and-labels", "--lags", "1-5"]
    assert fitted(capsys, "l.npz:x", *both, out="m5")["pairs"] == "time-and-labels"
    assert "--labels must be given" in refused(capsys, "score", "m5", "l.npz:x")


@pytest.mark.slow
def test_codes_are_written_in_every_format_and_the_same(capsys, here):
    codes = {}
    for name in ("c.npy", "c.npz", "c.csv", "c.tsv", "c.parquet", "c.h5"):
        code, said, _ = run(capsys, "transform", "model", "toy.npz:x", "--out", name, "--json")
        assert (code, json.loads(said)["rows"]) == (0, 2400)
        codes[name] = read(name).values
    for name, values in codes.items():
        np.testing.assert_array_equal(values.astype(np.float32), codes["c.npy"], err_msg=name)
    # A table holds the same numbers in float64, which the model sees as float64.
    run(capsys, "transform", "model", "toy.csv:x_*", "--out", "table.npy")
    np.testing.assert_allclose(np.load("table.npy"), codes["c.npy"], atol=1e-4)


def test_one_row_can_be_encoded(capsys, here):
    np.save("row.npy", read("toy.npz:x").values[:1])
    run(capsys, "transform", "model", "toy.npz:x", "--out", "all.npy")
    assert run(capsys, "transform", "model", "row.npy", "--out", "one.npy")[0] == 0
    np.testing.assert_allclose(np.load("one.npy"), np.load("all.npy")[:1], atol=1e-5)


@pytest.mark.slow
def test_samples_along_the_last_axis_are_turned(capsys, here):
    np.save("turned.npy", read("toy.npz:x").values.T.copy())
    assert fitted(capsys, "turned.npy", "--transpose")["rows"] == 2400
    assert run(capsys, "transform", "m", "turned.npy", "--transpose", "--out", "c.npy")[0] == 0
    assert np.load("c.npy").shape == (2400, 2)


# What awkward recordings do, as the help says.


def awkward(name, **arrays):
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.normal(size=(300, 3)), 0)
    np.savez(f"{name}.npz", x=arrays.pop("x", lambda x: x)(x), **arrays)
    return f"{name}.npz:x"


def with_gap(x):
    x[7, 1] = np.nan
    x[9] = np.inf
    return x


def test_rows_with_nan_are_refused_and_named(capsys, here):
    said = refused(capsys, "fit", awkward("a", x=with_gap), "--out", "m")
    assert "NaN or infinity in 2 of the rows" in said
    assert "7, 9" in said
    assert "nan" in refused(capsys, "transform", "model", awkward("b", x=with_gap), "--out", "c.npy").lower()
    assert not os.path.exists("m")
    assert not os.path.exists("c.npy")


@pytest.mark.slow
def test_constant_columns_contribute_nothing(capsys, here):
    file = awkward("a", x=lambda x: np.column_stack([x, np.full(len(x), 4.0)]))
    fitted(capsys, file, "--seed", "3")
    run(capsys, "transform", "m", file, "--out", "c.npy")
    assert np.isfinite(np.load("c.npy")).all()
    assert np.load("c.npy").std(0).min() > 0


@pytest.mark.slow
def test_duplicated_rows_are_kept(capsys, here):
    assert fitted(capsys, awkward("a", x=lambda x: np.repeat(x, 3, 0)))["rows"] == 900


def test_rows_that_are_all_alike_are_refused(capsys, here):
    assert "must differ" in refused(capsys, "fit", awkward("a", x=np.ones_like), "--out", "m")


@pytest.mark.slow
def test_one_trial_is_enough(capsys, here):
    file = awkward("a", trial=np.zeros(300, int))
    assert fitted(capsys, file, "--groups", "a.npz:trial")["pairs"] == "time"


@pytest.mark.slow
def test_a_lag_as_long_as_the_longest_trial_is_refused(capsys, here):
    file = awkward("a", trial=np.repeat(np.arange(30), 10))
    assert "lag" in refused(capsys, "fit", file, "--groups", "a.npz:trial", "--lags", "10", "--out", "m")
    fitted(capsys, file, "--groups", "a.npz:trial", "--lags", "9")


def test_labels_with_one_value_are_refused(capsys, here):
    file = awkward("a", same=np.full(300, 2.5), word=np.array(["on"] * 300))
    for label in ("same", "word"):
        said = refused(capsys, "fit", file, "--labels", f"a.npz:{label}", "--out", "m")
        assert "labels must differ from row to row" in said


# What is refused, before any work is done.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fit", "toy.npz:x"], "--out"),
        (["fit", "toy.npz", "--out", "m"], "choose one, as in toy.npz:NAME"),
        (["fit", "none.npz:x", "--out", "m"], "there is none"),
        (["fit", "toy.npz:x", "--out", "model"], "--force"),
        (["fit", "toy.npz:x", "--out", "toy.npz"], "it is a file"),
        (["fit", "toy.npz:x", "--out", "toy.npz/m"], "must be writable"),
        (["fit", "toy.npz:x", "--out", "full", "--force"], "holds other files"),
        (["fit", "toy.npz:x", "--out", "m", "--components", "0"], "n_components must be at least 1"),
        (["fit", "toy.npz:x", "--out", "m", "--components", "1000000000"], "--components must be at most 4096"),
        (["fit", "toy.npz:x", "--out", "m", "--lags", "0"], "--lags must be"),
        (["fit", "toy.npz:x", "--out", "m", "--pairs", "both"], "pairs must be one of"),
        (["fit", "toy.npz:x", "--out", "m", "--pairs", "time-or-labels"], "needs y, got none"),
        (["fit", "toy.npz:x", "--out", "m", "--max-gap", "nan"], "max_gap must be finite"),
        (["fit", "toy.npz:x", "--out", "m", "--validation-fraction", "0.999"], "must leave at least 10 rows"),
        (["fit", "toy.npz:x", "--out", "m", "--time-share", "nan"], "time_share must be finite"),
        (["fit", "toy.npz:x", "--out", "m", "--bandwidth", "3"], "--bandwidth speaks of continuous labels"),
        (["fit", "toy.npz:x", "--out", "m", "--positives", "toy.npz:x"], "X_pos must differ from X"),
        (["fit", "toy.npz:x", "--out", "m", *FACTORS, "--label-kinds", "discrete,odd"], "--label-kinds must be one"),
        (["fit", "toy.npz:x", "--out", "m", "--seed", "99999999999"], "random_state must be an int from 0 to 4294967"),
        (["fit", "toy.npz:x", "--out", "m", "--loss", "mse"], "loss must be one of"),
        (["fit", "toy.npz:x", "--out", "m", "--dissimilarity", "l2"], "dissimilarity must be one of"),
        (["fit", "toy.npz:x", "--out", "m", "--encoder", "conv"], "conv"),
        (["fit", "toy.npz:x", "--out", "m", "--widths", "a"], "--widths must be"),
        (["fit", "toy.npz:x", "--out", "m", "--steps", "0"], "steps must be at least 1"),
        (["fit", "toy.npz:x", "--out", "m", "--batch-size", "1"], "batch_size must be at least 2"),
        (["fit", "toy.npz:x", "--out", "m", "--learning-rate", "nan"], "learning_rate must be finite"),
        (["fit", "toy.npz:x", "--out", "m", "--validation-fraction", "1"], "validation_fraction must lie in"),
        (["fit", "toy.npz:x", "--out", "m", "--patience", "-1"], "patience must be at least 1"),
        (["fit", "toy.npz:x", "--out", "m", "--seed", "-1"], "random_state must be"),
        (["fit", "toy.npz:x", "--out", "m", "--device", "cuda:77"], "device must be"),
        (["fit", "toy.npz:x", "--out", "m", "--device", "toaster"], "device must be"),
        (["fit", "toy.npz:x", "--out", "m", "--device", "meta"], "device must be"),
        (["fit", "toy.npz:x", "--out", "m", "--max-gap", "-1", "--times", "toy.npz:time", *PAIRS[2:]], "max_gap"),
        (["fit", "toy.npz:x", "--out", "m", "--labels", "toy.npz:time", "--bandwidth", "0"], "--bandwidth must be"),
        (["fit", "toy.npz:x", "--out", "m", "--labels", "toy.npz:time", "--label-kinds", "odd"], "label_kinds"),
        (["fit", "toy.npz:x", "--out", "m", *FACTORS, "--neighbours", "99999999"], "must be fewer than the rows, 2400"),
        (["fit", "toy.npz:x", "--out", "m", *FACTORS, "--period", "1e-300"], "pass the period in the units of the"),
        (["fit", "toy.npz:x", "--out", "m", "--positives", "toy.npz:trial"], "same columns"),
        (["fit", "toy.npz:trial", "--out", "m", "--times", "toy.npz:trial"], "times must differ"),
        (["transform", "model", "toy.npz:trial", "--out", "c.npy"], "must have 3 columns, as in the fit"),
        (["transform", "toy.npz", "toy.npz:x", "--out", "c.npy"], "toy.npz"),
        (["transform", "none", "toy.npz:x", "--out", "c.npy"], "none"),
        (["transform", "full", "toy.npz:x", "--out", "c.npy"], "full"),
        (["transform", "model", "toy.npz:x", "--out", "c.doc"], "must end in one of"),
        (["transform", "model", "toy.npz:x", "--out", "toy.npz"], "is there already"),
        (["transform", "model", "toy.npz:x", "--out", "c.npy", "--device", "toaster"], "device must be"),
        (["score", "model", "toy.npz:x"], "--positives must be given"),
        (["score", "model", "toy.npz:x", *PAIRS, "--factors", "toy.npz:nothing"], "holds no array"),
        (["report", "full"], "record.json"),
        (["report", "toy.npz"], "toy.npz"),
    ],
)
def test_what_is_refused_gets_one_sentence_and_exit_code_2(words, says, capsys, here):
    (here / "full").mkdir()
    (here / "full" / "notes.txt").write_text("mine")
    before = sorted(here.rglob("*"))
    assert says in refused(capsys, *words)
    code, said, error = run(capsys, *words, "--json")
    assert (code, error) == (2, "")
    assert says in json.loads(said)["error"]
    assert sorted(here.rglob("*")) == before


@pytest.mark.slow
def test_an_existing_model_is_replaced_only_when_asked(capsys, here):
    fitted(capsys, "toy.npz:x", "--groups", "toy.npz:trial")
    before = {path: path.read_bytes() for path in (here / "m").iterdir()}
    refused(capsys, "fit", "toy.npz:x", "--out", "m", *STEPS)
    assert {path: path.read_bytes() for path in (here / "m").iterdir()} == before
    code, *_ = run(capsys, "fit", "toy.npz:x", "--out", "m", *STEPS, "--force", "--seed", "5")
    assert code == 0
    assert {path: path.read_bytes() for path in (here / "m").iterdir()} != before


# What happens to a fit that is stopped, by the user, by the system, or by a full disk.


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
"""A disk on which no file can be larger than 4 KiB."""

LONG = ["fit", "toy.npz:x", *PAIRS, "--components", "3", "--batch-size", "64", "--patience", "0", "--seed", "7"]


def started(program, here, *words, before=""):
    command, environment = program
    line = [command[0], command[1], before + command[2], *words]
    return subprocess.Popen(line, cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition, process):
    for _ in range(600):
        if condition() or process.poll() is not None:
            break
        time.sleep(0.1)
    assert process.poll() is None, process.communicate()
    assert condition()


def codes_of(capsys, model):
    assert run(capsys, "transform", model, "toy.npz:x", "--out", f"{model}.npy", "--force")[0] == 0
    return np.load(f"{model}.npy")


@pytest.mark.slow
def test_ctrl_c_ends_a_fit_with_a_model_that_can_be_used(program, capsys, here):
    state = ["--checkpoint", "state", "--checkpoint-every", "0.2"]
    with started(program, here, *LONG, "--steps", "1000000", *state, "--out", "m") as fitting:
        wait_for((here / "state" / "manifest.json").exists, fitting)
        fitting.send_signal(signal.SIGINT)
        said, error = fitting.communicate(timeout=120)
    assert fitting.returncode == 130, error
    assert error.startswith("contrica: interrupted after step ")
    assert "the best model so far is in m; with --force, the same command goes on from here" in error
    assert error.count("\n") == 1
    assert "contrica transform m" in said
    assert np.isfinite(codes_of(capsys, "m")).all()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fit_that_is_killed_again_and_again_ends_in_the_model_of_the_unbroken_one_bit_by_bit(program, here):
    """SIGKILL at a random moment of each run of the same command, which writes a checkpoint after every step."""
    command = [program[0][0], str(Path(__file__).parents[1] / "killed_command.py"), "report.json"]
    done = subprocess.run(command, env=program[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads((here / "report.json").read_text())
    assert report.pop("kills") >= 50
    assert report.pop("kills in a write") >= 10
    assert report == {"steps lost or gained": 0, "bit equal": True, "left over": []}


@pytest.mark.slow
def test_a_fit_whose_disk_was_full_goes_on_from_the_checkpoint_before(program, capsys, here):
    words = [*LONG, "--steps", "200", "--out", "broken", "--checkpoint", "state", "--force"]
    with started(program, here, *words, "--checkpoint-every", "0.05") as fitting:
        wait_for((here / "state" / "manifest.json").exists, fitting)
        fitting.send_signal(signal.SIGINT)
        assert fitting.wait(timeout=120) == 130
    before = {path: path.read_bytes() for path in (here / "state").iterdir()}
    with started(program, here, *words, "--checkpoint-every", "0.05", before=FULL) as fitting:
        said, error = fitting.communicate(timeout=120)
    assert (fitting.returncode, said) == (2, ""), error
    assert "state must be writable, and it is not (File too large)" in error
    assert {path: path.read_bytes() for path in (here / "state").iterdir()} == before
    for out in (words, [word for word in words if word not in ("--checkpoint", "state")]):
        out[out.index("--out") + 1] = "whole" if "state" not in out else "broken"
        assert run(capsys, *out)[0] == 0
    np.testing.assert_array_equal(codes_of(capsys, "broken"), codes_of(capsys, "whole"))


@pytest.mark.slow
def test_the_state_of_another_fit_is_refused(capsys, here):
    words = ["toy.npz:x", *PAIRS, "--checkpoint", "state"]
    fitted(capsys, *words)
    assert "state is of others" in refused(capsys, "fit", *words, *STEPS, "--seed", "9", "--out", "other")
    assert not (here / "other").exists()


@pytest.mark.slow
def test_a_full_disk_ends_in_a_sentence_and_leaves_what_was_there(program, capsys, here):
    fitted(capsys, "toy.npz:x", *PAIRS, "--checkpoint", "state")
    before = {path: path.read_bytes() for folder in ("m", "state") for path in (here / folder).iterdir()}
    words = ["fit", "toy.npz:x", *PAIRS, *STEPS, "--out", "m", "--force"]
    for more in (["--seed", "4"], ["--checkpoint", "new"]):
        with started(program, here, *words, *more, before=FULL) as fitting:
            said, error = fitting.communicate(timeout=120)
        assert (fitting.returncode, said) == (2, ""), error
        assert "must be writable, and it is not (File too large)" in error
        assert error.count("\n") == 1
    with started(program, here, "transform", "m", "toy.npz:x", "--out", "c.npy", before=FULL) as writing:
        said, error = writing.communicate(timeout=120)
    assert (writing.returncode, said) == (2, ""), error
    assert "c.npy could not be written (File too large)" in error
    assert {path: path.read_bytes() for folder in ("m", "state") for path in (here / folder).iterdir()} == before
    assert not (here / "c.npy").exists()
    assert not [path for path in here.iterdir() if path.name.startswith(".contrica-")]
