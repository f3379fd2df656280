/* A cluster as Omni holds it, said in documents: custom resources, or a template of omnictl. The documents are read back
 * and planned against the same state, so nothing is lost in silence: what that plan would change, and what stays in Omni
 * without being said, is told in remarks, resource by resource. The same state gives the same bytes.
 *
 * A pure function of what was read (agent/plan/apply.h, plan_read_held): no calls, no files. */
#ifndef AGENT_EXPORT_EXPORT_H
#define AGENT_EXPORT_EXPORT_H

#include "agent/plan/plan.h"
#include "render/fleet.h"

enum export_form { EXPORT_OBJECTS, EXPORT_TEMPLATE };

struct export_options {
	enum export_form form;
	enum omni_rules rules;
	bool no_schema;		/* patches are not held against Talos's schema when the documents are read back */
	bool is_hidden;		/* Omni's secrets are only marks here: it is a snapshot */
	/* Has it fields that only a newer release knows? NULL: not asked. */
	bool (*has_unknown)(const struct resource *resource);
	struct span connection; /* OBJECTS: the name of the OmniConnection that is referred to */
	struct span ns;		/* OBJECTS: metadata.namespace; empty: none */
};

enum export_weight {
	EXPORT_NOTE, /* worth knowing; nothing is missing */
	EXPORT_LEFT, /* not said; it stays in Omni as it is */
	EXPORT_LOST, /* a plan of the documents would change it */
	EXPORT_WEIGHTS,
};

struct export_remark {
	enum export_weight weight;
	const struct omni_type *type; /* NULL: of the documents as a whole */
	struct span id, text;
};

struct export_remarks {
	struct export_remark *items;
	size_t count, cap;
};

struct exported {
	struct span cluster;
	struct span text; /* the documents, parted by "---" */
	size_t documents;
	struct export_remarks remarks;
	struct resource_list secrets; /* said in the documents, and they look secret */
	struct span *classes;	      /* the machine classes that its machine sets name, sorted */
	size_t class_count, class_cap;
};

/* False: there is no such cluster, or it is being torn down. */
bool export_cluster(struct arena *arena, struct span name, const struct plan_actual *actual,
		    const struct export_options *options, struct exported *out, struct fail *fail);

/* One document for a machine class: an OmniMachineClass where that says everything, else the raw resource; of a template
 * always the latter. Appends. */
void export_class(struct text *out, const struct resource *class, const struct export_options *options);

/* The remarks as a comment; nothing when there are none. */
void export_print_remarks(struct text *out, const struct export_remarks *remarks);
/* Why a cluster is a template and no custom resources: the remarks upon what those would lose. */
void export_print_reasons(struct text *out, const struct export_remarks *remarks);
/* "ConfigPatches.omni.sidero.dev(500-x): …", on one line whatever it holds. */
void export_print_remark(struct text *out, const struct export_remark *remark);
size_t export_count(const struct export_remarks *remarks, enum export_weight weight);

#endif
