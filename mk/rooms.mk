# The rooms, each with the rooms below that it uses. A new folder needs one line here, nothing else.
# tests/lint/layers.sh holds the includes against the same order.
room-base :=
room-crds := base
room-render := crds base
room-agent/source := agent/kube render crds base
room-agent/grpc := base
room-agent/auth := base
room-agent/omni := agent/grpc agent/auth render crds base
room-agent/kube := render crds base
room-agent/plan := agent/omni agent/grpc agent/auth render crds base
room-agent/export := agent/plan agent/omni agent/grpc agent/auth render crds base
room-agent/workload := agent/kube render crds base
room-agent/helm := agent/workload agent/kube render crds base
room-agent/report := agent/plan agent/omni agent/grpc agent/auth render crds base
room-agent/handlers := agent/helm agent/workload agent/report agent/kube agent/plan agent/omni agent/grpc agent/auth render crds base
room-agent/controller := agent/report agent/kube agent/plan agent/omni agent/grpc agent/auth render crds base
room-agent/settings := agent/omni agent/grpc agent/auth render crds base
room-agent := agent/settings agent/controller agent/export agent/handlers agent/helm agent/workload agent/report agent/plan agent/omni agent/grpc agent/auth agent/kube agent/source render crds base
room-agent/commands := agent agent/settings agent/controller agent/export agent/handlers agent/helm agent/workload agent/report agent/plan agent/omni agent/grpc agent/auth agent/kube agent/source render crds base
room-plugin-argocd := render crds base
room-flux := render crds base

ROOMS := $(foreach r,$(sort $(patsubst room-%,%,$(filter room-%,$(.VARIABLES)))),$(if $(wildcard $(r)/*.[ch]),$(r)))
archive = $(B)/lib$(subst /,-,$(1)).a
archives = $(foreach r,$(filter $(ROOMS),$(1) $(room-$(1))),$(call archive,$(r)))
sources = $(sort $(filter-out $(1)/main.c,$(wildcard $(1)/*.c)))
ldlibs = $(if $(filter agent%,$(1)),$(AGENT_LDLIBS),-lyaml -lcrypto -lm)

# --- messages on Omni's wire: C from our .proto files, part of agent/omni
PROTOS := $(sort $(wildcard agent/omni/proto/*.proto))
PROTO_C := $(PROTOS:%.proto=$(B)/gen/%.pb-c.c)
PROTO_H := $(PROTO_C:.c=.h)
.SECONDARY: $(PROTO_C) $(PROTO_H)
$(B)/gen/%.pb-c.c $(B)/gen/%.pb-c.h: %.proto
	$(call say,GEN,$<)
	@mkdir -p $(B)/gen
	$(Q)$(PROTOC_C) --proto_path=. --c_out=$(B)/gen $<

# --- objects
$(B)/flags: FORCE
	@mkdir -p $(B)
	@echo '$(CC) $(ALL_CFLAGS) $(SHIPPED_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS) $(SHIPPED_CFLAGS)' >$@
$(B)/version: FORCE
	@mkdir -p $(B)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
.PHONY: FORCE
FORCE:

# Nearly all of the time is spent here.
$(B)/render/%.o: OPT := $(OPT:-O2=-O3)

define compile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(1) -MMD -MP -c $< -o $@
endef
$(B)/gen/%.o: $(B)/gen/%.c $(B)/flags
	$(call compile,-w)
$(B)/tests/%.o: tests/%.c $(B)/flags | $(PROTO_H)
	$(call compile,)
$(B)/%.o: %.c $(B)/flags | $(PROTO_H)
	$(call compile,$(SHIPPED_CFLAGS) $(VERSION_FLAG))

# Only what prints the version is compiled again when it changes.
VERSION_USERS := $(patsubst %.c,$(B)/%.o,$(shell grep -ls OMNIOPS_VERSION $(foreach r,$(ROOMS),$(r)/*.c)))
$(VERSION_USERS): VERSION_FLAG = -DOMNIOPS_VERSION='"$(VERSION)"'
$(VERSION_USERS): $(B)/version

# --- one archive per room
objects = $(patsubst %.c,$(B)/%.o,$(call sources,$(1))) $(if $(filter agent/omni,$(1)),$(PROTO_C:.c=.o))
define room_archive
$(call archive,$(1)): $(call objects,$(1))
	$$(call say,AR,$$(@F))
	@rm -f $$@
	$$(Q)ar rcsD $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_archive,$(r))))

.PHONY: libs
libs: $(foreach r,$(ROOMS),$(call archive,$(r)))

# --- programs
define program
	$(call say,LINK,$(@F))
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LINK) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDLIBS)
endef
$(B)/omniops: LDLIBS = $(AGENT_LDLIBS)
$(B)/omniops-argocd $(B)/omniops-flux: LDLIBS = $(THIN_LDLIBS)
$(B)/omniops: $(B)/agent/commands/main.o $(call archives,agent/commands)
	$(program)
$(B)/omniops-argocd: $(B)/plugin-argocd/main.o $(call archives,plugin-argocd)
	$(program)
$(B)/omniops-flux: $(B)/flux/main.o $(call archives,flux)
	$(program)

$(B)/completions/omniops.%: $(B)/omniops
	@mkdir -p $(@D)
	$(Q)$< completion $* >$@

-include $(shell find $(B) -name '*.d' 2>/dev/null)
