#!/bin/bash
# Live clusters as documents: the plan of an export is empty, what cannot be said is told, nothing is written over. Adopting
# writes marks and nothing else, only when nothing would change; releasing takes them away. With a directory and over the wire.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/rig/cosi/lib.sh
trap 'stop_agent; cosi_stop; rm -rf "$room"' EXIT

fresh() { rm -rf "$room/omni" && cp -r "$room/applied" "$room/omni"; }
put() { # TYPE ID: a resource as somebody made it by hand, from standard input below metadata
	mkdir -p "$room/omni/$1.omni.sidero.dev"
	{ printf 'metadata:\n  type: %s.omni.sidero.dev\n  id: %s\n' "$1" "$2" && cat; } >"$room/omni/$1.omni.sidero.dev/$2.yaml"
}
nothing_to_plan() { exits 0 omniops plan --omni "$omni" "$@" && says 'No changes'; }
export_to() { # FILE ARGUMENT…
	local file=$1
	shift
	exits 0 omniops export --omni "$omni" "$@" && cp "$room/out" "$file"
}
dump() { # with our marks, without versions and dates
	for type in clusters machinesets machinesetnodes configpatches machineclasses extensionsconfigurations kernelargs; do
		"$OMNIOPS" get $type -o yaml --omni "$omni" | grep -vE '^ *(version|created|updated):'
	done
}

# --- examples -------------------------------------------------------------------------------------------------------------

for example in edge omnictl fleet homelab/plan; do
	check "$example is applied" exits 0 omniops apply --omni "$omni" --no-annotations --approve-all "examples/$example"
done
cp -r "$room/omni" "$room/applied"
names="alpha beta gamma edge-berlin staging talos-prod-01"
for form in yaml objects template; do
	check "all clusters are exported as $form" exits 0 omniops export --omni "$omni" --all --strict -o $form --out "$room/$form"
	check "… a file each, and the classes" test -s "$room/$form/machine-classes.yaml" -a "$(ls "$room/$form" | wc -l)" = 7
	check "… and the plan of them is empty" nothing_to_plan "$room/$form"
	check "… the same bytes again" bash -c "'$OMNIOPS' export --omni '$omni' --all -o $form --out '$room/again' --force 2>/dev/null && diff -r '$room/$form' '$room/again'"
done
check "custom resources, where they can say everything" bash -c "! grep -l '^kind: Cluster' '$room'/yaml/*.yaml"
check "all on standard output" export_to "$room/all.yaml" --all --namespace omni-system --connection-name main
check "… plan to nothing" nothing_to_plan "$room/all.yaml"
check "… with the namespace and the connection that were asked for" \
	test "$(grep -c 'namespace: omni-system' "$room/all.yaml")" = "$(grep -c '^apiVersion' "$room/all.yaml")" -a "$(grep -c 'name: main' "$room/all.yaml")" = 9
check "… each class once, in front of its first cluster" test "$(grep -c 'kind: OmniMachineClass' "$room/all.yaml")" = 3
check "without classes" exits 0 omniops export --omni "$omni" --without-classes alpha
check "… there are none" bash -c "! grep -q MachineClass '$room/out'"
check "a template is one document stream that omnictl takes" export_to "$room/alpha.yaml" -o template alpha
check "… which says where the class is" says '# It uses the machine class standard: omniops get machineclasses standard -o yaml'
check "several templates need files" exits 1 omniops export --omni "$omni" -o template alpha beta
check "… and that is said" complains 'give --out DIR'

check "a file that is there stays" exits 1 omniops export --omni "$omni" alpha beta --out "$room/yaml"
check "… and is named" complains "$room/yaml/alpha.yaml is there already: give --force"
check "a cluster that is not there: the others go on" exits 1 omniops export --omni "$omni" nobody alpha
check "… and it is named" complains 'there is no cluster "nobody"'
check "… with the other on standard output" says 'name: alpha'
check "no names, no --all" exits 1 omniops export --omni "$omni"
check "names and --all" exits 1 omniops export --omni "$omni" --all alpha
check "an unknown form" exits 1 omniops export --omni "$omni" -o json alpha

# --- what people made -----------------------------------------------------------------------------------------------------

