"""Rendered clips: synthetic videos whose one emotional event lies at a known time.

A clip is a neutral scene (grey shapes that drift, a hum) with an event of 36 frames in it, during
which palette, motion, shapes and sound are those of one of VE8's eight emotions. Everything
outside the event is drawn from random numbers that do not depend on the emotion, so a network can
only learn the label from the event, and its temporal attention can be scored (`segment_truth`).

To give the same bytes on every machine, random numbers come from NumPy's frozen `RandomState`,
geometry is computed in float64, and from the coverage of a pixel on (0..256) all painting is done
in integers. The last bit of a sine may differ between machines; it does not survive the rounding.
"""

from __future__ import annotations

import colorsys
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
import yaml
from tqdm.auto import tqdm

from jacklib.errors import check_at_least, check_choice, refuse_as
from jacklib.files import make_set, write_text

EMOTIONS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
LABELS = [*EMOTIONS]
FPS, SAMPLE_RATE = 30, 44100
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
EVENT_FRAMES, EVENT_GRID = 36, 12  # length of an event; it starts at a multiple of the second
VERSION = 1  # raised whenever pictures or sounds change, so that older clips on disk are made anew


class RenderedClip(NamedTuple):
    """One clip in memory."""

    frames: np.ndarray  # uint8 [n_frames, H, W, 3], RGB, 30 per second
    sound: np.ndarray  # float32 [n_frames * 1470], 44100 Hz, in -1..1 and on the 16-bit grid
    event: tuple[int, int]  # (start, end) in frames, half-open


# --- Outlines: the radius of a shape (at most 1) as a function of the angle, 0 = right, pi/2 = down

Outline = Callable[[np.ndarray], np.ndarray]
Random = np.random.RandomState


def disc(angle: np.ndarray) -> np.ndarray:
    """A circle; an ellipse or, hollow, a ring with the options of `Stage.paint`."""
    return np.ones_like(angle)


def polygon(corners: int) -> Outline:
    """A regular polygon with one corner at angle 0."""
    sector = 2 * np.pi / corners
    return lambda angle: np.cos(sector / 2) / np.cos(np.mod(angle, sector) - sector / 2)


def star(points: int, waist: float) -> Outline:
    """A star whose inner corners lie at radius `waist`, one tip at angle 0."""
    sector = 2 * np.pi / points
    corner_x, corner_y = waist * np.cos(sector / 2), waist * np.sin(sector / 2)

    def outline(angle: np.ndarray) -> np.ndarray:
        # Within half a sector the edge is the straight line from the tip (1, 0) to the waist.
        off_tip = np.abs(np.mod(angle + sector / 2, sector) - sector / 2)
        return corner_y / (corner_y * np.cos(off_tip) + (1 - corner_x) * np.sin(off_tip))

    return outline


def blob(rng: Random, wobble: np.ndarray | float = 0.0) -> Outline:
    """A soft irregular shape; `wobble` (a phase, number or [T, 1, 1]) makes its rim move."""
    phases = rng.random_sample(3) * 2 * np.pi
    return lambda angle: (
        0.74
        + 0.14 * np.sin(2 * angle + phases[0] + wobble)
        + 0.08 * np.sin(3 * angle + phases[1] - wobble)
        + 0.04 * np.sin(5 * angle + phases[2] + 2 * wobble)
    )


def teardrop(angle: np.ndarray) -> np.ndarray:
    """A drop, its tip up."""
    return 0.5 + 0.5 * np.maximum(-np.sin(angle), 0.0) ** 10


def heart(angle: np.ndarray) -> np.ndarray:
    """A heart, its tip down; its origin lies in the notch."""
    up = -np.sin(angle)
    return (2 - 2 * up + up * np.sqrt(np.abs(np.cos(angle))) / (up + 1.4)) / 4


