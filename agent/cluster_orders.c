/* What the deletion of an OmniCluster orders, put into the unit of its cluster. An order counts once a tree without the object
 * was taken, and every source was read: then it is known whether somebody else declares the cluster, and that lets it live. */
#include <stdio.h>
#include <string.h>

#include "agent/cluster_api.h"
#include "agent/controller/controller.h"
#include "agent/settings/target.h"

struct order {
	struct unit_order order;
	struct span ns, connection, cluster;
};

struct orders {
	struct arena arena;
	struct order *items;
	size_t count, cap;
};

static void collect(void *ctx, const struct controller_order *order)
{
	struct orders *orders = ctx;
	struct order *copy = &ARENA_PUSH(&orders->arena, orders->items, orders->count, orders->cap);
	*copy = (struct order){.ns = arena_copy(&orders->arena, order->ns), .connection = arena_copy(&orders->arena, order->connection),
			       .cluster = arena_copy(&orders->arena, order->cluster)};
	copy->order.orphan = order->orphan;
	copy->order.destroy_machines = order->destroy_machines;
	snprintf(copy->order.object.ns, sizeof copy->order.object.ns, "%.*s", SPAN_ARG(order->ns));
	snprintf(copy->order.object.name, sizeof copy->order.object.name, "%.*s", SPAN_ARG(order->object));
}

static bool is_read(const struct agent *agent)
{
	for (size_t i = 0; i < agent->feed_count; i++)
		if (agent->feeds[i].taken == NULL)
			return false;
	return true;
}

static bool still_stands(const struct snapshot *snapshot, const struct unit_object *object)
{
	for (size_t i = 0; i < snapshot->fleet->cluster_count; i++) {
		const struct cluster *cluster = snapshot->fleet->clusters[i];
		if (cluster->head != NULL && span_is(cluster->ns, object->ns) && span_is(cluster->head->name, object->name))
			return true;
	}
	return false;
}

/* Under the lock: by somebody else, whatever the connection. */
static bool is_declared(const struct link *link, struct span cluster)
{
	const struct agent *agent = link->agent;
	for (size_t i = 0; i < agent->link_count; i++) {
		const struct unit *unit = link_is_beside(link, agent->links[i]) ? unit_find(agent->links[i], cluster) : NULL;
		if (unit != NULL && unit->seen == agent->update && unit->state.is_declared)
			return true;
	}
	return false;
}

/* Under the lock. */
static void give(struct cluster_api *api, struct unit *unit, const struct order *order)
{
	struct unit_order before = unit_order(unit);
	bool is_news = memcmp(&before, &order->order, sizeof before) != 0;
	unit->ordered = api->looks;
	if (!is_news)
		return;
	unit_take_order(unit, &order->order);
	unit_wake(unit);
}

static void tell(struct cluster_api *api, const struct order *order, bool is_done, const char *why)
{
	controller_order_told(api->controller, span_of(order->order.object.ns), span_of(order->order.object.name), is_done, why);
}

static void take_order(struct cluster_api *api, const struct snapshot *snapshot, const struct order *order)
{
	struct agent *agent = api->agent;
	struct connection_name name = link_name(snapshot, order->ns, order->connection);
	if (still_stands(snapshot, &order->order.object))
		return; /* a tree without it is on its way */
	struct link *link = link_get(agent, &name);
	pthread_mutex_lock(&agent->lock);
	bool is_kept = is_declared(link, order->cluster), is_unknown = link->url[0] == '\0';
	bool is_let_go = is_kept || (is_unknown && order->order.orphan);
	char why[sizeof link->error];
	snprintf(why, sizeof why, "%s", link->error);
	if (!is_let_go)
		give(api, unit_make(link, order->cluster), order);
	pthread_mutex_unlock(&agent->lock);
	if (is_kept)
		log_info(agent->log, "cluster", "its OmniCluster is deleted, but it is declared elsewhere: it stays",
			 log_span("cluster", order->cluster), log_string("namespace", order->order.object.ns));
	if (is_let_go || why[0] != '\0')
		tell(api, order, is_let_go, is_let_go ? "" : why);
}

/* Orders that are no more: their objects are gone. */
static void forget(struct cluster_api *api)
{
	struct agent *agent = api->agent;
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->unit_count; i++) {
		struct unit *unit = agent->units[i];
		if (unit->order != NULL && unit->ordered != api->looks)
			unit_set_order(unit, &(struct unit_order){0});
	}
	pthread_mutex_unlock(&agent->lock);
}

void cluster_orders_take(struct cluster_api *api)
{
	struct agent *agent = api->agent;
	const struct snapshot *snapshot = agent->feeds[api->feed].taken;
	struct orders orders = {0};
	if (snapshot == NULL || !is_read(agent) || api->controller == NULL)
		return;
	arena_init(&orders.arena, ARENA_NO_LIMIT);
	controller_orders(api->controller, collect, &orders);
	api->looks++;
	for (size_t i = 0; i < orders.count; i++)
		take_order(api, snapshot, &orders.items[i]);
	forget(api);
	arena_done(&orders.arena);
}
