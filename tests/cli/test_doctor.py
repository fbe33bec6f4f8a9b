import json

import pytest

from contrica import cli
from contrica.cli import doctor


def test_a_sound_environment_is_told_part_by_part(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    says = {one["name"]: one for one in found["findings"]}
    assert found["sound"]
    assert says["fused kernel"]["says"] == "works"
    assert says["reading files"]["says"] == "work, in a process apart"
    assert str(tmp_path) in says["this folder"]["says"]
    assert not list(tmp_path.iterdir())


def test_what_is_broken_is_named_and_ends_with_2(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "AGREEMENT", -1.0)
    monkeypatch.setattr(doctor, "_files", lambda: ("never mind", None))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(doctor.math, "isclose", lambda *_, **__: False)
        assert cli.main(["doctor"]) == 2
    said = capsys.readouterr()
    assert "BROKEN  fused kernel" in said.out
    assert said.err == "contrica: fused kernel must work, and it does not; see above\n"


def test_a_missing_extra_is_named_with_the_command_that_brings_it(monkeypatch):
    monkeypatch.setattr(doctor, "EXTRAS", {"nothing": ("no-such-package",)})
    found = doctor._extra("nothing", ("no-such-package",))
    assert found.sound is None
    assert found.says == "no-such-package not installed; pip install 'contrica[nothing]'"


def test_a_folder_that_may_not_be_written_is_broken(monkeypatch, tmp_path):
    found = doctor._tried("this folder", lambda: doctor._may_write(tmp_path / "missing"))
    assert found.sound is False
    assert "No such file" in found.says
