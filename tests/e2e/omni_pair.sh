# For tests that compare omniops with omnictl: . tests/tap.sh; . tests/e2e/lib.sh; . tests/e2e/omni_pair.sh
# Two real Omni servers, `theirs` for omnictl and `ours` for omniops. Everything here works on the one that is in use:
#
#   pair_start                 both, with the provider that the classes of machines want, or the reason to skip
#   on SERVER COMMAND…         uses that server for one command
#   ops ARGUMENT…              omniops as a person uses it with this Omni 1.9
#   ctl DIR ARGUMENT…          omnictl in this folder, where templates and their files are
#   pair_classes               machine classes for clusters by chance, as raw resources
#   equal                      both hold the same: specs byte by byte, labels, annotations
# shellcheck shell=bash
. tests/rig/omni/lib.sh
trap 'omni_stop; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM
export TMPDIR=$room

pair_start() {
	if ! omni_possible; then
		pair_reason=$omni_reason
	elif ! omni_build; then
		pair_reason="it cannot be built: $(go_reason)"
	else
		omni_start theirs && omni_provider proxmox && omni_start ours && omni_provider proxmox && return
		echo "Bail out! the servers do not come up"
		exit 1
	fi
	return 1
}

pair_classes() {
	cat <<-END
		metadata: {namespace: default, type: MachineClasses.omni.sidero.dev, id: any}
		spec: {matchlabels: ["omni.sidero.dev/arch = amd64"]}
		---
		metadata: {namespace: default, type: MachineClasses.omni.sidero.dev, id: other}
		spec: {matchlabels: ["omni.sidero.dev/arch = arm64, omni.sidero.dev/cores >= 4", "zone"]}
		---
		metadata: {namespace: default, type: MachineClasses.omni.sidero.dev, id: made}
		spec:
		  autoprovision:
		    providerid: proxmox
		    providerdata: |
		      cores: 4
		      memory: 8192
		      disk_size: 40
		      storage_selector: name == "vm_ssd"
	END
}

on() { (omni_use "$1" && shift && "$@"); }

ops() {
	local verb=$1 flags=
	shift
	case $verb in plan | apply) flags="--timeout 300s" ;; esac
	# shellcheck disable=SC2086
	omni_in "$OMNIOPS" "$verb" $flags --omni "$omni_endpoint" --omni-key-file "$omni_key" --omni-ca-file "$omni_ca" "$@"
}

ctl() { (cd "$1" && shift && omni_limit=300 omni_ctl "$@"); }

silent() { # command…: succeeds and prints nothing
	local output
	output=$("$@" 2>&1) || { echo "$output"; return 1; }
	[ -z "$output" ] || { echo "$output" | head -n 100; return 1; }
}

equal() {
	on theirs omni_tool dump >"$room/theirs.dump" && on ours omni_tool dump >"$room/ours.dump" || return 1
	[ -s "$room/theirs.dump" ] || [ "${1:-}" = empty ] || { echo "there is nothing"; return 1; }
	diff -u "$room/theirs.dump" "$room/ours.dump"
}

# Omni's controllers add finalizers a moment later, and write versions then. With `records=yes` ours count, too.
quiet() {
	local tries
	: >"$room/quiet"
	for tries in $(seq 100); do
		omni_tool dump -versions ${records:+-records} >"$room/quiet.new"
		cmp -s "$room/quiet.new" "$room/quiet" && return
		mv "$room/quiet.new" "$room/quiet"
		sleep 0.2
	done
	echo "Omni does not come to rest"
	return 1
}

writes_nothing() { # command…: no resource gets another version
	quiet || return
	cp "$room/quiet" "$room/before"
	"$@" >"$room/out" 2>&1 || { cat "$room/out"; return 1; }
	quiet && diff -u "$room/before" "$room/quiet"
}

# We write long content as it is, omnictl compresses it: the same text, but not to omnictl's sync.
writes_only_compressed() { # command…
	if writes_nothing "$@" >"$room/writes"; then
		echo "long contents were not written again"
		return 1
	fi
	grep '^[-+][A-Z]' "$room/writes" | sed 's/ compressed$//; s/^-\(.*\) [0-9]*$/\1/; s/^+\(.*\) [0-9]*$/\1/' | sort | uniq -c | grep -v '^ *2 ' && return 1
	! grep '^+[A-Z]' "$room/writes" | grep -v ' compressed$'
}

nothing_to_plan() { exits 0 ops plan "$@" && says "No changes"; }
