"""Gaits as one picture: a walking skeleton, the graph a network laid over it, and its features.

BPM-GCN multiplies, in each of its ten units, the joints with a graph of three parts: the skeleton A
(fixed), PA (learned, the same for all gaits) and an attention (computed for each gait anew). The
stage shows one of them upon the walker, its edges coloured by their weight and the joints larger
the more attention they get. Beside it stand the class probabilities, curves of the affective
features and the attention to times.

`render(states)` draws one gait or two side by side at one frame. `gait_widget(states)` lets them
walk: while they do, only what moves is drawn anew over a background that is kept. What a gait is
stands in `gait_state`, how the page is drawn in `gait_drawing`.

Letters: T frames, V = 16 joints. Poses are as in `jacklib.data.poses`: y up, metres, walking
along +z, left at +x. The walker stays in the middle and the floor moves, as on a treadmill.
"""

import functools
from collections.abc import Sequence

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from jacklib.data.gait_features import FEATURES
from jacklib.errors import refuse_as
from jacklib.widgets import drawing, gait_state
from jacklib.widgets.gait_drawing import AZIMUTH, TEXT, Scene, feature_name, joint_name
from jacklib.widgets.gait_drawing import project as project  # notebook 07 takes it from here
from jacklib.widgets.gait_state import PARTS, UNITS, Choice, GaitState, strongest_pairs
from jacklib.widgets.words import told

# The length of a step, the right elbow's angle and the head's to the upright.
DEFAULT_FEATURES = 22, 5, 13
MILLISECONDS = 80  # a frame while it plays, slower than life
NOTHING = -1  # a menu's "none"; a menu whose value is None stands empty in the browser


def render(
    states: Sequence[GaitState], choice: Choice | None = None, *, frame: int = 0,
    azimuth: float = AZIMUTH, features: Sequence[int] = DEFAULT_FEATURES, lang: str = "en",
) -> Figure:  # fmt: skip
    """Draw one gait, or two side by side: 9 inches wide, 900 pixels at the figure's resolution.

    choice: the graph; default: `Choice.first`. frame: from 0; a gait that is over by then has an
    empty stage. azimuth: see `gait_drawing.project`. features: up to three numbers of
    `gait_features.FEATURES`.
    """
    lang = drawing.drawable(lang)
    refuse_as("number of gaits", not 1 <= len(states) <= 2, "states", n=len(states))
    scene = Scene(states, choice or Choice.first(states), features, lang)
    scene.show(frame, azimuth)
    return scene.figure


png = drawing.png_of(render)


def describe(states: Sequence[GaitState], choice: Choice | None = None, *, lang: str = "en") -> str:
    """What the picture says, in a few sentences, for those who cannot see it.

    Of each gait: prediction and label, the three strongest pairs that are no bone, the three most
    important joints.
    """
    drawing.check_language(lang)
    text, choice, said = TEXT[lang], choice or Choice.first(states), []
    for state in states:
        importance, source = choice.importance(state)
        best = [] if importance is None else np.argsort(-importance, kind="stable")[:3].tolist()
        said.append(told(
            text, state=state, verdict=drawing.verdict(state, state.probabilities, lang),
            shown=choice.words(text), pairs=strongest_pairs(choice.matrix(state), 3), best=best,
            importance=importance, source=source, fusion=choice.fusion + 1,
            name=lambda joint: joint_name(joint, lang),
        ))  # fmt: skip
    return text["space"].join(said)


