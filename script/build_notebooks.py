"""Build the notebooks: one source in two languages, both executed.

The source, `notebooks/src/NN_name.py`, is in jupytext's percent format:

    # %% [markdown] lang="en"          a text cell of the English edition
    # %% [markdown] lang="zh"          the same cell in Chinese
    # %% [markdown]                    a text cell of both (no relative links: the Chinese edition
    #                                  lies one folder deeper)
    # %%                               a code cell of both; its comments are English
    # %% lang="en"                     a code cell of one edition; it needs a partner for the other

Between two cells of both editions there are as many English as Chinese ones of each kind.

An exercise is a code cell with the tag "exercise". What stands before its check is the student's:

    # %% tags=["exercise"]
    answer = ...
    classroom.check("05.1a", answer)

The answer, hints and what is said to wrong ones are in `jacklib/teaching/exercises/05.yaml`, so no
notebook tells them. The teachers' edition has the solution in the blank's place and its reason
beneath. Later cells must run with the blank, too.

`build` writes `notebooks/NN_name.ipynb` (English) and `notebooks/cn/NN_name.ipynb` (Chinese), or
with solutions `notebooks/solutions/en/` and `.../cn/`. All run in `notebooks/`. Building needs
jupytext and nbclient (`pip install -e .[course]`), and for what PyTorch says in a notebook PyTorch
(JACK_TORCH_PYTHON): its answers are stored for readers without it, see
`jacklib.backend.torch_process`.
"""

import argparse
import ast
import hashlib
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from jacklib.backend.folders import ROOT
from jacklib.backend.torch_process import find_torch, recording
from jacklib.cli.run import guarded
from jacklib.errors import DataError, refuse
from jacklib.files import reading, write_text
from jacklib.teaching import exercise
from jacklib.teaching.exercise import Exercise
from jacklib.widgets.drawing import chinese_font

NOTEBOOKS = ROOT / "notebooks"
TIMEOUT = 1200  # seconds for one cell: the first one that uses Jittor may compile its kernels

EDITIONS = ("en", "zh")

# Of a line that was rewritten with \r nbclient keeps the last form: that may be blank.
WIPED = re.compile(r"^[ \t]*\r?$|\r", re.MULTILINE)
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # a terminal's
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def build(
    names: Sequence[str] = (), *, execute: bool = True, solutions: bool = False,
    folder: Path = NOTEBOOKS,
) -> list[Path]:  # fmt: skip
    """Build both editions of the named notebooks ("04", "04_vaanet"), or of all.

    execute: run both, which train what they train once; otherwise they have no outputs.
    solutions: the teachers' edition. A terminal sees what is being run.

    Returns the notebooks written. Raises DataError if a source is not as described above or a cell
    fails; notebooks already on disk are then left as they were.
    """
    written = []
    for source in _sources(names, folder):
        editions = read_source(source, solutions=solutions)
        if execute:
            # Another folder's notebook may have the number of one of ours, whose answers stay.
            ours = not solutions and folder == NOTEBOOKS and find_torch() is not None
            with tempfile.TemporaryDirectory() as trained:
                shared = {"JACK_TRAINED": os.environ.get("JACK_TRAINED", trained)}
                with recording(source.stem[:2]) if ours else nullcontext({}) as added:
                    _execute(editions["en"], source, folder, shared | added)
                _execute(editions["zh"], source, folder, shared)
        for lang, notebook in editions.items():
            path = notebook_path(source.stem, lang, solutions=solutions, folder=folder)
            text = nbformat.writes(notebook, version=nbformat.NO_CONVERT)
            write_text(path, text.rstrip("\n") + "\n")
            written.append(path)
    return written


