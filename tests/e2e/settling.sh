#!/bin/bash
# Phase and readiness as marks in Omni: written when they have settled, once, and never while they flicker; not after a
# restart, not while a cluster is suspended, and by no agent that is to leave no marks. In a directory, and over the wire.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; cosi_stop; rm -rf "$room"' EXIT
settle=1.6 # longer than --annotate-after, with what it takes to write

mark() { marks | sed -n "s|^ *omni.texashpc.com/$1: *||p" | tr -d \"; }
stands() { # phase, ready, reason
	local now
	now="$(mark phase) $(mark ready) $(mark ready-reason)"
	[ "$now" = "$1 $2 $3" ] || { echo "it says: $now"; return 1; }
}
version() { marks | sed -n 's/^ *version: *//p'; }
is_version() { [ "$(version)" = "$1" ] || { echo "version $(version), not $1"; marks; return 1; }; }

# --- in a directory -------------------------------------------------------------------------------------------------------

marks() { omniops get clusters one -o yaml --omni "$omni" 2>/dev/null; }
agent() { start_agent --source "git+file://$room/repo?ref=main" --annotate-after 1s "$@"; }
repository one
agent
check "a cluster arrives" within 10 is_state one InSync
check "where nothing is said of it, that is marked" within 10 stands UNKNOWN false NoStatus
sleep "$settle"
before=$(version)
stop_agent
agent
check "after a restart" within 10 is_state one InSync
sleep "$settle"
check "… it is not written again" is_version "$before"
cp "$room/repo/one.yaml" "$room/many"
sed -i '/name: one-workers/,$ s/size: 2/size: 1/' "$room/repo/one.yaml" && commit fewer
check "what is held" within 10 is_state one Held
check "… says so" within 10 stands UNKNOWN false Held
cp "$room/many" "$room/repo/one.yaml" && commit back
check "taken back" within 10 is_state one InSync
check "… it is as before" within 10 stands UNKNOWN false NoStatus
stop_agent
rm -rf "$room/status"
agent --no-annotations
check "an agent without marks" within 10 is_state one InSync
before=$(version)
sleep "$settle"
check "… writes none" is_version "$before"
stop_agent

# --- over the wire --------------------------------------------------------------------------------------------------------

cosi_need "clusters with machines"
cosi_start one -play -pace 0.1 || { fail "the server comes up"; finish; }
export OMNI_ENDPOINT=$cosi_endpoint OMNIOPS_OMNI_KEY_FILE=$cosi_key
name=talos-prod-01
omni=$cosi_endpoint
cp -r examples/homelab/plan "$room/plan"
marks() { cosi_ask "resources?type=MachineLabels.omni.sidero.dev&id=omniops:$name"; }
agent() { start_agent --source "dir:$room/plan" --approve-all --annotate-after 1s "$@"; }
calls() { cosi_ask calls | grep -v ' SysVersions' | grep -cE "^($1) "; } # what server it is is asked at every start
makes() { [ "$(calls "$2")" = "$1" ] || { echo "not $1 times $2:"; cosi_ask calls | grep -v ^Watch; return 1; }; }
is_name() { is_state "$name" "$1"; }
state() { sed -n 's/.*"state": "\([^"]*\)".*/\1/p' "$room"/status/*."$1".json 2>/dev/null; }

agent
check "with machines" within 10 is_name InSync
check "… it gets ready, and that is marked" within 20 stands RUNNING true ""
cosi_order still
check "on the Cluster itself nothing stands" bash -c "! cosi_ask 'resources?type=Clusters.omni.sidero.dev&id=$name' | grep texashpc"
cosi_ask "resources?type=ClusterStatuses.omni.sidero.dev&id=$name" >"$room/good"
sed 's/^\( *\)ready: true/\1ready: false/' "$room/good" >"$room/bad"
check "a status that can be good and bad" bash -c "! cmp -s '$room/good' '$room/bad'"
owner=$(sed -n 's/^ *owner: *//p' "$room/good")
says() { cosi_order "put?owner=$owner" --data-binary "@$room/$1" >/dev/null; }
flicker() { for _ in {1..60}; do says bad && says good || return 1; done; }
sleep "$settle"
before=$(version)
cosi_order reset >/dev/null
SECONDS=0
until [ "$SECONDS" -ge 3 ]; do flicker || break; done
sleep "$settle"
check "what flickers is not written" is_version "$before"
check "… nor asked for" makes 0 'Get|List|Create|Update'

cosi_order reset >/dev/null
says bad
check "what lasts is" within 10 stands RUNNING false ClusterNotReady
sleep "$settle"
check "… once" is_version $((before + 1))
check "… and nothing is read because of it" makes 0 'List'
check "… nor is it drift" is_name InSync
check "… and nothing else was written" makes 1 'Create|Update'

stop_agent
rm -rf "$room/status"
cosi_order reset >/dev/null
agent
check "after a restart" within 10 is_name InSync
sleep "$settle"
check "… it stands, and is not written again" makes 0 'Get|List|Create|Update'

cosi_ask "resources?type=Clusters.omni.sidero.dev&id=$name" >"$room/cluster"
sed 's/^    annotations:$/&\n        omni.texashpc.com\/suspend: "true"/' "$room/cluster" >"$room/suspended"
cosi_order put --data-binary "@$room/suspended" >/dev/null
check "suspended" within 10 is_name Suspended
says good
sleep "$settle"
check "… nothing is written" is_version $((before + 1))
cosi_order put --data-binary "@$room/cluster" >/dev/null
check "until that is taken back" within 10 stands RUNNING true ""
stop_agent

check "who lets it go" exits 0 omniops release "$name"
check "… takes the marks away" [ -z "$(mark phase)" ]
finish
