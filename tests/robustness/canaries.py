"""Every way to run code from a file, to leave a folder or to reach elsewhere, each with a canary.

A case works in a folder of its own: work/ is the working folder, `canary` in it is a path at which
no file may ever appear, and victim/ holds files that must stay as they are. It may succeed or raise
DataError. Pickles are tried on Python's own reader first, to see that their canary can sing.
"""

from __future__ import annotations

import argparse
import builtins
import contextlib
import http.server
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unicodedata
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from robustness import readers
from robustness.common import ROOT, Result, Run, environment, listing

SECONDS = 60  # for one case
RUN = ["bash", str(ROOT / "script" / "run.sh")]


class Place:
    """The folder of one case."""

    def __init__(self, folder: Path):
        self.work, self.canary, self.victim = folder / "work", folder / "canary", folder / "victim"
        self.work.mkdir(parents=True)
        (self.victim / "clip").mkdir(parents=True)
        (self.victim / "clip" / "notes.txt").write_text("precious", encoding="utf-8")
        (self.victim / "notes.txt").write_text("precious", encoding="utf-8")


Case = tuple[str, Callable[[Place], object]]  # what it is, and the attack


# --- Pickles --------------------------------------------------------------------------------------


class Call:
    """What its pickle says: call `function` with these arguments."""

    def __init__(self, function, *arguments):
        self.what = function, arguments

    def __reduce__(self):
        return self.what


def programs(canary: Path) -> dict[str, bytes]:
    """Pickles that would make the canary, by all instructions that call something."""
    name = str(canary)
    touch = f"touch '{name}'"
    code = f"open({name!r}, 'w').close()"

    def short(text: str) -> bytes:
        return b"\x8c" + bytes([len(text.encode())]) + text.encode()

    def text(value: str) -> bytes:
        return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()

    system = b"cposix\nsystem\n"
    call = system + b"(" + text(touch) + b"t"
    calls = {
        "os.system": Call(os.system, touch),
        "builtins.exec": Call(builtins.exec, code),
        "builtins.eval": Call(builtins.eval, code),
        "builtins.open": Call(builtins.open, name, "w"),
        "subprocess.Popen": Call(subprocess.check_call, ["touch", name]),
        "an OrderedDict's item": OrderedDict(a=Call(os.system, touch)),
        "a dict's key": {(1, Call(os.system, touch)): 2},
    }
    found = {f"{n}, protocol {p}": pickle.dumps(c, p) for n, c in calls.items() for p in (0, 2, 4)}
    return found | {
        "GLOBAL, REDUCE": b"\x80\x02" + call + b"R.",
        "STACK_GLOBAL": b"\x80\x04" + short("posix") + short("system") + b"\x93(" + text(touch)
        + b"tR.",
        "INST": b"(" + text(touch) + b"iposix\nsystem\n.",
        "OBJ": b"\x80\x02(" + system + text(touch) + b"o.",
        "NEWOBJ": b"\x80\x02csubprocess\nPopen\n(](" + text("touch") + text(name) + b"et\x81.",
        "NEWOBJ_EX": b"\x80\x04csubprocess\nPopen\n(](" + text("touch") + text(name)
        + b"et}\x92.",
        "BUILD by __setstate__": b"\x80\x02ccollections\nOrderedDict\n)R}" + text("__setstate__")
        + system + b"sb" + text(touch) + b"b.",
        "a default factory": b"\x80\x02ccollections\ndefaultdict\n" + system + b"\x85R.",
        "EXT1": b"\x80\x02\x82\x01(" + text(touch) + b"tR.",
        "EXT4": b"\x80\x02\x84\x01\0\0\0(" + text(touch) + b"tR.",
        "a name with dots": b"\x80\x04" + short("os") + short("path.os.system") + b"\x93("
        + text(touch) + b"tR.",
        "builtins.getattr": b"\x80\x02cbuiltins\ngetattr\n(cbuiltins\n__import__\n(" + text("os")
        + b"tR" + text("system") + b"tR(" + text(touch) + b"tR.",
        "numpy _reconstruct of a foreign class": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n("
        b"csubprocess\nPopen\nK\0\x85C\x01btR.",
        "torch's _load_from_bytes": b"\x80\x02ctorch.storage\n_load_from_bytes\n(B"
        + len(call + b"R.").to_bytes(4, "little") + call + b"R.tR.",
        "hooks of a tensor": b"\x80\x02ctorch._utils\n_rebuild_parameter\n(N\x89" + call + b"RtR.",
        "a persistent name": b"\x80\x02(" + text("storage") + call + b"R" + text("0") + text("cpu")
        + b"K\x01tQ.",
        "argparse.Namespace's class": b"\x80\x02cargparse\nNamespace\n)R}" + text("__class__")
        + call + b"Rsb.",
        "after the end": b"\x80\x02N." + call + b"R.",
    }  # fmt: skip


# Python itself does not call with these alone: they need PyTorch, a registered extension, a class
# that does harm when it is made, or a second load.
SILENT = ("NEWOBJ", "EXT1", "EXT4", "BUILD by __setstate__", "a default factory", "numpy _recon",
          "torch's", "hooks", "a persistent", "after the end")  # fmt: skip


def pickles() -> Iterator[Case]:
    from jacklib.weights.torch_files import read_torch_file

    def proved(name: str, place: Place) -> None:
        if not name.startswith(SILENT):
            with contextlib.suppress(Exception):
                child = pickle.loads(programs(place.canary)[name])
                if isinstance(child, subprocess.Popen):
                    child.wait()
            if not place.canary.exists():
                raise AssertionError("its canary cannot sing")
            place.canary.unlink()

    def zipped(path: Path, program: bytes, names=("archive/data.pkl",)) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, program)

    def legacy(path: Path, program: bytes) -> None:
        head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
        path.write_bytes(b"".join(pickle.dumps(x, 2) for x in head) + program + pickle.dumps([], 2))

    def bare(path: Path, program: bytes) -> None:
        path.write_bytes(program)

    for name in programs(Path("canary")):
        for write in (zipped, legacy, bare):

            def attack(place: Place, name=name, write=write) -> None:
                proved(name, place)
                path = place.work / "model.pth"
                write(path, programs(place.canary)[name])
                read_torch_file(path)

            yield f"{name}, {write.__name__}", attack

    for member in ("../data.pkl", "/data.pkl", "../../victim/notes.txt", "a\\..\\data.pkl"):

        def unpacked(place: Place, member=member) -> None:
            path = place.work / "model.pth"
            zipped(path, pickle.dumps({}, 2), ("archive/data.pkl", member, "../canary"))
            read_torch_file(path)

        yield f"a zip's member {member}", unpacked


