"""The published networks in Jittor, one file each."""
# ruff: noqa: F401

from jacklib.networks.bert import BERT, BERTConfig, BERTInspection, BERTOutput
from jacklib.networks.bpm_gcn import BPMGCN, BPMGCNConfig, BPMGCNInspection, BPMGCNOutput
from jacklib.networks.cten import CTEN, CTENConfig, CTENOutput, CTENVisual, CTENVisualOutput
from jacklib.networks.i3d import I3D, I3DOutput
from jacklib.networks.tsl_net import TSLNet, TSLNetConfig, TSLNetOutput
from jacklib.networks.vaanet import VAANet, VAANetConfig, VAANetOutput
