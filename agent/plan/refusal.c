#include "agent/plan/refusal.h"

#include "agent/plan/internal.h"
#include "agent/plan/refusal_int.h"
#include "base/cleanup.h"
#include "base/text.h"

/* What a failure is called when its text is not known; NULL: it is no refusal of this resource. */
static const char *code_of(enum fail_code code)
{
	switch (code) {
	case FAIL_INVALID:
	case FAIL_PRECONDITION:
	case FAIL_UNSUPPORTED: return "Refused";
	case FAIL_DENIED: return "NoAccess";
	case FAIL_UNAUTHENTICATED: return "NotAuthenticated";
	case FAIL_CONFLICT: return "ChangedMeanwhile";
	case FAIL_EXISTS: return "Exists";
	case FAIL_NOT_FOUND: return "Gone";
	case FAIL_TOO_BIG: return "TooBigForOmni";
	case FAIL_BUG: return "ServerFault";
	default: return NULL;
	}
}

/* apply_step says which operation failed; the place of the diagnostic says it, too. */
static struct span without_operation(struct arena *arena, const struct refusal *refusal, const struct fail *fail)
{
	struct span text = span_of(fail->text);
	struct span prefix = arena_spanf(arena, "cannot %s %s(%.*s): ", refusal->action, refusal->type->name,
					 SPAN_ARG(refusal->id));
	if (prefix.len > 0 && span_starts(text, prefix.ptr))
		return (struct span){text.ptr + prefix.len, text.len - prefix.len};
	return text;
}

/* An error of its own inside a list: "rpc error: code = PermissionDenied desc = …" */
static struct span without_status(struct span item)
{
	static const char between[] = " desc = ";
	if (!span_starts(item, "rpc error: code = "))
		return item;
	for (size_t i = 0; i + sizeof between - 1 < item.len; i++)
		if (memcmp(item.ptr + i, between, sizeof between - 1) == 0)
			return (struct span){item.ptr + i + sizeof between - 1, item.len - i - sizeof between + 1};
	return item;
}

/* --- hints ------------------------------------------------------------------------------------------------------------ */

static struct span fill_in(struct arena *arena, const char *hint, const struct span captures[REFUSAL_CAPTURES])
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	for (const char *c = hint; *c != '\0'; c++) {
		bool is_capture = c[0] == '%' && c[1] >= '1' && c[1] <= '0' + REFUSAL_CAPTURES;
		if (is_capture)
			text_add(&out, span_trim(captures[*++c - '1']));
		else
			text_addc(&out, *c);
	}
	struct span copy = arena_copy(arena, text_span(&out));
	text_done(&out);
	return copy;
}

static bool needs_admin(const struct omni_type *type)
{
	static const char *const names[] = {"AccessPolicies.", "Users.", "Identities.", "EtcdBackupS3Confs.", "Providers."};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (span_starts(span_of(type->name), names[i]))
			return true;
	return false;
}

static bool is_of_cluster(const struct omni_type *type)
{
	return type != OMNI_KERNEL_ARGS && type != OMNI_INSTALL_DISK && type != OMNI_MACHINE_CLASS && type != OMNI_LINK;
}

static struct span role_hint(struct arena *arena, const struct refusal *refusal, struct span role)
{
	const char *needed = needs_admin(refusal->type) ? "Admin" : "Operator";
	bool has_policy = refusal->cluster != NULL && is_of_cluster(refusal->type);
	return arena_spanf(arena, "the service account has the role %.*s here and needs %s%s", SPAN_ARG(role), needed,
			   has_policy ? ", or an access policy that gives it this role for the cluster" : "");
}

static bool has_capitals(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z')
			return true;
	return false;
}

static struct span provider_hint(struct arena *arena, const struct refusal *refusal)
{
	struct span id = refusal->desired == NULL ? (struct span){"", 0}
						  : node_text_at(&refusal->desired->spec, "autoprovision.providerid");
	if (has_capitals(id))
		return arena_spanf(arena, "Omni 0.45 and newer register providers in lower case only: use the name under which "
					  "\"%.*s\" is registered now",
				   SPAN_ARG(id));
	return SPAN("is the provider registered in this Omni, under this very name? (omnictl get infraproviderstatuses)");
}

