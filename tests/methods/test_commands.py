"""The command line as a user types it, in processes of its own."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from support import ROOT
from support.commands import jack

from jacklib.cli import run as entry
from jacklib.samples import film_clips, rendered_clips
from jacklib.weights.torch_files import read_torch_file, write_torch_file

FILM = ROOT / "data_samples" / "film" / "video" / "Joy" / "bbb_0120.mp4"
# Small and quick: what is tested is the way through, not what it learns.
SMALL = ["--sample_size", "32", "--batch_size", "16", "--n_epochs", "1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vaanet")
    result = jack("VAANet", "main", "--result_path", folder, *SMALL)
    assert result.returncode == 0, result.stderr
    return folder, result


def test_main_trains_on_the_samples(trained):
    folder, result = trained
    assert "128 clips to train, 64 to validate, 8 classes" in result.stdout
    assert f"Weights: {folder / 'best.pth'}" in result.stdout
    options = read_torch_file(folder / "best.pth")["options"]
    assert options["sample_size"] == 32 and options["class_names"][4] == "Joy"
    assert "Traceback" not in result.stderr


def test_test_writes_table_picture_and_json(trained, tmp_path):
    result = jack("VAANet", "test", "--checkpoint_path", trained[0] / "best.pth",
                  "--result_path", tmp_path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "precision  recall" in result.stdout and "(chance 0.125)" in result.stdout
    assert "temporal attention on the planted events" in result.stdout
    report = json.loads((tmp_path / "evaluation.json").read_text())
    confusion = np.array(report["confusion"])
    assert report["most_frequent"] == confusion.sum(1).max() / confusion.sum()
    assert confusion.sum() == report["clips"] == 64
    assert report["accuracy"] == pytest.approx(np.trace(confusion) / 64)
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")
    again = jack("VAANet", "test", "--checkpoint_path", trained[0] / "best.pth",
                 "--result_path", tmp_path, "--n_threads", "1", "--batch_size", "5")  # fmt: skip
    assert again.returncode == 0, again.stderr
    other = json.loads((tmp_path / "evaluation.json").read_text())
    assert other["confusion"] == report["confusion"]  # centred evaluation repeats


def test_single_video_prints_probabilities_and_saves_a_picture(trained, tmp_path):
    result = jack("VAANet", "test_singlevideo", "--video_path", FILM,
                  "--checkpoint_path", trained[0] / "best.pth",
                  "--result_path", tmp_path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    shares = [float(line.split()[-1].rstrip("%")) for line in lines[1:9]]
    assert sum(shares) == pytest.approx(100, abs=0.5) and shares == sorted(shares, reverse=True)
    assert lines[0].endswith(lines[1].split()[0])
    assert (tmp_path / "bbb_0120_attention.png").read_bytes().startswith(b"\x89PNG")


def test_prepare_then_train_on_own_videos(tmp_path):
    for label, number in (("calm", 0), ("calm", 1), ("loud", 2), ("loud", 3)):
        path = tmp_path / "videos" / label / f"v{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            rng = np.random.default_rng(number)
            for _ in range(50):
                picture = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    made = jack("prepare", tmp_path / "videos", tmp_path / "own", "--short_side", "48")
    assert made.returncode == 0, made.stderr
    own = tmp_path / "own"
    result = jack(
        "VAANet", "main", "--dataset", "ve8", "--settings", "classroom",
        "--video_path", own / "img", "--audio_path", own / "mp3",
        "--annotation_path", own / "annotations.json", "--result_path", tmp_path / "out",
        "--sample_size", "32", "--batch_size", "2", "--n_epochs", "1",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "2 classes" in result.stdout


@pytest.fixture
def few_clips(tmp_path):
    """A folder with 8 of the rendered clips to train and 4 to validate, and its options."""
    whole, own = rendered_clips(), tmp_path / "few"
    annotation = json.loads(Path(whole.annotation_path).read_text())
    kept = {}
    for subset, number in (("training", 8), ("validation", 4)):
        items = [(k, v) for k, v in annotation["database"].items() if v["subset"] == subset]
        kept |= dict(items[:: len(items) // number][:number])
    for clip, about in kept.items():
        place = Path(about["annotations"]["label"]) / clip
        shutil.copytree(Path(whole.video_path) / place, own / "img" / place)
        (own / "mp3" / place.parent).mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(whole.audio_path) / f"{place}.mp3", own / "mp3" / place.parent)
    (own / "annotations.json").write_text(json.dumps(annotation | {"database": kept}))
    words = ["--video_path", own / "img", "--audio_path", own / "mp3", "--annotation_path",
             own / "annotations.json"]  # fmt: skip
    return own, words


def frames_and_sound(own, subset):
    """(ID, its folder of frames, its sound) of a subset's clips."""
    database = json.loads((own / "annotations.json").read_text())["database"]
    for clip, about in database.items():
        if about["subset"] == subset:
            label = about["annotations"]["label"]
            yield clip, own / "img" / label / clip, own / "mp3" / label / f"{clip}.mp3"


