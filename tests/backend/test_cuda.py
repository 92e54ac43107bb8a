"""Which way a machine goes to its GPU, the changed copy of Jittor, the gathered toolkit."""

import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jacklib.backend import cuda, cuda_patch
from jacklib.backend.cuda import Gpu, Machine, Toolkit, choose
from jacklib.files import LOCK, MARK

SITE_PACKAGES = Path(importlib.util.find_spec("jittor_utils").origin).parents[1]
H100, V100 = Gpu("NVIDIA H100", (9, 0)), Gpu("Tesla V100", (7, 0))
BLACKWELL = Gpu("NVIDIA B200", (10, 0))


def nvcc(release: str, cudnn: int) -> Toolkit:
    major, minor = map(int, release.split("."))
    return Toolkit(f"/cuda-{release}/bin/nvcc", (major, minor), cudnn)


@pytest.mark.parametrize(
    ("machine", "name", "said", "cure"),
    [
        (Machine(), "cpu", "no NVIDIA GPU", ""),
        (Machine(system="Darwin"), "cpu", "a Mac", ""),
        (Machine(amd=True), "cpu", "an AMD card", ""),
        (Machine(gpus=(H100,), driver=(13, 0)), "cpu", "no nvcc", "pip install"),
        (Machine(gpus=(V100,), driver=(12, 2)), "cpu", "no nvcc", "CUDA toolkit 12.x"),
        (Machine(gpus=(V100,), driver=(11, 4), toolkits=(nvcc("11.2", 8),)), "jittor",
         "CUDA 11.2 with cuDNN 8", ""),
        (Machine(gpus=(V100,), driver=(12, 2), toolkits=(nvcc("12.2", 8),)), "jittor",
         "CUDA 12.2 with cuDNN 8", ""),
        (Machine(gpus=(V100,), driver=(12, 2), toolkits=(nvcc("12.2", 0),)), "jittor",
         "without cuDNN", "cuDNN 8"),
        (Machine(gpus=(H100,), driver=(12, 4), toolkits=(nvcc("12.4", 9),)), "patched",
         "cuDNN 9", ""),
        (Machine(gpus=(H100,), driver=(13, 0), toolkits=(nvcc("13.0", 9),)), "patched",
         "CUDA 13.0 with cuDNN 9", ""),
        (Machine(gpus=(H100,), driver=(13, 0), toolkits=(nvcc("13.0", 0),)), "cpu",
         "no cuDNN", "nvidia-cudnn-cu13"),
        # A program of CUDA 13 does not run on a driver of CUDA 12.
        (Machine(gpus=(H100,), driver=(12, 4), toolkits=(nvcc("13.0", 9),)), "cpu",
         "nvcc 13.0 is newer than the driver's CUDA 12.4", "CUDA toolkit 12.x"),
        # CUDA 11.2 knows no H100, CUDA 12.2 no B200.
        (Machine(gpus=(H100,), driver=(12, 2), toolkits=(nvcc("11.2", 8),)), "cpu",
         "CUDA 11.2 cannot compile for it", "CUDA toolkit 12.x"),
        (Machine(gpus=(BLACKWELL,), driver=(13, 0), toolkits=(nvcc("12.2", 8),)), "cpu",
         "CUDA 12.2 cannot compile for it", "pip install"),
        # Of several, the one that Jittor was written for.
        (Machine(gpus=(H100,), driver=(13, 0), toolkits=(nvcc("13.0", 9), nvcc("12.2", 8))),
         "jittor", "CUDA 12.2 with cuDNN 8", ""),
        (Machine(gpus=(H100,), driver=(13, 0), toolkits=(nvcc("12.2", 0), nvcc("13.0", 9))),
         "patched", "CUDA 13.0", ""),
        (Machine(gpus=(H100,), nvcc_path="/mine"), "jittor", "as you set it", ""),
        (Machine(gpus=(H100,), nvcc_path=""), "cpu", "as you wish", ""),
    ],
)  # fmt: skip
def test_the_way(machine, name, said, cure):
    way = choose(machine)
    assert (way.name, said in way.reason) == (name, True), way
    assert cure in way.cure and bool(way.cure) == bool(cure)
    assert bool(way.nvcc) == (name != "cpu")
    if machine.gpus and machine.nvcc_path is None:
        assert machine.gpus[0].name in way.reason


def test_a_machine_without_gpu_starts_no_program(monkeypatch):
    monkeypatch.setattr(cuda, "_driver", lambda: ((), (0, 0)))
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail(f"started {a}"))
    assert cuda.look().toolkits == ()


def test_amd_cards_are_recognised(tmp_path):
    device = tmp_path / "sys/class/drm/card0/device"
    device.mkdir(parents=True)
    (device / "vendor").write_text("0x10de\n")  # NVIDIA's
    assert not cuda._has_amd(f"{tmp_path}/")
    (device / "vendor").write_text("0x1002\n")
    assert cuda._has_amd(f"{tmp_path}/")


