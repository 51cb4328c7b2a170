"""Allocations that fail in functions that read tables: an error that says so, or the right rows; never a crash or a wrong row."""
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from almanac import EXTENSION, directory, equal, shell
from worlds import library

SEED = int(os.environ.get("ALMANAC_SEED", random.SystemRandom().randrange(1 << 32)))
RUNS = int(os.environ.get("ALMANAC_RUNS", 60))  # of each statement
FOREVER = 10**12

STATEMENTS = [
    "SELECT grid, trace FROM density_grid_scan('t', 'ts', 'value', 9, 7, 0, 5000, 0, 100, '{\"ts\": {\">\": 5}}')",
    "SELECT trace FROM density_grid_scan('v', 'ts', 'value', 9, 7)",
    "SELECT x, y FROM lttb_scan('t', 'shuffled', 'value', 50)",
    "SELECT x, y FROM lttb_scan('t', 'text', 'value', 50, '{\"ts\": {\"<\": 4000}}')",
    "SELECT time, value, peak, drawdown, deepest FROM drawdown_scan('t', 'shuffled', 'falling', 3000)",
    "SELECT * FROM drawdown_scan('t', 'ts', 'text', 3000)",
]


def run(path, sql, **settings):
    return subprocess.run(["sqlite3", "-batch", "-cmd", f".load {EXTENSION}", path, sql], capture_output=True, text=True, env={**os.environ, **settings},
                          pass_fds=[int(settings["FAIL_COUNT"])] if "FAIL_COUNT" in settings else [])


def allocations(path, sql):
    """The numbers of a statement's allocations: beyond those of the shell itself, up to the end."""
    counts = []
    for statement in ("SELECT 1", sql):
        read, write = os.pipe()
        run(path, statement, LD_PRELOAD=library("memory"), FAIL_COUNT=str(write))
        os.close(write)
        with os.fdopen(read) as file:
            counts.append(int(file.read()))
    return range(counts[0], counts[1] + 1)


def test_allocations_that_fail():
    rng = random.Random(SEED)
    path = directory() + "/t.db"
    shell(path, "CREATE TABLE t(ts INTEGER, shuffled REAL, text TEXT, value REAL, falling REAL);"
                "INSERT INTO t WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c LIMIT 5000)"
                " SELECT i, i * 7919 % 5003, datetime(i, 'unixepoch'), i * 7919 % 101, 9999 - i FROM c;"
                "CREATE VIEW v AS SELECT * FROM t")
    for sql in STATEMENTS:
        expected = run(path, sql)
        points = allocations(path, sql)
        failed = 0
        for _ in range(RUNS):
            first = rng.choice(points)
            done = run(path, sql, LD_PRELOAD=library("memory"), FAIL_FIRST=str(first), FAIL_LAST=str(rng.choice([first, FOREVER])))
            what = f"{sql}\n  allocation {first} of {points}, seed {SEED}: {done.returncode} {done.stderr[-300:]}"
            assert done.returncode >= 0, what
            if (done.returncode, done.stdout, done.stderr) != (expected.returncode, expected.stdout, expected.stderr):
                assert done.returncode and "memory" in done.stderr.lower(), what
                assert expected.stdout.startswith(done.stdout) or expected.returncode, what
                failed += 1
        assert failed > RUNS / 10, f"{sql}: {failed} of {RUNS}"


def test_loading():
    """What an entry point has registered before it fails must not point into a library that SQLite then unloads."""
    rng = random.Random(SEED)
    last = allocations(":memory:", "SELECT 1").start
    for first in rng.sample(range(last // 2, last + 1), RUNS):
        done = run(":memory:", "SELECT 1", LD_PRELOAD=library("memory"), FAIL_FIRST=str(first), FAIL_LAST=str(first))
        assert done.returncode >= 0, f"allocation {first} of {last}, seed {SEED}: {done.returncode} {done.stderr[-300:]}"
