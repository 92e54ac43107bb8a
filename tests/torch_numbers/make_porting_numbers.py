"""Stores PyTorch's numbers for the references of tests/porting/test_porting.py.

export JACK_TORCH_PYTHON=/path/to/python PYTHONPATH=.:tests
python tests/torch_numbers/make_porting_numbers.py
"""

import importlib
import os

from jacklib.backend import torch_process
from jacklib.porting import parity

tests = importlib.import_module("test_porting")  # after jacklib, which prepares Jittor
tests.STORED.mkdir(exist_ok=True)
for path in tests.STORED.glob("*.npz"):
    path.unlink()
os.environ[torch_process.RECORD] = "porting"
parity.ANSWERS = tests.STORED
for job in tests.JOBS:
    print(job, tests.run(tests.Net(), job).verdict, sep="\n")
