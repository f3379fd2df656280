#!/bin/bash
# A file of the store that nobody can read: the agent goes on, destroys nothing, names the file, and recovers when it can.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh

repository one two
start_agent --source "git+file://$room/repo?ref=main"
check "two clusters arrive" within 10 is_state one InSync
check "… both" within 10 is_state two InSync

broken=$room/omni/MachineSets.omni.sidero.dev/one-workers.yaml
cp "$broken" "$room/good.yaml"
damage() { printf 'metadata: [\n' >"$broken"; }
damage
check "the agent says at once which file is broken" within 5 grep -q 'one-workers.yaml:2:1' "$room/log"
sed -i 's/size: 2/size: 4/' "$room/repo/two.yaml"
commit scale
check "nothing can be known of the machine sets: failed" within 10 is_state two Failed
check "the message names the file" bash -c "grep -q 'one-workers.yaml:2:1' '$room/status/main.two.json'"
check "… and what to do" bash -c "grep -q 'repair the file, or remove it' '$room/status/main.two.json'"
check "the agent runs" kill -0 "$agent_pid"
check "nothing was destroyed" test -s "$room/omni/Clusters.omni.sidero.dev/one.yaml" -a -s "$room/omni/MachineSets.omni.sidero.dev/one-control-planes.yaml"
check "the command line says it, too" exits 1 omniops get machinesets --omni "$omni"
check "… with the file" complains 'one-workers.yaml:2:1'
check "another resource of the type can be looked at" exits 0 omniops get machinesets two-workers --omni "$omni"
sleep 2 # the agent's own patience has grown by now
cp "$room/good.yaml" "$broken"
check "repaired, it goes on at once" within 3 is_state two InSync
check "… with what was declared meanwhile" has_workers two 4

damage
check "broken again" bash -c ". tests/tap.sh; . tests/e2e/lib.sh; trap - EXIT; room='$room'; within 5 grep -c 'one-workers.yaml:2:1' '$room/log'"
sleep 1
rm "$broken"
check "removed, the resource is gone and is made again" within 5 test -s "$broken"
check "… as it was declared" within 5 has_workers one 2

stop_agent
damage
sed -i 's/size: 4/size: 3/' "$room/repo/two.yaml"
commit "scale down"
: >"$room/log"
start_agent --gate destructive --source "git+file://$room/repo?ref=main"
check "broken before the start: failed, not frozen in silence" within 20 is_state two Failed
cp "$room/good.yaml" "$broken"
check "repaired, it goes on at once" within 3 is_state two InSync
check "… with what was declared" has_workers two 3
finish
