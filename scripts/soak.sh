#!/bin/sh
# A live node under load for hours; ends in a table of memory, descriptors and silence.
#
# usage: scripts/soak.sh [OPTIONS]      docs/reliability.md has them, and the last table
set -eu
cd "$(dirname "$0")/.."
scripts/venv.sh dev
exec "${VENV:-.venv}/bin/python" -m tests.reliability soak "$@"
