"""CTEN from files to results: what `bash script/run.sh CTEN PHASE` and notebook 05 call."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from jacklib.core.erasing import THETA, both_reach, kept_segments
from jacklib.core.metrics import DetectionMetrics, attention_proposals, detection_metrics
from jacklib.core.options import add_options
from jacklib.data.audio import read_audio
from jacklib.data.video import FRAMES_PER_SECOND, Batch, VideoClips, batches
from jacklib.errors import DataError, check_choice, refuse_as
from jacklib.methods import clips as common
from jacklib.methods.answer import Answer, Model, View, by_class, name_of
from jacklib.methods.checkpoints import OPTIONS
from jacklib.methods.clips import Schedule, clip_truth, middle_frames
from jacklib.methods.clips import truths as truths  # for the notebook
from jacklib.networks import CTEN, CTENConfig, CTENVisual
from jacklib.samples import SamplePaths
from jacklib.training import parallel
from jacklib.training.evaluate import Predictions, predict_passes
from jacklib.training.features import KeptFeatures
from jacklib.training.runs import Run
from jacklib.weights.checkpoint import Checkpoint
from jacklib.widgets import erasing
from jacklib.widgets.erasing import ErasingState

# The released code's (batch 32, weight decay 5e-4; the kit's documented example uses batch 4) and
# ours for two CPU cores. As with VAANet, the classroom's temporal attention learns faster, and so
# do the shortcuts around the non-local blocks: what comes out of those blocks is mixed over the
# segments, so that only through the shortcut can the attention tell one segment from another.
SCHEDULES = {
    "paper": Schedule(32, 100, 2e-4, weight_decay=5e-4),
    "classroom": Schedule(8, 10, 1e-3, 20.0, weight_decay=5e-4),
}
TIOUS = (0.1, 0.2, 0.3, 0.4, 0.5)  # the paper's table of detection
# The released code's ways and the paper's; `shortcut` and `erase_sound` are the network's.
WAYS = {
    "released": dict(pass_loss="mean", prediction="mean", shortcut="learned", erase_sound=False),
    "paper": dict(pass_loss="sum", prediction="first", shortcut="paper", erase_sound=True),
}

Network = CTEN | CTENVisual


def build(config: CTENConfig) -> Network:
    """The network of a config. Raises DataError if its options exclude each other."""
    refuse_as("statistics", config.stored_statistics and not config.freeze_backbone,
              "stored_statistics")  # fmt: skip
    return CTENVisual(config) if config.visual_only else CTEN(config)


def open_clips(config: CTENConfig, paths: SamplePaths, subset: str, **options: Any) -> VideoClips:
    """As `clips.open_clips`, with CTEN's sound (none for the visual stream)."""
    if config.visual_only:
        paths = paths._replace(audio_path=None)
    return common.open_clips(
        config, paths, subset, sound="filter_bank", audio_segments=config.audio_n_segments,
        keep_pictures=True, **options,
    )  # fmt: skip


# --- Passes ---------------------------------------------------------------------------------------


def look(
    net: Network, visual: np.ndarray, audio: np.ndarray | None, features: KeptFeatures | None = None
) -> Any:
    """One pass over a batch: visual [B, S, 3, D, H, W], audio [B, S * audio_time, 128] or None."""
    sound = () if isinstance(net, CTENVisual) else (audio,)
    return net(visual, *sound) if features is None else net.fuse(features(visual), *sound)


def gamma_of(output: Any) -> np.ndarray:
    """What erasing and detection go by, [B, S]: gamma, or with erase_sound `both_reach`."""
    gamma, audio = output.gamma.numpy(), getattr(output, "audio_gamma", None)
    return gamma if audio is None else both_reach(gamma, audio.numpy())


