# Programs of others that tests run, built once from the module registry, each version beside the others. Several tests at the
# same time build each of them once.
#
#   go_tool PACKAGE VERSION         sets tool, the program; false when it cannot be built here: `go_tool_reason`
# shellcheck shell=sh

go_tools=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/omniops/bin

go_tool() {
	tool=$go_tools/${1##*/}-$2
	case ${1##*/} in v[0-9]*) tool=${1%/*} tool=$go_tools/${tool##*/}-$2 ;; esac
	[ -x "$tool" ] && return
	[ -n "${GO:-}" ] && mkdir -p "$go_tools" || return
	(
		flock 9
		[ -x "$tool" ] && exit
		rm -rf "$tool.new"
		GOBIN=$tool.new timeout 600 nice "$GO" install "$1@$2" && mv "$tool.new"/* "$tool" && rm -rf "$tool.new"
	) 9>"$tool.lock" >"$tool.log" 2>&1
}

go_tool_reason() {
	if [ -n "${GO:-}" ]; then tail -n 1 "$tool.log"; else echo "there is no recent Go"; fi
}
