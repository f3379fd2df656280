#!/bin/bash
# omniops-flux as a KRM function and as a Helm post-renderer: by itself, and under the real kustomize and Helm where a Go
# is there to build them (kept in the user's cache).
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/gotool.sh
. tests/e2e/lib.sh
flux=$B/omniops-flux

exits_with_input() { # like exits, with standard input from $room/in
	local wanted=$1 code=0
	shift
	"$@" >"$room/out" 2>"$room/err" <"$room/in" || code=$?
	[ "$code" = "$wanted" ] || { echo "exits $code, not $wanted:" "$@"; cat "$room/out" "$room/err"; return 1; }
}
says_not() { ! grep -nF -- "$1" "$room/out"; }
kinds() { sed -n "s/^$1kind: //p" "$room/out" | tr '\n' ' '; }
are() { [ "$(kinds "")" = "$1 " ] || { echo "$(kinds ""), not $1"; return 1; }; }
items_are() { [ "$(kinds "    ")" = "$1 " ] || { echo "$(kinds "    "), not $1"; return 1; }; }
again() { # the output as input gives the output
	cp "$room/out" "$room/in"
	exits_with_input 0 "$flux" && cmp "$room/in" "$room/out"
}

# --- a stream of manifests
stream() {
	cat <<-'END'
	---
	# Source: fleet/templates/hook.yaml
	apiVersion: batch/v1
	kind: Job
	metadata:
	  name: before   # a comment
	  annotations: {"helm.sh/hook": pre-install}
	---
	# Source: fleet/templates/cluster.yaml
	END
	cluster prod 2
}
stream >"$room/in"
check "a stream gets a ConfigMap" exits_with_input 0 "$flux"
check "… behind the rest" are "Job OmniCluster OmniControlPlane OmniWorkers ConfigMap"
check "… of which every byte stays" bash -c "head -c \$(stat -c %s '$room/in') '$room/out' | cmp - '$room/in'"
check "… also the second time" again
printf '%s' "$(stream)" >"$room/in"
check "a last line may lack its end" exits_with_input 0 "$flux"
check "… and the ConfigMap is a document of its own" are "Job OmniCluster OmniControlPlane OmniWorkers ConfigMap"
stream | sed 's/$/\r/' >"$room/in"
check "lines may end as on Windows" exits_with_input 0 "$flux"
{ stream; echo ---; cluster more 1; } >"$room/in"
exits_with_input 0 "$flux"
sed -n '/^kind: ConfigMap/,$p' "$room/out" >"$room/configmaps"
{ stream; echo ---; echo 'apiVersion: v1'; cat "$room/configmaps"; } >"$room/in"
check "a ConfigMap of a cluster that is gone goes" exits_with_input 0 "$flux"
check "… and those of others are renewed" are "Job OmniCluster OmniControlPlane OmniWorkers ConfigMap"
check "… and end as they began" again
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n' >"$room/in"
check "a stream without clusters" exits_with_input 0 "$flux"
check "… stays as it is" cmp "$room/in" "$room/out"
{ stream; printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: prod-omni-template, namespace: omni}\n'; } >"$room/in"
check "a ConfigMap of the same name is somebody else's" exits_with_input 1 "$flux"
check "… which is said" complains 'ConfigMap prod-omni-template is declared twice'
check "… and nothing comes out" test ! -s "$room/out"
stream | sed 's/clusterRef/clusterReff/' >"$room/in"
check "a fault" exits_with_input 1 "$flux"
check "… has a place" complains '<stdin>:'
check "… and nothing comes out" test ! -s "$room/out"
: >"$room/in"
check "an empty stream is an error" exits_with_input 1 "$flux"
check "… unless it is meant" exits_with_input 0 "$flux" --allow-empty

