"""A refresh by a scan stores what SQL would store: random tables and definitions of the form that a scan knows (tool/README.md, "By a
scan"), each declared twice, the second time with a HAVING that leaves it to SQL. The oracle is that twin, and the query itself."""
import json
import os
import random
import sqlite3
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from almanac import connect, directory, equal, tool
from schemas import Times

RUN_S = 12
KEYS = {"INTEGER": [1, 2, 3, -5, 2**53 + 1, 2**53], "TEXT": ["a", "A", "b ", "", "längst", "a\x00b"], "": [1, "1", b"1", 2, "x", -7],
        "REAL": [0.5, 1.0, -2.25, 1e300], "BLOB": [b"", b"\x00", b"ab", b"abc"], "NUMERIC": [1, 2.5, "x", 10]}
VALUES = {"REAL": [0.1, -2.5, 1e10, 3.0, 7.25], "INTEGER": [1, -4, 10**12, 0, 77], "NUMERIC": [1, 2.5, -3, 0.125], "": [1, 2.5, -1, 4.5]}
AGGREGATES = ["count(*)", "count({})", "sum({})", "total({})", "avg({})", "min({})", "max({})", "COUNT( {} )"]


class World:
    def __init__(self, seed):
        self.r = r = random.Random(seed)
        self.times = Times(r)
        self.times.oddest = 0  # with one such row the summary reads all rows, whatever is stored
        self.path = os.path.join(directory(), "t.db")
        self.db = connect(self.path)
        self.db.execute(f"PRAGMA journal_mode = {r.choice(['WAL', 'DELETE'])}")
        self.types = {"k": r.choice(list(KEYS)), "k2": r.choice(list(KEYS)), "v": r.choice(list(VALUES)), "w": r.choice(list(VALUES))}
        columns = [f"ts {self.times.type}", *(f"{name} {declared}" for name, declared in self.types.items())]
        r.shuffle(columns)
        keyed = r.choice(["id INTEGER PRIMARY KEY, {}", "{}", "{}", "id INTEGER PRIMARY KEY, {}"])
        self.db.execute(f"CREATE TABLE r({keyed.format(', '.join(columns))})")
        self.db.execute("CREATE TABLE noise(x)")
        if r.random() < 0.6:
            self.db.execute("CREATE INDEX r_ts ON r(ts)")
        self.rises = r.random() < 0.5  # as in most tables, times do
        self.null, self.text = r.choice([0, 0.1, 0.5]), r.choice([0, 0, 0, 0.002])
        self.definitions = {}

    def value(self, name):
        r = self.r
        if r.random() < self.null:
            return None
        if name in ("v", "w") and r.random() < self.text:
            return r.choice(["junk", b"junk"])
        choice = (KEYS if name[0] == "k" else VALUES)[self.types[name]]
        return r.choice(choice)

    def insert(self, n):
        times = [self.times.value(self.r) for _ in range(n)]
        if self.rises:
            times = sorted(t for t in times if t is not None) + [t for t in times if t is None]
        self.db.executemany("INSERT INTO r(ts, k, k2, v, w) VALUES (?, ?, ?, ?, ?)",
                            [(t, *(self.value(name) for name in ("k", "k2", "v", "w"))) for t in times])

    def column(self, name):
        return self.r.choice([name, name, name.upper(), f'"{name}"', f"[{name}]"])

    def condition(self):
        r = self.r
        name = r.choice(["v", "w", "k", "k2"])
        literal = lambda: connect_quote(r.choice((KEYS if name[0] == "k" else VALUES)[self.types[name]]))
        if isinstance(r.choice((KEYS if name[0] == "k" else VALUES)[self.types[name]]), bytes) or self.types[name] in ("", "BLOB"):
            name = "v"
        if r.random() < 0.2:
            return f"{self.column(name)} BETWEEN {literal()} AND {literal()}"
        if r.random() < 0.3:
            return f"{self.column(name)} IN ({', '.join(literal() for _ in range(r.randrange(1, 4)))})"
        return f"{self.column(name)} {r.choice(['=', '==', '<>', '!=', '<', '<=', '>', '>='])} {literal()}"

    def definition(self):
        """(the SELECT without its end, its end, result columns)"""
        r = self.r
        alias = r.choice(["", "", "q."])
        bucket = self.times.bucket(r, alias + self.column("ts"))
        keys = r.sample(["k", "k2"], r.choice([0, 1, 1, 2]))
        results = [(f"{bucket} AS b", "b", bucket)] + [(alias + self.column(key), key, key) for key in keys]
        results += [(r.choice(AGGREGATES).format(alias + self.column(r.choice(["v", "w"]))) + f" AS c{i}", f"c{i}", None) for i in range(r.randrange(0, 6))]
        r.shuffle(results)
        groups = [r.choice([str(i + 1), name if name != "b" else "b", group]) for i, (_, name, group) in enumerate(results) if group]
        r.shuffle(groups)
        where = " WHERE " + " AND ".join(self.condition() for _ in range(r.randrange(1, 3))) if r.random() < 0.3 else ""
        end = r.choice(["", "", " ORDER BY 1 DESC"])
        source = "r q" if alias else "r"
        return (f"SELECT {', '.join(text for text, _, _ in results)} FROM {source}{where} GROUP BY {', '.join(groups)}", end, [name for _, name, _ in results])


