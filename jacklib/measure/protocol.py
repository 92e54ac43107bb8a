"""What the processes that `bench` measures have in common; how it talks to them is in `processes`.

Nothing is warmed up here: whoever measures decides how many first answers to throw away.

`bench tsl --train` starts a process for every run and asks it for one `train_run`, of a `Job` whose
folder holds arrays: weights.npz, the first weights; train.npz and test.npz, the videos.

This file imports no framework.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jacklib.backend.torch_process import find_torch, process_environment
from jacklib.core.erasing import kept_segments
from jacklib.core.networks import network as table_of


def memory() -> dict[str, int]:
    """Bytes of this process in memory: the peak since start or since `reset_peak`, and now.

    Read from /proc/self/status (Linux). getrusage's ru_maxrss would do for the peak, but it can
    never be reset.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    found = dict(line.split(":", 1) for line in lines)
    peak, now = (int(found[name].split()[0]) * 1024 for name in ("VmHWM", "VmRSS"))
    return {"peak_rss": peak, "rss": now}


def reset_peak() -> dict[str, int]:
    """Make the peak what is in memory now (5 resets VmHWM, see proc(5)), and report it."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return memory()


def versions(abouts: Iterable[dict[str, Any]]) -> str:
    """What sessions say of themselves, in words."""
    return ", ".join(f"{about['version']} with {about['threads']} threads" for about in abouts)


def programs(device: str) -> dict[str, tuple[str, str, dict[str, str]]]:
    """Of each framework that is found: module, Python and environment of its `Worker`."""
    use_cuda = process_environment(use_cuda=str(int(device == "cuda")))
    found = {"Jittor": ("jacklib.measure.jittor_session", sys.executable, use_cuda)}
    if torch := find_torch():
        environment = process_environment(JACKLIB_NO_JITTOR="1", JACK_DEVICE=device)
        found["PyTorch"] = ("jacklib.measure.torch_session", torch, environment)
    return found


class Session:
    """The one network loaded at a time, with its inputs and its optimizer.

    A framework's own session has the modules `losses` and `optim` and the methods

        build(kind, options, seed)  a network's class by name -> the network, weights from the seed
        tensor(array), numpy(value) a NumPy array as the framework's, where it computes; and back
        sizes(net)                  (size, whether it learns) of each parameter
        wait(output=None)           until all is computed
        no_grad()                   a context without gradients
        step(losses)                one training step on losses that add up; their sum as a number
        about()                     the framework's version and how many threads it uses
        train_run(**job)            trains TSL-Net as a `Job` says: seconds of every turn, bytes in
                                    memory and each test video's (scores [T, C+1], video score [C])
    """

    lazy = False  # whether a network returns before it has computed anything
    reset_peak = staticmethod(reset_peak)

    def load(
        self, network: str, config: dict[str, Any] | None = None, batch: int = 1, seed: int = 0,
        clips: int = 200,
    ) -> dict[str, int]:  # fmt: skip
        """Build the network and inputs for one batch. clips: of a TSL-Net video.

        VAANet's and CTEN's passes take the batch as a whole. TSL-Net's take one video, since videos
        differ in length: `inference` and `forward` the batch's first, `train` one after the other.
        """
        self.net = self.optimizer = None  # or the last network would count in this one's peak
        self.passes = []
        table = table_of(network)
        options = table.config(**(config or {}))
        net = self.build(table.kind, options, seed)
        self.network, self.loss = network, getattr(self.losses, f"{network}_loss")
        for inputs, targets in table.passes(options, batch, seed, clips):
            self.passes.append(([*map(self.tensor, inputs)], [*map(self.tensor, targets)]))
        lr, kind, more = table.learning_rate, self.optim.Adam, {}
        if table.momentum:
            kind, more = self.optim.SGD, {"momentum": table.momentum, "nesterov": True}
        groups = net.parameter_groups(lr) if network == "tsl" else net.parameters()
        self.optimizer = kind(groups, lr=lr, weight_decay=table.weight_decay, **more)
        self.net = net
        self.wait()
        sizes = self.sizes(net)
        return {
            "parameters": sum(size for size, _ in sizes),
            "trainable": sum(size for size, learns in sizes if learns),
        }

    def inference(self) -> dict[str, float]:
        """One forward pass in evaluation mode, without gradients."""
        self.net.eval()
        with self.no_grad():
            seconds, _ = self._pass(2)  # TSL-Net: without labels
        return {"seconds": seconds}

    def forward(self) -> dict[str, float]:
        """One forward pass in training mode; "unwaited" is read before anything is computed."""
        self.net.train()
        seconds, unwaited = self._pass(None)
        return {"seconds": seconds} | ({"unwaited": unwaited} if self.lazy else {})

    def _pass(self, n_inputs: int | None) -> tuple[float, float]:
        inputs = self.passes[0][0][:n_inputs]
        self.wait()
        start = time.perf_counter()
        output = self.net(*inputs)
        unwaited = time.perf_counter() - start
        self.wait(output)
        return time.perf_counter() - start, unwaited

    def train(self) -> dict[str, float]:
        """One training step on the batch (CTEN: three passes, see `erased`)."""
        self.net.train()
        self.wait()
        start = time.perf_counter()
        value = self.step(self._losses())
        self.wait()
        return {"seconds": time.perf_counter() - start, "loss": value}

    def _losses(self) -> Iterator[Any]:
        # TSL-Net's released code adds up the batch's losses and takes one gradient of the sum,
        # which keeps the graphs of all its videos. One gradient per video, as in jacklib, is the
        # same sum and keeps one: compared is what the frameworks need, not what the loops do.
        for number, (inputs, targets) in enumerate(self.passes):
            output = self.net(*inputs)
            if self.network == "cten" and number == 0:
                kept_segments(self.numpy(output.gamma))  # the passes to come wait for it
            loss = self.loss(output, *targets) / len(self.passes)
            del output  # or it would hold its graph while the next one is built
            yield loss
            del loss

    def info(self) -> dict[str, Any]:
        """Memory of the process in bytes, and `about`."""
        return memory() | self.about()


# --- training runs --------------------------------------------------------------------------------

VIDEO = ("rgb", "logmel", "labels", "label_distribution", "points")  # arrays of a TSL-Net video


class Job(NamedTuple):
    """One training run of TSL-Net, the same for both frameworks."""

    folder: str  # with weights and videos
    root: str  # the videos, in TSL-300's layout
    seed: int  # of the order, the annotators and the dropout
    config: dict[str, Any]  # options of TSLNet
    schedule: dict[str, Any]  # of `jacklib.methods.tsl.Schedule`
    order: list[list[int]]  # the training videos of every step


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """A .npz file's arrays."""
    with np.load(path) as file:
        return dict(file)


def write_videos(path: Path, samples: Iterable[Any]) -> None:
    """Videos, each with VIDEO's arrays as attributes."""
    arrays = {f"{name}_{i}": getattr(s, name) for i, s in enumerate(samples) for name in VIDEO}
    np.savez(path, **arrays)


def read_videos(path: Path) -> list[list[np.ndarray]]:
    """Each video's arrays, in VIDEO's order, as a batch of one."""
    arrays = read_arrays(path)
    count = len(arrays) // len(VIDEO)
    return [[arrays[f"{name}_{i}"][None] for name in VIDEO] for i in range(count)]
