#include "agent/omni/health.h"

#include "base/cleanup.h"
#include "render/resource.h"

/* --- names of Omni's numbers ---------------------------------------------------------------------------------------- */

static const char *const cluster_phases[] = {"UNKNOWN", "SCALING_UP", "SCALING_DOWN", "RUNNING", "DESTROYING"};
static const char *const set_phases[] = {"Unknown",    "ScalingUp", "ScalingDown",   "Running",
					 "Destroying", "Failed",    "Reconfiguring", "Upgrading"};
static const char *const stages[] = {"UNKNOWN",	  "BOOTING",   "INSTALLING",	"CONFIGURING",	  "RUNNING",	 "DESTROYING",
				     "UPGRADING", "REBOOTING", "SHUTTING_DOWN", "BEFORE_DESTROY", "POWERING_ON", "POWERED_OFF"};
static const char *const upgrade_phases[] = {"Unknown", "Upgrading", "Done", "Failed", "Reverting", "UpdatingMachineSchematics"};
static const char *const healths[] = {"Unknown", "NotReady", "Ready", "Destroying"};

#define NAME_OF(names, number) ((names)[(number) < COUNT_OF(names) ? (number) : 0])

const char *health_cluster_phase(unsigned phase)
{
	return NAME_OF(cluster_phases, phase);
}

const char *health_set_phase(unsigned phase)
{
	return NAME_OF(set_phases, phase);
}

const char *health_stage(unsigned stage)
{
	return NAME_OF(stages, stage);
}

const char *health_upgrade_phase(unsigned phase)
{
	return NAME_OF(upgrade_phases, phase);
}

const char *health_name(enum health health)
{
	return NAME_OF(healths, (unsigned)health);
}

/* --- facts ---------------------------------------------------------------------------------------------------------- */

static size_t count_at(const struct resource *resource, const char *path)
{
	int64_t value = 0;
	span_int(node_text_at(&resource->spec, path), 0, INT32_MAX, &value);
	return (size_t)value;
}

static bool true_at(const struct resource *resource, const char *path)
{
	return span_is(node_text_at(&resource->spec, path), "true");
}

void health_take_status(struct health_facts *facts, const struct resource *status)
{
	facts->has_status = true;
	facts->phase = (unsigned)count_at(status, "phase");
	facts->is_ready = true_at(status, "ready");
	facts->is_available = true_at(status, "available");
	facts->has_api = true_at(status, "kubernetesapiready");
	facts->has_control_plane = true_at(status, "controlplaneready");
	facts->seen_talos = node_text_at(&status->spec, "talosversion");
	facts->seen_kubernetes = node_text_at(&status->spec, "kubernetesversion");
	facts->total = count_at(status, "machines.total");
	facts->healthy = count_at(status, "machines.healthy");
	facts->connected = count_at(status, "machines.connected");
}

void health_take_upgrade(struct health_upgrade *upgrade, const struct resource *status)
{
	*upgrade = (struct health_upgrade){
		.is_known = true,
		.phase = (unsigned)count_at(status, "phase"),
		.current = node_text_at(&status->spec, "currentupgradeversion"),
		.last = node_text_at(&status->spec, "lastupgradeversion"),
		.step = node_text_at(&status->spec, "step"),
		.status = node_text_at(&status->spec, "status"),
		.error = node_text_at(&status->spec, "error"),
	};
}

/* Older templates name the class where newer ones allocate; Omni takes the older place first. */
void health_take_set(struct health_set *set, const struct resource *machine_set)
{
	const char *place = node_is(node_get(&machine_set->spec, "machineclass"), NODE_MAP) ? "machineclass" : "machineallocation";
	const struct node *allocation = node_get(&machine_set->spec, place);
	int64_t type = 0, count = 0;
	set->is_declared = machine_set->phase == RESOURCE_RUNNING;
	if (!node_is(allocation, NODE_MAP))
		return;
	span_int(node_text_at(allocation, "allocationtype"), 0, 255, &type);
	span_int(node_text_at(allocation, "machinecount"), 0, UINT32_MAX, &count);
	set->class_name = node_text_at(allocation, "name");
	set->is_unlimited = type == 1;
	set->wanted = set->is_unlimited ? 0 : (size_t)count;
}

