/* Somebody asks for a look by changing a token in an annotation: ours, or the one that Flux's own tools write. Which of the two
 * is meant is seen by which one changed. */
#include "agent/controller/internal.h"

#include <stdlib.h>

#include "base/digest.h"
#include "crds/kinds.h"

static const char *const annotations[2] = {"reconcile.fluxcd.io/requestedAt", "omni.texashpc.com/requested-at"};

enum { TOKEN_MAX = 1024 };

static struct span token_of(const struct seen *seen, size_t which)
{
	const json_t *value = json_object_get(seen->annotations, annotations[which]);
	size_t len = json_string_length(value);
	return len > TOKEN_MAX ? (struct span){0} : (struct span){json_string_value(value), len};
}

static char *copy_span(struct span text)
{
	char *copy = strndup(text.ptr, text.len);
	if (copy == NULL)
		abort();
	return copy;
}

static struct span handled_before(const struct seen *seen)
{
	const json_t *value = json_object_get(seen->status, "lastHandledReconcileAt");
	return (struct span){json_string_value(value), json_string_length(value)};
}

struct span requests_take(const struct controller *controller, struct subject *subject, const struct seen *seen, bool *out_asks)
{
	struct cluster_life *life = subject->life;
	struct span before = handled_before(seen), asked = {0};
	*out_asks = false;
	bool is_first = life->tokens[0] == 0 && life->tokens[1] == 0, is_known = false;
	for (size_t i = 2; i-- > 0;) {
		struct span token = token_of(seen, i);
		uint64_t digest = token.len == 0 ? 0 : digest_local(token);
		if (token.len > 0 && digest != life->tokens[i])
			asked = token;
		is_known |= token.len > 0 && span_eq(token, before);
		life->tokens[i] = digest;
	}
	/* After a start: handled by the process before this one, or never. */
	if (is_first && is_known)
		asked = (struct span){0};
	if (asked.len > 0) {
		char **place = controller->options.requested == NULL ? &life->handled : &life->requested;
		free(*place);
		*place = copy_span(asked);
		*out_asks = controller->options.requested != NULL;
	}
	return life->handled != NULL ? span_of(life->handled) : before;
}

void controller_looked(struct controller *controller, struct span ns, struct span object)
{
	pthread_mutex_lock(&controller->lock);
	struct subject *subject = subject_find(&controller->subjects, &KIND_CLUSTER, ns, object);
	if (subject != NULL && subject->life->requested != NULL) {
		free(subject->life->handled);
		subject->life->handled = subject->life->requested;
		subject->life->requested = NULL;
		wake_subject(controller, subject, TURN_STATUS, 0);
	}
	pthread_mutex_unlock(&controller->lock);
}
