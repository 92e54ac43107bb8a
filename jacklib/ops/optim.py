"""Optimizers. Jittor's differ where gradients add up, and where a loss leaves a Var out."""

import math
from collections.abc import Iterable, Sequence

import jittor as jt
import numpy as np

from jacklib.errors import error_of, refuse_as, shown


def clip_grad_norm(gradients: Sequence[jt.Var | None], max_norm: float):
    """The gradients, scaled so that their common 2-norm is at most max_norm, and the norm before;
    Jittor clips an optimizer's own only."""
    present = [g for g in gradients if g is not None]
    total = sum((g.float64().sqr().sum() for g in present), jt.zeros(1, "float64")).sqrt()
    factor = jt.minimum(max_norm / (total + 1e-6), 1.0).float32()
    return [None if g is None else g * factor for g in gradients], total


class Optimizer:
    """Gradients of a loss, added up over `backward` calls until `step` uses and clears them.

    params: Vars, or groups like {"params": [...], "lr": 0.01}. Vars that take no gradient are left
    out. A Var that the loss does not depend on is left alone, weight decay included, as in PyTorch;
    only one of a single number counts as having the gradient 0.

    Raises ValueError if nothing is left to train.
    """

    moments: tuple[str, ...] = ()  # what `update` keeps of each Var in its state

    def __init__(self, params: Iterable, **defaults):
        params = list(params)
        groups = params if params and isinstance(params[0], dict) else [{"params": params}]
        self.groups = []
        for group in groups:
            kept = [p for p in group["params"] if not p.is_stop_grad()]
            self.groups.append({**defaults, **group, "params": kept})
        self.params = [p for group in self.groups for p in group["params"]]
        refuse_as("nothing to train", not self.params, "params")
        self.gradients: list[jt.Var | None] = [None] * len(self.params)
        self.n_steps = [0] * len(self.params)
        self.state: list[dict[str, jt.Var]] = [{} for _ in self.params]

    def backward(self, loss: jt.Var) -> None:
        """Add the gradients of a scalar loss to what `step` will use."""
        for i, gradient in enumerate(jt.grad(loss, self.params)):
            if _is_absent(gradient):
                continue
            # Without stop_grad, a step would hang on the batch's whole graph, and the graph on
            # the inputs: where those live on, every step's activations would too.
            gradient = gradient.stop_grad()
            have = self.gradients[i]
            self.gradients[i] = gradient if have is None else (have + gradient).stop_grad()

    def gather(self, losses: Iterable[jt.Var]) -> float:
        """The first half of a training step, `step` being the other: add the gradients of a loss
        that comes in parts to what `step` will use, and return its value.

        losses: scalars that add up to the loss. The next is made when the one before has its
        gradients and is forgotten, so that the memory holds one part's activations at a time.
        """
        value = 0.0
        for part in losses:
            self.backward(part)
            self.sync()
            value += part.item()
            # Now that the gradients are there, the part's activations may go before the next part
            # makes its own. What is pending (running statistics) or left (any Var of the part)
            # would hold them: without this CTEN needs twice the memory.
            jt.sync_all()
            del part
        return value

    def sync(self) -> None:
        """Compute the gradients gathered so far, so that the graphs behind them may go."""
        jt.sync([gradient for gradient in self.gradients if gradient is not None])

    def zero_grad(self) -> None:
        """Forget the gradients gathered so far."""
        self.gradients = [None] * len(self.params)

    def clip_grad_norm(self, max_norm: float) -> jt.Var:
        """Clip the gathered gradients together; returns their norm before (call before `step`)."""
        self.gradients, norm = clip_grad_norm(self.gradients, max_norm)
        return norm

    def gradient_sum(self) -> jt.Var:
        """The sum of all gradients gathered so far: not finite where any of them is not."""
        return sum((g.sum() for g in self.gradients if g is not None), jt.zeros(1))

    def step(self, loss: jt.Var | None = None) -> None:
        """Move every Var that has a gradient, then clear the gradients."""
        if loss is not None:
            self.backward(loss)
        owners = [group for group in self.groups for _ in group["params"]]
        for i, (p, gradient) in enumerate(zip(self.params, self.gradients, strict=True)):
            if gradient is None:
                continue
            self.n_steps[i] += 1
            if owners[i]["weight_decay"]:
                gradient = gradient + owners[i]["weight_decay"] * p
            self.update(p, gradient, self.state[i], self.n_steps[i], owners[i])
        self.zero_grad()

    def update(self, p, gradient, state, n, group) -> None:
        """Move one Var by its gradient, weight decay included; `n` counts its steps from 1."""
        raise NotImplementedError

    def state_dict(self) -> dict:
        """Everything that a resumed run needs, as NumPy arrays and numbers."""
        options = [{k: v for k, v in g.items() if k != "params"} for g in self.groups]
        state = [{k: v.numpy() for k, v in s.items()} for s in self.state]
        return {"n_steps": list(self.n_steps), "groups": options, "state": state}

    def load_state_dict(self, saved: dict) -> None:
        """Take over what `state_dict` gave. Raises DataError, before anything is taken over, if
        it was another optimizer's or the parameters differ."""
        try:
            steps, groups, states = saved["n_steps"], saved["groups"], saved["state"]
            if not len(steps) == len(states) == len(self.params) or len(groups) != len(self.groups):
                raise ValueError(f"{len(states)} parameters in {len(groups)} groups")
            for n, state, p in zip(steps, states, self.params, strict=True):
                if type(n) is not int or not 0 <= n < 2**40:
                    raise ValueError(f"{shown(n)} steps")
                if tuple(state) not in ((), self.moments):
                    raise ValueError(f"{shown(state)} of a parameter")
                for name, array in state.items():
                    fits = array.shape == tuple(p.shape) and array.dtype.kind == "f"
                    if not (fits and np.isfinite(array).all()):
                        raise ValueError(f"{name} of {shown(list(array.shape))}, or no numbers")
            options = list(map(_like, self.groups, groups))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise error_of("optimizer state", "optimizer state", error=error,
                           kind=type(self).__name__, n=len(self.params)) from None  # fmt: skip
        self.n_steps = list(steps)
        self.state = [{k: jt.array(v).stop_grad() for k, v in s.items()} for s in states]
        for group, given in zip(self.groups, options, strict=True):
            group.update(given)


