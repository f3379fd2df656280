#!/bin/bash
# One cluster that Omni does not let go, one Omni that does not answer: nobody else waits for them, and what is stuck says
# who holds it and what to do.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; cosi_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM
cosi_need "clusters that are stuck"
cosi_start two -controllers || { fail "a second server starts"; finish; }
two=$cosi_endpoint two_pid=$cosi_pid two_key=$cosi_key
cosi_start one -controllers || { fail "a server starts"; finish; }
omni=$cosi_endpoint
export OMNIOPS_OMNI_KEY_FILE=$cosi_key
machine=10041802-c798-4da7-a410-f09abb48c8d8
http_port=$(free_port)

really() { cosi_ask "resources?type=$1.omni.sidero.dev&id=$2"; }
is_there() { really "$1" "$2" | grep -q "id: $2"; }
is_away() { ! is_there "$1" "$2"; }
metric() { curl -fsS "http://127.0.0.1:$http_port/metrics" | sed -n "s/^$1{.*name=\"$2\".*} //p"; }
state_of() { curl -fsS "http://127.0.0.1:$http_port/api/v1/state" | grep -F "\"name\": \"$1\""; }
state_says() { state_of "$1" | grep -qE -- "$2" || { state_of "$1"; return 1; }; }
figures() { # NAME: of numbers on standard input
	sort -n | awk -v name="$1" '{ at[NR] = $1 } END { if (NR == 0) exit 1
		printf "# %s: %d, p50 %.0f ms, p99 %.0f ms, longest %.0f ms\n", name, NR, at[int(NR * 0.5 + 0.5)], at[int(NR * 0.99 + 0.999)], at[NR] }'
}

names=$(seq -f 'c%02.0f' 20)
size=1
set_size() { for name in $names; do cluster "$name" "$size" >"$room/repo/$name.yaml"; done; }
written() { tail -n "+$1" "$room/log" | grep -c '"msg":"written","cluster":"c[0-9]*","op":"update"'; }
all_written() { [ "$(written "$1")" -ge 20 ]; }
# From the log: a new revision is there, and then each of the clusters is written to.
latencies() {
	tail -n "+$1" "$room/log" | awk '
		function ms(line) { return substr(line, 19, 2) * 3600000 + substr(line, 22, 2) * 60000 + substr(line, 25, 6) * 1000 }
		/"msg":"new revision"/ { from = ms($0) }
		/"msg":"written","cluster":"c[0-9]*","op":"update"/ && from { print (ms($0) - from + 86400000) % 86400000 }'
}
# rounds NAME: three commits that change each of the twenty
rounds() {
	local line
	: >"$room/$1"
	for _ in 1 2 3; do
		line=$(($(wc -l <"$room/log") + 1)) size=$((size + 1))
		set_size
		commit "$1 $size"
		within 20 all_written "$line" || return 1
		latencies "$line" >>"$room/$1"
	done
}
in_this_shell() { # as check, for what sets variables
	if "${@:2}" >"$room/said" 2>&1; then
		pass "$1"
	else
		fail "$1"
		sed 's/^/# /' "$room/said"
	fi
}
percentile() { sort -n "$room/$2" | awk -v p="$1" '{ at[NR] = $1 } END { print int(at[int(NR * p / 100 + 0.5)]) }'; }
# Within noise: what two equal runs differ, and as much again as a busy machine takes.
is_no_slower() {
	local base=$(percentile "$1" before) again=$(percentile "$1" again) now=$(percentile "$1" "$2")
	[ "$again" -gt "$base" ] && base=$again
	[ "$now" -le $((base * 2 + 500)) ] || { echo "p$1 $now ms, without $base ms"; return 1; }
}

repository
cluster stuck 2 >"$room/repo/stuck.yaml"
cluster pier 2 >"$room/repo/pier.yaml"
cat >"$room/repo/pier-m.yaml" <<END_OF_FILE
apiVersion: omni.texashpc.com/v1alpha1
kind: OmniMachine
metadata: {name: pier-m, namespace: omni}
spec:
  clusterRef: {name: pier}
  machineID: $machine
  install: {disk: /dev/vda}
---
apiVersion: omni.texashpc.com/v1alpha1
kind: OmniWorkers
metadata: {name: pier-w, namespace: omni}
spec:
  clusterRef: {name: pier}
  workerSetName: w
  machines: [$machine]
END_OF_FILE
set_size
for name in s1 s2 s3 s4 s5 s6; do cluster "$name" 1 | sed 's/name: main/name: second/' >"$room/repo/$name.yaml"; done
class | sed 's/name: main/name: second/; s/namespace: omni/namespace: second/' >"$room/repo/class2.yaml"
commit all
"$OMNIOPS" agent --omni "$omni" --connection "main=$omni" --connection "second=$two" --connection-key "second=$two_key" \
	--source "git+file://$room/repo?ref=main" --interval 200ms --status-dir "$room/status" --cache-dir "$room/cache" \
	--http "127.0.0.1:$http_port" --log-format json --gate critical --annotate-after 1h 2>>"$room/log" &
