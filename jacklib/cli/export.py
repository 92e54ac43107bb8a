"""A network out of Jittor: `bash script/run.sh export NETWORK --out model.onnx`.

The graph is written by `weights.onnx_graph` and, where ONNX Runtime is installed, checked against
Jittor on a sample film or walk and on random inputs before the file appears.
"""

import argparse
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np

from jacklib.backend.folders import from_here
from jacklib.core.networks import network as network_of
from jacklib.core.options import add_options
from jacklib.data import gait as gaits
from jacklib.data.audio import CTEN_MEAN, CTEN_STD, SAMPLE_RATE
from jacklib.data.prepare import JPG_QUALITY
from jacklib.errors import error_of, refuse_as
from jacklib.files import write_bytes
from jacklib.methods import clips, cten, tsl
from jacklib.methods.answer import TEXT, Model
from jacklib.methods.front import METHODS, default_weights, load
from jacklib.samples import samples_folder

# The names of a network's inputs, in the order in which it takes them.
INPUTS = {"vaanet": ("visual", "audio"), "cten": ("visual", "audio"), "tsl": ("rgb", "logmel"),
          "gait": ("posture", "movement")}  # fmt: skip
TOLERANCE = 1e-4  # of the largest difference, over the largest value above 1
SAMPLES = {
    "vaanet": "film/video/Joy/bbb_0120.mp4", "cten": "film/video/Joy/bbb_0120.mp4",
    "tsl": "untrimmed_film/video/test/bbb_0201.mp4", "gait": "gait/walks/cmu_01_03.csv",
}  # fmt: skip
CLIPS = {"frames_per_second": 30, "short_side": 240, "jpeg_quality": JPG_QUALITY}
# What a program has to do to a film before the network, beside the config; docs/en/deploy.md.
BEFORE = {
    "vaanet": CLIPS | {"sample_rate": SAMPLE_RATE, "mfcc_hop": 512},
    "cten": CLIPS | {"mean": CTEN_MEAN, "deviation": CTEN_STD},
    "tsl": {"clip_frames": 16, "logmel": "(decibels + 50) / 80"},
    "gait": {"frames_per_second": gaits.FPS},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(METHODS)
    add_options(parser, Path(__file__).with_name("options.yaml"), "export", networks=names)


def onnx_bytes(model: Model) -> bytes:
    """The network as an ONNX file. Raises DataError if `onnx` is not installed."""
    try:
        from jacklib.weights import onnx_graph
    except ImportError as error:
        raise error_of("no onnx", "export", error=error) from error
    weights = {name: value.numpy() for name, value in model.net.state_dict().items()}
    graph = onnx_graph.Graph(weights)
    made = graph.model(onnx_graph.NETWORKS[model.network](graph, model.config))
    doubt = TEXT["en"]["trained_on"].get(model.trained_on)
    about = {
        "network": model.network, "class_names": model.class_names, "config": asdict(model.config),
        "trained_on": model.trained_on, "score": model.score, "before": BEFORE[model.network],
        "options": {k: model.file.options[k] for k in ("theta", "prediction", "features")
                    if k in model.file.options},
        "doubt": TEXT["en"]["doubt"].format(what=doubt) if doubt else None,
    }  # fmt: skip
    for key, value in about.items():
        made.metadata_props.add(key=key, value=value if key == "network" else json.dumps(value))
    return made.SerializeToString()


def inputs_of(model: Model, file: str | Path | None = None) -> list[np.ndarray | None]:
    """What the network takes of a film or walk (default: a sample), a batch of one."""
    file = Path(file or samples_folder() / SAMPLES[model.network])
    if model.network == "gait":
        frames = gaits.recording_frames(gaits.read_pose(file))
        return list(gaits.gait_arrays([frames], [0])[:2])
    if model.network == "tsl":
        # The numbers are to agree, so the kind of features does not matter here.
        features = {"features": tsl.DESCRIPTOR}
        return list(tsl.inputs(tsl.describe_file(file, model.config, features)[0]))
    opened = cten.open_clips if model.network == "cten" else clips.open_clips
    sample = clips.one_clip(file, partial(opened, model.config, subset="validation")).load(0)
    return [sample.visual[None], None if sample.audio is None else sample.audio[None]]


def differences(model: Model, session: Any, arrays: list[np.ndarray | None]) -> dict[str, float]:
    """The largest difference of each output between ONNX Runtime and Jittor, over the largest value
    above 1."""
    given = dict(zip(INPUTS[model.network], arrays, strict=True))
    wanted = {one.name: given[one.name] for one in session.get_inputs()}
    with jt.no_grad():
        visual_only = getattr(model.config, "visual_only", False)
        output = model.net(*(wanted.values() if visual_only else arrays))
        made = output._asdict()
        if model.network != "tsl":
            made |= {"logits": output.logits, "probabilities": output.logits.softmax(dim=1)}
    names, result = [one.name for one in session.get_outputs()], {}
    for name, value in zip(names, session.run(None, wanted), strict=True):
        ours = made[name].numpy()
        refuse_as("other shapes in ONNX", ours.shape != value.shape, name, ours=list(ours.shape),
                  theirs=list(value.shape))  # fmt: skip
        result[name] = float(np.abs(ours - value).max() / max(1, np.abs(ours).max()))
    return result


def check(model: Model, content: bytes) -> float | None:
    """The largest difference from Jittor, on the sample and on random inputs (two clips or gaits at
    once; TSL-Net: a longer video); None without ONNX Runtime. Raises DataError above TOLERANCE."""
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    drawn = network_of(model.network).passes(model.config, 2, 0, 700)[0].inputs[:2]
    worst = 0.0
    for arrays in (inputs_of(model), drawn):
        for name, off in differences(model, session, arrays).items():
            refuse_as("ONNX differs", not off <= TOLERANCE, name, off=f"{off:.1e}", most=TOLERANCE)
            worst = max(worst, off)
    return worst


def main(args: argparse.Namespace) -> int:
    """Export one network; returns the exit code."""
    weights = Path(args.weights or default_weights(args.network))
    given = {"settings": args.settings, "n_classes": args.n_classes}
    model = load(weights, network=args.network, **given)
    content = onnx_bytes(model)
    worst = check(model, content)
    path = write_bytes(from_here(args.out or f"{model.network}.onnx"), content)
    print(f"written: {path}, {len(content) / 2**20:.1f} MiB, weights {model.weights}")
    if worst is None:
        print("not checked: onnxruntime is not installed (docs/en/deploy.md)")
    else:
        print(f"ONNX Runtime beside Jittor: largest difference {worst:.1e}")
    if model.trained_on:
        print(f"trained on: {model.trained_on}")
    return 0
