"""The same networks in PyTorch: for parity, for speed and for the porting lessons.

PyTorch and Jittor do not share a process safely (Jittor issues #126 and #223), so only these files
and those named torch_* import it. They run in processes of their own with JACKLIB_NO_JITTOR=1, such
as `python -m jacklib.measure.torch_session`, and need PyTorch and NumPy; no more.
"""

from jacklib.reference.bpm_gcn import BPMGCN, BPMGCNInspection, BPMGCNOutput
from jacklib.reference.cten import CTEN, CTENOutput, CTENVisual, CTENVisualOutput
from jacklib.reference.losses import TSLLoss, bpm_gcn_loss, pcce
from jacklib.reference.tsl_net import TSLNet, TSLNetOutput
from jacklib.reference.vaanet import VAANet, VAANetOutput

__all__ = [
    "BPMGCN", "BPMGCNInspection", "BPMGCNOutput", "CTEN", "CTENOutput", "CTENVisual",
    "CTENVisualOutput", "TSLLoss", "TSLNet", "TSLNetOutput", "VAANet", "VAANetOutput",
    "bpm_gcn_loss", "pcce",
]  # fmt: skip
