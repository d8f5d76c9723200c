# The front door of pg_hnsw.
#
#   make                      build the extension for the PostgreSQL of PG_CONFIG
#   make install              put it there (as a user who may write there; DESTDIR is honoured);
#                             also as the extension `vector`, unless pgvector is there:
#                             VECTOR_ALIAS=force replaces it, VECTOR_ALIAS=no leaves the name alone
#   make uninstall            take it out again
#   make installcheck         regression tests against a running server (PGHOST, PGPORT, PGUSER)
#   make demo                 search in PostgreSQL's own descriptions by wording, start to end
#   make test                 every test on PostgreSQL 15, the main ones on 16 and 18, by itself
#   make test-waits           isolation tests whose sessions wait between visits to pages
#   make test-assert          tests on a PostgreSQL with assertions; the extension checks overflow
#   make test-valgrind        SQL regression tests with the server under valgrind
#   make fuzz                 libFuzzer on input and decoders (FUZZ_SECONDS=600 for longer)
#   make test-long            300 crashes under load, 100,800 damaged indexes; takes hours
#   make soak                 rows replaced and searched for half an hour; prints curves
#   make test-clients         clients of pgvector in Python, Rust and JavaScript, unchanged
#   make bench                against pgvector and others (BENCH=full for the published sizes,
#                             BENCH_OPTIONS='--only 384 --part search' for one figure)
#   make instructions         instruction counts against benches/instructions.json
#                             (BASELINE=write renews that file)
#   make fmt lint clean
#
# demo, bench and tests never touch the system's PostgreSQL: scripts/postgres.sh makes private
# copies of it, and fetches what is missing.

PG_CONFIG ?= pg_config
# Which installation `make install` writes to, when not the one built against.
INSTALL_CONFIG ?= $(PG_CONFIG)
# Whether to install under pgvector's name as well: yes (where pgvector is not), no, force.
VECTOR_ALIAS ?= yes
# PostgreSQL versions that `make test` covers; the first one fully.
MAJORS ?= 15 16 18
# waits: a build for tests, whose sessions can wait between visits to pages. It is installed apart, and
# has isolation tests of its own.
VARIANT ?=
# How long each fuzz target runs.
FUZZ_SECONDS ?= 5
# quick or full
BENCH ?= quick
# More arguments: parts, data sets, rounds (docs/benchmarks.md).
BENCH_OPTIONS ?=
# The benchmark needs pgvector beside pg_hnsw: the version that comes with it.
BENCH_MAJOR ?= 16
# write: the counts of make instructions become those that later ones are compared with.
BASELINE ?= compare

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
POSTGRES := scripts/postgres.sh
# Everything that is not the extension itself is built once, optimised but with all checks, and
# shared by tests, demo and benchmarks.
CHECKED := CARGO_PROFILE_DEV_OPT_LEVEL=3 CARGO_PROFILE_DEV_DEBUG=line-tables-only
CARGO_TEST := $(shell cargo nextest --version >/dev/null 2>&1 \
    && echo 'cargo nextest run --no-tests=pass' || echo 'cargo test') --no-fail-fast

