"""The page of the walking skeleton: the stage with the walker, and the panels around it.

A `Scene` is one such page, of one gait or of two side by side; what moves on it can be moved to any
frame. See `gait` for the notation.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba_array
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from PIL import Image

from jacklib.core.skeleton import EDGES, JOINTS
from jacklib.data.gait_features import FEATURES
from jacklib.widgets import drawing
from jacklib.widgets.drawing import BLUE, GREY, INK, INNER, MARGIN_LEFT, QUIET, VERMILLION, WIDTH
from jacklib.widgets.gait_state import PAIRS, Choice, GaitState, V, stronger, strongest_pairs
from jacklib.widgets.words import texts

AZIMUTH = -50.0  # degrees; before the walker, on the right side: the walk goes to the right
ELEVATION = np.deg2rad(12)  # of the camera, so that the floor is seen

# Inches; TITLE is what a panel's title needs above it, LEGEND what explains the stage's colours.
STAGE_TOP, GAP, TITLE, LEGEND = 1.12, 0.12, 0.3, 0.92
BAR, TIME_ROW = 0.2, 0.17  # heights of a class's bar and of a fusion's attention to times
COLOURS = (BLUE, drawing.ORANGE)  # of the curves of the left and the right gait
SIDES = {"left": "#BFD7EA", "right": "#F3DDA6"}  # what a bone lies on, by its side of the body
SIDES_DARK = {"left": "#6FA8D0", "right": "#DDA82E"}  # for thin lines
MIDDLE, FLOOR = "#C9D0D6", "#DCE0E4"
STRIP = 8  # poses in the strip
WEIGHTS = LinearSegmentedColormap.from_list("weights", ["#D6E6F2", "#4C97C8", BLUE, "#08264A"])
SIGNED = LinearSegmentedColormap.from_list(
    "signed", ["#7A1F5C", "#CC79A7", "#E9E9E9", "#4C97C8", "#08264A"]
)
IMPORTANCE = LinearSegmentedColormap.from_list("importance", ["#FFF3E6", "#F2A56B", VERMILLION])
CHILDREN, PARENTS = np.transpose(EDGES)
FLOOR_WIDE, FLOOR_LONG, FLOOR_STEP = 0.45, 1.1, 0.4  # metres, from the root to either side

TEXT = texts("gait")


# --- names and places -----------------------------------------------------------------------------


def joint_name(joint: int | str, lang: str, short: bool = False) -> str:
    """A joint as a reader of `lang` calls it; short: "L hand" for "left hand"."""
    name = JOINTS[joint] if isinstance(joint, (int, np.integer)) else joint
    if lang == "en" and not short:
        return name
    words = TEXT[lang]["joint"]
    return TEXT[lang]["space"].join(words.get(word, word) for word in name.split())


def feature_name(number: int, lang: str) -> str:
    """A feature as the curves' titles have it, with its unit."""
    kind, joints = FEATURES[number].split(" ", 1)
    names = [joint_name(name, lang, short=True) for name in joints.split(", ")]
    return TEXT[lang]["feature"][kind].format(TEXT[lang]["dash"].join(names))


def project(points: np.ndarray, azimuth: float) -> tuple[np.ndarray, np.ndarray]:
    """Seen from far away: [..., 3] -> to the right and up [..., 2], and towards the viewer [...].

    azimuth: where the camera stands, in degrees from straight before the walker towards the
    walker's left.
    """
    angle = np.deg2rad(azimuth)
    x, y, z = np.moveaxis(points, -1, 0)
    near = np.sin(angle) * x + np.cos(angle) * z
    right = np.cos(angle) * x - np.sin(angle) * z
    up = np.cos(ELEVATION) * y - np.sin(ELEVATION) * near
    return np.stack([right, up], -1), np.cos(ELEVATION) * near + np.sin(ELEVATION) * y


# --- the page -------------------------------------------------------------------------------------


