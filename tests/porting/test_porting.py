"""`porting.compare` finds where a port parts from its original: live, and from stored numbers.

The references' numbers lie in torch_numbers/porting/; make_porting_numbers.py makes them.
"""

import json
import zipfile

import jittor as jt
import numpy as np
import pytest
from jittor import nn
from support import TORCH_NUMBERS
from support.commands import jack

from jacklib.backend import torch_process
from jacklib.errors import DataError
from jacklib.ops import SGD, BatchNorm
from jacklib.porting import Reference, cmp, compare, comparison, parity, recording
from jacklib.porting.recording import Recording

STORED = TORCH_NUMBERS / "porting"

CODE = """
class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.norm = nn.BatchNorm1d(n)
        self.fc = nn.Linear(n, n)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return x + self.drop(torch.relu(self.fc(self.norm(x))))

class Net(nn.Module):
    def __init__(self, n=6, classes=3):
        super().__init__()
        self.register_buffer("A", torch.eye(n) + 0.5)
        self.first = Block(n)
        self.second = Block(n)
        self.head = nn.Linear(n, classes)

    def forward(self, x, scale=None):
        x = self.second(self.first(x @ self.A))
        return self.head(x), x.mean(dim=1)

def loss(output, target):
    return F.cross_entropy(output[0], target)
"""
REFERENCE = Reference("Net", code=CODE)
TRAINED = Reference("Net", code=CODE, loss="loss")
X = np.random.default_rng(3).standard_normal((5, 6)).astype(np.float32)
TARGET = np.array([0, 2, 1, 1, 0])


class Block(nn.Module):
    def __init__(self, n):
        self.norm = BatchNorm(n)
        self.fc = nn.Linear(n, n)
        self.drop = nn.Dropout(0.5)

    def execute(self, x):
        return x + self.drop(nn.relu(self.fc(self.norm(x))))


class Net(nn.Module):
    """The healthy port; its parts are what the sick ones replace."""

    def __init__(self, block=Block, n=6, classes=3):
        self.A = (jt.init.eye((n, n), "float32") + 0.5).stop_grad()
        self.first, self.second = Block(n), block(n)
        self.head = nn.Linear(n, classes)

    def execute(self, x, scale=None):
        x = self.second(self.first(self.pre(x)))
        return self.head(self.post(x)), x.mean(dim=1)

    def pre(self, x):
        return x @ self.A

    def post(self, x):
        return x


def cross_entropy(output, target):
    return nn.cross_entropy_loss(output[0], target)


JOBS = {
    "plain": (REFERENCE, {}),
    "training": (TRAINED, {"loss": cross_entropy, "targets": [TARGET], "training": True}),
    "adam": (TRAINED, {"loss": cross_entropy, "targets": [TARGET], "optimizer": "Adam(lr=0.01)"}),
    "seed 1": (REFERENCE, {"seed": 1}),
}


@pytest.fixture(autouse=True)
def stored(monkeypatch):
    """What a machine without PyTorch has: stored numbers alone."""
    monkeypatch.setattr(parity, "find_torch", lambda: None)
    monkeypatch.setattr(parity, "ANSWERS", STORED)


def run(net, job="plain"):
    reference, options = JOBS[job]
    return compare(net, reference, [X, None], **options)


@pytest.mark.parametrize("job", JOBS)
def test_a_healthy_port(job):
    found = run(Net(), job)
    assert found.ok, str(found)
    assert {"first.fc", "second", "head", ""} <= {layer.name for layer in found.layers}
    assert all(layer.output < 1e-5 for layer in found.layers)
    assert all(layer.weights < 1e-4 for layer in found.layers if layer.name.endswith("fc"))
    assert found.loss[0] == pytest.approx(found.loss[1], rel=1e-5)
    assert found.later_loss[0] == pytest.approx(found.later_loss[1], rel=1e-5)
    assert found.later_loss != found.loss  # a step was taken


