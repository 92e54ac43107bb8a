"""Handed-in notebooks to marks: nbgrader's autograder and gradebook, each notebook in a process of
its own, one that fails never stopping the others.

    OUT/marks.csv               a row for each student and lesson; a column for each exercise
    OUT/feedback/STUDENT.html   what each of a student's answers was worth, and why
    OUT/near_duplicates.csv     pairs of students whose answers are nearly the same
    OUT/course/                 nbgrader's course folder with its gradebook
    OUT/trained/                trainings, made once for a whole class
"""

import itertools
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from jacklib.backend.folders import ROOT
from jacklib.errors import plain, refuse
from jacklib.files import csv_text, filled, write_text
from jacklib.teaching.speech import TEXT
from script import build_notebooks as notebooks
from script.course import editions
from script.course.execute import STOPPED
from script.course.submissions import Lesson, Submission, answers_of, collect, read_roster

HERE = Path(__file__).parent
WHOLE = 1800  # seconds for one notebook
ALIKE = 95  # percent: from here on, two students' answers are listed as near-duplicates
LONG = 200  # characters that answers must have together to be compared


class Part(NamedTuple):
    """What one exercise of a submission was worth."""

    name: str  # "05.1a", "quiz", "written"
    points: float | None  # None: to be marked by hand
    most: float
    says: str  # what the check printed, or why it stopped


def grade(
    folder: Path, out: Path, *, lessons: Sequence[str] = (), course: Path | None = None,
    roster: Path | None = None, seconds: int = 20, megabytes: int = 4000, jobs: int = 2,
) -> int:  # fmt: skip
    """Mark what lies in a folder; returns 1 if something in it could not be marked, else 0.

    lessons: the only ones to mark, such as "05". course: nbgrader's folder of `course build`, for
    the hidden cases of that course. seconds, megabytes: for one cell of a student's, and for a
    notebook. jobs: notebooks at a time.
    """
    from tqdm import tqdm

    sources = notebooks._sources(lessons, notebooks.NOTEBOOKS)
    seed = editions.seed_of(course) if course else 1
    known = {
        source.stem: Lesson(source.stem, {lang: editions.nbgrader_edition(source, lang, seed)
                                          for lang in editions.FOLDERS})
        for source in sources
    }  # fmt: skip
    found, problems = collect(folder, known, read_roster(roster))
    for line in problems:
        print(plain(line, 400))
    refuse(not found, folder, found="no notebook that can be marked", wanted="notebooks of lessons",
           cure="See the lines above.")  # fmt: skip
    own = out / "course"
    used = sorted({one.lesson for one in found})
    _fresh_course(own, [s for s in sources if s.stem in used], seed)
    pages = {}
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(jobs) as pool:
        run = _Runner(Path(place), out / "trained", seconds, megabytes)
        for stem in used:  # once alone: it trains what the others take over, and shows the lesson
            solved = run(known[stem].pages["en"], stem, lesson_only=True)
            missed = [p.name for p in _parts(solved) if p.points not in (None, p.most)]
            if missed:
                problems.append(f"{stem}: on this machine its own solutions fail at "
                                f"{', '.join(missed)}; look at these by hand")  # fmt: skip
                print(problems[-1])
        waiting = {
            pool.submit(run, known[one.lesson].filled_in(one.page), f"{one.lesson}-{number}"): one
            for number, one in enumerate(found)
        }
        for done in tqdm(as_completed(waiting), total=len(waiting), unit="notebook", disable=None):
            one = waiting[done]
            pages[one.student, one.lesson] = done.result()
    _record(own, found, pages)
    _write_marks(out, found, pages, problems)
    _write_pages(out / "feedback", found, pages)
    pairs = near_duplicates(found, pages, known)
    rows = [("lesson", "student", "student", "alike"), *pairs]
    write_text(out / "near_duplicates.csv", csv_text(rows))
    students = len({one.student for one in found})
    print(f"{len(found)} notebooks of {students} students: {out / 'marks.csv'}, {out / 'feedback'}")
    print(f"{len(pairs)} pairs nearly the same: {out / 'near_duplicates.csv'}")
    return int(bool(problems))


def _fresh_course(course: Path, sources: Sequence[Path], seed: int) -> None:
    """nbgrader's folder of these lessons, anew, with a gradebook that knows them."""
    mark = course / "course.json"
    refuse(course.exists() and not mark.exists(), course, found="a folder of something else",
           wanted="a new folder, or one of an earlier marking",
           cure="Choose another OUT.")  # fmt: skip
    shutil.rmtree(course, ignore_errors=True)
    editions.make_course(course, sources, "en", seed)
    editions.generate(course)


