"""What widgets, pages and exercise checks say: `text/en.yaml` and `text/zh.yaml`, by module."""

from pathlib import Path
from typing import Any

import yaml

from jacklib.files import filled

FILES = {
    lang: yaml.safe_load((Path(__file__).parent / "text" / f"{lang}.yaml").read_text("utf-8"))
    for lang in ("en", "zh")
}


def texts(section: str) -> dict[str, dict]:
    """{language: {key: words}} of one section, and in it those of the section "shared"."""
    return {lang: texts["shared"] | texts[section] for lang, texts in FILES.items()}


def told(text: dict, title: str = "", **facts: Any) -> str:
    """A section's `describe`, a template of Jinja's with a sentence a line, filled in."""
    facts["title"] = title or text["clip"].rstrip(":：")
    lines = filled(text["describe"], **facts).split("\n")
    return text["space"].join(filter(None, lines))
