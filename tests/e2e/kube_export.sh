#!/bin/bash
# Kubeconfig exports beside a real API server, and used on another one by way of a proxy like Omni's: their Secrets, scopes, renewal,
# clusters made anew, moves, Secrets of others, refusals, and what is given to Argo CD and Flux.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/kube/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; cosi_stop; kube_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

kube_need "exports beside a real API server"
cosi_need "exports beside a real API server"
kube_start work || { fail "an API server starts"; finish; }
work_config=$kube_config
if ! kube_start management || ! kube_define; then
	fail "the definitions are served"
	finish
fi
cosi_start one -tls -kube "$work_config" -account ci:Operator -account boss:Admin || { fail "Omni starts"; finish; }

# --- helpers ------------------------------------------------------------------------------------------------------------------

ns=fleet
owned=omniclusters,omniconnections,omnicontrolplanes,omniworkers,omnimachines,omnimachineclasses
owned=$owned,omnihelmreleases,omnikubeconfigexports,omnisecretsyncs
in_group() { sed "s|[a-z]*|&.omni.texashpc.com$2|g" <<<"${1//,/ }" | tr " " ","; }
may_work() {
	kube_account fleet omniops && kube_ctl create namespace argocd >/dev/null && kube_bind fleet/omniops list,watch,patch "$(in_group "$owned" "")" fleet &&
		kube_bind fleet/omniops patch "$(in_group "$owned" /status)" fleet &&
		kube_bind fleet/omniops create,patch events.events.k8s.io fleet &&
		kube_bind fleet/omniops get,list,watch,create,update,delete secrets fleet && kube_bind fleet/omniops get configmaps fleet &&
		kube_bind fleet/omniops get,list,watch,create,update,delete secrets argocd
}
kc() { kube_ctl -n "$ns" "$@"; }
at_work() { kube_config=$work_config kube_ctl "$@"; }
apply() { kc apply -f - >"$room/applied" 2>&1 || { cat "$room/applied"; return 1; }; }
start() {
	"$OMNIOPS" agent --omni "$cosi_endpoint" --omni-key-file "$cosi_key" --omni-ca-file "$cosi_ca" --source "kubernetes:" \
		--kubeconfig "$agent_config" --settle 1s --http "127.0.0.1:$port" --log-format json --annotate-after 0 2>>"$room/log" &
	agent_pid=$!
}
ready() { curl -fsS "http://127.0.0.1:$port/readyz"; }
field() { kc get omnikubeconfigexport "$1" -o "jsonpath=$2"; }
is_field() { [ "$(field "$1" "$2")" = "$3" ] || { field "$1" "$2"; return 1; }; }
condition() { # NAME TYPE "STATUS REASON"
	local is
	is=$(field "$1" "{range .status.conditions[?(@.type==\"$2\")]}{.status} {.reason}{end}")
	[ "$is" = "$3" ] || { echo "$1: $2 is: $is"; field "$1" '{.status}'; return 1; }
}
says_ready() { field "$1" '{.status.conditions[?(@.type=="Ready")].message}' | grep -qF -- "$2"; }
gone() { ! kc get "$@" >/dev/null 2>&1; }
event() { # REASON OBJECT [TEXT]
	kc get events -o json | jq -e --arg reason "$1" --arg name "$2" --arg text "${3:-}" \
		'.items[] | select(.reason == $reason and .involvedObject.name == $name and (.message | contains($text)))' >/dev/null ||
		{ kc get events --field-selector "involvedObject.name=$2"; return 1; }
}
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
all_of() { cluster "$1" 1 | sed 's/, namespace: omni//'; }
export_of() { # NAME CLUSTER [further lines of the spec]
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniKubeconfigExport
	metadata: {name: $1}
	spec:
	  clusterRef: {name: $2}
	  targetSecretRef: {name: $1}
	  serviceAccount: {user: $1-bot, groups: [deployers]}
	  ttl: 2h
	  renewBefore: 1h
	  deletionPolicy: Delete
	$(printf '  %s\n' "${@:3}")
	END
}
change() { kc patch omnikubeconfigexport "$1" --type merge -p "$2" >/dev/null; }
secret() { kube_ctl -n "${3:-$ns}" get secret "$1" -o json | jq -j ".data[\"$2\"] // empty | @base64d"; }
note() { kc get secret "$1" -o json | jq -r ".metadata.annotations[\"omni.texashpc.com/$2\"]"; }
hash_of() { note "$1" kubeconfig-hash; }
is_new() { [ "$(hash_of "$1")" != "$2" ]; } # SECRET HASH
version_of() { kc get secret "$1" -o 'jsonpath={.metadata.resourceVersion}'; }
use() { # SECRET KEY kubectl's arguments…
	secret "$1" "$2" >"$room/used" && chmod 600 "$room/used" && KUBECONFIG=$room/used "$kubectl" --cache-dir "$room/cache" "${@:3}"
}
asked() { cosi_ask counts | jq '.Kubeconfig // 0'; }

port=$(free_port)
if ! may_work >"$room/applied" 2>&1; then # not in a subshell, as everything that sets something
	cat "$room/applied"
	fail "an account has the rights that are needed"
	finish
