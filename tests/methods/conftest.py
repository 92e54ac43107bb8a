"""Data of several files of tests."""

import json

import numpy as np
import pytest

from jacklib.samples import styled_gaits


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A folder as `prepare gait` makes it, of some sample gaits."""
    folder, made = tmp_path_factory.mktemp("few"), styled_gaits(progress=False)
    names = json.loads((made / "gait.json").read_text())
    for split, step in (("train", 20), ("test", 16)):
        for part in ("joint", "movement", "affective", "label"):
            array = np.load(made / f"{split}_{part}.npy")
            np.save(folder / f"{split}_{part}.npy", array[::step])
        names[split] = names[split][::step]
    (folder / "gait.json").write_text(json.dumps(names))
    return folder