static bool is_class_switch(const struct refusal *refusal, const struct refusal_match *match)
{
	return refusal->type == OMNI_MACHINE_CLASS && match->row != NULL && strcmp(match->row->code, "ServerFault") == 0;
}

static struct span hint_of(struct arena *arena, const struct refusal *refusal, const struct refusal_match *match,
			   const char *code)
{
	if (is_class_switch(refusal, match))
		return arena_spanf(arena, "Omni fails when an existing class changes between matchLabels and autoProvision: delete it "
					  "(omnictl delete machineclass %.*s) and apply again, or declare the new one under another name",
				   SPAN_ARG(refusal->id));
	if (strcmp(code, "RoleTooLow") == 0)
		return role_hint(arena, refusal, match->captures[0]);
	if (strcmp(code, "ProviderUnknown") == 0)
		return provider_hint(arena, refusal);
	if (match->row != NULL && match->row->hint != NULL)
		return fill_in(arena, match->row->hint, match->captures);
	return (struct span){"", 0};
}

/* --- diagnostics ------------------------------------------------------------------------------------------------------ */

static void add(struct diag_list *out, const struct refusal_place *place, const char *code, struct span message,
		struct span hint)
{
	struct diag_at at = {out, place->file, place->object};
	struct node position = {.line = NODE_LINE(place->line), .column = NODE_COLUMN(place->column)};
	struct diag *diag = diag_error(&at, code, &position, place->path.len > 0 ? arena_string(out->arena, place->path) : "",
				       "%.*s", SPAN_ARG(message));
	if (hint.len > 0)
		diag->hint = hint;
}

/* YAML faults repeat the value: "cannot construct !!str `s3cr3t` into …". What people put into patches stays there. */
static struct span without_values(struct arena *arena, struct span text)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	bool is_value = false;
	for (size_t i = 0; i < text.len; i++) {
		bool is_quote = text.ptr[i] == '`';
		if (is_quote && !is_value)
			out[len++] = '*';
		is_value ^= is_quote;
		if (!is_value && !is_quote)
			out[len++] = text.ptr[i];
	}
	return (struct span){out, len};
}

static struct span said_by_omni(struct arena *arena, const struct refusal *refusal, const char *code, struct span text)
{
	if (plan_content_key(refusal->type) != NULL)
		text = without_values(arena, text);
	if (strcmp(code, "ChangedMeanwhile") == 0)
		return arena_spanf(arena, "cannot %s %s(%.*s): %.*s", refusal->action, refusal->type->name, SPAN_ARG(refusal->id),
				   SPAN_ARG(text));
	return arena_spanf(arena, "Omni refuses to %s %s(%.*s): %.*s", refusal->action, refusal->type->name,
			   SPAN_ARG(refusal->id), SPAN_ARG(text));
}

/* One fault per key, without the values. False when the excerpt cannot be read. */
static bool add_unknown_keys(const struct refusal *refusal, const struct refusal_match *match, struct span item,
			     struct span hint, struct diag_list *out)
{
	struct arena *arena = out->arena;
	struct span keys[REFUSAL_KEYS_MAX];
	const char *content = refusal->desired == NULL ? NULL : plan_content_key(refusal->type);
	size_t count = content == NULL ? 0 : refusal_unknown_keys(arena, item, keys);
	for (size_t i = 0; i < count; i++) {
		struct refusal_place place;
		refusal_place_field(arena, refusal, match, item, &place);
		if (place.file.len > 0)
			refusal_place_keys(arena, refusal, keys[i], content, &place);
		struct span text = arena_spanf(arena, "Talos does not know the field \"%.*s\"", SPAN_ARG(keys[i]));
		add(out, &place, match->row->code, said_by_omni(arena, refusal, match->row->code, text), hint);
	}
	return count > 0;
}

