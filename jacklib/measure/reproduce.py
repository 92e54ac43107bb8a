"""A paper's numbers beside ours: `bash script/run.sh reproduce METHOD DATASET`.

The data are verified, weights that are given are evaluated, one network per seed is trained by
METHOD's own `main`, and all of it stands in one table beside the numbers that others publish
(published.yaml): the paper's, the authors' PyTorch code's and the public Jittor port's.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import yaml

from jacklib.backend.folders import ROOT, from_here
from jacklib.core.metrics import FOREGROUND_LEVELS, localize
from jacklib.core.options import add_options
from jacklib.data.prepare_gait import PAIRS, prepare_gait
from jacklib.data.tsl300 import ScoredVideos, UntrimmedVideos, write_results
from jacklib.errors import DataError, plain, refuse, refuse_as, shown
from jacklib.files import filled, read_arrays, read_table, write_json, write_text
from jacklib.measure.bench import machine
from jacklib.measure.verify import verify
from jacklib.methods import gait, tsl
from jacklib.methods.answer import measured
from jacklib.methods.clips import tell_unreadable
from jacklib.methods.front import METHODS, network_key

PUBLISHED = yaml.safe_load(Path(__file__).with_name("published.yaml").read_text("utf-8"))
DATA = ("dataset", "data_path", "video_path", "audio_path", "annotation_path")
# All other options are METHOD's own.
OWN = ("method", "weights", "seeds", "scores", "despite_faults", "result_path")
DRAWS = 20  # of random scores
# What the public config.py of TSL-Net has in place of FOREGROUND_LEVELS, see `localize`.
PUBLIC_LEVELS = tuple(np.round(np.arange(0.4, 0.75, 0.025), 3).tolist())
# The phase of METHOD that evaluates and the file that it writes, where they are others than CTEN's.
EVALUATIONS = {"TSL": ("main_eval", "metrics.json"), "Gait": ("main", "evaluation.json")}
TSL300 = ROOT / "data_samples" / "splits" / "tsl300"
Numbers = dict[str, float]  # by published.yaml's rows, 0 to 1


class Table:
    """What others publish and what is found here, side by side, in a folder of results."""

    def __init__(self, args: argparse.Namespace):
        known = PUBLISHED[args.method]
        refuse(args.dataset not in known, "DATASET", found=args.dataset, cure="Correct the name.",
               wanted=f"a data set of {args.method}: {', '.join(known)}")  # fmt: skip
        self.published = known[args.dataset]
        self.folder = from_here(
            args.result_path or f"results/{args.method}/reproduce/{args.dataset}"
        )
        self.columns: dict[str, list[Numbers]] = {}  # by head; a column of each seed's numbers
        self.baseline: dict[str, list[Numbers]] = {}  # the last column
        self.facts: dict[str, Any] = {
            "method": args.method, "dataset": args.dataset, "machine": machine(),
            "options": {}, "seeds": [], "failed": {}, "unreadable": {}, "faults": 0,
        }  # fmt: skip

    def write(self) -> str:
        """Write table.md and reproduce.json; returns the table."""
        columns, rows = self.columns | self.baseline, []
        for name, row in self.published["rows"].items():
            cells = [f"{row[of]:g}" if of in row else "-" for of in ("paper", "original", "port")]
            found = ([one[name] for one in column if name in one] for column in columns.values())
            cells += map(_cell, found)
            rows += [[row.get("words", name), *cells]] * (set(cells) != {"-"})
        text = filled(
            Path(__file__).with_name("reproduce_table.txt"), heads=list(columns), rows=rows,
            notes=self.published["notes"], **self.facts,
        )  # fmt: skip
        write_text(self.folder / "table.md", text + "\n")
        content = {"published": self.published, "here": columns, **self.facts}
        write_json(self.folder / "reproduce.json", content)
        return text


def _cell(values: list[float]) -> str:
    """In percent: one value; mean, standard deviation and each of several; "-" for none."""
    each = ", ".join(f"{100 * value:.2f}" for value in values) or "-"
    if len(values) < 2:
        return each
    return f"{100 * np.mean(values):.2f} ± {100 * np.std(values, ddof=1):.2f} ({each})"


def options_of(method: ModuleType, phase: str, given: Mapping[str, Any]) -> argparse.Namespace:
    """The options of one of METHOD's phases: what of them is given, else the defaults."""
    parser = argparse.ArgumentParser()
    method.add_arguments(parser, phase)
    options = parser.parse_args([])
    vars(options).update({name: value for name, value in given.items() if hasattr(options, name)})
    return options


def evaluate(
    method: ModuleType, weights: str | Path, folder: Path, given: Mapping[str, Any], table: Table
) -> Numbers:
    """What a checkpoint reaches on the test split, by METHOD's own evaluation, which writes more
    into the folder. The baseline and what could not be read are taken down in the table."""
    phase, file = EVALUATIONS.get(method.NAME, ("test", "evaluation.json"))
    more = {"checkpoint_path": str(weights), "result_path": str(folder), "phase": "test"}
    method.run(phase, options_of(method, phase, {**given, **more}))
    found = read_table(folder / file, needed=True)
    table.facts["unreadable"] |= found.pop("unreadable", {})
    if method is tsl:
        table.baseline = table.baseline or by_chance(UntrimmedVideos(given["data_path"], "test"))
        return found
    table.baseline = {"always the most frequent class": [{"accuracy": found["most_frequent"]}]}
    recalls = {name: row["recall"] for name, row in found["per_class"].items() if row["clips"]}
    return recalls | {n: found[n] for n in ("accuracy", "pass_1", "pass_2") if n in found}


