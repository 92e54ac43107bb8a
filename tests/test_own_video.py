"""Notebook 10's parts: files checked, uploads kept, answers of four networks, one page of them."""

import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from jacklib.teaching.page import page, write_page
from test_prepare import write_video

from jacklib.data.tsl_features import DESCRIPTOR
from jacklib.errors import DataError
from jacklib.methods.clips import one_clip
from jacklib.methods.clips import open_clips as clips_of
from jacklib.networks import (
    BPMGCN,
    CTEN,
    BPMGCNConfig,
    CTENConfig,
    TSLNet,
    TSLNetConfig,
    VAANet,
    VAANetConfig,
)
from jacklib.teaching import own_video
from jacklib.teaching.own_video import Answer
from jacklib.weights.checkpoint import save_weights
from jacklib.weights.torch_files import write_torch_file

ROOT = Path(__file__).parents[1]
CLIP = ROOT / "data_samples" / "film" / "video" / "Joy" / "bbb_0120.mp4"
FILM = ROOT / "data_samples" / "untrimmed_film" / "video" / "test" / "bbb_0733.mp4"
WALK = ROOT / "data_samples" / "gait" / "walks" / "deepmimic_walk.csv"


def test_files_that_cannot_be_used(tmp_path):
    empty = tmp_path / "empty.mp4"
    empty.touch()
    cases = {tmp_path / "gone.mp4": "no such file", WALK: r"ends in \.csv", empty: "0 bytes"}
    for path, said in cases.items():
        with pytest.raises(DataError, match=f"{path.name}: found .*{said}"):
            own_video.check_file(path)
    assert own_video.check_file(str(CLIP)) == CLIP
    assert own_video.check_file(WALK, own_video.POSES) == WALK


def test_a_look_at_the_file(tmp_path):
    facts = own_video.look(CLIP)
    assert facts.sound and facts.seconds == pytest.approx(4, abs=0.5)
    silent = tmp_path / "silent.mp4"
    write_video(silent, [90] * 30)
    facts = own_video.look(silent)
    assert not facts.sound and facts.seconds == pytest.approx(1, abs=0.1)
    with pytest.raises(DataError, match=r"not\.mp4: found .*decoded"):
        own_video.look(shutil.copy(WALK, tmp_path / "not.mp4"))


def test_uploads(tmp_path):
    assert own_video.uploaded((), tmp_path) is None
    value = ({"name": "..\\..\\evil/../my film.mp4", "content": memoryview(b"12345")},)
    path = own_video.uploaded(value, tmp_path / "uploads")
    assert path == tmp_path / "uploads" / "my film.mp4" and path.read_bytes() == b"12345"


@pytest.mark.parametrize("name, kept", [
    ("..", "upload"), ("", "upload"), ("/", "upload"), (".bashrc", "upload"),
    ("a\0.mp4", "upload.mp4"), ("x" * 300 + ".MKV", "upload.mkv"), ("a\n.bvh", "upload.bvh"),
    ("<img src=x>.mp4", "<img src=x>.mp4"), ("/etc/passwd", "passwd"),
])  # fmt: skip
def test_an_upload_stays_in_its_folder(tmp_path, name, kept):
    folder, victim = tmp_path / "uploads", tmp_path / "victim"
    folder.mkdir()
    victim.write_text("precious")
    (folder / kept).symlink_to(victim)
    path = own_video.uploaded(({"name": name, "content": memoryview(b"12345")},), folder)
    assert path == folder / kept and not path.is_symlink() and path.read_bytes() == b"12345"
    assert victim.read_text() == "precious" and len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("stem", ["my film", "<b>", "...", "a\\b"])
def test_one_clip_makes_no_path_of_a_name(tmp_path, stem):
    video = write_video(tmp_path / f"{stem}.mp4", [90] * 20)
    opened = []

    def open_clips(paths):
        opened.append(paths.video_path)
        clips = clips_of(VAANetConfig.classroom(2), paths, "validation")
        return clips

    with one_clip(video, open_clips) as clips:
        assert clips.items[0].id == stem and clips.class_names == ["clip"]
        assert clips.items[0].frame_folder == opened[0] / "clip" / "clip"
        assert clips.items[0].audio_file.name == "clip.mp3"
    assert not opened[0].exists()


