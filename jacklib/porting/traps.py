"""Finds, in the source of a port, where Jittor 1.3.11 does something else than PyTorch.

`check_source(path)` walks a file's syntax tree and names each trap with its line, the reason and
the fix. Nothing of the file is run. It sees what can be seen in one file: two files that are right
by themselves can still be wrong together, and only numbers tell (`compare`).

Files that do not import Jittor have no such traps; nothing is said of them.
"""

from __future__ import annotations

import ast
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jacklib.errors import DataError, plain, refuse
from jacklib.files import read_text, reading

TORCH = ("torch", "torchvision", "torchaudio")
LOSSES = ("BCELoss", "CrossEntropyLoss", "MSELoss", "L1Loss", "KLDivLoss")
# Of a file. The rules look into expressions again and again: their work grows with the sum over all
# nodes of how deep each lies, some 6 per node in what people write.
LARGEST, DEEPEST, MOST_WORK = 2**19, 400, 1_000_000
# Calls after which the numbers are there.
WAITS = ("sync_all", "sync", "item", "numpy", "data", "tolist")


class Trap(NamedTuple):
    """One finding."""

    line: int
    rule: str
    reason: str
    fix: str


class Source:
    """A parsed file, and the names under which it knows Jittor and PyTorch."""

    def __init__(self, tree: ast.Module):
        self.tree = tree
        self.parents = {
            child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)
        }
        self.names: dict[str, str] = {}  # a name in the file: what it was imported from
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    whole = alias.name if alias.asname else alias.name.partition(".")[0]
                    self.names[alias.asname or whole] = whole
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def full_name(self, node: ast.AST) -> str:
        """The dotted name of an expression with its import written out: "jittor.nn.BCELoss"; "" for
        anything that is not a name."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            front = self.full_name(node.value)
            return f"{front}.{node.attr}" if front else ""
        return ""

    def is_jittor(self, node: ast.AST, *names: str) -> bool:
        """Whether an expression is a name of Jittor's, one of `names` where any are given."""
        front, _, last = self.full_name(node).rpartition(".")
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or root.id not in self.names:
            return False  # a variable that has the name by chance
        return front.partition(".")[0] == "jittor" and (not names or last in names)

    def imports(self, *packages: str) -> bool:
        return any(origin.partition(".")[0] in packages for origin in self.names.values())

    def calls(self, within: ast.AST | None = None) -> Iterator[ast.Call]:
        return (node for node in ast.walk(within or self.tree) if isinstance(node, ast.Call))

    def functions(self) -> Iterator[ast.FunctionDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef))

    def modules(self) -> Iterator[ast.ClassDef]:
        """Classes that are networks, by their base's name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef) and any(
                self.full_name(base).endswith(".Module") for base in node.bases
            ):
                yield node


def _parsed(text: str, name: str) -> Source:
    """The file, unless it is no Python or would take the rules too long."""
    wanted, cure = "a Python file", "Correct it, or divide it."
    with reading(name, wanted, cure, "no Python"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its escapes, say
        if len(text) > LARGEST:
            raise ValueError(f"{len(text)} characters, more than {LARGEST}")
        tree = ast.parse(text)
        work, depth, level = 0, 0, [tree]
        while level:
            level = [child for node in level for child in ast.iter_child_nodes(node)]
            depth += 1
            work += depth * len(level)
            if depth > DEEPEST or work > MOST_WORK:
                raise ValueError("too large, or nested too deep, to be looked through")
    return Source(tree)


def _method(node: ast.Call) -> str:
    """The last name of what is called: "sum" of x.sum() and of jt.sum(x)."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in node.keywords if k.arg == name), None)


def _self_attribute(node: ast.AST) -> str:
    """ "x" of `self.x`."""
    named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    return node.attr if named and node.value.id == "self" else ""


# --- the rules: each yields (node, reason, fix) --------------------------------------------------

Found = Iterator[tuple[ast.AST, str, str]]


def torch_beside_jittor(source: Source) -> Found:
    for node in ast.walk(source.tree):
        named = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in named:
            if name.partition(".")[0] in TORCH:
                yield (
                    node, f"{name} in a process of Jittor's is fragile (Jittor issues 126, 223)",
                    "port what it does, or run it in a process of its own",
                )  # fmt: skip
                break


