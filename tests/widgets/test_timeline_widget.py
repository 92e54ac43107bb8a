"""The timeline: what it draws and proposes, what it refuses, and the widget around it."""

import base64
import io
import json

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.image import imread
from matplotlib.patches import StepPatch
from support.states.timeline import CLIP, FPS, film, make_video

from jacklib.core.metrics import FOREGROUND_LEVELS, SCORE_LEVELS, detection_metrics, localize
from jacklib.errors import DataError
from jacklib.widgets import drawing, timeline
from jacklib.widgets.timeline import describe, render, render_frames, timeline_widget
from jacklib.widgets.timeline_state import Thresholds, frames_of, measure, proposals

TIOUS = (0.1, 0.15, 0.2, 0.25, 0.3)


VIDEO = make_video()
OTHER = make_video(45, seed=1, train=False)
STRICTER = Thresholds(class_threshold=0.8, score_level=0.1, foreground_level=0.6, nms=0.3)


def panels(figure):
    """All words in the figure, joined."""
    return " | ".join(t.get_text() for t in figure.findobj(matplotlib.text.Text))


def bars(figure):
    """(class colour, score, start, end, framed) of each drawn proposal, from the top down."""
    found = []
    for axes in figure.axes:
        scores = [t.get_text() for t in axes.texts if t.get_text().lstrip("-")[:2] in ("0.", "1.")]
        boxes = [p for p in axes.patches if not p.get_hatch() and p.get_zorder() >= 2]
        if scores:
            for score, box in zip(scores, boxes, strict=True):
                colour = to_rgba(box.get_facecolor())[:3]
                end = box.get_x() + box.get_width()
                framed = box.get_linewidth() == 2
                found.append((colour, float(score), box.get_x(), end, framed))
    return found


def released(video, thresholds):
    """`localize` called by hand."""
    return localize(
        video.scores,
        video.video_score,
        video.fps,
        class_threshold=thresholds.class_threshold,
        score_levels=[v for v in SCORE_LEVELS if v > thresholds.score_level - 0.01],
        foreground_levels=[v for v in FOREGROUND_LEVELS if v > thresholds.foreground_level - 0.01],
        nms=thresholds.nms,
    )


def by_hand(videos, thresholds):
    """`detection_metrics` called by hand, with tables as ActivityNet's files have them."""
    truth = {
        str(i): {"annotations": [{"label": a, "segment": [b, c]} for a, b, c in video.truth]}
        for i, video in enumerate(videos)
    }
    found = {
        str(i): [
            {"label": a, "score": s, "segment": [b, c]}
            for a, s, b, c in released(video, thresholds)
        ]
        for i, video in enumerate(videos)
    }
    return detection_metrics({"database": truth}, {"results": found}, TIOUS)


# --- proposals and numbers ----------------------------------------------------------------------


def test_released_thresholds_are_those_of_localize():
    assert proposals(VIDEO) == localize(VIDEO.scores, VIDEO.video_score, FPS)
    assert measure([VIDEO, OTHER]) == by_hand([VIDEO, OTHER], Thresholds())


@pytest.mark.parametrize(
    "thresholds",
    [
        STRICTER,
        Thresholds(class_threshold=1.0),
        Thresholds(score_level=SCORE_LEVELS[-1], foreground_level=FOREGROUND_LEVELS[-1]),
        Thresholds(nms=0.1),
    ],
)
def test_thresholds_reach_localize_and_the_metrics(thresholds):
    assert proposals(VIDEO, thresholds) == released(VIDEO, thresholds) != proposals(VIDEO)
    report = measure([VIDEO, OTHER], thresholds)
    assert report == by_hand([VIDEO, OTHER], thresholds)
    f2 = [report.report()[f"F2@{tiou:.2f}"] for tiou in TIOUS]
    assert report.averages()["F2"] == pytest.approx(np.mean(f2))


