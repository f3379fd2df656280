# A remote Omni: the agent, `omniops apply` and Omni's own client library bring the same templates to a COSI server with
# Omni's signatures, without and with a delay of every call. Sourced by run.
# shellcheck shell=bash
. tests/rig/cosi/lib.sh

DELAY_MS=${DELAY_MS:-20}

omni_title() {
	printf '\n%s\n  %-34s %8s %9s %9s %9s %9s %7s %8s\n' "$1" 'for each cluster' clusters 'time ms' 'calls' 'KiB' 'CPU ms' 'MiB' 'of ref.'
}

# omni_row TEXT CLUSTERS CPU_US WALL_US KIB BYTES: ratios are to the row of the same title that was first
omni_row() {
	local calls
	calls=$(($(omni_calls) - omni_before))
	awk -v text="$1" -v n="$2" -v cpu="$3" -v wall="$4" -v kib="$5" -v bytes="$6" -v calls="$calls" -v ref="${omni_reference:-0}" 'BEGIN {
		printf "  %-34s %8d %9.1f %9.1f %9.1f %9.1f %7.0f %8s\n", text, n, wall / n / 1000, calls / n, bytes / n / 1024,
			cpu / n / 1000, kib / 1024, (ref > 0) ? sprintf("%.2f", wall / n / ref) : ""
	}'
	omni_reference=${omni_reference:-$(($4 / $2))}
}

omni_calls() { cosi_ask counts | tr -d '{}"' | tr ',' '\n' | awk -F : '$1 != "Watch" { sum += $2 } END { print sum + 0 }'; }

omni_server() { # milliseconds that every call takes longer
	cosi_stop
	cosi_start bench -tls -history 200000 -account ci:Operator || return
	[ "$1" = 0 ] || cosi_order delay -d method='*' -d "ms=$1" >/dev/null
	omni_before=0
	export SSL_CERT_FILE=$cosi_ca OMNIOPS_OMNI_KEY_FILE=$cosi_key OMNI_ENDPOINT=$cosi_endpoint
}

omni_agent() {
	omni_port=$(free_port) || return
	printf bench >"$room/token" && chmod 600 "$room/token"
	"$B/omniops" agent --source "git+file://$room/work?ref=main" --interval 1h --http "127.0.0.1:$omni_port" --cache-dir "$room/cache" \
		--gate critical --log-format json --status-dir "$room/status" --webhook-secret-file "$room/token" --annotate-after 1h 2>"$room/log" &
	agent=$!
}

omni_metric() { # the sum of a family
	curl -fsS "http://127.0.0.1:$omni_port/metrics" | awk -v name="$1" 'index($1, name "{") == 1 { sum += $2 } END { print sum + 0 }'
}

omni_bytes() { echo $(($(omni_metric omni_agent_omni_sent_bytes_total) + $(omni_metric omni_agent_omni_received_bytes_total))); }

omni_cpu_us() { echo $(($(agent_ticks) * 1000000 / $(getconf CLK_TCK))); }

omni_wait_quiet() { # until no call was made for two seconds
	local calls
	while calls=$(omni_calls) && sleep 2 && [ "$(omni_calls)" != "$calls" ]; do :; done
}

omni_sync_reference() { # delay, clusters
	local result cpu wall kib sent received pass
	mapfile -t files < <(find "$room/templates" -name '*.yaml' | sort | head -n "$2")
	omni_server "$1" || return
	for pass in "first sync" "again, nothing to do"; do
		omni_before=$(omni_calls)
		result=$("$omni_reference_program" "$cosi_endpoint" "$cosi_key" "${files[@]}") || return
		read -r cpu wall kib sent received <<<"$result"
		omni_row "Omni's client library: $pass" "$2" "$cpu" "$wall" "$kib" $((sent + received))
		[ "$pass" = "first sync" ] && omni_first=$omni_reference && omni_reference=
	done
	omni_again=$omni_reference
}

omni_sync_apply() { # delay, clusters
	local pass
	mkdir -p "$room/some"
	find "$room/repo" -name '*.yaml' | sort | head -n "$2" | xargs cp -t "$room/some"
	omni_server "$1" || return
	for pass in "first apply" "again, nothing to do"; do
		omni_before=$(omni_calls)
		[ "$pass" = "first apply" ] && omni_reference=$omni_first || omni_reference=$omni_again
		best 1 "$B/omniops" apply --yes "$room/some" 2>/dev/null || return
		omni_row "omniops: $pass" "$2" "$cpu_us" "$wall_us" "$kib" 0
	done
	rm -rf "$room/some"
}

