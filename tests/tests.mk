# SPDX-License-Identifier: GPL-3.0-or-later
# Test targets. `check` is their sum; each can be run alone.

TEST_LIBS := $(call lib,agent cli ctl/channel ctl net hb fence disk core util)

# Unit tests: tests/unit/test_X.c is one cmocka program; it may link any module.
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/test/%,$(wildcard tests/unit/test_*.c))
$(B)/test/test_%: $(B)/obj/tests/unit/test_%.o $(TEST_LIBS)
	$(call link,-lcmocka $(EXPAT_LIBS))
check-unit: $(UNIT_TESTS) $(PROGRAMS) ## unit tests (cmocka) and golden files
	$(Q)BUILD=$(B) JOBS=$(or $(JOBS),4) tests/unit/run $(UNIT_TESTS)

check-sim: $(B)/bin/holdfast-sim ## cluster simulation and its mutants
	$(Q)BUILD=$(B) CC=$(CC) tests/sim/run
sim: $(B)/bin/holdfast-sim ## longer simulation: make sim RUNS=1000000 [SEED=1]
	$(Q)$(B)/bin/holdfast-sim --runs $(or $(RUNS),100000) --seed $(or $(SEED),1)

check-model: ## exhaust the Promela model with spin, and its mutants
	$(Q)BUILD=$(B) nice tests/model/run

# Fuzzing: tests/fuzz/fuzz_X.c has LLVMFuzzerTestOneInput; its corpus is tests/fuzz/corpus/X/.
FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_REPLAY  := $(FUZZ_TARGETS:%=$(B)/test/replay_%)
$(B)/test/replay_%: $(B)/obj/tests/fuzz/fuzz_%.o $(B)/obj/tests/fuzz/replay.o $(TEST_LIBS)
	$(call link,$(EXPAT_LIBS))
check-fuzz: $(FUZZ_REPLAY) ## replay the fuzz corpora, and fuzz each target for a few seconds
	$(Q)BUILD=$(B) tests/fuzz/run replay $(FUZZ_REPLAY)
fuzz: ## fuzz with libFuzzer: make fuzz [T=wire] [SECONDS=60]
	$(Q)BUILD=$(B) tests/fuzz/run fuzz "$(or $(T),$(FUZZ_TARGETS))" $(or $(SECONDS),60)

check-net: $(PROGRAMS) $(UNIT_TESTS) ## floating IPs and heartbeats in network namespaces (root)
	$(Q)BUILD=$(B) CC=$(CC) tests/net/run

# Fence agents against ipmi_sim, a Modbus server and fence-agents, on loopback.
$(B)/test/fence_pdu: $(B)/obj/tests/fence/fence_pdu.o
	$(call fence_link,$(FENCE_MODBUS_LIBS))
$(B)/test/fence_ipmi_kernel.so: tests/fence/ipmi_kernel.c
	$(call say,LD,$@)mkdir -p $(@D); $(CC) -std=gnu17 -O2 -Wall -Wextra -D_GNU_SOURCE -shared -fPIC -o $@ $<
FENCE_TESTS := $(filter $(B)/bin/fence_%,$(PROGRAMS)) $(B)/test/fence_pdu $(B)/test/fence_ipmi_kernel.so
check-fence: $(FENCE_TESTS) ## fence agents against real peers (root)
	$(Q)BUILD=$(B) tests/fence/run
bench-fence: $(FENCE_TESTS) ## time to confirmed off beside fence_ipmilan and ipmitool
	$(Q)BUILD=$(B) tests/bench/fence
bench-fence-race: $(PROGRAMS) $(B)/test/fence_pdu ## two nodes, their interconnect cut: make bench-fence-race [REPS=100]
	$(Q)BUILD=$(B) REPS=$(or $(REPS),100) python3 tests/e2e/fencing.py

check-e2e: $(PROGRAMS) $(B)/test/fence_pdu ## real agents in network namespaces (root)
	$(Q)BUILD=$(B) tests/e2e/run
soak: $(PROGRAMS) ## endurance of real agents: make soak [MINUTES=10] [FLAPS=200]
	$(Q)BUILD=$(B) MINUTES=$(MINUTES) FLAPS=$(FLAPS) tests/e2e/soak
demo: $(PROGRAMS) ## three-node cluster, failover shown; KEEP=1 leaves it running
	$(Q)BUILD=$(B) KEEP=$(KEEP) tests/e2e/demo
bench: $(PROGRAMS) ## failover times beside keepalived and pacemaker (long)
	$(Q)BUILD=$(B) tests/bench/run
bench-cut: $(PROGRAMS) ## the shortest outage, beside keepalived and bfdd: make bench-cut [REPS=200]
	$(Q)BUILD=$(B) tests/bench/cut
bench-overload: $(PROGRAMS) ## an overload with and without the kernel path: make bench-overload [REPS=1]
	$(Q)BUILD=$(B) REPS=$(or $(REPS),1) tests/bench/overload

$(B)/test/bench_%: $(B)/obj/tests/bench/%.o $(TEST_LIBS)
	$(call link,-lcmocka $(EXPAT_LIBS))
bench-filter: $(B)/test/bench_filter ## what the kernel path costs other traffic (root): make bench-filter [ROUNDS=30]
	$(Q)$(B)/test/bench_filter

coverage: ## line coverage of unit tests and a short simulation, by folder
	$(Q)$(MAKE) --no-print-directory COV=1 B=build/flavour-cov check-unit build/flavour-cov/bin/holdfast-sim
	$(Q)build/flavour-cov/bin/holdfast-sim --runs 100
	$(Q)tests/lint/coverage build/flavour-cov

check: ## every test
	$(Q)$(MAKE) --no-print-directory -j$(shell nproc) build-tests
	$(Q)$(MAKE) --no-print-directory lint
	$(Q)$(MAKE) --no-print-directory check-unit
	$(Q)$(MAKE) --no-print-directory check-fuzz
	$(Q)$(MAKE) --no-print-directory -j2 --output-sync=target check-model check-waiting
	$(Q)$(MAKE) --no-print-directory check-sim
	$(Q)$(MAKE) --no-print-directory check-e2e
# What mostly waits, beside the model, which only computes (at a lower priority).
check-waiting:
	$(Q)$(MAKE) --no-print-directory check-net
	$(Q)$(MAKE) --no-print-directory check-fence
build-tests: $(PROGRAMS) $(UNIT_TESTS) $(FUZZ_REPLAY) $(FENCE_TESTS) $(B)/bin/holdfast-sim

.PHONY: check check-waiting build-tests coverage check-unit check-sim sim check-model check-fuzz fuzz check-net check-fence bench-fence bench-fence-race check-e2e soak demo bench bench-cut bench-overload bench-filter
.SECONDARY:
