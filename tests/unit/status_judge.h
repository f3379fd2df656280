/* How the readers of a status judge it: the API server by its schema, kstatus (Flux, `kubectl apply --wait` of many tools),
 * and the health script for Argo CD of docs/conditions.md. */
#ifndef TESTS_UNIT_STATUS_JUDGE_H
#define TESTS_UNIT_STATUS_JUDGE_H

#include <jansson.h>

#include "crds/schema.h"

/* Fails the test when the API server would refuse it, or drop something of it. */
void status_validate(const struct kind *kind, const json_t *status);

/* "InProgress", "Current", "Failed" */
const char *status_kstatus(const json_t *status, int64_t generation);
/* "Healthy", "Progressing", "Degraded", "Suspended" */
const char *status_argo(const json_t *status, int64_t generation, bool is_suspended);

const json_t *condition_of(const json_t *status, const char *type);
const char *member_of(const json_t *object, const char *name); /* "": none */
bool condition_is(const json_t *status, const char *type, const char *value);

#endif
