#!/bin/bash
# Of a new revision only what changed is rendered, with the real Git and the real walls, and the result is the same as of
# everything: what a shared file says, what clashes, what is set right again.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh

# rendered REVISION WORDS: the log says how many files of the revision were rendered
rendered() { grep '"msg":"new revision"' "$room/log" | grep -F "$1" | grep -qF "\"rendered\":$2"; }
tip() { git -C "$room/repo" rev-parse HEAD; }
patched() { "$OMNIOPS" get configpatches -o yaml --omni "$omni" | grep -q "a: \"$1\""; }
use_patch() { sed -i "0,/connectionRef/s//patches: [{name: shared, file: shared\/sysctl.patch}]\n  connectionRef/" "$room/repo/clusters/$1.yaml"; }

repository one two three
mkdir "$room/repo/clusters" "$room/repo/shared"
git -C "$room/repo" mv class.yaml one.yaml two.yaml three.yaml clusters
printf 'machine: {sysctls: {a: "1"}}\n' >"$room/repo/shared/sysctl.patch"
use_patch one
use_patch two
git -C "$room/repo" add -A
commit layout
start_agent --source "git+file://$room/repo?ref=main&path=clusters"
check "the first revision is rendered as a whole" within 20 rendered "$(tip)" "$(ls "$room/repo/clusters" | wc -l)"
check "all clusters are there" within 20 is_state three InSync
sed -i 's/size: 2/size: 4/' "$room/repo/clusters/three.yaml"
commit scale
check "of the next one file" within 20 rendered "$(tip)" 1
check "and it is applied" within 20 has_workers three 4
printf 'machine: {sysctls: {a: "2"}}\n' >"$room/repo/shared/sysctl.patch"
commit patch
check "a file beside the path concerns the clusters that name it" within 20 rendered "$(tip)" 2
check "its new content arrives" within 20 patched 2
git -C "$room/repo" mv clusters/three.yaml clusters/four.yaml
commit rename
check "a file may be renamed" within 20 rendered "$(tip)" 1
check "nothing disappears by that" within 10 is_state three InSync
cp "$room/repo/clusters/one.yaml" "$room/repo/clusters/again.yaml"
git -C "$room/repo" add -A
commit clash
check "what clashes with what did not change freezes both" within 20 is_state one Frozen
check "and says so" grep -q 'DuplicateObject' "$room/log"
check "others go on" is_state three InSync
git -C "$room/repo" rm -q clusters/again.yaml
commit repaired
check "without it all is well again" within 20 is_state one InSync
check "everything was rendered for that" within 5 rendered "$(tip)" "$(ls "$room/repo/clusters" | wc -l)"
sed -i 's/size: 4/size: 5/' "$room/repo/clusters/four.yaml"
commit again
check "from then on it is one file again" within 20 rendered "$(tip)" 1
check "which arrives" within 20 has_workers three 5
stop_agent

mkdir -p "$room/plain/shared"
cp "$room/repo/clusters"/*.yaml "$room/plain"
cp "$room/repo/shared/sysctl.patch" "$room/plain/shared"
start_agent --source "dir:$room/plain"
check "a directory is rendered as a whole first" within 20 rendered sha256 "$(ls "$room/plain"/*.yaml | wc -l)"
check "… and is the same" within 20 is_state three InSync
sleep 2.2 # younger changes may hide behind the clock's grain
sed -i 's/size: 5/size: 6/' "$room/plain/four.yaml"
check "then what changed" within 20 rendered sha256 1
check "which arrives from there, too" within 20 has_workers three 6
printf 'machine: {sysctls: {a: "3"}}\n' >"$room/plain/shared/sysctl.patch"
check "so does what two clusters name" within 20 rendered sha256 2
check "with its content" within 20 patched 3
stop_agent
finish
