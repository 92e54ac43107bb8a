"""`bench` measures what it says: the shape of its results, never their size."""

import statistics

import pytest

from jacklib import bench

TINY = {
    "seq_len": 2, "snippet_duration": 4, "sample_size": 32, "audio_n_segments": 1,
    "audio_embed_size": 8, "blocks": (1, 1), "width": 8, "audio_width": 4, "embed_size": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def results():
    return bench.measure("vaanet", TINY, 2, rounds=3, warm_up=1)


def test_every_turn_is_counted(results):
    for result in results.values():
        for operation in bench.OPERATIONS:
            assert len(result[operation]["seconds"]) == 3
            assert min(result[operation]["seconds"]) > 0
            assert result[operation]["peak"] > 2**20
    parameters = {result["about"]["parameters"] for result in results.values()}
    assert len(parameters) == 1 or "PyTorch" not in results


def test_table_gives_the_medians_it_was_given(results):
    text = bench.table(results, "title")
    for result in results.values():
        assert f"{statistics.median(result['train']['seconds']):.3f} s" in text


def test_a_failing_request_is_reported():
    worker = bench.Worker(bench.sys.executable, "jacklib.bench", {})
    try:
        with pytest.raises(RuntimeError, match="network: found 'resnet'"):
            worker.ask("load", network="resnet")
    finally:
        worker.close()