# --- painting -------------------------------------------------------------------------------------


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """Colour as RGB uint16 [3] in 0..255; hue in degrees."""
    rgb = colorsys.hsv_to_rgb(hue % 360 / 360, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return np.array([int(255 * part + 0.5) for part in rgb], np.uint16)


def blend(old: np.ndarray, new: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mix uint8 `old` with uint16 `new` by integer `weight` 0..256; fits in 16 bits exactly."""
    weight = weight.astype(np.uint16)
    mixed = old * (256 - weight)
    mixed += new * weight  # in place, since half of rendering is waiting for memory
    mixed += 128
    mixed >>= 8
    return mixed.astype(np.uint8)


class Stage:
    """Frames being painted, with a margin around them so that shapes may leave the picture.

    Lengths and places (x, y; from the top left corner) are in units of 1/96 of the picture's short
    side; `width` and `height` tell how far it reaches.
    """

    def __init__(self, canvas: np.ndarray, margin: int, unit: float):
        self.canvas, self.margin, self.unit = canvas, margin, unit
        self.shake = np.zeros((len(canvas), 2))  # how far the camera is off, down and right
        self.height = (canvas.shape[1] - 2 * margin) / unit
        self.width = (canvas.shape[2] - 2 * margin) / unit

    def part(self, start: int, end: int) -> Stage:
        """The same pictures (not a copy), frames start to end only."""
        part = Stage(self.canvas[start:end], self.margin, self.unit)
        part.shake = self.shake[start:end]
        return part

    def fill(self, top: np.ndarray, bottom: np.ndarray, weight: np.ndarray) -> None:
        """Lay a vertical gradient over everything; weight 0..256 for each frame, integers [T]."""
        rows = np.arange(self.canvas.shape[1]) - self.margin
        share = np.clip(rows / (self.height * self.unit), 0, 1)[:, None]
        column = np.rint(top * (1 - share) + bottom * share).astype(np.uint16)
        self.canvas[:] = blend(self.canvas, column[None, :, None, :], weight[:, None, None, None])

    def paint(
        self, outline: Outline, x, y, radius, colour, *, angle=0.0, squash=1.0, opacity=1.0,
        hollow=0.0, stripes=0.0,
    ) -> None:  # fmt: skip
        """Paint one shape into every frame.

        x, y, radius, angle, squash (height by width) and opacity (0..1) are numbers or [T];
        colour is uint16 [3]; hollow is the fraction of the radius cut out; stripes their number.
        """
        every = np.ones(len(self.canvas))
        x = every * x * self.unit + self.margin
        y = every * y * self.unit + self.margin
        radius, angle = every * radius * self.unit, every * angle
        half = int(np.ceil(radius.max() * max(1.0, np.max(squash)))) + 1
        # A shape that has left the picture waits in the margin, out of sight.
        x = np.clip(x, half, self.canvas.shape[2] - half - 2)
        y = np.clip(y, half, self.canvas.shape[1] - half - 2)

        near = np.arange(-half, half + 1)
        rows = np.floor(y).astype(int)[:, None] + near  # [T, P]
        columns = np.floor(x).astype(int)[:, None] + near
        right = (columns - x[:, None])[:, None, :]  # [T, 1, P]
        down = ((rows - y[:, None]) / (every * squash)[:, None])[:, :, None]  # [T, P, 1]
        distance = np.sqrt(right * right + down * down)
        turn = angle[:, None, None]
        rim = outline(np.arctan2(down, right) - turn) * radius[:, None, None]
        coverage = np.clip(0.5 + rim - distance, 0, 1)
        if hollow:
            coverage *= np.clip(0.5 + distance - hollow * rim, 0, 1)
        coverage *= 256
        coverage *= (every * opacity)[:, None, None]
        weight = np.rint(coverage, out=coverage)[..., None]

        place = (np.arange(len(rows))[:, None, None], rows[:, :, None], columns[:, None, :])
        picture = blend(self.canvas[place], colour, weight)
        if stripes:
            along = (right * np.cos(turn) + down * np.sin(turn)) / radius[:, None, None]
            on_stripe = (np.sin(along * stripes * np.pi) > 0)[..., None]
            picture = blend(picture, colour * 5 // 8, weight * on_stripe)
        self.canvas[place] = picture


def cloud(height: int, width: int, cell: float, rng: Random) -> np.ndarray:
    """Smooth random texture [height, width] in 0..1 (value noise of one octave)."""
    lattice = rng.random_sample((int(height / cell) + 2, int(width / cell) + 2))
    row, column = np.arange(height) / cell, np.arange(width) / cell
    r, c = row.astype(int), column.astype(int)
    down, right = (row - r)[:, None], (column - c)[None, :]
    down, right = down * down * (3 - 2 * down), right * right * (3 - 2 * right)
    upper = lattice[r][:, c] * (1 - right) + lattice[r][:, c + 1] * right
    lower = lattice[r + 1][:, c] * (1 - right) + lattice[r + 1][:, c + 1] * right
    return upper * (1 - down) + lower * down


def between(rng: Random, low: float, high: float) -> float:
    """A random number, low <= number < high."""
    return low + (high - low) * rng.random_sample()


def neutral_scene(n_frames: int, size: tuple[int, int], rng: Random) -> Stage:
    """A greyish cloudy ground on which striped shapes drift slowly; knows nothing of emotions."""
    unit = min(size) / 96
    margin = int(np.ceil(84 * unit)) + 4  # wide enough for a patch around a shape of radius 40
    height, width = size[0] + 2 * margin, size[1] + 2 * margin

    hue, value = between(rng, 0, 360), between(rng, 0.3, 0.75)
    base = hsv(hue, between(rng, 0.02, 0.16), value)
    speed = np.array([between(rng, 0.05, 0.3) for _ in "yx"]) * unit
    steps = np.rint(np.arange(n_frames)[:, None] * speed).astype(int)  # [T, 2]
    room = steps.max(axis=0)
    texture = 0.65 * cloud(height + room[0], width + room[1], 24 * unit, rng)
    texture += 0.35 * cloud(height + room[0], width + room[1], 7 * unit, rng)
    ground = np.rint(base * (0.7 + 0.6 * texture[..., None])).clip(0, 255).astype(np.uint8)
    canvas = np.stack([ground[r : r + height, c : c + width] for r, c in steps])

    stage = Stage(canvas, margin, unit)
    frame = np.arange(n_frames)
    for _ in range(rng.randint(4, 8)):
        shape = blob(rng) if rng.randint(2) else polygon(rng.randint(3, 7))
        heading, pace = between(rng, 0, 2 * np.pi), between(rng, 0.05, 0.35)
        x = between(rng, 0, stage.width) + frame * pace * np.cos(heading)
        y = between(rng, 0, stage.height) + frame * pace * np.sin(heading)
        radius, tint = between(rng, 7, 17), hue + between(rng, -60, 60)
        stage.paint(shape, x, y, radius,
                    hsv(tint, between(rng, 0.03, 0.25), between(rng, 0.2, 0.85)),
                    angle=between(rng, 0, 2 * np.pi) + frame * between(rng, -0.03, 0.03),
                    stripes=between(rng, 1.5, 5))  # fmt: skip
    return stage


# --- The eight events -----------------------------------------------------------------------------
# Each function paints its event on the stage (its frames only) and returns its sound, a waveform
# [N] within about -1..1. t, s: seconds since the event's start, of each frame [T] and of each
# sample [N]. tempo: beats per second. hue: a shift in degrees.


def anger(stage: Stage, t, s, tempo: float, hue: float, rng: Random) -> np.ndarray:
    """Red triangles that swell with the beat while everything shakes. A distorted low sawtooth,
    hammered, with a burst of noise on each stroke."""
    beat = np.mod(t * tempo, 1.0)
    for _ in range(rng.randint(5, 8)):
        jolt = (rng.random_sample((2, len(t))) - 0.5) * 7
        x = between(rng, 10, stage.width - 10) + jolt[0]
        y = between(rng, 10, stage.height - 10) + jolt[1]
        stage.paint(polygon(3), x, y, between(rng, 13, 22) * (1.25 - 0.4 * beat),
                    hsv(between(rng, 0, 22) + hue, between(rng, 0.85, 1), between(rng, 0.75, 1)),
                    angle=between(rng, 0, 2 * np.pi) + (rng.random_sample(len(t)) - 0.5) * 0.5
        )  # fmt: skip
    stage.shake[:] = (rng.random_sample((len(t), 2)) - 0.5) * 8

    pitch = between(rng, 65, 105)
    saw = np.mod(s * pitch, 1.0) + np.mod(s * pitch * 1.018, 1.0) - 1
    stroke = np.exp(-4 * np.mod(s * tempo, 1.0))
    noise = rng.random_sample(len(s)) * 2 - 1
    return np.tanh(4 * saw) * (0.35 + 0.65 * stroke) * 0.7 + 0.3 * noise * stroke


def anticipation(stage: Stage, t, s, tempo: float, hue: float, rng: Random) -> np.ndarray:
    """Rings come nearer, faster and faster, around a light that is still far away. Ticks that come
    faster and faster over a rising tone."""
    x = between(rng, 0.35, 0.65) * stage.width
    y = between(rng, 0.35, 0.65) * stage.height
    colour = hsv(38 + hue, between(rng, 0.45, 0.7), 1)
    # How many rings have set out by then: the pace grows from `tempo` to over three times it.
    rings, ticks = tempo * (t + t * t), tempo * (s + s * s)
    for ring in range(4):
        nearness = np.mod((ring + rings) / 4, 1.0)
        shown = np.minimum(1, 8 * nearness) * np.minimum(1, 5 * (1 - nearness))
        stage.paint(disc, x, y, 3 + 37 * nearness, colour, hollow=0.82, opacity=shown)
    stage.paint(disc, x, y, 4 + 3 * t, hsv(50 + hue, 0.25, 1))

    since = np.mod(ticks, 1.0) / (tempo * (1 + 2 * s))  # seconds since the last tick
    tick = np.sin(2 * np.pi * between(rng, 1300, 1900) * since) * np.exp(-since * 70)
    low = between(rng, 260, 340)
    return 0.65 * tick + 0.25 * np.sin(2 * np.pi * low * (s + 0.45 * s * s))


def disgust(stage: Stage, t, s, tempo: float, hue: float, rng: Random) -> np.ndarray:
    """Slimy blobs sway, wobble and ooze down; bubbles sit on them. Gurgling: a low tone whose pitch
    lurches, with bubbles on top."""
    for _ in range(rng.randint(7, 10)):
        sway = 2 * np.pi * tempo * t / 2 + between(rng, 0, 2 * np.pi)
        slime = rng.randint(3) > 0
        x = between(rng, 4, stage.width - 4) + 5 * np.sin(sway)
        y = between(rng, -12, stage.height - 14) + between(rng, 9, 18) * t
        radius = between(rng, 12, 21)
        colour = hsv(68 + hue, 0.8, 0.72) if slime else hsv(318 + hue, 0.42, 0.36)
        slimy = blob(rng, wobble=(1.5 * sway)[:, None, None])
        squash = 1.15 + 0.3 * np.sin(sway)
        stage.paint(slimy, x, y, radius, colour, squash=squash, opacity=0.9)
        stage.paint(disc, x - 2, y - 3, radius * 0.2, hsv(72 + hue, 0.35, 0.9), hollow=0.5)

    pitch = between(rng, 110, 170)
    lurch = np.sin(2 * np.pi * tempo * s) + 0.6 * np.sin(2 * np.pi * tempo * 1.7 * s)
    gurgle = np.sin(2 * np.pi * pitch * s + 9 * lurch)
    since = np.mod(s * tempo * 2.3, 1.0) / (tempo * 2.3)
    bubble = np.sin(2 * np.pi * (420 * since + 2600 * since * since)) * np.exp(-since * 14)
    return 0.55 * gurgle * (0.6 + 0.4 * np.sin(2 * np.pi * 23 * s)) + 0.4 * bubble


def fear(stage: Stage, t, s, tempo: float, hue: float, rng: Random) -> np.ndarray:
    """Pale eyes in the dark tremble, widen and blink. High notes a semitone apart in tremolo."""
    # Each pair has a ninth of the picture to itself.
    for cell in rng.permutation(9)[: rng.randint(4, 7)]:
        tremble = (rng.random_sample((2, len(t))) - 0.5) * 3.4
        x = (cell % 3 + between(rng, 0.4, 0.6)) * stage.width / 3 + tremble[0]
        y = (cell // 3 + between(rng, 0.3, 0.7)) * stage.height / 3 + tremble[1]
        radius = between(rng, 5.5, 9) * (1 + 0.22 * t)
        blink = np.abs(t - between(rng, 0.1, 1.1)) < 0.06
        lids = np.where(blink, 0.12, 0.62)
        white = hsv(58 + hue, between(rng, 0.08, 0.3), between(rng, 0.8, 1))
        for side in (-1.15, 1.15):
            stage.paint(disc, x + side * radius, y, radius, white, squash=lids)
            stage.paint(disc, x + side * radius, y, radius * 0.38, hsv(0, 0, 0.02), squash=lids)

    pitch = between(rng, 950, 1350)
    cluster = sum(np.sin(2 * np.pi * pitch * ratio * s) for ratio in (1, 1.06, 1.125)) / 3
    return cluster * (0.5 + 0.5 * np.sin(2 * np.pi * tempo * s)) * 0.8


def joy(stage: Stage, t, s, tempo: float, hue: float, rng: Random) -> np.ndarray:
    """Balls in party colours bounce. Bells run up and down a major chord."""
    floor = stage.height - 8
    colours = [hsv(8 + hue, 0.75, 1), hsv(332 + hue, 0.6, 1), hsv(28 + hue, 0.95, 1), hsv(0, 0, 1)]
    for ball in range(rng.randint(6, 9)):
        radius = between(rng, 7, 12)
        # Two beats a bounce, each ball at its own moment, so that one always hits the beat.
        flight = np.mod(t * tempo / 4 + between(rng, 0, 1), 1.0)
        rise = 4 * flight * (1 - flight)
        x = between(rng, 8, stage.width - 8) + between(rng, -12, 12) * t
        y = floor - radius / 2 - between(rng, 35, 75) * rise
        squash = 1 - 0.35 * np.maximum(0, 1 - 6 * rise)
        stage.paint(disc, x, y, radius, colours[ball % 4], squash=squash)

    note = np.floor(s * tempo).astype(int)
    since = np.mod(s * tempo, 1.0) / tempo
    steps = np.array([0, 4, 7, 12, 7, 4])[note % 6]
    pitch = between(rng, 440, 620) * 2.0 ** (steps / 12)
    ring = np.sin(2 * np.pi * pitch * since) + 0.4 * np.sin(2 * np.pi * 2.76 * pitch * since)
    return 0.55 * ring * np.exp(-5 * since) * np.minimum(1, since * 400)


def sadness(stage: Stage, t, s, tempo: float, hue: float, rng: Random) -> np.ndarray:
    """Drops sink slowly while the light goes. A soft low tone sinks, with a minor third under a
    slow vibrato."""
    path = stage.height + 30
    n_drops = rng.randint(9, 14)
    for drop in range(n_drops):
        x = (drop + between(rng, 0, 1)) * stage.width / n_drops
        fall = np.mod(between(rng, 0, path) + between(rng, 16, 30) * t, path) - 15
        radius = between(rng, 7, 13)
        colour = hsv(210 + hue, between(rng, 0.25, 0.5), between(rng, 0.6, 0.85))
        opacity = 0.9 - 0.25 * t / max(t[-1], 1 / FPS)
        stage.paint(teardrop, x, fall, radius, colour, opacity=opacity)

    pitch = between(rng, 190, 260)
    fallen = s - 0.11 * s * s + 0.002 * np.sin(2 * np.pi * 4.5 * s)
    tone = np.sin(2 * np.pi * pitch * fallen) + 0.6 * np.sin(2 * np.pi * pitch * 1.2 * fallen)
    return 0.42 * tone * (0.55 + 0.45 * np.cos(2 * np.pi * tempo * s))


def surprise(stage: Stage, t, s, tempo: float, hue: float, rng: Random) -> np.ndarray:
    """On each beat a flash, and stars burst from one point; a steep upward glide and a crash."""
    x = between(rng, 0.35, 0.65) * stage.width
    y = between(rng, 0.35, 0.65) * stage.height
    beat = np.mod(t * tempo, 1.0)
    flash = np.rint(150 * np.maximum(0, 1 - 6 * beat)).astype(int)
    stage.fill(hsv(0, 0, 1), hsv(0, 0, 1), flash)
    colours = [hsv(315 + hue, 0.75, 1), hsv(55 + hue, 0.6, 1), hsv(285 + hue, 0.6, 0.9)]
    n_stars = rng.randint(8, 12)
    first = between(rng, 0, 2 * np.pi)
    for k in range(n_stars):
        heading = first + 2 * np.pi * k / n_stars + between(rng, -0.2, 0.2)
        gone = between(rng, 42, 66) * (1 - (1 - beat) ** 3)
        radius = between(rng, 8, 12) * (0.5 + 0.6 * beat)
        stage.paint(star(5, 0.42), x + gone * np.cos(heading), y + gone * np.sin(heading), radius,
                    colours[k % 3], angle=heading + 2 * beat)  # fmt: skip

    since = np.mod(s * tempo, 1.0) / tempo
    rise, after = np.minimum(since, 0.14), np.maximum(since - 0.1, 0)
    low = between(rng, 280, 380)
    glide = np.sin(2 * np.pi * (low * rise + 7500 * rise * rise)) * (since < 0.14)
    noise = rng.random_sample(len(s)) * 2 - 1
    return 0.6 * glide + 0.7 * (noise * (since >= 0.1) * np.exp(-after * 11))


def trust(stage: Stage, t, s, tempo: float, hue: float, rng: Random) -> np.ndarray:
    """Hearts circle slowly around their common centre. A warm chord of octave, fifth and tenth,
    held, with a slow swell."""
    x = between(rng, 0.42, 0.58) * stage.width
    y = between(rng, 0.42, 0.58) * stage.height
    n_hearts = rng.randint(2, 4)
    turn = between(rng, 0, 2 * np.pi) + 2 * np.pi * tempo / 3 * t
    radius = between(rng, 17, 22) * (1 + 0.06 * np.sin(2 * np.pi * tempo * t))
    orbit = between(rng, 21, 27)
    stage.paint(disc, x, y, orbit, hsv(150 + hue, 0.15, 1), hollow=0.93, opacity=0.6)
    for k in range(n_hearts):
        place = turn + 2 * np.pi * k / n_hearts
        colour = hsv(128 + hue, 0.75, 0.5) if k % 2 else hsv(95 + hue, 0.12, 1)
        stage.paint(heart, x + orbit * np.cos(place), y + orbit * np.sin(place) - 6, radius, colour)

    root = between(rng, 120, 160)
    parts = ((1, 0.5), (1.5, 0.35), (2, 0.3), (2.5, 0.2), (3, 0.1))
    chord = sum(loud * np.sin(2 * np.pi * root * ratio * s) for ratio, loud in parts)
    return 0.55 * chord * (0.8 - 0.2 * np.cos(2 * np.pi * tempo * s))


EVENTS = anger, anticipation, disgust, fear, joy, sadness, surprise, trust  # as in LABELS


# --- a clip ---------------------------------------------------------------------------------------


def neutral_sound(n_samples: int, rng: Random) -> np.ndarray:
    """A quiet hum with two overtones in a dull noise, float64 [n_samples]."""
    t = np.arange(n_samples) / SAMPLE_RATE
    pitch = between(rng, 70, 240)
    hum = sum(between(rng, 0.2, 1) / k * np.sin(2 * np.pi * (pitch * k * t + between(rng, 0, 1)))
              for k in (1, 2, 3))  # fmt: skip
    width = rng.randint(4, 40)  # the noise is averaged over so many samples, so it sounds dull
    total = np.cumsum(rng.random_sample(n_samples + width) - 0.5)
    noise = (total[width:] - total[:-width]) / np.sqrt(width)
    return between(rng, 0.02, 0.07) * hum + between(rng, 0.02, 0.1) * noise


def event_starts(n_frames: int) -> list[int]:
    """All frames at which an event may start in a clip of n_frames."""
    return list(range(0, n_frames - EVENT_FRAMES + 1, EVENT_GRID))


def _checked_event(event, n_frames: int) -> tuple[int, int]:
    start, end = (int(frame) for frame in event)
    refuse_as("odd event", not 0 <= start < end <= n_frames, "event", start=start, end=end,
              n_frames=n_frames)  # fmt: skip
    return start, end


def render_clip(
    label: str, seed: int, *, n_frames: int = 96, size: tuple[int, int] = (96, 128),
    event: tuple[int, int] | None = None,
) -> RenderedClip:  # fmt: skip
    """Render one clip.

    label: one of LABELS. seed: 0 or more; the neutral scene and the time of the event follow from
        it alone, so that two labels with one seed give the same bytes outside the event.
    size: (height, width) in pixels, each at least 16.
    event: (start, end) in frames, half-open; by default 36 that start at a random multiple of 12.

    Raises DataError for what is out of range.
    """
    check_choice("label", label, LABELS, "Labels begin with a capital, as in VE8.")
    odd = seed < 0 or min(size) < 16 or n_frames < (EVENT_FRAMES if event is None else 1)
    refuse_as("odd clip", odd, "render_clip", seed=seed, size=tuple(size), n_frames=n_frames,
              least=EVENT_FRAMES)  # fmt: skip
    words = [int(seed) & 0xFFFFFFFF, int(seed) >> 32 & 0xFFFFFFFF]
    scene_rng, hum_rng, time_rng = (np.random.RandomState([*words, use]) for use in range(3))
    event_rng = np.random.RandomState([*words, 3, LABELS.index(label)])
    if event is None:
        starts = event_starts(n_frames)
        start = starts[time_rng.randint(len(starts))]
        event = (start, start + EVENT_FRAMES)
    start, end = _checked_event(event, n_frames)
    scene = neutral_scene(n_frames, size, scene_rng)
    wave = neutral_sound(n_frames * SAMPLES_PER_FRAME, hum_rng)
    _add_event(label, scene, wave, start, end, event_rng)
    corners = scene.margin + np.rint(scene.shake * scene.unit).astype(int)
    pictures = zip(scene.canvas, corners, strict=True)
    frames = np.stack([whole[y : y + size[0], x : x + size[1]] for whole, (y, x) in pictures])
    sound = (np.rint(np.clip(wave, -1, 1) * 32767) / 32767).astype(np.float32)
    return RenderedClip(frames, sound, (start, end))


def _add_event(
    label: str, scene: Stage, wave: np.ndarray, start: int, end: int, rng: Random
) -> None:
    """Put the event into a scene and its sound, frames start to end."""
    about, event = EMOTIONS[label], EVENTS[LABELS.index(label)]
    tempo, hue, bright = (between(rng, *e) for e in (about["tempo"], (-9, 9), (0.85, 1.15)))
    colours = about["top"], about["bottom"]
    top, bottom = (hsv(h + hue, s, v * bright) for h, s, v in colours)
    veil = rng.randint(165, 236)  # of 256; the neutral scene shines through a little
    during = scene.part(start, end)
    during.fill(top, bottom, np.full(end - start, veil))
    heard = wave[start * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME]
    t, s = np.arange(end - start) / FPS, np.arange(len(heard)) / SAMPLE_RATE
    voice = event(during, t, s, tempo, hue, rng)
    # Ten milliseconds in and out, within the event, so that nothing clicks.
    fade = np.minimum(1, np.minimum(s, s[-1] - s) * 100)
    heard += between(rng, 0.3, 0.55) * fade * voice


def segment_truth(event: tuple[int, int], n_frames: int, seq_len: int) -> np.ndarray:
    """Share of each of seq_len equal segments of the clip that lies in the event: float64 [seq_len]
    in 0..1."""
    start, end = _checked_event(event, n_frames)
    check_at_least("seq_len", seq_len, 1, "Give the number of segments.")
    # In units of 1/seq_len frames, all borders are integers and the fractions exact.
    left = np.arange(seq_len) * n_frames
    overlap = np.minimum(left + n_frames, end * seq_len) - np.maximum(left, start * seq_len)
    return np.maximum(overlap, 0) / n_frames


# --- the folder in VE8's layout -------------------------------------------------------------------

ANNOTATION_NAME = "rendered_01.json"


def build_rendered(
    root: Path, *, n_train: int = 16, n_val: int = 8, seed: int = 2020, progress: bool = True
) -> Path:
    """Render n_train + n_val clips of every emotion into `root`, in VE8's layout (see
    `jacklib.data.video`), unless they are there (see `jacklib.files.make_set`); return `root`.

    Raises DataError if root holds files of other origin.
    """
    made_with = {"version": VERSION, "seed": seed, "n_train": n_train, "n_val": n_val}

    return make_set(root, made_with, ("img", "mp3", ANNOTATION_NAME),
                    lambda folder: _write_clips(folder, n_train, n_val, seed, progress),
                    "making the rendered clips")  # fmt: skip


def _write_clips(folder: Path, n_train: int, n_val: int, seed: int, progress: bool) -> dict:
    """Render everything into folder/img and folder/mp3; write the annotation, return its
    database."""
    database, jobs = {}, []
    for place, (subset, count) in enumerate({"training": n_train, "validation": n_val}.items()):
        # The k-th clip of every class has its event at the same time, and the times are used
        # about equally often: neither the class nor the subset can be told from the time.
        starts = np.random.RandomState([seed & 0xFFFFFFFF, place]).permutation(event_starts(96))
        for class_index, label in enumerate(LABELS):
            for k in range(count):
                clip_id = f"{label.lower()}_{subset[0]}{k + 1:03d}"
                start = int(starts[k % len(starts)])
                end = start + EVENT_FRAMES
                clip_seed = ((seed * 2 + place) * len(LABELS) + class_index) * 5000 + k
                jobs.append((folder, clip_id, label, clip_seed, (start, end)))
                about = {"label": label, "event_start": start, "event_end": end}
                database[clip_id] = {"subset": subset, "annotations": about}
    in_threads(4, _write_clip, jobs, "rendered clips", "clip", progress)
    content = {"labels": LABELS, "database": database}
    write_text(folder / ANNOTATION_NAME, json.dumps(content))
    return database


def in_threads(
    most: int, function: Callable, jobs: list[tuple], words: str, unit: str, progress: bool
) -> list:
    """The results of `function` of every job's parts, at most so many at a time, with a bar."""
    with (
        ThreadPoolExecutor(min(most, os.cpu_count() or 1)) as pool,
        closing(pool.map(function, *zip(*jobs, strict=True))) as made,  # it cancels the rest
    ):
        return list(tqdm(made, words, len(jobs), unit=unit, disable=not progress))


def _write_clip(folder: Path, clip_id: str, label: str, seed: int, event: tuple[int, int]) -> None:
    clip = render_clip(label, seed, event=event)
    pictures = folder / "img" / label / clip_id
    pictures.mkdir(parents=True)
    for number, frame in enumerate(clip.frames, start=1):
        # Encoded in memory: cv2.imwrite cannot open paths with Chinese letters on Windows.
        _, jpeg = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        (pictures / f"{number:06d}.jpg").write_bytes(jpeg.tobytes())
    (pictures / "n_frames").write_text(str(len(clip.frames)), encoding="utf-8")
    sound = folder / "mp3" / label / f"{clip_id}.mp3"
    sound.parent.mkdir(parents=True, exist_ok=True)
    write_mp3(sound, clip.sound)


def write_mp3(path: Path, sound: np.ndarray) -> None:
    """Write mono float sound at 44100 Hz as MP3 of 64 kbit/s."""
    with av.open(str(path), "w", format="mp3") as container:
        mux_sound(container, mp3_stream(container), sound)


def mp3_stream(container: av.container.OutputContainer) -> av.AudioStream:
    """A new stream of mono sound at 44100 Hz as MP3 of 64 kbit/s."""
    stream = container.add_stream("libmp3lame", rate=SAMPLE_RATE, layout="mono")
    stream.bit_rate = 64000
    return stream


def mux_sound(container: av.container.OutputContainer, stream, sound: np.ndarray) -> None:
    """Encode float sound and put it into the file, to its end."""
    samples = np.rint(sound * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16p", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
