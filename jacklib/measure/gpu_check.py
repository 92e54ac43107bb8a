"""Is it right on this GPU, and how fast? `bash script/run.sh gpu_check`, one command.

Four parts: operators, losses and optimizers on the CPU and on the GPU, with gradients; the PyTorch
originals' golden numbers on the GPU, in evaluation and in training; ten training steps of each
network; speed against PyTorch on the same card. Each part is a process of its own that notes what
failed and goes on. Nothing but Jittor, NumPy and, in its own process, PyTorch is imported, and the
internet is not needed.

`--device cpu` goes through the same in small sizes: to see that the check itself works.
"""

import argparse
import contextlib
import ctypes
import json
import os
import pkgutil
import platform
import subprocess
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from jacklib import networks, ops
from jacklib.backend import cuda, folders, processes, runtime
from jacklib.backend.folders import ROOT
from jacklib.backend.torch_process import named_python, process_environment
from jacklib.core.networks import KEYS
from jacklib.core.networks import network as table_of
from jacklib.errors import check_choice, refuse_as, said
from jacklib.files import write_json, write_text
from jacklib.measure import bench
from jacklib.measure.golden_numbers import Golden, point_labels
from jacklib.measure.jittor_session import JittorSession
from jacklib.networks import losses
from jacklib.weights.checkpoint import load_weights

# What is to be reached on an H100 or H200: how many times as fast as PyTorch at least.
TARGETS = {("tsl", "inference"): 1.6, ("tsl", "train"): 1.2}
AHEAD = 0.45  # of the time, at most, to compile what the parts will need
# Operators: where each is, shapes of its inputs, further arguments. Layers: shapes of input, weight
# and bias, and sizes. Optimizers: options. Then the golden numbers and the networks that they are
# of; what these take; and what their outputs are called there.
_TABLES = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
OPERATORS, LAYERS, OPTIMIZERS, GOLDEN, INPUTS, OUTPUTS = _TABLES.values()
OPERATOR_LIMIT, GOLDEN_LIMIT, EACH_LIMIT = 2e-3, 1e-3, 5e-3


class Case(NamedTuple):
    """One operator: what it computes of its inputs, which are drawn in these shapes."""

    name: str
    function: Callable[..., Any]
    shapes: Sequence[Sequence[int]]
    gradients: bool = True  # whether they are compared as well


def layer(kind: Callable[..., Any], *sizes: int, **options: Any) -> Callable[..., Any]:
    """A layer as a function of its input, weight and bias: those that it begins with are random."""

    def run(x, *parameters):
        net = kind(*sizes, **options)
        for name, value in zip(("weight", "bias"), parameters, strict=False):
            setattr(net, name, value)
        return net(x)

    return run


