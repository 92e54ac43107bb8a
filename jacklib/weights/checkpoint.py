"""Weights in and out, and training states from which a run goes on exactly.

`load_weights` takes the released PyTorch files, Jittor's, safetensors and our own checkpoints,
whatever they end in. Everything written is a PyTorch zip file, which
`torch.load(path, weights_only=True)` reads back.

What a file says besides its weights is checked here, where it is read: options by `read_options`,
a training state by `load_training`. Whoever uses them need not ask again what they are.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np

from jacklib.errors import DataError, error_of, plain, refuse, refuse_as, said, shown, some
from jacklib.files import file_name
from jacklib.weights import torch_files

# nested: the keys under which released files keep their weights. wrappers: what PyTorch's wrappers
# (DataParallel, torch.compile, FSDP) put into names. kinetics: slots of `resnet3d`'s Sequential by
# the names of Kinetics files. options, progress: the least and the largest value of each number
# that is no size of a network (those are its config's to check). texts: options that are text.
_ENTRIES = json.loads(Path(__file__).with_name("file_entries.json").read_text("utf-8"))
KINETICS_SLOTS = _ENTRIES["kinetics"]


@dataclass
class LoadReport:
    """What `load_weights` did with each key."""

    matched: list[str] = field(default_factory=list)  # loaded
    missing: list[str] = field(default_factory=list)  # wanted by the network, not in the file
    unexpected: list[str] = field(default_factory=list)  # in the file, not in the network
    # {key: (shape in the file, shape in the network)}
    mismatched: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    prefix: str = ""  # of all names of the file, such as "module.", and not of the network's

    @property
    def complete(self) -> bool:
        """Whether every entry of both sides found its partner."""
        return not (self.missing or self.unexpected or self.mismatched)

    def __str__(self) -> str:
        shapes = [
            f"{k} {list(have)} for {list(want)}" for k, (have, want) in self.mismatched.items()
        ]
        kinds = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": shapes}
        lines = [f"{len(self.matched)} entries loaded"]
        lines += [f"without {plain(self.prefix)} before their names"] * bool(self.prefix)
        return "; ".join(lines + [f"{len(v)} {k}: {some(v)}" for k, v in kinds.items() if v])


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds, read once: for `load_weights`, and its `options`."""

    path: str
    content: Any

    @property
    def options(self) -> dict[str, Any]:
        """See `read_options`."""
        content = self.content if isinstance(self.content, Mapping) else {}
        options, progress = content.get("options"), content.get("progress")
        if options is None and isinstance(progress, Mapping):
            options = progress.get("options")
        return {} if options is None else _checked_options(options, self.path)


Source = Mapping | Checkpoint | str | os.PathLike


@contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
    """Around what takes values from a file: an error about one of them names the file too."""
    try:
        yield
    except DataError as error:
        raise DataError(
            f"{path}, {error.what}", found=error.found, wanted=error.wanted, cure=error.cure
        ) from None


def read_checkpoint(path: str | os.PathLike) -> Checkpoint:
    """A file of PyTorch's, Jittor's or safetensors, which its content tells apart. Raises DataError
    if it is none."""
    if torch_files.is_safetensors(path):
        weights, options = torch_files.read_safetensors(path)
        return Checkpoint(os.fspath(path), {"state_dict": weights, "options": options})
    return Checkpoint(os.fspath(path), torch_files.read_torch_file(path))


def read_weights(source: Source, wanted: Collection[str] = ()) -> dict[str, np.ndarray]:
    """The state dict in a file or a dict, as NumPy arrays. What all names begin with, and those
    wanted do not, is taken off. Raises DataError if there is none."""
    arrays = _weights(source)[1]
    prefix = _foreign_prefix(arrays, wanted)
    return {key[len(prefix) :]: value for key, value in arrays.items()}


