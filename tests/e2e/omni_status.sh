#!/bin/bash
# Status and health with the real Omni, where no machine ever comes: watches of one cluster alone, its tree as omnictl
# prints it, and what is missing.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/omni/lib.sh
trap 'omni_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM
omni_need "the status of a cluster"
omni_start status && omni_provider proxmox || { fail "Omni starts"; finish; }
export OMNI_ENDPOINT=$omni_endpoint OMNIOPS_OMNI_KEY_FILE=$room/key OMNIOPS_OMNI_CA_FILE=$omni_ca
(umask 077 && cp "$omni_key" "$room/key")

name=talos-prod-01
ops() { omni_in "$OMNIOPS" "$@"; }
same_tree() {
	omni_ctl cluster status $name -w 0s 2>/dev/null | sed 's/ *$//' >"$room/theirs"
	ops status $name 2>/dev/null | sed '/^$/,$d; /── Talos Upgrade /d' >"$room/ours"
	[ -s "$room/theirs" ] && diff "$room/theirs" "$room/ours"
}
waiting() { [ "$(omni_in "$OMNIOPS" status $name -o json 2>/dev/null | grep -c '"code": "MachinesMissing"')" = 1 ]; }

ops health --wait --timeout 20s $name >/dev/null 2>"$room/waits" &
waiter=$!
check "a cluster is applied" exits 0 ops apply --yes --approve-all examples/homelab/plan
check "machines are missing" within 10 waiting
check "… and that is said at the limit" exits 1 ops health --wait --timeout 1s $name
check "… by class" complains "machine set $name-workers has 0 of 2 machines of class matrix-worker"
check "the tree is that of omnictl" within 5 same_tree
check "another cluster is another's" exits 1 ops health --wait --timeout 1s talos-prod
check "… and is not there" complains "there is no cluster talos-prod after 1 s"
check "all in one table" exits 0 ops status
check "… with whose it is" bash -c "grep -q '^$name  *SCALING_UP Not Ready  .*omniops' '$room/out'"
check "the cluster is destroyed" exits 0 ops delete --yes --approve-all --timeout 20s $name
wait $waiter
check "who waited is told that it goes, or is gone" [ $? = 1 ]
check "… and was told of what it waited for" grep -q "SCALING_UP Not Ready" "$room/waits"
finish
