"""The measured side of `bench`: what both frameworks' processes have in common.

One JSON object a line comes in on stdin, and one goes out on stdout for each; nothing else is
written there. A request that fails is answered with {"error": "..."} and the process lives on.

    {"op": "load", "network": "vaanet", "config": {...}, "batch": 2, "seed": 0, "clips": 200}
        -> {"parameters": all, "trainable": with gradient}      builds the network and its inputs
                                                            (clips: of a TSL-Net video)
    {"op": "inference"}  -> {"seconds": ...}                    one forward pass, evaluation mode
    {"op": "forward"}    -> {"seconds": ...}                    the same in training mode; Jittor:
                                                            also "unwaited", see its session
    {"op": "train"}      -> {"seconds": ..., "loss": ...}       one step: forward, backward, Adam
                                                            (CTEN: three passes, see `erased`)

VAANet's and CTEN's passes take the batch as a whole. TSL-Net's take one video, since videos differ
in length: inference and forward the batch's first, a training step one after the other.

    {"op": "info"}       -> {"peak_rss": bytes, "rss": bytes, "version": ..., "threads": n}
    {"op": "reset_peak"} -> {"peak_rss": ..., "rss": ...}       start a new peak from here
    {"op": "quit"}       -> {"bye": true}                       (end of input ends it too)

Nothing is warmed up here: whoever measures decides how many first answers to throw away. A session
is an object with the methods load, inference, forward, train and about. This file imports no
framework.

`bench tsl --train` starts a process for every run instead, with two folders: what is in the first
(`write_job`) it reads, and what it found (`write_result`) it writes into the second.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


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
    if op in ("inference", "forward", "train"):
        return getattr(session, op)()
    if op == "info":
        return memory() | session.about()
    if op == "reset_peak":
        return reset_peak()
    if op == "quit":
        return {"bye": True}
    wanted = "load, inference, forward, train, info, reset_peak or quit"
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


# --- training runs --------------------------------------------------------------------------------

VIDEO = ("rgb", "logmel", "labels", "label_distribution", "points")  # arrays of a TSL-Net video


class Job(NamedTuple):
    """One training run of TSL-Net, the same for both frameworks."""

    root: str  # the videos, in TSL-300's layout
    seed: int  # of the order, the annotators and the dropout
    config: dict[str, Any]  # options of TSLNet
    rates: list[float]  # the learning rate of every step
    audio_factor: float
    weight_decay: float
    order: list[list[int]]  # the training videos of every step


def write_job(folder: Path, job: Job, **arrays: dict[str, np.ndarray]) -> None:
    """The job, and arrays by name: weights, train and test (videos, see `read_videos`)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(json.dumps(job._asdict()))
    for name, found in arrays.items():
        np.savez(folder / f"{name}.npz", **found)


def read_job(folder: Path) -> tuple[Job, dict[str, np.ndarray]]:
    """The job and the network's first weights."""
    with np.load(folder / "weights.npz") as weights:
        return Job(**json.loads((folder / "job.json").read_text())), dict(weights)


def video_arrays(samples: Any) -> dict[str, np.ndarray]:
    """Videos, each with VIDEO's arrays as attributes, as `read_videos` takes them."""
    return {f"{name}_{i}": getattr(s, name) for i, s in enumerate(samples) for name in VIDEO}


def read_videos(path: Path) -> list[dict[str, np.ndarray]]:
    """Each video's arrays by name, as a batch of one."""
    with np.load(path) as arrays:
        count = len(arrays.files) // len(VIDEO)
        return [{name: arrays[f"{name}_{i}"][None] for name in VIDEO} for i in range(count)]


def write_result(folder: Path, numbers: dict[str, Any], scores: Any) -> None:
    """Times, memory and versions; and each test video's (scores [T, C+1], video score [C])."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "numbers.json").write_text(json.dumps(numbers))
    arrays = {}
    for i, (each, whole) in enumerate(scores):
        arrays |= {f"scores_{i}": each, f"video_score_{i}": whole}
    np.savez(folder / "scores.npz", **arrays)


def read_result(folder: Path) -> tuple[dict[str, Any], list[tuple[np.ndarray, np.ndarray]]]:
    """What `write_result` wrote."""
    with np.load(folder / "scores.npz") as arrays:
        count = len(arrays.files) // 2
        scores = [(arrays[f"scores_{i}"], arrays[f"video_score_{i}"]) for i in range(count)]
    return json.loads((folder / "numbers.json").read_text()), scores