def stale(
    names: Sequence[str] = (), *, solutions: bool = False, folder: Path = NOTEBOOKS
) -> list[Path]:
    """Notebooks on disk that are missing, or whose cells are not what their source gives now.

    Without names also notebooks that have no source any more. Outputs are not compared.
    """
    found = []
    for source in _sources(names, folder):
        for lang, notebook in read_source(source, solutions=solutions).items():
            path = notebook_path(source.stem, lang, solutions=solutions, folder=folder)
            if not path.exists() or _cells(_read(path)) != _cells(notebook):
                found.append(path)
    if not names:
        known = {source.stem for source in _sources((), folder)}
        for lang in EDITIONS:
            edition = notebook_path("x", lang, solutions=solutions, folder=folder).parent
            found += [path for path in sorted(edition.glob("*.ipynb")) if path.stem not in known]
    return found


def notebook_path(
    name: str, lang: str, *, solutions: bool = False, folder: Path = NOTEBOOKS
) -> Path:
    """Where an edition lies. lang: "en" or "zh"; the Chinese folder is called cn."""
    if solutions:
        return folder / "solutions" / ("en" if lang == "en" else "cn") / f"{name}.ipynb"
    return (folder if lang == "en" else folder / "cn") / f"{name}.ipynb"


# --- from source to cells -----------------------------------------------------------------------


def read_source(source: Path, *, solutions: bool = False) -> dict[str, NotebookNode]:
    """Both editions of a source file, without outputs: {"en": notebook, "zh": notebook}."""
    import jupytext  # only building needs it

    parsed = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    _check_languages(parsed.cells, source)
    editions = {}
    for lang in EDITIONS:
        cells = []
        for number, cell in enumerate(parsed.cells, start=1):
            if cell.metadata.get("lang", lang) != lang:
                continue
            where = f"{source.name}, cell {number}"
            cells += _cells_of(cell, lang, solutions, where)
        for index, cell in enumerate(cells):
            # Ids made from the place, so that building again gives the same file.
            cell["id"] = hashlib.sha256(f"{source.stem} {lang} {index}".encode()).hexdigest()[:8]
        editions[lang] = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
        editions[lang].nbformat_minor = 5
        nbformat.validate(editions[lang])
    return editions


CALL = re.compile(r"^classroom\.(check|quiz)\(\s*\"([\w.]+)\"", re.MULTILINE)
CHECK = re.compile(r"^classroom\.check\(\s*\"([\w.]+)\"", re.MULTILINE)


def solved_code(code: str, where: str = "code") -> tuple[str, Exercise]:
    """An exercise's cell with its solution, and the exercise. Raises DataError naming `where` where
    no check stands in it, or one of what no file knows."""
    match = CHECK.search(code)
    refuse(match is None, where, found="an exercise without a check",
           wanted='classroom.check("05.1a", answer) at its end', cure="Add it.")  # fmt: skip
    found = exercise.find(match[1])
    solution = found.facts["solution"].rstrip() + "\n"
    call = ast.parse(code[match.start() :]).body[0].value
    if found.facts["kind"] == "value":
        given = ", ".join(f"{word.arg}={ast.unparse(word.value)}" for word in call.keywords)
        solution += f"\n\n{ast.unparse(call.args[1])} = answer({given})\n"
    return f"{solution}\n\n{code[match.start() :]}", found


def quiz_key(lesson: str) -> str:
    """The line that answers a lesson's quiz."""
    count = len(exercise.lesson(lesson)["quiz"])
    right = {index: exercise.right_choice(lesson, index) for index in range(1, count + 1)}
    return f"answers = {right}"


