/* The controller of custom resources for shell scripts: controller KUBECONFIG [GRACE_MS]. Beside it an agent is played, to which
 * everything that is declared is in sync at once. Obeys the lines on standard input, one answer each:
 *
 *   rest SECONDS                  "rest MILLISECONDS", as soon as nothing waits; "busy N"
 *   counts                        "status=N annotations=N finalizers=N events=N conflicts=N failures=N queued=N"
 *   omni up|down|slow             orders are carried out, fail, or take their time: "ok"
 *   orders                        "NS/NAME CLUSTER CONNECTION destroy|orphan|machines; …": those that were carried out, in order
 *   requested                     how many looks somebody asked for
 *   way up|down TEXT              what is told of every connection
 *   say PHASE TEXT                what is told of every cluster ("InSync", "Failed", …)
 *   fault OBJECT TEXT             an error in every cluster: of "OmniWorkers/name"; without OBJECT: none
 *   leader yes|no                 may it write? "ok"
 *   end SECONDS                   the controller ends: "ended MILLISECONDS" */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/controller/controller.h"
#include "agent/kube/cache.h"
#include "agent/kube/client.h"
#include "agent/kube/config.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "crds/kinds.h"

enum { CLUSTERS_MAX = 5000, ROUND_MS = 20 };

enum omni { OMNI_UP, OMNI_DOWN, OMNI_SLOW };

/* What the agent is to say. */
struct words {
	enum omni omni;
	enum unit_phase phase;
	char said[500], way_trouble[200], fault_object[200], fault[200];
	bool way_is_up;
};

struct played {
	struct kube_client *client;
	struct kube_cache *cache;
	struct controller *controller;
	struct log log;
	pthread_t agent;
	pthread_mutex_t lock; /* of all below */
	bool is_due, is_ending, leads;
	struct words words;
	struct text orders, looks; /* looks: "NS NAME\n", asked for */
	unsigned requested;
};

/* --- the agent ---------------------------------------------------------------------------------------------------------- */

static void on_changed(void *ctx)
{
	struct played *p = ctx;
	pthread_mutex_lock(&p->lock);
	p->is_due = true;
	pthread_mutex_unlock(&p->lock);
}

static bool may_write(void *ctx, struct span key)
{
	struct played *p = ctx;
	(void)key;
	pthread_mutex_lock(&p->lock);
	bool leads = p->leads;
	pthread_mutex_unlock(&p->lock);
	return leads;
}

static void on_requested(void *ctx, struct span ns, struct span object)
{
	struct played *p = ctx;
	pthread_mutex_lock(&p->lock);
	p->requested++;
	text_addf(&p->looks, "%.*s %.*s\n", SPAN_ARG(ns), SPAN_ARG(object));
	p->is_due = true;
	pthread_mutex_unlock(&p->lock);
}

static void on_order(void *ctx, const struct controller_order *order)
{
	struct played *p = ctx;
	pthread_mutex_lock(&p->lock);
	enum omni omni = p->words.omni;
	if (omni == OMNI_UP)
		text_addf(&p->orders, "%.*s/%.*s %.*s %.*s %s; ", SPAN_ARG(order->ns), SPAN_ARG(order->object), SPAN_ARG(order->cluster),
			  SPAN_ARG(order->connection), order->orphan ? "orphan" : order->destroy_machines ? "machines" : "destroy");
	pthread_mutex_unlock(&p->lock);
	if (omni == OMNI_UP)
		controller_order_told(p->controller, order->ns, order->object, true, "");
	else if (omni == OMNI_DOWN)
		controller_order_told(p->controller, order->ns, order->object, false, "Omni cannot be reached");
	else
		controller_order_waits(p->controller, order->ns, order->object, "machine set x is torn down");
}

struct fleet {
	struct played *p;
	struct words words;
	struct arena arena;
	struct controller_cluster *clusters;
	size_t count;
	const struct diag *faults[1];
	struct diag fault;
};

static bool see_cluster(void *ctx, const struct kube_object *object)
{
	struct fleet *fleet = ctx;
	if (!controller_admits(object) || object->deleted_s != 0 || fleet->count == CLUSTERS_MAX)
		return true;
	struct controller_cluster *cluster = &fleet->clusters[fleet->count++];
	struct span name = arena_copy(&fleet->arena, object->name);
	*cluster = (struct controller_cluster){.ns = arena_copy(&fleet->arena, object->ns), .object = name, .cluster = name,
					       .connection = arena_copy(&fleet->arena, object->reference), .control_plane = name,
					       .generation = object->generation};
	for (int i = 0; i < 32; i++)
		snprintf(cluster->template_hash + (size_t)i * 2, 3, "%02x", object->content_id[i % KUBE_CONTENT_ID]);
	cluster->diags = fleet->faults;
	cluster->diag_count = fleet->words.fault[0] != '\0';
	cluster->has_errors = cluster->diag_count > 0;
	return true;
}

