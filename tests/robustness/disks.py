"""Disks that are full, read-only or odd, and other moods of a machine, under every command.

Whatever the mood: the command ends, and with no traceback, no orphan and nothing half made. Where
it cannot do its work it says so in one sentence; and once the mood is over, the same command does
it, to the same bits. Moods that need a mount are left out, by name, where there is no right to one.
"""

from __future__ import annotations

import ctypes
import functools
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from robustness.common import Result, Run
from robustness.workbench import (
    TARGETS,
    Bench,
    Ended,
    Place,
    Target,
    contents,
    difference,
    last_line,
    left_behind,
)

# Signs of a program that broke down in place of saying what is the matter.
BROKEN = ("Traceback (most recent", "Exception ignored", "Segmentation fault", "terminate called",
          "Fatal Python error", "core dumped", "Caught SIG")  # fmt: skip
SHORTLY = ("prepare", "film samples", "gait samples", "doctor")


def _reader(name: str, trained: str, *needs: str, **words: str) -> Target:
    """A command that reads weights and writes what it found."""
    data = {"clips": lambda b: ["--dataset", "ve8", "--video_path", b.clips / "img", "--audio_path",
                                b.clips / "mp3", "--annotation_path", b.clips / "annotations.json"],
            "long": lambda b: ["--data_path", b.long],
            "film": lambda b: ["--video_path", b.videos / "calm" / "v0.mp4"],
            "minute": lambda b: ["--video_path", b.long / "video" / "test" / "bbb_0201.mp4"],
            "walk": lambda b: ["--pose_path", b.checkout / "data_samples" / "gait" / "walks" /
                               "cmu_01_03.csv"]}[words["reads"]]  # fmt: skip
    more = words.get("more", "").split()
    return Target(
        name, (*needs, trained),
        lambda b, out: [*name.split(), *data(b), "--checkpoint_path", b.weights(trained),
                        "--result_path", out, *more],
    )  # fmt: skip


COMMANDS = {
    target.name: target
    for target in (
        *TARGETS.values(),
        _reader("VAANet test", "VAANet main", "clips", reads="clips"),
        _reader("VAANet test_singlevideo", "VAANet main", "clips", reads="film"),
        _reader("CTEN test_singlevideo", "CTEN main", "clips", reads="film"),
        _reader("TSL main_eval", "TSL main", "features", reads="long"),
        _reader("TSL main_inference", "TSL main", "features", reads="minute"),
        _reader("Gait test_single", "Gait main", "gaits", reads="walk", more="--lang zh"),
        Target("doctor", (), lambda bench, out: ["doctor"]),
    )
}
WRITERS = tuple(name for name in COMMANDS if name != "doctor")
SAMPLES = tuple(name for name, target in COMMANDS.items() if target.sample)


# --- Moods ----------------------------------------------------------------------------------------


class Mood(NamedTuple):
    """One way of a machine. `on` is a context manager: (trial) -> what to start the command with,
    and over at its end."""

    name: str
    on: Callable[[Trial], Any]
    works: bool | None = None  # must the command succeed? False: it must not. None: either
    commands: tuple[str, ...] = tuple(COMMANDS)
    mounts: bool = False  # the trial's folder is a disk of its own
    finished: bool = False  # what the command makes is there already
    quiet: bool = False  # it takes the words away


class Trial(NamedTuple):
    """What a mood may change."""

    place: Place
    scratch: Path  # not on the trial's own disk
    makes: int  # bytes that the command writes when undisturbed


def _mount(*words: object) -> bool:
    return subprocess.run(["mount", *map(str, words)], capture_output=True).returncode == 0


def _may_mount(folder: Path) -> bool:
    folder.mkdir()
    if not _mount("-t", "tmpfs", "-o", "size=1m", "none", folder):
        return False
    return subprocess.run(["umount", str(folder)], capture_output=True).returncode == 0


@contextmanager
def _remounted(folder: Path, options: str) -> Iterator[None]:
    # Busy while a process that the other thread starts still holds a file of ours.
    assert any(_mount("-o", f"remount,{options}", folder) or time.sleep(0.2) for _ in range(50))
    try:
        yield
    finally:
        assert _mount("-o", "remount,rw,size=1g", folder)


@contextmanager
def _full(trial: Trial, share: float = 0) -> Iterator[dict]:
    about = os.statvfs(trial.place.folder)
    used = (about.f_blocks - about.f_bfree) * about.f_frsize
    room = used + max(4096, int(share * trial.makes))
    with _remounted(trial.place.folder, f"size={room}"):
        yield {}