void health_take_set_status(struct health_set *set, const struct resource *status)
{
	set->has_status = true;
	set->phase = (unsigned)count_at(status, "phase");
	set->is_ready = true_at(status, "ready");
	set->error = node_text_at(&status->spec, "error");
	set->total = count_at(status, "machines.total");
	set->healthy = count_at(status, "machines.healthy");
	set->connected = count_at(status, "machines.connected");
	set->locked_updates = count_at(status, "lockedupdates");
}

/* --- the rule ------------------------------------------------------------------------------------------------------- */

struct judge {
	struct arena *arena;
	const struct health_facts *facts;
	struct health_reasons *out;
};

static void lacks(const struct judge *judge, const char *code, struct span object, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void lacks(const struct judge *judge, const char *code, struct span object, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct span message = arena_spanfv(judge->arena, format, args);
	va_end(args);
	ARENA_PUSH(judge->arena, judge->out->items, judge->out->count, judge->out->cap) =
		(struct health_reason){code, object, message};
}

static struct span plain_version(struct span version)
{
	return span_starts(version, "v") ? (struct span){version.ptr + 1, version.len - 1} : version;
}

/* Nothing is said, or the same. */
static bool is_of(struct span seen, struct span declared)
{
	return seen.len == 0 || declared.len == 0 || span_eq(plain_version(seen), plain_version(declared));
}

static void judge_versions(const struct judge *judge)
{
	const struct health_facts *facts = judge->facts;
	if (!is_of(facts->seen_talos, facts->talos))
		lacks(judge, "NotObserved", facts->name, "Omni has not taken up Talos %.*s yet: its status speaks of %.*s",
		      SPAN_ARG(facts->talos), SPAN_ARG(facts->seen_talos));
	if (!is_of(facts->seen_kubernetes, facts->kubernetes))
		lacks(judge, "NotObserved", facts->name, "Omni has not taken up Kubernetes %.*s yet: its status speaks of %.*s",
		      SPAN_ARG(facts->kubernetes), SPAN_ARG(facts->seen_kubernetes));
}

static void judge_upgrade(const struct judge *judge, const char *code, const char *what, const struct health_upgrade *upgrade,
			  struct span declared)
{
	struct span name = judge->facts->name;
	struct span target = upgrade->current.len > 0 ? upgrade->current : declared;
	if (!upgrade->is_known)
		return;
	if (upgrade->phase != UPGRADE_DONE) {
		struct span text = arena_spanf(judge->arena, "%s %.*s: %s", what, SPAN_ARG(target), health_upgrade_phase(upgrade->phase));
		const struct span more[] = {upgrade->step, upgrade->status, upgrade->error};
		for (size_t i = 0; i < COUNT_OF(more); i++)
			if (more[i].len > 0)
				text = arena_spanf(judge->arena, "%.*s, %.*s", SPAN_ARG(text), SPAN_ARG(more[i]));
		lacks(judge, code, name, "%.*s", SPAN_ARG(text));
	} else if (!is_of(upgrade->last, declared)) {
		lacks(judge, "NotObserved", name, "Omni has not begun with %s %.*s yet: %.*s runs", what, SPAN_ARG(declared),
		      SPAN_ARG(upgrade->last));
	}
}

static void judge_kubernetes(const struct judge *judge)
{
	const struct health_facts *facts = judge->facts;
	judge_upgrade(judge, "KubernetesUpgrade", "Kubernetes", &facts->kubernetes_upgrade, facts->kubernetes);
	if (!facts->kubernetes_upgrade.is_known)
		lacks(judge, "KubernetesUnknown", facts->name, "Omni has not looked at its Kubernetes yet%s",
		      facts->is_locked ? ", and does not while the cluster is locked" : "");
}

static void judge_count(const struct judge *judge, const struct health_set *set)
{
	struct span class = set->class_name;
	if (set->is_unlimited || set->total == set->wanted)
		return;
	if (set->total > set->wanted)
		lacks(judge, "MachinesLeaving", set->id, "machine set %.*s has %zu machines, and %zu are declared", SPAN_ARG(set->id),
		      set->total, set->wanted);
	else if (class.len > 0 && set->allocated < set->wanted)
		lacks(judge, "MachinesMissing", set->id,
		      "machine set %.*s has %zu of %zu machines of class %.*s; the rest waits until machines that fit are free",
		      SPAN_ARG(set->id), set->allocated, set->wanted, SPAN_ARG(class));
	else
		lacks(judge, "MachinesJoining", set->id, "machine set %.*s: %zu of %zu machines have joined", SPAN_ARG(set->id),
		      set->total, set->wanted);
}

static void judge_set(const struct judge *judge, const struct health_set *set)
{
	struct span id = set->id;
	if (!set->is_declared) {
		lacks(judge, "MachineSetLeaving", id, "machine set %.*s is being destroyed, %zu machines are left", SPAN_ARG(id), set->total);
		return;
	}
	if (!set->has_status) {
		lacks(judge, "MachineSetUnknown", id, "Omni reports no status of machine set %.*s yet", SPAN_ARG(id));
		return;
	}
	size_t before = judge->out->count;
	if (set->error.len > 0)
		lacks(judge, "MachineSetError", id, "machine set %.*s: %.*s", SPAN_ARG(id), SPAN_ARG(set->error));
	judge_count(judge, set);
	bool is_told = judge->out->count > before;
	bool is_scaling = set->phase == SET_SCALING_UP || set->phase == SET_SCALING_DOWN;
	if (set->phase != SET_RUNNING && !(is_told && is_scaling))
		lacks(judge, "MachineSetPhase", id, "machine set %.*s is %s, %zu of %zu machines are healthy", SPAN_ARG(id),
		      health_set_phase(set->phase), set->healthy, set->total);
	else if (!set->is_ready && !is_told)
		lacks(judge, "MachineSetNotReady", id, "machine set %.*s is not ready: %zu of %zu machines are healthy, %zu connected",
		      SPAN_ARG(id), set->healthy, set->total, set->connected);
}

/* Machines that were chosen and that no set counts yet, or the other way round. */
static void judge_nodes(const struct judge *judge)
{
	const struct health_facts *facts = judge->facts;
	size_t total = 0;
	for (size_t i = 0; i < facts->set_count; i++)
		total += facts->sets[i].total;
	if (judge->out->count == 0 && total != facts->nodes)
		lacks(judge, "NotObserved", facts->name, "%zu machines were chosen, and Omni's status speaks of %zu", facts->nodes, total);
}

enum health health_judge(struct arena *arena, const struct health_facts *facts, struct health_reasons *out)
{
	struct judge judge = {arena, facts, out};
	*out = (struct health_reasons){0};
	bool is_ending = facts->is_torn_down || (facts->has_status && facts->phase == CLUSTER_DESTROYING);
	if (is_ending)
		lacks(&judge, "Destroying", facts->name, "the cluster is being destroyed, %zu machines are left", facts->total);
	else if (!facts->has_status)
		lacks(&judge, "NoStatus", facts->name, "Omni reports no status of the cluster");
	for (size_t i = 0; i < facts->set_count && facts->has_status && !is_ending; i++)
		judge_set(&judge, &facts->sets[i]);
	if (is_ending || !facts->has_status)
		return is_ending ? HEALTH_DESTROYING : HEALTH_UNKNOWN;
	judge_upgrade(&judge, "TalosUpgrade", "Talos", &facts->talos_upgrade, facts->talos);
	judge_versions(&judge);
	judge_kubernetes(&judge);
	judge_nodes(&judge);
	if (out->count == 0 && (facts->phase != CLUSTER_RUNNING || !facts->is_ready))
		lacks(&judge, "ClusterNotReady", facts->name, "Omni says %s, %sready, %zu of %zu machines are healthy",
		      health_cluster_phase(facts->phase), facts->is_ready ? "" : "not ", facts->healthy, facts->total);
	return out->count == 0 ? HEALTH_READY : HEALTH_NOT_READY;
}
