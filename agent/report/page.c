/* The status page: one self-contained page of HTML that reads well in a browser and in a text browser. */
#include <stdio.h>
#include <string.h>

#include "agent/report/state.h"
#include "base/cleanup.h"
#include "base/timestamp.h"

static const char style[] =
	":root{--ink:#1b1f24;--soft:#59636e;--line:#d8dee4;--paper:#fff;--card:#f6f8fa;--link:#0550ae;"
	"color-scheme:light dark}"
	"body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1.2rem;color:var(--ink);background:var(--paper)}"
	"header{display:flex;flex-wrap:wrap;align-items:baseline;gap:.2rem 1rem}h1{font-size:1.5rem;margin:0;letter-spacing:-.01em}"
	"h2{font-size:1.05rem;margin:2.2rem 0 .6rem}p,footer{margin:.2rem 0;color:var(--soft)}a{color:var(--link)}"
	".tiles{display:flex;flex-wrap:wrap;gap:.6rem;margin:1.2rem 0 0;padding:0;list-style:none}"
	".tiles li{min-width:6.2rem;padding:.5rem .9rem;border-radius:.6rem}.tiles b{display:block;font-size:1.6rem;line-height:1.2}"
	".wide{overflow-x:auto;border:1px solid var(--line);border-radius:.6rem}table{border-collapse:collapse;width:100%}"
	"th,td{text-align:left;vertical-align:top;padding:.5rem .8rem;border-top:1px solid var(--line)}thead th{border:0;background:var(--card);"
	"font-size:.8rem;color:var(--soft);font-weight:600;white-space:nowrap}td.m{min-width:20rem;overflow-wrap:anywhere}td.n{white-space:nowrap}"
	"td:first-child{font-weight:600}code{font:13px ui-monospace,monospace;white-space:nowrap}td.e{color:var(--soft);text-align:center}"
	"small{color:var(--soft);font-weight:400}"
	".s{display:inline-block;padding:0 .6rem;border-radius:1rem;font-size:.82rem;font-weight:600;white-space:nowrap}"
	".good{background:#dafbe1;color:#116329}.busy{background:#ddf4ff;color:#0550ae}.wait{background:#fff3c4;color:#7a4d00}"
	".bad{background:#ffebe9;color:#a40e26}.idle{background:#eaeef2;color:#424a53}footer{margin-top:2.2rem}"
	"@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#30363d;--paper:#0d1117;--card:#151b23;--link:#6cb6ff}"
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

static void cell(struct text *out, const char *class, const char *string)
{
	text_addf(out, "<td class=\"%s\">", class);
	escaped(out, string);
	text_adds(out, "</td>");
}

/* How long ago, and exactly when for who points at it. */
static void cell_time(struct text *out, int64_t now_ms, int64_t wall_ms)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};
	char time[TIMESTAMP_SIZE];
	if (wall_ms <= 0) {
		text_adds(out, "<td></td>");
		return;
	}
	timestamp_format(wall_ms, TIMESTAMP_SECONDS, time);
	int64_t age = now_ms > wall_ms ? now_ms - wall_ms : 0;
	size_t i = 0;
	while (i + 1 < COUNT_OF(units) && age < units[i].ms)
		i++;
	text_addf(out, "<td class=\"n\"><time title=\"%s\" datetime=\"%s\">%lld %s ago</time></td>", time, time,
		  (long long)(age / units[i].ms), units[i].unit);
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

/* "main@sha1:0123456789ab": enough to recognise a commit. */
static void cell_revision(struct text *out, const char *revision)
{
	struct span hash = span_behind(span_of(revision), ':');
	size_t head = hash.ptr == NULL ? strlen(revision) : (size_t)(hash.ptr - revision);
	char shown[320];
	snprintf(shown, sizeof shown, "%.*s%.12s", (int)head, revision, hash.ptr == NULL ? "" : hash.ptr);
	text_adds(out, "<td><code title=\"");
	escaped(out, revision);
	text_adds(out, "\">");
	escaped(out, shown);
	text_adds(out, "</code></td>");
}

static void begin_table(struct text *out, const char *title, const char *const *heads)
{
	text_addf(out, "<h2>%s</h2><div class=\"wide\"><table><thead><tr>", title);
	for (; *heads != NULL; heads++)
		text_addf(out, "<th>%s</th>", *heads);
	text_adds(out, "</tr></thead><tbody>\n");
}

static void end_table(struct text *out, size_t rows, const char *nothing)
{
	if (rows == 0)
		text_addf(out, "<tr><td class=\"e\" colspan=\"6\">%s</td></tr>", nothing);
	text_adds(out, "</tbody></table></div>\n");
}

