"""Make Jittor 1.3.11 importable, and say what this machine has.

`prepare()` runs before the first `import jittor`. Jittor compiles itself at that moment and looks
for its parts in ways that fail on many machines; each step below removes one of them. None of them
needs more of the internet than the Python package index.

This file imports the standard library alone, and `files` and `errors`, which do so too, because it
must work where Jittor does not. Here, too, is the one way to start a Python process: `Child`.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import glob
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from . import files
from .errors import DiskError, disk_words, plain

ROOT = Path(__file__).resolve().parents[1]
JITTOR_VERSION = "1.3.11.0"
ONEDNN_PACKAGES = ("onednn-cpu-gomp", "onednn-devel-cpu-gomp")
ONEDNN_VERSION = "2021.2.0"
# A complete first compile leaves about this many object files; only the progress line needs it.
CORE_OBJECTS = 157
set_here: list[str] = []  # environment variables that this process did not come with
quick_compiler = False  # whether kernels are compiled as kernels.py says
_last_share = -100  # what the progress line showed last


def jittor_home() -> Path:
    """The folder in which Jittor keeps `.cache/jittor`.

    Its variable JITTOR_HOME moves it, and Jittor remembers the last one that it was given.
    """
    if os.environ.get("JITTOR_HOME"):
        return Path(os.environ["JITTOR_HOME"]).absolute()
    remembered = _remembered_home()
    return remembered if remembered and remembered.is_dir() else _home()


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # no HOME, and a user without a name: `_provide_home` says what to do
        return Path("/nonexistent")


def _home_memory() -> Path:
    return _home() / ".cache" / "jittor" / "config.json"


def _remembered_home() -> Path | None:
    try:
        return Path(json.loads(_home_memory().read_text())["JITTOR_HOME"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def cache_folder() -> Path:
    """jacklib's own cache: the python-config shim and the marks of finished first compiles."""
    return jittor_home() / ".cache" / "jacklib"


# ---------------------------------------------------------------------------------------------
# The things that keep Jittor from starting
# ---------------------------------------------------------------------------------------------


def cuda_folder() -> Path:
    """Where the changed copy of Jittor and the gathered CUDA toolkit are kept, see `cuda`."""
    return cache_folder() / "cuda"


def _find_cuda() -> None:
    # With nvcc on the PATH and no GPU, Jittor builds for CUDA and dies on its first call of it.
    from . import cuda

    package = importlib.util.find_spec("jittor_utils")  # imports and compiles nothing
    if package is not None and package.origin is not None:
        way = cuda.prepare(cuda_folder(), Path(package.origin).parents[1])
        if way.cure:
            print(f"{way.reason}. To use the GPU: {way.cure}", file=sys.stderr)


def in_mpi() -> bool:
    """Whether mpirun (OpenMPI) started this process."""
    return "OMPI_COMM_WORLD_SIZE" in os.environ


def _check_mpi() -> None:
    if not in_mpi():
        return
    if not (os.environ.get("mpicc_path") or shutil.which("mpicc")):
        raise RuntimeError(
            "Started by mpirun, but Jittor finds no mpicc to build its MPI parts with. "
            "Cure: sudo apt-get install libopenmpi-dev openmpi-bin, or export mpicc_path=/its/path"
        )


def _blank() -> str:
    """The cure where a blank in a path would break Jittor's compile commands; else nothing.

    The core still compiles, for minutes; the first operator then fails.
    """
    package = importlib.util.find_spec("jittor_utils")  # imports and compiles nothing
    if package and re.search(r"\s", str(package.origin)):
        folder = Path(str(package.origin)).parents[1]
        return f"{plain(folder)} has a blank in it: move the checkout with its .venv elsewhere"
    if re.search(r"\s", str(jittor_home())):
        return f"{plain(jittor_home())} has a blank in it: export JITTOR_HOME=/a/path/without/one"
    return ""


def _provide_home() -> None:
    # Jittor makes ~/.cache/jittor whatever JITTOR_HOME says. Without a home folder (containers,
    # clusters, HOME="") that would be /.cache, or fail.
    if os.environ.get("JITTOR_HOME"):  # it is the same for children, which start elsewhere
        os.environ["JITTOR_HOME"] = str(jittor_home())
    named = os.environ.get("HOME")
    for folder in (named, _home_of_the_user(), os.environ.get("JITTOR_HOME")):
        if folder and os.path.isabs(folder) and _writable(folder):
            if folder != named:
                os.environ["HOME"] = folder
            return
    found = "no home folder" if not named else f"HOME={plain(named)}, where nothing can be written"
    raise RuntimeError(
        f"Jittor keeps what it compiles in the home folder: found {found}. "
        "Cure: export HOME=/a/folder/of/yours"
    )


