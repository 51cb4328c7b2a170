"""What the tests of faults share: databases with summaries of every kind, the commands that are disturbed, and what must hold
after a disturbance: the file is sound, every name equals its query, later writes are seen, and the next run carries on.

ALMANAC_FAULTS=all visits every fault point instead of some; ALMANAC_SEED=4711 replays a failure.
"""
import os
import random
import shutil
import sqlite3
import subprocess
import time
from dataclasses import dataclass, field

from almanac import TOOL, connect, directory, equal, tool

HERE = os.path.dirname(os.path.abspath(__file__))

SCHEMA = """
    CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, k TEXT UNIQUE COLLATE NOCASE, v REAL);
    CREATE INDEX by_time ON readings(ts);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)
    INSERT INTO readings SELECT i, 1700000000 + i * 20000, 'k' || i, i * 0.5 FROM n;
    CREATE TABLE kinds(kind TEXT PRIMARY KEY);
    INSERT INTO kinds VALUES('a'), ('b');
    CREATE TABLE events(at TEXT, kind TEXT);
    CREATE INDEX events_by_time ON events(at);
    INSERT INTO events SELECT datetime(ts, 'unixepoch'), 'a' FROM readings LIMIT 40;"""

# Changed partitions, an evicted row, new rows in the tail, a changed table that is joined.
CHANGE = """
    UPDATE readings SET v = v + 1 WHERE id % 7 = 0;
    REPLACE INTO readings VALUES(1000, 1700020000, 'K9', 4.5);
    INSERT INTO readings VALUES(1001, 1703100000, 'K1001', 1), (1002, NULL, 'K1002', 2), (1003, 1703300000, 'K1003', 3);
    DELETE FROM readings WHERE id = 30;
    INSERT INTO kinds VALUES('c');
    UPDATE events SET kind = 'c' WHERE rowid = 3;
    INSERT INTO events VALUES('2024-01-05 06:07:08', 'b');"""

# What an application goes on to write after the disturbance.
WRITES = [
    "UPDATE readings SET v = v * 2, ts = ts + 100000 WHERE id % 11 = 0",
    "REPLACE INTO readings VALUES(2000, 1700900000, 'K12', 8.5)",
    "INSERT INTO readings VALUES(2001, 1704000000, 'K2001', 1), (2002, 1600000000, 'K2002', 2)",
    "DELETE FROM readings WHERE id BETWEEN 40 AND 44",
    "UPDATE events SET at = datetime(at, '+1 hour') WHERE rowid % 5 = 0",
    "DELETE FROM kinds WHERE kind = 'b'",
]

# name: options, SELECT for the tool, the same in SQL that needs no extension
SUMMARIES = {
    "hourly": ("", "SELECT time_bucket('1 hour', ts) AS bucket, k, count(*) AS n, sum(v) AS total FROM readings GROUP BY 1, 2",
               "SELECT ts / 3600 * 3600, k, count(*), sum(v) FROM readings GROUP BY 1, 2"),
    "monthly": ("", "SELECT time_bucket('1 month', ts) AS bucket, count(*) AS n, max(v) AS high FROM readings GROUP BY 1",
                "SELECT CAST(strftime('%s', ts, 'unixepoch', 'start of month') AS INTEGER), count(*), max(v) FROM readings GROUP BY 1"),
    "texts": ("WITH (index = (bucket, n))", "SELECT time_bucket('1 hour', at) AS bucket, count(*) AS n FROM events NATURAL JOIN kinds GROUP BY 1",
              "SELECT strftime('%Y-%m-%d %H:00:00', at), count(*) FROM events NATURAL JOIN kinds GROUP BY 1"),
    "by_key": ("WITH (partition = k)", *["SELECT k, v, rank() OVER (PARTITION BY k ORDER BY v DESC, id) AS place FROM readings"] * 2),
    "ranks": ("", *["SELECT id, k, rank() OVER (ORDER BY v DESC, id) AS place FROM readings"] * 2),
    "zoned": ("", "SELECT time_bucket('1 day', ts, 'Asia/Tokyo') AS bucket, count(*) AS n FROM readings GROUP BY 1",
              "SELECT (ts + 32400) / 86400 * 86400 - 32400, count(*) FROM readings GROUP BY 1"),
}

