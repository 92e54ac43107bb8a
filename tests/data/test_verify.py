"""`verify`: sound data sets of each layout give no problem, and every planted fault is named."""

import json
import re
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
import soundfile
from PIL import Image
from support import ROOT
from support.commands import jack
from support.untrimmed import HEADER, write_root

from jacklib.data import video
from jacklib.data.gait import Gait, read_pose, write_gaits
from jacklib.data.prepare import prepare_videos
from jacklib.data.prepare_gait import prepare_gait
from jacklib.data.video import VideoClips, listed, read_annotation
from jacklib.errors import DataError
from jacklib.measure import verify as module
from jacklib.measure.verify import verify
from jacklib.samples import SamplePaths

SPLITS = ROOT / "data_samples" / "splits"
FRAMES = 20  # of each clip


# --- Sound data sets ------------------------------------------------------------------------------


def write_clip(root, label, clip, seed, n_frames=FRAMES):
    folder = root / "img" / label / clip
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (32, 48, 3), dtype=np.uint8)
    for number in range(1, n_frames + 1):
        Image.fromarray(np.roll(picture, number, axis=1)).save(folder / f"{number:06d}.jpg")
    (folder / "n_frames").write_text(str(n_frames))
    write_sound(root, label, clip, rng.normal(0, 0.1, 16000 * n_frames // 30))


def write_sound(root, label, clip, wave):
    path = root / "mp3" / label / f"{clip}.mp3"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, 16000, format="MP3")


def write_clips(root):
    """Two classes, three clips of each; the third is for validation."""
    database = {}
    for seed, clip in enumerate(["a1", "a2", "a3", "j1", "j2", "j3"]):
        label = {"a": "Anger", "j": "Joy"}[clip[0]]
        subset = "validation" if clip[1] == "3" else "training"
        database[clip] = {"subset": subset, "annotations": {"label": label}}
        write_clip(root, label, clip, seed)
    write_annotation(root, database)
    return root


def write_annotation(root, database, labels=("Anger", "Joy")):
    content = json.dumps({"labels": list(labels), "database": database})
    (root / "annotations.json").write_text(content)


def database_of(root):
    return json.loads((root / "annotations.json").read_text())["database"]


def write_videos(root):
    """TSL-300's layout: 2_a and 10_b for training, 3_c for the test."""
    write_root(root)
    lines = "n,0,30,36,2_a,32\np,1,78,84,2_a,80\np,1,0,4,10_b,2\n"
    for number in range(3):
        (root / "point_gaussian" / "train" / f"point_anno_{number}.txt").write_text(HEADER + lines)
    (root / "point_gaussian" / "point_labels.csv").write_text(HEADER + lines)
    (root / "time.json").write_text(json.dumps({"2_a": 6.5, "10_b": 6.4, "3_c": 6.0}))
    return root


def some_gaits(n=16):
    walk = read_pose(ROOT / "data_samples" / "gait" / "walks" / "cmu_01_03.csv").pose
    return [Gait(f"walk_{k:02d}", walk[: len(walk) - k % 4] * (1 + k / 100), k % 4)
            for k in range(n)]  # fmt: skip


def write_walks(root):
    """Emotion-Gait's layout: 16 gaits, four of each emotion."""
    root.mkdir(parents=True, exist_ok=True)
    write_gaits(root, some_gaits())
    return root


def write_arrays(root):
    """What `prepare gait` makes of 32 gaits, eight of which are for the test."""
    write_gaits(root, some_gaits(32))
    names = "".join(f"walk_{k:02d}\n" for k in range(24, 32))
    (root / "split_test.txt").write_text(names)
    prepare_gait(root, root / "arrays")
    for name in ("features.h5", "labels.h5", "split_test.txt"):
        (root / name).unlink()
    return root / "arrays"


MAKERS = {"clips": ("VAANet", write_clips), "videos": ("TSL", write_videos),
          "walks": ("Gait", write_walks), "arrays": ("Gait", write_arrays)}  # fmt: skip


@pytest.fixture(scope="module")
def sound_sets(tmp_path_factory):
    return {kind: make(tmp_path_factory.mktemp(kind)) for kind, (_, make) in MAKERS.items()}


@pytest.fixture
def copy_of(sound_sets, tmp_path):
    def copy(kind):
        return shutil.copytree(sound_sets[kind], tmp_path / kind)

    return copy


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("kind", MAKERS)
def test_a_sound_data_set_has_no_problem(sound_sets, kind, quick):
    report = verify(MAKERS[kind][0], sound_sets[kind], quick=quick, threads=2)
    assert report.problems == [] and report.ok and report.complete
    assert "Nothing is wrong." in report.table()


def test_what_verifies_is_what_the_loader_reads(sound_sets):
    root = sound_sets["clips"]
    paths = SamplePaths(root / "img", root / "mp3", root / "annotations.json")
    for subset, count in (("training", 4), ("validation", 2)):
        clips = VideoClips(paths, subset)
        assert len([clips.load(i) for i in range(len(clips))]) == count
        assert not clips.errors


# --- Planted faults -------------------------------------------------------------------------------


def clip(root, *names):
    return root.joinpath("img", "Anger", "a1", *names)


def feature(root, kind="rgb", video="2_a", split="train"):
    return root / "features" / split / kind / f"{video}.npy"


def change(path, edit):
    """Change what a JSON file or an array holds."""
    if path.suffix == ".json":
        content = json.loads(path.read_text())
        path.write_text(json.dumps(edit(content) or content))
    else:
        array = np.load(path)
        result = edit(array)
        np.save(path, array if result is None else result)


def entry(root, name, edit):
    change(root / "annotations.json", lambda table: edit(table["database"][name]))


def put(key, value):
    """Something that sets an item, for `change`."""

    def edit(content):
        content[key] = value

    return edit


def paint(root, color):
    for path in clip(root).glob("*.jpg"):
        Image.new("RGB", (48, 32), color).save(path)


def rewrite(root, edit):
    """Change the gaits of an h5 pair: edit(gaits) gives them anew."""
    write_gaits(root, edit(some_gaits()))


def pose_of(edit):
    """The third gait's pose changed."""

    def changed(gaits):
        gaits[2] = gaits[2]._replace(pose=edit(gaits[2].pose))
        return gaits

    return changed


def copy_clip(root, label, name, subset):
    for place in ("img", "mp3"):
        ending = ".mp3" if place == "mp3" else ""
        source, target = root / place / "Anger" / f"a1{ending}", root / place / label
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, target / f"{name}{ending}")
    change(root / "annotations.json", lambda table: put(
        name, {"subset": subset, "annotations": {"label": label}})(table["database"]))  # fmt: skip


