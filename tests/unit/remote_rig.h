/* The COSI server that a script started (tests/rig/cosi) as a program sees it. COSI_ENDPOINT, COSI_KEY (a file),
 * COSI_CA (may be empty) and COSI_CONTROL say where it is. */
#ifndef TESTS_UNIT_REMOTE_RIG_H
#define TESTS_UNIT_REMOTE_RIG_H

#include "agent/omni/store.h"
#include "base/text.h"

/* A new store with this key file; NULL: that of COSI_KEY. Fails the test. */
struct omni_store *rig_open(const char *key_file);
bool rig_try_open(const char *endpoint, const char *key_file, struct omni_store **out, struct fail *fail);

/* One of its orders: rig_order("fault?method=Get&code=14"). Fails the test when it is refused. */
void rig_order(const char *order, ...) __attribute__((format(printf, 1, 2)));
/* YAML documents as a controller would write them. */
void rig_put(const char *yaml);
/* What it says: rig_ask(&text, "counts"). */
void rig_ask(struct text *out, const char *question);
/* Calls of a method since the last reset. */
unsigned rig_count(const char *method);

/* Faults and counts are forgotten, and so is every resource of the types that tests use. */
void rig_clear(void);

#endif