@pytest.mark.parametrize("network", ["VAANet", "CTEN"])
def test_a_bad_clip_never_ends_a_run_over_many(few_clips, tmp_path, network):
    own, words = few_clips
    (gone, folder, _), (bad, _, sound), *_ = frames_and_sound(own, "training")
    shutil.rmtree(folder)
    sound.write_bytes(b"no sound")
    (poor, folder, _), (mute, _, sound), *rest = frames_and_sound(own, "validation")
    for frame in folder.glob("*.jpg"):
        frame.write_bytes(b"no picture")
    sound.unlink()
    small = ["--settings", "classroom", "--sample_size", "32", "--batch_size", "4"]
    if network == "CTEN":
        small += ["--seq_len", "4"]
    result = jack(network, "main", *words, *small, "--n_epochs", "1", "--result_path", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "7 clips to train, 3 to validate" in result.stdout
    told = result.stdout.splitlines()[-1]
    assert told.startswith("4 of 12 clips could not be read: ")
    assert set(told.split(": ")[1].split(", ")) == {gone, bad, mute, poor}
    for name in (f"{gone}: found no such", f"{bad}.mp3: found", f"{mute}.mp3: found no such"):
        assert result.stderr.count(name) == 1, result.stderr

    words += ["--checkpoint_path", tmp_path / "best.pth", "--result_path", tmp_path]
    result = jack(network, "test", *words)
    assert result.returncode == 1, result.stderr
    assert "on 2 clips (chance" in result.stdout
    assert f"2 of 4 clips could not be read: {mute}, {poor}\n" in result.stdout
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert set(report["predictions"]) == {clip for clip, *_ in rest} and report["clips"] == 2
    assert set(report["unreadable"]) == {mute, poor}
    assert ".jpg: found a picture that cannot be read" in report["unreadable"][poor]

    for _, _, sound in frames_and_sound(own, "validation"):
        sound.write_bytes(b"no sound")
    result = jack(network, "test", *words)
    assert result.returncode == 1 and "and no other that can be read" in result.stderr


@pytest.fixture(scope="module")
def trained_cten(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cten")
    result = jack("CTEN", "main", "--result_path", folder, "--seq_len", "4", *SMALL)
    assert result.returncode == 0, result.stderr
    return folder, result


def test_cten_trains_tests_and_looks_at_one_video(trained_cten, tmp_path):
    folder, result = trained_cten
    assert "CTEN, classroom settings: 128 clips to train, 64 to validate" in result.stdout
    header, row = (folder / "log.csv").read_text().splitlines()
    assert header == (
        "epoch,train_loss,train_accuracy,val_accuracy,val_pass_1,val_pass_2,attention,detection,"
        "seconds"
    )
    result = jack("CTEN", "test", "--checkpoint_path", folder / "best.pth",
                  "--result_path", tmp_path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "evaluation.json").read_text())
    for name in ("accuracy", "pass_1", "pass_2"):
        assert f"{report[name]:.3f}" in result.stdout
    assert 0 <= report["detection"]["average_mAP[0.1:0.5]"] <= 1 and report["theta"] == 0.7
    assert "detection mAP by tIoU" in result.stdout
    assert "the table is of their mean" in result.stdout and report["prediction"] == "mean"
    by_time = report["detection_by_time"]["average_mAP[0.1:0.5]"]
    assert 0 <= by_time <= 1 and "right by time alone" in result.stdout
    assert float(row.split(",")[3]) == pytest.approx(report["accuracy"])  # the same evaluation

    result = jack("CTEN", "test_singlevideo", "--video_path", FILM, "--checkpoint_path",
                  folder / "best.pth", "--result_path", tmp_path, "--lang", "zh")  # fmt: skip
    assert result.returncode == 0, result.stderr
    shares = [float(line.split()[-1].rstrip("%")) for line in result.stdout.splitlines()[1:9]]
    assert sum(shares) == pytest.approx(100, abs=0.5) and shares == sorted(shares, reverse=True)
    assert (tmp_path / "bbb_0120_erasing.png").read_bytes().startswith(b"\x89PNG")


def test_cten_s_documented_options_for_a_real_data_set(trained_cten, tmp_path):
    # The command of the public README with the film clips in VE8's layout in place of VE8.
    film = film_clips(progress=False)
    result = jack(
        "CTEN", "main", "--dataset", "ve8", "--settings", "classroom",
        "--video_path", film.video_path, film.video_path,
        "--annotation_path", film.annotation_path, "--audio_path", film.audio_path,
        "--result_path", tmp_path, "--batch_size", "11", "--n_epochs", "1", "--sample_size", "32",
        "--fps", "30", "--snippet_duration", "8", "--audio_embed_size", "256",
        "--audio_n_segments", "4", "--audio_time", "30", "--checkpoint_path",
        trained_cten[0] / "best.pth",
    )  # fmt: skip
    # Weights trained with other sounds fit all the same: a network's pool has no weights.
    assert result.returncode == 0, result.stderr
    assert read_torch_file(tmp_path / "best.pth")["options"]["audio_time"] == 30


def test_the_visual_stream_needs_no_sound_in_any_phase(tmp_path):
    film = film_clips(progress=False)
    own = ["--dataset", "ve8", "--video_path", film.video_path,
           "--annotation_path", film.annotation_path]  # fmt: skip
    result = jack("CTEN", "main", *own, "--settings", "classroom", "--visual_only", "--seq_len",
                  "4", "--theta", "0.5", "--result_path", tmp_path, *SMALL)  # fmt: skip
    assert result.returncode == 0, result.stderr
    options = read_torch_file(tmp_path / "best.pth")["options"]
    assert options["visual_only"] is True and options["theta"] == 0.5
    result = jack("CTEN", "test", *own, "--checkpoint_path", tmp_path / "best.pth",
                  "--result_path", tmp_path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert report["theta"] == 0.5 and "detection" not in report  # film has no planted events
    result = jack("CTEN", "test_singlevideo", "--video_path", FILM, "--checkpoint_path",
                  tmp_path / "best.pth", "--result_path", tmp_path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    message = fails("CTEN", "main", *own, "--settings", "classroom", *SMALL)
    assert "found no --audio_path" in message


def test_ctens_ways_of_the_paper(few_clips, tmp_path):
    _, words = few_clips
    small = ["--settings", "classroom", "--seq_len", "4", "--sample_size", "32", "--n_epochs", "1",
             "--batch_size", "8", "--result_path", tmp_path]  # fmt: skip
    result = jack("CTEN", "main", *words, *small, "--ways", "paper")
    assert result.returncode == 0, result.stderr
    paper = {"pass_loss": "sum", "prediction": "first", "shortcut": "paper", "erase_sound": True}
    content = read_torch_file(tmp_path / "best.pth")
    assert paper.items() <= content["options"].items()
    assert "ta_net_a.fc.bias" in content["state_dict"] and "nl.0.alpha" not in content["state_dict"]

    here = ("--checkpoint_path", tmp_path / "best.pth", "--result_path", tmp_path)
    for option, name, line in (((), "first", "pass 1"), (("mean",), "mean", "their mean")):
        option = ("--prediction", *option) if option else ()
        result = jack("CTEN", "test", *words, *here, *option)
        assert result.returncode == 0, result.stderr
        assert f"the table is of {line}\n" in result.stdout
        report = json.loads((tmp_path / "evaluation.json").read_text())
        assert report["prediction"] == name and "detection_by_time" in report
        assert name == "mean" or report["accuracy"] == report["pass_1"]
    result = jack("CTEN", "test_singlevideo", "--video_path", FILM, *here)
    assert result.returncode == 0, result.stderr

    again = [*words, *small, "--resume", tmp_path / "last.pth"]
    message = fails("CTEN", "main", *again)
    assert "last.pth: found a run with shortcut paper, wanted shortcut learned" in message
    # An option of its own goes before --ways.
    message = fails("CTEN", "main", *again, "--ways", "paper", "--pass_loss", "mean")
    assert "last.pth: found a run with pass_loss sum, wanted pass_loss mean" in message
    message = fails("CTEN", "main", *words, *small, "--ways", "paper", "--visual_only")
    assert "erase_sound: found the visual stream" in message


def test_kept_features_need_stored_statistics():
    assert "--stored_statistics" in fails("CTEN", "main", "--keep_features", *SMALL)
    message = fails("CTEN", "main", "--keep_features", "--stored_statistics", *SMALL)
    assert "found a backbone that is trained" in message


def test_fewer_segments_than_the_checkpoint_has(trained_cten, tmp_path):
    message = fails("CTEN", "test", "--checkpoint_path", trained_cten[0] / "best.pth",
                    "--result_path", tmp_path, "--seq_len", "3")  # fmt: skip
    assert "best.pth" in message and "Build the network with the options" in message
    message = fails("CTEN", "main", "--seq_len", "3", "--audio_n_segments", "4", *SMALL)
    assert "audio_n_segments: found 4, wanted 3, as many as seq_len" in message


def test_weights_of_the_other_network(trained, trained_cten):
    message = fails("CTEN", "test", "--checkpoint_path", trained[0] / "best.pth")
    assert "found weights of VAANet, wanted weights of CTEN" in message
    message = fails("VAANet", "test", "--checkpoint_path", trained_cten[0] / "best.pth")
    assert "found weights of CTEN, wanted weights of VAANet" in message
    for option in ("--checkpoint_path", "--resume"):
        message = fails("CTEN", "main", option, trained[0] / "last.pth", *SMALL)
        assert "last.pth: found weights of VAANet, wanted weights of CTEN" in message


def test_a_finished_run_and_a_failed_one_leave_what_was_there(trained, tmp_path):
    before = {path.name: path.read_bytes() for path in trained[0].glob("*.*")}
    result = jack("VAANet", "main", "--result_path", trained[0], *SMALL,
                  "--resume", trained[0] / "last.pth")  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "in epoch 1" in result.stdout and "epoch   2" not in result.stdout
    fails("VAANet", "main", "--result_path", trained[0], *SMALL, "--learning_rate", "1e30")
    assert before == {path.name: path.read_bytes() for path in trained[0].glob("*.*")}


def test_resume_with_other_options_is_refused(trained, trained_cten):
    for network, folder, *words, found in (
        ("VAANet", trained[0], "--learning_rate", "1e-6", "learning_rate 0.001"),
        ("VAANet", trained[0], "--batch_size", "8", "batch_size 16"),
        ("VAANet", trained[0], "--fps", "15", "fps 30"),
        ("VAANet", trained[0], "--loss_func", "ce", "loss_func None"),
        ("CTEN", trained_cten[0], "--theta", "0.5", "theta 0.7"),
        ("CTEN", trained_cten[0], "--no_erasing", "erasing True"),
    ):
        again = ("--result_path", folder, "--resume", folder / "last.pth", *SMALL, *words)
        again += ("--seq_len", "4") if network == "CTEN" else ()
        message, name = fails(network, "main", *again), found.split()[0]
        assert f"last.pth: found a run with {found}, wanted {name} " in message


# --- What goes wrong says so in one line ----------------------------------------------------------


def fails(*arguments):
    result = jack(*arguments)
    assert result.returncode in (1, 2), result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr.strip().splitlines()[-1]


def test_wrong_number_of_classes(trained, tmp_path):
    content = read_torch_file(trained[0] / "best.pth")
    weights = dict(content["state_dict"])
    weights["av_fc.weight"], weights["av_fc.bias"] = (
        weights["av_fc.weight"][:6],
        weights["av_fc.bias"][:6],
    )
    write_torch_file(tmp_path / "six.pth", {"state_dict": weights, "options": content["options"]})
    message = fails("VAANet", "test", "--checkpoint_path", tmp_path / "six.pth")
    assert "six.pth" in message and "trained for 6 classes and this network has 8" in message
    options = dict(content["options"]) | {"n_classes": 6}
    write_torch_file(tmp_path / "six.pth", {"state_dict": weights, "options": options})
    message = fails("VAANet", "test", "--checkpoint_path", tmp_path / "six.pth")
    assert "found a network of 6 classes, wanted 8" in message


def test_no_checkpoint():
    message = fails("VAANet", "test", "--checkpoint_path", "nowhere.pth")
    assert "found no file nowhere.pth" in message and "VAANet main" in message


def test_paths_that_are_missing():
    message = fails("VAANet", "main", "--dataset", "iemocap", "--video_path", "/x")
    assert "found no --audio_path, --annotation_path" in message
    message = fails("VAANet", "main", "--dataset", "ve8", "--video_path", "/x")
    assert "found no --audio_path," in message  # its official split ships


def test_broken_video(trained, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"not a video at all" * 100)
    checkpoint = ("--checkpoint_path", trained[0] / "best.pth", "--result_path", tmp_path / "out")
    message = fails(
        "VAANet", "test_singlevideo", "--video_path", tmp_path / "broken.mp4", *checkpoint
    )
    assert "broken.mp4" in message
    assert not list(tmp_path.glob("out/*"))
    message = fails("VAANet", "test_singlevideo", "--video_path", "gone.mp4", *checkpoint)
    assert "gone.mp4" in message


@pytest.mark.parametrize("network", ["VAANet", "CTEN"])
def test_a_learning_rate_that_explodes(trained, network, tmp_path):
    message = fails(network, "main", "--result_path", tmp_path, *SMALL, "--learning_rate", "1e30")
    assert "no longer a number" in message and "Lower the learning rate" in message


@pytest.mark.parametrize(
    "arguments, wanted",
    [
        (("VAANet",), "wanted one of main, test, test_singlevideo"),
        (("VAANet", "tset"), "found 'tset', wanted one of main"),
        (("TSL", "main_evl"), "Did you mean 'main_eval'?"),
        (("CTEN", "test", "--theta", "1.5"), "--theta: found 1.5, wanted 0 to 1"),
        (("CTEN", "main", "--batch_size", "0"), "--batch_size: found 0, wanted more than 0"),
        (("VAANet", "main", "--n_epochs", "-1"), "--n_epochs: found -1, wanted more than 0"),
    ],
)
def test_what_is_not_there(arguments, wanted):
    assert wanted in fails(*arguments)


def test_help_and_unknown_commands():
    assert "VAANet main" in jack("--help").stdout
    result = jack("traain")
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr == "Unknown command 'traain'. All of them: bash script/run.sh help\n"
    said = jack("predct").stderr
    assert said.startswith("Unknown command 'predct'. Did you mean 'predict'? All of them: ")


@pytest.mark.parametrize("name", ["cten", "VAANET", "tsl", "Tsl", "gait"])
def test_a_network_s_name_in_any_letters(name, monkeypatch):
    called = []
    monkeypatch.setattr(entry, "_method", lambda *words: called.append(words) or 0)
    assert entry.main([name, "main", "--lang", "ZH"]) == 0
    (known,) = (known for known in entry.METHODS if known.lower() == name.lower())
    assert called == [(known, ["main", "--lang", "ZH"])]


# --- Terminals, pipes, disks ----------------------------------------------------------------------


def start(*arguments, **options):
    """As `jack`, with the streams and variables that `options` give."""
    environment = {**os.environ, **options.pop("environment", {})}
    return subprocess.run(
        [sys.executable, "-m", "jacklib", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        **options,
    )


@pytest.fixture
def left_pipe():
    """The end to write to of a pipe whose reader has left, as that of `| true`."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def test_a_reader_that_leaves_ends_nothing(left_pipe, tmp_path):
    """`| head -1` after the first line: the training goes on without a word and saves all."""
    result = start("Gait", "main", "--n_epochs", "1", "--result_path", tmp_path,
                   stdout=left_pipe, stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert result.returncode == 0 and "Error" not in result.stderr, result.stderr
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2
    assert (tmp_path / "best.pth").is_file() and (tmp_path / "last.pth").is_file()


@pytest.mark.parametrize("words", [["--help"], ["prepare", "nowhere", "out"]])
def test_closed_streams(words, left_pipe):
    code = start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    assert start(*words, stdout=left_pipe, stderr=left_pipe).returncode == code
    for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
        command = shlex.join([sys.executable, "-m", "jacklib", *words])
        result = subprocess.run(
            ["bash", "-c", f"{command} {closed}"], cwd=ROOT, capture_output=True, text=True
        )
        assert result.returncode == code and "Traceback" not in result.stderr


def test_a_file_does_not_get_the_number_of_a_closed_stream(tmp_path):
    """Else what a library prints would be written into it."""
    code = (
        "import os; from jacklib import __main__ as m; m.provide_streams(); "
        f"file = open({str(tmp_path / 'weights')!r}, 'w'); print('words'); os.write(1, b'words'); "
        "raise SystemExit(file.fileno() < 3)"
    )
    command = shlex.join([sys.executable, "-c", code])
    environment = {**os.environ, "JACKLIB_NO_JITTOR": "1"}
    result = subprocess.run(["bash", "-c", f"{command} >&-"], cwd=ROOT, env=environment)
    assert result.returncode == 0 and (tmp_path / "weights").read_bytes() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_goes_to_a_full_disk_is_one_sentence():
    with open("/dev/full", "w") as full:
        result = start("--help", stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("error: <stdout>: the disk is full. ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_progress_that_goes_to_a_full_disk_ends_nothing():
    code = (
        "import sys; from jacklib import __main__ as m; m.provide_streams(); "
        "print('half', file=sys.stderr, flush=True); sys.stderr.write('done'); "
        "print('found'); raise SystemExit(m.main(['--help']))"
    )
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=full, text=True
        )
        assert result.returncode == 0 and result.stdout.startswith("found\nbash script/run.sh")
        result = start("prepare", "nowhere", "out", stdout=subprocess.PIPE, stderr=full)
    assert result.returncode == 1 and result.stdout == b""


def test_letters_that_a_terminal_does_not_know():
    code = "from jacklib import __main__ as m; m.provide_streams(); print('\\u6ca1', '\\udce9')"
    old = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "", "JACKLIB_NO_JITTOR": "1"}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **old}, capture_output=True
    )
    assert (result.returncode, result.stdout) == (0, b"\\u6ca1 \\udce9\n"), result.stderr
    result = start("prepare", "没有", "out", environment=old, capture_output=True)
    assert result.returncode == 1
    assert b": found no such folder" in result.stderr and b"Traceback" not in result.stderr


def test_no_name_steers_the_terminal():
    result = start("prepare", "a", "b", "--\x1b]0;owned\x07\u202e", capture_output=True, text=True)
    assert result.returncode == 2
    assert "--\\x1b]0;owned\\x07\\u202e" in result.stderr and "\x1b" not in result.stderr


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device", "/a/best.pth"), "/a/best.pth: the disk is full. "),
        (PermissionError(13, "Permission denied", "/a"), "/a: no permission. "),
        (MemoryError("Unable to allocate 1. TiB"), "not enough memory (Unable to allocate 1. TiB"),
        (MemoryError(), "not enough memory. "),
        (RecursionError(), "found data nested too deep"),
        (RuntimeError("can't start new thread"), "too many processes or threads. "),
        (BlockingIOError(11, "Resource temporarily unavailable"), "too many processes or threads"),
    ],
)
def test_what_a_machine_refuses_is_one_sentence(error, message, monkeypatch, capsys):
    def refuse(*_):
        raise error

    for name in ("_tool", "_method"):
        monkeypatch.setattr(entry, name, refuse)
    for command in ("prepare", "TSL"):
        assert entry.main([command, "main"]) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"error: {message}") and len(said.splitlines()) == 1


@pytest.mark.parametrize("error", [
    RuntimeError("Execute fused operator(28/410) failed. Reason: Run cmd failed"),
    BlockingIOError(11, "Resource temporarily unavailable"), None,
])  # fmt: skip
@pytest.mark.parametrize("swallowed", [True, False])
def test_ctrl_c_is_no_error_whatever_it_does_to_a_compiler(error, swallowed, monkeypatch, capsys):
    def stopped(*_):
        bar = endless()
        next(bar)
        if error and swallowed:
            del bar  # Python only prints what its end raises
            raise error
        interrupt()

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)
        raise AssertionError("not interrupted")

    def endless():
        try:
            yield
        finally:
            if error and swallowed:
                interrupt()

    monkeypatch.setattr(entry, "_method", stopped)
    assert entry.main(["TSL", "main"]) == 130
    assert capsys.readouterr().err == "\nstopped\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    # Without Ctrl-C an error that nobody expects has its traceback.
    monkeypatch.setattr(entry, "_method", lambda *_: [][0])
    with pytest.raises(IndexError):
        entry.main(["TSL", "main"])


def test_a_machine_where_jittor_cannot_start_is_no_traceback(tmp_path):
    broken = tmp_path / "g++"
    broken.write_text("#!/bin/sh\necho no compiler today >&2; exit 1\n")
    broken.chmod(0o755)
    home = {"HOME": str(tmp_path), "JITTOR_HOME": str(tmp_path), "cc_path": str(broken)}
    result = start("Gait", "main", environment=home, capture_output=True, text=True)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: Jittor cannot start: Run cmd failed")
    assert last.endswith("Run `bash script/run.sh doctor`.")
