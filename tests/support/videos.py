"""Small videos that tests write."""

from fractions import Fraction

import av
import numpy as np


def write_video(
    path,
    levels,
    *,
    fps=30,
    size=(64, 48),
    tone=None,
    times=None,
    rotation=0,
    begin=0,
    sound_begin=0,
):
    """A video of grey pictures with the given levels; `tone` seconds of a 440 Hz sound.

    times: moments of the pictures in milliseconds, instead of `fps`. begin, sound_begin: seconds at
    which pictures and sound begin.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libvpx" if path.suffix == ".webm" else "mpeg4", rate=fps)
        picture.width, picture.height, picture.pix_fmt = *size, "yuv420p"
        picture.bit_rate = 2_000_000
        if rotation:
            picture.set_display_rotation(rotation)
        if times:
            picture.codec_context.time_base = Fraction(1, 1000)
        if tone:
            codec = "libvorbis" if path.suffix == ".webm" else "aac"
            sound = container.add_stream(codec, rate=44100, layout="mono")
        for number, level in enumerate(levels):
            content = np.full((size[1], size[0], 3), level, np.uint8)
            content[: size[1] // 4] = 255  # a white band on top, to see orientation
            frame = av.VideoFrame.from_ndarray(content, format="rgb24")
            if times:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            elif begin:
                frame.pts, frame.time_base = number + round(begin * fps), 1 / Fraction(fps)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        if tone:
            wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(tone * 44100)) / 44100)
            for start in range(0, len(wave) - 1023, 1024):
                block = wave[None, start : start + 1024].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                frame.sample_rate = 44100
                frame.pts, frame.time_base = start + sound_begin * 44100, Fraction(1, 44100)
                container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path
