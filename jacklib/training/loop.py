"""One training loop: steps, evaluation, checkpoints, exact resume.

A run is a function of its options and its seed. Every random number in it is drawn from a
generator seeded with (seed, epoch, batch), so that a run that was stopped, or killed, goes on from
its last checkpoint to the same weights, bit for bit, on the same machine.

last.pth is what counts: it holds the weights of its epoch and the history, so whatever a stop left
unwritten (best.pth, log.csv) is made from it when the run goes on.
"""

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jittor as jt
import numpy as np
from tqdm.auto import tqdm

from jacklib.errors import TrainingError, said
from jacklib.files import whole_file
from jacklib.ops import Optimizer
from jacklib.training import parallel
from jacklib.training.logs import Report
from jacklib.training.runs import (
    Run,
    begin,
    keep_made,
    made_before,
    owned,
    restore_best,
    same_file,
    taken_over,
)
from jacklib.weights.checkpoint import save_training, save_weights

# One batch -> the parts that its loss is the sum of, one after the other, each (scalar, logits
# [B, C], labels). Labels are class numbers [B]; or [B, C], 1 for every class that occurs, and then
# the logits are scores from 0 to 1; or None for a part that the accuracy while training leaves out.
# Whoever makes the parts should keep no Var of one while making the next: it would hold all
# activations.
StepLoss = Callable[[Any], Iterable[tuple[jt.Var, jt.Var, "np.ndarray | None"]]]
# (epoch, batch) -> the learning rate of each of the optimizer's groups for that batch.
Rates = Callable[[int, int], Sequence[float]]


class Step(NamedTuple):
    """What one step is taken with: items of a data set."""

    epoch: int
    indices: np.ndarray
    ids: list[str]


def fit(
    net: jt.nn.Module, optimizer: Optimizer, run: Run | str | os.PathLike, *, step_loss: StepLoss,
    batches: Callable[[int, int], Iterator[Any]], n_batches: int,
    evaluate: Callable[[], dict[str, float]], n_epochs: int,
    rates: Rates | None = None,
) -> list[dict[str, float]]:  # fmt: skip
    """Train for n_epochs; returns the history, one row per epoch.

    run: see `Run`; a path is a run whose results go there. batches(epoch, start) yields that
    epoch's batches from number `start` on. evaluate() gives numbers to log, `run.score` among them.
    Without rates those of learning stay as they are.

    Several processes (see `parallel`): `batches` yields each its part of every batch, and the loss
    is the mean over them all. Process 0 evaluates and writes.

    One process at a time trains in a folder: another is an error; in a notebook it is waited for
    and, if its run is this one (same weights at first, options, `settings` and so on), taken over.

    Raises TrainingError if the loss is not a number, DataError if `resume` does not fit or another
    process trains in the folder, DiskError if that cannot be written.
    """
    run, first_process = Run.of(run), parallel.rank() == 0
    with owned(run.folder, run.options.get("network", type(net).__name__)) as waited:
        progress = begin(run, net, optimizer, n_batches, n_epochs, rates)
        report = Report(run, n_epochs)
        if made_before(run, progress) or waited:
            found = taken_over(run, net, optimizer, progress, n_epochs)
            if found is not None:
                if waited:
                    print(f"The other process's training was this one, from {run.folder}.")
                report.draw(found)
                return found
        if run.resume is not None and first_process:
            restore_best(run, net, progress)
        progress |= {"seed": run.seed, "n_batches": n_batches, "options": dict(run.options)}
        progress["n_epochs"] = n_epochs
        parallel.same_start(net)
        history: list[dict[str, float]] = progress["history"]
        report.begin(history)
        if run.resume is not None and not same_file(run.folder / "last.pth", run.resume):
            _save(run, net, optimizer, progress)
        for epoch in range(progress["epoch"], n_epochs):
            begun = time.monotonic() - progress["sums"][3]
            loss, accuracy = _epoch(net, optimizer, run, progress, step_loss, batches, rates)
            parallel.average_statistics(net)
            row = {"epoch": epoch + 1, "train_loss": loss, "train_accuracy": accuracy}
            row |= parallel.from_first(evaluate() if first_process else None)
            row["seconds"] = round(time.monotonic() - begun, 2)
            history.append(row)
            progress |= {"epoch": epoch + 1, "batch": 0, "sums": [0.0, 0, 0, 0.0]}
            _keep(run, net, optimizer, progress)
            report.add(history)
        keep_made(run, progress)
        return history


