"""The pictures of a port: what they draw, and the widget around them."""

import base64
import io
import json

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from jacklib.core.networks import KEYS
from jacklib.errors import DataError
from jacklib.porting import picture
from jacklib.porting.changes import KINDS, count_changes, side_by_side, sources
from jacklib.porting.comparison import GRADIENTS, OUTPUTS, Comparison, Layer
from jacklib.porting.picture import (
    PortingExplorer,
    comparison_figure,
    diff_figure,
    differs,
    porting_widget,
)
from jacklib.widgets import drawing

REFERENCE = '''\
import torch
from torch import nn


class Net(nn.Module):
    """A net."""

    def forward(self, x):
        return torch.relu(x).clamp(min=0.1)


def old():
    return 1
'''
PORT = '''\
import jittor as jt
from jittor import nn


class Net(nn.Module):
    """A net."""

    def execute(self, x):
        x = jt.maximum(jt.nn.relu(x), 0.1)
        return x
'''


def layers(count, bad=None, broken=None):
    found = [Layer("", "Net", 1e-7, 1e-7, 1e-6, None, "")]
    for i in range(1, count):
        far = 1e-7 if bad is None or i < bad else 0.3
        far = float("inf") if i == broken else far
        found.append(Layer(f"block{i // 10}.layer{i}", "Linear", far, far, 1e-6, 1e-6, ""))
    return found


def comparison(count=10, bad=None, broken=None, **changes):
    found = layers(count, bad, broken)
    fields = dict(
        network="Net", frameworks=("Jittor", "PyTorch 2"), layers=found, loss=(1.0, 1.0),
        first="" if bad is None else f"{found[bad].name} (Linear) is the first to differ",
        first_layer=None if bad is None else found[bad].name, inside="", gradient="",
        gradient_layer=None, step={}, later_loss=(1.0, 1.0), missing=[], mismatched={},
        unexpected=[], renamed={}, trained=[], starts={}, unwatched=False, sampled=False,
        suspect=None,
    )  # fmt: skip
    return Comparison(**{**fields, **changes})


def words(figure):
    """All words in the figure, joined."""
    return " | ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def pixels(figure):
    return imread(io.BytesIO(drawing.png_bytes(figure)))


def marks(figure):
    """Places of the three kinds of marks: {attribute: (x, y)}."""
    lines = [x for x in figure.axes[0].lines if x.get_marker() in "o^s" and x.get_ls() == "None"]
    return {
        attribute: next(x.get_data() for x in lines if x.get_marker() == marker)
        for attribute, _, _, marker, _ in picture.MARKS
    }


# --- what compare found ---------------------------------------------------------------------------


def test_layers_are_in_order_and_differences_at_their_places():
    figure = comparison_figure(comparison(6))
    x, y = marks(figure)["output"]
    assert x == pytest.approx([-7] * 6) and list(np.diff(y)) == pytest.approx([1] * 5)
    assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1]  # the first at the top
    assert "✓ equal" in words(figure) and "block0.layer5" in words(figure)
    assert "the network" in words(figure)  # the layer without a name


def test_tolerances_are_drawn():
    verticals = [
        line.get_xdata()[0]
        for line in comparison_figure(comparison()).axes[0].lines
        if line.get_linestyle() == "--"
    ]
    assert verticals == pytest.approx([np.log10(OUTPUTS), np.log10(GRADIENTS)])


def test_first_layer_to_differ_is_emphasised():
    figure = comparison_figure(comparison(10, bad=4))
    name = next(t for t in figure.findobj(matplotlib.text.Text) if t.get_text() == "block0.layer4")
    assert name.get_color() == drawing.VERMILLION
    assert "First to differ: block0.layer4 (Linear)" in words(figure)
    assert "✗ not equal" in words(figure)


def test_what_is_not_finite_is_at_the_right_edge():
    figure = comparison_figure(comparison(10, bad=4, broken=7))
    x, _ = marks(figure)["output"]
    assert x[7] == max(x) > np.log10(0.3) + 1
    assert "∞, NaN" in words(figure)


def test_gradient_alone():
    found = comparison(
        gradient="layer2 passes another gradient back", gradient_layer="block0.layer2"
    )
    assert "Gradients: layer2 passes another" in words(comparison_figure(found))
    assert "the port trains graph.A" in words(comparison_figure(comparison(trained=["graph.A"])))


def test_150_layers_fit_and_names_do_not_overlap():
    figure = comparison_figure(comparison(150, bad=77))
    assert pixels(figure).shape[1] == 900 and pixels(figure).shape[0] < 1300
    names = [t for t in figure.findobj(matplotlib.text.Text) if t.get_text().startswith("block")]
    assert "block7.layer77" in [t.get_text() for t in names]
    renderer = figure.canvas.get_renderer()
    boxes = sorted((t.get_window_extent(renderer) for t in names), key=lambda box: box.y0)
    assert len(boxes) > 30
    assert all(a.y1 - b.y0 < 3 for a, b in zip(boxes, boxes[1:], strict=False))


