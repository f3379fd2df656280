# omniops: see README.md. `make help` lists the targets, `make V=1` shows the commands.
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all

# --- what can be set: make NAME=value …
B ?= build
# One build directory has one name, so that `make B=$PWD/build` does not compile again what `make` compiled.
override B := $(patsubst $(CURDIR)/%,%,$(abspath $(B)))
PREFIX ?= /usr/local
OPT ?= -O2
WERROR ?= 1
PKG_CONFIG ?= pkg-config
PROTOC_C ?= protoc-c
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
ifeq ($(origin CC),default)
CC := gcc
endif

# --- the three programs, and everything else that is built
PROGRAMS := $(if $(wildcard agent/commands/main.c),omniops) $(if $(wildcard plugin-argocd/main.c),omniops-argocd) \
	$(if $(wildcard flux/main.c),omniops-flux)
COMPLETIONS := $(if $(filter omniops,$(PROGRAMS)),$(addprefix $(B)/completions/omniops.,bash zsh fish))

.PHONY: all
all: $(addprefix $(B)/,$(PROGRAMS)) $(COMPLETIONS) ## build the programs (default)

include mk/flags.mk
include mk/rooms.mk
include mk/tests.mk
include mk/gen.mk
include mk/install.mk
include mk/image.mk
include mk/rig.mk

.PHONY: demo
demo: ## a repository becomes a fleet on the embedded store; installs what the build needs
	@scripts/setup.sh build
	@$(MAKE) -s -j$(JOBS) all
	@scripts/demo.sh $(abspath $(B))/omniops

.PHONY: check
check: ## every test; installs what they need. One of them: make check T=render_load
	@scripts/setup.sh rig
	@$(if $(T),,B=$(abspath $(B)) setpriv --pdeathsig TERM -- nice tests/ahead &) scripts/setup.sh check && \
		$(MAKE) -j$(JOBS) check-build && B=$(abspath $(B)) MAKE="$(MAKE)" tests/run $(T)

.PHONY: bench
bench: ## measure speed and memory side by side with the references; never part of pass or fail
	@scripts/setup.sh check
	@$(MAKE) -s -j$(JOBS) all
	@B=$(abspath $(B)) tests/bench/run $(T)

.PHONY: fuzz
fuzz: ## fuzz every target for FUZZ_SECONDS=60 seconds, or one: make fuzz T=load
	@scripts/setup.sh check
	@$(MAKE) -s -j$(JOBS) B=$(B)/libfuzzer CC=clang SANITIZE=fuzzer-no-link,address,undefined fuzz-programs
	@B=$(abspath $(B)) tests/fuzz/run $(T)

.PHONY: gdb
gdb: ## debug one unit test without optimisation: make gdb T=base_text
	@$(MAKE) -s B=$(B)/debug OPT=-Og $(B)/debug/tests/unit/$(T)_test
	gdb -q $(B)/debug/tests/unit/$(T)_test

.PHONY: clean
clean: ## remove everything that was built
	rm -rf $(B)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; echo "  settings: B=$(B) CC=$(CC) OPT=$(OPT) CFLAGS= LDFLAGS= V=1 WERROR=$(WERROR) SANITIZE=address,undefined|thread"
	@echo "            PREFIX=$(PREFIX) DESTDIR= VERSION=$(VERSION)"
