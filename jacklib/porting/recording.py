"""What a network does in one pass and one training step, layer by layer, as NumPy arrays.

Both frameworks fill the same `Recording`: Jittor's side is in `jacklib.porting.jittor_recorder`,
PyTorch's in `jacklib.porting.torch_recorder`. `save` keeps a sample of every array, so that the
numbers of a whole network fit into a small file; `load` gives them back where PyTorch is absent.
"""

from __future__ import annotations

import ast
import functools
import itertools
import json
import os
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from jacklib.errors import refuse_as
from jacklib.files import read_arrays, reading, whole_file

KEPT = 256  # numbers of an array that a file keeps, evenly spread
PLAIN = ("framework", "loss", "later_loss", "starts", "buffers", "sizes")  # of a recording


class Event(NamedTuple):
    """A tensor on its way into a layer or out of it."""

    layer: str  # the module's name in the network; "" is the network
    kind: str  # the module's class
    call: int  # 0 at the module's first call
    way: str  # "in" or "out"
    part: int  # which of the tensors that go this way
    shape: tuple[int, ...]
    value: np.ndarray
    gradient: np.ndarray | None = None  # of the loss; None: none came here

    @property
    def key(self) -> tuple[str, int, str, int]:
        """What the same tensor of the other framework has too."""
        return self.layer, self.call, self.way, self.part

    def holding(self, value: np.ndarray, gradient: np.ndarray | None) -> Event:
        return self._replace(shape=value.shape, value=value, gradient=gradient)


class Start(NamedTuple):
    """A parameter as the constructor made it."""

    shape: tuple[int, ...]
    mean: float
    std: float


@dataclass
class Recording:
    """Everything that is compared."""

    framework: str  # with its version
    loss: float = float("nan")
    later_loss: float = float("nan")  # after one step
    events: list[Event] = field(default_factory=list)  # in the order in which they happened
    starts: dict[str, Start] = field(default_factory=dict)
    buffers: dict[str, tuple[int, ...]] = field(default_factory=dict)  # what is not trained: shapes
    gradients: dict[str, np.ndarray | None] = field(default_factory=dict)  # by parameter
    changes: dict[str, np.ndarray] = field(default_factory=dict)  # by the step; buffers too
    sizes: dict[str, float] = field(default_factory=dict)  # the largest number of each of these
    sampled: bool = False

    def save(self, path: str | os.PathLike, *, whole: bool = False) -> None:
        """Write a sample of every array, or the whole. Nothing is left half written."""
        arrays = {f"v{i}": event.value for i, event in enumerate(self.events)}
        arrays |= {f"g{i}": event.gradient for i, event in enumerate(self.events)}
        arrays |= {f"w {name}": gradient for name, gradient in self.gradients.items()}
        arrays |= {f"c {name}": change for name, change in self.changes.items()}
        known: dict[tuple, str] = {}  # what leaves a layer goes into the next: one copy is enough
        kept: dict[str, np.ndarray] = {}
        copies: dict[str, str] = {}
        for name, array in arrays.items():
            if array is not None:
                array = np.asarray(array) if whole else sample(array)
                first = known.setdefault((array.shape, array.dtype.str, array.tobytes()), name)
                if first == name:
                    kept[name] = array
                else:
                    copies[name] = first
        facts = {
            **{name: getattr(self, name) for name in PLAIN},
            "events": [e[:6] for e in self.events], "sampled": not whole, "copies": copies,
            "silent": [n for n, g in self.gradients.items() if g is None],
        }  # fmt: skip
        kept["facts"] = np.array(json.dumps(facts))
        with whole_file(path) as new, open(new, "wb") as file:
            (np.savez if whole else np.savez_compressed)(file, **kept)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Recording:
        """What `save` wrote. Raises DataError, naming the file, if it is missing or damaged."""
        wanted, cure = "a recording that `save` wrote", "Record it again."
        arrays = read_arrays(path, wanted, cure)
        with reading(path, wanted, cure):
            facts = json.loads(str(arrays["facts"]))
            arrays |= {n: arrays[first] for n, first in facts.get("copies", {}).items()}
            events = [
                Event(*e[:5], tuple(e[5]), arrays[f"v{i}"], arrays.get(f"g{i}"))
                for i, e in enumerate(facts["events"])
            ]
            gradients: dict[str, Any] = dict.fromkeys(facts["silent"])
            gradients |= {n[2:]: a for n, a in arrays.items() if n.startswith("w ")}
            return cls(
                framework=facts["framework"], loss=float(facts["loss"]),
                later_loss=float(facts["later_loss"]), events=events,
                starts={n: Start(tuple(s), m, d) for n, (s, m, d) in facts["starts"].items()},
                buffers={n: tuple(s) for n, s in facts["buffers"].items()}, gradients=gradients,
                changes={n[2:]: a for n, a in arrays.items() if n.startswith("c ")},
                sizes=facts["sizes"], sampled=facts["sampled"],
            )  # fmt: skip


