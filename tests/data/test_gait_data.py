"""Emotion-Gait's files, the frames that are taken, the four arrays, the data set, and bad input."""

import argparse
import json
import os
import sys
import types
import zlib

import h5py
import numpy as np
import pytest

from jacklib.data import gait, prepare_gait
from jacklib.data.bvh import Recording
from jacklib.data.gait import (
    ANGLES,
    PARTS,
    SCALES,
    SHIFTS,
    Gait,
    Gaits,
    MoveDraw,
    gait_arrays,
    move,
    read_gaits,
    read_pose,
    resample,
    sample_frames,
    split_indices,
    write_gaits,
)
from jacklib.data.poses import (
    EMOTIONS,
    JOINTS,
    PARENTS,
    check_pose,
    face_forward,
    swap_sides,
    turn_about_y,
)
from jacklib.errors import DataError

RNG = np.random.default_rng(5)


def some_pose(n_frames, seed=0):
    return np.random.default_rng(seed).normal(size=(n_frames, 16, 3)) + 2


@pytest.fixture(autouse=True)
def features(monkeypatch):
    """A stand-in for the features: what they are is tested elsewhere, here only where they go."""
    module = types.ModuleType("jacklib.data.gait_features")
    # Row t of 31 begins with the x of the root in frame t; channel c of movement is c + x.
    module.affective_features = lambda pose: np.tile(pose[:, :1, 0], (1, 31)) + np.arange(31)
    module.movement = lambda pose: np.arange(8)[:, None, None] + pose[None, ..., 0]
    monkeypatch.setitem(sys.modules, "jacklib.data.gait_features", module)


@pytest.fixture
def emotion_gait(tmp_path):
    """A folder in Emotion-Gait's layout: 12 short gaits and 8 of 240 frames."""
    for features, labels, lengths in (
        ("features.h5", "labels.h5", [27, 47, 48, 75] * 3),
        ("features_ELMD.h5", "labels_ELMD.h5", [240] * 8),
    ):
        with h5py.File(tmp_path / features, "w") as f, h5py.File(tmp_path / labels, "w") as n:
            for k, length in enumerate(lengths):
                f[f"gait {k:02d}"] = some_pose(length, k).reshape(length, 48)
                n[f"gait {k:02d}"] = k % 4
    return tmp_path


# --- Skeleton and frames --------------------------------------------------------------------------


def test_skeleton_is_emotion_gaits():
    edges = {(j, p) for j, p in enumerate(PARENTS) if p >= 0}
    assert edges == {
        (1, 0), (2, 1), (3, 2), (4, 2), (5, 4), (6, 5), (7, 2), (8, 7), (9, 8),
        (10, 0), (11, 10), (12, 11), (13, 0), (14, 13), (15, 14),
    }  # fmt: skip
    assert JOINTS[4] == "left shoulder" and JOINTS[13] == "right hip"
    assert EMOTIONS == ("happy", "sad", "angry", "neutral")
    pose = some_pose(3)
    swapped = swap_sides(pose)
    for j, name in enumerate(JOINTS):
        other = name.translate(str.maketrans({})).replace("left", "?").replace("right", "left")
        np.testing.assert_array_equal(
            swapped[:, JOINTS.index(other.replace("?", "right"))], pose[:, j]
        )


def test_frames_that_are_taken():
    long, middle, short = some_pose(240), some_pose(75), some_pose(27)
    np.testing.assert_array_equal(sample_frames(long), long[0:240:5])
    np.testing.assert_array_equal(sample_frames(middle), middle[:48])
    padded = sample_frames(short)
    np.testing.assert_array_equal(padded[:27], short)
    assert padded.shape == (48, 16, 3) and not padded[27:].any()
    np.testing.assert_array_equal(sample_frames(some_pose(241)), some_pose(241)[:48])


def test_arrays_lie_as_documented():
    short = some_pose(27)
    arrays = gait_arrays([short, some_pose(240, 1)], [2, 0])
    assert [a.shape for a in arrays] == [
        (2, 3, 48, 16, 1), (2, 8, 48, 16, 1), (2, 48 * 31), (2,)
    ]  # fmt: skip
    assert [a.dtype for a in arrays] == [np.float32] * 3 + [np.int64]
    assert arrays.joint[0, 1, 20, 6, 0] == np.float32(short[20, 6, 1])
    assert arrays.movement[0, 5, 20, 6, 0] == np.float32(5 + short[20, 6, 0])
    assert arrays.affective[0, 4 * 48 + 20] == np.float32(4 + short[20, 0, 0])
    # Where nobody walks any more, all are zero.
    for part in arrays[:2]:
        assert not part[0, :, 27:].any() and part[0, :, 26].any()
    assert not arrays.affective[0].reshape(31, 48)[:, 27:].any()


