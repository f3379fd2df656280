# For tests of the servers that other tests lean on: . tests/tap.sh; . tests/e2e/rig_lib.sh
# shellcheck shell=bash

says() { # text, command…: fails, or succeeds, with this text
	local text=$1
	shift
	"$@" 2>&1 | tee /dev/stderr | grep -qF -- "$text"
}

refused() { # text, command…
	local text=$1 output
	shift
	if output=$("$@" 2>&1); then
		echo "it was not refused: $output"
		return 1
	fi
	echo "$output"
	grep -qF -- "$text" <<<"$output"
}
