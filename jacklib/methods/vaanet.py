"""VAANet from files to results: what `bash script/run.sh VAANet PHASE` and notebook 04 call."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

import jittor as jt
import numpy as np

from .. import runtime
from ..checkpoint import load_kinetics_backbone, load_weights, read_options
from ..data.prepare import prepare_one_video
from ..data.rendered import segment_truth
from ..data.samples import SAMPLES, SamplePaths
from ..data.video import DATASETS, Batch, Sample, VideoClips, batches, number_of_batches
from ..errors import DataError
from ..evaluate import Predictions, predict
from ..losses import pcce
from ..metrics import attention_on_truth
from ..networks import VAANet, VAANetConfig, VAANetOutput
from ..ops import Adam
from ..train import fit
from ..widgets.attention import AttentionState, render, save

PHASES = ("main", "test", "test_singlevideo")
SETTINGS = {"paper": VAANetConfig.paper, "classroom": VAANetConfig.classroom}


class Schedule(NamedTuple):
    """How a network is trained.

    attention_factor: the temporal attention's learning rate over that of everything else.
    """

    batch_size: int
    n_epochs: int
    learning_rate: float
    attention_factor: float = 1.0


# The paper's (section 4.1; the released code's batch) and ours for two CPU cores. The temporal
# attention starts from large weights, of which Adam changes little in the classroom's 192 steps:
# the clips are told apart long before it has turned from even to selective. So it learns faster.
SCHEDULES = {"paper": Schedule(32, 100, 2e-4), "classroom": Schedule(8, 12, 1e-3, 20.0)}


# ---------------------------------------------------------------------------------------------
# Parts, also for the notebook
# ---------------------------------------------------------------------------------------------


def open_clips(
    config: VAANetConfig,
    paths: SamplePaths,
    subset: str,
    *,
    train: bool = False,
    fps: int = 30,
    evaluation: str = "centre",
    seed: int = 0,
    cache: bool = False,
) -> VideoClips:
    """The clips of one subset, cut as `config`'s network wants them."""
    return VideoClips(
        video_path=paths.video_path,
        audio_path=paths.audio_path,
        annotation_path=paths.annotation_path,
        subset=subset,
        seq_len=config.seq_len,
        snippet_duration=config.snippet_duration,
        sample_size=config.sample_size,
        audio_frames=config.audio_frames,
        fps=fps,
        train=train,
        evaluation=evaluation,
        seed=seed,
        cache=cache,
    )


def train(
    net: VAANet,
    training: VideoClips,
    validation: VideoClips,
    *,
    schedule: Schedule,
    result_path: str | Path,
    seed: int = 0,
    threads: int = 2,
    options: dict | None = None,
    resume: str | Path | None = None,
    save_every: int = 0,
    show: bool = True,
) -> list[dict[str, float]]:
    """Train with PCCE and Adam as the paper does; returns the history (see `jacklib.train.fit`).

    Where clips carry a planted event, the history also has `attention`: temporal attention on
    the event against what uniform attention gets.
    """

    def step_loss(batch: Batch):
        logits = net(batch.visual, batch.audio).logits
        return pcce(logits, batch.label, training.positive), logits, batch.label

    def evaluate() -> dict[str, float]:
        result = test(net, validation, batch_size=schedule.batch_size, threads=threads)
        numbers = {"val_accuracy": result.accuracy}
        truth = truths(validation)
        if truth is not None:
            numbers["attention"] = attention_on_truth(result.gamma, truth)
        return numbers

    net.train()  # eval() has stopped the gradients that the optimizer looks for
    return fit(
        net,
        optimizer(net, schedule),
        step_loss=step_loss,
        batches=lambda epoch, start: batches(
            training,
            batch_size=schedule.batch_size,
            shuffle=True,
            seed=seed,
            epoch=epoch,
            threads=threads,
            start=start,
        ),
        n_batches=number_of_batches(training, schedule.batch_size),
        evaluate=evaluate,
        n_epochs=schedule.n_epochs,
        result_path=result_path,
        seed=seed,
        options=options,
        resume=resume,
        save_every=save_every,
        show=show,
    )


def optimizer(net: VAANet, schedule: Schedule) -> Adam:
    """Adam with the schedule's learning rates, for everything in `net` that takes a gradient."""
    temporal = net.ta_net.parameters() + net.aa_net.parameters()
    chosen = {id(parameter) for parameter in temporal}
    others = [p for p in net.parameters() if id(p) not in chosen]
    faster = schedule.learning_rate * schedule.attention_factor
    return Adam([{"params": others}, {"params": temporal, "lr": faster}], lr=schedule.learning_rate)


