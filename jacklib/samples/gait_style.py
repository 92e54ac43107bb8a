"""The style model: one cycle of a walk, walked in another way.

STYLES follow the directions that studies of emotional gait report (Montepare et al. 1987; Roether
et al. 2009; Gross et al. 2012): joy is fast, bouncy and upright with a wide swing of the arms;
sadness slow, slumped, with little swing and the head down; anger fast, heavy and wide, leaning
forward with bent elbows. How much is this project's choice, made so that the classes overlap.

Poses are [T, 16, 3] as in `jacklib.data.poses`: y up, metres, walking along +z, left at +x.
"""

from dataclasses import astuple, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from jacklib.data.poses import EMOTIONS, N_JOINTS, PARENTS, swap_sides
from jacklib.errors import check_choice, refuse_as

FPS = 30
HARMONICS = 8  # of the gait cycle, by which poses between the given ones are found
LEGS = {+1: (10, 11, 12), -1: (13, 14, 15)}  # hip, knee, foot of the side at +x and at -x
ARMS = {+1: (4, 5, 6), -1: (7, 8, 9)}


class Walk(NamedTuple):
    """One gait cycle."""

    name: str
    cycle: np.ndarray  # [P + 1, 16, 3], evenly in time; the last pose is the first, one stride on
    seconds: float  # that the cycle takes


@dataclass(frozen=True)
class Style:
    """How to walk. The values here leave a walk as it is."""

    pace: float = 1.0  # times the steps per second
    stride: float = 1.0  # times the swing of the legs, and so the length of a step
    arm_swing: float = 1.0  # times the swing of the arms
    bounce: float = 1.0  # times the rise and fall of the body in a step
    sway: float = 1.0  # times the movement from side to side
    trunk: float = 0.0  # degrees that the trunk leans forward
    slump: float = 0.0  # degrees by which the upper back is bent on top of that
    head: float = 0.0  # degrees by which the head is down on top of that
    elbow: float = 0.0  # degrees by which elbows are bent more
    spread: float = 0.0  # degrees by which the arms stand off
    width: float = 0.0  # metres that each foot is set further out
    sink: float = 0.0  # metres by which the body is lower, over bent knees


_FIELDS = yaml.safe_load(Path(__file__).with_name("styles.yaml").read_text("utf-8"))
_TABLE = {name: Style(**fields) for name, fields in _FIELDS.items()}
STYLES = {emotion: _TABLE[emotion] for emotion in EMOTIONS}
SPREAD, LOWEST, HIGHEST = (_TABLE[name] for name in ("deviation", "lowest", "highest"))
INTENSITY = (0.6, 1.25)  # how far from neutral to the means above a gait goes
HABIT = 0.6  # spread of walkers' own habits, as a fraction of SPREAD


def blend(style: Style, intensity: float, *shifts: Style) -> Style:
    """From neutral (0) to `style` (1) and beyond; shifts are added, and the limits kept."""
    neutral = np.array(astuple(Style()))
    values = neutral + intensity * (np.array(astuple(style)) - neutral)
    values += sum(np.array(astuple(shift)) for shift in shifts)
    return Style(*np.clip(values, astuple(LOWEST), astuple(HIGHEST)).tolist())


def draw_shift(rng: np.random.RandomState, share: float = 1.0) -> Style:
    """The random part of a style: normal, `share` times SPREAD wide."""
    return Style(*(share * spread * rng.standard_normal() for spread in astuple(SPREAD)))


def draw_style(emotion: str, rng: np.random.RandomState, *habit: Style) -> tuple[Style, float]:
    """One gait's style and its intensity; habit: what this walker adds, whatever the emotion."""
    check_choice("emotion", emotion, EMOTIONS)
    intensity = float(rng.uniform(*INTENSITY))
    return blend(STYLES[emotion], intensity, draw_shift(rng), *habit), intensity


# --- bodies ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Body:
    """Another body for a walk, in factors. The values here leave it as it is."""

    size: float = 1.0  # of the whole body
    legs: float = 1.0  # of their length, on top of that, and so on
    arms: float = 1.0
    shoulders: float = 1.0  # of their width
    cadence: float = 1.0  # steps per second
    mirrored: bool = False  # left and right exchanged


