"""`TSL PHASE` as a user types it, and training that stops, goes on and repeats."""

import json
import os
import re
import shutil

import jittor as jt
import numpy as np
import pytest
from support import ROOT
from support.commands import jack
from support.untrimmed import write_root

from jacklib import files
from jacklib.backend import runtime
from jacklib.data.tsl300 import UntrimmedVideos
from jacklib.data.tsl_features import frames_between, i3d_features
from jacklib.errors import DataError
from jacklib.methods import tsl
from jacklib.methods.front import load
from jacklib.networks import I3D, TSLNet, TSLNetConfig
from jacklib.samples.untrimmed import write_mp4
from jacklib.weights.torch_files import read_torch_file, write_torch_file

SMALL = dict(len_feature=16, neck_size=16)
FILM = ROOT / "data_samples" / "untrimmed_film" / "video" / "test" / "bbb_0644.mp4"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The film's five pieces, a few steps."""
    folder = tmp_path_factory.mktemp("tsl")
    result = jack("TSL", "main", "--dataset", "film", "--result_path", folder, "--lr",
                  "[0.001]*3+[0.0005]*1", "--batch_size", "2", "--evaluate_every", "2")  # fmt: skip
    assert result.returncode == 0, result.stderr
    return folder, result


def test_main_trains_and_reports_the_mission_s_table(trained):
    folder, result = trained
    assert "5 videos to train, 3 to test, features: descriptor of JACK" in result.stdout
    report = json.loads((folder / "report.json").read_text())
    for name in ("forward_s", "iteration_s", "memory_mb", "random_average_mAP"):
        assert report[name] > 0
    rows = [line.split(",") for line in (folder / "log.csv").read_text().splitlines()]
    assert len(rows) == 3  # 4 steps, evaluated every 2
    table = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    best = max(float(row["average_mAP"]) for row in table)
    assert report["average_mAP"] == pytest.approx(best)
    assert report["step"] == 2 * (1 + [float(r["average_mAP"]) for r in table].index(best))
    options = read_torch_file(folder / "best.pth")["options"]
    assert options["network"] == "TSL" and options["neck_size"] == 256
    assert "average mAP[0.1:0.3]" in result.stdout and "Traceback" not in result.stderr


def test_resume_of_a_complete_run_makes_what_is_missing(trained, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "run")
    times = ("forward_s", "iteration_s", "memory_mb")
    command = ("TSL", "main", "--dataset", "film", "--result_path", folder, "--lr",
               "[0.001]*3+[0.0005]*1", "--batch_size", "2", "--evaluate_every", "2",
               "--resume", folder / "last.pth")  # fmt: skip
    with files.locked(folder, "training TSL"):
        assert f"found process {os.getpid()} (training TSL, since" in fails(*command)
    whole = {name: (folder / name).read_bytes() for name in ("best.pth", "last.pth", "log.csv")}
    report = json.loads((folder / "report.json").read_text())
    for option, value, found in (
        ("--class_th", "0.6", "class_th 0.5"),
        ("--reverse_sign", "paper", "reverse_sign released"),
        ("--video_score", "paper", "video_score released"),
        ("--lr", "[0.001]*3+[0.0004]*1", "lr 0.0005"),
    ):
        assert f"last.pth: found a run with {found}, wanted" in fails(*command, option, value)
    assert jack(*command).returncode == 0
    assert json.loads((folder / "report.json").read_text()) == report  # with its times
    for name in ("report.json", "log.csv"):
        (folder / name).unlink()
    result = jack(*command)
    assert result.returncode == 0, result.stderr
    assert f"Weights: {folder / 'best.pth'}" in result.stdout
    assert {name: (folder / name).read_bytes() for name in whole} == whole
    again = json.loads((folder / "report.json").read_text())
    assert [again.get(k) for k in report if k not in times] == [
        report[k] for k in report if k not in times
    ]


