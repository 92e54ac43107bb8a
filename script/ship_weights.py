"""The classroom weights that ship: `bash script/run.sh weights`.

Each network is trained as its `main` does without options (seed 0), on the samples; its best
weights become data_samples/weights/NETWORK.safetensors, in float16 if the answers stay the same.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from jacklib.backend.processes import run_child
from jacklib.cli.run import guarded
from jacklib.data.tsl300 import UntrimmedVideos
from jacklib.errors import DataError, TrainingError
from jacklib.files import whole_file, write_text
from jacklib.methods import cten, doubt, gait, tsl, vaanet
from jacklib.methods.answer import measured
from jacklib.methods.checkpoints import shipped_weights
from jacklib.methods.front import CLASSROOM_DATA, METHODS, load, network_key
from jacklib.samples import rendered_clips, rendered_untrimmed, samples_folder
from jacklib.weights.checkpoint import read_checkpoint, read_weights

# What the weights in float16 are tried on: their probabilities may move by so much.
TOLERANCE = 1e-2
TRIED_ON = {
    "vaanet": "film/video/Joy/bbb_0120.mp4",
    "cten": "film/video/Joy/bbb_0120.mp4",
    "tsl": "untrimmed_film/video/test/bbb_0201.mp4",
    "gait": "gait/walks/deepmimic_walk.csv",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("networks", nargs="*", metavar="NETWORK", default=list(METHODS),
        help="default: all four")  # fmt: skip
    parser.add_argument("--trained", help="a folder that has NAME/best.pth of such trainings")


def main(args: argparse.Namespace) -> int:
    """Train, convert and write; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="jack-weights-") as folder:
        for network in map(network_key, args.networks or METHODS):
            name = METHODS[network].NAME
            results = Path(args.trained or folder) / name
            if not args.trained:
                words = ["-m", "jacklib", name, "main", "--seed", "0", "--result_path", results]
                if run_child(list(map(str, words))).returncode:
                    raise TrainingError(f"{name} main failed: see above.")
            path, largest = ship(network, results / "best.pth")
            fit(network, path)
            sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
                    for file in sorted(path.parent.glob("*.safetensors"))]  # fmt: skip
            write_text(path.parent / "SHA256SUMS", "".join(sums))
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, answers moved by {largest:.1g}")
    return 0


def ship(network: str, trained: Path) -> tuple[Path, float]:
    """Write the weights of a training as those that ship; returns the file, and how much float16
    moves the probabilities at most."""
    from safetensors.numpy import save_file

    file, score = read_checkpoint(trained), measured(trained)
    if score is None:
        raise DataError(str(trained), found="no log.csv beside it that can be read",
                        wanted="the training's", cure="Train anew.")  # fmt: skip
    options = file.options | {"score": score[1], "seed": 0, "trained_on": CLASSROOM_DATA[network]}
    arrays, path = read_weights(file), shipped_weights(METHODS[network].NAME)
    source = samples_folder() / TRIED_ON[network]
    exact = load(trained, network=network).predict(source).probabilities
    for kind in (np.float16, np.float32):
        with whole_file(path) as part:
            kept = {name: array.astype(kind) for name, array in arrays.items()}
            save_file(kept, part, {"options": json.dumps(options)})
            part.chmod(0o644)  # safetensors makes it for its owner alone
        moved = load(path).predict(source).probabilities
        largest = max(abs(exact[name] - moved[name]) for name in exact)
        if largest <= TOLERANCE:
            break
    return path, largest


def sample_data(network: str, config: Any) -> list:
    """What the classroom weights of a network were trained on, and what was held out."""
    if network == "tsl":
        return [UntrimmedVideos(rendered_untrimmed(), subset) for subset in ("train", "test")]
    if network == "gait":
        return [gait.open_gaits(split) for split in ("train", "test")]
    open_clips, paths = METHODS[network].open_clips, rendered_clips()
    return [open_clips(config, paths, subset) for subset in ("training", "validation")]


TESTS = {
    "vaanet": vaanet.METHOD.test, "cten": cten.METHOD.test, "tsl": tsl.rate, "gait": gait.test
}  # fmt: skip


def fit(network: str, path: Path) -> None:
    """Write what `methods.doubt` fits on the sample data beside weights that ship."""
    data = sample_data(network, load(path).config)
    doubt.fit_beside(path, lambda _: load(path).net, network, TESTS[network], *data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="bash script/run.sh weights", description="Make the weights that ship."
    )
    add_arguments(parser)
    sys.exit(guarded(lambda: main(parser.parse_args())))
