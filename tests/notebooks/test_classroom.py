"""Exercise checks: one line each, right, wrong or open, and never an error out of the cell; what
was done is kept over kernels and days."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import ROOT

from jacklib.errors import DataError
from jacklib.teaching import classroom, exercise
from jacklib.teaching import progress as kept
from jacklib.teaching.answers import Todo, Wrong, compare, resolve
from jacklib.teaching.classroom import check, compare_runs, say, summary
from jacklib.teaching.speech import TEXT

LESSON = Path(__file__).with_name("lesson99.yaml").read_text("utf-8")


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    """A lesson "99" and a progress file of its own."""
    names = {"RIGHT": ("99.1", 3), "HALF": ("99.1", 1.5), "CHOICE": ("99.q1", "b")}
    text = LESSON
    for mark, (name, value) in names.items():
        digits = 3 if name == "99.1" else 6
        text = text.replace(mark, exercise.sealed(name, value, digits))
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "99.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(exercise, "FOLDER", tmp_path / "lessons")
    monkeypatch.setenv("JACK_PROGRESS", str(tmp_path / "own" / "progress.json"))
    monkeypatch.setattr(kept, "_unkept", {})
    for cached in (exercise.lesson, exercise._setup):
        cached.cache_clear()
    classroom._results.clear()
    classroom.language("en")
    yield
    for cached in (exercise.lesson, exercise._setup):
        cached.cache_clear()
    classroom._results.clear()
    classroom.language("en")


class LikeVar:
    """What a Jittor Var looks like from outside."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.shape = list(self.values.shape)

    def numpy(self):
        return self.values


@pytest.mark.parametrize(
    "got, wanted",
    [
        (3, 3),
        (0.1 + 0.2, 0.3),
        (np.float32(0.1), 0.1),
        ("joy", "joy"),
        (True, True),
        (np.bool_(False), False),
        ([1, 2], np.array([1, 2])),
        (LikeVar([[1.0, 2.0]]), [[1, 2]]),
        ({"a": [1, 2]}, {"a": (1.0, 2.0)}),
        (["joy", "fear"], ["joy", "fear"]),
        ([1, [2, 3]], [1, [2, 3]]),
        ({1, 2}, {2, 1}),
        (float("nan"), float("nan")),
        (lambda: 7, 7),
    ],
)
def test_right_answers(got, wanted):
    compare(resolve(got), wanted, 1e-6)


@pytest.mark.parametrize(
    "got, wanted, why",
    [
        (4, 3, "4 is not the value wanted"),
        ("fear", "joy", "'fear' is not the value wanted"),
        ("three", 3, "'three' is str, wanted a number"),
        (False, True, "False is not the value wanted"),
        (np.ones(3), True, "not the value wanted"),
        (np.ones((2, 3)), np.ones((3, 2)), "shape [2, 3], wanted [3, 2]"),
        ([1.0, 2.5, 3.0], [1, 2, 3], "1 of 3 numbers differ, by up to 0.5"),
        ([1.0, np.nan], [1, 2], "1 of 2 numbers are missing"),
        ({"a": 1}, {"b": 1}, "not the value wanted"),
        (["joy"], ["joy", "fear"], "not the value wanted"),
        (7, {"a": 1}, "not the value wanted"),
        (object(), 3, "wanted a number"),
    ],
)
def test_wrong_answers_say_why(got, wanted, why):
    with pytest.raises(Wrong) as caught:
        compare(got, wanted, 1e-6)
    assert why in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("placeholder", [..., None, lambda: ..., lambda: not_yet_written])  # noqa: F821
def test_open_exercises_are_not_errors(placeholder, capsys):
    with pytest.raises(Todo):
        resolve(placeholder)
    check("99.1", placeholder)
    assert capsys.readouterr().out == "○ 99.1: not done yet\n"
    assert kept.entry("99.1") == {}  # looking is no try


def test_an_unknown_name_inside_the_answer_is_an_error_to_show(capsys):
    def helper():
        return misspelt  # noqa: F821

    check("99.1", lambda: helper())
    assert "✗ 99.1: NameError: name 'misspelt' is not defined" in capsys.readouterr().out


