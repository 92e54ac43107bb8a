"""Untrimmed rendered videos for TSL-Net, in TSL-300's layout: shots of `jacklib.samples.rendered`
after one another, some of which hold an emotional event at a known time.

Anger, disgust, fear and sadness are negative (n), anticipation, joy, surprise and trust positive
(p). Three made-up annotators mark one moment in each event of the training videos, near its middle.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from jacklib.data.tsl300 import CLASSES, POINT_FIELDS, SUBSETS, Segment
from jacklib.files import SET_MARK, make_set, read_table, write_json, write_text
from jacklib.samples import rendered
from jacklib.samples.rendered import FPS, LABELS, render_clip

POSITIVE = frozenset({"Anticipation", "Joy", "Surprise", "Trust"})
SHOTS = 8  # of a video
MOODS = (0.1, 0.5, 0.9)
RATES = (24, 25, 30)  # frames per second; every video has one of them
SIZE = (72, 96)  # height and width in pixels
ANNOTATORS = 3
SEED = 339
VERSION = 2  # raised whenever the videos change, so that older ones on disk are made anew


class UntrimmedVideo(NamedTuple):
    """One video in memory: frames uint8 [N, H, W, 3] at `fps`, sound float32 at 44.1 kHz."""

    frames: np.ndarray
    sound: np.ndarray
    fps: int
    events: tuple[Segment, ...]  # seconds
    emotions: tuple[str, ...]  # of the events


def plan_untrimmed(seed: int) -> Iterator[tuple]:
    """(kind, label, seed, length, (start, end) of its event) of SHOTS shots, in frames at 30 per
    second; a shot is 5 to 10 s long.

    Half of them hold an event of 2.5 to 5 s. A video has a mood, which is the chance of an event to
    be positive, so that some videos have events of one kind only. One more shot only "looks" like
    an event and one only "sounds" like one: decoys, which are not emotional and not in the truth,
    so that a network has to listen and look. seed: of everything.
    """
    rng = np.random.RandomState(seed)
    n_events = SHOTS // 2
    kinds = np.full(SHOTS, "neutral", dtype=object)
    kinds[rng.permutation(SHOTS)[: n_events + 2]] = ["event"] * n_events + ["looks", "sounds"]
    kind_of = (sorted(set(LABELS) - POSITIVE), sorted(POSITIVE))
    mood = MOODS[rng.randint(len(MOODS))]
    labels = [kind_of[int(rng.random_sample() < mood)][rng.randint(4)] for _ in range(n_events)]
    for kind in kinds:
        length = rng.randint(5 * FPS, 10 * FPS)
        event_length = rng.randint(int(2.5 * FPS), 5 * FPS)
        start = rng.randint(0, length - event_length)
        label = labels.pop(0) if kind == "event" else LABELS[rng.randint(8)]
        yield kind, label, int(rng.randint(2**31 - 1)), length, (start, start + event_length)


def read_decoys(root: Path) -> dict[str, list[tuple[str, float, float]]]:
    """What the truth in a folder of `build_untrimmed_rendered` leaves out, by video: its decoys as
    ("looks" or "sounds", start, end), in seconds."""
    made, found = read_table(root / SET_MARK), {}
    for _, name, video_seed, _ in _jobs(made["n_train"], made["n_test"]):
        found[name], at = [], 0
        for kind, _, _, length, (start, end) in plan_untrimmed(video_seed):
            if kind in ("looks", "sounds"):
                found[name].append((kind, (at + start) / FPS, (at + end) / FPS))
            at += length
    return found


def render_untrimmed(seed: int, fps: int) -> UntrimmedVideo:
    """Render what `plan_untrimmed` plans."""
    frames, sound, events, emotions, at = [], [], [], [], 0
    for kind, label, shot_seed, length, event in plan_untrimmed(seed):
        # Of one seed, the shot with an event and the shot without are alike outside the event. In
        # the latter the event lies beyond the end, and is cut off.
        beyond = (length, length + 1)
        shot = partial(render_clip, label, shot_seed, size=SIZE)
        with_event = shot(n_frames=length, event=event) if kind != "neutral" else None
        without = shot(n_frames=length + 1, event=beyond) if kind != "event" else None
        looked = with_event if kind in ("event", "looks") else without
        heard = with_event if kind in ("event", "sounds") else without
        frames.append(looked.frames[:length])
        sound.append(heard.sound[: length * rendered.SAMPLES_PER_FRAME])
        if kind == "event":
            place = [(at + frame) / FPS for frame in event]
            events.append(Segment("p" if label in POSITIVE else "n", *np.round(place, 3).tolist()))
            emotions.append(label)
        at += length
    # Rendered at 30 frames per second; a slower video leaves some out.
    kept = (np.arange(at * fps // FPS) * FPS) // fps
    pictures = np.concatenate(frames)[kept]
    return UntrimmedVideo(pictures, np.concatenate(sound), fps, tuple(events), tuple(emotions))


def draw_points(events: tuple[Segment, ...], fps: float, rng) -> list[tuple[str, int, int, int]]:
    """A made-up annotator's mark in each event: (label, first frame, last frame, point).

    Drawn from a Gaussian around the middle (standard deviation: 15 % of the length), at least 5 %
    away from both ends.
    """
    marks = []
    for label, start, end in events:
        length = end - start
        place = np.clip(rng.normal(0.5, 0.15), 0.05, 0.95) * length + start
        point, around = int(place * fps), rng.randint(0, 5)
        marks.append((label, point - around, point + around, point))
    return marks


# --- the folder in TSL-300's layout ---------------------------------------------------------------


def build_untrimmed_rendered(
    root: Path, *, n_train: int = 20, n_test: int = 10, progress: bool = True
) -> Path:
    """Render the videos into root/video and write the tables of TSL-300's layout, unless they are
    there (see `jacklib.files.make_set`); returns `root`. Features are made by `extract_features`.

    Raises DataError if root holds videos of other origin.
    """
    made_with = {"version": VERSION, "seed": SEED, "n_train": n_train, "n_test": n_test}
    entries = ("video", "features", "point_gaussian", "split_train.txt", "split_test.txt",
               "fps_dict.json", "time.json", "gt.json", "videosenti_gt.json")  # fmt: skip
    return make_set(root, made_with, entries,  # features are of the videos, and go with them
                    lambda folder: _write_videos(folder, n_train, n_test, progress),
                    "making the untrimmed rendered videos")  # fmt: skip


def _jobs(n_train: int, n_test: int) -> list[tuple[str, str, int, int]]:
    """(subset, name, seed, frames per second) of every video."""
    jobs = []
    for place, (split, count) in enumerate(zip(SUBSETS, (n_train, n_test), strict=True)):
        for k in range(count):
            name = f"{len(jobs) + 1}_rendered_{split}"
            jobs.append((split, name, (SEED * 2 + place) * 1000 + k, RATES[k % len(RATES)]))
    return jobs


def _write_videos(root: Path, n_train: int, n_test: int, progress: bool) -> None:
    jobs = _jobs(n_train, n_test)

    def one(split: str, name: str, video_seed: int, fps: int) -> UntrimmedVideo:
        video = render_untrimmed(video_seed, fps)
        path = root / "video" / split / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_mp4(path, video.frames, video.sound, fps)
        return video._replace(frames=len(video.frames), sound=None)  # all that is needed of them

    # Two at a time: one video in the making takes 150 MB.
    made = rendered.in_threads(2, one, jobs, "rendered videos", "video", progress)
    videos = dict(zip(jobs, made, strict=True))

    fps, seconds, complete, released = {}, {}, {}, {}
    names = {split: [] for split in SUBSETS}
    points = [[POINT_FIELDS] for _ in range(ANNOTATORS)]
    for (split, name, video_seed, rate), video in videos.items():
        names[split].append(name)
        fps[name], seconds[name] = float(rate), video.frames / rate
        annotations = [
            {"segment": [str(start), str(end)], "label": label, "emotion": emotion}
            for (label, start, end), emotion in zip(video.events, video.emotions, strict=True)
        ]
        complete[name] = {"subset": split, "annotations": annotations}
        released[name] = complete[name] if split == "test" else {"subset": split, "annotations": []}
        if split == "train":
            for number, lines in enumerate(points):
                rng = np.random.RandomState([video_seed, number])
                lines += [
                    f"{label},{CLASSES.index(label)},{first},{last},{name},{point}"
                    for label, first, last, point in draw_points(video.events, rate, rng)
                ]
    for split in SUBSETS:
        write_text(root / f"split_{split}.txt", "\n".join(names[split]) + "\n")
    write_json(root / "fps_dict.json", fps)
    write_json(root / "time.json", seconds)
    # As TSL-300 ships them: the training videos' segments are in the second file only.
    write_json(root / "gt.json", {"database": released})
    write_json(root / "videosenti_gt.json", {"database": complete})
    folder = root / "point_gaussian"
    for number, lines in enumerate(points):
        write_text(folder / "train" / f"point_anno_{number}.txt", "\n".join(lines) + "\n")
    write_text(folder / "point_labels.csv", "\n".join(points[0]) + "\n")


def write_mp4(path: Path, frames: np.ndarray, sound: np.ndarray, fps: int) -> None:
    """Write frames uint8 [N, H, W, 3] and mono sound at 44.1 kHz as H.264 and MP3.

    The same bytes each time, on every x86-64 processor: x264's look-ahead differs from run to run
    with its assembler, FFmpeg's AAC and its colours with the processor's. H and W are even.
    """
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=fps)
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt = "yuv420p"
        video.options = {"crf": "23", "preset": "veryfast", "threads": "1", "x264-params": "asm=0"}
        audio = rendered.mp3_stream(container)
        for number, picture in enumerate(frames):
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        rendered.mux_sound(container, audio, sound)
