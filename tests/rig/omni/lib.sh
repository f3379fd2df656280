# The real Omni server and omnictl, for tests and for people. In the root of the checkout:
#
#   . tests/rig/omni/lib.sh
#   omni_possible || skip … "$omni_reason"      whether this machine can run one
#   omni_build || skip …                  omni, omnictl: minutes once, then from the cache; `go_reason` says why not
#   omni_need TEXT                        both, in tests with tests/tap.sh: or TEXT is skipped and the test ends
#   omni_start NAME [FLAG…]               fresh state; sets omni_endpoint omni_ca omni_key (a file) omni_dir omni_pid
#   omni_use NAME                         sets them again, for another one that runs
#   omni_in COMMAND…                      runs a command where the server can be reached
#   omni_ctl ARGUMENT…                    omnictl as the first account (Admin), or with omni_key=FILE set to another's key; omni_limit: seconds
#   omni_offers TALOS KUBERNETES          whether it knows these versions, which it learns in its first seconds
#   omni_tool secrets|dump ARGUMENT…      see main.go; as omni_ctl
#   omni_account NAME ROLE                one more service account: None, Reader, Operator, Admin; its key: $omni_dir/NAME.key
#   omni_provider ID [SCHEMA]             announces an infra provider, ID in lower case; its key: $omni_dir/ID.key
#   omni_machines_possible                whether there is a machine emulator, for `omni_start NAME -machines 5`
#   omni_provider_machines ID             a provider that makes machines; `omni_start NAME -provided 8` has links for them
#   omni_order stop|start|kill|freeze|continue      the server process; its state stays
#   omni_order disconnect|reconnect       all machines of -machines
#   omni_stop [NAME]                      the named one, or all
#
# Each server has namespaces of its own (network, mounts, processes), which end with the shell that started it, however
# that ends: start it in the script itself, not in $(…) or `check`. The same ports serve in each of them.
# shellcheck shell=sh
. tests/gobuild.sh

# --- can it run here --------------------------------------------------------------------------------------------------

omni_possible() {
	if [ "$(id -u)" = 0 ]; then
		omni_user='' omni_enter=''
	else
		omni_user='--user --map-root-user' omni_enter='--user --preserve-credentials'
	fi
	# In a chroot nothing can be said of the root's propagation; where no mount is shared nothing has to be.
	grep -q ' shared:' /proc/self/mountinfo || omni_user="$omni_user --propagation unchanged"
	# shellcheck disable=SC2086
	if ! unshare $omni_user --net --mount --pid --fork true 2>/dev/null; then
		omni_reason="namespaces cannot be made here"
	elif ! unshare $omni_user --net sh -c ': <>/dev/net/tun' 2>/dev/null; then
		omni_reason="/dev/net/tun cannot be opened"
	else
		return 0
	fi
	return 1
}

omni_build() {
	go_need omni/omni omni/omnictl || return 1
	omni_server=$go_dir/omni omnictl=$go_dir/omnictl
	omni_build_tool
}

omni_build_tool() { # sets omni_rig; it reads any Omni, also one that is played
	go_need omnirig/rig && omni_rig=$go_dir/rig
}

omni_machines_possible() {
	omni_bin=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/omniops/bin
	omni_reason="no machine emulator in $omni_bin"
	[ -x "$omni_bin/talemu" ] && [ -x "$omni_bin/talemu-infra-provider" ]
}

omni_need() {
	omni_possible || { skip "$1" "$omni_reason"; finish; }
	omni_build || { skip "$1" "it cannot be built: $(go_reason)"; finish; }
}

# --- start and stop ---------------------------------------------------------------------------------------------------

omni_start() {
	omni_name=$1
	shift
	omni_room=${omni_room:-$(mktemp -d "${TMPDIR:-/tmp}/omni.XXXXXX")}
	omni_dir=$omni_room/$omni_name
	rm -rf "$omni_dir"
	mkdir -p "$omni_dir" || return 1
	! omni_machines_possible || set -- -emulator "$omni_bin/talemu" "$@"
	# Each waits for its parent's end: unshare for this shell's, and the namespaces' first process for unshare's.
	# shellcheck disable=SC2086
	setpriv --pdeathsig KILL -- unshare $omni_user --net --mount --pid --fork --kill-child -- \
		"$omni_rig" run -dir "$omni_dir" -omni "$omni_server" "$@" >"$omni_dir/rig.log" 2>&1 &
	echo $! >"$omni_dir/pid"
	while [ ! -s "$omni_dir/env" ]; do
		if ! kill -0 "$(cat "$omni_dir/pid")" 2>/dev/null; then
			cat "$omni_dir/rig.log" >&2
			[ ! -f "$omni_dir/omni.log" ] || tail -n 5 "$omni_dir/omni.log" >&2
			return 1
		fi
		sleep 0.02
	done
	omni_use "$omni_name" && chmod 600 "$omni_key"
}