@contextmanager
def _read_only(trial: Trial) -> Iterator[dict]:
    with _remounted(trial.place.folder, "ro"):
        yield {}


@contextmanager
def _file_for_a_folder(trial: Trial) -> Iterator[dict]:
    kept = trial.place.folder / "kept"
    trial.place.out.rename(kept)
    trial.place.out.write_text("no folder")
    try:
        yield {}
    finally:
        assert trial.place.out.read_text() == "no folder"
        trial.place.out.unlink()
        kept.rename(trial.place.out)


def _no_rights_of_root() -> None:
    """Permissions hold for root, too, once it has given up to override them."""
    for right in (1, 2, 3):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
        ctypes.CDLL(None).prctl(24, right, 0, 0, 0)  # PR_CAPBSET_DROP


@contextmanager
def _not_permitted(trial: Trial) -> Iterator[dict]:
    folders = [trial.place.out, *(p for p in trial.place.out.rglob("*") if p.is_dir())]
    modes = [folder.stat().st_mode for folder in folders]
    for folder in folders:
        folder.chmod(0o500)
    try:
        yield {"preexec_fn": _no_rights_of_root}
    finally:
        for folder, mode in zip(folders, modes, strict=True):
            folder.chmod(mode)


@contextmanager
def _limited(trial: Trial, kind: int, amount: int) -> Iterator[dict]:
    # In the child, so that neither this process nor its other children have it.
    yield {"preexec_fn": functools.partial(resource.setrlimit, kind, (amount, amount))}


@contextmanager
def _full_disk_in(trial: Trial, variable: str) -> Iterator[dict]:
    disk = trial.scratch / variable
    disk.mkdir(exist_ok=True)
    assert _mount("-t", "tmpfs", "-o", "size=64k", "none", disk)
    try:
        (disk / "filler").write_bytes(bytes(64 * 1024 - 8192))
        yield {"env": {variable: str(disk)}}
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@contextmanager
def _environment(trial: Trial, **values: str) -> Iterator[dict]:
    yield {"env": values}


@contextmanager
def _shell(trial: Trial, redirected: str) -> Iterator[dict]:
    yield {"wrap": ("bash", "-c", f'exec "$@" {redirected}', "bash")}


@contextmanager
def _one_line_is_read(trial: Trial) -> Iterator[dict]:
    # As in a terminal: the exit status is the command's, not head's.
    yield {"wrap": ("bash", "-c", '"$@" | head -1; exit "${PIPESTATUS[0]}"', "bash")}


CLOCK = """
import sys, time
real, begun = time.time, time.time()
def jumping():
    now = real()
    return now + 365 * 86400 * (0, 1, 0, -1)[int((now - begun) / {every}) % 4]
time.time = jumping
"""


@contextmanager
def _jumping_clock(trial: Trial) -> Iterator[dict]:
    folder = trial.scratch / "clock"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(CLOCK.format(every=0.4))
    yield {"env": {"PYTHONPATH": f"{trial.place.checkout}{os.pathsep}{folder}"}}


