#!/bin/bash
# Clusters with machines, as far as a server that plays them has any: declarations are followed until Omni says that all
# is ready, through scaling, upgrades and troubles, to the end. What the play says is held against omnictl's own view, and
# its sequence against what was measured with emulated machines behind a real server.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
. tests/rig/omni/lib.sh
trap 'stop_watching; cosi_stop; rm -rf "$room"' EXIT

cosi_need "machines"
cosi_start one -play -pace 0.1 || { fail "the server comes up"; finish; }
export OMNI_ENDPOINT=$cosi_endpoint OMNIOPS_OMNI_KEY_FILE=$cosi_key

# --- helpers ----------------------------------------------------------------------------------------------------------

healthy() { omniops health --wait --timeout 20s "$1"; }
apply() { exits 0 omniops apply --yes --approve-all --no-schema "$@"; }
really() { cosi_ask "resources?type=$1.omni.sidero.dev${2:+&id=$2}"; }
none() { [ -z "$(really "$1" "${2:-}")" ]; }
members() { really ClusterMachines | grep -c "machine-set: $1\$"; }
has_members() { [ "$(members "$1")" = "$2" ]; }
stages() { really ClusterMachineStatuses | sed -n 's/^ *stage: //p' | sort | tr '\n' ' '; }
talos() { cosi_ask machines | awk -v cluster="$1" '$5 == cluster { print $4 }' | sort | uniq -c | tr -s ' \n' ' '; }

ctl() { OMNI_SERVICE_ACCOUNT_KEY=$(cat "$cosi_key") HOME=$room timeout 60 "$omnictl" "$@"; }

# What is said of clusters from now on.
watching=
watch_status() {
	OMNI_SERVICE_ACCOUNT_KEY=$(cat "$cosi_key") HOME=$room "$omnictl" get clusterstatus -w -o yaml >"$room/seen" 2>&1 &
	watching=$!
	within 20 watched
}
watched() { cosi_ask watches | grep -q '^ClusterStatuses.omni.sidero.dev '; }
stop_watching() {
	[ -z "$watching" ] && return
	kill "$watching" 2>/dev/null
	wait "$watching" 2>/dev/null
	watching=
}
phases() { # of a cluster, with + when it is ready
	awk -v wanted="$1" '/^    id: / { id = $2 }
		/^    phase: [0-9]/ && id == wanted { split("UP DOWN RUNNING DESTROYING", name); phase = name[$2] }
		/^    ready: / && phase { print phase ($2 == "true" ? "+" : "-"); phase = "" }' "$room/seen" | uniq | tr '\n' ' '
}
went() { # cluster, phases as shell pattern
	local seen
	seen=$(phases "$1")
	shift
	# shellcheck disable=SC2254
	case $seen in $1) return ;; esac
	echo "went $seen, not $1"
	return 1
}
tree_of() { ctl cluster status "$1" -w 20s >"$room/tree" 2>&1; }
shows() { grep -qE -- "$1" "$room/tree" || { cat "$room/tree"; return 1; }; }

if omni_build; then have_omnictl=yes; else have_omnictl= omnictl_reason=$(go_reason); fi

# --- a cluster by class, from a provider --------------------------------------------------------------------------------

cp -r examples/homelab/plan "$room/plan"
plan=$room/plan/clusters/talos-prod-01.yaml
[ -z "$have_omnictl" ] || watch_status
check "a template whose machines a provider makes" apply "$room/plan"
check "… becomes healthy" healthy talos-prod-01
check "its nodes are those of the class" bash -c '[ "$(grep -c managed-by-machine-set-node-controller <<<"$1")" = 5 ]' - "$(really MachineSetNodes)"
check "a Cluster has as many finalizers as in Omni" bash -c '[ "$(grep -c "^ *- [A-Z][A-Za-z]*Controller$" <<<"$1")" = 13 ]' - "$(really Clusters talos-prod-01)"
if [ -n "$have_omnictl" ]; then
	stop_watching
	check "Omni's phases on the way: scaling up, then running, in the end ready" went talos-prod-01 '*UP- RUNNING- RUNNING+ '
	check "omnictl waits for it, and shows the same" tree_of talos-prod-01
	check "… the cluster" shows '^Cluster "talos-prod-01" RUNNING Ready \(5/5\)'
	check "… Kubernetes" shows 'Kubernetes Upgrade Done'
	check "… the load balancer and the checks" shows 'Status Checks OK'
	check "… each set" shows 'Workers "talos-prod-01-workers" Running Ready \(2/2\)'
	check "… each machine with its node's name" [ "$(grep -cE 'Machine "[0-9a-f-]+"\(talos-[0-9a-f-]+\) RUNNING Ready$' "$room/tree")" = 5 ]
else
	skip "omnictl sees it" "$omnictl_reason"
fi
check "status shows it, too" exits 0 omniops status talos-prod-01
check "… with five machines" [ "$(grep -cE 'RUNNING' "$room/out")" -ge 5 ]