def seen_again(
    clips: VideoClips, batch: Batch, kept: Sequence[np.ndarray], threads: int = 2,
    lost: list[str] | None = None, sound: bool = False,
) -> list[Batch]:  # fmt: skip
    """What later passes see of a batch: one for each bool [B, S] of `kept`.

    The first is pass 2, and so on. Frames that an earlier pass of this batch has decoded are not
    decoded again. sound: whether later passes hear the kept segments only. A clip of which a frame
    cannot be read shows what pass 1 saw; `lost` then gets its ID.
    """

    def load(row: int) -> list[tuple]:  # a clip's passes one after the other: they share
        index = int(batch.indices[row])
        try:
            again = [
                clips.resample(
                    index, rows[row], number=number, epoch=batch.epoch, sound=sound,
                    pictures=None if batch.pictures is None else batch.pictures[row],
                )
                for number, rows in enumerate(kept, start=2)
            ]  # fmt: skip
            return [(sample.visual, sample.audio) for sample in again]
        except DataError as error:
            clips.not_read(index, error)
            if lost is not None:
                lost.append(batch.ids[row])
            return [(batch.visual[row], batch.audio[row] if sound else None)] * len(kept)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        rows = list(pool.map(load, range(len(batch.indices))))
    return [
        batch._replace(visual=np.stack(visual), audio=np.stack(audio) if sound else batch.audio)
        for visual, audio in (zip(*of_pass, strict=True) for of_pass in zip(*rows, strict=True))
    ]


# --- Training and evaluation ----------------------------------------------------------------------


def train(
    net: Network, training: VideoClips, validation: VideoClips, *, schedule: Schedule,
    run: Run | str | Path, threads: int = 2, theta: float = THETA, erasing: bool = True,
    keep_features: bool = False, ways: Mapping[str, Any] = WAYS["released"],
) -> list[dict[str, float]]:  # fmt: skip
    """Train as the released code does; returns the history (see `jacklib.training.loop.fit`).

    The loss is the mean cross entropy of three passes; with erasing=False, of the first alone, on
    the same network: the comparison that the paper's ablation makes. keep_features: evaluation
    computes the features of a snippet once (`KeptFeatures`), for frozen backbones. ways: pass_loss,
    "mean" or, as in equation (12), "sum" of the passes' losses; prediction, see `test`.

    The history has the validation accuracy of the prediction (`val_accuracy`), which decides on
    best.pth, and of passes 1 and 2 (`val_pass_1`, `val_pass_2`) and, where clips carry a planted
    event, `attention` and `detection`, the mean average precision of gamma over tIoU 0.1 to 0.5.
    """
    check_choice("pass_loss", ways["pass_loss"], ("mean", "sum"))
    refuse_as("kept features", keep_features and not net.config.stored_statistics, "keep_features")
    features, both = KeptFeatures(net) if keep_features else None, net.config.erase_sound

    def step_loss(batch: Batch):
        target = jt.array(batch.label)
        gammas = []

        def one_pass(seen: Batch):
            output = look(net, seen.visual, seen.audio)
            if erasing and not gammas:
                gammas.append(gamma_of(output))  # waits for pass 1
            loss = common.loss_of(schedule, "ce", output.logits, target, training.positive)
            loss = loss / (3 if erasing and ways["pass_loss"] == "mean" else 1)
            return loss, output.logits, batch.label if seen is batch else None

        yield one_pass(batch)
        # Where gamma is no number any more, neither is the loss, of which `fit` then tells.
        if erasing and parallel.everywhere(np.isfinite(gammas[0]).all()):
            kept = kept_segments(gammas[0], theta, both)
            for seen in seen_again(training, batch, kept, threads, sound=both):
                yield one_pass(seen)

    def evaluate() -> dict[str, float]:
        result = test(
            net, validation, batch_size=schedule.batch_size, threads=threads, theta=theta,
            features=features, prediction=ways["prediction"],
        )  # fmt: skip
        return result.numbers(validation)

    settings = (schedule, training, validation, theta, erasing, keep_features, ways)
    blocks = [net.nl[0]] if isinstance(net, CTENVisual) else [net.nl[0], net.nl_a[0]]
    faster = net.ta_net.parameters() + (net.ta_net_a.parameters() if both else [])
    faster += [block.alpha for block in blocks if net.config.shortcut == "learned"]
    net.train()  # eval() has stopped the gradients that the optimizer looks for
    return common.fit_clips(
        net, common.adam(net, faster, schedule), training, schedule=schedule, step_loss=step_loss,
        evaluate=evaluate, run=replace(Run.of(run), settings=settings), threads=threads,
    )  # fmt: skip