def connect_quote(value):
    return connect().execute("SELECT quote(?)", (value,)).fetchone()[0]


def canonical(value):
    """To the type and bit, but for the last digits of sums."""
    return (1, float(f"{value:.10g}")) if isinstance(value, float) else (0, 0) if value is None else (2, value) if isinstance(value, int) else (3, repr(value))


def loose(value):
    """Where a column holds 1 beside 1.0, either of them may be shown."""
    return (1, float(f"{value:.10g}")) if isinstance(value, (int, float)) else canonical(value)


def rows(db, query, form):
    return sorted([tuple(form(value) for value in row) for row in db.execute(query)], key=repr)


def play(seed):
    world = World(seed)
    r, db = world.r, world.db
    world.insert(r.choice([0, 30, 300, 3000]))
    definitions = []
    for i in range(2):
        body, end, _ = world.definition()
        definitions.append(body + end)
        text = f"CREATE MATERIALIZED VIEW s{i} AS {body}{end}; CREATE MATERIALIZED VIEW t{i} AS {body} HAVING 1{end};"
        try:
            tool("apply", world.path, "-", stdin=text)
        except AssertionError as refused:
            assert " plain-SQL form" in str(refused) or "whole number of" in str(refused) or "hold" in str(refused), refused
            definitions.pop()
            break
    ways = []
    for turn in range(3):
        results = [json.loads(line) for line in tool("refresh", world.path, "--json")[0].splitlines()]
        found = {line["name"]: line["way"] for line in results}
        for i, query in enumerate(definitions):
            mixed = "" in world.types.values() or "NUMERIC" in world.types.values() or world.times.shape in ("mixed", "real")
            form = loose if mixed else canonical
            stored, twin = (rows(db, f"SELECT * FROM {name}{i}_stored", form) for name in ("s", "t"))
            kind = db.execute("SELECT kind FROM almanac_summary WHERE name = ?", (f"s{i}",)).fetchone()[0]
            if kind == "time":
                equal(stored, twin, f"seed {seed}, turn {turn}: {query}: {found.get(f's{i}')}")
                equal(rows(db, f"SELECT * FROM s{i}", loose), rows(db, query, loose), f"seed {seed}, turn {turn}: the name of {query}")
                ways.append(found.get(f"s{i}"))
        change(world)
    db.close()
    return ways


def change(world):
    r, db = world.r, world.db
    n = r.choice([1, 5, 50])
    db.execute("BEGIN")
    world.insert(r.choice([0, n, 10 * n]))
    db.execute("DELETE FROM r WHERE rowid IN (SELECT rowid FROM r ORDER BY random() LIMIT ?)", (n,))
    for name in ("v", "k", "ts"):
        value = world.times.value(r) if name == "ts" else world.value(name)
        db.execute(f"UPDATE r SET {name} = ? WHERE rowid % 7 = ?", (value, r.randrange(7)))
    db.execute("COMMIT")


def test_as_sql_would():
    started, seeds = time.time(), []
    first = int(os.environ.get("ALMANAC_SEED", 0))
    counts = {}
    while not seeds or (time.time() - started < RUN_S and "ALMANAC_SEED" not in os.environ):
        seeds.append(first + len(seeds))
        try:
            for way in play(seeds[-1]):
                counts[way] = counts.get(way, 0) + 1
        except Exception:
            print(f"  seed {seeds[-1]}")
            raise
    scanned = sum(n for way, n in counts.items() if way and way.startswith("scan: "))
    print(f"  {len(seeds)} worlds, {scanned} refreshes by a scan of {sum(counts.values())}")
    assert scanned > len(seeds) / 2 or "ALMANAC_SEED" in os.environ, counts
