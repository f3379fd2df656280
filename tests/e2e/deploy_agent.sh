#!/bin/bash
# The agent in a cluster, all of it as shipped: the manifests on a real API server, the program in its image as user 65532 with
# what the ServiceAccount may do, one Secret and one OmniConnection; Omni is a COSI server.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/kube/lib.sh
. tests/rig/cosi/lib.sh
. tests/rig/image/lib.sh
pods=()
trap 'end_pods; cosi_stop; kube_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM
NS=omniops-system

elects() { "$OMNIOPS" agent --help | grep -- --leader-elect >/dev/null; }
image_can || { skip "the agent in a cluster" "no namespaces can be made here"; finish; }
kube_need "the agent in a cluster"
cosi_need "the agent in a cluster"
deploy/image/rootfs.sh "$OMNIOPS" "$room/image" || { fail "the image's root"; finish; }
mkdir -p "$room/image/var/run/secrets/kubernetes.io/serviceaccount" "$room/image/etc/omniops/omni-ca-file"
# What archive.sh writes; tests/build/image.sh looks at it.
echo '{"config": {"Env": ["HOME=/var/cache/omniops", "XDG_CACHE_HOME=/var/cache", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"]}}' >"$room/config"

kube_start main || { fail "an API server starts"; finish; }
cosi_start omni -tls -controllers -account ci:Operator -account next:Operator || { fail "an Omni starts"; finish; }
quietly() { "$@" >"$room/out" 2>&1 || { cat "$room/out"; return 1; }; }
check "kubectl apply -k" quietly kube_ctl apply -k deploy/kustomize/base
kube_ctl wait --for condition=established --timeout 30s crd --all >/dev/null
kube_account $NS omniops

# --- a pod, as the kubelet makes it from the Deployment -------------------------------------------------------------------

of_agent() { kube_ctl -n $NS get deployment omniops -o json | jq -r ".spec.template.spec.containers[0]$1"; }
settings() { kube_ctl -n $NS get configmap "$(of_agent '.envFrom[0].configMapRef.name')" -o json | jq -r '.data | to_entries[] | .key + "=" + .value'; }
settings >"$room/settings"
mapfile -t arguments < <(of_agent '.args[]')
# The rig's Omni has a certificate of its own: what `files.omni-ca-file` of the chart mounts.
echo "OMNIOPS_OMNI_CA_FILE=/etc/omniops/omni-ca-file/${cosi_ca##*/}" >>"$room/settings"

pod() { # NAME PORT: another one starts; its log is $room/NAME.log
	export POD_PORT=$2 POD_SETTINGS=$room/settings POD_ACCOUNT=$kube_mounted POD_CA=$cosi_ca POD_KUBE_PORT=$kube_port POD_KUBE_HOST=$kube_host
	image_run "$room/image" "$room/config" '
		mounted() { # FOLDER FILE…: for the user of the pod, which is not the owner of our files
			mount -t tmpfs -o mode=755 tmpfs "$root$1" && install -m 444 -t "$root$1" "${@:2}" || exit 125
		}
		mounted /var/run/secrets/kubernetes.io/serviceaccount "$POD_ACCOUNT"/{token,ca.crt,namespace}
		mounted /etc/omniops/omni-ca-file "$POD_CA"
		mapfile -t settings <"$POD_SETTINGS"
		settings+=("OMNIOPS_HTTP=:$POD_PORT" "KUBERNETES_SERVICE_HOST=$POD_KUBE_HOST" "KUBERNETES_SERVICE_PORT=$POD_KUBE_PORT")
		variables+=("${settings[@]}")
		exec setpriv --no-new-privs -- env -i "${variables[@]}" "PATH=$PATH" "${become[@]}" /usr/bin/omniops '"${arguments[*]}"'
	' --uts >>"$room/$1.log" 2>&1 &
	pods+=($!)
}
process() { # the agent below the shell and unshare
	local pid=$1
	until [ "$(cat "/proc/$pid/comm")" = omniops ]; do
		pid=$(cut -d ' ' -f 1 "/proc/$pid/task/$pid/children")
		[ -n "$pid" ] || return 1
	done
	echo "$pid"
}
order() { # SIGNAL POD…: and wait
	local signal=$1 one
	shift
	for one; do kill "-$signal" "$(process "$one")" 2>/dev/null; done
	for one; do wait "$one"; done 2>/dev/null
}
end_pods() { order KILL "${pods[@]}" 2>/dev/null; }

