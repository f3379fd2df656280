# For test scripts: . tests/within.sh
#   within SECONDS command…     until it succeeds; at the end of the time its last output is shown, and what ${room:-}/log ends with
# shellcheck shell=bash

within() {
	local tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { "$@"; echo "not in time:" "$@"; tail -n 30 "${room:-}/log" 2>/dev/null; return 1; }
		sleep 0.05
	done
}
