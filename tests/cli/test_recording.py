import numpy as np
import pytest

from contrica.cli.recording import recording
from contrica.errors import DomainError, DtypeError, ShapeError

X = np.arange(24.0).reshape(8, 3)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(
        "r.npz",
        x=X,
        turned=X.T,
        near=X + 1,
        short=X[:5],
        speed=np.linspace(0, 1, 8),
        action=np.array(["walk", "run"] * 4),
        trial=np.repeat([3, 7], 4),
        gap=np.where(np.arange(8) == 5, np.nan, 1.0),
        a1=X[:3],
        a2=X[3:],
        both=np.stack([np.arange(8.0), np.arange(8.0) % 2], 1),
    )
    with open("r.csv", "w") as file:
        file.write("a,b,whole,half,action\n")
        for n in range(8):
            file.write(f"{n},{n * n},{n % 3},{n / 2},{'walk' if n % 2 else 'run'}\n")
    return tmp_path


def found(file="r.npz:x", **options):
    every = {"labels": None, "positives": None, "groups": None, "times": None, "transpose": False}
    return recording(file, **{**every, **options})


def test_rows_stand_as_they_are_in_the_file():
    np.testing.assert_array_equal(found().observations, X)
    np.testing.assert_array_equal(found("r.npz:turned", transpose=True).observations, X)
    assert found("r.npz:speed").observations.shape == (8, 1)
    assert found().pairing == {"y": None, "X_pos": None, "groups": None, "times": None}


def test_partners_turn_with_the_recording():
    np.testing.assert_array_equal(found(positives="r.npz:near").positives, X + 1)
    np.testing.assert_array_equal(found("r.npz:turned", positives="r.npz:turned", transpose=True).positives, X)


def test_text_and_whole_numbers_are_classes_and_other_numbers_are_continuous():
    several = found(labels=["r.npz:action", "r.npz:speed", "r.npz:trial", "r.npz:both"])
    assert several.label_kinds == ("discrete", "continuous", "discrete", "continuous", "continuous")
    np.testing.assert_array_equal(several.labels[:, 0], [0, 1] * 4)
    table = found("r.csv:a,b", labels=["r.csv:whole,half", "r.csv:action"])
    assert table.label_kinds == ("discrete", "continuous", "discrete")
    assert found(labels=["r.npz:trial"], label_kinds=["continuous"]).label_kinds == ("continuous",)


def test_arrays_that_a_pattern_joined_are_groups_of_their_own():
    joined = found("r.npz:a*1")
    np.testing.assert_array_equal(joined.groups, [0, 0, 0])
    with pytest.raises(ShapeError, match="must have one row per row"):
        found("r.npz:a[12]", groups="r.npz:short")
    both = found("r.npz:a[12]", groups="r.npz:trial")
    np.testing.assert_array_equal(both.groups, [0, 0, 0, 1, 2, 2, 2, 2])


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        (
            {"positives": "r.npz:short"},
            ShapeError,
            r"r\.npz:short must have one row per row of r\.npz:x, 8, and it has 5",
        ),
        ({"times": "r.npz:x"}, ShapeError, "must be one column"),
        ({"groups": "r.npz:gap"}, DomainError, "row 5 is empty"),
        ({"labels": ["r.npz:gap"]}, DomainError, "row 5 of its column 0 is empty"),
        ({"labels": ["r.npz:speed"], "positives": "r.npz:near"}, DomainError, "leave one out"),
        ({"file": "r.npz:action"}, DtypeError, "give it as --labels"),
        ({"file": "r.csv:action"}, DtypeError, "give it as --labels"),
    ],
)
def test_what_does_not_fit_is_named_by_its_address(options, error, says):
    with pytest.raises(error, match=says):
        found(**options)
