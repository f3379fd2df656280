#!/bin/bash
# The plugin below Argo CD's own plugin server, with plugin.yaml as it is shipped: what comes back, what people see when
# something is wrong, and the form of its parameters.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/gobuild.sh
. tests/e2e/lib.sh
. tests/rig/argocd/lib.sh
trap 'cmp_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

if ! PATH=$B:$PATH cmp_start "$room/server" plugin-argocd/plugin.yaml OMNIOPS_MASK_KEY=one; then
	skip "the plugin below Argo CD's plugin server" "$cmp_problem"
	finish
fi
repository=$room/repository
mkdir -p "$repository/apps/prod" "$repository/apps/empty" "$repository/apps/broken"
git init -q "$repository"
cluster prod 2 >"$repository/apps/prod/prod.yaml"
echo 'replicas: 3' >"$repository/apps/empty/values.yaml"
cluster prod 2 | sed 's/clusterRef/clusterReff/' >"$repository/apps/broken/prod.yaml"

ask() { # FLAG… APPLICATION…
	cmp_ask -env ARGOCD_APP_NAME=prod -env ARGOCD_APP_NAMESPACE=omni -env ARGOCD_APP_REVISION=0123456789abcdef \
		-env KUBE_VERSION=1.34 "${@:1:$#-1}" "$cmp_socket" "$repository" "${!#}"
}
objects() { # kinds
	[ "$(jq -rs '[.[].kind] | join(" ")' <"$room/out")" = "$1" ] || { jq -r .kind <"$room/out"; return 1; }
}
check "the plugin generates" exits 0 ask -print -env ARGOCD_APP_PARAMETERS=null apps/prod
check "… the objects and a ConfigMap" objects "OmniCluster OmniControlPlane OmniWorkers ConfigMap"
check "render-only" exits 0 ask -print -env ARGOCD_APP_PARAMETERS='[{"name":"mode","string":"render-only"}]' apps/prod
check "… generates a ConfigMap" objects ConfigMap
check "plugin.env" exits 0 ask -print -env ARGOCD_ENV_MODE=render-only -env ARGOCD_APP_PARAMETERS=null apps/prod
check "… is as good" objects ConfigMap
check "a fault" exits 1 ask apps/broken
check "… is shown with its place first" bash -c "grep -qE '^apps/broken: .*failed exit status 1: apps/broken/prod.yaml:[0-9]+:[0-9]+: error: ' '$room/out'"
check "… and its sum at the end" says 'nothing is generated'
check "nothing declared" exits 1 ask apps/empty
check "… is no empty answer" says 'failed exit status 1: error: nothing is declared here'
check "a wrong parameter" exits 1 ask -env ARGOCD_APP_PARAMETERS='[{"name":"mode","string":"dry"}]' apps/prod
check "… is named with the right ones" says 'parameter mode: "dry" is none of'
check "the form asks for parameters" exits 0 ask -announce apps/prod
check "… and gets all of them" bash -c "[ \"\$(jq -r '.[].name' <'$room/out' | tr '\n' ' ')\" = \"$("$B/omniops-argocd" parameters | jq -r '.[].name' | tr '\n' ' ')\" ]"
check "… with what they are without" bash -c "jq -e 'map(select(.name == \"mode\"))[0].string == \"pass-through\"' <'$room/out'"

# --- examples
check "projects and Applications of the examples are as Argo CD has them" exits 0 \
	cmp_ask -check examples/argocd/project.yaml examples/argocd/application.yaml examples/argocd/agent.yaml
sed 's/targetRevision/targetRevison/' examples/argocd/application.yaml >"$room/application.yaml"
check "… others are told from them" exits 1 cmp_ask -check "$room/application.yaml"

# --- many at once
for i in {1..64}; do
	mkdir "$repository/apps/a$i"
	cluster "c$i" 1 >"$repository/apps/a$i/cluster.yaml"
done
many() { cmp_ask "$cmp_socket" "$repository" apps/a{1..64}; }
check "64 applications at once" exits 0 many
check "… are all there" bash -c "[ \$(grep -c ': 4 objects' '$room/out') = 64 ]"
finish
