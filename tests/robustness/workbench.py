"""What kills, races and disks share: a scratch checkout, small data, commands, and a comparison of
what they leave that forgives only clocks."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from robustness.common import ROOT

STOPPABLE = Path(__file__).with_name("stoppable.py")
LIMIT = 300  # seconds for one command, all of which take seconds: whatever is longer hangs
PART = re.compile(r"\.jack-\d+-[0-9a-f]{8}\.part|.*\.(making|part|unfinished)")
CLASSES = ("calm", "loud")
FILM_KEPT = 3  # clips of the film in a scratch checkout


class Ended(NamedTuple):
    """How a command ended."""

    code: int  # the exit code, -9 where it was killed
    said: str  # on stdout and stderr
    seconds: float
    orphans: list[str]  # processes of it that lived on


class Started:
    """A command in a session of its own, so that what it leaves behind can be found."""

    def __init__(self, command: list, log: Path, *, env: Mapping[str, str], **options):
        self.log, self.begun, self.told = log, time.monotonic(), {}
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "wb") as file:
            streams = {"stdout": file, "stderr": file, "stdin": subprocess.DEVNULL} | options
            self.process = subprocess.Popen(
                list(map(str, command)), env=dict(env), start_new_session=True, **streams
            )

    def running(self) -> bool:
        return self.process.poll() is None

    def seconds(self) -> float:
        return time.monotonic() - self.begun

    def kill(self) -> None:
        """This process alone, as the system does where memory runs out."""
        self.process.kill()

    def end(self, limit: float = LIMIT) -> Ended:
        """Wait for it; after `limit` seconds it is killed, with the code 124."""
        try:
            code = self.process.wait(max(0.1, limit - self.seconds()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = 124
        seconds, orphans = self.seconds(), []
        for _ in range(40):  # children of a process that was killed need a moment to notice
            orphans = _session(self.process.pid)
            if not orphans:
                break
            time.sleep(0.05)
        for process, _ in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        said = self.log.read_bytes().decode("utf-8", "replace")
        return Ended(code, said, seconds, [f"process {p}: {name}" for p, name in orphans])


def _session(leader: int) -> list[tuple[int, str]]:
    """Processes of a session, (number, command), but for those that have ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            after = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            if int(after[3]) == leader and after[0] not in "ZX":
                name = (
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                )
                found.append((int(entry.name), name[:80]))
        except (OSError, IndexError):
            continue
    return found


# --- Data -----------------------------------------------------------------------------------------


