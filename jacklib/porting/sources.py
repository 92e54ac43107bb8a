"""Python files and notebooks as `porting check` reads them: parsed, never run."""

import ast
import builtins
import functools
import inspect
import json
import re
import sys
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from jacklib.errors import DataError
from jacklib.files import LONGEST_TEXT, check_file, reading

TORCH = ("torch", "torchvision", "torchaudio")
KNOWN = {*sys.stdlib_module_names, *TORCH, "numpy"}  # packages without networks of Jittor's
# Of a file. The rules look into expressions again and again: their work grows with the sum over all
# nodes of how deep each lies, some 6 per node in what people write.
LARGEST, DEEPEST, MOST_WORK = 2**19, 400, 1_000_000
LARGEST_CELL = 2**14  # with IPython's own lines, for each of which IPython reads it again
WANTED, CURE = "Python 3 in a file or notebook", "Check the path; correct the file, or divide it."
NO = "no Python"
# The first line of a cell whose others are Python, and a command that goes on in the next line.
PYTHON_CELL = re.compile(r"\s*%%(?:(time|timeit|prun|capture)\b.*|(write)?file .*\.py\s*)(\n|$)")
CONTINUED = re.compile(r"(?m)^[ \t]*[%!](?:.*\\\n)+")


class Source:
    """A parsed file, and what its names stand for: names are followed through imports, Jittor's
    `import *` and other names (`F = jittor.nn`). cells: of a notebook, the lines before a cell and
    its number; unread: its cells that are no Python."""

    def __init__(self, tree: ast.Module, cells: dict[int, int], unread: Sequence[DataError]):
        self.tree, self.cells, self.unread = tree, cells, unread
        self.parents = {sub: node for node in ast.walk(tree) for sub in ast.iter_child_nodes(node)}
        self.imports: dict[str, str] = {}  # a name: what it was imported from
        self.stars: list[tuple[str, int]] = []  # modules of which all names were, and the lines
        self.given: dict[str, set[str]] = {}  # a name: the names that it was given, "" for no name
        self.classes = {node.name: node for node in self.nodes(ast.ClassDef)}
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._add_imports(node)
            elif isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.arg)):
                self.given.setdefault(getattr(node, "name", "") or node.arg, set()).add("")
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                above = self.parents[node]
                alone = isinstance(above, (ast.Assign, ast.AnnAssign, ast.NamedExpr))
                self.given.setdefault(node.id, set()).add(dotted(above.value) if alone else "")

    def _add_imports(self, node: ast.Import | ast.ImportFrom) -> None:
        module = "." * getattr(node, "level", 0) + (getattr(node, "module", "") or "")
        for alias in node.names:
            name, origin = alias.asname or alias.name, f"{module}.{alias.name}"
            if isinstance(node, ast.Import):
                name = alias.asname or package(name)
                origin = alias.name if alias.asname else name
            if name == "*":
                self.stars.append((module, node.lineno))
            elif package(self.imports.get(name, "")) != "jittor":  # which goes before PyTorch
                self.imports[name] = origin

    def nodes(self, kinds: type | tuple[type, ...], within: ast.AST | None = None) -> Iterator:
        return (node for node in ast.walk(within or self.tree) if isinstance(node, kinds))

    def calls(self, *methods: str, within: ast.AST | None = None) -> Iterator[ast.Call]:
        """Calls whose last name is one of `methods`, where any are given."""
        calls = self.nodes(ast.Call, within)
        return (call for call in calls if not methods or called(call) in methods)

    def place(self, line: int) -> dict[str, int]:
        """The line, in a notebook that of its cell, and the cell's number; 0 in a file."""
        start = max(start for start in self.cells if start < line)
        return {"cell": self.cells[start], "line": line - start}

    def origin(self, name: str) -> str:
        """A dotted name with its import written out ("jittor.nn.relu"); "" where it has none."""
        seen: set[str] = set()
        while True:
            first, dot, rest = name.partition(".")
            others = self.given.get(first, ())
            whole = self.imports.get(first) or ("" if others else self._from_star(first))
            if whole or first in seen or len(others) != 1:
                return whole and whole + dot + rest
            seen.add(first)
            name = "".join(others) + dot + rest

    def _from_star(self, name: str) -> str:
        for module, _ in self.stars:
            if (thing := jittor_s(f"{module}.{name}")) is not None:
                other = inspect.ismodule(thing) and not thing.__name__.startswith("jittor")
                return thing.__name__ if other else f"{module}.{name}"  # its `np` is NumPy
        return ""

    def full_name(self, node: ast.AST) -> str:
        """The dotted name of an expression with its import written out: "jittor.nn.BCELoss"; "" for
        anything that is not a name."""
        return self.origin(dotted(node)) or dotted(node)

    def is_jittor(self, node: ast.AST, *names: str) -> bool:
        """Whether an expression is a name of Jittor's, one of `names` where any are given. A
        variable that is called so by chance is none."""
        front, _, last = self.origin(dotted(node)).rpartition(".")
        return package(front) == "jittor" and (not names or last in names)

    def uses(self, name: str) -> bool:
        """Whether anything in the file is of a package."""
        modules = [module for module, _ in self.stars]
        return any(package(origin) == name for origin in [*self.imports.values(), *modules])

    def bases(self, node: ast.ClassDef) -> Iterator[ast.ClassDef | bool | None]:
        """A class's bases: those in the file, and of others whether they are networks of Jittor's,
        None where nobody knows."""
        for base in node.bases:
            name = dotted(base.value if isinstance(base, ast.Subscript) else base)  # Generic[T]
            here = None if name in self.imports else self.classes.get(name)
            yield here or is_network(self.origin(name) or name)

    @functools.cached_property
    def networks(self) -> set[ast.ClassDef]:
        """Classes that are networks: by a base, or by what they do where nobody knows the base."""
        found: set[ast.ClassDef] = set()
        here = self.uses("jittor") and not self.uses("torch")
        for node in sorted(self.nodes(ast.ClassDef), key=lambda node: node.lineno):
            bases, own = {*self.bases(node)}, {getattr(part, "name", "") for part in node.body}
            does = here and None in bases and own & {"execute", "forward"}
            if True in bases or does or found & bases:
                found.add(node)
        return found

    def unfollowed(self) -> Iterator[tuple[int, str]]:
        """Lines that bring in what may be Jittor's, or a network, for all that is known."""
        known = {*dir(builtins), *self.imports, *self.given}
        unknown = {node.id for node in self.nodes(ast.Name)} - known
        for module, line in self.stars:
            if package(module) not in {"jittor", *KNOWN} and not all(map(self._from_star, unknown)):
                yield line, f"from {module} import *"
        for node in self.nodes(ast.ClassDef):
            sure = not self.uses("jittor") or node in self.networks
            if not sure and None in self.bases(node):
                bases = ", ".join(map(ast.unparse, node.bases))
                yield node.lineno, f"class {node.name}({bases})"