def two_steps(kind: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """How far two steps of an optimizer move a weight; the loss wants x @ weight to be 1, then -3.

    Gradients that change, long steps and strong weight decay let each part of the rule show.
    """

    def run(x, weight):
        optimizer, start = kind([weight], lr=0.1, **options), weight.numpy().copy()
        for wanted in (1.0, -3.0):
            optimizer.step((jt.matmul(x, weight) - wanted).sqr().mean())
        return weight - jt.array(start)

    return run


def with_more(place: str, *more: Any) -> Callable[..., Any]:
    """A function by its place, with further arguments behind its inputs."""
    return lambda *inputs: pkgutil.resolve_name(place)(*inputs, *more)


def cases() -> list[Case]:
    """The operators that the networks, their losses and their training are made of: those of
    gpu_check.json, and some that are put together of several."""

    def shares(x):
        """Targets from 0 to 1, both ends among them."""
        return jt.array(np.linspace(0, 1, x.numel(), dtype=np.float32)).reshape(x.shape)

    return [
        *(Case(name, with_more(place, *sum(more, [])), shapes)
          for name, place, shapes, *more in OPERATORS),
        *(Case(name, layer(getattr(ops, kind), *sizes), shapes)
          for name, kind, shapes, sizes in LAYERS),
        *(Case(f"two steps of {name}", two_steps(getattr(ops, kind), **options),
               ((20, 6), (6, 5)), False) for name, kind, options in OPTIMIZERS),
        Case("Conv2d layer, one channel", layer(ops.Conv2d, 1, 8, 7, (3, 2), 3),
             ((2, 1, 32, 20), (8, 1, 7, 7), (8,))),
        Case("max_pool2d of equals", lambda x: ops.max_pool2d(ops.relu(x - 1), 3, 2, 1),
             ((2, 3, 17, 15),)),
        Case("tanh, sigmoid", lambda x: jt.tanh(x) * jt.sigmoid(x), ((40, 50),)),
        Case("cross entropy", lambda x: ops.cross_entropy(x, jt.array([1, 0, 3, 2])), ((4, 5),)),
        Case("polarity-consistent", lambda x: losses.pcce(x, jt.array([1, 0, 3, 2])), ((4, 8),)),
        Case("binary cross entropy",
             lambda x: ops.binary_cross_entropy(jt.sigmoid(x), shares(x), "none"), ((30, 3),)),
        Case("binary cross entropy of 0 and 1",  # where its logarithm ends
             lambda x: ops.binary_cross_entropy(jt.minimum(ops.relu(x), 1), shares(x), "none"),
             ((30, 3),)),
        Case("KL divergence", lambda x: ops.kl_div(jt.nn.softmax(x, dim=1).log(), shares(x)),
             ((4, 8),)),
        Case("sums and largest", lambda x: x.sum(1) + x.max(1) + x.mean(1), ((30, 40),)),
        Case("sorted", lambda x: jt.argsort(x, dim=1, descending=True)[1], ((30, 40),)),
        Case("transposed", lambda x: x.permute(2, 0, 1) * 2, ((5, 6, 7),)),
        Case("joined", lambda x, y: jt.concat([x, y], 1) * 2, ((3, 4), (3, 5))),
        Case("rows by number", lambda x: x[jt.array([0, 2, 2])], ((5, 6),)),
    ]  # fmt: skip


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference, relative to b's largest value."""
    if a.shape != b.shape:
        return float("inf")
    return float(np.abs(a.astype(np.float64) - b).max() / max(np.abs(b).max(), 1e-12))


Row = tuple[str, float | str, bool]  # what, what was found, whether that is good enough


def check_operator(case: Case, device: str) -> Iterator[Row]:
    """The largest difference of value and gradients from the CPU's."""

    def run(gpu: bool) -> list[np.ndarray]:
        jt.flags.use_cuda = int(gpu)
        rng = np.random.default_rng(0)
        inputs = [jt.array(rng.standard_normal(s).astype(np.float32)) for s in case.shapes]
        value = case.function(*inputs)
        if not case.gradients:
            return [value.numpy()]
        weight = jt.array(np.cos(np.arange(value.numel(), dtype=np.float32)).reshape(value.shape))
        return [v.numpy() for v in (value, *jt.grad((value * weight).sum(), inputs))]

    pairs = zip(run(device == "cuda"), run(False), strict=True)
    found = float(np.max([difference(a, b) for a, b in pairs]))  # a NaN stays one
    yield case.name, found, found < OPERATOR_LIMIT


# --- golden numbers -------------------------------------------------------------------------------


def check_golden(name: str, device: str) -> Iterator[Row]:
    """Each output's and a training step's differences from PyTorch's numbers."""
    jt.clean()
    jt.flags.use_cuda = int(device == "cuda")
    golden, kind = Golden(name), GOLDEN[name]
    config = getattr(networks, kind.removesuffix("Visual") + "Config")
    # The golden training is without dropout; two of the networks have none.
    still = {"dropout": 0.0} if hasattr(config, "dropout") else {}
    net = getattr(networks, kind)(config(**golden.facts.get("config", {}), **still))
    load_weights(net, golden.state())
    inputs = [golden.input(each) for each in INPUTS if golden.facts.get(each)]
    net.eval()
    with jt.no_grad():
        output = net(*inputs)
    for mine, theirs in OUTPUTS.items():
        if theirs in golden.arrays:
            found = difference(getattr(output, mine).numpy(), golden.arrays[theirs])
            yield f"{name} {mine}", found, found < GOLDEN_LIMIT
    del output
    for what, found, limit in _golden_training(golden, net, inputs):
        yield f"{name} {what}", found, found < limit


def _golden_training(golden, net, inputs) -> Iterator[tuple[str, float, float]]:
    """(what, difference from PyTorch's number, limit) of a first training step's gradients."""
    net.train()
    optimizer = ops.SGD(net.parameters(), lr=0.0)  # only gathers the gradients
    loss = np.array([optimizer.gather([_golden_loss(golden, net, inputs)])])
    yield "training loss", difference(loss, golden.arrays["train_losses"][:1]), GOLDEN_LIMIT
    names = {id(value): key for key, value in net.state_dict().items()}
    norms = {
        names[id(p)]: np.linalg.norm(gradient.numpy().astype(np.float64))
        for p, gradient in zip(optimizer.params, optimizer.gradients, strict=True)
        if gradient is not None
    }
    wanted = golden.facts["grad_norm_step1"]
    theirs = np.array(list(wanted.values()))
    mine = np.array([norms.get(key, 0.0) for key in wanted])
    yield "gradient norms", difference(mine, theirs), GOLDEN_LIMIT
    # Beside its own size, too; very small ones are little but rounding, in PyTorch as well.
    size = np.maximum(theirs, theirs.max() / 10)
    yield "each gradient's norm", float((np.abs(mine - theirs) / size).max()), EACH_LIMIT


def _golden_loss(golden, net, inputs):
    """The loss in training mode as the authors' code had it for the golden numbers."""
    facts = golden.facts
    if facts["network"] == "TSL-Net":
        labels, shares = np.float32(facts["label"]), np.float32(facts["label_distribution"])
        points = point_labels(facts["T"], labels.shape[1], facts["points"])[None]
        criterion = losses.TSLLoss(facts["lambdas"])
        return criterion(net(*inputs, labels), labels, shares, points)["total"]
    target = np.array(facts["target"])
    if facts["network"] == "BPM-GCN":
        return losses.gait_loss(net(*inputs), target, golden.input("affective"))
    loss = losses.pcce if facts["loss"] == "pcce_ve8" else ops.cross_entropy
    return loss(net(*inputs).logits, ops.as_var(target))


def check_training(network: str, device: str) -> Iterator[Row]:
    """The loss after ten steps over the loss before; all must be finite."""
    jt.flags.use_cuda = int(device == "cuda")
    config, batch, clips = size(network, device)
    session = JittorSession()
    session.load(network, config, batch=batch, seed=0, clips=clips)
    found = [session.train()["loss"] for _ in range(10)]
    yield network, found[-1] / found[0], bool(np.isfinite(found).all())


def size(network: str, device: str) -> tuple[dict[str, Any], int, int]:
    """Settings, batch and clips of a video: the papers', or small ones on the CPU."""
    config = table_of(network).config
    if device == "cpu":
        return asdict(config.classroom()), 2, 24
    return asdict(config.paper()), {"tsl": 16, "gait": 32}.get(network, 8), 480


def check_speed(network: str, device: str) -> Iterator[Row]:
    """PyTorch's time over Jittor's of each operation."""
    small = device == "cpu"
    config, batch, clips = size(network, device)
    results = bench.measure(network, config, batch, rounds=2 if small else 15,
                            warm_up=1 if small else 5, clips=clips, device=device)  # fmt: skip
    for op in bench.OPERATIONS[network]:
        times = {name: median(result[op]["seconds"]) for name, result in results.items()}
        words = ", ".join(
            f"{name} {1000 * times[name]:.1f} ms {bench.memory_words(result[op]['peak'])}"
            for name, result in results.items()
        )
        if "PyTorch" not in times:
            yield f"{network} {op}: {words}", "no PyTorch to compare with", small
            continue
        ratio = times["PyTorch"] / times["Jittor"]
        wanted = 0.0 if small or op == "forward" else TARGETS.get((network, op), 1.0)
        yield f"{network} {op}: {words}", ratio, ratio >= wanted


class Part(NamedTuple):
    """One part of the check."""

    items: Callable[[str], Sequence[Any]]  # of a device: what is checked one after the other
    check: Callable[[Any, str], Iterator[Row]]  # of one of them and the device
    kept: float  # see PARTS
    said: str


# `kept`: part of the time left after compiling ahead that is kept for it, whatever those before it
# would like to take. What the golden numbers' training compiles, the training steps need not.
PARTS = {
    "operators": Part(lambda device: cases(), check_operator, 0.1,
                      said("operators checked", limit=OPERATOR_LIMIT)),
    "golden": Part(lambda device: ("tsl_t64", "bpm_gcn") if device == "cpu" else tuple(GOLDEN),
                   check_golden, 0.2, said("golden checked", limit=GOLDEN_LIMIT, each=EACH_LIMIT)),
    "training": Part(lambda device: KEYS, check_training, 0.15, said("training checked")),
    "speed": Part(lambda device: KEYS, check_speed, 0.35, said("speed checked")),
}  # fmt: skip


def rows(name: str, device: str, share: slice = slice(None)) -> Iterator[Row]:
    """All rows of a part, or of a share of its items."""
    part = PARTS[name]
    for item in part.items(device)[share]:
        try:
            yield from part.check(item, device)
        except Exception as error:
            words = "".join(traceback.format_exception_only(error)).split()
            yield getattr(item, "name", item), " ".join(words)[:300], False


# --- command line ---------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add, parts = parser.add_argument, f"which parts: {', '.join(PARTS)} (default: all)"
    add("parts", nargs="*", metavar="PART", help=parts)
    add("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: small sizes, to try it")
    add("--minutes", type=float, default=9, help="time for all; what does not fit is said")
    add("--result_path", help="where the report goes (default: results/gpu_check)")


def main(args: argparse.Namespace) -> int:
    """Check and report; returns 0 where everything passed."""
    for part in args.parts:
        check_choice("gpu_check", part, PARTS, "Correct the name, or name none for all.")
    refuse_as("no minutes", args.minutes <= 0, "--minutes", minutes=str(args.minutes))
    if args.device == "cuda" and not jt.has_cuda:
        print(said("no GPU to check"), file=sys.stderr)
        return 1
    ends, everything = _began() + 60 * args.minutes, {}
    folder = Path(args.result_path or ROOT / "results" / "gpu_check")
    folder.mkdir(parents=True, exist_ok=True)
    parts, machine = args.parts or list(PARTS), about()
    if seconds := compile_ahead(parts, args.device, (ends - time.time()) * AHEAD, helpers()):
        machine += f", kernels made ready in {seconds:.0f} s"
    whole = ends - time.time()
    for place, part in enumerate(parts):
        kept = whole * sum(PARTS[later].kept for later in parts[place + 1 :])
        everything[part] = run_part(part, args.device, max(ends - kept - time.time(), 1))
        write_json(folder / "gpu_check.json", everything | {"machine": machine})
        write_text(folder / "gpu_check.md", report(everything, args.device, machine))
    print(report(everything, args.device, machine))
    print(f"written: {folder / 'gpu_check.md'}, {folder / 'gpu_check.json'}")
    return 0 if all(row[2] for rows in everything.values() for row in rows) else 1


def _began() -> float:
    """When this process began: what Jittor compiles of itself when it is imported counts, too."""
    try:
        # The 22nd word, counted behind the name in brackets: ticks since the machine started.
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        up = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return time.time()
    return time.time() - up + ticks / os.sysconf("SC_CLK_TCK")


def run_part(part: str, device: str, seconds: float) -> list[list[Any]]:
    """The rows of one part, from a process that ends after `seconds`."""
    words = ["-m", "jacklib.measure.gpu_check", part, device]
    with processes.Child(words, stdout=subprocess.PIPE, text=True) as child:
        try:
            text, ended = child.communicate(timeout=seconds)[0], f"ended with {child.returncode}"
        except subprocess.TimeoutExpired:
            child.end()
            text, ended = child.communicate()[0], "stopped: no time left"
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("[")]
    if child.returncode != 0:
        rows.append([f"(the rest of {part})", ended, False])
    return rows