def _home_of_the_user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):  # Windows; a user that has no name here
        return ""


def _writable(home: str) -> bool:
    cache = os.path.join(home, ".cache", "jittor")
    try:
        if os.path.normpath(home) == "/" or not os.path.isdir(home):
            return False
        os.makedirs(cache, exist_ok=True)
    except OSError:
        return False
    return os.access(cache, os.W_OK)


def _mend_home_memory() -> None:
    # Jittor would make a remembered folder anew that is gone (another disk, a temporary folder),
    # and dies where a kill left half a memory.
    if os.environ.get("JITTOR_HOME") or not _home_memory().is_file():
        return
    if _remembered_home() is None:
        _home_memory().unlink(missing_ok=True)
    elif jittor_home() == _home():
        os.environ["JITTOR_HOME"] = str(_home())  # Jittor now remembers this one


def write_if_changed(path: Path, text: str, mode: int) -> None:
    """Write a file of ours, whole or not at all, unless it is there as it should be."""
    with contextlib.suppress(OSError):
        if path.read_bytes() == text.encode():
            return
    with files.whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
        part.chmod(mode)


def make_once(folder: Path, fill: Callable[[Path], None], whole: Callable[[], bool]) -> None:
    """Make a folder of ours with `fill`, unless `whole` says that it is there.

    One process makes it while others wait; what a killed one has left half made goes.
    """
    if whole():
        return
    with files.locked(folder.parent, f"making {folder.name}"):
        files.sweep(folder.parent, depth=0)
        if not whole():
            with files.whole_folder(folder) as making:
                fill(making)


def python_header() -> Path | None:
    """Path of Python.h, or None where the development headers are not installed."""
    paths = sysconfig.get_paths()
    for folder in (paths["include"], paths["platinclude"]):
        if (Path(folder) / "Python.h").is_file():
            return Path(folder) / "Python.h"
    return None


def _provide_python_config() -> None:
    # Jittor asks `python3.X-config` for the headers; a virtual environment has no such program and
    # the one in /usr/bin may belong to another Python. Ours answers for the running interpreter.
    header = python_header()
    if "python_config_path" in os.environ or os.name == "nt" or header is None:
        return
    text = (
        "#!/bin/sh\n# Written by jacklib: answers Jittor's two questions for "
        f"{sys.executable}\n"
        'case "$1" in\n'
        f'--includes) echo "-I{header.parent}" ;;\n'
        f'--extension-suffix) echo "{sysconfig.get_config_var("EXT_SUFFIX")}" ;;\n'
        "esac\n"
    )
    name = hashlib.sha1(text.encode()).hexdigest()[:10]
    path = cache_folder() / f"python-config-{name}"
    write_if_changed(path, text, 0o755)
    os.environ["python_config_path"] = str(path)


def _onednn_files() -> tuple[Path | None, list[Path]]:
    """The oneDNN library and headers that the two PyPI packages installed."""
    library, headers = None, []
    for package in ONEDNN_PACKAGES:
        try:
            files = importlib.metadata.files(package) or []
        except importlib.metadata.PackageNotFoundError:
            return None, []
        for file in files:
            path = Path(str(file.locate())).resolve()
            if file.name == "libmkldnn.so" and path.is_file():
                library = path
            elif "include" in file.parts and path.is_file():
                headers.append(path)
    return library, headers


def onednn_folder() -> Path:
    """Where Jittor looks for oneDNN before it downloads it."""
    return jittor_home() / ".cache" / "jittor" / "mkl" / "dnnl_lnx_2.2.0_cpu_gomp"


