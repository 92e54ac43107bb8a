"""Finds, in the source of a port, where Jittor 1.3.11 does something else than PyTorch.

`check_source(path)` walks a file's syntax tree and names each trap with its line, the reason and
the fix. Nothing of the file is run. It sees what can be seen in the source: two files that are
right by themselves can still be wrong together, and only numbers tell (`compare`).

Files that do not use Jittor have no such traps; nothing is said of them.
"""

import ast
import functools
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from jacklib.errors import DataError, plain, refuse_as
from jacklib.files import filled
from jacklib.porting.sources import TORCH, Source, called, dotted, jittor_s, parsed, read

LOSSES = ("BCELoss", "CrossEntropyLoss", "MSELoss", "L1Loss", "KLDivLoss")
WAITS = ("sync_all", "sync", "item", "numpy", "data", "tolist")  # after these, numbers are there
STEPS = ("backward", "step")  # methods
CLOCKS = ("time.time", "time.perf_counter", "time.process_time")
NETWORKS = ("net", "model", "criterion", "run_model", "network")  # likely names of one


class Trap(NamedTuple):
    """One finding. cell: of a notebook, counted from 1."""

    line: int
    rule: str
    reason: str
    fix: str
    cell: int = 0


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in node.keywords if k.arg == name), None)


def _self_attribute(node: ast.AST) -> str:
    """ "x" of `self.x`."""
    named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    return node.attr if named and node.value.id == "self" else ""


def _of_a_var(source: Source, call: ast.Call) -> bool:
    """Whether a function is Jittor's, or a method is called on a Var. NumPy's arrays have methods
    of these names: where NumPy is about, only a network's `execute` is known to have Vars."""
    owner = getattr(call.func, "value", None)
    if source.is_jittor(call.func) or owner is None or source.origin(dotted(call.func)):
        return source.is_jittor(call.func)
    if getattr(owner, "id", "") in ("self", "cls") or any(source.calls("numpy", within=owner)):
        return False  # a layer, an array
    return not source.uses("numpy") or _in_execute(source, call)


def _in_execute(source: Source, node: ast.AST) -> bool:
    while node is not None and not isinstance(node, ast.FunctionDef):
        node = source.parents.get(node)
    return getattr(node, "name", "") == "execute" and source.parents[node] in source.networks


# --- the rules ------------------------------------------------------------------------------------

# Each yields nodes, alone or with words for the {} in what traps.json says under the rule's name.
Found = Iterator[ast.AST | tuple]


def calls_that_differ(source: Source, calls: dict[str, str], methods: bool = False) -> Found:
    """For the rules that are no more than names. calls: a name, and when it is a trap: "" always,
    "-x" without the option x, "+x" with it, "x=1" where it, or the first argument, is that.
    methods: a Var's, too."""
    for call in source.calls(*calls):
        option, front = calls[called(call)], source.is_jittor(call.func)
        given = _keyword(call, option.lstrip("+-").partition("=")[0])
        if "=" in option:
            given = given or (call.args or [None])[0]
            right = str(getattr(given, "value", "")) == option.partition("=")[2]
        else:
            without = given is None and len(call.args) <= 1 + front
            right = not option or without == option.startswith("-")
        plain = all(isinstance(one, ast.Constant) for one in call.args)  # no layer is called
        if right and (front or (methods and plain and _of_a_var(source, call))):
            yield call, called(call)


def torch_beside_jittor(source: Source) -> Found:
    for node in source.nodes((ast.Import, ast.ImportFrom)):
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        torch = [name for name in names if name.partition(".")[0] in TORCH]
        if torch:
            yield node, torch[0]


def torch_left_over(source: Source) -> Found:
    if any(words.startswith("from") for _, words in source.unfollowed()):
        return  # PyTorch may come with the names that are not known
    left = {*TORCH} - {*source.given, *source.imports}
    yield from ((name, name.id) for name in source.nodes(ast.Name) if name.id in left)


