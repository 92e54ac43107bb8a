"""Python files and notebooks as `porting check` reads them: parsed, never run.

A name is followed to what it stands for: through imports, `import *` too, through other names
(`F = jittor.nn`) and into the files of the folder that is checked. `Source.unfollowed` says what
leads elsewhere, where traps may hide.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import json
import os
import re
import sys
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from jacklib.errors import DataError
from jacklib.files import LONGEST_TEXT, check_file, reading

TORCH = ("torch", "torchvision", "torchaudio")
KNOWN = {*sys.stdlib_module_names, *TORCH, "numpy"}  # packages without networks of Jittor's
# Of a file. The rules look into expressions again and again: their work grows with the sum over all
# nodes of how deep each lies, some 6 per node in what people write.
LARGEST, DEEPEST, MOST_WORK = 2**19, 400, 1_000_000
LARGEST_CELL = 2**15  # IPython reads it anew for each magic
MOST_BASES = 100  # of a class, with those of its bases
WANTED, CURE = "Python 3 in a file or notebook", "Check the path; correct the file, or divide it."


class Class(NamedTuple):
    """A class, and the file that it stands in."""

    source: Source
    node: ast.ClassDef


class Source:
    """A parsed file, and what its names stand for."""

    def __init__(self, tree: ast.Module, path: Path, folder: Folder | None = None):
        self.tree, self.path, self.folder = tree, path, folder
        self.cells = {0: 0}  # of a notebook: the lines before a cell, and its number
        self.unread: list[DataError] = []  # cells that are no Python
        self.imports: dict[str, str] = {}  # a name: what it was imported from
        self.stars: dict[str, ast.ImportFrom] = {}  # modules of which all names were imported
        for node in self.nodes((ast.Import, ast.ImportFrom)):
            self._add_import(node)
        self.classes = {node.name: node for node in self.nodes(ast.ClassDef)}
        self.parents = {
            child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)
        }
        self.bound = Counter(  # how often a name is given something, imports apart
            getattr(node, "name", "") or getattr(node, "arg", "") or node.id
            for node in self.nodes((ast.Name, ast.arg, ast.ClassDef, ast.FunctionDef))
            if not isinstance(getattr(node, "ctx", None), ast.Load)
        )
        self.others: dict[str, list[str]] = {}  # a name: the names that `=` gave it, "" for no name
        for node in self.nodes((ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            for target in getattr(node, "targets", None) or [node.target]:
                sides = [target], [node.value]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    sides = target.elts, node.value.elts
                for name, value in zip(*sides, strict=False):
                    self.others.setdefault(dotted(name), []).append(dotted(value))
        self._found: dict[str, str | Class | None] = {}

    def _add_import(self, node: ast.Import | ast.ImportFrom) -> None:
        front = ""
        if isinstance(node, ast.ImportFrom):  # FOLDER:MODULE. where it is relative
            above = [*self.path.absolute().parents][: node.level][-1:]
            front = "".join(f"{folder}:" for folder in above) + (node.module or "") + "."
        for alias in node.names:
            origin, name = front + alias.name, alias.asname or alias.name
            if not front and not alias.asname:
                origin = name = name.partition(".")[0]
            if name == "*":
                self.stars[front] = node
            elif package(self.imports.get(name, "")) != "jittor":  # which goes before PyTorch
                self.imports[name] = origin

    def nodes(self, kinds: type | tuple[type, ...], within: ast.AST | None = None) -> Iterator:
        return (node for node in ast.walk(within or self.tree) if isinstance(node, kinds))

    def calls(self, *methods: str, within: ast.AST | None = None) -> Iterator[ast.Call]:
        """Calls whose last name is one of `methods`, where any are given."""
        calls = self.nodes(ast.Call, within)
        return (call for call in calls if not methods or called(call) in methods)

    def place(self, line: int) -> tuple[int, int]:
        """The cell's number, 0 where the file is no notebook, and the line there."""
        start = max(start for start in self.cells if start < line)
        return self.cells[start], line - start

    # --- names ------------------------------------------------------------------------------------

    def lookup(self, name: str) -> str | Class | None:
        """What a dotted name stands for: the same with its import written out ("jittor.nn"), a
        class in the folder's files, or None for anything else."""
        if name not in self._found:
            try:
                self._found[name] = self._look(name, set())
            except RecursionError:  # through more files than anybody writes
                self._found[name] = None
        return self._found[name]

    def _look(self, name: str, seen: set) -> str | Class | None:
        front, _, last = name.rpartition(".")
        if front:
            found = self._look(front, seen)
            return self._follow(f"{found}.{last}", seen) if isinstance(found, str) else None
        if not name or (self.path, name) in seen:
            return None
        seen.add((self.path, name))
        if name in self.imports:
            return self._follow(self.imports[name], seen)
        if name in self.classes:
            return Class(self, self.classes[name])
        if self.bound[name]:
            others = self.others.get(name, [])
            same = len(others) == self.bound[name] and len({*others}) == 1
            return self._look(others[0], seen) if same else None
        for star in self.stars:
            found = self._follow(star + name, seen)
            if found != star + name or jittor_s(found) is not None:
                return found
        return None

    def _follow(self, origin: str, seen: set) -> str | Class:
        """What an imported name stands for in the file that it comes from, if that is at hand."""
        if package(origin) == "jittor":
            thing = jittor_s(origin)
            other = inspect.ismodule(thing) and not thing.__name__.startswith("jittor")
            return thing.__name__ if other else origin  # Jittor's `np` is NumPy
        module, rest = origin, []
        while "." in module.rpartition(":")[2]:
            module, _, last = module.rpartition(".")
            rest = [last, *rest]
            if source := self.module(module):
                found = source._look(last, seen)
                if isinstance(found, str):
                    return ".".join([found, *rest[1:]])
                return origin if found is None or rest[1:] else found
        return origin

    def module(self, name: str) -> Source | None:
        """The folder's file that is imported under a name."""
        known = self.folder is None or package(name) in KNOWN
        file = None if known else self.folder.find(self.path.parent, name)
        source = self.folder.source(file) if file else None
        return source if isinstance(source, Source) else None

    def full_name(self, node: ast.AST) -> str:
        """The dotted name of an expression with its import written out: "jittor.nn.BCELoss"; "" for
        anything that is not a name."""
        found = self.lookup(dotted(node))
        return found if isinstance(found, str) else dotted(node)

    def is_jittor(self, node: ast.AST, *names: str) -> bool:
        """Whether an expression is a name of Jittor's, one of `names` where any are given. A
        variable that is called so by chance is none."""
        found = self.lookup(dotted(node))
        front, _, last = (found if isinstance(found, str) else "").rpartition(".")
        return package(front) == "jittor" and (not names or last in names)

    def uses(self, name: str) -> bool:
        """Whether any name in the file is of a package."""
        names = {*self.imports, *(node.id for node in self.nodes(ast.Name))}
        found = [*self.stars, *map(self.lookup, names)]
        return any(isinstance(one, str) and package(one) == name for one in found)

    # --- classes ----------------------------------------------------------------------------------

    def ancestry(self, node: ast.ClassDef) -> tuple[list[ast.ClassDef], set[bool | None]]:
        """The classes in the folder's files that a class is made of, itself first, and whether its
        bases from elsewhere are networks, None for those that nobody knows."""
        classes, elsewhere, todo = [], set(), [Class(self, node)]
        while todo and len(classes) < MOST_BASES:
            source, node = todo.pop()
            classes.append(node)
            for base in node.bases:
                name = dotted(base.value if isinstance(base, ast.Subscript) else base)  # Generic[T]
                found = source.lookup(name)
                if not isinstance(found, Class):
                    elsewhere.add(is_network(found or name))
                elif found.node not in classes:
                    todo.append(found)
        return classes, elsewhere | ({None} if todo else set())

    def networks(self, unsure: bool = False) -> Iterator[ast.ClassDef]:
        """Classes that are networks, by their bases; unsure: and those of which nobody knows."""
        for node in self.nodes(ast.ClassDef):
            elsewhere = self.ancestry(node)[1]
            if True in elsewhere or (unsure and None in elsewhere):
                yield node

    def unfollowed(self) -> Iterator[tuple[int, str]]:
        """Lines that bring in what is not at hand and may be Jittor's, or a network."""
        for star, node in self.stars.items():
            at_hand = jittor_s(star[:-1]) or self.module(star[:-1])
            if not at_hand and package(star) not in KNOWN:
                yield node.lineno, ast.unparse(node)
        networks = [*self.networks()]
        for node in self.networks(unsure=True):
            if node not in networks:
                yield node.lineno, f"class {node.name}({', '.join(map(ast.unparse, node.bases))})"


