"""The front door: `load`, `predict` and what an answer is, for all four networks."""

import argparse
import csv
import hashlib
import io
import json
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import ROOT
from support.commands import jack
from support.videos import write_video

import jacklib as package
from jacklib.cli import predict as command
from jacklib.cli import run as entry
from jacklib.data import media, tsl_features
from jacklib.data.gait import read_pose
from jacklib.data.prepare import prepare_one_video
from jacklib.errors import DataError
from jacklib.files import csv_rows, csv_text
from jacklib.methods import clips, cten, tsl
from jacklib.methods.answer import Answer, View, measured
from jacklib.methods.checkpoints import open_checkpoint
from jacklib.methods.front import CLASSROOM_DATA, METHODS, default_weights, load, network_key
from jacklib.methods.page import page, write_page
from jacklib.networks import (
    BPMGCN,
    CTEN,
    BPMGCNConfig,
    CTENConfig,
    CTENVisual,
    TSLNet,
    TSLNetConfig,
    VAANet,
    VAANetConfig,
)
from jacklib.weights.checkpoint import read_weights, save_weights
from jacklib.weights.torch_files import read_safetensors
from script import ship_weights as shipping

SAMPLES = ROOT / "data_samples"
CLIP = SAMPLES / "film" / "video" / "Joy" / "bbb_0120.mp4"
FILM = SAMPLES / "untrimmed_film" / "video" / "test" / "bbb_0733.mp4"
WALK = SAMPLES / "gait" / "walks" / "deepmimic_walk.csv"
SOURCES = {"vaanet": CLIP, "cten": CLIP, "tsl": FILM, "gait": WALK}
CLASSES = {"vaanet": 8, "cten": 8, "tsl": 2, "gait": 4}


@pytest.fixture(scope="module")
def models():
    return {network: load(network) for network in METHODS}


@pytest.fixture(scope="module")
def answers(models):
    return {network: models[network].predict(SOURCES[network]) for network in METHODS}


def same(one: Answer, other: Answer, tolerance: float = 0.0) -> None:
    """The same numbers, whatever the files are called."""
    assert one.label == other.label and one.probabilities.keys() == other.probabilities.keys()
    for name, probability in one.probabilities.items():
        assert other.probabilities[name] == pytest.approx(probability, abs=tolerance)
    np.testing.assert_allclose(one.attention, other.attention, atol=tolerance)
    assert [s[2] for s in one.segments] == [s[2] for s in other.segments]
    numbers = [[(s[0], s[1], s[3]) for s in answer.segments] for answer in (one, other)]
    np.testing.assert_allclose(*numbers, atol=tolerance)


# --- Loading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", METHODS)
def test_the_weights_that_ship(network, models):
    model, options = models[network], models[network].file.options
    assert model.network == network and len(model.class_names) == CLASSES[network]
    assert options["network"] == METHODS[network].NAME and options["seed"] == 0
    assert len(options["class_names"]) == CLASSES[network] and options["epoch"] > 0
    assert options["trained_on"] == model.trained_on == CLASSROOM_DATA[network]
    assert model.score == ("mAP" if network == "tsl" else "accuracy", options["score"])
    assert options["score"] > 0.8
    assert model.weights == f"data_samples/weights/{network}.safetensors"
    assert not model.net.is_training()
    for name in ("README.md", "README_CN.md"):
        row = next(r for r in (SAMPLES / "weights" / name).read_text(encoding="utf-8").splitlines()
                   if r.startswith(f"| `{network}.safetensors` |"))  # fmt: skip
        assert f" {options['score']:.2f}" in row
    sums = (SAMPLES / "weights" / "SHA256SUMS").read_text().splitlines()
    content = Path(model.file.path).read_bytes()
    assert f"{hashlib.sha256(content).hexdigest()}  {network}.safetensors" in sums
    assert len(sums) == 2 * len(METHODS) and len(content) < 4e6


def test_the_package_lends_it_by_name(models):
    assert package.load is load
    assert "config=VAANetConfig(" in repr(models["vaanet"]) and len(repr(models["vaanet"])) < 800


def test_names_of_networks():
    names = {"VAANet": "vaanet", "CTEN": "cten", "TSL": "tsl", "TSL-Net": "tsl", "Gait": "gait",
             "BPM-GCN": "gait", "bpm_gcn": "gait"}  # fmt: skip
    assert {name: network_key(name) for name in names} == names
    for wrong in ("vaanett", "", "\x1b[2J"):
        with pytest.raises(DataError, match="wanted one of vaanet, cten, tsl, gait"):
            load(wrong)
    with pytest.raises(DataError, match="found 'vanet', .* Did you mean 'vaanet'"):
        load("vanet")
    with pytest.raises(DataError, match="sample_sise: found an option that the network does not"):
        load("vaanet", sample_sise=32)


