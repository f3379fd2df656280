#!/bin/bash
# life.sh where machines are played, ten times as fast as emulated ones behind a real server.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
. tests/rig/omni/lib.sh
trap 'stop_agent; cosi_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM
cosi_need "the life of clusters"
omni_build_tool || { skip "the life of clusters" "what reads an Omni cannot be built: $(go_reason)"; finish; }
cosi_start life -play -pace 0.1 || { fail "the server comes up"; finish; }
export OMNI_ENDPOINT=$cosi_endpoint OMNIOPS_OMNI_KEY_FILE=$cosi_key
patience=20

here() { "$@"; }
agent() {
	"$OMNIOPS" agent "$@" 2>>"$room/log" &
	agent_pid=$!
}
dump() { OMNI_SERVICE_ACCOUNT_KEY=$(cat "$cosi_key") "$omni_rig" dump; }
disconnect() { cosi_trouble "$lost" disconnected; }
reconnect() { cosi_trouble "$lost" none; }
falls_silent() { cosi_trouble "$1" silent; }
joins() { for id; do cosi_machines 0 talos=1.13.5 "id=$id" >/dev/null; done; }

. tests/e2e/life.sh
lost=${edge_machines[2]}
joins "${edge_machines[@]}"
life_begins
life_changes
life_locks
life_is_stuck
life_loses_machines
life_ends
finish