class ErasedPredictions(NamedTuple):
    """Predictions of pass 1, of pass 2 (keyframes erased) and of the mean of their logits."""

    first: Predictions
    second: Predictions
    mean: Predictions  # its gamma is pass 1's
    answer: Predictions  # first or mean: the network's

    def numbers(self, clips: VideoClips) -> dict[str, float]:
        """Accuracies and, for clips with a planted event, attention and detection."""
        report = {"val_accuracy": self.answer.accuracy, "val_pass_1": self.first.accuracy,
                  "val_pass_2": self.second.accuracy}  # fmt: skip
        attention = common.attention_found(self.mean, clips)
        if attention:
            report |= attention | {"detection": self.detection(clips).averages()["mAP"]}
        return report

    def detection(self, clips: VideoClips, classes: bool = True) -> DetectionMetrics:
        """How well gamma finds the planted events in time, over `TIOUS`; see `detection_metrics`
        for classes."""
        clips = clips.only(self.answer.ids)
        return detection_metrics(events(clips), detections(self.answer, clips), TIOUS, classes)


def test(
    net: Network, clips: VideoClips, *, batch_size: int = 8, threads: int = 2,
    theta: float = THETA, features: KeptFeatures | None = None, prediction: str = "mean",
) -> ErasedPredictions:  # fmt: skip
    """Predict every clip that can be read, in evaluation mode, with and without its keyframes.
    prediction: what the network answers, the "mean" of both passes or, as in section 4.2 of the
    paper, the "first". The gamma is `gamma_of` pass 1."""
    check_choice("prediction", prediction, ("mean", "first"))
    lost: list[str] = []
    both = net.config.erase_sound

    def passes(batch: Batch) -> list:
        first = look(net, batch.visual, batch.audio, features)
        first = first._replace(gamma=jt.array(gamma_of(first)))
        kept = kept_segments(first.gamma, theta, both)
        (seen,) = seen_again(clips, batch, [kept.low], threads, lost, both)
        second = look(net, seen.visual, seen.audio, features)
        return [first, second, first._replace(logits=(first.logits + second.logits) / 2)]

    loader = batches(clips, batch_size=batch_size, threads=threads)
    found = predict_passes(net, passes, loader, clips.class_names)
    first, second, mean = (one.without(lost) for one in found)
    return ErasedPredictions(first, second, mean, first if prediction == "first" else mean)


def events(clips: VideoClips) -> dict:
    """The planted events of `clips` as ground truth for `temporal_map`, in seconds."""
    found = {}
    for item in clips.items:
        times = [item.annotation[end] / FRAMES_PER_SECOND for end in ("event_start", "event_end")]
        found[item.id] = {"annotations": [{"label": item.label_name, "segment": times}]}
    return found


def detections(predictions: Predictions, clips: VideoClips) -> dict:
    """Where gamma says that the predicted emotion is, for `temporal_map`, in seconds.

    The paper's weakly supervised detection: only labels of whole videos were learned from. The
    proposals are `attention_proposals`' and score their contrast times the class's probability.
    """
    results = {}
    for row, item in enumerate(clips.items):
        # The segments are equal parts of whole frames; what is left at the end belongs to none.
        seconds = item.n_frames // clips.cut.seq_len * clips.cut.seq_len / FRAMES_PER_SECOND
        label = predictions.predicted[row]
        name = predictions.class_names[label]
        likeliness = float(predictions.probabilities[row, label])
        results[item.id] = [
            {"label": name, "score": score * likeliness, "segment": [start, end]}
            for start, end, score in attention_proposals(predictions.gamma[row], seconds)
        ]
    return results


# --- The erasing figure ---------------------------------------------------------------------------


