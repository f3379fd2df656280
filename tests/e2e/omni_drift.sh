#!/bin/bash
# Changes behind the agent's back on a real Omni: seen at once, told field by field, undone; what is nobody's business of
# ours stays, and an Omni that restarts, hangs or loses its connections hides nothing.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/omni_lib.sh
trap 'stop_agent; omni_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM
omni_need "drift in a real Omni"
omni_start drift || { fail "Omni starts"; finish; }
omni=$omni_endpoint
control=10011802-c798-4da7-a410-f09abb48c8d8 worker=10021802-c798-4da7-a410-f09abb48c8d8

omniops() { omni_in "$OMNIOPS" "$@" --omni-ca-file "$omni_ca" --omni-key-file "$omni_key"; }
http() { omni_in curl -fsS "http://127.0.0.1:9090$1"; }
metric() { http /metrics | sed -n "s/^$1{[^}]*$2[^}]*} //p"; }
calls() { echo "$(metric omni_agent_omni_calls_total 'kind="read"') $(metric omni_agent_omni_calls_total 'kind="write"')"; }
logged() { grep -c -- "$1" "$room/log"; }
logs() { grep -q -- "$1" "$room/log"; }
forget_log() { : >"$room/log"; }
get() { omni_ctl get "$@" -o yaml; }
look() { omniops get "$1" "$2" -o yaml --omni "$omni" 2>/dev/null; } # as often as one likes: omnictl takes its time
has() { look "$1" "$2" | grep -qF -- "$3"; }
has_not() { exists_there "$1" "$2" && ! has "$1" "$2" "$3"; }
exists_there() { look "$1" "$2" | grep -q .; }
# change TYPE ID SED-SCRIPT: as somebody with omnictl does
change() {
	get "$1" "$2" | sed "$3" >"$room/changed.yaml" && omni_ctl apply -f "$room/changed.yaml" >/dev/null
}
size() { change machinesets one-fast "s/machinecount: .*/machinecount: $1/"; }
has_size() { has machinesets one-fast "machinecount: $1"; }
foreign_patch() {
	cat >"$room/foreign.yaml" <<-YAML
	metadata:
	  namespace: default
	  type: ConfigPatches.omni.sidero.dev
	  id: $1
	  labels: {omni.sidero.dev/cluster: one}
	spec:
	  data: "machine: {network: {hostname: mine}}"
	YAML
	omni_ctl apply -f "$room/foreign.yaml" >/dev/null
}

git init -q -b main "$room/repo"
class >"$room/repo/class.yaml"
class | sed 's/name: any/name: spare/' >"$room/repo/spare.yaml"
template() { # the value of a setting, the size of a set
	cat <<-YAML
	kind: Cluster
	name: one
	kubernetes: {version: v1.35.5}
	talos: {version: v1.13.4}
	patches:
	  - name: tuning
	    inline: {machine: {sysctls: {net.core.somaxconn: "$1"}}}
	---
	kind: ControlPlane
	machines: [$control]
	---
	kind: Workers
	name: fast
	machineClass: {name: any, size: $2}
	---
	kind: Workers
	name: fixed
	machines: [$worker]
	---
	kind: Machine
	name: $control
	locked: false
	YAML
}
template 1024 3 >"$room/repo/one.yaml"
commit first
patch=200-cluster-one-tuning
check "Omni offers versions" within 20 omni_offers 1.13.4 1.36.1

# --- only reported ----------------------------------------------------------------------------------------------------

omni_follow --annotate-after 1h --drift report
check "a cluster arrives" within 20 is_state one InSync
check "every watch lives" within 10 bash -c "[ '$(metric omni_agent_omni_watched)' = 1 ]"
check "somebody edits a patch" change configpatches "$patch" 's/1024/77/'
check "it is out of sync" within 5 is_state one OutOfSync
check "… the field is said" grep -q 'net.core.somaxconn.*is 77, declared 1024' "$room/status/main.one.json"
check "… in the log, too" logs '"component":"drift".*ConfigPatches.omni.sidero.dev.*net.core.somaxconn.* is 77'
state_says() { http /api/v1/state | grep -F '"name": "one"' | grep -q "$1"; }
check "… in the state" state_says 'OutOfSync.*net.core.somaxconn.* is 77'
status_says() { omniops status one --omni "$omni" | grep -qF -- "$1"; }
check "… in the status of everybody" status_says "net.core.somaxconn"
plan_says() { omniops plan --omni "$omni" --connection "main=$omni" "$room/repo" | grep -qF -- "$1"; }
check "… and in a plan" plan_says net.core.somaxconn
check "nothing was undone" has configpatches "$patch" 77
check "what is undone by hand" change configpatches "$patch" 's/77/1024/'
check "… is in sync again" within 5 is_state one InSync
check "… and no annotation of drift is left" bash -c "! omni_ctl get machinelabels -o yaml | grep -q texashpc.com/drift"
stop_agent

