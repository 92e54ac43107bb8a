"""Long runs need no more memory than short ones: 500 steps of each network, and of the loop."""

import gc
import json
import os
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support import ROOT
from support.tiny import TINY

from jacklib.weights.torch_files import write_torch_file

STEPS = 500
LONGEST_FIRST = ("cten", "gait", "vaanet", "tsl", "loop")
GROWTH = {"tsl": 1.01}  # at most, from the first 50 steps to the last; others 1.05

# One process for each network, whose memory nothing else uses.
TRAIN = """
import json, sys
import jacklib, jittor as jt
from jacklib.measure.jittor_session import JittorSession
from jacklib.measure.protocol import memory

network, config, steps = json.loads(sys.argv[1])
session, used = JittorSession(), []
session.load(network, config, batch=2, seed=0, clips=8)
for _ in range(steps):
    session.train()
    used.append((memory()["rss"], jt.number_of_lived_vars()))
print(json.dumps(used))
"""

# The training loop with its logs and checkpoints (of 1.2 MB each: those that stayed would be seen):
# 20 epochs of 25 steps, on ready-made batches.
LOOP = """
import json, sys, tempfile
import jacklib, jittor as jt, numpy as np
from jacklib.measure.protocol import memory
from jacklib.data.video import Batch
from jacklib.ops import Adam, cross_entropy
from jacklib.training.loop import fit
from jacklib.training.runs import Run

steps, used = json.loads(sys.argv[1])[2], []
net = jt.nn.Sequential(jt.nn.Linear(200, 500), jt.nn.ReLU(), jt.nn.Linear(500, 3))
x = np.random.default_rng(0).standard_normal((64, 200)).astype(np.float32)
label = (np.arange(64) % 3).astype(np.int32)

def batches(epoch, start):
    for _ in range(start, 25):
        yield Batch(x, None, label, ["a clip"] * 64, np.arange(64))

def step_loss(batch):
    logits = net(jt.array(batch.visual))
    yield cross_entropy(logits, jt.array(batch.label)), logits, batch.label
    used.append((memory()["rss"], jt.number_of_lived_vars()))

with tempfile.TemporaryDirectory() as folder:
    fit(net, Adam(net.parameters(), lr=0.001), Run(folder, show=False), step_loss=step_loss,
        batches=batches, n_batches=25, n_epochs=steps // 25,
        evaluate=lambda: {"val_accuracy": 0.0})
print(json.dumps(used))
"""


@pytest.fixture(scope="module")
def runs():
    """What each process printed, by network: two at a time, since each keeps one core busy."""

    def run(network: str) -> subprocess.CompletedProcess:
        code = LOOP if network == "loop" else TRAIN
        return subprocess.run(
            [sys.executable, "-c", code, json.dumps([network, TINY.get(network), STEPS])],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=900,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    with ThreadPoolExecutor(2) as pool:
        found = {name: pool.submit(run, name) for name in LONGEST_FIRST}
        yield found


@pytest.mark.parametrize("network", LONGEST_FIRST)
def test_memory_is_flat(runs, network):
    result = runs[network].result()
    assert result.returncode == 0, result.stderr[-2000:]
    used = json.loads(result.stdout.splitlines()[-1])
    assert len(used) == STEPS
    early, late = max(used[:50]), max(used[-50:])
    assert late[0] <= GROWTH.get(network, 1.05) * early[0]
    assert len({variables for _, variables in used[5:]}) <= 2  # Vars that stay would add up


def test_a_checkpoint_s_arrays_go_when_it_is_written(tmp_path):
    """Python's collector of cycles comes by after hundreds of steps only: until then a training
    would grow by all weights and moments for each checkpoint."""
    kept = np.zeros(5).view(type("Array", (np.ndarray,), {}))
    gone = weakref.ref(kept)
    gc.disable()
    try:
        write_torch_file(tmp_path / "last.pth", {"state": [{"m": kept}], "sums": (1, kept)})
        del kept
        assert gone() is None
    finally:
        gc.enable()
