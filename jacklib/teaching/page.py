"""Answers as one HTML page that needs nothing else: no kernel, no other file, no internet."""

from __future__ import annotations

import base64
import datetime
import html
import os
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from jacklib.files import write_text
from jacklib.teaching.own_video import ROOT, Answer, measured
from jacklib.widgets.drawing import as_html, check_language, class_label
from jacklib.widgets.words import texts

TEXT = texts("page")
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c2733; background: #fff; }
img { max-width: 100%; height: auto; }
section { border-top: 1px solid #d5dce3; margin-top: 2rem; }
td { padding: 0 .6rem 0 0; } td.bar { width: 16rem; }
td.bar div { background: #0072b2; height: .8rem; }
.small { color: #5a6875; font-size: .9rem; }
"""


def page(answers: Sequence[Answer], name: str, lang: str = "en", *, sound: bool = True) -> str:
    """The page as text. name: what was asked about, for its title. sound: whether the film has any,
    since the page says where it has not."""
    check_language(lang)
    text = TEXT[lang]
    title = as_html(text["title"].format(name=name))
    parts = [
        f'<!DOCTYPE html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<p>{as_html(text['meaning'])}</p>"
    ]
    if not sound:
        parts.append(f"<p>{as_html(text['silent'])}</p>")
    for answer in answers:
        rows = "".join(
            f"<tr><td>{as_html(class_label(label, lang))}</td><td>{p:.1%}</td>"
            f'<td class="bar"><div style="width: {100 * min(p, 1):.1f}%"></div></td></tr>\n'
            for label, p in sorted(answer.probabilities.items(), key=lambda item: -item[1])
        )
        picture = base64.b64encode(answer.png).decode()
        words = as_html(answer.words)
        place = answer.weights  # of this machine's folders the page need not tell
        place = place.relative_to(ROOT) if place.is_relative_to(ROOT) else place.name
        weights = text["weights"].format(path=place)
        if found := measured(answer.weights):
            weights += text["measured"].format(what=text[found[0]], number=found[1])
        parts.append(
            f"<section>\n<h2>{as_html(answer.network)}</h2>\n<p>{words}</p>\n"
            f'<img alt="{words}" src="data:image/png;base64,{picture}">\n'
            f"<table><tr><th>{text['emotion']}</th><th>{text['share']}</th></tr>\n{rows}</table>\n"
            f'<p class="small">{as_html(weights)}</p>\n'
            "</section>"
        )
    made = text["made"].format(date=datetime.date.today().isoformat())
    parts.append(f'<p class="small">{made}</p>\n</body>\n</html>\n')
    return "\n".join(parts)


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
    answers: Sequence[Answer],
    path: str | os.PathLike,
    name: str,
    lang: str = "en",
    *,
    sound: bool = True,
) -> Path:
    """Write `page` to a file, whole or not at all; returns its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page(answers, name, lang, sound=sound))
    return path
