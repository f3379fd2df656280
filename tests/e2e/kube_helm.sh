#!/bin/bash
# Releases in a workload cluster, with a real API server as both and the real Helm: installed once, never touched without a reason,
# whatever others do, whatever fails, and gone when they are deleted. The way into the cluster is an account's kubeconfig.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/gotool.sh
. tests/rig/kube/lib.sh
trap 'stop_agent; kill -KILL ${repository:-} 2>/dev/null; kube_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

kube_need "Helm releases in workload clusters"
major=${MAJOR:-4}
case $major in 3) helm_at="helm.sh/helm/v3/cmd/helm v3.19.0" ;; *) helm_at="helm.sh/helm/v4/cmd/helm v4.2.3" ;; esac
# shellcheck disable=SC2086
go_tool $helm_at || { skip "Helm releases in workload clusters" "Helm cannot be built: $(go_tool_reason)"; finish; }
helm_program=$tool
if ! kube_start helm || ! kube_define; then
	fail "the definitions are served"
	finish
fi

# --- charts -----------------------------------------------------------------------------------------------------------

mkdir -p "$room/site" "$room/cache"
chart() { # NAME VERSION: what stands in \$room/NAME becomes a chart of the repository
	printf 'apiVersion: v2\nname: %s\nversion: %s\n' "$1" "$2" >"$room/$1/Chart.yaml"
	tar -C "$room" -czf "$room/site/$1-$2.tgz" "$1"
	printf '  - {name: %s, version: %s, apiVersion: v2, digest: %s, urls: ["%s-%s.tgz"]}\n' "$1" "$2" \
		"$(sha256sum <"$room/site/$1-$2.tgz" | cut -c 1-64)" "$1" "$2" >>"$room/entries.$1"
	{
		echo "apiVersion: v1"
		echo "entries:"
		for at in "$room"/entries.*; do echo "  ${at##*.}:" && sed 's/^/  /' "$at"; done
	} >"$room/site/index.yaml"
}
mkdir -p "$room/greeting/templates"
cat >"$room/greeting/values.yaml" <<-END
	message: hello
END
cat >"$room/greeting/templates/text.yaml" <<-'END'
	apiVersion: v1
	kind: ConfigMap
	metadata: {name: "{{ .Release.Name }}-text"}
	data: {message: "{{ .Values.message }}", version: "{{ .Chart.Version }}"}
	---
	apiVersion: v1
	kind: Secret
	metadata: {name: "{{ .Release.Name }}-key"}
	stringData: {key: "{{ .Values.key }}"}
	{{- if .Values.broken }}
	---
	apiVersion: v1
	kind: ConfigMap
	metadata: {name: "{{ .Release.Name }}-hook", annotations: {"helm.sh/hook": "pre-install,pre-upgrade"}, labels: {a: "not a label!"}}
	{{- end }}
	{{- if .Values.slow }}
	---
	apiVersion: batch/v1
	kind: Job
	metadata: {name: "{{ .Release.Name }}-slow", annotations: {"helm.sh/hook": "pre-install,pre-upgrade"}}
	spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}
	{{- end }}
END
chart greeting 1.0.0
chart greeting 1.1.0
web_port=$(free_port)
python3 -m http.server --bind 127.0.0.1 --directory "$room/site" "$web_port" >"$room/site.log" 2>&1 &
repository=$!

# --- helpers ----------------------------------------------------------------------------------------------------------

