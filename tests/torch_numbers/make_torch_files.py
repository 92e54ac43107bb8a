"""Write small PyTorch and safetensors files, and what is in them, for
tests/weights/test_torch_files.py.

    python tests/torch_numbers/make_torch_files.py   # needs PyTorch; writes into files/ beside it

`files/expected.npz` has each tensor under FILE|key|key..., bfloat16 as float32. The plain values
next to the tensors are in the test itself.
"""

import argparse
import collections
import io
import json
import pickle
import struct
import types
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).resolve().parent / "files"


def dtypes() -> dict:
    """One tensor of each dtype, a scalar, an empty one, and the values that are easily lost."""
    numbers = torch.tensor([0.0, -0.0, 1.0, -1.5, 3.140625, float("inf"), float("nan"), 65504.0])
    state = {
        str(dtype).removeprefix("torch."): numbers.to(dtype)
        for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16)
    }
    whole = torch.tensor([[0, 1, 2], [-3, 4, 127]])
    for dtype in (torch.int64, torch.int32, torch.int16, torch.int8):
        state[str(dtype).removeprefix("torch.")] = whole.to(dtype)
    state["uint8"] = whole.abs().to(torch.uint8)
    state["bool"] = whole % 2 == 0
    state["complex64"] = torch.complex(torch.arange(3.0), -torch.arange(3.0))
    state["int64_large"] = torch.tensor([2**62 + 1, -(2**63)])
    state["scalar"] = torch.tensor(2.5)
    state["bfloat16_scalar"] = torch.tensor(2.5, dtype=torch.bfloat16)
    state["empty"] = torch.empty(0, 3)
    return state


def views() -> dict:
    """Tensors that are not the whole of their storage, or not in its order."""
    base = torch.arange(24.0).reshape(2, 3, 4)
    half = torch.arange(12, dtype=torch.bfloat16).reshape(3, 4)
    return {
        "base": base,
        "same": base.detach(),
        "transposed": base.permute(2, 0, 1),
        "slice": base[:, 1:, ::2],
        "row": base[1, 2],
        "alone": torch.arange(100, dtype=torch.int16)[90:95],
        "diagonal": torch.arange(9, dtype=torch.int64).reshape(3, 3).diagonal(),
        "expanded": torch.tensor([[7.0], [8.0]]).expand(2, 5),
        "bfloat16_columns": half[:, 1:3],
        "bfloat16_transposed": half.t(),
        "channels_last": torch.arange(16.0)
        .reshape(1, 2, 2, 4)
        .to(memory_format=torch.channels_last),
    }


def checkpoint() -> dict:
    """What training scripts save: a DataParallel model's state dict, Adam's state, the epoch."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        collections.OrderedDict(
            conv=torch.nn.Conv3d(2, 3, (1, 3, 3), bias=False), bn=torch.nn.BatchNorm3d(3)
        )
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-4)
    net(torch.randn(2, 2, 1, 4, 4)).square().sum().backward()
    optimizer.step()
    state_dict = net.state_dict()
    renamed = collections.OrderedDict((f"module.{key}", t) for key, t in state_dict.items())
    renamed._metadata = state_dict._metadata
    return {"epoch": 3, "arch": "r3d", "state_dict": renamed, "optimizer": optimizer.state_dict()}


def parameters() -> dict:
    """nn.Parameter, tied and half-precision ones too, in a list and a tuple."""
    weight = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    frozen = torch.nn.Parameter(torch.ones(2, dtype=torch.float16), requires_grad=False)
    return {"weight": weight, "tied": weight, "list": [frozen, torch.zeros(1)], "tuple": (weight,)}


def plain_values() -> dict:
    """Things that are not tensors but occur beside them."""
    return {
        "none": None,
        "text": "情感 🎬",
        "bytes": b"\x00\xff",
        "large": 2**70,
        "negative": -5,
        "float": 0.1,
        "flags": (True, False),
        "set": {1, 2},
        "nested": [[1, [2.0, ()]], {}],
        "size": torch.Size([2, 3]),
        "device": torch.device("cpu"),
        "dtype": torch.float16,
        "numpy_scalar": np.float64(0.575),
        "numpy_array": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "options": argparse.Namespace(lr=0.1, name="VAANet"),
        "counts": collections.Counter(a=2),
        "groups": collections.defaultdict(list, {"a": [1]}),
        "uint16": torch.tensor([65535, 1], dtype=torch.uint16),
    }


class Python2Pickler(pickle._Pickler):
    """Writes text as Python 2 did and storages as parts of larger ones, as PyTorch before 0.4."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_text(self, text):
        raw = text.encode("utf-8")
        self.write(b"U" + bytes([len(raw)]) + raw)
        self.memoize(text)

    dispatch[str] = save_text

    def save_pers(self, reference):
        kind, storage_type, key, location, n_elements, _ = reference
        part = (f"{key}-part", 2, n_elements - 2)
        super().save_pers((kind, storage_type, key, location, n_elements, part))


