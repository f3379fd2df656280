#include "agent/plan/report_internal.h"

#include "base/cleanup.h"
#include "base/utf8.h"

bool plan_format_parse(struct span name, enum plan_format *out)
{
	static const char *const names[] = {"text", "json", "markdown"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (span_is(name, names[i])) {
			*out = (enum plan_format)i;
			return true;
		}
	}
	return false;
}

void plan_reports_hash(const struct plan_report *reports, size_t count, char out_hex[DIGEST_HEX_SIZE])
{
	if (count == 1) {
		memcpy(out_hex, reports[0].plan->hash, DIGEST_HEX_SIZE);
		return;
	}
	struct digest *digest = digest_new();
	for (size_t i = 0; i < count; i++)
		digest_add(digest, span_of(reports[i].plan->hash));
	digest_finish(digest, out_hex);
}

struct report_totals report_count(const struct plan_report *reports, size_t count)
{
	struct report_totals totals = {0};
	for (size_t i = 0; i < count; i++) {
		const struct plan *plan = reports[i].plan;
		totals.creates += plan->creates;
		totals.updates += plan->updates;
		totals.destroys += plan->destroys;
		totals.conflicts += plan->conflict_count;
		totals.is_held |= report_is_held(&reports[i]);
		totals.is_waiting |= plan->is_waiting;
		if (plan->risk > totals.risk)
			totals.risk = plan->risk;
	}
	plan_reports_hash(reports, count, totals.hash);
	return totals;
}

int plan_exit_code(const struct plan_report *reports, size_t count)
{
	int code = 0;
	for (size_t i = 0; i < count; i++) {
		if (report_is_held(&reports[i]))
			return 3;
		if (!plan_is_empty(reports[i].plan))
			code = 2;
	}
	return code;
}

/* Invisible characters, and those that turn the direction of text: they could make a plan look like another. */
static bool is_deceptive(uint32_t c)
{
	return (c >= 0x80 && c < 0xA0) || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
	       (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

void report_add_plain(struct text *out, struct span text)
{
	while (text.len > 0) {
		uint32_t c;
		size_t len = utf8_decode(text, &c);
		if (c == '\n')
			text_adds(out, "\\n");
		else if (c == UTF8_BAD || c < 0x20 || c == 0x7F)
			text_addf(out, "\\x%02x", (unsigned char)text.ptr[0]);
		else if (is_deceptive(c))
			text_addf(out, "\\u%04x", (unsigned)c);
		else
			text_add(out, (struct span){text.ptr, len});
		text = (struct span){text.ptr + len, text.len - len};
	}
}

void report_add_name(struct text *out, const struct omni_type *type, struct span id)
{
	struct span name = span_of(type->name);
	text_add(out, span_before(name, '.'));
	text_addc(out, '(');
	report_add_plain(out, id);
	text_addc(out, ')');
}

void report_add_title(struct text *out, const struct plan_report *report)
{
	if (report->plan->cluster.len == 0)
		text_adds(out, "raw resources");
	else {
		text_adds(out, "cluster ");
		report_add_plain(out, report->plan->cluster);
	}
}

void report_add_command(struct text *out, const struct plan *plan, const char *separator)
{
	struct span name = plan->cluster.len == 0 ? SPAN("raw") : plan->cluster;
	text_adds(out, plan->is_delete ? "omniops delete " : "omniops apply");
	if (plan->is_delete)
		report_add_plain(out, name);
	text_addf(out, " --approve %.*s", PLAN_HASH_SHORT, plan->hash);
	if (plan->is_delete)
		return;
	text_addf(out, "%somniops approve ", separator);
	report_add_plain(out, name);
	text_addf(out, " %.*s", PLAN_HASH_SHORT, plan->hash);
}

void plan_print(struct text *out, const struct plan_report *reports, size_t count, enum plan_format format, bool colour)
{
	if (format == PLAN_JSON)
		report_print_json(out, reports, count);
	else if (format == PLAN_MARKDOWN)
		report_print_markdown(out, reports, count);
	else
		report_print_text(out, reports, count, colour);
}
