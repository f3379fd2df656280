#!/bin/bash
# SIGKILL at random moments while commits arrive: at the end Omni is what Git says, as if nothing had happened.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh

KILLS=${KILLS:-200}
RANDOM=20260101
repository a b c d
run() { # for a random time below a quarter of a second
	"$OMNIOPS" agent --omni "$omni" --gate critical --interval 50ms --cache-dir "$room/cache" --http off --log-format json \
		--source "git+file://$room/repo?ref=main" 2>>"$room/log" &
	local pid=$!
	sleep "0.0$((RANDOM % 90 + 10))"
	[ $((RANDOM % 3)) != 0 ] || sleep 0.1
	kill -KILL $pid 2>/dev/null
	wait $pid 2>/dev/null
}
for ((i = 0; i < KILLS; i++)); do
	name=$(printf 'abcdefgh' | cut -c$((RANDOM % 8 + 1)))
	if [ -e "$room/repo/$name.yaml" ] && [ $((RANDOM % 3)) = 0 ]; then
		rm "$room/repo/$name.yaml"
	else
		cluster "$name" $((RANDOM % 9 + 1)) >"$room/repo/$name.yaml"
	fi
	commit "change $i"
	run
done
check "$KILLS kills: the next run converges" exits 0 omniops agent --once --gate critical --omni "$omni" --cache-dir "$room/cache" --http off \
	--source "git+file://$room/repo?ref=main"
check "nothing is left to plan" exits 0 omniops plan --omni "$omni" "$room/repo"
check "a store filled at once from the last commit" exits 0 omniops apply --omni "dir:$room/fresh" "$room/repo"
contents "$omni" >"$room/one"
contents "dir:$room/fresh" >"$room/two"
check "holds the same" diff "$room/one" "$room/two"
check "and something" test "$(wc -l <"$room/two")" -gt 20
check "no half-written file is left" [ -z "$(find "$room/omni" -name '*.tmp')" ]
finish
