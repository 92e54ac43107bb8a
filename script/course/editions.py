"""The editions of the lessons: for students, for teachers, and for nbgrader.

    OUT/student/en, cn     the notebooks as they lie in notebooks/, and their drawings
    OUT/teacher/en, cn     with a solution in place of every blank, why it is right, usual mistakes
    OUT/nbgrader/en, cn    a course folder of nbgrader's, released: an assignment for each lesson

In nbgrader's edition an exercise is two cells: the student's, and a locked one that checks it. The
locked one's hidden part, which students never get, tries other cases and raises.
"""

import copy
import logging
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

from jacklib.errors import refuse
from jacklib.files import read_json, whole_folder, write_json, write_text
from jacklib.teaching import exercise
from script import build_notebooks as notebooks

FOLDERS = {"en": "en", "zh": "cn"}
LINK = re.compile(r"(?<!!)\[([^\[\]]*)\]\((?:\.\./|cn/)[^()]*\)")
HERE = Path(__file__).parent
WORDS = {
    "en": {"written": "In your own words", "points": "points", "answer": "YOUR ANSWER HERE"},
    "zh": {"written": "用自己的话回答", "points": "分", "answer": "在这里作答"},
}


def build(out: Path, names: Sequence[str] = (), *, release: bool = True) -> list[Path]:
    """Write all editions of the named lessons, or of all, to the folder `out`; returns nbgrader's
    course folders. release: also let nbgrader make the students' files of its edition."""
    sources = notebooks._sources(names, notebooks.NOTEBOOKS)
    with whole_folder(out, {"made_by": "course build"}) as folder:
        for lang, name in FOLDERS.items():
            for source in sources:
                _copy_built(source, lang, folder / "student" / name)
                page = notebooks.read_source(source, solutions=True)[lang]
                page.cells += [_question_and_rubric(source.stem.partition("_")[0], lang)]
                _write(page, folder / "teacher" / name / f"{source.stem}.ipynb")
            for edition in ("student", "teacher"):
                _copy_drawings(folder / edition / name)
            course = folder / "nbgrader" / name
            make_course(course, sources, lang)
            if release:
                generate(course)
    return [Path(out) / "nbgrader" / name for name in FOLDERS.values()]


def make_course(course: Path, sources: Sequence[Path], lang: str, seed: int | None = None) -> None:
    """Write a course folder of nbgrader's: its settings, and each lesson with solutions and hidden
    tests. The seed of the hidden cases is the course's own (course.json): keep it from students."""
    course.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "nbgrader_config.txt", course / "nbgrader_config.py")
    seed = secrets.randbelow(10**6) + 1000 if seed is None else seed
    write_json(course / "course.json", {"seed": seed, "language": lang})
    for source in sources:
        folder = course / "source" / source.stem
        page = nbgrader_edition(source, lang, seed)
        _write(page, folder / f"{source.stem}.ipynb")
        _copy_drawings(folder)


def generate(course: Path, lessons: Sequence[str] = ()) -> None:
    """Let nbgrader make the students' files (release/) and fill its gradebook. Raises DataError
    with its words where it refuses a lesson."""
    from nbgrader.apps import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config.loader import PyFileConfigLoader

    config = PyFileConfigLoader(str(course / "nbgrader_config.py")).load_config()
    config.CourseDirectory.root = str(course.resolve())
    # nbgrader starts alembic, which lies beside this Python.
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    os.environ["PATH"] = os.pathsep.join(dict.fromkeys(paths))
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    api = NbGraderAPI(CourseDirectory(config=config), config=config)
    for name in lessons or sorted(path.name for path in (course / "source").iterdir()):
        done = api.generate_assignment(name, force=True, create=True)
        refuse(not done["success"], f"lesson {name}", found=done.get("log", "")[-2000:],
               wanted="a lesson that nbgrader releases", cure="Mend its source.")  # fmt: skip


# --- nbgrader's cells -----------------------------------------------------------------------------


def nbgrader_edition(source: Path, lang: str, seed: int) -> NotebookNode:
    """A lesson as nbgrader's source: blanks with solutions, locked checks with hidden cases."""
    page = notebooks.read_source(source)[lang]
    number = source.stem.partition("_")[0]
    cells: list[NotebookNode] = []
    for cell in page.cells:
        match = cell.cell_type == "code" and notebooks.CALL.search(cell.source)
        if match:
            cells += _exercise_cells(cell, match, seed)
        else:
            cells.append(cell)
    cells += _written_cells(number, lang)
    if lang != "en":
        for cell in cells:  # drawings lie beside the notebook here
            cell.source = cell.source.replace("](../img/", "](img/")
    page = copy.copy(page)
    page.cells = cells
    nbformat.validate(page)
    return page


