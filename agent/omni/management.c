#include "agent/omni/management.h"

#include "agent/omni/codec.h"
#include "agent/omni/proto/management.pb-c.h"
#include "base/cleanup.h"

bool management_encode_kubeconfig(struct arena *arena, const struct omni_kubeconfig_request *from, struct span *out,
				  struct fail *fail)
{
	Management__Duration ttl = MANAGEMENT__DURATION__INIT;
	Management__KubeconfigRequest request = MANAGEMENT__KUBECONFIG_REQUEST__INIT;
	if (from->cluster.len == 0 || from->user.len == 0)
		return fail_set(fail, FAIL_INVALID, "a kubeconfig needs the name of a cluster and of a user");
	if (from->ttl_s <= 0 || from->ttl_s > KUBECONFIG_TTL_MAX_S)
		return fail_set(fail, FAIL_INVALID, "a kubeconfig is valid for at least a second and at most ten years");
	ttl.seconds = from->ttl_s;
	request.service_account = true;
	request.service_account_ttl = &ttl;
	request.service_account_user = arena_string(arena, from->user);
	request.service_account_groups = ARENA_ARRAY(arena, char *, from->group_count + 1);
	for (; request.n_service_account_groups < from->group_count; request.n_service_account_groups++)
		request.service_account_groups[request.n_service_account_groups] =
			arena_string(arena, from->groups[request.n_service_account_groups]);
	size_t size = management__kubeconfig_request__get_packed_size(&request);
	uint8_t *bytes = arena_alloc(arena, size + 1);
	management__kubeconfig_request__pack(&request, bytes);
	*out = (struct span){(const char *)bytes, size};
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
