"""`Gait PHASE` as a user types it, its YAML configuration, and what the widget is given."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from support import ROOT
from support.bodies import body_bvh
from support.commands import jack

from jacklib.backend import runtime
from jacklib.core.shapes import GAIT_JOINTS, MOVEMENT_CHANNELS, POSTURE_CHANNELS
from jacklib.data.bvh import NAMINGS
from jacklib.data.gait import Gaits
from jacklib.errors import DataError
from jacklib.methods import gait, gait_config
from jacklib.methods.gait_config import read_config
from jacklib.networks import BPMGCN, BPMGCNConfig
from jacklib.weights.checkpoint import read_options
from jacklib.widgets.gait import gait_widget

WALK = ROOT / "data_samples" / "gait" / "walks" / "cmu_01_03.csv"


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory):
    """Two epochs, with a configuration like the released one and its spelling of options."""
    folder = tmp_path_factory.mktemp("gait")
    config = folder / "train.yaml"
    config.write_text(
        "work_dir: ../egait_runs\nseed: 4\nfeeder: feeders.feeder_same_combine.Feeder\n"
        "train_feeder_args:\n  data_p_path: train_joint.npy\n  random_choose: True\n"
        "  random_move: False\n  window_size: 48\n"
        "model_args:\n  num_class: 4\n  graph_args:\n    labeling_mode: 'spatial'\n"
        "weight_decay: 1e-3\nbase_lr: 0.075\nstep: [25,50]\ndevice: [1]\nnum_epoch: 125\n"
        "nesterov: True\n"
    )
    result = jack("Gait", "main", "--phase", "train", "--config", config, "--settings", "classroom",
                  "--data_path", few, "--work-dir", folder, "--num-epoch", "2", "--base-lr", "0.02",
                  "--step", "1", "--batch_size", "8", "--print-log", "True")  # fmt: skip
    assert result.returncode == 0, result.stderr
    return folder, result


def test_training_takes_the_file_s_settings_and_then_the_command_s(trained):
    folder, result = trained
    assert "25 gaits to train, 12 to test" in result.stdout
    assert "batch 8, 2 epochs, learning rate 0.02, a tenth after 1, seed 4" in result.stdout
    for name in ("feeder", "device", "print_log", "data_p_path"):
        assert f"without effect here: {name} (" in result.stderr
    assert result.stdout.count("Neutral") == 1 and "Traceback" not in result.stderr
    rows = list(csv.DictReader((folder / "log.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    saved = read_options(folder / "last.pth")
    assert saved["network"] == "Gait" and list(saved["widths"]) == [16, 32, 64]


def test_going_on_with_other_options_is_refused(trained, few):
    folder, _ = trained
    again = ("--data_path", few, "--settings", "classroom", "--batch_size", "8", "--seed", "4")
    result = jack("Gait", "main", "--resume", folder / "last.pth", *again, "--n_epochs", "3",
                  "--step", "1", "--base-lr", "0.1", "--result_path", folder)  # fmt: skip
    assert result.returncode == 1
    assert "found a run with learning_rate 0.02, wanted learning_rate 0.1" in result.stderr
    result = jack("Gait", "main", "--resume", folder / "last.pth", *again, "--n_epochs", "3",
                  "--step", "1", "--base-lr", "0.02", "--result_path", folder)  # fmt: skip
    assert result.returncode == 1
    assert "found a run with random_move False, wanted random_move True" in result.stderr


def test_testing_gives_the_last_epoch_s_accuracy(trained, few, tmp_path):
    folder, result = trained
    again = jack("Gait", "main", "--phase", "test", "--data_path", few, "--weights",
                 folder / "last.pth", "--result_path", tmp_path)  # fmt: skip
    assert again.returncode == 0, again.stderr
    report = json.loads((tmp_path / "evaluation.json").read_text())
    last = list(csv.DictReader((folder / "log.csv").open()))[-1]
    assert report["accuracy"] == pytest.approx(float(last["val_accuracy"]), abs=1e-6)
    names = json.loads((few / "gait.json").read_text())["test"]
    assert list(report["predictions"]) == names
    head, row = again.stdout.splitlines()[:2]
    assert head.split()[2:] == ["Happy", "Sad", "Angry", "Neutral", "All"]
    assert float(row.split()[-1]) == pytest.approx(100 * report["accuracy"], abs=0.01)
    assert (tmp_path / "confusion.png").stat().st_size > 1000


def test_one_recording(trained, tmp_path):
    weights = ("--weights", trained[0] / "last.pth", "--result_path", tmp_path)
    bvh = tmp_path / "walk.bvh"
    body_bvh(bvh, NAMINGS["CMU"], frames=60)
    found = {}
    for path in (WALK, bvh):
        result = jack("Gait", "test_single", "--pose_path", path, *weights, "--lang", "zh")
        assert result.returncode == 0, result.stderr
        lines = result.stdout.splitlines()
        shares = {line.split()[0]: float(line.split()[1]) for line in lines[1:5]}
        assert sum(shares.values()) == pytest.approx(1, abs=0.003)
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
        assert (tmp_path / f"{path.stem}_gait.png").read_bytes().startswith(b"\x89PNG")
        found[path.stem] = shares, lines[0]
    assert "37 of 48 frames" in found["cmu_01_03"][1] and "48 of 48" in found["walk"][1]
    other = jack("Gait", "test_single", "--pose_path", WALK, *weights, "--right_first")
    assert other.returncode == 0 and found["cmu_01_03"][1] in other.stdout
    for option in (("--fps", "60"), ("--right_first",)):  # what the file says itself
        result = jack("Gait", "test_single", "--pose_path", bvh, *weights, *option)
        assert result.returncode == 1 and f"{option[0]}: found {bvh}" in result.stderr


def test_poses_of_nobody_who_stands(tmp_path):
    walk = np.loadtxt(WALK, delimiter=",", skiprows=1).reshape(-1, 16, 3)
    for name, change in (("down", [1, -1, -1]), ("lying", None), ("flat", [0, 0, 1])):
        poses = walk[..., [0, 2, 1]] if change is None else walk * change
        np.save(tmp_path / f"{name}.npy", poses)
        for source, what in ((tmp_path / f"{name}.npy", rf"{name}\.npy"), (poses, "source")):
            with pytest.raises(DataError, match=f"{what}: found .* upright, with y up"):
                gait.recording_state(None, source)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda p: np.savetxt(p, np.ones((5, 45)), delimiter=","), "15 joints"),
        (lambda p: np.savetxt(p, np.ones((1, 48)), delimiter=","), "1 frames"),
        (lambda p: np.savetxt(p, np.full((5, 48), np.nan), delimiter=","), "frame 0, root"),
        (lambda p: np.savetxt(p, np.zeros((5, 48)), delimiter=","), "zeros only"),
    ],
    ids=["joints", "frames", "NaN", "zeros"],
)
def test_recordings_that_are_not_sound(trained, tmp_path, write, words):
    path = tmp_path / "walk.csv"
    write(path)
    result = jack("Gait", "test_single", "--pose_path", path, "--weights",
                  trained[0] / "last.pth")  # fmt: skip
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert f"error: {path}" in result.stderr and words in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("main", "--n_epochs", "0"), "--n_epochs: found 0, wanted 1 or more"),
        (("main", "--base-lr", "nan"), "--learning_rate: found nan"),
        (("main", "--step", "0"), "--drops: found [0]"),
        (("main", "--data_path", "nowhere"), "train_joint.npy: found no such file"),
        (("main", "--config", "nowhere.yaml"), "nowhere.yaml: found no such file"),
        (("main", "--phase", "test", "--weights", "nowhere.pth"), "no file nowhere.pth"),
        (("main", "--optimizer", "Adam"), "--optimizer: found 'Adam', wanted SGD"),
        (("main", "--phase", "tes"), "invalid choice: 'tes'"),
    ],
)
def test_wrong_arguments(arguments, words, tmp_path):
    result = jack("Gait", *arguments, "--result_path", tmp_path)
    assert result.returncode in (1, 2) and "Traceback" not in result.stderr
    assert words in result.stderr


def test_a_start_needs_a_rate(trained, tmp_path):
    single = ("Gait", "test_single", "--pose_path", WALK, "--start", "0.5", "--result_path",
              tmp_path, "--weights", trained[0] / "last.pth")  # fmt: skip
    assert "Give the frames per second (--fps)" in jack(*single).stderr
    result = jack(*single, "--fps", "30")
    assert result.returncode == 0 and "22 of 48 frames" in result.stdout, result.stderr


def test_streams_that_the_weights_do_not_have(trained, few):
    result = jack("Gait", "main", "--phase", "test", "--data_path", few, "--streams", "posture",
                  "--weights", trained[0] / "last.pth")  # fmt: skip
    assert result.returncode == 1 and "found streams: both, wanted posture" in result.stderr


def test_labels_that_are_none(few, tmp_path):
    folder = tmp_path / "wrong"
    shutil.copytree(few, folder)
    labels = np.load(folder / "train_label.npy")
    labels[3] = 4
    np.save(folder / "train_label.npy", labels)
    result = jack("Gait", "main", "--data_path", folder, "--result_path", tmp_path)
    assert result.returncode == 1
    assert "train_label.npy, gait 3" in result.stderr and "0 happy" in result.stderr


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
) + "base_lr: *i\n"  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base_lrr: 0.1", "Did you mean 'base_lr'"),
        ("base_lr: fast", "found 'fast', wanted a number above 0"),
        ("optimizer: Adam", "found 'Adam', wanted SGD"),
        ("phase: tset", "found 'tset', wanted train or test"),
        ("step: 20", "found 20, wanted a list of epochs"),
        ("batch_size: true", "found True, wanted 1 or more"),
        ("model_args: {num_class: 3}", "model_args.num_class: found 3, wanted 4"),
        ("train_feeder_args: {window_size: 60}", "window_size: found 60, wanted 48"),
        ("train_feeder_args: {windw: 60}", "Did you mean 'window_size'"),
        ("- 1", "found a list"),
        ("a: [", "no plain YAML"),
        (LAUGHS, "an anchor (&), an alias (*) or a tag (!)"),
        ("seed: 2020-13-45", "no plain YAML (ValueError: month"),
        ("seed: 2020-03-05", "found a value of type date, wanted a whole number"),
        ("seed: !!int x", "a tag (!)"),
        ("seed: " + "[" * 5000, "nested too deep"),
        ("seed: " + "9" * 5000, "no plain YAML (ValueError"),
        ("seed: 0x" + "f" * 5000, "found a whole number of 20000 bits"),
        ("base_lr: 0x" + "f" * 5000, "wanted a number above 0"),
        ("0x" + "f" * 1000 + ": 1", "a setting that is not known"),
        ("seed: " + "- " * 5000, "no plain YAML"),
        ("a: b\n" * 5000, "25,000 bytes, more than 20,000"),
        ("streams: [both]", "wanted one of"),
        ("graph: free", "found 'free', wanted one of adaptive, fixed"),
        ("ways: code", "found 'code', wanted one of released, paper"),
        ("seed: !!python/object/apply:os.system ['touch PLACE']", "Python objects are refused"),
    ],
)
def test_configurations_that_are_wrong(tmp_path, text, words):
    path, place = tmp_path / "train.yaml", tmp_path / "made"
    path.write_text(text.replace("PLACE", str(place)))
    with pytest.raises(DataError) as caught:
        read_config(path)
    assert words in str(caught.value) and str(path) in str(caught.value)
    assert not place.exists()


def test_what_a_released_file_says_is_what_the_network_takes():
    fixed = yaml.safe_load(Path(gait_config.__file__).with_suffix(".yaml").read_text("utf-8"))
    said = [fixed["fixed model"][name] for name in ("num_class", "num_constraints", "num_point")]
    said += [fixed["fixed model"][f"in_channels_{part}"] for part in "pm"]
    config = BPMGCNConfig()
    assert said == [config.n_classes, config.n_features, GAIT_JOINTS, POSTURE_CHANNELS,
                    MOVEMENT_CHANNELS]  # fmt: skip
    assert fixed["fixed data"]["window_size"] == config.frames


def test_an_epoch_s_share_of_the_run_stays(tmp_path):
    short = gait._schedule({"settings": "paper", "n_epochs": 10})
    assert short.drops == (2, 4, 6, 8)
    given = gait._schedule({"settings": "paper", "n_epochs": 10, "drops": (7,)})
    assert given.drops == (7,)


def test_the_papers_ways_by_one_option_or_several():
    paper = gait._schedule({"settings": "paper", "ways": "paper"})
    assert [paper.rate(epoch) for epoch in range(paper.n_epochs)] == pytest.approx(
        [0.01] * 30 + [0.001] * 30 + [0.0001] * 20
    )
    rest = ("batch_size", "momentum", "weight_decay", "nesterov")
    released = gait.SCHEDULES["paper"]
    assert [getattr(paper, name) for name in rest] == [getattr(released, name) for name in rest]
    short = gait._schedule({"settings": "classroom", "ways": "paper", "n_epochs": 40})
    assert (short.learning_rate, short.drops, short.batch_size) == (0.01, (15, 30), 16)
    given = gait._schedule({"settings": "paper", "ways": "paper", "learning_rate": 0.02})
    assert (given.learning_rate, given.drops) == (0.02, (30, 60))
    assert gait._given({"ways": "paper", "pool": "mean", "streams": "posture"}) == {
        "graph": "fixed", "fusion": "paper", "pool": "mean", "streams": "posture",
    }  # fmt: skip
    assert gait._given({"ways": "released", "graph": "fixed"}) == {"graph": "fixed"}


def test_a_network_trained_the_papers_way(few, tmp_path):
    """Named in the file, and obeyed in testing, predicting and going on."""
    config, folder = tmp_path / "ways.yaml", tmp_path / "run"
    config.write_text("ways: paper\npool: mean\n")
    run = ("Gait", "main", "--data_path", few, "--settings", "classroom", "--batch_size", "8",
           "--result_path", folder, "--config", config)  # fmt: skip
    result = jack(*run, "--n_epochs", "1", "--pool", "max")  # the command line goes before
    assert result.returncode == 0, result.stderr
    assert "streams: both, graph: fixed, fusion: paper, pool: max; batch 8" in result.stdout
    assert "1 epochs, learning rate 0.01, a tenth after 1" in result.stdout
    last = folder / "last.pth"
    saved = read_options(last)
    assert [saved[name] for name in ("graph", "fusion", "pool")] == ["fixed", "paper", "max"]

    weights = ("--weights", last, "--result_path", tmp_path)
    test = ("Gait", "main", "--phase", "test", "--data_path", few, *weights)
    again = jack(*test)
    assert again.returncode == 0, again.stderr
    report = json.loads((tmp_path / "evaluation.json").read_text())
    (row,) = csv.DictReader((folder / "log.csv").open())
    assert report["accuracy"] == pytest.approx(float(row["val_accuracy"]), abs=1e-6)
    for option, value, found in (
        ("--graph", "adaptive", "graph: fixed"),
        ("--fusion", "released", "fusion: paper"),
        ("--pool", "mean", "pool: max"),
    ):
        refused = jack(*test, option, value)
        assert refused.returncode == 1
        assert f"last.pth: found {found}, wanted {value}" in refused.stderr
    single = jack("Gait", "test_single", "--pose_path", WALK, *weights)
    assert single.returncode == 0, single.stderr
    assert "attention in fusion 3" in single.stdout and "learned" not in single.stdout

    rest = (*run, "--n_epochs", "2", "--drops", "1", "--resume", last)
    refused = jack(*rest)  # pool: mean
    assert refused.returncode == 1
    assert "found a run with pool max, wanted pool mean" in refused.stderr
    result = jack(*rest, "--pool", "max")
    assert result.returncode == 0, result.stderr
    assert len(list(csv.DictReader((folder / "log.csv").open()))) == 2


def test_the_widget_of_a_network_with_the_fixed_graph(few):
    """The bones alone, and the fusions' attention to joints of either stream."""
    runtime.seed(3)
    net = BPMGCN(BPMGCNConfig(widths=(8, 8, 8), graph="fixed", fusion="paper", pool="max"))
    states = gait.gait_states(net, Gaits(few, "test"), [2, 5])
    for state in states:
        for stream in ("posture", "movement"):
            assert state.known(stream, "attention") is state.known(stream, "learned") is None
            assert state.known(stream, "joints").shape == (3, 16)
    shown = gait_widget(states)
    assert [value for _, value in shown.graph.options] == ["skeleton"]
    assert [value for _, value in shown.stream.options] == ["posture", "movement"]
    before = shown.image.value
    shown.stream.value = "movement"
    assert shown.image.value != before and "attention in fusion 3" in shown.description


