/* Prometheus text format 0.0.4. Labels are bounded: sources, connections, clusters. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/report/handlers_report.h"
#include "agent/report/state.h"
#include "base/cleanup.h"

static void family(struct text *out, const char *name, const char *type, const char *help)
{
	text_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void label_value(struct text *out, const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			text_addf(out, "\\%c", *value);
		else if (*value == '\n')
			text_adds(out, "\\n");
		else
			text_addc(out, *value);
	}
}

static void add_label(struct text *out, const char *name, const char *value, bool is_first)
{
	text_addf(out, "%s%s=\"", is_first ? "{" : ",", name);
	label_value(out, value);
	text_addc(out, '"');
}

static void plain(struct text *out, const char *name, const char *type, const char *help, double value)
{
	family(out, name, type, help);
	text_addf(out, "%s %.15g\n", name, value);
}

/* --- sources -------------------------------------------------------------------------------------------------------- */

static double source_polls(const struct source_state *s) { return (double)s->polls; }
static double source_failures(const struct source_state *s) { return (double)s->failures; }
static double source_changes(const struct source_state *s) { return (double)s->changes; }
static double source_errors(const struct source_state *s) { return (double)s->errors; }
static double source_clusters(const struct source_state *s) { return (double)s->clusters; }
static double source_polled(const struct source_state *s) { return (double)s->polled_wall_ms / 1000; }
static double source_ok(const struct source_state *s) { return s->error[0] == '\0' && s->errors == 0 && s->is_loaded; }

static const struct {
	const char *name, *type, *help;
	double (*value)(const struct source_state *source);
} source_families[] = {
	{"omni_agent_source_polls_total", "counter", "Polls of a source.", source_polls},
	{"omni_agent_source_failures_total", "counter", "Polls or renderings of a source that failed.", source_failures},
	{"omni_agent_source_revisions_total", "counter", "New contents that a source delivered.", source_changes},
	{"omni_agent_source_errors", "gauge", "Errors in the declarations of the last revision.", source_errors},
	{"omni_agent_source_clusters", "gauge", "Clusters that the last revision declares.", source_clusters},
	{"omni_agent_source_last_poll_timestamp_seconds", "gauge", "When the source was polled last.", source_polled},
	{"omni_agent_source_ready", "gauge", "1 when the source was read and its declarations are without errors.", source_ok},
};

static void print_sources(struct text *out, const struct agent_report *report)
{
	for (size_t f = 0; f < COUNT_OF(source_families); f++) {
		family(out, source_families[f].name, source_families[f].type, source_families[f].help);
		for (size_t i = 0; i < report->source_count; i++) {
			text_adds(out, source_families[f].name);
			add_label(out, "source", report->sources[i].name, true);
			text_addf(out, "} %.15g\n", source_families[f].value(&report->sources[i]));
		}
	}
}

/* --- clusters ------------------------------------------------------------------------------------------------------- */

static void cluster_labels(struct text *out, const struct unit_report *unit)
{
	add_label(out, "connection", unit->connection, true);
	add_label(out, "name", unit->name, false);
}

static double unit_in_sync(const struct unit_report *u) { return u->state.phase == UNIT_IN_SYNC; }
static double unit_ready(const struct unit_report *u) { return unit_is_ready(&u->state); }
static double unit_healthy(const struct unit_report *u) { return u->state.omni.health == HEALTH_READY; }
static double unit_locked(const struct unit_report *u) { return u->state.omni.is_locked; }
static double unit_wanted(const struct unit_report *u) { return u->state.omni.machines_wanted; }
static double unit_machines(const struct unit_report *u) { return u->state.omni.machines; }
static double unit_healthy_machines(const struct unit_report *u) { return u->state.omni.machines_healthy; }
static double unit_connected(const struct unit_report *u) { return u->state.omni.machines_connected; }
static double unit_sets(const struct unit_report *u) { return u->state.omni.sets; }
static double unit_sets_ready(const struct unit_report *u) { return u->state.omni.sets_ready; }
static double unit_kubernetes(const struct unit_report *u) { return u->state.omni.kubernetes_upgrading; }
static double unit_talos(const struct unit_report *u) { return u->state.omni.talos_upgrading; }
static double unit_applied(const struct unit_report *u) { return (double)u->state.applied_wall_ms / 1000; }
static double unit_failures(const struct unit_report *u) { return (double)u->state.failures; }
static double unit_attempts(const struct unit_report *u) { return (double)u->state.attempts; }
static double unit_waiting(const struct unit_report *u) { return (double)u->state.waiting; }
static double unit_waits_since(const struct unit_report *u)
{
	return u->state.waiting > 0 ? (double)u->state.waiting_since_wall_ms / 1000 : 0;
}

