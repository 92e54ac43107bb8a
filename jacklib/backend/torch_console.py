"""The process behind `jacklib.backend.torch_process.pytorch`: JSON lines with code in, values out.

JACKLIB_NO_JITTOR=1 python -m jacklib.backend.torch_console

{"code": "...", "inputs": {name: value}}  ->  {"value": ..., "version": ...} or {"error": ...}
"""

from __future__ import annotations

import ast
import contextlib
import json
import sys
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from jacklib.backend.torch_process import from_json, to_json


def run(code: str, inputs: dict[str, Any]) -> Any:
    """The value of the last expression of the code; None where it ends in something else."""
    tensors = {n: torch.from_numpy(np.array(from_json(v))) for n, v in inputs.items()}
    names = {"torch": torch, "nn": nn, "F": functional, "np": np} | tensors
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    torch.manual_seed(0)
    exec(compile(tree, "<pytorch>", "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "<pytorch>", "eval"), names)


def serve() -> None:
    """Answer until the input ends. What the code prints goes to the standard error stream."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            with contextlib.redirect_stdout(sys.stderr):
                value = to_json(run(request["code"], request["inputs"]))
            answer = json.dumps({"value": value, "version": f"PyTorch {torch.__version__}"})
        except Exception as error:  # whatever the code does wrong is its author's to read
            answer = json.dumps({"error": f"{type(error).__name__}: {error}"})
        print(answer, flush=True)


if __name__ == "__main__":
    serve()