fi
agent_config=$kube_made
start
check "the agent starts" within 20 ready
[ "$tap_failed" = 0 ] || finish
check "a cluster" apply < <(connection; echo ---; class | sed 's/, namespace: omni//'; echo ---; all_of demo)

# --- one that is used ---------------------------------------------------------------------------------------------------------

check "an export" apply < <(export_of gitops demo "contextNamespace: apps")
check "and another one" apply < <(export_of ci demo)
check "is ready, because the cluster takes it" within 20 condition gitops Ready "True Exported"
check "which it was asked" grep -qF '/api' "$kube_room/work/audit.log"
whoami() { use gitops kubeconfig auth whoami -o json | jq -r '.status.userInfo | .username, .groups[]' | sort | tr '\n' ' '; }
check "it is for the user and the groups that are declared" eval '[ "$(whoami)" = "deployers gitops-bot system:authenticated " ] || { whoami; false; }'
check "and may do nothing by itself" eval '! use gitops kubeconfig get configmaps -n apps 2>"$room/err" && grep -q Forbidden "$room/err"'
at_work create namespace apps >/dev/null
at_work create role deploy -n apps --verb get,list --resource configmaps >/dev/null
at_work create rolebinding deploy -n apps --role deploy --group deployers >/dev/null
reads() { use gitops kubeconfig get configmaps "$@"; }
check "until it is let in, in its own namespace" within 5 reads
check "and nowhere else" eval '! reads -n default'
check "what it says of itself is true" [ "$(secret gitops kubeconfig | sha256sum | cut -d ' ' -f 1)" = "$(hash_of gitops)" ]
check "and stands in the status" is_field gitops '{.status.kubeconfigHash}' "$(hash_of gitops)"
check "until when, too" is_field gitops '{.status.expirationTime}' "$(note gitops kubeconfig-expiration-time)"
check "the labels are the Go operator's" eval '[ "$(kc get secret gitops -o json | jq -c "[.metadata.labels | to_entries[] | .key]")" = \
	"[\"app.kubernetes.io/managed-by\",\"omni.texashpc.com/cluster\",\"omni.texashpc.com/kubeconfig-export-uid\"]" ]'
check "it is an Event" within 5 event Rotated gitops 'valid until'

# --- at rest ------------------------------------------------------------------------------------------------------------------

before=$(asked)
version=$(version_of gitops)
kube_mark
sleep 2
check "nothing is written or asked for without a reason" eval '[ "$(kube_count "^(create|update|patch|delete) secrets")" = 0 ] && [ "$(asked)" = "$before" ]'
kc label secret gitops mine=1 >/dev/null
kc label secret gitops omni.texashpc.com/kubeconfig-export-uid- >/dev/null
labelled() { kc get secret gitops -o json | jq -e '.metadata.labels["omni.texashpc.com/kubeconfig-export-uid"] and .metadata.labels.mine' >/dev/null; }
check "lost labels come back, others stay" within 5 labelled
check "without new credentials" eval '[ "$(asked)" = "$before" ]'

# --- damage -------------------------------------------------------------------------------------------------------------------

old=$(hash_of gitops)
kc patch secret gitops --type merge -p '{"stringData":{"kubeconfig":"junk","extra":"x"}}' >/dev/null
check "what somebody broke is made anew" within 5 is_new gitops "$old"
check "other keys stay" [ "$(secret gitops extra)" = x ]
old=$(hash_of gitops)
sleep 1 # tokens of one second are the same
kc delete secret gitops >/dev/null
check "what somebody deleted, too" within 10 eval 'kc get secret gitops >/dev/null 2>&1 && is_new gitops "$old"'
check "and works" within 5 reads

# --- moves --------------------------------------------------------------------------------------------------------------------

before=$(asked)
old=$(hash_of gitops)
change gitops '{"spec":{"targetSecretRef":{"name":"gitops-two"}}}'
check "another name" within 5 kc get secret gitops-two
check "has the same credentials" eval '! is_new gitops-two "$old" && [ "$(asked)" = "$before" ]'
check "the first one goes" within 5 gone secret gitops
check "the status follows" within 5 is_field gitops '{.status.targetSecretRef}' gitops-two
change gitops '{"spec":{"targetSecretRef":{"key":"value"}}}'
check "another key" within 5 eval '[ -n "$(secret gitops-two value)" ] && [ -z "$(secret gitops-two kubeconfig)" ]'
check "has its place in the status" within 5 is_field gitops '{.status.targetSecretKey}' value
kc create secret generic theirs --from-literal=password=hunter2 >/dev/null
change gitops '{"spec":{"targetSecretRef":{"name":"theirs"}}}'
check "a Secret of somebody else is a conflict" within 5 condition gitops Ready "False SecretConflict"
check "that does not hide what works" condition gitops Exported "True Exported"
check "nothing was taken" eval '[ "$(secret theirs password)" = hunter2 ] && [ -z "$(secret theirs value)" ]'
check "how to resolve it is said" says_ready gitops kubeconfig-export-name=gitops
kc annotate secret theirs omni.texashpc.com/kubeconfig-export-name=gitops omni.texashpc.com/kubeconfig-export-namespace=$ns >/dev/null
check "handed over, it is used" within 5 condition gitops Ready "True Exported"
check "what else was in it stays" [ "$(secret theirs password)" = hunter2 ]
check "and the one before goes" within 5 gone secret gitops-two