def test_videos_without_truth_are_not_measured():
    unknown = make_video(seed=2, truth=None)
    assert measure([VIDEO, unknown, OTHER]) == measure([VIDEO, OTHER])
    assert None is measure([unknown]) is measure([])


def test_report_names_what_changed():
    first, later = measure([VIDEO, OTHER]), measure([VIDEO, OTHER], STRICTER)
    words = timeline.report_words(first, None, 2)
    report, stricter = (
        found.report() | {"average_F2": found.averages()["F2"]} for found in (first, later)
    )
    assert words.startswith("Over 2 videos with ground truth, mean of tIoU 0.1 to 0.3: mAP 0.")
    assert "→" not in words
    for key, name in (
        ("average_mAP[0.1:0.3]", "mAP"),
        ("average_pAP[0.1:0.3]", "pAP"),
        ("average_nAP[0.1:0.3]", "nAP"),
        ("average_F2", "F2"),
    ):
        assert f"{name} {report[key]:.3f}" in words
        if f"{report[key]:.3f}" != f"{stricter[key]:.3f}":
            change = f"{name} {report[key]:.3f} → {stricter[key]:.3f}"
            assert change in timeline.report_words(later, first, 2)
    assert "→" in timeline.report_words(later, first, 2)
    assert timeline.report_words(first, first, 2) == words
    assert "1 video with" in timeline.report_words(first, None, 1)
    assert "2 个有真值的视频" in timeline.report_words(first, None, 2, "zh")
    assert "nothing to measure" in timeline.report_words(None, None, 0)


# --- the picture --------------------------------------------------------------------------------


def test_picture_is_900_wide_and_repeatable():
    first = timeline.png(VIDEO)
    assert imread(io.BytesIO(first)).shape[1] == 900
    assert timeline.png(make_video()) == first


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("layout", ["figure.constrained_layout.use", "figure.autolayout"])
def test_picture_is_the_same_in_a_notebook_with_its_own_layout(layout):
    expected = timeline.png(VIDEO)
    with matplotlib.rc_context({layout: True}):
        assert timeline.png(VIDEO) == expected


def test_every_panel_names_what_it_shows():
    words = panels(render(VIDEO))
    for title in (
        "untrimmed_00",
        "video score: negative 0.69, positive 0.93  (class threshold 0.50)",
        "film",
        "audio",
        "Scores of each clip",
        "background",
        "lowest score level 0.000",
        "foreground: background ≤ 0.500",
        "Annotated points and pseudo labels",
        "▼ annotated point",
        "Proposals",
        "truth (n)",
        "truth (p)",
        "time (s)",
    ):
        assert title in words, title
    for label, name in (("n", "negative"), ("p", "positive")):
        count = sum(row[0] == label for row in proposals(VIDEO))
        assert f"{name}\n{min(count, 12)} of {count}" in words


def test_panels_share_one_axis_of_time():
    figure = render(VIDEO)
    film, *others = figure.axes
    place = film.get_position()
    for axes in others:
        assert axes.get_xlim() == pytest.approx((0, VIDEO.seconds))
        assert axes.get_position().x0 == pytest.approx(place.x0)
        assert axes.get_position().x1 == pytest.approx(place.x1)
    labelled = [a for a in others if any(t.label1.get_visible() for t in a.xaxis.get_major_ticks())]
    assert labelled == [figure.axes[-1]]


