"""What almanac_status and almanac_run tell, read by a stock sqlite3 without the extension. The oracle: counts and ranges of the
stored tables and of the raw rows, in plain SQL."""
import os
import random
import time

from almanac import connect, directory, equal, shell, tool

DEFINITIONS = """
CREATE MATERIALIZED VIEW hourly AS SELECT time_bucket('1 hour', ts) AS bucket, sensor, count(*) AS n FROM readings GROUP BY 1, 2;
CREATE MATERIALIZED VIEW monthly AS SELECT time_bucket('1 month', ts) AS bucket, count(*) AS n FROM readings GROUP BY 1;
CREATE MATERIALIZED VIEW local AS SELECT time_bucket('1 day', ts, 'Europe/Berlin') AS bucket, count(*) AS n FROM readings GROUP BY 1;
CREATE MATERIALIZED VIEW hidden AS SELECT sensor, count(*) AS n FROM readings WHERE time_bucket('1 hour', ts) IS NOT NULL GROUP BY time_bucket('1 hour', ts), sensor;
CREATE MATERIALIZED VIEW text_daily AS SELECT time_bucket('1 day', at) AS day, count(*) AS n FROM events GROUP BY 1;
CREATE MATERIALIZED VIEW by_kind WITH (partition = 'kind, site') AS SELECT kind, site, count(*) AS n FROM events GROUP BY kind, site;
CREATE MATERIALIZED VIEW ranks AS SELECT sensor, count(*) AS n, RANK() OVER (ORDER BY count(*)) AS place FROM readings GROUP BY sensor;
"""

# The partitions of the raw rows and of the stored ones.
PARTITIONS = {
    "hourly": ("ts / 3600", "bucket"), "monthly": ("strftime('%Y-%m', ts, 'unixepoch')", "bucket"), "hidden": ("ts / 3600", "almanac_p1"),
    "local": ("date(ts, 'unixepoch', '+1 hour')", "bucket"), "text_daily": ("date(at)", "day"), "by_kind": ("kind || '/' || coalesce(site, '')", "kind || '/' || coalesce(site, '')"),
    "ranks": ("1", "1"),
}
TABLES = {"text_daily": "events", "by_kind": "events"}
START = 1705276800  # 15 January 2024, so that all is winter in Berlin


def plant(rows=400):
    path = os.path.join(directory(), "plant.db")
    shell(path, f"""
        CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, sensor TEXT, value REAL);
        CREATE INDEX readings_by_time ON readings(ts);
        CREATE TABLE events(id INTEGER PRIMARY KEY, at TEXT, kind INTEGER, site TEXT);
        CREATE INDEX events_by_time ON events(at);
        WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < {rows - 1})
        INSERT INTO readings SELECT n, {START} + n * 1700, 's' || (n % 3), n % 7 FROM i;
        WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < {rows // 4})
        INSERT INTO events SELECT n, datetime('2024-01-03', (n * 5) || ' hours'), n % 4, nullif('x' || (n % 3), 'x1') FROM i;""")
    tool("apply", path, "-", stdin=DEFINITIONS)
    return path


def status(path, columns, where="1"):
    db = connect(path, extension=False)
    rows = db.execute(f"SELECT name, {columns} FROM almanac_status WHERE {where}").fetchall()
    db.close()
    return {row[0]: row[1] if len(row) == 2 else row[1:] for row in rows}


def check_stored(path, what=""):
    """Counts and ranges are those of the stored tables."""
    db = connect(path, extension=False)
    for name, kind, rows, partitions, first, last in db.execute(
            "SELECT name, kind, stored_rows, partitions, stored_from, stored_to FROM almanac_status").fetchall():
        expression = PARTITIONS[name][1]
        where = " WHERE almanac_generation = (SELECT generation FROM almanac_summary WHERE name = 'ranks')" if kind == "whole" else ""
        counted = db.execute(f"SELECT count(*), count(DISTINCT {expression}), min({expression}), max({expression}) FROM {name}_stored{where}").fetchone()
        equal((rows, partitions), counted[:2], f"{name} {what}")
        equal((first, last), counted[2:] if kind == "time" else (None, None), f"{name} {what}")
    db.close()


def test_existing_columns_stay():
    """Columns are only ever added, at the end."""
    columns = shell(plant(), "SELECT name FROM pragma_table_info('almanac_status')").split()
    equal(columns[:8], ["name", "kind", "exact", "refreshed_at", "stored_to", "dirty", "stored_version", "last_error"])
    equal(columns[8:21], ["stored_from", "partitions", "clean", "stored_rows", "lag_seconds", "behind_seconds", "run_at", "run_seconds", "run_partitions",
                          "run_rows", "frozen_before", "late", "amiss"])


