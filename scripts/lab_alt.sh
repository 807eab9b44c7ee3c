#!/bin/sh
# The ALT pilot network in network namespaces, with BIRD, FRR and GoBGP among our nodes: a row
# for each thing that it has to show, with what was measured.
#
# usage: scripts/lab_alt.sh [--quick] [--keep DIR]      further words: docs/alt-lab.md
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
    echo "the lab makes network namespaces and tunnels, which takes root: sudo make lab-alt" >&2
    exit 1
fi
scripts/debian.sh
scripts/venv.sh
exec "${VENV:-.venv}/bin/python" -m tests.alt.lab "$@"
