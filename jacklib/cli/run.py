"""The command line: `python -m jacklib COMMAND`, which `bash script/run.sh` calls."""

import argparse
import contextlib
import difflib
import errno
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jacklib.backend import processes, runtime
from jacklib.errors import DataError, DiskError, TrainingError, disk_words, escaped, plain
from jacklib.files import typed

# Every other command, and the module that has its options and its `main`.
TOOLS = {
    "doctor": "backend.doctor",
    "warmup": "cli.warmup",
    "cuda": "backend.cuda",
    "gpu_check": "measure.gpu_check",
    "predict": "cli.predict",
    "export": "cli.export",
    "prepare": "data.prepare",
    "prepare gait": "data.prepare_gait",
    "verify": "measure.verify",
    "bench": "measure.bench",
    "reproduce": "measure.reproduce",
    "porting": "porting.parity",
    "samples": "samples",
}
# Networks by the names of the command line; `core.networks` needs NumPy, and doctor runs without.
METHODS = {"VAANet": "vaanet", "CTEN": "cten", "TSL": "tsl", "Gait": "gait"}


def _method(name: str, arguments: list[str]) -> int:
    from jacklib.methods import public

    method = importlib.import_module(f"jacklib.methods.{METHODS[name]}")
    phase = arguments[0] if arguments else ""
    if phase in ("--help", "-h"):
        print(f"bash script/run.sh {name} {' | '.join(method.PHASES)} [options]\n"
              f"Options: bash script/run.sh {name} {method.PHASES[0]} --help")  # fmt: skip
        return 0
    if phase not in method.PHASES:
        found = f"found {phase!r}, " if phase else ""
        meant = _meant(phase, method.PHASES)
        if (name, phase) == ("Gait", "test"):
            meant = ". To evaluate: main --phase test"
        print(f"{name}: {found}wanted one of {', '.join(method.PHASES)}{meant}", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(prog=f"bash script/run.sh {name} {phase}", allow_abbrev=False)
    method.add_arguments(parser, phase)
    reasons = public.accept(parser, method, phase)
    args = parser.parse_args(_typed(parser, arguments[1:]))
    for sentence in public.idle(args, reasons):
        print(sentence, file=sys.stderr)
    return method.run(phase, args)


def _meant(word: str, known) -> str:
    near = difflib.get_close_matches(word.lower(), known, 1) or [
        name for name in known if name.lower() == word.lower()
    ]
    return f". Did you mean {near[0]!r}?" if near else ""


def _tool(command: str, arguments: list[str]) -> int:
    if command == "prepare" and arguments[:1] == ["gait"]:
        command, arguments = "prepare gait", arguments[1:]
    tool = importlib.import_module(f"jacklib.{TOOLS[command]}")
    parser = argparse.ArgumentParser(prog=f"bash script/run.sh {command}")
    tool.add_arguments(parser)
    return tool.main(parser.parse_args(_typed(parser, arguments)))


def _typed(parser: argparse.ArgumentParser, arguments: list[str]) -> list[str]:
    """Arguments with paths as `files.typed` reads them, and ./ before files called as options."""
    words = []
    for word in arguments:
        option, sign, value = word.partition("=")
        if word[:1] == "-" and any(o.startswith(option) for o in parser._option_string_actions):
            words.append(option + sign + typed(value))
        else:
            word = typed(word)
            words.append("./" * (word[:1] == "-" and os.path.lexists(word)) + word)
    return words


class _Terminal:
    """Standard output or error as the commands may use it, whatever stands behind it.

    Control characters (a file's name may hold some) and letters that it does not know are escaped.
    A reader that has left (`| head -1`, a closed window) ends no training, nor does a full disk
    under standard error, which only talks: the rest goes nowhere.
    """

    def __init__(self, stream: Any):
        self._stream = stream
        stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._may_fail():
            self._stream.write(escaped(text, kept="\n\r\t"))
        return len(text)

    def flush(self) -> None:
        with self._may_fail():
            self._stream.flush()

    @contextlib.contextmanager
    def _may_fail(self):
        try:
            yield
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            if error.errno not in (errno.EPIPE, errno.EIO) and self._stream.fileno() != 2:
                raise DiskError(error, self._stream.name) from error


def provide_streams() -> None:
    # Closed ones first (`>&-`): else the next file that is opened has their number, and whatever
    # a library prints goes into it.
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(number, True)
    os.close(number)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name) or open(number, "w", encoding="utf-8", closefd=False)
        setattr(sys, name, _Terminal(stream))