resize() { sed -i "/kind: Workers/,\$s/size: .*/size: $1/" "$plan"; }
[ -z "$have_omnictl" ] || watch_status
resize 3
check "one worker more" apply "$room/plan"
check "… is a member" within 10 has_members talos-prod-01-workers 3
check "… and runs" healthy talos-prod-01
resize 1
check "two workers less" apply "$room/plan"
check "… are gone" within 10 has_members talos-prod-01-workers 1
check "… and the cluster is healthy without them" healthy talos-prod-01
provided() { [ "$(cosi_ask machines | grep -c .)" = "$1" ]; }
check "the provider has its machines back" within 10 provided 4
if [ -n "$have_omnictl" ]; then
	stop_watching
	check "the phases of that" went talos-prod-01 'RUNNING+ UP- RUNNING- RUNNING+ *DOWN- *RUNNING+ '
fi

cosi_order capacity -d count=5
resize 3
check "more than the provider can make" apply "$room/plan"
check "… is never all there" within 10 has_members talos-prod-01-workers 2
check "… and not healthy" exits 1 omniops health talos-prod-01
cosi_order capacity -d count=-1
check "… until it can" healthy talos-prod-01

# --- upgrades -----------------------------------------------------------------------------------------------------------

sed -i 's/version: v1.13.3/version: v1.13.5/' "$plan"
check "another Talos" apply "$room/plan"
upgraded() { [ "$(talos talos-prod-01)" = " 6 1.13.5 " ]; }
check "… is on every machine" within 20 upgraded
check "… and then all is well" healthy talos-prod-01
sed -i 's/version: v1.35.1/version: v1.35.2/' "$plan"
check "another Kubernetes" apply "$room/plan"
kubernetes() { cosi_status KubernetesUpgradeStatuses talos-prod-01 | grep -q 'lastupgradeversion: 1.35.2'; }
check "… is everywhere" within 20 kubernetes
check "… and all is well again" healthy talos-prod-01

# --- machines by name, and their troubles ---------------------------------------------------------------------------------

first=7b1c1d4e-52f1-4b6c-9a58-0d6f1f6f1a01 second=7b1c1d4e-52f1-4b6c-9a58-0d6f1f6f1a02 third=7b1c1d4e-52f1-4b6c-9a58-0d6f1f6f1a03
cosi_join $first $second
check "three known machines, of which one is not there" apply examples/edge
check "… are waited for" within 10 has_members edge-berlin-workers 1
check "… in vain" exits 1 omniops health edge-berlin
cosi_join $third
check "the third comes, and all is well" healthy edge-berlin
cosi_trouble $second disconnected
not_healthy() { ! omniops health "$1"; }
check "a machine that is disconnected shows" within 10 not_healthy edge-berlin
if [ -n "$have_omnictl" ]; then
	OMNI_SERVICE_ACCOUNT_KEY=$(cat "$cosi_key") HOME=$room timeout 20 "$omnictl" cluster status edge-berlin -w 0s >"$room/tree" 2>&1
	check "… to omnictl" shows "Machine \"$second\"\(talos-[0-9a-f-]+\) RUNNING Not Ready Unreachable"
fi
cosi_trouble $second none
check "… and when it is back" healthy edge-berlin

# --- the end ------------------------------------------------------------------------------------------------------------

cosi_order hold -d type=MachineSetNodes.omni.sidero.dev -d "id=$third" -d finalizer=StuckController
check "a machine is kept by a finalizer" exits 1 omniops delete --approve-all --yes --timeout 2s edge-berlin
held() { really MachineSetNodes $third | grep -A1 'finalizers:' | grep -qx ' *- StuckController'; }
check "… that is the only one left on it" within 5 held
cosi_order release
check "when that is let go, the rest follows" within 10 none Clusters edge-berlin
[ -z "$have_omnictl" ] || watch_status
silent=$(really ClusterMachines | awk '/^ *id: / { id = $2 } /machine-set: talos-prod-01-workers/ { print id; exit }')
cosi_trouble "$silent" silent
check "a machine that does not answer keeps a cluster" exits 1 omniops delete --approve-all --yes --timeout 3s talos-prod-01
check "… as it says" complains "has to reset $silent (talos-"
check "… with the way out" complains "omnictl delete link $silent"
cosi_trouble "$silent" none
check "a cluster is deleted" exits 0 omniops delete --approve-all --yes --timeout 20s talos-prod-01
check "… and no member is left" none ClusterMachineStatuses
check "… nor anything that was said of it" within 5 none ClusterStatuses
check "… and nothing is asked of the provider" within 5 none MachineRequestSets
if [ -n "$have_omnictl" ]; then
	stop_watching
	check "the phases of that" went talos-prod-01 'RUNNING+ *DESTROYING- '
fi
free() { [ "$(cosi_ask machines | grep -c ' maintenance .* - none$')" = 3 ]; }
check "the machines that were named wait for another cluster" within 5 free
finish
