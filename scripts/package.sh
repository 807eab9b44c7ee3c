#!/bin/sh
# A Debian package of what is committed, for this release of Debian and this processor.
#
# usage: scripts/package.sh [FOLDER]      FOLDER: where it goes (dist)
# COMMIT=name      another commit than the last one
set -eu
cd "$(dirname "$0")/.."

for program in dpkg-buildpackage dh; do
    if ! command -v "$program" >/dev/null 2>&1; then
        echo "$program is missing: apt-get install dpkg-dev debhelper python3-venv python3-dev" >&2
        exit 1
    fi
done
scripts/venv.sh dev

into=${1:-dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/mapsys"
mkdir -p "$into"
git archive "${COMMIT:-HEAD}" | tar -xf - -C "$work/mapsys"
cp -r "$work/mapsys/deploy/debian" "$work/mapsys/debian"
"${VENV:-.venv}/bin/python" -m sphinx --fail-on-warning --quiet -b man "$work/mapsys/docs" "$work/man"
cp "$work/man/mapsys.1" "$work/mapsys/debian/"
(cd "$work/mapsys" && dpkg-buildpackage --build=binary --no-sign) >"$work/log" 2>&1 || {
    tail -n 30 "$work/log" >&2
    exit 1
}
cp "$work"/mapsys_*.deb "$into"
ls "$into"/mapsys_*.deb
