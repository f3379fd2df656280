#include "agent/report/handlers_report.h"

#include <stdlib.h>

#include "base/text.h"

static const char *const kinds[HANDLERS_REPORTED] = {"OmniKubeconfigExport", "OmniSecretSync", "OmniHelmRelease"};

static void family(struct text *out, const char *name, const char *type, const char *help)
{
	text_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_kinds(struct text *out, const struct handlers_report *report)
{
	const struct {
		const char *name, *type, *help;
		double values[HANDLERS_REPORTED];
	} families[] = {
#define OF_KINDS(member) {(double)report->kinds[0].member, (double)report->kinds[1].member, (double)report->kinds[2].member}
		{"omni_agent_handler_objects", "gauge", "Objects that are looked after in and around clusters.", OF_KINDS(objects)},
		{"omni_agent_handler_ready", "gauge", "Those of them that are ready.", OF_KINDS(ready)},
		{"omni_agent_handler_looks_total", "counter", "Looks at them.", OF_KINDS(looks)},
		{"omni_agent_handler_failures_total", "counter", "Looks that failed and come again.", OF_KINDS(failures)},
#undef OF_KINDS
	};
	for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
		family(out, families[f].name, families[f].type, families[f].help);
		for (size_t i = 0; i < HANDLERS_REPORTED; i++)
			text_addf(out, "%s{kind=\"%s\"} %.15g\n", families[f].name, kinds[i], families[f].values[i]);
	}
}

/* Names of objects need no escaping. */
void handlers_metrics(struct text *out, const struct handlers_report *report)
{
	print_kinds(out, report);
	family(out, "omni_agent_handler_queue_depth", "gauge", "Objects that wait for a look.");
	text_addf(out, "omni_agent_handler_queue_depth %zu\n", report->queued);
	family(out, "omni_agent_handler_queue_running", "gauge", "Objects that are being looked at.");
	text_addf(out, "omni_agent_handler_queue_running %zu\n", report->running);
	family(out, "omni_agent_kubeconfig_expiry_timestamp_seconds", "gauge", "When the credentials of an export end.");
	for (size_t i = 0; i < report->export_count; i++)
		text_addf(out, "omni_agent_kubeconfig_expiry_timestamp_seconds{namespace=\"%s\",name=\"%s\"} %lld\n", report->exports[i].ns,
			  report->exports[i].name, (long long)report->exports[i].expires_s);
}

void handlers_report_free(struct handlers_report *report)
{
	if (report != NULL)
		free(report->exports);
	free(report);
}
