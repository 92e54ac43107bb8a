"""What a training run reports: log.csv, TensorBoard's event file, lines or live curves."""

import csv
import io
import os
import socket
import struct
import time
from pathlib import Path
from typing import Any

from jacklib.errors import DiskError
from jacklib.files import write_text
from jacklib.training import parallel
from jacklib.training.runs import Run, in_notebook
from jacklib.widgets.drawing import BLUE, VERMILLION, drawable
from jacklib.widgets.words import language, texts

TEXT = texts("curves")


def _words(score: str) -> str:
    return score.replace("val_", "validation ").replace("_", " ")


class Report:
    """What a run shows while it goes on, and logs: the bar's lines or curves, log.csv, TensorBoard.

    Only process 0 has something to show and to log.
    """

    def __init__(self, run: Run, n_epochs: int):
        self.run, self.n_epochs = run, n_epochs
        self.here = parallel.rank() == 0
        self.show = run.show and self.here
        self.picture: Any = None  # the handle of the curves under the cell

    def begin(self, history: list[dict[str, float]]) -> None:
        """Open the logs of a run that has come so far; later epochs' rows are written anew."""
        if self.here:
            if history:  # else an earlier run's stays until this one has an epoch to show
                self._write(history)
            done = history[-1]["epoch"] if history else None
            self.board = _Board(self.run.folder / "tensorboard", done)

    def draw(self, history: list[dict[str, float]]) -> None:
        """Show the history's curves, in a notebook, in place of the last ones."""
        if not (self.show and in_notebook()):
            return
        from IPython.display import Image, display

        content = io.BytesIO()
        draw_curves(history, self.run.score).savefig(content, format="png", dpi=90)
        if self.picture is None:
            self.picture = display(Image(content.getvalue()), display_id=True)
        else:
            self.picture.update(Image(content.getvalue()))

    def add(self, history: list[dict[str, float]]) -> None:
        """Log and show the history's last row."""
        if not self.here:
            return
        row, run = history[-1], self.run
        self._write(history)
        self.board.add(row)
        self.draw(history)
        if self.show and not in_notebook():
            print(
                f"{run.unit} {row['epoch']:3d}/{self.n_epochs}  train loss {row['train_loss']:.3f}"
                f"  accuracy {row['train_accuracy']:.3f}   {_words(run.score)} "
                f"{row[run.score]:.3f}   {row['seconds']:.0f} s", flush=True,
            )  # fmt: skip

    def _write(self, history: list[dict[str, float]]) -> None:
        # Whole each time: a hundred rows, and never half a line.
        text = io.StringIO()
        columns = dict.fromkeys(name for row in history for name in row)  # resumed: maybe others
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        write_text(self.run.folder / "log.csv", text.getvalue())


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

        values = [Summary.Value(tag=k, simple_value=v) for k, v in row.items() if k != "epoch"]
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


def draw_curves(history: list[dict[str, float]], score: str = "val_accuracy"):
    """Loss, accuracy and score over the epochs as a Matplotlib figure."""
    from matplotlib.figure import Figure

    text = TEXT[drawable(language())]
    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    for axes, title, names in zip(
        figure.subplots(1, 2), (text["loss"], text.get(score, score)),
        (("train_loss", "val_loss"), ("train_accuracy", score)), strict=True,
    ):  # fmt: skip
        for name, colour in zip(names, (BLUE, VERMILLION), strict=True):
            if name in history[-1]:
                label = text.get(name.split("_")[0], text.get("measure"))
                axes.plot(epochs, [r[name] for r in history], "o-", ms=3, c=colour, label=label)
        axes.set_title(title)
        axes.set_xlabel(text["epoch"])
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    axes.set_ylim(0, 1.03)  # of the right one
    return figure
