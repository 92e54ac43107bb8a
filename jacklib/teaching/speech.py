"""What lessons say, in the language of the edition: `jacklib/widgets/text`, section "classroom"."""

from typing import Any

from jacklib.widgets.words import language, texts

TEXT = texts("classroom")


def say(key: str, **values: Any) -> str:
    """The words of this key, filled in."""
    return TEXT[language()][key].format(**values)