ns=fleet
kc() { kube_ctl -n "$ns" "$@"; }
work() { kube_ctl -n apps "$@"; } # in the workload cluster
apply() { kc apply -f - >"$room/applied" 2>&1 || { cat "$room/applied"; return 1; }; }
start() {
	"$OMNIOPS" agent --omni "$omni" --source "kubernetes:?namespace=$ns" --kubeconfig "$kube_config" --settle 300ms \
		--http "127.0.0.1:$port" --log-format json --annotate-after 0 --helm "$helm_program" --cache-dir "$room/cache" \
		2>>"$room/log" &
	agent_pid=$!
}
ready() { curl -fsS "http://127.0.0.1:$port/readyz"; }
field() { kc get omnihelmrelease "$1" -o "jsonpath=$2"; }
is_field() { [ "$(field "$1" "$2")" = "$3" ] || { field "$1" "$2"; return 1; }; }
condition() { # NAME "STATUS REASON" [TEXT of the message]
	local is
	is=$(field "$1" '{range .status.conditions[?(@.type=="Ready")]}{.status} {.reason} {.message}{end}')
	[[ $is == "$2 "*"${3:-}"* ]] || { echo "$1 is: $is"; return 1; }
}
is_observed() { # NAME: the status is of what is declared now
	local is
	is=$(field "$1" '{.metadata.generation} {.status.observedGeneration}')
	[ "${is% *}" = "${is#* }" ] || { echo "$is"; return 1; }
}
history_is() { # RELEASE "1:superseded 2:deployed"
	local is
	is=$(work get secrets -l "owner=helm,name=$1" -o json | jq -r '[.items[].metadata.labels | {v: (.version | tonumber), s: .status}] |
		sort_by(.v) | map("\(.v):\(.s)") | join(" ")')
	[ "$is" = "$2" ] || { echo "$1: $is"; return 1; }
}
message_is() { [ "$(work get configmap "$1-text" -o 'jsonpath={.data.message}')" = "$2" ] || { work get configmap "$1-text" -o yaml; return 1; }; }
gone() { ! kc get omnihelmrelease "$1" >/dev/null 2>&1; }
started() { grep -c '"msg":"action ended"' "$room/log"; } # every start of Helm is logged
event() { kc get events -o json | jq -e --arg reason "$1" --arg name "$2" '.items[] | select(.reason == $reason and .involvedObject.name == $name)' >/dev/null; }
release() { # NAME [more of chart:] [more of spec:]
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniHelmRelease
	metadata: {name: $1}
	spec:
	  clusterRef: {name: demo}
	  kubeconfigSecretRef: {name: way}
	  namespace: apps
	  chart:
	    repository: http://127.0.0.1:$web_port/
	    chart: greeting
	    ${2:-version: 1.0.0}
	  ${3:-timeout: 30s}
	END
}
connection() {
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniConnection
	metadata: {name: main}
	spec:
	  endpoint: https://fleet.example.org
	  auth: {serviceAccountSecretRef: {name: omni-key}}
	END
}
by_hand() { "$helm_program" --kubeconfig "$kube_config" -n apps "$@" >"$room/by-hand" 2>&1 || { cat "$room/by-hand"; return 1; }; }
asked() { kube_count " .*system:serviceaccount:work:deployer"; }
put_way() { kc create secret generic way --from-file="kubeconfig=$1" --dry-run=client -o yaml | kc apply -f - >/dev/null; }
# While nothing changes nothing is asked, but by the watches, and nothing is started.
rests() {
	local before
	before=$(started)
	kube_mark
	sleep 2
	[ "$(asked)" = 0 ] && [ "$(started)" = "$before" ] || { kube_counts; echo "started: $before, now $(started)"; return 1; }
}
find_helm() { # among the agent's children, which are renderers, too
	for helm_pid in $(pgrep -P "$agent_pid"); do
		case $(tr '\0' ' ' <"/proc/$helm_pid/cmdline") in *--kubeconfig*) return ;; esac
	done 2>/dev/null
	return 1
}
patch_spec() { kc patch omnihelmrelease "$1" --type merge -p "{\"spec\": $2}" >/dev/null; }

port=$(free_port)
kube_ctl create namespace fleet >/dev/null && kube_ctl create namespace apps >/dev/null || { fail "namespaces are made"; finish; }
{ kube_account work deployer && kube_bind work/deployer '*' secrets,configmaps,jobs.batch apps; } >"$room/out" 2>&1 ||
	{ cat "$room/out"; fail "an account has its rights"; finish; }
deployer=$kube_made
{ connection; echo ---; class; echo ---; cluster demo 1; } | sed 's/, namespace: omni//' | apply || { fail "a cluster is declared"; finish; }
put_way "$deployer"
start
check "the agent starts" within 20 ready
[ "$tap_failed" = 0 ] || finish

# --- installed --------------------------------------------------------------------------------------------------------