def erasing_state(
    net: Network, clips: VideoClips, index: int, theta: float = THETA, prediction: str = "mean"
) -> ErasingState:
    """The erasing figure's data for one clip: three passes in evaluation mode."""
    net.eval()
    item, sample = clips.items[index], clips.load(index)
    both, audio = net.config.erase_sound, None if sample.audio is None else sample.audio[None]
    with jt.no_grad():
        first = look(net, sample.visual[None], audio)
        gamma = gamma_of(first)[0]
        kept = kept_segments(gamma, theta, both)
        more = [
            clips.resample(index, rows, number=number, pictures=sample.pictures, sound=both)
            for number, rows in enumerate(kept, start=2)
        ]
        logits = [first.logits]
        logits += [look(net, s.visual[None], s.audio[None] if both else audio).logits for s in more]
        mean = (logits[0] + logits[1]) / 2
        rows = jt.nn.softmax(jt.concat([*logits, mean], dim=0), dim=1).numpy()
    frames = [middle_frames(s) for s in (sample, *more)]
    sound = item.audio_file
    return ErasingState(
        title=item.id, frames=frames[0],
        waveform=np.zeros(2, np.float32) if sound is None else read_audio(sound),
        seconds=item.n_frames / FRAMES_PER_SECOND, gamma=gamma, theta=theta,
        probabilities=rows[:3], mean_probabilities=rows[3], class_names=clips.class_names,
        pass_frames=np.stack(frames),
        label=item.label_name if item.label_name in clips.class_names else None,
        truth=clip_truth(clips, index), both=both, prediction=prediction,
    )  # fmt: skip


def erasing_states(
    net: Network, clips: VideoClips, indices: Sequence[int], prediction: str = "mean"
) -> tuple[list[str], Callable[[int, float], ErasingState]]:
    """The two arguments of `erasing_widget` for the chosen clips."""
    titles = [f"{clips.items[i].id} ({clips.items[i].label_name})" for i in indices]
    return titles, lambda place, theta: erasing_state(net, clips, indices[place], theta, prediction)


def load(file: Checkpoint, *, visual_only: bool = False, **given: Any) -> Model:
    """The network of a checkpoint, ready to answer. visual_only: the stream without sound, for a
    file that does not say; given: see `clips.load`."""
    method = METHOD._replace(changes={"visual_only": True} if visual_only else {})
    return Model("cten", *common.load(method, file, **given), file, answer)


def answer(
    model: Model, source: Any, *, sound: str | Path | None = None, fps: int = 30,
    theta: float | None = None, prediction: str | None = None,
) -> Answer:  # fmt: skip
    """CTEN's emotion, what is left of the video when its keyframes are erased, and where the
    attention lies (see `Model.predict`). Of bare arrays there is the first pass alone.

    fps: frames used per second, of 30. theta: of the erasing threshold, prediction: see `test`;
    default: the checkpoint's. Raises DataError naming the file.
    """
    theta = model.file.options.get("theta", THETA) if theta is None else theta
    prediction = prediction or model.file.options.get("prediction", "mean")
    if isinstance(source, tuple | list):
        sample = common.bare_sample(model.config, source)
        with jt.no_grad():
            audio = None if sample.audio is None else sample.audio[None]
            output = look(model.net, sample.visual[None], audio)
            rows = jt.nn.softmax(output.logits, dim=1).numpy()
        found, gamma = by_class(model.class_names, rows[0]), gamma_of(output)[0]
        return Answer(
            "CTEN", "arrays", model.weights, next(iter(found)), found, [], gamma, 0.0,
            model.trained_on, score=model.score,
        )  # fmt: skip
    opened = partial(open_clips, model.config, subset="validation", fps=fps)
    clips = common.one_clip(source, opened, sound)
    clips.class_names = model.class_names

    def state_of(_clip: int, theta: float) -> ErasingState:
        # What the file shows is what we ask: it has no label.
        return replace(erasing_state(model.net, clips, 0, theta, prediction), label=None)

    state = state_of(0, theta)
    found = by_class(model.class_names, state.answer)
    label, likeliest = next(iter(found.items()))
    segments = [
        (start, end, label, score * likeliest)
        for start, end, score in attention_proposals(state.gamma, state.seconds)
    ]
    return Answer(
        "CTEN", name_of(source), model.weights, label, found, segments, state.gamma, state.seconds,
        model.trained_on, state, model.score,
        View(lambda lang: erasing.erasing_widget([state.title], state_of, lang, theta),
             lambda lang: erasing.png(state, lang), lambda lang: erasing.describe(state, lang)),
    )  # fmt: skip


