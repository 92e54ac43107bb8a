"""BPM-GCN from poses to results: what `bash script/run.sh Gait PHASE` and notebook 07 call."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from jacklib.backend import runtime
from jacklib.core.metrics import per_class
from jacklib.core.shapes import STREAMS
from jacklib.data.bvh import Recording
from jacklib.data.gait import (
    FRAMES,
    N_AFFECTIVE,
    Gaits,
    GaitSample,
    gait_arrays,
    read_pose,
    recording_frames,
)
from jacklib.data.poses import EMOTIONS, check_pose, swap_sides
from jacklib.data.samples import GAITS
from jacklib.errors import DataError
from jacklib.files import named_after
from jacklib.methods.answer import Answer, Model, View, name_of
from jacklib.methods.checkpoints import (
    built_as,
    check_network,
    check_resumed,
    open_checkpoint,
    result_folder,
    saved_config,
)
from jacklib.methods.gait_config import PASSED_OVER, WITHOUT_EFFECT, option, read_config
from jacklib.methods.gait_config import PHASES as MAIN_PHASES
from jacklib.networks import BPMGCN, BPMGCNConfig
from jacklib.networks.losses import bpm_gcn_loss
from jacklib.ops import SGD
from jacklib.training import parallel
from jacklib.training.evaluate import Predictions
from jacklib.training.loop import fit
from jacklib.training.runs import Run, best_weights, owned
from jacklib.weights.checkpoint import Checkpoint, load_weights, read_options
from jacklib.widgets import gait as walking
from jacklib.widgets.gait_state import GaitGraphs, GaitState

NAME = "Gait"
PHASES = ("main", "test_single")


class Schedule(NamedTuple):
    """How BPM-GCN is trained: SGD whose learning rate falls to a tenth at `drops`.

    drops: the epochs after which it falls.
    """

    batch_size: int
    n_epochs: int
    learning_rate: float
    drops: tuple[int, ...]
    momentum: float = 0.9
    weight_decay: float = 1e-3
    nesterov: bool = True

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        return self.learning_rate * 0.1 ** sum(epoch >= drop for drop in self.drops)


# The released configuration's (the paper says 0.01 for 80 epochs), and ours for two CPU cores.
SCHEDULES = {
    "paper": Schedule(32, 125, 0.075, (25, 50, 75, 100)),
    "classroom": Schedule(16, 15, 0.05, (10, 13)),
}


def open_gaits(
    split: str,
    folder: str | Path | None = None,
    *,
    train: bool = False,
    seed: int = 0,
    dataset: str = "styled",
) -> Gaits:
    """The gaits of a folder that `prepare gait` made; without one, the samples, made if need be."""
    return Gaits(folder or GAITS[dataset](), split, train=train, seed=seed)


class Step(NamedTuple):
    """The gaits of one step."""

    epoch: int
    indices: np.ndarray
    ids: list[str]


def steps(gaits: Gaits, schedule: Schedule, seed: int, epoch: int, start: int) -> Iterator[Step]:
    """An epoch's steps from number `start` on, in an order drawn from (seed, epoch) alone."""
    order = np.random.default_rng([seed, epoch]).permutation(len(gaits))
    for at in range(start * schedule.batch_size, len(order), schedule.batch_size):
        indices = parallel.part(order[at : at + schedule.batch_size])
        yield Step(epoch, indices, [gaits.names[i] for i in indices])


