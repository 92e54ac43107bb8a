"""`reproduce METHOD DATASET`: others' numbers, a network per seed, and one table of it all."""

import argparse
import csv
import json
import re

import numpy as np
import pytest
from support import ROOT, generated
from support.commands import jack

from jacklib.data.tsl300 import ScoredVideos
from jacklib.errors import DataError
from jacklib.measure import reproduce
from jacklib.measure.reproduce import PUBLISHED, Table, read_scores

RELEASED = ROOT / "tests" / "torch_numbers" / "tsl300_released.json"


def asked(*words):
    parser = argparse.ArgumentParser()
    reproduce.add_arguments(parser)
    return parser.parse_args(list(map(str, words)))


def here(folder):
    return json.loads((folder / "reproduce.json").read_text("utf-8"))


# --- Stored scores --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scores():
    """Invented scores of TSL-300's test videos, as long as those are."""
    fps, seconds = (json.loads((reproduce.TSL300 / name).read_text())
                    for name in ("fps_dict.json", "len_duration_dict.json"))  # fmt: skip
    ids = (reproduce.TSL300 / "split_test.txt").read_text().split()
    return generated.scores({i: generated.clips_of(i, fps, seconds) for i in ids})


@pytest.fixture(scope="module")
def stored(scores, tmp_path_factory):
    path = tmp_path_factory.mktemp("scores") / "scores.npz"
    parts = {f"{i}/{k}": v for i, s in scores.items() for k, v in zip(NAMES, s, strict=True)}
    np.savez(path, **parts)
    return path


NAMES = ("scores", "video_score")


def test_stored_scores_give_the_released_evaluators_table(stored, tmp_path, capsys, monkeypatch):
    """On the real test split; torch_numbers/tsl300_released.json is what the released code printed
    for the same scores, from their localisation to the last metric."""
    monkeypatch.setattr(reproduce, "DRAWS", 1)
    args = asked("TSL", "tsl300", "--scores", stored, "--result_path", tmp_path)
    assert reproduce.main(args) == 0
    released = json.loads(RELEASED.read_text())
    found = here(tmp_path)["here"]
    for head, levels in (("scores given", "0.5 to 0.7"), ("public levels", "0.4 to 0.725")):
        (ours,), theirs = found[head], released[levels]
        assert len(theirs) == 20
        for name, value in theirs.items():
            assert ours[name] == pytest.approx(value, abs=1e-6), (head, name)
    assert found["scores given"] != found["public levels"]
    (chance,) = found["random scores"]
    assert 0 < chance["average_mAP"] < 0.3
    table = capsys.readouterr().out
    row = next(line for line in table.splitlines() if line.startswith("| average mAP |"))
    value = f"{100 * released['0.5 to 0.7']['average_mAP']:.2f}"
    assert row.startswith(f"| average mAP | 20.4 | 19.85 | 19.49 | {value} |")
    assert (tmp_path / "table.md").read_text("utf-8").strip() in table
    written = json.loads((tmp_path / "detections_scores_given.json").read_text())
    assert len(written["results"]) == 100


