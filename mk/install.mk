# Files that are installed, as FROM:TO pairs relative to $(PREFIX).
INSTALLED := $(foreach p,$(PROGRAMS),$(B)/$(p):bin/$(p):755) \
	$(foreach m,$(sort $(wildcard docs/man/*.1)),$(m):share/man/man1/$(notdir $(m)):644) \
	$(if $(COMPLETIONS),$(B)/completions/omniops.bash:share/bash-completion/completions/omniops:644 \
		$(B)/completions/omniops.zsh:share/zsh/site-functions/_omniops:644 \
		$(B)/completions/omniops.fish:share/fish/vendor_completions.d/omniops.fish:644) \
	$(foreach c,$(sort $(wildcard crds/yaml/*.yaml)),$(c):share/omniops/crds/$(notdir $(c)):644) \
	$(foreach u,$(sort $(wildcard deploy/systemd/*.service deploy/systemd/*.timer)),$(u):lib/systemd/system/$(notdir $(u)):644) \
	$(foreach d,LICENSE README.md,$(d):share/doc/omniops/$(d):644)
field = $(word $(1),$(subst :, ,$(2)))
TO := $(DESTDIR)$(PREFIX)

.PHONY: install
install: all ## into $(DESTDIR)$(PREFIX): programs, manual, completions, CRDs, systemd units
	$(Q)$(foreach i,$(INSTALLED),install -D -m $(call field,3,$(i)) $(call field,1,$(i)) '$(TO)/$(call field,2,$(i))' &&) true

.PHONY: uninstall
uninstall: ## remove what install wrote, and directories that are then empty
	$(Q)$(foreach i,$(INSTALLED),rm -f '$(TO)/$(call field,2,$(i))' &&) true
	$(Q)for d in $(sort $(foreach i,$(INSTALLED),$(dir $(call field,2,$(i))))); do \
		[ ! -d '$(TO)'/$$d ] || (cd '$(TO)' && rmdir -p --ignore-fail-on-non-empty $$d); done