def arrays() -> Iterator[Case]:
    """Arrays of objects are pickles."""
    from jacklib.data.gait import read_arrays, read_pose
    from jacklib.data.tsl300 import read_logmel, read_rgb
    from jacklib.porting.recording import Recording

    def of_objects(place: Place, folder: Path, name: str, kind: str) -> Path:
        content = np.array([[Call(os.system, f"touch '{place.canary}'")]] * 3, dtype=object)
        if kind == "an .npz":
            np.savez(place.work / "a.npz", facts=content, v0=content)
            os.replace(place.work / "a.npz", folder / name)
        elif kind == "a bare pickle":
            (folder / name).write_bytes(programs(place.canary)["os.system, protocol 2"])
        else:
            with open(folder / name, "wb") as file:
                np.save(file, content, allow_pickle=True)
        return folder / name

    readers_of_one = {"walk.npy": read_pose, "rgb.npy": read_rgb, "logmel.npy": read_logmel,
                      "answer.npz": Recording.load}  # fmt: skip
    for kind in ("an .npy", "an .npz", "a bare pickle"):
        for name, read in readers_of_one.items():

            def attack(place: Place, name=name, read=read, kind=kind) -> None:
                with contextlib.suppress(Exception if name == "answer.npz" else ()):
                    read(of_objects(place, place.work, name, kind))

            yield f"{name} as {kind}", attack

        def of_gaits(place: Place, kind=kind) -> None:
            readers.make_gait_arrays(place.work)
            of_objects(place, place.work / "arrays", "test_label.npy", kind)
            read_arrays(place.work / "arrays", "test")

        yield f"test_label.npy as {kind}", of_gaits


def yaml_tags() -> Iterator[Case]:
    from jacklib.methods.gait_config import read_config

    for tag in (
        "!!python/object/apply:os.system [\"touch 'CANARY'\"]",
        "!!python/object/apply:subprocess.check_call [[touch, CANARY]]",
        "!!python/object/new:os.system [\"touch 'CANARY'\"]",
        "!!python/object/apply:builtins.exec [\"open('CANARY', 'w')\"]",
        "!!python/object/apply:builtins.open [CANARY, w]",
        "!!python/object:subprocess.Popen {}",
        "!!python/name:os.system",
        "!!python/module:antigravity",
        "!<tag:yaml.org,2002:python/object/apply:os.system> [\"touch 'CANARY'\"]",
    ):
        for line in ("seed: ", "? ", "model_args: {num_class: "):

            def attack(place: Place, tag=tag, line=line) -> None:
                text = line + tag.replace("CANARY", str(place.canary)) + "}" * ("{" in line)
                (place.work / "train.yaml").write_text(text + "\n", encoding="utf-8")
                read_config(place.work / "train.yaml")

            yield line + tag, attack


