"""Weights in and out, and training states from which a run goes on exactly.

`load_weights` takes the released PyTorch files, safetensors and our own checkpoints. Everything
written is a PyTorch zip file, which `torch.load(path, weights_only=True)` reads back.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np

from .errors import DataError
from .torch_files import read_safetensors, read_torch_file, write_torch_file

# Under these keys released files keep their weights.
NESTED = ("state_dict", "model_state_dict", "model", "net")
# Slots of `resnet3d`'s Sequential by the names that Kinetics files use.
KINETICS_SLOTS = {
    "conv1": "0",
    "bn1": "1",
    "layer1": "4",
    "layer2": "5",
    "layer3": "6",
    "layer4": "7",
}


@dataclass
class LoadReport:
    """What `load_weights` did with each key.

    matched: loaded. missing: wanted by the network, not in the file. unexpected: in the file, not
    in the network. mismatched: {key: (shape in the file, shape in the network)}.
    """

    matched: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    mismatched: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every entry of both sides found its partner."""
        return not (self.missing or self.unexpected or self.mismatched)

    def __str__(self) -> str:
        lines = [f"{len(self.matched)} entries loaded"]
        for name in ("missing", "unexpected"):
            keys = getattr(self, name)
            if keys:
                lines.append(f"{len(keys)} {name}: {_some(keys)}")
        if self.mismatched:
            shapes = [
                f"{k} {list(found)} for {list(wanted)}"
                for k, (found, wanted) in self.mismatched.items()
            ]
            lines.append(f"{len(shapes)} of another shape: {_some(shapes)}")
        return "; ".join(lines)


def _some(words: list[str]) -> str:
    return ", ".join(words[:4]) + (f" and {len(words) - 4} more" if len(words) > 4 else "")


def read_weights(source: Mapping | str | os.PathLike) -> dict[str, np.ndarray]:
    """The state dict in a file or a dict, as NumPy arrays, without `module.` (DataParallel).

    Raises DataError where there is none.
    """
    name = "weights" if isinstance(source, Mapping) else os.fspath(source)
    if isinstance(source, Mapping):
        content = source
    elif name.endswith(".safetensors"):
        content = read_safetensors(source)
    else:
        content = read_torch_file(source)
    for key in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not isinstance(content, Mapping):
        raise _no_weights(name, f"a {type(content).__name__}")
    arrays = {}
    for key, value in content.items():
        if isinstance(value, jt.Var):
            value = value.numpy()
        if isinstance(value, np.ndarray) or np.isscalar(value):
            arrays[str(key).removeprefix("module.")] = np.asarray(value)
    if not any(array.ndim for array in arrays.values()):
        raise _no_weights(name, f"no arrays under the keys {_some([str(k) for k in content])}")
    return arrays


def _no_weights(name: str, found: str) -> DataError:
    return DataError(
        name,
        found=found,
        wanted="weights by name, at the top or under 'state_dict'",
        cure="Give the file that training saved, not a log or an options file.",
    )


def load_weights(
    net: jt.nn.Module, source: Mapping | str | os.PathLike, strict: bool = True
) -> LoadReport:
    """Load a state dict, or a .pth or .safetensors file, into `net`.

    PyTorch's `num_batches_tracked` is neither wanted nor missed. With strict, nothing is loaded
    unless every entry fits; without, what fits is loaded and the report says what did not.

    Raises DataError (a ValueError) listing what does not fit, if strict.
    """
    own = net.state_dict()
    given = {
        key: value
        for key, value in read_weights(source).items()
        if not key.endswith("num_batches_tracked")
    }
    report = LoadReport(
        missing=[key for key in own if key not in given],
        unexpected=[key for key in given if key not in own],
    )
    for key, value in given.items():
        if key in own:
            wanted = tuple(own[key].shape)
            # Jittor has no 0-d arrays: a scalar parameter is [1] here.
            if value.shape == wanted or (value.ndim == 0 and wanted == (1,)):
                report.matched.append(key)
            else:
                report.mismatched[key] = (value.shape, wanted)
    if strict and not report.complete:
        name = "weights" if isinstance(source, Mapping) else os.fspath(source)
        raise DataError(
            name,
            found=str(report),
            wanted=f"the {len(own)} entries of {type(net).__name__}",
            cure=_cure(report),
        )
    for key in report.matched:
        own[key].assign(jt.array(given[key].astype(np.float32).reshape(own[key].shape)))
    return report


