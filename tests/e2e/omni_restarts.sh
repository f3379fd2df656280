#!/bin/bash
# A real Omni that stops, is killed, hangs, loses its connections or comes back from a backup: each change that somebody made
# meanwhile is found and undone, nothing is made twice, and the log says so in a line.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/omni_lib.sh
trap 'stop_agent; omni_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM
omni_need "an Omni that goes away"
omni_start restarts || { fail "Omni starts"; finish; }
omni=$omni_endpoint

is_watched() { omni_in curl -fsS http://127.0.0.1:9090/metrics | grep -q '^omni_agent_omni_watched.* 1$'; }
there() { omni_ctl get machinesets one-workers -o yaml | grep -qF "machinecount: $1"; }
drift() { # no agent in between: it is made when nobody can see it
	omni_ctl get machinesets one-workers -o yaml | sed 's/machinecount: .*/machinecount: 1/' >"$room/changed.yaml" &&
		omni_ctl apply -f "$room/changed.yaml" >/dev/null
}
order() { omni_order "$1" >/dev/null; }
forget() { : >"$room/log"; }
count() { grep -c -- "$1" "$room/log"; }
is_calm() { # no more than LINES that call something a fault
	[ "$(count '"level":"error"')" -le "$1" ] && [ "$(count '"level":"warn"')" -le "$1" ] || { grep -E '"level":"(error|warn)"' "$room/log"; return 1; }
}
created() { count '"op":"create"'; }
figures() { # NAME: of numbers on standard input
	sort -n | awk -v name="$1" '{ at[NR] = $1 } END { if (NR == 0) exit 1
		printf "# %s: %d, p50 %.0f ms, p99 %.0f ms, longest %.0f ms\n", name, NR, at[int(NR * 0.5 + 0.5)], at[int(NR * 0.99 + 0.999)], at[NR] }'
}

git init -q -b main "$room/repo"
class >"$room/repo/class.yaml"
write_cluster() { cluster one "$1" | sed 's/v1.35.1/v1.35.5/; s/v1.13.3/v1.13.4/' >"$room/repo/one.yaml"; }
write_cluster 2
commit first
check "Omni offers versions" within 20 omni_offers 1.13.4 1.36.1
omni_follow
check "a cluster arrives" within 20 is_state one InSync
check "every watch lives" within 10 is_watched

in_this_shell() { # as check, for what sets variables
	if "${@:2}" >"$room/said" 2>&1; then
		pass "$1"
	else
		fail "$1"
		sed 's/^/# /' "$room/said"
	fi
}

# --- commit to first write ------------------------------------------------------------------------------------------------

size=2
react() {
	local mark
	for _ in $(seq 12); do
		mark=$(($(wc -l <"$room/log") + 1)) size=$((size + 1))
		write_cluster "$size"
		commit "$size"
		within 10 there "$size" || return 1
		tail -n "+$mark" "$room/log" | awk '
			function ms(line) { return substr(line, 19, 2) * 3600000 + substr(line, 22, 2) * 60000 + substr(line, 25, 6) * 1000 }
			/"msg":"new revision"/ { from = ms($0) }
			/"msg":"written"/ && from { print (ms($0) - from + 86400000) % 86400000; exit }' >>"$room/reactions"
	done
}
in_this_shell "twelve commits are applied" react
figures "first write after the fetch" <"$room/reactions" | tee "$room/figures"
limit=$(awk -v cores="$(nproc)" '{ print int(1000 * ($1 > cores ? $1 / cores : 1)) }' /proc/loadavg) # 250 ms is the aim
check "… soon" awk -v limit="$limit" '{ for (i = 1; i < NF; i++) if ($i == "p99") found = $(i + 1) <= limit } END { exit !found }' "$room/figures"

# --- outages --------------------------------------------------------------------------------------------------------------

# after HOW: what somebody changed when the agent could not see it is undone, and everything is watched again
after() {
	check "$1: undone" within 40 there "$size"
	check "… in sync" within 10 is_state one InSync
	check "… every watch lives again" within 20 is_watched
	check "… nothing was made twice" test "$(created)" = 0
	check "… the log is calm" is_calm "${2:-1}"
	check "… and the next change is seen, too" drift
	check "… undone" within 10 there "$size"
}
blind() { kill -STOP "$agent_pid"; }
see() { kill -CONT "$agent_pid"; }

forget
order stop
check "a stop is told at once, and is no fault" within 10 grep -q '"level":"info".*the server ended its watches' "$room/log"
check "… in one line" test "$(count 'ended its watches')" = 1
blind
order start
drift
see
after "a stop and a start"
forget
order kill
sleep 2
blind
order start
drift
see
after "killed"
forget
order freeze
sleep 3
order continue
drift
after "frozen for a while" 0

# --- a server that is back from a backup --------------------------------------------------------------------------------------

forget
order stop
cp -a "$omni_dir/state" "$room/backup"
order start
check "a backup is made" within 20 is_watched
write_cluster $((size + 1))
commit "after the backup"
size=$((size + 1))
check "things go on" within 20 there "$size"
order stop
rm -rf "$omni_dir/state"
cp -a "$room/backup" "$omni_dir/state"
forget
order start
check "from a backup: what it does not know is applied again" within 40 there "$size"
check "… in sync" within 10 is_state one InSync
check "… and it is watched" within 20 is_watched
check "drift is seen" drift
check "… and undone" within 10 there "$size"
finish
