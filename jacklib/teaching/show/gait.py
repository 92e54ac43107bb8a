"""What notebook 07 draws: walkers in four styles, the graph on the body and as matrices, and curves
of the four emotions."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from jacklib.core.skeleton import EDGES, JOINTS, Graph
from jacklib.samples import gait_style
from jacklib.teaching.show.house import BLUE, GREY, INK, ORANGE, translated, words_of
from jacklib.widgets.drawing import QUIET, VERMILLION, drawable
from jacklib.widgets.gait_drawing import SIDES_DARK, joint_name, project
from jacklib.widgets.words import language

words = words_of(__file__)
COLOUR = {"happy": ORANGE, "sad": BLUE, "angry": VERMILLION, "neutral": QUIET}
# Where the graph's drawing puts the joints of somebody who faces us: their left is on our right.
_LEFT = [(0.22, 0.5), (0.36, 0.24), (0.44, -0.04), (0.16, -0.08), (0.22, -0.5), (0.26, -0.92)]
_RIGHT, _MIDDLE = np.array(_LEFT) * [-1, 1], [(0, 0), (0, 0.26), (0, 0.52), (0, 0.78)]
PLACES = np.concatenate([_MIDDLE, _LEFT[:3], _RIGHT[:3], _LEFT[3:], _RIGHT[3:]])


def joints() -> list[str]:
    """The 16 joints' short names: "L hand"."""
    return [joint_name(v, drawable(language()), short=True) for v in range(16)]


def skeleton(ax, places: np.ndarray, **look) -> None:
    """Bones between the places [16, 2] of joints, each side of the body in its colour."""
    for child, parent in EDGES:
        colour = SIDES_DARK.get(JOINTS[child].split()[0], INK)
        ax.plot(*places[[child, parent]].T, color=colour, solid_capstyle="round", **look)


def walkers(walk: gait_style.Walk) -> None:
    """One recorded walk in the four mean styles, seen from the right, a pose per half second."""
    _, axes = plt.subplots(2, 2, figsize=(10, 4.6), sharex=True, sharey=True)
    for ax, (emotion, style) in zip(axes.flat, gait_style.STYLES.items(), strict=True):
        poses = gait_style.walk_in_style(walk, style, 76, phase=0.1)
        for t in range(0, 76, 15):
            places, alpha = project(poses[t], -90)[0], 0.35 + 0.13 * t / 15
            skeleton(ax, places, lw=2, alpha=alpha)
            ax.plot(*places[3], "o", color=INK, ms=5, alpha=alpha)
        ax.axhline(poses[:, [12, 15], 1].min() - 0.08, color=GREY, lw=1)
        ax.set(aspect="equal", yticks=[])
        way = words("way", emotion=translated(emotion), metres=poses[-1, 0, 2])
        ax.set_title(way, loc="left", color=COLOUR[emotion])
    for ax in axes[1]:
        ax.set_xlabel(words("metres"))
    plt.show()


def parts(graph: Graph) -> None:
    """The graph's three parts: above as arrows that point to the receiver, below as matrices."""
    _, axes = plt.subplots(2, 3, figsize=(11, 7.4), height_ratios=[1, 1.05])
    for part, matrix, above, below in zip(graph.part_names, graph.A, *axes, strict=True):
        skeleton(above, PLACES, lw=5, alpha=0.3)
        for v, w in np.argwhere(matrix > 0):
            if v == w:
                above.plot(*PLACES[v], "o", mfc="none", mec=INK, ms=13)
                continue
            width = 0.6 + 1.2 * matrix[v, w]
            look = dict(arrowstyle="-|>", color=INK, lw=width, shrinkA=3, shrinkB=4)
            above.annotate("", PLACES[w], PLACES[v], arrowprops=look)
        for v, (x, y) in enumerate(PLACES):
            side = -1 if x < 0 else 1
            above.plot(x, y, "o", color="white", mec=INK, ms=6)
            look = dict(ha="right" if x < 0 else "left", fontsize=8, color=VERMILLION)
            above.text(x + 0.05 * side, y + 0.03, v, **look)
        above.set(aspect="equal", xlim=(-0.62, 0.62), ylim=(-1.05, 0.9), title=words(part))
        above.axis("off")
        matrix_into(below, matrix, joints(), joints(), "Blues", (0, 1))
        below.set(xlabel=words("to"), ylabel=words("from"))
    plt.show()


def matrix_into(ax, values, rows: Sequence, columns: Sequence, colours="PuOr_r", limits=()) -> None:
    """A matrix [R, C] as colours alone; without limits, white is 0."""
    low, high = limits or np.abs(values).max() * np.array([-1, 1])
    image = ax.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    ax.set_xticks(range(len(columns)), columns, rotation=90, fontsize=7)
    ax.set_yticks(range(len(rows)), rows, fontsize=7)
    ax.figure.colorbar(image, ax=ax, shrink=0.8)


def by_emotion(axes: Sequence, curves: Sequence, titles: Sequence, marks: Sequence = ()) -> None:
    """A panel for each of `curves`, {emotion: (x, y)}; marks: {emotion: x}, dotted lines."""
    axes = list(axes)
    for ax, lines, title in zip(axes, curves, titles, strict=True):
        for emotion, (x, y) in lines.items():
            ax.plot(x, y, color=COLOUR[emotion], label=translated(emotion), lw=1.6)
        ax.set_title(translated(title))
    for ax, marked in zip(axes, marks, strict=False):
        for emotion, x in marked.items():
            ax.axvline(x, color=COLOUR[emotion], lw=0.8, ls=":")
    axes[2].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    plt.show()
