/* Two objects of Kubernetes beside each other. */
#include <string.h>

#include "agent/helm/drift.h"
#include "agent/helm/values.h"

/* Kept by the server, or by whoever runs the object. */
static bool is_kept(const char *key, unsigned depth, const char *above)
{
	static const char *const of_metadata[] = {"managedFields", "resourceVersion",	"uid",
						  "generation",	   "creationTimestamp", "selfLink"};
	if (depth == 0)
		return strcmp(key, "status") == 0;
	if (depth != 1 || strcmp(above, "metadata") != 0)
		return false;
	for (size_t i = 0; i < sizeof of_metadata / sizeof *of_metadata; i++)
		if (strcmp(key, of_metadata[i]) == 0)
			return true;
	return false;
}

static bool compare(const json_t *live, const json_t *wanted, unsigned depth, const char *above, struct text *out);

static bool add_key(struct text *out, unsigned depth, const char *key)
{
	text_addf(out, "%s%.60s", depth > 0 ? "." : "", key);
	return true;
}

static bool compare_member(const json_t *live, const json_t *wanted, const char *key, unsigned depth, struct text *out)
{
	size_t len = out->len;
	add_key(out, depth, key);
	if (compare(live, wanted, depth + 1, key, out))
		return true;
	out->len = len;
	out->ptr[len] = '\0';
	return false;
}

static bool compare_objects(const json_t *live, const json_t *wanted, unsigned depth, const char *above, struct text *out)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)wanted, key, value)
		if (!is_kept(key, depth, above) && compare_member(json_object_get(live, key), value, key, depth, out))
			return true;
	json_object_foreach((json_t *)live, key, value)
		if (!is_kept(key, depth, above) && json_object_get(wanted, key) == NULL)
			return add_key(out, depth, key);
	return false;
}

/* Depth: both came from an API server, and were read with a limit. */
static bool compare(const json_t *live, const json_t *wanted, unsigned depth, const char *above, struct text *out)
{
	if (live == NULL || wanted == NULL)
		return live != wanted;
	if (json_is_object(live) && json_is_object(wanted))
		return compare_objects(live, wanted, depth, above, out);
	return !values_equal(live, wanted);
}

bool drift_compare(const json_t *live, const json_t *wanted, struct text *out)
{
	return compare(live, wanted, 0, "", out);
}
