#!/bin/bash
# The life of a cluster as people see it: `health --wait` ends by itself each time, `status` is the tree of omnictl and says
# why, its JSON says the same to programs; and an agent calls ready what is applied and ready.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
. tests/rig/omni/lib.sh
trap 'stop_agent; cosi_stop; rm -rf "$room"' EXIT

cosi_need "clusters with machines"
cosi_start one -play -pace 0.1 || { fail "the server comes up"; finish; }
export OMNI_ENDPOINT=$cosi_endpoint OMNIOPS_OMNI_KEY_FILE=$cosi_key
if omni_build; then have_omnictl=yes; else have_omnictl= omnictl_reason=$(go_reason); fi

name=talos-prod-01
cp -r examples/homelab/plan "$room/plan"
plan=$room/plan/clusters/$name.yaml
change() { # sed expression
	sed -i "$1" "$plan"
	exits 0 omniops apply --yes --approve-all --no-schema "$room/plan"
}
resize() { change "/kind: Workers/,\$s/size: .*/size: $1/"; }
ready() { exits 0 omniops health --wait --timeout 20s "$name"; }

# A Python expression of c, the cluster as JSON, that has to be true.
holds() {
	omniops status "$name" -o json >"$room/json" 2>"$room/err" || { cat "$room/err"; return 1; }
	python3 - "$1" "$room/json" <<-'END'
	import json, sys
	c = json.load(open(sys.argv[2]))["clusters"][0]
	codes = [r["code"] for r in c["notReady"]]
	notes = [n["code"] for n in c["notes"]]
	machines = [m for s in c["sets"] for m in s["machines"]]
	if not eval(sys.argv[1]):
	    print("not so:", sys.argv[1], json.dumps(c, indent=1), sep="\n")
	    sys.exit(1)
	END
}

# The tree as omnictl prints it, while nothing moves. Ours has a line more, for Talos, and no blank behind a step that is empty.
same_tree() {
	[ -n "$have_omnictl" ] || { skip "$1: the tree is that of omnictl" "$omnictl_reason"; return; }
	OMNI_SERVICE_ACCOUNT_KEY=$(cat "$cosi_key") HOME=$room timeout 20 "$omnictl" cluster status "$name" -w 0s 2>/dev/null |
		sed 's/ *$//' >"$room/theirs"
	omniops status "$name" 2>/dev/null | sed '/^$/,$d; /── Talos Upgrade /d' >"$room/ours"
	check "$1: the tree is that of omnictl" diff "$room/theirs" "$room/ours"
	check "… and not empty" grep -q '^Cluster "' "$room/ours"
}
# Stops the play where an expression is true, somewhere on the way.
caught() {
	cosi_order still
	holds "$1" && return
	cosi_order go
	return 1
}
while_still() { # moment, expression
	check "$1 is under way" within 10 caught "$2"
	same_tree "$1"
	check "… and the JSON knows that it is not ready" holds "not c['ready'] and c['health'] == 'NotReady' and codes"
	cosi_order go
}

# --- from nothing to ready -----------------------------------------------------------------------------------------------

check "what is not there is not healthy" exits 1 omniops health "$name"
check "… and that is said" complains "has no cluster $name"
check "waiting for it has an end" exits 1 omniops health --wait --timeout 300ms "$name"
check "… and tells of it" complains "there is no cluster $name yet; waiting for it"
omniops health --wait --timeout 20s "$name" >"$room/first" 2>"$room/first.err" &
waiter=$!
check "it is declared" change 's/^/&/'
wait "$waiter"
check "who waited from before it was there sees it ready" [ $? = 0 ]
check "… line by line" [ "$(grep -c "^Cluster \"$name\"" "$room/first.err")" -ge 3 ]
check "… with what was missing" grep -q 'Omni has not looked at its Kubernetes yet' "$room/first.err"
check "… without colours" bash -c "! grep -q $'\\033' '$room/first' '$room/first.err'"
check "… and the tree in the end" grep -q "^Cluster \"$name\" RUNNING Ready (5/5)" "$room/first"
check "the JSON says ready" holds "c['ready'] and c['health'] == 'Ready' and not codes and c['phase'] == 'RUNNING' and c['machines'] == dict(wanted=5, allocated=5, total=5, healthy=5, connected=5)"
check "… with its upgrades" holds "c['upgrades']['kubernetes'] == dict(phase='Done', version='1.35.1') and c['upgrades']['talos']['version'] == '1.13.3'"
check "… its checks" holds "[(k['type'], k['status']) for k in c['checks']] == [('WireguardConnection', 'Ready'), ('Etcd', 'Ready')] or {k['type'] for k in c['checks']} == {'WireguardConnection', 'Etcd'}"
check "… and machines by the names of their nodes" holds "len(machines) == 5 and all(m['ready'] and m['connected'] and m['node'].startswith('talos-') for m in machines)"
same_tree "running"
before=$(cosi_ask calls | grep -c .)
check "who waits for what is ready is through at once" ready
check "… with a watch for each type, and nothing else" [ $(($(cosi_ask calls | grep -c .) - before)) -le 11 ]

