"""Make Jittor 1.3.11 importable, and say what this machine has.

`prepare()` runs before the first `import jittor`. Jittor compiles itself at that moment and looks
for its parts in ways that fail on many machines; each step below removes one of them. None of them
needs more of the internet than the Python package index.

This file imports the standard library alone, and `files` and `errors`, which do so too, because it
must work where Jittor does not.
"""

import atexit
import contextlib
import errno
import glob
import importlib.metadata
import importlib.util
import os
import platform
import pwd
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
from pathlib import Path

from jacklib.backend import folders
from jacklib.backend.folders import JITTOR_VERSION
from jacklib.backend.processes import Child, in_mpi, output_of
from jacklib.errors import DiskError, disk_words, plain, said

ONEDNN_PACKAGES = ("onednn-cpu-gomp", "onednn-devel-cpu-gomp")
ONEDNN_VERSION = "2021.2.0"
WANTED = {"jittor": (f"jittor=={JITTOR_VERSION}", JITTOR_VERSION), "numpy": ("numpy<2", r"1\..*")}
# A complete first compile leaves about this many object files; only the progress line needs it.
CORE_OBJECTS = 157
quick_compiler = False  # whether kernels are compiled as kernels.py says
_last_share = -100  # what the progress line showed last


# --- the things that keep Jittor from starting ----------------------------------------------------


def _site_packages() -> Path | None:
    """Where Jittor is installed; None where it is not."""
    package = importlib.util.find_spec("jittor_utils")  # imports and compiles nothing
    return Path(package.origin).parents[1] if package and package.origin else None


def _find_cuda() -> None:
    # With nvcc on the PATH and no GPU, Jittor builds for CUDA and dies on its first call of it.
    from jacklib.backend import cuda

    if _site_packages() is None:
        return
    way = cuda.prepare(folders.cuda_folder(), _site_packages())
    if way.cure:
        print(f"{way.reason}. To use the GPU: {way.cure}", file=sys.stderr)
    where = _site_packages()  # Jittor puts its own path, too, into shell lines
    links = [folders.plain_name(where / name) for name in ("jittor", "jittor_utils")]
    if links[0].parent != where:
        sys.path.insert(0, str(links[0].parent))
        for_children = (sys.path[0], os.environ.get("PYTHONPATH", ""))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, for_children))


def _plain_python() -> str:
    python = Path(sys.executable)  # by its environment's folder, which Python looks for
    return str(folders.plain_name(python.parent.parent) / python.parent.name / python.name)


def provide_home() -> None:
    """Set HOME and JITTOR_HOME so that Jittor can keep what it compiles, and run it. Raises
    RuntimeError with the cause and the cure if no folder allows that."""
    given = os.environ.pop("JITTOR_HOME", None)  # Jittor dies of an empty one
    if given:  # it is the same for children, which start elsewhere
        os.environ["JITTOR_HOME"] = given = os.path.abspath(os.path.expanduser(given))
    # Jittor makes ~/.cache/jittor whatever JITTOR_HOME says. Without a home folder (containers,
    # clusters, HOME="") that would be /.cache, or fail.
    named = os.environ.get("HOME")
    found = f"HOME={plain(named)}, where nothing can be written" if named else "no home folder"
    cure = f"Jittor works in the home folder: found {found}. Cure: export HOME=/a/folder/of/yours"
    home = next(filter(_writable, (named, given, _home_of_the_user())), None)
    os.environ["HOME"] = home or _elsewhere(cure)
    if folders.remembered_home() is None:  # Jittor dies where a kill left half a memory
        folders.home_memory().unlink(missing_ok=True)
    if cure := cache_cure(folders.jittor_home()):
        if given:
            raise RuntimeError(f"Jittor cannot keep or run what it compiles: {cure}")
        os.environ["JITTOR_HOME"] = _elsewhere(cure)
    os.environ["JITTOR_HOME"] = str(folders.plain_name(folders.jittor_home()))


