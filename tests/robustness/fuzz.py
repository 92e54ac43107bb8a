"""Damaged files: every reader gets real files with bytes, numbers, words and lines changed.

A reader may succeed or raise DataError, with a message that is short and cannot steer a terminal.
Anything else is bad: another exception, a crash, 10 s of processor time, more memory than 2 GiB
above what the process had, a file that is written anywhere but in the reader's own folder.

A trial is repeated from the seed and its number: `python tests/robustness/fuzz.py READER --seed N
--only NUMBER` writes its damaged file and shows what the reader says.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from robustness.common import Result, Run, environment, listing
from robustness.readers import READERS, Reader, warm_up

SHORT, LONG = 40, 2000  # trials for each reader
SECONDS, MEMORY, STACK = 10, 2 << 30, 8 << 20
BATCH = 200  # trials of one process, then the files around are looked at
LARGEST = 2_000_000  # bytes of a damaged file
KEPT = 5  # damaged files of a reader that are kept
GIVE_UP = 20  # processes of a reader that die
TEXT = (".json", ".csv", ".txt", ".yaml", ".py", ".bvh", "n_frames")
ZIP = (".pth", ".npz")


# --- Damage ---------------------------------------------------------------------------------------


def _place(data: bytes, rng: random.Random) -> int:
    """A place in the file; half of them in its first 256 bytes, where headers are."""
    return rng.randrange(min(len(data), 256) if rng.random() < 0.5 else len(data))


def flipped(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        changed[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwritten(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    place, length = _place(data, rng), rng.choice((1, 1, 2, 4, 16, 256))
    new = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))
    return data[:place] + new + data[place + length :]


def cut(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    kind = rng.randrange(3)
    if kind == 0:
        return data[:place]
    return data[place:] if kind == 1 else data[:place] + data[place + rng.randrange(1, 65) :]


def repeated(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.choice((1, 8, 64, 1024, len(data))))
    times = rng.choice((1, 1, 1, 3, 100, 10_000))
    times = max(1, min(times, (LARGEST - len(data)) // (end - start)))
    return data[:end] + data[start:end] * times + data[end:]


def inserted(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    place = _place(data, rng)
    return data[:place] + rng.randbytes(rng.choice((1, 2, 4, 16, 256))) + data[place:]


def spliced(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    other = rng.choice(others)
    place = rng.randrange(len(data))
    return data[:place] + other[min(place, len(other)) if rng.random() < 0.5 else
                                rng.randrange(len(other)) :]  # fmt: skip


def boosted(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A number of a header (2, 4 or 8 bytes) made huge, negative or zero."""
    size, order = rng.choice((2, 4, 4, 8)), rng.choice(("little", "big"))
    place, top = _place(data, rng), 1 << 8 * size
    old = int.from_bytes(data[place : place + size].ljust(size, b"\0"), order)
    new = rng.choice((0, 1, top - 1, top // 2, top // 2 - 1, old + 1, old - 1, old * 1000, -old,
                      10_000_000, 1 << 31))  # fmt: skip
    return data[:place] + (new % top).to_bytes(size, order) + data[place + size :]


NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")
NUMBERS = (
    b"0", b"-0", b"-1", b"1", b"2", b"1e308", b"-1e308", b"1e-320", b"1e400", b"nan", b"NaN",
    b"inf", b"-Infinity", b"9" * 5000, b"99999999999", b"2147483648", b"-9223372036854775809", b"",
    b"0.5", b"3e4", b"0x10", b"1_0", b"true", b'"1"', b"[]", b"{}", b"null", b"[1, 2]",
    "٣".encode(), b"2020-13-45",
)  # fmt: skip
WORD = re.compile(rb"[A-Za-z_]{2,}")
WORDS = (
    b"", b"../victim", b"../../victim/clip", b"/VICTIM/clip", b"..", b".", b"a/b", b"a\\b", b".git",
    b"\\ud800", "\u202egpj.exe".encode(), b"\x1b[31mred", b"\\u001b[2J", b"a\nb", b"\0", b"a\0b",
    b"\xff\xfe", "\u2028".encode(), "e\u0301".encode(), b"x" * 300, b"y" * 140_000, b"null", b"NaN",
    b"[]", b"{}", b"__class__", b"<script>", b"%s%n", b"!!python/object", b"*a", b"&a", b"=1+1",
)  # fmt: skip
OPENERS = (b"[", b'{"a":', b"(", b"-", b"not ", b"{", b"a.", b"f(", b"*", b"- ", b"&a [*a,")


