#!/bin/bash
# All of the way at once: custom resources on a real API server, the agent with the rights of its manifests, and the real Omni
# with the key in a Secret; with machines where somebody has put an emulator (tests/rig/omni/README.md).
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/omni_lib.sh
. tests/rig/kube/lib.sh
trap 'exit 1' INT TERM

# The Omni is in a network of its own: everything else happens there, too, the API server included.
if [ -z "${omni_is_here:-}" ]; then
	trap 'omni_stop; rm -rf "$room"' EXIT
	kube_need "custom resources and the real Omni"
	omni_need "custom resources and the real Omni"
	machines=
	! omni_machines_possible || machines="-machines 3"
	# shellcheck disable=SC2086
	omni_start kube $machines || { fail "Omni starts"; finish; }
	export omni_dir omni_endpoint omni_ca omni_key omni_rig omnictl machines omni_is_here=1
	omni_in bash tests/e2e/kube_omni.sh
	exit
fi
trap 'stop_agent; kube_stop; rm -rf "$room"' EXIT
omni_in() { "$@"; }
kube_build && kube_start omni || { fail "an API server starts"; finish; }

# --- helpers ----------------------------------------------------------------------------------------------------------

ns=fleet
kc() { kube_ctl -n "$ns" "$@"; }
apply() { kc apply -f - >"$room/applied" 2>&1 || { cat "$room/applied"; return 1; }; }
condition() { # STATUS KIND NAME TYPE [REASON]
	local is
	is=$(kc get "$2" "$3" -o json | jq -r --arg type "$4" '.status.conditions[]? | select(.type == $type) | "\(.status) \(.reason) \(.message)"') || return
	[[ $is == "$1 ${5:-}"* ]] || { echo "$2/$3: $4 is: $is"; return 1; }
}
mentions() { # TEXT KIND NAME TYPE
	kc get "$2" "$3" -o json | jq -e --arg type "$4" --arg text "$1" '.status.conditions[]? | select(.type == $type) | .message | contains($text)'
}
connection() {
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniConnection
	metadata: {name: main}
	spec:
	  endpoint: $omni_endpoint
	  auth: {serviceAccountSecretRef: {name: omni-service-account, key: serviceAccountKey}}
	END
}
put_key() { # FILE
	kc create secret generic omni-service-account --from-file=serviceAccountKey="$1" --dry-run=client -o yaml | apply
}
homeless() { sed 's/, namespace: omni//'; } # the namespace is that of the command
in_omni() { omni_ctl get "$@" -o yaml 2>/dev/null; }
talos() { in_omni clusters "$1" | sed -n 's/^ *talosversion: v*//p'; }
is_talos() { [ "$(talos "$1")" = "$2" ] || { talos "$1"; return 1; }; }
upgrade() { kc patch omnicluster "$1" --type merge -p "{\"spec\":{\"talos\":{\"version\":\"$2\"}}}"; }
is_nowhere() { ! kc get "$1" "$2" >/dev/null 2>&1; }
now_ms() { date +%s%3N; }
timed() { # TITLE COMMAND…: as `check`, and how long it took
	local from
	from=$(now_ms)
	check "$@"
	echo "# after $(($(now_ms) - from)) ms"
}
start() {
	"$OMNIOPS" agent --source "kubernetes:?namespace=$ns" --kubeconfig "$kube_made" --omni-ca-file "$omni_ca" --settle 1s \
		--http "127.0.0.1:$port" --log-format json --annotate-after 0 2>>"$room/log" &
	agent_pid=$!
}
port=$(free_port)

kinds=omniclusters,omniconnections,omnicontrolplanes,omniworkers,omnimachines,omnimachineclasses
kinds=$kinds,omnihelmreleases,omnikubeconfigexports,omnisecretsyncs
in_group() { sed "s|[a-z]*|&.omni.texashpc.com$2|g" <<<"${1//,/ }" | tr " " ","; }
may_work() {
	kube_bind fleet/omniops list,watch,patch "$(in_group "$kinds" "")" fleet &&
		kube_bind fleet/omniops patch "$(in_group "$kinds" /status)" fleet &&
		kube_bind fleet/omniops create,patch events.events.k8s.io fleet && kube_bind fleet/omniops get,list,watch secrets fleet
}
{ kube_define && kube_account fleet omniops && may_work; } >"$room/applied" 2>&1 || { cat "$room/applied"; fail "definitions and rights"; finish; }
check "Omni has an account for the agent" omni_account omniops Operator
check "… and one that it will not know any more" omni_account former Operator
check "… from now on" omni_ctl serviceaccount destroy former
check "Omni knows the versions" within 60 omni_offers 1.13.5 1.35.1
start
check "the agent starts" within 20 curl -fsS "http://127.0.0.1:$port/readyz"
[ "$tap_failed" = 0 ] || finish

# --- the way to Omni --------------------------------------------------------------------------------------------------

check "a connection without its Secret" apply < <(connection)
check "… says what is missing" within 10 condition False omniconnection main Reachable ConnectionFailed
check "… by name" mentions omni-service-account omniconnection main Reachable
check "the Secret" put_key "$omni_dir/omniops.key"
timed "… is taken up by itself" within 10 condition True omniconnection main Ready ConnectionReady
check "… and Omni has said who it is" within 10 eval '[ "$(kc get omniconnection main -o "jsonpath={.status.serverVersion}")" ]'

# --- a cluster --------------------------------------------------------------------------------------------------------

