"""Importing jacklib first makes `import jittor` work in every test, whatever their order."""

import jacklib  # noqa: F401

# The files that take longest. All tests run two files at a time (script/run.sh); begun last, these
# would leave one of the two processes idle at the end.
FIRST = ("test_browser.py", "test_notebooks.py", "test_parallel.py", "test_memory.py")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in FIRST)  # otherwise the order stays