def test_a_path_is_a_path_and_a_name_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(SAMPLES / "weights" / "cten.safetensors", "vaanet")  # known by its content
    assert load("vaanet").weights == "data_samples/weights/vaanet.safetensors"
    model = load(Path("vaanet"))
    assert (model.network, model.weights) == ("cten", "vaanet")
    with pytest.raises(DataError, match=r"gone\.pth: found no such file"):
        load("gone.pth")
    (tmp_path / "notes.safetensors").write_text("no weights")
    with pytest.raises(DataError, match=r"notes\.safetensors"):
        load("notes.safetensors")


NETWORKS = {
    "vaanet": lambda: VAANet(VAANetConfig.classroom(n_classes=3)),
    "cten": lambda: CTEN(CTENConfig.classroom(n_classes=3)),
    "tsl": lambda: TSLNet(TSLNetConfig.classroom()),
    "gait": lambda: BPMGCN(BPMGCNConfig.classroom()),
}


@pytest.mark.parametrize("network", METHODS)
def test_a_file_that_says_nothing(network, tmp_path):
    path = save_weights(NETWORKS[network](), tmp_path / "released.pth")
    with pytest.raises(DataError, match=r"released\.pth: found weights that do not say which"):
        load(path)
    n_classes = {"vaanet": 3, "cten": 3}.get(network)
    model = load(path, network=network.upper(), settings="classroom", n_classes=n_classes)
    assert len(model.class_names) == n_classes or CLASSES[network]
    if n_classes:
        assert model.class_names == ["class 0", "class 1", "class 2"]
    assert model.trained_on is None and model.score is None and model.weights == str(path)
    with pytest.raises(DataError, match="settings: found 'papr', wanted paper or classroom"):
        load(path, network=network, settings="papr")
    with pytest.raises(DataError, match=r"released\.pth"):  # the paper's has other sizes
        load(path, network=network)


def test_the_visual_stream_says_so_itself_or_is_told(tmp_path):
    config = CTENConfig.classroom(n_classes=3)
    path = save_weights(CTENVisual(config), tmp_path / "visual.pth")
    how = {"network": "cten", "settings": "classroom", "n_classes": 3}
    model = load(path, **how, visual_only=True)
    assert isinstance(model.net, CTENVisual)
    S, D, size = config.seq_len, config.snippet_duration, config.sample_size
    answer = model.predict((np.zeros((S, 3, D, size, size)), None))
    assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)
    with pytest.raises(DataError, match=r"visual\.pth"):
        load(path, **how)


def test_a_file_of_another_network_or_size():
    path = SAMPLES / "weights" / "vaanet.safetensors"
    with pytest.raises(DataError, match="found weights of VAANet, wanted weights of CTEN"):
        load(path, network="cten")
    with pytest.raises(DataError, match="found a network of 8 classes, wanted 3"):
        load(path, n_classes=3)
    with pytest.raises(DataError, match=r"vaanet\.safetensors: .*another shape"):
        load(path, seq_len=4)
    assert load(path, network="VAANet", n_classes=8).network == "vaanet"


def test_a_file_of_a_network_that_nobody_knows(tmp_path):
    save_weights(NETWORKS["gait"](), tmp_path / "x.pth", {"network": "\x1b[2Jevil"})
    with pytest.raises(DataError, match=r"x\.pth, option network: found .*evil") as caught:
        load(tmp_path / "x.pth")
    assert "\x1b" not in str(caught.value)


# --- Answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", METHODS)
def test_an_answer_s_fields(network, models, answers):
    answer, model = answers[network], models[network]
    assert answer.network == {"vaanet": "VAANet", "cten": "CTEN", "tsl": "TSL-Net",
                              "gait": "BPM-GCN"}[network]  # fmt: skip
    assert answer.file == SOURCES[network].name and answer.weights == model.weights
    assert set(answer.probabilities) == set(model.class_names)
    assert answer.label == max(answer.probabilities, key=answer.probabilities.get)
    assert all(type(p) is float and 0 <= p <= 1 for p in answer.probabilities.values())
    if network != "tsl":  # whose scores are independent
        assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)
    length = {"vaanet": 4.1, "cten": 4.3, "tsl": 54.7, "gait": 1.25}[network]
    assert answer.seconds == pytest.approx(length, abs=0.2)
    parts = {"vaanet": 8, "cten": 8, "tsl": round(answer.seconds * 24 / 16)}.get(network)
    if parts:
        assert answer.attention.shape[0] == pytest.approx(parts, abs=1)
    else:
        assert answer.attention is None
    assert bool(answer.segments) == (network in ("cten", "tsl"))
    scores = [score for *_, score in answer.segments]
    assert scores == sorted(scores, reverse=True)
    for start, end, label, score in answer.segments:
        assert 0 <= start < end <= answer.seconds + 0.1 and label in model.class_names
        assert np.isfinite(score)
    assert answer.trained_on == model.trained_on and answer.score == model.score
    assert answer.words("zh") != answer.words() and answer.state is not None