def test_the_papers_ways(tmp_path):
    """--ways sets both; what is given singly goes before; the file says it, and all follow it."""
    run = ("TSL", "main", "--dataset", "film", "--result_path", tmp_path, "--lr", "[0.001]*2",
           "--batch_size", "2", "--evaluate_every", "1", "--ways", "paper")  # fmt: skip
    result = jack(*run)
    assert result.returncode == 0, result.stderr
    best = tmp_path / "best.pth"
    model = load(best)
    assert model.config.video_score == "paper" and model.file.options["reverse_sign"] == "paper"
    resume = (*run, "--resume", tmp_path / "last.pth")
    for option, value in (("--video_score", "released"), ("--reverse_sign", "released")):
        found = f"found a run with {option[2:]} paper, wanted {option[2:]} {value}"
        assert found in fails(*resume, option, value)
    assert jack(*resume).returncode == 0

    root, found = ROOT / "data_samples" / "untrimmed_film", {}
    videos = UntrimmedVideos(root, "test")
    sample = videos.load(0)
    scores, video_score = tsl.predict(model.net, sample)
    k = len(scores) // model.config.r_act
    wanted = np.sort(scores[:, :2], axis=0)[::-1][:k].mean(0)
    np.testing.assert_allclose(video_score, wanted, rtol=1e-4)
    command = ("TSL", "main_eval", "--dataset", "film", "--checkpoint_path", best)
    for way in ((), ("--video_score", "paper"), ("--video_score", "released")):
        folder = tmp_path / ("eval" + "_".join(way))
        result = jack(*command, "--result_path", folder, *way)
        assert result.returncode == 0, result.stderr
        found[way[1:]] = (folder / "detections.json").read_text()
    assert found[()] == found[("paper",)] != found[("released",)]


def test_main_eval_writes_activitynet_s_json(trained, tmp_path):
    result = jack("TSL", "main_eval", "--dataset", "film", "--result_path", tmp_path,
                  "--checkpoint_path", trained[0] / "best.pth")  # fmt: skip
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / "detections.json").read_text())
    assert set(found["results"]) == {"bbb_0201", "bbb_0644", "bbb_0733"}
    segment = found["results"]["bbb_0644"][0]
    assert segment["label"] in "np" and 0 <= segment["segment"][0] < segment["segment"][1] < 50
    numbers = json.loads((tmp_path / "metrics.json").read_text())
    report = json.loads((trained[0] / "report.json").read_text())
    for name in ("average_mAP", "average_nAP", "average_pAP", "average_F2"):
        assert numbers[name] == pytest.approx(report[name], abs=1e-6)
    assert "average nAP" in result.stdout


def test_a_bad_video_never_ends_a_run_over_many(tmp_path):
    film = ROOT / "data_samples" / "untrimmed_film"
    root = shutil.copytree(film, tmp_path / "data", ignore=shutil.ignore_patterns("video"))
    train, test = root / "features" / "train", root / "features" / "test"
    gone, bad, _, _, short = sorted(path.stem for path in (train / "rgb").glob("*.npy"))
    (train / "rgb" / f"{gone}.npy").unlink()
    features = np.load(train / "logmfcc" / f"{bad}.npy")
    features[3] = np.nan
    np.save(train / "logmfcc" / f"{bad}.npy", features)
    for kind, rows in (("rgb", 5), ("logmfcc", 160)):
        path = train / kind / f"{short}.npy"
        np.save(path, np.load(path)[:rows])
    cut, poor, good = sorted(path.stem for path in (test / "rgb").glob("*.npy"))
    (test / "rgb" / f"{cut}.npy").write_bytes(b"no features")
    features = np.load(test / "rgb" / f"{poor}.npy")
    features[-1] = np.inf
    np.save(test / "rgb" / f"{poor}.npy", features)
    words = ("TSL", "main", "--data_path", root, "--settings", "classroom", "--batch_size", "2",
             "--evaluate_every", "2", "--points", "file")  # fmt: skip
    result = jack(*words, "--lr", "[0.001]*4", "--result_path", tmp_path / "a")
    assert result.returncode == 0, result.stderr
    assert "3 videos to train, 2 to test" in result.stdout
    told = result.stdout.splitlines()[-1]
    assert told.startswith("5 of 8 videos could not be read: ")
    assert set(told.split(": ")[1].split(", ")) == {gone, bad, short, cut, poor}
    for name in (gone, bad, short, cut, poor):
        assert len(re.findall(rf"{name}(\.npy|'): found", result.stderr)) == 1, result.stderr

    # Stopped after a step in which one video stood in for another, it goes on to the same.
    half = tmp_path / "b"
    result = jack(*words, "--lr", "[0.001]*2", "--result_path", half)
    assert result.returncode == 0, result.stderr
    result = jack(*words, "--lr", "[0.001]*4", "--result_path", half, "--resume",
                  half / "last.pth")  # fmt: skip
    assert result.returncode == 0, result.stderr
    states = [read_torch_file(tmp_path / name / "last.pth")["state_dict"] for name in "ab"]
    for name, value in states[0].items():
        np.testing.assert_array_equal(states[1][name], value, err_msg=name)

    words = ("TSL", "main_eval", "--data_path", root, "--result_path", tmp_path / "a")
    result = jack(*words)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert f"2 of 3 videos could not be read: {cut}, {poor}\n" in result.stdout
    assert set(json.loads((tmp_path / "a/detections.json").read_text())["results"]) == {good}
    report = json.loads((tmp_path / "a/metrics.json").read_text())
    assert set(report["unreadable"]) == {cut, poor}
    assert "NaN or infinite" in report["unreadable"][poor]
    (test / "logmfcc" / f"{good}.npy").unlink()
    assert "and no other that can be read" in fails(*words)


