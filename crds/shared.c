#include "crds/shared.h"

const char *const CHOICES_DELETE_ORPHAN[] = {"Delete", "Orphan", NULL};

/* --- references --------------------------------------------------------------------------------------------------- */

#define REFERENCE_NAME .name = "name", .type = FIELD_STRING, .min = 1, .doc = "Name of the object."

static const struct rule named_rules[] = {RULE_NOT_BLANK("the name must not be blank"), {0}};

static const struct field reference_rows[] = {{REFERENCE_NAME, .flags = FIELD_REQUIRED}};
static const struct field fixed_reference_rows[] = {{REFERENCE_NAME, .flags = FIELD_REQUIRED | FIELD_IMMUTABLE}};
static const struct field fixed_named_reference_rows[] = {
	{REFERENCE_NAME, .flags = FIELD_REQUIRED | FIELD_IMMUTABLE, .rules = named_rules},
};

const struct schema SCHEMA_REFERENCE = {SCHEMA(reference_rows)};
const struct schema SCHEMA_FIXED_REFERENCE = {SCHEMA(fixed_reference_rows)};
const struct schema SCHEMA_FIXED_NAMED_REFERENCE = {SCHEMA(fixed_named_reference_rows)};

/* --- patches ------------------------------------------------------------------------------------------------------ */

static const struct field patch_rows[] = {
	{.name = "file", .type = FIELD_STRING, .flags = FIELD_IN_TEMPLATE,
	 .doc = "A file of the tree that holds the patch, relative to the template root. Instead of inline."},
	{.name = "name", .type = FIELD_STRING, .flags = FIELD_IN_TEMPLATE,
	 .doc = "Name of the patch in Omni. Inline patches need a name or an idOverride; the default for a file is its path."},
	{.name = "idOverride", .type = FIELD_STRING, .flags = FIELD_IN_TEMPLATE,
	 .doc = "The ID of the ConfigPatch resource, in place of the one made from the name."},
	ROW_LABELS("Labels of the ConfigPatch resource."),
	ROW_ANNOTATIONS("Annotations of the ConfigPatch resource."),
	{.name = "inline", .type = FIELD_ANY, .flags = FIELD_IN_TEMPLATE,
	 .doc = "The Talos machine configuration patch itself. Instead of file."},
};

static const struct rule patch_rules[] = {
	{NULL, "a patch has exactly one source: file or inline", CHECK_PATCH_SOURCE},
	{0},
};

static const struct alternative patch_sources[] = {{"file", FIELD_STRING, 1}, {"inline", FIELD_ANY, 0}, {0}};

const struct schema SCHEMA_PATCH = {SCHEMA(patch_rows), .rules = patch_rules, .alternatives = patch_sources};

/* --- machine sets ------------------------------------------------------------------------------------------------- */

static const struct rule class_size_rules[] = {
	{"type(self) == int ? (int(self) > 0 && int(self) <= 2147483647) : "
	 "(type(self) == string && string(self) in ['unlimited', 'infinity', '\xe2\x88\x9e'])",
	 "size must be a number greater than zero, or the word unlimited", CHECK_CLASS_SIZE},
	{0},
};

static const struct field machine_class_rows[] = {
	{.name = "name", .type = FIELD_STRING, .min = 1, .flags = FIELD_REQUIRED | FIELD_IN_TEMPLATE | FIELD_ALWAYS,
	 .doc = "Name of the machine class in Omni."},
	{.name = "size", .type = FIELD_INT_OR_STRING, .flags = FIELD_REQUIRED | FIELD_IN_TEMPLATE | FIELD_ALWAYS,
	 .rules = class_size_rules,
	 .doc = "How many machines to take: a number greater than zero, or `unlimited` for every machine that fits."},
};

const struct schema SCHEMA_MACHINE_CLASS = {SCHEMA(machine_class_rows)};

const struct rule RULES_MACHINE_IDS[] = {
	/* List type "set" says so to the API server: as CEL it would cost too much beyond some hundred machines. */
	{NULL, "a machine may be listed only once", CHECK_UNIQUE_ITEMS},
	{0},
};

const struct rule RULES_MACHINE_SET[] = {
	{"has(self.machines) != has(self.machineClass)", "exactly one of machines or machineClass is required",
	 CHECK_MACHINES_OR_CLASS},
	{"!has(self.machineClass) || !has(self.kernelArgs) || self.kernelArgs.size() == 0",
	 "kernelArgs are possible only with machines, not with machineClass", CHECK_CLASS_KERNEL_ARGS},
	{0},
};

static const char *const strategy_types[] = {"Rolling", "Unset", NULL};

static const struct field rolling_rows[] = {
	{.name = "maxParallelism", .type = FIELD_INT32, .min = 1, .flags = FIELD_IN_TEMPLATE,
	 .doc = "How many machines may be worked on at the same time."},
};

static const struct schema rolling = {SCHEMA(rolling_rows)};

static const struct field strategy_rows[] = {
	{.name = "type", .type = FIELD_STRING, .choices = strategy_types, .flags = FIELD_IN_TEMPLATE,
	 .doc = "`Rolling`: a few machines at a time. `Unset`: all at once."},
	{.name = "rolling", .type = FIELD_OBJECT, .sub = &rolling, .flags = FIELD_IN_TEMPLATE,
	 .doc = "Settings of the rolling strategy."},
};

const struct schema SCHEMA_UPDATE_STRATEGY = {SCHEMA(strategy_rows)};

/* --- durations, status -------------------------------------------------------------------------------------------- */

const struct rule RULES_TIMEOUT[] = {
	{"duration(self) > duration('0s')", "must be greater than zero", CHECK_DURATION_POSITIVE},
	{0},
};

static const char *const condition_states[] = {"True", "False", "Unknown", NULL};

static const struct field condition_rows[] = {
	{.name = "type", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .max = 316, .pattern = &PATTERN_CONDITION_TYPE,
	 .doc = "What the condition is about, for example `Ready`."},
	{.name = "status", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .choices = condition_states,
	 .doc = "Whether it holds."},
	{.name = "observedGeneration", .type = FIELD_INT64, .min = 0, .max = INT64_MAX,
	 .doc = "The generation of the object that the condition was found on."},
	{.name = "lastTransitionTime", .type = FIELD_TIME, .flags = FIELD_REQUIRED,
	 .doc = "When the status last changed."},
	{.name = "reason", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .max = 1024,
	 .pattern = &PATTERN_CONDITION_REASON, .doc = "Why, in one CamelCase word for programs."},
	{.name = "message", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .max = 32768,
	 .doc = "Why, in full, for people. May be empty."},
};

const struct schema SCHEMA_CONDITION = {SCHEMA(condition_rows)};

static const struct field error_rows[] = {
	ROW_OUR_TEXT("object", "Kind and name of the object that the error is in."),
	ROW_OUR_TEXT("path", "The field, for example `spec.patches[2].inline`."),
	ROW_OUR_TEXT("code", "What kind of error it is, in one CamelCase word for programs."),
	ROW_OUR_TEXT("message", "What is wrong."),
	ROW_OUR_TEXT("hint", "What to do about it."),
};

const struct schema SCHEMA_LAST_ERROR = {SCHEMA(error_rows)};