def _weights(source: Source) -> tuple[str, dict[str, np.ndarray]]:
    """What messages call the source, and its arrays by the names that it gives them."""
    if isinstance(source, Mapping):
        source = Checkpoint("weights", source)
    elif not isinstance(source, Checkpoint):
        source = read_checkpoint(source)
    name, content = source.path, source.content
    if not isinstance(content, Mapping):
        raise _no_weights(name, shown(content))
    level = [("", content)]
    for _ in range(4):  # wrappers inside of wrappers
        parts = [(k, part[k]) for _, part in level for k in _ENTRIES["nested"] if k in part]
        level = [pair for pair in parts if isinstance(pair[1], Mapping)][:1] or level
        tables = [(key, _arrays(part)) for key, part in level]
        tables = [(k, t) for k, t in tables if any(array.ndim for array in t.values())]
        if len(tables) == 1:  # also under a name that we do not know, it can be nothing else
            return name, tables[0][1]
        if tables:
            raise _no_weights(name, f"several tables of arrays, {some([k for k, _ in tables])}")
        parts = [pair for _, part in level for pair in part.items()]
        # A file may point to one table a million times.
        level = list({id(v): (str(k), v) for k, v in parts if isinstance(v, Mapping)}.values())
    raise _no_weights(name, f"no arrays under the keys {some([str(k) for k in content])}")


def _arrays(content: Mapping) -> dict[str, np.ndarray]:
    arrays = {}
    for key, value in content.items():
        value = value.numpy() if isinstance(value, jt.Var) else value
        if isinstance(value, np.ndarray | np.number | bool | int | float):
            array = np.asarray(value)
            if array.dtype.kind in "biufc":
                arrays[str(key)] = array
    return arrays


def _no_weights(name: str, found: str) -> DataError:
    return error_of("no weights in it", name, found=found)


def load_weights(net: jt.nn.Module, source: Source, strict: bool = True) -> LoadReport:
    """Load a state dict, or a file of PyTorch's, Jittor's or safetensors, into `net`.

    PyTorch's `num_batches_tracked` is neither wanted nor missed; what tools put before all names or
    into some (`module.`, `_orig_mod.`) is taken off where the network has no such names. Tied
    weights may be there under one of their names or all. With strict, nothing is loaded unless
    every entry fits; without, what fits is loaded and the report says what did not.

    Raises DataError (a ValueError) listing what does not fit, if strict; naming an entry whose
    values are no real numbers, or two that differ though the network ties them.
    """
    own, names = net.state_dict(), _every_name(net)
    inner = {_unwrapped(key): key for key in names}
    name, given = _weights(source)
    given = {k: v for k, v in given.items() if not k.endswith("num_batches_tracked")}
    report = LoadReport(prefix=_foreign_prefix(given, names))
    found: dict[str, str] = {}  # entries of the network: their names in the file
    for key, value in given.items():
        ours = key[len(report.prefix) :]
        entry = names.get(ours) or names.get(inner.get(_unwrapped(ours), ""))
        if entry is None:
            report.unexpected.append(ours)
            continue
        same = np.array_equal(value, given[found.setdefault(entry, key)], equal_nan=True)
        refuse_as("tied", not same, name, found=found[entry], key=key, kind=type(net).__name__)
    report.missing = [key for key in own if key not in found]
    for entry, key in found.items():
        shape, wanted = given[key].shape, tuple(own[entry].shape)
        # Jittor has no 0-d arrays: a scalar parameter is [1] here.
        if shape == wanted or (shape == () and wanted == (1,)):
            report.matched.append(entry)
        else:
            report.mismatched[entry] = (shape, wanted)
    refuse_as("weights that do not fit", strict and not report.complete, name, report=report,
              n=len(own), kind=type(net).__name__, cure=_cure(report))  # fmt: skip
    values = {
        entry: _numbers(given[found[entry]], str(own[entry].dtype), f"{name}, {found[entry]}")
        for entry in report.matched
    }
    for key, value in values.items():
        own[key].assign(jt.array(value.reshape(own[key].shape)).cast(own[key].dtype))
    return report


def _every_name(net: jt.nn.Module) -> dict[str, str]:
    """All names in a network, and what its `state_dict` calls each: a tied Var has several, and is
    there under the first."""
    first = {id(value): name for name, value in net.state_dict().items()}
    names = {}
    for path, part in net.named_modules():
        parts = part.params if isinstance(part, jt.nn.ParameterList) else vars(part)
        for key, value in parts.items():
            if id(value) in first and not str(key).startswith("_"):
                names[f"{path}.{key}".lstrip(".")] = first[id(value)]
    return names


def _unwrapped(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _ENTRIES["wrappers"])


