#include "agent/omni/management.h"

#include "agent/omni/codec.h"
#include "agent/omni/proto/management.pb-c.h"
#include "base/utf8.h"

enum { NAME_MAX_BYTES = 253, GROUPS_MAX = 64 };

/* --- what may be asked -------------------------------------------------------------------------------------------------- */

/* The name of a cluster travels in a header. */
bool management_check_cluster(struct span cluster, struct fail *fail)
{
	bool is_good = cluster.len > 0 && cluster.len <= NAME_MAX_BYTES;
	for (size_t i = 0; is_good && i < cluster.len; i++)
		is_good = cluster.ptr[i] > ' ' && cluster.ptr[i] < 0x7f;
	return is_good || fail_set(fail, FAIL_INVALID, "no cluster has this name: 1 to %d visible ASCII characters", NAME_MAX_BYTES);
}

/* The server does not look at them; Kubernetes would. */
static bool check_name(const char *what, struct span name, struct fail *fail)
{
	if (name.len == 0 || name.len > NAME_MAX_BYTES || !utf8_is_clean(name) || span_trim(name).len != name.len)
		return fail_set(fail, FAIL_INVALID, "the name of a %s has 1 to %d bytes of UTF-8, without control characters and without "
				"blanks at an end", what, NAME_MAX_BYTES);
	return true;
}

static bool check_token(const struct omni_kubeconfig_request *request, struct fail *fail)
{
	if (!check_name("user", request->user, fail))
		return false;
	if (request->group_count > GROUPS_MAX)
		return fail_set(fail, FAIL_TOO_BIG, "a user is in at most %d groups", GROUPS_MAX);
	for (size_t i = 0; i < request->group_count; i++)
		if (!check_name("group", request->groups[i], fail))
			return false;
	if (request->ttl_s <= 0 || request->ttl_s > KUBECONFIG_TTL_MAX_S)
		return fail_set(fail, FAIL_INVALID, "a token is valid for at least a second and at most 87600h (ten years)");
	return true;
}

/* --- as bytes ------------------------------------------------------------------------------------------------------------- */

static struct span pack(struct arena *arena, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = arena_alloc(arena, size + 1);
	protobuf_c_message_pack(message, bytes);
	return (struct span){(const char *)bytes, size};
}

static struct span pack_token(struct arena *arena, const struct omni_kubeconfig_request *from)
{
	Management__Duration ttl = MANAGEMENT__DURATION__INIT;
	Management__KubeconfigRequest request = MANAGEMENT__KUBECONFIG_REQUEST__INIT;
	ttl.seconds = from->ttl_s;
	request.service_account = true;
	request.service_account_ttl = &ttl;
	request.service_account_user = arena_string(arena, from->user);
	request.service_account_groups = ARENA_ARRAY(arena, char *, from->group_count + 1);
	for (; request.n_service_account_groups < from->group_count; request.n_service_account_groups++)
		request.service_account_groups[request.n_service_account_groups] =
			arena_string(arena, from->groups[request.n_service_account_groups]);
	return pack(arena, &request.base);
}

bool management_encode_kubeconfig(struct arena *arena, const struct omni_kubeconfig_request *from, struct span *out,
				  struct fail *fail)
{
	Management__KubeconfigRequest request = MANAGEMENT__KUBECONFIG_REQUEST__INIT;
	if (!management_check_cluster(from->cluster, fail))
		return false;
	if (from->form == OMNI_KUBECONFIG_TOKEN) {
		if (!check_token(from, fail))
			return false;
		*out = pack_token(arena, from);
		return true;
	}
	request.break_glass = from->form == OMNI_KUBECONFIG_BREAK_GLASS;
	*out = pack(arena, &request.base);
	return true;
}

bool management_encode_talosconfig(struct arena *arena, const struct omni_talosconfig_request *from, struct span *out,
				   struct fail *fail)
{
	Management__TalosconfigRequest request = MANAGEMENT__TALOSCONFIG_REQUEST__INIT;
	if (from->cluster.len > 0 && !management_check_cluster(from->cluster, fail))
		return false;
	request.break_glass = from->break_glass;
	*out = pack(arena, &request.base);
	return true;
}

bool management_decode_yaml(struct arena *arena, struct span message, struct span *out_yaml, struct fail *fail)
{
	const Management__KubeconfigResponse *response =
		codec_unpack(arena, &management__kubeconfig_response__descriptor, message);
	if (response == NULL || response->kubeconfig.len == 0)
		return fail_set(fail, FAIL_PROTOCOL, "the answer holds no configuration");
	*out_yaml = (struct span){(const char *)response->kubeconfig.data, response->kubeconfig.len};
	return true;
}
