# Compiler and linker flags. Everything not understood by every supported compiler is probed.
cc-try = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(1))

WARNINGS := -Wall -Wextra -Wformat=2 -Wconversion -Wno-sign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wdate-time -Wimplicit-fallthrough \
	-Werror=return-type -Werror=incompatible-pointer-types $(call cc-try,-Wlogical-op) \
	$(call cc-try,-Wduplicated-cond) $(if $(filter 1,$(WERROR)),-Werror)
LANGUAGE := -std=c17 -D_GNU_SOURCE -I. -I$(B)/gen -fno-strict-aliasing -fno-common

# The paths of this machine stay out of the debug data, so that every directory gives the same bytes. The last rule that fits wins.
DEBUG := -g -fno-omit-frame-pointer -ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(B)/=build/

ifdef SANITIZE
OPT := -O1
HARDEN := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
LINK :=
else
HARDEN := -fPIE -fstack-protector-strong -ffunction-sections -fdata-sections \
	$(if $(filter -O0 -Og,$(OPT)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3) $(call cc-try,-fstack-clash-protection) \
	$(call cc-try,-fcf-protection) $(call cc-try,-ftrivial-auto-var-init=zero)
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed -Wl,--gc-sections
endif

ALL_CFLAGS = $(LANGUAGE) $(WARNINGS) $(DEBUG) $(OPT) $(HARDEN) $(PROBED) $(CFLAGS)
# Forbidden functions are forbidden in what is shipped, not in tests.
SHIPPED_CFLAGS := -include base/banned.h

# --- libraries: one question for all of them
LIBRARIES := libgit2 yaml-0.1 libcurl zlib jansson libmicrohttpd libprotobuf-c openssl libzstd libseccomp
AGENT_LDLIBS := $(shell $(PKG_CONFIG) --libs $(LIBRARIES) 2>/dev/null) -lpthread -lm
ifeq ($(filter help clean demo check bench fuzz rig-%,$(MAKECMDGOALS)),)
ifneq ($(shell $(PKG_CONFIG) --exists $(LIBRARIES) 2>/dev/null && command -v $(PROTOC_C) >/dev/null && echo yes),yes)
$(error Libraries are missing. `scripts/setup.sh build` installs them on Debian and names them elsewhere)
endif
endif

# Debian's libgit2 has this limit, others may not; it is an enum constant, so only the compiler knows.
PROBED := $(shell echo 'int x = GIT_OPT_SET_PACK_MAX_OBJECT_SIZE;' | \
	$(CC) -include git2.h -x c -fsyntax-only - 2>/dev/null && echo -DHAVE_GIT_PACK_MAX_OBJECT_SIZE)

# The two thin programs start in a millisecond because nothing but libc has to be loaded; where the static libraries
# are not installed they are linked like everybody else's.
THIN_STATIC := -Wl,-Bstatic -lyaml -lcrypto -Wl,-Bdynamic
THIN_LDLIBS = $(shell echo 'int main(void) { return 0; }' | \
	$(CC) -x c - -o /dev/null $(THIN_STATIC) 2>/dev/null && echo '$(THIN_STATIC) -lm' || echo -lyaml -lcrypto -lm)

# --- quiet unless V=1
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))
