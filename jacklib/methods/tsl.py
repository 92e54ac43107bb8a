"""TSL-Net from files to results: what `bash script/run.sh TSL PHASE` and notebook 06 call."""

import argparse
import contextlib
import math
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from jacklib.backend import runtime
from jacklib.core.metrics import TIOUS, DetectionMetrics, detection_metrics, localize, temporal_iou
from jacklib.core.options import add_options
from jacklib.core.pseudo_labels import seed_labels
from jacklib.core.shapes import MODALITIES
from jacklib.data import tsl300, tsl_features
from jacklib.data.audio import log_mel, read_audio
from jacklib.data.media import VIDEO_ENDINGS, sound_beside, write_silence
from jacklib.data.tsl300 import CLASSES, UntrimmedVideos
from jacklib.data.tsl_features import CLIP_FRAMES, DESCRIPTOR, I3D_FEATURES, frames_between
from jacklib.data.unreadable import load_or_leave, nothing_left
from jacklib.errors import DataError, check_at_least, error_of, refuse, refuse_as, said
from jacklib.files import filled, named_after, read_table, write_json
from jacklib.methods import checkpoints, doubt
from jacklib.methods.answer import Answer, Model, View, name_of, pair_of
from jacklib.methods.checkpoints import OPTIONS, open_checkpoint, result_folder
from jacklib.methods.clips import tell_unreadable
from jacklib.networks import I3D, TSLNet, TSLNetConfig
from jacklib.networks.losses import TSLLoss
from jacklib.ops import Adam
from jacklib.samples import UNTRIMMED
from jacklib.training import parallel
from jacklib.training.loop import Step, fit
from jacklib.training.runs import Run, best_weights, check_resumed
from jacklib.weights.checkpoint import Checkpoint, load_weights, naming
from jacklib.widgets import timeline
from jacklib.widgets.timeline import Thresholds, TimelineVideo

NAME = "TSL"
PHASES = ("main", "main_eval", "main_inference", "features")
# The two classes by the names that answers give them.
NAMES = {"n": "negative", "p": "positive"}
LAMBDAS = (2.0, 1.0, 0.5, 1.0)
RELEASED_THRESHOLD = 0.5


class Schedule(NamedTuple):
    """How TSL-Net is trained. A step is one move of the weights, after batch_size videos."""

    batch_size: int
    rates: tuple[float, ...]  # the learning rate of every step
    evaluate_every: int  # steps
    audio_factor: float = 10.0  # the audio extractor's rate over that of everything else
    weight_decay: float = 5e-4

    @property
    def n_steps(self) -> int:
        return len(self.rates)


# The released code's, and ours for two CPU cores.
SCHEDULES = {
    "paper": Schedule(16, (1e-5,) * 2000, 100),
    "classroom": Schedule(4, (1e-3,) * 100, 10, audio_factor=1.0),
}


# --- Training -------------------------------------------------------------------------------------


def steps(
    videos: UntrimmedVideos, schedule: Schedule, seed: int, start: int, end: int
) -> Iterator[Step]:
    """Steps `start` to `end`. As in the released code, the videos are shuffled for every pass over
    them, and those that fill no batch at its end wait for the next. The order comes from (seed,
    pass) alone."""
    in_a_pass = len(videos) // schedule.batch_size
    for number in range(start, end):
        done, place = divmod(number, in_a_pass)
        order = np.random.default_rng([seed, done]).permutation(len(videos))
        indices = order[place * schedule.batch_size : (place + 1) * schedule.batch_size]
        indices = parallel.part(indices)
        yield Step(done, indices, [videos.items[i].id for i in indices])


def peak_memory() -> float:
    """The most bytes that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@dataclass
class Clock:
    """How long training took, every time waited for to its end; the first step is warm-up."""

    memory: Callable[[], float] = peak_memory  # gives the most bytes that the process has held
    peak: float = math.nan  # `memory`, when steps ended the last time and evaluation began
    forward: list[float] = field(default_factory=list)  # seconds of one video's forward pass
    iterations: list[float] = field(default_factory=list)  # seconds of one step
    _begun: float | None = None
    _warm: bool = False

    def lap(self, going_on: bool = True) -> None:
        """A step begins here, and the one before ends."""
        jt.sync_all(True)
        now = time.perf_counter()
        if self._begun is not None:
            if self._warm:
                self.iterations.append(now - self._begun)
            else:
                self.forward.clear()
            self._warm = True
        self._begun = now if going_on else None
        if not going_on:
            self.peak = self.memory()

    def numbers(self) -> dict[str, float]:
        """Medians in seconds, and the process's memory at most, in MB."""
        found = {"memory_mb": self.memory() / 1e6}
        if self.iterations:
            found |= {"forward_s": median(self.forward), "iteration_s": median(self.iterations)}
        return found


