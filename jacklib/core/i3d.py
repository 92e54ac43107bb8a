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
# The layers in their order, and what each gives for 16 frames of 224 x 224: [B, channels, ...].
END_POINTS = (
    "Conv3d_1a_7x7",  # 64, 8, 112, 112
    "MaxPool3d_2a_3x3",  # 64, 8, 56, 56
    "Conv3d_2b_1x1",  # 64, 8, 56, 56
    "Conv3d_2c_3x3",  # 192, 8, 56, 56
    "MaxPool3d_3a_3x3",  # 192, 8, 28, 28
    "Mixed_3b",  # 256, 8, 28, 28
    "Mixed_3c",  # 480, 8, 28, 28
    "MaxPool3d_4a_3x3",  # 480, 4, 14, 14
    "Mixed_4b",  # 512, 4, 14, 14
    "Mixed_4c",  # 512, 4, 14, 14
    "Mixed_4d",  # 512, 4, 14, 14
    "Mixed_4e",  # 528, 4, 14, 14
    "Mixed_4f",  # 832, 4, 14, 14
    "MaxPool3d_5a_2x2",  # 832, 2, 7, 7
    "Mixed_5b",  # 832, 2, 7, 7
    "Mixed_5c",  # 1024, 2, 7, 7
)


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