def test_the_port_stays_as_it_was():
    net = Net()
    net.eval()
    before = {name: var.numpy() for name, var in net.state_dict().items()}
    frozen = [var.is_stop_grad() for var in net.parameters()]
    run(net, "training")
    assert all(np.array_equal(v.numpy(), before[n]) for n, v in net.state_dict().items())
    assert [var.is_stop_grad() for var in net.parameters()] == frozen
    assert not net.first.is_train and "execute" not in vars(net.first.fc)


def test_the_port_stays_as_it_was_where_it_fails():
    class Fails(Net):
        def post(self, x):
            raise RuntimeError("not written yet")

    net = Fails()
    before = net.head.weight.numpy()
    with pytest.raises(RuntimeError, match="not written yet"):
        run(net)
    assert np.array_equal(net.head.weight.numpy(), before)
    assert "execute" not in vars(net.head)


def test_a_port_that_gives_nothing():
    class Silent(Net):
        def execute(self, x, scale=None):
            super().execute(x)

    with pytest.raises(ValueError, match="net: found NoneType .* Does execute end in `return`"):
        run(Silent())


class Leaky(Block):  # another function in the block's own code
    def execute(self, x):
        return x + self.drop(nn.leaky_relu(self.fc(self.norm(x)), 0.01))


class NoResidual(Block):
    def execute(self, x):
        return self.drop(nn.relu(self.fc(self.norm(x))))


class Epsilon(Block):  # a leaf with another constant
    def __init__(self, n):
        super().__init__(n)
        self.norm = BatchNorm(n, eps=0.1)


class Transposed(Net):  # in the code between two modules
    def pre(self, x):
        return x @ self.A.transpose(1, 0) + 0.1


class Doubled(Net):
    def post(self, x):
        return x * 2


@pytest.mark.parametrize(
    "net, layer, words",
    [
        (lambda: Net(Leaky), "second.drop", "look at the code between them in second"),
        (lambda: Net(NoResidual), "second", "the modules in it agree: look at its own code"),
        (lambda: Net(Epsilon), "second.norm", "is the first to differ"),
        (Transposed, "first", "the port's is the reference's +0.1"),
        (Doubled, "head", "the port's is 2 times the reference's"),
    ],
    ids=["function", "residual", "constant", "before the first", "between"],
)
def test_where_outputs_part(net, layer, words):
    found = run(net())
    assert not found.ok and not found.outputs_agree
    assert found.first_layer == layer
    assert words in found.first
    assert "✗ outputs: " in found.verdict and f"{layer} " in str(found)


class Stopped(Block):  # the same output, another gradient
    def execute(self, x):
        return x.detach() + self.drop(nn.relu(self.fc(self.norm(x))))


def test_where_gradients_part():
    found = run(Net(Stopped))
    assert found.outputs_agree and not found.gradients_agree and not found.ok
    assert found.gradient_layer == "second"
    assert "second (Stopped) passes another gradient back" in found.gradient.replace(
        "(Block)", "(Stopped)"
    )


def test_a_constant_that_is_trained():
    net = Net()
    net.A = net.A.clone().start_grad()
    found = run(net, "training")
    assert found.outputs_agree and found.gradients_agree
    assert found.trained == ["A"] and not found.step_agrees and not found.ok
    assert "the port trains A, the reference does not" in found.verdict


def test_statistics_of_another_variance():
    class Biased(BatchNorm):
        def execute(self, x):
            before = self.running_var.numpy()
            y = super().execute(x)
            moved = self.running_var.numpy() - before
            self.running_var.assign(jt.array(before + moved * 0.8))
            return y

    net = Net()
    net.first.norm = Biased(6)
    found = run(net, "training")
    assert found.outputs_agree and not found.step_agrees
    assert max(found.step, key=found.step.get) == "first.norm.running_var"


def test_another_optimizer(monkeypatch):
    monkeypatch.setattr("jacklib.ops.SGD", lambda p, lr: SGD(p, lr=2 * lr))
    slow = run(Net(), "training")
    assert slow.gradients_agree and not slow.step_agrees
    assert "moves differently" in slow.verdict


