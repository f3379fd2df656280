#include "agent/kube/credential.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "agent/kube/config_int.h"
#include "agent/kube/exec.h"
#include "agent/kube/pem.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { READ_EACH_MS = 60000, READ_AGAIN_MS = 1000, RUN_AGAIN_MS = 5000, PEM_MAX = 1 << 20 };

struct identity *identity_hold(struct identity *identity)
{
	identity->refs++;
	return identity;
}

void identity_release(struct identity *identity)
{
	if (identity == NULL || --identity->refs > 0)
		return;
	secret_done(&identity->header);
	secret_done(&identity->cert);
	secret_done(&identity->key);
	secret_done(&identity->ca);
	free(identity);
}

static struct identity *new_identity(void)
{
	struct identity *identity = calloc(1, sizeof *identity);
	if (identity == NULL)
		abort();
	identity->refs = 1;
	return identity;
}

static bool is_same(const struct identity *a, const struct identity *b)
{
	return secret_is(&a->header, secret_span(&b->header)) && secret_is(&a->cert, secret_span(&b->cert)) &&
	       secret_is(&a->key, secret_span(&b->key)) && secret_is(&a->ca, secret_span(&b->ca));
}

/* --- the header ----------------------------------------------------------------------------------------------------------- */

static bool set_bearer(struct secret *header, struct span token, const char *where, struct fail *fail)
{
	static const char prefix[] = "Authorization: Bearer ";
	size_t prefix_len = sizeof prefix - 1;
	for (size_t i = 0; i < token.len; i++)
		if (token.ptr[i] <= ' ' || token.ptr[i] >= 0x7f)
			return fail_set(fail, FAIL_INVALID, "the token of %s has a character that no token has, at byte %zu", where, i + 1);
	if (token.len == 0)
		return fail_set(fail, FAIL_INVALID, "the token of %s is empty", where);
	char *line = malloc(prefix_len + token.len);
	if (line == NULL)
		abort();
	memcpy(line, prefix, prefix_len);
	memcpy(line + prefix_len, token.ptr, token.len);
	secret_set(header, (struct span){line, prefix_len + token.len});
	explicit_bzero(line, prefix_len + token.len);
	free(line);
	return true;
}

static void set_basic(struct secret *header, const char *user, const char *password)
{
	static const char prefix[] = "Authorization: Basic ";
	size_t prefix_len = sizeof prefix - 1, user_len = strlen(user), password_len = password == NULL ? 0 : strlen(password);
	size_t len = user_len + 1 + password_len, size = len + prefix_len + 2 * len + 8;
	char *pair = malloc(size), *line = pair + len;
	if (pair == NULL)
		abort();
	memcpy(pair, user, user_len);
	pair[user_len] = ':';
	if (password_len > 0)
		memcpy(pair + user_len + 1, password, password_len);
	memcpy(line, prefix, prefix_len);
	int encoded = EVP_EncodeBlock((unsigned char *)line + prefix_len, (unsigned char *)pair, (int)len);
	secret_set(header, (struct span){line, prefix_len + (size_t)encoded});
	explicit_bzero(pair, size);
	free(pair);
}

static bool set_header(struct identity *identity, const struct kube_config *config, struct fail *fail)
{
	if (config->token_file != NULL) {
		CLEANUP(secret_done) struct secret token = {0};
		return secret_read(&token, AT_FDCWD, config->token_file, KUBE_TOKEN_MAX, fail) &&
		       set_bearer(&identity->header, span_trim(secret_span(&token)), config->token_file, fail);
	}
	if (config->token.len > 0)
		return set_bearer(&identity->header, config->token, "the user", fail);
	if (config->user != NULL)
		set_basic(&identity->header, config->user, config->password);
	return true;
}

/* --- what stands in files and in the configuration ------------------------------------------------------------------------ */

static bool set_pem(struct secret *out, struct span data, const char *file, struct fail *fail)
{
	if (data.len > 0)
		secret_set(out, data);
	return data.len > 0 || file == NULL || secret_read(out, AT_FDCWD, file, PEM_MAX, fail);
}

static bool read_identity(struct identity *identity, const struct kube_config *config, struct fail *fail)
{
	return set_header(identity, config, fail) && set_pem(&identity->ca, config->ca_data, config->ca_file, fail) &&
	       set_pem(&identity->cert, config->cert_data, config->cert_file, fail) &&
	       set_pem(&identity->key, config->key_data, config->key_file, fail) && pem_check(identity, fail);
}

static void take(struct credential *credential, struct identity *fresh)
{
	if (credential->now != NULL && is_same(credential->now, fresh))
		return;
	identity_release(credential->now);
	credential->now = identity_hold(fresh);
}

