"""The one place that opens a stranger's video, sound or picture.

`opened`, `picture_stream`, `sound_stream`, `decoded` and `as_picture` for video and sound with
PyAV, `open_image` for pictures with Pillow. Only containers that hold their pictures and sound
themselves are opened: a playlist could name any file or address. What a header says is checked
before memory is taken, and whatever a library raises becomes one DataError that names the file.
"""

import io
import math
import os
import re
import wave
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import yaml
from PIL import Image

from jacklib.errors import DataError, logger, plain, refuse, shown
from jacklib.files import check_file, reading

log = logger(__name__)

_TABLE = yaml.safe_load(Path(__file__).with_name("media.yaml").read_text("utf-8"))
VIDEO_ENDINGS, IMAGE_ENDINGS, SOUND_ENDINGS, FORMATS = map(tuple, _TABLE["opened"].values())
WANTED = "a video or sound file that can be decoded"
CURE = "Try whether it plays; convert it to mp4 or download it again, or leave it out."

MOST = SimpleNamespace(**_TABLE["most"])  # what is read; why so much, media.yaml says
LONGEST = MOST.seconds


def bad_media(path: str | Path, found: str, wanted: str = WANTED) -> DataError:
    """The error for a video or sound file that cannot be used."""
    return DataError(path, found=found, wanted=wanted, cure=CURE)


def refuse_media(bad: object, path: str | Path, found: str, wanted: str = WANTED) -> None:
    """Raise that error if something is bad."""
    refuse(bad, path, found=found, wanted=wanted, cure=CURE)


@contextmanager
def opened(path: str | Path) -> Iterator[av.container.InputContainer]:
    """A video or sound file, opened with PyAV. Raises DataError, naming the file."""
    path = check_file(path, "a video or sound file", "Check the path.")
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(FORMATS),
        "max_pixels": str(MOST.pixels),  # for the pictures that are decoded to find out their kind
    }
    with reading(path, WANTED, CURE, "data that cannot be decoded"):
        # "file:", so that a name such as `concat:a|b` or `-` is only ever a name.
        container = av.open(f"file:{os.path.abspath(path)}", "r", options=options,
                            metadata_errors="replace")  # fmt: skip
    with container:
        yield container


def check_length(path: str | Path, seconds: float) -> None:
    """Raise DataError if a file cannot be so long."""
    hours = f"a length of {float(seconds) / 3600:.0f} hours"
    refuse_media(seconds > MOST.seconds, path, hours, f"at most {MOST.seconds // 3600} hours")


def moving_pictures(container) -> list:
    """A file's streams of pictures but those of one, the cover of a sound file."""
    covers = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & covers]


def picture_stream(path: str | Path, container) -> av.video.stream.VideoStream:
    """A file's first stream of pictures, of a size and rate that can be. Raises DataError."""
    streams = moving_pictures(container)
    refuse_media(not streams, path, "no video in it")
    stream = streams[0]
    refuse_media(stream.codec_context is None, path, "pictures in a format that is not known here")
    refuse_media(stream.width * stream.height > MOST.pixels, path,
                 f"pictures of {stream.width} x {stream.height}",
                 f"at most {MOST.pixels} pixels (8192 x 4320)")  # fmt: skip
    rate = frame_rate(stream)
    if rate is not None and not MOST.frame_rates[0] <= rate <= MOST.frame_rates[1]:
        raise bad_media(path, f"{float(rate):.3g} frames per second", "1 to 1000")
    stream.codec_context.options = {"max_pixels": str(MOST.pixels)}
    stream.thread_type = "AUTO"
    return stream


def frame_rate(stream) -> Fraction | None:
    """Frames per second, as the file says; None where it does not say."""
    return stream.average_rate or stream.guessed_rate or None


def sound_stream(path: str | Path, container) -> av.audio.stream.AudioStream | None:
    """A file's first stream of sound, with channels and a rate that can be; None without one.
    Raises DataError."""
    if not container.streams.audio:
        return None
    stream = container.streams.audio[0]
    refuse_media(stream.codec_context is None, path, "sound in a format that is not known here")
    # An unknown number, 0, is known after the first packet.
    check_sound(path, stream.codec_context.sample_rate or 8000, stream.codec_context.channels or 1)
    stream.thread_type = "AUTO"
    return stream


def check_sound(path: str | Path, rate: int, channels: int, samples: int = 0) -> None:
    """Raise DataError if rate (per second), channels or samples (of all channels that are held
    in memory) cannot be."""
    low, high = MOST.sample_rates
    refuse_media(not low <= rate <= high, path, f"{rate} samples per second", f"{low} to {high}")
    refuse_media(not 1 <= channels <= MOST.channels, path, f"{channels} channels of sound",
                 f"1 to {MOST.channels}")  # fmt: skip
    if samples and samples > (most := most_samples(path)):
        raise bad_media(path, f"{shown(samples)} samples of sound", f"at most {most}")


def most_samples(path: str | Path) -> int:
    """How many samples of a file's sound are held in memory."""
    return min(MOST.samples, max(MOST.few_samples, MOST.samples_per_byte * os.path.getsize(path)))


def packets(path: str | Path, container, stream, found: str) -> Iterator:
    """A stream's packets. Raises DataError, with `found`, where they cannot be read."""
    packets = container.demux(stream)
    while True:
        with reading(path, WANTED, CURE, found):
            packet = next(packets, None)
        if packet is None:
            return
        yield packet


