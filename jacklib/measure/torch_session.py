"""The PyTorch side of `bench`: a process that runs a reference network and answers with times.

Start it with Jittor left out, because the two frameworks do not share a process safely:

    JACKLIB_NO_JITTOR=1 python -m jacklib.measure.torch_session

The requests that it answers are methods of `protocol.Session`.
"""

import os
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from jacklib import reference
from jacklib.backend.processes import serve
from jacklib.core.configs import TSLNetConfig
from jacklib.measure import protocol
from jacklib.measure.protocol import Job, Session
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

    def train_run(self, **job: Any) -> dict[str, Any]:
        """`jacklib.methods.tsl.train` is the other side: the same videos in the same order, a
        gradient each, and one step of Adam."""
        job = Job(**job)
        net = self.build("TSLNet", TSLNetConfig(**job.config), job.seed)
        state = {n: v for n, v in net.state_dict().items() if n.endswith("num_batches_tracked")}
        for name, array in protocol.read_arrays(f"{job.folder}/weights.npz").items():
            state[name] = torch.from_numpy(array)
        net.load_state_dict(state)
        videos = protocol.read_videos(f"{job.folder}/train.npz")

        before = protocol.reset_peak()["rss"]
        numbers = _train(net, videos, job) | {
            "before": before, "peak": protocol.memory()["peak_rss"], "scores": [],
        }  # fmt: skip

        net.eval()
        with torch.no_grad():
            for rgb, logmel, *_ in protocol.read_videos(f"{job.folder}/test.npz"):
                output = net(torch.from_numpy(rgb), torch.from_numpy(logmel))
                scores = output.scores[0].tolist(), output.video_score[0].tolist()
                numbers["scores"].append(scores)
        return numbers


def _train(net: nn.Module, videos: list[list[np.ndarray]], job: Job) -> dict[str, list[float]]:
    """Train, and give the seconds of each video's "forward" pass and of each step ("iterations").

    The first step's are left out: it is warm-up.
    """
    criterion = losses.TSLLoss()
    rates, audio_factor = job.schedule["rates"], job.schedule["audio_factor"]
    groups = net.parameter_groups(rates[0], audio_factor)
    optimizer = torch.optim.Adam(groups, rates[0], weight_decay=job.schedule["weight_decay"])
    net.train()
    forward, iterations = [], []
    for rate, indices in zip(rates, job.order, strict=True):
        begun = time.perf_counter()
        for group, factor in zip(optimizer.param_groups, (1.0, audio_factor), strict=True):
            group["lr"] = rate * factor
        optimizer.zero_grad()
        for index in indices:
            start = time.perf_counter()
            rgb, logmel, *truth = map(torch.from_numpy, videos[index])
            output = net(rgb, logmel, truth[0])
            forward.append(time.perf_counter() - start)
            loss = criterion(output, *truth)["total"]
            (loss / len(indices)).backward()
            if not torch.isfinite(loss):  # as the other side asks
                raise ValueError(f"The loss is no longer a number in step {len(iterations) + 1}.")
            del output, loss
        optimizer.step()
        iterations.append(time.perf_counter() - begun)
    return {"forward": forward[len(job.order[0]) :], "iterations": iterations[1:]}


if __name__ == "__main__":
    serve(TorchSession())