/* What cannot be read, or does not fit together because it is just being replaced, does not take the place of what works. */
static void read_again(struct credential *credential, int64_t now_ms)
{
	struct identity *fresh = new_identity();
	struct fail fail = {0};
	bool is_fine = read_identity(fresh, credential->config, &fail);
	credential->read_ms = now_ms;
	credential->is_refused = false;
	credential->problem = fail;
	if (is_fine)
		take(credential, fresh);
	identity_release(fresh);
}

static bool has_files(const struct kube_config *config)
{
	return config->token_file != NULL || config->ca_file != NULL || config->cert_file != NULL || config->key_file != NULL;
}

static bool is_due(const struct credential *credential, int64_t now_ms)
{
	if (credential->read_ms == 0)
		return true;
	int64_t age_ms = now_ms - credential->read_ms;
	if (!has_files(credential->config))
		return false;
	return age_ms >= (credential->now == NULL ? READ_AGAIN_MS : READ_EACH_MS);
}

/* --- a program ------------------------------------------------------------------------------------------------------------ */

static bool read_result(struct identity *identity, const struct kube_config *config, const struct exec_result *result, struct fail *fail)
{
	bool has_cert = result->cert.len > 0;
	if (result->token.len > 0 && !set_bearer(&identity->header, secret_span(&result->token), config->exec->command, fail))
		return false;
	return set_pem(&identity->ca, config->ca_data, config->ca_file, fail) &&
	       set_pem(&identity->cert, has_cert ? secret_span(&result->cert) : config->cert_data, config->cert_file, fail) &&
	       set_pem(&identity->key, has_cert ? secret_span(&result->key) : config->key_data, config->key_file, fail) && pem_check(identity, fail);
}

static bool take_result(struct credential *credential, const struct exec_result *result, struct fail *fail)
{
	struct identity *fresh = new_identity();
	bool is_fine = read_result(fresh, credential->config, result, fail);
	if (is_fine) {
		take(credential, fresh);
		credential->expires_wall_ms = result->expires_wall_ms;
	}
	identity_release(fresh);
	return is_fine;
}

static void end_run(struct credential *credential, int64_t now_ms)
{
	struct exec_result result = {0};
	struct fail fail = {0};
	bool is_fine = exec_end(credential->run, &result, &fail) && take_result(credential, &result, &fail);
	credential->run = NULL;
	credential->run_again_ms = now_ms + (is_fine ? READ_AGAIN_MS : RUN_AGAIN_MS);
	credential->is_refused = !is_fine;
	credential->problem = fail;
	exec_result_done(&result);
}

static enum credential_state look_at_program(struct credential *credential, int64_t now_ms)
{
	if (credential->run != NULL && exec_has_ended(credential->run))
		end_run(credential, now_ms);
	if (credential->run != NULL)
		return CREDENTIAL_COMING;
	bool has_expired = credential->expires_wall_ms != 0 && clock_wall_ms() >= credential->expires_wall_ms;
	if (credential->now != NULL && !has_expired && !credential->is_refused)
		return CREDENTIAL_READY;
	if (now_ms < credential->run_again_ms && credential->problem.code != FAIL_NONE)
		return CREDENTIAL_NONE;
	if (now_ms < credential->run_again_ms) /* it gives what is refused, or has ended: not all the time */
		return CREDENTIAL_READY;
	credential->run = exec_start(credential->config, credential->wake, credential->ctx);
	return CREDENTIAL_COMING;
}

/* --- all of them ---------------------------------------------------------------------------------------------------------- */

void credential_init(struct credential *credential, const struct kube_config *config, void (*wake)(void *ctx), void *ctx)
{
	*credential = (struct credential){.config = config, .wake = wake, .ctx = ctx};
}

void credential_done(struct credential *credential)
{
	exec_kill(credential->run);
	identity_release(credential->now);
	credential->run = NULL;
	credential->now = NULL;
}

enum credential_state credential_look(struct credential *credential, int64_t now_ms)
{
	if (credential->config->exec != NULL)
		return look_at_program(credential, now_ms);
	if (is_due(credential, now_ms))
		read_again(credential, now_ms);
	return credential->now != NULL ? CREDENTIAL_READY : CREDENTIAL_NONE;
}

bool credential_refused(struct credential *credential, const struct identity *identity)
{
	if (credential->now != identity)
		return true;
	if (credential->config->exec != NULL) {
		credential->is_refused = true;
		return true;
	}
	if (!has_files(credential->config))
		return false;
	read_again(credential, clock_monotonic_ms());
	return credential->now != identity;
}
