#include "agent/kube/pack.h"

#include <pthread.h>
#include <stdlib.h>
#include <zdict.h>
#include <zstd.h>

#include "agent/kube/json_read.h"
#include "base/text.h"

enum { LEVEL = 6, NESTED_MAX = 6, SAMPLES = 200, WORDS_ROOM = 4096 };

struct packer {
	ZSTD_CDict *words_in;
	ZSTD_DDict *words_out;
	ZSTD_CCtx *in;
	pthread_mutex_t lock; /* of `out` */
	ZSTD_DCtx *out;
	char *space;
	size_t size;
};

/* --- the dictionary: an object of each kind with everything in it ----------------------------------------------------- */

static json_t *example_of(const struct schema *schema, unsigned depth);

static json_t *example_value(const struct field *field, enum field_type type, unsigned depth)
{
	switch (type) {
	case FIELD_BOOL: return json_true();
	case FIELD_INT32:
	case FIELD_INT64: return json_integer(1);
	case FIELD_DURATION: return json_string("10m0s");
	case FIELD_TIME: return json_string("2026-01-01T00:00:00Z");
	case FIELD_OBJECT: return example_of(field->sub, depth + 1);
	case FIELD_MAP:
	case FIELD_ANY:
	case FIELD_FREE_OBJECT: return json_object();
	case FIELD_LIST: return json_pack("[o]", example_value(field, field->item, depth));
	case FIELD_STRING:
	case FIELD_INT_OR_STRING: break;
	}
	return json_string(field->choices != NULL ? field->choices[0] : "");
}

static json_t *example_of(const struct schema *schema, unsigned depth)
{
	json_t *object = json_object();
	for (size_t i = 0; schema != NULL && depth < NESTED_MAX && i < schema->count; i++)
		json_object_set_new(object, schema->fields[i].name, example_value(&schema->fields[i], schema->fields[i].type, depth));
	return object;
}

static const char usual_words[] =
	"[\"omni.texashpc.com/finalizer\"]{\"omni.texashpc.com/applied-at\":\"2026-01-01T00:00:00Z\",\"omni.texashpc.com/applied-hash\":\""
	"\",\"omni.texashpc.com/sync-message\":\"\",\"omni.texashpc.com/sync-state\":\"InSync\",\"argocd.argoproj.io/tracking-id\":\""
	":omni.texashpc.com/OmniMachine:OmniWorkers:OmniControlPlane:OmniCluster:\"}"
	"{\"app.kubernetes.io/instance\":\"kustomize.toolkit.fluxcd.io/name\":\"kustomize.toolkit.fluxcd.io/namespace\":\"flux-system\"}"
	"{\"cluster\":{\"inlineManifests\":[{\"contents\":\"\",\"name\":\"\"}],\"network\":{\"cni\":{\"name\":\"none\"},\"podSubnets\":"
	"[\"10.244.0.0/16\"],\"serviceSubnets\":[\"10.96.0.0/12\"]},\"proxy\":{\"disabled\":true}},\"machine\":{\"install\":{\"disk\":"
	"\"/dev/nvme0n1\"},\"kubelet\":{\"extraArgs\":{}},\"network\":{\"hostname\":\"\",\"interfaces\":[{\"addresses\":[\"192.168."
	"\"],\"dhcp\":false,\"interface\":\"eth0\",\"routes\":[{\"gateway\":\"\",\"network\":\"0.0.0.0/0\"}]}],\"nameservers\":[\"\"]},"
	"\"nodeLabels\":{\"topology.kubernetes.io/zone\":\"\"},\"sysctls\":{\"net.\"},\"time\":{\"servers\":[]}}}"
	"\"siderolabs/iscsi-tools\",\"siderolabs/util-linux-tools\",\"siderolabs/qemu-guest-agent\""
	"{\"conditions\":[{\"lastTransitionTime\":\"2026-01-01T00:00:00Z\",\"message\":\"\",\"observedGeneration\":1,\"reason\":\"Ready\","
	"\"status\":\"True\",\"type\":\"Ready\"},{\"lastTransitionTime\":\"2026-01-01T00:00:00Z\",\"message\":\"the object is accepted"
	"\",\"observedGeneration\":1,\"reason\":\"Accepted\",\"status\":\"False\",\"type\":\"Accepted\"},{\"lastTransitionTime\":\"2026-"
	"\",\"reason\":\"Rendered\",\"status\":\"Unknown\",\"type\":\"Synced\"}],\"observedGeneration\":1}";

static void write_dictionary(struct text *out, const struct kind *const *kinds)
{
	text_add(out, (struct span){usual_words, sizeof usual_words - 1});
	for (; *kinds != NULL; kinds++) {
		json_t *spec = example_of((*kinds)->spec, 0), *status = example_of((*kinds)->status, 0);
		text_addf(out, "{\"apiVersion\":\"%s/%s\",\"kind\":\"%s\",\"metadata\":{\"labels\":{},\"name\":\"\",\"namespace\":\"default\"},\"spec\":",
			  CRD_GROUP, CRD_VERSION, (*kinds)->name);
		kube_json_write(out, spec);
		text_addc(out, '}');
		text_addc(out, '\0');
		kube_json_write(out, status);
		text_addc(out, '\0');
		json_decref(spec);
		json_decref(status);
	}
}

/* --- how often which byte comes: of parts, since nearly all objects are parts ------------------------------------------ */

static unsigned next_random(uint64_t *random)
{
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*random >> 33);
}

