#!/bin/sh
# Before each commit: format, lint, types, and the tests that need no root and little time.
set -eu
cd "$(dirname "$0")/.."

scripts/venv.sh dev
scripts/style.sh
unset PYTHONDONTWRITEBYTECODE # hundreds of processes start, and each would compile all it imports
exec "${VENV:-.venv}/bin/python" -m pytest -q -n 2 \
    -m 'not slow and not netns and not needs_root and not interop'
