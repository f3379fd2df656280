#!/bin/sh
# Our YAML reader and writer against those of the references, over values made at random: the reader of Kubernetes
# clients, and the one that Omni and the operator read and write with. Needs Go and its module proxy.
#   YAML_SEED=7 YAML_COUNT=1000000 tests/e2e/yaml.sh   looks longer
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/gobuild.sh
B=${B:-build}

compare() { # text, mode
	if [ "$built" = yes ]; then
		check "$1" "$go_dir/reference" "$B/tests/rig/yaml/values" "$2" "${YAML_SEED:-1}" "${YAML_COUNT:-40000}"
		printf '%s\n' "$tap_output" | tail -n 1 | sed 's/^/# /'
	else
		skip "$1" "the reference cannot be built: $(go_reason)"
	fi
}

[ -x "$B/tests/rig/yaml/values" ] || make -s B="$B" "$B/tests/rig/yaml/values"
built=no
go_need yaml/reference && built=yes
compare "scalars mean what they mean to Kubernetes clients" k
compare "scalars mean what they mean to omnictl" o
compare "values are written as the operator writes them" e
finish