node=7b1c1d4e-52f1-4b6c-9a58-0d6f1f6f1a02
by_hand() {
	put ConfigPatches 500-4f0e <<-END
		  labels: {omni.sidero.dev/cluster: edge-berlin}
		  annotations: {name: from the web UI, description: what for}
		spec:
		  data: |
		    # a comment that counts
		    machine:
		      sysctls: {net.core.somaxconn: "1024"}
	END
	put ConfigPatches 500-node <<-END
		  labels: {omni.sidero.dev/cluster: edge-berlin, omni.sidero.dev/cluster-machine: $node}
		  annotations: {name: node}
		spec: {data: "machine:\n  network:\n    hostname: web-ui\n"}
	END
	put ConfigPatches 500-nameless <<-END
		  labels: {omni.sidero.dev/cluster: edge-berlin}
		spec: {data: "machine:\n  sysctls:\n    a: b\n"}
	END
	put ConfigPatches 500-machine <<-END
		  labels: {omni.sidero.dev/cluster: edge-berlin, omni.sidero.dev/machine: $node}
		  annotations: {name: any}
		spec: {data: "machine:\n  sysctls:\n    a: b\n"}
	END
	put ConfigPatches 500-anywhere <<-END
		  labels: {omni.sidero.dev/machine: $node}
		  annotations: {name: anywhere}
		spec: {data: "machine:\n  sysctls:\n    a: b\n"}
	END
	put ConfigPatches 500-refused <<-END
		  labels: {omni.sidero.dev/cluster: edge-berlin}
		  annotations: {name: refused}
		spec: {data: "cluster:\n  id: x\n"}
	END
	put ConfigPatches 500-off <<-END
		  labels: {omni.sidero.dev/cluster: edge-berlin, omni.sidero.dev/disabled: "", mine: "yes"}
		  annotations: {name: off}
		spec: {data: "machine:\n  sysctls:\n    a: b\n"}
	END
	put ConfigPatches 900-controlled <<-END
		  owner: SomeController
		  labels: {omni.sidero.dev/cluster: edge-berlin}
		  annotations: {name: controlled}
		spec: {data: "machine:\n  sysctls:\n    a: b\n"}
	END
}
by_hand
check "patches of the web UI are said" export_to "$room/edge.yaml" edge-berlin
cp "$room/err" "$room/edge.err"
check "… by their ID" says 'idOverride: 500-4f0e'
check "… as text, with the comment in it" says '# a comment that counts'
check "… and the plan is empty" nothing_to_plan "$room/edge.yaml"
check "… below their machine" bash -c "sed -n '/a02/,/^---/p' '$room/edge.yaml' | grep -q 500-node"
told() { grep -F -- "$1" "$room/edge.err"; }
left() { told "$1" && sed -n '/^# Not said/,/^[^#]/p' "$room/edge.yaml" | grep -qF -- "$1"; }
check "a patch without a name is left and told" left 'ConfigPatches.omni.sidero.dev(500-nameless): was made outside of templates and has no annotation "name"'
check "one for a machine whatever its cluster, too" left 'ConfigPatches.omni.sidero.dev(500-machine): is for a machine whatever cluster'
check "… and of no cluster at all" told "ConfigPatches.omni.sidero.dev(500-anywhere): is for machine $node, whatever cluster it is in"
check "one that a template may not have, too" left 'ConfigPatches.omni.sidero.dev(500-refused): was made outside of templates, and its content would be refused'
check "a disabled patch is said, with its own labels" bash -c "grep -A3 'idOverride: 500-off' '$room/edge.yaml' | grep -q 'mine: .yes.'"
check "… and that it is disabled is told" told 'ConfigPatches.omni.sidero.dev(500-off): is disabled in Omni, and stays so'
check "what Omni keeps by itself is told" told 'ConfigPatches.omni.sidero.dev(900-controlled): made and kept by Omni itself (SomeController)'
check "--strict does not take that" exits 1 omniops export --omni "$omni" --strict edge-berlin
check "… but prints it all the same" says 'idOverride: 500-4f0e'

# the comment cannot be left by an ID
odd="$room/omni/ConfigPatches.omni.sidero.dev/odd%0Akind%3A%20Secret.yaml"
printf 'metadata:\n  type: ConfigPatches.omni.sidero.dev\n  id: "odd\\nkind: Secret"\n  labels: {omni.sidero.dev/cluster: alpha}\nspec: {data: "machine: {}\\n"}\n' >"$odd"
check "an ID with a line break" exits 0 omniops export --omni "$omni" alpha
check "… cannot leave the comment" grep -q '^#   - ConfigPatches.omni.sidero.dev(odd kind: Secret): was made outside' "$room/out"
rm "$odd"

