#!/bin/sh
# The whole pilot network in network namespaces, with hosts and real packets: every scenario, and
# a report with a drawing.
#
# usage: scripts/lab.sh [--to DIR]                      further words: docs/lab.md
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
    echo "the lab makes network namespaces and tunnels, which takes root: sudo make lab" >&2
    exit 1
fi
scripts/debian.sh
scripts/venv.sh
exec "${VENV:-.venv}/bin/mapsys" lab report "$@"
