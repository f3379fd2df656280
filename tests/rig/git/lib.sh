# For tests of sources: . tests/rig/git/lib.sh (after tests/tap.sh). Bash.
#   $work                  a directory of its own, removed at the end with every process that was started
#   new_repo NAME          an empty repository $work/NAME with a branch main and nobody's configuration
#   put NAME PATH TEXT     write a file; commit NAME MESSAGE: commit everything
#   cluster NAME           a small valid declaration
#   probe URL              starts the source; say COMMAND: one line of answer; all COMMAND: lines up to "end"
#   is TEXT WANTED GOT     a result: GOT matches the pattern WANTED
# shellcheck shell=bash disable=SC2034
program=$B/tests/rig/git/source_probe
work=$(mktemp -d)
started=()
export PROBE_CACHE=$work/cache
export HOME=$work/home GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=Test GIT_AUTHOR_EMAIL=test@example.org GIT_COMMITTER_NAME=Test GIT_COMMITTER_EMAIL=test@example.org
mkdir -p "$HOME"
umask 022

end_all() {
	end_probe
	for pid in "${started[@]}"; do
		kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	chmod -R u+rwX "$work" 2>/dev/null
	rm -rf "$work"
}
trap end_all EXIT

git_in() {
	local name=$1
	shift
	git -C "$work/$name" -c commit.gpgsign=false -c protocol.file.allow=always "$@"
}

new_repo() {
	git init -q -b main "$work/$1"
}

put() {
	mkdir -p "$(dirname "$work/$1/$2")"
	printf '%s\n' "$3" >"$work/$1/$2"
}

commit() {
	git_in "$1" add -A && git_in "$1" commit -q --allow-empty -m "$2"
}

tip() { # repository, revision
	git_in "$1" rev-parse "${2:-HEAD}"
}

cluster() {
	cat <<EOF
kind: Cluster
name: $1
kubernetes:
  version: v1.33.0
talos:
  version: v1.11.0
---
kind: ControlPlane
machineClass:
  name: control-plane
  size: 3
EOF
}

probe() {
	end_probe
	coproc PROBE { exec "$program" "$@" 2>>"$work/probe.err"; }
	probe_pid=$PROBE_PID
	exec 7>&"${PROBE[1]}" 8<&"${PROBE[0]}"
}

end_probe() {
	[ -n "${probe_pid:-}" ] || return 0
	exec 7>&- 8<&-
	kill "$probe_pid" 2>/dev/null
	wait "$probe_pid" 2>/dev/null
	probe_pid=
}

say() {
	local line=
	echo "$*" >&7 2>/dev/null
	IFS= read -r -t 30 line <&8 || line="(no answer)"
	printf '%s\n' "$line"
}

all() {
	local line
	echo "$*" >&7
	while IFS= read -r -t 30 line <&8 && [ "$line" != end ]; do
		printf '%s\n' "$line"
	done
}

is() { # what is true, pattern, text
	# shellcheck disable=SC2053
	if [[ $3 == $2 ]]; then
		pass "$1"
	else
		fail "$1"
		printf '# wanted: %s\n# got:    %s\n' "$2" "$3"
	fi
}

serve_http() { # root, port file, options…: sets $port
	python3 tests/rig/git/http_server.py "$@" >>"$work/server.err" 2>&1 &
	started+=($!)
	for _ in $(seq 200); do
		[ -s "$2" ] && break
		sleep 0.05
	done
	port=$(cat "$2")
}
