"""Exercise checks: one line each, right, wrong or open, and never an error out of the cell."""

import numpy as np
import pytest

from jacklib.errors import DataError
from jacklib.teaching import classroom
from jacklib.teaching.classroom import check_function, check_value, summary


@pytest.fixture(autouse=True)
def fresh():
    classroom._results.clear()
    classroom.language("en")
    yield
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
def test_right_answers(got, wanted, capsys):
    assert check_value("1a", got, wanted) is True
    assert capsys.readouterr().out == "✓ 1a\n"


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
def test_wrong_answers_say_why(got, wanted, why, capsys):
    assert check_value("1a", got, wanted, hint="Look again.") is False
    line = capsys.readouterr().out
    assert line.startswith("✗ 1a: ") and why in line and "Hint: Look again." in line
    assert line.count("\n") == 1


def test_the_wanted_value_is_not_given_away(capsys):
    check_value("1a", 4, 123457)
    assert "123457" not in capsys.readouterr().out


def test_tolerance_is_kept():
    assert check_value("a", 1.01, 1.0, tolerance=0.02)
    assert not check_value("a", 1.05, 1.0, tolerance=0.02)


@pytest.mark.parametrize("placeholder", [..., None, lambda: ..., lambda: not_yet_written])  # noqa: F821
def test_open_exercises_are_not_errors(placeholder, capsys):
    assert check_value("1a", placeholder, 3, hint="Look again.") is False
    assert capsys.readouterr().out == "○ 1a: not done yet\n"


def test_an_unknown_name_inside_the_answer_is_an_error_to_show(capsys):
    def helper():
        return misspelt  # noqa: F821

    assert check_value("1a", lambda: helper(), 3) is False
    assert "✗ 1a: NameError: name 'misspelt' is not defined" in capsys.readouterr().out


def test_functions(capsys):
    def add(a, b=0):
        return a + b

    cases = [((1, 2), 3), (5, 5), ({"a": 1, "b": 4}, 5), ((np.ones(3), 1), np.full(3, 2))]
    assert check_function("2a", add, cases)

    def subtract(a, b):
        return a - b

    assert not check_function("2b", subtract, [((0, 0), 0), ((1, 2), 3)], "Which sign?")
    line = capsys.readouterr().out.splitlines()[1]
    assert line == "✗ 2b: for subtract(1, 2) it gives -1, wanted 3. Hint: Which sign?"


def test_open_functions(capsys):
    def nothing(x):
        # your answer here
        ...

    def later(x):
        raise NotImplementedError

    for function in (nothing, later, ..., None):
        assert not check_function("2a", function, [(1, 2)])
    assert capsys.readouterr().out == "○ 2a: not done yet\n" * 4


def test_a_function_that_gives_none_where_none_is_wanted():
    assert check_function("2a", lambda x: None, [(1, None)])


@pytest.mark.parametrize("error", [ZeroDivisionError("no"), SystemExit(3), AssertionError()])
def test_errors_in_the_students_function_are_shown(error, capsys):
    def broken(x):
        raise error

    assert not check_function("2a", broken, [([1, 2], 3)], "Mind the empty list.")
    line = capsys.readouterr().out
    assert f"for broken([1, 2]) it stops with {type(error).__name__}" in line
    assert "Hint: Mind the empty list." in line and line.count("\n") == 1


def test_ctrl_c_still_stops():
    def endless(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_function("2a", endless, [(1, 1)])


def test_a_function_cannot_change_the_cases(capsys):
    data = [3, 1, 2]

    def sorting(values):
        values.sort()
        return values

    assert check_function("2a", sorting, [((data,), [1, 2, 3])])
    assert data == [3, 1, 2]


def test_nothing_the_student_makes_stops_the_cell(capsys):
    class Hostile:
        def __repr__(self):
            raise ValueError("no repr")

        def __eq__(self, other):
            raise ValueError("no equality")

        __hash__ = None

    assert not check_value("a", Hostile(), "joy")
    assert not check_value("b", Hostile(), 3)
    assert not check_value("c", [Hostile()], [1])
    assert not check_function("d", Hostile(), [(1, 1)])
    assert not check_function("e", lambda x: Hostile(), [(1, 1)])
    assert capsys.readouterr().out.count("✗") == 5


def test_summary_counts_each_exercise_once(capsys):
    assert summary() == (0, 0)
    check_value("1a", ..., 3)
    check_value("1a", 3, 3)  # the student has come back
    check_value("1b", 4, 3)
    capsys.readouterr()
    assert summary() == (1, 2)
    assert capsys.readouterr().out == "1 of 2 exercises solved.\nStill open: 1b\n"
    check_value("1b", 3, 3)
    assert summary() == (2, 2)
    assert "All 2 exercises solved" in capsys.readouterr().out


def test_chinese_messages(capsys):
    classroom.language("zh")
    check_value("1a", ..., 3)
    check_value("1b", 4, 3, hint="Look again.", hint_zh="再看看。")
    check_function("1c", lambda x: x, [(1, 2)], "Only English.")
    summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "○ 1a：还没做"
    assert lines[1] == "✗ 1b：4 不是要求的值。提示：再看看。"
    assert lines[2] == "✗ 1c：function(1) 得到 1，应为 2。提示：Only English."
    assert lines[3] == "3 道练习做对了 0 道。"


def test_both_languages_have_every_message():
    assert set(classroom._TEXT["en"]) == set(classroom._TEXT["zh"])
    with pytest.raises(DataError, match="'fr'"):
        classroom.language("fr")
