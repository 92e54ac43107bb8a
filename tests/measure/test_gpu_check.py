"""`gpu_check`, as far as a machine without a GPU can try it: on the CPU, in small sizes."""

import argparse
import itertools
import json
import subprocess
import sys
from types import SimpleNamespace

import jittor as jt
import numpy as np
import psutil
import pytest
from support import ROOT

from jacklib.errors import DataError
from jacklib.measure import gpu_check
from jacklib.measure.gpu_check import Case
from jacklib.ops import SGD, Adam

# Refuses every package but those that a bare GPU machine has: Jittor, NumPy and what they need.
REFUSE = r"""
import importlib.metadata, re, sys

def name_of(requirement):
    return re.sub("[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()

wanted, open_ = set(), ["jittor", "numpy"]
while open_:
    package = open_.pop()
    wanted.add(package)
    try:
        needs = importlib.metadata.requires(package) or []
    except importlib.metadata.PackageNotFoundError:  # another system's, as pywin32
        needs = []
    open_ += {name_of(need) for need in needs if "extra ==" not in need} - wanted
wanted.add("jacklib")
refused = {module for module, packages in importlib.metadata.packages_distributions().items()
           if not wanted & set(map(name_of, packages))}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in refused:
            raise ImportError(f"{top} is not on this machine")

sys.meta_path.insert(0, Refuse())
"""
BARE = """
import runpy
sys.argv[1:] = [sys.argv[1], "cpu"]
runpy.run_module("jacklib.measure.gpu_check", run_name="__main__", alter_sys=True)
"""
TRIED = """
for name in sys.argv[1:]:
    try:
        __import__(name)
    except ImportError as error:
        print(error.name or name)
"""


def test_a_bare_machine_has_none_of_the_other_packages():
    others = ["sklearn", "scipy", "matplotlib", "cv2", "av", "ipywidgets", "h5py", "pytest"]
    result = subprocess.run(
        [sys.executable, "-c", REFUSE + TRIED, "numpy", "PIL", "tqdm", *others],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert result.stdout.split() == others, result.stderr


@pytest.mark.parametrize("part", ["operators", "golden", "training"])
def test_a_part_passes_on_the_cpu_and_needs_jittor_and_numpy_only(part):
    result = subprocess.run(
        [sys.executable, "-c", REFUSE + BARE, part],
        capture_output=True, text=True, cwd=ROOT, timeout=900,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    rows = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("[")]
    assert len(rows) == {"operators": len(gpu_check.cases()), "golden": 10, "training": 4}[part]
    assert all(passed for *_, passed in rows), rows
    if part == "golden":
        assert all(0 <= found < (1e-3 if "norm" in name else 1e-4) for name, found, _ in rows)
        assert sum(found > 0 for _, found, _ in rows) > 7  # the same numbers, but not our own


def test_an_operator_that_differs_is_found(monkeypatch):
    turns = itertools.count()
    bad = [
        Case("unlike", lambda x: x * (1 + next(turns)), ((3, 4),)),
        Case("fails", lambda x: x.no_such_method(), ((3, 4),)),
        Case("alike", lambda x: x * 2, ((3, 4),)),
    ]
    monkeypatch.setattr(gpu_check, "cases", lambda: bad)
    rows = list(gpu_check.rows("operators", "cpu"))
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
    ((_, found, passed),) = gpu_check.rows("operators", "cpu")
    assert np.isnan(found) and not passed


@pytest.mark.parametrize("kind, options", [
    (SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}), (Adam, {})
])  # fmt: skip
def test_an_optimizer_that_differs_in_its_second_step_is_found(monkeypatch, kind, options):
    turns = itertools.count()  # of four steps, the first two are the device's

    class Unlike(kind):
        def update(self, p, gradient, *rest):
            super().update(p, gradient * (1.1 if next(turns) == 1 else 1), *rest)

    steps = gpu_check.two_steps(Unlike, **options)
    case = Case("steps", steps, ((20, 6), (6, 5)), gradients=False)
    monkeypatch.setattr(gpu_check, "cases", lambda: [case])
    assert [passed for *_, passed in gpu_check.rows("operators", "cpu")] == [False]
    assert [passed for *_, passed in gpu_check.rows("operators", "cpu")] == [True]


