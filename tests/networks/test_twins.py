"""The PyTorch twins give the authors' golden numbers. (`porting compare` holds the Jittor networks
against the twins; their own tests hold them against the golden numbers.)"""

import json
import os
import subprocess

import pytest
from support import ROOT

from jacklib.backend.torch_process import find_torch, process_environment

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
