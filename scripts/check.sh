#!/bin/sh
# Before each commit: format, lint, types, and the tests that need no root and little time.
set -eu
cd "$(dirname "$0")/.."

scripts/venv.sh dev
scripts/style.sh
exec "${VENV:-.venv}/bin/python" -m pytest -q -m 'not slow and not netns and not needs_root and not interop'
