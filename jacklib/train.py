"""One training loop: progress bar, live curves, logs, checkpoints, exact resume.

A run is a function of its options and its seed. Every random number in it is drawn from a
generator seeded with (seed, epoch, batch), so that a run that was stopped, or killed, goes on from
its last checkpoint to the same weights, bit for bit, on the same machine.
"""

from __future__ import annotations

import csv
import io
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np
from tqdm.auto import tqdm

from . import parallel
from .checkpoint import load_training, save_training, save_weights
from .errors import DataError, TrainingError
from .ops import Optimizer

# One batch -> the parts that its loss is the sum of, one after the other, each (scalar, logits
# [B, C], labels). Labels are class numbers [B]; or [B, C], 1 for each class that occurs, and then
# the logits are scores from 0 to 1; or None for a part that the accuracy while training leaves out.
# Whoever makes the parts should keep no Var of one while making the next: it would hold all
# activations.
StepLoss = Callable[[Any], Iterable[tuple[jt.Var, jt.Var, "np.ndarray | None"]]]


def fit(
    net: jt.nn.Module,
    optimizer: Optimizer,
    *,
    step_loss: StepLoss,
    batches: Callable[[int, int], Iterator[Any]],
    n_batches: int,
    evaluate: Callable[[], dict[str, float]],
    n_epochs: int,
    result_path: str | os.PathLike,
    seed: int = 0,
    options: dict[str, Any] | None = None,
    resume: str | os.PathLike | None = None,
    save_every: int = 0,
    show: bool = True,
    score: str = "val_accuracy",
    unit: str = "epoch",
) -> list[dict[str, float]]:
    """Train for n_epochs; returns the history, one row an epoch.

    batches(epoch, start) yields that epoch's batches from number `start` on. evaluate() gives
    numbers to log, `score` among them, whose largest value decides what `best.pth` is. options:
    plain values that checkpoints carry along, so that a file says how its network is built.
    resume: a last.pth of the same run. save_every: also write last.pth after that many batches.
    unit: what the lines on the screen call an epoch, where it is no pass over the data.

    Several processes (see `parallel`): `batches` yields each its part of every batch, and the loss
    is the mean over them all. Process 0 evaluates and writes.

    Writes into result_path: last.pth (to go on), best.pth (weights), log.csv, tensorboard/.

    Raises TrainingError where the loss is not a number, DataError where `resume` does not fit.
    """
    first_process = parallel.rank() == 0
    show = show and first_process
    folder = Path(result_path)
    folder.mkdir(parents=True, exist_ok=True)
    options = dict(options or {})
    progress = {"epoch": 0, "batch": 0, "sums": [0.0, 0, 0, 0.0], "best": -1.0, "history": []}
    if resume is not None:
        progress = load_training(resume, net, optimizer)
        for name, value in (("seed", seed), ("n_batches", n_batches)):
            if progress[name] != value:
                raise DataError(
                    os.fspath(resume),
                    found=f"{name} {progress[name]}",
                    wanted=f"{name} {value}, as this run has",
                    cure="Resume with the seed, batch size and data of the run that wrote it.",
                )
        if progress["epoch"] >= n_epochs:
            raise DataError(
                os.fspath(resume),
                found=f"a run of {progress['epoch']} epochs that is complete",
                wanted=f"one that has not reached epoch {n_epochs}",
                cure="Give a larger --n_epochs (TSL: a longer --lr) to train on.",
            )
    elif show and (folder / "best.pth").exists() and not in_notebook():
        print(
            f"Note: the weights of an earlier run in {folder} are replaced; another folder keeps "
            "them.", file=sys.stderr
        )  # fmt: skip
    progress |= {"seed": seed, "n_batches": n_batches, "options": options}
    jt.sync_all()  # lazy initial weights are drawn now, from the caller's seed, not a batch's
    parallel.same_start(net)
    history: list[dict[str, float]] = progress["history"]
    logs = _Logs(folder, history) if first_process else None
    curves = LiveCurves() if show and in_notebook() else None

    def save() -> None:
        if first_process:
            save_training(folder / "last.pth", net, optimizer, progress)

    try:
        for epoch in range(progress["epoch"], n_epochs):
            net.train()
            loss_sum, right, seen, seconds = progress["sums"]
            first, start_time = progress["batch"], time.time()
            bar = tqdm(
                batches(epoch, first),
                total=n_batches,
                initial=first,
                desc=f"{unit} {epoch + 1}/{n_epochs}",
                disable=not show,
                leave=False,
            )
            for number, batch in enumerate(bar, start=first):
                jt.set_seed(step_seed(seed, epoch, number) + parallel.rank())
                share = len(batch.ids) / parallel.total(len(batch.ids))[0]
                value, scores = 0.0, []
                for part, logits, labels in step_loss(batch):
                    part = part if share == 1 else part * share
                    optimizer.backward(part)
                    optimizer.sync()
                    value += part.item()
                    if labels is not None:
                        scores.append((logits.numpy(), labels))
                    # Now that the gradients are there, the part's activations may go before the
                    # next part makes its own. What is pending (running statistics) or left (any
                    # Var of the part) would hold them: without this CTEN needs twice the memory.
                    jt.sync_all()
                    del part, logits
                parallel.add_gradients(optimizer)
                slope = optimizer.gradient_sum().item()
                count = sum(len(labels) for _, labels in scores)
                hits = sum(_right(*pair) for pair in scores)
                value, hits, count = parallel.total([value, hits, count]).tolist()
                # ReLU in Jittor's kernels turns NaN into 0: what went wrong inside the network
                # may show in the gradients only. Nothing has moved yet.
                if not (math.isfinite(value) and math.isfinite(slope)):
                    raise TrainingError(
                        f"The loss or its gradient is no longer a number (loss {value}) in epoch "
                        f"{epoch + 1}, batch {number + 1} (clips "
                        f"{', '.join(batch.ids[:4])}...). Lower the learning rate, and look at "
                        f"these clips' frames and sound. {_what_is_left(folder)}"
                    )
                optimizer.step()
                loss_sum += value * count
                right += int(hits)
                seen += int(count)
                bar.set_postfix(loss=f"{loss_sum / seen:.3f}", accuracy=f"{right / seen:.2f}")
                if save_every and (number + 1) % save_every == 0 and number + 1 < n_batches:
                    spent = seconds + time.time() - start_time
                    progress |= {"batch": number + 1, "sums": [loss_sum, right, seen, spent]}
                    parallel.average_statistics(net)  # the file has only one set of them
                    save()
            parallel.average_statistics(net)
            numbers = parallel.from_first(evaluate() if first_process else None)
            row = {
                "epoch": epoch + 1,
                "train_loss": loss_sum / seen,
                "train_accuracy": right / seen,
                **numbers,
                "seconds": round(seconds + time.time() - start_time, 2),
            }
            history.append(row)
            better = row[score] > progress["best"]
            progress |= {"epoch": epoch + 1, "batch": 0, "sums": [0.0, 0, 0, 0.0]}
            progress["best"] = max(row[score], progress["best"])
            save()
            if not first_process:
                continue
            if better:
                save_weights(net, folder / "best.pth", options)
            logs.add(row)
            if curves is not None:
                curves.draw(history, score)
            elif show:
                print(_line(row, n_epochs, score, unit), flush=True)
    finally:
        if logs is not None:
            logs.close()
    return history


