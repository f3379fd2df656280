#!/bin/bash
# From the Go operator to the agent and back, on a real API server: the objects and the Omni are as the operator leaves them.
# Taking over changes neither what is declared nor what is in Omni, and what the agent leaves is what the operator can go on with.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/kube/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; cosi_stop; kube_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

kube_need "the agent takes over from the Go operator"
cosi_need "the agent takes over from the Go operator"
go_need omni/omnictl || { skip "the agent takes over from the Go operator" "omnictl cannot be built: $(go_reason)"; finish; }
omnictl=$go_dir/omnictl
kube_start migrate && cosi_start migrate -tls -keep -play -pace 0.1 -account operator:Operator -account omniops:Operator ||
	{ fail "the servers start"; finish; }

# --- helpers ----------------------------------------------------------------------------------------------------------

hour_ago=$(date -u -d '1 hour ago' +%FT%TZ)
day_ahead=$(date -u -d '23 hours' +%FT%TZ)
kc() { kube_ctl -n omni "$@"; }
field() { kc get "$1" "$2" -o json | jq -cS "$3"; } # KIND NAME JQ
is() { # VALUE KIND NAME JQ
	local value
	value=$(field "$2" "$3" "$4") && [ "$value" = "$1" ] || { echo "$2/$3: $4 is $value, not $1"; return 1; }
}
condition() { # "STATUS REASON" KIND NAME TYPE
	is "\"$1\"" "$2" "$3" "[.status.conditions[]? | select(.type == \"$4\") | .status + \" \" + .reason] | join(\",\")"
}
# As the operator writes: the object, then its status, both of them whole.
left() {
	cat >"$room/left.yaml" && kc create --field-manager=manager -f "$room/left.yaml" >/dev/null &&
		kc replace --subresource=status --field-manager=manager -f "$room/left.yaml" >/dev/null
}
says_condition() { # TYPE STATUS REASON MESSAGE [GENERATION]
	echo "  - {type: $1, status: \"$2\", reason: $3, message: '$4', observedGeneration: ${5:-1}, lastTransitionTime: \"$hour_ago\"}"
}
# Everything that people own in Omni but our records, without what each write changes.
content() {
	local type
	for type in Clusters MachineSets MachineSetNodes ConfigPatches MachineClasses ExtensionsConfigurations KernelArgs; do
		cosi_ask "resources?type=$type.omni.sidero.dev" | grep -vE '^ *(updated|finalizers|- .*Controller)'
	done
}
# documented TEXT: the command of docs/migrating.md that begins with the line of this text, as people would run it
documented() {
	kubectl() { kube_ctl "$@"; }
	xargs() { # kubectl is a function here
		local words
		words=$(cat) && { [ -z "$words" ] || kube_ctl "${@:3}" $words; }
	}
	awk -v text="$1" '/^```/ { if (found) exit; block = ""; next } { block = block $0 "\n" } index($0, text) == 1 { found = 1 }
		END { printf "%s", block }' docs/migrating.md >"$room/command"
	[ -s "$room/command" ] && . "$room/command"
}
declared() { kc get omniconnections,omniclusters,omnicontrolplanes,omniworkers,omnimachines,omnimachineclasses -o yaml; }
in_omni() { # COMMAND…
	"$OMNIOPS" "$@" --omni "$cosi_endpoint" --omni-ca-file "$cosi_ca" --omni-key-file "$cosi_key"
}
operator_ctl() {
	env "OMNI_ENDPOINT=$cosi_endpoint" "SSL_CERT_FILE=$cosi_ca" "OMNI_SERVICE_ACCOUNT_KEY=$(cat "$cosi_dir/operator.key")" \
		"HOME=$room" timeout 60 "$omnictl" "$@"
}
journal() { wc -l <"$cosi_dir/journal"; }
# written FROM: what our account has written since that line
written() { tail -n "+$(($1 + 1))" "$cosi_dir/journal" | jq -r 'select(.by | test("^omniops(@|$)")) | "\(.op) \(.type) \(.id)"' | sort -u; }
start() { # further flags
	"$OMNIOPS" agent --source "kubernetes:?namespace=omni" --kubeconfig "$kube_made" --omni-ca-file "$cosi_ca" --settle 500ms \
		--http "127.0.0.1:$port" --log-format json --annotate-after 0 "$@" 2>>"$room/log" &
	agent_pid=$!
}
ready() { curl -fsS "http://127.0.0.1:$port/readyz"; }
ask() { curl -fsS "http://127.0.0.1:$port/api/v1/$1"; }
port=$(free_port)