# --- variables of Flux
with_script() { # text of a file that a patch writes
	cluster prod 2 | sed "s|^  talos:.*|&\n  patches: [{name: a, inline: {machine: {files: [{path: /var/a, op: create, content: '$1'}]}}}]|"
}
warned() { # script, what is said; "": nothing
	with_script "$1" >"$room/in"
	exits_with_input 0 "$flux" --flux-variables || return
	if [ -n "$2" ]; then complains "$2"; else [ ! -s "$room/err" ] || { cat "$room/err"; return 1; }; fi
}
place='prod: spec.patches[0].inline.machine.files[0].content: Flux'
# shellcheck disable=SC2016
{
	check "a variable in a patch" warned 'echo ${HOME}' "$place's variable substitution replaces this: \${HOME} [FluxVariable]"
	check "… with a default" warned 'echo ${A:-b}' 'replaces this: ${A:-b}'
	check "… what is none" warned 'echo ${arr[@]}' 'fails here: ${arr[@]}'
	check "… the worst of them" warned '${A} ${B' 'fails here: ${B'
	check "… what is escaped" warned 'echo $${HOME}' ''
	check "… without braces" warned 'echo $HOME $1' ''
	check "… two of them" warned 'echo $$ ${A}' 'replaces this'
	check "… beside an escaped one" warned 'echo $$ $${A}' 'makes one $ of this $$'
	check "… and nothing to escape" warned 'echo $$' ''
}
with_script "echo \${HOME}" >"$room/in"
check "nobody speaks of Flux without being asked" exits_with_input 0 "$flux"
check "… or told" test ! -s "$room/err"
sed -i 's/^metadata: {name: prod,/metadata: {annotations: {kustomize.toolkit.fluxcd.io\/substitute: disabled}, name: prod,/' "$room/in"
check "an object that Flux leaves alone" exits_with_input 0 "$flux" --flux-variables
check "… is left alone" test ! -s "$room/err"
mkdir "$room/flux"
with_script "echo \${HOME} \${site}" >"$room/flux/prod.yaml"
printf 'apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\nspec: {postBuild: {substitute: {site: x}}}\n' >"$room/flux/kustomization.yaml"
check "validate knows a Kustomization that substitutes" exits 0 omniops validate "$room/flux"
check "… and warns" says 'replaces this: ${HOME}'
sed -i 's/site: x/HOME: x, &/' "$room/flux/kustomization.yaml"
check "… not of what it sets" exits 0 omniops validate "$room/flux"
check "… at all" says_not FluxVariable
rm "$room/flux/kustomization.yaml"
check "without one it is a flag" exits 0 omniops validate --flux-variables "$room/flux"
check "… that warns" says 'replaces this: ${HOME}'

# --- a ResourceList
list() { # version; further fields on standard input
	echo "apiVersion: config.kubernetes.io/$1"
	echo 'kind: ResourceList'
	cat
}
items() {
	cat <<-'END'
	items:
	  - apiVersion: omni.texashpc.com/v1alpha1
	    kind: OmniCluster
	    metadata:
	      name: prod
	      annotations:
	        internal.config.kubernetes.io/path: clusters/prod.yaml
	        internal.config.kubernetes.io/index: '0'
	        config.kubernetes.io/path: clusters/prod.yaml
	    spec:
	      connectionRef: {name: main}
	      kubernetes: {version: v1.35.1}
	      talos: {version: v1.13.3}
	  - apiVersion: omni.texashpc.com/v1alpha1
	    kind: OmniControlPlane
	    metadata: {name: prod, annotations: {internal.config.kubernetes.io/path: clusters/prod.yaml, internal.config.kubernetes.io/index: '1'}}
	    spec: {clusterRef: {name: prod}, machineClass: {name: any, size: 3}}
	  - apiVersion: v1
	    kind: ConfigMap
	    metadata: {name: other, annotations: {internal.config.kubernetes.io/id: '3'}}
	    data: {version: "1.10", flag: "yes"}
	END
}
for version in v1 v1beta1; do
	items | list $version >"$room/in"
	check "a ResourceList $version gets a ConfigMap" exits_with_input 0 "$flux"
	check "… as the last item" items_are "OmniCluster OmniControlPlane ConfigMap ConfigMap"
	check "… in the same form" says "apiVersion: config.kubernetes.io/$version"
	check "… with the notes of other tools" bash -c "[ \$(grep -c 'internal.config.kubernetes.io/' '$room/out') = 5 ]"
	check "… and the same values" says "version: \"1.10\""
	check "… also the second time" again
