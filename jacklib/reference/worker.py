"""The PyTorch side of `bench`: a process that runs a reference network and answers with times.

Start it with Jittor left out, because the two frameworks do not share a process safely:

    JACKLIB_NO_JITTOR=1 python -m jacklib.reference.worker

The requests it answers are listed in `jacklib.bench_protocol`.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from ..bench_protocol import random_inputs, serve
from ..shapes import AUDIO_COEFFICIENTS, AUDIO_FRAMES
from .losses import pcce
from .vaanet import VAANet

LEARNING_RATE = 2e-4  # VAANet's


class Session:
    """The one network loaded at a time, with its inputs and its optimizer."""

    def __init__(self) -> None:
        self.net: VAANet | None = None

    def load(
        self, network: str, config: dict[str, Any] | None = None, batch: int = 1, seed: int = 0
    ) -> dict[str, Any]:
        """Build the network (weights from torch.manual_seed(seed)) and inputs for one batch."""
        # Let go of the last network first: it must not be timed if this load fails, nor count in
        # the peak of the next one.
        self.net = self.optimizer = self.visual = self.audio = self.target = None
        if network != "vaanet":
            raise ValueError(f"network: found {network!r}, wanted 'vaanet'.")
        torch.manual_seed(seed)
        net = VAANet(**(config or {}))
        size = net.sample_size
        visual, audio, target = random_inputs(
            (batch, net.seq_len, 3, net.snippet_duration, size, size),
            (batch, AUDIO_FRAMES * net.audio_n_segments, AUDIO_COEFFICIENTS),
            net.n_classes,
            seed,
        )
        self.visual, self.audio = torch.from_numpy(visual), torch.from_numpy(audio)
        self.target = torch.from_numpy(target)
        trainable = [p for p in net.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(trainable, lr=LEARNING_RATE)
        self.net = net
        return {
            "parameters": sum(p.numel() for p in net.parameters()),
            "trainable": sum(p.numel() for p in trainable),
        }

    def inference(self) -> dict[str, Any]:
        """One forward pass in evaluation mode, without gradients."""
        net = self._loaded()
        net.eval()
        start = time.perf_counter()
        with torch.no_grad():
            net(self.visual, self.audio)
        return {"seconds": time.perf_counter() - start}

    def train(self) -> dict[str, Any]:
        """One whole training step on the batch."""
        net = self._loaded()
        net.train()
        start = time.perf_counter()
        self.optimizer.zero_grad()
        # VE8's polarities, cut to the classes that a smaller network has.
        positive = [c for c in (1, 4, 6, 7) if c < net.n_classes]
        loss = pcce(net(self.visual, self.audio).logits, self.target, positive=positive)
        loss.backward()
        self.optimizer.step()
        value = loss.item()
        return {"seconds": time.perf_counter() - start, "loss": value}

    def _loaded(self) -> VAANet:
        if self.net is None:
            raise ValueError("op: found no network, wanted one loaded. Send 'load' first.")
        return self.net

    def about(self) -> dict[str, Any]:
        """Which PyTorch this is and how many threads it uses."""
        return {"version": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads()}


if __name__ == "__main__":
    serve(Session())