# --- what the operator leaves -----------------------------------------------------------------------------------------

connection() {
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniConnection
	metadata: {name: lab, namespace: omni, finalizers: [omni.texashpc.com/finalizer]}
	spec:
	  auth: {serviceAccountSecretRef: {key: serviceAccountKey, name: lab-key}}
	  endpoint: $cosi_endpoint
	status:
	  connectionRef: lab
	  endpoint: $cosi_endpoint
	  lastCheckTime: "$hour_ago"
	  observedGeneration: 1
	  conditions:
	END
	says_condition Reachable True ConnectionReady "connected to $cosi_endpoint"
	says_condition Ready True ConnectionReady "connected to $cosi_endpoint"
	says_condition Stalled False ConnectionReady "connected to $cosi_endpoint"
}
# The hash is the one that the operator had for this specification.
harbor_hash=6fbcbab4740187ec6e3477160a1f6f611f4dba2f68df627075d7853595fc8394
harbor() {
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniCluster
	metadata: {name: harbor, namespace: omni, finalizers: [omni.texashpc.com/finalizer]}
	spec:
	  connectionRef: {name: lab}
	  deletePolicy: {}
	  features: {}
	  kubernetes: {version: v1.36.1}
	  labels: {site: north}
	  patches:
	  - inline: {machine: {sysctls: {net.core.somaxconn: "4096"}}}
	    name: sysctls
	  syncInterval: 5m0s
	  talos: {version: v1.13.5}
	status:
	  clusterName: harbor
	  connectionRef: lab
	  controlPlaneRef: harbor-cp
	  endpoint: $cosi_endpoint
	  lastAttemptTime: "$hour_ago"
	  lastSyncTime: "$hour_ago"
	  machineRefs: [harbor-w0]
	  observedGeneration: 1
	  templateHash: $harbor_hash
	  workersRefs: [harbor-deck]
	  conditions:
	END
	says_condition Validated True Validated 'rendered Omni cluster template is valid'
	says_condition Ready True Synced 'cluster template is synced and status was read from Omni'
	says_condition Synced True Synced 'template synced to Omni'
}
pier() { # with the finalizer of the operator's first releases
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniCluster
	metadata: {name: pier, namespace: omni, finalizers: [omni.texas-hpc.org/finalizer]}
	spec:
	  connectionRef: {name: lab}
	  deletePolicy: {}
	  kubernetes: {version: v1.36.1}
	  talos: {version: v1.13.5}
	status:
	  clusterName: pier
	  connectionRef: lab
	  controlPlaneRef: pier-cp
	  endpoint: $cosi_endpoint
	  lastAttemptTime: "$hour_ago"
	  lastSyncTime: "$hour_ago"
	  observedGeneration: 1
	  conditions:
	END
	says_condition Validated True Validated 'rendered Omni cluster template is valid'
	says_condition Synced True Synced 'template synced to Omni'
	says_condition Ready False StatusFailed 'cluster is not healthy'
}
part() { # KIND NAME CLUSTER STATUS-FIELD; the specification from standard input
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: $1
	metadata: {name: $2, namespace: omni}
	spec:
	  clusterRef: {name: $3}
	$(cat)
	status:
	  clusterRef: $3
	  observedGeneration: 1
	$4
	  conditions:
	END
	says_condition Accepted True Accepted "attached to OmniCluster \"$3\""
}
machine() { echo "100${1}1802-c798-4da7-a410-f09abb48c8d8"; }
harbor_parts() {
	part OmniControlPlane harbor-cp harbor "" <<-END
	  machines: [$(machine 0), $(machine 1), $(machine 2)]
	END
	echo ---
	part OmniWorkers harbor-deck harbor "  workerSetName: deck" <<-END
	  machines: [$(machine 3), $(machine 4)]
	  updateStrategy: {rolling: {maxParallelism: 1}, type: Rolling}
	  workerSetName: deck
	END
	echo ---
	part OmniMachine harbor-w0 harbor "  machineID: $(machine 3)" <<-END
	  install: {disk: /dev/vda}
	  machineID: $(machine 3)
	END
}
pier_parts() {
	part OmniControlPlane pier-cp pier "" <<-END
	  machines: [$(machine 5)]
	END
}
export_of_harbor() {
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniKubeconfigExport
	metadata: {name: harbor-ci, namespace: omni, finalizers: [omni.texashpc.com/finalizer]}
	spec:
	  clusterRef: {name: harbor}
	  deletionPolicy: Delete
	  renewBefore: 4h0m0s
	  serviceAccount: {groups: [ci, readers], user: ci-bot}
	  targetSecretRef: {key: kubeconfig, name: harbor-ci-kc}
	  ttl: 24h0m0s
	status:
	  clusterName: harbor
	  clusterRef: harbor
	  connectionRef: lab
	  endpoint: $cosi_endpoint
	  expirationTime: "$day_ahead"
	  kubeconfigHash: $(exported | sha256sum | cut -d " " -f 1)
	  lastRotationTime: "$hour_ago"
	  nextRotationTime: "$day_ahead"
	  observedGeneration: 1
	  serviceAccountGroups: [ci, readers]
	  serviceAccountUser: ci-bot
	  targetSecretKey: kubeconfig
	  targetSecretNamespace: omni
	  targetSecretRef: harbor-ci-kc
	  conditions:
	END
	says_condition Accepted True Accepted 'attached to OmniCluster "harbor"'
	says_condition Exported True Exported 'exported kubeconfig to Secret "omni/harbor-ci-kc" key "kubeconfig"'
	says_condition Ready True Exported 'exported kubeconfig to Secret "omni/harbor-ci-kc" key "kubeconfig"'
}
exported() { # a cluster that does not answer now
	cat <<-END
	apiVersion: v1
	kind: Config
	current-context: rig-harbor-ci-bot
	clusters:
	- {name: rig-harbor-ci-bot, cluster: {server: "https://127.0.0.1:9"}}
	contexts:
	- {name: rig-harbor-ci-bot, context: {cluster: rig-harbor-ci-bot, namespace: default, user: rig-harbor-ci-bot}}
	users:
	- {name: rig-harbor-ci-bot, user: {token: opaque}}
	END
}
exported_secret() {
	cat <<-END
	apiVersion: v1
	kind: Secret
	metadata:
	  name: harbor-ci-kc
	  namespace: omni
	  labels:
	    app.kubernetes.io/managed-by: omni-cluster-operator
	    omni.texashpc.com/cluster: harbor
	    omni.texashpc.com/kubeconfig-export-uid: $(kc get omnikubeconfigexport harbor-ci -o 'jsonpath={.metadata.uid}')
	  annotations:
	    omni.texashpc.com/kubeconfig-expiration-time: "$day_ahead"
	    omni.texashpc.com/kubeconfig-export-name: harbor-ci
	    omni.texashpc.com/kubeconfig-export-namespace: omni
	    omni.texashpc.com/kubeconfig-export-spec-hash: feb4806146092fea775bdc8fcd5ae947ac7e7c4e242a9f1c02bc4e9583b3c8b4
	    omni.texashpc.com/kubeconfig-hash: $(exported | sha256sum | cut -d " " -f 1)
	    omni.texashpc.com/kubeconfig-last-rotation-time: "$hour_ago"
	type: Opaque
	data: {kubeconfig: $(exported | base64 -w 0)}
	END
}
# of_operator NAME…: each as one status write of its own
of_operator() {
	local what
	for what; do "$what" | left || return; done
}

