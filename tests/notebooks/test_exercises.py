"""Every exercise: its solution is right, its typical wrong answers are named, it speaks both
languages, and no file of checks tells an answer."""

import re
import subprocess
import sys

import pytest
from support import ROOT

from jacklib.errors import DataError
from jacklib.teaching import exercise
from jacklib.teaching.answers import Todo, Wrong
from jacklib.widgets.words import language
from script import build_notebooks as notebooks

SOURCES = sorted((ROOT / "notebooks" / "src").glob("*.py"))
LESSONS = exercise.lessons()
ALL = [name for number in LESSONS for name in exercise.numbers(number)]
KINDS = {"function": {"cases"}, "value": set(), "literal": {"answer"}, "grade": {"grade"}}


@pytest.fixture(autouse=True, params=("en", "zh"))
def lang(request):
    language(request.param)
    yield request.param
    language("en")


def answer_of(found, code):
    """What the student's cell hands to the check if this is what stands in it."""
    names = found.names(code)
    made = [value for key, value in names.items() if key not in found.setup() and key != "wrong"]
    return made[-1]


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_is_complete(number, lang):
    facts = exercise.lesson(number)
    assert set(facts) >= {"quiz"} and len(facts["quiz"]) == 5
    for index, question in enumerate(facts["quiz"], 1):
        assert question["question"][lang] and 3 <= len(question["choices"]) <= 5
        assert set(question["says"]) == set(question["choices"])
        for words in (*question["choices"].values(), *question["says"].values()):
            assert str(words[lang]).strip()
        right = [c for c in question["choices"]
                 if exercise.sealed(f"{number}.q{index}", c) == question["answer"]]  # fmt: skip
        assert len(right) == 1
    for name, one in facts.items():
        if name in ("setup", "quiz"):
            continue
        if one["kind"] == "predict":
            assert one["question"][lang] and one["says"][lang]
            continue
        assert one["level"] in exercise.LEVELS and one["difficulty"] in (1, 2, 3), name
        assert 1 <= one["points"] <= 6 and set(one) >= KINDS[one["kind"]], name
        assert len(one["hints"][lang]) == 3 and all(one["hints"][lang]), name
        assert one["reason"][lang] and one["solution"], name
    text = (exercise.FOLDER / f"{number}.yaml").read_text("utf-8")
    assert "TODO(" not in text  # script/course/seal.py


def test_the_course_has_enough_of_each():
    facts = [exercise.find(name).facts for name in ALL]
    assert len(facts) >= 90
    assert sum(one["level"] == "analyse" for one in facts) >= 25
    assert sum(one["level"] == "create" for one in facts) >= 10


@pytest.mark.parametrize("name", ALL)
def test_solutions_are_right_and_wrong_answers_are_named(name, lang):
    found = exercise.find(name)
    facts, example = found.facts, {}
    for blank in (..., None):
        with pytest.raises(Todo):
            found.judge(blank)
    if facts["kind"] == "literal":
        assert found.judge(answer_of(found, facts["solution"])) == 1
        for hashed, words in facts.get("says", {}).items():
            assert re.fullmatch(r"[0-9a-f]{16}", hashed) and words[lang]
        return
    if "example" in facts:  # what the notebook passes, in small
        example = found.names(f"example = {facts['example'].strip()}")["example"]
    elif facts["kind"] == "value" or facts.get("needs"):
        assert facts.get("wrong") or facts["kind"] == "grade"
        return  # the notebook's own run tries it: tests/notebooks/test_notebooks.py
    if facts["kind"] == "value":
        answer = lambda code: found.names(code)["answer"](**example)  # noqa: E731
    elif facts["kind"] == "function":
        answer = found.function
    else:
        answer = lambda code: answer_of(found, code)  # noqa: E731
    for seeds in (exercise.SEEDS, (77, 78, 79)):
        assert found.judge(answer(facts["solution"]), seeds, example) == 1
    for wrong in facts.get("wrong", ()):
        words = wrong if lang in wrong else facts["feedback"][wrong["key"]]
        with pytest.raises(Wrong) as caught:
            found.judge(answer(wrong["code"]), given=example)
        pattern = ".*".join(map(re.escape, re.split(r"\{[^}]*\}", words[lang])))
        assert re.fullmatch(pattern, str(caught.value), re.DOTALL), str(caught.value)


