"""Finds, in the source of a port, where Jittor 1.3.11 does something else than PyTorch.

`check_source(path)` walks a file's syntax tree and names each trap with its line, the reason and
the fix. Nothing of the file is run. It sees what can be seen in one file: two files that are right
by themselves can still be wrong together, and only numbers tell (`compare`).

Files that do not import Jittor have no such traps; nothing is said of them.
"""

import ast
import functools
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
WAITS = ("sync_all", "sync", "item", "numpy", "data", "tolist")  # after these, numbers are there
CLOCKS = ("time.time", "time.perf_counter", "time.process_time")
NETWORKS = ("net", "model", "criterion", "run_model", "network")  # likely names of one


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
        for node in self.nodes((ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if isinstance(node, ast.Import):
                    whole = alias.name if alias.asname else alias.name.partition(".")[0]
                    self.names[alias.asname or whole] = whole
                elif node.module and not node.level:
                    self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def full_name(self, node: ast.AST) -> str:
        """The dotted name of an expression with its import written out: "jittor.nn.BCELoss"; "" for
        anything that is not a name."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        front = self.full_name(node.value) if isinstance(node, ast.Attribute) else ""
        return f"{front}.{node.attr}" if front else ""

    def is_jittor(self, node: ast.AST, *names: str) -> bool:
        """Whether an expression is a name of Jittor's, one of `names` where any are given."""
        front, _, last = self.full_name(node).rpartition(".")
        while isinstance(node, ast.Attribute):
            node = node.value
        if getattr(node, "id", None) not in self.names:
            return False  # a variable that has the name by chance
        return front.partition(".")[0] == "jittor" and (not names or last in names)

    def imports(self, package: str) -> bool:
        return any(origin.partition(".")[0] == package for origin in self.names.values())

    def nodes(self, kinds: type | tuple[type, ...], within: ast.AST | None = None) -> Iterator:
        return (node for node in ast.walk(within or self.tree) if isinstance(node, kinds))

    def calls(self, *methods: str, within: ast.AST | None = None) -> Iterator[ast.Call]:
        """Calls whose last name is one of `methods`, where any are given."""
        calls = self.nodes(ast.Call, within)
        return (call for call in calls if not methods or _method(call) in methods)

    def modules(self) -> Iterator[ast.ClassDef]:
        """Classes that are networks, by their base's name."""
        for node in self.nodes(ast.ClassDef):
            if any(self.full_name(base).endswith(".Module") for base in node.bases):
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


# --- the rules ------------------------------------------------------------------------------------

RULES: list[Callable[[Source], Iterator[Trap]]] = []
Found = Iterator[ast.AST | tuple]


def rule(reason: str, fix: str) -> Callable:
    """Makes a rule of a function that yields nodes, each alone or with words for the {} of reason
    and fix."""

    def add(look: Callable[[Source], Found]) -> Callable[[Source], Iterator[Trap]]:
        name = look.__name__.replace("_", "-")

        @functools.wraps(look)
        def traps(source: Source) -> Iterator[Trap]:
            for found in look(source):
                node, *words = found if isinstance(found, tuple) else (found,)
                yield Trap(node.lineno, name, reason.format(*words), fix.format(*words))

        RULES.append(traps)
        return traps

    return add


@rule("{} in a process of Jittor's is fragile (Jittor issues 126, 223)",
      "port what it does, or run it in a process of its own")  # fmt: skip
def torch_beside_jittor(source: Source) -> Found:
    for node in source.nodes((ast.Import, ast.ImportFrom)):
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        torch = [name for name in names if name.partition(".")[0] in TORCH]
        if torch:
            yield node, torch[0]


@rule("{} is not imported: a NameError when this line runs", "port it")
def torch_left_over(source: Source) -> Found:
    names = list(source.nodes(ast.Name))
    known = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    known |= {argument.arg for argument in source.nodes(ast.arg)} | source.names.keys()
    yield from ((name, name.id) for name in names if name.id in TORCH and name.id not in known)


@rule("{} has no {}", "see jacklib.ops, or write it")
def names_that_jittor_lacks(source: Source) -> Found:
    import jittor

    for node in filter(source.is_jittor, source.nodes(ast.Attribute)):
        front, _, last = source.full_name(node).rpartition(".")
        place = {"jittor": jittor, "jittor.nn": jittor.nn}.get(front)
        if place is not None and not hasattr(place, last):
            yield node, front, last


@rule("Jittor's modules run `execute`", "rename it")
def forward_is_not_called(source: Source) -> Found:
    for module in source.modules():
        methods = {n.name: n for n in module.body if isinstance(n, ast.FunctionDef)}
        if "forward" in methods and "execute" not in methods:
            yield methods["forward"]


@rule("a Var's backward() does nothing", "optimizer.step(loss) or backward(loss)")
def backward_is_a_stub(source: Source) -> Found:
    for call in source.calls("backward"):
        if isinstance(call.func, ast.Attribute) and not call.args:
            yield call


def _gives_one_number(loss: ast.Call) -> bool:
    return getattr(_keyword(loss, "reduction"), "value", None) != "none"


@rule("the loss is one number already: the weights multiply a mean, not elements", "take the loss "
      "per element (jacklib.ops, reduction='none'), weigh it, then reduce")  # fmt: skip
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
        if isinstance(node, ast.Call) and _method(node) in ("mul", "multiply"):
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


@rule("gives NaN where the target is 0; adding an epsilon changes the loss", "jacklib.ops.kl_div")
def kl_of_zero(source: Source) -> Found:
    return (call for call in source.calls() if source.is_jittor(call.func, "KLDivLoss", "kl_div"))


@rule("log(sum(exp(x))) overflows for x above 88", "jacklib.ops.logsumexp")
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
    """How far an expression has come: "exp" of anything, "sum" of that, "log" of that, or ""."""
    if isinstance(node, ast.Name):
        return holding.get(node.id, "")
    if not isinstance(node, ast.Call):
        return ""
    inner = _argument(source, node)
    if _method(node) == "exp":
        others = source.full_name(node.func).startswith(("math.", "numpy."))
        safe = isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub)  # x - max
        return "" if others or safe else "exp"
    steps = {("sum", "exp"): "sum", ("log", "sum"): "log"}
    return steps.get((_method(node), _stage(source, inner, holding)), "")


@rule("Jittor is lazy: this is the time that building the graph took, not computing it",
      "jt.sync_all(True) before each reading")  # fmt: skip
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
                    busy = busy or any(networks) or any(map(_is_step, calls))
                if any(_method(call) in WAITS for call in calls):
                    busy = False


def _is_step(call: ast.Call) -> bool:
    return getattr(call.func, "attr", None) in ("backward", "step")


def _makes_var(source: Source, node: ast.AST, makers: set[str], filled: bool = False) -> bool:
    """Whether an expression is a Var made of given numbers; `filled`: or of zeros and the like,
    with which attributes that are to be trained begin."""
    constant = ("array", "arange", "eye", "linspace")
    constant += ("zeros", "ones", "full") if filled else ()
    if isinstance(node, ast.BinOp):
        return any(_makes_var(source, side, makers) for side in (node.left, node.right))
    if not isinstance(node, ast.Call) or _method(node) in ("stop_grad", "detach", "numpy"):
        return False
    if source.is_jittor(node.func, *constant) or source.full_name(node.func) in makers:
        return True
    chained = isinstance(node.func, ast.Attribute) and not source.full_name(node.func)
    return chained and _makes_var(source, node.func.value, makers)


@rule("self.{} is a parameter: every Var attribute is, and is trained",
      "a constant: .stop_grad(), or a name that starts with _; to be trained: nn.Parameter says so"
      )  # fmt: skip
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
    for module in source.modules():
        stopped = source.calls("stop_grad", within=module)
        buffers = {_self_attribute(getattr(call.func, "value", call)) for call in stopped}
        for node in source.nodes(ast.Assign, module):
            name = _self_attribute(node.targets[0]) if len(node.targets) == 1 else ""
            if name and not name.startswith("_") and name not in buffers:
                if _makes_var(source, node.value, makers):
                    yield node, name


@rule("children() stops at the first level: layers in a ModuleList or Sequential keep their own "
      "first weights", "loop over modules()")  # fmt: skip
def nested_are_not_initialised(source: Source) -> Found:
    for node in source.nodes(ast.For):
        if isinstance(node.iter, ast.Call) and _method(node.iter) == "children":
            if any(source.calls("isinstance", within=node)):
                yield node


@rule("{0}(dim) gives {1}", "{2}")
def index_and_value(source: Source) -> Found:
    """max(dim) gives values only, argmax and argsort (index, value): the other way round."""
    for call in source.calls("max", "min", "argmax", "argmin"):
        method, parent = _method(call), source.parents.get(call)
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
        sure = source.is_jittor(call.func) or not source.imports("numpy")
        if not _keyword(call, "dim") and not (positional and sure):
            continue
        if method.startswith("arg"):
            if not (unpacked or indexed):
                yield call, method, "(index, value)", f"{method}(dim)[0]"
        elif unpacked or (indexed and number):
            words = "the values only, and [0] takes the first of them"
            yield call, method, words, f"leave out [0]; for the index, arg{method}(dim)[0]"


@rule("x[...].{}() writes into a copy", "x[...] = the new values")
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


@rule("raises where the kernel is as large as the map",
      "jacklib.ops.avg_pool2d, avg_pool3d, or a mean over the last axes")  # fmt: skip
def whole_map_pool(source: Source) -> Found:
    """A kernel that looks made for a certain map: of unequal sides, large, or computed."""
    for call in source.calls():
        if source.is_jittor(call.func, "AvgPool2d", "AvgPool3d"):
            kernel = _keyword(call, "kernel_size") or (call.args[0] if call.args else None)
            sides = {getattr(n, "value", None) for n in getattr(kernel, "elts", [kernel])}
            if sides not in ({1}, {2}, {3}):
                yield call


@rule("eval() stops this part's gradients for good; train() of the whole does not bring them back",
      "set is_train = False of its batch norms")  # fmt: skip
def freezing_by_eval(source: Source) -> Found:
    for module in source.modules():
        for call in source.calls("eval", within=module):
            if _self_attribute(getattr(call.func, "value", call)):
                yield call


@rule("before backward there is nothing to clip, and step(loss) computes the gradients anew",
      "optimizer.backward(loss), clip, optimizer.step()")  # fmt: skip
def clipping_too_early(source: Source) -> Found:
    for function in source.nodes(ast.FunctionDef):
        backs = [c.lineno for c in source.calls("backward", within=function) if c.args]
        for call in source.calls("clip_grad_norm", "clip_grad_norm_", within=function):
            if backs and min(backs) > call.lineno:
                yield call


@rule("without dim it is over all elements", "give dim=")
def softmax_of_everything(source: Source) -> Found:
    for call in source.calls():
        if source.is_jittor(call.func, "softmax") and len(call.args) == 1 and not call.keywords:
            yield call


@rule("{} has no {}", "see jacklib.ops")
def options_that_are_missing(source: Source) -> Found:
    missing = {
        "BCELoss": ("reduction",), "CrossEntropyLoss": ("reduction", "label_smoothing"),
        "cross_entropy_loss": ("label_smoothing",), "Conv2d": ("padding_mode",),
    }  # fmt: skip
    for call in source.calls():
        if source.is_jittor(call.func, *missing):
            name = source.full_name(call.func).rpartition(".")[2]
            yield from ((call, name, option) for option in missing[name] if _keyword(call, option))


@rule("Jittor's param_groups have no lr until it is set", "optimizer.lr")
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


def check_text(text: str, name: str = "source") -> list[Trap]:
    """The traps in a file's text, in the order of their lines. Raises DataError for no Python."""
    source = _parsed(text, name)
    # A training loop may import nothing of Jittor and still call its optimizer as only Jittor does.
    steps = any(call.args for call in source.calls("backward"))
    if not source.imports("jittor") and not steps:
        return []
    return sorted({trap for rule in RULES for trap in rule(source)})


def check_source(path: str | Path) -> list[Trap]:
    """The traps in a Python file. Raises DataError if it is missing or holds no Python."""
    text = read_text(path, "a Python file", "Check the path; save it as UTF-8.", 4 * LARGEST)
    return check_text(text, str(path))


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _python_files(folder: Path) -> list[Path]:
    """A folder's .py files, sorted. Links to folders are not followed, nor those that lead out."""
    found, inside = sorted(folder.rglob("*.py")), folder.resolve()
    return [f for f in found if not f.is_dir() and f.resolve().is_relative_to(inside)]


def check_files(paths: Sequence[str]) -> int:
    """Print the traps of files and of folders' files; returns 1 where there are any, as a linter
    does, and where a file could not be read. The others are still checked."""
    count = read = unread = 0
    for path in map(Path, paths):
        for file in _python_files(path) if path.is_dir() else [path]:
            try:
                found = check_source(file)
            except DataError as error:
                unread += 1
                print(f"error: {error}", file=sys.stderr)
                continue
            read += 1
            count += len(found)
            for trap in found:
                words = f"{trap.rule}: {trap.reason}. Fix: {trap.fix}."
                print(plain(f"{file}:{trap.line}: {words}", 2000))
    refuse(not read and not unread, ", ".join(paths), found="no Python file", wanted="one or more",
           cure="Check the path.")  # fmt: skip
    rest = f"; {_many(unread, 'file')} not read" if unread else ""
    print(f"{_many(count, 'trap')} in {_many(read, 'file')}{rest}")
    return int(bool(count or unread))
