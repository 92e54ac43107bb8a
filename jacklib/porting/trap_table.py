"""Notebook 02's traps: PyTorch, plain Jittor and the fix beside each other; the tests run each.

    try_it(17)                              one of `traps.yaml`, with its code
    trap(5, pytorch=theirs, jittor=plain, fixed=ours)      one whose code stands in the notebook:
        theirs = pytorch("x.std()", x=[2.0, 2.0])          # from jacklib.porting
        plain = plain_jittor("x.std()", x=[2.0, 2.0])      # the same lines as a port has them
        ours = ((x - x.mean()) ** 2).mean().sqrt()         # the fix
    table()                                 all of them, with a field to search in

`test_trap_table.py` makes a test of each trap, so that a new Jittor that has fixed one is noticed.
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
import yaml
from IPython.display import display
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from jacklib import ops
from jacklib.backend.torch_process import pytorch as ask_pytorch
from jacklib.errors import refuse
from jacklib.porting.comparison import distance, same_shape
from jacklib.porting.recording import mapped
from jacklib.porting.traps import check_text
from jacklib.widgets.drawing import drawable
from jacklib.widgets.words import texts

TOLERANCE = 1e-5  # relative to the largest of PyTorch's numbers; above it, values differ
HEAD = "import jittor as jt\nfrom jittor import nn\n"
_TEXT = texts("traps")
_HTML = jinja2.Template(Path(__file__).with_suffix(".html").read_text("utf-8"), autoescape=True)
TRAPS = yaml.safe_load(Path(__file__).with_name("traps.yaml").read_text("utf-8"))
_language = "en"
_rows: dict[int, Row] = {}


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
    number: int = 0

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

    @property
    def news(self) -> str:
        """What plain Jittor does, in a word or two."""
        key = "loud" if self.loud else "silent" if self.differs else "agrees"
        return _TEXT[_language][key]

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
    try:
        value = _run(code, {name: jt.array(np.asarray(v)) for name, v in inputs.items()})
    except Exception as error:  # part of what is shown
        value = Raised(f"{type(error).__name__}: {first_words(str(error))}")
    head = HEAD + ("import numpy as np\n" if "np." in code else "")
    return Ran(value, tuple(dict.fromkeys(found.rule for found in check_text(head + code))))


def _run(code: str, names: dict[str, Any]) -> Any:
    """The value of the last of some lines; jt, nn, np and ops are known."""
    names = {"jt": jt, "nn": jt.nn, "np": np, "f32": np.float32, "ops": ops} | names
    tree = ast.parse(code)
    last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, "<jittor>", "exec"), names)
    return to_numpy(eval(compile(last, "<jittor>", "eval"), names))


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


def trap(number: int, *, pytorch: Any, jittor: Ran, fixed: Any) -> None:
    """Remember a trap of `TRAPS` whose code stands in the notebook, and show it."""
    _remember(number, pytorch, jittor, to_numpy(fixed))
    display(_rows[number])


def _remember(number: int, theirs: Any, jittor: Ran, fixed: Any) -> None:
    name = f"{number} · {TRAPS[number][_language]}"
    port = TRAPS[number].get("port", "")
    _rows[number] = Row(name, theirs, jittor.value, fixed, jittor.rules, port, number)


class Tried(NamedTuple):
    """A trap of the table that was run, with what `TRAPS` says of it."""

    row: Row
    entry: dict[str, Any]

    def _repr_html_(self) -> str:
        parts = zip(("pytorch", "jittor", "fixed"), self.row._lines(), strict=False)
        return _HTML.render(
            tried=self.row, entry=self.entry, words=_TEXT[_language], coloured=_coloured,
            parts=list(parts), why=_prose(self.entry["why"][_language]),
        )  # fmt: skip

    def __repr__(self) -> str:
        return repr(self.row)


def try_it(number: int) -> Tried:
    """Run a trap of the table in PyTorch, in plain Jittor and as it is fixed. Raises DataError for
    another number, and for a trap whose code stands in the notebook."""
    known = [n for n in TRAPS if "jittor" in TRAPS[n]]
    refuse(number not in known, f"try_it({number!r})", found="no trap of the table",
           wanted=f"one of {', '.join(map(str, known))}",
           cure="Those with a star have a section of their own.")  # fmt: skip
    entry, given = TRAPS[number], {}
    exec(entry.get("inputs", ""), {"np": np, "f32": np.float32}, given)
    theirs = ask_pytorch(entry["pytorch"], **given)
    fixed = _run(entry["fixed"], dict(given))
    _remember(number, theirs, plain_jittor(entry["jittor"], **given), fixed)
    return Tried(_rows[number], entry)


def rows() -> list[Row]:
    """All traps so far, by number."""
    return [_rows[number] for number in sorted(_rows)]


def run_all() -> list[Row]:
    """Run what the notebook's sections did not; returns `rows()`."""
    for number in TRAPS:
        if number not in _rows and "jittor" in TRAPS[number]:
            try_it(number)
    return rows()


def _prose(text: str) -> Markup:
    """Text of `TRAPS` as HTML: `code`, and links to Jittor's issues."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\[(\d+)\]\((https://[\w./]+)\)", r'<a href="\2">\1</a>', text))


def _coloured(code: str) -> Markup:
    style = HtmlFormatter(noclasses=True, prestyles="white-space:pre-wrap")
    return Markup(highlight(code, PythonLexer(), style))


class _Table:
    def __init__(self, rows: list[Row], lang: str):
        self.words = _TEXT[lang]
        keys = ("trap", "jittor", "fixed", "check", "port")
        self.head = [self.words[key].format(jt.__version__) for key in keys]
        self.lines = [
            [row.name, row.news, "✓" if row.fixed_agrees else self.words["fix_fails"],
             ", ".join(row.rules) or "–", row.port or "–"]
            for row in rows
        ]  # fmt: skip
        entries = [TRAPS.get(row.number, {"theme": "layers"}) for row in rows]
        self.notes = [_prose(e["why"][lang]) if "why" in e else "" for e in entries]
        self.themes = [self.words["themes"][e["theme"]] for e in entries]

    def _repr_html_(self) -> str:
        lines = zip(self.lines, self.notes, self.themes, strict=True)
        return _HTML.render(head=self.head, rows=list(lines), words=self.words)

    def __repr__(self) -> str:
        return "\n".join(" | ".join(cells) for cells in [self.head, *self.lines])


def table() -> _Table:
    """All traps so far in one table, with a field to search in."""
    return _Table(rows(), _language)


def found_how() -> tuple[list[str], list[str], np.ndarray]:
    """How many traps of each theme raise, are seen by `porting check`, or show in values alone:
    the themes, the three ways, in words that can be drawn, and the numbers [themes, 3]."""
    words = _TEXT[drawable(_language)]
    counts = {theme: [0, 0, 0] for theme in words["themes"]}
    for number, row in _rows.items():
        counts[TRAPS[number]["theme"]][0 if row.loud else 1 if row.rules else 2] += 1
    return [*words["themes"].values()], words["ways"], np.array([*counts.values()])
