"""`porting changes`: the two files of a network side by side."""

import pytest

from jacklib.core.networks import KEYS
from jacklib.errors import DataError
from jacklib.porting.changes import KINDS, count_changes, side_by_side, sources, table

REFERENCE = '''"""A network."""

import torch
from torch import Tensor, nn


class Net(nn.Module):
    def __init__(self, n: int):
        super().__init__()
        self.fc = nn.Linear(n, n)  # a comment

    def forward(self, x: Tensor) -> Tensor:
        # scale first
        x = torch.sigmoid(self.fc(x))
        y = x.flatten(0, 1)
        return y.clamp(min=0)
'''
PORT = '''"""The same network."""

import jittor as jt
from jittor import nn


class Net(nn.Module):
    def __init__(self, n: int):
        self.fc = Linear(n, n)

    def execute(self, x):
        x = jt.sigmoid(self.fc(x))
        d = x.shape[2]
        y = x.reshape(-1, d)
        return y.clamp(min=0)
'''


def kind_of(rows, port=None, reference=None):
    (row,) = [
        r for r in rows
        if (port is None or (r.port or "").strip() == port)
        and (reference is None or (r.reference or "").strip().startswith(reference))
    ]  # fmt: skip
    return row.kind


def test_kinds():
    rows = side_by_side(REFERENCE, PORT)
    assert kind_of(rows, port="import jittor as jt") == "import"
    assert kind_of(rows, reference="super().__init__()") == "name"
    assert kind_of(rows, port="self.fc = Linear(n, n)") == "name"
    assert kind_of(rows, port="def execute(self, x):") == "name"
    assert kind_of(rows, port="x = jt.sigmoid(self.fc(x))") == "name"
    assert kind_of(rows, port="d = x.shape[2]") == "port"
    assert kind_of(rows, port="y = x.reshape(-1, d)", reference="y = x.flatten") == "call"
    assert kind_of(rows, port="return y.clamp(min=0)") == ""
    assert kind_of(rows, reference="# scale first") == "text"
    assert kind_of(rows, port='"""The same network."""') == "text"


def test_every_line_is_there_once_and_in_order():
    for network in KEYS:
        reference, port = sources(network)
        rows = side_by_side(reference, port)
        for text, at, number in ((reference, 1, 0), (port, 3, 2)):
            found = [row for row in rows if row[number] is not None]
            assert [row[number] for row in found] == list(range(1, len(text.splitlines()) + 1))
            assert [row[at] for row in found] == text.splitlines()


def test_a_file_beside_itself_changes_nothing():
    assert {row.kind for row in side_by_side(PORT, PORT)} <= {"", "text"}


def test_counts():
    counts = count_changes()
    assert list(counts) == list(KEYS)
    for row in counts.values():
        assert row["total"] == sum(row[kind] for kind in KINDS)
        assert 0 < row["total"] < row["lines"]
    assert count_changes("tsl") == {"tsl": counts["tsl"]}
    lines = table(counts).splitlines()
    assert len(lines) == 2 + len(KEYS) and lines[0].startswith("| network | import |")
    with pytest.raises(
        DataError, match="network: found 'x', wanted one of vaanet, cten, tsl, gait"
    ):
        count_changes("x")