# --- Files that point to others -------------------------------------------------------------------


def hdf5() -> Iterator[Case]:
    """Gaits that lie in another file must not be read."""
    import h5py

    from jacklib.data.prepare_gait import prepare_gait

    def external_link(file, other: Path) -> None:
        file["walk 0"] = h5py.ExternalLink(str(other), "/walk 0")

    def external_storage(file, other: Path) -> None:
        shape = readers.walk(50).reshape(50, 48).shape
        file.create_dataset("walk 0", shape, "f8", external=[(str(other), 0, h5py.h5f.UNLIMITED)])

    def virtual(file, other: Path) -> None:
        layout = h5py.VirtualLayout((50, 48), "f8")
        layout[:] = h5py.VirtualSource(str(other), "walk 0", (50, 48))
        file.create_virtual_dataset("walk 0", layout)

    for way in (external_link, external_storage, virtual):

        def attack(place: Place, way=way) -> None:
            readers.make_h5(place.work)
            other = place.victim / "features.h5"
            shutil.copy(place.work / "features.h5", other)
            with h5py.File(place.work / "features.h5", "r+") as file:
                del file["walk 0"]
                way(file, other)
            os.unlink(place.work / "split_test.txt")
            prepare_gait(place.work, place.work / "out", skip_bad=True, test_share=0.4)
            other.unlink()  # it was not there when the victim was looked at
            names = json.loads((place.work / "out" / "gait.json").read_text())
            if "walk 0" in names["train"] + names["test"]:
                raise AssertionError("the gait of another file was read")

        yield way.__name__, attack


PLAYLISTS = {
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nURL\n#EXT-X-ENDLIST\n",
    "HLS, master": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nURL\n",
    "DASH": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4"><Representation '
    'id="1" bandwidth="1"><BaseURL>URL</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "concat": "ffconcat version 1.0\nfile 'URL'\n",
    "concat, plain": "file 'URL'\nduration 1\n",
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:URL\n",
    "PLS": "[playlist]\nFile1=URL\nLength1=-1\nNumberOfEntries=1\nVersion=2\n",
    "ASX": '<ASX version="3.0"><ENTRY><REF HREF="URL"/></ENTRY></ASX>',
    "RTSP text": "RTSPtextURL\r\n",
    "SMIL": '<smil><body><video src="URL"/></body></smil>',
    "image sequence": "URL",
}


def playlists() -> Iterator[Case]:
    """Nothing may be fetched, and the film that a playlist names must not be shown."""
    from jacklib.data.audio import read_audio
    from jacklib.data.prepare import prepare_one_video, read_frames
    from jacklib.data.tsl_features import video_facts

    def whole(path: Path) -> object:
        return prepare_one_video(path, Path("out/img/clip"), Path("out/mp3/clip.mp3"))

    ways = {"frames": lambda path: len(list(read_frames(path, short_side=32))), "prepare": whole,
            "facts": video_facts, "sound": read_audio}  # fmt: skip

    def opened(place: Place, path: Path) -> None:
        said = []
        for name, read in ways.items():
            try:
                read(path)
            except _data_error():
                continue
            said.append(name)
        if said:
            raise AssertionError(f"read as a film: {', '.join(said)}")

    for kind, text in PLAYLISTS.items():
        for ending in (".mp4", ".mkv", ".avi", ".wav"):
            for target in ("an address", "another film"):

                def attack(place: Place, text=text, ending=ending, target=target) -> None:
                    readers.write_film(place.work / "secret.mp4", "mpeg4", "aac", 40)
                    with _listening() as (port, asked):
                        url = f"http://127.0.0.1:{port}/film.ts"
                        url = url if target == "an address" else "secret.mp4"
                        path = place.work / f"film{ending}"
                        path.write_text(text.replace("URL", url), encoding="utf-8")
                        opened(place, path)
                    if asked:
                        raise AssertionError(f"asked for {asked}")

                yield f"{kind} as {ending}, to {target}", attack

    # Names that mean something to FFmpeg, of files that are not there.
    for name in ("concat:secret.mp4|secret.mp4", "pipe:0", "-", "file:secret.mp4", "fd:0",
                 "subfile,,start,0,end,0,,:secret.mp4", "cache:secret.mp4", "async:secret.mp4",
                 "http://127.0.0.1:PORT/film.mp4", "tcp://127.0.0.1:PORT", "data:video/mp4,x",
                 "lavfi:testsrc", "/dev/zero", "secret%01d.mp4", "/dev/stdin"):  # fmt: skip

        def missing(place: Place, name=name) -> None:
            readers.write_film(place.work / "secret.mp4", "mpeg4", "aac", 40)
            with _listening() as (port, asked):
                opened(place, Path(name.replace("PORT", str(port))))
                if asked:
                    raise AssertionError(f"asked for {asked}")

        yield f"the name {name}", missing

    # The same names, of real files: only the file itself is read.
    for name in ("concat:secret.mp4", "pipe:0", "-", "file:secret.mp4", "cache:secret.mp4",
                 "film%01d.mp4", "data:video.mp4"):  # fmt: skip

        def there(place: Place, name=name) -> None:
            readers.write_film(place.work / "secret.mp4", "mpeg4", "aac", 240)
            readers.write_film(place.work / "own.mp4", "mpeg4", "aac", 24)
            os.replace("own.mp4", name)
            with contextlib.suppress(_data_error()):
                count = ways["frames"](Path(name))
                if count > 60:
                    raise AssertionError("another film was read")

        yield f"a file called {name}", there


