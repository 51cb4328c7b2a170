"""Another process declares, replaces or drops summaries while a refresh runs, at every boundary between its transactions:
every name still equals its query (promise 4)."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../property"))

from actor import Actor
from almanac import connect, equal, tool
from play import MEMORY

STOPS_MAX = 200


def definition(name, width):
    return f"CREATE MATERIALIZED VIEW {name} AS SELECT time_bucket({width}, ts) AS bucket, count(*) AS n, sum(v) AS total FROM readings GROUP BY 1;"


def compare(db, names, what):
    for name, width in names.items():
        query = f"SELECT ts / {width} * {width}, count(*), sum(v) FROM readings GROUP BY 1 ORDER BY 1"
        equal(db.execute(f"SELECT * FROM {name} ORDER BY bucket").fetchall(), db.execute(query).fetchall(), f"{name} {what}")


def begin(path):
    db = connect(path, extension=False)
    db.executescript("""
        CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, v REAL);
        CREATE INDEX by_time ON readings(ts);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
        INSERT INTO readings SELECT i, 1700000000 + i * 3000, i * 0.5 FROM n;""")
    tool("apply", path, "-", stdin=definition("a", 3600) + definition("z", 7200))
    tool("refresh", path)
    db.execute("UPDATE readings SET v = v + 1 WHERE id IN (5, 50)")
    return db


def at_one_stop(path, stop, meanwhile, names_after, codes):
    """Where a transaction has ended at the refresh's stop of that number, or the next; its number, None at the end."""
    db, refresh, passed = begin(path), Actor(path, ["refresh"]), 0
    while refresh.alive and (passed < stop or refresh.holds):
        refresh.move()
        passed += 1
    what = f"when another process came at stop {passed}"
    came = refresh.alive
    if came:
        meanwhile(path)
        db.execute("UPDATE readings SET v = v + 1000 WHERE id IN (7, 20)")
        compare(db, names_after, what)
        while refresh.alive:
            refresh.move()
        assert refresh.code in codes, (refresh.code, refresh.error, what)
        compare(db, names_after, what + ", after the refresh")
        tool("refresh", path)
        compare(db, names_after, what + ", after the next refresh")
        db.execute("UPDATE readings SET v = v * 2 WHERE id IN (5, 9, 21)")
        compare(db, names_after, what + ", after the next change")
    db.close()
    return passed if came else None


def at_every_stop(meanwhile, names_after, codes=(0,)):
    stop = came = 0
    while stop is not None:
        with tempfile.TemporaryDirectory(prefix="almanac-", dir=MEMORY) as directory:
            last = at_one_stop(os.path.join(directory, "t.db"), stop, meanwhile, names_after, codes)
        stop = None if last is None else last + 1
        came += last is not None
        assert came < STOPS_MAX, "a refresh without end"
    assert came > 10, came


def test_declared_meanwhile():
    def meanwhile(path):
        tool("apply", path, "-", stdin=definition("b", 86400))
        tool("refresh", path, "b")

    at_every_stop(meanwhile, {"a": 3600, "b": 86400, "z": 7200})


def test_replaced_meanwhile():
    """The new definition may get the id of the old one."""
    at_every_stop(lambda path: tool("apply", path, "-", stdin=definition("z", 900)), {"a": 3600, "z": 900}, (0, 1, 3))


def test_dropped_meanwhile():
    at_every_stop(lambda path: tool("drop", path, "a"), {"z": 7200}, (0, 1, 3))
