"""What VAANet and CTEN share from files to results: clips in VE8's layout, and the command line."""

import argparse
import copy
import math
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from jacklib.backend import runtime
from jacklib.backend.folders import ROOT
from jacklib.core.metrics import attention_on_truth
from jacklib.core.options import add_options
from jacklib.data import video
from jacklib.data.prepare import prepare_frames, prepare_one_video
from jacklib.data.transforms import TransformDraw
from jacklib.data.unreadable import Files
from jacklib.data.video import DATASETS, MINIMUM_FRAMES, Cut, Sample, VideoClips, read_annotation
from jacklib.errors import plain, refuse, refuse_as, said
from jacklib.files import check_file, named_after, write_json
from jacklib.methods import checkpoints, doubt
from jacklib.methods.answer import Model, name_of, pair_of
from jacklib.methods.checkpoints import OPTIONS, open_checkpoint, result_folder
from jacklib.networks.losses import pcce
from jacklib.ops import Adam, Optimizer, as_var, cross_entropy
from jacklib.samples import SAMPLES, SamplePaths
from jacklib.samples.rendered import segment_truth
from jacklib.training import parallel
from jacklib.training.evaluate import Predictions
from jacklib.training.loop import StepLoss, fit
from jacklib.training.runs import Run, best_weights
from jacklib.weights.checkpoint import Checkpoint, load_kinetics_backbone, load_weights, naming

PHASES = ("main", "test", "test_singlevideo")


class Schedule(NamedTuple):
    """How a network is trained."""

    batch_size: int
    n_epochs: int
    learning_rate: float
    attention_factor: float = 1.0  # the temporal attention's rate over that of everything else
    weight_decay: float = 0.0
    loss_func: str | None = None  # "ce" or "pcce_ve8"; None: the network's own
    lambda_0: float = 0.5  # PCCE's weight of the wrong polarity


class Method(NamedTuple):
    """One network as the command line sees it."""

    name: str  # as the user types it
    network: Callable[[Any], jt.nn.Module]  # from a config
    config: type  # of the network, with .paper and .classroom
    schedules: dict[str, Schedule]  # by the name of the settings
    sizes: tuple[str, ...]  # options of the config that the command line may change
    open_clips: Callable[..., VideoClips]
    train: Callable[..., list[dict[str, float]]]
    test: Callable[[jt.nn.Module, VideoClips], Predictions]
    changes: dict[str, Any] = {}  # what a network's own options change in the config
    notes: dict[str, Any] = {}  # what checkpoints are to say besides the config


# --- Clips ----------------------------------------------------------------------------------------


def open_clips(config: Any, paths: SamplePaths, subset: str, **options: Any) -> VideoClips:
    """The clips of one subset, cut as `config`'s network wants them.

    options: `VideoClips`' own (train, fps, evaluation, seed, cache ...).
    """
    names = ("seq_len", "snippet_duration", "sample_size", "audio_frames")
    return VideoClips(paths, subset, Cut(**{n: getattr(config, n) for n in names}), **options)


def loss_of(schedule: Schedule, own: str, logits: jt.Var, labels: Any, positive) -> jt.Var:
    """The schedule's loss of one pass, or the network's own; positive: the classes of positive
    polarity, for PCCE."""
    if (schedule.loss_func or own) == "ce":
        return cross_entropy(logits, as_var(labels))
    return pcce(logits, labels, positive, schedule.lambda_0)


def fit_clips(
    net: jt.nn.Module, optimizer: Optimizer, training: VideoClips, *, schedule: Schedule,
    step_loss: StepLoss, evaluate: Callable[[], dict[str, float]], run: Run, threads: int = 2,
) -> list[dict[str, float]]:  # fmt: skip
    """`training.loop.fit` on clips in an order drawn from (seed, epoch); returns the history."""
    return fit(
        net, optimizer, run, step_loss=step_loss, evaluate=evaluate, n_epochs=schedule.n_epochs,
        n_batches=video.number_of_batches(training, schedule.batch_size),
        batches=lambda epoch, start: video.batches(
            training, batch_size=schedule.batch_size, shuffle=True, seed=run.seed, epoch=epoch,
            threads=threads, start=start, part=parallel.part, replace=True,
        ),
    )  # fmt: skip


def truths(clips: VideoClips) -> np.ndarray | None:
    """[N, S]: the fraction of each segment in the planted event; None for clips without one."""
    found = [clip_truth(clips, index) for index in range(len(clips))]
    return None if any(truth is None for truth in found) else np.stack(found)