static const struct {
	const char *name, *type, *help;
	double (*value)(const struct unit_report *unit);
} unit_families[] = {
	{"omni_agent_cluster_in_sync", "gauge", "1 when Omni is what is declared.", unit_in_sync},
	{"omni_agent_cluster_ready", "gauge", "1 when what is declared was applied, and Omni says that the cluster is ready.", unit_ready},
	{"omni_agent_cluster_healthy", "gauge", "1 when Omni says that the cluster is ready, whatever was applied.", unit_healthy},
	{"omni_agent_cluster_locked", "gauge", "1 when the cluster is locked in Omni.", unit_locked},
	{"omni_agent_cluster_machines", "gauge", "Machines that belong to the cluster.", unit_machines},
	{"omni_agent_cluster_machines_wanted", "gauge", "Machines that are declared for the cluster.", unit_wanted},
	{"omni_agent_cluster_machines_healthy", "gauge", "Machines of the cluster that run well.", unit_healthy_machines},
	{"omni_agent_cluster_machines_connected", "gauge", "Machines of the cluster that are connected to Omni.", unit_connected},
	{"omni_agent_cluster_machine_sets", "gauge", "Machine sets of the cluster.", unit_sets},
	{"omni_agent_cluster_machine_sets_ready", "gauge", "Machine sets of the cluster that run and are ready.", unit_sets_ready},
	{"omni_agent_cluster_kubernetes_upgrading", "gauge", "1 while Kubernetes of the cluster is upgraded.", unit_kubernetes},
	{"omni_agent_cluster_talos_upgrading", "gauge", "1 while Talos of the cluster is upgraded.", unit_talos},
	{"omni_agent_cluster_applied_timestamp_seconds", "gauge", "When a template of the cluster was applied last.", unit_applied},
	{"omni_agent_cluster_reconciles_total", "counter", "Reconciliations of a cluster.", unit_attempts},
	{"omni_agent_cluster_failures_total", "counter", "Reconciliations of a cluster that failed.", unit_failures},
	{"omni_agent_cluster_waiting_resources", "gauge", "Resources that are being torn down and that Omni does not let go.",
	 unit_waiting},
	{"omni_agent_cluster_waiting_since_timestamp_seconds", "gauge", "Since when the first of them has not changed; 0: none.",
	 unit_waits_since},
};

static void print_omni_phases(struct text *out, const struct agent_report *report)
{
	family(out, "omni_agent_cluster_omni_phase", "gauge", "1 for the phase that Omni reports of the cluster.");
	for (size_t i = 0; i < report->unit_count; i++) {
		if (report->units[i].state.omni.phase[0] == '\0')
			continue;
		text_adds(out, "omni_agent_cluster_omni_phase");
		cluster_labels(out, &report->units[i]);
		add_label(out, "phase", report->units[i].state.omni.phase, false);
		text_adds(out, "} 1\n");
	}
}

static void print_units(struct text *out, const struct agent_report *report)
{
	for (size_t f = 0; f < COUNT_OF(unit_families); f++) {
		family(out, unit_families[f].name, unit_families[f].type, unit_families[f].help);
		for (size_t i = 0; i < report->unit_count; i++) {
			if (report->units[i].is_raws)
				continue;
			text_adds(out, unit_families[f].name);
			cluster_labels(out, &report->units[i]);
			text_addf(out, "} %.15g\n", unit_families[f].value(&report->units[i]));
		}
	}
	family(out, "omni_agent_cluster_state", "gauge", "1 for the state that the cluster is in.");
	for (size_t i = 0; i < report->unit_count; i++) {
		text_adds(out, "omni_agent_cluster_state");
		cluster_labels(out, &report->units[i]);
		add_label(out, "state", unit_phase_name(report->units[i].state.phase), false);
		text_adds(out, "} 1\n");
	}
	print_omni_phases(out, report);
	family(out, "omni_agent_clusters", "gauge", "Clusters by state.");
	for (int phase = 0; phase < UNIT_PHASE_COUNT; phase++) {
		size_t count = 0;
		for (size_t i = 0; i < report->unit_count; i++)
			count += !report->units[i].is_raws && (int)report->units[i].state.phase == phase;
		text_addf(out, "omni_agent_clusters{state=\"%s\"} %zu\n", unit_phase_name((enum unit_phase)phase), count);
	}
}

