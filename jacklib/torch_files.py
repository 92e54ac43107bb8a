"""Reading and writing PyTorch's .pth files with NumPy alone, without running what is in them.

A .pth file is a pickle: a small program that builds the saved object and may call any Python
function on the way. `read_torch_file` therefore never unpickles. It decodes the instructions with
`pickletools` and carries them out itself; a name such as `os.system` stays a piece of text, and
only the few names in `_Program._call` have a meaning.

Two layouts exist. Since PyTorch 1.6 the file is a zip archive: `TOP/data.pkl` is the object,
`TOP/data/KEY` the bytes of each storage (the flat memory that one or more tensors look at).
Before 1.6 it was five pickles in a row (magic number, version, system, object, storage keys) and
then, for each key, the storage's element count as int64 and its bytes.
"""

import contextlib
import glob
import io
import os
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from .errors import DataError

# PyTorch's dtype: the NumPy dtype of its bytes (little-endian, as files nearly always are), its
# storage class ("" for those that came without one), its name in a safetensors file. NumPy has no
# bfloat16: it is the upper half of a float32, read as uint16 and widened.
_DTYPES = {
    "float64": ("<f8", "DoubleStorage", "F64"),
    "float32": ("<f4", "FloatStorage", "F32"),
    "float16": ("<f2", "HalfStorage", "F16"),
    "bfloat16": ("<u2", "BFloat16Storage", "BF16"),
    "int64": ("<i8", "LongStorage", "I64"),
    "int32": ("<i4", "IntStorage", "I32"),
    "int16": ("<i2", "ShortStorage", "I16"),
    "int8": ("|i1", "CharStorage", "I8"),
    "uint8": ("|u1", "ByteStorage", "U8"),
    "uint16": ("<u2", "", "U16"),
    "uint32": ("<u4", "", "U32"),
    "uint64": ("<u8", "", "U64"),
    "bool": ("|b1", "BoolStorage", "BOOL"),
    "complex64": ("<c8", "ComplexFloatStorage", "C64"),
    "complex128": ("<c16", "ComplexDoubleStorage", ""),
}
_FILE_DTYPES = {dtype: np.dtype(code) for dtype, (code, _, _) in _DTYPES.items()}
_SAFETENSORS_DTYPES = {name: dtype for dtype, (_, _, name) in _DTYPES.items() if name}
_STORAGE_CLASSES = {
    f"{module}.{storage}": dtype
    for dtype, (_, storage, _) in _DTYPES.items()
    for module in ("torch", "torch.cuda")
    if storage
} | {"torch.storage.UntypedStorage": "uint8", "torch.UntypedStorage": "uint8"}

# Every other name a file may mention. They are only ever compared, never imported.
_KNOWN_NAMES = set(
    """
    torch._utils._rebuild_tensor torch._utils._rebuild_tensor_v2 torch._utils._rebuild_tensor_v3
    torch._utils._rebuild_parameter torch._utils._rebuild_parameter_with_state
    torch._tensor._rebuild_from_type_v2 torch.Tensor torch.nn.parameter.Parameter
    torch.Size torch.device collections.OrderedDict collections.defaultdict collections.Counter
    argparse.Namespace _codecs.encode numpy.dtype numpy.ndarray
    numpy.core.multiarray.scalar numpy.core.multiarray._reconstruct
    numpy._core.multiarray.scalar numpy._core.multiarray._reconstruct
    builtins.set builtins.frozenset builtins.dict builtins.list builtins.int builtins.float
    __builtin__.set __builtin__.frozenset __builtin__.dict __builtin__.list __builtin__.int
    __builtin__.float
    """.split()
)
_KNOWN_NAMES |= {*_STORAGE_CLASSES, *(f"torch.{dtype}" for dtype in _DTYPES)}

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_VERSION = 1001
_CHUNK = 1 << 22  # bytes written at a time
_SLACK = 1 << 30  # bytes that tensors may take beyond what the file's size explains

_TRUST = (
    "If you trust where it comes from, load it once with PyTorch and re-save the state dict only: "
    "torch.save(model.state_dict(), path)."
)
_AGAIN = "Download or copy it again and compare its size and checksum with the source's."
_CHECK_PATH = "Check the path and its permissions."


# ---------------------------------------------------------------------------------------- reading