def cache_cure(home: Path) -> str:
    """What keeps Jittor's cache there from being written, or from being run; else nothing."""
    cure = "export JITTOR_HOME=/a/folder/of/yours"
    cache, script = home / ".cache" / "jittor", home / ".cache" / "jacklib" / "runs"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        folders.write_if_changed(script, "#!/bin/sh\necho runs\n", 0o755)
        with tempfile.TemporaryFile(dir=cache):
            runs = output_of(str(script)) == "runs"
        return "" if runs else f"{cache}: nothing there may be run (mounted noexec?): {cure}"
    except OSError as error:
        return f"{disk_words(error, cache)} Or {cure}"


def _elsewhere(cure: str) -> str:
    own = folders.own_folder(cure)
    if not (own / ".cache").exists():
        print(f"{cure}. Until then it is kept in {own}.", file=sys.stderr)
    if cache_cure(own):
        raise RuntimeError(cure)
    return str(own)


def _home_of_the_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:  # a user that has no name here
        return ""


def _writable(home: str | None) -> bool:
    if not home or not os.path.isabs(home) or os.path.normpath(home) == "/":
        return False
    cache = os.path.join(home, ".cache", "jittor")
    if os.path.isdir(home):
        with contextlib.suppress(OSError):
            os.makedirs(cache, exist_ok=True)
    return os.path.isdir(cache) and os.access(cache, os.W_OK)


def python_header() -> Path | None:
    """Path of Python.h, or None where the development headers are not installed."""
    places = (Path(sysconfig.get_path(p), "Python.h") for p in ("include", "platinclude"))
    return next(filter(Path.is_file, places), None)


def _provide_python_config() -> None:
    # Jittor asks `python3.X-config` for the headers; a virtual environment has no such program and
    # the one in /usr/bin may belong to another Python. Ours answers for the running interpreter.
    header = python_header()
    if "python_config_path" in os.environ or header is None:
        return
    path = folders.write_script(
        "python-config", folders.text_of("python_config.sh"), PYTHON=sys.executable,
        INCLUDE=str(folders.plain_name(header.parent)),
        SUFFIX=sysconfig.get_config_var("EXT_SUFFIX"),
    )  # fmt: skip
    os.environ["python_config_path"] = str(path)


def onednn_files() -> dict[str, Path]:
    """What oneDNN's two PyPI packages installed, by its place in `folders.onednn_folder`; {} where
    library or headers are missing."""
    found = {}
    installed = []
    for package in ONEDNN_PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed += importlib.metadata.files(package) or []
    for file in installed:
        if file.name == "libmkldnn.so":
            found["lib/libdnnl.so.2"] = Path(file.locate())
        elif "include" in file.parts:
            found["include/" + file.as_posix().rpartition("include/")[2]] = Path(file.locate())
    found = {place: path for place, path in found.items() if path.is_file()}
    return found if {"lib/libdnnl.so.2", "include/mkldnn.h"} <= found.keys() else {}


def _provide_onednn() -> None:
    # Jittor downloads oneDNN 2.2 from one university host. The same release is on PyPI; copied
    # (not linked, so that another environment may be deleted) to where Jittor looks first.
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return
    folder = folders.onednn_folder()

    def whole() -> bool:
        return all((folder / f).is_file() for f in ("lib/libmkldnn.so", "include/mkldnn.h"))

    def fill(making: Path) -> None:
        for place, path in files.items():
            (making / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, making / place)
        for name in ("libmkldnn.so", "libmkldnn.so.2", "libdnnl.so"):
            os.symlink("libdnnl.so.2", making / "lib" / name)

    files = {} if whole() else onednn_files()
    if files:  # else Jittor's own download stays as the way out
        folders.make_once(folder, fill, whole)


def _set_quiet_defaults() -> None:
    if in_mpi():
        os.environ["use_mpi"] = "1"  # whatever the process that called mpirun inherited
    for name, value in re.findall(r"^(\w+)=(.*)$", folders.text_of("defaults.txt"), re.MULTILINE):
        if name not in os.environ:
            os.environ[name] = value
            folders.set_here.append(name)


