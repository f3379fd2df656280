#!/bin/sh
# The offline checks of configuration patches against the references: Talos's own configuration loader (two minors), and
# the patch validation in Omni's client packages, over thousands of patches made at random. Needs Go and its module proxy.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/gobuild.sh
B=${B:-build}
COUNT=${PATCH_COUNT:-20000}
SEED=${PATCH_SEED:-1}
work=$(mktemp -d "${TMPDIR:-/tmp}/patches.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

# shellcheck disable=SC2086
build_ours() {
	make -s B="$B" "$B/librender.a" "$B/libcrds.a" "$B/libbase.a" &&
		${CC:-cc} -std=c17 -D_GNU_SOURCE -I. -I"$B/gen" -O1 -o "$work/ours" tests/rig/patches/ours/*.c \
			"$B/librender.a" "$B/libcrds.a" "$B/libbase.a" -lyaml -lcrypto
}

compare() { # text, reference program, which check, Talos, rules
	"$work/ours" make "$4" "$SEED" "$COUNT" >"$work/records" &&
		"$work/ours" "$4" "$5" <"$work/records" >"$work/verdicts"
	check "$1" "$go_dir/$2" "$3" "$work/records" "$work/verdicts"
	printf '%s\n' "$tap_output" | tail -n 1 | sed 's/^/# /'
}

# The hand-made cases: what ours says about them is in the golden files, here only yes or no.
compare_golden() {
	: >"$work/records"
	for file in tests/golden/patches/*.yaml; do
		grep -q '^# talos: v1.13' "$file" && ! grep -q '^# reference:' "$file" || continue
		wc -c <"$file" >>"$work/records"
		cat "$file" >>"$work/records"
	done
	"$work/ours" v1.13.9 loader <"$work/records" >"$work/verdicts"
	check "hand-made patches, Talos 1.13" "$go_dir/loader-1.13" loader "$work/records" "$work/verdicts"
}

# Documents that Talos tests itself with, read where the module proxy put them.
compare_documents() { # text, reference program, module file, Talos
	dir=$(cd tests/rig/patches && "$go_command" list -modfile="$3" -m -f '{{.Dir}}' github.com/siderolabs/talos/pkg/machinery)
	: >"$work/records"
	find "$dir/config" -name '*.yaml' | sort | while read -r file; do
		wc -c <"$file"
		cat "$file"
	done >"$work/records"
	"$work/ours" "$4" loader <"$work/records" >"$work/verdicts"
	check "$1" "$go_dir/$2" loader "$work/records" "$work/verdicts"
}

compare_with() { # text, name, which check, Talos, rules
	if go_need "patches/$2"; then
		compare "$@"
	else
		skip "$1" "the reference cannot be built: $(go_reason)"
	fi
}

if check "the program that tells our verdicts builds" build_ours && [ "$tap_failed" = 0 ]; then
	compare_with "Talos 1.13 agrees" loader-1.13 loader v1.13.9 loader
	[ ! -x "${go_dir:-}/loader-1.13" ] || compare_golden
	[ ! -x "${go_dir:-}/loader-1.13" ] || compare_documents "documents of Talos 1.13" loader-1.13 go.mod v1.13.9
	compare_with "Talos 1.14 agrees" loader-1.14 loader v1.14.1 loader
	[ ! -x "${go_dir:-}/loader-1.14" ] || compare_documents "documents of Talos 1.14" loader-1.14 talos-1.14.mod v1.14.1
	compare_with "Omni 1.9 agrees" omni-1.9 omni v1.13.9 1.9
fi
finish
