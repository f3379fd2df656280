# A real Kubernetes API server with its etcd, for tests and for people. In the root of the checkout:
#
#   . tests/rig/kube/lib.sh
#   kube_build || …                 kube-apiserver, etcd, kubectl: minutes once, then from the cache; `go_reason` says why not
#   kube_need TEXT                  in tests with tests/tap.sh: built, or TEXT is skipped and the test ends
#   kube_start NAME [FLAG…]         empty state; FLAGs for the API server. Sets kube_url kube_host kube_port kube_ca kube_dir
#                                   kube_pid, and kube_config: a kubeconfig that may do everything
#   kube_define                     our definitions, until they are served
#   kube_use NAME                   sets them again, for another one that runs
#   kube_order stop|start|kill|freeze|continue      the API server; its state and its port stay. Sets kube_pid
#   kube_compact                    etcd forgets old resource versions; those that the API server has in memory go with it, so
#                                   that after kube_order kill, start they are answered with 410. After a start the first
#                                   requests for a custom kind are answered with 429 for a moment
#   kube_stop [NAME]                the named one, or all
#
# Talk to it; kube_config=FILE before kube_ctl is another's:
#
#   kube_ctl ARGUMENT…              kubectl
#   kube_curl PATH [FLAG…]          curl as kube_config's first owner; the answer's body, also of a refusal
#   kube_user NAME [GROUP…]         somebody with a client certificate, who may do nothing; sets kube_made, the kubeconfig
#   kube_account NAMESPACE NAME     a service account (and the namespace); again: a new token. Sets kube_made, and
#                                   kube_mounted: token, ca.crt, namespace, as a pod sees them
#   kube_bind WHO VERBS RESOURCES [NAMESPACE]       WHO is a user, or NAMESPACE/NAME of a service account; waits until it holds:
#                                   kube_bind dev get,list omniclusters.omni.texashpc.com,secrets default
#   kube_unbind WHO                 everything that was bound, until that holds
#
# Who asked what, from the audit log; the server's own requests are left out. FILTER is a regular expression:
#
#   kube_mark                       from here on
#   kube_counts [FILTER]            lines "COUNT VERB RESOURCE[/SUBRESOURCE] USER"
#   kube_count [FILTER]             their sum
#   kube_codes [FILTER]             the same with the answer's code at the end; of requests that have ended
#
# A proxy in between; fault/fault.go has the faults:
#
#   kube_fault_start                for the server in use; sets kube_fault_url
#   kube_faulty FILE                that kubeconfig by way of the proxy; sets kube_made
#   kube_fault DO KEY=VALUE…        kube_fault status code=429 retry_after=1 verb=list times=2; sets kube_fault_number
#   kube_struck [NUMBER]            how often that one struck; the last one when absent
#   kube_fault_order clear|cut|refuse|accept|http1|http2
#
# All ends with the shell that started it, however that ends: start it in the script itself, not in $(…) or `check`.
# shellcheck shell=sh
. tests/gobuild.sh

kube_build() {
	go_need kuberig/rig kuberig/fault || return 1
	kube_rig=$go_dir/rig kube_fault_program=$go_dir/fault
	go_need kube/etcd kube/kube-apiserver kube/kubectl || return 1
	kube_bin=$go_dir kubectl=$go_dir/kubectl
}

kube_need() { kube_build || kube_unbuilt "$1"; }

# What a machine cannot build is skipped; what does not compile is a fault.
kube_unbuilt() {
	if [ -n "${go_problem:-}" ] || grep -qE 'dial tcp|no such host|not available|connection refused|timeout' "$go_log"; then
		skip "$1" "it cannot be built: $(go_reason)"
	else
		fail "$1"
		sed 's/^/# /' "$go_log"
	fi
	finish
}

# --- start and stop ---------------------------------------------------------------------------------------------------

kube_free_port() { bash -c '. tests/port.sh && free_port'; }

