"""One network's answers about many files: `bash script/run.sh predict NETWORK FILE ...`.

A table on the screen; into a folder predictions.csv (a row per file), timeline.csv (a row per
segment, where the network finds any) and a page per file. A file that cannot be read is named at
the end and costs the others nothing; the exit code is 1 then.
"""

import argparse
import itertools
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm.auto import tqdm

from jacklib.backend.folders import ROOT, from_here
from jacklib.core.options import add_options
from jacklib.data.media import IMAGE_ENDINGS, VIDEO_ENDINGS, natural_order
from jacklib.errors import DataError, escaped, plain, refuse_as
from jacklib.files import alike, csv_text, named_after, typed, write_text
from jacklib.methods.answer import Answer, Model
from jacklib.methods.checkpoints import shipped_weights
from jacklib.methods.front import METHODS, default_weights, load, network_key
from jacklib.methods.page import TEXT

POSES = (".bvh", ".npy", ".csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(METHODS)
    add_options(parser, Path(__file__).with_name("options.yaml"), "predict", networks=names)


def main(args: argparse.Namespace) -> int:
    """Answer about every file; returns the exit code."""
    try:
        network = network_key(args.network)
    except DataError:
        first = typed(args.network)
        refuse_as("file for network", os.path.lexists(first) or Path(first).suffix, first,
                  networks=", ".join(METHODS))  # fmt: skip
        raise
    refuse_as("no file to predict", not args.files, "predict", network=network)
    weights = args.weights or default_weights(args.network)
    ships = shipped_weights(METHODS[network].NAME)
    if not args.weights and weights != ships:
        print(f"weights: your own training's, {weights}; those that ship: --weights {ships}")
    given = {"settings": args.settings, "n_classes": args.n_classes}
    model = load(Path(weights), network=args.network, **given)
    folder = from_here(args.out or f"results/{METHODS[model.network].NAME}/predictions")
    return predict_all(model, inputs(args.files, model.network), folder, args.lang)


def inputs(names: Sequence[str], network: str) -> list[Path]:
    """The files that names stand for. A folder stands for its frames if it has some, else for the
    films (gait: poses) and folders in it, or for itself where there are none."""
    paths = map(Path, map(typed, names))
    return [found for path in paths for found in _in(path, network) or [path]]


def _in(path: Path, network: str) -> list[Path]:
    if not os.path.isdir(path):  # False for a name too long for a disk
        return [path]
    try:
        inside = sorted(path.iterdir(), key=lambda one: natural_order(one.name))
    except OSError:
        return [path]  # which says why when it is read
    inside = [one for one in inside if not one.name.startswith(".")]
    kinds = {one.suffix.lower() for one in inside}
    if network != "gait" and kinds & set(IMAGE_ENDINGS):
        return [path]
    wanted, found = POSES if network == "gait" else VIDEO_ENDINGS, []
    for one in inside:
        if one.is_dir():
            found += [] if one.is_symlink() else _in(one, network)  # a link may lead in a circle
        elif one.suffix.lower() in wanted:
            found.append(one)
    return found


def predict_all(model: Model, paths: Sequence[Path], folder: Path, lang: str = "en") -> int:
    """Answer about every file and write what is found; returns the exit code."""
    answers: list[tuple[Path, str, Answer]] = []
    bad: list[DataError] = []
    pages: set[str] = set()
    written: list[Path] = []
    for path in tqdm(paths, desc=model.network, unit="file", disable=len(paths) < 2):
        try:
            _check(path, model.network)
            answer = model.predict(path)
            page = _page_name(path, pages)
            answer.save(folder / page, lang)
            # Pictures and a film's frames on disk are let go.
            answers.append((path, page, replace(answer, state=None, view=None)))
            written = _write_tables(model, answers, folder)  # now: a run may be stopped
        except DataError as error:
            bad.append(error)
    if answers:
        width = max(len(plain(answer.file)) for *_, answer in answers)
        for *_, answer in answers:
            likeliest = f"{plain(answer.label):<14} {answer.probabilities[answer.label]:6.1%}"
            n_segments = f"  {len(answer.segments)} segments" if answer.segments else ""
            unlike = f"  unlike {answer.unlike.share:4.0%}" if answer.unlike else ""
            print(f"{plain(answer.file):<{width}}  {likeliest}{unlike}{n_segments}")
        known = f", {model.score[0]} {model.score[1]:.2f} in their training" if model.score else ""
        weights = model.weights if Path.cwd() == ROOT else os.path.abspath(model.file.path)
        print(f"weights: {plain(weights)}{known}")
        several = f"{len(answers)} pages in {folder}"
        page = folder / answers[0][1] if len(answers) == 1 else several
        print(f"written: {', '.join(map(str, written))}, {page}")
        if model.known is None:
            print(f"Note: {TEXT[lang]['unmeasured']}")
        _, _, worst = max(answers, key=lambda each: each[2].unlike or (0,))
        if doubt := worst.doubt_in(lang):
            about = f"{plain(worst.file)}: " if len(answers) > 1 else ""
            print(f"Note: {about}{doubt}")
    for error in bad:
        print(f"not read: {error}", file=sys.stderr)
    return 1 if bad else 0


def _check(path: Path, network: str) -> None:
    """Raise DataError for what is not there or another network's, and for a folder that holds
    nothing for it."""
    gait = network == "gait"
    wanted = "poses: .bvh, .npy or .csv" if gait else "frames or films"
    refuse_as("nothing to read", not os.path.exists(path), path, wanted=wanted)
    poses = not gait and path.suffix.lower() in POSES and os.path.isfile(path)
    refuse_as("poses for a film", poses, path)
    # What `inputs` has found nothing in, unless it may not look.
    names = os.listdir(path) if os.path.isdir(path) and os.access(path, os.R_OK) else None
    frames = not gait and any(name.lower().endswith(IMAGE_ENDINGS) for name in names or [])
    refuse_as("nothing for a network", names is not None and not frames, path, wanted=wanted)


def _page_name(path: Path, taken: set[str]) -> str:
    """A page's name that none in `taken` is on any disk, whether or not it tells "A" from "a"."""
    for number in itertools.count(1):
        ending = f"_{number}.html" if number > 1 else ".html"
        name = named_after(escaped(os.path.abspath(path)), ending)
        if (same := alike(name)) not in taken:
            taken.add(same)
            return name


def _write_tables(
    model: Model, answers: Sequence[tuple[Path, str, Answer]], folder: Path
) -> list[Path]:
    names = model.class_names
    doubt = ["calibrated", "unlike", "distance"]  # of the label; empty where nothing was fitted
    rows: list[list] = [["file", "label", *names, *doubt, "page", "seconds", "weights"]]
    segments: list[list] = [["file", "start", "end", "label", "score"]]
    for path, page, answer in answers:
        name = escaped(str(path))
        numbers = [f"{answer.probabilities[each]:.6f}" for each in names]
        seconds, doubt = f"{answer.seconds:.3f}", [""] * 3
        if answer.unlike:
            share, distance, *_ = answer.unlike
            doubt = [f"{answer.calibrated[answer.label]:.6f}", f"{share:.4f}", f"{distance:.3f}"]
        rows.append([name, answer.label, *numbers, *doubt, page, seconds, model.weights])
        segments += [
            [name, f"{start:.3f}", f"{end:.3f}", label, f"{score:.6f}"]
            for start, end, label, score in answer.segments
        ]
    tables = {"predictions.csv": rows} | ({"timeline.csv": segments} if segments[1:] else {})
    return [write_text(folder / name, csv_text(table)) for name, table in tables.items()]
