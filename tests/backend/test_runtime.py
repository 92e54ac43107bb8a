"""What keeps Jittor from starting, and how jacklib fixes it."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support import ROOT

from jacklib import files
from jacklib.backend import cuda, doctor, folders, processes, runtime
from jacklib.errors import DiskError


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
def test_seeds_differ_and_repeat():
    """Jittor alone takes 0 for 1, and the first number of seed s is 8e-6 * s."""
    import jittor as jt

    def drawn(seed):
        runtime.seed(seed)
        return jt.rand(4).numpy().tolist()

    first = [drawn(seed) for seed in range(1, 20)]
    assert [drawn(seed) for seed in range(1, 20)] == first
    assert len({tuple(numbers) for numbers in [drawn(0), *first]}) == 20
    assert 0.3 < sum(numbers[0] for numbers in first) / 19 < 0.7


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
    code = (
        "from jacklib.backend import folders, runtime; "
        "runtime._provide_onednn(); print(folders.onednn_folder())"
    )
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
        "from jacklib.backend import folders, runtime; runtime.provide_home(); "
        "import jittor_utils; print(folders.jittor_home(), jittor_utils.home())"
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
    import numpy

    monkeypatch.setattr(numpy, "__version__", "2.1.0")
    monkeypatch.delitem(sys.modules, "jittor")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(RuntimeError, match='numpy: found 2.1.0, .* pip install "numpy<2"'):
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


# --- Children: where they look for modules, and when they end -------------------------------------


@pytest.fixture
def traps(tmp_path):
    """A folder of Python files that leave a mark when they are run, and the place of the mark."""
    folder, mark = tmp_path / "traps", tmp_path / "mark"
    folder.mkdir()
    for name in ("re", "jittor", "jittor_utils", "jacklib", "numpy", "torch", "six", "X"):
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write('{name} ')\n")
    return folder, mark


def test_no_child_runs_files_of_the_working_folder_or_of_tmp(traps, tmp_path, monkeypatch):
    folder, mark = traps
    # Jittor is compiled; what is tried is the process that would compile it.
    code = (
        "import os, sys; sys.path[:] = [p for p in sys.path if p not in ('', os.getcwd())]\n"
        "from pathlib import Path\nfrom jacklib.backend import processes, runtime, torch_process\n"
        "runtime._set_quiet_defaults(); runtime._find_cuda(); runtime._provide_python_config()\n"
        f"runtime._compile_mark = lambda: Path({str(tmp_path / 'compiled')!r})\n"
        "runtime.first_compile(); torch_process.find_torch()\n"
        "print(processes.run_child(['-c', 'import re'], capture_output=True).returncode)\n"
        "print(processes.run_child(['-m', 'jacklib', '--help'], capture_output=True).returncode)\n"
    )
    monkeypatch.setenv("TMPDIR", str(folder))
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JACKLIB_NO_JITTOR": "1"},
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (0, "0\n0\n"), result.stderr
    assert not mark.exists(), mark.read_text()
    assert Path((tmp_path / "compiled").read_text().strip()).name.startswith("jittor_core")


def test_a_child_is_no_part_of_mpirun_and_takes_no_relative_path(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", "relative", "/an/absolute/one"]))
    code = "import os; print(os.environ.get('OMPI_COMM_WORLD_SIZE'), os.environ['PYTHONPATH'])"
    out = processes.run_child(["-c", code], stdout=subprocess.PIPE, text=True).stdout
    assert out == f"None {ROOT}{os.pathsep}/an/absolute/one\n"


def gone(*numbers: int) -> bool:
    """Whether these processes end, within half a minute."""
    for _ in range(300):
        if not any(
            psutil.pid_exists(n) and psutil.Process(n).status() != "zombie" for n in numbers
        ):
            return True
        time.sleep(0.1)
    return False


# A child of ours that has started something long, and says both numbers.
FAMILY = (
    "import os, subprocess, sys, time, jacklib; p = subprocess.Popen(['sleep', '300']); "
    "print(os.getpid(), p.pid, flush=True); time.sleep(300)"
)


def test_children_and_grandchildren_end_with_a_killed_parent():
    code = f"from jacklib.backend import processes; processes.run_child(['-c', {FAMILY!r}])"
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "JACKLIB_NO_JITTOR": "1"},
    )  # fmt: skip
    with parent:
        family = [int(n) for n in parent.stdout.readline().split()]
        assert len(family) == 2 and all(map(psutil.pid_exists, family))
        parent.kill()  # alone, as the system does when memory runs out
        assert gone(*family)


@pytest.mark.parametrize("how", ["an exception", "killed alone"])
def test_nothing_is_left_of_a_child_that_is_ended(how, monkeypatch):
    monkeypatch.setenv("JACKLIB_NO_JITTOR", "1")
    with contextlib.suppress(ZeroDivisionError):
        with processes.Child(["-c", FAMILY], stdout=subprocess.PIPE, text=True) as child:
            family = [int(n) for n in child.stdout.readline().split()]
            if how == "an exception":
                raise ZeroDivisionError
            child.kill()
            child.wait()
    assert gone(*family)


def test_a_child_that_ended_by_itself_is_left_in_peace():
    result = processes.run_child(["-c", "print('done')"], stdout=subprocess.PIPE, text=True)
    assert (result.returncode, result.stdout) == (0, "done\n")


# --- Homes and disks ------------------------------------------------------------------------------


@pytest.mark.parametrize("home", ["", "/", "/nowhere/at/all", "relative", None])
def test_without_a_home_folder_the_user_s_own_is_taken(home, monkeypatch, tmp_path):
    monkeypatch.delenv("HOME")
    monkeypatch.setenv("JITTOR_HOME", "")
    if home is not None:
        monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(runtime, "_home_of_the_user", lambda: str(tmp_path))
    runtime.provide_home()
    assert os.environ["HOME"] == str(tmp_path)
    assert folders.jittor_home() == tmp_path


@pytest.fixture
def for_all(tmp_path, monkeypatch):
    """A folder in place of /var/tmp, and a user who has set no JITTOR_HOME and no other home."""
    place = tmp_path / "for_all"
    place.mkdir()
    monkeypatch.setattr(folders, "_FOR_ALL", [str(place)])
    monkeypatch.setattr(folders, "_OWN", "jack-me")
    monkeypatch.setattr(runtime, "_home_of_the_user", lambda: "/nonexistent")
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("JITTOR_HOME", "")
    return place


@pytest.mark.parametrize("home", ["", "/proc"])
def test_without_any_home_folder_jittor_s_own_or_one_for_all_or_one_sentence(
    home, for_all, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("JITTOR_HOME", str(tmp_path))
    runtime.provide_home()
    assert os.environ["HOME"] == str(tmp_path)
    monkeypatch.setenv("JITTOR_HOME", "")
    for said in ("Cure: export HOME=/a/folder/of/yours. Until then it is kept in", ""):
        monkeypatch.setenv("HOME", home)
        runtime.provide_home()
        assert os.environ["HOME"] == str(for_all / "jack-me")
        words = capsys.readouterr().err  # once
        assert said in words and bool(words) == bool(said)
        monkeypatch.setenv("JITTOR_HOME", "")
    # Where not even that can be made, both say so.
    monkeypatch.setattr(folders, "_FOR_ALL", ["/proc"])
    for _ in range(2):
        monkeypatch.setenv("HOME", home)
        with pytest.raises(RuntimeError, match="Cure: export HOME=/a/folder/of/yours"):
            runtime.provide_home()
        rows = {row[0]: row for row in doctor.diagnose()}
        assert "export HOME=" in rows["cache"][2] and rows["cache"][3]
        # A user without a name in a container: then Python knows no home either.
        monkeypatch.delenv("HOME", raising=False)
        monkeypatch.setattr("pwd.getpwuid", lambda _: {}["no such user"])


def test_doctor_names_the_python_that_lacks_something(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "onednn_folder", lambda: tmp_path)
    monkeypatch.setattr(runtime, "onednn_files", lambda: None)
    monkeypatch.setattr(sys, "executable", "/my class/.venv/bin/python")
    cure = {row[0]: row for row in doctor.diagnose()}["oneDNN"][2]
    assert cure.startswith("'/my class/.venv/bin/python' -m pip install onednn-")


def test_a_full_disk_in_the_first_compile_is_one_sentence_and_the_next_start_goes_on(
    tmp_path, monkeypatch
):
    """With a stand-in for the Python that compiles."""
    core, compiler = tmp_path / "core.so", tmp_path / "python"
    core.touch()
    monkeypatch.setattr(runtime, "_compile_mark", lambda: tmp_path / "compiled")
    monkeypatch.setattr(sys, "executable", str(compiler))
    # In the words that are looked for, whatever the system's language.
    said = "[ $LANGUAGE = en ] && echo 'fatal error: x.o: No space left on device'; exit 1"
    for words, error, message in (
        (said, OSError, "the disk is full"),
        (
            "printf '\\033[31mno such\\033[0m option\\n'; exit 1",
            RuntimeError,
            "    no such option\n",
        ),
    ):
        program(tmp_path, "python", words)
        with pytest.raises(error, match=message):
            runtime.first_compile()
        assert not (tmp_path / "compiled").exists()
    program(tmp_path, "python", f"echo {core}")
    runtime.first_compile()
    assert (tmp_path / "compiled").read_text() == f"{core}\n"


def test_a_home_where_no_program_may_run(for_all, tmp_path, monkeypatch, capsys):
    """As on a noexec mount; the same words from an import and from doctor."""

    def runs(script):
        return "runs" if script.startswith(str(for_all)) else ""

    monkeypatch.setattr(runtime, "output_of", lambda *words: runs(words[0]))
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    runtime.provide_home()
    assert folders.jittor_home() == for_all / "jack-me" and os.environ["HOME"] == str(home)
    assert f"{home}/.cache/jittor: nothing there may be run (moun" in capsys.readouterr().err
    # A folder that the user has named is not left for another.
    monkeypatch.setenv("JITTOR_HOME", str(home))
    message = "nothing there may be run .mounted noexec.*: export JITTOR_HOME=/a/folder/of/yours"
    with pytest.raises(RuntimeError, match=message):
        runtime.provide_home()
    rows = {row[0]: row for row in doctor.diagnose()}
    assert "export JITTOR_HOME=" in rows["cache"][2] and rows["cache"][3]


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EDQUOT, "the quota is used up"), (errno.ENOSPC, "the disk is full"),
     (errno.EROFS, "a disk that is read-only"), (errno.EACCES, "no permission")],
)  # fmt: skip
def test_a_cache_that_cannot_be_written_has_its_cause_and_two_cures(
    number, words, tmp_path, monkeypatch
):
    assert runtime.cache_cure(tmp_path) == "" == runtime.cache_cure(tmp_path)

    def refuse(**where):
        raise OSError(number, os.strerror(number), where["dir"])

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    cure = runtime.cache_cure(tmp_path)
    assert cure.startswith(f"{tmp_path}/.cache/jittor: {words}.") and "export JITTOR_HOME" in cure
    (tmp_path / "file").touch()
    assert "a file where a folder should be" in runtime.cache_cure(tmp_path / "file")


def test_a_part_of_the_cache_that_is_somebody_else_s_is_named(monkeypatch):
    def refuse():
        raise PermissionError(errno.EACCES, "Permission denied", "/cache/jittor.lock")

    monkeypatch.delitem(sys.modules, "jittor")
    monkeypatch.setattr(runtime, "first_compile", refuse)
    with pytest.raises(DiskError, match="^/cache/jittor.lock: no permission. Choose"):
        runtime.prepare()


# What stands in the file, and what is said of it.
FOREIGN = {
    "numpy": [
        ("__version__ = '2.1.3'", "found 2.1.3 in"),
        ("raise ImportError('another\\nPython')", r"that can be imported (another\nPython) in"),
        ("print 'Python 2'", "that can be imported (Missing parentheses"),
    ],
    "jittor": [("__version__ = '1.3.9.10'", "found 1.3.9.10 in")],
}


@pytest.mark.parametrize("package", FOREIGN)
def test_packages_that_pythonpath_brings_are_named_with_the_cure(package, tmp_path):
    for folder in {package, f"{package}_utils"}:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    for text, said in FOREIGN[package]:
        (tmp_path / package / "__init__.py").write_text(text)
        last = python("import jacklib", PYTHONPATH=str(tmp_path)).stderr.splitlines()[-1]
        assert last.startswith(f"RuntimeError: {package}: found ") and said in last
        assert f" in {tmp_path}, which PYTHONPATH names, wanted {package}" in last
        assert last.endswith("Cure: unset PYTHONPATH")
    # doctor runs without either.
    words = [sys.executable, "-m", "jacklib", "doctor"]
    result = subprocess.run(words, env={**os.environ, "PYTHONPATH": str(tmp_path)}, cwd=ROOT,
                            capture_output=True, text=True)  # fmt: skip
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("!!")]
    assert line.split()[1] == package and line.endswith("unset PYTHONPATH"), result.stderr


def test_interrupted_copies_are_swept_and_two_processes_make_one(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".jack-{dead.pid}-00000000.part").mkdir()
    made, calls = tmp_path / "made", []

    def fill(folder):
        calls.append(folder)
        (folder / "file").touch()

    for _ in range(2):
        folders.make_once(made, fill, made.is_dir)
    assert len(calls) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"made", files.LOCK}


# --- Names that a shell line cannot hold ----------------------------------------------------------


@pytest.mark.parametrize("name", ["Jane Doe 课程", "a & (b); #1", "O'Brien", "$HOME`x`", "back\\s"])
def test_an_odd_home_gets_a_plain_name_by_a_link_of_ours(name, for_all, tmp_path, monkeypatch):
    place, home = for_all, tmp_path / name
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for _ in range(2):  # the second as a later process: Jittor remembers the link
        runtime.provide_home()
        link = folders.jittor_home()
        assert folders._PLAIN.fullmatch(str(link)) and link.resolve() == home
        assert folders.cache_folder().resolve() == home / ".cache" / "jacklib"
        folders.home_memory().write_text(json.dumps({"JITTOR_HOME": str(link)}))
        monkeypatch.setenv("JITTOR_HOME", "")
    assert (place / "jack-me").stat().st_mode & 0o777 == 0o700
    # Somebody else has made one of this name meanwhile: it is not followed, nor used.
    (place / "jack-me").chmod(0o777)
    assert folders.jittor_home() == home
    with pytest.raises(RuntimeError, match="has a blank or the like in it. Cure: export JITTOR_H"):
        runtime.provide_home()
    assert not folders.home_memory().exists()
    shutil.rmtree(place / "jack-me")
    (place / "jack-me").symlink_to(home)
    with pytest.raises(RuntimeError, match="export JITTOR_HOME"):
        folders.plain_name(home)


def test_plain_names_stay(tmp_path):
    for path in (tmp_path, Path("/home/课程/学生_1"), Path("/a/b-c+d,e=f@g%h:i.j")):
        assert folders.plain_name(path) == path


def test_a_jittor_in_an_odd_folder_is_imported_by_a_plain_name(tmp_path):
    odd = tmp_path / "我的 项目 (1)"
    odd.mkdir()
    for name in ("jittor", "jittor_utils"):
        (odd / name).symlink_to(runtime._site_packages() / name)
    code = (
        "import sys; from jacklib.backend import folders, runtime; "
        f"folders._FOR_ALL = [{str(tmp_path)!r}]; sys.path.insert(0, {str(odd)!r}); "
        "print(runtime.packages_found()['jittor']); runtime._find_cuda(); "
        "print(runtime._site_packages()); from jacklib.backend.processes import run_child\n"
        "run_child(['-c', 'import jittor_utils; print(jittor_utils.__file__)'])"
    )
    home = {"HOME": str(tmp_path), "JITTOR_HOME": str(tmp_path)}
    result = python(code, JACKLIB_NO_JITTOR="1", PYTHONPATH=str(odd), log_silent="1", **home)
    found, place, of_children = result.stdout.splitlines()
    assert of_children == f"{place}/jittor_utils/__init__.py"  # else all is compiled twice
    assert found == "('1.3.11.0', '')" and Path(place, "jittor").resolve().is_dir()
    assert folders._PLAIN.fullmatch(place) and place.startswith(str(tmp_path)), result.stderr


def test_folders_in_letters_that_the_system_does_not_know(tmp_path):
    """LANG=C without Python's own help: paths then hold half characters, and g++ may answer so."""
    home = tmp_path / "课程"
    home.mkdir()
    program(tmp_path, "compiler", "printf '编译器 1.0\\n'")
    code = (
        "import os, sys; from jacklib.backend import doctor, folders, processes, runtime\n"
        f"folders._FOR_ALL = [{str(tmp_path)!r}]; assert sys.getfilesystemencoding() == 'ascii'\n"
        "runtime.provide_home(); runtime._provide_python_config(); print(folders.jittor_home())\n"
        "folders.write_if_changed(folders.jittor_home() / 'mark', os.environ['HOME'], 0o644)\n"
        "said = processes.output_of(os.path.dirname(os.environ['HOME']) + '/compiler')\n"
        "assert '1.0' in said, said\n"
    )
    result = python(code, JACKLIB_NO_JITTOR="1", HOME=str(home), LC_ALL="C", PYTHONUTF8="0",
                    PYTHONCOERCECLOCALE="0")  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()).resolve() == home
    assert (home / "mark").read_text() == str(home)
