# In a cluster: the fleet as custom resources on a real API server, 25 objects per cluster; the agent beside a program with
# client-go's informers that caches the same objects and does nothing, the least that a controller in Go needs. Omni is a COSI
# server. Sourced by run.
# shellcheck shell=bash
. tests/rig/kube/lib.sh

kube_agent() {
	omni_port=$(free_port) || return
	"$B/omniops" agent --source 'kubernetes:?namespace=fleet' --kubeconfig "$kube_config" --http "127.0.0.1:$omni_port" \
		--cache-dir "$room/cache" --log-format json --status-dir "$room/status" --annotate-after 1h 2>"$room/log" &
	agent=$!
}

kube_informer() {
	local result
	: >"$room/informer"
	"$kube_bench" informer "$kube_config" fleet >"$room/informer" &
	agent=$!
	until result=$(sed -n 's/^synchronised //p' "$room/informer") && [ -n "$result" ]; do
		kill -0 "$agent" || return
		sleep 0.05
	done
	sleep 2
	kube_row "client-go's informers, nothing else" "$result"
	stop_agent
}

kube_row() { # TEXT, milliseconds until synchronised
	awk -v text="$1" -v ms="$2" -v cpu="$(omni_cpu_us)" -v kib="$(agent_kib)" 'BEGIN {
		printf "  %-44s %8.1f s until synchronised, %6.0f ms of CPU, %6.1f MiB\n", text, ms / 1000, cpu / 1000, kib / 1024 }'
}

kube_synced() { # milliseconds from the start until every object was read and rendered
	local begin_us=${EPOCHREALTIME/./}
	until grep -q '"new revision"' "$room/log"; do
		kill -0 "$agent" && [ $((${EPOCHREALTIME/./} - begin_us)) -lt 120000000 ] || return
		sleep 0.02
	done
	echo $(((${EPOCHREALTIME/./} - begin_us) / 1000))
}

kube_writes() { kube_count 'create|update|patch|delete'; }

kube_wait_quiet() { # until nothing was written for two seconds, here and there
	local before
	while before="$(kube_writes) $(omni_calls)" && sleep 2 && [ "$(kube_writes) $(omni_calls)" != "$before" ]; do :; done
}

kube_idle() {
	local cpu calls writes seconds=$IDLE_SECONDS
	kube_mark
	calls=$(omni_calls) cpu=$(omni_cpu_us)
	sleep "$seconds"
	calls=$(($(omni_calls) - calls)) writes=$(kube_writes)
	note "then nothing happens for $seconds s: $writes writes to the API server and $calls calls of Omni" \
		"($(per_hour "$writes" "$seconds") and $(per_hour "$calls" "$seconds") per hour)," \
		"$(awk -v us=$(($(omni_cpu_us) - cpu)) -v s="$seconds" 'BEGIN { printf "%.1f", us / 1000 / s }') ms of CPU per second (budget 2)," \
		"$(awk -v kib="$(agent_kib)" 'BEGIN { printf "%.1f", kib / 1024 }') MiB (budget 48)"
}

# From the moment when the API server had it until Omni was asked to write it.
kube_changes() {
	local i taken names=()
	for ((i = 0; i < SAMPLES; i++)); do
		names+=("$(printf 'cluster-%04d' $((i * 7 % CLUSTERS)))")
	done
	coproc "$kube_bench" change "$kube_config" fleet "${names[@]}"
	for ((i = 0; i < SAMPLES; i++)); do
		omni_await
		echo >&"${COPROC[1]}"
		read -r taken <&"${COPROC[0]}" || break
		omni_written "$taken" || return
		sleep 0.5
	done >"$room/changes"
	percentiles "a change until its first write to Omni" 250 <"$room/changes"
}

bench_kube() {
	local begin_us ms
	cosi_build && kube_build && go_need bench-kube/kube || { note "no API server can be built: $(go_reason)"; return 0; }
	kube_bench=$go_dir/kube
	printf '\n%s\n' "In a cluster: $CLUSTERS clusters, $((CLUSTERS * 25)) custom resources"
	kube_start bench && kube_define || return
	kube_ctl create namespace fleet >/dev/null
	"$kube_bench" fill "$kube_config" fleet "$CLUSTERS" || return
	omni_server 0 || return
	kube_ctl -n fleet create secret generic main --from-file=serviceAccountKey="$cosi_key" >/dev/null
	kube_ctl -n fleet apply -f - >/dev/null <<-END
		apiVersion: omni.texashpc.com/v1alpha1
		kind: OmniConnection
		metadata: {name: main}
		spec: {endpoint: "$cosi_endpoint", auth: {serviceAccountSecretRef: {name: main}}}
	END
	kube_informer || return
	rm -rf "$room/status"
	kube_mark
	begin_us=${EPOCHREALTIME/./}
	kube_agent
	ms=$(kube_synced) || return
	wait_in_sync "$CLUSTERS" 900 || return
	note "first sync of all into Omni: $(((${EPOCHREALTIME/./} - begin_us) / 1000)) ms"
	kube_wait_quiet
	note "until then $(kube_writes) writes to the API server, $(omni_calls) calls of Omni"
	kube_changes
	kube_wait_quiet
	kube_idle
	stop_agent
	rm -rf "$room/status"
	kube_agent
	ms=$(kube_synced) || return
	wait_in_sync "$CLUSTERS" 900 || return
	kube_wait_quiet
	kube_row "omniops agent, restarted" "$ms"
	kube_idle
	stop_agent
	kube_stop
	cosi_stop
}
