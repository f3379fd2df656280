#!/bin/bash
# The agent's listener: probes, status page, JSON, metrics, the two ways to say "look now".
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh

port=$(free_port)
base=http://127.0.0.1:$port
echo s3cret >"$room/secret"
repository one
start_agent --source "git+file://$room/repo?ref=main&interval=1h" --http "127.0.0.1:$port" --http-token-file "$room/secret" \
	--webhook-secret-file "$room/secret"
get() { curl -sS -m 5 "$base$1"; }
code() { curl -sS -m 5 -o /dev/null -w '%{http_code}' "$@"; }
check "the cluster is applied" within 10 is_state one InSync
check "healthy" [ "$(get /healthz)" = ok ]
check "ready" [ "$(get /readyz)" = ok ]
check "the page names the cluster and its state" bash -c "curl -sS $base/ | grep -q '>one <small>main</small></td>.*InSync'"
check "the page runs no script" bash -c "! curl -sS $base/ | grep -qi '<script'"
check "the state is JSON" bash -c "curl -sS $base/api/v1/clusters | python3 -c 'import json,sys; s=json.load(sys.stdin); sys.exit(s[\"clusters\"][-1][\"state\"] != \"InSync\")'"
check "one cluster is JSON" bash -c "curl -sS $base/api/v1/clusters/one | python3 -c 'import json,sys; json.load(sys.stdin)'"
check "an unknown cluster is 404" [ "$(code "$base/api/v1/clusters/none")" = 404 ]
check "an unknown path is 404" [ "$(code "$base/nothing")" = 404 ]
check "a wrong method is 405" [ "$(code -X DELETE "$base/")" = 405 ]
check "metrics count operations" bash -c "curl -sS $base/metrics | grep -q '^omni_agent_operations_total{op=\"create\"} 4'"
check "every metric has help and type" python3 - "$base" <<'END'
import sys, urllib.request, re
text = urllib.request.urlopen(sys.argv[1] + "/metrics", timeout=5).read().decode()
known = set()
for line in text.splitlines():
    if line.startswith("# TYPE "):
        known.add(line.split()[2])
        continue
    if line.startswith("#"):
        continue
    m = re.fullmatch(r'([a-z_]+)(\{([a-z_]+="(\\.|[^"\\])*",?)*\})? [-+0-9.eE]+', line)
    assert m, line
    assert m.group(1) in known, line
    assert not (m.group(1).endswith("_total") is False and False)
END
check "reconcile without token is refused" [ "$(code -X POST "$base/reconcile")" = 401 ]
check "with a wrong one, too" [ "$(code -X POST -H 'Authorization: Bearer wrong' "$base/reconcile")" = 401 ]
sed -i 's/size: 2/size: 4/' "$room/repo/one.yaml"
commit more
check "with the right one it is accepted" [ "$(code -X POST -H 'Authorization: Bearer s3cret' "$base/reconcile")" = 202 ]
check "and the agent looks" within 10 has_workers one 4

body='{"ref": "refs/heads/main"}'
signature=$(printf %s "$body" | openssl dgst -sha256 -hmac s3cret | sed 's/.* //')
check "a webhook without signature is refused" [ "$(code -X POST -d "$body" "$base/webhook")" = 401 ]
check "with a wrong one, too" [ "$(code -X POST -d "$body" -H "X-Hub-Signature-256: sha256=${signature%?}0x" "$base/webhook")" = 401 ]
n=4
for header in "X-Hub-Signature-256: sha256=$signature" "X-Gitea-Signature: $signature" "X-Hub-Signature: sha256=$signature" "X-Gitlab-Token: s3cret"; do
	sed -i "s/size: $n/size: $((n + 1))/" "$room/repo/one.yaml"
	n=$((n + 1))
	commit more
	sleep 1.1
	check "webhook with ${header%%:*}" [ "$(code -X POST -d "$body" -H "$header" "$base/webhook")" = 202 ]
	check "… makes the agent look" within 10 has_workers one $n
done
check "a webhook about another repository is only acknowledged" bash -c "
	b='{\"repository\": {\"clone_url\": \"https://git.example.com/other.git\"}}'
	curl -sS -X POST -d \"\$b\" -H 'X-Gitlab-Token: s3cret' $base/webhook | grep -q 'no source'"
check "the secret is nowhere in the log" bash -c "! grep -q s3cret '$room/log'"
before=$(get /metrics | grep '^omni_agent_omni_calls_total')
sleep 2
check "a fleet at rest makes no call" [ "$before" = "$(get /metrics | grep '^omni_agent_omni_calls_total')" ]
check "SIGHUP reads the sources again" bash -c "kill -HUP $agent_pid; sleep 0.5; grep -q 'reading all sources again' '$room/log'"
start=$(date +%s)
stop_agent
check "it stops within ten seconds" [ $(($(date +%s) - start)) -lt 10 ]

start_agent --source "git+file://$room/repo?ref=main&interval=1h" --http ":$port"
check "without an address it listens at all of them" within 10 get /healthz
base=http://[::1]:$port
if grep -q '^0*1 ' /proc/net/if_inet6 2>/dev/null; then check "… of IPv6 as well" within 10 get /healthz; fi
stop_agent
finish
