# Unit tests: tests/unit/<room>_<topic>_test.c, linked with the archives of its room and the rooms below, and with what
# it needs of the helpers, which are the other files there.
UNIT_TESTS := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/unit/*_test.c)))
HELPERS := $(patsubst %.c,$(B)/%.o,$(sort $(filter-out %_test.c,$(wildcard tests/unit/*.c))))
$(B)/libtests.a: $(HELPERS)
	@rm -f $@
	$(Q)ar rcsD $@ $^
prefix = $(firstword $(subst _, ,$(notdir $(1))))
room_of = $(or $(firstword $(filter $(prefix) agent/$(prefix) plugin-$(prefix),$(ROOMS))),agent)
define unit_test
$(1): LDLIBS := -lcmocka $(call ldlibs,$(2))
$(1): $(1).o $(B)/libtests.a $(call archives,$(2))
	$$(program)
endef
$(foreach t,$(UNIT_TESTS),$(eval $(call unit_test,$(t),$(call room_of,$(t)))))

.PHONY: unit
unit: $(foreach t,$(UNIT_TESTS),$(if $(findstring $(T),$(t)),$(t))) ## build the unit tests and run them; some of them: make unit T=render_load
	@B=$(abspath $(B)) tests/run --unit $(T)

# Fuzz targets: tests/fuzz/fuzz_<target>.c, with a driver that replays files, or with libFuzzer; linked with the
# archives of the rooms that they include.
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
fuzz_rooms = $(filter $(ROOMS),$(shell sed -n 's,^\#include "\(.*\)/[^/]*"$$,\1,p' tests/fuzz/fuzz_$(1).c))
define fuzz_target
$(B)/fuzz/%_$(1): LDLIBS := $(call ldlibs,$(firstword $(2)))
$(B)/fuzz/fuzz_$(1): LDLIBS += -fsanitize=fuzzer
$(B)/fuzz/replay_$(1): $(B)/tests/fuzz/driver.o
$(B)/fuzz/replay_$(1) $(B)/fuzz/fuzz_$(1): $(B)/tests/fuzz/fuzz_$(1).o $(sort $(foreach r,$(2),$(call archives,$(r))))
	$$(program)
endef
$(foreach t,$(FUZZ),$(eval $(call fuzz_target,$(t),$(sort $(call fuzz_rooms,$(t))))))

.PHONY: replay-programs fuzz-programs unit-programs
replay-programs: $(addprefix $(B)/fuzz/replay_,$(FUZZ))
fuzz-programs: $(addprefix $(B)/fuzz/fuzz_,$(FUZZ))
unit-programs: $(UNIT_TESTS)

# Small programs that scripts drive: tests/rig/<folder>/<name>.c, linked with the archives of the rooms they include, and
# with the helpers of unit tests.
RIG_PROGRAMS := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/rig/*/*.c)))
rig_rooms = $(filter $(ROOMS),$(shell sed -n 's,^\#include "\(.*\)/[^/]*"$$,\1,p' $(1:$(B)/%=%.c)))
define rig_program
$(1): LDLIBS := -lcmocka $(AGENT_LDLIBS)
$(1): $(1).o $(B)/libtests.a $(sort $(foreach r,$(2),$(call archives,$(r))))
	$$(program)
endef
$(foreach t,$(RIG_PROGRAMS),$(eval $(call rig_program,$(t),$(sort $(call rig_rooms,$(t))))))
.PHONY: rig-programs
rig-programs: $(RIG_PROGRAMS)

# Everything that tests/run needs: the programs; the same code with clang; tests with sanitizers.
.PHONY: check-build check-clang check-asan check-tsan
check-build: all unit-programs replay-programs rig-programs check-clang check-asan check-tsan
check-clang: # its warnings need no optimisation
	@$(MAKE) B=$(B)/clang CC=clang OPT=-O0 all unit-programs
check-asan:
	@$(MAKE) B=$(B)/asan SANITIZE=address,undefined unit-programs replay-programs
THREADED := $(patsubst %/,%,$(sort $(dir $(shell grep -ls pthread_ $(addsuffix /*.[ch],$(ROOMS))))))
check-tsan:
	@$(MAKE) B=$(B)/tsan SANITIZE=thread $(addprefix $(B)/tsan/tests/rig/,grpc/cases kube/client) $(patsubst $(B)/%,$(B)/tsan/%,$(foreach t,$(UNIT_TESTS),$(if $(filter $(THREADED),$(call room_of,$(t))),$(t))))

# Every header compiles alone.
HEADERS := $(sort $(foreach r,$(ROOMS),$(wildcard $(r)/*.h)))
HEADER_CHECKS := $(HEADERS:%.h=$(B)/headers/%.ok)
$(B)/headers/%.ok: %.h $(B)/flags | $(PROTO_H)
	@mkdir -p $(@D)
	@$(CC) $(ALL_CFLAGS) -include $< -MMD -MF $(@:.ok=.d) -MT $@ -fsyntax-only -x c /dev/null
	@touch $@
.PHONY: check-headers
check-headers: $(HEADER_CHECKS)

# The compiler's own analyzer; what it found in a file is kept in <file>.txt until the file changes.
ANALYZED := $(foreach r,$(ROOMS),$(wildcard $(r)/*.c))
$(B)/analyze/%.txt: %.c $(B)/flags | $(PROTO_H)
	$(call say,SCAN,$<)
	@mkdir -p $(@D)
	@tests/analyze $@ $< $(CC) $(LANGUAGE) $(SHIPPED_CFLAGS) -DOMNIOPS_VERSION='"x"'
.PHONY: check-analyze
check-analyze: $(ANALYZED:%.c=$(B)/analyze/%.txt)
