"""VAANet from files to results: what `bash script/run.sh VAANet PHASE` and notebook 04 call."""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np

from jacklib.data.video import FRAMES_PER_SECOND, Batch, Sample, VideoClips, batches
from jacklib.methods import clips as common
from jacklib.methods.answer import Answer, Model, View, by_class, name_of
from jacklib.methods.clips import Schedule, clip_truth, open_clips
from jacklib.methods.clips import truths as truths  # for the notebook
from jacklib.networks import VAANet, VAANetConfig
from jacklib.training.evaluate import Predictions, predict_passes
from jacklib.training.runs import Run
from jacklib.weights.checkpoint import Checkpoint
from jacklib.widgets import attention
from jacklib.widgets.attention import AttentionState

# The paper's (section 4.1; the released code's batch) and ours for two CPU cores. The temporal
# attention starts from large weights, of which Adam changes little in the classroom's 192 steps:
# the clips are told apart long before it has turned from even to selective. So it learns faster.
SCHEDULES = {"paper": Schedule(32, 100, 2e-4), "classroom": Schedule(8, 12, 1e-3, 20.0)}


# --- Parts, also for the notebook -----------------------------------------------------------------


def train(
    net: VAANet, training: VideoClips, validation: VideoClips, *, schedule: Schedule,
    run: Run | str | Path, threads: int = 2,
) -> list[dict[str, float]]:  # fmt: skip
    """Train with PCCE and Adam as the paper does; returns the history (see `training.loop.fit`).

    Where clips carry a planted event, the history also has `attention`: temporal attention on
    the event against what uniform attention gets.
    """

    def step_loss(batch: Batch):
        logits = net(batch.visual, batch.audio).logits
        loss = common.loss_of(schedule, "pcce_ve8", logits, batch.label, training.positive)
        yield loss, logits, batch.label

    def evaluate() -> dict[str, float]:
        result = test(net, validation, batch_size=schedule.batch_size, threads=threads)
        return {"val_accuracy": result.accuracy} | common.attention_found(result, validation)

    temporal = net.ta_net.parameters() + net.aa_net.parameters()
    net.train()  # eval() has stopped the gradients that the optimizer looks for
    run = replace(Run.of(run), settings=(schedule, training, validation))
    return common.fit_clips(
        net, common.adam(net, temporal, schedule), training, schedule=schedule,
        step_loss=step_loss, evaluate=evaluate, run=run, threads=threads,
    )  # fmt: skip


def test(net: VAANet, clips: VideoClips, *, batch_size: int = 8, threads: int = 2) -> Predictions:
    """Predict every clip that can be read, in evaluation mode."""
    loader = batches(clips, batch_size=batch_size, threads=threads)
    (found,) = predict_passes(
        net, lambda batch: [net(batch.visual, batch.audio)], loader, clips.class_names
    )
    return found


def attention_state(
    net: VAANet, sample: Sample, class_names: list[str], *, label: str | None = None,
    truth: np.ndarray | None = None,
) -> AttentionState:  # fmt: skip
    """The attention figure's data for one clip; its most attended segment comes first."""
    net.eval()
    with jt.no_grad():
        output = net(sample.visual[None], sample.audio[None])
        probabilities = jt.nn.softmax(output.logits, dim=1).numpy()[0]
    gamma = output.gamma.numpy()[0]
    return AttentionState(
        frames=common.middle_frames(sample), alpha=output.alpha.numpy()[:, 0],
        beta=output.beta.numpy()[:, 0], gamma=gamma, audio_gamma=output.audio_gamma.numpy()[0],
        probabilities=probabilities, class_names=class_names, title=sample.id, label=label,
        truth=truth, segment=int(gamma.argmax()),
    )  # fmt: skip


def attention_states(
    net: VAANet, clips: VideoClips, indices: list[int] | None = None
) -> list[AttentionState]:
    """`attention_state` of the chosen clips (all by default), for `attention_widget`."""
    return [
        attention_state(net, clips.load(i), clips.class_names, label=clips.items[i].label_name,
                        truth=clip_truth(clips, i))
        for i in (range(len(clips)) if indices is None else indices)
    ]  # fmt: skip


def load(file: Checkpoint, **given: Any) -> Model:
    """The network of a checkpoint, ready to answer; given: see `clips.load`."""
    return Model("vaanet", *common.load(METHOD, file, **given), file, answer)


def answer(model: Model, source: Any, *, sound: str | Path | None = None, fps: int = 30) -> Answer:
    """VAANet's emotion, and where it looks and listens (see `Model.predict`).

    fps: frames used per second, of 30. Raises DataError naming the file.
    """
    bare = isinstance(source, tuple | list)
    if bare:
        sample = common.bare_sample(model.config, source)
    else:
        opened = partial(open_clips, model.config, subset="validation", fps=fps)
        sample = common.one_clip(source, opened, sound).load(0)
    state = attention_state(model.net, sample, model.class_names)
    probabilities = by_class(model.class_names, state.probabilities)
    # The indices are of frames, 30 per second.
    seconds = 0.0 if bare else float(sample.frame_indices.max() + 1) / FRAMES_PER_SECOND
    return Answer(
        "VAANet", "arrays" if bare else name_of(source), model.weights, next(iter(probabilities)),
        probabilities, [], state.gamma, seconds, model.trained_on, state, model.score,
        None if bare else View(
            lambda lang: attention.attention_widget([state], lang),
            lambda lang: attention.png(state, lang), lambda lang: attention.describe(state, lang)),
    )  # fmt: skip


NAME, PHASES = "VAANet", common.PHASES
METHOD = common.Method(
    name=NAME, network=VAANet, config=VAANetConfig, schedules=SCHEDULES,
    sizes=("sample_size", "seq_len", "snippet_duration", "audio_embed_size", "audio_n_segments"),
    open_clips=open_clips, train=train, test=test,
)  # fmt: skip
add_arguments = partial(common.add_arguments, method=METHOD)


def run(phase: str, args: argparse.Namespace) -> int:
    """Carry out one phase; returns the exit code."""
    if phase == "main":
        return common.run_main(METHOD, args)
    if phase == "test_singlevideo":
        return common.run_singlevideo(METHOD, args, load, "attention")
    net, clips, _ = common.open_test_clips(METHOD, args)
    result = test(net, clips, batch_size=args.batch_size or 8, threads=args.n_threads)
    print(result.table())
    for ratio in common.attention_found(result, clips).values():
        print(f"temporal attention on the planted events: {ratio:.2f} times uniform")
    return common.write_test(NAME, args, clips, result)
