#!/bin/bash
# Several agents that know of each other by Leases of a real API server. Each has its own account in Omni, so the journal tells
# who wrote what: whatever is killed or stopped, for no cluster do two of them write by turns.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/kube/lib.sh
. tests/rig/cosi/lib.sh
agents=
trap 'end_agents; cosi_stop; kube_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

kube_need "agents beside a real API server"
cosi_need "agents with one Omni"
kube_start replicas && cosi_start replicas -keep -account a:Operator -account b:Operator -account c:Operator ||
	{ fail "the servers start"; finish; }

# --- helpers ----------------------------------------------------------------------------------------------------------

fleet() { # VALUE: every cluster of the fleet, with this label
	local number
	mkdir -p "$room/next"
	class >"$room/next/class.yaml"
	for number in 1 2 3 4 5 6 7 8 9; do
		cluster "c$number" 1 | sed "s|^  talos: .*|&\n  labels: {turn: \"$1\"}|" >"$room/next/c$number.yaml"
	done
	rm -rf "$room/old"
	[ ! -d "$room/fleet" ] || mv "$room/fleet" "$room/old"
	mv "$room/next" "$room/fleet"
}
turn() { # VALUE [FILE…]: only that line
	sed -i "s|turn: .*|turn: \"$1\"}|" "${@:2}"
}
# start NAME [FLAG…]: its process is pid_NAME, its port port_NAME
start() {
	local name=$1
	declare -g "port_$name=$(free_port)"
	local at="port_$name"
	"$OMNIOPS" agent --omni "$cosi_endpoint" --omni-ca-file "$cosi_ca" --omni-key-file "$cosi_dir/$name.key" --connection "main=$cosi_endpoint" \
		--source "dir:$room/fleet" --interval 500ms --kubeconfig "$kube_made" --lease-namespace omniops --gate critical \
		--http "127.0.0.1:${!at}" --log-format json "${@:2}" 2>>"$room/log.$name" &
	declare -g "pid_$name=$!"
	agents="$agents $!"
}
end_agents() {
	local pid
	for pid in $agents; do
		kill -CONT "$pid" && kill -KILL "$pid"
		wait "$pid"
	done 2>/dev/null
	agents=
}
pid() { local at="pid_$1"; echo "${!at}"; }
order() {
	kill "-$2" "$(pid "$1")"
	[ "$2" != KILL ] || wait "$(pid "$1")" 2>/dev/null
}
ask() { local at="port_$1"; curl -fsS "http://127.0.0.1:${!at}/$2"; }
holder() { kube_ctl -n omniops get lease "${1:-5dc6398d.texashpc.com}" -o 'jsonpath={.spec.holderIdentity}'; }
by() { # ACCOUNT: lines of the journal
	grep -c "\"by\":\"$1@\|\"by\":\"$1\"" "$cosi_dir/journal"
}
label() { cosi_ask "resources?type=Clusters.omni.sidero.dev&id=$1" | sed -n 's/^ *turn: *//p' | tr -d '"'; }
all_say() { # VALUE
	local number
	for number in 1 2 3 4 5 6 7 8 9; do
		[ "$(label "c$number")" = "$1" ] || { echo "c$number says $(label "c$number"), not $1"; return 1; }
	done
}
is_synced() { [ "$(ask "$1" api/v1/state | jq '[.clusters[] | select(.name != null and (.state == "InSync" or .state == "Progressing"))] | length')" = 9 ]; }
stands_by() { ask "$1" api/v1/state | grep -q "another replica acts on it"; }
# turns FROM: for every cluster its writers in their order, from that line of the journal on: "c1 a b"
turns() {
	tail -n "+$(($1 + 1))" "$cosi_dir/journal" | jq -r 'select(.by != "") | [(.id | capture("(?<c>c[0-9])").c // ""), (.by | split("@")[0])] | select(.[0] != "") | join(" ")' |
		awk '$2 != last[$1] { line[$1] = line[$1] " " $2; last[$1] = $2 } END { for (name in line) print name line[name] }' | sort
}
length() { wc -l <"$cosi_dir/journal"; }
only_turn() { # FROM WANTED: each of the nine had just these writers, in this order
	[ "$(turns "$1" | sed 's/^c[0-9] //' | sort -u)" = "$2" ] || { turns "$1"; return 1; }
}

