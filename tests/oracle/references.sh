#!/bin/sh
# omniops against the programs that it stands in for, on inputs made at random: the Go operator's templates, byte for byte,
# and the verdicts, resources and plans of Omni's client packages. Needs Go and its module proxy.
#
#   N=20000 SEED=7 tests/oracle/references.sh     more of them, others
#   KEEP=DIR                                      the inputs that are judged differently, one file each
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
OMNIOPS=${OMNIOPS:-${B:-build}/omniops}
SEED=${SEED:-1}
. tests/gobuild.sh

compare() { # text, which reference, which comparison, how many, flags
	check "$1" "$go_dir/$2" -n "${N:-$4}" -seed "$SEED" ${KEEP:+-keep "$KEEP"} ${5:+$5} "$OMNIOPS" "$3"
	[ "$tap_failed" != 0 ] || printf '%s\n' "$tap_output" | sed 's/^/# /'
}

if go_need references/oracle references/oracle-1.9; then
	compare "templates have the operator's bytes" oracle bytes 600
	compare "verdicts on templates are those of Omni 1.9" oracle-1.9 verdicts 800
	compare "templates become the same resources" oracle resources 300 "-rules=1.10"
	compare "with the rules of Omni 1.9, those of omnictl 1.9" oracle-1.9 resources 300
	compare "plans have the same operations in the same order" oracle plans 300 "-rules=1.10"
else
	skip "the references" "they cannot be built: $(go_reason)"
fi
finish
