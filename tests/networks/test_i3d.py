"""I3D layer by layer against its PyTorch twin, which equals the public code bit by bit."""

import json
import pickle
import struct

import jittor as jt
import numpy as np
import pytest
from support.golden_inputs import error, i3d_frames, i3d_weight, summary
from support.training_numbers import TORCH_NUMBERS

from jacklib.errors import DataError
from jacklib.networks import I3D
from jacklib.networks.i3d import END_POINTS, WIDTHS, same_padding
from jacklib.weights.checkpoint import load_weights

STORED = json.loads((TORCH_NUMBERS / "i3d.json").read_text())
KEYS = {k: v for k, v in STORED["keys"].items() if not k.endswith("num_batches_tracked")}


@pytest.fixture(scope="module")
def weights():
    return {key: i3d_weight(key, shape) for key, shape in KEYS.items()}


@pytest.fixture(scope="module")
def net(weights):
    """The released network in evaluation mode."""
    net = I3D()
    assert load_weights(net, weights).complete
    net.eval()
    return net


def run(net, frames):
    with jt.no_grad():
        return net(frames)


# --- PyTorch's numbers ----------------------------------------------------------------------------


def test_names_are_those_of_the_public_weights(net):
    assert {key: list(value.shape) for key, value in net.state_dict().items()} == KEYS
    assert len(KEYS) == 287 and len(STORED["keys"]) == 344
    assert KEYS["Mixed_4f.b2b.conv3d.weight"] == [128, 32, 3, 3, 3]
    assert KEYS["logits.conv3d.weight"] == [400, 1024, 1, 1, 1]


