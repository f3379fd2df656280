#!/bin/bash
# The controller of custom resources while objects come, change and go at random, others write into them, and the way to the API
# server loses, refuses and breaks off what is sent: in the end everything is as it should be, and then nothing is written.
#   SEED=N ROUNDS=N
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/within.sh
. tests/rig/kube/lib.sh
work=$(mktemp -d)
trap 'kube_stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
export TMPDIR=$work
RANDOM=${SEED:-$(($$ % 32768))}
seed=${SEED:-$(($$ % 32768))}
rounds=${ROUNDS:-250}
api=/apis/omni.texashpc.com/v1alpha1/namespaces/edge
clusters=8

send() { # METHOD PATH [TYPE [BODY]]: what comes of it does not matter
	kube_curl "$api/$2" -X "$1" -o /dev/null ${3:+-H "Content-Type: application/$3"} ${4:+-d "$4"}
}
connection() {
	echo '{"apiVersion": "omni.texashpc.com/v1alpha1", "kind": "OmniConnection", "metadata": {"name": "lab"},
	"spec": {"endpoint": "https://omni.example.com", "auth": {"serviceAccountSecretRef": {"name": "key"}}}}'
}
cluster() { # NUMBER
	echo '{"apiVersion": "omni.texashpc.com/v1alpha1", "kind": "OmniCluster", "metadata": {"name": "s-'"$1"'"},
	"spec": {"connectionRef": {"name": "lab"}, "kubernetes": {"version": "v1.36.1"}, "talos": {"version": "v1.13.5"}}}'
}
workers() { # NUMBER
	echo '{"apiVersion": "omni.texashpc.com/v1alpha1", "kind": "OmniWorkers", "metadata": {"name": "w-'"$1"'"},
	"spec": {"clusterRef": {"name": "s-'"$1"'"}, "workerSetName": "set", "machineClass": {"name": "large", "size": 1}}}'
}

change() { # somebody does something
	local n=$((RANDOM % clusters)) any=$RANDOM
	case $((RANDOM % 10)) in
	0 | 1 | 2) send POST omniclusters json "$(cluster $n)" ;;
	3) send DELETE omniclusters/s-$n ;;
	4) send POST omniworkers json "$(workers $n)" ;;
	5) send DELETE omniworkers/w-$n ;;
	6) send PATCH omniclusters/s-$n merge-patch+json '{"spec": {"syncInterval": "'$((any % 50 + 1))'m"}}' ;;
	7) send PATCH omniclusters/s-$n merge-patch+json '{"metadata": {"labels": {"any": "'$any'"}}}' ;;
	8) send PATCH omniclusters/s-$n/status merge-patch+json '{"status": {"clusterName": "wrong", "lastSyncOutput": "'$any'", "conditions": []}}' ;;
	9) send PATCH omniworkers/w-$n/status merge-patch+json '{"status": null}' ;;
	esac
}

fault() { # something goes wrong on the way
	case $((RANDOM % 9)) in
	0) kube_fault lost verb=patch times=2 ;;
	1) kube_fault status code=500 verb=patch times=3 ;;
	2) kube_fault status code=409 reason=Conflict verb=patch times=3 ;;
	3) kube_fault reset verb=patch times=2 ;;
	4) kube_fault delay ms=300 verb=patch times=5 ;;
	5) kube_fault status code=429 retry_after=1 times=2 ;;
	6) kube_fault lost verb=create times=2 ;;
	7) kube_fault cut ms=1 verb=watch times=1 ;;
	8) kube_fault_order cut ;;
	esac >/dev/null
}

storm() {
	local i
	for i in $(seq "$rounds"); do
		change
		[ $((i % 6)) != 0 ] || fault
		[ "$i" != $((rounds / 2)) ] || { kube_order kill >/dev/null && kube_order start >/dev/null; }
	done
	kube_fault_order clear >/dev/null
}

ask() { # WORDS…: sets answer
	echo "$*" >&"$to"
	IFS= read -r -t 200 answer <&"$from" || answer="it has ended: $(tail -n 20 "$work/err")"
}
gives() { # TEXT WORDS…: the answer begins with it
	ask "${@:2}"
	[[ $answer == "$1"* ]] || { echo "${*:2}: $answer, not $1"; return 1; }
}

# Of all objects, what is not as it should be.
wrong() {
	kube_ctl -n edge get omniclusters,omniworkers,omniconnections -o json >"$work/all" || { echo "no answer"; return; }
	jq -c '[.items[] | select(.kind == "OmniCluster") | .metadata.name] as $clusters | .items[] |
		(.status.conditions // [] | map({key: .type, value: .status}) | from_entries) as $is |
		select((.metadata.deletionTimestamp != null) or .status.observedGeneration != .metadata.generation or
			(.kind != "OmniWorkers" and .metadata.finalizers != ["omni.texashpc.com/finalizer"]) or
			(.kind == "OmniCluster" and ($is.Ready != "True" or $is.Validated != "True" or .status.clusterName != .metadata.name)) or
			(.kind == "OmniConnection" and $is.Ready != "True") or
			(.kind == "OmniWorkers" and ($is.Accepted == "True") != (.spec.clusterRef.name as $c | $clusters | index($c) != null))) |
		{kind, metadata: (.metadata | del(.managedFields)), status}' "$work/all"
}
all_right() {
	local found
	found=$(wrong)
	[ -z "$found" ] || { echo "$found" | head -n 5; return 1; }
	[ "$(jq '.items | length' "$work/all")" -gt 1 ] || { echo "nothing is left"; return 1; }
}
nothing_is_asked() {
	local asked
	asked=$(kube_count '^(create|update|patch|delete|get|list) ')
	[ "$asked" = 0 ] || { kube_counts; return 1; }
}
empty() { [ -z "$(kube_ctl -n edge get omniclusters,omniconnections -o name)" ]; }

kube_need "the controller in a storm"
kube_start a && kube_fault_start || { fail "the server starts"; finish; }
kube_define
kube_ctl create namespace edge >/dev/null
kube_faulty "$kube_config"
mkfifo "$work/in" "$work/out"
"${PROBE:-$B/tests/rig/kube/controller}" "$kube_made" 60000 <"$work/in" >"$work/out" 2>"$work/err" &
controller=$!
exec {to}>"$work/in" {from}<"$work/out"

send POST omniconnections json "$(connection)"
check "it begins" gives rest rest 60
check "a storm of $rounds changes comes and goes, seed $seed" storm
check "it comes to rest" gives rest rest 180
check "everything is as it should be" within 60 all_right
check "and stays so" gives rest rest 60
kube_mark
sleep 2
check "then nothing is written, and nothing asked" nothing_is_asked
kube_ctl -n edge delete --wait=false omniconnection/lab >/dev/null
kube_ctl -n edge delete --wait=false omniclusters --all >/dev/null
check "all that is taken away goes" within 60 empty
check "it ends" gives ended end 60
wait $controller && pass "in an orderly way" || fail "in an orderly way"
grep -v 'level=\(warn\|info\)' "$work/err" | head -n 50 | sed 's/^/# /'
finish
