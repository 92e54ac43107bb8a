"""The erasing picture: what it draws, what it refuses, and the widget around it."""

import base64
import io
import json

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.image import imread
from support.states.attention import NAMES, panels
from support.states.erasing import FRAMES, GAMMA, SECONDS, make_state

from jacklib.errors import DataError
from jacklib.widgets import drawing, erasing
from jacklib.widgets.erasing import describe, erasing_widget, render


def axes_with(figure, *, ylabel=None):
    (found,) = [axes for axes in figure.axes if axes.get_ylabel() == ylabel]
    return found


def strips(figure):
    """The axes with frames, from the top down: the clip, then passes 1, 2 and 3."""
    return [axes for axes in figure.axes if axes.images]


def table(figure):
    """The numbers that the table's rows print."""
    axes = figure.axes[-1]
    words = [t.get_text() for t in axes.texts if t.get_text().endswith("%")]
    return axes, np.array([float(w.rstrip("%")) for w in words]).reshape(4, -1)


# --- the picture --------------------------------------------------------------------------------


def test_picture_is_900_wide_and_repeatable():
    first = erasing.png(make_state())
    assert imread(io.BytesIO(first)).shape[1] == 900
    assert erasing.png(make_state()) == first


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("layout", ["figure.constrained_layout.use", "figure.autolayout"])
def test_picture_is_the_same_in_a_notebook_with_its_own_layout(layout):
    expected = erasing.png(make_state())
    with matplotlib.rc_context({layout: True}):
        assert erasing.png(make_state()) == expected


def test_every_panel_names_what_it_shows():
    words = panels(render(make_state()))
    for title in (
        "bbb_0404",
        "true: Anticipation",
        "Temporal attention",
        "θ = 0.70: pass 2 sees 6 of 8 segments, pass 3 sees 2",
        "keyframe: erased in pass 2",
        "t = 0.70 max γ + 0.30 min γ = 1.6",
        "planted event (truth)",
        "time (s)",
        "What each pass sees",
        "Pass 1: whole clip",
        "Pass 2: keyframes erased; 6 of 8 segments, resampled to 8",
        "Pass 3: keyframes only; 2 of 8 segments, resampled to 8",
        "Class probabilities",
        "Mean of 1 and 2",
        "▲ true",
    ):
        assert title in words, title


