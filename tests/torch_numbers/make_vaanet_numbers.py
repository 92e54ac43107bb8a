"""Write vaanet_small.npz: the PyTorch twin's numbers for small networks of several shapes.

The golden numbers of the authors' code cover the paper's settings alone. The twin
(jacklib/reference) meets them too, and here says what other class counts, segment numbers, batch
sizes and map sizes should give. Run it with a Python that has PyTorch:

    JACKLIB_NO_JITTOR=1 python tests/torch_numbers/make_vaanet_numbers.py

Weights come from `golden_numbers.weight`, inputs from each case's seed. Roles, by case: eval_*
(outputs in evaluation mode), losses (PCCE of three Adam steps, lr 2e-4), norms (gradient norms of
the first step, in the order of "keys"), buffers (sums of every running statistic after it), and
rounding: how far losses and norms are from the same run in float64 (losses largest relative
difference, norms relative to the largest). Adam's first steps magnify rounding where a gradient is
nearly 0, so no test can ask for less.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["JACKLIB_NO_JITTOR"] = "1"
sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from golden_numbers import weight  # noqa: E402

from jacklib.reference import VAANet, pcce  # noqa: E402

SMALL = {"blocks": (1, 1, 1), "width": 8, "audio_width": 8, "embed_size": 32}
CASES = {
    "two_classes_frozen": (
        2,
        {"n_classes": 2, "seq_len": 3, "snippet_duration": 8, "sample_size": 32,
         "audio_embed_size": 16, "audio_n_segments": 2, "freeze_backbone": True, **SMALL},
    ),
    "six_classes_trained": (
        3,
        {"n_classes": 6, "seq_len": 5, "snippet_duration": 8, "sample_size": 48,
         "audio_embed_size": 24, "audio_n_segments": 3, "freeze_backbone": False, **SMALL},
    ),
    "one_video_odd_sizes": (
        1,
        {"n_classes": 8, "seq_len": 7, "snippet_duration": 5, "sample_size": 50,
         "audio_embed_size": 16, "audio_n_segments": 2, "freeze_backbone": False, **SMALL},
    ),
    "four_stages": (
        2,
        {"n_classes": 7, "seq_len": 6, "snippet_duration": 16, "sample_size": 64,
         "audio_embed_size": 16, "audio_n_segments": 2, "freeze_backbone": False, **SMALL,
         "blocks": (1, 2, 1, 1)},
    ),
}  # fmt: skip


def numbers(
    seed: int, batch: int, config: dict, dtype: torch.dtype = torch.float32
) -> dict[str, np.ndarray]:
    """One case's arrays, inputs left out: any framework rebuilds them from the seed."""
    net = VAANet(**config)
    state = {key: torch.from_numpy(weight(key, v.shape)) for key, v in net.state_dict().items()}
    net.load_state_dict(state)
    net.to(dtype)
    rng = np.random.default_rng(seed)
    size = config["sample_size"]
    shape = (batch, config["seq_len"], 3, config["snippet_duration"], size, size)
    visual = torch.from_numpy(rng.integers(0, 256, shape).astype(np.float32)).to(dtype)
    shape = (batch, 256 * config["audio_n_segments"], 32)
    audio = torch.from_numpy((rng.standard_normal(shape) * 20).astype(np.float32)).to(dtype)
    target = torch.from_numpy(rng.integers(0, config["n_classes"], batch))
    positive = [c for c in (1, 4, 6, 7) if c < config["n_classes"]]

    net.eval()
    with torch.no_grad():
        out = net(visual, audio)
    result = {f"eval_{name}": value.numpy() for name, value in out._asdict().items()}
    net.train()
    trained = {k: p for k, p in net.named_parameters() if p.requires_grad}
    optimizer = torch.optim.Adam(trained.values(), lr=2e-4)
    losses = []
    for step in range(3):
        optimizer.zero_grad()
        loss = pcce(net(visual, audio).logits, target, positive=positive)
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            norms = {k: float(p.grad.double().norm()) for k, p in trained.items() if k[:3] != "fc."}
            buffers = [
                float(v.double().sum()) for k, v in net.state_dict().items() if "running" in k
            ]
        optimizer.step()
    return result | {
        "losses": np.float64(losses),
        "norms": np.float64(list(norms.values())),
        "keys": np.array(json.dumps(list(norms))),
        "buffers": np.float64(buffers),
        "target": target.numpy(),
    }


def main() -> None:
    """Write the file beside this one."""
    arrays, index = {}, []
    for seed, (name, (batch, config)) in enumerate(CASES.items(), start=400):
        index.append({"case": name, "seed": seed, "batch": batch, "config": config})
        found, exact = (
            numbers(seed, batch, config, dtype) for dtype in (torch.float32, torch.float64)
        )
        found["rounding"] = np.float64(
            [
                np.abs(found["losses"] / exact["losses"] - 1).max(),
                np.abs(found["norms"] - exact["norms"]).max() / exact["norms"].max(),
            ]
        )
        print(name, found["rounding"])
        arrays |= {f"{name}/{k}": v for k, v in found.items()}
    path = Path(__file__).with_name("vaanet_small.npz")
    np.savez_compressed(path, index=np.array(json.dumps(index)), **arrays)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