def torch_left_over(source: Source) -> Found:
    bound = {n.id for n in ast.walk(source.tree) if isinstance(n, ast.Name) and
             isinstance(n.ctx, ast.Store)} | {a.arg for a in ast.walk(source.tree)
             if isinstance(a, ast.arg)}  # fmt: skip
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id in TORCH:
            if node.id not in source.names and node.id not in bound:
                yield node, f"{node.id} is not imported: a NameError when this line runs", "port it"


def names_that_jittor_lacks(source: Source) -> Found:
    import jittor

    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Attribute) or not source.is_jittor(node):
            continue
        front, _, last = source.full_name(node).rpartition(".")
        place = {"jittor": jittor, "jittor.nn": jittor.nn}.get(front)
        if place is not None and not hasattr(place, last):
            yield node, f"{front} has no {last}", "see jacklib.ops, or write it"


def forward_is_not_called(source: Source) -> Found:
    for module in source.modules():
        methods = {n.name: n for n in module.body if isinstance(n, ast.FunctionDef)}
        if "forward" in methods and "execute" not in methods:
            yield methods["forward"], "Jittor's modules run `execute`", "rename it"


def backward_is_a_stub(source: Source) -> Found:
    for call in source.calls():
        if _method(call) == "backward" and isinstance(call.func, ast.Attribute) and not call.args:
            yield call, "a Var's backward() does nothing", "optimizer.step(loss) or backward(loss)"


def _loss_attributes(source: Source) -> dict[str, ast.Call]:
    """Attributes of self that hold a loss which gives one number."""
    found = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            if source.is_jittor(node.value.func, *LOSSES):
                reduction = _keyword(node.value, "reduction")
                if getattr(reduction, "value", None) != "none":
                    found |= {n: node.value for n in map(_self_attribute, node.targets) if n}
    return found


def lost_reduction(source: Source) -> Found:
    """A mean over all elements, multiplied by weights and then reduced as if it were elements."""
    losses = _loss_attributes(source)
    for function in source.functions():
        for call in _reduced_products(source, function, losses):
            yield (
                call, "the loss is one number already: the weights multiply a mean, not elements",
                "take the loss per element (jacklib.ops, reduction='none'), weigh it, then reduce",
            )  # fmt: skip


