#!/bin/bash
# The agent beside a real API server: what people apply there goes to Omni, and how it is comes back into the objects. The
# Omni is a directory; the agent's account may do no more than the manifests give it.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/kube/lib.sh
trap 'stop_agent; kube_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

kube_need "the agent works beside a real API server"
if ! kube_start agent || ! kube_define; then
	fail "the definitions are served"
	finish
fi

kinds=omniclusters,omniconnections,omnicontrolplanes,omniworkers,omnimachines,omnimachineclasses
kinds=$kinds,omnihelmreleases,omnikubeconfigexports,omnisecretsyncs
in_group() { sed "s|[a-z]*|&.omni.texashpc.com$2|g" <<<"${1//,/ }" | tr " " ","; }
may_work() { # NAMESPACE
	kube_account fleet omniops && kube_bind fleet/omniops list,watch,patch "$(in_group "$kinds" "")" "$1" &&
		kube_bind fleet/omniops patch "$(in_group "$kinds" /status)" "$1" &&
		kube_bind fleet/omniops create,patch events.events.k8s.io "$1" && kube_bind fleet/omniops get secrets "$1"
}

# --- helpers ----------------------------------------------------------------------------------------------------------

ns=fleet
kc() { kube_ctl -n "$ns" "$@"; }
apply() { kc apply -f - >"$room/applied" 2>&1 || { cat "$room/applied"; return 1; }; }
connection() { # an address that a flag overrides; of each namespace another one
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniConnection
	metadata: {name: main}
	spec:
	  endpoint: https://$ns.example.org
	  auth: {serviceAccountSecretRef: {name: omni-key}}
	END
}
# part KIND cluster: one document of `cluster`, without a namespace
part() { cluster "$2" "${3:-2}" | sed 's/, namespace: omni//' | awk -v kind="$1" 'BEGIN { RS = "---\n" } $0 ~ "kind: " kind "\n"'; }
all_of() { part OmniCluster "$@"; echo ---; part OmniControlPlane "$@"; echo ---; part OmniWorkers "$@"; }
start() { # further flags
	"$OMNIOPS" agent --omni "$omni" --source "kubernetes:" --kubeconfig "$kube_made" --settle 1s --http "127.0.0.1:$port" \
		--log-format json --annotate-after 0 "$@" 2>>"$room/log" &
	agent_pid=$!
}
ready() { curl -fsS "http://127.0.0.1:$port/readyz"; }
field() { kc get "$1" "$2" -o "jsonpath=$3"; }
condition() { field "$1" "$2" "{.status.conditions[?(@.type==\"$3\")].status}"; }
reason() { field "$1" "$2" "{.status.conditions[?(@.type==\"$3\")].reason}"; }
is_condition() { [ "$(condition "$1" "$2" "$3")" = "$4" ] || { condition "$1" "$2" "$3"; reason "$1" "$2" "$3"; return 1; }; }
is_reason() { [ "$(reason "$1" "$2" "$3")" = "$4" ] || { echo "it is: $(reason "$1" "$2" "$3")"; return 1; }; }
is_synced() { is_condition omnicluster "$1" Synced True; }
talos() { "$OMNIOPS" get clusters "$1" -o yaml --omni "$omni" 2>/dev/null | sed -n 's/.*talosversion: //p'; }
is_talos() { [ "$(talos "$1")" = "${2#v}" ] || { talos "$1"; return 1; }; }
no_object() { ! kc get "$1" "$2" >/dev/null 2>&1; }
mark_log() { marked=$(wc -l <"$room/log"); }
since() { tail -n "+$((marked + 1))" "$room/log"; }
never() { ! since | grep -E -- "$1"; }
said() { since | grep -qE -- "$1"; }
writes() { kube_count '^(create|update|patch|delete) '; }
upgrade() { kc patch omnicluster "$1" --type merge -p "{\"spec\":{\"talos\":{\"version\":\"$2\"}}}"; }
# at rest: nobody asks for anything but watches
rests() { kube_mark; sleep 1; [ "$(kube_count '^(list|get|create|update|patch|delete) ')" = 0 ]; }

port=$(free_port)
if ! may_work fleet; then # not in a subshell, as everything that sets something
	fail "an account has the rights that are needed"
	finish
fi

# --- the way there and back -------------------------------------------------------------------------------------------

start
check "the agent starts where there is nothing" within 20 ready
[ "$tap_failed" = 0 ] || finish
check "a connection is applied" apply < <(connection)
check "it is told that the Omni is reached, without any cluster" within 10 is_condition omniconnection main Reachable True
patched() {
	part OmniWorkers demo
	cat <<-END
	  patches:
	  - name: sysctls
	    inline: {machine: {sysctls: {vm.max_map_count: "262144"}}}
	END
}
patched >"$room/w.yaml"
check "a machine class, and a cluster with a patch" apply < <(class | sed 's/, namespace: omni//'; echo ---; part OmniCluster demo; echo ---
	part OmniControlPlane demo; echo ---; cat "$room/w.yaml")