for method in List Get Watch; do
	cosi_order fault -d method=$method -d type=LoadBalancerStatuses.omni.sidero.dev -d code=7 -d times=-1
done
check "who may not see the load balancer sees the rest" holds "c['ready'] and 'loadBalancer' not in c"
check "… and can wait" ready
cosi_order fault -d method=List -d type=MachineSetStatuses.omni.sidero.dev -d code=13 -d text=oops -d times=-1
check "trouble is no answer" exits 1 omniops status "$name"
cosi_order reset

# --- scaling -------------------------------------------------------------------------------------------------------------

check "one worker more" resize 3
while_still "scaling up" "c['phase'] == 'SCALING_UP'"
# On a terminal the tree is drawn where it stood, no wider and higher than the window; in the end it is whole.
on_terminal() { # rows columns command…
	python3 - "$@" <<-'END'
	import fcntl, os, pty, re, struct, sys, termios
	rows, columns, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
	pid, fd = pty.fork()
	if pid == 0:
	    fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
	    os.execvp(command[0], command)
	out = b""
	try:
	    while chunk := os.read(fd, 65536):
	        out += chunk
	except OSError:
	    pass
	code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
	*drawn, last = re.split(r"\x1b\[\d+A\x1b\[J", out.decode().replace("\r", ""))
	def plain(text):
	    return [l for l in re.sub(r"\x1b\[\d*m", "", text).splitlines() if not l.startswith("omniops: warning")]
	wide = [l for d in drawn for l in plain(d) if len(l) >= columns]
	high = [d for d in drawn if len(plain(d)) >= rows]
	whole = len([l for l in plain(last) if "RUNNING Ready" in l and "Machine" in l])
	if code or len(drawn) < 2 or wide or high or whole != 7 or "\x1b[32mRUNNING\x1b[0m" not in last:
	    print(code, len(drawn), wide, high, whole, out.decode(), sep="\n")
	    sys.exit(1)
	END
}
check "ready again, at once after a write" ready
check "… with six" holds "c['machines']['total'] == 6 and c['machines']['wanted'] == 6"
cosi_order still
check "one more" resize 4
(sleep 1 && cosi_order go) &
check "on a terminal it is followed to the end" on_terminal 9 60 \
	timeout 30 env -u NO_COLOR TERM=xterm "$OMNIOPS" health "$name" --wait --timeout 20s
wait $!
check "three workers less" resize 1
check "… are gone when it is ready" ready
check "… down to four" holds "c['machines']['total'] == 4 and len(machines) == 4"
cosi_order capacity -d count=4
check "more than there are machines" resize 3
check "… is not ready" exits 1 omniops health --wait --timeout 1s "$name"
check "… and it is said what is missing" complains "machine set $name-workers has 1 of 3 machines of class matrix-worker"
check "… to programs, too" holds "'MachinesMissing' in codes and c['machines']['wanted'] == 6 and c['machines']['allocated'] == 4"
cosi_order capacity -d count=-1
check "with more machines it gets ready" ready

# --- upgrades and locks ----------------------------------------------------------------------------------------------------

check "another Talos" change 's/version: v1.13.3/version: v1.13.5/'
while_still "upgrading Talos" "c['upgrades']['talos']['phase'] == 'Upgrading' and any(m['stage'] != 'RUNNING' for m in machines)"
check "… is there when it is ready" ready
check "… on all" holds "c['upgrades']['talos'] == dict(phase='Done', version='1.13.5') and c['talosVersion'] == '1.13.5'"
check "another Kubernetes" change 's/version: v1.35.1/version: v1.35.2/'
while_still "upgrading Kubernetes" "c['upgrades']['kubernetes']['phase'] == 'Upgrading' and 'step' in c['upgrades']['kubernetes']"
check "… is there when it is ready" ready
check "… and said" holds "c['upgrades']['kubernetes']['version'] == '1.35.2'"

worker=$(cosi_ask resources?type=ClusterMachines.omni.sidero.dev | awk -v set="$name-workers" '/^ *id:/ { id = $2 } /machine-set:/ && $2 == set { print id; exit }')
node() { cosi_ask "resources?type=MachineSetNodes.omni.sidero.dev&id=$worker"; }
lock() { # on, off: the annotation of its MachineSetNode, written as its controller does
	node | grep -v 'omni.sidero.dev/locked' | sed '/^ *annotations:$/{N;/\n        /!s/^[^\n]*\n//}' >"$room/node"
	[ "$1" = off ] || sed -i 's|^metadata:$|&\n    annotations:\n        omni.sidero.dev/locked: ""|' "$room/node"
	cosi_order "put?owner=$(sed -n 's/^ *owner: *//p' "$room/node")" --data-binary "@$room/node"
}
check "a machine is locked" lock on
check "… which is seen" within 5 holds "'MachineLocked' in notes and [m for m in machines if m['id'] == '$worker'][0]['locked']"
check "another Talos, again" change 's/version: v1.13.5/version: v1.13.6/'
check "… waits for it" within 10 holds "c['upgrades']['talos'].get('step') == 'all machines are locked'"
cosi_order still
same_tree "locked"
cosi_order go
check "… and says so, not ready at the limit" exits 1 omniops health --wait --timeout 1s "$name"
check "… with the step" complains "all machines are locked"
check "unlocked" lock off
check "… it goes on to the end" ready
cosi_trouble "$worker" disconnected
check "a machine that is disconnected" within 10 holds "not c['ready'] and 'MachineUnreachable' in notes"
cosi_order still
same_tree "disconnected"
cosi_order go
cosi_trouble "$worker" none
check "… comes back" ready