@pytest.mark.parametrize("right", [3, 3.0, "3", " 3.00 ", np.float32(3.0004), [3]])
def test_a_literal_is_compared_by_its_hash(right, capsys):
    check("99.1", right)
    assert capsys.readouterr().out == "✓ 99.1\n"
    text = (exercise.FOLDER / "99.yaml").read_text("utf-8")
    assert exercise.sealed("99.1", 3, 3) in text
    assert exercise.sealed("99.2", 3, 3) != exercise.sealed("99.1", 3, 3)  # salted


def test_a_wrong_literal_that_is_known_is_explained(capsys):
    check("99.1", 1.5)
    check("99.1", 4)
    assert capsys.readouterr().out.splitlines() == [
        '✗ 99.1: That is half of it. classroom.hint("99.1") helps.',
        '✗ 99.1: 4 is not the value wanted. classroom.hint("99.1") helps.',
    ]


def test_a_function_is_tried_on_hidden_cases_and_its_misconception_named(capsys):
    check("99.2", lambda x, k: x * k * 2)
    check("99.2", lambda x, k: x + x)
    check("99.2", lambda x, k: x)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✓ 99.2"
    assert lines[1].startswith("✗ 99.2: You forgot k. ")
    assert lines[2].startswith("✗ 99.2: for function([") and "wanted [" in lines[2]
    # Other seeds, other cases: what was written down for one set fails on the next.
    found = exercise.find("99.2")
    (one, _), (other, _) = found.cases((1,))[0], found.cases((2,))[0]
    assert not np.allclose(one, other)
    np.testing.assert_array_equal(one, found.cases((1,))[0][0])


def test_open_functions(capsys):
    def nothing(x, k): ...

    def later(x, k):
        raise NotImplementedError

    for function in (nothing, later, ..., None):
        check("99.2", function)
    assert capsys.readouterr().out == "○ 99.2: not done yet\n" * 4


@pytest.mark.parametrize("error", [ZeroDivisionError("no"), SystemExit(3), AssertionError()])
def test_errors_in_the_students_function_are_shown(error, capsys):
    def broken(x, k):
        raise error

    check("99.2", broken)
    line = capsys.readouterr().out
    assert "for broken([" in line and f"it stops with {type(error).__name__}" in line
    assert line.count("\n") == 1


def test_ctrl_c_still_stops():
    def endless(x, k):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("99.2", endless)


def test_a_function_cannot_change_the_cases(capsys):
    def greedy(x, k):
        result = x * k * 2
        x[:] = 0
        return result

    check("99.2", greedy)
    assert capsys.readouterr().out == "✓ 99.2\n"


def test_a_value_is_compared_with_what_the_notebooks_data_give(capsys):
    check("99.3", 5, table=[1, 5, 2])
    check("99.3", 1, table=[1, 5, 2])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✓ 99.3" and "That is its place." in lines[1]


def test_a_grade_may_give_a_share(capsys):
    check("99.4", lambda most: "x" * most)
    check("99.4", lambda most: "xxx")
    check("99.4", lambda most: "x" * 9)
    check("99.4", lambda most: ...)
    check("99.4", lambda most: most.nothing)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✓ 99.4" and lines[1] == "◐ 99.4: 75% of it is right"
    assert lines[2].startswith("✗ 99.4: 9 are too many.") and lines[3] == "○ 99.4: not done yet"
    assert "it stops with AttributeError" in lines[4]


def test_nothing_the_student_makes_stops_the_cell(capsys):
    class Hostile:
        def __repr__(self):
            raise ValueError("no repr")

        def __eq__(self, other):
            raise ValueError("no equality")

        __hash__ = None

    check("99.1", Hostile())
    check("99.2", Hostile())
    check("99.2", lambda x, k: Hostile())
    check("99.3", [Hostile()], table=[1])
    check("99.4", Hostile())
    assert capsys.readouterr().out.count("✗") == 5


def test_unknown_exercises_are_named():
    for name in ("99.7", "98.1", "", "99", "99.quiz", "99.setup"):
        with pytest.raises(DataError, match="Write it as in the text"):
            check(name, 1)