fleet 0
kube_ctl create namespace omniops >/dev/null
if kube_account omniops agent && kube_bind omniops/agent get,create,update,patch leases.coordination.k8s.io omniops; then
	pass "an account has the rights that are needed"
else
	fail "an account has the rights that are needed"
	finish
fi

# --- one of two -------------------------------------------------------------------------------------------------------

start a --leader-elect
check "one agent alone acts" within 30 is_synced a
start b --leader-elect
check "another one beside it watches" within 15 stands_by b
check "and is ready to" within 15 ask b readyz
check "it says who acts" eval 'ask b api/v1/state | grep -qF "$(holder)"'
check "only one of them wrote" test "$(by b)" = 0
at_rest() {
	kube_mark
	sleep 5
	[ "$(kube_counts | awk '{ print $3 }' | sort -u)" = leases ] || { kube_counts; return 1; }
}
check "at rest they ask the API server for their Lease alone" at_rest

from=$(length)
order a TERM
wait "$(pid a)"
fleet 1
check "one that ends gives its Lease back, and the other acts within 5 s" within 5 all_say 1
check "all of it was written by the other one" only_turn "$from" b

start a --leader-elect
check "the first one comes back to watch" within 15 stands_by a
from=$(length)
order b KILL
began=$SECONDS
fleet 2
check "one that is killed is missed" within 20 all_say 2
check "for at most 15 s" test $((SECONDS - began)) -le 15
check "all of it was written by the first one" only_turn "$from" a

# --- one that was stopped in the middle of its work -------------------------------------------------------------------

end_agents
paused() { # a is stopped while it writes, b takes over, a goes on
	local from round=$1
	start a --leader-elect --lease-duration 2s
	within 30 is_synced a || return
	start b --leader-elect --lease-duration 2s
	within 15 stands_by b || return
	cosi_order delay -d method=Update -d ms=20 >/dev/null
	from=$(length)
	fleet "$round-a"
	within 10 eval "[ \$(length) -gt $from ]" || return
	order a STOP
	within 15 all_say "$round-a" || return
	fleet "$round-b"
	within 15 all_say "$round-b" || return
	order a CONT
	within 15 stands_by a || return
	fleet "$round-c"
	within 15 all_say "$round-c" || return
	cosi_order delay -d method=Update -d ms=0 >/dev/null
	! turns "$from" | grep -E ' b a'
}
for round in 1 2 3; do
	text="an agent that was stopped while it wrote is silent when it goes on, $round"
	if paused "$round" >"$room/paused"; then pass "$text"; else fail "$text"; sed 's/^/# /' "$room/paused"; fi
	end_agents
done

# --- shards -----------------------------------------------------------------------------------------------------------

cosi_order reset >/dev/null
from=$(length)
for shard in a/0 b/1 c/2; do start "${shard%/*}" --shard "${shard#*/}/3" --lease-name fleet --lease-duration 2s; done
owns() { [ "$(lease_of "$2")" = "$1" ]; }
lease_of() { # NUMBER: which of the agents holds it
	local name
	for name in a b c; do ask "$name" metrics 2>/dev/null | grep -q "^omni_agent_leader{lease=\"fleet-$1\"} 1" && echo "$name"; done
}
each_has_its_own() { owns a 0 && owns b 1 && owns c 2; }
check "each of three takes its own shard" within 20 each_has_its_own
fleet s1
check "the fleet is kept by all of them" within 20 all_say s1
check "each cluster by one of them, and there is work for each" eval \
	'[ "$(turns "$from" | sed "s/^c[0-9] //" | sort -u | tr "\n" ,)" = a,b,c, ]'
from=$(length)
order b KILL
fleet s2
check "the clusters of one that is gone are kept by the others" within 20 all_say s2
check "which have not touched each other's" eval '! turns "$from" | grep " .* "'
start b --shard 1/3 --lease-name fleet --lease-duration 2s
check "it gets its shard back when it returns" within 30 each_has_its_own
from=$(length)
fleet s3
check "and keeps its clusters again" within 20 all_say s3
check "alone" eval '[ "$(turns "$from" | sed "s/^c[0-9] //" | sort -u | tr "\n" ,)" = a,b,c, ]'

# --- bad input --------------------------------------------------------------------------------------------------------

check "a shard that is none is refused" exits 1 omniops agent --source "dir:$room/fleet" --omni "$omni" --kubeconfig "$kube_made" --shard 3/3 --http off
check "with the reason" complains "counted from 0"
finish
