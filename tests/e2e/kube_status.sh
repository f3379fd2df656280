#!/bin/bash
# Statuses on a real API server: ours and those that the Go operator wrote are taken as they are, and nothing of them is lost;
# a new object is not taken for done; the columns of `kubectl get` show what they are for.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/rig/kube/lib.sh
trap kube_stop EXIT
trap 'exit 1' INT TERM

kube_need "a real API server takes the statuses"
if ! kube_start status || ! kube_define; then
	fail "the definitions are served"
	finish
fi
work=$kube_dir
kube_ctl create namespace omni >"$work/applied"

spec_of() { # kind
	case $1 in
	OmniConnection) echo '{"endpoint": "https://omni.example.com", "auth": {"serviceAccountSecretRef": {"name": "key"}}}' ;;
	OmniCluster) echo '{"connectionRef": {"name": "lab"}, "kubernetes": {"version": "v1.36.1"}, "talos": {"version": "v1.13.5"}}' ;;
	OmniMachine) echo '{"clusterRef": {"name": "harbor"}, "machineID": "10031802-c798-4da7-a410-f09abb48c8d8"}' ;;
	*) echo '{"clusterRef": {"name": "harbor"}, "machineClass": {"name": "small", "size": 3}}' ;;
	esac
}

# Everything is made in one request; the objects have the names of their cases.
manifests() { # file with a status for each case, filter for it
	local folder kind
	for folder in tests/golden/conditions/*/; do
		kind=$(jq -r .kind "$folder/recorded.json")
		jq -n --arg kind "$kind" --arg name "$(basename "$folder")" --argjson spec "$(spec_of "$kind")" \
			--slurpfile status "$folder/$1" '{apiVersion: "omni.texashpc.com/v1alpha1", kind: $kind,
			metadata: {$name, namespace: "omni"}, $spec, status: ($status[0] | '"$2"')}'
	done
}

statuses() { jq -cS '.items[] | [.kind, .metadata.name, .status]' | sort; }

taken() { # file, filter: what comes back is what was written, and the server did not warn of a field that it drops
	local kinds=omniconnections,omniclusters,omnicontrolplanes,omniworkers,omnimachines
	manifests "$1" "$2" >"$work/objects.json"
	kube_ctl replace --subresource=status --validate=strict -f "$work/objects.json" >"$work/replaced" 2>&1 || {
		cat "$work/replaced"
		return 1
	}
	! grep -i warning "$work/replaced" || return 1
	jq -cS '[.kind, .metadata.name, .status]' "$work/objects.json" | sort >"$work/written"
	kube_ctl -n omni get "$kinds" -o json | statuses | diff "$work/written" -
}

manifests recorded.json null >"$work/objects.json"
check "objects are created" kube_ctl create -f "$work/objects.json"

unseen() { [ "$(kube_ctl -n omni get omnicluster cluster-ready -o 'jsonpath={.status}')" = '{"observedGeneration":-1}' ]; }
check "a new object says that nobody has seen it" unseen

check "what the Go operator wrote fits our definitions" taken recorded.json .after
check "what we write does, too" taken expected.json .

shows() { # resource, name, columns as a regular expression
	kube_ctl -n omni get "$1" "$2" >"$work/shown" && grep -E "^$2 +$3" "$work/shown" && return
	cat "$work/shown"
	return 1
}
check "a cluster's line says how it is" shows ocl cluster-patched 'harbor +v1.36.1 +v1.13.5 +False +StatusFailed +RUNNING +4/5 '
check "a connection's line says what answers" shows oconn connection-ready 'https://omni.example.com +True +ConnectionReady +v1.9.3 '
check "a part's line says whose it is" shows ocp part-without-cluster 'harbor +small +3 +False +MissingCluster '

check "a cluster that is ready can be waited for" kube_ctl -n omni wait --for=condition=Ready --timeout=5s omnicluster/cluster-ready
not_waited() { ! kube_ctl -n omni wait --for=condition=Ready --timeout=1s omnicluster/cluster-refused; }
check "one that was refused is not ready" not_waited
finish
