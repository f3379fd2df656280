#!/bin/bash
# Looking at resources: types in every spelling, several IDs, forms, and what is said when something does not exist.
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh

mkdir "$room/in"
class >"$room/in/class.yaml"
for name in one two; do cluster $name 2 >"$room/in/$name.yaml"; done
check "two clusters" exits 0 omniops apply --omni "$omni" "$room/in"

get() { "$OMNIOPS" get "$@" --omni "$omni"; }
for type in clusters cluster Clusters CLUSTERS Clusters.omni.sidero.dev; do check "the type $type" exits 0 get $type; done
for type in machinesets ms machine-sets machineclasses mc; do check "the type $type" exits 0 get $type; done
check "a table has a head and a line each" bash -c "[ \$('$OMNIOPS' get ms --omni '$omni' | wc -l) = 5 ]"
get ms >"$room/table"
check "its columns begin at the same place" awk '{ at = match($0, /[^ ]+ *$/); if (NR > 1 && at != before) exit 1; before = at }' "$room/table"
check "no line ends in blanks" bash -c "! grep -q ' \$' '$room/table'"
check "IDs are sorted" bash -c "awk 'NR>1{print \$3}' '$room/table' | LC_ALL=C sort -c"
check "several IDs" bash -c "[ \$('$OMNIOPS' get clusters two one --omni '$omni' | wc -l) = 3 ]"
check "a selector" bash -c "[ \$('$OMNIOPS' get ms -l omni.sidero.dev/cluster=one --omni '$omni' | wc -l) = 3 ]"
check "a selector that nothing fits: no lines, no error" bash -c "[ -z \"\$('$OMNIOPS' get ms -l omni.sidero.dev/cluster=no --omni '$omni')\" ]"
check "a wrong selector" exits 1 get ms -l 'a in ('
check "… is said with its place" complains selector
check "IDs and a selector are too much" exits 1 get ms one-workers -l a=b
check "YAML: as many documents as resources" bash -c "[ \$('$OMNIOPS' get ms -o yaml --omni '$omni' | grep -c '^---\$') = 3 ]"
check "YAML can be applied elsewhere" bash -c "'$OMNIOPS' get machineclasses -o yaml --omni '$omni' >'$room/mc.yaml' && '$OMNIOPS' apply --omni 'dir:$room/other' '$room/mc.yaml'"
check "JSON is JSON, object by object" python3 - "$OMNIOPS" "$omni" <<'END'
import json, subprocess, sys
text = subprocess.run([sys.argv[1], "get", "machinesets", "-o", "json", "--omni", sys.argv[2]], capture_output=True, text=True, check=True).stdout
decoder, found = json.JSONDecoder(), []
while text.strip():
    item, end = decoder.raw_decode(text.lstrip())
    text = text.lstrip()[end:]
    found.append(item)
assert [x["metadata"]["id"] for x in found] == ["one-control-planes", "one-workers", "two-control-planes", "two-workers"], found
first = found[0]["metadata"]
assert first["phase"] == "running" and first["version"] == 1 and first["owner"] == "", first
assert first["labels"]["omni.sidero.dev/cluster"] == "one" and first["labels"]["omni.sidero.dev/role-controlplane"] == "", first
assert found[0]["spec"]["machineallocation"]["machinecount"] == 3, found[0]["spec"]
END
check "an ID that does not exist" exits 1 get clusters nobody
check "… is named" complains 'Clusters.omni.sidero.dev(nobody) does not exist'
check "one of two does not exist: an error" exits 1 get clusters nobody one
check "… but the other is shown" says one
check "an unknown type" exits 1 get clustrs
check "… brings the near ones" complains 'Clusters'
check "… and only those" bash -c "! grep -q MachineClasses '$room/err'"
check "a beginning that fits several types" exits 1 get machin
check "… names them" complains MachineSetNodes
check "nothing near: all types" exits 1 get zebra
check "… are listed" bash -c "grep -q Clusters '$room/err' && grep -q MachineClasses '$room/err'"
check "an unknown form" exits 1 get clusters -o toml
check "… lists the known ones" complains 'table, yaml or json'
finish