def decoded(path: str | Path, container, stream) -> Iterator:
    """Decoded frames of a stream. Damaged packets are left out with a warning, as ffmpeg does.
    Raises DataError if nothing can be decoded."""
    damaged, given = 0, 0
    for packet in packets(path, container, stream, "data that cannot be decoded"):
        try:
            if "jpeg" in packet.stream.codec_context.name:
                check_scans(bytes(packet))
            frames = packet.decode()
        except MemoryError as error:
            raise bad_media(path, f"{stream.type} that takes more memory than there is") from error
        except Exception:  # FFmpeg's errors, and PyAV's own ValueErrors over odd frames
            damaged += 1
            continue
        given += len(frames)
        yield from frames
    refuse_media(damaged and not given, path, f"{stream.type} of which nothing can be decoded")
    if damaged:
        log.warning("%s: %d damaged pieces of %s left out", path, damaged, stream.type)


def as_picture(path: str | Path, frame, width: int = 0, height: int = 0) -> np.ndarray:
    """A decoded frame as uint8 [H, W, 3], RGB; scaled where a size is given. Raises DataError."""
    width, height = width or frame.width, height or frame.height
    refuse_media(width * height > MOST.pixels or max(width, height) > MOST.side, path,
                 f"pictures of {frame.width} x {frame.height}", "usual proportions")  # fmt: skip
    with reading(path, WANTED, CURE, "a picture that cannot be converted"):
        return frame.reformat(width, height, "rgb24", interpolation="BICUBIC").to_ndarray()


def resampled(path: str | Path, frames: Iterator, **wanted) -> Iterator[av.AudioFrame]:
    """Frames of sound in one format, also where layout or rate change within the file. wanted: of
    `av.AudioResampler`; layout and rate are the first frame's unless given."""
    kind, resampler = None, None
    for frame in frames:
        with reading(path, WANTED, CURE, "sound that cannot be converted"):
            check_sound(path, frame.sample_rate, len(frame.layout.channels))
            frame.pts = None  # samples are counted; times with gaps would confuse it
            wanted = {"layout": frame.layout, "rate": frame.sample_rate} | wanted
            pieces, previous = [], kind
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if kind != previous:
                pieces += resampler.resample(None) if resampler else []
                resampler = av.AudioResampler(**wanted)
            pieces += resampler.resample(frame)
        yield from pieces
    if resampler:
        with reading(path, WANTED, CURE, "sound that cannot be converted"):
            pieces = resampler.resample(None)
        yield from pieces


def check_scans(jpeg: bytes) -> None:
    """Raise ValueError if a JPEG is drawn too often."""
    if jpeg.count(b"\xff\xda") > MOST.scans:
        raise ValueError(f"more than {MOST.scans} scans")


def open_image(path: str | Path) -> np.ndarray:
    """A picture file as uint8 [H, W, 3], RGB. Raises DataError, naming the file. With Pillow, as
    the released loader: OpenCV fills a truncated file with grey and says nothing."""
    path = os.path.realpath(path)  # of a link, messages name the file
    wanted = "a whole picture file, of at most 8192 x 4320 pixels"
    cure = "Take another; of a prepared clip, delete the folder and prepare the video again."
    check_file(path, wanted, cure, MOST.picture_bytes)
    with reading(path, wanted, cure, "a picture that cannot be read"):
        # Only what frames are stored as; others of Pillow's readers start programs (EPS).
        data = Path(path).read_bytes()
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP", "BMP")) as picture:
            if math.prod(picture.size) > MOST.pixels:
                raise ValueError(f"{picture.width} x {picture.height} pixels")
            if picture.format == "JPEG":
                check_scans(data)
            return np.asarray(picture.convert("RGB"))


def natural_order(name: str) -> list:
    """A sort key under which "2_x" comes before "10_x"."""
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part)
            for part in re.split(r"(\d+)", name) if part]  # fmt: skip


def with_ending(paths: Iterable[Path], endings: Collection[str]) -> list[Path]:
    """The files among a folder's that end so and are not hidden, by name."""
    return sorted(p for p in paths if p.suffix.lower() in endings and not p.name.startswith("."))


def left_out(folders: Iterable[Path], taken: Iterable[Path]) -> str:
    """What else is in some folders, such as "3 files (.txt, .xyz)"; "" where there is nothing."""
    others = {p for one in folders for p in one.glob("[!.]*")}.difference(folders, taken)
    kinds = sorted({"folder" if p.is_dir() else p.suffix.lower() or "no ending" for p in others})
    said = f"{len(others)} file{'s' * (len(others) > 1)} ({plain(', '.join(kinds))})"
    return said if others else ""


def image_files(folder: str | Path) -> list[Path]:
    """The images in a folder, in the natural order of their names ("2" before "10"). Raises
    DataError if there is none."""
    wanted, cure = f"frames: {', '.join(IMAGE_ENDINGS)}", "Name the folder that holds the frames."
    with reading(folder, wanted, cure, "a folder that cannot be read"):
        found = with_ending(Path(folder).iterdir(), IMAGE_ENDINGS)
    refuse(not found, folder, found="no image", wanted=wanted, cure=cure)
    return sorted(found, key=lambda path: natural_order(path.name))


def write_silence(path: str | Path, seconds: float) -> None:
    """Write a wav file of silence, whatever its name ends in."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(2 * max(1, round(16000 * seconds))))


def sound_beside(folder: str | Path) -> Path | None:
    """The sound of a folder of frames: the only sound file in it, else one of its name beside it or
    where VE8's layout has it (img/CLASS/ID, mp3/CLASS/ID.mp3); None without."""
    folder = Path(folder).resolve()
    inside = with_ending(folder.iterdir(), SOUND_ENDINGS)
    if len(inside) == 1:
        return inside[0]
    named = [folder.parent / f"{folder.name}{ending}" for ending in SOUND_ENDINGS]
    sounds = folder.parent.parent.parent / "mp3"
    named.append(sounds / folder.parent.name / f"{folder.name}.mp3")
    return next((path for path in named if path.is_file()), None)
