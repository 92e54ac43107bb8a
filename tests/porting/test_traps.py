"""`porting check`: each rule on a few lines that have the trap and on a few that do not."""

import jittor as jt
import pytest
from support import ROOT
from support.commands import jack

from jacklib.errors import DataError
from jacklib.porting.traps import RULES, check_files, check_source, check_text

HEAD = "import jittor as jt\nfrom jittor import nn\n"
# rule: (with the trap, without it)
CASES = {
    "torch-beside-jittor": ("from torchaudio import load", "import librosa"),
    "torch-left-over": ("y = torch.relu(x)", "def f(torch):\n    return torch.relu()"),
    "names-that-jittor-lacks": ("y = nn.MaxPool1d(2)", "y = nn.MaxPool2d(2)"),
    "forward-is-not-called": (
        "class A(nn.Module):\n    def forward(self, x):\n        return x",
        "class A(nn.Module):\n    def execute(self, x):\n        return x",
    ),
    "backward-is-a-stub": ("loss.backward()", "optimizer.backward(loss)"),
    "lost-reduction": (
        "class A:\n"
        "    def __init__(self):\n        self.ce = nn.BCELoss()\n"
        "    def execute(self, p, t, w):\n        return (w * self.ce(p, t)).sum(dim=1)",
        "class A:\n"
        "    def __init__(self):\n        self.ce = nn.BCELoss()\n"
        "    def execute(self, p, t):\n        return (0.5 * self.ce(p, t)).mean()",
    ),
    "kl-of-zero": ("loss = nn.KLDivLoss()", "from jacklib.ops import kl_div\nloss = kl_div(p, t)"),
    "log-sum-exp": (
        "def f(x):\n    e = jt.exp(x)\n    s = e.sum(1)\n    return jt.log(s)",
        "def f(x):\n    top = x.max(1, keepdims=True)\n"
        "    return (x - top).exp().sum(1).log() + top",
    ),
    "time-without-waiting": (
        "import time\ndef f(net, x):\n    t = time.time()\n    net(x)\n    return time.time() - t",
        "import time\ndef f(net, x):\n    t = time.time()\n    net(x)\n    jt.sync_all(True)\n"
        "    return time.time() - t",
    ),
    "attribute-is-trained": (
        "def table(n):\n    t = jt.zeros((n, 2))\n    t[:, 0] = 1\n    return t\n"
        "class A(nn.Module):\n    def __init__(self):\n        self.t = table(3).unsqueeze(0)",
        "class A(nn.Module):\n    def __init__(self, t):\n        self._a = jt.array(t)\n"
        "        self.b = jt.array(t).stop_grad()\n        self.c = nn.Parameter(jt.array(t))",
    ),
    "nested-are-not-initialised": (
        "for m in net.children():\n    if isinstance(m, nn.Conv2d):\n        fill(m.weight)",
        "for m in net.modules():\n    if isinstance(m, nn.Conv2d):\n        fill(m.weight)",
    ),
    "index-and-value": ("low = x.min(dim=1)[0]", "place, low = x.argmin(dim=1)"),
    "slices-are-copies": ("x[0].assign(y)", "x[0] = y\nbuffers[name].assign(y)"),
    "whole-map-pool": ("pool = nn.AvgPool2d((8, 2))", "pool = nn.AvgPool2d(2)"),
    "freezing-by-eval": (
        "class A(nn.Module):\n    def train(self):\n        self.part.eval()",
        "class A(nn.Module):\n    def train(self):\n        self.part.is_train = False",
    ),
    "clipping-too-early": (
        "def f(o, loss):\n    o.clip_grad_norm(1)\n    o.backward(loss)\n    o.step()",
        "def f(o, loss):\n    o.backward(loss)\n    o.clip_grad_norm(1)\n    o.step()",
    ),
    "softmax-of-everything": ("p = nn.softmax(x)", "p = nn.softmax(x, dim=1)"),
    "options-that-are-missing": (
        "loss = nn.CrossEntropyLoss(label_smoothing=0.1)", "loss = nn.CrossEntropyLoss()"
    ),
    "rate-in-groups": (
        "for g in o.param_groups:\n    print(g['lr'])", "for g in o.param_groups:\n    g['lr'] = 1"
    ),
}  # fmt: skip


def names(text):
    return {trap.rule for trap in check_text(text)}


def test_every_rule_has_a_case():
    assert set(CASES) == {rule.__name__.replace("_", "-") for rule in RULES}


@pytest.mark.parametrize("rule", CASES)
def test_the_trap_is_found_and_its_fix_is_not_one(rule):
    with_it, without = (HEAD + lines for lines in CASES[rule])
    assert rule in names(with_it)
    assert names(without) == set()


def test_the_line_is_the_trap_s():
    (trap,) = check_text(HEAD + "\n\nloss.backward()\n")
    assert trap.line == 5 and "optimizer" in trap.fix


def test_weights_of_a_mean_through_names():
    text = HEAD + (
        "class A(nn.Module):\n    def __init__(self):\n        self.f = nn.CrossEntropyLoss()\n"
        "    def execute(self, x, y, w):\n        a = self.f(x, y)\n        a = a.mul(w)\n"
        "        return jt.mean(a)\n"
    )
    assert [(t.line, t.rule) for t in check_text(text)] == [(9, "lost-reduction")]
    kept = text.replace("CrossEntropyLoss()", "MSELoss(reduction='none')")
    assert check_text(kept) == []


