#!/bin/bash
# --secret-dir: keys of OmniConnections as mounted Secrets, used only where the file beside them says; keys that are
# replaced and that end; one Omni under several spellings.
set -u
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; cosi_stop; rm -rf "$room"' EXIT

cosi_need "keys as mounted Secrets"
cosi_start one -tls -controllers -account ci:Operator -account next:Operator -account weak:Reader || exit 1
port=${cosi_endpoint##*:}
export SSL_CERT_FILE=$cosi_ca
repository demo
declared() { # endpoint, Secret, key
	cat >"$room/repo/connection.yaml" <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniConnection
	metadata: {name: main, namespace: omni}
	spec:
	  endpoint: $1
	  auth: {serviceAccountSecretRef: {name: $2${3:+, key: $3}}}
	END
}
secrets=$room/secrets
put_key() { (umask 077 && mkdir -p "$secrets/omni" && cp "$cosi_dir/$1.key" "$secrets/omni/.new" && mv "$secrets/omni/.new" "$secrets/omni/${2:-serviceAccountKey}"); }
with_secrets() { omniops "$@" --secret-dir "$secrets" "$room/repo"; }
no_calls() { [ "$(cosi_ask calls | wc -l)" = 0 ]; }

# --- commands -----------------------------------------------------------------------------------------------------------

declared "https://localhost:$port" omni
cosi_order reset >/dev/null
check "a Secret that is not there" exits 1 with_secrets plan
check "… says what to write where" complains "$secrets/omni/endpoint does not say"
put_key ci
check "a key without an endpoint is not used" exits 1 with_secrets plan
check "… and says so" complains "write the address into that file"
echo "https://omni.example.org" >"$secrets/omni/endpoint"
check "one for another address is not used" exits 1 with_secrets plan
check "… and says so" complains 'at "https://omni.example.org" only'
check "nobody was called so far" no_calls
echo "https://LOCALHOST:$port/" >"$secrets/omni/endpoint"
check "one for this address is, in any spelling" exits 2 with_secrets plan
check "a flag that names the address does not overrule the file" exits 1 with_secrets plan --connection "main=$cosi_endpoint"
check "… which is said" complains "leads to $cosi_endpoint"
mv "$secrets/omni/endpoint" "$room/endpoint"
check "without the file it is enough" exits 2 with_secrets plan --connection "main=$cosi_endpoint"
mv "$room/endpoint" "$secrets/omni/endpoint"
declared "https://localhost:$port" omni other
check "an entry that is not there" exits 1 with_secrets plan
check "… is named" complains "$secrets/omni/other"
put_key weak other
check "the entry that is named counts" exits 1 with_secrets apply --yes
check "… which may only read" complains "the role Reader"
declared "https://localhost:$port" .. secrets
check "names do not lead out of the directory" exits 1 with_secrets plan
check "… which is said" complains "file names"
declared "https://localhost:$port" omni
printf '  insecureSkipTLSVerify: true\n' >>"$room/repo/connection.yaml"
check "the declaration does not turn off TLS" exits 1 env -u SSL_CERT_FILE "$OMNIOPS" plan --secret-dir "$secrets" "$room/repo"
check "… the certificate is checked" complains --omni-ca-file
declared "https://localhost:$port" omni
check "a key of the connection comes first" exits 1 with_secrets apply --yes --connection-key "main=$cosi_dir/weak.key"

# --- the agent ----------------------------------------------------------------------------------------------------------

http_port=$(free_port)
state_json() { curl -fs "http://127.0.0.1:$http_port/api/v1/state"; }
shows() { state_json | grep -qF -- "$1"; }
agent() { # further flags
	"$OMNIOPS" agent --source "git+file://$room/repo" --http "127.0.0.1:$http_port" --interval 200ms --cache-dir "$room/cache" \
		--status-dir "$room/status" --log-format json "$@" 2>>"$room/log" &
	agent_pid=$!
}
logs() { grep -qF -- "$1" "$room/log"; }
links() { state_json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["omnis"]))'; }
rm "$secrets/omni/endpoint"
commit "a connection"
agent --secret-dir "$secrets"
check "an agent waits for the word of whoever fills the directory" within 20 logs "does not say that the key beside it may be used"
echo "https://localhost:$port" >"$secrets/omni/endpoint"
check "… and goes on by itself" within 20 is_state demo InSync
check "… as that account" within 10 shows '"identity": "ci"'
put_key next
check "a Secret that is replaced is taken up" within 20 shows '"identity": "next"'
stop_agent
agent --omni "https://localhost:$port/" --connection "main=https://LocalHost:$port/path" --omni-key-file "$cosi_dir/ci.key"
check "one Omni in two spellings" within 20 shows '"identity": "ci"'
check "… is one" test "$(links)" = 1
check "… and shown in one" shows "\"https://localhost:$port\""
finish
