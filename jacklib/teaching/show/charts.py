"""Charts of numbers: what several notebooks draw in the same way.

Every function draws into the axes it is given and then returns, or makes a figure and shows it.
Titles and labels are a text, or a pair (English, Chinese); see `house.said`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch

from jacklib.teaching.show.house import BLUE, GREY, INK, ORANGE, finish, said, words_of

Words = str | tuple[str, str]
words = words_of(__file__)


def panels(count: int, width: float = 9, height: float = 2.6) -> Sequence:
    """`count` axes side by side; end the figure with plt.show()."""
    return plt.subplots(1, count, figsize=(width, height))[1]


def _axes(ax, width: float, height: float):
    return ax or plt.subplots(figsize=(width, height))[1]


def _level(ax, value: float, label: Words, style: str = "--"):
    return ax.axhline(value, color=INK, ls=style, lw=1, label=said(label))


def _beside(ax, **options) -> None:
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), **options)


def runs(
    groups: Mapping[str, Mapping[int, float]], baseline: float | None = None, *, title: Words = "",
    unit: Words = "", label: Words = "baseline", ax=None,
) -> None:  # fmt: skip
    """Every run as a dot, the runs of one seed joined, each setting's mean as a bar beneath.

    groups: {setting: {seed: value}}, as `classroom.compare_runs` takes it. baseline: a dashed line,
    called `label`.
    """
    alone, ax = ax is None, _axes(ax, 1.6 + 1.5 * len(groups), 2.6)
    values = list(groups.values())
    seeds = [seed for seed in values[0] if all(seed in of for of in values)]
    for seed in seeds:
        row = [of[seed] for of in values]
        ax.plot(range(len(row)), row, "o-", color=GREY, mfc=ORANGE, mec=BLUE, lw=1.2, zorder=3)
        ax.text(len(row) - 0.93, row[-1], seed, va="center", fontsize=8)
    for place, of in enumerate(values):
        mean = np.mean([*of.values()])
        ax.plot([place - 0.18, place + 0.18], [mean, mean], color=BLUE, lw=3, zorder=2)
    if baseline is not None:
        _level(ax, baseline, label)
        if alone:
            _beside(ax)
    ax.set_xticks(range(len(groups)), [said(name) for name in groups])
    ax.set(title=said(title), ylabel=said(unit), xlim=(-0.5, len(groups) - 0.5))
    ax.margins(y=0.15)
    finish(ax, alone)


def grid(
    values: Any, rows: Sequence[Words], columns: Sequence[Words], *, title: Words = "",
    unit: Words = "", form: str = "{:.2f}", texts: Any = None, limits: Sequence[float | None] = (),
    colours: str = "Blues", ax=None,
) -> None:  # fmt: skip
    """An annotated table: values [R, C] as colours and, written by `form`, as numbers.

    texts: [R, C] what is written instead. limits: (lowest, highest) of the colours.
    """
    values = np.asarray(values, float)
    size = 2 + 0.8 * values.shape[1], 0.9 + 0.34 * values.shape[0]
    alone, ax = ax is None, _axes(ax, *size)
    low, high = limits or (None, None)
    image = ax.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = image.cmap(image.norm(value))
        dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
        text = form.format(value) if texts is None else str(np.asarray(texts)[row, column])
        ax.text(column, row, text, ha="center", va="center", color="white" if dark else INK)
    ax.set_xticks(range(values.shape[1]), [said(name) for name in columns])
    ax.set_yticks(range(values.shape[0]), [said(name) for name in rows])
    ax.set_title(said(title))
    ax.spines[:].set_visible(False)
    if unit:
        ax.figure.colorbar(image, ax=ax, label=said(unit))
    finish(ax, alone)


def confusion(counts: np.ndarray, classes: Sequence[str], ax=None) -> None:
    """A confusion matrix [true, predicted]."""
    alone, ax = ax is None, _axes(ax, 1.5 + 0.62 * len(classes), 1 + 0.4 * len(classes))
    grid(counts, classes, classes, title=words("confusion"), form="{:.0f}", ax=ax)
    ax.set(xlabel=words("predicted"), ylabel=words("true"))
    ax.tick_params(axis="x", rotation=35)
    finish(ax, alone)


def bars(
    values: Mapping[Words, float], levels: Mapping[Words, float] | None = None, *,
    title: Words = "", unit: Words = "", form: str = "{:.2f}", marked: Sequence[Words] = (),
    most: float | None = None, ax=None,
) -> None:  # fmt: skip
    """One bar per value with its number above, and dashed levels to compare with; the bars that are
    `marked` in orange. most: the end of the axis."""
    alone, ax = ax is None, _axes(ax, 2.4 + 1.0 * len(values), 2.6)
    colour = [ORANGE if name in marked else BLUE for name in values]
    drawn = ax.bar(range(len(values)), [*values.values()], color=colour, width=0.5)
    ax.bar_label(drawn, fmt=form)
    levels = levels or {}
    for (name, value), style in zip(levels.items(), ("--", ":", "-."), strict=False):
        _level(ax, value, name, style)
    if levels:
        _beside(ax)
    most = most or 1.18 * max(*values.values(), *levels.values(), 1e-9)
    broken = [re.sub("(: |：)", r"\1\n", said(name)) for name in values]
    ax.set_xticks(range(len(values)), broken)
    ax.set(title=said(title), ylabel=said(unit), ylim=(0, most))
    finish(ax, alone)


def curves(
    places: Sequence, lines: Mapping[Words, Sequence[float]],
    levels: Mapping[Words, float] | None = None, *, title: Words = "", axis: Words = "epoch",
    unit: Words = "", dots: Mapping[Words, Sequence[float]] | None = None, ax=None,
) -> None:  # fmt: skip
    """Lines over the same places (epochs, thresholds), dashed levels to compare with, and dots."""
    alone, ax = ax is None, _axes(ax, 6, 2.4)
    for name, values in (dots or {}).items():
        ax.scatter(places, values, s=12, color=GREY, label=said(name))
    for (name, line), colour in zip(lines.items(), (BLUE, ORANGE, INK, GREY), strict=False):
        ax.plot(places, line, "o-", ms=3, color=colour, label=said(name))
    for (name, value), style in zip((levels or {}).items(), ("--", ":", "-."), strict=False):
        _level(ax, value, name, style)
    if len(lines) + len(levels or {}) + len(dots or {}) > 1:
        _beside(ax)
    ax.set(title=said(title), xlabel=said(axis), ylabel=said(unit))
    finish(ax, alone)


def gamma(
    weights: Sequence[float], truth: Sequence[float] | None = None, *, erased: Any = None,
    threshold: float | None = None, title: Words = "", unit: Words = "γ", ax=None,
) -> None:  # fmt: skip
    """Attention bars, one per segment, with the planted event behind.

    truth: [S] the fraction of each segment in the event. erased: [S] true where a segment is taken
    away: those bars are hatched. threshold: a dashed line.
    """
    alone, ax = ax is None, _axes(ax, 7, 2.4)
    count, handles = len(weights), []
    drawn = ax.bar(range(count), weights, color=BLUE, width=0.6)
    hatched = {"facecolor": "white", "edgecolor": BLUE, "hatch": "xx"}
    for s in np.flatnonzero(np.zeros(count) if erased is None else erased):
        drawn[s].set(**hatched)
    if erased is not None:
        handles.append(Patch(label=words("erased"), **hatched))
    if threshold is not None:
        handles.append(_level(ax, threshold, words("threshold")))
    for s in np.flatnonzero(np.asarray([] if truth is None else truth) > 0.5):
        ax.axvspan(s - 0.5, s + 0.5, color=ORANGE, alpha=0.3, lw=0, zorder=0)
    if truth is not None:
        handles.append(Patch(facecolor=ORANGE, alpha=0.3, label=words("event")))
    _beside(ax, handles=handles)
    ax.set(title=said(title), xlabel=words("segment"), ylabel=said(unit), xlim=(-0.6, count - 0.4))
    ax.set_xticks(range(count))
    finish(ax, alone)
