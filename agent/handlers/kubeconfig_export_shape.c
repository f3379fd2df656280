/* The Secrets as they are written: labels, annotations and sums as the Go operator writes them, so that either of the two goes on
 * with what the other one left. */
#include <openssl/evp.h>

#include "agent/handlers/kubeconfig_export_int.h"
#include "agent/handlers/marks.h"
#include "agent/kube/client_config.h"

enum { SECOND_MS = 1000 };

static void put_time(json_t *object, const char *key, int64_t time_s)
{
	char text[TIMESTAMP_SIZE];
	timestamp_format(time_s * SECOND_MS, TIMESTAMP_SECONDS, text);
	mark_put(object, key, span_of(text));
}

/* --- what a Secret says ----------------------------------------------------------------------------------------------------- */

/* The name of an object can be in one object at a time: what bears it was written by this one, or by one before that it is the heir
 * of. So it is also how somebody hands a Secret over. */
static bool bears_name(const struct export_owner *owner, const struct stored_secret *secret)
{
	struct span ns = mark_text(secret->annotations, EXPORT_NAMESPACE);
	return span_eq(mark_text(secret->annotations, EXPORT_NAME), owner->name) && span_eq(ns.len > 0 ? ns : secret->ns, owner->ns);
}

bool export_is_ours(const struct export_owner *owner, const struct stored_secret *secret)
{
	bool bears_uid = owner->uid.len > 0 && span_eq(mark_text(secret->labels, EXPORT_LABEL_UID), owner->uid);
	return bears_uid || bears_name(owner, secret);
}

static bool has_labels(struct arena *arena, const struct export_owner *owner, const struct stored_secret *secret)
{
	struct span uid = mark_text(secret->labels, EXPORT_LABEL_UID), managed = mark_text(secret->labels, EXPORT_MANAGED_BY);
	return bears_name(owner, secret) && (owner->uid.len == 0 || span_eq(uid, owner->uid)) && managed.len > 0 &&
	       span_eq(mark_text(secret->labels, EXPORT_LABEL_CLUSTER), mark_cluster(arena, owner->cluster));
}

static bool read_time(const struct stored_secret *secret, const char *key, int64_t *out_s)
{
	int64_t ms;
	if (!timestamp_parse(mark_text(secret->annotations, key), &ms))
		return false;
	*out_s = ms / SECOND_MS;
	return true;
}

/* The token knows best when it ends, if it says so. */
static void read_times(struct arena *arena, const struct stored_secret *secret, struct export_state *out)
{
	struct kubeconfig config;
	out->has_times = read_time(secret, EXPORT_EXPIRES, &out->expires_s);
	if (json_object_get(secret->annotations, EXPORT_ROTATED) == NULL)
		out->rotated_s = 0;
	else if (!read_time(secret, EXPORT_ROTATED, &out->rotated_s))
		out->has_times = false;
	if (out->has_times && kubeconfig_read(arena, out->kubeconfig, &config, NULL) && config.expires_s > 0 &&
	    config.expires_s < out->expires_s)
		out->expires_s = config.expires_s;
}

void export_state_read(struct arena *arena, const struct export_owner *owner, const struct stored_secret *secret, struct span key,
		       struct export_state *out)
{
	*out = (struct export_state){.exists = secret != NULL};
	if (secret == NULL)
		return;
	out->is_ours = export_is_ours(owner, secret);
	out->has_labels = has_labels(arena, owner, secret);
	out->is_deleted = secret->is_deleted;
	out->is_immutable = secret->is_immutable;
	out->kubeconfig = stored_secret_value(secret, key);
	out->spec_hash = mark_text(secret->annotations, EXPORT_SPEC_HASH);
	digest_hex(out->kubeconfig, out->hash);
	out->is_whole = span_is(mark_text(secret->annotations, EXPORT_HASH), out->hash);
	read_times(arena, secret, out);
}

/* --- what is written -------------------------------------------------------------------------------------------------------- */

