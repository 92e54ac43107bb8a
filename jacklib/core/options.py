"""Command-line options from a table: a YAML file beside the commands holds their words."""

import argparse
from pathlib import Path
from typing import Any

TYPES = {"int": int, "float": float}


def add_options(
    parser: argparse.ArgumentParser, file: Path, section: str, phase: str = "", **words: Any
) -> None:
    """Add the options that a section of a YAML file lists to a parser, or to what has its
    `add_argument`.

    A section is a list of groups: `options`, argparse's arguments by each option's name, and
    `phases`, where they are options, if not everywhere. `also` are an option's other names. Help
    texts may name `words` in braces; `choices` may be one of them.
    """
    import yaml  # here, because `gpu_check` runs where it is not

    for group in yaml.safe_load(file.read_text("utf-8"))[section]:
        if phase not in group.get("phases", [phase]):
            continue
        for name, about in group["options"].items():
            names = [name, *about.pop("also", [])]
            about["help"] = about["help"].format(**words) if "help" in about else None
            if "type" in about:
                about["type"] = TYPES[about["type"]]
            if isinstance(about.get("choices"), str):
                about["choices"] = words[about["choices"]]
            parser.add_argument(*names, **about)