def test_split_is_the_released_kind():
    train, test = split_indices(2177, seed=4)
    assert (len(train), len(test)) == (1959, 218)
    assert sorted([*train, *test]) == list(range(2177))
    again = split_indices(2177, seed=4)
    np.testing.assert_array_equal(train, again[0])
    assert (split_indices(2177, seed=5)[1] != test).any()
    assert len(split_indices(10)[0]) == 9
    for bad in ((1, 0, 0.1), (10, 0, 0.0), (10, 0, 1.0)):
        with pytest.raises(DataError):
            split_indices(*bad)


def test_turned_to_go_forward():
    walk = some_pose(20) * 0.01 + np.linspace(0, 1, 20)[:, None, None] * [3.0, 0, -4.0] + [7, 1, 8]
    turned = face_forward(walk)
    np.testing.assert_allclose(turned[0, 0, [0, 2]], 0, atol=1e-12)
    assert turned[-1, 0, 0] == pytest.approx(0, abs=1e-12) and turned[-1, 0, 2] > 4.9
    # Whoever stays in place is turned by the hips.
    still = np.zeros((2, 16, 3))
    still[:, 10], still[:, 13] = [0, 0, -1], [0, 0, 1]  # looks along +x, so left is at -z
    np.testing.assert_allclose(face_forward(still)[:, 10], [[1, 0, 0]] * 2, atol=1e-12)
    np.testing.assert_allclose(
        turn_about_y(np.array([[[0, 5, 1.0]]]), np.pi / 2), [[[1, 5, 0]]], atol=1e-12
    )


def test_resampling_is_linear(tmp_path):
    path = tmp_path / "pose.npy"
    np.save(path, np.arange(121.0)[:, None, None] + np.zeros((1, 16, 3)) + 1)
    recording = read_pose(path)
    assert recording.fps is None and len(resample(recording)) == 121
    slow = resample(recording._replace(fps=50))
    np.testing.assert_allclose(slow[:, 3, 1], 1 + np.arange(73) * 50 / 30)


# --- Preparing ------------------------------------------------------------------------------------


def run_prepare(*words):
    parser = argparse.ArgumentParser()
    prepare_gait.add_arguments(parser)
    return prepare_gait.main(parser.parse_args([str(word) for word in words]))


def test_prepare_both_files(emotion_gait, tmp_path, capsys):
    target = tmp_path / "target"
    assert run_prepare(emotion_gait, target, "--seed", "3", "--test_share", "0.2") == 0
    assert "16 gaits to train, 4 to test" in capsys.readouterr().out
    table = json.loads((target / "gait.json").read_text())
    assert len(table["train"]) == 16 and len(table["test"]) == 4
    names = table["train"] + table["test"]
    assert len(set(names)) == 20 and "features_ELMD.h5:gait 00" in names
    for split in ("train", "test"):
        gaits = Gaits(target, split)
        for index, name in enumerate(table[split]):
            k = int(name[-2:])
            frames = [27, 47, 48, 75][k % 4] if ":" not in name else 240
            pose = sample_frames(some_pose(frames, k))
            sample = gaits.load(index)
            assert sample.label == k % 4
            np.testing.assert_array_equal(
                sample.posture[..., 0], pose.transpose(2, 0, 1).astype(np.float32)
            )
    assert sorted(p.name for p in target.glob("[!.]*")) == sorted(
        ["gait.json"] + [f"{split}_{part}.npy" for split in ("train", "test") for part in PARTS]
    )


