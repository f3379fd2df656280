/* What several kinds have in common: nested schemas, rows, columns and rules, each written once. Only for the table
 * files of this folder. */
#ifndef CRDS_SHARED_H
#define CRDS_SHARED_H

#include "base/cleanup.h"
#include "crds/schema.h"

#define SCHEMA(rows) .fields = (rows), .count = COUNT_OF(rows)

extern const struct schema SCHEMA_REFERENCE;	      /* {name} */
extern const struct schema SCHEMA_FIXED_REFERENCE;    /* {name}, which may not change */
extern const struct schema SCHEMA_FIXED_NAMED_REFERENCE; /* {name}, which may neither change nor be blank */
extern const struct schema SCHEMA_PATCH;
extern const struct schema SCHEMA_MACHINE_CLASS;
extern const struct schema SCHEMA_UPDATE_STRATEGY;
extern const struct schema SCHEMA_CONDITION;
extern const struct schema SCHEMA_LAST_ERROR;

extern const struct rule RULES_MACHINE_IDS[];
extern const struct rule RULES_MACHINE_SET[];
extern const struct rule RULES_TIMEOUT[];

extern const char *const CHOICES_DELETE_ORPHAN[];

#define RULE_NOT_BLANK(message) {"self.trim() != ''", (message), CHECK_NOT_BLANK}

/* --- rows --------------------------------------------------------------------------------------------------------- */

#define ROW_CLUSTER_REF                                                                                                \
	{                                                                                                              \
		.name = "clusterRef", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED, .sub = &SCHEMA_REFERENCE,         \
		.doc = "The OmniCluster that this object belongs to, in the same namespace."                           \
	}

/* Handlers write into the cluster: pointing them elsewhere would leave what they wrote behind. */
#define ROW_FIXED_CLUSTER_REF                                                                                          \
	{                                                                                                              \
		.name = "clusterRef", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED,                                   \
		.sub = &SCHEMA_FIXED_NAMED_REFERENCE,                                                                  \
		.doc = "The OmniCluster that this object belongs to, in the same namespace. It cannot be changed: "    \
		       "delete the object and make a new one, so that nothing is left behind in the old cluster."      \
	}

#define ROW_LABELS(text)                                                                                               \
	{                                                                                                              \
		.name = "labels", .type = FIELD_MAP, .flags = FIELD_IN_TEMPLATE, .doc = (text)                         \
	}

#define ROW_ANNOTATIONS(text)                                                                                          \
	{                                                                                                              \
		.name = "annotations", .type = FIELD_MAP, .flags = FIELD_IN_TEMPLATE, .doc = (text)                    \
	}

#define ROW_MACHINES                                                                                                   \
	{                                                                                                              \
		.name = "machines", .type = FIELD_LIST, .flags = FIELD_IN_TEMPLATE | FIELD_SET, .min = 1,              \
		.item = FIELD_STRING, .pattern = &PATTERN_UUID, .rules = RULES_MACHINE_IDS,                            \
		.doc = "UUIDs of the machines of this set, as Omni shows them. Either this or machineClass is needed." \
	}

#define ROW_MACHINE_CLASS                                                                                              \
	{                                                                                                              \
		.name = "machineClass", .type = FIELD_OBJECT, .flags = FIELD_IN_TEMPLATE,                              \
		.sub = &SCHEMA_MACHINE_CLASS,                                                                          \
		.doc = "Take machines from a machine class instead of naming them. Either this or machines is needed." \
	}

#define ROW_PATCHES(text)                                                                                              \
	{                                                                                                              \
		.name = "patches", .type = FIELD_LIST, .flags = FIELD_IN_TEMPLATE, .item = FIELD_OBJECT,               \
		.sub = &SCHEMA_PATCH, .doc = (text)                                                                    \
	}

#define ROW_SYSTEM_EXTENSIONS(text)                                                                                    \
	{                                                                                                              \
		.name = "systemExtensions", .type = FIELD_LIST, .flags = FIELD_IN_TEMPLATE, .item = FIELD_STRING,      \
		.doc = (text)                                                                                          \
	}

