"""Where things lie: the checkout, Jittor's home, and what jacklib keeps there.

Standard library only, and `files`: this works where Jittor does not.
"""

import contextlib
import hashlib
import json
import os
import re
import shlex
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jacklib import files
from jacklib.errors import plain, said

ROOT = Path(__file__).resolve().parents[2]
JITTOR_VERSION = "1.3.11.0"
set_here: list[str] = []  # environment variables that this process did not come with


def digest(text: str, length: int = 10) -> str:
    """A name for what is made with these settings."""
    return hashlib.sha1(text.encode("utf-8", "surrogateescape")).hexdigest()[:length]


def from_here(path: str | os.PathLike) -> Path:
    """A path as lines on the screen name it: in full where the working folder is not the checkout,
    since `results/` is another place there."""
    return Path(path) if Path.cwd() == ROOT else Path(path).absolute()


def jittor_home() -> Path:
    """The folder in which Jittor keeps `.cache/jittor`: JITTOR_HOME, which Jittor remembers."""
    if os.environ.get("JITTOR_HOME"):
        return Path(os.environ["JITTOR_HOME"]).absolute()
    remembered = remembered_home()
    return remembered if remembered and remembered.is_dir() else home()


def home() -> Path:
    """The user's own folder."""
    try:
        return Path.home()
    except RuntimeError:  # no HOME, and a user without a name: `provide_home` says what to do
        return Path("/nonexistent")


def home_memory() -> Path:
    """Where Jittor writes down the last JITTOR_HOME."""
    return home() / ".cache" / "jittor" / "config.json"


def remembered_home() -> Path | None:
    """The last JITTOR_HOME; None where there is no memory, half a one, or one of somebody else's
    folder in place of `own_folder`."""
    try:
        remembered = Path(json.loads(home_memory().read_text())["JITTOR_HOME"])
        own = (folder for folder in (remembered, *remembered.parents) if folder.name == _OWN)
        return remembered if all(map(_is_ours, own)) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


_FOR_ALL = ("/var/tmp", "/tmp")  # the first outlives a restart
_OWN = f"jack-{os.getuid()}"
# Other letters than ASCII's reach Jittor's C++ rightly in UTF-8 alone.
_PLAIN = re.compile(r"[\w./+,:=@%-]+", 0 if sys.getfilesystemencoding() == "utf-8" else re.ASCII)


def _is_ours(folder: Path) -> bool:
    about = folder.lstat()  # of a link, itself
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o022


def own_folder(cure: str) -> Path:
    """A folder that only this user can write, in a place for all; RuntimeError(cure) without."""
    for folder in (Path(place, _OWN) for place in _FOR_ALL):
        with contextlib.suppress(OSError):
            folder.mkdir(0o700, exist_ok=True)
            if _is_ours(folder) and os.access(folder, os.W_OK):
                return folder
    raise RuntimeError(cure)


def plain_name(path: Path) -> Path:
    """The same folder by a name that a shell line may hold without quotes, by a link if need be:
    Jittor quotes few."""
    if _PLAIN.fullmatch(str(path)):
        return path
    own = own_folder(said("blank in a path", path=plain(path)))
    name = path.name if _PLAIN.fullmatch(path.name) else digest(path.name)
    link = own / digest(str(path.parent)) / name
    link.parent.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError):  # what has this name leads there
        link.symlink_to(path)
    return link


def real_name(path: Any, real: Callable = os.path.realpath, **how: Any) -> str:
    """`os.path.realpath`, which Jittor asks, but of what lies behind a `plain_name`."""
    return str(path) if f"/{_OWN}/" in str(path) else real(path, **how)


def cache_folder() -> Path:
    """jacklib's own cache: the python-config shim and the marks of finished first compiles."""
    return jittor_home() / ".cache" / "jacklib"


def cuda_folder() -> Path:
    """Where the changed copy of Jittor and the gathered CUDA toolkit are kept, see `cuda`."""
    return cache_folder() / "cuda"


def write_if_changed(path: Path, text: str, mode: int) -> None:
    """Write a file of ours, whole or not at all, unless it is there as it should be."""
    data = text.encode("utf-8", "surrogateescape")
    with contextlib.suppress(OSError):
        if path.read_bytes() == data:
            return
    with files.whole_file(path) as part:
        part.write_bytes(data)
        part.chmod(mode)


def text_of(name: str) -> str:
    """A text that lies beside this file."""
    return Path(__file__).with_name(name).read_text("utf-8")


def write_script(name: str, script: str, **words: str) -> Path:
    """Write a shell script of ours with these words replaced; its name has a digest of it."""
    for word, value in words.items():
        script = script.replace(word, shlex.quote(value))
    path = cache_folder() / f"{name}-{digest(script)}"
    write_if_changed(path, script, 0o755)
    return path


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


def onednn_folder() -> Path:
    """Where Jittor looks for oneDNN before it downloads it."""
    return jittor_home() / ".cache" / "jittor" / "mkl" / "dnnl_lnx_2.2.0_cpu_gomp"
