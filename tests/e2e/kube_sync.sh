#!/bin/bash
# Secrets from here in a workload cluster, with a real API server as both: the way into the workload cluster is a kubeconfig of an
# account that may do little. What others do to the copy, what cannot be changed, what is somebody else's, moves, rotation, and
# servers that are silent, or answer without an end.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/kube/lib.sh
trap 'stop_agent; kube_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

kube_need "Secrets in workload clusters"
if ! kube_start sync || ! kube_define; then
	fail "the definitions are served"
	finish
fi

# --- helpers ----------------------------------------------------------------------------------------------------------

ns=fleet
kc() { kube_ctl -n "$ns" "$@"; }
work() { kube_ctl -n apps "$@"; } # in the workload cluster
apply() { kc apply -f - >"$room/applied" 2>&1 || { cat "$room/applied"; return 1; }; }
start() {
	"$OMNIOPS" agent --omni "$omni" --source "kubernetes:?namespace=$ns" --kubeconfig "$kube_config" --settle 300ms \
		--http "127.0.0.1:$port" --log-format json --annotate-after 0 2>>"$room/log" &
	agent_pid=$!
}
ready() { curl -fsS "http://127.0.0.1:$port/readyz"; }
field() { kc get omnisecretsync "$1" -o "jsonpath=$2"; }
is_field() { [ "$(field "$1" "$2")" = "$3" ] || { field "$1" "$2"; return 1; }; }
condition() { # NAME "STATUS REASON" [TEXT of the message]
	local is
	is=$(field "$1" '{range .status.conditions[?(@.type=="Ready")]}{.status} {.reason} {.message}{end}')
	[[ $is == "$2 "*"${3:-}"* ]] || { echo "$1 is: $is"; return 1; }
}
is_synced() { condition "$1" "True Synced"; }
copy() { work get secret "$1" -o "jsonpath=$2"; }
is_copy() { [ "$(copy "$1" "$2")" = "$3" ] || { work get secret "$1" -o yaml; return 1; }; }
value() { copy "$1" "{.data.$2}" | base64 -d; }
is_value() { [ "$(value "$1" "$2")" = "$3" ] || { work get secret "$1" -o yaml; return 1; }; }
gone() { ! kube_ctl -n "$1" get secret "$2" >/dev/null 2>&1; }
uid() { copy "$1" '{.metadata.uid}'; }
is_another() { [ "$(uid "$1")" != "$2" ]; }
event() { kc get events -o json | jq -e --arg reason "$1" --arg name "$2" '.items[] | select(.reason == $reason and .involvedObject.name == $name)' >/dev/null; }
source_of() { # NAME KEY=VALUE…: as somebody has it
	local name=$1
	shift
	kc create secret generic "$name" "${@/#/--from-literal=}" --dry-run=client -o yaml | kc apply -f - >/dev/null
}
put_way() { kc create secret generic "$1" --from-file="kubeconfig=$2" --dry-run=client -o yaml | kc apply -f - >/dev/null; }
sync_of() { # NAME KUBECONFIG SOURCE TARGET [MORE of the spec]
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniSecretSync
	metadata: {name: $1}
	spec:
	  clusterRef: {name: demo}
	  kubeconfigSecretRef: {name: $2}
	  sourceSecretRef: {name: $3}
	  targetSecretRef: {name: $4, namespace: ${6:-apps}}
	  ${5:-deletionPolicy: Delete}
	END
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
account() { # NAME VERBS: may do that with Secrets of apps; sets kube_made
	kube_account work "$1" && kube_bind "work/$1" "$2" secrets apps
}
asked() { kube_count "^(get|list|create|update|patch|delete) .*system:serviceaccount:work:$1"; }
written() { kube_count "^(create|update|patch|delete) .*system:serviceaccount:work:$1"; }
rests() { kube_mark; sleep 1; [ "$(asked "$1")" = 0 ] || { kube_counts; return 1; }; }

port=$(free_port)
kube_ctl create namespace fleet >/dev/null && kube_ctl create namespace apps >/dev/null || { fail "namespaces are made"; finish; }
account deployer get,list,watch,create,update,delete >"$room/out" 2>&1 || { cat "$room/out"; fail "an account has its rights"; finish; }
deployer=$kube_made
{ connection; echo ---; class; echo ---; cluster demo 1; } | sed 's/, namespace: omni//' | apply || { fail "a cluster is declared"; finish; }
put_way way "$deployer"
source_of src user=alice empty=
start
check "the agent starts" within 20 ready
[ "$tap_failed" = 0 ] || finish

# --- a copy -----------------------------------------------------------------------------------------------------------

with_labels=$(printf 'deletionPolicy: Delete\n  labels: {tier: x, old: "1"}\n  annotations: {why: "y"}')
check "a sync" apply < <(sync_of pull way src copied "$with_labels")
check "is ready" within 10 is_synced pull
check "the copy has the values" eval 'is_value copied user alice && is_value copied empty ""'
check "and the sum of the Go operator" is_copy copied '{.metadata.annotations.omni\.texashpc\.com/secret-sync-hash}' \
	ca8a4667cfc1cb07723b82c3c0dcc236734372e6503a59bfaa5e6c0b70b10360
check "and its marks" is_copy copied \
	'{.metadata.labels.app\.kubernetes\.io/managed-by} {.metadata.labels.omni\.texashpc\.com/cluster} {.metadata.labels.omni\.texashpc\.com/secret-sync-uid} {.metadata.annotations.omni\.texashpc\.com/secret-sync-name} {.metadata.annotations.omni\.texashpc\.com/secret-sync-source} {.metadata.annotations.omni\.texashpc\.com/secret-sync-content} {.metadata.labels.tier} {.metadata.annotations.why}' \
	"omni-cluster-operator demo $(field pull '{.metadata.uid}') pull fleet/src v1 x y"
check "the status says where it is" is_field pull \
	'{.status.clusterRef} {.status.kubeconfigSecretRef} {.status.kubeconfigSecretKey} {.status.sourceSecretRef} {.status.targetNamespace} {.status.targetSecretRef} {.status.secretType} {.status.secretHash}' \
	"demo way kubeconfig src apps copied Opaque ca8a4667cfc1cb07723b82c3c0dcc236734372e6503a59bfaa5e6c0b70b10360"
check "which is an Event" within 5 event Created pull
within 15 rests deployer
check "at rest the workload cluster is asked nothing" rests deployer

# --- what changes ------------------------------------------------------------------------------------------------------

source_of src user=bob
check "a changed source is copied at once" within 5 is_value copied user bob
check "and a key that went is gone" is_copy copied '{.data.empty}' ""
check "with its sum" within 5 is_field pull '{.status.secretHash}' ad4578b7aa4fb6b8d3f0c8d5d21c44282004d103baf242252b6c4c0a52321475
work label secret copied theirs=1 >/dev/null
work annotate secret copied theirs=2 >/dev/null
work patch secret copied --type merge -p '{"metadata": {"finalizers": ["example.com/hold"], "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "11111111-2222-3333-4444-555555555555"}]}, "data": {"more": "eA=="}, "stringData": {"user": "mallory"}}' >/dev/null
check "what somebody did to the values is undone" within 5 is_value copied user bob
check "so are keys that the source does not have" is_copy copied '{.data.more}' ""
check "what else others added stays" is_copy copied '{.metadata.labels.theirs} {.metadata.annotations.theirs} {.metadata.finalizers[0]} {.metadata.ownerReferences[0].name}' "1 2 example.com/hold o"
work patch secret copied --type json -p '[{"op": "remove", "path": "/metadata/finalizers"}, {"op": "remove", "path": "/metadata/ownerReferences"}]' >/dev/null
work label secret copied tier- omni.texashpc.com/secret-sync-uid- >/dev/null
check "labels that somebody took off are back" within 5 is_copy copied '{.metadata.labels.tier} {.metadata.labels.omni\.texashpc\.com/secret-sync-uid}' "x $(field pull '{.metadata.uid}')"
kc patch omnisecretsync pull --type json -p '[{"op": "remove", "path": "/spec/labels/old"}]' >/dev/null
check "a label that is not declared any more goes" within 5 is_copy copied '{.metadata.labels.old}' ""
check "those of others do not" is_copy copied '{.metadata.labels.theirs}' 1
work delete secret copied >/dev/null
check "one that somebody deleted is made again" within 5 is_value copied user bob
within 15 rests deployer
kube_mark
touch_copy() { # so that each is another version
	kube_curl /api/v1/namespaces/apps/secrets/copied -o "$room/out" -X PATCH -H "Content-Type: application/merge-patch+json" -d "{\"metadata\": {\"annotations\": {\"n\": \"$1\"}}}"
}
for i in $(seq 60); do touch_copy "$i"; done
sleep 1
check "one that never rests keeps nobody busy" eval '[ "$(asked deployer)" -gt 1 ] && [ "$(asked deployer)" -lt 30 ]'
kc delete secret src >/dev/null
check "a source that is gone is told" within 5 condition pull "False MissingSecret" 'source Secret "fleet/src" does not exist'
check "and the copy stays" is_value copied user bob
check "as the status says" is_field pull '{.status.targetSecretRef} {.status.secretHash}' "copied ad4578b7aa4fb6b8d3f0c8d5d21c44282004d103baf242252b6c4c0a52321475"
kube_mark
source_of src user=bob
check "a source that comes back" within 5 is_synced pull
check "is no reason to write" [ "$(written deployer)" = 0 ]

# --- what cannot be changed -----------------------------------------------------------------------------------------------

was=$(uid copied)
kc patch omnisecretsync pull --type merge -p '{"spec": {"type": "example.com/other"}}' >/dev/null
check "another type" within 5 is_copy copied '{.type}' example.com/other
check "is another Secret" is_another copied "$was"
check "with the values" eval 'is_value copied user bob && within 5 is_synced pull && event Replaced pull'
was=$(uid copied)
kc patch omnisecretsync pull --type merge -p '{"spec": {"type": "kubernetes.io/tls"}}' >/dev/null
check "a type that the cluster does not take" within 5 condition pull "False SyncFailed" "the Secret that is there stays"
check "replaces nothing" [ "$(uid copied)" = "$was" ]
kc patch omnisecretsync pull --type merge -p '{"spec": {"type": "example.com/other"}}' >/dev/null
check "and is no harm" within 5 is_synced pull
work patch secret copied --type merge -p '{"immutable": true, "metadata": {"finalizers": ["example.com/hold"]}}' >/dev/null
source_of src user=carol
check "an immutable copy is replaced when its finalizers are done" within 5 condition pull "False Replacing" "waits for its finalizers"
check "which is under way, and no fault" eval '! field pull "{.status.conditions[*].type}" | grep -qw Stalled'
work patch secret copied --type json -p '[{"op": "remove", "path": "/metadata/finalizers"}]' >/dev/null
check "then it is" within 10 is_value copied user carol
check "and ready" within 5 is_synced pull

# --- somebody else's -------------------------------------------------------------------------------------------------------

work create secret generic theirs --from-literal=a=b >/dev/null
check "a sync onto a Secret of somebody else" apply < <(sync_of onto way src theirs)
check "is refused" within 5 condition onto "False SecretConflict" "kubectl -n apps label secret theirs --overwrite omni.texashpc.com/secret-sync-uid=$(field onto '{.metadata.uid}')"
check "and says nothing of a place" is_field onto '{.status.targetSecretRef}' ""
check "theirs stays as it is" eval 'is_value theirs a b && is_copy theirs "{.metadata.labels}" ""'
work label secret theirs "omni.texashpc.com/secret-sync-uid=$(field onto '{.metadata.uid}')" >/dev/null
check "handed over it is ours" within 5 is_synced onto
check "and has the values of the source only" is_copy theirs '{.data}' '{"user":"Y2Fyb2w="}'

# --- moves ----------------------------------------------------------------------------------------------------------------

work create secret generic taken --from-literal=a=b >/dev/null
kc patch omnisecretsync onto --type merge -p '{"spec": {"targetSecretRef": {"name": "taken"}}}' >/dev/null
check "a move to what is somebody else's is refused" within 5 condition onto "False SecretConflict"
check "the copy stays where it was" is_value theirs user carol
check "and so says the status" is_field onto '{.status.targetSecretRef}' theirs
kc patch omnisecretsync onto --type merge -p '{"spec": {"targetSecretRef": {"name": "moved"}}}' >/dev/null
check "a move" within 5 is_synced onto
check "makes the new one" is_value moved user carol
check "removes the old one" within 5 gone apps theirs
check "is told" is_field onto '{.status.targetSecretRef}' moved
check "touches nothing else" is_value taken a b
kc patch omnisecretsync onto --type merge -p '{"spec": {"targetSecretRef": {"name": "there", "namespace": "elsewhere"}}}' >/dev/null
check "a move to where nothing may be done fails" within 5 condition onto "False SyncFailed" 'get workload Secret "elsewhere/there"'
check "the copy stays" eval 'is_value moved user carol && is_field onto "{.status.targetNamespace}" apps'
kube_bind work/deployer get,list,watch,create,update,delete secrets >/dev/null 2>&1
kube_bind work/deployer create namespaces >/dev/null 2>&1
kc patch omnisecretsync onto --type merge -p '{"spec": {"deletionPolicy": "Orphan"}}' >/dev/null
check "a namespace that is missing is told" within 10 condition onto "False SyncFailed" 'namespaces "elsewhere" not found'
kc patch omnisecretsync onto --type merge -p '{"spec": {"createNamespace": true}}' >/dev/null
check "and made when that is declared" within 10 is_synced onto
check "with Orphan the old one stays" is_value moved user carol
check "the new one is there" kube_ctl -n elsewhere get secret there

# --- the way in -------------------------------------------------------------------------------------------------------------

within 15 rests deployer
kube_mark
kube_account work deployer >/dev/null 2>&1 # a new token
put_way way "$kube_made"
sleep 1
check "a rotated kubeconfig is no reason to write" [ "$(written deployer)" = 0 ]
check "nor to be anything but ready" is_synced pull
source_of src user=dave
check "and works" within 5 is_value copied user dave
kc delete secret way >/dev/null
check "one that is gone is told" within 5 condition pull "False MissingSecret" 'kubeconfig Secret "fleet/way" does not exist'
kc create secret generic way --from-literal=other=x >/dev/null
check "one without the key" within 5 condition pull "False MissingSecret" 'does not contain key "kubeconfig"'
sed 's|user: {token: .*}|user: {exec: {command: /bin/sh, apiVersion: client.authentication.k8s.io/v1}}|' "$kube_made" >"$room/exec"
put_way way "$room/exec"
check "one that runs a program" within 5 condition pull "False ValidationFailed" 'the user "account": exec is refused'
sed 's|certificate-authority-data: [^}]*|insecure-skip-tls-verify: true|' "$kube_made" >"$room/insecure"
put_way way "$room/insecure"
check "one that does not look whom it speaks to" within 5 condition pull "False ValidationFailed" 'insecure-skip-tls-verify is refused'
sed "s|user: {token: .*}|user: {token: a.b.c}|" "$kube_made" >"$room/wrong"
put_way way "$room/wrong"
source_of src user=erin
check "one with a token that is none" within 10 condition pull "False SyncFailed"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$room/ca.key" -out "$room/ca.crt" -subj /CN=other -days 2 2>/dev/null
sed "s|certificate-authority-data: [^}]*|certificate-authority-data: $(base64 -w 0 "$room/ca.crt")|" "$kube_made" >"$room/other"
put_way way "$room/other"
check "a server with another certificate is not spoken to" within 10 condition pull "False SyncFailed" "certificate"
check "the copy is as it was" is_value copied user dave
put_way way "$kube_made"
check "a good one again" within 10 is_synced pull
check "and the copy is brought in line" is_value copied user erin

# --- servers that do harm ----------------------------------------------------------------------------------------------------

account second get,list,watch,create,update,delete >/dev/null 2>&1
kube_fault_start
kube_faulty "$kube_made"
put_way odd "$kube_made"
kube_fault flood verb=watch
kube_fault hang verb=get path=/secrets/
check "a sync into a cluster that does not answer" apply < <(sync_of odd odd src odd)
source_of src user=frank
check "holds up nobody else" within 5 is_value copied user frank
check "is told when the patience ends" within 40 condition odd "False SyncFailed"
kube_fault_order clear >/dev/null
kube_fault flood verb=watch
kube_fault flood verb=get path=/secrets/
check "an answer without an end is broken off" within 40 condition odd "False SyncFailed" "has more than"
kube_fault_order clear >/dev/null
kube_fault flood verb=watch
check "with a watch without an end it is synced all the same" within 40 is_synced odd
within 20 eval '[ "$(kube_struck)" -gt 0 ]'
check "which is tried again, and not all the time" eval '[ "$(kube_struck)" -gt 0 ] && [ "$(kube_struck)" -lt 20 ]'
kube_fault_order clear >/dev/null
kube_fault garble verb=get path=/secrets/
source_of src user=gina
check "one that is no JSON" within 20 condition odd "False SyncFailed" "not JSON"
kube_fault_order clear >/dev/null
check "in the end it is as it has to be" within 40 is_value odd user gina
rss=$(awk '/VmRSS/ { print $2 }' "/proc/$agent_pid/status")
check "and no memory is lost on them" [ "$rss" -lt 120000 ]

# --- a restart ------------------------------------------------------------------------------------------------------------------

sleep 1
version=$(field pull '{.metadata.resourceVersion}')
stop_agent
kube_mark
start
check "a restart" within 20 ready
sleep 3
check "writes nothing there" [ "$(written deployer)" = 0 ]
check "and no status" is_field pull '{.metadata.resourceVersion}' "$version"

# --- deletion without a way in ---------------------------------------------------------------------------------------------------

kc delete secret odd --wait=false >/dev/null
kc delete omnisecretsync odd --wait=false >/dev/null
check "one that is deleted without a way in waits" within 10 condition odd "False MissingSecret"

# --- an account that may not watch ----------------------------------------------------------------------------------------------

account poor get,create,update,delete >/dev/null 2>&1
put_way poor "$kube_made"
check "a sync of one who may not watch" apply < <(sync_of poor poor src poor)
check "is ready, too" within 10 is_synced poor
source_of src user=grace
check "and follows its source" within 5 is_value poor user grace

# --- deletion -------------------------------------------------------------------------------------------------------------------

check "a sync is deleted" kc delete omnisecretsync pull --timeout=15s
check "with its copy" gone apps copied
check "one that orphans" kc delete omnisecretsync onto --timeout=15s
check "leaves its copy" kube_ctl -n elsewhere get secret there
kube_unbind work/poor >/dev/null 2>&1
kc delete omnisecretsync poor --wait=false >/dev/null
check "one whose copy may not be removed" within 10 condition poor "False DeleteFailed" "deletionPolicy: Orphan"
kc patch omnisecretsync poor --type merge -p '{"spec": {"deletionPolicy": "Orphan"}}' >/dev/null
check "goes when it is told to leave it" within 10 eval '! kc get omnisecretsync poor >/dev/null 2>&1'
check "the one without a way in goes in the end" within 60 eval '! kc get omnisecretsync odd >/dev/null 2>&1'
check "with a word about what may be left" within 5 event Orphaned odd

stop_agent
check "no secret was logged" eval '! grep -E "eyJ[A-Za-z0-9_-]{20}|token:|alice|carol|erin" "$room/log"'
finish
