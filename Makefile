# SPDX-License-Identifier: Apache-2.0
# A thin front of meson. `make help` lists what there is.

# Where `make install` puts everything; DESTDIR is for packagers.
PREFIX  ?= /usr/local
DESTDIR ?=
# For how long `make fuzz` runs each fuzzer.
FUZZ_SECONDS ?= 60

export SUTURE := $(CURDIR)/build/suture
export CMOCKA_MESSAGE_OUTPUT := TAP

# Tests that need minutes have a folder of their own.
FAST_TESTS = $(filter-out tests/long,$(patsubst %/,%,$(sort $(dir $(wildcard tests/*/*.bats)))))
# What needs no process to patch runs under the sanitizers too; what has threads, under theirs.
ASAN_TESTS = tests/elf tests/cli/format.bats tests/cli/show.bats tests/tuf/client.bats
TSAN_TESTS = tests/hub tests/hub-rollout

.NOTPARALLEL:

.PHONY: all
all: ## build the program and the library (default)
	@tools/setup build
	@[ -f build/build.ninja ] || meson setup build
	@ninja -C build

.PHONY: demo
demo: all ## show it: patch a running server under load
	@tools/setup demo
	@demo/run $(if $(KEEP),--keep)

# In steps of their own, so that `make -k` goes on behind one that fails.
.PHONY: check check-code check-unit check-program
check: check-code check-unit check-program ## all fast tests
check-code: setup-check
	@tools/check-layers
	@tools/check-headers
check-unit: setup-check all
	@build/unit-tests
check-program: setup-check all
	@bats --tap $(FAST_TESTS)

.PHONY: check-long
check-long: asan tsan check-fuzz test-long ## sanitizers, fuzzers and the tests that need minutes

.PHONY: asan
asan: setup-check ## unit and command line tests under ASan and UBSan
	@[ -f build-asan/build.ninja ] || \
		meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false
	@ninja -C build-asan
	@UBSAN_OPTIONS=halt_on_error=1 build-asan/unit-tests
	@UBSAN_OPTIONS=halt_on_error=1 SUTURE=$(CURDIR)/build-asan/suture bats --tap $(ASAN_TESTS)

.PHONY: tsan
tsan: setup-check ## the hub's tests under ThreadSanitizer
	@[ -f build-tsan/build.ninja ] || \
		meson setup build-tsan -Db_sanitize=thread -Db_lundef=false
	@ninja -C build-tsan suture suture-hub fleet-load tests/hub-rollout/hub-seed
	@TSAN_OPTIONS=halt_on_error=1 SUTURE=$(CURDIR)/build-tsan/suture bats --tap $(TSAN_TESTS)

.PHONY: fuzz check-fuzz
fuzz: setup-check ## run each fuzzer for FUZZ_SECONDS (60), each time on other inputs
	@tools/fuzz $(FUZZ_SECONDS)
# The same inputs each time: whoever changes a parser sees what the change does.
check-fuzz: setup-check
	@SEED=1 tools/fuzz 20

.PHONY: test-long
test-long: setup-check all
	@tools/setup long
	@bats --tap tests/long

.PHONY: bench
bench: all ## measure, side by side with the bare minimum
	@tools/setup bench
	@bench/run
	@bench/fleet
	@bench/agent

.PHONY: install
install: all ## install below PREFIX (/usr/local), for packagers below DESTDIR
	@meson configure build --prefix=$(abspath $(PREFIX))
	@DESTDIR=$(DESTDIR) meson install -C build

.PHONY: setup-check
setup-check:
	@tools/setup build check

.PHONY: clean
clean: ## remove everything that was built
	@rm -rf build build-asan build-fuzz build-tsan

.PHONY: help
help: ## this text
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
