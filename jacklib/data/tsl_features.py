"""From video files to what TSL-Net takes: for every 16 frames, 1,024 image features and 32
log-mel frames of the sound.

A clip is 16 frames at the video's own rate; what is left at the end is no clip. Two ways of
describing a clip's frames are here:

- `i3d_features`: I3D (networks/i3d.py) with its public Kinetics weights. This is what TSL-300's
  features and TSL-Net's released weights are made of.
- `describe_clip`: colours, edges and motion in a grid of 4 x 4 cells, from OpenCV. It needs no
  weights and is quick on a laptop. It stands in for I3D on the sample videos. It is NOT I3D:
  released weights mean nothing on it.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import cv2
import numpy as np
from tqdm.auto import tqdm

from jacklib import files
from jacklib.core.shapes import CLIP_FRAMES, LOGMEL_BINS
from jacklib.data import media
from jacklib.data.audio import log_mel
from jacklib.data.film import RATES, Film
from jacklib.errors import DataError, error_of, logger, refuse_as, shown

log = logger(__name__)

RGB_SIZE = 1024
WIDTHS = [RGB_SIZE, LOGMEL_BINS]  # of the two kinds of features
TABLES = ("fps_dict.json", "time.json")
DESCRIPTOR = "descriptor of JACK (colours, edges and motion; not I3D)"
I3D_FEATURES = "I3D RGB"


# --- frames ---------------------------------------------------------------------------------------


class VideoFacts(NamedTuple):
    """What a video file says of itself."""

    fps: float
    n_frames: int
    seconds: float


def video_facts(path: str | Path) -> VideoFacts:
    """A video's rate, frames and length; a folder of frames has 30 per second. Raises DataError,
    naming the file, if it has none."""
    if Path(path).is_dir():
        n_frames = len(media.image_files(path))
        return VideoFacts(30.0, n_frames, n_frames / 30)
    film = Film.of(path)
    fps = float(film.fps)
    media.refuse_media(not RATES[0] <= fps <= RATES[1], path, f"{fps:.3g} frames per second",
                       "{} to {}".format(*RATES))  # fmt: skip
    return VideoFacts(fps, film.n_frames, float(film.seconds))


def check_fps(path: Path, fps: Any, video: str) -> float:
    """The rate that a table gives for a video. Raises DataError if it is none."""
    right = type(fps) in (int, float) and RATES[0] <= fps <= RATES[1]
    found = f"no entry {shown(video)}" if fps is None else f"{shown(fps)} for {shown(video)}"
    refuse_as("rate of a video", not right, path, found=found)
    return float(fps)


def read_frames(path: str | Path) -> Iterator[np.ndarray]:
    """Every frame of a video, or of a folder of frames, one at a time: uint8 [H, W, 3], RGB."""
    if Path(path).is_dir():
        yield from map(media.open_image, media.image_files(path))
    else:
        yield from Film.of(path).pictures()


def read_clips(path: str | Path, resize: Callable) -> Iterator[np.ndarray]:
    """A video's clips of frames as `resize` leaves them, one at a time: uint8 [16, H, W, 3]."""
    pictures = map(resize, read_frames(path))
    while len(clip := list(itertools.islice(pictures, CLIP_FRAMES))) == CLIP_FRAMES:
        yield np.stack(clip)


def frames_between(
    path: str | Path, fps: float, start: float, end: float, count: int, height: int = 108
) -> np.ndarray:
    """`count` frames at the middles of equal parts of start to end (seconds). uint8 [count, height,
    W, 3], in the video's proportions."""
    span = max(end - start, 1 / fps)
    wanted = [int((start + (i + 0.5) * span / count) * fps) for i in range(count)]

    def small(picture: np.ndarray) -> np.ndarray:
        width = round(picture.shape[1] * height / picture.shape[0])
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)

    if Path(path).is_dir():
        found = media.image_files(path)
        return np.stack([small(media.open_image(found[min(n, len(found) - 1)])) for n in wanted])
    return np.stack([*map(small, Film.of(path).pictures_at([n / fps for n in wanted]))])


