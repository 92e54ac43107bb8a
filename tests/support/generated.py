"""Generated media under the real file names and splits of VE8, Ekman-6, TSL-300 and Emotion-Gait.

They hold nothing to learn: whole data sets of the right shape, on which every step of a command can
be run without the data.

    PYTHONPATH=tests python -m support.generated DATASET FOLDER
"""

import json
import os
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np

from jacklib.data.gait import Gait, write_gaits
from jacklib.data.poses import EMOTIONS
from jacklib.samples.gait_samples import read_walks
from jacklib.samples.gait_style import Style, walk_in_style
from jacklib.samples.rendered import SAMPLE_RATE, write_mp3
from support import ROOT

SPLITS = ROOT / "data_samples" / "splits"
ANNOTATIONS = {"ve8": "ve8_01.json", "ekman6": "ek6_01.json"}
FRAMES = 16  # of a clip, the fewest that count
SIZE = (96, 72)
POOL = 64  # pictures that the clips share, as hard links
# Emotion-Gait's files: how many gaits, of how many frames.
GAITS = (("features_ELMD.h5", "labels_ELMD.h5", 1835, (240, 240)),
         ("features.h5", "labels.h5", 342, (27, 75)))  # fmt: skip
SHARES = (0.58, 0.19, 0.15, 0.08)  # of the four emotions, about those of the paper's test gaits


def clips(folder: Path, dataset: str, per_class: int | None = None) -> dict[str, Path]:
    """Clips of VE8's layout under the official names; returns the paths that training takes.

    per_class: so many of each class and subset, with an annotation file of their own, instead of
    all. Each clip has one picture and one sound of its own.
    """
    annotation = json.loads((SPLITS / ANNOTATIONS[dataset]).read_text("utf-8"))
    database, counts = annotation["database"], {}
    if per_class:
        for clip, entry in list(database.items()):
            key = entry["subset"], entry["annotations"]["label"]
            counts[key] = counts.get(key, 0) + 1
            if counts[key] > per_class:
                del database[clip]
    pool = [folder / "pool" / f"{number}.jpg" for number in range(POOL)]
    pool[0].parent.mkdir(parents=True)
    for number, path in enumerate(pool):
        path.write_bytes(picture(np.random.default_rng([1, number])))
    for number, (clip, entry) in enumerate(database.items()):
        rng, label = np.random.default_rng([2, number]), entry["annotations"]["label"]
        frames, sound = folder / "img" / label / clip, folder / "mp3" / label / f"{clip}.mp3"
        frames.mkdir(parents=True)
        sound.parent.mkdir(parents=True, exist_ok=True)
        (frames / "n_frames").write_text(str(FRAMES))
        (frames / "000001.jpg").write_bytes(picture(rng))
        for place, chosen in enumerate(rng.choice(POOL, FRAMES - 1, replace=False), start=2):
            os.link(pool[chosen], frames / f"{place:06d}.jpg")
        seconds = np.arange(int(SAMPLE_RATE * FRAMES / 30)) / SAMPLE_RATE
        write_mp3(sound, 0.3 * np.sin(2 * np.pi * rng.uniform(100, 2000) * seconds))
    shutil.rmtree(pool[0].parent)
    paths = {"video_path": folder / "img", "audio_path": folder / "mp3"}
    if per_class:
        paths["annotation_path"] = folder / "annotations.json"
        paths["annotation_path"].write_text(json.dumps(annotation), encoding="utf-8")
    return paths


def picture(rng: np.random.Generator) -> bytes:
    """A JPEG of soft noise."""
    noise = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", cv2.resize(noise, SIZE))[1].tobytes()


