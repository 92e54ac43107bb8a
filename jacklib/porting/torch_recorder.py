"""PyTorch's side of `porting.compare`: one pass and one step of a network, layer by layer.

    JACKLIB_NO_JITTOR=1 python -m jacklib.porting.torch_recorder FOLDER

FOLDER holds job.json and arrays.npz, as `jacklib.porting` writes them; the answer is recording.npz
there (see `Recording.load`), or error.txt.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import itertools
import json
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jacklib.porting.recording import (
    Event,
    Recording,
    is_statistic,
    mapped,
    named_weight,
    projection,
    start_of,
    tensors_in,
)


def find(name: str, code: str) -> Any:
    """What "module:Name", "file.py:Name" or, with code, "Name" stands for."""
    if code:
        names: dict[str, Any] = {"torch": torch, "nn": nn, "F": nn.functional, "np": np}
        names["__name__"] = "reference"
        exec(compile(code, "<reference>", "exec"), names)
        return names[name]
    place, _, name = name.rpartition(":")
    if place.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(place).stem, place)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(place)
    return getattr(module, name)


def is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


class Recorder:
    """Notes every tensor that goes into a module of the network or comes out of it.

    Modules get and give copies: the gradient of one is what came along this way alone, whatever
    else the tensor is used for.
    """

    def __init__(self, net: nn.Module):
        self.events: list[Event] = []
        self.gradients: dict[int, np.ndarray] = {}  # by the event's place
        self.hooks = []
        for name, module in net.named_modules():
            self._watch(name, module)

    def _watch(self, name: str, module: nn.Module) -> None:
        calls = -1

        def before(module, args, kwargs):
            nonlocal calls
            calls += 1
            return self._noted(name, module, calls, "in", (args, kwargs))

        def after(module, args, output):
            return self._noted(name, module, calls, "out", output)

        self.hooks.append(module.register_forward_pre_hook(before, with_kwargs=True))
        self.hooks.append(module.register_forward_hook(after))

    def _noted(self, name: str, module: nn.Module, call: int, way: str, value: Any) -> Any:
        parts = itertools.count()

        def note(tensor: Tensor) -> Tensor:
            place, array = len(self.events), tensor.detach().numpy().copy()
            kind = type(module).__name__
            self.events.append(Event(name, kind, call, way, next(parts), array.shape, array))
            tensor = tensor.clone()
            if tensor.requires_grad:
                tensor.register_hook(lambda g: self._add(place, g))
            return tensor

        return mapped(value, is_float, note)

    def _add(self, place: int, gradient: Tensor) -> None:
        self.gradients[place] = self.gradients.get(place, 0) + gradient.detach().numpy()

    def close(self) -> list[Event]:
        """Stop; the events with the gradients that came to them."""
        for hook in self.hooks:
            hook.remove()
        return [e._replace(gradient=self.gradients.get(i)) for i, e in enumerate(self.events)]


def loss_of(output: Any, criterion: Any, targets: list[Tensor]) -> Tensor:
    """The given loss; without one, a single number is its own loss, and else `projection`'s."""
    if criterion is not None:
        return criterion(output, *targets)
    outputs = list(tensors_in(output, is_float))
    if len(outputs) == 1 and outputs[0].numel() == 1:
        return outputs[0].sum()
    return sum((o * torch.from_numpy(projection(i, o.shape))).sum() for i, o in enumerate(outputs))


def make_optimizer(text: str, parameters: list) -> torch.optim.Optimizer:
    """The optimizer of a call such as "SGD(lr=0.01)"."""
    call = ast.parse(text, mode="eval").body
    options = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
    return getattr(torch.optim, call.func.id)(parameters, **options)


def record(job: dict[str, Any], arrays: dict[str, np.ndarray]) -> Recording:
    """Build the network, give it its weights and record a pass, its gradients and one step."""
    torch.manual_seed(0)
    network, options = find(job["network"], job["code"]), job["options"]
    net = network(find(job["config"], "")(**options)) if "config" in job else network(**options)
    criterion = find(job["loss"], job["code"]) if job["loss"] else None

    def given(kind: str) -> list[Tensor | None]:
        names = [f"{kind} {i}" for i in range(job[kind])]
        return [torch.from_numpy(arrays[n].copy()) if n in arrays else None for n in names]

    recording = Recording(f"PyTorch {torch.__version__}")
    recording.starts = {n: start_of(p.detach().numpy()) for n, p in net.named_parameters()}
    named = dict(net.named_parameters()) | dict(net.named_buffers())
    trained = [n for n, p in net.named_parameters() if p.requires_grad]
    state = {n: v for n, v in named.items() if not n.endswith("num_batches_tracked")}
    recording.buffers = {n: tuple(v.shape) for n, v in state.items() if n not in trained}
    with torch.no_grad():
        for name, value in state.items():
            if f"weight {name}" in arrays:
                value.copy_(torch.from_numpy(arrays[f"weight {name}"]).reshape(value.shape))
            elif job["seed"] is not None and (name in recording.starts or is_statistic(name)):
                value.copy_(torch.from_numpy(named_weight(name, value.shape, job["seed"])))
    net.train(job["training"])
    for module in net.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()  # its randomness is the framework's own

    inputs, targets = given("input"), given("target")
    before = {n: v.detach().numpy().copy() for n, v in state.items()}
    recording.sizes = {n: float(np.abs(v).max(initial=0)) for n, v in before.items()}
    recorder = Recorder(net)
    loss = loss_of(net(*inputs), criterion, targets)
    if loss.requires_grad:
        loss.backward()
    recording.loss, recording.events = float(loss), recorder.close()
    for name in trained:
        gradient = named[name].grad
        recording.gradients[name] = None if gradient is None else gradient.numpy().copy()

    if trained and loss.requires_grad:
        make_optimizer(job["optimizer"], [named[n] for n in trained]).step()
    recording.changes = {n: v.detach().numpy() - before[n] for n, v in state.items()}
    with torch.no_grad():
        recording.later_loss = float(loss_of(net(*inputs), criterion, targets))
    return recording


def main(folder: Path) -> int:
    """Record the folder's job; 1 where the network fails, with the reason in error.txt."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    with np.load(folder / "arrays.npz") as file:
        arrays = dict(file)
    try:
        recording = record(job, arrays)
    except Exception as error:  # the caller's network: its author is to read what it says
        words = f"{type(error).__name__}: {error}"
        own = (job["network"].rpartition(":")[0], "<reference>")  # the caller's file or code
        places = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in own]
        if places:
            words += f" (line {places[-1].lineno} of {places[-1].filename})"
        (folder / "error.txt").write_text(words, encoding="utf-8")
        return 1
    recording.save(folder / "recording.npz", whole=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