def test_named_test_gaits_and_order_of_labels(emotion_gait, tmp_path):
    (emotion_gait / "features_ELMD.h5").unlink()
    (emotion_gait / "labels_ELMD.h5").unlink()
    (emotion_gait / "split_test.txt").write_text("gait 03\ngait 10\n")
    order = ["angry", "neutral", "happy", "sad"]  # as STEP's code lists them
    run_prepare(emotion_gait, tmp_path / "target", "--label_order", *order)
    gaits = Gaits(tmp_path / "target", "test")
    assert [EMOTIONS[label] for label in gaits.labels] == ["sad", "happy"]
    assert len(Gaits(tmp_path / "target", "train")) == 10
    (emotion_gait / "split_test.txt").write_text("gait 03\ngait 77\n")
    with pytest.raises(DataError, match="split_test.txt, line 2: found 'gait 77'"):
        prepare_gait.prepare_gait(emotion_gait, tmp_path / "target")
    with pytest.raises(DataError, match="order of labels"):
        read_gaits(emotion_gait / "features.h5", emotion_gait / "labels.h5", order=["happy"] * 4)


def test_unfinished_target_is_seen(emotion_gait, tmp_path, monkeypatch):
    target = tmp_path / "target"
    prepare_gait.prepare_gait(emotion_gait, target)
    assert (target / "gait.json").exists()

    def stop(*_):
        raise KeyboardInterrupt

    before = {path.name: path.read_bytes() for path in target.glob("[!.]*")}
    monkeypatch.setattr(prepare_gait, "write_array", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare_gait.prepare_gait(emotion_gait, target, seed=1)
    assert {path.name: path.read_bytes() for path in target.glob("[!.]*")} == before
    with pytest.raises(KeyboardInterrupt):
        prepare_gait.prepare_gait(emotion_gait, tmp_path / "new")
    assert not [*(tmp_path / "new").glob("[!.]*")]


def test_bad_gaits_can_be_left_out(emotion_gait, tmp_path, capsys):
    with h5py.File(emotion_gait / "features.h5", "a") as file:
        file["gait 02"][5, 7] = np.nan
    with pytest.raises(DataError, match="'gait 02', gait 2, frame 5, neck"):
        run_prepare(emotion_gait, tmp_path / "target")
    run_prepare(emotion_gait, tmp_path / "target", "--skip_bad")
    assert "1 left out" in capsys.readouterr().out
    table = json.loads((tmp_path / "target" / "gait.json").read_text())
    assert "gait 02" not in table["train"] + table["test"]


def test_same_gaits_same_bytes(tmp_path):
    gaits = [Gait(f"g{k}", some_pose(30, k), k) for k in range(4)]
    for name in ("one", "two"):
        write_gaits(tmp_path / name, gaits)
    for name in ("features.h5", "labels.h5"):
        one, two = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
        assert one == two
    back = read_gaits(tmp_path / "one" / "features.h5", tmp_path / "one" / "labels.h5")
    assert [g.label for g in back] == [0, 1, 2, 3]
    np.testing.assert_array_equal(back[3].pose, gaits[3].pose)


# --- Augmentation and the data set ----------------------------------------------------------------


def test_move_is_linear_in_time():
    array = RNG.normal(size=(8, 48, 16, 1)).astype(np.float32)
    moved = move(array, MoveDraw(angle=(0, 0), scale=(1, 1), x=(-0.2, 0.2), y=(0, 0.1)))
    np.testing.assert_allclose((moved - array)[0, :, 3, 0], np.linspace(-0.2, 0.2, 48), atol=1e-6)
    np.testing.assert_allclose((moved - array)[1, :, 3, 0], np.linspace(0, 0.1, 48), atol=1e-6)
    np.testing.assert_array_equal(moved[2:], array[2:])
    assert moved.dtype == np.float32

    turned = move(array, MoveDraw(angle=(-10, 10), scale=(0.9, 1.1), x=(0, 0), y=(0, 0)))
    last = np.deg2rad(10)
    np.testing.assert_allclose(
        turned[0, -1], 1.1 * (np.cos(last) * array[0, -1] - np.sin(last) * array[1, -1]), atol=1e-6
    )
    np.testing.assert_allclose(
        np.hypot(turned[0, 0], turned[1, 0]), 0.9 * np.hypot(array[0, 0], array[1, 0]), atol=1e-6
    )


@pytest.fixture
def prepared(emotion_gait, tmp_path):
    prepare_gait.prepare_gait(emotion_gait, tmp_path / "target")
    return tmp_path / "target"


def test_draws_depend_on_seed_epoch_and_index_only(prepared):
    gaits = Gaits(prepared, "train", train=True, seed=7)
    one = gaits.load(3, epoch=2)
    gaits.load(0, epoch=2)
    again = Gaits(prepared, "train", train=True, seed=7).load(3, epoch=2)
    np.testing.assert_array_equal(one.posture, again.posture)
    np.testing.assert_array_equal(one.movement, again.movement)
    others = {str(gaits.draws(3, 2)), str(gaits.draws(3, 3)), str(gaits.draws(4, 2))}
    others.add(str(Gaits(prepared, "train", train=True, seed=8).draws(3, 2)))
    assert len(others) == 4
    drawn = [d for k in range(200) for d in gaits.draws(0, k)]
    assert {v for d in drawn for v in d.angle} == set(ANGLES)
    assert {v for d in drawn for v in d.scale} == set(SCALES)
    assert {v for d in drawn for v in (*d.x, *d.y)} == set(SHIFTS)
    assert any(a != b for a, b in (gaits.draws(0, k) for k in range(3)))  # each stream its own


def test_batches_are_stacks_and_copies(prepared):
    gaits = Gaits(prepared, "train")
    batch = gaits.batch([4, 1])
    assert [part.shape for part in batch] == [(2, 3, 48, 16, 1), (2, 8, 48, 16, 1), (2, 1488), (2,)]
    assert batch.label.dtype == np.int64
    np.testing.assert_array_equal(batch.posture[1], gaits.arrays.joint[1])
    np.testing.assert_array_equal(batch.affective[0], gaits.arrays.affective[4])
    sample = gaits.load(1)
    sample.posture[:] = 0
    assert gaits.arrays.joint[1].any()


@pytest.mark.parametrize(
    "part, change, found",
    [
        ("joint", lambda a: a[:, :2], r"train_joint.npy: found shape \[18, 2, 48, 16, 1\]"),
        ("movement", lambda a: a[:-1], r"train_movement.npy: .* wanted \[18, 8, 48, 16, 1\]"),
        ("affective", lambda a: a.reshape(18, 48, 31), "train_affective.npy: found shape"),
        ("label", lambda a: a + 3, "train_label.npy, gait [0-9]+: found label"),
        ("movement", lambda a: np.where(a == a[4, 1, 1, 1, 0], np.nan, a), "gait 4: .*missing"),
        ("joint", lambda a: a * (np.arange(18) != 6).reshape(-1, 1, 1, 1, 1), "gait 6: .*zeros"),
        ("label", lambda a: a.astype(object), "train_label.npy: found no array"),
        ("joint", lambda a: None, "train_joint.npy: found no such file"),
    ],
)
def test_damaged_arrays(prepared, part, change, found):
    path = prepared / f"train_{part}.npy"
    array = change(np.load(path))
    path.unlink()
    if array is not None:
        np.save(path, array)
    with pytest.raises(DataError, match=found):
        Gaits(prepared, "train")


def test_unknown_split(prepared):
    with pytest.raises(DataError, match="train or test"):
        Gaits(prepared, "validation")


# --- Bad input ------------------------------------------------------------------------------------


def changed(**places):
    pose = some_pose(30)
    for frame, value in places.items():
        pose[int(frame[1:])] = value
    return pose


BAD_POSES = [
    (some_pose(30)[:, :15], "16 joints"),
    (some_pose(30).reshape(30, 48)[:, :45], "so 15 joints"),
    (some_pose(30)[..., :2], "shape [30, 16, 2]"),
    (some_pose(1), "1 frames"),
    (changed(f4=np.nan), "frame 4, root: found a number that is missing"),
    (changed(f29=np.inf), "frame 29, root"),
    (np.zeros((30, 16, 3)), "zeros only"),
    (changed(f7=0), "frame 7 of zeros only"),
    (changed(f0=0), "frame 0 of zeros only"),
    (np.concatenate([some_pose(1), np.zeros((9, 16, 3))]), "1 frame, then zeros"),
    ("walk", "no table of numbers"),
]


@pytest.mark.parametrize("pose, found", BAD_POSES, ids=[found for _, found in BAD_POSES])
def test_bad_poses_are_named(pose, found):
    with pytest.raises(DataError) as caught:
        check_pose(pose, "walks.h5", 12)
    assert "walks.h5, gait 12" in str(caught.value) and found in str(caught.value)
    assert caught.value.cure


def test_zeros_may_follow():
    pose = np.concatenate([some_pose(20), np.zeros((10, 16, 3))])
    np.testing.assert_array_equal(check_pose(pose.reshape(30, 48), "a file"), pose)


@pytest.mark.parametrize("label", [4, -1, 1.5, np.nan, b"sad", [0, 1]])
def test_bad_labels_are_named(emotion_gait, label):
    with h5py.File(emotion_gait / "labels.h5", "a") as file:
        del file["gait 05"]
        file["gait 05"] = label
    with pytest.raises(DataError, match="labels.h5, 'gait 05', gait 5: found label .* 2 angry"):
        read_gaits(emotion_gait / "features.h5", emotion_gait / "labels.h5")


def test_labels_as_floats_or_arrays_are_fine(emotion_gait):
    with h5py.File(emotion_gait / "labels.h5", "a") as file:
        for name, value in (("gait 05", 2.0), ("gait 06", [3])):
            del file[name]
            file[name] = value
    gaits = read_gaits(emotion_gait / "features.h5", emotion_gait / "labels.h5")
    assert [gaits[5].label, gaits[6].label] == [2, 3]


def test_missing_and_broken_files(emotion_gait, tmp_path):
    with pytest.raises(DataError, match="neither features.h5"):
        prepare_gait.prepare_gait(tmp_path / "nothing", tmp_path / "target")
    with h5py.File(emotion_gait / "labels.h5", "a") as file:
        del file["gait 04"]
    with pytest.raises(DataError, match=r"no label for 'gait 04' \(gait 4\)"):
        prepare_gait.prepare_gait(emotion_gait, tmp_path / "target")
    (emotion_gait / "labels.h5").unlink()
    with pytest.raises(DataError, match="labels.h5: found no such file"):
        prepare_gait.prepare_gait(emotion_gait, tmp_path / "target")
    (emotion_gait / "labels.h5").write_text("no")
    with pytest.raises(DataError, match="labels.h5: found no HDF5 file"):
        prepare_gait.prepare_gait(emotion_gait, tmp_path / "target")


def test_pose_files(tmp_path):
    pose = np.round(some_pose(12), 4)
    np.save(tmp_path / "a.npy", pose)
    np.save(tmp_path / "b.npy", pose.reshape(12, 48))
    np.savetxt(tmp_path / "c.csv", pose.reshape(12, 48), delimiter=",")
    lines = ["a name," * 48, *(tmp_path / "c.csv").read_text().splitlines(), ""]
    (tmp_path / "d.csv").write_text("\ufeff" + "\n".join(lines))
    for name in ("a.npy", "b.npy", "c.csv", "d.csv"):
        np.testing.assert_allclose(read_pose(tmp_path / name).pose, pose)

    row = ",".join(["1"] * 48)
    for name, text, found in (
        ("short.csv", row, "1 frames"),
        ("odd.csv", f"{row}\n{row[:-2]}", "line 2: found 47 numbers"),
        ("word.csv", f"{row}\n{row[:-1]}x", "line 2"),
        ("gap.csv", f"{row}\n,{row[2:]}", "frame 1, root: found a number that is missing"),
        ("empty.csv", "", "0 frames"),
        ("pose.txt", row, "ends in '.txt'"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match=found):
            read_pose(tmp_path / name)
    np.save(tmp_path / "pickle.npy", np.array([{}]), allow_pickle=True)
    for name in ("pickle.npy", "nowhere.npy"):
        with pytest.raises(DataError, match=name):
            read_pose(tmp_path / name)


# --- Files that lie about what is in them ---------------------------------------------------------


def packed_bomb(file):
    data = file.create_dataset("odd", shape=(30, 48), chunks=(30, 48), compression="gzip")
    data.id.write_direct_chunk((0, 0), zlib.compress(bytes(64 * 2**20), 9))


def packed_otherwise(*filters):
    """A gait that has gone through filters of HDF5, by number and settings, in this order."""

    def put(file):
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((30, 48))
        for number, settings in filters:
            made.set_filter(number, h5py.h5z.FLAG_OPTIONAL, settings)
        space = h5py.h5s.create_simple((30, 48))
        data = h5py.h5d.create(file.id, b"odd", h5py.h5t.IEEE_F64LE, space, made)
        data.write(h5py.h5s.ALL, h5py.h5s.ALL, some_pose(30).reshape(30, 48).copy())

    return put


def odd_numbers(file):
    kind = h5py.h5t.IEEE_F64LE.copy()
    kind.set_fields(63, 50, 13, 0, 50)
    h5py.h5d.create(file.id, b"odd", kind, h5py.h5s.create_simple((30, 48)))


def far_away(file):
    layout = h5py.VirtualLayout(shape=(30, 48), dtype="f8")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "gait", shape=(30, 48))
    file.create_virtual_dataset("odd", layout)


ODD = {
    "huge": lambda f: f.create_dataset("odd", (40_000_000, 48), fillvalue=1.0, chunks=(9, 48)),
    "huge parts": lambda f: f.create_dataset(
        "odd", (10, 48), "u1", maxshape=(None, 48), chunks=(10_000_000, 48)
    ),
    "tiny parts": lambda f: f.create_dataset(
        "odd", (100_000, 48), "f4", chunks=(1, 1), fillvalue=1.5
    ),
    "packed": packed_bomb,
    "packed twice": packed_otherwise((1, (9,)), (1, (9,))),
    "packed with LZF": packed_otherwise((32000, (4, 261, 11520))),
    "numbers of 13 bits of exponent": odd_numbers,
    "external link": lambda f: f.__setitem__("odd", h5py.ExternalLink("labels.h5", "gait 00")),
    "soft link": lambda f: f.__setitem__("odd", h5py.SoftLink("/nowhere")),
    "external numbers": lambda f: f.create_dataset(
        "odd", (5, 48), "u1", external=[(f.filename, 0, 240)]
    ),
    "virtual": far_away,
    "group": lambda f: f.create_group("odd"),
    "type": lambda f: f.__setitem__("odd", np.dtype("f8")),
    "compound": lambda f: f.create_dataset("odd", data=np.zeros(5, [("x", "f4")])),
    "no UTF-8": lambda f: f.id.links.create_hard(b"odd\xff", f.id, b"gait 00"),
    "nothing": lambda f: f.create_dataset("odd", data=h5py.Empty("f4")),
}


@pytest.mark.parametrize("kind", ODD)
def test_one_odd_gait_never_ends_the_run(emotion_gait, tmp_path, kind):
    with h5py.File(emotion_gait / "features.h5", "a") as file:
        ODD[kind](file)
    with h5py.File(emotion_gait / "labels.h5", "a") as file:
        file["odd"] = 1
    with pytest.raises(DataError, match="odd"):
        prepare_gait.prepare_gait(emotion_gait, tmp_path / "target")
    report = prepare_gait.prepare_gait(emotion_gait, tmp_path / "target", skip_bad=True)
    assert report.n_train + report.n_test == 20 and len(report.left_out) == 1
    assert "features.h5, " in report.left_out[0] and "odd" in report.left_out[0]


def test_more_gaits_than_any_data_set_has(emotion_gait, monkeypatch):
    monkeypatch.setattr(gait, "MOST_GAITS", 11)
    with pytest.raises(DataError, match="found more than 11 gaits"):
        read_gaits(emotion_gait / "features.h5", emotion_gait / "labels.h5")
    monkeypatch.undo()
    monkeypatch.setattr(gait, "MOST_NUMBERS", 48 * 100)
    bad = []
    found = read_gaits(emotion_gait / "features.h5", emotion_gait / "labels.h5", bad=bad)
    assert len(found) == 2 and "found more than 4800 numbers" in str(bad[0][1])
    # Gaits without sense are looked at as long as others.
    with h5py.File(emotion_gait / "features.h5", "a") as file:
        file["gait 00"][:] = np.nan
    bad = []
    found = read_gaits(emotion_gait / "features.h5", emotion_gait / "labels.h5", bad=bad)
    assert [row.name for row in found] == ["gait 01"] and "numbers up to it" in str(bad[1][1])


def test_what_unpacks_counts_not_what_is_shown(tmp_path, monkeypatch):
    """Ten frames each, in parts of 100: reading them takes as long as all that is unpacked."""
    with (
        h5py.File(tmp_path / "features.h5", "w") as poses,
        h5py.File(tmp_path / "labels.h5", "w") as labels,
    ):
        for name in "abcd":
            data = some_pose(10).reshape(10, 48)
            poses.create_dataset(
                name, data=data, maxshape=(None, 48), chunks=(100, 48), compression="gzip",
                shuffle=True, fletcher32=True,
            )  # fmt: skip
            labels[name] = 1
    files = tmp_path / "features.h5", tmp_path / "labels.h5"
    for gait_read in read_gaits(*files):
        np.testing.assert_array_equal(gait_read.pose, some_pose(10))
    monkeypatch.setattr(gait, "MOST_NUMBERS", 48 * 250)
    bad = []
    assert [row.name for row in read_gaits(*files, bad=bad)] == ["a", "b"]
    assert all("found more than 12000 numbers up to it" in str(error) for _, error in bad)


def test_labels_are_one_number_and_refused_before_they_are_read(emotion_gait):
    with h5py.File(emotion_gait / "labels.h5", "a") as file:
        del file["gait 03"]
        file.create_dataset("gait 03", (4_000_000,), "f8", fillvalue=1)
    bad = []
    found = read_gaits(emotion_gait / "features.h5", emotion_gait / "labels.h5", bad=bad)
    [(name, error)] = bad
    assert name == "gait 03" and len(found) == 11 and "shape [4000000]" in str(error)
    # What is left out must not stay in memory: an error holds on to all that its frames hold.
    assert error.__traceback__ is error.__context__ is error.__cause__ is None


def test_damaged_hdf5(emotion_gait):
    """Bytes turned over: every one is read, or refused in one sentence."""
    path = emotion_gait / "features.h5"
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    seen = set()
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.integers(0, min(len(data), 6000), 3):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        bad = []
        try:
            read_gaits(path, emotion_gait / "labels.h5", bad=bad)
            seen.add(bool(bad))
        except DataError as error:
            seen.add("file")
            assert "features.h5" in str(error)
    assert seen >= {False, True, "file"}


HEADER = b"\x93NUMPY\x01\0\x76\0"


@pytest.mark.parametrize(
    "data",
    [
        HEADER + b"{'descr': '<f8', 'fortran_order': False, 'shape': (60, 48".ljust(0x75) + b"\n",
        b"PK\x03\x04" + bytes(100),
        HEADER
        + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 48)}".ljust(0x75)
        + b"\n",
        HEADER + b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"9" * 60,
        b"",
    ],
    ids=["open bracket", "a zip", "terabytes", "cut", "empty"],
)
def test_headers_that_lie(tmp_path, data):
    path = tmp_path / "walk.npy"
    path.write_bytes(data)
    with pytest.raises(DataError, match="walk.npy: found no array"):
        read_pose(path)


