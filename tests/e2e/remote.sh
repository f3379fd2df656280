#!/bin/bash
# Commands and the agent against COSI servers with Omni's types and signatures: from the first apply to the last delete,
# several at once, keys in every place, and everything that can be wrong with the way.
set -u
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; cosi_stop; rm -rf "$room"' EXIT

cosi_need "commands and the agent on a COSI server"
cosi_start one -tls -controllers -account ci:Operator -account next:Operator -account weak:Reader || exit 1
port=$(sed -n 's/.*:\([0-9]*\)$/\1/p' <<<"$cosi_endpoint")
cp "$cosi_dir/ci.key" "$cosi_dir/next.key" "$cosi_dir/weak.key" "$cosi_ca" "$room"
omni=$cosi_endpoint
export OMNI_ENDPOINT=$omni SSL_CERT_FILE=$room/ca.pem OMNIOPS_OMNI_KEY_FILE=$room/ci.key
repository demo

with_key() { OMNIOPS_OMNI_KEY_FILE='' "$@"; } # none but those of the environment
state_json() { curl -fs "http://127.0.0.1:$http_port/api/v1/state"; }
shows() { state_json | grep -qF -- "$1"; }
metric() { curl -fs "http://127.0.0.1:$http_port/metrics" | sed -n "s/^$1{omni=[^}]*} //p"; }
logs() { grep -qF -- "$1" "$room/log"; }
has_calls() { cosi_ask counts | grep -q "\"$1\":"; }
writes() { cosi_ask calls | grep -cE '(Create|Update|Teardown|Destroy) '; }
really() { cosi_ask "resources?type=$1.omni.sidero.dev${2:+&id=$2}"; }
all_watch() { [ "$(metric omni_agent_omni_watched | sort -u)" = 1 ]; }

# --- commands -----------------------------------------------------------------------------------------------------------

check "status names the server, the account and the end of the key" exits 0 omniops status
check "… all of it" grep -qE '^Omni v1\.[0-9.]+ "rig" at https://127\.0\.0\.1:[0-9]+, as ci, key good until 20' "$room/out"
check "the same as JSON" exits 0 omniops status -o json
check "… with the account" says '"identity": "ci"'
check "a plan says what would be made" exits 2 omniops plan "$room/repo"
check "it is applied" exits 0 omniops apply --yes "$room/repo"
check "then nothing is left to do" exits 0 omniops plan "$room/repo"
check "get shows it" exits 0 omniops get clusters demo
no_mark_is_on_the_cluster() { ! really Clusters | grep omni.texashpc.com; }
check "no mark of ours is on the Cluster, where omnictl would show it" no_mark_is_on_the_cluster
check "… it stands beside it" grep -q 'omni.texashpc.com/owner: omniops' <(really MachineLabels)
cluster demo 4 >"$room/repo/demo.yaml"
check "a change is seen" exits 2 omniops plan "$room/repo"
check "… and applied" exits 0 omniops apply --yes "$room/repo"
check "… in Omni" has_workers demo 4
check "a snapshot" exits 0 omniops snapshot "$room/shot"
check "… plans like the Omni" exits 0 env -u OMNI_ENDPOINT "$OMNIOPS" plan --omni "dir:$room/shot" "$room/repo"
follow() {
	timeout 20 "$OMNIOPS" get machineclasses --watch >"$room/followed" 2>&1 &
	local follower=$!
	within 10 grep -q '^+ .* any ' "$room/followed" && really MachineClasses >"$room/class.yaml" &&
		sed -i 's/arch = amd64/arch = arm64/' "$room/class.yaml" && cosi_order put --data-binary @"$room/class.yaml" >/dev/null &&
		within 10 grep -q '^~ .* any ' "$room/followed"
	local result=$?
	kill "$follower"
	wait "$follower" 2>/dev/null
	return $result
}
check "get --watch shows what is there, and what changes" follow
check "drift is undone" exits 0 omniops apply --yes "$room/repo"
check "a deletion is held" exits 3 omniops delete demo </dev/null
check "… until it is approved" exits 0 omniops delete demo --approve-all
check "… and takes our record along" exits 1 grep -q omniops <(really MachineLabels)

# --- what is wrong with the way -----------------------------------------------------------------------------------------

