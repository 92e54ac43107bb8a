"""Label it yourself: a film plays, a key marks the moment and its sentiment.

`label_widget(films, folder)` is for JupyterLab: the browser plays the film and says at which second
a key was pressed; `label_state` writes it down. `render(agreement, seconds)` draws what several
annotators marked, a lane each.
"""

import base64
from collections.abc import Sequence
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jacklib import files
from jacklib.core.agreement import PointAgreement, agreement_of_points
from jacklib.data import tsl300
from jacklib.data.tsl_features import frames_between, video_facts
from jacklib.errors import refuse_as
from jacklib.widgets import drawing, label_state
from jacklib.widgets.drawing import INK, INNER, MARGIN_LEFT
from jacklib.widgets.timeline_state import LOOKS
from jacklib.widgets.words import texts

TEXT = texts("label")
PLAYED = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".mov": "video/mp4"}
LARGEST = 100 * 2**20  # bytes of a film: it goes to the browser as a whole
LANE, SHOWN = 0.5, 8  # height of a lane in inches; frames above the lanes


def render(
    found: PointAgreement, seconds: float, *, title: str = "", lang: str = "en",
    truth: Sequence[tuple[str, float, float]] = (), frames: np.ndarray | None = None,
) -> Figure:  # fmt: skip
    """Draw the points of several annotators of one film: a lane each, lines between points that
    match, hollow where a point has no partner. 9 inches wide.

    truth: (label, start, end) to shade, where it is known; frames: uint8 [F, H, W, 3], each from
    the middle of one of F equal parts of the film."""
    lang = drawing.drawable(lang)
    text, names, lanes = TEXT[lang], list(found.points), max(1, len(found.points))
    with drawing.house_style(lang, [title, *names]) as bold:
        top, height = 0.85, LANE * lanes
        if frames is not None:
            strip, share = drawing.strip_size(len(frames), frames.shape[1:3])
            top += strip + 0.1
        page = drawing.Page(top + height + 0.8, bold)
        page.fitted(INNER, MARGIN_LEFT, 0.12, title or text["title"], 13, fontweight=bold)
        page.fitted(INNER, MARGIN_LEFT, 0.45, agreement_words(found, lang), 10)
        if frames is not None:
            drawing.draw_frames(page.axes(MARGIN_LEFT, 0.75, INNER, strip), frames, share)
        axes = page.axes(MARGIN_LEFT, top, INNER, height)
        axes.set(xlim=(0, seconds), ylim=(lanes - 0.5, -0.5), yticks=range(len(names)))
        axes.set_yticklabels(names, fontsize=9, parse_math=False)
        axes.set_xlabel(text["time"], loc="left")
        for label, start, end in truth:
            axes.axvspan(start, end, color=_look(label)[0], alpha=0.16, lw=0)
        _draw_points(axes, found, names)
        handles = [
            Line2D([], [], ls="", marker=marker, color=colour, label=text["class_names"][label])
            for label, (colour, marker) in ((c, _look(c)) for c in tsl300.CLASSES)
        ]
        look = dict(ls="", marker="o", color=INK, mfc="white", label=text["alone"])
        handles.append(Line2D([], [], **look))
        drawing.draw_legend(axes, handles, "upper right", (1, -0.3 / height), ncols=3)
        return page.finish()


png = drawing.png_of(render)


def _look(label: str) -> tuple[str, str]:
    return LOOKS[tsl300.CLASSES.index(label)][0], "v^"[tsl300.CLASSES.index(label)]


def _draw_points(axes, found: PointAgreement, names: list[str]) -> None:
    partners = set()
    for first, second, _ in found.matches:
        partners |= {first, second}
        ends = [(found.points[name][i][1], names.index(name)) for name, i in (first, second)]
        axes.plot(*zip(*ends, strict=True), color=INK, lw=0.8, alpha=0.5, zorder=2)
    for lane, name in enumerate(names):
        axes.axhline(lane, color="#BBBBBB", lw=0.6, zorder=1)
        for i, (label, t) in enumerate(found.points[name]):
            colour, marker = _look(label)
            face = colour if (name, i) in partners else "white"
            axes.plot([t], [lane], marker, ms=8, color=colour, mfc=face, zorder=3, clip_on=False)