# --- Command line ---------------------------------------------------------------------------------

NAME, PHASES = "CTEN", common.PHASES
METHOD = common.Method(
    name=NAME, network=build, config=CTENConfig, schedules=SCHEDULES,
    sizes=("sample_size", "seq_len", "snippet_duration", "audio_embed_size", "audio_n_segments",
           "audio_time"),
    open_clips=open_clips, train=train, test=lambda net, clips: test(net, clips).answer,
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser, phase: str) -> None:
    common.add_arguments(parser, phase, METHOD)
    add_options(parser, OPTIONS, "CTEN", phase, theta=THETA)


def run(phase: str, args: argparse.Namespace) -> int:
    """Carry out one phase; returns the exit code."""
    refuse_as("theta", not 0 <= (args.theta or 0) <= 1, "--theta", theta=args.theta, usual=THETA)
    # As many audio as visual segments: one option sets both.
    if args.seq_len is None:
        args.seq_len = args.audio_n_segments
    if args.audio_n_segments is None:
        args.audio_n_segments = args.seq_len
    # A checkpoint of the visual stream says so itself; the option is for files from elsewhere.
    changes = {"visual_only": True} if args.visual_only else {}
    if phase == "test":
        return _test(METHOD._replace(changes=changes), args)
    if phase == "test_singlevideo":
        net_of = partial(load, **changes)
        how = {"theta": args.theta, "prediction": args.prediction}
        return common.run_singlevideo(METHOD, args, net_of, "erasing", **how)
    given = {name: getattr(args, name) for name in WAYS[args.ways]}
    ways = WAYS[args.ways] | {name: way for name, way in given.items() if way is not None}
    changes |= {name: ways[name] for name in ("shortcut", "erase_sound")}
    changes["stored_statistics"] = args.stored_statistics
    notes = {"theta": THETA if args.theta is None else args.theta, "erasing": not args.no_erasing}
    own = partial(train, **notes, keep_features=args.keep_features, ways=ways)
    how = {"theta": notes["theta"], "prediction": ways["prediction"]}
    parts = {"train": own, "test": lambda net, clips: test(net, clips, **how).answer}
    return common.run_main(METHOD._replace(**parts, changes=changes, notes=notes | ways), args)


def _test(method: common.Method, args: argparse.Namespace) -> int:
    net, clips, saved = common.open_test_clips(method, args)
    how = {"theta": saved.get("theta", THETA) if args.theta is None else args.theta,
           "prediction": args.prediction or saved.get("prediction", "mean")}  # fmt: skip
    result = test(net, clips, batch_size=args.batch_size or 8, threads=args.n_threads, **how)
    print(result.answer.table())
    numbers = result.numbers(clips)
    more: dict[str, Any] = how | {name: numbers[f"val_{name}"] for name in ("pass_1", "pass_2")}
    of = "pass 1" if how["prediction"] == "first" else "their mean"
    print(f"accuracy of pass 1 (whole video) {more['pass_1']:.3f}, of pass 2 (keyframes erased) "
          f"{more['pass_2']:.3f}; the table is of {of}")  # fmt: skip
    if "attention" in numbers:
        print(f"temporal attention on the planted events: {numbers['attention']:.2f} times uniform")
        more["attention"] = numbers["attention"]
        for name, which, classes in (("", "", True), ("_by_time", ", right by time alone", False)):
            found = result.detection(clips, classes)
            by_tiou = "  ".join(f"{m:.3f} at {t:g}" for t, m in zip(TIOUS, found.map, strict=True))
            print(f"detection mAP by tIoU{which}: {by_tiou}")
            more[f"detection{name}"] = found.report()
    return common.write_test(NAME, args, clips, result.answer, **more)
