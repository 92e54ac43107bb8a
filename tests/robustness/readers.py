"""Every reader of a stranger's file: how real files for it are made, and how it is called.

`make(root)` writes real, small files into a folder and returns the names of those to damage.
`read(root, name)` reads them, with one damaged, as the commands do; what it writes is in root/out.
"""

from __future__ import annotations

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from robustness.common import ROOT

SAMPLES = ROOT / "data_samples"
TORCH_FILES = ROOT / "tests" / "torch_numbers" / "files"


class Reader(NamedTuple):
    name: str
    make: Callable[[Path], list[str]]
    read: Callable[[Path, str], Any]
    share: float = 1.0  # of the trials in the short form; slow readers have fewer
    jittor: bool = False  # whether it needs Jittor


def warm_up(jittor: bool) -> None:
    """Import what readers use, once, before their processes are forked."""
    import av  # noqa: F401
    import cv2  # noqa: F401
    import h5py  # noqa: F401
    import safetensors  # noqa: F401
    import yaml  # noqa: F401

    from jacklib.data import audio, gait, prepare, prepare_gait, tsl300, tsl_features, video  # noqa: F401
    from jacklib.methods import gait_config  # noqa: F401
    from jacklib.weights import torch_files  # noqa: F401

    if jittor:
        from jacklib.methods import front, text  # noqa: F401


def copied(*paths: Path) -> Callable[[Path], list[str]]:
    """A `make` that copies files that are there."""

    def make(root: Path) -> list[str]:
        for path in paths:
            shutil.copy(path, root / path.name)
        return [path.name for path in paths]

    return make


# --- Weights --------------------------------------------------------------------------------------


def torch_files(kind: str) -> Callable[[Path], list[str]]:
    found = sorted(TORCH_FILES.glob(f"{kind}_*.pth"), key=lambda path: path.stat().st_size)
    return copied(*[path for path in found if path.stat().st_size < 20_000])


def read_weights_file(root: Path, name: str) -> None:
    from jacklib.weights.torch_files import read_torch_file

    read_torch_file(root / name)


def make_programs(root: Path) -> list[str]:
    """The pickles in .pth files, on their own: what follows needs no luck with checksums."""
    names = []
    for name in torch_files("zip")(root):
        if name == "zip_no_checksums.pth":  # only our own reader knows what is meant
            continue
        with zipfile.ZipFile(root / name) as archive:
            main = next(n for n in archive.namelist() if n.endswith("data.pkl"))
            (root / name).with_suffix(".pkl").write_bytes(archive.read(main))
        names.append(Path(name).with_suffix(".pkl").name)
    return names


def read_program(root: Path, name: str) -> None:
    from jacklib.weights.torch_files import read_torch_file

    whole, packed = root / Path(name).with_suffix(".pth"), root / "out" / "packed.pth"
    packed.parent.mkdir()
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(packed, "w") as new:
        for member in old.namelist():
            content = (root / name).read_bytes() if member.endswith("data.pkl") else None
            new.writestr(member, old.read(member) if content is None else content)
    read_torch_file(packed)


def make_safetensors(root: Path) -> list[str]:
    from safetensors.numpy import save_file

    for n, dtype in enumerate((np.float32, np.int64)):
        tensors = {f"layer.{i}.weight": np.ones((3, i + 1), dtype) for i in range(3)}
        options = json.dumps({"network": "Gait", "class_names": ["a", "b"], "score": 0.5})
        save_file(tensors, root / f"{n}.safetensors", {"format": "np", "options": options})
    return ["0.safetensors", "1.safetensors"]


def read_safetensors(root: Path, name: str) -> None:
    from jacklib.weights import torch_files

    torch_files.read_safetensors(root / name)


# Checkpoints are written anew from damaged JSON, so that every wrong value gets past the checks of
# the container: what is tried is what is done with options and training states.


