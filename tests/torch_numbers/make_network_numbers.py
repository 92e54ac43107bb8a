"""Write vaanet_small.npz, cten_small.npz, tsl_small.npz and bpm_gcn_small.npz: the PyTorch twins'
numbers for small networks; and i3d.json.

The golden numbers of the authors' code cover the paper's settings alone. The twins
(jacklib/reference) meet them too, and here say what other class counts, segment numbers, batch
sizes and map sizes should give. Run it with a Python that has PyTorch:

    JACKLIB_NO_JITTOR=1 python tests/torch_numbers/make_network_numbers.py [NETWORK ...]

NETWORK is vaanet, cten, tsl, bpm_gcn or i3d; all of them without one.

Weights come from `golden_numbers.weight`, inputs from each case's seed. Roles, by case: eval_*
(outputs in evaluation mode), losses (of three Adam steps, lr 2e-4), norms (gradient norms of
the first step, in the order of "keys"), buffers (sums of every running statistic after it), and
rounding: how far losses and norms are from the same run in float64 (losses largest relative
difference, norms relative to the largest). Adam's first steps magnify rounding where a gradient is
nearly 0, so no test can ask for less. TSL-Net's inputs are `golden_inputs.tsl_inputs`, and it has
besides labelled_* (outputs in evaluation mode with labels), terms (of the loss then, in the order
of TSL_TERMS), and, of no case, positions (where clips 4990 to 4999 are). BPM-GCN's inputs are
`golden_inputs.bpm_gcn_inputs`; its terms are in the order of BPM_GCN_TERMS, and it has besides, in
evaluation mode, graphs, joints and times (every 37th number of all units' and fusions' attention).

i3d.json has I3D's state-dict names with their shapes under "keys", and by case what
`golden_inputs.summary` keeps of every layer's output in evaluation mode, with `i3d_weight` and
`i3d_frames`; rounding: each layer's largest distance from float64, relative to its largest value.

`float64` as an argument (minutes) writes cten_float64.json instead: losses and gradient norms that
the twin gives in float64 for the golden weights and inputs, that is, where the golden float32
numbers themselves end.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from unittest.mock import patch

os.environ["JACKLIB_NO_JITTOR"] = "1"
sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from i3d_twin import END_POINTS, I3D  # noqa: E402
from support.golden_inputs import bpm_gcn_inputs, i3d_frames, i3d_weight, summary, tsl_inputs  # noqa: E402

from jacklib.core.configs import BPMGCNConfig, CTENConfig, TSLNetConfig, VAANetConfig  # noqa: E402
from jacklib.measure.golden_numbers import Golden, weight  # noqa: E402
from jacklib.reference import BPMGCN, CTEN, CTENVisual, TSLLoss, TSLNet, VAANet, bpm_gcn_loss, pcce  # noqa: E402
from jacklib.reference.tsl_net import clip_positions  # noqa: E402

SMALL = {"blocks": (1, 1, 1), "width": 8, "audio_width": 8, "embed_size": 32}
VAANET_CASES = {
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


CTEN_SMALL = {"blocks": (1, 1, 1), "width": 8, "inner_size": 16, "dropout": 0.0}
CTEN_SOUND = {"audio_embed_size": 128, "audio_width": 8}
CTEN_CASES = {
    "six_classes_trained": (
        3,
        {"n_classes": 6, "seq_len": 5, "audio_n_segments": 5, "audio_time": 40, "n_heads": 4,
         "snippet_duration": 8, "sample_size": 48, "freeze_backbone": False,
         **CTEN_SMALL, **CTEN_SOUND},
    ),
    "ten_segments_frozen": (
        2,
        {"n_classes": 8, "seq_len": 10, "audio_n_segments": 10, "audio_time": 100, "n_heads": 8,
         "snippet_duration": 8, "sample_size": 32, "freeze_backbone": True,
         **CTEN_SMALL, **CTEN_SOUND},
    ),
    "stored_statistics_one_video": (
        1,
        {"n_classes": 3, "seq_len": 7, "audio_n_segments": 7, "audio_time": 33, "n_heads": 2,
         "snippet_duration": 5, "sample_size": 50, "freeze_backbone": True,
         "stored_statistics": True, **CTEN_SMALL, **CTEN_SOUND},
    ),
    "visual_only": (
        2,
        {"n_classes": 6, "seq_len": 12, "snippet_duration": 8, "sample_size": 32,
         "freeze_backbone": False, **CTEN_SMALL},
    ),
    "the_papers_ways": (
        3,
        {"n_classes": 6, "seq_len": 8, "audio_n_segments": 8, "audio_time": 40, "n_heads": 4,
         "snippet_duration": 8, "sample_size": 32, "freeze_backbone": False,
         "shortcut": "paper", "erase_sound": True, **CTEN_SMALL, **CTEN_SOUND},
    ),
}  # fmt: skip
TSL_SMALL = {"len_feature": 32, "neck_size": 24, "rgb_size": 20, "dropout": 0.0}
TSL_CASES = {
    "odd_length": {
        "videos": 1, "clips": 23, "points": 3, "loss": {},
        "network": {"num_classes": 2, "r_act": 8, **TSL_SMALL},
    },
    "eight_clips_one_point_papers_sign": {
        "videos": 1, "clips": 8, "points": 1,
        "loss": {"lambdas": (1, 0.5, 0.25, 0.125), "reverse_sign": "paper"},
        "network": {"num_classes": 2, "r_act": 8, **TSL_SMALL},
    },
    "three_classes_two_videos": {
        "videos": 2, "clips": 17, "points": 4, "loss": {},
        "network": {"num_classes": 3, "r_act": 5, **TSL_SMALL, "neck_size": 40},
    },
    "second_chunk_of_one_clip": {
        "videos": 1, "clips": 601, "points": 5, "loss": {},
        "network": {"num_classes": 2, "r_act": 8, **TSL_SMALL},
    },
    "picture_only": {
        "videos": 1, "clips": 41, "points": 2, "loss": {},
        "network": {"num_classes": 2, "r_act": 8, **TSL_SMALL, "modality": "rgb"},
    },
    "sound_only": {
        "videos": 1, "clips": 13, "points": 2, "loss": {},
        "network": {"num_classes": 2, "r_act": 8, **TSL_SMALL, "modality": "logmfcc"},
    },
}  # fmt: skip
TSL_TERMS = ("distribution", "frame", "background", "action", "reverse_mapping", "total",
             "action_clips", "background_clips")  # fmt: skip
BPM_GCN_CASES = {
    "odd_frames_one_gait": {
        "gaits": 1, "loss": {},
        "network": {"n_classes": 4, "n_features": 31, "frames": 27, "widths": (8, 16, 32),
                    "embed": 4},
    },
    "three_classes_uneven_widths": {
        "gaits": 5, "loss": {"weight": 0.5, "affective_weight": 2.0},
        "network": {"n_classes": 3, "n_features": 5, "frames": 10, "widths": (20, 12, 68),
                    "embed": 2},
    },
    "two_frames": {
        "gaits": 3, "loss": {"affective_weight": 0.0},
        "network": {"n_classes": 2, "n_features": 1, "frames": 2, "widths": (6, 12, 18),
                    "embed": 3},
    },
    "classroom": {
        "gaits": 4, "loss": {},
        "network": {"n_classes": 4, "n_features": 31, "frames": 48, "widths": (16, 32, 64),
                    "embed": 4},
    },
}  # fmt: skip
BPM_GCN_TERMS = ("posture", "movement", "affective", "total")
NETWORKS = {
    "vaanet": (400, VAANET_CASES, (256, 32), 0.0),  # first seed, cases, sound a segment, decay
    "cten": (500, CTEN_CASES, (0, 128), 5e-4),
    "tsl": (600, TSL_CASES, (32, 60), 5e-4),
    "bpm_gcn": (800, BPM_GCN_CASES, None, 1e-3),
}

# Seed, frames, classes. Each layer of stride 2 pads even and odd sizes differently. The released
# clips meet it with even sizes but for the last pool's; of the others 17, 9 and 5 frames and 199,
# 97, 49, 25 and 13 pixels are odd, and there are two features.
I3D_CASES = {
    "released": (700, (1, 3, 16, 224, 224), 400),
    "odd_sizes": (701, (1, 3, 17, 199, 194), 6),
}


# The twins cast inputs to float32, which these are but where float64 is asked for.
as_given = patch.object(torch.Tensor, "float", lambda x: x)


@as_given
def numbers(
    network: str, seed: int, batch: int, config: dict, dtype: torch.dtype = torch.float32
) -> dict[str, np.ndarray]:
    """One case's arrays, inputs left out: any framework rebuilds them from the seed."""
    _, _, (frames, coefficients), weight_decay = NETWORKS[network]
    sound = "audio_n_segments" in config
    if network == "vaanet":
        net = VAANet(VAANetConfig(**config))
    else:
        net = (CTEN if sound else CTENVisual)(CTENConfig(**config))
    state = {key: torch.from_numpy(weight(key, v.shape)) for key, v in net.state_dict().items()}
    net.load_state_dict(state)
    net.to(dtype)
    rng = np.random.default_rng(seed)
    size = config["sample_size"]
    shape = (batch, config["seq_len"], 3, config["snippet_duration"], size, size)
    inputs = [torch.from_numpy(rng.integers(0, 256, shape).astype(np.float32)).to(dtype)]
    if sound:
        shape = (batch, config.get("audio_time", frames) * config["audio_n_segments"], coefficients)
        audio = (rng.standard_normal(shape) * 20).astype(np.float32)
        inputs.append(torch.from_numpy(audio).to(dtype))
    target = torch.from_numpy(rng.integers(0, config["n_classes"], batch))
    positive = [c for c in (1, 4, 6, 7) if c < config["n_classes"]]

    net.eval()
    with torch.no_grad():
        out = net(*inputs)
    result = {f"eval_{k}": v.numpy() for k, v in out._asdict().items() if v is not None}
    net.train()

    def loss_of() -> torch.Tensor:
        logits = net(*inputs).logits
        if network == "vaanet":
            return pcce(logits, target, positive=positive)
        return torch.nn.functional.cross_entropy(logits, target)

    result |= three_steps(net, loss_of, weight_decay, net.parameters())
    return result | {"target": target.numpy()}


