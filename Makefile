# SPDX-License-Identifier: GPL-3.0-or-later
# One non-recursive Makefile. `make help` lists the targets.
#   make SAN=address,undefined check-unit    another flavour, in a folder of its own
#   make CC=clang                            likewise
SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

VERSION  := 0.1.0
CC       := gcc
SAN      :=
PREFIX   := /usr
DESTDIR  :=
V        := 0
Q        := $(if $(filter 1,$(V)),,@)
say       = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $(2);)

empty    :=
space    := $(empty) $(empty)
comma    := ,
FLAVOUR  := $(if $(filter gcc,$(CC)),,-$(CC))$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(COV),-cov)
B        := build$(if $(FLAVOUR),/flavour$(FLAVOUR))

# Dependencies: goals that a newcomer runs first install what is missing.
ifneq ($(filter demo check check-%,$(MAKECMDGOALS)),)
  DEPS_DONE := $(shell packaging/install-deps --if-missing 1>&2 && echo yes)
  ifneq ($(DEPS_DONE),yes)
    $(error dependencies are missing: run packaging/install-deps as root)
  endif
endif
PKGS     := libsystemd libnl-3.0 libconfig jansson gnutls libbpf
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
FENCE_IPMI_LIBS   := $(shell pkg-config --libs libfreeipmi 2>/dev/null) # of the fence agents alone
FENCE_MODBUS_LIBS := $(shell pkg-config --libs libmodbus 2>/dev/null)
EXPAT_LIBS := $(shell pkg-config --libs expat 2>/dev/null) # of the import in holdfastd

CPPFLAGS := -I. -D_GNU_SOURCE -DHOLDFAST_VERSION='"$(VERSION)"' $(PKG_CFLAGS)
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion \
            -Wswitch-enum -Wvla -Wformat=2 -Wundef $(if $(WERROR),-Werror)
HARDEN   := $(if $(SAN),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong -fPIE
OPT      := -O2 -g
CFLAGS    = -std=gnu17 $(OPT) $(WARN) $(HARDEN) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) \
            $(if $(COV),--coverage)
LDFLAGS   = -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN)) $(if $(COV),--coverage)

