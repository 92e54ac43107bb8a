"""Answers as one HTML page that needs nothing else: no kernel, no other file, no internet."""

import base64
import datetime
import html
import os
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from jacklib.errors import plain
from jacklib.files import write_text
from jacklib.widgets.drawing import BLUE, as_html, check_language, class_label
from jacklib.widgets.words import texts

TEXT = texts("page")


_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True,
    # Text as a page can show it: it comes from files and their names.
    finalize=lambda value: plain(value, 100_000) if type(value) is str else value,
    keep_trailing_newline=True,
)  # fmt: skip


def page(answers: Sequence[Any], name: str, lang: str = "en", *, sound: bool = True) -> str:
    """The page as text. answers: of `methods.answer`. name: what was asked about, for its title.
    sound: whether the film has any, since the page says where it has not."""
    check_language(lang)
    text, parts = TEXT[lang], []
    networks = ("、" if lang == "zh" else ", ").join(answer.network for answer in answers)
    title = text["title"].format(name=name, networks=networks)
    for answer in answers:
        likeliest = sorted(answer.probabilities.items(), key=lambda item: -item[1])
        place = Path(answer.weights)  # of this machine's folders the page need not tell
        weights = text["weights"].format(path=place.name if place.is_absolute() else place)
        if answer.score:
            weights += text["measured"].format(what=text[answer.score[0]], number=answer.score[1])
        picture = Markup(base64.b64encode(answer.png(lang)).decode())
        calibrated = answer.calibrated or {}
        rows = [(class_label(label, lang), p, calibrated.get(label)) for label, p in likeliest]
        doubt = answer.doubt_in(lang)
        if answer.unlike is None:
            weights += f"{text['stop']}{text['space']}{text['unmeasured']}"
        parts.append((answer.network, answer.words(lang), picture, rows, doubt, weights))
    return _PAGES.get_template("page.html").render(
        answers=parts, title=title, lang=lang, text=text, sound=sound, blue=BLUE,
        date=datetime.date.today().isoformat(),
    )  # fmt: skip


def link(path: str | os.PathLike, name: str | None = None) -> str:
    """HTML that opens a file in a new tab, whatever signs are in its names.

    path: relative to the notebook, as JupyterLab wants it. name: what is shown; the file's if left
    out.
    """
    path = Path(path)
    place = urllib.parse.quote(path.as_posix(), errors="surrogateescape")
    # Neither "javascript:..." nor "//host/..." may be what the address begins with.
    place = "/" + place.lstrip("/") if path.is_absolute() else f"./{place}"
    shown = path.name if name is None else name
    return f'<a href="{html.escape(place)}" target="_blank" rel="noopener">{as_html(shown)}</a>'


def write_page(
    answers: Sequence[Any], path: str | os.PathLike, name: str, lang: str = "en", *,
    sound: bool = True,
) -> Path:  # fmt: skip
    """Write `page` to a file, whole or not at all; returns its path."""
    return write_text(path, page(answers, name, lang, sound=sound))