def test(
    net: VAANet, clips: VideoClips, *, batch_size: int = 8, threads: int = 2, epoch: int = 0
) -> Predictions:
    """Predict every clip in evaluation mode."""
    return predict(
        net,
        lambda batch: net(batch.visual, batch.audio),
        batches(clips, batch_size=batch_size, threads=threads, epoch=epoch),
        clips.class_names,
    )


def truths(clips: VideoClips) -> np.ndarray | None:
    """[N, S]: each segment's share of the planted event; None for clips without one."""
    if not all("event_start" in item.annotation for item in clips.items):
        return None
    return np.stack([clip_truth(clips, i) for i in range(len(clips))])


def clip_truth(clips: VideoClips, index: int) -> np.ndarray | None:
    """[S] for one clip, or None."""
    item = clips.items[index]
    if "event_start" not in item.annotation:
        return None
    event = (item.annotation["event_start"], item.annotation["event_end"])
    return segment_truth(event, item.n_frames, clips.seq_len)


def look(net: VAANet, sample: Sample) -> tuple[np.ndarray, VAANetOutput]:
    """One clip through the network: probabilities [C] and the output for a batch of one."""
    net.eval()
    with jt.no_grad():
        output = net(sample.visual[None], sample.audio[None])
        return jt.nn.softmax(output.logits, dim=1).numpy()[0], output


def attention_state(
    net: VAANet,
    sample: Sample,
    class_names: list[str],
    *,
    label: str | None = None,
    truth: np.ndarray | None = None,
    segment: int | None = None,
) -> AttentionState:
    """What the attention picture shows of one clip; by default its most attended segment."""
    probabilities, output = look(net, sample)
    gamma = output.gamma.numpy()[0]
    middle = sample.visual.shape[2] // 2
    frames = sample.visual[:, :, middle].transpose(0, 2, 3, 1)  # [S, H, W, 3]
    return AttentionState(
        frames=frames.astype(np.uint8),
        alpha=output.alpha.numpy()[:, 0],
        beta=output.beta.numpy()[:, 0],
        gamma=gamma,
        audio_gamma=output.audio_gamma.numpy()[0],
        probabilities=probabilities,
        class_names=class_names,
        title=sample.id,
        label=label,
        truth=truth,
        segment=int(gamma.argmax()) if segment is None else segment,
    )


def attention_states(
    net: VAANet, clips: VideoClips, indices: list[int] | None = None
) -> list[AttentionState]:
    """`attention_state` of the chosen clips (all by default), for `attention_widget`."""
    chosen = range(len(clips)) if indices is None else indices
    return [
        attention_state(
            net,
            clips.load(i),
            clips.class_names,
            label=clips.items[i].label_name,
            truth=clip_truth(clips, i),
        )
        for i in chosen
    ]


# ---------------------------------------------------------------------------------------------
# Command line
# ---------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser, phase: str) -> None:
    """The documented options of one phase."""
    add = parser.add_argument
    add("--checkpoint_path", help="trained weights (.pth or .safetensors)")
    add("--result_path", help="where results go (default: results/VAANet)")
    add("--settings", choices=SETTINGS, help="default: classroom for the samples, else paper")
    size = "default: the settings' value, or the checkpoint's"
    for name in ("sample_size", "seq_len", "snippet_duration"):
        add(f"--{name}", type=int, help=size)
    for name in ("audio_embed_size", "audio_n_segments"):
        add(f"--{name}", type=int, help=size)
    add("--fps", type=int, default=30, help="frames used in a second, of the 30 stored")
    add("--seed", type=int, default=0)
    if phase == "test_singlevideo":
        add("--video_path", required=True, help="a video file: mp4, avi, mov, mkv or webm")
        add("--lang", choices=("en", "zh"), default="en", help="language of the picture")
        return
    add("--dataset", default="rendered", choices=[*SAMPLES, *DATASETS],
        help="rendered and film ship with JACK; the others need the three paths")  # fmt: skip
    add("--video_path", help="folder of frames: CLASS/ID/000001.jpg")
    add("--audio_path", help="folder of sound: CLASS/ID.mp3")
    add("--annotation_path", help="annotation json with both subsets")
    batch = "default: 8" if phase == "test" else "default: 32 (paper), 8 (classroom)"
    add("--batch_size", type=int, help=batch)
    add("--n_threads", type=int, default=2, help="threads that load clips")
    if phase == "test":
        add("--subset", default="validation")
        add("--evaluation", choices=("centre", "released"), default="centre",
            help="centre repeats exactly; released draws at random each time")  # fmt: skip
        return
    add("--n_epochs", type=int, help="default: 100 (paper), 12 (classroom)")
    add("--learning_rate", type=float, help="default: 2e-4 (paper), 1e-3 (classroom)")
    add("--resnet101_pretrained", help="Kinetics weights of the 3D ResNet-101 backbone (.pth)")
    add("--resume", help="last.pth of an interrupted run: goes on exactly where it was")
    add("--save_every", type=int, default=0, help="also checkpoint after this many batches")


