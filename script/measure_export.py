"""Size of the exported networks, and their speed in ONNX Runtime beside Jittor.

    python -m script.measure_export [NETWORK ...]

One sample film or walk, features made beforehand; both run in turn in one process, 30 times after
5 for warming up; median and middle half of the times, in milliseconds.
"""

import sys
import time

import numpy as np
import onnxruntime

import jacklib as jack  # before Jittor, which it prepares
from jacklib.cli import export
from jacklib.weights.onnx_graph import OPSET


def measure(name: str, rounds: int = 35) -> str:
    """A row of the table in docs/en/deploy.md."""
    model = jack.load(name)
    content = export.onnx_bytes(model)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    arrays = export.inputs_of(model)
    given = dict(zip(export.INPUTS[name], arrays, strict=True))

    def in_onnx() -> None:
        session.run(None, given)

    def in_jittor() -> None:
        with export.jt.no_grad():
            output = model.net(*arrays)
        export.jt.sync([value for value in output if value is not None])
        export.jt.sync_all(True)

    times = {in_jittor: [], in_onnx: []}
    for _ in range(rounds):
        for work, taken in times.items():
            begun = time.perf_counter()
            work()
            taken.append(1000 * (time.perf_counter() - begun))
    cells = [f"{len(content) / 2**20:.1f} MiB", str(OPSET)]
    for taken in times.values():
        low, middle, high = np.percentile(taken[5:], (25, 50, 75))
        cells.append(f"{middle:.1f} ({low:.1f} to {high:.1f}) ms")
    return " | ".join([name, *cells])


if __name__ == "__main__":
    for network in sys.argv[1:] or ("vaanet", "cten", "tsl", "gait"):
        print(measure(network), flush=True)
