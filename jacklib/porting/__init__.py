"""Porting from PyTorch to Jittor: is the port equal, and if not, where does it go wrong?

compare(net, "jacklib.reference:TSLNet", inputs)   layer by layer, gradients, one step
cmp("softmax", ours, theirs)                       two values, in one line
pytorch("x.softmax(1)", x=array)                   what PyTorch says
check_source("port.py")                            traps that can be seen in the source
count_changes("tsl")                               how many lines a port changes
"""

import importlib

# Where each name is. Imported when asked for: PyTorch's process, which records a reference, lacks
# the packages that the others need.
_PLACES = {
    "Reference": "porting.parity", "check_source": "porting.traps", "check_text": "porting.traps",
    "cmp": "porting.parity", "compare": "porting.parity", "compare_network": "porting.parity",
    "count_changes": "porting.changes", "pytorch": "backend.torch_process",
}  # fmt: skip
__all__ = list(_PLACES)


def __getattr__(name: str):
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"jacklib.{_PLACES[name]}"), name)