# what documents cannot say although it is the template's
fresh
sed -i 's/^    updatestrategy: 1$/    updatestrategy: 0/' "$room/omni/MachineSets.omni.sidero.dev/alpha-control-planes.yaml"
sed -i '/managed-by-cluster-templates/d' "$room/omni/Clusters.omni.sidero.dev/beta.yaml"
check "a strategy that no control plane can declare" exits 1 omniops export --omni "$omni" --strict alpha
check "… is told as what a plan would change" complains 'MachineSets.omni.sidero.dev(alpha-control-planes): the documents of a control plane have no updateStrategy; a plan would change spec.updatestrategy'
check "… in front of the documents" says '# Omni holds it otherwise than these documents say; a plan of them would change it:'
check "a cluster that is not from a template" exits 0 omniops export --omni "$omni" --strict beta
check "… what its plan writes is told" complains 'adds the annotation omni.sidero.dev/managed-by-cluster-templates, and nothing else'
put KubernetesHealthChecks cluster-gamma-up <<-END
	  labels: {omni.sidero.dev/cluster: gamma}
	spec:
	  job: |
	    apiVersion: batch/v1
	    kind: Job
	    metadata: {name: up}
	  interval: {seconds: 90}
END
check "a health check makes it a template" export_to "$room/gamma.yaml" gamma
check "… which says why" says '# This is a template, because custom resources could not say:'
check "… and the plan is empty" nothing_to_plan "$room/gamma.yaml"
check "… beside others, too" bash -c "'$OMNIOPS' export --omni '$omni' --all --out '$room/mixed' 2>/dev/null && '$OMNIOPS' plan --omni '$omni' '$room/mixed/gamma.yaml'"
check "custom resources in any case lose it" exits 1 omniops export --omni "$omni" --strict -o objects gamma
check "… and say so" complains 'KubernetesHealthChecks.omni.sidero.dev(cluster-gamma-up): OmniCluster has no field for health checks; a template has; a plan would destroy it'

# --- secrets --------------------------------------------------------------------------------------------------------------

put MachineClasses secret <<-END
	spec: {autoprovision: {providerid: proxmox, providerdata: "token: correct-horse-battery\ncores: 4\n"}}
END
sed -i 's/name: standard/name: secret/' "$room/omni/MachineSets.omni.sidero.dev/gamma-workers.yaml"
put ConfigPatches 500-login <<-END
	  labels: {omni.sidero.dev/cluster: gamma}
	  annotations: {name: login}
	spec: {data: "machine:\n  registries:\n    config:\n      ghcr.io:\n        auth: {username: robot, password: correct-horse-battery}\n"}
END
check "secrets are written as they are" exits 0 omniops export --omni "$omni" gamma --out "$room/secret"
check "… in a file of their owner" test "$(stat -c %a "$room/secret/gamma.yaml")" = 600
check "… named on standard error" complains 'ConfigPatches.omni.sidero.dev(500-login) looks secret'
check "… without their value" bash -c "! grep -q correct-horse '$room/err'"
check "… a class, too" complains 'machine class secret looks secret'
check "… in a file of their owner" test "$(stat -c %a "$room/secret/machine-classes.yaml")" = 600
check "… in full" grep -q 'password: correct-horse-battery' "$room/secret/gamma.yaml"
check "a snapshot" exits 0 omniops snapshot "$room/shot" --omni "$omni"
check "… exports, too" exits 0 omniops export --omni "dir:$room/shot" alpha
check "… to documents that plan to nothing against the original" bash -c "cp '$room/out' '$room/shot.yaml' && '$OMNIOPS' plan --omni '$omni' '$room/yaml/edge-berlin.yaml'"
check "marks in place of secrets are told" exits 1 omniops export --omni "dir:$room/shot" --strict gamma
check "… by resource" complains 'ConfigPatches.omni.sidero.dev(500-login): its secrets are only marks in this snapshot'

# --- adopt and release ----------------------------------------------------------------------------------------------------