check "a release" apply < <(release web)
check "is installed" within 30 condition web "True HelmInstalled" 'installed Helm release "web" revision 1'
[ "$tap_failed" = 0 ] || finish
check "with its objects in its namespace" message_is web hello
check "as the status says" is_field web '{.status.clusterRef} {.status.kubeconfigSecretRef} {.status.kubeconfigSecretKey} {.status.releaseName} {.status.namespace} {.status.chart} {.status.chartVersion} {.status.releaseRevision} {.status.releaseStatus} {.status.lastAction} {.status.resolvedVersion}' \
	"demo way kubeconfig web apps greeting 1.0.0 1 deployed Install 1.0.0"
within 10 rests
check "at rest the cluster is asked nothing, and nothing is started" rests
check "Helm was started once" [ "$(started)" = 1 ]

# --- changed ----------------------------------------------------------------------------------------------------------

patch_spec web '{"chart": {"values": {"message": "changed"}}}'
check "a changed value is upgraded" within 30 condition web "True HelmUpgraded" 'upgraded Helm release "web" to revision 2'
check "and is there" message_is web changed
patch_spec web '{"chart": {"values": null}}'
check "values that are taken away" within 30 condition web "True HelmUpgraded" "revision 3"
check "are away" message_is web hello
patch_spec web '{"timeout": "40s", "wait": true, "maxHistory": 5}'
check "how it is done is observed" within 15 is_observed web
check "but is no reason for a revision" history_is web "1:superseded 2:superseded 3:deployed"
patch_spec web '{"chart": {"version": "^1"}}'
check "a range takes the newest" within 30 is_field web '{.status.resolvedVersion} {.status.releaseRevision}' "1.1.0 4"

# --- a restart, another kubeconfig --------------------------------------------------------------------------------------

before=$(started)
stop_agent
start
check "after a restart" within 20 ready
sleep 1
kube_account work deployer >/dev/null 2>&1
put_way "$kube_made"
sleep 2
check "and with another kubeconfig nothing is started" [ "$(started)" = "$before" ]
check "and nothing is told anew" condition web "True HelmUpgraded" "revision 4"

# --- others -----------------------------------------------------------------------------------------------------------