def test_scores_and_seeds_stand_at_their_clips():
    figure = render(VIDEO, STRICTER)
    scores, seeds = figure.axes[2:4]
    edges = np.arange(61) * CLIP
    for c in range(2):
        line = scores.lines[c]
        np.testing.assert_allclose(line.get_xdata(), edges)
        np.testing.assert_allclose(line.get_ydata()[:-1], VIDEO.scores[:, c])
    filled = [p for p in scores.patches if isinstance(p, StepPatch) and p.get_fill()]
    np.testing.assert_allclose(filled[0].get_data().values, VIDEO.scores[:, 2])
    np.testing.assert_allclose(filled[0].get_data().edges, edges)
    heights = [line.get_ydata()[0] for line in scores.lines[2:]]
    assert heights == pytest.approx([0.1, 0.4])  # the two levels
    styles = {line.get_linestyle() for line in scores.lines[:2]}
    assert len(styles) == 2  # told apart without colour

    steps = [p for p in seeds.patches if isinstance(p, StepPatch)]
    wanted = [VIDEO.act_seed[:, 0], VIDEO.act_seed[:, 1], VIDEO.bkg_seed]
    for base, step, values in zip((2, 1, 0), steps, wanted, strict=True):
        np.testing.assert_allclose(step.get_data().values - base, 0.9 * values, atol=1e-6)
    marks = [line for line in seeds.lines if line.get_marker() == "v"]
    found = sorted((float(m.get_xdata()[0]), int(m.get_ydata()[0])) for m in marks)
    rows = {"n": 2, "p": 1}
    assert found == sorted((t, rows[label]) for label, t in VIDEO.points)


def test_best_proposals_of_each_class_are_drawn_in_order():
    drawn = bars(render(VIDEO))
    wanted = []
    for label, colour in (("n", drawing.VERMILLION), ("p", drawing.BLUE)):
        mine = [row for row in proposals(VIDEO) if row[0] == label][:12]
        wanted += [(to_rgba(colour)[:3], *row[1:]) for row in mine]
    assert len(drawn) == len(wanted)
    for one, other in zip(drawn, wanted, strict=True):
        assert one[0] == pytest.approx(other[0])
        assert one[1] == pytest.approx(other[1], abs=0.00501)
        assert one[2:4] == pytest.approx(other[2:])
    assert not any(framed for *_, framed in drawn)


def test_better_proposals_are_darker():
    lane = next(a for a in render(VIDEO).axes if a.texts and a.get_ylim()[0] > 5)
    shades = [p.get_facecolor()[3] for p in lane.patches]
    assert shades == sorted(shades, reverse=True) and shades[0] > shades[-1]


@pytest.mark.parametrize("which", ["first", "last of n", "last"])
def test_chosen_proposal_is_framed_wherever_it_stands(which):
    found = proposals(VIDEO)
    negative = sum(row[0] == "n" for row in found)
    number = {"first": 0, "last of n": negative - 1, "last": len(found) - 1}[which]
    assert negative > 12  # so that the last one is not among the best
    figure = render(VIDEO, chosen=number)
    (framed,) = [row for row in bars(figure) if row[-1]]
    assert framed[2:4] == pytest.approx(found[number][2:])
    words = panels(figure)
    name = {"n": "negative", "p": "positive"}[found[number][0]]
    assert f"framed: {name}, score {found[number][1]:.2f}" in words
    # Its band runs through all the panels, and a frame lies on the film.
    (box,) = {(p.get_x(), p.get_width()) for p in figure.axes[0].patches}
    seconds = VIDEO.seconds / len(VIDEO.frames)
    assert box[0] * seconds == pytest.approx(found[number][2])
    for axes in figure.axes[1:]:
        lines = [line.get_xdata()[0] for line in axes.lines if line.get_zorder() == 1.5]
        assert lines == pytest.approx(found[number][2:])


def test_truth_is_hatched_at_its_time():
    figure = render(VIDEO)
    found = []
    for axes in figure.axes:
        for patch in axes.patches:
            if patch.get_hatch() and patch.get_zorder() == 2:
                found.append((patch.get_x(), patch.get_x() + patch.get_width(), patch.get_hatch()))
    assert len(found) == 3 and len({hatch for *_, hatch in found}) == 2
    wanted = sorted(VIDEO.truth, key=lambda row: (row[0], row[1]))  # lane by lane
    for one, other in zip(found, wanted, strict=True):
        assert one[:2] == pytest.approx(other[1:])


