"""Reading and writing PyTorch's .pth files with NumPy alone, without running what is in them;
reading Jittor's .pkl files and safetensors too.

A .pth file is a pickle: a small program that builds the saved object and may call any Python
function on the way. `read_torch_file` therefore never unpickles. It decodes the instructions with
`pickletools` and carries them out itself, as `torch.load(weights_only=True)` does: a name such as
`os.system` stays a piece of text, and only the few names in `_Program._call` have a meaning.
(`pickle.Unpickler` with a list of allowed names would not do: it hashes and copies whatever a file
asks it to: forty nested tuples of two take as long as 2**40 values, a million of one end Python.)

Two layouts exist. Since PyTorch 1.6 the file is a zip archive: `TOP/data.pkl` is the object,
`TOP/data/KEY` the bytes of each storage (the flat memory that one or more tensors look at).
Before 1.6 it was five pickles in a row (magic number, version, system, object, storage keys) and
then, for each key, the storage's element count as int64 and its bytes.

Jittor's .pkl file is one pickle, whose Vars hold NumPy arrays, and its checksum.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from jacklib.errors import DataError, error_of, refuse_as, shown
from jacklib.files import check_file, reading, sweep, whole_file

# PyTorch's dtype: the NumPy dtype of its bytes (little-endian, as files nearly always are), its
# storage class ("" for those that came without one), its name in a safetensors file. NumPy has no
# bfloat16: it is the upper half of a float32, read as uint16 and widened.
_TABLES = json.loads(Path(__file__).with_name("torch_files.json").read_text("utf-8"))
_DTYPES = _TABLES["dtypes"]
_FILE_DTYPES = {dtype: np.dtype(code) for dtype, (code, _, _) in _DTYPES.items()}
_SAFETENSORS_DTYPES = {name: dtype for dtype, (_, _, name) in _DTYPES.items() if name}
_STORAGE_CLASSES = {
    f"{module}.{storage}": dtype
    for dtype, (_, storage, _) in _DTYPES.items()
    for module in ("torch", "torch.cuda")
    if storage
} | {"torch.storage.UntypedStorage": "uint8", "torch.UntypedStorage": "uint8"}

# Every other name a file may mention. They are only ever compared, never imported.
_KNOWN_NAMES = {*Path(__file__).with_name("known_names.txt").read_text("utf-8").split()}
_KNOWN_NAMES |= {*_STORAGE_CLASSES, *(f"torch.{dtype}" for dtype in _DTYPES)}

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_VERSION = 1001
_JITTOR_END = b"HCAJSLHD"  # after the SHA-1 of a pickle that `jt.save` wrote
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CHUNK = 1 << 22  # bytes written at a time
# What a file may ask for beyond what its own size explains: bytes of its pickle, bytes of tensors,
# and steps of work (an instruction, or an entry that is copied). 300 tensors take 15,000 steps.
_MORE_PICKLE, _MORE_BYTES, _MORE_WORK = 64 << 20, 256 << 20, 1_000_000
_LARGEST_INTEGER = 2048  # bits
_MOST_MEMBERS = 100_000  # of a zip archive
_MOST_AXES = 32  # NumPy 1's limit

_TRUST, _FROM_JITTOR, _AGAIN, _CHECK_PATH, _WANTED, _STORABLE = _TABLES["words"].values()


# ---------------------------------------------------------------------------------------- reading


def read_torch_file(path: str | os.PathLike) -> Any:
    """Read what `torch.save` (in both layouts), `jt.save` or `pickle.dump` wrote, without running
    code from the file.

    Returns the saved object, nested as it was saved (dict, list, tuple, set, text, numbers, None).
    Each tensor, Parameter or Var becomes its own contiguous `np.ndarray`, whatever its device;
    bfloat16 becomes float32. Different tensors that shared memory no longer do. `torch.Size`
    becomes a tuple, `torch.device` and dtypes become text ("cuda:0", "torch.float16"), NumPy
    scalars Python numbers, `argparse.Namespace`, `Counter` and `defaultdict` a dict. Of PyTorch's
    files at most the tensors and one storage are in memory at a time.

    Raises `DataError` naming the file for another kind of file (web page, Git LFS pointer,
    safetensors, tar), a truncated or damaged one, one that asks for far more memory or work than
    its size explains, or one that needs another class or function.
    """
    path = os.fspath(path)
    check_file(path, _WANTED, _CHECK_PATH)
    with reading(path, _WANTED, _CHECK_PATH, "no readable file"):
        file = open(path, "rb")  # noqa: SIM115 (closed below)
    with file, reading(path, _WANTED, _AGAIN, "a damaged file"):
        _check_kind(path, file)
        zipped = file.read(2) == b"PK"
        file.seek(0)
        return _read_zip(path, file) if zipped else _read_pickles(path, file)


def is_safetensors(path: str | os.PathLike) -> bool:
    """Whether a file begins as safetensors do: the length of a table in JSON (100 MB at most), and
    the table. Raises DataError if there is no such file."""
    check_file(path, _WANTED, _CHECK_PATH)
    with reading(path, _WANTED, _CHECK_PATH, "no readable file"), open(path, "rb") as file:
        head = file.read(9)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") <= 100_000_000


def _check_kind(path: str, file: BinaryIO) -> None:
    """Name the things that usually end in .pth without being one. Leaves `file` at its start."""
    head = file.read(512)
    file.seek(0)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    # What they begin with, there or after blanks in whatever case: one letter stands for a byte.
    for kind in json.loads(Path(__file__).with_name("other_files.json").read_text("utf-8")):
        begin = text if kind.get("text") else head[kind.get("at", 0) :]
        if begin.startswith(tuple(sign.encode("latin1") for sign in kind["signs"])):
            raise error_of("unusable file", path, found=kind["found"], cure=kind["cure"])
    # The others are what Python 2 wrote.
    if not head.startswith((b"PK", b"\x80", b"(d", b"}q", b"ccollections\n")):
        found = f"something else, beginning with {head[:16]!r}" if head else "an empty file"
        raise error_of("unusable file", path, found=found, cure=_AGAIN)


def _damaged(bad: object, path: str, found: str) -> None:
    refuse_as("damaged file", bad, path, found=found)


class _Storage(NamedTuple):
    """Flat memory that tensors look at: `n_elements` from element `start` of the bytes at `key`."""

    key: str
    dtype: str  # PyTorch's name
    start: int
    n_elements: int


class _Tensor(NamedTuple):
    """An array still to be filled from its storage. Offset and strides count elements."""

    array: np.ndarray
    dtype: str
    offset: int
    stride: tuple[int, ...]


class _Name(str):
    """A dotted name the pickle asked for. Text: it cannot be called."""


class _Program:
    """Carries out a pickle's instructions with the allow-list above, and nothing else.

    Tensors come out unfilled, because the bytes lie elsewhere in the file: `storages` has each
    storage's (dtype, element count), `tensors` the arrays to fill, both by storage key.

    One instruction may copy a list that another has made, and a tensor may repeat one element many
    times (stride 0): a hostile file of 1 kB could ask for terabytes, or for years. So everything
    is paid for, from what a file of this size may ask.
    """

    def __init__(self, path: str, file_size: int):
        self.path = path
        self.storages: dict[str, tuple[str, int]] = {}
        self.tensors: dict[str, list[_Tensor]] = {}
        self.blank: dict[int, np.ndarray] = {}  # NumPy arrays whose content is still to come
        self.bytes_left = 8 * file_size + _MORE_BYTES
        self.work_left = file_size // 8 + _MORE_WORK

    def run(self, stream: BinaryIO) -> Any:
        """The object of the next pickle in `stream`, read exactly to its end."""
        with reading(self.path, _WANTED, _AGAIN, "a damaged file: its pickle cannot be read"):
            return self._run(stream)

    def _run(self, stream: BinaryIO) -> Any:
        stack: list[Any] = []
        marks: list[int] = []  # heights of the stack at each MARK
        memo: dict[int, Any] = {}

        def since(height: int) -> list[Any]:
            if not 0 <= height <= len(stack):
                raise IndexError("empty stack")
            items = stack[height:]
            del stack[height:]
            return items

        for opcode, value, _ in pickletools.genops(stream):
            op = opcode.name
            self.work_left -= 1
            if self.work_left < 0:
                raise ValueError("far more instructions than the file's tensors need")
            if op in _LITERALS:
                if type(value) is int and value.bit_length() > _LARGEST_INTEGER:
                    raise ValueError(f"a whole number of {value.bit_length()} bits")
                stack.append(value)
            elif op in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
                memo[len(memo) if op == "MEMOIZE" else value] = stack[-1]
            elif op in ("GET", "BINGET", "LONG_BINGET"):
                stack.append(memo[value])
            elif op in _CONSTANTS:
                stack.append(_CONSTANTS[op]())
            elif op in ("STRING", "BINSTRING", "SHORT_BINSTRING"):  # Python 2's str
                stack.append(value.encode("latin1").decode("utf-8", "surrogateescape"))
            elif op == "MARK":
                marks.append(len(stack))
            elif op in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"):
                begin = marks.pop() if op == "TUPLE" else len(stack) - int(op[-1])
                stack.append(tuple(since(begin)))
            elif op == "LIST":
                stack.append(since(marks.pop()))
            elif op == "FROZENSET":
                stack.append(frozenset(map(self._key, since(marks.pop()))))
            elif op == "DICT":
                stack.append(dict(self._pairs(since(marks.pop()))))
            elif op in ("APPEND", "APPENDS"):
                items = since(len(stack) - 1 if op == "APPEND" else marks.pop())
                _only(stack[-1], list).extend(items)
            elif op in ("SETITEM", "SETITEMS"):
                items = since(len(stack) - 2 if op == "SETITEM" else marks.pop())
                _only(stack[-1], dict, OrderedDict).update(self._pairs(items))
            elif op == "ADDITEMS":
                items = since(marks.pop())
                _only(stack[-1], set).update(map(self._key, items))
            elif op in ("GLOBAL", "STACK_GLOBAL"):
                words = value.split(" ", 1) if op == "GLOBAL" else since(len(stack) - 2)
                stack.append(self._name(*words))
            elif op in ("REDUCE", "NEWOBJ"):
                stack.append(self._call(*since(len(stack) - 2)))
            elif op == "BUILD":
                (state,) = since(len(stack) - 1)
                self._build(stack[-1], state)
            elif op == "BINPERSID":
                stack.append(self._storage(stack.pop()))
            elif op == "STOP":
                return stack.pop()
            elif op not in ("PROTO", "FRAME"):
                raise self._refused(f"the pickle instruction {op}")
        raise EOFError("no end")

    def _pay(self, *values: Any) -> None:
        """For copying these: an entry is a step of work, and so are 64 letters or bytes."""
        for value in values:
            if isinstance(value, str | bytes | bytearray):
                self.work_left -= len(value) // 64
            elif isinstance(value, list | tuple | dict | set | frozenset):
                self.work_left -= len(value)
        if self.work_left < 0:
            raise ValueError("far more to copy than the file's tensors need")

    def _key(self, value: Any) -> Any:
        """`value`, if it may be a dict's key: one whose hash takes no time and that is no trap.

        Numbers and tuples can be made so that thousands have the same hash.
        """
        parts = (value,)
        if type(value) is tuple:
            self.work_left -= 100
            parts = value
            if len(parts) > 8:
                raise ValueError("a long tuple as a key")
        for part in parts:
            _only(part, str, int, _Name, float, bool, bytes, type(None))
            if type(part) is int and part.bit_length() > 60:
                raise ValueError("a very large number as a key")
        return value

    def _pairs(self, items: list[Any]) -> zip:
        return zip(map(self._key, items[::2]), items[1::2], strict=True)

    def _refused(self, found: str, cure: str = _TRUST) -> DataError:
        return error_of("could run code", self.path, found=found, cure=cure)

    def _name(self, module: str, name: str) -> _Name:
        dotted = f"{_only(module, str)}.{_only(name, str)}"
        if dotted not in _KNOWN_NAMES:
            cure = _FROM_JITTOR if dotted.startswith("jittor") else _TRUST
            raise self._refused(f"the class or function {dotted}", cure)
        return _Name(dotted)

    def _call(self, name: _Name, arguments: tuple) -> Any:
        """What `name(*arguments)` would have built."""
        short = _only(name, _Name).rsplit(".", 1)[1]
        self._pay(arguments, *_only(arguments, tuple))
        if short in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            storage, offset, size, stride = arguments[:4]
            if any((arguments[6:] or ({},))[0].values()):  # lazily conjugated or negated
                raise self._refused("a tensor with a conjugate or negative bit")
            return self._tensor(storage, storage.dtype, offset, size, stride)
        if short == "_rebuild_tensor_v3":
            storage, offset, size, stride, _, _, dtype = arguments[:7]
            dtype = _only(dtype, _Name).removeprefix("torch.")
            return self._tensor(storage, dtype, offset, size, stride)
        if short in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
            return _only(arguments[0], np.ndarray)
        if short == "_rebuild_from_type_v2":  # a tensor that carried Python attributes
            return self._call(arguments[0], arguments[2])
        if short == "Var":  # Jittor gives a bfloat16 one as uint16
            array = _only(arguments[0], np.ndarray)
            return _widened(array) if array.dtype == np.uint16 else array
        if short == "OrderedDict":
            pairs = [_only(pair, tuple, list) for pair in (arguments[0] if arguments else ())]
            return OrderedDict((self._key(key), value) for key, value in pairs)
        if short in ("defaultdict", "Namespace"):  # their content follows in other instructions
            return {}
        if short == "Counter":
            return dict(_only(arguments[0], dict))
        if short in ("set", "frozenset"):
            keys = map(self._key, arguments[0] if arguments else ())
            return set(keys) if short == "set" else frozenset(keys)
        if short == "bytes" and not arguments:  # an empty array's content, as Python 3 writes for 2
            return b""
        if short == "Size":
            return tuple(arguments[0])
        if short == "device":
            return ":".join(str(_only(part, str, int)) for part in arguments)
        if name == "_codecs.encode" and arguments[1:] == ("latin1",):
            return _only(arguments[0], str).encode("latin1")  # bytes, as Python 3 writes for 2
        if name == "numpy.dtype":
            if _only(arguments[0], str) not in _NUMPY_DTYPES:
                raise self._refused(f"the NumPy dtype {arguments[0]}")
            return np.dtype(arguments[0])
        if short == "scalar":
            dtype, raw = arguments
            return np.frombuffer(_raw(raw), _only(dtype, *_DTYPE_CLASSES), 1)[0].item()
        if short == "_reconstruct":
            array = np.empty(0, np.int8)
            self.blank[id(array)] = array  # `_build` gives it its content
            return array
        if short == "_frombuffer":  # an array, since protocol 5
            raw, dtype, shape, order = arguments
            values = np.frombuffer(_only(raw, bytes, bytearray), _only(dtype, *_DTYPE_CLASSES))
            return np.array(values.reshape(shape, order=order), order="C")
        raise self._refused(f"an object of class {name}")

    def _build(self, target: Any, state: Any) -> None:
        """Give an object the state that pickle hands it."""
        if type(target) is OrderedDict:  # a state dict's version numbers (`_metadata`)
            return
        self._pay(state)
        if type(target) is dict:  # an argparse.Namespace
            target.update((_only(key, str), value) for key, value in _only(state, dict).items())
        elif isinstance(target, np.dtype):
            if _only(state, tuple)[1] not in ("<", "|"):
                raise self._refused("a big-endian NumPy array")
        elif self.blank.pop(id(target), None) is not None:
            _, shape, dtype, column_major, raw = _only(state, tuple)
            self._pay(raw)
            values = np.frombuffer(_raw(raw), _only(dtype, *_DTYPE_CLASSES))
            values = values.reshape(shape, order="F" if column_major else "C")
            # In place, because the memo knows this very object.
            target.__setstate__((1, values.shape, values.dtype, False, values.tobytes()))
        else:
            raise self._refused(f"an object state for a {type(target).__name__}")

    def _storage(self, reference: Any) -> _Storage:
        kind, storage_class, key, _device, n_elements, *view = _only(reference, tuple)
        if _only(kind, str) != "storage":
            raise self._refused(f"a reference to a {kind}")
        dtype = _STORAGE_CLASSES[_only(storage_class, _Name)]
        key, n_elements = str(_only(key, str, int)), _only(n_elements, int)
        _hold(n_elements >= 0, f"storage {key} of {n_elements} elements")
        if key not in self.storages:
            self._take(n_elements * _FILE_DTYPES[dtype].itemsize, f"a storage of {n_elements}")
            self.storages[key] = (dtype, n_elements)
        _hold(self.storages[key] == (dtype, n_elements), f"storage {key} is described in two ways")
        start = 0
        if view and view[0] is not None:  # PyTorch 0.x: a storage that is a part of another
            _, start, n_part = _only(view[0], tuple)
            inside = 0 <= _only(start, int) <= start + _only(n_part, int) <= n_elements
            _hold(inside, f"a view outside storage {key}")
            n_elements = n_part
        return _Storage(key, dtype, start, n_elements)

    def _take(self, n_bytes: int, what: str) -> None:
        self.bytes_left -= n_bytes
        _hold(self.bytes_left >= 0, f"tensors far larger than the file, such as {what}")

    def _tensor(
        self, storage: _Storage, dtype: str, offset: int, size: tuple, stride: tuple
    ) -> np.ndarray:
        """An unfilled array for the tensor that looks at `storage` in this way."""
        _only(storage, _Storage)
        size, stride = tuple(_only(size, tuple, list)), tuple(_only(stride, tuple, list))
        found = f"a tensor of {len(size)} axes and {len(stride)} strides"
        _hold(len(stride) == len(size) <= _MOST_AXES, found)
        for number in (offset, *size, *stride):
            _hold(0 <= _only(number, int) < 2**62, f"{shown(number)} as an offset, size or stride")
        unit, itemsize = _FILE_DTYPES[storage.dtype].itemsize, _FILE_DTYPES[dtype].itemsize
        n_elements = storage.n_elements * unit // itemsize
        n_wanted = math.prod(size)
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        within = not n_wanted or last < n_elements
        _hold(within, f"a tensor beyond the end of storage {storage.key}")
        memory_dtype = np.dtype("<f4") if dtype == "bfloat16" else _FILE_DTYPES[dtype]
        self._take(n_wanted * memory_dtype.itemsize, f"one of shape {shown(size)}")
        array = np.empty(size, memory_dtype.newbyteorder("="))
        tensor = _Tensor(array, dtype, storage.start * unit // itemsize + offset, stride)
        self.tensors.setdefault(storage.key, []).append(tensor)
        return array

    def n_bytes(self, key: str) -> int:
        """The size of a storage."""
        dtype, n_elements = self.storages[key]
        return n_elements * _FILE_DTYPES[dtype].itemsize

    def fill(self, key: str, content: bytes) -> None:
        """Give all arrays that look at this storage their values."""
        if key not in self.tensors:
            raise self._refused(f"a storage without a tensor ({key})")
        for tensor in self.tensors[key]:
            if not tensor.array.size:
                continue
            dtype = _FILE_DTYPES[tensor.dtype]
            flat = np.frombuffer(content, dtype, len(content) // dtype.itemsize)[tensor.offset :]
            steps = [step * dtype.itemsize for step in tensor.stride]
            view = np.lib.stride_tricks.as_strided(flat, tensor.array.shape, steps, writeable=False)
            tensor.array[...] = _widened(view) if tensor.dtype == "bfloat16" else view


def _widened(upper_halves: np.ndarray) -> np.ndarray:
    """bfloat16, given as uint16, as float32."""
    return np.asarray(np.left_shift(upper_halves, 16, dtype=np.uint32)).view(np.float32)


# The NumPy dtypes that `_call` lets through, as pickles name them, and their classes.
_NUMPY_DTYPES = {np.dtype(code).str[1:] for code in "?bhilqBHILQefdgFDG"}
_DTYPE_CLASSES = tuple({type(np.dtype(code)) for code in _NUMPY_DTYPES})
# What an instruction puts on the stack: a value of its own, or the one written after it.
_CONSTANTS = {
    **{"NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False},
    **{"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict, "EMPTY_SET": set},
}
_LITERALS = {*_TABLES["literals"].split()}


def _only(value: Any, *kinds: type) -> Any:
    """`value`, if it is of exactly one of these types: no subclass may bring its own methods."""
    if type(value) not in kinds:
        raise TypeError(f"a {type(value).__name__} where {kinds[0].__name__} belongs")
    return value


def _hold(right: bool, problem: str) -> None:
    if not right:
        raise ValueError(problem)


def _raw(content: Any) -> bytes:
    """The bytes of a NumPy array or number, which Python 2 wrote as text."""
    is_text = type(content) is str
    return content.encode("utf-8", "surrogateescape") if is_text else _only(content, bytes)


def _read_zip(path: str, file: BinaryIO) -> Any:
    size = os.fstat(file.fileno()).st_size
    found = f"a damaged file: no whole zip archive, {size:,} bytes long, probably cut off"
    with reading(path, _WANTED, _AGAIN, found):
        archive = zipfile.ZipFile(file)
    with archive:
        members = {info.filename: info for info in archive.infolist()[:_MOST_MEMBERS]}
        pickles = [name for name in members if name.endswith("/data.pkl") or name == "data.pkl"]
        names = ", ".join(list(members)[:4]) or "nothing"
        refuse_as("other archive", not pickles, path, names=names, wanted=_WANTED)
        main = min(pickles, key=len)
        top = main.removesuffix("data.pkl")
        refuse_as("TorchScript", f"{top}constants.pkl" in members, path, wanted=_WANTED)
        if members[main].CRC == 0:
            # Written with torch.serialization.set_crc32_options(False): no checksum to hold to.
            for info in members.values():
                info.CRC = None
        program = _Program(path, size)

        def content(name: str, most: int) -> bytes:
            info = members[name]
            if info.file_size > most or info.compress_type not in _ZIP_METHODS:
                raise ValueError(f"{name} of {info.file_size:,} bytes, method {info.compress_type}")
            with archive.open(info) as stream:
                # By its length: without one, zipfile unpacks 2 GiB before it looks at it.
                return stream.read(info.file_size)

        order = f"{top}byteorder"
        value = program.run(io.BytesIO(content(main, size + _MORE_PICKLE)))
        if order in members and content(order, 6) != b"little":
            found = "a file of a big-endian machine"
            raise error_of("unusable file", path, found=found, cure=_TRUST)
        for key in program.storages:
            n_bytes, name = program.n_bytes(key), f"{top}data/{key}"
            have = members[name].file_size if name in members else None
            found = "none" if have is None else f"{have:,}"
            _damaged(have != n_bytes, path, f"{found} of the {n_bytes:,} bytes of storage {key}")
            program.fill(key, content(name, n_bytes))
        return value


def _read_pickles(path: str, file: BinaryIO) -> Any:
    size = os.fstat(file.fileno()).st_size
    program, old = _Program(path, size), _LEGACY_MAGIC.to_bytes(10, "little") in file.read(64)
    file.seek(0)
    pickles = io.BytesIO(file.read(_MORE_PICKLE)) if old else file
    magic = program.run(pickles)
    if not old:
        end, rest = file.tell(), file.read(100)
        file.seek(0)
        wrong = rest and rest != hashlib.sha1(file.read(end)).digest() + _JITTOR_END
        _damaged(wrong, path, "what follows its pickle is no checksum of it")
        _damaged(program.storages, path, "tensors whose values are not in it")
        return magic
    for number, wanted in ((magic, _LEGACY_MAGIC), (program.run(pickles), _LEGACY_VERSION)):
        if type(number) is not int or number != wanted:
            found = f"layout version {shown(number)}, not {wanted}"
            raise error_of("unusable file", path, found=found, cure=_TRUST)
    program.run(pickles)  # the writer's byte order; storages are little-endian anyway
    value = program.run(pickles)
    keys = [str(_only(key, str, int)) for key in _only(program.run(pickles), list)]
    wrong = sorted(keys) != sorted(program.storages)
    _damaged(wrong, path, "its list of storages does not fit its tensors")
    file.seek(pickles.tell())
    for key in keys:
        header, n_bytes = file.read(8), program.n_bytes(key)
        found = f"{size:,} bytes, too few for storage {key} of {n_bytes:,} bytes"
        _damaged(file.tell() + n_bytes > size, path, found)
        wrong = header != struct.pack("<q", program.storages[key][1])
        _damaged(wrong, path, f"storage {key} is not as long as its tensors say")
        program.fill(key, file.read(n_bytes))
    return value


def read_safetensors(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """A safetensors file as arrays by name, where bfloat16 becomes float32; and what our own files
    say besides, JSON under "options" in the header ({} where there is none).

    `safetensors.numpy.load_file` fails on bfloat16, which many published weights use (NumPy has no
    such dtype). Raises `DataError` naming the file if it is missing, damaged, or has a dtype such
    as F8.
    """
    import safetensors  # here, because `gpu_check` runs where it is not

    path, wanted = os.fspath(path), "a safetensors file"
    check_file(path, wanted, _CHECK_PATH)
    with reading(path, wanted, _AGAIN, "another or a damaged file"):
        entries = safetensors.deserialize(Path(path).read_bytes())  # first: it checks the header
        with safetensors.safe_open(path, "numpy") as file:
            options = json.loads((file.metadata() or {}).get("options", "{}"))
        return {name: _safetensor(path, name, entry) for name, entry in entries}, options


def _safetensor(path: str, name: str, entry: dict[str, Any]) -> np.ndarray:
    dtype = _SAFETENSORS_DTYPES.get(entry["dtype"])
    refuse_as("dtype of safetensors", dtype is None, f"{path}, tensor {name}", dtype=entry["dtype"],
              wanted="one of " + ", ".join(_SAFETENSORS_DTYPES))  # fmt: skip
    array = np.frombuffer(entry["data"], _FILE_DTYPES[dtype]).reshape(entry["shape"])
    if dtype == "bfloat16":
        return _widened(array)
    return array.astype(array.dtype.newbyteorder("="))


# ---------------------------------------------------------------------------------------- writing


def write_torch_file(path: str | os.PathLike, state_dict: Mapping[Any, Any]) -> None:
    """Write what `torch.load(path)`, of PyTorch 1.6 and later, reads back as a dict of CPU tensors.

    `state_dict` maps names to arrays of any shape (0-d too), plain values (NumPy's scalars become
    Python's numbers) and further dicts, lists and tuples: `{"epoch": 3, "state_dict": {...}}`.
    The same array object in two places is stored once, and PyTorch sees tied tensors.

    The file appears under its name only when it is complete and on disk. Raises `DataError` naming
    the entry for a value that cannot be stored, and the path if the folder is missing; `DiskError`
    where the system refuses.
    """
    path = os.fspath(path)
    if not isinstance(state_dict, Mapping):
        raise _not_storable("state_dict", f"a {type(state_dict).__name__}", "a dict of arrays")
    pickler = _Pickler()
    pickler.put(state_dict, "state_dict")
    folder = os.path.dirname(os.path.abspath(path))
    refuse_as("no folder to write to", not os.path.isdir(folder), path)
    sweep(folder, depth=0)  # what a kill in the middle left
    with whole_file(path) as part, open(part, "wb") as file:
        _write_archive(file, pickler)
        file.flush()
        os.fsync(file.fileno())


def _write_archive(file: BinaryIO, pickler: _Pickler) -> None:
    members: list[tuple[str, bytes | np.ndarray]] = [
        ("data.pkl", b"".join([b"\x80\x02", *pickler.pieces, b"."])),
        ("byteorder", b"little"),
        *((f"data/{key}", array) for key, array in enumerate(pickler.arrays)),
        ("version", b"3\n"),
    ]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            if isinstance(content, np.ndarray):  # one contiguous copy at a time, where it needs one
                little = np.asarray(content, content.dtype.newbyteorder("<"), order="C")
                content = memoryview(little.reshape(-1).view(np.uint8))
            # A fixed date makes equal weights equal files.
            info = zipfile.ZipInfo(f"archive/{name}", (1980, 1, 1, 0, 0, 0))
            info.file_size = len(content)
            # torch.load(mmap=True) wants storages at multiples of 64 bytes, as PyTorch itself
            # places them: an extra field ("FB", length, zeros) fills the gap.
            header = file.tell() + 30 + len(info.filename) + 4
            gap = -header % 64
            info.extra = struct.pack("<2sH", b"FB", gap) + bytes(gap)
            with archive.open(info, "w") as stream:
                for start in range(0, len(content), _CHUNK):
                    stream.write(content[start : start + _CHUNK])


class _Pickler:
    """A pickle's instructions (protocol 2, PyTorch's own), and the arrays in storage-key order."""

    def __init__(self):
        self.pieces: list[bytes] = []
        self.arrays: list[np.ndarray] = []
        self.keys: dict[int, int] = {}  # id of an array in `arrays` -> its place there
        self.open_containers: set[int] = set()

    def put(self, item: Any, where: str) -> None:
        if isinstance(item, np.generic):
            item = item.item()
        if item is None or type(item) in (bool, int, float, str):
            if type(item) is int and item.bit_length() >= 2000:  # more, torch.load does not read
                raise _not_storable(where, f"a whole number of {item.bit_length()} bits")
            self.pieces.append(pickle.dumps(item, 2)[2:-1])  # without its own head and end
        elif isinstance(item, np.ndarray):
            self._put_tensor(item, where)
        elif isinstance(item, Mapping | list | tuple):
            if id(item) in self.open_containers:
                raise _not_storable(where, "a container that holds itself")
            self.open_containers.add(id(item))
            self._put_container(item, where)
            self.open_containers.remove(id(item))
        else:
            raise _not_storable(where, f"a {type(item).__module__}.{type(item).__qualname__}")

    def _put_tensor(self, array: np.ndarray, where: str) -> None:
        _, storage, _ = _DTYPES.get(array.dtype.name, ("", "", ""))
        if not storage:
            wanted = "float64/32/16, int64/32/16/8, uint8, bool or complex64/128"
            raise _not_storable(where, f"an array of dtype {array.dtype}", wanted)
        if id(array) not in self.keys:
            self.keys[id(array)] = len(self.arrays)
            self.arrays.append(array)
        sizes = [max(n, 1) for n in array.shape]
        strides = tuple(math.prod(sizes[axis + 1 :]) for axis in range(array.ndim))
        add = self.pieces.append
        add(b"ctorch._utils\n_rebuild_tensor_v2\n((")
        self.put("storage", where)
        add(b"ctorch\n" + storage.encode() + b"\n")
        for part in (str(self.keys[id(array)]), "cpu", array.size):
            self.put(part, where)
        add(b"tQ")  # close the tuple, turn it into the storage it names
        self.put(0, where)
        self.put(array.shape, where)
        self.put(strides, where)
        add(b"\x89ccollections\nOrderedDict\n)RtR")  # no gradient, no hooks

    def _put_container(self, item: Mapping | list | tuple, where: str) -> None:
        add = self.pieces.append
        if not isinstance(item, Mapping):
            add(b"](" if isinstance(item, list) else b"(")
            for i, part in enumerate(item):
                self.put(part, f"{where}[{i}]")
            add(b"e" if isinstance(item, list) else b"t")
            return
        add(b"ccollections\nOrderedDict\n)R(" if isinstance(item, OrderedDict) else b"}(")
        for key, part in item.items():
            if not isinstance(key, str | int | float | bool | None):
                raise _not_storable(f"a key of {where}", f"a {type(key).__name__}")
            self.put(key, where)
            self.put(part, f"{where}[{key!r}]")
        add(b"u")


def _not_storable(where: str, found: str, wanted: str = _STORABLE) -> DataError:
    cure = "Convert it (an array with .astype, a framework's tensor with .numpy()) or leave it out."
    return DataError(where, found=found, wanted=wanted, cure=cure)
