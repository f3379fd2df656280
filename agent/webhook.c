#include "agent/webhook.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

static bool same(struct span a, struct span b)
{
	return a.len == b.len && CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0;
}

static bool is_hmac(struct span secret, struct span body, struct span given)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	if (HMAC(EVP_sha256(), secret.ptr, (int)secret.len, (const unsigned char *)body.ptr, body.len, sum, &size) == NULL)
		return false;
	struct text hex;
	text_init(&hex, 256);
	text_add_hex(&hex, sum, size);
	bool ok = same(text_span(&hex), given);
	text_done(&hex);
	return ok;
}

static const struct {
	const char *header, *prefix;
	bool is_token;
} schemes[] = {
	{"X-Hub-Signature-256", "sha256=", false},
	{"X-Gitea-Signature", "", false},
	{"X-Hub-Signature", "sha256=", false},
	{"X-Gitlab-Token", "", true},
};

bool webhook_is_genuine(struct span secret, const char *(*header)(void *ctx, const char *name), void *ctx,
			struct span body)
{
	for (size_t i = 0; i < COUNT_OF(schemes); i++) {
		const char *value = header(ctx, schemes[i].header);
		if (value == NULL)
			continue;
		if (schemes[i].is_token)
			return same(span_of(value), secret);
		size_t skip = strlen(schemes[i].prefix);
		return strncmp(value, schemes[i].prefix, skip) == 0 && is_hmac(secret, body, span_of(value + skip));
	}
	return false;
}

static void drop_json(json_t **json)
{
	json_decref(*json);
}

bool webhook_concerns(struct span body, const struct source *source)
{
	static const char *const keys[] = {"clone_url", "ssh_url", "html_url", "git_url", "url", "git_http_url", "git_ssh_url", "http_url"};
	static const char *const objects[] = {"repository", "project"};
	CLEANUP(drop_json) json_t *root = json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	bool names_one = false;
	for (size_t i = 0; root != NULL && i < COUNT_OF(objects); i++) {
		const json_t *object = json_object_get(root, objects[i]);
		for (size_t j = 0; object != NULL && j < COUNT_OF(keys); j++) {
			const char *url = json_string_value(json_object_get(object, keys[j]));
			if (url == NULL)
				continue;
			names_one = true;
			if (source_matches_url(source, span_of(url)))
				return true;
		}
	}
	return !names_one;
}
