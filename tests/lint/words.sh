#!/bin/bash
# The tree stands alone: it names no path of somebody's machine and no document that is not here, and every script is
# one that the shell can read.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh

tracked() {
	git ls-files -co --exclude-standard 2>/dev/null | grep -vE '^(LICENSE$|tests/(golden|fuzz/corpus)/|deploy/helm/omniops/definitions$|.*\.(sum|mod)$)'
}

files=$(tracked)
[ -n "$files" ] || files=$(find . -type f -not -path './build*' -not -path './.git/*')

no_machine_paths() { # Argo CD's image has a home of its own; shellcheck disable=SC2086
	! grep -nIE "(^|[^a-zA-Z0-9_.\$}-])/(wor[k]/|roo[t]/|hom[e]/[a-z]+/)" $files /dev/null | grep -v '/hom[e]/argocd/cmp-server/'
}

no_registry_hosts() { # Go's own default is named once, where a Go is fetched; shellcheck disable=SC2086
	! grep -nIE '(proxy\.golan[g]|sum\.golan[g]|pypi|pythonhoste[d]|npmjs|deb\.debia[n]|crates)\.(org|io|com)' $files /dev/null |
		grep -v '^scripts/setup.sh:'
}

documents_exist() { # tests invent names; comment.md is an example of help
	local bad=0 name prose
	prose=$(grep -vE '^tests/(unit|e2e)/' <<<"$files")
	# shellcheck disable=SC2086
	for name in $(grep -ohIE '[A-Za-z0-9_-]+\.md\b' $prose /dev/null | sort -u | grep -vx comment.md); do
		grep -qE "(^|/)$name\$" <<<"$files" && continue
		grep -nIF "$name" $prose /dev/null | head -n 3
		bad=1
	done
	return $bad
}

no_white_space_at_ends() { # shellcheck disable=SC2086
	! grep -nIE '[[:blank:]]+$' $(grep -E '\.(c|h|sh|mk|go|proto)$|Makefile$' <<<"$files") /dev/null
}

scripts=$(for file in $files; do [ ! -s "$file" ] || echo "$file"; done | xargs awk 'FNR == 1 && /^#!/ { print FILENAME, $1 } { nextfile }')

scripts_parse() {
	local bad=0 file shell
	while read -r file shell; do
		case $shell in
		'#!/bin/sh') sh -n "$file" || bad=1 ;;
		'#!/bin/bash') bash -n "$file" || bad=1 ;;
		esac
	done <<<"$scripts"
	return $bad
}

programs_are_executable() {
	local bad=0 file
	while read -r file _; do
		[ -x "$file" ] || { echo "$file"; bad=1; }
	done <<<"$scripts"
	return $bad
}

check "no path of one machine" no_machine_paths
check "no package registry is named" no_registry_hosts
check "every document that is named is in the tree" documents_exist
check "no white space at the end of lines" no_white_space_at_ends
check "every script can be parsed" scripts_parse
check "every script is executable" programs_are_executable
finish
