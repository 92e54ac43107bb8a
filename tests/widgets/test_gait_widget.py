"""The gait pictures: what they draw and say, what they refuse, and the widget around them."""

import base64
import io
import json
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.image import imread
from support.states.gait import T, make_graphs, make_state

from jacklib.core.skeleton import EDGES, JOINTS, Graph
from jacklib.data.gait_features import FEATURES
from jacklib.errors import DataError
from jacklib.widgets import drawing, gait, gait_drawing, gait_state
from jacklib.widgets.gait import gait_widget
from jacklib.widgets.gait_drawing import feature_name, joint_name, project
from jacklib.widgets.gait_state import Choice, GaitGraphs, graphs_of, streams_of, strongest_pairs

BONES = {frozenset(edge) for edge in EDGES}


HAPPY, SAD = make_state(), make_state("sad", seed=1)
SHORT = make_state("angry", seed=2, walked=15)
NOTHING_SEEN = dict(label=None, affective_predicted=None, graphs=GaitGraphs())
BARE = replace(HAPPY, title="bare", **NOTHING_SEEN)


def with_choice(function):
    """A function of `gait` that takes the parts of its choice by name."""

    def call(states, *, graph=None, stream=None, part="all", unit=10, **options):
        stream = stream or streams_of(states)[0]
        graph = graph or graphs_of(states, stream)[0]
        return function(states, Choice(graph, stream, part, unit), **options)

    return call


render, png, describe = map(with_choice, (gait.render, gait.png, gait.describe))


def test_without_a_choice_it_is_the_first_graph_of_the_first_stream():
    assert gait.png([HAPPY]) == png([HAPPY], graph="attention", stream="posture")
    assert gait.describe([HAPPY, BARE]) == describe([HAPPY, BARE], graph="skeleton")


def words_of(figure):
    """All words in the figure, joined."""
    return " | ".join(t.get_text() for t in figure.findobj(matplotlib.text.Text))


def pixels(data):
    """A PNG file's pixels without the opacity."""
    return imread(io.BytesIO(data), "png")[..., :3]


class Drawn:
    """The artists of one stage, read back from a figure."""

    def __init__(self, figure, number=0):
        stages = [axes for axes in figure.axes if len(axes.collections) == 7]
        axes = stages[number]
        lines = [c for c in axes.collections if type(c) is LineCollection]
        self.floor, self.traces, self.body, self.bones, self.arcs = lines
        (self.circles,) = (c for c in axes.collections if isinstance(c, PathCollection))
        (self.heads,) = (c for c in axes.collections if isinstance(c, PolyCollection))
        (self.words,) = (t.get_text() for t in axes.texts)

    @property
    def joints(self):
        return np.asarray(self.circles.get_offsets())

    def joint_at(self, place):
        return int(np.linalg.norm(self.joints - place, axis=1).argmin())

    @property
    def pairs(self):
        """(from, to) of each arc, told by the joints that it begins and ends at."""
        return [(self.joint_at(p[0]), self.joint_at(p[-1])) for p in self.arcs.get_segments()]


def cursors(figure):
    """Where the upright lines stand, one a panel with an axis of frames."""
    found = []
    for axes in figure.axes:
        found += [
            line.get_xdata()[0]
            for line in axes.lines
            if len(line.get_xdata()) == 2 and len(set(line.get_xdata())) == 1
        ]
    return found


def curves(figure, words):
    """The lines of the curve panel whose title stands in the figure right above it."""
    (title,) = [t for t in figure.texts if t.get_text() == words]
    x, y = title.get_position()

    def apart(axes):
        box = axes.get_position()
        return abs(box.y1 - y) + abs(box.x0 - x) + (box.y1 > y)

    axes = min((a for a in figure.axes if len(a.lines) > 2), key=apart)
    return [line for line in axes.lines if len(line.get_xdata()) > 2], axes


def by_hand(matrix, count):
    """The strongest pairs that are no bone, found without the widget's code."""
    best = {}
    for a in range(16):
        for b in range(16):
            pair = frozenset((a, b))
            if a != b and pair not in BONES and matrix[a, b] != 0:
                if pair not in best or abs(matrix[a, b]) > abs(best[pair][2]):
                    best[pair] = (a, b, matrix[a, b])
    return sorted(best.values(), key=lambda row: -abs(row[2]))[:count]


# --- the graph on the stage ---------------------------------------------------------------------


