#!/bin/sh
# Install mapsys where no C compiler works, and test what that is: mapsys in pure Python.
#
# usage: scripts/without_compiler.sh
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
git ls-files -z | tar --null -T - -cf - | tar -xf - -C "$work"
cd "$work"
export CC="$work/no-compiler" VENV="$work/.venv"
scripts/venv.sh dev
said=$("$VENV/bin/python" -c 'from mapsys.engine_choice import choose; print(": ".join(choose("auto")))')
printf '%s\n' "$said"
case $said in
    pure:*) ;;
    *)
        printf '%s\n' "the pure engine was expected here" >&2
        exit 1
        ;;
esac
"$VENV/bin/python" -m pytest -q -m 'not slow and not netns and not needs_root and not interop' \
    tests/native tests/datapath tests/test_store_contract.py tests/test_table.py tests/core tests/net
