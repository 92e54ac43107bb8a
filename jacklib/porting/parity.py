"""A port beside its PyTorch original: values, layers, gradients and one step.

PyTorch runs in a process of its own (see `jacklib.backend.torch_process`); where there is none,
numbers that were stored when the notebooks were built serve.
"""

import argparse
import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jacklib.backend import processes
from jacklib.backend.torch_process import ANSWERS, RECORD, find_torch, process_environment
from jacklib.backend.torch_process import key as digest
from jacklib.core.networks import KEYS
from jacklib.core.networks import network as table_of
from jacklib.core.options import add_options
from jacklib.errors import DataError, check_choice, error_of, refuse_as
from jacklib.files import write_bytes
from jacklib.porting import changes, traps
from jacklib.porting.changes import count_changes, sources
from jacklib.porting.comparison import Comparison, compared, distance, same_shape
from jacklib.porting.recording import Recording


def cmp(name: str, ours: Any, theirs: Any, tolerance: float = 1e-5) -> bool:
    """Print whether two values agree: exactly, approximately, and by how much at most they do not.

    ours, theirs: numbers, arrays or Vars. tolerance: the largest difference that still counts as
    approximately equal, relative to the largest of theirs. Returns whether they are that close.
    """
    ours, theirs = (np.asarray(v.numpy() if hasattr(v, "numpy") else v) for v in (ours, theirs))
    if not same_shape(ours.shape, theirs.shape):
        print(f"{name} | different shapes: {ours.shape} and {theirs.shape}")
        return False
    ours = ours.reshape(theirs.shape)
    floats = ours.dtype.kind == theirs.dtype.kind == "f"
    exact = bool(np.array_equal(ours, theirs, equal_nan=floats))
    if ours.dtype.kind not in "fiub" or theirs.dtype.kind not in "fiub":
        print(f"{name} | exact: {exact}")
        return exact
    far, scale = distance(ours, theirs)
    close = bool(far <= tolerance * max(scale, 1e-30))
    print(f"{name} | exact: {exact} | approximate: {close} | largest difference: {far:.3g}")
    return close


# --- what is compared with ------------------------------------------------------------------------


@dataclass(frozen=True)
class Reference:
    """A PyTorch network, by where it is found, since it never comes into this process.

    network: "package.module:Class" or "path/file.py:Class"; with `code` just "Class".
    options: keyword arguments of the class, or its one argument: a dataclass that both sides can
        import.
    code: PyTorch source as text (torch, nn, F, np are known).
    loss: a function of the network's output and the targets, named like the network.
    """

    network: str
    options: Any = field(default_factory=dict)
    code: str = ""
    loss: str = ""


def answer(reference: Reference, job: dict, arrays: dict[str, np.ndarray]) -> Recording:
    """PyTorch's recording: live, or the stored one of the same job."""
    text = json.dumps(job, sort_keys=True)
    key, python = digest(text, arrays)[:16], find_torch()
    if python is None:
        for path in ANSWERS.glob(f"*_{key}.npz"):
            with contextlib.suppress(DataError):  # a damaged one is none
                return Recording.load(path)
        missing = "numbers stored for this network with these inputs"
        raise error_of("no PyTorch and no answer", reference.network, missing=missing)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).absolute()
        (place / "job.json").write_text(text, encoding="utf-8")
        np.savez(place / "arrays.npz", **arrays)
        words = ["-m", "jacklib.porting.torch_recorder", str(place)]
        done = processes.run_child(words, python=python, capture_output=True, text=True,
            env=process_environment(JACKLIB_NO_JITTOR="1"))  # fmt: skip
        if done.returncode:
            said = place / "error.txt"
            words = said.read_text(encoding="utf-8") if said.exists() else done.stderr[-2000:]
            raise error_of("PyTorch stopped", reference.network, words=words)
        recording = Recording.load(place / "recording.npz")
    if os.environ.get(RECORD):
        recording.save(ANSWERS / f"{os.environ[RECORD]}_{key}.npz")
    return recording


