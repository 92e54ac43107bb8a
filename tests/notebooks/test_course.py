"""A teacher's editions, and a class that hands in: right, wrong, blank, broken and hostile."""

import csv
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml
from support import ROOT

from jacklib.errors import DataError
from jacklib.teaching import exercise

pytest.importorskip("nbgrader", reason="needs nbgrader: jacklib[course]")

from script import build_notebooks as notebooks  # noqa: E402
from script.course import editions, execute, grade, submissions  # noqa: E402

SOURCE = ROOT / "notebooks" / "src" / "00_start_here.py"
RIGHT = {
    "00.1": "seconds = 96 / 30",
    "00.2": "chance = 1 / 8",
    "00.3": "def gradient(x):\n    return jt.grad((x**3).sum(), x)",
    "00.4": 'because = "b"',
}
POINTS = {"00.1": 1, "00.2": 1, "00.3": 2, "00.4": 2}


def page(lang="en", edition="plain", **changes):
    """A lesson with these answers ("00.1": code) in it; an edition as a student gets it."""
    read = notebooks.read_source(SOURCE)[lang]
    if edition == "nbgrader":
        read = editions.nbgrader_edition(SOURCE, lang, 1)
        for cell in read.cells:
            cell.source = cell.source.partition("### BEGIN")[0].rstrip()
    answers = changes.get("answers", {})
    wanted = {f"answer-{name.replace('.', '-')}": code for name, code in answers.items()}
    for cell in read.cells:
        key = submissions._key(cell)
        if key in wanted:
            match = notebooks.CALL.search(cell.source)
            check = cell.source[match.start() :] if match else ""
            cell.source = f"{wanted[key]}\n\n\n{check}".rstrip()
    return read


def written(folder, name, notebook):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))


@pytest.fixture(scope="module")
def class_of_ten(tmp_path_factory):
    """What ten students handed in, marked once: (marks by student, the folder of marks, output)."""
    folder = tmp_path_factory.mktemp("class")
    handed, out = folder / "handed in", folder / "marks"
    one_wrong = RIGHT | {"00.3": "def gradient(x):\n    return 3 * x"}
    written(handed, "2024001-张三-00_start_here.ipynb", page(answers=RIGHT))
    written(handed, "2024002/00.ipynb", page("zh", answers=one_wrong))
    written(handed, "2024003/00.ipynb", page(answers=RIGHT | {"00.2": "while True:\n    pass"}))
    written(handed, "2024004/00.ipynb", page(answers=RIGHT | {"00.2": "import os\nos._exit(0)"}))
    written(handed, "2024005/00.ipynb", page(answers=RIGHT | {"00.2": "exit()\nchance = 1 / 8"}))
    cheat = page(answers=RIGHT | {"00.1": "seconds = 3"})
    for cell in cheat.cells:  # in the check, in a lesson's cell, and in a cell of their own
        cell.source = cell.source.replace('check("00.1", seconds)', 'check("00.1", 3.2)')
    fake = "classroom.check = classroom.grade = lambda *a, **k: None\nclassroom.quiz = print"
    cheat.cells.insert(6, nbformat.v4.new_code_cell(fake))
    written(handed, "2024006/00.ipynb", cheat)
    written(handed, "2024007/00.ipynb", page(answers=RIGHT | {"00.1": "seconds = = 3"}))
    written(handed, "2024008.ipynb", page())  # blank
    with zipfile.ZipFile(handed / "赵六_2024009.zip", "w") as packed:
        packed.writestr("work/00.ipynb", nbformat.writes(page(edition="nbgrader", answers=RIGHT)))
    loop = "while True:\n    try:\n        time.sleep(9)\n    except BaseException:\n        pass"
    stubborn = f"import time\n{loop}"
    written(handed, "2024010/00.ipynb", page(answers=RIGHT | {"00.4": stubborn}))
    # What cannot be marked, a line each.
    (handed / "essay.pdf").write_bytes(b"%PDF")
    (handed / "broken.ipynb").write_text("no notebook")
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(
        'mask = ...\nclassroom.check("05.1", mask)')])  # fmt: skip
    written(handed, "2024011/05.ipynb", other)
    old = written(handed, "2024001/00.ipynb", page())  # a second, earlier one
    os.utime(old, (1e9, 1e9))
    command = [sys.executable, "-m", "script.course", "grade", str(handed), "--out", str(out),
               "--lesson", "00", "--seconds", "8"]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 1, done.stderr[-2000:]  # something could not be marked
    return {row["student"]: row for row in rows(out / "marks.csv")}, out, done.stdout


