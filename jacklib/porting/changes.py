"""What a port changes: the PyTorch and the Jittor file of a network, line beside line, by kind.

Comments, docstrings and blank lines are shown and not counted.
"""

from __future__ import annotations

import ast
import difflib
import io
import re
import tokenize
from typing import NamedTuple

from jacklib.backend.folders import ROOT
from jacklib.core.networks import NETWORKS, network

FOLDER = ROOT / "jacklib"
FILES = {network.key: network.file for network in NETWORKS}
# The kinds of change, in the order of a table: what each of them is.
KINDS = {
    "import": "what is imported",
    "name": "the same line in the other framework's names",
    "call": "a line that says the same in other calls",
    "port": "a line that only the port needs",
    "reference": "a line that only the reference needs",
}
# Where the two frameworks' names differ and nothing else does.
NAMES = [
    (r"\bsuper\(\).__init__\(\)", ""),
    (r"\bdef forward\b", "def execute"),
    (r"\.forward\(", ".execute("),
    (r"\btorch\.", "jt."),
    (r"\bjt\.Var\b", "Tensor"),
    (r"\bnn\.(?=[A-Z])", ""),
    (r"\bModule\b", "Module"),
    (r"\bBatchNorm[123]d\b", "BatchNorm"),
    (r"\bTimeConv\b", "Conv"),
    (r"\bChannelNorm\b", "BatchNorm"),
    (r"\bself\._A\b", "self.A"),
    (r"\bnn\.relu\b", "jt.relu"),
    (r"(?<![\w.])(relu|logsumexp)\(", r"jt.\1("),
    (r": (Tensor|np\.ndarray)( \| None)?(?=[,)= ]|$)", ""),
    (r" -> (Tensor|np\.ndarray|tuple\[Tensor, Tensor\])(?=:)", ""),
    (r"\bnn\.Parameter\((.*)\)$", r"\1"),  # a Var of a module is one
]


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
    for name in [key] if key else FILES:
        rows = side_by_side(*sources(name))
        counts = {kind: sum(row.kind == kind for row in rows) for kind in KINDS}
        lines = len([line for line in _code(sources(name)[1]) if line])
        found[name] = counts | {"total": sum(counts.values()), "lines": lines}
    return found


def sources(key: str) -> tuple[str, str]:
    """The text of a network's reference and of its port."""
    file = network(key).file
    return tuple(
        (FOLDER / folder / file).read_text(encoding="utf-8") for folder in ("reference", "networks")
    )


def side_by_side(reference: str, port: str) -> list[Row]:
    """Both texts line beside line, each pair with its kind. Raises SyntaxError for no Python."""
    left, right = reference.splitlines(), port.splitlines()
    left_code, right_code = _code(reference), _code(port)

    def keys(lines: list[str], code: list[str]) -> list[str]:
        return [
            _renamed(c) if c else "#" + line.strip() for c, line in zip(code, lines, strict=True)
        ]

    left_keys, right_keys = keys(left, left_code), keys(right, right_code)
    rows = []

    def add(i: int | None, j: int | None) -> None:
        a = None if i is None else left_code[i]
        b = None if j is None else right_code[j]
        rows.append(
            Row(
                None if i is None else i + 1, None if i is None else left[i],
                None if j is None else j + 1, None if j is None else right[j],
                _kind(a, b),
            )
        )  # fmt: skip

    matcher = difflib.SequenceMatcher(None, left_keys, right_keys, autojunk=False)
    for what, i, i_end, j, j_end in matcher.get_opcodes():
        if what == "equal":
            for k in range(i_end - i):
                add(i + k, j + k)
            continue
        for pair in _pairs(left_keys[i:i_end], right_keys[j:j_end]):
            add(*(None if p is None else p + start for p, start in zip(pair, (i, j), strict=True)))
    return rows


def _pairs(left: list[str], right: list[str]) -> list[tuple[int | None, int | None]]:
    """Which lines of a changed block belong together: the most similar ones, in order."""
    # score[i][j]: the most similarity that left[i:] and right[j:] can have.
    score = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    near = [[0.0] * len(right) for _ in left]
    for i in reversed(range(len(left))):
        for j in reversed(range(len(right))):
            comment = left[i].startswith("#"), right[j].startswith("#")
            ratio = difflib.SequenceMatcher(None, left[i], right[j], autojunk=False).ratio()
            near[i][j] = ratio if comment[0] == comment[1] and ratio > 0.5 else 0.0
            score[i][j] = max(score[i + 1][j], score[i][j + 1], near[i][j] + score[i + 1][j + 1])
    pairs: list[tuple[int | None, int | None]] = []
    i = j = 0
    while i < len(left) or j < len(right):
        if i < len(left) and j < len(right) and near[i][j] > 0:
            if score[i][j] == near[i][j] + score[i + 1][j + 1]:
                pairs.append((i, j))
                i, j = i + 1, j + 1
                continue
        if i < len(left) and (j == len(right) or score[i][j] == score[i + 1][j]):
            pairs.append((i, None))
            i += 1
        else:
            pairs.append((None, j))
            j += 1
    return pairs


def _kind(reference: str | None, port: str | None) -> str:
    if not reference and not port:
        return "text"
    if reference == port:
        return ""
    words = (reference or "").split() + (port or "").split()
    if words[0] in ("import", "from") or "import" in words:
        return "import"
    if not reference or not port:
        code = port or reference
        if _renamed(code) == "":
            return "name"  # super().__init__(), which Jittor does not need
        return "port" if port else "reference"
    return "name" if _renamed(reference) == _renamed(port) else "call"


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
        body = getattr(node, "body", None)
        if not isinstance(body, list) or not body or not isinstance(body[0], ast.Expr):
            continue
        value = body[0].value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            for row in range(value.lineno - 1, value.end_lineno):
                lines[row] = ""
    return [line.rstrip() for line in lines]


def table(counts: dict[str, dict[str, int]]) -> str:
    """`count_changes` as Markdown."""
    lines = [f"| network | {' | '.join(KINDS)} | total | lines of the port |"]
    lines.append("|---" * (len(KINDS) + 3) + "|")
    for name, row in counts.items():
        cells = [name, *(str(row[kind]) for kind in KINDS), str(row["total"]), str(row["lines"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