def _foreign_prefix(given: Mapping[str, Any], own: Collection[str]) -> str:
    """What all names in `given` begin with, if some of the rest are the network's own names."""
    prefix = ""
    while not any(key[len(prefix) :] in own for key in given):
        heads = {key[len(prefix) :].partition(".")[:2] for key in given}
        head = "".join(heads.pop()) if len(heads) == 1 else ""
        if not head.endswith("."):
            return ""
        prefix += head
    return prefix


def _numbers(array: np.ndarray, dtype: str, where: str) -> np.ndarray:
    is_complex = array.dtype.kind == "c"
    with np.errstate(over="ignore", invalid="ignore"):
        # NumPy has no bfloat16.
        values = array if is_complex else array.astype(dtype.replace("bfloat16", "float32"))
    finite = np.isfinite(array).all() and np.isfinite(values).all()
    refuse_as("no finite weights", is_complex or not finite, where,
              found="complex numbers" if is_complex else "NaN or infinite values")  # fmt: skip
    return values


def _cure(report: LoadReport) -> str:
    for key, (found, wanted) in report.mismatched.items():
        if key.endswith("fc.weight") and found[1:] == wanted[1:]:
            return said("other classes", found=found[0], wanted=wanted[0])
    if report.mismatched:
        return "Build the network with the options that the file was trained with."
    return "Check that the file belongs to this network; strict=False loads what fits."


def load_kinetics_backbone(resnet: jt.nn.Module, path: str | os.PathLike) -> LoadReport:
    """Load a Kinetics-trained 3D ResNet (`resnet-101-kinetics.pth`, `r3d101...`) into a backbone:
    names (conv1, bn1, layer1...) become slots, the classifier is left out. Raises DataError if the
    backbone would stay incomplete."""
    heads = {slot: head for head, slot in KINETICS_SLOTS.items()}
    own = [key.partition(".") for key in resnet.state_dict()]
    given = read_weights(path, {f"{heads.get(slot)}.{rest}" for slot, _, rest in own})
    parts = [(*key.partition("."), value) for key, value in given.items()]
    renamed = {f"{KINETICS_SLOTS[h]}.{rest}": v for h, _, rest, v in parts if h in KINETICS_SLOTS}
    if not renamed:
        raise _no_weights(os.fspath(path), "no conv1, bn1 or layer1 to layer4")
    try:
        return load_weights(resnet, renamed)
    except DataError as error:
        raise error_of("no ResNet-101", os.fspath(path), found=error.found) from None


def save_weights(
    net: jt.nn.Module, path: str | os.PathLike, options: Mapping[str, Any] | None = None
) -> Path:
    """Write the weights, whole or not at all; PyTorch's `load_state_dict` takes "state_dict".
    options: plain values that say how the network is built and what it was trained on."""
    weights = {key: value.numpy() for key, value in net.state_dict().items()}
    torch_files.write_torch_file(path, {"state_dict": weights, "options": dict(options or {})})
    return Path(path)


def read_options(path: str | os.PathLike) -> dict[str, Any]:
    """The options that a checkpoint of ours carries; {} for a file from elsewhere. They are plain
    values by name (None, bool, int, float, text, or a list of these), `class_names` among them
    distinct names that may be those of files; else a DataError names file and option."""
    return read_checkpoint(path).options


# --- what a file says besides its weights ---------------------------------------------------------

_LONGEST_TEXT, _LONGEST_LIST = 1000, 10_000


def _checked_options(options: Any, path: str) -> dict[str, Any]:
    right = isinstance(options, Mapping) and len(options) <= 1000
    _demand(right, path, "options", options, "a table of options")
    for name, value in options.items():
        right = type(name) is str and len(name) <= 100
        _demand(right, path, "options", name, "a table with names of options")
        where, parts = f"option {name}", value if isinstance(value, list | tuple) else [value]
        right = len(parts) <= _LONGEST_LIST and all(map(_is_plain, parts))
        _demand(right, path, where, value, "a plain value, or a list of them")
        if name in _ENTRIES["options"]:
            _check_number(path, where, value, *_ENTRIES["options"][name])
        elif name in _ENTRIES["texts"]:
            _demand(isinstance(value, str), path, where, value, "text")
        elif name == "class_names":
            names = {file_name(part, f"{path}, {where}") for part in parts}
            right = isinstance(value, list | tuple) and 0 < len(value) == len(names) <= 1000
            right = right and all(len(part) <= 100 for part in names)
            wanted = "1 to 1,000 names, each once, of at most 100 letters"
            _demand(right, path, where, value, wanted)
    return dict(options)


