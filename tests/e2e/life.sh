# The life of two clusters, commit by commit: made, grown, shrunk, upgraded, patched, locked, stuck, made again and deleted.
# Before each commit `omniops plan` says what it comes to; after it, what an agent did is held against that plan, in what
# people own in that Omni as Omni's own library reads it. Every wait ends by itself.
#
# life_cosi.sh and life_omni.sh say where it is lived. They have a server that makes machines for the provider `proxmox`,
# and three machines that wait, and set:
#   OMNI_ENDPOINT OMNIOPS_OMNI_KEY_FILE (SSL_CERT_FILE)    exported
#   patience                  seconds that the longest wait may take
#   lost                      the machine of `edge` that is disconnected by
#   here COMMAND…             runs where the server can be reached
#   agent ARGUMENT…           starts an agent; sets agent_pid
#   dump                      prints what people own in this Omni
#   disconnect, reconnect     machines of `edge`, but none of another cluster
# shellcheck shell=bash disable=SC2154
edge_machines=(10001802-c798-4da7-a410-f09abb48c8d8 10011802-c798-4da7-a410-f09abb48c8d8 10021802-c798-4da7-a410-f09abb48c8d8)
repo=$room/repo
talos_prod=$repo/clusters/talos-prod-01.yaml
cilium=$repo/clusters/patches/cilium.yaml
life_flags=(--connection "main=$OMNI_ENDPOINT")

# --- helpers ----------------------------------------------------------------------------------------------------------

in_omni() { here "$OMNIOPS" "$@"; }
status_file() { # of a cluster; there is never more than one
	echo "$room/status/"*".$1.json"
}
says_of() { sed -n "s/.*\"$2\": \"\([^\"]*\)\".*/\1/p" "$(status_file "$1")" 2>/dev/null; }
is_at() { [ "$(says_of "$1" state)" = "$2" ] || { cat "$(status_file "$1")"; return 1; }; }
message_of() { says_of "$1" message; }
hash_of() { sed -n 's/.*"plan": {"hash": "\([0-9a-f]*\)".*/\1/p' "$(status_file "$1")"; }
is_retired() { [ ! -e "$(status_file "$1")" ]; }
revision() { git -C "$repo" rev-parse HEAD; }
is_synced() { is_at "$1" InSync && [[ $(says_of "$1" revision) == *$(revision) ]]; }
spec_of() { in_omni get "$1" "$2" -o yaml 2>/dev/null | sed '1,/^spec:/d'; }
healthy() { in_omni health "$1" --wait --timeout "${patience}s"; }
now_ms() { date +%s%3N; }
operations() { python3 tests/e2e/life_operations.py "$@"; }
tree_says() { in_omni status "$1" >"$room/tree" 2>&1; grep -qE -- "$2" "$room/tree" || { cat "$room/tree"; return 1; }; }

planned() { # SUMMARY
	local code=0
	in_omni plan "${life_flags[@]}" -o json "$repo" >"$room/plan.json" 2>"$room/err" || code=$?
	[ "$code" = 2 ] || [ "$code" = 3 ] || { echo "exits with $code"; cat "$room/err"; return 1; }
	[ "$(operations summary "$room/plan.json")" = "$1" ] || { cat "$room/plan.json"; return 1; }
}
# The hash that the plan has for a cluster is the one that the agent holds.
holds_the_plan() {
	is_at "$1" Held || return 1
	grep -qF "\"name\":\"$1\"" "$room/plan.json" && grep -qF "\"hash\":\"$(hash_of "$1")\"" "$room/plan.json"
}
approve() { in_omni approve "$1" "$(hash_of "$1")"; }
happened() { dump >"$room/after" && operations compare "$room/plan.json" "$room/before" "$room/after" "$@"; }

