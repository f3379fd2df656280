#!/bin/bash
# A key that ends while the agent runs, with the real Omni: said beforehand and when it happens, and over when it is renewed.
set -u
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/omni/lib.sh
trap 'stop_agent; omni_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM
omni_need "a key ends"
omni_start ends || { fail "Omni starts"; finish; }
export OMNI_ENDPOINT=$omni_endpoint SSL_CERT_FILE=$omni_ca OMNIOPS_OMNI_KEY_FILE=$room/key
repository demo

take_key() { (umask 077 && sed -n 's/.*OMNI_SERVICE_ACCOUNT_KEY=//p' >"$room/new.key") && [ -s "$room/new.key" ] && mv "$room/new.key" "$room/key"; }
short_key() { omni_ctl serviceaccount create --use-user-role=false --role Operator --ttl 15s short 2>&1 | take_key; }
renewed() { omni_ctl serviceaccount renew short 2>&1 | take_key; }
logs() { grep -qF -- "$1" "$room/log"; }
state_json() { omni_in curl -fs http://127.0.0.1:8080/api/v1/state; }
shows() { state_json | grep -qF -- "$1"; }
has_there() { [ "$(omni_ctl get machinesets demo-workers -o yaml 2>/dev/null | sed -n 's/.*machinecount: //p')" = "$1" ]; }

check "an account with a key for a quarter of a minute" short_key
omni_in "$OMNIOPS" agent --source "git+file://$room/repo" --interval 200ms --cache-dir "$room/cache" --status-dir "$room/status" \
	--log-format json 2>>"$room/log" &
agent_pid=$!
check "an agent works with it" within 12 is_state demo InSync
check "… and warns" within 5 logs "the service-account key expires soon"
check "it ends" within 30 logs "the service-account key has expired"
cluster demo 3 >"$room/repo/demo.yaml"
commit three
check "a commit is not applied then" within 20 is_state demo Failed
check "… and the state says what to do" shows "omnictl serviceaccount renew short"
check "… and that this Omni is not to be reached" shows '"up": false'
check "a command says it, too" exits 1 omni_in "$OMNIOPS" status
check "… with the date and what to do" complains "expired at 20"
check "the key is renewed" renewed
check "… taken up" within 20 logs "the new key is in use"
check "… and the commit applied" within 30 has_there 3
check "… by an Omni that is up" within 10 shows '"up": true'
finish
