"""JACK's package: four published video-emotion networks in Jittor, their data and their training.

Importing it makes Jittor importable on this machine (see `jacklib.runtime`); the first time on a
machine that compiles Jittor, for two to four minutes.
"""

import os as _os
import sys as _sys

from . import runtime

__version__ = "0.1.0"

# `python -m jacklib doctor` and `prepare` must also work where Jittor cannot start.
if _sys.argv[:1] == ["-m"] and _sys.orig_argv[2:4] in (
    ["jacklib", "doctor"],
    ["jacklib", "prepare"],
):
    _os.environ["JACKLIB_NO_JITTOR"] = "1"

runtime.prepare()