def by_chance(videos: UntrimmedVideos) -> dict[str, list[Numbers]]:
    """The column of what random scores reach, the mean of DRAWS draws."""
    return {"random scores": [tsl.by_chance(videos, DRAWS)]}


def read_scores(path: str | Path, videos: ScoredVideos) -> dict[str, tsl.Scores]:
    """The scores of videos: a folder of ID.npz with `scores` [T, C+1] and `video_score` [C], or one
    .npz with "ID/scores" and "ID/video_score". Videos without sound ones are taken down in
    `videos.unreadable`. Raises DataError if there are no others."""
    wanted, cure = "scores [T, 3] and video_score [2] of every video", "docs/en/train.md says how."
    path, found = Path(path), {}
    whole = None if path.is_dir() else read_arrays(path, wanted, cure)
    for index, item in enumerate(videos.items):
        start, file = (f"{item.id}/", path) if whole else ("", path / f"{item.id}.npz")
        names = [f"{start}{name}" for name in tsl.Scores._fields]
        try:
            arrays = whole or read_arrays(file, wanted, cure)
            refuse(not {*names} <= {*arrays}, file, found=f"arrays {shown([*arrays])}",
                   wanted=" and ".join(names), cure=cure)  # fmt: skip
            scores = tsl.Scores(*map(arrays.get, names))
            with tsl.naming(f"{file}, {item.id}"):  # checks them
                localize(*scores, item.fps, score_levels=(1,), foreground_levels=(1,))
            found[item.id] = scores
        except DataError as error:
            videos.not_read(index, error)
    refuse(not found, path, found="scores of none of the videos", wanted=wanted, cure=cure)
    return found


def measure_scores(path: str, table: Table, data_path: str | None) -> None:
    """Localise stored scores and measure them, with both sets of levels."""
    videos = ScoredVideos(data_path or TSL300, "test")
    scored = read_scores(path, videos)
    videos.lengths = {video: len(one.scores) for video, one in scored.items()}
    for head, levels in (("scores given", FOREGROUND_LEVELS), ("public levels", PUBLIC_LEVELS)):
        result = tsl.measure(scored, videos, foreground_levels=levels)
        table.columns[head] = [result.metrics | result.summary()]
        file = table.folder / f"detections_{head.replace(' ', '_')}.json"
        write_results(file, result.results, f"Scores: {path}")
    table.baseline = by_chance(videos.only(scored))
    table.facts["unreadable"] = tell_unreadable(videos)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_options(parser, Path(__file__).with_name("options.yaml"), "reproduce", methods=[*PUBLISHED])


def main(args: argparse.Namespace) -> int:
    """Verify, evaluate, train and print the table; returns the exit code."""
    table, method = Table(args), METHODS[network_key(args.method)]
    facts, seeds = table.facts, [0] if args.seeds is None else args.seeds
    refuse_as("no scores", args.scores and method is not tsl, "--scores", method=args.method)
    if args.scores:
        measure_scores(args.scores, table, args.data_path)
    else:
        given = prepared(args, method, table)
        if args.weights:
            numbers = evaluate(method, args.weights, table.folder / "weights_given", given, table)
            table.columns["weights given"] = [numbers]
        ours = table.columns.setdefault("here", []) if seeds else []
        for seed in seeds:
            place = table.folder / f"seed_{seed}"
            print(f"--- seed {seed}: {place}", flush=True)
            try:
                # An earlier run goes on; one that was complete is not trained again.
                resume = str(last) if (last := place / "last.pth").is_file() else None
                how = {"seed": seed, "result_path": str(place), "resume": resume}
                method.run("main", options_of(method, "main", {**given, **how}))
                numbers = evaluate(method, last, place / "test", given, table)
                best = measured(place / "best.pth")
                ours.append(numbers | ({"best": best[1]} if best else {}))
                facts["seeds"].append(seed)
            except (DataError, RuntimeError, OSError, MemoryError) as error:
                facts["failed"][str(seed)] = plain(error)
                print(f"seed {seed} failed: {plain(error)}", file=sys.stderr)
            table.write()
    print(f"\n{table.write()}\n\nwritten: {table.folder}/table.md, {table.folder}/reproduce.json")
    return 1 if facts["failed"] or facts["unreadable"] else 0


def prepared(args: argparse.Namespace, method: ModuleType, table: Table) -> dict[str, Any]:
    """What METHOD is given. Raises DataError if the data are faulty, unless asked to go on."""
    given = {n: v for n, v in vars(args).items() if n not in OWN and v not in (None, False)}
    table.facts["options"] = {name: v for name, v in given.items() if name not in DATA}
    if method is tsl and args.n_epochs:  # rounds of steps, after each of which it is evaluated
        schedule = tsl.SCHEDULES[args.settings]
        n_steps = given.pop("n_epochs") * schedule.evaluate_every
        given["lr"] = f"[{schedule.rates[0]:g}]*{n_steps}"
    for name in given.keys() - vars(options_of(method, "main", {})).keys():
        refuse_as("others' option", name != "dataset", f"--{name}", method=args.method)
    if method in (tsl, gait):
        del given["dataset"]
        refuse_as("no data_path", not args.data_path, "--data_path", dataset=args.dataset)
    report = verify(args.method, progress=True, **{n: given[n] for n in DATA if n in given})
    log = report.write(table.folder / "verify.json")
    if not report.ok:
        print(report.table(), file=sys.stderr)
        table.facts["faults"] = len(report.problems)
        refuse_as("faults of the data", not args.despite_faults, ", ".join(report.places), log=log)
    if method is gait and any((Path(args.data_path) / name).is_file() for name, _ in PAIRS):
        made = prepare_gait(args.data_path, table.folder / "arrays", skip_bad=args.despite_faults)
        given["data_path"] = str(made.target)
    return given