# --- the first compile ----------------------------------------------------------------------------


def _compile_mark() -> Path:
    import jittor_utils  # starts no compile and needs no compiler

    key = [
        JITTOR_VERSION, sys.version, jittor_utils.__file__, platform.node(),
        os.environ.get("nvcc_path", "found by Jittor"), *["mpi"] * in_mpi(),
        os.environ.get("python_config_path", ""),
        os.environ.get("cc_path") or shutil.which("g++") or "",
    ]  # fmt: skip
    return folders.cache_folder() / f"compiled-{folders.digest('|'.join(key), 12)}"


def first_compile() -> None:
    """Compile Jittor in a process of its own, with one line of progress.

    Raises RuntimeError with the compiler's last lines and the cure if it fails.
    """
    mark = _compile_mark()
    if mark.is_file() and Path(os.fsdecode(mark.read_bytes().strip())).is_file():
        return
    start = time.time()
    # A child compiles, so that this process can report; in a notebook Jittor would print nothing.
    code = "from jacklib import runtime; runtime._import_jittor(); "
    code += "import jittor_core; print(jittor_core.__file__)"
    environment = {**os.environ, "log_silent": "0", "JACKLIB_NO_JITTOR": "1", "LANGUAGE": "en"}
    with tempfile.TemporaryFile() as output:
        with Child(["-c", code], python=_plain_python(), env=environment, stdout=output,
                   stderr=subprocess.STDOUT) as child:  # fmt: skip
            while child.poll() is None:
                time.sleep(0.5)
                if time.time() - start > 8:
                    _show_progress(start)
        output.seek(0)
        told = os.fsdecode(output.read())
    lines = [line.rstrip() for line in told.splitlines() if line.strip()]
    if child.returncode != 0:
        if time.time() - start > 8:
            print(file=sys.stderr)
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            if os.strerror(number) in told:
                raise DiskError(OSError(number, os.strerror(number)), folders.jittor_home())
        lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines[-12:]]  # Jittor's colours
        tail = "\n".join("    " + plain(line, 200) for line in lines)
        raise RuntimeError(said("Jittor not compiled", version=JITTOR_VERSION, tail=tail))
    core = next((line for line in reversed(lines) if line.endswith(".so")), "")
    folders.write_if_changed(mark, core + "\n", 0o644)
    if time.time() - start > 8:
        _tell(said("Jittor compiled", seconds=time.time() - start))


def _show_progress(start: float) -> None:
    global _last_share
    objects = 0
    pattern = str(folders.jittor_home() / ".cache/jittor/jt*/**/obj_files/*.o")
    for name in glob.glob(pattern, recursive=True):
        with contextlib.suppress(OSError):  # just being written anew
            objects += os.path.getmtime(name) >= start
    share = min(99, round(100 * objects / CORE_OBJECTS))
    # A terminal and a notebook go back with \r; a file would fill with the same line.
    if not (sys.stderr.isatty() or "ipykernel" in sys.modules) and share - _last_share < 25:
        return
    _last_share = share
    minutes, seconds = divmod(int(time.time() - start), 60)
    _tell(f"Compiling Jittor for this machine, once, 2 to 4 minutes: {share:3d} %  "
          f"{minutes}:{seconds:02d} ")  # fmt: skip


def _tell(line: str) -> None:
    print(f"\r{line}", end="", file=sys.stderr, flush=True)


