"""What students hand in: notebooks, folders and zip files as learning platforms give them out.

2024001-张三-05_cten.ipynb          a notebook, the student's number and name in the file's
张三_2024001.zip                    one student's files
CS101-12345.zip, Zhang San_98_assignsubmission_file_/05_cten.ipynb    a class, of Moodle
zhangsan_1234_5678_05_cten.ipynb    of Canvas
submitted/2024001/05_cten/05_cten.ipynb   nbgrader's own
"""

import re
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode

from jacklib.errors import DataError, plain, refuse
from jacklib.files import alike, csv_rows, read_text, reading
from script import build_notebooks as notebooks

LARGEST = 64 * 2**20  # bytes of one notebook, or of all files in one zip
MOST = 5000  # files in a zip
# What platforms and systems add to a name.
ADDED = re.compile(
    r"_\d+_assignsubmission_(file|onlinetext)_?$|_(late_)?\d{3,}_\d{3,}_?$|[ _-]*\(\d+\)$"
    r"|^submitted$|[ _-]*(copy|副本)\d*$",
    re.IGNORECASE,
)
EDGES = " _-–—.·,，"


@dataclass
class Submission:
    """One notebook of one student."""

    student: str  # number, or name where there is no number
    name: str
    lesson: str  # "05_cten"
    where: str  # the file, for messages
    written: float  # when: seconds, from the file or the zip
    page: NotebookNode


def collect(
    folder: Path, lessons: Mapping[str, "Lesson"], roster: Mapping[str, str]
) -> tuple[list[Submission], list[str]]:
    """The submissions in a folder, one per student and lesson, and a line for all else.

    lessons: those to mark. roster: {number: name} of the class; without one, names are taken from
    files and folders. Of two files of a student the one written later counts.
    """
    refuse(not folder.is_dir(), folder, found="no folder", wanted="a folder of handed-in notebooks",
           cure="Give the folder that holds them.")  # fmt: skip
    found: dict[tuple[str, str], Submission] = {}
    problems = []
    for where, written, data in _files(folder, problems):
        try:
            page = _read(where, data)
            lesson = _lesson_of(where, page, lessons)
        except DataError as error:
            problems.append(str(error))
            continue
        student, name = student_of(where, lesson, roster)
        new = Submission(student, name, lesson, where, written, page)
        old = found.get((student, lesson))
        if old is not None:
            new, old = sorted((new, old), key=lambda one: one.written, reverse=True)
            problems.append(
                f"{plain(old.where)}: {student} has two notebooks of {lesson}; the later one, "
                f"{plain(new.where)}, counts"
            )
        found[student, lesson] = new
    refuse(not found and not problems, folder, found="nothing in it",
           wanted="notebooks (.ipynb), folders or zip files of them",
           cure="Give the folder that holds them.")  # fmt: skip
    return [found[key] for key in sorted(found)], problems


def read_roster(path: Path | None) -> dict[str, str]:
    """The class from a table with the columns id and name: {id: name}."""
    if path is None:
        return {}
    text = read_text(path, "a table of id and name", "Save it as CSV.")
    columns, rows = csv_rows(text)
    known = ({"id", "number", "学号", "编号"}, {"name", "姓名", "名字"})
    keys = [next((c for c in columns if c in names), None) for names in known]
    refuse(None in keys, path, found=f"columns {', '.join(columns) or '(none)'}",
           wanted="columns id and name (学号、姓名)",
           cure="Name them in the first line.")  # fmt: skip
    return {str(row.get(keys[0], "")).strip(): str(row.get(keys[1], "")).strip()
            for _, row in rows if str(row.get(keys[0], "")).strip()}  # fmt: skip


