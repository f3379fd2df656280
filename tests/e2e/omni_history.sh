#!/bin/bash
# The same history of changes with omnictl on one server and omniops on the other: equal after every step, and neither sees
# anything to do for itself on the other's (CLUSTERS=4 STEPS=20 SEED=2). In the end nothing but what outlives clusters is left.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/e2e/omni_pair.sh

approved() { # folder: what is held is approved by the hash of its plan
	local hash code=0
	ops apply -o json "$1" >"$room/out" 2>"$room/err" </dev/null || code=$?
	[ "$code" = 3 ] || { [ "$code" = 0 ] || cat "$room/out" "$room/err"; return "$code"; }
	set -- "$1"
	for hash in $(sed -n 's/.*"result": "held".*/&/p; s/.*"hash": "\([0-9a-f]*\)".*/\1/p' "$room/out" | grep -E '^[0-9a-f]+$'); do
		set -- "$@" --approve "$hash"
	done
	exits 0 ops apply "$@"
}

step() { # folder
	local file failed=
	on theirs ctl "$1" cluster template sync -f ./ >"$room/sync" 2>&1 &
	on ours approved "$1" || failed=yes
	wait $! || { tail -n 3 "$room/sync"; failed=yes; }
	[ -z "$failed" ] && equal || return 1
	for file in "$1"/*.yaml; do
		on ours silent ctl "$1" cluster template diff -f "${file##*/}" || { echo "omnictl's diff on ours: $file"; return 1; }
	done
	on theirs nothing_to_plan "$1"
}

steps() {
	local number name names
	"$omni_rig" templates -seed "${SEED:-2}" -clusters "${CLUSTERS:-4}" -steps "${STEPS:-20}" -classes any,other,made -dir "$room/fleet"
	names=$(cd "$room/fleet/00" && ls ./*.yaml | sed 's,^\./,,; s,\.yaml$,,')
	pair_classes >"$room/classes.yaml"
	for server in theirs ours; do
		# shellcheck disable=SC2086
		on $server omni_ctl apply -f "$room/classes.yaml" && on $server omni_tool secrets $names ||
			{ fail "the $server server is prepared"; return; }
	done
	for number in $(cd "$room/fleet" && ls); do
		check "step $number: equal, and nothing to do for either" step "$room/fleet/$number"
	done
	for name in $names; do
		on theirs omni_ctl cluster delete "$name" >"$room/sync" 2>&1 || fail "omnictl deletes $name: $(tail -n 1 "$room/sync")"
		check "omniops deletes $name" on ours exits 0 ops delete --approve-all "$name"
	done
	check "the same is left" equal
	check "that is kernel arguments and classes" not_more
	check "no record is left" nothing_of_ours
}

not_more() { ! grep -E '^[A-Z]' "$room/ours.dump" | grep -vE '^(KernelArgs|MachineClasses)\.'; }
nothing_of_ours() { ! on ours omni_tool dump -records | grep omniops:; }

if ! pair_start; then
	skip "omniops and omnictl on real servers" "$pair_reason"
else
	steps
fi
finish
