#include "crds/kinds.h"
#include "crds/shared.h"

static const struct rule secret_name_rules[] = {RULE_NOT_BLANK("service account Secret name is required"), {0}};
static const struct rule secret_key_rules[] = {RULE_NOT_BLANK("service account Secret key is required"), {0}};

static const struct field secret_rows[] = {
	{.name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .rules = secret_name_rules,
	 .doc = "Name of the Secret, in the namespace of the connection."},
	{.name = "key", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .dflt = "serviceAccountKey",
	 .rules = secret_key_rules, .doc = "The entry of the Secret that holds the service account key."},
};

static const struct schema secret = {SCHEMA(secret_rows)};

static const struct field auth_rows[] = {
	{.name = "serviceAccountSecretRef", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED, .sub = &secret,
	 .doc = "The Secret with the key of an Omni service account, as `omnictl serviceaccount create` prints it."},
};

static const struct schema auth = {SCHEMA(auth_rows)};

static const struct field spec_rows[] = {
	{.name = "endpoint", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .pattern = &PATTERN_ENDPOINT,
	 .doc = "Address of the Omni API, for example `https://omni.example.com`."},
	{.name = "auth", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED, .sub = &auth,
	 .doc = "How to sign in to Omni."},
	{.name = "insecureSkipTLSVerify", .type = FIELD_BOOL,
	 .doc = "Do not verify the TLS certificate of Omni. For tests only: anybody in between can read and change "
		"everything."},
};

static const struct schema spec = {SCHEMA(spec_rows)};

static const struct field status_rows[] = {
	ROW_OBSERVED_GENERATION,
	ROW_TEXT("connectionRef", "Name of this connection."),
	ROW_TEXT("endpoint", "The address that was tried last."),
	ROW_TIME("lastCheckTime", "When Omni was last asked and had another answer than before."),
	ROW_OUR_TEXT("serverVersion", "Version of the Omni that answers."),
	ROW_OUR_TEXT("identity", "Whose the key is, as Omni says."),
	ROW_OUR_TIME("keyExpiresAt", "When the service account key expires."),
	ROW_LAST_HANDLED,
	ROW_CONDITIONS,
};

static const struct schema status = {SCHEMA(status_rows)};

static const struct printer_column columns[] = {
	{"Endpoint", "string", ".spec.endpoint", "Address of the Omni API.", 0},
	COLUMN_CONDITION("Ready"),
	COLUMN_REASON("Ready"),
	{"Version", "string", ".status.serverVersion", "Version of the Omni that answers.", 0},
	{"Expires", "string", ".status.keyExpiresAt", "When the service account key expires.", 1},
	{"Identity", "string", ".status.identity", "Whose the key is.", 1},
	{"Checked", "date", ".status.lastCheckTime", "When Omni was last asked.", 1},
	COLUMN_MESSAGE("Ready"),
	COLUMN_AGE,
};

static const char *const short_names[] = {"oconn", NULL};

const struct kind KIND_CONNECTION = {
	.name = "OmniConnection",
	.plural = "omniconnections",
	.singular = "omniconnection",
	.short_names = short_names,
	.spec = &spec,
	.status = &status,
	.columns = columns,
	.column_count = COUNT_OF(columns),
	.doc = "One Omni: its address, and the Secret with the service account key to use.",
	.example = "apiVersion: omni.texashpc.com/v1alpha1\n"
		   "kind: OmniConnection\n"
		   "metadata:\n"
		   "  name: omni\n"
		   "spec:\n"
		   "  endpoint: https://omni.example.com\n"
		   "  auth:\n"
		   "    serviceAccountSecretRef:\n"
		   "      name: omni-service-account\n",
};