def tsl_numbers(seed: int, case: dict, dtype: torch.dtype = torch.float32) -> dict[str, np.ndarray]:
    """One case's arrays, as `numbers`."""
    net = TSLNet(TSLNetConfig(**case["network"]))
    state = {key: torch.from_numpy(weight(key, v.shape)) for key, v in net.state_dict().items()}
    net.load_state_dict(state)
    net.to(dtype)
    given = {k: torch.from_numpy(v).to(dtype) for k, v in tsl_inputs(seed, case).items()}
    inputs = given["rgb"], given["logmel"]
    about = given["labels"], given["label_distribution"], given["points"]
    criterion = TSLLoss(**case["loss"])

    net.eval()
    with torch.no_grad():
        out, labelled = net(*inputs), net(*inputs, given["labels"])
        terms = criterion(labelled, *about)
    result = {f"eval_{k}": v.numpy() for k, v in out._asdict().items() if v is not None}
    for name in ("video_score", "distribution", "video_distribution", "reverse_mapping"):
        result[f"labelled_{name}"] = getattr(labelled, name).numpy()
    result["terms"] = np.float64([float(terms[name]) for name in TSL_TERMS])
    net.train()

    def loss_of() -> torch.Tensor:
        return criterion(net(*inputs, given["labels"]), *about)["total"]

    return result | three_steps(net, loss_of, 5e-4, net.parameter_groups(1e-4))


