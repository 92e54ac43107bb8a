"""Files and folders: names, whole writes, locks and guarded reads, each in one place.

Names   `file_name` and `inside` decide what text from a file may become a path. `Names` finds what
        is spelled otherwise, `typed` what somebody typed or pasted.
Writes  `whole_file` and `whole_folder`: there whole or not at all. What is being written has a name
        of its own (.jack-PROCESS-RANDOM.part), made exclusively, and is moved into place. A folder
        is only ever replaced or removed if it carries our mark (`MARK`).
Locks   `locked`: one process at a time works in a folder; the system lets go when it dies.
Sets    `make_set`: a known set of files, made once, counted, made anew when one is missing.
Reads   `reading` turns whatever a library raises over a stranger's file into one DataError.

Needs the standard library alone until an array is read or written, because `runtime` uses it.
"""

from __future__ import annotations

import csv
import errno
import fcntl
import functools
import io
import itertools
import json
import math
import os
import re
import secrets
import shutil
import stat
import sys
import time
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from jacklib.errors import DataError, DiskError, error_of, logger, plain, refuse, refuse_as, shown

if TYPE_CHECKING:
    import numpy as np

_say_once = functools.cache(logger(__name__).warning)

MARK = ".jack.json"  # in every folder that we made and may replace; holds how it was made
LOCK = ".jack.lock"
SET_MARK = "made_with.json"  # likewise, of a set of files among others
LONGEST_NAME, LONGEST_FILE = 251, 255  # bytes, without and with an ending; disks take no more
LONGEST_TEXT = 64 * 2**20  # bytes of a table or text that is read at once
LARGEST_ARRAYS, MOST_ARRAYS = 2**30, 10_000  # bytes, unpacked, and arrays of a .npz file
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # how a spreadsheet's formula may begin
_AROUND = " \t\r\n\u200e\u202a\u202c\ufeff"  # pasted with a path; the last four are not seen
_QUOTES = ('""', "''", "“”", "‘’")
_BYTE_ORDER = {b"\xff\xfe\0\0": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_PART = re.compile(r"\.jack-(\d+)-[0-9a-f]{8}\.part")


# --- names ----------------------------------------------------------------------------------------


def file_name(text: Any, where: str | os.PathLike, longest: int = LONGEST_NAME) -> str:
    """`text`, if it may be the name of one file or folder in a folder of ours: without separators
    or control characters, neither `.` nor `..`, no hidden name, no drive, at most `longest`
    bytes. Raises DataError otherwise. where: the file, table row or argument that says so."""
    found = None
    if not isinstance(text, str) or not text.strip():
        found = f"{shown(text)} as a name"
    elif any(sign in text for sign in "/\\\0") or os.path.isabs(text):
        found = f"{shown(text)}, which has a separator in it"
    elif text.startswith(".") or os.path.splitdrive(text)[0]:
        found = f"{shown(text)}, which is no plain name"
    elif any(unicodedata.category(letter) == "Cc" for letter in text):
        found = f"{shown(text)}, which has control characters in it"
    elif _bytes_of(text) > longest:
        found = f"{shown(text)}, which is too long or has letters that no disk takes"
    refuse_as("no file name", found, where, found=found, longest=longest)
    return text


def named_after(path: str | os.PathLike, ending: str) -> str:
    """The name of what is made from a file: its own without suffix, then `ending`; where a disk
    would not take that, the last letters of the file's own are left out."""
    stem = Path(path).stem
    while stem and _bytes_of(stem + ending) > LONGEST_NAME:
        stem = stem[:-1]
    return stem + ending


def _bytes_of(name: str) -> float:
    try:
        return len(os.fsencode(name))
    except UnicodeEncodeError:  # half a surrogate pair, as JSON can write it
        return math.inf


def alike(name: str) -> str:
    """A name's letters, the same for all spellings that some disk or table takes for one: composed
    or not, capitals or not, blanks around; and those of a name that is no UTF-8 but GBK."""
    if not name.isprintable():  # a byte that is no UTF-8 is kept as half a pair
        with suppress(UnicodeError):
            name = os.fsencode(name).decode("gb18030")
    return unicodedata.normalize("NFC", name).casefold().strip()


class Names:
    """Known names, which other spellings find too (see `alike`)."""

    def __init__(self, names: Iterable[str]):
        self.known = set(names)
        self.spellings: dict[str, list[str]] = {}
        for name in self.known:
            self.spellings.setdefault(alike(name), []).append(name)

    def find(self, name: str, endings: Sequence[str] = ()) -> str | None:
        """The known name that is meant: this one, else the only one that is spelled alike, else
        that without one of the endings."""
        found = [name] if name in self.known else self.spellings.get(alike(name), [])
        stem, ending = os.path.splitext(name)
        if not found and ending.lower().strip() in endings:
            return self.find(stem)
        return found[0] if len(found) == 1 else None


def typed(text: Any) -> Any:
    """The path that somebody means who typed or pasted `text`: in quotes, with blanks around it, ~
    or $HOME in front, as file:// URL, escaped for a shell, with backslashes for /, with composed or
    decomposed letters. What is there by that very name, and what is no text, stays as it is."""
    if not isinstance(text, str) or os.path.lexists(text):
        return text
    path = text.strip(_AROUND)
    if path[:1] + path[1:][-1:] in _QUOTES:
        path = path[1:-1].strip(_AROUND)
    if url := re.match(r"file:(//(localhost)?)?(?=/)", path, re.IGNORECASE):
        path = unquote(path[url.end() :], errors="surrogateescape")
    path = os.path.expandvars(os.path.expanduser(path))
    ways = [path, re.sub(r"\\(.)", r"\1", path), path.replace("\\", "/")]
    ways += [unicodedata.normalize(form, way) for way in ways for form in ("NFC", "NFD")]
    return next(filter(os.path.lexists, ways), path.replace("\\ ", " ")) or text


def inside(root: str | os.PathLike, *names: str, where: str | os.PathLike) -> Path:
    """root / names, each a `file_name`, and no symbolic link on the way that leaves `root`. Raises
    DataError, naming `where`, otherwise."""
    path = Path(root, *(file_name(name, where, LONGEST_FILE) for name in names))
    place = path.resolve()
    refuse_as("link that leaves", not place.is_relative_to(Path(root).resolve()), where, path=path,
              place=place, root=root)  # fmt: skip
    return path


# --- writes ---------------------------------------------------------------------------------------


def _part(folder: Path) -> Path:
    return folder / f".jack-{os.getpid()}-{secrets.token_hex(4)}.part"


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """A place to write a file to, which becomes `path` if the block ends well, else is gone.

    The folder is made if need be. A link at `path` is replaced, not followed. The place exists,
    empty, made by this process alone, with the permissions that the user's umask gives. Raises
    DiskError, one sentence, if the system refuses.
    """
    path = Path(path)
    part = _part(path.parent)
    try:
        if path.exists() and not path.is_symlink() and not (path.is_file() or path.is_dir()):
            raise OSError(errno.EINVAL, "no plain file")  # /dev/null, which root could replace
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
        os.close(os.open(part, flags, 0o666))
        with _being_written(part):
            yield part
        os.replace(part, path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _refused(error, path, part) from error
        raise


def _refused(error: OSError, path: Path, part: object = None) -> Exception:
    """DiskError, or DataError where this disk does not take the name: that is one file's fault."""
    if error.errno in (errno.ENAMETOOLONG, errno.EILSEQ) or (
        error.errno == errno.EINVAL and error.filename2  # of a move: the name on FAT and NTFS
    ):
        return error_of("name that the disk refuses", path, strerror=error.strerror)
    return DiskError(error, path, part)


@contextmanager
def _being_written(part: Path) -> Iterator[None]:
    """Meanwhile `sweep` leaves `part` alone, also in another container or on another machine, where
    the number of this process is nobody's. It needs no lock, so that a disk may know none."""
    handle = None
    with suppress(OSError):
        handle = os.open(part, os.O_RDONLY)
        _HANDLES.add(handle)
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    try:
        yield
    finally:
        _let_go(handle)


def write_bytes(path: str | os.PathLike, data: bytes) -> Path:
    """Write a file, whole or not at all; returns its path."""
    with whole_file(path) as part:
        part.write_bytes(data)
    return Path(path)


def write_text(path: str | os.PathLike, text: str) -> Path:
    """Write a UTF-8 text file, whole or not at all; returns its path."""
    try:
        data = text.encode("utf-8", "surrogateescape")  # names of files that are no UTF-8
    except UnicodeEncodeError:  # half a surrogate pair, as JSON can write it and reads it again
        data = text.encode("utf-8", "backslashreplace")
    return write_bytes(path, data)


def write_json(path: str | os.PathLike, content: dict) -> Path:
    """Write a table as JSON, whole or not at all; returns its path."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    return write_bytes(path, text.encode("utf-8", "backslashreplace"))  # half pairs as \ud800


def filled(template: Path | str, **facts: Any) -> str:
    """A text of Jinja's, or a file's, with its gaps filled in, each value on one line (`plain`)."""
    import jinja2

    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
        finalize=lambda value: plain(value, 2000),
    )  # fmt: skip
    text = template if isinstance(template, str) else template.read_text("utf-8")
    return environment.from_string(text).render(facts).rstrip("\n")


def write_array(path: str | os.PathLike, array: np.ndarray) -> Path:
    """Write a .npy file, whole or not at all; returns its path."""
    import numpy as np

    with whole_file(path) as part, open(part, "wb") as file:
        np.save(file, array)
    return Path(path)


@contextmanager
def whole_folder(path: str | os.PathLike, mark: dict | None = None) -> Iterator[Path]:
    """A folder to fill, which becomes `path`, with our mark, if the block ends well, else is gone.

    mark: how it is made (settings, version), for `read_mark`. A folder that is there is replaced
    if it carries our mark, or is empty. Hold a lock (`locked`) around this. Raises DataError if
    `path` is something that we did not make, DiskError if the system refuses.
    """
    path = Path(path)
    check_ours(path)
    part, old = _part(path.parent), _part(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir()
        with _being_written(part):
            yield part
        content = {"made by": "jacklib", "name": path.name} | (mark or {})
        (part / MARK).write_text(json.dumps(content), "utf-8")
        check_ours(path)
        # Killed between the two, `sweep` puts one of them in place: both are whole.
        with suppress(FileNotFoundError):
            os.rename(path, old)
        os.rename(part, path)
    except OSError as error:
        raise _refused(error, path, part) from error
    finally:
        if old.exists() and not os.path.lexists(path):
            os.rename(old, path)
        for folder in (part, old):
            shutil.rmtree(folder, ignore_errors=True)


def read_mark(folder: str | os.PathLike) -> dict:
    """What our mark in a folder says; {} where there is none, or none of ours."""
    with suppress(DataError):
        content = read_table(Path(folder) / MARK)
        return content if content.get("made by") == "jacklib" else {}
    return {}


def check_ours(path: str | os.PathLike) -> None:
    """Raise DataError if `path` is anything but missing, an empty folder, or one of ours."""
    path = Path(path)
    try:
        if path.is_dir() and not path.is_symlink():
            ours = read_mark(path) or not any(path.iterdir())
        else:
            ours = not os.path.lexists(path)
    except OSError as error:
        raise _refused(error, path) from error
    refuse_as("not ours", not ours, path, mark=MARK)


def sweep(folder: str | os.PathLike, depth: int = 2) -> None:
    """Remove what writers that are no longer alive have left half made, `depth` folders deep. A
    folder that was whole already, as its mark says, gets its name, if nothing else has it."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        found, is_folder = _PART.fullmatch(entry.name), entry.is_dir(follow_symlinks=False)
        if not found:
            if depth and is_folder:
                sweep(entry.path, depth - 1)
        elif _alive(int(found[1]), entry.path):
            continue
        elif is_folder:
            with suppress(OSError, DataError):
                place = Path(folder, file_name(read_mark(entry.path).get("name"), entry.path))
                if not os.path.lexists(place):
                    os.rename(entry.path, place)
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            with suppress(OSError):
                os.unlink(entry.path)


def _alive(process: int, part: str) -> bool:
    try:
        os.kill(process, 0)
        return True
    except (ProcessLookupError, OverflowError):
        handle = None
    except OSError:  # it is somebody else's
        return True
    try:
        way = os.O_RDONLY if os.path.isdir(part) else os.O_RDWR | os.O_NONBLOCK
        handle = os.open(part, way | os.O_NOFOLLOW)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # held: see `_being_written`
        return error.errno == errno.EWOULDBLOCK
    finally:
        if handle is not None:
            os.close(handle)
    return False


# --- locks ----------------------------------------------------------------------------------------


@contextmanager
def locked(folder: str | os.PathLike, purpose: str, *, wait: bool = True) -> Iterator[None]:
    """Hold a folder's lock; the system lets go of it even when we are killed.

    purpose: what we do there, for others' messages ("training TSL-Net"). wait: for a process that
    holds it, after one line that says which; otherwise DataError says so at once. Raises DiskError
    if the folder cannot be written.
    """
    folder, told = Path(folder), False
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = _open_lock(folder / LOCK)
        except OSError as error:
            raise DiskError(error, folder) from error
        _HANDLES.add(handle)
        try:
            if _take(handle):
                if not _still_there(handle, folder / LOCK):
                    continue  # whoever held it took its file away: nobody else would see ours
                now = time.strftime("%H:%M:%S")
                about = {"process": os.getpid(), "purpose": purpose, "since": now}
                with suppress(OSError):  # a full disk: then others cannot be told who holds it
                    os.ftruncate(handle, 0)
                    os.pwrite(handle, json.dumps(about).encode(), 0)
                yield
                return
            holder = _holder(handle)
            refuse_as("somebody at work", not wait, folder, holder=holder)
            if not told:
                print(f"{plain(folder)}: waiting for {holder}", file=sys.stderr, flush=True)
                told = True
            time.sleep(0.1)
        finally:
            _let_go(handle)


# A forked child that lives on (a pool's worker) must not keep its parent's locks.
_HANDLES: set[int] = set()


def _forget_handles() -> None:
    while _HANDLES:
        os.close(_HANDLES.pop())


os.register_at_fork(after_in_child=_forget_handles)


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o666)
    except PermissionError:
        if not path.exists() or not os.access(path.parent, os.W_OK):
            raise
        # Another user's: it can be held all the same.
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)


