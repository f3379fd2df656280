#!/bin/bash
# What installs the agent in a cluster: every overlay and chart builds, says the same, and a real API server takes it; the
# service account may do what it has to, and nothing else.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/gotool.sh
. tests/rig/kube/lib.sh
room=$(mktemp -d)
trap 'kube_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM
export TMPDIR=$room
export HELM_CACHE_HOME=$room/helm HELM_CONFIG_HOME=$room/helm HELM_DATA_HOME=$room/helm
NS=omniops-system
WHO=system:serviceaccount:$NS:omniops

go_tool sigs.k8s.io/kustomize/kustomize/v5 v5.8.2 || { skip "kustomize" "it cannot be built: $(go_tool_reason)"; finish; }
kustomize=$tool
go_tool helm.sh/helm/v3/cmd/helm v3.19.0 || { skip "Helm" "it cannot be built: $(go_tool_reason)"; finish; }
helm=$tool

# --- what the manifests say ---------------------------------------------------------------------------------------------

objects() { # NAME: $room/NAME.yaml as one JSON array in $room/NAME.json
	python3 -c 'import json, sys, yaml; json.dump([d for d in yaml.safe_load_all(sys.stdin) if d], sys.stdout)' \
		<"$room/$1.yaml" >"$room/$1.json" && jq -e 'length > 0' "$room/$1.json" >/dev/null
}
built() { # NAME DIR
	"$kustomize" build "$2" >"$room/$1.yaml" 2>"$room/err" || { cat "$room/err"; return 1; }
	[ ! -s "$room/err" ] || { echo "kustomize warns:"; cat "$room/err"; return 1; }
	objects "$1"
}
overlay() { # NAME RESOURCE COMPONENT…: as users write them, in a folder of their own
	local name=$1 resource=$2 component
	shift 2
	mkdir -p "$room/$name"
	{
		echo "namespace: $NS"
		echo "resources: [../deploy/kustomize/$resource]"
		echo "components:"
		for component; do echo "  - ../deploy/kustomize/components/$component"; done
	} >"$room/$name/kustomization.yaml"
	built "$name" "$room/$name"
}
charted() { # NAME HELM-FLAG…
	local name=$1
	shift
	"$helm" template omniops deploy/helm/omniops --namespace $NS --kube-version 1.36.1 "$@" >"$room/$name.yaml" 2>"$room/err" ||
		{ cat "$room/err"; return 1; }
	objects "$name"
}
refused() { # TEXT HELM-FLAG…
	local text=$1
	shift
	! charted refused "$@" >"$room/out" && grep -qF -- "$text" "$room/out" || { cat "$room/out"; return 1; }
}
of() { jq -S "$2" "$room/$1.json"; }
same() { # A B FILTER: do both say the same there, and anything at all?
	[ "$(of "$1" "[$3] | length > 0")" = true ] || { echo "$1 has none of it"; return 1; }
	diff <(of "$1" "$3") <(of "$2" "$3")
}
kinds() { # NAME: "Kind Kind*3 …"
	of "$1" '[.[].kind] | group_by(.) | map(.[0] + (if length > 1 then "*\(length)" else "" end)) | join(" ")' | tr -d '"'
}
are() { [ "$(kinds "$1")" = "$2" ] || { echo "$(kinds "$1")"; echo "not: $2"; return 1; }; }

ln -s "$PWD/deploy" "$room/deploy"
ln -s "$PWD/crds" "$room/crds"
AGENT="ConfigMap Deployment Role*2 RoleBinding*2 Service ServiceAccount"
check "the definitions build" built crds deploy/kustomize/crds
check "… all of them" bash -c "diff <(jq -r '.[].metadata.name' '$room/crds.json' | sort) <(sed -n 's/^  name: //p' crds/yaml/*.yaml | sort)"
check "the agent alone builds" built agent deploy/kustomize/agent
check "… and is this" are agent "$AGENT"
check "everything for one namespace builds" built base deploy/kustomize/base
check "… and is this" are base "ConfigMap CustomResourceDefinition*9 Deployment Namespace Role*2 RoleBinding*2 Service ServiceAccount"
check "everything for all namespaces builds" built wide deploy/kustomize/cluster-wide
check "… with a ClusterRole" are wide "ClusterRole ClusterRoleBinding ConfigMap CustomResourceDefinition*9 Deployment Namespace Role RoleBinding Service ServiceAccount"
for component in any-secret disruption-budget handlers network-policy replicas service-monitor shards user-roles; do
	check "the component $component builds" overlay "one-$component" base "$component"
	check "… for all namespaces, too" overlay "all-$component" cluster-wide "$component"
