"""Turn recordings of walks into the base walks of data_samples/gait.

    pip download --no-deps pybullet==3.2.7
    pip download --no-deps --no-binary gaitalytics gaitalytics==0.2.2
    apt-get download assimp-testmodels
    pip install c3d
    python data_samples/gait/make_gait.py --pybullet pybullet-3.2.7-*.whl \
        --gaitalytics gaitalytics-0.2.2.tar.gz --assimp assimp-testmodels_5.2.5~ds0-1_all.deb

Each recording gives one gait cycle: turned so that it goes along +z, straightened where the walker
turns, its end joined to its beginning, and 36 poses evenly in time. Written are walks/NAME.csv (37
rows of 48 numbers, the last row one stride after the first), walks.json and SHA256SUMS; and two
dances, frame by frame, in others/.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from jacklib.data.bvh import (  # noqa: E402
    NOMINAL_HEIGHT,
    Recording,
    body_length,
    choose_joints,
    forward_kinematics,
    parse_bvh,
)
from jacklib.data.gait import resample  # noqa: E402
from jacklib.data.poses import JOINTS, face_forward, turn_about_y  # noqa: E402

FPS, PHASES = 30, 36
MOTIONS = "pybullet_data/data/motions/"
PYBULLET = {
    "deepmimic_walk": "humanoid3d_walk.txt",
    "deepmimic_forward": "walker/0walk_forward.txt",
    "deepmimic_left_0": "walker/turn_left0.txt",
    "deepmimic_left_1": "walker/turn_left1.txt",
    "deepmimic_right_1": "walker/turn_right1.txt",
}
# No walks: BPM-GCN is to find them unlike its training gaits.
OTHERS = {"dance_a": "humanoid3d_dance_a.txt", "dance_b": "humanoid3d_dance_b.txt"}
TRIAL = "gaitalytics-0.2.2/tests/treadmill_events.c3d"
CMU = "usr/share/assimp/models/BVH/01_03.bvh"
CMU_SECONDS = 2.5  # of walking, before the climbing begins

# Joints of PyBullet's humanoid.urdf: name, parent, offset in quarter metres, and where in a frame
# its rotation begins: 4 numbers of a quaternion (w x y z), or 1 angle about z for elbow and knee.
HUMANOID = (
    ("chest", "root", (0, 0.944604, 0), 8, 4),
    ("neck", "chest", (0, 0.895576, 0), 12, 4),
    ("head", "neck", (0, 0.7, 0), 0, 0),  # the middle of the sphere that is drawn for it
    ("left hip", "root", (0, 0, -0.339548), 30, 4),
    ("left knee", "left hip", (0, -1.686184, 0), 34, 1),
    ("left foot", "left knee", (0, -1.63948, 0), 0, 0),
    ("right hip", "root", (0, 0, 0.339548), 16, 4),
    ("right knee", "right hip", (0, -1.686184, 0), 20, 1),
    ("right foot", "right knee", (0, -1.63948, 0), 0, 0),
    ("left shoulder", "chest", (-0.0962, 0.974, -0.73244), 39, 4),
    ("left elbow", "left shoulder", (0, -1.099152, 0), 43, 1),
    ("left hand", "left elbow", (0, -1.035788, 0), 0, 0),
    ("right shoulder", "chest", (-0.0962, 0.974, 0.73244), 25, 4),
    ("right elbow", "right shoulder", (0, -1.099152, 0), 29, 1),
    ("right hand", "right elbow", (0, -1.035788, 0), 0, 0),
)


def deepmimic_poses(text: str) -> np.ndarray:
    """A DeepMimic motion at 30 frames per second: float64 [T, 16, 3], +z forward."""
    frames = np.array(json.loads(text)["Frames"], dtype=float)
    places, turns = {"root": frames[:, 1:4]}, {"root": from_quaternion(frames[:, 4:8])}
    for name, parent, offset, at, size in HUMANOID:
        places[name] = places[parent] + turns[parent] @ (np.array(offset) / 4)
        if size == 4:
            turns[name] = turns[parent] @ from_quaternion(frames[:, at : at + 4])
        elif size == 1:
            half = frames[:, at] / 2
            zero = np.zeros_like(half)
            quaternion = np.stack([np.cos(half), zero, zero, np.sin(half)], axis=-1)
            turns[name] = turns[parent] @ from_quaternion(quaternion)
    pose = np.stack([places["chest" if name == "spine" else name] for name in JOINTS], axis=1)
    return np.stack([-pose[..., 2], pose[..., 1], pose[..., 0]], axis=-1)  # it walks along +x


def from_quaternion(q: np.ndarray) -> np.ndarray:
    """Rotations [T, 3, 3] of quaternions [T, 4], w first."""
    w, *axis = (q / np.linalg.norm(q, axis=-1, keepdims=True)).T
    v = np.stack(axis, axis=-1)
    x, y, z = axis
    zero = np.zeros_like(w)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
    return (
        np.eye(3) + 2 * w[:, None, None] * cross
        + 2 * (v[:, :, None] * v[:, None, :] - (v * v).sum(-1)[:, None, None] * np.eye(3))
    )  # fmt: skip


def straighten(pose: np.ndarray) -> np.ndarray:
    """Take a steady turn out of a walk: [T, 16, 3] along +z."""
    across = pose[:, 10] - pose[:, 13]
    heading = np.unwrap(np.arctan2(-across[:, 2], across[:, 0]))  # 0 when the left side is at +x
    time = np.arange(len(pose))
    # The hips turn to and fro in a cycle. Over a whole one, the ends tell how far it goes round.
    turned = (heading[-1] - heading[0]) / time[-1]
    angle = turned * (time - time.mean()) + heading.mean()
    body = turn_about_y(pose - pose[:, :1], -angle)
    steps = np.diff(pose[:, 0], axis=0)[:, None]
    steps = turn_about_y(steps, -(angle[1:] + angle[:-1]) / 2)[:, 0]
    root = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    root[:, 1] = pose[:, 0, 1]
    return face_forward(body + root[:, None])


def best_cycle(pose: np.ndarray, shortest: int, longest: int) -> tuple[int, int]:
    """First and last frame of the cycle whose ends are most alike."""
    body = pose - pose[:, :1]
    best = None
    for length in range(shortest, min(longest, len(pose) - 1) + 1):
        for first in range(len(pose) - length):
            away = np.abs(body[first + length] - body[first]).mean()
            if best is None or away < best[0]:
                best = (away, first, first + length)
    return best[1:]


def close_cycle(pose: np.ndarray) -> np.ndarray:
    """[T, 16, 3] from a cycle's first to its last frame, to [37, 16, 3] whose ends are alike."""
    share = np.linspace(0, 1, len(pose))[:, None, None]
    stride = (pose[-1, 0] - pose[0, 0]) * [0, 0, 1]
    closed = pose - share * (pose[-1] - pose[0] - stride)
    wanted = np.linspace(0, len(pose) - 1, PHASES + 1)
    left = np.minimum(wanted.astype(int), len(pose) - 2)
    part = (wanted - left)[:, None, None]
    cycle = closed[left] * (1 - part) + closed[left + 1] * part
    return cycle - cycle[0, 0] * [1, 0, 1]


