"""Training in two processes is training in one: losses, weights, files; and a failure ends both."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import ROOT

from jacklib.samples import rendered_clips
from jacklib.weights.torch_files import read_torch_file

TRAIN = str(ROOT / "tests" / "support" / "train_without_dropout.py")
FACTS = ("epoch", "train_loss", "train_accuracy")

pytestmark = pytest.mark.skipif(
    not shutil.which("mpirun") or not shutil.which("mpicc"),
    reason="no OpenMPI: sudo apt-get install libopenmpi-dev openmpi-bin",
)


def run(processes: int, *words, code: int | None = 0) -> subprocess.CompletedProcess:
    """Run a Python file with its words in that many processes; 0 of them is without mpirun."""
    start = ["mpirun", "--oversubscribe", "-np", str(processes)] if processes else []
    result = subprocess.run(
        [*start, sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=600,
        env=os.environ
        | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        | {"OMP_NUM_THREADS": "1"},
    )
    if code is not None:
        assert result.returncode == code, (result.stdout + result.stderr)[-3000:]
    return result


def log(folder: Path) -> list[dict[str, str]]:
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def weights(folder: Path, name: str = "best.pth") -> dict[str, np.ndarray]:
    """The network's arrays by name."""
    saved = read_torch_file(folder / name)
    arrays = saved.get("state_dict", saved)
    return {k: np.asarray(v) for k, v in arrays.items() if np.ndim(v)}


