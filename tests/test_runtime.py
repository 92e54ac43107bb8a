"""What keeps Jittor from starting, and how jacklib mends it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jacklib import cuda, files, runtime

ROOT = Path(__file__).parents[1]


def python(code, **environment):
    """Run code in a fresh process without Jittor's variables of this one."""
    dropped = ("nvcc_path", "python_config_path", "JACKLIB_NO_JITTOR", "log_silent", "JITTOR_HOME")
    inherited = {k: v for k, v in os.environ.items() if k not in dropped}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=inherited | environment,
    )


def program(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_later_import_prints_nothing_and_computes():
    result = python("import jacklib, jittor as jt; assert (jt.ones(3) * 2).sum().item() == 6")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.skipif(cuda.look().gpus, reason="this machine has a GPU")
def test_nvcc_without_a_gpu_is_left_alone(tmp_path):
    # Plain `import jittor` dies where nvcc is on the PATH and no GPU is there.
    program(tmp_path, "nvcc", "echo 'Cuda compilation tools, release 12.2, V12.2.140'")
    result = python(
        "import jacklib, os; print(repr(os.environ['nvcc_path']), jacklib.runtime.device())",
        PATH=f"{tmp_path}:{os.environ['PATH']}",
    )
    assert result.stdout == "'' cpu\n", result.stderr


def test_a_chosen_nvcc_is_not_overruled():
    code = "from jacklib import runtime; import os; runtime._find_cuda(); "
    result = python(
        code + "print(os.environ['nvcc_path'])", nvcc_path="/mine", JACKLIB_NO_JITTOR="1"
    )
    assert result.stdout == "/mine\n", result.stderr


def test_python_config_answers_for_this_python(tmp_path):
    code = "from jacklib import runtime; import os; runtime._provide_python_config(); "
    result = python(
        code + "print(os.environ['python_config_path'])",
        JITTOR_HOME=str(tmp_path),
        JACKLIB_NO_JITTOR="1",
    )
    shim = result.stdout.strip()
    includes = subprocess.run([shim, "--includes"], capture_output=True, text=True).stdout
    assert (Path(includes.strip().removeprefix("-I")) / "Python.h").is_file()
    suffix = subprocess.run([shim, "--extension-suffix"], capture_output=True, text=True).stdout
    assert suffix.strip().endswith(".so")


@pytest.mark.skipif(runtime.platform.machine() != "x86_64", reason="oneDNN packages are x86-64")
def test_onednn_comes_from_the_package_index(tmp_path):
    code = "from jacklib import runtime; runtime._provide_onednn(); print(runtime.onednn_folder())"
    result = python(code, JITTOR_HOME=str(tmp_path), JACKLIB_NO_JITTOR="1")
    folder = Path(result.stdout.strip())
    assert folder.is_relative_to(tmp_path), result.stderr
    assert (folder / "include" / "mkldnn.h").is_file()
    assert (folder / "lib" / "libmkldnn.so").stat().st_size > 1e6
    # An installation that a kill cut short is made whole.
    (folder / "include" / "mkldnn.h").unlink()
    python(code, JITTOR_HOME=str(tmp_path), JACKLIB_NO_JITTOR="1")
    assert (folder / "include" / "mkldnn.h").is_file()
    assert {p.name for p in folder.parent.iterdir()} == {folder.name, files.LOCK}


def test_jittor_s_remembered_home_is_followed_while_it_exists(tmp_path):
    # Jittor writes down the last JITTOR_HOME it was given and goes there from then on.
    memory, other = tmp_path / ".cache/jittor/config.json", tmp_path / "other"
    memory.parent.mkdir(parents=True)
    code = (
        "from jacklib import runtime; runtime._mend_home_memory(); "
        "import jittor_utils; print(runtime.jittor_home(), jittor_utils.home())"
    )

    def homes():
        result = python(code, HOME=str(tmp_path), JACKLIB_NO_JITTOR="1")
        assert result.returncode == 0, result.stderr
        return result.stdout.splitlines()[-1].split()  # above it, what Jittor says of its lock

    assert homes() == [str(tmp_path)] * 2
    other.mkdir()
    memory.write_text(json.dumps({"JITTOR_HOME": str(other)}))
    assert homes() == [str(other)] * 2
    shutil.rmtree(other)
    assert homes() == [str(tmp_path)] * 2
    assert not other.exists() and json.loads(memory.read_text())["JITTOR_HOME"] == str(tmp_path)
    memory.write_text('{"JITTOR_')  # a kill in the middle of writing
    assert homes() == [str(tmp_path)] * 2


def test_numpy_2_is_refused_with_the_cure(monkeypatch):
    monkeypatch.setattr(runtime, "_version", lambda package: "2.1.0")
    monkeypatch.delitem(sys.modules, "jittor")
    with pytest.raises(RuntimeError, match='NumPy 2.1.0 .* pip install "numpy<2"'):
        runtime.prepare()


def test_a_compile_that_fails_names_doctor(tmp_path):
    broken = program(
        tmp_path, "g++",
        '[ "$1" = --version ] && exec /usr/bin/env g++ --version; echo no space left >&2; exit 1',
    )  # fmt: skip
    # HOME too: Jittor remembers a JITTOR_HOME there, and would use it ever after.
    home = {"HOME": str(tmp_path), "JITTOR_HOME": str(tmp_path)}
    result = python("import jacklib", **home, cc_path=str(broken))
    last = result.stderr.strip().splitlines()[-1]
    assert result.returncode == 1
    assert "could not be compiled on this machine" in result.stderr
    assert "bash script/run.sh doctor" in last
    assert not list(tmp_path.glob(".cache/jacklib/compiled-*"))


def test_doctor_says_all_is_well():
    result = subprocess.run(
        [sys.executable, "-m", "jacklib", "doctor"], capture_output=True, text=True, cwd=ROOT
    )
    assert result.returncode == 0, result.stdout + result.stderr
    for part in ("Python", "C++ compiler", "Python headers", "oneDNN", "GPU", "CUDA",
                 "cache", "disk", "shared memory"):  # fmt: skip
        assert any(line.strip().startswith(part) for line in result.stdout.splitlines()), part
    assert "All is well." in result.stdout


def test_doctor_without_a_compiler_gives_the_command(tmp_path):
    (tmp_path / "bin").mkdir()
    result = subprocess.run(
        [sys.executable, "-m", "jacklib", "doctor"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path / "bin"), "cc_path": ""},
    )
    assert result.returncode == 1
    line = next(line for line in result.stdout.splitlines() if "C++ compiler" in line)
    assert line.startswith("!!") and "not found" in line and "sudo apt-get install g++" in line


def test_a_killed_child_and_ctrl_c_are_python_s_business():
    # Jittor's own handlers would end this process at both, without a word.
    code = (
        "import jacklib, os, signal, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '30']); child.kill(); child.wait()\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT); time.sleep(5)\n"
        "except KeyboardInterrupt:\n    print('still here')\n"
    )
    result = python(code)
    assert result.stdout == "still here\n", result.stderr


def test_ctrl_c_at_a_terminal_ends_a_program():
    # There it reaches every process of the group; Jittor's pool, killed, kept the program waiting.
    code = "import jacklib, jittor, time; print('ready', flush=True); time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        _, words = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert words.rstrip().endswith("KeyboardInterrupt")
