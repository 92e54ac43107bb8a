"""Kernels: compiled quickly, once, and whole when several processes want the same one."""

import argparse
import ctypes
import os
import shlex
import subprocess
import sys
import uuid
from pathlib import Path

import jittor as jt
import pytest
from support import ROOT

from jacklib.backend import folders, kernels, processes, runtime
from jacklib.cli import warmup
from jacklib.errors import DataError

pytestmark = pytest.mark.skipif(
    not runtime.quick_compiler, reason="Jittor compiles as it came on this machine"
)

# A kernel that no cache holds, since its source names `mark`; prints its result and its library.
# A second argument goes to the compiler with it, as Jittor does for isnan.
NEW_KERNEL = """
import sys, glob
import jacklib, jittor as jt
mark, *options = sys.argv[1:]
with jt.flag_scope(compile_options={f"FLAGS: {option} ": 1 for option in options}):
    y = jt.code([3], "float32", [jt.array([1.0, 2.0, 3.0])],
        cpu_src=f"float v{mark} = 2; for (int i = 0; i < 3; i++) @out(i) = @in0(i) * v{mark};")
print(y.numpy().tolist())
print([n for n in glob.glob(jt.flags.cache_path + "/jit/code*_op.cc") if mark in open(n).read()][0])
"""


def start(mark: str, *options: str, python: str = sys.executable) -> subprocess.Popen:
    return subprocess.Popen(
        [python, "-c", NEW_KERNEL, mark, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def finish(process: subprocess.Popen) -> Path:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-2000:]
    values, source = out.strip().splitlines()[-2:]
    assert values == "[2.0, 4.0, 6.0]"
    return Path(source.removesuffix(".cc") + ".so")


def test_no_kernel_is_compiled_twice_whatever_the_name_of_python():
    mark = uuid.uuid4().hex
    made = finish(start(mark))
    before = made.stat().st_mtime_ns
    names = [Path(sys.prefix, "bin", name) for name in ("python", "python3")]
    for name in names:
        assert finish(start(mark, python=str(name))) == made
    assert made.stat().st_mtime_ns == before


def test_the_precompiled_headers_are_used(tmp_path):
    words = shlex.split(jt.flags.cc_flags)
    (include,) = [word for word in words if word.startswith("-include")]
    source = tmp_path / "empty_op.cc"
    source.write_text('#define JIT 1\n#include "var.h"\nint jit_run() { return 1; }\n')
    options = [w for w in words if not w.startswith(("-l", "-L", "-Wl,"))]
    result = subprocess.run(
        [jt.flags.cc_path, *options, "-H", str(source), "-o", str(tmp_path / "empty_op.so")],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0
    # `gcc -H` marks a precompiled header that it took with !, one that it had to refuse with x.
    assert f"! {include.removeprefix('-include')}.gch" in result.stderr
    assert "var.h" not in result.stderr.replace("kernels.h", "")


def test_a_kernel_with_options_that_the_precompiled_headers_do_not_fit():
    finish(start(uuid.uuid4().hex, "-O2"))  # they are precompiled with -Ofast


def test_headers_that_cannot_be_precompiled_are_left_alone_for_a_day(tmp_path, monkeypatch):
    calls = []

    def fail(command, **options):
        calls.append(command)
        return subprocess.CompletedProcess(command, 1, "", "no such option")

    monkeypatch.setattr(folders, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(kernels.subprocess, "run", fail)
    assert kernels._precompiled_headers() is None and kernels._precompiled_headers() is None
    assert len(calls) == 1
    (failed,) = tmp_path.glob("headers-*/failed")
    assert failed.read_text() == "no such option"
    os.utime(failed, (0, 0))
    assert kernels._precompiled_headers() is None and len(calls) == 2


def gpu_script(tmp_path, nvcc: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "cache_folder", lambda: tmp_path.with_name("cache"))
        return kernels._write_script("gpu", sys.executable, str(nvcc))


def run_script(tmp_path, source_text: str, compiler_text: str, gpu: bool = False):
    """Compile some_op.cc with a stand-in for g++, or for nvcc, through jacklib's script."""
    compiler, source = tmp_path / "compiler", tmp_path / "some_op.cc"
    compiler.write_text("#!/bin/sh\n" + compiler_text)
    compiler.chmod(0o755)
    source.write_text(source_text)
    script = shlex.split(jt.flags.python_path)[0]
    tuner = tmp_path / "asm_tuner.py"
    tuner.write_text(
        "import sys\nprint('Jittor', *sys.argv[1:])\nopen(sys.argv[-1], 'w').write('tuned')\n"
    )
    command = [script, str(tuner), f"--cc_path={compiler}"]
    if gpu:
        command = [gpu_script(tmp_path, compiler)]
    options = ["-O2", "-include/a/header.h", "-o", str(tmp_path / "some_op.so")]
    return subprocess.run([*command, str(source), *options], capture_output=True, text=True)


@pytest.mark.parametrize("gpu", [False, True])
def test_the_script_compiles_a_copy_and_moves_it_into_place(tmp_path, gpu):
    write = 'for word; do last=$word; done; cat "$1" >"$last"; echo "$@"'
    result = run_script(tmp_path, "the source\n", write, gpu)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "some_op.so").read_text() == "the source\n"
    words = result.stdout.split()
    assert words[1:3] == ["-O2", "-include/a/header.h"] and len(words) == 5
    assert words[-1] != str(tmp_path / "some_op.so") and not Path(words[-1]).exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "asm_tuner.py", "compiler", "some_op.cc", "some_op.so"
    ]  # fmt: skip


@pytest.mark.parametrize("gpu", [False, True])
def test_a_failed_compile_leaves_the_old_library_and_no_pieces(tmp_path, gpu):
    (tmp_path / "some_op.so").write_text("old")
    half = 'for word; do last=$word; done; echo half >"$last"; exit 1'
    assert run_script(tmp_path, "the source\n", half, gpu).returncode != 0
    assert (tmp_path / "some_op.so").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 4


def test_kernels_that_are_edited_as_assembler_go_to_jittors_script(tmp_path):
    result = run_script(tmp_path, '//@begin replace "a" "b"\n//@end\n', "exit 1")
    assert result.returncode == 0, result.stderr
    said = result.stdout.split()
    assert said[0] == "Jittor" and said[1] == f"--cc_path={tmp_path / 'compiler'}"
    assert "-O2" in said and not any(word.startswith("-include") for word in said)
    # In a folder of its own, from whose names it makes those of its assembler files.
    assert [Path(word).name for word in (said[2], said[-1])] == ["some_op.cc", "some_op.so"]
    assert Path(said[2]).parent == Path(said[-1]).parent != tmp_path
    assert (tmp_path / "some_op.so").read_text() == "tuned"
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("line", ["", '//@begin replace "imull" "imull"'])
def test_processes_that_want_the_same_kernel_at_once(tmp_path, line):
    """With Jittor's own script as well, which the second kernel needs."""
    source, library = tmp_path / "some_op.cc", tmp_path / "some_op.so"
    source.write_text(f'extern "C" int f(int a) {{\n{line}\nreturn 7 * a;\n//@end\n}}\n')
    tuner = Path(jt.compiler.jittor_path) / "utils" / "asm_tuner.py"
    command = [shlex.split(jt.flags.python_path)[0], tuner, f"--cc_path={jt.flags.cc_path}"]
    command += [source, "-O2", "-fPIC", "-shared", "-o", library]
    for process in [subprocess.Popen(command) for _ in range(3)]:
        assert process.wait(60) == 0
    assert ctypes.CDLL(str(library)).f(6) == 42
    assert sorted(p.name for p in tmp_path.iterdir()) == ["some_op.cc", "some_op.so"]


def test_what_is_no_kernel_goes_to_nvcc_as_it_is(tmp_path):
    """Jittor links device code in two steps: a .cu to a .o first."""
    nvcc = tmp_path / "nvcc"
    nvcc.write_text('#!/bin/sh\necho "$@"\n')
    nvcc.chmod(0o755)
    script = gpu_script(tmp_path, nvcc)
    for words in (["--version"], ["some_op.cu", "-dc", "-o", "some_op.o"]):
        said = subprocess.run([script, *words], capture_output=True, text=True, check=True).stdout
        assert said.split() == words


def test_the_old_way_on_request():
    code = "import jacklib, jittor as jt; print(jt.flags.python_path, jt.flags.cc_flags)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"JACKLIB_PLAIN_COMPILER": "1"},
        cwd=ROOT,
    )
    assert result.returncode == 0
    assert "compile-kernel" not in result.stdout and "-include" not in result.stdout


