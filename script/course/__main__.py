"""`bash script/run.sh course`: editions of the lessons, slides, and marks for a class.

course build [OUT] [--lesson 05]      student's, teacher's and nbgrader's editions, slides
course grade FOLDER [--out OUT]       handed-in notebooks to marks, and a page for each student
"""

import argparse
import os
import sys
from pathlib import Path

if sys.argv[1:2] != ["grade"] or {"-h", "--help"} & {*sys.argv}:
    os.environ["JACKLIB_NO_JITTOR"] = "1"  # nothing is computed, so nothing need be compiled

from jacklib.cli.run import guarded  # noqa: E402


def main(args: argparse.Namespace) -> int:
    """Do what the arguments say; 1 where a submission could not be marked, else 0."""
    if args.action == "build":
        from script.course.editions import build

        out = Path(args.out or "course")
        build(out, args.lesson)
        if not args.no_slides:
            from script.course.slides import write

            write(out / "slides", args.lesson)
        for edition in sorted(out.glob("*/*/")):
            print(f"wrote {edition}")
        return 0
    from script.course.grade import grade

    return grade(
        Path(args.folder), Path(args.out or "marks"), lessons=args.lesson, course=args.course,
        roster=args.roster, seconds=args.seconds, megabytes=args.megabytes, jobs=args.jobs,
    )  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """The arguments of `run.sh course`."""
    top = argparse.ArgumentParser(prog="bash script/run.sh course", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    actions = top.add_subparsers(dest="action", required=True)
    one = actions.add_parser("build", help="student's, teacher's and nbgrader's editions, slides")
    one.add_argument("out", nargs="?", metavar="OUT", help="a new folder (course)")
    one.add_argument("--no_slides", action="store_true", help="write no slides")
    two = actions.add_parser("grade", help="handed-in notebooks to marks")
    two.add_argument("folder", metavar="FOLDER", help="notebooks, folders and zip files handed in")
    two.add_argument("--out", metavar="OUT", help="where marks and pages go (marks)")
    two.add_argument("--course", metavar="DIR", type=Path,
                     help="nbgrader/en of what `course build` made (a new one)")  # fmt: skip
    two.add_argument(
        "--roster", metavar="CSV", type=Path, help="the class: a table with the columns id and name"
    )
    two.add_argument("--seconds", type=int, default=20, help="for one cell of a student's (20)")
    two.add_argument("--megabytes", type=int, default=4000, help="for one notebook (4000)")
    two.add_argument("--jobs", type=int, default=2, help="notebooks at a time (2)")
    for action in (one, two):
        action.add_argument("--lesson", action="append", default=[], metavar="NN",
                            help="only this lesson, such as 05; may be given again")  # fmt: skip
    return top


if __name__ == "__main__":
    sys.exit(guarded(lambda: main(parser().parse_args())))