@pytest.mark.parametrize("graph", ["attention", "learned", "sum"])
@pytest.mark.parametrize("stream", ["posture", "movement"])
@pytest.mark.parametrize("unit, part", [(1, "all"), (6, "inward"), (10, "outward")])
def test_arcs_are_the_strongest_pairs_beyond_the_bones(graph, stream, unit, part):
    drawn = Drawn(render([HAPPY], graph=graph, stream=stream, unit=unit, part=part, frame=5))
    seen = getattr(HAPPY.graphs, f"{stream}_attention")[unit - 1]
    learned = getattr(HAPPY.graphs, f"{stream}_learned")[unit - 1]
    total = {"attention": seen, "learned": learned, "sum": Graph().A + learned + seen}[graph]
    matrix = total.mean(0) if part == "all" else total[Graph().part_names.index(part)]
    wanted = by_hand(matrix, gait_state.PAIRS)
    assert drawn.pairs == [(a, b) for a, b, _ in wanted] and len(wanted) == 6
    assert len(drawn.heads.get_paths()) == 6


def test_strongest_pairs_take_the_stronger_direction_and_either_sign():
    matrix = np.zeros((16, 16))
    matrix[3, 9], matrix[9, 3] = 0.2, 0.5
    matrix[6, 12] = -0.7
    matrix[1, 0] = matrix[0, 1] = matrix[5, 5] = 9  # a bone and a joint itself
    assert strongest_pairs(matrix) == [(6, 12, -0.7), (9, 3, 0.5)]
    assert strongest_pairs(matrix, 1) == [(6, 12, -0.7)]


def test_skeleton_has_bones_alone():
    figure = render([HAPPY], graph="skeleton", part="inward")
    drawn = Drawn(figure)
    assert drawn.pairs == [] and len(drawn.bones.get_segments()) == 15
    assert "Skeleton A, part “inward”" in words_of(figure) and "no other edges" in words_of(figure)
    ends = {frozenset(map(drawn.joint_at, bone)) for bone in drawn.bones.get_segments()}
    assert ends == BONES


def test_bones_are_coloured_by_their_weight():
    """One bone is far stronger than all else; it alone has the last colour, and the widest line."""
    attention = np.full((10, 3, 16, 16), 1 / 16)
    attention[:, :, :, 12] = 0.02
    attention[:, :, 11, 12] = 0.7  # left knee -> left foot
    drawn = Drawn(render([make_state(graphs=make_graphs(posture_attention=attention))]))
    colours, widths = drawn.bones.get_colors(), drawn.bones.get_linewidths()
    strongest = int(np.argmax(widths))
    ends = {drawn.joint_at(end) for end in drawn.bones.get_segments()[strongest]}
    assert ends == {11, 12}
    np.testing.assert_allclose(colours[strongest], gait_drawing.WEIGHTS(1.0))
    others = np.delete(colours, strongest, axis=0)
    assert (np.abs(others - colours[strongest]).max(1) > 0.1).all()


def test_negative_and_positive_weights_have_other_colours():
    learned = np.zeros((10, 3, 16, 16))
    learned[:, :, 3, 12], learned[:, :, 6, 15] = 0.4, -0.4
    drawn = Drawn(
        render([make_state(graphs=make_graphs(posture_learned=learned))], graph="learned")
    )
    assert drawn.pairs == [(3, 12), (6, 15)]
    np.testing.assert_allclose(drawn.arcs.get_colors(), gait_drawing.SIGNED([1.0, 0.0]))


@pytest.mark.parametrize("unit, fusion", [(1, 0), (4, 0), (5, 1), (7, 1), (8, 2), (10, 2)])
def test_joints_grow_with_the_attention_of_the_units_fusion(unit, fusion):
    figure = render([HAPPY], unit=unit, stream="movement")
    sizes = Drawn(figure).circles.get_sizes()
    np.testing.assert_array_equal(
        np.argsort(sizes), np.argsort(HAPPY.graphs.movement_joints[fusion])
    )
    assert f"attention to them in fusion {fusion + 1}" in words_of(figure)


def test_without_fusion_joints_show_the_attention_that_they_get():
    state = make_state(graphs=make_graphs(posture_joints=None))
    figure = render([state], unit=3)
    wanted = state.graphs.posture_attention[2].mean(0).mean(1)  # [from, to]: mean over "to"
    np.testing.assert_array_equal(np.argsort(Drawn(figure).circles.get_sizes()), np.argsort(wanted))
    assert "mean attention they get" in words_of(figure)
    sizes = Drawn(render([BARE])).circles.get_sizes()
    assert len(set(sizes)) == 1