def double_in_json(root, subset):
    path = root / "annotations.json"
    again = f'{{"a1": {{"subset": "{subset}", "annotations": {{"label": "Anger"}}}}, "a1": '
    path.write_text(path.read_text().replace('{"a1": ', again))


def nan_at(*place):
    return put(place, np.nan)


TRUNCATED = lambda path: path.write_bytes(path.read_bytes()[:-400])  # noqa: E731
POINTS = "point_gaussian/train/point_anno_1.txt"

# (name, data set, what is done to its folder, the kind of problem, what the file's name ends in)
FAULTS = [
    ("a frame is truncated", "clips", lambda r: TRUNCATED(clip(r, "000007.jpg")),
     "unreadable", "a1/000007.jpg"),
    ("a frame is empty", "clips", lambda r: clip(r, "000007.jpg").write_bytes(b""),
     "unreadable", "a1/000007.jpg"),
    ("a frame has another size", "clips",
     lambda r: Image.new("RGB", (32, 32)).save(clip(r, "000007.jpg")), "size", "a1/000007.jpg"),
    ("a frame is missing", "clips", lambda r: clip(r, "000007.jpg").unlink(),
     "hole", "a1/000007.jpg"),
    ("n_frames is too small", "clips", lambda r: clip(r, "n_frames").write_text("18"),
     "n_frames", "a1/n_frames"),
    ("n_frames is too large", "clips", lambda r: clip(r, "n_frames").write_text("23"),
     "unreadable", "a1/000023.jpg"),
    ("n_frames is no number", "clips", lambda r: clip(r, "n_frames").write_text("many"),
     "unreadable", "a1/n_frames"),
    ("a clip is short", "clips", lambda r: [
        shutil.rmtree(clip(r)), write_clip(r, "Anger", "a1", 9, n_frames=10)],
     "unreadable", "Anger/a1"),
    ("a clip is marked as unusable", "clips", lambda r: clip(r, "n_frames").write_text("0"),
     "unreadable", "Anger/a1"),
    ("a clip is black", "clips", lambda r: paint(r, (3, 3, 3)), "black", "Anger/a1"),
    ("a clip is frozen", "clips", lambda r: paint(r, (90, 20, 200)), "frozen", "Anger/a1"),
    ("a clip's frames are missing", "clips", lambda r: shutil.rmtree(clip(r)),
     "unreadable", "Anger/a1"),
    ("a clip lies under another class", "clips",
     lambda r: clip(r).rename(r / "img" / "Joy" / "a1"), "unused", "Joy/a1"),
    ("a clip's sound is missing", "clips", lambda r: (r / "mp3/Joy/j2.mp3").unlink(),
     "unreadable", "j2.mp3"),
    ("a clip's sound is damaged", "clips", lambda r: (r / "mp3/Joy/j2.mp3").write_bytes(b"x" * 999),
     "unreadable", "j2.mp3"),
    ("a clip's sound is silent", "clips", lambda r: write_sound(r, "Joy", "j2", np.zeros(10000)),
     "silent", "j2.mp3"),
    ("a clip's sound is too long", "clips",
     lambda r: write_sound(r, "Joy", "j2", np.sin(np.arange(40000))), "length", "j2.mp3"),
    ("a clip is there twice", "clips", lambda r: copy_clip(r, "Joy", "j9", "training"),
     "doubled", "Joy/j9"),
    ("a training clip is in validation", "clips",
     lambda r: copy_clip(r, "Joy", "j9", "validation"), "leak", "Joy/j9"),
    ("an ID is in both subsets", "clips", lambda r: double_in_json(r, "validation"),
     "leak", "annotations.json"),
    ("an ID is there twice", "clips", lambda r: double_in_json(r, "training"),
     "doubled", "annotations.json"),
    ("a label is none of the classes", "clips",
     lambda r: entry(r, "a1", lambda e: put("label", "Rage")(e["annotations"])),
     "table", "annotations.json"),
    ("a class has no validation clip", "clips",
     lambda r: entry(r, "a3", put("subset", "training")), "empty class", "annotations.json"),
    ("a class is nobody's", "clips", lambda r: change(r / "annotations.json", put(
        "labels", ["Anger", "Joy", "Trust"])), "unused", "annotations.json"),
    ("no entry for a folder", "clips", lambda r: write_clip(r, "Joy", "j7", 7), "unused", "Joy/j7"),
    ("names differ in capitals", "clips", lambda r: [
        write_clip(r, "Anger", "A1", 8), change(r / "annotations.json", lambda t: put(
            "A1", t["database"]["a2"])(t["database"]))], "alike", "annotations.json"),
    ("names differ in Unicode form", "clips", lambda r: [
        copy_clip(r, "Anger", name, "training") for name in ("é", "e\u0301")],
     "alike", "annotations.json"),
    ("an ID is no name", "clips", lambda r: change(r / "annotations.json", lambda t: put(
        "../a1", t["database"]["a1"])(t["database"])), "unreadable", "annotations.json"),
    ("the annotation is cut off", "clips",
     lambda r: (r / "annotations.json").write_text('{"labels": ['), "table", "annotations.json"),

    ("features are missing", "videos", lambda r: feature(r).unlink(), "unreadable", "rgb/2_a.npy"),
    ("features have a NaN", "videos", lambda r: change(feature(r), nan_at(3, 5)),
     "unreadable", "rgb/2_a.npy"),
    ("features are of another width", "videos", lambda r: change(feature(r), lambda a: a[:, :999]),
     "unreadable", "rgb/2_a.npy"),
    ("features are truncated", "videos", lambda r: TRUNCATED(feature(r)),
     "unreadable", "rgb/2_a.npy"),
    ("sound is much longer than the picture", "videos",
     lambda r: change(feature(r, "logmfcc"), lambda a: np.tile(a, (3, 1))),
     "unreadable", "logmfcc/2_a.npy"),
    ("features are constant", "videos", lambda r: change(feature(r), lambda a: a * 0),
     "frozen", "rgb/2_a.npy"),
    ("sound is silent", "videos", lambda r: change(feature(r, "logmfcc"), lambda a: a * 0 - 80),
     "frozen", "logmfcc/2_a.npy"),
    ("features are of half the video", "videos", lambda r: change(r / "time.json", put("2_a", 13)),
     "length", "time.json"),
    ("a segment is after the end", "videos", lambda r: change(r / "gt.json", lambda t: put(
        "segment", ["1", "30"])(t["database"]["3_c"]["annotations"][0])), "segment", "gt.json"),
    ("a segment ends before it starts", "videos", lambda r: change(r / "gt.json", lambda t: put(
        "segment", ["3", "1"])(t["database"]["3_c"]["annotations"][0])),
     "table", "gt.json, '3_c'"),
    ("a test video has no segment", "videos", lambda r: change(r / "gt.json", lambda t: put(
        "annotations", [])(t["database"]["3_c"])), "segment", "gt.json"),
    ("a video has no truth", "videos", lambda r: change(
        r / "gt.json", lambda t: {"database": {"3_c": t["database"]["3_c"]}}), "table", "gt.json"),
    ("a rate cannot be", "videos", lambda r: change(r / "fps_dict.json", put("2_a", 0)),
     "table", "fps_dict.json"),
    ("a point is outside its segment", "videos", lambda r: (r / POINTS).write_text(
        HEADER + "n,0,30,36,2_a,40\np,1,0,4,10_b,2\n"), "point", "point_anno_1.txt, line 2"),
    ("a point is after the end", "videos", lambda r: [
        (r / "point_gaussian/train" / f"point_anno_{n}.txt").write_text(
            HEADER + "n,0,990,999,2_a,992\np,1,0,4,10_b,2\n") for n in range(3)],
     "unreadable", "point_gaussian, video '2_a'"),
    ("a training video has no point", "videos", lambda r: [
        (r / "point_gaussian/train" / f"point_anno_{n}.txt").write_text(
            HEADER + "p,1,0,4,10_b,2\n") for n in range(3)], "table", "point_gaussian/train"),
    ("a point is of no class", "videos", lambda r: (r / POINTS).write_text(
        HEADER + "x,0,30,36,2_a,32\n"), "table", "point_anno_1.txt, line 2"),
    ("a video is in both splits", "videos", lambda r: (r / "split_test.txt").write_text(
        "3_c\n2_a\n"), "leak", "split_*.txt"),
    ("a test video's features are a training video's", "videos", lambda r: shutil.copy(
        feature(r), feature(r, video="3_c", split="test")), "leak", "train/rgb/2_a.npy"),
    ("features of no ID", "videos", lambda r: shutil.copy(feature(r), feature(r, video="5_d")),
     "unused", "rgb/5_d.npy"),
    ("a split is missing", "videos", lambda r: (r / "split_test.txt").unlink(),
     "table", "split_test.txt"),

    ("a gait has a NaN", "walks", lambda r: rewrite(r, pose_of(lambda p: p * np.nan)),
     "unreadable", "gait 2, frame 0, root"),
    ("a gait does not move", "walks", lambda r: rewrite(r, pose_of(lambda p: p * 0 + p[:1])),
     "frozen", "features.h5, walk_02"),
    ("a gait is upside down", "walks", lambda r: rewrite(r, pose_of(lambda p: p * [1, -1, 1])),
     "upright", "features.h5, walk_02"),
    ("a file has other axes", "walks", lambda r: rewrite(r, lambda gaits: [
        g._replace(pose=g.pose[..., [0, 2, 1]]) for g in gaits]), "upright", "features.h5"),
    ("a label is of another range", "walks", lambda r: rewrite(r, lambda gaits: [
        g._replace(label=g.label + 1) for g in gaits]), "unreadable", "'walk_03', gait 3"),
    ("a gait has no label", "walks", lambda r: h5py.File(r / "labels.h5", "a").pop("walk_03"),
     "unreadable", "labels.h5"),
    ("a gait is there twice", "walks", lambda r: rewrite(r, lambda gaits: [
        *gaits, gaits[0]._replace(name="walk_99")]), "doubled", "features.h5, walk_99"),
    ("an emotion has no gait", "arrays", lambda r: change(
        r / "test_label.npy", put(slice(None), 2)), "empty class", "test_joint.npy"),
    ("a features file is damaged", "walks",
     lambda r: (r / "features.h5").write_bytes(b"no HDF5 at all"), "table", "features.h5"),
    ("labels are missing", "walks", lambda r: (r / "labels.h5").unlink(), "table", "labels.h5"),

    ("arrays are of different N", "arrays", lambda r: change(
        r / "train_movement.npy", lambda a: a[1:]), "table", "train_movement.npy"),
    ("an array has a NaN", "arrays", lambda r: change(
        r / "train_affective.npy", nan_at(4, 7)), "table", "train_affective.npy, gait 4"),
    ("a label is no emotion", "arrays", lambda r: change(r / "test_label.npy", put(3, 4)),
     "table", "test_label.npy, gait 3"),
    ("an array is missing", "arrays", lambda r: (r / "test_joint.npy").unlink(),
     "table", "test_joint.npy"),
    ("a name is in both splits", "arrays", lambda r: change(
        r / "gait.json", lambda t: put(0, "walk_00")(t["test"])), "leak", "gait.json"),
    ("a training gait is in the test", "arrays", lambda r: change(
        r / "test_joint.npy", put(0, np.load(r / "train_joint.npy")[0])),
     "leak", "train_joint.npy, walk_00"),
]  # fmt: skip


