# Argo CD's own plugin server beside a plugin.yaml, for scripts: . tests/gobuild.sh; . tests/rig/argocd/lib.sh
#
#   cmp_start ROOM PLUGIN_YAML [VARIABLE=VALUE…]    sets cmp_socket, cmp_pid and cmp_log, or cmp_problem; several in several rooms
#   cmp_ask ARGUMENT…                               tests/rig/argocd/main.go at that server
#   cmp_stop
#
# The variables are the sidecar's environment: the server gets these and PATH, nothing else.
# shellcheck shell=bash
cmp_pid=

cmp_start() {
	local room=$1 configuration=$2 i
	shift 2
	go_need argocd/argocd || { cmp_problem="Argo CD cannot be built: $(go_reason)"; return 1; }
	cmp_program=$go_dir/argocd
	go_need argorig/ask || { cmp_problem="the asking program cannot be built: $(go_reason)"; return 1; }
	cmp_asking=$go_dir/ask
	mkdir -p "$room/config" "$room/sockets" "$room/work" || return
	cp "$configuration" "$room/config/plugin.yaml"
	ln -sf "$cmp_program" "$room/argocd-cmp-server"
	cmp_log=$room/log
	env -i PATH="$PATH" "$@" ARGOCD_PLUGINSOCKFILEPATH="$room/sockets" ARGOCD_CMP_WORKDIR="$room/work" \
		"$room/argocd-cmp-server" --config-dir-path "$room/config" >"$cmp_log" 2>&1 &
	cmp_pid=$!
	for ((i = 0; i < 200; i++)); do
		cmp_socket=$(find "$room/sockets" -name '*.sock')
		[ -n "$cmp_socket" ] && return
		kill -0 "$cmp_pid" 2>/dev/null || break
		sleep 0.05
	done
	cmp_problem=$(tail -n 1 "$cmp_log")
	return 1
}

cmp_ask() { "$cmp_asking" "$@"; }

# It does not end for SIGTERM.
cmp_stop() {
	[ -z "$cmp_pid" ] && return
	kill -KILL "$cmp_pid" 2>/dev/null
	wait "$cmp_pid" 2>/dev/null
	cmp_pid=
}
