/* What handlers ask the world, on its way there: statuses of our own kinds are known here, and who asked for one is noted. */
#include <sys/eventfd.h>

#include "agent/handlers/internal.h"
#include "agent/report/status_handled.h"

static bool ask_config_map(void *ctx, struct span ns, struct span name, json_t **out, struct fail *fail)
{
	const struct handler_env *env = &((struct handlers *)ctx)->options.env;
	return env->config_map(env->ctx, ns, name, out, fail);
}

static bool ask_kubeconfig(void *ctx, const struct handler_object *object, const struct omni_kubeconfig_request *request,
			   struct arena *arena, struct span *out_yaml, struct fail *fail)
{
	const struct handler_env *env = &((struct handlers *)ctx)->options.env;
	return env->kubeconfig(env->ctx, object, request, arena, out_yaml, fail);
}

static bool ask_may_act(void *ctx, const struct handler_object *object)
{
	struct handlers *handlers = ctx;
	const struct handler_env *env = &handlers->options.env;
	return !handlers->env.is_stopping && env->may_act(env->ctx, object);
}

static int64_t ask_now_s(void *ctx)
{
	const struct handler_env *env = &((struct handlers *)ctx)->options.env;
	return env->now_s(env->ctx);
}

static void note_asked(struct look *look, uint64_t digest)
{
	for (size_t i = 0; i < look->asked_count; i++)
		if (look->asked_for[i] == digest)
			return;
	if (look->asked_count < HANDLER_WATCHES)
		look->asked_for[look->asked_count++] = digest;
}

static json_t *ask_status_of(void *ctx, const struct handler_object *asker, const struct kind *kind, struct span name, bool *out_is_ready)
{
	struct handlers *handlers = ctx;
	const struct handler_env *env = &handlers->options.env;
	struct look *look = (struct look *)asker; /* every object that a handler has is the first member of one */
	json_t *status = NULL;
	*out_is_ready = false;
	if (handler_number(kind) < 0)
		return env->status_of == NULL ? NULL : env->status_of(env->ctx, asker, kind, name, out_is_ready);
	note_asked(look, object_digest(kind, asker->ns, name));
	pthread_mutex_lock(&handlers->lock);
	const struct handled *h = handled_find(handlers, kind, asker->ns, name);
	if (h != NULL && h->declared != NULL) {
		status = h->status == NULL ? json_object() : json_loads(h->status, 0, NULL);
		*out_is_ready = !h->declared->object.is_deleted && status_is_ready(status, h->declared->object.generation);
	}
	pthread_mutex_unlock(&handlers->lock);
	return status;
}

void env_init(struct handlers *handlers)
{
	struct handler_env *env = &handlers->env;
	const struct handler_env *given = &handlers->options.env;
	env->log = given->log;
	env->secrets = given->secrets;
	env->workloads = given->workloads;
	env->config_map = given->config_map == NULL ? NULL : ask_config_map;
	env->kubeconfig = ask_kubeconfig;
	env->status_of = ask_status_of;
	env->may_act = ask_may_act;
	env->now_s = ask_now_s;
	env->ctx = handlers;
	env->cache_dir = given->cache_dir;
	env->helm = given->helm;
	env->ca_file = given->ca_file;
	env->charts = given->charts;
	env->programs = given->programs;
	env->is_stopping = false;
	env->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}
