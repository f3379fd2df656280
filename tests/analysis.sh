# For tests/build/analyze.sh and tests/ahead, in the root of the checkout with B set: `analyze` lets clang's analyzer look at
# every file that it has not seen as it is now. What it said stands in $analyzed/FILE.txt.
# shellcheck shell=sh
analyzed=$B/analyze-build/analyze

analyze() {
	mkdir -p "$B/analyze-build" || return
	(
		flock 9
		"${MAKE:-make}" -s -k -j"$(nproc)" B="$B/analyze-build" CC=clang check-analyze 9>&-
	) 9>"$B/analyze-build/lock"
}