def copy_checkout(target: Path) -> Path:
    """This checkout's package and samples as git knows them, of the film a few clips only."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "jacklib",
         "data_samples"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    film = target / "data_samples" / "film"
    annotation = json.loads((film / "film_01.json").read_text("utf-8"))
    for video in sorted((film / "video").rglob("*.mp4"))[FILM_KEPT:]:
        video.unlink()
    kept = {path.stem for path in film.rglob("*.mp4")}
    entries = annotation["database"]
    annotation["database"] = {name: entries[name] for name in entries if name in kept}
    (film / "film_01.json").write_text(json.dumps(annotation), "utf-8")
    return target


def write_film(path: Path, seed: int, seconds: float = 2, size: tuple[int, int] = (64, 48)) -> None:
    """A small film with sound: noise that moves."""
    import av
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        (video.width, video.height), video.pix_fmt = size, "yuv420p"
        sound = container.add_stream("aac", rate=44100, layout="mono")
        for _ in range(round(seconds * 25)):
            coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            picture = np.kron(coarse, np.ones((size[1] // 6, size[0] // 8, 1), np.uint8))
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        for start in range(round(seconds * 44100 / 1024)):
            wave = (0.1 * rng.standard_normal((1, 1024))).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, 1024 * start
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


class Bench:
    """Small data of all kinds in one folder, made once by the commands themselves."""

    def __init__(self, folder: Path):
        # Jittor ends the process that holds it when a child of it is killed, and here many are.
        os.environ["JACKLIB_NO_JITTOR"] = "1"
        self.folder = folder
        self.checkout = copy_checkout(folder / "checkout")
        self.videos, self.clips = folder / "videos", folder / "clips"
        self.long, self.gaits = folder / "long", folder / "gaits"
        for number in range(6):
            write_film(self.videos / CLASSES[number % 2] / f"v{number}.mp4", number)
        film = ROOT / "data_samples" / "untrimmed_film"
        shutil.copytree(film, self.long, ignore=shutil.ignore_patterns("features"))

    def make(self, *what: str) -> Bench:
        """Prepared clips, features of long videos, gaits, a training's weights: what a command
        reads."""
        makes = {
            "clips": ["prepare", self.videos, self.clips, "--short_side", "36"],
            "features": ["TSL", "features", "--data_path", self.long],
            "gaits": ["make", "gait"],
        }
        for name in what:
            checkout = self.checkout
            if name in TARGETS:  # weights that others read
                makes[name] = TARGETS[name].words(self, self.weights(name).parent)
            if name == "gaits":  # in a checkout that is not used again
                checkout = self.folder / "gaits_checkout"
                shutil.copytree(self.checkout, checkout)
            ended = self.start(makes[name], self.folder / f"{name}.log", checkout).end()
            if ended.code:
                raise RuntimeError(f"{' '.join(map(str, makes[name]))}:\n{ended.said[-2000:]}")
            if name == "gaits":
                made = checkout / "data_samples" / "gait" / "made" / "arrays"
                shutil.copytree(made, self.gaits, ignore=shutil.ignore_patterns(".jack*"))
        return self

    def weights(self, name: str) -> Path:
        """Of the target that trains them."""
        return self.folder / name.replace(" ", "_") / "best.pth"

    def start(
        self, words: list, log: Path, checkout: Path | None = None, *, before: tuple = (),
        env: Mapping[str, str] | None = None, wrap: tuple = (), **options: Any,
    ) -> Started:  # fmt: skip
        """Start a command; before: options of stoppable.py; wrap: a command that runs it."""
        checkout = checkout or self.checkout
        given = os.environ | {"PYTHONPATH": str(checkout)} | dict(env or {})
        if words[0] not in ("prepare", "make", "doctor"):
            given.pop("JACKLIB_NO_JITTOR", None)
        plain = not before and words[0] != "make"
        program = ["-m", "jacklib"] if plain else [STOPPABLE, *before]
        command = [*wrap, sys.executable, *program, *words]
        return Started(command, log, env=given, **{"cwd": checkout} | options)


# --- Commands to try ------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where one trial works: nobody else does."""

    folder: Path
    checkout: Path
    out: Path  # what the command makes, and what is compared


class Target(NamedTuple):
    """One command that writes."""

    name: str
    needs: tuple[str, ...]  # of Bench.make
    words: Callable[[Bench, Path], list]  # by the folder that it writes to
    sample: str = ""  # it writes into this folder of a checkout, which is its own then
    trains: bool = False
    begin: Callable[[Bench, Path], None] | None = None  # puts into the folder what must be there

    def place(self, bench: Bench, folder: Path) -> Place:
        """A fresh place in `folder`, which is emptied."""
        folder.mkdir(parents=True, exist_ok=True)
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        checkout, out = bench.checkout, folder / "out"
        if self.sample:
            checkout = folder / "checkout"
            shutil.copytree(bench.checkout, checkout)
            out = checkout / self.sample
        out.mkdir(exist_ok=True, parents=True)
        if self.begin:
            self.begin(bench, out)
        (folder / "victim").mkdir()
        (folder / "victim" / "thesis.txt").write_text("precious")
        (out / "notes of the user.txt").write_text("precious")
        return Place(folder, checkout, out)

    def again(self, bench: Bench, place: Place) -> list:
        """The words that go on where an earlier process stopped."""
        words, last = self.words(bench, place.out), place.out / "last.pth"
        return [*words, "--resume", last] if self.trains and last.exists() else words


def _clips(network: str, *more: str) -> Callable[[Bench, Path], list]:
    return lambda bench, out: [
        network, "main", "--dataset", "ve8", "--settings", "classroom",
        "--video_path", bench.clips / "img", "--audio_path", bench.clips / "mp3",
        "--annotation_path", bench.clips / "annotations.json", "--result_path", out,
        "--sample_size", "32", "--batch_size", "2", "--n_epochs", "3", "--save_every", "1", *more,
    ]  # fmt: skip


def _prepared_before(bench: Bench, out: Path) -> None:
    shutil.copytree(bench.clips, out, dirs_exist_ok=True)


def _two_videos(bench: Bench, out: Path) -> None:
    for split, number in (("train", 0), ("test", 1)):
        target = out / "video" / split / f"film_{number}.mp4"
        target.parent.mkdir(parents=True)
        shutil.copy(bench.videos / CLASSES[number] / f"v{number}.mp4", target)