# --- the descriptor of the sample videos ----------------------------------------------------------

GRID = 4  # cells per side
SMALL = (96, 64)  # width and height of the frames that are described
HUES, LEVELS, EDGES, FLOWS = 12, 5, 12, 8
SAMPLED = [0, 5, 10, 15]  # frames that colours and edges are taken from


def small_picture(picture: np.ndarray) -> np.ndarray:
    """A frame at the descriptor's size: uint8 [64, 96, 3]."""
    return cv2.resize(picture, SMALL, interpolation=cv2.INTER_AREA)


def describe_clip(clip: np.ndarray) -> np.ndarray:
    """Colours, edges and motion of a clip: uint8 RGB [16, 64, 96, 3] -> float32 [1024], 0 to 1.

    The frame is divided into 4 x 4 cells, row by row, with 64 values each:

    - from frames 0, 5, 10 and 15 together: 12 hues (weighted with saturation times value), 5 levels
      of saturation, 5 of value, as fractions of the cell; 12 directions of edges (weighted by
      strength), mean R, G and B, and how much value differs within the cell;
    - from frames 1, 6 and 11 and those before: 8 directions of motion (Farneback's optical flow,
      weighted with its length), its mean and its largest length;
    - from all frames: how much each differs from the one before (15) and how much value changes in
      time.

    Histograms and lengths are square roots, so that small amounts count too.
    """
    sample = clip[SAMPLED]
    hsv = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2HSV) for picture in sample])
    hue, saturation, value = np.moveaxis(hsv.astype(np.float32), 3, 0)
    saturation, value = saturation / 255, value / 255
    grey = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in clip])

    right, down = (
        np.stack([cv2.Sobel(g, cv2.CV_32F, *axis) for g in grey[SAMPLED]]) / 1020
        for axis in ((1, 0), (0, 1))
    )
    way = (None, 0.5, 2, 9, 2, 5, 1.1, 0)
    flow = np.stack([cv2.calcOpticalFlowFarneback(grey[i], grey[i + 1], *way) for i in SAMPLED[:3]])
    length = np.hypot(flow[..., 0], flow[..., 1]) / 8  # 8 pixels of 96 between two frames are a lot
    steps = np.abs(np.diff(grey.astype(np.float32), axis=0)) / 255

    numbers = [
        np.sqrt(_histogram(hue / 180, HUES, saturation * value)),
        np.sqrt(_histogram(np.minimum(saturation, 0.999), LEVELS)),
        np.sqrt(_histogram(np.minimum(value, 0.999), LEVELS)),
        np.sqrt(_histogram(_turn(right, down), EDGES, np.hypot(right, down))),
        np.sqrt(_histogram(_turn(flow[..., 0], flow[..., 1]), FLOWS, np.minimum(length, 1))),
        np.sqrt(np.minimum(_cells(length).mean((2, 3)).mean(0), 1))[:, None],
        np.sqrt(np.minimum(_cells(length).max((0, 2, 3)), 1))[:, None],
        np.sqrt(_cells(steps).mean((2, 3)).T),  # [16 cells, 15]
        _cells(value).std((0, 2, 3))[:, None],
        _cells(grey.astype(np.float32) / 255).mean((2, 3)).std(0)[:, None],
        np.stack([_cells(sample[..., c] / np.float32(255)).mean((0, 2, 3)) for c in range(3)], 1),
    ]
    return np.concatenate(numbers, axis=1).astype(np.float32).reshape(-1)