class Folder:
    """The files into which names are followed: those below `root`. Links that lead out are not."""

    def __init__(self, root: Path):
        self.root, self.inside = root, Path(os.path.realpath(root))
        self.source = functools.lru_cache(64)(self._source)
        self.find = functools.cache(self._find)

    def _holds(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self.inside)

    def files(self, unread: list[DataError]) -> list[Path]:
        """Python files and notebooks, sorted. Links to folders are not followed."""

        def note(error: OSError) -> None:
            unread.append(DataError(error.filename, found=error.strerror, wanted=WANTED, cure=CURE))

        walked = os.walk(self.root, onerror=note)
        found = [
            Path(place, name)
            for place, _, names in walked
            for name in names
            if name.endswith((".py", ".ipynb")) and not place.endswith(".ipynb_checkpoints")
        ]
        return sorted(filter(self._holds, found))  # fmt: skip

    def _source(self, path: Path) -> Source | DataError:
        try:
            return read(path, self)
        except DataError as error:
            return error

    def _find(self, start: Path, module: str) -> Path | None:
        """The file of FOLDER:MODULE, or of a module in a folder from `start` upwards."""
        base, _, name = module.rpartition(":")
        start = Path(os.path.realpath(start))
        above = [place for place in (start, *start.parents) if place.is_relative_to(self.inside)]
        for place in [Path(base)] if base else [*above, self.inside.parent]:
            place = place.joinpath(*name.split("."))
            for file in (place / "__init__.py", Path(f"{place}.py")):
                if os.path.isfile(file) and self._holds(file):
                    return file
        return None