def read_torch_file(path: str | os.PathLike) -> Any:
    """Read what `torch.save` wrote, without PyTorch and without running code from the file.

    Returns the saved object, nested as it was saved (dict, OrderedDict, list, tuple, set, str,
    int, float, bool, None). Each tensor or Parameter becomes its own contiguous `np.ndarray` of
    the tensor's shape and dtype, whatever its device; bfloat16 becomes float32. Different tensors
    that shared memory no longer do. `torch.Size` becomes a tuple, `torch.device` and dtypes become
    text ("cuda:0", "torch.float16"), NumPy scalars become Python numbers, `argparse.Namespace`,
    `Counter` and `defaultdict` become a dict.

    Reads the zip layout (PyTorch 1.6 and later) and the one before it. At most the tensors and
    one storage are in memory at a time.

    Raises `DataError` naming the file for anything else: another kind of file (web page, Git LFS
    pointer, safetensors, tar), a truncated or damaged one, or one that needs a class or function
    outside the short list above.
    """
    path = os.fspath(path)
    try:
        file = open(path, "rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise _unusable(path, f"no readable file ({error.strerror})", _CHECK_PATH) from None
    with file:
        _check_kind(path, file)
        zipped = file.read(2) == b"PK"
        file.seek(0)
        try:
            return _read_zip(path, file) if zipped else _read_legacy(path, file)
        except MemoryError as error:
            cure = "Close other programs, or use a machine with more memory."
            raise _unusable(path, f"more than fits in memory ({error})", cure) from error


def _check_kind(path: str, file: BinaryIO) -> None:
    """Name the things that usually end in .pth without being one. Leaves `file` at its start."""
    head = file.read(512)
    file.seek(0)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        found, cure = "an empty file", _AGAIN
    elif text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--")):
        found = "a web page"
        cure = (
            "The address gave a page, not the file (a login, a confirmation, an expired link). "
            "Open it in a browser, find the real download, and fetch it again."
        )
    elif text.startswith(b"version https://git-lfs"):
        found = "a Git LFS pointer, not the file it points to"
        cure = "Run `git lfs pull` in the repository it came from, or download the file itself."
    elif head[257:262] == b"ustar":
        found = "a tar archive (the layout of PyTorch before 0.1.10, or an archive to unpack)"
        cure = f"Unpack it if it holds .pth files. {_TRUST}"
    elif head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")):
        found, cure = "a compressed archive", "Unpack it and give the .pth file inside."
    elif head[8:10] == b'{"':
        found, cure = "a safetensors file", "Read it with read_safetensors."
    elif not head.startswith((b"PK", b"\x80")):
        found, cure = f"something else, beginning with {head[:16]!r}", _AGAIN
    else:
        return
    raise _unusable(path, found, cure)


def _unusable(path: str, found: str, cure: str) -> DataError:
    return DataError(path, found=found, wanted="a file written by torch.save", cure=cure)


def _damaged(path: str, found: str) -> DataError:
    return _unusable(path, f"a damaged file: {found}", _AGAIN)


@dataclass(frozen=True)
class _Storage:
    """Flat memory that tensors look at: `n_elements` from element `start` of the bytes at `key`."""

    key: str
    dtype: str  # PyTorch's name
    start: int
    n_elements: int


@dataclass(frozen=True)
class _Tensor:
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
    """

    def __init__(self, path: str, file_size: int):
        self.path = path
        self.storages: dict[str, tuple[str, int]] = {}
        self.tensors: dict[str, list[_Tensor]] = {}
        # A tensor may repeat one element many times (stride 0), so a hostile file of 1 kB could
        # ask for terabytes.
        self.bytes_limit = self.bytes_left = 64 * file_size + _SLACK

    def run(self, stream: BinaryIO) -> Any:
        """The object of the next pickle in `stream`, read exactly to its end."""
        try:
            return self._run(stream)
        except (DataError, MemoryError):
            raise
        except Exception as error:  # whatever a damaged or hostile program can trip over
            detail = f"{type(error).__name__}: {error}"[:200]
            raise _damaged(self.path, f"its pickle cannot be read ({detail})") from error

    def _run(self, stream: BinaryIO) -> Any:
        stack: list[Any] = []
        marks: list[int] = []  # heights of the stack at each MARK
        memo: dict[int, Any] = {}

        def since_mark() -> list[Any]:
            height = marks.pop()
            items = stack[height:]
            del stack[height:]
            return items

        def pop(n: int) -> list[Any]:
            if len(stack) < n:
                raise IndexError("empty stack")
            items = stack[len(stack) - n :]
            del stack[len(stack) - n :]
            return items

        for opcode, value, _ in pickletools.genops(stream):
            op = opcode.name
            if op in ("PROTO", "FRAME"):
                pass
            elif op == "STOP":
                return stack.pop()
            elif op in _CONSTANTS:
                stack.append(_CONSTANTS[op]())
            elif op in _LITERALS:
                stack.append(value)
            elif op in ("STRING", "BINSTRING", "SHORT_BINSTRING"):  # Python 2's str
                stack.append(value.encode("latin1").decode("utf-8", "surrogateescape"))
            elif op == "MARK":
                marks.append(len(stack))
            elif op in ("PUT", "BINPUT", "LONG_BINPUT"):
                memo[value] = stack[-1]
            elif op == "MEMOIZE":
                memo[len(memo)] = stack[-1]
            elif op in ("GET", "BINGET", "LONG_BINGET"):
                stack.append(memo[value])
            elif op in ("TUPLE1", "TUPLE2", "TUPLE3"):
                stack.append(tuple(pop(int(op[-1]))))
            elif op == "TUPLE":
                stack.append(tuple(since_mark()))
            elif op == "LIST":
                stack.append(since_mark())
            elif op == "FROZENSET":
                stack.append(frozenset(map(_key, since_mark())))
            elif op == "DICT":
                items = since_mark()
                stack.append(dict(zip(map(_key, items[::2]), items[1::2], strict=True)))
            elif op in ("APPEND", "APPENDS"):
                items = pop(1) if op == "APPEND" else since_mark()
                _only(stack[-1], list).extend(items)
            elif op in ("SETITEM", "SETITEMS"):
                items = pop(2) if op == "SETITEM" else since_mark()
                target = _only(stack[-1], dict, OrderedDict)
                target.update(zip(map(_key, items[::2]), items[1::2], strict=True))
            elif op == "ADDITEMS":
                items = since_mark()
                _only(stack[-1], set).update(map(_key, items))
            elif op == "GLOBAL":
                module, name = value.split(" ", 1)
                stack.append(self._name(module, name))
            elif op == "STACK_GLOBAL":
                module, name = pop(2)
                stack.append(self._name(_only(module, str), _only(name, str)))
            elif op in ("REDUCE", "NEWOBJ"):
                name, arguments = pop(2)
                stack.append(self._call(_only(name, _Name), _only(arguments, tuple)))
            elif op == "BUILD":
                (state,) = pop(1)
                stack[-1] = self._build(stack[-1], state)
            elif op == "BINPERSID":
                stack.append(self._storage(stack.pop()))
            else:
                raise self._refused(f"the pickle instruction {op}")
        raise EOFError("no end")

    def _refused(self, found: str) -> DataError:
        return DataError(
            self.path,
            found=f"{found}, which is not read because it could run code",
            wanted="tensors and plain values only",
            cure=_TRUST,
        )

    def _name(self, module: str, name: str) -> _Name:
        dotted = f"{module}.{name}"
        if dotted not in _KNOWN_NAMES:
            raise self._refused(f"the class or function {dotted}")
        return _Name(dotted)

    def _call(self, name: _Name, arguments: tuple) -> Any:
        """What `name(*arguments)` would have built."""
        short = name.rsplit(".", 1)[1]
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
            return self._call(_only(arguments[0], _Name), _only(arguments[2], tuple))
        if short == "OrderedDict":
            pairs = arguments[0] if arguments else ()
            return OrderedDict((_key(key), value) for key, value in pairs)
        if short in ("defaultdict", "Namespace"):  # their content follows in other instructions
            return {}
        if short == "Counter":
            return {_key(key): n for key, n in _only(arguments[0], dict).items()}
        if short in ("set", "frozenset"):
            kind = {"set": set, "frozenset": frozenset}[short]
            return kind(map(_key, arguments[0] if arguments else ()))
        if short == "Size":
            return tuple(arguments[0])
        if short == "device":
            return ":".join(str(part) for part in arguments)
        if name == "_codecs.encode":  # how Python 3 writes bytes for Python 2
            text, encoding = arguments
            if encoding != "latin1":
                raise ValueError(f"bytes encoded as {encoding!r}")
            return text.encode("latin1")
        if name == "numpy.dtype":
            dtype = np.dtype(_only(arguments[0], str))
            if dtype.kind not in "biufc":
                raise self._refused(f"the NumPy dtype {dtype}")
            return dtype
        if short == "scalar":
            dtype, raw = arguments
            raw = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
            return np.frombuffer(raw, _only(dtype, *_DTYPE_CLASSES), 1)[0].item()
        if short == "_reconstruct":
            return np.empty(0, np.int8)  # `_build` gives it its content
        raise self._refused(f"an object of class {name}")

    def _build(self, target: Any, state: Any) -> Any:
        """What the object becomes when pickle hands it its state."""
        if type(target) is OrderedDict:  # a state dict's version numbers (`_metadata`)
            return target
        if type(target) is dict:  # an argparse.Namespace
            target.update((_only(key, str), value) for key, value in state.items())
            return target
        if isinstance(target, np.dtype):
            if state[1] not in ("<", "|"):
                raise self._refused("a big-endian NumPy array")
            return target
        if type(target) is np.ndarray and target.dtype == np.int8 and target.shape == (0,):
            _, shape, dtype, column_major, raw = state
            raw = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
            order = "F" if column_major else "C"
            values = np.frombuffer(raw, _only(dtype, *_DTYPE_CLASSES)).reshape(shape, order=order)
            # In place, because the memo knows this very object.
            target.__setstate__((1, values.shape, values.dtype, False, values.tobytes()))
            return target
        raise self._refused(f"an object state for a {type(target).__name__}")

    def _storage(self, reference: Any) -> _Storage:
        kind, storage_class, key, _device, n_elements, *view = _only(reference, tuple)
        if kind != "storage":
            raise self._refused(f"a reference to a {kind}")
        dtype = _STORAGE_CLASSES[_only(storage_class, _Name)]
        key, n_elements = str(key), _only(n_elements, int)
        if not 0 <= n_elements <= self.bytes_limit // 16:
            raise ValueError(f"storage {key} of {n_elements} elements")
        if self.storages.setdefault(key, (dtype, n_elements)) != (dtype, n_elements):
            raise ValueError(f"storage {key} is described in two ways")
        start = 0
        if view and view[0] is not None:  # PyTorch 0.x: a storage that is a part of another
            _, start, n_part = view[0]
            if not 0 <= start <= start + n_part <= n_elements:
                raise ValueError(f"a view outside storage {key}")
            n_elements = n_part
        return _Storage(key, dtype, start, n_elements)

    def _tensor(
        self, storage: _Storage, dtype: str, offset: int, size: tuple, stride: tuple
    ) -> np.ndarray:
        """An unfilled array for the tensor that looks at `storage` in this way."""
        _only(storage, _Storage)
        size, stride = tuple(size), tuple(stride)
        for number in (offset, *size, *stride):
            if _only(number, int) < 0:
                raise ValueError("a negative offset, size or stride")
        unit, itemsize = _FILE_DTYPES[storage.dtype].itemsize, _FILE_DTYPES[dtype].itemsize
        n_elements = storage.n_elements * unit // itemsize
        n_wanted = 1
        for n in size:
            n_wanted *= n
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if n_wanted and last >= n_elements:
            raise ValueError(f"a tensor beyond the end of storage {storage.key}")
        memory_dtype = np.dtype("<f4") if dtype == "bfloat16" else _FILE_DTYPES[dtype]
        self.bytes_left -= n_wanted * memory_dtype.itemsize
        if self.bytes_left < 0:
            raise ValueError(f"tensors far larger than the file, such as one of shape {size}")
        array = np.empty(size, memory_dtype.newbyteorder("="))
        start = storage.start * unit // itemsize
        self.tensors.setdefault(storage.key, []).append(
            _Tensor(array, dtype, start + offset, stride)
        )
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
            if tensor.array.size:
                _fill(tensor, content)


def _fill(tensor: _Tensor, content: bytes) -> None:
    dtype = _FILE_DTYPES[tensor.dtype]
    flat = np.frombuffer(content, dtype, len(content) // dtype.itemsize)[tensor.offset :]
    strides = [step * dtype.itemsize for step in tensor.stride]
    view = np.lib.stride_tricks.as_strided(flat, tensor.array.shape, strides, writeable=False)
    if tensor.dtype == "bfloat16":
        view = _widened(view)
    tensor.array[...] = view


def _widened(upper_halves: np.ndarray) -> np.ndarray:
    """bfloat16, given as uint16, as float32."""
    return np.asarray(np.left_shift(upper_halves, 16, dtype=np.uint32)).view(np.float32)


# The classes of the NumPy dtypes that `_call` lets through.
_DTYPE_CLASSES = tuple({type(np.dtype(code)) for code in "?bBhHiIlLqQefdgFDG"})
# What an instruction puts on the stack: a value of its own, or the one written after it.
_CONSTANTS: dict[str, Callable[[], Any]] = {
    **{"NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False},
    **{"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict, "EMPTY_SET": set},
}
_LITERALS = set(
    """
    INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT UNICODE BINUNICODE SHORT_BINUNICODE
    BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8
    """.split()
)


def _only(value: Any, *kinds: type) -> Any:
    """`value`, if it is of exactly one of these types: no subclass may bring its own methods."""
    if type(value) not in kinds:
        raise TypeError(f"a {type(value).__name__} where {kinds[0].__name__} belongs")
    return value


def _key(value: Any) -> Any:
    """`value`, if it may be a dict's key. Hashing deeply nested tuples would end the process."""
    parts = value if type(value) is tuple else (value,)
    for part in parts:
        _only(part, str, int, _Name, float, bool, bytes, complex, type(None))
    return value


def _read_zip(path: str, file: BinaryIO) -> Any:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        size = os.path.getsize(path)
        found = f"a zip archive without its end, {size:,} bytes long, probably cut off ({error})"
        raise _damaged(path, found) from error
    with archive:
        members = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in members if name.endswith("/data.pkl") or name == "data.pkl"]
        if not pickles:
            shown = ", ".join(list(members)[:4]) or "nothing"
            cure = "If it holds .pth files, unpack it and give one of those."
            raise _unusable(path, f"a zip archive of {shown}", cure)
        main = min(pickles, key=len)
        top = main.removesuffix("data.pkl")
        if f"{top}constants.pkl" in members:
            cure = "Load it with torch.jit.load, then torch.save(module.state_dict(), path)."
            raise _unusable(path, "a TorchScript program (torch.jit.save)", cure)
        if members[main].CRC == 0:
            # Written with torch.serialization.set_crc32_options(False): no checksum to hold to.
            for info in members.values():
                info.CRC = None
        program = _Program(path, os.path.getsize(path))

        try:
            value = program.run(io.BytesIO(archive.read(main)))
            if f"{top}byteorder" in members and archive.read(f"{top}byteorder") != b"little":
                raise _unusable(path, "a file of a big-endian machine", _TRUST)
            for key in program.storages:
                n_bytes = program.n_bytes(key)
                info = members.get(f"{top}data/{key}")
                if info is None or info.file_size != n_bytes:
                    found = "none" if info is None else f"{info.file_size:,}"
                    raise _damaged(path, f"{found} of the {n_bytes:,} bytes of storage {key}")
                program.fill(key, archive.read(info))
        except (DataError, MemoryError):
            raise
        except Exception as error:  # zipfile, zlib and the file system each have their own
            raise _damaged(path, f"{type(error).__name__}: {error}"[:200]) from error
        return value