def test_weights_are_the_newest_that_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(own_video, "ROOT", tmp_path)
    assert own_video.found_weights("TSL") is None
    for place in ("results/TSL/best.pth", "notebooks/results/tsl/last.pth"):
        path = tmp_path / place
        path.parent.mkdir(parents=True)
        path.touch()
        assert own_video.found_weights("TSL") == path
    assert own_video.weights("TSL") == path  # so none is trained
    assert own_video.found_weights("Gait") is None
    path = tmp_path / "notebooks" / "results" / "gait" / "both" / "last.pth"  # as 07 leaves it
    path.parent.mkdir(parents=True)
    path.touch()
    assert own_video.found_weights("Gait") == path
    with pytest.raises(ValueError, match="'Tsl'"):
        own_video.weights("Tsl")


def test_of_an_interrupted_training_nothing_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(own_video, "ROOT", tmp_path)

    def train(stops: bool):
        def run(command, **_):
            folder = Path(command[command.index("--result_path") + 1])
            (folder / "best.pth").touch()
            if stops:
                raise KeyboardInterrupt
            return subprocess.CompletedProcess(command, 0, "", "")

        return run

    monkeypatch.setattr(own_video.runtime, "run_child", train(stops=True))
    with pytest.raises(KeyboardInterrupt):
        own_video.weights("CTEN")
    assert own_video.found_weights("CTEN") is None
    monkeypatch.setattr(own_video.runtime, "run_child", train(stops=False))
    path = own_video.weights("CTEN")
    assert path.is_file() and own_video.found_weights("CTEN") == path
    left = {entry.name for entry in path.parents[1].iterdir()}
    assert left <= {"CTEN", ".jack.lock"}


def test_weights_of_a_training_that_goes_on_are_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(own_video, "ROOT", tmp_path)
    last = tmp_path / "notebooks" / "results" / "vaanet" / "last.pth"
    last.parent.mkdir(parents=True)
    for epoch, found in ((3, None), (12, last)):
        write_torch_file(last, {"progress": {"epoch": epoch, "n_epochs": 12}})
        assert own_video.found_weights("VAANet") == found


def test_two_kernels_share_one_training(tmp_path):
    """Three processes ask for weights at once; the training (a small stand-in) runs once."""
    code = (
        "import subprocess, sys, time\n"
        "from pathlib import Path\n"
        "from jacklib import own_video\n"
        "def train(command, **_):\n"
        "    folder = Path(command[-1])\n"
        "    (folder / 'best.pth').write_text('half')\n"
        "    print('trained', flush=True)\n"
        "    time.sleep(1)\n"
        "    (folder / 'best.pth').write_text('whole')\n"
        "    return subprocess.CompletedProcess(command, 0, '', '')\n"
        "own_video.runtime.run_child = train\n"
        "own_video.ROOT = Path(sys.argv[1])\n"
        "print(own_video.weights('TSL').read_text())\n"
    )
    kernels = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
               for _ in range(3)]  # fmt: skip
    said = [kernel.communicate(timeout=120) for kernel in kernels]
    assert sum(out.count("trained") for out, _ in said) == 1, said
    assert all(out.endswith("whole\n") for out, _ in said)
    assert any("waiting for process" in err and "(training TSL, since" in err for _, err in said)


def test_what_a_training_measured(tmp_path):
    log = tmp_path / "log.csv"
    assert own_video.measured(tmp_path / "best.pth") is None
    log.write_text("epoch,train_accuracy,val_accuracy\n1,1.0,0.5\n2,1.0,0.75\n3,1.0,0.25\n")
    assert own_video.measured(tmp_path / "best.pth") == ("accuracy", 0.75)
    assert own_video.measured(tmp_path / "last.pth") == ("accuracy", 0.25)
    log.write_text("epoch,train_accuracy,average_mAP\n1,1.0,0.5\n")
    assert own_video.measured(tmp_path / "best.pth") == ("mAP", 0.5)
    answer = Answer("N", lambda: None, b"", "", {}, tmp_path / "best.pth")
    assert "mAP 0.50 on the validation data" in page([answer], "a")
    for damaged in (
        b"epoch,val_accuracy\n1,0.x5\n",
        b"epoch,val_accuracy\n1,\xff\n",
        b"epoch,val_accuracy\n1," + b"9" * 200_000,
        b'epoch,val_accuracy\n1,"' + b"9" * 200_000,
        b"epoch,val_accuracy\n1,1e99\n2,nan\n",
        b"\0",
        b"",
    ):
        log.write_bytes(damaged)
        assert own_video.measured(tmp_path / "best.pth") is None


