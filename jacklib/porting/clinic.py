"""A clinic for ports: small networks in PyTorch, each with a Jittor port that has one bug.

    show("C")                  the PyTorch and the Jittor code of a patient
    sick = patient("C")        the port, its reference, inputs, targets and loss
    ask("C")                   what `porting.compare` says to it
    diagnosis("C")             the bug, what sees it, and the fixed lines
    patient("C", bug=(a, b))   another bug: the healthy port with b in a's place
    train("C", seeds=range(3)) its training curve; healthy=True: that of the fixed port

Each has its file in patients/: the PyTorch code, the healthy port, and the bug. The pieces are in
the style of the four networks. Six of the bugs are from their public ports, in small: F (CTEN),
G (VAANet), H and L (TSL-Net), J and K (gait).
"""

import linecache
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import jittor as jt
import numpy as np
import yaml

from jacklib import ops
from jacklib.errors import refuse
from jacklib.porting.changes import side_by_side
from jacklib.porting.comparison import Comparison
from jacklib.porting.parity import Reference, compare
from jacklib.porting.recording import is_statistic, named_weight

# --- what they are fed with: made of seeds by sums and products, so everywhere the same -----------


def _classes(shape: tuple[int, ...], n_classes: int, strength: float, seed: int) -> Callable:
    """Samples of n_classes prototypes and noise: a function of (generator, n)."""
    prototypes = np.random.default_rng([11, seed]).standard_normal((n_classes, *shape)) * strength

    def make(generator: np.random.Generator, n: int):
        target = generator.integers(0, n_classes, n)
        x = prototypes[target] + generator.standard_normal((n, *shape))
        return [x.astype(np.float32)], [target]

    return make


