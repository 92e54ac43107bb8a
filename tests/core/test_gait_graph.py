"""The skeleton: joints, bones and the adjacency that the network multiplies with."""

import numpy as np
import pytest

from jacklib.core.skeleton import Graph
from jacklib.measure.golden_numbers import Golden


def test_adjacency_is_the_released_codes():
    A = Graph().A
    assert A.shape == (3, 16, 16) and A.dtype == np.float32
    np.testing.assert_array_equal(A, Golden("bpm_gcn").arrays["graph_A"])


def test_every_joint_but_the_root_hangs_on_one_other():
    graph = Graph()
    assert len(graph.joint_names) == len(set(graph.joint_names)) == 16
    parent = dict(graph.edges)
    assert len(graph.edges) == 15 and sorted(parent) == list(range(1, 16))
    for joint in range(16):
        steps = 0
        while joint:
            joint, steps = parent[joint], steps + 1
        assert steps <= 5
    names = {graph.joint_names[c]: graph.joint_names[p] for c, p in graph.edges}
    for side in ("left", "right"):
        chain = [f"{side} hand", f"{side} elbow", f"{side} shoulder", "neck", "spine", "root"]
        assert [names[joint] for joint in chain[:-1]] == chain[1:]
        chain = [f"{side} foot", f"{side} knee", f"{side} hip", "root"]
        assert [names[joint] for joint in chain[:-1]] == chain[1:]


def test_parts_gather_what_their_names_say():
    """y[w] = sum over v of x[v] A[part, v, w], with a joint's number as its value."""
    graph = Graph()
    assert graph.part_names == ("self", "inward", "outward")
    own, inward, outward = np.arange(16.0) @ graph.A
    parent = dict(graph.edges)
    np.testing.assert_array_equal(own, np.arange(16))
    np.testing.assert_array_equal(inward, [parent.get(w, 0) for w in range(16)])
    for w in range(16):
        children = [c for c, p in graph.edges if p == w]
        assert outward[w] == pytest.approx(np.mean(children) if children else 0, rel=1e-6)
    for part in graph.A[1:]:
        np.testing.assert_allclose(part.sum(0)[part.any(0)], 1)
