"""Where do events lie on Plutchik's wheel, and on the plane of valence and arousal?

`maps` draws both (an SVG with the words of the reader's language), `Placer` is a widget to place
events with, and `kept` reads what a class has placed: one JSON file a person, in one folder.

Sources: the wheel's order, Plutchik (1980); the eight words around the plane and their angles,
Russell (1980), abstract.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import ipywidgets
import numpy as np

from jacklib.errors import refuse
from jacklib.files import file_name, filled, read_table, write_json
from jacklib.widgets import drawing
from jacklib.widgets.words import texts

TEXT = texts("affect")
# Around the wheel; opposites are four steps apart.
WHEEL = ("Joy", "Trust", "Fear", "Surprise", "Sadness", "Disgust", "Anger", "Anticipation")


class Place(NamedTuple):
    """Where somebody puts an event."""

    petal: str  # of WHEEL
    valence: float  # -1 unpleasant to 1 pleasant
    arousal: float  # -1 calm to 1 excited


def maps(mine: Mapping[str, Place], others: Sequence[Mapping[str, Place]] = (), lang="en") -> str:
    """The wheel and the plane as SVG, 900 by 440, with events by their letters; in grey, where
    others have put the same events."""
    petals = [
        {"name": drawing.class_label(name, lang), "angle": 90 - 45 * n,
         "events": "  ".join(e for e, place in sorted(mine.items()) if place.petal == name)}
        for n, name in enumerate(WHEEL)
    ]  # fmt: skip
    grey = [(e, place) for one in others for e, place in one.items() if e in mine]
    return filled(
        Path(__file__).with_suffix(".svg"), petals=petals, mine=sorted(mine.items()), grey=grey,
        text=TEXT[lang], cos=lambda a: float(np.cos(np.radians(a))),
        sin=lambda a: float(np.sin(np.radians(a))),
    )  # fmt: skip


def kept(folder: str | Path) -> dict[str, dict[str, Place]]:
    """What each person has placed, by name. Raises DataError if a file has no such table."""
    found = {}
    for path in sorted(Path(folder).glob("*.json")):
        try:
            rows = [(event, Place(*place)) for event, place in read_table(path).items()]
            bad = not all(p.petal in WHEEL and all(abs(x) <= 1 for x in p[1:]) for _, p in rows)
        except TypeError:
            rows, bad = [], True
        refuse(bad, path, found="another table", wanted='{"A": ["Joy", 0.5, 0.5], ...}',
               cure="Take it out of the folder, or place the events anew.")  # fmt: skip
        found[path.stem] = dict(rows)
    return found


class Placer:
    """A widget: choose an event, say where it lies. Every change is kept in folder/person.json.

    pictures: an animated WebP of each event, by its name. `.places` is what was placed so far.
    """

    def __init__(
        self, pictures: Mapping[str, bytes], folder: str | Path, person: str = "me",
        lang: str = "en",
    ):  # fmt: skip
        text, self.lang, self.pictures = TEXT[lang], lang, dict(pictures)
        self.path = Path(folder) / f"{file_name(person, 'person')}.json"
        self.places = kept(folder).get(person, {})
        options = [(drawing.class_label(name, lang), name) for name in WHEEL]
        self.event = ipywidgets.ToggleButtons(options=sorted(pictures), description=text["event"])
        self.event.style.button_width = "40px"
        self.petal = drawing.menu(text["petal"], [(text["choose"], ""), *options], "")
        look = dict(step=0.1, readout_format=".1f")
        self.valence, self.arousal = (
            drawing.slider(ipywidgets.FloatSlider, text, name, 0.0, -1.0, 1.0, **look)
            for name in ("valence", "arousal")
        )
        self.film = ipywidgets.Image(format="webp", layout={"width": "256px"})
        self.map = ipywidgets.HTML()
        controls = ipywidgets.VBox([self.petal, self.valence, self.arousal])
        self.widget = ipywidgets.VBox(
            [self.event, ipywidgets.HBox([self.film, controls]), self.map]
        )
        self.event.observe(lambda _: self._choose(), names="value")
        for control in (self.petal, self.valence, self.arousal):
            control.observe(lambda _: self._place(), names="value")
        self._choose()

    def _choose(self) -> None:
        self.film.value, place = self.pictures[self.event.value], self.places.get(self.event.value)
        self._busy = True
        self.petal.value, self.valence.value, self.arousal.value = place or ("", 0.0, 0.0)
        self._busy = False
        self.map.value = maps(self.places, lang=self.lang)

    def _place(self) -> None:
        if self._busy or not self.petal.value:
            return
        place = Place(self.petal.value, round(self.valence.value, 1), round(self.arousal.value, 1))
        self.places[self.event.value] = place
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, self.places)
        self.map.value = maps(self.places, lang=self.lang)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        still = {"image/svg+xml": maps(self.places, lang=self.lang)}
        return still | (self.widget._repr_mimebundle_() or {}) | {"text/plain": "Placer"}
