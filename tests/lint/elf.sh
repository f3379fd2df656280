#!/bin/bash
# What was built is hardened and links what it should, nothing else.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh

THIN='libc\.so\.6|libm\.so\.6'
AGENT='libc\.so\.6|libm\.so\.6|libgit2\.so\..*|libyaml-0\.so\..*|libz\.so\..*|libcurl\.so\..*|libjansson\.so\..*|libmicrohttpd\.so\..*|libprotobuf-c\.so\..*|libcrypto\.so\..*|libssl\.so\..*|libzstd\.so\..*|libseccomp\.so\..*|libpthread\.so\..*'

position_independent() { readelf -h "$1" | grep -q 'Type: *DYN' && readelf -d "$1" | grep -q 'PIE'; }
stack_not_executable() { readelf -lW "$1" | grep GNU_STACK | grep -qv 'RWE'; }
read_only_after_start() { readelf -lW "$1" | grep -q GNU_RELRO && readelf -d "$1" | grep -qE 'BIND_NOW|NOW'; }
no_search_path() { ! readelf -d "$1" | grep -E 'RPATH|RUNPATH'; }
no_text_relocations() { ! readelf -d "$1" | grep TEXTREL; }
checks_stack() { readelf -sW --dyn-syms "$1" | grep -q __stack_chk_fail; }
checks_buffers() { readelf -sW --dyn-syms "$1" | grep -qE '__[a-z]+_chk'; }
needs_only() { ! readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vxE "$2"; }
no_machine_path() { ! strings -a "$1" | grep -F "$PWD/" | head -n 3 | grep .; }

for name in omniops omniops-argocd omniops-flux; do
	program=$B/$name
	[ -x "$program" ] || continue
	allowed=$THIN
	[ $name = omniops ] && allowed=$AGENT
	check "$name is position independent" position_independent "$program"
	check "$name has a stack without code" stack_not_executable "$program"
	check "$name resolves everything at start and then locks its tables" read_only_after_start "$program"
	check "$name searches no library paths of its own" no_search_path "$program"
	check "$name has no text relocations" no_text_relocations "$program"
	check "$name checks its stack" checks_stack "$program"
	check "$name checks buffer sizes" checks_buffers "$program"
	check "$name links only the libraries it should" needs_only "$program" "$allowed"
	check "$name knows no path of the checkout" no_machine_path "$program"
done
[ "$tap_count" -gt 0 ] || fail "no program was built"
finish