@contextlib.contextmanager
def _listening():
    """A server on this machine: (its port, what was asked of it)."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle(self):
            asked.append("a connection")

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --- Names ----------------------------------------------------------------------------------------

NAMES = ("../victim", "../../victim", "..", ".", "VICTIM", "VICTIM/clip", "a/../../../victim",
         "..\\..\\victim", "C:\\victim", "../victim/clip", ".hidden", "a/b", "~/x", "x\0y",
         "\x1b[2J", "x\ny", "y" * 300, "\ud800", " ", "./../victim/clip")  # fmt: skip


def _name(name: str, place: Place) -> str:
    return name.replace("VICTIM", str(place.victim))


def names() -> Iterator[Case]:
    from jacklib.data.prepare import prepare_videos
    from jacklib.data.tsl300 import UntrimmedVideos
    from jacklib.data.video import SamplePaths, VideoClips

    def source(place: Place) -> Path:
        (place.work / "source" / "Joy").mkdir(parents=True)
        readers.write_film(place.work / "source" / "clip.mp4", "mpeg4", "aac")
        shutil.copy(place.work / "source" / "clip.mp4", place.work / "source" / "Joy" / "other.mp4")
        return place.work / "source"

    def table(place: Place, clip: str, label: str, kind: str) -> Path:
        path = place.work / f"table.{kind}"
        if kind == "csv":
            import csv

            with open(path, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
                csv.writer(file).writerows([["id", "label"], [clip, label], ["other", "Joy"]])
        else:
            entry = {"subset": "training", "annotations": {"label": label}}
            good = {"subset": "training", "annotations": {"label": "Joy"}}
            labels = list(dict.fromkeys([label, "Joy"]))
            path.write_text(
                json.dumps({"labels": labels, "database": {clip: entry, "other": good}})
            )
        return path

    for name in NAMES:
        for kind in ("csv", "json"):

            def label(place: Place, name=name, kind=kind) -> None:
                given = table(place, "clip", _name(name, place), kind)
                prepare_videos(source(place), place.work / "out" / "target", annotations=given,
                               short_side=32, overwrite=True, progress=False)  # fmt: skip

            def clip(place: Place, name=name, kind=kind) -> None:
                # The video is where such an ID would be looked for, too.
                folder = source(place)
                with contextlib.suppress(OSError, ValueError, UnicodeError):
                    beside = Path(f"{folder / _name(name, place)}.mp4")
                    if beside.resolve().is_relative_to(place.work):
                        beside.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copy(folder / "clip.mp4", beside)
                given = table(place, _name(name, place), "Joy", kind)
                prepare_videos(folder, place.work / "out" / "target", annotations=given,
                               short_side=32, overwrite=True, progress=False)  # fmt: skip

            yield f"prepare: label {name[:30]!r} in a {kind}", label
            yield f"prepare: ID {name[:30]!r} in a {kind}", clip

        def clips(place: Place, name=name) -> None:
            readers.make_clips(place.work)
            bad = table(place, "a", _name(name, place), "json")
            VideoClips(SamplePaths(place.work / "img", place.work / "mp3", bad), "training")
            raise AssertionError("a label that leaves the folder is taken")

        if name not in (" ", ".hidden"):
            yield f"clips: label {name[:30]!r}", _expecting_refusal(clips)

        def split(place: Place, name=name) -> None:
            readers.make_untrimmed(place.work)
            for kind in ("rgb", "logmfcc"):  # the features lie where the ID leads
                old = place.work / "features" / "train" / kind / "1_a.npy"
                with contextlib.suppress(OSError, ValueError, UnicodeError):
                    new = Path(f"{old.parent / _name(name, place)}.npy")
                    if new.resolve().is_relative_to(place.work):
                        new.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copy(old, new)
            for file in place.work.rglob("*"):
                if file.suffix in (".txt", ".json", ".csv"):
                    text = file.read_text().replace("1_a", _name(name, place))
                    file.write_text(text, encoding="utf-8", errors="surrogatepass")
            UntrimmedVideos(place.work, "train")
            raise AssertionError("an ID that leaves the folder is taken")

        if "/" in name or "\\" in name or ".." in name:
            yield f"TSL: split ID {name[:30]!r}", _expecting_refusal(split)


def _expecting_refusal(attack: Callable[[Place], None]) -> Callable[[Place], None]:
    def refused(place: Place) -> None:
        with contextlib.suppress(_data_error()):
            attack(place)

    return refused


def links() -> Iterator[Case]:
    """Symbolic links where something is to be written: none is followed to a file or folder
    elsewhere."""
    from jacklib import files
    from jacklib.data.prepare import prepare_videos
    from jacklib.data.prepare_gait import prepare_gait
    from jacklib.data.tsl_features import extract_features
    from jacklib.weights.torch_files import write_torch_file

    def link(place: Place, inside: str, victim: str) -> None:
        path = place.work / "out" / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(place.victim / victim)

    for inside, victim in (
        ("img", ""), ("img/Joy", ""), ("img/Joy/clip", "clip"), ("mp3", ""), ("mp3/Joy", ""),
        ("mp3/Joy/clip.mp3", "notes.txt"), ("annotations.json", "notes.txt"),
        ("img/prepared.json", "notes.txt"), ("img/Joy/clip/n_frames", "notes.txt"),
        ("img/Joy/clip/000001.jpg", "notes.txt"), ("img/Joy/.clip.part", "clip"),
        (".jack.lock", "new"), ("img/.jack.lock", "new"),
    ):  # fmt: skip

        def prepared(place: Place, inside=inside, victim=victim) -> None:
            (place.work / "source" / "Joy").mkdir(parents=True)
            readers.write_film(place.work / "source" / "Joy" / "clip.mp4", "mpeg4", "aac")
            link(place, inside, victim)
            from jacklib.errors import DiskError

            with contextlib.suppress(DiskError):
                prepare_videos(place.work / "source", place.work / "out", short_side=32,
                               overwrite=True, progress=False)  # fmt: skip

        yield f"prepare: TARGET/{inside} leads to {victim or 'a folder'}", prepared

    for inside in ("fps_dict.json", "time.json", ".fps_dict.json.part", "features/made_with.json",
                   "features/train/rgb/clip.npy", "features/train/rgb/.clip.npy.part",
                   "features/train/logmfcc/clip.npy"):  # fmt: skip

        def described(place: Place, inside=inside) -> None:
            film = place.work / "out" / "video" / "train" / "clip.mp4"
            film.parent.mkdir(parents=True)
            readers.write_film(film, "mpeg4", "aac")
            link(place, inside, "notes.txt")
            extract_features(place.work / "out", threads=1, progress=False)

        yield f"TSL features: {inside} leads to a file", described

    for inside in ("gait.json", "train_joint.npy", ".train_joint.npy.part"):

        def gaits(place: Place, inside=inside) -> None:
            readers.make_h5(place.work)
            link(place, inside, "notes.txt")
            prepare_gait(place.work, place.work / "out")

        yield f"prepare gait: {inside} leads to a file", gaits

    def weights(place: Place) -> None:
        link(place, "best.pth", "notes.txt")
        write_torch_file(place.work / "out" / "best.pth", {"a": np.ones(3)})

    def text(place: Place) -> None:
        link(place, "log.csv", "notes.txt")
        files.write_text(place.work / "out" / "log.csv", "new")

    def replaced(place: Place) -> None:
        link(place, "made", "clip")
        with files.whole_folder(place.work / "out" / "made"):
            pass

    yield "weights: best.pth leads to a file", weights
    yield "a text file leads to a file", text
    yield "a folder to replace leads to a folder", replaced


# --- With Jittor: text models, notebook 10, checkpoints -------------------------------------------

MODULE = "open(CANARY, 'w').close()\n"


def bert_folders() -> Iterator[Case]:
    from jacklib.methods.text import TextEncoder

    def load(place: Place, **changes: dict) -> None:
        """changes: what is put into which of the folder's JSON files."""
        readers.make_bert(place.work)
        for name in ("evil.py", "tokenization_evil.py", "modeling_evil.py", "__init__.py"):
            (place.work / name).write_text(MODULE.replace("CANARY", repr(str(place.canary))))
        for file, added in changes.items():
            path = place.work / f"{file}.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | added))
        TextEncoder.load(place.work)

    auto = {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"],
                         "AutoConfig": "evil.Config", "AutoModel": "evil.Model"},
            "trust_remote_code": True}  # fmt: skip
    yield "auto_map in config.json", lambda place: load(place, config=auto)
    yield "auto_map in tokenizer_config.json", lambda place: load(place, tokenizer_config=auto)
    own = {"tokenizer_class": "evil.Tokenizer", "custom_pipelines": {"x": {"impl": "evil.X"}}}
    yield "a tokenizer class of the folder's", lambda place: load(place, tokenizer_config=own)
    remote = {"auto_map": {"AutoTokenizer": ["someone/model--evil.Tokenizer", None]}}
    yield "code of another model", lambda place: load(place, tokenizer_config=remote)

    for kind, path in (("evil.Step", ""), ("sentence_transformers.models.Transformer", "../victim"),
                       ("sentence_transformers.models.Pooling", "/VICTIM")):  # fmt: skip

        def steps(place: Place, kind=kind, path=path) -> None:
            readers.make_bert(place.work)
            (place.work / "evil.py").write_text(MODULE.replace("CANARY", repr(str(place.canary))))
            step = {"idx": 0, "name": "0", "path": path.replace("/VICTIM", str(place.victim)),
                    "type": kind}  # fmt: skip
            (place.work / "modules.json").write_text(json.dumps([step]))
            TextEncoder.load(place.work)

        yield f"modules.json: {kind} at {path!r}", steps

    def weights(place: Place) -> None:
        readers.make_bert(place.work)
        os.unlink(place.work / "model.safetensors")
        program = programs(place.canary)["os.system, protocol 2"]
        (place.work / "pytorch_model.bin").write_bytes(program)
        TextEncoder.load(place.work)

    yield "a pickle as pytorch_model.bin", weights