def train(
    net: BPMGCN,
    training: Gaits,
    validation: Gaits,
    *,
    schedule: Schedule,
    run: Run | str | Path,
    affective_weight: float = 1.0,
) -> list[dict[str, float]]:
    """Train as the released code does; returns the history (see `jacklib.training.loop.fit`).

    affective_weight: of the distance from the affective features; 0 is the paper's ablation.
    """
    if schedule.batch_size < 1:
        raise DataError(
            "batch_size", found=str(schedule.batch_size), wanted="1 or more", cure="Correct it."
        )
    net.train()  # eval() has stopped the gradients that the optimizer looks for

    def step_loss(step: Step):
        sample = training.batch(step.indices, step.epoch)
        output = net(sample.posture, sample.movement)
        terms = bpm_gcn_loss(
            output, sample.label, sample.affective, affective_weight=affective_weight
        )
        yield terms["total"], output.logits, sample.label

    run = replace(Run.of(run), settings=(schedule, training, validation, affective_weight))
    return fit(
        net,
        optimizer(net, schedule),
        run,
        step_loss=step_loss,
        batches=lambda epoch, start: steps(training, schedule, run.seed, epoch, start),
        n_batches=-(-len(training) // schedule.batch_size),
        evaluate=lambda: {"val_accuracy": test(net, validation).accuracy},
        n_epochs=schedule.n_epochs,
        rates=lambda epoch, batch: [schedule.rate(epoch)],
    )


def optimizer(net: BPMGCN, schedule: Schedule) -> SGD:
    """SGD with the first epoch's learning rate, for everything in `net` that takes a gradient."""
    return SGD(
        net.parameters(), schedule.learning_rate, momentum=schedule.momentum,
        weight_decay=schedule.weight_decay, nesterov=schedule.nesterov,
    )  # fmt: skip


def test(net: BPMGCN, gaits: Gaits, batch_size: int = 64) -> Predictions:
    """Predict every gait from the mean of both streams' logits, in evaluation mode."""
    net.eval()
    rows = []
    with jt.no_grad():
        for at in range(0, len(gaits), batch_size):
            sample = gaits.batch(range(at, min(at + batch_size, len(gaits))))
            output = net(sample.posture, sample.movement)
            rows.append(jt.nn.softmax(output.logits, dim=1).numpy())
            jt.sync_all()
    return Predictions(
        probabilities=np.concatenate(rows),
        labels=np.asarray(gaits.labels),
        ids=list(gaits.names),
        class_names=list(gaits.class_names),
        gamma=np.zeros((len(gaits), 0), np.float32),
        noun="gaits",
    )


def emotion_table(predictions: Predictions) -> str:
    """The accuracy of each emotion's gaits and of all, in one row, as the paper prints it."""
    names = [name.capitalize() for name in predictions.class_names]
    rows = per_class(predictions.confusion)
    cells = ["-" if row["recall"] is None else f"{100 * row['recall']:.2f}" for row in rows]
    head = "".join(f"{name:>9}" for name in [*names, "All"])
    return f"accuracy, % {head}\n{'':<12}" + "".join(
        f"{cell:>9}" for cell in [*cells, f"{100 * predictions.accuracy:.2f}"]
    )


# --- The walking skeleton -------------------------------------------------------------------------


def gait_states(net: BPMGCN, gaits: Gaits, indices: Sequence[int]) -> list[GaitState]:
    """What the gait widget shows of the chosen gaits: poses, scores, graphs, in evaluation mode."""
    samples = [gaits.load(int(i)) for i in indices]
    labels = [gaits.class_names[sample.label] for sample in samples]
    return _states(net, [gaits.names[i] for i in indices], samples, labels)


def _states(
    net: BPMGCN, names: Sequence[str], samples: Sequence[GaitSample], labels: Sequence[str | None]
) -> list[GaitState]:
    net.eval()
    posture, movement = (np.stack([sample[part] for sample in samples]) for part in (0, 1))
    seen = net.inspect(posture, movement)
    probabilities = jt.nn.softmax(seen.output.logits, dim=1).numpy()
    predicted = None if seen.output.affective is None else seen.output.affective.numpy()
    learned = [_stacked(graphs) for graphs in (seen.posture_learned, seen.movement_learned)]
    attention = [_stacked(graphs) for graphs in (seen.posture_graphs, seen.movement_graphs)]
    joints = [_stacked(gates) for gates in (seen.posture_joints, seen.movement_joints)]
    times = [[t.numpy() for t in gates] for gates in (seen.posture_times, seen.movement_times)]
    states = []
    for row, gait in enumerate(samples):
        graphs = GaitGraphs(
            *(None if a is None else a[:, row] for a in attention),
            *learned,
            *(None if g is None else g[:, row] for g in joints),
            *(tuple(t[row] for t in gates) or None for gates in times),
        )
        states.append(
            GaitState(
                title=names[row],
                pose=gait.posture[..., 0].transpose(1, 2, 0),
                affective=gait.affective.reshape(N_AFFECTIVE, FRAMES).T,
                label=labels[row],
                class_names=EMOTIONS,
                probabilities=probabilities[row],
                affective_predicted=None
                if predicted is None
                else predicted[row].reshape(N_AFFECTIVE, FRAMES).T,
                graphs=graphs,
            )
        )
    return states


def _stacked(graphs: list[jt.Var]) -> np.ndarray | None:
    return np.stack([graph.numpy() for graph in graphs]) if graphs else None


def recording_state(
    net: BPMGCN,
    source: Any,
    *,
    start: float = 0.0,
    fps: float | None = None,
    right_first: bool = False,
) -> GaitState:
    """What the network says of one recording (.bvh, .npy, .csv, or an array [T, 16, 3]).

    start: seconds into it. fps: frames per second of poses that do not say. right_first: their
    joints 4 to 6 and 10 to 12 are the right side's. Raises DataError naming the file.
    """
    if isinstance(source, np.ndarray):
        recording, title = Recording(check_pose(source, "source"), None), "array"
    else:
        recording, title = read_pose(source), Path(source).stem
    if recording.fps is not None and (fps is not None or right_first):
        raise DataError(
            "--fps" if fps is not None else "--right_first",
            found=f"{source}, which says its {'rate' if fps is not None else 'sides'} itself",
            wanted="a .npy or .csv file", cure="Leave the option out.",
        )  # fmt: skip
    if fps is not None:
        if fps <= 0:
            raise DataError("--fps", found=str(fps), wanted="more than 0", cure="Correct it.")
        recording = recording._replace(fps=fps)
    if right_first:
        recording = recording._replace(pose=swap_sides(recording.pose))
    joint, movement, affective, _ = gait_arrays([recording_frames(recording, start)], [0])
    sample = GaitSample(joint[0], movement[0], affective[0], 0)
    (state,) = _states(net, [title], [sample], [None])  # its label is what we ask
    return state


def load(
    file: Checkpoint, *, settings: str = "paper", n_classes: int | None = None, **given: Any
) -> Model:
    """The network of a checkpoint, built as it says, ready to answer.

    settings: of a file that does not say; given: such as streams="posture". Raises DataError if
    the file says something else, or its network is not for gaits as they are here.
    """
    saved = file.options
    asked = given.get("streams")
    if asked and saved.get("streams", asked) != asked:
        raise DataError(
            file.path, found=f"streams: {saved['streams']}", wanted=asked,
            cure="Leave --streams out, or train such a network.",
        )  # fmt: skip
    with built_as(file):
        config = saved_config(BPMGCNConfig, saved) if saved else getattr(BPMGCNConfig, settings)()
        config = replace(config, **given)
        net = BPMGCN(config)
    sizes = (n_classes or config.n_classes, config.n_features, config.frames)
    if sizes != (len(EMOTIONS), N_AFFECTIVE, FRAMES):
        raise DataError(
            file.path, found="{} classes, {} affective features, {} frames".format(*sizes),
            wanted=f"{len(EMOTIONS)}, {N_AFFECTIVE} and {FRAMES}, as gaits have here",
            cure="Take other weights.",
        )  # fmt: skip
    load_weights(net, file)
    return Model("gait", net, config, list(EMOTIONS), file, answer)


def answer(model: Model, source: Any, **how: Any) -> Answer:
    """BPM-GCN's emotion of a walk, and its graphs. how: start=, fps=, right_first= of
    `recording_state`. Raises DataError naming the file."""
    state = recording_state(model.net, source, **how)
    order = np.argsort(-state.probabilities, kind="stable")
    found = {state.class_names[k]: float(state.probabilities[k]) for k in order}
    name = state.title if isinstance(source, np.ndarray) else name_of(source)
    return Answer(
        "BPM-GCN", name, model.weights, next(iter(found)), found, [], None,
        state.frames / state.fps, model.trained_on, state, model.score,
        View(
            lambda lang: walking.gait_widget([state], lang),
            lambda lang: walking.png([state], lang=lang),
            lambda lang: walking.describe([state], lang=lang),
        ),
    )  # fmt: skip


# --- Command line ---------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser, phase: str) -> None:
    """The documented options of one phase."""

    def add(name: str, *others: str, **options: Any) -> None:
        names = [name, *others]
        names += [n.replace("_", "-") for n in names if "_" in n]  # the released spelling
        parser.add_argument(*names, dest=name.lstrip("-"), **options)

    add("--checkpoint_path", "--weights", help="trained weights (.pth or .safetensors)")
    add("--result_path", "--work_dir", help=f"where results go (default: results/{NAME})")
    if phase == "test_single":
        add("--pose_path", required=True, help="a recording: .bvh, or .npy or .csv of [T, 48]")
        add("--start", type=float, default=0.0, help="seconds into the recording (default: 0)")
        add("--fps", type=float, help="frames per second of a .npy or .csv (default: as it is)")
        add("--right_first", action="store_true",
            help="joints 4 to 6 and 10 to 12 are the right side's")  # fmt: skip
        add("--lang", choices=("en", "zh"), default="en", help="language of the picture")
        return
    paper, classroom = SCHEDULES["paper"], SCHEDULES["classroom"]

    def by_settings(name: str, form: str = "{}") -> str:
        values = [form.format(getattr(s, name)) for s in (paper, classroom)]
        return f"default: {values[0]} (paper), {values[1]} (classroom)"

    def listed(name: str) -> str:
        values = [" ".join(map(str, getattr(s, name))) for s in (paper, classroom)]
        return f"default: {values[0]} (paper), {values[1]} (classroom)"

    add("--phase", choices=MAIN_PHASES, help="default: train")
    add("--config", help="a .yaml file of these options, as the released code has one; what "
        "the command line says goes before")  # fmt: skip
    add("--dataset", choices=GAITS, default="styled", help="the gaits that ship with JACK")
    add("--data_path", help="or a folder that `prepare gait` made")
    add("--settings", choices=SCHEDULES, help="default: classroom for the samples, else paper")
    add("--streams", choices=STREAMS, help="default: both, or the checkpoint's")
    add("--affective_weight", type=float, help="of the affective constraint (default: 1)")
    add("--seed", type=int, help="default: 0")
    add("--batch_size", type=int, help=by_settings("batch_size"))
    add("--n_epochs", "--num_epoch", type=int, help=by_settings("n_epochs"))
    add("--learning_rate", "--base_lr", type=float, help=by_settings("learning_rate", "{:g}"))
    add("--drops", "--step", type=int, nargs="*",
        help=f"epochs after which it falls to a tenth; {listed('drops')}")  # fmt: skip
    add("--weight_decay", type=float, help=by_settings("weight_decay", "{:g}"))
    add("--sync_bn", action="store_true",
        help="several processes: batch normalisation over the whole batch")  # fmt: skip
    add("--resume", help="last.pth of an interrupted run: goes on exactly where it was")
    add("--save_every", type=int, default=0, help="also checkpoint after this many steps")
    for name in WITHOUT_EFFECT:
        add(f"--{name}", nargs="*", help=argparse.SUPPRESS)
    add("--optimizer", help=argparse.SUPPRESS)


def run(phase: str, args: argparse.Namespace) -> int:
    """Carry out one phase; returns the exit code."""
    if phase == "test_single":
        return _test_single(args)
    options = _options(args)
    return _test(options) if options.get("phase") == "test" else _train(options)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """What the configuration file sets, then what the command line does, all checked."""
    options, idle = read_config(args.config) if args.config else ({}, [])
    if args.data_path is None and "data_path" not in options:
        options.setdefault("settings", "classroom")
    options.setdefault("settings", "paper")
    names = (
        "data_path", "checkpoint_path", "result_path", "streams", "affective_weight", "seed",
        "batch_size", "n_epochs", "learning_rate", "drops", "weight_decay", "phase", "optimizer",
    )  # fmt: skip
    for name in names:
        value = getattr(args, name)
        if value is not None:
            options[name] = option(name, value, f"--{name}")
    if args.settings:
        options["settings"] = args.settings
    for name in ("dataset", "sync_bn", "resume", "save_every"):
        options[name] = getattr(args, name)
    idle += [name for name in WITHOUT_EFFECT if getattr(args, name) is not None]
    for name in dict.fromkeys(idle):
        reason = (WITHOUT_EFFECT | PASSED_OVER)[name]
        print(f"without effect here: {name} ({reason})", file=sys.stderr)
    return options


def _schedule(options: dict[str, Any]) -> Schedule:
    changes = {name: options[name] for name in Schedule._fields if name in options}
    schedule = SCHEDULES[options["settings"]]._replace(**changes)
    if "n_epochs" in changes and "drops" not in changes:
        # The rate falls at the same fractions of a run of different length.
        share = schedule.n_epochs / SCHEDULES[options["settings"]].n_epochs
        drops = {max(1, round(drop * share)) for drop in schedule.drops}
        schedule = schedule._replace(drops=tuple(sorted(drops)))
    return schedule


def _train(options: dict[str, Any]) -> int:
    result_path = result_folder(NAME, options.get("result_path"))
    with owned(result_path, NAME):
        return _train_in(result_path, options)


def _train_in(result_path: Path, options: dict[str, Any]) -> int:
    schedule, seed = _schedule(options), options.get("seed", 0)
    dataset, resume = options["dataset"], options["resume"]
    for path in (options.get("checkpoint_path"), resume):
        if path and Path(path).is_file():
            check_network(NAME, path, read_options(path))
    runtime.seed(seed)
    config = getattr(BPMGCNConfig, options["settings"])()
    config = replace(config, streams=options.get("streams", config.streams))
    folder = options.get("data_path")
    training = open_gaits(
        "train", folder, train=options.get("random_move", True), seed=seed, dataset=dataset
    )
    validation = open_gaits("test", folder, dataset=dataset)
    net = BPMGCN(config)
    jt.sync_all()  # the first weights are drawn now, from the seed, as in the notebook
    if options.get("checkpoint_path"):
        print(f"network: {load_weights(net, options['checkpoint_path'])}")
    if options["sync_bn"]:
        parallel.synchronise_batch_norm(net)
    drops = ", ".join(map(str, schedule.drops)) or "none"
    print(
        f"{NAME}, {options['settings']} settings: {len(training)} gaits to train, "
        f"{len(validation)} to test, streams: {config.streams}; batch {schedule.batch_size}, "
        f"{schedule.n_epochs} epochs, learning rate {schedule.learning_rate:g}, a tenth after "
        f"{drops}, seed {seed}, on {runtime.device()}"
    )
    affective_weight = options.get("affective_weight", 1.0)
    notes = asdict(config) | {
        "network": NAME, "class_names": list(EMOTIONS), "affective_weight": affective_weight
    } | ({} if folder else {"trained_on": dataset})  # fmt: skip
    notes |= {k: v for k, v in schedule._asdict().items() if k != "n_epochs"}
    if resume and Path(resume).is_file():
        hint = "; with another --n_epochs, name its --drops too"
        check_resumed(resume, read_options(resume), notes, hint)
    history = train(
        net, training, validation, schedule=schedule,
        run=Run(result_path, seed, resume, options["save_every"], options=notes),
        affective_weight=affective_weight,
    )  # fmt: skip
    print(emotion_table(test(net, validation)))
    best = max(history, key=lambda row: row["val_accuracy"])
    weights = best_weights(result_path, best["epoch"])
    print(
        f"That is after the last epoch (weights: {result_path / 'last.pth'}). Best test accuracy "
        f"{best['val_accuracy']:.3f} in epoch {best['epoch']} (chance 0.250); its weights: "
        f"{weights}. Chosen on the test gaits, that number is too good."
    )
    return 0


def _test(options: dict[str, Any]) -> int:
    parallel.check_alone(f"{NAME} main --phase test")
    file = open_checkpoint(NAME, options.get("checkpoint_path"), options.get("result_path"))
    streams = {"streams": options["streams"]} if options.get("streams") else {}
    net = load(file, **streams).net
    gaits = open_gaits("test", options.get("data_path"), dataset=options["dataset"])
    result = test(net, gaits, options.get("batch_size", 64))
    print(emotion_table(result))
    print(result.table())
    written = result.write(result_folder(NAME, options.get("result_path")))
    print("written: " + ", ".join(map(str, written)))
    return 0


def _test_single(args: argparse.Namespace) -> int:
    model = load(open_checkpoint(NAME, args.checkpoint_path, args.result_path))
    found = answer(
        model, args.pose_path, start=args.start, fps=args.fps, right_first=args.right_first
    )
    print(f"{args.pose_path}, {found.state.frames} of {FRAMES} frames:")
    for name, probability in found.probabilities.items():
        print(f"  {name:<8} {probability:.3f}")
    print(found.words(args.lang))
    if found.doubt:
        print(f"Note: {found.doubt}")
    folder = result_folder(NAME, args.result_path)
    path = found.save(folder / named_after(args.pose_path, "_gait.png"), args.lang)
    print(f"picture: {path}")
    return 0
