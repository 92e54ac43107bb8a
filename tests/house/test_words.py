"""The glossary of CONTRIBUTING.md: words that it refuses stand in no code, page or notebook."""

import re
from pathlib import Path

import pytest
from support import ROOT

B = r"[\s#]+"  # a blank, or a line's end and the next comment's mark
THINGS = "frames|videos|clips|steps|samples|images|pictures|snippets|segments|values|poses|times"

# What is refused: what to write.
EVERYWHERE = {
    r"(?i)\bmission\b": "task",
    rf"(?i)\b[bm]illions?{B}(of{B})?numbers\b": "million parameters",
    rf"(?i)\b({THINGS}){B}(\w+{B})?(a|each){B}second\b(?!{B}(time|half))": "per second",
    rf"\b(milliseconds|ms|MB){B}(a|each){B}[a-z]+": "per",
    rf"\bRaises{B}`?\w+`?(?:(?!\bif\b)[^.`]){{0,120}}?{B}(where|when)\b": "Raises ... if",
    r"(?i)\bmend(s|ed|ing)?\b": "fix",
    "提问(?!者|的方式)": "查询（query）；预测",
    r"内容 ?\$": "值（value）",
    "随机水平|瞎猜": "随机基线；随机猜测",
    "(?<!（)捷径": "残差（捷径）连接",
    "两条流": "双流",
    "候选区间": "候选片段",
    "核函数": "算子内核",
    "骨干(?!网络)": "骨干网络",
}
# In pages and the text of notebooks: a blank before the sign of a percentage.
PERCENT = r"\d %(?=[\s.,;:)|*，。；：（）、\u4e00-\u9fff])"
PROSE = {PERCENT: "54.5%"}
# A network's inputs are images and audio, as its arguments are called.
NETWORKS = {r"(?i)\bpictures?\b": "image, frame", r"(?i)\bsounds?\b": "audio"}


def refused(text: str, words: dict[str, str]) -> list[tuple[int, str, str]]:
    """(line, what stands there, what to write) for each refused word."""
    found = [
        (text.count("\n", 0, match.start()) + 1, " ".join(match.group().split()), instead)
        for pattern, instead in words.items()
        for match in re.finditer(pattern, text)
    ]
    return sorted(found)


def words_of(path: Path) -> dict[str, str]:
    """The words refused in a file."""
    where = path.relative_to(ROOT).parts
    words = dict(EVERYWHERE)
    if path.suffix == ".md":
        words |= PROSE
    elif where[0] == "notebooks":
        words |= {rf"(?m)^# .*?{PERCENT}": "54.5%"}  # in text, not in code
    if where[:2] in (("jacklib", "networks"), ("jacklib", "reference")):
        words |= NETWORKS
    return words


def text_of(path: Path) -> str:
    """A file's text; the glossary's own rows and code between back quotes are left empty."""
    text = path.read_text(encoding="utf-8")
    if path.name == "CONTRIBUTING.md":
        text = re.sub(r"^\|.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "``", text) if path.suffix == ".md" else text


def test_the_glossary_is_held():
    files = [*ROOT.glob("*.md"), *(ROOT / "jacklib/widgets/text").glob("*.yaml")]
    for folder in ("jacklib", "notebooks/src", "docs", "data_samples", "tests"):
        files += [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.md")]
    assert len(files) > 200
    found = [
        f"{path.relative_to(ROOT)}:{line}: {words!r}, write {instead!r}"
        for path in sorted(files)
        if path != Path(__file__).resolve()
        for line, words, instead in refused(text_of(path), words_of(path))
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("It takes\n30 frames a second.", 2),
        ("30 frames a\n    # second", 1),
        ("the miss" + "ion's table", 1),  # in two, as the next: a search for these finds no file
        ("135.4 million " + "numbers", 1),
        ("Raises DataError where the file is missing.", 1),
        ("Raises DataError naming the file when it is damaged.", 1),
        ("the command that mends it", 1),
        ("第一行\n每个片段的提问", 2),
        ("看准确率要同时看随机水平", 1),
        ("冻结骨干的 BatchNorm", 1),
    ],
)
def test_refused_words_are_found(text, line):
    assert [place for place, _, _ in refused(text, EVERYWHERE)] == [line]


def test_percentages_have_no_blank():
    assert refused("VE8 54.5 %，", PROSE) and refused("of 54.5 %.", PROSE)
    assert not refused("54.5% is fine, and 7 %= 3", PROSE)


@pytest.mark.parametrize(
    "text",
    [
        "half a second", "read a second time", "three times a second time", "permission",
        "recommended, amended", "Raises DataError if a file where frames lie is gone.",
        "12 million parameters", "提问者", "骨干网络", "残差（捷径）连接",
    ],
)  # fmt: skip
def test_good_words_pass(text):
    assert not refused(text, EVERYWHERE)
