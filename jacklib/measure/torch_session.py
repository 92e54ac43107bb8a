"""The PyTorch side of `bench`: a process that runs a reference network and answers with times.

Start it with Jittor left out, because the two frameworks do not share a process safely:

    JACKLIB_NO_JITTOR=1 python -m jacklib.measure.torch_session

The requests it answers are listed in `jacklib.measure.protocol`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from jacklib import reference
from jacklib.core.erasing import kept_segments
from jacklib.core.networks import network as table_of
from jacklib.measure.protocol import serve
from jacklib.reference import losses

# "cuda" where `bench --device cuda` or `gpu_check` measures a GPU.
DEVICE = torch.device(os.environ.get("JACK_DEVICE", "cpu"))


def _here(array) -> torch.Tensor:
    return torch.from_numpy(array).to(DEVICE)


def _wait() -> None:
    if DEVICE.type == "cuda":  # whose work goes on after the call has returned
        torch.cuda.synchronize()


class Session:
    """The one network loaded at a time, with its inputs and its optimizer."""

    def __init__(self) -> None:
        self.net: nn.Module | None = None

    def load(
        self,
        network: str,
        config: dict[str, Any] | None = None,
        batch: int = 1,
        seed: int = 0,
        clips: int = 200,
    ) -> dict[str, Any]:
        """Build the network (weights from torch.manual_seed(seed)) and inputs for one batch."""
        # Let go of the last network first: it must not be timed if this load fails, nor count in
        # the peak of the next one.
        self.net = self.optimizer = None
        self.passes = ()
        table = table_of(network)
        torch.manual_seed(seed)
        options = table.config(**(config or {}))
        net = getattr(reference, table.kind)(options).to(DEVICE)
        self.network, self.loss = network, getattr(losses, f"{network}_loss")
        self.passes = [
            ([_here(array) for array in inputs], [_here(array) for array in targets])
            for inputs, targets in table.passes(options, batch, seed, clips)
        ]
        lr, decay = table.learning_rate, table.weight_decay
        trainable = [p for p in net.parameters() if p.requires_grad]
        parameters = net.parameter_groups(lr) if network == "tsl" else trainable
        if table.momentum:
            momentum = {"momentum": table.momentum, "nesterov": True}
            self.optimizer = torch.optim.SGD(parameters, lr=lr, weight_decay=decay, **momentum)
        else:
            self.optimizer = torch.optim.Adam(parameters, lr=lr, weight_decay=decay)
        self.net = net
        return {
            "parameters": sum(p.numel() for p in net.parameters()),
            "trainable": sum(p.numel() for p in trainable),
        }

    def inference(self) -> dict[str, Any]:
        """One forward pass in evaluation mode, without gradients."""
        net = self._loaded()
        net.eval()
        _wait()
        start = time.perf_counter()
        with torch.no_grad():
            net(*self.passes[0][0][:2])  # TSL-Net: without labels
        _wait()
        return {"seconds": time.perf_counter() - start}

    def forward(self) -> dict[str, Any]:
        """One forward pass in training mode; what it keeps for a gradient is let go unused."""
        net = self._loaded()
        net.train()
        _wait()
        start = time.perf_counter()
        output = net(*self.passes[0][0])
        _wait()
        seconds = time.perf_counter() - start
        del output
        return {"seconds": seconds}

    def train(self) -> dict[str, Any]:
        """One whole training step on the batch."""
        net = self._loaded()
        net.train()
        _wait()
        start = time.perf_counter()
        self.optimizer.zero_grad()
        value = 0.0
        for part in self._losses(net):
            part.backward()
            value += part.item()
            del part
        self.optimizer.step()
        _wait()
        return {"seconds": time.perf_counter() - start, "loss": value}

    def _losses(self, net: nn.Module) -> Iterator[torch.Tensor]:
        # TSL-Net's released code adds up the batch's losses and takes one gradient of the sum,
        # which keeps the graphs of all its videos. One gradient per video, as in jacklib, is the
        # same sum and keeps one: compared is what the frameworks need, not what the loops do.
        for number, (inputs, targets) in enumerate(self.passes):
            output = net(*inputs)
            if self.network == "cten" and number == 0:
                kept_segments(output.gamma.detach().cpu())  # the passes to come wait for it
            loss = self.loss(output, *targets) / len(self.passes)
            del output
            yield loss
            del loss

    def _loaded(self) -> nn.Module:
        if self.net is None:
            raise ValueError("op: found no network, wanted one loaded. Send 'load' first.")
        return self.net

    def about(self) -> dict[str, Any]:
        """Which PyTorch this is and how many threads it uses."""
        about = {
            "version": f"PyTorch {torch.__version__} ({DEVICE})",
            "threads": torch.get_num_threads(),
        }
        if DEVICE.type == "cuda":
            about["gpu"] = torch.cuda.get_device_name()
        return about


if __name__ == "__main__":
    serve(Session())
