"""`porting check`: each rule on a few lines that have the trap and on a few that do not."""

import json

import jittor as jt
import pytest
from support import ROOT
from support.commands import jack

from jacklib.errors import DataError
from jacklib.porting.traps import TEXTS, check_files, check_source, check_text

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
        "    def __init__(self):\n        self.ce = nn.MSELoss()\n"
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
    "batch-norm-of-jittor": (
        "bn = nn.BatchNorm2d(8)", "from jacklib import ops\nbn = ops.BatchNorm(8)"
    ),
    "adaptive-windows": (
        "pool = nn.AdaptiveAvgPool2d((6, 1))", "pool = nn.AdaptiveAvgPool2d((1, None))"
    ),
    "dropout-without-train": (
        "drop = nn.Dropout(0.5)\noptimizer.step(loss)",
        "drop = nn.Dropout(0.5)\nnet.train()\noptimizer.step(loss)",
    ),
    "dropout-that-stays-on": (
        "y = nn.dropout(x, 0.2, is_train=True)", "y = nn.dropout(x, is_train=self.is_train)"
    ),
    "interpolation-of-sequences": (
        "y = nn.interpolate(x, scale_factor=2, mode='linear')",
        "y = nn.interpolate(x, scale_factor=2, mode='bilinear')",
    ),
    "biased-variance": ("v = x.var(1)", "v = x.var(1, unbiased=True)\nw = self.var(x)"),
    "deviation-above-zero": ("s = x.std(1)", "s = ((x - m).sqr().mean(1)).sqrt()"),
    "norm-of-the-last-axis": ("n = x.norm()", "n = x.norm(2, 1)\ny = self.norm(x)"),
    "rounding-of-halves": ("y = jt.round(x)", "y = round(x)\nz = jt.floor(x)"),
    "logarithm-in-bce": ("loss = nn.BCELoss()(p, y)", "loss = nn.BCEWithLogitsLoss()(x, y)"),
    "scheduler-is-late": (
        "s = jt.lr_scheduler.StepLR(o, 1, 0.1)", "from mine import StepLR\ns = StepLR(o, 1, 0.1)"
    ),
    "dampened-first-step": (
        "o = nn.SGD(p, lr=0.1, momentum=0.9, dampening=0.5)", "o = nn.SGD(p, lr=0.1, momentum=0.9)"
    ),
    "slices-that-are-named": (
        "class A(nn.Module):\n    def execute(self, x):\n        a = x[:1]\n        a += 1\n"
        "        return x",
        "class A(nn.Module):\n    def execute(self, x):\n        a = x[:1]\n        x[:1] = a + 1\n"
        "        n = x.shape[0]\n        n += 1\n        return x",
    ),
    "weights-that-do-not-fit": (
        "net.load_state_dict(w)", "optimizer.load_state_dict(w)\njacklib.load_weights(net, w)"
    ),
    "order-of-its-own": (
        "from jittor.dataset import Dataset\nclass A(Dataset):\n    def __init__(self):\n"
        "        super().__init__(shuffle=True)",
        "from jittor.dataset import Dataset\nclass A(Dataset):\n    def __init__(self):\n"
        "        super().__init__(shuffle=False)",
    ),
    "length-in-batches": (
        "from jittor.dataset import Dataset\nclass A(Dataset):\n    pass\na = A()\nn = len(a)",
        "from jittor.dataset import Dataset\nclass A(Dataset):\n    pass\nn = len([A()])",
    ),
    "seed-of-zero": ("jt.set_global_seed(0)", "import random\nrandom.seed(0)\njt.set_seed(seed)"),
    "accumulated-for-adam": (
        "o = nn.Adam(p, 0.1)\nfor i, x in d:\n    o.backward(f(x))\n    if i % 4 == 0:\n"
        "        o.step()",
        "o = nn.Adam(p, 0.1)\nfor x in d:\n    o.step(f(x))",
    ),
}  # fmt: skip


def names(text):
    return {trap.rule for trap in check_text(text)}


def test_every_rule_has_a_case():
    assert set(CASES) == set(TEXTS)


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


NET = "class Net({}):\n    def forward(self, x):\n        return {}softmax(x)\n"