# The same names with other definitions; those that are not here stay as they are.
CHANGED = {
    "hourly": ("", "SELECT time_bucket('2 hours', ts) AS bucket, count(*) AS n, min(v) AS low FROM readings GROUP BY 1",
               "SELECT ts / 7200 * 7200, count(*), min(v) FROM readings GROUP BY 1"),
    "by_key": ("WITH (partition = k, index = v)", *["SELECT k, v, count(*) OVER (PARTITION BY k) AS n FROM readings"] * 2),
    "ranks": ("WITH (partition = 'id % 10')", *["SELECT id % 10 AS tenth, sum(v) AS total FROM readings GROUP BY 1"] * 2),
}


def definitions(summaries):
    return "".join(f"CREATE MATERIALIZED VIEW {name} {options} AS {select};\n" for name, (options, select, _) in summaries.items())


def queries(summaries):
    return {name: query for name, (_, _, query) in summaries.items()}


ALL, OTHER = queries(SUMMARIES), queries({**SUMMARIES, **CHANGED})
WITHOUT_TEXTS = {name: query for name, query in ALL.items() if name != "texts"}


@dataclass
class Scenario:
    """A command that is disturbed. The names and their queries are `before` or `after` it, nothing in between."""
    name: str
    state: str  # of the database when it starts, a function below
    command: list  # of the tool, without the database
    stdin: str = None
    before: dict = field(default_factory=dict)
    after: dict = field(default_factory=dict)
    leaves: bool = True  # something of Almanac in the file

    def arguments(self, path):
        return [self.command[0], path, *self.command[1:]]


SCENARIOS = [
    Scenario("apply", "plain", ["apply", "-"], definitions(SUMMARIES), {}, ALL),
    Scenario("apply and fill", "plain", ["apply", "-"], definitions(SUMMARIES) + "".join(f"REFRESH MATERIALIZED VIEW {n};" for n in SUMMARIES), {}, ALL),
    Scenario("apply other definitions", "changed", ["apply", "-"], definitions({**SUMMARIES, **CHANGED}), ALL, OTHER),
    Scenario("first fill", "declared", ["refresh"], None, ALL, ALL),
    Scenario("first fill in small steps", "declared", ["refresh", "--lock-ms", "1"], None, ALL, ALL),
    Scenario("refresh", "changed", ["refresh"], None, ALL, ALL),
    Scenario("refresh of everything", "changed", ["refresh", "--full"], None, ALL, ALL),
    Scenario("drop one", "changed", ["drop", "texts"], None, ALL, WITHOUT_TEXTS),
    Scenario("drop all", "changed", ["drop", "--all"], None, ALL, {}, False),
    Scenario("pause", "changed", ["pause"], None, ALL, {}),
    Scenario("resume", "paused", ["resume"], None, {}, ALL),
]


def plain(path, journal):
    db = connect(path, extension=False)
    db.execute(f"PRAGMA journal_mode={journal}").fetchall()
    db.executescript(SCHEMA)
    db.close()


def declared(path, journal):
    plain(path, journal)
    tool("apply", path, "-", stdin=definitions(SUMMARIES))


def changed(path, journal):
    declared(path, journal)
    tool("refresh", path)
    db = connect(path, extension=False)
    db.executescript(CHANGE)
    db.close()


def paused(path, journal):
    changed(path, journal)
    tool("pause", path)
    db = connect(path, extension=False)
    db.executescript("UPDATE readings SET v = v + 1 WHERE id = 5; ALTER TABLE kinds ADD COLUMN about TEXT")
    db.close()


def library(source):
    """Compiles a file of this folder to be preloaded."""
    path = os.path.join(directory(), source + ".so")
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", path, os.path.join(HERE, source + ".c")], check=True)
    return path


