/* Several operations at once: the records of the clusters that they concern are read with the first of them. What changes a
 * record goes one by one, because the order of the two writes matters. */
#include "agent/omni/records_int.h"
#include "base/clock.h"

enum { CLUSTERS_MAX = 8 };

struct known {
	struct span cluster;
	struct labels marks;
	bool is_read;
};

struct bundle {
	struct records_store *self;
	struct arena *arena;
	struct omni_op *ops;
	size_t count;
	int64_t deadline_ms;
	struct known known[CLUSTERS_MAX];
	size_t known_count;
	struct omni_op *sent; /* to the inner store: operations, then records */
	size_t *sent_as;      /* which of ours */
	size_t sent_count;
	bool *is_later; /* per operation: it needs the records, or goes alone */
};

static struct known *find_known(struct bundle *b, struct span cluster)
{
	for (size_t i = 0; i < b->known_count; i++)
		if (span_eq(b->known[i].cluster, cluster))
			return &b->known[i];
	return NULL;
}

/* Those that are too many are read when they are needed. */
static void want(struct bundle *b, struct span cluster)
{
	if (cluster.len > 0 && b->known_count < CLUSTERS_MAX && find_known(b, cluster) == NULL)
		b->known[b->known_count++] = (struct known){.cluster = cluster};
}

static struct span cluster_of(const struct omni_op *op)
{
	switch (op->kind) {
	case OMNI_GET:
		return op->type == OMNI_CLUSTER ? op->id : SPAN("");
	case OMNI_LIST:
		return (op->type->flags & OMNI_TEMPLATE) != 0 ? records_asked_for(op->query) : SPAN("");
	case OMNI_UPDATE:
		return records_cluster_of(op->resource);
	default:
		return SPAN("");
	}
}

/* Those of a Cluster are never from before: an approval that came since would not be seen. */
static bool marks_of(struct bundle *b, const struct omni_op *op, struct span cluster, struct labels *out, struct fail *fail)
{
	const struct known *known = find_known(b, cluster);
	if (known == NULL || !known->is_read)
		return records_read(b->self, b->arena, cluster, op->type != OMNI_CLUSTER, b->deadline_ms, out, fail);
	*out = known->marks;
	return true;
}

static void send(struct bundle *b, size_t index, const struct omni_op *op)
{
	b->sent[b->sent_count] = *op;
	b->sent_as[b->sent_count++] = index;
}

/* Everything that needs nothing but itself, with the records. */
static void collect_first(struct bundle *b)
{
	for (size_t i = 0; i < b->count; i++) {
		struct omni_op *op = &b->ops[i];
		bool has_marks = op->kind == OMNI_CREATE && records_cluster_of(op->resource).len > 0 &&
				 records_ours(b->arena, op->resource).count > 0;
		b->is_later[i] = has_marks || (op->kind == OMNI_UPDATE && cluster_of(op).len > 0);
		want(b, cluster_of(op));
		if (!b->is_later[i])
			send(b, i, op);
	}
}

static void run_sent(struct bundle *b)
{
	omni_batch(b->self->inner, b->arena, b->sent, b->sent_count, b->deadline_ms);
	for (size_t i = 0; i < b->sent_count; i++) {
		struct omni_op *op = &b->ops[b->sent_as[i]];
		const struct resource *whole = op->resource; /* not what was sent of it */
		*op = b->sent[i];
		op->resource = whole;
	}
	b->sent_count = 0;
}

static void run_first(struct bundle *b)
{
	static const struct labels none = {0};
	int64_t begin_ms = clock_monotonic_ms();
	for (size_t i = 0; i < b->known_count; i++)
		b->sent[b->sent_count + i] = records_ask(b->arena, b->known[i].cluster);
	omni_batch(b->self->inner, b->arena, b->sent, b->sent_count + b->known_count, b->deadline_ms);
	for (size_t i = 0; i < b->known_count; i++) {
		const struct omni_op *asked = &b->sent[b->sent_count + i];
		struct known *known = &b->known[i];
		known->is_read = asked->code == FAIL_NONE || asked->code == FAIL_NOT_FOUND;
		if (!known->is_read)
			continue; /* whoever needs it asks again, and says what is wrong */
		known->marks = asked->code == FAIL_NONE ? asked->found->annotations : none;
		records_remember(b->self, known->cluster, &known->marks, begin_ms);
	}
	for (size_t i = 0; i < b->sent_count; i++)
		b->ops[b->sent_as[i]] = b->sent[i];
	b->sent_count = 0;
}