def helpers() -> int:
    """How many processes compile ahead: each has a core for the compiler and one for itself."""
    return min(8, (os.cpu_count() or 1) // 2) if runtime.quick_compiler else 1


def compile_ahead(parts: list[str], device: str, seconds: float, number: int) -> float:
    """Have the kernels of `parts` compiled by processes side by side; returns how long it took.

    Jittor compiles one kernel at a time, and on a new machine some hundred are wanted. Each process
    goes through a share of every part for the kernels' sake alone. What is not ready when the time
    is over, or where a process fails, the parts themselves compile.
    """
    wanted = [part for part in parts if part != "speed"]  # which compares kernels that are there
    if number < 2 or not wanted:
        return 0.0
    start = time.time()
    print(f"Compiling kernels in {number} processes...", file=sys.stderr, flush=True)
    with contextlib.ExitStack() as running:  # which ends what is still running
        words = ["-m", "jacklib.measure.gpu_check", ",".join(wanted), device]
        started = [
            running.enter_context(processes.Child([*words, str(place), str(number)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            for place in range(number)
        ]  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            for process in started:
                process.wait(max(start + seconds - time.time(), 0.1))
    return time.time() - start


def about() -> str:
    """Card, driver and versions in one line; what does not say its own is "unknown"."""
    found = bench.nvidia_smi("--query-gpu=name,driver_version")
    card, driver = found[0] if found else ("", "")
    if not card:  # a container without that program
        card = next((gpu.name for gpu in cuda._driver()[0]), "")
    # The compiler that jacklib has chosen for Jittor; empty where Jittor has no GPU.
    nvcc = os.environ.get("nvcc_path", "")
    release = cuda.nvcc_release(nvcc)
    versions = {
        "card": card, "driver": driver, "CUDA": ".".join(map(str, release)) if any(release) else "",
        "cuDNN": _cudnn(nvcc), "Python": platform.python_version(),
        "Jittor": folders.JITTOR_VERSION, "NumPy": np.__version__,
    }  # fmt: skip
    named = named_python()
    torch = processes.output_of(
        named or sys.executable, "-c", "import torch; print(torch.__version__)", timeout=60,
        env=process_environment(JACKLIB_NO_JITTOR="1"), cwd=ROOT,
    )  # fmt: skip
    if named or torch:
        versions["PyTorch"] = torch.partition("\n")[0]
    words = [f"{name} {version or 'unknown'}" for name, version in versions.items()]
    return ", ".join([*words, time.strftime("%Y-%m-%d")])


def _cudnn(nvcc: str) -> str:
    """The version of the cuDNN that Jittor has loaded, or as much as the library's name says."""
    loaded = ctypes.CDLL(None)
    if hasattr(loaded, "cudnnGetVersion"):
        number = loaded.cudnnGetVersion()  # 8902 is 8.9.2, and 91002 is 9.10.2
        unit = 10_000 if number >= 90_000 else 1000
        return f"{number // unit}.{number % unit // 100}.{number % 100}"
    return str((nvcc and cuda._cudnn(nvcc)) or "")


def report(everything: dict[str, list[list[Any]]], device: str, machine: str) -> str:
    """All parts as Markdown tables."""
    lines = [f"### gpu_check on {device}", "", f"{machine}.", ""]
    for part, rows in everything.items():
        good = sum(row[2] for row in rows)
        lines += [f"**{part}**: {good} of {len(rows)}; {PARTS[part].said}", "", "| | found | |",
                  "|---|---|---|"]  # fmt: skip
        for name, found, passed in rows:
            number = f"{found:.3g}" if isinstance(found, float) else str(found).replace("|", "/")
            lines.append(f"| {name} | {number} | {'ok' if passed else '**fails**'} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[3:]:  # one that compiles ahead
        jt.flags.disable_lock = 1  # else one of them compiles and the others wait, see `kernels`
        begin, step = map(int, sys.argv[3:])
        for part in sys.argv[1].split(","):
            deque(rows(part, sys.argv[2], slice(begin, None, step)), 0)
            begin = (begin + 4) % step  # else the first process gets the first network every time
        sys.exit()
    for row in rows(sys.argv[1], sys.argv[2]):
        print(json.dumps(row), flush=True)