def make_checkpoints(root: Path) -> list[str]:
    from dataclasses import asdict

    from jacklib.networks import BPMGCNConfig, CTENConfig, TSLNetConfig, VAANetConfig

    names = ["Joy", "Fear", "Anger", "Trust"]
    every = {"network": "", "class_names": names, "theta": 0.8, "features": "I3D RGB"}
    for network, config in (
        ("VAANet", VAANetConfig.classroom(n_classes=4)),
        ("CTEN", CTENConfig.classroom(n_classes=4)),
        ("TSL", TSLNetConfig.classroom()),
        ("Gait", BPMGCNConfig.classroom()),
    ):
        options = every | asdict(config) | {"network": network}
        (root / f"{network}.json").write_text(json.dumps({"options": options}), encoding="utf-8")
    return ["VAANet.json", "CTEN.json", "TSL.json", "Gait.json"]


def read_checkpoint(root: Path, name: str) -> None:
    from jacklib.methods.front import load
    from jacklib.weights.torch_files import write_torch_file

    content = _plain_json(root / name)
    if not isinstance(content, dict):
        return
    path = root / "out" / "checkpoint.pth"
    path.parent.mkdir()
    write_torch_file(path, {"state_dict": {"weight": np.ones((2, 2), np.float32)}} | content)
    load(path, network=Path(name).stem)


def train_a_line(root: Path, epochs: int, resume: Path | None = None) -> None:
    """`jacklib.training.loop.fit` on the smallest network: one step an epoch."""
    import jittor as jt

    from jacklib.ops import Adam
    from jacklib.training.loop import fit
    from jacklib.training.runs import Run

    net = jt.nn.Linear(2, 2)

    class Batch(NamedTuple):
        ids: list[str]

    fit(
        net, Adam(net.parameters(), 0.1), Run(root / "out", resume=resume, show=False),
        step_loss=lambda batch: [(net(jt.ones((1, 2))).sum(), jt.ones((1, 2)), np.zeros(1))],
        batches=lambda epoch, start: iter([Batch(["a"])]), n_batches=1,
        evaluate=lambda: {"val_accuracy": 0.5}, n_epochs=epochs,
    )  # fmt: skip


def make_training(root: Path) -> list[str]:
    from jacklib.weights.torch_files import read_torch_file

    train_a_line(root, 1)
    content = read_torch_file(root / "out" / "last.pth")
    text = json.dumps(content, indent=1, default=lambda array: {"array": array.tolist()})
    (root / "training.json").write_text(text, encoding="utf-8")
    return ["training.json"]


def read_training(root: Path, name: str) -> None:
    """A last.pth is resumed, with something in it wrong."""
    from jacklib.weights.torch_files import write_torch_file

    content = _with_arrays(_plain_json(root / name))
    if isinstance(content, dict):
        last = root / "out" / "last.pth"
        last.parent.mkdir(exist_ok=True)
        write_torch_file(last, content)
        train_a_line(root, 2, last)


def _with_arrays(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_arrays(v) for v in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"array"}:
        try:
            return np.array(value["array"], np.float32)
        except (ValueError, TypeError):
            return value["array"]
    return {k: _with_arrays(v) for k, v in value.items()}


def _plain_json(path: Path) -> Any:
    """What a damaged JSON file holds, if a .pth file could hold it; None where it is no JSON."""
    try:
        content = json.loads(path.read_bytes())
        pickle.dumps(content)
    except Exception:  # every kind of damage
        return None
    return content


# --- Films and sound ------------------------------------------------------------------------------


def write_film(path: Path, codec: str, sound: str | None, n: int = 24) -> None:
    """A film of a second or so at 24 frames per second: a moving square and a tone."""
    import av

    with av.open(str(path), "w") as file:
        picture = file.add_stream(codec, rate=24)
        picture.width, picture.height, picture.pix_fmt = 48, 32, "yuv420p"
        stream = file.add_stream(sound, rate=48000, layout="mono") if sound else None
        for k in range(n):
            image = np.zeros((32, 48, 3), np.uint8)
            image[8:20, k : k + 12] = 200
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 24)
            file.mux(picture.encode(frame))
        file.mux(picture.encode(None))
        if stream:
            _write_tone(file, stream, n * 2000)