def test_classes_below_the_threshold_are_not_looked_for():
    words = panels(render(VIDEO, Thresholds(class_threshold=0.8)))
    assert "not looked for: the video score 0.69 is below 0.80" in words
    words = panels(render(VIDEO, Thresholds(class_threshold=1.0)))
    assert "(none reaches 1.00: the highest counts)" in words
    assert "not looked for: the video score 0.69 is below 1.00" in words
    flat = make_video(scores=np.tile(np.float32([0, 0, 1]), (60, 1)), video_score=[0.1, 0.9])
    assert proposals(flat) == [] and "no proposal at these levels" in panels(render(flat))
    assert "There is no proposal." in describe(flat)


def test_panels_follow_what_is_known():
    whole = render(VIDEO)
    bare = make_video(train=False, truth=None)
    figure = render(bare)
    words = panels(figure)
    for absent in ("truth", "Annotated", "Pseudo", "▼"):
        assert absent not in words
    assert figure.get_figheight() < whole.get_figheight() - 1
    assert "none in this video" in panels(render(make_video(truth=(("p", 5.0, 9.0),))))


@pytest.mark.parametrize("T", [2, 8, 60, 1200])
def test_short_and_long_videos_are_drawn(T):
    video = make_video(T, seed=3)
    found = proposals(video)
    assert found and all(0 <= row[2] < row[3] < video.seconds + 1e-9 for row in found)
    figure = render(video, chosen=len(found) - 1)
    assert len(bars(figure)) <= 24 and figure.get_figheight() < 10
    assert f"{T} clips of 16 frames" in describe(video)


LONG = "a film with quite a long name, so long that it cannot stand beside the scores"


@pytest.mark.parametrize("T, chosen", [(8, 0), (60, None), (60, 3), (1200, 1)])
@pytest.mark.parametrize("title", ["film", LONG])
@pytest.mark.parametrize("thresholds", [Thresholds(), Thresholds(class_threshold=1)])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_no_words_are_cut_off_or_printed_over_each_other(T, chosen, title, thresholds, lang):
    video = make_video(T, seed=4, title=title)
    figure = render(video, thresholds, chosen=chosen, lang=lang)
    renderer = figure.canvas.get_renderer()
    boxes = []
    for artist in figure.findobj(matplotlib.text.Text):
        words = artist.get_text()
        if words.strip() and artist.get_visible():
            box = matplotlib.text.Text.get_window_extent(artist, renderer)
            boxes.append((words, box))
    for words, box in boxes:
        assert box.x0 >= 0 and box.x1 <= 900, words
        assert box.y0 >= 0 and box.y1 <= figure.bbox.height, words
    for i, (words, box) in enumerate(boxes):
        for other_words, other in boxes[i + 1 :]:
            across = min(box.x1, other.x1) - max(box.x0, other.x0)
            down = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert across <= 1 or down <= 1, (words, other_words)


def test_other_classes_have_looks_too():
    names = ("calm", "tense", "sad")
    scores = np.pad(VIDEO.scores, ((0, 0), (1, 0)))
    video = make_video(
        train=False, class_names=names, scores=scores, video_score=[0.1, 0.9, 0.6],
        truth=(("tense", 3, 9),),
    )  # fmt: skip
    assert proposals(video)[0][0] == "tense"
    assert "truth (calm)" in panels(render(video))
    assert "tense" in measure([video]).ap_by_class
    assert "tenseAP" in timeline.report_words(measure([video]), None, 1)


def test_thresholds_change_the_picture():
    assert timeline.png(VIDEO, STRICTER) != timeline.png(VIDEO)


# --- a proposal's frames ------------------------------------------------------------------------


def test_frames_between_is_asked_for_the_proposals_time():
    asked = []

    def frames_between(start, end, count):
        asked.append((start, end, count))
        return film(VIDEO.seconds, start, end, count)

    frames, times = frames_of(make_video(frames_between=frames_between), 10, 14)
    assert asked == [(10, 14, 8)] and len(frames) == 8
    np.testing.assert_allclose(times, 10.25 + 0.5 * np.arange(8))


