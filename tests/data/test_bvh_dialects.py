"""BVH files as tools write them: spelling, numbers, encoding, the joint names of the usual rigs,
any axis up; poses that nobody can stand in are refused in one sentence."""

import re

import numpy as np
import pytest
from support.bodies import BODY, body_bvh

from jacklib.data.bvh import NAMINGS, NOMINAL_HEIGHT, choose_joints, read_bvh
from jacklib.data.gait import read_pose
from jacklib.data.poses import JOINTS, PARENTS, check_standing
from jacklib.errors import DataError

LEFT = {"Left": "Left", "left": "left", "L": "L", "l": "l", "LEFT": "LEFT"}
RIGHT = {"Left": "Right", "left": "right", "L": "R", "l": "r", "LEFT": "RIGHT"}


# --- Spelling -------------------------------------------------------------------------------------


def of_keywords(change):
    words = r"HIERARCHY|ROOT|JOINT|OFFSET|CHANNELS|End Site|MOTION|Frames|Frame Time"
    return lambda text: re.sub(words, lambda found: change(found[0]), text)


def of_channels(change):
    return lambda text: re.sub(r"([XYZ])(position|rotation)", change, text)


def of_rows(change):
    """Changes the lines of numbers."""
    return lambda text: "\n".join(
        change(line) if re.match(r"[\d.-]", line) else line for line in text.split("\n")
    )


def of_numbers(change):
    number = r"(?<!Frames: )(?<!CHANNELS )(?<!\S)-?\d+(\.\d+)?(?=\s)"
    return lambda text: re.sub(number, lambda n: change(float(n[0])), text)


def put(old, new):
    return lambda text: text.replace(old, new)