def _reduced_products(source: Source, function: ast.FunctionDef, losses: dict) -> Iterator:
    """Sums and means over a product with a loss that is one number."""
    scalars: set[str] = set()  # names that hold such a loss
    products: set[str] = set()  # names that hold it times something

    def is_loss(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return isinstance(node, ast.Name) and node.id in scalars
        if _self_attribute(node.func) in losses:
            return True
        if isinstance(node.func, ast.Call) and source.is_jittor(node.func.func, *LOSSES):
            node = node.func  # made and called at once
            return getattr(_keyword(node, "reduction"), "value", None) != "none"
        reduction = getattr(_keyword(node, "reduction"), "value", None)
        functional = ("cross_entropy_loss", "binary_cross_entropy", "mse_loss", "bce_loss")
        return source.is_jittor(node.func, *functional) and reduction != "none"

    def is_product(node: ast.AST) -> bool:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            parts = [node.left, node.right]
            constant = any(isinstance(part, ast.Constant) for part in parts)
            return not constant and any(is_loss(part) or is_product(part) for part in parts)
        if isinstance(node, ast.Call) and _method(node) in ("mul", "multiply"):
            return any(is_loss(part) for part in [*node.args, getattr(node.func, "value", node)])
        return isinstance(node, ast.Name) and node.id in products

    for statement in ast.walk(function):
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            name = getattr(statement.targets[0], "id", "")
            if is_product(statement.value):
                scalars.discard(name)
                products.add(name)
            elif isinstance(statement.value, ast.Call) and is_loss(statement.value):
                scalars.add(name)
    for call in source.calls(function):
        inner = call.args[:1] if source.is_jittor(call.func) else []
        if not inner and isinstance(call.func, ast.Attribute):
            inner = [call.func.value]
        if _method(call) in ("sum", "mean") and any(is_product(node) for node in inner):
            yield call


def kl_of_zero(source: Source) -> Found:
    for call in source.calls():
        if source.is_jittor(call.func, "KLDivLoss", "kl_div"):
            yield (
                call, "gives NaN where the target is 0; adding an epsilon changes the loss",
                "jacklib.ops.kl_div",
            )  # fmt: skip


def log_sum_exp(source: Source) -> Found:
    """log(sum(exp(x))), also with names in between."""
    for function in source.functions():
        holding: dict[str, str] = {}
        for node in (n for statement in function.body for n in ast.walk(statement)):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                holding[getattr(node.targets[0], "id", "")] = _stage(source, node.value, holding)
            if isinstance(node, ast.Call) and _stage(source, node, holding) == "log":
                reason = "log(sum(exp(x))) overflows for x above 88"
                yield node, reason, "jacklib.ops.logsumexp"


def _stage(source: Source, node: ast.AST, holding: dict[str, str]) -> str:
    """How far an expression has come: "exp" of anything, "sum" of that, "log" of that, or ""."""
    if isinstance(node, ast.Name):
        return holding.get(node.id, "")
    if not isinstance(node, ast.Call):
        return ""
    if _method(node) == "exp":
        others = source.full_name(node.func).startswith(("math.", "numpy."))
        of_jittor = source.is_jittor(node.func) and node.args
        argument = node.args[0] if of_jittor else getattr(node.func, "value", None)
        safe = isinstance(argument, ast.BinOp) and isinstance(argument.op, ast.Sub)  # x - max
        return "" if others or safe else "exp"
    inner = node.args[0] if source.is_jittor(node.func) and node.args else None
    inner = getattr(node.func, "value", None) if inner is None else inner
    before = "" if inner is None else _stage(source, inner, holding)
    steps = {("sum", "exp"): "sum", ("log", "sum"): "log"}
    return steps.get((_method(node), before), "")


def time_without_waiting(source: Source) -> Found:
    """Two readings of a clock in one block, a network between them, and nothing that waits."""

    def reads_clock(node: ast.AST) -> bool:
        return any(
            source.full_name(c.func) in ("time.time", "time.perf_counter", "time.process_time")
            for c in source.calls(node)
        )

    def computes(node: ast.AST) -> bool:
        for call in source.calls(node):
            name, method = source.full_name(call.func), _method(call)
            if method in ("backward", "step") and isinstance(call.func, ast.Attribute):
                return True
            last = name.rpartition(".")[2]
            if last in ("net", "model", "criterion", "run_model", "network"):
                return True
        return False

    def waits(node: ast.AST) -> bool:
        return any(_method(c) in WAITS for c in source.calls(node))

    for node in ast.walk(source.tree):
        for body in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if not isinstance(body, list):
                continue
            busy: ast.AST | None = None
            begun = False
            for statement in body:
                simple = not hasattr(statement, "body")
                if simple and reads_clock(statement):
                    if begun and busy is not None:
                        yield (
                            statement, "Jittor is lazy: this is the time that building the graph "
                            "took, not computing it", "jt.sync_all(True) before each reading",
                        )  # fmt: skip
                    begun, busy = True, None
                elif begun and computes(statement):
                    busy = statement
                if waits(statement):
                    busy = None


def _makes_var(source: Source, node: ast.AST, makers: set[str], filled: bool = False) -> bool:
    """Whether an expression is a Var made of given numbers; `filled`: or of zeros and the like,
    with which attributes that are to be trained begin."""
    constant = ("array", "arange", "eye", "linspace")
    constant += ("zeros", "ones", "full") if filled else ()
    if isinstance(node, ast.BinOp):
        return _makes_var(source, node.left, makers) or _makes_var(source, node.right, makers)
    if not isinstance(node, ast.Call):
        return False
    if _method(node) in ("stop_grad", "detach", "numpy"):
        return False
    if source.is_jittor(node.func, *constant) or source.full_name(node.func) in makers:
        return True
    chained = isinstance(node.func, ast.Attribute) and not source.full_name(node.func)
    return chained and _makes_var(source, node.func.value, makers)


def attribute_is_trained(source: Source) -> Found:
    makers = set()  # functions of this file that give such a Var
    for function in source.functions():
        made = {
            getattr(n.targets[0], "id", "")
            for n in ast.walk(function)
            if isinstance(n, ast.Assign) and _makes_var(source, n.value, set(), filled=True)
        }
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and getattr(node.value, "id", None) in made:
                makers.add(function.name)
    for module in source.modules():
        buffers = {
            _self_attribute(c.func.value)
            for c in source.calls(module)
            if _method(c) == "stop_grad" and isinstance(c.func, ast.Attribute)
        }
        for node in ast.walk(module):
            if not isinstance(node, ast.Assign) or len(node.targets) != 1:
                continue
            name = _self_attribute(node.targets[0])
            if not name or name.startswith("_") or name in buffers:
                continue
            if _makes_var(source, node.value, makers):
                yield (
                    node, f"self.{name} is a parameter: every Var attribute is, and is trained",
                    "a constant: .stop_grad(), or a name that starts with _; to be trained: "
                    "nn.Parameter says so",
                )  # fmt: skip


def nested_are_not_initialised(source: Source) -> Found:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.For) or not isinstance(node.iter, ast.Call):
            continue
        if _method(node.iter) == "children" and any(
            _method(c) == "isinstance" for c in source.calls(node)
        ):
            yield (
                node, "children() stops at the first level: layers in a ModuleList or Sequential "
                "keep their own first weights", "loop over modules()",
            )  # fmt: skip