@pytest.mark.parametrize("kind, plant, problem, file", [f[1:] for f in FAULTS],
                         ids=[f[0] for f in FAULTS])  # fmt: skip
def test_planted_faults_are_named_with_file_and_cure(copy_of, kind, plant, problem, file):
    root = copy_of(kind)
    plant(root)
    report = verify(MAKERS[kind][0], root, threads=2)
    named = [p for p in report.problems if p.kind == problem and p.file.endswith(file)]
    assert named, report.problems
    for p in named:
        assert p.found and p.wanted and len(p.cure) > 10
    assert report.ok == all(p.kind == "unused" for p in report.problems)
    assert named[0].file in report.table() and named[0].cure in report.table()


def test_there_are_enough_faults_and_one_fault_is_one_problem(copy_of):
    assert len(FAULTS) >= 25
    root = copy_of("clips")
    clip(root, "000007.jpg").write_bytes(b"")
    assert len(verify("CTEN", root).problems) == 1


def test_what_the_system_refuses_is_one_problem(sound_sets, monkeypatch):
    root = sound_sets["clips"]

    def refused(folder):
        raise PermissionError(13, "Permission denied", str(folder / "n_frames"))

    count = lambda folder: refused(folder) if folder.name == "a1" else FRAMES  # noqa: E731
    monkeypatch.setattr(video, "count_frames", count)
    (problem,) = verify("VAANet", root).problems
    assert problem.kind == "unreadable" and problem.file.endswith("a1/n_frames")
    assert problem.found == "Permission denied" and "permissions" in problem.cure


