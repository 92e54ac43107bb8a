"""BVH files: the skeleton is put together as it should, joints are found by name, errors say what
is missing."""

import numpy as np
import pytest
from support.bodies import body_bvh

from jacklib.data.bvh import (
    NAMINGS,
    NOMINAL_HEIGHT,
    body_length,
    choose_joints,
    forward_kinematics,
    parse_bvh,
    read_bvh,
)
from jacklib.data.gait import read_pose, recording_frames
from jacklib.errors import DataError

ARM = """HIERARCHY
ROOT shoulder
{
  OFFSET 1 2 3
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT elbow
  {
    OFFSET 0 -2 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -1 0
    }
  }
}
MOTION
Frames: %d
Frame Time: 0.0333333
%s
"""


def arm(tmp_path, *frames):
    path = tmp_path / "arm.bvh"
    path.write_text(ARM % (len(frames), "\n".join(frames)))
    return parse_bvh(path)


def test_hand_made_angles(tmp_path):
    bvh = arm(
        tmp_path,
        "0 0 0  0 0 0  0 0 0",
        "0 0 0  90 0 0  0 0 0",  # about z: what hangs down goes to +x
        "0 0 0  0 90 0  0 0 0",  # about x: down goes to -z
        "5 6 7  90 0 0  90 0 0",
    )
    assert bvh.names == ("shoulder", "elbow", "elbow end")
    places = forward_kinematics(bvh)
    expected = [
        [[0, 0, 0], [0, -2, 0], [0, -3, 0]],
        [[0, 0, 0], [2, 0, 0], [3, 0, 0]],
        [[0, 0, 0], [0, 0, -2], [0, 0, -3]],
        [[5, 6, 7], [7, 6, 7], [7, 7, 7]],
    ]
    np.testing.assert_allclose(places, expected, atol=1e-12)


def test_order_of_rotations_is_the_files(tmp_path):
    # Z then X in the file: the point is turned about x first, then about z.
    places = forward_kinematics(arm(tmp_path, "0 0 0  90 90 0  0 0 0"))
    np.testing.assert_allclose(places[0, 1], [0, 0, -2], atol=1e-12)
    # Z then Y: about y first, which leaves a hanging arm alone.
    places = forward_kinematics(arm(tmp_path, "0 0 0  90 0 90  0 0 0"))
    np.testing.assert_allclose(places[0, 1], [2, 0, 0], atol=1e-12)


WRITTEN = {
    "CMU": "Hips Spine Neck1 Head LeftArm LeftForeArm LeftHand RightArm RightForeArm RightHand "
    "LeftUpLeg LeftLeg LeftFoot RightUpLeg RightLeg RightFoot",
    "Mixamo": "Hips Spine1 Neck Head LeftArm LeftForeArm LeftHand RightArm RightForeArm RightHand "
    "LeftUpLeg LeftLeg LeftFoot RightUpLeg RightLeg RightFoot",
    "Chest and elbows": "Hips Chest Neck Head LeftShoulder LeftElbow LeftWrist RightShoulder "
    "RightElbow RightWrist LeftHip LeftKnee LeftAnkle RightHip RightKnee RightAnkle",
    "DeepMimic": "root chest neck neck_end left_shoulder left_elbow left_wrist right_shoulder "
    "right_elbow right_wrist left_hip left_knee left_ankle right_hip right_knee right_ankle",
}


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("z_up", [False, True])
def test_body_by_its_names(tmp_path, naming, z_up):
    prefix = "mixamorig:" if naming == "Mixamo" else ""
    names = WRITTEN[naming].split()
    pose, fps = read_bvh(body_bvh(tmp_path / "body.bvh", names, z_up=z_up, prefix=prefix))
    assert pose.shape == (10, 16, 3) and fps == pytest.approx(30, rel=1e-5)
    unit = NOMINAL_HEIGHT / (24 + 24 + 18 + 84)
    np.testing.assert_allclose(pose[:, 3, 1], (90 + 66) * unit, atol=1e-6)
    np.testing.assert_allclose(pose[:, 12, 1], 6 * unit, atol=1e-6)
    np.testing.assert_allclose(pose[:, 0, 2], np.arange(10) * 4 * unit, atol=1e-6)
    assert (pose[:, [4, 10], 0] > 0.08).all()  # left is at +x
    assert body_length(pose) == pytest.approx(NOMINAL_HEIGHT)


