#!/bin/sh
# Signatures of requests, verified by the library that Omni verifies them with, and by gpg: keys as that library and
# other tools make them, methods, headers and times at random. Needs Go and its module proxy.
#
#   N=20000 SEED=7 tests/oracle/signature.sh     more of them, others
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/gobuild.sh
B=${B:-build}
work=$(mktemp -d "${TMPDIR:-/tmp}/signature.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
sign=$B/tests/rig/signature/sign

gpg_verifies() { # kind
	mkdir -p -m 700 "$work/gpg-$1"
	base64 -d "$work/$1.sig.base64" >"$work/$1.sig" &&
		gpg --homedir "$work/gpg-$1" --batch --no-autostart --quiet --import "$work/$1.asc" &&
		gpg --homedir "$work/gpg-$1" --batch --no-autostart --trust-model always --verify "$work/$1.sig" "$work/$1.payload"
}

gpg_refuses_other_bytes() {
	sed 's/method/Method/' "$work/omni.payload" >"$work/other"
	gpg --homedir "$work/gpg-omni" --batch --no-autostart --status-fd 1 --verify "$work/omni.sig" "$work/other" |
		grep -q BADSIG
}

key_is_refused() { # kind, what is said
	"$verifier" -make "$1" | sed "s,\$,	1700000000	/a/B," | "$sign" | tee "$work/said"
	grep -qF "! the service-account key is wrong: the OpenPGP key in it (\"pgp_key\") cannot be used: $2" "$work/said"
}

built=no
[ -x "$sign" ] || make -s B="$B" "$sign"
go_need signature/verify && built=yes
if [ $built = yes ]; then
	verifier=$go_dir/verify
	check "Omni's library verifies what was signed" "$verifier" -n "${N:-2000}" -seed "${SEED:-1}" -keep "$work" "$sign"
	[ "$tap_failed" != 0 ] || printf '%s\n' "$tap_output" | sed 's/^/# /'
	check "a key of version 6 is named" key_is_refused v6 "it is an OpenPGP key of version 6"
	check "a key of RSA with 1024 bits is named" key_is_refused rsa1024 "its RSA key has 1024 bits"
	for kind in omni eddsa rsa2048 rsa4096 subkey; do
		if command -v gpg >/dev/null; then
			check "gpg verifies: $kind" gpg_verifies "$kind"
		else
			skip "gpg verifies: $kind" "there is no gpg"
		fi
	done
	! command -v gpg >/dev/null || check "gpg refuses other bytes" gpg_refuses_other_bytes
else
	skip "Omni's library verifies what was signed" "it cannot be built: $(go_reason)"
fi
finish
