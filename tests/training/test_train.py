"""Training: exact resume (also after a kill), logs, NaN, and what a wrong file says."""

import contextlib
import csv
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import jittor as jt
import numpy as np
import pytest
from jittor import nn
from support import ROOT

from jacklib import files
from jacklib.data.video import Batch
from jacklib.errors import DataError, DiskError, TrainingError
from jacklib.methods.answer import by_class
from jacklib.ops import Adam, cross_entropy
from jacklib.samples import SamplePaths
from jacklib.samples.rendered import build_rendered
from jacklib.training import loop, runs
from jacklib.training.evaluate import Predictions
from jacklib.training.logs import draw_curves
from jacklib.training.loop import fit
from jacklib.training.runs import Run
from jacklib.weights.torch_files import read_torch_file, write_torch_file


class Dots(nn.Module):
    """A classifier with dropout, so that the framework's random numbers matter."""

    def __init__(self):
        self.first, self.drop, self.last = nn.Linear(6, 16), nn.Dropout(0.5), nn.Linear(16, 3)

    def execute(self, x):
        return self.last(self.drop(nn.relu(self.first(x))))


def run(folder, n_epochs, **how):
    """Train Dots on invented data; see fit_with."""
    jt.set_global_seed(5)
    return fit_with(Dots(), folder, n_epochs, **how)


def fit_with(net, folder, n_epochs=1, *, stop_at=None, poison=None, seed=0, scores=None, **how):
    """stop_at=(epoch, batch) raises there, as Ctrl-C would. scores: by epoch, from 1. how: of the
    `Run`, the optimizer or `fit`."""
    ours = {k: how.pop(k) for k in ("lr", "weight_decay") if k in how}
    optimizer = Adam(net.parameters(), **{"lr": 0.01} | ours)
    rates, options = how.pop("rates", None), how.pop("options", {"network": "Dots"})

    def batches(epoch, start):
        for number in range(start, 4):
            if (epoch, number) == stop_at:
                raise KeyboardInterrupt
            rng = np.random.default_rng([seed, epoch, number])
            x = rng.standard_normal((8, 6)).astype(np.float32)
            if (epoch, number) == poison:
                x[3, 2] = np.nan
            label = (x[:, :3].argmax(1)).astype(np.int32)
            yield Batch(x, None, label, [f"clip{i}" for i in range(8)], np.arange(8))

    def step_loss(batch):
        logits = net(jt.array(batch.visual))
        yield cross_entropy(logits, jt.array(batch.label)), logits, batch.label

    def evaluate():
        epoch = optimizer.n_steps[0] // 4
        return {"val_accuracy": scores[epoch] if scores else float(net.last.bias.numpy()[0])}

    history = fit(
        net,
        optimizer,
        Run(folder, seed=seed, options=options, **{"show": False} | how),
        step_loss=step_loss,
        batches=batches,
        n_batches=4,
        evaluate=evaluate,
        n_epochs=n_epochs,
        rates=rates,
    )
    return history, {k: v.numpy().copy() for k, v in net.state_dict().items()}


def same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)


