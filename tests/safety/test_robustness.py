"""The short form of the robustness command's fuzzing and canaries, one test for each reader and
for each group of canaries. `bash script/run.sh robustness --long` does far more."""

import random

import pytest
from robustness import canaries, fuzz
from robustness.common import Run
from robustness.readers import READERS


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What came of each part, by (part, name)."""
    run = Run(long=False, seed=0, count=None, jobs=1, folder=tmp_path_factory.mktemp("robustness"))
    return {row[:2]: row for part in (fuzz, canaries) for row in part.results(run)}


@pytest.mark.parametrize("name", [reader.name for reader in READERS])
def test_a_damaged_file_is_read_or_refused(found, name):
    row = found["fuzz", name]
    assert not row.bad, "\n".join(row.bad)
    assert row.count >= 8


@pytest.mark.parametrize("name", canaries.GROUPS)
def test_no_canary_sings(found, name):
    row = found["canaries", name]
    assert not row.bad, "\n".join(row.bad)
    assert row.count >= 3


# What finds faults must itself find them.


def reader(read):
    def make(root):
        (root / "numbers.txt").write_text("1 22 333 4444 55555")
        return ["numbers.txt"]

    return fuzz.Reader("made for the test", make, read)


def crash(root, name):
    import ctypes

    ctypes.string_at(0)


def hang(root, name):
    while True:
        pass


def eat(root, name):
    b"x" * (3 << 30)


def leave(root, name):
    (root.parent / "victim" / "clip" / "notes.txt").write_text("gone")


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda root, name: int("x"), "ValueError: invalid literal"),
        (crash, "the process ended: SIGSEGV"),
        (hang, "no end after 1 s"),
        (eat, "MemoryError"),
        (leave, "files outside were changed"),
    ],
    ids=["traceback", "crash", "hang", "memory", "outside"],
)
def test_faults_are_found(tmp_path, monkeypatch, read, words):
    monkeypatch.setattr(fuzz, "SECONDS", 1)
    bad = fuzz.attack(reader(read), 2, 0, tmp_path / "bench", tmp_path / "keep")
    assert words in bad[0]
    kept = list((tmp_path / "keep").rglob("*.txt"))
    assert len(kept) == (0 if read is leave else 2)


def test_a_trial_can_be_repeated(tmp_path):
    one, two, other = (fuzz.Bench(reader(crash), tmp_path / str(n), n // 2) for n in (2, 3, 4))
    damages = [one.damage(n) for n in range(50)]
    assert damages == [two.damage(n) for n in range(50)]
    assert len({data for _, data in damages}) > 30
    assert damages != [other.damage(n) for n in range(50)]


@pytest.mark.parametrize("way", dict.fromkeys([*fuzz.BYTES, *fuzz.LINES, fuzz.repacked]))
def test_every_kind_of_damage_keeps_to_its_size(way):
    data = b'{"a": [1, 2.5, "text"]}\nid,label\n' * 3
    for seed in range(60):
        rng = random.Random(seed)
        assert len(way(data, [data, b"x"], rng)) < 3 * fuzz.LARGEST
