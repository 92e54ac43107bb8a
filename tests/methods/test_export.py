"""`export`: a file that ONNX Runtime reads, and the program without JACK that uses it."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from support import ROOT

import jacklib as jack
from jacklib import networks
from jacklib.cli import export, run
from jacklib.errors import DataError
from jacklib.samples import samples_folder

FILM = samples_folder() / "film" / "video" / "Joy" / "bbb_0120.mp4"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """VAANet's classroom weights as the command exports them."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    path = tmp_path_factory.mktemp("export") / "vaanet.onnx"
    weights = str(ROOT / "data_samples" / "weights" / "vaanet.safetensors")
    assert run.main(["export", "vaanet", "--weights", weights, "--out", str(path)]) == 0
    return path


@pytest.mark.parametrize("network", ["vaanet", "cten", "tsl", "gait"])
def test_every_network_is_right_on_a_sample(network):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = jack.load(network)
    assert export.check(model, export.onnx_bytes(model)) <= 1e-4


@pytest.mark.parametrize(
    ("network", "kind", "changes"),
    [
        ("cten", "CTENVisual", {"visual_only": True}),
        ("tsl", "TSLNet", {"modality": "rgb"}),
        ("tsl", "TSLNet", {"modality": "logmfcc"}),
        ("gait", "BPMGCN", {"streams": "posture"}),
    ],
)
def test_networks_with_one_input_are_checked_too(network, kind, changes):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = jack.load(network)
    config = replace(model.config, **changes)
    model = replace(model, config=config, net=getattr(networks, kind)(config))
    assert export.check(model, export.onnx_bytes(model)) <= 1e-4


def test_the_file_says_what_it_is(written):
    import onnx

    about = {entry.key: entry.value for entry in onnx.load(written).metadata_props}
    model = jack.load("vaanet")
    assert about["network"] == "vaanet"
    assert json.loads(about["class_names"]) == model.class_names
    assert json.loads(about["config"])["seq_len"] == model.config.seq_len
    assert json.loads(about["trained_on"]) == "rendered"
    assert model.predict(FILM).doubt.startswith(json.loads(about["doubt"]))
    assert json.loads(about["before"])["sample_rate"] == 44100


def test_a_program_without_jack_gives_the_same_answer(written):
    alone = "import sys, runpy; sys.modules['jacklib'] = sys.modules['jittor'] = None; "
    alone += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    program = ROOT / "docs" / "film_to_label.py"
    done = subprocess.run(
        [sys.executable, "-c", alone, program, written, FILM], capture_output=True, text=True,
        cwd=written.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if not line.startswith("Note")]
    found = {name: float(share) for name, share in lines}
    ours = jack.load("vaanet").predict(FILM).probabilities
    assert next(iter(found)) == next(iter(ours)) and found.keys() == ours.keys()
    assert all(abs(found[name] - ours[name]) <= 1e-3 for name in ours)


def test_a_wrong_graph_is_not_written(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    graph = pytest.importorskip("jacklib.weights.onnx_graph")
    monkeypatch.setitem(graph.NETWORKS, "gait", lambda g, c: _doubled(graph.gait(g, c), g))
    with pytest.raises(DataError, match="logits: found a difference of"):
        export.check(model := jack.load("gait"), export.onnx_bytes(model))


def _doubled(outputs, g):
    return outputs | {"logits": g("Mul", outputs["logits"], np.float32(1.01))}


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "jacklib.weights.onnx_graph", raising=False)
    monkeypatch.delattr(jack.weights, "onnx_graph", raising=False)
    with pytest.raises(DataError, match="pip install onnx onnxruntime"):
        export.onnx_bytes(jack.load("gait"))