def _like(group: dict, given: dict) -> dict:
    """A group's options as a file gives them, if they are such as the group has."""
    options = {}
    for name, own in group.items():
        if name == "params":
            continue
        value, limit = given[name], 1 if name == "betas" else 1e9
        many = isinstance(own, tuple)
        parts, number = (value, len(own)) if many else ([value], 1)
        if len(parts) != number or not all(
            isinstance(part, int | float) and 0 <= part < limit for part in parts
        ):
            raise ValueError(f"{name} {shown(value)}")
        options[name] = tuple(parts) if many else value
    return options


def _is_absent(gradient: jt.Var) -> bool:
    """Whether this is the zero that Jittor gives where the loss does not depend on the Var.

    Such a zero is a constant spread over the Var's shape; PyTorch would return None. For
    a Var of one element the constant has no input node, and `_input(0)` would crash Python, so it
    is treated as a gradient.
    """
    if list(gradient.shape) == [1]:
        return False
    try:
        source = gradient._input(0)
    except Exception:
        return False
    return list(source.shape) == [1] and source.item() == 0


class Adam(Optimizer):
    """Adam as PyTorch computes it: one bias correction a `step`, epsilon after the root. Jittor's
    counts `backward` calls, so accumulated gradients change its step size."""

    moments = ("mean", "square")

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay)

    def update(self, p, gradient, state, n, group):
        beta1, beta2 = group["betas"]
        if not state:
            state.update({name: jt.zeros(p.shape).stop_grad() for name in self.moments})
        mean, square = state["mean"], state["square"]
        mean.update(beta1 * mean + (1 - beta1) * gradient)
        square.update(beta2 * square + (1 - beta2) * gradient * gradient)
        root = square.sqrt() / math.sqrt(1 - beta2**n) + group["eps"]
        p.update(p - group["lr"] / (1 - beta1**n) * mean / root)


class SGD(Optimizer):
    """Gradient descent with momentum, as in PyTorch: the first step's momentum is the gradient.
    Jittor's moves Vars that the loss leaves out, by weight decay."""

    moments = ("momentum",)

    def __init__(self, params, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay,
                         nesterov=nesterov)  # fmt: skip

    def update(self, p, gradient, state, n, group):
        momentum = group["momentum"]
        if momentum:
            if state:
                state["momentum"].update(momentum * state["momentum"] + gradient)
            else:
                state["momentum"] = gradient.copy()
            kept = state["momentum"]
            gradient = gradient + momentum * kept if group["nesterov"] else kept
        p.update(p - group["lr"] * gradient)
