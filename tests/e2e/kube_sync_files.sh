#!/bin/bash
# A Secret in a workload cluster without an API server beside the agent: the object stands in a folder, the Secrets do in another.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/kube/lib.sh
trap 'stop_agent; kube_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

kube_need "Secrets in workload clusters, from files"
may_work() {
	kube_start files && kube_ctl create namespace apps && kube_account work deployer &&
		kube_bind work/deployer get,list,watch,create,update,delete secrets apps
}
if ! may_work >"$room/out" 2>&1; then
	cat "$room/out"
	fail "an account has the rights that are needed"
	finish
fi

work() { kube_ctl -n apps "$@"; }
is_value() { [ "$(work get secret "$1" -o "jsonpath={.data.$2}" | base64 -d)" = "$3" ] || { work get secret "$1" -o yaml; return 1; }; }
status() { jq -r "$1" "$room/status/OmniSecretSync.omni.pull.json"; }
is_ready() { # STATUS REASON
	[ "$(status '.status.conditions[] | select(.type == "Ready") | .status + " " + .reason')" = "$1" ] || { cat "$room/status/OmniSecretSync.omni.pull.json"; return 1; }
}
put_sync() { # TARGET
	cat >"$room/tree/sync.yaml" <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniSecretSync
	metadata: {name: pull, namespace: omni}
	spec:
	  clusterRef: {name: demo}
	  kubeconfigSecretRef: {name: way}
	  sourceSecretRef: {name: src}
	  targetSecretRef: {name: $1, namespace: apps}
	  deletionPolicy: Delete
	END
}

mkdir -p "$room/tree" "$room/secrets/omni/src" "$room/secrets/omni/way"
{ class; echo ---; cluster demo 1; } >"$room/tree/demo.yaml"
put_sync copied
printf alice >"$room/secrets/omni/src/user"
start_agent --source "dir:$room/tree" --secret-dir "$room/secrets"
check "a way that is missing is told" within 15 is_ready "False MissingSecret"
cp "$kube_made" "$room/secrets/omni/way/kubeconfig"
check "with it the copy is made" within 10 is_value copied user alice
check "and told" within 5 is_ready "True Synced"
printf bob >"$room/secrets/omni/src/user"
check "a file that changes is copied" within 10 is_value copied user bob
work delete secret copied >/dev/null
check "a copy that somebody deleted is made again" within 10 is_value copied user bob
work create secret generic theirs --from-literal=a=b >/dev/null
put_sync theirs
check "one of somebody else is left alone" within 10 is_ready "False SecretConflict"
check "with its values" is_value theirs a b
put_sync moved
check "a move" within 10 is_value moved user bob
check "removes the former one" within 5 eval '! work get secret copied >/dev/null 2>&1'
stop_agent
kube_mark
start_agent --source "dir:$room/tree" --secret-dir "$room/secrets"
sleep 3
check "a restart writes nothing" [ "$(kube_count '^(create|update|patch|delete) .*system:serviceaccount:work:deployer')" = 0 ]
finish