check "a certificate that is not known" exits 1 env -u SSL_CERT_FILE "$OMNIOPS" status
check "… says what to give" complains --omni-ca-file
check "a file with it" exits 0 env -u SSL_CERT_FILE "$OMNIOPS" status --omni-ca-file "$room/ca.pem"
check "no check at all is warned of" exits 0 env -u SSL_CERT_FILE "$OMNIOPS" status --insecure-skip-tls-verify
check "… it is" complains "not verified"
check "a port where nobody listens" exits 1 omniops status --omni https://127.0.0.1:1
check "a host that does not exist" exits 1 omniops status --omni https://nowhere.invalid
check "no scheme" exits 1 omniops status --omni "127.0.0.1:$port"
check "… says what to write" complains "https://HOST"
check "no key" exits 1 with_key omniops status
check "… says where one goes" complains "OMNI_SERVICE_ACCOUNT_KEY"
check "a key that is none" exits 1 with_key env OMNI_SERVICE_ACCOUNT_KEY=c2VjcmV0LXRleHQ= "$OMNIOPS" status
check "… is not shown" exits 1 grep -qE 'c2VjcmV0|secret-text' "$room/err"
check "a key from the environment" exits 0 with_key env OMNI_SERVICE_ACCOUNT_KEY="$(cat "$room/ci.key")" "$OMNIOPS" status
check "the first variable that is set counts" exits 0 with_key env SIDERO_SERVICE_ACCOUNT_KEY="$(cat "$room/next.key")" \
	OMNI_SERVICE_ACCOUNT_KEY="$(cat "$room/ci.key")" "$OMNIOPS" status
check "… it does" says "as next"
check "also when it is empty" exits 1 with_key env SIDERO_SERVICE_ACCOUNT_KEY= \
	OMNI_SERVICE_ACCOUNT_KEY="$(cat "$room/ci.key")" "$OMNIOPS" status
check "… which is said" complains "SIDERO_SERVICE_ACCOUNT_KEY is set, but empty"
mkdir "$room/credentials" && (umask 077 && cp "$room/next.key" "$room/credentials/omni-key")
check "a credential of systemd" exits 0 with_key env CREDENTIALS_DIRECTORY="$room/credentials" "$OMNIOPS" status
check "… is used" says "as next"
chmod 644 "$room/next.key"
check "a key that others may read is warned of" exits 0 omniops status --omni-key-file "$room/next.key"
check "… it is" complains "chmod 600"
chmod 600 "$room/next.key"
check "an account that may only read" exits 1 omniops apply --yes --omni-key-file "$room/weak.key" "$room/repo"
check "a key of another Omni" exits 1 omniops status --omni-key-file "$room/none"

# --- only to addresses that are named -----------------------------------------------------------------------------------