def test_gamma_bars_and_threshold_have_the_given_heights():
    state = make_state()
    assert state.threshold == pytest.approx(1.6)
    axes = axes_with(render(state), ylabel="weight γ")
    bars = axes.containers[0]
    np.testing.assert_allclose([bar.get_height() for bar in bars], GAMMA)
    centres = [bar.get_x() + bar.get_width() / 2 for bar in bars]
    np.testing.assert_allclose(centres, np.arange(8) + 0.5)
    (line,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert line.get_ydata() == pytest.approx([1.6, 1.6])
    ticks = dict(
        zip((t.get_text() for t in axes.get_yticklabels()), axes.get_yticks(), strict=True)
    )
    assert ticks == pytest.approx({"0": 0, "t": 1.6, "2.2": 2.2})


@pytest.mark.parametrize("theta, erased", [(0.7, [2, 5]), (0.3, [1, 2, 4, 5]), (1.0, [2])])
def test_erased_segments_are_hatched_in_the_strip_and_the_bars(theta, erased):
    figure = render(make_state(theta=theta))
    bars = axes_with(figure, ylabel="weight γ").containers[0]
    assert [s for s, bar in enumerate(bars) if bar.get_hatch()] == erased
    strip = strips(figure)[0]
    marks = [patch for patch in strip.patches if patch.get_hatch()]
    assert [int(mark.get_x() + mark.get_width() / 2) for mark in marks] == erased
    for s, picture in enumerate(strip.images):
        shown = np.asarray(picture.get_array())
        if s in erased:  # grey, and paler than it was
            assert (shown == shown[..., :1]).all() and shown.min() >= 128
        else:
            np.testing.assert_array_equal(shown, FRAMES[s])


def test_drawing_leaves_the_states_frames_alone():
    state = make_state()
    before = state.frames.copy()
    render(state)
    np.testing.assert_array_equal(state.frames, before)


@pytest.mark.parametrize("count", [8, 16])
def test_pass_frames_are_shown_as_given(count):
    state = make_state(count)
    clip, *passes = strips(render(state))
    assert len(clip.images) == count and len(passes) == 3
    for axes, frames in zip(passes, state.pass_frames, strict=True):
        np.testing.assert_array_equal([picture.get_array() for picture in axes.images], frames)


def test_panels_follow_what_the_state_has():
    words = panels(render(make_state(truth=None, label=None)))
    assert "planted" not in words
    assert "true label unknown" in words and "▲" not in words


def test_event_is_shaded_over_attention_and_sound_at_its_time():
    figure = render(make_state())
    spans = {}
    for name in ("weight γ", "audio"):
        axes = axes_with(figure, ylabel=name)
        shades = [p for p in axes.patches if to_rgba(p.get_facecolor())[:3] == _rgb(drawing.ORANGE)]
        (shade,) = [p for p in shades if p.get_facecolor()[3] > 0]
        spans[name] = (shade.get_x(), shade.get_x() + shade.get_width())
        assert axes.get_xlim() == pytest.approx((0, 8 if name == "weight γ" else SECONDS))
    assert spans["weight γ"] == pytest.approx((2, 3))
    assert spans["audio"] == pytest.approx((2 / 8 * SECONDS, 3 / 8 * SECONDS))


def _rgb(colour):
    return to_rgba(colour)[:3]


@pytest.mark.parametrize("classes", [2, 3, 6, 8])
def test_table_prints_every_probability_and_frames_the_rows_best(classes):
    state = make_state(classes=classes)
    axes, numbers = table(render(state))
    wanted = np.vstack([state.probabilities, state.mean_probabilities])
    np.testing.assert_allclose(numbers, 100 * wanted, atol=0.5001)
    framed = [int(p.get_x()) for p in axes.patches if not p.get_fill()]
    assert framed == list(wanted.argmax(axis=1))
    assert [t.get_text() for t in axes.get_xticklabels()] == list(NAMES[:classes])
    mark = next(t for t in axes.texts if "true" in t.get_text())
    assert mark.xy[0] == 1.5  # beneath the column of Anticipation


def test_heading_gives_the_mean_as_the_prediction():
    probabilities = np.array([[0.6, 0.4], [0.2, 0.8], [0.9, 0.1]])
    state = make_state(
        classes=2, probabilities=probabilities, mean_probabilities=np.array([0.38, 0.62])
    )
    assert "predicted: Anticipation (62%)" in panels(render(state))


@pytest.mark.parametrize("count", [8, 16])
@pytest.mark.parametrize("classes", [2, 8])
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("changes", [{}, {"both": True, "prediction": "first"}])
def test_no_words_are_cut_off_or_printed_over_each_other(count, classes, lang, changes):
    figure = render(make_state(count, classes, **changes), lang)
    renderer = figure.canvas.get_renderer()
    boxes = []
    for artist in figure.findobj(matplotlib.text.Text):
        words = artist.get_text()
        if words.strip() and artist.get_visible():
            boxes.append((words, artist.get_window_extent(renderer)))
    for words, box in boxes:
        assert box.x0 >= 0 and box.x1 <= 900, words
        assert box.y0 >= 0 and box.y1 <= figure.bbox.height, words
    for i, (words, box) in enumerate(boxes):
        for other_words, other in boxes[i + 1 :]:
            across = min(box.x1, other.x1) - max(box.x0, other.x0)
            down = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert across <= 1 or down <= 1, (words, other_words)


def test_even_attention_erases_nothing():
    figure = render(make_state(gamma=np.ones(8)))
    words = panels(figure)
    assert "all segments alike: every pass sees the whole clip" in words
    assert "Pass 2: whole clip again" in words and "Pass 3: whole clip again" in words
    assert "keyframe: erased" not in words
    assert not any(bar.get_hatch() for bar in axes_with(figure, ylabel="weight γ").containers[0])
    assert "weight γ" in panels(render(make_state(gamma=np.zeros(8))))


def test_ends_of_the_slider_leave_one_pass_the_whole_clip():
    words = panels(render(make_state(theta=0.0)))
    assert "none below t, so pass 2 sees the whole clip" in words
    assert "Pass 3: keyframes only; 7 of 8" in words
    words = panels(render(make_state(theta=1.0)))
    assert "none above t, so pass 3 sees the whole clip" in words
    assert "Pass 2: keyframes erased; 7 of 8" in words


def test_threshold_of_both_attentions_is_theta():
    gamma = [0.0, 0.5, 0.9, 0.7, 0.2, 0.6, 0.1, 0.0]  # 0.7 * 0.9 would be below 0.7
    state = make_state(gamma=gamma, both=True)
    assert state.threshold == 0.7
    assert np.flatnonzero(state.seen[2]).tolist() == [2, 3]
    words = panels(render(state))
    assert "t = θ = 0.7; γ: the smaller of two" in words and "max γ" not in words
    assert "Erased where image and audio reach θ" in words
    assert "threshold at γ = 0.7. Pass 2 sees all but the erased segments 2, 3." in describe(state)
    none = make_state(gamma=gamma, both=True, theta=1.0)
    assert none.seen.all() and "no keyframe, or only keyframes" in panels(render(none))
    assert "There is no keyframe, or nothing else" in describe(none)
    assert "没有关键帧" in describe(none, "zh") and "No segment is" not in describe(none)


def test_the_first_pass_decides():
    probabilities = np.array([[0.6, 0.4], [0.2, 0.8], [0.9, 0.1]])
    fields = dict(classes=2, probabilities=probabilities, mean_probabilities=np.array([0.38, 0.62]))
    state = make_state(**fields, prediction="first")
    assert "Pass 1 decides. Predicted Anger, probability 0.60" in describe(state)
    words = panels(render(state))
    assert "the prediction is the first row" in words and "the last row" not in words
    assert "predicted: Anger (60%)" in words


def test_envelope_keeps_every_peak():
    sound = np.zeros(1000, np.float32)
    sound[[123, 777]] = 1, -0.5
    lows, highs = drawing.envelope(sound, 10)
    np.testing.assert_allclose(highs, np.eye(10)[1])
    np.testing.assert_allclose(lows, -0.5 * np.eye(10)[7])
    lows, highs = drawing.envelope(sound[:3], 10)  # shorter than the picture is wide
    assert len(lows) == len(highs) == 3


def test_silence_still_draws():
    assert "audio" in panels(render(make_state(waveform=np.zeros(1))))


def test_theta_changes_the_picture():
    assert erasing.png(make_state(theta=0.3)) != erasing.png(make_state(theta=0.7))


# --- its words ----------------------------------------------------------------------------------


def test_description_says_the_numbers():
    probabilities = np.array([[0.6, 0.4], [0.2, 0.8], [0.9, 0.1]])
    fields = dict(classes=2, probabilities=probabilities, mean_probabilities=np.array([0.38, 0.62]))
    words = describe(make_state(**fields))
    assert "8 segments in 4.0 s. θ = 0.70 puts the threshold at γ = 1.6." in words
    assert "all but the erased segments 2, 5." in words and "sees only segments 2, 5." in words
    assert "The planted event lies in segment 2; pass 2 loses 1 of 1." in words
    assert "Anger (0.60), Anticipation (0.80), Anger (0.90)" in words
    assert "Predicted Anticipation, probability 0.62; true label Anticipation." in words
    chinese = describe(make_state(**fields), "zh")
    assert "擦除关键帧，即片段 2、5，" in chinese and "预测为期待 Anticipation" in chinese
    words = describe(make_state(gamma=np.ones(8), truth=None))
    assert "No segment is below it" in words and "No segment is above it" in words
    assert "planted" not in words


def test_chinese_labels_need_a_chinese_font(monkeypatch):
    monkeypatch.setattr(drawing, "chinese_font", lambda: None)
    assert "Temporal attention" in panels(render(make_state(), "zh"))
    # A font that is surely there stands in: the words are Chinese whichever font draws them.
    monkeypatch.setattr(drawing, "chinese_font", lambda: "DejaVu Sans")
    with pytest.warns(UserWarning, match="missing from font"):
        words = panels(render(make_state(), "zh"))
    for title in (
        "时间注意力",
        "关键帧：第 2 遍擦除",
        "阈值 t",
        "时间（秒）",
        "期待\nAnticipation",
    ):
        assert title in words, title
    assert "Temporal" not in words and "Pass" not in words


@pytest.mark.skipif(drawing.chinese_font() is None, reason="no Chinese font on this machine")
def test_chinese_font_draws_every_label(recwarn):
    erasing.png(make_state(title="视频"), "zh")
    assert not [w for w in recwarn if "missing from font" in str(w.message)]


def test_both_languages_have_the_same_words():
    assert erasing.TEXT["en"].keys() == erasing.TEXT["zh"].keys()


def test_drawing_leaves_the_callers_style_alone():
    before = dict(matplotlib.rcParams)
    render(make_state())
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("frames", FRAMES[:8] / 255, r"ErasingState\.frames: found float64.*uint8"),
        ("frames", FRAMES[:7], r"gamma: found shape \[8\], wanted shape \[7\]"),
        ("gamma", -GAMMA, "gamma: found float64 from -2.2 to -0.2"),
        ("probabilities", np.ones((3, 8)), "probabilities: found .* with a sum of 1"),
        ("probabilities", np.full((2, 8), 1 / 8), r"found shape \[2, 8\], wanted shape \[3, 8\]"),
        ("mean_probabilities", np.ones(8), "mean_probabilities: found .* with a sum of 1"),
        ("waveform", np.zeros((2, 9)), r"waveform: found shape \[2, 9\], wanted shape \[n\]"),
        ("waveform", np.zeros(0), r"waveform: found shape \[0\]"),
        ("waveform", np.array([np.nan]), "waveform: found .* wanted finite numbers"),
        ("pass_frames", FRAMES[None, :8], r"pass_frames: found shape \[1, 8, 180, 320, 3\]"),
        ("label", "Boredom", "label: found 'Boredom'"),
        ("truth", np.full(8, 2.0), "truth: found .* wanted numbers from 0 to 1"),
    ],
)
def test_bad_fields_are_named(field, value, message):
    with pytest.raises(DataError, match=message):
        make_state(**{field: value})


