"""How Jittor 1.3.11 gets at an NVIDIA GPU, or why it computes on the CPU: `jacklib cuda`.

Jittor was written for CUDA 11 and 12 with cuDNN 8. `choose` looks at what a machine has and takes
one of three ways: the CPU; CUDA as Jittor finds it; or, for cuDNN 9 and CUDA 13 (H100 and newer), a
private copy of the installed Jittor with the changes of `cuda_patch`, and a folder that gathers
compiler, headers and libraries from wherever they lie, since Jittor looks for them in one place.
Both are made at the first start, kept in jacklib's cache, and removed by `jacklib cuda --remove`.

Like `runtime`, this file needs the standard library alone and runs before Jittor.
"""

import argparse
import ctypes
import glob
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import NamedTuple

from jacklib.backend.folders import cuda_folder, digest, make_once, set_here, text_of
from jacklib.backend.processes import output_of
from jacklib.errors import said

Version = tuple[int, int]

# What a copied Jittor needs of a toolkit (what is missing is named), the commands that bring one,
# and the newest GPUs (compute capability) that a CUDA release compiles for.
_KNOWN = json.loads(text_of("cuda.json"))
HEADERS, LIBRARIES, SYSTEM_LIBRARIES, PYPI_CUDA_13, CUDA_12, _NEWEST_GPU = _KNOWN.values()


class Gpu(NamedTuple):
    """One device that the driver opens."""

    name: str
    capability: Version


class Toolkit(NamedTuple):
    """A CUDA compiler, and the cuDNN that would be used with it (major version; 0: none found)."""

    nvcc: str
    release: Version
    cudnn: int


class Machine(NamedTuple):
    """What the plan depends on."""

    system: str = "Linux"  # platform.system()
    gpus: tuple[Gpu, ...] = ()
    driver: Version = (0, 0)  # the newest CUDA that the driver runs
    toolkits: tuple[Toolkit, ...] = ()
    amd: bool = False
    nvcc_path: str | None = None  # what the user has set


class Way(NamedTuple):
    """The plan for a machine. name: "cpu", "jittor" (CUDA as it is) or "patched"."""

    name: str
    reason: str
    cure: str = ""  # empty where nothing is to be fixed
    nvcc: str = ""


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))


def choose(machine: Machine) -> Way:
    """The plan for a machine."""
    if machine.nvcc_path:
        reason = f"nvcc_path={machine.nvcc_path}, as you set it"
        return Way("jittor", reason, nvcc=machine.nvcc_path)
    if machine.nvcc_path == "":
        return Way("cpu", "nvcc_path is set to nothing: the CPU, as you wish")
    if machine.system == "Darwin":
        return Way("cpu", "a Mac has no CUDA, and Jittor 1.3.11 no other way to its GPU: the CPU")
    if not machine.gpus:
        return Way("cpu", said("AMD card") if machine.amd else said("no card"))
    gpu = machine.gpus[0]
    card = f"{gpu.name} (compute capability {_dotted(gpu.capability)})"
    # A compiler of another major release than the driver's makes programs that it cannot run.
    runnable = [t for t in machine.toolkits if t.release[0] <= machine.driver[0]]
    cure = PYPI_CUDA_13 if machine.driver >= (13, 0) else CUDA_12
    if not runnable:
        found = ", ".join(_dotted(t.release) for t in machine.toolkits)
        found = f"nvcc {found} is newer than" if found else "no nvcc for"
        driver = f"the driver's CUDA {_dotted(machine.driver)}"
        return Way("cpu", f"{card}: {found} {driver}, so the CPU", cure)
    fitting = [t for t in runnable if _compiles_for(t.release) >= gpu.capability]
    if not fitting:
        newest = max(t.release for t in runnable)
        return Way("cpu", f"{card}: CUDA {_dotted(newest)} cannot compile for it, so the CPU", cure)
    ways = [_way_of(toolkit, card) for toolkit in sorted(fitting, key=lambda t: -t.release[0])]
    # As Jittor is meant to be used, if a toolkit allows it; then the copy; then without cuDNN.
    order = {"jittor": 0, "patched": 1, "cpu": 2}
    return min(ways, key=lambda way: (bool(way.cure), order[way.name]))


def _compiles_for(release: Version) -> Version:
    return max((tuple(gpu) for cuda, gpu in _NEWEST_GPU if tuple(cuda) <= release), default=(0, 0))


def _way_of(toolkit: Toolkit, card: str) -> Way:
    nvcc, release, cudnn = toolkit
    cuda = f"{card}: CUDA {_dotted(release)}"
    if release < (13, 0) and cudnn == 8:
        return Way("jittor", f"{cuda} with cuDNN 8, as Jittor knows them", nvcc=nvcc)
    if release < (13, 0) and not cudnn:
        return Way("jittor", f"{cuda} without cuDNN, so convolutions are slow",
                   "install cuDNN 8 beside CUDA", nvcc)  # fmt: skip
    if release >= (12, 0) and cudnn >= 9:
        return Way("patched", f"{cuda} with cuDNN {cudnn}, by a changed copy of Jittor", nvcc=nvcc)
    found = f"cuDNN {cudnn}" if cudnn else "no cuDNN"
    cure = "python -m pip install nvidia-cudnn-cu13" if release >= (13, 0) else CUDA_12
    return Way("cpu", f"{cuda} with {found} does not work with Jittor, so the CPU", cure)


