"""Memory that is freed comes back without a page fault, unless the environment has decided."""

import os
import platform
import subprocess
import sys

import pytest

from contrica import keep_freed_memory
from contrica.training.freed_memory import SETTINGS

PROGRAM = """
import resource, sys
import torch
from contrica import keep_freed_memory

torch.set_num_threads(1)
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
    assert faults() > 20 * 1000  # of 8192 pages a step
    assert faults("keep") < 20 * 100


@pytest.mark.parametrize("name", SETTINGS)
def test_what_the_environment_says_stays(name, monkeypatch):
    monkeypatch.setenv(name, "glibc.malloc.trim_threshold=131072")
    assert keep_freed_memory() is False
