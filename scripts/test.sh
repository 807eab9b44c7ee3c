#!/bin/sh
# Everything that has to hold, from a fresh clone: installs, style, types, tests, coverage.
#
# usage: scripts/test.sh [long]      long: the tests that are too slow for every day instead
set -eu
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin

scripts/debian.sh
scripts/venv.sh dev
if [ "${1:-}" = long ]; then
    exec "$bin/python" -m pytest -q -m slow
fi
scripts/style.sh
rm -f .coverage .coverage.*
"$bin/python" -m coverage run -m pytest -q -m 'not slow'
exec "$bin/python" scripts/coverage_gate.py
