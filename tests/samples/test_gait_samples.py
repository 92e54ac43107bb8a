"""The base walks are walks, the style model does what its parameters say, and the samples made of
both are a fair exercise: learnable on walks not seen before, but not at a glance."""

import hashlib
import sys
import types
from dataclasses import fields

import numpy as np
import pytest
from support import ROOT

from jacklib.data.gait import Gaits, read_gaits
from jacklib.data.poses import EMOTIONS, PARENTS
from jacklib.errors import DataError
from jacklib.samples import gait_samples
from jacklib.samples.gait_samples import TEST_WALKS, build_gait_samples, make_walker, read_walks
from jacklib.samples.gait_style import (
    STYLES,
    Body,
    Style,
    blend,
    change_body,
    draw_style,
    neutral_but,
    walk_in_style,
)

GAIT = ROOT / "data_samples" / "gait"
WALKS = {walk.name: walk for walk in read_walks(GAIT)}
every_walk = pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)


def pitch(bone):
    """Degrees forward of upright, [T, 3] -> [T]."""
    return np.rad2deg(np.arctan2(bone[:, 2], bone[:, 1]))


def arm_angle(pose):
    upper = pose[:, 5] - pose[:, 4]
    return np.rad2deg(np.arctan2(upper[:, 2], -upper[:, 1]))