# --- undone -----------------------------------------------------------------------------------------------------------

size 7
omni_follow --annotate-after 1h
check "drift made while nobody looked, held because machines would go" within 20 is_state one Held
size 3
check "… by hand it is well" within 10 is_state one InSync
check "a patch is edited" change configpatches "$patch" 's/1024/77/'
check "… and mended" within 10 has configpatches "$patch" 1024
check "a patch is deleted" omni_ctl delete configpatch "$patch"
check "… and comes again" within 10 has configpatches "$patch" 1024
check "a set is made smaller" size 1
check "… and mended" within 10 has_size 3
check "a label is put on a set" change machinesets one-fast 's/^    labels:/    labels:\n        drift: here/'
check "… and taken away" within 10 has_not machinesets one-fast 'drift: here'
check "an annotation is put on a patch" change configpatches "$patch" 's/^    annotations:/    annotations:\n        drift: here/'
check "… and taken away" within 10 has_not configpatches "$patch" 'drift: here'
check "a machine is taken out of a set" omni_ctl delete machinesetnode "$worker"
check "… and comes again" within 10 exists_there machinesetnodes "$worker"
check "a machine class is deleted" omni_ctl delete machineclass spare
check "… and comes again" within 10 exists_there machineclasses spare
check "each was told" bash -c "[ $(logged '"component":"drift"') -ge 6 ]"

# --- not ours ---------------------------------------------------------------------------------------------------------

is_quiet_for() { # SECONDS: neither reads nor writes, and no line of the log
	local before lines
	sleep 1
	before=$(calls) lines=$(wc -l <"$room/log")
	sleep "$1"
	[ "$(calls)" = "$before" ] && [ "$(wc -l <"$room/log")" = "$lines" ] || { echo "$before, then $(calls)"; tail -n 3 "$room/log"; http /metrics | grep requests_total; return 1; }
}
writes() { metric omni_agent_omni_calls_total 'kind="write"'; }
is_gone_there() { ! exists_there "$@"; }
open_again() {
	change clusters one '/cluster-locked/d' && change machinesetnodes "$worker" '/^    annotations:/d; /omni.sidero.dev\/locked/d' &&
		change configpatches "$patch" '/omni.sidero.dev\/disabled/d'
}
check "a patch of somebody else appears" foreign_patch 900-mine
check "… and one with a name as templates give" foreign_patch 201-cluster-one-mine
check "that one goes" within 10 is_gone_there configpatches 201-cluster-one-mine
before=$(writes)
check "a machine is locked by hand" change machinesetnodes "$worker" 's/^    finalizers:/    annotations:\n        omni.sidero.dev\/locked: ""\n    finalizers:/'
check "a patch is disabled" change configpatches "$patch" 's/^    labels:/    labels:\n        omni.sidero.dev\/disabled: ""/'
check "the cluster is locked" change clusters one 's/^    annotations:/    annotations:\n        omni.sidero.dev\/cluster-locked: ""/'
sleep 2
check "nobody fights about that: not one write" test "$(writes)" = "$before"
check "… the lock of the cluster stays" has clusters one cluster-locked
check "… that of the machine" has machinesetnodes "$worker" omni.sidero.dev/locked
check "… the patch stays off" has configpatches "$patch" omni.sidero.dev/disabled
check "… the foreign patch is there" has configpatches 900-mine mine
check "it is in sync all the same" is_state one InSync
check "all is opened again" open_again
check "an unchanged fleet makes no call" is_quiet_for 8

# --- one after the other --------------------------------------------------------------------------------------------------

# Twice each kind; how long it takes when it is done often: make bench T=drift.
drift() {
	omni_in env "COSI_ENDPOINT=$omni_endpoint" "COSI_CA=$omni_ca" "COSI_KEY=$omni_key" \
		timeout 100 "$B/tests/rig/remote/drift" 16 "$patch" one-fast spare "$worker" >"$room/times"
}
check "sixteen drifts of eight kinds are undone" drift
check "… each within ten seconds" awk '$2 > 10000000 { bad = 1; print } END { exit bad || NR != 16 }' "$room/times"
finish