class World:
    """A scenario in a journal mode: a file to start from, and copies of it that are disturbed."""

    made = {}

    def __init__(self, scenario, journal):
        self.scenario, self.journal = scenario, journal
        folder = directory()
        self.path, self.name = os.path.join(folder, "t.db"), f"{scenario.name}, {journal}"
        self.start = World.made.get((scenario.state, journal))
        if not self.start:
            self.start = World.made[scenario.state, journal] = os.path.join(directory(), "start.db")
            globals()[scenario.state](self.start, journal)

    def fill(self, files):
        """The world's folder with these files instead of what is in it: name: content."""
        folder = os.path.dirname(self.path)
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        for name, content in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)

    def copy(self):
        """A fresh copy; with its WAL, where the tool was the last that wrote."""
        self.fill({})
        for suffix in ("", "-wal"):
            if os.path.exists(self.start + suffix):
                shutil.copy(self.start + suffix, self.path + suffix)

    def run(self, environment=None):
        """Runs the command, disturbed by what the environment says. In a process group of its own, for `kill` takes all of it."""
        self.copy()
        return subprocess.run([TOOL, *self.scenario.arguments(self.path)], input=self.scenario.stdin, capture_output=True, text=True,
                              env={**os.environ, **(environment or {})}, timeout=60, start_new_session=True)

    def count(self, library, variable, **environment):
        """How many operations the command makes when all goes well: the library writes it to a descriptor that the variable names."""
        reads, writes = os.pipe()
        self.copy()
        subprocess.run([TOOL, *self.scenario.arguments(self.path)], input=self.scenario.stdin, text=True, check=True, pass_fds=[writes],
                       env={**os.environ, **environment, "LD_PRELOAD": library, variable: str(writes)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        os.close(writes)
        with os.fdopen(reads) as pipe:
            return int(pipe.read())


def rows(db, query):
    return sorted(db.execute(query).fetchall(), key=repr)


def traces(db):
    return [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'almanac%' OR name LIKE '%~_stored%' ESCAPE '~'")]


def compare(db, states, what):
    """Every name equals its query, in one of the states, which is returned; all of it in one snapshot."""
    db.execute("BEGIN")
    views = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'view' AND name NOT LIKE 'almanac%'")}
    wrong = [f"the views are {views}"]
    for state in states:
        if views == set(state):
            wrong = [name for name, query in state.items() if rows(db, f"SELECT * FROM {name}") != rows(db, query)]
            if not wrong:
                break
    assert not wrong, f"{wrong} {what}"
    db.execute("COMMIT")
    return state


def check(world, what, states, carry_on=True):
    """What must hold in the file after a disturbance."""
    scenario, path = world.scenario, world.path
    db = connect(path, extension=False)
    try:
        equal(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)], what)
        state = compare(db, states, what)
        if state == scenario.after and not scenario.leaves:
            equal(traces(db), [], what)
        for statement in WRITES:
            db.execute(statement)
        compare(db, [state], what + ", and writes")
        if not carry_on:
            return
        if state != scenario.after:
            tool(*scenario.arguments(path), stdin=scenario.stdin)
        if scenario.command == ["pause"]:
            tool("resume", path)
        if scenario.leaves:
            tool("refresh", path)
            state = compare(db, [ALL if scenario.command == ["pause"] else scenario.after], what + ", and the next run")
            equal(db.execute("SELECT name, dirty, last_error FROM almanac_status WHERE dirty <> 0 OR last_error IS NOT NULL").fetchall(), [], what)
            db.execute("UPDATE readings SET v = v + 3, ts = ts - 7000 WHERE id IN (7, 77, 149)")
            compare(db, [state], what + ", the next run and a write")
    except (sqlite3.Error, AssertionError) as error:
        raise AssertionError(f"{what}: {error}") from error
    finally:
        db.close()


def visit(worlds, faults, run_s, count, disturb):
    """Calls disturb(world, fault, n, random numbers, what to say of it) at fault points: all of them in turn with
    ALMANAC_FAULTS=all, otherwise random ones until the time is up. count(world, fault) says how many points there are."""
    counts, visited = {}, 0

    def at(world, fault, r, n=None):
        nonlocal visited
        key = world.name, str(fault)
        if key not in counts:
            counts[key] = count(world, fault)
        for point in range(1, counts[key] + 1) if n == "all" else [r.randrange(1, counts[key] + 1)]:
            visited += 1
            disturb(world, fault, point, r, f"{world.name}: {fault} at {point} of {counts[key]}")

    if os.environ.get("ALMANAC_FAULTS") == "all":
        for world in worlds:
            for fault in faults:
                at(world, fault, random.Random(0), "all")
        print(f"  ({visited} fault points)")
        return visited
    seed, started = int(os.environ.get("ALMANAC_SEED", 0)) or int(time.time() * 1000) % 10**9, time.time()
    while time.time() - started < run_s:
        r = random.Random(seed)
        try:
            at(r.choice(worlds), r.choice(faults), r)
        except AssertionError as error:
            raise AssertionError(f"ALMANAC_SEED={seed}\n{error}") from error
        seed += 1
    return visited
