"""What lessons say, in the language of the edition: `jacklib/widgets/text`, section "classroom"."""

from typing import Any

from jacklib.errors import check_word
from jacklib.widgets.words import texts

TEXT = texts("classroom")
_language = "en"


def language(lang: str = "") -> str:
    """Set the language of all lessons' words, "en" or "zh", if one is given; return the one set."""
    global _language
    if lang:
        check_word("lang", lang, TEXT, "Pass one of these.")
        _language = lang
    return _language


def say(key: str, **values: Any) -> str:
    """The words of this key, filled in."""
    return TEXT[_language][key].format(**values)