def treadmill_cycle(path: Path) -> tuple[np.ndarray, float]:
    """The mean cycle of the treadmill trial, and its seconds. Head and arms are made up."""
    import c3d

    with open(path, "rb") as file:
        reader = c3d.Reader(file)
        names = [name.strip() for name in reader.point_labels]
        points = np.array([frame for _, frame, _ in reader.read_frames()])[..., :3] / 1000
        rate = reader.point_rate
    # In the laboratory x is the left, y the back and z up.
    points = np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)
    marker = {name: points[:, number] for number, name in enumerate(names)}
    pose = np.zeros((len(points), 16, 3))
    pose[:, 10], pose[:, 11], pose[:, 12] = (marker[name] for name in ("LFEP", "LFEO", "LTIO"))
    pose[:, 13], pose[:, 14], pose[:, 15] = (marker[name] for name in ("RFEP", "RFEO", "RTIO"))
    pose[:, 0] = (pose[:, 10] + pose[:, 13]) / 2
    pose[:, 1] = (marker["T10"] + marker["XIPH"]) / 2
    pose[:, 2] = (marker["C7"] + marker["JN"]) / 2
    up = pose[:, 2] - pose[:, 1]
    pose[:, 3] = pose[:, 2] + 0.17 * up / np.linalg.norm(up, axis=-1, keepdims=True)
    # Shoulders turn against the hips, arms swing against the legs, half as far.
    hips = pose[:, 10] - pose[:, 13]
    turn = -0.6 * np.arctan2(-hips[:, 2], hips[:, 0])
    for side, first, hip in ((1, 4, 10), (-1, 7, 13)):
        out = side * np.stack([np.cos(turn), np.full(len(turn), -0.15), -np.sin(turn)], axis=-1)
        pose[:, first] = pose[:, 2] + 0.175 * out
        thigh = pose[:, hip + 1] - pose[:, hip]
        swing = -0.5 * np.arctan2(thigh[:, 2], -thigh[:, 1])
        for joint, length, bend in ((first + 1, 0.28, 0.0), (first + 2, 0.25, 0.35)):
            angle = swing * (1 + bend) + bend
            arm = np.stack([np.full(len(angle), side * 0.12), -np.cos(angle), np.sin(angle)], -1)
            pose[:, joint] = (
                pose[:, joint - 1] + length * arm / np.linalg.norm(arm, axis=-1)[:, None]
            )

    # A cycle begins whenever the left foot passes the hips on its way forward.
    ahead = pose[:, 12, 2] - pose[:, 0, 2]
    starts = np.flatnonzero((ahead[:-1] < 0) & (ahead[1:] >= 0))
    cycles = []
    for first, last in zip(starts, starts[1:], strict=False):
        times = np.linspace(first, last, PHASES + 1)
        left = times.astype(int)
        part = (times - left)[:, None, None]
        cycles.append(pose[left] * (1 - part) + pose[np.minimum(left + 1, last)] * part)
    cycle = np.mean(cycles, axis=0)
    # The belt goes back as fast as a foot that stands on it.
    velocity = np.diff(pose[:, [12, 15], 2], axis=0) * rate
    standing = pose[:-1, [12, 15], 1] < np.quantile(pose[:, [12, 15], 1], 0.3)
    speed = -np.median(velocity[standing])
    seconds = float(np.mean(np.diff(starts))) / rate
    cycle[..., 2] += np.linspace(0, 1, PHASES + 1)[:, None] * speed * seconds
    return close_cycle(cycle - cycle[:1, :1] * [1, 0, 1]), seconds


