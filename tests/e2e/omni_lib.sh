# For tests of the agent on a real Omni: . tests/tap.sh; . tests/e2e/omni_lib.sh
# lib.sh and the rig, with what both together need.
# shellcheck shell=bash
. tests/e2e/lib.sh
. tests/rig/omni/lib.sh

omni_agent() { # flags; the process itself where the server can be reached, not a shell around it
	# shellcheck disable=SC2086
	nsenter --target "$omni_pid" $omni_enter --net -- "$OMNIOPS" agent "$@" 2>>"$room/log" &
	agent_pid=$!
}

# As omni_agent, with the repository of the room; its listener is on port 9090 there.
omni_follow() { # further flags
	omni_agent --omni "$omni_endpoint" --omni-ca-file "$omni_ca" --omni-key-file "$omni_key" --connection "main=$omni_endpoint" \
		--source "git+file://$room/repo?ref=main" --interval 200ms --status-dir "$room/status" --cache-dir "$room/cache" \
		--http 127.0.0.1:9090 --log-format json "$@"
}

within() { # as in lib.sh, by the clock: omnictl takes its time
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || { "$@"; echo "not in time:" "$@"; tail -n 8 "$room/log"; return 1; }
		sleep 0.1
	done
}