by_hand upgrade web "$room/site/greeting-1.1.0.tgz" --set message=theirs
check "what somebody upgraded by hand is put right" within 30 condition web "True HelmUpgraded" "revision 6"
check "all of it" message_is web hello
by_hand rollback web 2
check "so is what somebody rolled back" within 30 condition web "True HelmUpgraded" "revision 8"
check "history and status work by hand" eval 'by_hand history web && by_hand status web'
by_hand install other "$room/site/greeting-1.0.0.tgz" --set message=x
before=$(started)
check "a release that is there already" apply < <(release other 'version: 1.0.0
    values: {message: x}')
check "is taken as it is" within 20 condition other "True HelmInstalled" "revision 1"
check "without Helm" [ "$(started)" = "$before" ]

# --- what fails -------------------------------------------------------------------------------------------------------

check "a release whose hook fails" apply < <(release bad 'version: 1.0.0
    values: {broken: true}' 'retries: 1')
check "says why" within 30 condition bad "False ReconcileFailed" 'Helm install failed for release "bad":'
check "and is tried again" within 60 condition bad "False RetriesExceeded" "no retry is left"
before=$(started)
sleep 2
check "as often as is allowed" [ "$(started)" = "$before" ]
patch_spec bad '{"chart": {"values": {"broken": false}}}'
check "what is put right is upgraded at once" within 20 condition bad "True HelmUpgraded"
check "a chart that does not exist" apply < <(release none 'version: 9.9.9')
check "is told with what there is" within 20 condition none "False ReconcileFailed" "1.1.0"

# --- pending ----------------------------------------------------------------------------------------------------------

pend() { # RELEASE REVISION: as Helm leaves it when it is killed
	local name=sh.helm.release.v1.$1.v$2 data
	data=$(work get secret "$name" -o 'jsonpath={.data.release}' | base64 -d | base64 -d | gunzip |
		sed 's/"status":"deployed"/"status":"pending-upgrade"/; s/"last_deployed":"[^"]*"/"last_deployed":"2020-01-01T00:00:00Z"/' |
		gzip | base64 -w 0 | base64 -w 0)
	work patch secret "$name" --type merge -p "{\"data\": {\"release\": \"$data\"}, \"metadata\": {\"labels\": {\"status\": \"pending-upgrade\"}}}" >/dev/null
}
pend other 1
check "a release that was left pending" within 30 condition other "True HelmUpgraded" "revision 2"
check "goes on from there" history_is other "1:superseded 2:deployed"
check "which is told" event Unlocked other

# --- killed -----------------------------------------------------------------------------------------------------------

# Nobody runs Jobs here: the hook waits until Helm's timeout.
check "a release with a slow hook" apply < <(release slow 'version: 1.0.0
    values: {slow: true}' 'timeout: 120s')
check "is under way" within 30 condition slow "False Progressing" 'Helm install of release "slow" is under way'
check "in the cluster, too" within 30 history_is slow "1:pending-install"
within 10 find_helm
find_helm # what `within` finds stays with it
check "by a process" [ -n "${helm_pid:-}" ]
kill -KILL "$agent_pid"
wait "$agent_pid" 2>/dev/null
check "Helm lives when the agent is killed" [ -d "/proc/$helm_pid" ]
start
check "the agent that follows" within 20 ready
check "waits for it" within 20 condition slow "False HelmBusy"
patch_spec slow '{"chart": {"values": {"slow": false}}}'
check "whatever is declared" within 20 condition slow "False HelmBusy"
check "and does nothing meanwhile" history_is slow "1:pending-install"
kill -KILL "$helm_pid"
check "when Helm is dead, too, it goes on" within 40 condition slow "True HelmUpgraded" "revision 2"
check "from a record that is marked" history_is slow "1:superseded 2:deployed"
check "which is told" event Unlocked slow

# --- drift ------------------------------------------------------------------------------------------------------------

check "a release that is looked after" apply < <(release kept 'version: 1.0.0' 'driftDetection: Correct')
check "is installed with it" within 30 condition kept "True HelmInstalled"
work delete configmap kept-text >/dev/null
kc annotate omnihelmrelease kept omni.texashpc.com/requested-at=1 >/dev/null
check "an object that somebody deleted is back" within 30 message_is kept hello
check "by an upgrade" within 20 condition kept "True HelmUpgraded" "revision 2"
work patch configmap kept-text --type merge -p '{"data": {"message": "edited"}}' >/dev/null
kc annotate omnihelmrelease kept omni.texashpc.com/requested-at=2 --overwrite >/dev/null
check "an object that somebody edited is put right" within 30 message_is kept hello
patch_spec kept '{"driftDetection": "Report"}'
within 20 condition kept "True HelmUpgraded" "revision 3"
work patch configmap kept-text --type merge -p '{"data": {"message": "edited"}}' >/dev/null
kc annotate omnihelmrelease kept omni.texashpc.com/requested-at=3 --overwrite >/dev/null
check "or it is told" within 20 is_field kept '{.status.drift}' 'ConfigMap "apps/kept-text": data.message'
check "and left" message_is kept edited

# --- the end ----------------------------------------------------------------------------------------------------------

check "an object is deleted" kc delete omnihelmrelease web --timeout=60s
check "and with it the release" history_is web ""
check "and its objects" eval '! work get configmap web-text'
patch_spec kept '{"deletionPolicy": "Orphan"}'
check "one that is to be left" kc delete omnihelmrelease kept --timeout=60s
check "is left" history_is kept "1:superseded 2:superseded 3:deployed"
kube_unbind work/deployer
kc delete omnihelmrelease other --wait=false >/dev/null
check "without a right to look nothing counts as gone" within 20 condition other "False ReconcileFailed" "forbidden"
kube_bind work/deployer '*' secrets,configmaps,jobs.batch apps
check "with it" within 60 gone other
check "everything goes" history_is other ""
check "no Secret is in the log" eval '! grep -qF "$(sed -n "s/.*token: //p" "$deployer" | tr -d "}")" "$room/log"'
finish
