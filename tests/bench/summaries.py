"""Summaries kept by the tool: the first fill, late rows, reads of a summary's name, appends."""
import os
import sqlite3
import statistics

import data
from almanac import BUILD, connect
from measure import clocked, heading, interleaved, line, report, shown, tool

WIDTHS = {"quarterly": "15 minutes", "hourly": "1 hour", "daily": "1 day"}
COLUMNS = "count(*) AS n, avg(value) AS value_avg, min(value) AS value_min, max(value) AS value_max"
READINGS_PER_SUMMARY_ROUND = 100


def select(width):
    return f"SELECT time_bucket('{width}', ts) AS bucket, sensor_id, {COLUMNS} FROM readings GROUP BY 1, 2"


def definition(name, width):
    return f"CREATE MATERIALIZED VIEW readings_{name} AS {select(width)};\n"


def stock(path):
    """As a dashboard reads: without the extension."""
    return sqlite3.connect(path, isolation_level=None)


def dirty(path):
    db = stock(path)
    found = db.execute("SELECT sum(dirty) FROM almanac_status").fetchone()[0]
    db.close()
    return found


def declare(path, text):
    tool("apply", path, "-", stdin=text)
    tool("refresh", path)


def first_fill(rows, rounds):
    source = data.readings(rows)
    taken = {"table": [], "apply": [], "refresh": []}
    peaks = []
    for turn in range(min(rounds, 3)):
        path = data.copy(source, "fill-table")
        db = connect(path)
        db.execute("SELECT sum(value) FROM readings").fetchall()
        taken["table"].append(clocked(lambda: db.execute(f"CREATE TABLE filled AS {select('1 hour')}")))
        db.close()
        path = data.copy(source, "fill")
        stock(path).execute("SELECT sum(value) FROM readings").fetchall()
        seconds, peak, _ = tool("apply", path, "-", stdin=definition("hourly", "1 hour"))
        taken["apply"].append(seconds)
        peaks.append(peak)
        seconds, peak, _ = tool("refresh", path)
        taken["refresh"].append(seconds)
        peaks.append(peak)
    t = {name: statistics.median(seconds) for name, seconds in taken.items()}
    fill = t["apply"] + t["refresh"]
    report(f"first fill, hour x sensor, {rows:,} rows: apply and refresh", fill, "CREATE TABLE AS of the same SELECT", t["table"],
           at_most=1.4)
    line("its peak memory", f"{max(peaks) / 1e6:.1f} MB", "", "", "", "64 MB", "ok" if max(peaks) < 64e6 else "MISSED")
    late_rows(path, fill)


def late_rows(path, fill):
    """1,000 rows into 3 hours of the past, thrice."""
    seconds, recomputed = [], []
    for turn in range(3):
        db = stock(path)
        db.execute("BEGIN")
        for i in range(1000):
            ts = data.START + (10 + 7 * turn + i % 3) * 3600 + i
            db.execute("INSERT INTO readings(ts, sensor_id, value) VALUES (?, ?, 1.5)", (ts, i % 100))
        db.execute("COMMIT")
        db.close()
        recomputed.append(dirty(path))
        seconds.append(tool("refresh", path)[0])
        assert dirty(path) == 0, "still dirty after the refresh"
    report("refresh after 1,000 late rows in 3 hours", statistics.median(seconds), "first fill", fill, at_most=0.01)
    line("partitions it recomputes", str(max(recomputed)), "", "", "", "3", "ok" if set(recomputed) == {3} else "MISSED")


def reads_of(db, name, newest, other_day):
    day = f"{name} WHERE sensor_id = 42 AND bucket >= {other_day} AND bucket < {other_day} + 86400"
    columns = "SELECT bucket, sensor_id, n, value_avg FROM"
    return {"latest 24": f"{columns} {name} ORDER BY bucket DESC LIMIT 24",
            "latest 24 of a sensor": f"{columns} {name} WHERE sensor_id = 42 ORDER BY bucket DESC LIMIT 24",
            "a day of a sensor": f"{columns} {day}"}


def timed_reads(db, statements, times=60):
    """{name: median seconds} of statements that take far less than a millisecond."""
    return interleaved(times, {name: lambda sql=sql: db.execute(sql).fetchall() for name, sql in statements.items()})


