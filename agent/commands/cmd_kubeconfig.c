/* omniops kubeconfig and talosconfig: the way into a cluster, printed, written or joined into the file that is there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/commands/command.h"
#include "agent/kube/client_config.h"
#include "agent/kube/private_file.h"
#include "agent/omni/management.h"
#include "agent/settings/target.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/timestamp.h"

#define ADMIN_GROUP "system:masters"

/* Omni's proxy turns a token without any group away. Every user is in this one, whatever else. */
#define EVERYBODY "system:authenticated"

/* What is the same for both. */
struct fetch {
	struct call *call;
	enum client_kind kind;
	struct span cluster; /* empty: the whole instance */
	const char *path;    /* NULL: standard output */
	struct span yaml, context;
};

/* --- where it goes ------------------------------------------------------------------------------------------------------- */

/* As kubectl: the first file of a list that exists, else the last. */
static const char *first_of(struct arena *arena, const char *list)
{
	struct span rest = span_of(list), piece;
	const char *found = NULL;
	while (span_next(&rest, ':', &piece)) {
		if (piece.len == 0)
			continue;
		found = arena_string(arena, piece);
		if (access(found, F_OK) == 0)
			break;
	}
	return found;
}

static bool usual_path(struct fetch *fetch, struct fail *fail)
{
	enum { MODE = 0700 };
	struct arena *arena = fetch->call->arena;
	bool is_talos = fetch->kind == CLIENT_TALOSCONFIG;
	const char *named = getenv(is_talos ? "TALOSCONFIG" : "KUBECONFIG"), *home = getenv("HOME");
	if (named != NULL && *named != '\0' && (fetch->path = is_talos ? named : first_of(arena, named)) != NULL)
		return true;
	if (home == NULL || *home != '/')
		return fail_set(fail, FAIL_INVALID, "there is no home directory (HOME): name a file with -o");
	const char *dir = arena_spanf(arena, "%s/%s", home, is_talos ? ".talos" : ".kube").ptr;
	fetch->path = arena_spanf(arena, "%s/config", dir).ptr;
	return files_make_dirs(dir, MODE, fail);
}

static bool find_path(struct fetch *fetch, struct fail *fail)
{
	const struct settings *settings = &fetch->call->settings;
	bool is_named = settings->output_file != NULL && *settings->output_file != '\0';
	if (settings->merge && !is_named)
		return usual_path(fetch, fail);
	fetch->path = !is_named || strcmp(settings->output_file, "-") == 0 ? NULL : settings->output_file;
	if (settings->merge && fetch->path == NULL)
		return fail_set(fail, FAIL_INVALID, "--merge joins into a file: name one with -o, or leave -o out");
	return true;
}

/* Whether it may be written is asked before a token is made, too: nobody takes one back. */
static bool open_file(struct fetch *fetch, struct private_file *file, struct fail *fail)
{
	const struct settings *settings = &fetch->call->settings;
	if (!private_file_open(fetch->call->arena, fetch->path, file, fail))
		return false;
	if (settings->merge || settings->force || span_trim(file->content).len == 0)
		return true;
	private_file_close(file);
	return fail_set(fail, FAIL_EXISTS, "%s is there already: --merge joins into it, --force replaces it", fetch->path);
}

static bool is_writable(struct fetch *fetch, struct fail *fail)
{
	struct private_file file;
	if (fetch->path == NULL)
		return true;
	if (!open_file(fetch, &file, fail))
		return false;
	private_file_close(&file);
	return true;
}

static bool write_file(struct fetch *fetch, struct private_file *file, struct fail *fail)
{
	const struct settings *settings = &fetch->call->settings;
	struct client_join how = {fetch->kind, settings->keep_context, settings->force};
	struct client_joined joined = {.text = fetch->yaml, .is_changed = true};
	if (settings->merge && !client_join(fetch->call->arena, &how, file->content, fetch->yaml, &joined, fail))
		return fail_wrap(fail, "%s", fetch->path);
	if (joined.is_changed && !private_file_replace(file, joined.text, fail))
		return false;
	if (joined.is_rewritten)
		fprintf(stderr, "%s could not be edited in place: it was written anew, without its comments\n", fetch->path);
	fprintf(stderr, "%s %s the context \"%.*s\"\n", fetch->path, joined.is_changed ? "has" : "had already",
		SPAN_ARG(fetch->context));
	return true;
}

static int deliver(struct fetch *fetch)
{
	struct private_file file;
	struct fail fail;
	if (fetch->path == NULL) {
		struct text out;
		text_init(&out, TEXT_NO_LIMIT);
		text_add(&out, fetch->yaml);
		return command_print(&out, EXIT_OK);
	}
	if (!open_file(fetch, &file, &fail))
		return command_error(&fail);
	bool ok = write_file(fetch, &file, &fail);
	private_file_close(&file);
	return ok ? EXIT_OK : command_error(&fail);
}

/* --- who it is for --------------------------------------------------------------------------------------------------------- */