def test_both_gaits_share_the_scale_of_colours_and_metres():
    figure = render([HAPPY, SAD], graph="learned")
    drawn = [Drawn(figure, number) for number in (0, 1)]
    top = max(
        np.abs(s.graphs.posture_learned[9].mean(0)[~np.eye(16, dtype=bool)]).max()
        for s in (HAPPY, SAD)
    )
    for state, stage in zip((HAPPY, SAD), drawn, strict=True):
        wanted = by_hand(state.graphs.posture_learned[9].mean(0), 6)
        shares = [0.5 + weight / top / 2 for *_, weight in wanted]
        np.testing.assert_allclose(stage.arcs.get_colors(), gait_drawing.SIGNED(shares), atol=0.02)
    one, two = (a for a in figure.axes if len(a.collections) == 7)
    assert one.get_xlim() == pytest.approx(two.get_xlim()) and one.get_ylim() == two.get_ylim()


# --- the walker ---------------------------------------------------------------------------------


def test_projection_keeps_sides_and_heights():
    left, up, ahead = np.eye(3)
    for azimuth, wanted in ((0, (1, 0)), (90, (0, -1)), (-90, (0, 1)), (180, (-1, 0))):
        right = [project(p, azimuth)[0][0] for p in (left, ahead)]
        np.testing.assert_allclose(right, wanted, atol=1e-12)
    flat, _ = project(up, 33)
    assert flat[0] == 0 and flat[1] > 0.9
    assert project(ahead, 0)[1] > project(-ahead, 0)[1]  # from the front: ahead is nearer


@pytest.mark.parametrize("frame", [0, 7, T - 1])
def test_joints_stand_where_the_pose_is_with_the_root_in_the_middle(frame):
    drawn = Drawn(render([HAPPY], frame=frame, azimuth=30))
    pose = HAPPY.pose[frame] - HAPPY.pose[frame, 0] * [1, 0, 1]
    pose = pose - [0, HAPPY.pose[..., 1].min(), 0]
    np.testing.assert_allclose(drawn.joints, project(pose, 30)[0])
    assert drawn.joints[0, 0] == 0


@pytest.mark.parametrize("azimuth, near, far", [(-90, "right", "left"), (90, "left", "right")])
def test_nearer_limbs_are_drawn_over_the_others(azimuth, near, far):
    drawn = Drawn(render([HAPPY], frame=3, azimuth=azimuth))
    bones = [set(map(drawn.joint_at, bone)) for bone in drawn.bones.get_segments()]

    def when(side, one, other):
        return bones.index({JOINTS.index(f"{side} {one}"), JOINTS.index(f"{side} {other}")})

    for limb in (("hip", "knee"), ("shoulder", "elbow"), ("elbow", "hand")):
        assert when(near, *limb) > when(far, *limb)
    np.testing.assert_array_equal(drawn.body.get_segments(), drawn.bones.get_segments())


def test_floor_passes_beneath_as_far_as_the_walker_goes():
    """Lines across the way stand still in the world: in the picture they move by the way walked."""

    def across(frame):
        lines = Drawn(render([HAPPY], frame=frame, azimuth=-90)).floor.get_segments()
        return np.array([line[0][0] for line in lines[:-2]])

    way = HAPPY.pose[3, 0, 2] - HAPPY.pose[2, 0, 2]
    assert way > 0.01
    before, after = across(2), across(3)
    gaps = (before[:, None] - way - after) / gait_drawing.FLOOR_STEP
    assert np.abs(gaps - gaps.round()).max() < 1e-6


def test_frames_of_zeros_are_not_drawn():
    assert SHORT.frames == 15
    there = Drawn(render([SHORT], frame=14))
    assert len(there.bones.get_segments()) == 15 and there.words == "frame 14 of 15, 0.47 s"
    figure = render([SHORT], frame=15)
    gone = Drawn(figure)
    assert gone.words == "this gait ends at frame 14"
    assert len(gone.bones.get_segments()) == len(gone.arcs.get_segments()) == len(gone.joints) == 0
    assert len(gone.heads.get_paths()) == 0
    lines, axes = curves(figure, feature_name(22, "en"))
    assert [len(line.get_xdata()) for line in lines] == [15, 15]
    assert axes.get_xlim() == (-0.5, 14.5)
    # The zeros neither pull the traces of the feet to the origin nor lower the floor.
    full = Drawn(render([make_state("angry", seed=2, walked=15, frames=15)], frame=14))
    np.testing.assert_allclose(there.joints, full.joints)
    np.testing.assert_allclose(there.traces.get_segments(), full.traces.get_segments())


