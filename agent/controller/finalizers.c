#include "agent/controller/finalizers.h"

#include <string.h>

static bool is_ours(const json_t *item)
{
	const char *name = json_string_value(item);
	return name != NULL && (strcmp(name, KUBE_FINALIZER) == 0 || strcmp(name, KUBE_FINALIZER_LEGACY) == 0);
}

bool finalizers_have_ours(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (is_ours(json_array_get(list, i)))
			return true;
	return false;
}

json_t *finalizers_with(const json_t *list)
{
	json_t *all = json_is_array(list) ? json_copy((json_t *)list) : json_array();
	if (!finalizers_have_ours(all))
		json_array_append_new(all, json_string(KUBE_FINALIZER));
	return all;
}

json_t *finalizers_without(const json_t *list)
{
	json_t *rest = json_array();
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *item = json_array_get(list, i);
		if (!is_ours(item))
			json_array_append(rest, item);
	}
	return rest;
}
