# Almanac: `make` builds build/lib/almanac.so (the extension) and build/bin/almanac (the tool).
# `make demo` shows the main job on real data, `make test` runs the tests (`make soak` for hours), `make bench` measures,
# `make install PREFIX=/usr/local DESTDIR=` installs. Your own CFLAGS are added, never overridden.

CC      ?= gcc
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build
PYTHON  ?= /usr/bin/python3

# The extension is linked without libsqlite3: it gets SQLite's functions from the host that loads it.
# nodelete: an entry point that runs out of memory leaves functions behind, which SQLite still calls after it unloaded them.
# -ffp-contract=off: LTTB's areas must be the reference's to the bit, also where the CPU has FMA.
almanac_cflags = -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -fvisibility=hidden -ffp-contract=off \
                 -ffunction-sections -I. $(if $(findstring clang,$(CC)),-Wno-unknown-warning-option)

ext_sources  = $(wildcard ext/*.c ext/*/*.c)
tool_sources = $(wildcard tool/*.c tool/engine/*.c)
sql_texts    = $(wildcard sql/*.sql)

lib_objects  = $(ext_sources:%.c=$(BUILD)/obj/lib/%.o)
core_objects = $(ext_sources:%.c=$(BUILD)/obj/core/%.o)
tool_objects = $(tool_sources:%.c=$(BUILD)/obj/core/%.o) $(BUILD)/obj/core/sql_texts.o

all: $(BUILD)/lib/almanac.so $(BUILD)/bin/almanac

$(BUILD)/lib/almanac.so: $(lib_objects)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,--gc-sections -Wl,-z,nodelete $(if $(findstring sanitize,$(CFLAGS) $(LDFLAGS)),,-Wl,-z,defs) -o $@ $(lib_objects) -pthread -lm

$(BUILD)/bin/almanac: $(core_objects) $(tool_objects)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--gc-sections -o $@ $(core_objects) $(tool_objects) -lsqlite3 -pthread -lm

$(BUILD)/obj/lib/%.o: %.c | check-sqlite
	@mkdir -p $(@D)
	$(CC) $(almanac_cflags) $(CFLAGS) $(CPPFLAGS) -fPIC -MMD -MP -c -o $@ $<

# The same sources for the tool, which links libsqlite3 itself.
$(BUILD)/obj/core/%.o: %.c | check-sqlite
	@mkdir -p $(@D)
	$(CC) $(almanac_cflags) $(CFLAGS) $(CPPFLAGS) -DSQLITE_CORE -MMD -MP -c -o $@ $<

$(BUILD)/obj/core/sql_texts.o: $(BUILD)/gen/sql_texts.c
	@mkdir -p $(@D)
	$(CC) $(almanac_cflags) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/gen/sql_texts.c: sql/embed.awk $(sql_texts)
	@mkdir -p $(@D)
	awk -f sql/embed.awk $(sql_texts) >$@.new && mv $@.new $@

check-sqlite:
	@echo '#include <sqlite3ext.h>' | $(CC) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 || { \
	  echo "almanac: SQLite's headers are missing. Install them: apt-get install libsqlite3-dev (Debian), brew install sqlite (macOS)" >&2; exit 1; }

# What a target needs beyond gcc and make is installed first (as root), the build's own needs among it.
test:
	@ALMANAC_BUILD=$(abspath $(BUILD)) tests/needs test
	@$(MAKE) --no-print-directory all
	@ALMANAC_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/run.py

# SOAK='--minutes 60 stepper': not everything.
soak:
	@tests/needs test
	@$(MAKE) --no-print-directory all
	@ALMANAC_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/soak.py $(SOAK)

mutants:
	@tests/needs test
	@$(PYTHON) tests/mutants/run.py

# bench-large: 100 million rows, some 25 GB of disk, half an hour. bench-check: is anything slower than it was?
bench bench-large bench-check:
	@tests/needs bench
	@ALMANAC_BUILD=$(abspath $(BUILD)) tests/needs peers || echo "almanac: going on without DuckDB and ClickHouse" >&2
	@$(MAKE) --no-print-directory all
	@ALMANAC_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/bench/run.py $(patsubst bench-%,--%,$(filter bench-%,$@))

demo:
	@tests/needs demo
	@$(MAKE) --no-print-directory all
	@ALMANAC_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/demo/run.py

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/share/almanac/recipes
	install -m 755 $(BUILD)/bin/almanac $(DESTDIR)$(PREFIX)/bin/almanac
	install -m 644 $(BUILD)/lib/almanac.so $(DESTDIR)$(PREFIX)/lib/almanac.so
	install -m 644 sql/recipes/*.sql $(DESTDIR)$(PREFIX)/share/almanac/recipes/

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

.PHONY: all test soak mutants bench bench-large bench-check demo install format clean check-sqlite
