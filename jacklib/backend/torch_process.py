"""PyTorch in a process of its own: run a few lines of it and get NumPy arrays back.

PyTorch and Jittor do not share a process safely (Jittor issues #126 and #223). `pytorch(code)`
sends the code to a process that has PyTorch, which is this file too (see `processes.Worker`). Where
there is none, as on most readers' machines, the answer that was stored when the notebooks were
built serves; it is found by the code and its inputs.

    pytorch("x.softmax(dim=1)", x=np.float32([[1, 2, 3]]))   -> array([[0.09, 0.245, 0.665]])
"""

import ast
import atexit
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from jacklib.backend import processes
from jacklib.backend.folders import ROOT, set_here
from jacklib.errors import DataError, error_of, refuse_as
from jacklib.files import read_table, write_text

ANSWERS = ROOT / "jacklib" / "reference" / "answers"
# Names what to store PyTorch's answers under while a notebook is built: the notebook's number.
RECORD = "JACK_RECORD"


def named_python() -> str | None:
    """$JACK_TORCH_PYTHON; a path in it is made absolute, since processes start elsewhere."""
    named = os.environ.get("JACK_TORCH_PYTHON")
    return os.path.abspath(named) if named and os.sep in named else named


@lru_cache(maxsize=1)
def find_torch() -> str | None:
    """A Python that has PyTorch: $JACK_TORCH_PYTHON, else this one; None without.

    Raises DataError if JACK_TORCH_PYTHON names one that does not have it.
    """
    named = named_python()
    for python in filter(None, (named, sys.executable)):
        try:
            found = processes.run_child(["-c", "import torch"], python=python, capture_output=True,
                stdin=subprocess.DEVNULL, env=process_environment())  # fmt: skip
        except OSError as error:
            raise error_of("no such Python", "JACK_TORCH_PYTHON", python=python,
                           strerror=error.strerror) from error  # fmt: skip
        if found.returncode == 0:
            return python
        refuse_as("Python without PyTorch", python == named, "JACK_TORCH_PYTHON", named=named)
    return None


def process_environment(**added: str) -> dict[str, str]:
    """For a process of another framework: what jacklib set for Jittor is not PyTorch's."""
    own = {k: v for k, v in os.environ.items() if k not in set_here}
    return own | {"PYTHONPATH": str(ROOT)} | added


# --- values as JSON: arrays keep their type -------------------------------------------------------


def to_json(value: Any) -> Any:
    """A value of arrays, tensors, numbers, text, None, tuples, lists and dicts, ready for JSON."""
    if hasattr(value, "detach"):  # PyTorch's tensor
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        flat = value.ravel().tolist()
        if value.dtype == np.float32:  # its shortest digits, not those of the float64 it becomes
            flat = [float(str(v)) for v in value.ravel()]
        return {"array": flat, "dtype": str(value.dtype), "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {"dict": [[to_json(k), to_json(v)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [to_json(v) for v in value]}
    if isinstance(value, list):
        return [to_json(v) for v in value]
    return value


def from_json(value: Any) -> Any:
    """The value that `to_json` was given, a tensor as an array."""
    if isinstance(value, list):
        return [from_json(v) for v in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return np.array(value["array"], dtype=value["dtype"]).reshape(value["shape"])
    if "tuple" in value:
        return tuple(from_json(v) for v in value["tuple"])
    return {from_json(k): from_json(v) for k, v in value["dict"]}


def key(code: str, inputs: dict[str, Any]) -> str:
    """What an answer is stored under: a digest of the code and of the inputs."""
    digest = hashlib.sha256(code.encode())
    for name in sorted(inputs):
        array = np.asarray(inputs[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:20]


# --- the process ----------------------------------------------------------------------------------


def _run(code: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The value of the last expression of the code, None where it ends in something else; and
    PyTorch's version."""
    import torch

    tensors = {n: torch.from_numpy(np.array(from_json(v))) for n, v in inputs.items()}
    names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "np": np} | tensors
    tree, value = ast.parse(code), None
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    torch.manual_seed(0)
    exec(compile(tree, "<pytorch>", "exec"), names)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "<pytorch>", "eval"), names)
    return {"value": to_json(value), "version": f"PyTorch {torch.__version__}"}


_console: processes.Worker | None = None
_told = False


def _ask(python: str, code: str, inputs: dict[str, Any]) -> tuple[Any, str]:
    """The code's last expression and PyTorch's version, from a process that stays for the next."""
    global _console
    if _console is None or _console.poll() is not None:
        own = process_environment(JACKLIB_NO_JITTOR="1")
        _console = processes.Worker("jacklib.backend.torch_process", python, own)
        atexit.register(_console.end)
    given = {name: to_json(np.asarray(value)) for name, value in inputs.items()}
    try:
        answer = _console.ask("run", code=code, inputs=given)
    except RuntimeError as error:
        raise error_of("PyTorch code that fails", "code", error=error) from None
    return from_json(answer["value"]), answer["version"]


def pytorch(code: str, **inputs: Any) -> Any:
    """Run PyTorch code in its own process; returns its last expression with NumPy arrays.

    code: any lines; torch, nn, F (torch.nn.functional) and np are known, and the random seed is 0
    at the start. inputs: NumPy arrays (or lists, numbers), tensors in the code. Tensors come back
    as arrays; numbers, text, None and tuples, lists and dicts of all these as they are.

    Without PyTorch, returns the answer stored for this code with these inputs. Raises
    DataError with PyTorch's message if the code fails, and if there is neither.
    """
    global _told
    code = textwrap.dedent(code).strip()
    python, name = find_torch(), key(code, inputs)
    if python:
        value, version = _ask(python, code, inputs)
        if os.environ.get(RECORD):
            _store(ANSWERS / f"{os.environ[RECORD]}.json", name, value, version)
        return value
    for path in sorted(ANSWERS.glob("*.json")):
        stored = _stored(path, path.stat().st_mtime)
        if name in stored["answers"]:
            if not _told:
                print(f"(No PyTorch here: its values are stored ones, of {stored['version']}.)")
                _told = True
            return from_json(stored["answers"][name])
    raise error_of("no PyTorch and no answer", "pytorch", missing="stored answer to this code")


@contextlib.contextmanager
def recording(name: str) -> Iterator[dict[str, str]]:
    """While a notebook is built: what to add to its environment, so that PyTorch's answers are
    stored under this name. Those of the last build go, unless this one fails."""
    before = {path: path.read_bytes() for path in ANSWERS.glob(f"{name}*")}
    for path in before:
        path.unlink()
    try:
        yield {RECORD: name}
    except BaseException:
        for path in ANSWERS.glob(f"{name}*"):
            path.unlink()
        for path, content in before.items():
            path.write_bytes(content)
        raise


@lru_cache
def _stored(path: Path, _changed: float) -> dict[str, Any]:
    with contextlib.suppress(DataError):  # a damaged file holds no answers
        stored = read_table(path)
        if isinstance(stored.get("answers"), dict) and "version" in stored:
            return stored
    return {"answers": {}}


def _store(path: Path, name: str, value: Any, version: str) -> None:
    answers = read_table(path).get("answers", {}) | {name: to_json(value)}
    lines = ",\n".join(f'  "{k}": {json.dumps(v)}' for k, v in sorted(answers.items()))
    write_text(path, f'{{"version": "{version}", "answers": {{\n{lines}\n}}}}\n')


if __name__ == "__main__":
    processes.serve(SimpleNamespace(run=_run))