def test_an_entry_that_a_later_one_hides_may_be_anything(copy_of):
    root = copy_of("clips")
    path = root / "annotations.json"
    path.write_text(path.read_text().replace('{"a1": ', '{"a1": 7, "a1": '))
    assert [p.kind for p in verify("VAANet", root).problems] == ["table"]


def test_quick_looks_at_three_images(copy_of):
    root = copy_of("clips")
    clip(root, "000007.jpg").write_bytes(b"")
    assert verify("VAANet", root, quick=True).ok
    clip(root, "000001.jpg").write_bytes(b"")
    assert not verify("VAANet", root, quick=True).ok


# --- Official splits ------------------------------------------------------------------------------


@pytest.mark.parametrize("name, counts", [
    ("ve8_01", (731, 367)), ("ve8_04", (863, 219)), ("ek6_01", (819, 818)),
])  # fmt: skip
def test_official_splits_are_known_and_differences_named(copy_of, name, counts):
    root = copy_of("clips")
    table = json.loads((SPLITS / f"{name}.json").read_text())
    first, second, *_ = table["database"]
    changed = table["database"][first]
    other = "validation" if changed["subset"] == "training" else "training"
    changed["subset"] = other
    del table["database"][second]
    (root / "annotations.json").write_text(json.dumps(table))
    report = verify("VAANet", root, quick=True)
    wrong = {p.found.partition(":")[0] for p in report.problems if p.kind == "not official"}
    assert wrong == {first, second}
    official = [sum(row[3] or 0 for row in report.counts if row[0] == split)
                for split in module.SUBSETS]  # fmt: skip
    assert tuple(official) == counts
    assert sum(row[2] for row in report.counts) == sum(counts) - 1
    assert f"official split {name}.json" in report.table()