def _epoch(
    net: jt.nn.Module, optimizer: Optimizer, run: Run, progress: dict[str, Any],
    step_loss: StepLoss, batches: Callable[[int, int], Iterator[Any]], rates: Rates | None,
) -> tuple[float, float]:  # fmt: skip
    """Take the steps of one epoch, or those that are left of it: (mean loss, accuracy)."""
    net.train()
    epoch, first, n_batches = progress["epoch"], progress["batch"], progress["n_batches"]
    loss_sum, right, seen, seconds = progress["sums"]
    begun = time.monotonic()
    bar = tqdm(
        batches(epoch, first), total=n_batches, initial=first, leave=False,
        desc=f"{run.unit} {epoch + 1}/{progress['n_epochs']}",
        disable=not run.show or parallel.rank() > 0,
    )  # fmt: skip
    if not (epoch or first):  # a minute or two without a sign on a machine that lacks them
        bar.set_postfix_str("the first step compiles kernels that are not there yet, once")
    for number, batch in enumerate(bar, start=first):
        if rates is not None:
            for group, rate in zip(optimizer.groups, rates(epoch, number), strict=True):
                group["lr"] = rate
        seeds = np.random.SeedSequence([run.seed, epoch, number]).generate_state(1)
        jt.set_seed(int(seeds[0] >> 1) + parallel.rank())
        value, hits, count = _step(optimizer, step_loss, batch, epoch, number, run.folder)
        loss_sum += value * count
        right += int(hits)
        seen += int(count)
        bar.set_postfix(loss=f"{loss_sum / seen:.3f}", accuracy=f"{right / seen:.2f}")
        if run.save_every and (number + 1) % run.save_every == 0 and number + 1 < n_batches:
            spent = seconds + time.monotonic() - begun
            progress |= {"batch": number + 1, "sums": [loss_sum, right, seen, spent]}
            parallel.average_statistics(net)  # the file has only one set of them
            _save(run, net, optimizer, progress)
    return loss_sum / seen, right / seen


def _step(
    optimizer: Optimizer, step_loss: StepLoss, batch: Any, epoch: int, number: int, folder: Path
) -> tuple[float, float, float]:
    """One step of training: (loss, right answers, answers), over all processes."""
    share = len(batch.ids) / parallel.total(len(batch.ids))[0]
    scores = []

    def losses() -> Iterator[jt.Var]:
        for part, logits, labels in step_loss(batch):
            part = part if share == 1 else part * share
            yield part
            if labels is not None:
                scores.append((logits.numpy(), labels))
            del part, logits

    value = optimizer.gather(losses())
    parallel.add_gradients(optimizer)
    slope = optimizer.gradient_sum().item()
    count = sum(len(labels) for _, labels in scores)
    # The likeliest class or, with [B, C] labels, exactly those.
    hits = sum(
        (logits.argmax(1) == labels if labels.ndim == 1 else
         ((logits >= 0.5) == (labels > 0)).all(1)).sum()
        for logits, labels in scores
    )  # fmt: skip
    value, hits, count = parallel.total([value, hits, count]).tolist()
    # ReLU in Jittor's kernels turns NaN into 0: what went wrong inside the network may show in the
    # gradients only. Nothing has moved yet.
    if not (math.isfinite(value) and math.isfinite(slope)):
        last = folder / "last.pth"
        left = f"The last good state is in {last}." if last.exists() else "Nothing was saved yet."
        clips = ", ".join(batch.ids[:4])
        raise TrainingError(said("loss is no number", loss=value, epoch=epoch + 1, left=left,
                                 batch=number + 1, clips=clips))  # fmt: skip
    optimizer.step()
    return value, hits, count


def _save(run: Run, net: jt.nn.Module, optimizer: Optimizer, progress: dict[str, Any]) -> None:
    if parallel.rank() == 0:
        save_training(run.folder / "last.pth", net, optimizer, progress)


def _keep(run: Run, net: jt.nn.Module, optimizer: Optimizer, progress: dict[str, Any]) -> None:
    """Write last.pth at an epoch's end and, if none was better, best.pth."""
    score = progress["history"][-1][run.score]
    better = score > progress["best"]
    if better:
        progress["best"] = score
    if parallel.rank() > 0:
        return
    with contextlib.ExitStack() as pending:
        if better:  # on the disk before the checkpoint that speaks of it, in place after
            best = pending.enter_context(whole_file(run.folder / "best.pth"))
            save_weights(net, best, {**run.options, "epoch": progress["epoch"]})
        _save(run, net, optimizer, progress)
