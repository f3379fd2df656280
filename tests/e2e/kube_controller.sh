#!/bin/bash
# The controller of custom resources on a real API server: finalizers, statuses, Events and annotations are written when they
# change and at no other time, whoever else writes, and a deletion ends in whatever order things are taken away.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/within.sh
. tests/rig/kube/lib.sh
work=$(mktemp -d)
trap 'kube_stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
export TMPDIR=$work
grace_ms=3000

# --- the controller -----------------------------------------------------------------------------------------------------

begin() { # on the server in use
	rm -f "$work/in" "$work/out"
	mkfifo "$work/in" "$work/out"
	"${PROBE:-$B/tests/rig/kube/controller}" "$kube_config" $grace_ms <"$work/in" >"$work/out" 2>>"$work/err" &
	controller=$!
	exec {to}>"$work/in" {from}<"$work/out"
}
ask() { # WORDS…: sets answer
	echo "$*" >&"$to"
	IFS= read -r -t 120 answer <&"$from" || answer="it has ended: $(tail -n 20 "$work/err")"
}
gives() { # TEXT WORDS…: the answer begins with it
	ask "${@:2}"
	[[ $answer == "$1"* ]] || { echo "${*:2}: $answer, not $1"; return 1; }
}
count() { # NAME: of the controller's own counts
	ask counts
	sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" <<<"$answer"
}
rests() { gives rest rest 60; }
ends() { # TEXT: it does, and without a word; not for `check`
	local to_be=$to from_be=$from
	if gives ended end 60 && wait "$controller"; then pass "$1"; else fail "$1"; fi
	exec {to_be}>&- {from_be}<&-
}
# --- objects ------------------------------------------------------------------------------------------------------------

connection() { # NAME
	cat <<-END
	{"apiVersion": "omni.texashpc.com/v1alpha1", "kind": "OmniConnection", "metadata": {"namespace": "edge", "name": "$1"},
	"spec": {"endpoint": "https://omni.example.com", "auth": {"serviceAccountSecretRef": {"name": "$1-key"}}}}
	END
}
cluster() { # NAME CONNECTION [FINALIZERS [SPEC]]
	cat <<-END
	{"apiVersion": "omni.texashpc.com/v1alpha1", "kind": "OmniCluster", "metadata": {"namespace": "edge", "name": "$1", "finalizers": [${3:-}]},
	"spec": {"connectionRef": {"name": "$2"}, "kubernetes": {"version": "v1.36.1"}, "talos": {"version": "v1.13.5"}${4:-}}}
	END
}
workers() { # NAME CLUSTER
	cat <<-END
	{"apiVersion": "omni.texashpc.com/v1alpha1", "kind": "OmniWorkers", "metadata": {"namespace": "edge", "name": "$1"},
	"spec": {"clusterRef": {"name": "$2"}, "workerSetName": "set", "machineClass": {"name": "large", "size": 1}}}
	END
}
make() { "$@" | kube_ctl create -f - >/dev/null; }
unmake() { kube_ctl -n edge delete --wait=false "$@" >/dev/null; }
tear_out() { unmake "$@" && kube_ctl -n edge patch "$@" --type merge -p '{"metadata": {"finalizers": null}}' >/dev/null; }
get() { kube_ctl -n edge get "$@"; } # KIND NAME …
is() { # VALUE KIND NAME JQ
	local value
	value=$(get "$2" "$3" -o json | jq -c "$4") || return
	[ "$value" = "$1" ] || { echo "$2/$3: $4 is $value, not $1"; return 1; }
}
condition() { # "STATUS REASON" KIND NAME TYPE
	is "\"$1\"" "$2" "$3" "[.status.conditions[]? | select(.type == \"$4\") | .status + \" \" + .reason] | join(\",\")"
}
gone() { # KIND NAME
	local found
	found=$(get "$1" "$2" -o name --ignore-not-found) && [ -z "$found" ] || { echo "it is there: $found"; return 1; }
}
events() { get events -o json | jq -r '.items[] | "\(.regarding.name // .involvedObject.name) \(.type) \(.reason) \(.series.count // .count // 1)"'; }
told() { # LINE: an Event, NAME TYPE REASON
	events | grep -q "^$1 " || { events; return 1; }
}
writes() { kube_count '^(create|update|patch|delete) '; }
asks() { kube_count '^(create|update|patch|delete|get|list) '; }
is_number() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ] || { echo "$1 is not in $2..$3"; kube_counts; return 1; }; }

