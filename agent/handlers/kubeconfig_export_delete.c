/* An export that is being deleted: its Secrets go with it, if they are its own, wherever they are. Neither the cluster nor Omni is
 * asked for anything; a token cannot be taken back, so it is said until when the last one is valid. */
#include "agent/handlers/kubeconfig_export_int.h"

static void tell_gone(struct export *export)
{
	const json_t *status = export->call->object->status;
	const char *end = json_string_value(json_object_get(status, "expirationTime"));
	bool keeps = export->spec.keeps;
	struct export_place place = export->held.name.len > 0 ? export->held : export->spec.target;
	export->out->is_gone = true;
	if (export->held.name.len == 0)
		return;
	outcome_event(export->out, "Normal", keeps ? "Orphaned" : "Deleted", "Delete", "%s %.*s%s%s", keeps ? "left" : "removed",
		      SPAN_ARG(export_shown(export->arena, place)),
		      end == NULL ? "" : "; its credentials cannot be taken back, they are valid until ", end == NULL ? "" : end);
}

static bool remove_all(struct export *export, struct fail *fail)
{
	if (export->spec.keeps)
		return true;
	if (export->held.name.len > 0 && !export_remove(export, export->held, true, fail))
		return false;
	if (span_trim(export->spec.target.name).len > 0 && !export_remove(export, export->spec.target, false, fail))
		return false;
	return export_outputs_remove(export, fail);
}

void export_delete(struct export *export)
{
	struct fail fail = {0};
	if (remove_all(export, &fail)) {
		tell_gone(export);
		return;
	}
	if (export->is_barred)
		return;
	export->out->has_failed = true;
	export_tell_trouble(export, "DeleteFailed", "%s", fail.text);
}
