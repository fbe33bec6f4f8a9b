import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contrica import cli
from contrica.cli.suggestion import suggestions
from contrica.files import ArrayInfo, Contents, contents


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(name, *arrays, table=False):
    listed = tuple(ArrayInfo(one[0], one[1], one[2] if len(one) > 2 else "float64") for one in arrays)
    return [one.command for one in suggestions(Contents(Path(name), "", listed, table))]


def test_a_recording_with_times_and_labels_is_fitted_by_time_first():
    found = commands("r.npz", ("spikes", (500, 20)), ("t", (500,)), ("place", (500, 2)), ("other", (7, 3)))
    assert found == [
        "contrica fit r.npz:spikes --times r.npz:t --components 3 --out model",
        "contrica fit r.npz:spikes --labels r.npz:place --components 3 --out model",
    ]


def test_given_pairs_come_first_and_the_truth_is_no_input():
    found = commands("r.h5", ("x", (90, 4)), ("positives", (90, 4)), ("factors", (90, 9)), ("trial", (90,)))
    assert found == [
        "contrica fit r.h5:x --positives r.h5:positives --groups r.h5:trial --components 3 --out model",
        "contrica fit r.h5:x --groups r.h5:trial --components 3 --out model",
    ]


def test_trials_in_arrays_of_their_own_are_joined():
    found = commands("r.mat", *((f"trials/{n}/X", (100 + n, 5)) for n in range(4)), ("rate", (4,)))
    assert found == ["contrica fit 'r.mat:trials/*/X' --components 3 --out model"]


def test_samples_along_the_second_axis_are_noticed():
    assert "--transpose" in commands("r.mat", ("X", (12, 4000)))[0]
    assert "--transpose" not in commands("r.mat", ("X", (4000, 12)))[0]
    assert "--transpose" not in commands("r.npz", ("X", (12, 4000)), ("y", (12,)))[0]
    turned = commands("r.mat", *((f"t/{n}", (86, 69)) for n in range(8)), *((f"speed/{n}", (69,)) for n in range(8)))
    assert turned[0] == "contrica fit 'r.mat:t/*' --transpose --labels 'r.mat:speed/*' --components 3 --out model"


def test_columns_of_a_table_play_their_parts():
    columns = [("time", (9,)), *((f"unit{n}", (9,)) for n in range(5)), ("action", (9,), "text")]
    assert commands("t.csv", *columns, table=True) == [
        "contrica fit 't.csv:unit*' --times t.csv:time --components 3 --out model",
        "contrica fit 't.csv:unit*' --labels t.csv:action --components 3 --out model",
    ]
    assert commands("t.csv", ("a", (9,)), ("b", (9,)), table=True) == ["contrica fit t.csv --components 2 --out model"]
    assert commands("t.csv", ("a", (9,)), ("id", (9,)), ("ab", (9,)), table=True) == [
        "contrica fit 't.csv:a*' --components 2 --out model"
    ]


def test_where_there_is_no_recording_nothing_is_suggested(folder, capsys):
    assert commands("r.npz", ("t", (500,)), ("name", (1,), "text")) == []
    np.save("t.npy", np.arange(5))
    assert cli.main(["inspect", "t.npy"]) == 0
    assert "Nothing in it is a recording" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["toy.npz", "toy.csv", "toy.parquet", "toy.h5"])
def test_what_is_simulated_is_understood(name, folder, capsys):
    assert cli.main(["simulate", "--rows", "400", "--trials", "10", "--out", name]) == 0
    said = capsys.readouterr().out
    step = suggestions(contents(name))[0]
    assert step.command in said
    assert {"--positives", "--groups"} <= set(shlex.split(step.command))


def test_people_see_a_table_and_programs_one_object(folder, capsys):
    np.savez("a.npz", x=np.zeros((40, 3)), o=np.array([{}], dtype=object))
    assert cli.main(["inspect", "a.npz"]) == 0
    said = capsys.readouterr()
    assert "| x     | 40 x 3 | float64    |" in said.out
    assert "Not read: a.npz:o must hold numbers" in said.out
    assert "contrica fit a.npz:x --components 3 --out model" in said.out
    assert cli.main(["inspect", "a.npz", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["arrays"][0] == {"name": "x", "shape": [40, 3], "holds": "float64", "refusal": None}
    assert found["next"][0]["command"] == "contrica fit a.npz:x --components 3 --out model"


def test_a_folder_of_images_is_a_recording(folder, capsys):
    (folder / "pictures").mkdir()
    for number in range(3):
        Image.new("L", (8, 8), number).save(folder / "pictures" / f"{number}.png")
    assert cli.main(["inspect", "pictures"]) == 0
    said = capsys.readouterr().out
    assert "3 x 1 x 8 x 8" in said
    assert "contrica fit pictures " in said


def test_many_arrays_of_one_kind_take_one_line(folder, capsys):
    np.savez("a.npz", **{f"trial{n}": np.zeros((n + 5, 3)) for n in range(30)})
    assert cli.main(["inspect", "a.npz"]) == 0
    assert "| trial* | 30 of ? x 3 | float64 |" in capsys.readouterr().out
