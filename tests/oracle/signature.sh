#!/bin/sh
# Signatures of requests, verified by the library that Omni verifies them with, and by gpg: keys as that library and
# other tools make them, methods, headers and times at random. Needs Go and its module proxy.
#
#   N=20000 SEED=7 tests/oracle/signature.sh     more of them, others
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
B=${B:-build}
work=$(mktemp -d "${TMPDIR:-/tmp}/signature.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
sign=$B/tests/rig/signature/sign
go=${GO:-$(scripts/setup.sh go 2>/dev/null)}

# Kept for the next run, one directory per state of the sources.
build_verifier() {
	[ -n "$go" ] || return 1
	key=$({ "$go" env GOVERSION; cat tests/rig/signature/verify/*; } | sha256sum | cut -c 1-16)
	cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/omniops
	verifier=$cache/signature-$key/verify
	mkdir -p "${verifier%/*}" || return 1
	find "$cache" -maxdepth 1 -name 'signature-*' -mtime +7 -exec rm -rf {} + 2>/dev/null
	touch "${verifier%/*}"
	[ ! -x "$verifier" ] || return 0
	(
		case ${GOPROXY:=$("$go" env GOPROXY)} in *,direct) GOPROXY=${GOPROXY%,direct} ;; esac
		export GOPROXY GOTOOLCHAIN=local
		cd tests/rig/signature/verify && "$go" build -buildvcs=false -o "$verifier.$$" . && mv "$verifier.$$" "$verifier"
	) >"$work/build.log" 2>&1
}

gpg_verifies() { # kind
	mkdir -p -m 700 "$work/gpg-$1"
	base64 -d "$work/$1.sig.base64" >"$work/$1.sig" &&
		gpg --homedir "$work/gpg-$1" --batch --no-autostart --quiet --import "$work/$1.asc" &&
		gpg --homedir "$work/gpg-$1" --batch --no-autostart --trust-model always --verify "$work/$1.sig" "$work/$1.payload"
}

gpg_refuses_other_bytes() {
	sed 's/method/Method/' "$work/omni.payload" >"$work/other"
	! gpg --homedir "$work/gpg-omni" --batch --no-autostart --verify "$work/omni.sig" "$work/other" 2>&1
}

key_is_refused() { # kind, what is said
	"$verifier" -make "$1" | sed "s,\$,	1700000000	/a/B," | "$sign" | tee "$work/said"
	grep -qF "! the service-account key is wrong: the OpenPGP key in it (\"pgp_key\") cannot be used: $2" "$work/said"
}

check "the program that signs builds" make -s B="$B" "$sign"
if [ "$tap_failed" = 0 ] && build_verifier; then
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
	skip "Omni's library verifies what was signed" "it cannot be built: $(tail -n 1 "$work/build.log" 2>/dev/null)"
fi
finish