def _cells(pictures: np.ndarray) -> np.ndarray:
    """[N, H, W] -> [N, 16, H / 4, W / 4]."""
    N, H, W = pictures.shape
    cut = pictures.reshape(N, GRID, H // GRID, GRID, W // GRID)
    return cut.transpose(0, 1, 3, 2, 4).reshape(N, GRID**2, H // GRID, W // GRID)


def _turn(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The direction of (x, y) as a fraction of a full turn, 0 up to 1."""
    return np.mod(np.arctan2(y, x) / (2 * np.pi), 1)


def _histogram(share: np.ndarray, bins: int, weight: np.ndarray | None = None) -> np.ndarray:
    """Mean weight that falls into each bin, cell by cell: [N, H, W] of 0..1 -> [16, bins]."""
    number = np.minimum((_cells(share) * bins).astype(int), bins - 1)  # [N, 16, h, w]
    N, cells, h, w = number.shape
    place = number + bins * np.arange(cells)[None, :, None, None]
    amount = None if weight is None else _cells(weight).ravel()
    total = np.bincount(place.ravel(), amount, minlength=bins * cells)
    return (total / (N * h * w)).reshape(cells, bins)


# --- I3D ------------------------------------------------------------------------------------------


def i3d_picture(picture: np.ndarray) -> np.ndarray:
    """A frame as I3D takes it: uint8 [224, 224, 3], the middle of the frame at a height of 240.
    TSL-300's frames are stored with that height; a frame narrower than 226 then is enlarged to it,
    as the public code of I3D does."""
    H, W = picture.shape[:2]
    scale = max(240 / H, 226 / W)
    size = (max(round(W * scale), 226), max(round(H * scale), 240))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture = cv2.resize(picture, size, interpolation=way)
    top, left = (size[1] - 224) // 2, (size[0] - 224) // 2
    return picture[top : top + 224, left : left + 224]


def i3d_features(net, path: str | Path) -> np.ndarray:
    """I3D's 1,024 numbers for every clip of a video: float32 [T, 1024]. net: `jacklib.networks.I3D`
    with its weights, in evaluation mode. One clip at a time: on a laptop's CPU this takes about as
    long as the video or longer."""
    clips = read_clips(path, i3d_picture)
    return _stack([net.describe(clip.transpose(3, 0, 1, 2)) for clip in clips], path)


def picture_features(path: str | Path) -> np.ndarray:
    """The descriptor of every clip of a video: float32 [T, 1024]."""
    return _stack([describe_clip(clip) for clip in read_clips(path, small_picture)], path)


def _stack(found: list[np.ndarray], path: str | Path) -> np.ndarray:
    refuse_as("no whole clip", not found, path)
    return np.stack(found).astype(np.float32)


# --- a folder of videos ---------------------------------------------------------------------------


class FeaturesReport(NamedTuple):
    """What `extract_features` did."""

    done: int  # videos described now
    there: int  # all videos
    failed: tuple[str, ...] = ()  # what is wrong with each of the others


def extract_features(
    root: str | Path, net=None, *, threads: int = 2, progress: bool = True
) -> FeaturesReport:
    """Features of every video root/video/{train,test}/ID.mp4, in TSL-300's layout beside it.

    Writes root/features/{train,test}/{rgb,logmfcc}/ID.npy, and adds what the videos say to
    root/fps_dict.json and root/time.json. net: I3D with its weights; without it the descriptor
    stands in. Whose features they are is written to root/features/made_with.json, and features of
    both kinds are never mixed. Videos that have features are left as they are; a run that is
    stopped can be run again.

    A video that cannot be described is in the report's `failed`, and the others go on. Raises
    DataError if there is none, or features of the other kind.
    """
    root = Path(root)
    kind = DESCRIPTOR if net is None else I3D_FEATURES
    folders = [root / "video" / split for split in ("train", "test")]
    videos = [
        (folder.name, path)
        for folder in folders
        for path in media.with_ending(folder.glob("*"), media.VIDEO_ENDINGS)
    ]
    if others := media.left_out(folders, [path for _, path in videos]):
        log.warning("%s: left out: %s", root / "video", others)
    refuse_as("no videos to describe", not videos, root / "video")
    tables = _tables(root)
    if _check_kind(root, kind) and all(
        all(path.stem in table for table in tables) and _described(root, split, path.stem)
        for split, path in videos
    ):
        return FeaturesReport(0, len(videos))  # without a lock or a write
    for split, kind_folder in itertools.product(("train", "test"), ("rgb", "logmfcc")):
        files.inside(root, "features", split, kind_folder, where=root)
    with files.locked(root, "describing videos"):
        files.sweep(root, 4)
        if not _check_kind(root, kind):
            files.write_json(_kind_file(root), {"rgb": kind, "logmfcc": "log-mel spectrum"})
        return _describe(root, videos, net, 1 if net is not None else max(1, threads), progress)


def _describe(root: Path, videos: list, net, threads: int, progress: bool) -> FeaturesReport:
    tables, writing = _tables(root), Lock()
    namesakes = Counter(path.stem for _, path in videos)
    order = [name for table in tables for name in table] + list(namesakes)
    failed = []

    def numbers_of(path: Path) -> list:
        """A video's rate and length, from the tables or else the file."""
        # What an annotator has written down stays: it may be more exact than a file's head.
        found = [table.get(path.stem) for table in tables]
        if None in found:
            facts = video_facts(path)
            pairs = zip(found, (facts.fps, facts.seconds), strict=True)
            found = [number if known is None else known for known, number in pairs]
            with writing:
                for table, file, number in zip(tables, TABLES, found, strict=True):
                    table[path.stem] = number
                    # In the videos' order, whichever thread is first.
                    files.write_json(root / file, {n: table[n] for n in order if n in table})
        return found

    def one(split: str, path: Path) -> bool:
        name = path.stem
        try:
            refuse_as("videos of one name", namesakes[name] > 1, path, n=namesakes[name])
            with files.reading(path, "a name in UTF-8", "Rename the file."):
                files.file_name(name, path).encode()  # it is written into tables
            fps, _ = numbers_of(path)
            check_fps(root / TABLES[0], fps, name)
            if _described(root, split, name):
                return False
            with files.reading(path, media.WANTED, media.CURE, "what cannot be described"):
                heard = log_mel(path, fps)
                seen = picture_features(path) if net is None else i3d_features(net, path)
            for file, array in zip(_feature_files(root, split, name), (seen, heard), strict=True):
                files.write_array(file, array)
        except DataError as error:
            with writing:
                failed.append(str(error))
            return False
        return True

    # Jittor works in one thread; OpenCV and librosa let go of Python's lock.
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(one, *video) for video in videos]
        try:
            bar = tqdm(running, desc="features", unit="video", disable=not progress, leave=False)
            done = sum(job.result() for job in bar)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return FeaturesReport(done, len(videos), tuple(sorted(failed)))


def _tables(root: Path) -> list[dict]:
    return [files.read_table(root / name) for name in TABLES]


def _feature_files(root: Path, split: str, name: str) -> tuple[Path, Path]:
    return tuple(root / "features" / split / kind / f"{name}.npy" for kind in ("rgb", "logmfcc"))


def _described(root: Path, split: str, name: str) -> bool:
    """Whether a video's features are there and of the right shape."""
    found = _feature_files(root, split, name)
    try:
        shapes = [files.open_array(file, "features", "").shape for file in found]
    except DataError:
        return False
    return all(len(s) == 2 and s[0] > 0 for s in shapes) and [s[1] for s in shapes] == WIDTHS


def features_kind(root: str | Path) -> str:
    """What the image features of a folder in TSL-300's layout are; TSL-300's own are I3D's."""
    kind = files.read_table(_kind_file(Path(root))).get("rgb", I3D_FEATURES)
    return kind if isinstance(kind, str) else shown(kind)


def _kind_file(root: Path) -> Path:
    return root / "features" / "made_with.json"


def _check_kind(root: Path, kind: str) -> bool:
    """Whether features of a kind were begun. Raises DataError if they are of the other."""
    earlier = files.read_table(_kind_file(root)).get("rgb")
    if earlier not in (None, kind):
        made = features_kind(root)
        raise error_of("other features there", _kind_file(root), earlier=made, kind=kind)
    return earlier is not None
