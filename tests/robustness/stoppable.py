"""One command of JACK in a process of its own that can kill itself between two writes.

    python stoppable.py [--within FOLDER --count FILE] [--stop NUMBER before|after] WORD ...

WORD ...: a command as `python -m jacklib` takes it; or `make film | rendered | untrimmed | gait`,
which makes a small set in this checkout's data_samples.

Counted are the calls that move or remove something in FOLDER: they are all that a reader sees
happen. FILE gets a line for each. The process sends itself SIGKILL before or after call NUMBER.
"""

import os
import shutil
import signal
import sys
import threading

sys.path.pop(0)  # this folder: nothing of it may stand in for a library's module
lock = threading.Lock()
calls = 0


def watch(folder: str, count: str | None, stop: tuple[int, str] | None) -> None:
    """Count, and at `stop` die, from now on."""
    shutil.rmtree(os.path.join(folder, "no such folder"), ignore_errors=True)

    def place_of(path, dir_fd) -> str:
        path = os.fsdecode(path)
        if dir_fd is not None:
            path = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), path)
        return os.path.abspath(path)

    def watched(name: str, real):
        def call(*args, **keys):
            global calls
            path = args[1] if name in ("replace", "rename") else args[0]
            place = place_of(path, keys.get("dir_fd"))
            if not place.startswith(folder + os.sep):
                return real(*args, **keys)
            with lock:
                calls += 1
                number = calls
            if stop == (number, "before"):
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return real(*args, **keys)
            finally:
                if count:
                    with open(count, "a") as file:
                        file.write(f"{name} {os.path.relpath(place, folder)}\n")
                if stop == (number, "after"):
                    os.kill(os.getpid(), signal.SIGKILL)

        return call

    for name in ("replace", "rename", "unlink", "rmdir"):
        real, replaced = getattr(os, name), watched(name, getattr(os, name))
        setattr(os, name, replaced)
        if real in os.supports_dir_fd:  # else shutil would take its other, longer way
            os.supports_dir_fd.add(replaced)


def make(kind: str) -> int:
    """A small sample set by the functions that make the large one."""
    from functools import partial

    from jacklib import samples

    # The film's clips are those that the checkout holds.
    samples.build_rendered = partial(samples.build_rendered, n_train=1, n_val=0)
    samples.build_untrimmed_rendered = partial(
        samples.build_untrimmed_rendered, n_train=1, n_test=1
    )
    samples.build_gait_samples = partial(samples.build_gait_samples, walkers=(1, 1), repeats=(1, 1))
    functions = {
        "film": samples.film_clips, "rendered": samples.rendered_clips,
        "untrimmed": samples.rendered_untrimmed, "gait": samples.styled_gaits,
    }  # fmt: skip
    functions[kind](progress=False)
    return 0


def main(words: list[str]) -> int:
    options = {}
    while words[0].startswith("--"):
        name = words.pop(0)
        values = 2 if name == "--stop" else 1
        options[name], words = words[:values], words[values:]
    number_and_side = options.get("--stop")
    stop = (int(number_and_side[0]), number_and_side[1]) if number_and_side else None
    import jacklib  # noqa: F401  its set-up is not what is counted

    if "--within" in options:
        watch(os.path.abspath(*options["--within"]), *options.get("--count", [None]), stop)
    if words[0] == "make":
        from jacklib.cli.run import guarded, provide_streams

        provide_streams()
        return guarded(lambda: make(*words[1:]))
    from jacklib import __main__ as entry

    getattr(entry, "provide_streams", lambda: None)()  # a test's stand-in has none
    return entry.main(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