fresh
by_hand
rm -rf "$room/docs"
check "what is to be adopted" exits 0 omniops export --omni "$omni" --all --out "$room/docs"
sed -i 's/size: 2/size: 3/' "$room/docs/alpha.yaml"
dump >"$room/before"
check "a dry run" exits 0 omniops adopt --omni "$omni" --dry-run edge-berlin "$room/docs"
check "… says what would be" complains 'cluster edge-berlin would be managed by omniops (dry run)'
check "… and writes nothing" diff "$room/before" <(dump)
check "a cluster is adopted" exits 0 omniops adopt --omni "$omni" edge-berlin staging "$room/docs"
check "… and what stays unmanaged is listed" complains 'ConfigPatches.omni.sidero.dev(500-nameless) is not declared: it stays as it is'
only_marks() { ! diff "$room/before" <(dump) | grep '^[<>]' | grep -vE '^> +(annotations:|omni.texashpc.com/(owner|applied-hash|template|lock): )'; }
check "… nothing but marks is written" only_marks
mark_of() { sed -n "s,^ *omni.texashpc.com/$3: ,,p" "$room/omni/$1.omni.sidero.dev/$2.yaml"; }
check "… the owner" test "$(mark_of Clusters edge-berlin owner)" = omniops
check "… the resource with an ID of its own" test "$(mark_of ConfigPatches 500-4f0e template)" = edge-berlin
check "… the lock that is declared" test "$(mark_of MachineSetNodes 0f5b7c1a-1111-4222-8333-444455557777 lock)" = template
check "… and the plan is empty as before" nothing_to_plan "$room/docs/edge-berlin.yaml"
check "a second time it is ours already" exits 0 omniops adopt --omni "$omni" edge-berlin "$room/docs"
check "… and says so" complains 'is already managed by omniops'
check "with differences: the plan, and its exit status" exits 2 omniops adopt --omni "$omni" alpha "$room/docs"
check "… is shown" says 'spec.machineallocation.machinecount: 2 -> 3'
check "… and nothing is written" test -z "$(mark_of Clusters alpha owner)"
sed -i 's/size: 3/size: 1/' "$room/docs/alpha.yaml"
check "with differences that are held: another one" exits 3 omniops adopt --omni "$omni" alpha "$room/docs"
check "another owner" exits 3 omniops adopt --omni "$omni" --owner other edge-berlin "$room/docs"
check "… is told what to do" complains 'omniops release --owner omniops edge-berlin'
sed -i 's/interval: 12h/interval: 6h/' "$room/docs/edge-berlin.yaml"
check "apply under another name is blocked" exits 1 omniops apply --omni "$omni" --owner other --yes "$room/docs/edge-berlin.yaml"
check "… and says whose it is" says 'is managed by "omniops", not by "other"'
sed -i 's/interval: 6h/interval: 12h/' "$room/docs/edge-berlin.yaml"
check "what is not declared" exits 1 omniops adopt --omni "$omni" nobody "$room/docs"
check "what is not there" exits 1 omniops adopt --omni "dir:$room/empty" beta "$room/docs"
check "… is told" complains 'to adopt: omniops apply makes it'
sed -i '/^    annotations:/a\        omni.sidero.dev/cluster-locked: ""' "$room/omni/Clusters.omni.sidero.dev/beta.yaml"
check "what is locked" exits 3 omniops adopt --omni "$omni" beta "$room/docs"
check "… is told" complains 'is locked in Omni'
sed -i '/cluster-locked/d' "$room/omni/Clusters.omni.sidero.dev/beta.yaml"
check "machine classes" exits 0 omniops adopt --omni "$omni" raw "$room/docs"
check "… carry our name" test "$(mark_of MachineClasses standard owner)" = omniops
sed -i '/managed-by-cluster-templates/d' "$room/omni/Clusters.omni.sidero.dev/gamma.yaml"
check "a cluster that was made by hand is adopted" exits 0 omniops adopt --omni "$omni" gamma "$room/docs"
check "… with Omni's own mark" grep -q managed-by-cluster-templates "$room/omni/Clusters.omni.sidero.dev/gamma.yaml"

check "release takes the name of the owner" exits 1 omniops release --omni "$omni" --owner other edge-berlin
check "released" exits 0 omniops release --omni "$omni" edge-berlin staging gamma raw ./examples/edge
check "… and said that it is declared still" complains 'it is still declared in examples/edge/edge-berlin.yaml'
without_locks() { grep -v '^ *omni.texashpc.com/lock: template$'; }
check "… the store is as before, without the mark that the first apply made" diff <(without_locks <"$room/before") <(dump)
check "… nobody's is nobody's" exits 0 omniops release --omni "$omni" edge-berlin
check "… as said" complains 'edge-berlin is managed by nobody'

# --- with an agent --------------------------------------------------------------------------------------------------------

