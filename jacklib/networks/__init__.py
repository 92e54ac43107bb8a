"""The published networks in Jittor, one file each."""

from .bert import BERT, BERTConfig, BERTInspection, BERTOutput
from .bpm_gcn import BPMGCN, BPMGCNConfig, BPMGCNInspection, BPMGCNOutput
from .cten import CTEN, CTENConfig, CTENOutput, CTENVisual, CTENVisualOutput
from .i3d import I3D, I3DOutput
from .tsl_net import TSLNet, TSLNetConfig, TSLNetOutput
from .vaanet import VAANet, VAANetConfig, VAANetOutput

__all__ = [
    "BERT",
    "BERTConfig",
    "BERTInspection",
    "BERTOutput",
    "BPMGCN",
    "BPMGCNConfig",
    "BPMGCNInspection",
    "BPMGCNOutput",
    "CTEN",
    "CTENConfig",
    "CTENOutput",
    "CTENVisual",
    "CTENVisualOutput",
    "I3D",
    "I3DOutput",
    "TSLNet",
    "TSLNetConfig",
    "TSLNetOutput",
    "VAANet",
    "VAANetConfig",
    "VAANetOutput",
]