def clip_truth(clips: VideoClips, index: int) -> np.ndarray | None:
    """[S] for one clip, or None."""
    item = clips.items[index]
    if "event_start" not in item.annotation:
        return None
    event = (item.annotation["event_start"], item.annotation["event_end"])
    return segment_truth(event, item.n_frames, clips.cut.seq_len)


def attention_found(predictions: Predictions, clips: VideoClips) -> dict[str, float]:
    """{"attention": temporal attention on the planted events, against uniform attention's}; {} for
    clips without."""
    truth = truths(clips.only(predictions.ids))
    return {} if truth is None else {"attention": attention_on_truth(predictions.gamma, truth)}


def middle_frames(sample: Sample) -> np.ndarray:
    """The frame in the middle of each snippet, to be shown: uint8 [S, H, W, 3]."""
    middle = sample.visual.shape[2] // 2
    return sample.visual[:, :, middle].transpose(0, 2, 3, 1).astype(np.uint8)


def tell_unreadable(*subsets: Files) -> dict[str, str]:
    """Print how many clips or videos could not be read, and which; returns why, by ID."""
    reasons, known = {}, set()
    for files in subsets:
        reasons |= files.unreadable
        known |= {item.id for item in files.items}
    # Of several processes, each has read its part.
    reasons = {k: v for one in parallel.from_all(reasons) for k, v in one.items()}
    if reasons:
        names = ", ".join(plain(name, 100) for name in list(reasons)[:10])
        more = ", ..." if len(reasons) > 10 else ""
        whole = f"{len(known | {*reasons})} {files.kind}s"
        print(f"{len(reasons)} of {whole} could not be read: {names}{more}")
    return reasons


def one_clip(
    source: str | Path, open_clips: Callable[..., VideoClips], sound: str | Path | None = None
) -> VideoClips:
    """`open_clips(paths)` for a video file, or a folder of frames, that is prepared for the
    purpose: one clip, number 0, whose frames and sound are there as long as it is.

    sound: its sound file, if it is another than the film's own. Its class and ID are "clip" (what
    the video shows is what is asked, and no path is made of a checkpoint's class names). Raises
    DataError if the file cannot be read or is shorter than 16 frames.
    """
    source = Path(source)
    refuse_as("no video", not source.exists(), str(source))
    root = Path(tempfile.mkdtemp(prefix="jack-clip-"))
    try:
        frames, audio = root / "img" / "clip" / "clip", root / "mp3" / "clip" / "clip.mp3"
        if source.is_dir():
            n_frames = prepare_frames(source, frames, audio, sound)
        else:
            n_frames = prepare_one_video(source, frames, audio)
            if sound:
                check_file(sound, "a sound file", "Correct the path.")
                audio.unlink()
                audio.symlink_to(Path(sound).resolve())
        refuse_as("short video", n_frames < MINIMUM_FRAMES, str(source))
        entry = {"subset": "validation", "annotations": {"label": "clip"}}
        annotation = {"labels": ["clip"], "database": {"clip": entry}}
        file = write_json(root / "one.json", annotation)
        clips = open_clips(SamplePaths(root / "img", root / "mp3", file))
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    clips.items[0] = clips.items[0]._replace(id=Path(name_of(source)).stem)  # as pictures name it
    weakref.finalize(clips, shutil.rmtree, root, ignore_errors=True)
    return clips


def bare_sample(config: Any, arrays: Sequence) -> Sample:
    """Arrays (visual [S, 3, D, H, W], audio), as the networks take them, in place of a clip."""
    needs_sound = not getattr(config, "visual_only", False)
    visual, audio = pair_of(arrays, (True, needs_sound))
    S, D = config.seq_len, config.snippet_duration
    return Sample(visual, audio, 0, "arrays", np.zeros((S, D), np.int64), TransformDraw())


# --- Options --------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser, phase: str, method: Method) -> None:
    """The documented options of one phase that all networks share."""
    add_options(
        parser, OPTIONS, "clips", phase, schedules=method.schedules, datasets=[*SAMPLES, *DATASETS],
        name=method.name, **method.schedules,
    )  # fmt: skip
    told = "default: the settings' value, or the checkpoint's"
    for name in method.sizes:
        parser.add_argument(f"--{name}", type=int, help=told)


