"""What the golden numbers of small networks and of I3D were made with; see `golden_numbers`."""

import zlib

import numpy as np

from jacklib.measure.golden_numbers import point_labels, weight


def tsl_inputs(seed: int, case: dict) -> dict[str, np.ndarray]:
    """What one case of tsl_small.npz gives to TSL-Net and its loss."""
    rng, options = np.random.default_rng(seed), case["network"]
    B, T, C = case["videos"], case["clips"], options["num_classes"]
    rgb = np.abs(rng.standard_normal((B, T, options["rgb_size"])))
    logmel = (rng.standard_normal((B, T, 32, 60)) * 15 + 20) / 80
    points, shares = [], []
    for _ in range(B):
        clips = rng.choice(T, case["points"], replace=False)
        classes = rng.integers(0, C, len(clips))
        points.append(point_labels(T, C, zip(clips, classes, strict=True)))
        shares.append(np.bincount(classes, minlength=C) / len(classes))
    shares = np.float32(shares)
    found = {"rgb": rgb.astype(np.float32), "logmel": logmel.astype(np.float32)}
    return found | {
        "labels": np.float32(shares > 0), "label_distribution": shares, "points": np.stack(points)
    }  # fmt: skip


def bpm_gcn_inputs(seed: int, case: dict) -> dict[str, np.ndarray]:
    """What one case of bpm_gcn_small.npz gives to BPM-GCN and its loss."""
    rng, options = np.random.default_rng(seed), case["network"]
    N, T = case["gaits"], options["frames"]
    posture, movement = (rng.standard_normal((N, C, T, 16, 1)) for C in (3, 8))
    affective = rng.standard_normal((N, options["n_features"] * T))
    found = {"posture": posture, "movement": 0.3 * movement, "affective_target": affective}
    found = {name: array.astype(np.float32) for name, array in found.items()}
    return found | {"labels": rng.integers(0, options["n_classes"], N)}


def i3d_weight(key: str, shape) -> np.ndarray:
    """As `weight`, but three times as large in I3D's convolutions.

    With `weight` each ReLU leaves a third of what differs between two clips: of 20 layers, nothing.
    """
    value = weight(key, shape)
    return value * np.float32(3) if len(shape) == 5 and "logits" not in key else value


def i3d_frames(seed: int, shape) -> np.ndarray:
    """Bytes [B, 3, D, H, W]: blocks of 4 frames and 28 x 28 pixels under noise of a third of it."""
    rng, blocks = np.random.default_rng(seed), (1, 1, 4, 28, 28)
    picture = rng.integers(0, 256, [-(-n // k) for n, k in zip(shape, blocks, strict=True)])
    for axis, k in enumerate(blocks):
        picture = picture.repeat(k, axis)
    picture = picture[tuple(map(slice, shape))]
    return ((3 * picture + rng.integers(0, 256, shape)) // 4).astype(np.uint8)


def summary(name: str, array: np.ndarray) -> dict:
    """What is stored of a large array: shape, mean, root mean square, largest, 32 values.

    The values' places come from the name.
    """
    flat = array.astype(np.float64).ravel()
    places = np.random.default_rng(zlib.crc32(name.encode())).integers(0, flat.size, 32)
    return {
        "shape": list(array.shape),
        "mean": float(flat.mean()),
        "rms": float(np.sqrt(np.square(flat).mean())),
        "largest": float(np.abs(flat).max()),
        "values": flat[places].tolist(),
    }


def error(got, wanted) -> float:
    """Largest difference, relative to the largest absolute value wanted."""
    got, wanted = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
    assert got.shape == wanted.shape, f"found shape {got.shape}, wanted {wanted.shape}"
    return float(np.abs(got - wanted).max() / (np.abs(wanted).max() or 1.0))