def test_code_in_the_files_is_in_the_house_style(tmp_path, lang):
    if lang == "zh":
        pytest.skip("code has no language")
    for name in ALL:
        facts = exercise.find(name).facts
        codes = [
            facts.get("grade"),
            facts["solution"],
            *(w["code"] for w in facts.get("wrong", ())),
        ]
        for index, code in enumerate(filter(None, codes)):
            (tmp_path / f"{name.replace('.', '_')}_{index}.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "100", "--select",
         "E,F,W", "--ignore", "F821,W292,E731,E741", str(tmp_path)], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_unknown_exercises_are_named():
    with pytest.raises(DataError, match="wanted one of .*00"):
        exercise.find("77.1")
    with pytest.raises(DataError, match="wanted one of 00.1"):
        exercise.find("00.77")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_notebook_asks_what_the_files_know(path, lang):
    """Every exercise has its heading in both languages, with its level and difficulty, and is
    checked once; every prediction is made and then revealed; the quiz closes it."""
    number, text = path.stem.partition("_")[0], path.read_text("utf-8")
    known = exercise.lesson(number)
    levels = {
        "en": ("recall", "apply", "analyse", "create"),
        "zh": ("记忆", "应用", "分析", "创造"),
    }
    checked = re.findall(r'^classroom\.check\(\s*"([\w.]+)"', text, re.MULTILINE)
    assert checked == exercise.numbers(number)
    for name in checked:
        one = exercise.find(name).facts
        level = levels[lang][exercise.LEVELS.index(one["level"])]
        stars = "●" * one["difficulty"] + "○" * (3 - one["difficulty"])
        assert re.search(
            rf"^# #+ ✎ {re.escape(name)} · .* · {level} {stars}$", text, re.MULTILINE
        ), name
    for key in (key for key, one in known.items() if key[0] == "p" and key[1:].isdigit()):
        made, told = (
            text.find(f'classroom.{call}("{number}.{key}"') for call in ("predict", "reveal")
        )
        assert 0 < made < told, key
    assert f'classroom.quiz("{number}", ' in text
    assert not re.search("BEGIN SOLUTION|check_value|check_function", text)


HEAD = {
    "en": ("You can afterwards", "You should know", "Minutes", "Core", "Needs"),
    "zh": ("学完你能", "需要先会", "用时（分钟）", "必学", "运行条件"),
}
END = {
    "en": ("Quiz", "In three sentences", "References"),
    "zh": ("小测验", "三句话总结", "参考文献"),
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_lesson_has_its_frame(path, lang):
    """What one can do afterwards, what one should know, minutes of both, core or extra for each
    section; a drawing where a network is taught; a quiz, three sentences and references at the
    end; slides."""
    cells = [
        cell for cell in notebooks.read_source(path)[lang].cells if cell.cell_type == "markdown"
    ]
    rows = re.findall(r"^\| \*\*(.+?)\*\* \| (.+) \|$", cells[0].source, re.MULTILINE)
    names = [name for name, _ in rows if name in HEAD[lang]]
    assert names == list(HEAD[lang])
    minutes = dict(rows)[HEAD[lang][2]]
    assert re.match(r"(you|你) \d+ · (machine|机器) \d+", minutes), minutes
    text = "\n".join(cell.source for cell in cells)
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    for title in titles:
        numbered = re.match(r"\d+ · ", title)
        assert not numbered or title.endswith((" ★", " ☆")), title
    assert [title for title in titles if title in END[lang]] == list(END[lang])
    drawings = re.findall(r"!\[([^]]+)\]\(((?:\.\./)?img/[\w.]+)\)", text)
    wanted = {"04": "vaanet", "05": "cten", "06": "tsl_net", "07": "bpm_gcn", "00": "course"}
    number = path.stem.partition("_")[0]
    if number in wanted:
        places = [place for alt, place in drawings if len(alt) > 20]
        folder = "img" if lang == "en" else "../img"
        assert f"{folder}/{wanted[number]}.{lang}.svg" in places
    for _, place in drawings:
        assert (ROOT / "notebooks" / place.removeprefix("../")).is_file(), place
    slides = [cell for cell in notebooks.read_source(path)[lang].cells
              if "slide" in cell.metadata.get("tags", ())]  # fmt: skip
    assert len(slides) >= 6
