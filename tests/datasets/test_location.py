import pytest

from contrica.datasets.location import VARIABLE, recorded
from contrica.errors import UnreadableFileError


def test_a_file_is_found_in_the_folder_that_the_variable_names(tmp_path, monkeypatch):
    (tmp_path / "walk.npz").write_bytes(b"")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert recorded("walk.npz") == tmp_path / "walk.npz"


@pytest.mark.parametrize("folder", ["", "/no/such/folder"])
def test_without_a_folder_the_refusal_says_which_variable_to_set(folder, monkeypatch):
    monkeypatch.setenv(VARIABLE, folder)
    with pytest.raises(UnreadableFileError, match=r"CONTRICA_DATA must name the folder .* set it to that folder"):
        recorded("walk.npz")


def test_a_folder_without_the_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(UnreadableFileError, match="does not hold it; put it there"):
        recorded("walk.npz")