class _Page(drawing.Page):
    """Where this picture's panels lie, in inches from the top left corner.

    One gait: the stage at the left, all panels at its right, the whole walk beneath. Two gaits: two
    stages, beneath each its probabilities and times, and beneath them the curves of both.
    """

    def __init__(self, states: list[GaitState], times: bool, curves: int, bold: str):
        classes = max(len(state.class_names) for state in states)
        bars, rows = BAR * classes, 3 * TIME_ROW * times
        self.two = len(states) == 2
        if self.two:
            self.stages = [(0.1, 4.35, 3.6), (4.55, 4.35, 3.6)]  # left, width, height
            self.legend_top = top = STAGE_TOP + 3.6 + GAP
            top += LEGEND + TITLE
            lefts = (0.95, 5.35)
            self.bars = [(left, top, 1.1, bars) for left in lefts]
            self.times = [(left + 1.95, top, 1.5, rows) for left in lefts]
            top += max(bars, rows + 0.4 * times) + TITLE + GAP
            self.curves_top = top
            width = (INNER - 0.5 * (curves - 1)) / curves
            self.curves = [
                (MARGIN_LEFT + i * (width + 0.5), top, width, 1.0) for i in range(curves)
            ]
            height = top + 1.0 + 0.72
        else:
            self.stages = [(0.1, 5.15, 4.3)]
            self.legend_top = STAGE_TOP + 4.3 + GAP
            left, width, top = 5.95, 2.85, STAGE_TOP
            self.bars = [(left, top, width, bars)]
            top += bars + TITLE + GAP
            last = self.legend_top + LEGEND - 0.45
            self.times = [(left, last - rows, width, rows)]
            last -= (rows + TITLE + GAP) * times
            self.curves_top = top
            each = min((last - top) / curves, 1.5)
            self.curves = [(left, top + i * each, width, each - 0.36) for i in range(curves)]
            self.strip = (MARGIN_LEFT - 0.5, self.legend_top + LEGEND + TITLE, INNER + 0.5, 1.2)
            height = sum(self.strip[1::2]) + 0.46
        super().__init__(height, bold)


