"""What all figures of the notebooks share: their look, their colours and their words."""

from pathlib import Path

import matplotlib.pyplot as plt
import yaml

from jacklib.widgets.drawing import BLUE, GREY, INK, ORANGE, chinese_font, class_label, drawable
from jacklib.widgets.words import language

__all__ = ["BLUE", "GREY", "INK", "ORANGE", "finish", "translated", "setup", "words_of"]

STYLE = {
    "figure.dpi": 80, "figure.constrained_layout.use": True, "font.size": 9,
    "axes.titlesize": 10, "legend.frameon": False, "axes.unicode_minus": False,
}  # fmt: skip
LABELS = yaml.safe_load(Path(__file__).with_name("labels.yaml").read_text("utf-8"))


def setup(lang: str) -> None:
    """What every notebook begins with: the language of its words ("en" or "zh"), the look of its
    figures, and a font that has Chinese."""
    language(lang)
    fonts = [chinese_font()] if drawable(lang) == "zh" else []
    plt.rcParams.update(STYLE | {"font.family": [*fonts, "DejaVu Sans"]})


def translated(words: str | tuple[str, str]) -> str:
    """Words of a figure in the edition's language: of a pair (English, Chinese) the one; of a text
    each line's Chinese if it is a class's name or stands in labels.yaml, with or without a number
    behind, else the line itself."""
    lang = drawable(language())
    if isinstance(words, tuple):
        return words[lang == "zh"]
    return "\n".join(map(_chinese, str(words).split("\n"))) if lang == "zh" else str(words)


def _chinese(line: str) -> str:
    if line in LABELS:
        return LABELS[line]
    head, gap, number = line.rpartition(" ")
    numbered = head in LABELS and number.strip("+-−.%").replace(".", "").isdigit()
    return LABELS[head] + gap + number if numbered else class_label(line, "zh")


def words_of(path: str):
    """The function `words(key, **facts)` of a drawing module: texts by key and language from the
    YAML file beside it; English where this machine has no Chinese font."""
    texts = yaml.safe_load(Path(path).with_suffix(".yaml").read_text("utf-8"))
    return lambda key, **facts: texts[drawable(language())][key].format(**facts)


def finish(ax, alone: bool) -> None:
    """Show a figure that was made for one chart alone; a panel of the caller's waits."""
    if alone:
        plt.show()
