"""rolling_drawdown and drawdown against all pairs of the frame, which plain SQL's group_concat(id) lists."""
import itertools
import math
import os
import random
import struct
import subprocess
import sys

import numpy
from almanac import EXTENSION, connect, equal, error_of

FRAMES = [f"{kind} BETWEEN {a} AND {b}"
          for kind in ("ROWS", "RANGE", "GROUPS")
          for a, b in [("UNBOUNDED PRECEDING", "CURRENT ROW"), ("UNBOUNDED PRECEDING", "UNBOUNDED FOLLOWING"),
                       ("UNBOUNDED PRECEDING", "3 PRECEDING"), ("7 PRECEDING", "CURRENT ROW"), ("20 PRECEDING", "2 PRECEDING"),
                       ("4 PRECEDING", "4 FOLLOWING"), ("CURRENT ROW", "CURRENT ROW"), ("CURRENT ROW", "9 FOLLOWING"),
                       ("2 FOLLOWING", "11 FOLLOWING"), ("3 FOLLOWING", "1 FOLLOWING"), ("1 PRECEDING", "4 PRECEDING"),
                       ("CURRENT ROW", "UNBOUNDED FOLLOWING"), ("1 FOLLOWING", "UNBOUNDED FOLLOWING")]]
EXCLUDES = ["", "EXCLUDE NO OTHERS", "EXCLUDE CURRENT ROW", "EXCLUDE GROUP", "EXCLUDE TIES"]


def pairs(values, mode):
    """(deepest, newest) of a frame by comparing all pairs; None where there is no answer. (1) (2) (3) (5) (6) (8)"""
    v = numpy.array([x for x in values if x is not None], dtype=float)
    if not len(v) or (mode == "ratio" and (v < 0).any()):
        return None, None
    with numpy.errstate(all="ignore"):
        against = v[None, :] / v[:, None] - 1 if mode == "ratio" else v[None, :] - v[:, None]
    against = numpy.where(v[None, :] >= v[:, None], 0.0, against)
    return float(numpy.triu(against).min()), float(against[:, -1].min())


def bits(x):
    return x if x is None else struct.pack("<d", x)


def series(rng, kind, n):
    if kind == "walk":
        return list(numpy.cumprod([1 + rng.gauss(0, 0.02) for _ in range(n)]) * 100)
    if kind == "ties":
        return [rng.randint(0, 5) for _ in range(n)]
    if kind == "falling":
        return [1000.5 - i - rng.random() for i in range(n)]
    if kind == "zigzag":
        return [100 + i * 0.01 - (i % 2) * rng.random() * (n - i) for i in range(n)]
    if kind == "mixed":
        return [rng.choice([None, 0, 0.0, -0.0, -1, -0.5, 5e-324, 1e308, 7, 3.25, "4.5", "x", "1e3z", b"2"]) for _ in range(n)]
    return [None if rng.random() < 0.3 else rng.random() * 10 - (rng.random() < 0.03) * 20 for _ in range(n)]


def as_sum_reads(value):
    """(7): what SQLite's own sum() makes of a value."""
    if value is None:
        return None
    return connect(extension=False).execute("SELECT sum(?) + 0.0", (value,)).fetchone()[0]


def filled(rng, kind, n=48):
    db = connect()
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, part, k, v)")
    memo, values = {}, {}
    for i, v in enumerate(series(rng, kind, n)):
        db.execute("INSERT INTO t VALUES (?, ?, ?, ?)", (i, rng.randint(0, 1), rng.choice([None, rng.randint(0, n), i]), v))
        key = (type(v), v, str(v))
        values[i] = memo[key] if key in memo else memo.setdefault(key, as_sum_reads(v))
    return db, values


def check(db, values, query, what):
    """Compares rows (ids of the frame, rolling ratio, rolling absolute, newest ratio, newest absolute)."""
    for ids, *got in db.execute(query):
        frame = [values[int(i)] for i in ids.split(",")] if ids else []
        (deepest_ratio, newest_ratio), (deepest_absolute, newest_absolute) = pairs(frame, "ratio"), pairs(frame, "absolute")
        expected = [deepest_ratio, deepest_absolute, newest_ratio, newest_absolute]
        if list(map(bits, got)) != list(map(bits, expected)):
            raise AssertionError(f"{what}\n  {query}\n  frame {frame}\n  got      {got}\n  expected {expected}")
        assert all(x is None or isinstance(x, float) and x <= 0 for x in got), got