def test_counts_after_every_step():
    """stored_rows, partitions and the range, after random changes, refreshes, interrupted ones, rebuilds, pauses."""
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 30)))
    dice = random.Random(seed)
    path = plant()
    tool("refresh", path)
    check_stored(path)
    for step in range(12):
        n, m = dice.randrange(600), dice.randrange(150)
        change = dice.choice([
            f"INSERT INTO readings(ts, sensor) VALUES({START} + {n} * 5000, 's{n % 5}')",
            f"DELETE FROM readings WHERE ts BETWEEN {START} + {n} * 1000 AND {START} + {n + 40} * 1000",
            f"UPDATE readings SET ts = ts + 86400 * {n % 9} WHERE id % 50 = {n % 50}",
            f"INSERT INTO events(at, kind, site) VALUES(datetime('2024-01-02', '{m} hours'), {m % 6}, 'x{m % 4}')",
            f"DELETE FROM events WHERE kind = {m % 6}", f"UPDATE events SET kind = {m % 6}, site = NULL WHERE id = {m}"])
        shell(path, change)
        check_stored(path, f"after {change} (ALMANAC_SEED={seed})")
        command = dice.choice([["refresh"], ["refresh"], ["refresh", "--full"], ["refresh", "hourly", "by_kind"], ["refresh", "--max-time", "1ms"], ["pause"], ["rebuild"]])
        if command == ["pause"]:
            tool("pause", path)
            check_stored(path, f"paused (ALMANAC_SEED={seed})")
            tool("resume", path)
        elif command == ["rebuild"]:
            again = DEFINITIONS if step % 2 else DEFINITIONS.replace("count(*) AS n FROM", "count(*) + 0 AS n FROM")
            tool("apply", path, "-", stdin=again)
        else:
            tool(command[0], path, *command[1:])
        check_stored(path, f"after {command} (ALMANAC_SEED={seed})")


def test_dirty_and_clean():
    """The share of stored partitions that count as they are: all after a refresh, none before it or while triggers are missing."""
    path = plant()
    equal(set(status(path, "clean").values()), {0.0})
    tool("refresh", path)
    equal(status(path, "dirty, clean, lag_seconds, amiss"), {name: (0, 1.0, 0, None) for name in PARTITIONS})
    shell(path, "UPDATE readings SET sensor = 's9' WHERE id IN (10, 11, 100); DELETE FROM events WHERE kind = 2 AND site IS NULL")
    db = connect(path, extension=False)
    hours = db.execute("SELECT count(DISTINCT ts / 3600) FROM readings").fetchone()[0]
    days = db.execute("SELECT count(DISTINCT date(at)) FROM events").fetchone()[0]
    found = status(path, "dirty, clean, partitions")
    equal(found["hourly"][0], db.execute("SELECT count(DISTINCT ts / 3600) FROM readings WHERE id IN (10, 11, 100)").fetchone()[0])
    equal(found["hourly"][1:], (1 - found["hourly"][0] / hours, hours))
    equal(found["by_kind"][0], 1)
    equal(found["text_daily"][2], days)
    equal(found["ranks"], (1, 0.0, 1))
    # The seconds of the source's time behind the newest stored partition.
    newest, = db.execute("SELECT max(ts) FROM readings").fetchone()
    end = newest // 3600 * 3600 + 3600
    db.execute("INSERT INTO readings(ts, sensor) VALUES(?, 's1')", (end + 7200,))
    found = status(path, "dirty, behind_seconds")
    equal(found["hourly"], (4, 7200))
    equal(found["monthly"][1], 0)
    tool("refresh", path)
    equal(status(path, "behind_seconds")["hourly"], 0)
    db.execute("DROP TRIGGER almanac_1_upd")
    found = status(path, "clean, amiss")
    assert found["hourly"][0] == 0 and "almanac refresh" in found["hourly"][1], found
    equal(found["by_kind"], (1.0, None))
    db.execute("INSERT INTO events(at) VALUES('2024-03-01T10:00:00')")
    found = status(path, "clean, amiss")
    assert found["text_daily"][0] == 0 and "spellings" in found["text_daily"][1], found
    db.close()


def test_lag():
    """Seconds since the last refresh where anything has changed since, newer rows included; else 0."""
    path = plant()
    equal(set(status(path, "lag_seconds").values()), {None})
    tool("refresh", path)
    shell(path, "UPDATE almanac_summary SET refreshed_at = refreshed_at - 1000")
    equal(set(status(path, "lag_seconds").values()), {0})
    # In the next month: newer than the partitions of all summaries at the last refresh, so that none is dirty.
    shell(path, f"INSERT INTO readings(ts, sensor) VALUES({START} + 30 * 86400, 's1')")
    found = status(path, "lag_seconds, dirty")
    assert all(1000 <= found[name][0] <= 1060 for name in ("hourly", "monthly", "ranks")), found
    equal((found["hourly"][1], found["text_daily"], found["by_kind"]), (0, (0, 0), (0, 0)))
    shell(path, "DROP INDEX readings_by_time")
    tool("apply", path, "-", stdin=DEFINITIONS)
    equal((status(path, "behind_seconds")["hourly"]), None)