def test_missing_joints_are_named(tmp_path):
    path = body_bvh(
        tmp_path / "body.bvh", WRITTEN["CMU"].split(), leave_out=("left hand", "right foot")
    )
    with pytest.raises(DataError) as caught:
        read_bvh(path)
    message = str(caught.value)
    assert "no left hand ('lefthand'), no right foot ('rightfoot')" in message
    assert "CMU fits best" in message and "LeftForeArm" in message and str(path) in message
    with pytest.raises(DataError, match="no root"):
        choose_joints(("a", "b"), "a list")


@pytest.mark.parametrize(
    "change, found",
    [
        (lambda text: text.replace("MOTION", "MOVE"), "MOVE"),
        (lambda text: text.replace("Frames: 2", "Frames: 3"), "18 numbers of motion"),
        (lambda text: text.replace("OFFSET 0 -2 0", "OFFSET 0 -2"), "'CHANNELS'"),
        (lambda text: text.replace("Xrotation", "Wrotation"), "'Wrotation'"),
        (lambda text: text[:100], "the file's end within its HIERARCHY"),
        (lambda text: "no BVH", "'no'"),
        (lambda text: text.replace("0 0 0  0 0 0  0 0 0", "0 0 0  0 0 0  0 0 x", 1), "numbers"),
        (lambda text: text.replace("0.0333333", "0"), "frame time"),
        (lambda text: text.replace("0.0333333", "1"), "found 1 frames per second, wanted 5 to"),
        (lambda text: text.replace("0.0333333", "1e-9"), "found 1e+09 frames per second"),
        (lambda text: text.replace("Frames: 2", "Frames: " + "9" * 4299), "18 numbers of motion"),
        (lambda text: text.replace("Frames: 2", "Frames: " + "9" * 9999), "a number"),
        (lambda text: text.replace("0 0 0  0 0 0", "0 0 0  0 0 1e999", 1), "missing or infinite"),
        (lambda text: text.replace("shoulder", "a " * 500), "a joint called 'a a"),
        (lambda text: "HIERARCHY ROOT a { " + "END S { " * 100_000, "more than 1000 joints"),
        (
            lambda text: (
                f"HIERARCHY ROOT a {{ CHANNELS 7 {'Xrotation ' * 7} }} MOTION "
                f"Frames: 1 Frame Time: .03 {'0 ' * 7}"
            ),
            "a joint of 7 channels, wanted 0 to 6",
        ),
        (
            lambda text: (
                "HIERARCHY ROOT a { CHANNELS 3 Xposition Yposition Zposition } MOTION "
                "Frames: 100001 Frame Time: .03 " + "0 0 0 " * 100_001
            ),
            "wanted 100000 frames at most",
        ),
    ],
)
def test_broken_files(tmp_path, change, found):
    frame = "0 0 0  0 0 0  0 0 0"
    path = tmp_path / "broken.bvh"
    path.write_text(change(ARM % (2, f"{frame}\n{frame}")))
    with pytest.raises(DataError) as caught:
        parse_bvh(path)
    assert found in str(caught.value) and "broken.bvh" in str(caught.value)


def test_one_recording_for_the_network(tmp_path):
    path = body_bvh(tmp_path / "body.bvh", WRITTEN["CMU"].split(), frames=121, fps=60, z_up=True)
    recording = read_pose(path)
    np.testing.assert_allclose(recording.pose[0, 0, [0, 2]], 0, atol=1e-12)
    frames = recording_frames(recording, start=0.5)
    assert frames.shape == (48, 16, 3)
    step = 8 * NOMINAL_HEIGHT / 150  # of two frames at 60 per second
    np.testing.assert_allclose(np.diff(frames[:46, 0, 2]), step, atol=1e-5)
    assert not frames[46:].any()  # 61 frames at 30 per second, less 15
    with pytest.raises(DataError, match="start"):
        recording_frames(recording, start=3)


def test_a_neck_of_one_bone(tmp_path):
    names = ["neck" if name == "neck1" else name for name in NAMINGS["CMU"]]
    body_bvh(tmp_path / "one.bvh", names)
    body_bvh(tmp_path / "cmu.bvh", NAMINGS["CMU"])
    one, cmu = (read_bvh(tmp_path / f"{name}.bvh") for name in ("one", "cmu"))
    np.testing.assert_array_equal(one.pose, cmu.pose)


def test_a_body_that_is_a_kilometre_away(tmp_path):
    path = body_bvh(tmp_path / "body.bvh", WRITTEN["CMU"].split())
    path.write_text(path.read_text().replace("0 90 36 ", "0 90 36e7 "))
    with pytest.raises(DataError, match="frame 9, root: found a coordinate of 3.6e"):
        read_bvh(path)
