"""The lessons' drawings: as drawings.yaml gives them, whole, and the same in both languages."""

import re
from xml.etree import ElementTree

import pytest

from jacklib.errors import DataError
from script.course import drawings

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ("vaanet", "cten", "tsl_net", "bpm_gcn", "course")


def test_files_are_what_the_yaml_gives():
    assert drawings.stale() == []
    assert {path.name for path in drawings.FOLDER.glob("*.svg")} >= {
        f"{name}.{lang}.svg" for name in NAMES for lang in drawings.LANGUAGES
    }


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_boxes_and_arrows(name):
    found = {}
    for lang in drawings.LANGUAGES:
        text = (drawings.FOLDER / f"{name}.{lang}.svg").read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert root.find(f"{SVG}title").text and len(root.find(f"{SVG}desc").text) > 60
        # nothing from elsewhere
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|<image|@import|href", text)
        rects = [
            tuple(rect.get(key) for key in ("x", "y", "width", "height", "fill"))
            for group in root.iter(f"{SVG}g") for rect in group.iter(f"{SVG}rect")
        ]  # fmt: skip
        arrows = [line.get("points") for line in root.iter(f"{SVG}polyline")]
        found[lang] = rects, arrows
        assert (lang == "zh") == bool(re.search("[一-鿿]", root.find(f"{SVG}title").text))
    assert found["en"] == found["zh"] and found["en"][0] and found["en"][1]


@pytest.mark.parametrize("name", NAMES)
def test_arrows_begin_and_end_at_boxes(name):
    text = (drawings.FOLDER / f"{name}.en.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    boxes = [
        tuple(float(rect.get(key)) for key in ("x", "y", "width", "height"))
        for group in root.iter(f"{SVG}g") for rect in group.iter(f"{SVG}rect")
    ]  # fmt: skip

    def at_an_edge(x, y):
        for left, top, width, height in boxes:
            inside = left - 0.1 <= x <= left + width + 0.1 and top - 0.1 <= y <= top + height + 0.1
            edges = (x - left, left + width - x, y - top, top + height - y)
            if inside and min(abs(edge) for edge in edges) < 0.1:
                return True
        return False

    for line in root.iter(f"{SVG}polyline"):
        points = [tuple(map(float, p.split(","))) for p in line.get("points").split()]
        assert at_an_edge(*points[0]) and at_an_edge(*points[-1]), points


def test_shapes_are_the_classrooms():
    from jacklib.core.configs import BPMGCNConfig, CTENConfig, TSLNetConfig, VAANetConfig

    def drawn(name):
        return (drawings.FOLDER / f"{name}.en.svg").read_text(encoding="utf-8")

    v, c = VAANetConfig.classroom(), CTENConfig.classroom()
    t, b = TSLNetConfig.classroom(), BPMGCNConfig.classroom()
    for net, name in ((v, "vaanet"), (c, "cten")):
        size = f"{net.snippet_duration}, {net.sample_size}, {net.sample_size}"
        assert f"[B, {net.seq_len}, 3, {size}]" in drawn(name)
    assert f"[B, {v.embed_size} + {v.audio_embed_size}] → [B, {v.n_classes}]" in drawn("vaanet")
    assert f"[8·B, {v.embed_size}, 16]" in drawn("vaanet") and v.audio_n_segments == 4
    assert f"[B, {c.seq_len} · {c.audio_time}, 128]" in drawn("cten")
    assert f"[B, {c.seq_len}, {2 * c.channels}]" in drawn("cten")
    assert f"[B, {c.n_heads}, {c.seq_len}, {c.seq_len}]" in drawn("cten")
    assert f"[1, T, {t.rgb_size}]" in drawn("tsl_net")
    assert f"[1, T, {t.len_feature // 2}]" in drawn("tsl_net")
    assert f"[1, {t.neck_size}, T]" in drawn("tsl_net")
    for frames, width in zip((b.frames, 24, 12), b.widths, strict=True):
        assert f"[N, {frames}, 16, {width}]" in drawn("bpm_gcn")
    assert f"[N, {b.n_features * b.frames}]" in drawn("bpm_gcn")


def test_words_that_do_not_fit_are_named():
    box = {"at": [0, 0, 1], "kind": "layer", "en": ["w" * 90], "zh": ["好"]}
    plan = {"columns": 1, "title": {"en": "t"}, "desc": {"en": "d"}, "boxes": {"one": box},
            "arrows": [], "legend": {}}  # fmt: skip
    with pytest.raises(DataError, match=r"x\.one \(en\)"):
        drawings.drawing("x", plan, "en")