static void cell_message(struct text *out, const struct unit_report *unit)
{
	text_adds(out, "<td class=\"m\">");
	escaped(out, unit->texts.message);
	if (unit->source_error[0] != '\0')
		text_adds(out, " <small>as last read: its source cannot be read now</small>");
	text_adds(out, "</td>");
}

/* "Ready 5/5", or the phase; and what is missing. */
static void cell_omni(struct text *out, const struct unit_health *omni)
{
	if (omni->phase[0] == '\0') {
		text_adds(out, "<td></td>");
		return;
	}
	bool is_ready = omni->health == HEALTH_READY;
	text_addf(out, "<td><span class=\"s %s\">%s</span> <small>%u/%u%s%s</small>", is_ready ? "good" : "busy",
		  is_ready ? "Ready" : omni->phase, omni->machines_healthy, omni->machines_wanted, omni->is_locked ? ", locked" : "",
		  omni->reason[0] != '\0' ? "<br>" : "");
	if (omni->reason[0] != '\0') {
		text_adds(out, "<small>");
		escaped(out, omni->reason);
		text_adds(out, "</small>");
	}
	text_adds(out, "</td>");
}

static void print_unit(struct text *out, const struct agent_report *report, const struct unit_report *unit)
{
	text_adds(out, "<tr><td class=\"n\">");
	escaped(out, unit->is_raws ? "raw resources" : unit->name);
	if (unit->connection[0] != '\0') {
		text_adds(out, " <small>");
		escaped(out, unit->connection);
		text_adds(out, "</small>");
	}
	text_adds(out, "</td>");
	badge(out, class_of(unit->state.phase), unit_phase_name(unit->state.phase));
	cell_message(out, unit);
	cell_revision(out, unit->texts.revision);
	cell_time(out, report->now_wall_ms, unit->state.applied_wall_ms);
	cell_omni(out, &unit->state.omni);
	text_adds(out, "</tr>\n");
}

/* What somebody has to look at stands first. */
static void print_units(struct text *out, const struct agent_report *report)
{
	static const char *const heads[] = {"Cluster", "State", "What is going on", "Revision", "Applied", "Omni says", NULL};
	static const enum unit_phase order[] = {UNIT_FAILED,	  UNIT_HELD,	UNIT_FROZEN,	UNIT_OUT_OF_SYNC,
						UNIT_PROGRESSING, UNIT_PENDING, UNIT_SUSPENDED, UNIT_IN_SYNC};
	begin_table(out, "Clusters", heads);
	for (size_t p = 0; p < COUNT_OF(order); p++)
		for (size_t i = 0; i < report->unit_count; i++)
			if (report->units[i].state.phase == order[p])
				print_unit(out, report, &report->units[i]);
	end_table(out, report->unit_count, "No cluster is declared yet.");
}

static void print_sources(struct text *out, const struct agent_report *report)
{
	static const char *const heads[] = {"Source", "State", "What is going on", "Revision", "Looked", NULL};
	begin_table(out, "Sources", heads);
	for (size_t i = 0; i < report->source_count; i++) {
		const struct source_state *source = &report->sources[i];
		char summary[128];
		const char *message = source->error[0] != '\0' ? source->error : source->first_error;
		snprintf(summary, sizeof summary, "%zu cluster%s in %zu document%s", source->clusters,
			 source->clusters == 1 ? "" : "s", source->documents, source->documents == 1 ? "" : "s");
		text_adds(out, "<tr>");
		cell(out, "n", source->name);
		if (source->error[0] != '\0')
			badge(out, "bad", "Unreadable");
		else if (source->errors > 0)
			badge(out, "wait", "Faulty");
		else
			badge(out, source->is_loaded ? "good" : "idle", source->is_loaded ? "Read" : "Pending");
		cell(out, "m", message[0] != '\0' ? message : source->is_loaded ? summary : "");
		cell_revision(out, source->revision);
		cell_time(out, report->now_wall_ms, source->polled_wall_ms);
		text_adds(out, "</tr>\n");
	}
	end_table(out, report->source_count, "There is no source.");
}

