#include "agent/kube/retry.h"

#include <curl/curl.h>

static int64_t broken_ms(const struct retry *retry)
{
	if (retry->attempts >= RETRY_BROKEN_MAX || (retry->is_write && retry->was_seen))
		return -1;
	int64_t base_ms = (int64_t)RETRY_BASE_MS << (retry->attempts - 1);
	return base_ms / 2 + (int64_t)(retry->random >> 33) % base_ms;
}

int64_t retry_in_ms(const struct retry *retry)
{
	bool is_asked = retry->http_status == 429 || (retry->http_status >= 500 && retry->http_status < 600);
	int64_t in_ms = -1;
	if (retry->http_status == 0)
		in_ms = broken_ms(retry);
	else if (is_asked && retry->retry_after_ms >= 0 && retry->attempts < RETRY_ASKED_MAX)
		in_ms = retry->retry_after_ms + (int64_t)(retry->random >> 33) % RETRY_BASE_MS;
	return in_ms >= 0 && retry->deadline_ms != 0 && retry->now_ms + in_ms >= retry->deadline_ms ? -1 : in_ms;
}

int64_t retry_after_ms(struct span header, int64_t wall_ms)
{
	enum { HOUR_MS = 3600 * 1000 };
	char date[64];
	int64_t seconds;
	header = span_trim(header);
	if (span_int(header, 0, INT64_MAX, &seconds))
		return seconds > HOUR_MS / 1000 ? HOUR_MS : seconds * 1000;
	if (header.len == 0 || header.len >= sizeof date)
		return -1;
	memcpy(date, header.ptr, header.len);
	date[header.len] = '\0';
	seconds = curl_getdate(date, NULL);
	if (seconds < 0)
		return -1;
	int64_t in_ms = seconds * 1000 - wall_ms;
	return in_ms < 0 ? 0 : in_ms > HOUR_MS ? HOUR_MS : in_ms;
}

int64_t bucket_take(struct bucket *bucket, double per_second, unsigned burst, int64_t now_ms)
{
	if (!bucket->has_begun)
		*bucket = (struct bucket){.tokens = burst, .at_ms = now_ms, .has_begun = true};
	bucket->tokens += (double)(now_ms - bucket->at_ms) * per_second / 1000;
	bucket->at_ms = now_ms;
	if (bucket->tokens > burst)
		bucket->tokens = burst;
	if (bucket->tokens >= 1) {
		bucket->tokens -= 1;
		return 0;
	}
	return (int64_t)((1 - bucket->tokens) * 1000 / per_second) + 1;
}
