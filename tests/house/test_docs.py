"""The documentation says what the code does: links, commands, option tables, data sets, layout."""

import argparse
import ast
import importlib
import os
import re
import shlex
from pathlib import Path

import pytest
from support import ROOT

from jacklib.cli.run import METHODS, TOOLS
from jacklib.data.video import DATASETS
from jacklib.samples import GAITS, SAMPLES, UNTRIMMED

PAIRS = [
    ("README.md", "README_CN.md"),
    ("docs/en/architecture.md", "docs/cn/架构.md"),
    ("docs/en/train.md", "docs/cn/训练.md"),
    ("docs/en/test.md", "docs/cn/测试.md"),
    ("docs/en/dataset.md", "docs/cn/数据集准备.md"),
    ("docs/en/environment.md", "docs/cn/环境配置.md"),
    ("docs/en/deploy.md", "docs/cn/部署.md"),
    ("docs/en/papers.md", "docs/cn/相关工作.md"),
    ("docs/en/course.md", "docs/cn/课程.md"),
    ("docs/en/projects.md", "docs/cn/课程项目.md"),
    ("docs/en/glossary.md", "docs/cn/术语表.md"),
    ("docs/en/FAQ.md", "docs/cn/Torch转Jittor常见问题.md"),
    *[
        (f"data_samples/{name}/README.md", f"data_samples/{name}/README_CN.md")
        for name in (
            "film",
            "rendered",
            "untrimmed_film",
            "untrimmed_rendered",
            "gait",
            "sentences",
            "weights",
        )  # fmt: skip
    ],
]
SKIPPED_FOLDERS = {".venv", ".git", "results", "node_modules", ".pytest_cache", ".making"}
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in ROOT.rglob("*.md")
    if not SKIPPED_FOLDERS & set(path.relative_to(ROOT).parts)
)
# Commands whose options belong to other programs.
PASSED_ON = {
    "lab": {"--no-browser", "--port"},
    "test": {"-m", "-k", "-x"},
    "robustness": {"--long", "--seed", "--count", "--json", "--jobs", "--keep"},
}


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def without_code(text: str) -> str:
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "code", text)


def commands_in(page: str) -> list[str]:
    """What stands after `bash script/run.sh`, comments and line ends with a backslash removed."""
    text = re.sub(r"\\\n\s*", " ", text_of(page))
    found = re.findall(r"bash script/run\.sh\b([^`\n]*)", text)
    return [" ".join(shlex.split(words, comments=True)) for words in found]


def tables_in(page: str) -> list[tuple[list[str], list[list[str]]]]:
    """(head, rows) of every table, as cells without backquotes."""
    tables, current = [], None
    for line in text_of(page).splitlines():
        if not line.startswith("|"):
            current = None
            continue
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if current is None:
            current = (cells, [])
            tables.append(current)
        elif not line.startswith("|---"):
            current[1].append(cells)
    return tables