def test_without_an_annotation_the_data_sets_official_split_is_taken(copy_of):
    root = copy_of("clips")
    (root / "annotations.json").unlink()
    with pytest.raises(DataError, match="--annotation_path"):
        verify("VAANet", root)
    with pytest.raises(DataError, match="dataset: found 've9'"):
        verify("VAANet", root, dataset="ve9")
    report = verify("VAANet", root, dataset="ve8", quick=True)
    assert report.places[-2:] == [str(SPLITS / "ve8_01.json"), "official split ve8_01.json"]


def test_tsl_300_and_emotion_gait_are_known(copy_of):
    root = copy_of("videos")
    for split in ("train", "test"):
        ids = (SPLITS / f"tsl300/split_{split}.txt").read_text().splitlines()
        (root / f"split_{split}.txt").write_text("\n".join(ids[:-1]) + "\n")
    report = verify("TSL", root)
    assert ("train", "videos", 199, 200) in report.counts
    assert ("test", "segments p", 0, 352) in report.counts
    assert sum(p.kind == "not official" for p in report.problems) == 2
    walks = copy_of("walks")
    for name in ("features", "labels"):
        shutil.copy(walks / f"{name}.h5", walks / f"{name}_ELMD.h5")
    report = verify("Gait", walks)
    assert ("features_ELMD.h5", "gaits", 16, 1835) in report.counts
    found = {
        p.file.rpartition("/")[2]: p.found for p in report.problems if p.kind == "not official"
    }
    assert found == {"features.h5": "gaits: 16, officially 342",
                     "features_ELMD.h5": "gaits: 16, officially 1835"}  # fmt: skip


