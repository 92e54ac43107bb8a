"""Made-up ports with one bug each: as many as a class needs, and the same for the same id.

    sick = mutant("20261234", 0)       the first of this student's
    sick.torch, sick.port, sick.healthy, sick.module, sick.line, sick.kind

A network is an encoder, a context and a head, with a loss and an optimizer: pieces in the style of
the four networks, which pieces/*.yaml have in PyTorch and, healthy, in Jittor. mutants.yaml says
what kinds of bugs there are, as rewritings of the Jittor text. A mutant is a kind, a place where it
fits, and the other pieces. Those that change nothing, or do not run, are listed in unfit.json
(`script.measure_clinic` finds them) and not given out.
"""

import functools
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

HERE = Path(__file__).parent
PARTS = ("encoder", "context", "head", "loss", "optimizer")
_LAYER = re.compile(r" +self\.(\w+) = (?:nn|ops)\.")  # a constructor's line that makes a layer


class Entry(NamedTuple):
    """A kind of bug at one place of one piece."""

    kind: str
    part: str
    piece: str
    number: int  # among those of this kind in this piece
    sick: str  # the piece's Jittor text with the bug
    module: str  # where the bug is, by its name in the network; else "loss" or "optimizer"

    @property
    def key(self) -> str:
        return f"{self.part}/{self.piece}/{self.kind}/{self.number}"


class Mutant(NamedTuple):
    """One port with one bug."""

    entry: Entry
    pieces: dict[str, str]  # by part
    torch: str
    healthy: str
    port: str
    line: int  # of the port, from 1: the first that the healthy one has otherwise


def _read(name: str) -> dict[str, Any]:
    return yaml.safe_load((HERE / name).read_text("utf-8"))


KINDS = _read("mutants.yaml")
PIECES = {part: _read(f"pieces/{part}.yaml") for part in (*PARTS, "net")}


@functools.lru_cache
def entries() -> list[Entry]:
    """Every kind at every place, the unfit ones too."""
    found = []
    for kind, about in KINDS.items():
        for part in about.get("parts", PARTS):
            for piece, texts in PIECES[part].items():
                sick = dict.fromkeys(_rewritten(texts["jittor"], about["rules"]))
                for number, (text, layer) in enumerate(sick):
                    found.append(Entry(kind, part, piece, number, text, part + layer))
    return found


def _rewritten(text: str, rules: Sequence) -> Iterator[tuple[str, str]]:
    """A piece with each rule at each place, and "." and the layer that the line makes, if any."""
    for pattern, new in rules:
        for match in re.finditer(pattern, text, re.MULTILINE):
            layer = _LAYER.match(text[text.rfind("\n", 0, match.start() + 1) + 1 :])
            for replacement in [new] if isinstance(new, str) else new:
                sick = text[: match.start()] + match.expand(replacement) + text[match.end() :]
                if sick != text:
                    yield sick, f".{layer[1]}" if layer else ""


@functools.lru_cache
def fit() -> dict[str, list[Entry]]:
    """The entries that change something, by kind."""
    unfit = set(json.loads((HERE / "unfit.json").read_text("utf-8")))
    found = [entry for entry in entries() if entry.key not in unfit]
    return {kind: kept for kind in KINDS if (kept := [e for e in found if e.kind == kind])}


def _digest(*words: object) -> int:
    """A number that follows from the words, on every machine and with every version of NumPy."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, words)).encode()).digest()[:8], "big")


def composed(language: str, chosen: dict[str, str], sick: Entry | None = None) -> str:
    """A network's source: "torch" or "jittor"; sick: in place of the piece of its part."""
    texts = {part: PIECES[part][chosen[part]][language] for part in PARTS}
    if sick:
        texts[sick.part] = sick.sick
    around, texts = PIECES["net"][language], [*texts.values()]
    return "\n\n".join([around["head"], *texts[:3], around["net"], *texts[3:]])


def mutant_of(entry: Entry, *words: object) -> Mutant:
    """An entry in a network whose other pieces are drawn by the words."""
    chosen = {part: _pick([*PIECES[part]], *words, part) for part in PARTS}
    chosen[entry.part] = entry.piece
    healthy, port = composed("jittor", chosen), composed("jittor", chosen, entry)
    lines = enumerate(zip(healthy.split("\n"), port.split("\n"), strict=False), 1)
    line = next(number for number, (fixed, sick) in lines if fixed != sick)
    return Mutant(entry, chosen, composed("torch", chosen), healthy, port, line)


def _pick(options: Sequence, *words: object) -> Any:
    return options[_digest(*words) % len(options)]


def mutant(student: str, number: int) -> Mutant:
    """A student's patient. The first ones are of different kinds, until every kind has come."""
    turn, place = divmod(number, len(fit()))
    kind = sorted(fit(), key=lambda kind: _digest(student, turn, kind))[place]
    return mutant_of(_pick(fit()[kind], student, number), student, number)
