#!/bin/sh
# Our CustomResourceDefinitions and the checks of files against the API server's own validation code: the definitions are
# created (structural, rules compile, cost within the budget), manifests of tests/golden/kinds are admitted or refused,
# also as updates, and thousands of mutated manifests get the same verdict from both. Needs Go and its module proxy.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
B=${B:-build}
GO=${GO:-$(command -v go || true)}
work=$(mktemp -d "${TMPDIR:-/tmp}/crds.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

build_server() {
	(
		proxy=${GOPROXY:-$("$GO" env GOPROXY)}
		export GOPROXY="${proxy%,direct}" GOTOOLCHAIN=local
		cd tests/rig/crds && "$GO" build -buildvcs=false -o "$work/server" .
	) >"$work/log" 2>&1
}

if [ -z "$GO" ]; then
	skip "the API server's validation agrees" "Go is missing"
	finish
fi
if ! build_server; then
	if grep -qE 'dial tcp|no such host|not available|connection refused|timeout' "$work/log"; then
		skip "the API server's validation agrees" "the Go module proxy cannot be reached"
	else
		fail "the test program builds"
		sed 's/^/# /' "$work/log"
	fi
	finish
fi
verdicts=$B/tests/unit/render_kind_corpus_test
[ -x "$verdicts" ] || make -s B="$B" "$verdicts" >"$work/log" 2>&1 || sed 's/^/# /' "$work/log"
"$work/server" . "$verdicts"
