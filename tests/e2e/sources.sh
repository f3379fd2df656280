#!/bin/bash
# Several sources and several Omnis: a cluster that moves, an Omni that comes later, a flip of a link, a required sandbox.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh

mkdir -p "$room/a-1" "$room/a-2" "$room/b"
class >"$room/b/class.yaml"
cluster stay 1 >"$room/b/stay.yaml"
cluster move 1 >"$room/a-1/move.yaml"
cluster here 1 >"$room/a-1/here.yaml"
ln -s a-1 "$room/current"
run() { start_agent --source "dir:$room/current" --source "dir:$room/b" "$@"; }
run --gate critical
for name in stay move here; do check "$name is applied" within 10 is_state $name InSync; done

# The cluster moves: one source no longer has it before the other has it. With this gate a deletion would be carried out.
cp "$room/a-1/here.yaml" "$room/a-2/"
cp "$room/a-1/move.yaml" "$room/b/move.yaml"
ln -sfn a-2 "$room/next" && mv -T "$room/next" "$room/current"
check "a cluster that moves between sources stays" within 10 grep -q '"source": "'"$room/b" "$room/status/main.move.json"
sleep 1
check "… and is not destroyed" bash -c "! grep -q 'tearing down' '$room/log'"
check "… and is in sync" within 5 is_state move InSync
sed -i 's/size: 1/size: 2/' "$room/a-2/here.yaml"
check "behind the link changes are seen" within 10 has_workers here 2
rm "$room/b/move.yaml"
check "declared nowhere it goes" within 15 is_gone clusters move
stop_agent

# Several Omnis; one of them cannot be opened at first.
: >"$room/blocked"
sed 's/name: main/name: other/; s/name: stay/name: far/g' "$room/b/stay.yaml" >"$room/b/far.yaml"
class | sed 's/name: main/name: other/; s/namespace: omni/namespace: two/' >"$room/b/far-class.yaml"
start_agent --source "dir:$room/b" --connection "other=dir:$room/blocked/omni"
check "the Omni that works is served" within 10 is_state stay InSync
far() { sed -n 's/.*"state": "\([^"]*\)".*/\1/p' "$room/status/other.far.json" 2>/dev/null; }
is_far() { [ "$(far)" = "$1" ]; }
check "of the other the state tells why not" within 10 is_far Failed
rm "$room/blocked"
check "when it can be opened it is" within 15 "$OMNIOPS" get clusters far --omni "dir:$room/blocked/omni"
check "and its cluster told" within 10 is_far InSync
check "in its own Omni only" is_gone clusters far
start=$(date +%s)
stop_agent
check "it stops within ten seconds" [ $(($(date +%s) - start)) -lt 10 ]
check "once: an Omni that nothing names is 1" exits 1 "$OMNIOPS" agent --once --http off --cache-dir "$room/cache" --source "dir:$room/b"

omniops agent --once --sandbox off --omni "$omni" --http off --cache-dir "$room/cache" --source "dir:$room/b" --log-format text 2>"$room/err"
check "without a sandbox the limits stay" grep -q 'sandbox="process, limits' "$room/err"
check "… and nothing else" bash -c "! grep -qE 'sandbox=.*(landlock|seccomp)' '$room/err'"
omniops agent --once --sandbox require --omni "$omni" --http off --cache-dir "$room/cache" --source "dir:$room/b" --log-format text 2>"$room/err"
if grep -qE 'landlock.*seccomp' "$room/err"; then pass "a required sandbox names its layers"; else check "a required sandbox that is missing is an error" grep -qi sandbox "$room/err"; fi
finish
