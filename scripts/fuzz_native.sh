#!/bin/sh
# Fuzz the native engine in a build of its own, under AddressSanitizer and UBSan; a finding ends it.
#
# usage: scripts/fuzz_native.sh [--seconds S] [--seed N]
set -eu
cd "$(dirname "$0")/.."
scripts/venv.sh dev
python="${VENV:-.venv}/bin/python"
compiler="${CC:-gcc}"
asan=$("$compiler" -print-file-name=libasan.so)
if [ ! -e "$asan" ]; then
    printf '%s\n' "fuzz-native needs a gcc with AddressSanitizer (Debian: apt-get install gcc)" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/source"
git ls-files -z | tar --null -T - -cf - | tar -xf - -C "$work/source"
CFLAGS="-O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined" \
    "$python" -m pip install -q --no-deps --no-cache-dir --target "$work/build" "$work/source"
# Python's own allocator hides what is freed; what it still holds at the end is no leak.
LD_PRELOAD="$asan $("$compiler" -print-file-name=libubsan.so)" \
    ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 \
    PYTHONMALLOC=malloc PYTHONSAFEPATH=1 PYTHONPATH="$work/build:$PWD" \
    "$python" -m tests.fuzz.native_engine "$@"