static bool see_connection(void *ctx, const struct kube_object *object)
{
	struct fleet *fleet = ctx;
	const struct controller_way way = {.is_tried = true, .is_up = fleet->words.way_is_up, .url = SPAN("https://omni.example.com:443"),
					   .trouble = span_of(fleet->words.way_trouble)};
	controller_told_way(fleet->p->controller, object->ns, object->name, &way);
	return true;
}

static void tell(struct played *p, const struct words *words, const struct controller_cluster *cluster)
{
	struct unit_report *report = calloc(1, sizeof *report);
	if (report == NULL)
		abort();
	struct unit_state *state = &report->state;
	snprintf(report->name, sizeof report->name, "%.*s", SPAN_ARG(cluster->cluster));
	state->phase = words->phase;
	state->is_declared = state->is_confirmed = true;
	state->omni.health = HEALTH_READY;
	snprintf(report->texts.message, sizeof report->texts.message, "%s", words->said);
	memcpy(state->template_hash, cluster->template_hash, sizeof state->template_hash);
	memcpy(state->applied_hash, cluster->template_hash, sizeof state->applied_hash);
	state->applied_wall_ms = 1700000000000;
	controller_told(p->controller, cluster->ns, cluster->object, report);
	free(report);
}

static void play_round(struct played *p)
{
	struct fleet fleet = {.p = p, .faults = {&fleet.fault}};
	pthread_mutex_lock(&p->lock);
	fleet.words = p->words;
	char *looks = text_take(&p->looks);
	pthread_mutex_unlock(&p->lock);
	arena_init(&fleet.arena, ARENA_NO_LIMIT);
	fleet.clusters = ARENA_ARRAY(&fleet.arena, struct controller_cluster, CLUSTERS_MAX);
	fleet.fault = (struct diag){.severity = DIAG_ERROR, .object = span_of(fleet.words.fault_object), .code = "Wrong",
				    .message = span_of(fleet.words.fault)};
	kube_cache_each(p->cache, &KIND_CONNECTION, see_connection, &fleet);
	kube_cache_each(p->cache, &KIND_CLUSTER, see_cluster, &fleet);
	controller_take_fleet(p->controller, fleet.clusters, fleet.count);
	for (size_t i = 0; i < fleet.count; i++)
		tell(p, &fleet.words, &fleet.clusters[i]);
	controller_orders(p->controller, on_order, p);
	struct span rest = span_of(looks), look;
	while (span_next(&rest, '\n', &look) && look.len > 0)
		controller_looked(p->controller, span_before(look, ' '), span_behind(look, ' '));
	free(looks);
	arena_done(&fleet.arena);
}

static void *play(void *argument)
{
	struct played *p = argument;
	for (int round = 0;; round++) {
		pthread_mutex_lock(&p->lock);
		bool is_due = p->is_due || round % 25 == 0, is_ending = p->is_ending;
		p->is_due = false;
		pthread_mutex_unlock(&p->lock);
		if (is_due && kube_cache_is_synced(p->cache, NULL))
			play_round(p);
		if (is_ending)
			return NULL;
		clock_sleep_ms(ROUND_MS);
	}
}

/* --- the lines ------------------------------------------------------------------------------------------------------------- */

static void do_counts(struct played *p)
{
	struct controller_counts counts;
	controller_counts(p->controller, &counts);
	printf("status=%llu annotations=%llu finalizers=%llu events=%llu conflicts=%llu failures=%llu queued=%zu\n",
	       (unsigned long long)counts.status_writes, (unsigned long long)counts.annotation_writes,
	       (unsigned long long)counts.finalizer_writes, (unsigned long long)counts.events, (unsigned long long)counts.conflicts,
	       (unsigned long long)counts.failures, counts.queued);
}

/* Nothing waits, and a quarter of a second later still nothing does, and nothing was written. */
static void do_rest(struct played *p, long seconds)
{
	int64_t from_ms = clock_monotonic_ms(), since_ms = 0;
	struct controller_counts counts = {0}, last = {0};
	while (clock_monotonic_ms() < from_ms + seconds * 1000) {
		controller_counts(p->controller, &counts);
		bool is_same = counts.status_writes == last.status_writes && counts.events == last.events &&
			       counts.annotation_writes == last.annotation_writes && counts.finalizer_writes == last.finalizer_writes;
		if (counts.queued > 0 || !is_same || !kube_cache_is_synced(p->cache, NULL))
			since_ms = 0;
		else if (since_ms == 0)
			since_ms = clock_monotonic_ms();
		else if (clock_monotonic_ms() > since_ms + 250) {
			printf("rest %lld\n", (long long)(since_ms - from_ms));
			return;
		}
		last = counts;
		clock_sleep_ms(5);
	}
	printf("busy %zu\n", counts.queued);
}

