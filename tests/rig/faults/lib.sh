# The proof that no fault on the way changes the end. In the root of the checkout:
#
#   . tests/rig/faults/lib.sh
#   faults_build || skip …              the program, and the server that it runs; `go_reason` says why not
#   faults_run DIR N SEED [-clear] [-v] N rounds in a new folder, which stays when one fails; main.go says what is done
#   faults_real DIR N SEED [-v]         the same on a real Omni (tests/rig/omni), a quarter of a minute for each round
#   relay_start ADDRESS                 a way to a server: sets relay_address; started in the script itself, as servers are
#   relay_order deaf                    what becomes of its connections; relay.go has the words
#   relay_stop
#
# shellcheck shell=sh
. tests/rig/cosi/lib.sh

faults_build() {
	cosi_build && go_need faults/faults && faults_program=$go_dir/faults
}

faults_in() { # DIR N SEED COMMAND…
	faults_dir=$1 faults_n=$2 faults_seed=$3
	shift 3
	mkdir -p "$faults_dir" &&
		GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.com GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.com \
			GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 "$@" -omniops "$OMNIOPS" -dir "$faults_dir" -n "$faults_n" \
			-seed "$faults_seed"
}

faults_run() {
	faults_dir=$1 faults_n=$2 faults_seed=$3
	shift 3
	faults_in "$faults_dir" "$faults_n" "$faults_seed" "$faults_program" -cosi "$cosi_program" "$@"
}

# Needs `. tests/rig/omni/lib.sh`, omni_build and omni_start before it.
faults_real() {
	faults_dir=$1 faults_n=$2 faults_seed=$3
	shift 3
	omni_account agent Operator && omni_account human Operator &&
		faults_in "$faults_dir" "$faults_n" "$faults_seed" omni_in "$faults_program" -real "$omni_dir" -omnictl "$omnictl" "$@"
}

relay_start() {
	relay_room=$(mktemp -d) && mkfifo "$relay_room/orders" || return
	setpriv --pdeathsig KILL -- "$faults_program" -relay "$1" <"$relay_room/orders" >"$relay_room/said" &
	relay_pid=$!
	exec 8>"$relay_room/orders"
	until relay_address=$(sed -n 1p "$relay_room/said") && [ -n "$relay_address" ]; do
		kill -0 "$relay_pid" || return
		sleep 0.02
	done
}

relay_order() {
	relay_lines=$(wc -l <"$relay_room/said")
	echo "$1" >&8
	while [ "$(wc -l <"$relay_room/said")" = "$relay_lines" ]; do sleep 0.02; done
}

relay_stop() {
	[ -z "${relay_room:-}" ] && return
	exec 8>&-
	kill "$relay_pid" 2>/dev/null
	rm -rf "$relay_room"
}