def test_one_video_and_its_features_give_the_same(trained, tmp_path):
    checkpoint = ("--checkpoint_path", trained[0] / "best.pth", "--result_path")
    result = jack("TSL", "main_inference", "--video_path", FILM, *checkpoint, tmp_path / "a")
    assert result.returncode == 0, result.stderr
    assert "bbb_0644: 72 clips at 24 frames per second" in result.stdout
    features = ROOT / "data_samples" / "untrimmed_film" / "features" / "test"
    again = jack(
        "TSL", "main_inference", "--rgb_path", features / "rgb" / "bbb_0644.npy", "--mfcc_path",
        features / "logmfcc" / "bbb_0644.npy", "--fps", "24", "--lang", "zh", *checkpoint,
        tmp_path / "b",
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    one, other = (
        json.loads((tmp_path / name / "bbb_0644_detections.json").read_text()) for name in "ab"
    )
    assert one == other and one["results"]["bbb_0644"]
    for name in "ab":
        picture = tmp_path / name / "bbb_0644_timeline.png"
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_own_videos_become_features(tmp_path):
    for split in ("train", "test"):
        (tmp_path / "video" / split).mkdir(parents=True)
        shutil.copy(FILM, tmp_path / "video" / split / f"{split}_1.mp4")
    result = jack("TSL", "features", "--data_path", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "2 of 2 videos described" in result.stdout
    shape = np.load(tmp_path / "features" / "train" / "rgb" / "train_1.npy").shape
    assert shape == (72, 1024)


def test_i3d_s_features_and_the_weights_that_know_them(tmp_path):
    """Weights by chance: what is tested is the way from video to features to segments."""
    runtime.seed(0)
    net = I3D()
    write_torch_file(tmp_path / "i3d.pt", {k: v.numpy() for k, v in net.state_dict().items()})
    root = tmp_path / "data"
    for split in ("train", "test"):
        (root / "video" / split).mkdir(parents=True)
        frames = frames_between(FILM, 24, 5, 11.9, 165)
        write_mp4(
            root / "video" / split / f"{split}_1.mp4", frames, np.zeros(303_000, np.float32), 24
        )
    video = root / "video" / "test" / "test_1.mp4"
    result = jack("TSL", "features", "--data_path", root, "--i3d_pretrained", tmp_path / "i3d.pt")
    assert result.returncode == 0, result.stderr
    assert "made with: I3D RGB" in result.stdout
    features = np.load(root / "features" / "test" / "rgb" / "test_1.npy")
    net.eval()
    np.testing.assert_allclose(features, i3d_features(net, video), atol=1e-5)
    assert features.shape == (10, 1024) and features.std() > 0

    weights = tmp_path / "tsl.pth"
    write_torch_file(weights, {k: v.numpy() for k, v in TSLNet().state_dict().items()})
    command = ("TSL", "main_inference", "--video_path", video, "--checkpoint_path", weights)
    message = fails(*command)
    assert (
        "found features: descriptor" in message and "wanted what the weights know: I3D" in message
    )
    result = jack(*command, "--i3d_pretrained", tmp_path / "i3d.pt", "--settings", "paper",
                  "--result_path", tmp_path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / "test_1_detections.json").read_text())
    assert found["external_data"]["details"] == "Features: I3D RGB"


def fails(*arguments):
    result = jack(*arguments)
    assert result.returncode == 1 and "Traceback" not in result.stderr, result.stderr
    assert result.stderr.startswith("error: ") or "\nerror: " in result.stderr
    return result.stderr


def test_wrong_arguments(trained, tmp_path):
    checkpoint = ("--checkpoint_path", trained[0] / "best.pth", "--result_path", tmp_path)
    for arguments, wanted in (
        (("main", "--lr", "__import__('os')"), "--lr: found \"__import__('os')\", wanted numbers"),
        (("main", "--lambdas", "[1,2]"), "--lambdas: found 2 numbers, wanted 4"),
        (("main", "--batch_size", "0"), "--batch_size: found 0, wanted 1 or more"),
        (("main", "--dataset", "film", "--batch_size", "9"), "batch_size: found 9, and 5 videos"),
        (("main", "--data_path", tmp_path / "x"), "found no such folder"),
        (("main_eval", "--checkpoint_path", "gone.pth"), "found no file gone.pth"),
        (("main_inference", *checkpoint), "found no video and no features"),
        (("main_inference", "--rgb_path", "a.npy", *checkpoint), "wanted --video_path FILE, or"),
        (("main_inference", "--rgb_path", "a.npy", "--mfcc_path", "b.npy", *checkpoint),
         "--fps: found None"),
        (("main_inference", "--rgb_path", "a.npy", "--mfcc_path", "b.npy", "--fps", "25",
          *checkpoint), "a.npy: found no such file"),
        (("main_inference", "--video_path", "gone.mp4", *checkpoint), "gone.mp4: found no such"),
    ):  # fmt: skip
        assert wanted in fails("TSL", *arguments)


def test_weights_and_features_of_different_kinds(trained, tmp_path):
    root = write_root(tmp_path / "data")  # no made_with.json: TSL-300's own, I3D
    message = fails("TSL", "main_eval", "--data_path", root, "--checkpoint_path",
                    trained[0] / "best.pth")  # fmt: skip
    assert "found features: I3D RGB, wanted what the weights know: descriptor" in message
    weights = tmp_path / "released.pkl"  # as the released code saves them: names, nothing else
    net = TSLNet(TSLNetConfig(**SMALL))
    write_torch_file(weights, {k: v.numpy() for k, v in net.state_dict().items()})
    message = fails("TSL", "main_inference", "--video_path", FILM, "--checkpoint_path", weights)
    assert "wanted" in message and "released.pkl" in message  # widths unlike the released
    message = fails("VAANet", "test", "--checkpoint_path", trained[0] / "best.pth")
    assert "found weights of TSL" in message


# --- Training, in this process --------------------------------------------------------------------

SCHEDULE = tsl.Schedule(1, (1e-3, 1e-3, 5e-4, 5e-4, 5e-4), 2)


def run(root, folder, **how):
    runtime.seed(3)
    net = TSLNet(TSLNetConfig(**SMALL))
    jt.sync_all()
    training, validation = (UntrimmedVideos(root, s, seed=3) for s in ("train", "test"))
    history = tsl.train(
        net, training, validation, schedule=SCHEDULE,
        run=tsl.Run(folder, seed=3, show=False, **how),
    )  # fmt: skip
    return history, {k: v.numpy().copy() for k, v in net.state_dict().items()}


def without_time(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def test_training_repeats_and_goes_on_exactly(tmp_path, monkeypatch):
    root = write_root(tmp_path / "data")
    whole, weights = run(root, tmp_path / "a")
    assert [row["epoch"] for row in whole] == [1, 2, 3]  # 5 steps, two and two and one

    class Stopped(Exception):
        pass

    real, count = tsl.steps, []

    def stopping(*args):
        for step in real(*args):
            count.append(step)
            if len(count) == 4:
                raise Stopped
            yield step

    monkeypatch.setattr(tsl, "steps", stopping)
    with pytest.raises(Stopped):
        run(root, tmp_path / "b", save_every=1)
    monkeypatch.setattr(tsl, "steps", real)
    rest, again = run(root, tmp_path / "b", resume=tmp_path / "b" / "last.pth")
    assert without_time(rest) == without_time(whole)
    for name, value in weights.items():
        np.testing.assert_array_equal(again[name], value, err_msg=name)


def test_gradients_of_a_step_are_the_mean_over_its_videos(tmp_path):
    """Two videos in one step move the weights as their mean loss does, not as either alone."""
    root = write_root(tmp_path / "data")
    videos = UntrimmedVideos(root, "train", seed=3)
    runtime.seed(3)
    net = TSLNet(TSLNetConfig(**SMALL, dropout=0.0))
    net.train()
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    criterion = tsl.TSLLoss()
    optimizer = tsl.Adam(net.parameter_groups(1e-3, 10.0), lr=1e-3, weight_decay=5e-4)
    total = 0
    for i in (0, 1):
        sample = videos.load(i)
        out = net(*tsl.inputs(sample), sample.labels[None])
        terms = criterion(out, sample.labels[None], sample.label_distribution, sample.points)
        total = total + terms["total"] / 2
    optimizer.step(total)
    wanted = {k: v.numpy().copy() for k, v in net.state_dict().items()}

    runtime.seed(3)
    net = TSLNet(TSLNetConfig(**SMALL, dropout=0.0))
    jt.sync_all()
    assert all((net.state_dict()[k].numpy() == v).all() for k, v in before.items())
    schedule = tsl.Schedule(2, (1e-3,), 1)
    tsl.train(net, videos, UntrimmedVideos(root, "test"), schedule=schedule,
              run=tsl.Run(tmp_path / "r", seed=3, show=False))  # fmt: skip
    moved = 0
    for name, value in net.state_dict().items():
        if "running" in name:
            continue
        # Adam's first move is the gradient's sign: where the gradient is next to nothing, either
        # sum may round to the other side.
        close = np.isclose(value.numpy(), wanted[name], atol=2e-5)
        assert close.mean() > 0.98, name
        moved += np.abs(value.numpy() - before[name]).max() > 5e-4
    assert moved > 20


def test_the_rate_of_every_step_is_the_list_s(tmp_path, monkeypatch):
    root = write_root(tmp_path / "data")
    seen, real = [], tsl.Adam.step

    def step(self, loss=None):
        seen.append([group["lr"] for group in self.groups])
        return real(self, loss)

    monkeypatch.setattr(tsl.Adam, "step", step)
    run(root, tmp_path / "r")
    assert seen == [pytest.approx([rate, 10 * rate]) for rate in SCHEDULE.rates]


def test_steps_shuffle_every_pass_and_leave_incomplete_batches(tmp_path):
    videos = UntrimmedVideos(write_root(tmp_path), "train")
    videos.items = videos.items * 3 + videos.items[:1]  # 7 videos
    schedule = tsl.Schedule(2, (1.0,) * 12, 4)
    every = list(tsl.steps(videos, schedule, 5, 0, 12))
    for start in (0, 3, 6, 9):
        one_pass = np.concatenate([step.indices for step in every[start : start + 3]])
        assert len(set(one_pass.tolist())) == 6
    orders = {tuple(np.concatenate([s.indices for s in every[i : i + 3]])) for i in (0, 3, 6, 9)}
    assert len(orders) == 4
    again = list(tsl.steps(videos, schedule, 5, 7, 9))
    assert all((a.indices == b.indices).all() for a, b in zip(again, every[7:9], strict=True))


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("[2,1,0.5,1]", (2, 1, 0.5, 1)),
        ("[0.00001]*3", (1e-5,) * 3),
        ("[1e-4]*2 + [1e-5]", (1e-4, 1e-4, 1e-5)),
        ("[1, 2]*2", (1, 2, 1, 2)),
        ("0.001", (0.001,)),
    ],
)
def test_lists_are_read_as_written(text, wanted):
    assert tsl.number_list(text, "--lr") == pytest.approx(wanted)


