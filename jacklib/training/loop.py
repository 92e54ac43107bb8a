"""One training loop: progress bar, live curves, logs, checkpoints, exact resume.

A run is a function of its options and its seed. Every random number in it is drawn from a
generator seeded with (seed, epoch, batch), so that a run that was stopped, or killed, goes on from
its last checkpoint to the same weights, bit for bit, on the same machine.

last.pth is what counts: it holds the weights of its epoch and the history, so whatever a stop left
unwritten (best.pth, log.csv) is made from it when the run goes on.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import io
import math
import os
import shutil
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import jittor as jt
import numpy as np
from tqdm.auto import tqdm

from jacklib.errors import DataError, DiskError, TrainingError
from jacklib.files import LOCK, locked, sweep, whole_file, write_bytes, write_text
from jacklib.ops import Optimizer
from jacklib.training import parallel
from jacklib.weights.checkpoint import load_training, read_options, save_training, save_weights
from jacklib.weights.torch_files import read_torch_file

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
    settings: Any = None,
) -> list[dict[str, float]]:
    """Train for n_epochs; returns the history, one row an epoch.

    batches(epoch, start) yields that epoch's batches from number `start` on. evaluate() gives
    numbers to log, `score` among them, whose largest value decides what `best.pth` is. options:
    plain values that checkpoints carry along, so that a file says how its network is built.
    resume: a last.pth of the same run; of one that is complete, what is missing is written.
    save_every: also write last.pth after that many batches. unit: what the lines on the screen call
    an epoch, where it is no pass over the data. settings: the data, and whatever else decides how
    the run goes; see below.

    Several processes (see `parallel`): `batches` yields each its part of every batch, and the loss
    is the mean over them all. Process 0 evaluates and writes.

    Writes into result_path: last.pth (to go on), best.pth (weights), log.csv, tensorboard/. One
    process at a time: another that trains there is an error; in a notebook it is waited for and,
    where its run is this one (same weights at first, options, `settings` and so on), taken over.

    Raises TrainingError where the loss is not a number, DataError where `resume` does not fit or
    another process trains in result_path, DiskError where that cannot be written.
    """
    first_process = parallel.rank() == 0
    show = show and first_process
    folder, options = Path(result_path), dict(options or {})
    with contextlib.ExitStack() as stack:
        waited = stack.enter_context(owned(folder, options.get("network", type(net).__name__)))
        progress = {"epoch": 0, "batch": 0, "sums": [0.0, 0, 0, 0.0], "best": -1.0, "history": []}
        if resume is not None:
            progress = _resumed(resume, net, optimizer, seed, n_batches, n_epochs)
        elif show and (folder / "best.pth").exists() and not in_notebook():
            print(
                f"Note: the weights of an earlier run in {folder} are replaced; another folder "
                "keeps them.", file=sys.stderr
            )  # fmt: skip
        jt.sync_all()  # lazy initial weights are drawn now, from the caller's seed, not a batch's
        if first_process:
            _check_room(folder, net)
        curves = LiveCurves() if show and in_notebook() else None
        if in_notebook() and settings is not None:
            run = (net.state_dict(), optimizer.groups, seed, n_batches, n_epochs, options, settings)
            progress["run"] = _digest(run)
            found = _taken_over(folder, net, optimizer, progress, n_epochs) if waited else None
            if found is not None:
                if curves is not None:
                    curves.draw(found, score)
                return found
        if resume is not None and first_process:
            _restore_best(net, folder, Path(resume), progress, score)
        progress |= {"seed": seed, "n_batches": n_batches, "options": options}
        progress["n_epochs"] = n_epochs
        parallel.same_start(net)
        history: list[dict[str, float]] = progress["history"]
        logs = _Logs(folder, history) if first_process else None

        def save() -> None:
            if first_process:
                save_training(folder / "last.pth", net, optimizer, progress)

        if resume is not None and not _same_file(folder / "last.pth", resume):
            save()
        for epoch in range(progress["epoch"], n_epochs):
            net.train()
            loss_sum, right, seen, seconds = progress["sums"]
            first, begun = progress["batch"], time.monotonic()
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
                value, hits, count = _step(optimizer, step_loss, batch, epoch, number, folder)
                loss_sum += value * count
                right += int(hits)
                seen += int(count)
                bar.set_postfix(loss=f"{loss_sum / seen:.3f}", accuracy=f"{right / seen:.2f}")
                if save_every and (number + 1) % save_every == 0 and number + 1 < n_batches:
                    spent = seconds + time.monotonic() - begun
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
                "seconds": round(seconds + time.monotonic() - begun, 2),
            }
            history.append(row)
            progress |= {"epoch": epoch + 1, "batch": 0, "sums": [0.0, 0, 0, 0.0]}
            better = row[score] > progress["best"]
            if better:
                progress["best"] = row[score]
            if not first_process:
                continue
            with contextlib.ExitStack() as pending:
                if better:  # on the disk before the checkpoint that speaks of it, in place after
                    best = pending.enter_context(whole_file(folder / "best.pth"))
                    save_weights(net, best, options | {"epoch": epoch + 1})
                save()
            logs.add(row)
            if curves is not None:
                curves.draw(history, score)
            elif show:
                print(_line(row, n_epochs, score, unit), flush=True)
        return history


def _step(
    optimizer: Optimizer, step_loss: StepLoss, batch: Any, epoch: int, number: int, folder: Path
) -> tuple[float, float, float]:
    """One step of training: (loss, right answers, answers), over all processes."""
    share = len(batch.ids) / parallel.total(len(batch.ids))[0]
    value, scores = 0.0, []
    for part, logits, labels in step_loss(batch):
        part = part if share == 1 else part * share
        optimizer.backward(part)
        optimizer.sync()
        value += part.item()
        if labels is not None:
            scores.append((logits.numpy(), labels))
        # Now that the gradients are there, the part's activations may go before the next part makes
        # its own. What is pending (running statistics) or left (any Var of the part) would hold
        # them: without this CTEN needs twice the memory.
        jt.sync_all()
        del part, logits
    parallel.add_gradients(optimizer)
    slope = optimizer.gradient_sum().item()
    count = sum(len(labels) for _, labels in scores)
    hits = sum(_right(*pair) for pair in scores)
    value, hits, count = parallel.total([value, hits, count]).tolist()
    # ReLU in Jittor's kernels turns NaN into 0: what went wrong inside the network may show in the
    # gradients only. Nothing has moved yet.
    if not (math.isfinite(value) and math.isfinite(slope)):
        raise TrainingError(
            f"The loss or its gradient is no longer a number (loss {value}) in epoch {epoch + 1}, "
            f"batch {number + 1} (clips {', '.join(batch.ids[:4])}...). Lower the learning rate, "
            f"and look at these clips' frames and sound. {_what_is_left(folder)}"
        )
    optimizer.step()
    return value, hits, count


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
        self.path, self.rows = folder / "log.csv", list(history)
        if self.rows:  # else an earlier run's stays until this one has an epoch to tell of
            self._write()
        self.board = _Board(folder / "tensorboard", self.rows[-1]["epoch"] if self.rows else None)

    def add(self, row: dict[str, float]) -> None:
        self.rows.append(row)
        self._write()
        self.board.add(row)

    def _write(self) -> None:
        # Whole each time: a hundred rows, and never half a line.
        text = io.StringIO()
        columns = dict.fromkeys(name for row in self.rows for name in row)  # resumed: maybe others
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.path, text.getvalue())


class _Board:
    """TensorBoard's event file: a row is on the disk when `add` returns, or an error says why not.

    tensorboardX's own writer hands rows to a thread, which dies of a full disk or a clock that is
    set back, and then the training waits for it for ever.
    """

    def __init__(self, folder: Path, done: int | None):
        """done: epochs of a run that goes on; what older files say of later ones is void."""
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        self.Event = Event
        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        self.path = folder / name
        self.head = self._record(file_version="brain.Event:2")
        if done is not None:
            start = SessionLog(status=SessionLog.START)
            self.head += self._record(step=done + 1, session_log=start)
        self._append(b"")

    def add(self, row: dict[str, float]) -> None:
        from tensorboardX.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=name, simple_value=value)
            for name, value in row.items()
            if name != "epoch"
        ]
        self._append(self._record(step=row["epoch"], summary=Summary(value=values)))

    def _record(self, **event: Any) -> bytes:
        from tensorboardX.record_writer import masked_crc32c

        data = self.Event(wall_time=time.time(), **event).SerializeToString()
        parts = struct.pack("<Q", len(data)), data
        return b"".join(part + struct.pack("<I", masked_crc32c(part)) for part in parts)

    def _append(self, record: bytes) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "ab", buffering=0) as file:
                size = file.tell()
                rest = memoryview(record if size else self.head + record)
                try:
                    while rest:
                        rest = rest[file.write(rest) :]
                except OSError:  # no half row stays
                    os.ftruncate(file.fileno(), size)
                    raise
        except OSError as error:
            raise DiskError(error, self.path) from error


# ---------------------------------------------------------------------------------------------
# A run that goes on, and two at once
# ---------------------------------------------------------------------------------------------


_OWNED: set[Path] = set()


@contextmanager
def owned(folder: str | os.PathLike, name: str) -> Iterator[bool]:
    """Hold a result folder for a training of network `name`; gives whether it had to wait.

    Within such a block of the same process it holds already. Of several processes number 0 does it.

    Raises DataError where another process holds it (a notebook waits instead), DiskError where it
    cannot be written.
    """
    place = Path(folder).resolve()
    if parallel.rank() or place in _OWNED:
        yield False
        return
    with contextlib.ExitStack() as stack:
        waited, purpose = False, f"training {name}"
        try:
            stack.enter_context(locked(folder, purpose, wait=False))
        except DataError:
            if not in_notebook():
                raise
            waited = True
            stack.enter_context(locked(folder, purpose))
        _OWNED.add(place)
        try:
            sweep(folder, depth=0)
            yield waited
        finally:
            _OWNED.discard(place)
            with contextlib.suppress(OSError):
                (Path(folder) / LOCK).unlink()


# What the state of a run always tells.
_PROGRESS = ("epoch", "batch", "sums", "best", "history", "seed", "n_batches")


def _check_room(folder: Path, net: jt.nn.Module) -> None:
    """Raise DiskError, before hours of work, where the first checkpoint would find no room."""
    size = sum(4 * value.numel() for value in net.state_dict().values())
    if shutil.disk_usage(folder).free < 2 * size:  # in best.pth and, at least once, in last.pth
        raise DiskError(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), folder)


def _resumed(
    path: str | os.PathLike,
    net: jt.nn.Module,
    optimizer: Optimizer,
    seed: int,
    n_batches: int,
    n_epochs: int,
) -> dict[str, Any]:
    """The state of the run that wrote `path`, loaded. Raises DataError where it is no such run."""
    progress = load_training(path, net, optimizer, _PROGRESS)
    for name, value in (("seed", seed), ("n_batches", n_batches)):
        if progress[name] != value:
            raise DataError(
                os.fspath(path),
                found=f"{name} {progress[name]}",
                wanted=f"{name} {value}, as this run has",
                cure="Resume with the seed, batch size and data of the run that wrote it.",
            )
    if (progress["epoch"], progress["batch"]) > (n_epochs, 0):
        raise DataError(
            os.fspath(path),
            found=f"a run that has gone beyond epoch {n_epochs}: {progress['epoch']} are complete",
            wanted=f"one that has not, as epoch {n_epochs} is to be the last",
            cure="Give a larger --n_epochs (TSL: a longer --lr).",
        )
    return progress


def _restore_best(
    net: jt.nn.Module, folder: Path, resume: Path, progress: dict[str, Any], score: str
) -> None:
    """best.pth in `folder` as it was when `resume`, which `net` holds, was written."""
    rows = [row for row in progress["history"] if row.get(score) == progress["best"]]
    if not rows:
        return
    epoch, options = rows[0]["epoch"], progress.get("options", {})
    best, beside = folder / "best.pth", resume.with_name("best.pth")
    if (progress["epoch"], progress["batch"]) == (epoch, 0):  # a stop may have come before it
        save_weights(net, best, options | {"epoch": epoch})
    elif is_best(beside, epoch, options):
        if not _same_file(best, beside):
            write_bytes(best, beside.read_bytes())
    elif not is_best(best, epoch, options):
        print(
            f"Note: the best weights so far, those of epoch {epoch}, are neither in {folder} nor "
            f"beside {resume}. best.pth is written when an epoch is better.", file=sys.stderr
        )  # fmt: skip


def is_best(path: Path, epoch: int, options: Mapping[str, Any] | None = None) -> bool:
    """Whether a file holds the weights of this epoch, of a run with these options."""
    try:
        found = read_options(path)
    except (DataError, OSError):
        return False
    if found.pop("epoch", epoch) != epoch:  # files of earlier versions do not say
        return False
    return options is None or _digest(found) == _digest(dict(options))


def best_weights(folder: Path, epoch: int) -> str:
    """Where a run's best weights, those of `epoch`, are, for the line at its end."""
    path = folder / "best.pth"
    if is_best(path, epoch):
        return str(path)
    return "nowhere: the run went on without its first folder's best.pth, and was never better"


