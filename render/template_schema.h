/* The documents of a plain cluster template: which fields they have and how their scalars are understood. Custom
 * resources have their own tables (crds/schema.h); both end up in the same checks (render/template_check.h). */
#ifndef RENDER_TEMPLATE_SCHEMA_H
#define RENDER_TEMPLATE_SCHEMA_H

#include "crds/schema.h"
#include "render/diag.h"
#include "render/field_path.h"
#include "render/fleet.h"
#include "render/node.h"

enum template_kind { TEMPLATE_CLUSTER, TEMPLATE_CONTROL_PLANE, TEMPLATE_WORKERS, TEMPLATE_MACHINE, TEMPLATE_KINDS };

/* "Cluster", "ControlPlane", "Workers", "Machine"; TEMPLATE_KINDS: none of them. */
enum template_kind template_kind_find(struct span name);
const char *template_kind_name(enum template_kind kind);

/* Unknown fields, wrong types, unknown choices, bad durations and numbers: everything a strict decoder refuses. */
void template_schema_check(const struct diag_at *at, const struct node *root, enum template_kind kind,
			   enum omni_rules rules);

/* The table of a kind, and whether the rule set knows one of its rows. */
const struct schema *template_schema_of(enum template_kind kind);
bool template_field_is_known(const struct field *field, enum omni_rules rules);

/* How a scalar reads where the table wants that type. Absent, null or a wrong type: the zero value. */
bool template_bool(const struct node *node);
bool template_uint32(const struct node *node, uint32_t *out);
bool template_duration(const struct node *node, int64_t *out_ns);

#endif
