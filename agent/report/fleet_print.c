#include "agent/report/fleet_view.h"

#include "base/timestamp.h"
#include "base/cleanup.h"

#define GREEN "\033[32m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

static const char *tone(bool has_ready, bool is_ready, struct span phase)
{
	if (span_is(phase, "DESTROYING") || span_is(phase, "Failed"))
		return RED;
	if (!has_ready)
		return "";
	return is_ready ? GREEN : YELLOW;
}

static void paint(struct text *out, const char *color, struct span words, bool is_on)
{
	bool is_painted = is_on && color[0] != '\0';
	if (is_painted)
		text_adds(out, color);
	text_add(out, words);
	if (is_painted)
		text_adds(out, PLAIN);
}

static void print_children(struct text *out, const struct view_node *node, struct text *indent, bool color)
{
	for (size_t i = 0; i < node->child_count; i++) { /* three levels at most */
		const struct view_node *child = node->children[i];
		bool is_last = i + 1 == node->child_count;
		text_add(out, text_span(indent));
		text_adds(out, is_last ? "└── " : "├── ");
		paint(out, tone(child->has_ready, child->is_ready, child->phase), child->text, color);
		text_addc(out, '\n');
		size_t len = indent->len;
		text_adds(indent, is_last ? "    " : "│   ");
		print_children(out, child, indent, color);
		indent->len = len;
		indent->ptr[len] = '\0';
	}
}

void view_print_tree(struct text *out, const struct cluster_view *view, bool color)
{
	struct text indent;
	text_init(&indent, 256);
	paint(out, tone(view->has_status, view->is_ready, view->phase), view->root->text, color);
	text_addc(out, '\n');
	text_adds(&indent, "");
	print_children(out, view->root, &indent, color);
	text_done(&indent);
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

/* --- table ---------------------------------------------------------------------------------------------------------- */

enum { COLUMNS = 7 };
static const char *const heads[COLUMNS] = {"CLUSTER", "STATE", "TALOS", "KUBERNETES", "MACHINES", "OWNER", "REVISION"};

static struct span cell(struct arena *arena, const struct cluster_view *view, int column)
{
	switch (column) {
	case 0: return view->name;
	case 1: return view->has_status ? arena_spanf(arena, "%.*s%s", SPAN_ARG(view->phase), view->is_ready ? " Ready" : "")
					: view->phase.len > 0 ? view->phase : span_of("-");
	case 2: return view->talos_version;
	case 3: return view->kubernetes_version;
	case 4: return view->has_status ? arena_spanf(arena, "%zu/%zu", view->machines_healthy, view->machines_total)
					: arena_spanf(arena, "%zu%s wanted", view->machines_wanted,
						      view->machines_unlimited ? "+" : "");
	case 5: return view->owner.len > 0 ? view->owner : span_of("-");
	default: return view->applied_revision.len > 24 ? (struct span){view->applied_revision.ptr, 24} : view->applied_revision;
	}
}

void view_print_table(struct text *out, const struct cluster_view *views, size_t count, bool color)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	size_t widths[COLUMNS];
	for (int c = 0; c < COLUMNS; c++) {
		widths[c] = span_of(heads[c]).len;
		for (size_t i = 0; i < count; i++)
			if (cell(&arena, &views[i], c).len > widths[c])
				widths[c] = cell(&arena, &views[i], c).len;
	}
	for (int c = 0; c < COLUMNS; c++)
		text_addf(out, "%-*s%s", c + 1 < COLUMNS ? (int)widths[c] : 0, heads[c], c + 1 < COLUMNS ? "  " : "\n");
	for (size_t i = 0; i < count; i++)
		for (int c = 0; c < COLUMNS; c++) {
			struct span words = cell(&arena, &views[i], c);
			paint(out, c == 1 ? tone(views[i].has_status, views[i].is_ready, views[i].phase) : "", words, color);
			if (c + 1 < COLUMNS)
				text_pad(out, ' ', widths[c] - words.len + 2);
			else
				text_addc(out, '\n');
		}
	for (size_t i = 0; i < count; i++)
		if (views[i].sync_state.len > 0) {
			text_addf(out, "\n%.*s: ", SPAN_ARG(views[i].name));
			paint(out, YELLOW, views[i].sync_state, color);
			text_addf(out, ": %.*s\n", SPAN_ARG(views[i].sync_message));
		}
	arena_done(&arena);
}

/* --- JSON ----------------------------------------------------------------------------------------------------------- */

static void member(struct text *out, const char *name, struct span value)
{
	text_addf(out, ", \"%s\": ", name);
	text_add_json(out, value);
}

static void node_json(struct text *out, const struct view_node *node)
{
	text_adds(out, "{\"kind\": ");
	text_add_json(out, node->kind);
	member(out, "id", node->id);
	member(out, "text", node->text);
	if (node->phase.len > 0)
		member(out, "phase", node->phase);
	if (node->has_ready)
		text_addf(out, ", \"ready\": %s", node->is_ready ? "true" : "false");
	if (node->child_count > 0) {
		text_adds(out, ", \"children\": [");
		for (size_t i = 0; i < node->child_count; i++) {
			text_adds(out, i == 0 ? "" : ", ");
			node_json(out, node->children[i]);
		}
		text_addc(out, ']');
	}
	text_addc(out, '}');
}

static void print_server(struct text *out, const char *url, const struct omni_about *about)
{
	char time[TIMESTAMP_SIZE];
	text_adds(out, ", \"omni\": {\"url\": ");
	text_add_json(out, span_of(url));
	member(out, "version", about->version);
	member(out, "instance", about->instance);
	member(out, "identity", about->identity);
	member(out, "fingerprint", about->fingerprint);
	timestamp_format(about->key_expires_s * 1000, TIMESTAMP_SECONDS, time);
	if (about->key_expires_s > 0)
		member(out, "keyExpiresAt", span_of(time));
	text_addc(out, '}');
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

void view_print_json(struct text *out, const char *url, const struct omni_about *about, const struct cluster_view *views,
		     size_t count)
{
	text_adds(out, "{\"apiVersion\": \"omniops/status/v1\"");
	if (about != NULL)
		print_server(out, url, about);
	text_adds(out, ", \"clusters\": [");
	for (size_t i = 0; i < count; i++) {
		const struct cluster_view *view = &views[i];
		text_adds(out, i == 0 ? "\n  {\"name\": " : ",\n  {\"name\": ");
		text_add_json(out, view->name);
		member(out, "talosVersion", view->talos_version);
		member(out, "kubernetesVersion", view->kubernetes_version);
		if (view->phase.len > 0)
			member(out, "phase", view->phase);
		if (view->has_status)
			text_addf(out, ", \"ready\": %s, \"machines\": {\"healthy\": %zu, \"total\": %zu}",
				  view->is_ready ? "true" : "false", view->machines_healthy, view->machines_total);
		text_addf(out, ", \"machineSets\": %zu, \"machinesWanted\": %zu, \"locked\": %s", view->machine_sets,
			  view->machines_wanted, view->is_locked ? "true" : "false");
		member(out, "owner", view->owner);
		member(out, "appliedRevision", view->applied_revision);
		member(out, "appliedHash", view->applied_hash);
		if (view->sync_state.len > 0) {
			member(out, "syncState", view->sync_state);
			member(out, "syncMessage", view->sync_message);
		}
		if (view->root != NULL) {
			text_adds(out, ", \"tree\": ");
			node_json(out, view->root);
		}
		text_addc(out, '}');
	}
	text_adds(out, "\n]}\n");
}