def test_theta_outside_0_to_1_is_refused():
    with pytest.raises(DataError, match="theta: found 1.5, wanted 0 to 1"):
        render(make_state(theta=1.5))


def test_unknown_language_is_refused():
    with pytest.raises(DataError, match="'fr'"):
        render(make_state(), "fr")


# --- the widget ---------------------------------------------------------------------------------


def state_of(clip, theta):
    return make_state(theta=theta, title=("first", "second")[clip], gamma=np.roll(GAMMA, clip))


def test_widget_shows_the_chosen_clip_and_theta():
    explorer = erasing_widget(["first", "second"], state_of)
    assert (explorer.clip.value, explorer.theta.value) == (0, 0.7)
    assert (explorer.theta.min, explorer.theta.max, explorer.theta.step) == (0, 1, 0.05)
    assert explorer.image.value == erasing.png(state_of(0, 0.7))

    explorer.theta.value = 0.3
    assert explorer.image.value == erasing.png(state_of(0, 0.3))
    assert "erased segments 1, 2, 4, 5" in explorer.note.value

    explorer.clip.value = 1  # the slider stays: one threshold, another clip
    assert explorer.theta.value == 0.3
    assert explorer.image.value == erasing.png(state_of(1, 0.3))
    assert "second" in explorer.note.value


