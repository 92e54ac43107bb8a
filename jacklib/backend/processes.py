"""Processes of Python."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from jacklib.backend.folders import ROOT

_PARENT = "JACKLIB_PARENT"


def in_mpi() -> bool:
    """Whether mpirun (OpenMPI) started this process."""
    return "OMPI_COMM_WORLD_SIZE" in os.environ


class Child(subprocess.Popen):
    """A Python process that works for this one: every one that we start is made here.

    words: what stands behind the interpreter, such as ["-m", "jacklib.cli.warmup"]; paths in it
    must be absolute. It runs in the folder that holds jacklib, since Python looks for modules where
    it is started, and that may be a folder of downloads or /tmp. It is no part of what mpirun
    started. It and all that it starts end with this process, even if that is killed (see
    `watch_parent`), and with a `with` block that an exception leaves.
    """

    def __init__(self, words: Sequence[str], *, python: str | None = None,
                 env: dict[str, str] | None = None, **options: Any):  # fmt: skip
        env = dict(os.environ if env is None else env)
        added = filter(os.path.isabs, env.get("PYTHONPATH", "").split(os.pathsep))
        env["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(ROOT), *added]))
        env = {k: v for k, v in env.items() if not k.startswith(("OMPI_", "PMIX_"))}
        super().__init__([python or sys.executable, *words], cwd=ROOT,
            env=env | {_PARENT: str(os.getpid())}, start_new_session=True, **options)  # fmt: skip

    def end(self) -> None:
        """Kill what is left of it and of what it has started."""
        if self.poll() != 0:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def __exit__(self, *about: Any) -> None:
        self.end()
        super().__exit__(*about)


class Worker(Child):
    """A `Child` that answers requests, see `serve`. module: what it runs."""

    def __init__(self, module: str, python: str | None, env: dict[str, str]):
        super().__init__(["-m", module], python=python, env=env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip

    def ask(self, op: str, **arguments: Any) -> Any:
        """Send one request. Raises RuntimeError with the worker's own message if it failed, and if
        the process has ended."""
        line = ""
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps({"op": op, **arguments}), file=self.stdin, flush=True)
            line = self.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that answers ended with {self.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def close(self) -> None:
        self.stdin.close()
        self.wait()


def serve(methods: Any) -> None:
    """In a `Worker`: answer requests until the input ends.

    One JSON object a line comes in on stdin, such as {"op": "load", "network": "vaanet"}: a method
    and its arguments. What it gives goes out on stdout, {"error": "..."} where it failed. Whatever
    else is printed goes to stderr: every line of stdout is parsed.
    """
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        try:
            request = json.loads(line)
            reply = json.dumps(getattr(methods, request.pop("op"))(**request))
        except Exception as error:  # a bad request must not end the process that others wait on
            reply = json.dumps({"error": f"{type(error).__name__}: {error}"})
        print(reply, file=replies, flush=True)


def run_child(words: Sequence[str], *, capture_output: bool = False, timeout: float | None = None,
              **options: Any) -> subprocess.CompletedProcess:  # fmt: skip
    """What `subprocess.run` does, with a `Child`."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Child(words, **options) as child:
        out, err = child.communicate(timeout=timeout)
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def output_of(*command: str, timeout: float = 20, **options: Any) -> str:
    """What another program prints; nothing if there is none, or if it fails or takes too long."""
    try:
        done = subprocess.run(
            command, capture_output=True, check=True, errors="replace", timeout=timeout, **options
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def watch_parent() -> None:
    """In a `Child`: end, with all that was started here, as soon as the parent is gone.

    The system's own signal for that (PR_SET_PDEATHSIG) does not reach grandchildren.
    """
    parent = int(os.environ.pop(_PARENT, "0"))
    if not parent or os.getpgrp() != os.getpid():
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="watches the parent").start()
