/* What the directory store refuses, as Omni's server does: each rule with something that it refuses and, where it is easy
 * to get wrong, something that it lets pass. Resources are written as a person writes them. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/test.h"

#include "agent/omni/store.h"
#include "base/cleanup.h"
#include "render/load.h"

static char place[64];

static int remove_item(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info, (void)kind, (void)walk;
	return remove(path);
}

/* A resource from its parts in flow style. */
static struct resource *written(struct arena *arena, const char *type, const char *id, const char *metadata, const char *spec)
{
	struct text text;
	struct node root;
	struct diag_list diags;
	struct fail fail;
	text_init(&text, TEXT_NO_LIMIT);
	text_addf(&text, "metadata: {type: %s.omni.sidero.dev, id: \"%s\"%s%s}\nspec: %s\n", type, id, metadata[0] == '\0' ? "" : ", ",
		  metadata, spec);
	struct span copy = arena_copy(arena, text_span(&text));
	text_done(&text);
	if (!load_one(arena, copy, LOAD_OMNI, &root, &fail))
		fail_msg("%s: %s", copy.ptr, fail.text);
	diag_list_init(&diags, arena);
	struct resource *resource = resource_read(arena, &root, &(struct diag_at){&diags, {0}, {0}});
	if (resource == NULL)
		fail_msg("%s: %s", copy.ptr, diags.items[0].message.ptr);
	return resource;
}

#define IN_ONE "labels: {omni.sidero.dev/cluster: one}"
#define WORKER "labels: {omni.sidero.dev/cluster: one, omni.sidero.dev/role-worker: ''}"
#define CONTROL "labels: {omni.sidero.dev/cluster: one, omni.sidero.dev/role-controlplane: ''}"
#define NODE "labels: {omni.sidero.dev/cluster: one, omni.sidero.dev/machine-set: one-workers}"
#define CONTROL_NODE                                                                                                   \
	"labels: {omni.sidero.dev/cluster: one, omni.sidero.dev/machine-set: one-control-planes, "                     \
	"omni.sidero.dev/role-controlplane: ''}, annotations: {omni.sidero.dev/locked: ''}"
#define UUID "01234567-89ab-cdef-0123-456789abcdef"

