"""The clinic: each patient's fixed port is equal to its reference, and its sick one is found out.

Without PyTorch the reference's numbers are the stored ones of notebook 03.
"""

import numpy as np
import pytest

from jacklib.errors import DataError
from jacklib.porting import check_text, clinic
from jacklib.porting.changes import side_by_side


@pytest.mark.parametrize("letter", clinic.LETTERS)
def test_fixed_port_is_equal(letter):
    found = clinic.patient(letter, healthy=True).compare()
    assert found.ok, str(found)
    assert not found.starts, found.starts


@pytest.mark.parametrize("letter", [x for x in clinic.LETTERS if x not in "KL"])
def test_sick_port_is_not(letter):
    assert not clinic.patient(letter).compare().ok


@pytest.mark.parametrize(
    ("letter", "layer"), [("A", "first"), ("B", "fc"), ("C", "fc"), ("D", "mix"), ("F", "backbone")]
)
def test_outputs_part_where_the_bug_is(letter, layer):
    found = clinic.patient(letter).compare()
    assert found.first_layer == layer == clinic.FILES[letter].finding.place
    assert clinic.FILES[letter].finding.kind == "outputs"


def test_words_lead_to_the_line():
    assert "the modules in it agree: look at its own code" in clinic.patient("A").compare().first
    assert "everything up to the output of score agrees" in clinic.patient("B").compare().first
    assert "its input agrees" in clinic.patient("D").compare().first
    swapped = clinic.patient("F").compare().first
    assert "backbone (call 2)" in swapped and "axes 2 and 3 are swapped" in swapped


def test_shared_layer_lacks_weights():
    found = clinic.patient("E").compare()
    assert found.missing == [f"convs.{i}.{name}" for i in (1, 2) for name in ("weight", "bias")]
    assert clinic.FILES["E"].finding.place in found.missing


@pytest.mark.parametrize("letter", ["G", "H"])
def test_lost_reduction_shows_in_the_loss_alone(letter):
    found = clinic.patient(letter).compare()
    assert not found.first and not found.outputs_agree  # the layers agree, the loss does not
    assert found.gradient_layer == "" and "and the loss" in found.gradient


def test_biased_variance_shows_in_the_step_alone():
    found = clinic.patient("I").compare()
    assert found.outputs_agree and found.gradients_agree and not found.step_agrees
    assert [name for name, far in found.step.items() if far > 1e-3] == ["norm.running_var"]
    assert not found.trained


def test_trained_graph_shows_in_the_step_alone():
    found = clinic.patient("J").compare()
    assert found.outputs_agree and found.gradients_agree and not found.step_agrees
    assert found.trained == ["graph.A"]


def test_another_start_is_seen_in_starts_alone():
    found = clinic.patient("K").compare()
    assert found.ok and list(found.starts) == ["graph.PA"]


def test_overflow_is_seen_in_the_source_alone():
    sick = clinic.patient("L")
    found = sick.compare()
    assert found.ok and not found.starts
    assert [trap.rule for trap in check_text(sick.port_code)] == ["log-sum-exp"]
    assert not check_text(clinic.patient("L", healthy=True).port_code)


def test_overflow_comes_in_training():
    healthy, sick = (clinic.train("L", h, seeds=[0], steps=120) for h in (True, False))
    assert healthy.finite()[0] == 1 and sick.finite()[0] < 1
    first = int(np.argmin(np.isfinite(sick.loss[0])))
    assert first > 0  # it begins well
    assert np.allclose(sick.loss[0, :first], healthy.loss[0, :first], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("letter", clinic.LETTERS)
def test_a_bug_is_one_line(letter):
    rows = side_by_side(
        clinic.patient(letter, healthy=True).port_code, clinic.patient(letter).port_code
    )
    assert sum(row.reference != row.port for row in rows) == 1
    assert clinic.FILES[letter].finding.kind in clinic.KINDS


def test_show_and_diagnosis(capsys):
    clinic.show("C")
    shown = capsys.readouterr().out
    assert "F.adaptive_avg_pool2d(x, (3, 3))" in shown and "nn.AdaptiveAvgPool2d((3, 3))" in shown
    clinic.diagnosis("C")
    said = capsys.readouterr().out
    assert "- x = nn.AdaptiveAvgPool2d((3, 3))(x)" in said
    assert "+ x = ops.adaptive_avg_pool(x, (3, 3))" in said


def test_it_says_nothing_that_was_not_asked(capsys):
    clinic.verdict("")
    clinic.ask("")
    assert capsys.readouterr().out == ""
    clinic.verdict("G")
    assert "✗ loss" in capsys.readouterr().out


def test_another_bug_in_a_healthy_port():
    found = clinic.patient("I", bug=("ops.BatchNorm(16)", "ops.BatchNorm(16, eps=0.1)")).compare()
    assert not found.outputs_agree


def test_runs_of_one_seed_begin_alike_and_repeat():
    healthy, sick, again = (clinic.train("J", h, seeds=[1], steps=20) for h in (True, False, False))
    assert healthy.loss.shape == (1, 20) and healthy.score.shape == (1, 2)
    assert healthy.loss[0, 0] == pytest.approx(sick.loss[0, 0], rel=1e-5)
    assert sick.loss[0] == pytest.approx(again.loss[0], rel=1e-4)
    assert list(healthy.checked) == [0, 20]


def test_an_error_shows_the_patients_line():
    with pytest.raises(Exception) as raised:
        clinic.patient("A").port.execute(None)
    assert any(entry.path == "<clinic A>" for entry in raised.traceback)


def test_unknown_patient():
    with pytest.raises(DataError, match="A to L"):
        clinic.patient("Z")
