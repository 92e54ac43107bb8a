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
from collections.abc import Iterator
from pathlib import Path

from jacklib.backend.folders import (
    JITTOR_VERSION,
    ROOT,
    _home,
    _home_memory,
    _remembered_home,
    cache_folder,
    cuda_folder,
    jittor_home,
    make_once,
    onednn_folder,
    set_here,
    write_if_changed,
)
from jacklib.backend.processes import Child, in_mpi
from jacklib.errors import DiskError, plain

ONEDNN_PACKAGES = ("onednn-cpu-gomp", "onednn-devel-cpu-gomp")
ONEDNN_VERSION = "2021.2.0"
# A complete first compile leaves about this many object files; only the progress line needs it.
CORE_OBJECTS = 157
quick_compiler = False  # whether kernels are compiled as kernels.py says
_last_share = -100  # what the progress line showed last


# --- the things that keep Jittor from starting ----------------------------------------------------


def _find_cuda() -> None:
    # With nvcc on the PATH and no GPU, Jittor builds for CUDA and dies on its first call of it.
    from jacklib.backend import cuda

    package = importlib.util.find_spec("jittor_utils")  # imports and compiles nothing
    if package is not None and package.origin is not None:
        way = cuda.prepare(cuda_folder(), Path(package.origin).parents[1])
        if way.cure:
            print(f"{way.reason}. To use the GPU: {way.cure}", file=sys.stderr)


def _check_mpi() -> None:
    if not in_mpi():
        return
    if not (os.environ.get("mpicc_path") or shutil.which("mpicc")):
        raise RuntimeError(
            "Started by mpirun, but Jittor finds no mpicc to build its MPI parts with. "
            "Cure: sudo apt-get install libopenmpi-dev openmpi-bin, or export mpicc_path=/its/path"
        )


def blank() -> str:
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


def provide_home() -> None:
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


def _fix_home_memory() -> None:
    # Jittor would make a remembered folder anew that is gone (another disk, a temporary folder),
    # and dies where a kill left half a memory.
    if os.environ.get("JITTOR_HOME") or not _home_memory().is_file():
        return
    if _remembered_home() is None:
        _home_memory().unlink(missing_ok=True)
    elif jittor_home() == _home():
        os.environ["JITTOR_HOME"] = str(_home())  # Jittor now remembers this one


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


def onednn_files() -> tuple[Path | None, list[Path]]:
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
    library, headers = onednn_files()
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


# --- processes of Python --------------------------------------------------------------------------


# --- the first compile ----------------------------------------------------------------------------


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

    Raises RuntimeError with the compiler's last lines and the cure if it fails.
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
            "fixes it."
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
    found = version_of("numpy")
    if found and int(found.split(".")[0]) >= 2:
        raise RuntimeError(
            f"NumPy {found} is installed{brought('numpy')}, but Jittor {JITTOR_VERSION} needs a "
            f"NumPy below 2. Cure: {numpy_cure()}"
        )
    _check_mpi()
    _set_quiet_defaults()
    provide_home()
    _fix_home_memory()
    if cure := blank():
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
    from jacklib.backend.kernels import use_quick_compiler

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
    # On the CPU Jittor takes 0 for 1, and the numbers of small seeds begin alike. 0 stays what it
    # is; every other seed is spread out.
    spread = int(np.random.SeedSequence(value).generate_state(1)[0] >> 2) if value else 0
    jt.set_global_seed(spread)


# --- doctor ---------------------------------------------------------------------------------------


def version_of(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def brought(package: str) -> str:
    """Where PYTHONPATH brings a package in, for a message; nothing where it does not."""
    for folder in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if glob.glob(f"{glob.escape(folder)}/{package}-*.dist-info"):
            return f" in {plain(folder)}, which PYTHONPATH names"
    return ""


def numpy_cure() -> str:
    return "unset PYTHONPATH" if brought("numpy") else 'python -m pip install "numpy<2"'