class TwoLayers(jt.nn.Module):
    """A network whose loss and gradients are known: of the cross entropy of zeros."""

    def __init__(self):
        self.used, self.unused = jt.zeros((2, 3)), jt.zeros((2, 3))

    def execute(self, x):
        return SimpleNamespace(logits=jt.matmul(jt.array(x), self.used))


@pytest.mark.parametrize("loss, used, unused, fail", [
    (np.log(3), 1.0, 0.0, []),
    (1.002 * np.log(3), 1.0, 0.0, ["training loss"]),
    (np.log(3), 1.002, 0.0, ["gradient norms"]),
    (np.log(3), 1.01, 0.0, ["gradient norms", "each gradient's norm"]),
    (np.log(3), 1.0, 0.0009, ["each gradient's norm"]),
    (np.log(3), np.nan, 0.0, ["gradient norms", "each gradient's norm"]),
])  # fmt: skip
def test_golden_numbers_of_training_that_differ_are_found(loss, used, unused, fail):
    x = np.float32([[3, 0]])
    norm = 3 * np.linalg.norm(np.float32([1, 1, -2])) / 3  # x times softmax minus target
    facts = {"network": "", "loss": "ce", "target": [2]}
    facts["grad_norm_step1"] = {"used": used * norm, "unused": unused * norm}
    golden = SimpleNamespace(facts=facts, arrays={"train_losses": np.array([loss, 0.5])})
    rows = list(gpu_check._golden_training(golden, TwoLayers(), [x]))
    assert [what for what, found, limit in rows if not found < limit] == fail


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
    monkeypatch.setattr(gpu_check, "about", lambda: "a machine")
    monkeypatch.setattr(gpu_check, "helpers", lambda: 1)
    run("--device", "cpu", "--minutes", "10", "--result_path", str(tmp_path))
    assert 170 < given["operators"] <= 180 and 590 < given["speed"] <= 600


