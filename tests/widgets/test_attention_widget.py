"""The attention picture: what it draws, what it refuses, and the widget around it."""

import base64
import dataclasses
import io
import json

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread
from support.states.attention import FRAMES, S, make_state, panels

from jacklib.errors import DataError
from jacklib.widgets import attention, drawing
from jacklib.widgets.attention import attention_widget, describe, render


def pixels(state, **options):
    return imread(io.BytesIO(attention.png(state, **options)))


def test_picture_is_900_wide_and_repeatable():
    first = attention.png(make_state())
    assert imread(io.BytesIO(first)).shape[1] == 900
    assert attention.png(make_state()) == first


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("layout", ["figure.constrained_layout.use", "figure.autolayout"])
def test_picture_is_the_same_in_a_notebook_with_its_own_layout(layout):
    expected = attention.png(make_state())
    with matplotlib.rc_context({layout: True}):
        assert attention.png(make_state()) == expected


def test_every_panel_names_what_it_shows():
    words = panels(render(make_state()))
    for title in (
        "Temporal attention",
        "Spatial attention in segment 2",
        "Channel attention in segment 2",
        "Audio attention",
        "Class probabilities",
        "× uniform",
        "planted event (truth)",
        "true: Joy",
        "predicted: Anger (30%)",
    ):
        assert title in words, title


def test_panels_follow_what_the_state_has():
    words = panels(render(make_state(truth=None, label=None)))
    assert "planted" not in words
    assert "true label unknown" in words and "◀" not in words


def test_gamma_bars_and_mean_line_have_the_given_heights():
    state = make_state()
    axes = next(a for a in render(state).axes if a.get_ylabel() == "weight γ")
    heights = [bar.get_height() for bar in axes.containers[0]]
    np.testing.assert_allclose(heights, state.gamma)
    # Each bar lies beneath its frame: centred in column s.
    centres = [bar.get_x() + bar.get_width() / 2 for bar in axes.containers[0]]
    np.testing.assert_allclose(centres, np.arange(S) + 0.5)
    mean = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert mean[0].get_ydata()[0] == pytest.approx(1.0)


def test_all_segments_switched_off_still_draws():
    assert "weight γ" in panels(render(make_state(gamma=np.zeros(S), audio_gamma=np.zeros(4))))


def test_even_attention_is_said_to_be_even():
    words = panels(render(make_state(alpha=np.ones((S, 16)), beta=np.ones((S, 32)))))
    assert "nearly uniform" in words and "white line" not in words
    assert "16 of 32 channels" in words
    assert "white line" in panels(render(make_state()))


def test_heat_lies_where_the_attention_is():
    """The hottest place of the picture moves with alpha from the left top to the right bottom."""
    flat = np.full((S, 16), 0.5)
    corner, opposite = flat.copy(), flat.copy()
    corner[:, 0], opposite[:, 15] = 8.5, 8.5
    maps = []
    for alpha in (corner, opposite):
        figure = render(make_state(alpha=alpha))
        picture = [i for a in figure.axes for i in a.images if i.get_array().ndim == 2][0]
        maps.append(np.asarray(picture.get_array()))
    height, width = maps[0].shape
    row, column = np.unravel_index(maps[0].argmax(), maps[0].shape)
    assert row < height / 4 and column < width / 4
    row, column = np.unravel_index(maps[1].argmax(), maps[1].shape)
    assert row >= height * 3 / 4 and column >= width * 3 / 4


def test_channels_for_half():
    assert attention.channels_for_half(np.ones(8)) == 4
    assert attention.channels_for_half(np.array([0.1, 7.7, 0.1, 0.1])) == 1
    assert attention.channels_for_half(np.array([3.0, 1.0, 3.0, 1.0])) == 2


def test_segment_changes_the_picture():
    assert not np.array_equal(pixels(make_state(segment=0)), pixels(make_state(segment=2)))


def test_description_says_the_numbers():
    words = describe(make_state())
    assert "segment 2 of 0 to 5" in words
    assert "2.00 times the mean; the highest is segment 2" in words
    assert "Predicted Anger, probability 0.30; true label Joy." in words
    alpha = np.full((S, 16), 0.5)
    alpha[:, 3] = 8.5
    assert "top right, 8.50 times uniform" in describe(make_state(alpha=alpha))
    chinese = describe(make_state(alpha=alpha), "zh")
    assert "右上" in chinese and "预测为愤怒 Anger" in chinese


def test_chinese_labels_need_a_chinese_font(monkeypatch):
    monkeypatch.setattr(drawing, "chinese_font", lambda: None)
    assert "Temporal attention" in panels(render(make_state(), "zh"))
    # A font that is surely there stands in: the words are Chinese whichever font draws them.
    monkeypatch.setattr(drawing, "chinese_font", lambda: "DejaVu Sans")
    with pytest.warns(UserWarning, match="missing from font"):
        words = panels(render(make_state(), "zh"))
    assert "时间注意力" in words and "喜悦 Joy" in words and "Temporal" not in words


