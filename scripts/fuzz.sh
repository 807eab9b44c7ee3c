#!/bin/sh
# Coverage-guided fuzzing of everything that reads octets of others; ends in a table.
#
# usage: scripts/fuzz.sh [TARGET ...] [--seconds S] [--runs N] [--seed N] [--keep]
set -eu
cd "$(dirname "$0")/.."
scripts/venv.sh dev
exec "${VENV:-.venv}/bin/python" -m tests.fuzz "$@"