def own_videos() -> Iterator[Case]:
    """What notebook 10 and test_singlevideo do with names."""
    from jacklib.methods import clips, vaanet
    from jacklib.methods.page import page
    from jacklib.networks import VAANetConfig
    from jacklib.teaching.own_video import uploaded

    for name in (*NAMES, "", "/", "..mp4", "a.mp4/", ".jack.json", "con.mp4\0.sh"):

        def upload(place: Place, name=name) -> None:
            folder = place.work / "uploads"
            path = uploaded([{"name": _name(name, place), "content": b"film"}], folder)
            if path is None or path.resolve().parent != folder.resolve():
                raise AssertionError(f"written to {path}")

        yield f"upload called {name[:30]!r}", upload

    for name in ("...mp4", ".hidden.mp4", "a b.mp4", "<img src=x>.mp4", "\x1b[2J.mp4"):

        def one(place: Place, name=name) -> None:
            readers.write_film(place.work / "film.mp4", "mpeg4", "aac")
            os.replace("film.mp4", name)
            config = VAANetConfig.classroom(n_classes=4)
            clips.one_clip(place.work / name, lambda p: clips.open_clips(config, p, "validation"))

        yield f"one film called {name!r}", one

    def markup(place: Place) -> None:
        name = "<img src=x onerror=alert(1)>.mp4"
        if "<img src=x" in page([], name):
            raise AssertionError("markup in a film's name gets into the page")

    yield "markup in a film's name", markup

    for name in NAMES:

        def class_name(place: Place, name=name) -> None:
            """A checkpoint's class names never become a path."""
            from jacklib.weights.checkpoint import save_weights

            net = vaanet.VAANet(VAANetConfig.classroom(n_classes=4))
            options = asdict(VAANetConfig.classroom(n_classes=4)) | {"network": "VAANet"}
            options["class_names"] = [_name(name, place), "b", "c", "d"]
            save_weights(net, place.work / "evil.pth", options)
            readers.write_film(place.work / "clip.mp4", "mpeg4", "aac")
            done = subprocess.run(
                [sys.executable, "-m", "jacklib", "VAANet", "test_singlevideo", "--video_path",
                 "clip.mp4", "--checkpoint_path", "evil.pth", "--result_path", "out"],
                capture_output=True, text=True, env=environment(JACKLIB_NO_JITTOR="0"),
            )  # fmt: skip
            _check_output(done)

        if os.environ.get("JACK_LONG"):  # it compiles kernels
            yield f"a checkpoint's class {name[:30]!r}", class_name


