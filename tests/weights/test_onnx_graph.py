"""The ONNX graphs say what Jittor says, for every way that a config can build its network."""

from dataclasses import replace

import jittor as jt
import numpy as np
import pytest

from jacklib import networks
from jacklib.core.configs import BPMGCNConfig, CTENConfig, TSLNetConfig, VAANetConfig
from jacklib.core.networks import network as network_of

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from jacklib.weights import onnx_graph  # noqa: E402

V, C = VAANetConfig.classroom(), CTENConfig.classroom()
T, B = TSLNetConfig.classroom(), BPMGCNConfig.classroom()
CASES = [
    ("vaanet", V),
    ("vaanet", VAANetConfig(blocks=(1, 2, 1, 1), width=8, audio_width=8, n_classes=6)),
    ("vaanet", replace(V, seq_len=5, sample_size=50, n_classes=3, audio_n_segments=2)),
    ("cten", C),
    ("cten", replace(C, shortcut="paper", erase_sound=True, n_classes=2)),
    ("cten", replace(C, visual_only=True)),
    ("cten", replace(C, seq_len=5, audio_n_segments=5, audio_time=33, sample_size=50)),
    ("tsl", T),
    ("tsl", replace(T, modality="rgb", video_score="paper", r_act=4)),
    ("tsl", replace(T, modality="logmfcc")),
    ("gait", B),
    ("gait", replace(B, fusion="paper", pool="max")),
    ("gait", replace(B, graph="fixed", frames=30)),
    ("gait", replace(B, streams="posture")),
    ("gait", replace(B, streams="movement", n_classes=7)),
]
INPUTS = {"tsl": ("rgb", "logmel"), "gait": ("posture", "movement")}


def made(key, config):
    """A network with weights and statistics that are no start values, and its ONNX model."""
    kind = network_of(key).kind
    if getattr(config, "visual_only", False):
        kind = "CTENVisual"
    jt.set_seed(3)
    net = getattr(networks, kind)(config)
    rng, state = np.random.default_rng(0), net.state_dict()
    for name, value in state.items():
        if "running" in name or name.endswith(("bn.weight", ".PA")):
            least, most = (0.5, 1.5) if "running_var" in name else (0.0, 0.3)
            value.assign(rng.uniform(least, most, value.shape).astype(np.float32))
    net.eval()
    graph = onnx_graph.Graph({name: value.numpy() for name, value in net.state_dict().items()})
    return net, graph.model(onnx_graph.NETWORKS[key](graph, config))


@pytest.mark.parametrize(("key", "config"), CASES)
def test_onnx_runtime_gives_what_jittor_gives(key, config):
    net, model = made(key, config)
    onnx.checker.check_model(model, full_check=True)
    assert (model.opset_import[0].version, model.ir_version) == (17, 8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [one.name for one in session.get_inputs()]
    takes = INPUTS.get(key, ("visual", "audio"))
    # Another batch, and videos beyond and within the 600 clips that neighbours are looked for in.
    for batch, clips in ((1, 1201), (3, 9)):
        arrays = network_of(key).passes(config, batch, 1, clips)[0].inputs[: len(takes)]
        if key == "tsl" and batch > 1:
            arrays = [np.concatenate([array, 2 * array]) for array in arrays]
        given = dict(zip(takes, arrays, strict=True))
        found = session.run(None, {name: given[name] for name in names})
        with jt.no_grad():
            needed = arrays[:1] if getattr(config, "visual_only", False) else arrays
            output = net(*needed)
        for one, value in zip(session.get_outputs(), found, strict=True):
            if one.name == "probabilities":
                np.testing.assert_allclose(value.sum(1), 1, atol=1e-5)
                continue
            ours = getattr(output, one.name).numpy()
            assert ours.shape == value.shape
            assert np.abs(ours - value).max() <= 1e-4 * max(1, np.abs(ours).max()), one.name