def save_python2(path: Path) -> None:
    module = types.SimpleNamespace(
        __name__="python2",
        Pickler=Python2Pickler,
        dump=lambda value, file, protocol: pickle.dump(value, file, protocol=protocol),
    )
    state = {"weight": torch.arange(8.0)[:6].reshape(2, 3), "name": "i3d"}
    torch.save(state, path, pickle_module=module, _use_new_zipfile_serialization=False)


def save_safetensors(path: Path) -> dict[str, np.ndarray]:
    """By hand, after the format's description: PyTorch has no writer of it."""
    codes = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "bool": "BOOL"}
    codes = {getattr(torch, dtype): code for dtype, code in codes.items()}
    state = {name: tensor for name, tensor in dtypes().items() if tensor.dtype in codes}
    header: dict = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, tensor in state.items():
        raw = tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor
        raw = raw.numpy().tobytes()
        header[name] = {
            "dtype": codes[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return state


def tensors(value, name: str) -> dict[str, np.ndarray]:
    """The tensors inside `value`, by their keys joined with |."""
    if isinstance(value, torch.Tensor):
        value = value.detach()
        value = value.float() if value.dtype == torch.bfloat16 else value
        return {name: np.ascontiguousarray(value.numpy()).reshape(value.shape)}
    if isinstance(value, np.ndarray):
        return {name: value}
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list | tuple) else items
    return {k: a for key, part in items for k, a in tensors(part, f"{name}|{key}").items()}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    expected: dict[str, np.ndarray] = {}
    for make in (dtypes, views, checkpoint, parameters, plain_values):
        value = make()
        for layout in ("zip", "legacy"):
            name = f"{layout}_{make.__name__}.pth"
            torch.save(value, FOLDER / name, _use_new_zipfile_serialization=layout == "zip")
            expected |= tensors(value, name)
    torch.save(plain_values(), FOLDER / "zip_protocol4.pth", pickle_protocol=4)
    expected |= tensors(plain_values(), "zip_protocol4.pth")
    torch.save(torch.arange(4.0), FOLDER / "zip_tensor.pth")
    torch.serialization.set_crc32_options(False)
    torch.save(torch.arange(4.0), FOLDER / "zip_no_checksums.pth")
    for name in ("zip_tensor.pth", "zip_no_checksums.pth"):
        expected |= tensors(torch.arange(4.0), name)
    save_python2(FOLDER / "legacy_python2.pth")
    loaded = torch.load(FOLDER / "legacy_python2.pth", weights_only=False)
    assert loaded["name"] == "i3d"  # PyTorch itself agrees that this is a file of that age
    expected |= tensors(loaded, "legacy_python2.pth")
    expected |= tensors(save_safetensors(FOLDER / "model.safetensors"), "model.safetensors")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **expected)
    (FOLDER / "expected.npz").write_bytes(buffer.getvalue())
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(expected)} tensors, {total / 1024:.0f} KB, PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
