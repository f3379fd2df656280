#!/bin/bash
# What `omniops apply` leaves in Omni is what `omnictl cluster template sync` leaves: for every example, and for clusters
# made by chance from everything that a template can say (CLUSTERS=20 SEED=1; more for a change of what is rendered). Neither then sees anything to do for itself
# in what the other did. What omniops shows of it, live and in a snapshot, is what omnictl shows.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/e2e/omni_pair.sh

CLUSTERS=${CLUSTERS:-20}

# --- two at once ------------------------------------------------------------------------------------------------------

# The servers have nothing to do with each other: omnictl works on one while omniops works on the other.
meanwhile() { # command…
	"$@" >"$room/meanwhile" 2>&1 &
	meanwhile_pid=$!
}

joined() { # what it was
	if wait "$meanwhile_pid"; then
		pass "$1"
	else
		fail "$1"
		sed 's/^/# /' "$room/meanwhile"
	fi
}

# --- examples ---------------------------------------------------------------------------------------------------------

each() { # command…, with each template of $folder in its place
	local file
	for file in "$folder"/*.yaml; do
		"$@" ctl "$folder" cluster template "$verb" -f "${file##*/}" || { echo "$file"; return 1; }
	done
}

each_deleted() { for cluster in $clusters; do "$@" "$cluster" || return; done; }

