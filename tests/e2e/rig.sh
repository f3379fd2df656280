#!/bin/bash
# The servers that other tests lean on: they come up, do what they are there for, and leave nothing behind.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tap.sh
. tests/e2e/rig_lib.sh
. tests/rig/cosi/lib.sh
. tests/rig/omni/lib.sh
work=$(mktemp -d)
trap 'cosi_stop; omni_stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
export TMPDIR=$work # every process of ours has it in its command line

lacks() { # text, command…: succeeds, without this text
	local text=$1 output
	shift
	output=$("$@" 2>&1) || return
	echo "$output"
	! grep -qF -- "$text" <<<"$output"
}

# --- what is left -----------------------------------------------------------------------------------------------------

processes() { # the brackets are for this grep's own command line
	grep -lsz -- "[/]${work#/}" /proc/[0-9]*/cmdline 2>/dev/null
}

nothing_left() {
	local tries
	for tries in $(seq 100); do
		[ -n "$(processes)" ] || break
		sleep 0.05
	done
	if [ -n "$(processes)" ]; then
		for it in $(processes); do tr '\0' ' ' <"$it"; echo; done
		return 1
	fi
	find "$work" -mindepth 1 -not -name mounts | grep . && return 1
	cmp /proc/self/mountinfo "$work/mounts"
}

killed_shell() { # script: starts servers, writes `ready`; is killed, so that no trap of it runs
	bash -c "cd '$PWD' && $1 && touch '$work/ready' && sleep 60" >"$work/killed.log" 2>&1 &
	local shell=$! tries
	for tries in $(seq 600); do
		[ -e "$work/ready" ] && break
		sleep 0.05
	done
	kill -KILL "$shell"
	wait "$shell" 2>/dev/null
	[ -e "$work/ready" ] || cat "$work/killed.log"
	rm -rf "${work:?}/ready" "$work/killed.log" "$work"/cosi.* "$work"/omni.*
}

# --- the COSI server --------------------------------------------------------------------------------------------------

# omnictl at the COSI server
at_cosi() {
	OMNI_ENDPOINT=$cosi_endpoint SSL_CERT_FILE=$cosi_ca OMNI_SERVICE_ACCOUNT_KEY=$(cat "$cosi_key") HOME=$cosi_dir "$omnictl" "$@"
}

own_tests() {
	go_need cosi/cosi.test cosi/machines.test || return 1
	local name part folder=$go_dir
	for part in cosi machines; do
		for name in $("$folder/$part.test" -test.list .); do
			check "$part: $name" "$folder/$part.test" -test.run "^$name\$"
		done
	done
}

cosi_and_omnictl() {
	cosi_start fleet -tls -controllers -clusters 2 -machines 5 -account admin -account reader:Reader || { fail "cosi: it comes up"; return; }
	check "cosi: omnictl sees the fleet" says fleet-0001 at_cosi get clusters
	cosi_order reset
	check "cosi: omnictl has nothing to do for a loaded cluster" \
		test -z "$(at_cosi cluster template sync -f "$cosi_dir/templates/fleet-0000.yaml" 2>&1)"
	check "cosi: that took only reading" lacks Create cosi_ask counts
	check "cosi: omnictl deletes a cluster" at_cosi cluster template delete -f "$cosi_dir/templates/fleet-0000.yaml"
	check "cosi: none of its machines is left" lacks fleet-0000 cosi_ask 'resources?type=MachineSetNodes.omni.sidero.dev'
	cosi_key=$cosi_dir/reader.key
	check "cosi: a reader may not write" refused 'insufficient role: "Reader"' \
		at_cosi cluster template delete -f "$cosi_dir/templates/fleet-0001.yaml"
	cosi_stop
}

# --- Omni -------------------------------------------------------------------------------------------------------------

