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
from torch.nn.functional import cross_entropy

from jacklib import reference
from jacklib.core import configs
from jacklib.core.erasing import kept_segments
from jacklib.core.example_inputs import (
    clip_inputs,
    erased,
    gait_inputs,
    tsl_videos,
    vaanet_positive,
)
from jacklib.measure.protocol import (
    CLASSES,
    LEARNING_RATE,
    MOMENTUM,
    WEIGHT_DECAY,
    check_network,
    serve,
)
from jacklib.reference import BPMGCN, CTEN, TSLLoss, TSLNet, VAANet, bpm_gcn_loss, pcce

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
        self.net: VAANet | CTEN | TSLNet | BPMGCN | None = None

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
        self.net = self.optimizer = self.target = None
        self.inputs = self.labels = self.later = self.videos = ()
        check_network(network)
        torch.manual_seed(seed)
        name = CLASSES[network]
        options = getattr(configs, f"{name}Config")(**(config or {}))
        net = getattr(reference, name)(options).to(DEVICE)
        trainable = [p for p in net.parameters() if p.requires_grad]
        lr, parameters = LEARNING_RATE[network], trainable
        self.network = network
        if network == "tsl":
            videos = tsl_videos(net.config, batch, clips, seed)
            self.videos = [[_here(array) for array in video] for video in videos]
            self.inputs, self.labels = self.videos[0][:2], self.videos[0][2:3]
            parameters = net.parameter_groups(lr)
        elif network == "gait":
            arrays = [_here(array) for array in gait_inputs(net.config, batch, seed)]
            self.inputs, (self.target, self.affective) = arrays[:2], arrays[2:]
        else:
            visual, audio, target = clip_inputs(net.config, batch, seed)
            self.inputs = _here(visual), _here(audio)
            self.target = _here(target)
            if network == "cten":
                self.later = [_here(v) for v in erased(visual)]
        decay = WEIGHT_DECAY[network]
        if network == "gait":
            options = {"momentum": MOMENTUM, "nesterov": True}
            self.optimizer = torch.optim.SGD(parameters, lr=lr, weight_decay=decay, **options)
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
            net(*self.inputs)
        _wait()
        return {"seconds": time.perf_counter() - start}

    def forward(self) -> dict[str, Any]:
        """One forward pass in training mode; what it keeps for a gradient is let go unused."""
        net = self._loaded()
        net.train()
        _wait()
        start = time.perf_counter()
        output = net(*self.inputs, *self.labels)
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
        for part in getattr(self, f"_{self.network}_loss")(net):
            part.backward()
            value += part.item()
            del part
        self.optimizer.step()
        _wait()
        return {"seconds": time.perf_counter() - start, "loss": value}

    def _vaanet_loss(self, net: VAANet) -> Iterator[torch.Tensor]:
        positive = vaanet_positive(net.config.n_classes)
        yield pcce(net(*self.inputs).logits, self.target, positive=positive)

    def _cten_loss(self, net: CTEN) -> Iterator[torch.Tensor]:
        first, audio = self.inputs

        def one_pass(visual: torch.Tensor) -> torch.Tensor:
            output = net(visual, audio)
            if visual is first:
                kept_segments(output.gamma.detach().cpu())  # the passes to come wait for it
            return cross_entropy(output.logits, self.target) / 3

        for visual in (first, *self.later):
            yield one_pass(visual)

    def _tsl_loss(self, net: TSLNet) -> Iterator[torch.Tensor]:
        # The released code adds up the batch's losses and takes one gradient of the sum, which
        # keeps the graphs of all its videos. A gradient a video, as jacklib takes it, is the same
        # sum and keeps one: compared is what the frameworks need, not what the training loops do.
        criterion = TSLLoss()

        def one_video(rgb, logmel, labels, shares, points) -> torch.Tensor:
            output = net(rgb, logmel, labels)
            return criterion(output, labels, shares, points)["total"] / len(self.videos)

        for video in self.videos:
            yield one_video(*video)

    def _gait_loss(self, net: BPMGCN) -> Iterator[torch.Tensor]:
        yield bpm_gcn_loss(net(*self.inputs), self.target, self.affective)["total"]

    def _loaded(self) -> VAANet | CTEN | TSLNet | BPMGCN:
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