# --- no credentials without a place --------------------------------------------------------------------------------------------

before=$(asked)
check "an export into a namespace without rights" apply < <(export_of nowhere demo | sed 's/{name: nowhere}$/&/; s/targetSecretRef: {name: nowhere/&, namespace: default/')
check "says what is missing" within 10 says_ready nowhere 'a Role in the namespace "default"'
sleep 3
check "and asks Omni for nothing" eval '[ "$(asked)" = "$before" ]'
check "one for a cluster that nobody declared" apply < <(export_of early later)
check "waits" within 5 condition early Ready "False MissingCluster"
check "system:masters" eval '! apply < <(export_of admin demo | sed "s/deployers/system:masters/") && grep -q allowClusterAdmin "$room/applied"'

# --- for Argo CD and Flux -------------------------------------------------------------------------------------------------------

check "an export with outputs" apply < <(export_of hub demo 'outputs: {argoCD: {secretName: demo, namespace: argocd, labels: {env: prod}},' \
	'  flux: {secretName: demo-flux}}')
at_work create rolebinding hub -n apps --role deploy --user hub-bot >/dev/null
check "a Secret for Argo CD" within 5 kube_ctl -n argocd get secret demo
check "found by its label" eval '[ "$(kube_ctl -n argocd get secrets -l argocd.argoproj.io/secret-type=cluster,env=prod -o name)" = secret/demo ]'
server=$(secret demo server argocd)
check "with an address of its own" eval '[[ $server == https://*"?cluster=demo" ]]'
secret demo config argocd >"$room/config"
jq -r .tlsClientConfig.caData "$room/config" | base64 -d >"$room/ca"
as_argocd() { # as client-go reads it
	jq -n --arg server "$server" --slurpfile config "$room/config" '{apiVersion: "v1", kind: "Config", "current-context": "a",
		clusters: [{name: "a", cluster: {server: $server, "certificate-authority-data": $config[0].tlsClientConfig.caData}}],
		users: [{name: "a", user: {token: $config[0].bearerToken}}], contexts: [{name: "a", context: {cluster: "a", user: "a"}}]}' \
		>"$room/argo" && KUBECONFIG=$room/argo "$kubectl" --cache-dir "$room/cache" get configmaps -n apps
}
check "which leads there all the same" within 5 as_argocd
check "one for Flux, where Flux looks" within 5 eval '[ "$(secret demo-flux value)" = "$(secret hub kubeconfig)" ]'
old=$(hash_of hub)
change hub '{"spec":{"ttl":"3h"}}'
check "with the declaration changes the first" within 5 is_new hub "$old"
check "and the others with it" within 5 eval '[ "$(secret demo-flux value)" = "$(secret hub kubeconfig)" ] &&
	[ "$(secret demo config argocd | jq -r .bearerToken)" = "$(secret hub kubeconfig | sed -n "s/ *token: //p")" ]'
change hub '{"spec":{"outputs":{"argoCD":null}}}'
check "one that is not declared any more goes" within 5 eval '! kube_ctl -n argocd get secret demo 2>/dev/null'

# --- refused ------------------------------------------------------------------------------------------------------------------

old=$(hash_of ci)
cosi_order proxy -d answer=503
kc annotate omnikubeconfigexport ci omni.texashpc.com/requested-at=one >/dev/null
sleep 1
check "a cluster that does not answer changes nothing" eval '! is_new ci "$old" && condition ci Ready "True Exported"'
cosi_order proxy -d answer=0
cosi_order destroy -d type=Clusters.omni.sidero.dev -d id=demo >"$room/out" 2>&1
check "the cluster is made anew in Omni" within 20 eval 'omniops get clusters --omni "$cosi_endpoint" --omni-key-file "$cosi_key" --omni-ca-file "$cosi_ca" | grep -q demo'
check "where the old credentials are refused" eval '! use ci kubeconfig version >"$room/out" 2>&1'
stop_agent
start # whoever begins asks the cluster at once; else it is asked every five minutes
check "which is seen, and new ones are made" within 90 is_new ci "$old" # at most one in a minute
check "that are taken" within 10 use ci kubeconfig version
check "because of the refusal" within 5 event Rotated ci "the cluster refused the last ones"
check "all is well" within 10 condition ci Ready "True Exported"

# --- the end --------------------------------------------------------------------------------------------------------------------

check "deleted" kc delete omnikubeconfigexport gitops hub --timeout=15s
check "with all its Secrets" eval 'gone secret theirs && gone secret hub && gone secret demo-flux'
check "until when they are valid is told" within 5 event Deleted gitops 'cannot be taken back, they are valid until'
check "those that never had one go as well" kc delete omnikubeconfigexport nowhere early --timeout=15s
stop_agent
check "no secret was logged" eval '! grep -E "eyJ[A-Za-z0-9_-]{20}|token:" "$room/log"'
finish
