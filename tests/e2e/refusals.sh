#!/bin/bash
# What Omni refuses, as people see it: at the object, the field and the line that caused it, by the commands and the agent.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/lib.sh

# shown TEXT…: each stands in the errors
shown() {
	local text
	for text in "$@"; do complains "$text" || return 1; done
}
# in_json PATH VALUE: of what was printed, by a path such as diagnostics.0.line
in_json() {
	python3 - "$room/out" "$1" "$2" <<-'END'
	import json, sys
	at = json.load(open(sys.argv[1]))
	for step in sys.argv[2].split("."):
	    at = at[int(step)] if isinstance(at, list) else at[step]
	if str(at) != sys.argv[3]:
	    sys.exit("%s is %s" % (sys.argv[2], at))
	END
}
nothing_written() { ! omniops get clusters --omni "$omni" 2>/dev/null | grep -q "$1"; }

mkdir "$room/tree"
cluster one 2 >"$room/tree/one.yaml"
class >"$room/tree/class.yaml"

# --- known before -----------------------------------------------------------------------------------------------------

sed -i '0,/name: any, size: 2/s//name: anny, size: 2/' "$room/tree/one.yaml"
check "plan: a class that is nowhere blocks" exits 3 omniops plan --omni "$omni" "$room/tree"
check "… at its place" shown "one.yaml:22:24: error: OmniWorkers/one-workers: spec.machineClass.name: there is no machine class \"anny\"" \
	"[MachineClassNotFound]"
check "… with the line, a caret and what was meant" shown "  machineClass: {name: anny, size: 2}" "^" 'hint: did you mean "any"?'
check "plan: the reason stands in the plan, too" says "Blocked: OmniWorkers/one-workers: spec.machineClass.name"
check "apply: the same is an error" exits 1 omniops apply --omni "$omni" "$room/tree"
check "… and no half of a cluster is left" nothing_written one
sed -i 's/name: anny/name: any/' "$room/tree/one.yaml"
check "mended, it is applied" exits 0 omniops apply --omni "$omni" "$room/tree"

# --- refused ----------------------------------------------------------------------------------------------------------

sed -i 's/talos: {version: v1.13.3}/talos: {version: v1.12.0}/' "$room/tree/one.yaml"
check "apply: a refusal is an error" exits 1 omniops apply --omni "$omni" "$room/tree"
check "… at its place, with a hint" shown "one.yaml:7:20: error: OmniCluster/one: spec.talos.version: Omni refuses to update Clusters.omni.sidero.dev(one)" \
	"[TalosDowngrade]" "  talos: {version: v1.12.0}" "hint: 1.13.3 is the lowest minor version" "0 applied, 0 held, 1 failed"
sed -i 's/kubernetes: {version: v1.35.1}/kubernetes: {version: v1.37.0}/' "$room/tree/one.yaml"
check "two faults are two diagnostics" exits 1 omniops apply --omni "$omni" "$room/tree"
check "… each at its field" shown "one.yaml:7:20: error: OmniCluster/one: spec.talos.version" \
	"one.yaml:6:25: error: OmniCluster/one: spec.kubernetes.version" "[KubernetesUpgradePath]"
check "-o json: the same for programs" exits 1 omniops apply -o json --omni "$omni" "$room/tree"
check "… what became of the unit" in_json units.1.result failed
check "… the code" in_json diagnostics.0.code TalosDowngrade
check "… the line" in_json diagnostics.0.line 7
check "… the field" in_json diagnostics.1.path spec.kubernetes.version
check "-o json: nothing to do is said" exits 0 omniops apply -o json --omni "$omni" "$room/tree/class.yaml"
check "… as unchanged" in_json units.0.result unchanged
check "-o: no other form" exits 1 omniops apply -o sarif --omni "$omni" "$room/tree"

# --- the agent --------------------------------------------------------------------------------------------------------

repository two
sed -i '0,/name: any, size: 2/s//name: anny, size: 2/' "$room/repo/two.yaml"
commit "a class that is nowhere"
port=$(free_port)
start_agent --source "git+file://$room/repo?ref=main" --http "127.0.0.1:$port"
state_has() { cp "$room/status/main.two.json" "$room/out" && says "$1"; }
check "agent: what it would refuse is Failed" within 10 is_state two Failed
check "… which is JSON" python3 -m json.tool "$room/status/main.two.json"
check "… with the place in the state" within 5 state_has '"code": "MachineClassNotFound"'
check "… and in the message" state_has "cannot be applied: two.yaml:22:24: OmniWorkers/two-workers: spec.machineClass.name: there is no"
check "… and in the log" within 5 grep -q 'refused.*two.yaml.*MachineClassNotFound' "$room/log"
page_has() { curl -sf "http://127.0.0.1:$port/" >"$room/out" && says "$1"; }
check "… and on the page" page_has "two.yaml:22:24"
check "… and nothing was written" nothing_written two
sed -i 's/name: anny/name: any/' "$room/repo/two.yaml"
commit mended
check "agent: mended, it goes on" within 20 is_state two InSync
state_lacks() { ! grep -q "$1" "$room/status/main.two.json"; }
check "… and the errors are gone" within 5 state_lacks '"errors"'
check "the state is JSON" python3 -m json.tool "$room/status/main.two.json"
sed -i 's/talos: {version: v1.13.3}/talos: {version: v1.12.0}/' "$room/repo/two.yaml"
commit down
check "agent: a refusal is located, too" within 20 state_has '"code": "TalosDowngrade"'
check "… in the message" state_has "Invalid: two.yaml:7:20: OmniCluster/two: spec.talos.version: Omni refuses to update"
stop_agent
finish