# --- hints, guesses, quizzes ----------------------------------------------------------------------


def test_hints_come_one_by_one_and_the_solution_after_three_tries(capsys):
    for _ in range(4):
        classroom.hint("99.1")
    lines = capsys.readouterr().out.splitlines()
    words = enumerate(("how many?", "count them", "answer = 3"), 1)
    assert lines[:3] == [f"99.1, hint {number} of 3: {hint}" for number, hint in words]
    assert lines[4] == "The solution is shown after 3 more different tries."
    for wrong in (4, 4, 5):  # the same again is no try
        check("99.1", wrong)
    classroom.hint("99.1")
    assert "after 1 more" in capsys.readouterr().out
    check("99.1", 6)
    capsys.readouterr()
    classroom.hint("99.1")
    assert capsys.readouterr().out == "99.1, a solution:\n    answer = 3\nIt is three.\n"


def test_the_solution_is_shown_to_whoever_has_solved_it(capsys):
    check("99.2", lambda x, k: x * k * 2)
    classroom.hint("99.2")
    assert "return twice(x) * k" in capsys.readouterr().out


def test_a_guess_is_noted_before_the_result_is_shown(capsys):
    classroom.predict("99.p1", ...)
    classroom.reveal("99.p1", 4.0)
    classroom.predict("99.p1", 4.2)
    classroom.reveal("99.p1", np.float32(4.0))
    classroom.predict("99.p1", 9)
    classroom.reveal("99.p1", 4.0)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "○ 99.p1: How many?" and lines[1] == "○ 99.p1: no guess was made."
    assert lines[2] == "✎ 99.p1: your guess 4.2 is noted."
    assert lines[3] == "✓ 99.p1: you guessed 4.2, it is 4.0." and lines[4] == "  So."
    assert lines[6] == "≠ 99.p1: you guessed 9, but it is 4.0."
    assert kept.entry("99.p1", "predictions") == {"guess": 9, "result": 4.0}


def test_a_quiz_has_words_for_every_answer(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda page: shown.append(page.data))
    for letter in ("", "a", " B ", "z"):
        classroom.quiz("99", {1: letter})
    assert "**b** · two" in shown[0] and "just so" not in shown[0]
    assert "✗ **a** · no" in shown[1] and "0 of 1 right." in shown[1]
    assert "✓ **b** · just so" in shown[2] and "1 of 1 right." in shown[2]
    assert "z is no choice; write one of a, b, c." in shown[3]
    assert kept.entry("99.q1") == {"solved": True}
    for wrong in ({2: "a"}, ["a"], {"1": "a"}):
        with pytest.raises(DataError, match="a letter for each question"):
            classroom.quiz("99", wrong)


# --- marking --------------------------------------------------------------------------------------


def test_marking_raises_where_checking_prints(capsys):
    assert classroom.grade("99.1", 3, seed=7) is None
    assert classroom.grade("99.4", lambda most: "xxx", seed=7) == 3
    for answer, why in ((..., "not done yet"), (1.5, "That is half"), (Exception, "value wanted")):
        with pytest.raises(AssertionError, match=why):
            classroom.grade("99.1", answer, seed=7)
    assert capsys.readouterr().out == "" and kept.read()["exercises"] == {}
    assert classroom.quiz("99", {1: "b"}, seed=7) is None
    with pytest.raises(AssertionError, match="0 of 1"):
        classroom.quiz("99", {1: "a"}, seed=7)


def test_marking_tries_other_cases_than_a_students_own_check():
    """A function that only knows the answers to its own check's cases."""
    found = exercise.find("99.2")
    known = {x.tobytes(): x * k * 2 for x, k in found.cases(exercise.SEEDS)}

    def learnt(x, k):
        return next((v for b, v in known.items() if b == x.tobytes() and (v == x * k * 2).all()), x)

    assert found.judge(lambda x, k: known.get(x.tobytes(), x)) == 1
    with pytest.raises(AssertionError, match="for learnt"):
        classroom.grade("99.2", learnt, seed=100)