@pytest.mark.parametrize(
    "head, base, module",
    [
        ("from jittor import *", "Module", "nn."),
        ("from jittor.nn import *", "Module", ""),
        ("import jittor.nn as nn", "nn.Module", "nn."),
        ("from jittor import nn as N", "N.Module", "N."),
        ("from jittor.nn import Module as M, softmax", "M", ""),
        ("import jittor\nJ = jittor\nF = J.nn", "F.Sequential", "F."),
        ("import jittor\nBase = jittor.Module\nF: object = jittor.nn", "Base", "F."),
        ("if a:\n    from jittor import nn\nelse:\n    from . import nn", "nn.Module", "nn."),
        ("from jittor import nn\nclass A(nn.Module): pass\nclass B(A): pass", "B", "nn."),
        ("from jittor import nn\nclass A(nn.GRU): pass\nwhile 1:\n class B(A): pass", "B", "nn."),
        ("from jittor import nn\nfrom backbone import ResNet", "ResNet", "nn."),
        ("from jittor import nn\nfrom . import layers", "layers.Base", "nn."),
        ("from jittor import nn\nfrom typing import *", "Base[int]", "nn."),
        ("from jittor import nn", "bases[0], make_base()", "nn."),
    ],
)  # fmt: skip
def test_names_are_followed(head, base, module):
    both = {"forward-is-not-called", "softmax-of-everything"}
    assert names(f"{head}\n{NET.format(base, module)}") == both


@pytest.mark.parametrize(
    "text",
    [
        "from jittor import *\ndef softmax(x): pass\nsoftmax(x)\ny = np.max(x, dim=1)[0]",
        "from jittor.nn import *\ndef f(softmax): return softmax(x)",
        HEAD + "F = nn\nF = torch_nn\nF.softmax(x)",
        HEAD + "class A(object):\n    def forward(self, x): pass",
        HEAD + "class A(A):\n    def run(self, x): pass\nclass B(C): pass\nclass C(B): pass",
        HEAD + "class A(nn.Module):\n    def forward(self, x): pass\n    execute = forward",
        HEAD + "class A(nn.Module):\n    def execute(self, x): return self.forward(x)\n"
        "class B(A):\n    def forward(self, x): pass",
        HEAD + "class A(jt.Function):\n    def execute(self, n):\n        self.n = jt.arange(n)",
        HEAD + "class A(nn.Module):\n    def __init__(self):\n        self.a = jt.array([1.0])\n"
        "        self.a.requires_grad = True",
        HEAD + "class A(nn.Module):\n    def freeze(self):\n        self.bn.eval()\n"
        "        for p in self.bn.parameters(): p.stop_grad()",
        HEAD + "pool = nn.AvgPool2d(kernel_size=stride, stride=stride)",
        HEAD + "def f(x):\n    x = x - x.max(1, keepdims=True)\n    return x.exp().sum(1).log()",
    ],
)
def test_false_alarms(text):
    assert names(text) == set()


def test_pytorch_s_own_networks_are_not_jittor_s():
    text = "import jittor\nimport torch\nclass {0}({1}):\n    def forward(self, x): pass\n"
    for base in ("torch.nn.Module", "Base"):
        assert names(text.format("Net", base)) == {"torch-beside-jittor"}


def test_names_that_jittor_lacks_where_they_are_imported():
    text = "from jittor.nn import MaxPool1d, Linear\nfrom jittor import models, test\n"
    assert [(t.line, t.reason) for t in check_text(text)] == [(1, "jittor.nn has no MaxPool1d")]


def test_what_is_not_followed_is_said(tmp_path, capsys):
    (tmp_path / "a.py").write_text(HEAD + "from tools import *\nfrom math import *\nhelp_me(x)\n")
    (tmp_path / "b.py").write_text("from tools import *\nx = net()\n")
    (tmp_path / "c.py").write_text(HEAD + "import other\nclass A(other.B):\n    c = jt.array(1)\n")
    (tmp_path / "d.py").write_text("from .parts import *\n")  # only hands on
    assert check_files([str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "0 traps" not in out and "no trap in what could be read and followed of 4 files" in out
    assert f"{tmp_path}/a.py:3: from tools import * (and 1 more)\n" in out
    assert f"{tmp_path}/c.py:4: class A(other.B)\n" in out and "math" not in out
    assert check_files([str(tmp_path / "d.py")]) == 0
    assert "0 traps in 1 file; 1 of them without Jittor. Only numbers" in capsys.readouterr().out


def cell(source, kind="code"):
    return {"cell_type": kind, "source": source, "metadata": {}}


KL = "loss = jt.nn.KLDivLoss()\n"


@pytest.mark.parametrize(
    "source, line",
    [
        (["x = 1\n", KL], 2),
        (f"%matplotlib inline\n!pip install a \\\n  b\n{KL}", 4),
        (f"\n\n%%time\n{KL}", 4),
        (f"%%capture out\n%%timeit -n 1\n{KL}", 3),
        (f"%%writefile net.py\n{KL}", 2),
        (f"files = !ls\njt.nn?\nwords = ('%d'\n  % 3)\n{KL}", 5),
        (f"for x in y:\n    %time x\n{KL}", 3),
        (f"await x\n{KL}", 2),
        (f"from __future__ import annotations\nx = '\\d'\n{KL}", 3),
        (f"%%bash\n{KL}", None),
        (f"%%cython\ncdef int x\n{KL}", None),
        (f"'''\n{KL}'''", None),
    ],
)
def test_cells(tmp_path, source, line):
    path = tmp_path / "a.ipynb"
    cells = [cell(["# A port"], "markdown"), cell("import jittor as jt"), cell(source), cell("")]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))
    assert [(t.cell, t.line) for t in check_source(path)] == ([(3, line)] if line else [])


