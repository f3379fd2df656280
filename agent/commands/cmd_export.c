/* omniops export: live clusters as documents. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/commands/command.h"
#include "agent/export/export.h"
#include "agent/omni/codec.h"
#include "agent/plan/apply.h"
#include "agent/settings/rules.h"
#include "agent/settings/target.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/map.h"
#include "render/mask.h"

enum { CALL_MS = 60000 };

#define CLASSES_FILE "machine-classes"

struct exporting {
	struct call *call;
	struct omni_store *store;
	struct export_options options;
	bool may_fall_back; /* a cluster that custom resources cannot say becomes a template */
	struct arena arena; /* of one cluster at a time */
	struct map classes; /* those that are written by now */
	struct text class_text; /* for their own file */
	struct text one, out;   /* the cluster at hand, all of them */
	size_t clusters, failures;
	bool has_secret_class;
	bool is_incomplete; /* something is not said as it is */
};

static int64_t deadline(void)
{
	return clock_monotonic_ms() + CALL_MS;
}

/* --- files -------------------------------------------------------------------------------------------------------------- */

/* What is no letter, digit or sign of a name is written by its number, so that no name leads out of the directory. */
static const char *path_of(struct exporting *x, struct span name)
{
	struct text path;
	text_init(&path, TEXT_NO_LIMIT);
	text_addf(&path, "%s/", x->call->settings.out_dir);
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];
		bool is_plain = c > ' ' && c != '/' && c != '\\' && c != '%' && c != 0x7f && !(c == '.' && i == 0);
		text_addf(&path, is_plain ? "%c" : "%%%02X", c);
	}
	text_adds(&path, ".yaml");
	char *copy = arena_string(x->call->arena, text_span(&path));
	text_done(&path);
	return copy;
}

static bool may_write(const struct exporting *x, const char *path, struct fail *fail)
{
	struct stat info;
	if (x->call->settings.force || lstat(path, &info) != 0)
		return true;
	return fail_set(fail, FAIL_EXISTS, "%s is there already: give --force to replace it, or another --out", path);
}

/* Others may read what holds no secret. */
static bool write_file(struct exporting *x, struct span name, struct span content, bool has_secrets, struct fail *fail)
{
	const char *path = path_of(x, name);
	if (!may_write(x, path, fail) || !files_write(path, content, has_secrets ? 0600 : 0644, fail))
		return false;
	fprintf(stderr, "%s written\n", path);
	return true;
}

/* --- machine classes ---------------------------------------------------------------------------------------------------- */

static void begin_document(struct text *out)
{
	if (out->len > 0)
		text_adds(out, "---\n");
}

static void tell_class(struct exporting *x, const struct resource *class)
{
	struct node shown = mask_node(x->call->arena, &class->spec);
	struct span data = node_text_at(&class->spec, "autoprovision.providerdata");
	bool is_marked = x->options.is_hidden && span_contains(data, "(secret ");
	if (is_marked)
		fprintf(stderr, "omniops: warning: machine class %.*s: its secrets are only marks in this snapshot: put them back\n", SPAN_ARG(class->id));
	else if (!node_equal(&shown, &class->spec))
		fprintf(stderr, "omniops: warning: machine class %.*s looks secret, and stands in the documents as it is\n", SPAN_ARG(class->id));
	x->has_secret_class |= !node_equal(&shown, &class->spec);
	x->is_incomplete |= is_marked;
}

static bool take_class(struct exporting *x, const struct exported *cluster, struct span name, struct fail *fail)
{
	struct resource *class;
	struct text *out = x->call->settings.out_dir != NULL ? &x->class_text : &x->out;
	if (map_get(&x->classes, name) != NULL)
		return true;
	if (!x->store->ops->get(x->store, x->call->arena, OMNI_MACHINE_CLASS, name, deadline(), &class, fail)) {
		if (fail->code != FAIL_NOT_FOUND)
			return false;
		x->is_incomplete = true;
		fprintf(stderr, "omniops: warning: cluster %.*s uses the machine class %.*s, which does not exist\n",
			SPAN_ARG(cluster->cluster), SPAN_ARG(name));
		return true;
	}
	*map_at(&x->classes, class->id) = class;
	begin_document(out);
	export_class(out, class, &x->options);
	tell_class(x, class);
	return true;
}

/* A template of omnictl holds one cluster and nothing else: there the classes only have a place of their own in files. */
static bool take_classes(struct exporting *x, const struct exported *cluster, struct fail *fail)
{
	const struct settings *settings = &x->call->settings;
	bool has_place = x->options.form == EXPORT_OBJECTS || settings->out_dir != NULL;
	for (size_t i = 0; i < cluster->class_count && has_place && !settings->without_classes; i++)
		if (!take_class(x, cluster, cluster->classes[i], fail))
			return false;
	return true;
}

