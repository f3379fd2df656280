#!/bin/bash
# Connections and keys as objects of an API server: the key is what a Secret of the connection's namespace holds, at the
# address that the connection says; every namespace has its own. What is wrong with either is told on the connection.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/kube/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; kube_stop; cosi_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

kube_need "keys in Secrets"
cosi_need "keys in Secrets"
cosi_start one -play -pace 0.1 -account ci:Operator -account next:Operator && cosi_start two -controllers -account ci:Operator &&
	kube_start keys && kube_define || { fail "the servers come up"; finish; }
cosi_use one

ns=blue
kc() { kube_ctl -n "$ns" "$@"; }
apply() { kc apply -f - >"$room/applied" 2>&1 || { cat "$room/applied"; return 1; }; }
connection() { # endpoint
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniConnection
	metadata: {name: main}
	spec:
	  endpoint: $1
	  auth: {serviceAccountSecretRef: {name: omni-key}}
	END
}
cluster_of() { class | sed 's/, namespace: omni//'; echo ---; cluster "$1" 1 | sed 's/, namespace: omni//'; }
put_key() { kc create secret generic omni-key --from-file="serviceAccountKey=$1" --dry-run=client -o yaml | kc apply -f - >/dev/null; }
condition() { kc get "$1" "$2" -o "jsonpath={.status.conditions[?(@.type==\"$3\")].status} {.status.conditions[?(@.type==\"$3\")].message}"; }
is_condition() { [[ "$(condition "$1" "$2" "$3")" == $4 ]] || { condition "$1" "$2" "$3"; return 1; }; }
is_reached() { is_condition omniconnection main Ready 'True *'; }
is_unreached() { is_condition omniconnection main Ready "False *$1*"; }
version() { kc get omniconnection main -o 'jsonpath={.status.identity}'; }
is_identity() { [ "$(version)" = "$1" ] || { kc get omniconnection main -o yaml; return 1; }; }
holds() { cosi_ask "resources?type=Clusters.omni.sidero.dev&id=$1" | grep -q "id: $1"; }
holds_not() { ! holds "$1"; }
used() { cosi_ask calls | grep -q " $1"; }

port=$(free_port)
for namespace in blue green; do kube_ctl create namespace $namespace >/dev/null; done
connection "$cosi_endpoint" | apply
"$OMNIOPS" agent --source "kubernetes:?all-namespaces=true" --kubeconfig "$kube_config" --settle 300ms --http "127.0.0.1:$port" \
	--annotate-after 0 --log-format json 2>>"$room/log" &
agent_pid=$!
check "the agent starts" within 20 curl -fsS "http://127.0.0.1:$port/readyz"

# --- what can be wrong with a key -------------------------------------------------------------------------------------

check "without its Secret a connection is not reached" within 10 is_unreached "omni-key"
check "one that lacks the key says which" eval 'kc create secret generic omni-key --from-literal=other=1 && within 10 is_unreached serviceAccountKey'
printf '  \n' >"$room/key"
check "an empty one" eval 'put_key "$room/key" && within 10 is_unreached "is empty"'
echo "export OMNI_SERVICE_ACCOUNT_KEY=$(cat "$cosi_dir/ci.key")" >"$room/key"
check "a block of variables" eval 'put_key "$room/key" && within 10 is_unreached "OMNI_SERVICE_ACCOUNT_KEY"'
echo 'no base64!' >"$room/key"
check "no base64" eval 'put_key "$room/key" && within 10 is_unreached "key is wrong"'
check "nothing of a key is told" eval '! kc get omniconnections,events -o yaml | grep -qF "no base64!"'
check "the right one: reached at once, without a cluster" eval 'put_key "$cosi_dir/ci.key" && within 10 is_reached'
check "and who it is" within 10 is_identity ci

# --- clusters ---------------------------------------------------------------------------------------------------------

cosi_machines 4 talos=1.13.3 label=omni.sidero.dev/arch=amd64 >/dev/null
check "a cluster" eval 'cluster_of demo | apply && within 20 holds demo'
check "becomes ready" within 60 is_condition omnicluster demo Ready 'True *'
check "and tells its machines" [ "$(kc get omnicluster demo -o 'jsonpath={.status.machines.healthy}')" = 4 ]

cosi_order reset >/dev/null
check "another key is used at once" eval 'put_key "$cosi_dir/next.key" && within 10 is_identity next'
check "and the cluster goes on with it" eval 'kc patch omnicluster demo --type merge -p "{\"metadata\":{\"labels\":{\"x\":\"y\"}},\"spec\":{\"labels\":{\"x\":\"y\"}}}" && within 10 used next'
echo broken >"$room/key"
check "a key that cannot be used is told" eval 'put_key "$room/key" && within 10 is_unreached "base64"'
check "and the old one stays in use" eval 'kc patch omnicluster demo --type merge -p "{\"spec\":{\"labels\":{\"x\":\"z\"}}}" && within 10 eval "cosi_ask \"resources?type=Clusters.omni.sidero.dev&id=demo\" | grep -q \"x: z\""'
check "until there is a good one" eval 'put_key "$cosi_dir/ci.key" && within 10 is_identity ci'

# --- another namespace ------------------------------------------------------------------------------------------------

ns=green
cosi_order reset >/dev/null
check "the same address in another namespace" eval 'connection "$cosi_endpoint" | apply && cluster green 1 | sed "s/, namespace: omni//" | apply'
check "is not reached with the key of the first" eval 'within 10 is_unreached "omni-key" && sleep 1 && holds_not green'
check "but with its own" eval 'put_key "$cosi_dir/next.key" && within 10 is_identity next && within 20 holds green'
ns=blue
check "the first one keeps its own" is_identity ci
check "neither takes the other's cluster for one that nobody declares" eval '! grep -E "\"(Held|Frozen)\"" "$room/log"'

# --- another address --------------------------------------------------------------------------------------------------

cosi_use two
cp "$cosi_dir/ci.key" "$room/two.key"
two=$cosi_endpoint
check "a connection that leads elsewhere" eval 'put_key "$room/two.key" && connection "$two" | apply && within 20 holds demo'
cosi_use one
check "leaves what is in the first Omni" holds demo
check "a machine class is there, too" eval 'cosi_use two && cosi_ask "resources?type=MachineClasses.omni.sidero.dev" | grep -q "id: any"'

# --- the end ----------------------------------------------------------------------------------------------------------

cosi_use two
check "a connection that is deleted waits for its clusters" eval 'kc delete omniconnection main --wait=false && sleep 1 && kc get omniconnection main'
check "whose deletion goes through it" eval 'kc delete omnicluster demo --timeout=30s && holds_not demo'
check "then it goes" within 10 eval '! kc get omniconnection main'
check "no key is in the log" eval '! grep -qF "$(cut -c 100-160 "$cosi_dir/ci.key" | head -n 1)" "$room/log"'
stop_agent
finish
