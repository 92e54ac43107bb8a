"""The figures of the notebooks: what is drawn is what was given, in the edition's language."""

import ast
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import yaml
from support import ROOT

from jacklib.networks import CTENConfig, VAANetConfig
from jacklib.teaching import show
from jacklib.teaching.show import house, tables
from jacklib.widgets.words import language

FOLDER = ROOT / "jacklib" / "teaching" / "show"
TRUTH = np.array([0, 0, 1, 1, 1, 0, 0, 0.0])
GAMMA = np.array([0.1, 0.2, 1.0, 0.9, 0.4, 0.3, 0.0, 0.2])


@pytest.fixture(autouse=True)
def figures(monkeypatch):
    """Figures stay open; a Chinese font is there."""
    monkeypatch.setattr("jacklib.widgets.drawing.chinese_font", lambda: "DejaVu Sans")
    monkeypatch.setattr(house, "chinese_font", lambda: "DejaVu Sans")
    monkeypatch.setattr(plt, "show", lambda: None)
    with plt.rc_context():
        yield
    plt.close("all")
    language("en")


def texts():
    """All words of the last figure."""
    plt.gcf().draw_without_rendering()
    found = plt.gcf().findobj(lambda x: hasattr(x, "get_text") and x.get_visible())
    return [text for x in found if (text := x.get_text()).strip()]


def axes():
    return plt.gcf().axes[0]


def test_bars_are_as_high_as_their_values():
    show.bars({"a": 0.25, "b": 0.5}, {"uniform attention": 0.125}, marked=["b"])
    assert [bar.get_height() for bar in axes().patches] == [0.25, 0.5]
    assert {"0.25", "0.50", "a", "b", "uniform attention"} <= {*texts()}
    assert axes().lines[0].get_ydata() == pytest.approx([0.125, 0.125])


def test_gamma_marks_the_event_and_what_is_erased():
    show.gamma(GAMMA, TRUTH, erased=GAMMA >= 0.7, threshold=0.7)
    bars = axes().containers[0]
    assert [bar.get_height() for bar in bars] == pytest.approx(GAMMA)
    assert [bool(bar.get_hatch()) for bar in bars] == [*(GAMMA >= 0.7)]
    spans = sorted(p.get_x() for p in axes().patches if p not in bars)
    assert spans == pytest.approx([1.5, 2.5, 3.5])
    assert {"planted event", "threshold t", "erased in pass 2"} <= {*texts()}


def test_runs_show_every_value_and_the_mean():
    groups = {"with": {0: 0.5, 1: 0.75}, "without": {0: 0.25, 1: 0.25}}
    show.runs(groups, 0.125, label="most frequent class")
    lines = [[*map(float, line.get_ydata())] for line in axes().lines]
    assert lines == [[0.5, 0.25], [0.75, 0.25], [0.625] * 2, [0.25] * 2, [0.125] * 2]
    assert {"0", "1", "with", "without", "most frequent class"} <= {*texts()}


def test_a_grid_writes_its_values():
    show.grid([[0.1, 0.2], [0.3, 0.456]], ["r", "s"], ["c", "d"])
    assert [t.get_text() for t in axes().texts] == ["0.10", "0.20", "0.30", "0.46"]
    show.confusion(np.array([[7, 1], [0, 8]]), ["Joy", "Fear"])
    assert [t.get_text() for t in axes().texts] == ["7", "1", "0", "8"]


def test_what_is_sampled_is_drawn_at_its_frame():
    taken = np.arange(16).reshape(2, 8)
    show.sampling({"evaluation": taken}, 20)
    drawn = [dots.get_offsets()[:, 0] for dots in axes().collections]
    assert np.allclose(drawn, taken + 0.5)


def test_proposals_lie_where_they_were_found():
    found = [{"segment": (0.4, 1.6), "label": "Joy", "score": 0.8}]
    show.proposals(GAMMA, found, (0.8, 2.0), 3.2)
    (bar,) = plt.gcf().axes[1].containers[0]
    assert (bar.get_x(), bar.get_width()) == pytest.approx((0.4, 1.2))
    assert any("0.80, tIoU 0.50" in text for text in texts())


def attention():
    var = lambda *shape: SimpleNamespace(numpy=lambda: np.full(shape, 1 / 8))  # noqa: E731
    return SimpleNamespace(
        visual_attention=var(1, 8, 8), audio_attention=var(1, 8, 8),
        v2a_attention=var(1, 2, 8, 8), a2v_attention=var(1, 2, 8, 8),
    )  # fmt: skip


