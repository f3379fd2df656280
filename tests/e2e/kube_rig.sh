#!/bin/bash
# The Kubernetes API server that other tests lean on, and the proxy before it: they do what they are there for, and leave
# nothing behind.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/rig_lib.sh
. tests/within.sh
. tests/rig/kube/lib.sh
work=$(mktemp -d)
trap 'kube_stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
export TMPDIR=$work # every process of ours has it in its command line

as() { kube_config=$1 kube_ctl "${@:2}"; } # kubeconfig, arguments of kubectl

example() { # name
	cat <<-END
	{apiVersion: omni.texashpc.com/v1alpha1, kind: OmniMachineClass, metadata: {name: $1}, spec: {connectionRef: {name: main}, matchLabels: [a = b]}}
	END
}

create() { example "$1" | kube_ctl create -f -; }

processes() { # the brackets are for this grep's own command line
	grep -lsz -- "[/]${work#/}" /proc/[0-9]*/cmdline 2>/dev/null
}

nothing_left() {
	local tries
	for tries in {1..250}; do
		[ -n "$(processes)" ] || return 0
		sleep 0.02
	done
	echo "after $tries looks:"
	processes | while read -r file; do tr '\0' ' ' <"$file" && echo; done
	return 1
}

kube_need "an API server"
started=$(date +%s%N)
if kube_start one; then
	pass "it starts"
else
	fail "it starts"
	finish
fi
echo "# after $((($(date +%s%N) - started) / 1000000)) ms"

# --- our kinds --------------------------------------------------------------------------------------------------------

check "it takes our definitions" kube_ctl apply -f crds/yaml
established() { kube_ctl wait --for=condition=Established --timeout=20s crd --all; }
check "… all nine are served" says 'omniworkers.omni.texashpc.com condition met' established
check "… and again without a change" says 'omniworkers.omni.texashpc.com unchanged' kube_ctl apply -f crds/yaml
check "an object can be made" create first
check "… and read" says 'a = b' kube_ctl get omnimachineclasses first -o yaml
check "… as JSON, with curl" test "$(kube_curl /apis/omni.texashpc.com/v1alpha1/namespaces/default/omnimachineclasses | jq -r '.items[0].metadata.name')" = first
unknown() { example second | sed 's/matchLabels/matchLables/' | kube_ctl create -f -; }
check "what is misspelt is refused" refused matchLables unknown

# --- who may what -----------------------------------------------------------------------------------------------------

kube_user dev && dev=$kube_made
check "a user may do nothing" refused 'User "dev" cannot list' as "$dev" get omnimachineclasses
check "… until bound" kube_bind dev get,list omnimachineclasses.omni.texashpc.com default
check "… to that" says first as "$dev" get omnimachineclasses
check "… and no more" refused 'cannot delete' as "$dev" delete omnimachineclasses first
check "rights can be taken" kube_unbind dev
check "… which holds" refused 'cannot list' as "$dev" get omnimachineclasses
kube_user root system:masters
check "a group has its rights" says first as "$kube_made" get omnimachineclasses
kube_account elsewhere agent && agent=$kube_made mounted=$kube_mounted
check "a service account has a token" says system:serviceaccount:elsewhere:agent as "$agent" auth whoami
check "… mounted as in a pod" test "$(cat "$mounted/namespace")" = elsewhere -a -s "$mounted/token" -a -s "$mounted/ca.crt"
check "… and rights, on a part" kube_bind elsewhere/agent patch omnimachineclasses.omni.texashpc.com/status
before=$(cat "$mounted/token")
kube_account elsewhere agent
check "a token is renewed" test "$(cat "$mounted/token")" != "$before"

# --- who asked what ---------------------------------------------------------------------------------------------------

kube_mark
as "$agent" get configmaps >/dev/null 2>&1
as "$agent" get configmaps >/dev/null 2>&1
kube_ctl get omnimachineclasses first >/dev/null
check "requests are counted" test "$(kube_count)" -ge 3
check "… by what they want, and whose they are" says '2 list configmaps system:serviceaccount:elsewhere:agent' kube_counts
check "… a part of them" test "$(kube_count '^get omnimachineclasses admin$')" = 1
check "… and how they ended" within 5 says '2 list configmaps system:serviceaccount:elsewhere:agent 403' kube_codes configmaps
kube_mark
check "… from a mark on" test "$(kube_count)" = 0

# --- it goes, comes back and forgets ----------------------------------------------------------------------------------

classes=/apis/omni.texashpc.com/v1alpha1/omnimachineclasses
version() { kube_curl "$classes" | jq -r .metadata.resourceVersion; }
list_at() { kube_curl "$classes?resourceVersionMatch=Exact&limit=5&resourceVersion=$1" | jq -c '[.kind, .code]'; }
watch_from() { kube_curl "$classes?watch=true&timeoutSeconds=1&resourceVersion=$1" | jq -c '[.type, .object.kind, .object.code]'; }
old=$(version)
create second >/dev/null
check "what was can be asked for" says '["OmniMachineClassList",null]' list_at "$old"
check "… and what came after it" within 20 says '["ADDED","OmniMachineClass",null]' watch_from "$old"
check "history can be forgotten" kube_compact
port=$kube_port pid=$kube_pid
check "it can be killed" kube_order kill
check "… then nobody answers" refused '' kube_curl /readyz --max-time 5
check "… and cannot be killed twice" refused 'does not run' kube_order kill
kube_order start
kube_use one
check "it comes back at its port" test "$kube_port" = "$port" -a "$kube_pid" != "$pid"
check "… with its state" says second kube_ctl get omnimachineclasses
check "… of which it has only the last" within 20 says '["Status",410]' list_at "$old"
check "… also for watches" within 20 says '["ERROR","Status",410]' watch_from "$old"
kube_order freeze
check "frozen, it is silent" refused '' kube_curl /readyz --max-time 0.3
kube_order continue
check "… and goes on" says ok kube_curl /readyz --max-time 20

