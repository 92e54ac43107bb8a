"""The Jittor side of `bench`: a process that runs a network and answers with times.

    python -m jacklib.measure.jittor_session

The requests it answers are methods of `protocol.Session`.
"""

import os
from collections.abc import Iterable
from typing import Any

import jittor as jt

from jacklib import networks, ops
from jacklib.backend import folders, runtime
from jacklib.backend.processes import serve
from jacklib.measure import protocol
from jacklib.measure.protocol import Session
from jacklib.networks import losses


class JittorSession(Session):
    """`Session` in Jittor."""

    lazy = True
    losses, optim = losses, ops
    tensor, numpy, no_grad = staticmethod(jt.array), staticmethod(jt.Var.numpy), jt.no_grad

    def build(self, kind: str, options: Any, seed: int) -> jt.nn.Module:
        runtime.seed(seed)
        return getattr(networks, kind)(options)

    def sizes(self, net: jt.nn.Module) -> list[tuple[int, bool]]:
        return [
            (value.numel(), not value.is_stop_grad())
            for name, value in net.state_dict().items()
            if ".running_" not in name  # a statistic; parameters() would have it
        ]

    def wait(self, output: Any = None) -> None:
        if output is not None:
            output[0].sync()
        jt.sync_all(True)

    def step(self, losses: Iterable[jt.Var]) -> float:
        # As `jacklib.training.loop.fit` takes it.
        value = self.optimizer.gather(losses)
        self.optimizer.gradient_sum().sync()
        self.optimizer.step()
        return value

    def about(self) -> dict[str, Any]:
        threads = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
        version = f"Jittor {folders.JITTOR_VERSION} ({runtime.device()})"
        return {"version": version, "threads": threads}

    def train_run(self, **job: Any) -> dict[str, Any]:
        """With what users run."""
        from jacklib.data.tsl300 import UntrimmedVideos
        from jacklib.methods import tsl
        from jacklib.weights.checkpoint import load_weights

        job = protocol.Job(**job)
        net = self.build("TSLNet", networks.TSLNetConfig(**job.config), job.seed)
        load_weights(net, protocol.read_arrays(f"{job.folder}/weights.npz"))
        training, testing = (UntrimmedVideos(job.root, s, seed=job.seed) for s in ("train", "test"))
        samples = [training.load(i) for i in range(len(training))]
        jt.sync_all(True)

        before = protocol.reset_peak()["rss"]
        clock = tsl.Clock(lambda: protocol.memory()["peak_rss"])
        run = tsl.Run(f"{job.folder}/run", job.seed, show=False)
        tsl.train(
            net, training, testing, schedule=tsl.Schedule(**job.schedule), run=run, clock=clock
        )
        scores = tsl.test(net, testing).scores.values()

        self.net, unwaited = net, []
        for sample in samples:
            self.passes = [((*tsl.inputs(sample), sample.labels[None]), ())]
            unwaited.append(self.forward()["unwaited"])
        return {
            "forward": clock.forward, "iterations": clock.iterations, "unwaited": unwaited,
            "before": before, "peak": clock.peak,
            "scores": [[array.tolist() for array in pair] for pair in scores],
        }  # fmt: skip


if __name__ == "__main__":
    serve(JittorSession())
