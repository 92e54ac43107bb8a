"""The same networks in PyTorch: for parity, for speed and for the porting lessons.

PyTorch and Jittor do not share a process safely (Jittor issues #126 and #223), so nothing outside
this folder imports it; `python -m jacklib.reference.worker`, started with JACKLIB_NO_JITTOR=1, runs
it in a process of its own. The files need PyTorch and, for the worker's inputs, NumPy; no more.
"""

from .bpm_gcn import BPMGCN, BPMGCNInspection, BPMGCNOutput
from .cten import CTEN, CTENOutput, CTENVisual, CTENVisualOutput
from .losses import TSLLoss, bpm_gcn_loss, pcce
from .tsl_net import TSLNet, TSLNetOutput
from .vaanet import VAANet, VAANetOutput

__all__ = [
    "BPMGCN",
    "BPMGCNInspection",
    "BPMGCNOutput",
    "CTEN",
    "CTENOutput",
    "CTENVisual",
    "CTENVisualOutput",
    "TSLLoss",
    "TSLNet",
    "TSLNetOutput",
    "VAANet",
    "VAANetOutput",
    "bpm_gcn_loss",
    "pcce",
]
