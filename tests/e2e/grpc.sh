#!/bin/bash
# The gRPC channel against a server that does every wrong thing there is: tests/rig/http2 (Go) and tests/rig/grpc/cases.c.
# GRPC_CASES: only the groups whose name contains it.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/gobuild.sh
B=${B:-build}
CASES=${CASES:-$B/tests/rig/grpc/cases}
work=$(mktemp -d "${TMPDIR:-/tmp}/grpc.XXXXXX")
server=
stop() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	rm -rf "$work"
}
trap stop EXIT INT TERM

start_server() {
	mkfifo "$work/hold"
	"$go_dir/http2" "$work" <"$work/hold" >"$work/server.log" 2>&1 &
	server=$!
	exec 9>"$work/hold" # the server lives as long as this script
	for _ in $(seq 100); do
		[ -s "$work/ports" ] && return 0
		kill -0 "$server" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

if ! go_need http2/http2; then
	skip "the channel against a wrong server" "it cannot be built: $(go_reason)"
	finish
fi
if ! start_server; then
	cat "$work/server.log"
	fail "the server starts"
	finish
fi
[ -x "$CASES" ] || make -s B="$B" "$B/tests/rig/grpc/cases" || exit 1

# The program's own results become results of this script.
run_cases() { # program, group, text in front
	local line plan=no
	while IFS= read -r line; do
		case $line in
		"ok "*) pass "$3${line#*- }" ;;
		"not ok "*) fail "$3${line#*- }" ;;
		1..*) plan=yes ;;
		*) printf '# %s\n' "${line#\# }" ;;
		esac
	done < <("$1" "$work" "$2" 2>&1)
	[ $plan = yes ] || fail "$3all cases were run"
}

run_cases "$CASES" "${GRPC_CASES:-}" ""
# The same with the thread sanitizer, where threads meet; built by `make check`.
if [ -x "$B/tsan/tests/rig/grpc/cases" ] && [ -z "${GRPC_CASES:-}" ]; then
	for group in threads streams limits; do
		run_cases "$B/tsan/tests/rig/grpc/cases" $group "tsan: "
	done
fi
finish
