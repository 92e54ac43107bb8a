"""Made-up ports with one bug each: as many as a class needs, and the same for the same id.

    sick = mutant("20261234", 0)       the first of this student's
    sick.torch, sick.port, sick.healthy, sick.module, sick.line, sick.kind

A network is an encoder, a context and a head, with a loss and an optimizer: pieces in the style of
the four networks, which pieces/*.yaml have in PyTorch and, healthy, in Jittor. mutants.yaml says
what kinds of bugs there are, as rewritings of the Jittor text. A mutant is a kind, a place where it
fits, and the other pieces. Those that change nothing, or do not run, are listed in unfit.json
(`mutation.survey` finds them) and not given out.

Choices are digests of the id, so that every machine and every version of NumPy draws alike.
"""

import difflib
import functools
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

HERE = Path(__file__).parent
PARTS = ("encoder", "context", "head", "loss", "optimizer")
HEADS = {
    "torch": "import numpy as np\nimport torch\nimport torch.nn.functional as F\n"
    "from torch import nn\n",
    "jittor": "import numpy as np\nimport jittor as jt\nfrom jittor import nn\n"
    "from jacklib import ops\n",
}
NET = """class Net(nn.Module):
    def __init__(self):
{start}        self.encoder = Encoder()
        self.context = Context()
        self.head = Head()

    def {method}(self, x):
        return self.head(self.context(self.encoder(x)))
"""
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

    @property
    def shape(self) -> list[int]:
        """Of one sample of the input."""
        return pieces()["encoder"][self.pieces["encoder"]]["shape"]

    @property
    def about(self) -> dict[str, Any]:
        """What mutants.yaml says of its kind; a loss's bug shows in the loss, whatever the kind."""
        about = kinds()[self.entry.kind]
        return about | {"shows": {"optimizer": "step"}.get(self.entry.part, about["shows"])}


@functools.lru_cache
def kinds() -> dict[str, dict[str, Any]]:
    return yaml.safe_load((HERE / "mutants.yaml").read_text("utf-8"))


@functools.lru_cache
def pieces() -> dict[str, dict[str, dict[str, Any]]]:
    """By part and name."""
    files = {part: HERE / "pieces" / f"{part}.yaml" for part in PARTS}
    return {part: yaml.safe_load(file.read_text("utf-8")) for part, file in files.items()}


@functools.lru_cache
def entries() -> list[Entry]:
    """Every kind at every place, the unfit ones too."""
    found = []
    for kind, about in kinds().items():
        for part in about.get("parts", PARTS):
            for piece, texts in pieces()[part].items():
                sick = dict.fromkeys(_rewritten(texts["jittor"], about["rules"]))
                for number, (text, layer) in enumerate(sick):
                    module = f"{part}.{layer}" if layer else part
                    found.append(Entry(kind, part, piece, number, text, module))
    return found


def _rewritten(text: str, rules: Sequence) -> list[tuple[str, str]]:
    """A piece with each rule at each place, and the layer that the line makes, "" for none."""
    found = []
    for pattern, new in rules:
        for match in re.finditer(pattern, text, re.MULTILINE):
            layer = _LAYER.match(text[text.rfind("\n", 0, match.start() + 1) + 1 :])
            for replacement in [new] if isinstance(new, str) else new:
                sick = text[: match.start()] + match.expand(replacement) + text[match.end() :]
                if sick != text:
                    found.append((sick, layer[1] if layer else ""))
    return found


@functools.lru_cache
def fit() -> dict[str, list[Entry]]:
    """The entries that change something, by kind."""
    unfit = set(json.loads((HERE / "unfit.json").read_text("utf-8")))
    found = [entry for entry in entries() if entry.key not in unfit]
    return {kind: kept for kind in kinds() if (kept := [e for e in found if e.kind == kind])}


def pick(options: Sequence, *words: object) -> Any:
    """One of the options, by a digest of the words."""
    text = "/".join(map(str, words))
    return options[int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % len(options)]


def composed(language: str, chosen: dict[str, str], sick: Entry | None = None) -> str:
    """A network's source: "torch" or "jittor"; sick: in place of the piece of its part."""
    texts = [pieces()[part][chosen[part]][language] for part in PARTS]
    if sick:
        texts[PARTS.index(sick.part)] = sick.sick
    start = "        super().__init__()\n" if language == "torch" else ""
    net = NET.format(start=start, method="forward" if language == "torch" else "execute")
    return "\n\n".join([HEADS[language], *texts[:3], net, *texts[3:]])


def mutant_of(entry: Entry, *words: object) -> Mutant:
    """An entry in a network whose other pieces are drawn by the words."""
    chosen = {part: pick([*pieces()[part]], *words, part) for part in PARTS}
    chosen[entry.part] = entry.piece
    healthy, port = composed("jittor", chosen), composed("jittor", chosen, entry)
    lines = difflib.SequenceMatcher(None, healthy.split("\n"), port.split("\n"), autojunk=False)
    line = next(code[3] for code in lines.get_opcodes() if code[0] != "equal") + 1
    return Mutant(entry, chosen, composed("torch", chosen), healthy, port, line)


def mutant(student: str, number: int) -> Mutant:
    """A student's patient. The first ones are of different kinds, until every kind has come."""
    round_, place = divmod(number, len(fit()))
    order = sorted(fit(), key=lambda k: hashlib.sha256(f"{student}/{round_}/{k}".encode()).digest())
    kind = order[place]
    return mutant_of(pick(fit()[kind], student, number, kind), student, number)