# change CLUSTER SUMMARY TITLE: commits what was edited, which comes to SUMMARY, and sees it carried out.
change() {
	local cluster=$1 from line
	check "$3: the plan is $2" planned "$2"
	dump >"$room/before"
	line=$(wc -l <"$room/log") from=$(now_ms)
	commit "$3"
	case $2 in
	*destructive | *critical)
		check "… which the agent holds, under the same hash" within "$patience" holds_the_plan "$cluster"
		check "… until it is approved" approve "$cluster"
		;;
	esac
	check "… it is carried out" within "$patience" is_synced "$cluster"
	echo "# $3: in sync after $(($(now_ms) - from)) ms"
	check "… Omni differs by just these operations" happened
	check "… and the agent has told of just these" operations logged "$room/plan.json" "$room/log" "$line"
}
# well CLUSTER [CONDITION…]: it becomes healthy, and what was wanted is true then.
well() {
	local from
	from=$(now_ms)
	[ $# = 1 ] || check "… ${*:2}" within "$patience" "${@:2}"
	check "… and $1 is healthy" healthy "$1"
	echo "# $1: healthy after another $(($(now_ms) - from)) ms"
}

is_read() { grep -F '"msg":"new revision"' "$room/log" | grep -qF "$(revision)"; }
is_forgotten() { ! in_omni get machines "$1" >/dev/null 2>&1; }
is_unwell() { ! in_omni health "$1" >/dev/null 2>&1; }
# No line of the log calls anything a fault.
is_calm() { ! grep -E '"level":"error"' "$room/log"; }
members() { # SET: names of its machines in the tree
	in_omni get clustermachines -o yaml | awk '/^    id: / { id = $2 } /machine-set: / && $2 == wanted { print id }' wanted="$1"
}
members_are() { [ "$(members "$1" | wc -l)" = "$2" ]; }
talos_is() { # CLUSTER VERSION MACHINES
	[ "$(in_omni get machinestatuses -o yaml | awk '/^    id: / { is = 0 } /sidero.dev\/cluster: / { is = $2 == wanted }
		is && /^    talosversion: / { print $2 }' wanted="$1" | grep -c "^v*$2\$")" = "$3" ]
}
kubernetes_is() { spec_of kubernetesupgradestatuses "$1" | grep -q "lastupgradeversion: $2\$"; }
waits_for_lock() { spec_of kubernetesupgradestatuses edge | grep 'to be unlocked'; }
patches_arrived() { ! in_omni get clustermachinestatuses -o yaml | grep -q 'configuptodate: false'; }

# edge VERSION LOCK [DESTROY]: a cluster of named machines, one of which may be locked.
edge() {
	cat <<-END_OF_FILE
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniCluster
	metadata: {name: edge, namespace: omni}
	spec:
	  connectionRef: {name: main}
	  kubernetes: {version: $1}
	  talos: {version: v1.13.5}
	  deletePolicy: {destroyMachines: ${3:-false}}
	---
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniControlPlane
	metadata: {name: edge, namespace: omni}
	spec:
	  clusterRef: {name: edge}
	  machines: ["${edge_machines[0]}"]
	---
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniWorkers
	metadata: {name: edge-workers, namespace: omni}
	spec:
	  clusterRef: {name: edge}
	  workerSetName: workers
	  machines: ["${edge_machines[1]}", "${edge_machines[2]}"]
	---
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniMachine
	metadata: {name: edge-locked, namespace: omni}
	spec:
	  clusterRef: {name: edge}
	  machineID: ${edge_machines[1]}
	  locked: $2
	END_OF_FILE
}

# --- made -------------------------------------------------------------------------------------------------------------

follow() {
	agent "${life_flags[@]}" --source "git+file://$repo?ref=main" --interval 200ms --status-dir "$room/status" \
		--cache-dir "$room/cache" --http off --log-format json
}

life_begins() {
	cp -r examples/homelab/plan "$repo"
	git init -q -b main "$repo"
	check "machine classes are applied from the files as they are" in_omni apply --yes "$repo/machine-classes"
	for name in matrix-control-plane matrix-worker; do
		check "… and listed: $name" bash -c 'grep -q "$1" <<<"$2"' - "$name" "$(in_omni get machineclasses)"
	done
	: >"$room/log"
	# The classes alone, so that there is a revision before the cluster's.
	mkdir "$room/later" && mv "$repo/clusters" "$room/later"
	commit classes
	follow
	check "an agent follows Git" within "$patience" grep -q '"msg":"new revision"' "$room/log"
	mv "$room/later/clusters" "$repo"
	change talos-prod-01 "+4 ~0 -0 safe" "a cluster of three control planes and two workers"
	well talos-prod-01
	check "status shows it" tree_says talos-prod-01 '^Cluster "talos-prod-01" RUNNING Ready \(5/5\)'
	check "… with its control planes" tree_says talos-prod-01 'Control Plane "talos-prod-01-control-planes" Running Ready \(3/3\)'
	check "… its workers" tree_says talos-prod-01 'Workers "talos-prod-01-workers" Running Ready \(2/2\)'
	check "… and five machines" [ "$(grep -cE 'Machine "[0-9a-f-]+"\(.*\) RUNNING Ready' "$room/tree")" = 5 ]
	check "which the agent knows, too" within "$patience" grep -q '"omniStatus": {"phase": "RUNNING", "ready": true' "$(status_file talos-prod-01)"
}

# --- changed ----------------------------------------------------------------------------------------------------------

resize() { sed -i "/kind: Workers/,\$s/size: .*/size: $1/" "$talos_prod"; }

life_changes() {
	resize 3
	change talos-prod-01 "+0 ~1 -0 safe" "one worker more"
	well talos-prod-01 members_are talos-prod-01-workers 3
	resize 1
	change talos-prod-01 "+0 ~1 -0 destructive" "two workers less"
	well talos-prod-01 members_are talos-prod-01-workers 1
	sed -i 's/version: v1.35.1/version: v1.35.5/' "$talos_prod"
	change talos-prod-01 "+0 ~1 -0 disruptive" "another Kubernetes"
	well talos-prod-01 kubernetes_is talos-prod-01 1.35.5
	sed -i 's/version: v1.13.3/version: v1.13.5/' "$talos_prod"
	change talos-prod-01 "+0 ~1 -0 disruptive" "another Talos"
	well talos-prod-01 talos_is talos-prod-01 1.13.5 4

	sed -i 's/^    file: .*/&\n  - name: maps\n    inline:\n      machine: {sysctls: {vm.max_map_count: "262144"}}/' "$talos_prod"
	change talos-prod-01 "+1 ~0 -0 disruptive" "a patch more"
	well talos-prod-01 patches_arrived
	sed -i 's/"262144"/"524288"/' "$talos_prod"
	change talos-prod-01 "+0 ~1 -0 disruptive" "another value in it"
	well talos-prod-01 patches_arrived
	sed -i '/name: maps/,/sysctls/d' "$talos_prod"
	change talos-prod-01 "+0 ~0 -1 disruptive" "the patch goes"
	well talos-prod-01 patches_arrived
}

# --- locked -----------------------------------------------------------------------------------------------------------

life_locks() {
	edge v1.35.5 false >"$repo/edge.yaml"
	change edge "+6 ~0 -0 safe" "a second cluster, of machines that are named"
	well edge members_are edge-workers 2
	edge v1.35.5 true >"$repo/edge.yaml"
	change edge "+0 ~1 -0 safe" "a machine is locked"
	check "… status shows it" within "$patience" tree_says edge "Machine \"${edge_machines[1]}\".* Locked"
	edge v1.36.1 true >"$repo/edge.yaml"
	change edge "+0 ~1 -0 disruptive" "another Kubernetes for it"
	check "… waits for the locked one" within "$patience" waits_for_lock
	check "… which is not healthy" exits 1 in_omni health edge
	edge v1.36.1 false >"$repo/edge.yaml"
	change edge "+0 ~1 -0 safe" "the lock is taken away"
	well edge kubernetes_is edge 1.36.1
}

# --- stuck ------------------------------------------------------------------------------------------------------------

removes_machines() { message_of edge | grep "disconnected machines are removed"; }
is_stuck() { is_at edge Progressing && grep -q '"waiting": {' "$(status_file edge)"; }
is_named() { message_of edge | grep -qF "$lost"; }
goes() { # a deletion, approved
	check "… which the agent holds" within "$patience" is_at edge Held
	check "… until it is approved" approve edge
}

life_is_stuck() {
	disconnect
	rm "$repo/edge.yaml"
	commit "the second cluster goes"
	goes
	check "a machine that does not answer keeps the cluster" within "$patience" is_stuck
	check "… the machine is named" within "$patience" is_named
	check "… with the way out" bash -c 'grep -q "omnictl delete link" <<<"$1"' - "$(message_of edge)"
	resize 2
	change talos-prod-01 "+0 ~1 -0 safe" "meanwhile another cluster grows"
	edge v1.36.1 false >"$repo/edge.yaml"
	commit "the second cluster is declared again"
	check "declared again while it goes, it waits" within "$patience" is_stuck
	sleep 1
	check "… and nothing is made of it" is_stuck
	reconnect
	check "when the machine answers, it goes and is made again" within "$patience" is_synced edge
	well edge members_are edge-workers 2
	well talos-prod-01 members_are talos-prod-01-workers 2

}

# With machines that Omni knows to be lost, which it does at once where they are played, and otherwise after minutes.
life_loses_machines() {
	edge v1.36.1 false true >"$repo/edge.yaml"
	commit "its machines may be destroyed with it"
	check "a deletion policy changes nothing" within "$patience" is_read
	disconnect
	check "a machine is lost" within "$patience" tree_says edge "Machine \"$lost\".* Unreachable"
	stop_agent
	rm "$repo/edge.yaml"
	commit "the second cluster goes with its machines, while no agent runs"
	follow
	goes
	check "it goes although a machine does not answer" within "$patience" is_retired edge
	check "… and so does the machine" within "$patience" is_forgotten "$lost"

	joins "$lost"
	edge v1.36.1 false true >"$repo/edge.yaml"
	commit "the second cluster is made once more"
	check "it is made once more" within "$patience" is_synced edge
	well edge members_are edge-workers 2
	falls_silent "$lost"
	rm "$repo/edge.yaml"
	commit "the second cluster goes once more"
	goes
	check "it waits for a machine that is not lost" within "$patience" is_stuck
	check "… which is named, too" within "$patience" is_named
	disconnect
	check "when that is lost, its end has to be approved, too" within 75 is_at edge Held
	check "… because machines are removed" within 5 removes_machines
	check "… until that is done" approve edge
	check "… then it goes" within "$patience" is_retired edge
}

# What the agent tells to do, done.
life_follows_advice() {
	disconnect
	rm "$repo/edge.yaml"
	commit "the second cluster goes for good"
	goes
	check "it waits" within "$patience" is_named
	local end=$((SECONDS + patience)) advice
	until is_retired edge || [ "$SECONDS" -ge "$end" ]; do
		advice=$(message_of edge | sed -n 's/.*goes with: omnictl \(delete link [0-9a-f-]*\).*/\1/p')
		# shellcheck disable=SC2086
		[ -z "$advice" ] || ctl $advice >/dev/null 2>&1
		sleep 0.5
	done
	check "what it says to do has it go" is_retired edge
}

# --- gone -------------------------------------------------------------------------------------------------------------

life_ends() {
	dump >"$room/before"
	in_omni delete --dry-run "${life_flags[@]}" talos-prod-01 >"$room/deletion" 2>&1
	rm -r "$repo/clusters"
	commit "the first cluster goes"
	check "a cluster that leaves Git is held" within "$patience" is_at talos-prod-01 Held
	check "… as the plan for its deletion is called" grep -qF "$(hash_of talos-prod-01 | cut -c 1-16)" "$room/deletion"
	check "… until it is approved" approve talos-prod-01
	check "… then it is retired" within "$patience" is_retired talos-prod-01
	echo '{"operations": []}' >"$room/plan.json"
	check "… with all that was its own, and nothing else" happened talos-prod-01
	check "nothing went wrong on the way" is_calm
}