kube_start() {
	kube_name=$1
	shift
	kube_room=${kube_room:-$(mktemp -d "${TMPDIR:-/tmp}/kube.XXXXXX")}
	kube_dir=$kube_room/$kube_name
	rm -rf "$kube_dir"
	mkdir -p "$kube_dir" || return 1
	setpriv --pdeathsig KILL -- "$kube_rig" run -dir "$kube_dir" -bin "$kube_bin" -port "$(kube_free_port)" \
		-etcd-port "$(kube_free_port)" -- "$@" >"$kube_dir/rig.log" 2>&1 &
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
	kube_mark
}

kube_use() {
	kube_dir=$kube_room/$1
	kube_marked=0 kube_host=127.0.0.1
	kube_url=$(kube_value url) && kube_port=${kube_url##*:} && kube_ca=$(kube_value ca) && kube_config=$(kube_value config) &&
		kube_control=$(kube_value control) && kube_etcd=$(kube_value etcd) && kube_fault_url=$(kube_value fault_url) &&
		kube_fault_control=$(kube_value fault_control) && kube_pid=$(cat "$kube_dir/server.pid")
}

kube_value() { cat "$kube_dir/env" "$kube_dir/fault.env" 2>/dev/null | sed -n "s/^$1=//p"; }

kube_compact() {
	kube_revision=$(kube_asks_etcd maintenance/status '{}' | jq -r .header.revision) &&
		kube_asks_etcd kv/compaction "{\"revision\": $kube_revision, \"physical\": true}" >/dev/null
}

kube_asks_etcd() { curl -sS --fail-with-body "$kube_etcd/v3/$1" -d "$2"; }

kube_order() { curl -sS --fail-with-body -X POST "$kube_control/order/$1" && kube_pid=$(cat "$kube_dir/server.pid"); }

# All are killed before any is waited for; nothing of their state is wanted. The shell has nothing to say about it.
kube_stop() {
	kube_end "$@" 2>/dev/null
	[ -n "${1:-}" ] || { [ -z "${kube_room:-}" ] || rm -rf "$kube_room"; kube_room=; }
}

kube_end() {
	for kube_stopped in "${kube_room:-/nonexistent}"/${1:-*}/rig.pid "${kube_room:-/nonexistent}"/${1:-*}/fault.pid; do
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

# --- who else -----------------------------------------------------------------------------------------------------------

kube_define() {
	kube_ctl apply --server-side -f crds/yaml >"$kube_dir/defined" &&
		kube_ctl wait --for=condition=Established --timeout=60s -f crds/yaml >"$kube_dir/defined"
}

kube_user() { "$kube_rig" user -dir "$kube_dir" "$@" && kube_made=$kube_dir/users/$1.kubeconfig; }

kube_account() {
	kube_mounted=$kube_dir/accounts/$1/$2 kube_made=$kube_dir/accounts/$1/$2.kubeconfig
	if [ ! -d "$kube_mounted" ]; then
		kube_ctl get namespace "$1" >/dev/null 2>&1 || kube_ctl create namespace "$1" >/dev/null || return
		kube_ctl get serviceaccount "$2" --namespace "$1" >/dev/null 2>&1 ||
			kube_ctl create serviceaccount "$2" --namespace "$1" >/dev/null || return
		mkdir -p "$kube_mounted" || return
		cp "$kube_ca" "$kube_mounted/ca.crt" && printf %s "$1" >"$kube_mounted/namespace" || return
	fi
	kube_token=$(kube_ctl create token "$2" --namespace "$1" --duration 24h) && printf %s "$kube_token" >"$kube_mounted/token.new" &&
		mv "$kube_mounted/token.new" "$kube_mounted/token" && kube_token_config >"$kube_made"
}

kube_token_config() {
	cat <<-EOF
		apiVersion: v1
		kind: Config
		clusters:
		  - name: rig
		    cluster: {server: "$kube_url", certificate-authority-data: $(base64 -w 0 "$kube_ca")}
		users:
		  - name: account
		    user: {token: $kube_token}
		contexts:
		  - name: rig
		    context: {cluster: rig, user: account, namespace: $(cat "$kube_mounted/namespace")}
		current-context: rig
	EOF
}

kube_bind() {
	case $1 in
	*/*) kube_subject=--serviceaccount=${1%%/*}:${1#*/} kube_who=system:serviceaccount:${1%%/*}:${1#*/} ;;
	*) kube_subject=--user=$1 kube_who=$1 ;;
	esac
	kube_bindings=$((${kube_bindings:-0} + 1))
	kube_kind=${4:+role} kube_kind=${kube_kind:-clusterrole} kube_where=${4:+--namespace=$4}
	# shellcheck disable=SC2086
	kube_ctl create "$kube_kind" "rig-$kube_bindings" "--verb=$2" "--resource=$3" $kube_where >/dev/null &&
		kube_ctl create "${kube_kind}binding" "rig-$kube_bindings" "--$kube_kind=rig-$kube_bindings" "$kube_subject" $kube_where \
			>/dev/null || return
	echo "$1 $kube_who $kube_kind rig-$kube_bindings ${2%%,*} ${3%%,*} ${kube_where:---all-namespaces}" >>"$kube_dir/bound"
	kube_until_can yes "$kube_who" "${2%%,*}" "${3%%,*}" "${kube_where:---all-namespaces}"
}

