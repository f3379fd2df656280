#!/bin/bash
# life.sh with the real Omni and emulated machines, where somebody has put an emulator (tests/rig/omni/README.md).
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/omni_lib.sh
trap 'stop_agent; omni_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM
omni_machines_possible || { skip "the life of clusters with machines" "$omni_reason"; finish; }
omni_need "the life of clusters with machines"
omni_start life -machines 3 -provided 8 || { fail "Omni starts, and three machines join"; finish; }
export OMNI_ENDPOINT=$omni_endpoint OMNIOPS_OMNI_KEY_FILE=$omni_key SSL_CERT_FILE=$omni_ca
patience=120

here() { omni_in "$@"; }
agent() { omni_agent "$@"; }
dump() { omni_tool dump; }
disconnect() { omni_order disconnect >/dev/null; } # all three: they live in one process
reconnect() { omni_order reconnect >/dev/null; }
ctl() { omni_limit=30 omni_ctl "$@"; }

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
