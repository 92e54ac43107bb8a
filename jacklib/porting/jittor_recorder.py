"""Jittor's side of `porting.compare`: one pass and one step of a port, layer by layer."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable
from typing import Any

import jittor as jt
import numpy as np

from jacklib import ops
from jacklib.errors import refuse
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


def is_float(value: Any) -> bool:
    return isinstance(value, jt.Var) and str(value.dtype).startswith("float")


class _Watch:
    """Notes every Var that goes into a module of the port or comes out of it.

    Modules get and give copies, as in `jacklib.porting.torch_recorder`. A second copy goes on,
    because what comes later may write into its Var (x += y) and would change what is noted.
    """

    def __init__(self, net):
        self.events: list[tuple[Event, Any]] = []
        self.modules = []
        seen: set[int] = set()
        for name, module in net.named_modules():
            if id(module) not in seen:  # PyTorch, too, counts a shared module once
                seen.add(id(module))
                self._watch(name, module)

    def _watch(self, name: str, module) -> None:
        execute, calls = module.execute, -1

        def watched(*args, **kwargs):
            nonlocal calls
            calls += 1
            call = calls
            args, kwargs = self._noted(name, module, call, "in", (args, kwargs))
            return self._noted(name, module, call, "out", execute(*args, **kwargs))

        module.__dict__["execute"] = watched
        self.modules.append(module)

    def _noted(self, name: str, module, call: int, way: str, value: Any) -> Any:
        parts = itertools.count()

        def note(var):
            held, kind = var.clone(), type(module).__name__
            self.events.append((Event(name, kind, call, way, next(parts), (), None), held))
            return held.clone()

        return mapped(value, is_float, note)

    def close(self) -> None:
        for module in self.modules:
            module.__dict__.pop("execute", None)


def _loss_of(output: Any, criterion: Callable | None, targets: list):
    if criterion is not None:
        return criterion(output, *targets)
    outputs = list(tensors_in(output, is_float))
    refuse(not outputs, "net",
           found=f"{type(output).__name__} as what it gives, without a Var of floats",
           wanted="one Var or more", cure="Does execute end in `return`?")  # fmt: skip
    if len(outputs) == 1 and outputs[0].numel() == 1:
        return outputs[0].sum()
    parts = [(o * jt.array(projection(i, o.shape))).sum() for i, o in enumerate(outputs)]
    return sum(parts[1:], parts[0])


def _set(var, array: np.ndarray) -> None:
    var.assign(jt.array(np.asarray(array, np.float32).reshape(tuple(var.shape))))


def _optimizer(text: str, chosen: Callable | None, parameters: list):
    if chosen is not None:
        return chosen(parameters)
    call = ast.parse(text, mode="eval").body
    options = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
    return getattr(ops, call.func.id)(parameters, **options)


def record_port(
    net, theirs: Recording, inputs, targets, loss, optimizer, chosen, training, seed
) -> Recording:
    """The port put through what PyTorch's network was put through; then it is as it was before."""
    state = dict(net.state_dict())
    held = {name: var.numpy() for name, var in state.items()}
    modes = [(m, m.__dict__.get("is_train")) for m in net.modules()]
    frozen = [var for var in state.values() if var.is_stop_grad()]
    net.train()  # Jittor's eval() stops every parameter's gradient
    watch = _Watch(net)
    recording = Recording("Jittor")
    try:
        for module in net.modules():
            module.is_train = training and "Dropout" not in type(module).__name__
        recording.starts = {n: start_of(array) for n, array in held.items()}
        for name, var in state.items():
            if seed is not None and (name in theirs.starts or is_statistic(name)):
                _set(var, named_weight(name, tuple(var.shape), seed))
        before = {name: var.numpy() for name, var in state.items()}
        trained = {n: v for n, v in state.items() if not v.is_stop_grad()}
        recording.buffers = {n: tuple(v.shape) for n, v in state.items() if n not in trained}

        output = net(*inputs)
        watch.close()
        value = _loss_of(output, loss, targets)
        vars = [var for _, var in watch.events]
        wanted = vars + list(trained.values())
        gradients = jt.grad(value, wanted, retain_graph=True) if wanted else []
        jt.sync([*vars, *gradients, value])
        recording.loss = float(value.item())
        for (event, var), gradient in zip(watch.events, gradients, strict=False):
            array = var.numpy()
            recording.events.append(
                event._replace(shape=array.shape, value=array, gradient=gradient.numpy())
            )
        ours = gradients[len(vars) :]
        recording.gradients = {n: g.numpy() for n, g in zip(trained, ours, strict=True)}
        watch.events.clear()
        if trained:
            stepped = _optimizer(optimizer, chosen, list(trained.values()))
            stepped.step(value)
        recording.changes = {n: v.numpy() - before[n] for n, v in state.items()}
        recording.sizes = {n: float(np.abs(v).max(initial=0)) for n, v in before.items()}
        recording.later_loss = float(_loss_of(net(*inputs), loss, targets).item())
    finally:
        watch.close()
        for name, var in state.items():
            _set(var, held[name])
        for var in frozen:
            var.stop_grad()
        for module, mode in modes:
            if mode is None:
                module.__dict__.pop("is_train", None)
            else:
                module.is_train = mode
    return recording
