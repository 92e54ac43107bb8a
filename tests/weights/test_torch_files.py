"""Files that PyTorch wrote are read exactly, hostile and broken ones are refused, ours load there.

The files in torch_numbers/files come from torch_numbers/make_torch_files.py.
"""

import argparse
import builtins
import contextlib
import io
import os
import pickle
import shutil
import struct
import subprocess
import sys
import time
import zipfile
from collections import OrderedDict

import jittor as jt
import numpy as np
import pytest
import safetensors
from support import ROOT

from jacklib.errors import DataError
from jacklib.weights.torch_files import read_safetensors, read_torch_file, write_torch_file

FILES = ROOT / "tests" / "torch_numbers" / "files"
with np.load(FILES / "expected.npz") as archive:
    EXPECTED = {name: archive[name] for name in archive.files}
TORCH_FILES = sorted(path.name for path in FILES.glob("*.pth"))


def tensors(value, name):
    """The arrays inside `value`, by their keys joined with |."""
    if isinstance(value, np.ndarray):
        return {name: value}
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list | tuple) else items
    return {k: a for key, part in items for k, a in tensors(part, f"{name}|{key}").items()}


def assert_same(found, wanted, name=""):
    assert found.dtype == wanted.dtype, name
    assert found.shape == wanted.shape, name
    assert found.tobytes() == wanted.tobytes(), name  # bit by bit: NaN and -0.0 too


def refusal(read, path):
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert caught.value.cure
    return str(caught.value)


# ------------------------------------------------------------------------- what PyTorch wrote


@pytest.mark.parametrize("name", TORCH_FILES)
def test_every_tensor_of_a_file_is_read_bit_by_bit(name):
    wanted = {key: a for key, a in EXPECTED.items() if key.split("|")[0] == name}
    found = tensors(read_torch_file(FILES / name), name)
    assert wanted and found.keys() == wanted.keys()
    for key in wanted:
        assert_same(found[key], wanted[key], key)
        assert found[key].flags.c_contiguous and found[key].flags.writeable, key


def test_fixtures_hold_every_layout_and_dtype():
    assert len(TORCH_FILES) == 14
    kinds = {(key.split("_")[0], a.dtype.name) for key, a in EXPECTED.items()}
    for dtype in ("float64", "float32", "float16", "int64", "uint8", "bool", "complex64"):
        assert {("zip", dtype), ("legacy", dtype)} <= kinds


@pytest.mark.parametrize("layout", ["zip", "legacy"])
def test_arrays_do_not_share_memory(layout):
    state = read_torch_file(FILES / f"{layout}_views.pth")
    state["base"][:] = -1
    assert_same(state["same"], EXPECTED[f"{layout}_views.pth|same"])
    assert_same(state["row"], EXPECTED[f"{layout}_views.pth|row"])


@pytest.mark.parametrize("layout", ["zip", "legacy"])
def test_checkpoint_keeps_its_nesting_and_order(layout):
    saved = read_torch_file(FILES / f"{layout}_checkpoint.pth")
    assert (saved["epoch"], saved["arch"]) == (3, "r3d")
    assert type(saved["state_dict"]) is OrderedDict
    assert list(saved["state_dict"]) == [
        "module.conv.weight",
        *(f"module.bn.{k}" for k in ("weight", "bias", "running_mean", "running_var")),
        "module.bn.num_batches_tracked",
    ]
    group = saved["optimizer"]["param_groups"][0]
    assert (group["lr"], group["betas"], group["params"]) == (2e-4, (0.9, 0.999), [0, 1, 2])
    assert saved["optimizer"]["state"][0]["step"] == 1


@pytest.mark.parametrize("name", ["zip_plain_values", "legacy_plain_values", "zip_protocol4"])
def test_plain_values_beside_tensors(name):
    saved = read_torch_file(FILES / f"{name}.pth")
    wanted = {
        "none": None,
        "text": "情感 🎬",
        "bytes": b"\x00\xff",
        "large": 2**70,
        "negative": -5,
        "float": 0.1,
        "flags": (True, False),
        "set": {1, 2},
        "nested": [[1, [2.0, ()]], {}],
        "size": (2, 3),
        "device": "cpu",
        "dtype": "torch.float16",
        "numpy_scalar": 0.575,
        "options": {"lr": 0.1, "name": "VAANet"},
        "counts": {"a": 2},
        "groups": {"a": [1]},
    }
    assert {key: saved[key] for key in wanted} == wanted
    assert saved["flags"][0] is True and type(saved["numpy_scalar"]) is float
    assert saved.keys() == wanted.keys() | {"numpy_array", "uint16"}