def _take(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # A disk that knows no locks (some network ones) lets everybody in.
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def _let_go(handle: int | None) -> None:
    if handle not in _HANDLES:
        return
    _HANDLES.remove(handle)
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_UN)  # also where a child of ours has not let go yet
    os.close(handle)


def _still_there(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _holder(handle: int) -> str:
    try:
        about = json.loads(os.pread(handle, 1000, 0))
        process, purpose, since = about["process"], about["purpose"], about["since"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"
    return f"process {shown(process)} ({plain(purpose, 80)}, since {plain(since, 20)})"


# --- sets -----------------------------------------------------------------------------------------


def make_set(
    root: str | os.PathLike, made_with: dict, entries: Sequence[str],
    write: Callable[[Path], Any], purpose: str,
) -> Path:  # fmt: skip
    """Make the files and folders `entries` in `root`, beside whatever else is there; return `root`.

    write: fills a folder with the entries; one that it does not make is only taken away.
    made_with: what decides every bit of them. It is kept in root/made_with.json, with how many
    files there are, and is our mark. A set that was made with the same, and has no hole, is left as
    it is: nothing is written, nothing locked. Any other is made anew, and replaced when the new one
    is whole. Killed at any moment, the next call does it.
    Raises DataError if an entry is there without our mark.
    """
    root = Path(root)
    if _set_is_whole(root, made_with):
        sweep(root, 0)  # whoever made it may have been killed while tidying up
        return root
    mark = root / SET_MARK
    there = [name for name in entries if os.path.lexists(root / name)]
    if there and "made by" not in read_table(mark):
        raise error_of("others' set", root / there[0], purpose=purpose)
    with locked(root, purpose):
        if _set_is_whole(root, made_with):  # another process made it while this one waited
            return root
        sweep(root, 0)
        part = _part(root)
        new, old = part / "new", part / "old"
        try:
            for folder in (part, new, old):
                folder.mkdir()
            write(new)
            files = _count(new, entries)
            # From here on what is there is ours, and not whole.
            write_json(mark, {"made by": "jacklib"})
            for name in entries:
                with suppress(FileNotFoundError):
                    os.rename(root / name, old / name)
                if name in files:
                    os.rename(new / name, root / name)
            write_json(mark, {"made by": "jacklib", **made_with, "files": files})
        except OSError as error:
            raise DiskError(error, root) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return root


def _set_is_whole(root: Path, made_with: dict) -> bool:
    mark = read_table(root / SET_MARK)
    files = mark.pop("files", None)
    if mark != {"made by": "jacklib", **made_with} or not isinstance(files, dict):
        return False
    there = _count(root, [name for name in files if "/" not in name])
    return all(there.get(name) == count for name, count in files.items())


def _count(root: Path, entries: Sequence[str]) -> dict[str, int]:
    """How many files there are in every folder; 1 for a file."""
    found = {}
    for entry in entries:
        if (root / entry).is_file():
            found[entry] = 1
        for folder, _, names in os.walk(root / entry):
            name = Path(folder).relative_to(root).as_posix()
            found[name] = sum(not name.startswith(".") for name in names)
    return dict(sorted(found.items()))  # the same on every disk


# --- reads ----------------------------------------------------------------------------------------


@contextmanager
def reading(
    path: str | os.PathLike, wanted: str, cure: str, found: str = "what cannot be read"
) -> Iterator[None]:
    """Around a library's calls on a stranger's file: whatever they raise becomes one DataError.
    Libraries raise far more over a damaged file than they document (fuzzing found up to nine kinds
    in one). Around calls of theirs only: an error of our own code should keep its traceback."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError):
            reason = "more than fits in memory"
        elif isinstance(error, RecursionError):
            reason = "nested too deep"
        elif isinstance(getattr(error, "strerror", None), str):  # the system, or FFmpeg
            reason = error.strerror
        else:
            reason = f"{type(error).__name__}: {plain(' '.join(str(error).split()), 160)}"
        raise DataError(path, found=f"{found} ({reason})", wanted=wanted, cure=cure) from error


def check_file(path: str | os.PathLike, wanted: str, cure: str, largest: int | None = None) -> Path:
    """The path, if there is a plain file there of at most `largest` bytes; else DataError. Pipes
    and devices, which may never end, are refused too."""
    path, found = Path(path), None
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            found = "a folder" if stat.S_ISDIR(about.st_mode) else "no plain file"
        elif largest is not None and about.st_size > largest:
            found = f"{about.st_size:,} bytes, more than {largest:,}"
    except FileNotFoundError:
        found = "no such file"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        found = f"no file ({getattr(error, 'strerror', None) or error})"
    refuse(found, path, found=found, wanted=wanted, cure=cure)
    return path


def read_text(
    path: str | os.PathLike, wanted: str, cure: str, largest: int = LONGEST_TEXT, replace=False
) -> str:
    """A text file in UTF-8 or UTF-16, with or without a byte-order mark, or else in GBK, which is
    said once. Raises DataError naming it and its first bad byte; replace: these become U+FFFD."""
    check_file(path, wanted, cure, largest)
    with reading(path, wanted, cure):
        data = Path(path).read_bytes()
    code = next((code for mark, code in _BYTE_ORDER.items() if data.startswith(mark)), "utf-8-sig")
    if json.detect_encoding(data).startswith("utf-32-"):  # without a mark
        code = json.detect_encoding(data)
    zeros = [data[start:4096:2].count(0) for start in (0, 1)]  # where UTF-16 has them in ASCII
    if code == "utf-8-sig" and max(zeros) > max(min(len(data), 4096) // 8, 9 * min(zeros)):
        code = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    try:
        return data.decode(code)
    except UnicodeDecodeError as error:
        bad = error.start
    text = data.decode(code, "replace")
    # Damaged UTF-8 keeps whole letters of three bytes; GBK, read as that, has hardly any.
    if code == "utf-8-sig" and len(re.findall("[\u0800-\ufffc]", text)) <= text.count("\ufffd"):
        chinese = data.decode("gb18030", "replace")
        # What is Latin-1 gives rare signs. GB 2312 has all usual ones, two bytes each.
        sample = "".join(letter for letter in chinese[:65536] if letter > "\x7f")
        if len(sample.encode("gb2312", "ignore")) >= len(sample):
            if "\ufffd" not in chinese:
                _say_once("%s: no UTF-8; read as GBK", path)
                return chinese
            bad = len(chinese.partition("\ufffd")[0].encode("gb18030"))
    refuse(not replace, path, wanted=wanted, cure=cure, found=f"no text in "
           f"{'UTF-8 or GBK' if '8' in code else code.upper()} (0x{data[bad]:02x} as byte "
           f"{bad + 1}, line {data.count(10, 0, bad) + 1})")  # fmt: skip
    return text


def read_json(
    path: str | os.PathLike, wanted: str = "a JSON file", cure: str = "Fix the file."
) -> Any:
    """What a JSON file holds. Raises DataError naming it."""
    text = read_text(path, wanted, cure)
    with reading(path, wanted, cure, "no valid JSON"):
        return json.loads(text)


def read_table(path: Path, *, needed: bool = False, cure: str = "Fix the file.") -> dict:
    """A JSON file that holds a table; {} where there is none, unless it is `needed`. Raises
    DataError, naming the file, if it is missing though needed, or holds no table."""
    if not needed and not os.path.lexists(path):
        return {}
    content = read_json(path, cure=cure)
    if not isinstance(content, dict):
        raise DataError(path, found=shown(content), wanted="a table", cure=cure)
    return content


def csv_rows(
    text: str, fields: Sequence[str] = (), fits: Callable[[dict], Any] = bool
) -> tuple[list[str], Iterator[tuple[int, dict[str | None, Any]]]]:
    """The columns of a CSV table, in small letters, and of each row its line's number and cells by
    column. Commas, semicolons or tabs are between them. fields: the columns where no line names
    them: where the first one, or what follows its first cell (an index), `fits`.

    As csv.DictReader, but a row lacks the cells that it lacks: that one gives each of them a None,
    and a million short rows under 10,000 columns, 3 MB, are too much for any machine. One row is
    read at a time, so that the first bad one is told of before memory is taken for the others.
    """
    head = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    lines = ([cell.strip() for cell in cells] for cells in reader if cells)
    first = next(lines, [])
    columns = [cell.lower() for cell in first]
    for named in ([*fields], ["", *fields]):
        row = dict(zip(named, first, strict=False))
        if fields and not {*fields} & {*columns} and fits(row):
            columns, lines = named, itertools.chain([first], lines)

    def rows() -> Iterator[tuple[int, dict[str | None, Any]]]:
        for cells in lines:
            row = dict(zip(columns, cells, strict=False))
            more = cells[len(columns) :]
            yield reader.line_num, row | {None: more} if more else row

    return columns, rows()


def csv_text(table: Iterable[Sequence[object]]) -> str:
    """Rows as a CSV file's text. Text that a spreadsheet would take for a formula, as the name of a
    stranger's file can be, gets an apostrophe before it."""

    def harmless(cell: object) -> object:
        return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell

    text = io.StringIO()
    rows = csv.writer(text)  # "\r\n" ends a row: only then is a "\r" in a cell quoted
    rows.writerows(map(harmless, row) for row in table)
    return text.getvalue()


def open_array(path: str | os.PathLike, wanted: str, cure: str) -> np.ndarray:
    """A .npy file's array, its numbers still on disk, so that its shape can be checked before
    memory is taken. Raises DataError, naming the file, unless it holds real numbers."""
    import numpy as np

    path = check_file(path, wanted, cure)
    with reading(path, wanted, cure, "no array"):
        array = np.lib.format.open_memmap(path, "r")  # `np.load` would read pickles and zips, too
        if array.dtype.kind not in "fiu":
            raise ValueError(f"numbers of kind {shown(str(array.dtype))}")
    return array


def read_arrays(path: str | os.PathLike, wanted: str, cure: str) -> dict[str, np.ndarray]:
    """A .npz file's arrays by name. Raises DataError, naming the file, if it is missing, damaged,
    too large unpacked, or holds more than arrays."""
    import numpy as np

    with reading(check_file(path, wanted, cure), wanted, cure):
        with zipfile.ZipFile(path) as packed:
            sizes = [part.file_size for part in packed.infolist()]
            if len(sizes) > MOST_ARRAYS:
                raise ValueError(f"more than {MOST_ARRAYS} arrays")
            if sum(sizes) > LARGEST_ARRAYS:
                raise ValueError(f"unpacked more than {LARGEST_ARRAYS} bytes")
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