@pytest.mark.skipif(drawing.chinese_font() is None, reason="no Chinese font on this machine")
def test_chinese_font_draws_every_label(recwarn):
    attention.png(make_state(title="视频"), "zh")
    assert not [w for w in recwarn if "missing from font" in str(w.message)]


def test_drawing_leaves_the_callers_style_alone():
    before = dict(matplotlib.rcParams)
    render(make_state())
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("frames", FRAMES.astype(np.float32), r"AttentionState\.frames: found float32.*uint8"),
        ("frames", FRAMES[..., 0], r"frames: found shape \[6, 180, 320\]"),
        ("gamma", np.ones(S + 1), r"gamma: found shape \[7\], wanted shape \[6\]"),
        ("gamma", np.ones(0), r"gamma: found shape \[0\], wanted shape \[6\]"),
        ("gamma", -np.ones(S), "gamma: found float64 from -1.0 to -1.0, wanted weights of zero"),
        (
            "alpha",
            np.full((S, 16), 1 / 16),
            "alpha: found .* wanted zero or more, with a mean of 1",
        ),
        ("beta", np.full((S, 32), np.nan), "beta: found float64 from nan to nan"),
        ("probabilities", np.ones(8), "probabilities: found .* with a sum of 1"),
        ("probabilities", np.ones(7) / 7, r"probabilities: found shape \[7\], wanted shape \[8\]"),
        ("label", "Boredom", "label: found 'Boredom', wanted one of Anger, "),
        ("truth", np.full(S, 2.0), "truth: found .* wanted numbers from 0 to 1"),
    ],
)
def test_bad_fields_are_named(field, value, message):
    with pytest.raises(DataError, match=message):
        make_state(**{field: value})


def test_probabilities_of_any_number_of_axes():
    value, (_, holds) = np.full((2, 3, 4), 0.25), drawing.RULES["sums"]
    assert holds(value)
    value[1, 2] = 0.5
    assert not holds(value)


def test_unknown_language_is_refused():
    with pytest.raises(DataError, match="'fr'"):
        render(make_state(), "fr")


def two_clips():
    short = make_state(
        frames=FRAMES[:4],
        alpha=np.ones((4, 16)),
        beta=np.ones((4, 32)),
        gamma=np.ones(4),
        truth=None,
        title="second",
        segment=3,
    )
    return [make_state(), short]


def test_widget_shows_the_chosen_clip_and_segment():
    first, second = two_clips()
    explorer = attention_widget([first, second])
    assert explorer.segment.value == 2 and explorer.segment.max == S - 1
    assert explorer.image.value == attention.png(first)

    explorer.segment.value = 5
    assert explorer.image.value == attention.png(dataclasses.replace(first, segment=5))
    assert "segment 5 of 0 to 5" in explorer.note.value

    explorer.clip.value = 1  # from segment 5 to a clip of four segments
    assert (explorer.segment.value, explorer.segment.max) == (3, 3)
    assert explorer.image.value == attention.png(second)
    assert "second, segment 3" in explorer.note.value

    explorer.clip.value = 0
    assert (explorer.segment.value, explorer.segment.max) == (2, S - 1)
    assert explorer.image.value == attention.png(first)


def test_widget_draws_each_picture_once(monkeypatch):
    drawn = []
    real = attention.png

    def counting(state, lang):
        drawn.append((state.title, state.segment))
        return real(state, lang)

    monkeypatch.setattr(attention, "png", counting)
    explorer = attention_widget(two_clips())
    explorer.clip.value = 1
    explorer.segment.value = 0
    explorer.clip.value = 0
    explorer.clip.value = 1
    explorer.segment.value = 0
    assert drawn == [("bbb_0404", 2), ("second", 3), ("second", 0)]


def test_display_bundle_has_the_picture_first_and_the_live_view():
    explorer = attention_widget([make_state()])
    bundle = explorer._repr_mimebundle_()
    assert list(bundle)[0] == "image/png"
    assert base64.b64decode(bundle["image/png"]) == explorer.image.value
    assert "Predicted Anger" in bundle["text/plain"]
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == explorer.widget.model_id
    json.dumps(bundle)  # what the kernel sends must be plain


def test_clips_of_one_name_stay_apart_and_titles_are_escaped():
    explorer = attention_widget([make_state(title="<b>a</b>"), make_state(title="<b>a</b>")])
    assert [name for name, _ in explorer.clip.options] == ["<b>a</b> (0)", "<b>a</b> (1)"]
    assert "&lt;b&gt;a" in explorer.note.value


def test_widget_without_clips_is_refused():
    with pytest.raises(DataError, match="AttentionExplorer: found nothing to show"):
        attention_widget([])