def test_text_of_python_2():
    assert read_torch_file(FILES / "legacy_python2.pth")["name"] == "i3d"


def test_safetensors_are_read_bit_by_bit():
    path = FILES / "model.safetensors"
    found, _ = read_safetensors(path)
    wanted = {k.split("|")[1]: a for k, a in EXPECTED.items() if k.startswith(path.name)}
    assert found.keys() == wanted.keys() and "bfloat16" in wanted
    for name in wanted:
        assert type(found[name]) is np.ndarray
        assert_same(found[name], wanted[name], name)
    with safetensors.safe_open(path, "np") as file:  # the fixture is one for safetensors itself too
        assert set(file.keys()) == wanted.keys()
        for name in wanted.keys() - {"bfloat16", "bfloat16_scalar"}:
            assert_same(file.get_tensor(name), wanted[name], name)


# ------------------------------------------------------------------------------- hostile files


class Call:
    """Pickled, it is a call of `function` with `arguments` when the file is loaded."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def zip_file(path, program, **members):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        for name, content in members.items():
            archive.writestr(f"archive/{name}", content)
    return path


def legacy_file(path, program):
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
    path.write_bytes(magic + program + pickle.dumps([], 2))
    return path


@pytest.mark.parametrize("write", [zip_file, legacy_file, lambda p, x: p.write_bytes(x) and p])
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("function", ["system", "eval", "exec", "getattr", "open"])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, write, protocol, function):
    mark = tmp_path / "ran"
    call = {
        "system": Call(os.system, f"touch {mark}"),
        "eval": Call(builtins.eval, f"open({str(mark)!r}, 'w')"),
        "exec": Call(builtins.exec, f"open({str(mark)!r}, 'w')"),
        "getattr": Call(builtins.getattr, "text", "upper"),
        "open": Call(builtins.open, str(mark), "w"),
    }[function]
    program = pickle.dumps({"weight": call}, protocol)
    path = write(tmp_path / "model.pth", program)
    message = refusal(read_torch_file, path)
    if path.read_bytes()[:1] != b"(":  # a bare pickle of protocol 0: not even looked into
        assert function in message and "torch.save(model.state_dict(), path)" in message
    assert not mark.exists()
    if function != "getattr":  # the programs are real: pickle itself would run them
        pickle.loads(program)
        assert mark.exists()


@pytest.mark.parametrize(
    ("program", "found"),
    [
        (b"\x80\x02cjacklib.errors\nDataError\n.", "jacklib.errors.DataError"),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "torch.FloatStorage"),
        (b"\x80\x02(ios\nsystem\n.", "INST"),
        (b"\x80\x04\x82\x01.", "EXT1"),
        (b"\x80\x02(X\x05\x00\x00\x00otherX\x01\x00\x00\x000tQ.", "other"),
        (b"\x80\x02}Na.", "pickle cannot be read"),
        (b"\x80\x02}(", "pickle cannot be read"),
        (b"\x80\x02R.", "pickle cannot be read"),
        (b"\x80\x02h\x05.", "pickle cannot be read"),
        (b"\x80\x02}]Ns.", "pickle cannot be read"),
        (b"", "pickle cannot be read"),
        # Instructions that look things up, copy them, or make objects in other ways.
        (b"\x80\x02\x83\x01\x00.", "EXT2"),
        (b"\x80\x02\x84\x01\x00\x00\x00.", "EXT4"),
        (b"\x80\x02P0\n.", "PERSID"),
        (b"\x80\x02NQ.", "pickle cannot be read"),
        (b"\x80\x02)Q.", "pickle cannot be read"),
        (b"\x80\x02N2.", "DUP"),
        (b"\x80\x05\x97.", "NEXT_BUFFER"),
        (b"\x80\x04ctorch\nSize\n)}\x92.", "NEWOBJ_EX"),
        (b"\x80\x02(ctorch\nSize\no.", "OBJ"),
        # Names that are none, or that lead on from an allowed one.
        (b"\x80\x04ccollections\nOrderedDict.fromkeys\n.", "collections.OrderedDict.fromkeys"),
        (b"\x80\x04ctorch\nSize.__init__.__globals__\n.", "__globals__"),
        (b"\x80\x04cos\npath.join\n.", "os.path.join"),
        (b"\x80\x04\x8c\x05torchN\x93.", "pickle cannot be read"),
        (b"\x80\x04NN\x93.", "pickle cannot be read"),
        (b"\x80\x04))\x93.", "pickle cannot be read"),
        (b"\x80\x04\x8c\x00\x8c\x00\x93.", "class or function ."),
        # What may be called, with arguments that do not fit.
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.", "pickle cannot be read"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NNNNNNtR.", "pickle cannot be read"),
        (b"\x80\x02ctorch._utils\n_rebuild_parameter\nN\x85R.", "pickle cannot be read"),
        (b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(NNNtR.", "pickle cannot be read"),
        (b"\x80\x02ctorch\nSize\nN\x85R.", "pickle cannot be read"),
        (b"\x80\x02ctorch\nSize\nNR.", "pickle cannot be read"),
        (b"\x80\x02ctorch\ndevice\n]\x85R.", "pickle cannot be read"),
        (b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.", "pickle cannot be read"),
        (b"\x80\x02ccollections\nOrderedDict\n]K\x01a\x85R.", "pickle cannot be read"),
        (b"\x80\x02ccollections\nOrderedDict\n]]]NN\x86aaa\x85R.", "pickle cannot be read"),
        (b"\x80\x02ccollections\nCounter\n]\x85R.", "pickle cannot be read"),
        (b"\x80\x02c__builtin__\nset\n]]a\x85R.", "pickle cannot be read"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00utf_7\x86R.",
         "_codecs.encode"),
        (b"\x80\x02cnumpy\ndtype\nX\x01\x00\x00\x00O\x85R.", "NumPy dtype O"),
        (b"\x80\x02cnumpy.core.multiarray\nscalar\nNN\x86R.", "pickle cannot be read"),
        (b"\x80\x02cbuiltins\nint\nX\x01\x00\x00\x001\x85R.", "builtins.int"),
        # A state for what has none.
        (b"\x80\x02]}b.", "object state for a list"),
        (b"\x80\x02ctorch\nSize\n}b.", "object state for a _Name"),
        (b"\x80\x02}]b.", "pickle cannot be read"),
        (b"\x80\x02}}K\x01Nsb.", "pickle cannot be read"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)RNb.", "pickle cannot be read"),
    ],
)  # fmt: skip
def test_other_programs_are_refused(tmp_path, program, found):
    assert found in refusal(read_torch_file, zip_file(tmp_path / "model.pth", program))


def tensor_program(offset, size, stride, n_elements=4):
    """A pickle of one float32 tensor that looks at storage 0 in this way."""

    def numbers(values):
        return b"(" + b"".join(struct.pack("<ci", b"J", n) for n in values) + b"t"

    return (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n"
        b"FloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
        + struct.pack("<ci", b"J", n_elements)
        + b"tQ"
        + struct.pack("<ci", b"J", offset)
        + numbers(size)
        + numbers(stride)
        + b"\x89ccollections\nOrderedDict\n)RtR."
    )


def test_a_tensor_must_lie_inside_its_storage(tmp_path):
    path, storage = tmp_path / "model.pth", {"data/0": np.arange(4, dtype="<f4").tobytes()}
    zip_file(path, tensor_program(1, [3], [1]), **storage)
    assert read_torch_file(path).tolist() == [1, 2, 3]
    for offset, size, stride in (
        (0, [5], [1]),
        (2, [3], [1]),
        (0, [2, 2], [3, 1]),
        (-1, [2], [1]),
        (3, [2], [-1]),
        (0, [-1], [1]),
        (0, [2, 2], [1]),
        (0, [2**30, 2**30], [0, 0]),  # an exabyte out of one element
    ):
        zip_file(path, tensor_program(offset, size, stride), **storage)
        assert "damaged" in refusal(read_torch_file, path), (offset, size, stride)
    zip_file(path, tensor_program(0, [5], [1], 5), **storage)
    assert "16 of the 20 bytes" in refusal(read_torch_file, path)
    zip_file(path, tensor_program(0, [4], [1]))
    assert "none of the 16 bytes" in refusal(read_torch_file, path)


# ---------------------------------------------------------------- files that ask for too much


def text(value):
    return struct.pack("<cI", b"X", len(value)) + value.encode()


def doubled(times, join=b"\x86"):
    """A program whose value is a tuple of twice the one before, so often: 2**times values."""
    return b")" + b"".join(b"q%ch%c%s" % (i, i, join) for i in range(times))


TWICE = doubled(40)
CALL = b"\x80\x02c%s\n%s\n%s\x85R."
# A list, and a call that copies it, again and again.
COPIES = b"\x80\x02](" + b"N" * 50_000 + b"e\x85q\x00c%s\nq\x01(" + b"h\x01h\x00R" * 400 + b"t."
TOO_MUCH = {
    "a dict's key": b"\x80\x02}" + TWICE + b"Ns.",
    "a set": b"\x80\x04\x8f(" + TWICE + b"\x90.",
    "a device": CALL % (b"torch", b"device", TWICE),
    "an encoding": b"\x80\x02c_codecs\nencode\n" + text("a") + TWICE + b"\x86R.",
    "a reference": b"\x80\x02(" + TWICE + b"NNNNtQ.",
    "a storage's key": (
        b"\x80\x02(" + text("storage") + b"ctorch\nFloatStorage\n" + TWICE + b"NK\x00tQ."
    ),
    "equal hashes": b"\x80\x02}%sNs." % (b"\x8a\x0b" + (9 * (2**61 - 1)).to_bytes(11, "little")),
    "instructions": b"\x80\x02" + b"N" * 2_000_000 + b".",
    "copies": COPIES % b"torch\nSize",
    "calls in calls": (
        b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\nq\x00)"
        + b"q\x01h\x00Nh\x01\x87" * 2000 + b"q\x01h\x00h\x01R."
    ),
    "deep tuples as a key": b"\x80\x02}N" + b"\x85" * 900_000 + b"Ns.",
    "deep tuples in a set": b"\x80\x04\x8f(N" + b"\x85" * 900_000 + b"\x90.",
    "deep frozen sets": b"\x80\x04" + b"(" * 900_000 + b"\x91" * 900_000 + b".",
    "deep tuples as a name": b"\x80\x04N" + b"\x85" * 900_000 + b"N\x93.",
    "deep tuples as a state": b"\x80\x02]N" + b"\x85" * 900_000 + b"b.",
    "many of one hash": b"\x80\x02}(" + b"".join(
        b"\x8a\x0a" + (i * (2**61 - 1)).to_bytes(10, "little") + b"N" for i in range(1, 50_000)
    ) + b"u.",
    "a frame of 2**63": b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N",
    "a count of 2**60": b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b"abc.",
    "a bytearray of 2**60": b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b"abc.",
    "a huge number": b"\x80\x02\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6 + b".",
    "a number's digits": b"\x80\x02L" + b"9" * 10**6 + b"L\n.",
    "a dtype": CALL % (b"numpy", b"dtype", text("(9999999999,)f8")),
}  # fmt: skip
READ_ALL = """
import resource, signal, sys, numpy
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from jacklib.errors import DataError
from jacklib.weights.torch_files import read_torch_file
for path in sys.argv[1:]:
    print(path, flush=True)
    signal.alarm(60)  # some would never end
    try:
        read_torch_file(path)
    except DataError as error:
        assert len(str(error)) < 2000
    else:
        sys.exit("it was read")
