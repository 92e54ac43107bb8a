"""What widgets, pages and exercise checks say: `text/en.yaml` and `text/zh.yaml`, by module."""

from pathlib import Path
from typing import Any

import jinja2
import yaml

FILES = {
    lang: yaml.safe_load((Path(__file__).parent / "text" / f"{lang}.yaml").read_text("utf-8"))
    for lang in ("en", "zh")
}
_TEMPLATES = jinja2.Environment(
    trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
)


def texts(section: str) -> dict[str, dict]:
    """{language: {key: words}} of one section, and in it those of the section "shared"."""
    return {lang: texts["shared"] | texts[section] for lang, texts in FILES.items()}


def told(text: dict, title: str = "", **facts: Any) -> str:
    """A section's `describe`, a template of Jinja's with a sentence a line, filled in."""
    facts["title"] = title or text["clip"].rstrip(":：")
    lines = _TEMPLATES.from_string(text["describe"]).render(facts).split("\n")
    return text["space"].join(filter(None, lines))
