"""What a port changes: the PyTorch and the Jittor file of a network, line beside line, by kind.

Comments, docstrings and blank lines are shown and not counted.
"""

import ast
import difflib
import io
import json
import re
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jacklib.backend.folders import ROOT
from jacklib.core.networks import KEYS, network
from jacklib.files import filled

FOLDER = ROOT / "jacklib"
# The kinds of change, in the order of a table, and what each of them is; where the two frameworks'
# names differ and nothing else does: a pattern, and what it is read as.
KINDS, NAMES = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8")).values()


class Row(NamedTuple):
    """Two lines side by side; None where only one file has one."""

    reference_line: int | None
    reference: str | None
    port_line: int | None
    port: str | None
    kind: str  # one of KINDS, "text" for comments and docstrings, "" where nothing differs


def count_changes(key: str | None = None) -> dict[str, dict[str, int]]:
    """Lines that differ between reference and port, by network and kind, with their "total" and the
    number of "lines" of code in the port.

    key: "vaanet", "cten", "tsl" or "gait"; None: all. Raises DataError for another name.
    """
    found = {}
    for name in [key] if key else KEYS:
        counts = count_kinds(side_by_side(*sources(name)))
        lines = len(list(filter(None, _code(sources(name)[1]))))
        found[name] = counts | {"total": sum(counts.values()), "lines": lines}
    return found


def count_kinds(rows: Sequence[Row]) -> dict[str, int]:
    """How many rows are of each kind."""
    return {kind: sum(row.kind == kind for row in rows) for kind in KINDS}


def sources(key: str) -> tuple[str, str]:
    """The text of a network's reference and of its port."""
    file = network(key).file
    return tuple((FOLDER / side / file).read_text("utf-8") for side in ("reference", "networks"))


class _Line(NamedTuple):
    """One line of a file, and of nothing where only the other file has one."""

    number: int | None = None
    text: str | None = None
    code: str | None = None  # "" of a comment, a docstring or nothing
    key: str = ""  # what is compared: the code in the port's names, or "#" and the text


def side_by_side(reference: str, port: str) -> list[Row]:
    """Both texts line beside line, each pair with its kind. Raises SyntaxError for no Python."""
    left, right = _lines(reference), _lines(port)
    keys = [[line.key for line in lines] for lines in (left, right)]
    pairs: list[tuple[_Line, _Line]] = []
    matcher = difflib.SequenceMatcher(None, *keys, autojunk=False)
    for what, i, i_end, j, j_end in matcher.get_opcodes():
        matched = zip if what == "equal" else _pairs
        pairs += matched(left[i:i_end], right[j:j_end])
    return [Row(a.number, a.text, b.number, b.text, _kind(a.code, b.code)) for a, b in pairs]


def _lines(text: str) -> list[_Line]:
    return [
        _Line(number, line, code, _renamed(code) if code else "#" + line.strip())
        for number, (line, code) in enumerate(zip(text.splitlines(), _code(text), strict=True), 1)
    ]


def _pairs(left: list[_Line], right: list[_Line]) -> list[tuple[_Line, _Line]]:
    """Which lines of a changed block belong together: the most similar ones, in order."""
    m, n = len(left), len(right)
    # best[i, j]: the most similarity that left[i:] and right[j:] can have, and where it goes on.
    best: dict[tuple[int, int], tuple[float, int, int]] = {}
    for i in reversed(range(m + 1)):
        for j in reversed(range(n + 1)):
            ways = []
            if i < m and j < n and left[i].key.startswith("#") == right[j].key.startswith("#"):
                alike = difflib.SequenceMatcher(None, left[i].key, right[j].key, autojunk=False)
                if alike.ratio() > 0.5:
                    ways.append((alike.ratio() + best[i + 1, j + 1][0], i + 1, j + 1))
            if i < m:
                ways.append((best[i + 1, j][0], i + 1, j))
            if j < n:
                ways.append((best[i, j + 1][0], i, j + 1))
            best[i, j] = max(ways, key=lambda way: way[0], default=(0.0, i, j))
    pairs, i, j = [], 0, 0
    while (i, j) != (m, n):
        _, i_end, j_end = best[i, j]
        pairs.append((left[i] if i_end > i else _Line(), right[j] if j_end > j else _Line()))
        i, j = i_end, j_end
    return pairs


def _kind(reference: str | None, port: str | None) -> str:
    if not reference and not port:
        return "text"
    if reference == port:
        return ""
    words = f"{reference or ''} {port or ''}".split()
    if words[0] == "from" or "import" in words:
        return "import"
    # A line of nothing is as good as super().__init__(), which Jittor does not need.
    if _renamed(reference or "") == _renamed(port or ""):
        return "name"
    if reference and port:
        return "call"
    return "port" if port else "reference"


def _renamed(line: str) -> str:
    for pattern, name in NAMES:
        line = re.sub(pattern, name, line)
    return line.strip()


def _code(text: str) -> list[str]:
    """Each line without comment; "" for lines of comments, docstrings and nothing."""
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(text)):
        match getattr(node, "body", None):
            case [ast.Expr(ast.Constant(str()) as words), *_]:
                for row in range(words.lineno - 1, words.end_lineno):
                    lines[row] = ""
    return [line.rstrip() for line in lines]


def table(counts: dict[str, dict[str, int]]) -> str:
    """`count_changes` as Markdown."""
    return filled(Path(__file__).with_name("changes.txt"), kinds=list(KINDS), counts=counts)