def draw_all():
    """A figure of each kind; gives its words."""
    both, names = {"within image": 1.0, "outside": 2.0}, ["Joy", "Fear"]
    passes = {"pass 1: whole clip": np.arange(16).reshape(2, 8)}
    yield show.bars(both, {"uniform attention": 1}, unit="accuracy"), texts()
    yield show.gamma(GAMMA, TRUTH, erased=GAMMA > 0.7, threshold=0.7), texts()
    yield show.runs({"erasing": {0: 1.0}, "no erasing": {0: 0.5}}, 0.1, title="accuracy"), texts()
    yield show.confusion(np.eye(2), names), texts()
    yield show.curves([1, 2], {"attention": [1, 2]}, {"uniform attention": 1}), texts()
    yield show.sampling(passes, 20), texts()
    yield show.sampling(passes, 20, [np.arange(16)]), texts()
    yield (
        show.spectrum(np.zeros((30, 4)), 3, title="filter bank", unit="standard deviations"),
        texts(),
    )
    yield show.attention_matrices(attention(), 0, TRUTH, "before training"), texts()
    found = [{"segment": (0.4, 1.6), "label": "Joy", "score": 0.8}]
    yield show.proposals(GAMMA, found, (0.8, 2.0), 3.2), texts()
    yield (
        show.images(
            {"the frame": np.zeros((4, 6, 3)), "top_left\nrotation 4.1": np.ones((4, 4, 3))}
        ),
        texts(),
    )


@pytest.mark.filterwarnings("ignore:Glyph")
def test_no_english_word_in_a_chinese_figure():
    show.setup("zh")
    kept = re.compile(r"v2a|a2v|tIoU|mAP|MFCC|CTEN|Joy|Fear|\bt\b")  # names
    for _, words in draw_all():
        assert not [text for text in words if re.search("[A-Za-z]", kept.sub("", text))]
        plt.close("all")
    show.setup("en")
    for _, words in draw_all():
        assert not [text for text in words if re.search("[\u4e00-\u9fff]", text)]
        plt.close("all")


def test_without_a_chinese_font_the_words_are_english(monkeypatch):
    monkeypatch.setattr("jacklib.widgets.drawing.chinese_font", lambda: None)
    show.setup("zh")
    assert show.translated("accuracy") == "accuracy" and show.translated(("a", "b")) == "a"


def test_both_languages_have_the_same_words():
    for path in FOLDER.glob("*.yaml"):
        read = yaml.safe_load(path.read_text("utf-8"))
        if "zh" in read:
            assert read["en"].keys() == read["zh"].keys(), path.name
            for key, text in read["en"].items():
                fields = [sorted(re.findall(r"\{.*?\}", str(t))) for t in (text, read["zh"][key])]
                assert fields[0] == fields[1], (path.name, key)


def test_shapes_are_checked_against_their_formulas():
    config = VAANetConfig.classroom()
    letters = tables._letters(config, 2)
    formulas = tables.SHAPES["VAANetConfig"]
    measured = {name: tables._sizes(formula, letters) for name, formula in formulas.items()}
    table = show.shapes(measured, config, VAANetConfig.paper(), 2).data
    assert (
        "| visual input | B S 3 T H H | [2, 8, 3, 8, 64, 64] | [32, 12, 3, 16, 112, 112] |" in table
    )
    with pytest.raises(AssertionError, match="logits"):
        show.shapes(measured | {"logits": [2, 7]}, config, VAANetConfig.paper(), 2)
    assert (
        "| `seq_len` | 8 | 16 |" in show.settings(CTENConfig.classroom(), CTENConfig.paper()).data
    )


@pytest.mark.parametrize("name", ["00_start_here", "04_vaanet", "05_cten"])
def test_notebooks_draw_through_show(name):
    """No axes in the cells of these lessons, and no colours."""
    text = (ROOT / "notebooks" / "src" / f"{name}.py").read_text("utf-8")
    assert not re.search(r"plt\.|matplotlib|#0072B2|rcParams", text)
    called = {
        node.func.attr for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        and getattr(node.func.value, "id", "") == "show"
    }  # fmt: skip
    assert called and called <= {*show.__all__}
