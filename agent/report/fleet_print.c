/* The views as text: colours only when they are asked for, words of omnictl in its colours. */
#include "agent/report/fleet_view.h"

#include "base/cleanup.h"
#include "base/timestamp.h"

#define GREEN "\033[32m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define BLUE "\033[34m"
#define CYAN "\033[36m"
#define PLAIN "\033[0m"

/* Longer ones first: "Not Ready" is not "Ready". */
static const struct {
	const char *words, *color;
} tones[] = {
	{"Not Ready", RED}, {"Ready", GREEN}, {"OK", GREEN}, {"RUNNING", GREEN}, {"Running", GREEN}, {"Done", GREEN},
	{"Unreachable", RED}, {"Failing", RED}, {"Config Apply Failed", RED}, {"Failed", RED}, {"DESTROYING", RED},
	{"Destroying", RED}, {"BEFORE_DESTROY", RED}, {"Pending Config Update", BLUE}, {"Locked", BLUE},
	{"Config Outdated", YELLOW}, {"SCALING_UP", YELLOW}, {"SCALING_DOWN", YELLOW}, {"ScalingUp", YELLOW},
	{"ScalingDown", YELLOW}, {"Reconfiguring", YELLOW}, {"Upgrading", YELLOW}, {"Reverting", YELLOW},
	{"UpdatingMachineSchematics", YELLOW}, {"BOOTING", YELLOW}, {"INSTALLING", YELLOW}, {"CONFIGURING", YELLOW},
	{"UPGRADING", YELLOW}, {"REBOOTING", YELLOW}, {"SHUTTING_DOWN", YELLOW}, {"POWERING_ON", YELLOW}, {"UNKNOWN", YELLOW},
	{"Unknown", YELLOW}, {"Held", YELLOW}, {"OutOfSync", YELLOW},
};

static void paint(struct text *out, const char *color, struct span words, bool is_on)
{
	bool is_painted = is_on && color[0] != '\0';
	if (is_painted)
		text_adds(out, color);
	text_add(out, words);
	if (is_painted)
		text_adds(out, PLAIN);
}

static size_t tone_at(struct span rest)
{
	size_t i = 0;
	for (; i < COUNT_OF(tones); i++) {
		size_t len = span_of(tones[i].words).len;
		if (span_starts(rest, tones[i].words) && (rest.len == len || rest.ptr[len] == ' ' || rest.ptr[len] == ':'))
			break;
	}
	return i;
}

/* A line, each known word in its colour; what stands in quotes or parentheses is a name. */
static void paint_line(struct text *out, struct span line, bool is_on)
{
	size_t i = 0;
	while (is_on && i < line.len) {
		struct span rest = {line.ptr + i, line.len - i};
		size_t tone = i == 0 || line.ptr[i - 1] == ' ' ? tone_at(rest) : COUNT_OF(tones);
		if (tone < COUNT_OF(tones)) {
			struct span words = span_of(tones[tone].words);
			paint(out, tones[tone].color, words, true);
			i += words.len;
		} else if (*rest.ptr == '"' && span_behind((struct span){rest.ptr + 1, rest.len - 1}, '"').ptr != NULL) {
			size_t len = span_before((struct span){rest.ptr + 1, rest.len - 1}, '"').len + 2;
			text_add(out, (struct span){rest.ptr, len});
			i += len;
		} else {
			text_addc(out, line.ptr[i++]);
		}
	}
	if (!is_on)
		text_add(out, line);
}

/* --- one cluster ---------------------------------------------------------------------------------------------------- */

static void print_children(struct text *out, const struct view_node *node, struct text *indent, bool color)
{
	for (size_t i = 0; i < node->child_count; i++) { /* three levels at most */
		const struct view_node *child = node->children[i];
		bool is_last = i + 1 == node->child_count;
		text_add(out, text_span(indent));
		text_adds(out, is_last ? "└── " : "├── ");
		paint_line(out, child->text, color);
		text_addc(out, '\n');
		size_t len = indent->len;
		text_adds(indent, is_last ? "    " : "│   ");
		print_children(out, child, indent, color);
		indent->len = len;
		indent->ptr[len] = '\0';
	}
}

