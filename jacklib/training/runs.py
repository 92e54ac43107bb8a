"""A training run: what it is asked to be, whose its folder is, what goes on from an earlier one."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import jittor as jt
import numpy as np

from jacklib.errors import DataError, DiskError, refuse_as, said
from jacklib.files import LOCK, locked, sweep, whole_folder, write_bytes
from jacklib.ops import Optimizer
from jacklib.training import parallel
from jacklib.weights.checkpoint import load_training, read_options, save_weights
from jacklib.weights.torch_files import read_torch_file


@dataclass(frozen=True)
class Run:
    """Where a training run's results go, and how it starts, saves and shows itself.

    score, unit and settings are set by a network's `train`.
    """

    result_path: str | os.PathLike  # gets last.pth (to go on), best.pth, log.csv, tensorboard/
    seed: int = 0  # of every random number in it
    # A last.pth of the same run, to go on from; of a complete one, what is missing is written.
    resume: str | os.PathLike | None = None
    save_every: int = 0  # also write last.pth after that many batches
    show: bool = True  # a bar, and lines or curves; without it a run is silent
    # Plain values that checkpoints carry along: how the network is built, and what else a run that
    # goes on must have the same.
    options: Mapping[str, Any] = field(default_factory=dict)
    score: str = "val_accuracy"  # the evaluation's number whose largest value decides on best.pth
    unit: str = "epoch"  # what lines on the screen call an epoch, if it is no pass over the data
    # The data, and whatever else decides how the run goes: a notebook that waited for another's run
    # takes that over only if they are the same.
    settings: Any = None

    @classmethod
    def of(cls, run: Run | str | os.PathLike) -> Run:
        """A run as it is; a path as the run whose results go there."""
        return run if isinstance(run, Run) else cls(run)

    @property
    def folder(self) -> Path:
        """`result_path` as a Path."""
        return Path(self.result_path)


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, where figures can be shown."""
    # Whether a kernel runs, not whether somebody imported one's modules.
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None) is not None


_OWNED: set[Path] = set()


@contextmanager
def owned(folder: str | os.PathLike, name: str) -> Iterator[bool]:
    """Hold a result folder for a training of network `name`; gives whether it had to wait. Within
    such a block of the same process it holds already. Of several processes number 0 does it. Raises
    DataError if another process holds it (a notebook waits instead), DiskError if it cannot be
    written."""
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


# What a run leaves that a new one in the same folder would replace.
KEPT = ("best.pth", "best.doubt.safetensors", "last.pth", "log.csv", "report.json")
# What the state of a run always contains.
_PROGRESS = ("epoch", "batch", "sums", "best", "history", "seed", "n_batches")


def begin(
    run: Run, net: jt.nn.Module, optimizer: Optimizer, n_batches: int, n_epochs: int, rates: Any
) -> dict[str, Any]:
    """The state that a run starts from: a new one, or that of `run.resume`, loaded."""
    progress = {"epoch": 0, "batch": 0, "sums": [0.0, 0, 0, 0.0], "best": -1.0, "history": []}
    first_process = parallel.rank() == 0
    goes_on = run.resume is not None and same_file(run.folder / "last.pth", run.resume)
    if first_process and not goes_on and not in_notebook():
        _keep_earlier(run)
    if run.resume is not None:
        progress = _resumed(run, net, optimizer, n_batches, n_epochs, rates)
    jt.sync_all()  # lazy initial weights are drawn now, from the caller's seed, not a batch's
    if first_process:
        _check_room(run.folder, net)
    if in_notebook() and run.settings is not None:
        whole = (
            net.state_dict(), optimizer.groups, run.seed, n_batches, n_epochs, dict(run.options),
            run.settings,
        )  # fmt: skip
        progress["run"] = _digest(whole)
    return progress


def _keep_earlier(run: Run) -> None:
    """What another run left in the folder gets a name in earlier-N/ beside the one it has, which
    this run's first files take over: a run that ends before that, or is killed here, has changed
    nothing. Raises DiskError if the system refuses."""
    there = [name for name in KEPT if (run.folder / name).exists()]
    if not {"best.pth", "last.pth"} & set(there):
        return
    number = 1
    while os.path.lexists(run.folder / f"earlier-{number}"):
        number += 1
    last = run.folder / f"earlier-{number - 1}"  # of a run that had written nothing
    if all(same_file(run.folder / name, last / name) for name in there):
        return
    kept = run.folder / f"earlier-{number}"
    with whole_folder(kept) as making:
        for name in there:
            try:
                os.link(run.folder / name, making / name)
            except OSError:  # a disk without links
                shutil.copyfile(run.folder / name, making / name)
    if run.show:
        print(said("earlier run", names=", ".join(there), kept=kept), file=sys.stderr)


def _check_room(folder: Path, net: jt.nn.Module) -> None:
    """Raise DiskError, before hours of work, where the first checkpoint would find no room."""
    size = sum(4 * value.numel() for value in net.state_dict().values())
    if shutil.disk_usage(folder).free < 2 * size:  # in best.pth and, at least once, in last.pth
        raise DiskError(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), folder)


