#!/bin/sh
# Make the project's own virtual environment and install mapsys into it, once.
#
# usage: scripts/venv.sh [dev]      dev: also what checks and tests need
# VENV=folder      where it is made (default .venv)
# PYTHON=program   the interpreter to make it with (default: the first that fits)
set -eu
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
kind=${1:-run}
supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" -c "$supported" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    if [ -n "${PYTHON:-}" ]; then
        say "$PYTHON is no Python 3.11, 3.12 or 3.13; give another one: make run PYTHON=python3.12"
    else
        say "mapsys needs Python 3.11, 3.12 or 3.13 and found none: apt-get install python3 python3-venv"
    fi
    exit 1
}

# What was installed is named by what decides it; a change installs again.
sources=$(printf '%s\n' mapsys/native/*.p* mapsys/native/*.h | LC_ALL=C sort)
wanted="$(cat pyproject.toml constraints.txt setup.py $sources | cksum) $(pwd)"
is_current() { [ "$(cat "$venv/.installed-$1" 2>/dev/null)" = "$wanted" ]; }

if "$venv/bin/python" -c "import pip; $supported" 2>/dev/null; then
    if is_current dev || { [ "$kind" = run ] && is_current run; }; then
        exit 0
    fi
else
    if [ -e "$venv" ] && [ ! -f "$venv/pyvenv.cfg" ]; then
        say "$venv is there and is no virtual environment; move it away, or give another place: VENV=folder"
        exit 1
    fi
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        say "Python's venv module is incomplete here: apt-get install python3-venv (or python$version-venv), then run this again"
        exit 1
    fi
    say "making $venv with $("$python" --version 2>&1)"
    "$python" -m venv --clear "$venv"
fi

[ "$kind" = dev ] && target='.[dev]' || target=.
log=$venv/install.log
say "installing mapsys and what it needs into $venv (once)"
if ! "$venv/bin/python" -m pip install --disable-pip-version-check --no-input \
    -c constraints.txt -e "$target" >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    say "the installation failed; the lines above are the end of $log"
    exit 1
fi
printf '%s\n' "$wanted" >"$venv/.installed-$kind"
