# Builds the tests' Go programs once for each state of their sources, outside of the tree. For scripts in the root of the
# checkout; several of them at the same time build each program once.
#
#   go_need NAME…       builds what tests/programs calls so, unless it is there; sets go_dir, the cache's folder that it is in,
#                       and go_log
#   go_reason           the last line of what went wrong, for `skip`
# shellcheck shell=sh

go_need() {
	for go_name; do
		read -r go_sources go_folder go_modules go_package go_flag <<-END
			$(sed -n "s|^$go_name  *||p" tests/programs)
		END
		[ -n "$go_package" ] || { go_problem="tests/programs does not have $go_name"; return 1; }
		go_program=${go_name#*/}
		go_room "${go_name%/*}" "$go_sources" || return
		go_log=$go_dir/$go_program.log
		[ -x "$go_dir/$go_program" ] || (
			flock 9
			[ -x "$go_dir/$go_program" ] || go_build >"$go_log" 2>&1
		) 9>"$go_dir/$go_program.lock" || return
	done
}

# One folder per state of the sources: a newer checkout never runs older programs.
go_room() { # name, sources
	go_command=${GO:-$(scripts/setup.sh go 2>/dev/null)}
	if [ -z "$go_command" ]; then
		go_problem="there is no recent Go"
		return 1
	fi
	go_cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/omniops
	go_key=$({
		GOTOOLCHAIN=local "$go_command" env GOVERSION
		find "$2" -type f \( -name '*.go' -o -name '*.mod' \) | LC_ALL=C sort | xargs cat
	} | sha256sum | cut -c 1-16)
	go_dir=$go_cache/$1-$go_key
	mkdir -p "$go_dir" || return 1
	find "$go_cache" -maxdepth 1 -name "$1-*" -mtime +7 -exec rm -rf {} + 2>/dev/null
	touch "$go_dir"
}

go_build() {
	# The registry alone: what it refuses is not asked of anybody else.
	case ${GOPROXY:=$("$go_command" env GOPROXY)} in *,direct) GOPROXY=${GOPROXY%,direct} ;; esac
	export GOPROXY GOTOOLCHAIN=local CGO_ENABLED=0 # none needs C, whether there is a compiler or not
	case $go_program in *.test) go_verb='test -c' ;; *) go_verb=build ;; esac
	# shellcheck disable=SC2086
	cd "$go_folder" && nice "$go_command" $go_verb -buildvcs=false -modfile="$go_modules" ${go_flag:+"$go_flag"} \
		-o "$go_dir/$go_program.new" "$go_package" && mv "$go_dir/$go_program.new" "$go_dir/$go_program"
}

go_reason() {
	echo "${go_problem:-$(tail -n 1 "$go_log")}"
}
