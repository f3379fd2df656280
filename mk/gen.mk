# What is generated from the tables of crds/ and checked in: definitions, editor schemas, reference pages.
$(B)/crds-gen: LDLIBS = -lcrypto
$(B)/crds-gen: $(B)/crds/main.o $(call archives,crds)
	$(program)

.PHONY: gen
gen: $(B)/crds-gen $(B)/omniops ## write crds/yaml, crds/json, docs/reference and docs/man again after a change of the tables
	$(Q)$< .
	$(Q)$(B)/omniops help man >docs/man/omniops.1
