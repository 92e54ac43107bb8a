"""Labelling: marks in files, the widget's answers, the picture, a folder to train on."""

import json
import re
import signal
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from support import ROOT
from support.untrimmed import write_root
from support.videos import write_video

from jacklib.core.agreement import agreement_of_points
from jacklib.data import tsl300
from jacklib.data.tsl300 import Point, UntrimmedVideos, read_annotators, read_points
from jacklib.errors import DataError
from jacklib.samples.annotators import CHARACTERS, simulated_marks
from jacklib.widgets import label_state
from jacklib.widgets.label_state import add_mark, make_root, marks_of, undo_mark, write_marks

pytest.importorskip("anywidget")
from jacklib.widgets import label  # noqa: E402
from jacklib.widgets.label import agreement_words, label_widget, render  # noqa: E402


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Four seconds at 10 frames per second."""
    path = tmp_path_factory.mktemp("films") / 'a, "film".webm'
    write_video(path, [60 + number for number in range(40)], fps=10)
    return path


# --- marks in files -------------------------------------------------------------------------------


def test_marks_are_tsl300s_points(film, tmp_path):
    assert marks_of(tmp_path, film, "李 雷") == []
    assert add_mark(tmp_path, film, "李 雷", "p", 1.26) == [("p", 1.2)]  # frame 12
    assert add_mark(tmp_path, film, "李 雷", "n", 0.0) == [("p", 1.2), ("n", 0.0)]
    add_mark(tmp_path, film, "Ann", "n", 4.2)  # a browser's end of the film
    file = tmp_path / "point_gaussian" / "train" / "李 雷.txt"
    assert file.read_text(encoding="utf-8") == (
        f'{tsl300.POINT_FIELDS}\np,1,12,12,"a, ""film""",12\nn,0,0,0,"a, ""film""",0\n'
    )
    assert read_points(file) == {film.stem: (Point("p", 12), Point("n", 0))}
    assert read_annotators(tmp_path) == {
        film.stem: {"Ann": [("n", 3.9)], "李 雷": [("p", 1.2), ("n", 0.0)]}
    }
    assert undo_mark(tmp_path, film, "李 雷", 0) == [("n", 0.0)]
    assert undo_mark(tmp_path, film, "李 雷") == []
    assert undo_mark(tmp_path, film, "李 雷") == []  # nothing to take back
    assert marks_of(tmp_path, film, "Ann") == [("n", 3.9)]


def test_what_is_no_mark_is_refused(film, tmp_path):
    for arguments, words in (
        ((film, "Ann", "x", 1.0), "label: found 'x'"),
        ((film, "Ann", "n", 5.1), r"found 5.1 s, wanted 0 to 4.00 s"),
        ((film, "Ann", "n", -0.1), "found -0.1 s"),
        ((film, "Ann", "n", float("nan")), "found nan s"),
        ((film, "../Ann", "n", 1.0), "annotator: found '../Ann', which has a separator"),
        ((film, "", "n", 1.0), "annotator: found '' as a name"),
        ((tmp_path / "none.mp4", "Ann", "n", 1.0), "none.mp4"),
    ):
        with pytest.raises(DataError, match=words):
            add_mark(tmp_path, *arguments)
    assert not list(tmp_path.rglob("*.txt"))