ours='"omni.texashpc.com/finalizer"'
old='"omni.texas-hpc.org/finalizer"'

kube_need "the controller on a real API server"
kube_start a || { fail "the server starts"; finish; }
kube_define
kube_ctl create namespace edge >/dev/null
begin

# --- coming ---------------------------------------------------------------------------------------------------------------

key() { kube_ctl create secret generic lab-key -n edge --from-literal=serviceAccountKey=x --dry-run=client -o yaml; }
make key
make connection lab
make cluster pier lab
make workers pier-w pier
make workers stray nobody
make cluster foreign lab '"example.com/hold"'
make cluster legacy lab "$old"
check "it comes to rest" rests
check "a cluster gets our finalizer" is "[$ours]" omnicluster pier .metadata.finalizers
check "a connection, too" is "[$ours]" omniconnection lab .metadata.finalizers
check "finalizers of others stay" is "[\"example.com/hold\",$ours]" omnicluster foreign .metadata.finalizers
check "the old name counts" is "[$old]" omnicluster legacy .metadata.finalizers
check "the specification is as it was written" is 1 omnicluster pier .metadata.generation
check "what is in sync is ready" condition "True Synced" omnicluster pier Ready
check "the connection is" condition "True ConnectionReady" omniconnection lab Ready
check "a part belongs to its cluster" condition "True Accepted" omniworkers pier-w Accepted
check "or to none" condition "False MissingCluster" omniworkers stray Accepted
check "an annotation says so" is '"InSync"' omnicluster pier '.metadata.annotations["omni.texashpc.com/sync-state"]'
check "an Event tells it" within 5 told "pier Normal Ready"
check "and the missing cluster" within 5 told "stray Warning MissingCluster"

kube_mark
sleep 2
check "at rest nothing is written, and nothing asked" is_number "$(asks)" 0 0

gives ok fault OmniWorkers/pier-w 'the worker set is wrong' >/dev/null
check "a fault comes to rest" rests
check "it stands on its part" condition "False ValidationFailed" omniworkers pier-w Validated
check "on the cluster" condition "False ValidationFailed" omnicluster pier Validated
check "and on no other part" condition "" omniworkers stray Validated
gives ok fault >/dev/null
check "it is gone" rests
check "from its part" condition "" omniworkers pier-w Validated
make cluster nobody lab
check "a cluster that comes gets its parts" within 5 condition "True Accepted" omniworkers stray Accepted

kube_ctl -n edge annotate omnicluster pier omni.texashpc.com/requested-at=now-1 >/dev/null
check "somebody asks for a look" within 5 is '"now-1"' omnicluster pier .status.lastHandledReconcileAt
kube_ctl -n edge annotate omnicluster pier reconcile.fluxcd.io/requestedAt=now-2 >/dev/null
check "so does Flux" within 5 is '"now-2"' omnicluster pier .status.lastHandledReconcileAt
check "each asks once" gives 2 requested

# --- others write, too --------------------------------------------------------------------------------------------------------

check "it rests" rests
kube_mark
kube_ctl -n edge patch omniconnection lab --subresource status --type json -p '[
	{"op": "add", "path": "/status/conditions/-", "value": {"type": "Audited", "status": "True", "reason": "Fine", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}},
	{"op": "add", "path": "/status/conditions/-", "value": {"type": "KeyExpiring", "status": "True", "reason": "Old", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}}]' >/dev/null
check "what somebody left in our name goes" within 5 condition "" omniconnection lab KeyExpiring
check "what is not ours stays" condition "True Fine" omniconnection lab Audited
check "our own stays" condition "True ConnectionReady" omniconnection lab Ready
check "two writes were enough" is_number "$(kube_count 'patch omniconnections/status')" 2 3

