#!/bin/bash
# A history of good and faulty commits, in an order that HISTORY_SEED decides, with the agent allowed to do everything
# (--gate critical): while a commit is at fault nothing disappears; once it is mended the store equals a fresh apply.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
RANDOM=${HISTORY_SEED:-7}
tree=$room/repo
commits=0

two_parts() { # the cluster two stands in two files
	cluster two "$1" | awk '/^---/ {n++} n < 2' >"$tree/two.yaml"
	cluster two "$1" | awk '/^---/ {n++; next} n == 2' >"$tree/two-workers.yaml"
}
good() { # WORKERS
	rm -rf "${tree:?}"/*
	class >"$tree/class.yaml"
	cluster one "$1" >"$tree/one.yaml"
	two_parts "$1"
}
save() { commits=$((commits + 1)); commit "$1 $commits"; }
edit() { sed -i "$1" "$tree/$2"; }
part=two-workers.yaml
fault_syntax() { printf 'kind: [\n' >>"$tree/$part"; }
fault_cut() { head -c 330 "$tree/one.yaml" >"$room/x" && cp "$room/x" "$tree/one.yaml"; }
fault_cut_early() { head -c 150 "$tree/one.yaml" >"$room/x" && cp "$room/x" "$tree/one.yaml"; }
fault_dangling() { ln -sf nowhere "$tree/$part"; }
fault_connection() { edit 's/connectionRef: {name: main}/connectionRef: {name: mian}/' one.yaml; }
fault_namespace() { edit 's/namespace: omni/namespace: omnii/' $part; }
fault_kind() { edit 's/kind: OmniWorkers/kind: OmniWorker/' $part; }
fault_head_kind() { edit 's/kind: OmniCluster/kind: OmniClustr/' one.yaml; }
fault_no_metadata() { edit '/metadata/d' $part; }
fault_no_name() { edit 's/metadata: .*/metadata: {namespace: omni}/' $part; }
fault_reference() { edit 's/clusterRef: {name: two}/clusterRef: {name: tow}/' $part; }
fault_version() { edit 's/v1alpha1/v1alpha2/' $part; }
fault_group() { edit 's/texashpc.com/texashpc.co/' $part; }
fault_moved() { { cat "$tree/$part"; printf -- '---\nkind: [\n'; } >"$tree/new.yaml"; rm "$tree/$part"; }
fault_nothing() { rm -rf "${tree:?}"/*; }
fault_zeros() { head -c 300 /dev/zero >"$tree/$part"; }
fault_pointer() { printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12\n' 0 >"$tree/$part"; }
fault_deep() { head -c 100000 /dev/zero | tr '\0' '[' >"$tree/$part"; }
fault_twice() { cp "$tree/one.yaml" "$tree/copy.yaml"; }
fault_merge() { { echo '<<<<<<< HEAD'; cat "$tree/$part"; } >"$room/x" && cp "$room/x" "$tree/$part"; }

start() { start_agent --gate critical --source "git+file://$tree?ref=main" --connection "main=$omni"; }
names() { for type in clusters machinesets machineclasses; do omniops get $type --omni "$omni" | awk 'NR > 1 {print $2, $3}'; done; }
was_read() { grep -q "$(git -C "$tree" rev-parse HEAD)" "$room/log" || grep -q 'last good state stays' "$room/log"; }
in_sync() { is_state one InSync && is_state two InSync && has_workers one "$1" && has_workers two "$1"; }
is_as_fresh() {
	rm -rf "$room/fresh"
	omniops apply --omni "dir:$room/fresh" --approve-all "$tree" >/dev/null 2>&1 || return 1
	diff <(contents "$omni") <(contents "dir:$room/fresh")
}
nothing_is_gone() { diff "$room/before" <(names); }

git init -q -b main "$tree"
good 2
save good
start
check "the first commit arrives" within 10 in_sync 2
while read -r fault; do
	names >"$room/before"
	restart=$((RANDOM % 2))
	workers=$((RANDOM % 5 + 1))
	[ $restart = 0 ] || stop_agent
	: >"$room/log"
	"$fault"
	save "$fault"
	[ $restart = 0 ] || start
	within 5 was_read
	sleep 0.3
	check "$fault (restart $restart): nothing is gone" nothing_is_gone
	good $workers
	save mended
	check "… mended: $workers workers by itself" within 10 in_sync $workers
	check "… as a fresh apply has it" is_as_fresh
done < <(declare -F | sed -n 's/^declare -f \(fault_.*\)/\1/p' | while read -r name; do echo "$RANDOM $name"; done | sort -n | cut -d' ' -f2)
stop_agent
finish
