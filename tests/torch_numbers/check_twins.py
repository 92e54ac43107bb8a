"""The PyTorch twins against the authors' golden numbers, in evaluation mode: prints JSON.

    JACKLIB_NO_JITTOR=1 PYTHONPATH=.:tests python tests/torch_numbers/check_twins.py [NETWORK ...]

{network: {output: largest difference, relative to the largest number}}. NETWORK: vaanet_ve8,
cten_ve8, cten_visual_ve8 (a minute each), tsl_t64, tsl_t650, bpm_gcn; none: all.
"""

import importlib
import json
import sys

import numpy as np
import torch

numbers = importlib.import_module("jacklib.measure.golden_numbers")
configs = importlib.import_module("jacklib.core.configs")
reference = importlib.import_module("jacklib.reference")

# network: its twin, the arguments, and its output for each golden array
CASES = {
    "vaanet_ve8": ("VAANet", ("visual", "audio"), {f"eval_{n}": n for n in
                   ("logits", "alpha", "beta", "gamma")}),
    "cten_ve8": ("CTEN", ("visual", "audio"), {"eval_logits": "logits", "eval_gamma": "gamma"}),
    "cten_visual_ve8": ("CTENVisual", ("visual",), {"eval_logits": "logits",
                        "eval_gamma": "gamma"}),
    "tsl_t64": ("TSLNet", ("rgb", "logmel"), {"eval_vid_score": "video_score",
                "eval_cas": "scores"}),
    "tsl_t650": ("TSLNet", ("rgb", "logmel"), {"eval_vid_score": "video_score",
                 "eval_cas": "scores"}),
    "bpm_gcn": ("BPMGCN", ("posture", "movement"), {"eval_posture": "posture_logits",
                "eval_movement": "movement_logits"}),
}  # fmt: skip


def check(network: str) -> dict[str, float]:
    """The differences of one network's outputs."""
    twin, inputs, outputs = CASES[network]
    config = getattr(configs, f"{twin.removesuffix('Visual')}Config")
    golden = numbers.Golden(network)
    net = getattr(reference, twin)(config(**(golden.facts.get("config") or {})))
    state = {k: torch.from_numpy(np.asarray(v)) for k, v in golden.state().items()}
    own = net.state_dict()
    missing = set(own) - set(state)
    assert all(k.endswith("num_batches_tracked") or k.endswith(".A") for k in missing), missing
    net.load_state_dict({k: v.reshape(own[k].shape) for k, v in state.items()}, strict=False)
    net.eval()
    with torch.no_grad():
        found = net(*(torch.from_numpy(golden.input(name)) for name in inputs))
    differences = {}
    for array, name in outputs.items():
        theirs = golden.arrays[array]
        ours = getattr(found, name).numpy().reshape(theirs.shape)
        differences[name] = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    return differences


print(json.dumps({network: check(network) for network in sys.argv[1:] or CASES}))
