"""The clinic's made-up patients: which are unfit, and what finds the bugs of a thousand of them.

    JACK_TORCH_PYTHON=/path/to/python python -m script.measure_clinic survey
    JACK_TORCH_PYTHON=/path/to/python python -m script.measure_clinic measure 1000

`survey` writes jacklib/porting/unfit.json anew: the bugs that change nothing, or raise an error. A
bug changes nothing if the port's output, loss, gradients and one step are the fixed port's in
float64 (to 1e-6), and its first values are spread alike, with three seeds of weights and inputs in
networks of different pieces.

`measure` draws patients as `clinic.own` does, kinds in turn, and asks each of them

    compare       does `porting.compare` name the module that the bug is in (`suspect`)?
    check         does `porting check` see a trap that the fixed port does not have?
    output        largest absolute difference of the network's output above 1e-6: reprod_log's
                  default threshold, with its method "max"
    means         does the mean of the output, of a parameter's gradient or of what a parameter is
                  after a step differ by 1e-7 of it: PaDiff's default (compare_mode "mean")
    means 1e-4    the same with the absolute tolerance that PaDiff's own tests set
    curve         training, of the first `--curves` patients: the mean of the last ten losses of
                  three runs lies more than two standard deviations of five healthy runs of other
                  seeds from theirs, or is not finite

and the same of the first 200 fixed ports, where any answer is a false alarm. Each patient is compared in
float64 too, and one that changes nothing is replaced by the next. Rows go to `--rows`, one JSON
object a line; a run that was stopped goes on where it was. Jittor runs without fusing operators, so
that a thousand networks share a few hundred compiled kernels.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jacklib  # noqa: F401  isort: skip  (before Jittor)
import jittor as jt
import numpy as np

from jacklib.backend.processes import Worker
from jacklib.backend.torch_process import find_torch, process_environment
from jacklib.errors import DataError
from jacklib.files import write_text
from jacklib.ops import conv, functional, norm, pool
from jacklib.porting import clinic, mutants
from jacklib.porting.comparison import compared, distance
from jacklib.porting.recording import Recording
from jacklib.porting.traps import check_text

UNFIT = mutants.HERE / "unfit.json"
EQUAL = 1e-6  # of the largest number: constants in `jacklib.ops` are float32
OUTPUT, MEANS, LOOSE = 1e-6, 1e-7, 1e-4  # thresholds of the rivals' defaults
HEALTHY = 200  # how many fixed ports of a run are measured too
STEPS, LAST, HEALTHY_SEEDS, SICK_SEEDS = 60, 10, range(5), range(5, 8)


# --- does a bug change anything? ------------------------------------------------------------------


def _sums(source: str, of_rows: str, *inputs: jt.Var) -> tuple[jt.Var, jt.Var]:
    """What `norm._sums` computes, by Jittor's operators."""
    if len(inputs) == 1:
        mean = inputs[0].mean((0, 2))
        return mean, (inputs[0] - mean.reshape(1, -1, 1)).sqr().mean((0, 2))
    dy, x, mean = inputs
    return dy.sum((0, 2)), (dy * (x - mean.reshape(1, -1, 1))).sum((0, 2))


def _max_pool3d(x, kernel, stride=None, padding=0) -> jt.Var:
    kernel, stride, padding = (pool.numbers(v, 3) for v in (kernel, stride or kernel, padding))
    return pool._MaxPoolOfOperators.apply(x, kernel, stride, padding)


@contextlib.contextmanager
def one_by_one() -> Iterator[None]:
    """Jittor without fusing operators. oneDNN's convolutions get their compiler's options after the
    operator is made, too late here: 2-D ones do the same."""
    jt.flags.lazy_execution = 0
    try:
        with patch.object(conv.onednn, "available", lambda: False):
            yield
    finally:
        jt.flags.lazy_execution = 1


@contextlib.contextmanager
def doubles() -> Iterator[None]:
    """Jittor in float64: kernels of `jacklib.ops` that are float32's give way to operators."""
    before, jt.flags.auto_convert_64_to_32 = jt.flags.auto_convert_64_to_32, 0
    with patch.object(norm, "_sums", _sums), patch.object(pool, "max_pool3d", _max_pool3d), \
         patch.object(conv.Conv2d, "execute", jt.nn.Conv2d.execute), \
         patch.multiple(functional, mean=lambda x: x.mean(), total=lambda x: x.sum()):  # fmt: skip
        try:
            yield
        finally:
            jt.flags.auto_convert_64_to_32 = before


