"""BPM-GCN from poses to results: what `bash script/run.sh Gait PHASE` and notebook 07 call."""

import argparse
import copy
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from jacklib.backend import runtime
from jacklib.core.metrics import per_class
from jacklib.core.options import add_options
from jacklib.core.shapes import GAIT_WAYS, STREAMS
from jacklib.data import gait as data
from jacklib.data.bvh import Recording
from jacklib.data.gait import FRAMES, N_AFFECTIVE, Gaits, GaitSample
from jacklib.data.poses import EMOTIONS, check_pose, check_standing, swap_sides
from jacklib.errors import check_at_least, error_of, refuse, refuse_as, said
from jacklib.files import named_after
from jacklib.methods import checkpoints, doubt, gait_config
from jacklib.methods.answer import Answer, Model, View, by_class, name_of
from jacklib.methods.checkpoints import OPTIONS, open_checkpoint, result_folder
from jacklib.networks import BPMGCN, BPMGCNConfig
from jacklib.networks.losses import bpm_gcn_loss
from jacklib.ops import SGD
from jacklib.samples import GAITS
from jacklib.training import parallel
from jacklib.training.evaluate import Predictions
from jacklib.training.loop import Step, fit
from jacklib.training.runs import Run, best_weights
from jacklib.weights.checkpoint import Checkpoint, load_weights, naming
from jacklib.widgets import gait as walking
from jacklib.widgets.gait_state import GaitGraphs, GaitState

NAME = "Gait"
PHASES = ("main", "test_single")
BUILT = ("streams", *GAIT_WAYS)  # options that decide how the network is built


class Schedule(NamedTuple):
    """How BPM-GCN is trained: SGD whose learning rate falls to a tenth at `drops`."""

    batch_size: int
    n_epochs: int
    learning_rate: float
    drops: tuple[int, ...]  # the epochs after which it falls
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
# What --ways paper changes in either: section IV-A of the paper, a tenth after every 30 epochs.
PAPER = {"n_epochs": 80, "learning_rate": 0.01, "drops": (30, 60)}


def open_gaits(
    split: str, folder: str | Path | None = None, *, train: bool = False, seed: int = 0,
    dataset: str = "styled",
) -> Gaits:  # fmt: skip
    """The gaits of a folder that `prepare gait` made; without one, the samples, made if need be."""
    return Gaits(folder or GAITS[dataset](), split, train=train, seed=seed)


def steps(gaits: Gaits, schedule: Schedule, seed: int, epoch: int, start: int) -> Iterator[Step]:
    """An epoch's steps from number `start` on, in an order drawn from (seed, epoch) alone."""
    order = np.random.default_rng([seed, epoch]).permutation(len(gaits))
    for at in range(start * schedule.batch_size, len(order), schedule.batch_size):
        indices = parallel.part(order[at : at + schedule.batch_size])
        yield Step(epoch, indices, [gaits.names[i] for i in indices])


