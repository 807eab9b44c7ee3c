#!/bin/sh
# Everything that has to hold, from a fresh clone: installs, style, types, tests, coverage.
#
# usage: scripts/test.sh [long]      long: the tests that are too slow for every day instead
set -eu
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin

scripts/debian.sh "${1:-}"
scripts/venv.sh dev
if [ "${1:-}" = long ]; then
    exec "$bin/python" -m pytest -q -m slow
fi
scripts/style.sh
rm -f .coverage .coverage.*
unset PYTHONDONTWRITEBYTECODE # hundreds of processes start, and each would compile all it imports
"$bin/python" -m coverage run --parallel-mode -m pytest -q -n 2 -m 'not slow'
"$bin/python" -m coverage combine --quiet
exec "$bin/python" scripts/coverage_gate.py
