"""One process of `warmup`: runs one network's commands, so that their kernels are compiled.

python -m jacklib.cli.warmup_worker NETWORK RESULT_PATH PROCESSES
"""

import contextlib
import sys

from jacklib.backend import runtime
from jacklib.cli.run import main as run
from jacklib.cli.warmup import COMMANDS


def _serve(name: str, result_path: str, side_by_side: bool) -> int:
    """The work of one process."""
    import jittor as jt

    if side_by_side and runtime.quick_compiler:
        # Else one of them compiles and the others wait. Where two write the same source at once,
        # one may fail (see `kernels`), and is tried again.
        jt.flags.disable_lock = 1
    weights: list[str] = []
    for command in COMMANDS[name]:
        if code := run([name, *command, "--result_path", result_path, *weights]):
            return code
        weights = ["--checkpoint_path", f"{result_path}/best.pth"]
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(_serve(sys.argv[1], sys.argv[2], side_by_side=sys.argv[3] != "1"))