def package(name: str) -> str:
    return name.partition(".")[0]


def dotted(node: ast.AST | None) -> str:
    """ "a.b.c" of an expression that is such a name, else ""."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def called(node: ast.Call) -> str:
    """The last name of what is called: "sum" of x.sum() and of jt.sum(x)."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def jittor_s(name: str) -> Any:
    """What Jittor has under a dotted name, or None."""
    if package(name) != "jittor":
        return None
    import jittor.models

    return functools.reduce(
        lambda thing, part: getattr(thing, part, None), name.split(".")[1:], jittor
    )


def is_network(base: str) -> bool | None:
    """Whether a class is one of Jittor's networks, by its name; None: nobody knows."""
    if package(base) == "jittor":
        import jittor

        thing = jittor_s(base)
        return issubclass(thing, jittor.Module) if inspect.isclass(thing) else None
    if package(base) in KNOWN or hasattr(builtins, base):
        return False
    return True if base.rpartition(".")[2] == "Module" else None


# --- reading --------------------------------------------------------------------------------------

# IPython's own: a cell's first line before others in Python, a timer before a statement, a command
# that needs no mark, and lines that go on in the next.
_PYTHON_CELL = re.compile(r"\s*%%(?:(time|timeit|prun|capture)\b.*|(write)?file .*\.py\s*)(\n|$)")
_TIMER = re.compile(r"(?m)^([ \t]*)%(?:time|timeit|prun)\b(?: +-\w+(?: +\d+)?)* +(?=\S)")
_COMMAND = re.compile(r"(?m)^(?=(?:pip3?|conda|cd|ls) +[\w./~-])")
_CONTINUED = re.compile(r"(?m)^[ \t]*[%!](?:.*\\\n)+")