def numbers(one: mutants.Mutant, name: str, seed: int) -> tuple[Recording, Recording]:
    """The recordings of a port and of the fixed one, in float64."""
    file, found = clinic.made_up(one), []
    for healthy in (False, True):
        subject = clinic.patient_of(file, f"{name}/{seed}", healthy)
        subject.inputs = [a.astype(np.float64) for a in subject.inputs]
        for var in subject.port.state_dict().values():
            stopped = var.is_stop_grad()
            var.assign(jt.array(var.numpy().astype(np.float64)))
            if stopped:
                var.stop_grad()
        if healthy:
            trained = [n for n, v in subject.port.state_dict().items() if not v.is_stop_grad()]
            names = Recording("", starts=dict.fromkeys(trained))
            found.insert(0, subject.recording(names, seed))
        else:
            sick = subject
    theirs = found[0]
    theirs.starts = {n: s for n, s in theirs.starts.items() if n in theirs.gradients}
    return sick.recording(theirs, seed), theirs


def same(ours: Recording, theirs: Recording) -> bool:
    """Whether output, loss, gradients, step and later loss are equal, and the starts alike."""
    found = compared("Net", ours, theirs)
    if found.missing or found.unexpected or found.mismatched or found.starts:
        return False
    pairs = [(ours.events[-1].value, theirs.events[-1].value)]
    pairs += [(np.array(getattr(r, x)) for r in (ours, theirs)) for x in ("loss", "later_loss")]
    for name, change in theirs.changes.items():
        pairs.append((ours.changes.get(name, np.full(change.shape, np.inf)), change))
    for name, gradient in theirs.gradients.items():
        our = ours.gradients.get(name)
        if (our is None) != (gradient is None):
            return False
        pairs.append((our, gradient))
    for our, their in pairs:
        if our.shape != their.shape:
            return False
        far, scale = distance(our, their)
        if far > EQUAL * max(scale, 1e-3):
            return False
    return True


def changes_nothing(one: mutants.Mutant, name: str, seeds=range(3)) -> bool:
    """A bug that only overflow shows has its kind's word for it: nothing here is that large."""
    if mutants.KINDS[one.entry.kind]["shows"] == "source":
        return False
    with doubles():
        return all(same(*numbers(one, name, seed)) for seed in seeds)


def survey(entries: list[mutants.Entry]) -> dict[str, str]:
    """Which of the entries are unfit, and why: "equal" or an error."""
    found = {}
    for entry in entries:
        try:
            equal = [changes_nothing(mutants.mutant_of(entry, i), entry.key, [i]) for i in range(3)]
            why = "equal" if all(equal) else ""
            clinic.patient_of(clinic.made_up(mutants.mutant_of(entry, 0)), "float32").recording(
                Recording("", starts={})
            )
        except Exception as error:  # whatever a port may raise
            why = f"{type(error).__name__}: {error}".split("\n")[0][:100]
        if why:
            found[entry.key] = why
            print(f"{entry.key}: {why}", flush=True)
    return found


# --- what finds it? -------------------------------------------------------------------------------


def answers(ours: Recording, theirs: Recording) -> dict[str, Any]:
    """What `compare` and the rivals' criteria say to two recordings."""
    found = compared("Net", ours, theirs)
    out = [r.events[-1].value.astype(np.float64) for r in (ours, theirs)]
    fits = out[0].shape == out[1].shape
    apart = [] if fits else [(0.0, np.inf)]
    apart += [(float(out[0].mean()), float(out[1].mean()))]
    for kind in ("gradients", "changes"):
        for name, their in getattr(theirs, kind).items():
            our = getattr(ours, kind).get(name)
            if our is not None and their is not None and name in theirs.gradients:
                apart.append(
                    (float(our.mean(dtype=np.float64)), float(their.mean(dtype=np.float64)))
                )
    return {
        "ok": found.ok and not found.starts, "suspect": found.suspect,
        "output": not (fits and np.abs(out[0] - out[1]).max() <= OUTPUT),
        "means": any(not abs(a - b) <= MEANS * abs(b) for a, b in apart),
        "means 1e-4": any(not abs(a - b) <= LOOSE + MEANS * abs(b) for a, b in apart),
    }  # fmt: skip


def rules(text: str) -> list[str]:
    return [trap.rule for trap in check_text(text)]


def curves(name: str, file: clinic._File) -> bool:
    """Whether the training curve shows the bug; see above."""
    with patch.object(clinic, "_file", lambda _: file):
        last = [
            clinic.train(name, healthy, seeds, STEPS, STEPS).loss[:, -LAST:].mean(1)
            for healthy, seeds in ((True, HEALTHY_SEEDS), (False, SICK_SEEDS))
        ]
    far = abs(last[1].mean() - last[0].mean())
    return bool(not far <= 2 * last[0].std(ddof=1))


def measured(name: str, with_curve: bool, with_healthy: bool) -> dict[str, Any] | None:
    """One row; None for a patient that changes nothing."""
    student, _, number = name.rpartition("/")
    one = mutants.mutant(student, int(number) - 1)
    if changes_nothing(one, name):
        return None
    file = clinic.made_up(one)
    sick, fixed = (clinic.patient_of(file, name, healthy) for healthy in (False, True))
    theirs = sick.reference_recording()
    row = {"name": name, "kind": one.entry.kind, "part": one.entry.part, "entry": one.entry.key,
           "module": one.entry.module}  # fmt: skip
    row |= answers(sick.recording(theirs), theirs)
    row["check"] = sorted({*rules(one.port)} - {*rules(one.healthy)})
    if with_healthy:
        row["healthy"] = answers(fixed.recording(theirs), theirs)
        row["healthy"]["check"] = rules(one.healthy)
    if with_curve:
        row["curve"] = curves(name, file)
    return row