def bpm_gcn_numbers(
    seed: int, case: dict, dtype: torch.dtype = torch.float32
) -> dict[str, np.ndarray]:
    """One case's arrays, as `numbers`."""
    net = BPMGCN(BPMGCNConfig(**case["network"]))
    state = {key: torch.from_numpy(weight(key, v.shape)) for key, v in net.state_dict().items()}
    net.load_state_dict(state)
    net.to(dtype)
    given = {k: torch.from_numpy(v) for k, v in bpm_gcn_inputs(seed, case).items()}
    inputs = given["posture"].to(dtype), given["movement"].to(dtype)
    about = given["labels"], given["affective_target"].to(dtype)

    net.eval()
    with torch.no_grad():
        seen = net.inspect(*inputs)
        terms = bpm_gcn_loss(seen.output, *about, **case["loss"])
    result = {f"eval_{k}": v.numpy() for k, v in seen.output._asdict().items()}
    for kind in ("graphs", "joints", "times"):
        both = getattr(seen, f"posture_{kind}") + getattr(seen, f"movement_{kind}")
        result[kind] = np.concatenate([v.numpy().ravel() for v in both])[::37]
    result["terms"] = np.float64([float(terms[name]) for name in BPM_GCN_TERMS])
    net.train()

    def loss_of() -> torch.Tensor:
        return bpm_gcn_loss(net(*inputs), *about, **case["loss"])["total"]

    return result | three_steps(net, loss_of, 1e-3, net.parameters())


def three_steps(net, loss_of, weight_decay: float, parameters) -> dict[str, np.ndarray]:
    """losses, norms, keys and buffers of three Adam steps."""
    # What the loss does not depend on (VAANet's fc) has no gradient.
    trained = {k: p for k, p in net.named_parameters() if p.requires_grad}
    optimizer = torch.optim.Adam(parameters, lr=2e-4, weight_decay=weight_decay)
    losses = []
    for step in range(3):
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            norms = {
                k: float(p.grad.double().norm()) for k, p in trained.items() if p.grad is not None
            }
            buffers = [
                float(v.double().sum()) for k, v in net.state_dict().items() if "running" in k
            ]
        optimizer.step()
    return {
        "losses": np.float64(losses),
        "norms": np.float64(list(norms.values())),
        "keys": np.array(json.dumps(list(norms))),
        "buffers": np.float64(buffers),
    }


