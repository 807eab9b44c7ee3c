#!/bin/sh
# Format, lint and types; needs scripts/venv.sh dev.
set -eu
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin

"$bin/ruff" format --check --quiet . || {
    echo "these files are not formatted as ruff would: $bin/ruff format ." >&2
    "$bin/ruff" format --check . >&2 || exit 1
}
"$bin/ruff" check --quiet .
"$bin/mypy"