def guarded(work: Callable[[], int]) -> int:
    """The exit code of some work; what may go wrong with data and machines is one message, and
    what goes wrong after Ctrl-C is none: that reaches Jittor's compiler, too, and while its error
    comes up, KeyboardInterrupt may be lost in the end of a generator, such as tqdm's."""
    interrupts, hook = [], sys.unraisablehook

    def note(number: int, _frame: Any) -> None:
        interrupts.append(number)
        sys.unraisablehook = lambda _: None
        raise KeyboardInterrupt

    # Not where it is ignored (nohup), and only a main thread may set it.
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours := ours and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, note)
    try:
        try:
            code = work()
            sys.stdout.flush()
            return code
        except Exception as error:
            if not interrupts:
                if (message := _words(error)) is None:
                    raise
                print(f"error: {message}", file=sys.stderr)
                return 1
    except KeyboardInterrupt:
        pass
    finally:
        sys.unraisablehook = hook
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    print("\nstopped", file=sys.stderr)
    return 130


def _words(error: Exception) -> str | None:
    """What a user is told of an error; None of one that nobody expects."""
    if isinstance(error, (DataError, TrainingError)):
        return str(error)
    if isinstance(error, OSError):
        return disk_words(error)
    if isinstance(error, ImportError):
        return f"{plain(error)}. Start it by `bash script/run.sh`: that brings its own packages."
    if isinstance(error, MemoryError):
        details = f" ({plain(error)})" if str(error) else ""
        return f"not enough memory{details}. Close other programs, or choose smaller batches."
    if isinstance(error, RecursionError):
        return "found data nested too deep to be read. Choose other data."
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return disk_words(OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)))
    return None


def _prepare() -> int:
    try:
        runtime.prepare()
    except (OSError, MemoryError):
        raise
    except RuntimeError as error:
        raise TrainingError(str(error)) from error
    except Exception as error:  # Jittor's own, about a compiler or a GPU
        raise TrainingError(
            f"Jittor cannot start: {plain(error)}. Run `bash script/run.sh doctor`."
        ) from error
    return 0


def _in_several_processes(arguments: list[str]) -> int:
    """Run one command in a process of those that mpirun started."""
    if code := guarded(_prepare):
        return code
    from jacklib.training import parallel

    if parallel.rank():
        sys.stdout = open(os.devnull, "w")  # process 0 speaks
    code = 1
    try:
        code = guarded(lambda: _run(arguments))
    except SystemExit as end:  # argparse's
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    return parallel.leave(code)


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    if processes.in_mpi():
        return _in_several_processes(arguments)
    return guarded(lambda: _run(arguments))


def _run(arguments: list[str]) -> int:
    command = arguments[0] if arguments else "--help"
    command = {name.lower(): name for name in METHODS}.get(command.lower(), command)
    if command in METHODS:
        work = _method
    elif command in TOOLS:
        work = _tool
    else:
        known = command in ("--help", "-h", "help")
        meant = _meant(command, [*METHODS, *TOOLS])
        if not known:
            print(f"Unknown command {command!r}{meant or '.'} All of them: bash script/run.sh help",
                  file=sys.stderr)  # fmt: skip
            return 2
        print(Path(__file__).with_name("usage.txt").read_text(encoding="utf-8").rstrip())
        return 0
    if command not in ("doctor", "prepare", "verify"):  # which must work where Jittor cannot start
        _prepare()
    if processes.in_mpi() and arguments[1:2] != ["main"]:
        from jacklib.training import parallel

        parallel.check_alone(" ".join(arguments[:2]))
    return work(command, arguments[1:])
