"""BPM-GCN from arrays to results: training and evaluation. The command comes with issue 5."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jittor as jt
import numpy as np

from ..data.gait import Gaits
from ..errors import DataError
from ..evaluate import Predictions
from ..losses import bpm_gcn_loss
from ..networks import BPMGCN
from ..ops import SGD
from ..train import fit


class Schedule(NamedTuple):
    """How BPM-GCN is trained: SGD with Nesterov's momentum, whose rate falls to a tenth at `drops`.

    drops: the epochs after which it falls.
    """

    batch_size: int
    n_epochs: int
    learning_rate: float
    drops: tuple[int, ...]
    momentum: float = 0.9
    weight_decay: float = 1e-3

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        return self.learning_rate * 0.1 ** sum(epoch >= drop for drop in self.drops)


# The released configuration's (the paper says 0.01 for 80 epochs), and ours for two CPU cores.
SCHEDULES = {
    "paper": Schedule(32, 125, 0.075, (25, 50, 75, 100)),
    "classroom": Schedule(32, 10, 0.05, (6, 9)),
}


class Step(NamedTuple):
    """The gaits of one step."""

    epoch: int
    indices: np.ndarray
    ids: list[str]


def steps(gaits: Gaits, schedule: Schedule, seed: int, epoch: int, start: int) -> Iterator[Step]:
    """An epoch's steps from number `start` on, in an order drawn from (seed, epoch) alone."""
    order = np.random.default_rng([seed, epoch]).permutation(len(gaits))
    for at in range(start * schedule.batch_size, len(order), schedule.batch_size):
        indices = order[at : at + schedule.batch_size]
        yield Step(epoch, indices, [f"gait {i}" for i in indices])


def train(
    net: BPMGCN,
    training: Gaits,
    validation: Gaits,
    *,
    schedule: Schedule,
    result_path: str | Path,
    seed: int = 0,
    affective_weight: float = 1.0,
    options: dict | None = None,
    resume: str | Path | None = None,
    save_every: int = 0,
    show: bool = True,
) -> list[dict[str, float]]:
    """Train as the released code does; returns the history (see `jacklib.train.fit`).

    affective_weight: of the distance from the affective features; 0 is the paper's ablation.
    """
    if schedule.batch_size < 1:
        raise DataError(
            "batch_size", found=str(schedule.batch_size), wanted="1 or more", cure="Correct it."
        )
    net.train()  # eval() has stopped the gradients that the optimizer looks for
    optimizer = SGD(
        net.parameters(), schedule.learning_rate, momentum=schedule.momentum,
        weight_decay=schedule.weight_decay, nesterov=True,
    )  # fmt: skip

    def step_loss(step: Step):
        for group in optimizer.groups:
            group["lr"] = schedule.rate(step.epoch)
        sample = training.batch(step.indices, step.epoch)
        output = net(sample.posture, sample.movement)
        terms = bpm_gcn_loss(
            output, sample.label, sample.affective, affective_weight=affective_weight
        )
        yield terms["total"], output.logits, sample.label

    return fit(
        net,
        optimizer,
        step_loss=step_loss,
        batches=lambda epoch, start: steps(training, schedule, seed, epoch, start),
        n_batches=-(-len(training) // schedule.batch_size),
        evaluate=lambda: {"val_accuracy": test(net, validation).accuracy},
        n_epochs=schedule.n_epochs,
        result_path=result_path,
        seed=seed,
        options=options,
        resume=resume,
        save_every=save_every,
        show=show,
    )


def test(net: BPMGCN, gaits: Gaits, batch_size: int = 64) -> Predictions:
    """Predict every gait from the mean of both streams' logits, in evaluation mode."""
    net.eval()
    rows = []
    with jt.no_grad():
        for at in range(0, len(gaits), batch_size):
            sample = gaits.batch(range(at, min(at + batch_size, len(gaits))))
            output = net(sample.posture, sample.movement)
            rows.append(jt.nn.softmax(output.logits, dim=1).numpy())
            jt.sync_all()
    return Predictions(
        probabilities=np.concatenate(rows),
        labels=np.asarray(gaits.labels),
        ids=[f"gait {i}" for i in range(len(gaits))],
        class_names=list(gaits.class_names),
        gamma=np.zeros((len(gaits), 0), np.float32),
    )