storm() { # NUMBER: somebody changes the object in a loop
	local i
	for i in $(seq "$1"); do
		kube_curl /apis/omni.texashpc.com/v1alpha1/namespaces/edge/omniclusters/pier/status -X PATCH -o /dev/null \
			-H 'Content-Type: application/merge-patch+json' -d '{"status": {"clusterName": "wrong-'"$i"'"}}'
	done
}
kube_mark
storm 150
check "somebody else writes the same in a loop: it does not fight" is_number "$(kube_count 'patch omniclusters/status')" 151 175
check "in the end it is right" within 20 is '"pier"' omnicluster pier .status.clusterName

# The list of finalizers is written for one version: each change of the object between reading and writing is a conflict.
churn() {
	local i
	make cluster busy lab
	for i in $(seq 100); do
		kube_curl /apis/omni.texashpc.com/v1alpha1/namespaces/edge/omniclusters/busy -X PATCH -o /dev/null \
			-H 'Content-Type: application/merge-patch+json' -d '{"metadata": {"labels": {"n": "'"$i"'"}}}'
	done
}
churn &
churning=$!
check "a finalizer finds its moment while somebody changes the object in a loop" within 20 is "[$ours]" omnicluster busy .metadata.finalizers
wait $churning
check "no status is lost" within 20 condition "True Synced" omnicluster busy Ready

gives ok leader no >/dev/null
gives ok say Failed "Omni said no" >/dev/null
kube_mark
make cluster other lab
sleep 1
check "who does not lead writes nothing" is_number "$(writes)" 1 1
gives ok leader yes >/dev/null
check "and everything when it begins to" within 20 condition "False SyncFailed" omnicluster other Ready
check "it comes to rest again" rests

# --- Events --------------------------------------------------------------------------------------------------------------------

flip() {
	local i
	for i in 1 2 3; do
		ask say Failed "Omni said no" && rests >/dev/null && ask say InSync "in sync" && rests >/dev/null || return
	done
}
check "a cluster fails again and again" flip
series() { [ "$(events | awk '$1 == "busy" && $3 == "SyncFailed" { print $4 }')" -ge 2 ]; }
check "the same Event is one of a series" within 5 series
check "it is one object" [ "$(events | grep -c '^busy Warning SyncFailed')" = 1 ]

# --- the server goes away ------------------------------------------------------------------------------------------------------

kube_order stop >/dev/null
ask say Held "the plan is held"
sleep 1
kube_order start >/dev/null
check "what was to be written while the server was away is written" within 60 condition "False PlanHeld" omnicluster pier Ready
ask say InSync "in sync"
check "it goes on" within 20 condition "True Synced" omnicluster pier Ready
check "it rests again" rests

# --- going ----------------------------------------------------------------------------------------------------------------------

unmake omniconnection lab
check "a connection waits for its clusters" within 5 condition "False Deleting" omniconnection lab Ready
check "and names them" is '"waiting for OmniCluster references to be deleted: busy, foreign, legacy, nobody, other, pier"' omniconnection lab \
	'.status.conditions[] | select(.type == "Ready") | .message'
gives ok omni slow >/dev/null
unmake omnicluster nobody
check "a deletion that is under way is no fault" within 5 condition "False Deleting" omnicluster nobody Ready
gives ok omni down >/dev/null
check "one that fails is" within 5 condition "False DeleteFailed" omnicluster nobody Ready
check "it says why" is '"Omni cannot be reached"' omnicluster nobody '.status.conditions[] | select(.type == "Ready") | .message'
sleep $((grace_ms * 2 / 1000 + 1))
check "it is not given up while its connection has a key" is "[$ours]" omnicluster nobody .metadata.finalizers
gives ok omni up >/dev/null
check "it goes when Omni answers" within 5 gone omnicluster nobody
check "an Event tells" within 5 told "nobody Normal Deleted"
unmake omnicluster busy foreign legacy other pier
check "all others go" within 10 gone omnicluster pier
check "both names of the finalizer go" within 5 gone omnicluster legacy
check "and leave those of others" within 5 is '["example.com/hold"]' omnicluster foreign .metadata.finalizers
check "what others hold does not hold the connection" within 5 gone omniconnection lab
kube_ctl -n edge patch omnicluster foreign --type merge -p '{"metadata": {"finalizers": null}}' >/dev/null
ask orders
check "each was ordered once" [ "$(tr ';' '\n' <<<"$answer" | grep -c edge/)" = 6 ]

