"""Which frames of a clip are taken, and how each frame is transformed.

Every random choice is drawn first, into a small frozen `TransformDraw`, and applied afterwards.
One draw serves all frames of a clip: the camera does not jump between two frames, and the draw
can be printed or shown. Values equal those of the released VAANet loader for the same draw.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance

from jacklib.errors import check_at_least, refuse_as

CROPS = ("centre", "top_left", "top_right", "bottom_left", "bottom_right")
EFFECTS = ("flip", "rotation", "brightness")
EFFECT_PROBABILITY = 0.3
LARGEST_ROTATION = 20.0  # degrees, to either side
LOWEST_BRIGHTNESS = 0.5


# --- time: which frames ---------------------------------------------------------------------------


def tsn_indices(
    n_frames: int, seq_len: int = 12, snippet_duration: int = 16,
    rng: np.random.Generator | None = None,
) -> np.ndarray:  # fmt: skip
    """Frame numbers (from 0) of temporal segment sampling: int64 [seq_len, snippet_duration].

    The list of frames is repeated from its beginning until it is `seq_len * snippet_duration`
    long, unless it already is; then it is cut into `seq_len` equal parts (what is left over at
    the end is not used) and `snippet_duration` consecutive frames are taken from each part: from
    its middle, or at a random place when `rng` is given.

    A random start never is the last one possible, as in the released loader.
    """
    check_at_least("n_frames", n_frames, 1, "Give a clip with frames.")
    check_at_least("seq_len", seq_len, 1, "VAANet uses 12, CTEN 16.")
    check_at_least("snippet_duration", snippet_duration, 1, "Both networks use 16.")
    length = max(n_frames, seq_len * snippet_duration)
    part = length // seq_len  # never shorter than snippet_duration
    if rng is None:
        starts = np.full(seq_len, part // 2 - snippet_duration // 2)
    else:
        starts = rng.integers(0, max(0, part - snippet_duration - 1), size=seq_len, endpoint=True)
    first = np.arange(seq_len) * part + starts
    return (first[:, None] + np.arange(snippet_duration)) % n_frames


# --- space: how each frame is transformed ---------------------------------------------------------


@dataclass(frozen=True)
class TransformDraw:
    """What happens to every frame of one clip.

    crop: one of CROPS; the square has the side of the frame's short side.
    resize_first: resize the whole frame, then crop (the released centred evaluation);
        False: crop and resize then (the released training). They differ by rounding only.
    effect: None or one of EFFECTS, done after cropping and resizing.
    amount: degrees counter-clockwise for "rotation", the factor for "brightness", else 0.
    """

    crop: str = "centre"
    resize_first: bool = True
    effect: str | None = None
    amount: float = 0.0


def draw_transform(
    rng: np.random.Generator | None = None, *, augment: bool = False
) -> TransformDraw:
    """Draw what happens to a clip's frames.

    rng: None gives the centred evaluation transform, without any chance.
    augment: add, with probability 0.3, exactly one of a horizontal flip, a rotation within 20
        degrees and a brightness factor between 0.5 and 1. False leaves only the random crop,
        which is what the released test scripts use.
    """
    if rng is None:
        return TransformDraw()
    # Always the same number of draws, so that a clip's crop does not depend on `augment`.
    crop = CROPS[rng.integers(len(CROPS))]
    chance = rng.random()
    effect = EFFECTS[rng.integers(len(EFFECTS))]
    angle = rng.uniform(-LARGEST_ROTATION, LARGEST_ROTATION)
    brightness = rng.uniform(LOWEST_BRIGHTNESS, 1.0)
    if not augment or chance >= EFFECT_PROBABILITY:
        return TransformDraw(crop=crop, resize_first=False)
    amount = {"flip": 0.0, "rotation": float(angle), "brightness": float(brightness)}[effect]
    return TransformDraw(crop=crop, resize_first=False, effect=effect, amount=amount)


def crop_box(width: int, height: int, side: int, crop: str) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of a square of `side` pixels at the place called `crop`. An odd
    side in the centre gives a box one pixel larger, as the released code's rounding does; Pillow
    fills what lies outside the frame with black. Frames of 240 pixels are not affected."""
    if crop == "centre":
        half = round(side / 2)
        middle_x, middle_y = round(width / 2), round(height / 2)
        return middle_x - half, middle_y - half, middle_x + half, middle_y + half
    vertical, horizontal = crop.split("_")
    left = 0 if horizontal == "left" else width - side
    top = 0 if vertical == "top" else height - side
    return left, top, left + side, top + side


def _transform_picture(picture: Image.Image, draw: TransformDraw, sample_size: int) -> Image.Image:
    width, height = picture.size
    short = min(width, height)
    if draw.resize_first:
        if short != sample_size:
            width, height = int(sample_size * width / short), int(sample_size * height / short)
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        picture = picture.crop(crop_box(width, height, sample_size, draw.crop))
    else:
        picture = picture.crop(crop_box(width, height, short, draw.crop))
    if picture.size != (sample_size, sample_size):
        picture = picture.resize((sample_size, sample_size), Image.Resampling.BILINEAR)
    if draw.effect == "flip":
        return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if draw.effect == "rotation":
        return picture.rotate(draw.amount, Image.Resampling.BILINEAR)
    if draw.effect == "brightness":
        return ImageEnhance.Brightness(picture).enhance(draw.amount)
    return picture


def apply_transform(frames: np.ndarray, draw: TransformDraw, sample_size: int = 112) -> np.ndarray:
    """Crop, resize and change frames, uint8 [N, H, W, 3], RGB; returns uint8
    [N, sample_size, sample_size, 3]."""
    frames = np.asarray(frames)
    refuse_as("frames", frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8,
              "frames", dtype=frames.dtype, shape=list(frames.shape))  # fmt: skip
    refuse_as("unknown transform", draw.crop not in CROPS or draw.effect not in (None, *EFFECTS),
              "draw", crop=draw.crop, effect=draw.effect)  # fmt: skip
    result = np.empty((len(frames), sample_size, sample_size, 3), dtype=np.uint8)
    for number, frame in enumerate(frames):
        result[number] = _transform_picture(Image.fromarray(frame), draw, sample_size)
    return result
