#!/bin/sh
# render/talos_schema_data.c is what its generator prints. Needs Go and its module proxy.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/schema.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
text="the table of Talos's fields is up to date"

if [ -z "${GO:-$(command -v go)}" ]; then
	skip "$text" "no Go"
elif ! tests/gen/talos-schema/renew.sh "$work/data.c" >"$work/log" 2>&1; then
	if grep -q 'cannot get' "$work/log"; then
		skip "$text" "$(grep 'cannot get' "$work/log" | head -n 1)"
	else
		fail "$text"
		sed 's/^/# /' "$work/log"
	fi
else
	check "$text" diff -u render/talos_schema_data.c "$work/data.c"
fi
finish
