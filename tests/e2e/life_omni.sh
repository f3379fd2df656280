#!/bin/bash
# life.sh with the real Omni and emulated machines, where somebody has put an emulator (tests/rig/omni/README.md).
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/omni/lib.sh
trap 'stop_agent; omni_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM
omni_machines_possible || { skip "the life of clusters with machines" "$omni_reason"; finish; }
omni_need "the life of clusters with machines"
omni_start life -machines 3 -provided 8 || { fail "Omni starts, and three machines join"; finish; }
export OMNI_ENDPOINT=$omni_endpoint OMNIOPS_OMNI_KEY_FILE=$omni_key SSL_CERT_FILE=$omni_ca
patience=120

here() { omni_in "$@"; }
agent() { # the process itself, not a shell around it
	# shellcheck disable=SC2086
	nsenter --target "$omni_pid" $omni_enter --net -- "$OMNIOPS" agent "$@" 2>>"$room/log" &
	agent_pid=$!
}
dump() { omni_tool dump; }
disconnect() { omni_order disconnect >/dev/null; } # all three: they live in one process
reconnect() { omni_order reconnect >/dev/null; }
ctl() { omni_limit=30 omni_ctl "$@"; }
within() { # as in lib.sh, by the clock: what is asked here takes its time
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || { "$@"; echo "not in time:" "$@"; tail -n 8 "$room/log"; return 1; }
		sleep 0.1
	done
}

. tests/e2e/life.sh
lost=${edge_machines[2]}
check "a provider makes machines" omni_provider_machines proxmox
life_begins
life_changes
life_locks
life_is_stuck
life_follows_advice
life_ends
finish