classes() {
	cat >"$work/label.yaml" <<-END
		metadata:
		  namespace: default
		  type: MachineClasses.omni.sidero.dev
		  id: only-in-one
		spec:
		  matchlabels: [a = b]
	END
	sed 's/only-in-one/made/; s/matchlabels:.*/autoprovision:/' "$work/label.yaml" >"$work/good.yaml"
	cat >>"$work/good.yaml" <<-END
		    providerid: proxmox
		    providerdata: |
		      cores: 4
		      memory: 8192
		      disk_size: 40
		      storage_selector: name == "vm_ssd"
	END
	sed 's/memory: 8192/memory: 512/' "$work/good.yaml" >"$work/small.yaml"
}

as() { # account, command…
	local omni_key=$omni_dir/$1.key
	shift
	"$@"
}

omni_alone() {
	check "omni: the factory's versions are known" says 1.13.5 omni_ctl get talosversions
	check "omni: more service accounts" omni_account reader Reader
	check "omni: one without any role" omni_account none None
	check "omni: an account that may administrate" as automation omni_ctl apply -f "$work/label.yaml"
	check "omni: a reader reads" as reader says only-in-one omni_ctl get machineclasses
	check "omni: a reader may not write" as reader refused 'insufficient role' omni_ctl delete machineclass only-in-one
	check "omni: no role, no reading" as none refused 'insufficient role' omni_ctl get machineclasses
	check "omni: a class needs its provider" refused 'failed to get provider' omni_ctl apply -f "$work/good.yaml"
	check "omni: a provider announces itself" omni_provider proxmox
	check "omni: its schema is held against classes" refused 'must be at least 2048' omni_ctl apply -f "$work/small.yaml"
	check "omni: what fits the schema is taken" omni_ctl apply -f "$work/good.yaml"
	check "omni: a provider's name is in lower case" refused 'must be lowercase' omni_provider Proxmox
}

omni_side_by_side() {
	omni_start two -cleartext || { fail "omni: another one comes up"; return; }
	check "omni: another one beside it has a state of its own" lacks only-in-one omni_ctl get machineclasses
	omni_use one
	check "omni: the first goes on" says only-in-one omni_ctl get machineclasses
	omni_stop two
	check "omni: also when the other is gone" says only-in-one omni_ctl get machineclasses
	check "omni: it is killed" omni_order kill
	check "omni: nobody is there then" refused 'connection refused' omni_ctl get machineclasses
	check "omni: and comes back" omni_order start
	check "omni: with what it had" says only-in-one omni_ctl get machineclasses
}

omni_without_agreement() {
	omni_start bare -no-eula -provided 2 || { fail "omni: one without the agreement comes up"; return; }
	check "omni: without the licence agreement every call is refused" refused 'EULA has not been accepted' omni_ctl get clusters
	check "omni: machines of a provider would have their links" says siderolink2: omni_in cat /proc/self/net/dev
}

omni_with_machines() {
	if ! omni_machines_possible; then
		skip "omni: emulated machines join" "$omni_reason"
	elif omni_start machines -machines 2; then
		check "omni: emulated machines join" test "$(omni_ctl get machinestatuses | grep -c MachineStatus)" = 2
	else
		fail "omni: emulated machines join"
	fi
}

# --- all --------------------------------------------------------------------------------------------------------------

cat /proc/self/mountinfo >"$work/mounts"
if cosi_build; then
	own_tests || fail "cosi: its own tests are built: $(go_reason)"
	killed_shell ". tests/rig/cosi/lib.sh && cosi_build && cosi_start lost"
	check "cosi: a killed test leaves no server behind" nothing_left
else
	skip "the COSI server" "$(go_reason)"
fi
if ! omni_possible; then
	skip "a real Omni server" "$omni_reason"
elif ! omni_build; then
	skip "a real Omni server" "it cannot be built: $(go_reason)"
else
	cosi_and_omnictl
	killed_shell ". tests/rig/omni/lib.sh && omni_possible && omni_build && omni_start lost"
	check "omni: a killed test leaves no server behind" nothing_left
	classes
	if omni_start one; then
		omni_alone
		omni_side_by_side
		omni_without_agreement
		omni_with_machines
	else
		fail "omni: it comes up"
	fi
	omni_stop
	rm -f "$work"/*.yaml
	check "nothing is left" nothing_left
fi
finish
