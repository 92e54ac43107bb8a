"""Where every network's command finds its weights and puts its results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import DataError


def checkpoint_of(name: str, path: str | Path | None) -> Path:
    """The checkpoint that the options name, or the best of network `name`'s last training."""
    path = Path(path or f"results/{name}/best.pth")
    if not path.is_file():
        raise DataError(
            "--checkpoint_path",
            found=f"no file {path}",
            wanted="trained weights",
            cure=f"Train first with `bash script/run.sh {name} main`.",
        )
    return path


def check_network(name: str, path: str | Path, saved: Mapping[str, Any]) -> None:
    """Raise DataError where a checkpoint's options say that it is another network's."""
    if saved.get("network", name) != name:
        raise DataError(
            str(path),
            found=f"weights of {saved['network']}",
            wanted=f"weights of {name}",
            cure=f"Use `bash script/run.sh {saved['network']}`, or another file.",
        )


def result_folder(name: str, path: str | Path | None) -> Path:
    """Where network `name`'s results go; made if need be."""
    folder = Path(path or f"results/{name}")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
