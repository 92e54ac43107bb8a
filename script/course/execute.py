"""Run one notebook for marking, in a process of its own: what it does wrong costs it its own cells.

    python -m script.course.execute IN.ipynb OUT.ipynb --seconds 20 --megabytes 4000

A cell that never ends is interrupted; one that kills its kernel, or takes too much memory, is left
out, and the others run again in a new one. `exit()` ends nothing. What a notebook did to the checks
is undone before each of them. Lessons' own cells that only draw are left out; trainings that were
made before are taken from where JACK_TRAINED says.
"""

import argparse
import ast
import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

LESSON_SECONDS = 900  # for one of the lesson's own cells, some of which train
DEATHS = 4  # new kernels that a notebook gets
STOPPED = {"ename": "Stopped", "traceback": [], "output_type": "error"}
START = "get_ipython().ask_exit = lambda *_: None"  # exit() in an answer ends no kernel
# The checks as they are in the package, whatever the notebook made of them.
FRESH = """
import sys as _sys
for _name in [n for n in _sys.modules if n.startswith("jacklib.teaching")]:
    del _sys.modules[_name]
from jacklib.teaching import classroom
classroom.language(globals().get("LANG", "en"))
"""


def run(page: NotebookNode, folder: Path, seconds: int, megabytes: int) -> NotebookNode:
    """Execute a notebook in place; errors stay where they happen. folder: where it runs."""
    left_out = {index for index, cell in enumerate(page.cells) if not _code(cell)}
    left_out |= set(only_drawn(page.cells))
    for _ in range(DEATHS + 1):
        guilty = _run_once(page, left_out, folder, seconds, megabytes)
        if guilty is None:
            return page
        index, words = guilty
        _stop(page.cells[index], words)
        left_out |= {k for k, cell in enumerate(page.cells) if was_stopped(cell)}
    for cell in page.cells[index:]:
        if is_check(cell):
            _stop(cell, "too many kernels died before it")
    return page


def _stop(cell: NotebookNode, words: str) -> None:
    cell.outputs = [nbformat.from_dict(STOPPED | {"evalue": words})]


def was_stopped(cell: NotebookNode) -> bool:
    """Whether a cell did not end by itself."""
    return any(output.get("ename") == "Stopped" for output in cell.get("outputs", ()))


def _run_once(
    page: NotebookNode, left_out: set[int], folder: Path, seconds: int, megabytes: int
) -> tuple[int, str] | None:
    """Run all cells but those left out in one kernel; the cell that killed it, and how, or None."""

    def executed(cell: NotebookNode, execute_reply: dict, **_: object) -> None:
        content = execute_reply["content"]
        if content.get("ename") == STOPPED["ename"]:  # nbclient has no output for it
            _stop(cell, content["evalue"])

    client = NotebookClient(
        page, kernel_name="python3", allow_errors=True, interrupt_on_timeout=True,
        timeout_func=lambda cell: seconds if is_students(cell) else LESSON_SECONDS,
        error_on_timeout=STOPPED | {"status": "error",
                                    "evalue": f"it did not end within {seconds} s"},
        resources={"metadata": {"path": str(folder)}}, store_widget_state=False,
        record_timing=False, on_cell_executed=executed,
    )  # fmt: skip
    current, reason = [0], [""]
    with client.setup_kernel():
        guard = _MemoryGuard(client, megabytes, reason)
        _silently(client, START)
        try:
            for index, cell in enumerate(page.cells):
                if index in left_out:
                    continue
                current[0] = index
                if is_check(cell):
                    _silently(client, FRESH)
                client.execute_cell(cell, index)
                if was_stopped(cell) and not _silently(client, "0"):
                    raise DeadKernelError  # it took no notice of the interrupt
        except (DeadKernelError, RuntimeError):
            return current[0], reason[0] or "it ended the kernel, or did not end itself"
        finally:
            guard.stop()
            guard.kill()
    return None


def _silently(client: NotebookClient, code: str, patience: float = 10) -> bool:
    """Run code that leaves no trace in the notebook; False if no answer comes."""
    from jupyter_client.utils import run_sync

    kernel = client.kc
    request = kernel.execute(code, silent=True, store_history=False)
    get = run_sync(kernel.shell_channel.get_msg)
    with contextlib.suppress(Exception):
        while True:
            if get(timeout=patience)["parent_header"].get("msg_id") == request:
                return True
    return False


class _MemoryGuard:
    """Kills a kernel that takes more memory than it may."""

    def __init__(self, client: NotebookClient, megabytes: int, reason: list[str]):
        self.process = psutil.Process(client.km.provisioner.pid)
        self.limit, self.reason, self.done = megabytes, reason, threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        with contextlib.suppress(psutil.Error):
            while not self.done.wait(0.2):
                if self._used() > self.limit * 2**20:
                    self.reason[0] = f"it took more than {self.limit} MB of memory"
                    self.kill()
                    return

    def _family(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return [self.process, *self.process.children(recursive=True)]
        return []

    def _used(self) -> int:
        total = 0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def stop(self) -> None:
        """Watch no longer."""
        self.done.set()

    def kill(self) -> None:
        """End the kernel and all that it started."""
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                process.kill()


# --- which cells ----------------------------------------------------------------------------------


def _code(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def is_check(cell: NotebookNode) -> bool:
    """Whether a cell's outcome counts."""
    return _code(cell) and bool(cell.metadata.get("nbgrader", {}).get("grade"))


def is_students(cell: NotebookNode) -> bool:
    """Whether a student wrote it, or what a student wrote runs in it."""
    return not cell.metadata.get("lesson", False)


def only_drawn(cells: Sequence[NotebookNode]) -> Iterator[int]:
    """The lesson's cells that draw and give no later cell a name: no mark depends on them."""
    needed: set[str] = set()
    for index, cell in reversed([*enumerate(cells)]):
        if not _code(cell):
            continue
        made, used = names_of(cell.source)
        draws = any(word in cell.source for word in ("show.", "plt.", "explore", "display("))
        if cell.metadata.get("lesson") and draws and made is not None and not made & needed:
            yield index
        else:
            needed |= used


def names_of(code: str) -> tuple[set[str] | None, set[str]]:
    """The names that a cell makes, and those it uses; None where it is no plain Python, or changes
    what it did not make."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return None, set()
    made, used, changes = set(), set(), False
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            made.add(node.name)
        elif isinstance(node, ast.alias):
            made.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, (ast.Attribute, ast.Subscript)):
            changes |= not isinstance(node.ctx, ast.Load)
    return (None if changes else made), used


def main(args: argparse.Namespace) -> int:
    """Run the notebook that the arguments name."""
    page = nbformat.read(args.source, as_version=4)
    os.environ["NBGRADER_EXECUTION"] = "autograde"
    run(page, Path(args.folder), args.seconds, args.megabytes)
    nbformat.write(page, args.target)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("source", "target"):
        parser.add_argument(name)
    parser.add_argument("--folder", default=".")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--megabytes", type=int, default=4000)
    sys.exit(main(parser.parse_args()))