# --- The command line: Python files that lie about, names in a terminal ---------------------------

MODULES = ("jittor", "jittor_utils", "jittor_core", "av", "torch", "six", "re", "json", "cv2",
           "os", "sitecustomize", "usercustomize", "numpy", "jacklib", "runpy", "encodings", "pip",
           "yaml", "tqdm", "h5py", "librosa", "transformers", "packaging", "start")  # fmt: skip


def modules() -> Iterator[Case]:
    """Python files in the working folder and in the folder for temporary files are not imported."""

    def laid(place: Place) -> dict[str, str]:
        """Puts them there; returns the environment in which a command is run."""
        for folder in (place.work, place.work / "tmp"):
            folder.mkdir(exist_ok=True)
            code = MODULE.replace("CANARY", repr(str(place.canary)))
            for name in MODULES:
                (folder / f"{name}.py").write_text(code)
            for name in ("numpy", "jacklib", "PIL"):
                (folder / name).mkdir()
                for part in ("__init__", "__main__"):
                    (folder / name / f"{part}.py").write_text(code)
        kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "JACKLIB_NO_JITTOR")}
        # The environment that this runs in, so that none is set up.
        kept |= {"VIRTUAL_ENV": sys.prefix, "PIP_NO_INDEX": "1"}
        return kept | {"TMPDIR": str(place.work / "tmp")}

    commands = (
        "--help", "prepare --help", "VAANet --help", "TSL main --help", "doctor", "cuda --help",
        "porting check FILE", "prepare gait --help", "prepare . out",
    )  # fmt: skip
    for command in commands:

        def typed(place: Place, command=command) -> None:
            kept = laid(place)
            film = readers.SAMPLES / "film" / "video" / "Joy" / "bbb_0120.mp4"
            (place.work / "Joy").mkdir()
            shutil.copy(film, place.work / "Joy")
            words = command.replace("FILE", str(ROOT / "jacklib" / "core" / "erasing.py")).split()
            done = subprocess.run([*RUN, *words], env=kept, capture_output=True, text=True)
            if done.returncode:
                raise AssertionError(f"it returned {done.returncode}: {done.stderr[-300:]}")

        yield f"run.sh {command}", typed

    def python(place: Place, code: str, **changes: str) -> str:
        kept = laid(place) | {"PYTHONPATH": str(ROOT), "JACKLIB_NO_JITTOR": "1"} | changes
        code = "import sys; sys.path[:] = [p for p in sys.path if p]\n" + code
        done = subprocess.run(
            [sys.executable, "-c", code], env=kept, capture_output=True, text=True
        )
        if done.returncode:
            raise AssertionError(f"it returned {done.returncode}: {done.stderr[-300:]}")
        return done.stdout

    yield (
        "find_torch",
        lambda place: python(
            place, "from jacklib.backend.torch_process import find_torch\nprint(find_torch())"
        ),
    )

    def first_compile(place: Place) -> None:
        """The child that compiles Jittor, given a Jittor that imports what the real one does."""
        stand_in = place.work / "stand_in"
        (stand_in / "jittor").mkdir(parents=True)
        code = "import cv2, json, numpy, re, six, tqdm\nopen('{}', 'w').close()\n"
        (stand_in / "jittor" / "__init__.py").write_text(code.format(place.work / "ran"))
        (stand_in / "jittor_core.py").write_text("__file__ = 'core.so'\n")
        python(
            place,
            "from jacklib.backend import runtime\nruntime.first_compile()",
            PYTHONPATH=f"{ROOT}{os.pathsep}{stand_in}",
            HOME=str(place.work / "home"),
            JITTOR_HOME=str(place.work / "home"),
        )
        if not (place.work / "ran").exists():
            raise AssertionError("the stand-in did not run: this case must be fixed")

    yield "the first compile's child", first_compile