def names_that_jittor_lacks(source: Source) -> Found:
    nodes = filter(source.is_jittor, source.nodes(ast.Attribute))
    named = [(node, source.full_name(node)) for node in nodes]
    for node in source.nodes(ast.ImportFrom):
        named += [(node, f"{node.module}.{one.name}") for one in node.names if not node.level]
    for node, name in named:
        front, _, last = name.rpartition(".")
        known = last == "*" or hasattr(jittor_s(front), last)
        known = known or (front == "jittor" and find_spec(name))  # a module that is not imported
        if front in ("jittor", "jittor.nn") and not known:
            yield node, front, last


def forward_is_not_called(source: Source) -> Found:
    for network in source.networks:
        methods = {n.name: n for n in network.body if isinstance(n, ast.FunctionDef)}
        family = {network, *source.bases(network)} & source.networks  # one may call it by name
        calls = (call for each in family for call in source.calls("forward", within=each))
        stored = (getattr(n, "id", "") for n in source.nodes(ast.Name, network))
        known = "execute" in {*methods, *stored} or any(_self_attribute(c.func) for c in calls)
        if "forward" in methods and not known:
            yield methods["forward"]


def backward_is_a_stub(source: Source) -> Found:
    for call in source.calls("backward"):
        if isinstance(call.func, ast.Attribute) and not call.args:
            yield call


def _gives_one_number(loss: ast.Call) -> bool:
    return getattr(_keyword(loss, "reduction"), "value", None) != "none"


def lost_reduction(source: Source) -> Found:
    """A mean over all elements, multiplied by weights and then reduced as if it were elements."""
    attributes = set()  # of self, that hold a loss which gives one number
    for node in source.nodes(ast.Assign):
        made = isinstance(node.value, ast.Call) and source.is_jittor(node.value.func, *LOSSES)
        if made and _gives_one_number(node.value):
            attributes |= set(filter(None, map(_self_attribute, node.targets)))
    for function in source.nodes(ast.FunctionDef):
        yield from _reduced_products(source, function, attributes)


