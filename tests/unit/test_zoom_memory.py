"""zoom_points, zoom_buckets and zoom_grid where memory fails, with sanitizers; see zoom_memory.c beside this file."""
import os
import random
import subprocess

from almanac import ROOT, directory, shell, tool

SOURCES = ["table/arguments", "table/scans", "table/zooms", "table/zoom_buckets", "table/zoom_grid", "table/zoom_points", "function/error", "function/density_grid_parameters", "kernel/cell_window", "kernel/density_grid", "kernel/density_grid_json", "function/parameter",
           "kernel/chunks", "kernel/json_read", "kernel/json_write", "kernel/lttb", "kernel/points", "kernel/points_sort", "kernel/pyramid_pick",
           "kernel/pyramid_plan", "kernel/pyramid_state", "kernel/time_grain", "kernel/time_grain_parse", "kernel/time_rule", "kernel/time_text",
           "kernel/time_zone", "pyramid/axis", "pyramid/call", "pyramid/catalog", "pyramid/cells", "pyramid/keys", "pyramid/read", "pyramid/trust"]


def database():
    """A zoom with two keys of which some buckets have changed, and a tail; one over space of which a data set has changed."""
    path = directory() + "/t.db"
    shell(path, "CREATE TABLE r(at TEXT, site TEXT, channel INTEGER, v, at2 INTEGER); CREATE INDEX r_at ON r(at); CREATE INDEX r_key ON r(site, channel, at)",
          "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c LIMIT 3000) INSERT INTO r"
          " SELECT datetime(1700000000 + i * 5, 'unixepoch'), iif(i % 2, 'a', 'b'), i % 2 * -1 + 2, i * 37 % 101, i FROM c")
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW z WITH (zoom = '1m, 10m, 1h') AS SELECT at, site, channel, v FROM r;"
         "CREATE MATERIALIZED VIEW s WITH (zoom_cells = '64x64') AS SELECT site, channel, at2 AS x, v AS y FROM r;")
    tool("refresh", path)
    shell(path, "DELETE FROM r WHERE rowid % 500 = 0", "INSERT INTO r SELECT datetime(at, '+1 days'), site, channel, v, at2 FROM r WHERE rowid < 60")
    tool("refresh", path, "s")
    shell(path, "DELETE FROM r WHERE site = 'b' AND rowid < 100")
    return path


def test_allocations_fail():
    program = os.path.join(directory(), "zoom_memory")
    sources = [f"ext/{name}.c" for name in SOURCES]
    subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-D_GNU_SOURCE", "-DSQLITE_CORE", "-O0", "-g", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off",
                    "-ffunction-sections", "-Wl,--gc-sections", "-fsanitize=address,undefined", "-fno-sanitize-recover", "-Wl,--wrap=malloc,--wrap=realloc",
                    "-I.", "-o", program, "tests/unit/zoom_memory.c", *sources, "-lsqlite3", "-lm"], cwd=ROOT, check=True)
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 32)))
    done = subprocess.run([program, database(), str(seed)], capture_output=True, text=True)
    assert done.returncode == 0, f"ALMANAC_SEED={seed}\n{done.stdout}{done.stderr}"
