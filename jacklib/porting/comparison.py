"""What two recordings of a network have in common and where they part; NumPy only."""

import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import numpy as np

from jacklib.errors import said, some
from jacklib.files import filled, write_json
from jacklib.porting.recording import Event, Recording, Start, is_statistic, sample

# The largest relative differences that count as equal. Deep networks with few values in a batch
# normalisation magnify float32's rounding on the way back: CTEN's at the classroom's size by 3e-3.
OUTPUTS, GRADIENTS, LATER = 1e-4, 5e-3, 1e-3  # LATER: of the loss after a step
# A gradient this much smaller than the largest one, or than what it is the sum of, is mostly
# rounding.
SMALL, SMALL_SUM = 1e-3, 1e-2


def same_shape(ours: Sequence[int], theirs: Sequence[int]) -> bool:
    """Whether shapes are equal; a number has the shape [1] in Jittor and none in PyTorch."""
    return tuple(ours) == tuple(theirs) or (tuple(ours), tuple(theirs)) == ((1,), ())


def distance(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """The largest difference (inf where only one is finite) and the largest finite of theirs."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    with np.errstate(invalid="ignore"):
        far = np.abs(ours - theirs)
    far = np.where((ours == theirs) | (np.isnan(ours) & np.isnan(theirs)), 0.0, far)
    far = np.where(np.isnan(far), np.inf, far)
    scale = np.max(np.abs(theirs), initial=0.0, where=np.isfinite(theirs))
    return float(far.max(initial=0.0)), float(scale)


@dataclass
class Layer:
    """One module of the port beside the reference's of the same name.

    The numbers are the largest relative differences over all its calls; None: not compared.
    """

    name: str
    kind: str
    input: float | None = None
    output: float | None = None
    gradient: float | None = None  # of the output
    weights: float | None = None  # gradients of its own parameters
    remark: str = ""

    @property
    def agrees(self) -> bool:
        pairs = zip(astuple(self)[2:6], (OUTPUTS, OUTPUTS, GRADIENTS, GRADIENTS), strict=True)
        return all(value is None or value <= limit for value, limit in pairs)

    def raise_to(self, **numbers: float) -> None:
        """Let numbers be these, unless they are larger already."""
        for name, far in numbers.items():
            setattr(self, name, max(getattr(self, name) or 0.0, far))


@dataclass
class Comparison:
    """What `compare` found. `str()` is the table; `save(path)` writes the same as JSON."""

    network: str
    frameworks: tuple[str, str]  # the port's and the reference's
    layers: list[Layer]
    loss: tuple[float, float]  # the port's and the reference's
    first: str  # where the outputs part, in words; "" where they do not
    first_layer: str | None  # the module whose outputs part first; None where none does
    suspect: str | None  # whose code to look at first: a module ("": the network itself), "loss" or
    # "optimizer"; None where all agrees
    inside: str  # inner layers that differ although the network's outputs agree, in words
    gradient: str  # where the gradients part, in words
    gradient_layer: str | None
    step: dict[str, float]  # by parameter and buffer: relative difference of what the step changed
    later_loss: tuple[float, float]
    missing: list[str]  # parameters that only the reference has
    renamed: dict[str, str]  # of those: the port's name, and the reference's it may stand for
    mismatched: dict[str, str]  # parameters of different shape, in words
    unexpected: list[str]  # parameters that only the port has
    trained: list[str]  # what the port trains and the reference does not
    starts: dict[str, str]  # parameters that begin otherwise, in words
    unwatched: bool  # whether there were statistics of batch normalisations that nothing moved
    sampled: bool  # whether only stored samples of the reference's arrays were at hand

    @property
    def outputs_agree(self) -> bool:
        return not self.first and self._close(self.loss)

    @property
    def gradients_agree(self) -> bool:
        return not self.gradient

    @property
    def step_agrees(self) -> bool:
        moved = all(v <= GRADIENTS for v in self.step.values())
        return moved and not self.trained and self._close(self.later_loss, LATER)

    @property
    def ok(self) -> bool:
        """Whether the port is equal: weights, outputs, gradients and the step."""
        named = not (self.missing or self.unexpected or self.mismatched)
        return named and self.outputs_agree and self.gradients_agree and self.step_agrees

    @staticmethod
    def _close(pair: tuple[float, float], limit: float = OUTPUTS) -> bool:
        ours, theirs = pair
        return bool(abs(ours - theirs) <= limit * max(abs(theirs), 1e-6))

    @property
    def verdict(self) -> str:
        """The findings in words, a line each."""
        equal = [x for x in self.layers if x.output is not None and x.output <= OUTPUTS]
        name, far = max(self.step.items(), key=lambda item: item[1], default=("", 0.0))
        return filled(
            Path(__file__).with_name("verdict.txt"), found=self, some=some, agreeing=len(equal),
            worst=max(equal, key=lambda layer: layer.output, default=None),
            renamed=[f"{ours} is {theirs}" for ours, theirs in self.renamed.items()],
            mismatched=[*self.mismatched.items()][:4], starts=[*self.starts.items()],
            loss_agrees=self._close(self.loss), moved=far > GRADIENTS and (name, far),
            bent=max((x or 0 for y in self.layers for x in (y.gradient, y.weights)), default=0),
        )  # fmt: skip

    def __str__(self) -> str:
        return self.table()

    def table(self, everything: bool = True) -> str:
        """Layers and verdict as text; without `everything` only layers that differ."""
        layers = [x for x in self.layers if everything or not x.agrees]
        width = max([5, *(len(layer.name) for layer in layers)])
        place = Path(__file__).with_name("comparison.txt")
        return f"{filled(place, found=self, layers=layers, width=width)}\n{self.verdict}"

    def save(self, path: str | os.PathLike) -> None:
        """Write everything as JSON, which has no infinity: it becomes the text "inf"."""
        text = json.dumps(asdict(self) | {
            "ok": self.ok, "outputs_agree": self.outputs_agree,
            "gradients_agree": self.gradients_agree, "step_agrees": self.step_agrees,
            "verdict": self.verdict.split("\n"),
        })  # fmt: skip
        write_json(path, json.loads(text, parse_constant=lambda name: str(float(name))))


def _flat(ours: np.ndarray, sampled: bool) -> np.ndarray:
    """Ours as a row; the sample of it that a file would keep, where theirs is from one."""
    return (sample(ours) if sampled else ours).ravel().astype(np.float64)


def _difference(ours: np.ndarray, theirs: np.ndarray, sampled: bool, floor: float = 0.0) -> float:
    """The largest difference relative to the largest of theirs, or to the floor."""
    far, scale = distance(_flat(ours, sampled), theirs.ravel())
    return far / max(scale, floor, 1e-30) if far else 0.0


def _hint(ours: np.ndarray, theirs: np.ndarray, shape: Sequence[int], sampled: bool) -> str:
    """How ours comes from theirs: a factor, a shift or two axes swapped; "" where by none."""
    if not np.isfinite(ours).all():
        return "the port's is not finite"
    for i, j in itertools.combinations(range(ours.ndim), 2):
        swapped = ours.swapaxes(i, j)
        if swapped.shape == tuple(shape) and _difference(swapped, theirs, sampled) < OUTPUTS:
            return f"axes {i} and {j} are swapped"
    a, b = _flat(ours, sampled), _flat(theirs, False)
    scale = np.abs(b).max(initial=0)
    if ours.shape == tuple(shape) and a.size > 1 and scale and np.abs(a).max() > 0:
        factor = float(a @ b / (b @ b))
        if abs(factor - 1) > OUTPUTS and np.abs(a - factor * b).max() < OUTPUTS * np.abs(a).max():
            return f"the port's is {factor:.4g} times the reference's"
        shift = float((a - b).mean())
        if np.abs(a - b - shift).max() < OUTPUTS * scale:
            return f"the port's is the reference's {shift:+.4g}"
    return ""


def compared(name: str, ours: Recording, theirs: Recording, training: bool = True) -> Comparison:
    """Hold a port's recording against the reference's. training: the mode they were made in."""
    tensors = _Tensors(ours, theirs)
    first, first_layer, inside, suspect = "", None, "", None
    whole = tensors.layers[""].output if "" in tensors.layers else None
    if tensors.parted and whole is not None and whole <= OUTPUTS:
        moved = tensors.allow_layouts()
        layers = list(dict.fromkeys(event.layer for event, _, _ in tensors.parted))
        notes = [f"{moved} layers give the same numbers in another layout"] if moved else []
        if layers:
            notes.append(said("layers differ", n=len(layers), first=layers[0] or "the network"))
        inside = "; ".join(notes)
    else:
        first, first_layer, suspect = _where_outputs_part(tensors.parted, tensors.shared)
    weights = _weights(ours, theirs)
    for parameter, far in weights.items():
        layer = parameter.rpartition(".")[0]
        tensors.layers.setdefault(layer, Layer(layer, "")).raise_to(weights=far)
    gradient, gradient_layer = "", None
    if any(far > GRADIENTS for far in weights.values()) or (tensors.bent and not weights):
        gradient = "they part too, as the outputs do"
        if not first:
            parts = _where_gradients_part(tensors.bent, tensors.shared, weights)
            gradient, gradient_layer, suspect = parts
    step, trained = _step(ours, theirs)
    missing = [n for n in theirs.starts if n not in ours.starts]
    unexpected = [n for n in ours.starts if n not in theirs.starts | theirs.buffers]
    mismatched = {
        n: f"the shape {list(ours.starts[n].shape)}, the reference's {list(s.shape)}"
        for n, s in theirs.starts.items()
        if n in ours.starts and not same_shape(ours.starts[n].shape, s.shape)
    }
    starts = {
        n: f"mean {our.mean:.2g}, spread {our.std:.2g}; reference {their.mean:.2g} and "
        f"{their.std:.2g}"
        for n, their in theirs.starts.items()
        if (our := ours.starts.get(n)) and _start_otherwise(our, their)
    }
    found = Comparison(
        name, (ours.framework, theirs.framework), list(tensors.layers.values()),
        (ours.loss, theirs.loss), first, first_layer, suspect, inside, gradient, gradient_layer,
        step, (ours.later_loss, theirs.later_loss), missing,
        _renamed(unexpected, ours, missing, theirs), mismatched, unexpected, trained, starts,
        unwatched=not training and any(map(is_statistic, theirs.buffers)), sampled=theirs.sampled,
    )  # fmt: skip
    if not first and not found._close(found.loss):
        found.suspect = "loss"
    named = [*missing, *mismatched, *unexpected, *([] if found.suspect else [*trained, *starts])]
    moved = [name for name, far in step.items() if far > GRADIENTS]
    if named:  # a parameter belongs to the module that makes it
        found.suspect = named[0].rpartition(".")[0]
    elif found.suspect is None and moved:
        statistics = [name.rpartition(".")[0] for name in moved if is_statistic(name)]
        found.suspect = statistics[0] if statistics else "optimizer"
    return found


def _renamed(
    unexpected: list[str], ours: Recording, missing: list[str], theirs: Recording
) -> dict[str, str]:
    """Which of the port's surplus parameters have the last name and shape of a missing one."""
    found, free = {}, list(missing)
    for name in unexpected:
        last, shape = name.rpartition(".")[2], ours.starts[name].shape
        alike = [n for n in free if n.rpartition(".")[2] == last]
        alike = [n for n in alike if same_shape(shape, theirs.starts[n].shape)]
        if alike:
            found[name] = alike[0]
            free.remove(alike[0])
    return found


class _Tensors:
    """The tensors that both passes have, held against each other in the reference's order."""

    def __init__(self, ours: Recording, theirs: Recording):
        self.sampled = theirs.sampled
        gradients = [e.gradient for e in theirs.events if e.gradient is not None]
        self.floor = SMALL * max(map(_size, gradients), default=0)
        by_key = {event.key: event for event in ours.events}
        self.pairs = [(by_key.get(their.key), their) for their in theirs.events]
        self.silent = {  # modules that the port runs, but whose output is no floats there
            id(e) for our, e in self.pairs
            if our is None and e.way == "out" and (e.layer, e.call, "in", 0) in by_key
        }  # fmt: skip
        self.shared = [e for our, e in self.pairs if our is not None or id(e) in self.silent]
        self._hold_all({})

    def _hold_all(self, remarks: dict[str, str]) -> None:
        """remarks: what is said of layers already."""
        self.layers: dict[str, Layer] = {}
        self.parted: list[tuple[Event, float, str]] = []  # values that differ, with a remark
        self.bent: list[tuple[Event, float]] = []  # gradients that differ
        for our, their in self.pairs:
            new = Layer(their.layer, their.kind, remark=remarks.get(their.layer, ""))
            layer = self.layers.setdefault(their.layer, new)
            if our is None:
                layer.remark = layer.remark or "not in the port"
                if id(their) in self.silent:
                    self.parted.append((their, float("inf"), "no floats in the port"))
            else:
                self._hold(our, their, layer)

    def allow_layouts(self) -> int:
        """Compare again where the port holds the same numbers with its axes in another order, as it
        may where nothing outside sees it; returns how many layers do."""
        differing = {id(event) for event, _, _ in self.parted}
        remarks: dict[str, str] = {}
        for i, (our, their) in enumerate(self.pairs):
            axes = _layout(our, their, self.sampled) if our and id(their) in differing else None
            if axes is not None:
                words = f"laid out as axes {', '.join(map(str, axes))} of {list(their.shape)}"
                if axes == tuple(range(len(axes))):
                    words = f"as {list(our.shape)}, reference {list(their.shape)}"
                remarks.setdefault(their.layer, words)
                gradient = None if our.gradient is None else _moved(our.gradient, their, axes)
                self.pairs[i] = our.holding(_moved(our.value, their, axes), gradient), their
        self._hold_all(remarks)
        return len(remarks)

    def _hold(self, our: Event, their: Event, layer: Layer) -> None:
        sizes = int(np.prod(our.shape)) == int(np.prod(their.shape))
        shapes = same_shape(our.shape, their.shape)
        far = _difference(our.value, their.value, self.sampled) if shapes else float("inf")
        if far > OUTPUTS:
            words = [] if shapes else [f"shape {list(our.shape)}, reference {list(their.shape)}"]
            words += [_hint(our.value, their.value, their.shape, self.sampled)] if sizes else []
            remark = "; ".join(filter(None, words))
            self.parted.append((their, far, remark))
            if their.way == "out":
                layer.remark = layer.remark or remark
        layer.raise_to(**{"output" if their.way == "out" else "input": far})
        if their.gradient is not None and sizes:
            far = _turned(our.gradient, their.gradient, self.sampled, self.floor)
            # Nothing between the loss and the network's output magnifies rounding.
            if far > (GRADIENTS if their.layer or their.way == "in" else LATER):
                self.bent.append((their, far))
            if their.way == "out":
                layer.raise_to(gradient=far)


def _moved(ours: np.ndarray, their: Event, axes: tuple[int, ...]) -> np.ndarray:
    """Our array, which holds theirs with its axes in this order, in their order and shape."""
    return ours.reshape([their.shape[a] for a in axes]).transpose(np.argsort(axes))


def _layout(our: Event, their: Event, sampled: bool) -> tuple[int, ...] | None:
    """The order of the reference's axes in which the port's array holds the same numbers."""
    if our.value.size != int(np.prod(their.shape)):
        return None
    for axes in itertools.permutations(range(len(their.shape))):
        if _difference(_moved(our.value, their, axes), their.value, sampled) <= OUTPUTS:
            return axes
    return None


def _weights(ours: Recording, theirs: Recording) -> dict[str, float]:
    """How far the gradient of each parameter that both have is from the reference's."""
    floor = SMALL * max((_size(g) for g in theirs.gradients.values() if g is not None), default=0.0)
    found = {}
    for name, gradient in theirs.gradients.items():
        if name not in ours.starts or gradient is None:
            continue  # None: the loss does not depend on it, where Jittor says zero
        our, shape = ours.gradients.get(name), theirs.starts[name].shape
        if our is None or our.size != int(np.prod(shape)):
            found[name] = float("inf")
        else:
            summed = SMALL_SUM * _summed(theirs, name.rpartition(".")[0], shape)
            found[name] = _turned(our, gradient, theirs.sampled, max(floor, summed))
    return found


def _size(array: np.ndarray) -> float:
    """The root of the mean square."""
    array = array.astype(np.float64)
    return float(np.sqrt(np.mean(array * array))) if array.size else 0.0


def _turned(ours: np.ndarray, theirs: np.ndarray, sampled: bool, floor: float) -> float:
    """How far gradients are apart, as vectors: relative to theirs, or to the floor.

    Not the largest difference: where two numbers are almost equal, rounding decides which of them a
    max pooling takes, and one element's gradient goes to its neighbour.
    """
    ours, theirs = _flat(ours, sampled), _flat(theirs, False)
    same = np.isnan(ours) & np.isnan(theirs)
    with np.errstate(invalid="ignore"):
        far = _size(np.where(same, 0.0, ours - theirs))
    far = float("inf") if np.isnan(far) else far
    return far / max(_size(np.where(np.isfinite(theirs), theirs, 0.0)), floor, 1e-30)


def _summed(theirs: Recording, layer: str, shape: Sequence[int]) -> float:
    """The size of what a layer's parameter's gradient is the sum of, if nothing cancelled.

    Before a batch normalisation nearly all of it does: the gradient of a bias there is rounding.
    """
    events = [e for e in theirs.events if e.layer == layer]
    total = sum(
        float(np.abs(e.gradient).mean()) * float(np.prod(e.shape))
        for e in events
        if e.way == "out" and e.gradient is not None
    )
    given = max((_size(e.value) for e in events if e.way == "in"), default=1.0)
    return total / max(shape[0] if shape else 1, 1) * (given if len(shape) > 1 else 1.0)


def _place(event: Event) -> str:
    call = f" (call {event.call + 1})" if event.call else ""
    return f"{event.layer or 'the network'}{call}"


def _where_outputs_part(parted: list, shared: list[Event]) -> tuple[str, str | None, str | None]:
    """The first place where the outputs differ, in words; its module; and whose code is to be
    looked at: of an input, the module around it."""
    if not parted:
        return "", None, None
    event, far, remark = parted[0]
    layer, size = event.layer, "; ".join(filter(None, (f"{far:.1e}", remark)))
    earlier = shared[: shared.index(event)]
    if event.way == "out":
        inside = f"{layer}." if layer else ""  # how the names of the modules in it begin
        parts = any(e.layer != layer and e.layer.startswith(inside) for e in earlier)
        words = "the modules in it agree: look at its own code" if parts else "its input agrees"
        words = f"{_place(event)} ({event.kind}) is the first to differ ({size}); {words}"
        return words, layer, layer
    parent, before = layer.rpartition(".")[0], [e for e in earlier if e.way == "out"]
    if not before:
        return f"the input of {_place(event)} differs already ({size})", layer, parent
    words = said("inputs part", place=_place(event), size=size, before=_place(before[-1]))
    return words + (f" in {parent}" if parent else ""), layer, parent


def _where_gradients_part(bent: list, shared: list[Event], weights: dict) -> tuple[str, str, str]:
    """The last place in the pass (the first on the way back) where gradients differ, in words; its
    module; and whose code is to be looked at."""
    if bent:
        event, far = bent[-1]
        later = [e for e in shared[shared.index(event) + 1 :] if e.gradient is not None]
        if event.way == "in" and any(e.layer == event.layer for e in later):
            words = f"{_place(event)} ({event.kind}) passes another gradient back ({far:.1e})"
            if far < 0.1 and any(kind in event.kind for kind in ("ReLU", "MaxPool")):
                words += "; rounding can do that to a value next to 0 or a tie: try another seed"
        else:
            after = " and the loss"
            if later:
                after = f", before {_place(later[0])}" if later[0].layer else ", before the output"
            words = said("gradients part", place=_place(event), far=far, after=after)
        around = event.layer.rpartition(".")[0] if event.layer else "loss"
        return words, event.layer, around if event.way == "out" else event.layer
    name, far = next(item for item in weights.items() if item[1] > GRADIENTS)
    layer = name.rpartition(".")[0]
    return f"{name}'s differs ({far:.1e})", layer, layer


def _step(ours: Recording, theirs: Recording) -> tuple[dict[str, float], list[str]]:
    """How differently each parameter and buffer moved, and what only the port trains."""
    found, trained = {}, []
    for name, change in theirs.changes.items():
        our = ours.changes.get(name)
        shape = theirs.starts[name].shape if name in theirs.starts else theirs.buffers[name]
        if our is None or our.size != int(np.prod(shape)):
            continue
        if name in theirs.buffers and name in ours.gradients:
            trained.append(name)
        # Of a weight near 1, a change below 1e-7 is lost in rounding.
        found[name] = _difference(our, change, theirs.sampled, 1e-3 * theirs.sizes[name])
    return found, trained


def _start_otherwise(our: Start, their: Start) -> bool:
    """Whether first values are spread otherwise, beyond chance."""
    size = int(np.prod(their.shape))
    if size == 1 and not {our.mean, their.mean} & {0.0, 1.0}:
        return False  # both may be drawn
    if our.std == 0 or their.std == 0:
        equal = abs(our.mean - their.mean) <= 1e-6 * max(abs(their.mean), 1e-12)
        return our.std != their.std or not equal
    # Of fewer than 16 numbers the spread is as chance will have it.
    return size >= 16 and abs(np.log(our.std / their.std)) > 0.02 + 5 / np.sqrt(2 * size)
