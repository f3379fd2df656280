#include "agent/kube/exec_wire.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/files.h"
#include "base/timestamp.h"
#include "base/utf8.h"

static size_t length(const char *const *list)
{
	size_t count = 0;
	while (list != NULL && list[count] != NULL)
		count++;
	return count;
}

char **exec_arguments(struct arena *arena, const struct kube_exec *exec)
{
	size_t count = length(exec->args);
	char **out = ARENA_ARRAY(arena, char *, count + 2);
	out[0] = (char *)(uintptr_t)exec->command;
	for (size_t i = 0; i < count; i++)
		out[i + 1] = (char *)(uintptr_t)exec->args[i];
	return out;
}

/* --- what it is told ------------------------------------------------------------------------------------------------------ */

static json_t *authority(const struct kube_config *config)
{
	struct arena arena;
	struct span pem = config->ca_data;
	enum { PEM_MAX = 1 << 20 };
	arena_init(&arena, ARENA_NO_LIMIT);
	if (pem.len == 0 && config->ca_file != NULL && !files_read(&arena, config->ca_file, PEM_MAX, &pem, NULL))
		pem.len = 0;
	char *text = arena_bytes(&arena, pem.len / 3 * 4 + 8);
	int len = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)pem.ptr, (int)pem.len);
	json_t *out = pem.len == 0 ? NULL : json_stringn(text, (size_t)len);
	arena_done(&arena);
	return out;
}

static json_t *cluster_of(const struct kube_config *config)
{
	json_t *cluster = json_pack("{ss}", "server", config->server), *pem = authority(config);
	if (config->tls_server_name != NULL)
		json_object_set_new(cluster, "tls-server-name", json_string(config->tls_server_name));
	if (config->insecure_skip_tls_verify)
		json_object_set_new(cluster, "insecure-skip-tls-verify", json_true());
	if (config->proxy_url != NULL)
		json_object_set_new(cluster, "proxy-url", json_string(config->proxy_url));
	if (pem != NULL)
		json_object_set_new(cluster, "certificate-authority-data", pem);
	return cluster;
}

static const char *info_of(struct arena *arena, const struct kube_config *config)
{
	const struct kube_exec *exec = config->exec;
	json_t *info = json_pack("{ss ss s{sb}}", "kind", "ExecCredential", "apiVersion", exec->api_version, "spec", "interactive", 0);
	if (exec->provides_cluster_info)
		json_object_set_new(json_object_get(info, "spec"), "cluster", cluster_of(config));
	char *text = json_dumps(info, JSON_COMPACT);
	if (text == NULL)
		abort();
	const char *out = arena_spanf(arena, "KUBERNETES_EXEC_INFO=%s", text).ptr;
	free(text);
	json_decref(info);
	return out;
}

/* The first of a name counts for most programs: what the kubeconfig says comes first. */
char **exec_environment(struct arena *arena, const struct kube_config *config, char *const *own)
{
	const char *const *added = config->exec->env;
	size_t added_count = length(added), own_count = length((const char *const *)own), count = 0;
	char **out = ARENA_ARRAY(arena, char *, added_count + own_count + 2);
	out[count++] = (char *)(uintptr_t)info_of(arena, config);
	for (size_t i = 0; i < added_count; i++)
		out[count++] = (char *)(uintptr_t)added[i];
	size_t ours = count;
	for (size_t i = 0; i < own_count; i++) {
		size_t name_len = span_before(span_of(own[i]), '=').len + 1;
		bool is_replaced = false;
		for (size_t k = 0; k < ours && !is_replaced; k++)
			is_replaced = strncmp(out[k], own[i], name_len) == 0;
		if (!is_replaced)
			out[count++] = own[i];
	}
	return out;
}

/* --- what it says --------------------------------------------------------------------------------------------------------- */

static void hide(json_t *holder, const char *key, struct secret *out)
{
	json_t *value = json_object_get(holder, key);
	if (!json_is_string(value))
		return;
	char *bytes = (char *)(uintptr_t)json_string_value(value);
	size_t len = json_string_length(value);
	if (len > 0)
		secret_set(out, (struct span){bytes, len});
	explicit_bzero(bytes, len);
}

static bool read_status(json_t *root, const struct kube_exec *exec, struct exec_result *out, struct fail *fail)
{
	const char *kind = json_string_value(json_object_get(root, "kind"));
	const char *version = json_string_value(json_object_get(root, "apiVersion"));
	json_t *status = json_object_get(root, "status");
	const char *expires = json_string_value(json_object_get(status, "expirationTimestamp"));
	hide(status, "token", &out->token);
	hide(status, "clientCertificateData", &out->cert);
	hide(status, "clientKeyData", &out->key);
	if (kind == NULL || strcmp(kind, "ExecCredential") != 0 || version == NULL || strcmp(version, exec->api_version) != 0)
		return fail_set(fail, FAIL_UNAUTHENTICATED, "\"%s\" wrote no ExecCredential of %s", exec->command, exec->api_version);
	if (out->token.len == 0 && out->cert.len == 0)
		return fail_set(fail, FAIL_UNAUTHENTICATED, "\"%s\" wrote neither a token nor a certificate", exec->command);
	if ((out->cert.len == 0) != (out->key.len == 0))
		return fail_set(fail, FAIL_UNAUTHENTICATED, "\"%s\" wrote a certificate without its key, or a key alone", exec->command);
	if (expires != NULL && !timestamp_parse(span_of(expires), &out->expires_wall_ms))
		return fail_set(fail, FAIL_UNAUTHENTICATED, "\"%s\" wrote an expirationTimestamp that is no time", exec->command);
	return true;
}

bool exec_read_output(struct span json, const struct kube_exec *exec, struct exec_result *out, struct fail *fail)
{
	struct exec_result result = {0};
	json_error_t error;
	json_t *root = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		return fail_set(fail, FAIL_UNAUTHENTICATED, "\"%s\" wrote something that is no JSON, at line %d, column %d", exec->command, error.line,
				error.column);
	bool is_fine = read_status(root, exec, &result, fail);
	json_decref(root);
	if (is_fine)
		*out = result;
	else
		exec_result_done(&result);
	return is_fine;
}

void exec_add_complaint(struct text *out, struct span complaint, size_t max_bytes)
{
	complaint = span_trim(complaint);
	const char *line = complaint.len == 0 ? NULL : memrchr(complaint.ptr, '\n', complaint.len);
	if (line != NULL)
		complaint = (struct span){line + 1, complaint.len - (size_t)(line + 1 - complaint.ptr)};
	if (complaint.len > max_bytes)
		complaint.len = max_bytes;
	size_t start = out->len;
	complaint.len = utf8_valid_prefix(complaint);
	text_add(out, complaint);
	for (size_t i = start; i < out->len; i++)
		if ((unsigned char)out->ptr[i] < ' ' || out->ptr[i] == 0x7f)
			out->ptr[i] = ' ';
}