def _provide_onednn() -> None:
    # Jittor downloads oneDNN 2.2 from one university host. The same release is on PyPI; copied
    # (not linked, so that another environment may be deleted) to where Jittor looks first.
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return
    folder = onednn_folder()

    def whole() -> bool:
        parts = (folder / "lib" / "libmkldnn.so", folder / "include" / "mkldnn.h")
        return all(part.is_file() for part in parts)

    def fill(making: Path) -> None:
        (making / "lib").mkdir()
        shutil.copyfile(library, making / "lib" / "libdnnl.so.2")
        for name in ("libmkldnn.so", "libmkldnn.so.2", "libdnnl.so"):
            os.symlink("libdnnl.so.2", making / "lib" / name)
        for header in headers:
            parts = header.parts
            last = len(parts) - 1 - parts[::-1].index("include")
            target = making.joinpath(*parts[last:])
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(header, target)

    if whole():
        return
    library, headers = _onednn_files()
    if library is not None and headers:  # else Jittor's own download stays as the way out
        make_once(folder, fill, whole)


def _set_quiet_defaults() -> None:
    defaults = {
        "log_silent": "1",  # Jittor's start-up lines; errors still show
        "FIX_TORCH_ERROR": "0",  # else Jittor imports torch if it is installed
        "gdb_path": "",  # else a crash attaches gdb and hangs a notebook
        # Jittor names its cache after the git branch of the folder it lies in: with `.venv` inside
        # a checkout, every change of branch would compile everything again.
        "cache_name": "default",
        # Threads that wait burn their core by default; with a browser and a kernel on two cores an
        # epoch takes five times as long. Sleeping costs some percent where nothing else runs.
        "OMP_WAIT_POLICY": "PASSIVE",
        # Threads that compile several operators at once add and remove neighbours of the Vars that
        # these operators share, without a lock (ConvTuner::forwardTune): now and then that ends in
        # a segmentation fault, or never. One at a time costs some percent on two cores.
        "use_parallel_op_compiler": "0",
        # A future Python will refuse some of Jittor's string escapes; today they are only noise.
        "PYTHONWARNINGS": "ignore::SyntaxWarning",
    }
    if in_mpi():
        os.environ["use_mpi"] = "1"  # whatever the process that called mpirun inherited
    else:
        # Else Jittor builds and loads its MPI parts wherever there is an mpicc.
        defaults["use_mpi"] = "0"
    for name, value in defaults.items():
        if name not in os.environ:
            os.environ[name] = value
            set_here.append(name)


# ---------------------------------------------------------------------------------------------
# Processes of Python
# ---------------------------------------------------------------------------------------------

_PARENT = "JACKLIB_PARENT"


