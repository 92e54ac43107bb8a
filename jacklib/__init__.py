"""JACK's package: four published video-emotion networks in Jittor, their data and their training.

Importing it makes Jittor importable on this machine (see `jacklib.backend.runtime`); the first time
on a machine that compiles Jittor, for two to four minutes.
"""

import sys as _sys

from jacklib.backend import processes, runtime

__version__ = "0.1.0"

processes.watch_parent()
# `python -m jacklib` prepares by itself (see `__main__`): not every command needs Jittor.
if _sys.argv[:1] != ["-m"] or "jacklib" not in _sys.orig_argv:
    runtime.prepare()