def numbers(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


@pytest.mark.parametrize("stop_at, save_every", [((2, 0), 0), ((2, 3), 1), ((1, 2), 2)])
def test_resume_is_exact(tmp_path, stop_at, save_every):
    history, weights = run(tmp_path / "whole", 4)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", 4, stop_at=stop_at, save_every=save_every)
    last = tmp_path / "cut" / "last.pth"
    again, resumed = run(tmp_path / "cut", 4, resume=last)
    same(resumed, weights)
    assert numbers(again) == numbers(history)
    rows = list(csv.DictReader((tmp_path / "cut" / "log.csv").open()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]


def test_a_path_is_a_run_whose_results_go_there(tmp_path):
    net = nn.Linear(2, 2)
    fit(
        net,
        Adam(net.parameters()),
        tmp_path,
        step_loss=lambda batch: [(net(jt.ones((1, 2))).sum(), jt.ones((1, 2)), np.zeros(1))],
        batches=lambda epoch, start: iter([SimpleNamespace(ids=["a"])]),
        n_batches=1,
        evaluate=lambda: {"val_accuracy": 0.5},
        n_epochs=2,
        rates=lambda epoch, batch: [0.1 / (1 + epoch)],
    )
    saved = read_torch_file(tmp_path / "last.pth")
    assert saved["progress"]["seed"] == 0 and saved["optimizer"]["groups"][0]["lr"] == 0.05


def test_dropout_depends_on_the_seed_of_the_batch(tmp_path):
    # If it did not matter, the test above would prove nothing about the random state.
    net = Dots()
    net.train()
    jt.sync_all()
    x = jt.ones((4, 6))
    jt.set_seed(1)
    first = net(x).numpy()
    second = net(x).numpy()
    jt.set_seed(1)
    np.testing.assert_array_equal(net(x).numpy(), first)
    assert not np.array_equal(first, second)


def test_what_a_run_writes(tmp_path):
    history, weights = run(tmp_path, 2)
    assert {p.name for p in tmp_path.iterdir()} == {
        "last.pth", "best.pth", "log.csv", "tensorboard",
    }  # fmt: skip
    best = read_torch_file(tmp_path / "best.pth")
    assert best["options"]["network"] == "Dots"
    row = list(csv.DictReader((tmp_path / "log.csv").open()))[-1]
    assert float(row["train_loss"]) == pytest.approx(history[-1]["train_loss"])
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))[0].stat().st_size > 100
    same(dict(read_torch_file(tmp_path / "last.pth")["state_dict"]), weights)


def test_nan_loss_names_the_place_and_keeps_the_last_state(tmp_path):
    with pytest.raises(TrainingError) as caught:
        run(tmp_path, 3, poison=(1, 2))
    message = str(caught.value)
    assert "in epoch 2, batch 3 (clips clip0, clip1" in message
    assert "Lower the learning rate" in message
    assert f"The last good state is in {tmp_path / 'last.pth'}" in message
    state = read_torch_file(tmp_path / "last.pth")
    assert state["progress"]["epoch"] == 1
    assert all(np.isfinite(v).all() for v in state["state_dict"].values())


def test_nan_that_relu_hides_is_found(tmp_path):
    # Jittor's ReLU can make 0 of NaN, so that the loss looks well. Seen in earlier sessions, not on
    # the last machine, so that this is no longer asserted; the cause was not looked for.
    net = Dots()
    net.first.weight.assign(jt.full(net.first.weight.shape, np.nan))
    with pytest.raises(TrainingError, match="in epoch 1, batch 1"):
        fit_with(net, tmp_path, poison=(0, 0))
    assert not (tmp_path / "last.pth").exists()


def test_resume_with_another_seed_is_refused(tmp_path):
    run(tmp_path, 1)
    with pytest.raises(DataError, match="found a run with seed 0, wanted seed 1"):
        run(tmp_path, 2, resume=tmp_path / "last.pth", seed=1)


def test_resume_with_other_options_is_refused(tmp_path):
    options = {"network": "Dots", "class_names": ("a", "b"), "fps": 30, "n_steps": 4}
    run(tmp_path, 1, options=options)
    last = tmp_path / "last.pth"
    for name, value in (("class_names", ["b", "a"]), ("fps", 10)):
        words = re.escape(f"wanted {name} {value}, as asked")
        with pytest.raises(DataError, match=f"last.pth: found a run with {name} .*, {words}"):
            run(tmp_path, 2, resume=last, options=options | {name: value})
    # What the file does not say cannot be compared; a run may become longer.
    run(tmp_path, 2, resume=last, options=options | {"n_steps": 8, "theta": 0.5})


def test_resume_with_another_learning_rate_is_refused(tmp_path):
    run(tmp_path, 1, lr=0.01)
    last = tmp_path / "last.pth"
    with pytest.raises(DataError, match="found a run with lr 0.01, wanted lr 1e-06, as asked"):
        run(tmp_path, 2, resume=last, lr=1e-6)
    with pytest.raises(DataError, match="found a run with weight_decay 0.0, wanted weight_decay"):
        run(tmp_path, 2, resume=last, lr=0.01, weight_decay=0.1)
    # Rates by the step: those of the steps that are done must be the same.
    run(tmp_path, 1, rates=lambda epoch, batch: [0.1 / (1 + 4 * epoch + batch)])
    with pytest.raises(DataError, match="found a run with lr 0.025, wanted lr 0.05, as asked"):
        run(tmp_path, 2, resume=last, rates=lambda epoch, batch: [0.2 / (1 + 4 * epoch + batch)])
    run(tmp_path, 2, resume=last, rates=lambda epoch, batch: [0.1 / 4 if epoch < 1 else 0.001])
    assert read_torch_file(last)["optimizer"]["groups"][0]["lr"] == 0.001