def test_everybody_gets_the_marks_they_earned(class_of_ten):
    marks, _, _ = class_of_ten
    missed = {
        "2024001": (), "2024002": ("00.3",), "2024003": ("00.2",), "2024004": ("00.2",),
        "2024005": (), "2024006": ("00.1",), "2024007": ("00.1",), "2024008": tuple(POINTS),
        "2024009": (), "2024010": ("00.4",),
    }  # fmt: skip
    assert set(marks) == set(missed)
    for student, wrong in missed.items():
        got = {name: float(marks[student][name]) for name in POINTS}
        assert got == {n: 0 if n in wrong else p for n, p in POINTS.items()}, student
        assert float(marks[student]["points"]) == sum(got.values())
        assert float(marks[student]["quiz-00"]) == 0
    assert marks["2024001"]["name"] == "张三" and marks["2024009"]["name"] == "赵六"


def test_what_cannot_be_marked_is_one_line_each(class_of_ten):
    _, out, printed = class_of_ten
    for line in (
        "essay.pdf: no notebook; left out",
        "broken.ipynb: found what cannot be read",
        "2024011/05.ipynb: found a notebook of lesson 05, wanted a notebook of 00",
        "2024001/00.ipynb: 2024001 has two notebooks of 00_start_here; the later one",
    ):
        assert len([each for each in printed.splitlines() if each.startswith(line)]) == 1, printed
    assert len((out / "problems.txt").read_text("utf-8").splitlines()) == 4
    assert "10 notebooks of 10 students" in printed


def test_a_page_tells_each_student_what_was_missed_and_why(class_of_ten):
    _, out, _ = class_of_ten
    pages = {path.stem: path.read_text("utf-8") for path in (out / "feedback").iterdir()}
    assert len(pages) == 10
    assert "求导后 x 的指数从 3 降到 2" in pages["2024002"]  # in the notebook's language
    assert "did not end within 8 s" in pages["2024003"]
    assert "it ended the kernel" in pages["2024004"]
    assert "SyntaxError" in pages["2024007"] and "not done yet" in pages["2024008"]
    assert "张三" in pages["2024001"] and "6 / 11" in pages["2024001"]


def test_nbgraders_gradebook_has_the_same_marks(class_of_ten):
    from nbgrader.api import Gradebook

    marks, out, _ = class_of_ten
    with Gradebook(f"sqlite:///{out / 'course' / 'gradebook.db'}") as book:
        for student, row in marks.items():
            found = book.find_submission("00_start_here", student)
            assert found.score == float(row["points"]), student


def test_answers_that_are_nearly_the_same_are_listed(class_of_ten):
    """The solution and short answers are no copy; a long one of one's own, twice, is."""
    lesson = submissions.Lesson("00_start_here", {
        lang: editions.nbgrader_edition(SOURCE, lang, 1) for lang in ("en", "zh")})  # fmt: skip
    long = "def gradient(x):\n" + "".join(f"    y{k} = x * {k} + {k * k}\n" for k in range(12))
    works = {
        "a": RIGHT, "b": RIGHT, "c": RIGHT | {"00.3": long},
        "d": RIGHT | {"00.3": long.replace("    y3", "    y3  ") + "    # mine\n"},
        "e": RIGHT | {"00.3": "def gradient(x):\n" + "    x = jt.grad(x.sqr(), x) / 3\n" * 9},
    }  # fmt: skip
    found = [submissions.Submission(s, s, "00_start_here", s, 0, page()) for s in works]
    pages = {(s, "00_start_here"): lesson.filled_in(page(answers=a)) for s, a in works.items()}
    pairs = grade.near_duplicates(found, pages, {"00_start_here": lesson})
    assert [pair[1:3] for pair in pairs] == [("c", "d")]