def train(
    net: TSLNet, training: UntrimmedVideos, validation: UntrimmedVideos, *, schedule: Schedule,
    run: Run | str | Path, lambdas: Sequence[float] = LAMBDAS, reverse_sign: str = "released",
    class_threshold: float = RELEASED_THRESHOLD, clock: Clock | None = None,
) -> list[dict[str, float]]:  # fmt: skip
    """Train as the released code does; returns the history (see `jacklib.training.loop.fit`).

    A step goes through `batch_size` videos one by one, as they differ in length, and adds up their
    gradients. After every `evaluate_every` steps (a row of the history, called epoch) the
    validation videos are localised; `best.pth` has the best average mAP.

    lambdas, reverse_sign: see `TSLLoss`. clock: takes the times.
    """
    training, validation = long_enough(net, training), long_enough(net, validation)
    refuse_as("batch of videos", schedule.batch_size > len(training), "batch_size",
              batch=schedule.batch_size, n=len(training))  # fmt: skip
    criterion, clock = TSLLoss(lambdas, reverse_sign), clock or Clock()
    net.train()  # eval() has stopped the gradients that the optimizer looks for

    def one_video(index: int, n_videos: int):
        sample = load_or_leave(training, int(index), replace=True).sample
        jt.sync_all(True)
        begun = time.perf_counter()
        output = net(*inputs(sample), sample.labels[None])
        jt.sync([value for value in output if value is not None])
        jt.sync_all(True)
        clock.forward.append(time.perf_counter() - begun)
        terms = criterion(output, sample.labels[None], sample.label_distribution, sample.points)
        return terms["total"] / n_videos, output.video_score, sample.labels[None]

    def step_loss(step: Step):
        clock.lap()
        for index in step.indices:
            yield one_video(index, len(step.indices))

    def evaluate() -> dict[str, float]:
        clock.lap(going_on=False)
        return test(net, validation, class_threshold=class_threshold).summary()

    run = replace(
        Run.of(run), score="average_mAP", unit="round",
        settings=(schedule, training, validation, lambdas, reverse_sign, class_threshold),
    )  # fmt: skip
    every, total = schedule.evaluate_every, schedule.n_steps
    rate = schedule.rates[0]
    groups = net.parameter_groups(rate, schedule.audio_factor)
    adam = Adam(groups, lr=rate, weight_decay=schedule.weight_decay)
    factors = (1.0, schedule.audio_factor)[: len(adam.groups)]
    return fit(
        net, adam, run, step_loss=step_loss, evaluate=evaluate,
        batches=lambda epoch, start: steps(
            training, schedule, run.seed, epoch * every + start, min((epoch + 1) * every, total)
        ),
        n_batches=min(every, total), n_epochs=-(-total // every),
        rates=lambda epoch, batch: [
            schedule.rates[min(epoch * every + batch, total - 1)] * f for f in factors
        ],
    )  # fmt: skip


def inputs(sample) -> tuple[np.ndarray | None, np.ndarray | None]:
    """One video's features as a batch of one: rgb [1, T, 1024], logmel [1, T, 32, 60], or None."""
    return tuple(None if x is None else x[None] for x in (sample.rgb, sample.logmel))


# --- Evaluation -----------------------------------------------------------------------------------


class Scores(NamedTuple):
    """What the network says of one video."""

    scores: np.ndarray  # [T, C+1]
    video_score: np.ndarray  # [C]


class Localisation(NamedTuple):
    """What the network says of every video, the segments found, and how good they are."""

    scores: dict[str, Scores]
    results: dict[str, list]  # {ID: [(label, score, start, end)]}
    detection: DetectionMetrics
    accuracy: float  # fraction of videos whose classes are exactly those of the ground truth

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics as `temporal_map` names them."""
        return self.detection.report()

    def summary(self) -> dict[str, float]:
        """The headline metrics: average mAP, nAP, pAP, recall, F2, and the accuracy."""
        means = self.detection.averages()
        # A class without any segment in the ground truth has no average precision.
        names = [n for n in ("mAP", *(f"{c}AP" for c in CLASSES), "Rc", "F2") if n in means]
        return {f"average_{n}": means[n] for n in names} | {"video_accuracy": self.accuracy}

    def table(self) -> str:
        """The metrics by tIoU as text."""
        found, template = self.detection, Path(__file__).with_name("tsl_table.txt")
        rows = zip(found.tious, found.map, found.recall, found.f2, strict=True)
        return filled(template, rows=rows, means=self.summary(), classes=CLASSES)


def long_enough(net: TSLNet, videos: UntrimmedVideos) -> UntrimmedVideos:
    """The videos that are not too short for the network; the others are taken down as unreadable.

    Raises DataError, before any work, if none is left or none of the test videos has a segment to
    find.
    """
    errors = {}
    for index, item in enumerate(videos.items):
        if videos.lengths[item.id] < net.config.r_act:
            errors[item.id] = error_of("short video listed", f"{videos.root}, video {item.id!r}",
                                       n=videos.lengths[item.id], r_act=net.config.r_act,
                                       subset=videos.subset)  # fmt: skip
            videos.not_read(index, errors[item.id])
    kept = videos.only([item.id for item in videos.items if item.id not in errors])
    if not kept.items:
        raise nothing_left(next(iter(errors.values())))
    refuse_as("no truth", kept.subset == "test" and not any(item.truth for item in kept.items),
              str(videos.truth_file))  # fmt: skip
    return kept


def predict(net: TSLNet, sample) -> Scores:
    """Score one video in evaluation mode."""
    net.eval()
    with jt.no_grad():
        output = net(*inputs(sample))
        return Scores(output.scores.numpy()[0], output.video_score.numpy()[0])


def rate(net: TSLNet, videos: UntrimmedVideos) -> tuple[np.ndarray, np.ndarray]:
    """The scores [N, C] of all videos that can be read, and whether each class has a segment."""
    rows, videos = [], long_enough(net, videos)
    for index, item in enumerate(videos.items):
        loaded = load_or_leave(videos, index)
        if not loaded.error:
            truth = [any(segment.label == c for segment in item.truth) for c in CLASSES]
            rows.append((predict(net, loaded.sample).video_score, np.array(truth)))
    scores, truths = zip(*rows, strict=True) if rows else ((), ())
    return np.array(scores), np.array(truths)


def test(
    net: TSLNet, videos: UntrimmedVideos, *, class_threshold: float = RELEASED_THRESHOLD
) -> Localisation:
    """Score every video that can be read, find segments and measure them against the ground
    truth."""
    videos, found, error = long_enough(net, videos), {}, None
    for index, item in enumerate(videos.items):
        loaded = load_or_leave(videos, index)
        if loaded.error:
            error = error or loaded.error
            continue
        found[item.id] = predict(net, loaded.sample)
        jt.sync_all()
    if not found:
        raise nothing_left(error)
    return measure(found, videos, class_threshold)


def measure(
    scored: dict[str, Scores], videos: UntrimmedVideos, class_threshold: float = RELEASED_THRESHOLD,
    **levels: Sequence[float],
) -> Localisation:  # fmt: skip
    """Segments from the scores of all or some videos, and their metrics over tIoU 0.1 to 0.3.
    levels: of `localize`."""
    videos, results, right = videos.only(scored), {}, 0
    for item in videos.items:
        scores, video_score = scored[item.id]
        with naming(f"video {item.id}"):
            results[item.id] = localize(
                scores, video_score, item.fps, labels=CLASSES, class_threshold=class_threshold,
                **levels,
            )  # fmt: skip
        chosen = {CLASSES[c] for c in np.flatnonzero(video_score >= class_threshold)}
        chosen = chosen or {CLASSES[int(video_score.argmax())]}
        right += chosen == {segment.label for segment in item.truth}
    metrics = detection_metrics(videos.ground_truth(), results, TIOUS)
    return Localisation(scored, results, metrics, right / len(videos))


PLACES = ("right", "other class", "looks", "sounds", "elsewhere")
KINDS = ("event", *PLACES[2:])


def where_proposals_lie(results: dict, truth: dict, decoys: dict, best: int) -> dict[str, int]:
    """How many of the `best` best proposals of all videos lie where: counts by PLACES.

    results: of `Localisation`. truth, decoys: {ID: [(name, start, end)]}, of `read_truth` and
    `read_decoys`. A proposal lies where its tIoU is 0.1 or more."""
    rows = [(*row, video) for video, found in results.items() for row in found]
    counts = dict.fromkeys(PLACES, 0)
    for label, _, start, end, video in sorted(rows, key=lambda row: -row[1])[:best]:
        known = [*truth[video], *decoys[video]]
        near = temporal_iou((start, end), [place for _, *place in known]) >= 0.1
        on = [name for (name, *_), lies in zip(known, near, strict=True) if lies]
        first = "other class" if on and on[0] in CLASSES else (on or ["elsewhere"])[0]
        counts["right" if label in on else first] += 1
    return counts


def levels(found: Localisation, videos: UntrimmedVideos, truth: dict, decoys: dict) -> dict:
    """The mean of the larger class score, by KINDS: over clips more than half on an event, on a
    decoy of either sort, and elsewhere."""
    high, kinds = [], []
    for item in videos.items:
        scores, seconds = found.scores[item.id].scores, CLIP_FRAMES / item.fps
        begins, kind = np.arange(len(scores)) * seconds, np.full(len(scores), "elsewhere")
        for name, start, end in (*truth[item.id], *decoys[item.id]):
            inside = np.minimum(begins + seconds, end) - np.maximum(begins, start)
            kind[inside > seconds / 2] = "event" if name in CLASSES else name
        high, kinds = [*high, *scores[:, :-1].max(1)], [*kinds, *kind]
    high, kinds = np.array(high), np.array(kinds)
    return {kind: float(high[kinds == kind].mean()) for kind in KINDS}


def random_scores(videos: UntrimmedVideos, seed: int) -> dict[str, Scores]:
    """Scores drawn at random for every clip, put together as the network puts its own."""
    rng = np.random.default_rng(seed)
    found = {}
    for item in videos.items:
        each = rng.random((videos.lengths[item.id], len(CLASSES) + 1))
        each[:, :-1] *= 1 - each[:, -1:]
        found[item.id] = Scores(each, rng.random(len(CLASSES)))
    return found


def by_chance(videos: UntrimmedVideos, draws: int = 20) -> dict[str, float]:
    """The metrics and the summary that random scores reach, the mean over `draws` of them."""
    results = [measure(random_scores(videos, seed), videos) for seed in range(draws)]
    every = [result.metrics | result.summary() for result in results]
    return {name: float(np.mean([one[name] for one in every])) for name in every[0]}


def random_average_map(videos: UntrimmedVideos, draws: int = 20) -> float:
    """The average mAP that random scores reach; see `by_chance`."""
    return by_chance(videos, draws)["average_mAP"]


SHOWN_FRAMES = 14


def timeline_video(
    videos: UntrimmedVideos, index: int, found: Scores,
    truth: Sequence[tuple[str, float, float]] | None = None,
) -> TimelineVideo:  # fmt: skip
    """Everything that the timeline shows of one video; `found` is what the network says of it.

    Frames and waveform are those of root/video/SUBSET/ID.mp4 and the like, where it is there.
    truth: of a training video, whose segments gt.json does not tell.
    """
    item, sample = videos.items[index], videos.load(index)
    seeds = seed_labels(found.scores, sample.points) if item.points else (None, None)
    folder = videos.root / "video" / videos.subset
    places = [folder / f"{item.id}{ending}" for ending in VIDEO_ENDINGS]
    return timeline_of(
        item.id, item.fps, sample, found, next(filter(Path.is_file, places), None),
        points=tuple((p.label, p.frame / item.fps) for p in item.points) or None,
        act_seed=seeds[0], bkg_seed=seeds[1], truth=tuple(truth or item.truth) or None,
    )  # fmt: skip


def timeline_of(
    title: str, fps: float, sample, found: Scores, file: Path | None,
    sound: str | Path | None = None, **more: Any,
) -> TimelineVideo:  # fmt: skip
    """What the timeline shows of a file, or, without one, of features alone. sound: its file, if
    it is another."""
    seconds = len(found.scores) * CLIP_FRAMES / fps
    if file is not None:
        frames = frames_between(file, fps, 0, seconds, SHOWN_FRAMES)
        heard = sound or (sound_beside(file) if file.is_dir() else file)
        wave = np.zeros(2, np.float32) if heard is None else read_audio(heard, 8000)
        wave = wave[: round(seconds * 8000)]
        look: Callable | None = lambda a, b, n: frames_between(file, fps, a, b, n)  # noqa: E731
    else:  # features alone: grey pictures, and the loudness of the log-mel frames
        frames = np.full((SHOWN_FRAMES, 9, 16, 3), 200, np.uint8)
        wave, look = np.zeros(2, np.float32), None
        if sample.logmel is not None:
            wave = sample.logmel.mean(2).reshape(-1)
            wave = wave - wave.min()
    return TimelineVideo(
        title=title, fps=fps, frames=frames, waveform=wave, scores=found.scores,
        video_score=found.video_score, class_names=CLASSES, frames_between=look, **more,
    )  # fmt: skip


# --- Command line ---------------------------------------------------------------------------------


def number_list(text: str, name: str) -> tuple[float, ...]:
    """Numbers written as the released options write them: "[2,1,0.5,1]", "[1e-5]*2000" or
    "[1e-4]*1000+[1e-5]*1000". Only this is understood; nothing is run as code.

    Raises DataError naming the option.
    """
    term = r"\[([^\[\]]+)\](?:\*([1-9]\d{0,5}))?"
    written = re.sub(r"\s", "", text)
    if not written.startswith("["):  # one number
        written = f"[{written}]"
    numbers: list[float] = []
    try:
        if not re.fullmatch(rf"{term}(?:\+{term})*", written):
            raise ValueError("no list")
        for values, times in re.findall(term, written):
            numbers += [float(value) for value in values.strip(",").split(",")] * int(times or 1)
        if not np.isfinite(numbers).all() or len(numbers) > 1_000_000:
            raise ValueError("numbers that cannot be")
    except ValueError as error:
        raise error_of("list of numbers", name, text=repr(text)) from error
    return tuple(numbers)


def add_arguments(parser: argparse.ArgumentParser, phase: str) -> None:
    add_options(
        parser, OPTIONS, NAME, phase, schedules=SCHEDULES, modalities=MODALITIES,
        datasets=UNTRIMMED, **SCHEDULES,
    )  # fmt: skip


def run(phase: str, args: argparse.Namespace) -> int:
    """Carry out one phase; returns the exit code."""
    if phase == "features":
        return _make_features(args)
    refuse_as("class_th", not 0 <= args.class_th <= 1, "--class_th", class_th=args.class_th)
    if phase == "main":
        with checkpoints.training_folder(NAME, args.result_path) as folder:
            return _main(folder, args)
    return _main_eval(args) if phase == "main_eval" else _main_inference(args)


def _make_features(args: argparse.Namespace) -> int:
    net = _i3d(args.i3d_pretrained) if args.i3d_pretrained else None
    report = tsl_features.extract_features(args.data_path, net)
    path, kind = args.data_path, tsl_features.features_kind(args.data_path)
    print(said("features made", done=report.done, there=report.there, path=path, kind=kind))
    for reason in report.failed:
        print(f"failed: {reason}", file=sys.stderr)
    return 1 if report.failed else 0


def _i3d(path: str) -> I3D:
    net = I3D()
    load_weights(net, path)
    net.eval()
    return net


def _root(args: argparse.Namespace) -> Path:
    return Path(args.data_path) if args.data_path else UNTRIMMED[args.dataset]()


def _schedule(args: argparse.Namespace) -> Schedule:
    default = SCHEDULES[args.settings or ("paper" if args.data_path else "classroom")]
    rates = number_list(args.lr, "--lr") if args.lr else default.rates
    if args.lr and "[" not in args.lr:  # one number is for every step of the settings
        rates = rates * default.n_steps
    refuse(min(rates) <= 0, "--lr", found=min(rates), wanted="more than 0", cure="Correct it.")
    given = {name: getattr(args, name) for name in ("batch_size", "evaluate_every")}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        check_at_least(f"--{name}", value, 1, "Correct it.")
    return default._replace(rates=rates, **given)


def _main(folder: Path, args: argparse.Namespace) -> int:
    schedule, lambdas = _schedule(args), number_list(args.lambdas, "--lambdas")
    reverse_sign = args.reverse_sign or args.ways or "released"
    refuse_as("lambdas", len(lambdas) != 4, "--lambdas", n=len(lambdas))
    checkpoints.check_given(NAME, args.checkpoint_path, args.resume)
    runtime.seed(args.seed)
    root = _root(args)
    given = {"settings": "paper" if args.data_path else "classroom"} | _given(args)
    config = replace(getattr(TSLNetConfig, given.pop("settings"))(), **given)
    training, validation = (
        UntrimmedVideos(root, subset, modality=config.modality, points=args.points, seed=args.seed)
        for subset in ("train", "test")
    )
    net = TSLNet(config)
    jt.sync_all()  # the first weights are drawn now, from the seed, as in the notebook
    if args.checkpoint_path:
        print(f"network: {load_weights(net, args.checkpoint_path)}")
    kind = tsl_features.features_kind(root)
    print(f"{NAME}: {len(training)} videos to train, {len(validation)} to test, features: {kind}; "
          f"batch {schedule.batch_size}, {schedule.n_steps} steps, learning rate "
          f"{schedule.rates[0]:g}, evaluated every {schedule.evaluate_every}, seed {args.seed}, "
          f"on {runtime.device()}")  # fmt: skip
    clock = Clock()
    options = checkpoints.options_of(
        NAME, config, schedule, CLASSES, features=kind, lambdas=list(lambdas),
        reverse_sign=reverse_sign, points=args.points, class_th=args.class_th,
        trained_on=None if args.data_path else f"untrimmed_{args.dataset}",
    )  # fmt: skip
    saved = check_resumed(args.resume, options)
    total, every, begun = schedule.n_steps, schedule.evaluate_every, saved.get("n_steps")
    refuse_as("another length of run", begun not in (None, total) and begun % every,
              str(args.resume), begun=begun, every=every, total=total)  # fmt: skip
    options["n_steps"] = total
    history = train(
        net, training, validation, schedule=schedule,
        run=Run(folder, args.seed, args.resume, args.save_every, options=options),
        lambdas=lambdas, reverse_sign=reverse_sign, class_threshold=args.class_th, clock=clock,
    )  # fmt: skip
    best = max(history, key=lambda row: row["average_mAP"])
    report = {name: best[name] for name in best if name.startswith("average_")} | {
        "step": min(best["epoch"] * every, total),
        "random_average_mAP": random_average_map(validation),
    }
    file = folder / "report.json"
    # A complete run that is resumed takes no times: those of the training that was stay.
    before = {}
    if not clock.iterations:
        with contextlib.suppress(DataError):  # a damaged one is written anew
            before = read_table(file)
    same_run = all(before.get(name) == value for name, value in report.items())
    report = before if same_run else clock.numbers() | report
    write_json(file, report)
    print(filled(Path(__file__).with_name("tsl_report.txt"), **report))
    weights = best_weights(folder, best["epoch"])
    print(f"Best after step {report['step']}. Weights: {weights}")
    tell_unreadable(training, validation)
    doubt.fit_beside(weights, lambda file: load(file).net, "tsl", rate, training, validation)
    return 0


def load(
    file: Checkpoint, *, settings: str = "paper", n_classes: int | None = None, **given: Any
) -> Model:
    """The network of a checkpoint, built as it says, ready to answer.

    settings: of a file that does not say; given: changes of the config, such as modality= and
    r_act=. Raises DataError if it is no network of two classes.
    """
    with naming(file.path):
        config = checkpoints.config_of(TSLNetConfig, file, settings, **given)
        net = TSLNet(config)
    for classes in (config.num_classes, n_classes or len(CLASSES)):
        refuse_as("classes of TSL", classes != len(CLASSES), file.path, classes=classes)
    load_weights(net, file)
    return Model("tsl", net, config, list(NAMES.values()), file, answer)


def answer(
    model: Model, source: Any, *, sound: str | Path | None = None, fps: float | None = None,
    class_threshold: float = RELEASED_THRESHOLD, i3d: str | None = None,
) -> Answer:  # fmt: skip
    """TSL-Net's segments of negative and positive mood (see `Model.predict`).

    fps: frames per second of bare arrays (default: 30). class_threshold: of the video's score,
    from which a class has segments. i3d: I3D's weights, for a network that knows its features.
    Raises DataError naming the file.
    """
    config, bare = model.config, isinstance(source, tuple | list)
    if bare:
        needed = (config.modality != "logmfcc", config.modality != "rgb")
        rgb, logmel = pair_of(source, needed, "rgb and logmel")
        rgb, logmel = tsl300.same_length(rgb, logmel, "rgb", "logmel")
        sample = SimpleNamespace(rgb=rgb, logmel=logmel)
        name, file, fps = "arrays", None, fps or 30.0
    else:
        file = Path(source)
        sample, fps = describe_file(file, config, model.file.options, i3d, sound)
        name = name_of(file)
    n_clips = len(sample.logmel if sample.rgb is None else sample.rgb)
    refuse_as("short video for TSL", n_clips < config.r_act, name if bare else str(source),
              n=n_clips, least=config.r_act, seconds=16 * config.r_act / fps)  # fmt: skip
    found = predict(model.net, sample)
    with naming(name):
        segments = localize(
            found.scores, found.video_score, fps, labels=CLASSES, class_threshold=class_threshold
        )
    segments = [(start, end, NAMES[c], score) for c, score, start, end in segments]
    scores = {NAMES[c]: float(s) for c, s in zip(CLASSES, found.video_score, strict=True)}
    shown = timeline_of(Path(name).stem, fps, sample, found, file, sound=sound)
    limits = Thresholds(class_threshold=class_threshold)
    return Answer(
        "TSL-Net", name, model.weights, max(scores, key=scores.get), scores,
        sorted(segments, key=lambda segment: -segment[3]), 1 - found.scores[:, -1],
        n_clips * CLIP_FRAMES / fps, model.trained_on, shown, model.score,
        View(lambda lang: timeline.timeline_widget([shown], lang),
             lambda lang: timeline.png(shown, limits, lang=lang),
             lambda lang: timeline.describe(shown, limits, lang=lang)),
    )  # fmt: skip


def _check_features(saved: dict, kind: str, path: str | Path) -> None:
    trained_on = saved.get("features", I3D_FEATURES)  # weights from elsewhere are for I3D
    how = " with --i3d_pretrained rgb_imagenet.pt" if trained_on == I3D_FEATURES else ""
    refuse_as("features", kind != trained_on, path, kind=kind, trained_on=trained_on, how=how)


def _given(args: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of the network, in `main` by --ways, too."""
    given = {"settings": args.settings, "modality": args.modal, "r_act": args.r_act}
    given["video_score"] = args.video_score or getattr(args, "ways", None)
    return {name: value for name, value in given.items() if value is not None}


def _model(args: argparse.Namespace) -> Model:
    return load(open_checkpoint(NAME, args.checkpoint_path, args.result_path), **_given(args))


def _main_eval(args: argparse.Namespace) -> int:
    model, root = _model(args), _root(args)
    net, config = model.net, model.config
    kind = tsl_features.features_kind(root)
    if config.modality != "logmfcc":  # of the picture
        _check_features(model.file.options, kind, root)
    videos = UntrimmedVideos(root, "test", modality=config.modality)
    result = test(net, videos, class_threshold=args.class_th)
    print(result.table())
    print(f"videos whose classes are all right: {result.accuracy:.3f}")
    unreadable = tell_unreadable(videos)
    folder = result_folder(NAME, args.result_path)
    segments = tsl300.write_results(folder / "detections.json", result.results, f"Features: {kind}")
    numbers = folder / "metrics.json"
    more = {"unreadable": unreadable} if unreadable else {}
    write_json(numbers, result.metrics | result.summary() | more)
    print(f"written: {segments}, {numbers}")
    return 1 if unreadable else 0


def _main_inference(args: argparse.Namespace) -> int:
    model = _model(args)
    needed = {"all": ("rgb_path", "mfcc_path"), "rgb": ("rgb_path",), "logmfcc": ("mfcc_path",)}
    names = needed[model.config.modality]
    given = [name for name in names if getattr(args, name)]
    found = ", ".join(f"--{name}" for name in given) or "no video and no features"
    refuse(bool(args.video_path) == bool(given) or 0 < len(given) < len(names), "main_inference",
           found="--video_path and features" if args.video_path else found,
           wanted="--video_path FILE, or " + " and ".join(f"--{name}" for name in names),
           cure="Give one of them.")  # fmt: skip
    how = {"class_threshold": args.class_th}
    if args.video_path:
        found = model.predict(args.video_path, i3d=args.i3d_pretrained, **how)
    else:
        refuse_as("no rate", not args.fps or not 1 <= args.fps <= 240, "--fps", fps=args.fps)
        rgb = tsl300.read_rgb(args.rgb_path) if "rgb_path" in given else None
        logmel = tsl300.read_logmel(args.mfcc_path) if "mfcc_path" in given else None
        tsl300.same_length(rgb, logmel, str(args.rgb_path), str(args.mfcc_path))
        found = model.predict((rgb, logmel), fps=args.fps, **how)
    source = Path(args.video_path or args.rgb_path or args.mfcc_path)
    return _tell(model, source, found, args)


def _tell(model: Model, source: Path, found: Answer, args: argparse.Namespace) -> int:
    """Print an answer's segments and write them, and the picture."""
    shares = ", ".join(f"{c} {found.probabilities[NAMES[c]]:.3f}" for c in CLASSES)
    short = {name: c for c, name in NAMES.items()}
    segments = [(short[label], score, start, end) for start, end, label, score in found.segments]
    facts = {"stem": source.stem, "state": found.state, "doubt": found.doubt}
    template = Path(__file__).with_name("tsl_segments.txt")
    print(filled(template, shares=shares, segments=segments, **facts))
    folder = result_folder(NAME, args.result_path)
    written = tsl300.write_results(
        folder / named_after(source, "_detections.json"), {source.stem: segments},
        f"Features: {model.file.options.get('features', I3D_FEATURES)}",
    )  # fmt: skip
    picture = found.save(folder / named_after(source, "_timeline.png"), args.lang)
    print(f"written: {written}, {picture}")
    return 0


def describe_file(
    file: Path, config: TSLNetConfig, saved: dict, i3d: str | None = None,
    sound: str | Path | None = None,
) -> tuple[SimpleNamespace, float]:  # fmt: skip
    """The features of a video file, or a folder of frames, for a network (config, and what its
    checkpoint says), and its fps.

    i3d: I3D's weights; without them JACK's own descriptor. sound: of a folder of frames. Raises
    DataError if the file cannot be read, or the weights were trained on the other kind.
    """
    facts = tsl_features.video_facts(file)
    rgb = logmel = None
    if config.modality != "logmfcc":
        _check_features(saved, I3D_FEATURES if i3d else DESCRIPTOR, file)
        if i3d:
            rgb = tsl_features.i3d_features(_i3d(i3d), file)
        else:
            rgb = tsl_features.picture_features(file)
    if config.modality != "rgb":
        with tempfile.TemporaryDirectory() as folder:
            sound = sound or (sound_beside(file) if file.is_dir() else file)
            if sound is None:
                sound = Path(folder) / "silence.wav"
                write_silence(sound, facts.seconds)
            logmel = tsl300.scaled(log_mel(sound, facts.fps))
    rgb, logmel = tsl300.same_length(rgb, logmel, str(file), str(file))
    return SimpleNamespace(rgb=rgb, logmel=logmel), facts.fps


def read_truth(root: str | Path, file: str = "videosenti_gt.json") -> dict[str, list]:
    """The segments of every video that a file of TSL-300's layout tells of, (label, start, end)."""
    path = Path(root) / file
    database = tsl300.read_ground_truth(path)
    return {video: list(tsl300.segments_of(path, database, video)) for video in database}