def test_a_short_training_that_fails_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(own_video, "found_weights", lambda network: None)
    monkeypatch.setitem(own_video.SHORT, "Gait", ["--n_epochs", "-1"])
    with pytest.raises(RuntimeError, match=r"Gait main(?s:.*)n_epochs"):
        own_video.weights("Gait")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> dict[str, Path]:
    """Untrained networks of the classroom's size, saved as training saves them."""
    folder, made = tmp_path_factory.mktemp("weights"), {}
    networks = {"VAANet": (VAANet, VAANetConfig), "CTEN": (CTEN, CTENConfig),
                "TSL": (TSLNet, TSLNetConfig), "Gait": (BPMGCN, BPMGCNConfig)}  # fmt: skip
    for name, (network, config) in networks.items():
        options = asdict(config.classroom())
        notes = {"network": name, "features": DESCRIPTOR} if name == "TSL" else {"network": name}
        made[name] = folder / f"{name}.pth"
        save_weights(network(**options), made[name], options | notes)
    return made


@pytest.fixture(scope="module")
def answers(checkpoints):
    with own_video.open_cten(CLIP, checkpoints["CTEN"]) as second:
        yield [
            own_video.ask_vaanet(CLIP, checkpoints["VAANet"]),
            second,
            own_video.ask_tsl(FILM, checkpoints["TSL"], "zh"),
            own_video.ask_gait(WALK, checkpoints["Gait"]),
        ]


def test_every_network_answers(answers):
    assert [a.network for a in answers] == ["VAANet", "CTEN", "TSL-Net", "BPM-GCN"]
    assert [len(a.probabilities) for a in answers] == [8, 8, 2, 4]
    assert list(answers[2].probabilities) == ["负面", "正面"]  # not "n" and "p"
    for answer in answers:
        assert answer.png.startswith(b"\x89PNG") and answer.words
        if answer.network != "TSL-Net":  # whose scores are independent
            assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert answer.widget().widget.children


def test_the_sliders_of_cten_look_at_the_file_again(answers):
    explorer = answers[1].widget()
    before = explorer.image.value
    explorer.theta.value = 0.2
    after = bytes(explorer.image.value)
    assert after != bytes(before) and after.startswith(b"\x89PNG")


def test_a_film_too_short_for_tsl_net(checkpoints):
    with pytest.raises(DataError, match=r"bbb_0120.mp4: found 6 pieces.*5\.3 seconds"):
        own_video.ask_tsl(CLIP, checkpoints["TSL"])


def test_a_file_that_is_no_video(checkpoints, tmp_path):
    file = tmp_path / "not.mp4"
    shutil.copy(WALK, file)
    for ask in (own_video.ask_vaanet, own_video.ask_tsl):
        network = "VAANet" if ask is own_video.ask_vaanet else "TSL"
        with pytest.raises(DataError, match=r"not\.mp4"):
            ask(file, checkpoints[network])


class Tags(HTMLParser):
    """Collects the addresses that a page would fetch, and its text."""

    def __init__(self):
        super().__init__()
        self.addresses, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.addresses += [v for k, v in attrs if k in ("src", "href")]

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_needs_nothing_else(answers, tmp_path, lang):
    path = write_page(answers, tmp_path / "new" / "page.html", "my <film>.mp4", lang)
    text = path.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    assert len(tags.addresses) == 4
    assert all(a.startswith("data:image/png;base64,") for a in tags.addresses)
    assert "<script" not in text and "http" not in text and f'lang="{lang}"' in text
    assert "my <film>.mp4" in tags.text  # as text, not as a tag
    for answer in answers:
        assert answer.network in tags.text and answer.words in tags.text
    assert str(ROOT) not in text
    assert ("悲伤" in text) == (lang == "zh")
    assert len(re.findall(r"\d+\.\d%", tags.text)) >= 22


@pytest.mark.parametrize("lang, words", [("en", "no sound"), ("zh", "没有声音")])
def test_the_page_says_where_a_film_has_no_sound(lang, words):
    answer = Answer("VAANet", lambda: None, b"", "", {"joy": 0.5}, Path("a.pth"))
    assert words not in page([answer], "a", lang)
    assert words in page([answer], "a", lang, sound=False)


def test_names_are_not_taken_for_html():
    bad = Answer("<b>", lambda: None, b"", '"><script>', {"<i>": 0.5}, Path("<u>"))
    text = page([bad], "<h1>")
    assert "<script>" not in text and "<i>" not in text and "<u>" not in text
    assert np.char.count(text, "<h1>") == 1
