"""The figures of the notebooks, in the language of the edition, so that a cell says what it shows
and not how. `show.setup(LANG)` comes first in every notebook.

    charts    runs by seed, annotated tables, bars, curves, attention bars
    clips     frames, audio, samples and passes of clips, attention matrices, proposals
    tables    settings and shapes of a network, the classroom's and the paper's
"""

from jacklib.teaching.show.charts import bars, confusion, curves, gamma, grid, panels, runs
from jacklib.teaching.show.clips import (
    attention_matrices,
    clip,
    clips,
    images,
    passes,
    proposals,
    sampling,
    spectrum,
)  # fmt: skip
from jacklib.teaching.show.house import BLUE, GREY, ORANGE, said, setup
from jacklib.teaching.show.tables import settings, shapes

__all__ = [
    "BLUE", "GREY", "ORANGE", "attention_matrices", "bars", "clip", "clips", "confusion", "curves",
    "gamma", "grid", "images", "panels", "passes", "proposals", "runs", "said", "sampling",
    "settings", "setup", "shapes", "spectrum",
]  # fmt: skip
