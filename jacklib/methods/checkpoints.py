"""Where every network's command finds its weights, which it refuses, and where results go."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path
from typing import Any

from jacklib.data.samples import samples_folder
from jacklib.errors import DataError, DiskError
from jacklib.weights.checkpoint import Checkpoint, naming, read_checkpoint


def own_weights(name: str, result_path: str | Path | None = None) -> Path | None:
    """The best weights of network `name`'s training here, if there has been one."""
    path = Path(result_path or f"results/{name}") / "best.pth"
    return path if path.is_file() else None


def shipped_weights(name: str) -> Path:
    """The classroom weights of network `name` that ship with JACK."""
    return samples_folder() / "weights" / f"{name.lower()}.safetensors"


def open_checkpoint(
    name: str, path: str | Path | None, result_path: str | Path | None = None
) -> Checkpoint:
    """The checkpoint that the options name, read once: `path`, else the best of a training whose
    results are in result_path, else of the last training here, else the weights that ship.

    Raises DataError if it is no file, or another network's.
    """
    asked = path is not None
    if not asked:
        path = own_weights(name, result_path) or own_weights(name) or shipped_weights(name)
    if not Path(path).is_file():
        raise DataError(
            "--checkpoint_path",
            found=f"no file {path}",
            wanted="trained weights",
            cure=f"Train first with `bash script/run.sh {name} main`.",
        )
    file = read_checkpoint(path)
    check_network(name, file.path, file.options)
    if not asked:
        print(f"weights: {path}")
    return file


def saved_config(kind: type, saved: Mapping[str, Any]) -> Any:
    """A network's config as a checkpoint's options have it."""
    names = {field.name for field in fields(kind)}
    return kind(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in saved.items() if k in names}
    )


def built_as(file: Checkpoint) -> AbstractContextManager[None]:
    """Around building a network as a checkpoint says: what does not fit names the file."""
    return naming(file.path)


def check_network(name: str, path: str | Path, saved: Mapping[str, Any]) -> None:
    """Raise DataError if a checkpoint's options say that it is another network's."""
    if saved.get("network", name) != name:
        raise DataError(
            str(path),
            found=f"weights of {saved['network']}",
            wanted=f"weights of {name}",
            cure=f"Use `bash script/run.sh {saved['network']}`, or another file.",
        )


def check_resumed(
    path: str | Path, saved: Mapping[str, Any], wanted: Mapping[str, Any], hint: str = ""
) -> None:
    """Raise DataError if a run was begun with other options than it is to go on with.

    saved: the options in the run's file; one that it does not have is not compared. hint: what else
    the cure says. Seed, batches and weights are `jacklib.training.loop.fit`'s to compare.
    """
    for name, value in wanted.items():
        have = saved.get(name, value)
        if _plain(have) != _plain(value):
            raise DataError(
                str(path),
                found=f"a run with {name} {have}",
                wanted=f"{name} {value}, as asked",
                cure="Resume with the options that the run was begun with" + hint + ".",
            )


def _plain(value: Any) -> Any:
    """A list as a tuple: with the same numbers in them they are the same option."""
    return tuple(value) if isinstance(value, list) else value


def result_folder(name: str, path: str | Path | None) -> Path:
    """Where network `name`'s results go; made if need be. Raises DiskError if it cannot be."""
    folder = Path(path or f"results/{name}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(error, folder) from error
    return folder
