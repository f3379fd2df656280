/* The status page: one self-contained page of HTML that reads well in a browser and in a text browser. */
#include "agent/report/state.h"
#include "base/cleanup.h"
#include "base/timestamp.h"

static const char style[] =
	"body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1b1f24;background:#fff}"
	"h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.2rem 0 1rem;color:#57606a}"
	"table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.45rem .7rem;border-bottom:1px solid #d8dee4}"
	"th{font-size:.8rem;color:#57606a;font-weight:600}code{font:13px ui-monospace,monospace}"
	".s{display:inline-block;padding:0 .55rem;border-radius:1rem;font-size:.82rem;font-weight:600;white-space:nowrap}"
	".good{background:#dafbe1;color:#116329}.busy{background:#ddf4ff;color:#0550ae}.wait{background:#fff8c5;color:#7d4e00}"
	".bad{background:#ffebe9;color:#a40e26}.idle{background:#eaeef2;color:#424a53}"
	"@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}th,p{color:#9198a1}th,td{border-color:#30363d}"
	".good{background:#12361f;color:#7ee2a0}.busy{background:#10304f;color:#8cc8ff}.wait{background:#3b2f08;color:#f0d264}"
	".bad{background:#4a1418;color:#ffa198}.idle{background:#262c36;color:#b7bfc8}}";

static void escaped(struct text *out, const char *string)
{
	for (; *string != '\0'; string++) {
		switch (*string) {
		case '<': text_adds(out, "&lt;"); break;
		case '>': text_adds(out, "&gt;"); break;
		case '&': text_adds(out, "&amp;"); break;
		case '"': text_adds(out, "&quot;"); break;
		default: text_addc(out, *string);
		}
	}
}

static void cell(struct text *out, const char *string, bool is_code)
{
	text_adds(out, is_code ? "<td><code>" : "<td>");
	escaped(out, string);
	text_adds(out, is_code ? "</code></td>" : "</td>");
}

static void cell_time(struct text *out, int64_t wall_ms)
{
	char time[TIMESTAMP_SIZE] = "";
	if (wall_ms > 0)
		timestamp_format(wall_ms, TIMESTAMP_SECONDS, time);
	cell(out, time, false);
}

static void badge(struct text *out, const char *class, const char *word)
{
	text_addf(out, "<td><span class=\"s %s\">%s</span></td>", class, word);
}

static const char *class_of(enum unit_phase phase)
{
	static const char *const classes[] = {
		[UNIT_PENDING] = "idle", [UNIT_IN_SYNC] = "good", [UNIT_PROGRESSING] = "busy", [UNIT_OUT_OF_SYNC] = "wait",
		[UNIT_HELD] = "wait",	 [UNIT_FROZEN] = "wait",  [UNIT_FAILED] = "bad",       [UNIT_SUSPENDED] = "idle",
	};
	return classes[phase];
}

/* "main@sha1:0123456789ab…": enough to recognise a commit. */
static void cell_revision(struct text *out, const char *revision)
{
	struct span hash = span_behind(span_of(revision), ':');
	struct span head = hash.ptr == NULL ? span_of(revision) : (struct span){revision, (size_t)(hash.ptr - revision)};
	char shown[64];
	struct text text;
	text_init(&text, 4096);
	text_addf(&text, "%.*s%.12s", SPAN_ARG(head), hash.ptr == NULL ? "" : hash.ptr);
	struct span all = text_span(&text);
	size_t len = all.len < sizeof shown - 1 ? all.len : sizeof shown - 1;
	memcpy(shown, all.ptr, len);
	shown[len] = '\0';
	text_done(&text);
	cell(out, shown, true);
}

static void print_units(struct text *out, const struct agent_report *report)
{
	text_adds(out, "<h2>Clusters</h2><table><tr><th>Cluster</th><th>State</th><th>What is going on</th><th>Revision</th>"
		       "<th>Applied</th><th>Omni</th></tr>\n");
	for (size_t i = 0; i < report->unit_count; i++) {
		const struct unit_report *unit = &report->units[i];
		text_adds(out, "<tr>");
		cell(out, unit->is_raws ? "raw resources" : unit->name, false);
		badge(out, class_of(unit->state.phase), unit_phase_name(unit->state.phase));
		cell(out, unit->state.message, false);
		cell_revision(out, unit->state.revision);
		cell_time(out, unit->state.applied_wall_ms);
		cell(out, unit->state.has_status ? unit->state.omni_phase : "", false);
		text_adds(out, "</tr>\n");
	}
	text_adds(out, "</table>");
}

static void print_sources(struct text *out, const struct agent_report *report)
{
	text_adds(out, "<h2>Sources</h2><table><tr><th>Source</th><th>State</th><th>What is going on</th><th>Revision</th>"
		       "<th>Looked</th></tr>\n");
	for (size_t i = 0; i < report->source_count; i++) {
		const struct source_state *source = &report->sources[i];
		const char *message = source->error[0] != '\0' ? source->error : source->first_error;
		text_adds(out, "<tr>");
		cell(out, source->name, false);
		if (source->error[0] != '\0')
			badge(out, "bad", "Unreadable");
		else if (source->errors > 0)
			badge(out, "wait", "Faulty");
		else
			badge(out, source->is_loaded ? "good" : "idle", source->is_loaded ? "Read" : "Pending");
		cell(out, message, false);
		cell_revision(out, source->revision);
		cell_time(out, source->polled_wall_ms);
		text_adds(out, "</tr>\n");
	}
	text_adds(out, "</table>");
}

void report_page(struct text *out, const struct agent_report *report)
{
	text_addf(out, "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
		       "content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"10\"><title>omniops</title>"
		       "<style>%s</style></head><body><h1>omniops</h1><p>version %s, %zu clusters, %zu waiting for a worker</p>",
		  style, OMNIOPS_VERSION, report->unit_count, report->queue_depth);
	print_units(out, report);
	print_sources(out, report);
	text_adds(out, "<p style=\"margin-top:2rem\"><a href=\"/metrics\">metrics</a> · <a href=\"/api/v1/clusters\">JSON</a> · "
		       "<a href=\"/healthz\">health</a></p></body></html>\n");
}
