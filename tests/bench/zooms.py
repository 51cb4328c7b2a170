"""Pyramids: what one takes, and how long a view of any range takes, beside the same on a hundredth (a tenth) of the rows."""
import random
import time

import data
from almanac import connect
from measure import heading, line, report, tool

KEYED = "CREATE INDEX readings_sensor_ts ON readings(sensor_id, ts)"
ZOOM = "CREATE MATERIALIZED VIEW readings_zoom WITH (zoom = auto) AS SELECT ts, sensor_id, value FROM readings;\n"
READS = {"zoom_points to 2,000": "SELECT count(*) FROM zoom_points('readings_zoom', ?, ?, 2000, ?)",
         "zoom_buckets, at most 500": "SELECT count(*) FROM zoom_buckets('readings_zoom', ?, ?, 500, ?)"}
VIEWS = 1000
LIMIT_S, TIMES_MAX, STORAGE_MAX = 0.010, 1.5, 0.40
SEED = 20261120


def size(db, condition):
    """Bytes. dbstat's own sums of them have 32 bits; `pageno` of a table as a whole is the number of its pages."""
    pages = db.execute(f"SELECT sum(pageno) FROM dbstat WHERE aggregate = 1 AND {condition}").fetchone()[0]
    return pages * db.execute("PRAGMA page_size").fetchone()[0]


def pyramid(rows):
    """A database with a filled pyramid."""
    path = data.copy(data.readings(rows), f"zoom-{rows}")
    db = connect(path)
    db.execute(KEYED)
    db.close()
    tool("apply", path, "-", stdin=ZOOM)
    seconds, peak, _ = tool("refresh", path)
    report(f"first fill of a pyramid, {rows:,} rows", seconds)
    line("its peak memory", f"{peak / 1e6:.1f} MB", "", "", "", "100 MB", "ok" if peak < 100e6 else "MISSED")
    db = connect(path)
    raw = size(db, "name = 'readings'")
    kept = size(db, "name NOT IN ('readings', 'readings_ts', 'readings_sensor_ts')")
    line(f"its storage, beside the raw table's {raw / 1e6:.0f} MB", f"{kept / 1e6:.1f} MB", "", "", f"{kept / raw:.2f} x", f"{STORAGE_MAX:g} x",
         "ok" if kept <= STORAGE_MAX * raw else "MISSED")
    return db


def views(db, rows, sql):
    """Seconds of each of many views of random ranges of random sensors, as somebody drags and zooms, in ascending order. All are
    seen once before, so that what they read is in memory."""
    for _ in range(2):
        chance = random.Random(SEED)
        taken = []
        for _ in range(VIEWS):
            lo, hi = sorted(chance.uniform(data.START, data.START + rows) for _ in range(2))
            started = time.perf_counter()
            db.execute(sql, (int(lo), int(hi), chance.randrange(100))).fetchall()
            taken.append(time.perf_counter() - started)
    return sorted(taken)


def run(rows, rounds):
    few = max(100_000, min(rows // 10, 1_000_000))
    heading(f"Pyramids: {VIEWS:,} views of random ranges of random sensors, {rows:,} and {few:,} rows")
    small, large = pyramid(few), pyramid(rows)
    for work, sql in READS.items():
        beside, taken = views(small, few, sql), views(large, rows, sql)
        median, worst = VIEWS // 2, VIEWS * 99 // 100
        report(f"{work}, median, {rows:,} rows", taken[median], f"{few:,} rows", beside[median])
        report(f"{work}, 99th percentile, {rows:,} rows", taken[worst], f"{few:,} rows", beside[worst], at_most=TIMES_MAX)
        report(f"{work}, 99th percentile, {rows:,} rows", taken[worst], limit=LIMIT_S)
    small.close()
    large.close()
