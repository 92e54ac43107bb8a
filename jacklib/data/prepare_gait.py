"""A folder in Emotion-Gait's layout, to the four arrays a split that training reads.

    bash script/run.sh prepare gait SOURCE TARGET

SOURCE holds features.h5 and labels.h5, or features_ELMD.h5 and labels_ELMD.h5, or all four. A
file split_test.txt in it, one gait's name a line, says which gaits are for the test; without it a
share is drawn from a seed. Layouts: `jacklib.data.gait`.
"""

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jacklib.core.options import add_options
from jacklib.data.gait import PARTS, SETTINGS, SPLITS, gait_arrays, read_gaits, split_indices
from jacklib.data.poses import EMOTIONS
from jacklib.errors import DataError, error_of, logger, refuse_as, shown
from jacklib.files import locked, read_text, sweep, whole_file, write_array, write_json

log = logger(__name__)

PAIRS = (("features.h5", "labels.h5"), ("features_ELMD.h5", "labels_ELMD.h5"))
SPLIT_FILE = "split_test.txt"
FILES = [SETTINGS, *(f"{split}_{part}.npy" for split in SPLITS for part in PARTS)]  # all written


class GaitReport(NamedTuple):
    """What was prepared."""

    target: Path
    n_train: int
    n_test: int
    left_out: tuple[str, ...]  # messages

    def __str__(self) -> str:
        text = f"{self.n_train} gaits to train, {self.n_test} to test in {self.target}"
        return text + (f"; {len(self.left_out)} left out" if self.left_out else "")


def prepare_gait(
    source: str | Path, target: str | Path, *, seed: int = 0, test_share: float = 0.1,
    order: Sequence[str] = EMOTIONS, skip_bad: bool = False,
) -> GaitReport:  # fmt: skip
    """Write TARGET/train_joint.npy and the other seven arrays, and gait.json with the names.

    seed, test_share: of the split, where SOURCE has no split_test.txt. order: what the labels 0 to
    3 in SOURCE mean (see `read_gaits`). skip_bad: leave gaits out that are not sound, with a
    warning, instead of stopping. What an earlier run left stays until all is written; while
    gait.json is missing, TARGET is not finished. Raises DataError naming file and gait.
    """
    source, target = Path(source), Path(target)
    pairs = [pair for pair in PAIRS if any((source / name).exists() for name in pair)]
    refuse_as("no Emotion-Gait", not pairs, str(source))
    bad: list[tuple[str, DataError]] = []
    gaits, seen = [], {}
    for features, labels in pairs:
        taken, files = {*seen, *dict(bad)}, (source / features, source / labels)
        for gait in read_gaits(*files, order=order, bad=bad if skip_bad else None):
            if gait.name in taken:
                gait = gait._replace(name=f"{features}:{gait.name}")
            seen[gait.name] = len(gaits)
            gaits.append(gait)
    for _, error in bad:
        log.warning("left out: %s", error)
    if (source / SPLIT_FILE).is_file():
        test = _named_test(source / SPLIT_FILE, seen, {*dict(bad)})
        train = np.setdiff1d(np.arange(len(gaits)), test)
        drawn: dict = {"split": SPLIT_FILE}
    else:
        train, test = split_indices(len(gaits), seed, test_share)
        drawn = {"split": "drawn", "seed": seed, "test_share": test_share}
    chosen = dict(zip(SPLITS, (train, test), strict=True))
    for split, indices in chosen.items():
        refuse_as("empty split", not len(indices), str(source), split=split, split_file=SPLIT_FILE)
    names_of = {split: [gaits[i].name for i in indices] for split, indices in chosen.items()}
    settings = {"emotions": list(EMOTIONS), "label_order": list(order), **drawn, **names_of}
    with locked(target, "preparing gaits"), contextlib.ExitStack() as stack:
        sweep(target, depth=0)
        places = {name: stack.enter_context(whole_file(target / name)) for name in FILES}
        for split, indices in chosen.items():
            _, poses, classes = zip(*(gaits[i] for i in indices), strict=True)
            arrays = gait_arrays(poses, classes)
            for part, array in zip(PARTS, arrays, strict=True):
                write_array(places[f"{split}_{part}.npy"], array)
        write_json(places[SETTINGS], settings)
        # The stack puts all in place, the first last. What an earlier run left goes before, so that
        # a stop leaves no arrays of two runs.
        for name in FILES:
            (target / name).unlink(missing_ok=True)
    return GaitReport(target, len(train), len(test), tuple(str(error) for _, error in bad))


def _named_test(path: Path, places: dict[str, int], left_out: set[str]) -> np.ndarray:
    names = read_text(path, "one gait's name a line", "Save it as UTF-8.").split("\n")
    indices = []
    for number, name in enumerate(map(str.strip, names), start=1):
        if name in places:
            indices.append(places[name])
        elif name and name not in left_out:
            raise error_of("unknown gait", f"{path}, line {number}", name=shown(name))
    return np.unique(np.array(indices, dtype=int))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    words = {"emotions": EMOTIONS, "default": " ".join(EMOTIONS)}
    add_options(parser, Path(__file__).with_name("options.yaml"), "prepare gait", **words)
    parser.set_defaults(label_order=list(EMOTIONS))


def main(args: argparse.Namespace) -> int:
    """Run `prepare gait`; errors are raised as DataError, which the command line prints."""
    print(prepare_gait(args.source, args.target, seed=args.seed, test_share=args.test_share,
                       order=args.label_order, skip_bad=args.skip_bad))  # fmt: skip
    return 0