# --- an agent -------------------------------------------------------------------------------------------------------------

port=$((20000 + $$ % 10000))
cat >"$room/foreign" <<END
metadata:
    namespace: default
    type: MachineClasses.omni.sidero.dev
    id: by-hand
    phase: running
spec:
    matchlabels: ["omni.sidero.dev/arch = amd64"]
END
cosi_order put --data-binary "@$room/foreign"
omni=$cosi_endpoint
start_agent --source "dir:$room/plan" --http "127.0.0.1:$port" --approve-all
api() { curl -s -m 5 "http://127.0.0.1:$port/api/v1/$1"; }
metric() { curl -s -m 5 "http://127.0.0.1:$port/metrics" | grep -F "$1" | grep -F "name=\"$name\"" | sed 's/.* //'; }
is_metric() { [ "$(metric "$1")" = "$2" ]; }
agent_says() { api "clusters/$name" | python3 -c 'import json, sys; c = json.load(sys.stdin); sys.exit(not eval(sys.argv[1]))' "$1"; }
check "the agent calls it ready" within 10 agent_says "c['ready'] and c['health'] == 'Ready' and c['state'] == 'InSync'"
check "… with its machines" agent_says "c['omniStatus']['machines'] == dict(wanted=6, total=6, healthy=6, connected=6) and c['omniStatus']['machineSets'] == dict(total=2, ready=2)"
check "… as a metric, too" is_metric 'omni_agent_cluster_ready{' 1
check "what no source declares is unmanaged" bash -c "grep -q '\"id\": \"by-hand\"' <<<'$(api state | tr -d "'" | tr '\n' ' ')'"
check "… on the page" bash -c "curl -s http://127.0.0.1:$port/ | grep -q 'by-hand'"
check "… counted" bash -c "curl -s http://127.0.0.1:$port/metrics | grep -q '^omni_agent_omni_unmanaged_resources{.*} 1$'"
check "… and told by status" bash -c "omniops() { \"$OMNIOPS\" \"\$@\"; }; omniops status 2>/dev/null | grep -q '^Unmanaged MachineClasses.omni.sidero.dev: by-hand$'"
sed -i 's/version: v1.13.6/version: v1.13.7/' "$plan"
check "while it upgrades it is not ready, though in sync, and says why" within 10 agent_says \
	"not c['ready'] and c['state'] == 'InSync' and c['omniStatus']['talosUpgrading'] and c['omniStatus']['reason']"
check "… and is ready in the end" within 15 agent_says "c['ready'] and not c['omniStatus']['talosUpgrading']"
reads() { curl -s "http://127.0.0.1:$port/metrics" | grep '^omni_agent_omni_calls_total'; }
settled=$(reads)
cosi_trouble "$worker" disconnected
check "trouble in Omni is seen" within 10 agent_says "not c['ready'] and c['health'] == 'NotReady'"
cosi_trouble "$worker" none
check "… and its end" within 10 agent_says "c['ready']"
check "… without a call" [ "$settled" = "$(reads)" ]
check "by-hand was never touched" bash -c "[ \"$(cosi_ask "resources?type=MachineClasses.omni.sidero.dev&id=by-hand" | sed -n 's/^ *version: //p')\" = 1 ]"
stop_agent

# --- the end --------------------------------------------------------------------------------------------------------------

omniops health --wait --timeout 20s "$name" >/dev/null 2>&1
cosi_order hold -d type=MachineSetNodes.omni.sidero.dev -d "id=$worker" -d finalizer=StuckController
omniops delete --approve-all --yes --timeout 1s "$name" >/dev/null 2>&1
check "a cluster that goes is not waited for" exits 1 omniops health --wait --timeout 20s "$name"
check "… and that is said" complains "is being destroyed"
check "what holds it up is named, with the way out" within 5 holds "c['health'] == 'Destroying' and any(w['id'] == '$worker' and 'StuckController' in w['heldBy'] and 'omnictl delete link $worker' in w['wayOut'] for w in c['waiting'])"
check "… in the tree, too" bash -c "'$OMNIOPS' status $name 2>/dev/null | grep -q 'held by.*StuckController'"
cosi_order release
is_away() { ! omniops status "$name"; }
check "let go, it is gone" within 10 is_away
finish