static bool show(struct bundle *b, struct omni_op *op, struct fail *fail)
{
	struct labels marks;
	struct span cluster = records_cluster_of(op->found);
	if (cluster.len == 0)
		return true;
	if (!marks_of(b, op, cluster, &marks, fail))
		return false;
	records_show(b->arena, &marks, op->found);
	return true;
}

static bool show_list(struct bundle *b, struct omni_op *op, struct fail *fail)
{
	struct span cluster = records_asked_for(op->query);
	const struct known *known = find_known(b, cluster);
	bool has_marks = (op->type->flags & OMNI_TEMPLATE) != 0;
	if (!has_marks || known == NULL || !known->is_read)
		return records_show_list(b->self, b->arena, op->type, cluster, b->deadline_ms, &op->list, fail);
	for (size_t i = 0; i < op->list.count; i++)
		records_show(b->arena, &known->marks, op->list.items[i]);
	return true;
}

/* What follows from an operation that was sent first. */
static void settle(struct bundle *b, struct omni_op *op)
{
	struct records_store *self = b->self;
	struct fail fail = {0};
	bool is_gone = op->type == OMNI_CLUSTER && op->code == FAIL_NOT_FOUND, is_good = op->code == FAIL_NONE;
	if (op->kind == OMNI_GET && is_gone && records_take_leaving(self, op->id))
		records_drop(self, op->id, b->deadline_ms);
	if (op->kind == OMNI_TEARDOWN && is_good && op->type == OMNI_CLUSTER)
		records_note_leaving(self, op->id);
	if (op->kind == OMNI_DESTROY && op->type == OMNI_CLUSTER && (is_good || is_gone)) {
		records_take_leaving(self, op->id);
		records_drop(self, op->id, b->deadline_ms);
	}
	if ((op->kind == OMNI_GET && is_good && !show(b, op, &fail)) || (op->kind == OMNI_LIST && is_good && !show_list(b, op, &fail)))
		omni_op_fail(op, b->arena, &fail);
}

static bool has_marks_as(struct bundle *b, const struct resource *resource, const struct labels *marks)
{
	struct labels ours = records_ours(b->arena, resource), held = records_of(b->arena, marks, resource);
	return labels_equal(&ours, &held);
}

/* Updates that leave the marks as they are go together, the rest by the store's own operations. */
static void run_later(struct bundle *b)
{
	for (size_t i = 0; i < b->count; i++) {
		struct omni_op *op = &b->ops[i], bare = *op;
		if (!b->is_later[i])
			continue;
		const struct known *known = op->kind == OMNI_UPDATE ? find_known(b, cluster_of(op)) : NULL;
		bool is_plain = known != NULL && known->is_read && has_marks_as(b, op->resource, &known->marks);
		if (is_plain) {
			bare.resource = records_strip(b->arena, op->resource);
			send(b, i, &bare);
		} else {
			omni_op_run(&b->self->store, b->arena, op, b->deadline_ms);
		}
	}
	run_sent(b);
}

void records_batch(struct records_store *self, struct arena *arena, struct omni_op *ops, size_t count, int64_t deadline_ms)
{
	struct bundle b = {.self = self, .arena = arena, .ops = ops, .count = count, .deadline_ms = deadline_ms};
	b.sent = ARENA_ARRAY(arena, struct omni_op, count + CLUSTERS_MAX);
	b.sent_as = ARENA_ARRAY(arena, size_t, count + 1);
	b.is_later = ARENA_ARRAY(arena, bool, count + 1);
	collect_first(&b);
	run_first(&b);
	for (size_t i = 0; i < count; i++)
		if (!b.is_later[i])
			settle(&b, &ops[i]);
	run_later(&b);
}