class Scene:
    """A picture whose moving parts follow the frame and the camera.

    `.figure` always is the whole picture. `quick_png` draws the moving parts alone, over the rest
    as it was: they are above all else in their panels, so that both give the same pixels.
    """

    def __init__(self, states: list[GaitState], choice: Choice, features: list[int], lang: str):
        self.states, self.choice, self.lang, self.text = states, choice, lang, TEXT[lang]
        self.longest = max(state.frames for state in states)
        self._background = None
        self._cursors: list[Line2D] = []
        self._dots: list[tuple[Line2D, np.ndarray]] = []  # with the curve that it runs on
        self._timed = any(state.known(choice.stream, "times") for state in states)
        titles = [state.title for state in states]
        names = [name for state in states for name in state.class_names]
        with drawing.house_style(lang, titles + names) as bold:
            page = self._page = _Page(states, self._timed, len(features), bold)
            self.figure = page.figure
            for state, (left, width, _) in zip(states, page.stages, strict=True):
                words = drawing.answer_words(state, state.probabilities, lang)
                left, room = left + 0.15, width - 0.2 if page.two else WIDTH - 0.4
                page.fitted(room, left, 0.13, state.title, 13, fontweight=page.bold)
                page.fitted(room, left, 0.43, words, 10.5)
            self._draw_stages()
            for place, state in zip(page.bars, states, strict=True):
                self._draw_bars(state, place)
            if self._timed:
                self._draw_times()
            self._draw_curves(features)
            if not page.two:
                self._draw_strip(states[0])
            self.show(0, AZIMUTH)
            page.finish()

    def show(self, frame: int, azimuth: float) -> None:
        """Move all moving parts to a frame, seen from an azimuth."""
        for stage in self.stages:
            stage.show(frame, azimuth)
        for cursor in self._cursors:
            cursor.set_xdata([frame, frame])
        for dot, curve in self._dots:
            there = frame < len(curve)
            dot.set_data(([frame], [curve[frame]]) if there else ([], []))

    def quick_png(self, frame: int, azimuth: float) -> bytes:
        """The picture as PNG bytes, in a tenth of the time that a whole new scene takes."""
        canvas = self.figure.canvas
        # The artists that `show` changes, those below first.
        moving = [artist for stage in self.stages for artist in stage.moving]
        moving += [*self._cursors, *(dot for dot, _ in self._dots)]
        if self._background is None:
            for artist in moving:
                artist.set_visible(False)
            canvas.draw()
            self._background = canvas.copy_from_bbox(self.figure.bbox)
            for artist in moving:
                artist.set_visible(True)
        self.show(frame, azimuth)
        canvas.restore_region(self._background)
        for artist in moving:
            artist.axes.draw_artist(artist)
        buffer = io.BytesIO()
        # Speed before size: these bytes are shown for the length of one frame.
        pixels = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
        Image.fromarray(pixels).save(buffer, "png", compress_level=1)
        return buffer.getvalue()

    def _draw_stages(self) -> None:
        page, choice = self._page, self.choice
        matrices = [choice.matrix(state) for state in self.states]
        importance, sources = zip(*(choice.importance(s) for s in self.states), strict=True)
        between = np.concatenate([matrix[~np.eye(V, dtype=bool)] for matrix in matrices])
        signed = choice.graph == "learned"
        known = [row for row in importance if row is not None]
        joints = _norm(np.concatenate(known)) if known else None
        look = _Look(_norm(between, symmetric=signed), SIGNED if signed else WEIGHTS, joints)
        # How high the joints come, in metres, of the gait that comes farthest from the middle.
        gaits = [_steady(state) for state in self.states]
        reach = max(gaits, key=lambda at: np.hypot(at[..., 0], at[..., 2]).max())[..., 1].max()
        title = choice.words(self.text)
        title = title[0].upper() + title[1:]
        page.fitted(5.0, 0.25, STAGE_TOP - 0.26, title, 10.5, fontweight=page.bold)
        self.stages = []
        for state, matrix, row, (left, width, height) in zip(
            self.states, matrices, importance, page.stages, strict=True
        ):
            axes = page.axes(left, STAGE_TOP, width, height)
            self.stages.append(_Stage(axes, state, matrix, row, look, reach, self.text))
        self._draw_legend(look, next(filter(None, sources), "unknown_joints"))

    def _draw_legend(self, look: _Look, source: str) -> None:
        """What the colours on the stage mean, beneath it."""
        page, top, text = self._page, self._page.legend_top, self.text
        low, high = look.weights.vmin, look.weights.vmax
        axes = page.axes(0.3, top, 2.0, 0.12)
        colours = np.linspace(low, high, 256)[None]
        axes.imshow(colours, cmap=look.colours, aspect="auto", extent=(low, high, 0, 1))
        ticks, names = [low, high], [f"{low:.2g}", f"{high:.2g}"]
        # What nothing learned would give, where its label has room between the others.
        even = self.choice.graph == "attention"
        middle = 1 / V if even else 0
        if 0.3 < (middle - low) / (high - low) < 0.7:
            ticks.insert(1, middle)
            names.insert(1, text["even"] if even else "0")
        axes.set_xticks(ticks, names, fontsize=8)
        axes.set_yticks([])
        axes.tick_params(length=2, pad=1.5)
        labels = axes.get_xticklabels()
        labels[0].set_ha("left")
        labels[-1].set_ha("right")
        page.write(2.42, top - 0.03, text["edge_weight"], fontsize=8.5)
        left = 0.3
        if look.joints is not None:
            axes = page.axes(left, top + 0.36, 1.3, 0.26)
            ends = [look.joints.vmin, look.joints.vmax]
            axes.scatter([0.06, 0.94], [0.5, 0.5], clip_on=False, **look.circles(ends))
            axes.set(xlim=(0, 1), ylim=(0, 1))
            axes.set_axis_off()
            between = f"{ends[0]:.2g}  –  {ends[1]:.2g}"
            axes.text(0.5, 0.5, between, ha="center", va="center_baseline", fontsize=8)
            left += 1.42
        page.write(left, top + 0.42, text[source].format(self.choice.fusion + 1), fontsize=8.5)
        arcs = any(stage.pairs for stage in self.stages)
        words = text["arcs"].format(PAIRS) if arcs else text["arcs_none"]
        page.write(0.3, top + 0.68, words, fontsize=8.5, color=QUIET)

    def _draw_bars(self, state: GaitState, place: tuple) -> None:
        page, values, (left, top, width, height) = self._page, state.probabilities, place
        page.title(left - 0.75, top, self.text["classes"])
        axes = page.axes(left, top, width, height)
        best, rows = int(values.argmax()), np.arange(len(values))
        axes.barh(rows, values, 0.7, color=[BLUE if row == best else GREY for row in rows])
        for row, value in enumerate(values):
            axes.text(value + 0.02, row, f"{value:.0%}", va="center_baseline", fontsize=8.5)
        names = state.class_names
        if self.lang == "zh":  # with the English name behind, they would be too long here
            names = [drawing.EMOTIONS_ZH.get(name.lower(), name) for name in names]
        axes.set_yticks(rows, names, fontsize=8.5)
        if state.label is not None:
            axes.get_yticklabels()[state.class_names.index(state.label)].set(**page.marked)
        # Room for the number at the end of the longest bar.
        axes.set(xlim=(0, 1 + 0.42 / width), ylim=(len(rows) - 0.5, -0.5), xticks=[])
        axes.tick_params(length=0)
        axes.spines["bottom"].set_visible(False)

    def _draw_times(self) -> None:
        page, text = self._page, self.text
        known = [state.known(self.choice.stream, "times") for state in self.states]
        norm = _norm(np.concatenate([row for times in known if times for row in times]))
        note = text["times_note"].format(norm.vmin, norm.vmax)
        for state, times, place in zip(self.states, known, page.times, strict=True):
            if not times:
                continue
            left, top, width, height = place
            page.title(left - (0.6 if page.two else 0.75), top, text["times"])
            axes, T = page.axes(left, top, width, height), len(state.pose)
            for row, values in enumerate(times):
                spread = np.repeat(values, 2**row)[:T]  # a later fusion sees 2 or 4 frames in one
                extent = (-0.5, T - 0.5, row + 1, row + 0.06)
                look = dict(cmap=IMPORTANCE, norm=norm, aspect="auto", extent=extent)
                axes.imshow(spread[None], **look)
            axes.set(ylim=(3, 0))
            axes.set_yticks([0.5, 1.5, 2.5], [text["row"].format(n) for n in (1, 2, 3)])
            self._share_frames(axes, text["frames"])
            if page.two:
                axes.set_xlabel(note, fontsize=8, color=QUIET, labelpad=1)
            else:
                page.note(top, note)

    def _draw_curves(self, features: list[int]) -> None:
        page, text = self._page, self.text
        left = page.curves[0][0] - (0.5 if page.two else 0.75)
        page.title(left, page.curves_top, text["features"])
        names, guess = [text["from_poses"]], VERMILLION
        if page.two:
            titles, guess = [state.title for state in self.states], QUIET
            names = [t if len(t) <= 28 else t[:27].rstrip() + "…" for t in titles]
        lines = [
            Line2D([], [], color=colour, lw=1.6, label=name)
            for colour, name in zip(COLOURS, names, strict=False)
        ]
        if any(state.affective_predicted is not None for state in self.states):
            lines.append(Line2D([], [], color=guess, ls=":", lw=1.6, label=text["predicted_curve"]))
        at = 1 - drawing.MARGIN_RIGHT / WIDTH, 1 - (page.curves_top - 0.18) / page.height
        look = dict(columnspacing=0.9, handlelength=1.4, handletextpad=0.4, borderpad=0)
        look |= dict(ncols=len(lines), fontsize=8.5)
        legend = drawing.draw_legend(self.figure, lines, "center right", at, **look)
        for words in legend.get_texts():
            words.set_parse_math(False)  # a title may hold a $
        for place, number in enumerate(features):
            left, top, width, height = page.curves[place]
            page.fitted(width + 0.4, left - 0.35, top + 0.07, feature_name(number, self.lang), 8.5)
            axes = page.axes(left, top + 0.26, width, height)
            for colour, state in zip(COLOURS, self.states, strict=False):
                curve, guessed = state.affective[: state.frames, number], state.affective_predicted
                axes.plot(curve, color=colour, lw=1.6, zorder=3)
                if guessed is not None:
                    look = dict(color=colour if page.two else VERMILLION, lw=1.6, ls=":", zorder=4)
                    axes.plot(guessed[: state.frames, number], **look)
                (dot,) = axes.plot([], [], "o", ms=6, color=colour, mec="white", zorder=9)
                self._dots.append((dot, curve))
            axes.margins(y=0.12)
            axes.set_ylim(axes.get_ylim())
            axes.set_yticks(_ticks(*axes.get_ylim(), 3))
            last = page.two or (place == len(features) - 1 and not self._timed)
            self._share_frames(axes, text["frames"] if last else "")

    def _share_frames(self, axes, label: str) -> None:
        """The axis of frames, the same in all panels, and the line at the frame now shown."""
        axes.set_xlim(-0.5, self.longest - 0.5)
        axes.tick_params(labelsize=8, length=2, labelbottom=bool(label))
        axes.set_xticks(_ticks(0, self.longest - 1, 6, integer=True, steps=[1, 2, 5, 10]))
        if label:
            axes.set_xlabel(label, loc="left", fontsize=8.5)
        self._cursors.append(axes.axvline(0, color=INK, lw=1.2, zorder=8))

    def _draw_strip(self, state: GaitState) -> None:
        """The whole walk in a few poses, each at its frame, seen from the walker's right."""
        left, top, width, height = self._page.strip
        self._page.title(left, top, self.text["strip"], self.text["sides"])
        axes = self._page.axes(left, top, width, height)
        self._share_frames(axes, self.text["frames"])
        low, high = axes.get_xlim()
        joints, _ = project(_steady(state), -90)
        tall = 1.05 * joints[..., 1].max()
        axes.set(ylim=(-0.05 * tall, tall))
        # From metres to frames, so that a metre is as wide as it is high.
        stretch = height / (1.05 * tall) / width * (high - low)
        half = stretch * np.abs(joints[..., 0]).max()
        middles = np.linspace(half - 0.5, state.frames - 0.5 - half, STRIP)
        for frame in np.unique(np.clip(middles.round(), 0, state.frames - 1).astype(int)):
            places = joints[frame] * [stretch, 1] + [frame, 0]
            looks = dict(colors=_side_colours(SIDES_DARK), lw=2.2, clip_on=False)
            axes.add_collection(LineCollection(_bones(places), **looks))
            axes.plot(*places[3], "o", ms=6, color=INK)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)


