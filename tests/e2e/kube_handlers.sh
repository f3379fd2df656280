#!/bin/bash
# What is looked after in and around workload clusters, beside a real API server: finalizers, statuses, Events, requests,
# suspension, a restart, and deletion in any order, after which nothing is left locked. What the handlers do in clusters is
# tested elsewhere.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/kube/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; cosi_stop; kube_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

kube_need "handlers beside a real API server"
cosi_need "handlers beside a real API server"
cosi_start one -tls -account ci:Operator || { fail "Omni starts"; finish; }
if ! kube_start handlers || ! kube_define; then
	fail "the definitions are served"
	finish
fi

# --- helpers ----------------------------------------------------------------------------------------------------------

ns=fleet
kinds=omniclusters,omniconnections,omnicontrolplanes,omniworkers,omnimachines,omnimachineclasses
kinds=$kinds,omnihelmreleases,omnikubeconfigexports,omnisecretsyncs
in_group() { sed "s|[a-z]*|&.omni.texashpc.com$2|g" <<<"${1//,/ }" | tr " " ","; }
may_work() {
	kube_account fleet omniops && kube_bind fleet/omniops list,watch,patch "$(in_group "$kinds" "")" fleet &&
		kube_bind fleet/omniops patch "$(in_group "$kinds" /status)" fleet &&
		kube_bind fleet/omniops create,patch events.events.k8s.io fleet &&
		kube_bind fleet/omniops get,list,watch,create,update,patch,delete secrets fleet &&
		kube_bind fleet/omniops get configmaps fleet
}
kc() { kube_ctl -n "$ns" "$@"; }
apply() { kc apply -f - >"$room/applied" 2>&1 || { cat "$room/applied"; return 1; }; }
start() { # further flags
	"$OMNIOPS" agent --omni "$cosi_endpoint" --omni-key-file "$cosi_key" --omni-ca-file "$cosi_ca" --source "kubernetes:" \
		--kubeconfig "$kube_made" --settle 1s --http "127.0.0.1:$port" --log-format json --annotate-after 0 "$@" 2>>"$room/log" &
	agent_pid=$!
}
ready() { curl -fsS "http://127.0.0.1:$port/readyz"; }
metric() { curl -fsS "http://127.0.0.1:$port/metrics" | awk -v name="$1" '$1 == name { print $2 }'; }
is_metric() { [ "$(metric "$1")" = "$2" ] || { metric "$1"; return 1; }; }
field() { kc get "$1" "$2" -o "jsonpath=$3"; }
is_field() { [ "$(field "$1" "$2" "$3")" = "$4" ] || { field "$1" "$2" "$3"; return 1; }; }
condition() { # KIND NAME TYPE "STATUS REASON"
	local is
	is=$(field "$1" "$2" "{range .status.conditions[?(@.type==\"$3\")]}{.status} {.reason}{end}")
	[ "$is" = "$4" ] || { echo "$1/$2: $3 is: $is"; kc get "$1" "$2" -o jsonpath='{.status}'; return 1; }
}
without() { ! field "$1" "$2" "{.status.conditions[*].type}" | grep -qw "$3"; }
gone() { ! kc get "$@" >/dev/null 2>&1; }
event() { # REASON OBJECT [TEXT]
	kc get events -o json | jq -e --arg reason "$1" --arg name "$2" --arg text "${3:-}" \
		'.items[] | select(.reason == $reason and .involvedObject.name == $name and (.message | contains($text)))' >/dev/null ||
		{ kc get events --field-selector "involvedObject.name=$2"; return 1; }
}
finalizer=omni.texashpc.com/finalizer
admitted() { is_field "$1" "$2" '{.metadata.finalizers[0]}' $finalizer; }
all_of() { cluster "$1" 1 | sed 's/, namespace: omni//'; }
connection() {
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniConnection
	metadata: {name: main}
	spec:
	  endpoint: https://fleet.example.org
	  auth: {serviceAccountSecretRef: {name: omni-key}}
	END
}
export_of() { # NAME CLUSTER [POLICY]
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniKubeconfigExport
	metadata: {name: $1}
	spec:
	  clusterRef: {name: $2}
	  targetSecretRef: {name: $1}
	  serviceAccount: {user: gitops, groups: [deployers]}
	  ttl: 2h
	  renewBefore: 1h
	  deletionPolicy: ${3:-Delete}
	END
}
sync_of() { # NAME CLUSTER KUBECONFIG-SECRET [POLICY]
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniSecretSync
	metadata: {name: $1}
	spec:
	  clusterRef: {name: $2}
	  kubeconfigSecretRef: {name: $3}
	  sourceSecretRef: {name: source}
	  targetSecretRef: {name: copy, namespace: default}
	  deletionPolicy: ${4:-Delete}
	END
}
release_of() { # NAME CLUSTER KUBECONFIG-SECRET [POLICY]
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniHelmRelease
	metadata: {name: $1}
	spec:
	  clusterRef: {name: $2}
	  kubeconfigSecretRef: {name: $3}
	  chart: {repository: "https://charts.example.org", chart: web, version: 1.0.0}
	  deletionPolicy: ${4:-Uninstall}
	END
}
requests() { kube_count '^(list|get|create|update|patch|delete) '; }
rests() { kube_mark; sleep 1; [ "$(requests)" = 0 ] || { kube_counts; return 1; }; }
logged() { grep -qE -- "$1" "$room/log"; }

port=$(free_port)
if ! may_work >"$room/applied" 2>&1; then # not in a subshell, as everything that sets something
	cat "$room/applied"
	fail "an account has the rights that are needed"
	finish