def test_resume_of_a_state_with_other_columns_or_parts(tmp_path):
    run(tmp_path, 1)
    last = read_torch_file(tmp_path / "last.pth")
    last["progress"]["history"][0]["earlier"] = 0.5
    write_torch_file(tmp_path / "last.pth", last)
    run(tmp_path, 2, resume=tmp_path / "last.pth")
    with open(tmp_path / "log.csv", newline="") as file:
        assert [row["earlier"] for row in csv.DictReader(file)] == ["0.5", ""]
    del last["progress"]["epoch"]
    write_torch_file(tmp_path / "last.pth", last)
    with pytest.raises(DataError, match="last.pth.*epoch"):
        run(tmp_path, 2, resume=tmp_path / "last.pth")


def test_predictions_that_are_no_numbers_name_the_clips():
    rows = np.full((3, 2), 0.5)
    rows[1, 0] = np.nan
    with pytest.raises(DataError, match="clips b: found NaN or infinite numbers"):
        Predictions(rows, np.zeros(3, int), list("abc"), ["x", "y"], np.zeros((3, 0)))
    with pytest.raises(DataError, match="probabilities: found NaN"):
        by_class(["x", "y"], rows[1])


def test_curves_show_every_epoch(tmp_path):
    history, _ = run(tmp_path, 3)
    figure = draw_curves(history)
    lines = [line for axes in figure.axes for line in axes.lines]
    assert len(lines) == 3  # training loss; training and validation accuracy
    assert all(len(line.get_xdata()) == 3 for line in lines)


# --- Stops between two writes ---------------------------------------------------------------------

UP_AND_DOWN = {1: 0.2, 2: 0.5, 3: 0.4}  # the best epoch is not the last


@pytest.fixture
def no_time(monkeypatch):
    """Runs that take no time: then equal runs leave equal files."""
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: 0.0, time=time.time))


class Killed(BaseException):
    pass


def killed(monkeypatch, at, after):
    """From call number `at` on, nothing is moved or removed any more, as after a SIGKILL: before
    the call, or after it. Returns the list of what was moved."""
    moved = []

    def watched(real, counts):
        def call(*words, **options):
            if len(moved) >= at:
                raise Killed
            if counts and len(moved) == at - 1 and not after:
                moved.append(words[-1])
                raise Killed
            found = real(*words, **options)
            if counts:
                moved.append(words[-1])
                if len(moved) == at:
                    raise Killed
            return found

        return call

    monkeypatch.setattr(os, "replace", watched(os.replace, True))
    monkeypatch.setattr(os, "unlink", watched(os.unlink, False))
    return moved


