"""What notebook 07 draws: every figure in both languages."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from jacklib.core.skeleton import Graph
from jacklib.samples import samples_folder
from jacklib.samples.gait_samples import read_walks
from jacklib.teaching import show
from jacklib.teaching.show import gait


@pytest.fixture(params=("en", "zh"), autouse=True)
def drawn(request, monkeypatch):
    """The figures that a test shows."""
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    with plt.rc_context():
        show.setup(request.param)
        yield shown
        show.setup("en")
    plt.close("all")


def test_walkers_and_parts(drawn):
    gait.walkers(read_walks(samples_folder() / "gait")[0])
    gait.parts(Graph())
    walkers, parts = drawn
    assert len(walkers.axes) == 4 and all("2.5" in ax.get_title("left") for ax in walkers.axes)
    # Three drawings, three matrices, three scales; an arrow for each bone and direction.
    assert len(parts.axes) == 9
    arrows = [sum(t.arrow_patch is not None for t in ax.texts if hasattr(t, "arrow_patch"))
              for ax in parts.axes[:3]]  # fmt: skip
    assert arrows == [0, 15, 15]
    assert (parts.axes[5].images[0].get_array() == Graph().A[2]).all()


def test_a_panel_for_each_set_of_curves(drawn):
    x = np.arange(5)
    _, axes = plt.subplots(1, 3)
    curves = [{"happy": (x, x), "sad": (x, -x)}] * 3
    gait.by_emotion(axes.flat, curves, ["pace", "stride", "trunk"], [{"sad": 2.0}] * 3)
    assert [len(ax.lines) for ax in drawn[0].axes] == [3, 3, 3]
    assert drawn[0].axes[2].get_legend() is not None