def _exercise_cells(cell: NotebookNode, match, seed: int) -> Iterator[NotebookNode]:
    """The student's cell, and the locked one that checks it."""
    blank, check = cell.source[: match.start()].rstrip(), cell.source[match.start() :].rstrip()
    call, name = match[1], match[2]
    if call == "quiz":
        points = len(exercise.lesson(name)["quiz"])
        solution, key = notebooks.quiz_key(name), f"quiz-{name}"
    else:
        solved, found = notebooks.solved_code(cell.source)
        solution, points = solved[: solved.index(check)].rstrip(), found.facts["points"]
        key = name.replace(".", "-")
    marks = f"{blank}\n\n\n### BEGIN SOLUTION\n{solution}\n### END SOLUTION"
    answer = nbformat.v4.new_code_cell(marks, id=f"{cell.id}a", metadata=cell.metadata)
    answer.metadata["nbgrader"] = _metadata(f"answer-{key}", solution=True)
    hidden = check.replace(
        f"classroom.{call}(", f"classroom.{'grade' if call == 'check' else call}(", 1
    )
    hidden = f"{hidden[: hidden.rindex(')')].rstrip().rstrip(',')}, seed={seed})"
    test = nbformat.v4.new_code_cell(
        f"{check}\n### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS", id=f"{cell.id}c"
    )
    test.metadata["nbgrader"] = _metadata(f"check-{key}", grade=True, locked=True, points=points)
    yield answer
    yield test


def _written_cells(number: str, lang: str) -> Iterator[NotebookNode]:
    """The lesson's question for an answer in words, which a teacher marks by its rubric."""
    written = yaml.safe_load((HERE / "written.yaml").read_text("utf-8")).get(number)
    if not written:
        return
    words = WORDS[lang]
    points = f"({written['points']} {words['points']})"
    title = f"## {words['written']} {points}\n\n{written['question'][lang]}"
    yield nbformat.v4.new_markdown_cell(title, id=f"written{number}q")
    rubric = "\n".join(f"- {line}" for line in written["rubric"][lang])
    cell = nbformat.v4.new_markdown_cell(
        f"{words['answer']}\n\n### BEGIN MARK SCHEME\n{rubric}\n### END MARK SCHEME",
        id=f"written{number}a",
    )
    cell.metadata["nbgrader"] = _metadata(
        f"written-{number}", grade=True, solution=True, points=written["points"]
    )
    yield cell


def _question_and_rubric(number: str, lang: str) -> NotebookNode:
    """For the teacher's edition: the question in words, and what earns a point."""
    question, answer = _written_cells(number, lang)
    rubric = answer.source.partition("### BEGIN MARK SCHEME\n")[2].partition("\n###")[0]
    return nbformat.v4.new_markdown_cell(f"{question.source}\n\n{rubric}", id=f"written{number}")


def _metadata(grade_id: str, *, grade=False, solution=False, locked=False, points=None) -> dict:
    known = {"grade": grade, "grade_id": grade_id, "locked": locked, "schema_version": 3,
             "solution": solution, "task": False}  # fmt: skip
    return known | ({"points": points} if points is not None else {})


# --- files ----------------------------------------------------------------------------------------


def _copy_built(source: Path, lang: str, folder: Path) -> None:
    """The notebook as it is handed out, with its outputs, and drawings where they lie beside it."""
    path = notebooks.notebook_path(source.stem, lang)
    page = nbformat.read(path, as_version=4)
    for cell in page.cells:
        cell.source = cell.source.replace("](../img/", "](img/")
    _write(page, folder / path.name)


def _copy_drawings(folder: Path) -> None:
    drawings = notebooks.NOTEBOOKS / "img"
    if drawings.is_dir():
        shutil.copytree(drawings, folder / "img", dirs_exist_ok=True)


def _write(page: NotebookNode, path: Path) -> None:
    """Write a page; links into the checkout, which its readers may not have, become words."""
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(lambda link: link[1], cell.source)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, nbformat.writes(page, version=nbformat.NO_CONVERT).rstrip("\n") + "\n")


def seed_of(course: Path) -> int:
    """The seed of a course's hidden cases."""
    return read_json(course / "course.json", "a course that `course build` made", "Build it.")[
        "seed"
    ]
