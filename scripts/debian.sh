#!/bin/sh
# Install the programs that tests drive, from Debian (or Ubuntu): only what is missing.
#
# usage: scripts/debian.sh [long]      long: also what the tests drive that are too slow for every day
set -eu

# program (a path where it is outside PATH)   Debian package
needed='
tshark                 tshark
tcpdump                tcpdump
ip                     iproute2
bird                   bird2
/usr/lib/frr/bgpd      frr
gobgpd                 gobgpd
redis-server           redis-server
chromium               chromium
prometheus             prometheus
promtool               prometheus
systemd-analyze        systemd
gcc                    gcc libc6-dev
python3-config         python3-dev
'
[ "${1:-}" != long ] || needed="$needed
dpkg-buildpackage      dpkg-dev
dh                     debhelper
lintian                lintian
"

PATH=$PATH:/usr/sbin:/sbin

missing_packages() {
    printf '%s' "$needed" | while read -r program package; do
        [ -z "$program" ] || command -v "$program" >/dev/null 2>&1 || printf '%s\n' "$package"
    done | sort -u | tr '\n' ' ' | sed 's/ $//'
}

say() { printf '%s\n' "$*" >&2; }

packages=$(missing_packages)
[ -n "$packages" ] || exit 0
line="apt-get install --no-install-recommends $packages"

if ! command -v apt-get >/dev/null 2>&1; then
    say "the tests drive programs that are missing here; on Debian they come by: $line"
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root='sudo -n'
else
    say "the tests drive programs that are missing here; as root: apt-get update && $line"
    exit 1
fi

# Servers among them are for the tests to start, not for the machine: unless it has a
# policy of its own, Debian is told not to start them on installation.
policy=/usr/sbin/policy-rc.d
log=$(mktemp)
made_policy=
tidy() {
    rm -f "$log"
    [ -z "$made_policy" ] || $as_root rm -f "$policy"
}
trap tidy EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 0755 "$policy"
    made_policy=yes
fi

apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"; }

say "installing what the tests drive: $packages"
if ! { apt update && apt install --no-install-recommends $packages; } >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    say "the installation failed; try by hand, as root: apt-get update && $line"
    exit 1
fi
packages=$(missing_packages)
if [ -n "$packages" ]; then
    say "apt-get reported success, and yet these bring no program that can be found: $packages"
    exit 1
fi
