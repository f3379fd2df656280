#include <string.h>

#include "base/utf8.h"
#include "render/diag_print.h"

static void add_member(struct text *out, const char *name, struct span value)
{
	if (value.len == 0)
		return;
	text_addf(out, ", \"%s\": ", name);
	text_add_json(out, value);
}

void diag_print_json(struct text *out, const struct diag_list *list)
{
	text_adds(out, "[");
	for (size_t i = 0; i < list->count; i++) {
		const struct diag *diag = &list->items[i];
		text_adds(out, i == 0 ? "\n  {" : ",\n  {");
		text_addf(out, "\"severity\": \"%s\"", diag_severity_name(diag->severity));
		add_member(out, "file", diag->file);
		if (diag->line > 0)
			text_addf(out, ", \"line\": %u", diag->line);
		if (diag->column > 0)
			text_addf(out, ", \"column\": %u", diag->column);
		add_member(out, "object", diag->object);
		add_member(out, "path", diag->path);
		add_member(out, "code", span_of(diag->code));
		add_member(out, "message", diag->message);
		add_member(out, "hint", diag->hint);
		text_adds(out, "}");
	}
	text_adds(out, list->count == 0 ? "]\n" : "\n]\n");
}

/* --- SARIF -------------------------------------------------------------------------------------------------------- */

static bool is_first_of_code(const struct diag_list *list, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (strcmp(list->items[i].code, list->items[index].code) == 0)
			return false;
	return true;
}

static void add_rules(struct text *out, const struct diag_list *list)
{
	bool is_first = true;
	for (size_t i = 0; i < list->count; i++) {
		if (!is_first_of_code(list, i))
			continue;
		text_addf(out, "%s\n            {\"id\": \"%s\"}", is_first ? "" : ",", list->items[i].code);
		is_first = false;
	}
}

/* A relative URI: what a path may hold and a URI may not is escaped. */
static void add_uri(struct text *out, struct span path)
{
	text_addc(out, '"');
	for (size_t i = 0; i < path.len; i++) {
		unsigned char c = (unsigned char)path.ptr[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
				(c != '\0' && strchr("-._~/", c) != NULL);
		if (is_plain)
			text_addc(out, (char)c);
		else
			text_addf(out, "%%%02X", c);
	}
	text_addc(out, '"');
}

/* In UTF-16 code units, as editors count; 0 when that is not known. */
static size_t utf16_column(struct diag_reader *reader, const struct diag *diag)
{
	struct span line;
	size_t column = 1;
	if (diag->column == 0 || !diag_read_line(reader, diag, &line) || diag->column > line.len + 1)
		return 0;
	line.len = diag->column - 1;
	while (line.len > 0) {
		uint32_t c;
		size_t used = utf8_decode(line, &c);
		column += c != UTF8_BAD && c > 0xFFFF ? 2 : 1;
		line.ptr += used;
		line.len -= used;
	}
	return column;
}

static void add_region(struct text *out, struct diag_reader *reader, const struct diag *diag)
{
	size_t column = utf16_column(reader, diag);
	text_addf(out, ", \"region\": {\"startLine\": %u", diag->line);
	if (column > 0)
		text_addf(out, ", \"startColumn\": %zu", column);
	text_adds(out, "}");
}

static void add_location(struct text *out, struct diag_reader *reader, const struct diag *diag)
{
	text_adds(out, ",\n          \"locations\": [{");
	if (diag->file.len > 0) {
		text_adds(out, "\"physicalLocation\": {\"artifactLocation\": {\"uri\": ");
		add_uri(out, diag->file);
		text_adds(out, "}");
		if (diag->line > 0)
			add_region(out, reader, diag);
		text_adds(out, "}");
	}
	if (diag->object.len > 0) {
		text_adds(out, diag->file.len > 0 ? ", " : "");
		text_adds(out, "\"logicalLocations\": [{\"fullyQualifiedName\": ");
		text_add_json(out, diag->object);
		text_adds(out, "}]");
	}
	text_adds(out, "}]");
}

static void add_sarif_text(struct text *out, const struct diag *diag)
{
	struct text all;
	text_init(&all, TEXT_NO_LIMIT);
	if (diag->object.len > 0)
		text_addf(&all, "%.*s: ", SPAN_ARG(diag->object));
	if (diag->path.len > 0)
		text_addf(&all, "%.*s: ", SPAN_ARG(diag->path));
	text_add(&all, diag->message);
	if (diag->hint.len > 0)
		text_addf(&all, "\n%.*s", SPAN_ARG(diag->hint));
	text_add_json(out, text_span(&all));
	text_done(&all);
}

void diag_print_sarif(struct text *out, const struct diag_list *list, const struct diag_source *source)
{
	struct diag_reader reader = {.source = source};
	text_adds(out, "{\n  \"$schema\": \"https://json.schemastore.org/sarif-2.1.0.json\",\n  \"version\": \"2.1.0\",\n"
		       "  \"runs\": [\n    {\n      \"tool\": {\n        \"driver\": {\n          \"name\": \"omniops\",\n"
		       "          \"rules\": [");
	add_rules(out, list);
	text_adds(out, "\n          ]\n        }\n      },\n      \"columnKind\": \"utf16CodeUnits\",\n      \"results\": [");
	for (size_t i = 0; i < list->count; i++) {
		const struct diag *diag = &list->items[i];
		text_addf(out, "%s\n        {\n          \"ruleId\": \"%s\",\n          \"level\": \"%s\",\n"
			       "          \"message\": {\"text\": ",
			  i == 0 ? "" : ",", diag->code, diag_severity_name(diag->severity));
		add_sarif_text(out, diag);
		text_adds(out, "}");
		if (diag->file.len > 0 || diag->object.len > 0)
			add_location(out, &reader, diag);
		text_adds(out, "\n        }");
	}
	text_adds(out, "\n      ]\n    }\n  ]\n}\n");
}

/* --- GitHub ------------------------------------------------------------------------------------------------------- */

static void add_command_text(struct text *out, struct span s, bool is_property)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '%' || c == '\r' || c == '\n' || (is_property && (c == ':' || c == ',')))
			text_addf(out, "%%%02X", (unsigned char)c);
		else
			text_addc(out, c);
	}
}

void diag_print_github(struct text *out, const struct diag_list *list)
{
	static const char *const commands[] = {"error", "warning", "notice"};
	for (size_t i = 0; i < list->count; i++) {
		const struct diag *diag = &list->items[i];
		text_addf(out, "::%s ", commands[diag->severity]);
		if (diag->file.len > 0) {
			text_adds(out, "file=");
			add_command_text(out, diag->file, true);
			text_adds(out, ",");
		}
		if (diag->file.len > 0 && diag->line > 0)
			text_addf(out, "line=%u,", diag->line);
		if (diag->file.len > 0 && diag->line > 0 && diag->column > 0)
			text_addf(out, "col=%u,", diag->column);
		text_addf(out, "title=%s::", diag->code);
		if (diag->object.len > 0) {
			add_command_text(out, diag->object, false);
			text_adds(out, ": ");
		}
		if (diag->path.len > 0) {
			add_command_text(out, diag->path, false);
			text_adds(out, ": ");
		}
		add_command_text(out, diag->message, false);
		if (diag->hint.len > 0) {
			text_adds(out, "%0A");
			add_command_text(out, diag->hint, false);
		}
		text_addc(out, '\n');
	}
}
