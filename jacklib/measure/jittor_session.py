"""The Jittor side of `bench`: a process that runs a network and answers with times.

    python -m jacklib.measure.jittor_session

The requests it answers are listed in `jacklib.measure.protocol`.
"""

from __future__ import annotations

import os
import time
from typing import Any

from jacklib.backend import folders, runtime
from jacklib.core.erasing import kept_segments
from jacklib.core.networks import network as table_of
from jacklib.measure.protocol import serve


class JittorSession:
    """The one network loaded at a time, with its inputs and its optimizer."""

    def load(
        self,
        network: str,
        config: dict[str, Any] | None = None,
        batch: int = 1,
        seed: int = 0,
        clips: int = 200,
    ) -> dict[str, Any]:
        """Build the network (weights from `seed`) and inputs for one batch."""
        import jittor as jt

        from jacklib import networks
        from jacklib.networks import losses
        from jacklib.ops import SGD, Adam

        self.net = self.optimizer = None
        table = table_of(network)
        runtime.seed(seed)
        options = table.config(**(config or {}))
        net = getattr(networks, table.kind)(options)
        self.network, self.loss = network, getattr(losses, f"{network}_loss")
        self.passes = [
            ([jt.array(a) for a in inputs], [jt.array(a) for a in targets])
            for inputs, targets in table.passes(options, batch, seed, clips)
        ]
        lr, decay = table.learning_rate, table.weight_decay
        parameters = net.parameter_groups(lr) if network == "tsl" else net.parameters()
        if table.momentum:
            self.optimizer = SGD(parameters, lr, table.momentum, decay, nesterov=True)
        else:
            self.optimizer = Adam(parameters, lr=lr, weight_decay=decay)
        self.net = net
        jt.sync_all(True)
        sizes = {True: 0, False: 0}
        for name, value in net.state_dict().items():
            if ".running_" not in name:  # a statistic; parameters() would have it
                sizes[value.is_stop_grad()] += value.numel()
        return {"parameters": sum(sizes.values()), "trainable": sizes[False]}

    def inference(self) -> dict[str, Any]:
        """One forward pass in evaluation mode, without gradients."""
        import jittor as jt

        self.net.eval()
        jt.sync_all(True)
        start = time.perf_counter()
        with jt.no_grad():
            output = self.net(*self.passes[0][0][:2])  # TSL-Net: without labels
            output[0].sync()
        jt.sync_all(True)
        return {"seconds": time.perf_counter() - start}

    def forward(self) -> dict[str, Any]:
        """One forward pass in training mode; "unwaited" is read before anything is computed."""
        import jittor as jt

        self.net.train()
        jt.sync_all(True)
        start = time.perf_counter()
        output = self.net(*self.passes[0][0])
        unwaited = time.perf_counter() - start
        output[0].sync()
        jt.sync_all(True)
        return {"seconds": time.perf_counter() - start, "unwaited": unwaited}

    def train(self) -> dict[str, Any]:
        """One whole training step on the batch, as `jacklib.training.loop.fit` takes it."""
        import jittor as jt

        self.net.train()
        jt.sync_all(True)
        start = time.perf_counter()
        value = self.optimizer.gather(self._losses())
        self.optimizer.gradient_sum().sync()
        self.optimizer.step()
        jt.sync_all(True)
        return {"seconds": time.perf_counter() - start, "loss": value}

    def _losses(self):
        for number, (inputs, targets) in enumerate(self.passes):
            output = self.net(*inputs)
            if self.network == "cten" and number == 0:
                kept_segments(output.gamma)  # the passes to come wait for it
            loss = self.loss(output, *targets) / len(self.passes)
            del output  # or it would hold its graph while the next one is built
            yield loss
            del loss

    def about(self) -> dict[str, Any]:
        """Which Jittor this is and how many threads it uses."""
        threads = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
        return {
            "version": f"Jittor {folders.JITTOR_VERSION} ({runtime.device()})",
            "threads": threads,
        }


if __name__ == "__main__":
    serve(JittorSession())