static void print_list(struct text *out, const char *head, const char *tone, const struct health_reasons *list, bool color)
{
	if (list->count == 0)
		return;
	text_addc(out, '\n');
	paint(out, tone, span_of(head), color);
	text_addc(out, '\n');
	for (size_t i = 0; i < list->count; i++)
		text_addf(out, "  %.*s\n", SPAN_ARG(list->items[i].message));
}

static void print_waits(struct text *out, const struct cluster_view *view, bool color)
{
	if (view->wait_count == 0)
		return;
	text_addc(out, '\n');
	paint(out, YELLOW, SPAN("Omni does not let go of:"), color);
	text_addc(out, '\n');
	for (size_t i = 0; i < view->wait_count; i++) {
		const struct view_wait *wait = &view->waits[i];
		text_addf(out, "  %s(%.*s), held by %.*s", wait->type->name, SPAN_ARG(wait->id), SPAN_ARG(wait->holders));
		if (wait->since.len > 0)
			text_addf(out, " since %.*s", SPAN_ARG(wait->since));
		text_addf(out, "\n    %.*s\n", SPAN_ARG(wait->way_out));
	}
}

static const char *head_of(enum health health)
{
	return health == HEALTH_DESTROYING ? "Going:" : health == HEALTH_UNKNOWN ? "Not known whether it is ready:" : "Not ready:";
}

void view_print_tree(struct text *out, const struct cluster_view *view, bool color)
{
	struct text indent;
	text_init(&indent, 256);
	paint_line(out, view->root->text, color);
	text_addc(out, '\n');
	text_adds(&indent, "");
	print_children(out, view->root, &indent, color);
	text_done(&indent);
	if (view->has_status) /* without one there is nothing to add */
		print_list(out, head_of(view->health), YELLOW, &view->reasons, color);
	print_list(out, "Worth a look:", CYAN, &view->notes, color);
	print_waits(out, view, color);
	if (view->sync_state.len > 0) {
		text_addc(out, '\n');
		paint(out, YELLOW, view->sync_state, color);
		text_addf(out, ": %.*s\n", SPAN_ARG(view->sync_message));
	}
	if (view->owner.len > 0)
		text_addf(out, "\nKept by %.*s%s%.*s, template %.*s\n", SPAN_ARG(view->owner),
			  view->applied_revision.len > 0 ? " at " : "", SPAN_ARG(view->applied_revision),
			  (int)(view->applied_hash.len < 12 ? view->applied_hash.len : 12), view->applied_hash.ptr);
}

/* --- all of them ---------------------------------------------------------------------------------------------------- */

enum { COLUMNS = 7 };
static const char *const heads[COLUMNS] = {"CLUSTER", "STATE", "TALOS", "KUBERNETES", "MACHINES", "OWNER", "REVISION"};

static struct span state_of(struct arena *arena, const struct cluster_view *view)
{
	if (view->has_status)
		return arena_spanf(arena, "%.*s%s%s", SPAN_ARG(view->phase),
				   view->health == HEALTH_DESTROYING ? ""
				   : view->health == HEALTH_READY    ? " Ready"
								     : " Not Ready",
				   view->is_locked ? " Locked" : "");
	return view->phase.len > 0 ? view->phase : span_of(view->is_locked ? "Locked" : "-");
}

static struct span cell(struct arena *arena, const struct cluster_view *view, int column)
{
	switch (column) {
	case 0: return view->name;
	case 1: return state_of(arena, view);
	case 2: return view->talos_version;
	case 3: return view->kubernetes_version;
	case 4: return view->has_status ? arena_spanf(arena, "%zu/%zu", view->machines_healthy, view->machines_total)
					: arena_spanf(arena, "%zu%s wanted", view->machines_wanted,
						      view->machines_unlimited ? "+" : "");
	case 5: return view->owner.len > 0 ? view->owner : span_of("unmanaged");
	default: return view->applied_revision.len > 24 ? (struct span){view->applied_revision.ptr, 24} : view->applied_revision;
	}
}

