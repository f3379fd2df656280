# omniops: see README.md. `make help` lists the targets.
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

B ?= build
CC ?= cc
ifeq ($(origin CC),default)
CC := gcc
endif
OPT ?= -O2
WERROR ?= 1
PREFIX ?= /usr/local
PKG_CONFIG ?= pkg-config
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

cc-try = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(1))
STRICT := -std=c17 -D_GNU_SOURCE -I. -I$(B)/gen -Wall -Wextra -Wformat=2 -Wconversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wdate-time \
	-Wno-sign-conversion -Werror=return-type -fno-strict-aliasing -fno-common -fno-omit-frame-pointer -g \
	$(call cc-try,-Wlogical-op) $(call cc-try,-Wduplicated-cond) -ffile-prefix-map=$(CURDIR)=. \
	$(if $(filter 1,$(WERROR)),-Werror)
ifdef SANITIZE
HARDEN := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
OPT := -O1
else
HARDEN := -fPIE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(call cc-try,-fstack-clash-protection) \
	$(call cc-try,-fcf-protection) $(call cc-try,-ftrivial-auto-var-init=zero) -ffunction-sections -fdata-sections
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed -Wl,--gc-sections
endif
ALL_CFLAGS := $(STRICT) $(OPT) $(HARDEN) -DOMNIOPS_VERSION='"$(VERSION)"' $(CFLAGS)

room = $(sort $(filter-out $(1)/main.c,$(wildcard $(1)/*.c)))
AGENT_ROOMS := agent agent/source agent/omni agent/plan agent/report
lib = $(B)/lib$(subst /,-,$(1)).a
objects = $(patsubst %.c,$(B)/%.o,$(call room,$(1)))

RENDER_LIBS := $(B)/librender.a $(B)/libcrds.a $(B)/libbase.a

.PHONY: libs
libs: $(foreach r,base crds render $(AGENT_ROOMS),$(call lib,$(r)))

define archive
$(call lib,$(1)): $(call objects,$(1))
	@rm -f $$@
	ar rcsD $$@ $$^
endef
$(foreach r,base crds render $(AGENT_ROOMS),$(eval $(call archive,$(r))))

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# One program per unit test, linked with its room and those below: tests/unit/<room>_<topic>_test.c
BASE_LIBS := $(B)/libbase.a
CRDS_LIBS := $(B)/libcrds.a $(BASE_LIBS)
OMNI_LIBS := $(B)/libagent-omni.a $(RENDER_LIBS)
PLAN_LIBS := $(B)/libagent-plan.a $(OMNI_LIBS)
SOURCE_LIBS := $(B)/libagent-source.a $(RENDER_LIBS)
AGENT_LIBS := $(B)/libagent.a $(B)/libagent-report.a $(B)/libagent-source.a $(PLAN_LIBS)
THIN_LDLIBS := -lyaml -lcrypto
AGENT_LDLIBS := $(shell $(PKG_CONFIG) --libs libgit2 yaml-0.1 libcurl jansson libprotobuf-c openssl libzstd libseccomp 2>/dev/null) -lpthread

room_libs_base := $(BASE_LIBS)
room_libs_crds := $(CRDS_LIBS)
room_libs_render := $(RENDER_LIBS)
room_libs_omni := $(OMNI_LIBS)
room_libs_plan := $(PLAN_LIBS)
room_libs_source := $(SOURCE_LIBS)
room_libs_agent := $(AGENT_LIBS)
UNIT_TESTS := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/unit/*_test.c)))
test_room = $(firstword $(subst _, ,$(notdir $(1))))

define unit_test
$(1): $(1).o $(room_libs_$(call test_room,$(1)))
	$$(CC) $$(ALL_CFLAGS) $$(LINK) $$(LDFLAGS) -o $$@ $$(filter %.o %.a,$$^) -lcmocka $(if $(filter base crds render,$(call test_room,$(1))),$(THIN_LDLIBS),$(AGENT_LDLIBS))
endef
$(foreach t,$(UNIT_TESTS),$(eval $(call unit_test,$(t))))

.PHONY: unit
unit: $(UNIT_TESTS)
	@for t in $^; do $$t || exit 1; done

-include $(shell find $(B) -name '*.d' 2>/dev/null)
