"""Clips as notebooks 00, 04 and 05 draw them: frames, audio, what is sampled, what attention finds.

`truth` is the fraction of each segment that lies in the planted event, [S]; what lies in it is
marked in orange.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

from jacklib.core.metrics import temporal_iou
from jacklib.data.audio import SAMPLE_RATE, read_audio
from jacklib.data.video import Sample, VideoClips, count_frames, frame_file, read_frame
from jacklib.teaching.show.charts import Words
from jacklib.teaching.show.house import BLUE, GREY, ORANGE, said, words_of
from jacklib.widgets.drawing import box, draw_waveform

RATE = 30  # frames per second
words = words_of(__file__)


def _frame(ax, image: np.ndarray, inside: bool = False) -> None:
    ax.imshow(image)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(color=ORANGE if inside else GREY, linewidth=3 if inside else 0.5)


def _event(item) -> tuple[int, int] | None:
    """(first frame, end) of a rendered clip's event; None for a film's."""
    facts = item.annotation
    return (facts["event_start"], facts["event_end"]) if "event_start" in facts else None


def clip(item, count: int = 8) -> None:
    """`count` frames of a clip above its waveform. item: one of VideoClips.items."""
    n_frames, event = count_frames(item.frame_folder), _event(item)
    figure = plt.figure(figsize=(11, 2.9))
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.3, 1])
    taken = ((np.arange(count) + 0.5) * n_frames / count).astype(int)
    for ax, index in zip(top.subplots(1, count), taken, strict=True):
        inside = event is not None and event[0] <= index < event[1]
        _frame(ax, read_frame(frame_file(item.frame_folder, index)), inside)
        ax.set_title(words("second", t=index / RATE))
    ax, wave = bottom.subplots(), read_audio(item.audio_file)
    draw_waveform(ax, wave, len(wave) / SAMPLE_RATE)
    if event:
        span = [frame / RATE for frame in event]
        ax.axvspan(*span, color=ORANGE, alpha=0.35, label=words("event"))
        ax.legend(loc="upper right")
    ax.set(xlabel=words("time"), ylabel=words("amplitude"), xlim=(0, n_frames / RATE))
    figure.suptitle(f"{item.id} · {said(item.label_name)}")
    plt.show()


def images(named: Mapping[Words, np.ndarray], title: Words = "") -> None:
    """Images [H, W, 3] in a row, each with its name."""
    ratios = [image.shape[1] / image.shape[0] for image in named.values()]
    figure, axes = plt.subplots(1, len(named), figsize=(12, 2.1), width_ratios=ratios)
    for ax, (name, image) in zip(axes, named.items(), strict=True):
        _frame(ax, image)
        ax.set_title(said(name))
    figure.suptitle(said(title))
    plt.show()


def middle_frames(visual: np.ndarray) -> np.ndarray:
    """[S, 3, T, H, W] -> the frame in the middle of each snippet, uint8 [S, H, W, 3]."""
    return visual[:, :, visual.shape[2] // 2].transpose(0, 2, 3, 1).astype(np.uint8)


def _rows(named: Mapping[str, np.ndarray], inside: np.ndarray, below: Any, title: str) -> None:
    """Rows of frames; inside, below [R, S]: which ones to frame, what stands beneath."""
    count = inside.shape[1]
    figure, axes = plt.subplots(len(named), count, figsize=(1.2 * count, 0.5 + 1.1 * len(named)))
    for r, (name, frames) in enumerate(named.items()):
        for s, ax in enumerate(axes[r]):
            _frame(ax, frames[s], inside[r, s])
            ax.set_xlabel(below[r][s], fontsize=8, labelpad=1)
        axes[r, 0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.suptitle(title)
    plt.show()


def clips(data: VideoClips, indices: Sequence[int], truth: np.ndarray) -> None:
    """The middle frame of each segment of several clips, a row each. truth: [N, S] of all clips."""
    named = {said(data.items[i].label_name): middle_frames(data.load(i).visual) for i in indices}
    below = [[""] * truth.shape[1]] * (len(named) - 1) + [[*map(str, range(truth.shape[1]))]]
    _rows(named, truth[list(indices)] > 0.5, below, words("clips"))


def passes(item, views: Mapping[Words, Sample]) -> None:
    """What each of CTEN's passes gets: {name: the clip as it sees it}."""
    first, end = _event(item)
    at = np.stack(
        [view.frame_indices[:, view.frame_indices.shape[1] // 2] for view in views.values()]
    )
    named = {said(name): middle_frames(view.visual) for name, view in views.items()}
    below = [[words("frame", n=n) for n in row] for row in at]
    _rows(named, (first <= at) & (at < end), below, words("passes"))


def sampling(
    rows: Mapping[Words, np.ndarray], n_frames: int, pools: Sequence[np.ndarray] | None = None
) -> None:
    """Which frames are taken: each row's snippets [S, T] as steps, the first on top, and in grey
    the pool of frames that they are taken from (else borders of S equal segments)."""
    _, ax = plt.subplots(figsize=(10, 0.6 + 0.75 * len(rows)))
    for r, taken in enumerate(rows.values()):
        for s, frames in enumerate(taken):
            height = r - 0.4 + 0.8 * (s + 0.5) / len(taken)
            ax.scatter(frames + 0.5, np.full(len(frames), height), s=4, color=[BLUE, ORANGE][s % 2])
        for frame in () if pools is None else pools[r]:
            box(ax, frame, r - 0.45, 1, 0.9, color=GREY, alpha=0.5, lw=0)
    if pools is None:
        for border in np.arange(len(taken) + 1) * (n_frames // len(taken)):
            ax.axvline(border, color=GREY, lw=1)
    ax.set_yticks(range(len(rows)), [said(name) for name in rows])
    ax.set(xlabel=words("frames"), xlim=(0, n_frames), ylim=(len(rows) - 0.5, -0.5))
    ax.set_title(words("borders" if pools is None else "pools"))
    plt.show()


def spectrum(
    features: np.ndarray, end: float, *, title: Words = "", axis: Words = "time (s)",
    unit: Words = "", limits: tuple[float, float] = (-3, 3), framed: Sequence = (),
) -> None:  # fmt: skip
    """Audio features [frames, bands] over 0 to `end`; framed: stretches (start, end) of it."""
    figure, ax = plt.subplots(figsize=(10, 2))
    bands = features.shape[1]
    image = ax.imshow(
        features.T, aspect="auto", origin="lower", extent=(0, end, 0, bands), cmap="RdBu_r",
        vmin=limits[0], vmax=limits[1],
    )  # fmt: skip
    for start, stop in framed:
        box(ax, start, 1, stop - start, bands - 2, fill=False, ec=ORANGE, lw=2)
    ax.set(title=said(title), xlabel=said(axis), ylabel=words("band"))
    figure.colorbar(image, ax=ax, label=said(unit))
    plt.show()


def attention_matrices(output, row: int, event: np.ndarray, title: Words) -> None:
    """The attention matrices of one clip as multiples of uniform attention; the event's segments
    have orange numbers. output: CTENOutput of a batch; row: the clip's place in it."""
    v2a, a2v = output.v2a_attention.numpy()[row], output.a2v_attention.numpy()[row]
    shown = [
        ("within image", output.visual_attention.numpy()[row], "image", "image"),
        ("within audio", output.audio_attention.numpy()[row], "audio", "audio"),
        ("v2a mean", v2a.mean(0), "audio", "image"), ("v2a head", v2a[0], "audio", "image"),
        ("a2v mean", a2v.mean(0), "image", "audio"), ("a2v head", a2v[0], "image", "audio"),
    ]  # fmt: skip
    figure, axes = plt.subplots(2, 3, figsize=(9, 5.6))
    for ax, (name, matrix, queries, keys) in zip(axes.T.flat, shown, strict=True):
        image = ax.imshow(  # half and twice are equally far from white
            np.maximum(matrix * len(event), 1e-3), cmap="RdBu_r", norm=LogNorm(1 / 3, 3)
        )
        ax.set(title=words(name), xlabel=words("key", of=words(keys)))
        ax.set_ylabel(words("query", of=words(queries)))
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks(range(len(event)))
            for label, share in zip(axis.get_ticklabels(), event, strict=True):
                label.set(**({"color": ORANGE, "fontweight": "bold"} if share > 0.5 else {}))
    bar = figure.colorbar(image, ax=axes, label=words("uniform"), extend="both", fraction=0.02)
    bar.set_ticks([1 / 3, 1 / 2, 1, 2, 3], labels=["1/3", "1/2", "1", "2", "3"])
    bar.minorticks_off()
    figure.suptitle(f"{said(title)}{words('orange')}")
    plt.show()


def proposals(weights: np.ndarray, found: Sequence[dict], event: Sequence, seconds: float) -> None:
    """γ of a clip, stretched to 0...1, and under it what detection makes of it, best first.
    found: [{"segment", "label", "score"}]; event: (start, end) in seconds."""
    stretched = (weights - weights.min()) / max(np.ptp(weights), 1e-9)
    _, (top, bottom) = plt.subplots(2, 1, figsize=(9, 4), sharex=True, height_ratios=[1, 1.3])
    step = seconds / len(weights)
    top.bar(np.arange(len(weights)) * step, stretched, step, align="edge", color=BLUE, ec="white")
    for place, one in enumerate(found):
        start, end = one["segment"]
        bottom.barh(place, end - start, left=start, height=0.5, color=BLUE)
        overlap = temporal_iou((start, end), [event]).item()
        text = words("proposal score", score=one["score"], overlap=overlap)
        bottom.text(seconds * 1.01, place, text, va="center")
    for ax in (top, bottom):
        ax.axvspan(*event, color=ORANGE, alpha=0.3, lw=0, zorder=0, label=words("event"))
    top.set(title=words("stretched"), ylabel="γ")
    top.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    bottom.set(xlabel=words("time"), ylabel=words("proposal"), xlim=(0, seconds))
    bottom.set(yticks=range(len(found)), ylim=(max(len(found), 4) - 0.5, -0.5))
    bottom.set_title(words("proposals", label=said(found[0]["label"])))
    plt.show()