def sample(array: np.ndarray) -> np.ndarray:
    """KEPT numbers of an array, evenly spread over it; all where it has fewer."""
    flat = np.asarray(array).ravel()
    if flat.size <= KEPT:
        return flat
    return flat[np.linspace(0, flat.size - 1, KEPT).astype(np.int64)]


def named_weight(name: str, shape: Iterable[int], seed: int = 0) -> np.ndarray:
    """Weights that follow from a parameter's name, so that both frameworks have the same.

    Normal; by sqrt(2 / fan-in) for matrices and filters, near 1 for the slopes and variances of
    normalisations, small for the rest.
    """
    shape = tuple(shape)
    z = np.random.default_rng([seed, zlib.crc32(name.encode())]).standard_normal(shape)
    leaf = name.rpartition(".")[2]
    if leaf == "running_var":
        z = 1 + 0.2 * np.abs(z)
    elif leaf == "weight" and len(shape) == 1:
        z = 1 + 0.1 * z
    else:
        z = z * (np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1)
    return np.asarray(z, np.float32)


def is_statistic(name: str) -> bool:
    """Whether a buffer's name is that of a batch normalisation's statistic."""
    return name.rpartition(".")[2] in ("running_mean", "running_var")


def mapped(value: Any, is_tensor: Callable[[Any], bool], function: Callable) -> Any:
    """The same value with `function` of every tensor in its place."""
    if is_tensor(value):
        return function(value)
    if isinstance(value, dict):
        return {k: mapped(v, is_tensor, function) for k, v in value.items()}
    if isinstance(value, list):
        return [mapped(v, is_tensor, function) for v in value]
    if isinstance(value, tuple):
        parts = [mapped(v, is_tensor, function) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def projection(index: int, shape: Iterable[int]) -> np.ndarray:
    """Weights of an output in the loss that stands in where none is given: the sum over all outputs
    of the mean of the output times these."""
    z = np.random.default_rng([7, index]).standard_normal(tuple(shape))
    return np.asarray(z / max(z.size, 1), np.float32)


def start_of(array: np.ndarray) -> Start:
    """Shape, mean and standard deviation of a parameter."""
    array = np.asarray(array, np.float64)
    return Start(array.shape, float(array.mean()), float(array.std()))


# --- what both frameworks' sides do ---------------------------------------------------------------


class Watch:
    """Notes every tensor of floats that goes into a module of a network or comes out of it.

    Modules get and give copies: the gradient of one is what came along this way alone, whatever
    else the tensor is used for. A second copy goes on, because what comes later may write into its
    tensor (x += y) and would change what is noted.

    method: what a module runs, "forward" or "execute". copied: makes the copy that is noted.
    tensor: makes one of an array.
    """

    def __init__(
        self, net: Any, method: str, is_float: Callable, copied: Callable, tensor: Callable
    ):
        self.method, self.is_float, self.copied, self.tensor = method, is_float, copied, tensor
        self.notes: list[tuple[Event, Any]] = []  # events without values, and the copies
        modules: dict[int, tuple[str, Any]] = {}
        for name, module in net.named_modules():
            modules.setdefault(id(module), (name, module))  # a shared one counts once
        self.own = [(module, vars(module).get(method)) for _, module in modules.values()]
        for name, module in modules.values():
            self._watch(name, module)

    def _watch(self, name: str, module: Any) -> None:
        run, calls = getattr(module, self.method), itertools.count()

        def watched(*args, **kwargs):
            call = next(calls)
            args, kwargs = self._noted(name, module, call, "in", (args, kwargs))
            return self._noted(name, module, call, "out", run(*args, **kwargs))

        vars(module)[self.method] = watched

    def _noted(self, name: str, module: Any, call: int, way: str, value: Any) -> Any:
        parts, kind = itertools.count(), type(module).__name__

        def note(tensor):
            held = self.copied(tensor)
            self.notes.append((Event(name, kind, call, way, next(parts), (), None), held))
            return held.clone()

        return mapped(value, self.is_float, note)

    def loss(self, output: Any, criterion: Callable | None, targets: list) -> Any:
        """The given loss; without one, a single number is its own loss, and else `projection`'s."""
        if criterion is not None:
            return criterion(output, *targets)
        outputs: list = []
        mapped(output, self.is_float, outputs.append)
        refuse_as("no output", not outputs, "net", kind=type(output).__name__, method=self.method)
        if len(outputs) == 1 and outputs[0].numel() == 1:
            return outputs[0].sum()
        weights = (self.tensor(projection(i, output.shape)) for i, output in enumerate(outputs))
        first, *rest = [(o * weight).sum() for o, weight in zip(outputs, weights, strict=True)]
        return sum(rest, first)

    def close(self) -> None:
        """Stop; every module is as it was."""
        for module, method in self.own:
            vars(module).pop(self.method, None)
            if method is not None:
                vars(module)[self.method] = method


def optimizer_of(text: str, package: Any) -> Callable:
    """What makes the optimizer of a call such as "SGD(lr=0.01)" for a list of parameters."""
    call = ast.parse(text, mode="eval").body
    options = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
    return functools.partial(getattr(package, call.func.id), **options)
