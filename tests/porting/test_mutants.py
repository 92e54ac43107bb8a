"""Made-up patients: each kind of bug changes something, those that do not are left out, the same id
has the same patients, and what is measured of them is counted rightly.

Without PyTorch the fixed ports stand in for it.
"""

import json
import os
import subprocess
import sys

import pytest
from support import ROOT

from jacklib.backend.torch_process import find_torch
from jacklib.errors import DataError
from jacklib.porting import check_text, clinic, mutants
from script import measure_clinic

needs_torch = pytest.mark.skipif(find_torch() is None, reason="PyTorch is not here")


@pytest.fixture(autouse=True, scope="module")
def one_by_one():
    with measure_clinic.one_by_one():
        yield


def entry(part: str, piece: str, kind: str, number: int = 0) -> mutants.Entry:
    return next(e for e in mutants.entries() if e.key == f"{part}/{piece}/{kind}/{number}")


def planted(part: str, piece: str, old: str, new: str) -> mutants.Entry:
    text = mutants.PIECES[part][piece]["jittor"]
    assert old in text
    return mutants.Entry("sign", part, piece, 99, text.replace(old, new), part)


# --- the generator --------------------------------------------------------------------------------


def test_there_are_twenty_kinds_and_each_is_given_out():
    assert len(mutants.fit()) >= 20
    assert set(mutants.fit()) == set(mutants.KINDS)
    for about in mutants.KINDS.values():
        assert about["en"] and about["zh"] and about["shows"] in clinic.KINDS


@pytest.mark.parametrize("kind", mutants.KINDS)
def test_each_kind_changes_something(kind):
    one = mutants.mutant_of(mutants.fit()[kind][0], "test")
    lines = one.healthy.split("\n"), one.port.split("\n")
    assert lines[0][: one.line - 1] == lines[1][: one.line - 1]
    assert lines[0][one.line - 1] != lines[1][one.line - 1]
    if mutants.KINDS[kind]["shows"] == "source":
        assert len(check_text(one.port)) > len(check_text(one.healthy))
    else:
        assert not measure_clinic.changes_nothing(one, kind, seeds=[0])


def test_the_same_bug_in_other_words_is_found_to_change_nothing():
    twin = planted("context", "feed_forward", "self.fc2(self.drop(y)) + x", "x + self.fc2(y)")
    broken = planted("context", "neck", "padding=1", "padding=0")
    real = entry("context", "feed_forward", "sign")
    found = measure_clinic.survey([twin, broken, real])
    assert found[twin.key] == "equal"
    assert "Error" in found[broken.key]
    assert real.key not in found


def test_a_start_alone_is_a_change():
    one = mutants.mutant_of(entry("head", "prototypes", "initialisation"), 0)
    assert not measure_clinic.changes_nothing(one, "start", seeds=[0])


def test_unfit_ones_are_not_given_out():
    unfit = json.loads(measure_clinic.UNFIT.read_text("utf-8"))
    given = {e.key for kept in mutants.fit().values() for e in kept}
    assert unfit and not given & set(unfit)
    assert len(given) + len(unfit) == len(mutants.entries())


# --- students -------------------------------------------------------------------------------------


def ports(student: str, n: int = 3) -> list[str]:
    return [mutants.mutant(student, i).port for i in range(n)]


def test_the_same_id_has_the_same_patients_in_another_process():
    code = (
        "from jacklib.porting.mutants import mutant\nprint([mutant('7', i).port for i in range(3)])"
    )
    for seed in "12":
        env = os.environ | {"PYTHONHASHSEED": seed, "JACKLIB_NO_JITTOR": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True
        )
        assert done.stdout.strip() == str(ports("7"))


def test_other_ids_have_other_patients_of_several_kinds():
    students = [f"2026{i:04}" for i in range(40)]
    all_of_them = [port for student in students for port in ports(student)]
    assert len(set(all_of_them)) >= 118
    for student in students:
        kinds = {mutants.mutant(student, i).entry.kind for i in range(len(mutants.fit()))}
        assert kinds == set(mutants.KINDS)


def test_names_do_for_everything(capsys):
    first, second = clinic.own("20261234", n=2)
    assert (first, second) == ("20261234/1", "20261234/2")
    clinic.show(first)
    shown = capsys.readouterr().out
    assert "class Encoder" in shown and clinic.patient(first).port_code.split("\n")[9] in shown
    known = clinic.truth(first)
    assert known.kind not in shown
    curves = clinic.train(second, healthy=True, seeds=[0], steps=2, every=2)
    assert curves.loss.shape == (1, 2)


def test_asking_with_a_guess_does_not_tell(capsys):
    name = clinic.own("a class")[0]
    known = clinic.truth(name)
    assert clinic.ask(name, module=known.module, line=known.line, kind=known.kind) is True
    assert capsys.readouterr().out.count("right") == 3
    assert clinic.ask(name, line=known.line + 1, kind=known.kind) is False
    said = capsys.readouterr().out
    assert "not in that line" in said and str(known.line) not in said
    assert clinic.ask(name) is None
    told, sick = capsys.readouterr().out, clinic.patient(name).port_code.split("\n")
    assert mutants.KINDS[known.kind]["en"] in told and known.module in told
    assert sick[known.line - 1].strip() in told
    assert clinic.ask("B", line=clinic.truth("B").line)
    clinic.language("zh")
    try:
        clinic.ask(name)
    finally:
        clinic.language("en")
    assert mutants.KINDS[known.kind]["zh"] in capsys.readouterr().out


