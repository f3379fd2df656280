#!/bin/bash
# Ways into a cluster, with a server that hands them out as Omni does: who they are for, where they are written, what is
# joined into a file that is there, and that no token is told to anybody else.
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
trap 'cosi_stop; rm -rf "$room"' EXIT

{ command -v jq && python3 -c "import yaml"; } >/dev/null 2>&1 || { skip "kubeconfig and talosconfig" "jq or Python's yaml is missing"; finish; }
cosi_need "kubeconfig and talosconfig"
cosi_start one -tls -account ci:Operator -account see:Reader -account none:None || exit 1
export OMNI_ENDPOINT=$cosi_endpoint SSL_CERT_FILE=$cosi_ca OMNIOPS_OMNI_KEY_FILE=$cosi_key HOME=$room/home
unset KUBECONFIG TALOSCONFIG
mkdir "$HOME"
cluster demo 1 >"$room/demo.yaml"
class >>"$room/class.yaml"
exits 0 omniops apply --approve-all --yes "$room/class.yaml" "$room/demo.yaml" || { cat "$room/err"; exit 1; }
as() { OMNIOPS_OMNI_KEY_FILE=$cosi_dir/$1.key "${@:2}"; }
mode() { [ "$(stat -c %a "$1")" = "$2" ] || { stat "$1"; return 1; }; }
reads() { # FILE, jq expression of what it says as JSON
	python3 -c 'import json,sys,yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))' "$1" | jq -e "$2" >/dev/null || { cat "$1"; return 1; }
}
claims() { # what the token says
	sed -n 's/.*token: [^.]*\.\([^.]*\)\..*/\1/p' "$1" | tr '_-' '/+' | awk '{ while (length($0) % 4) $0 = $0 "="; print }' | base64 -d
}
says_claims() { claims "$1" | jq -e "$2" >/dev/null || { claims "$1"; return 1; }; }
keeps_quiet() { ! grep -E 'eyJ|token:' "$room/err" || return 1; }

# --- printed ----------------------------------------------------------------------------------------------------------

check "a kubeconfig is printed" exits 0 omniops kubeconfig demo --user me --groups a,b --ttl 1h
check "… which leads to the cluster" reads "$room/out" '."current-context" == "rig-demo-me" and .clusters[0].cluster.server == "https://127.0.0.1:8095"'
check "… as the user, in the groups, for the time" says_claims "$room/out" '.sub == "me" and .groups == ["a", "b"] and .cluster == "demo" and .exp - .iat == 3600'
check "… until when is told" complains "user me, groups a, b, valid until $(date -u -d "@$(claims "$room/out" | jq .exp)" +%FT%TZ)"
check "… and the token is not" keeps_quiet
check "without a name it is for the account that asks" exits 0 omniops kubeconfig demo
check "… for eight hours, in the group of everybody" says_claims "$room/out" '.sub == "ci" and .groups == ["system:authenticated"] and .exp - .iat == 28800'
check "… and is told to need a binding" complains 'names the user "ci"'

# --- refused ----------------------------------------------------------------------------------------------------------

check "the group of administrators is refused" exits 1 omniops kubeconfig demo --groups "x, system:masters"
check "… with the flag that allows it" complains '--allow-cluster-admin'
check "… and allowed with it" exits 0 omniops kubeconfig demo --groups system:masters --allow-cluster-admin
check "a cluster that is not there is named" exits 1 omniops kubeconfig nope
check "… with where it is not" complains "there is no cluster \"nope\" at $cosi_endpoint: omniops get clusters"
check "a token for too long is refused" exits 1 omniops kubeconfig demo --ttl 87601h
check "… with the limit" complains 'at most 87600h'
check "… also for no time at all" exits 1 omniops kubeconfig demo --ttl 500ms
check "a name that no header may hold is refused" exits 1 omniops kubeconfig $'de\nmo'
check "a user with control characters is refused" exits 1 omniops kubeconfig demo --user $'a\tb'
check "a reader gets no token" as see exits 1 omniops kubeconfig demo
check "… and is told which role it takes" complains 'the role of the service account is too low'
check "… but a way for people to log in" as see exits 0 omniops kubeconfig demo --oidc
check "… that holds no token" reads "$room/out" '.users[0].user.exec.command == "kubectl"'
check "two ways at once are refused" exits 1 omniops kubeconfig demo --oidc --break-glass
check "a user is none of people who log in" exits 1 omniops kubeconfig demo --oidc --user me
check "the way past Omni is asked for by name only" exits 1 omniops kubeconfig demo --break-glass
check "… and what it takes is said" complains 'this Omni hands out no break-glass configurations'
check "a directory hands out nothing" exits 1 omniops kubeconfig --omni "$omni" demo
exits 0 omniops apply --approve-all --yes --omni "$omni" "$room/class.yaml" "$room/demo.yaml"
check "… also of a cluster that is there" exits 1 omniops kubeconfig --omni "$omni" demo
check "… and says so" complains 'gives no kubeconfig: only an Omni does'
cosi_order reset >/dev/null
check "where nothing can be written" exits 1 omniops kubeconfig demo -o "$room/nowhere/config"
check "… no token is made" bash -c "! curl -fsS $cosi_control/counts | grep -q Kubeconfig"

