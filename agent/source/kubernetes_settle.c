#include "agent/source/kubernetes_settle.h"

#include "base/arena.h"
#include "base/map.h"

/* What is known of one key while it is judged. */
struct group {
	struct settle_object *head; /* the cluster; NULL: there is none */
	int64_t moved_ms;	    /* when something of it came or went last; INT64_MIN: long ago */
	bool has_pending;	    /* something of it is gone, and still counts */
	bool is_entering;	    /* it was not declared until now */
};

struct judging {
	struct settle_object *objects;
	struct group **groups; /* of clusters and their parts, by the number of the object */
	size_t count;
	int64_t settle_ms, now_ms, again_ms;
	struct arena arena;
	struct map clusters, used; /* key → struct group; key of a connection that is in use → not NULL */
};

static struct group *group_of(struct judging *judging, struct span cluster)
{
	void **place = map_at(&judging->clusters, cluster);
	if (*place == NULL) {
		struct group *group = ARENA_NEW(&judging->arena, struct group);
		group->moved_ms = INT64_MIN;
		*place = group;
	}
	return *place;
}

static void look_again(struct judging *judging, int64_t at_ms)
{
	if (at_ms > judging->now_ms && at_ms < judging->again_ms)
		judging->again_ms = at_ms;
}

/* Gone for less than the while. A cluster that was being deleted had gone before. */
static bool is_pending(struct judging *judging, const struct settle_object *object)
{
	int64_t end_ms = object->gone_ms + judging->settle_ms;
	bool was_ordered = object->role == SETTLE_CLUSTER && object->is_deleting;
	bool is_pending = object->gone_ms != 0 && object->was_declared && !was_ordered && end_ms > judging->now_ms;
	if (is_pending)
		look_again(judging, end_ms);
	return is_pending;
}

static void gather(struct judging *judging)
{
	for (size_t i = 0; i < judging->count; i++) {
		struct settle_object *object = &judging->objects[i];
		if (object->role > SETTLE_PART)
			continue;
		bool is_head = object->role == SETTLE_CLUSTER;
		struct group *group = judging->groups[i] = group_of(judging, is_head ? object->key : object->belongs_to);
		int64_t moved_ms = object->gone_ms != 0 ? object->gone_ms : object->came_ms;
		group->moved_ms = moved_ms > group->moved_ms ? moved_ms : group->moved_ms;
		if (is_head)
			group->head = object;
		if (is_head && object->belongs_to.len > 0)
			*map_at(&judging->used, object->belongs_to) = object;
		group->has_pending |= !is_head && is_pending(judging, object);
	}
}

static void judge_cluster(struct judging *judging, struct group *group)
{
	struct settle_object *head = group->head;
	if (head->gone_ms != 0) {
		head->is_declared = is_pending(judging, head);
		return;
	}
	head->is_declared = head->was_declared && !head->is_deleting;
	if (head->is_deleting || head->is_declared || !head->is_admitted)
		return;
	int64_t calm_ms = group->moved_ms == INT64_MIN ? INT64_MIN : group->moved_ms + judging->settle_ms;
	int64_t end_ms = head->came_ms == INT64_MIN ? INT64_MIN : head->came_ms + SETTLE_PATIENCE * judging->settle_ms;
	int64_t due_ms = calm_ms < end_ms ? calm_ms : end_ms;
	head->is_declared = group->is_entering = due_ms <= judging->now_ms;
	look_again(judging, due_ms);
}

/* While something of a cluster is gone and may come back, what is new of it waits: it may well be what takes its place. */
static void judge_part(struct judging *judging, struct settle_object *part, const struct group *group)
{
	bool has_cluster = group->head != NULL && group->head->is_declared;
	if (!has_cluster)
		part->is_declared = false;
	else if (part->gone_ms != 0)
		part->is_declared = is_pending(judging, part);
	else
		part->is_declared = part->was_declared || group->is_entering || !group->has_pending;
}

static void judge_other(struct judging *judging, struct settle_object *object)
{
	bool is_connection = object->role == SETTLE_CONNECTION;
	if (object->gone_ms != 0)
		object->is_declared = is_pending(judging, object);
	else
		object->is_declared = !is_connection || !object->is_deleting || map_get(&judging->used, object->key) != NULL;
}

int64_t settle_judge(struct settle_object *objects, size_t count, int64_t settle_ms, int64_t now_ms)
{
	struct judging judging = {.objects = objects, .count = count, .settle_ms = settle_ms, .now_ms = now_ms, .again_ms = INT64_MAX};
	arena_init(&judging.arena, ARENA_NO_LIMIT);
	map_init(&judging.clusters, &judging.arena);
	map_init(&judging.used, &judging.arena);
	judging.groups = ARENA_ARRAY(&judging.arena, struct group *, count + 1);
	gather(&judging);
	for (size_t i = 0; i < judging.clusters.count; i++) {
		struct group *group = judging.clusters.entries[i].value;
		if (group->head != NULL)
			judge_cluster(&judging, group);
	}
	for (size_t i = 0; i < count; i++) {
		if (objects[i].role == SETTLE_PART)
			judge_part(&judging, &objects[i], judging.groups[i]);
		else if (objects[i].role != SETTLE_CLUSTER)
			judge_other(&judging, &objects[i]);
	}
	arena_done(&judging.arena);
	return judging.again_ms;
}