def _moods() -> list[Mood]:
    part = functools.partial
    return [
        Mood("a disk that is full from the start", _full, False, WRITERS, mounts=True),
        Mood("a disk that fills up half-way", part(_full, share=0.5), None, WRITERS, mounts=True),
        Mood("a read-only disk", _read_only, False, WRITERS, mounts=True),
        Mood("complete samples on a read-only disk", _read_only, True, SAMPLES, mounts=True,
             finished=True),
        Mood("a limit on file sizes (as a quota)",
             part(_limited, kind=resource.RLIMIT_FSIZE, amount=20_000), None, WRITERS),
        Mood("a file where the folder should be", _file_for_a_folder, False,
             tuple(name for name in WRITERS if not COMMANDS[name].sample)),
        Mood("a folder without permission", _not_permitted, False, WRITERS),
        Mood("a full TMPDIR", part(_full_disk_in, variable="TMPDIR"), None, mounts=True),
        Mood("TMPDIR that is not there", part(_environment, TMPDIR="/no/such/folder"), True),
        Mood("a full HOME", part(_full_disk_in, variable="HOME"), None, mounts=True),
        Mood("an empty HOME", part(_environment, HOME=""), True),
        Mood("64 open files at most",
             part(_limited, kind=resource.RLIMIT_NOFILE, amount=64), True),
        Mood("3 GiB of addresses at most",
             part(_limited, kind=resource.RLIMIT_AS, amount=3 * 2**30), None),
        Mood("stdout closed", part(_shell, redirected=">&-"), None),
        Mood("stderr closed", part(_shell, redirected="2>&-"), None, quiet=True),
        Mood("stdout on a full disk", part(_shell, redirected=">/dev/full"), None),
        Mood("a pipe of which one line is read", _one_line_is_read, None, quiet=True),
        Mood("LC_ALL=C without UTF-8",
             part(_environment, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"), True),
        Mood("a clock that jumps by a year", _jumping_clock, True),
    ]  # fmt: skip


# --- Trials ---------------------------------------------------------------------------------------


def results(run: Run) -> Iterator[Result]:
    """Every mood under every command (short: under those that need no Jittor)."""
    names = tuple(COMMANDS) if run.long else SHORTLY
    if run.count:
        names = names[: run.count]
    bench = Bench(run.folder / "bench")
    needs = dict.fromkeys(need for name in names for need in COMMANDS[name].needs)
    bench.make(*sorted(needs, key=lambda need: need in TARGETS))  # data before weights
    may_mount = sys.platform == "linux" and _may_mount(run.folder / "mounted")
    with ThreadPoolExecutor(run.jobs) as pool:
        alone = dict(zip(names, pool.map(lambda n: _alone(bench, run, n), names), strict=True))
        broken = [f"{name}: {last_line(ended)}" for name, (_, _, ended) in alone.items()
                  if ended.code]  # fmt: skip
        if broken:
            yield Result("disks", "undisturbed", len(names), broken)
            return
        for mood in _moods():
            if mood.mounts and not may_mount:
                yield Result("disks", f"left out, no right to mount: {mood.name}", 0, [])
                continue
            chosen = [name for name in names if name in mood.commands]
            bad = list(pool.map(lambda n: _trial(bench, run, n, mood, *alone[n][:2]), chosen))  # noqa: B023
            yield Result("disks", mood.name, len(chosen), [line for lines in bad for line in lines])


def _folder(run: Run, name: str) -> Path:
    return run.folder / name.replace(" ", "_")


def _alone(bench: Bench, run: Run, name: str) -> tuple[dict[str, str], int, Ended]:
    """What a command leaves undisturbed, and the bytes that it wrote."""
    target, folder = COMMANDS[name], _folder(run, name)
    place = target.place(bench, folder / "alone")
    before = _size(place.out)
    ended = bench.start(target.words(bench, place.out), folder / "log", place.checkout).end()
    found = contents(place), _size(place.out) - before, ended
    shutil.rmtree(place.folder)
    return found


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _trial(
    bench: Bench, run: Run, name: str, mood: Mood, wanted: dict[str, str], makes: int
) -> list[str]:
    target, folder = COMMANDS[name], _folder(run, name)
    where, log = folder / "trial", folder / "log"
    where.mkdir(parents=True, exist_ok=True)
    if mood.mounts:
        assert _mount("-t", "tmpfs", "-o", "size=1g", "none", where)
    try:
        place = target.place(bench, where)
        words = target.words(bench, place.out)
        if mood.finished:
            bench.start(words, log, place.checkout).end()
        with mood.on(Trial(place, folder, makes)) as options:
            ended = bench.start(words, log, place.checkout, **options).end()
        problems = _judge(ended, mood) + left_behind(place)
        again = bench.start(target.again(bench, place), log, place.checkout).end()
        if again.code:
            problems.append(f"afterwards: {last_line(again)}")
        else:
            changed = difference(wanted, contents(place))
            problems += [f"afterwards {changed}"] if changed else []
            problems += left_behind(place)
    finally:
        if mood.mounts:
            subprocess.run(["umount", "-l", str(where)], check=True)
    return [f"{name}: {problem}" for problem in problems]


def _judge(ended: Ended, mood: Mood) -> list[str]:
    problems = [f"an orphan: {orphan}" for orphan in ended.orphans]
    problems += [f"{sign!r}: {last_line(ended)}" for sign in BROKEN if sign in ended.said]
    if ended.code == 124:
        problems.append(f"no end: {last_line(ended)}")
    elif ended.code < 0 or ended.code > 128 and ended.code != 141:  # 141: SIGPIPE, as cat has it
        problems.append(f"died: {last_line(ended)}")
    elif mood.works and ended.code:
        problems.append(f"should work: {last_line(ended)}")
    elif mood.works is False and not ended.code:
        problems.append(f"should not work: {last_line(ended)}")
    elif ended.code and not mood.quiet and not ended.said.strip():
        problems.append("no word of why")
    return problems
