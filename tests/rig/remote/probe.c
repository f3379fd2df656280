/* One call to the Omni at COSI_ENDPOINT with the key in COSI_KEY, for scripts: `probe about|list|create|watch`. Prints what
 * came, or "CODE: text", and fails then. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/omni/store.h"
#include "base/files.h"

static struct arena arena;

static bool about(struct omni_store *store, struct fail *fail)
{
	struct omni_about out;
	if (!store->ops->about(store, &arena, 0, &out, fail))
		return false;
	printf("%.*s of %.*s\n", SPAN_ARG(out.version), SPAN_ARG(out.instance));
	return true;
}

static bool list(struct omni_store *store, struct fail *fail)
{
	struct resource_list out;
	if (!store->ops->list(store, &arena, OMNI_MACHINE_CLASS, NULL, 0, &out, fail))
		return false;
	printf("%zu classes\n", out.count);
	return true;
}

static bool create(struct omni_store *store, struct fail *fail)
{
	struct resource *class = resource_new(&arena, OMNI_MACHINE_CLASS, SPAN("probe"));
	if (!store->ops->create(store, &arena, class, 0, NULL, fail))
		return false;
	puts("created");
	return true;
}

static bool watch(struct omni_store *store, struct fail *fail)
{
	struct omni_watch *watch;
	struct omni_event event = {0};
	bool has = false;
	if (!store->ops->watch(store, OMNI_MACHINE_CLASS, SPAN(""), &watch, fail))
		return false;
	while (!has && poll(&(struct pollfd){watch->ops->fd(watch), POLLIN, 0}, 1, 10000) == 1)
		if (!watch->ops->next(watch, &arena, &event, &has, fail))
			break;
	watch->ops->close(watch);
	if (has && event.kind == OMNI_ERRORED)
		*fail = event.fail;
	else
		printf("event %d\n", has ? (int)event.kind : -1);
	return has && event.kind != OMNI_ERRORED;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		bool (*run)(struct omni_store *store, struct fail *fail);
	} all[] = {{"about", about}, {"list", list}, {"create", create}, {"watch", watch}};
	enum { KEY_MAX = 1 << 16 };
	struct omni_store_options options = {.key_source = "the key", .ca_file = getenv("COSI_CA")};
	struct omni_store *store = NULL;
	struct fail fail = {0};
	bool ok = true;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (getenv("COSI_KEY") != NULL)
		ok = files_read(&arena, getenv("COSI_KEY"), KEY_MAX, &options.key, &fail);
	if (options.ca_file != NULL && options.ca_file[0] == '\0')
		options.ca_file = NULL;
	ok = ok && omni_store_open(getenv("COSI_ENDPOINT"), &options, &store, &fail);
	for (size_t i = 0; ok && i < sizeof all / sizeof *all; i++)
		if (argc == 2 && strcmp(argv[1], all[i].name) == 0)
			ok = all[i].run(store, &fail);
	if (!ok)
		printf("%s: %s\n", fail_name(fail.code), fail.text);
	omni_store_close(store);
	arena_done(&arena);
	return ok ? 0 : 1;
}
