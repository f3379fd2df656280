#!/bin/bash
# `make install` writes what it should, as nobody special, and `make uninstall` leaves nothing.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
make_it() { make -s B="$B" DESTDIR="$stage" PREFIX=/usr "$@"; }
installed() { (cd "$stage" && find . -type f -printf '%m %P\n' | LC_ALL=C sort); }

programs() { # all three, executable
	for name in omniops omniops-argocd omniops-flux; do
		installed | grep -qx "755 usr/bin/$name" || { installed; return 1; }
	done
}
has() { installed | grep -qE "^644 usr/$1\$" || { installed; return 1; }; }
runs() { "$stage/usr/bin/omniops" version; }
leaves_nothing() { [ -z "$(find "$stage" -mindepth 1 -type f)" ] && [ ! -d "$stage/usr/share" ] || { find "$stage"; return 1; }; }
only_ours() { ! installed | grep -vE '^(755 usr/bin/omniops(-argocd|-flux)?|644 usr/(share|lib/systemd)/.*)$'; }

check "make install succeeds" make_it install
check "the programs are there" programs
check "the manual is there" has 'share/man/man1/omniops\.1'
check "completion for bash is there" has 'share/bash-completion/completions/omniops'
check "completion for zsh is there" has 'share/zsh/site-functions/_omniops'
check "completion for fish is there" has 'share/fish/vendor_completions\.d/omniops\.fish'
check "the CRDs are there" has 'share/omniops/crds/.*\.yaml'
check "the licence is there" has 'share/doc/omniops/LICENSE'
check "nothing else is there" only_ours
check "the installed program runs" runs
check "make uninstall succeeds" make_it uninstall
check "nothing is left" leaves_nothing
finish