def terminal() -> Iterator[Case]:
    """Names of files, classes and gaits cannot steer a terminal."""
    evil = "a\x1b[2J\u202ex"

    def run(place: Place, *words: str) -> None:
        done = subprocess.run([sys.executable, "-m", "jacklib", *words], capture_output=True,
                              text=True, env=environment(JACKLIB_NO_JITTOR="1"))  # fmt: skip
        _check_output(done)

    def prepared(place: Place) -> None:
        (place.work / "source" / evil).mkdir(parents=True)
        (place.work / "source" / evil / f"{evil}.mp4").write_bytes(b"no film")
        (place.work / "source" / f"{evil} empty").mkdir()
        readers.write_film(place.work / "good.mp4", "mpeg4", "aac", 8)  # too short
        os.replace("good.mp4", place.work / "source" / evil / f"{evil} 2.mp4")
        run(place, "prepare", "source", "out")

    def gaits(place: Place) -> None:
        from jacklib.data.gait import Gait, write_gaits

        pose = readers.walk()
        write_gaits(place.work, [Gait(f"{i} {evil}", pose * (i != 1), 0) for i in range(5)])
        run(place, "prepare", "gait", ".", "out", "--skip_bad", "--test_share", "0.5")

    def missing(place: Place) -> None:
        run(place, "prepare", evil, "out")

    def options(place: Place) -> None:
        run(place, "prepare", ".", "out", "--annotations", f"{evil}.csv")

    yield "prepare", prepared
    yield "prepare gait", gaits
    yield "a folder that is not there", missing
    yield "a table that is not there", options