def _read_legacy(path: str, file: BinaryIO) -> Any:
    size = os.path.getsize(path)
    if _Program(path, size).run(file) != _LEGACY_MAGIC:
        raise _unusable(path, "a pickle that torch.save did not write", _TRUST)
    version = _Program(path, size).run(file)
    if version != _LEGACY_VERSION:
        raise _unusable(path, f"layout version {version!r}, not {_LEGACY_VERSION}", _TRUST)
    _Program(path, size).run(file)  # the writer's byte order; storages are little-endian anyway
    program = _Program(path, size)
    value = program.run(file)
    keys = _Program(path, size).run(file)
    if type(keys) is not list or {str(key) for key in keys} != set(program.storages):
        raise _damaged(path, "its list of storages does not fit its tensors")
    for key in map(str, keys):
        header, n_bytes = file.read(8), program.n_bytes(key)
        if file.tell() + n_bytes > size:
            raise _damaged(path, f"{size:,} bytes, too few for storage {key} of {n_bytes:,} bytes")
        if header != struct.pack("<q", program.storages[key][1]):
            raise _damaged(path, f"storage {key} is not as long as its tensors say")
        program.fill(key, file.read(n_bytes))
    return value


def read_safetensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read a .safetensors file as arrays by name; bfloat16 becomes float32.

    `safetensors.numpy.load_file` does the same but fails on bfloat16, which many published
    weights use (NumPy has no such dtype).

    Raises `DataError` naming the file where it is missing, damaged, or has a dtype such as F8.
    """
    import safetensors  # here, because `gpu_check` runs where it is not

    path = os.fspath(path)
    try:
        with open(path, "rb") as file:
            entries = safetensors.deserialize(file.read())
    except OSError as error:
        found, cure = f"no readable file ({error.strerror})", _CHECK_PATH
    except safetensors.SafetensorError as error:
        found, cure = f"another or a damaged file ({error})"[:200], _AGAIN
    else:
        return {name: _safetensor(path, name, entry) for name, entry in entries}
    raise DataError(path, found=found, wanted="a safetensors file", cure=cure)


def _safetensor(path: str, name: str, entry: dict[str, Any]) -> np.ndarray:
    dtype = _SAFETENSORS_DTYPES.get(entry["dtype"])
    if dtype is None:
        raise DataError(
            f"{path}, tensor {name}",
            found=f"dtype {entry['dtype']}",
            wanted="one of " + ", ".join(_SAFETENSORS_DTYPES),
            cure="Convert the file to F32 or F16 with the tool that made it.",
        )
    array = np.frombuffer(entry["data"], _FILE_DTYPES[dtype]).reshape(entry["shape"])
    if dtype == "bfloat16":
        return _widened(array)
    return array.astype(array.dtype.newbyteorder("="))


# ---------------------------------------------------------------------------------------- writing


def write_torch_file(path: str | os.PathLike, state_dict: Mapping[Any, Any]) -> None:
    """Write what `torch.load(path)` reads back as a dict of CPU tensors, without PyTorch.

    `state_dict` maps names to arrays of any shape (0-d too), or holds plain values and further
    dicts, lists and tuples next to them: `{"epoch": 3, "state_dict": {...}}`. Arrays may be
    float64/32/16, int64/32/16/8, uint8, bool or complex; NumPy scalars are written as Python
    numbers. The same array object in two places is stored once, and PyTorch sees tied tensors.
    PyTorch's default `weights_only=True` accepts the file (zip layout, PyTorch 1.6 and later).

    The file appears under its name only when it is complete and on disk; an older one of that name
    stays until then.

    Raises `DataError` naming the entry for a value that cannot be stored, and the path where the
    folder is missing or not writable.
    """
    path = os.fspath(path)
    if not isinstance(state_dict, Mapping):
        raise _not_storable("state_dict", f"a {type(state_dict).__name__}", "a dict of arrays")
    pickle, arrays = _pickle(state_dict)
    folder, name = os.path.split(os.path.abspath(path))
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.part")
    _remove_leftovers(folder, name)
    try:
        with open(temporary, "wb") as file:
            _write_archive(file, pickle, arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(
            path,
            found=f"a place that cannot be written ({error.strerror})",
            wanted="an existing folder with free space",
            cure="Create the folder, or choose another path.",
        ) from error
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def _remove_leftovers(folder: str, name: str) -> None:
    """Delete what processes that no longer live (a kill in the middle) left of this file."""
    for path in glob.glob(os.path.join(glob.escape(folder), f".{glob.escape(name)}.*.part")):
        process = path.split(".")[-2]
        if process.isdigit() and not os.path.exists(f"/proc/{process}"):
            with contextlib.suppress(OSError):
                os.remove(path)


def _write_archive(file: BinaryIO, pickle: bytes, arrays: list[np.ndarray]) -> None:
    members: list[tuple[str, bytes | np.ndarray]] = [
        ("data.pkl", pickle),
        ("byteorder", b"little"),
        *((f"data/{key}", array) for key, array in enumerate(arrays)),
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


def _pickle(value: Any) -> tuple[bytes, list[np.ndarray]]:
    """The pickle (protocol 2, PyTorch's own) of `value`, and its arrays in storage-key order."""
    pieces: list[bytes] = [b"\x80\x02"]
    arrays: list[np.ndarray] = []
    keys: dict[int, int] = {}  # id of an array in `arrays` -> its place there
    open_containers: set[int] = set()

    def put_tensor(array: np.ndarray, where: str) -> None:
        _, storage, _ = _DTYPES.get(array.dtype.name, ("", "", ""))
        if not storage:
            wanted = "float64/32/16, int64/32/16/8, uint8, bool or complex64/128"
            raise _not_storable(where, f"an array of dtype {array.dtype}", wanted)
        if id(array) not in keys:
            keys[id(array)] = len(arrays)
            arrays.append(array)
        strides, step = [], 1
        for n in reversed(array.shape):
            strides.append(step)
            step *= max(n, 1)
        pieces.append(b"ctorch._utils\n_rebuild_tensor_v2\n((")
        put("storage", where)
        pieces.append(b"ctorch\n" + storage.encode() + b"\n")
        for part in (str(keys[id(array)]), "cpu", array.size):
            put(part, where)
        pieces.append(b"tQ")  # close the tuple, turn it into the storage it names
        put(0, where)
        put(array.shape, where)
        put(tuple(reversed(strides)), where)
        pieces.append(b"\x89ccollections\nOrderedDict\n)RtR")  # no gradient, no hooks

    def put(item: Any, where: str) -> None:
        if isinstance(item, np.generic):
            item = item.item()
        if item is None:
            pieces.append(b"N")
        elif isinstance(item, bool):
            pieces.append(b"\x88" if item else b"\x89")
        elif isinstance(item, int) and -(2**31) <= item < 2**31:
            pieces.append(struct.pack("<ci", b"J", item))
        elif isinstance(item, int) and item.bit_length() < 2000:
            n_bytes = item.bit_length() // 8 + 1
            digits = item.to_bytes(n_bytes, "little", signed=True)
            pieces.append(b"\x8a" + bytes([n_bytes]) + digits)
        elif isinstance(item, float):
            pieces.append(struct.pack(">cd", b"G", item))
        elif isinstance(item, str):
            text = item.encode("utf-8", "surrogatepass")
            pieces.append(struct.pack("<cI", b"X", len(text)) + text)
        elif isinstance(item, np.ndarray):
            put_tensor(item, where)
        elif isinstance(item, Mapping | list | tuple):
            if id(item) in open_containers:
                raise _not_storable(where, "a container that holds itself")
            open_containers.add(id(item))
            put_container(item, where)
            open_containers.remove(id(item))
        else:
            raise _not_storable(where, f"a {type(item).__module__}.{type(item).__qualname__}")

    def put_container(item: Mapping | list | tuple, where: str) -> None:
        if not isinstance(item, Mapping):
            pieces.append(b"](" if isinstance(item, list) else b"(")
            for i, part in enumerate(item):
                put(part, f"{where}[{i}]")
            pieces.append(b"e" if isinstance(item, list) else b"t")
            return
        pieces.append(b"ccollections\nOrderedDict\n)R(" if isinstance(item, OrderedDict) else b"}(")
        for key, part in item.items():
            if not isinstance(key, str | int | float | bool | None):
                raise _not_storable(f"a key of {where}", f"a {type(key).__name__}")
            put(key, where)
            put(part, f"{where}[{key!r}]")
        pieces.append(b"u")

    put(value, "state_dict")
    pieces.append(b".")
    # They name each other: together with every array they would stay until Python's collector
    # comes by, in a training after hundreds of steps.
    del put, put_tensor, put_container
    return b"".join(pieces), arrays


def _not_storable(
    where: str,
    found: str,
    wanted: str = "np.ndarray, dict, list, tuple, str, int, float, bool or None",
) -> DataError:
    cure = "Convert it (an array with .astype, a framework's tensor with .numpy()) or leave it out."
    return DataError(where, found=found, wanted=wanted, cure=cure)