/* --- Omnis ---------------------------------------------------------------------------------------------------------- */

static double omni_up(const struct omni_report *o) { return o->is_up; }
static double omni_watched(const struct omni_report *o) { return o->is_watched; }
static double omni_watches(const struct omni_report *o) { return (double)o->watches; }
static double omni_resources(const struct omni_report *o) { return (double)o->resources; }
static double omni_expiry(const struct omni_report *o) { return (double)o->key_expires_s; }
static double omni_unmanaged_clusters(const struct omni_report *o) { return (double)o->unmanaged_clusters; }
static double omni_unmanaged_resources(const struct omni_report *o) { return (double)o->unmanaged_resources; }
static double omni_connections(const struct omni_report *o) { return (double)o->counts.connections; }
static double omni_retries(const struct omni_report *o) { return (double)o->counts.retries; }

static const struct {
	const char *name, *type, *help;
	double (*value)(const struct omni_report *omni);
} omni_families[] = {
	{"omni_agent_omni_up", "gauge", "1 when an Omni is open and answered last.", omni_up},
	{"omni_agent_omni_watched", "gauge", "1 when every watch of an Omni lives.", omni_watched},
	{"omni_agent_omni_watches", "gauge", "Watches of an Omni that live.", omni_watches},
	{"omni_agent_omni_resources", "gauge", "Resources of an Omni that the agent knows.", omni_resources},
	{"omni_agent_omni_unmanaged_clusters", "gauge", "Clusters of an Omni that no source declares.", omni_unmanaged_clusters},
	{"omni_agent_omni_unmanaged_resources", "gauge", "Raw resources of an Omni that no source declares.", omni_unmanaged_resources},
	{"omni_agent_omni_key_expiry_timestamp_seconds", "gauge", "When the service-account key expires; 0: never, or not known.",
	 omni_expiry},
	{"omni_agent_omni_connections_total", "counter", "Connections made to an Omni.", omni_connections},
	{"omni_agent_omni_retries_total", "counter", "Requests to an Omni that were sent once more.", omni_retries},
};

static void print_requests(struct text *out, const struct agent_report *report)
{
	family(out, "omni_agent_omni_requests_total", "counter", "Requests to an Omni by method and how they ended.");
	for (size_t i = 0; i < report->omni_count; i++)
		for (size_t m = 0; m < report->omnis[i].counts.count; m++) {
			const struct omni_method_count *method = &report->omnis[i].counts.items[m];
			text_adds(out, "omni_agent_omni_requests_total");
			add_label(out, "omni", report->omnis[i].url, true);
			add_label(out, "method", method->method, false);
			add_label(out, "code", method->code, false);
			text_addf(out, "} %lu\n", (unsigned long)method->calls);
		}
}

static double method_seconds(const struct omni_method_count *m) { return (double)m->total_ms / 1000; }
static double method_sent(const struct omni_method_count *m) { return (double)m->sent_bytes; }
static double method_received(const struct omni_method_count *m) { return (double)m->received_bytes; }

static const struct {
	const char *name, *help;
	double (*value)(const struct omni_method_count *method);
} method_families[] = {
	{"omni_agent_omni_request_seconds_total", "Time spent waiting for an Omni.", method_seconds},
	{"omni_agent_omni_sent_bytes_total", "Bytes of messages sent to an Omni.", method_sent},
	{"omni_agent_omni_received_bytes_total", "Bytes of messages received from an Omni.", method_received},
};

/* The codes of one method stand together. */
static void print_method_sums(struct text *out, const struct omni_report *omni, size_t f)
{
	const struct omni_counts *counts = &omni->counts;
	for (size_t m = 0; m < counts->count;) {
		const char *method = counts->items[m].method;
		double sum = 0;
		for (; m < counts->count && strcmp(counts->items[m].method, method) == 0; m++)
			sum += method_families[f].value(&counts->items[m]);
		text_adds(out, method_families[f].name);
		add_label(out, "omni", omni->url, true);
		add_label(out, "method", method, false);
		text_addf(out, "} %.15g\n", sum);
	}
}

