#include "agent/omni/mirror_said.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/omni/mirror.h"
#include "base/cleanup.h"

enum { VERSION_SIZE = 24, WORDS_MAX = 240, SETS_MAX = 1024 };

struct said_upgrade {
	bool is_known;
	uint16_t round;
	uint8_t phase;
	char current[VERSION_SIZE], last[VERSION_SIZE];
	char *words; /* step, status and error; NULL: nothing, as when it is done */
};

struct said_set {
	uint64_t key; /* of the record of the MachineSet */
	char *id, *class_name, *error; /* the last two: NULL: none */
	bool is_known, is_declared, is_unlimited; /* is_known: there is a MachineSet */
	bool has_status, is_ready;
	uint16_t round;
	uint8_t phase;
	uint32_t wanted, requested, total, healthy, connected, locked_updates;
};

struct said {
	/* declared */
	bool has_cluster, is_torn_down, is_locked;
	char talos[VERSION_SIZE], kubernetes[VERSION_SIZE];
	uint32_t nodes;
	/* said */
	bool has_status, is_ready;
	uint16_t round;
	uint8_t phase;
	uint32_t total, healthy, connected;
	char seen_talos[VERSION_SIZE], seen_kubernetes[VERSION_SIZE];
	struct said_upgrade upgrades[2]; /* Kubernetes, Talos */
	struct said_set *sets;
	size_t count, cap;
};

enum said_kind said_kind_of(const struct omni_type *type)
{
	static const struct {
		const char *type;
		enum said_kind kind;
	} kinds[] = {{"ClusterStatuses.omni.sidero.dev", SAID_CLUSTER},
		     {"MachineSetStatuses.omni.sidero.dev", SAID_SET},
		     {"KubernetesUpgradeStatuses.omni.sidero.dev", SAID_KUBERNETES},
		     {"TalosUpgradeStatuses.omni.sidero.dev", SAID_TALOS}};
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (strcmp(type->name, kinds[i].type) == 0)
			return kinds[i].kind;
	return SAID_NOTHING;
}

/* --- small texts ---------------------------------------------------------------------------------------------------- */

static void *must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

/* True: it is another one than before. */
static bool set_version(char place[VERSION_SIZE], struct span version)
{
	char before[VERSION_SIZE];
	memcpy(before, place, VERSION_SIZE);
	memset(place, 0, VERSION_SIZE);
	snprintf(place, VERSION_SIZE, "%.*s", SPAN_ARG(version));
	return memcmp(before, place, VERSION_SIZE) != 0;
}

static bool set_words(char **place, struct span words)
{
	struct span cut = {words.ptr, words.len > WORDS_MAX ? WORDS_MAX : words.len};
	if (span_eq(cut, span_of(*place)))
		return false;
	free(*place);
	*place = cut.len == 0 ? NULL : must(strndup(cut.ptr, cut.len));
	return true;
}

static struct span told(struct arena *arena, const char *words)
{
	return arena_copy(arena, span_of(words == NULL ? "" : words));
}

/* --- sets ----------------------------------------------------------------------------------------------------------- */

static struct said *need(struct said **said)
{
	if (*said == NULL)
		*said = must(calloc(1, sizeof **said));
	return *said;
}

static struct said_set *find_set(const struct said *said, uint64_t key)
{
	for (size_t i = 0; said != NULL && i < said->count; i++)
		if (said->sets[i].key == key)
			return &said->sets[i];
	return NULL;
}

/* NULL: more than any cluster has. */
static struct said_set *need_set(struct said *said, uint64_t key, struct span id)
{
	struct said_set *set = find_set(said, key);
	if (set != NULL || said->count >= SETS_MAX)
		return set;
	if (said->count == said->cap) {
		said->cap = said->cap == 0 ? 2 : said->cap * 2;
		said->sets = must(realloc(said->sets, said->cap * sizeof *said->sets));
	}
	set = &said->sets[said->count++];
	*set = (struct said_set){.key = key, .id = must(strndup(id.ptr, id.len))};
	return set;
}

static void free_set(struct said_set *set)
{
	free(set->id);
	free(set->class_name);
	free(set->error);
}

/* What is neither declared nor spoken of. */
static void tidy_set(struct said *said, struct said_set *set)
{
	if (set->is_known || set->has_status)
		return;
	free_set(set);
	*set = said->sets[--said->count];
}

void said_free(struct said *said)
{
	if (said == NULL)
		return;
	for (size_t i = 0; i < said->count; i++)
		free_set(&said->sets[i]);
	free(said->sets);
	free(said->upgrades[0].words);
	free(said->upgrades[1].words);
	free(said);
}

/* --- statuses ------------------------------------------------------------------------------------------------------- */

static bool set_number(uint32_t *place, size_t value)
{
	uint32_t before = *place;
	*place = (uint32_t)value;
	return *place != before;
}

static bool set_flag(bool *place, bool value)
{
	bool before = *place;
	*place = value;
	return value != before;
}

