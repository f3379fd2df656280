# For tests of the command line and the agent: . tests/tap.sh; . tests/e2e/lib.sh
# A work room with a store, a Git repository, and helpers that wait with a limit.
# shellcheck shell=bash
. tests/port.sh
. tests/within.sh
room=$(mktemp -d)
omni=dir:$room/omni
agent_pid=
trap 'stop_agent; rm -rf "$room"' EXIT
export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.com GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.com
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

omniops() { "$OMNIOPS" "$@"; }

# exits CODE COMMAND…: does it exit like that? Output in $room/out and $room/err.
exits() {
	local wanted=$1 code=0
	shift
	"$@" >"$room/out" 2>"$room/err" </dev/null || code=$?
	[ "$code" = "$wanted" ] || { echo "exits $code, not $wanted:" "$@"; cat "$room/out" "$room/err"; return 1; }
}
says() { grep -qF -- "$1" "$room/out" || { echo "does not say: $1"; cat "$room/out"; return 1; }; }
complains() { grep -qF -- "$1" "$room/err" || { echo "does not complain: $1"; cat "$room/err"; return 1; }; }

# cluster NAME WORKERS: a manifest with a control plane and one worker set by class.
cluster() {
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniCluster
	metadata: {name: $1, namespace: omni}
	spec:
	  connectionRef: {name: main}
	  kubernetes: {version: v1.35.1}
	  talos: {version: v1.13.3}
	---
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniControlPlane
	metadata: {name: $1, namespace: omni}
	spec:
	  clusterRef: {name: $1}
	  machineClass: {name: any, size: 3}
	---
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniWorkers
	metadata: {name: $1-workers, namespace: omni}
	spec:
	  clusterRef: {name: $1}
	  workerSetName: workers
	  machineClass: {name: any, size: $2}
	END
}
class() {
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniMachineClass
	metadata: {name: any, namespace: omni}
	spec:
	  connectionRef: {name: main}
	  matchLabels: ["omni.sidero.dev/arch = amd64"]
	END
}

repository() { # makes $room/repo with the named clusters, committed
	git init -q -b main "$room/repo"
	class >"$room/repo/class.yaml"
	for name in "$@"; do cluster "$name" 2 >"$room/repo/$name.yaml"; done
	commit first
}
commit() { git -C "$room/repo" add -A && git -C "$room/repo" commit -q --allow-empty -m "$1"; }

start_agent() { # further flags
	"$OMNIOPS" agent --omni "$omni" --interval 200ms --status-dir "$room/status" --cache-dir "$room/cache" --http off \
		--log-format json "$@" 2>>"$room/log" &
	agent_pid=$!
}
stop_agent() {
	[ -z "$agent_pid" ] && return
	kill -TERM "$agent_pid" 2>/dev/null
	wait "$agent_pid" 2>/dev/null
	agent_pid=
}
state() { sed -n 's/.*"state": "\([^"]*\)".*/\1/p' "$room/status/main.$1.json" 2>/dev/null; }
is_state() { [ "$(state "$1")" = "$2" ]; }
message() { sed -n 's/.*"message": "\([^"]*\)".*/\1/p' "$room/status/main.$1.json"; }
plan_hash() { sed -n 's/.*"plan": {"hash": "\([0-9a-f]*\)".*/\1/p' "$room/status/main.$1.json"; }
exists() { "$OMNIOPS" get "$1" "$2" --omni "$omni" >/dev/null 2>&1; }
is_gone() { ! exists "$1" "$2"; }
workers() { "$OMNIOPS" get machinesets "$1-workers" -o yaml --omni "$omni" 2>/dev/null | sed -n 's/.*machinecount: //p'; }
has_workers() { [ "$(workers "$1")" = "$2" ]; }
# Everything in the store without versions, dates and our marks: for comparing two stores.
contents() {
	for type in clusters machinesets machinesetnodes configpatches machineclasses extensionsconfigurations kernelargs; do
		"$OMNIOPS" get "$type" -o yaml --omni "$1" | grep -vE '^ *(version|created|updated|omni.texashpc.com/)'
	done
}