def test_notebooks(tmp_path, capsys):
    old = {"cell_type": "code", "input": ["import jittor as jt\n", KL]}
    (tmp_path / "old.ipynb").write_text(json.dumps({"worksheets": [{"cells": [old]}]}))
    bad = {"cells": [cell("print 'two'"), cell("import jittor as jt"), cell(KL)]}
    (tmp_path / "bad.ipynb").write_text(json.dumps(bad))
    (tmp_path / "renamed.py").write_text(json.dumps(bad, indent=1))
    copies = tmp_path / ".ipynb_checkpoints"
    copies.mkdir()
    (copies / "bad-checkpoint.ipynb").write_text(json.dumps(bad))
    assert check_files([str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert f"{tmp_path}/old.ipynb:cell 1:2: kl-of-zero" in out
    for name in ("bad.ipynb", "renamed.py"):
        assert f"{tmp_path}/{name}:cell 3:1: kl-of-zero" in out
        assert f"{tmp_path}/{name}, cell 1: found no Python (SyntaxError" in err
    assert "3 traps in 3 files; 2 cells not read" in out and "checkpoint" not in out + err
    with pytest.raises(DataError, match=r"bad\.ipynb, cell 1: found no Python"):
        check_source(tmp_path / "bad.ipynb")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"cells": 3}', '{"cells": [3]}', '{"cells": [{}]}', "{}",
                '{"cells": [{"cell_type": "code", "source": 3}]}', '{"a":' * 9000, "\0", "\ufeff"],
)  # fmt: skip
def test_notebooks_that_are_none(tmp_path, content):
    path = tmp_path / "a.ipynb"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.ipynb: found no notebook"):
        check_source(path)


@pytest.mark.parametrize(
    "content, line",
    [
        (b"# -*- coding: gbk -*-\nimport jittor as jt\n# \xd6\xd0\xce\xc4\n", 4),
        (b"#!/usr/bin/python\n# vim: fileencoding=latin-1\nimport jittor as jt  # \xe9\n", 4),
        (b"\xef\xbb\xbfimport jittor as jt\r\n", 2),
        (b"import jittor as jt\n\x0c\n", 3),
    ],
    ids=["GBK", "Latin-1", "mark", "form feed"],
)
def test_encodings(tmp_path, content, line):
    path = tmp_path / "a.py"
    path.write_bytes(content + KL.encode())
    assert [t.line for t in check_source(path)] == [line]


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


@pytest.mark.parametrize(
    "content",
    [b"def f(:\n", b"\xff\xfe\x00\x01", b"x = 1\x00", b"# coding: klingon\n", b"# coding: hex\n",
     "# 中文".encode("gbk"), b"print 'two'\n"],
)  # fmt: skip
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
    (inside / "e.py").symlink_to("e.py")
    (inside / "loop").symlink_to(inside)
    (outside / "d.py").write_text(trap)
    (inside / "d.py").symlink_to(outside / "d.py")
    (inside / "outside").symlink_to(outside)
    (inside / "\x1b[2J.py").write_text(trap)
    assert check_files([str(inside)]) == 1
    out, err = capsys.readouterr()
    for name in "abce":
        assert f"{inside / name}.py: found" in err
    assert f"{inside}/x.py/z.py:3: backward-is-a-stub" in out and "d.py" not in out
    assert "\\x1b[2J.py:3" in out and "\x1b" not in out
    assert "2 traps in 2 files; 4 files not read" in out
    (inside / "x.py" / "z.py").unlink()
    (inside / "\x1b[2J.py").unlink()
    assert check_files([str(inside)]) == 1  # what was not read may have traps