def draw_body(rng: np.random.RandomState) -> Body:
    """A body within the range of adults."""
    size, legs, arms, shoulders, cadence = 1 + rng.uniform(-1, 1, 5) * [0.1, 0.05, 0.06, 0.1, 0.06]
    return Body(size, legs, arms, shoulders, cadence, bool(rng.randint(2)))


def change_body(walk: Walk, body: Body) -> Walk:
    """The walk of another body: same angles, other lengths and other time."""
    cycle = swap_sides(walk.cycle * [-1, 1, 1]) if body.mirrored else walk.cycle
    root, bones = cycle[:, 0].copy(), _bones(cycle)
    for hip, knee, foot in LEGS.values():
        bones[:, [hip, knee, foot]] *= body.legs
    for shoulder, elbow, hand in ARMS.values():
        bones[:, shoulder] *= body.shoulders
        bones[:, [elbow, hand]] *= body.arms
    root *= body.size * body.legs
    # Larger bodies swing more slowly, as pendulums do.
    seconds = walk.seconds * np.sqrt(body.size * body.legs) / body.cadence
    return Walk(walk.name, _joints(root, bones * body.size), float(seconds))


# --- walking --------------------------------------------------------------------------------------


def walk_in_style(
    walk: Walk, style: Style, n_frames: int, *, phase: float = 0.0, fps: float = FPS
) -> np.ndarray:
    """Walk for n_frames, from `phase` (0 to 1) of the cycle on: float64 [n_frames, 16, 3], the root
    starting at x = z = 0.

    The legs swing further or less about their mean; the way grows with the step, so that feet stay
    where they are set. Then trunk, head and arms are turned, and at last the body is moved over the
    feet (bounce, sway, sink), for which knees bend and stretch.
    """
    refuse_as("odd style", n_frames < 2 or fps <= 0, "n_frames, fps", n_frames=n_frames, fps=fps)
    stride_way = walk.cycle[-1, 0] - walk.cycle[0, 0]
    P = len(walk.cycle) - 1
    steady = walk.cycle[:-1] - np.arange(P)[:, None, None] / P * stride_way
    root_cycle, bone_cycle = steady[:, 0], _bones(steady)
    phases = phase + np.arange(n_frames) / fps * style.pace / walk.seconds
    root, bones = _at_phases(root_cycle, phases), _at_phases(bone_cycle, phases)
    # Between the given poses, bones come out a little too short.
    length = np.linalg.norm(bone_cycle[:, 1:], axis=-1).mean(0)
    bones[:, 1:] *= (length / np.linalg.norm(bones[:, 1:], axis=-1))[..., None]

    # Legs, first as they are in the walk, to know the ground and the way of a step.
    before, way = _feet(bones), np.ptp(_feet(bone_cycle)[..., 2])
    mean = bone_cycle.mean(0)
    for _, *leg in LEGS.values():
        for bone in leg:
            for legs in (bones, bone_cycle):
                legs[:, bone] = _swing(legs[:, bone], mean[bone], style.stride)
    after, longer = _feet(bones), np.ptp(_feet(bone_cycle)[..., 2]) / way
    root[:, 1] += _lowest(before) - _lowest(after)
    root[:, 2] = longer * (root[:, 2] + (phases - phases[0]) * stride_way[2])

    # Where the feet are set, and the body over them.
    feet = root[:, None] + after
    feet[..., 0] += [side * style.width for side in LEGS]
    middle = root_cycle.mean(0)[0]
    root[:, 0] = middle + style.sway * (root[:, 0] - middle)
    height = np.mean(root[:, 1])
    root[:, 1] = height + style.bounce * (root[:, 1] - height) - style.sink

    # Trunk, head and arms.
    upper = style.trunk + style.slump
    bones[:, 1] = _pitch(bones[:, 1], style.trunk)
    bones[:, 2] = _pitch(bones[:, 2], upper)
    bones[:, 3] = _pitch(bones[:, 3], upper + style.head)
    for side, (shoulder, elbow, hand) in ARMS.items():
        bones[:, shoulder] = _pitch(bones[:, shoulder], upper)
        for bone in (elbow, hand):
            bones[:, bone] = _swing(bones[:, bone], mean[bone], style.arm_swing)
        bones[:, hand] = _pitch(bones[:, hand], -style.elbow)
        bones[:, elbow] = _pitch(bones[:, elbow], side * style.spread, axes=(0, 1))

    pose = _joints(root, bones)
    for column, (hip, knee, foot) in enumerate(LEGS.values()):
        pose[:, knee], pose[:, foot] = _bend_knee(
            pose[:, hip], feet[:, column], bones[:, knee], length[knee - 1], length[foot - 1]
        )
    return pose - pose[0, 0] * [1, 0, 1]


