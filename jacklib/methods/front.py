"""The front door: `load` a network with its weights, and let it `predict`.

model = load("vaanet")             the classroom weights that ship
model = load("results/CTEN/best.pth")
model = load("released.pth", network="cten", settings="paper", n_classes=8)
answer = model.predict("film.mp4")
"""

import difflib
import os
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

from jacklib.backend.folders import ROOT
from jacklib.core.networks import network as network_of
from jacklib.errors import refuse, refuse_as, shown
from jacklib.files import typed
from jacklib.methods import cten, gait, tsl, vaanet
from jacklib.methods.answer import Model
from jacklib.methods.checkpoints import check_network, own_weights, shipped_weights
from jacklib.weights.checkpoint import read_checkpoint

METHODS: dict[str, ModuleType] = {"vaanet": vaanet, "cten": cten, "tsl": tsl, "gait": gait}
# The sample data that each one's classroom training takes, as `Model.trained_on` has it.
CLASSROOM_DATA = {
    "vaanet": "rendered", "cten": "rendered", "tsl": "untrimmed_rendered", "gait": "styled"
}  # fmt: skip
# Other spellings of their names, without case and signs.
ALIASES = {"tslnet": "tsl", "bpmgcn": "gait"}


def network_key(name: str, where: str = "network") -> str:
    """ "VAANet", "TSL-Net", "bpm_gcn" -> "vaanet", "tsl", "gait". Raises DataError for others."""
    key = "".join(letter for letter in str(name).lower() if letter.isalnum())
    key = ALIASES.get(key, key)
    near = difflib.get_close_matches(key, METHODS, 1)
    refuse(key not in METHODS, where, found=shown(name), wanted=f"one of {', '.join(METHODS)}",
           cure=f"Did you mean {near[0]!r}?" if near else "Correct the name.")  # fmt: skip
    return key


def default_weights(network: str, result_path: str | os.PathLike | None = None) -> Path:
    """Your own training's best weights if there are any (`results/NAME/best.pth`), else those that
    ship. result_path: where your training's results are."""
    method = METHODS[network_key(network)]
    return own_weights(method.NAME, result_path) or shipped_weights(method.NAME)


def load(
    source: str | os.PathLike, *, network: str | None = None, settings: str | None = None,
    n_classes: int | None = None, **sizes: Any,
) -> Model:  # fmt: skip
    """A network ready to answer.

    source: "vaanet", "cten", "tsl" or "gait" for the classroom weights that ship; else a .pth or
    .safetensors file; a relative path that is not there is looked for in the checkout, as notebooks
    run in a folder of it. Files that JACK wrote say what they are. For others name the network, its
    settings ("paper" or "classroom"; default: paper), its n_classes and what else of its config
    differs. Raises DataError if the file is none, or another network's.
    """
    if isinstance(source, str) and os.sep not in source and "." not in source:
        network = network_key(source)
        source = shipped_weights(METHODS[network].NAME)
    path = typed(source)
    if not os.path.lexists(path) and os.path.isfile(ROOT / path):
        path = ROOT / path
    file = read_checkpoint(path)
    said = file.options.get("network")
    refuse_as("nameless weights", network is None and said is None, file.path)
    key = network_key(network) if network else network_key(said, f"{file.path}, option network")
    if said is not None:
        check_network(METHODS[key].NAME, file.path, file.options)
    refuse(settings not in (None, "paper", "classroom"), "settings", found=shown(settings),
           wanted="paper or classroom", cure="Correct the name.")  # fmt: skip
    known = [field.name for field in fields(network_of(key).config)]
    for name in sizes:
        refuse_as("unknown option", name not in known, name, known=", ".join(known))
    given = {"settings": settings, "n_classes": n_classes, **sizes}
    given = {name: value for name, value in given.items() if value is not None}
    return METHODS[key].load(file, **given)