def _cells_of(cell: NotebookNode, lang: str, solutions: bool, where: str) -> Iterator[NotebookNode]:
    ours = ("lang", "lines_to_next_cell")  # read here, and jupytext's note on blank lines
    metadata = {key: value for key, value in cell.metadata.items() if key not in ours}
    if cell.cell_type != "code":
        yield nbformat.v4.new_markdown_cell(cell.source, metadata=metadata)
        return
    if "exercise" not in metadata.get("tags", []):
        refuse(CHECK.search(cell.source), where, found="a check outside an exercise",
               wanted='tags=["exercise"]', cure="Mark the cell.")  # fmt: skip
        quiz = CALL.search(cell.source) if solutions else None
        code = f"{quiz_key(quiz[2])}\n{cell.source[quiz.start() :]}" if quiz else cell.source
        yield nbformat.v4.new_code_cell(code, metadata=metadata)
        return
    solved, found = solved_code(cell.source, where)
    yield nbformat.v4.new_code_cell(solved if solutions else cell.source, metadata=metadata)
    if solutions:
        yield nbformat.v4.new_markdown_cell(_reasons(found, lang), metadata={"tags": ["solution"]})


def _reasons(found: Exercise, lang: str) -> str:
    """What a teacher reads under a solution: why it is right, and what students typically miss."""
    words = {"en": ("Why", "What wrong answers are told"), "zh": ("理由", "答错时的提示")}[lang]
    facts = found.facts
    page = [f"**{words[0]}.** {facts['reason'][lang]}"]
    said = [wrong[lang] for wrong in facts.get("wrong", ()) if lang in wrong]
    said += [told[lang] for key in ("says", "feedback") for told in facts.get(key, {}).values()]
    if said:
        page.append(f"\n**{words[1]}.**\n")
        page += [
            "- " + re.sub(r"\{[a-z_]\w*[^{}]*\}", "…", line) for line in said
        ]  # values: unknown here
    return "\n".join(page)


def _check_languages(cells: Sequence[NotebookNode], source: Path) -> None:
    """Every cell of one edition has its partner before the next cell of both."""
    pending = Counter()
    for number, cell in enumerate([*cells, None], start=1):
        lang = cell.metadata.get("lang") if cell else None
        if lang is not None:
            refuse(lang not in EDITIONS or cell.cell_type not in ("markdown", "code"),
                   f"{source.name}, cell {number}",
                   found=f"a {cell.cell_type} cell with lang={lang!r}",
                   wanted='a markdown or code cell with lang="en" or "zh"',
                   cure="Correct the cell's first line.")  # fmt: skip
            pending[cell.cell_type, lang] += 1
            continue
        for kind in ("markdown", "code"):
            english, chinese = (pending[kind, lang] for lang in EDITIONS)
            refuse(english != chinese,
                   f"{source.name}, before cell {number}" if cell else f"{source.name}, its end",
                   found=f"{english} English and {chinese} Chinese {kind} cells",
                   wanted="as many of each",
                   cure="Write the missing cell, or give the other no language.")  # fmt: skip
        pending.clear()


def _sources(names: Sequence[str], folder: Path) -> list[Path]:
    """The source files of these names, each the whole name or its beginning."""
    everything = sorted((folder / "src").glob("*.py"))
    if not names:
        return everything
    chosen = []
    for name in names:
        wanted = Path(name).name.removesuffix(".py").removesuffix(".ipynb")
        exact = [path for path in everything if path.stem == wanted]
        numbered = [path for path in everything if path.stem.partition("_")[0] == wanted]
        matching = exact or numbered or [p for p in everything if p.stem.startswith(wanted)]
        refuse(len(matching) != 1, f"notebook {name!r}",
               found=", ".join(path.stem for path in matching) or "no such source",
               wanted=f"one of {', '.join(path.stem for path in everything) or '(none yet)'}",
               cure=f"Sources lie in {folder / 'src'}.")  # fmt: skip
        chosen += matching
    return chosen


# --- running ------------------------------------------------------------------------------------


