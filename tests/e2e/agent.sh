#!/bin/bash
# The agent end to end on the directory store: commits, dangerous commits, broken commits, drift, restarts.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh

repository one two
start_agent --source "git+file://$room/repo?ref=main"
check "a commit arrives by itself" within 10 is_state one InSync
check "both clusters do" within 10 is_state two InSync
check "the machine class, too" exists machineclasses any
sed -i 's/size: 2/size: 5/' "$room/repo/one.yaml"
commit scale
check "a scale up is applied" within 10 has_workers one 5
check "what that changed is told" within 5 grep -qF '"appliedOutput": "* updating MachineSets.omni.sidero.dev(one-workers)"' \
	"$room/status/main.one.json"
sed -i 's/size: 5/size: 1/' "$room/repo/one.yaml"
commit down
check "a scale down is held" within 10 is_state one Held
check "nothing was written" has_workers one 5
check "status tells what is held" within 5 bash -c "'$OMNIOPS' status one --omni '$omni' | grep -q 'Held: plan .*approve it with: omniops approve one'"
check "approved in Omni it is applied" bash -c "'$OMNIOPS' approve one $(plan_hash one) --omni '$omni'"
check "… soon" within 10 has_workers one 1
check "the approval is used up" within 5 bash -c "! '$OMNIOPS' get clusters one -o yaml --omni '$omni' | grep -q approve:"

git -C "$room/repo" rm -q two.yaml
commit "remove two"
check "a cluster that disappears is held" within 10 is_state two Held
check "it is still there" exists clusters two
stop_agent
cp "$room/status/main.two.json" "$room/status/old.two.json"
echo '{"kind": "List"}' >"$room/status/mine.json"
start_agent --source "git+file://$room/repo?ref=main"
check "after a restart it is still held" within 10 is_state two Held
check "a status file of nobody goes" within 10 test ! -e "$room/status/old.two.json"
check "… what is no status file stays" test -s "$room/status/mine.json" -a -s "$room/status/main.one.json"
omniops approve two "$(plan_hash two)" --omni "$omni" 2>/dev/null
check "approved it goes" within 10 is_gone clusters two
check "and its status file, too" within 10 test ! -e "$room/status/main.two.json"

printf 'kind: [\n' >>"$room/repo/one.yaml"
commit broken
check "a broken file freezes the cluster" within 10 is_state one Frozen
check "its place is said" grep -q one.yaml "$room/status/main.one.json"
git -C "$room/repo" rm -q -r --cached . && git -C "$room/repo" commit -q -m "everything gone"
sleep 1
check "an empty tree destroys nothing" exists clusters one
check "it is an error of the source" grep -q '"component":"source".*last good state stays' "$room/log"
git -C "$room/repo" reset -q --hard HEAD~2
check "back to the good commit" within 10 is_state one InSync

patch_file="$room/omni"
omniops get machinesets one-workers -o yaml --omni "$omni" >"$room/ms.yaml"
file=$(grep -rl 'id: one-workers' "$patch_file" --include='*.yaml' | head -n 1)
sed -i 's/machinecount: 1/machinecount: 3/' "$file"
check "drift upwards is a destructive correction: held" within 10 is_state one Held
sed -i 's/machinecount: 3/machinecount: 1/' "$file"
check "undone by hand it is in sync" within 10 is_state one InSync
stop_agent
sed -i 's/size: 1/size: 2/' "$room/repo/one.yaml"
commit "while nobody looked"
start_agent --source "git+file://$room/repo?ref=main"
check "a commit made while the agent was down arrives" within 10 has_workers one 2
stop_agent
check "it stops cleanly" grep -q '"msg":"stopping"' "$room/log"

check "once: in sync is 0" exits 0 omniops agent --once --omni "$omni" --http off --cache-dir "$room/cache" --source "git+file://$room/repo?ref=main"
sed -i 's/size: 2/size: 1/' "$room/repo/one.yaml"
commit down
check "once: held is 3" exits 3 omniops agent --once --omni "$omni" --http off --cache-dir "$room/cache" --source "git+file://$room/repo?ref=main"
check "once: no such ref is 1" exits 1 omniops agent --once --omni "$omni" --http off --cache-dir "$room/cache" --source "git+file://$room/repo?ref=none"
check "gate: a higher one lets it through" exits 0 omniops agent --once --gate destructive --omni "$omni" --http off --cache-dir "$room/cache" --source "git+file://$room/repo?ref=main"
check "… so it was applied" has_workers one 1
check "no source is a usage error" exits 1 omniops agent --omni "$omni"

mkdir "$room/plain"
cp "$room/repo/class.yaml" "$room/plain/"
cluster three 1 >"$room/plain/three.yaml"
start_agent --source "git+file://$room/repo?ref=main" --source "dir:$room/plain"
check "a second source" within 10 is_state three InSync
cp "$room/repo/one.yaml" "$room/plain/one.yaml"
check "a cluster declared twice is frozen" within 10 is_state one Frozen
rm "$room/plain/one.yaml"
check "and goes on when that is mended" within 10 is_state one InSync
rm "$room/plain/three.yaml"
check "the cluster of a directory is held when its file goes" within 10 is_state three Held
stop_agent
finish
