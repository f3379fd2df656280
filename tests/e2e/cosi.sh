#!/bin/bash
# A real Omni behind the store, as far as a real COSI server with Omni's signatures is one: the suite of every store, the
# conformance checks of COSI's own runtime, faults of all kinds, and what people are told when they are refused.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/rig/cosi/lib.sh
trap cosi_stop EXIT

run() { # program, argument…
	COSI_ENDPOINT=$cosi_endpoint COSI_KEY=$cosi_key COSI_CA=$cosi_ca COSI_CONTROL=$cosi_control \
		timeout 120 "$B/tests/rig/remote/$1" "${@:2}"
}

says() { # words, call
	local out
	out=$(run probe "$2")
	grep -qF -- "$1" <<<"$out" && return
	echo "$out"
	return 1
}

every() { # how it is reached: one result for each test of the programs
	local program line
	for program in suite conformance watches faults batches parallel; do
		run "$program" >"$cosi_dir/out" 2>&1
		while read -r line; do
			case $line in
			"ok "*) pass "$1: ${line#* - }" ;;
			"not ok "*) fail "$1: ${line#* - }" ;;
			esac
		done < <(grep -E '^(not )?ok [0-9]+' "$cosi_dir/out")
		grep -qE '^# ok' "$cosi_dir/out" || {
			fail "$1: $program comes through"
			sed 's/^/# /' "$cosi_dir/out"
		}
	done
}

cosi_need "the store on a COSI server"
cosi_start tls -tls
every TLS
other_key=$cosi_dir/other.key
cp "$cosi_key" "$other_key"
cosi_start plain
every cleartext

cosi_start roles -tls -account ci:Reader -account none:None -account op:Operator
check "a reader reads" says "0 classes" list
check "… watches" says "event 3" watch
check "… and is told that writing needs another role" says "PermissionDenied: the role of the service account is too low" create
cosi_key=$cosi_dir/none.key
check "who may read nothing is told so" says "PermissionDenied: " list
check "… also of watches" says "PermissionDenied: " watch
check "… but can ask for the version" says "v1.9.3" about
cosi_key=$cosi_dir/op.key
check "an operator writes" says "created" create
cosi_key=$other_key
check "a key of another Omni is named" says 'Unauthenticated: Omni refuses the key "rig"' list
check "… with what is wrong with it" says "the key is unknown to $cosi_endpoint: it belongs to another instance" list
cosi_key=/dev/null
check "without a key it is said how to get one" says "omnictl serviceaccount create" list
cosi_start early -tls -clock 6m
check "a clock that is behind is told from a wrong key" says "the clock of this machine is 6 minutes behind Omni's" list
cosi_start late -tls -clock -11m
check "… and one that is ahead" says "the clock of this machine is 11 minutes ahead of Omni's" list
cosi_endpoint=$cosi_control
check "what is no Omni is not waited for" says "Unavailable: " list
cosi_use roles
cosi_ca=
check "a certificate that nobody vouches for is named" says "certificate" about
finish