static void print_rows(struct text *out, struct arena *arena, const struct fleet_view *fleet, bool color)
{
	size_t widths[COLUMNS];
	for (int c = 0; c < COLUMNS; c++) {
		widths[c] = span_of(heads[c]).len;
		for (size_t i = 0; i < fleet->count; i++)
			if (cell(arena, &fleet->clusters[i], c).len > widths[c])
				widths[c] = cell(arena, &fleet->clusters[i], c).len;
	}
	for (int c = 0; c < COLUMNS; c++)
		text_addf(out, "%-*s%s", c + 1 < COLUMNS ? (int)widths[c] : 0, heads[c], c + 1 < COLUMNS ? "  " : "\n");
	for (size_t i = 0; i < fleet->count; i++)
		for (int c = 0; c < COLUMNS; c++) {
			struct span words = cell(arena, &fleet->clusters[i], c);
			paint_line(out, words, color && c == 1);
			if (c + 1 < COLUMNS)
				text_pad(out, ' ', widths[c] - words.len + 2);
			else
				text_addc(out, '\n');
		}
}

/* The first thing that each lacks; the tree of one has them all. */
static void print_reasons(struct text *out, const struct fleet_view *fleet, bool color)
{
	for (size_t i = 0; i < fleet->count; i++) {
		const struct cluster_view *view = &fleet->clusters[i];
		if (view->has_status && view->reasons.count > 0)
			text_addf(out, "\n%.*s: %.*s\n", SPAN_ARG(view->name), SPAN_ARG(view->reasons.items[0].message));
		if (view->sync_state.len == 0)
			continue;
		text_addf(out, "\n%.*s: ", SPAN_ARG(view->name));
		paint(out, YELLOW, view->sync_state, color);
		text_addf(out, ": %.*s\n", SPAN_ARG(view->sync_message));
	}
}

/* Clusters among them stand in the table. */
static void print_unmanaged(struct text *out, const struct fleet_view *fleet)
{
	enum { NAMES = 12 };
	size_t count = 0;
	for (size_t i = 0; i < fleet->unmanaged_count; i++) {
		const struct view_unmanaged *one = &fleet->unmanaged[i];
		bool is_new = i == 0 || !span_eq(one->type, one[-1].type);
		count = is_new ? 0 : count + 1;
		if (span_is(one->type, OMNI_CLUSTER->name))
			continue;
		if (is_new)
			text_addf(out, "\nUnmanaged %.*s: ", SPAN_ARG(one->type));
		if (count < NAMES)
			text_addf(out, "%s%.*s", count > 0 ? ", " : "", SPAN_ARG(one->id));
		bool is_last = i + 1 == fleet->unmanaged_count || !span_eq(one->type, one[1].type);
		if (is_last && count >= NAMES)
			text_addf(out, " and %zu more", count + 1 - NAMES);
		if (is_last)
			text_addc(out, '\n');
	}
}

void view_print_table(struct text *out, const struct fleet_view *fleet, bool color)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (fleet->count > 0)
		print_rows(out, &arena, fleet, color);
	print_reasons(out, fleet, color);
	print_unmanaged(out, fleet);
	arena_done(&arena);
}

void view_print_server(struct text *out, const char *url, const struct omni_about *about, int64_t now_s)
{
	char time[TIMESTAMP_SIZE];
	int64_t left_s = about->key_expires_s - now_s;
	text_addf(out, "Omni %.*s", SPAN_ARG(about->version));
	if (about->instance.len > 0)
		text_addf(out, " \"%.*s\"", SPAN_ARG(about->instance));
	text_addf(out, " at %s", url);
	if (about->identity.len > 0)
		text_addf(out, ", as %.*s", SPAN_ARG(about->identity));
	timestamp_format(about->key_expires_s * 1000, TIMESTAMP_SECONDS, time);
	if (about->key_expires_s > 0)
		text_addf(out, ", key good until %.10s (%lld days)%s", time, (long long)(left_s / 86400),
			  left_s < 30 * 86400 ? ": renew it soon with omnictl serviceaccount renew" : "");
	text_addc(out, '\n');
}
