"""Summaries kept by the tool: the first fill, late rows, reads of a summary's name, appends."""
import os
import sqlite3
import statistics

import data
from almanac import BUILD, connect
from measure import clocked, heading, interleaved, line, report, shown, tool

WIDTHS = {"quarterly": "15 minutes", "hourly": "1 hour", "daily": "1 day"}
FILL_TIMES_MAX = {"integer": 0.15, "text": 1.4}  # by a scan; through SQL
USUAL_ROWS, MEMORY_MAX, LARGE_MEMORY_MAX = 10_000_000, 64e6, 100e6
COLUMNS = "count(*) AS n, avg(value) AS value_avg, min(value) AS value_min, max(value) AS value_max"


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


def first_fill(rows, rounds, clock="integer"):
    source = data.readings(rows, clock)
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
    report(f"first fill, hour x sensor, {rows:,} rows, {clock} ts: apply and refresh", fill, "CREATE TABLE AS of the same SELECT",
           t["table"], at_most=FILL_TIMES_MAX[clock])
    report("of it, apply", t["apply"])
    limit = MEMORY_MAX if rows <= USUAL_ROWS else LARGE_MEMORY_MAX
    line("its peak memory", f"{max(peaks) / 1e6:.1f} MB", "", "", "", f"{limit / 1e6:.0f} MB", "ok" if max(peaks) < limit else "MISSED")
    return path, t["table"]


def first_fill_and_late_rows(rows, rounds, clock="integer"):
    path, table = first_fill(rows, rounds, clock)
    late_rows(path, table, clock)


def late_rows(path, table, clock):
    """1,000 rows into 3 hours of the past, thrice."""
    seconds, recomputed = [], []
    for turn in range(3):
        db = stock(path)
        db.execute("BEGIN")
        for i in range(1000):
            ts = data.spelled(clock, data.START + (10 + 7 * turn + i % 3) * 3600 + i)
            db.execute("INSERT INTO readings(ts, sensor_id, value) VALUES (?, ?, 1.5)", (ts, i % 100))
        db.execute("COMMIT")
        db.close()
        recomputed.append(dirty(path))
        seconds.append(tool("refresh", path)[0])
        assert dirty(path) == 0, "still dirty after the refresh"
    report("refresh after 1,000 late rows in 3 hours", statistics.median(seconds), "CREATE TABLE AS of the SELECT", table, at_most=0.01)
    line("partitions it recomputes", str(max(recomputed)), "", "", "", "3", "ok" if set(recomputed) == {3} else "MISSED")


def reads_of(name, clock, day):
    """The dashboard's queries; `day` is the second at which the day of the third one starts."""
    columns = "SELECT bucket, sensor_id, n, value_avg FROM"
    start, end = (repr(data.spelled(clock, s)) for s in (day, day + 86400))
    return {"latest 24": f"{columns} {name} ORDER BY bucket DESC LIMIT 24",
            "latest 24 of a sensor": f"{columns} {name} WHERE sensor_id = 42 ORDER BY bucket DESC LIMIT 24",
            "a day of a sensor": f"{columns} {name} WHERE sensor_id = 42 AND bucket >= {start} AND bucket < {end}"}


def timed_reads(db, statements, times=60):
    """{name: median seconds} of statements that take far less than a millisecond; Python keeps them prepared."""
    return interleaved(times, {name: lambda sql=sql: db.execute(sql).fetchall() for name, sql in statements.items()})