def test_of_two_gaits_the_shorter_ends_first():
    figure = render([SHORT, SAD], frame=20)
    assert len(Drawn(figure, 0).joints) == 0 and len(Drawn(figure, 1).joints) == 16
    lines, axes = curves(figure, feature_name(22, "en"))
    assert [len(line.get_xdata()) for line in lines] == [15, 15, T, T]
    assert axes.get_xlim() == (-0.5, T - 0.5)


# --- the panels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("states", [[HAPPY], [HAPPY, SAD]], ids=len)
@pytest.mark.parametrize("frame", [0, 11])
def test_cursors_stand_at_the_frame(states, frame):
    figure = render(states, frame=frame)
    assert cursors(figure) == [frame] * 5  # three curves, and times and strip or times and times
    lines, axes = curves(figure, feature_name(22, "en"))
    mine = [line for line in axes.lines if len(line.get_xdata()) == 1]
    assert [dot.get_xdata()[0] for dot in mine] == [frame] * len(states)
    assert [dot.get_ydata()[0] for dot in mine] == [s.affective[frame, 22] for s in states]


def test_curves_are_the_chosen_features_of_each_gait():
    assert FEATURES[23] == "area left hand, neck, right hand"
    figure = render([HAPPY, SAD], features=[23, 0])
    for number in (23, 0):
        lines, _ = curves(figure, feature_name(number, "en"))
        wanted = [getattr(s, k) for s in (HAPPY, SAD) for k in ("affective", "affective_predicted")]
        for line, values in zip(lines, wanted, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), values[:, number])
    assert feature_name(22, "en") not in words_of(figure)


def test_feature_names_are_told_in_both_languages():
    assert feature_name(5, "en") == "angle R shoulder – R elbow – R hand (rad)"
    assert feature_name(5, "zh") == "角度 右肩–右肘–右手（弧度）"
    assert feature_name(13, "zh") == "角度 头–骨盆–正上方（弧度）"
    for lang in ("en", "zh"):
        assert len({feature_name(i, lang) for i in range(31)}) == 31
    assert all(feature_name(i, "zh").isascii() is False for i in range(31))


def test_bars_are_the_probabilities_and_the_heading_names_the_likeliest():
    probabilities = np.array([0.1, 0.25, 0.6, 0.05])
    figure = render([make_state(probabilities=probabilities, label="sad")])
    (axes,) = (
        a for a in figure.axes if [t.get_text() for t in a.get_yticklabels()][:1] == ["happy"]
    )
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], probabilities)
    loudest = [to_rgba(bar.get_facecolor()) == to_rgba(drawing.BLUE) for bar in axes.patches]
    assert loudest == [False, False, True, False]
    assert "true: sad    predicted: angry (60%)" in words_of(figure)
    true = axes.get_yticklabels()[1]
    assert true.get_text() == "sad" and true.get_color() == drawing.VERMILLION


