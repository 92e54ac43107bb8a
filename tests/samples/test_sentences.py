"""The sentences that ship are whole."""

import hashlib
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


def test_only_scenes_and_books_are_known(sentences):
    with pytest.raises(DataError, match="song"):
        sentences.of_kind("song")
