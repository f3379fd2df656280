# What is generated from the tables of crds/ and checked in: definitions, editor schemas, reference pages.
$(B)/crds-gen: LDLIBS = -lcrypto
$(B)/crds-gen: $(B)/crds/main.o $(call archives,crds)
	$(program)

.PHONY: gen
gen: $(B)/crds-gen ## write crds/yaml, crds/json and docs/reference again after a change of the tables
	$(Q)$< .