static void print_methods(struct text *out, const struct agent_report *report)
{
	print_requests(out, report);
	for (size_t f = 0; f < COUNT_OF(method_families); f++) {
		family(out, method_families[f].name, "counter", method_families[f].help);
		for (size_t i = 0; i < report->omni_count; i++)
			print_method_sums(out, &report->omnis[i], f);
	}
}

static void print_omnis(struct text *out, const struct agent_report *report)
{
	for (size_t f = 0; f < COUNT_OF(omni_families); f++) {
		family(out, omni_families[f].name, omni_families[f].type, omni_families[f].help);
		for (size_t i = 0; i < report->omni_count; i++) {
			text_adds(out, omni_families[f].name);
			add_label(out, "omni", report->omnis[i].url, true);
			text_addf(out, "} %.15g\n", omni_families[f].value(&report->omnis[i]));
		}
	}
	family(out, "omni_agent_omni_calls_total", "counter", "Calls to an Omni.");
	for (size_t i = 0; i < report->omni_count; i++)
		for (int w = 0; w < 2; w++) {
			text_adds(out, "omni_agent_omni_calls_total");
			add_label(out, "omni", report->omnis[i].url, true);
			add_label(out, "kind", w ? "write" : "read", false);
			text_addf(out, "} %lu\n", (unsigned long)(w ? report->omnis[i].write_calls : report->omnis[i].read_calls));
		}
	print_methods(out, report);
}

/* --- an API server -------------------------------------------------------------------------------------------------- */

static void print_labelled(struct text *out, const char *name, const char *help, const char *label, const char *const *values,
			   const uint64_t *counts, size_t count)
{
	family(out, name, "counter", help);
	for (size_t i = 0; i < count; i++)
		text_addf(out, "%s{%s=\"%s\"} %lu\n", name, label, values[i], (unsigned long)counts[i]);
}

static void print_kubernetes(struct text *out, const struct kubernetes_report *k)
{
	static const char *const verbs[] = {"get", "create", "update", "patch", "delete", "watch"};
	static const char *const things[] = {"status", "annotations", "finalizers", "event"};
	const struct {
		const char *name, *type, *help;
		double value;
	} families[] = {
		{"omni_agent_kubernetes_synced", "gauge", "1 when all custom resources were listed and are watched.", k->is_synced},
		{"omni_agent_kubernetes_objects", "gauge", "Custom resources that the agent knows.", (double)k->objects},
		{"omni_agent_kubernetes_object_bytes", "gauge", "Memory that they take.", (double)k->bytes},
		{"omni_agent_kubernetes_lists_total", "counter", "Lists that were begun.", (double)k->lists},
		{"omni_agent_kubernetes_relists_total", "counter", "Lists that became necessary after a watch was lost.", (double)k->relists},
		{"omni_agent_kubernetes_watches_total", "counter", "Watches that were begun.", (double)k->watches},
		{"omni_agent_kubernetes_watch_events_total", "counter", "Changes that watches told.", (double)k->events},
		{"omni_agent_kubernetes_request_failures_total", "counter", "Requests to the API server that failed.", (double)k->failures},
		{"omni_agent_kubernetes_request_retries_total", "counter", "Requests that were sent once more.", (double)k->retries},
		{"omni_agent_kubernetes_requests_throttled_total", "counter", "Requests that waited for their turn, or were told to.",
		 (double)k->throttled},
		{"omni_agent_kubernetes_connections_total", "counter", "Connections made to the API server.", (double)k->connections},
		{"omni_agent_kubernetes_write_conflicts_total", "counter", "Writes to objects that somebody else was faster with.",
		 (double)k->conflicts},
		{"omni_agent_kubernetes_write_failures_total", "counter", "Writes to objects that failed otherwise.", (double)k->write_failures},
		{"omni_agent_kubernetes_write_queue_depth", "gauge", "Objects that wait for a look or a write.", (double)k->queued},
	};
	if (!k->is_used)
		return;
	for (size_t i = 0; i < COUNT_OF(families); i++)
		plain(out, families[i].name, families[i].type, families[i].help, families[i].value);
	print_labelled(out, "omni_agent_kubernetes_requests_total", "Requests to the API server.", "verb", verbs, k->requests,
		       COUNT_OF(verbs));
	print_labelled(out, "omni_agent_kubernetes_writes_total", "What was written into objects, or beside them.", "what", things, k->writes,
		       COUNT_OF(things));
}

