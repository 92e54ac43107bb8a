"""The list of traps that notebook 02 shows and the tests check: PyTorch, plain Jittor, the fix.

    theirs = pytorch("x.std()", x=[2.0, 2.0])          # from jacklib.porting
    plain = plain_jittor("x.std()", x=[2.0, 2.0])      # the same lines as a port would have them
    ours = ((x - x.mean()) ** 2).mean().sqrt()         # the fix
    trap("18 · std", pytorch=theirs, jittor=plain, fixed=ours)

`trap` shows the three values and remembers them; `table()` and `picture()` show all of them. The
notebook is the only list: `test_trap_table.py` runs its cells and makes a test of each trap,
so that a new Jittor that has fixed one is noticed.
"""

from __future__ import annotations

import ast
import math
import re
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import jittor as jt
import numpy as np
from IPython.display import Image, display
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from jacklib.porting.comparison import distance, same_shape
from jacklib.porting.recording import mapped
from jacklib.porting.traps import check_text
from jacklib.widgets.drawing import BLUE, GREY, VERMILLION, png_bytes
from jacklib.widgets.words import texts

TOLERANCE = 1e-5  # relative to the largest of PyTorch's numbers; above it, values differ
HEAD = "import jittor as jt\nimport numpy as np\nfrom jittor import nn\n"
_TEXT = texts("traps")
_HTML = jinja2.Template(Path(__file__).with_suffix(".html").read_text("utf-8"), autoescape=True)
_language = "en"
_rows: dict[str, Row] = {}


class Raised(str):
    """An error's type and message, in place of the value that it kept from being computed."""


class Ran(NamedTuple):
    """What plain Jittor said to some lines, and which rules of `porting check` see a trap there."""

    value: Any
    rules: tuple[str, ...]


class Row(NamedTuple):
    """One trap: the three values, what `porting check` says, and the public port that has it."""

    name: str
    pytorch: Any
    jittor: Any
    fixed: Any
    rules: tuple[str, ...]
    port: str

    @property
    def differs(self) -> bool:
        """Whether plain Jittor still gives something else than PyTorch."""
        return not agree(self.jittor, self.pytorch)

    @property
    def fixed_agrees(self) -> bool:
        return agree(self.fixed, self.pytorch)

    @property
    def loud(self) -> bool:
        """Whether one notices: plain Jittor stops with an error."""
        return isinstance(self.jittor, Raised)

    def _repr_html_(self) -> str:
        return _HTML.render(name=self.name, rows=self._lines())

    def __repr__(self) -> str:
        return "\n".join([self.name, *(f"  {head:22} {value}" for head, value in self._lines())])

    def _lines(self) -> list[tuple[str, str]]:
        words = _TEXT[_language]
        news = "" if self.differs else words["agrees"]
        fault = "" if self.fixed_agrees else words["fix_fails"]
        return [
            ("PyTorch", show(self.pytorch)),
            (words["jittor"].format(jt.__version__), f"{show(self.jittor)}   {news}".rstrip()),
            (words["fixed"], f"{show(self.fixed)}   {fault}".rstrip()),
            (words["check"], ", ".join(self.rules) or words["unseen"]),
        ]


def language(lang: str) -> None:
    """Set the language of the tables and of the picture: "en" or "zh"."""
    global _language
    _language = lang if lang in _TEXT else "en"


# --- running plain Jittor -------------------------------------------------------------------------


def plain_jittor(code: str, **inputs: Any) -> Ran:
    """Run lines of plain Jittor; jt, nn and np are known, the inputs are Vars.

    The value is that of the last expression, or the error that the lines raised. Nothing is raised.
    """
    code = textwrap.dedent(code).strip()
    names = {"jt": jt, "nn": jt.nn, "np": np}
    names |= {name: jt.array(np.asarray(value)) for name, value in inputs.items()}
    tree = ast.parse(code)
    last = ast.Expression(tree.body.pop().value)
    try:
        exec(compile(tree, "<jittor>", "exec"), names)
        value = to_numpy(eval(compile(last, "<jittor>", "eval"), names))
    except Exception as error:  # part of what is shown
        value = Raised(f"{type(error).__name__}: {first_words(str(error))}")
    return Ran(value, tuple(dict.fromkeys(found.rule for found in check_text(HEAD + code))))


def to_numpy(value: Any) -> Any:
    """The same value with NumPy arrays where it had Vars."""
    value = mapped(value, lambda v: isinstance(v, jt.Var), jt.Var.numpy)
    return mapped(value, lambda v: isinstance(v, jt.NanoVector), tuple)  # a shape