# Everything at once, the Secret first: as a namespace goes.
ask omni down
make connection lab
make cluster dock lab
make cluster left lab '' ', "deletePolicy": {"orphan": true}'
check "they come back" within 10 condition "True Synced" omnicluster dock Ready
check "and rest" rests
unmake secret lab-key
unmake omniconnection lab
unmake omnicluster dock left
check "without the key of a connection that goes, a cluster is given up" within 15 gone omnicluster dock
check "that was not done at once" told "dock Warning DeleteFailed"
check "and is told" told "dock Warning Orphaned"
check "one that is to be left needs no Omni" within 15 gone omnicluster left
check "then the connection goes" within 15 gone omniconnection lab

# The connection was torn out.
make connection lab
make cluster dock lab
make cluster left lab '' ', "deletePolicy": {"orphan": true}'
make cluster never elsewhere
check "a cluster comes" within 10 condition "True Synced" omnicluster dock Ready
check "one without a connection says so" within 10 condition "False MissingConnection" omnicluster never Ready
tear_out omniconnection lab
unmake omnicluster dock left never
check "what is to be left goes at once" within 1 gone omnicluster left
check "the others say what is missing" within 1 condition "False DeleteFailed" omnicluster dock Ready
check "and go after a time of grace" within 15 gone omnicluster dock
check "also one that was never applied" within 15 gone omnicluster never

# It comes back in time: nothing is given up.
ask omni up
make connection lab
make cluster dock lab
check "a cluster comes again" within 10 condition "True Synced" omnicluster dock Ready
ask omni down
tear_out omniconnection lab
unmake omnicluster dock
check "without its connection it waits" within 1 condition "False DeleteFailed" omnicluster dock Ready
make connection lab
sleep $((grace_ms * 2 / 1000 + 1))
check "with a new one it is not given up" is "[$ours]" omnicluster dock .metadata.finalizers
ask omni up
check "but deleted" within 5 gone omnicluster dock

# Its Omni never answers: whoever deletes it can still decide to leave it.
ask omni down
make cluster mute lab
check "one whose Omni does not answer comes" within 10 condition "True Synced" omnicluster mute Ready
unmake omnicluster mute
check "its deletion fails" within 5 condition "False DeleteFailed" omnicluster mute Ready
sleep $((grace_ms / 1000 + 1))
check "and is not given up" is "[$ours]" omnicluster mute .metadata.finalizers
kube_ctl -n edge patch omnicluster mute --type merge -p '{"spec": {"deletePolicy": {"orphan": true}}}' >/dev/null
check "until it is to be left" within 15 gone omnicluster mute
check "which is told" within 5 told "mute Normal Orphaned"
ask omni up

# --- many -------------------------------------------------------------------------------------------------------------------------

many() { for i in $(seq 200); do echo "---" && cluster "c-$i" lab; done; }
many | kube_ctl create -f - >/dev/null &
making=$!
wait $making
ready() { get omniclusters -o json | jq '[.items[] | select(.status.conditions[]? | .type == "Ready" and .status == "True")] | length'; }
all_ready() { is_number "$(ready)" 200 200; }
check "two hundred clusters are told of, each of them" within 60 all_ready
check "then it rests" rests
kube_mark
ask say Failed "on its way out"
ends "it ends in an orderly way"
check "what was due is written before" condition "False SyncFailed" omnicluster c-200 Ready
begin
ask say Failed "on its way out"
kube_mark
check "after a start it rests" rests
check "what is so already is not written again" is_number "$(writes)" 0 0
ends "it ends again"
[ ! -s "$work/err" ] || grep -v 'level=warn' "$work/err" | sed 's/^/# /'
finish