def main(networks: list[str]) -> None:
    """Write the files beside this one."""
    for network in networks:
        if network == "i3d":
            i3d_numbers()
            continue
        first, cases, _, _ = NETWORKS[network]
        arrays, index = {}, []
        for seed, (name, case) in enumerate(cases.items(), start=first):
            if network in ("tsl", "bpm_gcn"):
                index.append({"case": name, "seed": seed, **case})
                run = partial(tsl_numbers if network == "tsl" else bpm_gcn_numbers, seed, case)
            else:
                batch, config = case
                index.append({"case": name, "seed": seed, "batch": batch, "config": config})
                run = partial(numbers, network, seed, batch, config)
            found, exact = run(torch.float32), run(torch.float64)
            found["rounding"] = np.float64(
                [
                    np.abs(found["losses"] / exact["losses"] - 1).max(),
                    np.abs(found["norms"] - exact["norms"]).max() / exact["norms"].max(),
                ]
            )
            print(network, name, found["rounding"])
            arrays |= {f"{name}/{k}": v for k, v in found.items()}
        if network == "tsl":
            arrays["positions"] = clip_positions(5000, 60)[4990:].numpy()
        path = Path(__file__).with_name(f"{network}_small.npz")
        np.savez_compressed(path, index=np.array(json.dumps(index)), **arrays)
        print(f"{path}: {path.stat().st_size} bytes")


def i3d_layers(net: I3D, frames: torch.Tensor) -> dict[str, np.ndarray]:
    """Every layer's output, then the network's."""
    found = {}
    with torch.no_grad():
        x = frames / 127.5 - 1
        for name in END_POINTS:
            x = getattr(net, name)(x)
            found[name] = x.numpy()
        return found | {k: v.numpy() for k, v in net(frames)._asdict().items()}


def i3d_numbers() -> None:
    """Write i3d.json beside this file."""
    cases = {}
    for case, (seed, shape, n_classes) in I3D_CASES.items():
        net = I3D(n_classes=n_classes).eval()
        state = {k: torch.from_numpy(i3d_weight(k, v.shape)) for k, v in net.state_dict().items()}
        net.load_state_dict(state)
        frames = torch.from_numpy(i3d_frames(seed, shape))
        found, exact = i3d_layers(net, frames.float()), i3d_layers(net.double(), frames.double())
        cases[case] = {
            "seed": seed, "shape": shape, "n_classes": n_classes,
            "layers": {name: summary(name, array) for name, array in found.items()},
            "rounding": {
                name: float(np.abs(array - exact[name]).max() / np.abs(exact[name]).max())
                for name, array in found.items()
            },
        }  # fmt: skip
        print("i3d", case, cases[case]["rounding"])
    keys = {key: list(value.shape) for key, value in I3D().state_dict().items()}
    path = Path(__file__).with_name("i3d.json")
    path.write_text(json.dumps({"keys": keys, "cases": cases}) + "\n")
    print(f"{path}: {path.stat().st_size} bytes")


@as_given
def exact_golden() -> None:
    """Write cten_float64.json beside this file."""
    found = {}
    for name, kind in (("cten_ve8", CTEN), ("cten_visual_ve8", CTENVisual)):
        golden = Golden(name)
        net = kind(CTENConfig(**golden.facts["config"], dropout=0.0))
        net.load_state_dict({k: torch.from_numpy(v) for k, v in golden.state().items()})
        net.double().train()
        inputs = [golden.input(n) for n in ("visual", "audio") if golden.facts[n]]
        inputs = [torch.from_numpy(array).double() for array in inputs]
        target = torch.tensor(golden.facts["target"])
        trained = {k: p for k, p in net.named_parameters() if p.requires_grad}
        optimizer = torch.optim.Adam(trained.values(), lr=2e-4, weight_decay=5e-4)
        losses, norms = [], {}
        for _ in range(3):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(*inputs).logits, target)
            loss.backward()
            losses.append(loss.item())
            norms = norms or {k: float(p.grad.norm()) for k, p in trained.items()}
            optimizer.step()
        found[name] = {"losses": losses, "grad_norm_step1": norms}
        print(name, losses, golden.arrays["train_losses"])
    path = Path(__file__).with_name("cten_float64.json")
    path.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    if sys.argv[1:] == ["float64"]:
        exact_golden()
    else:
        main(sys.argv[1:] or [*NETWORKS, "i3d"])