def _is_plain(value: Any) -> bool:
    if type(value) is str:
        return len(value) <= _LONGEST_TEXT
    return value is None or type(value) in (bool, int, float)


def _checked_progress(progress: Any, path: str, needed: Sequence[str]) -> dict[str, Any]:
    _demand(isinstance(progress, Mapping), path, "progress", progress, "a table")
    for name in needed:
        _demand(name in progress, path, f"progress, {name}", None, "the run's own")
    for name, value in progress.items():
        where = f"progress, {shown(name)}"
        if name in _ENTRIES["progress"]:
            _check_number(path, where, value, *_ENTRIES["progress"][name], whole=name != "best")
        elif name == "sums":
            right = isinstance(value, list | tuple) and len(value) == 4
            _demand(right, path, where, value, "four numbers")
            for number in value:
                _check_number(path, where, number, -1e300, 1e300)
        elif name == "history":
            _check_history(path, value)
        elif name == "options":
            _checked_options(value, path)
        else:
            _demand(_is_plain(name) and _is_plain(value), path, where, value, "a plain value")
    return dict(progress)


def _check_history(path: str, history: Any) -> None:
    """Rows of numbers by name, all with the same names, one per epoch."""
    where = "progress, history"
    right = isinstance(history, list) and all(isinstance(row, Mapping) for row in history)
    _demand(right, path, where, history, "a list of tables")
    for number, row in enumerate(history, start=1):
        epoch = row.get("epoch")
        numbered = type(epoch) is int and epoch == number  # of an array, == gives an array
        right = numbered and row.keys() == history[0].keys() and len(row) <= 100
        _demand(right, path, where, row, f"a row with epoch {number} and the others' names")
        for name, value in row.items():
            right = type(name) is str and len(name) <= 100
            _demand(right, path, where, name, "names of numbers")
            _demand(type(value) in (int, float), path, f"{where}, {name}", value, "a number")


def _check_number(
    path: str, where: str, value: Any, least: float, most: float, whole: bool = False
) -> None:
    wanted = f"a {'whole ' if whole else ''}number from {least:g} to {most:g}"
    right = type(value) in ((int,) if whole else (int, float)) and least <= value <= most
    _demand(right, path, where, value, wanted)


def _demand(right: bool, path: str, where: str, value: Any, wanted: str) -> None:
    refuse(not right, f"{path}, {where}", found="nothing" if value is None else shown(value),
           wanted=wanted, cure="The file is damaged, or not JACK's: take another.")  # fmt: skip


def save_training(
    path: str | os.PathLike, net: jt.nn.Module, optimizer, progress: Mapping[str, Any]
) -> Path:
    """Write, whole or not at all, what a run needs to go on: weights, optimizer and `progress`,
    plain values (epoch, batches done in it, seed, history, options ...). The loader's order, the
    augmentation and the network's random numbers follow from (seed, epoch, batch), so these numbers
    are the sampler's state and the random state too."""
    weights = {key: value.numpy() for key, value in net.state_dict().items()}
    state = {"optimizer": optimizer.state_dict(), "progress": dict(progress)}
    torch_files.write_torch_file(path, {"state_dict": weights, **state})
    return Path(path)


def load_training(
    path: str | os.PathLike, net: jt.nn.Module, optimizer, needed: Sequence[str] = ()
) -> dict[str, Any]:
    """Take over what `save_training` wrote and return its `progress`, which must have what is
    needed. Raises DataError if the file has weights alone, belongs to another network, or has
    a damaged part."""
    file = read_checkpoint(path)
    content = file.content
    refuse_as("no training state",
              not isinstance(content, Mapping) or not {"optimizer", "progress"} <= content.keys(),
              file.path)  # fmt: skip
    progress = _checked_progress(content["progress"], file.path, needed)
    load_weights(net, Checkpoint(file.path, content.get("state_dict")))
    with naming(file.path):
        optimizer.load_state_dict(content["optimizer"])
    return progress
