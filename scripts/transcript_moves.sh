#!/bin/sh
# Print the commands of docs/moving-hosts.md with what they say just now: a server, xTRs that
# merge, a host that moves, and an xTR that withdraws it too late.
#
# usage: scripts/transcript_moves.sh [NET]      NET: the loopback network to use (127.0.77)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
python=$(cd "$root" && cd "${VENV:-.venv}/bin" && pwd)/python
net=${1:-127.0.77}

folder=$(mktemp -d)
server='' xtr_3=''
end() {
    for process in $xtr_3 $server; do
        kill "$process" 2>/dev/null && wait "$process" || true
    done
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 1' INT TERM HUP
cd "$folder"
export PYTHONPATH="$root" PYTHONUNBUFFERED=1 NO_COLOR=1 MAPSYS_STATE=state XDG_STATE_HOME="$folder"

mapsys() {
    "$python" -m mapsys.cli.main "$@"
}

# Show a command and what it says; where it ends with an exit code, that too.
say() {
    echo "\$ $*"
    code=0
    "$@" 2>&1 || code=$?
    [ "$code" = 0 ] || echo "(exit code $code)"
}

# Wait until a command succeeds, 20 s at most.
await() {
    for _ in $(seq 100); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.2
    done
    echo "transcript_moves.sh: waited too long for: $*" >&2
    cat ./*.log >&2
    exit 1
}

cat >mapsys.yaml <<END
node: ms1.example
state: state
control: {listen: [$net.10:4342]}
authority: [{prefix: 198.18.0.0/21}]
map-server: {}
map-resolver: {}
sites:
  - name: site-one
    keys: [{id: 1, algorithm: hmac-sha-256-128, secret: a-laboratory-secret}]
    eids:
      - {prefix: 198.18.1.0/24, accept-more-specifics: true}
      - {prefix: 198.18.2.0/24}
END
say cat mapsys.yaml
echo '$ mapsys run -c mapsys.yaml > server.log &'
"$python" -m mapsys.cli.main run -c mapsys.yaml >server.log 2>&1 &
server=$!
await mapsys status

# What an xTR says of itself: its key, where it is and who it is. The words are to come apart.
as() {
    digits=$1$1$1$1$1$1$1$1
    echo "-c mapsys.yaml -m $net.10 --bind $net.$1 --xtr-id $digits$digits$digits$digits --proxy-reply"
}

# Two xTRs of one site that merge.
say mapsys register 198.18.2.0/24 $(as 1) --merge --once
say mapsys register 198.18.2.0/24 $(as 2) --merge --once
say mapsys lookup 198.18.2.1

# A host at a third xTR, which goes on registering it.
set -- register 198.18.1.7/32 $(as 3) --interval 2 --withdraw-on-exit
echo "\$ mapsys $* > xtr-3.log &"
"$python" -m mapsys.cli.main "$@" >xtr-3.log 2>&1 &
xtr_3=$!
await mapsys lookup 198.18.1.7
say mapsys lookup 198.18.1.7

# It moves to a fourth. The third hears of it, and its refreshes change nothing any more.
say mapsys register 198.18.1.7/32 $(as 4) --once
await grep -q acknowledged xtr-3.log
await sh -c "sed '1,/acknowledged/d' xtr-3.log | grep -q rtt"
say mapsys lookup 198.18.1.7

# Nor does its late withdrawal.
echo '$ kill %2'
kill "$xtr_3"
wait "$xtr_3" || true
xtr_3=''
say cat xtr-3.log
say mapsys explain 198.18.1.7

# That of the xTR where the host is does.
say mapsys register 198.18.1.7/32 $(as 4) --withdraw
say mapsys lookup 198.18.1.7
