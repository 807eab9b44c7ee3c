#!/bin/sh
# Start the demo: Map-Server, Map-Resolver and HTTP status on loopback.
#
# CONFIG=file                another configuration
# STATE=folder               another place for its state
# LISTEN=address:port ...    other control addresses; HTTP=address:port another status address
set -eu
cd "$(dirname "$0")/.."

scripts/venv.sh
set -- run -c "${CONFIG:-deploy/demo/mapsys.yaml}"
for address in ${LISTEN:-}; do
    set -- "$@" --listen "$address"
done
[ -z "${STATE:-}" ] || set -- "$@" --state "$STATE"
[ -z "${HTTP:-}" ] || set -- "$@" --http "$HTTP"
exec "${VENV:-.venv}/bin/mapsys" "$@"
