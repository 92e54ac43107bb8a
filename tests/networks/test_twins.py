"""The PyTorch twins give the authors' golden numbers. (`porting compare` holds the Jittor networks
against the twins; their own tests hold them against the golden numbers.) Of what the paper of CTEN
has and the authors' code has not, there are no golden numbers: there the two stand side by side."""

import json
import os
import subprocess

import pytest
from support import ROOT
from support.tiny import TINY

from jacklib import networks
from jacklib.backend.torch_process import find_torch, process_environment
from jacklib.core.example_inputs import cten_passes
from jacklib.core.networks import network as table_of
from jacklib.networks import CTEN, CTENConfig, losses
from jacklib.porting import Reference, compare

NETWORKS = ("vaanet_ve8", "cten_ve8", "cten_visual_ve8", "tsl_t64", "tsl_t650", "bpm_gcn")


@pytest.mark.skipif(find_torch() is None, reason="needs PyTorch")
@pytest.mark.parametrize("network", NETWORKS)
def test_twin(network):
    environment = process_environment(JACKLIB_NO_JITTOR="1")
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    script = ROOT / "tests" / "torch_numbers" / "check_twins.py"
    done = subprocess.run(
        [find_torch(), script, network], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (found,) = json.loads(done.stdout).values()
    assert len(found) >= 2
    assert max(found.values()) < 1e-4, found


WAYS = {
    "tsl": [{"video_score": "paper"}],
    "gait": [
        {"graph": "fixed"},
        {"fusion": "paper"},
        {"pool": "max"},
        {"graph": "fixed", "fusion": "paper", "pool": "max"},
    ],
}


@pytest.mark.skipif(find_torch() is None, reason="needs PyTorch")
@pytest.mark.parametrize(
    ("key", "options"), [(key, options) for key, each in WAYS.items() for options in each]
)
def test_the_papers_ways_are_the_twins(key, options):
    """Outputs to 1e-5; gradients and one step as `porting compare` asks of the networks."""
    table = table_of(key)
    config = table.config(**TINY[key] | options)
    inputs, targets = table.passes(config, 4, 0, 24)[0]
    loss = f"{key}_loss"
    reference = Reference(
        f"jacklib.reference:{table.kind}", config, loss=f"jacklib.reference.losses:{loss}"
    )
    net = getattr(networks, table.kind)(config)
    found = compare(
        net, reference, inputs, loss=getattr(losses, loss), targets=targets, training=True
    )
    assert found.ok, str(found)
    (whole,) = (layer.output for layer in found.layers if not layer.name)
    assert whole < 1e-5, str(found)


@pytest.mark.skipif(find_torch() is None, reason="needs PyTorch")
@pytest.mark.parametrize(
    "ways",
    [{"shortcut": "paper"}, {"erase_sound": True}, {"shortcut": "paper", "erase_sound": True}],
)
def test_ctens_ways_are_the_same_in_both(ways):
    """Outputs to 1e-5, and gradients and a step as `porting compare` asks."""
    config = CTENConfig(**TINY["cten"], **ways, freeze_backbone=False)
    inputs, targets = cten_passes(config, 6, 2, 0)[0]
    twin = Reference("jacklib.reference:CTEN", config, loss="jacklib.reference.losses:cten_loss")
    found = compare(
        CTEN(config), twin, inputs, loss=losses.cten_loss, targets=targets, training=True, seed=2
    )
    assert found.ok, str(found)
    assert next(layer.output for layer in found.layers if layer.name == "") < 1e-5
    heads = {layer.name for layer in found.layers if layer.name.startswith("ta_net")}
    assert ("ta_net_a" in heads) == ("erase_sound" in ways)