demo() {
	class | homeless | sed 's/\[.*\]/["site = nowhere"]/' # no machine: they are for the other cluster
	echo ---
	cluster demo 2 | homeless
	cat <<-END
	  patches:
	  - name: sysctls
	    inline: {machine: {sysctls: {vm.max_map_count: "262144"}}}
	END
}
check "a cluster with a patch" apply < <(demo)
timed "… is applied" within 20 condition True omnicluster demo Synced
check "Omni has the cluster" is_talos demo 1.13.3
check "… its workers" eval 'in_omni machinesets demo-workers | grep -q "machinecount: 2"'
check "… and its patch" eval 'in_omni configpatches | grep -q "max_map_count"'
check "without machines it is not ready" condition False omnicluster demo Ready StatusFailed
check "parts are accepted" condition True omniworkers demo-workers Accepted
check "another version" upgrade demo v1.13.5
timed "… is applied" within 10 is_talos demo 1.13.5
check "omnictl sees no difference" eval 'kc get omniclusters,omnicontrolplanes,omniworkers -o yaml | "$OMNIOPS" render --rules 1.9 --out "$room/templates" - &&
	[ -z "$(omni_ctl cluster template diff --file "$room"/templates/demo.yaml)" ]'

check "a version that there is not" upgrade demo v1.13.99
check "… is refused by Omni" within 10 condition True omnicluster demo Stalled SyncFailed
check "… in its words" mentions 1.13.99 omnicluster demo Ready
check "… and taken back" upgrade demo v1.13.5
check "… all is as it was" within 10 condition True omnicluster demo Synced

# --- keys that let nobody in ------------------------------------------------------------------------------------------

check "the key of an account that is gone" put_key "$omni_dir/former.key"
timed "… is told" within 20 condition False omniconnection main Ready ConnectionFailed
check "a change meanwhile" upgrade demo v1.13.3
check "… is not applied" within 15 condition False omnicluster demo Synced SyncFailed
check "the right key" put_key "$omni_dir/omniops.key"
timed "… opens Omni again by itself" within 15 condition True omniconnection main Ready ConnectionReady
timed "… and the change is applied" within 15 is_talos demo 1.13.3
check "… and told" within 10 condition True omnicluster demo Synced
echo none >"$room/none"
check "what is no key" put_key "$room/none"
check "… is told, too" within 10 condition False omniconnection main Ready ConnectionFailed
check "… to a person" condition True omniconnection main Stalled
check "the right one again" put_key "$omni_dir/omniops.key"
check "… ends that" within 10 condition True omniconnection main Ready

# --- machines ---------------------------------------------------------------------------------------------------------

of_machines() {
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniCluster
	metadata: {name: edge}
	spec: {connectionRef: {name: main}, kubernetes: {version: v1.35.1}, talos: {version: v1.13.5}}
	---
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniControlPlane
	metadata: {name: edge}
	spec: {clusterRef: {name: edge}, machines: [10001802-c798-4da7-a410-f09abb48c8d8]}
	---
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniWorkers
	metadata: {name: edge-workers}
	spec:
	  clusterRef: {name: edge}
	  workerSetName: workers
	  machines: [10011802-c798-4da7-a410-f09abb48c8d8, 10021802-c798-4da7-a410-f09abb48c8d8]
	END
}
machines_are() { [ "$(kc get omnicluster edge -o 'jsonpath={.status.machines.summary}')" = "$1" ]; }
if [ -n "$machines" ]; then
	check "a cluster of machines" apply < <(of_machines)
	timed "… becomes ready" kc wait --for=condition=Ready omnicluster/edge --timeout=180s
	check "… with all of them" within 10 machines_are 3/3
	check "one less" kc patch omniworkers edge-workers --type merge -p '{"spec":{"machines":["10011802-c798-4da7-a410-f09abb48c8d8"]}}'
	timed "… leaves" within 60 machines_are 2/2
	check "… and it is ready" kc wait --for=condition=Ready omnicluster/edge --timeout=120s
	timed "the cluster goes, when its machines have been reset" kc delete omnicluster edge --timeout=120s
	check "… from Omni" eval '! in_omni clusters edge'
else
	skip "a cluster with machines" "there is no machine emulator"
fi

# --- a restart --------------------------------------------------------------------------------------------------------

writes() { kube_count '^(create|update|patch|delete) '; }
is_synced_log() { grep -q '"msg":"InSync","cluster":"demo"\|"msg":"Progressing","cluster":"demo"' "$room/log"; }
is_told() { # CLUSTER: in its status, and behind that in its annotations
	kc get omnicluster "$1" -o json | jq -e '.metadata.annotations as $said | .status.templateHash == $said["omni.texashpc.com/applied-hash"] and
		$said["omni.texashpc.com/sync-state"] == "InSync" and $said["omni.texashpc.com/sync-message"] == null'
}
stop_agent
check "what many changes held back is told at the end" is_told demo
: >"$room/log"
kube_mark
kc get omnicluster demo -o json >"$room/before"
start
check "the agent starts again" within 20 is_synced_log
sleep 3 # the key has been read, and Omni has said who it is
check "… and writes nothing" eval '[ "$(writes)" = 0 ] || { kube_counts; kc get omnicluster demo -o json | diff "$room/before" -; false; }'
check "… nor did anything fail" eval '! grep "\"level\":\"error\"" "$room/log"'

# --- the end ----------------------------------------------------------------------------------------------------------

check "a connection that is deleted" kc delete omniconnection main --wait=false
check "… waits for its clusters" within 10 condition False omniconnection main Ready Deleting
check "… and says for which" mentions demo omniconnection main Ready
check "… which it still serves" eval 'upgrade demo v1.13.5 && within 10 is_talos demo 1.13.5'
timed "the cluster goes" kc delete omnicluster demo --timeout=60s
check "… from Omni" eval '! in_omni clusters demo'
check "… and the connection behind it" within 10 is_nowhere omniconnection main
finish
