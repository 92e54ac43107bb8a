"""One network's answers about many files: `bash script/run.sh predict NETWORK FILE ...`.

A table on the screen; into a folder predictions.csv (a row per file), timeline.csv (a row per
segment, where the network finds any) and a page per file. A file that cannot be read is named at
the end and costs the others nothing; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm.auto import tqdm

from jacklib.data.media import IMAGE_ENDINGS, natural_order
from jacklib.errors import DataError, plain
from jacklib.files import named_after, write_text
from jacklib.methods.answer import Answer, Model
from jacklib.methods.front import METHODS, default_weights, load

POSES = (".bvh", ".npy", ".csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `predict`."""
    add = parser.add_argument
    add("network", metavar="NETWORK", help=f"one of {', '.join(METHODS)}")
    add("files", nargs="+", metavar="FILE_OR_FOLDER",
        help="films, folders of films or of frames; for gait: .bvh, .npy or .csv")  # fmt: skip
    add("--out", help="where tables and pages go (default: results/NETWORK/predictions)")
    add("--weights", "--checkpoint_path", dest="weights",
        help="default: your own training's best, else the classroom weights that ship")  # fmt: skip
    add("--settings", choices=("paper", "classroom"), help="of weights that do not say")
    add("--n_classes", type=int, help="of weights that do not say")
    add("--lang", choices=("en", "zh"), default="en", help="language of the pages")


def main(args: argparse.Namespace) -> int:
    """Answer about every file; returns the exit code."""
    weights = args.weights or default_weights(args.network)
    model = load(
        Path(weights), network=args.network, settings=args.settings, n_classes=args.n_classes
    )
    folder = Path(args.out or f"results/{METHODS[model.network].NAME}/predictions")
    return predict_all(model, inputs(args.files, model.network), folder, args.lang)


def inputs(names: Sequence[str], network: str) -> list[Path]:
    """The files that names stand for: a folder is its frames if it has some, else all it holds."""
    found: list[Path] = []
    for path in map(Path, names):
        inside = (
            sorted(path.iterdir(), key=lambda p: natural_order(p.name)) if path.is_dir() else []
        )
        inside = [one for one in inside if not one.name.startswith(".")]
        frames = network != "gait" and any(p.suffix.lower() in IMAGE_ENDINGS for p in inside)
        if inside and not frames:
            found += [p for p in inside if network != "gait" or p.suffix.lower() in POSES]
        else:
            found.append(path)
    return found


def predict_all(model: Model, paths: Sequence[Path], folder: Path, lang: str = "en") -> int:
    """Answer about every file and write what is found; returns the exit code."""
    answers: list[tuple[Path, Answer]] = []
    bad: list[DataError] = []
    pages: set[str] = set()
    for path in tqdm(paths, desc=model.network, unit="file", disable=len(paths) < 2):
        try:
            answer = model.predict(path)
            page = named_after(path, ".html")
            if page.lower() in pages:  # another folder's file of the same name
                page = named_after(path, f"_{len(answers) + 1}.html")
            pages.add(page.lower())
            answer.save(folder / page, lang)
            answers.append((path, answer))
        except DataError as error:
            bad.append(error)
    if answers:
        _print_table(answers)
        print(f"written: {', '.join(map(str, _write_tables(model, answers, folder)))}, "
              f"{len(answers)} page{'s' * (len(answers) > 1)}")  # fmt: skip
        if doubt := answers[0][1].doubt_in(lang):
            print(f"Note: {doubt}")
    for error in bad:
        print(f"not read: {error}", file=sys.stderr)
    return 1 if bad else 0


def _print_table(answers: Sequence[tuple[Path, Answer]]) -> None:
    width = max(len(plain(answer.file)) for _, answer in answers)
    for _, answer in answers:
        print(f"{plain(answer.file):<{width}}  {answer.label:<14} "
              f"{answer.probabilities[answer.label]:6.1%}  {len(answer.segments)} segments"
              if answer.segments else
              f"{plain(answer.file):<{width}}  {answer.label:<14} "
              f"{answer.probabilities[answer.label]:6.1%}")  # fmt: skip


def _write_tables(model: Model, answers: Sequence[tuple[Path, Answer]], folder: Path) -> list[Path]:
    names = model.class_names
    rows = [["file", "label", *names, "seconds", "weights"]]
    segments = [["file", "start", "end", "label", "score"]]
    for path, answer in answers:
        numbers = [f"{answer.probabilities[name]:.6f}" for name in names]
        rows.append([str(path), answer.label, *numbers, f"{answer.seconds:.3f}", model.weights])
        segments += [
            [str(path), f"{start:.3f}", f"{end:.3f}", label, f"{score:.6f}"]
            for start, end, label, score in answer.segments
        ]
    tables = {"predictions.csv": rows} | ({"timeline.csv": segments} if segments[1:] else {})
    return [write_text(folder / name, _as_csv(table)) for name, table in tables.items()]


def _as_csv(table: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    return text.getvalue()
