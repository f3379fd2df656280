#!/bin/bash
# What a real Omni refuses: each case goes through `omniops apply` and has to come out at its file, line and field.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/rig/omni/lib.sh
work=$(mktemp -d)
trap 'omni_stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
omni_need "a real Omni refuses"
omni_start refusals || { fail "Omni starts"; finish; }
tree=$work/tree
mkdir "$tree"

omniops_as() { # key file, arguments…
	local key=$1
	shift
	omni_in "$OMNIOPS" "$@" --omni "$omni_endpoint" --omni-ca-file "$omni_ca" --omni-key-file "$key" </dev/null
}
apply_as() { (cd "$tree" && omniops_as "$1" apply --approve-all "${@:2}" .) >"$work/out" 2>&1; }

# refuses TEXT… [-- FLAG…]: apply ends with 1 and shows each text; then the tree is empty again
refuses() {
	local code=0 text texts=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		texts+=("$1")
		shift
	done
	[ $# -eq 0 ] || shift
	apply_as "${key:-$omni_key}" "$@" || code=$?
	rm -f "$tree"/*
	[ "$code" = 1 ] || { echo "exits $code"; cat "$work/out"; return 1; }
	for text in "${texts[@]}"; do
		grep -qF -- "$text" "$work/out" || { echo "does not say: $text"; cat "$work/out"; return 1; }
	done
}
takes() {
	local code=0
	apply_as "$omni_key" || code=$?
	rm -f "$tree"/*
	[ "$code" = 0 ] || cat "$work/out"
	return $code
}

# template NAME [TALOS [KUBERNETES]]: a cluster without machines; what stands on standard input belongs to the Cluster
template() {
	printf 'kind: Cluster\nname: %s\nkubernetes:\n  version: v%s\ntalos:\n  version: v%s\n' "$1" "${3:-1.35.5}" "${2:-1.13.4}"
	cat
	printf -- '---\nkind: ControlPlane\n---\nkind: Workers\n'
}
class() { # NAME, spec on standard input
	printf 'metadata:\n  namespace: default\n  type: MachineClasses.omni.sidero.dev\n  id: %s\nspec:\n' "$1"
	cat
}

for _ in $(seq 100); do
	omni_offers 1.13.4 1.36.1 && break
	sleep 0.1
done
chmod 600 "$omni_key"

# --- clusters ---------------------------------------------------------------------------------------------------------

template a 9.9.9 </dev/null >"$tree/c.yaml"
check "a Talos that is not offered" refuses "c.yaml:6:12: error: Cluster/a: talos.version: Omni does not offer Talos 9.9.9" "it offers 1.13.5" "[VersionNotOffered]"
template a 1.13.4 1.99.0 </dev/null >"$tree/c.yaml"
check "a Kubernetes that does not go with it" refuses "c.yaml:4:12: error: Cluster/a: kubernetes.version:" "[IncompatibleVersions]"
template a <<-END >"$tree/c.yaml"
	features:
	  backupConfiguration:
	    interval: 30m
END
check "an interval of backups" refuses "c.yaml:9:15: error: Cluster/a: features.backupConfiguration.interval:" "backup interval must be greater than 1h0m0s" "[OutOfRange]"
check "… no Cluster was made by all that" bash -c '[ -z "$1" ]' - "$(omni_ctl get clusters 2>/dev/null | tail -n +2)"
template b </dev/null >"$tree/c.yaml"
check "a good cluster is taken" takes
template b <<<'features: {diskEncryption: true}' >"$tree/c.yaml"
check "encryption that comes later" refuses "c.yaml:7:28: error: Cluster/b: features.diskEncryption:" "[ImmutableField]" "take the change back"
template b 1.12.8 </dev/null >"$tree/c.yaml"
check "an older Talos" refuses "c.yaml:6:12: error: Cluster/b: talos.version:" 'downgrading from version "1.13.4" to "1.12.8"' "[TalosDowngrade]"
template k 1.13.4 1.34.6 </dev/null >"$tree/c.yaml"
check "an older Kubernetes to begin with" takes
template k 1.13.4 1.36.1 </dev/null >"$tree/c.yaml"
check "two steps of Kubernetes at once" refuses "c.yaml:4:12: error: Cluster/k: kubernetes.version:" "[KubernetesUpgradePath]" "go from 1.34.6 up"

# --- machine sets -----------------------------------------------------------------------------------------------------

printf 'kind: Cluster\nname: c\nkubernetes: {version: v1.35.5}\ntalos: {version: v1.13.4}\n---\nkind: ControlPlane\nmachineClass:\n  name: nowhere\n  size: 3\n---\nkind: Workers\n' >"$tree/c.yaml"
check "a machine class that is nowhere" refuses "c.yaml:8:9: error: ControlPlane: machineClass.name:" "[MachineClassNotFound]"
check "… and no half of a cluster is left" bash -c '! grep -qw c' <<<"$(omni_ctl get clusters | awk '{print $3}')"
printf 'kind: Cluster\nname: d\nkubernetes: {version: v1.35.5}\ntalos: {version: v1.13.4}\n---\nkind: ControlPlane\nbootstrapSpec:\n  clusterUUID: bb874758-ee54-4d3b-bac3-4c8349737298\n  snapshot: a.snapshot\n---\nkind: Workers\n' >"$tree/c.yaml"
check "a backup of nobody" refuses "c.yaml:8:16: error: ControlPlane: bootstrapSpec.clusterUUID:" "[BootstrapRefused]"

# --- patches ----------------------------------------------------------------------------------------------------------

template e <<-END >"$tree/c.yaml"
	patches:
	  - name: a
	    inline:
	      machine:
	        network:
	          hostnam: x
	        sysctlz:
	          a: s3cr3t
END
check "unknown fields of a mapping, each at its own line" refuses "c.yaml:12:11: error: Cluster/e: patches[0].inline.machine.network.hostnam:" \
	"c.yaml:13:9: error: Cluster/e: patches[0].inline.machine.sysctlz:" "[UnknownPatchField]" -- --no-schema
check "… and the value stays secret" bash -c '! grep -v "^    " | grep -q s3cr3t' <"$work/out"
printf 'machine:\n  # a remark\n  network:\n    hostnam: x\n' >"$tree/p.txt"
template e <<-END >"$tree/c.yaml"
	patches:
	  - name: a
	    file: p.txt
END
check "an unknown field of a file, in that file" refuses "p.txt:4:5: error: Cluster/e: patches[0].file:" "[UnknownPatchField]" -- --no-schema
template e <<-END >"$tree/c.yaml"
	patches:
	  - name: a
	    inline: |
	      machine:
	        network:
	          hostnam: x
END
check "an unknown field of a text, at its line" refuses "c.yaml:12: error: Cluster/e: patches[0].inline.machine.network.hostnam:" -- --no-schema
{ printf 'machine:\n  env:\n'; head -c 1800000 /dev/urandom | base64 -w 70 | awk '{ print "    K" NR ": x" $0 }'; } >"$tree/p.txt"
template e <<-END >"$tree/c.yaml"
	patches:
	  - name: big
	    file: p.txt
END
check "a patch that is too big to be stored" refuses "c.yaml:9:11: error: Cluster/e: patches[0].file:" "[TooBigForOmni]" "1.5 MB"

# --- extensions, health checks ------------------------------------------------------------------------------------------

template e <<<'systemExtensions: [siderolabs/iscsi-tools, siderolabs/nope]' >"$tree/c.yaml"
check "an extension that does not exist" refuses "c.yaml:7:44: error: Cluster/e: systemExtensions[1]:" "[ExtensionNotAvailable]"
template e <<<'systemExtensions: [siderolabs/iscsi-tools, iscsi-tools]' >"$tree/c.yaml"
check "an extension twice" refuses "c.yaml:7:44: error: Cluster/e: systemExtensions[1]:" "[DuplicateItem]"
template Ee </dev/null | sed 's/^kubernetes:/&\n  healthchecks:\n    - name: pods\n      job: |\n        apiVersion: batch\/v1\n        kind: Job\n        metadata: {name: x}\n        spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}/' >"$tree/c.yaml"
check "a health check whose name is none for Kubernetes" refuses "c.yaml:5:7: error: Cluster/Ee: kubernetes.healthchecks[0].name:" "[InvalidName]" "idOverride"

# --- machine classes ----------------------------------------------------------------------------------------------------

printf '  autoprovision:\n    providerid: Proxmox\n    providerdata: "{cores: 1}"\n' | class made >"$tree/k.yaml"
check "a provider with capital letters" refuses "k.yaml:7:17: error: MachineClasses.omni.sidero.dev/made: spec.autoprovision.providerid:" "[ProviderUnknown]" "lower case only"
check "a provider is registered" omni_provider proxmox
cat <<-END >"$tree/k.yaml"
	apiVersion: omni.texashpc.com/v1alpha1
	kind: OmniMachineClass
	metadata:
	  name: made
	spec:
	  connectionRef:
	    name: omni
	  autoProvision:
	    providerID: proxmox
	    providerData:
	      cores: "4"
	      memory: 1024
END
check "data that the provider does not take, value by value" refuses "k.yaml:11:14: error: OmniMachineClass/made: spec.autoProvision.providerData.cores:" \
	"k.yaml:12:15: error: OmniMachineClass/made: spec.autoProvision.providerData.memory:" "providerData.disk_size:" \
	"providerData.storage_selector:" "must be at least 2048" "[ProviderData]"
printf '  matchlabels:\n    - a = b\n    - omni.sidero.dev/no-manual-allocation\n' | class lab >"$tree/k.yaml"
check "a selector with a label that is not for selectors" refuses "k.yaml:8:7: error: MachineClasses.omni.sidero.dev/lab: spec.matchlabels[1]:" "[InvalidSelector]"
{ printf '  autoprovision:\n    providerid: proxmox\n    kernelargs:\n      - '; head -c 300 /dev/zero | tr '\0' a; printf '\n    providerdata: "{cores: 1, memory: 4096, disk_size: 10, storage_selector: a}"\n'; } | class args >"$tree/k.yaml"
check "a kernel argument that is too long" refuses "k.yaml:9:9: error: MachineClasses.omni.sidero.dev/args: spec.autoprovision.kernelargs[0]:"
printf '  matchlabels:\n    - a = b\n' | class fine >"$tree/k.yaml"
check "a good class is taken" takes
printf '  autoprovision:\n    providerid: proxmox\n    providerdata: "{cores: 1, memory: 4096, disk_size: 10, storage_selector: a}"\n' | class fine >"$tree/k.yaml"
check "a class that changes its kind is not tried" refuses "changes between matchlabels and autoprovision"

# --- access -------------------------------------------------------------------------------------------------------------

check "an account that may only read" omni_account reader Reader
chmod 600 "$omni_dir/reader.key"
template f </dev/null >"$tree/c.yaml"
key=$omni_dir/reader.key
check "a role that is too low" refuses "c.yaml:1:1: error: Cluster/f:" "[RoleTooLow]" "has the role Reader here and needs Operator"
key=
finish
