"""`bench` measures what it says: the shape of its results, never their size."""

import os
import statistics

import numpy as np
import pytest
from support.tiny import TINY

from jacklib.core.example_inputs import POINTS, tsl_videos
from jacklib.measure import bench
from jacklib.networks import TSLNet, TSLNetConfig


@pytest.fixture(scope="module", params=("vaanet", "tsl", "gait"))
def measured(request):
    """A network's name and what `measure` gives for it."""
    network = request.param
    return network, bench.measure(network, TINY[network], 2, rounds=3, warm_up=1, clips=8)


def test_every_turn_is_counted(measured):
    network, results = measured
    for result in results.values():
        assert result.keys() == {"about", *bench.OPERATIONS[network]}
        for operation in bench.OPERATIONS[network]:
            assert len(result[operation]["seconds"]) == 3
            assert min(result[operation]["seconds"]) > 0
            assert result[operation]["peak"] > 2**20
    parameters = {result["about"]["parameters"] for result in results.values()}
    assert len(parameters) == 1 or "PyTorch" not in results


def test_table_gives_the_medians_it_was_given(measured):
    network, results = measured
    text = bench.table(results, "title")
    for result in results.values():
        for operation in bench.OPERATIONS[network]:
            assert f"{statistics.median(result[operation]['seconds']):.3f} s" in text
    for operation, words in bench.WORDS.items():
        assert (f"\n| {words} | Jittor |" in text) == (operation in bench.OPERATIONS[network])
    assert text.count("Jittor / PyTorch") == ("PyTorch" in results) * len(bench.OPERATIONS[network])


def test_a_clock_that_does_not_wait_is_told_apart(measured):
    network, results = measured
    text, row = bench.table(results, "title"), "| forward pass in training, read without waiting |"
    assert text.count(row) == (network == "tsl")
    if network == "tsl":
        forward = results["Jittor"]["forward"]
        assert len(forward["unwaited"]) == 3
        assert all(
            0 < unwaited < seconds
            for unwaited, seconds in zip(forward["unwaited"], forward["seconds"], strict=True)
        )
        assert f"{row} Jittor | {statistics.median(forward['unwaited']):.4f} s |" in text
        assert "PyTorch" not in results or "unwaited" not in results["PyTorch"]["forward"]


def test_videos_for_tsl_net():
    net = TSLNet(TSLNetConfig(**TINY["tsl"]))
    videos = tsl_videos(net.config, 2, 9, seed=3)
    again = tsl_videos(net.config, 2, 9, seed=3)
    assert len(videos) == 2 and not np.array_equal(videos[0][0], videos[1][0])
    for video, same in zip(videos, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(video, same, strict=True))
        assert {array.dtype for array in video} == {np.dtype("float32")}
        rgb, logmel, labels, shares, points = video
        assert rgb.shape == (1, 9, 8) and logmel.shape == (1, 9, 32, 60)
        assert points.shape == (1, 9, 2)
        counts = (points[0] == np.float32(0.9)).sum(0)
        assert counts.sum() == POINTS == (points[0].max(1) > 0).sum()
        np.testing.assert_allclose(shares[0], counts / POINTS)
        np.testing.assert_array_equal(labels, shares > 0)


def test_a_failing_request_is_reported():
    worker = bench.Worker(*bench.programs("cpu")["Jittor"])
    try:
        with pytest.raises(RuntimeError, match="network: found 'resnet'"):
            worker.ask("load", network="resnet")
    finally:
        worker.close()


def test_the_overview_names_what_is_slower():
    def side(*seconds):
        return {op: {"seconds": list(seconds), "peak": 100} for op in bench.OPERATIONS["gait"]}

    results = {"Jittor": side(2.0, 9.0, 1.0), "PyTorch": side(1.0, 1.0, 1.0)}
    everything = {"gait": {"paper": results}, "cten": {"paper": {"Jittor": side(1.0)}}}
    rows = bench.ratios(everything)
    assert rows == [("gait", "paper", "inference", 2.0, 1.0), ("gait", "paper", "train", 2.0, 1.0)]
    text = bench.overview(everything)
    assert "| gait | paper | training step | **2.00** | 1.00 |" in text
    assert text.endswith("Slower than PyTorch: gait paper inference (2.00); gait paper training "
                         "step (2.00).")  # fmt: skip
    results["Jittor"] = side(0.5)
    assert bench.overview(everything).endswith("Slower than PyTorch: none.")


def test_memory_that_the_driver_does_not_tell_is_not_called_a_number():
    def results(jittor, pytorch):
        turn = {"seconds": [1.0], "first": 1.0}
        return {name: {op: turn | {"peak": peak} for op in ("inference", "train")}
                for name, peak in (("Jittor", jittor), ("PyTorch", pytorch))}  # fmt: skip

    for pair in ((0, 0), (0, 1 << 30), (1 << 30, 0)):
        both = bench.table(results(*pair), "") + bench.overview({"gait": {"paper": results(*pair)}})
        assert "unknown" in both and "nan" not in both and "| 0 MiB" not in both
    known = bench.table(results(1 << 30, 1 << 31), "")
    assert "| 1024 MiB |" in known and "**0.50**" in known and "unknown" not in known


def test_memory_of_the_card_as_the_driver_tells_it(tmp_path, monkeypatch):
    driver = tmp_path / "nvidia-smi"
    driver.write_text(
        '#!/bin/sh\ncase "$1" in\n'
        '*compute-apps*) printf "12, 300\\n77, [N/A]\\n12, 20\\n" ;;\n'
        '*) printf "1024\\n[N/A]\\n512\\n" ;;\nesac\n'
    )
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert bench.gpu_memory(12) == 320 << 20
    assert bench.gpu_memory(77) == bench.gpu_memory(1) == 0
    assert bench.card_memory() == 1536 << 20
    driver.write_text("#!/bin/sh\necho no devices were found\nexit 9\n")
    assert bench.gpu_memory(12) == bench.card_memory() == 0
