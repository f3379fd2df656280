#include "agent/settings/settings.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/duration.h"

static const char *const colors[] = {"auto", "always", "never", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
static const char *const log_levels[] = {"debug", "info", "warning", "error", NULL};
static const char *const rule_sets[] = {"auto", "1.9", "1.10", NULL};
static const char *const risks[] = {"safe", "disruptive", "destructive", "critical", NULL};
static const char *const drifts[] = {"correct", "report", NULL};
static const char *const sandboxes[] = {"auto", "require", "off", NULL};

#define AT(member) offsetof(struct settings, member)

static const struct setting settings_table[] = {
	{"omni", 0, SETTING_STRING, AT(omni), "URL", VALUE_ANY, NULL, NULL, "OMNI_ENDPOINT",
	 "The Omni to work with: https://HOST[:PORT], or dir:PATH, the embedded directory store."},
	{"omni-key-file", 0, SETTING_STRING, AT(omni_key_file), "FILE", VALUE_FILE, NULL, NULL, NULL,
	 "Service-account key for --omni and --connection; read again when it changes. Default: SIDERO_SERVICE_ACCOUNT_KEY, "
	 "else OMNI_SERVICE_ACCOUNT_KEY, else the systemd credential omni-key."},
	{"omni-ca-file", 0, SETTING_STRING, AT(omni_ca_file), "FILE", VALUE_FILE, NULL, NULL, NULL,
	 "Certificates that an Omni is checked with, PEM. Default: SSL_CERT_FILE, else those of the system."},
	{"insecure-skip-tls-verify", 0, SETTING_FLAG, AT(insecure_skip_tls_verify), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Do not check the certificate of an Omni that a flag names."},
	{"timeout", 0, SETTING_DURATION, AT(timeout_ms), "DURATION", VALUE_ANY, NULL, "5m", NULL,
	 "Give up after this time, for example 90s or 10m."},
	{"root", 0, SETTING_STRING, AT(root), "DIR", VALUE_DIR, NULL, NULL, NULL,
	 "Root of the tree: nothing outside of it is read. Default: the working directory if all paths lie below it."},
	{"rules", 0, SETTING_STRING, AT(rules), "RELEASE", VALUE_CHOICE, rule_sets, "auto", NULL,
	 "Check templates by the rules of this Omni release, and write patches as its omnictl does: 1.9, or 1.10 and newer. auto: "
	 "the release of the Omni of --omni; offline the newest."},
	{"no-schema", 0, SETTING_FLAG, AT(no_schema), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Do not check the fields of configuration patches against Talos's schema."},
	{"flux-variables", 0, SETTING_FLAG, AT(flux_variables), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Flux applies these files with variable substitution (postBuild): warn where it would change texts of patches, manifests and "
	 "charts. Without it, when one of the files is a Kustomization of Flux that says so."},
	{"online", 0, SETTING_FLAG, AT(online), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Also check against what the Omni has: versions, machine classes, what it refuses. Nothing is written."},
	{"connection", 0, SETTING_LIST, AT(connection), "NAME=URL", VALUE_ANY, NULL, NULL, NULL,
	 "Where the OmniConnection of this name leads to (repeatable); default: --omni, or its spec.endpoint."},
	{"connection-key", 0, SETTING_LIST, AT(connection_key), "NAME=FILE", VALUE_ANY, NULL, NULL, NULL,
	 "Service-account key of one connection (repeatable); it is also used at an address that only its OmniConnection "
	 "declares."},
	{"secret-dir", 0, SETTING_STRING, AT(secret_dir), "DIR", VALUE_DIR, NULL, NULL, NULL,
	 "Keys of OmniConnections as files NAME/KEY, as their serviceAccountSecretRef says; used at the address that the file "
	 "NAME/endpoint says, or that --omni or --connection name."},
	{"output", 'o', SETTING_STRING, AT(output), "FORMAT", VALUE_ANY, NULL, NULL, NULL, "Form of the output."},
	{"out", 0, SETTING_STRING, AT(out_dir), "DIR", VALUE_DIR, NULL, NULL, NULL,
	 "Write one file per cluster into this directory instead of printing."},
	{"color", 0, SETTING_STRING, AT(color), "WHEN", VALUE_CHOICE, colors, "auto", NULL,
	 "Colours: auto (on a terminal, unless NO_COLOR is set), always or never."},
	{"log-format", 0, SETTING_STRING, AT(log_format), "FORMAT", VALUE_CHOICE, log_formats, NULL, NULL,
	 "Log lines as text or json. Default: text on a terminal, json elsewhere."},
	{"log-level", 0, SETTING_STRING, AT(log_level), "LEVEL", VALUE_CHOICE, log_levels, "info", NULL,
	 "Least level that is logged."},
	{"gate", 0, SETTING_STRING, AT(gate), "RISK", VALUE_CHOICE, risks, "disruptive", NULL,
	 "Highest risk that is applied without approval; what is above is held."},
	{"approve", 0, SETTING_LIST, AT(approve), "HASH", VALUE_ANY, NULL, NULL, NULL,
	 "Approve the plan of this hash (repeatable; the first 16 digits are enough)."},
	{"approve-all", 0, SETTING_FLAG, AT(approve_all), NULL, VALUE_ANY, NULL, NULL, NULL, "Approve every plan."},
	{"yes", 'y', SETTING_FLAG, AT(yes), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Do not ask on the terminal. Does not approve what the gate holds."},
	{"prune-unmanaged", 0, SETTING_FLAG, AT(prune_unmanaged), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Destroy also what carries the cluster's label but was not made from a template, as omnictl does."},
	{"destroy-machines", 0, SETTING_FLAG, AT(destroy_machines), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Remove disconnected machines of the cluster from Omni, too."},
	{"dry-run", 'n', SETTING_FLAG, AT(dry_run), NULL, VALUE_ANY, NULL, NULL, NULL, "Say what would be done, do nothing."},
	{"wait", 'w', SETTING_FLAG, AT(wait), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Follow until it is done, at most --timeout."},
	{"watch", 'w', SETTING_FLAG, AT(watch), NULL, VALUE_ANY, NULL, NULL, NULL, "Go on showing what changes."},
	{"selector", 'l', SETTING_STRING, AT(selector), "SELECTOR", VALUE_ANY, NULL, NULL, NULL,
	 "Only resources with these labels, as in: omni.sidero.dev/cluster = prod."},
	{"keep-secrets", 0, SETTING_FLAG, AT(keep_secrets), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Save secrets as they are, instead of marks that can only be compared."},
	{"output-file", 'o', SETTING_STRING, AT(output_file), "FILE", VALUE_FILE, NULL, NULL, NULL,
	 "Write into this file, mode 0600, instead of printing; \"-\": print."},
	{"merge", 0, SETTING_FLAG, AT(merge), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Join into the file of -o, or the one that is used anyway: of KUBECONFIG or TALOSCONFIG, else ~/.kube/config or ~/.talos/config."},
	{"keep-context", 0, SETTING_FLAG, AT(keep_context), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "With --merge: leave the current context as it is."},
	{"force", 0, SETTING_FLAG, AT(force), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Replace files that are there; with --merge, entries of the same name that lead elsewhere."},
	{"user", 0, SETTING_STRING, AT(user), "NAME", VALUE_ANY, NULL, NULL, NULL,
	 "The Kubernetes user of the token. Default: the name of the service account that asks."},
	{"groups", 0, SETTING_STRING, AT(groups), "A,B", VALUE_ANY, NULL, NULL, NULL,
	 "The Kubernetes groups of the token. Default: system:authenticated, in which every user is."},
	{"ttl", 0, SETTING_DURATION, AT(ttl_ms), "DURATION", VALUE_ANY, NULL, "8h", NULL,
	 "How long the token is valid, at most 87600h; it cannot be taken back before."},
	{"allow-cluster-admin", 0, SETTING_FLAG, AT(allow_cluster_admin), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Allow the group system:masters, which may do everything."},
	{"oidc", 0, SETTING_FLAG, AT(oidc), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "For a person, who logs in through a browser, instead of a token."},
	{"break-glass", 0, SETTING_FLAG, AT(break_glass), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "For emergencies: a way in past Omni, which marks the cluster as tainted. Needs the role Admin, and an Omni that allows it."},
	{"all", 0, SETTING_FLAG, AT(all), NULL, VALUE_ANY, NULL, NULL, NULL, "Every cluster of the Omni."},
	{"strict", 0, SETTING_FLAG, AT(strict), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Exit with 1 when the documents do not say everything."},
	{"without-classes", 0, SETTING_FLAG, AT(without_classes), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Leave out the machine classes that the clusters use."},
	{"connection-name", 0, SETTING_STRING, AT(connection_name), "NAME", VALUE_ANY, NULL, "omni", NULL,
	 "Name of the OmniConnection that custom resources refer to."},
	{"namespace", 0, SETTING_STRING, AT(ns), "NAME", VALUE_ANY, NULL, NULL, NULL,
	 "Namespace of the custom resources; none by default."},
	{"source", 's', SETTING_LIST, AT(source), "URL", VALUE_ANY, NULL, NULL, NULL,
	 "Where declarations come from (repeatable): git+https://HOST/REPO?ref=main&path=clusters, git+ssh://…, "
	 "git+file:///PATH, dir:/PATH, kubernetes:[?namespace=NAME|all-namespaces=true]."},
	{"kubeconfig", 0, SETTING_STRING, AT(kubeconfig), "FILE", VALUE_FILE, NULL, NULL, NULL,
	 "The API server of a source kubernetes:. Default: the one of the pod, else KUBECONFIG, else ~/.kube/config."},
	{"kube-context", 0, SETTING_STRING, AT(kube_context), "NAME", VALUE_ANY, NULL, NULL, NULL,
	 "Context of the kubeconfig. Default: its current one."},
	{"allow-exec-credentials", 0, SETTING_FLAG, AT(allow_exec_credentials), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Allow the kubeconfig to name a program that is run for credentials."},
	{"settle", 0, SETTING_DURATION, AT(settle_ms), "DURATION", VALUE_ANY, NULL, "2s", NULL,
	 "How long nothing of a new cluster may come or go in Kubernetes before it counts as declared, and an object may be away "
	 "before it counts as deleted."},
	{"leader-elect", 0, SETTING_FLAG, AT(leader_elect), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Of several agents that run with this flag one acts, and another one takes over when it is gone; all of them watch."},
	{"lease-namespace", 0, SETTING_STRING, AT(lease_namespace), "NAME", VALUE_ANY, NULL, NULL, NULL,
	 "Where the Lease stands by which they agree. Default: the namespace of the pod, or of the kubeconfig's context."},
	{"lease-name", 0, SETTING_STRING, AT(lease_name), "NAME", VALUE_ANY, NULL, "5dc6398d.texashpc.com", NULL,
	 "Its name. The default is the Go operator's, so that the two do not act at the same time."},
	{"lease-duration", 0, SETTING_DURATION, AT(lease_duration_ms), "DURATION", VALUE_ANY, NULL, "10s", NULL,
	 "How long the others wait for one that does not renew its Lease."},
	{"shard", 0, SETTING_STRING, AT(shard), "NUMBER/COUNT", VALUE_ANY, NULL, NULL, NULL,
	 "Divide the clusters between so many agents, counted from 0 (0/3, 1/3, 2/3); each does the work of those that are gone. "
	 "Implies --leader-elect. Change COUNT only while none of them runs."},
	{"interval", 0, SETTING_DURATION, AT(interval_ms), "DURATION", VALUE_ANY, NULL, "30s", NULL,
	 "How often a source is polled; a little jitter is added."},
	{"resync", 0, SETTING_DURATION, AT(resync_ms), "DURATION", VALUE_ANY, NULL, "10m", NULL,
	 "Look at every cluster again this often; costs no call where Omni is watched and nothing changed. 0: never."},
	{"dead-after", 0, SETTING_DURATION, AT(dead_after_ms), "DURATION", VALUE_ANY, NULL, "90s", NULL,
	 "An Omni that says nothing for so long, and does not answer when asked, gets a new connection."},
	{"workers", 0, SETTING_NUMBER, AT(workers), "N", VALUE_ANY, NULL, "0", NULL,
	 "Threads that plan and apply, for each Omni: none waits for another. 0: one per core, with a remote Omni at least 4."},
	{"http", 0, SETTING_STRING, AT(http), "ADDR:PORT", VALUE_ANY, NULL, "127.0.0.1:8080", NULL,
	 "Listen here for /metrics, /healthz, /readyz, the status page, /api/v1 and webhooks; \"off\": do not listen."},
	{"http-token-file", 0, SETTING_STRING, AT(http_token_file), "FILE", VALUE_FILE, NULL, NULL, NULL,
	 "Bearer token that POST /reconcile asks for."},
	{"webhook-secret-file", 0, SETTING_STRING, AT(webhook_secret_file), "FILE", VALUE_FILE, NULL, NULL, NULL,
	 "Secret of the webhooks of GitHub, GitLab, Gitea or Bitbucket at POST /webhook."},
	{"drift", 0, SETTING_STRING, AT(drift), "WHAT", VALUE_CHOICE, drifts, "correct", NULL,
	 "Changes made in Omni behind our back: correct them, or only report them."},
	{"status-dir", 0, SETTING_STRING, AT(status_dir), "DIR", VALUE_DIR, NULL, NULL, NULL,
	 "Keep one JSON file per cluster with its state here, in a directory of this agent alone."},
	{"cache-dir", 0, SETTING_STRING, AT(cache_dir), "DIR", VALUE_DIR, NULL, NULL, NULL,
	 "Where fetched repositories and charts are kept. Default: $XDG_CACHE_HOME/omniops or ~/.cache/omniops."},
	{"helm", 0, SETTING_STRING, AT(helm), "PATH", VALUE_FILE, NULL, NULL, NULL,
	 "The Helm program for OmniHelmReleases, version 3.13 or later, or 4. Default: helm in PATH."},
	{"sandbox", 0, SETTING_STRING, AT(sandbox), "MODE", VALUE_CHOICE, sandboxes, "auto", NULL,
	 "Confinement of the process that reads repository content: auto uses what the kernel offers, require insists."},
	{"owner", 0, SETTING_STRING, AT(owner), "NAME", VALUE_ANY, NULL, "omniops", NULL,
	 "Name under which ownership is recorded in Omni; two agents on one Omni need two names."},
	{"no-annotations", 0, SETTING_FLAG, AT(no_annotations), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Do not record owner, hash and revision as annotations of the cluster in Omni."},
	{"annotate-after", 0, SETTING_DURATION, AT(annotate_after_ms), "DURATION", VALUE_ANY, NULL, "60s", NULL,
	 "Record phase and readiness of a cluster in Omni when they have stayed the same for so long, and not more often than that. "
	 "0: every change, at once."},
	{"git-username", 0, SETTING_STRING, AT(git_username), "NAME", VALUE_ANY, NULL, NULL, NULL,
	 "User for Git over HTTPS; default: the one in the URL, or git."},
	{"git-token-file", 0, SETTING_STRING, AT(git_token_file), "FILE", VALUE_FILE, NULL, NULL, NULL,
	 "Token or password for Git over HTTPS; read again at every fetch."},
	{"git-token-env", 0, SETTING_STRING, AT(git_token_env), "VARIABLE", VALUE_ANY, NULL, NULL, NULL,
	 "Environment variable that holds the token."},
	{"ssh-key-file", 0, SETTING_STRING, AT(ssh_key_file), "FILE", VALUE_FILE, NULL, NULL, NULL,
	 "Private key for Git over SSH (ed25519 or ECDSA)."},
	{"ssh-passphrase-file", 0, SETTING_STRING, AT(ssh_passphrase_file), "FILE", VALUE_FILE, NULL, NULL, NULL,
	 "Pass phrase of that key."},
	{"known-hosts", 0, SETTING_STRING, AT(known_hosts), "FILE", VALUE_FILE, NULL, NULL, NULL,
	 "Host keys that Git over SSH accepts; without it no host is."},
	{"ca-file", 0, SETTING_STRING, AT(ca_file), "FILE", VALUE_FILE, NULL, NULL, "SSL_CERT_FILE",
	 "Certificates that Git hosts are checked with, PEM."},
	{"verify-keys", 0, SETTING_STRING, AT(verify_keys), "FILE", VALUE_FILE, NULL, NULL, NULL,
	 "Apply only commits signed by one of these keys: an SSH allowed_signers file or armoured OpenPGP keys."},
	{"once", 0, SETTING_FLAG, AT(once), NULL, VALUE_ANY, NULL, NULL, NULL,
	 "Reconcile once and exit: 0 in sync, 3 something is held, 1 error."},
	{"help", 'h', SETTING_FLAG, AT(help), NULL, VALUE_ANY, NULL, NULL, NULL, "Show help."},
};

const struct setting *setting_at(size_t index)
{
	return index < COUNT_OF(settings_table) ? &settings_table[index] : NULL;
}

const struct setting *setting_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(settings_table); i++)
		if (strcmp(settings_table[i].name, name) == 0)
			return &settings_table[i];
	return NULL;
}

void setting_env_name(const struct setting *setting, struct text *out)
{
	text_adds(out, "OMNIOPS_");
	for (const char *c = setting->name; *c != '\0'; c++)
		text_addc(out, *c == '-' ? '_' : (char)toupper((unsigned char)*c));
}

static bool check_choice(const struct setting *setting, const char *value, struct fail *fail)
{
	if (setting->value_kind != VALUE_CHOICE)
		return true;
	struct text known;
	text_init(&known, 256);
	for (size_t i = 0; setting->choices[i] != NULL; i++) {
		if (strcmp(setting->choices[i], value) == 0) {
			text_done(&known);
			return true;
		}
		text_addf(&known, "%s%s", i == 0 ? "" : ", ", setting->choices[i]);
	}
	fail_set(fail, FAIL_INVALID, "--%s: \"%s\" is not one of: %s", setting->name, value, known.ptr);
	text_done(&known);
	return false;
}

static bool is_true(const char *value)
{
	return value[0] != '\0' && strcmp(value, "0") != 0 && strcmp(value, "false") != 0 && strcmp(value, "no") != 0;
}

static bool store_duration(const struct setting *setting, const char *value, int64_t *out_ms, struct fail *fail)
{
	int64_t nanos;
	if (!duration_parse(span_of(value), &nanos, NULL) || nanos < 0)
		return fail_set(fail, FAIL_INVALID, "--%s: \"%s\" is not a duration; write it like 90s, 10m or 1h30m",
				setting->name, value);
	*out_ms = nanos / 1000000;
	return true;
}

static bool store_item(const struct setting *setting, struct string_list *list, const char *value, struct fail *fail)
{
	if (list->count == COUNT_OF(list->items))
		return fail_set(fail, FAIL_TOO_BIG, "--%s: given more than %zu times", setting->name, list->count);
	bool is_pair = strncmp(setting->value, "NAME=", 5) == 0;
	if (is_pair && (value[0] == '=' || span_behind(span_of(value), '=').len == 0))
		return fail_set(fail, FAIL_INVALID, "--%s: \"%s\" is not of the form %s", setting->name, value, setting->value);
	list->items[list->count++] = value;
	return true;
}

static bool store(struct settings *settings, const struct setting *setting, const char *value, struct fail *fail)
{
	void *place = (char *)settings + setting->offset;
	switch (setting->type) {
	case SETTING_FLAG:
		*(bool *)place = value == NULL || is_true(value);
		return true;
	case SETTING_STRING:
		*(const char **)place = value;
		return check_choice(setting, value, fail);
	case SETTING_DURATION:
		return store_duration(setting, value, place, fail);
	case SETTING_NUMBER:
		if (!span_int(span_of(value), 0, 1024, place))
			return fail_set(fail, FAIL_INVALID, "--%s: \"%s\" is not a number from 0 to 1024", setting->name, value);
		return true;
	case SETTING_LIST:
		return store_item(setting, place, value, fail);
	}
	return true;
}

static const char *environment_value(char *const *environment, const char *name)
{
	size_t len = strlen(name);
	for (; environment != NULL && *environment != NULL; environment++)
		if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
			return *environment + len + 1;
	return NULL;
}

/* A list in the environment is separated by white space. */
static bool store_environment(struct settings *settings, const struct setting *setting, const char *value,
			      struct arena *arena, struct fail *fail)
{
	if (setting->type != SETTING_LIST)
		return store(settings, setting, value, fail);
	char *rest = arena_string(arena, span_of(value)), *word;
	while ((word = strsep(&rest, " \t\n")) != NULL)
		if (*word != '\0' && !store(settings, setting, word, fail))
			return false;
	return true;
}

static void note_given(struct settings *settings, const struct setting *setting)
{
	settings->is_given[setting - settings_table] = true;
}

bool setting_is_given(const struct settings *settings, const char *name)
{
	return settings->is_given[setting_find(name) - settings_table];
}

bool settings_init(struct settings *settings, const char *const *names, char *const *environment, struct arena *arena,
		   struct fail *fail)
{
	_Static_assert(COUNT_OF(settings_table) <= SETTINGS_MAX, "a flag has its place in is_given");
	*settings = (struct settings){0};
	for (; *names != NULL; names++) {
		const struct setting *setting = setting_find(*names);
		if (setting->dflt != NULL && !store(settings, setting, setting->dflt, fail))
			return false;
		struct text variable;
		text_init(&variable, 128);
		setting_env_name(setting, &variable);
		const char *value = environment_value(environment, variable.ptr);
		if ((value == NULL || *value == '\0') && setting->extra_env != NULL)
			value = environment_value(environment, setting->extra_env);
		bool ok = value == NULL || *value == '\0' || store_environment(settings, setting, value, arena, fail) ||
			  fail_wrap(fail, "environment variable %s", variable.ptr);
		text_done(&variable);
		if (!ok)
			return false;
		if (value != NULL && *value != '\0')
			note_given(settings, setting);
	}
	return true;
}

enum { LONGEST_TABLE = 80 };

static void fill_options(const char *const *names, struct option *options, char *letters)
{
	*letters++ = ':'; /* tell a missing value from an unknown flag */
	for (size_t i = 0; names[i] != NULL; i++) {
		const struct setting *setting = setting_find(names[i]);
		bool has_value = setting->type != SETTING_FLAG;
		options[i] = (struct option){setting->name, has_value ? required_argument : no_argument, NULL, 1000 + (int)i};
		if (setting->letter != 0) {
			*letters++ = setting->letter;
			if (has_value)
				*letters++ = ':';
		}
	}
	*letters = '\0';
}

static const struct setting *by_letter(const char *const *names, int letter)
{
	for (; *names != NULL; names++) {
		const struct setting *setting = setting_find(*names);
		if (setting->letter == letter)
			return setting;
	}
	return NULL;
}

static bool unknown_flag(char *const *argv, struct fail *fail)
{
	const char *word = argv[optind - 1];
	if (optopt != 0 && optopt < 1000)
		return fail_set(fail, FAIL_INVALID, "unknown flag -%c", optopt);
	const struct setting *near = NULL;
	size_t best = 4;
	for (size_t i = 0; i < COUNT_OF(settings_table) && strncmp(word, "--", 2) == 0; i++) {
		size_t distance = span_distance(span_before(span_of(word + 2), '='), span_of(settings_table[i].name), best);
		if (distance < best) {
			best = distance;
			near = &settings_table[i];
		}
	}
	if (near != NULL)
		return fail_set(fail, FAIL_INVALID, "unknown flag %s here; is --%s meant?", word, near->name);
	return fail_set(fail, FAIL_INVALID, "unknown flag %s", word);
}

bool settings_parse(struct settings *settings, const char *const *names, int argc, char **argv, int *out_first,
		    struct fail *fail)
{
	struct option options[LONGEST_TABLE] = {0};
	char letters[LONGEST_TABLE * 2 + 2];
	fill_options(names, options, letters);
	bool is_given[COUNT_OF(settings_table)] = {false};
	optind = 0;
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, letters, options, NULL)) != -1;) {
		if (c == ':')
			return fail_set(fail, FAIL_INVALID, "%s wants a value", argv[optind - 1]);
		if (c == '?')
			return unknown_flag(argv, fail);
		const struct setting *setting = c >= 1000 ? setting_find(names[c - 1000]) : by_letter(names, c);
		/* The command line replaces what the environment said, also for lists. */
		if (setting->type == SETTING_LIST && !is_given[setting - settings_table])
			((struct string_list *)((char *)settings + setting->offset))->count = 0;
		is_given[setting - settings_table] = true;
		note_given(settings, setting);
		if (!store(settings, setting, optarg, fail))
			return false;
	}
	*out_first = optind;
	return true;
}
