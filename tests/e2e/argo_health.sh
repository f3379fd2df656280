#!/bin/bash
# What Argo CD shows of our kinds, and what its buttons do. The health script of docs/conditions.md, run as Argo CD runs it: on
# statuses of every stage, and on those that the Go operator wrote. And examples/argocd/argocd-cm.yaml as a whole, with Argo CD's
# own commands for it.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/gobuild.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/argo.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

if ! go_need argo/health; then
	skip "Argo CD shows what is meant" "its Lua cannot be built: $(go_reason)"
	finish
fi
sed -n '/health\.lua: |$/,/^```/p' docs/conditions.md | sed '1d;$d' >"$work/health.lua"

verdicts() { "$go_dir/health" "$work/health.lua"; }

ours() {
	jq -r .verdict tests/golden/argo-health/objects.jsonl >"$work/meant"
	verdicts <tests/golden/argo-health/objects.jsonl | diff "$work/meant" -
}
check "Argo CD shows what is meant" ours
check "there are as many verdicts as objects" [ "$(wc -l <"$work/meant")" -gt 30 ]

# The operator's facts: no Stalled or Reconciling but on connections.
shows() { # case, verdict, more members of the object
	jq -c "{metadata: {generation}, spec: {}, status: .after} + ${3:-{\}}" "tests/golden/conditions/$1/recorded.json" >"$work/object"
	[ "$(verdicts <"$work/object")" = "$2" ] || { verdicts <"$work/object"; return 1; }
}
check "a cluster of the Go operator that is ready" shows cluster-ready Healthy
check "one that waits for its control plane" shows cluster-alone Progressing
check "one that is suspended" shows cluster-suspended Suspended
check "one with errors" shows cluster-bad-patch Degraded
check "a connection that fails" shows connection-key-missing Degraded
check "a part" shows part-workers Healthy
check "a part without its cluster" shows part-without-cluster Progressing
check "what nobody looked at since it changed" shows cluster-ready Progressing '{metadata: {generation: 99}}'
check "suspended by an annotation" shows cluster-ready Suspended \
	'{metadata: {generation, annotations: {"omni.texashpc.com/suspend": "true"}}}'
check "without a status" shows cluster-ready Progressing '{status: null}'

# --- the real Argo CD
settings=examples/argocd/argocd-cm.yaml
scripts_differ() {
	sed -n '/^      health\.lua: |$/,/^$/p' $settings | sed '1d;$d' | sed 's/^  //' | diff - "$work/health.lua"
}
check "the script for argocd-cm is that of the documentation" scripts_differ
if ! go_need argocd/argocd; then
	skip "Argo CD's own commands" "it cannot be built: $(go_reason)"
	finish
fi
overrides() { # COMMAND ARGUMENT…: of $work/object, into $work/said
	HOME=$work KUBECONFIG=/dev/null "$go_dir/argocd" admin settings resource-overrides "$1" "$work/object" "${@:2}" \
		--argocd-cm-path $settings >"$work/said" 2>"$work/log" || { cat "$work/log"; return 1; }
}
object() { # kind, status in one line of YAML, annotations
	printf 'apiVersion: omni.texashpc.com/v1alpha1\nkind: %s\nmetadata: {name: a, namespace: b, generation: 2, annotations: {%s}}\nspec: {}\nstatus: %s\n' \
		"$1" "${3:-}" "$2" >"$work/object"
}
says() { grep -qxE -- "$1" "$work/said" || { echo "not said: $1"; cat "$work/said"; return 1; }; }
is_shown() { # verdict, message
	overrides health && says "STATUS: $1" && says "MESSAGE: $2"
}
met() { echo "{observedGeneration: 2, conditions: [{type: $1, status: \"$2\", reason: R, message: why}${3:-}]}"; }
held='plan: {held: true, risk: destructive, hash: 0123456789abcdef0123},'
for kind in OmniConnection OmniCluster OmniMachineClass OmniHelmRelease OmniKubeconfigExport OmniSecretSync; do
	object $kind "$(met Ready True)"
	check "$kind is healthy when it is ready" is_shown Healthy why
	object $kind "$(met Ready False ', {type: Stalled, status: "True", reason: R, message: a person is needed}')"
	check "… and degraded when it stalls" is_shown Degraded 'a person is needed'
done
for kind in OmniControlPlane OmniWorkers OmniMachine; do
	object $kind "$(met Accepted True)"
	check "$kind is healthy when it is accepted" is_shown Healthy why
done
object OmniCluster '{}'
check "a new cluster is progressing" is_shown Progressing 'waiting for the agent'
object OmniCluster "$(met Ready True)" 'omni.texashpc.com/suspend: "true"'
check "one that a button suspended is suspended" is_shown Suspended suspended

buttons() { # name disabled …: exactly these
	overrides list-actions && sed -n '2,$s/  */ /p' "$work/said" | tr '\n' ';' >"$work/buttons"
	[ "$(cat "$work/buttons")" = "$1" ] || { cat "$work/buttons"; return 1; }
}
pressed() { # button, annotation and its value as a pattern
	overrides run-action "$1" && says ">  *omni\.texashpc\.com/$2"
}
object OmniCluster "$(met Ready True)"
check "a cluster has buttons" buttons 'approve true;reconcile false;resume true;suspend false;'
check "reconcile asks for a look" pressed reconcile 'requested-at: "20.*Z"'
check "suspend suspends" pressed suspend 'suspend: "true"'
check "approve without a held plan" overrides run-action approve
check "… does nothing" eval '! grep -n approve "$work/said"'
object OmniCluster "{observedGeneration: 2, $held conditions: []}"
check "a held plan can be approved" buttons 'approve false;reconcile false;resume true;suspend false;'
check "… that one" pressed approve 'approve: 0123456789abcdef0123'
object OmniCluster "$(met Ready True)" 'omni.texashpc.com/suspend: "true"'
check "what is suspended can be resumed" buttons 'approve true;reconcile true;resume false;suspend true;'
check "… and then" overrides run-action resume
check "… is not suspended any more" grep -qE '^< .*omni\.texashpc\.com/suspend' "$work/said"
for kind in OmniHelmRelease OmniKubeconfigExport OmniSecretSync; do
	object $kind "$(met Ready True)"
	check "$kind has buttons" buttons 'reconcile false;resume true;suspend false;'
	check "… that work" pressed suspend 'suspend: "true"'
done
accepted() {
	HOME=$work KUBECONFIG=/dev/null "$go_dir/argocd" admin settings validate --argocd-cm-path $settings >"$work/said" 2>&1 &&
		says '✅ resource-overrides' || { cat "$work/said"; return 1; }
}
check "Argo CD takes all of the settings" accepted
finish