fi
start
check "the agent starts" within 20 ready
[ "$tap_failed" = 0 ] || finish

# --- one that waits for its cluster -----------------------------------------------------------------------------------------

check "an export before its cluster" apply < <(export_of early later)
check "has the finalizer" within 5 admitted omnikubeconfigexport early
check "says that the cluster is missing" within 5 condition omnikubeconfigexport early Ready "False MissingCluster"
check "is not accepted" condition omnikubeconfigexport early Accepted "False MissingCluster"
check "waits, and is no fault" without omnikubeconfigexport early Stalled
check "of this generation" is_field omnikubeconfigexport early '{.status.observedGeneration}' "$(field omnikubeconfigexport early '{.metadata.generation}')"
check "which is an Event" within 5 event MissingCluster early 'OmniCluster "later" does not exist'

# --- with its cluster -------------------------------------------------------------------------------------------------------

check "a connection and a machine class" apply < <(connection; echo ---; class | sed 's/, namespace: omni//')
check "a cluster" apply < <(all_of demo)
check "is applied" within 15 condition omnicluster demo Synced "True Synced"
check "an export of it" apply < <(export_of demo-kubeconfig demo)
check "is ready" within 10 condition omnikubeconfigexport demo-kubeconfig Exported "True Exported"
check "and the Secret is there" kc get secret demo-kubeconfig
check "nothing stands still" without omnikubeconfigexport demo-kubeconfig Stalled
check "the one that waited" apply < <(all_of later)
check "is ready by itself" within 15 condition omnikubeconfigexport early Exported "True Exported"
check "which is an Event, too" within 5 event Rotated early
within 10 rests
check "at rest nothing is asked" within 10 rests

# --- asked for ----------------------------------------------------------------------------------------------------------------

kc annotate omnikubeconfigexport demo-kubeconfig omni.texashpc.com/requested-at=one >/dev/null
check "a look that is asked for is told of" within 5 is_field omnikubeconfigexport demo-kubeconfig '{.status.lastHandledReconcileAt}' one

# --- left alone -------------------------------------------------------------------------------------------------------------

kc annotate omnikubeconfigexport demo-kubeconfig omni.texashpc.com/suspend=true >/dev/null
check "one can be suspended" within 5 condition omnikubeconfigexport demo-kubeconfig Suspended "True Suspended"
check "and stays as it is" condition omnikubeconfigexport demo-kubeconfig Exported "True Exported"
kc delete secret demo-kubeconfig >/dev/null
sleep 1
check "nothing is done then" gone secret demo-kubeconfig
kc annotate omnikubeconfigexport demo-kubeconfig omni.texashpc.com/suspend- >/dev/null
check "it goes on" within 5 kc get secret demo-kubeconfig
check "which is told" within 5 without omnikubeconfigexport demo-kubeconfig Suspended
kc delete secret demo-kubeconfig >/dev/null
check "a Secret that somebody deletes comes back" within 5 kc get secret demo-kubeconfig

# --- a restart --------------------------------------------------------------------------------------------------------------

within 10 rests
version=$(field omnikubeconfigexport demo-kubeconfig '{.metadata.resourceVersion}')
stop_agent
kube_mark
start
check "a restart" within 20 ready
sleep 2
check "writes nothing" [ "$(kube_count '^(create|update|patch|delete) ')" = 0 ]
check "not even a status" is_field omnikubeconfigexport demo-kubeconfig '{.metadata.resourceVersion}' "$version"

# --- deletion ---------------------------------------------------------------------------------------------------------------

check "an export is deleted" kc delete omnikubeconfigexport early --timeout=15s
check "with its Secret" within 5 gone secret early
check "one that leaves its Secret" apply < <(export_of left demo Orphan)
check "is ready" within 10 condition omnikubeconfigexport left Exported "True Exported"
check "and goes" kc delete omnikubeconfigexport left --timeout=15s
check "without it" kc get secret left
check "a Secret for a cluster that does not answer" kc create secret generic source --from-literal=a=b
check "a copy of it, and a release there" apply < <(sync_of copy demo demo-kubeconfig; echo ---; release_of web demo demo-kubeconfig)
check "both have the finalizer" eval 'within 5 admitted omnisecretsync copy && within 5 admitted omnihelmrelease web'
check "and say that it does not answer" within 15 condition omnisecretsync copy Ready "False SyncFailed"
check "… each" within 15 condition omnihelmrelease web Ready "False ReconcileFailed"
check "two that leave what they made" apply < <(sync_of stays demo demo-kubeconfig Orphan; echo ---; release_of remains demo demo-kubeconfig Orphan)
check "have it, too" eval 'within 5 admitted omnisecretsync stays && within 5 admitted omnihelmrelease remains'
check "and go at once" kc delete omnisecretsync/stays omnihelmrelease/remains --timeout=10s
check "everything at once, in the order that does most harm" kc delete \
	omniconnection,omnicluster,omnicontrolplane,omniworkers,omnikubeconfigexport,omnisecretsync,omnihelmrelease --all --timeout=90s
check "leaves nothing" eval '[ -z "$(kc get "$(in_group "${kinds/,omnimachineclasses/}" "")" -o name)" ]'
check "what may be left in the cluster is told" within 5 event Orphaned copy 'what it made may be left in cluster "demo"'
never_told() { ! event Orphaned web >/dev/null; }
check "… and nothing of a release that was never begun" never_told

stop_agent
check "no secret was logged" eval '! grep -E "eyJ[A-Za-z0-9_-]{20}|token:" "$room/log"'
finish