def _reduced_products(source: Source, function: ast.FunctionDef, attributes: set) -> Found:
    """Sums and means over a product with a loss that is one number."""
    scalars: set[str] = set()  # names that hold such a loss
    products: set[str] = set()  # names that hold it times something

    def is_loss(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return isinstance(node, ast.Name) and node.id in scalars
        if _self_attribute(node.func) in attributes:
            return True
        if isinstance(node.func, ast.Call) and source.is_jittor(node.func.func, *LOSSES):
            return _gives_one_number(node.func)  # made and called at once
        functional = ("cross_entropy_loss", "binary_cross_entropy", "mse_loss", "bce_loss")
        return source.is_jittor(node.func, *functional) and _gives_one_number(node)

    def is_product(node: ast.AST) -> bool:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            parts = [node.left, node.right]
            constant = any(isinstance(part, ast.Constant) for part in parts)
            return not constant and any(is_loss(part) or is_product(part) for part in parts)
        if isinstance(node, ast.Call) and called(node) in ("mul", "multiply"):
            return any(is_loss(part) for part in [*node.args, getattr(node.func, "value", node)])
        return isinstance(node, ast.Name) and node.id in products

    for statement in source.nodes(ast.Assign, function):
        if len(statement.targets) == 1:
            name = getattr(statement.targets[0], "id", "")
            if is_product(statement.value):
                scalars.discard(name)
                products.add(name)
            elif isinstance(statement.value, ast.Call) and is_loss(statement.value):
                scalars.add(name)
    for call in source.calls("sum", "mean", within=function):
        inner = _argument(source, call)
        if inner is not None and is_product(inner):
            yield call


def _argument(source: Source, call: ast.Call) -> ast.AST | None:
    """The x of jt.sum(x) and of x.sum()."""
    if call.args and source.is_jittor(call.func):
        return call.args[0]
    return getattr(call.func, "value", None)


def kl_of_zero(source: Source) -> Found:
    return (call for call in source.calls() if source.is_jittor(call.func, "KLDivLoss", "kl_div"))


def log_sum_exp(source: Source) -> Found:
    """log(sum(exp(x))), also with names in between."""
    for function in source.nodes(ast.FunctionDef):
        holding: dict[str, str] = {}
        for node in (n for statement in function.body for n in ast.walk(statement)):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                holding[getattr(node.targets[0], "id", "")] = _stage(source, node.value, holding)
            if isinstance(node, ast.Call) and _stage(source, node, holding) == "log":
                yield node


def _stage(source: Source, node: ast.AST | None, holding: dict[str, str]) -> str:
    """How far an expression has come: "less" for x - max, "exp" of anything else, "sum" of that,
    "log" of that, or ""."""
    if isinstance(node, ast.Name):
        return holding.get(node.id, "")
    if isinstance(node, ast.BinOp):
        return "less" if isinstance(node.op, ast.Sub) else ""
    if not isinstance(node, ast.Call):
        return ""
    inner = _argument(source, node)
    if called(node) == "exp":
        others = source.full_name(node.func).startswith(("math.", "numpy."))
        return "" if others or _stage(source, inner, holding) == "less" else "exp"
    steps = {("sum", "exp"): "sum", ("log", "sum"): "log"}
    return steps.get((called(node), _stage(source, inner, holding)), "")


def time_without_waiting(source: Source) -> Found:
    """Two readings of a clock in one block, a network between them, and nothing that waits."""
    for node in ast.walk(source.tree):
        bodies = getattr(node, "body", None), getattr(node, "orelse", None)
        for body in (body for body in bodies if isinstance(body, list)):
            busy = begun = False
            for statement in body:
                calls = list(source.calls(within=statement))
                names = [source.full_name(call.func) for call in calls]
                if not hasattr(statement, "body") and any(name in CLOCKS for name in names):
                    if begun and busy:
                        yield statement
                    begun, busy = True, False
                elif begun:
                    networks = (name.rpartition(".")[2] in NETWORKS for name in names)
                    steps = (getattr(call.func, "attr", None) in STEPS for call in calls)
                    busy = busy or any(networks) or any(steps)
                if any(called(call) in WAITS for call in calls):
                    busy = False


def _makes_var(source: Source, node: ast.AST, makers: set[str], filled: bool = False) -> bool:
    """Whether an expression is a Var made of given numbers; `filled`: or of zeros and the like,
    with which attributes that are to be trained begin."""
    constant = ("array", "arange", "eye", "linspace")
    constant += ("zeros", "ones", "full") if filled else ()
    if isinstance(node, ast.BinOp):
        return any(_makes_var(source, side, makers) for side in (node.left, node.right))
    if not isinstance(node, ast.Call) or called(node) in ("stop_grad", "detach", "numpy"):
        return False
    if source.is_jittor(node.func, *constant) or source.full_name(node.func) in makers:
        return True
    chained = isinstance(node.func, ast.Attribute) and not source.full_name(node.func)
    return chained and _makes_var(source, node.func.value, makers)


def attribute_is_trained(source: Source) -> Found:
    makers = set()  # functions of this file that give such a Var
    for function in source.nodes(ast.FunctionDef):
        made = {
            getattr(node.targets[0], "id", "")
            for node in source.nodes(ast.Assign, function)
            if _makes_var(source, node.value, set(), filled=True)
        }
        returned = {getattr(n.value, "id", None) for n in source.nodes(ast.Return, function)}
        if made & returned:
            makers.add(function.name)
    for module in source.networks:
        said = source.calls("stop_grad", "start_grad", within=module)
        meant = {_self_attribute(getattr(call.func, "value", call)) for call in said}
        meant |= {
            _self_attribute(node.value)  # self.x.requires_grad = ...
            for node in source.nodes(ast.Attribute, module) if node.attr == "requires_grad"
        }  # fmt: skip
        for node in source.nodes(ast.Assign, module):
            name = _self_attribute(node.targets[0]) if len(node.targets) == 1 else ""
            if name and not name.startswith("_") and name not in meant:
                if _makes_var(source, node.value, makers):
                    yield node, name


def nested_are_not_initialised(source: Source) -> Found:
    for node in source.nodes(ast.For):
        if isinstance(node.iter, ast.Call) and called(node.iter) == "children":
            if any(source.calls("isinstance", within=node)):
                yield node


def index_and_value(source: Source) -> Found:
    """max(dim) gives values only, argmax and argsort (index, value): the other way round."""
    for call in source.calls("max", "min", "argmax", "argmin", "argsort"):
        method, parent = called(call), source.parents.get(call)
        name = source.full_name(call.func)
        if not isinstance(call.func, ast.Attribute) or name.startswith(("numpy.", "torch.")):
            continue
        if any(source.calls("numpy", within=call.func.value)):
            continue  # an array's own
        unpacked = isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Tuple)
        indexed = isinstance(parent, ast.Subscript) and parent.value is call
        number = isinstance(getattr(parent, "slice", None), ast.Constant)
        # x.max(1) may be an array's where NumPy is about; NumPy's own has no dim.
        positional = len(call.args) > source.is_jittor(call.func)
        sure = _of_a_var(source, call)
        if not _keyword(call, "dim") and not ((positional or method == "argsort") and sure):
            continue
        if method.startswith("arg"):
            value = indexed and getattr(parent.slice, "value", 0) == 1
            if not (unpacked or indexed) or (value and method != "argsort"):
                yield call, method, "(index, value)", f"{method}(dim)[0]"
        elif unpacked or (indexed and number):
            words = "the values only, and [0] takes the first of them"
            yield call, method, words, f"leave out [0]; for the index, arg{method}(dim)[0]"