static bool is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static json_t *copied(struct arena *arena, const json_t *before)
{
	return mark_keep(arena, json_is_object(before) ? json_copy((json_t *)(uintptr_t)before) : json_object());
}

static void begin(struct arena *arena, const struct export_owner *owner, const struct stored_secret *before, struct span managed_by,
		  struct stored_secret *out)
{
	if (before != NULL)
		*out = *before;
	out->labels = copied(arena, before == NULL ? NULL : before->labels);
	out->annotations = copied(arena, before == NULL ? NULL : before->annotations);
	mark_put(out->labels, EXPORT_MANAGED_BY, managed_by);
	if (owner->uid.len > 0)
		mark_put(out->labels, EXPORT_LABEL_UID, owner->uid);
	mark_put(out->labels, EXPORT_LABEL_CLUSTER, mark_cluster(arena, owner->cluster));
	mark_put(out->annotations, EXPORT_NAME, owner->name);
	mark_put(out->annotations, EXPORT_NAMESPACE, owner->ns);
}

#define MANAGER SPAN("omni-cluster-operator")

void export_shape_labels(struct arena *arena, const struct export_owner *owner, const struct stored_secret *before, struct stored_secret *out)
{
	begin(arena, owner, before, MANAGER, out);
}

/* Sorted by key: the others stay, but for the former one. */
static void put_entry(struct arena *arena, struct stored_secret *secret, struct span key, struct span value, struct span former_key)
{
	struct secret_entry *entries = ARENA_ARRAY(arena, struct secret_entry, secret->entry_count + 1);
	size_t count = 0;
	bool is_in = false;
	for (size_t i = 0; i < secret->entry_count; i++) {
		const struct secret_entry *entry = &secret->entries[i];
		if (span_eq(entry->key, key) || (former_key.len > 0 && span_eq(entry->key, former_key)))
			continue;
		if (!is_in && span_cmp(entry->key, key) > 0) {
			entries[count++] = (struct secret_entry){key, value};
			is_in = true;
		}
		entries[count++] = *entry;
	}
	if (!is_in)
		entries[count++] = (struct secret_entry){key, value};
	secret->entries = entries;
	secret->entry_count = count;
}

void export_shape(struct arena *arena, const struct export_owner *owner, const struct export_spec *spec,
		  const struct export_content *content, const struct stored_secret *before, struct span former_key, struct stored_secret *out)
{
	char hash[DIGEST_HEX_SIZE];
	*out = (struct stored_secret){.ns = spec->target.ns, .name = spec->target.name};
	begin(arena, owner, before, MANAGER, out);
	digest_hex(content->kubeconfig, hash);
	mark_put(out->annotations, EXPORT_SPEC_HASH, span_of(spec->hash));
	mark_put(out->annotations, EXPORT_HASH, span_of(hash));
	put_time(out->annotations, EXPORT_EXPIRES, content->expires_s);
	put_time(out->annotations, EXPORT_ROTATED, content->rotated_s);
	put_entry(arena, out, spec->target.key, content->kubeconfig, former_key);
}

/* --- other forms ------------------------------------------------------------------------------------------------------------ */

static void add_query(struct text *out, struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (is_label_char(name.ptr[i]) || name.ptr[i] == '-' || name.ptr[i] == '_' || name.ptr[i] == '.' || name.ptr[i] == '~')
			text_addc(out, name.ptr[i]);
		else
			text_addf(out, "%%%02X", (unsigned char)name.ptr[i]);
}

/* Clients leave out what stands behind the path of a server's address; Argo CD tells clusters apart by the whole of it. */
static struct span argocd_server(struct arena *arena, const struct export_owner *owner, const struct export_output *output, const char *server)
{
	struct text text;
	if (output->server.len > 0)
		return output->server;
	text_init(&text, TEXT_NO_LIMIT);
	text_addf(&text, "%s?cluster=", server);
	add_query(&text, owner->cluster);
	struct span copy = arena_copy(arena, text_span(&text));
	text_done(&text);
	return copy;
}