@pytest.mark.parametrize(
    "pose, found",
    [
        (some_pose(30) * 1e6, "a coordinate of"),
        (changed(f4=9e5), "frame 4, root: found a coordinate of 9e"),
        (np.ones((100_001, 48), np.int8), "found 100001 frames, wanted 100000 at most"),
    ],
)
def test_what_is_no_walk(tmp_path, pose, found):
    np.save(tmp_path / "walk.npy", pose)
    with pytest.raises(DataError, match=found):
        read_pose(tmp_path / "walk.npy")
    walk = some_pose(30)
    np.testing.assert_array_equal(check_pose(walk * 1000, "millimetres"), walk * 1000)


def test_rates_that_nobody_records_with():
    recording = Recording(some_pose(30), 30.0)
    for fps in (1e-9, 1, 4.9, 1001, 1e9, float("nan"), float("inf")):
        with pytest.raises(DataError, match="wanted 5 to 1000"):
            resample(recording._replace(fps=fps))
    assert len(resample(recording._replace(fps=5))) == 175


def test_long_csv_files(tmp_path):
    path = tmp_path / "walk.csv"
    path.write_text("1," * 60_000)
    with pytest.raises(DataError, match="line 1: found 120000 characters"):
        read_pose(path)
    path.write_text((",".join(["1"] * 48) + "\n") * 100_002)
    with pytest.raises(DataError, match="line 100002: found one frame more"):
        read_pose(path)


def test_a_stop_leaves_no_arrays_of_two_runs(emotion_gait, tmp_path, monkeypatch):
    target = tmp_path / "target"
    prepare_gait.prepare_gait(emotion_gait, target)
    replace, placed = os.replace, []

    def stop(part, path):
        if path.parent == target and path.suffix != ".part":
            if len(placed) == 3:
                raise KeyboardInterrupt
            placed.append(path.name)
        replace(part, path)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare_gait.prepare_gait(emotion_gait, target, seed=1)
    assert sorted(path.name for path in target.glob("*.npy")) == sorted(placed)
    assert not (target / "gait.json").exists()