/* "Omni v1.9.3 (home) as ci, key good for 212 days; 431 resources known, …" */
static void omni_summary(char *out, size_t size, const struct agent_report *report, const struct omni_report *omni)
{
	char who[600] = "", key[64] = "";
	int64_t days = (omni->key_expires_s - report->now_wall_ms / 1000) / 86400;
	if (omni->key_expires_s != 0)
		snprintf(key, sizeof key, ", key good for %lld days", (long long)days);
	if (omni->version[0] != '\0')
		snprintf(who, sizeof who, "Omni %s%s%s%s as %s%s; ", omni->version, omni->instance[0] != '\0' ? " (" : "",
			 omni->instance, omni->instance[0] != '\0' ? ")" : "", omni->identity[0] != '\0' ? omni->identity : "nobody",
			 key);
	snprintf(out, size, "%s%zu resources known; changes are seen %s", who, omni->resources,
		 omni->is_watched ? "when they happen" : "by asking again and again");
}

static void print_omni(struct text *out, const struct agent_report *report, const struct omni_report *omni)
{
	char summary[900], calls[96];
	const char *trouble = omni->error[0] != '\0' ? omni->error : omni->trouble;
	omni_summary(summary, sizeof summary, report, omni);
	snprintf(calls, sizeof calls, "%llu reads, %llu writes", (unsigned long long)omni->read_calls,
		 (unsigned long long)omni->write_calls);
	text_adds(out, "<tr>");
	cell(out, "n", omni->url[0] != '\0' ? omni->url : omni->connection);
	badge(out, trouble[0] != '\0' ? "bad" : omni->is_watched ? "good" : "busy",
	      omni->error[0] != '\0' ? "Not open" : trouble[0] != '\0' ? "Down" : omni->is_watched ? "Watched" : "Asked");
	cell(out, "m", trouble[0] != '\0' ? trouble : summary);
	cell_time(out, report->now_wall_ms, omni->since_wall_ms);
	cell(out, "n", calls);
	text_adds(out, "</tr>\n");
}

static void print_omnis(struct text *out, const struct agent_report *report)
{
	static const char *const heads[] = {"Omni", "State", "What is going on", "Since", "Calls", NULL};
	begin_table(out, "Omnis", heads);
	for (size_t i = 0; i < report->omni_count; i++)
		print_omni(out, report, &report->omnis[i]);
	end_table(out, report->omni_count, "No Omni was needed yet.");
}

/* What somebody keeps by hand, or another agent. */
static void print_unmanaged(struct text *out, const struct agent_report *report)
{
	enum { ROWS = 100 };
	static const char *const heads[] = {"Unmanaged", "Type", "Kept by", "Omni", NULL};
	if (report->unmanaged_count == 0)
		return;
	begin_table(out, "In Omni, and in no source", heads);
	for (size_t i = 0; i < report->unmanaged_count && i < ROWS; i++) {
		const struct unmanaged_report *one = &report->unmanaged[i];
		text_adds(out, "<tr>");
		cell(out, "n", one->id);
		cell(out, "n", one->type);
		cell(out, "n", one->kept_by);
		cell(out, "m", report->omnis[one->omni].url);
		text_adds(out, "</tr>\n");
	}
	if (report->unmanaged_count > ROWS)
		text_addf(out, "<tr><td class=\"e\" colspan=\"4\">and %zu more</td></tr>", report->unmanaged_count - ROWS);
	end_table(out, report->unmanaged_count, "");
}

static void print_tiles(struct text *out, const struct agent_report *report)
{
	text_adds(out, "<ul class=\"tiles\">");
	for (int phase = 0; phase < UNIT_PHASE_COUNT; phase++) {
		size_t count = 0;
		for (size_t i = 0; i < report->unit_count; i++)
			count += !report->units[i].is_raws && (int)report->units[i].state.phase == phase;
		if (count > 0)
			text_addf(out, "<li class=\"%s\"><b>%zu</b>%s</li>", class_of((enum unit_phase)phase), count,
				  unit_phase_name((enum unit_phase)phase));
	}
	text_adds(out, "</ul>\n");
}

void report_page(struct text *out, const struct agent_report *report)
{
	char now[TIMESTAMP_SIZE];
	timestamp_format(report->now_wall_ms, TIMESTAMP_SECONDS, now);
	text_addf(out, "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
		       "content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"10\"><title>omniops</title>"
		       "<style>%s</style></head><body><header><h1>omniops</h1><p>%s</p><p>as of %s</p></header>\n",
		  style, OMNIOPS_VERSION, now);
	print_tiles(out, report);
	print_units(out, report);
	print_sources(out, report);
	print_omnis(out, report);
	print_unmanaged(out, report);
	text_adds(out, "<footer><a href=\"/metrics\">metrics</a> · <a href=\"/api/v1/state\">JSON</a> · "
		       "<a href=\"/healthz\">health</a></footer></body></html>\n");
}