COLUMNS = ("group_concat(id) {over}, rolling_drawdown(v) {over}, rolling_drawdown(v, 'absolute') {over}, "
           "drawdown(v, 'ratio') {over}, drawdown(v, 'ABSOLUTE') {over}")


def test_random_frames():
    for seed, kind in enumerate(["walk", "ties", "falling", "zigzag", "mixed", "gaps"]):
        rng = random.Random(seed)
        db, values = filled(rng, kind)
        for frame, exclude in itertools.product(FRAMES, EXCLUDES):
            if exclude and rng.random() < 0.6:
                continue
            part = rng.choice(["", "PARTITION BY part"])
            # RANGE with an offset takes one ORDER BY expression; rows equal in it come in the order of the scan.
            order = rng.choice(["k", "k DESC", "k NULLS LAST"] if frame.startswith("RANGE") else ["id", "k, id", "k", "v, id"])
            over = f"OVER ({part} ORDER BY {order} {frame} {exclude})"
            check(db, values, f"SELECT {COLUMNS.format(over=over)} FROM t", f"seed {seed} {kind}")
        over = "FILTER (WHERE id % 3) OVER (ORDER BY id ROWS 9 PRECEDING)"
        check(db, values, f"SELECT {COLUMNS.format(over=over)} FROM t", f"seed {seed} {kind}")


def test_one_mode_in_several_windows_at_once():
    db, values = filled(random.Random(77), "walk", 300)
    for rows in (0, 1, 2, 63, 64, 65, 200):
        over = f"OVER (ORDER BY id ROWS {rows} PRECEDING)"
        check(db, values, f"SELECT {COLUMNS.format(over=over)} FROM t", f"rows {rows}")


def test_plain_aggregates():
    """(9) In row order, with and without GROUP BY."""
    for seed, kind in enumerate(["walk", "ties", "falling", "zigzag", "mixed", "gaps"], 100):
        db, values = filled(random.Random(seed), kind, 200)
        columns = COLUMNS.format(over="")
        check(db, values, f"SELECT {columns} FROM t", f"seed {seed} {kind}")
        check(db, values, f"SELECT {columns} FROM t WHERE 0", f"seed {seed} {kind}")
        check(db, values, f"SELECT {columns} FROM (SELECT * FROM t ORDER BY part, id) GROUP BY part", f"seed {seed} {kind}")
        check(db, values, f"SELECT {columns} FROM (SELECT * FROM t ORDER BY k, id) GROUP BY k", f"seed {seed} {kind}")


def test_infinity():
    """(8)"""
    db = connect()
    inf = math.inf
    for values, mode, expected in [
            ([inf, 5.0], "ratio", (-1.0, -1.0)), ([inf, inf], "ratio", (0.0, 0.0)), ([5.0, inf, 5.0, inf], "ratio", (-1.0, 0.0)),
            ([inf, 5.0], "absolute", (-inf, -inf)), ([inf, inf], "absolute", (0.0, 0.0)), ([-inf, -inf], "absolute", (0.0, 0.0)),
            ([1.0, -inf, 2.0], "absolute", (-inf, 0.0)), ([-inf, 1.0], "ratio", (None, None)),
            ([1e308, -1e308], "absolute", (-inf, -inf))]:
        db.execute("DROP TABLE IF EXISTS t")
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
        db.executemany("INSERT INTO t(v) VALUES (?)", [(v,) for v in values])
        got = db.execute("SELECT rolling_drawdown(v, ?1), drawdown(v, ?1) FROM t", (mode,)).fetchone()
        equal(got, expected, (values, mode))
        equal(pairs(values, mode), expected, (values, mode))