def test_in_nbgrader_a_wrong_answer_is_an_error(monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    check("99.1", 3)
    check("99.4", lambda most: "xxx")  # a part of it
    for answer in (4, ...):
        with pytest.raises(AssertionError, match="99.1 is not right"):
            check("99.1", answer)
    assert "✗ 99.1: 4 is not the value wanted" in capsys.readouterr().out


# --- what is kept ---------------------------------------------------------------------------------


def test_progress_lasts_over_kernels():
    check("99.1", 3)
    check("99.2", lambda x, k: x)
    classroom.student("张三")
    code = (
        "from jacklib.teaching import progress as kept\n"
        "tries = len(kept.entry('99.2')['tries'])\n"
        "print(kept.entry('99.1')['solved'], tries, kept.read()['student'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT,
                          env=os.environ | {"PYTHONIOENCODING": "utf-8"})  # fmt: skip
    assert done.stdout == "True 1 张三\n", done.stderr
    assert classroom.student() == "张三"


def test_two_kernels_lose_nothing_of_each_other():
    code = (
        "import sys; from jacklib.teaching import progress as kept\n"
        "for k in range(40): kept.note(f'{sys.argv[1]}.{k}', lambda e: e.update(solved=True))"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code, name], cwd=ROOT) for name in "ab"]
    assert [worker.wait(120) for worker in workers] == [0, 0]
    assert len(kept.read()["exercises"]) == 80


@pytest.mark.parametrize("damage", ["{", "[1]", '{"exercises": 3}', "\0\0\0"])
def test_a_damaged_file_is_put_aside_and_named(damage, caplog):
    kept.file().parent.mkdir(parents=True)
    kept.file().write_text(damage)
    check("99.1", 3)
    assert kept.entry("99.1")["solved"]
    assert (kept.file().parent / "progress.damaged-1.json").read_text() == damage
    assert "kept as progress.damaged-1.json" in caplog.text
    assert json.loads(kept.file().read_text("utf-8"))["exercises"]["99.1"] == {"solved": True}


