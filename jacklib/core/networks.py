"""The four networks, for tools that treat them alike: benchmarks, parity, the command line.

The classes themselves have the same names in `jacklib.networks` (Jittor) and `jacklib.reference`
(PyTorch), and so have the losses in either's `losses`; this file imports no framework.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jacklib.core import configs
from jacklib.core import example_inputs as examples
from jacklib.errors import check_choice


@dataclass(frozen=True)
class Network:
    """What has to be known of one of the networks to build, feed and train it.

    passes: of (config, batch, seed, clips), random inputs and targets of every forward pass of one
    training step. clips: length of a TSL-Net video.
    """

    key: str  # as options and files are named
    command: str  # as the command line names it
    title: str  # as the paper names it
    kind: str  # its class; its loss is KEY_loss
    file: str  # where the class is
    config: type
    passes: Callable[[Any, int, int, int], list[examples.Pass]]
    learning_rate: float
    weight_decay: float = 0.0
    momentum: float = 0.0  # Nesterov's, of SGD; 0: Adam
    batch: Sequence[int] = (2, 8)  # that `bench` measures with the paper's settings, classroom's
    operations: Sequence[str] = ("inference", "train")  # that `bench` measures


# Of each its fields, but for what is found by its key and kind.
_TABLE = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
NETWORKS = tuple(
    Network(**about, config=getattr(configs, f"{about['kind']}Config"),
            passes=getattr(examples, f"{about['key']}_passes"))
    for about in _TABLE
)  # fmt: skip
KEYS = tuple(network.key for network in NETWORKS)


def network(key: str) -> Network:
    """The network of a key. Raises DataError for another word."""
    check_choice("network", key, KEYS)
    return NETWORKS[KEYS.index(key)]
