import json

import numpy as np
import pytest

from contrica import cli
from contrica.files import read


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(*words):
    assert cli.main(["simulate", "--rows", "2000", "--out", "toy.npz", "--force", *words]) == 0
    return {name: read(f"toy.npz:{name}").values for name in ("x", "positives", "factors", "trial", "time")}


def test_the_data_are_as_they_are_described():
    found = made("--factors", "4", "--trials", "8")
    assert found["x"].shape == found["positives"].shape == found["factors"].shape == (2000, 4)
    np.testing.assert_array_equal(np.bincount(found["trial"]), [250] * 8)
    np.testing.assert_array_equal(found["time"][:250], np.arange(250))
    inside = found["trial"][1:] == found["trial"][:-1]
    steps = np.abs(np.diff(found["factors"], axis=0))
    assert steps[inside].mean() < 0.5 * steps[~inside].mean()
    assert 0.05 < steps[inside].mean() < 0.12
    spread = np.abs(found["factors"] - found["factors"].mean(0)).mean()
    assert spread > 2.5 * steps[inside].mean() / 1.5


def test_a_seed_decides_every_number():
    first, again, other = made("--seed", "3"), made("--seed", "3"), made("--seed", "4")
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["x"], other["x"])


def test_a_program_gets_one_object(capsys):
    assert cli.main(["simulate", "--rows", "400", "--trials", "4", "--out", "t.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["file"], found["rows"], found["factors"]) == ("t.csv", 400, 3)
    assert found["next"].startswith("contrica fit 't.csv:x_*' --positives 't.csv:positives_*'")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--out", "t.doc"], "must end in one of"),
        (["--out", "t.npy"], "can hold one array"),
        (["--out", "there.npz"], "is there already"),
        (["--out", "t.npz", "--factors", "1"], "factors must be at least 2"),
        (["--out", "t.npz", "--rows", "10"], "rows must be at least 20 per trial"),
        (["--out", "t.npz", "--rows", "999999999999"], "at most 1000 factors"),
        (["--out", "t.npz", "--factors", "100000"], "at most 1000 factors"),
        (["--out", "t.npz", "--trials", "0"], "trials must be at least 1"),
        (["--out", "t.npz", "--seed", "-1"], "seed must be at least 0"),
        (["--out", "t.npz", "--seed", "99999999999999999999"], "seed must be at most"),
        ([], "--out"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(words, says, capsys, folder):
    (folder / "there.npz").write_text("mine")
    assert cli.main(["simulate", *words]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert [one.name for one in folder.iterdir()] == ["there.npz"]
    assert (folder / "there.npz").read_text() == "mine"