def _frames(generator: np.random.Generator, n: int):
    """Four frames per video: stripes that lie or stand (class // 2) in one of two colours (% 2)."""
    target = generator.integers(0, 4, n)
    stripes = np.where(generator.integers(0, 4, (n, 4, 1)) + np.arange(12) & 2, 1.0, -1.0)
    frames = np.repeat(stripes[:, :, :, None], 12, axis=3)  # they lie
    frames = np.where((target // 2 == 1)[:, None, None, None], frames.swapaxes(2, 3), frames)
    colours = np.array([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]])[target % 2]
    frames = frames[..., None] * colours[:, None, None, None]
    frames = frames + 0.5 * generator.standard_normal(frames.shape)
    return [frames.astype(np.float32)], [target]


def _clips(generator: np.random.Generator, n: int):
    """Videos of 12 clips: stretches of negative, positive and background; 0.9 where a class is, 0.1
    where it is not."""
    prototypes = np.random.default_rng([12, 0]).standard_normal((3, 16)) * 0.5
    label = np.repeat(generator.integers(0, 3, (n, 4)), 3, axis=1)  # [n, 12]
    x = prototypes[label] + generator.standard_normal((n, 12, 16))
    target = np.where(label[..., None] == np.arange(3), 0.9, 0.1)
    return [x.astype(np.float32)], [target.astype(np.float32)]


# --- the patients ---------------------------------------------------------------------------------


KINDS = yaml.safe_load(Path(__file__).with_name("clinic.yaml").read_text("utf-8"))


@dataclass(frozen=True)
class _File:
    """What a patient's file in patients/ says."""

    title: str
    origin: str  # the network in whose style it is
    brief: str  # the bug in a few words
    torch: str  # its code
    jittor: str  # the healthy port's
    bug: tuple[str, str]  # a piece of the healthy port, and what the sick one has instead
    finding: SimpleNamespace  # where it shows: its kind (see KINDS), place, and in words
    data: Callable  # in the file `_classes`' shape, classes, strength and seed, or another's name
    real: bool = False  # whether a public port has it
    training: bool = False
    keep: tuple[str, ...] = ()  # begins as its constructor says
    samples: int = 2  # that are compared
    batch: int = 16  # that a training step learns from
    rate: float = 0.01


def _read_files() -> dict[str, _File]:
    files, named = {}, {"frames": _frames, "clips": _clips}
    for path in sorted(Path(__file__).with_name("patients").glob("*.yaml")):
        known = yaml.safe_load(path.read_text(encoding="utf-8"))
        data, finding, like = known.pop("data"), known.pop("finding"), known.pop("code_of", None)
        if like:
            known |= {"torch": files[like].torch, "jittor": files[like].jittor}
        data = _classes(*data) if isinstance(data, list) else named[data]
        files[path.stem] = _File(**known, data=data, finding=SimpleNamespace(**finding))
    return files


FILES = _read_files()
LETTERS = tuple(FILES)


# --- the consultation -----------------------------------------------------------------------------


@dataclass
class Patient:
    """A port and everything that `porting.compare` wants to know of it."""

    title: str
    port: Any  # the Jittor network
    port_code: str
    reference: Reference
    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    loss: Callable  # the port's
    training: bool

    def compare(self) -> Comparison:
        """`porting.compare` of it, with one step of SGD."""
        return compare(
            self.port, self.reference, self.inputs, loss=self.loss, targets=self.targets,
            optimizer="SGD(lr=0.1)", training=self.training,
        )  # fmt: skip


def patient(
    letter: str, healthy: bool = False, bug: tuple[str, str] | None = None
) -> Patient:  # fmt: skip
    """One of LETTERS; healthy: with the fixed port; bug: instead of its own, a piece of the fixed
    port and what stands there. Raises DataError for another letter."""
    refuse(letter not in FILES, "letter", found=repr(letter),
           wanted=f"{LETTERS[0]} to {LETTERS[-1]}", cure="Choose one of these.")  # fmt: skip
    file = FILES[letter]
    port = file.jittor if healthy else file.jittor.replace(*(bug or file.bug))
    place = f"<clinic {letter}{' healthy' if healthy else ''}>"
    # So that an error shows the line.
    linecache.cache[place] = (len(port), None, port.splitlines(keepends=True), place)
    names: dict[str, Any] = {"__name__": "clinic_" + letter}
    exec(compile(port, place, "exec"), names)
    inputs, targets = file.data(np.random.default_rng([1, ord(letter)]), file.samples)
    return Patient(
        file.title, names["Net"](), port, Reference("Net", code=file.torch, loss="criterion"),
        inputs, targets, names["criterion"], file.training,
    )  # fmt: skip


def show(letter: str) -> None:
    """Print a patient's PyTorch code and its port."""
    sick = patient(letter)
    print(f"Patient {letter}: {sick.title} (in the style of {FILES[letter].origin})")
    for name, text in (("PyTorch", sick.reference.code), ("Jittor", sick.port_code)):
        print(f"\n--- {name} " + "-" * 70)
        for number, line in enumerate(text.rstrip().split("\n"), 1):
            print(f"{number:3}  {line}")


def ask(letter: str) -> None:
    """Print what `porting.compare` says to a patient; to "" only how to ask."""
    print(f"{letter}: {patient(letter).title}\n{patient(letter).compare().verdict}" if letter
          else f"○ {LETTERS[0]} ... {LETTERS[-1]} ?")  # fmt: skip


def diagnosis(letter: str) -> None:
    """Print what is wrong with a patient, where it shows, and the fixed lines; nothing for ""."""
    if not letter:
        return print(f"○ {LETTERS[0]} ... {LETTERS[-1]} ?")
    sick, fixed = (patient(letter, healthy).port_code for healthy in (False, True))
    file = FILES[letter]
    known = f"; a public port of {file.origin} has it" if file.real else ""
    place = f" ({file.finding.place})" if file.finding.place else ""
    print(f"Patient {letter}: {file.finding.words}{known}")
    print(f"  shows in {KINDS[file.finding.kind]}{place}")
    for row in side_by_side(sick, fixed):
        if row.reference != row.port:
            print(f"  - {(row.reference or '').strip()}\n  + {(row.port or '').strip()}")


# --- what a bug does to training ------------------------------------------------------------------


class Curves(NamedTuple):
    """Training runs of one port, a row per seed."""

    loss: np.ndarray  # [seeds, steps]: of each batch, as the port computes it
    score: np.ndarray  # [seeds, checks]: the accuracy on 400 new samples
    checked: np.ndarray  # [checks]: after how many steps

    def finite(self) -> np.ndarray:
        """[seeds]: the fraction of steps whose loss is finite."""
        return np.isfinite(self.loss).mean(1)


def train(
    letter: str, healthy: bool = False, seeds: Iterable[int] = range(3), steps: int = 120,
    every: int = 20,
) -> Curves:  # fmt: skip
    """Train a patient's port with Adam, once a seed.

    The sick and the healthy one of a seed have the same first weights (but for those whose start is
    the matter) and the same batches.
    """
    subject, file = patient(letter, healthy), FILES[letter]
    fresh = file.data(np.random.default_rng([2, ord(letter)]), 400)
    losses, scores = [], []
    for seed in seeds:
        net = type(subject.port)()
        net.train()
        for name, var in net.state_dict().items():
            if not is_statistic(name) and name not in file.keep:
                var.assign(jt.array(named_weight(name, tuple(var.shape), seed)))
        optimizer = ops.Adam(net.parameters(), lr=file.rate)
        generator, loss, score = np.random.default_rng([3, seed]), [], []
        for step in range(steps + 1):
            if step % every == 0:
                score.append(_score(net, fresh))
            if step < steps:
                inputs, targets = file.data(generator, file.batch)
                value = subject.loss(net(*map(jt.array, inputs)), *map(jt.array, targets))
                optimizer.step(value)
                loss.append(float(value.item()))
        losses.append(loss)
        scores.append(score)
    return Curves(np.array(losses), np.array(scores), np.arange(0, steps + 1, every))


def _score(net, fresh: tuple[list, list]) -> float:
    """The fraction that is right, of samples that it did not learn from."""
    for module in net.modules():
        module.is_train = False  # eval() would stop the gradients
    with jt.no_grad():
        output = net(*map(jt.array, fresh[0]))
    for module in net.modules():
        module.is_train = True
    output = sum(output) if isinstance(output, tuple) else output
    target = fresh[1][0]
    target = target if target.dtype.kind == "i" else target.argmax(-1)
    return float((output.numpy().argmax(-1) == target).mean())