example() { # name, path for omniops, folder with templates for omnictl
	local name=$1 path=$2 folder=$3 clusters verb
	clusters=$(sed -n '/^kind: Cluster/,/^name:/s/^name: //p' "$folder"/*.yaml)
	verb=sync
	meanwhile on theirs each
	check "$name: omniops applies it" on ours exits 0 ops apply "$path"
	joined "$name: omnictl syncs it"
	check "$name: both servers hold the same" equal
	verb=diff
	meanwhile on ours each silent
	check "$name: omniops has nothing to do on their server" on theirs nothing_to_plan "$path"
	joined "$name: omnictl has nothing to do on our server"
	if [ "$name" = edge ]; then # omnictl has no JSON for clusters by chance: it fails on labels that look like numbers
		omni_use theirs
		gets_alike json clusters machinesets configpatches extensionsconfigurations kernelargs machineclasses
	fi
	meanwhile on theirs each_deleted omni_ctl cluster delete
	check "$name: omniops deletes it" on ours each_deleted exits 0 ops delete --approve-all
	joined "$name: omnictl deletes it"
	check "$name: the same is left" equal
}

rendered() { # folder below examples/: as templates for omnictl
	mkdir -p "$room/$1" && omniops render -o template --out "$room/$1" "examples/$1" >/dev/null
}

examples() {
	check "homelab: omnictl makes the classes" on theirs omni_ctl apply -f examples/homelab/plan/machine-classes
	example homelab/plan examples/homelab/plan examples/homelab/plan/clusters
	on ours omni_ctl delete machineclasses --all 2>/dev/null
	rendered homelab/kubernetes
	omniops render -o resources examples/homelab/kubernetes/matrix-*.yaml >"$room/classes.yaml" 2>/dev/null
	check "homelab: omnictl makes the classes as omniops prints them" on theirs omni_ctl apply -f "$room/classes.yaml"
	example homelab/kubernetes examples/homelab/kubernetes "$room/homelab/kubernetes"
	cat >"$room/class.yaml" <<-END
		metadata: {namespace: default, type: MachineClasses.omni.sidero.dev, id: standard}
		spec: {matchlabels: ["omni.sidero.dev/arch = amd64, omni.sidero.dev/cores >= 4"]}
	END
	on theirs omni_ctl apply -f "$room/class.yaml"
	rendered fleet
	example fleet examples/fleet "$room/fleet"
	rendered edge
	example edge examples/edge "$room/edge"
	example omnictl examples/omnictl examples/omnictl
}

# --- clusters by chance -----------------------------------------------------------------------------------------------

by_chance() {
	local now=$room/fleet/00 next=$room/fleet/01 names folder verb
	"$omni_rig" templates -seed "${SEED:-1}" -clusters "$CLUSTERS" -steps 1 -classes any,other,made -dir "$room/fleet"
	names=$(cd "$now" && ls ./*.yaml | sed 's,^\./,,; s,\.yaml$,,')
	pair_classes >"$room/classes.yaml"
	for server in theirs ours; do
		on $server omni_ctl apply -f "$room/classes.yaml" && on $server omni_tool secrets $names ||
			{ fail "the $server server is prepared"; return; }
	done
	meanwhile on theirs ctl "$now" cluster template sync -f ./
	check "$CLUSTERS clusters: omniops applies them" on ours exits 0 ops apply --approve-all "$now"
	joined "$CLUSTERS clusters: omnictl syncs them"
	check "both servers hold the same" equal
	check "that is something" test "$(wc -l <"$room/ours.dump")" -gt $(($CLUSTERS * 100))
	folder=$now verb=diff
	meanwhile on ours each silent
	check "omniops has nothing to do on their server" on theirs nothing_to_plan "$now"
	joined "omnictl has nothing to do on our server"
	check "omnictl's sync writes only what it compresses on our server" \
		on ours writes_only_compressed ctl "$now" cluster template sync -f ./
	check "omnictl's sync writes nothing a second time" on ours writes_nothing ctl "$now" cluster template sync -f ./
	check "omniops has nothing to do after it" on ours nothing_to_plan "$now"
	omni_use theirs
	gets_alike yaml clusters machinesets machinesetnodes configpatches extensionsconfigurations kubernetesmanifestgroups \
		kuberneteshealthchecks kernelargs machineclasses
	check "omniops' apply writes nothing on their server but records beside the clusters" \
		on theirs writes_nothing ops apply "$now"
	records=yes
	check "a second apply writes no record" on ours writes_nothing ops apply "$now"
	omni_use ours
	offline "$next"
}

# What omniops shows of them: where nothing but omnictl has written, so that there are no marks of ours.
gets_alike() { # form, types…
	local type form=$1
	shift
	for type in "$@"; do
		check "get $type -o $form prints what omnictl prints" get_alike "$type" "$form"
	done
}

# omnictl prints labels and annotations without the quotes that they need; finalizers have no order; and a field of Omni 1.10.
alike_yaml() {
	sed -E "s/: ['\"](.*)['\"]\$/: \1/; s/^( +)['\"](.*)['\"]:/\1\2:/; s/''/'/g; /^        - [A-Za-z]+Controller\$/d
		/^ +disablepublicdiscoveryservice: /d"
}

# omnictl makes its JSON of that YAML: an empty text is null there, and the keys are sorted.
alike_json() {
	python3 -c '
import json, sys
text, at, read = sys.stdin.read(), 0, json.JSONDecoder()
while at < len(text):
    one, at = read.raw_decode(text, at)
    at += len(text[at:]) - len(text[at:].lstrip())
    one["metadata"].pop("finalizers", None)
    (one["spec"].get("features") or {}).pop("disablepublicdiscoveryservice", None)
    print(json.dumps(one, sort_keys=True, indent=1).replace(": null", ": \"\""))
'
}

get_alike() { # type, form
	omni_ctl get "$1" -o "$2" >"$room/get.theirs" && ops get "$1" -o "$2" >"$room/get.ours" 2>/dev/null || return 1
	[ -s "$room/get.theirs" ] || { echo "there is none"; return 1; }
	diff <("alike_$2" <"$room/get.theirs") <("alike_$2" <"$room/get.ours") >"$room/get.diff" && return
	head -n 60 "$room/get.diff"
	return 1
}

# --- offline ----------------------------------------------------------------------------------------------------------

# What is hidden in differences is shown as a hash with a key of that process.
unkeyed() { sed -E 's/\((text|secret) [0-9a-f]+\)/(\1)/g'; }

offline() { # folder with what the clusters are to become
	ops plan -o json "$1" >"$room/live.json"
	check "a snapshot is taken" exits 0 ops snapshot --keep-secrets "$room/snapshot"
	omniops plan --rules 1.9 -o json --omni "dir:$room/snapshot" "$1" | sed "s,dir:$room/snapshot,$omni_endpoint,g" >"$room/offline.json"
	check "the plan against it is that against the server, with the same hash" diff <(unkeyed <"$room/live.json") <(unkeyed <"$room/offline.json")
	check "that is something" grep -q '"op": *"update"' "$room/live.json"
	check "a snapshot without secrets is taken" exits 0 ops snapshot "$room/hidden"
	omniops plan --rules 1.9 --omni "dir:$room/hidden" "$1" >"$room/hidden.text"
	ops plan "$1" >"$room/live.text"
	check "the plan against it has the same operations" \
		diff <(grep -E '^  [-+~] ' "$room/live.text") <(grep -E '^  [-+~] ' "$room/hidden.text")
}

if ! pair_start; then
	skip "omniops and omnictl on real servers" "$pair_reason"
else
	examples
	by_chance
fi
finish
