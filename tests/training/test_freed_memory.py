"""Memory that is freed comes back without a page fault, unless the environment has decided."""

import os
import platform
import subprocess
import sys

import pytest

from contrica import keep_freed_memory
from contrica.training.freed_memory import TUNABLES, VARIABLES

SETTINGS = {name: "131072" for name in VARIABLES} | {"GLIBC_TUNABLES": f"{TUNABLES[0]}=131072"}

PROGRAM = """
import ctypes, resource, sys
import torch
from contrica import keep_freed_memory

torch.set_num_threads(1)
for parameter in (-3, -1):
    ctypes.CDLL(None).mallopt(parameter, 1 << 17)  # as glibc begins; imports may have moved it
if "keep" in sys.argv:
    assert keep_freed_memory()
for step in range(40):
    if step == 20:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    parts = [torch.ones(2**20) for _ in range(8)]
    del parts
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*words):
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    command = [sys.executable, "-c", PROGRAM, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_what_a_step_frees_the_next_one_has_without_asking_the_system():
    assert 20 * faults("keep") < faults()


@pytest.mark.parametrize(("name", "value"), SETTINGS.items())
def test_what_the_environment_says_stays(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    assert keep_freed_memory() is False


class Asked:
    """A C library that takes every parameter, or one that has none."""

    def __init__(self, *names):
        self.calls = []
        for name in names:
            setattr(self, name, lambda *call: self.calls.append(call) or 1)


@pytest.mark.parametrize(
    ("platform", "library", "kept"),
    [
        ("linux", Asked("gnu_get_libc_version", "mallopt"), True),
        ("linux", Asked("gnu_get_libc_version"), False),
        ("linux", Asked("mallopt"), False),
        ("darwin", Asked("gnu_get_libc_version", "mallopt"), False),
    ],
)
def test_only_glibc_is_asked(platform, library, kept, monkeypatch):
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0")
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("ctypes.CDLL", lambda name: library)
    assert keep_freed_memory() is kept
    assert library.calls == ([(-3, 1 << 25), (-1, 1 << 30)] if kept else [])