done
items | sed "s/      talos: .*/&\n      patches: [{name: a, inline: {machine: {files: [{path: \/var\/a, op: create, content: '\${A}'}]}}}]/" | list v1 >"$room/in"
check "a warning" exits_with_input 0 "$flux" --flux-variables
check "… is a result" says 'severity: warning'
check "… beside the answer" says 'name: prod-omni-template'
awk '/omni.texashpc.com\/template-hash/ { print; print "        internal.config.kubernetes.io/path: kept/configmap.yaml"; next } { print }' "$room/out" >"$room/in"
check "its own ConfigMap keeps what tools noted on it" exits_with_input 0 "$flux"
check "… where it is kept" says 'internal.config.kubernetes.io/path: kept/configmap.yaml'
items | sed 's/    spec: {clusterRef: {name: prod}/    spec: {clusterRef: {name: prdo}/' | list v1 >"$room/in"
check "a fault" exits_with_input 1 "$flux"
check "… is a result" says 'severity: error'
check "… of an object" says 'kind: OmniControlPlane'
check "… and a field" says 'path: spec.clusterRef.name'
check "… and a file" says 'path: clusters/prod.yaml'
check "… with its code" says 'code: UnknownReference'
check "… and a line for people" complains 'error: OmniControlPlane/prod: spec.clusterRef.name'
check "… while the items stay" says 'name: other'
echo 'items: []' | list v1 >"$room/in"
check "no items" exits_with_input 0 "$flux"
check "… are no items" says 'items: []'
list v1 </dev/null >"$room/in"
check "a list without items" exits_with_input 0 "$flux"
config() { printf 'functionConfig:\n  apiVersion: fn.example.com/v1\n  kind: Render\n  metadata: {name: render}\n  spec: %s\n' "$1"; }
as_generator() { { config "$1"; printf 'items:\n  - apiVersion: fn.example.com/v1\n    kind: Render\n    metadata: {name: render}\n'; } | list v1 >"$room/in"; }
as_generator '{paths: [examples/edge]}'
check "a generator reads files" exits_with_input 0 "$flux"
check "… and leaves itself out" items_are "OmniCluster OmniControlPlane OmniMachine OmniMachine OmniMachine OmniWorkers ConfigMap"
as_generator '{paths: [examples/edge], mode: render-only}'
check "… or ConfigMaps alone" exits_with_input 0 "$flux"
check "… of them" says 'name: edge-berlin-omni-template'
check "… alone" says_not 'kind: OmniMachine'
mkdir "$room/generated"
cluster prod 2 | sed 's/clusterRef: {name: prod}/clusterRef: {name: prdo}/' >"$room/generated/prod.yaml"
as_generator '{paths: [generated]}'
in_room() { (cd "$room" && exec "$flux"); }
check "a fault in a file" exits_with_input 1 in_room
check "… is a result with the file" says 'path: generated/prod.yaml'
check "… and the place in it" bash -c "grep -A2 'code: UnknownReference' '$room/out' | grep -qE 'line: \"[0-9]+\"'"
as_generator '{path: examples/edge}'
check "an unknown setting" exits_with_input 1 "$flux"
check "… is named with the known ones" complains 'unknown field spec.path; the known ones are paths and mode'
as_generator '{paths: [/etc]}'
check "files outside of the working directory" exits_with_input 1 "$flux"

