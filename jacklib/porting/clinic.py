"""A clinic for ports: small networks in PyTorch, each with a Jittor port that has one bug.

    show("C")                  the PyTorch and the Jittor code of a patient
    sick = patient("C")        the port, its reference, inputs, targets and loss
    verdict("C")               what `porting.compare` says to it
    train("C", seeds=range(3)) its training curve; healthy=True: that of the fixed port
    diagnosis("C")             the bug, what sees it, and the fixed lines
    patient("C", bug=(a, b))   another bug: the healthy port with b in a's place

    mine = own("20261234")     the names of patients that nobody else has; they do for all of these
    ask(mine[0], line=12)      whether the bug is there; also module="context.norm" and kind=...
    ask(mine[0])               the diagnosis, after the reading
    truth(mine[0])             module, line and kind, for a check

The twelve of LETTERS have each a file in patients/: the PyTorch code, the healthy port, and the
bug. The pieces are in the style of the four networks. Six of the bugs are from their public ports,
in small: F (CTEN), G (VAANet), H and L (TSL-Net), J and K (gait). Students' own ones are made up,
see `mutants`: `own` names them, "20261234/1" and so on, and the name is all that makes them.
"""

import linecache
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import jittor as jt
import numpy as np
import yaml

from jacklib import ops
from jacklib.backend.torch_process import find_torch
from jacklib.errors import check_at_least, refuse
from jacklib.porting import mutants
from jacklib.porting.changes import side_by_side
from jacklib.porting.comparison import Comparison, compared
from jacklib.porting.jittor_recorder import record_port
from jacklib.porting.parity import Reference, answer
from jacklib.porting.recording import Recording, is_statistic, named_weight

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


_YAML = yaml.safe_load(Path(__file__).with_name("clinic.yaml").read_text("utf-8"))
KINDS = _YAML["shows"]
_language = "en"


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
    mutant: mutants.Mutant | None = None  # a student's own


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


def made_up(one: mutants.Mutant) -> _File:
    """A mutant as a patient."""
    pieces = [mutants.PIECES[part][name] for part, name in one.pieces.items()]
    shows = {"loss": "loss", "optimizer": "step"}.get(one.entry.part)
    about = mutants.KINDS[one.entry.kind]
    return _File(
        title="; ".join(piece["title"] for piece in pieces), brief=one.entry.kind,
        origin=", ".join(dict.fromkeys(piece["origin"] for piece in pieces[:3])),
        torch=one.torch, jittor=one.healthy, bug=(one.healthy, one.port),
        finding=SimpleNamespace(
            kind=shows or about["shows"], place=one.entry.module, words=about[_language]
        ),
        data=_classes(tuple(pieces[0]["shape"]), 4, 0.5, 20), training=True, samples=4, mutant=one,
    )  # fmt: skip


def own(student: str, n: int = 3) -> list[str]:
    """The names of a student's own patients, for `show`, `patient`, `train`, `ask` ...

    student: any text, such as a matriculation number. The same one has the same patients on every
    machine. Raises DataError unless n is at least 1.
    """
    check_at_least("n", n, 1, "Correct it.")
    return [f"{student}/{i + 1}" for i in range(n)]


def _file(name: str) -> _File:
    """What is known of one of LETTERS or of a student's own. Raises DataError for another name."""
    student, _, number = name.rpartition("/")
    if student and number.isdecimal() and 0 < int(number) < 10_000:
        return made_up(mutants.mutant(student, int(number) - 1))
    refuse(name not in FILES, "letter", found=repr(name), cure="Choose one of these.",
           wanted=f"{LETTERS[0]} to {LETTERS[-1]}, or a name that `own` gave")  # fmt: skip
    return FILES[name]


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
    optimizer: str = "SGD(lr=0.1)"  # the reference's: a call, or a function's name in its code
    own_optimizer: Callable | None = None  # of the port, where its function is to be compared
    healthy: Callable | None = None  # of a student's own: makes the fixed `Patient`

    def compare(self, seed: int = 0) -> Comparison:
        """`porting.compare` of it, with one step."""
        theirs = self.reference_recording(seed)
        return compared("Net", self.recording(theirs, seed), theirs, self.training)

    def reference_recording(self, seed: int = 0) -> Recording:
        """PyTorch's. Of students' own patients none is stored: where there is no PyTorch, the fixed
        port, which is equal, stands in for it."""
        if self.healthy is None or find_torch():
            job = vars(self.reference) | {
                "training": self.training, "optimizer": self.optimizer, "seed": seed,
                "input": len(self.inputs), "target": len(self.targets),
            }  # fmt: skip
            arrays = {f"input {i}": a for i, a in enumerate(self.inputs)}
            arrays |= {f"target {i}": a for i, a in enumerate(self.targets)}
            return answer(self.reference, job, arrays)
        fixed = self.healthy()
        trained = [n for n, v in fixed.port.state_dict().items() if not v.is_stop_grad()]
        theirs = fixed.recording(Recording("", starts=dict.fromkeys(trained)), seed)
        theirs.framework = "the fixed port (no PyTorch here)"
        theirs.starts = {name: theirs.starts[name] for name in trained}
        return theirs

    def recording(self, theirs: Recording, seed: int = 0) -> Recording:
        """The port's, made as theirs was."""
        inputs, targets = ([jt.array(a) for a in arrays] for arrays in (self.inputs, self.targets))
        optimizer = self.own_optimizer or self.optimizer
        return record_port(
            self.port, theirs, inputs, targets, self.loss, optimizer, self.training, seed
        )