"""


def assert_all_are_refused(paths):
    """By a process that has 2 GiB of memory."""
    environment = {**os.environ, "JACKLIB_NO_JITTOR": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", READ_ALL, *map(str, paths)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert result.returncode == 0, (result.stdout.split()[-1:], result.stderr[-2000:])
    assert len(result.stdout.split()) == len(paths)


def test_a_small_file_cannot_ask_for_much(tmp_path):
    version = tmp_path / "version.pth"
    version.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + b"\x80\x02" + TWICE + b".")
    paths = [version]
    for number, program in enumerate(TOO_MUCH.values()):
        paths.append(zip_file(tmp_path / f"{number}_zip.pth", program))
        paths.append(legacy_file(tmp_path / f"{number}_legacy.pth", program))
    assert_all_are_refused(paths)


def test_an_archive_cannot_ask_for_much(tmp_path):
    def archive(name, content, method=zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / name, "w", method, compresslevel=1) as file:
            for member, data in content.items():
                file.writestr(f"archive/{member}", data)

    zeros = bytes(300 << 20)
    tensor = tensor_program(0, [75 << 20], [1], 75 << 20)
    archive("storage.pth", {"data.pkl": tensor, "data/0": zeros})
    archive("order.pth", {"data.pkl": b"\x80\x02N.", "byteorder": zeros})
    archive("more.pth", {"data.pkl": b"\x80\x02N" + zeros})
    lies = bytearray((tmp_path / "more.pth").read_bytes())  # says that it is 100 bytes long
    struct.pack_into("<I", lies, lies.rindex(b"PK\x01\x02") + 24, 100)
    (tmp_path / "lies.pth").write_bytes(lies)
    archive("lzma.pth", {"data.pkl": b"\x80\x02N."}, zipfile.ZIP_LZMA)
    for name, place in (("version.pth", 6), ("encrypted.pth", 8)):  # in the directory's entry
        archive(name, {"data.pkl": b"\x80\x02N."}, zipfile.ZIP_STORED)
        changed = bytearray((tmp_path / name).read_bytes())
        changed[changed.rindex(b"PK\x01\x02") + place] |= 0x99
        (tmp_path / name).write_bytes(changed)
    assert_all_are_refused(sorted(tmp_path.iterdir()))


def test_an_empty_tensor_cannot_be_given_a_shape_afterwards(tmp_path):
    # It was filled by its new shape, from memory beyond its storage.
    def tensor(storage):
        return tensor_program(0, [0], [1], 1).replace(b"FloatStorage", storage)[:-1]

    state = (
        b"(K\x01\x8a\x03\x00\x00\x01\x85cnumpy\ndtype\n" + text("i1") + b"K\x00K\x01\x87R\x89B"
        + struct.pack("<I", 1 << 16) + bytes(1 << 16) + b"tb."
    )  # fmt: skip
    path = zip_file(tmp_path / "m.pth", tensor(b"CharStorage") + state, **{"data/0": b"a"})
    assert "an object state for a ndarray" in refusal(read_torch_file, path)


def test_deep_and_long_values_are_read(tmp_path):
    path = zip_file(tmp_path / "deep.pth", b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
    value, depth = read_torch_file(path), 0
    while value:
        (value,), depth = value, depth + 1
    assert depth == 99_999
    zip_file(path, pickle.dumps({"history": list(range(100_000))}, 2))
    assert read_torch_file(path)["history"] == list(range(100_000))


def test_a_far_memo_and_deep_tuples_need_little(tmp_path):
    far = b"\x80\x02Nr" + struct.pack("<I", 2**31 - 1) + b"r" + struct.pack("<I", 2**32 - 1) + b"."
    assert read_torch_file(zip_file(tmp_path / "far.pth", far)) is None
    value = read_torch_file(zip_file(tmp_path / "m.pth", b"\x80\x02N" + b"\x85" * 900_000 + b"."))
    assert type(value) is tuple and len(value) == 1
    itself = read_torch_file(zip_file(tmp_path / "itself.pth", b"\x80\x02]q\x00h\x00a."))
    assert itself[0] is itself


# ------------------------------------------------------------------------------ Jittor's own files


def arrays():
    rng = np.random.default_rng(0)
    return {
        "weight": rng.random((3, 2), np.float32),
        "columns first": np.asfortranarray(rng.random((2, 3))),
        "empty": np.zeros((0, 4), np.float16),
        "count": np.array(7),
        "flags": np.array([True, False]),
    }


def test_what_jittor_saves_is_read(tmp_path):
    wanted = {name: array for name, array in arrays().items() if array.size and array.ndim}
    net = {name: jt.array(array) for name, array in wanted.items()}
    path = tmp_path / "net.pkl"
    jt.save({"epoch": 3, "parts": {"net": net, "list": [jt.ones(2), None]}}, str(path))
    saved = read_torch_file(path)
    assert saved["epoch"] == 3 and saved["parts"]["list"][0].tolist() == [1, 1]
    for protocol in (None, 4, 5):
        if protocol:
            path.write_bytes(pickle.dumps({"parts": {"net": net}}, protocol))
        found = read_torch_file(path)["parts"]["net"]
        assert list(found) == list(wanted)
        for name, value in net.items():
            assert_same(found[name], value.numpy(), name)


def test_half_precision_of_jittor_keeps_its_values(tmp_path):
    # Jittor writes bfloat16 as if it were uint16.
    halves = {kind: jt.array([1.5, -2.0]).cast(kind) for kind in ("bfloat16", "float16")}
    jt.save(halves, str(tmp_path / "net.pkl"))
    found = read_torch_file(tmp_path / "net.pkl")
    assert found["bfloat16"].tolist() == found["float16"].tolist() == [1.5, -2.0]


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_of_arrays_is_read(tmp_path, protocol):
    (tmp_path / "net.pkl").write_bytes(pickle.dumps({"model": arrays()}, protocol))
    found = read_torch_file(tmp_path / "net.pkl")["model"]
    for name, value in arrays().items():
        assert_same(found[name], np.ascontiguousarray(value).reshape(value.shape), name)


def test_a_damaged_file_of_jittor_s_is_refused(tmp_path):
    path = tmp_path / "net.pkl"
    jt.nn.Linear(2, 3).save(str(path))
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:-100], whole[:100], whole + b"x"):
        path.write_bytes(content)
        assert "damaged" in refusal(read_torch_file, path)
    changed = bytearray(whole)
    changed[-60] ^= 1  # in the values
    path.write_bytes(changed)
    assert "no checksum of it" in refusal(read_torch_file, path)
    path.write_bytes(tensor_program(0, [4], [1]))
    assert "values are not in it" in refusal(read_torch_file, path)


def test_a_whole_network_of_jittor_s_names_the_way(tmp_path):
    jt.save(jt.nn.Linear(2, 3), str(tmp_path / "net.pkl"))
    assert "jt.save(net.state_dict(), path)" in refusal(read_torch_file, tmp_path / "net.pkl")
    made = pickle.dumps({"weight": jt.ones(2)}, 4)
    for name in (b"_reconstruct", b"jittor_core.Var"):  # another function of the same module
        (tmp_path / "net.pkl").write_bytes(made.replace(name, name[:-1] + b"x"))
        assert "could run code" in refusal(read_torch_file, tmp_path / "net.pkl")


# -------------------------------------------------------------------------------- broken files


@pytest.mark.parametrize("name", ["zip_dtypes.pth", "legacy_checkpoint.pth", "legacy_views.pth"])
def test_truncated_at_any_place(tmp_path, name):
    whole = (FILES / name).read_bytes()
    path = tmp_path / "cut.pth"
    for n in range(0, len(whole) - 1, 41):
        path.write_bytes(whole[:n])
        message = refusal(read_torch_file, path)
        assert "checksum" in message or n < 20, n


def test_a_changed_byte_in_a_zip_is_noticed(tmp_path):
    whole = bytearray((FILES / "zip_tensor.pth").read_bytes())
    whole[whole.index(np.arange(4, dtype="<f4").tobytes()) + 5] ^= 0x40
    path = tmp_path / "changed.pth"
    path.write_bytes(whole)
    assert "CRC" in refusal(read_torch_file, path)


def jpeg():
    cv2 = pytest.importorskip("cv2")
    return cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()


def zip_of_text():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("README.txt", "weights")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: b"", ["empty", "Download"]),
        (jpeg, ["something else", "JFIF"]),
        (lambda: b"\n<!DOCTYPE html><html>Sign in</html>", ["web page", "browser"]),
        (lambda: b"version https://git-lfs.github.com/spec/v1\n", ["Git LFS", "git lfs pull"]),
        (zip_of_text, ["zip archive of README.txt", "unpack"]),
        (lambda: (FILES / "model.safetensors").read_bytes(), ["read_safetensors"]),
        (lambda: pickle.dumps({"a": 1}, 2) + b"more", ["no checksum of it"]),
        (lambda: b"\x1f\x8b\x08\x00" + bytes(30), ["compressed", "Unpack"]),
    ],
)
def test_other_kinds_of_files_are_named(tmp_path, content, words):
    path = tmp_path / "resnet101.pth"
    path.write_bytes(content())
    message = refusal(read_torch_file, path)
    for word in words:
        assert word in message


@pytest.mark.parametrize("read", [read_torch_file, read_safetensors])
def test_missing_file_and_folder(tmp_path, read):
    assert "no such file" in refusal(read, tmp_path / "absent.pth")
    assert "a folder" in refusal(read, tmp_path)
    os.mkfifo(tmp_path / "pipe.pth")  # to open one would wait for ever
    assert "no plain file" in refusal(read, tmp_path / "pipe.pth")


def test_broken_safetensors(tmp_path):
    whole = (FILES / "model.safetensors").read_bytes()
    path = tmp_path / "model.safetensors"
    for n in range(0, len(whole), 13):
        path.write_bytes(whole[:n])
        assert "checksum" in refusal(read_safetensors, path), n
    for old, new, words in (
        (b'"BOOL"', b'"F8_E4M3"', "tensor bool: found dtype F8_E4M3"),
        (b'"shape": [8]', b'"shape": [9]', "damaged"),
        (b'"shape": [8]', b'"shape": [-8]', "damaged"),
        (b'{"__meta', b'["__meta', "damaged"),
    ):
        changed = whole.replace(old, new, 1)
        n_header = struct.unpack("<Q", whole[:8])[0] + len(changed) - len(whole)
        path.write_bytes(struct.pack("<Q", n_header) + changed[8:])
        assert words in refusal(read_safetensors, path)
    assert "a safetensors file" in refusal(read_safetensors, FILES / "zip_tensor.pth")


# ------------------------------------------------------------------------------------ writing


def everything_writable():
    rng = np.random.default_rng(0)
    kinds = "float64 float32 float16 int64 int32 int16 int8 uint8 bool complex64 complex128"
    state = {kind: (rng.standard_normal((2, 3)) * 50).astype(kind) for kind in kinds.split()}
    shared = np.arange(3.0)
    return OrderedDict(
        state_dict=OrderedDict(
            state,
            scalar=np.array(2.5, np.float32),
            empty=np.zeros((0, 4), np.float32),
            transposed=np.arange(6.0).reshape(2, 3).T,
            big_endian=np.arange(3, dtype=">i4"),
            large=np.arange(300_000, dtype=np.float32),
            tied=shared,
            tied_too=shared,
        ),
        epoch=3,
        arch="情感",
        best=0.575,
        history=[1, -(2**40), 2**70, (None, True, False), {}, []],
        optimizer={"state": {0: {"step": np.array(1.0, np.float32)}}, "lr": 2e-4},
    )


def assert_nested_equal(found, wanted):
    if isinstance(wanted, np.ndarray):
        native = wanted.astype(wanted.dtype.newbyteorder("="))
        assert_same(found, native)
        return
    assert type(found) is type(wanted)
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
        found, wanted = list(found.values()), list(wanted.values())
    if isinstance(wanted, list | tuple):
        assert len(found) == len(wanted)
        for a, b in zip(found, wanted, strict=True):
            assert_nested_equal(a, b)
    else:
        assert found == wanted


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "checkpoint.pth"
    write_torch_file(path, everything_writable())
    assert_nested_equal(read_torch_file(path), everything_writable())
    assert os.listdir(tmp_path) == ["checkpoint.pth"]
    assert zipfile.ZipFile(path).testzip() is None


def test_numpy_numbers_become_python_numbers(tmp_path):
    write_torch_file(tmp_path / "a.pth", {"best": np.float32(0.5), "n": np.int64(3)})
    saved = read_torch_file(tmp_path / "a.pth")
    assert saved == {"best": 0.5, "n": 3} and type(saved["n"]) is int


def test_equal_weights_are_equal_files(tmp_path):
    for name in ("a.pth", "b.pth"):
        write_torch_file(tmp_path / name, everything_writable())
    assert (tmp_path / "a.pth").read_bytes() == (tmp_path / "b.pth").read_bytes()


def test_values_that_cannot_be_stored_leave_the_old_file(tmp_path):
    path = tmp_path / "checkpoint.pth"
    write_torch_file(path, {"epoch": 1})
    loop = []
    loop.append(loop)
    for value, words in (
        ({"a": np.array(["text"])}, "['a']: found an array of dtype"),
        ({"a": {"b": argparse.Namespace()}}, "['a']['b']: found a argparse.Namespace"),
        ({"a": [1, {2}]}, "['a'][1]: found a builtins.set"),
        ({"a": {(1, 2): 0}}, "a key of state_dict['a']: found a tuple"),
        ({"a": loop}, "holds itself"),
        ([1], "found a list"),
    ):
        with pytest.raises(DataError, match="wanted") as caught:
            write_torch_file(path, value)
        assert words in str(caught.value)
    assert read_torch_file(path) == {"epoch": 1}
    assert os.listdir(tmp_path) == ["checkpoint.pth"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    path = tmp_path / "absent" / "checkpoint.pth"
    with pytest.raises(DataError, match="Create the folder") as caught:
        write_torch_file(path, {"epoch": 1})
    assert str(path) in str(caught.value)


WRITE_FOR_EVER = """
import itertools, sys
import numpy as np
from jacklib.weights.torch_files import write_torch_file
for n in itertools.count(1):
    values = np.full((4, 250_000), n, np.float32)
    write_torch_file(sys.argv[1], {"n": n, "first": values, "last": values + 1})
