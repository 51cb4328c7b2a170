"""The functions over raw rows: beside plain SQL, and beside sum() of the same columns, which is the floor."""
import data
from almanac import connect
from measure import heading, queries, report


def warm(path):
    db = connect(path)
    db.execute("PRAGMA cache_size = -1000000")  # all of it in memory: what is measured is the work on the rows
    return db


def density(rows, rounds):
    db = warm(data.points(rows // 2))
    grid = "x, y, 100, 100, 0, 100, 0, 100"
    t = queries(db, rounds, {
        "floor": "SELECT sum(x), sum(y) FROM points",
        "grid": f"SELECT density_grid({grid}) FROM points",
        "trace": f"SELECT density_grid_trace({grid}) FROM points",
        "own": "SELECT density_grid(x, y, 100, 100) FROM points",
        "sql": "SELECT min(CAST(y AS INTEGER), 99), min(CAST(x AS INTEGER), 99), count(*) FROM points"
               " WHERE x BETWEEN 0 AND 100 AND y BETWEEN 0 AND 100 GROUP BY 1, 2"})
    of = f"of {rows // 2:,} points, 100 x 100"
    report(f"density_grid {of}", t["grid"], "sum(x), sum(y)", t["floor"], at_most=1.15)
    report("the same", t["grid"], "GROUP BY in plain SQL", t["sql"])
    report("density_grid_trace", t["trace"], "sum(x), sum(y)", t["floor"], at_most=1.15)
    report("density_grid over the data's own range", t["own"], "sum(x), sum(y)", t["floor"])


def lines(rows, rounds):
    db = warm(data.readings(rows))
    t = queries(db, rounds, {
        "floor": "SELECT sum(ts), sum(value) FROM readings",
        "lttb": "SELECT lttb(ts, value, 1000) FROM readings",
        "plain": "SELECT max(ts / 3600 * 3600) FROM readings",
        "bucket": "SELECT max(time_bucket('1 hour', ts)) FROM readings"})
    report(f"lttb of {rows:,} points to 1,000", t["lttb"], "sum(ts), sum(value)", t["floor"], at_most=1.25)
    report("max(time_bucket('1 hour', ts))", t["bucket"], "max(ts / 3600 * 3600)", t["plain"], at_most=1.2)
    text = warm(data.readings(rows // 5, "text", 5))
    t = queries(text, rounds, {
        "plain": "SELECT max(strftime('%Y-%m-%d %H:00:00', ts)) FROM readings",
        "bucket": "SELECT max(time_bucket('1 hour', ts)) FROM readings",
        "zone": "SELECT max(time_bucket('1 hour', ts, 'Europe/Berlin')) FROM readings"})
    report(f"the same of {rows // 5:,} text timestamps", t["bucket"], "max(strftime('%Y-%m-%d %H:00:00', ts))", t["plain"], at_most=1.0)
    report("the same in a time zone", t["zone"], "max(strftime('%Y-%m-%d %H:00:00', ts))", t["plain"])


def hours(rows, rounds):
    db = warm(data.readings(rows))
    select = "SELECT {bucket} AS bucket, sensor_id, avg(value), min(value), max(value), count(*) FROM readings GROUP BY 1, 2"
    t = queries(db, min(rounds, 3), {"plain": select.format(bucket="ts / 3600 * 3600"),
                                     "ours": select.format(bucket="time_bucket('1 hour', ts)"),
                                     "floor": "SELECT sum(ts), sum(sensor_id), sum(value) FROM readings"})
    report("hour x sensor: avg, min, max, count, by time_bucket", t["ours"], "by ts / 3600 * 3600", t["plain"])
    report("the same", t["ours"], "sum(ts), sum(sensor_id), sum(value)", t["floor"])


def drawdowns(rows, rounds):
    db = warm(data.readings(rows))
    n = rows // 10
    over = f"OVER (ORDER BY id ROWS 10079 PRECEDING) AS d FROM readings WHERE id <= {n})"
    t = queries(db, rounds, {"max": f"SELECT sum(d) FROM (SELECT max(value) {over}",
                             "sum": f"SELECT sum(d) FROM (SELECT sum(value) {over}",
                             "rolling": f"SELECT sum(d) FROM (SELECT rolling_drawdown(value) {over}",
                             "newest": f"SELECT sum(d) FROM (SELECT drawdown(value) {over}",
                             "plain": f"SELECT rolling_drawdown(value) FROM readings WHERE id <= {n}",
                             "floor": f"SELECT sum(value) FROM readings WHERE id <= {n}"})
    report(f"rolling_drawdown, {n:,} rows, 10,080 back", t["rolling"], "max() OVER the same frame", t["max"], at_most=1.0)
    report("the same", t["rolling"], "sum() OVER the same frame", t["sum"])
    report("drawdown, the same frame", t["newest"], "max() OVER the same frame", t["max"], at_most=1.0)
    report("rolling_drawdown as a plain aggregate", t["plain"], "sum(value)", t["floor"])


def run(rows, rounds):
    heading("Functions over raw rows")
    for part in (hours, density, lines, drawdowns):
        part(rows, rounds)
