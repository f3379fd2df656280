#!/bin/bash
# The thin programs start, render one cluster and end within 3 ms and 6 MiB. The machine may be busy: the best of many runs
# counts, what /bin/true takes in the same minute is not theirs, and a bad round is tried again.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
measure=$B/tests/rig/thin/measure
{ class; echo ---; cluster prod 2; } >"$room/prod.yaml"
cd "$room" || exit 1
MAX_US=3000 MAX_KIB=6144 ROUNDS=5

# fits INPUT PROGRAM ARGUMENT…
fits() {
	local round best kib nothing
	for ((round = 0; round < ROUNDS; round++)); do
		read -r nothing _ < <("$measure" 50 /dev/null /bin/true)
		read -r best kib < <("$measure" 50 "$@") || return 1
		echo "best $best us (/bin/true $nothing us), $kib KiB at most"
		[ "$kib" -le $MAX_KIB ] || return 1
		[ "$((best - nothing))" -le $MAX_US ] && return
		sleep 1
	done
	return 1
}
check "omniops-argocd generates one cluster within its budget" fits /dev/null "$B/omniops-argocd" generate prod.yaml
echo "# $tap_output"
check "omniops-argocd discovers within its budget" fits /dev/null "$B/omniops-argocd" discover
echo "# $tap_output"
check "omniops-flux filters one cluster within its budget" fits "$room/prod.yaml" "$B/omniops-flux"
echo "# $tap_output"
finish