fresh
by_hand
mkdir -p "$room/repo"
git init -q -b main "$room/repo"
cp "$room/docs/edge-berlin.yaml" "$room/docs/beta.yaml" "$room/repo"
commit "what Omni holds"
check "both are adopted" exits 0 omniops adopt --omni "$omni" --all "$room/repo"
cp -r "$room/omni" "$room/adopted"
agent_state() { sed -n 's/.*"state": "\([^"]*\)".*/\1/p' "$room/status/omni.$1.json" 2>/dev/null; }
is_in() { [ "$(agent_state "$1")" = "$2" ]; }
start_agent --source "git+file://$room/repo?ref=main"
check "an agent finds them in sync" within 20 is_in edge-berlin InSync
check "… and has nothing to write" bash -c "within() { :; }; ! diff -r '$room/adopted' '$room/omni' | grep '^[<>]' | grep -vE 'version|updated|applied-'"
python3 - "$room/repo/edge-berlin.yaml" <<'END'
import re, sys
text = open(sys.argv[1]).read()
open(sys.argv[1], "w").write(re.sub(r"    - name: from the web UI\n(?:      .*\n)+", "", text))
END
commit "the patch of the web UI is not wanted any more"
check "what was adopted leaves with its declaration" within 20 is_gone configpatches 500-4f0e
check "… what was not, stays" exists configpatches 500-nameless
check "beta is released" exits 0 omniops release --omni "$omni" beta
git -C "$room/repo" rm -q beta.yaml
commit "beta goes back to the web UI"
is_left() { exists clusters beta && ! ls "$room/status" | grep -q beta; }
check "… and left alone when nobody declares it" within 20 is_left
stop_agent

# --- over the wire --------------------------------------------------------------------------------------------------------

if ! cosi_build; then
	skip "over the wire" "it cannot be built: $(go_reason)"
	finish
fi
cosi_start one -tls -controllers || exit 1
export SSL_CERT_FILE=$cosi_ca OMNIOPS_OMNI_KEY_FILE=$cosi_key
omni=$cosi_endpoint
really() { cosi_ask "resources?type=$1.omni.sidero.dev${2:+&id=$2}"; }
for example in edge omnictl fleet; do
	check "$example is applied over the wire" exits 0 omniops apply --omni "$omni" --no-annotations --approve-all "examples/$example"
done
check "exported over the wire" exits 0 omniops export --omni "$omni" --all --out "$room/wire"
check "… the same bytes as from the directory" diff "$room/yaml/edge-berlin.yaml" "$room/wire/edge-berlin.yaml"
check "… plan to nothing" nothing_to_plan "$room/wire"
calls() { cosi_ask calls | grep -cE ' (Get|List) '; }
before=$(calls)
check "one cluster" exits 0 omniops export --omni "$omni" -o template alpha
check "… is read with few calls" test $(($(calls) - before)) -le 12
omni_patch() {
	printf 'metadata: {namespace: default, type: ConfigPatches.omni.sidero.dev, id: 500-own, labels: {omni.sidero.dev/cluster: staging}, annotations: {name: own}}\nspec: {data: "machine: {sysctls: {a: b}}"}\n' >"$room/own.yaml"
	cosi_order put --data-binary @"$room/own.yaml" >/dev/null && exits 0 omniops export --omni "$omni" --force staging --out "$room/wire" &&
		exits 0 omniops adopt --omni "$omni" staging "$room/wire" && really MachineLabels omniops:staging | grep -q 500-own
}
no_patch() { cosi_order destroy -d type=ConfigPatches.omni.sidero.dev -d id=500-own >/dev/null && ! really ConfigPatches 500-own 2>/dev/null | grep -q 500-own; }
resources() { for type in Clusters MachineSets MachineSetNodes ConfigPatches ExtensionsConfigurations KernelArgs; do really $type; done; }
resources >"$room/wire.before"
check "adopted over the wire" exits 0 omniops adopt --omni "$omni" edge-berlin staging "$room/wire"
check "… no resource of the cluster was written" diff "$room/wire.before" <(resources)
check "… the record stands beside it" grep -q 'omni.texashpc.com/owner: omniops' <(really MachineLabels omniops:edge-berlin)
check "… with the lock" grep -q 'omni.texashpc.com/lock:MachineSetNodes/0f5b7c1a-1111-4222-8333-444455557777: template' <(really MachineLabels omniops:staging)
check "a patch of one's own is adopted" omni_patch
check "… and destroyed by hand" no_patch
check "status tells whose it is" exits 0 omniops status --omni "$omni" -o json
check "… by name" says '"owner": "omniops"'
check "released over the wire" exits 0 omniops release --omni "$omni" edge-berlin staging
check "… no resource of the cluster was written" diff "$room/wire.before" <(resources)
no_record() { [ -n "$(really Clusters)" ] && ! really MachineLabels | grep 'id: omniops:'; }
check "… and the records are gone, with what they say about what is gone" no_record
finish
