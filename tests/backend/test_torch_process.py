"""Lines of PyTorch in a process of its own, and the answers stored for machines without it."""

import json

import numpy as np
import pytest

from jacklib.backend import torch_process
from jacklib.backend.torch_process import find_torch, from_json, key, pytorch, recording, to_json
from jacklib.errors import DataError

X = np.float32([[1, 2, 3]])
needs_torch = pytest.mark.skipif(find_torch() is None, reason="needs PyTorch")


@pytest.mark.parametrize(
    "value",
    [
        1, 2.5, "text", None, True, [1, [2]], (1, ("a", None)), {"a": (1, 2)}, {1: [2.0]},
        np.float32([[0.1, 2e-9], [3, -1]]), np.arange(3), np.zeros((0, 2)), np.array([True]),
        np.float32([np.nan, np.inf]), (np.ones(2), {"b": np.float32(7)}),
    ],
)  # fmt: skip
def test_values_come_back_as_they_were(value):
    back = from_json(json.loads(json.dumps(to_json(value))))
    assert type(back) is type(value)
    for ours, theirs in zip(
        *(v if isinstance(v, tuple) else [v] for v in (back, value)), strict=True
    ):
        if isinstance(theirs, np.ndarray):
            assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
            assert np.array_equal(ours, theirs, equal_nan=theirs.dtype.kind == "f")
        elif not isinstance(theirs, dict):
            assert ours == theirs


def test_the_key_is_of_code_and_inputs():
    keys = {
        key("x + 1", {"x": X}), key("x + 2", {"x": X}), key("x + 1", {"x": X + 1}),
        key("x + 1", {"y": X}), key("x + 1", {"x": X.astype(np.float64)}),
        key("x + 1", {"x": X.T}), key("x + 1", {}),
    }  # fmt: skip
    assert len(keys) == 7
    assert key("x + 1", {"x": X}) == key("x + 1", {"x": X.copy()})


@pytest.fixture
def without_torch(monkeypatch, tmp_path):
    monkeypatch.setattr(torch_process, "find_torch", lambda: None)
    monkeypatch.setattr(torch_process, "ANSWERS", tmp_path)
    monkeypatch.setattr(torch_process, "_told", False)
    return tmp_path


def test_a_stored_answer_serves(without_torch, capsys):
    for number, answer in (("01", 5.0), ("02", 6.0)):
        code = f"x.sum() + {number[1]}"
        torch_process._store(
            without_torch / f"{number}.json", key(code, {"x": X}), answer, "PyTorch 9"
        )
    assert pytorch("x.sum() + 1", x=X) == 5.0
    assert pytorch("\n    x.sum() + 2\n", x=X) == 6.0  # indented as in a cell
    assert capsys.readouterr().out.count("stored ones, of PyTorch 9") == 1  # said once


def test_without_an_answer(without_torch):
    with pytest.raises(DataError, match="no PyTorch on this machine, and no stored answer.*JACK_T"):
        pytorch("x.sum()", x=X)


def test_answers_are_added_to_a_file(tmp_path):
    path = tmp_path / "05.json"
    torch_process._store(path, "b", 1, "PyTorch 1")
    torch_process._store(path, "a", np.float32([0.1]), "PyTorch 2")
    stored = json.loads(path.read_text())
    assert stored["version"] == "PyTorch 2" and list(stored["answers"]) == ["a", "b"]
    assert "0.1," not in path.read_text() and "[0.1]" in path.read_text()  # shortest digits
    assert [p.name for p in tmp_path.iterdir()] == ["05.json"]


def test_a_failed_build_keeps_the_answers(without_torch):
    (without_torch / "05.json").write_text("old")
    (without_torch / "06.json").write_text("another")
    with pytest.raises(KeyError), recording("05") as environment:
        assert environment == {"JACK_RECORD": "05"}
        assert not (without_torch / "05.json").exists()
        (without_torch / "05_new.npz").write_text("half")
        raise KeyError
    assert {p.name: p.read_text() for p in without_torch.iterdir()} == {
        "05.json": "old", "06.json": "another",
    }  # fmt: skip


def test_a_python_that_is_not_there(monkeypatch):
    monkeypatch.setenv("JACK_TORCH_PYTHON", "/nowhere/python")
    with pytest.raises(DataError, match="JACK_TORCH_PYTHON: found '/nowhere/python'"):
        find_torch.__wrapped__()


def test_a_python_without_pytorch(monkeypatch):
    monkeypatch.setenv("JACK_TORCH_PYTHON", "/bin/false")
    with pytest.raises(DataError, match="'/bin/false', a Python without PyTorch"):
        find_torch.__wrapped__()


@needs_torch
def test_live():
    values, shape, names = pytorch("y = x.softmax(dim=1)\ny, y.shape, {'a': 3}", x=X)
    assert values.dtype == np.float32 and shape == (1, 3) and names == {"a": 3}
    assert values.sum() == pytest.approx(1)
    with pytest.raises(DataError, match="RuntimeError.*wanted PyTorch code that runs"):
        pytorch("torch.zeros(3) @ torch.zeros(4)")
    assert pytorch("1 + 1") == 2  # the process lives on
    assert pytorch("y = 1") is None
    with pytest.raises(DataError, match="NameError"):
        pytorch("y")  # names do not last


@needs_torch
@pytest.mark.parametrize("path", sorted(torch_process.ANSWERS.glob("*.json")), ids=lambda p: p.stem)
def test_stored_answers_are_of_this_version(path):
    version = json.loads(path.read_text())["version"]
    assert version.startswith("PyTorch 2.13")


def test_a_damaged_file_of_answers_holds_none(without_torch, tmp_path):
    for content in ("{", "[]", '{"answers": []}', "[" * 100_000, "\udcff"):
        path = tmp_path / "00.json"
        path.write_text(content, encoding="utf-8", errors="surrogateescape")
        assert torch_process._stored(path, content) == {"answers": {}}
