# For test scripts: . tests/tap.sh
#   check "what is true" command…   one result; the command's output is shown when it fails
#   pass "text", fail "text", skip "text" "why"
#   finish                          the plan and the exit status; the last line of every script
# shellcheck shell=sh
tap_count=0
tap_failed=0

pass() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

fail() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
}

skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

check() {
	tap_text=$1
	shift
	if tap_output=$("$@" 2>&1); then
		pass "$tap_text"
	else
		fail "$tap_text"
		printf '%s\n' "$tap_output" | sed 's/^/# /'
	fi
}

finish() {
	echo "1..$tap_count"
	[ "$tap_failed" = 0 ]
	exit
}
