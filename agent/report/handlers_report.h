/* What is looked after in and around clusters, as plain values. */
#ifndef AGENT_REPORT_HANDLERS_REPORT_H
#define AGENT_REPORT_HANDLERS_REPORT_H

#include <stddef.h>
#include <stdint.h>

struct text;

enum { HANDLERS_REPORTED = 3 }; /* OmniKubeconfigExport, OmniSecretSync, OmniHelmRelease */

struct handlers_report {
	struct {
		size_t objects, ready;
		uint64_t looks, failures;
	} kinds[HANDLERS_REPORTED];
	size_t queued, running;
	struct export_report {
		char ns[64], name[254];
		int64_t expires_s; /* Unix seconds */
	} *exports; /* those whose kubeconfig has an end that is known; of the heap */
	size_t export_count, export_room;
};

/* Prometheus text format. */
void handlers_metrics(struct text *out, const struct handlers_report *report);
void handlers_report_free(struct handlers_report *report); /* NULL is fine */

#endif