# --- the stage ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    """How weights of edges and importance of joints are shown, the same for all stages."""

    weights: Normalize
    colours: LinearSegmentedColormap
    joints: Normalize | None

    def line(self, weights) -> tuple[np.ndarray, np.ndarray]:
        """Colours and widths of edges."""
        shares = np.asarray(self.weights(np.asarray(weights, float)))
        strong = np.abs(2 * shares - 1) if self.colours is SIGNED else shares
        return self.colours(shares), 1.5 + 2.5 * strong

    def circles(self, importance) -> dict:
        """Areas of joints, in points squared, and their colours."""
        shares = np.asarray(self.joints(np.asarray(importance, float)))
        return dict(s=28 + 130 * shares, c=IMPORTANCE(shares), ec=INK, lw=0.8)


class _Stage:
    """One walker: `show` moves it; `.moving` lists what moves, those below first."""

    def __init__(self, axes, state, matrix, importance, look: _Look, reach: float, text: dict):
        self.state, self.text, self._joints = state, text, _steady(state)
        self._way = state.pose[: state.frames, 0, 2]  # [T] of the root, metres
        self.pairs = strongest_pairs(matrix)
        self._bone_looks = look.line([stronger(matrix, *edge)[2] for edge in EDGES])
        colours, widths = look.line([weight for *_, weight in self.pairs])
        box = axes.get_window_extent()
        tall = reach + 0.47  # room for the floor beneath and for words
        wide = tall * box.width / box.height
        axes.set(xlim=(-wide / 2, wide / 2), ylim=(-0.42, tall - 0.42))
        axes.set_axis_off()

        def lines(zorder: int, **looks) -> LineCollection:
            return axes.add_collection(LineCollection([], zorder=zorder, **looks))

        feet = _side_colours(SIDES_DARK)[[11, 14]]  # of the bones that end in the feet
        self._floor = lines(1, colors=FLOOR, linewidths=1.2, capstyle="round")
        self._traces = lines(2, colors=feet, linewidths=1.2, alpha=0.6)
        self._body = lines(3, linewidths=9, capstyle="round")
        self._bones = lines(4, capstyle="round")
        self._arcs = lines(5, colors=colours, linewidths=widths)
        heads = dict(facecolors=colours, edgecolors="white", linewidths=0.5, zorder=6)
        self._heads = axes.add_collection(PolyCollection([], **heads))
        circles = dict(s=36, c=GREY, ec=INK, lw=0.8)
        if importance is not None:
            circles = look.circles(importance)
        self._circles = axes.scatter(*np.zeros((2, V)), zorder=7, **circles)
        words = dict(transform=axes.transAxes, fontsize=9, color=QUIET, zorder=8)
        self._words = axes.text(0.03, 0.01, "", **words)
        walker = [self._body, self._bones, self._arcs, self._heads, self._circles]
        self.moving = [self._floor, self._traces, *walker, self._words]

    def show(self, frame: int, azimuth: float) -> None:
        """Put the walker, the floor and the words where they are at a frame."""
        state, last = self.state, self.state.frames - 1
        self._show_floor(self._way[min(frame, last)], azimuth)
        feet = self._joints[:, [12, 15]].transpose(1, 0, 2)
        self._traces.set_segments(list(project(feet, azimuth)[0]))
        if frame <= last:
            words = self.text["frame"].format(frame, state.frames, frame / state.fps)
            self._show_walker(self._joints[frame], azimuth)
        else:
            words = self.text["ended"].format(last)
            for lines in (self._body, self._bones, self._arcs):
                lines.set_segments([])
            self._heads.set_verts([])
            self._circles.set_offsets(np.empty((0, 2)))
        self._words.set_text(words)

    def _show_floor(self, way: float, azimuth: float) -> None:
        """Two lines along the way; lines across it lie still on the ground, and so pass by."""
        across = np.arange(-FLOOR_LONG, FLOOR_LONG, FLOOR_STEP) + (-FLOOR_LONG - way) % FLOOR_STEP
        across = across[across <= FLOOR_LONG]
        ends = [[[-FLOOR_WIDE, 0, z], [FLOOR_WIDE, 0, z]] for z in across]
        ends += [[[x, 0, -FLOOR_LONG], [x, 0, FLOOR_LONG]] for x in (-FLOOR_WIDE, FLOOR_WIDE)]
        self._floor.set_segments(list(project(np.array(ends), azimuth)[0]))

    def _show_walker(self, joints: np.ndarray, azimuth: float) -> None:
        places, near = project(joints, azimuth)
        order = np.argsort(near[PARENTS] + near[CHILDREN])  # the nearer bones over the others
        colours, widths = self._bone_looks
        for lines in (self._body, self._bones):
            lines.set_segments(_bones(places)[order])
        self._body.set_color(_side_colours(SIDES)[order])
        self._bones.set(color=colours[order], linewidth=widths[order])
        # Bows from one joint to the other [13, 2], and an arrow's head [3, 2] at each one's end,
        # before the joint there, 7 cm long.
        along, arcs, heads = np.linspace(0, 1, 13)[:, None], [], []
        for start, end in (places[[a, b]] for a, b, _ in self.pairs):
            aside = np.array([start[1] - end[1], end[0] - start[0]])
            arcs.append(start + along * (end - start) + along * (1 - along) * 0.6 * aside)
            way = arcs[-1][-1] - arcs[-1][-3]
            way = way / max(float(np.hypot(*way)), 1e-9) * 0.07
            tip, aside = arcs[-1][-1] - 0.4 * way, np.array([-way[1], way[0]]) * 0.4
            heads.append(np.array([tip, tip - way + aside, tip - way - aside]))
        self._arcs.set_segments(arcs)
        self._heads.set_verts(heads)
        self._circles.set_offsets(places)


