"""The benchmarks' data: made once by plain SQL from a formula, the same each time, in build/bench.

readings(id INTEGER PRIMARY KEY, ts, sensor_id INTEGER, value REAL) with an index on ts: 100 sensors, values on a slow
climb with noise. points(id INTEGER PRIMARY KEY, x REAL, y REAL): a cloud. peers.js has the same formulas.
"""
import os
import shutil
import sqlite3
import sys
import time

from almanac import BUILD

HOME = os.path.join(BUILD, "bench")
START = 1704067200  # 2024-01-01 00:00 UTC
FORMAT = 1  # of the files; raise it when the formulas change

HASH = "((i * 2654435761) & 4294967295)"
SENSOR = f"({HASH} >> 9) % 100"
VALUE = f"50.0 + i % 1000003 / 20000.0 + {HASH} / 4294967296.0"
CLOCKS = {  # spelling of the time -> (declared type, expression over the second `s`)
    "integer": ("INTEGER", "s"),
    "text": ("TEXT", "strftime('%Y-%m-%d %H:%M:%S', s, 'unixepoch')"),
}


def spelled(clock, s):
    """The second `s` as the column holds it."""
    return s if clock == "integer" else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(s))


def create(name, statements):
    """A database made by `statements`, unless it is there. Returns its path."""
    os.makedirs(HOME, exist_ok=True)
    path = os.path.join(HOME, f"{name}-{FORMAT}.db")
    if not os.path.exists(path):
        print(f"making {os.path.relpath(path)}", file=sys.stderr)
        for leftover in (path + ".new", path + ".new-journal"):
            if os.path.exists(leftover):
                os.unlink(leftover)
        db = sqlite3.connect(path + ".new", isolation_level=None)
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -200000")
        for statement in statements:
            db.execute(statement)
        db.close()
        os.rename(path + ".new", path)
    return path


def readings(rows, clock="integer", seconds=1.0):
    """`rows` readings, one every `seconds` on average."""
    declared, expression = CLOCKS[clock]
    return create(f"readings-{rows}-{clock}-{seconds:g}", [
        f"CREATE TABLE readings(id INTEGER PRIMARY KEY, ts {declared}, sensor_id INTEGER, value REAL)",
        f"""INSERT INTO readings(id, ts, sensor_id, value)
            WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT {rows})
            SELECT i, {expression}, {SENSOR}, {VALUE}
            FROM (SELECT i, {START} + CAST(i * {seconds} AS INTEGER) AS s FROM c)""",
        "CREATE INDEX readings_ts ON readings(ts)"])


def points(rows):
    return create(f"points-{rows}", [
        "CREATE TABLE points(id INTEGER PRIMARY KEY, x REAL, y REAL)",
        f"""INSERT INTO points(id, x, y)
            WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT {rows})
            SELECT i, (h % 1009 + h % 1013 + h % 1019) / 3041.0 * 100, (h % 1021 + h % 1031 + h % 1033) / 3085.0 * 100
            FROM (SELECT i, {HASH} AS h FROM c)"""])


def copy(path, name):
    """A copy to change, in the place of the last one of that name."""
    target = os.path.join(HOME, name + ".db")
    for suffix in ("", "-journal", "-wal", "-shm"):
        if os.path.exists(target + suffix):
            os.unlink(target + suffix)
    shutil.copyfile(path, target)
    return target
