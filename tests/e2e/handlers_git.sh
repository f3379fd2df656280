#!/bin/bash
# What is looked after in and around clusters without an API server: declared in Git, Secrets in a directory, statuses in files.
cd "$ROOT" || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; cosi_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

command -v jq >/dev/null || { skip "handlers without Kubernetes" "jq is missing"; finish; }
cosi_need "handlers without Kubernetes"
cosi_start one -tls -account ci:Operator || { fail "Omni starts"; finish; }

kind_of() { # KIND NAME, spec on standard input
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: $1
	metadata: {name: $2, namespace: omni}
	spec:
	END
	sed 's/^/  /'
}
export_of() { # NAME CLUSTER
	kind_of OmniKubeconfigExport "$1" <<-END
	clusterRef: {name: $2}
	targetSecretRef: {name: $1}
	serviceAccount: {user: gitops, groups: [deployers]}
	ttl: ${3:-2h}
	deletionPolicy: Delete
	END
}
start() { # further flags
	"$OMNIOPS" agent --omni "$cosi_endpoint" --omni-key-file "$cosi_key" --omni-ca-file "$cosi_ca" --interval 200ms \
		--source "git+file://$room/repo" --status-dir "$room/status" --cache-dir "$room/cache" --http "127.0.0.1:$port" \
		--log-format json "$@" 2>>"$room/log" &
	agent_pid=$!
}
secret=$room/secrets/omni/demo-kubeconfig/kubeconfig
told() { # KIND.NAMESPACE.NAME jq
	jq -e "$2" "$room/status/$1.json" >/dev/null 2>&1 || { cat "$room/status/$1.json"; return 1; }
}
is() { told "$1" ".status.conditions[] | select(.type == \"$2\") | \"\\(.status) \\(.reason)\" == \"$3\""; }
metric() { curl -fsS "http://127.0.0.1:$port/metrics" | awk -v name="$1" '$1 == name { print $2 }'; }
is_metric() { [ "$(metric "$1")" = "$2" ] || { metric "$1"; return 1; }; }

port=$(free_port)
repository demo
export_of demo-kubeconfig demo >"$room/repo/export.yaml"
export_of early later >"$room/repo/early.yaml"
commit exports
mkdir "$room/status"

start
warned() { grep -q -- '--secret-dir has to name the directory' "$room/log"; }
check "without a directory of Secrets that is said" within 15 warned
stop_agent
mkdir -m 700 "$room/secrets"
start --secret-dir "$room/secrets"
check "an export is made into the directory" within 15 test -s "$secret"
check "which nobody else reads" [ "$(stat -c %a "$secret")" = 600 ]
check "it leads to the cluster" grep -q 'current-context: rig-demo-gitops' "$secret"
check "a file tells of it" within 10 is OmniKubeconfigExport.omni.demo-kubeconfig Exported "True Exported"
check "… with its end" told OmniKubeconfigExport.omni.demo-kubeconfig '.status.expirationTime | fromdate'
check "it is in the metrics" within 5 is_metric 'omni_agent_handler_objects{kind="OmniKubeconfigExport"}' 1
check "one of a cluster that nobody declares is a fault of the tree" [ ! -e "$room/status/OmniKubeconfigExport.omni.early.json" ]

cluster later 1 >"$room/repo/later.yaml"
commit later
check "until that is there" within 15 is OmniKubeconfigExport.omni.early Exported "True Exported"

before=$(sha256sum <"$secret")
stop_agent
start --secret-dir "$room/secrets"
up() { curl -fsS "http://127.0.0.1:$port/readyz"; }
check "a restart" within 15 up
check "looks at it" within 10 is_metric 'omni_agent_handler_objects{kind="OmniKubeconfigExport"}' 2
sleep 1
check "and makes no new credentials" [ "$(sha256sum <"$secret")" = "$before" ]

export_of demo-kubeconfig demo 3h >"$room/repo/export.yaml"
commit longer
changed() { [ "$(sha256sum <"$secret")" != "$before" ]; }
check "a change in Git does" within 15 changed
echo "kind: [" >"$room/repo/broken.yaml"
git -C "$room/repo" rm -q --cached export.yaml
rm "$room/repo/export.yaml"
commit broken
sleep 1
check "a broken tree takes nothing away" told OmniKubeconfigExport.omni.demo-kubeconfig .status
rm "$room/repo/broken.yaml"
commit whole
let_be() { [ ! -e "$room/status/OmniKubeconfigExport.omni.demo-kubeconfig.json" ]; }
check "what is no longer declared is let be" within 15 let_be
check "… and stays" test -s "$secret"
stop_agent
check "no secret was logged" eval '! grep -E "eyJ[A-Za-z0-9_-]{20}|token:" "$room/log" "$room"/status/*'
finish
