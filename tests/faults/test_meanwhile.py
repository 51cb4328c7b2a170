"""Another process declares, replaces or drops summaries while a refresh runs, at every boundary between its transactions:
every name still equals its query (promise 4)."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from almanac import connect, directory, equal, tool
from halted import Halted, stops_library

STOPS_MAX = 200


def definition(name, width):
    return f"CREATE MATERIALIZED VIEW {name} AS SELECT time_bucket({width}, ts) AS bucket, count(*) AS n, sum(v) AS total FROM readings GROUP BY 1;"


def compare(db, names, what):
    for name, width in names.items():
        query = f"SELECT ts / {width} * {width}, count(*), sum(v) FROM readings GROUP BY 1 ORDER BY 1"
        equal(db.execute(f"SELECT * FROM {name} ORDER BY bucket").fetchall(), db.execute(query).fetchall(), f"{name} {what}")


def at_every_stop(meanwhile, names_after, codes=(0,)):
    library = stops_library()
    stop = came = 0
    while stop < STOPS_MAX:
        path = os.path.join(directory(), "t.db")
        db = connect(path, extension=False)
        db.executescript("""
            CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, v REAL);
            CREATE INDEX by_time ON readings(ts);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
            INSERT INTO readings SELECT i, 1700000000 + i * 3000, i * 0.5 FROM n;""")
        tool("apply", path, "-", stdin=definition("a", 3600) + definition("z", 7200))
        tool("refresh", path)
        db.execute("UPDATE readings SET v = v + 1 WHERE id IN (5, 50)")
        refresh = Halted(library, path)
        state = refresh.halt()
        passed = 0
        while state and (passed < stop or state != b"0"):
            refresh.go_on()
            state = refresh.halt()
            passed += 1
        stop = passed + 1
        what = f"when another process came at stop {passed}"
        if state:
            came += 1
            meanwhile(path)
            db.execute("UPDATE readings SET v = v + 1000 WHERE id IN (7, 20)")
            compare(db, names_after, what)
            code, error = refresh.run_out()
            assert code in codes, (code, error, what)
            compare(db, names_after, what + ", after the refresh")
            tool("refresh", path)
            compare(db, names_after, what + ", after the next refresh")
            db.execute("UPDATE readings SET v = v * 2 WHERE id IN (5, 9, 21)")
            compare(db, names_after, what + ", after the next change")
        else:
            refresh.run_out()
        db.close()
        if not state:
            assert came > 10, came
            return
    raise AssertionError("a refresh without end")


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