/* NULL: it passes. */
static const struct {
	const char *type, *id, *metadata, *spec, *says;
} creations[] = {
	/* every type */
	{"MachineLabels", "", "", "{}", "the ID is empty"},
	{"MachineLabels", "a\\tb", "", "{}", "control characters"},
	{"MachineLabels", "keys", "labels: {'': x}", "{}", "empty key"},
	{"MachineLabels", "tab", "labels: {a: \"x\\ty\"}", "{}", "control characters"},
	{"MachineLabels", "note", "annotations: {a: \"x\\ny\"}", "{}", "the annotation \"a\" holds control characters"},
	{"MachineLabels", "fine", "labels: {a: 'ü x'}", "{}", NULL},
	/* clusters */
	{"Clusters", "a.b", "", "{talosversion: 1.11.2, kubernetesversion: 1.34.1}", "letters, digits, dashes"},
	{"Clusters", "-Bad_Name", "", "{talosversion: 1.11.2, kubernetesversion: 1.34.1}", NULL},
	{"Clusters", "two", "", "{talosversion: newest, kubernetesversion: 1.34.1}", "no version of Talos"},
	{"Clusters", "two", "", "{talosversion: 1.11.2, kubernetesversion: ''}", "no version of Kubernetes"},
	{"Clusters", "two", "", "{talosversion: 1.11.2, kubernetesversion: 1.34.1, backupconfiguration: {interval: {seconds: 60}}}",
	 "one hour"},
	/* machine sets */
	{"MachineSets", "one-x", "labels: {omni.sidero.dev/role-worker: ''}", "{}", "omni.sidero.dev/cluster is missing"},
	{"MachineSets", "no-x", "labels: {omni.sidero.dev/cluster: no, omni.sidero.dev/role-worker: ''}", "{}", "does not exist"},
	{"MachineSets", "x", WORKER, "{}", "begins with \"one-\""},
	{"MachineSets", "one-cp", CONTROL, "{}", "has the ID \"one-control-planes\""},
	{"MachineSets", "one-control-planes", WORKER, "{}", "kept for the control plane"},
	{"MachineSets", "one-x", WORKER, "{bootstrapspec: {clusteruuid: " UUID ", snapshot: a}}", "only the control plane"},
	{"MachineSets", "one-control-planes", CONTROL, "{bootstrapspec: {clusteruuid: x, snapshot: a}}", "no UUID"},
	{"MachineSets", "one-control-planes", CONTROL, "{bootstrapspec: {clusteruuid: " UUID ", snapshot: ../a}}", "relative path"},
	{"MachineSets", "one-control-planes", CONTROL, "{bootstrapspec: {clusteruuid: " UUID ", snapshot: /a}}", "relative path"},
	{"MachineSets", "one-x", WORKER, "{machineallocation: {machinecount: 3}}", "names no machine class"},
	{"MachineSets", "one-x", WORKER, "{machineallocation: {name: nothing, machinecount: 3}}", "does not exist"},
	{"MachineSets", "one-x", WORKER, "{machineallocation: {name: made, allocationtype: 1}}", "provisions machines"},
	{"MachineSets", "one-x", WORKER, "{machineallocation: {name: any, allocationtype: 1, machinecount: 1}}", "unlimited"},
	/* nodes */
	{"MachineSetNodes", "m", IN_ONE, "{}", "omni.sidero.dev/machine-set is missing"},
	{"MachineSetNodes", "m", "labels: {omni.sidero.dev/cluster: one, omni.sidero.dev/machine-set: no}", "{}", "does not exist"},
	{"MachineSetNodes", "m", "labels: {omni.sidero.dev/cluster: one, omni.sidero.dev/machine-set: one-auto}", "{}", "machine class"},
	{"MachineSetNodes", "m", CONTROL_NODE, "{}", "cannot be locked"},
	{"MachineSetNodes", "newer", NODE, "{}", "runs Talos v1.12.0, which is newer than 1.11.2"},
	{"MachineSetNodes", "same", NODE, "{}", NULL}, /* patch levels do not count */
	/* patches */
	{"ConfigPatches", "p", IN_ONE, "{data: '# nothing'}", "is empty"},
	{"ConfigPatches", "p", IN_ONE, "{data: 'null'}", "is empty"},
	{"ConfigPatches", "p", IN_ONE, "{data: 'machine: {networt: {}}'}", "networt"},
	{"ConfigPatches", "p", IN_ONE, "{data: 'machine: ['}", "data"},
	{"ConfigPatches", "p", "", "{data: 'machine: {network: {hostname: a}}'}", NULL},
	/* extensions */
	{"ExtensionsConfigurations", "e", "", "{extensions: [a]}", "needs the label"},
	{"ExtensionsConfigurations", "e", IN_ONE, "{extensions: [siderolabs/a, a]}", "twice"},
	{"ExtensionsConfigurations", "e", IN_ONE, "{extensions: [siderolabs/a, b/a]}", NULL},
	/* kernel arguments */
	{"KernelArgs", "k", "", "{args: [\"a\\tb\"]}", "control character"},
	{"KernelArgs", "k", "", "{args: ['', a=b]}", NULL},
	/* manifests */
	{"KubernetesManifestGroups", "g", IN_ONE, "{data: 'kind: A'}", "need a mode"},
	{"KubernetesManifestGroups", "g", "", "{mode: 1, data: 'kind: A'}", "need the label"},
	{"KubernetesManifestGroups", "g", IN_ONE, "{mode: 1, data: \"kind: A\\n---\\na: b\\n\"}", "line 3: a manifest is an object with a kind"},
	{"KubernetesManifestGroups", "g", IN_ONE, "{mode: 1, data: text}", "object with a kind"},
	{"KubernetesManifestGroups", "g", IN_ONE, "{mode: 1, data: 'kind: ['}", "data, line"},
	{"KubernetesManifestGroups", "g", IN_ONE, "{mode: 2, data: ''}", NULL},
	/* health checks */
	{"KubernetesHealthChecks", "h", IN_ONE, "{}", "has no job"},
	{"KubernetesHealthChecks", "Upper_case", IN_ONE, "{job: 'kind: Job'}", "lower case"},
	{"KubernetesHealthChecks", "-h", IN_ONE, "{job: 'kind: Job'}", NULL}, /* behind the prefix it is a name */
	{"KubernetesHealthChecks", "h.", IN_ONE, "{job: 'kind: Job'}", "cannot be part"},
	{"KubernetesHealthChecks", "h", IN_ONE, "{job: 'kind: ['}", "job, line"},
	{"KubernetesHealthChecks", "h", IN_ONE, "{job: 'kind: Job', interval: {seconds: 4}}", "at least 5"},
	{"KubernetesHealthChecks", "h", "", "{job: 'kind: ConfigMap', interval: {seconds: 5}}", NULL},
	/* install disks */
	{"MachineInstallDiskConfigs", "d", "", "{}", "is needed"},
	{"MachineInstallDiskConfigs", "d", "", "{disk: /dev/sda, diskselector: 'true'}", "exclude each other"},
	/* machine classes */
	{"MachineClasses", "c", "", "{}", "needs matchlabels or autoprovision"},
	{"MachineClasses", "c", "", "{matchlabels: [a], autoprovision: {providerid: p}}", "not both"},
	{"MachineClasses", "c", "", "{matchlabels: ['a in (']}", "no label selector"},
	{"MachineClasses", "c", "", "{matchlabels: [omni.sidero.dev/no-manual-allocation]}", "cannot use"},
	{"MachineClasses", "c", "", "{autoprovision: {kernelargs: [a]}}", "needs a providerid"},
	{"EtcdManualBackups", "one", "", "{backupat: {seconds: 1}}", "one minute"},
};