# --- warmup ---------------------------------------------------------------------------------------


@pytest.fixture
def ends(monkeypatch):
    """Processes in place of networks: `ends[name]` are their exit codes, one after the other."""
    codes: dict[str, list[int]] = {}
    begun: list[tuple[str, int]] = []

    def begin(name, folder, share):
        begun.append((name, share))
        (folder / f"{name}.log").write_text(f"{name} said this\n")
        return processes.Child(["-c", f"raise SystemExit({codes[name].pop(0)})"])

    monkeypatch.setattr(warmup, "_start", begin)
    codes["begun"] = begun
    return codes


def test_warm_up_tries_once_more_alone(ends):
    ends.update(CTEN=[0], TSL=[1, 0], Gait=[1, 3])
    failed = warmup.warm_up(["CTEN", "TSL", "Gait"], jobs=2)
    assert list(failed) == ["Gait"] and "Gait said this" in failed["Gait"]
    begun = ends["begun"]
    assert sorted(begun[:3]) == [("CTEN", 2), ("Gait", 2), ("TSL", 2)]
    assert sorted(begun[3:]) == [("Gait", 1), ("TSL", 1)]


def test_warmup_names_what_it_does_not_know(ends):
    for words in (["VAANet", "resnet"], ["--jobs", "0"]):
        parser = argparse.ArgumentParser()
        warmup.add_arguments(parser)
        with pytest.raises(DataError, match="resnet" if "resnet" in words else "--jobs"):
            warmup.main(parser.parse_args(words))
    assert not ends["begun"]


def test_warmup_fills_the_cache_that_commands_use(capsys):
    parser = argparse.ArgumentParser()
    warmup.add_arguments(parser)
    assert warmup.main(parser.parse_args(["gait", "--jobs", "1"])) == 0
    assert "Gait: " in capsys.readouterr().out
    before = warmup.count_kernels()
    assert before > 50
    assert warmup.main(parser.parse_args(["Gait"])) == 0
    assert warmup.count_kernels() == before


def test_kernels_module_leaves_foreign_setups_alone(monkeypatch):
    monkeypatch.setenv("JACKLIB_PLAIN_COMPILER", "1")
    flags = jt.flags.python_path, jt.flags.cc_flags
    assert not kernels.use_quick_compiler()
    assert (jt.flags.python_path, jt.flags.cc_flags) == flags