#define ROW_KERNEL_ARGS(text)                                                                                          \
	{                                                                                                              \
		.name = "kernelArgs", .type = FIELD_LIST, .flags = FIELD_IN_TEMPLATE, .item = FIELD_STRING,            \
		.doc = (text)                                                                                          \
	}

#define ROW_OBSERVED_GENERATION                                                                                        \
	{                                                                                                              \
		.name = "observedGeneration", .type = FIELD_INT64,                                                     \
		.doc = "The generation of the object that this status describes; -1 before the first look."            \
	}

#define ROW_CONDITIONS                                                                                                 \
	{                                                                                                              \
		.name = "conditions", .type = FIELD_LIST, .flags = FIELD_MAP_KEYED, .item = FIELD_OBJECT,              \
		.sub = &SCHEMA_CONDITION,                                                                              \
		.doc = "What is known about the object, one entry per type."                                           \
	}

#define ROW_TEXT(field_name, text)                                                                                     \
	{                                                                                                              \
		.name = (field_name), .type = FIELD_STRING, .doc = (text)                                              \
	}

#define ROW_TIME(field_name, text)                                                                                     \
	{                                                                                                              \
		.name = (field_name), .type = FIELD_TIME, .doc = (text)                                                \
	}

#define ROW_TEXTS(field_name, text)                                                                                    \
	{                                                                                                              \
		.name = (field_name), .type = FIELD_LIST, .item = FIELD_STRING, .doc = (text)                          \
	}

/* Status fields that the Go operator does not have. */
#define ROW_OUR_TEXT(field_name, text)                                                                                 \
	{                                                                                                              \
		.name = (field_name), .type = FIELD_STRING, .flags = FIELD_OURS, .doc = (text)                         \
	}

#define ROW_OUR_COUNT(field_name, text)                                                                                \
	{                                                                                                              \
		.name = (field_name), .type = FIELD_INT64, .flags = FIELD_OURS, .doc = (text)                          \
	}

#define ROW_OUR_FLAG(field_name, text)                                                                                 \
	{                                                                                                              \
		.name = (field_name), .type = FIELD_BOOL, .flags = FIELD_OURS, .doc = (text)                           \
	}

#define ROW_OUR_TIME(field_name, text)                                                                                 \
	{                                                                                                              \
		.name = (field_name), .type = FIELD_TIME, .flags = FIELD_OURS, .doc = (text)                           \
	}

#define ROW_OUR_OBJECT(field_name, schema, text)                                                                       \
	{                                                                                                              \
		.name = (field_name), .type = FIELD_OBJECT, .flags = FIELD_OURS, .sub = (schema), .doc = (text)        \
	}

#define ROW_LAST_ERROR                                                                                                 \
	ROW_OUR_OBJECT("lastError", &SCHEMA_LAST_ERROR, "The first error that stands, and where it is; absent when all is well.")

#define ROW_LAST_HANDLED                                                                                               \
	ROW_OUR_TEXT("lastHandledReconcileAt",                                                                         \
		     "The newest value of the annotation `omni.texashpc.com/requested-at` or "                         \
		     "`reconcile.fluxcd.io/requestedAt` that was acted upon.")

/* --- printer columns ---------------------------------------------------------------------------------------------- */

#define CONDITION_PATH(condition, member) ".status.conditions[?(@.type==\"" condition "\")]." member
#define COLUMN_CONDITION(condition)                                                                                    \
	{condition, "string", CONDITION_PATH(condition, "status"), "Is the condition " condition " true?", 0}
#define COLUMN_REASON(condition)                                                                                       \
	{"Reason", "string", CONDITION_PATH(condition, "reason"), "Why, in one word.", 0}
#define COLUMN_MESSAGE(condition)                                                                                      \
	{"Message", "string", CONDITION_PATH(condition, "message"), "Why, in full.", 1}
#define COLUMN_CLUSTER {"Cluster", "string", ".spec.clusterRef.name", "The OmniCluster it belongs to.", 0}
#define COLUMN_AGE {"Age", "date", ".metadata.creationTimestamp", "Time since creation.", 0}

#endif
