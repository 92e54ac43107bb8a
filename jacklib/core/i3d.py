"""What I3D is made of, the same for both frameworks; imports neither."""

from jacklib.errors import refuse

# Channels of each Inception block: alone 1x1x1; 1x1x1, 3x3x3; 1x1x1, 3x3x3; pool, 1x1x1.
WIDTHS = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
# The layers in their order. Each gives for 16 frames of 224 x 224: 64 channels of 8 x 112 x 112;
# 8 x 56 x 56 and 192 of them after 2c; 8 x 28 x 28 (256, 480); from 4a 4 x 14 x 14 (480, 512, 512,
# 512, 512, 528, 832); from 5a 2 x 7 x 7 (832, 832, 1024).
END_POINTS = (
    "Conv3d_1a_7x7", "MaxPool3d_2a_3x3", "Conv3d_2b_1x1", "Conv3d_2c_3x3",
    "MaxPool3d_3a_3x3", "Mixed_3b", "Mixed_3c",
    "MaxPool3d_4a_3x3", "Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f",
    "MaxPool3d_5a_2x2", "Mixed_5b", "Mixed_5c",
)  # fmt: skip


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis so that ceil(size / stride) windows fit; the odd one after."""
    total = max(kernel - (size % stride or stride), 0)
    return total // 2, total - total // 2


def check_frames(frames) -> None:
    """Raise DataError if the last map would not be 7 x 7, or fewer than 2 frames deep."""
    shape = list(frames.shape)
    fits = len(shape) == 5 and shape[1] == 3 and shape[2] >= 9 and min(shape[3:]) >= 193
    refuse(not fits or max(shape[3:]) > 224, "frames", found=f"shape {shape}",
           wanted="[B, 3, D, H, W] with D 9 or more, H and W 193 to 224",
           cure="The last pool needs a map of 2 or more x 7 x 7. Resize and crop the frames: "
           "TSL-Net's clips are 16 frames of 224 x 224.")  # fmt: skip