@pytest.fixture(scope="session")
def few_clips(tmp_path_factory) -> list[str]:
    """The options that name 19 rendered clips: 11 to train, 8 to validate."""
    paths = rendered_clips()
    annotation = json.loads(Path(paths.annotation_path).read_text())
    kept = {}
    for subset, number in (("training", 11), ("validation", 8)):
        items = [(k, v) for k, v in annotation["database"].items() if v["subset"] == subset]
        kept |= dict(items[:: len(items) // number][:number])
    file = tmp_path_factory.mktemp("few") / "annotation.json"
    file.write_text(json.dumps(annotation | {"database": kept}))
    return [
        "--video_path", str(paths.video_path), "--audio_path", str(paths.audio_path),
        "--annotation_path", str(file), "--settings", "classroom", "--sample_size", "32",
    ]  # fmt: skip


# Steps of 11 clips, of which one process has 6 and the other 5. Adam's first steps are as long for
# a gradient that is all rounding as for any other, so with a larger learning rate the losses of
# equal networks part after some steps.
CLIPS = ["--batch_size", "11", "--n_epochs", "3", "--learning_rate", "2e-5"]
COMMANDS = {
    "VAANet": [*CLIPS, "--sync_bn"],
    "CTEN": [*CLIPS, "--sync_bn"],
    "TSL": ["--lr", "[0.001]*3", "--evaluate_every", "1", "--batch_size", "3"],  # 2 videos and 1
    "Gait": ["--n_epochs", "1", "--batch_size", "125", "--learning_rate", "0.01", "--sync_bn"],
}


@pytest.mark.parametrize("network", COMMANDS)
def test_two_processes_train_as_one(network, few_clips, tmp_path):
    clips = few_clips if network in ("VAANet", "CTEN") else []
    folders = [tmp_path / name for name in ("one", "two")]
    for processes, folder in zip((0, 2), folders, strict=True):
        words = [network, "main", *clips, *COMMANDS[network], "--result_path", folder]
        result = run(processes, TRAIN, *words)
        assert result.stdout.count(" to train, ") == 1  # one process speaks
    one, two = (log(folder) for folder in folders)
    assert len(one) == len(two) == {"Gait": 1}.get(network, 3)
    for a, b in zip(one, two, strict=True):
        assert float(b["train_loss"]) == pytest.approx(float(a["train_loss"]), rel=1e-4)
        assert b["train_accuracy"] == a["train_accuracy"] or network == "Gait"
    whole, other = weights(folders[0]), weights(folders[1])
    learned = [name for name in whole if ".running_" not in name]
    distance = sum(np.square(whole[name] - other[name]).sum() for name in learned)
    assert distance < 1e-6 * sum(np.square(whole[name]).sum() for name in learned)


def test_a_clip_that_one_process_cannot_read(few_clips, tmp_path):
    """Another clip takes its place, the same as in one process."""
    annotation = json.loads(Path(few_clips[5]).read_text())["database"]
    clip, about = list(annotation.items())[4]
    folder = tmp_path / "damaged" / about["annotations"]["label"] / clip
    folder.mkdir(parents=True)
    for number in range(1, 101):
        (folder / f"{number:06d}.jpg").write_bytes(b"no picture")
    folders = ["--video_path", folder.parents[1], *few_clips[1:]]
    words = ["VAANet", "main", *folders, *COMMANDS["VAANet"]]
    for processes, name in ((0, "one"), (2, "two")):
        result = run(processes, TRAIN, *words, "--result_path", tmp_path / name)
        assert result.stdout.count(f"1 of 19 clips could not be read: {clip}\n") == 1
    for a, b in zip(log(tmp_path / "one"), log(tmp_path / "two"), strict=True):
        assert float(b["train_loss"]) == pytest.approx(float(a["train_loss"]), rel=1e-4)


def test_a_run_of_two_processes_goes_on(few_clips, tmp_path):
    """Killed in the middle of epoch 2, where the processes' running statistics differ."""
    killed = tmp_path / "killed.py"
    killed.write_text(
        "import os, runpy\n"
        "import jacklib\n"
        "from jacklib.training import loop\n"
        "save = loop.save_training\n"
        "def save_and_die(path, net, optimizer, progress):\n"
        "    save(path, net, optimizer, progress)\n"
        "    if (progress['epoch'], progress['batch']) == (1, 2):\n"
        "        os._exit(1)\n"
        "loop.save_training = save_and_die\n"
        f"runpy.run_path({TRAIN!r}, run_name='__main__')\n"
    )
    words = ["VAANet", "main", *few_clips, "--batch_size", "4", "--learning_rate", "2e-5"]
    words += ["--n_epochs", "2", "--save_every", "2"]  # batches of 4, 4 and 3
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    run(2, TRAIN, *words, "--result_path", whole)
    run(2, killed, *words, "--result_path", halves, code=1)
    assert len(log(halves)) == 1
    run(2, TRAIN, *words, "--result_path", halves, "--resume", halves / "last.pth")
    for a, b in zip(log(whole), log(halves), strict=True):
        assert [a[name] for name in FACTS] == [b[name] for name in FACTS]
    mine = weights(halves, "last.pth")
    other = [k for k, v in weights(whole, "last.pth").items() if not np.array_equal(mine[k], v)]
    assert not other


def test_a_process_that_fails_ends_the_other(tmp_path):
    """Process 1 cannot read its batch while process 0 waits for its gradients."""
    file = tmp_path / "one_fails.py"
    file.write_text(
        "import sys\n"
        "import jacklib\n"
        "from jacklib.training import parallel\n"
        "from jacklib.data.gait import Gaits\n"
        "whole = Gaits.batch\n"
        "def batch(self, *words):\n"
        "    if parallel.rank() == 1:\n"
        "        raise ValueError('the disk is gone')\n"
        "    return whole(self, *words)\n"
        "Gaits.batch = batch\n"
        "from jacklib.cli.run import main\n"
        "sys.exit(main(['Gait', 'main', '--n_epochs', '1', '--result_path', sys.argv[1]]))\n"
    )
    result = run(2, file, tmp_path / "results", code=None)
    assert result.returncode != 0
    assert "the disk is gone" in result.stderr


def test_only_training_runs_in_several_processes(tmp_path):
    result = run(2, "-m", "jacklib", "VAANet", "test", code=1)
    assert "VAANet test: found 2 processes" in result.stderr


def test_a_batch_too_small_for_the_processes(few_clips, tmp_path):
    words = ["VAANet", "main", *few_clips, "--n_epochs", "1", "--batch_size", "5"]  # 5, 5 and 1
    result = run(2, "-m", "jacklib", *words, "--result_path", tmp_path, code=1)
    assert "found a batch of 1 for 2 processes" in result.stderr
