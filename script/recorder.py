"""PyTorch's recordings for `measure_clinic`, many from one process, whose start takes seconds:

JACKLIB_NO_JITTOR=1 python -m script.recorder
"""

from pathlib import Path
from types import SimpleNamespace

from jacklib.backend.processes import serve
from jacklib.porting.torch_recorder import main

if __name__ == "__main__":
    serve(SimpleNamespace(record=lambda folder: {"failed": main(Path(folder))}))