static bool check_groups(struct call *call, struct span **out, size_t *out_count, struct fail *fail)
{
	struct span rest = span_of(call->settings.groups), group;
	size_t count = 0, cap = 0;
	struct span *groups = NULL;
	while (call->settings.groups != NULL && span_next(&rest, ',', &group)) {
		group = span_trim(group);
		if (group.len == 0)
			continue;
		if (span_is(group, ADMIN_GROUP) && !call->settings.allow_cluster_admin)
			return fail_set(fail, FAIL_DENIED, "the group " ADMIN_GROUP " may do everything in the cluster, no RBAC rule limits it, "
					"and the token cannot be taken back before it ends: bind a group of your own to the rights that are needed, "
					"or pass --allow-cluster-admin");
		ARENA_PUSH(call->arena, groups, count, cap) = group;
	}
	if (count == 0)
		ARENA_PUSH(call->arena, groups, count, cap) = SPAN(EVERYBODY);
	*out = groups;
	*out_count = count;
	return true;
}

/* Whose key it is, so that what is done in the cluster can be followed back. */
static bool find_user(struct call *call, struct omni_store *store, struct span *out, struct fail *fail)
{
	struct omni_about about;
	*out = span_of(call->settings.user);
	if (out->len > 0)
		return true;
	if (store->ops->about == NULL || !store->ops->about(store, call->arena, 0, &about, fail))
		return store->ops->about != NULL ? false : fail_set(fail, FAIL_INVALID, "whose is it? name a user with --user");
	*out = about.identity;
	return out->len > 0 || fail_set(fail, FAIL_INVALID, "the key has no name: name a user with --user");
}

static bool find_cluster(const struct fetch *fetch, const struct target *target, struct fail *fail)
{
	struct resource *cluster;
	if (fetch->cluster.len == 0 ||
	    target->store->ops->get(target->store, fetch->call->arena, OMNI_CLUSTER, fetch->cluster, 0, &cluster, fail))
		return true;
	if (fail->code == FAIL_NOT_FOUND)
		return fail_set(fail, FAIL_NOT_FOUND, "there is no cluster \"%.*s\" at %s: omniops get clusters lists them",
				SPAN_ARG(fetch->cluster), target->url);
	return fail_wrap(fail, "cluster %.*s at %s", SPAN_ARG(fetch->cluster), target->url);
}

static void tell_token(const struct kubeconfig *config, const struct omni_kubeconfig_request *request)
{
	enum { SECOND_MS = 1000 };
	char until[TIMESTAMP_SIZE] = "its end";
	if (config->expires_s > 0 && config->expires_s < INT64_MAX / SECOND_MS)
		timestamp_format(config->expires_s * SECOND_MS, TIMESTAMP_SECONDS, until);
	fprintf(stderr, "user %.*s, groups", SPAN_ARG(request->user));
	for (size_t i = 0; i < request->group_count; i++)
		fprintf(stderr, "%s %.*s", i == 0 ? "" : ",", SPAN_ARG(request->groups[i]));
	fprintf(stderr, ", valid until %s; nobody can take it back before\n", until);
	if (request->group_count == 1 && span_is(request->groups[0], EVERYBODY))
		fprintf(stderr, "It may do little until a RoleBinding or ClusterRoleBinding names the user \"%.*s\"; --groups names groups\n",
			SPAN_ARG(request->user));
}

/* --- kubeconfig ------------------------------------------------------------------------------------------------------------ */

static bool has_no(const char *what, const struct omni_store *store, struct fail *fail)
{
	return fail_set(fail, FAIL_UNSUPPORTED, "%s gives no %s: only an Omni does", store->name, what);
}

/* A cluster is there for a moment before Omni can make tokens for it. */
static bool ask_patiently(struct fetch *fetch, struct omni_store *store, const struct omni_kubeconfig_request *request, struct fail *fail)
{
	enum { PATIENCE_MS = 5000, PAUSE_MS = 200 };
	int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;
	while (!store->ops->kubeconfig(store, fetch->call->arena, request, 0, &fetch->yaml, fail)) {
		if (fail->code != FAIL_NOT_FOUND || clock_monotonic_ms() >= end_ms)
			return false;
		clock_sleep_ms(PAUSE_MS);
	}
	return true;
}

static bool ask_kubeconfig(struct fetch *fetch, struct omni_store *store, void *asked, struct fail *fail)
{
	struct omni_kubeconfig_request *request = asked;
	struct kubeconfig config;
	struct arena *arena = fetch->call->arena;
	if (store->ops->kubeconfig == NULL)
		return has_no("kubeconfig", store, fail);
	if (request->form == OMNI_KUBECONFIG_TOKEN && !find_user(fetch->call, store, &request->user, fail))
		return false;
	if (!ask_patiently(fetch, store, request, fail) || !kubeconfig_read(arena, fetch->yaml, &config, fail))
		return fail_wrap(fail, "kubeconfig of %.*s", SPAN_ARG(fetch->cluster));
	fetch->context = config.context;
	if (request->form == OMNI_KUBECONFIG_TOKEN)
		tell_token(&config, request);
	return true;
}