def test_without_frames_between_the_nearest_frames_are_shown_once():
    video = make_video(frames_between=None)
    part = video.seconds / 14
    frames, times = frames_of(video, 2.2 * part, 4.9 * part)
    np.testing.assert_array_equal(frames, video.frames[2:5])
    np.testing.assert_allclose(times, np.array([2.5, 3.5, 4.5]) * part)
    frames, times = frames_of(video, 2.2 * part, 2.3 * part)
    np.testing.assert_array_equal(frames, video.frames[2:3])
    words = panels(render_frames(video, ("p", 0.5, 2.2 * part, 4.9 * part)))
    assert "the nearest frames of the strip above" in words


@pytest.mark.parametrize("lang, unit", [("en", "s"), ("zh", "秒")])
def test_frames_stand_above_their_seconds(lang, unit):
    if drawing.drawable(lang) != lang:
        pytest.skip("no Chinese font on this machine")
    figure = render_frames(VIDEO, ("p", 0.8251, 10.0, 14.0), lang=lang)
    (axes,) = figure.axes
    expected = film(VIDEO.seconds, 10, 14, 8)
    np.testing.assert_array_equal([p.get_array() for p in axes.images], expected)
    words = panels(figure)
    for t in (f"10.2 {unit}", f"12.2 {unit}", f"13.8 {unit}", "0.825", f"10.0–14.0 {unit}"):
        assert t in words, t
    assert imread(io.BytesIO(drawing.png_bytes(figure))).shape[1] == 900


# --- words, files and bad input -----------------------------------------------------------------


def test_description_says_the_numbers():
    words = describe(VIDEO, chosen=0)
    best = max(proposals(VIDEO), key=lambda row: row[1])
    for part in (
        "untrimmed_00, 38.4 s, 60 clips of 16 frames.",
        "Video scores: negative 0.69, positive 0.93.",
        "With the class threshold at 0.50, negative and positive segments are looked for.",
        "Score levels from 0.000, foreground levels from 0.500, NMS at 0.50.",
        "Annotated points: positive at 9.9 s, negative at 25.3 s",
        "Ground truth: positive at 5.8–13.4 s, negative at 23.0–27.6 s",
        f"Proposals: 36; the best is positive at {best[2]:.1f}–{best[3]:.1f} s, score 1.06.",
        "Framed: negative at",
    ):
        assert part in words, part
    chinese = describe(VIDEO, chosen=0, lang="zh")
    for part in ("60 个小段", "标注点：正面 9.9 秒", "真值：正面", "36 个候选片段", "加框的是负面"):
        assert part in chinese, part
    words = describe(make_video(train=False, truth=None), Thresholds(class_threshold=1))
    assert "only segments of the highest are looked for: positive." in words
    assert "The ground truth is unknown." in words
    assert "Framed" not in words and "Annotated" not in words
    many = make_video(points=[("p", float(t)) for t in range(9)])
    assert "positive at 5.0 s, and 3 more." in describe(many)


def test_chinese_labels_need_a_chinese_font(monkeypatch):
    monkeypatch.setattr(drawing, "chinese_font", lambda: None)
    assert "Proposals" in panels(render(VIDEO, lang="zh"))
    # A font that is surely there stands in: the words are Chinese whichever font draws them.
    monkeypatch.setattr(drawing, "chinese_font", lambda: "DejaVu Sans")
    with pytest.warns(UserWarning, match="missing from font"):
        words = panels(render(VIDEO, lang="zh"))
    for title in ("候选片段", "标注点与伪标签", "各小段的得分", "真值 p", "时间（秒）", "背景"):
        assert title in words, title
    assert "Proposals" not in words and "truth" not in words


@pytest.mark.skipif(drawing.chinese_font() is None, reason="no Chinese font on this machine")
def test_chinese_font_draws_every_label(recwarn):
    timeline.png(make_video(title="视频"), lang="zh")
    assert not [w for w in recwarn if "missing from font" in str(w.message)]