def test_checksums_match_and_cover_every_file():
    lines = (GAIT / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    poses = (path.relative_to(GAIT).as_posix() for path in GAIT.glob("[wo]*s/*.csv"))
    shipped = ["walks.json", *poses]
    assert sorted(sums) == sorted(shipped)
    for name, digest in sums.items():
        assert hashlib.sha256((GAIT / name).read_bytes()).hexdigest() == digest, name


@every_walk
def test_base_walks_walk(walk):
    cycle = walk.cycle
    assert cycle.shape == (37, 16, 3) and 1.0 < walk.seconds < 1.5
    stride = cycle[-1] - cycle[0]
    np.testing.assert_allclose(stride, np.tile([0, 0, stride[0, 2]], (16, 1)), atol=3e-4)
    assert 0.7 < stride[0, 2] / walk.seconds < 1.4  # metres a second, along +z
    assert (cycle[:, 3, 1] > cycle[:, 2, 1]).all() and (cycle[:, 2, 1] > cycle[:, 0, 1]).all()
    feet = cycle[:, [12, 15]]
    assert 0.03 < feet[..., 1].min() < 0.12  # ankles above the ground
    assert (cycle[:, 10, 0] > cycle[:, 13, 0]).all()  # left is at +x
    # In half a cycle each foot is in front, and the arms swing against the legs.
    ahead = feet[:-1, 0, 2] - feet[:-1, 1, 2]
    assert 0.35 < (ahead > 0).mean() < 0.65 and np.ptp(ahead) > 0.8
    arms = (cycle[:, 6] - cycle[:, 9])[:-1, 2]
    assert np.corrcoef(ahead, arms)[0, 1] < -0.5
    # The left knee bends forward: it is before the line from hip to foot.
    knee = cycle[:, 11] - (cycle[:, 10] + cycle[:, 12]) / 2
    assert (knee[:, 2] > -0.02).all()


@every_walk
def test_neutral_style_is_the_walk(walk):
    walked = walk_in_style(walk, Style(), 3 * 36, fps=36 / walk.seconds)
    for start in (0, 36, 72):
        part = walked[start : start + 36]
        part = part - part[:1, :1] * [1, 0, 1]
        # Bones of the recording change by some millimetres in a cycle, those walked with do not.
        np.testing.assert_allclose(part, walk.cycle[:-1], atol=0.05)
        assert np.abs(part - walk.cycle[:-1]).mean() < 0.008
    bones = [np.linalg.norm(walked[:, j] - walked[:, PARENTS[j]], axis=-1) for j in range(1, 16)]
    assert np.ptp(bones, axis=1).max() < 1e-6  # bones keep their lengths
    knee = walked[:, 11]
    assert np.abs(np.diff(knee, 2, axis=0)).max() < 0.03  # without jumps


@every_walk
@pytest.mark.parametrize("emotion", EMOTIONS)
def test_styles_keep_the_body_whole(walk, emotion):
    pose = walk_in_style(walk, STYLES[emotion], 75, phase=0.3)
    assert np.isfinite(pose).all()
    bones = [np.linalg.norm(pose[:, j] - pose[:, PARENTS[j]], axis=-1) for j in range(1, 16)]
    assert np.ptp(bones, axis=1).max() < 1e-6
    assert pose[:, [12, 15], 1].min() > 0.02
    feet = pose[:, [12, 15]]
    low = feet[:-1, :, 1] < np.quantile(feet[..., 1], 0.3)
    speed = np.linalg.norm(np.diff(feet[..., [0, 2]], axis=0), axis=-1) * 30
    assert np.median(speed[low]) < 0.3 * np.mean(np.diff(pose[:, 0, 2])) * 30  # feet hardly slide


WALK = WALKS["deepmimic_forward"]
N = 148  # four cycles


def styled(**changes):
    return walk_in_style(WALK, neutral_but(**changes), N)


def test_each_parameter_does_what_it_says():
    plain = styled()
    way = plain[-1, 0, 2]
    assert styled(pace=1.2)[-1, 0, 2] == pytest.approx(1.2 * way, rel=0.01)
    longer = styled(stride=1.2)
    assert 1.1 < longer[-1, 0, 2] / way < 1.3
    assert np.ptp(longer[:, 12, 2] - longer[:, 0, 2]) > 1.1 * np.ptp(
        plain[:, 12, 2] - plain[:, 0, 2]
    )
    assert np.ptp(arm_angle(styled(arm_swing=1.5))) == pytest.approx(
        1.5 * np.ptp(arm_angle(plain)), rel=0.02
    )
    assert np.ptp(styled(bounce=2)[:, 0, 1]) == pytest.approx(2 * np.ptp(plain[:, 0, 1]), rel=0.01)
    assert np.ptp(styled(sway=2)[:, 0, 0]) == pytest.approx(2 * np.ptp(plain[:, 0, 0]), rel=0.01)
    lean, slump, head = styled(trunk=10), styled(slump=10), styled(head=10)
    for pose, bone, by in (
        (lean, (0, 1), 10), (lean, (1, 2), 10), (lean, (2, 3), 10),
        (slump, (0, 1), 0), (slump, (1, 2), 10), (slump, (2, 3), 10),
        (head, (1, 2), 0), (head, (2, 3), 10),
    ):  # fmt: skip
        low, high = bone
        turned = pitch(pose[:, high] - pose[:, low]) - pitch(plain[:, high] - plain[:, low])
        np.testing.assert_allclose(turned, by, atol=1e-6)

    def elbow(pose):
        a, b = pose[:, 4] - pose[:, 5], pose[:, 6] - pose[:, 5]
        cos = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
        return np.rad2deg(np.arccos(cos))

    assert 10 < (elbow(plain) - elbow(styled(elbow=20))).mean() < 20.1
    hands = styled(spread=10)
    assert (hands[:, 6, 0] > plain[:, 6, 0]).all() and (hands[:, 9, 0] < plain[:, 9, 0]).all()
    wide = styled(width=0.05)
    np.testing.assert_allclose(wide[:, 12, 0] - plain[:, 12, 0], 0.05, atol=0.01)
    np.testing.assert_allclose(wide[:, 15, 0] - plain[:, 15, 0], -0.05, atol=0.01)
    low = styled(sink=0.05)
    np.testing.assert_allclose(plain[:, 0, 1] - low[:, 0, 1], 0.05, atol=1e-9)
    np.testing.assert_allclose(low[:, 12], plain[:, 12], atol=0.02)  # on its feet all the same


def test_emotions_go_the_ways_of_the_literature():
    poses = {emotion: walk_in_style(WALK, style, N) for emotion, style in STYLES.items()}
    speed = {emotion: pose[-1, 0, 2] for emotion, pose in poses.items()}
    assert speed["sad"] < speed["neutral"] < speed["happy"] and speed["neutral"] < speed["angry"]
    lean = {emotion: pitch(pose[:, 3] - pose[:, 0]).mean() for emotion, pose in poses.items()}
    assert lean["happy"] < lean["neutral"] < lean["angry"] and lean["neutral"] < lean["sad"]
    swing = {emotion: np.ptp(arm_angle(pose)) for emotion, pose in poses.items()}
    assert swing["sad"] < swing["neutral"] < swing["angry"] < swing["happy"]


def test_blend_and_limits():
    assert blend(STYLES["sad"], 0.0) == Style()
    assert blend(STYLES["sad"], 1.0) == STYLES["sad"]
    assert blend(STYLES["happy"], 50.0).pace == 1.5
    for emotion in EMOTIONS:
        for seed in range(20):
            style, intensity = draw_style(emotion, np.random.RandomState(seed))
            assert 0.6 <= intensity <= 1.25
            assert all(np.isfinite(getattr(style, field.name)) for field in fields(Style))
    with pytest.raises(DataError, match="bored"):
        draw_style("bored", np.random.RandomState(0))
    with pytest.raises(DataError, match="2 or more"):
        walk_in_style(WALK, Style(), 1)


def test_bodies():
    tall = change_body(WALK, Body(size=1.1))
    np.testing.assert_allclose(tall.cycle, WALK.cycle * 1.1, atol=1e-9)
    assert tall.seconds == pytest.approx(WALK.seconds * np.sqrt(1.1))
    twice = change_body(change_body(WALK, Body(mirrored=True)), Body(mirrored=True))
    np.testing.assert_allclose(twice.cycle, WALK.cycle, atol=1e-9)
    mirrored = change_body(WALK, Body(mirrored=True)).cycle
    assert (mirrored[:, 10, 0] > mirrored[:, 13, 0]).all()
    arms = change_body(WALK, Body(arms=1.2)).cycle
    np.testing.assert_allclose(arms[:, 5] - arms[:, 4], 1.2 * (WALK.cycle[:, 5] - WALK.cycle[:, 4]))


# --- The samples ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    root = build_gait_samples(tmp_path_factory.mktemp("gait") / "made", GAIT)
    gaits = read_gaits(root / "features.h5", root / "labels.h5")
    test = set((root / "split_test.txt").read_text().split())
    return root, gaits, np.array([gait.name in test for gait in gaits])


def test_split_is_by_base_walk(samples):
    _, gaits, test = samples
    assert (test.sum(), (~test).sum()) == (192, 500)
    for gait, in_test in zip(gaits, test, strict=True):
        assert in_test == gait.name.startswith(TEST_WALKS)
        assert EMOTIONS[gait.label] in gait.name.split("_")
        assert 40 <= len(gait.pose) <= 75
    assert sum(name in TEST_WALKS for name in WALKS) == len(TEST_WALKS)
    labels = np.array([gait.label for gait in gaits])
    assert np.bincount(labels[test]).tolist() == [48] * 4
    assert np.bincount(labels[~test]).tolist() == [125] * 4


def simple_quantities(pose):
    pose = pose[:48]
    velocity = np.diff(pose, axis=0) * 30
    hands = pose[:, [6, 9]] - pose[:, :1]
    numbers = [velocity[:, 0, 2].mean(), pose[:, 0, 1].std(), pose[:, 0, 1].mean()]
    for low, high in ((0, 2), (1, 2), (2, 3)):
        numbers.append(pitch(pose[:, high] - pose[:, low]).mean())
    numbers += [*hands.std(0)[:, 2], *hands.mean(0)[:, 1], *hands.mean(0)[:, 2]]
    numbers += [np.linalg.norm(np.diff(velocity, axis=0), axis=-1).mean()]
    return numbers


def test_a_simple_classifier_finds_it_neither_hopeless_nor_trivial(samples):
    _, gaits, test = samples
    x = np.array([simple_quantities(gait.pose) for gait in gaits])
    y = np.array([gait.label for gait in gaits])
    x = (x - x[~test].mean(0)) / x[~test].std(0)
    x = np.c_[x, np.ones(len(x))]
    weights = np.zeros((x.shape[1], 4))
    for _ in range(400):  # logistic regression
        score = np.exp(x[~test] @ weights)
        away = score / score.sum(1, keepdims=True) - np.eye(4)[y[~test]]
        weights -= x[~test].T @ away / (~test).sum() + 0.01 * weights
    right = (x @ weights).argmax(1) == y
    assert 0.6 < right[test].mean() < 0.97
    assert 0.7 < right[~test].mean() < 0.99


KNOWN = {
    "frames": 51,
    "last": [
        [-0.06, 0.806, 2.231],
        [-0.054, 1.433, 2.192],
        [0.247, 0.848, 2.476],
        [0.059, 0.3, 1.833],
    ],
}


def test_samples_are_the_same_everywhere(samples):
    # Made with NumPy 1.26 on x86-64; in centimetres, so that rounding elsewhere does no harm.
    walk = WALKS["deepmimic_walk"]
    pose = make_walker(walk, (2024, list(WALKS).index(walk.name), 0), 5)[0][3]
    _, gaits, _ = samples
    same = next(gait for gait in gaits if gait.name == "deepmimic_walk_0_happy_0")
    np.testing.assert_array_equal(same.pose, pose.astype(np.float32))
    assert len(pose) == KNOWN["frames"]
    np.testing.assert_allclose(pose[-1, [0, 3, 6, 12]], KNOWN["last"], atol=0.01)


def test_built_once_and_never_over_others(samples, monkeypatch, tmp_path):
    root, _, _ = samples
    before = (root / "features.h5").stat().st_mtime_ns
    build_gait_samples(root, GAIT)
    assert (root / "features.h5").stat().st_mtime_ns == before
    (tmp_path / "features.h5").write_text("mine")
    with pytest.raises(DataError, match="did not make"):
        build_gait_samples(tmp_path, GAIT)

    small = {"walkers": (1, 1), "repeats": (1, 1)}
    killed = tmp_path / "killed"
    with monkeypatch.context() as patch:
        patch.setattr(gait_samples, "write_gaits", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build_gait_samples(killed, GAIT, **small)
    build_gait_samples(killed, GAIT, **small)
    assert len(read_gaits(killed / "features.h5", killed / "labels.h5")) == 4 * len(WALKS)
    again = build_gait_samples(tmp_path / "again", GAIT, **small)
    for name in ("features.h5", "labels.h5", "gaits.csv", "split_test.txt"):
        assert (again / name).read_bytes() == (killed / name).read_bytes(), name
    monkeypatch.setattr(gait_samples, "SEED", 1)
    other = build_gait_samples(tmp_path / "again", GAIT, **small)
    assert (other / "features.h5").read_bytes() != (killed / "features.h5").read_bytes()


def test_missing_walks(tmp_path):
    with pytest.raises(DataError, match="walks.json: found no such file"):
        read_walks(tmp_path)


def test_samples_become_arrays(tmp_path, monkeypatch):
    from jacklib import samples as places

    stand_in = types.ModuleType("jacklib.data.gait_features")
    stand_in.affective_features = lambda pose: np.zeros((len(pose), 31))
    stand_in.movement = lambda pose: np.zeros((8, len(pose), 16))
    monkeypatch.setitem(sys.modules, "jacklib.data.gait_features", stand_in)
    (tmp_path / "gait").mkdir()
    for name in ("walks.json", "walks"):
        (tmp_path / "gait" / name).symlink_to(GAIT / name)
    monkeypatch.setattr(places, "samples_folder", lambda: tmp_path)
    arrays = places.styled_gaits()
    assert (len(Gaits(arrays, "train")), len(Gaits(arrays, "test"))) == (500, 192)
    before = (arrays / "train_joint.npy").stat().st_mtime_ns
    places.styled_gaits()
    assert (arrays / "train_joint.npy").stat().st_mtime_ns == before
