#include "agent/workload/kubeconfig.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/members.h"

/* The text never grows, so that no part of it stays behind in memory that was given back. */
static size_t room_for(const struct kube_config *config, struct span ns)
{
	enum { FRAME = 4096, ESCAPED = 6 };
	const struct span texts[] = {
		span_of(config->server), span_of(config->tls_server_name), config->token, span_of(config->user), span_of(config->password), ns,
	};
	size_t size = FRAME + 2 * (config->ca_data.len + config->cert_data.len + config->key_data.len);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		size += ESCAPED * texts[i].len;
	return size;
}

static void add_data(struct text *out, const char *name, struct span bytes)
{
	if (bytes.len == 0)
		return;
	member(out, name);
	text_addc(out, '"');
	if (text_reserve(out, (bytes.len + 2) / 3 * 4 + 1))
		out->len += (size_t)EVP_EncodeBlock((unsigned char *)out->ptr + out->len, (const unsigned char *)bytes.ptr, (int)bytes.len);
	text_addc(out, '"');
}

static void begin_entry(struct text *out, const char *list, const char *kind)
{
	member(out, list);
	text_adds(out, "[{\"name\":\"agent\"");
	member(out, kind);
	text_addc(out, '{');
}

static void add_all(struct text *out, const struct kube_config *config, struct span ns)
{
	text_adds(out, "{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"current-context\":\"agent\"");
	begin_entry(out, "clusters", "cluster");
	member_text(out, "server", span_of(config->server));
	member_said(out, "tls-server-name", span_of(config->tls_server_name));
	add_data(out, "certificate-authority-data", config->ca_data);
	text_adds(out, "}}]");
	begin_entry(out, "users", "user");
	member_said(out, "token", config->token);
	member_said(out, "username", span_of(config->user));
	member_said(out, "password", span_of(config->password));
	add_data(out, "client-certificate-data", config->cert_data);
	add_data(out, "client-key-data", config->key_data);
	text_adds(out, "}}]");
	begin_entry(out, "contexts", "context");
	text_adds(out, "\"cluster\":\"agent\",\"user\":\"agent\"");
	member_said(out, "namespace", ns);
	text_adds(out, "}}]}\n");
}

bool kubeconfig_write(const struct kube_config *config, struct span ns, struct arena *arena, struct span *out, struct fail *fail)
{
	struct text text;
	size_t room = room_for(config, ns);
	text_init(&text, room);
	bool is_fine = text_reserve(&text, room - 1);
	if (is_fine) {
		add_all(&text, config, ns);
		is_fine = text_ok(&text);
	}
	if (is_fine)
		*out = arena_copy(arena, text_span(&text));
	explicit_bzero(text.ptr, text.len);
	text_done(&text);
	return is_fine || fail_set(fail, FAIL_BUG, "the kubeconfig for programs does not fit into %zu bytes", room);
}