static void put_ca(struct arena *arena, json_t *tls, struct span pem)
{
	char *text = arena_bytes(arena, pem.len / 3 * 4 + 5);
	int len = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)pem.ptr, (int)pem.len);
	mark_put(tls, "caData", (struct span){text, (size_t)len});
}

/* What Argo CD's `config` says; the text lives in the arena, and not in the heap afterwards. */
static struct span argocd_config(struct arena *arena, const struct kube_config *config)
{
	json_t *tls = json_object(), *object = json_pack("{s:s%, s:o}", "bearerToken", config->token.ptr, config->token.len,
							 "tlsClientConfig", tls);
	json_object_set_new(tls, "insecure", json_false());
	if (config->ca_data.len > 0)
		put_ca(arena, tls, config->ca_data);
	if (config->tls_server_name != NULL)
		mark_put(tls, "serverName", span_of(config->tls_server_name));
	char *text = json_dumps(object, JSON_SORT_KEYS | JSON_COMPACT);
	struct span copy = arena_copy(arena, span_of(text));
	explicit_bzero(text, copy.len);
	free(text);
	json_t *token = json_object_get(object, "bearerToken");
	explicit_bzero((char *)(uintptr_t)json_string_value(token), json_string_length(token));
	json_decref(object);
	return copy;
}

static bool shape_argocd(struct arena *arena, const struct export_owner *owner, const struct export_output *output,
			 const struct export_content *content, struct stored_secret *out, struct fail *fail)
{
	struct kube_config config;
	if (!kube_config_foreign(arena, content->kubeconfig, &config, fail))
		return false;
	if (config.token.len == 0)
		return fail_set(fail, FAIL_INVALID, "the kubeconfig has no token, and Argo CD takes nothing else from it");
	mark_put(out->labels, "argocd.argoproj.io/secret-type", SPAN("cluster"));
	put_entry(arena, out, SPAN("name"), output->cluster_name, SPAN(""));
	put_entry(arena, out, SPAN("server"), argocd_server(arena, owner, output, config.server), SPAN(""));
	put_entry(arena, out, SPAN("config"), argocd_config(arena, &config), SPAN(""));
	if (output->project.len > 0)
		put_entry(arena, out, SPAN("project"), output->project, SPAN(""));
	return true;
}

static void put_labels(json_t *labels, const json_t *more)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)more, key, value)
		json_object_set(labels, key, value);
}

bool export_shape_output(struct arena *arena, const struct export_owner *owner, const struct export_output *output,
			 const struct export_content *content, const struct stored_secret *before, struct stored_secret *out, struct fail *fail)
{
	*out = (struct stored_secret){.ns = output->place.ns, .name = output->place.name};
	begin(arena, owner, before, SPAN("omniops"), out);
	out->entries = NULL; /* nothing of an earlier form stays */
	out->entry_count = 0;
	json_object_del(out->labels, "argocd.argoproj.io/secret-type");
	put_labels(out->labels, output->labels);
	begin(arena, owner, out, SPAN("omniops"), out); /* nobody's labels take the place of these */
	put_time(out->annotations, EXPORT_EXPIRES, content->expires_s);
	if (output->form == EXPORT_ARGOCD)
		return shape_argocd(arena, owner, output, content, out, fail);
	put_entry(arena, out, output->place.key, content->kubeconfig, SPAN(""));
	return true;
}

static bool holds_texts(const json_t *held, const json_t *wanted)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)wanted, key, value)
		if (!json_equal(json_object_get(held, key), value))
			return false;
	return true;
}

bool export_shape_holds(const struct stored_secret *held, const struct stored_secret *wanted)
{
	if (!holds_texts(held->labels, wanted->labels) || !holds_texts(held->annotations, wanted->annotations) ||
	    held->entry_count != wanted->entry_count)
		return false;
	for (size_t i = 0; i < wanted->entry_count; i++)
		if (!span_eq(held->entries[i].key, wanted->entries[i].key) || !span_eq(held->entries[i].value, wanted->entries[i].value))
			return false;
	return true;
}
