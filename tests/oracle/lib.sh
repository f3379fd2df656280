# Builds the reference programs once, outside of the tree: sets reference_dir. For scripts in the root of the checkout.
# shellcheck shell=sh

# One directory per state of the sources: a newer checkout never runs older programs.
reference_key() {
	{
		"$reference_go" env GOVERSION
		find tests/oracle -name '*.go' -o -name '*.mod' | LC_ALL=C sort | xargs cat
	} | sha256sum | cut -c 1-16
}

build_one() { # name, module file, package
	[ -x "$reference_dir/$1" ] && return
	(
		case ${GOPROXY:=$("$reference_go" env GOPROXY)} in *,direct) GOPROXY=${GOPROXY%,direct} ;; esac
		export GOPROXY GOTOOLCHAIN=local
		cd tests/oracle && "$reference_go" build -buildvcs=false -modfile="$2" -o "$reference_dir/$1.$$" "$3" &&
			mv "$reference_dir/$1.$$" "$reference_dir/$1"
	) >"$reference_log" 2>&1
}

build_references() { # all, or those that are named
	reference_log=/dev/null
	reference_go=${GO:-$(scripts/setup.sh go 2>/dev/null)}
	reference_cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/omniops
	[ -n "$reference_go" ] || return 1
	reference_dir=$reference_cache/references-$(reference_key)
	mkdir -p "$reference_dir" || return 1
	reference_log=$reference_dir/build.log
	find "$reference_cache" -maxdepth 1 -name 'references-*' -mtime +7 -exec rm -rf {} + 2>/dev/null
	touch "$reference_dir"
	for reference in ${*:-oracle oracle-1.9}; do
		case $reference in
		oracle) build_one oracle go.mod . ;;
		oracle-1.9) build_one oracle-1.9 omni-1.9.mod . ;;
		*) build_one "$reference" go.mod "./cmd/$reference" ;;
		esac || return 1
	done
}
