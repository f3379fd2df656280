#!/bin/bash
# Declarations mean the same whichever way they come: what an API server made of them, read back with kubectl, renders to
# the bytes of the files. What kubectl and JSON themselves change is named.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/rig/kube/lib.sh
room=$(mktemp -d)
trap 'kube_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM

kube_need "what comes from an API server renders to the same bytes"
if ! kube_start same || ! kube_define; then
	fail "the definitions are served"
	finish
fi
kube_ctl create namespace omni-system >"$room/log"

rendered() { "$OMNIOPS" render -o resources "$1" >"$2"; }

# same PATH COMMAND…: the files, and what became of them; both stay in $room
same() {
	local path=$1
	shift
	kube_ctl "$@" -f "$path" >"$room/log" 2>&1 || { cat "$room/log"; return 1; }
	kube_ctl get omni --all-namespaces -o yaml >"$room/read.yaml" && kube_ctl get omni --all-namespaces -o json >"$room/read.json"
	kube_ctl delete -f "$path" >"$room/log" 2>&1
	rendered "$path" "$room/files" && rendered "$room/read.yaml" "$room/server" && rendered "$room/read.json" "$room/json" || return
	[ -s "$room/files" ] && cmp "$room/server" "$room/json" && diff "$room/files" "$room/server"
}

check "an edge cluster" same examples/edge create
check "… applied" same examples/edge apply
check "… applied by the server" same examples/edge apply --server-side
check "a fleet" same examples/fleet apply
check "workers and machines" same examples/homelab/kubernetes apply --server-side

# --- values that are read in more than one way --------------------------------------------------------------------------

odd() { # values of extraConfig
	cat <<-END
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniCluster
	metadata: {name: odd, namespace: default}
	spec:
	  connectionRef: {name: main}
	  kubernetes:
	    version: v1.35.1
	    manifests:
	      - name: m
	        inline:
	          - apiVersion: v1
	            kind: ConfigMap
	            metadata: {name: a, namespace: default}
	            data: {"on": "yes", a: "1.0", lines: "a\nb\n\n", signs: "é😀\t\u00a0", long: "$(printf '%0300d' 0)"}
	  talos: {version: v1.13.3}
	  patches:
	    - name: one
	      inline:
	        machine:
	          sysctls: {a: "1", b: "0x10", c: "1e3", d: "true", e: "null", f: "~", g: "2026-01-01"}
	          files: [{path: /var/x, op: create, permissions: 0o644, content: "text\n more\n"}]
	          kubelet:
	            extraConfig: {$1}
	---
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniControlPlane
	metadata: {name: odd, namespace: default}
	spec: {clusterRef: {name: odd}, machineClass: {name: any, size: 3}}
	---
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniMachineClass
	metadata: {name: any, namespace: default}
	spec:
	  connectionRef: {name: main}
	  autoProvision: {providerID: proxmox, providerData: {cores: 4, ratio: 1.0, big: 9007199254740993, none: {}, off: off}}
	END
}

odd 'a: 1.0, b: 1e3, c: 0.1, d: -0.0, e: 1.5e300, f: .5, g: 1.10, h: 9007199254740993, i: 9223372036854775807,
	j: -9223372036854775808, k: 0x1F, l: 010, m: 1_000, o: 2026-01-01, p: off, q: yes, r: {}, s: [], t: "", u: 1e21, v: 1e-7' \
	>"$room/odd.yaml"
for how in create apply 'apply --server-side'; do
	# shellcheck disable=SC2086
	check "numbers, words and signs: $how" same "$room/odd.yaml" $how
done

odd 'a: null, b: {c: ~}' >"$room/nulls.yaml"
check "a null stays" same "$room/nulls.yaml" apply --server-side
loses() { # text of the files, text of the server
	! same "$path" apply >"$room/difference" && grep -q -- "^< .*$1" "$room/difference" && { [ -z "$2" ] || grep -q -- "^> .*$2" "$room/difference"; }
}
path=$room/nulls.yaml
check "… but kubectl apply leaves it out" loses 'a: null' ''
odd 'a: 12345678901234567890' >"$room/long.yaml"
path=$room/long.yaml
check "a number above 9223372036854775807 is rounded on the way" loses 'a: 12345678901234567890' 'a: 12345678901234567'
finish