def test_a_network_without_layers():
    assert "no layer" in words(comparison_figure(comparison(1, layers=[])))


@pytest.mark.skipif(drawing.chinese_font() is None, reason="no font with Chinese characters")
def test_chinese_comparison():
    assert "✗ 不一致" in words(comparison_figure(comparison(10, bad=4), "zh"))


def test_comparison_draws_itself():
    assert pixels(picture.comparison_figure(comparison())).shape[1] == 900


# --- side by side ---------------------------------------------------------------------------------


def test_rows_are_drawn_on_their_kinds_colour():
    rows = side_by_side(REFERENCE, PORT)
    figure = diff_figure(rows, title="Net")
    said = words(figure)
    assert "class Net(nn.Module):" in said and "≠" in said and "PyTorch" in said
    coloured = {p.get_facecolor()[:3] for p in figure.axes[0].patches}
    wanted = {matplotlib.colors.to_rgb(picture.LOOKS[r.kind][0]) for r in rows if differs(r)}
    assert coloured == wanted
    assert set(picture.LOOKS) == set(KINDS) == set(picture.TEXT["zh"]["kinds"])


def test_only_the_asked_rows_are_drawn():
    rows = side_by_side(*sources("tsl"))
    small, large = (pixels(diff_figure(rows, 40, count)).shape for count in (5, 30))
    assert small[1] == large[1] == 900 and small[0] < large[0]
    assert str(rows[40].port_line) in words(diff_figure(rows, 40, 1)).split(" | ")


def test_long_lines_end_in_an_ellipsis():
    rows = side_by_side("x = 1\n", f"x = '{'a' * 200}'\n")
    assert "…" in words(diff_figure(rows)) and "a" * 150 not in words(diff_figure(rows))


def test_no_rows():
    assert "Nothing differs here" in words(diff_figure([]))


def test_dollar_signs_are_no_formula():
    assert "x = '$a$ $'" in words(diff_figure(side_by_side("x = '$a$ $'\n", "x = '$a$ $'\n")))


# --- the widget -----------------------------------------------------------------------------------


@pytest.mark.parametrize("network", KEYS)
def test_every_network_has_its_widget(network):
    explorer = porting_widget(network)
    counts = count_changes(network)[network]
    assert explorer.kinds == {kind: counts[kind] for kind in KINDS}
    assert f"other call {counts['call']}" in explorer.description


def test_parts_are_classes_and_functions_of_both_files():
    rows = side_by_side(REFERENCE, PORT)
    found = {p.name: rows[p.start : p.end] for p in picture.parts(rows, REFERENCE, PORT)}
    assert list(found) == ["Net", "Net.forward", "old"]
    assert any("execute" in (row.port or "") for row in found["Net.forward"])
    assert any("def old" in (row.reference or "") for row in found["old"])


def test_menu_slider_and_box():
    explorer = porting_widget("tsl")
    whole, before = explorer.description, explorer.image.value
    explorer.line.value = 60
    assert explorer.image.value != before and "rows 61 to" in explorer.description
    explorer.only.value = True
    assert explorer.line.value == 0 and all(differs(row) for row in explorer.chosen)
    assert explorer.description != whole
    explorer.part.value = dict(explorer.part.options)["top_mean"]
    assert explorer.line.disabled and explorer.description.startswith("top_mean: rows 1 to")


def test_a_part_by_its_name():
    explorer = porting_widget("tsl")
    explorer.choose("ReverseMapping.forward")
    assert "ReverseMapping.forward" in explorer.description
    with pytest.raises(DataError, match="part: found 'Net', wanted one of .*TSLNet.forward"):
        explorer.choose("Net")


def test_texts_of_ones_own():
    explorer = PortingExplorer(REFERENCE, PORT, "zh", "mine")
    assert "换调用" in explorer.description and len(explorer.rows) > 10
    explorer.part.value = 3
    assert explorer.description.startswith("old")


def test_equal_texts():
    explorer = PortingExplorer("x = 1\n", "x = 1\n", "en", "mine")
    explorer.only.value = True
    assert "nothing differs here" in explorer.description


def test_bundle_has_the_picture_first():
    bundle = porting_widget("vaanet")._repr_mimebundle_()
    assert list(bundle)[0] == "image/png"
    assert imread(io.BytesIO(base64.b64decode(bundle["image/png"]))).shape[1] == 900
    assert "rows 1 to" in bundle["text/plain"]
    json.dumps(bundle)


def test_wrong_arguments():
    with pytest.raises(DataError, match="vaanet, cten, tsl, gait"):
        porting_widget("resnet")
    with pytest.raises(DataError, match="en"):
        porting_widget("tsl", lang="fr")
    with pytest.raises(SyntaxError):
        PortingExplorer("def", "def", "en", "mine")