def test_videos_without_sound_scores_are_named(scores, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(reproduce, "DRAWS", 1)
    folder = tmp_path / "scores"
    folder.mkdir()
    for video, arrays in list(scores.items())[:6]:
        np.savez(folder / f"{video}.npz", **dict(zip(NAMES, arrays, strict=True)))
    ids = list(scores)
    (folder / f"{ids[1]}.npz").write_bytes(b"PK nothing")
    each, video = scores[ids[2]]
    np.savez(folder / f"{ids[2]}.npz", scores=np.where(each > 0.9, np.nan, each), video_score=video)
    np.savez(folder / f"{ids[3]}.npz", scores=each)
    np.savez(folder / f"{ids[4]}.npz", scores=each[:, :2], video_score=video)
    videos = ScoredVideos(reproduce.TSL300, "test")
    assert set(read_scores(folder, videos)) == {ids[0], ids[5]}
    wrong = videos.unreadable
    assert len(wrong) == 98 and not set(wrong) & {ids[0], ids[5]}
    said = {1: "not a zip", 2: "scores: found", 3: "wanted scores and video_score",
            4: "wanted [T, 3]", 6: "no such file"}  # fmt: skip
    for place, words in said.items():
        assert words in wrong[ids[place]] and f"{ids[place]}.npz" in wrong[ids[place]]
    args = asked("TSL", "tsl300", "--scores", folder, "--result_path", tmp_path / "out")
    assert reproduce.main(args) == 1
    assert "98 could not be read and are left out" in capsys.readouterr().out
    with pytest.raises(DataError, match="no such file"):
        read_scores(tmp_path / "none.npz", ScoredVideos(reproduce.TSL300, "test"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="scores of none of the videos"):
        read_scores(tmp_path / "empty", ScoredVideos(reproduce.TSL300, "test"))


# --- Whole runs on a few generated items ----------------------------------------------------------


def words_of(paths):
    return [word for name, path in paths.items() for word in (f"--{name}", path)]


def run(method, dataset, paths, folder, *more):
    quick = ("--settings", "classroom", "--n_epochs", 1, "--batch_size", 8, "--despite_faults")
    return jack(
        "reproduce", method, dataset, *words_of(paths), "--result_path", folder, *quick, *more
    )


@pytest.fixture(scope="module")
def ve8(tmp_path_factory):
    return generated.clips(tmp_path_factory.mktemp("ve8"), "ve8", per_class=1)


@pytest.fixture(scope="module")
def vaanet(ve8, tmp_path_factory):
    """Two seeds, of which the second cannot go on, and the weights that ship beside."""
    folder = tmp_path_factory.mktemp("vaanet")
    (folder / "seed_1").mkdir()
    (folder / "seed_1" / "last.pth").write_bytes(b"no weights")
    weights = ROOT / "data_samples" / "weights" / "vaanet.safetensors"
    more = ("--seeds", 1, 0, 2, "--weights", weights)
    return folder, run("VAANet", "ve8", ve8, folder, *more)


def test_a_seed_that_fails_ends_no_other(vaanet):
    folder, result = vaanet
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "seed 1 failed" in result.stderr and "last.pth" in result.stderr
    found = here(folder)
    assert found["seeds"] == [0, 2] and list(found["failed"]) == ["1"]
    assert "Seed 1 failed: " in result.stdout


def test_the_table_has_all_columns(vaanet):
    folder, result = vaanet
    table = (folder / "table.md").read_text("utf-8")
    assert table.strip() in result.stdout
    head, _, row = [line for line in table.splitlines() if line.startswith("|")][:3]
    assert head == ("| | paper | PyTorch original | public Jittor port | weights given | here | "
                    "always the most frequent class |")  # fmt: skip
    assert (
        "Here: --settings classroom, --n_epochs 1, --batch_size 8, seeds 0, 2; after the" in table
    )
    found = here(folder)["here"]
    one, other = (100 * numbers["accuracy"] for numbers in found["here"])
    mean, spread = np.mean([one, other]), np.std([one, other], ddof=1)
    given = 100 * found["weights given"][0]["accuracy"]
    assert row == (f"| accuracy | 54.5 | - | - | {given:.2f} | {mean:.2f} ± {spread:.2f} "
                   f"({one:.2f}, {other:.2f}) | 12.50 |")  # fmt: skip


def test_numbers_are_those_of_the_last_epoch_by_mains_own_training(vaanet, ve8, tmp_path):
    folder, _ = vaanet
    how = ("--settings", "classroom", "--n_epochs", 1, "--batch_size", 8, "--seed", 2)
    where = (*words_of(ve8), "--result_path", tmp_path)
    result = jack("VAANet", "main", "--dataset", "ve8", *how, *where)
    assert result.returncode == 0, result.stderr
    logs = [
        list(csv.DictReader((place / "log.csv").open())) for place in (tmp_path, folder / "seed_2")
    ]
    for log in logs:
        del log[-1]["seconds"]
    assert logs[0] == logs[1]
    numbers = here(folder)["here"]["here"][1]
    assert numbers["accuracy"] == pytest.approx(float(logs[1][-1]["val_accuracy"]))
    assert numbers["best"] == pytest.approx(float(logs[1][-1]["val_accuracy"]))


def test_a_complete_seed_is_not_trained_again(vaanet, ve8):
    folder, _ = vaanet
    before = {n: (folder / f"seed_{n}" / "last.pth").read_bytes() for n in (0, 2)}
    result = run("VAANet", "ve8", ve8, folder, "--seeds", 0, 2)
    assert result.returncode == 0, result.stderr
    assert "epoch   1/1" not in result.stdout
    assert before == {n: (folder / f"seed_{n}" / "last.pth").read_bytes() for n in (0, 2)}
    assert here(folder)["seeds"] == [0, 2]


def test_cten_has_each_pass(ve8, tmp_path):
    result = run("CTEN", "ve8", ve8, tmp_path)
    assert result.returncode == 0, result.stderr
    for row in (
        r"accuracy, pass 1 \(whole video\) \| 57.3 \| - \| - \| [\d.]+ \| -",
        r"accuracy, mean of both passes \| - \| 49.1 \| 26.9 \| [\d.]+ \| 12.50",
    ):
        assert re.search(rf"^\| {row} \|$", result.stdout, re.MULTILINE)


def test_tsl_counts_rounds(tmp_path):
    paths = generated.untrimmed(tmp_path / "data", videos=(8, 3))
    folder = tmp_path / "out"
    result = run("TSL", "tsl300", paths, folder, "--batch_size", 2)
    assert result.returncode == 0, result.stderr
    (numbers,) = here(folder)["here"]["here"]
    assert set(PUBLISHED["TSL"]["tsl300"]["rows"]) <= set(numbers)
    (row,) = csv.DictReader((folder / "seed_0" / "log.csv").open())
    assert float(row["average_mAP"]) == pytest.approx(numbers["average_mAP"])
    assert "10 steps" in result.stdout and "random scores" in result.stdout


def test_gait_is_prepared_and_has_each_emotion(tmp_path):
    paths = generated.walks(tmp_path / "data", share=0.02)
    folder = tmp_path / "out"
    result = run("Gait", "emotion_gait", paths, folder)
    assert result.returncode == 0, result.stderr
    assert (folder / "arrays" / "gait.json").is_file()
    (numbers,) = here(folder)["here"]["here"]
    assert {"accuracy", "best"} <= set(numbers)
    assert re.search(r"^\| accuracy \| 90.37 \| 88.99 \| 91.15 \| ", result.stdout, re.MULTILINE)


def test_faults_stop_it_before_training(ve8, tmp_path):
    """One clip lacks its sound."""
    clip = sorted(ve8["audio_path"].rglob("*.mp3"))[0]
    away = clip.rename(clip.with_suffix(".away"))
    try:
        words = ("--settings", "classroom", "--n_epochs", 1, "--result_path", tmp_path)
        result = jack("reproduce", "VAANet", "ve8", *words_of(ve8), *words)
    finally:
        away.rename(clip)
    assert result.returncode == 1 and "--despite_faults" in result.stderr
    assert clip.stem in result.stderr and not (tmp_path / "seed_0").exists()


# --- What is asked --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, message",
    [
        (("VAANet", "tsl300"), "DATASET: found tsl300, wanted a data set of VAANet: ve8, ekman6"),
        (("CTEN", "ve8", "--scores", "x"), "--scores: found CTEN, wanted TSL"),
        (("TSL", "tsl300"), "--data_path: found none"),
        (("Gait", "emotion_gait"), "--data_path: found none"),
        (
            ("VAANet", "ve8", "--keep_features"),
            "--keep_features: found an option of other networks",
        ),
        (("TSL", "tsl300", "--audio_path", "x"), "wanted one that TSL main has"),
    ],
)
def test_what_cannot_be_is_refused(words, message, tmp_path):
    with pytest.raises(DataError, match=re.escape(message)):
        reproduce.main(asked(*words, "--result_path", tmp_path))


def test_the_readme_and_the_pages_have_the_same_published_numbers():
    readme = (ROOT / "README.md").read_text("utf-8")
    for method, dataset, row, of, words in (
        ("VAANet", "ve8", "accuracy", "paper", "VE8 {}%"),
        ("VAANet", "ekman6", "accuracy", "paper", "Ekman-6 {}%"),
        ("CTEN", "ve8", "pass_1", "paper", "VE8 {}%"),
        ("CTEN", "ekman6", "pass_1", "paper", "Ekman-6 {}%"),
        ("CTEN", "ve8", "accuracy", "port", "{}%"),
        ("CTEN", "ve8", "accuracy", "original", "its PyTorch: {}%"),
        ("TSL", "tsl300", "average_mAP", "paper", "mAP {:.2f}%"),
        ("TSL", "tsl300", "average_F2", "paper", "F2 {}%"),
        ("TSL", "tsl300", "average_mAP", "port", "mAP {}%"),
        ("TSL", "tsl300", "average_F2", "port", "F2 {}%"),
        ("Gait", "emotion_gait", "accuracy", "paper", "Emotion-Gait {}%"),
        ("Gait", "emotion_gait", "accuracy", "port", "{}%"),
    ):
        assert words.format(PUBLISHED[method][dataset]["rows"][row][of]) in readme
    page = (ROOT / "docs" / "en" / "papers.md").read_text("utf-8")
    rows = PUBLISHED["Gait"]["emotion_gait"]["rows"]
    pairs = ", ".join(f"{n} {rows[n]['original']:.1f}, {rows[n]['port']:.1f}"
                      for n in ("happy", "sad", "angry", "neutral"))  # fmt: skip
    assert pairs in page


def test_every_column_says_where_it_comes_from():
    for of_method in PUBLISHED.values():
        for published in of_method.values():
            notes = " ".join(published["notes"])
            for of, word in (("paper", "Paper"), ("original", "PyTorch"), ("port", "port")):
                if any(of in row for row in published["rows"].values()):
                    assert word in notes


def test_cells():
    assert reproduce._cell([]) == "-" and reproduce._cell([0.5]) == "50.00"
    assert reproduce._cell([0.5, 0.6, 0.7]) == "60.00 ± 10.00 (50.00, 60.00, 70.00)"


def test_a_table_without_any_run(tmp_path):
    table = Table(asked("Gait", "emotion_gait", "--result_path", tmp_path))
    text = table.write()
    assert "| happy | 96.83 | 96.83 | 98.2 |" in text and "after the last epoch" not in text