def train(
    net: BPMGCN, training: Gaits, validation: Gaits, *, schedule: Schedule, run: Run | str | Path,
    affective_weight: float = 1.0,
) -> list[dict[str, float]]:  # fmt: skip
    """Train as the released code does; returns the history (see `jacklib.training.loop.fit`).

    affective_weight: of the distance from the affective features; 0 is the paper's ablation.
    """
    check_at_least("batch_size", schedule.batch_size, 1, "Correct it.")
    net.train()  # eval() has stopped the gradients that the optimizer looks for

    def step_loss(step: Step):
        sample = training.batch(step.indices, step.epoch)
        output = net(sample.posture, sample.movement)
        terms = bpm_gcn_loss(
            output, sample.label, sample.affective, affective_weight=affective_weight
        )
        yield terms["total"], output.logits, sample.label

    run = replace(Run.of(run), settings=(schedule, training, validation, affective_weight))
    sgd = SGD(
        net.parameters(), schedule.learning_rate, momentum=schedule.momentum,
        weight_decay=schedule.weight_decay, nesterov=schedule.nesterov,
    )  # fmt: skip
    return fit(
        net, sgd, run, step_loss=step_loss,
        batches=lambda epoch, start: steps(training, schedule, run.seed, epoch, start),
        n_batches=-(-len(training) // schedule.batch_size),
        evaluate=lambda: {"val_accuracy": test(net, validation).accuracy},
        n_epochs=schedule.n_epochs, rates=lambda epoch, batch: [schedule.rate(epoch)],
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
        np.concatenate(rows), np.asarray(gaits.labels), list(gaits.names), list(gaits.class_names),
        gamma=np.zeros((len(gaits), 0), np.float32), noun="gaits",
    )  # fmt: skip


def emotion_table(predictions: Predictions) -> str:
    """The accuracy of each emotion's gaits and of all, in one row, as the paper prints it."""
    names = [*(name.capitalize() for name in predictions.class_names), "All"]
    shares = [*(row["recall"] for row in per_class(predictions.confusion)), predictions.accuracy]
    cells = ["-" if share is None else f"{100 * share:.2f}" for share in shares]
    head, row = ("".join(f"{cell:>9}" for cell in line) for line in (names, cells))
    return f"accuracy, % {head}\n{'':<12}{row}"


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
    predicted = seen.output.affective
    if predicted is not None:
        predicted = predicted.numpy().reshape(-1, N_AFFECTIVE, FRAMES)
    states = []
    for row, gait in enumerate(samples):
        graphs = GaitGraphs(
            _stacked(seen.posture_graphs, row), _stacked(seen.movement_graphs, row),
            _stacked(seen.posture_learned), _stacked(seen.movement_learned),
            _stacked(seen.posture_joints, row), _stacked(seen.movement_joints, row),
            tuple(t.numpy()[row] for t in seen.posture_times) or None,
            tuple(t.numpy()[row] for t in seen.movement_times) or None,
        )  # fmt: skip
        states.append(GaitState(
            title=names[row], pose=gait.posture[..., 0].transpose(1, 2, 0),
            affective=gait.affective.reshape(N_AFFECTIVE, FRAMES).T, label=labels[row],
            probabilities=probabilities[row], graphs=graphs,
            affective_predicted=None if predicted is None else predicted[row].T,
        ))  # fmt: skip
    return states


def _stacked(graphs: list[jt.Var], row: Any = slice(None)) -> np.ndarray | None:
    return np.stack([graph.numpy()[row] for graph in graphs]) if graphs else None


def recording_state(
    net: BPMGCN, source: Any, *, start: float = 0.0, fps: float | None = None,
    right_first: bool = False,
) -> GaitState:  # fmt: skip
    """What the network says of one recording (.bvh, .npy, .csv, or an array [T, 16, 3]).

    start: seconds into it. fps: frames per second of poses that do not say. right_first: their
    joints 4 to 6 and 10 to 12 are the right side's. Raises DataError naming the file.
    """
    if isinstance(source, np.ndarray):
        recording, title = Recording(check_pose(source, "source"), None), "array"
    else:
        recording, title = data.read_pose(source), Path(source).stem
    if recording.fps is not None and (fps is not None or right_first):
        raise error_of("rate of a recording", "--fps" if fps is not None else "--right_first",
                       source=source, said="rate" if fps is not None else "sides")  # fmt: skip
    if fps is not None:
        refuse(fps <= 0, "--fps", found=fps, wanted="more than 0", cure="Correct it.")
        recording = recording._replace(fps=fps)
    if right_first:
        recording = recording._replace(pose=swap_sides(recording.pose))
    check_standing(recording.pose, "source" if title == "array" else str(source))
    frames = data.recording_frames(recording, start)
    joint, movement, affective, _ = data.gait_arrays([frames], [0])
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
    with naming(file.path):
        told = checkpoints.config_of(BPMGCNConfig, file, settings)
        config = replace(told, **given)
    for name in BUILT if file.options else ():
        have, asked = getattr(told, name), getattr(config, name)
        refuse_as("built otherwise", have != asked, file.path, name=name, have=have, asked=asked)
    net = BPMGCN(config)
    sizes = (n_classes or config.n_classes, config.n_features, config.frames)
    refuse_as("sizes of BPM-GCN", sizes != (len(EMOTIONS), N_AFFECTIVE, FRAMES), file.path,
              found="{} classes, {} affective features, {} frames".format(*sizes))  # fmt: skip
    load_weights(net, file)
    return Model("gait", net, config, list(EMOTIONS), file, answer)


def answer(model: Model, source: Any, **how: Any) -> Answer:
    """BPM-GCN's emotion of a walk, and its graphs. how: start=, fps=, right_first= of
    `recording_state`. Raises DataError naming the file."""
    state = recording_state(model.net, source, **how)
    found = by_class(state.class_names, state.probabilities)
    name = state.title if isinstance(source, np.ndarray) else name_of(source)
    return Answer(
        "BPM-GCN", name, model.weights, next(iter(found)), found, [], None,
        state.frames / state.fps, model.trained_on, state, model.score,
        View(lambda lang: walking.gait_widget([state], lang),
             lambda lang: walking.png([state], lang=lang),
             lambda lang: walking.describe([state], lang=lang)),
    )  # fmt: skip


# --- Command line ---------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser, phase: str) -> None:
    def add(name: str, *others: str, **options: Any) -> None:
        names = [name, *others]
        names += [n.replace("_", "-") for n in names if "_" in n]  # the released spelling
        parser.add_argument(*names, dest=name.lstrip("-"), **options)

    drops = {name: " ".join(map(str, s.drops)) for name, s in SCHEDULES.items()}
    add_options(
        SimpleNamespace(add_argument=add), OPTIONS, NAME, phase, schedules=SCHEDULES,
        datasets=GAITS, streams=STREAMS, drops=drops, **SCHEDULES,
    )  # fmt: skip
    for name in gait_config.WITHOUT_EFFECT if phase == "main" else ():
        add(f"--{name}", nargs="*", help=argparse.SUPPRESS)


def run(phase: str, args: argparse.Namespace) -> int:
    """Carry out one phase; returns the exit code."""
    if phase == "test_single":
        return _test_single(args)
    options = _options(args)
    if options.get("phase") == "test":
        return _test(options)
    with checkpoints.training_folder(NAME, options.get("result_path")) as folder:
        return _train(folder, options)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """What the configuration file sets, then what the command line does, all checked."""
    options, idle = gait_config.read_config(args.config) if args.config else ({}, [])
    for name, value in vars(args).items():
        if name in gait_config.OPTIONS and value is not None:
            options[name] = gait_config.option(name, value, f"--{name}")
    options["settings"] = args.settings or ("paper" if "data_path" in options else "classroom")
    for name in ("dataset", "sync_bn", "resume", "save_every"):
        options[name] = getattr(args, name)
    idle += [name for name in gait_config.WITHOUT_EFFECT if getattr(args, name) is not None]
    reasons = gait_config.WITHOUT_EFFECT | gait_config.PASSED_OVER
    for name in dict.fromkeys(idle):
        print(f"without effect here: {name} ({reasons[name]})", file=sys.stderr)
    return options


def _schedule(options: dict[str, Any]) -> Schedule:
    changes = {name: options[name] for name in Schedule._fields if name in options}
    default = SCHEDULES[options["settings"]]
    if options.get("ways") == "paper":
        default = default._replace(**PAPER)
    schedule = default._replace(**changes)
    if "n_epochs" in changes and "drops" not in changes:
        # The rate falls at the same fractions of a run of different length.
        share = schedule.n_epochs / default.n_epochs
        drops = {max(1, round(drop * share)) for drop in schedule.drops}
        schedule = schedule._replace(drops=tuple(sorted(drops)))
    return schedule


def _given(options: dict[str, Any]) -> dict[str, str]:
    """What the options say of the network; --ways of what they do not name."""
    given = {name: options[name] for name in BUILT if name in options}
    if options.get("ways") == "paper":
        given = {name: paper for name, (_, paper) in GAIT_WAYS.items()} | given
    return given


def _train(result_path: Path, options: dict[str, Any]) -> int:
    schedule, seed = _schedule(options), options.get("seed", 0)
    dataset, resume = options["dataset"], options["resume"]
    checkpoints.check_given(NAME, options.get("checkpoint_path"), resume)
    runtime.seed(seed)
    config = replace(getattr(BPMGCNConfig, options["settings"])(), **_given(options))
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
    built = ", ".join(f"{name}: {getattr(config, name)}" for name in BUILT)
    print(f"{NAME}, {options['settings']} settings: {len(training)} gaits to train, "
          f"{len(validation)} to test, {built}; batch {schedule.batch_size}, "
          f"{schedule.n_epochs} epochs, learning rate {schedule.learning_rate:g}, a tenth after "
          f"{drops}, seed {seed}, on {runtime.device()}")  # fmt: skip
    affective_weight = options.get("affective_weight", 1.0)
    notes = checkpoints.options_of(
        NAME, config, schedule, EMOTIONS, affective_weight=affective_weight,
        random_move=options.get("random_move", True), sync_bn=options["sync_bn"],
        trained_on=None if folder else dataset,
    )  # fmt: skip
    history = train(
        net, training, validation, schedule=schedule,
        run=Run(result_path, seed, resume, options["save_every"], options=notes),
        affective_weight=affective_weight,
    )  # fmt: skip
    print(emotion_table(test(net, validation)))
    best = max(history, key=lambda row: row["val_accuracy"])
    weights = best_weights(result_path, best["epoch"])
    print(said("gaits trained", last=result_path / "last.pth", best=best["val_accuracy"],
               epoch=best["epoch"], weights=weights))  # fmt: skip
    known = copy.copy(training)
    known.train = False
    doubt.fit_beside(weights, lambda file: load(file).net, "gait", test, known, validation)
    return 0


def _test(options: dict[str, Any]) -> int:
    parallel.check_alone(f"{NAME} main --phase test")
    file = open_checkpoint(NAME, options.get("checkpoint_path"), options.get("result_path"))
    net = load(file, **_given(options)).net
    gaits = open_gaits("test", options.get("data_path"), dataset=options["dataset"])
    result = test(net, gaits, options.get("batch_size", 64))
    print(emotion_table(result))
    print(result.table())
    written = result.write(result_folder(NAME, options.get("result_path")))
    print("written: " + ", ".join(map(str, written)))
    return 0


def _test_single(args: argparse.Namespace) -> int:
    model = load(open_checkpoint(NAME, args.checkpoint_path, args.result_path))
    how = {"start": args.start, "fps": args.fps, "right_first": args.right_first}
    found = model.predict(args.pose_path, **how)
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