def test_refused():
    for bad in ("20261234", "20261234/0", "/1", "20261234/x"):
        with pytest.raises(DataError, match="`own` gave"):
            clinic.patient(bad)
    with pytest.raises(DataError, match="module, line or kind"):
        clinic.ask("A", lines=3)
    with pytest.raises(DataError, match="at least 1"):
        clinic.own("20261234", n=0)


# --- what compare says ----------------------------------------------------------------------------

PLACES = [
    (("encoder", "mfcc", "biased variance"), "encoder"),
    (("encoder", "clips", "epsilon"), "encoder.norm"),
    (("encoder", "frames", "biased running variance"), "encoder.norm1"),
    (("encoder", "graph", "constant that is trained"), "encoder"),
    (("context", "self_attention", "softmax over another axis"), "context"),
    (("context", "neck", "one layer for two"), "context.convs"),
    (("context", "erasing", "lost stop_grad"), "context"),
    (("head", "attention", "bias"), "head.score"),
    (("head", "prototypes", "initialisation"), "head"),
    (("loss", "polarity", "reduction of the loss"), "loss"),
    (("optimizer", "adam", "weight decay"), "optimizer"),
]


@pytest.mark.parametrize(("key", "module"), PLACES, ids=lambda x: "-".join(x) if x else "")
def test_compare_suspects_the_module_without_pytorch(key, module, monkeypatch):
    monkeypatch.setattr(clinic, "find_torch", lambda: None)
    one = mutants.mutant_of(entry(*key), "places")
    found = clinic.patient_of(clinic.made_up(one), "places").compare()
    assert "the fixed port" in found.frameworks[1]
    assert found.suspect is not None
    assert found.suspect == module or found.suspect.startswith(f"{module}.")
    assert one.entry.module == module


@needs_torch
@pytest.mark.parametrize("number", range(8))
def test_fixed_ports_are_pytorchs_equals(number):
    """Eight networks that hold every piece."""
    names = {part: [*mutants.PIECES[part]] for part in mutants.PARTS}
    chosen = {part: pieces[number % len(pieces)] for part, pieces in names.items()}
    healthy = mutants.composed("jittor", chosen)
    first = mutants.fit()["sign"][0]
    one = mutants.Mutant(first, chosen, mutants.composed("torch", chosen), healthy, healthy, 1)
    found = clinic.patient_of(clinic.made_up(one), f"fixed {number}", healthy=True).compare()
    assert found.ok and not found.starts and found.suspect is None, str(found)


# --- the measurement ------------------------------------------------------------------------------


def test_measure_goes_on_where_it_stopped(tmp_path):
    place = tmp_path / "rows.jsonl"
    first = measure_clinic.measure(2, 0, 1, place)
    both = measure_clinic.measure(4, 0, 1, place)
    assert both[:2] == first and len(place.read_text().splitlines()) == 4
    assert "curve" in both[0] and "curve" not in both[1]
    assert all(not row["healthy"]["suspect"] and row["healthy"]["ok"] for row in both)
    table = measure_clinic.table(both)
    assert "| **all** | 4 |" in table and "false alarms" in table


def test_a_patient_that_changes_nothing_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(measure_clinic, "changes_nothing", lambda one, name: name.endswith("/1"))
    (row,) = measure_clinic.measure(1, 0, 0, tmp_path / "rows.jsonl")
    assert row["name"].endswith("/2")


@pytest.mark.parametrize(
    ("suspect", "module", "exactly", "part"),
    [
        ("head.score.2", "head.score", True, True),
        ("head", "head", True, True),
        ("head.fc", "head", False, True),
        ("head", "head.fc", False, True),
        ("loss", "head", False, False),
        (None, "head", False, False),
        ("", "head", False, False),
    ],
)
def test_named(suspect, module, exactly, part):
    row = {"suspect": suspect, "module": module}
    assert measure_clinic.named(row) is exactly
    assert measure_clinic.named(row, exactly=False) is part


def test_rivals_criteria_on_planted_numbers():
    one = mutants.mutant_of(entry("context", "motion", "order of concatenation"), "rivals")
    file = clinic.made_up(one)
    fixed = clinic.patient_of(file, "rivals", healthy=True)
    theirs = fixed.reference_recording()
    same = measure_clinic.answers(theirs, theirs)
    assert same == {"ok": True, "suspect": None, "output": False, "means": False,
                    "means 1e-4": False}  # fmt: skip
    ours = clinic.patient_of(file, "rivals").recording(theirs)
    found = measure_clinic.answers(ours, theirs)
    assert found["output"] and found["means"] and not found["ok"]
    # Swapped numbers keep their mean: the rule of means does not see them.
    shuffled = theirs.events[-1].value[::-1]
    theirs.events[-1] = theirs.events[-1]._replace(value=shuffled)
    found = measure_clinic.answers(fixed.recording(theirs), theirs)
    assert found["output"] and not found["means 1e-4"]
