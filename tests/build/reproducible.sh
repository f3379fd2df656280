#!/bin/bash
# The same sources give the same bytes, in another directory, with another build directory, time zone and umask.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
copy=$(mktemp -d)/a/longer/way/down
trap 'rm -rf "${copy%/a/longer/way/down}"' EXIT

copy_tree() {
	mkdir -p "$copy"
	cp -R Makefile mk base crds render agent plugin-argocd flux scripts LICENSE README.md docs deploy "$copy"/ 2>/dev/null
	[ -d "$copy/base" ]
}
make_copy() { (umask 077 && cd "$copy" && TZ=Asia/Tokyo make -j"$(nproc)" VERSION="$(cat "$B/version")" "$@" all); }
compiles_nothing() { ! make_copy B="$copy/out" | grep -E '^ +(CC|LINK) '; }

check "the tree can be copied" copy_tree
check "the copy builds" make_copy B=out
check "another name of the same build directory compiles nothing again" compiles_nothing
for name in omniops omniops-argocd omniops-flux; do
	check "$name is the same in both" cmp "$B/$name" "$copy/out/$name"
done
finish