def test_the_likeliest_comes_first(answers):
    for network in ("vaanet", "cten", "gait"):
        numbers = list(answers[network].probabilities.values())
        assert numbers == sorted(numbers, reverse=True)


@pytest.mark.parametrize("lang, said", [
    ("en", ("rendered clips", "rendered clips", "rendered videos", "synthetic labels")),
    ("zh", ("渲染视频", "渲染视频", "渲染的长视频", "合成标签")),
])  # fmt: skip
def test_the_doubt(lang, said, answers):
    for answer, words in zip(answers.values(), said, strict=True):
        assert words in answer.doubt_in(lang)
    assert answer.doubt == answer.doubt_in("en")
    with pytest.raises(ValueError, match="lang"):
        answer.doubt_in("fr")
    unknown = Answer("VAANet", "a", "w.pth", "Joy", {"Joy": 1.0}, [], None, 1.0, "ve8")
    assert unknown.doubt is None and str(unknown) == "a: Joy 1.00 (VAANet, weights w.pth)"


@pytest.mark.parametrize("network", METHODS)
def test_an_answer_prints_and_shows_itself(network, answers):
    answer = answers[network]
    assert str(answer) == repr(answer) and "\n" not in str(answer)
    assert str(answer).startswith(f"{answer.file}: {answer.label} 0.")
    assert str(answer).endswith(answer.doubt)
    bundle = answer._repr_mimebundle_(include=None, exclude=None)
    assert list(bundle) == ["image/png", "text/plain"]  # nbviewer takes the first that it can
    assert bundle["image/png"].startswith(b"\x89PNG") and bundle["text/plain"] == str(answer)
    for lang in ("en", "zh"):
        assert answer.show(lang).widget.children


def test_the_sliders_of_cten_look_at_the_file_again(answers):
    explorer = answers["cten"].show()
    before = bytes(explorer.image.value)
    explorer.theta.value = 0.2
    after = bytes(explorer.image.value)
    assert after != before and after.startswith(b"\x89PNG")