def index_and_value(source: Source) -> Found:
    """max(dim) gives values only, argmax and argsort (index, value): the other way round."""
    for call in source.calls():
        method, parent = _method(call), source.parents.get(call)
        name = source.full_name(call.func)
        if not isinstance(call.func, ast.Attribute) or name.startswith(("numpy.", "torch.")):
            continue
        if any(_method(c) == "numpy" for c in source.calls(call.func.value)):
            continue  # an array's own
        unpacked = isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Tuple)
        indexed = isinstance(parent, ast.Subscript) and parent.value is call
        number = isinstance(getattr(parent, "slice", None), ast.Constant)
        # x.max(1) may be an array's where NumPy is about; NumPy's own has no dim.
        positional = len(call.args) > source.is_jittor(call.func)
        sure = source.is_jittor(call.func) or not source.imports("numpy")
        along = bool(_keyword(call, "dim")) or (positional and sure)
        if method in ("max", "min") and along and (unpacked or (indexed and number)):
            yield (
                call, f"{method}(dim) gives the values only, and [0] takes the first of them",
                f"leave out [0]; for the index, arg{method}(dim)[0]",
            )  # fmt: skip
        if method in ("argmax", "argmin") and along and not (unpacked or indexed):
            yield call, f"{method}(dim) gives (index, value)", f"{method}(dim)[0]"


def slices_are_copies(source: Source) -> Found:
    for call in source.calls():
        if not isinstance(call.func, ast.Attribute) or not isinstance(
            call.func.value, ast.Subscript
        ):
            continue
        index = call.func.value.slice
        if isinstance(index, ast.Name) or isinstance(getattr(index, "value", None), str):
            continue  # of a list or a table, for all one sees
        method = call.func.attr
        writes = method == "assign" or (method.endswith("_") and not method.endswith("__"))
        if writes and not any(
            source.full_name(c.func).startswith("numpy.") for c in source.calls(call.func.value)
        ):
            yield call, f"x[...].{method}() writes into a copy", "x[...] = the new values"


def whole_map_pool(source: Source) -> Found:
    """A kernel that looks made for a certain map: of unequal sides, large, or computed."""
    for call in source.calls():
        if not source.is_jittor(call.func, "AvgPool2d", "AvgPool3d"):
            continue
        kernel = _keyword(call, "kernel_size") or (call.args[0] if call.args else None)
        sides = getattr(kernel, "elts", [kernel])
        numbers = [getattr(side, "value", None) for side in sides]
        if len(set(numbers)) > 1 or None in numbers or max(numbers) > 3:
            yield (
                call, "raises where the kernel is as large as the map", "jacklib.ops.avg_pool2d, "
                "avg_pool3d, or a mean over the last axes",
            )  # fmt: skip


def freezing_by_eval(source: Source) -> Found:
    for module in source.modules():
        for call in source.calls(module):
            if _method(call) == "eval" and _self_attribute(getattr(call.func, "value", call)):
                yield (
                    call, "eval() stops this part's gradients for good; train() of the whole does "
                    "not bring them back", "set is_train = False of its batch norms",
                )  # fmt: skip


def clipping_too_early(source: Source) -> Found:
    for function in source.functions():
        clips = [c for c in source.calls(function) if _method(c).rstrip("_") == "clip_grad_norm"]
        backs = [c.lineno for c in source.calls(function) if _method(c) == "backward" and c.args]
        for call in clips:
            if backs and min(backs) > call.lineno:
                yield (
                    call, "before backward there is nothing to clip, and step(loss) computes the "
                    "gradients anew", "optimizer.backward(loss), clip, optimizer.step()",
                )  # fmt: skip


