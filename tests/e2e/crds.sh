#!/bin/sh
# Our CustomResourceDefinitions and the checks of files against the API server's own validation code: the definitions are
# created (structural, rules compile, cost within the budget), manifests of tests/golden/kinds are admitted or refused,
# also as updates, and thousands of mutated manifests get the same verdict from both. Needs Go and its module proxy.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/gobuild.sh
B=${B:-build}
work=$(mktemp -d "${TMPDIR:-/tmp}/crds.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

if ! go_need crds/server; then
	if [ -z "${go_log:-}" ]; then
		skip "the API server's validation agrees" "$(go_reason)"
	elif grep -qE 'dial tcp|no such host|not available|connection refused|timeout' "$go_log"; then
		skip "the API server's validation agrees" "the Go module proxy cannot be reached"
	else
		fail "the test program builds"
		sed 's/^/# /' "$go_log"
	fi
	finish
fi
verdicts=$B/tests/unit/render_kind_corpus_test
[ -x "$verdicts" ] || make -s B="$B" "$verdicts" >"$work/log" 2>&1 || sed 's/^/# /' "$work/log"
"$go_dir/server" . "$verdicts"
