#!/bin/bash
# Our CustomResourceDefinitions on a real API server: every rule of them refuses something and lets something pass, old
# objects become new ones or must not, and `omniops validate` says the same about thousands of objects; what it knows beyond
# that is in the table of tests/rig/crds/ours.go.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/rig/kube/lib.sh
trap kube_stop EXIT
trap 'exit 1' INT TERM

kube_need "a real API server agrees"
go_need crds/server || kube_unbuilt "a real API server agrees"
if ! kube_start admission || ! kube_define; then
	fail "the definitions are served"
	finish
fi
for namespace in $(grep -hoE '^  namespace: *[a-z0-9-]+$' -r tests/golden/kinds | awk '{ print $2 }' | sort -u); do
	kube_ctl get namespace "$namespace" >"$kube_dir/applied" 2>&1 || kube_ctl create namespace "$namespace" >"$kube_dir/applied"
done
"$go_dir/server" real -url "$kube_url" -pki "$kube_dir/pki" -omniops "$OMNIOPS" .
