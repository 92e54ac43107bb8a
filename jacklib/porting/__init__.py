"""Porting from PyTorch to Jittor: is the port equal, and if not, where does it go wrong?

compare(net, "jacklib.reference:TSLNet", inputs)   layer by layer, gradients, one step
cmp("softmax", ours, theirs)                       two values, in one line
pytorch("x.softmax(1)", x=array)                   what PyTorch says
check_source("port.py")                            traps that can be seen in the source
count_changes("tsl")                               how many lines a port changes
"""

from jacklib.backend.torch_process import pytorch
from jacklib.porting.changes import count_changes
from jacklib.porting.parity import Reference, cmp, compare, compare_network
from jacklib.porting.traps import check_source, check_text

__all__ = [
    "Reference", "check_source", "check_text", "cmp", "compare", "compare_network",
    "count_changes", "pytorch",
]  # fmt: skip
