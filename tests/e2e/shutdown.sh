#!/bin/bash
# SIGTERM ends the agent with 0: while it starts, connects, watches, applies, and with a server that no longer says a word.
# What only reads is not waited for, what writes for two seconds, and nothing longer than ten.
set -u
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; kill -CONT "$cosi_pid" 2>/dev/null; cosi_stop; rm -rf "$room"' EXIT

cosi_need "SIGTERM"
cosi_start one -tls -controllers -account ci:Operator || exit 1
export OMNI_ENDPOINT=$cosi_endpoint SSL_CERT_FILE=$cosi_ca OMNIOPS_OMNI_KEY_FILE=$cosi_key
repository a b c demo
number=0
change() {
	number=$((number + 1))
	cluster demo $((number % 7 + 1)) >"$room/repo/demo.yaml"
	cluster "new$number" 1 >"$room/repo/new.yaml"
	commit "change $number"
}
agent() { # further flags
	: >"$room/log"
	"$OMNIOPS" agent --source "git+file://$room/repo" --http off --interval 200ms --gate critical --cache-dir "$room/cache" \
		--status-dir "$room/status" --log-format json --log-level debug "$@" 2>>"$room/log" &
	agent_pid=$!
}
logs() { grep -qF -- "$1" "$room/log"; }
until_logs() { # as near as a shell can be
	local tries=0
	until logs "$1" || [ $((tries += 1)) -gt 600 ]; do sleep 0.005; done
}
# ends CODE SECONDS [AT_LEAST]: what SIGTERM brings
ends() {
	local code=0 begin=${EPOCHREALTIME/./}
	kill -TERM "$agent_pid"
	wait "$agent_pid" || code=$?
	agent_pid=
	local ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
	[ "$code" = "$1" ] && [ "$ms" -lt "$2000" ] && [ "$ms" -ge "${3:-0}000" ] || { echo "exits with $code after $ms ms"; tail -n 3 "$room/log"; return 1; }
}
# `check` runs in a child, which cannot wait for the agent.
report() { # text, command
	if "${@:2}" >"$room/said" 2>&1; then pass "$1"; else fail "$1"; sed 's/^/# /' "$room/said"; fi
}
rounds() { # count, what the log says then
	for _ in $(seq "$1"); do
		change
		agent
		until_logs "$2"
		ends 0 10 || return 1
	done
}
frozen() { # the server stops in this moment; nothing is being written, which would have its two seconds
	rm -rf "$room/status"
	agent
	until_logs "$1"
	within 20 is_state demo InSync || return 1
	kill -STOP "$cosi_pid"
	change
	until_logs "$(git -C "$room/repo" rev-parse HEAD)"
	sleep 0.3
	ends 0 2
	local result=$?
	kill -CONT "$cosi_pid"
	return $result
}
says_failed() { grep -q '"state": "Failed"' "$room"/status/*.json; }
frozen_from_the_start() {
	kill -STOP "$cosi_pid"
	agent
	until_logs "$1"
	sleep 0.3
	ends 0 2
	local result=$?
	kill -CONT "$cosi_pid"
	return $result
}
twice() {
	kill -STOP "$cosi_pid"
	change
	agent
	until_logs "new revision"
	sleep 0.3
	kill -TERM "$agent_pid"
	until_logs stopping
	sleep 0.2
	ends 0 2
	local result=$?
	kill -CONT "$cosi_pid"
	return $result
}
ended() { cosi_ask calls | grep -c "^Update .* $1 "; }
is_writing() { cosi_ask counts | grep -q '"Update":'; }
# writing MS SECONDS AT_LEAST CODE: such a write is under way, and ends so
writing() {
	rm -rf "$room/status"
	agent
	within 20 is_state demo InSync || return 1
	cosi_order reset
	cosi_order delay -d method=Update -d "ms=$1"
	change
	within 20 is_writing || return 1
	ends 0 "$2" "$3" || return 1
	within 5 ended "$4" || { cosi_ask calls; return 1; }
}
once() {
	kill -STOP "$cosi_pid"
	agent --once
	until_logs "new revision"
	ends 1 10
	local result=$?
	kill -CONT "$cosi_pid"
	return $result
}

report "as soon as it has started" rounds 5 '"msg":"started"'
report "when it knows what is declared" rounds 5 '"msg":"new revision"'
report "while it applies" rounds 5 '"component":"apply"'
report "while it watches" rounds 3 '"msg":"connected"'
report "with a server that went silent, and calls under way" frozen '"msg":"connected"'
report "with a server that never answered" frozen_from_the_start '"msg":"new revision"'
report "… of which no cluster is said to have failed" eval '! says_failed'
report "a write that is under way is waited for" writing 1000 4 0 OK
report "… two seconds long" writing 60000 6 1 Canceled
cosi_order reset
report "a second one ends it at once" twice
report "a job that is ended early has not succeeded" once
agent
report "the next one goes on" within 20 is_state demo InSync
finish