static bool write_classes(struct exporting *x, struct fail *fail)
{
	/* A cluster of this name has the file; its own name cannot have a dot. */
	struct span name = span_of(CLASSES_FILE);
	for (size_t i = 0; i < x->call->word_count; i++)
		if (span_is(name, x->call->words[i]))
			name = SPAN(CLASSES_FILE ".omni");
	return x->class_text.len == 0 || write_file(x, name, text_span(&x->class_text), x->has_secret_class, fail);
}

/* --- one cluster -------------------------------------------------------------------------------------------------------- */

static void note_classes(struct exporting *x, const struct exported *cluster)
{
	bool are_apart = x->options.form == EXPORT_TEMPLATE && x->call->settings.out_dir == NULL;
	for (size_t i = 0; i < cluster->class_count && are_apart; i++)
		text_addf(&x->one, "# It uses the machine class %.*s: omniops get machineclasses %.*s -o yaml\n", SPAN_ARG(cluster->classes[i]),
			  SPAN_ARG(cluster->classes[i]));
}

static void tell(struct exporting *x, const struct exported *cluster)
{
	static const char *const levels[EXPORT_WEIGHTS] = {[EXPORT_NOTE] = "note", [EXPORT_LEFT] = "warning", [EXPORT_LOST] = "warning"};
	const struct export_remarks *remarks = &cluster->remarks;
	struct text line;
	text_init(&line, TEXT_NO_LIMIT);
	for (size_t i = 0; i < remarks->count; i++) {
		text_reset(&line);
		export_print_remark(&line, &remarks->items[i]);
		fprintf(stderr, "omniops: %s: cluster %.*s: %s\n", levels[remarks->items[i].weight], SPAN_ARG(cluster->cluster), line.ptr);
	}
	for (size_t i = 0; i < cluster->secrets.count; i++)
		fprintf(stderr, "omniops: warning: cluster %.*s: %s(%.*s) looks secret, and stands in the documents as it is\n",
			SPAN_ARG(cluster->cluster), cluster->secrets.items[i]->type->name, SPAN_ARG(cluster->secrets.items[i]->id));
	x->is_incomplete |= export_count(remarks, EXPORT_LEFT) + export_count(remarks, EXPORT_LOST) > 0;
	text_done(&line);
}

/* Omni may hold what custom resources have no field for. Then a template serves, which is read as well. */
static bool say(struct exporting *x, struct span name, const struct plan_actual *actual, struct exported *out, struct fail *fail)
{
	struct export_options options = x->options;
	struct exported template;
	if (!export_cluster(&x->arena, name, actual, &x->options, out, fail))
		return false;
	options.form = EXPORT_TEMPLATE;
	size_t lost = export_count(&out->remarks, EXPORT_LOST);
	if (lost == 0 || !x->may_fall_back)
		return true;
	if (!export_cluster(&x->arena, name, actual, &options, &template, fail))
		return false;
	if (export_count(&template.remarks, EXPORT_LOST) >= lost)
		return true;
	export_print_reasons(&x->one, &out->remarks);
	fprintf(stderr, "omniops: note: cluster %.*s is written as a template: custom resources could not say all of it\n", SPAN_ARG(name));
	*out = template;
	return true;
}

static bool export_one(struct exporting *x, struct span name, struct fail *fail)
{
	struct plan_actual actual;
	struct exported cluster;
	const char *out_dir = x->call->settings.out_dir;
	arena_rewind(&x->arena);
	text_reset(&x->one);
	if ((out_dir != NULL && !may_write(x, path_of(x, name), fail)) ||
	    !plan_read_held(x->store, &x->arena, name, deadline(), &actual, fail) || !say(x, name, &actual, &cluster, fail) ||
	    !take_classes(x, &cluster, fail))
		return false;
	tell(x, &cluster);
	export_print_remarks(&x->one, &cluster.remarks);
	note_classes(x, &cluster);
	text_add(&x->one, cluster.text);
	x->clusters++;
	if (out_dir != NULL)
		return write_file(x, name, text_span(&x->one), cluster.secrets.count > 0, fail);
	begin_document(&x->out);
	text_add(&x->out, text_span(&x->one));
	return true;
}

static void export_names(struct exporting *x, const struct span *names, size_t count)
{
	struct fail fail;
	for (size_t i = 0; i < count; i++) {
		fail = (struct fail){0};
		if (export_one(x, names[i], &fail))
			continue;
		fail_wrap(&fail, "cluster %.*s", SPAN_ARG(names[i]));
		command_error(&fail);
		x->failures++;
	}
}

/* --- the command -------------------------------------------------------------------------------------------------------- */

static bool find_names(struct exporting *x, struct span **out, size_t *out_count, struct fail *fail)
{
	const struct call *call = x->call;
	struct resource_list clusters = {0};
	if (call->settings.all && !x->store->ops->list(x->store, call->arena, OMNI_CLUSTER, NULL, deadline(), &clusters, fail))
		return false;
	size_t count = call->settings.all ? clusters.count : call->word_count;
	*out = ARENA_ARRAY(call->arena, struct span, count + 1);
	*out_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct span name = call->settings.all ? clusters.items[i]->id : span_of(call->words[i]);
		bool is_known = false;
		for (size_t j = 0; j < *out_count && !call->settings.all; j++)
			is_known = is_known || span_eq((*out)[j], name);
		if (!is_known)
			(*out)[(*out_count)++] = name;
	}
	return true;
}