def test_names_and_shapes_of_weights():
    net = Net(classes=4)
    net.extra = nn.Linear(2, 2)
    del net.second.fc.bias
    net.second.fc.bias = None
    found = run(net)
    assert found.unexpected == ["extra.weight", "extra.bias"]
    assert found.missing == ["second.fc.bias"]
    assert set(found.mismatched) == {"head.weight", "head.bias"}
    assert "head.bias has the shape [4], the reference's [3]" in found.verdict


def test_a_layer_of_another_name():
    net = Net()
    net.top = net.head
    del net.head
    net.post = lambda x: x

    class Renamed(Net):
        def execute(self, x, scale=None):
            x = self.second(self.first(self.pre(x)))
            return self.top(x), x.mean(dim=1)

    net.__class__ = Renamed
    found = run(net)
    assert found.renamed == {"top.weight": "head.weight", "top.bias": "head.bias"}
    assert "perhaps top.weight is head.weight, top.bias is head.bias" in found.verdict


def test_other_first_values():
    net = Net()
    assert run(net).starts == {}
    net.first.norm.weight.assign(jt.ones(6) * 0.5)
    assert list(run(net).starts) == ["first.norm.weight"]


def test_another_layout_inside():
    """The same numbers with axes in another order count as equal where nothing outside sees it."""

    class Turned(Block):
        def execute(self, x):
            return super().execute(x.transpose(1, 0)).transpose(1, 0)

    class Columns(nn.Module):
        def __init__(self, inner):
            self.fc = inner

        def execute(self, x):
            return self.fc(x)

    class Port(Net):
        def execute(self, x, scale=None):
            x = self.first(self.pre(x))
            held = self.second.execute
            x = self.turned(held, x)
            return self.head(x), x.mean(dim=1)

        def turned(self, held, x):
            return held(x)

    assert run(Port()).ok
    ours, theirs = np.arange(24.0).reshape(2, 3, 4), np.arange(24.0).reshape(2, 3, 4)
    event = comparison.Event("x", "X", 0, "out", 0, (2, 3, 4), theirs)
    moved = event._replace(shape=(4, 2, 3), value=ours.transpose(2, 0, 1))
    assert comparison._layout(moved, event, False) == (2, 0, 1)
    flat = event._replace(shape=(8, 3), value=ours.transpose(0, 2, 1).reshape(8, 3))
    assert comparison._layout(flat, event, False) == (0, 2, 1)
    assert comparison._layout(event._replace(value=ours + 1), event, False) is None


@pytest.mark.parametrize(
    "ours, words",
    [
        (lambda x: x.transpose(0, 2, 1), "axes 1 and 2 are swapped"),
        (lambda x: 0.5 * x, "the port's is 0.5 times the reference's"),
        (lambda x: x - 3, "the port's is the reference's -3"),
        (lambda x: x * np.nan, "the port's is not finite"),
        (lambda x: x[::-1], ""),
    ],
)
def test_hints(ours, words):
    theirs = np.random.default_rng(0).standard_normal((3, 4, 4))
    assert comparison._hint(ours(theirs), theirs, theirs.shape, False) == words


def test_everything_as_json_and_text(tmp_path):
    found = run(Net(Leaky))
    path = tmp_path / "found.json"
    found.save(path)
    stored = json.loads(path.read_text())
    assert stored["ok"] is False and stored["first_layer"] == "second.drop"
    assert [layer["name"] for layer in stored["layers"]] == [x.name for x in found.layers]
    short = found.table(everything=False)
    assert "layers without a difference" in short and "first.fc" not in short
    assert "second " in short


def test_without_pytorch_and_without_stored_numbers():
    with pytest.raises(DataError, match=r"Net: found no PyTorch on this machine.*JACK_TORCH_PYTH"):
        compare(Net(), REFERENCE, [X + 1, None])