def cmu_recording(path: Path) -> Recording:
    """The CMU recording with root, spine and head where the other walks have them.

    CMU's root lies 10 cm above the hips, its spine behind the line from hips to neck, and its head
    at the lower end of the skull. This walker also looks down at the ground, by about 20 degrees
    more than the others; a walk that is to be neutral must not, so the head is raised by those.
    """
    bvh = parse_bvh(path)
    joints = forward_kinematics(bvh)
    pose = joints[:, choose_joints(bvh.names, str(path), bvh.parents)]
    pose[:, 0] = (pose[:, 10] + pose[:, 13]) / 2
    pose[:, 1] = (pose[:, 0] + pose[:, 2]) / 2
    pose[:, 3] = (pose[:, 3] + joints[:, bvh.names.index("Head end")]) / 2
    across = pose[:, 4] - pose[:, 7]
    pose[:, 3] = pose[:, 2] + turn_about(across, np.deg2rad(-20), pose[:, 3] - pose[:, 2])
    return Recording(pose * (NOMINAL_HEIGHT / body_length(pose)), 1 / bvh.seconds)


def turn_about(axis: np.ndarray, angle: float, vector: np.ndarray) -> np.ndarray:
    """Vectors [T, 3] turned by `angle` radians about axes [T, 3] (Rodrigues' formula)."""
    axis = axis / np.linalg.norm(axis, axis=-1, keepdims=True)
    along = (axis * vector).sum(-1, keepdims=True) * axis
    return along + np.cos(angle) * (vector - along) + np.sin(angle) * np.cross(axis, vector)