def _write_tone(file, stream, samples: int) -> None:
    import av

    wave = (0.3 * np.sin(np.arange(samples) / 20)).astype(np.float32)
    resampler = av.AudioResampler(stream.format.name, "mono", 48000, stream.frame_size or 1024)
    frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts = 48000, 0
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        file.mux(stream.encode(piece))
    file.mux(stream.encode(None))


FILMS = {"film.mp4": ("mpeg4", "aac"), "film.mkv": ("libx264", "libmp3lame"),
         "film.webm": ("libvpx", "libopus"), "film.avi": ("mpeg4", "libmp3lame"),
         "silent.mp4": ("libx264", None)}  # fmt: skip


def make_films(root: Path) -> list[str]:
    for name, codecs in FILMS.items():
        write_film(root / name, *codecs)
    return list(FILMS)


def read_pictures(root: Path, name: str) -> None:
    from jacklib.data.prepare import read_frames

    for _ in read_frames(root / name, short_side=32):
        pass


def read_whole_film(root: Path, name: str) -> None:
    from jacklib.data.prepare import prepare_one_video

    out = root / "out"
    prepare_one_video(root / name, out / "img" / "clip", out / "mp3" / "clip.mp3", short_side=32)


def read_described(root: Path, name: str) -> None:
    """What notebook 10 and TSL-Net ask of a film."""
    from jacklib.data.audio import log_mel
    from jacklib.data.tsl_features import frames_between, picture_features, video_facts

    facts = video_facts(root / name)
    frames_between(root / name, facts.fps, 0.2 * facts.seconds, facts.seconds, 3, 32)
    picture_features(root / name)
    log_mel(root / name, facts.fps)


SOUNDS = {"tone.wav": "pcm_s16le", "tone.mp3": "libmp3lame", "tone.m4a": "aac", "tone.flac": "flac",
          "tone.ogg": "libopus"}  # fmt: skip


def make_sounds(root: Path) -> list[str]:
    import av

    for name, codec in SOUNDS.items():
        with av.open(str(root / name), "w") as file:
            _write_tone(file, file.add_stream(codec, rate=48000, layout="mono"), 12_000)
    return list(SOUNDS)


def read_sound(root: Path, name: str) -> None:
    from jacklib.data.audio import cten_features, mfcc, read_audio

    mfcc(read_audio(root / name))
    cten_features(root / name)


# --- Clips ----------------------------------------------------------------------------------------


def make_clips(root: Path) -> list[str]:
    """Two prepared clips, and the film they come from, in layouts that `prepare` takes."""
    from jacklib.data.prepare import prepare_videos

    for label, clip in (("Joy", "a"), ("Fear", "b")):
        (root / "source" / label).mkdir(parents=True)
        write_film(root / "source" / label / f"{clip}.mp4", "mpeg4", "aac")
    prepare_videos(root / "source", root, short_side=32, progress=False)
    annotation = json.loads((root / "annotations.json").read_text())
    for entry in annotation["database"].values():
        entry["subset"] = "training"
        entry["annotations"] |= {"event_start": 3, "event_end": 9}
    (root / "annotations.json").write_text(json.dumps(annotation, indent=1))
    (root / "table.csv").write_text("id,label,subset\na,Joy,training\nb,Fear,validation\n")
    return []


def make_annotation(root: Path) -> list[str]:
    make_clips(root)
    return ["annotations.json"]


def make_frames(root: Path) -> list[str]:
    make_clips(root)
    return ["img/Joy/a/n_frames", "img/Joy/a/000001.jpg", "img/Fear/b/000002.jpg", "mp3/Joy/a.mp3"]


def read_clips(root: Path, name: str) -> None:
    from jacklib.data.video import SamplePaths, VideoClips

    clips = VideoClips(
        SamplePaths(root / "img", root / "mp3", root / "annotations.json"), "training",
        seq_len=2, snippet_duration=12, sample_size=16, audio_frames=8, n_mfcc=4,
    )  # fmt: skip
    for i in range(len(clips)):
        clips.load(i)


def make_tables(root: Path) -> list[str]:
    make_clips(root)
    return ["table.csv", "annotations.json"]