def prepare() -> None:
    """Make `import jittor` work and import it. Prints at most one line.

    Setting JACKLIB_NO_JITTOR=1 skips everything: for tools that must run without Jittor (doctor,
    the PyTorch twin's process, preparing videos).

    Raises RuntimeError naming the missing piece and its cure.
    """
    if os.environ.get("JACKLIB_NO_JITTOR") == "1" or "jittor" in sys.modules:
        return
    for package, (found, cure) in packages_found().items():
        if cure:
            found = f"found {found or 'none'}, wanted {WANTED[package][0]}"
            raise RuntimeError(f"{package}: {found}. Cure: {cure}")
    if in_mpi() and not (os.environ.get("mpicc_path") or shutil.which("mpicc")):
        raise RuntimeError(said("no mpicc"))
    _set_quiet_defaults()
    provide_home()
    _find_cuda()
    _provide_python_config()
    _provide_onednn()
    try:
        first_compile()
        _import_jittor()
    except PermissionError as error:  # a part of the cache is somebody else's
        raise DiskError(error) from error
    except (ImportError, SyntaxError) as error:  # of a package that is another Python's
        raise RuntimeError(f"{plain(error)}. Cure: unset PYTHONPATH, or run doctor") from error
    from jacklib.backend.kernels import use_quick_compiler

    global quick_compiler
    quick_compiler = use_quick_compiler()


def _import_jittor() -> None:
    """Import Jittor without what that would change in this process."""
    import jittor_utils
    import numpy as np

    # In a notebook it would switch Jittor's log to another mode and print a red line about it;
    # the kernel shows what Jittor prints as it is.
    jittor_utils.is_in_ipynb = False
    # Jittor's kernels make the processor take the smallest numbers for zero. NumPy works out its
    # limits when first asked and would warn of that from then on; asked before, it keeps them.
    for kind in (np.float16, np.float32, np.float64, np.longdouble):
        np.finfo(kind)
    # Jittor ends the whole process at Ctrl-C, without Python's KeyboardInterrupt, and when any
    # child of it is killed by a signal, a notebook's kernel included. Its own data loaders want
    # that; nothing here uses them. So Python's handlers are put back.
    in_main = threading.current_thread() is threading.main_thread()  # only there may they be set
    numbers = (signal.SIGINT, signal.SIGCHLD) if in_main else ()
    handlers = {number: signal.getsignal(number) for number in numbers}
    # With a GPU Jittor asks a `python -m` about it, which looks for modules where it is started.
    try:
        folder = os.getcwd()
    except OSError:  # it is gone
        folder = folders.ROOT
    os.chdir(folders.ROOT)
    python, sys.executable = sys.executable, _plain_python()
    realpath, os.path.realpath = os.path.realpath, folders.real_name
    try:
        import jittor  # noqa: F401
    finally:
        os.chdir(folder)
        sys.executable, os.path.realpath = python, realpath
    for number, handler in handlers.items():
        if handler is not None:
            signal.signal(number, handler)
    # For its own compile Jittor starts a pool of processes at every import and keeps it to the end.
    # A Ctrl-C reaches them too, one dies holding the pool's lock, and the program then waits for
    # that lock for ever when it exits. Should Jittor want a pool again, it makes a new one.
    if jittor_utils.pool_size:
        atexit.unregister(jittor_utils.pool_cleanup)
        jittor_utils.pool_cleanup()
        jittor_utils.pool_size = 0


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


def packages_found() -> dict[str, tuple[str, str]]:
    """What an import of jittor and of numpy takes, and the cure where that is not what is wanted:
    PYTHONPATH's come first, and may have no record."""
    file = (_site_packages() or Path("/nonexistent")) / "jittor" / "__init__.py"
    text = file.read_text("utf-8") if file.is_file() else ""
    found = {"jittor": "".join(re.findall("^__version__ = '(.*)'", text, re.MULTILINE))}
    try:
        found["numpy"] = importlib.import_module("numpy").__version__
    except Exception as error:  # it may be another Python's
        found["numpy"] = f"none that can be imported ({plain(error, 200)})"
    cures = dict.fromkeys(found, "")
    for package, (wanted, fits) in WANTED.items():
        if not re.fullmatch(fits, found[package]):
            cures[package] = f'python -m pip install "{wanted}"'
            for folder in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
                if os.path.isdir(os.path.join(folder, package)):
                    found[package] += f" in {plain(folder)}, which PYTHONPATH names"
                    cures[package] = "unset PYTHONPATH"
    return {package: (found[package], cure) for package, cure in cures.items()}
