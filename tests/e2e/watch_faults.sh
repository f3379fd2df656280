#!/bin/bash
# Watches of the agent and everything that can silently happen to them: a connection that is being left, deaf, dumb or gone
# without a word, bookmarks that are refused, a server from before. Whoever changes something then is noticed and corrected in
# the time that is told for it; nothing is made twice, and nothing is destroyed.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
. tests/rig/faults/lib.sh
trap 'stop_agent; relay_stop; cosi_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

cosi_need "faults of watches"
faults_build || { skip "faults of watches" "$(go_reason)"; finish; }
cosi_start one -tls -keep -controllers -account ci:Operator || { fail "a server starts"; finish; }
relay_start "${cosi_endpoint#https://}" || { fail "a way to it"; finish; }
omni=https://$relay_address
export OMNIOPS_OMNI_KEY_FILE=$cosi_dir/ci.key SSL_CERT_FILE=$cosi_ca

DEAD_S=3  # --dead-after
SOON_S=5  # for a watch that ended: it is opened again in less than a second
watches() { cosi_ask watches | wc -l; }
has_watches() { [ "$(watches)" -ge "$1" ]; }
size() { cosi_ask "resources?type=MachineSets.omni.sidero.dev&id=one-workers" | sed -n 's/.*machinecount: //p'; }
has_size() { [ "$(size)" = "$1" ]; }
drift() { # somebody sets the size, in Omni
	cosi_ask "resources?type=MachineSets.omni.sidero.dev&id=one-workers" | sed 's/machinecount: .*/machinecount: 1/' >"$room/drift.yaml"
	cosi_order put --data-binary "@$room/drift.yaml" >/dev/null
}
# seen TEXT SECONDS: a change from now on is corrected
seen() {
	drift
	check "$1" within "$2" has_size 2
	settle
}
settle() { # everything lives again
	within 15 has_watches "$all" >/dev/null
	sleep 0.3
}
happens() { # ORDER TEXT SECONDS: to the connection, and then somebody changes something
	relay_order "$1"
	seen "$2" "$3"
	drift
	check "… and the next change" within "$SOON_S" has_size 2
}
ends_so() { # CURL-ARGUMENTS…: every watch is told so when it is opened again, once
	cosi_order fault -d method=Watch -d "times=$all" "$@" >/dev/null
	cosi_order end >/dev/null
}

repository one
start_agent --omni-ca-file "$cosi_ca" --source "git+file://$room/repo?ref=main" --connection "main=$omni" --annotate-after 1h --dead-after "${DEAD_S}s"
check "a cluster arrives" within 15 is_state one InSync
check "every type is watched" within 5 has_watches 8
sleep 1
all=$(watches)
seen "drift is corrected" "$SOON_S"

cosi_order goaway >/dev/null
seen "a server that asks to leave it (GOAWAY)" "$SOON_S"
cosi_order cut >/dev/null
seen "a connection that breaks" "$SOON_S"
happens dumb "the server is not heard any more, but hears" $((2 * DEAD_S + SOON_S))
chatter() { # events that have nothing to do with it: what is heard must not hide what is not
	for i in $(seq 100); do
		sed "s/amd64/other$i/; s/^    id: .*/    id: noise/" "$room/class.yaml" >"$room/noise.yaml"
		cosi_order put --data-binary "@$room/noise.yaml" >/dev/null
		sleep 0.2
	done
}
cosi_ask "resources?type=MachineClasses.omni.sidero.dev&id=any" >"$room/class.yaml"
chatter &
chatter_pid=$!
happens deaf "the server hears nothing any more, but is heard" $((2 * DEAD_S + SOON_S))
kill "$chatter_pid"
happens gone "the server is gone without a word" $((2 * DEAD_S + SOON_S))
ends_so -d code=9 -d text="invalid watch bookmark"
seen "bookmarks that are refused" "$SOON_S"
cosi_order errored -d text="etcdserver: mvcc: required revision has been compacted" >/dev/null
seen "a history that was compacted" "$SOON_S"
ends_so -d code=14 -d text="etcdserver: leader changed"
seen "a store that has no leader" "$SOON_S"

# The journal: each resource was made once, and none is gone.
made_once() { ! sed -n 's/.*"op":"put".*"type":"\([^"]*\)","id":"\([^"]*\)","version":"1".*/\1 \2/p' "$cosi_dir/journal" | sort | uniq -d | grep .; }
none_gone() { ! grep '"op":"destroy"' "$cosi_dir/journal"; }
check "nothing was made twice" made_once
check "nothing was destroyed" none_gone
check "something was made" grep -q '"version":"1"' "$cosi_dir/journal"
check "no unchanged fleet costs a call but the question whether Omni is there" \
	bash -c "cosi_order() { curl -fsS -X POST '$cosi_control/'\$1; }; cosi_order reset >/dev/null; sleep 3; ! curl -fsS '$cosi_control/calls' | grep -v SysVersions"
finish