def paths_of(args: argparse.Namespace, sound: bool = True) -> SamplePaths:
    """The paths that the options name, or those of the sample. sound: whether it is needed."""
    info = DATASETS.get(args.dataset)
    split = ROOT / "data_samples" / "splits" / info.annotation if info else None
    if split and not args.annotation_path and split.is_file():  # the official one, which ships
        args.annotation_path = str(split)
    names = ["video_path", *["audio_path"] * sound, "annotation_path"]
    missing = [f"--{name}" for name in names if not getattr(args, name)]
    if not missing:
        folders = [Path(path) for path in args.video_path]
        audio = Path(args.audio_path) if args.audio_path else None
        return SamplePaths(folders, audio, Path(args.annotation_path))
    refuse_as("no data set", len(missing) < len(names) or args.dataset not in SAMPLES,
              f"--dataset {args.dataset}", missing=", ".join(missing))  # fmt: skip
    return SAMPLES[args.dataset]()


def asked_of(method: Method, args: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of the network: its sizes, and the name of its settings, which
    are "classroom" for the samples and "paper" if it does not say."""
    default = "classroom" if getattr(args, "dataset", "") in SAMPLES else "paper"
    sizes = {n: getattr(args, n) for n in method.sizes if getattr(args, n) is not None}
    return {"settings": args.settings or default} | sizes


def n_classes_of(paths: SamplePaths) -> int:
    """How many classes the annotation file lists."""
    return len(read_annotation(paths.annotation_path)["labels"])


# --- Phases ---------------------------------------------------------------------------------------


def _check_positive(args: argparse.Namespace, *names: str) -> None:
    for name in names:
        value = getattr(args, name)
        refuse_as("nothing positive", value is not None and value <= 0, f"--{name}", value=value)


def run_main(method: Method, args: argparse.Namespace) -> int:
    """Train; returns the exit code."""
    with checkpoints.training_folder(method.name, args.result_path) as result_path:
        return _run_main(method, args, result_path)


def _run_main(method: Method, args: argparse.Namespace, result_path: Path) -> int:
    _check_positive(args, "batch_size", "n_epochs", "learning_rate")
    for name in ("weight_decay", "lambda_0"):
        value = getattr(args, name)
        refuse(value is not None and not 0 <= value < math.inf, f"--{name}", found=value,
               wanted="0 or more", cure="Leave it out for the settings' own value.")  # fmt: skip
    checkpoints.check_given(method.name, args.checkpoint_path, args.resume)
    runtime.seed(args.seed)
    paths = paths_of(args, sound=not method.changes.get("visual_only"))
    sizes = asked_of(method, args) | method.changes
    settings = sizes.pop("settings")
    n_classes = n_classes_of(paths)
    refuse_as("number of classes", args.n_classes not in (None, n_classes), "--n_classes",
              n_classes=args.n_classes, wanted=n_classes, path=paths.annotation_path)  # fmt: skip
    config = getattr(method.config, settings)(n_classes=n_classes, **sizes)
    given = {n: v for n in Schedule._fields if (v := getattr(args, n, None)) is not None}
    schedule = method.schedules[settings]._replace(**given)
    clips = dict(fps=args.fps, cache=settings == "classroom")
    training = method.open_clips(config, paths, "training", train=True, seed=args.seed, **clips)
    validation = method.open_clips(config, paths, "validation", **clips)
    net = method.network(config)
    jt.sync_all()  # the first weights are drawn now, from the seed, as in the notebook
    if args.sync_bn:
        parallel.synchronise_batch_norm(net)
    if args.resnet101_pretrained:
        print(f"backbone: {load_kinetics_backbone(net.resnet, args.resnet101_pretrained)}")
    elif config.freeze_backbone and not (args.checkpoint_path or args.resume):
        print(said("frozen backbone"), file=sys.stderr)
    if args.checkpoint_path:
        print(f"network: {load_weights(net, args.checkpoint_path)}")
    # Of paths under a sample's name only the paths know.
    trained_on = None if args.dataset in SAMPLES and args.video_path else args.dataset
    options = checkpoints.options_of(
        method.name, config, schedule, training.class_names, fps=args.fps, sync_bn=args.sync_bn,
        trained_on=trained_on, **method.notes,
    )  # fmt: skip
    print(f"{method.name}, {settings} settings: {len(training)} clips to train, "
          f"{len(validation)} to validate, {config.n_classes} classes; batch "
          f"{schedule.batch_size}, {schedule.n_epochs} epochs, learning rate "
          f"{schedule.learning_rate:g}, seed {args.seed}, on {runtime.device()}")  # fmt: skip
    run = Run(result_path, args.seed, args.resume, args.save_every, options=options)
    history = method.train(
        net, training, validation, schedule=schedule, run=run, threads=args.n_threads
    )
    best = max(history, key=lambda row: row["val_accuracy"])
    weights = best_weights(result_path, best["epoch"])
    print(f"Best validation accuracy {best['val_accuracy']:.3f} in epoch {best['epoch']} "
          f"(chance {1 / config.n_classes:.3f}). Weights: {weights}")  # fmt: skip
    known = copy.copy(training)  # with what is known of bad clips
    known.train = False
    doubt.fit_beside(weights, lambda file: load(method, file)[0], method.name.lower(), method.test,
                     known, validation)  # fmt: skip
    tell_unreadable(training, validation)
    return 0


def load(
    method: Method, file: Checkpoint, *, settings: str = "paper", n_classes: int | None = None,
    **sizes: Any,
) -> tuple[jt.nn.Module, Any, list[str]]:  # fmt: skip
    """(network, config, class names) of a checkpoint, built as it says. The classes are VE8's, or
    numbers, where it does not say.

    settings, n_classes, sizes: for a file that does not say; sizes change what it says, too.
    """
    given = sizes | method.changes
    if n_classes and not file.options:
        given["n_classes"] = n_classes
    with naming(file.path):
        config = checkpoints.config_of(method.config, file, settings, **given)
        refuse_as("classes of a network", n_classes not in (None, config.n_classes), "n_classes",
                  have=config.n_classes, wanted=n_classes)  # fmt: skip
        net = method.network(config)
    load_weights(net, file)
    names = list(file.options.get("class_names") or DATASETS["ve8"].labels)
    if len(names) != config.n_classes:
        names = [f"class {i}" for i in range(config.n_classes)]
    return net, config, names


def open_test_clips(
    method: Method, args: argparse.Namespace
) -> tuple[jt.nn.Module, VideoClips, dict]:
    """The network of the checkpoint, the clips to test it on, and the checkpoint's options."""
    _check_positive(args, "batch_size")
    # Complained of before any clip is made.
    file = open_checkpoint(method.name, args.checkpoint_path, args.result_path)
    visual_only = method.changes.get("visual_only") or file.options.get("visual_only")
    paths = paths_of(args, sound=not visual_only)
    asked = asked_of(method, args)
    net, config, _ = load(method, file, n_classes=n_classes_of(paths), **asked)
    clips = method.open_clips(
        config, paths, args.subset, fps=args.fps, evaluation=args.evaluation, seed=args.seed
    )
    return net, clips, file.options


def write_test(
    name: str, args: argparse.Namespace, clips: VideoClips, result: Predictions, **more: Any
) -> int:
    """Write what the test of network `name` found; returns the exit code.

    more: plain values that evaluation.json is to hold too.
    """
    unreadable = tell_unreadable(clips)
    if unreadable:
        more["unreadable"] = unreadable
    written = result.write(result_folder(name, args.result_path), more)
    print("written: " + ", ".join(map(str, written)))
    return 1 if unreadable else 0


def run_singlevideo(
    method: Method, args: argparse.Namespace, load: Callable[..., Model], picture: str, **how: Any
) -> int:
    """Answer about one file with the network that `load` gives; returns the exit code.

    picture: what the figure that is written shows. how: more options of the network's `answer`.
    """
    file = open_checkpoint(method.name, args.checkpoint_path, args.result_path)
    model = load(file, **asked_of(method, args))
    answer = model.predict(args.video_path, fps=args.fps, **how)
    print(f"{args.video_path}: {answer.label}")
    for name, probability in answer.probabilities.items():
        print(f"  {name:<14} {probability:6.1%}")
    if answer.doubt:
        print(f"Note: {answer.doubt}")
    folder = result_folder(method.name, args.result_path)
    path = folder / named_after(args.video_path, f"_{picture}.png")
    print(f"{picture} picture: {answer.save(path, args.lang)}")
    return 0


def adam(net: jt.nn.Module, attention: list[jt.Var], schedule: Schedule) -> Adam:
    """Adam with the schedule's learning rates, one for `attention` and one for everything else in
    `net` that takes a gradient."""
    chosen = {id(parameter) for parameter in attention}
    others = [p for p in net.parameters() if id(p) not in chosen]
    rate = schedule.learning_rate
    groups = [{"params": others}, {"params": attention, "lr": rate * schedule.attention_factor}]
    return Adam(groups, lr=rate, weight_decay=schedule.weight_decay)