static void add_id(struct text *out, uint64_t *random)
{
	unsigned a = next_random(random), b = next_random(random);
	text_addf(out, "%08x-%04x-4%03x-8%03x-%04x%08x", a, b & 0xffff, (b >> 16) & 0xfff, a & 0xfff, b >> 20, next_random(random));
}

static void write_part(struct text *out, uint64_t *random)
{
	struct text id;
	unsigned cluster = next_random(random) % 2000, day = next_random(random) % 28 + 1, second = next_random(random) % 86400;
	text_init(&id, TEXT_NO_LIMIT);
	add_id(&id, random);
	text_addf(out, "{\"apiVersion\":\"" CRD_GROUP "/" CRD_VERSION "\",\"kind\":\"OmniMachine\",\"metadata\":{\"labels\":{"
		  "\"app.kubernetes.io/part-of\":\"fleet\"},\"name\":\"%s\",\"namespace\":\"omni\"},\"spec\":{\"clusterRef\":{\"name\":"
		  "\"edge-%04u\"},\"install\":{\"disk\":\"/dev/nvme0n1\"},\"patches\":[{\"inline\":{\"machine\":{\"network\":{\"hostname\":"
		  "\"edge-%04u-%u\"}}},\"name\":\"hostname\"}]}}", id.ptr, cluster, cluster, next_random(random) % 50);
	text_addc(out, '\0');
	text_addf(out, "{\"clusterRef\":\"edge-%04u\",\"conditions\":[{\"lastTransitionTime\":\"2026-%02u-%02uT%02u:%02u:%02uZ\",\"message\":"
		  "\"attached to OmniCluster \\\"edge-%04u\\\"\",\"observedGeneration\":%u,\"reason\":\"Accepted\",\"status\":\"True\","
		  "\"type\":\"Accepted\"}],\"machineID\":\"%s\",\"observedGeneration\":%u}", cluster, day % 12 + 1, day, second / 3600,
		  second / 60 % 60, second % 60, cluster, day % 4 + 1, id.ptr, day % 4 + 1);
	text_addc(out, '\0');
	text_adds(out, "{}");
	text_addc(out, '\0');
	text_adds(out, "[]");
	text_done(&id);
}

/* The words with the frequencies of parts in front. */
static void finish_dictionary(struct text *words)
{
	struct text samples;
	size_t sizes[SAMPLES], room = words->len + WORDS_ROOM;
	uint64_t random = 1;
	char *made = malloc(room);
	if (made == NULL)
		abort();
	text_init(&samples, TEXT_NO_LIMIT);
	for (size_t i = 0; i < SAMPLES; i++) {
		size_t before = samples.len;
		write_part(&samples, &random);
		sizes[i] = samples.len - before;
	}
	const ZDICT_params_t params = {.compressionLevel = LEVEL};
	size_t len = ZDICT_finalizeDictionary(made, room, words->ptr, words->len, samples.ptr, sizes, SAMPLES, params);
	text_reset(words);
	if (ZDICT_isError(len))
		abort();
	text_add(words, (struct span){made, len});
	text_done(&samples);
	free(made);
}

struct packer *packer_new(const struct kind *const *kinds)
{
	struct packer *packer = calloc(1, sizeof *packer);
	struct text words;
	if (packer == NULL)
		abort();
	text_init(&words, TEXT_NO_LIMIT);
	write_dictionary(&words, kinds);
	uint64_t random = 0;
	write_part(&words, &random);
	finish_dictionary(&words);
	packer->words_in = ZSTD_createCDict(words.ptr, words.len, LEVEL);
	packer->words_out = ZSTD_createDDict(words.ptr, words.len);
	packer->in = ZSTD_createCCtx();
	packer->out = ZSTD_createDCtx();
	text_done(&words);
	if (packer->words_in == NULL || packer->words_out == NULL || packer->in == NULL || packer->out == NULL)
		abort();
	/* Sizes are kept beside the frames, and memory is not checked for damage. */
	ZSTD_CCtx_setParameter(packer->in, ZSTD_c_contentSizeFlag, 0);
	ZSTD_CCtx_setParameter(packer->in, ZSTD_c_checksumFlag, 0);
	ZSTD_CCtx_setParameter(packer->in, ZSTD_c_dictIDFlag, 0);
	ZSTD_CCtx_refCDict(packer->in, packer->words_in);
	ZSTD_DCtx_refDDict(packer->out, packer->words_out);
	pthread_mutex_init(&packer->lock, NULL);
	return packer;
}

void packer_free(struct packer *packer)
{
	if (packer == NULL)
		return;
	ZSTD_freeCCtx(packer->in);
	ZSTD_freeDCtx(packer->out);
	ZSTD_freeCDict(packer->words_in);
	ZSTD_freeDDict(packer->words_out);
	pthread_mutex_destroy(&packer->lock);
	free(packer->space);
	free(packer);
}

struct span packer_pack(struct packer *packer, struct span text)
{
	size_t need = ZSTD_compressBound(text.len);
	if (need > packer->size) {
		free(packer->space);
		packer->size = need;
		if ((packer->space = malloc(need)) == NULL)
			abort();
	}
	size_t len = ZSTD_compress2(packer->in, packer->space, need, text.ptr, text.len);
	if (ZSTD_isError(len))
		abort(); /* there is room for anything: only memory can be missing */
	return (struct span){packer->space, len};
}

bool packer_unpack(struct packer *packer, struct span packed, char *out, size_t len)
{
	pthread_mutex_lock(&packer->lock);
	size_t made = ZSTD_decompressDCtx(packer->out, out, len, packed.ptr, packed.len);
	pthread_mutex_unlock(&packer->lock);
	return !ZSTD_isError(made) && made == len;
}
