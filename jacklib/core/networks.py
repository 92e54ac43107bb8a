"""The four networks, for tools that treat them alike: benchmarks, parity, the command line.

The classes themselves have the same names in `jacklib.networks` (Jittor) and `jacklib.reference`
(PyTorch), and so have the losses in either's `losses`; this file imports no framework.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jacklib.core import example_inputs as examples
from jacklib.core.configs import BPMGCNConfig, CTENConfig, TSLNetConfig, VAANetConfig
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
    batch: tuple[int, int] = (2, 8)  # that `bench` measures with the paper's settings, classroom's
    operations: tuple[str, ...] = ("inference", "train")  # that `bench` measures


NETWORKS = (
    Network("vaanet", "VAANet", "VAANet", "VAANet", "vaanet.py", VAANetConfig,
            examples.vaanet_passes, learning_rate=2e-4),
    Network("cten", "CTEN", "CTEN", "CTEN", "cten.py", CTENConfig,
            examples.cten_passes, learning_rate=2e-4, weight_decay=5e-4),
    Network("tsl", "TSL", "TSL-Net", "TSLNet", "tsl_net.py", TSLNetConfig,
            examples.tsl_passes, learning_rate=1e-5, weight_decay=5e-4,
            operations=("inference", "forward", "train")),
    Network("gait", "Gait", "BPM-GCN", "BPMGCN", "bpm_gcn.py", BPMGCNConfig,
            examples.gait_passes, learning_rate=1e-3, weight_decay=1e-3, momentum=0.9,
            batch=(32, 32)),
)  # fmt: skip
KEYS = tuple(network.key for network in NETWORKS)


def network(key: str) -> Network:
    """The network of a key. Raises DataError for another word."""
    check_choice("network", key, KEYS)
    return NETWORKS[KEYS.index(key)]
