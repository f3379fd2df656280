#!/bin/sh
# Our YAML reader and writer against those of the references, over values made at random: the reader of Kubernetes
# clients, and the one that Omni and the operator read and write with. Needs Go and its module proxy.
#   YAML_SEED=7 YAML_COUNT=1000000 tests/e2e/yaml.sh   looks longer
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
B=${B:-build}
work=$(mktemp -d "${TMPDIR:-/tmp}/yaml.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

build_reference() {
	[ -n "${GO:-$(command -v go)}" ] || return 1
	(
		case ${GOPROXY:=$("${GO:-go}" env GOPROXY)} in *,direct) GOPROXY=${GOPROXY%,direct} ;; esac
		export GOPROXY GOTOOLCHAIN=local
		cd tests/rig/yaml/reference && "${GO:-go}" build -buildvcs=false -o "$work/reference" .
	) >"$work/log" 2>&1
}

compare() { # text, mode
	if [ -x "$work/reference" ]; then
		check "$1" "$work/reference" "$B/tests/rig/yaml/values" "$2" "${YAML_SEED:-1}" "${YAML_COUNT:-40000}"
		printf '%s\n' "$tap_output" | tail -n 1 | sed 's/^/# /'
	else
		skip "$1" "the reference cannot be built: $(tail -n 1 "$work/log")"
	fi
}

[ -x "$B/tests/rig/yaml/values" ] || make -s B="$B" "$B/tests/rig/yaml/values"
build_reference
compare "scalars mean what they mean to Kubernetes clients" k
compare "scalars mean what they mean to omnictl" o
compare "values are written as the operator writes them" e
finish