def read_table_of_clips(root: Path, name: str) -> None:
    from jacklib.data.prepare import prepare_videos

    prepare_videos(root / "source", root / "out", annotations=root / name, short_side=32,
                   progress=False)  # fmt: skip


def make_marks(root: Path) -> list[str]:
    """What `prepare` itself has written, and would read at its next run."""
    make_clips(root)
    ours = [p for p in root.rglob("*") if p.name in ("prepared.json", ".jack.json")]
    return ["annotations.json", *[str(path.relative_to(root)) for path in ours]]


def read_marks(root: Path, name: str) -> None:
    from jacklib.data.prepare import prepare_videos
    from jacklib.files import read_mark

    shutil.copytree(root, root / "out", ignore=shutil.ignore_patterns("source", "out"))
    read_mark((root / name).parent)
    prepare_videos(root / "source", root / "out", short_side=32, progress=False)


# --- TSL-300's layout -----------------------------------------------------------------------------


def make_untrimmed(root: Path) -> list[str]:
    rng = np.random.default_rng(0)
    for subset, ids in (("train", ("1_a", "2_b")), ("test", ("10_c",))):
        (root / f"split_{subset}.txt").write_text("\n".join(ids) + "\n")
        for video in ids:
            for kind, shape in (("rgb", (12, 1024)), ("logmfcc", (12 * 32, 60))):
                folder = root / "features" / subset / kind
                folder.mkdir(parents=True, exist_ok=True)
                np.save(folder / f"{video}.npy", rng.random(shape, np.float32))
    parts = {"1_a": [], "2_b": [], "10_c": [{"segment": ["1.44", "3.2"], "label": "p"},
                                           {"segment": [4, 5.5], "label": "n"}]}  # fmt: skip
    database = {i: {"subset": "x", "annotations": found} for i, found in parts.items()}
    _write_json(root / "gt.json", {"version": "1", "database": database})
    _write_json(root / "fps_dict.json", dict.fromkeys(parts, 24.0))
    _write_json(root / "time.json", dict.fromkeys(parts, 8.0))
    _write_json(root / "features" / "made_with.json", {"rgb": "I3D RGB", "logmfcc": "log-mel"})
    _write_json(root / "results.json", {"version": "1", "results": {"10_c": [
        {"label": "p", "score": 0.9, "segment": [1.0, 3.0]},
        {"label": "n", "score": 0.2, "segment": [4.0, 6.0]}]}})  # fmt: skip
    points = "class,class_index,start_frame,stop_frame,video_id,point\np,1,5,90,1_a,40\n" \
        "n,0,100,150,1_a,120\np,1,5,90,2_b,40\n"  # fmt: skip
    (root / "point_gaussian" / "train").mkdir(parents=True)
    (root / "point_gaussian" / "point_labels.csv").write_text(points)
    for n in range(2):
        (root / "point_gaussian" / "train" / f"point_anno_{n}.txt").write_text(points)
    return [
        "split_train.txt", "split_test.txt", "gt.json", "fps_dict.json",
        "features/made_with.json", "point_gaussian/point_labels.csv",
        "point_gaussian/train/point_anno_0.txt",
    ]  # fmt: skip


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_untrimmed(root: Path, name: str) -> None:
    from jacklib.data.tsl300 import UntrimmedVideos
    from jacklib.data.tsl_features import features_kind

    features_kind(root)
    for subset, points in (("train", "mixed"), ("train", "file"), ("test", "mixed")):
        videos = UntrimmedVideos(root, subset, points=points)
        for i in range(len(videos)):
            videos.load(i)
        videos.ground_truth()


def make_untrimmed_features(root: Path) -> list[str]:
    make_untrimmed(root)
    return ["features/train/rgb/1_a.npy", "features/test/logmfcc/10_c.npy"]


def make_results(root: Path) -> list[str]:
    make_untrimmed(root)
    return ["results.json"]


