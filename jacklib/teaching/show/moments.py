"""Moments in long videos, as notebooks 06 and 06b draw them: what is seen, heard, marked, scored
and found, on one axis of seconds. The words are in the language of the edition."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch

from jacklib.core.pseudo_labels import seed_labels
from jacklib.data.audio import read_audio
from jacklib.data.tsl_features import frames_between
from jacklib.teaching.show.house import BLUE, GREY, words_of
from jacklib.widgets.drawing import QUIET, VERMILLION, box

words = words_of(__file__)
COLOUR = {"n": VERMILLION, "p": BLUE}
HATCH = {"looks": "//", "sounds": ".."}


def strip(ax, path: Path, fps: float, start: float, end: float, count: int = 12) -> None:
    """Frames of a stretch of a video, on an axis of seconds."""
    frames = frames_between(path, fps, start, end, count, height=72)
    ax.imshow(np.concatenate([*frames], axis=1), extent=(start, end, 0, 1), aspect="auto")
    ax.set_yticks([])


def shade(ax, segments: Sequence = (), decoys: Sequence = ()) -> list[Patch]:
    """True segments (label, start, end) behind a panel, and decoys hatched; gives the legend."""
    for label, start, end in segments:
        ax.axvspan(start, end, color=COLOUR[label], alpha=0.22, lw=0, zorder=0)
    for kind, start, end in decoys:
        ax.axvspan(start, end, fill=False, hatch=HATCH[kind], ec=QUIET, lw=0.5, zorder=0)
    known = [Patch(color=COLOUR[c], alpha=0.25, label=words(f"true {c}")) for c in "np"]
    hatches = HATCH.items() if decoys else ()
    return [*known, *(Patch(fill=False, hatch=h, ec=QUIET, label=words(k)) for k, h in hatches)]


def video(path: Path, fps: float, seconds: float, segments: Sequence, marks: Sequence) -> None:
    """A video's frames and waveform, and beneath them what each annotator has marked: marks is one
    list of (label, frame) for each."""
    _, axes = plt.subplots(3, 1, figsize=(11, 4.2), sharex=True, height_ratios=[1.2, 1, 1.1])
    strip(axes[0], path, fps, 0, seconds)
    wave = read_audio(path, 8000)[: round(seconds * 8000)]
    axes[1].plot(np.arange(len(wave)) / 8000, wave, lw=0.3, color="black")
    for ax in axes[1:]:
        handles = shade(ax, segments)
    for row, points in enumerate(marks):
        for label, frame in points:
            axes[2].plot(frame / fps, row, "v", ms=8, color=COLOUR[label])
    axes[1].set(ylabel=words("audio"), xlim=(0, seconds))
    axes[2].set(ylabel=words("annotator"), xlabel=words("time"), yticks=range(len(marks)))
    axes[2].invert_yaxis()
    axes[0].set_title(words("video", name=Path(path).stem, n=len(marks)))
    axes[2].legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5))
    plt.show()


def spectrogram(path: Path, fps: float, logmel: np.ndarray, segments: Sequence) -> None:
    """Frames of a video over its log-mel spectrogram [T, 32, 60] as the loader scales it. Segments
    (label, start, end) are framed: n dashed, p solid."""
    seconds, decibels = len(logmel) * 16 / fps, logmel.reshape(-1, 60).T * 80 - 50
    _, (top, bottom) = plt.subplots(2, 1, figsize=(11, 3.4), sharex=True, height_ratios=[1, 2])
    strip(top, path, fps, 0, seconds)
    image = bottom.imshow(
        decibels, aspect="auto", origin="lower", extent=(0, seconds, 0, 60), cmap="magma", vmin=-60
    )
    for label, start, end in segments:
        style = "-" if label == "p" else "--"
        box(bottom, start, 0.5, end - start, 59, fill=False, ec="white", lw=2, ls=style)
        bottom.text(start + 0.3, 53, label, color="white", fontsize=12)
    bottom.set(ylabel=words("mel"), xlabel=words("time"))
    top.set_title(words("spectrogram", name=Path(path).stem))
    plt.colorbar(image, ax=bottom, label="dB")
    plt.show()


def scores(
    panels: Mapping[str, np.ndarray], *, points: np.ndarray | None = None, seconds: float = 1.0,
    segments: Sequence = (), decoys: Sequence = (),
) -> None:  # fmt: skip
    """Scores [T, 3] of a video's clips, a panel for each title, background in grey.

    points [T, 2]: draws the marks ▼ beneath, and their seeds as high as their score. seconds: of a
    clip; 1 counts clips. segments, decoys: see `shade`."""
    colours = (*COLOUR.values(), QUIET)
    _, axes = plt.subplots(len(panels), 1, figsize=(11, 0.6 + 2.1 * len(panels)), sharex=True)
    for ax, (title, found) in zip(np.atleast_1d(axes), panels.items(), strict=True):
        edges = np.arange(len(found) + 1) * seconds
        ax.stairs(found[:, 2], edges, fill=True, color=GREY, alpha=0.6)
        for c, name in enumerate("np"):
            ax.stairs(found[:, c], edges, color=COLOUR[name], lw=1.6, baseline=None)
        if points is not None:
            act, bkg = seed_labels(found, points)
            for row, (values, colour) in enumerate(zip((*act.T[:2], bkg), colours, strict=True)):
                place = dict(bottom=-0.25 - 0.22 * row, align="edge", color=colour)
                ax.bar(edges[:-1], 0.18 * values, seconds, **place)
            for t, c in np.argwhere(points > 0.5):
                ax.plot((t + 0.5) * seconds, -0.13 - 0.22 * c, "kv", ms=7, mec="white")
            ax.set_yticks([0.5, 1, -0.16, -0.38, -0.6], ["0.5", "1", *"np", words("background")])
            ax.axhline(0, color="black", lw=0.8)
        handles = shade(ax, segments, decoys)
        ax.set(xlim=(0, edges[-1]), ylim=(-0.74 if points is not None else 0, 1.05), title=title)
    ax.set_xlabel(words("clip") if seconds == 1 else words("time"))
    if segments:
        ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5))
    plt.show()