# --- what the machine has -------------------------------------------------------------------------


def look() -> Machine:
    """Detect this machine. Without a GPU no program is started, so this costs nothing."""
    gpus, driver = _driver()
    nvcc_path = os.environ.get("nvcc_path")
    if nvcc_path == os.environ.get("JACKLIB_NVCC_PATH"):
        nvcc_path = None  # a child of a process that jacklib prepared: it is not the user's word
    return Machine(
        system=platform.system(), gpus=gpus, driver=driver, nvcc_path=nvcc_path,
        toolkits=tuple(_toolkits()) if gpus else (), amd=not gpus and _has_amd(),
    )  # fmt: skip


def _driver() -> tuple[tuple[Gpu, ...], Version]:
    """The devices that the driver opens, and the newest CUDA that it runs."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return (), (0, 0)
    number, gpus = ctypes.c_int(0), []
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGetCount(ctypes.byref(number)) != 0:
        return (), (0, 0)
    for device in range(number.value):
        name, parts = ctypes.create_string_buffer(100), []
        cuda.cuDeviceGetName(name, 100, device)
        for attribute in (75, 76):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR
            value = ctypes.c_int(0)
            cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
            parts.append(value.value)
        gpus.append(Gpu(name.value.decode(errors="replace"), (parts[0], parts[1])))
    version = ctypes.c_int(0)
    cuda.cuDriverGetVersion(ctypes.byref(version))
    return tuple(gpus), (version.value // 1000, version.value % 1000 // 10)


def _has_amd(root: str = "/") -> bool:
    vendors = map(Path, glob.glob(f"{root}sys/class/drm/card*/device/vendor"))
    amd = any(path.read_text(errors="replace").strip() == "0x1002" for path in vendors)
    return amd or os.path.exists(f"{root}dev/kfd")


def _pip_folders() -> list[Path]:
    """Where pip's packages of NVIDIA lie: nvidia/cu13, nvidia/cudnn and others."""
    folders = {sysconfig.get_paths()[name] for name in ("purelib", "platlib")}
    return sorted(Path(p) for folder in folders for p in glob.glob(f"{folder}/nvidia/*/"))


def _toolkits() -> list[Toolkit]:
    names = [shutil.which("nvcc"), *glob.glob("/usr/local/cuda*/bin/nvcc"), "/opt/cuda/bin/nvcc"]
    names += [str(folder / "bin" / "nvcc") for folder in _pip_folders()]
    found: dict[str, Toolkit] = {}
    for name in names:
        if name and os.access(name, os.X_OK) and os.path.realpath(name) not in found:
            release = nvcc_release(name)
            if release > (0, 0):
                found[os.path.realpath(name)] = Toolkit(name, release, _cudnn(name))
    return list(found.values())


def nvcc_release(nvcc: str) -> Version:
    """(13, 0) for nvcc 13.0; (0, 0) where it does not answer."""
    match = re.search(r"release (\d+)\.(\d+)", output_of(nvcc, "--version"))
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _cudnn(nvcc: str) -> int:
    """Major version of the first cuDNN: beside nvcc, among pip's packages, then the system's."""
    home = Path(os.path.realpath(nvcc)).parents[1]
    folders = [home / "lib64", home / "lib", *(f / "lib" for f in _pip_folders())]
    folders += map(Path, (*SYSTEM_LIBRARIES, "/usr/local/cuda/lib64"))
    for folder in folders:
        for path in glob.glob(f"{folder}/libcudnn.so*"):
            match = re.search(r"\.so\.(\d+)", os.path.realpath(path))
            if match:
                return int(match[1])
    return 0


# --- going the way --------------------------------------------------------------------------------


def prepare(folder: Path, site_packages: Path) -> Way:
    """Set the environment for this machine's way; called before Jittor is imported.

    folder: where the copy and the toolkit are kept. site_packages: where Jittor is installed.
    """
    way = choose(look())
    if way.name == "patched":
        try:
            _go_patched(way, folder, site_packages)
        except (OSError, RuntimeError) as error:
            way = Way("cpu", f"{way.reason}; that failed: {error}", PYPI_CUDA_13)
    if way.name == "jittor" and "nvcc_path" not in os.environ:
        os.environ["nvcc_path"] = way.nvcc
    if way.name == "cpu":
        os.environ["nvcc_path"] = ""
    else:
        # Else the GPU multiplies with ten bits of precision where its library likes to.
        os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
        for name in ("use_cutt", "use_cutlass", "use_nccl"):  # Jittor would download their sources
            os.environ.setdefault(name, "0")
    os.environ["JACKLIB_NVCC_PATH"] = os.environ["nvcc_path"]
    return way


