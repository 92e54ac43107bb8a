"""Sample gaits: walkers made of a few recorded walks, walking in four styles.

`data_samples/gait/walks` holds one cycle each of seven recorded walks of three persons. From each,
several walkers are made, with other bodies and habits (`samples.gait_style`), and each walks
with every emotion a few times. Training and test share no recorded walk: of the test walks, one is
of an actor who is also in training, one of a person who is not. Labels are the style asked for.
"""

from pathlib import Path

import numpy as np

from jacklib.data.gait import SPLITS, Gait, read_pose, write_gaits
from jacklib.data.poses import EMOTIONS
from jacklib.files import csv_text, make_set, read_table, write_text
from jacklib.samples import gait_style

TEST_WALKS = ("cmu_01_03", "deepmimic_right_1")
SHORTEST, LONGEST = 40, 75  # frames of a gait, at 30 per second
SEED = 2024
VERSION = 1  # raised whenever the gaits change, so that older ones on disk are made anew
FIELDS = ("name", "split", "base_walk", "walker", "emotion", "intensity")


def read_walks(folder: Path) -> list[gait_style.Walk]:
    """The base walks of a folder, from walks.json and walks/NAME.csv. Raises DataError."""
    cure = "Take data_samples/gait of the repository again."
    table = read_table(Path(folder) / "walks.json", needed=True, cure=cure)
    poses = {name: read_pose(Path(folder) / "walks" / f"{name}.csv").pose for name in table}
    return [gait_style.Walk(name, poses[name], float(table[name]["seconds"])) for name in table]


def build_gait_samples(
    root: str | Path, walks_folder: str | Path, *, walkers: tuple[int, int] = (5, 6),
    repeats: tuple[int, int] = (5, 4),
) -> Path:  # fmt: skip
    """Write features.h5, labels.h5, split_test.txt and gaits.csv into `root`, in
    Emotion-Gait's layout, unless they are there (see `jacklib.files.make_set`); returns `root`.

    walkers: made of each base walk, of those for training and those for the test.
    repeats: how often each walker walks with each emotion, likewise.

    The defaults make 500 gaits to train (25 walkers) and 192 to test (12 walkers) in a few seconds.
    Raises DataError if root holds gaits of other origin.
    """
    made_with = {"version": VERSION, "seed": SEED,
                 "walkers": list(walkers), "repeats": list(repeats)}  # fmt: skip
    return make_set(
        root, made_with, ("features.h5", "labels.h5", "split_test.txt", "gaits.csv"),
        lambda folder: _write(folder, read_walks(Path(walks_folder)), walkers, repeats),
        "making the sample gaits")  # fmt: skip


def _write(root: Path, walks: list[gait_style.Walk], walkers, repeats) -> None:
    gaits, rows = [], []
    for number, walk in enumerate(walks):
        test = walk.name in TEST_WALKS
        for w in range(walkers[test]):
            made = make_walker(walk, (SEED, number, w), repeats[test])
            for emotion, k, intensity, pose in made:
                name = f"{walk.name}_{w}_{emotion}_{k}"
                gaits.append(Gait(name, pose.astype(np.float32), EMOTIONS.index(emotion)))
                rows.append((name, SPLITS[test], walk.name, w, emotion, f"{intensity:.3f}"))
    write_gaits(root, gaits)
    write_text(root / "split_test.txt", "".join(f"{row[0]}\n" for row in rows if row[1] == "test"))
    write_text(root / "gaits.csv", csv_text([FIELDS, *rows]))


def make_walker(walk: gait_style.Walk, seed: tuple[int, ...], repeats: int) -> list[tuple]:
    """The gaits of one walker: (emotion, number, intensity, pose float64 [T, 16, 3]) each."""
    rng = np.random.RandomState(list(seed))
    walk = gait_style.change_body(walk, gait_style.draw_body(rng))
    habit = gait_style.draw_shift(rng, gait_style.HABIT)
    gaits = []
    for emotion in EMOTIONS:
        for k in range(repeats):
            style, intensity = gait_style.draw_style(emotion, rng, habit)
            n_frames = int(rng.randint(SHORTEST, LONGEST + 1))
            pose = gait_style.walk_in_style(walk, style, n_frames, phase=float(rng.random_sample()))
            # To a tenth of a millimetre, so that machines agree.
            gaits.append((emotion, k, intensity, np.round(gait_style.add_noise(pose, rng), 4)))
    return gaits