def named(row: dict[str, Any], exactly: bool = True) -> bool:
    """Whether compare's suspect is the bug's module or in it; else: of the same part of the net."""
    suspect, module = row["suspect"] or "", row["module"]
    if not exactly:
        suspect, module = suspect.partition(".")[0], module.partition(".")[0]
    return suspect == module or suspect.startswith(module + ".") and module.count(".") > 0


COLUMNS = {
    "compare: the module": named,
    "compare: the part": lambda row: named(row, exactly=False),
    "compare: differs": lambda row: not row["ok"],
    "check": lambda row: bool(row["check"]),
    "output": lambda row: row["output"],
    "means": lambda row: row["means"],
    "means 1e-4": lambda row: row["means 1e-4"],
}


def table(rows: list[dict[str, Any]]) -> str:
    """Percentages by kind, and of all, as Markdown."""
    lines = [
        f"| kind | n | {' | '.join(COLUMNS)} | curve (n) |",
        "|---|" + "---|" * (len(COLUMNS) + 2),
    ]
    groups = [(kind, [r for r in rows if r["kind"] == kind]) for kind in mutants.KINDS]
    for kind, group in [*groups, ("**all**", rows)]:
        if group:
            cells = [f"{100 * sum(map(test, group)) / len(group):.0f}" for test in COLUMNS.values()]
            seen = [row["curve"] for row in group if "curve" in row]
            curve = f"{100 * sum(seen) / len(seen):.0f} ({len(seen)})" if seen else ""
            lines.append(f"| {kind} | {len(group)} | {' | '.join(cells)} | {curve} |")
    alarms = [row["healthy"] for row in rows if "healthy" in row]
    share = [sum(map(t, alarms)) for t in list(COLUMNS.values())[2:]]
    cells = ["", "", *(f"{100 * n / len(alarms):.1f}" for n in share), ""]
    lines.append(f"| false alarms on the fixed ports | {len(alarms)} | {' | '.join(cells)} |")
    return "\n".join(lines)


@contextlib.contextmanager
def one_recorder() -> Iterator[None]:
    """Within it, one process of PyTorch's makes all recordings; without PyTorch the fixed ports
    stand in for it, as the clinic has it."""
    if find_torch() is None:
        yield
        return
    own = process_environment(JACKLIB_NO_JITTOR="1")
    with contextlib.closing(Worker("script.recorder", find_torch(), own)) as worker:

        def answer(reference, job: dict, arrays: dict[str, np.ndarray]) -> Recording:
            with tempfile.TemporaryDirectory() as folder:
                write_text(f"{folder}/job.json", json.dumps(job))
                np.savez(f"{folder}/arrays.npz", **arrays)
                if worker.ask("record", folder=folder)["failed"]:
                    raise RuntimeError(Path(folder, "error.txt").read_text("utf-8"))
                return Recording.load(f"{folder}/recording.npz")

        with patch.object(clinic, "answer", answer):
            yield


def measure(
    count: int, seed: int, n_curves: int, place: Path, first: int = 1
) -> list[dict[str, Any]]:
    """Rows of `count` patients, those that the file has already and new ones. first: the number of
    the first one, where a run is a portion of a larger one."""
    rows = (
        [json.loads(line) for line in place.read_text("utf-8").splitlines()]
        if place.exists()
        else []
    )
    number = int(rows[-1]["name"].rpartition("/")[2]) if rows else first - 1
    with one_by_one(), one_recorder(), open(place, "a", encoding="utf-8") as file:
        while len(rows) < count:
            number += 1
            row = measured(f"measure {seed}/{number}", len(rows) < n_curves, len(rows) < HEALTHY)
            if row is None:
                print(f"measure {seed}/{number} changes nothing: left out", flush=True)
                continue
            rows.append(row)
            print(json.dumps(row), file=file, flush=True)
            jt.clean_graph()
    return rows[:count]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    tools = parser.add_subparsers(dest="what", required=True)
    tools.add_parser("survey")
    told = tools.add_parser("measure")
    told.add_argument("count", type=int)
    told.add_argument("--seed", type=int, default=0)
    told.add_argument("--curves", type=int, default=0)
    told.add_argument("--first", type=int, default=1)
    told.add_argument("--rows", type=Path, default=Path("clinic_rows.jsonl"))
    args = parser.parse_args()
    if args.what == "survey":
        with one_by_one():
            unfit = survey(mutants.entries())
        write_text(UNFIT, json.dumps(unfit, indent=1) + "\n")
        print(f"{len(unfit)} of {len(mutants.entries())} are unfit")
    else:
        try:
            print(table(measure(args.count, args.seed, args.curves, args.rows, args.first)))
        except DataError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
