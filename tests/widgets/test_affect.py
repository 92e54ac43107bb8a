"""The two maps of emotion: what is drawn, what is kept, and files that are no placements."""

import io

import numpy as np
import pytest
from PIL import Image

from jacklib.errors import DataError
from jacklib.widgets import affect
from jacklib.widgets.affect import Place

MINE = {"A": Place("Joy", 0.8, 0.6), "B": Place("Fear", -0.7, 0.8)}


def webp():
    frames = [Image.fromarray(np.full((8, 8, 3), value, np.uint8)) for value in (0, 255)]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    return file.getvalue()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_maps_speak_both_languages(lang):
    svg = affect.maps(MINE, [{"A": Place("Trust", 0.5, -0.5), "C": Place("Joy", 0, 0)}], lang)
    assert ("喜悦" in svg) == ("困倦" in svg) == (lang == "zh")
    assert svg.count(">A<") == 3 and svg.count(">B<") == 2  # on the wheel, on the plane, in grey
    assert ">C<" not in svg  # others' events only where one has placed them oneself
    assert 'cx="785.0" cy="145.0"' in svg  # valence to the right, arousal up


def test_a_placer_keeps_what_is_placed(tmp_path):
    pictures = dict.fromkeys("AB", webp())
    placer = affect.Placer(pictures, tmp_path / "new", "2024001")
    placer.valence.value = 0.5  # without a petal nothing is placed
    assert not placer.places
    placer.petal.value = "Joy"
    placer.event.value = "B"
    assert (placer.petal.value, placer.valence.value) == ("", 0)
    again = affect.Placer(pictures, tmp_path / "new", "2024001")
    assert again.places == {"A": Place("Joy", 0.5, 0.0)} and again.petal.value == "Joy"
    assert affect.kept(tmp_path / "new") == {"2024001": again.places}
    assert "image/svg+xml" in again._repr_mimebundle_()


@pytest.mark.parametrize(
    "text",
    ['{"A": 3}', '{"A": ["Joy", 2, 0]}', '{"A": ["Love", 0, 0]}', '{"A": ["Joy", "x", 0]}',
     '{"A": ["Joy", 0.5, NaN]}', '{"A": ["Joy", 0.5]}', "[1]"],
)  # fmt: skip
def test_another_table_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=r"x\.json"):
        affect.kept(tmp_path)
