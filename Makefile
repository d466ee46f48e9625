# SPDX-License-Identifier: MIT
#
# One make, no recursion: every layer is a folder of src/ and its files are found by name.
#
#   src/<layer>/*.c        the layer           all of them make all.a; those of the library liboxq too
#   src/<layer>/*_test.c   its unit tests      one Criterion binary for each layer
#   src/cli/main.c         main()              the only object outside the archive
#   tests/fuzz/*_fuzz.c    fuzz targets        one binary each
#
# A variant is a tree below build/ with its own compiler flags: release, debug (unit tests), asan, tsan, fuzz.
# The template VARIANT below is expanded once for each. Only scripts/setup installs packages; targets that need more
# than a compiler call it first. V=1 prints whole commands.

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all

PREFIX  ?= /usr/local
DESTDIR ?=
# How long each fuzz target runs in `make fuzz`.
FUZZ_SECONDS ?= 20
# What `make unit` and friends select: a layer (T=keyspace) or part of a test file's name (T=map).
T ?=

Q := $(if $(filter 1,$(V)),,@)

# ---------------------------------------------------------------- sources

layers   := $(sort $(patsubst src/%/,%,$(wildcard src/*/)))
main_c   := $(wildcard src/cli/main.c)
test_c   := $(wildcard src/*/*_test.c)
lib_c    := $(filter-out $(test_c) $(main_c),$(wildcard src/*/*.c))
fuzz_c   := $(wildcard tests/fuzz/*_fuzz.c)
headers  := $(wildcard src/*/*.h include/oxq/*.h)
public_h := $(wildcard include/oxq/*.h)
tested   := $(sort $(foreach f,$(test_c),$(word 2,$(subst /, ,$f))))

# ---------------------------------------------------------------- flags

# Asked once, when the first command needs it: a machine without pkg-config can still `make run`, which installs it.
packages   := libevent libevent_pthreads libevent_openssl openssl luajit msgpack jansson yaml-0.1 jemalloc lmdb libcurl
pkg_cflags  = $(eval pkg_cflags := $$(patsubst -I%,-isystem%,$$(shell pkg-config --cflags $(packages))))$(pkg_cflags)
pkg_libs    = $(eval pkg_libs := $$(shell pkg-config --libs $(packages)))$(pkg_libs)

libs = $(pkg_libs) -lm

warnings := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla \
            -Wimplicit-fallthrough -Wundef -Wpointer-arith -Wwrite-strings -Wformat=2
# One set of objects for the program and the shared library; nobody may put himself in place of a function of ours.
harden   := -fstack-protector-strong -fstack-clash-protection -fPIC -fno-semantic-interposition
language  = -std=c17 -D_GNU_SOURCE -Isrc -Iinclude -Ibuild/gen $(pkg_cflags)
cflags    = $(language) $(warnings) $(harden) -g -pthread $(CFLAGS)
ldflags  := -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed

# What a sanitizer finds ends the program, in a test as in a server that is tested.
export ASAN_OPTIONS  ?= abort_on_error=1:detect_leaks=1:allocator_may_return_null=1
export LSAN_OPTIONS  ?= suppressions=$(CURDIR)/tests/support/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS ?= print_stacktrace=1
# A test that forks goes on with threads in its child.
export TSAN_OPTIONS  ?= halt_on_error=1:die_after_fork=0

variants := release debug asan tsan fuzz

cc.release     := gcc
cflags.release := -O2 -D_FORTIFY_SOURCE=2
cc.debug       := gcc
cflags.debug   := -O1 -DOXQ_SLOW_CHECKS -fno-omit-frame-pointer
cc.asan        := clang
cflags.asan    := $(cflags.debug) -fsanitize=address,undefined -fno-sanitize-recover=all
ldflags.asan   := -fsanitize=address,undefined
cc.tsan        := clang
cflags.tsan    := $(cflags.debug) -fsanitize=thread
ldflags.tsan   := -fsanitize=thread
tsan_arena     := build/tsan/obj/tests/support/tsan_arena.o
cc.fuzz        := clang
cflags.fuzz    := $(cflags.debug) -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
ldflags.fuzz   := -fsanitize=fuzzer,address,undefined

# ---------------------------------------------------------------- one variant

# $1 the variant. The list of objects is a file, so that a deleted source leaves the archive too.
define VARIANT
objs.$1 := $$(lib_c:%.c=build/$1/obj/%.o)
tests.$1 := $$(tested:%=build/$1/test/%)

build/$1/obj/%.o: %.c Makefile
	@mkdir -p $$(@D)
	@echo "  CC   $$@"
	$$(Q)$$(cc.$1) $$(cflags) $$(cflags.$1) -MMD -MP -c $$< -o $$@

build/$1/objects: FORCE
	@mkdir -p $$(@D)
	@echo $$(objs.$1) | cmp -s - $$@ || echo $$(objs.$1) >$$@

build/$1/all.a: $$(objs.$1) build/$1/objects
	@echo "  AR   $$@"
	$$(Q)rm -f $$@ && ar rcsD $$@ $$(objs.$1)

build/$1/oxq: build/$1/obj/src/cli/main.o build/$1/all.a
	@echo "  LD   $$@"
	$$(Q)$$(cc.$1) $$(ldflags) $$(filter-out -fsanitize=fuzzer%,$$(ldflags.$1)) $$^ $$(libs) -o $$@

$$(foreach layer,$$(tested),$$(eval $$(call TEST,$1,$$(layer))))
-include $$(wildcard build/$1/obj/src/*/*.d build/$1/obj/tests/*/*.d)
endef

# $1 the variant, $2 the layer: all its tests in one binary.
define TEST
build/$1/test/$2: $$(patsubst %.c,build/$1/obj/%.o,$$(filter src/$2/%,$$(test_c))) $$(if $$(filter tsan,$1),$$(tsan_arena)) \
                    build/$1/all.a
	@mkdir -p $$(@D)
	@echo "  LD   $$@"
	$$(Q)$$(cc.$1) $$(ldflags) $$(ldflags.$1) $$^ -lcriterion $$(libs) -o $$@
endef

$(foreach v,$(variants),$(eval $(call VARIANT,$v)))

# ---------------------------------------------------------------- the library

# Shared and static, each showing oxq_* and nothing else. It brings no allocator of its own: that is the program's choice.
version      := $(shell sed -n 's/^\#define OXQ_VERSION "\(.*\)"/\1/p' include/oxq/version.h)
abi          := 0
liboxq_c     := $(filter-out src/cli/% src/daemon/% src/runner/%,$(lib_c))
liboxq_o      = $(liboxq_c:%.c=build/release/obj/%.o)
liboxq_needs := libevent libevent_pthreads libevent_openssl openssl luajit msgpack jansson lmdb
liboxq       := build/release/liboxq.so.$(version) build/release/liboxq.a

build/release/liboxq.so.$(version): $(liboxq_o) src/api/liboxq.map
	@echo "  LD   $@"
	$(Q)gcc -shared -pthread -Wl,-soname,liboxq.so.$(abi) -Wl,--version-script=src/api/liboxq.map -Wl,-z,relro,-z,now \
	    -Wl,-z,defs -Wl,--as-needed $(liboxq_o) $(shell pkg-config --libs $(liboxq_needs)) -lm -o $@
	$(Q)ln -sf $(@F) build/release/liboxq.so.$(abi) && ln -sf $(@F) build/release/liboxq.so

build/release/liboxq.a: $(liboxq_o)
	@echo "  AR   $@"
	$(Q)ld -r $(liboxq_o) -o build/release/liboxq.o
	$(Q)objcopy --wildcard --keep-global-symbol='oxq_*' build/release/liboxq.o
	$(Q)rm -f $@ && ar rcsD $@ build/release/liboxq.o

# The transitions' texts, put together.
lua_h := build/gen/jobs/transitions_lua.h
$(lua_h): $(wildcard src/jobs/lua/*.lua src/jobs/lua/lib/*.lua) scripts/embed-lua
	@mkdir -p $(@D)
	@echo "  LUA  $@"
	$(Q)scripts/embed-lua src/jobs/lua >$@
$(foreach o,jobs/transition engine/native_test embed/embed_test script/transitions_test,$(variants:%=build/%/obj/src/$o.o)): $(lua_h)

# Their names, which native/ knows them by.
sha_h := build/gen/native/transitions_sha.h
$(sha_h): $(lua_h)
	@mkdir -p $(@D)
	$(Q)grep -E '^(/\*|$$|.define LUA_[A-Z_]*_SHA1 )' $< >$@
$(variants:%=build/%/obj/src/native/native.o): $(sha_h)

fuzzers := $(fuzz_c:tests/fuzz/%.c=build/fuzz/%)
$(fuzzers): build/fuzz/%: build/fuzz/obj/tests/fuzz/%.o build/fuzz/all.a
	@echo "  LD   $@"
	$(Q)$(cc.fuzz) $(ldflags) $(ldflags.fuzz) $^ $(libs) -o $@

.SECONDARY:
.PHONY: FORCE
FORCE:

# ---------------------------------------------------------------- targets

.PHONY: all build-check unit unit-debug unit-asan unit-tsan run stop test torture lint format asan tsan fuzz fuzz-build bench docs \
        check-docs check-public-headers install uninstall clean help lint-tidy

all: build/release/oxq $(liboxq) ## build the program and the library with optimisation, below build/release/

build-check: build/debug/oxq $(tests.debug) build/tests/transitions ## compile everything, tests too, and run nothing

unit: unit-debug ## build and run the unit tests; T=keyspace or T=map selects
$(foreach v,debug asan tsan,$(eval unit-$v: $(tests.$v); @scripts/with-tmpdir scripts/unit '$$(T)' $(tests.$v)))

run: ## install what is missing, build, start `oxq serve` in the background, show what happens to jobs
	@scripts/run

stop: ## end the server that `make run` started
	@scripts/run stop

test: ## everything: unit, protocol, differential and end-to-end tests; ends with `N passed, N failed`
	@scripts/test

torture: ## the long form of the crash, power-loss and fault tests, then on builds with sanitizers: hours
	@scripts/setup test
	@$(MAKE) --no-print-directory all build/asan/oxq build/tsan/oxq build/tests/interop-tsan
	@scripts/torture

lint: ## formatting, clang-tidy, layers, sizes, licences, scripts
	@scripts/lint

format: ## lay out all C sources as .clang-format says
	@scripts/lint format

asan: ## unit and protocol tests with the address and undefined-behaviour sanitizers
	@scripts/test asan

tsan: ## unit and protocol tests with the thread sanitizer
	@scripts/test tsan

fuzz: ## run each fuzz target for FUZZ_SECONDS (20)
	@scripts/setup test
	@$(MAKE) --no-print-directory fuzz-build
	@scripts/fuzz $(FUZZ_SECONDS)
fuzz-build: $(fuzzers)

bench: ## compare with Redis side by side
	@scripts/setup test
	@$(MAKE) --no-print-directory all build/bench/load build/bench/lifecycle
	@bench/run

build/bench/load: bench/load.c Makefile
	@mkdir -p $(@D)
	@echo "  CC   $@"
	$(Q)gcc $(cflags) -O2 $< -o $@

# What a user's program is: the shared library and, since it brings no allocator, that of the server.
build/bench/lifecycle: bench/lifecycle.c $(public_h) build/release/liboxq.so.$(version) Makefile
	@mkdir -p $(@D)
	@echo "  CC   $@"
	$(Q)gcc $(language) $(warnings) -O2 -g $< -Lbuild/release -loxq -ljemalloc -pthread -Wl,-rpath,'$$ORIGIN/../release' -o $@

# Preloaded into servers by tests/fault.
shims := build/tests/shim.so build/tests/memory.so
$(shims): build/tests/%.so: tests/fault/%.c tests/fault/control.h Makefile
	@mkdir -p $(@D)
	@echo "  CC   $@"
	$(Q)gcc -std=c17 -D_GNU_SOURCE $(warnings) -O2 -g -shared -fPIC -pthread $< -o $@

# Asked by tests/cron for the next runs of cron texts.
build/tests/cron-next: tests/cron/next.c build/debug/all.a Makefile
	@mkdir -p $(@D)
	@echo "  CC   $@"
	$(Q)gcc $(cflags) $(cflags.debug) $(ldflags) $< build/debug/all.a $(libs) -o $@

# Does what tests/transitions compares with BullMQ.
build/tests/transitions: $(wildcard tests/transitions/driver*.[ch]) build/debug/all.a Makefile
	@mkdir -p $(@D)
	@echo "  CC   $@"
	$(Q)gcc $(cflags) $(cflags.debug) $(ldflags) $(filter %.c,$^) build/debug/all.a $(libs) -o $@

# Run by tests/client.
build/tests/client: tests/client/drive.c build/debug/all.a Makefile
	@mkdir -p $(@D)
	@echo "  CC   $@"
	$(Q)gcc $(cflags) $(cflags.debug) $(ldflags) $< build/debug/all.a $(libs) -o $@

# Run by tests/interop and tests/fault: what a user of the shared library has.
build/tests/interop: tests/interop/peer.c
build/tests/life: tests/interop/life.c
build/tests/library: tests/fault/library.c
build/tests/interop build/tests/life build/tests/library: $(public_h) build/release/liboxq.so.$(version) Makefile
	@mkdir -p $(@D)
	@echo "  CC   $@"
	$(Q)gcc -std=c11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Iinclude $(filter %.c,$^) -Lbuild/release -loxq -pthread \
	    -Wl,-rpath,'$$ORIGIN/../release' -o $@

# The same under the thread sanitizer, for tests/interop with OXQ_PEER: the library's objects, without an allocator of the program.
build/tests/interop-tsan: tests/interop/peer.c $(public_h) build/tsan/all.a Makefile
	@mkdir -p $(@D)
	@echo "  CC   $@"
	$(Q)clang -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror $(cflags.tsan) -Iinclude $< build/tsan/all.a \
	    $(shell pkg-config --libs $(liboxq_needs)) -lm -pthread -o $@

build/bench/client: tests/client/drive.c build/release/all.a Makefile
	@mkdir -p $(@D)
	@echo "  CC   $@"
	$(Q)gcc $(cflags) $(cflags.release) $(ldflags) $< build/release/all.a $(libs) -o $@

build/bench/checkpoint: bench/checkpoint.c build/release/all.a Makefile
	@mkdir -p $(@D)
	@echo "  CC   $@"
	$(Q)gcc $(cflags) -O2 $(ldflags) $< build/release/all.a $(libs) -o $@

docs: build/release/oxq ## write docs/COMMANDS.md from the command table
	$(Q)$< commands >docs/COMMANDS.md.new && mv docs/COMMANDS.md.new docs/COMMANDS.md

check-docs: build/debug/oxq ## does docs/COMMANDS.md say what the command table says?
	$(Q)$< commands | diff -u docs/COMMANDS.md - || { echo 'docs/COMMANDS.md is not what `make docs` writes' >&2; exit 1; }

# A public header stands alone, in C99 and in C++.
check-public-headers: $(public_h:%=build/lint/%.ok) ## compile each public header alone as C99 and as C++
build/lint/include/%.h.ok: include/%.h Makefile $(public_h)
	@mkdir -p $(@D)
	$(Q)clang -x c -std=c99 -Wall -Wextra -Wpedantic -Werror -Wno-pragma-once-outside-header -Iinclude -fsyntax-only $<
	$(Q)clang -x c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -Wno-pragma-once-outside-header -Iinclude -fsyntax-only $<
	@touch $@

# clang-tidy follows the debug object: when that was rebuilt, the file or a header of its own has changed.
lint-tidy: $(lib_c:%.c=build/lint/%.tidy) $(main_c:%.c=build/lint/%.tidy)
build/lint/%.tidy: build/debug/obj/%.o .clang-tidy
	@mkdir -p $(@D)
	@echo "  TIDY $*.c"
	$(Q)clang-tidy --quiet $*.c -- $(language) $(cflags.debug) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

install: all ## install below DESTDIR/PREFIX (/usr/local)
	install -D -m 755 build/release/oxq $(DESTDIR)$(PREFIX)/bin/oxq
	$(foreach s,bash zsh fish,build/release/oxq completions $s >build/completions.$s &&) true
	install -D -m 644 build/completions.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/oxq
	install -D -m 644 build/completions.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_oxq
	install -D -m 644 build/completions.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/oxq.fish
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/lib build/release/liboxq.so.$(version)
	ln -sf liboxq.so.$(version) $(DESTDIR)$(PREFIX)/lib/liboxq.so.$(abi)
	ln -sf liboxq.so.$(version) $(DESTDIR)$(PREFIX)/lib/liboxq.so
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib build/release/liboxq.a
	sed -e 's|@prefix@|$(PREFIX)|' -e 's|@version@|$(version)|' -e 's|@needs@|$(shell pkg-config --static --libs $(liboxq_needs))|' src/api/oxq.pc.in >build/oxq.pc
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/pkgconfig build/oxq.pc
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/oxq $(public_h)
	install -D -m 644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/oxq/LICENSE
	$(if $(wildcard README.md),install -m 644 README.md $(DESTDIR)$(PREFIX)/share/doc/oxq/README.md)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/oxq/examples $(wildcard examples/*.c)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/oxq/docs $(wildcard docs/*.md)
	$(foreach p,$(wildcard docs/man/*.1),install -D -m 644 $p $(DESTDIR)$(PREFIX)/share/man/man1/$(notdir $p);)
	scripts/api-man build/man3 $(public_h)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man3 build/man3/*.3

uninstall: ## remove what `make install` put there
	rm -f $(DESTDIR)$(PREFIX)/bin/oxq
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/oxq $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_oxq
	rm -f $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/oxq.fish
	rm -f $(DESTDIR)$(PREFIX)/lib/liboxq.* $(DESTDIR)$(PREFIX)/lib/pkgconfig/oxq.pc
	rm -rf $(DESTDIR)$(PREFIX)/include/oxq $(DESTDIR)$(PREFIX)/share/doc/oxq
	$(foreach p,$(wildcard docs/man/*.1),rm -f $(DESTDIR)$(PREFIX)/share/man/man1/$(notdir $p);)
	rm -f $(DESTDIR)$(PREFIX)/share/man/man3/oxq_*.3

clean: ## remove build/
	rm -rf build

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 30
