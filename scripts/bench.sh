#!/bin/sh
# Speed of the running server against a C echo of the same packets, on loopback.
#
# usage: scripts/bench.sh [--quick]     further options: python -m benchmarks --help
set -eu
cd "$(dirname "$0")/.."

scripts/venv.sh
exec "${VENV:-.venv}/bin/python" -m benchmarks "$@"
