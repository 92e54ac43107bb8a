"""What notebooks 01 and 09 show of Jittor's kernels."""

from types import SimpleNamespace

import jittor as jt
import numpy as np

from jacklib.measure.kernels import forget, kernels, loops


def chain():
    x = jt.array(np.ones((4, 5), np.float32))
    return (x * 3.5 - x.sqrt()).sum(1)


def test_a_fused_chain_is_one_kernel_whose_loops_can_be_read():
    (kernel,) = kernels(chain).values()
    assert {"multiply", "sqrt", "subtract", "add"} <= set(kernel.operators) and kernel.ms > 0
    text = loops(kernel)
    assert text.startswith("for (") and text.count("for (") == 2 and "std::sqrt" in text
    assert text.count("{") == text.count("}")


def test_unfused_it_is_several():
    assert len(kernels(chain, no_fuse=1)) > 3


def test_a_kernel_is_forgotten(tmp_path, monkeypatch):
    folder = tmp_path / "jit"
    folder.mkdir()
    for name in ("one.cc", "one.so", "two.cc"):
        (folder / name).write_text("word" if name.startswith("one") else "other")
    flags = SimpleNamespace(cache_path=str(tmp_path))
    monkeypatch.setattr("jacklib.measure.kernels.jt", SimpleNamespace(flags=flags))
    forget("word")
    assert [path.name for path in folder.iterdir()] == ["two.cc"]
