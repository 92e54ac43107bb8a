"""The PyTorch side of `bench`: a process that runs a reference network and answers with times.

Start it with Jittor left out, because the two frameworks do not share a process safely:

    JACKLIB_NO_JITTOR=1 python -m jacklib.reference.worker

One JSON object a line comes in on stdin, and one goes out on stdout for each; nothing else is
written there. A request that fails is answered with {"error": "..."} and the worker lives on.

    {"op": "load", "network": "vaanet", "config": {...}, "batch": 2, "seed": 0}
        -> {"parameters": all, "trainable": with gradient}      builds the network and its inputs
    {"op": "inference"}  -> {"seconds": ...}                    one forward pass, evaluation mode
    {"op": "train"}      -> {"seconds": ..., "loss": ...}       one step: forward, backward, Adam
    {"op": "info"}       -> {"peak_rss": bytes, "rss": bytes, "torch": version, "threads": n}
    {"op": "reset_peak"} -> {"peak_rss": ..., "rss": ...}       start a new peak from here
    {"op": "quit"}       -> {"bye": true}                       (end of input ends it too)

Nothing is warmed up here: whoever measures decides how many first answers to throw away.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import numpy as np
import torch

from ..shapes import AUDIO_COEFFICIENTS, AUDIO_FRAMES
from .losses import pcce
from .vaanet import VAANet

LEARNING_RATE = 2e-4  # VAANet's


def random_inputs(
    visual_shape: tuple[int, ...], audio_shape: tuple[int, ...], n_classes: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs that any framework can rebuild from the seed: visual, audio (float32), target [B].

    One `default_rng(seed)` gives, in this order, visual = integers(0, 256), audio =
    standard_normal * 20 and target = integers(0, n_classes). The visual array is drawn a video at
    a time, which gives the same numbers as one call and needs a fraction of its memory (integers
    are 64 bits wide before they become float32).
    """
    rng = np.random.default_rng(seed)
    visual = np.empty(visual_shape, np.float32)
    for video in visual:
        video[...] = rng.integers(0, 256, video.shape)
    audio = (rng.standard_normal(audio_shape) * 20).astype(np.float32)
    return visual, audio, rng.integers(0, n_classes, visual_shape[0])


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


def memory() -> dict[str, int]:
    """Bytes of this process in memory: the peak since start or since `reset_peak`, and now.

    Read from /proc/self/status (Linux). getrusage's ru_maxrss would do for the peak, but it can
    never be reset.
    """
    found = {}
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name in ("VmHWM", "VmRSS"):
                found[name] = int(value.split()[0]) * 1024
    return {"peak_rss": found["VmHWM"], "rss": found["VmRSS"]}


def reset_peak() -> dict[str, int]:
    """Make the peak what is in memory now (5 resets VmHWM, see proc(5)), and report it."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    return memory()


def answer(session: Session, request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request (its "op" and that operation's arguments)."""
    arguments = dict(request)
    op = arguments.pop("op", None)
    if op == "load":
        return session.load(**arguments)
    if op == "inference":
        return session.inference()
    if op == "train":
        return session.train()
    if op == "info":
        return memory() | {"torch": torch.__version__, "threads": torch.get_num_threads()}
    if op == "reset_peak":
        return reset_peak()
    if op == "quit":
        return {"bye": True}
    wanted = "load, inference, train, info, reset_peak or quit"
    raise ValueError(f"op: found {op!r}, wanted {wanted}.")


def main() -> None:
    """Answer requests until 'quit' or the end of the input."""
    # Whatever a library prints goes to stderr: the caller parses every line of stdout.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    session = Session()
    for line in sys.stdin:
        if not line.strip():
            continue
        request: Any = None
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("request: found no JSON object, wanted one with an 'op'.")
            reply = answer(session, request)
        except Exception as error:  # a bad request must not end the process that others wait on
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)
        if reply.get("bye"):
            break


if __name__ == "__main__":
    main()