def test_a_folder_without_notebooks_is_refused(tmp_path):
    for folder, words in ((tmp_path, "nothing in it"), (tmp_path / "none", "no folder")):
        with pytest.raises(DataError, match=words):
            submissions.collect(folder, {}, {})


@pytest.mark.parametrize(
    "where, student, name",
    [
        ("2024001-张三-05_cten.ipynb", "2024001", "张三"),
        ("张三_2024001.zip/05_cten.ipynb", "2024001", "张三"),
        ("CS101-12345.zip/Zhang San_98_assignsubmission_file_/05_cten.ipynb", "Zhang San", None),
        ("zhangsan_1234_5678_05_cten.ipynb", "zhangsan", None),
        ("zhangsan_LATE_1234_5678_05_cten.ipynb", "zhangsan", None),
        ("submitted/2024001/05_cten/05_cten.ipynb", "2024001", None),
        ("05_cten (1).ipynb", "05_cten (1)", None),
        ("王五/cten - 副本.ipynb", "王五", None),
        ("M2024001 Li Si cten.ipynb", "M2024001", "Li Si"),
    ],
)
def test_students_are_found_in_the_names_that_platforms_give(where, student, name):
    found = submissions.student_of(where, "05_cten", {})
    assert found == (student, name or student)


def test_a_class_list_decides_whose_a_file_is(tmp_path):
    table = tmp_path / "class.csv"
    table.write_text("姓名;学号\n张三;7\n李四;12\n", encoding="gbk")
    roster = submissions.read_roster(table)
    assert roster == {"7": "张三", "12": "李四"}
    for where, number in (
        ("作业/李四.ipynb", "12"),
        ("x_7_y.ipynb", "7"),
        ("12.zip/a.ipynb", "12"),
    ):
        assert submissions.student_of(where, "05_cten", roster)[0] == number
    table.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="columns id and name"):
        submissions.read_roster(table)


@pytest.mark.parametrize("name", ["../../evil.ipynb", "/etc/x.ipynb", "C:\\x\\y.ipynb"])
def test_a_zip_files_names_become_no_paths(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr(name, nbformat.writes(page()))
    before = {path for path in tmp_path.rglob("*")}
    lesson = submissions.Lesson("00_start_here", {"en": editions.nbgrader_edition(SOURCE, "en", 1)})
    found, _ = submissions.collect(tmp_path, {"00_start_here": lesson}, {})
    assert len(found) == 1 and {path for path in tmp_path.rglob("*")} == before


def test_a_zip_bomb_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.ipynb", b" " * (submissions.LARGEST + 1))
    _, problems = submissions.collect(tmp_path, {}, {})
    assert len(problems) == 1 and "bytes unpacked" in problems[0]


# --- running strangers' code ----------------------------------------------------------------------


def run(*codes, seconds=3, megabytes=2000, folder="."):
    """Cells of a student's, run for marking; the last one counts."""
    cells = [nbformat.v4.new_code_cell(code) for code in codes]
    cells[-1].metadata["nbgrader"] = {"grade": True}
    for index, cell in enumerate(cells):
        cell["id"] = f"c{index}"
    done = execute.run(nbformat.v4.new_notebook(cells=cells), Path(folder), seconds, megabytes)
    return ["".join(out.get("text", "") + out.get("evalue", "") for out in cell.outputs)
            for cell in done.cells]  # fmt: skip


def test_too_much_memory_costs_a_cell_only(tmp_path):
    grow = "x = []\nwhile True:\n    x.append(bytearray(10_000_000))"
    first, second, last = run(
        "print(1)", grow, "print(3)", seconds=60, megabytes=600, folder=tmp_path
    )
    assert (first, last) == ("1\n", "3\n") and "more than 600 MB" in second


def test_children_of_a_notebook_end_with_it(tmp_path):
    start = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open('pid', 'w').write(str(child.pid))"
    )
    run(start, "print(1)", folder=tmp_path)
    state = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_lessons_cells_that_only_draw_are_left_out():
    codes = {
        "net = make()": False, "show.gamma(net.gamma)": True, "x = 1\nplt.plot(x)": False,
        "figure, ax = plt.subplots()\nax.plot(x)": True, "plt.rcParams['a'] = 1": False,
        "print(x)": False, "answer = x + net": False,
    }  # fmt: skip
    cells = [nbformat.v4.new_code_cell(code, metadata={"lesson": True}) for code in codes]
    left = set(execute.only_drawn(cells))
    assert [index in left for index in range(len(cells))] == list(codes.values())


