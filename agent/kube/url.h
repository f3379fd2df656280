/* Paths of the API. Names go into them escaped, so that none can lead elsewhere. */
#ifndef AGENT_KUBE_URL_H
#define AGENT_KUBE_URL_H

#include "base/text.h"
#include "crds/schema.h"

/* Percent-encoded but for letters, digits and "-_~"; dots only between other characters. */
void url_add(struct text *out, struct span part);
/* "/apis/GROUP/VERSION[/namespaces/NS]/PLURAL"; ns empty: of all namespaces. */
void url_add_kind(struct text *out, const struct kind *kind, struct span ns);
/* "/api/v1/namespaces/NS/secrets" */
void url_add_secrets(struct text *out, struct span ns);
/* Could an object have this name? Lower-case letters, digits, '-' and '.', a letter or digit at both ends. */
bool url_is_name(struct span name);

#endif
