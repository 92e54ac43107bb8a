"""A state of the attention picture, made by rule."""

import av
import matplotlib
import numpy as np

from jacklib.widgets.attention import AttentionState
from support import ROOT

CLIP = ROOT / "data_samples/film/video/Anger/bbb_0404.mp4"


NAMES = ("Anger", "Anticipation", "Disgust", "Fear", "Joy", "Sadness", "Surprise", "Trust")


S = 6


def film_frames(count=S):
    with av.open(str(CLIP)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    return np.stack([frames[int((s + 0.5) * len(frames) / count)] for s in range(count)])


FRAMES = film_frames()


def make_state(**changes):
    generator = np.random.default_rng(0)
    alpha = generator.random((S, 16)) + 0.1
    beta = generator.random((S, 32)) + 0.1
    fields = dict(
        frames=FRAMES,
        alpha=alpha / alpha.sum(axis=1, keepdims=True) * 16,
        beta=beta / beta.sum(axis=1, keepdims=True) * 32,
        gamma=np.array([0.5, 1.0, 2.0, 0.0, 1.5, 1.0]),
        audio_gamma=np.array([1.0, 0.2, 0.0, 1.4]),
        probabilities=np.array([0.3, 0.1, 0.05, 0.05, 0.2, 0.1, 0.15, 0.05]),
        class_names=NAMES,
        title="bbb_0404",
        label="Joy",
        segment=2,
        truth=np.array([0, 0, 0.4, 1.0, 0, 0]),
    )
    return AttentionState(**{**fields, **changes})


def panels(figure):
    """All words in the figure, joined."""
    words = []
    for artist in figure.findobj(matplotlib.text.Text):
        words.append(artist.get_text())
    return " | ".join(words)