def test_both_languages_have_the_same_words():
    assert timeline.TEXT["en"].keys() == timeline.TEXT["zh"].keys()
    assert timeline.TEXT["en"]["class_names"].keys() == timeline.TEXT["zh"]["class_names"].keys()


def test_drawing_leaves_the_callers_style_and_arrays_alone():
    style, frames, scores = dict(matplotlib.rcParams), VIDEO.frames.copy(), VIDEO.scores.copy()
    render(VIDEO, chosen=0)
    assert dict(matplotlib.rcParams) == style
    np.testing.assert_array_equal(VIDEO.frames, frames)
    np.testing.assert_array_equal(VIDEO.scores, scores)


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("frames", VIDEO.frames / 255, r"TimelineVideo\.frames: found float64.*uint8"),
        ("frames", VIDEO.frames[0], r"frames: found shape \[36, 64, 3\]"),
        ("waveform", np.zeros((2, 9)), r"waveform: found shape \[2, 9\], wanted shape \[n\]"),
        ("waveform", np.zeros(0), r"waveform: found shape \[0\]"),
        ("waveform", np.array([np.inf]), "waveform: found .* wanted finite numbers"),
        ("scores", VIDEO.scores[:, :2], r"scores: found shape \[60, 2\], wanted shape \[T, 3\]"),
        ("scores", VIDEO.scores * 3, "scores: found .* wanted numbers from 0 to 1"),
        ("scores", -VIDEO.scores, "scores: found .* wanted numbers from 0 to 1"),
        ("video_score", [0.5], r"video_score: found shape \[1\], wanted shape \[2\]"),
        ("video_score", [0.5, 2], "video_score: found .* wanted numbers from 0 to 1"),
        ("act_seed", VIDEO.act_seed[:, :2], r"act_seed: found shape \[60, 2\]"),
        ("bkg_seed", VIDEO.bkg_seed[1:], r"bkg_seed: found shape \[59\], wanted shape \[60\]"),
    ],
)
def test_bad_fields_are_named(field, value, message):
    with pytest.raises(DataError, match=message):
        make_video(**{field: value})


@pytest.mark.parametrize(
    "field, value, most",
    [
        ("class_threshold", 1.1, "1"),
        ("score_level", 0.3, "0.225"),
        ("foreground_level", 0.8, "0.7"),
        ("nms", -1, "1"),
    ],
)
def test_bad_thresholds_are_named(field, value, most):
    with pytest.raises(DataError, match=rf"Thresholds\.{field}: found .*, wanted 0 to {most}\."):
        Thresholds(**{field: value})


def test_unknown_languages_are_refused():
    with pytest.raises(DataError, match="'fr'"):
        render(VIDEO, lang="fr")


# --- the widget ---------------------------------------------------------------------------------


def test_widget_shows_the_chosen_video_and_thresholds():
    explorer = timeline_widget([VIDEO, OTHER])
    assert explorer.thresholds == Thresholds()
    assert explorer.image.value == timeline.png(VIDEO)
    assert describe(VIDEO) in explorer.note.value
    before = measure([VIDEO, OTHER])
    assert timeline.report_words(before, None, 2) in explorer.numbers.value

    explorer.nms.value = 0.1
    thresholds = Thresholds(nms=0.1)
    assert explorer.thresholds == thresholds
    assert explorer.image.value == timeline.png(VIDEO, thresholds)
    words = timeline.report_words(measure([VIDEO, OTHER], thresholds), before, 2)
    assert "→" in words and words in explorer.numbers.value

    explorer.clip.value = 1  # the thresholds stay
    assert explorer.image.value == timeline.png(OTHER, thresholds)
    assert "untrimmed_01" in explorer.note.value
    assert words in explorer.numbers.value  # they are of all videos