SPELLINGS = {
    "small": of_keywords(str.lower),
    "capitals": of_keywords(str.upper),
    "Frames:10": put("Frames: 10", "Frames:10"),
    "Frames : 10": put("Frames: 10", "Frames : 10"),
    "Frames 10": put("Frames: 10", "Frames 10"),
    "FRAMES=10": put("Frames: 10", "FRAMES=10"),
    "Frame Time :": put("Frame Time: ", "Frame Time :"),
    "FrameTime:": put("Frame Time: ", "FrameTime:"),
    "frame_time": put("Frame Time: ", "frame_time "),
    "on one line": put("10\nFrame Time", "10 Frame Time"),
    "END SITE": put("End Site", "END SITE"),
    "EndSite": put("End Site", "EndSite"),
    "End_Site": put("End Site", "end_site"),
    "End": put("End Site", "End"),
    "End Effector": put("End Site", "End Effector"),
    "a named end": put("End Site", "End Site Tip01"),
    "braces": lambda text: re.sub(r"\s*\{\s*", "{", text),
    "small channels": of_channels(lambda c: c[0].lower()),
    "capital channels": of_channels(lambda c: c[0].upper()),
    "Xrot": of_channels(lambda c: c[1] + c[2][:3]),
    "rotationX": of_channels(lambda c: c[2] + c[1]),
    "Rotation_X": of_channels(lambda c: c[2].capitalize() + "_" + c[1]),
    "X_translation": of_channels(lambda c: f"{c[1]}_{c[2].replace('position', 'translation')}"),
    "translateX": of_channels(lambda c: f"{dict(p='translate', r='rotate')[c[2][0]]}{c[1]}"),
    "Rx": of_channels(lambda c: f"{dict(p='T', r='R')[c[2][0]]}{c[1].lower()}"),
    "X rotation": of_channels(lambda c: f"{c[1]} {c[2]}"),
    "rotation.X": of_channels(lambda c: f"{c[2]}.{c[1]}"),
    "keywords with colons": of_keywords(lambda word: word if word[0] in "EF" else f"{word}:"),
    "the sign for minus": put("-", "\N{MINUS SIGN}"),
    "Frame Count": put("Frames:", "Frame Count:"),
    "Number of Frames": put("Frames:", "Number of Frames:"),
    "Frame Time (s)": put("Frame Time:", "Frame Time (s):"),
    "tabs": put(" ", "\t"),
    "blank lines": put("\n", "\n\n \t\n"),
    "CRLF": put("\n", "\r\n"),
    "CR": put("\n", "\r"),
    "commas in rows": of_rows(lambda row: ", ".join(row.split())),
    "commas alone": of_rows(lambda row: ",".join(row.split())),
    "a comma at the end": of_rows(lambda row: ",".join(row.split()) + ","),
    "semicolons": of_rows(lambda row: ";".join(row.split())),
    "commas everywhere": lambda text: re.sub(r"(?<=\d) (?=[-\dXYZ])", ", ", text),
    "decimal commas": of_numbers(lambda n: f"{n:.6f}".replace(".", ",")),
    "decimal commas, semicolons": lambda text: of_rows(lambda row: ";".join(row.split()))(
        of_numbers(lambda n: f"{n:.6f}".replace(".", ","))(text)
    ),
    "1e-5": of_rows(lambda row: " ".join(f"{float(n) + 1e-5:.8e}" for n in row.split())),
    "a sign before each": of_rows(lambda row: " ".join(f"{float(n):+f}" for n in row.split())),
    "a minus that touches": of_rows(lambda row: row.replace(" 0 0 0", " 0 0-0.00001")),
    "# remarks": put("\n", "  # a remark, 1 2 3 { }\n"),
    "// remarks": put("\n", " // a remark\n// another {\n"),
    "/* remarks */": put("MOTION", "/* a remark\n   of { lines */ MOTION"),
    "a remark first": lambda text: "# BVH 1.0, (c) somebody\n\n" + text,
    "a foreword": lambda text: "Exported by a tool 1.0\n\n" + text,
    "a remark last": lambda text: text + "# the end",
    "Ctrl-Z last": lambda text: text + "\n\x1a",
    "zero bytes last": lambda text: text + "\0\0",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spelling(tmp_path, spelling):
    path = body_bvh(tmp_path / "body.bvh", NAMINGS["CMU"])
    expected, text = read_bvh(path), path.read_text()
    changed = SPELLINGS[spelling](text)
    assert changed != text
    path.write_bytes(changed.encode())
    found = read_bvh(path)
    np.testing.assert_allclose(found.pose, expected.pose, atol=1e-5)
    assert found.fps == pytest.approx(expected.fps, rel=1e-5)


@pytest.mark.parametrize("encoding", [
    "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "gb18030", "latin-1",
])  # fmt: skip
def test_encoding(tmp_path, encoding):
    path = body_bvh(tmp_path / "body.bvh", NAMINGS["CMU"])
    expected = read_bvh(path).pose
    remark = "步态" if encoding == "gb18030" else "café"
    path.write_bytes((path.read_text() + f"# {remark}\n").encode(encoding))
    np.testing.assert_array_equal(read_bvh(path).pose, expected)


@pytest.mark.parametrize("number", ["1.#QNAN", "-1.#IND", "nan", "-nan(ind)", "1.#INF", "inf", "x"])
def test_no_number(tmp_path, number):
    path = body_bvh(tmp_path / "body.bvh", NAMINGS["CMU"])
    path.write_text(re.sub(r"0\n\Z", f"{number}\n", path.read_text()))
    with pytest.raises(DataError, match=r"body\.bvh: found motion that is not numbers"):
        read_bvh(path)


def test_no_skeleton_is_that_large(tmp_path):
    path = tmp_path / "large.bvh"
    path.write_text("{" * 2_000_000)
    with pytest.raises(
        DataError, match=r"large\.bvh: found 2,000,000 characters before its motion"
    ):
        read_bvh(path)


# --- Names ----------------------------------------------------------------------------------------

# The trunk from the file's root to the head, where the legs hang, the leg, where the arms hang, the
# arm; then what is wanted: root, spine, neck, head, shoulder, elbow, hand, hip, knee, foot.
RIGS = {
    "CMU of cgspeed": (
        "Hips LowerBack Spine Spine1 Neck Neck1 Head",
        "Hips", "{L}HipJoint {Left}UpLeg {Left}Leg {Left}Foot {Left}ToeBase",
        "Spine1", "{Left}Shoulder {Left}Arm {Left}ForeArm {Left}Hand {Left}FingerBase {L}Thumb",
        "Hips Spine Neck1 Head {Left}Arm {Left}ForeArm {Left}Hand {Left}UpLeg {Left}Leg {Left}Foot",
    ),
    "CMU of 3ds Max": (
        "Hips Chest Chest2 Neck Head",
        "Hips", "{Left}Hip {Left}Knee {Left}Ankle {Left}Toe",
        "Chest2", "{Left}Collar {Left}Shoulder {Left}Elbow {Left}Wrist",
        "Hips Chest Neck Head {Left}Shoulder {Left}Elbow {Left}Wrist {Left}Hip {Left}Knee "
        "{Left}Ankle",
    ),
    "CMU for Daz": (
        "hip abdomen chest neck head",
        "hip", "{l}Buttock {l}Thigh {l}Shin {l}Foot",
        "chest", "{l}Collar {l}Shldr {l}ForeArm {l}Hand {l}Thumb1",
        "hip abdomen neck head {l}Shldr {l}ForeArm {l}Hand {l}Thigh {l}Shin {l}Foot",
    ),
    "MocapNET": (
        "hip abdomen chest neck neck1 head",
        "hip", "{l}buttock {l}hip {l}knee {l}foot {l}toe1-1",
        "chest", "{l}collar {l}shoulder {l}elbow {l}hand metacarpal1.{l} finger2-1.{l}",
        "hip chest neck1 head {l}shoulder {l}elbow {l}hand {l}hip {l}knee {l}foot",
    ),
    "Daz Genesis 8": (
        "hip abdomenLower abdomenUpper chestLower chestUpper neckLower neckUpper head",
        "hip", "{l}pelvis {l}ThighBend {l}ThighTwist {l}Shin {l}Foot {l}Metatarsals",
        "chestUpper", "{l}Collar {l}ShldrBend {l}ShldrTwist {l}ForearmBend {l}ForearmTwist {l}Hand",
        "hip chestLower neckUpper head {l}ShldrBend {l}ForearmBend {l}Hand {l}ThighBend {l}Shin "
        "{l}Foot",
    ),
    "Mixamo": (
        "mixamorig:Hips mixamorig:Spine mixamorig:Spine1 mixamorig:Spine2 mixamorig:Neck "
        "mixamorig:Head",
        "mixamorig:Hips", "mixamorig:{Left}UpLeg mixamorig:{Left}Leg mixamorig:{Left}Foot",
        "mixamorig:Spine2", "mixamorig:{Left}Shoulder mixamorig:{Left}Arm mixamorig:{Left}ForeArm "
        "mixamorig:{Left}Hand mixamorig:{Left}HandThumb1 mixamorig:{Left}HandIndex1",
        "mixamorig:Hips mixamorig:Spine1 mixamorig:Neck mixamorig:Head mixamorig:{Left}Arm "
        "mixamorig:{Left}ForeArm mixamorig:{Left}Hand mixamorig:{Left}UpLeg mixamorig:{Left}Leg "
        "mixamorig:{Left}Foot",
    ),
    "MotionBuilder": (
        "Character1_Reference Character1_Hips Character1_Spine Character1_Spine1 Character1_Neck "
        "Character1_Head",
        "Character1_Hips", "Character1_{Left}UpLeg Character1_{Left}Leg Character1_{Left}Foot",
        "Character1_Spine1", "Character1_{Left}Shoulder Character1_{Left}Arm "
        "Character1_{Left}ForeArm Character1_{Left}ForeArmRoll Character1_{Left}Hand",
        "Character1_Hips Character1_Spine Character1_Neck Character1_Head Character1_{Left}Arm "
        "Character1_{Left}ForeArm Character1_{Left}Hand Character1_{Left}UpLeg "
        "Character1_{Left}Leg Character1_{Left}Foot",
    ),
    "SMPL": (
        "Pelvis Spine1 Spine2 Spine3 Neck Head",
        "Pelvis", "{Left}_hip {Left}_knee {Left}_ankle {Left}_foot",
        "Spine3", "{Left}_collar {Left}_shoulder {Left}_elbow {Left}_wrist {Left}_palm",
        "Pelvis Spine2 Neck Head {Left}_shoulder {Left}_elbow {Left}_wrist {Left}_hip {Left}_knee "
        "{Left}_ankle",
    ),
    "SMPL in Maya": (
        "m_avg_root m_avg_Pelvis m_avg_Spine1 m_avg_Spine2 m_avg_Spine3 m_avg_Neck m_avg_Head",
        "m_avg_Pelvis", "m_avg_{L}_Hip m_avg_{L}_Knee m_avg_{L}_Ankle m_avg_{L}_Foot",
        "m_avg_Spine3", "m_avg_{L}_Collar m_avg_{L}_Shoulder m_avg_{L}_Elbow m_avg_{L}_Wrist "
        "m_avg_{L}_Hand",
        "m_avg_Pelvis m_avg_Spine2 m_avg_Neck m_avg_Head m_avg_{L}_Shoulder m_avg_{L}_Elbow "
        "m_avg_{L}_Wrist m_avg_{L}_Hip m_avg_{L}_Knee m_avg_{L}_Ankle",
    ),
    "Unity": (
        "Armature Hips Spine Chest UpperChest Neck Head",
        "Hips", "{Left}UpperLeg {Left}LowerLeg {Left}Foot {Left}Toes",
        "UpperChest", "{Left}Shoulder {Left}UpperArm {Left}LowerArm {Left}Hand",
        "Hips Chest Neck Head {Left}UpperArm {Left}LowerArm {Left}Hand {Left}UpperLeg "
        "{Left}LowerLeg {Left}Foot",
    ),
    "VRM": (
        "J_Bip_C_Hips J_Bip_C_Spine J_Bip_C_Chest J_Bip_C_UpperChest J_Bip_C_Neck J_Bip_C_Head",
        "J_Bip_C_Hips", "J_Bip_{L}_UpperLeg J_Bip_{L}_LowerLeg J_Bip_{L}_Foot",
        "J_Bip_C_UpperChest", "J_Bip_{L}_Shoulder J_Bip_{L}_UpperArm J_Bip_{L}_LowerArm "
        "J_Bip_{L}_Hand",
        "J_Bip_C_Hips J_Bip_C_Chest J_Bip_C_Neck J_Bip_C_Head J_Bip_{L}_UpperArm "
        "J_Bip_{L}_LowerArm J_Bip_{L}_Hand J_Bip_{L}_UpperLeg J_Bip_{L}_LowerLeg J_Bip_{L}_Foot",
    ),
    "Bandai-Namco": (
        "joint_Root Hips Spine Chest Neck Head",
        "Hips", "UpperLeg_{L} LowerLeg_{L} Foot_{L} Toes_{L}",
        "Chest", "Shoulder_{L} UpperArm_{L} LowerArm_{L} Hand_{L}",
        "Hips Spine Neck Head UpperArm_{L} LowerArm_{L} Hand_{L} UpperLeg_{L} LowerLeg_{L} "
        "Foot_{L}",
    ),
    "Biped": (
        "Bip01,Bip01 Pelvis,Bip01 Spine,Bip01 Spine1,Bip01 Spine2,Bip01 Neck,Bip01 Head",
        "Bip01 Pelvis", "Bip01 {L} Thigh,Bip01 {L} Calf,Bip01 {L} Foot,Bip01 {L} Toe0",
        "Bip01 Spine2", "Bip01 {L} Clavicle,Bip01 {L} UpperArm,Bip01 {L} Forearm,"
        "Bip01 {L} ForeTwist,Bip01 {L} Hand,Bip01 {L} Finger0",
        "Bip01 Pelvis,Bip01 Spine1,Bip01 Neck,Bip01 Head,Bip01 {L} UpperArm,Bip01 {L} Forearm,"
        "Bip01 {L} Hand,Bip01 {L} Thigh,Bip01 {L} Calf,Bip01 {L} Foot",
    ),
    "Unreal": (
        "root pelvis spine_01 spine_02 spine_03 neck_01 head",
        "pelvis", "thigh_{l} calf_{l} foot_{l} ball_{l}",
        "spine_03", "clavicle_{l} upperarm_{l} lowerarm_{l} hand_{l} index_01_{l}",
        "pelvis spine_02 neck_01 head upperarm_{l} lowerarm_{l} hand_{l} thigh_{l} calf_{l} "
        "foot_{l}",
    ),
    "Blender's metarig": (
        "spine spine.001 spine.002 spine.003 spine.004 spine.005 spine.006",
        "spine", "thigh.{L} shin.{L} foot.{L} toe.{L}",
        "spine.003", "shoulder.{L} upper_arm.{L} forearm.{L} hand.{L}",
        "spine spine.002 spine.005 spine.006 upper_arm.{L} forearm.{L} hand.{L} thigh.{L} shin.{L} "
        "foot.{L}",
    ),
    "Rigify, as it deforms": (
        "DEF-hips DEF-spine DEF-chest DEF-neck DEF-head",
        "DEF-hips", "DEF-thigh.{L} DEF-thigh.{L}.001 DEF-shin.{L} DEF-shin.{L}.001 DEF-foot.{L}",
        "DEF-chest", "DEF-shoulder.{L} DEF-upper_arm.{L} DEF-upper_arm.{L}.001 DEF-forearm.{L} "
        "DEF-forearm.{L}.001 DEF-hand.{L}",
        "DEF-hips DEF-spine DEF-neck DEF-head DEF-upper_arm.{L} DEF-forearm.{L} DEF-hand.{L} "
        "DEF-thigh.{L} DEF-shin.{L} DEF-foot.{L}",
    ),
    "MakeHuman": (
        "root spine05 spine04 spine03 spine02 spine01 neck01 neck02 head",
        "root", "pelvis.{L} upperleg01.{L} upperleg02.{L} lowerleg01.{L} lowerleg02.{L} foot.{L}",
        "spine01", "clavicle.{L} shoulder01.{L} upperarm01.{L} upperarm02.{L} lowerarm01.{L} "
        "lowerarm02.{L} wrist.{L} finger1-1.{L}",
        "root spine03 neck02 head upperarm01.{L} lowerarm01.{L} wrist.{L} upperleg01.{L} "
        "lowerleg01.{L} foot.{L}",
    ),
    "Character Creator": (
        "CC_Base_Hip CC_Base_Waist CC_Base_Spine01 CC_Base_Spine02 CC_Base_NeckTwist01 "
        "CC_Base_NeckTwist02 CC_Base_Head",
        "CC_Base_Hip", "CC_Base_{L}_Thigh CC_Base_{L}_Calf CC_Base_{L}_Foot CC_Base_{L}_ToeBase",
        "CC_Base_Spine02", "CC_Base_{L}_Clavicle CC_Base_{L}_Upperarm CC_Base_{L}_Forearm "
        "CC_Base_{L}_ForearmTwist01 CC_Base_{L}_Hand",
        "CC_Base_Hip CC_Base_Spine01 CC_Base_NeckTwist02 CC_Base_Head CC_Base_{L}_Upperarm "
        "CC_Base_{L}_Forearm CC_Base_{L}_Hand CC_Base_{L}_Thigh CC_Base_{L}_Calf CC_Base_{L}_Foot",
    ),
    "Xsens": (
        "Pelvis L5 L3 T12 T8 Neck Head",
        "Pelvis", "{Left}UpperLeg {Left}LowerLeg {Left}Foot {Left}Toe",
        "T8", "{Left}Shoulder {Left}UpperArm {Left}ForeArm {Left}Hand",
        "Pelvis L3 Neck Head {Left}UpperArm {Left}ForeArm {Left}Hand {Left}UpperLeg {Left}LowerLeg "
        "{Left}Foot",
    ),
    "OptiTrack": (
        "Skeleton_001_Hip Skeleton_001_Ab Skeleton_001_Chest Skeleton_001_Neck Skeleton_001_Head",
        "Skeleton_001_Hip", "Skeleton_001_{L}Thigh Skeleton_001_{L}Shin Skeleton_001_{L}Foot",
        "Skeleton_001_Chest", "Skeleton_001_{L}Shoulder Skeleton_001_{L}UArm Skeleton_001_{L}FArm "
        "Skeleton_001_{L}Hand",
        "Skeleton_001_Hip Skeleton_001_Ab Skeleton_001_Neck Skeleton_001_Head "
        "Skeleton_001_{L}UArm Skeleton_001_{L}FArm Skeleton_001_{L}Hand Skeleton_001_{L}Thigh "
        "Skeleton_001_{L}Shin Skeleton_001_{L}Foot",
    ),
    "ASF": (
        "root lowerback upperback thorax lowerneck upperneck head",
        "root", "{l}hipjoint {l}femur {l}tibia {l}foot {l}toes",
        "thorax", "{l}clavicle {l}humerus {l}radius {l}wrist {l}hand {l}fingers",
        "root upperback upperneck head {l}humerus {l}radius {l}wrist {l}femur {l}tibia {l}foot",
    ),
    "Kinect": (
        "SpineBase SpineMid SpineShoulder Neck Head",
        "SpineBase", "Hip{Left} Knee{Left} Ankle{Left} Foot{Left}",
        "SpineShoulder", "Shoulder{Left} Elbow{Left} Wrist{Left} Hand{Left} HandTip{Left}",
        "SpineBase SpineMid Neck Head Shoulder{Left} Elbow{Left} Wrist{Left} Hip{Left} Knee{Left} "
        "Ankle{Left}",
    ),
    "Second Life": (
        "mPelvis mTorso mChest mNeck mHead",
        "mPelvis", "mHip{Left} mKnee{Left} mAnkle{Left} mFoot{Left}",
        "mChest", "mCollar{Left} mShoulder{Left} mElbow{Left} mWrist{Left}",
        "mPelvis mTorso mNeck mHead mShoulder{Left} mElbow{Left} mWrist{Left} mHip{Left} "
        "mKnee{Left} mAnkle{Left}",
    ),
    "Advanced Skeleton": (
        "Root_M Spine1_M Chest_M Neck_M Head_M",
        "Root_M", "Hip_{L} Knee_{L} Ankle_{L} Toes_{L}",
        "Chest_M", "Scapula_{L} Shoulder_{L} Elbow_{L} Wrist_{L}",
        "Root_M Spine1_M Neck_M Head_M Shoulder_{L} Elbow_{L} Wrist_{L} Hip_{L} Knee_{L} Ankle_{L}",
    ),
    "words at the end": (
        "hips_JNT spine_JNT spine1_JNT spine2_JNT neck_JNT head_JNT",
        "hips_JNT", "{l}_upleg_JNT {l}_leg_JNT {l}_foot_JNT {l}_toebase_JNT",
        "spine2_JNT", "{l}_shoulder_JNT {l}_arm_JNT {l}_forearm_JNT {l}_hand_JNT",
        "hips_JNT spine1_JNT neck_JNT head_JNT {l}_arm_JNT {l}_forearm_JNT {l}_hand_JNT "
        "{l}_upleg_JNT {l}_leg_JNT {l}_foot_JNT",
    ),
    "MikuMikuDance, translated": (
        "center waist upper_body upper_body2 neck head",
        "waist", "leg_{L} knee_{L} ankle_{L} toe_{L}",
        "upper_body2", "shoulder_{L} arm_{L} elbow_{L} wrist_{L}",
        "waist upper_body neck head arm_{L} elbow_{L} wrist_{L} leg_{L} knee_{L} ankle_{L}",
    ),
    "all in capitals": (
        "HIPS SPINE NECK HEAD",
        "HIPS", "{LEFT}UPLEG {LEFT}LEG {LEFT}FOOT",
        "SPINE", "{L}SHOULDER {LEFT}ARM {LEFT}FOREARM {L}HAND",
        "HIPS SPINE NECK HEAD {LEFT}ARM {LEFT}FOREARM {L}HAND {LEFT}UPLEG {LEFT}LEG {LEFT}FOOT",
    ),
    "no joint for the head": (
        "Hips,Spine,Neck,Neck end",
        "Hips", "{Left}UpLeg,{Left}Leg,{Left}Foot",
        "Spine", "{Left}Arm,{Left}ForeArm,{Left}Hand",
        "Hips,Spine,Neck,Neck end,{Left}Arm,{Left}ForeArm,{Left}Hand,{Left}UpLeg,{Left}Leg,"
        "{Left}Foot",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rig", RIGS)
def test_names(rig):
    trunk, legs_on, leg, arms_on, arm, wanted = RIGS[rig]

    def split(text, sides=LEFT):
        return text.format(**sides).split("," if "," in text else None)

    names, parents = [], []

    def hang(chain, on):
        for name in chain:
            parents.append(on)
            on = len(names)
            names.append(name)

    hang(split(trunk), -1)
    for sides in (RIGHT, LEFT):
        hang(split(leg, sides), names.index(legs_on))
        hang(split(arm, sides), names.index(arms_on))
    left, right = split(wanted, LEFT), split(wanted, RIGHT)
    expected = left[:4] + left[4:7] + right[4:7] + left[7:] + right[7:]
    found = choose_joints(tuple(names), "a list", tuple(parents))
    assert [names[index] for index in found] == expected


@pytest.mark.parametrize("written", [
    "{L}_X", "X_{L}", "X.{L}", "X-{l}", "{l}X", "{L} X", "X {l}", "X{L}", "{Left}X", "{left}_X",
    "X{Left}", "X_{left}", "{LEFT} X", "bip01 {l} X", "Bip001_{L}_X", "Armature|{Left}X",
    "actor:ns:{Left}X", "X.{L}.001", "X_{L}_01", "{l}X_jnt", "[{L}] X",
])  # fmt: skip
@pytest.mark.parametrize("parts", [
    "UpperArm LowerArm Hand UpperLeg LowerLeg Foot", "Upper_Arm Fore_Arm Hand Up_Leg Low_Leg Foot",
    "Arm ForeArm Hand UpLeg Leg Foot", "Shoulder Elbow Wrist Hip Knee Ankle",
    "upperarm forearm hand thigh calf foot", "Humerus Radius Wrist Femur Tibia Foot",
    "ARM FOREARM HAND THIGH SHIN FOOT",
])  # fmt: skip
def test_sides(written, parts):
    names, parents = ["Hips", "Spine", "Neck", "Head"], [-1, 0, 1, 2]
    for on, chain in ((1, parts.split()[:3]), (0, parts.split()[3:])):
        for sides in (LEFT, RIGHT):
            for number, part in enumerate(chain):
                parents.append(len(names) - 1 if number else on)
                names.append(written.replace("X", part).format(**sides))
    assert choose_joints(tuple(names), "a list", tuple(parents)) == list(range(16))


def test_names_of_collars_and_fingers_are_no_limbs():
    names = tuple(f"{side}{name}" for side in ("Left", "Right") for name in (
        "Collar", "HandThumb1", "ForeArmTwist", "UpLegRoll", "ToeBase", "HipJoint"))  # fmt: skip
    with pytest.raises(DataError, match="no root.*no left shoulder.*no right foot"):
        choose_joints(("Hips", "Spine", "Neck", "Head", *names), "a list", (-1, *range(15)))


# --- Any axis up ----------------------------------------------------------------------------------


def turned(path, axes, names=NAMINGS["CMU"], **how):
    """A body whose offsets and places are turned, or mirrored, by `axes`."""
    body_bvh(path, names, **how)

    def change(found):
        return " ".join(f"{x:.6f}" for x in axes(*map(float, found[0].split())))

    triple = r"-?[\d.e-]+ -?[\d.e-]+ -?[\d.e-]+"
    text = re.sub(rf"(?<=OFFSET ){triple}", change, path.read_text())
    head, motion = text.split("Frame Time", 1)
    path.write_text(head + "Frame Time" + re.sub(rf"(?m)^{triple}", change, motion))
    return path


AXES = {
    "y down": lambda x, y, z: (x, -y, -z),
    "z up": lambda x, y, z: (x, -z, y),
    "z down": lambda x, y, z: (x, z, -y),
    "x up": lambda x, y, z: (y, -x, z),
    "x down": lambda x, y, z: (-y, x, z),
    "y up, seen from behind": lambda x, y, z: (-x, y, -z),
    "z up, walking along x": lambda x, y, z: (z, x, y),
}


@pytest.mark.parametrize("axes", AXES)
def test_any_axis_up(tmp_path, axes):
    expected = read_pose(body_bvh(tmp_path / "body.bvh", NAMINGS["CMU"])).pose
    found = read_pose(turned(tmp_path / "turned.bvh", AXES[axes])).pose
    found[..., 1] -= found[0, 0, 1] - expected[0, 0, 1]  # the height of the floor
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_tilted_camera(tmp_path):
    cos, sin = np.cos(0.4), np.sin(0.4)
    path = turned(tmp_path / "a.bvh", lambda x, y, z: (x, cos * y - sin * z, sin * y + cos * z))
    pose = read_pose(path).pose
    assert pose[0, 3, 1] - pose[0, 12, 1] > 0.8 * NOMINAL_HEIGHT


# --- What cannot stand ----------------------------------------------------------------------------


def standing(frames=10, bend=0.0):
    """[T, 16, 3] of somebody who walks along +z, knees `bend` before the line of the leg."""
    pose = np.zeros((16, 3))
    for joint, parent in enumerate(PARENTS):
        pose[joint] = (pose[parent] if joint else 0) + np.array(BODY[JOINTS[joint]], float)
    pose[[11, 14], 2] += bend
    return pose / 100 + np.arange(frames)[:, None, None] * [0, 0, 0.04]


def test_who_stands():
    for pose in (standing(), standing() * 1000, standing(2), standing(bend=20),
                 np.concatenate([standing(), np.zeros((5, 16, 3))])):  # fmt: skip
        check_standing(pose, "a walk", sides=True)
    check_standing(standing(bend=-20), "a walk")  # sides may be exchanged


def lying():
    return standing()[..., [0, 2, 1]] + [0, 0.2, 0]


def crouching():
    pose = standing()
    pose[:, [11, 14]] += [0, -0.05, 0.4]
    pose[:, [12, 15]] += [0, 0.75, 0]
    return pose


def sitting():
    pose = standing()
    pose[:, [11, 12, 14, 15]] += [0, 0.42, 0.42]
    return pose


def with_joint(joint, place):
    pose = standing()
    pose[:, JOINTS.index(joint)] = pose[:, JOINTS.index(place)]
    return pose


def with_long_arm():
    pose = standing()
    pose[:, 6] += [9, 0, 0]
    return pose


@pytest.mark.parametrize("pose, found", [
    (standing() * [1, -1, -1], "a head -1.00 body lengths above the feet"),
    (lying(), "a head 0.00 body lengths above the feet"),
    (crouching(), "a head 0.[0-5]"),
    (sitting(), "a head 0.72"),
    (with_joint("left knee", "left hip"), "no bone, or one as long as a body, before left knee"),
    (with_joint("head", "neck"), "before head"),
    (with_long_arm(), "before left hand"),
    (np.ones((10, 16, 3)), "no bone"),
    (standing(90)[:1] + np.arange(90)[:, None, None] * [0, 0.04, 0], "a way of 2.4 body lengths"),
    (standing(bend=-20), "knees that bend backwards"),
])  # fmt: skip
def test_who_cannot_stand(pose, found):
    with pytest.raises(DataError, match=f"^a walk: found .*{found}") as caught:
        check_standing(pose, "a walk", sides=True)
    assert "wanted somebody who stands or walks upright" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_of_what_cannot_stand(tmp_path):
    crawl = turned(tmp_path / "crawl.bvh", lambda x, y, z: (x, z, -y), frames=60)
    text = crawl.read_text().split("Frame Time", 1)
    rows = [re.sub(r"^\S+ \S+ \S+", f"0 0 {-4 * t}", row)
            for t, row in enumerate(text[1].split("\n")[1:61])]  # fmt: skip
    crawl.write_text(text[0] + "Frame Time: 0.033\n" + "\n".join(rows) + "\n")
    with pytest.raises(DataError, match=r"crawl\.bvh: found a way of .* upwards"):
        read_pose(crawl)
    flat = body_bvh(tmp_path / "flat.bvh", NAMINGS["CMU"])
    flat.write_text(re.sub(r"OFFSET .*", "OFFSET 0 0 0", flat.read_text()))
    with pytest.raises(DataError, match=r"flat\.bvh: found no bone"):
        read_pose(flat)