done
check "all of them together build" overlay full cluster-wide shards network-policy service-monitor any-secret handlers user-roles

workload='.[] | select(.kind == "Deployment" or .kind == "StatefulSet")'
pod="$workload.spec.template"
configured() { # NAME: the agent reads the ConfigMap that is there
	[ "$(of "$1" "$pod.spec.containers[0].envFrom[0].configMapRef.name")" = "$(of "$1" '.[] | select(.kind == "ConfigMap").metadata.name')" ]
}
check "a change of the settings starts the agents anew" configured base
check "… also with components" configured full

documented() { # the overlay of docs/kubernetes.md, beside the checkout
	mkdir "$room/documented" "$room/omniops" && ln -s "$PWD/deploy" "$PWD/crds" "$room/omniops" &&
		awk '/^```yaml/ { inside = 1; next } /^```/ { inside = 0 } inside' docs/kubernetes.md >"$room/documented/kustomization.yaml" &&
		built documented "$room/documented"
}
does_as_documented() {
	[ "$(of documented "$pod.spec.containers[0].image")" = '"registry.example.com/omniops:v1"' ] && [ "$(of documented "$workload.spec.replicas")" = 2 ] &&
		[ "$(of documented '.[] | select(.kind == "ConfigMap").data.OMNIOPS_GATE')" = '"disruptive"' ]
}
all_documented() { # that which others consist of is not
	local component
	for component in deploy/kustomize/components/*/; do
		component=$(basename "$component")
		[ "$component" = disruption-budget ] || grep -qF "| \`$component\` |" docs/kubernetes.md || { echo "$component"; return 1; }
	done
}
check "every component is documented" all_documented
check "the documented overlay builds" documented
check "… and does what it says" does_as_documented

check "the chart renders" charted chart
check "… the same kinds of objects" are chart "ConfigMap CustomResourceDefinition*9 Deployment Role*2 RoleBinding*2 Service ServiceAccount"
linted() { "$helm" lint --strict deploy/helm/omniops >"$room/out" 2>&1 || { cat "$room/out"; return 1; }; }
check "Helm finds nothing wrong with it" linted
packaged() {
	"$helm" package deploy/helm/omniops --destination "$room" >"$room/out" 2>&1 &&
		"$helm" template omniops "$room"/omniops-*.tgz --namespace $NS --kube-version 1.36.1 | diff "$room/chart.yaml" -
}
check "packed, it is the same" packaged
check "it renders for all namespaces" charted chart-wide --set watch.allNamespaces=true
check "it renders with everything" charted chart-full --set watch.allNamespaces=true,shards=3,networkPolicy.enabled=true \
	--set serviceMonitor.enabled=true,secrets.any=true,handlers.enabled=true,rbac.userRoles=true,gate=safe,logLevel=debug \
	--set image.digest=sha256:$(printf %064d 0),imagePullSecrets[0].name=registry,sources[0]=git+https://git.example.com/fleet.git \
	--set files.git-token-file.secret=git,files.git-token-file.key=token,leaderElection.leaseName=ours,files.omni-ca-file.configMap=ca,files.omni-ca-file.key=ca.crt
check "it renders with a stand-by" charted chart-replicas --set replicas=2
check "it renders for another namespace" charted chart-other --set watch.namespace=fleet,crds.install=false,watch.selector='team in (a\,b)'
other_role() { [ "$(of chart-other '[.[] | select(.kind == "Role").metadata.namespace] | sort | join(" ")')" = "\"fleet $NS\"" ]; }
encoded() { grep -qF 'kubernetes:?namespace=fleet&selector=team%20in%20%28a%2Cb%29' "$room/chart-other.yaml"; }
check "… with the Role there, and the Lease here" other_role
check "… and the selector encoded" encoded
check "a misspelt value is refused" refused "'replica' not allowed" --set replica=2
check "an unknown risk is refused" refused "/gate" --set gate=everything
check "two agents without election are refused" refused "would all write at once" --set replicas=2,leaderElection.enabled=false
check "… shards, too" refused "would all write at once" --set shards=2,leaderElection.enabled=false
check "replicas of shards are refused" refused "shards stand by for each other" --set replicas=2,shards=2
check "two kinds of scope are refused" refused "give one of them" --set watch.allNamespaces=true,watch.namespace=fleet
check "a file from nowhere is refused" refused "either secret or configMap" --set files.ca-file.key=a

# kustomize and the chart are the same agent.
rules='.[] | select((.kind | test("Role$")) and (.metadata.name | endswith("omniops"))) | .rules'
leases='.[] | select(.kind == "Role" and .metadata.name == "omniops-leader-election") | .rules'
people='[.[] | select(.kind == "ClusterRole" and (.metadata.name | test("(view|edit)$"))) | {rules, aggregate: .metadata.labels | with_entries(select(.key | test("aggregate")))}] | sort'
shape="$workload | {kind, spec: .spec | del(.selector, .template.metadata, .template.spec.topologySpreadConstraints[]?.labelSelector) |
	del(.template.spec.containers[0].envFrom[0].configMapRef.name)}"
plain="$shape | .spec.template.spec |= (del(.imagePullSecrets, .containers[0].image) | .containers[0].volumeMounts |= .[:2] | .volumes |= .[:2])"
check "both give the same rights in one namespace" same base chart "$rules"
check "… and in all" same wide chart-wide "$rules"
check "… which are the same rules" same base wide "$rules"
check "… and with the rights to more Secrets" same full chart-full "[$rules | .[]] | sort"
check "… and for the Lease" same base chart "$leases"
check "… and for people" same full chart-full "$people"
check "both run the same" same base chart "$shape"
check "… with a stand-by" same one-replicas chart-replicas "$shape"
check "… in shards" same full chart-full "$plain"
check "… with the same disruption budget" same full chart-full '.[] | select(.kind == "PodDisruptionBudget").spec | del(.selector)'
check "both open the same ports" same full chart-full '.[] | select(.kind == "NetworkPolicy").spec | del(.podSelector)'
check "both set the same" same base chart '.[] | select(.kind == "ConfigMap").data | del(.OMNIOPS_DRIFT, .OMNIOPS_LOG_LEVEL, .OMNIOPS_OWNER)'

# Nothing is set that the program does not know, and every kind is in the rules.
flags() { "$OMNIOPS" agent --help | grep -oE -- '--[a-z][a-z-]+' | sort -u; }
set_variables() { # as flags
	jq -r '.[] | (select(.kind == "ConfigMap").data | keys[]), (select(.kind == "StatefulSet").spec.template.spec.containers[0].env[]?.name)' \
		"$room/full.json" "$room/chart-full.json" | sed -n 's/^OMNIOPS_/--/p' | tr A-Z_ a-z- | sort -u
}
known() { [ -n "$(set_variables)" ] && ! comm -13 <(flags) <(set_variables) | grep .; }
plurals() { sed -n 's/^    plural: //p' crds/yaml/*.yaml | sort; }
ruled() { # SUFFIX
	diff <(plurals | sed "s,\$,$1,") <(of base "$rules | map(select(.resources[0] | test(\"^omniclusters$1\$\")))[0].resources[]" | tr -d '"' | sort)
}
if flags | grep -qx -- --leader-elect; then
	check "every variable is a flag of the agent" known
else
	skip "every variable is a flag of the agent" "this agent has no election"
fi
check "the rules name every kind" ruled ""
check "… its status" ruled /status
check "… and its finalizers" ruled /finalizers

# --- a real API server --------------------------------------------------------------------------------------------------

kube_need "the manifests on an API server"
kube_start main || { fail "an API server starts"; finish; }
admin=$kube_config

answers() { # TEXT COMMAND…: succeeds, and says so
	local text=$1
	shift
	"$@" >"$room/out" 2>&1 && grep -qF -- "$text" "$room/out" || { cat "$room/out"; return 1; }
}
forbidden() { # COMMAND…
	! "$@" >"$room/out" 2>&1 && grep -qE 'forbidden|Forbidden' "$room/out" || { cat "$room/out"; return 1; }
}
taken() { # WORDS…: without a warning, of PodSecurity for example
	"$@" >"$room/out" 2>"$room/err" || { cat "$room/out" "$room/err"; return 1; }
	! grep -v 'found symbolic link' "$room/err" | grep .
}

check "kubectl apply -k takes everything in one call" taken kube_ctl apply -k deploy/kustomize/base
check "… twice" taken kube_ctl apply -k deploy/kustomize/base
check "the namespace is a restricted one" answers restricted kube_ctl get namespace $NS -o jsonpath='{.metadata.labels.pod-security\.kubernetes\.io/enforce}'
established() { kube_ctl wait --for condition=established --timeout 30s crd --all; }
check "the kinds are there" established

# The definition of the Prometheus operator, as far as this needs one.
monitors='{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: servicemonitors.monitoring.coreos.com},
	spec: {group: monitoring.coreos.com, scope: Namespaced, names: {kind: ServiceMonitor, plural: servicemonitors, singular: servicemonitor},
	versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object,
	required: [selector, endpoints], properties: {selector: {type: object, x-kubernetes-preserve-unknown-fields: true},
	endpoints: {type: array, items: {type: object, properties: {port: {type: string}, path: {type: string}, interval: {type: string}}}}}}}}}}]}}'
kube_ctl apply -f - <<<"$monitors" >/dev/null && established >/dev/null
kube_ctl create namespace fleet >/dev/null
# In a namespace where nothing is yet, so that each object is looked at as a new one.
kube_ctl apply -f - <<<'{apiVersion: v1, kind: Namespace, metadata: {name: dry}}' >/dev/null
strictly() { sed "s/$NS/dry/g" "$room/$1.yaml" >"$room/dry.yaml" && taken kube_ctl apply --dry-run=server --validate=strict -f "$room/dry.yaml"; }
for name in base wide full one-replicas chart chart-wide chart-full chart-replicas chart-other; do
	check "the server takes each object of $name" strictly "$name"
done
strict() { ! strictly mistaken && grep -q 'unknown field "spec.template.spec.containers\[0\].tty2"' "$room/err" || { cat "$room/err"; return 1; }; }
sed 's/^        image: .*/&\n        tty2: true/' "$room/base.yaml" >"$room/mistaken.yaml"
check "… and no field that it does not know" strict

# PodSecurity judges pods; a template is only warned of.
pods() { # NAME FILTER
	jq "[$pod | {apiVersion: \"v1\", kind: \"Pod\", metadata: {name: \"try\", namespace: \"$NS\", labels: .metadata.labels}, spec} $2][0]" "$room/$1.json"
}
admitted() { kube_ctl create --dry-run=server -f <(pods "$1" "${2:-}"); }
check "a restricted namespace admits the pod" admitted base
check "… that of the chart" admitted chart-full
refuses() { ! admitted base "$1" >"$room/out" 2>&1 && grep -q 'violates PodSecurity' "$room/out" || { cat "$room/out"; return 1; }; }
check "… and no other" refuses '| del(.spec.securityContext.seccompProfile)'

# --- what the service account may do: asked at once -----------------------------------------------------------------------

# "NAMESPACE VERB RESOURCE[.GROUP][/SUBRESOURCE][:NAME] EXPECTED" per line; "-" is the cluster.
review() { # all of them over a few connections
	rm -rf "$room/reviews" && mkdir "$room/reviews" || return
	awk -v who="$WHO" -v to="$room/reviews" -v url="$kube_url" -v ca="$kube_ca" -v pki="$kube_dir/pki" '{
		name = sub_ = group = ""
		resource = $3
		if (i = index(resource, ":")) { name = substr(resource, i + 1); resource = substr(resource, 1, i - 1) }
		if (i = index(resource, "/")) { sub_ = substr(resource, i + 1); resource = substr(resource, 1, i - 1) }
		if (i = index(resource, ".")) { group = substr(resource, i + 1); resource = substr(resource, 1, i - 1) }
		body = sprintf("{\"apiVersion\": \"authorization.k8s.io/v1\", \"kind\": \"SubjectAccessReview\", \"spec\": {\"user\": \"%s\"," \
			"\"groups\": [\"system:serviceaccounts\", \"system:authenticated\"], \"resourceAttributes\": {\"namespace\": \"%s\", \"verb\": \"%s\"," \
			"\"group\": \"%s\", \"resource\": \"%s\", \"subresource\": \"%s\", \"name\": \"%s\"}}}", \
			who, $1 == "-" ? "" : $1, $2, group, resource, sub_, name)
		gsub(/"/, "\\\"", body)
		if (NR > 1) print "next"
		printf "url = \"%s/apis/authorization.k8s.io/v1/subjectaccessreviews\"\nheader = \"Content-Type: application/json\"\ndata = \"%s\"\n", url, body
		printf "cacert = \"%s\"\ncert = \"%s/admin.crt\"\nkey = \"%s/admin.key\"\noutput = \"%s/%06d\"\nfail\nsilent\nshow-error\n", ca, pki, pki, to, NR
	}' "$1" >"$room/reviews.curl"
	curl --no-progress-meter --parallel --parallel-max 20 --config "$room/reviews.curl" || return
	cat "$room"/reviews/* | jq -r 'if .status.allowed then "yes" else "no" end'
}
table() { # VERBS RESOURCES NAMESPACES EXPECTED
	local verb resource namespace
	for verb in ${1//,/ }; do for resource in ${2//,/ }; do for namespace in ${3//,/ }; do
		echo "$namespace $verb $resource $4"
	done; done; done
}
holds() { # of the table on standard input
	cat >"$room/table"
	paste -d ' ' "$room/table" <(review "$room/table") >"$room/answers" || return 1
	[ "$(wc -l <"$room/table")" = "$(grep -cE ' (yes|no)$' "$room/answers")" ] || { cat "$room/answers"; return 1; }
	! awk '$4 != $5 { print "is " $5 ": " $0; bad = 1 } END { exit !bad }' "$room/answers"
}
ours=$(plurals | sed 's/$/.omni.texashpc.com/')
status=$(sed 's,$,/status,' <<<"$ours")
finalizers=$(sed 's,$,/finalizers,' <<<"$ours")
kinds_there() { # NAMESPACES EXPECTED
	table get,list,watch,patch "$ours" "$1" "$2"
	table get,patch,update "$status" "$1" "$2"
	table update "$finalizers" "$1" "$2"
	table create,patch events,events.events.k8s.io "$1" "$2"
	table get,list,watch secrets:omni-service-account "$1" "$2"
}
never() { # NAMESPACES
	table create,update,delete,deletecollection "$ours" "$1" no
	table get,list,watch secrets "$1" no
	table get secrets:other "$1" no
	table create,update,patch,delete secrets,secrets:omni-service-account "$1" no
	table get,list,watch,create pods,configmaps,serviceaccounts,nodes,deployments.apps "$1" no
	table create pods/exec,serviceaccounts/token "$1" no
	table create,update,patch,bind,escalate roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io "$1" no
	table list,watch,delete leases.coordination.k8s.io "$1" no
}
leases() { # NAMESPACE EXPECTED
	table get,create,update,patch leases.coordination.k8s.io "$1" "$2"
}
in_one() { { kinds_there $NS yes; kinds_there fleet,- no; leases $NS yes; leases fleet,- no; never $NS,fleet,-; } | holds; }
in_all() { { kinds_there $NS,fleet,- yes; leases $NS yes; leases fleet,- no; never $NS,fleet,-; } | holds; }
reads_secrets() {
	{ table get,list,watch secrets,secrets:other $NS yes; table create,update,patch,delete,deletecollection secrets $NS no; } | holds
}

check "in one namespace it may do this and no more" in_one
echo "# $(wc -l <"$room/table") questions"

# The same with its own token, as requests.
kube_account $NS omniops
as_agent() { kube_config=$kube_made kube_ctl "$@"; }
as_said() { # the first block of docs/kubernetes.md that makes a Secret
	awk '/^```sh/ { text = ""; inside = 1; next } /^```/ && inside { if (text ~ /create secret/) { printf "%s", text; exit } inside = 0 }
		inside { text = text $0 "\n" }' docs/kubernetes.md >"$room/steps"
	[ -s "$room/steps" ] && (
		cd "$room" && echo key >omni.key
		kubectl() { kube_ctl "$@"; }
		set -e
		. "$room/steps"
	)
}
check "a Secret and a connection are made as documented" answers 'omniconnection.omni.texashpc.com/omni created' as_said
kube_ctl -n $NS create secret generic other --from-literal=key=x >/dev/null
named='metadata.name=omni-service-account'
check "it reads the Secret of the connection" answers omni-service-account as_agent -n $NS get secret omni-service-account -o name
check "… lists it by its name" answers omni-service-account as_agent -n $NS get secrets --field-selector "$named" -o name
watched() { timeout 10 "$kubectl" --kubeconfig "$kube_made" --request-timeout 2s -n $NS get secrets --field-selector "$named" --watch -o name; }
check "… and watches it" answers omni-service-account watched
check "it reads no other" forbidden as_agent -n $NS get secret other
check "… and does not list all" forbidden as_agent -n $NS get secrets
check "it marks it" as_agent -n $NS patch omniconnection omni --type merge -p '{"metadata": {"finalizers": ["omni.texashpc.com/finalizer"]}}'
check "… writes its status" as_agent -n $NS patch omniconnection omni --subresource status --type merge -p '{"status": {"connectionName": "omni"}}'
check "… and does not delete it" forbidden as_agent -n $NS delete omniconnection omni --wait=false

# --- the other ways -------------------------------------------------------------------------------------------------------

check "for all namespaces takes the place of for one" taken kube_ctl apply -k deploy/kustomize/cluster-wide
kube_ctl -n $NS delete rolebinding omniops >/dev/null && kube_ctl -n $NS delete role omniops >/dev/null
check "in all namespaces it may do this and no more" in_all
kube_ctl delete clusterrole,clusterrolebinding omniops >/dev/null
check "with any-secret" taken kube_ctl apply -f "$room/one-any-secret.yaml"
check "… it reads every Secret, and writes none" reads_secrets
kube_ctl -n $NS delete rolebinding omniops >/dev/null && kube_ctl -n $NS delete role omniops >/dev/null
writes_secrets() {
	{
		table get,list,watch,create,update,patch,delete secrets,secrets:other $NS yes
		table deletecollection secrets $NS no
		table get configmaps $NS yes
		table list,watch,create,update,patch,delete configmaps $NS no
		table get,create secrets fleet,- no
	} | holds
}
check "with handlers" taken kube_ctl apply -f "$room/one-handlers.yaml"
check "… it writes every Secret of its namespace, and reads ConfigMaps" writes_secrets
check "people get their roles" taken kube_ctl apply -f "$room/one-user-roles.yaml"

release() { # HELM-ARGUMENTS
	"$helm" --kubeconfig "$admin" --namespace apart "$@"
}
kube_ctl create namespace apart >/dev/null
check "the chart installs beside definitions that are there" answers "STATUS: deployed" release install it deploy/helm/omniops --set crds.install=false,fullnameOverride=omniops
check "… and says what comes next" answers 'kubectl -n apart create secret generic omni-service-account' release get notes it
next_steps() { # the notes are commands that work
	release get notes it | sed -n 's/^  //p' | sed '/get omniconnections/,$d' >"$room/next"
	(
		cd "$room" && echo key >omni.key
		kubectl() { kube_ctl "$@"; }
		. "$room/next"
	)
}
check "… which works" answers omniconnection.omni.texashpc.com/omni next_steps
check "it is upgraded" answers "STATUS: deployed" release upgrade it deploy/helm/omniops --set crds.install=false,fullnameOverride=omniops,replicas=2
WHO=system:serviceaccount:apart:omniops
NS=apart
check "its service account may do the same and no more" in_one
check "it is removed" answers "uninstalled" release uninstall it
# --- where nothing is yet ---------------------------------------------------------------------------------------------------

kube_stop main
kube_start bare || { fail "another API server starts"; finish; }
admin=$kube_config
kube_ctl create namespace apart >/dev/null
definitions() { kube_ctl get crd -o name | grep -c omni.texashpc.com; }
check "the chart installs with its definitions" answers "STATUS: deployed" release install omniops deploy/helm/omniops
check "… all of them" [ "$(definitions)" = 9 ]
check "… renews them" answers "STATUS: deployed" release upgrade omniops deploy/helm/omniops
check "it is removed, and they are kept" answers "kept due to the resource policy" release uninstall omniops
check "… all of them" [ "$(definitions)" = 9 ]
nothing_else() { ! kube_ctl -n apart get deployments,services,roles,rolebindings,configmaps -l app.kubernetes.io/name=omniops -o name | grep .; }
check "… and nothing else" nothing_else
finish
