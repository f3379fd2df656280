#!/bin/bash
# The health script of docs/conditions.md, run as Argo CD runs it: on statuses of every stage, and on those that the Go operator
# wrote.
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
finish
