#!/bin/sh
# Speed of the running server against a C echo of the same packets, on loopback.
#
# usage: scripts/bench.sh [--quick]     further options: benchmarks/run.py --help
set -eu
cd "$(dirname "$0")/.."

scripts/venv.sh
exec "${VENV:-.venv}/bin/python" -m benchmarks.run "$@"