# Evaluated in recipes only: on a fresh machine pg_config appears while make runs. Always that
# beside the server: what was built for it through Debian's /usr/bin/pg_config is not built again.
FULL_PG_CONFIG = $(or $(wildcard $(shell $(PG_CONFIG) --bindir)/pg_config),$(shell command -v $(PG_CONFIG)))
MAJOR = $(shell $(PG_CONFIG) --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
LIBRARY = $(TARGET)/pg$(MAJOR)$(VARIANT)/pg_hnsw.so
EXTENSION_DIR = $(DESTDIR)$(shell $(INSTALL_CONFIG) --sharedir)/extension
LIBRARY_DIR = $(DESTDIR)$(shell $(INSTALL_CONFIG) --pkglibdir)

# The drivers of the installation itself, or those that the caller names.
DRIVERS = $(dir $(shell $(PG_CONFIG) --pgxs))../test
PG_REGRESS = $(DRIVERS)/regress/pg_regress
PG_ISOLATION_REGRESS = $(DRIVERS)/isolation/pg_isolation_regress
TESTS = tests$(addprefix /,$(VARIANT))
REGRESS_OPTIONS = --inputdir=$(TESTS) --bindir='$(shell $(PG_CONFIG) --bindir)' --load-extension=pg_hnsw
REGRESS_OUTPUT = $(TARGET)/regress/pg$(MAJOR)$(VARIANT)
REGRESS = $(sort $(basename $(notdir $(wildcard tests/sql/*.sql))))
ISOLATION = $(sort $(basename $(notdir $(wildcard $(TESTS)/specs/*.spec))))

PRIVATE = PG_CONFIG="$$($(POSTGRES) private $* $(VARIANT))" PG_HNSW_LOG_DIR=$(TARGET)/test-logs

export DEBIAN_FRONTEND := noninteractive
.DEFAULT_GOAL := all
.PHONY: all install uninstall installcheck installcheck-sql installcheck-isolation \
    demo test test-clients test-upgrade test-waits test-assert test-long test-valgrind soak fuzz bench instructions packages fmt lint clean test-crates

all:
	@$(PG_CONFIG) --version >/dev/null || { echo "make: set PG_CONFIG to the pg_config of the PostgreSQL to build for" >&2; exit 1; }
	PGRX_PG_CONFIG_PATH="$(FULL_PG_CONFIG)" cargo build --release -p pg_hnsw --no-default-features --features "pg$(MAJOR) $(VARIANT)" \
	    $(if $(VARIANT),--config profile.release.package.pg_hnsw.opt-level=1)
	@mkdir -p $(dir $(LIBRARY))
	@cp -pf $(TARGET)/release/libpg_hnsw.so $(LIBRARY)

# Does not build where there is something to install, so that `make && sudo make install` needs
# no Rust for root. The library is renamed into place: servers may have the old one mapped.
install:
	@test -e $(LIBRARY) || $(MAKE) all
	install -d "$(EXTENSION_DIR)" "$(LIBRARY_DIR)"
	install -m 644 pg_hnsw.control sql/pg_hnsw--*.sql "$(EXTENSION_DIR)/"
	install -m 755 $(LIBRARY) "$(LIBRARY_DIR)/pg_hnsw.so.new"
	mv -f "$(LIBRARY_DIR)/pg_hnsw.so.new" "$(LIBRARY_DIR)/pg_hnsw.so"
	@scripts/alias.sh install "$(EXTENSION_DIR)" "$(VECTOR_ALIAS)"

uninstall:
	@scripts/alias.sh uninstall "$(EXTENSION_DIR)"
	rm -f "$(LIBRARY_DIR)/pg_hnsw.so" "$(EXTENSION_DIR)/pg_hnsw.control" "$(EXTENSION_DIR)"/pg_hnsw--*.sql

installcheck: installcheck-sql installcheck-isolation

installcheck-sql:
	@mkdir -p $(REGRESS_OUTPUT)/sql
	$(PG_REGRESS) $(REGRESS_OPTIONS) --outputdir=$(REGRESS_OUTPUT)/sql --dbname=pg_hnsw_regression $(REGRESS) || \
	    { cat $(REGRESS_OUTPUT)/sql/regression.diffs; exit 1; }

installcheck-isolation:
	@mkdir -p $(REGRESS_OUTPUT)/isolation
	$(PG_ISOLATION_REGRESS) $(REGRESS_OPTIONS) --outputdir=$(REGRESS_OUTPUT)/isolation --dbname=pg_hnsw_isolation $(ISOLATION) || \
	    { cat $(REGRESS_OUTPUT)/isolation/regression.diffs; exit 1; }

packages:
	@$(POSTGRES) packages

# Builds the extension for version NN and installs it into the private copy of that version.
private-%: packages
	@$(MAKE) --no-print-directory all PG_CONFIG="$$($(POSTGRES) config $*)"
	@$(MAKE) --no-print-directory install PG_CONFIG="$$($(POSTGRES) config $*)" \
	    INSTALL_CONFIG="$$($(POSTGRES) private $* $(VARIANT))" >/dev/null

# Regression and isolation tests of version NN on a throwaway server, without autovacuum: plans
# must not depend on when it ran. The drivers are always
# those of version 15: those that come with PostgreSQL 18 there do not start.
define check_installed
	@$(CHECKED) cargo build -q -p cluster
	@$(PRIVATE) $(TARGET)/debug/throwaway autovacuum=off -- $(MAKE) --no-print-directory \
	    installcheck-$(1) DRIVERS="$$($(POSTGRES) drivers)"
endef

test-sql-%: private-%
	$(call check_installed,sql)

test-isolation-%: private-%
	$(call check_installed,isolation)

# Operations that meet on pages, in version NN.
test-waits-%:
	@$(MAKE) --no-print-directory VARIANT=waits test-isolation-$*

test-waits: test-waits-15

# The extension cannot be linked into a test without a server.
test-crates:
	$(CHECKED) $(CARGO_TEST) --workspace --exclude pg_hnsw --exclude cluster-tests

# All cluster tests of version NN.
test-cluster-%: private-%
	$(PRIVATE) $(CHECKED) $(CARGO_TEST) -p cluster-tests

# A PostgreSQL 15 with assertions, and the extension with its own and with checks of overflow. What
# is built lives apart: neither PostgreSQL's headers nor the profile are those of other builds.
ASSERT = config="$$($(POSTGRES) assert)" && PG15_CONFIG="$$config" CARGO_TARGET_DIR=$(TARGET)/assert \
    CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true \
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    CARGO_PROFILE_RELEASE_DEBUG=line-tables-only

test-assert:
	$(ASSERT) $(MAKE) test-waits test-sql-15 test-isolation-15 test-cluster-15

test-valgrind:
	$(ASSERT) MAKE="$(MAKE)" scripts/valgrind.sh

# Only the tests of recall, of the cookbook, those that need pgvector, and those of WAL, which other versions write and
# replay differently.
test-recall-%: private-%
	$(PRIVATE) $(CHECKED) $(CARGO_TEST) -p cluster-tests --test recall --test cookbook --test peer --test catalogue --test alias --test migration --test compatibility \
	    --test classes --test wal --test crash --test standby --test relations --test filters --test range

# What make test does with 20 crashes and 480 damaged indexes.
test-long: private-15
	@PG_CONFIG="$$($(POSTGRES) private 15)" PG_HNSW_LOG_DIR=$(TARGET)/test-logs $(CHECKED) \
	    PG_HNSW_CRASHES=300 PG_HNSW_DAMAGES=8400 \
	    cargo test -p cluster-tests --test crash_cycles --test corruption -- --nocapture

# PG_HNSW_SECONDS and PG_HNSW_ROWS make it another size.
soak: private-15
	@PG_CONFIG="$$($(POSTGRES) private 15)" PG_HNSW_LOG_DIR=$(TARGET)/test-logs $(CHECKED) \
	    cargo test -p cluster-tests --test soak -- --ignored --nocapture

# pg_upgrade from each version to each later one.
test-upgrade: $(addprefix private-,$(MAJORS))
	@upgrades=$$(for major in $(MAJORS); do $(POSTGRES) private $$major || exit; done) && \
	    PG_HNSW_UPGRADES="$$upgrades" PG_HNSW_LOG_DIR=$(TARGET)/test-logs $(CHECKED) \
	    $(CARGO_TEST) -p cluster-tests --test upgrade

fuzz:
	@scripts/fuzz.sh $(FUZZ_SECONDS)

test:
	@MAJORS="$(MAJORS)" MAKE="$(MAKE)" scripts/test.sh

# Python's, npm's and cargo's packages are fetched; node may be missing.
test-clients: private-15
	@$(CHECKED) cargo build -q -p cluster
	@scripts/clients.sh prepare
	@config="$$($(POSTGRES) private 15)" && PG_CONFIG="$$config" PATH="$$(dirname "$$config"):$$PATH" \
	    $(TARGET)/debug/throwaway -- scripts/clients.sh run

demo: private-15
	@$(CHECKED) cargo build -q -p demo
	@PG_CONFIG="$$($(POSTGRES) private 15)" $(TARGET)/debug/demo

bench: private-$(BENCH_MAJOR)
	@$(CHECKED) cargo build -q -p pg-hnsw-bench
	@PG_CONFIG="$$($(POSTGRES) private $(BENCH_MAJOR))" $(TARGET)/debug/pg-hnsw-bench $(BENCH) --output $(TARGET)/bench $(BENCH_OPTIONS)

instructions:
	@scripts/instructions.sh $(if $(filter write,$(BASELINE)),--write)

fmt:
	cargo fmt --all
	cargo fmt --manifest-path tests/clients/rust/Cargo.toml
	cargo fmt --manifest-path fuzz/Cargo.toml

lint: packages
	cargo fmt --all --check
	cargo fmt --check --manifest-path tests/clients/rust/Cargo.toml
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	PGRX_PG_CONFIG_PATH="$$($(POSTGRES) config 15)" cargo clippy --release --workspace --all-targets -- -D warnings
	PGRX_PG_CONFIG_PATH="$$($(POSTGRES) config 15)" cargo clippy --release -p pg_hnsw --features waits -- -D warnings
	cargo clippy --locked --no-default-features --manifest-path fuzz/Cargo.toml -- -D warnings
	scripts/dependencies.py

clean:
	cargo clean
	rm -rf "/tmp/pg_hnsw-$$(id -u)-$$(pwd -P | cksum | cut -d' ' -f1)"