# --- the proxy --------------------------------------------------------------------------------------------------------

kube_fault_start
kube_faulty "$kube_config" && faulty=$kube_made
kube_faulty "$agent" && faulty_agent=$kube_made
check "the proxy lets pass" says second as "$faulty" get omnimachineclasses
check "… who shows a certificate" says admin as "$faulty" auth whoami
check "… and who shows a token" says system:serviceaccount:elsewhere:agent as "$faulty_agent" auth whoami
check "… nobody speaks for others" says system:anonymous \
	curl -sS --cacert "$kube_ca" -H 'X-Remote-User: admin' -H 'X-Remote-Group: system:masters' "$kube_fault_url$classes"

curl_faulty() { # path, flags…; the answer, its code and HTTP's version
	local kube_url=$kube_fault_url path=$1
	shift
	kube_curl "$path" -w '\n%{http_code} HTTP/%{http_version}\n' "$@"
}
faulted() { # text or '' for an exit with an error; how and keys of one fault
	local text=$1
	shift
	kube_fault "$@" times=1 || return
	if [ -n "$text" ]; then
		says "$text" curl_faulty "$at" --max-time 20
	else
		refused '' curl_faulty "$at" --max-time "${patience:-20}"
	fi && [ "$(kube_struck)" = 1 ]
}

check "it tells unknown faults" refused 'no such fault' kube_fault nonsense
check "it tells unknown keys" refused 'no such key' kube_fault hang paht=x
for http in 2 1.1; do
	check "what is offered is HTTP/$http" kube_fault_order "http${http%.1}"
	at=$classes
	check "… untouched" says "200 HTTP/$http" curl_faulty "$at"
	check "… an answer is another" faulted '"TooManyRequests"' status code=429 retry_after=1 verb=list
	check "… it says so" faulted "503 HTTP/$http" status code=503
	check "… reset" faulted '' reset
	check "… aborted" faulted '' abort
	patience=1
	check "… never answered" faulted '' hang
	check "… silent after some of it" faulted '' stall bytes=20
	patience=
	check "… cut short" faulted '' cut bytes=20
	check "… no JSON" faulted 'not JSON' garble
	check "… the last one of its connection" faulted "200 HTTP/$http" goaway
	at="$classes?watch=true&timeoutSeconds=3"
	check "… a watch that ends with an error" faulted '"code":410' event code=410 verb=watch bytes=1
	check "… in good order" faulted '200 HTTP/' event code=410 verb=watch ms=300
	check "… a watch that is cut" faulted '' cut verb=watch ms=300
	check "… lost, after it was done" kube_fault lost times=1 verb=create
	lost() { example "lost-$http" | curl_faulty "${classes%/*}/namespaces/default/${classes##*/}" -X POST -H 'Content-Type: application/yaml' --data-binary @-; }
	check "… as nobody was told" refused '' lost
	check "… but the server knows" kube_ctl get omnimachineclasses "lost-$http"
done
kube_fault_order http2
at=$classes
slow() {
	local before
	before=$(date +%s%N)
	kube_fault delay ms=300 path=machineclass times=1 && curl_faulty "$at" && [ $((($(date +%s%N) - before) / 1000000)) -ge 300 ]
}
check "a delay delays" slow
kube_fault status code=500 verb=watch
check "faults are for whom they concern" says '200 HTTP' curl_faulty "$at"
check "… and have struck so often" test "$(kube_struck)" = 0
check "all can be taken back" kube_fault_order clear
kube_fault_order refuse
check "connections can be refused" refused 'connect' curl_faulty "$at"
kube_fault_order accept
check "… and accepted" says '200 HTTP' curl_faulty "$at"
kube_curl "$classes?watch=true" >/dev/null 2>&1 &
direct=$!
curl_faulty "$classes?watch=true" --no-buffer >"$work/cut" 2>&1 &
cut=$!
within 20 grep -q ADDED "$work/cut"
kube_fault_order cut
wait $cut
check "all connections can be cut" test $? != 0
check "… those of the proxy" kill -0 $direct

# --- the end ----------------------------------------------------------------------------------------------------------

check "told to end, it does not wait for who watches" timeout 30 curl -sS --fail -X POST "$kube_control/order/stop"
wait $direct
check "… who learns of it" test $? = 0
other() { bash -c '. tests/rig/kube/lib.sh; kube_build; kube_start other; kube_fault_start; echo "$kube_url"; kill -KILL $$'; }
{ url=$(other | tail -n 1); } 2>/dev/null
check "another one runs beside it" test -n "$url" -a "$url" != "$kube_url"
kube_stop
check "nothing is left, however the shell ended" nothing_left
finish
