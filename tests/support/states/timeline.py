"""A video of the timeline, made by rule."""

import numpy as np

from jacklib.core.pseudo_labels import seed_labels
from jacklib.widgets.timeline import TimelineVideo

FPS = 25.0


CLIP = 16 / FPS  # seconds


EVENTS = (("p", 0.15, 0.35), ("n", 0.6, 0.72), ("p", 0.8, 0.9))  # shares of the video


def film(seconds, start, end, count):
    """Frames whose colour says when they are: red grows with the time, a bar stands at it."""
    frames = np.full((count, 36, 64, 3), 90, np.uint8)
    for f in range(count):
        share = (start + (f + 0.5) * (end - start) / count) / seconds
        frames[f, ..., 0] = 255 * share
        frames[f, :, int(63 * share)] = 255
    return frames


def make_video(T=60, seed=0, events=EVENTS, train=True, **changes):
    """Scores that rise within the events, by a rule: a bump an event, ripples everywhere."""
    seconds = T * CLIP
    generator = np.random.default_rng(seed)
    middle = (np.arange(T) + 0.5) / T
    ripple = 0.06 * np.sin(2 * np.pi * middle[:, None] * [5, 7, 9] + 6 * generator.random(3))
    heights = np.clip(0.1 + ripple + 0.03 * generator.standard_normal((T, 3)), 0, 1)
    # A bump for each event, found late or early, some of them weak; and one where nothing is.
    for label, start, end in (*events, ("np"[seed % 2], 0.45, 0.52)):
        late, strength = 0.05 * generator.standard_normal(), 0.35 + 0.5 * generator.random()
        bump = 1 / (1 + np.exp(-np.minimum(middle - start - late, end + late - middle) * 120))
        heights[:, "np".index(label)] += strength * bump
    heights[:, 2] = 1 - heights[:, :2].max(1)
    scores = np.clip(heights, 0, 1).astype(np.float32)
    points, clips = [], np.zeros((T, 2), np.float32)
    for label, start, end in events:
        place = int((start + end) / 2 * T)
        clips[place] = np.where(np.array(["n", "p"]) == label, 0.9, 0.1)
        points.append((label, (place + 0.5) * CLIP))
    act_seed, bkg_seed = seed_labels(scores, clips, 0.9)
    loud = 0.1 + scores[:, :2].max(1)
    samples = np.linspace(0, 1, 4000)
    waveform = np.interp(samples, middle, loud) * np.sin(2000 * samples)
    fields = dict(
        title=f"untrimmed_{seed:02d}",
        fps=FPS,
        frames=film(seconds, 0, seconds, 14),
        waveform=waveform.astype(np.float32),
        scores=scores,
        video_score=np.sort(scores[:, :2], axis=0)[::-1][: max(1, T // 8)].mean(0),
        truth=tuple((label, a * seconds, b * seconds) for label, a, b in events),
        frames_between=lambda start, end, count: film(seconds, start, end, count),
    )
    if train:
        fields |= dict(points=tuple(points), act_seed=act_seed, bkg_seed=bkg_seed)
    return TimelineVideo(**{**fields, **changes})
