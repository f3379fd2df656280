#!/bin/bash
# The compiler's static analyzer has nothing new to say. Checkers that are off in tests/analyze, and why:
#   DeprecatedOrUnsafeBufferHandling  wants the _s functions of Annex K, which no C library here has
#   valist.Uninitialized              does not understand va_start of clang 14's own headers
# The analyzer sees one file at a time and does not know that a helper of another file always returns false after a
# failure, so some paths that it walks do not exist: tests/build/analyze.known lists them, each with the reason.
# What is found differs between versions, so this is checked with one.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/analysis.sh
VERSION=14
known=tests/build/analyze.known
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# "file: message [checker]" once each, without positions, so that the list survives other changes.
findings() {
	find "$analyzed" -name '*.txt' -size +0 -exec cat {} + >"$said"
	sed -nE 's,^(\./)?([^:]+):[0-9]+:[0-9]+: (warning|error|fatal error): (.*),\2: \4,p' "$said" | sort -u
}
listed() { sed -n '/^#/d; s/ *| .*//p' "$known" | sort -u; }

nothing_new() {
	local new
	new=$(comm -23 <(findings) <(listed))
	[ -z "$new" ] && return
	echo "$new"
	cat "$said"
	return 1
}
nothing_old() { ! comm -13 <(findings) <(listed) | grep .; }

if ! clang --version 2>/dev/null | grep -q "version $VERSION\."; then
	skip "clang's analyzer has nothing new to say" "it is not clang $VERSION"
	finish
fi
check "clang's analyzer runs on every file" analyze
find "${XDG_CACHE_HOME:-$HOME/.cache}/omniops/analyzed" -type f -mtime +30 -delete
check "clang's analyzer has nothing new to say" nothing_new
check "what is listed as known is still said" nothing_old
finish