# ---- modules: one archive per folder, from every .c in it but main.c and main_*.c ----
archive   = $(B)/lib/lib$(subst /,-,$(1)).a
MODULES  := util core hb net fence disk ctl ctl/channel agent cli rest
module_src = $(filter-out $(1)/main.c $(1)/main_%.c,$(wildcard $(1)/*.c))
module_obj = $(patsubst %.c,$(B)/obj/%.o,$(call module_src,$(1)))
LIBS     := $(foreach m,$(MODULES),$(if $(call module_src,$(m)),$(call archive,$(m))))

define module
$(call archive,$(1)): $(call module_obj,$(1))
	$$(call say,AR,$$@)mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^
endef
$(foreach m,$(MODULES),$(eval $(call module,$(m))))
lib       = $(filter $(foreach m,$(1),$(call archive,$(m))),$(LIBS))

$(B)/obj/%.o: %.c
	$(call say,CC,$<)mkdir -p $(@D); $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Text files that programs carry: foo.varlink becomes the C array foo_varlink.
$(B)/obj/%.varlink.c: %.varlink
	$(call say,GEN,$@)mkdir -p $(@D); { printf 'extern const char agent_varlink[];\nconst char agent_varlink[] = {\n'; \
	  od -An -v -tu1 $< | sed 's/\([0-9]\+\)/\1,/g'; printf '0};\n'; } >$@
$(B)/obj/ctl/io.holdfast.Agent.varlink.o: $(B)/obj/ctl/io.holdfast.Agent.varlink.c
	$(call say,CC,$<)$(CC) $(CFLAGS) -c -o $@ $<
$(B)/lib/libctl.a: $(B)/obj/ctl/io.holdfast.Agent.varlink.o

# The BPF programs (hb/bpf), which the agent carries as the bytes of their object. BTF stays in it.
BPF_CC   := clang
BPF_STRIP := llvm-strip
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra $(if $(WERROR),-Werror) -I. \
            -idirafter /usr/include/$(shell gcc -print-multiarch 2>/dev/null) $(shell pkg-config --cflags libbpf 2>/dev/null)
$(B)/obj/hb/bpf/%.bpf.o: hb/bpf/%.bpf.c
	$(call say,BPF,$<)mkdir -p $(@D); $(BPF_CC) $(BPF_CFLAGS) -MMD -MP -c -o $@ $< && $(BPF_STRIP) -g $@
$(B)/obj/hb/bpf/object.c: $(B)/obj/hb/bpf/holdfast.bpf.o
	$(call say,GEN,$@){ printf '#include "hb/bpf/object.h"\nconst unsigned char hb_bpf_object[] __attribute__((aligned(8))) = {\n'; \
	  od -An -v -tu1 $< | sed 's/\([0-9]\+\)/\1,/g'; printf '};\nconst size_t hb_bpf_object_bytes = sizeof(hb_bpf_object);\n'; } >$@
$(B)/obj/hb/bpf/object.o: $(B)/obj/hb/bpf/object.c hb/bpf/object.h
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(B)/lib/libhb.a: $(B)/obj/hb/bpf/object.o

# ---- programs ----
PROGRAMS := $(if $(wildcard agent/main.c),$(B)/bin/holdfastd) $(if $(wildcard cli/main.c),$(B)/bin/holdfast) \
            $(if $(wildcard ctl/channel/main.c),$(B)/bin/holdfast-channel) \
            $(patsubst fence/main_%.c,$(B)/bin/fence_holdfast_%,$(wildcard fence/main_*.c)) \
            $(if $(wildcard tests/sim/main.c),$(B)/bin/holdfast-sim)
all: $(PROGRAMS) ## build the programs (default), into build/bin

link      = $(call say,LD,$@)mkdir -p $(@D); $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) \
            -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(PKG_LIBS) $(1)
$(B)/bin/holdfastd: $(B)/obj/agent/main.o $(call lib,agent ctl/channel ctl net hb fence disk core util)
	$(call link,$(EXPAT_LIBS))
$(B)/bin/holdfast-channel: $(B)/obj/ctl/channel/main.o $(call lib,ctl/channel ctl util)
	$(call link)
$(B)/bin/holdfast: $(B)/obj/cli/main.o $(call lib,cli ctl hb core util)
	$(call link)
# Fence agents link what they use, and nothing of the agent: each is run for one action.
fence_link = $(call say,LD,$@)mkdir -p $(@D); $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) \
            -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(1)
$(B)/bin/fence_holdfast_ipmi: $(B)/obj/fence/main_ipmi.o $(call lib,fence util)
	$(call fence_link,$(FENCE_IPMI_LIBS))
$(B)/bin/fence_holdfast_modbus: $(B)/obj/fence/main_modbus.o $(call lib,fence util)
	$(call fence_link,$(FENCE_MODBUS_LIBS))
$(B)/bin/fence_holdfast_script: $(B)/obj/fence/main_script.o $(call lib,fence util)
	$(call fence_link)
$(B)/bin/holdfast-sim: $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/sim/*.c)) $(call lib,hb core util)
	$(call link)

# ---- tests ----
include tests/tests.mk

# ---- style and tools ----
SOURCES  := $(wildcard $(foreach d,$(MODULES) include,$(d)/*.[ch]) hb/bpf/*.[ch] tests/*/*.[ch])
lint: ## include arrows, purity of core, sizes, format, clang-tidy, cppcheck; DEEP=1: the analyzer without our limit
	$(Q)tests/lint/run
format: ## rewrite all sources in the layout of .clang-format
	$(Q)clang-format -i $(SOURCES)

include packaging/install.mk

clean: ## remove build/
	rm -rf build
help: ## this list
	@grep -hE '^[a-z%-]+:.*## ' Makefile tests/tests.mk packaging/install.mk | sed 's/:.*## /\t/' | expand -t 20

.PHONY: all lint format clean help
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
