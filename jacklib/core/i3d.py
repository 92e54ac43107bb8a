"""What I3D is made of, the same for both frameworks; imports neither."""

import json
from pathlib import Path

from jacklib.errors import refuse_as

_TABLE = json.loads(Path(__file__).with_name("i3d.json").read_text("utf-8"))
# Channels of each Inception block: alone 1x1x1; 1x1x1, 3x3x3; 1x1x1, 3x3x3; pool, 1x1x1.
WIDTHS = {block: tuple(widths) for block, widths in _TABLE["widths"].items()}
# The layers in their order. The file has what each gives for 16 frames of 224 x 224.
END_POINTS = tuple(_TABLE["end points"])


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis so that ceil(size / stride) windows fit; the odd one after."""
    total = max(kernel - (size % stride or stride), 0)
    return total // 2, total - total // 2


def check_frames(frames) -> None:
    """Raise DataError if the last map would not be 7 x 7, or fewer than 2 frames deep."""
    shape = list(frames.shape)
    fits = len(shape) == 5 and shape[1] == 3 and shape[2] >= 9 and min(shape[3:]) >= 193
    refuse_as("frames for I3D", not fits or max(shape[3:]) > 224, "frames", shape=shape)