class Tags(HTMLParser):
    """Collects the addresses that a page would fetch, and its text."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.addresses += [v for k, v in attrs if k in ("src", "href")]

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("network", METHODS)
def test_what_is_saved_is_read_back(network, lang, answers, tmp_path):
    answer = answers[network]
    path = answer.save(tmp_path / "new" / "answer.html", lang)
    tags = Tags(path.read_text(encoding="utf-8"))
    assert answer.doubt_in(lang) in tags.text and answer.words(lang) in tags.text
    for name, probability in answer.probabilities.items():
        assert name in tags.text and f"{probability:.1%}" in tags.text
    assert answer.weights in tags.text and f"{answer.score[1]:.2f}" in tags.text
    with Image.open(answer.save(tmp_path / "answer.PNG", lang)) as picture:
        assert picture.format == "PNG" and min(picture.size) > 200
    assert (tmp_path / "answer.PNG").read_bytes() == answer.png(lang)
    read = json.loads(answer.save(tmp_path / "answer.json", lang).read_text(encoding="utf-8"))
    assert read == json.loads(json.dumps(answer.to_dict()))
    assert read["label"] == answer.label and read["probabilities"] == answer.probabilities
    assert [tuple(segment) for segment in read["segments"]] == answer.segments
    assert read["doubt"] == answer.doubt and read["score"] == dict([answer.score])
    if answer.attention is not None:
        assert read["attention"] == answer.attention.tolist()
    for name in ("answer.pdf", "answer"):
        with pytest.raises(DataError, match=r"wanted \.html, \.png or \.json"):
            answer.save(tmp_path / name)
    assert {p.name for p in tmp_path.iterdir()} == {"new", "answer.PNG", "answer.json"}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_page_of_all_four_needs_nothing_else(answers, tmp_path, lang):
    path = write_page(list(answers.values()), tmp_path / "page.html", "my <film>.mp4", lang)
    text = path.read_text(encoding="utf-8")
    tags = Tags(text)
    assert len(tags.addresses) == 4
    assert all(a.startswith("data:image/png;base64,") for a in tags.addresses)
    words = re.sub(r"base64,[\w+/=]+", "", text)
    assert "<script" not in words and "http" not in words and f'lang="{lang}"' in words
    assert "my <film>.mp4" in tags.text  # as text, not as a tag
    for answer in answers.values():
        assert answer.network in tags.text and answer.words(lang) in tags.text
    assert str(ROOT) not in text
    assert ("悲伤" in text) == (lang == "zh")
    assert len(re.findall(r"\d+\.\d%", tags.text)) >= 22


def stub(file="a", weights="w", words="", label="joy"):
    view = View(lambda lang: None, lambda lang: b"PNG", lambda lang: words)
    return Answer("VAANet", file, weights, label, {label: 0.5}, [], None, 1.0, view=view)


@pytest.mark.parametrize("lang, words", [("en", "no sound"), ("zh", "没有声音")])
def test_the_page_says_where_a_film_has_no_sound(lang, words):
    assert words not in page([stub()], "a", lang)
    assert words in page([stub()], "a", lang, sound=False)


def test_names_are_not_taken_for_html():
    text = page([stub(weights="<u>", words='"><script>', label="<i>")], "<h1>")
    assert "<script>" not in text and "<i>" not in text and "<u>" not in text
    assert text.count("<h1>") == 1


def test_of_a_private_folder_the_page_has_the_last_name_only():
    assert "secret" not in page([stub(weights="/home/secret/w.pth")], "a")


def test_what_a_training_measured(tmp_path):
    log = tmp_path / "log.csv"
    assert measured(tmp_path / "best.pth") is None
    log.write_text("epoch,train_accuracy,val_accuracy\n1,1.0,0.5\n2,1.0,0.75\n3,1.0,0.25\n")
    assert measured(tmp_path / "best.pth") == ("accuracy", 0.75)
    assert measured(tmp_path / "last.pth") == ("accuracy", 0.25)
    log.write_text("epoch,train_accuracy,average_mAP\n1,1.0,0.5\n")
    assert measured(tmp_path / "best.pth") == ("mAP", 0.5)
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
        assert measured(tmp_path / "best.pth") is None


# --- Arrays and folders of frames -----------------------------------------------------------------


def test_arrays_in_place_of_a_clip(models, answers):
    config = models["vaanet"].config
    opened = clips.one_clip(CLIP, lambda p: clips.open_clips(config, p, "validation"))
    sample = opened.load(0)
    same(models["vaanet"].predict((sample.visual, sample.audio)), answers["vaanet"])
    same(models["vaanet"].predict([sample.visual, sample.audio]), answers["vaanet"])

    model = models["cten"]
    opened = clips.one_clip(CLIP, lambda p: cten.open_clips(model.config, p, "validation"))
    sample, answer = opened.load(0), None
    answer = model.predict((sample.visual, sample.audio))
    first = cten.test(model.net, opened).first
    for k, name in enumerate(model.class_names):  # of arrays there is the first pass alone
        assert answer.probabilities[name] == pytest.approx(first.probabilities[0, k], abs=1e-6)
    np.testing.assert_allclose(answer.attention, answers["cten"].attention, atol=1e-6)
    assert answer.segments == [] and answer.file == "arrays" and answer.seconds == 0


def test_arrays_in_place_of_features_and_poses(models, answers):
    model = models["tsl"]
    sample, fps = tsl.describe_file(FILM, model.config, model.file.options)
    answer = model.predict((sample.rgb, sample.logmel), fps=fps)
    same(answer, answers["tsl"])
    assert answer.png().startswith(b"\x89PNG") and answer.seconds == answers["tsl"].seconds
    half = model.predict((sample.rgb, sample.logmel), fps=fps * 2)
    assert half.seconds == pytest.approx(answer.seconds / 2)

    walk = SAMPLES / "gait" / "walks" / "cmu_01_03.csv"
    of_file = models["gait"].predict(walk, fps=26.3)
    of_array = models["gait"].predict(np.asarray(read_pose(walk).pose), fps=26.3)
    assert of_array.probabilities == of_file.probabilities
    assert (of_array.file, of_file.file) == ("array", walk.name)


def test_arrays_that_are_none(models):
    wrong = r"source: found \(an array, None\), wanted a pair of arrays: "
    for network, shape in (("vaanet", (8, 3, 8, 64, 64)), ("tsl", (20, 1024))):
        with pytest.raises(DataError, match=wrong):
            models[network].predict((np.zeros(shape), None))
        with pytest.raises(DataError, match=r"source: found \(an array\)"):
            models[network].predict((np.zeros(shape),))
    with pytest.raises(ValueError, match=r"visual: found shape \[1, 8, 3\]"):
        models["vaanet"].predict((np.zeros((8, 3)), np.zeros((1024, 32))))
    bare = models["vaanet"].predict((np.zeros((8, 3, 8, 64, 64)), np.zeros((1024, 32))))
    assert bare._repr_mimebundle_() == {"text/plain": str(bare)}
    for ask in (bare.show, bare.png, bare.words):
        with pytest.raises(DataError, match="found bare arrays"):
            ask()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A clip's frames and sound in VE8's layout: img/Joy/clip and mp3/Joy/clip.mp3."""
    root = tmp_path_factory.mktemp("ve8")
    prepare_one_video(CLIP, root / "img" / "Joy" / "clip", root / "mp3" / "Joy" / "clip.mp3")
    return root


