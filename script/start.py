"""What run.sh starts: `python script/start.py MODULE ...` is `python -m MODULE ...`, except that
Python looks for modules in this checkout and not in the folder where the command was typed."""

import runpy
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])
module = sys.argv.pop(1)
sys.argv[0] = "-m"  # as it is while Python looks for a module
runpy.run_module(module, run_name="__main__", alter_sys=True)