def left(folder):
    names = ("best.pth", "last.pth", "log.csv")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def visible(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("scores", [UP_AND_DOWN, {1: 0.2, 2: 0.3, 3: 0.4}])
@pytest.mark.parametrize("save_every", [0, 2])
def test_a_stop_between_any_two_writes_loses_nothing(tmp_path, no_time, scores, save_every):
    how = {"scores": scores, "save_every": save_every}
    run(tmp_path / "whole", 3, **how)
    whole = left(tmp_path / "whole")
    at = 0
    while True:
        at += 1
        for after in (False, True):
            folder = tmp_path / f"{at}{after}"
            with pytest.MonkeyPatch.context() as patched:
                moved = killed(patched, at, after)
                try:
                    run(folder, 3, **how)
                except Killed:
                    pass
            last = folder / "last.pth"
            for _ in range(2):  # the second time the run is complete
                run(folder, 3, resume=last if last.exists() else None, **how)
                assert left(folder) == whole, (at, after, moved)
            ours = [name for name in visible(folder) if not name.endswith(".part")]
            assert ours == ["best.pth", "last.pth", "log.csv", "tensorboard"]
        if len(moved) < at:
            break
    assert at > 9


def test_a_new_run_keeps_what_an_earlier_one_left(tmp_path, no_time, capsys):
    run(tmp_path, 3, scores=UP_AND_DOWN)
    first, kept = left(tmp_path), tmp_path / "earlier-1"
    run(tmp_path, 1, scores={1: 0.1}, seed=1, show=True)
    assert left(kept) == first and left(tmp_path)["best.pth"] != first["best.pth"]
    assert f"best.pth, last.pth, log.csv are kept in {kept}." in capsys.readouterr().err
    second = left(tmp_path)
    # One that goes on in its own folder replaces nothing; from elsewhere it is another run.
    run(tmp_path, 2, scores={1: 0.1, 2: 0.1}, seed=1, resume=tmp_path / "last.pth")
    assert not (tmp_path / "earlier-2").exists()
    third = left(tmp_path)
    run(tmp_path, 3, scores=UP_AND_DOWN, resume=kept / "last.pth")
    assert left(tmp_path / "earlier-2") == third != second
    assert left(tmp_path) == first == left(kept)


def test_a_new_run_that_is_stopped_loses_nothing_of_an_earlier_one(tmp_path, no_time):
    run(tmp_path / "whole", 2)
    whole, at = left(tmp_path / "whole"), 0
    for at in range(1, 20):
        folder = tmp_path / str(at)
        shutil.copytree(tmp_path / "whole", folder)
        with pytest.MonkeyPatch.context() as patched:
            moved = killed(patched, at, after=True)
            with contextlib.suppress(Killed):
                run(folder, 1, seed=1)
        places = [left(folder), *(left(path) for path in folder.glob("earlier-*"))]
        assert whole in places, (at, moved)
        run(folder, 1, seed=1)
        assert left(folder / "earlier-1") == whole
        if len(moved) < at:
            break
    assert at > 3


def test_a_disk_without_links_keeps_copies(tmp_path, no_time, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "no links here")

    run(tmp_path, 1)
    first = left(tmp_path)
    monkeypatch.setattr(os, "link", refuse)
    run(tmp_path, 1, seed=1)
    assert left(tmp_path / "earlier-1") == first != left(tmp_path)


def test_resume_of_a_complete_run_finishes_what_is_missing(tmp_path, no_time):
    scores = {1: 0.2, 2: 0.3, 3: 0.4}
    history, weights = run(tmp_path, 3, scores=scores)
    whole = left(tmp_path)
    for name in ("best.pth", "log.csv"):
        (tmp_path / name).unlink()
    again, resumed = run(tmp_path, 3, scores=scores, resume=tmp_path / "last.pth")
    assert again == history and left(tmp_path) == whole
    same(resumed, weights)
    with pytest.raises(DataError, match="3 are complete, wanted one that has not, as epoch 2"):
        run(tmp_path, 2, scores=scores, resume=tmp_path / "last.pth")


def test_resumed_in_another_folder_the_best_weights_come_along(tmp_path, no_time, capsys):
    whole, other, third = (tmp_path / name for name in ("whole", "other", "third"))
    run(whole, 2, scores=UP_AND_DOWN)
    run(other, 3, scores=UP_AND_DOWN, resume=whole / "last.pth")
    assert read_torch_file(other / "best.pth")["options"]["epoch"] == 2
    assert left(other)["best.pth"] == left(whole)["best.pth"]
    assert runs.best_weights(other, 2) == str(other / "best.pth")
    # Complete, into a third folder: all of it is there too.
    run(third, 3, scores=UP_AND_DOWN, resume=other / "last.pth")
    assert left(third) == left(other)
    capsys.readouterr()
    # A best.pth of another epoch is none of this run's; what is said then is true.
    run(whole, 1, scores={1: 0.1}, seed=3)
    (tmp_path / "alone").mkdir()
    shutil.copy(other / "last.pth", tmp_path / "alone")
    shutil.copy(whole / "best.pth", tmp_path / "alone")
    run(tmp_path / "fourth", 3, scores=UP_AND_DOWN, resume=tmp_path / "alone" / "last.pth")
    assert "those of epoch 2, are neither in" in capsys.readouterr().err
    assert not (tmp_path / "fourth" / "best.pth").exists()
    assert runs.best_weights(tmp_path / "fourth", 2).startswith("nowhere")


def test_a_file_that_outgrows_the_disk_ends_in_one_sentence(tmp_path, no_time):
    import resource

    run(tmp_path / "whole", 3, scores=UP_AND_DOWN)
    sizes = {name: len(data) for name, data in left(tmp_path / "whole").items()}
    assert sizes["best.pth"] < sizes["last.pth"] - 1000
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (sizes["last.pth"] - 1000, before[1]))
    try:
        with pytest.raises(DiskError, match=r"last\.pth: a limit on file sizes\. Raise it"):
            run(tmp_path / "cut", 3, scores=UP_AND_DOWN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert visible(tmp_path / "cut") == ["tensorboard"]
    full = SimpleNamespace(free=1000)  # seen before any work
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda folder: full)
        with pytest.raises(DiskError, match="cut: the disk is full. Make room"):
            run(tmp_path / "cut", 3, stop_at=(0, 0))
    (tmp_path / "file").touch()
    with pytest.raises(DiskError, match="file: a file where a folder should be"):
        run(tmp_path / "file", 1)


