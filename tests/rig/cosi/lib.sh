# A COSI state server with Omni's types and signatures, for tests and for people. In the root of the checkout:
#
#   . tests/rig/cosi/lib.sh
#   cosi_build || …                 once; `go_reason` says why not
#   cosi_need TEXT                  in tests with tests/tap.sh: built, or TEXT is skipped and the test ends
#   cosi_start NAME [FLAG…]         sets cosi_endpoint cosi_control cosi_ca cosi_dir cosi_pid and
#                                   cosi_key, the first account's key file; others are $cosi_dir/ACCOUNT.key
#   cosi_use NAME                   sets them again, for another one that runs
#   cosi_order fault -d method=Get  orders the control port; README.md lists the orders
#   cosi_ask counts                 asks it
#   cosi_stop [NAME]                the named one, or all
#
# Of a server with -play:
#
#   cosi_machines N [KEY=VALUE…]    N machines join (talos=1.13.3, label=rack=1); `named`: whatever clusters name
#   cosi_join UUID…                 these join
#   cosi_trouble UUID HOW           absent, silent, disconnected, upgrade, config, or none
#   cosi_status TYPE ID             what a status says, as YAML: cosi_status ClusterStatuses demo
#
# A server ends with the shell that started it, however that ends: start it in the script itself, not in $(…) or `check`.
# shellcheck shell=sh
. tests/gobuild.sh

cosi_build() {
	go_need cosi/cosi && cosi_program=$go_dir/cosi
}

cosi_need() { cosi_build || { skip "$1" "it cannot be built: $(go_reason)"; finish; }; }

cosi_start() {
	cosi_name=$1
	shift
	cosi_room=${cosi_room:-$(mktemp -d "${TMPDIR:-/tmp}/cosi.XXXXXX")}
	cosi_dir=$cosi_room/$cosi_name
	rm -rf "$cosi_dir"
	mkdir -p "$cosi_dir" || return 1
	setpriv --pdeathsig KILL -- "$cosi_program" -dir "$cosi_dir" "$@" >"$cosi_dir/log" 2>&1 &
	cosi_pid=$!
	echo "$cosi_pid" >"$cosi_dir/pid"
	while [ ! -s "$cosi_dir/env" ]; do
		if ! kill -0 "$cosi_pid" 2>/dev/null; then
			cat "$cosi_dir/log" >&2
			return 1
		fi
		sleep 0.02
	done
	cosi_use "$cosi_name"
}

cosi_use() {
	cosi_dir=$cosi_room/$1
	cosi_pid=$(cat "$cosi_dir/pid") || return 1
	cosi_endpoint=$(sed -n 's/^endpoint=//p' "$cosi_dir/env")
	cosi_control=$(sed -n 's/^control=//p' "$cosi_dir/env")
	cosi_ca=$(sed -n 's/^ca=//p' "$cosi_dir/env")
	cosi_key=$(sed -n 's/^key=//p' "$cosi_dir/env")
}

cosi_ask() { curl -fsS "$cosi_control/$1"; }

cosi_order() { # order, curl's arguments…
	cosi_verb=$1
	shift
	curl -sS --fail-with-body -X POST "$@" "$cosi_control/$cosi_verb"
}

cosi_stop() {
	for cosi_stopped in "${cosi_room:-/nonexistent}"/${1:-*}/pid; do
		[ -s "$cosi_stopped" ] || continue
		read -r cosi_pid <"$cosi_stopped"
		kill "$cosi_pid" 2>/dev/null
		wait "$cosi_pid" 2>/dev/null
		rm -rf "${cosi_stopped%/pid}"
	done
	[ -n "${1:-}" ] || { [ -z "${cosi_room:-}" ] || rm -rf "$cosi_room"; cosi_room=; }
}

cosi_machines() {
	cosi_count=$1
	shift
	case $cosi_count in named) set -- "$@" named=1 ;; *) set -- "$@" "count=$cosi_count" ;; esac
	for cosi_field; do
		shift
		set -- "$@" --data-urlencode "$cosi_field"
	done
	cosi_order join "$@"
}

cosi_join() {
	for cosi_id; do
		shift
		set -- "$@" -d "id=$cosi_id"
	done
	cosi_order join "$@"
}

cosi_trouble() { cosi_order trouble -d "id=$1" -d "how=$2"; }

cosi_status() { cosi_ask "resources?type=$1.omni.sidero.dev&id=$2" | sed '1,/^spec:/d'; }