class _Runner:
    """Runs notebooks, each in a process of its own."""

    def __init__(self, place: Path, trained: Path, seconds: int, megabytes: int):
        self.place, self.seconds, self.megabytes = place, seconds, megabytes
        trained.mkdir(parents=True, exist_ok=True)
        self.environment = os.environ | {
            "PYTHONPATH": str(ROOT), "JACK_TRAINED": str(trained.resolve()), "MPLBACKEND": "agg",
            "NBGRADER_EXECUTION": "autograde",
        }  # fmt: skip

    def __call__(self, page: NotebookNode, name: str, lesson_only: bool = False) -> NotebookNode:
        """The executed notebook; where its process failed as a whole, with that as each outcome."""
        folder = self.place / name
        folder.mkdir()
        source, target = folder / "in.ipynb", folder / "out.ipynb"
        page = nbformat.from_dict(page)
        for cell in page.cells:
            if lesson_only and cell.cell_type == "code":
                cell.metadata["lesson"] = True
        nbformat.write(page, source)
        command = [sys.executable, "-m", "script.course.execute", str(source), str(target),
                   "--folder", str(folder), "--seconds", str(self.seconds),
                   "--megabytes", str(self.megabytes)]  # fmt: skip
        environment = self.environment | {"JACK_PROGRESS": str(folder / "progress.json")}
        words = "the notebook could not be run"
        with open(folder / "log.txt", "w+") as log:
            try:
                subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=log,
                               timeout=WHOLE, check=True, start_new_session=True)  # fmt: skip
                return nbformat.read(target, as_version=4)
            except subprocess.TimeoutExpired:
                words = f"the notebook did not end within {WHOLE} s"
            except (subprocess.CalledProcessError, OSError, ValueError):
                log.seek(0)
                words = f"{words}: {plain(' '.join(log.read().split()[-40:]), 300)}"
        for cell in page.cells:
            if cell.metadata.get("nbgrader", {}).get("grade") and cell.cell_type == "code":
                cell.outputs = [nbformat.from_dict(STOPPED | {"evalue": words})]
        return page


# --- nbgrader -------------------------------------------------------------------------------------


def _record(course: Path, found: Sequence[Submission], pages: Mapping) -> None:
    """Let nbgrader mark the executed notebooks and write them into its gradebook."""
    from nbgrader.converters import Autograde
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
    from sqlalchemy.exc import SAWarning
    from traitlets.config.loader import PyFileConfigLoader

    class TakeExecuted(NbGraderPreprocessor):
        """The outputs that the notebook's own process gave, in place of running it here."""

        def preprocess(self, page, resources):
            known = resources["nbgrader"]
            done = pages[names[known["student"]], known["assignment"]]
            for cell, executed in zip(page.cells, done.cells, strict=True):
                if cell.cell_type == "code":
                    # What a library writes to stderr is no error, as nbgrader would have it.
                    cell.outputs = [out for out in executed.outputs if out.get("name") != "stderr"]
            return page, resources

    config = PyFileConfigLoader(str(course / "nbgrader_config.py")).load_config()
    config.CourseDirectory.root = str(course.resolve())
    config.Autograde.autograde_preprocessors = [TakeExecuted, SaveAutoGrades]
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore", SAWarning)  # about nbgrader's own use of its database
    names = {}
    for one in found:
        safe = safe_name(one.student)
        names[safe] = one.student
        path = course / "submitted" / safe / one.lesson / f"{one.lesson}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        page = nbformat.from_dict(pages[one.student, one.lesson])
        nbformat.write(page, path)
    for lesson in sorted({one.lesson for one in found}):
        directory = CourseDirectory(config=config)
        directory.assignment_id, directory.student_id = lesson, "*"
        Autograde(coursedir=directory, config=config, force=True).start()


def safe_name(student: str) -> str:
    """A student's name as a folder's: letters, digits and dashes."""
    name = re.sub(r"[^\w.-]+", "-", student).strip("-.")
    return name[:60] or "student"


# --- what is said of it ---------------------------------------------------------------------------


def _parts(page: NotebookNode) -> list[Part]:
    """The outcome of each check, as nbgrader's rule gives it."""
    from nbgrader.utils import determine_grade

    parts, answer = [], None
    for cell in page.cells:
        known = cell.metadata.get("nbgrader", {})
        if known.get("solution") and not known.get("grade"):
            answer = cell
        if not known.get("grade"):
            continue
        name = re.sub(r"^(check|written)-", "", known["grade_id"])
        name = name if name.startswith("quiz") else name.replace("-", ".")
        if cell.cell_type != "code":
            parts.append(Part(f"written {name}", None, known["points"], ""))
            continue
        cell = nbformat.from_dict(cell)
        cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
        points, most = determine_grade(cell)
        parts.append(Part(name, points, most, _says(cell, answer)))
    return parts


