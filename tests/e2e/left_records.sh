#!/bin/bash
# An agent that is killed while Omni takes a cluster away: the next one takes our record of it away, with the approval in it.
# Whoever makes a cluster of that name later owes us nothing.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; cosi_stop; rm -rf "$room"' EXIT

cosi_need "records of clusters that are gone"
cosi_start one -tls -controllers -account ci:Operator || { fail "a server starts"; finish; }
omni=$cosi_endpoint
export OMNIOPS_OMNI_KEY_FILE=$cosi_dir/ci.key SSL_CERT_FILE=$cosi_ca
agent() { start_agent --source "git+file://$room/repo?ref=main" --connection "main=$omni"; }
there() { cosi_ask "resources?type=$1.omni.sidero.dev&id=$2" | grep -q "id: $2"; }
away() { ! there "$@"; }
torn_down() { cosi_ask "resources?type=Clusters.omni.sidero.dev&id=gone" | grep -q 'phase: tearingDown'; }
end_hard() { kill -KILL "$agent_pid" && { wait "$agent_pid" || true; } 2>/dev/null; agent_pid=; }

repository gone stays
agent
check "two clusters arrive" within 15 is_state gone InSync
check "… both" within 15 is_state stays InSync
check "each has a record" within 5 there MachineLabels omniops:gone
cosi_order hold -d type=Clusters.omni.sidero.dev -d id=gone >/dev/null
rm "$room/repo/gone.yaml"
commit "one goes"
check "its end is held" within 15 is_state gone Held
hash=$(plan_hash gone)
check "… and approved" exits 0 omniops approve gone "$hash" --omni "$omni"
check "Omni begins to take it away" within 15 torn_down
end_hard
cosi_order release -d type=Clusters.omni.sidero.dev -d id=gone >/dev/null
check "it is gone while no agent runs" within 10 away Clusters gone
check "… the record is not" there MachineLabels omniops:gone
rm -rf "$room/status"
agent
check "the next agent takes it away" within 15 away MachineLabels omniops:gone
check "… and no other" there MachineLabels omniops:stays
stop_agent
cosi_ask "resources?type=Clusters.omni.sidero.dev&id=stays" | sed '/finalizers:/,/^    [a-z]*:/{/finalizers:/d;/^        - /d}; s/id: stays/id: gone/; s/version: .*/version: undefined/' >"$room/theirs.yaml"
check "somebody makes a cluster of that name" cosi_order put --data-binary "@$room/theirs.yaml"
rm -rf "$room/status"
agent
check "another agent starts" within 15 is_state stays InSync
sleep 2
check "… and leaves it alone" there Clusters gone
check "… says nothing about it" test ! -e "$room/status/main.gone.json"
finish