/* The row of provider data would fit texts about anything else, too. */
static bool is_foreign(const struct refusal *refusal, const struct refusal_match *match)
{
	return match->row != NULL && refusal->type != OMNI_MACHINE_CLASS && strcmp(match->row->code, "ProviderData") == 0;
}

static bool explain_item(const struct refusal *refusal, enum fail_code fail_code, struct span item, struct diag_list *out)
{
	struct refusal_match match;
	struct refusal_place place;
	item = without_status(item);
	if (!refusal_find(item, &match) || is_foreign(refusal, &match))
		match = (struct refusal_match){0};
	const char *code = is_class_switch(refusal, &match) ? "MachineClassSwitch"
			   : match.row != NULL		    ? match.row->code
							    : code_of(fail_code);
	if (code == NULL)
		return false;
	struct span hint = hint_of(out->arena, refusal, &match, code);
	bool is_keys = match.row != NULL && match.row->field != NULL && strcmp(match.row->field, "@keys") == 0;
	if (is_keys && add_unknown_keys(refusal, &match, item, hint, out))
		return true;
	refusal_place_field(out->arena, refusal, &match, item, &place);
	add(out, &place, code, said_by_omni(out->arena, refusal, code, item), hint);
	return true;
}

bool refusal_explain(const struct refusal *refusal, const struct fail *fail, struct diag_list *out)
{
	struct refusal_items *items = ARENA_NEW(out->arena, struct refusal_items);
	struct span text = arena_copy(out->arena, without_operation(out->arena, refusal, fail));
	bool is_any = false;
	refusal_split(out->arena, text, refusal_is_known, items);
	for (size_t i = 0; i < items->count; i++)
		is_any |= explain_item(refusal, fail->code, items->items[i], out);
	return is_any;
}

/* --- for plans -------------------------------------------------------------------------------------------------------- */

static const struct node *document_of(const struct fleet *fleet, const struct resource *resource)
{
	for (size_t i = 0; fleet != NULL && resource != NULL && i < fleet->raw_count; i++) {
		const struct raw_resource *raw = fleet->raws[i];
		bool is_it = raw->resource != NULL && raw->document != NULL && raw->resource->type == resource->type &&
			     span_eq(raw->resource->id, resource->id) && span_eq(raw->document->file, resource->file) &&
			     raw->document->root.line == resource->line;
		if (is_it)
			return &raw->document->root;
	}
	return NULL;
}

bool refusal_explain_op(const struct plan_op *op, const struct cluster *cluster, const struct fleet *fleet,
			const struct fail *fail, struct diag_list *out)
{
	struct refusal refusal = {.action = "update", .type = OMNI_CLUSTER, .cluster = cluster};
	if (op != NULL) {
		refusal.action = plan_op_name(op->kind);
		refusal.type = op->type;
		refusal.id = op->id;
		refusal.desired = op->kind == PLAN_DESTROY ? NULL : op->desired;
		refusal.document = document_of(fleet, refusal.desired);
	} else if (cluster != NULL) {
		refusal.id = cluster->name;
	}
	return refusal_explain(&refusal, fail, out);
}

void refusal_brief(struct text *out, const struct diag_list *list)
{
	if (list->count == 0)
		return;
	const struct diag *diag = &list->items[0];
	if (diag->file.len > 0)
		text_addf(out, "%.*s", SPAN_ARG(diag->file));
	if (diag->line > 0)
		text_addf(out, ":%u", diag->line);
	if (diag->line > 0 && diag->column > 0)
		text_addf(out, ":%u", diag->column);
	text_addf(out, "%s%.*s%s%.*s%s", diag->file.len > 0 ? ": " : "", SPAN_ARG(diag->object), diag->object.len > 0 ? ": " : "",
		  SPAN_ARG(diag->path), diag->path.len > 0 ? ": " : "");
	for (size_t i = 0; i < diag->message.len; i++)
		text_addc(out, (unsigned char)diag->message.ptr[i] < ' ' ? ' ' : diag->message.ptr[i]);
	if (list->count > 1)
		text_addf(out, " (and %zu more)", list->count - 1);
}