def test_widget_speaks_chinese():
    explorer = erasing_widget(["first"], state_of, lang="zh", theta=0.5)
    assert (explorer.clip.description, explorer.theta.description) == ("视频：", "θ：")
    assert explorer.image.value == erasing.png(state_of(0, 0.5), "zh")
    assert "擦除关键帧" in explorer.note.value


def test_network_runs_once_for_each_clip_and_theta():
    asked = []

    def counting(clip, theta):
        asked.append((clip, theta))
        return state_of(clip, theta)

    explorer = erasing_widget(["first", "second"], counting)
    explorer.theta.value = 3 * 0.05  # 0.15000000000000002, as the browser sends it
    explorer.clip.value = 1
    explorer.clip.value = 0
    explorer.theta.value = 0.7
    explorer.theta.value = 0.15
    assert asked == [(0, 0.7), (0, 0.15), (1, 0.15)]


def test_error_is_one_line_and_the_last_picture_stays():
    broken = [True]

    def failing(clip, theta):
        if clip == 1 and broken[0]:
            raise ValueError("no sound\n in <clip>")
        return state_of(clip, theta)

    explorer = erasing_widget(["first", "second"], failing)
    picture, words = explorer.image.value, explorer.description
    explorer.clip.value = 1
    assert explorer.image.value == picture and explorer.description == words
    assert explorer.error == "No picture for second at θ = 0.70: ValueError: no sound in <clip>"
    assert "no sound in &lt;clip&gt;" in explorer.note.value
    assert "Still shown: first" in explorer.note.value and "Traceback" not in explorer.note.value

    broken[0] = False  # it is asked again, not remembered
    explorer.clip.value = 0
    assert explorer.error == "" and "No picture" not in explorer.note.value
    explorer.clip.value = 1
    assert explorer.image.value == erasing.png(state_of(1, 0.7))


