/* The schema of our custom resources: one table per kind drives parsing, defaults, limits, validation, the generated
 * CRD YAML, `omniops explain`, the reference documentation and completion.
 *
 * The order of rows is the order of printing: in the CRD and the documentation, and for the rows that carry
 * FIELD_IN_TEMPLATE also in the cluster template, where the Go operator's order is part of the hash. */
#ifndef CRDS_SCHEMA_H
#define CRDS_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "crds/pattern.h"

#define CRD_GROUP "omni.texashpc.com"
#define CRD_VERSION "v1alpha1"
#define CRD_CATEGORY "omni"

enum field_type {
	FIELD_STRING,
	FIELD_BOOL,
	FIELD_INT32,
	FIELD_INT64,
	FIELD_DURATION,	     /* Go duration text */
	FIELD_TIME,	     /* RFC 3339 */
	FIELD_INT_OR_STRING, /* x-kubernetes-int-or-string */
	FIELD_OBJECT,	     /* sub */
	FIELD_LIST,	     /* item */
	FIELD_MAP,	     /* string to string */
	FIELD_ANY,	     /* x-kubernetes-preserve-unknown-fields, no type */
	FIELD_FREE_OBJECT,   /* x-kubernetes-preserve-unknown-fields, an object */
};

enum field_flags {
	FIELD_REQUIRED = 1,
	FIELD_IMMUTABLE = 2,	 /* transition rule: self == oldSelf; for fields that are always there */
	FIELD_SET = 4,		 /* list type "set" */
	FIELD_MAP_KEYED = 8,	 /* list type "map", key `type` */
	FIELD_OURS = 16,	 /* an extension: not in the Go operator's CRD */
	FIELD_IN_TEMPLATE = 32,	 /* rendered into the cluster template under the same name, in row order */
	FIELD_ALWAYS = 64,	 /* rendered even when empty */
	FIELD_SERVER_LIMIT = 128, /* the upper limits exist only for the API server's cost budget of rules */
};

/* How a rule is checked in files, without an API server; render/kind_rules.c has one function for each. */
enum rule_check {
	CHECK_TRANSITION, /* nothing to check: the rule compares with the old object */
	CHECK_NOT_BLANK,
	CHECK_NOT_SPACES, /* empty is fine */
	CHECK_TRIMMED,
	CHECK_ABSOLUTE_URL,
	CHECK_DURATION_POSITIVE,
	CHECK_DURATION_NOT_NEGATIVE,
	CHECK_PATCH_SOURCE,
	CHECK_MANIFEST_SOURCE,
	CHECK_DELETE_POLICY,
	CHECK_MACHINES_OR_CLASS,
	CHECK_UNIQUE_ITEMS,
	CHECK_CLASS_SIZE,
	CHECK_CLASS_KERNEL_ARGS,
	CHECK_RESERVED_NAME,
	CHECK_RESERVED_OBJECT,
	CHECK_MACHINE_ID,
	CHECK_GROUPS_NOT_BLANK,
	CHECK_GROUPS_UNIQUE,
	CHECK_CLUSTER_ADMIN,
	CHECK_RENEW_BEFORE,
	CHECK_CLASS_SELECTION,
	CHECK_PROVIDER_DATA,
	CHECK_COUNT,
};

/* An admission rule: CEL for the API server, a check of ours for files. */
struct rule {
	const char *cel;	/* on the object that carries it; NULL: CEL cannot see the field, files only */
	const char *message;	/* what the API server says; NULL ends the list */
	enum rule_check check;
};

/* `oneOf` of the CRD: exactly one of the fields is there, with at least `min` characters or items. */
struct alternative {
	const char *field; /* NULL ends the list */
	enum field_type type;
	int64_t min;
};

struct schema;

struct field {
	const char *name;
	enum field_type type;
	unsigned flags;
	const struct schema *sub;     /* OBJECT; item schema of LIST of objects */
	enum field_type item;	      /* LIST: type of the items */
	const char *const *choices;   /* enum, NULL-terminated */
	const struct pattern *pattern; /* STRING; LIST of strings: of each item */
	const char *dflt;	      /* default, as YAML scalar text */
	int64_t min, max;	      /* STRING: length in characters; LIST: items; INT: value. max 0: no upper limit */
	int64_t item_max;	      /* LIST of strings: length of an item; 0: no limit */
	const struct rule *rules;     /* x-kubernetes-validations on this field; may be NULL */
	const char *doc;	      /* one or two sentences */
};

struct schema {
	const struct field *fields;
	size_t count;
	const struct rule *rules;		/* may be NULL */
	const struct alternative *alternatives; /* may be NULL */
};

struct printer_column {
	const char *name, *type, *json_path, *doc;
	int priority;
};

struct kind {
	const char *name;   /* "OmniCluster" */
	const char *plural; /* "omniclusters" */
	const char *singular;
	const char *const *short_names;
	const struct schema *spec, *status;
	const struct rule *rules; /* on the whole object: may look at metadata.name; may be NULL */
	const struct printer_column *columns;
	size_t column_count;
	const char *template_kind; /* "Cluster", "ControlPlane", "Workers", "Machine"; NULL: not part of the template */
	bool is_ours;		   /* the Go operator has no such kind */
	const char *doc;
	const char *example; /* a complete manifest */
};

const struct kind *kind_find(struct span name);	 /* "OmniCluster"; NULL: not ours */
const struct kind *kind_guess(struct span name); /* any case, plural, short name, without "Omni" */
const struct kind *kind_at(size_t index);	 /* NULL past the end */
const char *kind_nearest(struct span name);	 /* of a misspelt kind; NULL when nothing is near */
const struct field *schema_field(const struct schema *schema, struct span name);
/* The nearest known field name for a misspelt one; NULL when nothing is near. */
const char *schema_nearest(const struct schema *schema, struct span name);

/* "string", "boolean", "list of strings", … for people. */
const char *field_type_name(const struct field *field);

#endif