def _check_output(done: subprocess.CompletedProcess) -> None:
    text = done.stdout + done.stderr
    if "Traceback" in text:
        raise AssertionError(f"a traceback: {text[-300:]}")
    signs = {s for s in text if unicodedata.category(s) in ("Cc", "Cf") and s not in "\n\r\t"}
    if signs:
        raise AssertionError(f"{signs} in what it prints")


# --- The part -------------------------------------------------------------------------------------

GROUPS = {
    "pickles": pickles, "arrays of objects": arrays, "YAML tags": yaml_tags, "HDF5": hdf5,
    "playlists": playlists, "names": names, "links": links, "BERT folders": bert_folders,
    "own videos": own_videos, "Python files": modules, "terminal": terminal,
}  # fmt: skip
JITTOR = ("BERT folders", "own videos")


def results(run: Run) -> Iterator[Result]:
    """One result for each group of cases, each in a process of its own."""
    for number, group in enumerate(GROUPS):
        folder = run.folder / f"canaries{number}"
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, __file__, group, str(folder)], capture_output=True, text=True,
            env=environment(JACKLIB_NO_JITTOR="01"[group not in JITTOR],
                            JACK_LONG="1" if run.long else ""),
        )  # fmt: skip
        try:
            count, bad = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            count, bad = 0, [f"the process ended with {done.returncode}: {done.stderr[-600:]}"]
        yield Result("canaries", group, count, bad)
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """The process that tries one group."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group", choices=GROUPS)
    parser.add_argument("folder", nargs="?", help="scratch")
    args = parser.parse_args(arguments)
    said, sys.stdout = sys.stdout, open(os.devnull, "w")
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        bad, count = [], 0
        for name, attack in GROUPS[args.group]():
            words = _tried(attack, Path(folder).resolve() / str(count))
            count += 1
            if words:
                bad.append(f"{name}: {words}")
        os.chdir("/")
    print(json.dumps([count, bad]), file=said)
    return 0


def _tried(attack: Callable[[Place], object], folder: Path) -> str | None:
    """What was wrong; None if nothing."""
    from jacklib.errors import plain

    place = Place(folder)
    os.chdir(place.work)
    before, beside = listing(place.victim), set(os.listdir(folder))
    words = None

    def late(*_) -> None:
        raise TimeoutError(f"no end after {SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        attack(place)
    except _data_error():
        pass
    except Exception as error:
        words = f"{type(error).__name__}: {plain(error, 400)}"
    finally:
        signal.alarm(0)
    if place.canary.exists():
        words = f"THE CANARY SANG. {words or ''}"
    elif listing(place.victim) != before:
        words = f"files elsewhere were changed. {words or ''}"
    elif set(os.listdir(folder)) != beside:
        words = f"written beside: {set(os.listdir(folder)) - beside}. {words or ''}"
    os.chdir("/")
    shutil.rmtree(folder, ignore_errors=True)
    return words


def _data_error() -> type[Exception]:
    from jacklib.errors import DataError

    return DataError


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
