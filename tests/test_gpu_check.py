"""`gpu_check`, as far as a machine without a GPU can try it: on the CPU, in small sizes."""

import argparse
import itertools
import json
import subprocess
import sys
from pathlib import Path

import jittor as jt
import numpy as np
import pytest

from jacklib import gpu_check
from jacklib.errors import DataError
from jacklib.gpu_check import Case

ROOT = Path(__file__).parents[1]

# Refuses every package but those that a bare GPU machine has.
BARE = """
import importlib.metadata, sys
class Refuse:
    allowed = {"jittor", "jittor_utils", "jittor_core", "jit_utils_core", "numpy", "jacklib",
               "golden_numbers", "astunparse", "six", "PIL", "tqdm"}
    installed = {name for d in importlib.metadata.distributions()
                 for name in (d.read_text("top_level.txt") or d.metadata["Name"]).split()}
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in self.installed and top not in self.allowed:
            raise ImportError(f"{top} is not on this machine")
sys.meta_path.insert(0, Refuse())
import runpy
sys.argv[1:] = [sys.argv[1], "cpu"]
runpy.run_module("jacklib.gpu_check", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("part", ["operators", "golden", "training"])
def test_a_part_passes_on_the_cpu_and_needs_jittor_and_numpy_only(part):
    result = subprocess.run(
        [sys.executable, "-c", BARE, part], capture_output=True, text=True, cwd=ROOT, timeout=900
    )
    assert result.returncode == 0, result.stderr[-2000:]
    rows = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("[")]
    assert len(rows) == {"operators": len(gpu_check.cases()), "golden": 4, "training": 4}[part]
    assert all(passed for *_, passed in rows), rows
    if part == "golden":
        assert all(0 < found < 1e-4 for _, found, _ in rows)


def test_an_operator_that_differs_is_found(monkeypatch):
    turns = itertools.count()
    bad = [
        Case("unlike", lambda x: x * (1 + next(turns)), ((3, 4),)),
        Case("fails", lambda x: x.no_such_method(), ((3, 4),)),
        Case("alike", lambda x: x * 2, ((3, 4),)),
    ]
    monkeypatch.setattr(gpu_check, "cases", lambda: bad)
    rows = list(gpu_check.check_operators("cpu", True))
    assert [passed for *_, passed in rows] == [False, False, True]
    assert "no_such_method" in rows[1][1]


def test_a_gradient_that_is_not_a_number_fails(monkeypatch):
    turns = itertools.count()  # the value is right both times, the first time's gradient is NaN

    class Sick(jt.Function):
        def execute(self, x):
            return x * 1

        def grad(self, dy):
            return dy * jt.array(np.float32([np.nan]))

    def function(x):
        return Sick.apply(x) if next(turns) == 0 else x * 1

    monkeypatch.setattr(gpu_check, "cases", lambda: [Case("NaN", function, ((3, 4),))])
    ((_, found, passed),) = gpu_check.check_operators("cpu", True)
    assert np.isnan(found) and not passed


def test_difference():
    a = np.float32([1, 2, 4])
    assert gpu_check.difference(a, a) == 0
    assert gpu_check.difference(a + np.float32([0, 0, 1]), a) == 0.25
    assert gpu_check.difference(a[:2], a) == float("inf")


def test_what_does_not_fit_into_the_time_is_said():
    (row,) = gpu_check.run_part("golden", "cpu", 0.2)
    assert row == ["(the rest of golden)", "stopped: no time left", False]


def test_later_parts_keep_their_time(tmp_path, monkeypatch):
    given = {}

    def part(name, device, seconds):
        given[name] = seconds
        return [["x", 1.0, True]]

    monkeypatch.setattr(gpu_check, "run_part", part)
    monkeypatch.setattr(gpu_check, "_began", gpu_check.time.time)
    run("--device", "cpu", "--minutes", "10", "--result_path", str(tmp_path))
    assert 170 < given["operators"] <= 180 and 590 < given["speed"] <= 600


def test_the_clock_starts_with_the_process():
    assert 0 < gpu_check.time.time() - gpu_check._began() < 24 * 3600


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    gpu_check.add_arguments(parser)
    return gpu_check.main(parser.parse_args(words))


def test_the_report(tmp_path, monkeypatch, capsys):
    rows = {"operators": [["matmul", 1e-6, True]], "speed": [["tsl train: a | b", "slow", False]]}
    monkeypatch.setattr(gpu_check, "run_part", lambda part, device, seconds: rows[part])
    assert run("operators", "--device", "cpu", "--result_path", str(tmp_path)) == 0
    assert run("operators", "speed", "--device", "cpu", "--result_path", str(tmp_path)) == 1
    text = (tmp_path / "gpu_check.md").read_text()
    assert text in capsys.readouterr().out
    assert "**operators**: 1 of 1" in text and "| matmul | 1e-06 | ok |" in text
    assert "**speed**: 0 of 1" in text and "| slow | **fails** |" in text
    found = json.loads((tmp_path / "gpu_check.json").read_text())
    assert found["operators"] == rows["operators"] and "Jittor 1.3.11.0" in found["machine"]


def test_without_a_gpu_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(gpu_check, "_jittor_has_cuda", lambda: False)
    assert run() == 1
    assert "--device cpu" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"), [(["golden", "sped"], "sped"), (["--minutes", "0"], "--minutes")]
)
def test_bad_words(words, said):
    with pytest.raises(DataError, match=said):
        run(*words)


def test_speed_against_pytorch(monkeypatch):
    times = {"Jittor": 1.0, "PyTorch": 1.5}

    def measured(network, config, batch, **options):
        assert options["device"] == "cuda" and (network != "tsl" or (batch, options["clips"]) ==
                                                (16, 480))  # fmt: skip
        ops = ("inference", "forward", "train")
        return {n: {op: {"seconds": [t] * 3, "peak": 1 << 20} for op in ops}
                for n, t in times.items()}  # fmt: skip

    monkeypatch.setattr("jacklib.bench.measure", measured)
    rows = {name.split(":")[0]: (ratio, passed)
            for name, ratio, passed in gpu_check.check_speed("cuda", False)}  # fmt: skip
    assert rows["vaanet train"] == rows["tsl train"] == (1.5, True)
    assert rows["tsl inference"] == (1.5, False)  # 1.6 are wanted
    assert len(rows) == 9