def _go_patched(way: Way, folder: Path, site_packages: Path) -> None:
    from jacklib.backend.cuda_patch import patched_copy

    copy = patched_copy(site_packages, folder)
    toolkit = gather_toolkit(way.nvcc, folder)
    os.environ["nvcc_path"] = str(toolkit / "bin" / "nvcc")
    if not (toolkit / "include" / "cub").exists() and (toolkit / "include" / "cccl").exists():
        flags, more = os.environ.get("nvcc_flags", ""), f'-I"{toolkit}/include/cccl"'
        if more not in flags:
            os.environ["nvcc_flags"] = f"{flags} {more}".strip()
    sys.path.insert(0, str(copy))
    for name, first in (("PYTHONPATH", copy), ("LD_LIBRARY_PATH", toolkit / "lib64")):
        if name == "LD_LIBRARY_PATH" and name not in os.environ:
            set_here.append(name)  # PyTorch's process must not take these libraries
        rest = [part for part in os.environ.get(name, "").split(os.pathsep) if part]
        os.environ[name] = os.pathsep.join(dict.fromkeys([str(first), *rest]))
    # The linker read LD_LIBRARY_PATH when this process began; what is loaded already, it finds.
    for name in LIBRARIES:
        ctypes.CDLL(str(toolkit / "lib64" / f"lib{name}.so"), mode=ctypes.RTLD_GLOBAL)


def gather_toolkit(nvcc: str, folder: Path) -> Path:
    """A folder laid out like a CUDA toolkit, of links: bin/nvcc, include, lib64.

    Raises RuntimeError that names the headers and libraries that are nowhere to be found.
    """
    top = _top_of(nvcc)
    pip = _pip_folders()
    target = "targets/x86_64-linux"
    includes = [top / "include", top / target / "include", *(f / "include" for f in pip)]
    includes.append(Path("/usr/include"))
    # nvcc's own first: pip's may be another release's.
    libraries = [top / "lib64", top / "lib", top / target / "lib", *(f / "lib" for f in pip)]
    libraries += map(Path, SYSTEM_LIBRARIES)
    made = folder / f"toolkit-{digest('|'.join([nvcc, *map(str, includes + libraries)]))}"

    def fill(making: Path) -> None:
        for name in ("bin", "include", "lib64"):
            (making / name).mkdir()
        # Jittor follows links to find the toolkit: a script keeps it here.
        script = making / "bin" / "nvcc"
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(nvcc)} "$@"\n')
        script.chmod(0o755)
        for source in includes:
            # Of the system's headers only cuDNN's, which Debian puts there.
            _link(source, making / "include", "cudnn*" if source == Path("/usr/include") else "*")
        if not (making / "include" / "nv").exists():
            _link(making / "include" / "cccl", making / "include", "nv")
        for source in libraries:
            system = str(source).startswith("/usr/lib")
            for pattern in ("libcudnn*",) if system else ("lib*.so*", "lib*.a"):
                _link(source, making / "lib64", pattern)
        for path in sorted((making / "lib64").glob("*.so.*")):
            _link_as(path, making / "lib64" / (path.name.split(".so.")[0] + ".so"))
        missing = [name for name in HEADERS if not (making / "include" / name).exists()]
        missing += [f"lib{n}.so" for n in LIBRARIES if not (making / f"lib64/lib{n}.so").exists()]
        if missing:
            raise RuntimeError(f"CUDA's {', '.join(missing)} found nowhere")

    make_once(made, fill, made.is_dir)
    return made


def _top_of(nvcc: str) -> Path:
    """The toolkit's own folder, which nvcc names itself; it may be a script that calls another."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "empty.cu")
        source.write_text("int main() {}\n")
        command = [nvcc, "--dryrun", "-c", str(source), "-o", str(source.with_suffix(".o"))]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    match = re.search(r"^#\$ TOP=(.*)$", result.stderr + result.stdout, re.MULTILINE)
    return Path(match[1]).resolve() if match else Path(os.path.realpath(nvcc)).parents[1]


def _link(source: Path, target: Path, pattern: str) -> None:
    for path in sorted(source.glob(pattern)):
        _link_as(path, target / path.name)


def _link_as(path: Path, link: Path) -> None:
    if not link.exists() and not link.is_symlink():
        link.symlink_to(os.path.realpath(path))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `cuda`."""
    parser.add_argument("--remove", action="store_true",
        help="remove the changed copy of Jittor and the gathered toolkit")  # fmt: skip


def main(args: argparse.Namespace) -> int:
    """Say which way this machine goes and why, or remove what was made; returns the exit code."""
    if args.remove:
        found = [path for name in ("toolkit-*", "jittor-*") for path in cuda_folder().glob(name)]
        for path in found:
            shutil.rmtree(path)
        print(f"{len(found)} folders removed from {cuda_folder()}" if found else
              f"nothing to remove in {cuda_folder()}")  # fmt: skip
        return 0
    way = choose(look())
    print(f"{way.reason}." + (f"\nTo use the GPU: {way.cure}" if way.cure else ""))
    return 0