check "are applied in Omni" within 10 is_synced demo
check "with all of its parts" has_workers demo 2
check "and with the patch" eval '"$OMNIOPS" get configpatches --omni "$omni" | grep -q sysctls'
check "the object has the finalizer" [ "$(field omnicluster demo '{.metadata.finalizers[0]}')" = omni.texashpc.com/finalizer ]
check "and says which parts were rendered" [ "$(field omnicluster demo '{.status.controlPlaneRef} {.status.workersRefs[0]}')" = "demo demo-workers" ]
check "and of which generation" [ "$(field omnicluster demo '{.status.observedGeneration}')" = "$(field omnicluster demo '{.metadata.generation}')" ]
check "a part is accepted" within 5 is_condition omniworkers demo-workers Accepted True

check "another cluster" eval 'apply < <(all_of second 1) && within 10 is_synced second'
mark_log
check "a change of one is a change in Omni" eval 'upgrade demo v1.13.4 && within 5 is_talos demo v1.13.4'
check "for which only its own objects were rendered" said '"files":8,"rendered":4'
check "what is disruptive needs no approval here" never '"Held"'

began=$(date +%s%N)
upgrade second v1.13.4 >/dev/null
applied=$(date +%s%N)
check "soon" within 5 is_talos second v1.13.4
echo "# from the patch to Omni: $((($(date +%s%N) - applied) / 1000000)) ms, the patch itself $(((applied - began) / 1000000)) ms"

# --- at rest ----------------------------------------------------------------------------------------------------------

check "a fleet at rest asks the API server for nothing" within 10 rests
stop_agent
kube_mark
mark_log
start
check "a restart" within 20 ready
sleep 1.5
check "costs no write" eval '[ "$(writes)" = 0 ] || { kube_counts; false; }'
check "neither here nor in Omni" never '"component":"apply"'

# --- moments that are no declarations ---------------------------------------------------------------------------------

mark_log
pieces() {
	apply < <(part OmniCluster slow) && sleep 0.6 && apply < <(part OmniControlPlane slow) && sleep 0.6 &&
		apply < <(part OmniWorkers slow) && within 10 is_synced slow
}
check "a cluster that comes in pieces" pieces
check "is applied as a whole" eval 'never "\"cluster\":\"slow\".*\"(Frozen|Failed)\"" && [ "$(since | grep -c "\"applied: .*slow\|\"cluster\":\"slow\".*applied: ")" = 1 ]'

version() { "$OMNIOPS" get machinesets "$1-workers" -o yaml --omni "$omni" | sed -n 's/^ *version: //p'; }
before=$(version demo)
mark_log
check "an object that is replaced" kc replace --force -f "$room/w.yaml"
sleep 2
check "never left" eval 'never "\"component\":\"apply\"" && [ "$(version demo)" = "$before" ]'
check "one that is deleted goes" eval 'kc delete omniworkers demo-workers && within 10 is_gone machinesets demo-workers'
check "and its cluster is in sync" within 5 is_synced demo
check "and comes again" eval 'kc create -f "$room/w.yaml" && within 5 has_workers demo 2'

# --- faults -----------------------------------------------------------------------------------------------------------

bad() { kc patch omnicluster second --type merge -p '{"spec":{"patches":[{"name":"bad","inline":{"machine":{"nonsense":1}}}]}}'; }
check "a faulty object" bad
check "is told to be faulty, in its cluster" within 5 is_condition omnicluster second Validated False
check "the others go on: a change" eval 'upgrade demo v1.13.5 && within 5 is_talos demo v1.13.5'
check "and a deletion" eval 'kc delete omniworkers slow-workers && within 5 is_gone machinesets slow-workers'
check "what is faulty keeps what it had" is_talos second v1.13.4
check "mended, it goes on" eval 'kc patch omnicluster second --type json -p "[{\"op\":\"remove\",\"path\":\"/spec/patches\"}]" && within 5 is_condition omnicluster second Validated True'

check "a suspended cluster" eval 'kc patch omnicluster second --type merge -p "{\"spec\":{\"suspend\":true}}" && within 5 is_condition omnicluster second Suspended True'
check "is left alone" eval 'upgrade second v1.13.5 && sleep 1 && is_talos second v1.13.4'

# --- the API server goes and comes ------------------------------------------------------------------------------------

mark_log
kube_order kill
sleep 2
kube_order start
check "the API server goes, and comes again" within 30 kc get omniclusters
check "and changes go on" eval 'within 10 upgrade demo v1.13.6 && within 40 is_talos demo v1.13.6'
check "nothing was destroyed" never '"destroyed|tearing down'

# --- deletion ---------------------------------------------------------------------------------------------------------