def test_a_damaged_stored_answer_is_none(tmp_path, monkeypatch):
    stored = sorted(STORED.glob("*.npz"))[0]
    whole = stored.read_bytes()
    Recording.load(stored)
    rng, path = np.random.default_rng(0), tmp_path / "damaged.npz"
    refused = 0
    for _ in range(100):
        data = bytearray(whole)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data[: rng.integers(len(data))] if rng.random() < 0.1 else data)
        try:
            Recording.load(path)
        except DataError as error:
            refused += "damaged.npz" in str(error)
    assert refused > 50
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("a.npy", "b.npy"):
            packed.writestr(name, bytes(40 * 2**20))
    monkeypatch.setattr("jacklib.files.LARGEST_ARRAYS", 64 * 2**20)
    with pytest.raises(DataError, match="unpacked more than"):
        Recording.load(path)
    with zipfile.ZipFile(path, "w") as packed:
        for i in range(10_001):
            packed.writestr(f"v{i}.npy", b"")
    with pytest.raises(DataError, match="more than 10000 arrays"):
        Recording.load(path)


@pytest.mark.parametrize("name", ["my_network.py", "my_network.py:", ":Net", "Net"])
def test_a_reference_without_its_class(name):
    with pytest.raises(DataError, match="reference: found .* wanted .*file.py:Class"):
        compare(Net(), name, [X, None])


def test_a_parameter_and_an_output_of_one_number():
    for array in (recording.named_weight("t", ()), recording.projection(0, ())):
        assert isinstance(array, np.ndarray) and array.shape == ()


def test_an_array_instead_of_a_list():
    with pytest.raises(DataError, match="inputs: found ndarray, wanted a list of arrays"):
        compare(Net(), REFERENCE, X)


def test_evaluation_mode_says_what_it_does_not_compare():
    assert "! evaluation mode" in run(Net()).verdict
    assert "evaluation mode" not in run(Net(), "training").verdict


def test_a_loss_for_one_of_them():
    with pytest.raises(DataError, match="loss: found one for the port and none for the reference"):
        compare(Net(), REFERENCE, [X, None], loss=cross_entropy, targets=[TARGET])


@pytest.mark.parametrize(
    "ours, theirs, line",
    [
        ([1.0, 2.0], [1.0, 2.0], "exact: True | approximate: True | largest difference: 0"),
        (
            [1.0, 2.000001],
            [1.0, 2.0],
            "exact: False | approximate: True | largest difference: 1e-06",
        ),
        ([1.0, 3.0], [1.0, 2.0], "exact: False | approximate: False | largest difference: 1"),
        ([np.nan], [np.nan], "exact: True | approximate: True | largest difference: 0"),
        ([np.nan], [0.0], "exact: False | approximate: False | largest difference: inf"),
        ([[1.0, 2.0]], [1.0, 2.0], "different shapes: (1, 2) and (2,)"),
        ([5.0], 5.0, "exact: True | approximate: True | largest difference: 0"),
        ("a", "b", "exact: False"),
    ],
)
def test_cmp(ours, theirs, line, capsys):
    wanted = "approximate: True" in line or line == "exact: True"
    assert cmp("x", ours, theirs) is wanted
    assert capsys.readouterr().out == f"x | {line}\n"


def test_the_command(tmp_path):
    result = jack("porting", "changes", "tsl")
    assert result.returncode == 0
    assert "| tsl | " in result.stdout and "+ import jittor as jt" in result.stdout
    assert jack("porting", "changes", "cat").returncode == 2


@pytest.mark.skipif(torch_process.find_torch() is None, reason="needs PyTorch")
@pytest.mark.parametrize("network", ["vaanet", "cten", "tsl", "gait"])
def test_the_networks_beside_pytorch(network, monkeypatch):
    monkeypatch.setattr(parity, "find_torch", torch_process.find_torch)
    # Where a value next to 0 lies on the other side in the other framework, ReLU passes another
    # gradient back: of one seed's numbers, not of a port. A wrong port fails with each.
    for seed in range(3):
        found = parity.compare_network(network, seed=seed)
        if found.ok:
            break
    assert found.ok, found.table(everything=False)
