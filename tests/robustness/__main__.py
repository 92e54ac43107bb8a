"""The command: attack JACK in all the ways that the parts know, and count what went wrong.

    bash script/run.sh robustness                  the short form of all parts, as in CI
    bash script/run.sh robustness fuzz --long      2,000 damaged files for each reader

Returns 1 where anything went wrong.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from robustness.common import Run, commit  # noqa: E402

PARTS = ("fuzz", "canaries", "kills", "races", "disks", "kernels")
SHOWN = 20  # failed trials of one kind that are printed


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bash script/run.sh robustness", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("parts", nargs="*", metavar="PART",
                        help=f"{', '.join(PARTS)}; default: all")  # fmt: skip
    parser.add_argument("--long", action="store_true", help="as many trials as docs/robustness.md")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("--count", type=int, help="trials of each kind (default: the part's own)")
    parser.add_argument("--json", metavar="FILE", help="write the counts, with the commit")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at a time")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the files that did harm")
    args = parser.parse_args(arguments)
    for part in args.parts:
        if part not in PARTS:
            parser.error(f"no part {part!r}; there are {', '.join(PARTS)}")

    start, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="jack-robustness-") as folder:
        run = Run(args.long, args.seed, args.count, max(1, args.jobs), Path(folder).resolve())
        for part in args.parts or PARTS:
            for result in importlib.import_module(f"robustness.{part}").results(run):
                rows.append(result)
                passed = time.monotonic() - start
                print(f"{passed:7.1f} s  {result.part}: {result.name}: {result.count} trials, "
                      f"{len(result.bad)} bad", flush=True)  # fmt: skip
                for line in result.bad[:SHOWN]:
                    print(f"            {line}", flush=True)
                if len(result.bad) > SHOWN:
                    print(f"            and {len(result.bad) - SHOWN} more", flush=True)
        if args.keep and (run.folder / "keep").is_dir():
            shutil.copytree(run.folder / "keep", args.keep, dirs_exist_ok=True)
    seconds = time.monotonic() - start

    wide = max(len(row.name) for row in rows)
    print(f"\n{'part':<9} {'what':<{wide}} {'count':>7} {'bad':>5}")
    for row in rows:
        print(f"{row.part:<9} {row.name:<{wide}} {row.count:>7} {len(row.bad):>5}")
    bad = sum(len(row.bad) for row in rows)
    print(f"{'all':<9} {'':<{wide}} {sum(row.count for row in rows):>7} {bad:>5}")
    print(f"{seconds:.0f} s at commit {commit()}, seed {args.seed}, "
          f"{'long' if args.long else 'short'} form")  # fmt: skip
    if args.json:
        content = {
            "commit": commit(), "long": args.long, "seed": args.seed, "seconds": round(seconds),
            "machine": platform.platform(), "results": [row._asdict() for row in rows],
        }  # fmt: skip
        Path(args.json).write_text(json.dumps(content, indent=1), encoding="utf-8")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
