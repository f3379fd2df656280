#!/bin/bash
# Clusters that omnictl made on a real Omni, by chance from everything that a template can say (CLUSTERS=50 SEED=1), and some
# that were made by hand: what omniops exports of them plans to nothing, in every form, and omnictl's sync of it writes nothing.
# Adopting and releasing them write no resource of theirs.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh
. tests/e2e/omni_pair.sh
omni_need "exports of a real Omni"
omni_start one && omni_provider proxmox || { echo "Bail out! the server does not come up"; exit 1; }
made=$room/fleet/00

"$omni_rig" templates -seed "${SEED:-1}" -clusters "${CLUSTERS:-50}" -classes any,other,made -dir "$room/fleet"
names=$(cd "$made" && ls ./*.yaml | sed 's,^\./,,; s,\.yaml$,,')
pair_classes >"$room/classes.yaml"
# shellcheck disable=SC2086
omni_ctl apply -f "$room/classes.yaml" && omni_tool secrets $names by-hand || fail "the server is prepared"
check "omnictl makes ${CLUSTERS:-50} clusters" ctl "$made" cluster template sync -f ./

# As the web UI does: no mark of templates, patches with IDs of their own.
cat >"$room/by-hand.yaml" <<'END'
metadata: {namespace: default, type: Clusters.omni.sidero.dev, id: by-hand, labels: {team: home}}
spec: {kubernetesversion: 1.34.3, talosversion: 1.12.4, features: {enableworkloadproxy: true}}
---
metadata: {namespace: default, type: MachineSets.omni.sidero.dev, id: by-hand-control-planes, labels: {omni.sidero.dev/cluster: by-hand, omni.sidero.dev/role-controlplane: ""}}
spec: {updatestrategy: 1, machineallocation: {name: any, machinecount: 3}}
---
metadata: {namespace: default, type: MachineSets.omni.sidero.dev, id: by-hand-workers, labels: {omni.sidero.dev/cluster: by-hand, omni.sidero.dev/role-worker: ""}}
spec: {updatestrategy: 1, updatestrategyconfig: {rolling: {maxparallelism: 2}}}
---
metadata: {namespace: default, type: MachineSetNodes.omni.sidero.dev, id: 0f5b7c1a-9999-4222-8333-444455556666, labels: {omni.sidero.dev/cluster: by-hand, omni.sidero.dev/role-worker: "", omni.sidero.dev/machine-set: by-hand-workers}, annotations: {omni.sidero.dev/locked: ""}}
spec: {}
---
metadata: {namespace: default, type: ConfigPatches.omni.sidero.dev, id: 500-0a1b2c3d, labels: {omni.sidero.dev/cluster: by-hand, omni.sidero.dev/machine-set: by-hand-workers}, annotations: {name: User defined patch, description: ""}}
spec:
  data: |
    # made in the web UI
    machine:
      sysctls:
        net.core.somaxconn: "1024"
---
metadata: {namespace: default, type: ExtensionsConfigurations.omni.sidero.dev, id: schematic-by-hand, labels: {omni.sidero.dev/cluster: by-hand}}
spec: {extensions: [siderolabs/iscsi-tools]}
---
metadata: {namespace: default, type: KernelArgs.omni.sidero.dev, id: 0f5b7c1a-9999-4222-8333-444455556666}
spec: {args: [console=ttyS0]}
END
check "omnictl makes one as the web UI does" omni_ctl apply -f "$room/by-hand.yaml"

all_said() { ! grep '^omniops: warning' "$room/err" | grep -vE 'looks secret|cluster by-hand: KernelArgs'; }
omni_account reader Reader
as_reader() { (omni_key=$omni_dir/reader.key && "$@"); }
for form in yaml template; do
	check "all are exported as $form by a reader" as_reader exits 0 ops export --all -o $form --out "$room/$form"
	check "… with everything said but what was made by hand" all_said
	check "… all of them" test "$(ls "$room/$form" | wc -l)" = $(($(wc -w <<<"$names") + 2))
	rm -f "$room/$form/by-hand.yaml"
	check "… which plan to nothing" nothing_to_plan "$room/$form"
done
rm "$room/template/machine-classes.yaml"
check "omnictl's sync of the templates writes nothing" writes_nothing ctl "$room/template" cluster template sync -f ./
same_again() { ops export --all --out "$room/again" 2>/dev/null && rm "$room/again/by-hand.yaml" && diff -r "$room/yaml" "$room/again"; }
check "the same bytes a second time" same_again

# What is in objects says what it loses.
check "custom resources in any case" exits 0 ops export -o objects --all --out "$room/objects"
loses() { # CLUSTER: what its plan would do is what was told
	ops plan -o json "$room/objects/$1.yaml" "$room/objects/machine-classes.yaml" >"$room/lossy.json" 2>/dev/null
	python3 - "$room/lossy.json" "$room/objects/$1.yaml" <<'END'
import json, re, sys
head = re.match(r"(?:#.*\n)*", open(sys.argv[2]).read()).group(0)
told = set(re.findall(r"^#   - (\S+)\((.*?)\): .*a plan would", head, re.M))
try:
    operations = json.load(open(sys.argv[1]))["operations"]
except ValueError:
    sys.exit(0 if "are refused" in head else "refused, and not told")
done = {(o["type"], o["id"]) for o in operations}
print(len(done), "operations")
sys.exit(0 if done <= told else f"not told: {sorted(done - told)}")
END
}
for name in $(head -n 8 <<<"$names"); do check "… of $name, all that a plan would change is told" loses "$name"; done
check "… which is something" grep -rq 'a plan would' "$room/objects"

# By hand.
check "the one made by hand" exits 0 ops export --without-classes by-hand
cp "$room/out" "$room/yaml/by-hand.yaml"
check "… says the patch of the web UI" says 'idOverride: 500-0a1b2c3d'
check "… with its comment" says '# made in the web UI'
check "… and what stays unsaid" says '#   - KernelArgs.omni.sidero.dev(0f5b7c1a-9999-4222-8333-444455556666): was set by hand, not by a template'
check "… only Omni's mark is missing" says 'adds the annotation omni.sidero.dev/managed-by-cluster-templates, and nothing else'

# Whose they are.
# shellcheck disable=SC2086
check "all but the one by hand are adopted without a write" writes_nothing ops adopt $names "$room/yaml"
check "the last one" exits 0 ops adopt by-hand "$room/yaml"
omni_ctl get clusters by-hand -o yaml >"$room/marked"
check "… has Omni's mark now" grep -q managed-by-cluster-templates "$room/marked"
check "… and none of ours where omnictl looks" exits 1 grep texashpc "$room/marked"
check "… and its plan is empty" nothing_to_plan "$room/yaml/by-hand.yaml" "$room/yaml/machine-classes.yaml"
check "omnictl still has nothing to do" writes_nothing ctl "$room/template" cluster template sync -f ./
check "there is a record for each" test "$(omni_ctl get machinelabels | grep -c ' omniops:')" = $(($(wc -w <<<"$names") + 1))
# shellcheck disable=SC2086
check "all are released without a write" writes_nothing ops release $names by-hand
check "… and no record is left" test "$(omni_ctl get machinelabels | grep -c ' omniops:')" = 0
finish
