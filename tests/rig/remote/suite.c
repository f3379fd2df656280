/* The suite of every store on a real COSI server. */
#include "tests/unit/omni_store_suite.h"
#include "tests/unit/remote_rig.h"
#include "tests/unit/test.h"

#include "agent/omni/store.h"

static struct omni_store *again(void *ctx)
{
	(void)ctx;
	return rig_open(NULL);
}

static struct omni_store *make(void *ctx)
{
	rig_clear();
	return again(ctx);
}

static struct store_maker maker = {make, again, NULL};

#define SUITE_TEST(name) cmocka_unit_test_prestate(name, &maker),

int main(void)
{
	const struct CMUnitTest tests[] = {OMNI_STORE_SUITE(SUITE_TEST)};
	return RUN_TESTS(tests);
}