def compare(
    net, reference: Reference | str, inputs: Sequence[Any], *, loss: Callable | None = None,
    targets: Sequence[Any] = (), optimizer: str = "SGD(lr=0.01)", training: bool = False,
    seed: int = 0,
) -> Comparison:  # fmt: skip
    """Put a Jittor network and its PyTorch original through the same pass and the same step.

    net: the port. Weights are mapped by their names: those of the state dicts.
    reference: a `Reference`, or just its name.
    inputs: NumPy arrays (or None), the arguments of both networks.
    loss: of the port's output and the targets; `reference.loss` is the same in PyTorch. Without
        both, an output of one number is the loss, and else a fixed weighted sum of all outputs.
    targets: NumPy arrays.
    optimizer: a call of torch.optim, of which the port takes `jacklib.ops`' counterpart.
    training: whether batch normalisation uses the batch; dropout is off in both.
    seed: the weights are made of it and of their names.

    The port is left as it was. `starts` describes the port's weights as they come: pass the port
    fresh from its constructor. Raises DataError if PyTorch cannot run the reference, or if neither
    PyTorch nor a stored answer is at hand, and ValueError if the port returns nothing.
    """
    import jittor as jt

    from jacklib.porting.jittor_recorder import record_port

    if isinstance(reference, str):
        reference = Reference(reference)
    refuse_as("reference", not reference.code and not all(reference.network.rpartition(":")[::2]),
              "reference", network=reference.network)  # fmt: skip
    for kind, arrays in (("inputs", inputs), ("targets", targets)):
        refuse_as("no list of arrays", not isinstance(arrays, (list, tuple)), kind,
                  kind=type(arrays).__name__, name=kind)  # fmt: skip
    refuse_as("loss on one side", bool(loss) != bool(reference.loss), "loss",
              found="one" if loss else "none",
              theirs=repr(reference.loss) if reference.loss else "none")  # fmt: skip
    arrays = {f"input {i}": np.asarray(a) for i, a in enumerate(inputs) if a is not None}
    arrays |= {f"target {i}": np.asarray(a) for i, a in enumerate(targets)}
    job = vars(reference) | {
        "training": training, "optimizer": optimizer, "seed": seed,
        "input": len(inputs), "target": len(targets),
    }  # fmt: skip
    if is_dataclass(reference.options):
        kind = type(reference.options)
        job["config"] = f"{kind.__module__}:{kind.__qualname__}"
        job["options"] = asdict(reference.options)
    theirs = answer(reference, job, arrays)
    given = [None if a is None else jt.array(np.asarray(a)) for a in inputs]
    wanted = [jt.array(np.asarray(a)) for a in targets]
    ours = record_port(net, theirs, given, wanted, loss, optimizer, training, seed)
    return compared(reference.network.rpartition(":")[2], ours, theirs, training)


# --- the four networks and the command line -------------------------------------------------------


def compare_network(network: str, settings: str = "classroom", seed: int = 0) -> Comparison:
    """One of the four networks beside its reference, with the loss it is trained with.

    network: "vaanet", "cten", "tsl" or "gait". settings: "classroom" or "paper". The inputs are
    random, of the seed. VAANet and CTEN at the paper's size run one video in evaluation mode, the
    others in training mode. Raises DataError for other names and if PyTorch is absent.
    """
    from jacklib import networks
    from jacklib.networks import losses

    table = table_of(network)
    check_choice("settings", settings, ("classroom", "paper"))
    config = getattr(table.config, settings)()
    net = getattr(networks, table.kind)(config)
    # Few values in a batch normalisation and values next to a ReLU's 0 magnify rounding: these
    # numbers of clips keep clear of both with seed 0.
    batch = {"vaanet": 2, "cten": 4, "tsl": 1, "gait": 4}[network]
    training = settings == "classroom" or network in ("tsl", "gait")
    inputs, targets = table.passes(config, batch if training else 1, seed, 24)[0]
    loss = f"{network}_loss"
    reference = Reference(
        f"jacklib.reference:{table.kind}", config, loss=f"jacklib.reference.losses:{loss}"
    )
    return compare(
        net, reference, inputs, loss=getattr(losses, loss), targets=targets, training=training
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    tools = parser.add_subparsers(dest="what", required=True, metavar="check | compare | changes")
    for tool, words in (
        ("check", "find traps in a port's source"),
        ("compare", "a network beside its PyTorch reference"),
        ("changes", "how many lines a port changes, by kind"),
    ):
        file, told = Path(__file__).with_name("options.yaml"), tools.add_parser(tool, help=words)
        add_options(told, file, tool, networks=KEYS)
    told.epilog = "; ".join(f"{kind}: {words}" for kind, words in changes.KINDS.items())


def main(args: argparse.Namespace) -> int:
    """Carry out `porting`; 1 where a port is not equal or a file has traps."""
    if args.what == "check":
        return traps.check_files(args.paths)
    if args.what == "changes":
        if args.network:
            for row in changes.side_by_side(*sources(args.network)):
                if row.kind in changes.KINDS:
                    sides = (("-", row.reference), ("+", row.port))
                    for i, (sign, line) in enumerate(s for s in sides if s[1] is not None):
                        print(f"{row.kind if i == 0 else '':9} {sign} {line.strip()}")
            print()
        print(changes.table(count_changes(args.network)))
        return 0
    missing = args.picture and not Path(args.picture).resolve().parent.is_dir()
    refuse_as("no folder to write to", missing, args.picture)
    found = compare_network(args.network, args.settings, args.seed)
    print(found.table(args.all))
    if args.json:
        found.save(args.json)
    if args.picture:
        from jacklib.porting.picture import comparison_figure
        from jacklib.widgets.drawing import png_bytes

        write_bytes(args.picture, png_bytes(comparison_figure(found)))
    return int(not found.ok)