def test_ctrl_c_in_a_write_leaves_nothing_half(tmp_path, no_time, monkeypatch):
    run(tmp_path / "whole", 3, scores=UP_AND_DOWN)
    real = loop.save_training

    def interrupted(path, net, optimizer, progress):
        if progress["epoch"] == 2:
            raise KeyboardInterrupt
        return real(path, net, optimizer, progress)

    monkeypatch.setattr(loop, "save_training", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", 3, scores=UP_AND_DOWN)
    monkeypatch.undo()
    assert visible(tmp_path / "cut") == ["best.pth", "last.pth", "log.csv", "tensorboard"]
    assert read_torch_file(tmp_path / "cut" / "best.pth")["options"]["epoch"] == 1
    dead = tmp_path / "cut" / ".jack-99999999-0123abcd.part"  # as a SIGKILL leaves them
    dead.touch()
    run(tmp_path / "cut", 3, scores=UP_AND_DOWN, resume=tmp_path / "cut" / "last.pth")
    assert not dead.exists()


# --- Two at once ----------------------------------------------------------------------------------


def test_two_trainings_in_one_folder(tmp_path):
    import ipykernel.kernelapp  # noqa: F401, importing it makes no notebook

    run(tmp_path, 1)
    before = left(tmp_path), visible(tmp_path)
    with files.locked(tmp_path, "training Dots"):
        with pytest.raises(DataError, match=rf"found process {os.getpid()} .training Dots, since"):
            run(tmp_path, 1, seed=1)
    (tmp_path / files.LOCK).unlink()
    assert (left(tmp_path), visible(tmp_path)) == before
    run(tmp_path, 1)


@pytest.mark.parametrize("settings", ["as the other's", "others"])
def test_a_notebook_waits_and_takes_over_the_same_run(tmp_path, monkeypatch, capsys, settings):
    monkeypatch.setattr(runs, "in_notebook", lambda: True)
    data = SimpleNamespace(ids=["a", "b"], rates=np.arange(3.0), _cache=object())
    history, weights = run(tmp_path / "first", 2, settings=(data, 0.5))
    held = threading.Event()

    def other():  # another kernel, whose run ends while this one waits
        with files.locked(tmp_path / "shared", "training Dots"):
            held.set()
            time.sleep(0.5)
            shutil.copytree(tmp_path / "first", tmp_path / "shared", dirs_exist_ok=True)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait()
    data._cache = None  # how far it is filled does not matter
    mine = (data, 0.5) if settings == "as the other's" else (data, 0.25)
    found, taken = run(tmp_path / "shared", 2, settings=mine)
    thread.join()
    same(taken, weights)  # these settings change nothing, so that a run of one's own ends the same
    assert numbers(found) == numbers(history)
    printed = capsys.readouterr()
    assert f"waiting for process {os.getpid()} (training Dots, since" in printed.err
    assert ("training was this one, from" in printed.out) == (settings == "as the other's")


# --- The clock, and TensorBoard's file ------------------------------------------------------------


def events(folder):
    """Every record of the folder's event files, their checksums looked at."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c

    found = []
    for path in sorted((folder / "tensorboard").iterdir()):
        data = path.read_bytes()
        while data:
            (size,) = struct.unpack("<Q", data[:8])
            record = data[12 : 12 + size]
            sums = struct.unpack("<II", data[8:12] + data[12 + size : 16 + size])
            assert sums == (masked_crc32c(data[:8]), masked_crc32c(record))
            found.append(Event.FromString(record))
            data = data[16 + size :]
    return found


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_jumps(tmp_path, monkeypatch, days):
    real, started = time.time, time.time()
    epochs = []

    def jumping():
        return real() + 86400 * days * bool(epochs)

    monkeypatch.setattr(time, "time", jumping)
    monkeypatch.setattr(csv, "DictWriter", tick(csv.DictWriter, epochs))
    history, _ = run(tmp_path, 3)
    assert all(0 <= row["seconds"] < 60 for row in history)
    rows = [event for event in events(tmp_path) if event.summary.value]
    assert [event.step for event in rows] == [1, 2, 3]
    assert all(abs(event.wall_time - started - 86400 * days) < 600 for event in rows)
    tags = {value.tag: value.simple_value for value in rows[-1].summary.value}
    assert tags["train_loss"] == pytest.approx(history[-1]["train_loss"])


def tick(real, epochs):
    """The clock jumps when the first epoch is logged."""

    def writer(*words, **options):
        epochs.append(1)
        return real(*words, **options)

    return writer


def test_events_of_a_resumed_run_void_the_later_ones(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, 3, stop_at=(2, 1))
    run(tmp_path, 3, resume=tmp_path / "last.pth")
    starts = [event.step for event in events(tmp_path) if event.HasField("session_log")]
    assert starts == [3]
    assert [event.step for event in events(tmp_path) if event.summary.value] == [1, 2, 3]


# --- The real network, killed ---------------------------------------------------------------------


@pytest.fixture(scope="session")
def tiny_clips(tmp_path_factory):
    root = build_rendered(tmp_path_factory.mktemp("rendered"), n_train=2, n_val=1, progress=False)
    return SamplePaths(root / "img", root / "mp3", root / "rendered_01.json")


def vaanet(clips, folder, *more, wait=True):
    command = [
        sys.executable, "-m", "jacklib", "VAANet", "main", "--settings", "classroom",
        "--video_path", clips.video_path, "--audio_path", clips.audio_path,
        "--annotation_path", clips.annotation_path, "--batch_size", "4", "--sample_size", "32",
        "--result_path", folder, "--save_every", "1", *more,
    ]  # fmt: skip
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if not wait:
        return process
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    return output


def test_vaanet_killed_and_resumed_is_bit_for_bit_the_same(tiny_clips, tmp_path):
    vaanet(tiny_clips, tmp_path / "whole", "--n_epochs", "3")
    process = vaanet(tiny_clips, tmp_path / "cut", "--n_epochs", "3", wait=False)
    last = tmp_path / "cut" / "last.pth"
    deadline = time.monotonic() + 300
    while not last.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)  # somewhere in the middle of a step, or of a save
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done = read_torch_file(last)["progress"]
    assert (done["epoch"], done["batch"]) < (3, 0), "it was finished before the kill"
    # Another number of loading threads must not matter either.
    vaanet(tiny_clips, tmp_path / "cut", "--n_epochs", "3", "--resume", last, "--n_threads", "1")
    whole, cut = (read_torch_file(tmp_path / name / "last.pth") for name in ("whole", "cut"))
    same(dict(cut["state_dict"]), dict(whole["state_dict"]))
    for a, b in zip(cut["optimizer"]["state"], whole["optimizer"]["state"], strict=True):
        same(dict(a), dict(b))
    assert numbers(cut["progress"]["history"]) == numbers(whole["progress"]["history"])


def test_steps_leave_nothing_behind():
    # Inputs that live on must not keep every step's graph alive.
    net = Dots()
    net.train()
    optimizer = Adam(net.parameters(), lr=0.01)
    x, label = jt.ones((8, 6)), jt.zeros(8).int32()
    alive = []
    for _ in range(6):
        optimizer.step(cross_entropy(net(x), label))
        jt.sync_all(True)
        alive.append(jt.number_of_lived_vars())
    assert alive[-1] == alive[2]


def test_an_accuracy_stands_beside_both_baselines():
    """Chance, and always answering the class that most clips have: here 3 of 5."""
    found = Predictions(
        np.eye(3)[[0, 1, 1, 2, 0]], np.array([0, 1, 2, 1, 1]), list("abcde"), ["x", "y", "z"],
        np.ones((5, 2)),
    )  # fmt: skip
    assert found.summary()["most_frequent"] == 0.6
    assert found.table().endswith(
        "accuracy 0.400 on 5 clips (chance 0.333); always the most frequent class: 0.600"
    )
