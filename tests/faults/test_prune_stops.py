"""almanac prune is killed, or others write and refresh, at every boundary between its transactions: names stay what they were,
and no row is gone that no summary holds. The oracle is a twin without Almanac that keeps all raw rows."""
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../property"))

from actor import Actor
from almanac import connect, directory, equal, tool

NOW_S = int(time.time())
DAY_S = 86400
STOPS_MAX = 60
ROWS = f"""
    CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, v REAL);
    CREATE INDEX by_time ON readings(ts);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700)
    INSERT INTO readings SELECT i, {NOW_S - 40 * DAY_S} + i * {40 * DAY_S // 700}, i * 0.5 FROM n;
    INSERT INTO readings SELECT i + 2000, {NOW_S - 10 * DAY_S}, i FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT i FROM n);"""


class World:
    QUERIES = {width: f"SELECT time_bucket('{width}', ts) AS bucket, count(*) AS n, sum(v) AS total FROM readings GROUP BY 1"
               for width in ("6 hours", "1 day", "2 days")}

    def __init__(self, made):
        self.path = directory() + "/w.db"
        shutil.copy(made, self.path)
        self.db, self.twin = connect(self.path, extension=False), connect()
        self.twin.executescript(ROWS)

    @classmethod
    def make(cls):
        path = directory() + "/made.db"
        connect(path).executescript(ROWS)
        tool("apply", path, "-", stdin="".join(f"CREATE MATERIALIZED VIEW \"{name}\" WITH (keep_raw = '5 days') AS {query};\n"
                                               for name, query in cls.QUERIES.items()))
        tool("refresh", path)
        return path

    def write(self, sql):
        self.db.execute(sql)
        self.twin.execute(sql)

    def compare(self, what):
        for name, query in self.QUERIES.items():
            equal(self.db.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall(), self.twin.execute(query + " ORDER BY 1").fetchall(), f"{name} {what}")
        frozen = self.db.execute("SELECT frozen_before FROM almanac_track").fetchone()[0] or 0
        equal(self.db.execute(f"SELECT count(*), sum(v) FROM readings WHERE ts >= {frozen}").fetchall(),
              self.twin.execute(f"SELECT count(*), sum(v) FROM readings WHERE ts >= {frozen}").fetchall(), f"rows that are not frozen {what}")


def at_every_stop(act, code):
    made, passed = World.make(), 0
    for stop in range(1, STOPS_MAX):
        w = World(made)
        prune = Actor(w.path, ["prune", "--lock-ms", "1"])
        started = passed_since = 0
        while prune.alive and passed_since < stop:  # counted from the first write transaction on
            prune.move()
            started |= prune.holds == 2
            passed_since += started
        if not prune.alive:
            break
        passed += 1
        act(w, prune, stop)
        while prune.alive:
            prune.move()
        assert prune.code == code, (prune.code, prune.error)
        w.compare(f"at stop {stop}")
        tool("refresh", w.path)
        tool("prune", w.path)
        w.compare(f"at stop {stop}, pruned again")
        assert w.db.execute("SELECT count(*) FROM readings").fetchone()[0] < 200, stop
        if stop % 5 == 0:
            tool("refresh", w.path, "--full")
            w.compare(f"at stop {stop}, refreshed")
    assert 8 < passed < STOPS_MAX, passed


def test_killed():
    at_every_stop(lambda w, prune, stop: prune.kill(), -9)


def test_others_write_and_refresh():
    def write(w, prune, stop):
        if prune.holds:
            return
        frozen = w.db.execute("SELECT coalesce(frozen_before, 0) FROM almanac_track").fetchone()[0]
        w.write(f"UPDATE readings SET v = v + 1000 WHERE ts >= {frozen} AND id % 50 = 1")
        w.write(f"INSERT INTO readings(ts, v) VALUES({max(frozen, NOW_S - 20 * DAY_S)}, 3)")
        w.compare("with changes")
        if stop % 3:
            tool("refresh", w.path)

    at_every_stop(write, 0)