def agreement_words(found: PointAgreement, lang: str = "en") -> str:
    """How far annotators agree, in one sentence: the title of the picture."""
    text, count = TEXT[lang], sum(map(len, found.points.values()))
    if len(found.points) < 2 or not count:
        return text["few"].format(n=count)
    partnered = {end for match in found.matches for end in match[:2]}
    return text["agree"].format(
        people=len(found.points), n=count, partnered=len(partnered), tolerance=found.tolerance,
        share=found.matched,
    ) + (text["apart"].format(found.distance) if found.matches else text["stop"])  # fmt: skip


class Labeller(anywidget.AnyWidget):
    """The film with its keys: see label.js for what the browser does.

    The browser asks for the film (it is not part of the widget's state, which a notebook may save),
    and sends marks; `.marks` are the annotator's own of this film, always as the file has them.
    Nobody sees another's marks while marking. A page without a kernel shows `picture()`."""

    _esm = Path(__file__).with_name("label.js")
    words = traitlets.Dict().tag(sync=True)
    titles = traitlets.List().tag(sync=True)
    film = traitlets.Int(0).tag(sync=True)
    annotator = traitlets.Unicode().tag(sync=True)
    marks = traitlets.List().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, films: Sequence[str | Path], folder: str | Path, lang: str = "en", annotator: str = ""
    ):
        drawing.check_language(lang)
        self.films, self.folder, self.lang = [*map(Path, films)], Path(folder), lang
        refuse_as("nothing to show", not films, type(self).__name__)
        names = [film.stem for film in self.films]
        twice = sorted({name for name in names if names.count(name) > 1})
        refuse_as("films of one name", twice, "films", names=twice)
        super().__init__(words=TEXT[lang] | {"classes": tsl300.CLASSES}, titles=names)
        self.observe(lambda _: self._do(lambda: self.marks), ["film", "annotator"])
        self.on_msg(lambda _, message, __: self.answer(message))
        self.annotator = annotator

    def answer(self, message: dict) -> None:
        """What the browser asks: {"kind": "film"}, {"kind": "mark", "label", "seconds"}, or
        {"kind": "undo", "number"}, with "film" and "annotator" if these are others now. What goes
        wrong is told in `.error`."""
        for name in {"film", "annotator"} & message.keys():
            setattr(self, name, message[name])
        kind, place = message.get("kind"), (self.folder, self.films[self.film], self.annotator)
        if kind == "film":
            self._do(self._send_film)
        elif kind == "mark":
            self._do(lambda: label_state.add_mark(*place, message["label"], message["seconds"]))
        elif kind == "undo":
            self._do(lambda: label_state.undo_mark(*place, message.get("number", -1)))

    def _do(self, what) -> None:
        self.error = ""
        try:
            what()
            place = self.folder, self.films[self.film], self.annotator
            self.marks = label_state.marks_of(*place) if self.annotator else []
        except Exception as error:  # whatever it was, the reader wants to go on
            self.error = drawing.one_line(error)

    def _send_film(self) -> None:
        film = self.films[self.film]
        kind = PLAYED.get(film.suffix.lower())
        refuse_as("film for a browser", kind is None, film, kinds=", ".join(PLAYED))
        files.check_file(film, "a film", "Cut it or make it smaller.", LARGEST)
        content = {"kind": "film", "number": self.film, "type": kind}
        self.send(content, [film.read_bytes()])

    def agreement(self, tolerance: float = 3.0) -> PointAgreement:
        """How far all annotators agree on this film."""
        name, marked = self.films[self.film].stem, {}
        if any((self.folder / "point_gaussian" / "train").glob("*.txt")):
            marked = tsl300.read_annotators(self.folder).get(name, {})
        return agreement_of_points({who: of for who, of in marked.items() if of}, tolerance)

    def picture(self, tolerance: float = 3.0) -> Figure:
        """`render` of everybody's marks of this film, with frames of it."""
        film = self.films[self.film]
        facts = video_facts(film)
        frames = frames_between(film, facts.fps, 0, facts.seconds, SHOWN)
        return render(self.agreement(tolerance), facts.seconds, title=film.stem, lang=self.lang,
                      frames=frames)  # fmt: skip

    def _repr_mimebundle_(self, **options) -> dict:
        found, picture = super()._repr_mimebundle_(**options), drawing.png_bytes(self.picture())
        live = (found[0] if isinstance(found, tuple) else found) or {}
        words = agreement_words(self.agreement(), self.lang)
        still = {"image/png": base64.b64encode(picture).decode("ascii"), "text/plain": words}
        return live | still


label_widget = Labeller
