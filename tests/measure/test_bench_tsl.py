"""`bench tsl --train`: both frameworks train alike, and the table says what was measured."""

import argparse
import json
import statistics

import numpy as np
import pytest

from jacklib.errors import DataError
from jacklib.measure import bench, tsl_training
from jacklib.methods.tsl import Schedule
from jacklib.networks import TSLNetConfig

TINY = TSLNetConfig(len_feature=16, neck_size=16)
SCHEDULE = Schedule(2, (1e-3,) * 2, 2)
VIDEOS = {"train": {"a": 20, "b": 16, "c": 18}, "test": {"d": 24, "e": 17}}  # clips


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A few videos of noise in TSL-300's layout."""
    root, rng = tmp_path_factory.mktemp("videos"), np.random.default_rng(0)
    database, points = {}, ["class,class_index,start_frame,stop_frame,video_id,point"]
    for subset, clips in VIDEOS.items():
        (root / f"split_{subset}.txt").write_text("\n".join(clips))
        for kind in ("rgb", "logmfcc"):
            (root / "features" / subset / kind).mkdir(parents=True)
        for video, T in clips.items():
            features = root / "features" / subset
            np.save(features / "rgb" / f"{video}.npy", np.abs(rng.standard_normal((T, 1024))))
            np.save(
                features / "logmfcc" / f"{video}.npy", rng.standard_normal((T * 32, 60)) * 15 - 30
            )
            moments = [{"segment": [2, 5], "label": "n"}, {"segment": [6, 9], "label": "p"}]
            database[video] = {"subset": subset, "annotations": moments if subset == "test" else []}
            if subset == "train":
                points += [f"n,0,0,0,{video},80", f"p,1,0,0,{video},200"]
    (root / "gt.json").write_text(json.dumps({"database": database}))
    (root / "fps_dict.json").write_text(json.dumps(dict.fromkeys(database, 25.0)))
    folder = root / "point_gaussian" / "train"
    folder.mkdir(parents=True)
    (folder / "point_anno_1.txt").write_text("\n".join(points) + "\n")
    return root


@pytest.fixture(scope="module")
def measured(root):
    return tsl_training.measure(root, TINY, SCHEDULE, [0])


def test_every_run_is_counted(measured):
    frameworks = {"PyTorch", "Jittor"} & measured.keys()
    assert ("PyTorch" in frameworks) == (bench.find_torch() is not None)
    for framework in frameworks:
        (run,) = measured[framework]
        assert len(run["iterations"]) == 1 and len(run["forward"]) == 2  # less the warm-up
        assert min(run["iterations"] + run["forward"]) > 0
        assert 0 < run["before"] <= run["peak"]
        assert all(0 <= run[name] <= 1 for name in tsl_training.METRICS)
    assert len(measured["Jittor"][0]["unwaited"]) == len(VIDEOS["train"])
    assert all(0 < value < 1 for value in measured["random"].values())


def test_both_frameworks_train_alike(measured):
    if "PyTorch" not in measured:
        pytest.skip("no PyTorch")
    assert 0 < measured["difference"] < 1e-4


def test_table_has_the_rows(measured):
    text = tsl_training.table(measured, SCHEDULE, TINY)
    for words in (
        "forward time in training, one video", "the same, read without waiting",
        "memory in training", "time of one iteration, 2 videos", *tsl_training.METRICS.values(),
    ):  # fmt: skip
        assert text.count(f"\n| {words}") == 1, words
    run = measured["Jittor"][0]
    assert f" {statistics.median(run['forward']):.4f} (" in text
    assert f" {run['peak'] / 2**20:.0f} (" in text
    assert f" {run['average_F2']:.4f} (" in text
    assert f"F2@AVG {measured['random']['average_F2']:.4f}." in text
    assert ("Without dropout" in text) == ("PyTorch" in measured)


def test_table_without_pytorch(measured):
    alone = {k: measured[k] for k in ("Jittor", "random")}
    text = tsl_training.table(alone, SCHEDULE, TINY)
    assert all(line.endswith(" |  |") for line in text.splitlines() if line.startswith("| pAP"))
    assert "| memory in training, MiB |  |" in text


@pytest.mark.parametrize("words", [["cten"], ["all"], ["tsl", "--settings", "paper"]])
def test_training_is_for_tsl_in_the_classroom(words):
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    with pytest.raises(DataError, match="--train: found bench .*, wanted bench tsl"):
        bench.main(parser.parse_args([*words, "--train"]))