def test_times_are_those_of_the_stream_at_their_frames():
    figure = render([HAPPY], stream="movement")
    rows = [a for a in figure.axes if len(a.images) == 3][0].images
    for row, (image, values) in enumerate(zip(rows, HAPPY.graphs.movement_times, strict=True)):
        shown = np.asarray(image.get_array())[0]
        assert len(shown) == T and image.get_extent()[:2] == [-0.5, T - 0.5]
        np.testing.assert_array_equal(shown, [values[t // 2**row] for t in range(T)])


def test_odd_numbers_of_frames_are_drawn():
    state = make_state(walked=21, frames=21)
    rows = [a for a in render([state]).axes if len(a.images) == 3][0].images
    assert [np.asarray(image.get_array()).shape for image in rows] == [(1, 21)] * 3


def test_panels_follow_what_the_state_has():
    words = words_of(render([BARE]))
    for absent in ("Attention to times", "network's", "fusion"):
        assert absent not in words, absent
    assert "true label unknown" in words and "attention not known" in words
    assert "Skeleton A" in words and "Affective features" in words
    one_stream = make_state(
        graphs=make_graphs(
            **{f"posture_{kind}": None for kind in ("attention", "learned", "joints", "times")}
        )
    )
    assert "Attention, movement stream, unit 10" in words_of(render([one_stream]))
    assert graphs_of([one_stream], "posture") == ["skeleton"]
    assert graphs_of([one_stream, BARE], "movement") == ["skeleton"]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    "states, options",
    [
        ([HAPPY], {}),
        ([HAPPY], {"graph": "learned", "features": [0, 2, 1], "frame": 20}),
        ([HAPPY], {"graph": "skeleton", "features": [22]}),
        ([replace(BARE, title="$x^")], {}),
        ([HAPPY, SHORT], {"frame": 18}),
        ([replace(HAPPY, title="a very long title of a gait " * 4), SAD], {"graph": "sum"}),
        ([replace(HAPPY, graphs=GaitGraphs()), BARE], {"features": [3, 4]}),
    ],
    ids=["one", "learned", "skeleton", "bare", "two", "long", "few"],
)
def test_no_words_are_cut_off_or_printed_over_each_other(states, options, lang):
    figure = render(states, lang=lang, **options)
    assert figure.get_figwidth() * figure.dpi == 900
    renderer = figure.canvas.get_renderer()
    boxes = []
    for artist in figure.findobj(matplotlib.text.Text):
        words = artist.get_text()
        if not words.strip() or not artist.get_visible():
            continue
        box = artist.get_window_extent(renderer)
        boxes.append((words, box))
        assert box.x0 >= 0 and box.x1 <= 900, words
        assert box.y0 >= 0 and box.y1 <= figure.bbox.height, words
    for i, (words, box) in enumerate(boxes):
        for other_words, other in boxes[i + 1 :]:
            across = min(box.x1, other.x1) - max(box.x0, other.x0)
            down = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert across <= 1 or down <= 1, (words, other_words)


def test_picture_is_repeatable_and_follows_each_argument():
    first = png([HAPPY])
    assert first == png([HAPPY])
    changes = (
        dict(frame=3), dict(graph="learned"), dict(part="self"), dict(unit=2),
        dict(stream="movement"), dict(features=[1]), dict(azimuth=10),
    )  # fmt: skip
    assert len({first, *(png([HAPPY], **change) for change in changes)}) == 1 + len(changes)


def test_drawing_leaves_the_callers_style_and_arrays_alone():
    before, pose = dict(matplotlib.rcParams), HAPPY.pose.copy()
    render([HAPPY], frame=4)
    assert dict(matplotlib.rcParams) == before
    np.testing.assert_array_equal(HAPPY.pose, pose)


def test_figures_are_not_kept_by_pyplot():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    explorer = gait_widget([HAPPY, SAD])
    explorer.frame.value = 3
    explorer.unit.value = 2
    render([HAPPY])
    assert plt.get_fignums() == before


# --- languages and words ------------------------------------------------------------------------


def test_both_languages_have_the_same_words():
    assert gait.TEXT["en"].keys() == gait.TEXT["zh"].keys()


@pytest.mark.skipif(drawing.chinese_font() is None, reason="no Chinese font on this machine")
def test_chinese_picture_is_chinese_and_drawn_whole(recwarn):
    figure = render([HAPPY, SAD], lang="zh")
    words = words_of(figure)
    for chinese in ("注意力图，姿态流，第 10 单元", "真实：高兴 happy", "情感特征", "第 0 帧"):
        assert chinese in words, chinese
    for english in ("Affective", "stream", "predicted", "fusion", "frame"):
        assert english not in words, english
    png([HAPPY, SAD], lang="zh")
    assert not [w for w in recwarn if "missing from font" in str(w.message)]


def test_chinese_labels_need_a_chinese_font(monkeypatch):
    monkeypatch.setattr(drawing, "chinese_font", lambda: None)
    assert "Affective features" in words_of(render([HAPPY], lang="zh"))


def test_description_says_what_the_data_say():
    words = describe([HAPPY], unit=6, graph="learned", stream="movement", part="inward")
    best = HAPPY.probabilities.argmax()
    assert (
        f"Predicted {HAPPY.class_names[best]}, probability {HAPPY.probabilities[best]:.2f}" in words
    )
    assert "true label happy." in words and "24 frames, 0.8 s" in words
    pairs = by_hand(HAPPY.graphs.movement_learned[5, 1], 3)
    told = ", ".join(f"{JOINTS[a]} → {JOINTS[b]} {w:.3g}" for a, b, w in pairs)
    assert f"(learned graph PA, movement stream, unit 6, part “inward”): {told}." in words
    joints = HAPPY.graphs.movement_joints[1]
    order = np.argsort(-joints)
    told = ", ".join(f"{JOINTS[j]} {joints[j]:.2f}" for j in order[:3])
    assert f"Most important joints (attention in fusion 2): {told}." in words
    assert JOINTS[order[3]] + f" {joints[order[3]]:.2f}" not in words


def test_description_of_two_and_of_little():
    words = describe([SAD, BARE])
    assert words.index("walk 1:") < words.index("bare:")
    assert "Only bones have weights" in words
    chinese = describe([SAD], lang="zh")
    assert "真实标签为悲伤 sad" in chinese and "最重要的关节（第 3 个融合模块的注意力）" in chinese
    best = int(SAD.graphs.posture_joints[2].argmax())
    assert joint_name(best, "zh") in chinese.split("融合模块的注意力）：")[1]


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("pose", np.zeros((T, 16, 3)), r"GaitState\.pose.*zeros only"),
        ("pose", np.ones((T, 15, 3)), r"GaitState\.pose: found shape \[24, 15, 3\]"),
        ("affective", np.zeros((T, 30)), r"GaitState\.affective: found shape \[24, 30\]"),
        ("affective_predicted", np.full((T, 31), np.nan), "predicted: .* wanted finite numbers"),
        ("label", "bored", "label: found 'bored', wanted one of happy, sad"),
        ("probabilities", np.ones(4), "probabilities: found .* with a sum of 1"),
        ("probabilities", np.ones(3) / 3, r"probabilities: found shape \[3\], wanted shape \[4\]"),
    ],
)
def test_bad_fields_of_a_state_are_named(field, value, message):
    with pytest.raises(DataError, match=message):
        make_state(**{field: value})


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("posture_attention", -np.ones((10, 3, 16, 16)), "wanted weights of zero or more"),
        ("movement_attention", np.ones((9, 3, 16, 16)) / 16, r"found shape \[9, 3, 16, 16\]"),
        ("movement_learned", np.zeros((3, 16, 16)), r"movement_learned: found shape \[3, 16, 16\]"),
        ("posture_joints", np.full((3, 16), 1.5), "posture_joints: found .* from 1.5 to 1.5"),
    ],
)
def test_bad_fields_of_graphs_are_named(field, value, message):
    with pytest.raises(DataError, match=message) as caught:
        make_graphs(**{field: value})
    assert f"GaitGraphs.{field}" in str(caught.value)