kube_unbind() {
	while read -r kube_bound kube_who kube_kind kube_name kube_verb kube_what kube_where; do
		[ "$kube_bound" = "$1" ] || continue
		kube_ctl delete "$kube_kind" "$kube_name" "$kube_where" >/dev/null &&
			kube_ctl delete "${kube_kind}binding" "$kube_name" "$kube_where" >/dev/null || return
		kube_until_can no "$kube_who" "$kube_verb" "$kube_what" "$kube_where" || return
	done <"$kube_dir/bound"
	sed -i "\\|^$1 |d" "$kube_dir/bound"
}

# The server learns what has been written down a moment later.
kube_until_can() { # yes or no, user, verb, resource, where
	kube_part=
	case $4 in */*) kube_part=--subresource=${4#*/} ;; esac
	kube_asked=0
	until [ "$(kube_ctl auth can-i "$3" "${4%%/*}" $kube_part "--as=$2" "$5" 2>/dev/null)" = "$1" ]; do
		kube_asked=$((kube_asked + 1))
		[ "$kube_asked" -lt 100 ] || { echo "$2 may $3 $4: not '$1' after 100 questions" >&2; return 1; }
		sleep 0.05
	done
}

# --- who asked what -----------------------------------------------------------------------------------------------------

kube_mark() { kube_marked=$(wc -c <"$kube_dir/audit.log"); }

kube_counts() { "$kube_rig" counts -dir "$kube_dir" -since "$kube_marked" "$@"; }

kube_codes() { kube_counts -codes "$@"; }

kube_count() { kube_counts "$@" | awk '{ sum += $1 } END { print sum + 0 }'; }

# --- faults -------------------------------------------------------------------------------------------------------------

kube_fault_start() {
	rm -f "$kube_dir/fault.env"
	setpriv --pdeathsig KILL -- "$kube_fault_program" -pki "$kube_dir/pki" -to "$kube_url" -port "$(kube_free_port)" \
		-env "$kube_dir/fault.env" >"$kube_dir/fault.log" 2>&1 &
	echo $! >"$kube_dir/fault.pid"
	until [ -s "$kube_dir/fault.env" ]; do
		kill -0 "$(cat "$kube_dir/fault.pid")" 2>/dev/null || { cat "$kube_dir/fault.log" >&2; return 1; }
		sleep 0.02
	done
	kube_fault_url=$(kube_value fault_url) kube_fault_control=$(kube_value fault_control)
}

kube_faulty() {
	kube_made=${1%.kubeconfig}.faulty.kubeconfig
	sed "s|$kube_url|$kube_fault_url|" "$1" >"$kube_made"
}

kube_fault() {
	kube_how=$1
	shift
	for kube_pair in "$@"; do
		shift
		set -- "$@" --data-urlencode "$kube_pair"
	done
	kube_fault_number=$(curl -sS --fail-with-body -G -X POST "$@" -d "do=$kube_how" "$kube_fault_control/fault") ||
		{ echo "$kube_fault_number" >&2; return 1; }
}

kube_fault_order() { curl -sS --fail-with-body -X POST "$kube_fault_control/$1"; }

kube_struck() {
	curl -sS --fail-with-body "$kube_fault_control/struck" | awk -v "number=${1:-$kube_fault_number}" '$1 == number { print $2 }'
}
