#!/bin/sh
# Kills, reloads, garbage, floods and spoofed requests on a live node; ends in a table.
#
# usage: scripts/chaos.sh [OPTIONS]      docs/reliability.md has them, and the last table
set -eu
cd "$(dirname "$0")/.."
scripts/venv.sh dev
exec "${VENV:-.venv}/bin/python" -m tests.reliability chaos "$@"
