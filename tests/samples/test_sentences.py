"""The sentences that ship are whole, and their reader takes nothing else."""

import hashlib
import shutil
from collections import Counter

import numpy as np
import pytest

from jacklib.errors import DataError
from jacklib.samples import samples_folder
from jacklib.samples.sentences import LABELS, load_sentences

FOLDER = samples_folder() / "sentences"


@pytest.fixture(scope="module")
def sentences():
    return load_sentences()


@pytest.fixture
def copy(tmp_path):
    """A function that copies the folder, with text replaced in one file where it is told so."""
    folder = tmp_path / "sentences"
    shutil.copytree(FOLDER, folder)

    def change(name="sources.csv", old="", new=""):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return folder

    return change


def test_checksums_match_and_cover_every_file():
    lines = (FOLDER / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    written = {"README.md", "README_CN.md", "SHA256SUMS"}
    assert set(sums) == {path.name for path in FOLDER.iterdir()} - written
    for name, digest in sums.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 100_000


def test_every_source_has_a_licence_and_lines_of_every_label(sentences):
    assert len(sentences) == 378 and len(sentences.sources) == 6
    notes = (FOLDER / "LICENSES.txt").read_text(encoding="utf-8")
    for name, source in sentences.sources.items():
        own = [item for item in sentences.items if item.source == name]
        assert {item.label for item in own} == set(LABELS), name
        assert len({item.text for item in own}) == len(own), name
        assert source.licence and source.attribution and name in notes
        timed = [item.start is not None for item in own]
        assert all(timed) if source.kind == "scene" else not any(timed)


def test_lines_of_a_scene_follow_each_other(sentences):
    for name, source in sentences.sources.items():
        if source.kind == "scene":
            times = [(item.start, item.end) for item in sentences.items if item.source == name]
            assert times == sorted(times)
            assert all(a[1] <= b[0] for a, b in zip(times, times[1:], strict=False))


@pytest.mark.parametrize("readme", ["README.md", "README_CN.md"])
def test_the_readmes_numbers_are_those_of_the_table(sentences, readme):
    text = (FOLDER / readme).read_text(encoding="utf-8")
    for name in sentences.sources:
        own = sum(item.source == name for item in sentences.items)
        assert f"| `{name}` | {own} |" in text
    scene = sentences.of_kind("scene")
    for chosen in (scene, ~scene, np.ones(len(sentences), bool)):
        row = np.bincount(sentences.labels[chosen], minlength=3)
        assert "| {} | {} | {} |".format(*row) in text
    first, second = sentences.labels, sentences.second_labels
    agree = (first == second).mean()
    chance = sum((first == c).mean() * (second == c).mean() for c in range(3))
    assert f"{100 * agree:.0f}%" in text
    assert f"kappa {(agree - chance) / (1 - chance):.2f}" in " ".join(text.split())


def test_folds_share_no_source_and_test_each_sentence_once(sentences):
    tested = np.zeros(len(sentences), int)
    sources = np.array([item.source for item in sentences.items])
    for name, train, test in sentences.folds():
        assert set(sources[test]) == {name} and name not in sources[train]
        assert (train ^ test).all()
        tested += test
    assert (tested == 1).all()


def test_labels_are_numbers_in_the_order_of_the_names(sentences):
    assert sentences.texts[0] == "Is that the last of the boxes?"
    assert sentences.labels.dtype == np.int32
    assert [sentences.names[n] for n in sentences.labels[:5]] == [
        item.label for item in sentences.items[:5]
    ]
    assert Counter(sentences.labels.tolist()) == {0: 133, 1: 138, 2: 107}


def test_a_folder_of_ones_own_is_read(copy, sentences):
    assert load_sentences(copy()) == sentences


@pytest.mark.parametrize(
    "name, old, new, words",
    [
        ("sentences.csv", "neutral,neutral", "bad,neutral", ["line 2", "'bad'", "negative"]),
        ("sentences.csv", "002,last_evening", "002,last_morning", ["line 3", "last_morning"]),
        ("sentences.csv", "evening_002", "evening_001", ["line 3", "evening_001", "second"]),
        ("sentences.csv", "12,14.25", "14.25,12", ["line 2", "14.25", "seconds"]),
        ("sentences.csv", "12,14.25", "soon,14.25", ["line 2", "soon", "seconds"]),
        ("sentences.csv", "12,14.25", "nan,14.25", ["line 2", "nan", "seconds"]),
        ("sentences.csv", "Is that the last of the boxes?", " ", ["line 2", "no text"]),
        (
            "sentences.csv",
            '"Apart from the kitchen, yes."',
            "Apart from the kitchen, yes.",
            ["line 3", "cells", "7"],
        ),
        ("sentences.csv", "label,second_label", "mood,second_label", ["mood", "second_label"]),
        (
            "sources.csv",
            "last_evening,scene",
            "last_evening,opera",
            ["line 2", "opera", "scene or book"],
        ),
        ("sources.csv", "2026", "lately", ["line 2", "lately", "number"]),
        (
            "sources.csv",
            "mountain_rescue,scene",
            "last_evening,scene",
            ["line 3", "last_evening", "once"],
        ),
    ],
)
def test_wrong_tables_are_refused(copy, name, old, new, words):
    with pytest.raises(DataError) as caught:
        load_sentences(copy(name, old, new))
    for word in (name, "README.md", *words):
        assert word in str(caught.value), word


def test_missing_empty_and_unreadable_files_are_refused(copy):
    folder = copy()
    header, _ = (folder / "sentences.csv").read_text(encoding="utf-8").split("\n", 1)
    (folder / "sentences.csv").write_text(header + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="no sentence"):
        load_sentences(folder)
    (folder / "sentences.csv").write_bytes(header.encode() + b"\n\xff\xfe")
    with pytest.raises(DataError, match="UTF-8"):
        load_sentences(folder)
    (folder / "sentences.csv").unlink()
    with pytest.raises(DataError, match=r"sentences\.csv.*no such file"):
        load_sentences(folder)


def test_only_scenes_and_books_are_known(sentences):
    with pytest.raises(DataError, match="song"):
        sentences.of_kind("song")
