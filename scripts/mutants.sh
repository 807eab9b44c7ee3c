#!/bin/sh
# Spoils the code in small ways, and expects a named test to notice each.
#
# usage: scripts/mutants.sh [--sample] [ID...]     scripts/mutants.py tells the rest
set -eu
cd "$(dirname "$0")/.."

scripts/venv.sh dev
exec "${VENV:-.venv}/bin/python" scripts/mutants.py "$@"