def first_words(message: str) -> str:
    """The line of an error's message that says what is wrong, without colours."""
    message = re.sub(r"\x1b?\[[0-9;]*m", "", message)
    reason = re.search(r"Failed reason:(?:\[.*?\])?\s*(.+)", message)
    lines = [reason.group(1)] if reason else message.strip().splitlines()
    return lines[0].strip() if lines else ""


# --- comparing ------------------------------------------------------------------------------------


def difference(ours: Any, theirs: Any) -> float:
    """The largest difference relative to the largest of theirs; inf where one is no such value."""
    if isinstance(ours, (str, bool)) or isinstance(theirs, (str, bool)) or theirs is None:
        same = type(ours) is type(theirs) and ours == theirs
        return 0.0 if same else math.inf
    series = [isinstance(value, (list, tuple)) for value in (ours, theirs)]
    if all(series) and len(ours) == len(theirs):
        return max(map(difference, ours, theirs), default=0.0)
    if any(series):
        return math.inf
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if not same_shape(ours.shape, theirs.shape):
        return math.inf
    far, largest = distance(ours.reshape(theirs.shape), theirs)
    return far / largest if largest else far


def agree(ours: Any, theirs: Any) -> bool:
    """Whether two values are equal up to rounding; errors agree with nothing."""
    return not isinstance(ours, Raised) and difference(ours, theirs) <= TOLERANCE


def show(value: Any) -> str:
    """A value in one line of a table."""
    if isinstance(value, Raised):
        return value if len(value) <= 110 else value[:107] + "..."
    if isinstance(value, np.ndarray):
        large = value.size > 24
        return f"array of shape {list(value.shape)}" if large else show(value.tolist())
    if isinstance(value, list):
        return f"[{', '.join(map(show, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(show, value))}{',' if len(value) == 1 else ''})"
    return f"{value:.7g}" if isinstance(value, float) else str(value)


# --- the list -------------------------------------------------------------------------------------


def trap(name: str, *, pytorch: Any, jittor: Ran, fixed: Any, port: str = "") -> None:
    """Remember a trap and show it. fixed: the fix's value. port: the public port that has it."""
    _rows[name] = Row(name, pytorch, jittor.value, to_numpy(fixed), jittor.rules, port)
    display(_rows[name])


def rows() -> list[Row]:
    """All traps so far, in the order of their first appearance."""
    return list(_rows.values())


class _Table:
    def __init__(self, rows: list[Row], lang: str):
        words = _TEXT[lang]
        keys = ("trap", "jittor", "fixed", "check", "port")
        self.head = [words[key].format(jt.__version__) for key in keys]
        self.lines = [
            [row.name, words["loud" if row.loud else "differs" if row.differs else "agrees"],
             "✓" if row.fixed_agrees else words["fix_fails"], ", ".join(row.rules) or "–",
             row.port or "–"]
            for row in rows
        ]  # fmt: skip

    def _repr_html_(self) -> str:
        return _HTML.render(head=self.head, rows=self.lines)

    def __repr__(self) -> str:
        return "\n".join(" | ".join(cells) for cells in [self.head, *self.lines])


def table() -> _Table:
    """All traps so far in one table."""
    return _Table(rows(), _language)


def picture() -> Image:
    """How far plain Jittor is from PyTorch, trap by trap, on a logarithmic scale."""
    words = _TEXT[_language]
    far = {row.name: difference(row.jittor, row.pytorch) for row in rows() if not row.loud}
    names = sorted(far, key=far.get)
    loud = [row.name for row in rows() if row.loud]
    finite = [value for value in far.values() if 0 < value < math.inf]
    low, high = min(finite, default=1) / 3, max(finite, default=1) * 10
    figure = Figure(figsize=(10, 0.19 * len(rows()) + 1.2), layout="constrained")
    ax = figure.subplots()
    bars = [(low * 1.5, GREY)] * len(loud)
    for name in names:
        silent = far[name] < math.inf
        bars.append((max(far[name], low * 1.1), BLUE) if silent else (high, VERMILLION))
    for place, (end, colour) in enumerate(bars):
        ax.barh(place, end - low, left=low, color=colour, height=0.75)
    ax.set(xscale="log", xlim=(low, high), ylim=(-0.6, len(rows()) - 0.4), xlabel=words["far"])
    ax.set_yticks(range(len(rows())), [*loud, *names], fontsize=7, parse_math=False)
    handles = [
        Patch(color=VERMILLION, label=words["never"]), Patch(color=BLUE, label=words["silent"]),
        Patch(color=GREY, label=words["loud"]),
    ]  # fmt: skip
    ax.legend(handles=handles, loc="lower right", fontsize=8)
    return Image(png_bytes(figure), width=800)
