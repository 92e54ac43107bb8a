"""Movement and affective features of poses whose angles, distances and areas are known."""

import math

import numpy as np
import pytest

from jacklib.core.skeleton import JOINTS
from jacklib.data.gait_features import CORNERS, FEATURES, MOVEMENTS, affective_features, movement

# A person who stands straight, arms stretched out to the sides (x), left knee bent forwards (z).
POSE = {
    "root": (0, 0, 0), "spine": (0, 1, 0), "neck": (0, 2, 0), "head": (0, 3, 0),
    "left shoulder": (1, 2, 0), "left elbow": (2, 2, 0), "left hand": (3, 2, 0),
    "right shoulder": (-1, 2, 0), "right elbow": (-2, 2, 0), "right hand": (-2, 4, 0),
    "left hip": (1, 0, 0), "left knee": (1, 0, 2), "left foot": (1, -2, 2),
    "right hip": (-1, 0, 0), "right knee": (-1, -2, 0), "right foot": (-1, -4, 0),
}  # fmt: skip
POSES = np.float32([[POSE[name] for name in JOINTS]])
HALF, FLAT = math.pi / 2, math.pi
# By hand. Angles in radians.
WANTED = {
    "angle left shoulder, neck, right shoulder": FLAT,
    "angle neck, right shoulder, left shoulder": 0,
    "angle right shoulder, left shoulder, neck": 0,
    "angle neck, right shoulder, right elbow": FLAT,
    "angle neck, left shoulder, left elbow": FLAT,
    "angle right shoulder, right elbow, right hand": HALF,
    "angle left shoulder, left elbow, left hand": FLAT,
    "angle neck, spine, root": FLAT,
    "angle head, neck, spine": FLAT,
    "angle root, right hip, right knee": HALF,
    "angle root, left hip, left knee": HALF,
    "angle right hip, right knee, right foot": FLAT,
    "angle left hip, left knee, left foot": HALF,
    "angle head, root, up": 0,
    "distance right hand, root": math.sqrt(20),
    "distance left hand, root": math.sqrt(13),
    "distance right hand, right shoulder": math.sqrt(5),
    "distance left hand, left shoulder": 2,
    "distance right elbow, root": math.sqrt(8),
    "distance left elbow, root": math.sqrt(8),
    "distance right foot, root": math.sqrt(17),
    "distance left foot, root": 3,
    "distance right foot, left foot": math.sqrt(12),
    "area left hand, neck, right hand": 3,  # base 3, height 2
    "area left shoulder, neck, right shoulder": 0,
    "area left hand, root, right hand": 8,  # |3*4 - 2*(-2)| / 2
    "area left elbow, neck, right elbow": 0,
    "area left foot, neck, right foot": math.sqrt((-12) ** 2 + (-2) ** 2 + (-10) ** 2) / 2,
    "area left hip, neck, right hip": 2,
    "area left foot, root, right foot": math.sqrt(8**2 + 2**2 + 6**2) / 2,
    "area left knee, neck, right knee": math.sqrt(8**2 + 2**2 + 6**2) / 2,
}


def test_features_by_hand():
    found = affective_features(POSES)
    assert found.shape == (1, 31) and found.dtype == np.float32
    assert FEATURES == tuple(WANTED)
    assert [len(rows) for rows in CORNERS.values()] == [14, 9, 8]
    for name, value in zip(FEATURES, found[0], strict=True):
        assert value == pytest.approx(WANTED[name], abs=1e-6), name


def test_a_leaning_head():
    poses = POSES.copy()
    poses[0, JOINTS.index("head")] = (3, 3, 0)
    at = FEATURES.index("angle head, root, up")
    assert affective_features(poses)[0, at] == pytest.approx(math.pi / 4, abs=1e-6)


def test_turning_and_shifting_change_no_feature():
    """But for the angle with up, which a turn about the vertical keeps."""
    rng = np.random.default_rng(0)
    poses = rng.standard_normal((5, 16, 3))
    c, s = math.cos(0.7), math.sin(0.7)
    turned = poses @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]) + [3.0, -1.0, 2.0]
    np.testing.assert_allclose(affective_features(turned), affective_features(poses), atol=1e-5)
    doubled = affective_features(2 * poses) / affective_features(poses)
    np.testing.assert_allclose(doubled, [[1] * 14 + [2] * 9 + [4] * 8] * 5, rtol=1e-4)


@pytest.mark.parametrize("poses", [np.zeros((3, 16, 3)), np.ones((2, 16, 3)), 1e10 * POSES])
def test_bones_without_length_are_finite(poses):
    found = affective_features(poses)
    assert np.isfinite(found).all()
    if not np.ptp(poses):
        assert not found.any()
    assert np.isfinite(movement(poses)).all()


def test_movement_by_hand():
    """x = t^2 at one joint, y = 3t at another; before the recording all stand still."""
    T = 6
    poses, t = np.zeros((T, 16, 3)), np.arange(T)
    poses[:, 5, 0] = t**2 + 7
    poses[:, 9, 1], poses[:, 9, 2] = 3 * t, -4 * t
    found = movement(poses)
    assert found.shape == (8, T, 16) and found.dtype == np.float32 and len(MOVEMENTS) == 8
    np.testing.assert_array_equal(found[0, :, 5], [0, 1, 3, 5, 7, 9])
    np.testing.assert_array_equal(found[3, :, 5], [0, 1, 3, 5, 7, 9])
    np.testing.assert_array_equal(found[4, :, 5], [0, 1, 2, 2, 2, 2])
    np.testing.assert_array_equal(found[7, :, 5], [0, 1, 2, 2, 2, 2])
    np.testing.assert_array_equal(found[1, :, 9], [0, 3, 3, 3, 3, 3])
    np.testing.assert_array_equal(found[2, :, 9], [0, -4, -4, -4, -4, -4])
    np.testing.assert_array_equal(found[3, :, 9], [0, 5, 5, 5, 5, 5])
    np.testing.assert_array_equal(found[5:, :, 9].T, [[0, 0, 0], [3, -4, 5]] + [[0, 0, 0]] * 4)
    others = np.delete(found, [5, 9], axis=2)
    assert not others.any()
    assert not movement(poses[:1]).any()