check "a deletion is an order: also of what is suspended" kc delete omnicluster second --timeout=20s
check "the cluster is gone from Omni" is_gone clusters second
check "a deletion with deletePolicy.orphan" eval 'kc patch omnicluster slow --type merge -p "{\"spec\":{\"deletePolicy\":{\"orphan\":true}}}" && sleep 0.5 && kc delete omnicluster slow --timeout=20s'
check "lets the cluster live" exists clusters slow
check "without our marks" eval '! "$OMNIOPS" get clusters slow -o yaml --omni "$omni" | grep -q texashpc'

check "another cluster" eval 'apply < <(all_of third) && within 10 is_synced third'
stop_agent
check "that is deleted while nobody looks" kc delete omnicluster third --wait=false
start
check "goes with the next start" eval 'within 20 no_object omnicluster third && is_gone clusters third'

check "another one" eval 'apply < <(all_of torn) && within 10 is_synced torn'
stop_agent
check "that goes without its finalizer" eval 'kc patch omnicluster torn --type merge -p "{\"metadata\":{\"finalizers\":null}}" && kc delete omnicluster torn'
mark_log
start
check "is not ordered to go: it waits for an approval" eval 'within 20 said "torn.*is held" && exists clusters torn'

check "another one" eval 'apply < <(all_of foreign) && within 10 is_synced foreign'
stop_agent
grep -rl 'name: foreign\|id: foreign$' "$room/omni" | xargs sed -i 's|\(omni.texashpc.com/owner: \).*|\1somebody|'
check "that another owner has marked" eval '"$OMNIOPS" get clusters foreign -o yaml --omni "$omni" | grep "owner: somebody"'
check "and that is deleted" kc delete omnicluster foreign --wait=false
start
check "is let go, and not destroyed" eval 'within 20 no_object omnicluster foreign && exists clusters foreign'

# --- approvals, where they are asked for -----------------------------------------------------------------------------

stop_agent
start --gate disruptive
check "with --gate what is destructive waits" eval 'within 20 ready && kc delete omniworkers demo-workers && within 10 is_reason omnicluster demo Ready PlanHeld'
check "in Omni, too" exists machinesets demo-workers
approve() { kc annotate --overwrite omnicluster demo "omni.texashpc.com/approve=$(field omnicluster demo '{.status.plan.hash}')"; }
check "until the object carries the approval" eval 'approve && within 10 is_gone machinesets demo-workers'
check "and a deletion is an order all the same" eval 'kc delete omnicluster demo --timeout=20s && is_gone clusters demo'

# --- beside another source --------------------------------------------------------------------------------------------

stop_agent
mkdir "$room/files" && printf 'kind: Cluster\nname: filed\nkubernetes: {version: v1.35.1}\ntalos: {version: v1.13.3}\nnonsense: 1\n' >"$room/files/c.yaml"
start --source "dir:$room/files" --drift report
check "beside files that are at fault, a cluster is applied" eval 'within 20 ready && apply < <(all_of mixed) && within 10 is_synced mixed'
check "and goes when its object is deleted" eval 'kc delete omnicluster mixed --timeout=20s && is_gone clusters mixed'

# --- several namespaces -----------------------------------------------------------------------------------------------

stop_agent
kube_ctl create namespace blue >/dev/null
kube_ctl create namespace green >/dev/null
all_rights() {
	kube_bind fleet/omniops list,watch,patch "$(in_group "$kinds" "")" && kube_bind fleet/omniops patch "$(in_group "$kinds" /status)" &&
		kube_bind fleet/omniops create,patch events.events.k8s.io && kube_bind fleet/omniops get secrets
}
both() {
	for ns in blue green; do
		apply < <(connection; echo ---; class | sed 's/, namespace: omni//'; echo ---; all_of same) || return
	done
}
all_rights || fail "an account has rights in all namespaces"
check "two namespaces have connections and clusters of the same names" both
start_all() {
	"$OMNIOPS" agent --connection "blue/main=dir:$room/blue" --connection "green/main=dir:$room/green" --http "127.0.0.1:$port" \
		--source "kubernetes:?all-namespaces=true" --kubeconfig "$kube_made" --settle 1s --log-format json 2>>"$room/log" &
	agent_pid=$!
}
start_all
check "an agent serves all" within 20 ready
ns=blue
check "one is applied" within 10 is_synced same
ns=green
check "and the other" within 10 is_synced same
check "each in the Omni of its namespace" eval '"$OMNIOPS" get clusters same --omni "dir:$room/blue" && "$OMNIOPS" get clusters same --omni "dir:$room/green"'
check "one goes" kc delete omnicluster same --timeout=20s
omni=dir:$room/green
check "from its Omni" is_gone clusters same
omni=dir:$room/blue
check "and the other stays" exists clusters same
mark_log
stop_agent
check "the agent ends in order" never '"level":"(error|warning)".*left'
finish