# --- the real programs
under_kustomize() {
	mkdir "$room/kustomize"
	cp examples/flux/kustomize/* "$room/kustomize"
	build() { PATH=$B:$PATH "$kustomize" build --enable-alpha-plugins --enable-exec "$room/kustomize"; }
	check "kustomize runs the example" exits 0 build
	check "… and has the ConfigMap" says 'name: edge-flux-omni-template'
	check "… in the namespace of the rest" bash -c "[ \$(grep -c 'namespace: omni-system' '$room/out') = 3 ]"
	check "… without notes of tools" says_not 'internal.config'
	sed -i 's/size: 1/size: -1/' "$room/kustomize/cluster.yaml"
	check "kustomize fails where the function fails" exits 1 build
	check "… and shows what it said" complains 'OmniControlPlane/edge-flux'
	cp examples/flux/kustomize/cluster.yaml "$room/kustomize/"
	printf 'generators: [render.yaml]\n' >"$room/kustomize/kustomization.yaml"
	printf 'spec: {paths: [cluster.yaml]}\n' >>"$room/kustomize/render.yaml"
	check "kustomize runs it as a generator" exits 0 build
	check "… and has all" are "ConfigMap OmniCluster OmniControlPlane"
}

chart() {
	mkdir -p "$room/chart/templates"
	printf 'apiVersion: v2\nname: fleet\nversion: 0.1.0\n' >"$room/chart/Chart.yaml"
	printf 'size: 2\n' >"$room/chart/values.yaml"
	cluster prod '{{ .Values.size }}' >"$room/chart/templates/cluster.yaml"
	printf 'apiVersion: batch/v1\nkind: Job\nmetadata: {name: before, annotations: {helm.sh/hook: pre-install}}\n' >"$room/chart/templates/hook.yaml"
}

under_helm() {
	chart
	render() { HOME=$room/home "$helm" template fleet "$room/chart" --post-renderer "$flux" "$@"; }
	check "Helm 3 runs it as a post-renderer" exits 0 render
	check "… keeps its comments" says '# Source: fleet/templates/cluster.yaml'
	check "… and hooks" says 'helm.sh/hook: pre-install'
	check "… and has the ConfigMap" says 'name: prod-omni-template'
	check "… of the values" exits 0 render --set size=7
	check "… that were given" says '      size: 7'
	check "Helm 3 fails where it fails" exits 1 render --set size=-7
	check "… and shows what it said" complains 'OmniWorkers/prod-workers'
}

# Helm 4 takes a plugin, parses what it answers, and does not show what it says.
under_helm_4() {
	local home=$room/home4
	mkdir -p "$home" "$room/plugin"
	cp flux/helm-plugin/plugin.yaml "$flux" "$room/plugin/"
	[ -d "$room/chart" ] || chart
	four() { env -u HELM_PLUGINS HOME="$home" XDG_DATA_HOME="$home/data" XDG_CACHE_HOME="$home/cache" XDG_CONFIG_HOME="$home/config" "$helm" "$@"; }
	render() { four template fleet "$room/chart" --post-renderer omniops "$@"; }
	check "Helm 4 installs the plugin" exits 0 four plugin install "$room/plugin"
	check "Helm 4 runs it as a post-renderer" exits 0 render
	check "… and has the ConfigMap" says 'name: prod-omni-template'
	check "… and hooks" says 'helm.sh/hook: pre-install'
	check "… and every object once" bash -c "[ \$(grep -c '^kind: ' '$room/out') = 5 ]"
	check "… of the values" exits 0 render --set size=7
	check "… that were given" says '      size: 7'
	check "Helm 4 fails where it fails" exits 1 render --set size=-7
}

if go_tool sigs.k8s.io/kustomize/kustomize/v5 v5.8.2; then
	kustomize=$tool
	under_kustomize
else
	skip "kustomize" "it cannot be built: $(go_tool_reason)"
fi
if go_tool helm.sh/helm/v3/cmd/helm v3.19.0; then
	helm=$tool
	under_helm
else
	skip "Helm 3" "it cannot be built: $(go_tool_reason)"
fi
if go_tool helm.sh/helm/v4/cmd/helm v4.2.3; then
	helm=$tool
	under_helm_4
else
	skip "Helm 4" "it cannot be built: $(go_tool_reason)"
fi
finish
