#!/bin/sh
# The main job in half a minute: a Git repository becomes the state of an Omni (the embedded directory store), keeps
# becoming it, and nothing dangerous happens unasked. Leaves nothing behind.
set -eu
omniops=${1:-build/omniops}
omniops=$(cd "$(dirname "$omniops")" && pwd)/$(basename "$omniops")
examples=$(cd "$(dirname "$0")/../examples" && pwd)
room=$(mktemp -d)
omni=dir:$room/omni
agent=
cleanup() {
	[ -z "$agent" ] || kill "$agent" 2>/dev/null || true
	[ -z "$agent" ] || wait "$agent" 2>/dev/null || true
	rm -rf "$room"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
if [ -t 1 ]; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m'); else bold= dim= plain=; fi
export GIT_AUTHOR_NAME=demo GIT_AUTHOR_EMAIL=demo@example.com GIT_COMMITTER_NAME=demo GIT_COMMITTER_EMAIL=demo@example.com
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

step() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s$ %s%s\n' "$dim" "$*" "$plain"; }
run() { show "omniops $*"; "$omniops" "$@" || true; }
commit() { git -C "$room/fleet" add -A; git -C "$room/fleet" commit -q -m "$1"; show "git commit -m \"$1\""; }
# state CLUSTER: what the agent says about it; field CLUSTER KEY: one value of it.
state() { field "$1" state; }
field() { sed -n "s/.*\"$2\": \"\([^\"]*\)\".*/\1/p" "$room/status/omni.$1.json" 2>/dev/null || true; }
commit_id() { git -C "$room/fleet" rev-parse HEAD; }
# wait_for WHAT COMMAND…: until the command succeeds, at most 20 s.
wait_for() {
	what=$1; shift
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		if [ "$tries" -gt 200 ]; then
			echo "demo: gave up waiting until $what; the log of the agent:" >&2
			tail -n 40 "$room/agent.log" >&2
			exit 1
		fi
		sleep 0.1
	done
}
is() { [ "$(field "$1" "$2")" = "$3" ]; }
at_commit() { is "$1" state InSync && case "$(field "$1" appliedRevision)" in *"$(commit_id)") true ;; *) false ;; esac; }
is_gone() { ! "$omniops" get clusters "$1" --omni "$omni" >/dev/null 2>&1; }

step "A Git repository declares three clusters and a machine class"
git init -q -b main "$room/fleet"
cp "$examples"/fleet/*.yaml "$room/fleet/"
commit "three clusters"

step "The agent watches it"
show "omniops agent --source git+file://…/fleet?ref=main --omni dir:…/omni"
"$omniops" agent --source "git+file://$room/fleet?ref=main" --omni "$omni" --interval 500ms --status-dir "$room/status" \
	--cache-dir "$room/cache" --http off --log-format text 2>"$room/agent.log" &
agent=$!
for cluster in alpha beta gamma; do wait_for "$cluster is applied" at_commit "$cluster"; done
run status --omni "$omni"

step "A commit scales the workers of alpha to 5: safe, so it is applied at once"
sed -i 's/size: 2/size: 5/' "$room/fleet/alpha.yaml"
commit "alpha: five workers"
wait_for "alpha is scaled" at_commit alpha
run status alpha --omni "$omni"

step "A commit removes the cluster gamma: critical, so it is held"
git -C "$room/fleet" rm -q gamma.yaml
commit "gamma is not needed any more"
wait_for "the removal is held" is gamma state Held
field gamma message
hash=$(sed -n 's/.*"plan": {"hash": "\([0-9a-f]\{16\}\).*/\1/p' "$room/status/omni.gamma.json")
run status --omni "$omni"

step "Somebody approves exactly this plan"
run approve gamma "$hash" --omni "$omni"
wait_for "gamma is gone" is_gone gamma
run status --omni "$omni"

step "A broken commit: what is wrong is said, and the last good state stays"
sed -i 's/machineClass/machineClas/' "$room/fleet/beta.yaml"
commit "beta: a slip of the finger"
wait_for "the fault is reported" is beta state Frozen
field beta message
show "omniops validate"
"$omniops" validate --root "$room/fleet" "$room/fleet" || true

step "What the agent did"
sed 's/^ts=[^ ]* //' "$room/agent.log" | grep -E 'component=(apply|cluster)' | cut -c1-170 | head -n 40
run status --omni "$omni"
printf '\n%sDone.%s Everything was in %s and is removed now.\n' "$bold" "$plain" "$room"
