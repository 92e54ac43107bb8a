"""PyTorch's side of `porting.compare`: one pass and one step of a network, layer by layer.

    JACKLIB_NO_JITTOR=1 python -m jacklib.porting.torch_recorder FOLDER

FOLDER holds job.json and arrays.npz, as `jacklib.porting` writes them; the answer is recording.npz
there (see `Recording.load`), or error.txt.
"""

import importlib.util
import json
import pkgutil
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jacklib.porting import recording as shared
from jacklib.porting.recording import Recording, is_statistic, named_weight, start_of


def find(name: str, code: str) -> Any:
    """What "module:Name", "file.py:Name" or, with code, "Name" stands for."""
    if code:
        names: dict[str, Any] = {"torch": torch, "nn": nn, "F": nn.functional, "np": np}
        names["__name__"] = "reference"
        exec(compile(code, "<reference>", "exec"), names)
        return names[name]
    place, _, last = name.rpartition(":")
    if not place.endswith(".py"):
        return pkgutil.resolve_name(name)
    spec = importlib.util.spec_from_file_location(Path(place).stem, place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, last)


def is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _array(tensor: Tensor | None) -> np.ndarray | None:
    return None if tensor is None else tensor.detach().numpy().copy()


def record(job: dict[str, Any], arrays: dict[str, np.ndarray]) -> Recording:
    """Build the network, give it its weights and record a pass, its gradients and one step."""
    torch.manual_seed(0)
    if hasattr(torch.backends, "mha"):  # or a Transformer's layer may do without the layers in it
        torch.backends.mha.set_fastpath_enabled(False)
    network, options = find(job["network"], job["code"]), job["options"]
    net = network(find(job["config"], "")(**options)) if "config" in job else network(**options)
    criterion = find(job["loss"], job["code"]) if job["loss"] else None

    def given(kind: str) -> list[Tensor | None]:
        names = [f"{kind} {i}" for i in range(job[kind])]
        return [torch.from_numpy(arrays[n].copy()) if n in arrays else None for n in names]

    recording = Recording(f"PyTorch {torch.__version__}")
    recording.starts = {n: start_of(_array(p)) for n, p in net.named_parameters()}
    named = dict(net.named_parameters()) | dict(net.named_buffers())
    trained = [n for n, p in net.named_parameters() if p.requires_grad]
    state = {n: v for n, v in named.items() if not n.endswith("num_batches_tracked")}
    recording.buffers = {n: tuple(v.shape) for n, v in state.items() if n not in trained}
    with torch.no_grad():
        for name, value in state.items():
            if name in recording.starts or is_statistic(name):
                value.copy_(torch.from_numpy(named_weight(name, value.shape, job["seed"])))
    net.train(job["training"])
    for module in net.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()  # its randomness is the framework's own

    inputs, targets = given("input"), given("target")
    before = {n: _array(v) for n, v in state.items()}
    recording.sizes = {n: float(np.abs(v).max(initial=0)) for n, v in before.items()}
    watch = shared.Watch(net, "forward", is_float, Tensor.clone, torch.from_numpy)
    loss = watch.loss(net(*inputs), criterion, targets)
    watch.close()
    if loss.requires_grad:
        for held in (held for _, held in watch.notes if held.requires_grad):
            held.retain_grad()
        loss.backward()
    recording.loss = float(loss)
    recording.events = [event.holding(_array(v), _array(v.grad)) for event, v in watch.notes]
    recording.gradients = {name: _array(named[name].grad) for name in trained}

    if trained and loss.requires_grad:
        if "(" in job["optimizer"]:
            shared.optimizer_of(job["optimizer"], torch.optim)([named[n] for n in trained]).step()
        else:  # a function in the code, of the network
            find(job["optimizer"], job["code"])(net).step()
    recording.changes = {n: _array(v) - before[n] for n, v in state.items()}
    with torch.no_grad():
        recording.later_loss = float(watch.loss(net(*inputs), criterion, targets))
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