def _same_file(one: str | os.PathLike, other: str | os.PathLike) -> bool:
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


def _taken_over(
    folder: Path, net: jt.nn.Module, optimizer: Optimizer, wanted: dict[str, Any], n_epochs: int
) -> list[dict[str, float]] | None:
    """The history of the same run that another process has just finished here, and `net` as it was
    at its end; None where it was another run, or was not finished."""
    path = folder / "last.pth"
    try:
        progress = read_torch_file(path)["progress"]
        if (progress["run"], progress["epoch"]) != (wanted["run"], n_epochs):
            return None
    except (DataError, OSError, LookupError, TypeError):
        return None
    history = load_training(path, net, optimizer)["history"]
    net.eval()
    print(f"The other process's training was this one: its weights and history, from {folder}.")
    return history


def _digest(value: Any) -> str:
    """A fingerprint of plain values, arrays, Vars, and objects that consist of them.

    Of an object counts what it shows: its attributes without an underscore.
    """
    found = hashlib.sha256()
    _feed(found, value)
    return found.hexdigest()


def _feed(found: Any, value: Any) -> None:
    if isinstance(value, jt.Var):
        value = value.numpy()
    if isinstance(value, np.ndarray):
        found.update(f"{value.dtype.str}{value.shape}".encode())
        found.update(np.ascontiguousarray(value).data)
    elif isinstance(value, Mapping):
        _feed(found, list(value.items()))
    elif isinstance(value, (list, tuple)):  # a file gives lists back where tuples went in
        found.update(b"[")
        for part in value:
            _feed(found, part)
        found.update(b"]")
    elif hasattr(value, "__dict__") and not isinstance(value, PurePath):
        shown = {k: v for k, v in vars(value).items() if not k.startswith("_")}
        _feed(found, [type(value).__name__, shown])
    else:
        found.update(f"{value!r},".encode("utf-8", "surrogatepass"))


# ---------------------------------------------------------------------------------------------
# Live curves in a notebook
# ---------------------------------------------------------------------------------------------


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, where pictures can be shown."""
    # Whether a kernel runs, not whether somebody imported one's modules.
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None) is not None


def draw_curves(history: list[dict[str, float]], score: str = "val_accuracy"):
    """Loss, accuracy and score over the epochs as a Matplotlib figure."""
    from matplotlib.figure import Figure

    from jacklib.widgets.drawing import BLUE, VERMILLION

    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    right = "Accuracy" if score == "val_accuracy" else f"Training accuracy and {_words(score)}"
    for axes, title, names in (
        (loss, "Loss", ("train_loss", "val_loss")),
        (accuracy, right, ("train_accuracy", score)),
    ):
        for name, colour in zip(names, (BLUE, VERMILLION), strict=True):
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