def step_seed(seed: int, epoch: int, batch: int) -> int:
    """Jittor's seed for one batch of one epoch."""
    return int(np.random.SeedSequence([seed, epoch, batch]).generate_state(1)[0] >> 1)


def _what_is_left(folder: Path) -> str:
    last = folder / "last.pth"
    return f"The last good state is in {last}." if last.exists() else "Nothing was saved yet."


def _right(logits: np.ndarray, labels: np.ndarray) -> int:
    """How many rows are right: the likeliest class or, with [B, C] labels, exactly those."""
    if labels.ndim == 1:
        return int((logits.argmax(1) == labels).sum())
    return int(((logits >= 0.5) == (labels > 0)).all(1).sum())


def _words(score: str) -> str:
    return score.replace("val_", "validation ").replace("_", " ")


def _line(row: dict[str, float], n_epochs: int, score: str, unit: str) -> str:
    return (
        f"{unit} {row['epoch']:3d}/{n_epochs}  train loss {row['train_loss']:.3f}  "
        f"accuracy {row['train_accuracy']:.3f}   {_words(score)} {row[score]:.3f}   "
        f"{row['seconds']:.0f} s"
    )


class _Logs:
    """log.csv and a TensorBoard folder; rows of a resumed run's later epochs are written anew."""

    def __init__(self, folder: Path, history: list[dict[str, float]]):
        from tensorboardX import SummaryWriter

        self.path, self.rows = folder / "log.csv", list(history)
        if self.rows:  # else an earlier run's stays until this one has an epoch to tell of
            self._write()
        purge = history[-1]["epoch"] + 1 if history else None
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=purge)

    def add(self, row: dict[str, float]) -> None:
        self.rows.append(row)
        self._write()
        for name, value in row.items():
            if name != "epoch":
                self.board.add_scalar(name, value, row["epoch"])
        self.board.flush()

    def _write(self) -> None:
        # Whole each time and then moved: a hundred rows, and never half a line.
        text = io.StringIO()
        if self.rows:
            writer = csv.DictWriter(text, list(self.rows[-1]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
        making = self.path.with_suffix(".making")
        making.write_text(text.getvalue())
        os.replace(making, self.path)

    def close(self) -> None:
        self.board.close()


# ---------------------------------------------------------------------------------------------
# Live curves in a notebook
# ---------------------------------------------------------------------------------------------


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, where pictures can be shown."""
    return "ipykernel" in sys.modules and "IPython" in sys.modules


def draw_curves(history: list[dict[str, float]], score: str = "val_accuracy"):
    """Loss, accuracy and score over the epochs as a Matplotlib figure."""
    from matplotlib.figure import Figure

    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    right = "Accuracy" if score == "val_accuracy" else f"Training accuracy and {_words(score)}"
    for axes, title, names in (
        (loss, "Loss", ("train_loss", "val_loss")),
        (accuracy, right, ("train_accuracy", score)),
    ):
        for name, colour in zip(names, ("#0072B2", "#D55E00"), strict=True):
            if name in history[-1]:
                start = {"train": "training", "val": "validation"}.get(name.split("_")[0])
                label = start or _words(name)
                axes.plot(epochs, [r[name] for r in history], "o-", ms=3, c=colour, label=label)
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    accuracy.set_ylim(0, 1.03)
    return figure


class LiveCurves:
    """The curves under the cell, drawn anew after each epoch."""

    def __init__(self):
        self.handle = None

    def draw(self, history: list[dict[str, float]], score: str = "val_accuracy") -> None:
        """Show the history so far in place of the last picture."""
        from IPython.display import Image, display

        content = io.BytesIO()
        draw_curves(history, score).savefig(content, format="png", dpi=90)
        picture = Image(content.getvalue())
        if self.handle is None:
            self.handle = display(picture, display_id=True)
        else:
            self.handle.update(picture)
