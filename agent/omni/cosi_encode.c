#include <inttypes.h>

#include "agent/omni/cosi.h"
#include "agent/omni/proto/cosi.pb-c.h"
#include "base/cleanup.h"
#include "base/utf8.h"

enum { API_VERSION = 1 };

typedef Cosi__Resource__Pair *pair_list;

static struct span pack(struct arena *arena, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = arena_alloc(arena, size + 1);
	protobuf_c_message_pack(message, bytes);
	return (struct span){(const char *)bytes, size};
}

/* --- names ------------------------------------------------------------------------------------------------------------ */

static struct span encode_name(struct arena *arena, const struct omni_type *type, struct span id, struct span owner)
{
	Cosi__Resource__CallOptions options = COSI__RESOURCE__CALL_OPTIONS__INIT;
	Cosi__Resource__NameRequest request = COSI__RESOURCE__NAME_REQUEST__INIT;
	options.owner = arena_string(arena, owner);
	request.namespace_ = arena_string(arena, span_of(type->ns));
	request.type = arena_string(arena, span_of(type->name));
	request.id = arena_string(arena, id);
	request.options = &options;
	return pack(arena, &request.base);
}

struct span cosi_encode_get(struct arena *arena, const struct omni_type *type, struct span id)
{
	return encode_name(arena, type, id, SPAN(""));
}

struct span cosi_encode_destroy(struct arena *arena, const struct omni_type *type, struct span id, struct span owner)
{
	return encode_name(arena, type, id, owner);
}

bool cosi_check_id(struct span id, struct fail *fail)
{
	if (id.len == 0)
		return fail_set(fail, FAIL_INVALID, "the ID is empty");
	if (id.len > COSI_ID_MAX)
		return fail_set(fail, FAIL_INVALID, "the ID is longer than %d bytes", COSI_ID_MAX);
	return utf8_is_clean(id) || fail_set(fail, FAIL_INVALID, "the ID holds control characters, or is not UTF-8");
}

/* --- filters ---------------------------------------------------------------------------------------------------------- */

static bool encode_term(struct arena *arena, const struct omni_term *term, Cosi__Resource__LabelTerm **out,
			struct fail *fail)
{
	static const Cosi__Resource__LabelTerm__Operation operations[] = {
		[OMNI_TERM_EXISTS] = COSI__RESOURCE__LABEL_TERM__OPERATION__EXISTS,
		[OMNI_TERM_EQUAL] = COSI__RESOURCE__LABEL_TERM__OPERATION__EQUAL,
		[OMNI_TERM_IN] = COSI__RESOURCE__LABEL_TERM__OPERATION__IN,
		[OMNI_TERM_LT] = COSI__RESOURCE__LABEL_TERM__OPERATION__LT,
		[OMNI_TERM_LTE] = COSI__RESOURCE__LABEL_TERM__OPERATION__LTE,
		[OMNI_TERM_LT_NUMERIC] = COSI__RESOURCE__LABEL_TERM__OPERATION__LT_NUMERIC,
		[OMNI_TERM_LTE_NUMERIC] = COSI__RESOURCE__LABEL_TERM__OPERATION__LTE_NUMERIC,
	};
	bool compares = term->op != OMNI_TERM_EXISTS && term->op != OMNI_TERM_IN;
	if (compares && term->value_count == 0)
		return fail_set(fail, FAIL_INVALID, "the label \"%.*s\" is compared with nothing", SPAN_ARG(term->key));
	Cosi__Resource__LabelTerm *made = ARENA_NEW(arena, Cosi__Resource__LabelTerm);
	cosi__resource__label_term__init(made);
	made->key = arena_string(arena, term->key);
	made->op = operations[term->op];
	made->invert = term->invert;
	made->n_value = term->op == OMNI_TERM_EXISTS ? 0 : term->value_count;
	made->value = ARENA_ARRAY(arena, char *, term->value_count + 1);
	for (size_t i = 0; i < made->n_value; i++)
		made->value[i] = arena_string(arena, term->values[i]);
	*out = made;
	return true;
}

static bool encode_queries(struct arena *arena, const struct cosi_filter *filter, size_t *out_count,
			   Cosi__Resource__LabelQuery ***out, struct fail *fail)
{
	*out = ARENA_ARRAY(arena, Cosi__Resource__LabelQuery *, filter->query_count + 1);
	*out_count = 0;
	for (size_t i = 0; i < filter->query_count; i++) {
		const struct omni_query *query = &filter->queries[i];
		Cosi__Resource__LabelQuery *made = ARENA_NEW(arena, Cosi__Resource__LabelQuery);
		cosi__resource__label_query__init(made);
		made->terms = ARENA_ARRAY(arena, Cosi__Resource__LabelTerm *, query->count + 1);
		for (; made->n_terms < query->count; made->n_terms++)
			if (!encode_term(arena, &query->terms[made->n_terms], &made->terms[made->n_terms], fail))
				return false;
		(*out)[(*out_count)++] = made;
	}
	return true;
}