def _cure(report: LoadReport) -> str:
    for key, (found, wanted) in report.mismatched.items():
        if key.endswith("fc.weight") and found[1:] == wanted[1:]:
            return (
                f"The file was trained for {found[0]} classes and this network has {wanted[0]}: "
                "use the data set it was trained on, or build the network with its number of "
                "classes."
            )
    if report.mismatched:
        return "Build the network with the options that the file was trained with."
    return "Check that the file belongs to this network; strict=False loads what fits."


def load_kinetics_backbone(resnet: jt.nn.Module, path: str | os.PathLike) -> LoadReport:
    """Load a Kinetics-trained 3D ResNet (`resnet-101-kinetics.pth`, `r3d101...`) into a backbone.

    The file's names (conv1, bn1, layer1...) become the backbone's slots; its classifier is left
    out. Raises DataError where the backbone would stay incomplete.
    """
    renamed, has_slots = {}, False
    for key, value in read_weights(path).items():
        head, _, rest = key.partition(".")
        if head in KINETICS_SLOTS:
            renamed[f"{KINETICS_SLOTS[head]}.{rest}"] = value
        elif head.isdigit():  # saved from a backbone of ours
            renamed[key], has_slots = value, True
    if not renamed and not has_slots:
        raise _no_weights(os.fspath(path), "no conv1, bn1 or layer1 to layer4")
    try:
        return load_weights(resnet, renamed)
    except DataError as error:
        raise DataError(
            os.fspath(path), found=error.found, wanted="a 3D ResNet-101 with projection shortcuts",
            cure="Other depths and type-A shortcuts do not fit: use resnet-101-kinetics.pth.",
        ) from None  # fmt: skip


def save_weights(
    net: jt.nn.Module, path: str | os.PathLike, options: Mapping[str, Any] | None = None
) -> Path:
    """Write the weights, whole or not at all; PyTorch's `load_state_dict` takes "state_dict".

    options: plain values that say how the network is built and what it was trained on.
    """
    weights = {key: value.numpy() for key, value in net.state_dict().items()}
    write_torch_file(path, {"state_dict": weights, "options": dict(options or {})})
    return Path(path)


def read_options(path: str | os.PathLike) -> dict[str, Any]:
    """The options that a checkpoint of ours carries; {} for a file from elsewhere."""
    if os.fspath(path).endswith(".safetensors"):
        return {}
    content = read_torch_file(path)
    if not isinstance(content, Mapping):
        return {}
    return dict(content.get("options") or content.get("progress", {}).get("options") or {})


def save_training(
    path: str | os.PathLike, net: jt.nn.Module, optimizer, progress: Mapping[str, Any]
) -> Path:
    """Write everything a run needs to go on: weights, optimizer and `progress`.

    progress: plain values (epoch, batches done in it, seed, history, options ...). The loader's
    order, the augmentation and the network's random numbers follow from (seed, epoch, batch), so
    these numbers are the sampler's state and the random state too.

    The file appears whole or not at all: it is written beside its name and moved there.
    """
    write_torch_file(
        path,
        {
            "state_dict": {key: value.numpy() for key, value in net.state_dict().items()},
            "optimizer": optimizer.state_dict(),
            "progress": dict(progress),
        },
    )
    return Path(path)


def load_training(path: str | os.PathLike, net: jt.nn.Module, optimizer) -> dict[str, Any]:
    """Take over what `save_training` wrote and return its `progress`.

    Raises DataError where the file has weights alone or belongs to another network.
    """
    content = read_torch_file(path)
    if not isinstance(content, Mapping) or "optimizer" not in content or "progress" not in content:
        raise DataError(
            os.fspath(path),
            found="weights without a training state",
            wanted="the last.pth of a training run",
            cure="Give such a file to --resume, or start afresh from these weights with "
            "--checkpoint_path.",
        )
    load_weights(net, content["state_dict"])
    optimizer.load_state_dict(content["optimizer"])
    return dict(content["progress"])