static bool set_phase(uint8_t *place, unsigned phase)
{
	uint8_t before = *place;
	*place = phase > UINT8_MAX ? 0 : (uint8_t)phase;
	return *place != before;
}

static bool take_cluster(struct said *said, const struct resource *status)
{
	struct health_facts facts = {0};
	health_take_status(&facts, status);
	bool is_news = set_flag(&said->has_status, true);
	is_news |= set_flag(&said->is_ready, facts.is_ready);
	is_news |= set_phase(&said->phase, facts.phase);
	is_news |= set_number(&said->total, facts.total);
	is_news |= set_number(&said->healthy, facts.healthy);
	is_news |= set_number(&said->connected, facts.connected);
	is_news |= set_version(said->seen_talos, facts.seen_talos);
	is_news |= set_version(said->seen_kubernetes, facts.seen_kubernetes);
	return is_news;
}

static bool take_upgrade(struct said_upgrade *place, const struct resource *status)
{
	struct health_upgrade upgrade;
	char words[WORDS_MAX + 1] = "";
	health_take_upgrade(&upgrade, status);
	const struct span parts[] = {upgrade.step, upgrade.status, upgrade.error};
	for (size_t i = 0, at = 0; i < COUNT_OF(parts) && upgrade.phase != UPGRADE_DONE && at < sizeof words - 2; i++)
		if (parts[i].len > 0)
			at += (size_t)snprintf(words + at, sizeof words - at, "%s%.*s", at > 0 ? ", " : "", SPAN_ARG(parts[i]));
	bool is_news = set_flag(&place->is_known, true);
	is_news |= set_phase(&place->phase, upgrade.phase);
	is_news |= set_version(place->current, upgrade.current);
	is_news |= set_version(place->last, upgrade.last);
	is_news |= set_words(&place->words, span_of(words));
	return is_news;
}

static bool take_set(struct said *said, const struct resource *status, uint16_t round)
{
	struct health_set seen = {0};
	struct said_set *set = need_set(said, mirror_key(OMNI_MACHINE_SET, status->id), status->id);
	int64_t requested = 0;
	if (set == NULL)
		return false;
	span_int(node_text_at(&status->spec, "machines.requested"), 0, UINT32_MAX, &requested);
	health_take_set_status(&seen, status);
	set->round = round;
	bool is_news = set_flag(&set->has_status, true);
	is_news |= set_flag(&set->is_ready, seen.is_ready);
	is_news |= set_phase(&set->phase, seen.phase);
	is_news |= set_number(&set->requested, (size_t)requested);
	is_news |= set_number(&set->total, seen.total);
	is_news |= set_number(&set->healthy, seen.healthy);
	is_news |= set_number(&set->connected, seen.connected);
	is_news |= set_number(&set->locked_updates, seen.locked_updates);
	is_news |= set_words(&set->error, seen.error);
	return is_news;
}

bool said_take(struct said **place, enum said_kind kind, const struct resource *status, uint16_t round)
{
	struct said *said = need(place);
	switch (kind) {
	case SAID_CLUSTER: said->round = round; return take_cluster(said, status);
	case SAID_SET: return take_set(said, status, round);
	case SAID_KUBERNETES: said->upgrades[0].round = round; return take_upgrade(&said->upgrades[0], status);
	case SAID_TALOS: said->upgrades[1].round = round; return take_upgrade(&said->upgrades[1], status);
	default: return false;
	}
}

static bool drop_cluster(struct said *said)
{
	bool is_news = said->has_status;
	said->has_status = said->is_ready = false;
	said->phase = 0;
	said->total = said->healthy = said->connected = 0;
	set_version(said->seen_talos, SPAN(""));
	set_version(said->seen_kubernetes, SPAN(""));
	return is_news;
}

static bool drop_upgrade(struct said_upgrade *upgrade)
{
	bool is_news = upgrade->is_known;
	free(upgrade->words);
	*upgrade = (struct said_upgrade){0};
	return is_news;
}

static bool drop_set(struct said *said, struct said_set *set)
{
	if (set == NULL || !set->has_status)
		return false;
	set->has_status = set->is_ready = false;
	set->phase = 0;
	set->requested = set->total = set->healthy = set->connected = set->locked_updates = 0;
	set_words(&set->error, SPAN(""));
	tidy_set(said, set);
	return true;
}

bool said_drop(struct said *said, enum said_kind kind, struct span id)
{
	if (said == NULL)
		return false;
	switch (kind) {
	case SAID_CLUSTER: return drop_cluster(said);
	case SAID_SET: return drop_set(said, find_set(said, mirror_key(OMNI_MACHINE_SET, id)));
	case SAID_KUBERNETES: return drop_upgrade(&said->upgrades[0]);
	case SAID_TALOS: return drop_upgrade(&said->upgrades[1]);
	default: return false;
	}
}

