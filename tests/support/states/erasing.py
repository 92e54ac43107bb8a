"""A state of the erasing picture, made by rule."""

import numpy as np

from jacklib.widgets.erasing import ErasingState
from support.states.attention import NAMES, film_frames

FRAMES = film_frames(16)


# 0.7 * 2.2 + 0.3 * 0.2 = 1.6: segments 2 and 5 are the keyframes.
GAMMA = np.array([0.5, 1.0, 2.2, 0.2, 1.5, 2.0, 0.6, 0.4])


SECONDS = 4.0


def make_state(count=8, classes=8, theta=0.7, **changes):
    gamma = np.asarray(changes.pop("gamma", np.resize(GAMMA, count)), np.float64)
    count = len(gamma)
    probabilities = np.random.default_rng(1).dirichlet(np.ones(classes), 3)
    mean = np.sqrt(probabilities[0] * probabilities[1])
    fields = dict(
        title="bbb_0404",
        frames=FRAMES[:count],
        waveform=np.sin(np.linspace(0, 300, 8000, dtype=np.float32)),
        seconds=SECONDS,
        gamma=gamma,
        theta=theta,
        probabilities=probabilities,
        mean_probabilities=mean / mean.sum(),
        class_names=NAMES[:classes],
        pass_frames=np.stack([FRAMES[:count], FRAMES[:count][::-1], FRAMES[:count] // 2]),
        label=NAMES[1],
        truth=np.arange(count) == 2,
    )
    return ErasingState(**{**fields, **changes})