def softmax_of_everything(source: Source) -> Found:
    for call in source.calls():
        if source.is_jittor(call.func, "softmax") and len(call.args) == 1 and not call.keywords:
            yield call, "without dim it is over all elements", "give dim="


def options_that_are_missing(source: Source) -> Found:
    missing = {
        "BCELoss": ("reduction",), "CrossEntropyLoss": ("reduction", "label_smoothing"),
        "cross_entropy_loss": ("label_smoothing",), "Conv2d": ("padding_mode",),
    }  # fmt: skip
    for call in source.calls():
        name = source.full_name(call.func).rpartition(".")[2]
        if not source.is_jittor(call.func, *missing):
            continue
        for option in missing[name]:
            if _keyword(call, option) is not None:
                yield call, f"{name} has no {option}", "see jacklib.ops"


def rate_in_groups(source: Source) -> Found:
    loops = (n for n in ast.walk(source.tree) if isinstance(n, ast.For))
    groups = {
        getattr(loop.target, "id", "") for loop in loops
        if getattr(loop.iter, "attr", "") == "param_groups"
    }  # fmt: skip
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
            continue  # writing one is fine: the optimizer looks there first
        inner = node.value
        of_group = isinstance(inner, ast.Name) and inner.id in groups
        of_list = getattr(getattr(inner, "value", None), "attr", "") == "param_groups"
        if getattr(node.slice, "value", None) == "lr" and (of_group or of_list):
            yield node, "Jittor's param_groups have no lr until it is set", "optimizer.lr"


RULES: tuple[Callable[[Source], Found], ...] = (
    torch_beside_jittor, torch_left_over, names_that_jittor_lacks, forward_is_not_called,
    backward_is_a_stub, lost_reduction, kl_of_zero, log_sum_exp, time_without_waiting,
    attribute_is_trained, nested_are_not_initialised, index_and_value, slices_are_copies,
    whole_map_pool, freezing_by_eval, clipping_too_early, softmax_of_everything,
    options_that_are_missing, rate_in_groups,
)  # fmt: skip


def check_text(text: str, name: str = "source") -> list[Trap]:
    """The traps in a file's text, in the order of their lines. Raises DataError for no Python."""
    source = _parsed(text, name)
    # A training loop may import nothing of Jittor and still call its optimizer as only Jittor does.
    steps = any(_method(call) == "backward" and call.args for call in source.calls())
    if not source.imports("jittor") and not steps:
        return []
    found = {
        Trap(node.lineno, rule.__name__.replace("_", "-"), reason, fix)
        for rule in RULES
        for node, reason, fix in rule(source)
    }
    return sorted(found)


def check_source(path: str | Path) -> list[Trap]:
    """The traps in a Python file, by line.

    Raises DataError naming the file if it is missing or holds no Python.
    """
    text = read_text(path, "a Python file", "Check the path; save it as UTF-8.", 4 * LARGEST)
    return check_text(text, str(path))


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _python_files(folder: Path) -> Iterator[Path]:
    """A folder's .py files, sorted. Links to folders are not followed, nor those that lead out."""
    inside = folder.resolve()
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if name.endswith(".py") and path.resolve().is_relative_to(inside):
                yield path


def check_files(paths: Sequence[str]) -> int:
    """Print the traps of files and of folders' files; returns 1 where there are any, as a linter
    does, and where a file could not be read. The others are still checked."""
    count = read = 0
    unread = []
    for path in map(Path, paths):
        for file in _python_files(path) if path.is_dir() else [path]:
            try:
                found = check_source(file)
            except DataError as error:
                unread.append(file)
                print(f"error: {error}", file=sys.stderr)
                continue
            read += 1
            count += len(found)
            for trap in found:
                print(plain(
                    f"{file}:{trap.line}: {trap.rule}: {trap.reason}. Fix: {trap.fix}.", 2000
                ))  # fmt: skip
    refuse(not read and not unread, ", ".join(paths), found="no Python file", wanted="one or more",
           cure="Check the path.")  # fmt: skip
    rest = f"; {_many(len(unread), 'file')} not read" if unread else ""
    print(f"{_many(count, 'trap')} in {_many(read, 'file')}{rest}")
    return int(bool(count or unread))