def test_values_known_by_hand():
    db = connect()
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    db.executemany("INSERT INTO t(v) VALUES (?)", [(100,), (80,), (120,), (None,), (60,), (90,), (0,), (0,), (-4,), (2,), (1,)])
    got = db.execute("SELECT rolling_drawdown(v) OVER w, drawdown(v) OVER w, rolling_drawdown(v, 'absolute') OVER w"
                     " FROM t WINDOW w AS (ORDER BY id ROWS 2 PRECEDING)").fetchall()
    equal(got, [(0.0, 0.0, 0.0), (80 / 100 - 1, 80 / 100 - 1, -20.0), (80 / 100 - 1, 0.0, -20.0), (0.0, 0.0, 0.0),
                (-0.5, -0.5, -60.0), (0.0, 0.0, 0.0), (-1.0, -1.0, -90.0), (-1.0, -1.0, -90.0),
                (None, None, -4.0), (None, None, -4.0), (None, None, -1.0)])


def test_a_negative_value_is_forgotten_with_the_frame():
    """(6)"""
    db = connect()
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    db.executemany("INSERT INTO t(v) VALUES (?)", [(v,) for v in (4, 2, -1, 10, 5, 8, -1, -1, 3, 2, 1)])
    got = [r[0] for r in db.execute("SELECT rolling_drawdown(v) OVER (ORDER BY id ROWS 1 PRECEDING) FROM t")]
    equal(got, [0.0, -0.5, None, None, -0.5, 0.0, None, None, None, 2 / 3 - 1, -0.5])


def test_errors():
    db = connect()
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v, m)")
    db.execute("INSERT INTO t(v, m) VALUES (1, 'ratio'), (2, 'absolute')")
    for name in ("rolling_drawdown", "drawdown"):
        for mode, shown in [("'percent'", "'percent'"), ("NULL", "NULL"), ("7", "7"), ("x'00'", "a blob of 1 bytes"), ("''", "''")]:
            expected = f"{name}: the mode must be 'ratio' or 'absolute', not {shown}"
            equal(error_of(db, f"SELECT {name}(v, {mode}) FROM t"), expected)
            equal(error_of(db, f"SELECT {name}(v, {mode}) OVER (ORDER BY id) FROM t"), expected)
        changes = f"{name}: the mode must be the same in all rows of a group, not 'ratio' and then 'absolute'"
        equal(error_of(db, f"SELECT {name}(v, m) FROM t"), changes)
        equal(error_of(db, f"SELECT {name}(v, m) OVER (ORDER BY id) FROM t"), changes)
        equal(db.execute(f"SELECT {name}(v, m) FROM t GROUP BY m").fetchall(), [(0.0,), (0.0,)])
        assert "wrong number of arguments" in error_of(db, f"SELECT {name}() FROM t")
        assert "wrong number of arguments" in error_of(db, f"SELECT {name}(v, 'ratio', 1) FROM t")
    equal(db.execute("SELECT rolling_drawdown(NULL), typeof(rolling_drawdown(3)), drawdown(3) ").fetchall(), [(None, "real", 0.0)])


def test_ends_early_without_harm():
    """A statement that is reset in the middle of a frame gives its memory back (the sanitizers watch)."""
    db = connect()
    cursor = db.execute("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 5000)"
                        " SELECT rolling_drawdown(-i, 'absolute') OVER (ORDER BY i ROWS 700 PRECEDING) FROM c")
    equal([cursor.fetchone()[0] for _ in range(1500)][-1], -700.0)
    cursor.close()
    equal(db.execute("SELECT rolling_drawdown(5)").fetchone()[0], 0.0)


def test_out_of_memory_is_an_error():
    """(10) A long fall keeps every row, and says so when they don't fit; a walk of as many rows does fit."""
    with open(EXTENSION + ".so", "rb") as file:
        if b"__asan_" in file.read():
            return  # the sanitizer's shadow doesn't fit into the limit
    program = f"""
import os, resource, sys
sys.path.insert(0, {os.path.dirname(os.path.dirname(os.path.abspath(__file__)))!r})
from almanac import connect
db = connect()
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, (used + (24 << 20),) * 2)
numbers = "(WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 2000000) SELECT i FROM c)"
print(db.execute(f"SELECT rolling_drawdown(i * 7919 % 100003 + 1) FROM {{numbers}}").fetchone()[0])
try:
    print(db.execute(f"SELECT rolling_drawdown(1e7 - i) FROM {{numbers}}").fetchone())
except MemoryError:
    print("out of memory")
print(db.execute("SELECT rolling_drawdown(1)").fetchone()[0])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    equal(done.stdout.split("\n"), [str(1 / 100003 - 1), "out of memory", "0.0", ""], done.stderr)