static Cosi__Resource__IDQuery *encode_regexp(struct arena *arena, struct span regexp)
{
	if (regexp.len == 0)
		return NULL;
	Cosi__Resource__IDQuery *made = ARENA_NEW(arena, Cosi__Resource__IDQuery);
	cosi__resource__idquery__init(made);
	made->regexp = arena_string(arena, regexp);
	return made;
}

bool cosi_encode_list(struct arena *arena, const struct omni_type *type, const struct cosi_filter *filter,
		      struct span *out, struct fail *fail)
{
	static const struct cosi_filter all;
	Cosi__Resource__ListOptions options = COSI__RESOURCE__LIST_OPTIONS__INIT;
	Cosi__Resource__ListRequest request = COSI__RESOURCE__LIST_REQUEST__INIT;
	if (filter == NULL)
		filter = &all;
	if (!encode_queries(arena, filter, &options.n_label_query, &options.label_query, fail))
		return false;
	options.id_query = encode_regexp(arena, filter->id_regexp);
	request.namespace_ = arena_string(arena, span_of(type->ns));
	request.type = arena_string(arena, span_of(type->name));
	request.options = &options;
	*out = pack(arena, &request.base);
	return true;
}

/* --- resources -------------------------------------------------------------------------------------------------------- */

static pair_list *encode_labels(struct arena *arena, const struct labels *labels, size_t *out_count)
{
	pair_list *pairs = ARENA_ARRAY(arena, pair_list, labels->count + 1);
	for (size_t i = 0; i < labels->count; i++) {
		pairs[i] = ARENA_NEW(arena, Cosi__Resource__Pair);
		cosi__resource__pair__init(pairs[i]);
		pairs[i]->key = arena_string(arena, labels->items[i].key);
		pairs[i]->value = arena_string(arena, labels->items[i].value);
	}
	*out_count = labels->count;
	return pairs;
}

/* What Omni would refuse, or not see the end of. */
static bool check_text(struct span text, const char *what, struct fail *fail)
{
	uint32_t c;
	for (struct span rest = text; rest.len > 0;) {
		size_t len = utf8_decode(rest, &c);
		if (c == UTF8_BAD || c == 0)
			return fail_set(fail, FAIL_INVALID, "%s holds a NUL, or is not UTF-8", what);
		rest = (struct span){rest.ptr + len, rest.len - len};
	}
	return true;
}

static bool check_labels(const struct labels *labels, const char *what, struct fail *fail)
{
	for (size_t i = 0; i < labels->count; i++)
		if (!check_text(labels->items[i].key, what, fail) || !check_text(labels->items[i].value, what, fail))
			return false;
	return true;
}

static bool check_metadata(const struct resource *resource, struct fail *fail)
{
	for (size_t i = 0; i < resource->finalizer_count; i++)
		if (!check_text(resource->finalizers[i], "a finalizer", fail))
			return false;
	return cosi_check_id(resource->id, fail) && check_text(resource->owner, "the owner", fail) &&
	       check_labels(&resource->labels, "a label", fail) && check_labels(&resource->annotations, "an annotation", fail);
}

static void encode_metadata(struct arena *arena, const struct resource *resource, Cosi__Resource__Metadata *out)
{
	out->namespace_ = arena_string(arena, span_of(resource->type->ns));
	out->type = arena_string(arena, span_of(resource->type->name));
	out->id = arena_string(arena, resource->id);
	out->owner = arena_string(arena, resource->owner);
	out->phase = arena_string(arena, resource->phase == RESOURCE_RUNNING ? SPAN("running") : SPAN("tearingDown"));
	out->labels = encode_labels(arena, &resource->labels, &out->n_labels);
	out->annotations = encode_labels(arena, &resource->annotations, &out->n_annotations);
	out->finalizers = ARENA_ARRAY(arena, char *, resource->finalizer_count + 1);
	for (; out->n_finalizers < resource->finalizer_count; out->n_finalizers++)
		out->finalizers[out->n_finalizers] = arena_string(arena, resource->finalizers[out->n_finalizers]);
}

/* What did not change goes back byte for byte: content that somebody compressed stays so. */
static bool is_as_received(struct arena *arena, const struct resource *resource)
{
	struct node held;
	return resource->wire.len > 0 && codec_decode(arena, resource->type, resource->wire, NULL, &held, NULL) &&
	       node_equal(&held, &resource->spec);
}

static bool encode_spec(struct arena *arena, const struct resource *resource, Cosi__Resource__Spec *out, struct fail *fail)
{
	struct span bytes = resource->wire;
	if (!is_as_received(arena, resource) &&
	    !codec_encode(arena, resource->type, &resource->spec, resource->wire, &bytes, fail))
		return false;
	out->proto_spec = (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.ptr};
	return true;
}

