"""Names and other text from files: shown as they are, and never more than shown."""

import html
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from support import states

import jacklib
from jacklib.errors import DataError, logger
from jacklib.methods import page
from jacklib.methods.answer import Answer, View
from jacklib.porting import trap_table
from jacklib.porting.comparison import Comparison, Layer
from jacklib.porting.picture import comparison_figure, diff_figure
from jacklib.training.evaluate import draw_confusion
from jacklib.widgets import attention, drawing, erasing, gait, timeline

NAMES = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    r"$\frac{",
    r"50 $ or 60 $ \alpha_",
    "\x1b[2J\x1b]0;title\x07",
    "a\nb\r\x00\x85\u2028c",
    "abc\u202efdp.exe",
    "[x](javascript:alert(1))",
    "a | b `c` **d**",
    "half \ud83d of a pair",
)
# What steers a terminal, breaks a line or turns the writing direction.
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Tags(HTMLParser):
    """The elements and attributes that a browser sees in some HTML, and its words."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.words = [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, sorted(name for name, _ in attributes)))

    def handle_data(self, data):
        self.words += data


@pytest.mark.parametrize("name", NAMES)
def test_no_name_breaks_or_steers_a_line_of_the_log(name, caplog):
    for module in ("video", "prepare", "media", "prepare_gait"):
        log = logger(f"jacklib.data.{module}")
        log.warning("%s: %d damaged pieces", name, 3)
        log.warning(f"left out: {name}")
    assert len(caplog.messages) == 8
    for message in caplog.messages:
        assert message.isprintable() and not STEERING.search(message)
    assert caplog.messages[0].endswith(": 3 damaged pieces")


def test_every_module_takes_that_logger():
    places = Path(jacklib.__file__).parent.rglob("*.py")
    assert [p.name for p in places if "getLogger" in p.read_text("utf-8")] == ["errors.py"]


def same_elements(text, harmless):
    assert Tags(text).elements == Tags(harmless).elements
    assert not STEERING.search(text.replace("\n", "")), text
    text.encode("utf-8")


def answer(name):
    view = View(lambda lang: None, lambda lang: b"PNG", lambda lang: f"This is {name}.")
    probabilities = {name: 0.75, "Joy": 0.25}
    return Answer("VAANet", name, f"{name}/{name}", name, probabilities, [], None, 1.0, view=view)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page(name, lang):
    text = page.page([answer(name)], name, lang)
    same_elements(text, page.page([answer("film")], "film", lang))
    if name.isprintable():
        assert Tags(text).words.count(name) >= 4  # title, heading, sentence, row, weights


@pytest.mark.parametrize("name", NAMES[:-1])  # no disk takes the last
def test_a_link_to_a_page(name):
    same_elements(page.link(f"own/{name}.html", name), page.link("own/film.html", "film"))


def test_where_a_link_leads():
    assert page.link("own video/a?b#c%.html") == (
        '<a href="./own%20video/a%3Fb%23c%25.html" target="_blank" rel="noopener">a?b#c%.html</a>'
    )
    for path, place in (
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
        ("//host/x", "/host/x"),
        ("../x.html", "./../x.html"),
        ('"onclick="x', "./%22onclick%3D%22x"),
    ):
        assert f'<a href="{place}" ' in page.link(path)


STATES = {
    "attention": (attention, states.attention.make_state),
    "erasing": (erasing, states.erasing.make_state),
    "gait": (gait, states.gait.make_state),
    "timeline": (timeline, lambda title, **_: states.timeline.make_video(title=title)),
}


def made(kind, names):
    """A state whose title and class names are these."""
    names = (*names, *(f"class {i}" for i in range(len(names), 4 if kind == "gait" else 8)))
    return STATES[kind][1](title=" ".join(names), label=names[0], class_names=names)


@pytest.mark.parametrize("kind", STATES)
@pytest.mark.parametrize("start", range(0, len(NAMES), 4))
def test_pictures_and_their_words(kind, start):
    module, state = STATES[kind][0], made(kind, NAMES[start : start + 4])
    shown = [state] if kind == "gait" else state
    assert module.png(shown)[:4] == b"\x89PNG"  # no formula, no error
    words = module.describe(shown)
    assert not STEERING.search(words), words
    shell = drawing.Shell.__new__(drawing.Shell)
    shell.note = type("Note", (), {})()
    shell.say(words, f"alert: {NAMES[start]}")
    same_elements(shell.note.value, '<p role="alert" style=""></p><p aria-live="" style=""></p>')


@pytest.mark.parametrize("kind", STATES)
def test_widgets(kind):
    name = NAMES[1]
    state = made(kind, [name])
    if kind == "erasing":
        widget = erasing.erasing_widget([name], lambda _clip, _theta: state, "en", 0.7)
    else:
        module = STATES[kind][0]
        widget = getattr(module, f"{kind}_widget")([state], "en")
    notes = [part.value for part in descendants(widget.widget) if type(part).__name__ == "HTML"]
    assert notes and not any("<script" in note for note in notes)
    assert any(html.escape(name) in note for note in notes)
    for part in descendants(widget.widget):
        assert not getattr(part, "description_allow_html", False)


def descendants(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from descendants(child)


@pytest.mark.parametrize("name", NAMES)
def test_traps(name):
    row = trap_table.Row(name, name, trap_table.Raised(name), name, (name,), name)
    harmless = trap_table.Row("a", "a", trap_table.Raised("a"), "a", ("a",), "a")
    for one, other in (
        (row, harmless),
        (trap_table._Table([row], "en"), trap_table._Table([harmless], "en")),
    ):
        assert Tags(one._repr_html_()).elements == Tags(other._repr_html_()).elements


def comparison(name):
    layer = Layer(name, name, 0.0, 1e-3, None, None, name)
    return Comparison(
        name, ("Jittor", "PyTorch"), [layer], (1.0, 2.0), name, name, name, name, name, name,
        {name: 1.0}, (1.0, 2.0), [name], {name: name}, {name: name}, [name], [name], {name: name},
        True, False,
    )  # fmt: skip


def test_comparisons():
    for name in NAMES:
        text = comparison(name).table()
        assert not STEERING.search(text.replace("\n", ""))
        assert text.count("\n") == comparison("a").table().count("\n")
    name = r"$\frac{"
    assert drawing.png_bytes(comparison_figure(comparison(name)))[:4] == b"\x89PNG"
    assert drawing.png_bytes(diff_figure([], 0, 5, {}, title=name))[:4] == b"\x89PNG"


@pytest.mark.parametrize("name", [r"$\frac{", "<b>"])
def test_the_confusion_matrix(name):
    figure = draw_confusion(np.eye(2, dtype=int), [name, "Joy"])
    assert drawing.png_bytes(figure)[:4] == b"\x89PNG"


def test_the_confusion_matrix_of_many_classes():
    figure = draw_confusion(np.zeros((1000, 1000), int), [f"class {n}" for n in range(1000)])
    assert max(figure.get_size_inches()) < 25  # at half an inch each it would take 13 GB


@pytest.mark.parametrize("name", NAMES)
def test_messages(name):
    error = DataError(name, found=name, wanted=name, cure=name)
    assert not STEERING.search(str(error))