def student_of(where: str, lesson: str, roster: Mapping[str, str]) -> tuple[str, str]:
    """Number and name of whoever handed in a file: by the class list, else by the names of the
    file and its folders."""
    path = alike(where)
    hits = [key for key, name in roster.items()
            if re.search(rf"(?<![0-9a-z]){re.escape(alike(key))}(?![0-9a-z])", path)
            or (len(name) > 1 and alike(name) in path)]  # fmt: skip
    if hits:
        best = max(hits, key=len)
        return best, roster[best]
    parts = [re.sub(r"\.(ipynb|zip)$", "", p, flags=re.I) for p in PurePosixPath(where).parts]
    number, short = lesson.partition("_")[0], lesson.partition("_")[2]
    words = []
    for whole in parts:
        part = re.sub(rf"(?i){re.escape(lesson)}|{re.escape(short)}", "", whole)
        while part != (less := ADDED.sub("", part).strip(EDGES)):
            part = less
        if part and part != number:
            words.append((whole, part))
    # Moodle says whose a folder is; else the innermost number is the student's, as a zip file of
    # the whole class may have one too; else the outermost name.
    moodle = [word for part, word in words if "_assignsubmission_" in part]
    numbered = [word for _, word in words if re.search(r"\d{4,}", word)]
    word = [*moodle, *numbered[::-1], *(word for _, word in words), parts[-1]][0]
    digits = re.search(r"(?<!\d)[A-Za-z]{0,3}\d{4,}(?!\d)", word)
    if not digits:
        return word, word
    name = (word[: digits.start()] + " " + word[digits.end() :]).strip(EDGES)
    return digits[0], re.sub(r"[\s_-]+", " ", name).strip() or digits[0]


def _files(folder: Path, problems: list[str]) -> Iterator[tuple[str, float, bytes]]:
    """All files in a folder and in its zip files: (name, time, content)."""
    for path in sorted(folder.rglob("*")):
        where = path.relative_to(folder).as_posix()
        if any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(where).parts):
            continue
        if path.is_symlink() or not path.is_file():
            continue
        if path.suffix.lower() == ".zip":
            yield from _unpacked(path, where, problems)
        elif path.suffix.lower() != ".ipynb":
            problems.append(f"{plain(where)}: no notebook; left out")
        elif path.stat().st_size > LARGEST:
            problems.append(f"{plain(where)}: {path.stat().st_size:,} bytes; left out")
        else:
            yield where, path.stat().st_mtime, path.read_bytes()


def _unpacked(path: Path, where: str, problems: list[str]) -> Iterator[tuple[str, float, bytes]]:
    """The notebooks in a zip file, read in memory: no name in it becomes a path."""
    import time

    try:
        with reading(path, "a zip file", "Unpack it by hand."), zipfile.ZipFile(path) as packed:
            entries = packed.infolist()
            whole = sum(entry.file_size for entry in entries)
            refuse(len(entries) > MOST or whole > LARGEST, path,
                   found=f"{len(entries):,} files, {whole:,} bytes unpacked",
                   wanted=f"at most {MOST:,} files and {LARGEST:,} bytes",
                   cure="Unpack it by hand.")  # fmt: skip
            if not any(entry.filename.lower().endswith(".ipynb") for entry in entries):
                problems.append(f"{plain(where)}: no notebook in it; left out")
            for entry in entries:
                name = entry.filename
                if not entry.flag_bits & 0x800:  # no UTF-8: what Windows in China writes is GBK
                    try:
                        name = name.encode("cp437").decode("gb18030")
                    except UnicodeError:
                        pass
                parts = PurePosixPath(name.replace("\\", "/")).parts
                hidden = [part for part in parts if part.startswith((".", "__MACOSX"))]
                if name.lower().endswith(".ipynb") and set(hidden) <= {".", ".."}:
                    when = time.mktime((*entry.date_time, 0, 0, -1))
                    yield f"{where}/{'/'.join(parts)}", when, packed.read(entry)
    except DataError as error:
        problems.append(str(error))


def _read(where: str, data: bytes) -> NotebookNode:
    with reading(where, "a notebook", "Ask for it again."):
        page = nbformat.reads(data.decode("utf-8-sig"), as_version=4)
        page = nbformat.v4.upgrade(page)
        for cell in page.cells:
            cell.source = unicodedata.normalize("NFC", "".join(cell.source))
            cell.metadata = cell.get("metadata", nbformat.from_dict({}))
        return page


def _lesson_of(where: str, page: NotebookNode, lessons: Mapping[str, "Lesson"]) -> str:
    """Which lesson a notebook is: by the cells that it shares with it."""
    scores = {name: lesson.shared(page) for name, lesson in lessons.items()}
    best = max(scores, key=lambda name: scores[name])
    calls = [m[2] for cell in page.cells for m in notebooks.CALL.finditer(cell.source)]
    other = sorted({call.partition(".")[0] for call in calls})
    refuse(not scores[best], where,
           found=f"a notebook of lesson {', '.join(other)}" if other else "no exercise in it",
           wanted=f"a notebook of {', '.join(lessons)}", cure="Ask for the right one.")  # fmt: skip
    return best


