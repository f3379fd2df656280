#!/bin/bash
# Ways into a cluster, handed out by the real Omni: as omnictl gets them, and as its proxy of the Kubernetes API takes them.
set -u
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/omni/lib.sh
trap 'omni_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM
{ command -v jq && python3 -c "import yaml"; } >/dev/null 2>&1 || { skip "kubeconfig of a real Omni" "jq or Python's yaml is missing"; finish; }
omni_need "kubeconfig of a real Omni"
omni_start ways || { fail "Omni starts"; finish; }
export OMNI_ENDPOINT=$omni_endpoint SSL_CERT_FILE=$omni_ca OMNIOPS_OMNI_KEY_FILE=$omni_key HOME=$room
unset KUBECONFIG TALOSCONFIG
omni_account see Reader
omni_account none None
printf 'kind: Cluster\nname: demo\nkubernetes: {version: v1.35.1}\ntalos: {version: v1.13.3}\n---\nkind: ControlPlane\nmachines: []\n' >"$room/demo.yaml"
omni_ctl cluster template sync -f "$room/demo.yaml" >/dev/null || { fail "a cluster is made"; finish; }

omniops() { omni_in "$OMNIOPS" "$@"; }
as() { OMNIOPS_OMNI_KEY_FILE=$omni_dir/$1.key "${@:2}"; }
json() { python3 -c 'import json,sys,yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1])), sort_keys=True))' "$1"; }
reads() { json "$1" | jq -e "$2" >/dev/null || { cat "$1"; return 1; }; }
claims() { sed -n 's/.*token: [^.]*\.\([^.]*\)\..*/\1/p' "$1" | tr '_-' '/+' | awk '{ while (length($0) % 4) $0 = $0 "="; print }' | base64 -d; }
without_token() { json "$1" | sed 's/"token": "[^"]*"/"token": ""/'; }
same_as_omnictl() { # FILE, arguments of omnictl…: but for the token
	local file=$1
	shift
	omni_ctl "$@" --merge=false --force "$room/theirs" >"$room/said" 2>&1 || { cat "$room/said"; return 1; }
	diff <(without_token "$room/theirs") <(without_token "$file")
}
proxy_answers() { # FILE, HTTP status: the proxy asks the cluster, of which there is no machine
	local server token
	server=$(json "$1" | jq -r '.clusters[0].cluster.server') token=$(json "$1" | jq -r '.users[0].user.token')
	printf 'header = "Authorization: Bearer %s"\n' "${3:-$token}" >"$room/curl"
	omni_in curl -s -m 20 --cacert "$omni_ca" -K "$room/curl" -o "$room/answer" -w '%{http_code}' "$server/version" >"$room/code"
	grep -qE "^($2)\$" "$room/code" || { cat "$room/code" "$room/answer"; return 1; }
}

check "a token" exits 0 omniops kubeconfig demo --user me --groups a,b --ttl 1h -o "$room/config"
check "… as omnictl gets it" same_as_omnictl "$room/config" kubeconfig --cluster demo --service-account --user me --groups a,b --ttl 1h
check "… says who, and for how long" bash -c "$(declare -f claims); claims '$room/config' | jq -e '.sub == \"me\" and .groups == [\"a\", \"b\"] and .exp - .iat == 3600'"
check "… until when was told" complains "valid until $(date -u -d "@$(claims "$room/config" | jq .exp)" +%FT%TZ)"
check "the proxy takes it, and finds no machine" proxy_answers "$room/config" '5..'
check "… but none that somebody made up" proxy_answers "$room/config" 401 eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.AAAA
check "a token for nobody in particular" exits 0 omniops kubeconfig demo -o "$room/plain"
check "… is taken, too" proxy_answers "$room/plain" '5..'
check "for people who log in" as see exits 0 omniops kubeconfig demo --oidc -o "$room/oidc"
check "… as omnictl gets it" bash -c "true; $(declare -f omni_in omni_ctl json without_token same_as_omnictl); $(declare -p room omni_pid omni_endpoint omni_ca omni_dir omnictl); omni_enter='${omni_enter:-}'; omni_key=$omni_dir/see.key; same_as_omnictl '$room/oidc' kubeconfig --cluster demo"
check "a talosconfig" exits 0 omniops talosconfig demo -o "$room/talos"
check "… as omnictl gets it" same_as_omnictl "$room/talos" talosconfig --cluster demo
check "… of all" exits 0 omniops talosconfig -o "$room/all"
check "… as omnictl gets it" same_as_omnictl "$room/all" talosconfig
check "joined into a file" exits 0 omniops kubeconfig demo --oidc --merge -o "$room/config"
check "… beside the token" reads "$room/config" '(.users | length) == 2 and ."current-context" == "rig-demo"'

check "a reader gets no token" as see exits 1 omniops kubeconfig demo
check "… and is told which role it takes" complains 'the role of the service account is too low'
check "nobody without a role gets anything" as none exits 1 omniops kubeconfig demo --oidc
check "… nor a talosconfig" as none exits 1 omniops talosconfig
check "no cluster, no way in" exits 1 omniops kubeconfig nope
check "… and it is said" complains 'there is no cluster "nope"'
check "past Omni there is none here" exits 1 omniops kubeconfig demo --break-glass
check "… and it is said what it takes" complains 'this Omni hands out no break-glass configurations'
check "… for talosctl, too" exits 1 omniops talosconfig demo --break-glass
check "ten years are allowed" exits 0 omniops kubeconfig demo --ttl 87600h
check "the server is still well after all that" exits 0 omniops get clusters
finish
