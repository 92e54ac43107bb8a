"""The short form of the robustness command's kills, races, disks and kernels. In a process of its
own: Jittor, which this one holds, ends it when a child is killed."""

import os
import re
import subprocess
import sys

import pytest
from robustness import kills
from robustness.workbench import Place, contents, difference, left_behind
from support import ROOT


@pytest.mark.parametrize(
    ("part", "trials"), [("kills", 12), ("races", 8), ("disks", 60), ("kernels", 2)]
)
def test_the_short_form_finds_nothing(part, trials):
    ran = subprocess.run([sys.executable, "robustness", part, "--jobs", "2"], cwd=ROOT / "tests",
                         capture_output=True, text=True)  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (count, bad), *_ = re.findall(r"^all +(\d+) +(\d+)$", ran.stdout, re.MULTILINE)
    assert int(count) >= trials and bad == "0"


# What compares must find what differs.


def test_what_differs_is_found(tmp_path):
    places = []
    for name, seconds, number in (("a", 1.0, 3), ("b", 2.0, 3), ("c", 1.0, 4)):
        place = Place(tmp_path / name, tmp_path, tmp_path / name / "out")
        place.out.mkdir(parents=True)
        (place.out / "log.csv").write_text(f"epoch,loss,seconds\n1,{number},{seconds}\n")
        (place.out / "made.json").write_text(f'{{"path": "{place.folder}/x", "n": {number}}}')
        places.append(place)
    a, b, c = map(contents, places)
    assert difference(a, b) == ""  # clocks and places may differ
    assert difference(a, c) == "different: log.csv, made.json (2)"
    (places[1].out / ".jack-12-0123abcd.part").mkdir()
    (places[1].out / "more.txt").write_text("")
    assert difference(a, contents(places[1])) == "too many: more.txt (1)"
    assert left_behind(places[1]) == ["left behind: out/.jack-12-0123abcd.part"]


def test_placed_kills_are_at_both_sides_of_every_move():
    calls = ["replace best.pth", "unlink old", "replace last.pth", "rename folder"]
    assert kills._points(calls, 100) == [
        (n, side) for n in range(1, 5) for side in ("before", "after")
    ]
    assert kills._points(calls * 20, 5)[0] == (1, "before")
    assert len(kills._points(calls * 20, 5)) == 5


def test_a_process_can_be_killed_between_two_writes(tmp_path):
    (tmp_path / "jacklib").mkdir()
    (tmp_path / "jacklib" / "__init__.py").write_text("")
    (tmp_path / "jacklib" / "__main__.py").write_text(
        "import os, sys\n"
        "def main(words):\n"
        "    for name in words:\n"
        "        open(name, 'w').close()\n"
        "        os.replace(name, name + '.whole')\n"
        "    return 0\n"
    )
    (tmp_path / "out").mkdir()
    names = [str(tmp_path / "out" / name) for name in ("a", "b")]
    command = [
        sys.executable,
        ROOT / "tests" / "robustness" / "stoppable.py",
        "--within",
        tmp_path / "out",
    ]
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    for stop, left in ((("1", "before"), {"a"}), (("1", "after"), {"a.whole"}),
                       (("2", "before"), {"a.whole", "b"})):  # fmt: skip
        ran = subprocess.run([*command, "--stop", *stop, *names], env=env, cwd=tmp_path)
        assert ran.returncode == -9
        assert {path.name for path in (tmp_path / "out").iterdir()} == left
        for path in (tmp_path / "out").iterdir():
            path.unlink()
    ran = subprocess.run([*command, "--count", tmp_path / "counted", *names], env=env, cwd=tmp_path)
    assert ran.returncode == 0
    assert (tmp_path / "counted").read_text() == "replace a.whole\nreplace b.whole\n"