@pytest.mark.parametrize("network", ["vaanet", "cten"])
@pytest.mark.parametrize("place", ["layout", "inside", "beside", "named"])
def test_a_folder_of_frames_is_its_film(network, place, prepared, models, answers, tmp_path):
    frames, sound, how = (
        prepared / "img" / "Joy" / "clip",
        prepared / "mp3" / "Joy" / "clip.mp3",
        {},
    )
    if place != "layout":
        frames = shutil.copytree(frames, tmp_path / "frames.v2")
        target = {"inside": frames / "sound.mp3", "beside": tmp_path / "frames.v2.mp3",
                  "named": tmp_path / "elsewhere.mp3"}[place]  # fmt: skip
        shutil.copy(sound, target)
        how = {"sound": target} if place == "named" else {}
    answer = models[network].predict(frames, **how)
    same(answer, answers[network])
    assert answer.file == frames.name and answer.seconds == answers[network].seconds


def test_frames_without_sound_are_heard_as_silence(models, tmp_path):
    silent = write_video(tmp_path / "silent.mp4", [20 * (k % 9) for k in range(30)])
    prepare_one_video(silent, tmp_path / "frames", tmp_path / "elsewhere" / "made.mp3")
    for network in ("vaanet", "cten"):
        model = models[network]
        same(model.predict(tmp_path / "frames"), model.predict(silent), 1e-5)


def test_frames_for_tsl_net_in_their_natural_order(models, tmp_path, monkeypatch):
    film = write_video(tmp_path / "film.mp4", [8 * (k % 29) for k in range(160)])
    (tmp_path / "frames").mkdir()
    for k, picture in enumerate(tsl_features.read_frames(film)):
        Image.fromarray(picture).save(tmp_path / "frames" / f"frame {k}.png")  # "2" before "10"
    (tmp_path / "frames" / "._frame 0.png").write_bytes(b"as macOS leaves them")
    monkeypatch.chdir(tmp_path / "frames")
    answer = models["tsl"].predict(".")
    same(answer, models["tsl"].predict(film))
    assert answer.file == "frames" and answer.png().startswith(b"\x89PNG")


def test_what_is_wrong_in_a_folder_of_frames_is_named(prepared, models, tmp_path):
    frames = shutil.copytree(prepared / "img" / "Joy" / "clip", tmp_path / "frames")
    for network in ("vaanet", "tsl"):
        with pytest.raises(DataError, match=r"gone\.mp3: found no such file"):
            models[network].predict(frames, sound=tmp_path / "gone.mp3")
    (frames / "s.wav").write_bytes(b"no sound")
    for network in ("vaanet", "cten", "tsl"):
        with pytest.raises(DataError, match=re.escape(f"{frames / 's.wav'}: found")):
            models[network].predict(frames)
    (frames / "s.wav").unlink()
    for path in frames.glob("*.jpg"):
        path.write_bytes(b"no picture")
    for network in ("vaanet", "cten", "tsl"):
        with pytest.raises(DataError, match=re.escape(f"{frames}/0000") + r"\d\d\.jpg: found"):
            models[network].predict(frames)
    empty = tmp_path / "empty"
    empty.mkdir()
    for network in ("vaanet", "tsl"):
        with pytest.raises(DataError, match="empty: found no image"):
            models[network].predict(empty)


def test_where_no_sound_can_lie(monkeypatch):
    for folder in ("/", "/tmp"):  # whose folders above are few
        assert media.sound_beside(folder) is None


def test_files_that_are_no_films(models, tmp_path):
    file = Path(shutil.copy(WALK, tmp_path / "not.mp4"))
    for network in ("vaanet", "cten", "tsl"):
        for path in (file, tmp_path / "gone.mp4"):
            with pytest.raises(DataError, match=re.escape(path.name)):
                models[network].predict(path)
    with pytest.raises(DataError, match=r"bbb_0120\.mp4: found 6 pieces.*5\.3 seconds"):
        models["tsl"].predict(CLIP)
    with pytest.raises(DataError, match=r"wanted \.bvh, \.npy or \.csv"):
        models["gait"].predict(CLIP)


# --- The command `predict` ------------------------------------------------------------------------