def reads(rows, rounds):
    """Once with many raw rows behind a stored one, once with as many stored rows as raw ones."""
    for what, hours in (("dense", 800), ("as many stored", rows // 5 // 100)):
        n = rows // 5
        seconds = hours * 3600 / n
        path = data.copy(data.readings(n, "integer", seconds), "reads")
        declare(path, "".join(definition(name, width) for name, width in WIDTHS.items()))
        reads_in_states(path, n, seconds, what)


def reads_in_states(path, n, seconds, what):
    db = stock(path)
    newest = db.execute("SELECT max(ts) FROM readings").fetchone()[0]
    middle = data.START + (newest - data.START) // 2 // 86400 * 86400
    stored = {name: db.execute(f"SELECT count(*) FROM readings_{name}_stored").fetchone()[0] for name in WIDTHS}
    for name in WIDTHS:
        label = f"{n:,} raw, {stored[name]:,} stored, {WIDTHS[name]}"
        clean = timed_reads(db, reads_of(db, f"readings_{name}", newest, middle))
        table = timed_reads(db, reads_of(db, f"readings_{name}_stored", newest, middle))
        for query in clean:
            limit = max(3 * table[query], table[query] + 0.0002)
            report(f"clean, {query} ({label})", clean[query], "the stored table", table[query], limit=limit)
    tail = [(newest + int(i * seconds), i % 100) for i in range(1, 5001)]
    db.execute("BEGIN")
    db.executemany("INSERT INTO readings(ts, sensor_id, value) VALUES (?, ?, 2.5)", tail)
    db.execute("COMMIT")
    for name in WIDTHS:
        t = timed_reads(db, reads_of(db, f"readings_{name}", newest, middle))
        t["a day of a sensor, in the tail"] = timed_reads(
            db, {"": reads_of(db, f"readings_{name}", newest, newest // 86400 * 86400)["a day of a sensor"]})[""]
        for query, taken in t.items():
            report(f"open tail of 5,000 rows, {query} ({WIDTHS[name]})", taken, limit=0.003)
    tool("refresh", path)
    step = max(1, n // 11)
    for i in range(1, 11):  # ten rows far apart dirty ten partitions of each summary, none on the day that is read
        db.execute("UPDATE readings SET value = value + 1 WHERE id = ?", (i * step,))
    away = [d for d in range(data.START, newest, 86400)
            if not db.execute(f"SELECT 1 FROM readings WHERE id % {step} = 0 AND id <= 10 * {step} AND ts >= ? AND ts < ?",
                              (d, d + 86400)).fetchone()]
    for name in WIDTHS:
        t = timed_reads(db, reads_of(db, f"readings_{name}", newest, away[len(away) // 2]))
        report(f"10 partitions dirty, a clean day of a sensor ({WIDTHS[name]})", t["a day of a sensor"], limit=0.001)
    db.close()


def sizes(rows, rounds):
    """A summary read back must cost the same at any size."""
    taken = {}
    for n in (rows // 10, rows):
        path = data.copy(data.readings(n), "sizes")
        declare(path, definition("hourly", "1 hour"))
        db = stock(path)
        middle = data.START + n // 2 // 86400 * 86400
        taken[n] = timed_reads(db, reads_of(db, "readings_hourly", 0, middle))
        db.close()
    for query in taken[rows]:
        report(f"summary read back, {query}, {rows:,} rows", taken[rows][query], f"{rows // 10:,} rows", taken[rows // 10][query], limit=0.001)


def appends(rows, rounds):
    """One transaction of appended rows, rolled back each time: the same file for each round, and no disk in it."""
    n, batch = rows // 5, max(1000, rows // 50)
    many = "".join(definition(f"s{i}", width) for i, width in enumerate(
        ["15 minutes", "1 hour", "1 day", "1 week", "30 minutes", "2 hours", "6 hours", "12 hours", "5 minutes", "1 month"]))
    files = {}
    for name, text in (("none", ""), ("one", definition("hourly", "1 hour")), ("ten", many)):
        files[name] = data.copy(data.readings(n, "integer", 800 * 3600 / n), f"appends-{name}")
        if text:
            declare(files[name], text)
    connections = {name: stock(path) for name, path in files.items()}
    newest = connections["none"].execute("SELECT max(ts) FROM readings").fetchone()[0]
    values = [(newest + i // 2, i % 100, 50.0 + i % 7) for i in range(batch)]

    def append(db):
        db.execute("BEGIN")
        db.executemany("INSERT INTO readings(ts, sensor_id, value) VALUES (?, ?, ?)", values)

    taken = {name: [] for name in files}
    for turn in range(rounds + 1):
        for name, db in connections.items():
            seconds = clocked(lambda: append(db))
            db.execute("ROLLBACK")
            if turn:
                taken[name].append(seconds / batch)
    t = {name: statistics.median(seconds) for name, seconds in taken.items()}
    report(f"an appended row of {batch:,}, one summary on the table", t["one"], "no summary", t["none"], at_most=2.8)
    report("the same, ten summaries", t["ten"], "no summary", t["none"], at_most=2.8)
    report("the same, ten summaries", t["ten"], "one summary", t["one"], at_most=1.1)


def need_the_tool():
    tool("version")
    probe = os.path.join(BUILD, "bench", "probe.db")
    if os.path.exists(probe):
        os.unlink(probe)
    db = stock(probe)
    db.execute("CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, sensor_id INTEGER, value REAL)")
    db.close()
    declare(probe, definition("hourly", "1 hour"))


def section(title, function):
    def run(rows, rounds):
        heading(title)
        need_the_tool()
        function(rows, rounds)
    return run


fill = section("First fill and late rows", first_fill)
read = section("Reads of a summary's name, by a stock SQLite", lambda rows, rounds: (reads(rows, rounds), sizes(rows, rounds)))
append = section("Appends", appends)