def test_error_at_the_first_picture_leaves_a_widget_to_go_on_with():
    def failing(clip, theta):
        if theta == 0.7:
            raise DataError("clip.mp4", found="nothing", wanted="sound", cure="Look.")
        return state_of(clip, theta)

    explorer = erasing_widget(["first"], failing)
    bundle = explorer._repr_mimebundle_()
    assert "image/png" not in bundle
    assert bundle["text/plain"].endswith("clip.mp4: found nothing, wanted sound. Look.")
    explorer.theta.value = 0.5
    assert explorer.image.value == erasing.png(state_of(0, 0.5))


def test_it_says_that_the_network_runs():
    said = []
    explorer = None

    def slow(clip, theta):
        said.append(explorer.note.value if explorer else "")
        return state_of(clip, theta)

    explorer = erasing_widget(["first"], slow)
    explorer.theta.value = 0.4
    assert "Running the network" in said[1] and "Running" not in explorer.note.value


def test_display_bundle_has_the_picture_first_and_the_live_view():
    explorer = erasing_widget(["first"], state_of)
    bundle = explorer._repr_mimebundle_()
    assert list(bundle)[0] == "image/png"
    assert base64.b64decode(bundle["image/png"]) == explorer.image.value
    assert "threshold at γ = 1.6" in bundle["text/plain"]
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == explorer.widget.model_id
    json.dumps(bundle)  # what the kernel sends must be plain


def test_clips_of_one_name_stay_apart():
    explorer = erasing_widget(["a", "a", ""], state_of)
    assert [name for name, _ in explorer.clip.options] == ["a (0)", "a (1)", "2"]


def test_widget_without_clips_is_refused():
    with pytest.raises(DataError, match="ErasingExplorer: found nothing to show"):
        erasing_widget([], state_of)
