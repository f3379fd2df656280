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
build_again() { (umask 077 && cd "$copy" && TZ=Asia/Tokyo make -s -j"$(nproc)" B=out VERSION="$(cat "$B/version")" all); }

check "the tree can be copied" copy_tree
check "the copy builds" build_again
for name in omniops omniops-argocd omniops-flux; do
	check "$name is the same in both" cmp "$B/$name" "$copy/out/$name"
done
finish
