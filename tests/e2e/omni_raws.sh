#!/bin/bash
# Raw resources on the real server: what `omniops apply` leaves is what `omnictl apply` leaves; changed, left alone when
# nothing changed, and pruned by the agent only where they are ours and nobody uses them.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/e2e/omni_pair.sh
tree=$room/tree

raws() { # selector, memory, rack
	cat <<-END
		metadata: {namespace: default, type: MachineClasses.omni.sidero.dev, id: chosen, labels: {team: "1"}, annotations: {why: "a: b"}}
		spec: {matchlabels: ["$1", "zone in (a, b)"]}
		---
		metadata: {namespace: default, type: MachineClasses.omni.sidero.dev, id: made}
		spec:
		  autoprovision:
		    providerid: proxmox
		    kernelargs: [console=ttyS0]
		    metavalues: [{key: 10, value: x}]
		    grpctunnel: 1
		    providerdata: |
		      # as it is
		      cores: 4
		      memory: $2
		      disk_size: 40
		      storage_selector: name == "vm_ssd"
		---
		metadata: {namespace: default, type: MachineLabels.omni.sidero.dev, id: 7b1c1d4e-0000-4000-8000-000000000001, labels: {rack: "$3", zone: a}}
		spec: {}
		---
		metadata: {namespace: default, type: MachineRequestSets.omni.sidero.dev, id: extra}
		spec:
		  providerid: proxmox
		  machinecount: 2
		  talosversion: 1.13.3
		  extensions: [siderolabs/iscsi-tools]
		  providerdata: "{cores: 2, memory: $2, disk_size: 10, storage_selector: x}"
	END
}

class() { # name, what stands below spec
	printf 'apiVersion: omni.texashpc.com/v1alpha1\nkind: OmniMachineClass\nmetadata: {name: %s, namespace: omni}\n' "$1"
	printf 'spec:\n  connectionRef: {name: main}\n%s\n' "$2"
}

on_both() { # what: gives the tree to both
	on theirs omni_ctl apply -f "$tree" && on ours exits 0 ops apply --approve-all "$tree" && equal
}

same() {
	mkdir -p "$tree"
	raws "omni.sidero.dev/cores >= 4" 8192 1 >"$tree/raws.yaml"
	check "made as omnictl makes them" on_both
	check "four of them" test "$(grep -c '^Machine' "$room/ours.dump")" = 4
	check "nothing to do on their server" on theirs nothing_to_plan "$tree"
	records=yes
	check "the second time nothing is written" on ours writes_nothing ops apply "$tree"
	records=
	raws "omni.sidero.dev/cores > 8" 4096 2 >"$tree/raws.yaml"
	on ours exits 2 ops plan "$tree"
	check "a change is planned field by field" complete_plan
	check "changed as omnictl changes them" on_both
	omni_use theirs
	raws_shown machineclasses machinelabels machinerequestsets
}

complete_plan() {
	local text
	for text in 'spec.matchlabels[0]: omni.sidero.dev/cores >= 4 -> omni.sidero.dev/cores > 8' 'metadata.labels.rack: 1 -> 2' \
		'memory: 8192 -> 4096'; do
		says "$text" || return 1
	done
}

raws_shown() {
	local type
	for type in "$@"; do
		omni_ctl get "$type" -o yaml >"$room/get.theirs"
		ops get "$type" -o yaml | sed -E "s/: ['\"](.*)['\"]\$/: \1/" >"$room/get.ours"
		check "get $type prints what omnictl prints" diff \
			<(sed -E "s/: ['\"](.*)['\"]\$/: \1/" "$room/get.theirs") "$room/get.ours"
	done
}

kinds() {
	class picked '  matchLabels: ["omni.sidero.dev/arch = amd64"]' >"$tree/kinds.yaml"
	{ echo ---; class turned '  matchLabels: ["a"]'; } >>"$tree/kinds.yaml"
	{ echo ---; class provided '  autoProvision: {providerID: proxmox, providerData: {cores: 4, memory: 4096, disk_size: 9, storage_selector: fast}}'; } >>"$tree/kinds.yaml"
	omniops render -o resources "$tree/kinds.yaml" >"$room/kinds.yaml"
	check "omnictl takes a kind as omniops prints it" on theirs omni_ctl apply -f "$room/kinds.yaml"
	check "omniops makes the same of the kind" on ours exits 0 ops apply "$tree"
	check "both servers hold the same" equal
}

# --- what is refused, and what goes -----------------------------------------------------------------------------------

sweep() { # flags: one pass of the agent over the whole tree
	omni_in "$OMNIOPS" agent --once --source "dir:$tree" --omni "$omni_endpoint" --omni-key-file "$omni_key" --omni-ca-file "$omni_ca" \
		--interval 200ms --cache-dir "$room/cache" --status-dir "$room/status" --http off "$@"
}
is_there() { omni_ctl get machineclass "$1" >/dev/null 2>&1; }
holds() { omni_ctl get machineclass "$1" -o yaml | grep -F "$2"; }
is_away() { ! is_there "$1"; }

template() {
	printf 'kind: Cluster\nname: user\nkubernetes: {version: v1.35.1}\ntalos: {version: v1.13.3}\n---\n'
	printf 'kind: ControlPlane\nmachineClass: {name: picked, size: 1}\n'
}

leaving() {
	omni_use ours
	sed -i 's/matchLabels: \["a"\]/autoProvision: {providerID: proxmox, providerData: {cores: 4, memory: 4096, disk_size: 9, storage_selector: fast}}/' "$tree/kinds.yaml"
	check "a class does not begin to make machines in place" exits 3 ops plan "$tree"
	check "the plan says what to do" says "Declare the new one under another name"
	check "nothing is written then" writes_nothing_held
	omni_ctl delete machineclass turned 2>/dev/null
	check "it does once the old one was destroyed" exits 0 ops apply "$tree"
	check "then it makes machines" holds turned 'providerid: proxmox'
	class picked '  matchLabels: ["omni.sidero.dev/arch = amd64"]' >"$tree/kinds.yaml"
	template >"$tree/user.yaml"
	omni_ctl apply -f "$room/foreign.yaml" || fail "a class of somebody else is made"
	check "a cluster uses a class" exits 0 sweep --gate destructive
	check "what is no longer declared goes" is_away provided
	check "all of it" is_away turned
	check "what is somebody else's stays" is_there foreign
	rm "$tree/kinds.yaml"
	check "a class in use cannot go" exits 1 sweep --gate destructive
	check "it stays" is_there picked
	check "omniops says who uses it" grep -q "still used by machine sets: user-control-planes" "$room/out" "$room/err"
	exits 0 ops delete --approve-all user && rm "$tree/user.yaml"
	check "what goes is held by the gate" exits 3 sweep
	check "with its risk" grep -q destructive "$room/out" "$room/err"
	check "so the class is still there" is_there picked
	check "with the gate open it goes" exits 0 sweep --gate destructive
	check "once nobody uses it" is_away picked
}

writes_nothing_held() {
	quiet && cp "$room/quiet" "$room/before"
	exits 3 ops apply "$tree" || exits 1 ops apply "$tree" || return 1
	quiet && diff -u "$room/before" "$room/quiet"
}

if ! pair_start; then
	skip "raw resources on real servers" "$pair_reason"
else
	printf 'metadata: {namespace: default, type: MachineClasses.omni.sidero.dev, id: foreign}\nspec: {matchlabels: [a]}\n' >"$room/foreign.yaml"
	same
	kinds
	leaving
fi
finish
