"""Random writers, refreshes, prunes (killed at random boundaries, too) and spans that are kept: every name equals its query on a
twin without Almanac that keeps all raw rows. What comes too late for frozen time is written to the database alone."""
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from actor import Actor
from almanac import equal, tool
from retention import DAY_S, NOW_S, SHAPES, World

SECONDS = float(os.environ.get("ALMANAC_SECONDS", 6))
STEPS = 14


class Random(World):
    def __init__(self, r):
        self.r = r
        shape = r.choice(list(SHAPES))
        widths = r.sample(["1 day", "2 days", "1 week", "1 month"] if shape == "dates" else
                          ["15 minutes", "1 hour", "6 hours", "1 day", "2 days", "1 week", "1 month"], r.choice([1, 2, 2, 3]))
        self.prunes = r.random() < 0.7
        options = {"s0": f"keep_raw = '{r.choice([5, 12, 30])} days'" if self.prunes else f"keep = '{r.choice([3, 10, 25])} days'"}
        zone = ", 'Europe/Berlin'" if shape != "dates" and r.random() < 0.2 else ""
        super().__init__(shape, widths, days=r.choice([20, 50, 120]), step_s=r.choice([3, 7, 19]) * 3600, zone=zone, options=options)
        if r.random() < 0.2:
            self.both("DROP INDEX readings_by_time")
        if not self.prunes or not zone and r.random() < 0.4:
            self.add_chain(widths[0])

    def add_chain(self, width):
        coarser = {"15 minutes": "1 hour", "1 hour": "1 day", "6 hours": "1 day", "1 day": "1 week"}.get(width)
        if not coarser or "Europe" in self.queries["s0"]:
            return
        bucket = self.queries["s0"].split(" AS bucket")[0].replace("SELECT ", "").replace(f"'{width}'", f"'{coarser}'")
        own = bucket.replace("ts", "bucket")
        tool("apply", self.path, "-", stdin=f"CREATE MATERIALIZED VIEW chain AS SELECT {own} AS b, sum(n) AS n FROM s0 GROUP BY 1;")
        self.queries["chain"] = f"SELECT {bucket} AS b, count(*) AS n FROM readings GROUP BY 1"

    def limit(self):
        """From where on rows may change: what is older is frozen."""
        frozen = self.frozen_before()
        return "1" if frozen is None else f"(ts >= {frozen!r} OR ts IS NULL)"

    def oldest(self):
        """Unix seconds, whole days above the frozen time."""
        frozen = self.frozen_before()
        first = NOW_S - 130 * DAY_S
        while frozen is not None and self.write(first) < frozen:
            first += DAY_S // 4
        return first

    def change(self):
        r, limit = self.r, self.limit()
        kind = r.choice(["insert", "insert", "append", "update", "delete", "move", "null", "late", "replace"])
        if kind == "insert":
            self.insert([r.randrange(self.oldest(), NOW_S) for _ in range(r.choice([1, 5]))])
        elif kind == "append":
            self.insert([NOW_S + r.randrange(5) * 3600 for _ in range(3)])
        elif kind == "update":
            self.both(f"UPDATE readings SET v = v + 1 WHERE id % {r.choice([7, 50])} = 1 AND {limit}")
        elif kind == "delete":
            self.both(f"DELETE FROM readings WHERE id % {r.choice([11, 90])} = 1 AND {limit}")
        elif kind == "move":
            self.both(f"UPDATE readings SET ts = {self.write(NOW_S - DAY_S)!r} WHERE id % 61 = 3 AND {limit}")
        elif kind == "null":
            self.n += 1
            self.both(f"INSERT INTO readings VALUES({self.n}, NULL, 1, 0.5)")
        elif kind == "replace":
            row = self.db.execute(f"SELECT id FROM readings WHERE {limit} AND ts IS NOT NULL ORDER BY random() LIMIT 1").fetchone()
            if row:
                self.both(f"REPLACE INTO readings VALUES({row[0]}, {self.write(NOW_S - 2 * DAY_S)!r}, 2, 8.5)")
        elif self.frozen_before() is not None:
            self.insert([NOW_S - 140 * DAY_S], twin=False)
        return kind

    def run(self, *arguments):
        done = Actor(self.path, list(arguments))
        stop = self.r.randrange(5, 120) if self.r.random() < 0.4 else None
        while done.alive and (stop is None or stop > 0):
            done.move()
            stop = None if stop is None else stop - 1
        if done.alive:
            done.kill()
            return f"{arguments} killed"
        assert done.code == 0, (arguments, done.code, done.error)
        return str(arguments)

    def step(self):
        r = self.r
        kind = r.choice(["change", "change", "refresh", "prune", "prune", "full", "parked", "trigger", "verify"])
        if kind == "change":
            return self.change()
        if kind == "refresh" or kind == "prune" and not self.prunes:
            return self.run("refresh", *r.choice([[], ["--lock-ms", "1"]]))
        if kind == "prune":
            tool("refresh", self.path) if r.random() < 0.5 else None
            done = Actor(self.path, ["prune", "--lock-ms", "1"])
            stop = r.choice([None, r.randrange(30, 90)])
            while done.alive and stop != 0:
                done.move()
                stop = None if stop is None else stop - 1
            if done.alive:
                done.kill()
            elif done.code:
                assert "almanac refresh" in done.error or "not proven" in done.error, done.error
            return f"prune {done.killed} {self.frozen_before()}"
        if kind == "full":
            return self.run("refresh", "--full")
        if kind == "parked":
            tool("pause", self.path)
            self.change()
            tool("resume", self.path)
        if kind == "trigger":
            self.db.execute(f"DROP TRIGGER IF EXISTS almanac_1_{r.choice(['ins', 'del', 'upd'])}")
            return self.run("refresh") + " without a trigger" if r.random() < 0.5 else self.change() + " without a trigger"
        if kind == "verify":
            tool("refresh", self.path)
            tool("verify", self.path)
        return kind


def one(seed):
    r = random.Random(seed)
    log = []
    try:
        w = Random(r)
        log.append(f"{w.options} {w.queries}")
        w.compare("at first")
        for _ in range(STEPS):
            log.append(w.step())
            w.compare(log[-1])
        tool("refresh", w.path)
        w.compare("in the end")
        equal(w.value("PRAGMA integrity_check"), "ok")
        w.db.close()
        return w
    except BaseException:
        print(f"ALMANAC_SEED={seed}", *log, sep="\n  ")
        raise


def test_names_equal_their_queries():
    seed = os.environ.get("ALMANAC_SEED")
    if seed:
        one(int(seed))
        return
    ended, n = time.monotonic() + SECONDS, 0
    while n < 2 or time.monotonic() < ended:
        one(random.randrange(10**9))
        n += 1
    print(f"    {n} worlds of {STEPS} steps")