def add_noise(pose: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """What a motion tracker adds: noise of 4 mm (standard deviation), alike in following frames."""
    noise = rng.standard_normal((len(pose) + 2, *pose.shape[1:]))
    return pose + (noise[:-2] + noise[1:-1] + noise[2:]) * (0.004 / np.sqrt(3))


def _bones(pose: np.ndarray) -> np.ndarray:
    """Each joint j from its parent PARENTS[j]: [T, 16, 3]; zeros for the root."""
    bones = pose - pose[:, PARENTS]
    bones[:, 0] = 0
    return bones


def _joints(root: np.ndarray, bones: np.ndarray) -> np.ndarray:
    pose = np.array(bones)
    pose[:, 0] = root
    for joint in range(1, N_JOINTS):
        pose[:, joint] = pose[:, PARENTS[joint]] + bones[:, joint]
    return pose


def _feet(bones: np.ndarray) -> np.ndarray:
    """Both feet from the root: [T, 2, 3]."""
    return np.stack([bones[:, list(leg)].sum(1) for leg in LEGS.values()], axis=1)


def _lowest(feet: np.ndarray) -> np.ndarray:
    """Height of the lower foot [T], without a kink where the other one takes over."""
    sharp = 40.0  # a metre
    return -np.logaddexp(*(-sharp * feet[..., 1].T)) / sharp


def _at_phases(cycle: np.ndarray, phases: np.ndarray) -> np.ndarray:
    """A periodic signal [P, ...] at other phases (1 is one cycle), by its first harmonics."""
    P = len(cycle)
    parts = np.fft.rfft(cycle.reshape(P, -1), axis=0)[: min(HARMONICS, (P - 1) // 2) + 1]
    turns = np.exp(2j * np.pi * phases[:, None] * np.arange(len(parts)))
    turns[:, 1:] *= 2
    return (turns @ parts).real.reshape(len(phases), *cycle.shape[1:]) / P


def _swing(bone: np.ndarray, mean: np.ndarray, factor: float) -> np.ndarray:
    """[T, 3] turned in the plane of walking: it swings `factor` times as far about `mean`."""
    middle = np.arctan2(mean[2], -mean[1])
    angle = np.arctan2(bone[:, 2], -bone[:, 1])
    # The short way round.
    away = (angle - middle + np.pi) % (2 * np.pi) - np.pi
    return _pitch(bone, -np.rad2deg((factor - 1) * away))


def _pitch(bone: np.ndarray, degrees, axes: tuple[int, int] = (1, 2)) -> np.ndarray:
    """[T, 3] turned from the first axis to the second: what points up (y) goes forward (z)."""
    angle, turned = np.deg2rad(degrees), np.array(bone)
    cos, sin = np.cos(angle), np.sin(angle)
    a, b = bone[:, axes].T
    turned[:, axes[0]], turned[:, axes[1]] = cos * a - sin * b, sin * a + cos * b
    return turned


def _bend_knee(hip, foot, thigh, upper: float, lower: float):
    """Knee and foot [T, 3] of legs of given lengths, so that the foot is at its place if it can be
    reached; the knee goes to the side to which `thigh` [T, 3] points."""
    way = foot - hip
    distance = np.linalg.norm(way, axis=-1, keepdims=True)
    forth = way / distance
    reach = np.clip(distance, abs(upper - lower) + 1e-3, (upper + lower) * 0.9995)
    along = (reach**2 + upper**2 - lower**2) / (2 * reach)
    aside = np.sqrt(np.maximum(upper**2 - along**2, 0))
    # Knees bend forward: what of the thigh, and of a point well before it, lies across the way.
    across = thigh + [0, 0, 0.1]
    across = across - (across * forth).sum(-1, keepdims=True) * forth
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    return hip + along * forth + aside * across, hip + reach * forth


def neutral_but(**changes: float) -> Style:
    """A style that differs from neutral only in what is named, for looking at one at a time."""
    return Style(**changes)