def _bones(places: np.ndarray) -> np.ndarray:
    """Each bone's two ends [15, 2, 2] of joints [V, 2]."""
    return np.stack([places[PARENTS], places[CHILDREN]], axis=1)


def _steady(state: GaitState) -> np.ndarray:
    """Joints [frames, V, 3] with the root above the origin and the lowest joint on the ground."""
    joints = state.pose[: state.frames].copy()
    joints[..., [0, 2]] -= joints[:, :1, [0, 2]]
    joints[..., 1] -= joints[..., 1].min()
    return joints


def _side_colours(sides: dict[str, str]) -> np.ndarray:
    """A colour for each bone [15, 4]: `sides` of its child's side, MIDDLE for the trunk."""
    names = [JOINTS[child].split(" ")[0] for child in CHILDREN]
    return to_rgba_array([sides.get(name, MIDDLE) for name in names])


def _norm(values: np.ndarray, symmetric: bool = False) -> Normalize:
    """From the lowest to the highest value; symmetric: as far below 0 as above it."""
    low, high = float(values.min()), float(values.max())
    if symmetric:
        low, high = -max(-low, high), max(-low, high)
    return Normalize(low, high if high > low else low + 1)


def _ticks(low: float, high: float, count: int, **options) -> list[float]:
    """Round numbers from low to high."""
    ticks = MaxNLocator(count, **options).tick_values(low, high)
    return [tick for tick in ticks if low <= tick <= high]