# --- what of it is the student's ------------------------------------------------------------------


class Lesson:
    """A lesson as nbgrader's source in both languages, and what students write into it."""

    def __init__(self, stem: str, pages: Mapping[str, NotebookNode]):
        self.stem, self.pages = stem, pages
        self.number = stem.partition("_")[0]

    def shared(self, page: NotebookNode) -> int:
        """How many exercises of this lesson a notebook has."""
        wanted = {cell.metadata.nbgrader.grade_id for cell in self.pages["en"].cells
                  if "nbgrader" in cell.metadata}  # fmt: skip
        return len(wanted & {key for cell in page.cells if (key := _key(cell))})

    def filled_in(self, submitted: NotebookNode) -> NotebookNode:
        """The lesson with the student's answers and own cells; all else is the lesson's own,
        whatever the student made of it. Cells that are the lesson's have that in their metadata."""
        lang = max(self.pages, key=lambda lang: len(_ids(self.pages[lang]) & _ids(submitted)))
        source = self.pages[lang]
        answers, own = self._students(source, submitted)
        page = nbformat.v4.new_notebook(metadata=source.metadata)
        for cell in source.cells:
            cell = nbformat.from_dict(cell)
            key = cell.metadata.get("nbgrader", {}).get("grade_id")
            if key and cell.metadata.nbgrader.solution:
                cell.source = answers.get(key, _blank(cell))
            elif key is None:
                cell.metadata["lesson"] = True
            page.cells.append(cell)
            page.cells += own.pop(_base(cell), [])  # an exercise is two cells
        page.cells = own.get("", []) + page.cells
        for index, cell in enumerate(page.cells):
            cell["id"] = f"c{index}"
        return page

    def _students(self, source: NotebookNode, submitted: NotebookNode) -> tuple[dict, dict]:
        """Answers by nbgrader's id, and the student's own cells by the lesson's cell before."""
        known = _ids(source)
        texts = {cell.source.strip(): _base(cell) for cell in source.cells}
        answers: dict[str, str] = {}
        own: dict[str, list[NotebookNode]] = {}
        last = ""
        by_key = {c.metadata.nbgrader.grade_id: _base(c) for c in source.cells
                  if "nbgrader" in c.metadata}  # fmt: skip
        for cell in submitted.cells:
            key = _key(cell)
            if key:
                last = by_key.get(key, last)
                match = notebooks.CALL.search(cell.source) if cell.cell_type == "code" else None
                text = cell.source[: match.start()] if match else cell.source
                if text.strip() and not key.startswith("check-"):
                    answers[key] = text.rstrip()
            elif _base(cell) in known or cell.source.strip() in texts:
                last = _base(cell) if _base(cell) in known else texts[cell.source.strip()]
            elif cell.cell_type == "code" and cell.source.strip():
                mine = nbformat.v4.new_code_cell(cell.source)
                own.setdefault(last, []).append(mine)
        return answers, own


def _key(cell: NotebookNode) -> str:
    """The exercise that a submitted cell answers, as nbgrader's edition calls it, or ""."""
    known = cell.metadata.get("nbgrader")
    name = str(known.get("grade_id", "")) if isinstance(known, dict) else ""
    if name.startswith(("answer-", "written-")):
        return name
    match = notebooks.CALL.search(cell.source) if cell.cell_type == "code" else None
    if not match or not cell.source[: match.start()].strip():
        return ""
    kind = "quiz-" if match[1] == "quiz" else ""
    return f"answer-{kind}{match[2].replace('.', '-')}"


def _base(cell: NotebookNode) -> str:
    """A cell's id in the notebooks as they are built: nbgrader's edition has two for one."""
    return str(cell.get("id", ""))[:8]


def _ids(page: NotebookNode) -> set[str]:
    return {_base(cell) for cell in page.cells}


def _blank(cell: NotebookNode) -> str:
    """An answer's cell as students get it."""
    return cell.source.partition("### BEGIN SOLUTION")[0].rstrip()


def answers_of(page: NotebookNode) -> Iterator[tuple[str, str]]:
    """(nbgrader's id, text) of a filled-in lesson's answers."""
    for cell in page.cells:
        known = cell.metadata.get("nbgrader", {})
        if known.get("solution"):
            yield known["grade_id"], cell.source
