"""Exercise checks: one line each, right, wrong or open, and never an error out of the cell."""

import numpy as np
import pytest

from jacklib.errors import DataError
from jacklib.teaching import classroom
from jacklib.teaching.classroom import check_function, check_value, compare_runs, say, summary


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