def run(phase: str, args: argparse.Namespace) -> int:
    """Carry out one phase; returns the exit code."""
    return {"main": _main, "test": _test, "test_singlevideo": _test_singlevideo}[phase](args)


def _paths(args: argparse.Namespace) -> SamplePaths:
    given = [args.video_path, args.audio_path, args.annotation_path]
    if all(given):
        return SamplePaths(*map(Path, given))
    if any(given) or args.dataset not in SAMPLES:
        missing = [
            f"--{name}"
            for name, value in zip(
                ("video_path", "audio_path", "annotation_path"), given, strict=True
            )
            if not value
        ]
        raise DataError(
            f"--dataset {args.dataset}",
            found=f"no {', '.join(missing)}",
            wanted="all three paths, or one of the samples that ship: " + ", ".join(SAMPLES),
            cure="docs/en/dataset.md says where each data set is found and how it is laid out.",
        )
    return SAMPLES[args.dataset]()


def _settings(args: argparse.Namespace) -> str:
    return args.settings or ("classroom" if getattr(args, "dataset", "") in SAMPLES else "paper")


def _config(args: argparse.Namespace, n_classes: int, saved: dict | None = None) -> VAANetConfig:
    """The settings, then what a checkpoint says of itself, then what the command line says."""
    config = replace(SETTINGS[_settings(args)](), n_classes=n_classes)
    if saved:
        known = {f.name for f in fields(VAANetConfig)}
        config = VAANetConfig(**{k: _plain(v) for k, v in saved.items() if k in known})
    given = {
        name: getattr(args, name)
        for name in (
            "sample_size",
            "seq_len",
            "snippet_duration",
            "audio_embed_size",
            "audio_n_segments",
        )
        if getattr(args, name) is not None
    }
    return replace(config, **given)


def _plain(value):
    return tuple(value) if isinstance(value, list) else value


def _n_classes(paths: SamplePaths) -> int:
    from ..data.video import read_annotation

    return len(read_annotation(paths.annotation_path)["labels"])


def _main(args: argparse.Namespace) -> int:
    runtime.seed(args.seed)
    paths = _paths(args)
    settings, config = _settings(args), _config(args, _n_classes(paths))
    default = SCHEDULES[settings]
    schedule = Schedule(
        args.batch_size or default.batch_size,
        args.n_epochs or default.n_epochs,
        args.learning_rate or default.learning_rate,
        default.attention_factor,
    )
    small = settings == "classroom"
    training = open_clips(
        config, paths, "training", train=True, fps=args.fps, seed=args.seed, cache=small
    )
    validation = open_clips(config, paths, "validation", fps=args.fps, cache=small)
    net = VAANet(**config.options())
    jt.sync_all()  # the first weights are drawn now, from the seed, as in the notebook
    if args.resnet101_pretrained:
        print(f"backbone: {load_kinetics_backbone(net.resnet, args.resnet101_pretrained)}")
    elif config.freeze_backbone and not (args.checkpoint_path or args.resume):
        print(
            "Note: the backbone is frozen and starts from random numbers. Give its Kinetics "
            "weights with --resnet101_pretrained to train the paper's network.",
            file=sys.stderr,
        )
    if args.checkpoint_path:
        print(f"network: {load_weights(net, args.checkpoint_path)}")
    result_path = Path(args.result_path or "results/VAANet")
    options = config.options() | {"class_names": training.class_names, "network": "VAANet"}
    print(
        f"VAANet, {settings} settings: {len(training)} clips to train, {len(validation)} to "
        f"validate, {config.n_classes} classes; batch {schedule.batch_size}, "
        f"{schedule.n_epochs} epochs, learning rate {schedule.learning_rate:g}, "
        f"seed {args.seed}, on {runtime.device()}"
    )
    history = train(
        net,
        training,
        validation,
        schedule=schedule,
        result_path=result_path,
        seed=args.seed,
        threads=args.n_threads,
        options=options,
        resume=args.resume,
        save_every=args.save_every,
    )
    best = max(history, key=lambda row: row["val_accuracy"])
    weights = result_path / "best.pth"
    if not weights.exists():  # resumed into another folder, and never better than before
        weights = result_path / "last.pth"
    print(
        f"Best validation accuracy {best['val_accuracy']:.3f} in epoch {best['epoch']} "
        f"(chance {1 / config.n_classes:.3f}). Weights: {weights}"
    )
    return 0


