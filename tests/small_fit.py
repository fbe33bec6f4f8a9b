"""A small fit with checkpoints; run as a program it is killed time and again, or interrupted, and reports."""

import dataclasses
import json
import os
import random
import select
import signal
import sys
import time
import traceback
from pathlib import Path

import torch

from contrica.critics import Critic
from contrica.dissimilarities import PowerSum
from contrica.encoders import MLP, ScalarNet
from contrica.losses import NCE
from contrica.pairs import PairBatch
from contrica.saving import Checkpoints, load_model, save_model
from contrica.training import TrainingOptions, held_interrupts, train
from contrica.training.module_tensors import tensors_of

OPTIONS = TrainingOptions(steps=12, batch_size=16, learning_rate=0.01)


class Pairs:
    """Points of the unit square with Laplace noise of scale 0.1."""

    def draw(self, batch_size, *, generator):
        anchors = torch.rand(batch_size, 2, generator=generator)
        uniforms = torch.rand(batch_size, 2, generator=generator) - 0.5
        return PairBatch(anchors, anchors - 0.1 * uniforms.sign() * torch.log1p(-2 * uniforms.abs()))


def parts(seed=0):
    generator = torch.Generator().manual_seed(seed)
    encoder = MLP(2, 2, widths=(8, 6), generator=generator)
    offset = ScalarNet(2, widths=(4,), generator=generator)
    return encoder, Critic(PowerSum(2, exponent=1.0, learnable_weights=True), candidate_offset=offset, bias=True)


def start(encoder, critic, *, resume_from=None, **changes):
    options = dataclasses.replace(OPTIONS, **changes)
    generator = torch.Generator().manual_seed(1)
    return train(encoder, critic, NCE(), Pairs(), options=options, generator=generator, resume_from=resume_from)


def fit(folder, tell, **changes):
    """Go on from what is in the folder, with a checkpoint after every step; return the parts, and the losses so far."""
    checkpoints, model = Checkpoints(folder), parts()
    state = checkpoints.latest()
    losses = [] if state is None else list(state.notes["losses"])
    with held_interrupts() as interrupts:
        training = start(*model, resume_from=state, **changes)
        for record in training:
            losses.append(record.loss)
            state = training.state({"losses": losses})
            tell()  # here, and again when it is written
            checkpoints.write(state)
            tell()
            if interrupts.asked:
                break
    return model, losses


def slow_disk():
    """Let writing take up most of the time of this process, so that most kills come within a write."""
    write, fsync, replace = os.write, os.fsync, os.replace

    def slowly(call, *args):
        time.sleep(0.001)
        return call(*args)

    os.write = lambda file, content: slowly(write, file, content[:4096])
    os.fsync = lambda file: slowly(fsync, file)
    os.replace = lambda old, new: slowly(replace, old, new)


def in_a_child(work):
    """Fork, and do ``work(tell)`` there; return the child, and the end of a pipe on which it tells."""
    told = os.write
    ear, mouth = os.pipe()
    child = os.fork()
    if child:
        os.close(mouth)
        return child, ear
    code = 1
    try:
        os.close(ear)
        work(lambda: told(mouth, b"."))
        code = 0
    finally:
        if code:
            traceback.print_exc()
        os._exit(code)


def heard(ear, count, seconds=60.0):
    """Wait for so many words of the child, or its end; return how many came."""
    words = b""
    while len(words) < count and select.select([ear], [], [], seconds)[0]:
        more = os.read(ear, count - len(words))
        if not more:
            break
        words += more
    return len(words)


def same(left, right):
    one, other = ({**tensors_of(encoder), **tensors_of(critic)} for encoder, critic in (left, right))
    return all(torch.equal(one[name], other[name]) for name in one)


def kills(folder, least, steps=200):
    whole, losses = parts(), []
    for record in start(*whole, steps=steps):  # ahead of the forks, so that what is imported late is there in each
        losses.append(record.loss)
    chance, number, in_a_write, wrong = random.Random(0), 0, 0, 0
    while True:
        known = _steps_in(folder)
        child, ear = in_a_child(lambda tell: slow_disk() or fit(folder, tell, steps=steps))
        done = heard(ear, chance.randint(0, 6))
        time.sleep(chance.uniform(0.0, 0.03))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        done += heard(ear, 2 * steps)
        os.close(ear)
        if not os.WIFSIGNALED(status):
            break
        number += 1
        names = os.listdir(folder) if Path(folder).exists() else []
        in_a_write += len(names) not in (0, 2)
        wrong += not known + done // 2 <= _steps_in(folder) <= known + (done + 1) // 2
    found, found_losses = fit(folder, lambda: None, steps=steps)
    return {
        "kills": number,
        "kills in a write": in_a_write,
        "steps lost or gained": wrong,
        "status": status,
        "bit equal": same(found, whole) and found_losses == losses and number >= least,
    }


def _steps_in(folder):
    state = Checkpoints(folder).latest()
    return 0 if state is None else state.step


def interrupt(folder, steps=60):
    whole = parts()
    list(start(*whole, steps=steps))

    def work(tell):
        model, _ = fit(Path(folder) / "checkpoint", tell, steps=steps)
        save_model(Path(folder) / "model", dict(zip(("encoder", "critic"), model, strict=True)))

    child, ear = in_a_child(work)
    heard(ear, 14)
    os.kill(child, signal.SIGINT)
    _, status = os.waitpid(child, 0)
    heard(ear, 2 * steps)
    step = _steps_in(Path(folder) / "checkpoint")
    saved, broken = load_model(Path(folder) / "model").parts, parts()
    start(*broken, steps=steps, resume_from=Checkpoints(Path(folder) / "checkpoint").latest())
    found, _ = fit(Path(folder) / "checkpoint", lambda: None, steps=steps)
    return {
        "status": status,
        "step": step,
        "model is that of the state": same((saved["encoder"], saved["critic"]), broken),
        "bit equal after going on": same(found, whole),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    report = kills(sys.argv[2], int(sys.argv[3])) if sys.argv[1] == "kills" else interrupt(sys.argv[2])
    sys.stdout.write(json.dumps(report))