def read(path: str | Path, folder: Folder | None) -> Source:
    """A Python file or a notebook. Raises DataError if it is missing or neither."""
    path = Path(path)
    book = path.suffix == ".ipynb"
    check_file(path, WANTED, CURE, LONGEST_TEXT if book else 4 * LARGEST)
    with reading(path, WANTED, CURE, "no text"), tokenize.open(path) as file:
        text = file.read()  # UTF-8, or what its first lines say
    # A notebook's JSON would pass as Python: one long expression, without a trap in it.
    book = book or (text.lstrip()[:1] == "{" and '"cell_type"' in text)
    return parsed(_cells(text, path) if book else {0: text}, path, folder)


def _cells(text: str, path: Path) -> dict[int, str]:
    """A notebook's code, by the cell's number; all cells are counted, from 1."""
    with reading(path, WANTED, CURE, "no notebook of Python's"):
        book = json.loads(text)
        language = book.get("metadata", {}).get("language_info", {}).get("name", "python")
        if "python" not in language.lower():
            raise ValueError(f"its language is {language}")
        sheets = [book] if "cells" in book else book["worksheets"]  # format 3
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
        return {
            number: "".join(cell.get("source") or cell.get("input") or "")
            for number, cell in enumerate(cells, start=1) if cell["cell_type"] == "code"
        }  # fmt: skip


def parsed(parts: dict[int, str], path: Path, folder: Folder | None = None) -> Source:
    """Python's text under 0, or a notebook's cells. Raises DataError unless it is Python that the
    rules can look through; a cell that is none is left out, and named in `unread`."""
    whole, cells, unread, lines, no = ast.Module([], []), {}, [], 0, "no Python"
    with reading(path, WANTED, CURE, no), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its escapes, say
        if (size := sum(map(len, parts.values()))) > LARGEST:
            raise ValueError(f"{size} characters, more than {LARGEST}")
        for number, text in parts.items():
            try:
                with reading(f"{path}, cell {number}" if number else path, WANTED, CURE, no):
                    part = _cell(text) if number else _syntax(text)
            except DataError as error:
                if not number:
                    raise
                unread.append(error)
                continue
            cells[lines] = number
            whole.body += ast.increment_lineno(part, lines).body
            lines += text.count("\n") + 1
        work, depth, level = 0, 0, [whole]
        while level:
            level = [child for node in level for child in ast.iter_child_nodes(node)]
            depth += 1
            work += depth * len(level)
            if depth > DEEPEST or work > MOST_WORK:
                raise ValueError("too large, or nested too deep, to be looked through")
    source = Source(whole, path, folder)
    source.cells, source.unread = cells or source.cells, unread
    return source


def _syntax(text: str) -> ast.Module:
    wanted = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT  # as notebooks have it
    return compile(text, "source", "exec", wanted, dont_inherit=True)


def _cell(text: str) -> ast.Module:
    """A cell's syntax without what is IPython's own; the lines stay where they are."""
    from IPython.core.inputtransformer2 import TransformerManager, leading_indent

    with suppress(SyntaxError):
        return _syntax(text)
    while first := _PYTHON_CELL.match(text):
        text = "\n" * first.group().count("\n") + text[first.end() :]
    if text.lstrip().startswith("%%"):  # the others are Bash, Cython or HTML
        return ast.Module([], [])
    if len(text) > LARGEST_CELL:
        raise ValueError(f"{len(text)} characters with magics in them, more than {LARGEST_CELL}")
    text = _COMMAND.sub("%", _TIMER.sub(r"\1", text))
    text = _CONTINUED.sub(lambda command: command.group().replace("\\\n", "\n!"), text)
    ipython = TransformerManager()
    ipython.cleanup_transforms, ipython.line_transforms = [leading_indent], []
    return _syntax(ipython.transform_cell(text))