def untrimmed(folder: Path, videos: tuple[int, int] | None = None) -> dict[str, Path]:
    """TSL-300's folder with its own splits, ground truth, rates and lengths; features and points
    are random. videos: the first so many of training and test instead of all."""
    shutil.copytree(SPLITS / "tsl300", folder)
    fps, seconds = (json.loads((folder / name).read_text())
                    for name in ("fps_dict.json", "len_duration_dict.json"))  # fmt: skip
    rng = np.random.default_rng(0)
    most = max(clips_of(video, fps, seconds) for video in fps) + len(fps)
    rgb = np.abs(rng.standard_normal((most, 1024), np.float32)).astype(np.float16)
    logmel = (15 * rng.standard_normal((32 * most, 60), np.float32) - 30).astype(np.float16)
    marks = [["class,class_index,start_frame,stop_frame,video_id,point"] for _ in range(3)]
    offset = 0
    for subset, count in zip(("train", "test"), videos or (None, None), strict=True):
        split = folder / f"split_{subset}.txt"
        ids = split.read_text().split()[:count]
        split.write_text("\n".join(ids) + "\n")
        for video in ids:
            T = clips_of(video, fps, seconds)
            for kind, rows, array in (("rgb", 1, rgb), ("logmfcc", 32, logmel)):
                path = folder / "features" / subset / kind / f"{video}.npy"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, array[rows * offset : rows * (offset + T)])
            offset += 1  # every video has numbers of its own
            for label, place in (("n", 0.25), ("p", 0.75)) if subset == "train" else ():
                for annotator, lines in enumerate(marks):
                    frame = int(place * 16 * T) + annotator
                    lines.append(f"{label},{'np'.index(label)},{frame - 3},{frame + 4},{video},"
                                 f"{frame}")  # fmt: skip
    points = folder / "point_gaussian" / "train"
    points.mkdir(parents=True, exist_ok=True)
    for annotator, lines in enumerate(marks):
        (points / f"point_anno_{annotator}.txt").write_text("\n".join(lines) + "\n")
    shutil.copy(points / "point_anno_0.txt", points.parent / "point_labels.csv")
    return {"data_path": folder}


def clips_of(video: str, fps: dict, seconds: dict) -> int:
    """How many times 16 frames a video has."""
    return int(fps[video] * seconds[video]) // 16


def scores(videos: dict[str, int], seed: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Invented scores of videos of so many clips each, as TSL-Net gives them: [T, 3], fused, and
    [2]. Smooth over time, so that segments are found."""
    found = {}
    for number, (video, T) in enumerate(videos.items()):
        rng = np.random.default_rng([seed, number])
        walk = np.cumsum(rng.standard_normal((T, 3)), axis=0)
        each = 1 / (1 + np.exp(-0.5 * (walk - walk.mean(0))))
        each[:, :2] *= 1 - each[:, 2:]
        found[video] = each, rng.uniform(0.2, 0.9, 2)
    return found


def walks(folder: Path, share: float = 1.0) -> dict[str, Path]:
    """Emotion-Gait's four h5 files, with as many gaits; share: of them, instead of all. The names
    of its entries are not public: they are numbers here."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    recorded = [walk_in_style(walk, Style(), 300) for walk in read_walks(SPLITS.parent / "gait")]
    for features, labels, count, (least, most) in GAITS:
        gaits = []
        for number in range(max(12, round(share * count))):
            pose = recorded[rng.integers(len(recorded))]
            T = int(rng.integers(least, most + 1))
            start = int(rng.integers(len(pose) - T))
            pose = pose[start : start + T] - pose[start, 0] * [1, 0, 1]
            pose = pose * rng.uniform(0.9, 1.1) + rng.normal(0, 0.002, pose.shape)
            label = number % 4 if number < 8 else int(rng.choice(len(EMOTIONS), p=SHARES))
            gaits.append(Gait(f"{number:04d}", pose.astype(np.float32), label))
        write_gaits(folder, gaits)
        (folder / "features.h5").rename(folder / features)
        (folder / "labels.h5").rename(folder / labels)
    return {"data_path": folder}


def main(dataset: str, folder: str) -> None:
    makers = {"tsl300": untrimmed, "emotion_gait": walks}
    place = Path(folder)
    paths = makers[dataset](place) if dataset in makers else clips(place, dataset)
    print(" ".join(f"--{name} {path}" for name, path in paths.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
