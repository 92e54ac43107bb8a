"""The measured side of `bench`: what both frameworks' processes have in common.

One JSON object a line comes in on stdin, and one goes out on stdout for each; nothing else is
written there. A request that fails is answered with {"error": "..."} and the process lives on.

    {"op": "load", "network": "vaanet", "config": {...}, "batch": 2, "seed": 0}
        -> {"parameters": all, "trainable": with gradient}      builds the network and its inputs
    {"op": "inference"}  -> {"seconds": ...}                    one forward pass, evaluation mode
    {"op": "train"}      -> {"seconds": ..., "loss": ...}       one step: forward, backward, Adam
                                                            (CTEN: three passes, see `erased`)
    {"op": "info"}       -> {"peak_rss": bytes, "rss": bytes, "version": ..., "threads": n}
    {"op": "reset_peak"} -> {"peak_rss": ..., "rss": ...}       start a new peak from here
    {"op": "quit"}       -> {"bye": true}                       (end of input ends it too)

Nothing is warmed up here: whoever measures decides how many first answers to throw away. A session
is an object with the methods load, inference, train and about. This file imports no framework.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import numpy as np

from .shapes import AUDIO_COEFFICIENTS, AUDIO_FRAMES, MEL_BINS

NETWORKS = ("vaanet", "cten")
LEARNING_RATE = 2e-4  # of both
WEIGHT_DECAY = {"vaanet": 0.0, "cten": 5e-4}


def check_network(network: str) -> None:
    """Raise ValueError where there is no such network."""
    if network not in NETWORKS:
        raise ValueError(f"network: found {network!r}, wanted one of {NETWORKS}.")


def inputs_for(net: Any, network: str, batch: int, seed: int) -> tuple[np.ndarray, ...]:
    """`random_inputs` of the shapes that a network, of either framework, takes."""
    size, n = net.sample_size, net.audio_n_segments
    visual = (batch, net.seq_len, 3, net.snippet_duration, size, size)
    audio = {
        "vaanet": lambda: (batch, AUDIO_FRAMES * n, AUDIO_COEFFICIENTS),
        "cten": lambda: (batch, net.audio_time * n, MEL_BINS),
    }[network]()
    return random_inputs(visual, audio, net.n_classes, seed)


def erased(visual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stand-ins for what CTEN's passes 2 and 3 see: the same segments in two other orders.

    Choosing and decoding frames is the loader's work in both frameworks and is not measured.
    """
    return np.ascontiguousarray(visual[:, ::-1]), np.roll(visual, 1, axis=1)


def vaanet_positive(n_classes: int) -> list[int]:
    """VE8's positive classes, cut to those that a smaller network has."""
    return [c for c in (1, 4, 6, 7) if c < n_classes]


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


def answer(session: Any, request: dict[str, Any]) -> dict[str, Any]:
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
        return memory() | session.about()
    if op == "reset_peak":
        return reset_peak()
    if op == "quit":
        return {"bye": True}
    wanted = "load, inference, train, info, reset_peak or quit"
    raise ValueError(f"op: found {op!r}, wanted {wanted}.")


def serve(session: Any) -> None:
    """Answer requests until 'quit' or the end of the input."""
    # Whatever a library prints goes to stderr: the caller parses every line of stdout.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
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
