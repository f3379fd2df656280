#!/bin/bash
# Delays, cuts, corruption and reordering between the agent and a COSI server, both killed at random moments: when that is
# over, Omni is what Git says, nothing was torn down that nobody approved, and nothing was made twice.
#   N=500 SEED=7 B=$PWD/build tests/run tests/e2e/faults    more rounds, other chance; a failed round says its seed
#   REAL=30 …                                               so many on the real Omni, too
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/rig/faults/lib.sh

N=${N:-40} SEED=${SEED:-20260101}
faults_build || { skip "faults" "$(go_reason)"; finish; }
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
# Side by side: most of the time is waiting.
faults_run "$room/tls" "$((N * 7 / 10))" "$SEED" >"$room/tls.out" 2>&1 &
tls=$!
faults_run "$room/clear" "$((N - N * 7 / 10))" "$SEED" -clear >"$room/clear.out" 2>&1 &
clear=$!
ended() { cat "$2"; return "$1"; }
wait $tls
check "with TLS, $((N * 7 / 10)) rounds" ended $? "$room/tls.out"
wait $clear
check "in clear, $((N - N * 7 / 10)) rounds" ended $? "$room/clear.out"
happened() { grep -qE "$1: [1-9]" "$room/tls.out" "$room/clear.out" || { echo "never: $1"; return 1; }; }
for fault in "answer lost, RST_STREAM" "bytes cut, (FIN|RST)" "call overtaken by others" "byte corrupted" "request sent twice"; do
	check "it did happen: $fault" happened "$fault"
done
if [ "${REAL:-0}" -gt 0 ]; then
	. tests/rig/omni/lib.sh
	trap 'omni_stop; rm -rf "$room"' EXIT
	if omni_possible && omni_build && omni_start faults; then
		faults_real "$room/real" "$REAL" "$SEED" >"$room/real.out" 2>&1
		check "on a real Omni, $REAL rounds" ended $? "$room/real.out"
		sed 's/^/# /' "$room/real.out"
	else
		skip "on a real Omni" "${omni_reason:-$(go_reason)}"
	fi
fi
sed 's/^/# /' "$room/tls.out" "$room/clear.out"
finish
