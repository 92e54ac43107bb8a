"""One clock for a film: every reader of its pictures and of its sound goes by these times.

Time 0 is when the first picture appears, whenever that is in the file. Pictures are upright. Sound
is laid on the same times: what comes before the first picture or after the last is left out, what
is missing (a late beginning, a gap, damaged packets, an early end) is silence. Clocks that jump, as
in recordings of streams, are closed. A film whose rate varies is read at 30 frames per second. What
was left out or filled is said once, with its length.
"""

import functools
import itertools
import math
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from jacklib.data import media
from jacklib.errors import logger
from jacklib.files import reading

# Says something of a file, once.
_say = functools.lru_cache(1000)(functools.partial(logger(__name__).warning, "%s: %s"))

VARIABLE_FPS = 30  # at which a film of a varying rate is read
RATES = (1, 240)  # frames per second of a film that networks see
SLACK = Fraction(1, 10)  # seconds that sound and picture may end apart, as they nearly always do
STEP = Fraction(1, 20)  # seconds by which times of sound may be off
STRAIGHT = 1  # frames that a constant rate's times may lie off a straight line


def scaled_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """(width, height) with the short side at `short_side`, larger or smaller than before."""
    short = min(width, height)
    # Half up, as ffmpeg's scale=-1:240 rounds.
    return tuple((2 * side * short_side + short) // (2 * short) for side in (width, height))


class Jump(NamedTuple):
    """Where the file's clock jumps, in its seconds, and by how much. before: what is later than
    this comes after a jump forward; None for one back."""

    before: Fraction | None
    by: Fraction


class _Clock:
    """The film's time of a stream's times, which are given one after another."""

    def __init__(self, zero: Fraction, jumps: tuple[Jump, ...]):
        self.zero, self.left, self.last = zero, deque(jumps), None

    def __call__(self, time: Fraction) -> Fraction:
        while self.left:
            before, by = self.left[0]
            back = self.last is not None and time < self.last + by / 2
            if not (back if before is None else time > before):
                break
            self.zero += self.left.popleft().by
        self.last = time
        return time - self.zero


@dataclass(frozen=True)
class Film:
    """A video file, or one of sound alone, by the times of its packets. `Film.of` makes one."""

    path: Path
    fps: Fraction  # frames per second; VARIABLE_FPS where the rate varies
    n_frames: int  # at that rate
    seconds: Fraction  # that the pictures last; 0 without pictures
    pace: Fraction | None  # pictures per second by their own times; None where the rate varies
    zero: Fraction  # the first picture's time in the file, without pictures the first sound's
    jumps: tuple[Jump, ...]

    @classmethod
    def of(cls, path: str | Path) -> "Film":
        """Read the times of a file's packets; nothing is decoded. Raises DataError, naming the
        file, if it has no video, or one longer than a day."""
        path = Path(os.path.realpath(path))  # of a link, messages name the file
        with media.opened(path) as container:
            stream = media.picture_stream(path, container)
            rate = media.frame_rate(stream)
            times, zero, jumps, end = _times(path, container, stream, rate)
            count = len(times) or stream.frames
            if not times:  # a raw stream, without times
                count = count or sum(1 for _ in media.decoded(path, container, stream))
        media.refuse_media(not count, path, "no picture in it")
        fps, pace = rate or Fraction(VARIABLE_FPS), rate
        seconds = Fraction(count) / fps
        if len(times) > 2:
            pace = (len(times) - 1) / times[-1] if times[-1] else Fraction(0)
            numbers = np.array([float(time * pace) for time in times])
            if np.abs(numbers - np.arange(len(times))).max() > STRAIGHT:
                pace, fps, seconds = None, Fraction(VARIABLE_FPS), end
                count = math.ceil(end * fps)
                _say(path, f"its frame rate varies: read at {VARIABLE_FPS} frames per second")
        media.check_length(path, seconds)
        for jump in jumps:
            _say(path, f"its clock jumps by {_length(jump.by)}: closed")
        return cls(path, fps, count, seconds, pace, zero, jumps)

    # --- pictures ---------------------------------------------------------------------------------

    def timed(self, container, stream) -> Iterator[tuple[Fraction, av.VideoFrame]]:
        """Decoded pictures with their times."""
        clock = _Clock(self.zero, self.jumps)
        for number, frame in enumerate(media.decoded(self.path, container, stream)):
            time = number / self.fps
            if frame.pts is not None:
                time = clock(frame.pts * Fraction(frame.time_base))
            if time >= -1 / self.fps:  # what was stored from before the beginning
                yield time, frame

    def pictures(self, fps: int | None = None, short_side: int = 0) -> Iterator[np.ndarray]:
        """The film's pictures: uint8 [H, W, 3], RGB, upright, one after another.

        fps: as many per second, number n being on the screen n / fps seconds after the first:
        pictures are repeated or left out, never mixed. Default: each as it was stored, if the rate
        is constant. short_side: pixels; 0 as stored.

        Raises DataError if nothing can be decoded, or a picture would have to stay for over a
        minute.
        """
        # As it was stored; one that cannot be decoded is replaced by the one before.
        as_stored = fps is None and self.pace is not None
        rate = self.pace if as_stored else Fraction(fps or self.fps)
        given, previous, time, length = 0, None, Fraction(0), 1 / self.fps

        def missing(time: Fraction, off: Fraction) -> range:
            """How often the previous picture is shown until `time`."""
            count = math.ceil(time * rate - off) - given
            found = f"a picture that stays from {float(given / rate):.1f} s to {float(time):.1f} s"
            long = count > media.MOST.picture_seconds * rate
            media.refuse_media(long, self.path, found, "times without such gaps")
            return range(count)

        with media.opened(self.path) as container:
            stream = media.picture_stream(self.path, container)
            # Times are rounded to the file's unit: half a unit late is in time.
            off = Fraction(stream.time_base or 0) / 2 * rate
            off = off if off < Fraction(1, 4) else Fraction(0)
            for time, frame in self.timed(container, stream):
                if previous is not None:
                    again = missing(time, Fraction(3, 2) if as_stored else off)
                    given += len(again)
                    yield from itertools.repeat(previous, len(again))
                given += as_stored
                previous = self.upright(frame, short_side)
                if as_stored:
                    yield previous
                elif frame.duration and frame.time_base:
                    length = frame.duration * Fraction(frame.time_base)
        media.refuse_media(previous is None, self.path, "no picture that can be decoded")
        if not as_stored:
            yield from itertools.repeat(previous, max(given == 0, len(missing(time + length, off))))

    def upright(self, frame: av.VideoFrame, short_side: int = 0) -> np.ndarray:
        """A decoded picture as a viewer sees it: turned as a phone's orientation mark says."""
        width, height = frame.width, frame.height
        short, long = sorted((width, height))
        # Scaled to a usual height, it would take gigabytes.
        media.refuse_media(long > 20 * short, self.path, f"pictures of {width} x {height}",
                           "usual proportions")  # fmt: skip
        if short_side:
            width, height = scaled_size(width, height, short_side)
        picture = media.as_picture(self.path, frame, width, height)
        # PyAV before 14 does not tell the orientation; its pictures stay as they are stored.
        return np.ascontiguousarray(np.rot90(picture, round(getattr(frame, "rotation", 0) / 90)))

    def pictures_at(self, times: list[float]) -> Iterator[np.ndarray]:
        """The picture that is on the screen at each of these rising times; beyond the end the last.
        Only the part of the film that is asked for is decoded."""
        times, previous = deque(map(Fraction, times)), None
        with media.opened(self.path) as container:
            stream = media.picture_stream(self.path, container)
            if not self.jumps:  # lands on a key frame before
                start = max(int((times[0] + self.zero - 1) * av.time_base), 0)
                with reading(self.path, media.WANTED, media.CURE, "no place to start from"):
                    container.seek(start)
            for time, frame in self.timed(container, stream):
                while times and times[0] < time - 1 / self.fps / 4:  # times are rounded
                    yield self.upright(previous or frame)
                    times.popleft()
                if not times:
                    return
                previous = frame
        found = f"no picture from {float(times[0]):.1f} s on"
        media.refuse_media(previous is None, self.path, found)
        yield from itertools.repeat(self.upright(previous), len(times))

    # --- sound ------------------------------------------------------------------------------------

    def sound(self, container, stream) -> Iterator[av.AudioFrame]:
        """The decoded sound on the film's clock."""
        clock = _Clock(self.zero, self.jumps)
        done = filled = early = Fraction(0)  # seconds
        frame = None
        for frame in media.decoded(self.path, container, stream):
            begin = done
            if frame.pts is not None and frame.time_base:
                begin = clock(frame.pts * Fraction(frame.time_base))
            if done >= self.seconds + SLACK:
                end = stream.duration and stream.duration * stream.time_base - self.zero
                rest = f": {_length(end - done)}" if end and end - done > SLACK else ""
                _say(self.path, f"sound after the last picture left out{rest}")
                break
            if begin < -STEP and not done:
                first = min(frame.samples, round(-begin * frame.sample_rate))
                early = max(early, -begin)
                frame = _part(frame, first)
                if frame is None:
                    continue
            elif begin - done > STEP:
                gap = min(begin, self.seconds + SLACK) - done
                yield from _silence(frame, gap)
                done, filled = done + gap, filled + gap
            yield frame
            done += Fraction(frame.samples, frame.sample_rate or 1)
        if frame is not None and done < self.seconds - SLACK:
            yield from _silence(frame, self.seconds - done)
            filled += self.seconds - done
        if early:
            _say(self.path, f"sound before the first picture left out: {_length(early)}")
        if filled:
            _say(self.path, f"silence where it has no sound: {_length(filled)}")


def _times(path: Path, container, stream, rate: Fraction | None):
    """(rising times from 0, the first one's time in the file, jumps, the end)."""
    usual = 1 / Fraction(rate or VARIABLE_FPS)
    pieces: list[list] = []  # of packets, whose clock runs on: (time, duration)
    last = None
    for packet in media.packets(path, container, stream, "data that cannot be read"):
        if packet.pts is None or not packet.time_base or packet.is_discard:
            continue
        if not pieces and not packet.is_keyframe:
            continue  # cannot be decoded
        order = None if packet.dts is None else packet.dts * packet.time_base
        if not pieces or (None not in (last, order) and order < last - usual):
            pieces.append([])  # packets are decoded in this order: the clock was set back
        last = order
        length = min((packet.duration or 0) * packet.time_base or usual, media.MOST.picture_seconds)
        pieces[-1].append((packet.pts * packet.time_base, length))
    if not pieces:
        return [], Fraction(0), (), Fraction(0)
    zero = shift = pieces[0][0][0]
    times, jumps, end = [], [], Fraction(0)
    for piece in pieces:
        for number, (time, length) in enumerate(sorted(piece)):
            if time < zero and piece is pieces[0]:
                continue  # of before the first key frame
            by = time - shift - end  # later than the picture before it ends
            set_back = number == 0 and times
            if set_back or by > media.MOST.picture_seconds:
                jumps.append(Jump(None if set_back else time - by / 2, by))
                shift += by
            times.append(time - shift)
            end = max(end, times[-1] + length)
    return times, zero, tuple(jumps), end


def _silence(like: av.AudioFrame, seconds: Fraction) -> Iterator[av.AudioFrame]:
    """Silent sound in the format of a frame, in pieces of a second at most."""
    left = round(seconds * like.sample_rate)
    # Unsigned samples rest in the middle of their range.
    rest = b"\x80" if like.format.name.startswith("u8") else b"\0"
    while left > 0:
        count = min(left, like.sample_rate)
        silent = av.AudioFrame(like.format.name, like.layout.name, count)
        silent.sample_rate = like.sample_rate
        for plane in silent.planes:
            plane.update(rest * plane.buffer_size)
        yield silent
        left -= count


def _part(frame: av.AudioFrame, first: int) -> av.AudioFrame | None:
    """A frame of sound without its first samples."""
    if first >= frame.samples:
        return None
    width = 1 if frame.format.is_planar else len(frame.layout.channels)
    array = np.ascontiguousarray(frame.to_ndarray()[:, first * width :])
    part = av.AudioFrame.from_ndarray(array, frame.format.name, frame.layout.name)
    part.sample_rate = frame.sample_rate
    return part


def _length(seconds: Fraction) -> str:
    number = float(seconds)
    return f"{number:.1f} s" if abs(number) < 600 else f"{number / 3600:.1f} hours"
