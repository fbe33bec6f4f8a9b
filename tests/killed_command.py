"""``contrica fit --checkpoint`` as users run it, killed time and again beside toy.npz; reports what became of it.

Each attempt is the command line as a whole, in a process of its own, forked from one that has imported everything.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from contrica import cli
from contrica.estimator import ContrastiveICA
from contrica.saving import Checkpoints, read_manifest
from contrica.saving.folder import is_unwritten
from small_fit import heard, in_a_child, slow_disk

STEPS = 200

FIT = [
    *("fit", "toy.npz:x", "--positives", "toy.npz:positives", "--groups", "toy.npz:trial", "--components", "3"),
    *("--steps", str(STEPS), "--batch-size", "64", "--widths", "16", "--patience", "0", "--json"),
]

BROKEN = [*FIT, "--out", "broken", "--checkpoint", "state", "--checkpoint-every", "1e-9", "--force"]
"""With a state after every step."""

AT_ANY_MOMENT = 0.3
"""Share of the attempts that are killed by the clock alone: while files are read or pairs are made."""


def attempt(tell):
    """Fit in a folder on a slow disk, and tell before and after each state is written."""
    slow_disk()
    write = Checkpoints.write

    def telling(checkpoints, state):
        tell()
        write(checkpoints, state)
        tell()

    Checkpoints.write = telling
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    code = cli.main(BROKEN)
    assert code == 0, code


def killed(moment):
    """Attempt, and kill after ``moment(ear)``; return whether it was killed, and how many words it told."""
    child, ear = in_a_child(attempt)
    told = moment(ear)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    told += heard(ear, 4 * STEPS)
    os.close(ear)
    assert os.WIFSIGNALED(status) or status == 0, status
    return os.WIFSIGNALED(status), told


def kills_of_training(chance, seconds):
    """Kill attempts until the last step is made; count kills, those within a write, and states not as they must be."""

    def moment(ear):
        if chance.random() < AT_ANY_MOMENT:
            time.sleep(chance.uniform(0.0, seconds))
            return 0
        words = heard(ear, chance.randint(1, 6))
        time.sleep(chance.uniform(0.0, 0.02))
        return words

    number = in_a_write = wrong = 0
    while steps_made() < STEPS:
        known = steps_made()
        was_killed, told = killed(moment)
        number += was_killed
        in_a_write += told % 2
        # the state of the last step is written again at the end
        wrong += not min(known + told // 2, STEPS) <= steps_made() <= known + (told + 1) // 2
    return {"kills": number, "kills in a write": in_a_write, "steps lost or gained": wrong}


def kills_of_saving(chance, count):
    """Kill attempts that have nothing left but to save the model, which is then not there, or whole; count kills."""

    def moment(ear):
        words = heard(ear, 2)
        time.sleep(chance.uniform(0.0, 0.3))
        return words

    number = 0
    for _ in range(count):
        number += killed(moment)[0]
        if not is_unwritten(Path("broken")):
            ContrastiveICA.load("broken")
    return number


def steps_made():
    state = Checkpoints("state").latest()
    return 0 if state is None else state.step


def content(folder):
    said = json.loads((Path(folder) / "fit.json").read_text())
    tensors = (Path(folder) / read_manifest(folder).data_file).read_bytes()
    return tensors, {name: value for name, value in said.items() if name not in ("model", "seconds")}


def kills():
    began = time.monotonic()
    assert cli.main([*FIT, "--out", "whole"]) == 0  # ahead of the forks, so that what is imported late is there in each
    chance = random.Random(0)
    report = kills_of_training(chance, 0.5 * (time.monotonic() - began))
    report["kills"] += kills_of_saving(chance, 8)
    assert cli.main(BROKEN) == 0
    report["bit equal"] = content("broken") == content("whole")
    whole = {"manifest.json", read_manifest("state").data_file}
    report["left over"] = [name for name in (*os.listdir(), *os.listdir("state")) if name.startswith(".")]
    report["left over"] += set(os.listdir("state")) - whole
    return report


if __name__ == "__main__":
    torch.set_num_threads(1)
    Path(sys.argv[1]).write_text(json.dumps(kills()))