def test_a_folder_that_cannot_be_written_stops_no_exercise(monkeypatch, tmp_path, capsys, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JACK_PROGRESS", str(tmp_path / "file" / "progress.json"))
    check("99.1", 3)
    check("99.2", ...)
    assert capsys.readouterr().out == "✓ 99.1\n○ 99.2: not done yet\n"
    assert kept.entry("99.1")["solved"] and caplog.text.count("until this kernel ends") == 1


def test_the_picture_shows_what_was_done_and_hides_no_script():
    check("99.1", 3)
    check("99.2", lambda x, k: x)
    classroom.student("<img src=x onerror=alert(1)>")
    for lang, words in (("en", "1 of 4 exercises"), ("zh", "4 道练习已做对 1 道")):
        classroom.language(lang)
        picture = kept.picture()
        assert words in picture and "<img" not in picture and "&lt;img" in picture
        fills = [part.split('"')[0] for part in picture.split('height="24" rx="3" fill="')[1:]]
        assert fills == ["#0072B2", "#E69F00", "#ffffff", "#ffffff"]
        assert f"99.1 · {TEXT[lang]['levels'][0]} · {TEXT[lang]['states']['solved']}" in picture


def test_summary_counts_each_exercise_once(capsys):
    assert summary() == (0, 0)
    check("99.1", ...)
    check("99.1", 3)  # the student has come back
    check("99.2", lambda x, k: x)
    capsys.readouterr()
    assert summary() == (1, 2)
    assert capsys.readouterr().out == "1 of 2 exercises solved.\nStill open: 99.2\n"


def test_chinese_messages(capsys):
    classroom.language("zh")
    check("99.1", ...)
    check("99.1", 1.5)
    check("99.1", 7)
    classroom.hint("99.1")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "○ 99.1：还没做"
    assert lines[1] == '✗ 99.1：那只有一半。需要提示就运行 classroom.hint("99.1")。'
    assert lines[2].startswith("✗ 99.1：7 不是要求的值。")
    assert lines[3] == "99.1 提示 1/3：几个？"


def test_both_languages_have_every_message():
    assert set(TEXT["en"]) == set(TEXT["zh"])
    with pytest.raises(DataError, match="'fr'"):
        classroom.language("fr")


# --- comparing runs -------------------------------------------------------------------------------


def runs(**settings):
    return {name: dict(enumerate(values)) for name, values in settings.items()}


def test_runs_are_paired_by_seed_and_all_shown(capsys):
    """Values in any order of seeds; each one, each difference and what was fixed is shown."""
    both = {"a": {2: 0.5, 0: 0.75, 1: 0.25}, "b": {0: 0.25, 1: 0.5, 2: 0.125}}
    ((names, pair),) = compare_runs("accuracy", both, fixed="the videos").items()
    assert names == ("a", "b")
    np.testing.assert_array_equal(pair.differences, [0.5, -0.25, 0.375])
    assert pair.agree == 2 and pair.chance == 1
    assert capsys.readouterr().out.splitlines() == [
        "accuracy     seed 0   seed 1   seed 2     mean",
        "a             0.750    0.250    0.500    0.500",
        "b             0.250    0.500    0.125    0.292",
        "a − b        +0.500   -0.250   +0.375   +0.208 ± 0.402",
        "    2 of 3 differences have the same sign; of 3 tossed coins as many agree in "
        "100% of cases. No difference is shown.",
        "Not varied, so that nothing is said about others: the videos.",
    ]


@pytest.mark.parametrize(
    "differences, agree, chance",
    [
        ([0.1], 1, 1.0),  # one seed decides nothing
        ([0.1, 0.2], 2, 0.5),
        ([0.1, 0.2, 0.1], 3, 0.25),
        ([-0.1, -0.2, -0.1, -0.3, -0.1], 5, 0.0625),
        ([0.1] * 6, 6, 0.03125),
        ([0.1] * 9 + [-0.1], 9, 22 / 1024),
        ([0.1, -0.1], 1, 1.0),
        ([0.0, 0.0, 0.0], 0, 1.0),
        ([0.1, 0.1, 0.0], 2, 0.5),  # a tie counts for neither side
        ([1e-12, 0.1, 0.1], 2, 0.5),
    ],
)
def test_signs_are_judged_as_tossed_coins(differences, agree, chance, capsys):
    both = runs(a=[0.5 + d for d in differences], b=[0.5] * len(differences))
    pair = compare_runs("accuracy", both, fixed="x")["a", "b"]
    assert pair.agree == agree and pair.chance == pytest.approx(chance)
    verdicts = ("No difference is shown.", "A hint: it takes six", "% of cases only.")
    few = chance > 0.05 and agree == len(differences) > 1
    wanted = verdicts[1 if few else 2 * (chance <= 0.05)]
    out = capsys.readouterr().out
    assert [verdict for verdict in verdicts if verdict in out] == [wanted]


def test_every_two_settings_are_compared(capsys):
    pairs = compare_runs("mAP", runs(a=[1, 2], b=[2, 1], c=[0, 0]), fixed="x")
    assert list(pairs) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [pair.agree for pair in pairs.values()] == [1, 2, 2]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"a": {}, "b": {}},
        {"a": {0: 1.0, 1: 1.0}, "b": {0: 1.0}},
        {"a": {0: 1.0, 1: 1.0}, "b": {0: 1.0, 2: 1.0}},
        {"a": {0: 1.0}, "b": {0: float("nan")}},
    ],
)
def test_runs_that_do_not_pair_are_refused(settings):
    with pytest.raises(DataError, match="same seeds"):
        compare_runs("accuracy", settings, fixed="x")


def test_comparisons_and_sentences_speak_the_readers_language(capsys):
    classroom.language("zh")
    compare_runs("accuracy", runs(a=[1, 1], b=[0, 0]), fixed="the videos", fixed_zh="视频")
    say("Worse.", "更差。")
    out = capsys.readouterr().out
    assert "抛 2 枚硬币，有 50% 的机会" in out and "视频" in out and out.endswith("更差。\n")
    classroom.language("en")
    say("Worse. " * 30, "更差。")
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100
