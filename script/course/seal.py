"""Turn the answers that an author has written down, TODO(0.42), into salted hashes.

python -m script.course.seal [05 ...]     in jacklib/teaching/exercises/05.yaml; all without names
"""

import re
import sys

from jacklib.files import write_text
from jacklib.teaching.exercise import FOLDER, lessons, sealed

MARK = re.compile(r"TODO\(([^()]*)\)")


def seal(number: str) -> int:
    """Seal a lesson's answers in place; returns how many there were."""
    path, name, question, digits, done = FOLDER / f"{number}.yaml", "", 0, 6, 0
    lines = path.read_text("utf-8").split("\n")
    for index, line in enumerate(lines):
        if top := re.match(r"[\"']?(\w+)[\"']?:", line):
            name, question = top[1], 0
            block = re.split(r"^[\"']?\w+[\"']?:", "\n".join(lines[index + 1 :]), flags=re.M)[0]
            found = re.search(r"^  digits: (\d+)", block, re.M)
            digits = int(found[1]) if found else 6
        if name == "quiz" and line.startswith("  - "):
            question += 1
        whole = f"{number}.q{question}" if name == "quiz" else f"{number}.{name}"
        lines[index], count = MARK.subn(lambda m: sealed(whole, _typed(m[1]), digits), line)  # noqa: B023
        done += count
    write_text(path, "\n".join(lines))
    return done


def _typed(text: str) -> object:
    """Several values as a list: TODO(1, 2)."""
    parts = [part.strip().strip("\"'") for part in text.split(",")]
    return parts if len(parts) > 1 else parts[0]


if __name__ == "__main__":
    for lesson in sys.argv[1:] or lessons():
        print(f"{lesson}: {seal(lesson)} answers sealed")