def slices_are_copies(source: Source) -> Found:
    for call in source.calls():
        place = getattr(call.func, "value", None)
        if not isinstance(call.func, ast.Attribute) or not isinstance(place, ast.Subscript):
            continue
        if isinstance(place.slice, ast.Name) or isinstance(
            getattr(place.slice, "value", None), str
        ):
            continue  # of a list or a table, for all one sees
        method = call.func.attr
        writes = method == "assign" or (method.endswith("_") and not method.endswith("__"))
        inner = (source.full_name(c.func) for c in source.calls(within=place))
        if writes and not any(name.startswith("numpy.") for name in inner):
            yield call, method


def whole_map_pool(source: Source) -> Found:
    """A kernel that looks made for a certain map: of unequal sides, large, or computed."""
    for call in source.calls():
        if source.is_jittor(call.func, "AvgPool2d", "AvgPool3d"):
            kernel = _keyword(call, "kernel_size") or (call.args[0] if call.args else None)
            sides = {getattr(n, "value", None) for n in getattr(kernel, "elts", [kernel])}
            stride = _keyword(call, "stride") or (call.args[1:] or [None])[0]
            steps = stride and not isinstance(stride, ast.Constant)  # it is to be used on any map
            if sides not in ({1}, {2}, {3}) and not steps:
                yield call


def freezing_by_eval(source: Source) -> Found:
    for module in source.networks:
        for function in source.nodes(ast.FunctionDef, module):
            meant = any(source.calls("stop_grad", within=function))  # frozen for good on purpose
            for call in source.calls("eval", within=function):
                if _self_attribute(getattr(call.func, "value", call)) and not meant:
                    yield call


def clipping_too_early(source: Source) -> Found:
    for function in source.nodes(ast.FunctionDef):
        backs = [c.lineno for c in source.calls("backward", within=function) if c.args]
        for call in source.calls("clip_grad_norm", "clip_grad_norm_", within=function):
            if backs and min(backs) > call.lineno:
                yield call


def softmax_of_everything(source: Source) -> Found:
    for call in source.calls():
        if source.is_jittor(call.func, "softmax") and len(call.args) == 1 and not call.keywords:
            yield call