@pytest.mark.parametrize("streams", ["both", "posture", "movement"])
def test_the_widget_is_given_what_the_network_saw(few, streams):
    runtime.seed(3)
    net, gaits = BPMGCN(BPMGCNConfig(widths=(8, 8, 8), streams=streams)), Gaits(few, "test")
    first, second = gait.gait_states(net, gaits, [2, 5])
    assert (first.title, second.title) == (gaits.names[2], gaits.names[5])
    assert second.label == gaits.class_names[gaits.labels[5]]
    np.testing.assert_array_equal(first.pose[:, 7, 1], gaits.arrays.joint[2, 1, :, 7, 0])
    curve = gaits.arrays.affective[2].reshape(31, 48)[4]
    np.testing.assert_array_equal(first.affective[:, 4], curve)
    result = gait.test(net, gaits)
    np.testing.assert_allclose(second.probabilities, result.probabilities[5], atol=1e-5)
    for stream in ("posture", "movement"):
        attention = getattr(first.graphs, f"{stream}_attention")
        if streams in ("both", stream):
            assert attention.shape == (10, 3, 16, 16)
            np.testing.assert_allclose(attention.sum(2), 1, atol=1e-5)
            assert getattr(first.graphs, f"{stream}_learned").max() == pytest.approx(1e-6)
        else:
            assert attention is None
        assert (getattr(first.graphs, f"{stream}_joints") is None) == (streams != "both")
    assert (first.affective_predicted is None) == (streams == "movement")
