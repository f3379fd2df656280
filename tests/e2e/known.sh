#!/bin/bash
# What the agent knows of Omni without asking: an unchanged fleet costs its watches and nothing else, after a restart, after
# its own writes and whatever controllers write; every difference that counts is found all the same.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; cosi_stop; rm -rf "$room"' EXIT

cosi_need "the agent on a COSI server"
cosi_start one -tls -controllers
export OMNI_SERVICE_ACCOUNT_KEY
OMNI_SERVICE_ACCOUNT_KEY=$(cat "$cosi_key")
export OMNI_CA_FILE=$cosi_ca
omni=$cosi_endpoint
omniops() { "$OMNIOPS" "$@" --omni-ca-file "$cosi_ca"; }
agent() { start_agent --omni-ca-file "$cosi_ca" --source "git+file://$room/repo?ref=main" "$@"; }
calls() { cosi_ask calls | grep -v ' SysVersions' | grep -cE "^($1) "; } # what server it is is asked at every start
makes() { # how many, of which methods
	[ "$(calls "$2")" = "$1" ] || { echo "not $1 times $2:"; cosi_ask calls | grep -v ^Watch | head -n 20; return 1; }
}
makes_at_most() { [ "$(calls "$2")" -le "$1" ] || { cosi_ask calls | grep -v ^Watch | head -n 20; return 1; }; }
look() { cosi_ask "resources?type=$1.omni.sidero.dev&id=$2"; }
put() { cosi_order put --data-binary "@$1" >/dev/null; }
holds() { look "$1" "$2" | grep -q -- "$3"; }
lacks() { ! holds "$@"; }
edit() { # TYPE ID sed-script: somebody does that in Omni
	look "$1" "$2" >"$room/before.yaml"
	sed "$3" "$room/before.yaml" >"$room/edited.yaml"
	cmp -s "$room/before.yaml" "$room/edited.yaml" && { echo "nothing to edit in $1 $2"; cat "$room/before.yaml"; return 1; }
	put "$room/edited.yaml"
}
start_anew() { # agent flags…
	rm -rf "$room/status"
	cosi_order reset >/dev/null
	agent "$@"
}

repository two
cat >"$room/repo/one.yaml" <<-'END'
	kind: Cluster
	name: one
	labels: {env: prod}
	kubernetes: {version: v1.35.1}
	talos: {version: v1.13.3}
	patches:
	  - name: by-meaning
	    inline: {machine: {sysctls: {vm.swappiness: "1"}}}
	  - file: by-bytes.yaml
	---
	kind: ControlPlane
	machines: [27c16241-96bf-4f17-9579-ea3a6c4a3ca8]
	---
	kind: Workers
	machineClass: {name: any, size: 2}
	---
	kind: Machine
	name: 27c16241-96bf-4f17-9579-ea3a6c4a3ca8
	kernelArgs: [console=ttyS0]
END
printf 'machine:\n  sysctls:\n    vm.max_map_count: "4"\n' >"$room/repo/by-bytes.yaml"
commit more
meaning=200-cluster-one-by-meaning
bytes=201-cluster-one-by-bytes.yaml
agent
check "clusters arrive" within 15 is_state two InSync
check "… both" within 15 is_state one InSync
check "patches are there" holds ConfigPatches "$meaning" swappiness
bytes=$(cosi_ask 'resources?type=ConfigPatches.omni.sidero.dev' | sed -n 's/^ *id: \(.*by-bytes.*\)/\1/p')
sleep 1
stop_agent

start_anew
check "after a restart" within 10 is_state one InSync
check "… both" within 10 is_state two InSync
sleep 1
check "nothing was read" makes 0 'Get|List'
check "nothing was written" makes 0 'Create|Update|Teardown|Destroy'

cosi_order reset >/dev/null
sed -i 's/size: 2/size: 4/' "$room/repo/two.yaml"
commit scale
check "a change arrives" within 10 holds MachineSets two-workers "machinecount: 4"
sleep 1.5
check "it is read once, before, and not afterwards" makes 1 'Get MachineSets.omni.sidero.dev two-workers'
check "… nor is the other cluster" test "$(cosi_ask calls | grep -c ' one ')" = 0
check "it is in sync" is_state two InSync

noise() { # a controller puts a finalizer there and takes it away, five hundred times
	local i
	look Clusters "$1" >"$room/plain.yaml"
	sed 's/^    finalizers:$/&\n        - Noise/' "$room/plain.yaml" >"$room/noisy.yaml"
	for ((i = 0; i < 500; i++)); do printf -- '---\n'; cat "$room/noisy.yaml"; printf -- '---\n'; cat "$room/plain.yaml"; done >"$room/many.yaml"
	put "$room/many.yaml"
}
version() { look Clusters one | sed -n 's/^ *version: //p'; }
before=$(version)
cosi_order reset >/dev/null
noise one
check "a thousand versions of nothing" test "$(version)" -ge $((before + 1000))
sleep 1
check "wake nobody" makes 0 'Get|List'