@pytest.mark.parametrize(
    "text", ["", "[]", "[1]*x", "[1]*0", "print(1)", "[1e999]", "[nan]", "[1]*999999*2", "[1",
             "1]", "[1][2]", "[1]*-2", "2**9", "[[1]]"],
)  # fmt: skip
def test_lists_that_are_none(text):
    with pytest.raises(DataError, match="--lr: found"):
        tsl.number_list(text, "--lr")


def test_random_scores_are_a_poor_baseline():
    videos = UntrimmedVideos(ROOT / "data_samples" / "untrimmed_film", "test", modality="rgb")
    value = tsl.random_average_map(videos, draws=3)
    assert 0 < value < 0.3
    assert value == tsl.random_average_map(videos, draws=3)


def test_the_timeline_s_video(tmp_path):
    root = ROOT / "data_samples" / "untrimmed_film"
    videos = UntrimmedVideos(root, "train", seed=3)
    net = TSLNet(TSLNetConfig(**SMALL))
    shown = tsl.timeline_video(
        videos, 0, tsl.predict(net, videos.load(0)), tsl.read_truth(root)["bbb_0015"]
    )
    assert shown.frames.shape[0] == tsl.SHOWN_FRAMES and shown.act_seed is not None
    assert shown.truth[0] == ("p", 1.0, 5.5) and len(shown.points) == 2
    assert shown.frames_between(3, 5, 4).shape[0] == 4
    # Without videos, features alone.
    bare = UntrimmedVideos(write_root(tmp_path), "test")
    shown = tsl.timeline_video(bare, 0, tsl.predict(net, bare.load(0)))
    assert shown.frames_between is None and shown.points is None and len(shown.truth) == 1