mkdir "$room/declared" && cp "$room"/repo/*.yaml "$room/declared" && cat >"$room/declared/connection.yaml" <<END
apiVersion: omni.texashpc.com/v1alpha1
kind: OmniConnection
metadata: {name: main, namespace: omni}
spec:
  endpoint: https://localhost:$port
  auth: {serviceAccountSecretRef: {name: omni-key}}
END
cosi_order reset
check "an address that is only declared gets no key" exits 1 env -u OMNI_ENDPOINT "$OMNIOPS" plan "$room/declared"
check "… which is said" complains "--connection-key main=FILE"
check "… nor any call" exits 1 has_calls Get
check "with a key for that connection it is asked" exits 2 env -u OMNI_ENDPOINT "$OMNIOPS" plan \
	--connection-key "main=$room/ci.key" "$room/declared"
check "… at the declared address" says "https://localhost:$port"
check "a connection that is named" exits 2 env -u OMNI_ENDPOINT "$OMNIOPS" plan --connection "main=$omni" "$room/declared"

# --- the agent ----------------------------------------------------------------------------------------------------------

http_port=$(free_port)
sources="--source git+file://$room/repo --http 127.0.0.1:$http_port --connection main=$omni"
commit "four workers"
cosi_start two -tls -controllers -account ci:Operator || exit 1
cat "$cosi_ca" >>"$room/ca.pem"
(umask 077 && cp "$cosi_dir/ci.key" "$room/two.key")
two=$cosi_endpoint
cosi_use one
mkdir "$room/second" && cluster other 1 | sed 's/name: main/name: second/' >"$room/second/other.yaml" &&
	class | sed 's/name: main/name: second/' >"$room/second/class.yaml"
# shellcheck disable=SC2086
OMNIOPS_OMNI_KEY_FILE='' OMNI_ENDPOINT='' OMNI_SERVICE_ACCOUNT_KEY='' SIDERO_SERVICE_ACCOUNT_KEY="$(cat "$room/ci.key")" \
	"$OMNIOPS" agent $sources --source "dir:$room/second" --connection "second=$two" --connection-key "second=$room/two.key" \
	--interval 200ms --cache-dir "$room/cache" --status-dir "$room/status" --log-format json 2>>"$room/log" &
agent_pid=$!
check "an agent applies to one Omni" within 20 is_state demo InSync
check "… and to another" within 20 grep -q '"state": "InSync"' "$room/status/second.other.json"
check "it tells who it is" within 10 shows '"identity": "ci"'
check "both watch" within 10 all_watch
no_key_is_seen() { # a part of the key that is in no other text
	local part
	part=$(cut -c 400-440 "$room/ci.key")
	! tr '\0' '\n' <"/proc/$agent_pid/environ" | grep -qF "$part" && ! grep -rqF "$part" "$room/log" "$room/status" "$room/cache" &&
		! state_json | grep -qF "$part" && ! tr '\0' '\n' <"/proc/$agent_pid/cmdline" | grep -qF "$part"
}
check "the key is neither in the environment nor in anything written" no_key_is_seen
idle() { cosi_order reset; sleep 1; [ "$(cosi_ask calls | wc -l)" = 0 ]; }
check "an unchanged fleet makes no call" idle
drift() { really MachineSets demo-workers | sed 's/machinecount: 4/machinecount: 2/' >"$room/sets" && cosi_order put --data-binary @"$room/sets" >/dev/null; }
# what the server holds, by its first account
count_there() { omniops get machinesets demo-workers -o yaml 2>/dev/null | sed -n 's/.*machinecount: //p'; }
has_there() { [ "$(count_there)" = "$1" ]; }
check "somebody changes something in Omni" drift
check "… and it is undone" within 10 has_there 4
cosi_order vanish -d ms=15000 >/dev/null
check "an Omni that stays away is told" within 25 shows '"up": false'
is_told_once() { [ "$(grep -c 'it does not answer' "$room/log")" = 1 ]; }
check "… once" is_told_once
check "… the other is not touched" grep -q '"state": "InSync"' "$room/status/second.other.json"
check "it comes back" within 40 logs "it answers again"
check "… and is watched again" within 20 all_watch
cluster demo 5 >"$room/repo/demo.yaml"
commit "five"
check "… and written to" within 20 has_there 5
stop_agent
check "the agent ends" true

# --- keys that change ---------------------------------------------------------------------------------------------------

(umask 077 && cp "$room/weak.key" "$room/agent.key")
# shellcheck disable=SC2086
"$OMNIOPS" agent $sources --omni-key-file "$room/agent.key" --interval 200ms --cache-dir "$room/cache" --status-dir "$room/status" \
	--log-format json 2>>"$room/log" &
agent_pid=$!
check "an agent with a key that may only read" within 20 shows '"identity": "weak"'
cluster demo 6 >"$room/repo/demo.yaml"
commit "six"
check "… cannot write" within 20 is_state demo Failed
(umask 077 && cp "$room/next.key" "$room/new.key")
mv "$room/new.key" "$room/agent.key"
check "the next key is taken up while it runs" within 20 shows '"identity": "next"'
check "… and works" within 20 is_state demo InSync
echo broken >"$room/agent.key"
check "a broken one is not" within 20 logs "the old key stays in use"
cluster demo 7 >"$room/repo/demo.yaml"
commit "seven"
check "… the old one goes on" within 20 has_there 7
rm "$room/repo/demo.yaml"
commit "gone"
check "a cluster that disappears is held" within 20 is_state demo Held
check "… until it is approved in Omni" exits 0 omniops approve demo "$(plan_hash demo)"
check "… then it goes" within 20 is_gone clusters demo
stop_agent

# --- a server that comes later ------------------------------------------------------------------------------------------

repository_again() { cluster demo 2 >"$room/repo/demo.yaml" && commit again; }
cosi_stop one
check "a cluster comes again" repository_again
# shellcheck disable=SC2086
"$OMNIOPS" agent $sources --interval 200ms --cache-dir "$room/cache" --status-dir "$room/status" --log-format json 2>>"$room/log" &
agent_pid=$!
check "an agent starts without its Omni" within 20 shows '"up": false'
cosi_start one -listen "127.0.0.1:$port" -tls -controllers -account "ci:Operator=$room/ci.key" || exit 1
sleep 1 # long enough to fail at the certificate that it knows
cat "$cosi_ca" >>"$room/ca.pem"
check "a certificate that comes later is taken up while it runs" within 20 is_state demo InSync
stop_agent
rm -r "$room/status" # what the next one says, and not this one
# shellcheck disable=SC2086
"$OMNIOPS" agent $sources --interval 200ms --cache-dir "$room/cache" --status-dir "$room/status" --log-format json 2>>"$room/log" &
agent_pid=$!
check "another agent goes on" within 20 is_state demo InSync
check "SIGTERM ends it" kill -TERM "$agent_pid"
wait "$agent_pid"
code=$?
check "… well" test "$code" = 0
agent_pid=
finish
