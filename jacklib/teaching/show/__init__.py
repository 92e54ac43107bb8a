"""The figures of the notebooks, in the language of the edition, so that a cell says what it shows
and not how. `show.setup(LANG)` comes first in every notebook.

    charts    runs by seed, annotated tables, bars, curves, attention bars
    clips     frames, audio, samples and passes of clips, attention matrices, proposals
"""

from jacklib.teaching.show.charts import bars, confusion, curves, gamma, grid, panels, runs
from jacklib.teaching.show.house import BLUE, GREY, ORANGE, said, setup

__all__ = [
    "BLUE", "GREY", "ORANGE", "bars", "confusion", "curves", "gamma", "grid", "panels", "runs",
    "said", "setup",
]  # fmt: skip