def check_resumed(path: str | os.PathLike | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options in the file that a run goes on from; {} where there is none. Raises DataError
    unless this run has the same, as far as the file says; only n_steps may change."""
    saved = read_options(path) if path else {}
    _check_same(path, saved, {k: v for k, v in options.items() if k != "n_steps"})
    return saved


def _check_same(path: Any, have: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name in filter(have.__contains__, wanted):
        # A file gives lists back where tuples went in.
        one, other = (tuple(v) if isinstance(v, list) else v for v in (have[name], wanted[name]))
        refuse_as("another run", one != other, os.fspath(path), name=name, have=have[name],
                  wanted=wanted[name])  # fmt: skip


def _resumed(
    run: Run, net: jt.nn.Module, optimizer: Optimizer, n_batches: int, n_epochs: int, rates: Any
) -> dict[str, Any]:
    """The state of the run that wrote `run.resume`, loaded. Raises DataError if it is no such run,
    or was begun with other options, or learned at another rate in its last step."""
    path = os.fspath(run.resume)
    check_resumed(path, run.options)
    asked = [dict(group) for group in optimizer.groups]
    progress = load_training(path, net, optimizer, _PROGRESS)
    _check_same(path, progress, {"seed": run.seed, "n_batches": n_batches})
    # The optimizer now has the file's numbers, whatever it was made with.
    done = progress["epoch"] * n_batches + progress["batch"]
    if rates and 0 < done <= n_epochs * n_batches:
        for group, rate in zip(asked, rates(*divmod(done - 1, n_batches)), strict=True):
            group["lr"] = rate
    for have, wanted in zip(optimizer.groups, asked, strict=True):
        _check_same(path, have, {k: v for k, v in wanted.items() if k != "params"})
    refuse_as("run beyond its end", (progress["epoch"], progress["batch"]) > (n_epochs, 0), path,
              n_epochs=n_epochs, progress=progress["epoch"])  # fmt: skip
    return progress


def restore_best(run: Run, net: jt.nn.Module, progress: dict[str, Any]) -> None:
    """best.pth of a run that goes on, as it was when `run.resume`, now in `net`, was written."""
    folder, resume = run.folder, Path(run.resume)
    rows = [row for row in progress["history"] if row.get(run.score) == progress["best"]]
    if not rows:
        return
    epoch, options = rows[0]["epoch"], progress.get("options", {})
    best, beside = folder / "best.pth", resume.with_name("best.pth")
    if (progress["epoch"], progress["batch"]) == (epoch, 0):  # a stop may have come before it
        save_weights(net, best, options | {"epoch": epoch})
    elif is_best(beside, epoch, options):
        if not same_file(best, beside):
            write_bytes(best, beside.read_bytes())
    elif not is_best(best, epoch, options):
        print(said("no best weights", epoch=epoch, folder=folder, resume=resume), file=sys.stderr)


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


def same_file(one: str | os.PathLike, other: str | os.PathLike) -> bool:
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


def taken_over(
    run: Run, net: jt.nn.Module, optimizer: Optimizer, wanted: dict[str, Any], n_epochs: int
) -> list[dict[str, float]] | None:
    """The history of the same run that another process has just finished here, and `net` as it was
    at its end; None if it was another run, or was not finished. wanted: what `begin` gave."""
    path = run.folder / "last.pth"
    try:
        progress = read_torch_file(path)["progress"]
        if (progress["run"], progress["epoch"]) != (wanted["run"], n_epochs):
            return None
    except (DataError, OSError, LookupError, TypeError):
        return None
    history = load_training(path, net, optimizer)["history"]
    net.eval()
    return history


def made_before(run: Run, progress: Mapping[str, Any]) -> bool:
    """Whether the same run, made before, was put into the run's folder: where forty notebooks of
    one lesson are marked, JACK_TRAINED names a folder that keeps what the first one trained."""
    kept = _made(progress)
    if kept is None or not (kept / "last.pth").is_file():
        return False
    for name in ("best.pth", "last.pth"):
        write_bytes(run.folder / name, (kept / name).read_bytes())
    return True


def keep_made(run: Run, progress: Mapping[str, Any]) -> None:
    """Keep a finished run for `made_before`."""
    kept = _made(progress)
    if kept is not None and not (kept / "last.pth").exists():
        for name in ("best.pth", "last.pth"):
            write_bytes(kept / name, (run.folder / name).read_bytes())


def _made(progress: Mapping[str, Any]) -> Path | None:
    folder = os.environ.get("JACK_TRAINED")
    return Path(folder) / progress["run"] if folder and "run" in progress else None


def _digest(value: Any) -> str:
    """A fingerprint of plain values, arrays, Vars, and objects that consist of them; of these
    counts what they show: attributes without an underscore."""
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