# --- The copy -------------------------------------------------------------------------------------


def test_every_change_fits_the_installed_jittor(tmp_path):
    files = {change.file for change in cuda_patch.CHANGES}
    before = {file: (SITE_PACKAGES / file).read_text() for file in files}
    copy = cuda_patch.patched_copy(SITE_PACKAGES, tmp_path)
    for change in cuda_patch.CHANGES:
        assert change.new in (copy / change.file).read_text(), change
    for file in files:
        if file.endswith(".py"):
            compile((copy / file).read_text(), file, "exec")
        assert (SITE_PACKAGES / file).read_text() == before[file]  # the installed one stays
    assert sorted(p.name for p in copy.iterdir()) == [MARK, "jittor", "jittor_utils"]
    stamp = copy.stat().st_ino
    assert cuda_patch.patched_copy(SITE_PACKAGES, tmp_path).stat().st_ino == stamp  # made once
    assert cuda_patch.patched_copy(copy, tmp_path) == copy  # in a child, which finds the copy first


def test_another_jittor_is_refused_whole(tmp_path):
    for name in ("jittor", "jittor_utils"):
        (tmp_path / "site" / name).mkdir(parents=True)
    with pytest.raises(RuntimeError, match=r"helper_cuda.h: found no 'deviceProp.computeMode'"):
        cuda_patch.patched_copy(tmp_path / "site", tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [LOCK]


def test_a_copy_that_was_interrupted_leaves_nothing_that_counts(tmp_path, monkeypatch):
    def power_cut(root):
        raise KeyboardInterrupt

    monkeypatch.setattr(cuda_patch, "apply", power_cut)
    with pytest.raises(KeyboardInterrupt):
        cuda_patch.patched_copy(SITE_PACKAGES, tmp_path)
    assert list(tmp_path.glob("jittor-*")) == []


# --- The toolkit ----------------------------------------------------------------------------------


@pytest.fixture
def pieces(tmp_path, monkeypatch):
    """CUDA in pieces: a compiler in one place, pip's packages in another."""
    top = tmp_path / "cuda-13"
    for name in ("bin", "include/crt", "include/cccl/cub", "include/cccl/nv", "lib64"):
        (top / name).mkdir(parents=True)
    for name in ("cuda_runtime.h", "crt/host_defines.h"):
        (top / "include" / name).write_text("// a header\n")
    (top / "lib64" / "libcudart.so.13").write_text("a library")
    nvcc = top / "bin" / "nvcc"
    nvcc.write_text(f"#!/bin/sh\necho '#$ TOP={top}/bin/..' >&2\necho called \"$@\"\n")
    nvcc.chmod(0o755)
    math, dnn = tmp_path / "nvidia" / "cu13", tmp_path / "nvidia" / "cudnn"
    for folder, names in ((math, ("cublas_v2", "curand", "cufft", "cusparse")), (dnn, ("cudnn",))):
        (folder / "include").mkdir(parents=True)
        (folder / "lib").mkdir()
        for name in names:
            (folder / "include" / f"{name}.h").write_text("// a header\n")
            (folder / "lib" / f"lib{name.removesuffix('_v2')}.so.13").write_text("a library")
    for name in ("cublasLt", "cudart"):
        (math / "lib" / f"lib{name}.so.13").write_text("a library")
    monkeypatch.setattr(cuda, "_pip_folders", lambda: [math, dnn])
    monkeypatch.setattr(cuda, "SYSTEM_LIBRARIES", ())
    return nvcc, math


def test_the_toolkit_is_gathered_from_its_places(pieces, tmp_path):
    nvcc, _ = pieces
    made = cuda.gather_toolkit(str(nvcc), tmp_path / "cache")
    for name in cuda.HEADERS:
        assert (made / "include" / name).read_text() == "// a header\n"
    for name in cuda.LIBRARIES:
        assert (made / "lib64" / f"lib{name}.so").read_text() == "a library"
    assert (made / "include" / "nv").is_dir()
    # Of two of the same name the one that lies with the compiler.
    assert (made / "lib64" / "libcudart.so").resolve().is_relative_to(nvcc.parents[1])
    script = made / "bin" / "nvcc"
    assert not script.is_symlink()  # Jittor would follow it out of the folder
    assert "called --version" in subprocess.check_output([script, "--version"], text=True)
    assert cuda.gather_toolkit(str(nvcc), tmp_path / "cache") == made


def test_missing_pieces_are_named_and_nothing_stays(pieces, tmp_path):
    nvcc, math = pieces
    (math / "include" / "curand.h").unlink()
    (math / "lib" / "libcublasLt.so.13").unlink()
    with pytest.raises(RuntimeError, match="curand.h, libcublasLt.so"):
        cuda.gather_toolkit(str(nvcc), tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [LOCK]


def test_remove(pieces, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cuda, "cuda_folder", lambda: tmp_path / "cache")
    cuda.gather_toolkit(str(pieces[0]), tmp_path / "cache")
    cuda_patch.patched_copy(SITE_PACKAGES, tmp_path / "cache")
    for said in ("2 folders removed", "nothing to remove"):
        parser = argparse.ArgumentParser()
        cuda.add_arguments(parser)
        assert cuda.main(parser.parse_args(["--remove"])) == 0
        assert said in capsys.readouterr().out
    assert (SITE_PACKAGES / "jittor" / "__init__.py").exists()
    assert pieces[0].exists()


# --- The environment ------------------------------------------------------------------------------


@pytest.fixture
def environment(monkeypatch):
    """os.environ and sys.path, put back afterwards."""
    for name in ("nvcc_path", "JACKLIB_NVCC_PATH", "NVIDIA_TF32_OVERRIDE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.delitem(os.environ, "LD_LIBRARY_PATH", raising=False)
    monkeypatch.setattr(cuda, "set_here", [])
    monkeypatch.setattr(sys, "path", list(sys.path))


def on(monkeypatch, machine: Machine) -> None:
    monkeypatch.setattr(cuda, "look", lambda: machine)


def test_the_cpu_way_keeps_jittor_from_nvcc(environment, monkeypatch, tmp_path):
    on(monkeypatch, Machine(toolkits=(nvcc("12.2", 8),)))
    assert cuda.prepare(tmp_path, SITE_PACKAGES).name == "cpu"
    assert os.environ["nvcc_path"] == "" and "NVIDIA_TF32_OVERRIDE" not in os.environ


def test_cuda_as_it_is(environment, monkeypatch, tmp_path):
    on(monkeypatch, Machine(gpus=(V100,), driver=(12, 2), toolkits=(nvcc("12.2", 8),)))
    assert cuda.prepare(tmp_path, SITE_PACKAGES).name == "jittor"
    assert os.environ["nvcc_path"] == "/cuda-12.2/bin/nvcc"
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == "0"
    assert list(tmp_path.iterdir()) == []


def test_the_patched_way(environment, monkeypatch, tmp_path, pieces):
    loaded = []
    monkeypatch.setattr(cuda.ctypes, "CDLL", lambda path, mode: loaded.append(Path(path).name))
    toolkit = Toolkit(str(pieces[0]), (13, 0), 9)
    on(monkeypatch, Machine(gpus=(H100,), driver=(13, 0), toolkits=(toolkit,)))
    for _ in range(2):  # the second time, all is there
        assert cuda.prepare(tmp_path / "cache", SITE_PACKAGES).name == "patched"
    (copy,) = (tmp_path / "cache").glob("jittor-*")
    (made,) = (tmp_path / "cache").glob("toolkit-*")
    assert sys.path[0] == str(copy)
    assert os.environ["PYTHONPATH"].split(os.pathsep).count(str(copy)) == 1
    assert os.environ["nvcc_path"] == str(made / "bin" / "nvcc")
    assert os.environ["nvcc_flags"].count(f'-I"{made}/include/cccl"') == 1
    assert "libcudnn.so" in loaded
    assert cuda.set_here == ["LD_LIBRARY_PATH"]  # so that PyTorch's process does without


def test_a_way_that_fails_is_said_and_the_cpu_computes(environment, monkeypatch, tmp_path, pieces):
    (pieces[1] / "include" / "curand.h").unlink()
    toolkit = Toolkit(str(pieces[0]), (13, 0), 9)
    on(monkeypatch, Machine(gpus=(H100,), driver=(13, 0), toolkits=(toolkit,)))
    way = cuda.prepare(tmp_path / "cache", SITE_PACKAGES)
    assert way.name == "cpu" and "curand.h" in way.reason and "pip install" in way.cure
    assert os.environ["nvcc_path"] == "" and sys.path[0] != str(tmp_path)


def test_a_child_chooses_for_itself(environment, monkeypatch, tmp_path):
    on(monkeypatch, Machine())
    cuda.prepare(tmp_path, SITE_PACKAGES)
    monkeypatch.delattr(cuda, "look")
    code = "from jacklib.backend import cuda; print(cuda.look().nvcc_path)"
    environments = {"None": {}, "/mine": {"nvcc_path": "/mine"}}  # else it is the user's word
    for found, changes in environments.items():
        child = os.environ | {"JACKLIB_NO_JITTOR": "1"} | changes
        said = subprocess.check_output([sys.executable, "-c", code], text=True, env=child)
        assert said == f"{found}\n"


def test_the_command_says_the_way(capsys, monkeypatch):
    on(monkeypatch, Machine(gpus=(H100,), driver=(13, 0)))
    parser = argparse.ArgumentParser()
    cuda.add_arguments(parser)
    assert cuda.main(parser.parse_args([])) == 0
    said = capsys.readouterr().out
    assert said.startswith("NVIDIA H100") and "\nTo use the GPU: python -m pip install" in said
