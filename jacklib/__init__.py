"""JACK's package: four published video-emotion networks in Jittor, their data and their training.

Importing it makes Jittor importable on this machine (see `jacklib.backend.runtime`); the first time
on a machine that compiles Jittor, for two to four minutes.
"""

import importlib as _importlib
import json as _json
import sys as _sys
from pathlib import Path as _Path

from jacklib.backend import processes, runtime

__version__ = "0.1.0"

processes.watch_parent()
# `python -m jacklib` prepares by itself (see `__main__`): not every command needs Jittor.
if _sys.argv[:1] != ["-m"] or "jacklib" not in _sys.orig_argv:
    runtime.prepare()

# What is imported from here when it is first asked for: importing it takes a second.
_PLACES = _json.loads(_Path(__file__).with_name("places.json").read_text("utf-8"))
__all__ = ["__version__", "runtime", *_PLACES]


def __getattr__(name):
    if name not in _PLACES:
        raise AttributeError(f"module 'jacklib' has no attribute {name!r}")
    return getattr(_importlib.import_module(f"jacklib.{_PLACES[name]}"), name)
