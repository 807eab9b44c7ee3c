#!/bin/sh
# The documentation as HTML and the manual page, in artifacts/docs; a warning is an error.
set -eu
cd "$(dirname "$0")/.."

scripts/venv.sh dev
sphinx="${VENV:-.venv}/bin/python -m sphinx --fail-on-warning --keep-going --quiet"
$sphinx -b html docs artifacts/docs/html
$sphinx -b man docs artifacts/docs/man
echo "artifacts/docs/html/index.html, artifacts/docs/man/mapsys.1"
