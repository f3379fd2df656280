/* The schema of our custom resources: one table per kind drives parsing, defaults, limits, validation, the generated
 * CRD YAML, `omniops explain`, the reference documentation and completion. Order of rows is order of printing.
 * Source: spec/resources.md sections 1 and 2 (there named "CRs"). */
#ifndef CRDS_SCHEMA_H
#define CRDS_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

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
};

enum field_flags {
	FIELD_REQUIRED = 1,
	FIELD_IMMUTABLE = 2, /* transition rule: self == oldSelf */
	FIELD_SET = 4,	     /* list type "set" */
	FIELD_MAP_KEYED = 8, /* list type "map", key `type` */
	FIELD_OURS = 16,     /* an extension: not in the Go operator's CRD */
	FIELD_IN_TEMPLATE = 32,	      /* rendered into the cluster template under the same name (resources.md 7.2) */
	FIELD_ALWAYS = 64,	      /* rendered even when empty */
};

/* An admission rule: CEL for the API server, a check of ours for files. */
struct rule {
	const char *cel;     /* on the object that carries it */
	const char *message; /* what the API server says */
	const char *check;   /* name of the check in render/checks_kind.c that finds the same offline; NULL: transition rule */
};

struct field {
	const char *name;
	enum field_type type;
	unsigned flags;
	const struct schema *sub;	/* OBJECT; item schema of LIST of objects */
	enum field_type item;		/* LIST: type of the items */
	const char *const *choices;	/* enum, NULL-terminated */
	const char *pattern;		/* ECMA/RE2 regular expression as in the CRD */
	const char *dflt;		/* default, as YAML scalar text */
	int64_t min, max;		/* STRING: length; LIST: items; INT: value. 0,0: none; max 0: no upper limit */
	const struct rule *rules;	/* x-kubernetes-validations on this field, ended by a NULL cel */
	const char *doc;		/* one or two sentences */
};

struct schema {
	const struct field *fields;
	size_t count;
	const struct rule *rules; /* ended by a NULL cel; may be NULL */
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
	const struct printer_column *columns;
	size_t column_count;
	const char *template_kind; /* "Cluster", "ControlPlane", "Workers", "Machine"; NULL: not part of the template */
	const char *doc;
	const char *example; /* a complete manifest */
};

const struct kind *kind_find(struct span name); /* "OmniCluster"; NULL: not ours */
const struct kind *kind_guess(struct span name); /* any case, plural, short name, without "Omni" */
const struct kind *kind_at(size_t index);	/* NULL past the end */
const struct field *schema_field(const struct schema *schema, struct span name);
/* The nearest known field name for a misspelt one; NULL when nothing is near. */
const char *schema_nearest(const struct schema *schema, struct span name);

#endif