first_port=$(free_port)
pod first "$first_port"
first=${pods[0]}
probe() { [ "$(curl -sS -m 5 -o "$room/probe" -w '%{http_code}' "http://127.0.0.1:$1$2")" = 200 ] || { cat "$room/probe"; tail -n 5 "$room"/*.log; return 1; }; }
check "the pod is live" within 30 probe "$first_port" /healthz
check "… and ready, with nothing declared yet" within 30 probe "$first_port" /readyz
check "its process is confined by landlock and seccomp" grep -q 'landlock.*seccomp' "$room/first.log"

# --- one Secret and one OmniConnection ------------------------------------------------------------------------------------

declare_it() { quietly kube_ctl -n $NS apply -f -; }
connection() {
	declare_it <<-END
	{apiVersion: omni.texashpc.com/v1alpha1, kind: OmniConnection, metadata: {name: main}, spec: {endpoint: "$cosi_endpoint",
	auth: {serviceAccountSecretRef: {name: omni-service-account, key: serviceAccountKey}}}}
	END
}
condition() { # KIND NAME TYPE: its status and message
	kube_ctl -n $NS get "$1" "$2" -o json | jq -r --arg type "$3" '.status.conditions[]? | select(.type == $type) | .status + " " + .reason + ": " + .message'
}
is() { # KIND NAME TYPE STATUS
	condition "$1" "$2" "$3" | grep -q "^$4 " || { kube_ctl -n $NS get "$1" "$2" -o yaml; tail -n 10 "$room"/*.log; return 1; }
}
really() { cosi_ask "resources?type=$1.omni.sidero.dev${2:+&id=$2}" | sed '/^$/d'; }
holds() { [ -n "$(really "$1" "$2")" ] || { tail -n 10 "$room"/*.log; return 1; }; }
holds_not() { [ -z "$(really "$1" "$2")" ]; }
machine_count() { [ "$(really MachineSets "$1" | sed -n 's/^ *machinecount: //p')" = "$2" ]; }

key_from() { kube_ctl -n $NS create secret generic omni-service-account --from-file=serviceAccountKey="$cosi_dir/$1.key" --dry-run=client -o yaml | declare_it; }
check "one connection" connection
check "… waits for its Secret, and says so" within 30 is omniconnection main Ready False
check "one Secret" key_from ci
check "… is seen, and the connection is ready" within 30 is omniconnection main Ready True
here() { sed 's/, namespace: omni}/}/'; }
fleet() { { class && echo --- && cluster demo "$1"; } | here | declare_it; }
check "a cluster is declared" fleet 2
check "… and is in Omni" within 60 holds Clusters demo
check "… with its workers" within 30 machine_count demo-workers 2
finalized() { kube_ctl -n $NS get omnicluster demo -o jsonpath='{.metadata.finalizers}' | grep -q omni.texashpc.com; }
check "… and the finalizer was there first" finalized
check "its status says what became of it" within 30 is omnicluster demo Synced True
events() { kube_ctl -n $NS get events -o json | jq -e '[.items[] | select(.involvedObject.name == "demo" or .regarding.name == "demo")] | length > 0'; }
check "… and Events tell it" within 30 quietly events

# --- a new key, a stand-by ------------------------------------------------------------------------------------------------

by() { cosi_ask calls | grep -q "	$1	\| $1 "; }
check "the Secret gets another key" key_from next
check "a change" fleet 3
check "… is applied" within 30 machine_count demo-workers 3
check "… by the account of the new key" within 30 by next

second_port=$(free_port)
pod second "$second_port"
second=${pods[1]}
check "a second pod is ready" within 30 probe "$second_port" /readyz
lease=$("$OMNIOPS" agent --help | sed -n '/--lease-name /,/(default/ s/.*(default \(.*\))/\1/p')
holder() { kube_ctl -n $NS get lease "$lease" -o jsonpath='{.spec.holderIdentity}'; }
is_held() { holder | grep .; }
if elects; then check "the first one holds the Lease" is_held; fi
before=$(elects && holder)
order KILL "$first"
check "it is killed; a change" fleet 4
check "… is applied by the second" within 60 machine_count demo-workers 4
changed_hands() { is_held && [ "$(holder)" != "$before" ] || { echo "$before, now $(holder)"; return 1; }; }
if elects; then check "… which holds the Lease" changed_hands; fi

# --- the end --------------------------------------------------------------------------------------------------------------

check "the cluster is deleted" quietly kube_ctl -n $NS delete omnicluster demo --wait=false
check "… in Omni" within 60 holds_not Clusters demo
gone() { ! kube_ctl -n $NS get omnicluster demo >/dev/null 2>&1; }
check "… and in Kubernetes" within 30 gone
kill -TERM "$(process "$second")"
wait "$second"
check "SIGTERM ends the pod with 0" [ $? = 0 ]
is_free() { holder >"$room/holder" && [ ! -s "$room/holder" ] || { cat "$room/holder"; return 1; }; }
if elects; then check "… and gives the Lease back" is_free; fi

# --- all namespaces -------------------------------------------------------------------------------------------------------

kube_ctl create namespace fleet >/dev/null
check "kubectl apply -k, for all namespaces" quietly kube_ctl apply -k deploy/kustomize/cluster-wide
kube_ctl -n $NS delete rolebinding omniops >/dev/null
settings >"$room/settings" && echo "OMNIOPS_OMNI_CA_FILE=/etc/omniops/omni-ca-file/${cosi_ca##*/}" >>"$room/settings"
third_port=$(free_port)
pod third "$third_port"
check "a pod is ready" within 30 probe "$third_port" /readyz
NS=fleet
check "a connection in another namespace" connection
check "… with a Secret there" key_from ci
check "… is ready" within 30 is omniconnection main Ready True
check "a cluster there" fleet 1
check "… is in Omni" within 60 holds Clusters demo
check "… and its status says so" within 30 is omnicluster demo Synced True
NS=omniops-system

# What it asked for, the shipped rules allow.
refusals() {
	! jq -r 'select(.user.username == "system:serviceaccount:'$NS':omniops" and .responseStatus.code == 403) |
		.verb + " " + .requestURI' "$kube_dir/audit.log" | sort | uniq -c | grep .
}
check "Kubernetes refused it nothing" refusals
check "no secret is in a log" bash -c "! grep -lF -e \"\$(head -c 60 '$cosi_dir/ci.key')\" -e \"\$(cut -c 1-60 '$kube_mounted/token')\" '$room'/*.log"
finish