cosi_order reset >/dev/null
check "the same meaning, written otherwise" edit ConfigPatches "$meaning" 's/vm.swappiness: .*/vm.swappiness: '"'1'"'/'
sleep 1
check "… is no difference, and needs no look" makes 0 'Get|List|Update'
check "a text is compared byte by byte" edit ConfigPatches "$bytes" 's/vm.max_map_count: .*/vm.max_map_count: '"'4'"'/'
check "… and written again" within 5 holds ConfigPatches "$bytes" 'vm.max_map_count: "4"'

drift() { # TYPE ID sed-script what-is-there-when-it-is-undone
	cosi_order reset >/dev/null
	check "drift: $1 $3" edit "$1" "$2" "$3"
	check "… is undone" within 5 holds "$1" "$2" "$4"
	sleep 0.7
	check "… and only its cluster was looked at" makes 0 'Get Clusters.omni.sidero.dev two'
}
drift Clusters one 's/env: prod/env: test/' 'env: prod'
drift Clusters one 's/kubernetesversion: .*/kubernetesversion: 1.35.0/' 'kubernetesversion: 1.35.1'
drift Clusters one 's/^        omni.sidero.dev.managed-by-cluster-templates.*/        mine: yours/' managed-by-cluster-templates
drift ConfigPatches "$meaning" 's/swappiness: .*/swappiness: "9"/' 'swappiness: "1"'
drift MachineSets one-workers 's/machinecount: 2/machinecount: 1/' 'machinecount: 2'
drift KernelArgs 27c16241-96bf-4f17-9579-ea3a6c4a3ca8 's/console=ttyS0/quiet/' console=ttyS0

cosi_order destroy -d type=ConfigPatches.omni.sidero.dev -d "id=$meaning" >/dev/null
check "what was destroyed is made again" within 5 holds ConfigPatches "$meaning" swappiness
look ConfigPatches "$meaning" | sed "s/$meaning/299-cluster-one-more/" >"$room/more.yaml"
put "$room/more.yaml"
check "one more, as templates make them, is taken away" within 5 lacks ConfigPatches 299-cluster-one-more swappiness
check "all is well" within 5 is_state one InSync

sed 's/299-cluster-one-more/500-of-a-person/' "$room/more.yaml" >"$room/person.yaml"
put "$room/person.yaml"
sleep 1
check "one of a person stays" holds ConfigPatches 500-of-a-person swappiness
stop_agent
start_anew
check "what is not declared is looked at after a restart" within 10 is_state one InSync
sleep 1
check "… once" makes 1 'List ConfigPatches.omni.sidero.dev -'
cosi_order destroy -d type=ConfigPatches.omni.sidero.dev -d id=500-of-a-person >/dev/null

edit Clusters one 's/^    annotations:$/&\n        omni.texashpc.com\/suspend: "true"/'
check "suspended in Omni" within 5 is_state one Suspended
stop_agent
start_anew
check "… also after a restart" within 10 is_state one Suspended
edit Clusters one '/texashpc.com.suspend/d'
check "… until that is taken back" within 5 is_state one InSync

sed -i 's/size: 2/size: 1/' "$room/repo/one.yaml"
commit down
check "a dangerous change is held" within 10 is_state one Held
stop_agent
start_anew
check "… also after a restart" within 10 is_state one Held
omniops approve one "$(plan_hash one)" --omni "$omni" 2>/dev/null
check "an approval is seen" within 5 holds MachineSets one-workers "machinecount: 1"
check "… and all is well" within 5 is_state one InSync
sleep 1
stop_agent
start_anew
check "the next start" within 10 is_state one InSync
sleep 1
check "… needs no look" makes 0 'Get|List'

stop_agent
sed -i 's/"4"/"5"/' "$room/repo/by-bytes.yaml"
commit file
start_anew --drift report
check "a file that changed in Git while the agent was away is no drift" within 5 holds ConfigPatches "$bytes" 'vm.max_map_count: "5"'
check "… and all is well" within 5 is_state one InSync
sleep 1
stop_agent
edit ConfigPatches "$bytes" 's/vm.max_map_count: .*/vm.max_map_count: "6"/'
start_anew --drift report
check "what changed in Omni meanwhile is only reported" within 5 is_state one OutOfSync
check "… and left" holds ConfigPatches "$bytes" 'vm.max_map_count: "6"'
finish
