"""Golden numbers of the PyTorch originals: weights and inputs rebuilt from names and seeds."""

import json
import zlib
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "golden"


def weight(key: str, shape) -> np.ndarray:
    """The value that a state-dict entry had when the numbers were made."""
    z = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(tuple(shape))
    z = z.astype(np.float32)
    leaf = key.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(tuple(shape), np.int64)
    if leaf == "running_var":
        return (1 + 0.2 * np.abs(z)).astype(np.float32)
    if leaf == "weight" and len(shape) == 1:
        return (0.5 + 0.1 * z).astype(np.float32)
    if leaf == "weight":
        return (z / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    return (0.1 * z).astype(np.float32)


class Golden:
    """One network's numbers: `.facts` (json), `.arrays` (npz), `.state()`, `.input(name)`."""

    def __init__(self, name: str):
        self.facts = json.loads((FOLDER / f"{name}.json").read_text())
        self.arrays = dict(np.load(FOLDER / f"{name}.npz"))
        self.keys = json.loads((FOLDER / f"{name}.keys.json").read_text())

    def state(self) -> dict[str, np.ndarray]:
        """Every state-dict entry of the original."""
        return {key: weight(key, shape) for key, shape in self.keys.items()}

    def input(self, name: str) -> np.ndarray:
        """One input of the network, float32."""
        about = self.facts[name]
        rng = np.random.default_rng(about["seed"])
        if about["kind"] == "uint8":
            return rng.integers(0, 256, about["shape"]).astype(np.float32)
        if about["kind"] == "abs(normal)":
            return np.abs(rng.standard_normal(about["shape"])).astype(np.float32)
        if about["kind"] == "(normal*15-30+50)/80":
            return ((rng.standard_normal(about["shape"]) * 15 - 30 + 50) / 80).astype(np.float32)
        scale = float(about["kind"].partition("*")[2] or 1)
        return (rng.standard_normal(about["shape"]) * scale).astype(np.float32)


def point_labels(T: int, C: int, points) -> np.ndarray:
    """[T, C]: at each (clip, class) 0.9 for the class and 0.1 for the others, elsewhere 0."""
    marks = np.zeros((T, C), np.float32)
    for clip, label in points:
        marks[clip] = 0.1
        marks[clip, label] = 0.9
    return marks
