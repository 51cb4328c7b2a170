"""The scans of raw rows: beside sum() of the same columns, the floor of what SQLite itself can do, beside plain SQL and
the aggregates, and beside DuckDB and ClickHouse on tables of their own, in the same run."""
import sys

import data
import peers
from aggregates import warm
from almanac import EXTENSION
from measure import heading, line, queries, report, watched

PLAIN_ROWS_MAX = 10_000_000  # plain SQL of more would take minutes, and tells nothing new
MEMORY = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.enable_load_extension(True)
db.load_extension(sys.argv[2])
db.execute("SELECT almanac_threads(?)", (int(sys.argv[3]),)).fetchall()
for row in db.execute(sys.argv[4]):
    pass
"""


class Work:
    """One thing to do: our SQL, the columns whose sum() is the floor, the goal beside it, and what else to compare with."""

    def __init__(self, name, peer, path, n, scan, floor, at_most=None, plain=None, plain_at_most=None, plain_name="plain SQL"):
        self.name, self.peer, self.path, self.n, self.scan, self.floor = name, peer, path, n, scan, floor
        self.at_most, self.plain, self.plain_at_most, self.plain_name = at_most, plain, plain_at_most, plain_name


def works(rows):
    readings, points, few = data.readings(rows), data.points(rows // 2), rows // 10
    small = rows <= PLAIN_ROWS_MAX
    yield Work("hour x sensor: count, avg, min, max", "hours", readings, rows,
               "SELECT count(*), sum(n), max(avg), min(min), max(max) FROM rollup_scan('readings', 'ts', '1 hour', 'value', 'sensor_id')",
               "SELECT sum(ts), sum(value) FROM readings", 0.25,
               "SELECT count(*) FROM (SELECT ts / 3600 * 3600, sensor_id, avg(value), min(value), max(value), count(*)"
               " FROM readings GROUP BY 1, 2)" if small else None)
    yield Work("density, 100 x 100", "density", points, rows // 2,
               "SELECT length(grid) FROM density_grid_scan('points', 'x', 'y', 100, 100, 0, 100, 0, 100)",
               "SELECT sum(x), sum(y) FROM points", 0.35,
               "SELECT count(*) FROM (SELECT min(CAST(y AS INTEGER), 99), min(CAST(x AS INTEGER), 99), count(*) FROM points"
               " WHERE x BETWEEN 0 AND 100 AND y BETWEEN 0 AND 100 GROUP BY 1, 2)" if small else None)
    yield Work("lttb to 1,000", "lttb", readings, rows,
               "SELECT count(*) FROM lttb_scan('readings', 'ts', 'value', 1000)", "SELECT sum(ts), sum(value) FROM readings", None,
               "SELECT lttb(ts, value, 1000) FROM readings" if small else None, 0.5, "the lttb() aggregate")
    head = f"FROM readings WHERE id <= {few}"
    frame = "OVER (ORDER BY ts ROWS 10079 PRECEDING)"
    yield Work("peak, drawdown and deepest drawdown, 10,080 rows back", "drawdown", readings, few,
               f"SELECT count(*), sum(deepest) FROM drawdown_scan('readings', 'ts', 'value', 10080, '{{\"id\": {{\"<=\": {few}}}}}')",
               f"SELECT sum(ts), sum(value) {head}", None,
               f"SELECT count(*), sum(deepest) FROM (SELECT ts, value, peak, value / peak - 1 AS drawdown, min(value / peak - 1) {frame} AS deepest"
               f" FROM (SELECT ts, value, max(value) {frame} AS peak {head}))" if small else None, 0.125, "two window functions")


def peak_memory(work, threads):
    return watched([sys.executable, "-S", "-c", MEMORY, work.path, EXTENSION, str(threads), work.scan])[1]


def measure(work, rows, rounds, found):
    db = warm(work.path)
    t = queries(db, rounds, {"floor": work.floor, "scan": work.scan})
    way = db.execute("SELECT DISTINCT way FROM rollup_scan('readings', 'ts', '1 hour', 'value', NULL, '{\"id\": 1}')"
                     if "readings" in work.scan else
                     "SELECT way FROM density_grid_scan('points', 'x', 'y', 1, 1, 0, 1, 0, 1, '{\"id\": 1}')").fetchone()[0]
    if way != "pages":
        raise RuntimeError(f"{work.name} reads through {way}")
    of = f"{work.name}, {work.n:,} rows"
    report(of, t["scan"], "sum() of its columns", t["floor"], at_most=work.at_most, rows=work.n)
    if work.plain:
        plain = queries(db, 1, {"plain": work.plain})["plain"]
        report(of, t["scan"], work.plain_name, plain, at_most=work.plain_at_most)
    taken = {1: t["scan"]}
    db.execute("SELECT almanac_threads(2)").fetchall()
    taken[2] = queries(db, rounds, {"scan": work.scan})["scan"]
    report(f"{of}, two threads", taken[2], "one thread", taken[1], rows=work.n)
    for (engine, threads), peer in found.items():
        if work.peer in peer["seconds"]:
            report(f"{of}, threads: {threads}", taken[threads],
                   f"{peers.ENGINES[engine]} {peer['version'].lstrip('v')}, threads: {threads}", peer["seconds"][work.peer])
    for threads in taken:
        line(f"{of}, threads: {threads}, peak memory of the whole process", f"{peak_memory(work, threads) / 1e6:.0f} MB", "", "", "", "", "")
    db.close()


def run_at(rows, rounds):
    heading(f"Scans of {rows:,} readings and {rows // 2:,} points")
    found = peers.times(rows, rounds)
    for (engine, threads), peer in found.items():
        line(f"{peers.ENGINES[engine]}, threads: {threads}, peak memory of the whole process, all of it", f"{peer['peak'] / 1e6:.0f} MB",
             "", "", "", "", "")
    for work in works(rows):
        measure(work, rows, rounds, found)


def run(rows, rounds):
    for size in sorted({max(rows // 10, 100_000), rows}):
        run_at(size, rounds)