# --- editions -------------------------------------------------------------------------------------


def test_students_get_no_answer_and_nbgraders_source_has_them(tmp_path):
    editions.make_course(tmp_path / "c", [SOURCE], "zh", seed=4711)
    editions.generate(tmp_path / "c")
    lesson = "00_start_here/00_start_here.ipynb"
    source, release = ((tmp_path / "c" / part / lesson).read_text("utf-8")
                       for part in ("source", "release"))  # fmt: skip
    for told in ("seconds = 96 / 30", "seed=4711", "jt.grad((x**3).sum(), x)\\n"):
        assert told in source and told not in release, told
    read = nbformat.reads(release, as_version=4)
    kinds = [c.metadata.nbgrader for c in read.cells if "nbgrader" in c.metadata]
    locked = [kind for kind in kinds if kind.grade and kind.locked]
    assert sum(kind.points for kind in locked) == 6 + 5  # the exercises, the quiz
    assert len(locked) == len(exercise.numbers("00")) + 1
    assert "seconds = ..." in release and 'LANG = \\"zh\\"' in release
    assert not (tmp_path / "c" / "release" / "course.json").exists()


def test_nbgrader_validates_solutions_and_refuses_blanks(tmp_path):
    """With its own command, which runs the notebook."""
    editions.make_course(tmp_path, [SOURCE], "en")
    editions.generate(tmp_path)
    said = []
    for part in ("source", "release"):
        command = [sys.executable, "-m", "nbgrader", "validate",
                   f"{part}/00_start_here/00_start_here.ipynb"]  # fmt: skip
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True,
                              env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
        said.append(done.stdout)
    assert said[0].startswith("Success"), said[0]
    assert "VALIDATION FAILED ON 6 CELL(S)" in said[1].upper(), said[1]


def test_a_training_that_was_made_before_is_taken_over(tmp_path, monkeypatch):
    """Forty notebooks train once."""
    pytest.importorskip("jittor")
    from jacklib.training import runs

    monkeypatch.setenv("JACK_TRAINED", str(tmp_path / "made"))
    run_of = runs.Run(tmp_path / "one")
    progress = {"run": "abc"}
    assert not runs.made_before(run_of, progress)
    for name in ("best.pth", "last.pth"):
        (tmp_path / "one").mkdir(exist_ok=True)
        (tmp_path / "one" / name).write_bytes(name.encode())
    runs.keep_made(run_of, progress)
    other = runs.Run(tmp_path / "two")
    (tmp_path / "two").mkdir()
    assert not runs.made_before(other, {"run": "other"}) and not runs.made_before(other, {})
    assert runs.made_before(other, progress)
    assert (tmp_path / "two" / "last.pth").read_bytes() == b"last.pth"
    monkeypatch.delenv("JACK_TRAINED")
    assert not runs.made_before(other, progress)


def test_every_lesson_has_a_question_to_answer_in_words():
    """A line of the rubric earns a point, in both languages."""
    known = yaml.safe_load((ROOT / "script" / "course" / "written.yaml").read_text("utf-8"))
    assert set(known) == set(exercise.lessons())
    for written in known.values():
        lengths = {len(written["rubric"][lang]) for lang in ("en", "zh")}
        assert lengths == {written["points"]} and all(written["question"].values())