def anchors_of(path: Path) -> set[str]:
    """Headings as GitHub makes links of them."""
    headings = re.findall(r"^#+ (.+)$", without_code(path.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings}


class Strict(argparse.ArgumentParser):
    """Raises if argparse would leave, and takes no shortened options."""

    def __init__(self, **options):
        super().__init__(**options, allow_abbrev=False)

    def error(self, message):
        raise ValueError(message)


def parser_of(*words: str) -> argparse.ArgumentParser:
    """The parser of `bash script/run.sh WORDS`."""
    parser = Strict()
    if words[0] in METHODS:
        method = importlib.import_module(f"jacklib.methods.{METHODS[words[0]]}")
        assert words[1] in method.PHASES
        method.add_arguments(parser, words[1])
    elif words[0] == "course":
        parser = importlib.import_module("script.course.__main__").parser()
    else:
        name = "prepare gait" if words[:2] == ("prepare", "gait") else words[0]
        beside = {"notebooks": "script.build_notebooks", "weights": "script.ship_weights"}
        module = beside.get(name) or f"jacklib.{TOOLS[name]}"
        importlib.import_module(module).add_arguments(parser)
    return parser


def check_command(words: list[str]) -> None:
    """Raises ValueError or AssertionError if run.sh would not take these words."""
    name = words[0]
    if name in ("doctor", "samples", "lock"):
        assert len(words) == 1
    elif name in PASSED_ON:
        given = {word for word in words[1:] if word.startswith("-")}
        assert given <= PASSED_ON[name]
        for word in words[1:]:
            if word.startswith("tests/"):
                assert (ROOT / word).is_file()
    else:
        parser = parser_of(*words[:2])
        named = 2 if name in METHODS or words[:2] == ["prepare", "gait"] else 1
        rest = [word for word in words[named:] if word != "--help"]
        if "--help" not in words:
            try:
                parser.parse_args(rest)
            except SystemExit as error:  # argparse's, from the parser of an action
                raise ValueError(words) from error


# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text_of(page))):
        if re.match(r"(https?|mailto):", target):
            continue
        name, _, anchor = target.partition("#")
        path = folder / name if name else ROOT / page
        assert path.exists(), f"{page}: no {target}"
        assert path.resolve().is_relative_to(ROOT), f"{page}: {target} lies outside"
        if anchor:
            assert anchor in anchors_of(path), f"{page}: no heading for {target}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_known(page):
    for command in commands_in(page):
        if not command or command.endswith("..."):
            continue
        try:
            check_command(command.split())
        except (ValueError, AssertionError, KeyError, ModuleNotFoundError) as error:
            pytest.fail(f"{page}: bash script/run.sh {command}: {error!r}")


def test_a_wrong_command_would_be_found():
    for wrong in ("VAANet mian", "VAANet main --epochs 3", "VAANet test --n_epochs 3", "trian",
                  "VAANet test_singlevideo", "doctor now", "test tests/test_nothing.py",
                  "VAANet main --seq 3", "VAANet main --theta 0.5",
                  "CTEN test --no_erasing", "TSL test", "TSL main --n_epochs 3",
                  "TSL features", "Gait test", "Gait test_single", "Gait main --theta 1",
                  "prepare gait SOURCE", "prepare gait SOURCE TARGET --fps 30", "course",
                  "course grade", "course mark FOLDER", "course build OUT --jobs 2"):  # fmt: skip
        with pytest.raises((ValueError, AssertionError, KeyError)):
            check_command(wrong.split())


@pytest.mark.parametrize("english, chinese", PAIRS)
def test_both_languages_give_the_same_commands(english, chinese):
    assert commands_in(english) == commands_in(chinese)
    blocks = r"^```bash\n.*?^```"
    counts = [
        len(re.findall(blocks, text_of(page), re.DOTALL | re.M)) for page in (english, chinese)
    ]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("english, chinese", PAIRS)
def test_both_languages_link_to_each_other_and_to_the_same_sites(english, chinese):
    for page, other in ((english, chinese), (chinese, english)):
        target = os.path.relpath(ROOT / other, (ROOT / page).parent)
        assert f"]({target})" in text_of(page)
    sites = [set(re.findall(r"\]\((https?:[^)\s]+)\)", text_of(p))) for p in (english, chinese)]
    translated = {site.removesuffix("deed.zh-hans") for site in sites[1]}  # of a licence
    assert sites[0] == translated


def test_no_page_without_its_partner():
    pages = {page for page in PAGES if re.match(r"docs/(en|cn)/", page)}
    assert pages == {page for pair in PAIRS for page in pair if page.startswith("docs/")}


def test_readmes_quote_the_same_papers():
    blocks = [re.findall(r"```bibtex\n.*?```", text_of(p), re.DOTALL) for p in PAIRS[0]]
    assert blocks[0] == blocks[1] and len(blocks[0]) == 1


@pytest.mark.parametrize("page", ["docs/en/course.md", "docs/cn/课程.md"])
def test_the_course_knows_the_usual_mistakes_of_every_lesson(page):
    (rows,) = (rows for head, rows in tables_in(page) if head[0] in ("notebook", "笔记本"))
    lessons = {path.stem.partition("_")[0] for path in (ROOT / "notebooks/src").glob("*.py")}
    assert {row[0] for row in rows} >= lessons


# --- Tables against the code ----------------------------------------------------------------------

# page, which of its option tables belong together, the command. CTEN's options are those of VAANet
# and its own.
TABLES = [
    *[(page, (0,), ("VAANet", "main")) for page in PAIRS[2]],
    *[(page, (0, 1), ("CTEN", "main")) for page in PAIRS[2]],
    *[(page, (0,), ("VAANet", "test")) for page in PAIRS[3]],
    *[(page, (0, 1), ("CTEN", "test")) for page in PAIRS[3]],
    *[(page, (2,), ("VAANet", "test_singlevideo")) for page in PAIRS[3]],
    *[(page, (2, 3), ("CTEN", "test_singlevideo")) for page in PAIRS[3]],
    *[(page, (2,), ("TSL", "main")) for page in PAIRS[2]],
    *[(page, (4,), ("predict",)) for page in PAIRS[3]],
    *[(page, (5, 6), ("TSL", "main_eval")) for page in PAIRS[3]],
    *[(page, (5, 7), ("TSL", "main_inference")) for page in PAIRS[3]],
    *[(page, (0,), ("prepare",)) for page in PAIRS[4]],
    *[(page, (1,), ("TSL", "features")) for page in PAIRS[4]],
    *[(page, (3,), ("Gait", "main")) for page in PAIRS[2]],
    *[(page, (4,), ("reproduce",)) for page in PAIRS[2]],
    *[(page, (8,), ("Gait", "test_single")) for page in PAIRS[3]],
    *[(page, (2,), ("prepare", "gait")) for page in PAIRS[4]],
    *[(page, (3,), ("verify",)) for page in PAIRS[4]],
]


@pytest.mark.parametrize("page, numbers, command", TABLES)
def test_option_tables_are_the_commands_options(page, numbers, command):
    tables = [rows for head, rows in tables_in(page) if head[0] in ("option", "选项")]
    rows = [row for number in numbers for row in tables[number]]
    stated = {row[0]: row[1] for row in rows}
    assert len(stated) == len(rows)
    meaning = {row[0]: row[2] for row in rows}
    options = {
        action.option_strings[0]: action
        for action in parser_of(*command)._actions
        if action.option_strings and action.help != argparse.SUPPRESS and action.dest != "help"
    }
    assert set(stated) == set(options)
    for name, action in options.items():
        for other in action.option_strings[1:]:
            # Gait takes `-` for `_` everywhere, which is said once.
            assert "-" in other[2:] or f"`{other}`" in meaning[name]
        if action.required:
            assert stated[name] in ("required", "必填")
        elif isinstance(action.default, bool):
            assert stated[name] in ("off", "否")
        elif isinstance(action.default, list):
            assert stated[name] == " ".join(action.default)
        elif action.default is not None:
            assert stated[name] == str(action.default), name


@pytest.mark.parametrize("page", PAIRS[4])
def test_data_set_tables_are_the_codes(page):
    samples, real = (rows for head, rows in tables_in(page) if head[0] == "--dataset")
    assert [row[0] for row in samples] == list(SAMPLES)
    (untrimmed,) = (rows for head, rows in tables_in(page) if head[0] == "TSL --dataset")
    assert [row[0] for row in untrimmed] == list(UNTRIMMED)
    (gaits,) = (rows for head, rows in tables_in(page) if head[0] == "Gait --dataset")
    assert [row[0] for row in gaits] == list(GAITS)
    real = {row[0]: row[1:] for row in real}
    assert set(real) == set(DATASETS)
    for name, info in DATASETS.items():
        labels, positive, annotation = real[name]
        assert labels.split(", ") == info.labels
        assert set(positive.split(", ")) == set(info.positive)
        assert annotation == info.annotation


@pytest.mark.parametrize("page", PAIRS[1])
def test_layout_names_every_room_of_the_package(page):
    block = re.search(r"```text\n(script/run\.sh .*?)```", text_of(page), re.DOTALL).group(1)
    named = [line.split()[0] for line in block.splitlines()]
    assert len(set(named)) == len(named)
    rooms = {f"jacklib/{p.parent.name}/" for p in (ROOT / "jacklib").glob("*/__init__.py")}
    rooms |= {f"jacklib/{p.name}" for p in (ROOT / "jacklib").glob("*.py")}
    assert {name for name in named if name.startswith("jacklib/")} == rooms
    for name in named:
        assert "NN_name" in name or (ROOT / name).exists(), name


def settings_columns(page: str, network: str) -> list[tuple[str, list[str]]]:
    """Each settings' name and cells, from the table of one network."""
    (rows,) = (r for h, r in tables_in(page) if h == [network, "classroom", "paper"])
    columns = ((1, "classroom"), (2, "paper"))
    return [(name, [row[column] for row in rows]) for column, name in columns]


def numbers(cell: str) -> list[float]:
    """The numbers of a cell, in order."""
    return [float(number) for number in re.findall(r"[\d.]+(?:e-\d+)?", cell)]


@pytest.mark.parametrize("page", PAIRS[2])
def test_vaanets_settings_are_the_codes(page):
    from jacklib.methods.vaanet import SCHEDULES
    from jacklib.networks import VAANetConfig

    for name, cells in settings_columns(page, "VAANet"):
        config, schedule = getattr(VAANetConfig, name)(), SCHEDULES[name]
        assert numbers(cells[0]) == [config.seq_len, config.snippet_duration, config.sample_size]
        assert name == "paper" or numbers(cells[1])[-1] == config.width
        assert numbers(cells[2]) == [config.embed_size]
        assert numbers(cells[3]) == [config.audio_n_segments, config.audio_embed_size]
        assert numbers(cells[4]) == [*schedule[:3]]
        assert numbers(cells[5]) == [schedule.attention_factor]
        assert schedule.weight_decay == 0


@pytest.mark.parametrize("page", PAIRS[2])
def test_ctens_settings_are_the_codes(page):
    from jacklib.methods.cten import SCHEDULES
    from jacklib.networks import CTENConfig

    for name, cells in settings_columns(page, "CTEN"):
        config, schedule = getattr(CTENConfig, name)(), SCHEDULES[name]
        assert numbers(cells[0]) == [config.seq_len, config.snippet_duration, config.sample_size]
        assert name == "paper" or numbers(cells[1])[-1] == config.width
        assert numbers(cells[2]) == [config.audio_embed_size]
        assert numbers(cells[3]) == [config.audio_n_segments, config.audio_time]
        assert numbers(cells[4]) == [config.n_heads, config.inner_size]
        assert numbers(cells[5]) == [*schedule[:3]]
        assert numbers(cells[6]) == [schedule.attention_factor]
        assert numbers(cells[7]) == [schedule.weight_decay]
        assert numbers(cells[8]) == [config.start_shortcut]
        assert config.start_switched_on == ("every" in cells[9] or "所有" in cells[9])


@pytest.mark.parametrize("page", PAIRS[2])
def test_tsl_nets_settings_are_the_codes(page):
    from jacklib.methods.tsl import SCHEDULES
    from jacklib.networks import TSLNetConfig

    for name, cells in settings_columns(page, "TSL-Net"):
        config, schedule = getattr(TSLNetConfig, name)(), SCHEDULES[name]
        assert numbers(cells[0]) == [config.len_feature, config.neck_size]
        assert numbers(cells[1]) == [config.r_act, config.dropout]
        steps = [schedule.batch_size, len(schedule.rates), schedule.evaluate_every]
        assert numbers(cells[2]) == steps
        assert set(numbers(cells[3])) == set(schedule.rates)
        assert numbers(cells[4]) == [schedule.audio_factor]
        assert numbers(cells[5]) == [schedule.weight_decay]


@pytest.mark.parametrize("page", PAIRS[2])
def test_bpm_gcns_settings_are_the_codes(page):
    from jacklib.methods.gait import SCHEDULES
    from jacklib.networks import BPMGCNConfig

    for name, cells in settings_columns(page, "BPM-GCN"):
        config, schedule = getattr(BPMGCNConfig, name)(), SCHEDULES[name]
        assert numbers(cells[0]) == [*config.widths]
        assert numbers(cells[1]) == [*schedule[:3]]
        assert numbers(cells[2]) == [*schedule.drops]
        assert numbers(cells[3]) == [schedule.momentum, schedule.weight_decay]
        assert schedule.nesterov


@pytest.mark.parametrize("page", PAIRS[2])
def test_gaits_settings_files_names_are_the_codes(page):
    from jacklib.methods.gait_config import OPTIONS, RELEASED_NAMES, WITHOUT_EFFECT

    (rows,) = (r for h, r in tables_in(page) if h[0] in ("in the file", "文件里的名字"))
    named = [set(re.findall(r"[a-z_]+[a-z]", row[0])) for row in rows]
    assert {*OPTIONS, *RELEASED_NAMES} <= set().union(*named[:-1])
    assert named[-1] == set(WITHOUT_EFFECT)


@pytest.mark.parametrize("page", PAIRS[2])
def test_configuration_files_are_understood(page, tmp_path):
    from jacklib.methods.gait_config import read_config

    (content,) = re.findall(r"^```yaml\n(.*?)^```", text_of(page), re.DOTALL | re.M)
    path = tmp_path / "settings.yaml"
    path.write_text(content, encoding="utf-8")
    options, idle = read_config(path)
    assert set(options) == {"data_path", "learning_rate", "drops", "n_epochs", "random_move"}
    assert not idle


@pytest.mark.parametrize("page", PAIRS[2])
def test_lists_of_numbers_are_understood(page):
    from jacklib.methods.tsl import number_list

    lists = re.findall(r'"(\[[\d.,e*+\[\]-]+)"', text_of(page))
    assert len(lists) >= 4
    assert all(number_list(text, page) for text in lists)


# --- Python examples ------------------------------------------------------------------------------


def examples_in(page: str) -> list[ast.Module]:
    """The Python blocks of a page."""
    blocks = re.findall(r"^```python\n(.*?)^```", text_of(page), re.DOTALL | re.M)
    return [ast.parse(block) for block in blocks]


@pytest.mark.parametrize("page", [page for pair in PAIRS for page in pair])
def test_what_python_examples_import_is_there(page):
    for example in examples_in(page):
        for node in ast.walk(example):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                for name in node.names:
                    if not hasattr(module, name.name):
                        importlib.import_module(f"{node.module}.{name.name}")


def without_words(example: ast.Module) -> str:
    """What an example does, whatever the language of its texts."""
    for node in ast.walk(example):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
        elif isinstance(node, ast.Call):
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "lang"]
    return ast.dump(example)


@pytest.mark.parametrize("english, chinese", PAIRS)
def test_both_languages_have_the_same_python_examples(english, chinese):
    both = [[without_words(example) for example in examples_in(p)] for p in (english, chinese)]
    assert both[0] == both[1]
