"""Training in several processes: `mpirun -np N python -m jacklib METHOD main ...`.

Jittor's MPI (OpenMPI; NCCL between GPUs) sums arrays over the processes. Each process takes its
part of every batch, so the batch stays what it is in one process: the loss is the mean over the
whole batch, and so are the gradients. Process 0 alone evaluates, prints and writes. Every process
must call each function below as often, and in the same order, as the others: those that the others
wait for. With one process they do nothing and cost nothing.

Source of what is synchronised: Ioffe and Szegedy's batch normalisation over the whole batch instead
of a process's part, as "Sync BN" of the field.
"""

import json
import os
import sys
from typing import Any

import jittor as jt
import numpy as np

from jacklib.errors import refuse_as


def world_size() -> int:
    """Number of processes that mpirun started (1 without it)."""
    return int(os.environ.get("OMPI_COMM_WORLD_SIZE", "1"))


def rank() -> int:
    """Number of this process, from 0."""
    return int(os.environ.get("OMPI_COMM_WORLD_RANK", "0"))


def part(indices: np.ndarray) -> np.ndarray:
    """This process's part of a batch: process 0 has the first samples, and so on.

    Raises DataError, in all processes alike, if one would be left without a sample.
    """
    refuse_as("batch too small", world_size() > max(1, len(indices)), "batch_size", n=len(indices),
              processes=world_size())  # fmt: skip
    return np.array_split(indices, world_size())[rank()]


def total(values) -> np.ndarray:
    """The sum over all processes of a few values, float64."""
    array = np.atleast_1d(np.asarray(values, np.float64))
    if world_size() == 1:
        return array
    return jt.array(array).float64().mpi_all_reduce("add").numpy()


def everywhere(answer: bool) -> bool:
    """Logical AND over all processes: for what all must do, or none."""
    return bool(total([not answer])[0] == 0)


def from_all(value: Any) -> list[Any]:
    """Every process's value (of plain JSON types) in all processes."""
    return [from_first(value, process) for process in range(world_size())]


def from_first(value: Any, process: int = 0) -> Any:
    """Process 0's value (of plain JSON types), or another's, in all processes."""
    if world_size() == 1:
        return value
    data = np.frombuffer(json.dumps(value).encode(), np.uint8).copy()
    length = np.array([len(data)], np.int32)
    jt.mpi.broadcast(length, process)
    if rank() != process:
        data = np.zeros(int(length[0]), np.uint8)
    jt.mpi.broadcast(data, process)
    return json.loads(data.tobytes())


def add_gradients(optimizer) -> None:
    """Sum the optimizer's gathered gradients over all processes.

    A gradient that is absent here and present elsewhere counts as zeros.
    """
    if world_size() == 1:
        return
    present = total([g is not None for g in optimizer.gradients])
    for i, p in enumerate(optimizer.params):
        if present[i] and optimizer.gradients[i] is None:
            optimizer.gradients[i] = jt.zeros(p.shape).stop_grad()
    optimizer.sync()  # the sums below then wait for nothing, and come in one order everywhere
    for i, gradient in enumerate(optimizer.gradients):
        if gradient is not None:
            optimizer.gradients[i] = gradient.mpi_all_reduce("add").stop_grad()
    optimizer.sync()


def same_start(net: jt.nn.Module) -> None:
    """Give all processes process 0's parameters and buffers."""
    if world_size() == 1:
        return
    for value in net.state_dict().values():
        value.update(value.mpi_broadcast(0))
    jt.sync_all()


def average_statistics(net: jt.nn.Module) -> None:
    """The mean over processes of batch normalisation's running statistics.

    For before they are used or saved: without `synchronised` each process collects its own.
    """
    if world_size() == 1:
        return
    for name, value in net.state_dict().items():
        if ".running_" in name:
            value.update(value.mpi_all_reduce("add") / world_size())
    jt.sync_all()


def synchronise_batch_norm(net: jt.nn.Module) -> None:
    """Let every BatchNorm of `net` normalise with the moments of the whole batch."""
    from jacklib.ops import BatchNorm

    for module in net.modules():
        if isinstance(module, BatchNorm):
            module.synchronised = world_size() > 1


def check_alone(what: str) -> None:
    """Raise DataError if several processes would do the same work and write the same files."""
    refuse_as("several processes", world_size() > 1, what, n=world_size())


def leave(code: int) -> int:
    """End a process of several: at once where it failed, so that mpirun ends the others too.

    Python's own way out would wait in MPI_Finalize for processes that wait for this one.
    """
    if world_size() > 1 and code != 0:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