agent_pid=$!
check "the fleet arrives" within 30 is_state c20 InSync
check "… all of it" within 20 is_state stuck InSync
check "… with a machine and its disk" within 20 is_state pier InSync
check "… on both Omnis" within 20 grep -q '"state": "InSync"' "$room/status/second.s6.json"

# --- stuck in teardown ------------------------------------------------------------------------------------------------------

in_this_shell "three commits that change twenty clusters" rounds before
in_this_shell "… and three more" rounds again
cosi_order hold -d type=MachineSets.omni.sidero.dev -d id=stuck-workers >/dev/null
cluster stuck 2 | sed '/^---$/{N;N;/OmniWorkers/Q}' >"$room/repo/stuck.yaml"
commit "the workers of one go"
check "Omni does not let go of one" within 15 state_says stuck '"state": "Progressing"'
check "… it says of what" within 10 state_says stuck 'MachineSets.omni.sidero.dev\(stuck-workers\) is being torn down, and held by [A-Za-z, ]*MachineSetStatusController'
check "… since when" state_says stuck '"since": "20[0-9T:-]*Z"'
check "… and what to do" state_says stuck 'omnictl get clustermachines .*omnictl delete link'
check "… in its status file" grep -q 'held by' "$room/status/main.stuck.json"
check "… and as a metric" test "$(metric omni_agent_cluster_waiting_resources stuck)" -ge 1
in_this_shell "three commits meanwhile" rounds stuck
for name in before again stuck; do figures "applied after the fetch, $name" <"$room/$name"; done
check "the others are as quick as before" is_no_slower 50 stuck
check "… also the slowest" is_no_slower 99 stuck
told=$(grep -c '"cluster":"stuck".*held by' "$room/log")
stuck_at=$EPOCHSECONDS # asked for some more times, then nobody asks any more

# --- sequences that hang others -----------------------------------------------------------------------------------------------

rm "$room/repo/pier-m.yaml"
commit "a worker set, its machine and its disk in one go"
check "a worker set goes together with its machine" within 20 is_away MachineSets pier-w
check "… and its machine's patch" within 10 bash -c "! curl -fsS '$cosi_control/resources?type=ConfigPatches.omni.sidero.dev' | grep -q $machine"
check "… in sync" within 15 is_state pier InSync
cosi_order hold -d type=MachineSets.omni.sidero.dev -d id=pier-workers >/dev/null
rm "$room/repo/pier.yaml"
commit "a cluster whose machines do not answer"
check "a cluster goes whose machines do not answer" within 20 state_says pier 'held by'
in_this_shell "… meanwhile the others change" rounds deleting
check "… as quickly" is_no_slower 50 deleting
cosi_order release -d type=MachineSets.omni.sidero.dev -d id=pier-workers >/dev/null
check "the machines answer: it goes" within 20 is_away Clusters pier
check "… and is forgotten" within 10 test ! -e "$room/status/main.pier.json"

# --- what is awaited is watched -----------------------------------------------------------------------------------------------

sleep $((stuck_at + 16 > EPOCHSECONDS ? stuck_at + 16 - EPOCHSECONDS : 0)) # the last pause alone has six
cosi_order reset >/dev/null
sleep 13 # longer than any pause between looks
check "nobody asks for what is stuck" test "$(cosi_ask calls | grep -vc Watch)" = 0
check "… and it was told once" test "$(grep -c '"cluster":"stuck".*held by' "$room/log")" -le $((told + 1))
cosi_order release -d type=MachineSets.omni.sidero.dev -d id=stuck-workers >/dev/null
check "Omni lets go, and destroys it itself" within 5 is_away MachineSets stuck-workers
check "… it is in sync" within 5 is_state stuck InSync

# --- an Omni that does not answer ---------------------------------------------------------------------------------------------

kill -STOP "$two_pid"
for name in s1 s2 s3 s4 s5 s6; do cluster "$name" 3 | sed 's/name: main/name: second/' >"$room/repo/$name.yaml"; done
commit "for an Omni that does not answer"
sleep 1
in_this_shell "three commits while the other Omni is frozen" rounds frozen
figures "applied after the fetch, other Omni frozen" <"$room/frozen"
check "… as quickly" is_no_slower 50 frozen
check "… also the slowest" is_no_slower 99 frozen
kill -CONT "$two_pid"
is_applied_there() { curl -fsS "$(sed -n 's/^control=//p' "$cosi_room/two/env")/resources?type=MachineSets.omni.sidero.dev&id=s6-workers" | grep -q 'machinecount: 3'; }
check "it answers again: its clusters are applied" within 45 is_applied_there
finish