def package(name: str) -> str:
    return name.partition(".")[0]


def dotted(node: ast.AST | None) -> str:
    """ "a.b.c" of an expression that is such a name, else ""."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts, node = [node.attr, *parts], node.value
    return ".".join([node.id, *parts]) if isinstance(node, ast.Name) else ""


def called(node: ast.Call) -> str:
    """The last name of what is called: "sum" of x.sum() and of jt.sum(x)."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def jittor_s(name: str) -> Any:
    """What Jittor has under a dotted name, or None."""
    if package(name) != "jittor":
        return None
    import jittor.models

    parts = name.split(".")[1:]
    return functools.reduce(lambda thing, part: getattr(thing, part, None), parts, jittor)


def is_network(base: str) -> bool | None:
    """Whether a class from elsewhere is a network of Jittor's, by its name; None: nobody knows."""
    if inspect.isclass(thing := jittor_s(base)):
        return issubclass(thing, jittor_s("jittor.Module")) and base != "jittor.Function"
    if package(base) in KNOWN or hasattr(builtins, base):
        return False
    return True if base.rpartition(".")[2] == "Module" else None


# --- reading --------------------------------------------------------------------------------------


def read(path: Path) -> Source:
    """A Python file or a notebook. Raises DataError if it is missing or neither."""
    book = path.suffix == ".ipynb"
    check_file(path, WANTED, CURE, LONGEST_TEXT if book else 4 * LARGEST)
    cure = "Save it in UTF-8, or name its encoding in its first line."
    with reading(path, WANTED, cure, "no text"), tokenize.open(path) as file:
        text = file.read()  # UTF-8, or what its first lines say
    # A notebook's JSON would pass as Python: one long expression, without a trap in it.
    if book or (text.lstrip()[:1] == "{" and '"cell_type"' in text):
        return parsed(*_cells(text, path))
    return parsed(text, path)


def _cells(text: str, path: Path) -> tuple[str, Path, dict[int, int], list[DataError]]:
    """`parsed`'s arguments for a notebook. All of its cells are counted, from 1."""
    with reading(path, WANTED, CURE, "no notebook"):
        book = json.loads(text)
        sheets = [book] if "cells" in book else book["worksheets"]  # of format 3
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
        codes = ["".join(cell.get("source") or cell.get("input") or "")
                 if cell["cell_type"] == "code" else "" for cell in cells]  # fmt: skip
    lines, starts, unread = [], {0: 1}, []
    for number, code in enumerate(codes, start=1):
        try:
            with reading(f"{path}, cell {number}", WANTED, CURE, NO):
                _syntax(code := _python(code))
        except DataError as error:
            unread.append(error)
        else:
            starts[len(lines)] = number
            lines += code.split("\n")
    return "\n".join(lines), path, starts, unread


def _python(cell: str) -> str:
    """A cell without what is IPython's own; the lines stay where they are."""
    from IPython.core.inputtransformer2 import TransformerManager, leading_indent

    with suppress(SyntaxError):
        return _syntax(cell) and cell
    while first := PYTHON_CELL.match(cell):
        cell = "\n" * first.group().count("\n") + cell[first.end() :]
    if cell.lstrip().startswith("%%"):  # the others are Bash, Cython or HTML
        return ""
    if len(cell) > LARGEST_CELL:
        raise ValueError(f"{len(cell)} characters with magics in them, more than {LARGEST_CELL}")
    ipython = TransformerManager()
    ipython.cleanup_transforms, ipython.line_transforms = [leading_indent], []
    return ipython.transform_cell(CONTINUED.sub(lambda m: m[0].replace("\\\n", "\n!"), cell))


def _syntax(text: str) -> ast.Module:
    wanted = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT  # as notebooks have it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its escapes, say
        return compile(text, "source", "exec", wanted, dont_inherit=True)


def parsed(text: str, path: Path, cells: dict | None = None, unread: Sequence = ()) -> Source:
    """Python's text. Raises DataError unless it is Python that the rules can look through."""
    with reading(path, WANTED, CURE, NO):
        if len(text) > LARGEST:
            raise ValueError(f"{len(text)} characters, more than {LARGEST}")
        tree = _syntax(text)
        work, depth, level = 0, 0, [tree]
        while level:
            level = [child for node in level for child in ast.iter_child_nodes(node)]
            depth += 1
            work += depth * len(level)
            if depth > DEEPEST or work > MOST_WORK:
                raise ValueError("too large, or nested too deep, to be looked through")
    return Source(tree, cells or {0: 0}, unread)
