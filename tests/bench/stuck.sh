# What one cluster that Omni does not let go costs the others: changes of nineteen clusters in Omni until they are undone, with
# and without a twentieth that is stuck in teardown, again and again in turns, so that what else the machine does is in both.
# And the same changes on the real Omni, of all kinds. Sourced by run.
# shellcheck shell=bash
. tests/rig/omni/lib.sh

TURNS=${TURNS:-10}

# --- one cluster is stuck -----------------------------------------------------------------------------------------------

stuck_manifest() { # name, with workers or not
	cat <<-END
	kind: Cluster
	name: $1
	kubernetes: {version: v1.35.1}
	talos: {version: v1.13.3}
	patches:
	  - name: tuning
	    inline: {machine: {sysctls: {net.core.somaxconn: "1024"}}}
	---
	kind: ControlPlane
	machineClass: {name: any, size: 3}
	---
	kind: Workers
	machineClass: {name: any, size: 4}
	END
	[ "$2" = without ] || printf -- '---\nkind: Workers\nname: extra\nmachineClass: {name: any, size: 2}\n'
}

stuck_commit() {
	git -C "$room/stuck" add -A
	git -C "$room/stuck" -c user.name=t -c user.email=t@example.com commit -qm "$1"
	kill -HUP "$agent"
}