static void print_leases(struct text *out, const struct agent_report *report)
{
	if (report->lease_count > 0)
		family(out, "omni_agent_leader", "gauge", "1 while this agent acts on what the Lease stands for.");
	for (size_t i = 0; i < report->lease_count; i++) {
		text_adds(out, "omni_agent_leader");
		add_label(out, "lease", report->leases[i].name, true);
		text_addf(out, "} %d\n", report->leases[i].is_held);
	}
}

/* --- work and process ----------------------------------------------------------------------------------------------- */

static void print_work(struct text *out, const struct agent_report *report)
{
	static const char *const ops[] = {"create", "update", "destroy"};
	static const char *const results[] = {"success", "error", "requeue"};
	const struct agent_counters *counters = report->counters;
	family(out, "omni_agent_operations_total", "counter", "Resources written to Omni.");
	for (size_t i = 0; i < COUNT_OF(ops); i++)
		text_addf(out, "omni_agent_operations_total{op=\"%s\"} %lu\n", ops[i], (unsigned long)counters->operations[i]);
	family(out, "omni_agent_reconcile_total", "counter", "Reconciliations by result.");
	for (size_t i = 0; i < COUNT_OF(results); i++)
		text_addf(out, "omni_agent_reconcile_total{result=\"%s\"} %lu\n", results[i],
			  (unsigned long)counters->reconcile_results[i]);
	plain(out, "omni_agent_renders_total", "counter", "Trees that were rendered.", (double)counters->renders);
	plain(out, "omni_agent_render_failures_total", "counter", "Renderings that failed.", (double)counters->render_errors);
	plain(out, "omni_agent_plans_total", "counter", "Plans that were made.", (double)counters->plans);
	plain(out, "omni_agent_plans_held_total", "counter", "Plans that were held for approval.", (double)counters->held);
	plain(out, "omni_agent_http_requests_total", "counter", "Requests to the listener of the agent.",
	      (double)counters->http_requests);
	plain(out, "omni_agent_applies_total", "counter", "Steps of plans that were carried out.", (double)counters->applies);
	plain(out, "omni_agent_webhooks_total", "counter", "Genuine webhooks received.", (double)counters->webhook_hits);
	plain(out, "omni_agent_apply_seconds_total", "counter", "Time spent applying plans.",
	      (double)counters->apply_ms_total / 1000);
	plain(out, "omni_agent_queue_depth", "gauge", "Clusters that wait for a worker.", (double)report->queue_depth);
	plain(out, "omni_agent_queue_running", "gauge", "Clusters that are being worked on.", (double)report->queue_running);
	plain(out, "omni_agent_queue_adds_total", "counter", "Times that a cluster was queued.", (double)report->queue_adds);
	plain(out, "omni_agent_queue_retries_total", "counter", "Times that a failed cluster was queued again.",
	      (double)report->queue_retries);
}

static void print_process(struct text *out, const struct agent_report *report)
{
	long pages = 0, user = 0, system = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	if (file != NULL) {
		if (fscanf(file, "%*d %ld", &pages) != 1)
			pages = 0;
		fclose(file);
	}
	file = fopen("/proc/self/stat", "re");
	if (file != NULL) {
		if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system) != 2)
			user = system = 0;
		fclose(file);
	}
	plain(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
	      (double)pages * (double)sysconf(_SC_PAGESIZE));
	plain(out, "process_cpu_seconds_total", "counter", "User and system CPU time spent in seconds.",
	      (double)(user + system) / (double)sysconf(_SC_CLK_TCK));
	plain(out, "process_start_time_seconds", "gauge", "Start time of the process since the Unix epoch in seconds.",
	      (double)report->started_wall_ms / 1000);
	family(out, "omni_agent_build_info", "gauge", "Version of the program.");
	text_adds(out, "omni_agent_build_info{version=\"" OMNIOPS_VERSION "\"} 1\n");
}

void report_metrics(struct text *out, const struct agent_report *report)
{
	print_sources(out, report);
	print_units(out, report);
	print_omnis(out, report);
	print_kubernetes(out, &report->kubernetes);
	if (report->handlers != NULL)
		handlers_metrics(out, report->handlers);
	print_leases(out, report);
	print_work(out, report);
	print_process(out, report);
}