def number_changed(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    found = list(NUMBER.finditer(data[:100_000]))
    if not found:
        return data
    chosen = rng.choice(found)
    return data[: chosen.start()] + rng.choice(NUMBERS) + data[chosen.end() :]


def word_changed(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    found = list(WORD.finditer(data[:100_000]))
    if not found:
        return data
    chosen, new = (
        rng.choice(found),
        rng.choice((*WORDS, rng.choice(found)[0], rng.choice(found)[0])),
    )
    return data[: chosen.start()] + new + data[chosen.end() :]


def lines_changed(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        lines.insert(j, lines[i])
    elif kind == 1:
        del lines[i]
    elif kind == 2:
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == 3:
        lines[i] = lines[i] + lines[j]
    else:
        many = rng.choice((2, 100, 3000))
        lines[i:i] = [lines[i]] * min(many, (LARGEST - len(data)) // (len(lines[i]) + 1))
    return b"\n".join(lines)


def nested(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    found = list(NUMBER.finditer(data[:100_000])) + list(WORD.finditer(data[:100_000]))
    place = rng.choice(found).start() if found and rng.random() < 0.7 else rng.randrange(len(data))
    depth, opener = rng.choice((3, 90, 1_000, 20_000, 100_000)), rng.choice(OPENERS)
    closer = {b"[": b"]", b"{": b"}", b"(": b")", b"f(": b")", b'{"a":': b"}"}.get(opener, b"")
    inner, rest = b"", data[place:]
    if rng.random() < 0.5:
        inner, rest = b"1" + closer * depth, b", " * (rng.random() < 0.5) + rest
    return data[:place] + opener * depth + inner + rest


def encoded(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    text = data.decode("utf-8", "replace")
    new = rng.choice(("utf-16", "utf-8-sig", "utf-32", "latin-1", "gb18030", "utf-7"))
    return text.encode(new, "replace").replace(b"\n", rng.choice((b"\n", b"\r\n", b"\r")))


def repacked(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A zip archive with a member changed, added, taken out or renamed, and right checksums."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:  # an earlier change has damaged it
        return data
    if not members:
        return data
    i = rng.randrange(len(members))
    name, content = members[i]
    kind = rng.randrange(8)
    if kind == 0:
        del members[i]
    elif kind == 1:
        members.append((rng.choice(("../x", "/x", name, "a\\b", "data.pkl", name + "/")), content))
    elif kind == 2:
        members[i] = (word_changed(name.encode(), [], rng).decode("latin-1") or "x", content)
    elif content:
        members[i] = (name, damaged(content, [c for _, c in members if c], "", rng))
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", rng.choice((0, 0, zipfile.ZIP_DEFLATED))) as archive:
        for name, content in members:
            with contextlib.suppress(Exception):  # a name that no zip can have
                archive.writestr(name, content)
    return packed.getvalue()


BYTES = (flipped, overwritten, cut, repeated, inserted, spliced, boosted, boosted, number_changed)
LINES = (number_changed, number_changed, word_changed, word_changed, lines_changed, nested, encoded)


def damaged(data: bytes, others: list[bytes], name: str, rng: random.Random) -> bytes:
    """A file's content with one change or a few, of the kinds that its name suggests."""
    ways = BYTES
    if name.endswith(TEXT):
        ways = (*BYTES, *LINES, *LINES, *LINES)
    elif name.endswith(ZIP):
        ways = (*BYTES, *[repacked] * len(BYTES))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if data:
            data = rng.choice(ways)(data, others, rng)[:LARGEST]
    return data


# --- Trials ---------------------------------------------------------------------------------------


class Bench:
    """The folder in which a reader is tried.

    root/ is the reader's own; cwd/ the working folder, which stays empty; victim/ what paths in
    damaged files point to; tmp/ for temporary files.
    """

    def __init__(self, reader: Reader, folder: Path, seed: int):
        self.reader, self.folder, self.seed = reader, folder, seed
        self.root = folder / "root"
        for name in ("root", "cwd", "tmp", "victim/clip"):
            (folder / name).mkdir(parents=True)
        (folder / "victim" / "clip" / "notes.txt").write_text("precious", encoding="utf-8")
        self.child(lambda tell: tell(reader.make(self.root)), got := [], limited=False)
        if not got:
            raise RuntimeError(f"{reader.name}: its files could not be made")
        self.names: list[str] = got[0]
        self.seeds = {name: (self.root / name).read_bytes() for name in self.names}

    def damage(self, number: int) -> tuple[str, bytes]:
        """Which file trial `number` changes, and into what."""
        rng = random.Random(f"{self.seed} {self.reader.name} {number}")
        name = rng.choice(self.names)
        alike = [d for n, d in self.seeds.items() if Path(n).suffix == Path(name).suffix]
        data = damaged(self.seeds[name], alike, name, rng)
        return name, data.replace(b"/VICTIM", os.fsencode(self.folder / "victim"))

    def trial(self, number: int) -> str | None:
        """What was wrong in a trial; None if nothing."""
        from jacklib.errors import DataError, plain

        name, data = self.damage(number)
        (self.root / name).write_bytes(data)
        try:
            self.reader.read(self.root, name)
        except DataError as error:
            said = str(error)
            if said != plain(said, 10**9) or len(said) > 6000:
                return f"a message of {len(said)} letters, or one that steers: {plain(said, 200)}"
            cause = error.__cause__  # one with a number is FFmpeg's, which refuses a size unasked
            if isinstance(cause, MemoryError) and not hasattr(cause, "errno"):
                return f"memory for it was taken: {plain(said, 200)}"
        except Exception as error:
            return _last_words(error)
        finally:
            (self.root / name).write_bytes(self.seeds[name])
            shutil.rmtree(self.root / "out", ignore_errors=True)
        return None

    def child(self, work, got: list, *, limited: bool = True) -> int:
        """Run work(tell) in a forked process; what it tells is put into `got`. Returns how it
        ended, as os.waitpid says."""
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(reads)
                os.environ["TMPDIR"] = tempfile.tempdir = str(self.folder / "tmp")
                nothing = os.open(os.devnull, os.O_RDWR)
                for stream in (0, 1, 2) if limited else (0, 1):
                    os.dup2(nothing, stream)
                if limited:
                    self._limit()
                work(lambda what: os.write(writes, json.dumps(what).encode() + b"\n"))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(writes)
        with open(reads, "rb") as stream:
            got += map(json.loads, stream)
        return os.waitpid(child, 0)[1]

    def _limit(self) -> None:
        os.chdir(self.folder / "cwd")
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        size = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for name in ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT"):  # Jittor has its own way
            signal.signal(signal.Signals[name], signal.SIG_DFL)

    def around(self) -> dict:
        """Every file outside the reader's own folder."""
        places = ("cwd", "victim")
        found = {place: listing(self.folder / place) for place in places}
        return found | {"beside": sorted(os.listdir(self.folder))}


def _last_words(error: BaseException) -> str:
    from jacklib.errors import plain

    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}jacklib{os.sep}" in frame.filename]
    place = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}: {plain(error, 160)}{place}"


def attack(reader: Reader, count: int, seed: int, folder: Path, keep: Path) -> list[str]:
    """Try a reader `count` times; returns a line for each trial that went wrong."""
    bench, bad, kept, deaths = Bench(reader, folder, seed), [], 0, 0
    before = bench.around()

    def note(number: int, words: str) -> None:
        nonlocal kept
        name, data = bench.damage(number)
        bad.append(f"seed {seed}, number {number} ({name}): {words}")
        if kept < KEPT:
            kept += 1
            place = keep / reader.name.replace(" ", "_") / f"{number}_{Path(name).name}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)

    def batch(tell) -> None:
        for number in range(first, min(count, first + BATCH)):
            signal.setitimer(signal.ITIMER_PROF, SECONDS)  # ends the process
            signal.setitimer(signal.ITIMER_REAL, 6 * SECONDS)  # on a busy machine, or asleep
            words = bench.trial(number)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            tell([number, words])

    first = 0
    while first < count:
        told: list = []
        status = bench.child(batch, told)
        for number, words in told:
            if words:
                note(number, words)
        last = told[-1][0] if told else first - 1
        if status:
            number, deaths = last + 1, deaths + 1
            ending = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else status
            slow = ending in ("SIGPROF", "SIGALRM")
            note(number, f"no end after {SECONDS} s" if slow else f"the process ended: {ending}")
            for name, data in bench.seeds.items():
                (bench.root / name).write_bytes(data)
            shutil.rmtree(bench.root / "out", ignore_errors=True)
            last = number
        if bench.around() != before:
            bad.append(f"seed {seed}, numbers {first} to {last}: files outside were changed")
            before = bench.around()
        if deaths == GIVE_UP:
            bad.append(f"given up after {last + 1} trials")
            break
        first = last + 1
    return bad


# --- The part -------------------------------------------------------------------------------------


def results(run: Run) -> Iterator[Result]:
    """One result for each reader; in processes of their own, which import Jittor only if needed."""
    groups = []
    for jittor in (False, True):
        names = [reader.name for reader in READERS if reader.jittor is jittor]
        groups += [(jittor, names[i :: run.jobs]) for i in range(run.jobs) if names[i :: run.jobs]]
    found: queue.Queue[Result] = queue.Queue()
    with ThreadPoolExecutor(run.jobs) as pool:
        for number, (jittor, names) in enumerate(groups):
            pool.submit(_worker, run, run.folder / f"fuzz{number}", jittor, names, found.put)
        for _ in READERS:
            yield found.get()


def _worker(run: Run, folder: Path, jittor: bool, names: list[str], tell) -> None:
    """Try some readers in one process; tells a result for each of them, whatever happens."""
    count = run.count or (LONG if run.long else SHORT)
    command = [sys.executable, __file__, *names, "--seed", str(run.seed), "--count", str(count),
               "--folder", str(folder), "--keep", str(run.folder / "keep" / "fuzz")]  # fmt: skip
    left, said = list(names), "it did not start"
    try:
        folder.mkdir()
        with open(folder / "errors", "w+", encoding="utf-8", errors="replace") as errors:
            options = {"env": environment(JACKLIB_NO_JITTOR="01"[not jittor]), "text": True}
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, **options
            ) as process:
                for line in process.stdout:
                    tell(Result(*json.loads(line)))
                    del left[0]
            errors.seek(0)
            said = errors.read().strip()[-600:]
    finally:
        for name in left:
            tell(Result("fuzz", name, 0, [f"not tried, its process ended: {said}"]))


def main(arguments: list[str]) -> int:
    """The process that tries readers, one after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=SHORT)
    parser.add_argument("--only", type=int, help="repeat this trial and show what happens")
    parser.add_argument("--folder", help="scratch")
    parser.add_argument("--keep", default=os.path.join(tempfile.gettempdir(), "jack-fuzz"),
                        help="where damaged files are kept")  # fmt: skip
    args = parser.parse_args(arguments)
    known = {reader.name: reader for reader in READERS}
    warm_up(any(known[name].jittor for name in args.readers))
    with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
        for number, name in enumerate(args.readers):
            folder, reader = Path(scratch).resolve() / str(number), known[name]
            if args.only is not None:
                bench = Bench(reader, folder, args.seed)
                damaged_name, data = bench.damage(args.only)
                Path(args.keep).mkdir(parents=True, exist_ok=True)
                (Path(args.keep) / Path(damaged_name).name).write_bytes(data)
                (bench.root / damaged_name).write_bytes(data)
                reader.read(bench.root, damaged_name)
                continue
            count = max(1, round(args.count * reader.share)) if args.count < LONG else args.count
            bad = attack(reader, count, args.seed, folder, Path(args.keep))
            print(json.dumps(Result("fuzz", name, count, bad)), flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def small_stacks() -> None:
    """Start this process anew where each thread's stack would take much of the memory's limit: who
    has imported Jittor hands 512 MiB down, and four threads would be all that there is room for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if soft == resource.RLIM_INFINITY or soft > STACK:
        resource.setrlimit(resource.RLIMIT_STACK, (STACK, hard))
        os.execv(sys.executable, [sys.executable, *sys.argv])


if __name__ == "__main__":
    small_stacks()
    sys.exit(main(sys.argv[1:]))