omni_sync_agent() { # delay, clusters
	local begin_us calls end
	omni_repository "$2"
	omni_server "$1" || return
	omni_reference=$omni_first
	begin_us=${EPOCHREALTIME/./}
	omni_agent
	wait_in_sync "$2" 900 || return
	end=$((${EPOCHREALTIME/./} - begin_us))
	omni_row "omniops agent: first sync from Git" "$2" "$(omni_cpu_us)" "$end" "$(agent_kib)" "$(omni_bytes)"
	omni_wait_quiet
	omni_changes "$2"
	omni_idle "$2"
	stop_agent
	rm -rf "$room/status" # what the last one wrote
	omni_before=$(omni_calls) omni_reference=
	begin_us=${EPOCHREALTIME/./}
	omni_agent
	wait_in_sync "$2" 900 || return
	end=$((${EPOCHREALTIME/./} - begin_us))
	omni_row "omniops agent: restart, unchanged" "$2" "$(omni_cpu_us)" "$end" "$(agent_kib)" "$(omni_bytes)"
	stop_agent
}

omni_repository() { # clusters
	rm -rf "$room/work" "$room/status" "$room/cache"
	git init -q -b main "$room/work"
	find "$room/repo" -name '*.yaml' | sort | head -n "$1" | xargs cp -t "$room/work"
	git -C "$room/work" add -A
	git -C "$room/work" -c user.name=t -c user.email=t@example.com commit -qm first
}

omni_updates() { cosi_ask counts | tr -d '{}"' | tr ',' '\n' | sed -n 's/^Update://p' | grep . || echo 0; }

# Asked before a change is made; nobody looks again and again meanwhile, which would take a core from what is measured.
omni_await() {
	cosi_ask "await?method=Update&after=$(omni_updates)" >"$room/written" 2>"$room/answer" &
	omni_waiter=$!
}

omni_written() { # since microseconds of 1970: how long until the write came
	wait "$omni_waiter" || { note "a change does not arrive" >&2; return 1; }
	echo $(($(cat "$room/written") - $1))
}

# One changed line among all clusters: from the hint of a Git host to its first write, without the 200 ms in which the agent
# waits for more hints.
omni_changes() { # clusters
	local i name begin_us before cpu
	before=$(omni_calls)
	cpu=$(omni_cpu_us)
	for ((i = 0; i < SAMPLES; i++)); do
		name=$(printf 'edge-%04d' $((i * 7 % $1)))
		sed -i "s/^    env: .*/    env: v$i/" "$room/work/$name.yaml"
		omni_await
		git -C "$room/work" -c user.name=t -c user.email=t@example.com commit -qam "$i"
		begin_us=${EPOCHREALTIME/./}
		curl -fsS -o "$room/answer" -H 'X-Gitlab-Token: bench' -H 'Content-Type: application/json' -d '{}' "http://127.0.0.1:$omni_port/webhook" || return
		omni_written $((begin_us + 200000)) || return
		sleep 1.2 # a source is not read again within a second
	done >"$room/changes"
	percentiles "a commit until its first write, $1 clusters" 250 <"$room/changes"
	omni_wait_quiet
	awk -v n="$SAMPLES" -v calls="$(($(omni_calls) - before))" -v us="$(($(omni_cpu_us) - cpu))" 'BEGIN {
		printf "  for each of them %.1f calls and %.1f ms of CPU\n", calls / n, us / n / 1000 }'
}

omni_idle() { # clusters
	local cpu calls seconds=$IDLE_SECONDS
	calls=$(omni_calls) cpu=$(omni_cpu_us)
	sleep "$seconds"
	calls=$(($(omni_calls) - calls))
	note "then nothing happens for $seconds s: $calls calls ($(per_hour "$calls" "$seconds") per hour), $(awk -v us=$(($(omni_cpu_us) - cpu)) -v s="$seconds" 'BEGIN { printf "%.1f", us / 1000 / s }') ms of CPU per second (budget 2), $(awk -v kib="$(agent_kib)" 'BEGIN { printf "%.1f", kib / 1024 }') MiB (budget 48)"
}

omni_prepare() {
	local file
	cosi_build || { note "the COSI server cannot be built: $(go_reason)"; return 1; }
	go_need bench-omni/omni-sync || { note "Omni's client library cannot be built: $(go_reason)"; return 1; }
	omni_reference_program=$go_dir/omni-sync
	rm -rf "$room/repo" "$room/templates"
	mkdir -p "$room/repo" "$room/templates"
	awk -v dir="$room/repo" -v count="$CLUSTERS" -v machines=20 -v disks=no -f tests/bench/corpus.awk
	for file in $(find "$room/repo" -name '*.yaml' | sort | head -n 100); do
		"$B/omniops" render "$file" >"$room/templates/${file##*/}" || return
	done
}

bench_omni() {
	local some=$((CLUSTERS < 100 ? CLUSTERS : 100))
	omni_prepare || return 0
	omni_title "A COSI server beside it: clusters of 20 machines, 44 resources"
	omni_reference=
	omni_sync_reference 0 "$some"
	omni_sync_apply 0 "$some"
	omni_sync_agent 0 "$CLUSTERS"
	omni_title "The same with $DELAY_MS ms for every call"
	omni_reference=
	omni_sync_reference "$DELAY_MS" $((some < 10 ? some : 10))
	omni_sync_apply "$DELAY_MS" $((some < 10 ? some : 10))
	omni_sync_agent "$DELAY_MS" "$some"
	cosi_stop
}