bool cosi_encode_create(struct arena *arena, const struct resource *resource, struct span *out, struct fail *fail)
{
	Cosi__Resource__Metadata metadata = COSI__RESOURCE__METADATA__INIT;
	Cosi__Resource__Spec spec = COSI__RESOURCE__SPEC__INIT;
	Cosi__Resource__Resource sent = COSI__RESOURCE__RESOURCE__INIT;
	Cosi__Resource__CallOptions options = COSI__RESOURCE__CALL_OPTIONS__INIT;
	Cosi__Resource__CreateRequest request = COSI__RESOURCE__CREATE_REQUEST__INIT;
	if (!check_metadata(resource, fail) || !encode_spec(arena, resource, &spec, fail))
		return false;
	encode_metadata(arena, resource, &metadata);
	metadata.version = arena_string(arena, SPAN("undefined"));
	options.owner = metadata.owner;
	sent.metadata = &metadata;
	sent.spec = &spec;
	request.resource = &sent;
	request.options = &options;
	*out = pack(arena, &request.base);
	return true;
}

static void expect_phase(struct arena *arena, enum cosi_phase expected, Cosi__Resource__UpdateOptions *out)
{
	static const char *const names[] = {[COSI_RUNNING] = "running", [COSI_TEARING_DOWN] = "tearingDown"};
	if (expected == COSI_ANY_PHASE)
		return;
	out->has_expected_phase_case = COSI__RESOURCE__UPDATE_OPTIONS__HAS_EXPECTED_PHASE_EXPECTED_PHASE;
	out->expected_phase = arena_string(arena, span_of(names[expected]));
}

bool cosi_encode_update(struct arena *arena, const struct resource *resource, enum cosi_phase expected, struct span *out,
			struct fail *fail)
{
	Cosi__Resource__Metadata metadata = COSI__RESOURCE__METADATA__INIT;
	Cosi__Resource__Spec spec = COSI__RESOURCE__SPEC__INIT;
	Cosi__Resource__Resource sent = COSI__RESOURCE__RESOURCE__INIT;
	Cosi__Resource__UpdateOptions options = COSI__RESOURCE__UPDATE_OPTIONS__INIT;
	Cosi__Resource__UpdateRequest request = COSI__RESOURCE__UPDATE_REQUEST__INIT;
	if (resource->version == 0 || resource->version > INT64_MAX)
		return fail_set(fail, FAIL_INVALID, "an update needs the version that was read");
	if (!check_metadata(resource, fail) || !encode_spec(arena, resource, &spec, fail))
		return false;
	encode_metadata(arena, resource, &metadata);
	metadata.version = arena_string(arena, arena_spanf(arena, "%" PRIu64, resource->version));
	options.owner = metadata.owner;
	expect_phase(arena, expected, &options);
	sent.metadata = &metadata;
	sent.spec = &spec;
	request.new_resource = &sent;
	request.options = &options;
	*out = pack(arena, &request.base);
	return true;
}

/* --- watches ---------------------------------------------------------------------------------------------------------- */

static void set_start(const struct cosi_watch *watch, Cosi__Resource__WatchOptions *out)
{
	if (watch->bookmark.len == 0) {
		out->bootstrap_contents = watch->bootstrap_contents && watch->scope == COSI_WATCH_KIND;
		out->bootstrap_bookmark = watch->bootstrap_bookmark;
		out->tail_events = watch->tail_events;
		return;
	}
	out->has_start_from_bookmark_case = COSI__RESOURCE__WATCH_OPTIONS__HAS_START_FROM_BOOKMARK_START_FROM_BOOKMARK;
	out->start_from_bookmark = (ProtobufCBinaryData){watch->bookmark.len, (uint8_t *)(uintptr_t)watch->bookmark.ptr};
}

bool cosi_encode_watch(struct arena *arena, const struct omni_type *type, const struct cosi_watch *watch,
		       struct span *out, struct fail *fail)
{
	Cosi__Resource__WatchOptions options;
	Cosi__Resource__WatchRequest request;
	cosi__resource__watch_options__init(&options);
	cosi__resource__watch_request__init(&request);
	request.namespace_ = arena_string(arena, span_of(type->ns));
	request.type = arena_string(arena, span_of(type->name));
	request.api_version = API_VERSION;
	request.options = &options;
	options.aggregated = watch->aggregated;
	set_start(watch, &options);
	if (watch->scope == COSI_WATCH_ONE) {
		request.has_id_case = COSI__RESOURCE__WATCH_REQUEST__HAS_ID_ID;
		request.id = arena_string(arena, watch->id);
	} else {
		options.id_query = encode_regexp(arena, watch->filter.id_regexp);
		if (!encode_queries(arena, &watch->filter, &options.n_label_query, &options.label_query, fail))
			return false;
	}
	*out = pack(arena, &request.base);
	return true;
}