static bool has_unknown(const struct resource *resource)
{
	return codec_has_unknown(resource->type, resource->wire);
}

static void settle(struct exporting *x)
{
	struct settings *settings = &x->call->settings;
	const char *rules = rules_are_automatic(settings) ? rules_ask(x->store, x->call->arena) : NULL;
	if (rules != NULL)
		settings->rules = rules;
	x->options.rules = rules_of_settings(settings);
	x->options.no_schema = settings->no_schema;
	x->options.has_unknown = has_unknown;
	x->options.is_hidden = x->store->hidden_key.len > 0;
	x->options.connection = span_of(settings->connection_name);
	x->options.ns = span_of(settings->ns);
}

static bool export_all(struct exporting *x, struct fail *fail)
{
	struct span *names;
	size_t count;
	const char *out_dir = x->call->settings.out_dir;
	settle(x);
	if (!find_names(x, &names, &count, fail) || (out_dir != NULL && !files_make_dirs(out_dir, 0755, fail)))
		return false;
	if (count > 1 && out_dir == NULL && x->options.form == EXPORT_TEMPLATE)
		return fail_set(fail, FAIL_INVALID, "a template holds one cluster: give --out DIR to write %zu of them", count);
	x->may_fall_back = x->may_fall_back && (count == 1 || out_dir != NULL); /* a file has room for one template */
	export_names(x, names, count);
	return write_classes(x, fail);
}

static int finish(struct exporting *x, bool ok, const struct fail *fail)
{
	bool is_refused = x->call->settings.strict && x->is_incomplete;
	int code = x->failures > 0 || is_refused ? EXIT_ERROR : EXIT_OK;
	if (!ok)
		code = command_error(fail);
	else if (is_refused)
		fputs("omniops: not everything is said in the documents (--strict)\n", stderr);
	text_done(&x->one);
	text_done(&x->class_text);
	arena_done(&x->arena);
	return command_print(&x->out, code);
}

static const struct {
	const char *name;
	enum export_form form;
	bool may_fall_back;
} forms[] = {{"yaml", EXPORT_OBJECTS, true}, {"objects", EXPORT_OBJECTS, false}, {"template", EXPORT_TEMPLATE, false}};

static bool find_form(struct exporting *x)
{
	const char *output = x->call->settings.output == NULL ? "yaml" : x->call->settings.output;
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		if (strcmp(forms[i].name, output) != 0)
			continue;
		x->options.form = forms[i].form;
		x->may_fall_back = forms[i].may_fall_back;
		return true;
	}
	return false;
}

static int run_export(struct call *call)
{
	struct exporting x = {.call = call};
	struct targets targets;
	struct target *target;
	struct fail fail = {0};
	if (!find_form(&x))
		return command_usage_error(call->command, "export prints yaml, objects or template, not \"%s\"", call->settings.output);
	if (call->settings.all == (call->word_count > 0))
		return command_usage_error(call->command, "export wants the names of clusters, or --all");
	targets_init(&targets, call->arena, &call->settings);
	arena_init(&x.arena, ARENA_NO_LIMIT);
	map_init(&x.classes, call->arena);
	text_init(&x.one, TEXT_NO_LIMIT);
	text_init(&x.out, TEXT_NO_LIMIT);
	text_init(&x.class_text, TEXT_NO_LIMIT);
	bool ok = targets_find(&targets, NULL, span_of(call->settings.connection_name), &target, &fail);
	if (ok) {
		x.store = target->store;
		ok = export_all(&x, &fail);
	}
	int code = finish(&x, ok, &fail);
	targets_done(&targets);
	return code;
}

static const char *const settings[] = {OMNI_SETTINGS, "output", "out", "all", "force", "strict", "without-classes", "connection-name",
				       "namespace", "rules", "no-schema", "help", NULL};

const struct command cmd_export = {
	"export", "[CLUSTER…]", "Write live clusters as documents whose plan is empty",
	"The documents are read back and planned against what was read. What a plan would change, and what they do not say, is\n"
	"listed with its resource at the top and on standard error. Output: yaml, custom resources and the machine classes that\n"
	"they use, or a template of omnictl where custom resources have no field for something and the file holds no other;\n"
	"objects, custom resources in any case; template. With --out every cluster has a file CLUSTER.yaml.\n"
	"Secrets in patches are written as they are; the resources that look secret are named.\n"
	"Exit status: 0 done, 1 a cluster could not be exported, or, with --strict, not everything is said.",
	"  $ omniops export talos-prod-01 > talos-prod-01.yaml\n  $ omniops export --all --out clusters/ --namespace omni-system\n"
	"  $ omniops export -o template --strict talos-prod-01 > talos-prod-01.yaml",
	settings, 0, 1000000, run_export,
};