def read_results(root: Path, name: str) -> None:
    from jacklib.core.metrics import temporal_map
    from jacklib.data.tsl300 import UntrimmedVideos
    from jacklib.files import read_table

    found = read_table(root / name, needed=True)
    temporal_map(UntrimmedVideos(root, "test").ground_truth(), found, (0.1, 0.5))


def make_features_run(root: Path) -> list[str]:
    """A folder of videos before `TSL features`, with tables that an annotator has written."""
    for subset in ("train", "test"):
        (root / "data" / "video" / subset).mkdir(parents=True)
        write_film(root / "data" / "video" / subset / f"{subset}.mp4", "mpeg4", "aac")
    _write_json(root / "data" / "fps_dict.json", {"train": 24.0})
    _write_json(root / "data" / "time.json", {"train": 1.0})
    (root / "data" / "features").mkdir()
    from jacklib.data.tsl_features import DESCRIPTOR

    _write_json(root / "data" / "features" / "made_with.json", {"rgb": DESCRIPTOR})
    return ["data/fps_dict.json", "data/time.json", "data/features/made_with.json",
            "data/video/train/train.mp4"]  # fmt: skip


def read_features_run(root: Path, name: str) -> None:
    from jacklib.data.tsl_features import extract_features

    shutil.copytree(root / "data", root / "out")
    extract_features(root / "out", threads=1, progress=False)


# --- Gaits ----------------------------------------------------------------------------------------


def walk(T: int = 60) -> np.ndarray:
    """A body that walks along +z: float64 [T, 16, 3], metres."""
    rng = np.random.default_rng(1)
    body = rng.random((16, 3)) + [0, 0.5, 0]
    return body + 0.04 * np.arange(T)[:, None, None] * [0, 0, 1] + 0.01 * rng.random((T, 16, 3))


def make_poses(root: Path) -> list[str]:
    pose = walk()
    np.save(root / "walk.npy", pose.astype(np.float32))
    np.save(root / "flat.npy", pose.reshape(len(pose), 48))
    np.savetxt(root / "walk.csv", pose.reshape(len(pose), 48)[:20], "%.4f", ",")
    (root / "walk.bvh").write_text(bvh(), encoding="utf-8")
    return ["walk.npy", "flat.npy", "walk.csv", "walk.bvh"]


TREE = ("Hips", (0, 0, 0), [
    ("LeftUpLeg", (9, -5, 0), [("LeftLeg", (0, -42, 0), [("LeftFoot", (0, -40, 0), [])])]),
    ("RightUpLeg", (-9, -5, 0), [("RightLeg", (0, -42, 0), [("RightFoot", (0, -40, 0), [])])]),
    ("Spine", (0, 12, 0), [
        ("Neck1", (0, 35, 0), [("Head", (0, 12, 0), [])]),
        ("LeftArm", (17, 32, 0), [("LeftForeArm", (28, 0, 0), [("LeftHand", (25, 0, 0), [])])]),
        ("RightArm", (-17, 32, 0), [("RightForeArm", (-28, 0, 0), [("RightHand", (-25, 0, 0),
                                                                    [])])]),
    ]),
])  # fmt: skip


def bvh(T: int = 50) -> str:
    """A stiff body that glides along +z."""
    lines, channels = ["HIERARCHY"], 0

    def put(joint, root: bool) -> None:
        nonlocal channels
        name, offset, children = joint
        lines.append(
            f"{'ROOT' if root else 'JOINT'} {name}\n{{\nOFFSET {' '.join(map(str, offset))}"
        )
        place = "Xposition Yposition Zposition " * root
        lines.append(f"CHANNELS {6 if root else 3} {place}Zrotation Xrotation Yrotation")
        channels += 6 if root else 3
        for child in children:
            put(child, False)
        if not children:
            lines.append("End Site\n{\nOFFSET 0 0 0\n}")
        lines.append("}")

    put(TREE, True)
    lines.append(f"MOTION\nFrames: {T}\nFrame Time: 0.033333")
    lines += [" ".join(["0", "90", str(4 * t)] + ["0"] * (channels - 3)) for t in range(T)]
    return "\n".join(lines) + "\n"