def test_each_slider_reaches_its_threshold():
    explorer = timeline_widget([VIDEO])
    explorer.class_threshold.value = 0.8
    explorer.score_level.value = 4 * 0.025  # 0.1, or a hair beside it
    explorer.foreground_level.value = 0.6
    explorer.nms.value = 3 * 0.1  # 0.30000000000000004, as the browser sends it
    assert explorer.thresholds == STRICTER
    assert explorer.image.value == timeline.png(VIDEO, STRICTER)
    found = proposals(VIDEO, STRICTER)
    assert [b.description for b in explorer.buttons] == [
        f"{found[i][0]} {found[i][1]:.2f}" for i in explorer.numbers_of
    ]


def test_sliders_cannot_leave_the_range():
    explorer = timeline_widget([VIDEO])
    for slider in (
        explorer.class_threshold,
        explorer.score_level,
        explorer.foreground_level,
        explorer.nms,
    ):
        assert not slider.continuous_update
        for value in (slider.max, slider.min):
            slider.value = value
            assert explorer.image.value == timeline.png(VIDEO, explorer.thresholds)
    ends = [(s.min, s.max, s.step) for s in (explorer.score_level, explorer.foreground_level)]
    assert ends == [(0, 0.225, 0.025), (0.5, 0.7, 0.025)]


def test_best_proposals_have_buttons_on_the_pictures_axis_of_time():
    explorer = timeline_widget([VIDEO])
    found = proposals(VIDEO)
    best = sorted(found, key=lambda row: -row[1])[:10]
    assert [found[i] for i in explorer.numbers_of] == best
    for button, (label, score, start, end) in zip(explorer.buttons, best, strict=True):
        assert button.description == f"{label} {score:.2f}"
        assert f"{start:.1f}–{end:.1f} s" in button.tooltip
    inner, left_margin = drawing.INNER / drawing.WIDTH * 100, drawing.MARGIN_LEFT / drawing.WIDTH
    places = {}
    for button in explorer._lane.children:  # in columns of a pixel of the picture, from 1
        area = button.layout.grid_area.removeprefix("auto / ")
        first, width = map(int, area.split(" / auto / span "))
        places[button] = ((first - 1) / 9, (first - 1 + width) / 9)
        assert places[button][1] <= 100 - 100 * drawing.MARGIN_RIGHT / drawing.WIDTH + 0.1
    assert list(places) == explorer.buttons
    for button, (_, _, start, end) in zip(explorer.buttons, best, strict=True):
        left, right = (100 * left_margin + inner * t / VIDEO.seconds for t in (start, end))
        if right - left > 8:
            assert places[button] == pytest.approx((left, right), abs=0.12)
        else:  # wider than a short proposal, and over it
            assert places[button][0] <= left + 0.12 and places[button][1] >= right - 0.12


def test_click_frames_the_proposal_and_shows_its_frames():
    asked = []

    def frames_between(start, end, count):
        asked.append((start, end, count))
        return film(VIDEO.seconds, start, end, count)

    video = make_video(frames_between=frames_between)
    explorer = timeline_widget([video, OTHER])
    assert asked == [] and explorer.strip not in explorer.widget.children
    buttons = explorer.buttons
    buttons[2].click()
    number = explorer.numbers_of[2]
    chosen = proposals(video)[number]
    assert explorer.chosen == number and asked == [(*chosen[2:], 8)]
    assert explorer.image.value == timeline.png(video, chosen=number)
    assert explorer.strip.value == drawing.png_bytes(render_frames(video, chosen))
    assert explorer.strip in explorer.widget.children
    assert "Framed:" in explorer.note.value
    assert explorer.buttons is buttons  # so that the keyboard's focus stays
    assert [b.style.font_weight for b in buttons].count("bold") == 1

    asked.clear()
    buttons[3].click()
    buttons[2].click()
    assert len(asked) == 1  # each once
    buttons[2].click()  # again: no proposal
    assert explorer.chosen is None and explorer.strip not in explorer.widget.children
    assert explorer.image.value == timeline.png(video)

    explorer.buttons[0].click()
    explorer.clip.value = 1
    assert explorer.chosen is None and explorer.image.value == timeline.png(OTHER)