def options_that_are_missing(source: Source) -> Found:
    missing = TEXTS["options-that-are-missing"]["missing"]
    for call in source.calls():
        if source.is_jittor(call.func, *missing):
            name = source.full_name(call.func).rpartition(".")[2]
            yield from ((call, name, option) for option in missing[name] if _keyword(call, option))


def adaptive_windows(source: Source) -> Found:
    """Into parts of which there are several: only 1 divides every map."""
    for call in source.calls():
        kinds = ("AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d")
        if source.is_jittor(call.func, *kinds):
            size = _keyword(call, "output_size") or (call.args or [None])[0]
            parts = {getattr(part, "value", 0) for part in getattr(size, "elts", [size])}
            if not parts <= {1, None}:
                yield call


def dropout_without_train(source: Source) -> Found:
    """A training loop in the file of a dropout, and no train()."""
    trains = any(call.args for call in source.calls("backward", "step"))
    if trains and not any(source.calls("train")):
        yield from (c for c in source.calls() if source.is_jittor(c.func, "Dropout", "Dropout2d"))


def slices_that_are_named(source: Source) -> Found:
    """first = x[:1], first is written into, and x used afterwards."""
    for function in filter(functools.partial(_in_execute, source), source.nodes(ast.FunctionDef)):
        cut: dict[str, str] = {}  # a name: of what it is a slice
        for node in source.nodes((ast.Assign, ast.AugAssign), function):
            target = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
            part = isinstance(node.value, ast.Subscript) and any(
                source.nodes(ast.Slice, node.value)
            )
            if part and isinstance(target, ast.Name) and isinstance(node, ast.Assign):
                cut[target.id] = dotted(node.value.value)
            elif isinstance(node, ast.AugAssign) or isinstance(target, ast.Subscript):
                name = dotted(getattr(target, "value", target))
                later = (n.id for n in source.nodes(ast.Name, function) if n.lineno > node.lineno)
                if cut.get(name) not in (None, "", name) and cut[name] in later:
                    yield node, name


def weights_that_do_not_fit(source: Source) -> Found:
    if source.uses("torch"):
        return  # whose network it is, one does not see
    for call in source.calls("load_state_dict", "load_parameters"):
        owner = dotted(getattr(call.func, "value", None))
        if owner and not re.search("optim|sched|scaler|torch", owner.lower()):
            yield call, called(call)


def _of_datasets(source: Source) -> set[ast.ClassDef]:
    classes = source.nodes(ast.ClassDef)
    return {one for one in classes if any(source.is_jittor(base, "Dataset") for base in one.bases)}


def order_of_its_own(source: Source) -> Found:
    """A data set of Jittor's that shuffles."""
    for node in _of_datasets(source):
        shuffled = (_keyword(call, "shuffle") for call in source.calls(within=node))
        yield from (value for value in shuffled if getattr(value, "value", False) is True)


def length_in_batches(source: Source) -> Found:
    """len() of a data set that the file makes."""
    names = {node.name for node in _of_datasets(source)}
    made = {
        getattr(node.targets[0], "id", "") for node in source.nodes(ast.Assign)
        if isinstance(node.value, ast.Call) and called(node.value) in names
    }  # fmt: skip
    for call in source.calls("len"):
        inner = (call.args or [None])[0]
        whose = called(inner) if isinstance(inner, ast.Call) else dotted(inner)
        known = names if isinstance(inner, ast.Call) else made
        if whose in known and "loader" not in whose.lower():  # as which it is used
            yield call


def accumulated_for_adam(source: Source) -> Found:
    """backward in each turn of a loop and step in some, or after it: Adam counts the former."""
    adam = any(source.is_jittor(call.func, "Adam", "AdamW") for call in source.calls())
    for loop in source.nodes((ast.For, ast.While)) if adam else ():
        turns = [call for call in source.calls("backward", within=loop) if call.args]
        sometimes = [c for n in source.nodes(ast.If, loop) for c in source.calls("step", within=n)]
        if turns and (sometimes or not any(source.calls("step", within=loop))):
            yield turns[0]