def predicted(*words) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.main(parser.parse_args(list(map(str, words))))


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_predict_many_of_which_one_is_bad(tmp_path):
    for folder, name in (("a", "clip.mp4"), ("b", "Clip.mp4")):
        (tmp_path / folder).mkdir()
        shutil.copy(CLIP, tmp_path / folder / name)
    bad = tmp_path / "b" / "bad.mp4"
    bad.write_text("no film")
    (tmp_path / "b" / "notes.txt").write_text("is not asked about")
    result = jack("predict", "cten", tmp_path / "a" / "clip.mp4", tmp_path / "b", "--out",
                  tmp_path / "out", "--lang", "zh")  # fmt: skip
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith(f"not read: {bad}: found ")
    assert result.stderr.count("not read:") == 1 and "notes.txt" not in result.stderr
    assert "weights: data_samples/weights/cten.safetensors, accuracy 0.98" in result.stdout
    assert "渲染视频" in result.stdout.splitlines()[-1]
    out = tmp_path / "out"
    assert (
        f"written: {out}/predictions.csv, {out}/timeline.csv, 2 pages in {out}\n" in result.stdout
    )
    names = {path.name for path in out.iterdir()}
    assert names == {"predictions.csv", "timeline.csv", "clip.html", "Clip_2.html"}
    assert 'lang="zh"' in (out / "clip.html").read_text(encoding="utf-8")

    (head, first, second), answer = rows(out / "predictions.csv"), load("cten").predict(CLIP)
    assert head[:2] == ["file", "label"] and head[-2:] == ["seconds", "weights"]
    assert head[2:-6] == load("cten").class_names
    assert head[-6:-2] == ["calibrated", "unlike", "distance", "page"]
    assert (first[-3], second[-3]) == ("clip.html", "Clip_2.html")
    doubt = (answer.calibrated[answer.label], answer.unlike.share, answer.unlike.distance)
    np.testing.assert_allclose(list(map(float, first[-6:-3])), doubt, atol=1e-3)
    del head[-6:-2], first[-6:-2], second[-6:-2]
    assert (first[0], second[0]) == (f"{tmp_path}/a/clip.mp4", f"{tmp_path}/b/Clip.mp4")
    assert first[1:] == second[1:] and first[1] == answer.label
    for name, number in zip(head[2:-2], first[2:-2], strict=True):
        assert float(number) == pytest.approx(answer.probabilities[name], abs=1e-5)
    assert float(first[-2]) == pytest.approx(answer.seconds, abs=1e-3)
    head, *found = rows(out / "timeline.csv")
    assert head == ["file", "start", "end", "label", "score"]
    assert len(found) == 2 * len(answer.segments)
    for row, (start, end, label, score) in zip(found, answer.segments, strict=False):
        assert row[3] == label
        np.testing.assert_allclose(
            [float(row[k]) for k in (1, 2, 4)], (start, end, score), atol=1e-3
        )


def test_predict_frames_and_poses(prepared, tmp_path, capsys):
    assert predicted("vaanet", prepared / "img", "--out", tmp_path / "v") == 0
    assert {path.name for path in (tmp_path / "v").iterdir()} == {"predictions.csv", "clip.html"}
    assert rows(tmp_path / "v" / "predictions.csv")[1][0] == str(prepared / "img" / "Joy" / "clip")

    assert predicted("Gait", SAMPLES / "gait" / "walks", "--out", tmp_path / "g") == 0
    walks = sorted((SAMPLES / "gait" / "walks").glob("*.csv"))
    (_, *found) = rows(tmp_path / "g" / "predictions.csv")
    assert sorted(row[0] for row in found) == list(map(str, walks)) and len(walks) == 7
    said = capsys.readouterr().out
    assert all(walk.name in said for walk in walks)
    assert all((tmp_path / "g" / f"{walk.stem}.html").is_file() for walk in walks)