kube_ctl create --field-manager=helm -f crds/yaml >/dev/null && documented "kubectl apply --server-side" >/dev/null &&
	kube_ctl wait --for=condition=Established --timeout=60s -f crds/yaml >/dev/null && kube_ctl create namespace omni >/dev/null
kc create secret generic lab-key --from-file=serviceAccountKey="$cosi_dir/omniops.key" >/dev/null
check "our definitions take what the operator writes" of_operator connection harbor harbor_parts pier pier_parts export_of_harbor
check "a kubeconfig that it exported" eval 'exported_secret | kc create -f - >/dev/null'
cosi_machines named talos=1.13.5 >/dev/null

sync_as_operator() { # as it does: through the library of omnictl
	local file
	declared | "$OMNIOPS" render --out "$room/templates" - || return
	for file in "$room"/templates/*; do operator_ctl cluster template sync --file "$file" || return; done
}
check "Omni has what the operator synchronised" sync_as_operator
[ "$tap_failed" = 0 ] || finish
healthy() { in_omni health "$1"; }
check "its clusters run" eval 'within 30 healthy harbor && within 30 healthy pier'

# --- the first look ---------------------------------------------------------------------------------------------------

first_plan() { declared | in_omni plan -; }
check "the plan of what the API server holds is empty" exits 0 first_plan
check "… and says so" says "No changes"

broken_webhook() {
	kube_ctl create -f - <<-END
	apiVersion: admissionregistration.k8s.io/v1
	kind: ValidatingWebhookConfiguration
	metadata: {name: omni-cluster-operator-validating-webhook-configuration}
	webhooks:
	- name: vomnicluster-v1alpha1.kb.io
	  admissionReviewVersions: [v1]
	  sideEffects: None
	  failurePolicy: Fail
	  clientConfig: {service: {name: omni-cluster-operator-webhook-service, namespace: omni, path: /validate}}
	  rules: [{apiGroups: [omni.texashpc.com], apiVersions: [v1alpha1], operations: [CREATE, UPDATE], resources: [omniclusters]}]
	END
}
annotate() { kc annotate --overwrite omnicluster pier note=x; }
unannotate() { kc annotate omnicluster pier note-; }
refused() { ! annotate >"$room/out" 2>&1 && grep -q 'failed calling webhook' "$room/out"; }
check "a webhook whose service is gone" broken_webhook
check "… refuses every write" within 10 refused
no_webhook() { documented "kubectl get validatingwebhookconfigurations"; }
check "… until its configuration is removed" eval 'no_webhook && within 10 annotate && unannotate'

# --- taking over ------------------------------------------------------------------------------------------------------

kinds=omniclusters,omniconnections,omnicontrolplanes,omniworkers,omnimachines,omnimachineclasses
kinds=$kinds,omnihelmreleases,omnikubeconfigexports,omnisecretsyncs
in_group() { sed "s|[a-z]*|&.omni.texashpc.com$2|g" <<<"${1//,/ }" | tr " " ","; }
may_work() {
	kube_account omni omniops && kube_bind omni/omniops list,watch,patch "$(in_group "$kinds" "")" omni &&
		kube_bind omni/omniops patch "$(in_group "$kinds" /status)" omni &&
		kube_bind omni/omniops create,patch events.events.k8s.io omni &&
		kube_bind omni/omniops get,list,watch,create,update,patch,delete secrets omni &&
		kube_bind omni/omniops get,create,update,patch leases.coordination.k8s.io omni
}
kube_account omni omniops || { fail "an account for the agent"; finish; } # sets kube_made here
check "an account for the agent" may_work
operator_holds() {
	kc create -f - <<-END
	apiVersion: coordination.k8s.io/v1
	kind: Lease
	metadata: {name: 5dc6398d.texashpc.com}
	spec: {holderIdentity: omni-cluster-operator-7c9d_1, leaseDurationSeconds: 4, renewTime: "$(date -u +%FT%T.000000Z)"}
	END
}
whole() { kc get "$kinds,secrets" -o json | jq -S '.items | sort_by(.kind, .metadata.name)'; }
specs() { jq '[.[] | {kind, name: .metadata.name, generation: .metadata.generation, finalizers: .metadata.finalizers, spec, data}]' "$1"; }
versions() { jq -r '.[] | select(.kind == "Secret") | "\(.kind) \(.metadata.name) \(.metadata.resourceVersion)"' "$1"; }

whole >"$room/before"
content >"$room/content.before"
from=$(journal)
check "the operator's Lease is held" operator_holds
stands_by() { ask state | grep -q "another replica acts on it: omni-cluster-operator"; }
start --leader-elect
check "the agent sees that, and stands by" within 10 stands_by
whole >"$room/held"
check "… and changes nothing" cmp "$room/before" "$room/held"
is_taken() { condition "True Synced" omnicluster "$1" Ready && is '"InSync"' omnicluster "$1" '.metadata.annotations["omni.texashpc.com/sync-state"]'; }
check "when the Lease has run out it takes over" within 30 is_taken harbor
check "… also what has the finalizer of the first releases" within 30 is_taken pier
check "nothing failed on the way" eval '! grep "\"level\":\"error\"" "$room/log"'
sleep 1
content >"$room/content.after"
whole >"$room/after"
check "nothing in Omni has changed" diff "$room/content.before" "$room/content.after"
written "$from" | sed 's/^/# written: /'
check "no specification, finalizer or Secret has changed" diff <(specs "$room/before") <(specs "$room/after")
check "no Secret was written" diff <(versions "$room/before") <(versions "$room/after")
check "an export goes on with the credentials that it has" is "\"$hour_ago\"" omnikubeconfigexport harbor-ci .status.lastRotationTime
check "… and says so" condition "True Exported" omnikubeconfigexport harbor-ci Exported
check "the hash of the template is the operator's" is "\"$harbor_hash\"" omnicluster harbor .status.templateHash
moment='[.status.conditions[] | select(.type == "Validated" or .type == "Synced") | .lastTransitionTime] | unique'
check "conditions that did not change keep their times" is "[\"$hour_ago\"]" omnicluster harbor "$moment"
check "a connection that is up has no other status" condition "True ConnectionReady" omniconnection lab Ready
check "… and what its operator said of it" condition "False ConnectionReady" omniconnection lab Stalled
check "parts are accepted as they were" is "[\"$hour_ago\"]" omniworkers harbor-deck '[.status.conditions[] | select(.type == "Accepted") | .lastTransitionTime]'

# --- at work ----------------------------------------------------------------------------------------------------------

talos() { in_omni get clusters "$1" -o yaml | sed -n 's/.*talosversion: v*//p'; }
is_talos() { [ "$(talos "$1")" = "$2" ] || { talos "$1"; return 1; }; }
check "a change" kc patch omnicluster harbor --type merge -p '{"spec":{"talos":{"version":"v1.13.6"}}}'
check "… is applied" within 10 is_talos harbor 1.13.6
check "… and runs" within 60 condition "True Synced" omnicluster harbor Ready
stalled() { kc patch omnicluster pier --type merge -p '{"spec":{"patches":[{"name":"bad","inline":{"machine":{"nonsense":1}}}]}}'; }
check "a fault" stalled
check "… is told as the operator does not" within 10 condition "True ValidationFailed" omnicluster pier Stalled

# --- and back ---------------------------------------------------------------------------------------------------------

stop_agent
check "the Lease is free at once" eval '[ -z "$(kc get lease 5dc6398d.texashpc.com -o "jsonpath={.spec.holderIdentity}")" ]'
whole >"$room/left"
by_operator='["Accepted","Reachable","Ready","Stalled","Synced","Validated"]'
well_formed() { # of the kinds that we write: conditions as Kubernetes has them, one of each type
	jq -e '[.[] | select(.status.conditions and .kind != "OmniKubeconfigExport") | .status.conditions | (length == ([.[].type] | unique | length)) and
		all(.[]; (.status | IN("True", "False", "Unknown")) and (.reason | test("^[A-Za-z]+$")) and (.message | type == "string")
			and (.lastTransitionTime | fromdate) and (.observedGeneration >= 1))] | length >= 7 and all' "$room/left"
}
check "conditions are well formed" well_formed
types() { jq -c --arg name "$1" --argjson operator "$by_operator" '[.[] | select(.metadata.name == $name and .kind == "OmniCluster") | .status.conditions[].type] - $operator' "$room/left"; }
check "what is ready has no others than the operator's" eval '[ "$(types harbor)" = "[]" ] || { types harbor; false; }'
check "generations and finalizers are those of people and of the operator" \
	eval 'diff <(specs "$room/before" | jq ".[] | [.kind, .name, .finalizers]") <(specs "$room/left" | jq ".[] | [.kind, .name, .finalizers]")'