def rate_in_groups(source: Source) -> Found:
    groups = {
        getattr(loop.target, "id", "") for loop in source.nodes(ast.For)
        if getattr(loop.iter, "attr", "") == "param_groups"
    }  # fmt: skip
    for node in source.nodes(ast.Subscript):
        of_group = isinstance(node.value, ast.Name) and node.value.id in groups
        of_list = getattr(getattr(node.value, "value", None), "attr", "") == "param_groups"
        reads = isinstance(node.ctx, ast.Load)  # writing is fine: the optimizer looks there first
        if reads and getattr(node.slice, "value", None) == "lr" and (of_group or of_list):
            yield node


TEXTS = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
# The rules: for each text, the function of that name, or the calls that it lists.
RULES: list[Callable[[Source], Found]] = [
    functools.partial(calls_that_differ, calls=said["calls"], methods="methods" in said)
    if "calls" in said
    else globals()[name.replace("-", "_")] for name, said in TEXTS.items()
]  # fmt: skip


def _traps(source: Source) -> list[Trap]:
    # A training loop may import nothing of Jittor and still call its optimizer as only Jittor does.
    if not source.uses("jittor") and not any(call.args for call in source.calls("backward")):
        return []
    found = set()
    for rule, (name, said) in zip(RULES, TEXTS.items(), strict=True):
        places = list(rule(source))[: said.get("most")]
        for node, *words in (one if isinstance(one, tuple) else (one,) for one in places):
            reason, fix = (said[key].format(*words) for key in ("reason", "fix"))
            found.add(Trap(node.lineno, name, reason, fix))
    return [trap._replace(**source.place(trap.line)) for trap in sorted(found)]


def check_text(text: str, name: str = "source") -> list[Trap]:
    """The traps in a file's text, in the order of their lines. Raises DataError for no Python."""
    return _traps(parsed(text, Path(name)))


def check_source(path: str | Path) -> list[Trap]:
    """The traps in a Python file or a notebook. Raises DataError if it is missing, or if it or one
    of its cells holds no Python."""
    source = read(Path(path))
    for error in source.unread:
        raise error
    return _traps(source)


def _python_files(folder: Path) -> list[Path]:
    """A folder's Python files and notebooks, sorted. Links to folders are not followed, nor those
    that lead out."""
    found = (f for f in sorted(folder.rglob("*")) if f.suffix in (".py", ".ipynb"))
    kept = (f for f in found if not f.is_dir() and f.parent.name != ".ipynb_checkpoints")
    return [f for f in kept if Path(os.path.realpath(f)).is_relative_to(os.path.realpath(folder))]


def check_files(paths: Sequence[str]) -> int:
    """Print the traps of files and of folders' files; returns 1 where there are any, as a linter
    does, and where a file could not be read. The others are still checked; what could not be read
    or followed is named at the end."""
    seen, errors, hidden = Counter(traps=0, files=0, others=0), [], {}
    for path in map(Path, paths):
        for file in _python_files(path) if path.is_dir() else [path]:
            try:
                source = read(file)
            except DataError as error:
                errors.append(error)
                continue
            traps = _traps(source)
            seen.update(traps=len(traps), files=1, others=not source.uses("jittor"))
            for trap in traps:
                words = f"{trap.rule}: {trap.reason}. Fix: {trap.fix}."
                print(plain(f"{_place(file, trap.cell, trap.line)}: {words}", 2000))
            for line, words in source.unfollowed():
                hidden.setdefault(words, []).append(_place(file, **source.place(line)))
            errors += source.unread
    refuse_as("nothing to check", not seen["files"] and not errors, ", ".join(paths))
    sys.stdout.flush()
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    cells = sum(", cell " in error.what for error in errors)
    print(filled(Path(__file__).with_suffix(".txt"), **seen, unread=len(errors) - cells,
                 cells=cells, hidden=[*hidden.items()]))  # fmt: skip
    return int(bool(seen["traps"] or errors))


def _place(file: Path, cell: int, line: int) -> str:
    return f"{file}:cell {cell}:{line}" if cell else f"{file}:{line}"
