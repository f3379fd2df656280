# `make bench` part argocd: the applications of a monorepo, generated all at once below Argo CD's own plugin server, by
# omniops-argocd, by a shell plugin that prints the files as they are, and by the Go operator's libraries. For tests/bench/run.
# shellcheck shell=bash
. tests/rig/argocd/lib.sh

# CPU time, in clock ticks, of the plugin server's children: what the plugins themselves took.
cmp_children_ticks() { awk '{ sub(/.*\) /, ""); print $14 + $15 }' "/proc/$cmp_pid/stat"; }

generate_all() { # TEXT COMMAND-as-YAML-list
	local name=$1 from best='' i median whole applications
	printf 'apiVersion: argoproj.io/v1alpha1\nkind: ConfigManagementPlugin\nmetadata: {name: bench}\nspec: {generate: {command: %s}}\n' \
		"$2" >"$room/plugin.yaml"
	if ! PATH=$B:$PATH cmp_start "$room/cmp-$RANDOM" "$room/plugin.yaml"; then
		note "$name: $cmp_problem"
		return
	fi
	mapfile -t applications < <(cd "$room/monorepo" && echo apps/* | tr ' ' '\n')
	from=$(cmp_children_ticks)
	for ((i = 0; i < ROUNDS; i++)); do
		if ! read -r median whole < <(cmp_ask "$cmp_socket" "$room/monorepo" "${applications[@]}" 2>&1 >"$room/said"); then
			note "$name: $(grep -v objects "$room/said" | head -n 1)"
			break
		fi
		[ -z "$best" ] || [ "$whole" -lt "${best#* }" ] && best="$median $whole"
	done
	[ -n "$best" ] && printf '  %-44s %8s ms %8s ms %8.1f ms\n' "$name" "${best#* }" "${best% *}" \
		"$(awk -v ticks=$(($(cmp_children_ticks) - from)) -v rounds="$ROUNDS" -v hz="$(getconf CLK_TCK)" -v n="${#applications[@]}" \
			'BEGIN { print ticks * 1000 / hz / rounds / n }')"
	cmp_stop
}

bench_argocd() {
	local i
	mkdir -p "$room/monorepo/apps" "$room/flat"
	awk -v dir="$room/flat" -v count=64 -v machines=20 -f tests/bench/corpus.awk
	for i in "$room"/flat/*.yaml; do
		mkdir "$room/monorepo/apps/$(basename "$i" .yaml)"
		mv "$i" "$room/monorepo/apps/$(basename "$i" .yaml)/"
	done
	printf '\n%s\n  %-44s %11s %11s %11s\n' "64 applications of a monorepo at once, below Argo CD's plugin server" '' \
		'all' 'median' 'CPU each'
	generate_all "no plugin: the server alone" '[echo, "{}"]'
	generate_all "a shell plugin that prints the files" '[sh, -c, "for f in *.yaml; do echo ---; cat $f; done"]'
	[ "$have_references" = yes ] && generate_all "operator's libraries (Go)" "[$reference_dir/render-operator, .]"
	generate_all "omniops-argocd generate" '[omniops-argocd, generate]'
}
