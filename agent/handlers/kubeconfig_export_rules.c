/* When new credentials are needed, when they will be, and how often they may be asked for. */
#include "agent/handlers/kubeconfig_export_int.h"
#include "base/duration.h"

enum {
	SKEW_S = 300,	     /* clocks of replicas, and of Omni, may differ by so much */
	JITTER_PART = 20,    /* of the time between two rotations */
	JITTER_MAX_S = 600,
	UNSAID_PART = 5,     /* of the ttl: renewBefore, when it is not said */
	MINUTE_MS = 60000,
	BURST = 5,
	IN_VAIN_MAX = 6,     /* doublings: up to about an hour */
};

const char *export_why_text(enum export_why why)
{
	static const char *const texts[EXPORT_WHYS] = {
		[EXPORT_FRESH] = "nothing changed",
		[EXPORT_NO_SECRET] = "there was none",
		[EXPORT_NO_KEY] = "the key was missing or empty",
		[EXPORT_DECLARED] = "the declaration changed",
		[EXPORT_DAMAGED] = "somebody changed the kubeconfig",
		[EXPORT_NO_TIMES] = "the Secret did not say when its credentials end",
		[EXPORT_CLOCK] = "the last ones were made in the future",
		[EXPORT_ENDPOINT] = "the connection leads to another Omni",
		[EXPORT_CLUSTER] = "the OmniCluster was made anew",
		[EXPORT_DUE] = "it was time",
		[EXPORT_REFUSED] = "the cluster refused the last ones",
		[EXPORT_UNUSABLE] = "the kubeconfig could not be used",
	};
	return texts[why];
}

/* Whose clock went back finds times that are to come; what is believed then would never end. */
static bool is_of_the_future(const struct export_spec *spec, const struct export_state *state, int64_t now_s)
{
	return state->rotated_s > now_s + SKEW_S || state->expires_s - now_s > spec->ttl_ns / DURATION_SECOND + SKEW_S;
}

static bool is_another(struct span known, struct span now)
{
	return known.len > 0 && now.len > 0 && !span_eq(known, now);
}

enum export_why export_decide(const struct export_spec *spec, const struct export_state *state, const struct export_owner *owner,
			      const struct export_facts *facts)
{
	struct export_times times;
	if (!state->exists)
		return EXPORT_NO_SECRET;
	if (state->kubeconfig.len == 0)
		return state->spec_hash.len > 0 && !span_is(state->spec_hash, spec->hash) ? EXPORT_DECLARED : EXPORT_NO_KEY;
	if (!span_is(state->spec_hash, spec->hash))
		return EXPORT_DECLARED;
	if (!state->is_whole)
		return EXPORT_DAMAGED;
	if (!state->has_times)
		return EXPORT_NO_TIMES;
	if (is_of_the_future(spec, state, facts->now_s))
		return EXPORT_CLOCK;
	if (is_another(facts->made_endpoint, facts->endpoint))
		return EXPORT_ENDPOINT;
	if (is_another(facts->made_cluster_uid, facts->cluster_uid))
		return EXPORT_CLUSTER;
	export_times(spec, owner, state->rotated_s, state->expires_s, &times);
	return facts->now_s >= times.next_s ? EXPORT_DUE : EXPORT_FRESH;
}

/* The same for one rotation of one object, and different for those that were made together: a fleet must not come back at once. */
static int64_t jitter_s(const struct export_owner *owner, int64_t rotated_s, int64_t between_s)
{
	char hash[DIGEST_HEX_SIZE];
	struct digest *digest = digest_new();
	digest_add(digest, owner->uid);
	digest_add(digest, owner->ns);
	digest_add(digest, owner->name);
	digest_add(digest, (struct span){(const char *)&rotated_s, sizeof rotated_s});
	digest_finish(digest, hash);
	int64_t most = between_s / JITTER_PART < JITTER_MAX_S ? between_s / JITTER_PART : JITTER_MAX_S, value = 0;
	for (size_t i = 0; i < 8; i++)
		value = value * 16 + (hash[i] <= '9' ? hash[i] - '0' : hash[i] - 'a' + 10);
	return most <= 0 ? 0 : value % (most + 1);
}

void export_times(const struct export_spec *spec, const struct export_owner *owner, int64_t rotated_s, int64_t expires_s,
		  struct export_times *out)
{
	int64_t ttl_s = spec->ttl_ns / DURATION_SECOND, life_s = expires_s > rotated_s ? expires_s - rotated_s : 0;
	int64_t lead_s = spec->renew_ns > 0 ? (spec->renew_ns + DURATION_SECOND - 1) / DURATION_SECOND : ttl_s / UNSAID_PART;
	if (rotated_s == 0 || life_s > ttl_s)
		life_s = ttl_s;
	if (lead_s > life_s / 2 && life_s < ttl_s - SKEW_S) /* Omni may give less than was asked for */
		lead_s = life_s / 2;
	out->next_s = expires_s - lead_s - jitter_s(owner, rotated_s, life_s - lead_s);
	out->alarm_s = expires_s - lead_s / 2;
}

/* --- pace ------------------------------------------------------------------------------------------------------------------- */

/* What people do to the Secret or the object is answered at once, a few times in a row; what repeats by itself, once a minute, and
 * less often when it was in vain. A token cannot be taken back, so none may come out of a loop. */
int64_t export_pace_wait_ms(const struct export_pace *pace, enum export_why why, int64_t now_ms)
{
	bool by_itself = why == EXPORT_CLOCK || why == EXPORT_ENDPOINT || why == EXPORT_CLUSTER || why == EXPORT_REFUSED ||
			 why == EXPORT_UNUSABLE || (why == EXPORT_DUE && pace->in_vain > 0);
	unsigned doublings = pace->in_vain < IN_VAIN_MAX ? pace->in_vain : IN_VAIN_MAX;
	int64_t free_ms = pace->debt_ms - (BURST - 1) * MINUTE_MS;
	if (pace->last_ms == 0)
		return 0;
	if (by_itself)
		free_ms = pace->last_ms + ((int64_t)MINUTE_MS << doublings);
	else if (why == EXPORT_DUE)
		free_ms = pace->last_ms + MINUTE_MS / BURST;
	return free_ms > now_ms ? free_ms - now_ms : 0;
}

void export_pace_count(struct export_pace *pace, int64_t now_ms)
{
	pace->last_ms = now_ms;
	pace->debt_ms = (pace->debt_ms > now_ms ? pace->debt_ms : now_ms) + MINUTE_MS;
}