def processes_of(place: int, number: int) -> list[str]:
    """The command lines of running processes that compile share `place` of `number`."""
    words = ["jacklib.measure.gpu_check", "operators", "cpu", str(place), str(number)]
    lines = [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
    return [line for line in lines if line.endswith(" ".join(words))]


def test_kernels_are_compiled_side_by_side(monkeypatch):
    whole = [case.name for case in gpu_check.cases()]
    parts = [[case.name for case in gpu_check.cases()[slice(i, None, 3)]] for i in range(3)]
    assert sorted(sum(parts, [])) == sorted(whole)

    ends = []

    class Process(gpu_check.processes.Child):
        def end(self):
            ends.append(self.poll())
            super().end()

    monkeypatch.setattr(gpu_check.processes, "Child", Process)
    assert gpu_check.compile_ahead(["operators", "speed"], "cpu", 600, 2) > 0
    assert ends == [0, 0]
    assert gpu_check.compile_ahead(["speed"], "cpu", 600, 2) == 0  # what it needs is there by then
    assert gpu_check.compile_ahead(["operators"], "cpu", 600, 1) == 0
    assert len(ends) == 2


def test_compiling_ahead_ends_in_time():
    assert gpu_check.compile_ahead(["operators"], "cpu", 1, 2) < 20
    assert not processes_of(0, 2) and not processes_of(1, 2)


def test_the_clock_starts_with_the_process():
    assert 0 < gpu_check.time.time() - gpu_check._began() < 24 * 3600


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    gpu_check.add_arguments(parser)
    return gpu_check.main(parser.parse_args(words))


def test_the_report(tmp_path, monkeypatch, capsys):
    rows = {"operators": [["matmul", 1e-6, True]], "speed": [["tsl train: a | b", "slow", False]]}
    monkeypatch.setattr(gpu_check, "run_part", lambda part, device, seconds: rows[part])
    monkeypatch.setattr(gpu_check, "helpers", lambda: 1)
    assert run("operators", "--device", "cpu", "--result_path", str(tmp_path)) == 0
    assert run("operators", "speed", "--device", "cpu", "--result_path", str(tmp_path)) == 1
    text = (tmp_path / "gpu_check.md").read_text()
    assert text in capsys.readouterr().out
    assert "**operators**: 1 of 1" in text and "| matmul | 1e-06 | ok |" in text
    assert "**speed**: 0 of 1" in text and "| slow | **fails** |" in text
    found = json.loads((tmp_path / "gpu_check.json").read_text())
    assert found["operators"] == rows["operators"] and "Jittor 1.3.11.0" in found["machine"]
    assert f"\n{found['machine']}.\n" in text


def test_the_machine(tmp_path, monkeypatch):
    """A card, its driver, a compiler, cuDNN and PyTorch, all of them stand-ins."""
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib64" / "libcudnn.so.9").touch()
    (tmp_path / "bin").mkdir()
    for name, line in (("nvidia-smi", "NVIDIA H100 80GB HBM3, 580.65.06"), ("torch", "2.9.1+cu130"),
                       ("nvcc", "Cuda compilation tools, release 13.0, V13.0.48")):  # fmt: skip
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\necho '{line}'\necho second\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("nvcc_path", str(tmp_path / "bin" / "nvcc"))
    monkeypatch.setenv("JACK_TORCH_PYTHON", str(tmp_path / "bin" / "torch"))
    monkeypatch.setattr(gpu_check.ctypes, "CDLL", lambda name: None)
    words = gpu_check.about()
    assert words.startswith("card NVIDIA H100 80GB HBM3, driver 580.65.06, CUDA 13.0, cuDNN 9, ")
    assert f"Jittor 1.3.11.0, NumPy {np.__version__}, PyTorch 2.9.1+cu130, 20" in words


@pytest.mark.parametrize("number, version", [(8902, "8.9.2"), (91002, "9.10.2")])
def test_the_loaded_cudnn(monkeypatch, number, version):
    library = SimpleNamespace(cudnnGetVersion=lambda: number)
    monkeypatch.setattr(gpu_check.ctypes, "CDLL", lambda name: library)
    assert gpu_check._cudnn("") == version


def test_what_the_machine_does_not_tell_is_unknown(tmp_path, monkeypatch):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho NVIDIA-SMI has failed\nexit 9\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpu_check.ctypes, "CDLL", lambda name: None)
    monkeypatch.setenv("JACK_TORCH_PYTHON", "/nowhere/python")
    monkeypatch.setattr(gpu_check.cuda, "_cudnn", lambda nvcc: 0)
    monkeypatch.setattr(gpu_check.cuda, "_driver", lambda: ((), (0, 0)))
    for nvcc in ("", "/nowhere/nvcc"):
        monkeypatch.setenv("nvcc_path", nvcc)
        words = gpu_check.about()
        assert words.startswith("card unknown, driver unknown, CUDA unknown, cuDNN unknown, Python")
        assert ", PyTorch unknown, " in words
    monkeypatch.delenv("JACK_TORCH_PYTHON")  # and none that goes with Jittor's Python
    monkeypatch.setattr(gpu_check.sys, "executable", "/nowhere/python")
    assert "PyTorch" not in gpu_check.about()
    gpus = (gpu_check.cuda.Gpu("NVIDIA H200", (9, 0)),)  # which a driver without nvidia-smi opens
    monkeypatch.setattr(gpu_check.cuda, "_driver", lambda: (gpus, (13, 0)))
    assert gpu_check.about().startswith("card NVIDIA H200, driver unknown, ")


def test_without_a_gpu_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(gpu_check.jt, "has_cuda", 0)
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

    monkeypatch.setattr("jacklib.measure.bench.measure", measured)
    rows = {name.split(":")[0]: (ratio, passed)
            for name, ratio, passed in gpu_check.rows("speed", "cuda")}  # fmt: skip
    assert rows["vaanet train"] == rows["tsl train"] == (1.5, True)
    assert rows["tsl inference"] == (1.5, False)  # 1.6 are wanted
    assert len(rows) == 9