# --- Lists in UCF-101's form ----------------------------------------------------------------------


def write_lists(folder, table, numbered=False, newline="\n", ending=""):
    labels = table["labels"]
    rows = {"training": [], "validation": []}
    for name, about in table["database"].items():
        label = about["annotations"]["label"]
        number = f" {labels.index(label) + 1}" if about["subset"] == "training" or numbered else ""
        rows[about["subset"]].append(f"{label}/{name}{ending}{number}")
    lists = {"classInd": [f"{n} {label}" for n, label in enumerate(labels, 1)],
             "trainlist01": rows["training"], "testlist01": rows["validation"]}  # fmt: skip
    folder.mkdir(exist_ok=True)
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_bytes(newline.join(lines).encode())
    return folder


@pytest.mark.parametrize("name", ["ve8_01", "ek6_01"])
@pytest.mark.parametrize("numbered, newline", [(False, "\n"), (True, "\r\n")])
def test_lists_say_what_the_json_file_says(tmp_path, name, numbered, newline):
    table = json.loads((SPLITS / f"{name}.json").read_text())
    folder = write_lists(tmp_path / "lists", table, numbered, newline)
    assert read_annotation(folder) == read_annotation(folder / "trainlist01.txt") == table


def test_ids_in_lists_may_have_blanks_and_all_the_ending_of_a_video(tmp_path):
    about = {"annotations": {"label": "Joy"}}
    table = {
        "labels": ["Joy"],
        "database": {
            "my clip 2": about | {"subset": "training"},
            "my clip 1": about | {"subset": "validation"},
        },
    }
    folder = write_lists(tmp_path / "lists", table, ending=".avi")
    assert read_annotation(folder) == table
    with open(folder / "testlist01.txt", "a") as file:
        file.write("\nJoy/my clip 3")  # without: now .avi is part of the others' names
    assert set(read_annotation(folder)["database"]) == {
        "my clip 2.avi", "my clip 1.avi", "my clip 3"}  # fmt: skip


@pytest.mark.parametrize("file, lines, message", [
    ("classInd.txt", None, "classInd.txt: found no such file"),
    ("classInd.txt", "1 Anger\n3 Joy", "classInd.txt, line 2: found '3 Joy'"),
    ("testlist01.txt", None, "testlist01.txt: found no such file"),
    ("trainlist01.txt", "Anger/a1 1\nAnger/a2", "trainlist01.txt, line 2: found 'Anger/a2'"),
    ("trainlist01.txt", "Anger/a1 2", "trainlist01.txt, line 1: found 'Anger/a1 2'"),
    ("trainlist01.txt", "Rage/a1 1", "trainlist01.txt, line 1: found 'Rage/a1 1'"),
    ("testlist01.txt", "a1.avi", "testlist01.txt, line 1: found 'a1.avi'"),
    ("testlist01.txt", "Anger/x/a1", "testlist01.txt, line 1: found 'Anger/x/a1'"),
])  # fmt: skip
def test_wrong_lists_are_refused_with_file_and_line(copy_of, file, lines, message):
    root = copy_of("clips")
    folder = write_lists(root / "lists", read_annotation(root / "annotations.json"))
    (folder / file).unlink() if lines is None else (folder / file).write_text(lines)
    with pytest.raises(DataError, match=message):
        read_annotation(folder)
    report = verify("VAANet", root, annotation_path=folder / "trainlist01.txt")
    assert [p.kind for p in report.problems] == ["table"]