void said_sweep(struct said *said, enum said_kind kind, uint16_t round)
{
	if (said == NULL)
		return;
	if (kind == SAID_CLUSTER && said->round != round)
		drop_cluster(said);
	for (int i = 0; i < 2; i++)
		if (kind == (i == 0 ? SAID_KUBERNETES : SAID_TALOS) && said->upgrades[i].round != round)
			drop_upgrade(&said->upgrades[i]);
	for (size_t i = said->count; i > 0 && kind == SAID_SET; i--) /* what goes is replaced by the last */
		if (said->sets[i - 1].round != round)
			drop_set(said, &said->sets[i - 1]);
}

/* --- declarations --------------------------------------------------------------------------------------------------- */

void said_declare_cluster(struct said **place, const struct resource *cluster)
{
	struct said *said = need(place);
	said->has_cluster = true;
	said->is_torn_down = cluster->phase == RESOURCE_TEARING_DOWN;
	said->is_locked = labels_get(&cluster->annotations, OMNI_ANNOTATION_CLUSTER_LOCKED) != NULL;
	set_version(said->talos, node_text_at(&cluster->spec, "talosversion"));
	set_version(said->kubernetes, node_text_at(&cluster->spec, "kubernetesversion"));
}

void said_forget_cluster(struct said *said)
{
	if (said != NULL)
		said->has_cluster = false;
}

void said_declare_set(struct said **place, uint64_t key, const struct resource *machine_set)
{
	struct health_set declared = {0};
	struct said_set *set = need_set(need(place), key, machine_set->id);
	if (set == NULL)
		return;
	health_take_set(&declared, machine_set);
	set->is_known = true;
	set->is_declared = declared.is_declared;
	set->is_unlimited = declared.is_unlimited;
	set->wanted = (uint32_t)declared.wanted;
	set_words(&set->class_name, declared.class_name);
}

void said_forget_set(struct said *said, uint64_t key)
{
	struct said_set *set = find_set(said, key);
	if (set == NULL)
		return;
	set->is_known = set->is_declared = set->is_unlimited = false;
	set->wanted = 0;
	tidy_set(said, set);
}

void said_count_node(struct said **place, bool comes)
{
	struct said *said = need(place);
	said->nodes += comes ? 1 : (uint32_t)-1;
}

/* --- facts ---------------------------------------------------------------------------------------------------------- */

static struct health_upgrade tell_upgrade(struct arena *arena, const struct said_upgrade *upgrade)
{
	return (struct health_upgrade){
		.is_known = upgrade->is_known,
		.phase = upgrade->phase,
		.current = told(arena, upgrade->current),
		.last = told(arena, upgrade->last),
		.step = told(arena, upgrade->words),
	};
}

/* How many machines a set by name wants only its status knows; the nodes of the cluster are counted against all of them. */
static struct health_set tell_set(struct arena *arena, const struct said_set *set)
{
	bool is_by_class = set->class_name != NULL && !set->is_unlimited;
	return (struct health_set){
		.id = told(arena, set->id),
		.class_name = told(arena, set->class_name),
		.error = told(arena, set->error),
		.is_declared = set->is_declared,
		.is_unlimited = set->is_unlimited,
		.has_status = set->has_status,
		.is_ready = set->is_ready,
		.phase = set->phase,
		.wanted = is_by_class ? set->wanted : set->requested,
		.allocated = set->total,
		.total = set->total,
		.healthy = set->healthy,
		.connected = set->connected,
		.locked_updates = set->locked_updates,
	};
}

static int by_id(const void *a, const void *b)
{
	return span_cmp(((const struct health_set *)a)->id, ((const struct health_set *)b)->id);
}

static void tell_sets(const struct said *said, struct arena *arena, struct health_facts *out)
{
	struct health_set *sets = ARENA_ARRAY(arena, struct health_set, said->count + 1);
	for (size_t i = 0; i < said->count; i++)
		sets[i] = tell_set(arena, &said->sets[i]);
	qsort(sets, said->count, sizeof *sets, by_id);
	out->sets = sets;
	out->set_count = said->count;
}

void said_tell(const struct said *said, struct arena *arena, struct span cluster, struct health_facts *out)
{
	*out = (struct health_facts){.name = arena_copy(arena, cluster)};
	if (said == NULL)
		return;
	out->talos = told(arena, said->talos);
	out->kubernetes = told(arena, said->kubernetes);
	out->is_torn_down = !said->has_cluster || said->is_torn_down;
	out->is_locked = said->is_locked;
	out->nodes = said->nodes;
	out->has_status = said->has_status;
	out->is_ready = said->is_ready;
	out->phase = said->phase;
	out->seen_talos = told(arena, said->seen_talos);
	out->seen_kubernetes = told(arena, said->seen_kubernetes);
	out->total = said->total;
	out->healthy = said->healthy;
	out->connected = said->connected;
	out->kubernetes_upgrade = tell_upgrade(arena, &said->upgrades[0]);
	out->talos_upgrade = tell_upgrade(arena, &said->upgrades[1]);
	tell_sets(said, arena, out);
}