/* One open Omni, asked by `ask`. */
static int run_fetch(struct fetch *fetch, bool (*ask)(struct fetch *fetch, struct omni_store *store, void *request, struct fail *fail),
		     void *request)
{
	struct targets targets;
	struct target *target;
	struct fail fail = {0};
	targets_init(&targets, fetch->call->arena, &fetch->call->settings);
	bool ok = find_path(fetch, &fail) && is_writable(fetch, &fail) && targets_find(&targets, NULL, SPAN(""), &target, &fail) &&
		  find_cluster(fetch, target, &fail) && ask(fetch, target->store, request, &fail);
	targets_done(&targets);
	return ok ? deliver(fetch) : command_error(&fail);
}

static int run_kubeconfig(struct call *call)
{
	enum { SECOND_MS = 1000 };
	const struct settings *settings = &call->settings;
	struct fetch fetch = {.call = call, .kind = CLIENT_KUBECONFIG, .cluster = span_of(call->words[0])};
	struct omni_kubeconfig_request request = {.cluster = fetch.cluster, .ttl_s = settings->ttl_ms / SECOND_MS};
	struct span *groups = NULL;
	struct fail fail;
	if (settings->oidc && settings->break_glass)
		return command_usage_error(call->command, "--oidc and --break-glass are two different ways in");
	request.form = settings->oidc ? OMNI_KUBECONFIG_OIDC : settings->break_glass ? OMNI_KUBECONFIG_BREAK_GLASS : OMNI_KUBECONFIG_TOKEN;
	if (request.form != OMNI_KUBECONFIG_TOKEN && (settings->user != NULL || settings->groups != NULL))
		return command_usage_error(call->command, "--user and --groups are of a token, not of --oidc or --break-glass");
	if (request.form == OMNI_KUBECONFIG_TOKEN && (request.ttl_s < 1 || request.ttl_s > KUBECONFIG_TTL_MAX_S))
		return command_usage_error(call->command, "--ttl: a token is valid for at least 1s and at most 87600h, ten years");
	if (!check_groups(call, &groups, &request.group_count, &fail))
		return command_error(&fail);
	request.groups = groups;
	return run_fetch(&fetch, ask_kubeconfig, &request);
}

#define FILE_SETTINGS OMNI_SETTINGS, "output-file", "merge", "keep-context", "force", "break-glass", "help"

static const char *const kubeconfig_settings[] = {FILE_SETTINGS, "user", "groups", "ttl", "allow-cluster-admin", "oidc", NULL};

const struct command cmd_kubeconfig = {
	"kubeconfig", "CLUSTER", "Get a kubeconfig of a cluster, with a token that ends",
	"Without -o and --merge it is printed. Files get the mode 0600 and are replaced as a whole; --merge keeps everything else\n"
	"that is in them, and only replaces an entry of the same name that leads elsewhere with --force.\n"
	"A token is for the user and the groups that are named, which Kubernetes lets in as far as RBAC says; Omni asks for the\n"
	"role Operator. With --oidc a person logs in instead (kubectl oidc-login has to be there), and Reader is enough.",
	"  $ omniops kubeconfig prod --groups deployers --ttl 1h -o prod.yaml\n  $ omniops kubeconfig prod --oidc --merge",
	kubeconfig_settings, 1, 1, run_kubeconfig,
};

/* --- talosconfig ----------------------------------------------------------------------------------------------------------- */

static bool ask_talosconfig(struct fetch *fetch, struct omni_store *store, void *request, struct fail *fail)
{
	struct client_join how = {.kind = CLIENT_TALOSCONFIG};
	struct client_joined alone;
	if (store->ops->talosconfig == NULL)
		return has_no("talosconfig", store, fail);
	if (!store->ops->talosconfig(store, fetch->call->arena, request, 0, &fetch->yaml, fail))
		return fail_wrap(fail, "talosconfig");
	if (!client_join(fetch->call->arena, &how, SPAN(""), fetch->yaml, &alone, fail) || alone.context.len == 0)
		return fail_set(fail, FAIL_PROTOCOL, "the server's answer is no talosconfig");
	fetch->context = alone.context;
	return true;
}

static int run_talosconfig(struct call *call)
{
	struct fetch fetch = {.call = call, .kind = CLIENT_TALOSCONFIG};
	struct omni_talosconfig_request request = {.break_glass = call->settings.break_glass};
	if (call->word_count > 0)
		request.cluster = fetch.cluster = span_of(call->words[0]);
	return run_fetch(&fetch, ask_talosconfig, &request);
}

static const char *const talosconfig_settings[] = {FILE_SETTINGS, NULL};

const struct command cmd_talosconfig = {
	"talosconfig", "[CLUSTER]", "Get a talosconfig of a cluster, or of the whole Omni",
	"Without -o and --merge it is printed; files are handled as by omniops kubeconfig. It names the account that asked and holds\n"
	"no secret: talosctl signs with that account's own key. With --break-glass it holds a certificate that goes past Omni.",
	"  $ omniops talosconfig prod -o talosconfig.yaml\n  $ omniops talosconfig --merge", talosconfig_settings, 0, 1, run_talosconfig,
};
