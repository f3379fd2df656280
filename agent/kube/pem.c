#include "agent/kube/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/cleanup.h"

static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}

static void free_certificate(X509 **certificate)
{
	X509_free(*certificate);
}

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static BIO *bio_of(struct span pem)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	if (bio == NULL)
		abort();
	return bio;
}

static X509 *read_certificate(struct span pem)
{
	CLEANUP(free_bio) BIO *bio = bio_of(pem);
	return PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

/* A password would be asked for at the terminal. */
static int no_password(char *out, int size, int is_writing, void *was_asked)
{
	(void)out, (void)size, (void)is_writing;
	*(bool *)was_asked = true;
	return -1;
}

static bool check_pair(const struct identity *identity, struct fail *fail)
{
	bool was_asked = false;
	CLEANUP(free_bio) BIO *bio = bio_of(secret_span(&identity->key));
	CLEANUP(free_certificate) X509 *certificate = read_certificate(secret_span(&identity->cert));
	CLEANUP(free_key) EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, &was_asked);
	if (certificate == NULL)
		return fail_set(fail, FAIL_INVALID, "the client's certificate cannot be read: it is no X.509 certificate in PEM form");
	if (key == NULL)
		return fail_set(fail, FAIL_INVALID, "the client's key cannot be read: %s",
				was_asked ? "it has a password; write it without one" : "it is no private key in PEM form");
	if (X509_check_private_key(certificate, key) != 1)
		return fail_set(fail, FAIL_INVALID, "the client's key is not that of its certificate");
	return true;
}

bool pem_check(const struct identity *identity, struct fail *fail)
{
	bool is_fine = true;
	if (identity->ca.len > 0) {
		CLEANUP(free_certificate) X509 *authority = read_certificate(secret_span(&identity->ca));
		is_fine = authority != NULL ||
			  fail_set(fail, FAIL_INVALID, "the certificate authority cannot be read: it is no X.509 certificate in PEM form");
	}
	if (is_fine && identity->cert.len > 0)
		is_fine = check_pair(identity, fail);
	ERR_clear_error();
	return is_fine;
}

int64_t pem_ends_s(struct span pem)
{
	struct tm when;
	CLEANUP(free_certificate) X509 *certificate = pem.len == 0 ? NULL : read_certificate(pem);
	ERR_clear_error();
	return certificate != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &when) == 1 ? (int64_t)timegm(&when) : 0;
}

bool pem_has_expired(const struct secret *pem, int64_t wall_ms, char out[TIMESTAMP_SIZE])
{
	int64_t ends_s = pem_ends_s(secret_span(pem));
	if (ends_s == 0)
		return false;
	timestamp_format(ends_s * 1000, TIMESTAMP_SECONDS, out);
	return ends_s * 1000 < wall_ms;
}