def reads(rows, rounds):
    """
    Once with many raw rows behind a stored one, once with about as many stored rows as raw ones, once with text. The
    data ends with a day, so that what is appended is the open tail of all summaries.
    """
    n = rows // 5
    for clock, hours in (("integer", 33 * 24), ("integer", n // 600 * 24), ("text", 33 * 24)):
        seconds = hours * 3600 / n
        path = data.copy(data.readings(n, clock, seconds), "reads")
        declare(path, "".join(definition(name, width) for name, width in WIDTHS.items()))
        assert dirty(path) == 0, "dirty after the refresh"
        db = stock(path)
        newest = data.START + int(n * seconds)
        clean_reads(db, path, n, clock, data.START + (newest - data.START) // 2 // 86400 * 86400)
        tail_reads(db, n, clock, newest, min(seconds, 1.44))
        tool("refresh", path)
        dirty_reads(db, n, clock, seconds)
        db.close()


def clean_reads(db, path, n, clock, day):
    for name, width in WIDTHS.items():
        stored = db.execute(f"SELECT count(*) FROM readings_{name}_stored").fetchone()[0]
        clean = timed_reads(db, reads_of(f"readings_{name}", clock, day))
        table = timed_reads(db, reads_of(f"readings_{name}_stored", clock, day))
        for query in clean:
            limit = max(3 * table[query], table[query] + 0.0002)
            report(f"clean, {query} ({n:,} raw, {clock}, {stored:,} stored, {width})", clean[query], "the stored table", table[query],
                   limit=limit)
    once = sqlite3.connect(path, isolation_level=None, cached_statements=0)
    t = timed_reads(once, {name: reads_of(name, clock, day)["a day of a sensor"] for name in ("readings_hourly", "readings_hourly_stored")})
    report("clean, a day of a sensor, preparing the statement each time", t["readings_hourly"], "the stored table",
           t["readings_hourly_stored"])
    once.close()


def tail_reads(db, n, clock, newest, seconds):
    tail = [(data.spelled(clock, newest + int(i * seconds)), i % 100) for i in range(1, 5001)]
    db.execute("BEGIN")
    db.executemany("INSERT INTO readings(ts, sensor_id, value) VALUES (?, ?, 2.5)", tail)
    db.execute("COMMIT")
    for name, width in WIDTHS.items():
        t = timed_reads(db, reads_of(f"readings_{name}", clock, newest // 86400 * 86400))
        for query, taken in t.items():
            report(f"open tail of 5,000 rows, {query} ({clock}, {width})", taken, limit=0.003)


def dirty_reads(db, n, clock, seconds):
    """Ten rows far apart make ten partitions of each summary dirty; the day that is read is not among them."""
    step = n // 11
    for i in range(1, 11):
        db.execute("UPDATE readings SET value = value + 1 WHERE id = ?", (i * step,))
    changed = {(data.START + int(i * step * seconds)) // 86400 for i in range(1, 11)}
    days = [day for day in range(data.START // 86400 + 1, (data.START + int(n * seconds)) // 86400) if day not in changed]
    for name, width in WIDTHS.items():
        t = timed_reads(db, reads_of(f"readings_{name}", clock, days[len(days) // 2] * 86400))
        report(f"10 partitions dirty, a clean day of a sensor ({clock}, {width})", t["a day of a sensor"], limit=0.001)


def sizes(rows, rounds):
    """A summary read back must cost the same at any size."""
    taken = {}
    for n in (rows // 10, rows):
        path = data.copy(data.readings(n), "sizes")
        declare(path, definition("hourly", "1 hour"))
        db = stock(path)
        middle = data.START + n // 2 // 86400 * 86400
        taken[n] = timed_reads(db, reads_of("readings_hourly", "integer", middle))
        db.close()
    for query in taken[rows]:
        report(f"summary read back, {query}, {rows:,} rows", taken[rows][query], f"{rows // 10:,} rows", taken[rows // 10][query], limit=0.001)


def appends(rows, rounds, clock="integer"):
    """One transaction of appended rows, rolled back each time: the same file for each round, and no disk in it."""
    n, batch = rows // 5, max(1000, rows // 50)
    many = "".join(definition(f"s{i}", width) for i, width in enumerate(
        ["15 minutes", "1 hour", "1 day", "1 week", "30 minutes", "2 hours", "6 hours", "12 hours", "5 minutes", "1 month"]))
    files = {}
    for name, text in (("none", ""), ("one", definition("hourly", "1 hour")), ("ten", many)):
        files[name] = data.copy(data.readings(n, clock, 800 * 3600 / n), f"appends-{name}")
        if text:
            declare(files[name], text)
    connections = {name: stock(path) for name, path in files.items()}
    newest = data.START + 800 * 3600
    values = [(data.spelled(clock, newest + i // 2), i % 100, 50.0 + i % 7) for i in range(batch)]

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
    report(f"an appended row of {batch:,}, {clock} ts, one summary on the table", t["one"], "no summary", t["none"], at_most=2.8)
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


def in_both_clocks(function, text_rows):
    """With integer times, then with text ones."""
    def both(rows, rounds):
        function(rows, rounds)
        function(text_rows(rows), rounds, "text")
    return both


fill = section("First fill and late rows", in_both_clocks(first_fill_and_late_rows, lambda rows: rows // 5))
large_fill = section("First fill", lambda rows, rounds: first_fill(rows, 1))
read = section("Reads of a summary's name, by a stock SQLite", lambda rows, rounds: (reads(rows, rounds), sizes(rows, rounds)))
append = section("Appends", in_both_clocks(appends, lambda rows: rows))