class Child(subprocess.Popen):
    """A Python process that works for this one: every one that we start is made here.

    words: what stands behind the interpreter, such as ["-m", "jacklib.bench"]; paths in it must be
    absolute. It runs in the folder that holds jacklib, since Python looks for modules where it is
    started, and that may be a folder of downloads or /tmp. It is no part of what mpirun started.
    It and all that it starts end with this process, even if that is killed (see `watch_parent`),
    and with a `with` block that an exception leaves.
    """

    def __init__(self, words: Sequence[str], *, python: str | None = None,
                 env: dict[str, str] | None = None, **options: Any):  # fmt: skip
        env = dict(os.environ if env is None else env)
        added = filter(os.path.isabs, env.get("PYTHONPATH", "").split(os.pathsep))
        env["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(ROOT), *added]))
        # A child of a process that mpirun started must not take itself for one of them.
        env = {k: v for k, v in env.items() if not k.startswith(("OMPI_", "PMIX_"))}
        super().__init__([python or sys.executable, *words], cwd=ROOT,
            env=env | {_PARENT: str(os.getpid())}, start_new_session=True, **options)  # fmt: skip

    def end(self) -> None:
        """Kill what is left of it and of what it has started."""
        if self.poll() != 0:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def __exit__(self, *about: Any) -> None:
        self.end()
        super().__exit__(*about)


def run_child(
    words: Sequence[str],
    *,
    capture_output: bool = False,
    timeout: float | None = None,
    **options: Any,
) -> subprocess.CompletedProcess:
    """What `subprocess.run` does, with a `Child`."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Child(words, **options) as child:
        out, err = child.communicate(timeout=timeout)
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def watch_parent() -> None:
    """In a `Child`: end, with all that was started here, as soon as the parent is gone.

    The system's own signal for that (PR_SET_PDEATHSIG) does not reach grandchildren.
    """
    parent = int(os.environ.pop(_PARENT, "0"))
    if not parent or os.getpgrp() != os.getpid():
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="watches the parent").start()


# ---------------------------------------------------------------------------------------------
# The first compile
# ---------------------------------------------------------------------------------------------


def _compile_mark() -> Path:
    import jittor_utils  # starts no compile and needs no compiler

    key = "|".join(
        [
            JITTOR_VERSION,
            sys.version,
            jittor_utils.__file__,
            platform.node(),
            os.environ.get("nvcc_path", "found by Jittor"),
            *["mpi"] * in_mpi(),
            os.environ.get("python_config_path", ""),
            os.environ.get("cc_path") or shutil.which("g++") or "",
        ]
    )
    return cache_folder() / f"compiled-{hashlib.sha1(key.encode()).hexdigest()[:12]}"


def _already_compiled(mark: Path) -> bool:
    return mark.is_file() and Path(mark.read_text().strip()).is_file()


def _count_objects(since: float) -> int:
    pattern = str(jittor_home() / ".cache/jittor/jt*/**/obj_files/*.o")
    times = []
    for name in glob.glob(pattern, recursive=True):
        with contextlib.suppress(OSError):  # just being written anew
            times.append(os.path.getmtime(name))
    return sum(time >= since for time in times)


def first_compile(show: bool = True) -> None:
    """Compile Jittor in a process of its own, with one line of progress.

    Raises RuntimeError with the compiler's last lines and the cure where it fails.
    """
    mark = _compile_mark()
    if _already_compiled(mark):
        return
    start = time.time()
    # A child compiles, so that this process can report; in a notebook Jittor would print nothing.
    code = "import jacklib, jittor, jittor_core; print(jittor_core.__file__)"
    environment = {**os.environ, "log_silent": "0", "JACKLIB_NO_JITTOR": "1"}
    with tempfile.TemporaryFile() as output:
        with Child(["-c", code], env=environment, stdout=output, stderr=subprocess.STDOUT) as child:
            while child.poll() is None:
                time.sleep(0.5)
                if show and time.time() - start > 8:
                    _show_progress(start, _count_objects(start))
        output.seek(0)
        said = output.read().decode(errors="replace")
    lines = [line.rstrip() for line in said.splitlines() if line.strip()]
    if child.returncode != 0:
        if show and time.time() - start > 8:
            print(file=sys.stderr)
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            if os.strerror(number) in said:
                raise DiskError(OSError(number, os.strerror(number)), jittor_home() / ".cache")
        lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines[-12:]]  # Jittor's colours
        tail = "\n".join("    " + plain(line, 200) for line in lines)
        raise RuntimeError(
            f"Jittor {JITTOR_VERSION} could not be compiled on this machine:\n{tail}\n"
            "Run `bash script/run.sh doctor`: it names what is missing and the command that "
            "mends it."
        )
    core = next((line for line in reversed(lines) if line.endswith(".so")), "")
    write_if_changed(mark, core + "\n", 0o644)
    if show and time.time() - start > 8:
        print(
            f"\rJittor compiled for this machine in {time.time() - start:.0f} s "
            "(once; the next start takes seconds)." + " " * 12,
            file=sys.stderr,
            flush=True,
        )


def _show_progress(start: float, objects: int) -> None:
    global _last_share
    seconds = int(time.time() - start)
    share = min(99, round(100 * objects / CORE_OBJECTS))
    # A terminal and a notebook go back with \r; a file would fill with the same line.
    if not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        if share - _last_share < 25:
            return
    _last_share = share
    print(
        f"\rCompiling Jittor for this machine, once, 2 to 4 minutes: {share:3d} %  "
        f"{seconds // 60}:{seconds % 60:02d} ",
        end="",
        file=sys.stderr,
        flush=True,
    )


def prepare() -> None:
    """Make `import jittor` work and import it. Prints at most one line.

    Setting JACKLIB_NO_JITTOR=1 skips everything: for tools that must run without Jittor (doctor,
    the PyTorch twin's process, preparing videos).

    Raises RuntimeError naming the missing piece and its cure.
    """
    if os.environ.get("JACKLIB_NO_JITTOR") == "1" or "jittor" in sys.modules:
        return
    found = _version("numpy")
    if found and int(found.split(".")[0]) >= 2:
        raise RuntimeError(
            f"NumPy {found} is installed{_brought('numpy')}, but Jittor {JITTOR_VERSION} needs a "
            f"NumPy below 2. Cure: {_numpy_cure()}"
        )
    _check_mpi()
    _set_quiet_defaults()
    _provide_home()
    _mend_home_memory()
    if cure := _blank():
        raise RuntimeError(f"Jittor cannot compile here. {cure}")
    _find_cuda()
    _provide_python_config()
    _provide_onednn()
    first_compile()
    import jittor_utils

    # In a notebook it would switch Jittor's log to another mode and print a red line about it;
    # the kernel shows what Jittor prints as it is.
    jittor_utils.is_in_ipynb = False
    _ask_numpy_for_its_limits()
    with _own_signal_handlers(), _own_folder():
        import jittor  # noqa: F401
    _end_idle_compilers()
    from .kernels import use_quick_compiler

    global quick_compiler
    quick_compiler = use_quick_compiler()


def _end_idle_compilers() -> None:
    # For its own compile Jittor starts a pool of processes at every import and keeps it to the end.
    # A Ctrl-C reaches them too, one dies holding the pool's lock, and the program then waits for
    # that lock for ever when it exits. Should Jittor want a pool again, it makes a new one.
    import jittor_utils

    if jittor_utils.pool_size:
        atexit.unregister(jittor_utils.pool_cleanup)
        jittor_utils.pool_cleanup()
        jittor_utils.pool_size = 0


def _ask_numpy_for_its_limits() -> None:
    # Jittor's kernels make the processor take the smallest numbers for zero. NumPy works out its
    # limits when first asked and would warn of that from then on; asked before, it keeps them.
    import numpy as np

    for kind in (np.float16, np.float32, np.float64, np.longdouble):
        np.finfo(kind)


@contextlib.contextmanager
def _own_folder() -> Iterator[None]:
    # With a GPU Jittor asks a `python -m` about it, which looks for modules where it is started.
    try:
        before = os.getcwd()
    except OSError:  # it is gone
        before = None
    os.chdir(ROOT)
    try:
        yield
    finally:
        if before is not None:
            os.chdir(before)


@contextlib.contextmanager
def _own_signal_handlers():
    # Jittor ends the whole process at Ctrl-C, without Python's KeyboardInterrupt, and when any
    # child of it is killed by a signal, a notebook's kernel included. Its own data loaders want
    # that; nothing here uses them. So Python's handlers are put back after the import.
    names = ("SIGINT", "SIGCHLD")
    in_main = threading.current_thread() is threading.main_thread()  # only there may they be set
    numbers = [getattr(signal, name) for name in names if in_main and hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        if handler is not None:
            signal.signal(number, handler)


def device() -> str:
    """`"cuda"` where Jittor computes on a GPU, else `"cpu"`."""
    import jittor as jt

    return "cuda" if jt.flags.use_cuda else "cpu"


def seed(value: int) -> None:
    """Seed Python, NumPy and Jittor, so that a run repeats on the same machine."""
    import jittor as jt
    import numpy as np

    random.seed(value)
    np.random.seed(value % 2**32)
    jt.set_global_seed(value)


# ---------------------------------------------------------------------------------------------
# doctor
# ---------------------------------------------------------------------------------------------


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _brought(package: str) -> str:
    """Where PYTHONPATH brings a package in, for a message; nothing where it does not."""
    for folder in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if glob.glob(f"{glob.escape(folder)}/{package}-*.dist-info"):
            return f" in {plain(folder)}, which PYTHONPATH names"
    return ""


def _numpy_cure() -> str:
    return "unset PYTHONPATH" if _brought("numpy") else 'python -m pip install "numpy<2"'


def _first_line(*command: str) -> str:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    text = (result.stdout or result.stderr).strip()
    return text.splitlines()[0] if text and result.returncode == 0 else ""


def _gigabytes(path: Path) -> float:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free / 1e9


def _cache_cure(cache: Path) -> str:
    """What keeps the cache from being written, and its programs from being run; else nothing."""
    elsewhere = "export JITTOR_HOME=/a/folder/of/yours"
    script = cache_folder() / f"doctor-{os.getpid()}"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        write_if_changed(script, "#!/bin/sh\necho runs\n", 0o755)
        if not os.access(cache, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        runs = _first_line(str(script)) == "runs"
        return "" if runs else f"nothing there may be run (mounted noexec?): {elsewhere}"
    except OSError as error:
        return f"{disk_words(error, cache)} Or {elsewhere}"
    finally:
        with contextlib.suppress(OSError):
            script.unlink()


def diagnose() -> list[tuple[str, str, str, bool]]:
    """What was found: rows of (part, found, "ok" or the cure, does Jittor need it)."""
    rows = []

    def row(part: str, found: str, good: bool, cure: str, needed: bool = False) -> None:
        rows.append((part, found or "not found", "ok" if good else cure, needed and not good))

    version = platform.python_version()
    good = (3, 10) <= sys.version_info[:2] <= (3, 12)
    row("Python", version, good, "install Python 3.10, 3.11 or 3.12", needed=True)

    compiler = os.environ.get("cc_path") or shutil.which("g++") or ""
    row("C++ compiler", _first_line(compiler, "--version") if compiler else "", bool(compiler),
        "sudo apt-get install g++", needed=True)  # fmt: skip

    header = python_header()
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}-dev"
    row("Python headers", str(header or ""), header is not None, f"sudo apt-get install {name}",
        needed=True)  # fmt: skip

    for package, wanted in (("jittor", JITTOR_VERSION), ("numpy", "1")):
        found = _version(package) or ""
        good = found == wanted if package == "jittor" else found.startswith("1.")
        cure = f'python -m pip install "jittor=={wanted}"' if package == "jittor" else _numpy_cure()
        row(package, found + _brought(package), good, cure, needed=True)

    library, headers = _onednn_files()
    there = (onednn_folder() / "lib" / "libmkldnn.so").exists()
    row(
        "oneDNN",
        str(onednn_folder()) if there else (f"PyPI {ONEDNN_VERSION}" if library else ""),
        there or (library is not None and bool(headers)),
        "python -m pip install " + " ".join(f"{p}=={ONEDNN_VERSION}" for p in ONEDNN_PACKAGES),
        needed=sys.platform == "linux" and platform.machine() == "x86_64",
    )

    from .cuda import choose, look

    machine = look()
    driver = ".".join(map(str, machine.driver))
    found = ", ".join(gpu.name for gpu in machine.gpus)
    row("GPU", f"{found}; the driver runs CUDA {driver}" if found else "none", True, "")
    way = choose(machine)
    row("CUDA", way.reason, not way.cure, way.cure)

    left_out = os.environ.get("JACK_LEFT_OUT")
    if left_out:
        row("PYTHONPATH", f"{plain(left_out)}: left out by run.sh", True, "")

    try:
        _provide_home()
        home = ""
    except RuntimeError as error:
        home = str(error)
    cache = jittor_home() / ".cache" / "jittor"
    compiled = ", Jittor compiled" if glob.glob(str(cache_folder() / "compiled-*")) else ""
    cure = home or _blank() or _cache_cure(cache)
    row("cache", f"{cache}{compiled}", not cure, cure, needed=True)
    free = _gigabytes(cache)
    row("disk", f"{free:.1f} GB free", free > 2, "free 2 GB for Jittor's cache", needed=free < 0.5)
    shared = Path("/dev/shm")
    size = shutil.disk_usage(shared).total / 1e9 if shared.exists() else 0.0
    # jacklib's own loaders are threads; only Jittor's Dataset workers need 0.5 GB of it each.
    row("shared memory", f"{size:.1f} GB", True, "")
    return rows


def doctor(try_jittor: bool = True) -> int:
    """Print the table of `diagnose`, then try Jittor itself. Returns 1 where it cannot run."""
    rows = diagnose()
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    for part, found, verdict, fatal in rows:
        mark = "!!" if fatal else "  "
        print(f"{mark} {part:<{widths[0]}}  {found:<{widths[1]}}  {verdict}")
    if any(fatal for *_, fatal in rows):
        print(
            "\nJittor cannot run yet: run the command(s) on the lines marked !!, then doctor again."
        )
        return 1
    if not try_jittor:
        return 0
    # The proof is Jittor itself: one matrix product, in a process of its own.
    code = (
        "import jacklib, jittor as jt; a = jt.ones((2, 3)); "
        "print('ok', (a @ a.transpose()).sum().item(), jacklib.runtime.device())"
    )
    environment = {k: v for k, v in os.environ.items() if k != "JACKLIB_NO_JITTOR"}
    result = run_child(["-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    last = (result.stdout.strip().splitlines() or [""])[-1]  # above it, what Jittor compiled
    if result.returncode or not last.startswith("ok 12.0"):
        print("\nJittor cannot run: see the lines above.")
        return 1
    print(f"\nJittor {JITTOR_VERSION} computes (2 x 3 times 3 x 2 summed to 12) on the "
          f"{last.split()[-1].upper()}. All is well.")  # fmt: skip
    return 0
