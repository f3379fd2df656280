#!/bin/bash
# The compiler's static analyzer has nothing to say. Checkers that are off, and why:
#   DeprecatedOrUnsafeBufferHandling  wants the _s functions of Annex K, which no C library here has
#   valist.Uninitialized              does not understand va_start of clang 14's own headers
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh

quiet() {
	make -s -k -j"$(nproc)" B="$B/analyze-build" CC=clang check-analyze || return 1
	find "$B/analyze-build/analyze" -name '*.txt' -size +0 -exec cat {} + >"$TMPDIR/said"
	[ ! -s "$TMPDIR/said" ] || { cat "$TMPDIR/said"; return 1; }
}

if command -v clang >/dev/null; then
	check "clang's analyzer is quiet" quiet
else
	skip "clang's analyzer is quiet" "no clang"
fi
finish
