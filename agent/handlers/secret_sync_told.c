#include "agent/handlers/secret_sync_told.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/timestamp.h"

enum { SECOND_MS = 1000 };

/* --- fields --------------------------------------------------------------------------------------------------------------------- */

static void set_text(json_t *fields, const char *key, struct span value)
{
	if (value.len > 0)
		mark_put(fields, key, value);
	else
		json_object_del(fields, key);
}

static void set_now(const struct sync_tale *tale, json_t *fields, const char *key)
{
	char text[TIMESTAMP_SIZE];
	const struct handler_env *env = tale->call->env;
	timestamp_format(env->now_s(env->ctx) * SECOND_MS, TIMESTAMP_SECONDS, text);
	set_text(fields, key, span_of(text));
}

/* As observed, with what the declaration says. */
static json_t *begin_fields(const struct sync_tale *tale)
{
	const struct handler_object *object = tale->call->object;
	json_t *fields = json_is_object(object->status) ? json_copy((json_t *)(uintptr_t)object->status) : json_object();
	json_object_del(fields, "conditions");
	set_text(fields, "clusterRef", spec_text(object, "clusterRef.name"));
	set_text(fields, "kubeconfigSecretRef", tale->spec->kubeconfig);
	set_text(fields, "kubeconfigSecretKey", tale->spec->kubeconfig_key);
	set_text(fields, "sourceSecretRef", tale->spec->source);
	json_decref(tale->out->fields);
	tale->out->fields = fields;
	return fields;
}

static void set_target(const struct sync_tale *tale, json_t *fields)
{
	set_text(fields, "targetSecretRef", tale->spec->target.name);
	set_text(fields, "targetNamespace", tale->spec->target.ns);
}

static void set_error(const struct sync_tale *tale, json_t *fields, const char *message)
{
	if (span_is(mark_text(fields, "lastError"), message))
		return;
	set_text(fields, "lastError", span_of(message));
	set_now(tale, fields, "lastAttemptTime");
}

/* --- trouble -------------------------------------------------------------------------------------------------------------------- */

static json_t *tell_trouble(const struct sync_tale *tale, const char *reason, const char *message)
{
	json_t *fields = begin_fields(tale);
	outcome_condition(tale->out, "Synced", false, reason, "%s", message);
	outcome_condition(tale->out, "Ready", false, reason, "%s", message);
	set_error(tale, fields, message);
	return fields;
}

void sync_tell_trouble(const struct sync_tale *tale, const char *reason, const char *format, ...)
{
	char message[HANDLER_MESSAGE];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	tell_trouble(tale, reason, message);
}

void sync_tell_no_way(const struct sync_tale *tale)
{
	const struct handler_outcome *out = tale->out;
	for (size_t i = 0; i < out->condition_count; i++)
		if (strcmp(out->conditions[i].type, "Ready") == 0)
			set_error(tale, begin_fields(tale), out->conditions[i].message);
}

bool sync_tell_cluster(const struct sync_tale *tale)
{
	const struct handler_cluster *cluster = &tale->call->object->cluster;
	if (!cluster->exists) {
		outcome_condition(tale->out, "Accepted", false, "MissingCluster", "OmniCluster \"%.*s\" does not exist", SPAN_ARG(cluster->object));
		sync_tell_trouble(tale, "MissingCluster", "OmniCluster \"%.*s\" does not exist", SPAN_ARG(cluster->object));
		return false;
	}
	outcome_condition(tale->out, "Accepted", true, "Accepted", "attached to OmniCluster \"%.*s\"", SPAN_ARG(cluster->object));
	if (!cluster->is_deleted)
		return true;
	sync_tell_trouble(tale, "ClusterDeleting", "OmniCluster \"%.*s\" is being deleted: nothing is written into it any more",
			  SPAN_ARG(cluster->object));
	tale->out->is_progressing = true;
	return false;
}

/* --- what came of it ------------------------------------------------------------------------------------------------------------ */

static void tell_event(const struct sync_tale *tale, const struct sync_job *job, const struct sync_result *result)
{
	static const struct {
		const char *reason, *text;
	} rows[] = {
		[SYNC_CREATE] = {"Created", "made"},
		[SYNC_UPDATE] = {"Updated", "brought in line"},
		[SYNC_REPLACE] = {"Replaced", "replaced, since its type or its content could not be changed,"},
	};
	struct secret_name target = tale->spec->target, former = job->former;
	if (result->done != SYNC_NOTHING)
		outcome_event(tale->out, "Normal", rows[result->done].reason, "Sync", "%s workload Secret \"%.*s/%.*s\"", rows[result->done].text,
			      SPAN_ARG(target.ns), SPAN_ARG(target.name));
	if (result->is_former_removed)
		outcome_event(tale->out, "Normal", "Removed", "Sync", "removed the former workload Secret \"%.*s/%.*s\"", SPAN_ARG(former.ns),
			      SPAN_ARG(former.name));
}

static void set_synced(const struct sync_tale *tale, const struct sync_job *job, const struct sync_result *result, json_t *fields)
{
	bool has_changed = result->done != SYNC_NOTHING || result->is_former_removed;
	bool is_news = has_changed || mark_text(fields, "lastSyncTime").len == 0;
	if (is_news)
		set_now(tale, fields, "lastSyncTime");
	if (is_news || mark_text(fields, "lastError").len > 0)
		set_now(tale, fields, "lastAttemptTime");
	set_text(fields, "secretType", job->wanted->type);
	set_text(fields, "secretHash", mark_text(job->wanted->annotations, SYNC_HASH));
}

