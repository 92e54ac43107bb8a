"""The PyTorch side of `bench`: a process that runs a reference network and answers with times.

Start it with Jittor left out, because the two frameworks do not share a process safely:

    JACKLIB_NO_JITTOR=1 python -m jacklib.measure.torch_session

The requests it answers are listed in `jacklib.measure.protocol`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from jacklib import reference
from jacklib.measure.protocol import Session, serve
from jacklib.reference import losses

# "cuda" where `bench --device cuda` or `gpu_check` measures a GPU.
DEVICE = torch.device(os.environ.get("JACK_DEVICE", "cpu"))


class TorchSession(Session):
    """`Session` in PyTorch."""

    losses, optim, no_grad = losses, torch.optim, torch.no_grad

    def build(self, kind: str, options: Any, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return getattr(reference, kind)(options).to(DEVICE)

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(DEVICE)

    def numpy(self, value: torch.Tensor) -> np.ndarray:
        return value.detach().cpu().numpy()

    def sizes(self, net: nn.Module) -> list[tuple[int, bool]]:
        return [(p.numel(), p.requires_grad) for p in net.parameters()]

    def wait(self, output: Any = None) -> None:
        if DEVICE.type == "cuda":  # whose work goes on after the call has returned
            torch.cuda.synchronize()

    def step(self, losses: Iterable[torch.Tensor]) -> float:
        self.optimizer.zero_grad()
        value = 0.0
        for part in losses:
            part.backward()
            value += part.item()
            del part
        self.optimizer.step()
        return value

    def about(self) -> dict[str, Any]:
        version = f"PyTorch {torch.__version__} ({DEVICE})"
        about = {"version": version, "threads": torch.get_num_threads()}
        if DEVICE.type == "cuda":
            about["gpu"] = torch.cuda.get_device_name()
        return about


if __name__ == "__main__":
    serve(TorchSession())