TARGETS = {
    target.name: target
    for target in (
        Target("prepare", (), lambda b, out: ["prepare", b.videos, out, "--short_side", "36"]),
        Target("prepare --overwrite", ("clips",),
               lambda b, out: ["prepare", b.videos, out, "--short_side", "42", "--overwrite"],
               begin=_prepared_before),
        Target("TSL features", (), lambda b, out: ["TSL", "features", "--data_path", out],
               begin=_two_videos),
        Target("film samples", (), lambda b, out: ["make", "film"], sample="data_samples/film"),
        Target("rendered samples", (), lambda b, out: ["make", "rendered"],
               sample="data_samples/rendered"),
        Target("untrimmed samples", (), lambda b, out: ["make", "untrimmed"],
               sample="data_samples/untrimmed_rendered"),
        Target("gait samples", (), lambda b, out: ["make", "gait"], sample="data_samples/gait"),
        Target("VAANet main", ("clips",), _clips("VAANet"), trains=True),
        Target("CTEN main", ("clips",), _clips("CTEN", "--seq_len", "4"), trains=True),
        Target("TSL main", ("features",), lambda b, out: [
            "TSL", "main", "--data_path", b.long, "--settings", "classroom", "--result_path", out,
            "--lr", "[0.001]*6", "--batch_size", "2", "--evaluate_every", "2", "--save_every", "1",
        ], trains=True),
        Target("Gait main", ("gaits",), lambda b, out: [
            "Gait", "main", "--data_path", b.gaits, "--settings", "classroom", "--result_path",
            out, "--batch_size", "8", "--n_epochs", "3", "--drops", "2", "--save_every", "1",
        ], trains=True),
    )
}  # fmt: skip


# --- What they leave ------------------------------------------------------------------------------

CLOCKS = {
    "seconds",
    "forward_s",
    "iteration_s",
    "memory_mb",
    "since",
    "made",
}  # of time, not of work


def contents(place: Place) -> dict[str, str]:
    """Every file of a place's results with a hash of what it says, clocks and paths left out."""
    found = {}
    for path in sorted(place.out.rglob("*")):
        name = path.relative_to(place.out).as_posix()
        if path.is_file() and "tensorboard/" not in name and path.name != ".jack.lock":
            with contextlib.suppress(FileNotFoundError):
                found[name] = hashlib.sha256(_words(path, place)).hexdigest()
    for path in sorted((place.folder / "victim").rglob("*")):
        found[f"victim/{path.name}"] = path.read_text("utf-8")
    return found


def _words(path: Path, place: Place) -> bytes:
    if path.name == "last.pth":  # best.pth is compared as it is
        from jacklib.weights.torch_files import read_torch_file

        return _plain(read_torch_file(path))
    data = path.read_bytes()
    if path.suffix in (".json", ".csv", ".txt"):
        text = data.decode("utf-8").replace(str(place.folder), "PLACE")
        if path.suffix == ".json":
            return _plain(json.loads(text))
        if path.name == "log.csv":
            return _plain([dict(row) for row in csv.DictReader(io.StringIO(text))])
        return text.encode()
    return data


def _plain(value: Any) -> bytes:
    if isinstance(value, Mapping):
        kept = {key: part for key, part in value.items() if key not in CLOCKS}
        if isinstance(kept.get("sums"), list):
            kept["sums"] = kept["sums"][:3]  # the fourth is the time so far
        return b"{" + b"".join(str(k).encode() + b":" + _plain(v) for k, v in kept.items()) + b"}"
    if isinstance(value, (list, tuple)):
        return b"[" + b",".join(map(_plain, value)) + b"]"
    if hasattr(value, "tobytes"):
        return f"{value.dtype}{value.shape}".encode() + value.tobytes()
    return repr(value).encode()


def difference(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """In one line what is missing, too many or different; "" where nothing is."""
    parts = [
        ("missing", sorted(wanted.keys() - found.keys())),
        ("too many", sorted(found.keys() - wanted.keys())),
        ("different", sorted(n for n in wanted.keys() & found.keys() if wanted[n] != found[n])),
    ]
    words = [f"{word}: {', '.join(names[:4])} ({len(names)})" for word, names in parts if names]
    return "; ".join(words)


def left_behind(place: Place) -> list[str]:
    """What should have been taken away: half-made files and folders."""
    return [
        f"left behind: {path.relative_to(place.folder)}"
        for path in place.folder.rglob("*") if PART.fullmatch(path.name)
    ]  # fmt: skip


def last_line(ended: Ended) -> str:
    """What a command said last, for a report."""
    lines = [line for line in ended.said.replace("\r", "\n").splitlines() if line.strip()]
    return f"code {ended.code}: {lines[-1][:200]}" if lines else f"code {ended.code}, no words"