static void tell_done(const struct sync_tale *tale, const struct sync_job *job, const struct sync_result *result)
{
	struct secret_name target = tale->spec->target;
	json_t *fields = begin_fields(tale);
	set_synced(tale, job, result, fields);
	outcome_condition(tale->out, "Synced", true, "Synced", "synced Secret \"%.*s\" to workload Secret \"%.*s/%.*s\"",
			  SPAN_ARG(tale->spec->source), SPAN_ARG(target.ns), SPAN_ARG(target.name));
	if (result->end == SYNC_DONE) {
		outcome_condition(tale->out, "Ready", true, "Synced", "synced Secret \"%.*s\" to workload Secret \"%.*s/%.*s\"",
				  SPAN_ARG(tale->spec->source), SPAN_ARG(target.ns), SPAN_ARG(target.name));
		set_target(tale, fields);
		json_object_del(fields, "lastError");
		return;
	}
	outcome_condition(tale->out, "Ready", false, "DeleteFailed", "the new copy stands, but the former one could not be removed: %s",
			  result->why.text);
	set_error(tale, fields, result->why.text);
	tale->out->has_failed = true;
}

/* The one way out that does not touch what the Secret holds, and those that do not touch the Secret. */
static void tell_conflict(const struct sync_tale *tale, const struct sync_result *result)
{
	const char *label = tale->owner.uid.len > 0 ? "label" : "annotate", *mark = tale->owner.uid.len > 0 ? SYNC_UID : SYNC_NAME;
	struct span value = tale->owner.uid.len > 0 ? tale->owner.uid : tale->owner.name;
	struct secret_name target = tale->spec->target;
	struct span other = {result->other.ptr, result->other.len < 100 ? result->other.len : 100};
	const char *whose = other.len == 0 ? "" : arena_spanf(tale->call->arena, " (of an OmniSecretSync \"%.*s\")", SPAN_ARG(other)).ptr;
	sync_tell_trouble(tale, "SecretConflict",
			  "workload Secret \"%.*s/%.*s\" is there already, and is not this object's%s: it is not overwritten. Name another "
			  "target, remove it, or hand it over: kubectl -n %.*s %s secret %.*s --overwrite %s=%.*s",
			  SPAN_ARG(target.ns), SPAN_ARG(target.name), whose, SPAN_ARG(target.ns), label, SPAN_ARG(target.name), mark, SPAN_ARG(value));
}

static const char *hint(const struct sync_tale *tale, const struct sync_result *result, int64_t expires_s)
{
	const struct handler_env *env = tale->call->env;
	char text[TIMESTAMP_SIZE];
	if (result->why.code != FAIL_UNAUTHENTICATED || expires_s == 0 || env->now_s(env->ctx) < expires_s)
		return "";
	timestamp_format(expires_s * SECOND_MS, TIMESTAMP_SECONDS, text);
	return arena_spanf(tale->call->arena, "; the credentials of the kubeconfig ended at %s", text).ptr;
}

static void tell_failed(const struct sync_tale *tale, const struct sync_result *result, int64_t expires_s)
{
	bool is_silent = result->why.code == FAIL_UNAVAILABLE || result->why.code == FAIL_TIMEOUT;
	sync_tell_trouble(tale, "SyncFailed", "%s%s%s",
			  result->is_removed ? "the former Secret was removed to be replaced, and the new one is not there yet: " : "",
			  result->why.text, hint(tale, result, expires_s));
	tale->out->has_failed = true;
	tale->out->is_progressing = is_silent && !tale->call->object->cluster.is_ready;
}

static void tell_waiting(const struct sync_tale *tale)
{
	struct secret_name target = tale->spec->target;
	sync_tell_trouble(tale, "Replacing", "workload Secret \"%.*s/%.*s\" is being deleted, and waits for its finalizers: then it is made again",
			  SPAN_ARG(target.ns), SPAN_ARG(target.name));
	tale->out->is_progressing = true;
}

/* Whoever acts from now on tells what is. */
static void tell_nothing(struct handler_outcome *out)
{
	json_decref(out->fields);
	*out = (struct handler_outcome){.again_ms = SECOND_MS};
}

void sync_tell_result(const struct sync_tale *tale, const struct sync_job *job, const struct sync_result *result, int64_t expires_s)
{
	const json_t *status = tale->call->object->status;
	tell_event(tale, job, result);
	switch (result->end) {
	case SYNC_DONE:
	case SYNC_LEFT_OVER:
		tell_done(tale, job, result);
		return;
	case SYNC_WAITING:
		tell_waiting(tale);
		break;
	case SYNC_CONFLICT:
		tell_conflict(tale, result);
		break;
	case SYNC_FAILED:
		tell_failed(tale, result, expires_s);
		break;
	case SYNC_BARRED:
		tell_nothing(tale->out);
		return;
	}
	/* It may be there although no answer came: whoever deletes this object, or moves the target, has to look there. */
	if (result->was_tried && mark_text(status, "targetSecretRef").len == 0)
		set_target(tale, tale->out->fields);
}

void sync_tell_removed(const struct sync_tale *tale, const struct sync_result *result)
{
	if (result->end == SYNC_BARRED) {
		tell_nothing(tale->out);
		return;
	}
	if (result->is_removed)
		outcome_event(tale->out, "Normal", "Removed", "Delete", "removed the copy in cluster \"%.*s\"",
			      SPAN_ARG(tale->call->object->cluster.object));
	tale->out->is_gone = result->end == SYNC_DONE;
	if (tale->out->is_gone)
		return;
	sync_tell_trouble(tale, "DeleteFailed", "%s; to leave it there, set deletionPolicy: Orphan", result->why.text);
	tale->out->has_failed = true;
}