def read_one_pose(root: Path, name: str) -> None:
    from jacklib.data.gait import gait_arrays, read_pose, recording_frames

    gait_arrays([recording_frames(read_pose(root / name))], [0])


def make_h5(root: Path) -> list[str]:
    from jacklib.data.gait import Gait, write_gaits

    write_gaits(root, [Gait(f"walk {i}", walk(50 + i), i % 4) for i in range(6)])
    (root / "split_test.txt").write_text("walk 1\nwalk 4\n")
    return ["features.h5", "features.h5", "labels.h5", "split_test.txt"]


def read_h5(root: Path, name: str) -> None:
    from jacklib.data.prepare_gait import prepare_gait
    from jacklib.errors import DataError

    try:
        prepare_gait(root, root / "out")
    except DataError:
        prepare_gait(root, root / "out", skip_bad=True)


def make_gait_arrays(root: Path) -> list[str]:
    from jacklib.data.prepare_gait import prepare_gait

    make_h5(root)
    prepare_gait(root, root / "arrays")
    parts = ("joint", "movement", "affective", "label")
    return ["arrays/gait.json", *[f"arrays/test_{part}.npy" for part in parts]]


def read_gait_arrays(root: Path, name: str) -> None:
    from jacklib.data.gait import Gaits

    gaits = Gaits(root / "arrays", "test", train=True)
    gaits.batch(range(len(gaits)))


YAML = """\
work_dir: results/gait
phase: train
model: net.bpm_gcn.Model
model_args:
  num_class: 4
  num_point: 16
  graph: graph.EGait.Graph
  graph_args:
    labeling_mode: 'spatial'
train_feeder_args:
  random_move: True
  window_size: 48
  data_p_path: ./data/train_joint.npy
base_lr: 0.075
step: [25, 50, 75]
batch_size: 32
weight_decay: 1e-4
nesterov: true
seed: 3
device: [0]
"""


def make_yaml(root: Path) -> list[str]:
    (root / "train.yaml").write_text(YAML, encoding="utf-8")
    return ["train.yaml"]


def read_yaml(root: Path, name: str) -> None:
    from jacklib.methods.gait_config import read_config

    read_config(root / name)


# --- Text, stored answers, source files -----------------------------------------------------------

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a b c the dog ran ##s . , quiet".split()


def make_bert(root: Path) -> list[str]:
    from safetensors.numpy import save_file

    config = {"model_type": "bert", "vocab_size": len(WORDS), "hidden_size": 12,
              "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 8,
              "max_position_embeddings": 16}  # fmt: skip
    _write_json(root / "config.json", config)
    (root / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    _write_json(root / "tokenizer_config.json", {"do_lower_case": True, "model_max_length": 16,
                                                 "tokenizer_class": "BertTokenizer"})  # fmt: skip
    steps = [
        {"idx": i, "name": str(i), "path": p, "type": f"sentence_transformers.models.{t}"}
        for i, (p, t) in enumerate((("", "Transformer"), ("1_Pooling", "Pooling")))
    ]
    (root / "modules.json").write_text(json.dumps(steps, indent=1))
    (root / "1_Pooling").mkdir()
    _write_json(
        root / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": 12,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
        },
    )
    _write_json(root / "sentence_bert_config.json", {"max_seq_length": 12, "do_lower_case": False})
    from jacklib.networks.bert import BERT, BERTConfig

    net = BERT(BERTConfig.from_pretrained(root))
    save_file({k: v.numpy() for k, v in net.state_dict().items()}, root / "model.safetensors")
    return ["config.json", "config.json", "vocab.txt", "tokenizer_config.json", "modules.json",
            "1_Pooling/config.json", "sentence_bert_config.json", "model.safetensors"]  # fmt: skip


def read_bert(root: Path, name: str) -> None:
    from jacklib.methods.text import TextEncoder

    TextEncoder.load(root).token_ids(["a quiet dog ran."])


def make_answers(root: Path) -> list[str]:
    from jacklib.backend.torch_process import ANSWERS

    found = sorted(ANSWERS.glob("*.npz"), key=lambda path: path.stat().st_size)
    return copied(*found[:3])(root)