def _says(check: NotebookNode, answer: NotebookNode | None) -> str:
    """What a check printed; where it could not, why the answer or the check stopped."""
    lines = "".join(out.get("text", "") for out in check.outputs).strip().splitlines()
    said = next((line for line in lines if line[:1] in "✓✗○◐"), "")
    errors = [out for cell in (answer, check) if cell is not None for out in cell.outputs
              if out.output_type == "error"]  # fmt: skip
    if errors and not said.startswith(("✗", "○")):
        return f"{errors[0].ename}: {errors[0].evalue}"
    return said or lines[-1] if lines else ""


def _write_marks(
    out: Path, found: Sequence[Submission], pages: Mapping, problems: Sequence[str]
) -> None:
    rows = []
    columns = ["student", "name", "lesson", "points", "of", "by hand", "file"]
    parts = {(one.student, one.lesson): _parts(pages[one.student, one.lesson]) for one in found}
    names = list(dict.fromkeys(part.name for each in parts.values() for part in each))
    for one in found:
        each = parts[one.student, one.lesson]
        got = sum(part.points or 0 for part in each)
        by_hand = sum(part.most for part in each if part.points is None)
        most = sum(part.most for part in each if part.points is not None)
        reached = {p.name: "" if p.points is None else f"{p.points:g}" for p in each}
        rows.append([one.student, one.name, one.lesson, f"{got:g}", f"{most:g}", f"{by_hand:g}",
                     one.where, *(reached.get(name, "") for name in names)])  # fmt: skip
    write_text(out / "marks.csv", "\ufeff" + csv_text([[*columns, *names], *rows]))
    write_text(out / "problems.txt", "\n".join(plain(line, 400) for line in problems) + "\n")


def _write_pages(folder: Path, found: Sequence[Submission], pages: Mapping) -> None:
    """A page for each student, in the language of the first notebook that was handed in."""
    shutil.rmtree(folder, ignore_errors=True)
    for student, group in itertools.groupby(found, key=lambda one: one.student):
        ones = list(group)
        text = TEXT["zh" if _is_chinese(ones[0].page) else "en"]
        lessons = [
            {"name": one.lesson, "parts": _parts(pages[student, one.lesson])} for one in ones
        ]
        page = filled(HERE / "feedback.html", student=student, name=ones[0].name, lessons=lessons,
                      text=text)  # fmt: skip
        write_text(folder / f"{safe_name(student)}.html", page + "\n")


def _is_chinese(page: NotebookNode) -> bool:
    return any('LANG = "zh"' in cell.source for cell in page.cells if cell.cell_type == "code")


def near_duplicates(
    found: Sequence[Submission], pages: Mapping, known: Mapping[str, Lesson]
) -> list[tuple[str, str, str, str]]:
    """(lesson, student, student, how alike in percent) of answers that are nearly the same and not
    the blank's or the solution's, most alike first."""
    from rapidfuzz import fuzz

    pairs = []
    for lesson in sorted({one.lesson for one in found}):
        usual: dict[str, set[str]] = {}
        for cell in known[lesson].pages["en"].cells:
            if cell.metadata.get("nbgrader", {}).get("solution"):
                parts = re.split(r"### (?:BEGIN|END) SOLUTION", cell.source)
                usual[cell.metadata.nbgrader.grade_id] = {_squeezed(part) for part in parts}
        texts = {}
        for one in found:
            if one.lesson == lesson:
                answers = answers_of(pages[one.student, lesson])
                own = [_squeezed(text) for key, text in answers
                       if _squeezed(text) not in usual.get(key, ())]  # fmt: skip
                texts[one.student] = "\n".join(own)
        for one, other in itertools.combinations(sorted(texts), 2):
            if min(len(texts[one]), len(texts[other])) >= LONG:
                score = fuzz.ratio(texts[one], texts[other])
                if score >= ALIKE:
                    pairs.append((lesson, one, other, f"{score:.0f}"))
    return sorted(pairs, key=lambda pair: -float(pair[3]))


def _squeezed(text: str) -> str:
    """Code without comments and blanks: what renaming spaces cannot hide."""
    return re.sub(r"\s+", " ", re.sub(r"#.*", "", text)).strip()