static void set_words(struct words *words, struct span word, struct span first, struct span rest)
{
	if (span_is(word, "omni"))
		words->omni = span_is(first, "up") ? OMNI_UP : span_is(first, "down") ? OMNI_DOWN : OMNI_SLOW;
	if (span_is(word, "way")) {
		words->way_is_up = span_is(first, "up");
		snprintf(words->way_trouble, sizeof words->way_trouble, "%.*s", SPAN_ARG(rest));
	}
	for (int phase = 0; span_is(word, "say") && phase < UNIT_PHASE_COUNT; phase++)
		if (span_is(first, unit_phase_name((enum unit_phase)phase)))
			words->phase = (enum unit_phase)phase;
	if (span_is(word, "say"))
		snprintf(words->said, sizeof words->said, "%.*s", SPAN_ARG(rest));
	if (span_is(word, "fault")) {
		snprintf(words->fault_object, sizeof words->fault_object, "%.*s", SPAN_ARG(first));
		snprintf(words->fault, sizeof words->fault, "%.*s", SPAN_ARG(rest));
	}
}

static void do_set(struct played *p, struct span word, struct span first, struct span rest)
{
	pthread_mutex_lock(&p->lock);
	set_words(&p->words, word, first, rest);
	if (span_is(word, "leader"))
		p->leads = span_is(first, "yes");
	p->is_due = true;
	pthread_mutex_unlock(&p->lock);
	if (span_is(word, "leader"))
		controller_look(p->controller);
	puts("ok");
}

static void end(struct played *p, long seconds)
{
	int64_t from_ms = clock_monotonic_ms();
	pthread_mutex_lock(&p->lock);
	p->is_ending = true;
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->agent, NULL);
	controller_free(p->controller, from_ms + seconds * 1000);
	p->controller = NULL;
	printf("ended %lld\n", (long long)(clock_monotonic_ms() - from_ms));
}

static void obey(struct played *p, struct span line)
{
	struct span rest = line, word, first = {0};
	int64_t seconds = 0;
	span_next(&rest, ' ', &word);
	span_next(&rest, ' ', &first);
	span_int(first, 0, 3600, &seconds);
	if (span_is(word, "rest")) {
		do_rest(p, (long)seconds);
	} else if (span_is(word, "counts")) {
		do_counts(p);
	} else if (span_is(word, "orders")) {
		pthread_mutex_lock(&p->lock);
		puts(p->orders.ptr);
		pthread_mutex_unlock(&p->lock);
	} else if (span_is(word, "requested")) {
		pthread_mutex_lock(&p->lock);
		printf("%u\n", p->requested);
		pthread_mutex_unlock(&p->lock);
	} else if (span_is(word, "end")) {
		end(p, (long)seconds);
	} else {
		do_set(p, word, first, rest);
	}
	fflush(stdout);
}

static bool begin(struct played *p, char **arguments, struct fail *fail)
{
	static const struct kind *const kinds[] = {&KIND_CLUSTER,	&KIND_CONNECTION, &KIND_CONTROL_PLANE,
						   &KIND_WORKERS, &KIND_MACHINE,	 NULL};
	const struct kube_config_from from = {.file = arguments[1], .environment = (char *const[]){NULL}};
	struct kube_config config;
	struct arena arena;
	int64_t grace_ms = 0;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool is_fine = kube_config_find(&arena, &from, &config, fail) &&
		       kube_client_new(&config, &(struct kube_client_options){.rate = 2000, .burst = 2000}, &p->client, fail);
	arena_done(&arena);
	if (!is_fine)
		return false;
	if (arguments[2] != NULL)
		span_int(span_of(arguments[2]), 0, 3600000, &grace_ms);
	p->cache = kube_cache_new(p->client, kinds, &(struct kube_cache_options){.ns = ""});
	p->controller = controller_new(&(struct controller_options){.client = p->client, .cache = p->cache, .log = &p->log,
								    .instance = "rig", .may_write = may_write, .changed = on_changed,
								    .requested = on_requested, .ctx = p, .grace_ms = grace_ms});
	return true;
}

int main(int argc, char **argv)
{
	static struct played p = {.leads = true, .words = {.way_is_up = true, .phase = UNIT_IN_SYNC}, .lock = PTHREAD_MUTEX_INITIALIZER};
	struct fail fail = {0};
	char line[1000];
	text_init(&p.orders, TEXT_NO_LIMIT);
	text_init(&p.looks, TEXT_NO_LIMIT);
	log_init(&p.log, 2, LEVEL_INFO, FORMAT_TEXT);
	if (argc < 2 || !begin(&p, argv, &fail)) {
		fprintf(stderr, "controller KUBECONFIG [GRACE_MS]: %s\n", fail.text);
		return 1;
	}
	if (pthread_create(&p.agent, NULL, play, &p) != 0)
		abort();
	while (p.controller != NULL && fgets(line, sizeof line, stdin) != NULL)
		obey(&p, span_before(span_of(line), '\n'));
	if (p.controller != NULL)
		end(&p, 1);
	kube_cache_free(p.cache);
	kube_client_free(p.client);
	text_done(&p.orders);
	text_done(&p.looks);
	log_done(&p.log);
	return 0;
}