omni_use() {
	omni_dir=$omni_room/$1
	omni_endpoint=$(sed -n 's/^endpoint=//p' "$omni_dir/env") || return 1
	omni_ca=$(sed -n 's/^ca=//p' "$omni_dir/env")
	omni_key=$(sed -n 's/^key=//p' "$omni_dir/env")
	omni_pid=$(sed -n 's/^pid=//p' "$omni_dir/env")
}

# All are killed before any is waited for; nothing of their state is wanted. The shell has nothing to say about it.
omni_stop() {
	omni_end "$@" 2>/dev/null
	[ -n "${1:-}" ] || { [ -z "${omni_room:-}" ] || rm -rf "$omni_room"; omni_room=; }
}

omni_end() {
	for omni_stopped in "${omni_room:-/nonexistent}"/${1:-*}/pid; do
		[ ! -s "$omni_stopped" ] || kill -KILL "$(cat "$omni_stopped")"
	done
	for omni_stopped in "${omni_room:-/nonexistent}"/${1:-*}/pid; do
		[ -s "$omni_stopped" ] || continue
		wait "$(cat "$omni_stopped")"
		omni_gone "$(sed -n 's/^pid=//p' "${omni_stopped%/pid}/env")"
		rm -rf "${omni_stopped%/pid}"
	done
}

# The kernel ends the rest by itself; a test that looks for leftovers waits for that.
omni_gone() {
	omni_waited=0
	while [ -n "$1" ] && [ -e "/proc/$1" ] && [ "$omni_waited" -lt 500 ]; do
		omni_waited=$((omni_waited + 1))
		sleep 0.02
	done
}

# --- talk to it -------------------------------------------------------------------------------------------------------

omni_in() { # shellcheck disable=SC2086
	nsenter --target "$omni_pid" $omni_enter --net -- "$@"
}

omni_ctl() {
	omni_in env "OMNI_ENDPOINT=$omni_endpoint" ${omni_ca:+"SSL_CERT_FILE=$omni_ca"} \
		"OMNI_SERVICE_ACCOUNT_KEY=$(cat "$omni_key")" "HOME=$omni_dir" ${omni_limit:+timeout "$omni_limit"} "$omnictl" "$@"
}

omni_offers() { omni_ctl get talosversions -o yaml | grep -q "id: $1" && omni_ctl get kubernetesversions | grep -q "$2"; }

omni_tool() {
	omni_in env "OMNI_ENDPOINT=$omni_endpoint" ${omni_ca:+"SSL_CERT_FILE=$omni_ca"} \
		"OMNI_SERVICE_ACCOUNT_KEY=$(cat "$omni_key")" "$omni_rig" "$@"
}

omni_account() {
	omni_ctl serviceaccount create --use-user-role=false --role "$2" "$1" >"$omni_dir/$1.out" 2>&1
	omni_keep_key "$1"
}

# omnictl prints keys for people, as shell assignments; what it printed when there is none is the reason.
omni_keep_key() {
	(umask 077 && sed -n 's/.*OMNI_SERVICE_ACCOUNT_KEY=//p' "$omni_dir/$1.out" >"$omni_dir/$1.key")
	[ -s "$omni_dir/$1.key" ] || { cat "$omni_dir/$1.out" >&2; return 1; }
}

omni_provider() {
	omni_ctl infraprovider create "$1" >"$omni_dir/$1.out" 2>&1
	omni_keep_key "$1" && (
		omni_key=$omni_dir/$1.key
		omni_tool provider -id "$1" -schema "${2:-tests/rig/omni/provider-schema.json}"
	)
}

# Runs in the server's namespaces and ends with them. Its etcd listens at the same port of `localhost` as that of the
# machines that wait, so here that is another address.
omni_provider_machines() {
	mkdir -p "$omni_dir/$1" && omni_provider "$1" || return 1
	echo 127.0.0.2 localhost >"$omni_dir/$1/hosts"
	# shellcheck disable=SC2016,SC2086
	(cd "$omni_dir/$1" && exec setpriv --pdeathsig KILL -- nsenter --target "$omni_pid" $omni_enter --net --mount --pid --wd=. -- \
		env "PROVIDER_ID=$1" "OMNI_ENDPOINT=$omni_endpoint" ${omni_ca:+"SSL_CERT_FILE=$omni_ca"} \
		"OMNI_SERVICE_ACCOUNT_KEY=$(cat "$omni_dir/$1.key")" \
		unshare --mount -- sh -c 'mount --bind hosts /etc/hosts && exec "$@"' sh \
		"$omni_bin/talemu-infra-provider" --id "$1" --schematic-cache-dir "$omni_dir/$1/schematics") >"$omni_dir/$1/log" 2>&1 &
}

omni_order() { omni_in curl -sS --fail-with-body -X POST "http://127.0.0.1:5010/order/$1"; }