def test_files_without_jittor_have_no_traps():
    assert check_text("import torch\nloss.backward()\ny = x.max(1)[0]\n") == []
    # but a training loop that only Jittor's optimizer would understand does
    text = "import time\nt = time.time()\noptimizer.backward(loss)\nprint(time.time() - t)\n"
    assert [t.rule for t in check_text(text)] == ["time-without-waiting"]


def test_numpy_s_own_are_left_alone():
    text = (
        HEAD + "import numpy as np\na = np.max(x, 1)[0]\nb = y.numpy().argmax(1)\nc = z.max(1)[0]\n"
    )
    assert check_text(text) == []


def test_a_pool_whose_kernel_is_computed():
    assert names(HEAD + "pool = nn.AvgPool2d((n.value, 2))") == {"whole-map-pool"}


def test_a_variable_called_jittor_is_not_jittor():
    assert check_text(HEAD + "def f(jittor):\n    return jittor.rules\n") == []


def test_the_traps_are_real():
    """What three of the reasons say, run on the Jittor that is installed."""
    x = jt.array([[1.0, 3.0], [4.0, 2.0]])
    assert x.max(dim=1).numpy().tolist() == [3.0, 4.0]  # and [0] of it is one row's
    index, value = x.argmax(dim=1)
    assert index.numpy().tolist() == [1, 0] and value.numpy().tolist() == [3.0, 4.0]

    class Port(jt.nn.Module):
        def __init__(self):
            self.A, self._B = jt.array([1.0]), jt.array([1.0])

    assert [p.name() for p in Port().parameters()] == ["A"]
    import math

    assert math.isinf(jt.array([100.0]).exp().sum().log().item())


def test_this_package_has_next_to_none():
    """jacklib is the largest port at hand: a rule that sees ghosts would show here."""
    files = sorted((ROOT / "jacklib").rglob("*.py"))
    found = [(file.name, trap.rule) for file in files for trap in check_source(file)]
    # `bench` reads one clock without waiting on purpose, to show what that gives.
    assert {rule for _, rule in found} <= {"time-without-waiting"}
    assert {name for name, _ in found} <= {"jittor_session.py", "tsl_training.py", "protocol.py"}


def test_the_command(tmp_path):
    port, clean = tmp_path / "port.py", tmp_path / "clean.py"
    port.write_text(HEAD + "loss.backward()\n")
    clean.write_text(HEAD)
    result = jack("porting", "check", tmp_path)
    assert result.returncode == 1
    assert f"{port}:3: backward-is-a-stub: " in result.stdout
    assert "1 trap in 2 files" in result.stdout
    assert jack("porting", "check", clean).returncode == 0
    result = jack("porting", "check", tmp_path / "nowhere.py")
    assert result.returncode == 1 and "nowhere.py: found no such file" in result.stderr


@pytest.mark.parametrize("content", [b"def f(:\n", b"\xff\xfe\x00\x01", b"x = 1\x00"])
def test_files_that_are_no_python(tmp_path, content):
    path = tmp_path / "a.py"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.py: found no"):
        check_source(path)


@pytest.mark.parametrize(
    "code",
    [
        "x = 1" + "+1" * 20_000,
        "x" + ".a()" * 3000,
        "if x: pass\n" + "elif x: pass\n" * 3000,
        "x = " + "-" * 100_000 + "1",
        "x = " + "9" * 10_000,
        "x = f(a, b)\n" * 50_000,
        "x = f(a, b)\n" * 400_000,
        "\n".join("x[0]" + ".a()" * 120 for _ in range(1000)),
    ],
    ids=["sum", "calls", "elif", "minus", "digits", "large", "5 MB", "chains"],
)
def test_sources_that_are_too_much(tmp_path, code):
    path = tmp_path / "a.py"
    path.write_text(HEAD + code)
    with pytest.raises(DataError, match=r"a\.py: found"):
        check_source(path)


def test_sums_that_people_write_are_looked_through():
    assert check_text(HEAD + "x = 1" + "+1" * 300 + "\nloss.backward()\n")[0].line == 4


def test_what_cannot_be_read_does_not_end_the_check(tmp_path, capsys):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside / "x.py", outside):
        folder.mkdir(parents=True)
    trap = HEAD + "loss.backward()\n"
    (inside / "x.py" / "z.py").write_text(trap)
    (inside / "a.py").write_bytes(b"\xff\xfe")
    (inside / "b.py").write_text("print 'two'\n")
    (inside / "c.py").symlink_to("nowhere.py")
    (inside / "loop").symlink_to(inside)
    (outside / "d.py").write_text(trap)
    (inside / "d.py").symlink_to(outside / "d.py")
    (inside / "outside").symlink_to(outside)
    (inside / "\x1b[2J.py").write_text(trap)
    assert check_files([str(inside)]) == 1
    out, err = capsys.readouterr()
    for name in "abc":
        assert f"{inside / name}.py: found" in err
    assert f"{inside}/x.py/z.py:3: backward-is-a-stub" in out and "d.py" not in out
    assert "\\x1b[2J.py:3" in out and "\x1b" not in out
    assert "2 traps in 2 files; 3 files not read" in out
    (inside / "x.py" / "z.py").unlink()
    (inside / "\x1b[2J.py").unlink()
    assert check_files([str(inside)]) == 1  # what was not read may have traps
