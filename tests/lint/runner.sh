#!/bin/bash
# The runner notices every way in which a test can go wrong.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh

reads() { # exit status, TAP, expected "passed failed skipped problem"
	local got
	got=$(printf '%b' "$2" | awk -v status="$1" -v limit=9 -f tests/tap.awk)
	[ "$got" = "$3" ] || { echo "is «$got», should be «$3»"; return 1; }
}

run() { # name of a script, its text: the output of tests/run on a tree that has only this test
	local tree
	tree=$(mktemp -d)
	mkdir -p "$tree/tests/lint" "$tree/scripts" "$tree/b"
	cp tests/run tests/tap.awk "$tree/tests"
	printf '#!/bin/sh\n' >"$tree/scripts/setup.sh"
	printf '#!/bin/bash\n%s\n' "$2" >"$tree/tests/lint/$1.sh"
	chmod +x "$tree/scripts/setup.sh" "$tree/tests/lint/$1.sh"
	B=$tree/b LIMIT_S=2 "$tree/tests/run" "${@:3}" >"$tree/out" 2>&1
	echo "exit $?" >>"$tree/out"
	cat "$tree/out"
	rm -rf "$tree"
}
ends_with() { # lines, then arguments of run
	local lines=$1 got
	shift
	got=$(run "$@")
	[ "$(tail -n 2 <<<"$got")" = "$lines" ] || { echo "$got"; return 1; }
}

check "good results count" reads 0 '1..2\nok 1 - a\nok 2 - b\n' '2 0 0 '
check "the plan may come last" reads 0 'ok 1 - a\n1..1\n' '1 0 0 '
check "bad results count" reads 1 '1..2\nok 1 - a\nnot ok 2 - b\n' '1 1 0 '
check "skipped results are no failures" reads 0 '1..2\nok 1 - a # SKIP no network\nnot ok 2 # SKIP b\n' '0 0 2 '
check "a whole test can be skipped" reads 0 '1..0 # SKIP no network\n' '0 0 1 '
check "a missing plan is a failure" reads 0 'ok 1 - a\n' '1 1 0 no plan, exit status 0'
check "silence is a failure" reads 0 '' '0 1 0 no plan, exit status 0'
check "fewer results than planned are a failure" reads 0 '1..3\nok 1 - a\n' '1 1 0 1 results of 3 planned, exit status 0'
check "more results than planned are a failure" reads 0 '1..1\nok 1\nok 2\n' '2 1 0 2 results of 1 planned, exit status 0'
check "an exit status is a failure" reads 139 '1..1\nok 1 - a\n' '1 1 0 exit status 139'
check "a test that gives up is a failure" reads 0 '1..1\nok 1 - a\nBail out! no disk\n' '1 1 0 it gave up'
check "a test that hangs is a failure" reads 124 '1..1\nok 1 - a\n' '1 1 0 stopped after 9 s'
check "indented results do not count" reads 0 '1..1\n  not ok 1 - inner\nok 1 - a\n' '1 0 0 '

check "all good: exit 0" ends_with $'1 passed, 0 failed\nexit 0' good 'echo 1..1; echo ok 1 - a'
check "one bad: exit 1" ends_with $'1 passed, 1 failed\nexit 1' bad 'echo 1..2; echo ok 1; echo not ok 2'
check "skipped results are named" ends_with $'1 passed, 0 failed, 1 skipped\nexit 0' some \
	'echo 1..2; echo ok 1; echo "ok 2 # SKIP x"'
check "only skipped: exit 1" ends_with $'0 passed, 0 failed, 1 skipped\nexit 1' none 'echo "1..0 # SKIP x"'
check "no test of that name: exit 1" ends_with $'0 passed, 1 failed\nexit 1' good 'echo 1..1; echo ok 1' other
check "a hanging test is stopped" ends_with $'0 passed, 1 failed\nexit 1' slow 'echo 1..1; sleep 60'
check "settings of the user do not reach a test" ends_with $'1 passed, 0 failed\nexit 0' clean \
	'echo 1..1; [ -z "${OMNIOPS_GATE:-}" ] && echo ok 1'
finish
