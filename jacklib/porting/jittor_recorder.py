"""Jittor's side of `porting.compare`: one pass and one step of a port, layer by layer."""

from typing import Any

import jittor as jt
import numpy as np

from jacklib import ops
from jacklib.porting import recording as shared
from jacklib.porting.recording import Recording, is_statistic, named_weight, start_of


def is_float(value: Any) -> bool:
    return isinstance(value, jt.Var) and str(value.dtype).startswith("float")


def _set(var, array: np.ndarray) -> None:
    var.assign(jt.array(np.asarray(array, str(var.dtype)).reshape(tuple(var.shape))))


def record_port(
    net, theirs: Recording, inputs, targets, loss, optimizer, training, seed
) -> Recording:
    """The port put through what PyTorch's network was put through; then it is as it was before."""
    state = dict(net.state_dict())
    held = {name: var.numpy() for name, var in state.items()}
    modes = [(m, {k: v for k, v in vars(m).items() if k == "is_train"}) for m in net.modules()]
    frozen = [var for var in state.values() if var.is_stop_grad()]
    net.train()  # Jittor's eval() stops every parameter's gradient
    watch = shared.Watch(net, "execute", is_float, jt.Var.clone, jt.array)
    recording = Recording("Jittor")
    try:
        for module in net.modules():
            module.is_train = training and "Dropout" not in type(module).__name__
        recording.starts = {n: start_of(array) for n, array in held.items()}
        for name, var in state.items():
            if name in theirs.starts or is_statistic(name):
                _set(var, named_weight(name, tuple(var.shape), seed))
        before = {name: var.numpy() for name, var in state.items()}
        trained = {n: v for n, v in state.items() if not v.is_stop_grad()}
        recording.buffers = {n: tuple(v.shape) for n, v in state.items() if n not in trained}

        output = net(*inputs)
        watch.close()
        value = watch.loss(output, loss, targets)
        noted = [var for _, var in watch.notes]
        wanted = [*noted, *trained.values()]
        gradients = jt.grad(value, wanted, retain_graph=True) if wanted else []
        jt.sync([*noted, *gradients, value])
        recording.loss = float(value.item())
        arrays = [gradient.numpy() for gradient in gradients]
        for (event, var), gradient in zip(watch.notes, arrays, strict=False):
            recording.events.append(event.holding(var.numpy(), gradient))
        recording.gradients = dict(zip(trained, arrays[len(noted) :], strict=True))
        if trained:
            if isinstance(optimizer, str):
                shared.optimizer_of(optimizer, ops)(list(trained.values())).step(value)
            else:
                optimizer(net).step(value)
        recording.changes = {n: v.numpy() - before[n] for n, v in state.items()}
        recording.sizes = {n: float(np.abs(v).max(initial=0)) for n, v in before.items()}
        recording.later_loss = float(watch.loss(net(*inputs), loss, targets).item())
    finally:
        watch.close()
        for name, var in state.items():
            _set(var, held[name])
        for var in frozen:
            var.stop_grad()
        for module, mode in modes:
            vars(module).pop("is_train", None)
            vars(module).update(mode)
    return recording