def test_loaders_and_verify_take_lists(copy_of):
    root = copy_of("clips")
    folder = write_lists(root / "lists", read_annotation(root / "annotations.json"))
    (root / "annotations.json").unlink()
    clips = VideoClips(SamplePaths(root / "img", root / "mp3", folder), "validation")
    assert [item.id for item in clips.items] == ["a3", "j3"]
    assert verify("VAANet", root, annotation_path=folder).ok
    with open(folder / "testlist01.txt", "a") as file:
        file.write("\nJoy/j1\n")
    assert listed(folder)[-1] == ("j1", "validation")
    assert read_annotation(folder)["database"]["j1"]["subset"] == "validation"
    report = verify("VAANet", root, annotation_path=folder)
    assert [p.found for p in report.problems if p.kind == "leak"] == [
        "j1 in training and in validation"]  # fmt: skip


def test_prepare_takes_lists(tmp_path):
    source = ROOT / "data_samples" / "film" / "video"
    about = {"subset": "training", "annotations": {"label": "Joy"}}
    folder = write_lists(tmp_path / "lists", {"labels": ["Joy"], "database": {"bbb_0120": about}})
    for annotations in (folder, folder / "trainlist01.txt"):
        report = prepare_videos(source, tmp_path / "made", annotations=annotations,
                                short_side=32, progress=False)  # fmt: skip
        assert [*report.prepared, *report.already_there] == ["Joy/bbb_0120"]


# --- The command ----------------------------------------------------------------------------------


def test_the_command_prints_a_table_and_writes_json(copy_of, tmp_path):
    root = copy_of("clips")
    fine = jack("verify", "VAANet", "--data_path", root)
    assert fine.returncode == 0 and "Nothing is wrong." in fine.stdout
    for number in range(1, 13):
        clip(root, f"{number:06d}.jpg").write_bytes(b"")
    result = jack(
        "verify",
        "VAANet",
        "--video_path",
        root / "img",
        "--audio_path",
        root / "mp3",
        "--annotation_path",
        root / "annotations.json",
        "--json",
        tmp_path / "found.json",
    )
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert re.search(r"^Joy +2 +- +1 +-$", result.stdout, re.MULTILINE)
    assert re.search(r"^all +4 +- +2 +-$", result.stdout, re.MULTILINE)
    assert "unreadable (12)" in result.stdout and "... and 2 more" in result.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert len(found["problems"]) == 12 and not found["ok"] and found["complete"]
    assert ["training", "Joy", 2, None] in found["counts"]
    missing = jack("verify", "TSL", "--data_path", tmp_path / "nowhere")
    assert missing.returncode == 1 and "nowhere" in missing.stdout


def test_ctrl_c_shows_what_was_found_so_far(copy_of, monkeypatch, capsys):
    root = copy_of("clips")
    (root / "img" / "Joy" / "strange").mkdir()

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_look_at_clip", stop)
    options = dict.fromkeys(("dataset", "video_path", "audio_path", "annotation_path", "json"))
    options |= {"method": "VAANet", "data_path": root, "quick": False, "threads": 2}
    assert module.main(module.argparse.Namespace(**options)) == 130
    printed = capsys.readouterr().out
    assert "Joy/strange" in printed and "Stopped" in printed


def test_the_command_imports_no_framework(sound_sets):
    words = ["-X", "importtime", "-m", "jacklib", "verify", "TSL", "--data_path"]
    result = subprocess.run([sys.executable, *words, sound_sets["videos"]],
                            capture_output=True, text=True, cwd=ROOT)  # fmt: skip
    assert result.returncode == 0 and "jacklib.data.tsl300" in result.stderr
    assert not re.search(r"\| +(jittor|torch)\b", result.stderr)


@pytest.mark.parametrize("method, dataset", [("VAANet", "film"), ("Gait", "styled")])
def test_samples_are_sound(method, dataset):
    assert verify(method, dataset=dataset).ok