def test_a_dead_kernel_loses_no_mark(film, tmp_path):
    code = (
        "import os, signal\nfrom jacklib.widgets.label_state import add_mark\n"
        f"for t in (1, 2): add_mark({str(tmp_path)!r}, {str(film)!r}, 'Ann', 'n', t)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    died = subprocess.run([sys.executable, "-c", code], cwd=ROOT)
    assert died.returncode == -signal.SIGKILL
    assert add_mark(tmp_path, film, "Ann", "p", 3) == [("n", 1.0), ("n", 2.0), ("p", 3.0)]


# --- the widget -----------------------------------------------------------------------------------


def test_the_widget_answers_the_browser(film, tmp_path):
    other = write_film(tmp_path / "b.webm")
    found = label_widget([film, other], tmp_path / "marks", "zh")
    sent = []
    found.send = lambda content, buffers=None: sent.append((content, buffers))
    found.answer({"kind": "film"})
    assert sent == [({"kind": "film", "number": 0, "type": "video/webm"}, [film.read_bytes()])]
    found.answer({"kind": "mark", "label": "n", "seconds": 1.0})
    assert "annotator" in found.error and found.marks == []
    found.answer({"kind": "mark", "label": "n", "seconds": 1.0, "annotator": "Ann", "film": 0})
    assert found.error == "" and found.marks == [("n", 1.0)]
    found.answer({"kind": "mark", "label": "p", "seconds": 1.5, "film": 1})
    assert found.film == 1 and found.marks == [("p", 1.5)]
    found.film = 0
    assert found.marks == [("n", 1.0)]
    found.annotator = "Ben"
    assert found.marks == []  # nobody sees another's
    found.answer({"kind": "mark", "label": "n", "seconds": 1.5})
    assert found.agreement().matched == 1
    found.answer({"kind": "undo"})
    assert found.marks == [] and found.agreement().points == {"Ann": [("n", 1.0)]}
    for message in ({"kind": "mark"}, {"kind": "mark", "label": "n", "seconds": "x"}):
        found.answer(message)
        assert found.error and found.marks == []
    bundle = found._repr_mimebundle_()
    assert {"image/png", "text/plain"} < set(bundle) and "标注点" in bundle["text/plain"]
    # A later session finds everything; the film is not part of what a notebook may save.
    again = label_widget([film], tmp_path / "marks", annotator="Ann")
    assert again.marks == [("n", 1.0)]
    assert len(json.dumps(again.get_state(), default=str)) < 30_000


def write_film(path):
    write_video(path, [90] * 20, fps=10)
    return path


def test_films_that_no_browser_plays(film, tmp_path, monkeypatch):
    found = label_widget([write_film(tmp_path / "b.avi")], tmp_path)
    found.answer({"kind": "film"})
    assert "another kind of film" in found.error and "ffmpeg" in found.error
    monkeypatch.setattr(label, "LARGEST", 100)
    found = label_widget([film], tmp_path)
    found.answer({"kind": "film"})
    assert "Cut it" in found.error
    with pytest.raises(DataError, match="more than once"):
        label_widget([film, film], tmp_path)
    with pytest.raises(DataError, match="lang"):
        label_widget([film], tmp_path, "fr")
    with pytest.raises(DataError):
        label_widget([], tmp_path)


def test_the_browsers_words_are_there_in_both_languages():
    code = (ROOT / "jacklib" / "widgets" / "label.js").read_text(encoding="utf-8")
    used = set(re.findall(r"words\.([a-z_]+)", code))
    for words in label.TEXT.values():
        assert used <= {*words, "classes"}
    assert "innerHTML" not in code  # films and people may have any name


# --- the picture ----------------------------------------------------------------------------------


def test_the_picture_of_agreement():
    found = agreement_of_points(
        {"Ann": [("n", 10), ("p", 40)], "Ben $x$": [("n", 12)], "Cem": [("p", 12)]}, 3
    )
    words = agreement_words(found)
    assert words == (
        "3 annotators, 4 points; 2 have a partner of the same class within 3 s. Agreement, pair by "
        "pair: 25%, median distance 2.0 s."
    )
    assert "4 个标注点，其中 2 个" in agreement_words(found, "zh")
    for frames in (None, np.zeros((8, 9, 16, 3), np.uint8)):
        figure = render(found, 60, title="film", truth=[("n", 8, 14)], frames=frames)
        texts = [t.get_text() for t in figure.findobj(matplotlib.text.Text)]
        assert words in texts and {"Ann", "Ben $x$", "Cem", "film"} <= set(texts)
        (axes,) = [axes for axes in figure.axes if axes.get_xlim() == (0, 60)]
        lines = [line for line in axes.lines if line.get_marker() in ("", "None", None)]
        joined = [line for line in lines if list(line.get_xdata()) == [10, 12]]
        assert len(joined) == 1 and list(joined[0].get_ydata()) == [0, 1]
        hollow = [m for m in axes.lines if m.get_marker() in "v^" and m.get_mfc() == "white"]
        assert sorted(float(m.get_xdata()[0]) for m in hollow) == [12, 40]
    assert agreement_words(agreement_of_points({})) == (
        "Points: 0. It takes two annotators to compare."
    )
    assert "median" not in agreement_words(agreement_of_points({"a": [("n", 1)], "b": []}))
    assert render(agreement_of_points({}), 10)


# --- a folder to train on -------------------------------------------------------------------------


def test_a_root_of_what_was_marked(tmp_path):
    source = write_root(tmp_path / "source")
    marks, fps = tmp_path / "marks", {"2_a": 25.0, "10_b": 30.0}
    with pytest.raises(DataError, match="no mark on a training video"):
        make_root(marks, source, tmp_path / "out")
    # Behind 2_a's ten clips; of a video that is not there; nothing of 10_b.
    write_marks(marks, fps | {"else": 5.0}, {"Ann": {"2_a": [("p", 7.0)], "else": [("n", 1)]}})
    out = make_root(marks, source, tmp_path / "out")
    videos = UntrimmedVideos(out, "train", points="file")
    assert [item.id for item in videos.items] == ["2_a"]
    assert videos.items[0].points == (Point("p", 159),)
    assert videos.load(0).n_clips == 10
    assert [item.id for item in UntrimmedVideos(out, "test").items] == ["3_c"]
    # Two annotators: each video has the points of one who marked it.
    write_marks(marks, fps, {"Ben": {"2_a": [("n", 1.0)], "10_b": [("n", 2.0)]}})
    drawn = set()
    for seed in range(8):
        make_root(marks, source, out, seed=seed)
        videos = UntrimmedVideos(out, "train", points="file")
        assert videos.items[1].points == (Point("n", 60),)
        drawn.add(videos.items[0].points)
    assert drawn == {(Point("p", 159),), (Point("n", 25),)}
    assert sorted(p.stem for p in out.glob("point_gaussian/train/*.txt")) == ["Ann", "Ben"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(DataError, match="mine"):
        make_root(marks, source, tmp_path / "mine")


def test_simulated_annotators():
    truth = {str(v): [("n", 5, 9), ("p", 20, 24), ("p", 40, 44)] for v in range(40)}
    found = simulated_marks(truth, dict.fromkeys(truth, 60.0), 3)
    assert list(found) == list(CHARACTERS)
    assert found == simulated_marks(truth, dict.fromkeys(truth, 60.0), 3)

    def right(name):
        hits = [
            any(label == c and start <= t <= end for label, t in found[name][video])
            for video, events in truth.items() for c, start, end in events
        ]  # fmt: skip
        return np.mean(hits)

    assert right("Ada") > 0.9 > right("Ben") > 0.75 > right("Cem") > 0.3
    assert {label for of in found["Cem"].values() for label, _ in of} == {"n", "p"}
    assert label_state.points_text({}) == tsl300.POINT_FIELDS + "\n"
