/* How close reading and writing come to the limit: the time in which libyaml alone goes through the same bytes. Makes
 * 1,000 clusters of 24 documents (14 MB) in memory and prints the best of ROUNDS, CPU time of this process:
 *
 *   drain    libyaml's events, thrown away
 *   load     load_yaml
 *   emit     load_yaml and emit_document, keys sorted */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <yaml.h>

#include "base/text.h"
#include "render/diag.h"
#include "render/emit.h"
#include "render/load.h"

enum { CLUSTERS = 1000, MACHINES = 21, ROUNDS = 5 };

#define HEAD(kind) "apiVersion: omni.texashpc.com/v1alpha1\nkind: " kind "\nmetadata:\n  name: edge-%04d%s\n  namespace: fleet\nspec:\n"

static void add_cluster(struct text *out, int i)
{
	text_addf(out, HEAD("OmniCluster"), i, "");
	text_addf(out, "  connectionRef:\n    name: main\n  labels:\n    env: prod\n    site: site-%d\n  kubernetes:\n"
		       "    version: v1.35.0\n  talos:\n    version: v1.13.2\n  features:\n    enableWorkloadProxy: true\n"
		       "  patches:\n    - name: sysctl\n      inline:\n        machine:\n          sysctls:\n"
		       "            vm.max_map_count: \"262144\"\n          kubelet:\n            extraArgs:\n"
		       "              rotate-server-certificates: true\n            extraConfig:\n              maxPods: 250\n"
		       "          files:\n            - content: |\n                [plugins]\n                  x = 1\n"
		       "              path: /etc/cri/conf.d/20-customization.part\n",
		  i % 50);
	for (int kind = 0; kind < 2; kind++) {
		text_adds(out, "---\n");
		text_addf(out, kind == 0 ? HEAD("OmniControlPlane") : HEAD("OmniWorkers"), i, kind == 0 ? "-cp" : "-w");
		text_addf(out, "  clusterRef:\n    name: edge-%04d\n  machines:\n", i);
		for (int j = kind * 3; j < (kind == 0 ? 3 : MACHINES); j++)
			text_addf(out, "    - %08x-%04x-4111-8111-111111111111\n", i, j);
	}
}

static void add_machine(struct text *out, int i, int j)
{
	char suffix[16];
	snprintf(suffix, sizeof suffix, "-m%d", j);
	text_adds(out, "---\n");
	text_addf(out, HEAD("OmniMachine"), i, suffix);
	text_addf(out, "  clusterRef:\n    name: edge-%04d\n  machineID: %08x-%04x-4111-8111-111111111111\n  install:\n"
		       "    disk: /dev/nvme0n1\n  patches:\n    - name: hostname\n      inline:\n        machine:\n"
		       "          network:\n            hostname: edge-%04d-m%d\n            interfaces:\n"
		       "              - interface: eth0\n                addresses:\n                  - 10.%d.%d.10/24\n"
		       "                routes:\n                  - network: 0.0.0.0/0\n                    gateway: 10.%d.%d.1\n",
		  i, i, j, i, j, i % 250, j, i % 250, j);
}

static double now(void)
{
	struct timespec at;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void drain(struct span bytes)
{
	yaml_parser_t parser;
	yaml_event_type_t type = YAML_NO_EVENT;
	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes.ptr, bytes.len);
	while (type != YAML_STREAM_END_EVENT) {
		yaml_event_t event;
		if (!yaml_parser_parse(&parser, &event))
			abort();
		type = event.type;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
}

static void load(struct span bytes, struct arena *arena, struct text *out)
{
	struct diag_list diags;
	struct load_document *documents = NULL;
	size_t count = 0;
	diag_list_init(&diags, arena);
	struct diag_at at = {.list = &diags};
	if (!load_yaml(arena, bytes, LOAD_AUTO, NULL, &at, &documents, &count) || diags.count > 0)
		abort();
	for (size_t i = 0; out != NULL && i < count; i++) {
		text_reset(out);
		emit_document(out, &documents[i].root, EMIT_TEMPLATE, true);
	}
}

static double run(const struct text *files, int mode)
{
	struct arena arena;
	struct text out;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&out, TEXT_NO_LIMIT);
	double begin = now();
	for (int i = 0; i < CLUSTERS; i++) {
		if (mode == 0)
			drain(text_span(&files[i]));
		else
			load(text_span(&files[i]), &arena, mode == 2 ? &out : NULL);
	}
	double taken = now() - begin;
	if (mode == 2)
		printf("memory   %.1f MB of nodes\n", (double)arena.used_bytes / 1e6);
	text_done(&out);
	arena_done(&arena);
	return taken;
}

int main(void)
{
	static const char *const names[] = {"drain", "load", "emit"};
	struct text *files = calloc(CLUSTERS, sizeof *files);
	double best[3] = {1e9, 1e9, 1e9};
	size_t bytes = 0;
	if (files == NULL)
		abort();
	for (int i = 0; i < CLUSTERS; i++) {
		text_init(&files[i], TEXT_NO_LIMIT);
		add_cluster(&files[i], i);
		for (int j = 0; j < MACHINES; j++)
			add_machine(&files[i], i, j);
		bytes += files[i].len;
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (int mode = 0; mode < 3; mode++) {
			double taken = run(files, mode);
			best[mode] = taken < best[mode] ? taken : best[mode];
		}
	}
	printf("%d documents, %.1f MB\n", CLUSTERS * (MACHINES + 3), (double)bytes / 1e6);
	for (int mode = 0; mode < 3; mode++)
		printf("%-8s %.3f s  %.2f of the drain\n", names[mode], best[mode], best[mode] / best[0]);
	return 0;
}