# --- written ----------------------------------------------------------------------------------------------------------

(umask 000 && exits 0 omniops kubeconfig demo --user me -o "$room/k1")
check "a file is written" reads "$room/k1" '.users[0].user.token | length > 100'
check "… for its owner only" mode "$room/k1" 600
check "… which is not told what is in it" keeps_quiet
before=$(cat "$room/k1")
check "a file that is there is not replaced" exits 1 omniops kubeconfig demo --user me -o "$room/k1"
check "… with what to do" complains '--merge joins into it, --force replaces it'
check "… and stays" [ "$(cat "$room/k1")" = "$before" ]
check "… but with --force" exits 0 omniops kubeconfig demo --user you -o "$room/k1" --force
check "… as a whole" reads "$room/k1" '(.users | length) == 1 and .users[0].name == "rig-demo-you"'
check "nothing is left beside it" [ "$(ls -A "$room" | grep -c -E '^\.|\.lock$|\.tmp$')" = 0 ]
check "-o - prints" exits 0 omniops kubeconfig demo -o -
check "… and joins into nothing" exits 1 omniops kubeconfig demo -o - --merge
check "what is no file is not written to" exits 1 omniops kubeconfig demo -o /dev/null

# --- joined -----------------------------------------------------------------------------------------------------------

check "the usual file is made" exits 0 omniops kubeconfig demo --user me --merge
check "… for its owner only" mode "$HOME/.kube/config" 600
check "… in a folder of its owner's" mode "$HOME/.kube" 700
cat >"$HOME/.kube/config" <<'END'
# mine
apiVersion: v1
kind: Config
clusters:
- name: home # small
  cluster: {server: "https://10.0.0.1:6443"}
contexts:
- {name: home, context: {cluster: home, user: home}}
- name: far
  context: {cluster: home, user: home}
current-context: home # most days
users:
- name: home
  user: {token: HUSH}
