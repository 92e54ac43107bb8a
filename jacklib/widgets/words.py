"""What widgets, pages and exercise checks say: `text/en.yaml` and `text/zh.yaml`, by module."""

from pathlib import Path
from typing import Any

import yaml

from jacklib.errors import check_word
from jacklib.files import filled

FILES = {
    lang: yaml.safe_load((Path(__file__).parent / "text" / f"{lang}.yaml").read_text("utf-8"))
    for lang in ("en", "zh")
}

_language = "en"


def language(lang: str = "") -> str:
    """Set the language of a notebook's words and figures, "en" or "zh", if one is given; return the
    one set."""
    global _language
    if lang:
        check_word("lang", lang, FILES, "Pass one of these.")
        _language = lang
    return _language


def texts(section: str) -> dict[str, dict]:
    """{language: {key: words}} of one section, and in it those of the section "shared"."""
    return {lang: texts["shared"] | texts[section] for lang, texts in FILES.items()}


def told(text: dict, title: str = "", **facts: Any) -> str:
    """A section's `describe`, a template of Jinja's with a sentence a line, filled in."""
    facts["title"] = title or text["clip"].rstrip(":：")
    lines = filled(text["describe"], **facts).split("\n")
    return text["space"].join(filter(None, lines))
