/* Which resources of a cluster were made from a template: their IDs tell, because templates build them from fixed parts.
 * What a person makes in the web UI has other IDs ("500-<uuid>") and is left alone. */
#include "agent/plan/internal.h"

/* Cut `prefix` and a '-' off the front. */
static bool cut(struct span *rest, struct span prefix)
{
	if (rest->len < prefix.len + 1 || memcmp(rest->ptr, prefix.ptr, prefix.len) != 0 || rest->ptr[prefix.len] != '-')
		return false;
	*rest = (struct span){rest->ptr + prefix.len + 1, rest->len - prefix.len - 1};
	return true;
}

/* "WWW-": a decimal weight of at least three digits, without more zeros than that. */
static bool cut_weight(struct span *rest, int64_t *out)
{
	struct span digits = span_before(*rest, '-');
	if (digits.len < 3 || digits.len > 9 || digits.len == rest->len)
		return false;
	if (digits.len > 3 && digits.ptr[0] == '0')
		return false;
	*out = 0;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
			return false;
		*out = *out * 10 + (digits.ptr[i] - '0');
	}
	return cut(rest, digits);
}

enum { WEIGHT_CLUSTER = 200, WEIGHT_BELOW = 400 };

static bool is_template_patch(const struct resource *patch, struct span cluster)
{
	struct span rest = patch->id;
	struct span machine = label_value(&patch->labels, OMNI_LABEL_CLUSTER_MACHINE);
	struct span set = label_value(&patch->labels, OMNI_LABEL_MACHINE_SET);
	int64_t weight;
	if (!cut_weight(&rest, &weight))
		return false;
	if (machine.ptr != NULL) {
		bool is_named = cut(&rest, SPAN("cm")) && cut(&rest, machine) && rest.len > 0;
		return is_named && (weight >= WEIGHT_BELOW || (weight == 0 && span_is(rest, "install-disk")));
	}
	if (set.ptr != NULL)
		return weight >= WEIGHT_BELOW && cut(&rest, set) && rest.len > 0;
	return weight >= WEIGHT_CLUSTER && cut(&rest, SPAN("cluster")) && cut(&rest, cluster) && rest.len > 0;
}

static bool is_template_manifest(const struct resource *group, struct span cluster)
{
	struct span rest = group->id;
	int64_t weight;
	return cut_weight(&rest, &weight) && weight >= WEIGHT_CLUSTER && cut(&rest, SPAN("cluster")) &&
	       cut(&rest, cluster) && rest.len > 0;
}

static bool is_template_check(const struct resource *check, struct span cluster)
{
	struct span rest = check->id;
	return cut(&rest, SPAN("cluster")) && cut(&rest, cluster) && rest.len > 0;
}

static bool is_template_extensions(const struct resource *extensions, struct span cluster)
{
	struct span rest = extensions->id;
	struct span machine = label_value(&extensions->labels, OMNI_LABEL_CLUSTER_MACHINE);
	struct span set = label_value(&extensions->labels, OMNI_LABEL_MACHINE_SET);
	return cut(&rest, SPAN("schematic")) &&
	       span_eq(rest, machine.ptr != NULL ? machine : set.ptr != NULL ? set : cluster);
}

static bool is_template_set(const struct resource *set, struct span cluster)
{
	struct span rest = set->id;
	return cut(&rest, cluster) && rest.len > 0;
}

static bool is_cluster(const struct resource *resource, struct span cluster)
{
	return span_eq(resource->id, cluster);
}

static bool always(const struct resource *resource, struct span cluster)
{
	(void)resource, (void)cluster;
	return true;
}

bool plan_is_from_template(const struct resource *resource, struct span cluster)
{
	const struct {
		const struct omni_type *type;
		bool (*is_from)(const struct resource *resource, struct span cluster);
	} rules[] = {
		{OMNI_CLUSTER, is_cluster},		{OMNI_MACHINE_SET, is_template_set},
		{OMNI_MACHINE_SET_NODE, always},	{OMNI_CONFIG_PATCH, is_template_patch},
		{OMNI_MANIFEST_GROUP, is_template_manifest}, {OMNI_HEALTH_CHECK, is_template_check},
		{OMNI_EXTENSIONS, is_template_extensions},   {OMNI_KERNEL_ARGS, always},
		{OMNI_INSTALL_DISK, always},
	};
	if (span_eq(label_value(&resource->annotations, ANNOTATION_TEMPLATE), cluster) ||
	    label_value(&resource->annotations, ANNOTATION_OWNER).len > 0)
		return true;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i].type == resource->type)
			return rules[i].is_from(resource, cluster);
	return false;
}
