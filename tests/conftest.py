"""Importing jacklib first makes `import jittor` work in every test, whatever their order.

Every test has the marks of its file: `bash script/run.sh test -m "not slow"` takes the quick ones.
"""

import pytest

import jacklib  # noqa: F401

# The files that take longest. All tests run two files at a time (script/run.sh); begun last, these
# would leave one of the two processes idle at the end.
FIRST = (
    "test_browser.py", "test_notebooks.py", "test_course.py", "test_parallel.py", "test_memory.py",
)  # fmt: skip
MARKS = {
    "browser": ("test_browser",),
    "notebook": ("test_browser", "test_notebooks"),
    "mpi": ("test_parallel",),
    "torch": ("test_twins",),
    "slow": (
        "test_browser", "test_notebooks", "test_course", "test_parallel", "test_memory",
        "test_twins",
        "test_robustness", "test_robustness_runs", "test_kernels", "test_cten",
        "test_tsl_commands", "test_commands", "test_gpu_check", "test_porting", "test_bench",
        "test_bench_tsl", "test_reproduce", "test_train", "test_front", "test_gait_commands",
        "test_gait_training", "test_vaanet",
    ),
}  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def nobodys_progress(tmp_path_factory):
    """What tests solve is not the reader's, nor that of kernels they start."""
    with pytest.MonkeyPatch.context() as environment:
        own = tmp_path_factory.mktemp("progress")
        environment.setenv("JACK_PROGRESS", str(own / "progress.json"))
        yield


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in FIRST)  # otherwise the order stays
    for item in items:
        for mark, files in MARKS.items():
            if item.path.stem in files:
                item.add_marker(getattr(pytest.mark, mark))
        if any("PyTorch" in str(m.kwargs.get("reason")) for m in item.iter_markers("skipif")):
            item.add_marker(pytest.mark.torch)
