"""Answers as one HTML page that needs nothing else: no kernel, no other file, no internet."""

from __future__ import annotations

import base64
import datetime
import html
import os
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jacklib.files import write_text
from jacklib.widgets.drawing import as_html, check_language, class_label

TEXT = {
    "en": {
        "title": "{name}, seen by {networks}",
        "made": "Made on {date} by JACK.",
        "weights": "Weights: {path}",
        "measured": "; {what} {number:.2f} on the validation data of their training",
        "accuracy": "accuracy",
        "mAP": "mAP",
        "emotion": "emotion",
        "share": "share",
        "silent": "The film has no sound: where a network listens, it heard silence.",
        "meaning": "These networks were trained on what ships with JACK (rendered clips, recorded "
        "walks with synthetic labels), unless you gave them other weights. They always answer, "
        "often with large numbers; about a real film or person the answers are not reliable. "
        "Nothing of the file has left this machine, but its pictures are in this page.",
    },
    "zh": {
        "title": "{networks} 看 {name}",
        "made": "由 JACK 生成于 {date}。",
        "weights": "权重：{path}",
        "measured": "；训练时在验证数据上的{what}为 {number:.2f}",
        "accuracy": "准确率",
        "mAP": " mAP ",
        "emotion": "情感",
        "share": "概率（得分）",
        "silent": "影片没有声音：凡是要听声音的网络，听到的都是静音。",
        "meaning": "除非你换了别的权重，这些网络只用 JACK 自带的数据训练过："
        "渲染视频，以及带合成标签的行走录制。它们总会给出答案，数字也常常很大；"
        "但对真实的影片和真实的人，这些答案并不可靠。"
        "文件没有离开这台机器，不过画面已经包含在这个网页里。",
    },
}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c2733; background: #fff; }
img { max-width: 100%; height: auto; }
section { border-top: 1px solid #d5dce3; margin-top: 2rem; }
td { padding: 0 .6rem 0 0; } td.bar { width: 16rem; }
td.bar div { background: #0072b2; height: .8rem; }
.small { color: #5a6875; font-size: .9rem; }
"""


def page(answers: Sequence[Any], name: str, lang: str = "en", *, sound: bool = True) -> str:
    """The page as text. answers: `Answer`s. name: what was asked about, for its title. sound:
    whether the film has any, since the page says where it has not."""
    check_language(lang)
    text = TEXT[lang]
    networks = ("、" if lang == "zh" else ", ").join(answer.network for answer in answers)
    title = as_html(text["title"].format(name=name, networks=networks))
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
        picture = base64.b64encode(answer.png(lang)).decode()
        words = as_html(answer.words(lang))
        place = Path(answer.weights)  # of this machine's folders the page need not tell
        weights = text["weights"].format(path=place.name if place.is_absolute() else place)
        if answer.score:
            weights += text["measured"].format(what=text[answer.score[0]], number=answer.score[1])
        parts.append(
            f"<section>\n<h2>{as_html(answer.network)}</h2>\n<p>{words}</p>\n"
            f'<img alt="{words}" src="data:image/png;base64,{picture}">\n'
            f"<table><tr><th>{text['emotion']}</th><th>{text['share']}</th></tr>\n{rows}</table>\n"
            + (f"<p>{as_html(doubt)}</p>\n" if (doubt := answer.doubt_in(lang)) else "")
            + f'<p class="small">{as_html(weights)}</p>\n'
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
    answers: Sequence[Any],
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
