"""The shape of the package: layers, circles, sizes. Imports inside functions count."""

import ast
import json
import re
from pathlib import Path
from string import Formatter

import pytest
from support import ROOT

PACKAGE = ROOT / "jacklib"
# From bottom to top. A file imports from lower layers and from its own package only.
LAYERS = (
    {"errors"},
    {"files"},
    {"core", "backend"},
    {"data", "weights", "ops", "reference"},
    {"widgets", "networks", "samples"},
    {"training", "porting"},
    {"methods"},
    {"teaching", "measure"},
    {"cli"},
)
NO_JITTOR = {"core", "data", "samples", "widgets", "reference", "errors", "files"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def imported(name: str) -> set[str]:
    """All modules that a file imports, by their full names."""
    found = set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.add(full if full in FILES else base)
    return found


IMPORTS = {name: imported(name) for name in FILES}


def part(name: str) -> str:
    """`jacklib.data.video` -> `data`."""
    return name.split(".")[1] if "." in name else ""


def layer(name: str) -> int:
    return next(i for i, parts in enumerate(LAYERS) if part(name) in parts)


def within(name: str) -> bool:
    return name.startswith("jacklib.")


def test_every_part_of_the_package_has_a_layer():
    parts = {part(name) for name in FILES} - {"", "__main__"}
    assert parts == set().union(*LAYERS)
    assert len(list(PACKAGE.glob("*.py"))) <= 6


def test_a_file_imports_from_lower_layers_and_its_own_package_only():
    wrong = [
        f"{name} imports {target}"
        for name in FILES
        if part(name) not in ("", "__main__")
        for target in sorted(filter(within, IMPORTS[name]))
        if part(target) != part(name) and layer(target) >= layer(name)
    ]
    assert not wrong


def test_no_imports_go_in_a_circle():
    left = {name: {t for t in IMPORTS[name] if t in FILES and t != name} for name in FILES}
    while free := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in free:
            del left[name]
    assert not left


@pytest.mark.parametrize("framework", ["torch", "jittor"])
def test_only_the_files_that_may_import_a_framework(framework):
    wrong = []
    for name, targets in IMPORTS.items():
        if framework not in {target.split(".")[0] for target in targets}:
            continue
        if framework == "torch":
            allowed = part(name) == "reference" or name.rpartition(".")[2].startswith("torch_")
        else:
            allowed = part(name) not in NO_JITTOR
        if not allowed:
            wrong.append(name)
    assert not wrong


def test_the_package_does_not_know_its_tests():
    names = {path.stem for path in (ROOT / "tests").rglob("*.py")} - {"__init__", "__main__"}
    wrong = {
        (name, target) for name, ts in IMPORTS.items() for target in ts
        if target.split(".")[0] in names
    }  # fmt: skip
    assert not wrong


def functions():
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}.{node.name}", node


def test_the_package_is_small():
    """A new capability takes from elsewhere what it adds here; see CONTRIBUTING.md."""
    lines = {name: len(path.read_text("utf-8").splitlines()) for name, path in FILES.items()}
    # 29,000 is the design's ceiling: what issue 19 took above it the drawings are to give back.
    assert sum(lines.values()) <= 29_400
    read = {"networks", "core", "data", "training"}  # what a student reads
    assert sum(count for name, count in lines.items() if part(name) in read) <= 8_500
    assert len([path for path in FILES.values() if path.parent == PACKAGE]) <= 6


def test_functions_fit_on_a_page_and_take_few_arguments():
    sizes = {name: node.end_lineno - node.lineno + 1 for name, node in functions()}
    assert not {name: size for name, size in sizes.items() if size > 80}
    for name, node in functions():
        a = node.args
        names = [arg.arg for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
        count = len(names) - (names[:1] in (["self"], ["cls"]))
        assert count <= 10, f"{name} takes {count} arguments"


def test_no_notebook_names_a_path_of_the_machine_that_built_it():
    place = re.compile(r"(?<![\w.])/(root|tmp|var|home/(?!me\b|you\b|name\b|user\b)\w+)/")
    for path in sorted(ROOT.glob("notebooks/**/[0-9]*.ipynb")):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                shown = {k: v for k, v in output.get("data", {}).items() if "image/" not in k}
                text = json.dumps([output.get("text"), shown])
                assert not place.search(text), f"{path.name}: {place.search(text)[0]}"


def test_every_refusal_has_its_words_and_their_facts():
    words = json.loads((PACKAGE / "messages.json").read_text("utf-8"))
    used = {}
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            called = getattr(getattr(node, "func", None), "id", "")
            messages = ("refuse_as", "error_of", "said")
            if called in messages and isinstance(node.args[0], ast.Constant):
                used[node.args[0].value] = name, {k.arg for k in node.keywords}
    assert used.keys() == words.keys()
    for key, (name, facts) in used.items():
        gaps = {gap for text in words[key].values() for _, gap, _, _ in Formatter().parse(text)}
        assert words[key].keys() in ({"found", "wanted", "cure"}, {"says"}), f"{name}: {key}"
        assert gaps - {None} == facts, f"{name}: {key}"
