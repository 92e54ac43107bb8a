"""What every network's command does: find, refuse and build weights, hold the results' folder."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from jacklib.backend.folders import from_here
from jacklib.errors import DiskError, refuse_as
from jacklib.samples import samples_folder
from jacklib.training.runs import owned
from jacklib.weights.checkpoint import Checkpoint, read_checkpoint, read_options

OPTIONS = Path(__file__).with_name("options.yaml")  # of every phase, for `add_options`


def options_of(
    name: str, config: Any, schedule: Any, class_names: Sequence[str], **more: Any
) -> dict[str, Any]:
    """What the checkpoints of a training say of it, and a run that goes on must have the same: the
    network's config, the schedule but for its length, and more that decides how it goes (None: not
    to be said)."""
    options = asdict(config) | schedule._asdict() | {"network": name, "class_names": [*class_names]}
    options |= {key: value for key, value in more.items() if value is not None}
    return {key: options[key] for key in options if key not in ("n_epochs", "rates")}


def own_weights(name: str, result_path: str | Path | None = None) -> Path | None:
    """The best weights of network `name`'s training here, if there has been one."""
    path = from_here(result_path or f"results/{name}") / "best.pth"
    return path if path.is_file() else None


def shipped_weights(name: str) -> Path:
    """The classroom weights of network `name` that ship with JACK."""
    return samples_folder() / "weights" / f"{name.lower()}.safetensors"


def open_checkpoint(
    name: str, path: str | Path | None, result_path: str | Path | None = None
) -> Checkpoint:
    """The checkpoint that the options name, read once: `path`, else the best of a training whose
    results are in result_path, else of the last training here, else the weights that ship. Raises
    DataError if it is no file, or another network's."""
    asked = path is not None
    if not asked:
        path = own_weights(name, result_path) or own_weights(name) or shipped_weights(name)
    refuse_as("no checkpoint", not Path(path).is_file(), "--checkpoint_path", path=path, name=name)
    file = read_checkpoint(path)
    check_network(name, file.path, file.options)
    if not asked:
        print(f"weights: {from_here(path)}")
    return file


def config_of(kind: type, file: Checkpoint, settings: str, **given: Any) -> Any:
    """A network's config as a checkpoint has it, or the settings where it does not say; given:
    what is to be different."""
    names = {field.name for field in fields(kind)}
    saved = {name: _plain(value) for name, value in file.options.items() if name in names}
    config = kind(**saved) if file.options else getattr(kind, settings)()
    return replace(config, **given)


def check_network(name: str, path: str | Path, saved: Mapping[str, Any]) -> None:
    """Raise DataError if a checkpoint's options say that it is another network's."""
    of = saved.get("network", name)
    refuse_as("weights of another network", of != name, str(path), of=of, name=name)


def check_given(name: str, *paths: str | None) -> None:
    """`check_network`, before any work, of the files among `paths`, which options name."""
    for path in paths:
        if path and Path(path).is_file():
            check_network(name, path, read_options(path))


def _plain(value: Any) -> Any:
    """A list as a tuple: with the same numbers in them they are the same option."""
    return tuple(value) if isinstance(value, list) else value


def result_folder(name: str, path: str | Path | None) -> Path:
    """Where network `name`'s results go; made if need be. Raises DiskError if it cannot be."""
    folder = from_here(path or f"results/{name}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(error, folder) from error
    return folder


@contextmanager
def training_folder(name: str, path: str | Path | None) -> Iterator[Path]:
    """`result_folder`, held for a training (see `owned`)."""
    folder = result_folder(name, path)
    with owned(folder, name):
        yield folder