def read_answers(root: Path, name: str) -> None:
    from jacklib.porting.recording import Recording

    Recording.load(root / name)


def make_sources(root: Path) -> list[str]:
    (root / "port.py").write_text(PORT, encoding="utf-8")
    shutil.copy(ROOT / "jacklib" / "core" / "erasing.py", root)
    codes = [
        "%matplotlib inline\n!ls \\\n  .\n" + PORT,
        "%%time\nfrom jittor import *",
        "%%bash\nls",
    ]
    cells = [{"cell_type": "code", "source": code.splitlines(keepends=True)} for code in codes]
    (root / "port.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}))
    return ["port.py", "erasing.py", "port.ipynb"]


PORT = '''\
"""A port with traps in it."""
import jittor as jt
from jittor import nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.gate = jt.ones(3)
        self.loss = nn.CrossEntropyLoss(reduction="none")

    def forward(self, x):
        x[0][1] = 3.0
        values, places = x.max(1)
        return nn.softmax(self.fc(x)) + self.loss(x, places).mean()


def train(net, optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step(loss)
    return [a if a > 1 else -a for a in range(10)], {"a": (1 + 2 * 3) ** 2}
'''


def read_source(root: Path, name: str) -> None:
    from jacklib.errors import DataError
    from jacklib.porting.traps import check_source

    try:
        check_source(root / name)
    except DataError as error:  # Python's parser says MemoryError, too, of what is nested too deep
        if not isinstance(error.__cause__, MemoryError):
            raise


def make_log(root: Path) -> list[str]:
    (root / "log.csv").write_text("epoch,train_loss,val_accuracy\n1,0.5,0.25\n2,0.4,0.5\n")
    (root / "best.pth").write_bytes(b"")
    return ["log.csv"]


def read_log(root: Path, name: str) -> None:
    from jacklib.methods.answer import measured

    measured(root / "best.pth")
    measured(root / "last.pth")


def make_truth(root: Path) -> list[str]:
    shutil.copy(SAMPLES / "untrimmed_film" / "videosenti_gt.json", root)
    return ["videosenti_gt.json"]


def read_truth(root: Path, name: str) -> None:
    from jacklib.methods.tsl import read_truth as read

    read(root, name)


READERS = (
    Reader("weights, zip", torch_files("zip"), read_weights_file),
    Reader("weights, pickle", make_programs, read_program),
    Reader("weights, legacy", torch_files("legacy"), read_weights_file),
    Reader("weights, safetensors", make_safetensors, read_safetensors),
    Reader("annotation JSON", make_annotation, read_clips),
    Reader("frames and sound of clips", make_frames, read_clips),
    Reader("prepare --annotations", make_tables, read_table_of_clips, 0.5),
    Reader("prepare, what it wrote", make_marks, read_marks, 0.5),
    Reader("films, pictures", make_films, read_pictures),
    Reader("films, prepare", make_films, read_whole_film),
    Reader("films, described", make_films, read_described, 0.5),
    Reader("sound", make_sounds, read_sound),
    Reader("TSL tables", make_untrimmed, read_untrimmed),
    Reader("TSL features", make_untrimmed_features, read_untrimmed),
    Reader("TSL results", make_results, read_results),
    Reader("TSL folder of videos", make_features_run, read_features_run, 0.5),
    Reader("poses", make_poses, read_one_pose),
    Reader("gaits, HDF5", make_h5, read_h5),
    Reader("gaits, arrays", make_gait_arrays, read_gait_arrays),
    Reader("gait YAML", make_yaml, read_yaml),
    Reader("stored answers", make_answers, read_answers),
    Reader("porting check", make_sources, read_source, jittor=True),
    Reader("checkpoint options", make_checkpoints, read_checkpoint, 0.5, jittor=True),
    Reader("training state", make_training, read_training, 0.5, jittor=True),
    Reader("BERT folder", make_bert, read_bert, 0.5, jittor=True),
    Reader("log.csv", make_log, read_log, jittor=True),
    Reader("TSL truth", make_truth, read_truth, jittor=True),
)
