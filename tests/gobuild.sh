# Builds the tests' Go programs once for each state of their sources, outside of the tree. For scripts in the root of the
# checkout; several of them at the same time build each program once.
#
#   go_room NAME SOURCE…                   sets go_dir, the cache's folder for these sources (files or folders)
#   go_program NAME FOLDER MODFILE PACKAGE [FLAG…]   builds $go_dir/NAME, unless it is there; the log is $go_dir/NAME.log;
#                                          NAME.test is the program of the package's own tests
#   go_reason                              the last line of what went wrong, for `skip`
# shellcheck shell=sh

# One folder per state of the sources: a newer checkout never runs older programs.
go_room() {
	go_room_name=$1
	shift
	go_command=${GO:-$(scripts/setup.sh go 2>/dev/null)}
	if [ -z "$go_command" ]; then
		go_problem="there is no recent Go"
		return 1
	fi
	go_cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/omniops
	go_key=$({
		GOTOOLCHAIN=local "$go_command" env GOVERSION
		find "$@" -type f \( -name '*.go' -o -name '*.mod' \) | LC_ALL=C sort | xargs cat
	} | sha256sum | cut -c 1-16)
	go_dir=$go_cache/$go_room_name-$go_key
	mkdir -p "$go_dir" || return 1
	find "$go_cache" -maxdepth 1 -name "$go_room_name-*" -mtime +7 -exec rm -rf {} + 2>/dev/null
	touch "$go_dir"
}

go_program() {
	go_log=$go_dir/$1.log
	[ -x "$go_dir/$1" ] && return
	(
		flock 9
		[ -x "$go_dir/$1" ] || go_build "$@" >"$go_log" 2>&1
	) 9>"$go_dir/$1.lock"
}

go_build() {
	# The registry alone: what it refuses is not asked of anybody else.
	case ${GOPROXY:=$("$go_command" env GOPROXY)} in *,direct) GOPROXY=${GOPROXY%,direct} ;; esac
	export GOPROXY GOTOOLCHAIN=local
	case $1 in *.test) go_verb='test -c' ;; *) go_verb=build ;; esac
	go_out=$go_dir/$1 go_folder=$2 go_modfile=$3 go_package=$4
	shift 4
	# shellcheck disable=SC2086
	cd "$go_folder" && nice "$go_command" $go_verb -buildvcs=false -modfile="$go_modfile" "$@" -o "$go_out.new" "$go_package" &&
		mv "$go_out.new" "$go_out"
}

go_reason() {
	echo "${go_problem:-$(tail -n 1 "$go_log")}"
}
