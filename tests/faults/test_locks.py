"""--lock-ms: no write transaction of a refresh takes long, however much there is to hand out, to publish or to remove."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import locks
from almanac import connect, directory, equal, tool
from halted import Halted, stops_library
from sharing import finish, start, until

# Of the processor's time in one transaction, which the load of the machine leaves alone: some times --lock-ms, for the
# first of each kind is a guess. In one transaction each of these cases takes
# some hundred in WAL mode.
LOCK_MS = 20
CPU_S_MAX = 0.08
HOURS = {"WAL": 24_000, "DELETE": 4_000}  # without WAL the disk is slow


def database(journal, index="CREATE INDEX by_time ON readings(ts);"):
    path = os.path.join(directory(), "t.db")
    db = connect(path, extension=False)
    db.execute(f"PRAGMA journal_mode={journal}").fetchall()
    db.executescript(f"CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, sensor_id INTEGER, value REAL); {index} BEGIN;")
    fill(db, 0, HOURS[journal])
    db.execute("COMMIT")
    return path, db


def fill(db, first, n):
    db.execute(f"""WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {first + n - 1})
                   INSERT INTO readings(ts, sensor_id, value) SELECT i * 3600, i % 7, i * 0.5 FROM n""")


def refresh(path, what, *options):
    seconds, reads, writes = locks.measured("refresh", path, "--lock-ms", LOCK_MS, *options)
    assert writes.longest_cpu <= CPU_S_MAX, f"{what}: a write transaction took {writes.longest_cpu * 1000:.0f} ms"
    return reads, writes


def check(db, name, query, what):
    got, expected = (db.execute(sql).fetchall() for sql in (f"SELECT * FROM {name} ORDER BY 1, 2", query))
    assert got == expected, f"{name} {what}: {len(got)} rows, {len(expected)} expected"
    equal(db.execute("SELECT dirty FROM almanac_status WHERE name=?", (name,)).fetchone(), (0,), what)


HOURLY = "SELECT ts / 3600 * 3600, count(*), sum(value) FROM readings GROUP BY 1 ORDER BY 1, 2"


def test_time():
    for journal in ("WAL", "DELETE"):
        path, db = database(journal)
        tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW h AS SELECT time_bucket(3600, ts) AS b, count(*) AS n, sum(value) AS v FROM readings GROUP BY 1;")
        reads, _ = refresh(path, "the first fill")
        check(db, "h", HOURLY, f"after the first fill ({journal})")
        db.execute("UPDATE readings SET value = value + 1")
        refresh(path, "everything changed")
        check(db, "h", HOURLY, f"after everything changed ({journal})")
        fill(db, HOURS[journal], HOURS[journal] // 2)
        refresh(path, "the tail moved far")
        check(db, "h", HOURLY, f"after the tail moved far ({journal})")
        db.close()


def test_without_an_index():
    """Then all is computed in one piece, and published in many."""
    path, db = database("WAL", "")
    tool("apply", path, "-", "--quiet", stdin="CREATE MATERIALIZED VIEW h AS SELECT time_bucket(3600, ts) AS b, count(*) AS n, sum(value) AS v FROM readings GROUP BY 1;")
    _, writes = refresh(path, "one piece")
    assert writes.n > 10, writes.n
    check(db, "h", HOURLY, "after one piece")
    db.close()


def test_keys():
    path, db = database("WAL", "CREATE INDEX by_key ON readings(ts / 14400);")
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW k WITH (partition = ts / 14400) AS SELECT ts / 14400 AS half, count(*) AS n FROM readings GROUP BY 1;")
    refresh(path, "the first fill of keys")
    db.execute("UPDATE readings SET value = value + 1")
    refresh(path, "all keys changed")
    check(db, "k", "SELECT ts / 14400, count(*) FROM readings GROUP BY 1 ORDER BY 1, 2", "after all keys changed")
    db.close()


def test_whole():
    """A generation is written and the last one removed; also the rest that a kill has left."""
    query = "SELECT id, sensor_id, rank() OVER (ORDER BY value DESC, id) AS place FROM readings"
    for journal in ("WAL", "DELETE"):
        path, db = database(journal)
        tool("apply", path, "-", stdin=f"CREATE MATERIALIZED VIEW places AS {query};")
        refresh(path, "the first generation")
        db.execute("UPDATE readings SET value = -value WHERE id % 2")
        refresh(path, "the second generation")
        check(db, "places", f"{query} ORDER BY 1, 2", f"after the second generation ({journal})")
        equal(db.execute("SELECT count(*) FROM places_stored").fetchone()[0], HOURS[journal], "rows of one generation")
        db.close()


def test_writers_beside_a_refresh():
    """What two writers at full speed wait for the lock; their own busy handlers sleep up to 100 ms."""
    path, db = database("WAL")
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW h AS SELECT time_bucket(3600, ts) AS b, count(*) AS n, sum(value) AS v FROM readings GROUP BY 1;")
    writers = locks.Writers(path)
    began = time.monotonic()
    refresh(path, "beside writers")
    ended = time.monotonic()
    writers.stop()
    rate, p99, worst = writers.between(began, ended)
    assert rate > 20 and p99 < 0.25, (rate, p99, worst)
    tool("refresh", path)
    check(db, "h", HOURLY, "after writers and a refresh")
    db.close()


def test_changes_meanwhile_are_not_held_against_who_computes_a_whole_summary():
    """Else one that takes longer than a cron's minute would never be done."""
    path, db = database("WAL")
    query = "SELECT id, sensor_id, rank() OVER (ORDER BY value DESC, id) AS place FROM readings WHERE id < 1000"
    tool("apply", path, "-", stdin=f"CREATE MATERIALIZED VIEW places AS {query};")
    version = lambda: db.execute("SELECT stored_version FROM almanac_summary").fetchone()[0]
    slow = Halted(stops_library(), path)
    slow.run_until(lambda: db.execute("SELECT count(*) FROM places_stored").fetchone()[0])
    db.execute("UPDATE readings SET value = -1 WHERE id = 500")
    other = start(path)
    time.sleep(0.3)
    assert other.poll() is None, "it did not wait"
    before = version()
    equal(db.execute("SELECT * FROM places ORDER BY 1").fetchall(), db.execute(f"{query} ORDER BY 1").fetchall(), "while one computes")
    equal(slow.run_out(), (0, ""))
    finish(other)
    equal(version(), before + 2, "generations published: the slow one's, then the other's")
    check(db, "places", f"{query} ORDER BY 1, 2", "after both")
    db.close()