def from_deb(deb: Path, member: str, scratch: Path) -> Path:
    """Take a file out of a Debian package."""
    subprocess.run(["dpkg-deb", "-x", str(deb), str(scratch)], check=True)
    return scratch / member


def to_csv(cycle: np.ndarray) -> str:
    """One line of names, then one of 48 numbers a pose, in metres to a tenth of a millimetre."""
    names = ",".join(f"{joint} {axis}" for joint in JOINTS for axis in "xyz")
    rows = [",".join(f"{value:.4f}" for value in row) for row in cycle.reshape(len(cycle), -1)]
    return "\n".join([names, *rows]).replace("-0.0000", "0.0000") + "\n"


def main() -> None:
    """Make all base walks."""
    parser = argparse.ArgumentParser(description="Make the base walks of data_samples/gait.")
    parser.add_argument("--pybullet", type=Path, required=True, help="the wheel of 3.2.7")
    parser.add_argument("--gaitalytics", type=Path, required=True, help="the sdist of 0.2.2")
    parser.add_argument("--assimp", type=Path, required=True, help="assimp-testmodels 5.2.5, .deb")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    options = parser.parse_args()

    walks, others = {}, {}
    with zipfile.ZipFile(options.pybullet) as wheel:
        for name, member in PYBULLET.items():
            pose = deepmimic_poses(wheel.read(MOTIONS + member).decode())
            pose = pose[: best_cycle(straighten(pose), len(pose) - 3, len(pose))[1] + 1]
            pose = straighten(pose)
            walks[name] = close_cycle(pose), (len(pose) - 1) / FPS, f"PyBullet 3.2.7, {member}"
        for name, member in OTHERS.items():
            pose = deepmimic_poses(wheel.read(MOTIONS + member).decode())
            pose = face_forward(pose[::2])  # recorded at 60 per second
            others[name] = to_csv(pose * (NOMINAL_HEIGHT / body_length(pose)))
    with tempfile.TemporaryDirectory() as scratch:
        recording = cmu_recording(from_deb(options.assimp, CMU, Path(scratch)))
        # The file's first frame is the skeleton at rest.
        pose = resample(recording._replace(pose=recording.pose[1:]))
        pose = face_forward(pose[: round(CMU_SECONDS * FPS)])
        first, last = best_cycle(pose, 33, 50)
        pose = straighten(pose[first : last + 1])
        walks["cmu_01_03"] = close_cycle(pose), (last - first) / FPS, "CMU 01_03, its first seconds"
        with tarfile.open(options.gaitalytics) as sdist:
            trial = Path(scratch) / "trial.c3d"
            trial.write_bytes(sdist.extractfile(TRIAL).read())
        walks["treadmill"] = *treadmill_cycle(trial), f"gaitalytics 0.2.2, {Path(TRIAL).name}"

    table, sums = {}, []
    (options.out / "walks").mkdir(parents=True, exist_ok=True)
    for name, (cycle, seconds, source) in walks.items():
        # All of one size; bodies are varied later.
        cycle = cycle * (NOMINAL_HEIGHT / body_length(cycle))
        text = to_csv(cycle)
        (options.out / "walks" / f"{name}.csv").write_text(text, encoding="utf-8", newline="\n")
        table[name] = {"seconds": round(seconds, 4), "source": source}
        sums.append((f"walks/{name}.csv", text))
        speed = (cycle[-1, 0, 2] - cycle[0, 0, 2]) / seconds
        print(f"{name}: {seconds:.2f} s a cycle, {speed:.2f} m/s")
    (options.out / "others").mkdir(exist_ok=True)
    for name, text in others.items():
        (options.out / "others" / f"{name}.csv").write_text(text, encoding="utf-8", newline="\n")
        sums.append((f"others/{name}.csv", text))
    text = json.dumps(table, indent=1) + "\n"
    (options.out / "walks.json").write_text(text, encoding="utf-8", newline="\n")
    sums.append(("walks.json", text))
    lines = [
        f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in sorted(sums)
    ]
    (options.out / "SHA256SUMS").write_text("".join(lines), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