@pytest.mark.parametrize("states", [[], [HAPPY] * 3], ids=len)
def test_one_gait_or_two_can_be_drawn(states):
    with pytest.raises(DataError, match=f"states: found {len(states)} gaits, wanted 1 or 2"):
        gait.render(states)


def test_widget_without_gaits_is_refused():
    with pytest.raises(DataError, match="GaitExplorer: found nothing to show"):
        gait_widget([])


# --- the widget ---------------------------------------------------------------------------------


def test_widget_starts_with_the_first_gait_alone():
    explorer = gait_widget([HAPPY, SAD])
    assert explorer.image.value == png([HAPPY])
    assert explorer.right.label == "none" and explorer.frame.max == explorer.play.max == T - 1
    assert explorer.description == describe([HAPPY]) and "walk 0" in explorer.note.value


@pytest.mark.parametrize("right", [gait.NOTHING, 1])
def test_a_frame_while_playing_is_the_whole_drawing_pixel_by_pixel(right):
    explorer = gait_widget([SHORT, SAD])
    explorer.right.value = right
    for frame in (1, 9, 3):
        explorer.frame.value = frame
        wanted = png(explorer.shown, frame=frame)
        np.testing.assert_array_equal(pixels(explorer.image.value), pixels(wanted))
    explorer.azimuth.value = 35
    wanted = png(explorer.shown, frame=3, azimuth=35)
    np.testing.assert_array_equal(pixels(explorer.image.value), pixels(wanted))


