"""JACK's package: four published video-emotion networks in Jittor, their data and their training.

Importing it makes Jittor importable on this machine (see `jacklib.backend.runtime`); the first time
on a machine that compiles Jittor, for two to four minutes.
"""

import importlib as _importlib
import sys as _sys

from jacklib.backend import processes, runtime

__version__ = "0.1.0"

processes.watch_parent()
# `python -m jacklib` prepares by itself (see `__main__`): not every command needs Jittor.
if _sys.argv[:1] != ["-m"] or "jacklib" not in _sys.orig_argv:
    runtime.prepare()

# What is imported from here when it is first asked for: importing it takes a second.
_PLACES = {
    "load": "methods.front",
    "load_weights": "weights.checkpoint",
    "pcce": "networks.losses",
    "TSLLoss": "networks.losses",
    "bpm_gcn_loss": "networks.losses",
    "kept_segments": "core.erasing",
    "seed_labels": "core.pseudo_labels",
    "localize": "core.metrics",
    "temporal_map": "core.metrics",
}
__all__ = ["__version__", "runtime", *_PLACES]


def __getattr__(name):
    if name not in _PLACES:
        raise AttributeError(f"module 'jacklib' has no attribute {name!r}")
    return getattr(_importlib.import_module(f"jacklib.{_PLACES[name]}"), name)