stuck_state() { grep -q "\"state\": \"$1\"" "$room"/status/*.c20.json 2>/dev/null; }

stuck_until() { # SECONDS COMMAND…
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || { note "not in time: $*"; return 1; }
		sleep 0.05
	done
}

stuck_begin() {
	cosi_order hold -d type=MachineSets.omni.sidero.dev -d id=c20-extra >/dev/null
	stuck_manifest c20 without >"$room/stuck/c20.yaml"
	stuck_commit stuck
	stuck_until 30 stuck_state Progressing
}

stuck_end() {
	cosi_order release -d type=MachineSets.omni.sidero.dev -d id=c20-extra >/dev/null
	stuck_until 30 stuck_state InSync || return
	stuck_manifest c20 with >"$room/stuck/c20.yaml"
	stuck_commit free
	stuck_until 30 stuck_exists
}

stuck_exists() { cosi_ask "resources?type=MachineSets.omni.sidero.dev&id=c20-extra" | grep -q 'phase: running'; }

drift_program() {
	make -s B="$B" "$B/tests/rig/remote/drift" >/dev/null || { note "tests/rig/remote/drift cannot be built"; return 1; }
}

# Two changes of each of the others: microseconds, one a line.
stuck_measure() {
	local i
	for i in $(seq -f %02.0f 19); do
		COSI_ENDPOINT=$cosi_endpoint COSI_KEY=$cosi_key COSI_CA=$cosi_ca "$B/tests/rig/remote/drift" 2 \
			"200-cluster-c$i-tuning" "c$i-workers" any none || return
	done | awk '{ print $2 }'
}

stuck_fleet() {
	local i
	rm -rf "$room/stuck" "$room/status" "$room/cache"
	git init -q -b main "$room/stuck"
	for i in $(seq -f %02.0f 20); do stuck_manifest "c$i" with >"$room/stuck/c$i.yaml"; done
	git -C "$room/stuck" add -A
	git -C "$room/stuck" -c user.name=t -c user.email=t@example.com commit -qm first
	cosi_stop
	cosi_start stuck -tls -controllers -account ci:Operator || return
	cosi_order put --data-binary @- >/dev/null <<-END
	metadata: {namespace: default, type: MachineClasses.omni.sidero.dev, id: any}
	spec: {matchlabels: ["omni.sidero.dev/arch = amd64"]}
	END
	export SSL_CERT_FILE=$cosi_ca OMNIOPS_OMNI_KEY_FILE=$cosi_key OMNI_ENDPOINT=$cosi_endpoint
	"$B/omniops" agent --source "git+file://$room/stuck?ref=main" --interval 1h --http off --cache-dir "$room/cache" --gate critical \
		--log-format json --status-dir "$room/status" 2>"$room/log" &
	agent=$!
	wait_in_sync 20 120
}

median() { sort -n | awk '{ at[NR] = $1 } END { print at[int((NR + 1) / 2)] }'; }

bench_blocked() {
	local turn with without
	printf '\n%s\n' "Nineteen clusters of a COSI server, with and without a twentieth that is stuck in teardown"
	cosi_build || { note "the COSI server cannot be built: $(go_reason)"; return 0; }
	drift_program && stuck_fleet || return 0
	: >"$room/with" && : >"$room/without" && : >"$room/ratios"
	for ((turn = 0; turn < TURNS; turn++)); do
		stuck_measure >"$room/turn.without" && stuck_begin && stuck_measure >"$room/turn.with" && stuck_end || break
		cat "$room/turn.with" >>"$room/with" && cat "$room/turn.without" >>"$room/without"
		with=$(median <"$room/turn.with") without=$(median <"$room/turn.without")
		echo $((with * 1000 / without)) >>"$room/ratios"
	done
	percentiles "drift until corrected, nobody stuck" 1000 <"$room/without"
	percentiles "… one stuck" 1000 <"$room/with"
	median <"$room/ratios" | awk -v turns="$turn" '{ printf "  %-44s %.3f  median of %d turns  %s (1.05)\n", "the others with one stuck, p50 to p50", $1 / 1000,
		turns, $1 <= 1050 ? "met" : "MISSED" }'
	stop_agent
	cosi_stop
}

# --- the real Omni ------------------------------------------------------------------------------------------------------

drift_manifest() {
	cat <<-END
	kind: Cluster
	name: one
	kubernetes: {version: v1.35.5}
	talos: {version: v1.13.4}
	patches:
	  - name: tuning
	    inline: {machine: {sysctls: {net.core.somaxconn: "1024"}}}
	---
	kind: ControlPlane
	machines: [10011802-c798-4da7-a410-f09abb48c8d8]
	---
	kind: Workers
	name: fast
	machineClass: {name: any, size: 3}
	---
	kind: Workers
	name: fixed
	machines: [10021802-c798-4da7-a410-f09abb48c8d8]
	---
	metadata: {namespace: default, type: MachineClasses.omni.sidero.dev, id: any}
	spec: {matchlabels: ["omni.sidero.dev/arch = amd64"]}
	---
	metadata: {namespace: default, type: MachineClasses.omni.sidero.dev, id: spare}
	spec: {matchlabels: ["omni.sidero.dev/arch = amd64"]}
	END
}

bench_drift() {
	printf '\n%s\n' "The real Omni: changes of eight kinds until they are undone"
	omni_possible || { note "it cannot run here: $omni_reason"; return 0; }
	omni_build || { note "it cannot be built: $(go_reason)"; return 0; }
	drift_program && omni_start drift || return 0
	rm -rf "$room/drift" "$room/status" && mkdir "$room/drift" && drift_manifest >"$room/drift/one.yaml"
	# shellcheck disable=SC2086
	nsenter --target "$omni_pid" $omni_enter --net -- "$B/omniops" agent --omni "$omni_endpoint" --omni-ca-file "$omni_ca" \
		--omni-key-file "$omni_key" --source "dir:$room/drift" --http off --gate critical --log-format json \
		--status-dir "$room/status" 2>"$room/log" &
	agent=$!
	wait_in_sync 1 60 && omni_in env "COSI_ENDPOINT=$omni_endpoint" "COSI_CA=$omni_ca" "COSI_KEY=$omni_key" \
		"$B/tests/rig/remote/drift" 104 200-cluster-one-tuning one-fast spare 10021802-c798-4da7-a410-f09abb48c8d8 |
		awk '{ print $2 }' | percentiles "drift until corrected" 1000
	stop_agent
	omni_stop
}