def test_framed_proposal_stays_while_it_is_proposed():
    explorer = timeline_widget([VIDEO])
    explorer.buttons[0].click()
    framed = proposals(VIDEO)[explorer.chosen]
    explorer.nms.value = 0.3
    kept = proposals(VIDEO, explorer.thresholds)[explorer.chosen]
    assert kept == framed
    assert explorer.image.value == timeline.png(VIDEO, explorer.thresholds, chosen=explorer.chosen)
    explorer.choose(None)
    explorer.choose(len(proposals(VIDEO, explorer.thresholds)) - 1)
    explorer.nms.value = 0.1
    explorer.class_threshold.value = 1.0
    row = explorer.chosen and proposals(VIDEO, explorer.thresholds)[explorer.chosen]
    assert row is None or row[0] == "p"


def test_error_of_frames_between_is_one_line_and_asked_again():
    broken = [True]

    def failing(start, end, count):
        if broken[0]:
            raise OSError("no such\n file <film>")
        return film(VIDEO.seconds, start, end, count)

    video = make_video(frames_between=failing)
    explorer = timeline_widget([video])
    explorer.buttons[0].click()
    number = explorer.numbers_of[0]
    assert explorer.image.value == timeline.png(video, chosen=number)  # framed all the same
    label, _, start, end = proposals(video)[number]
    assert explorer.error == (
        f"No frames of positive at {start:.1f}–{end:.1f} s: OSError: no such file <film>"
    )
    assert "no such file &lt;film&gt;" in explorer.note.value and 'role="alert"' in (
        explorer.note.value
    )
    assert explorer.strip not in explorer.widget.children
    broken[0] = False
    explorer.buttons[1].click()
    assert explorer.error == "" and "alert" not in explorer.note.value
    explorer.buttons[0].click()
    assert explorer.strip.value == drawing.png_bytes(render_frames(video, proposals(video)[number]))


def test_old_buttons_are_closed():
    explorer = timeline_widget([VIDEO])
    old = explorer.buttons[0]
    explorer.nms.value = 0.3
    explorer.nms.value = 0.5
    assert old not in explorer.buttons and old.comm is None
    assert old.layout.comm is None and old.style.comm is None


def test_widget_speaks_chinese():
    explorer = timeline_widget([VIDEO], lang="zh")
    assert (explorer.clip.description, explorer.nms.description) == ("视频：", "NMS 重叠度：")
    assert explorer.image.value == timeline.png(VIDEO, lang="zh")
    assert "1 个有真值的视频" in explorer.numbers.value
    explorer.buttons[0].click()
    chosen = proposals(VIDEO)[explorer.chosen]
    assert explorer.strip.value == drawing.png_bytes(render_frames(VIDEO, chosen, lang="zh"))
    assert "加框的是正面" in explorer.note.value


def test_widget_without_truth_or_proposals_goes_on():
    flat = make_video(scores=np.tile(np.float32([0, 0, 1]), (60, 1)), truth=None)
    explorer = timeline_widget([flat, make_video(seed=5, truth=None)])
    assert explorer.buttons == [] and "nothing to measure" in explorer.numbers.value
    explorer.clip.value = 1
    assert explorer.buttons
    explorer.clip.value = 0
    assert explorer.buttons == []


def test_display_bundle_has_the_picture_first_and_the_live_view():
    explorer = timeline_widget([VIDEO])
    bundle = explorer._repr_mimebundle_()
    assert list(bundle)[0] == "image/png"
    assert base64.b64decode(bundle["image/png"]) == explorer.image.value
    assert bundle["text/plain"] == describe(VIDEO)
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == explorer.widget.model_id
    json.dumps(bundle)  # what the kernel sends must be plain


def test_widget_without_videos_is_refused():
    with pytest.raises(DataError, match="TimelineExplorer: found nothing to show"):
        timeline_widget([])
    with pytest.raises(DataError, match="'fr'"):
        timeline_widget([VIDEO], lang="fr")
