"""Compile Jittor's kernels in a third of the time, and safely from several processes at once.

`use_quick_compiler` sets some of Jittor's flags, so that Jittor's headers come precompiled (one
file in jacklib's cache, made once, 60 to 100 MB), and a shell script stands where Jittor starts its
Python script, or nvcc. It compiles straight to the library, in a folder of its own, and then moves
it into place; kernels that Jittor edits as assembler text still go to Jittor's script. The kernels
are the same code: the same compiler, the same options but `-g`. Why, how long it takes, and what
Jittor's lock is still for: docs/en/architecture.md, "Kernels".
"""

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from jacklib import files
from jacklib.backend import folders

_ONEDNN = "#include <dnnl.hpp>\n"
# What g++ reads where kernels.h.gch does not fit, as for Jittor's isnan (-O2 instead of -Ofast).
_NO_HEADERS = "// Nothing: a kernel includes what it needs.\n"


def use_quick_compiler() -> bool:
    """Set Jittor's compiler flags as this file's head says; True where that was possible.

    Jittor must be imported. Left as they are: other systems and compilers, and a process with
    JACKLIB_PLAIN_COMPILER=1.
    """
    import jittor as jt

    flags = jt.flags
    if (
        sys.platform != "linux"
        or os.environ.get("JACKLIB_PLAIN_COMPILER") == "1"
        or flags.cc_type != "g++"
        or any(mark in f"{folders.cache_folder()}{flags.nvcc_path}" for mark in "\"'$`\\")
    ):
        return False
    # Not sys.executable, which is the same Python by another name now and then: the command is part
    # of what Jittor knows a kernel by, and another command compiles it again.
    python = Path(sys.prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    python = python if python.exists() else Path(sys.executable)
    flags.python_path = f'"{_write_script("cpu", str(python))}"'
    if jt.has_cuda:
        flags.nvcc_path = str(_write_script("gpu", str(python), flags.nvcc_path))
    header = _precompiled_headers()
    if header is not None:
        flags.cc_flags = f'{flags.cc_flags} -include"{header}" '
    return True


def _write_script(device: str, python: str, nvcc: str = "") -> Path:
    """The compile script for "cpu" or "gpu"; returns its path. Their texts are part of what Jittor
    knows a kernel by: a changed word in them compiles all kernels again.

    Jittor calls the one as SCRIPT .../asm_tuner.py --cc_path=g++ source options... -o library, the
    other, nvcc's stand-in, as SCRIPT source options... -o library. Both go on in
    compile_kernel.sh: another process may be writing the same source at this moment, so what is
    compiled is a copy that was read twice alike. Jittor's script puts its own files beside it.
    """
    script = folders.text_of(f"compile_on_{device}.sh") + folders.text_of("compile_kernel.sh")
    return folders.write_script("compile-kernel", script, PYTHON=python, NVCC=nvcc)


def _precompiled_headers() -> Path | None:
    """The header whose compiled form lies beside it; None where that cannot be made."""
    import jittor as jt

    include = folders.onednn_folder() / "include"
    text = folders.text_of("kernel_headers.h")
    text += _ONEDNN if (include / "dnnl.hpp").is_file() else ""
    linking = ("-shared", "-l", "-L", "-Wl,")
    options = [w for w in shlex.split(jt.flags.cc_flags) if not w.startswith(linking)]
    key = "|".join([folders.JITTOR_VERSION, jt.flags.cc_path, *options, text, _NO_HEADERS])
    folder = folders.cache_folder() / f"headers-{folders.digest(key)}"
    header = folder / "kernels.h"
    if (folder / "kernels.h.gch").is_file():
        return header
    failed = folder / "failed"  # a compile that failed is tried again the next day, not each time
    if failed.is_file() and time.time() - failed.stat().st_mtime < 86400:
        return None
    with files.locked(folder, "compiling headers"):
        if (folder / "kernels.h.gch").is_file():
            return header
        files.sweep(folder, depth=0)
        source = folder / "precompiled.h"
        folders.write_if_changed(source, text, 0o644)
        folders.write_if_changed(header, _NO_HEADERS, 0o644)
        command = [jt.flags.cc_path, *options, f"-I{include}", "-x", "c++-header", str(source)]
        with (
            contextlib.suppress(subprocess.CalledProcessError),
            files.whole_file(folder / "kernels.h.gch") as making,
        ):
            result = subprocess.run([*command, "-o", making], capture_output=True, text=True)
            full = shutil.disk_usage(folder).free < 2e8
            if result.returncode and not full:
                failed.write_text(result.stderr)
            if result.returncode or full:
                raise subprocess.CalledProcessError(result.returncode, command)
            return header
    return None