static const struct {
	const char *type, *id, *metadata, *spec;
} ground[] = {
	{"Clusters", "one", "", "{talosversion: 1.11.2, kubernetesversion: 1.34.1}"},
	{"MachineClasses", "any", "", "{matchlabels: [a]}"},
	{"MachineClasses", "made", "", "{autoprovision: {providerid: p}}"},
	{"MachineSets", "one-workers", WORKER, "{}"},
	{"MachineSets", "one-auto", WORKER, "{machineallocation: {name: any, machinecount: 2}}"},
	{"MachineStatuses", "newer", "", "{talosversion: v1.12.0}"},
	{"MachineStatuses", "same", "", "{talosversion: v1.11.9}"},
};

static struct omni_store *prepare(struct arena *arena)
{
	struct omni_store *store;
	struct fail fail;
	snprintf(place, sizeof place, "/tmp/omni-check-XXXXXX");
	assert_non_null(mkdtemp(place));
	assert_true(dir_store_open(place, &store, &fail));
	for (size_t i = 0; i < COUNT_OF(ground); i++)
		if (!store->ops->create(store, arena, written(arena, ground[i].type, ground[i].id, ground[i].metadata, ground[i].spec), 0,
					NULL, &fail))
			fail_msg("%s(%s): %s", ground[i].type, ground[i].id, fail.text);
	return store;
}

static void finish(struct omni_store *store)
{
	omni_store_close(store);
	nftw(place, remove_item, 16, FTW_DEPTH | FTW_PHYS);
}

static void test_creations(void **state)
{
	struct arena arena;
	struct omni_store *store;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	store = prepare(&arena);
	for (size_t i = 0; i < COUNT_OF(creations); i++) {
		struct fail fail = {0};
		struct resource *wanted =
			written(&arena, creations[i].type, creations[i].id, creations[i].metadata, creations[i].spec);
		bool ok = store->ops->create(store, &arena, wanted, 0, NULL, &fail);
		const char *says = creations[i].says;
		if (ok != (says == NULL) || (!ok && (fail.code != FAIL_INVALID || !span_contains(span_of(fail.text), says))))
			fail_msg("%s(%s) %s: %s", creations[i].type, creations[i].id, creations[i].spec, ok ? "is taken" : fail.text);
		if (ok)
			assert_true(store->ops->destroy(store, wanted->type, wanted->id, 0, &fail));
	}
	finish(store);
	arena_done(&arena);
}

/* --- updates -------------------------------------------------------------------------------------------------------------- */

static void expect_update(struct omni_store *store, struct arena *arena, const char *type, const char *id,
			  const char *metadata, const char *spec, const char *says)
{
	struct resource *wanted = written(arena, type, id, metadata, spec), *held;
	struct fail fail = {0};
	assert_true(store->ops->get(store, arena, wanted->type, wanted->id, 0, &held, &fail));
	wanted->version = held->version;
	bool ok = store->ops->update(store, arena, wanted, 0, NULL, &fail);
	if (ok != (says == NULL) || (!ok && !span_contains(span_of(fail.text), says)))
		fail_msg("%s: %s", spec, ok ? "is taken" : fail.text);
}

