# A real Kubernetes API server with its etcd, for tests and for people. In the root of the checkout:
#
#   . tests/rig/kube/lib.sh
#   kube_build || …                 kube-apiserver, etcd, kubectl: minutes once, then from the cache; `go_reason` says why not
#   kube_need TEXT                  in tests with tests/tap.sh: built, or TEXT is skipped and the test ends
#   kube_start NAME [FLAG…]         empty state; FLAGs for the API server. Sets kube_url kube_ca kube_dir kube_pid and
#                                   kube_config, a kubeconfig that may do everything
#   kube_use NAME                   sets them again, for another one that runs
#   kube_ctl ARGUMENT…              kubectl with kube_config
#   kube_curl PATH [FLAG…]          curl as the same; the answer's body, also of a refusal
#   kube_order stop|start|kill|freeze|continue      the API server; its state and its port stay. Sets kube_pid
#   kube_stop [NAME]                the named one, or all
#
# A server ends with the shell that started it, however that ends: start it in the script itself, not in $(…) or `check`.
# shellcheck shell=sh
. tests/gobuild.sh

kube_version=1.36.1

kube_build() {
	go_room kuberig tests/rig/kube/*.go tests/rig/kube/go.mod && go_program rig tests/rig/kube go.mod . -ldflags='-s -w' || return 1
	kube_rig=$go_dir/rig
	go_room kube tests/rig/kube/server || return 1
	kube_is="-X k8s.io/component-base/version.gitVersion=v$kube_version -X k8s.io/client-go/pkg/version.gitVersion=v$kube_version"
	kube_is="$kube_is -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"
	for kube_program in kube-apiserver kubectl; do
		go_program "$kube_program" tests/rig/kube/server go.mod "k8s.io/kubernetes/cmd/$kube_program" -ldflags="-s -w $kube_is" || return 1
	done
	go_program etcd tests/rig/kube/server etcd.mod go.etcd.io/etcd/server/v3 -ldflags='-s -w' || return 1
	kube_bin=$go_dir kubectl=$go_dir/kubectl
}

kube_need() { kube_build || { skip "$1" "it cannot be built: $(go_reason)"; finish; }; }

# --- start and stop ---------------------------------------------------------------------------------------------------

kube_port() { bash -c '. tests/port.sh && free_port'; }

kube_start() {
	kube_name=$1
	shift
	kube_room=${kube_room:-$(mktemp -d "${TMPDIR:-/tmp}/kube.XXXXXX")}
	kube_dir=$kube_room/$kube_name
	rm -rf "$kube_dir"
	mkdir -p "$kube_dir" || return 1
	setpriv --pdeathsig KILL -- "$kube_rig" run -dir "$kube_dir" -bin "$kube_bin" -port "$(kube_port)" -etcd-port "$(kube_port)" \
		-- "$@" >"$kube_dir/rig.log" 2>&1 &
	echo $! >"$kube_dir/rig.pid"
	while [ ! -s "$kube_dir/env" ]; do
		if ! kill -0 "$(cat "$kube_dir/rig.pid")" 2>/dev/null; then
			cat "$kube_dir/rig.log" >&2
			tail -n 5 "$kube_dir"/etcd.log "$kube_dir"/server.log >&2
			return 1
		fi
		sleep 0.02
	done
	kube_use "$kube_name"
}

kube_use() {
	kube_dir=$kube_room/$1
	kube_url=$(kube_value url) && kube_ca=$(kube_value ca) && kube_config=$(kube_value config) && kube_control=$(kube_value control) &&
		kube_etcd=$(kube_value etcd) && kube_pid=$(cat "$kube_dir/server.pid")
}

kube_value() { sed -n "s/^$1=//p" "$kube_dir/env"; }

kube_order() { curl -sS --fail-with-body -X POST "$kube_control/order/$1" && kube_pid=$(cat "$kube_dir/server.pid"); }

# All are killed before any is waited for; nothing of their state is wanted. The shell has nothing to say about it.
kube_stop() {
	kube_end "$@" 2>/dev/null
	[ -n "${1:-}" ] || { [ -z "${kube_room:-}" ] || rm -rf "$kube_room"; kube_room=; }
}

kube_end() {
	for kube_stopped in "${kube_room:-/nonexistent}"/${1:-*}/rig.pid; do
		[ ! -s "$kube_stopped" ] || kill -KILL "$(cat "$kube_stopped")"
	done
	for kube_stopped in "${kube_room:-/nonexistent}"/${1:-*}/rig.pid; do
		[ -s "$kube_stopped" ] || continue
		wait "$(cat "$kube_stopped")"
		kube_gone "${kube_stopped%/*}"
		rm -rf "${kube_stopped%/*}"
	done
}

# The kernel ends the rest by itself; until then they may still write into the folder.
kube_gone() {
	for kube_child in "$1"/server.pid "$1"/etcd.pid; do
		kube_waited=0
		while [ -s "$kube_child" ] && [ -e "/proc/$(cat "$kube_child")" ] && [ "$kube_waited" -lt 500 ]; do
			kube_waited=$((kube_waited + 1))
			sleep 0.02
		done
	done
}

# --- talk to it -------------------------------------------------------------------------------------------------------

kube_ctl() { "$kubectl" --kubeconfig "$kube_config" --cache-dir "$kube_dir/kubectl" "$@"; }

kube_curl() {
	kube_path=$1
	shift
	curl -sS --cacert "$kube_ca" --cert "$kube_dir/pki/admin.crt" --key "$kube_dir/pki/admin.key" "$@" "$kube_url$kube_path"
}