def _checkpoint(args: argparse.Namespace) -> Path:
    path = Path(args.checkpoint_path or "results/VAANet/best.pth")
    if not path.is_file():
        raise DataError(
            "--checkpoint_path",
            found=f"no file {path}",
            wanted="trained weights",
            cure="Train first with `bash script/run.sh VAANet main`.",
        )
    return path


def _load(args: argparse.Namespace, n_classes: int | None) -> tuple[VAANet, VAANetConfig, dict]:
    """The network of a checkpoint, built as the checkpoint says."""
    path = _checkpoint(args)
    saved = read_options(path)
    config = _config(args, n_classes or 8, saved)
    if n_classes is not None and config.n_classes != n_classes:
        raise DataError(
            str(path),
            found=f"a network of {config.n_classes} classes",
            wanted=f"{n_classes}, as the annotation file lists",
            cure="Test it on the data set it was trained on, or train on this one.",
        )
    net = VAANet(**config.options())
    load_weights(net, path)
    return net, config, saved


def _test(args: argparse.Namespace) -> int:
    _checkpoint(args)
    paths = _paths(args)
    net, config, _ = _load(args, _n_classes(paths))
    clips = open_clips(
        config, paths, args.subset, fps=args.fps, evaluation=args.evaluation, seed=args.seed
    )
    result = test(net, clips, batch_size=args.batch_size or 8, threads=args.n_threads)
    print(result.table())
    truth = truths(clips)
    if truth is not None:
        ratio = attention_on_truth(result.gamma, truth)
        print(f"temporal attention on the planted events: {ratio:.2f} times uniform")
    written = result.write(args.result_path or "results/VAANet")
    print("written: " + ", ".join(map(str, written)))
    return 0


def single_clip(
    video: str | Path, config: VAANetConfig, class_names: list[str], fps: int = 30
) -> Sample:
    """One video file as a sample, cut as evaluation cuts it.

    Raises DataError where the file cannot be read or is shorter than 16 frames.
    """
    import json

    with tempfile.TemporaryDirectory() as folder:
        root, name = Path(folder), Path(video).stem
        label = class_names[0]  # a place in the layout; the file's emotion is what we ask
        frames, audio = root / "img" / label / name, root / "mp3" / label / f"{name}.mp3"
        n_frames = prepare_one_video(video, frames, audio)
        if n_frames < 16:
            raise DataError(
                str(video),
                found="fewer than 16 frames at 30 a second",
                wanted="at least half a second of video",
                cure="Use a longer video.",
            )
        entry = {"subset": "validation", "annotations": {"label": label}}
        annotation = root / "one.json"
        annotation.write_text(json.dumps({"labels": class_names, "database": {name: entry}}))
        paths = SamplePaths(root / "img", root / "mp3", annotation)
        return open_clips(config, paths, "validation", fps=fps).load(0)


def _test_singlevideo(args: argparse.Namespace) -> int:
    net, config, saved = _load(args, None)
    names = list(saved.get("class_names") or DATASETS["ve8"].labels)
    if len(names) != config.n_classes:
        names = [f"class {i}" for i in range(config.n_classes)]
    sample = single_clip(args.video_path, config, names, args.fps)
    state = attention_state(net, sample, names)
    order = np.argsort(-state.probabilities)
    print(f"{args.video_path}: {names[order[0]]}")
    for c in order:
        print(f"  {names[c]:<14} {state.probabilities[c]:6.1%}")
    folder = Path(args.result_path or "results/VAANet")
    folder.mkdir(parents=True, exist_ok=True)
    path = save(state, folder / f"{Path(args.video_path).stem}_attention.png", args.lang)
    print(f"attention picture: {path}")
    return 0


__all__ = [
    "SCHEDULES",
    "Schedule",
    "attention_state",
    "attention_states",
    "open_clips",
    "optimizer",
    "render",
    "run",
    "single_clip",
    "test",
    "train",
    "truths",
]