def test_predict_where_nothing_is_found(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    loop = tmp_path / "films"
    loop.mkdir()
    (loop / "again").symlink_to(loop)
    words = ("vaanet", tmp_path / "empty", loop, tmp_path / "gone.mp4", "--out", tmp_path / "out")
    assert predicted(*words) == 1
    said = capsys.readouterr()
    assert (
        said.err.count("not read:") == 3
        and "empty: found nothing to read in it, wanted frames or films" in said.err
    )
    assert said.out == "" and not (tmp_path / "out").exists()
    with pytest.raises(DataError, match="wanted one of vaanet, cten, tsl, gait"):
        predicted("vaanett", CLIP)
    with pytest.raises(DataError, match=r"no\.pth: found no such file"):
        predicted("vaanet", CLIP, "--weights", "no.pth")


def test_pages_of_two_names_that_a_disk_may_take_for_one():
    taken: set[str] = set()
    names = [command._page_name(Path(path), taken)
             for path in ("a/x_2.mp4", "b/x.mp4", "c/X.mp4", "d/x.mkv", "e/\u00e9.mp4",
                          "f/e\u0301.mp4", "g/stra\u00dfe.mp4", "h/STRASSE.mp4", "..")]  # fmt: skip
    assert len(taken) == len(names) and len({name.casefold() for name in names}) == len(names)
    assert names[:4] == ["x_2.html", "x.html", "X_3.html", "x_4.html"]
    assert names[5] == "e\u0301_2.html" and names[7] == "STRASSE_2.html"
    assert names[8] == f"{Path.cwd().parent.name}.html"


def test_no_name_becomes_a_formula():
    cells = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\n=x", "a=1", "", "ordinary"]
    text = csv_text([cells, [-1, 0.5, None, "x,y"]])
    first, second = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert first == ["'" + cell for cell in cells[:7]] + cells[7:]
    assert second == ["-1", "0.5", "", "x,y"]
    assert list(csv_rows(csv_text([["a"], ["=b"]]))[1])[0][1] == {"a": "'=b"}


def test_what_is_no_network_and_what_is_another_network_s(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("notes").mkdir()
    Path("notes", "a.txt").touch()
    Path("pictures").mkdir()
    Image.new("RGB", (8, 8)).save("pictures/1.jpg")
    for words in ((CLIP,), (CLIP, CLIP), ("gone.mp4", "a")):
        with pytest.raises(DataError, match=r"found a file in place .* first: vaanet, cten, tsl,"):
            predicted(*words)
    with pytest.raises(DataError, match=r"found no file, .*predict gait FILE"):
        predicted("BPM-GCN")
    with pytest.raises(DataError, match="network: found 'film', wanted one of"):
        predicted("film", "a")
    Path("Gait").mkdir()  # a folder of a network's name is no hindrance
    assert predicted("Gait", WALK, "notes", "pictures", "--out", "out") == 1
    said = capsys.readouterr().err.splitlines()[-2:]
    for name, line in zip(("notes", "pictures"), said, strict=True):
        assert line.startswith(f"not read: {name}: found nothing to read in it, wanted poses: .bvh")
    assert predicted("VAANet", WALK, "notes", "x" * 300 + ".csv", "--out", "out") == 1
    poses, empty, long = capsys.readouterr().err.splitlines()[-3:]
    assert poses.endswith("Poses are for gait: bash script/run.sh predict gait FILE")
    assert "notes: found nothing to read in it, wanted frames or films." in empty
    assert long.startswith("not read: xxx")


def test_a_hostile_name_in_a_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = '=HYPERLINK("x")'
    shutil.copy(WALK, f"{name}.csv")
    assert predicted("gait", f"{name}.csv", "--out", "out") == 0
    assert rows("out/predictions.csv")[1][0] == f"'{name}.csv"
    assert Path(f"out/{name}.html").is_file()


def test_files_as_people_type_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("-walk.csv", "my walk.csv", "--out.csv"):
        shutil.copy(WALK, name)
    words = ["gait", "-walk.csv", '"my walk.csv" ', "--out.csv", "C:\\walk.csv", "x" * 300 + ".csv",
             "--out=~/out"]  # fmt: skip
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.main(parser.parse_args(entry._typed(parser, words))) == 1
    assert [row[0] for row in rows(tmp_path / "out" / "predictions.csv")[1:]] == [
        "'-walk.csv", "my walk.csv", "'--out.csv"]  # fmt: skip
    said = capsys.readouterr().err
    assert said.count("not read:") == 2 and "/mnt/c/" in said
    typed = load("gait").predict(f"'{tmp_path}/my walk.csv'")
    assert typed.file == "my walk.csv"


def test_names_that_are_no_text_are_escaped_in_tables_and_pages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"bad\xff\x1b[31m\n.csv")
    shutil.copy(WALK, name)
    assert predicted("gait", name, "--out", "out") == 0
    first = rows("out/predictions.csv")[1]  # read as UTF-8
    assert first[0] == "bad\\udcff\\x1b[31m\\n.csv"
    assert Path("out", first[-3]).is_file()
    assert all(letter.isprintable() for path in Path("out").iterdir() for letter in path.name)


def test_a_film_with_other_sound(tmp_path):
    model = load("vaanet")
    own = model.predict(CLIP).probabilities
    other = model.predict(CLIP, sound=SAMPLES / "film" / "video" / "Anger" / "bbb_0404.mp4")
    assert other.probabilities != own
    assert model.predict(CLIP, sound=CLIP).label == model.predict(CLIP).label
    with pytest.raises(DataError, match=r"nope\.wav: found no such file"):
        model.predict(CLIP, sound=tmp_path / "nope.wav")


# --- Weights: your own, and those that ship -------------------------------------------------------


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory):
    """A real training of two steps: its results in Gait/."""
    folder = tmp_path_factory.mktemp("trained")
    result = jack("Gait", "main", "--settings", "classroom", "--data_path", few, "--n_epochs", "1",
                  "--batch_size", "8", "--result_path", folder / "Gait")  # fmt: skip
    assert result.returncode == 0, result.stderr
    return folder


