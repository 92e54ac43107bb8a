"""Weights in and out: strict loading with a report, PyTorch's formats, training states."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jittor as jt
import numpy as np
import pytest
from jittor import nn

from jacklib.checkpoint import (
    load_kinetics_backbone,
    load_training,
    load_weights,
    read_options,
    save_training,
    save_weights,
)
from jacklib.errors import DataError
from jacklib.networks.resnet3d import resnet3d
from jacklib.ops import Adam, BatchNorm
from jacklib.torch_files import read_torch_file, write_torch_file


class Small(nn.Module):
    """Two layers with running statistics and a classifier."""

    def __init__(self, n_classes=3):
        self.body = nn.Sequential(nn.Linear(4, 5), BatchNorm(5))
        self.fc = nn.Linear(5, n_classes)

    def execute(self, x):
        return self.fc(self.body(x))


def weights(n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return {
        k: rng.random(v.shape).astype(np.float32) for k, v in Small(n_classes).state_dict().items()
    }


def assert_loaded(net, wanted):
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), wanted[key], err_msg=key)


@pytest.mark.parametrize("nest", [None, "state_dict", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("source", ["dict", "pth", "safetensors"])
def test_every_form_of_weights(tmp_path, nest, prefix, source):
    wanted = weights()
    content = {prefix + k: v for k, v in wanted.items()}
    content[prefix + "body.1.num_batches_tracked"] = np.array(7)
    if nest:
        content = {"epoch": 3, nest: content}
    if source == "safetensors":
        if nest:
            pytest.skip("safetensors files are flat")
        from safetensors.numpy import save_file

        save_file(content, tmp_path / "w.safetensors")
        content = tmp_path / "w.safetensors"
    elif source == "pth":
        write_torch_file(tmp_path / "w.pth", content)
        content = tmp_path / "w.pth"
    net = Small()
    report = load_weights(net, content)
    assert report.complete and set(report.matched) == set(wanted)
    assert_loaded(net, wanted)


def test_strict_names_what_does_not_fit_and_loads_nothing():
    net, given = Small(), weights()
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    given["head.weight"] = given.pop("fc.weight")
    given["body.0.bias"] = np.zeros(9, np.float32)
    with pytest.raises(DataError) as caught:
        load_weights(net, given)
    message = str(caught.value)
    assert "1 missing: fc.weight" in message and "1 unexpected: head.weight" in message
    assert "body.0.bias [9] for [5]" in message
    assert_loaded(net, before)

    report = load_weights(net, given, strict=False)
    assert report.missing == ["fc.weight"] and report.unexpected == ["head.weight"]
    assert report.mismatched == {"body.0.bias": ((9,), (5,))}
    np.testing.assert_array_equal(net.body[0].weight.numpy(), given["body.0.weight"])
    np.testing.assert_array_equal(net.body[0].bias.numpy(), before["body.0.bias"])


def test_wrong_number_of_classes_says_so():
    with pytest.raises(DataError, match="trained for 6 classes and this network has 3"):
        load_weights(Small(3), weights(6))


def test_a_file_without_weights(tmp_path):
    write_torch_file(tmp_path / "log.pth", {"epoch": 3, "loss": [1.0, 2.0]})
    with pytest.raises(DataError, match="log.pth: found no arrays under the keys epoch, loss"):
        load_weights(Small(), tmp_path / "log.pth")


def test_saved_weights_come_back_with_their_options(tmp_path):
    net = Small()
    save_weights(net, tmp_path / "w.pth", {"n_classes": 3, "class_names": ["a", "b", "c"]})
    other = Small()
    load_weights(other, tmp_path / "w.pth")
    assert_loaded(other, {k: v.numpy() for k, v in net.state_dict().items()})
    assert read_options(tmp_path / "w.pth")["class_names"] == ["a", "b", "c"]


def test_kinetics_names(tmp_path):
    backbone = resnet3d((1, 1), 4)
    rng = np.random.default_rng(0)
    wanted = {k: rng.random(v.shape).astype(np.float32) for k, v in backbone.state_dict().items()}
    names = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2"}
    released = {}
    for key, value in wanted.items():
        head, _, rest = key.partition(".")
        released[f"module.{names[head]}.{rest}"] = value
    released["module.fc.weight"] = np.zeros((400, 32), np.float32)
    released["module.fc.bias"] = np.zeros(400, np.float32)
    write_torch_file(tmp_path / "k.pth", {"arch": "resnet-101", "state_dict": released})
    assert load_kinetics_backbone(backbone, tmp_path / "k.pth").complete
    assert_loaded(backbone, wanted)
    with pytest.raises(DataError, match="wanted a 3D ResNet-101"):
        load_kinetics_backbone(resnet3d((1, 2), 4), tmp_path / "k.pth")
    write_torch_file(tmp_path / "o.pth", {"state_dict": weights()})
    with pytest.raises(DataError, match="no conv1, bn1"):
        load_kinetics_backbone(backbone, tmp_path / "o.pth")


# ---------------------------------------------------------------------------------------------
# Training states
# ---------------------------------------------------------------------------------------------


def steps(net, optimizer, n, start=0):
    for i in range(start, start + n):
        x = np.random.default_rng(i).standard_normal((6, 4)).astype(np.float32)
        optimizer.step((net(jt.array(x)) ** 2).mean())


def test_training_goes_on_bit_for_bit(tmp_path):
    jt.set_global_seed(1)
    net = Small()
    net.train()
    optimizer = Adam(net.parameters(), lr=0.01)
    steps(net, optimizer, 3)
    save_training(tmp_path / "last.pth", net, optimizer, {"epoch": 3})
    steps(net, optimizer, 4, start=3)

    other = Small()
    other.train()
    again = Adam(other.parameters(), lr=0.5)
    assert load_training(tmp_path / "last.pth", other, again)["epoch"] == 3
    steps(other, again, 4, start=3)
    assert_loaded(other, {k: v.numpy() for k, v in net.state_dict().items()})


def test_resume_from_weights_alone_is_refused(tmp_path):
    net = Small()
    save_weights(net, tmp_path / "best.pth")
    with pytest.raises(DataError, match="weights without a training state"):
        load_training(tmp_path / "best.pth", net, Adam(net.parameters()))


WRITER = """
import sys
import numpy as np
import jacklib
import jittor as jt
from jacklib.checkpoint import save_training
from jacklib.ops import Adam
net = jt.nn.Linear(1500, 1500)
optimizer = Adam(net.parameters())
for number in range(10000):
    net.weight.assign(jt.full((1500, 1500), float(number)))
    net.bias.assign(jt.full((1500,), float(number)))
    save_training(sys.argv[1], net, optimizer, {"epoch": number})
    print(number, flush=True)
"""


def test_kill_in_the_middle_of_saving_leaves_a_whole_file(tmp_path):
    path = tmp_path / "last.pth"
    killed_while_writing = 0
    for attempt in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        for _ in range(2):
            assert process.stdout.readline().strip().isdigit()
        # Wait until a new file is being written beside the old one, then kill.
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if any(p.name != "last.pth" for p in tmp_path.iterdir()):
                break
            time.sleep(0.001 * attempt)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        killed_while_writing += any(p.name != "last.pth" for p in tmp_path.iterdir())
        content = read_torch_file(path)
        epoch = content["progress"]["epoch"]
        assert (content["state_dict"]["weight"] == epoch).all()
        assert (content["state_dict"]["bias"] == epoch).all()
    assert killed_while_writing
    # The next save clears away what the killed ones left.
    net = nn.Linear(2, 2)
    save_training(path, net, Adam(net.parameters()), {"epoch": 0})
    assert [p.name for p in tmp_path.iterdir()] == ["last.pth"]