check "a specification is as people wrote it" is '{"connectionRef":{"name":"lab"},"deletePolicy":{},"features":{},"kubernetes":{"version":"v1.36.1"},"labels":{"site":"north"},"patches":[{"inline":{"machine":{"sysctls":{"net.core.somaxconn":"4096"}}},"name":"sysctls"}],"syncInterval":"5m0s","talos":{"version":"v1.13.6"}}' omnicluster harbor .spec
no_stale() { documented "kubectl -n omni get omniconnections,omniclusters,omnicontrolplanes,omniworkers,omnimachines -o json | jq"; }
check "what the operator would leave for ever can be removed" no_stale
check "… and is" condition "" omnicluster pier Stalled
check "… but that of a connection, which the operator has, too" condition "False ConnectionReady" omniconnection lab Stalled
check "… so can the annotations" documented "kubectl -n omni annotate omniclusters --all"
check "… and are" is '[]' omnicluster harbor '[.metadata.annotations // {} | keys[] | select(startswith("omni.texashpc.com/"))]'
mended() { kc patch omnicluster pier --type json -p '[{"op": "remove", "path": "/spec/patches"}]'; }
check "the fault is mended while nobody looks" mended
content >"$room/content.left"
check "omnictl finds nothing to do, as the operator would" eval 'rm -rf "$room/templates"; sync_as_operator >"$room/out" 2>&1; content | diff "$room/content.left" -'

# The operator's types know only its own fields: what it writes has no others.
goes_on() {
	local kept='["clusterName","conditions","connectionRef","controlPlaneRef","endpoint","lastAttemptTime","lastSyncOutput","lastSyncTime","machineRefs","observedGeneration","templateHash","workersRefs"]'
	kc get omnicluster harbor -o json | jq --argjson kept "$kept" '.status |= with_entries(select(.key | IN($kept[])))' |
		kc replace --subresource=status --field-manager=manager -f -
}
check "a status without what the operator does not know" goes_on
from=$(journal)
start
check "is taken up again" within 20 eval 'is_taken harbor && is_taken pier'
check "… with what was missing" within 5 is '"RUNNING"' omnicluster harbor .status.phase
check "and nothing is written to Omni" eval '[ -z "$(written "$from")" ] || { written "$from"; false; }'

# --- the end ----------------------------------------------------------------------------------------------------------

check "a cluster with the finalizer of the first releases can be deleted" kc delete omnicluster pier --timeout=30s
check "… and is gone from Omni" eval '! in_omni get clusters pier'
check "the other one stays" healthy harbor
finish