def test_play_moves_the_walker_and_the_cursors_alone():
    explorer = gait_widget([HAPPY])
    scene, words = explorer._scene, explorer.note.value
    before = [line.get_ydata() for line in curves(scene.figure, feature_name(22, "en"))[0]]
    place = Drawn(scene.figure).joints.copy()
    explorer.frame.value = 7
    assert explorer._scene is scene and explorer.note.value == words
    after = [line.get_ydata() for line in curves(scene.figure, feature_name(22, "en"))[0]]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    assert cursors(scene.figure) == [7] * 5
    assert np.abs(Drawn(scene.figure).joints - place).max() > 0.05


def test_playing_does_not_gather_artists():
    explorer = gait_widget([HAPPY])
    explorer.frame.value = 1
    before = len(explorer._scene.figure.findobj())
    for frame in range(2, 12):
        explorer.frame.value = frame
    assert len(explorer._scene.figure.findobj()) == before


def test_player_is_linked_to_the_frame_in_the_browser():
    explorer = gait_widget([HAPPY])
    assert explorer._link.source == (explorer.play, "value")
    assert explorer._link.target == (explorer.frame, "value")


def test_each_control_reaches_the_picture():
    explorer = gait_widget([HAPPY, SAD])
    explorer.frame.value = 6
    explorer.graph.value, explorer.stream.value = "learned", "movement"
    explorer.part.value, explorer.unit.value = "outward", 4
    explorer.azimuth.value = 20
    explorer.curves[0].value, explorer.curves[1].value = 8, 8  # one curve, chosen twice
    explorer.right.value = 1
    options = dict(graph="learned", stream="movement", part="outward", unit=4)
    features = [8, gait.DEFAULT_FEATURES[2]]
    wanted = png([HAPPY, SAD], frame=6, azimuth=20, features=features, **options)
    assert explorer.image.value == wanted
    assert explorer.description == describe([HAPPY, SAD], **options)


def test_curves_may_be_left_out():
    explorer = gait_widget([HAPPY])
    for menu in explorer.curves[1:]:
        menu.value = gait.NOTHING
        assert menu.label == "none"
    assert explorer.image.value == png([HAPPY], features=[22])
    assert gait.NOTHING not in [value for _, value in explorer.curves[0].options]


def test_menus_follow_what_the_gaits_have():
    explorer = gait_widget([HAPPY, BARE, SHORT])
    assert [value for _, value in explorer.graph.options] == list(gait_state.GRAPHS)
    assert explorer.graph.value == "attention"
    explorer.frame.value = 20
    explorer.right.value = 1
    assert [value for _, value in explorer.graph.options] == ["skeleton"]
    assert pixels(explorer.image.value).shape == pixels(png([HAPPY, BARE])).shape
    explorer.right.value = gait.NOTHING
    assert len(explorer.graph.options) == 4
    explorer.left.value = 2  # shorter: the slider ends with it
    assert explorer.frame.max == explorer.play.max == explorer.frame.value == 14
    only_movement = make_graphs(
        **{f"posture_{kind}": None for kind in ("attention", "learned", "joints", "times")}
    )
    explorer = gait_widget([make_state(graphs=only_movement)])
    assert [value for _, value in explorer.stream.options] == ["movement"]
    assert explorer.graph.value == "attention"


def test_widget_speaks_chinese():
    explorer = gait_widget([HAPPY], lang="zh")
    assert explorer.image.value == png([HAPPY], lang="zh")
    assert explorer.frame.description == "帧：" and explorer.left.description == "左："
    assert ("姿态流", "posture") in explorer.stream.options
    assert "预测为" in explorer.note.value


def test_display_bundle_has_the_picture_first_and_the_live_view():
    explorer = gait_widget([HAPPY])
    bundle = explorer._repr_mimebundle_()
    assert list(bundle)[0] == "image/png"
    assert base64.b64decode(bundle["image/png"]) == png([HAPPY])
    assert bundle["text/plain"] == describe([HAPPY])
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == explorer.widget.model_id
    json.dumps(bundle)  # what the kernel sends must be plain


def test_gaits_of_one_name_stay_apart():
    explorer = gait_widget([HAPPY, replace(SAD, title=HAPPY.title)])
    assert [name for name, _ in explorer.left.options] == ["walk 0 (0)", "walk 0 (1)"]
    assert [name for name, _ in explorer.right.options] == ["none", "walk 0 (0)", "walk 0 (1)"]