END
cp "$HOME/.kube/config" "$room/before"
only_adds() { # lines of $room/before that are not in the file, but for current-context
	! diff "$room/before" "$1" | grep '^<' | grep -v current-context
}
check "a context is joined in" exits 0 omniops kubeconfig demo --user me --merge
check "… and is the current one" reads "$HOME/.kube/config" '."current-context" == "rig-demo-me" and (.contexts | length) == 3'
check "… every other line stays" only_adds "$HOME/.kube/config"
check "… as kubectl reads it" reads "$HOME/.kube/config" '.users[0].user.token == "HUSH" and .users[1].name == "rig-demo-me"'
check "… nothing of it is told" bash -c "! grep -E 'HUSH|eyJ' '$room/err'"
cp "$HOME/.kube/config" "$room/joined"
sleep 1 # a token of the same second would be the same
check "a new token takes the old one's place" exits 0 omniops kubeconfig demo --user me --merge
changed_lines() { [ "$(diff "$room/joined" "$HOME/.kube/config" | grep -c '^[<>]')" = "$1" ] || { diff "$room/joined" "$HOME/.kube/config"; return 1; }; }
check "… and nothing else changes" changed_lines 2
cp "$room/before" "$HOME/.kube/config"
check "the current context can stay" exits 0 omniops kubeconfig demo --oidc --merge --keep-context
check "… as it was" reads "$HOME/.kube/config" '."current-context" == "home" and (.contexts | length) == 3'
check "a login twice changes nothing" exits 0 omniops kubeconfig demo --oidc --merge --keep-context
check "… and says so" complains 'had already the context "rig-demo"'
sed 's/name: home # small/name: rig-demo/' "$room/before" >"$HOME/.kube/config"
check "a cluster of that name elsewhere is refused" exits 1 omniops kubeconfig demo --oidc --merge
check "… with where it leads" complains 'the cluster "rig-demo" is there already and leads to https://10.0.0.1:6443, not to https://127.0.0.1:8095: --force'
check "… and the file stays" diff <(sed 's/name: home # small/name: rig-demo/' "$room/before") "$HOME/.kube/config"
check "… but with --force" exits 0 omniops kubeconfig demo --oidc --merge --force
echo '{"kind": "Config", "users": [{"name": "home", "user": {"token": "HUSH"}}]}' >"$room/json"
check "a file in JSON is joined, too" exits 0 omniops kubeconfig demo --user me --merge -o "$room/json"
check "… in JSON" jq -e '(.users | length) == 2 and .users[0].user.token == "HUSH"' "$room/json"
check "… and it is said that it was written anew" complains 'written anew'
printf 'users:\n- name: x\n  user: {token: HUSH\n' >"$room/broken"
check "a broken file is refused" exits 1 omniops kubeconfig demo --merge -o "$room/broken"
check "… with its place" bash -c "grep -q '$room/broken: this is no kubeconfig: line' '$room/err' && ! grep HUSH '$room/err'"
KUBECONFIG=$room/none:$room/k1:$room/k2 check "of a list of files the first that is there is taken" exits 0 omniops kubeconfig demo --user me --merge
check "… as kubectl does" reads "$room/k1" '(.users | length) == 2'

# two at once: nobody's entry is lost
cp "$room/before" "$HOME/.kube/config"
both() {
	local i pids=()
	for i in 1 2 3 4 5 6; do
		"$OMNIOPS" kubeconfig demo --user "u$i" --merge 2>"$room/err.$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || { cat "$room"/err.?; return 1; }; done
	reads "$HOME/.kube/config" '(.users | length) == 7 and (.contexts | length) == 8'
}
check "six at once: nobody's entry is lost" both

# --- for talosctl -----------------------------------------------------------------------------------------------------

check "a talosconfig is printed" as see exits 0 omniops talosconfig demo
check "… of the cluster, for the account" reads "$room/out" '.context == "rig-demo" and .contexts["rig-demo"].cluster == "demo" and .contexts["rig-demo"].auth.siderov1.identity == "see"'
check "one of the whole Omni" exits 0 omniops talosconfig
check "… has no cluster" reads "$room/out" '.context == "rig" and (.contexts.rig | has("cluster") | not)'
check "of a cluster that is not there" exits 1 omniops talosconfig nope
check "… there is none" complains 'there is no cluster "nope"'
check "who may read nothing" as none exits 1 omniops talosconfig
check "… is told so" complains 'insufficient role'
check "the usual file of talosctl" exits 0 omniops talosconfig demo --merge
check "… is made" mode "$HOME/.talos/config" 600
printf '# mine\ncontext: home\ncontexts:\n  home: {endpoints: [10.0.0.1], key: HUSH} # here\n' >"$HOME/.talos/config"
check "… joined into" exits 0 omniops talosconfig demo --merge --keep-context
check "… keeps the rest" bash -c "grep -q '^# mine' '$HOME/.talos/config' && grep -q 'home: {endpoints: .10.0.0.1., key: HUSH} # here' '$HOME/.talos/config'"
check "… and the context" reads "$HOME/.talos/config" '.context == "home" and .contexts["rig-demo"].cluster == "demo"'
check "another account does not take its place" as see exits 1 omniops talosconfig demo --merge
check "… without --force" as see exits 0 omniops talosconfig demo --merge --force
check "the way past Omni is asked for by name only" exits 1 omniops talosconfig demo --break-glass
finish