class GaitExplorer(drawing.Shell):
    """Walkers to look at: choose one or two of the gaits, play them, and choose what is shown.

    A `drawing.Shell` with the menus `.left` and `.right`, `.graph`, `.stream`, `.part` and
    `.curves` (three; `.right` and the last two may be NOTHING), the sliders `.frame`, `.unit` and
    `.azimuth`, and `.play`.
    """

    def __init__(self, states: Sequence[GaitState], lang: str = "en"):
        self.states = list(states)
        super().__init__([state.title for state in self.states], lang)
        self._settling = False  # menus are being brought in line with each other
        self._make_parts()
        self.on_change(self._choose_gaits, self.left, self.right, self.stream)
        self.on_change(self._show, self.graph, self.part, self.unit, *self.curves)
        self.on_change(self._move, self.frame, self.azimuth)
        self._choose_gaits()

    def _make_parts(self) -> None:
        text, narrow = TEXT[self.lang], drawing.WIDE | {"width": "290px"}
        menu = functools.partial(drawing.menu, layout=narrow)

        def slider(name: str, value: int, low: int, high: int, **look):
            look = dict(continuous_update=True, layout=narrow) | look
            return drawing.slider(ipywidgets.IntSlider, text, name, value, low, high, **look)

        self.frame = slider("frame_slider", 0, 0, 1, layout=drawing.WIDE)
        self.play = ipywidgets.Play(value=0, min=0, max=1, interval=MILLISECONDS, repeat=True)
        # In the browser itself: the kernel gets one change per frame, not two.
        self._link = ipywidgets.jslink((self.play, "value"), (self.frame, "value"))
        self.unit = slider("unit_slider", UNITS, 1, UNITS, continuous_update=False)
        self.azimuth = slider("turn_slider", int(AZIMUTH), -180, 180, step=5)
        # The options of these two follow the gaits.
        self.graph = menu(text["graph_menu"], [], None)
        self.stream = menu(text["stream_menu"], [], None)
        self.part = menu(text["part_menu"], [(text[p], p) for p in PARTS], "all")
        names = [(feature_name(number, self.lang), number) for number in range(len(FEATURES))]
        none = [(text["none"], NOTHING)]
        self.curves = [
            menu(text["curve_menu"].format(place + 1), none + names if place else names, number)
            for place, number in enumerate(DEFAULT_FEATURES)
        ]
        self.left = self.clip
        self.left.description, self.left.tooltip = text["left_menu"], ""
        self.left.layout.width = narrow["width"]
        self.right = menu(text["right_menu"], [*none, *self.left.options], NOTHING)
        rows = (
            (self.left, self.right), (self.play, self.frame), (self.graph, self.stream, self.part),
            (self.unit, self.azimuth), self.curves,
        )  # fmt: skip
        boxes = [ipywidgets.HBox(row, layout=drawing.FULL | drawing.WRAPPED) for row in rows]
        self.widget.children = [*boxes, self.image, self.note]

    @property
    def shown(self) -> list[GaitState]:
        numbers = (self.left.value, self.right.value)
        return [self.states[number] for number in numbers if number not in (NOTHING, None)]

    def _choose_gaits(self) -> None:
        """Bring the menus in line with what the chosen gaits have."""
        if self._settling:
            return
        self._settling = True
        text, shown = TEXT[self.lang], self.shown
        _offer(self.stream, [(text[s], s) for s in gait_state.streams_of(shown)])
        _offer(self.graph, [(text[g], g) for g in gait_state.graphs_of(shown, self.stream.value)])
        self.frame.max = self.play.max = max(state.frames for state in shown) - 1
        self._settling = False
        self._show()

    def _show(self) -> None:
        """A new scene: anything but the frame and the turn has changed."""
        if self._settling:
            return
        choice = Choice(*(menu.value for menu in (self.graph, self.stream, self.part, self.unit)))
        chosen = [menu.value for menu in self.curves if menu.value not in (NOTHING, None)]
        numbers = list(dict.fromkeys(chosen))  # one curve chosen twice is one curve
        lang = drawing.drawable(self.lang)
        self._scene = Scene(self.shown, choice, numbers, lang)
        self._scene.show(self.frame.value, self.azimuth.value)
        self.image.value = drawing.png_bytes(self._scene.figure)
        self.description = describe(self.shown, choice, lang=self.lang)
        self.say(self.description)

    def _move(self) -> None:
        if not self._settling:
            self.image.value = self._scene.quick_png(self.frame.value, self.azimuth.value)


gait_widget = GaitExplorer


def _offer(menu: ipywidgets.Dropdown, options: list[tuple[str, str]]) -> None:
    """Change a menu's options; its choice stays where it still is one."""
    values = [value for _, value in options]
    value = menu.value if menu.value in values else values[0]
    menu.options = options
    menu.value = value