def test_while_paused():
    """The stored range and counts, the last run; NULL for what nobody can know."""
    path = plant()
    tool("refresh", path)
    before = status(path, "stored_from, stored_to, stored_rows, partitions, run_at, run_rows, exact")
    tool("pause", path)
    equal(status(path, "stored_from, stored_to, stored_rows, partitions, run_at, run_rows, exact"), before)
    equal(set(status(path, "dirty, clean, lag_seconds, behind_seconds, amiss").values()), {(None, None, None, None, "paused: almanac resume")})
    shell(path, "DROP TABLE events")  # a migration's rebuild
    check_stored(path)


def runs(path, columns="name, partitions, rows, error"):
    db = connect(path, extension=False)
    rows = db.execute(f"SELECT {columns} FROM almanac_run ORDER BY id").fetchall()
    db.close()
    return rows


def test_runs():
    """A row for each summary that a refresh did something for; the newest 20 are kept."""
    path = plant()
    equal(runs(path), [])
    started = int(time.time())
    tool("refresh", path)
    db = connect(path, extension=False)
    equal(sorted(runs(path)), sorted((name, db.execute(f"SELECT count(DISTINCT {raw}) FROM {TABLES.get(name, 'readings')}").fetchone()[0],
                                      db.execute(f"SELECT count(*) FROM {name}").fetchone()[0], None) for name, (raw, _) in PARTITIONS.items()))
    for at, seconds in runs(path, "started_at, seconds"):
        assert started - 1 <= at <= time.time() and 0 < seconds <= time.time() - started + 1, (at, seconds)
    equal(status(path, "run_partitions, run_rows"), {name: (partitions, rows) for name, partitions, rows, _ in runs(path)})
    count = len(runs(path))
    for i in range(22):
        db.execute("UPDATE readings SET sensor = sensor || 'x' WHERE id = 3")
        tool("refresh", path, "hourly")
    rows = runs(path, "name, id")
    equal(sum(name == "hourly" for name, _ in rows), 20)
    equal(len(rows), count - 1 + 20)
    equal(rows[-1][1], count + 22)
    tool("drop", path, "hourly")
    equal(len(runs(path)), count - 1)
    tool("apply", path, "-", stdin=DEFINITIONS.replace("count(*) AS n", "count(*) AS number"))
    equal(len(runs(path)), count - 1)  # a rebuilt summary keeps its history
    db.close()


def test_a_run_that_did_nothing_writes_nothing():
    """PRAGMA data_version stays, and the file's bytes, so that caches live."""
    for mode in ("delete", "wal"):
        path = plant()
        tool("refresh", path)
        db = connect(path, extension=False)
        db.execute(f"PRAGMA journal_mode = {mode}")
        tool("refresh", path)
        before = db.execute("PRAGMA data_version").fetchone()
        with open(path, "rb") as file:
            content = file.read()
        for _ in range(3):
            tool("refresh", path)
            tool("status", path)
            tool("status", path, "--json")
        equal(db.execute("PRAGMA data_version").fetchone(), before)
        with open(path, "rb") as file:
            assert file.read() == content
        db.close()


def test_failures():
    """A failed run has its error, as the summary has; the next good one clears it."""
    path = plant()
    tool("refresh", path)
    shell(path, "DELETE FROM almanac_run; INSERT INTO events(id, at) VALUES(999, '2024-03-01T10:00:00')")
    for count in (1, 2):
        tool("refresh", path, code=3)
        rows = [row[1:] for row in runs(path) if row[0] == "text_daily"]
        equal([row[:2] for row in rows], [(0, 0)] * count)
        assert "2024-03-01T10:00:00" in rows[-1][2], rows
        equal(status(path, "last_error", "last_error IS NOT NULL"), {"text_daily": rows[-1][2]})
    shell(path, "DELETE FROM events WHERE id = 999")
    tool("refresh", path)
    equal(status(path, "last_error", "last_error IS NOT NULL"), {})
    # Nothing to do, but well again.
    shell(path, "UPDATE almanac_summary SET last_error = 'a passing one' WHERE name = 'hourly'")
    tool("refresh", path)
    equal(status(path, "last_error", "last_error IS NOT NULL"), {})


def test_many_summaries():
    """More than stand in one compound SELECT, of which SQLite takes 500 terms."""
    path = os.path.join(directory(), "many.db")
    shell(path, "CREATE TABLE t(k, v); INSERT INTO t VALUES(1, 2)")
    tool("apply", path, "-", stdin="".join(f"CREATE MATERIALIZED VIEW s{i} WITH (partition = k) AS SELECT k, count(*) AS n FROM t GROUP BY k;" for i in range(220)))
    equal(shell(path, "SELECT count(*), sum(dirty) FROM almanac_status"), "220|220\n")