def test_your_own_training_comes_before_what_ships(trained, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    shipped = SAMPLES / "weights" / "gait.safetensors"
    assert default_weights("gait") == shipped
    assert Path(open_checkpoint("Gait", None).path) == shipped
    own = trained / "Gait" / "best.pth"
    assert default_weights("gait", trained / "Gait") == own
    assert Path(open_checkpoint("Gait", None, trained / "Gait").path) == own
    assert capsys.readouterr().out == f"weights: {shipped}\nweights: {own}\n"
    shutil.copytree(trained / "Gait", tmp_path / "results" / "Gait")
    last = tmp_path / "results" / "Gait" / "best.pth"
    assert default_weights("gait") == Path(open_checkpoint("Gait", None, "other").path) == last
    capsys.readouterr()
    # Outside the checkout all is named in full: results/ is another place there.
    assert predicted("gait", WALK, "--out", "out") == 0
    said = capsys.readouterr().out
    assert f"\nweights: {last}, accuracy" in said
    assert f"\nwritten: {tmp_path}/out/predictions.csv, {tmp_path}/out/{WALK.stem}.html\n" in said
    assert predicted("gait", WALK, "--weights", shipped) == 0
    said = capsys.readouterr().out
    assert f"\nweights: {shipped}, " in said
    assert f"\nwritten: {tmp_path}/results/Gait/predictions/predictions.csv, " in said
    assert rows("out/predictions.csv")[1][-1] == str(last)
    assert Path(open_checkpoint("Gait", shipped).path) == shipped


def test_a_path_of_the_checkout_is_found_in_a_folder_of_it(monkeypatch, tmp_path):
    """As notebook 10 names what was trained, and as `about` and `weights` print it."""
    name = "data_samples/weights/gait.safetensors"
    monkeypatch.chdir(ROOT / "notebooks")
    assert load(name).weights == name
    with pytest.raises(DataError, match=r"^results/none\.pth: found no such file"):
        load("results/none.pth")
    monkeypatch.chdir(tmp_path)  # what lies here comes first
    Path(name).parent.mkdir(parents=True)
    Path(name).write_text("no weights")
    with pytest.raises(DataError, match=f"^{name}: found "):
        load(name)


def test_test_finds_what_main_left_there(trained, few):
    result = jack("Gait", "main", "--phase", "test", "--data_path", few, "--result_path",
                  trained / "Gait")  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"weights: {trained / 'Gait' / 'best.pth'}\n")
    assert (trained / "Gait" / "evaluation.json").is_file()


def test_one_video_on_a_fresh_machine(tmp_path):
    result = jack("VAANet", "test_singlevideo", "--video_path", CLIP, "--result_path", tmp_path)
    assert result.returncode == 0, result.stderr
    said = result.stdout.splitlines()
    own = ROOT / "results" / "VAANet" / "best.pth"
    if not own.is_file():
        assert said[0] == f"weights: {SAMPLES / 'weights' / 'vaanet.safetensors'}"
        assert "Note: These weights were trained on rendered clips" in result.stdout
    assert (tmp_path / "bbb_0120_attention.png").is_file()


def test_a_training_becomes_weights_that_ship(trained, tmp_path, monkeypatch, capsys):
    path = tmp_path / "weights" / "gait.safetensors"
    monkeypatch.setattr(shipping, "shipped_weights", lambda name: path)
    parser = argparse.ArgumentParser()
    shipping.add_arguments(parser)
    assert shipping.main(parser.parse_args(["BPM-GCN", "--trained", str(trained)])) == 0
    said = capsys.readouterr().out
    assert str(path) in said and "answers moved by" in said
    own = trained / "Gait" / "best.pth"
    model, was = load(path), load(own)
    assert model.trained_on == "styled" and model.score == measured(own) == was.score
    assert model.file.options["seed"] == 0 and was.trained_on is None  # from a folder of its own
    assert {a.dtype for a in read_safetensors(path)[0].values()} <= {np.dtype("float16")}
    kept, exactly = read_weights(path), read_weights(own)
    for name, array in kept.items():
        np.testing.assert_allclose(array, exactly[name], rtol=1e-3, atol=1e-6)
    exact, moved = (m.predict(WALK).probabilities for m in (was, model))
    assert max(abs(exact[k] - moved[k]) for k in exact) <= shipping.TOLERANCE
    sums = (tmp_path / "weights" / "SHA256SUMS").read_text()
    assert sums == "".join(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n"
                           for p in (path.with_suffix(".doubt.safetensors"), path))  # fmt: skip
    assert model.known.error_before < 1 and model.predict(WALK).unlike.n == 192
    assert os.stat(path).st_mode & 0o777 == 0o644
    with pytest.raises(DataError, match="network: found 'x'"):
        shipping.main(parser.parse_args(["x"]))
    with pytest.raises(DataError, match=r"log\.csv"):
        shutil.copy(own, tmp_path / "best.pth")
        shipping.ship("gait", tmp_path / "best.pth")
