"""The PyTorch side of `bench tsl --train`: a process that trains TSL-Net once.

    JACKLIB_NO_JITTOR=1 python -m jacklib.measure.torch_tsl_training JOB RESULT

Both are described in `jacklib.measure.protocol`. `jacklib.methods.tsl.train` is the other side: the
same videos in the same order, a gradient each, and one step of Adam.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch

from jacklib.core.configs import TSLNetConfig
from jacklib.measure import protocol
from jacklib.measure.protocol import Job
from jacklib.reference.losses import TSLLoss
from jacklib.reference.tsl_net import TSLNet


def train(net: TSLNet, videos: list[list[np.ndarray]], job: Job) -> dict[str, list[float]]:
    """Train, and give the seconds of each video's "forward" pass and of each step ("iterations").

    The first step's are left out: it is warm-up.
    """
    criterion = TSLLoss()
    groups = net.parameter_groups(job.rates[0], job.audio_factor)
    optimizer = torch.optim.Adam(groups, lr=job.rates[0], weight_decay=job.weight_decay)
    net.train()
    forward: list[list[float]] = []
    iterations: list[float] = []
    for rate, indices in zip(job.rates, job.order, strict=True):
        begun = time.perf_counter()
        forward.append([])
        for group, factor in zip(optimizer.param_groups, (1.0, job.audio_factor), strict=True):
            group["lr"] = rate * factor
        optimizer.zero_grad()
        for index in indices:
            start = time.perf_counter()
            rgb, logmel, *truth = map(torch.from_numpy, videos[index])
            output = net(rgb, logmel, truth[0])
            forward[-1].append(time.perf_counter() - start)
            loss = criterion(output, *truth)["total"]
            (loss / len(indices)).backward()
            if not torch.isfinite(loss):  # as the other side asks
                raise ValueError(f"The loss is no longer a number in step {len(forward)}.")
            del output, loss
        optimizer.step()
        iterations.append(time.perf_counter() - begun)
    return {"forward": [t for step in forward[1:] for t in step], "iterations": iterations[1:]}


def main(job_folder: Path, result: Path) -> None:
    """Train as the job says and score its test videos."""
    facts, weights = protocol.read_facts(job_folder / "job.npz")
    job = Job(**facts)
    torch.manual_seed(job.seed)
    net = TSLNet(TSLNetConfig(**job.config))
    given = {name: torch.from_numpy(array) for name, array in weights.items()}
    missing, unexpected = net.load_state_dict(given, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"weights: found {missing} missing and {unexpected} unexpected.")
    videos = protocol.read_videos(job_folder / "train.npz")

    before = protocol.reset_peak()["rss"]
    numbers = train(net, videos, job) | {"before": before, "peak": protocol.memory()["peak_rss"]}

    net.eval()
    scores = []
    with torch.no_grad():
        for rgb, logmel, *_ in protocol.read_videos(job_folder / "test.npz"):
            output = net(torch.from_numpy(rgb), torch.from_numpy(logmel))
            scores.append((output.scores[0].numpy(), output.video_score[0].numpy()))
    about = {"version": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads()}
    protocol.write_result(result, numbers | about, scores)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