def patient(
    letter: str, healthy: bool = False, bug: tuple[str, str] | None = None
) -> Patient:  # fmt: skip
    """One of LETTERS, or a name that `own` gave; healthy: with the fixed port; bug: instead of its
    own, a piece of the fixed port and what stands there. Raises DataError for another name."""
    file = _file(letter)
    return patient_of(replace(file, bug=bug or file.bug), letter, healthy)


def patient_of(file: _File, name: str, healthy: bool = False) -> Patient:
    """The patient that a file tells of, under a name."""
    port = file.jittor if healthy else file.jittor.replace(*file.bug)
    place = f"<clinic {name}{' healthy' if healthy else ''}>"
    # So that an error shows the line.
    linecache.cache[place] = (len(port), None, port.splitlines(keepends=True), place)
    names: dict[str, Any] = {"__name__": f"clinic_{name}"}
    exec(compile(port, place, "exec"), names)
    inputs, targets = file.data(np.random.default_rng([1, _number(name)]), file.samples)
    sick = Patient(
        file.title, names["Net"](), port, Reference("Net", code=file.torch, loss="criterion"),
        inputs, targets, names["criterion"], file.training,
    )  # fmt: skip
    if file.mutant:
        sick.optimizer, sick.own_optimizer = "optimizer", names["optimizer"]
        sick.healthy = lambda: patient_of(file, name, healthy=True)
    return sick


def _number(name: str) -> int:
    return ord(name) if len(name) == 1 else zlib.crc32(name.encode())


def show(letter: str) -> None:
    """Print a patient's PyTorch code and its port."""
    sick = patient(letter)
    print(f"Patient {letter}: {sick.title} (in the style of {_file(letter).origin})")
    for name, text in (("PyTorch", sick.reference.code), ("Jittor", sick.port_code)):
        print(f"\n--- {name} " + "-" * 70)
        for number, line in enumerate(text.rstrip().split("\n"), 1):
            print(f"{number:3}  {line}")


def verdict(letter: str) -> None:
    """Print what `porting.compare` says to a patient; nothing of none ("")."""
    if letter:
        sick = patient(letter)
        print(f"{letter}: {sick.title}\n{sick.compare().verdict}")


def diagnosis(letter: str) -> None:
    """Print what is wrong with a patient, where it shows, and the fixed lines; nothing of ""."""
    if not letter:
        return
    sick, fixed = (patient(letter, healthy).port_code for healthy in (False, True))
    file = _file(letter)
    known = f"; a public port of {file.origin} has it" if file.real else ""
    place = f" ({file.finding.place})" if file.finding.place else ""
    print(f"Patient {letter}: {file.finding.words}{known}")
    print(f"  shows in {KINDS[file.finding.kind]}{place}")
    if trap := mutants.KINDS.get(file.brief, {}).get("trap"):
        print(f"  {_YAML['words'][_language]['trap'].format(trap=trap)}")
    for row in side_by_side(sick, fixed):
        if row.reference != row.port:
            print(f"  - {(row.reference or '').strip()}\n  + {(row.port or '').strip()}")


def truth(letter: str) -> SimpleNamespace:
    """Where a patient's bug is and what it is: `module` (by its name in the network; "loss" and
    "optimizer" are not in it), `line` of the port, and `kind`: a key of `mutants.KINDS`, of one of
    LETTERS a key of KINDS."""
    file = _file(letter)
    if file.mutant:
        kind, line = file.brief, file.mutant.line
    else:
        kind, line = file.finding.kind, file.jittor.partition(file.bug[0])[0].count("\n") + 1
    module = file.finding.place or ("loss" if kind == "loss" else "")
    return SimpleNamespace(module=module, line=line, kind=kind)


def ask(letter: str, **guess: object) -> bool | None:
    """Ask about a patient after reading it. guess: `module`, `line` or `kind`, as in `truth`; says
    of each whether it is right, and nothing more, and returns whether all are. Without a guess,
    prints the diagnosis. Raises DataError for another word."""
    if not guess:
        return diagnosis(letter)
    known, words = vars(truth(letter)), _YAML["words"][_language]
    for what, value in guess.items():
        refuse(what not in known, "ask", found=what, wanted="module, line or kind",
               cure='Write ask(name, line=12).')  # fmt: skip
        print(words[what]["right" if value == known[what] else "wrong"])
    return all(value == known[what] for what, value in guess.items())


def language(lang: str) -> None:
    """Set the language of `ask` and of the made-up patients' diagnoses: "en" or "zh"."""
    global _language
    _language = lang if lang in _YAML["words"] else "en"


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
    file = _file(letter)
    subject = patient_of(file, letter, healthy)
    fresh = file.data(np.random.default_rng([2, _number(letter)]), 400)
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