@pytest.mark.parametrize("case", STORED["cases"])
def test_every_layer(case, net, weights):
    """All that `summary` keeps, to 1e-4 of the layer's largest value (float32 is good for 1e-6)."""
    stored = STORED["cases"][case]
    if stored["n_classes"] != 400:
        net = I3D(n_classes=stored["n_classes"])
        keys = {key: i3d_weight(key, value.shape) for key, value in net.state_dict().items()}
        assert load_weights(net, keys).complete
        net.eval()
    frames = i3d_frames(stored["seed"], stored["shape"])
    found = {}
    with jt.no_grad():
        x = jt.array(frames).float32() / 127.5 - 1
        for name in END_POINTS:
            x = getattr(net, name)(x)
            found[name] = x.numpy()
        found |= {name: value.numpy() for name, value in net(frames)._asdict().items()}
    assert found.keys() == stored["layers"].keys()
    for name, wanted in stored["layers"].items():
        own = summary(name, found[name])
        assert own.pop("shape") == wanted["shape"], name
        for part, value in own.items():
            gap = np.abs(np.subtract(value, wanted[part])).max() / wanted["largest"]
            assert gap < 1e-4, (name, part)
    assert max(stored["rounding"].values()) < 2e-6
    D = stored["shape"][2]
    assert found["features"].shape == (1, -(-D // 8) - 1, 1024)


def legacy_file(path, state, prefix):
    """Write weights as Python 2 and PyTorch 0.3 did, of which age the public file is."""

    def text(value):
        return b"U" + bytes([len(value)]) + value.encode()

    def whole(*values):
        return b"(" + b"".join(struct.pack("<ci", b"J", n) for n in values) + b"t"

    program = b"\x80\x02ccollections\nOrderedDict\n(]("
    for i, (key, array) in enumerate(state.items()):
        strides = [s // array.itemsize for s in array.strides]
        program += b"](" + text(prefix + key) + b"ctorch._utils\n_rebuild_tensor\n("
        program += b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(str(i)) + text("cpu")
        program += struct.pack("<ci", b"J", array.size) + b"NtQ" + struct.pack("<ci", b"J", 0)
        program += whole(*array.shape) + whole(*strides) + b"tRe"
    program += b"etR."
    about = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4, "long": 4}}
    with open(path, "wb") as file:
        for value in (0x1950A86A20F9469CFC6C, 1001, about):
            pickle.dump(value, file, 2)
        file.write(program)
        pickle.dump([str(i) for i in range(len(state))], file, 2)
        for array in state.values():
            file.write(struct.pack("<q", array.size))
            array.tofile(file)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_file_of_the_public_weights_age_loads(prefix, weights, tmp_path):
    path = tmp_path / "rgb_imagenet.pt"
    legacy_file(path, weights, prefix)
    net = I3D()
    report = load_weights(net, path)
    assert report.complete and len(report.matched) == 287
    for key, value in net.state_dict().items():
        assert np.array_equal(value.numpy(), weights[key]), key
    path.unlink()  # 50 MB that pytest would keep


# --- Behaviour ------------------------------------------------------------------------------------


def test_same_padding():
    """(size, kernel, stride): zeros before, after; ceil(size / stride) windows."""
    wanted = {
        (224, 7, 2): (2, 3), (199, 7, 2): (3, 3), (112, 3, 2): (0, 1), (25, 3, 2): (1, 1),
        (14, 2, 2): (0, 0), (13, 2, 2): (0, 1), (28, 3, 1): (1, 1), (28, 1, 1): (0, 0),
    }  # fmt: skip
    for (size, kernel, stride), sides in wanted.items():
        assert same_padding(size, kernel, stride) == sides
        assert (size + sum(sides) - kernel) // stride + 1 == -(-size // stride)


def test_bytes_and_floats_and_vars_are_the_same(net):
    frames = i3d_frames(0, (1, 3, 9, 193, 200))
    wanted = run(net, frames).features.numpy()
    assert wanted.shape == (1, 1, 1024) and (wanted >= 0).all() and wanted.std() > 0.1
    for same in (frames.astype(np.float32), frames.astype(np.float64), jt.array(frames)):
        assert np.array_equal(run(net, same).features.numpy(), wanted)


def test_a_batch_is_its_clips(net):
    frames = i3d_frames(1, (2, 3, 9, 193, 193))
    together = run(net, frames)
    first, second = run(net, frames[:1]), run(net, frames[1:])
    for name in ("features", "logits"):
        alone = np.concatenate([getattr(out, name).numpy() for out in (first, second)])
        assert error(getattr(together, name).numpy(), alone) < 1e-5
    assert error(first.features.numpy(), second.features.numpy()) > 1e-2  # clips do matter


def test_only_the_logits_see_the_dropout(weights):
    net = I3D()
    load_weights(net, weights)
    net.eval()
    frames = i3d_frames(2, (1, 3, 9, 193, 193))
    wanted = run(net, frames)
    net.dropout.is_train = True
    found = run(net, frames)
    assert np.array_equal(found.features.numpy(), wanted.features.numpy())
    assert error(found.logits.numpy(), wanted.logits.numpy()) > 1e-2
    net.train()
    assert net.dropout.is_train and net.Mixed_5c.b0.bn.is_train
    assert (net.dropout.p, net.Mixed_5c.b0.bn.eps, net.Mixed_5c.b0.bn.momentum) == (0.5, 1e-3, 0.01)


def test_widths_follow_from_each_other():
    """As the public code writes them out: what goes into each block."""
    given = [192] + [w[0] + w[2] + w[4] + w[5] for w in WIDTHS.values()]
    assert given == [192, 256, 480, 512, 512, 512, 528, 832, 832, 1024]


@pytest.mark.parametrize(
    "shape",
    [
        (3, 16, 224, 224),
        (1, 16, 224, 224, 3),
        (1, 2, 16, 224, 224),
        (1, 3, 8, 224, 224),
        (1, 3, 16, 192, 224),
        (1, 3, 16, 224, 112),
        (1, 3, 16, 225, 224),
    ],
)
def test_wrong_shapes_are_named(net, shape):
    with pytest.raises(DataError) as caught:
        net(np.zeros(shape, np.uint8))
    assert str(caught.value).startswith(
        f"frames: found shape {list(shape)}, wanted [B, 3, D, H, W] with D 9 or more, "
        "H and W 193 to 224. The last pool needs a map of"
    )