def _execute(notebook: NotebookNode, source: Path, folder: Path, added: Mapping[str, str]) -> None:
    """Run all cells in one fresh kernel, in place, and tidy the outputs.

    added: what the kernel's environment has besides.
    """
    from nbclient import NotebookClient  # only building needs it
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from tqdm import tqdm

    started: list[NotebookNode] = []
    bar = tqdm(total=len(notebook.cells), desc=source.stem, unit="cell", disable=None)

    def starting(cell: NotebookNode, cell_index: int) -> None:
        started.append(cell)
        bar.update()

    client = NotebookClient(
        notebook, timeout=TIMEOUT, kernel_name="python3",
        resources={"metadata": {"path": str(folder)}}, record_timing=False,
        store_widget_state=False, coalesce_streams=True, on_cell_start=starting,
    )  # fmt: skip
    # The kernel starts in notebooks/; jacklib may be importable only from the folder above.
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | added
    # Set by many build servers; it would keep every plt figure out of the notebook.
    environment.pop("MPLBACKEND", None)
    try:
        with bar, tempfile.TemporaryDirectory() as own:  # no progress but this run's
            client.execute(env=environment | {"JACK_PROGRESS": f"{own}/progress.json"})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        if isinstance(error, CellExecutionError):
            name, words = error.ename, str(error.evalue).strip().splitlines()[-1:]
        else:
            name, words = type(error).__name__, str(error).strip().splitlines()[:1]
        first = started[-1].source.partition("\n")[0]
        raise DataError(f"notebook {source.stem}, cell {len(started)} of {len(notebook.cells)} "
                        f"({first!r})", found=COLOURS.sub("", f"{name}: {' '.join(words)}"),
                        wanted="a cell that runs", cure=f"Correct {source}, or tag a cell that is "
                        f"meant to fail raises-exception.") from error  # fmt: skip
    notebook.metadata = METADATA  # of which nbformat makes a copy
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _tidy(cell.outputs)
    nbformat.validate(notebook)


def _tidy(outputs: Sequence[NotebookNode]) -> list[NotebookNode]:
    """Outputs without what only lives while their kernel does."""
    kept = []
    for output in outputs:
        if output.output_type == "stream":
            output.text = WIPED.sub("", output.text)
        elif WIDGET_VIEW in output.get("data", {}):
            # The widget's state is not stored, so that GitHub renders the file: with the view left
            # in, JupyterLab would say "model not found" instead of showing the picture beside it.
            del output.data[WIDGET_VIEW]
            output.metadata.pop(WIDGET_VIEW, None)
            if not set(output.data) - {"text/plain"}:
                continue  # no picture, such as a progress bar: nothing worth keeping remains of it
        kept.append(output)
    return kept


# --- files --------------------------------------------------------------------------------------


def _cells(notebook: NotebookNode) -> list[tuple]:
    """What `stale` compares."""
    return [
        (cell.cell_type, cell.source, cell.get("id"), dict(cell.metadata))
        for cell in notebook.cells
    ]


def _read(path: Path) -> NotebookNode:
    with reading(path, "a notebook", "Delete it and build it again."):
        return nbformat.read(path, as_version=4)


# --- command line -------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `run.sh notebooks`."""
    parser.add_argument("action", choices=["build", "check"], help="build, or say what is stale")
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as 04; all if none is given")
    parser.add_argument("--no-execute", action="store_true", help="build without outputs")
    parser.add_argument("--solutions", action="store_true", help="the teachers' edition")


def main(args: argparse.Namespace) -> int:
    """Do what the arguments say; 1 where notebooks are stale, else 0."""
    if args.action == "build":
        for path in build(args.names, execute=not args.no_execute, solutions=args.solutions):
            print(f"wrote {path}")
        if not args.no_execute and chinese_font() is None:
            print("Figures of the Chinese edition are in English: no font here has Chinese "
                  "(Debian: fonts-noto-cjk).")  # fmt: skip
        return 0
    paths = stale(args.names, solutions=args.solutions)
    for path in paths:
        print(f"stale: {path}")
    if paths:
        print("Run `bash script/run.sh notebooks build`.")
        return 1
    print("All notebooks are built from their sources.")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="bash script/run.sh notebooks", description="Build the notebooks."
    )
    add_arguments(parser)
    sys.exit(guarded(lambda: main(parser.parse_args())))