static void test_updates(void **state)
{
	struct arena arena;
	struct fail fail;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct omni_store *store = prepare(&arena);
	expect_update(store, &arena, "Clusters", "one", "", "{talosversion: 1.12.0, kubernetesversion: 1.35.0}", NULL);
	expect_update(store, &arena, "Clusters", "one", "", "{talosversion: 1.12.0, kubernetesversion: 1.37.0}", "one minor version at a time");
	expect_update(store, &arena, "Clusters", "one", "", "{talosversion: 1.12.0, kubernetesversion: 1.34.9}", "one minor version at a time");
	expect_update(store, &arena, "Clusters", "one", "", "{talosversion: 1.11.9, kubernetesversion: 1.35.0}", "cannot be taken back");
	/* begun with 1.11: back to it is fine, below is not */
	struct resource *status = written(&arena, "ClusterStatuses", "one", "", "{initialtalosversion: 1.11.0}");
	assert_true(store->ops->create(store, &arena, status, 0, NULL, &fail));
	expect_update(store, &arena, "Clusters", "one", "", "{talosversion: 1.11.9, kubernetesversion: 1.35.0}", NULL);
	expect_update(store, &arena, "Clusters", "one", "", "{talosversion: 1.10.9, kubernetesversion: 1.35.0}", "cannot be taken back");
	expect_update(store, &arena, "Clusters", "one", "",
		      "{talosversion: 1.11.9, kubernetesversion: 1.35.0, features: {diskencryption: true}}", "disk encryption");
	expect_update(store, &arena, "MachineSets", "one-workers", WORKER, "{machineallocation: {name: nothing, machinecount: 3}}", NULL);
	expect_update(store, &arena, "MachineSets", "one-workers", WORKER, "{}", NULL);
	assert_true(store->ops->create(store, &arena, written(&arena, "MachineSetNodes", "same", NODE, "{}"), 0, NULL, &fail));
	expect_update(store, &arena, "MachineSets", "one-workers", WORKER, "{machineallocation: {name: any, machinecount: 3}}", "has nodes");
	expect_update(store, &arena, "MachineSetNodes", "same", IN_ONE, "{}", "machine-set is missing");
	/* a content that was good once is not looked at again */
	struct resource *patch = written(&arena, "ConfigPatches", "p", IN_ONE, "{data: 'machine: {network: {hostname: a}}'}");
	assert_true(store->ops->create(store, &arena, patch, 0, NULL, &fail));
	expect_update(store, &arena, "ConfigPatches", "p", IN_ONE, "{data: 'machine: {networt: {}}'}", "networt");
	finish(store);
	arena_done(&arena);
}

/* Labels: how many, how long; what was there before is not looked at. */
static void test_limits(void **state)
{
	enum { MANY = 257, LONG_KEY = 1025, LONG_VALUE = 16385 };
	struct arena arena;
	struct fail fail;
	char *key, *value;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct omni_store *store = prepare(&arena);
	struct resource *wanted = written(&arena, "MachineLabels", "m", "", "{}");
	for (int i = 0; i < MANY; i++)
		labels_set(&arena, &wanted->labels, arena_spanf(&arena, "k%d", i), SPAN("v"));
	assert_false(store->ops->create(store, &arena, wanted, 0, NULL, &fail));
	labels_remove(&wanted->labels, SPAN("k0"));
	assert_true(store->ops->create(store, &arena, wanted, 0, NULL, &fail));
	key = arena_alloc(&arena, LONG_KEY);
	value = arena_alloc(&arena, LONG_VALUE);
	memset(key, 'k', LONG_KEY);
	memset(value, 'v', LONG_VALUE);
	for (size_t cut = 0; cut < 2; cut++) {
		struct resource *one = written(&arena, "MachineLabels", cut == 0 ? "n" : "o", "", "{}");
		labels_set(&arena, &one->annotations, (struct span){key, LONG_KEY - cut}, SPAN("v"));
		assert_int_equal(store->ops->create(store, &arena, one, 0, NULL, &fail), cut == 1);
		one->id = cut == 0 ? SPAN("p") : SPAN("q");
		one->annotations = (struct labels){0};
		labels_set(&arena, &one->annotations, SPAN("k"), (struct span){value, LONG_VALUE - cut});
		assert_int_equal(store->ops->create(store, &arena, one, 0, NULL, &fail), cut == 1);
	}
	finish(store);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_creations),
		cmocka_unit_test(test_updates),
		cmocka_unit_test(test_limits),
	};
	return RUN_TESTS(tests);
}
