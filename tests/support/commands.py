"""Commands as a user types them, in processes of their own."""

import subprocess
import sys

from support import ROOT


def jack(*arguments):
    """`python -m jacklib ARGUMENTS` in the checkout; stdout and stderr as text."""
    return subprocess.run(
        [sys.executable, "-m", "jacklib", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