"""


def test_killed_while_writing_leaves_a_complete_file(tmp_path):
    path = tmp_path / "checkpoint.pth"
    write_torch_file(path, {"n": 0, "first": np.zeros(1), "last": np.ones(1)})
    seen = set()
    environment = {**os.environ, "JACKLIB_NO_JITTOR": "1", "PYTHONPATH": str(ROOT)}
    for round_ in range(8):
        writer = subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, path], env=environment)
        part = tmp_path / "none"

        def begun(pattern=f".jack-{writer.pid}-*.part"):
            nonlocal part
            part = next(tmp_path.glob(pattern), part)
            with contextlib.suppress(FileNotFoundError):
                return part.stat().st_size > 0

        try:
            wait_for(begun, writer)
            # In every other round one more moment, to hit other places too.
            time.sleep(0.003 * (round_ % 2) * round_)
        finally:
            writer.kill()
            writer.wait()
        saved = read_torch_file(path)
        assert (saved["first"] == saved["n"]).all() and (saved["last"] == saved["n"] + 1).all()
        seen.add(bool(list(tmp_path.glob(".jack-*.part"))))
        write_torch_file(path, {"n": 0, "first": np.zeros(1), "last": np.ones(1)})
        assert os.listdir(tmp_path) == [
            "checkpoint.pth"
        ]  # and clears away what the killed one left
    assert True in seen


def wait_for(condition, process):
    end = time.time() + 60
    while not condition():
        assert process.poll() is None, "the writer ended by itself"
        assert time.time() < end, "the writer never started to write"


# -------------------------------------------------------------------------- with a real PyTorch


def python_with_torch():
    """JACK_TORCH_PYTHON, or a Python on the PATH that has PyTorch; None where there is none."""
    names = [os.environ.get("JACK_TORCH_PYTHON"), "python3", "python"]
    for python in filter(None, (name and shutil.which(name) for name in names)):
        code = "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is None)"
        if subprocess.run([python, "-c", code], capture_output=True).returncode == 0:
            return python
    return None


TORCH_LOADS = """
import sys, numpy, torch
for mmap in (False, True):
    saved = torch.load(sys.argv[1], weights_only=True, mmap=mmap)
    state = saved["state_dict"]
    assert type(state).__name__ == "OrderedDict", type(state)
    assert state["tied"].data_ptr() == state["tied_too"].data_ptr()
    assert saved["history"] == [1, -(2**40), 2**70, (None, True, False), {}, []]
    assert (saved["epoch"], saved["best"]) == (3, 0.575)
    assert saved["optimizer"]["state"][0]["step"].shape == ()
    numpy.savez(sys.argv[2], **{name: tensor.numpy() for name, tensor in state.items()})
"""


def test_pytorch_loads_what_is_written(tmp_path):
    python = python_with_torch()
    if python is None:
        pytest.skip("no Python with PyTorch found; set JACK_TORCH_PYTHON to one")
    write_torch_file(tmp_path / "checkpoint.pth", everything_writable())
    result = subprocess.run(
        [python, "-c", TORCH_LOADS, "checkpoint.pth", "loaded.npz"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    loaded = dict(np.load(tmp_path / "loaded.npz"))
    assert_nested_equal(OrderedDict(loaded), everything_writable()["state_dict"])
