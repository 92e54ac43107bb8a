"""The Jittor side of `bench`: a process that runs a network and answers with times.

    python -m jacklib.measure.jittor_session

The requests it answers are listed in `jacklib.measure.protocol`.
"""

from __future__ import annotations

import os
import time
from typing import Any

from jacklib.backend import folders, runtime
from jacklib.core.example_inputs import (
    clip_inputs,
    erased,
    gait_inputs,
    tsl_videos,
    vaanet_positive,
)
from jacklib.measure.protocol import (
    CLASSES,
    LEARNING_RATE,
    MOMENTUM,
    WEIGHT_DECAY,
    check_network,
    serve,
)


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
        from jacklib.ops import SGD, Adam

        check_network(network)
        self.net = self.optimizer = None
        runtime.seed(seed)
        name = CLASSES[network]
        net = getattr(networks, name)(getattr(networks, f"{name}Config")(**(config or {})))
        lr, parameters = LEARNING_RATE[network], net.parameters()
        self.network = network
        if network == "tsl":
            videos = tsl_videos(net.config, batch, clips, seed)
            self.videos = [[jt.array(array) for array in video] for video in videos]
            self.inputs, self.labels = self.videos[0][:2], self.videos[0][2:3]
            parameters = net.parameter_groups(lr)
        elif network == "gait":
            arrays = [jt.array(array) for array in gait_inputs(net.config, batch, seed)]
            self.inputs, self.labels = arrays[:2], ()
            self.target, self.affective = arrays[2].numpy(), arrays[3]
        else:
            visual, audio, target = clip_inputs(net.config, batch, seed)
            self.inputs, self.labels = (jt.array(visual), jt.array(audio)), ()
            self.target = jt.array(target)
            self.later = [jt.array(v) for v in erased(visual)] if network == "cten" else []
        decay = WEIGHT_DECAY[network]
        if network == "gait":
            self.optimizer = SGD(parameters, lr, MOMENTUM, decay, nesterov=True)
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
            output = self.net(*self.inputs)
            output[0].sync()
        jt.sync_all(True)
        return {"seconds": time.perf_counter() - start}

    def forward(self) -> dict[str, Any]:
        """One forward pass in training mode; "unwaited" is read before anything is computed."""
        import jittor as jt

        self.net.train()
        jt.sync_all(True)
        start = time.perf_counter()
        output = self.net(*self.inputs, *self.labels)
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
        value = 0.0
        for part in getattr(self, f"_{self.network}_loss")():
            self.optimizer.backward(part)
            self.optimizer.sync()
            value += part.item()
            jt.sync_all()
            del part
        self.optimizer.gradient_sum().sync()
        self.optimizer.step()
        jt.sync_all(True)
        return {"seconds": time.perf_counter() - start, "loss": value}

    def _vaanet_loss(self):
        from jacklib.networks.losses import pcce

        logits = self.net(*self.inputs).logits
        yield pcce(logits, self.target, vaanet_positive(self.net.config.n_classes))

    def _cten_loss(self):
        from jacklib.core.erasing import kept_segments
        from jacklib.ops import cross_entropy

        first, audio = self.inputs

        def one_pass(visual):
            output = self.net(visual, audio)
            if visual is first:
                kept_segments(output.gamma)  # the passes to come wait for it
            return cross_entropy(output.logits, self.target) / 3

        for visual in (first, *self.later):
            yield one_pass(visual)

    def _tsl_loss(self):
        from jacklib.networks.losses import TSLLoss

        criterion = TSLLoss()

        def one_video(rgb, logmel, labels, shares, points):
            output = self.net(rgb, logmel, labels)
            return criterion(output, labels, shares, points)["total"] / len(self.videos)

        for video in self.videos:
            yield one_video(*video)

    def _gait_loss(self):
        from jacklib.networks.losses import bpm_gcn_loss

        yield bpm_gcn_loss(self.net(*self.inputs), self.target, self.affective)["total"]

    def about(self) -> dict[str, Any]:
        """Which Jittor this is and how many threads it uses."""
        threads = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
        return {
            "version": f"Jittor {folders.JITTOR_VERSION} ({runtime.device()})",
            "threads": threads,
        }


if __name__ == "__main__":
    serve(JittorSession())
