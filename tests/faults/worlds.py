"""What the tests of faults share: databases with summaries of every kind, the commands that are disturbed, and what must hold
after a disturbance: the file is sound, every name equals its query, later writes are seen, and the next run carries on.

ALMANAC_FAULTS=all visits every fault point instead of some, ALMANAC_FAULTS=10 every tenth; ALMANAC_SECONDS=60 visits
random ones so long in each test; ALMANAC_SEED=4711 replays a failure.
"""
import functools
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../clients"))

from almanac import ROOT, TOOL, connect, directory, equal, shell
from test_upgrade import QUERIES

HERE = os.path.dirname(os.path.abspath(__file__))
EVERY = os.environ.get("ALMANAC_FAULTS")

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

# What an application goes on to write after the disturbance; the last one after the next run.
WRITES = [
    "UPDATE readings SET v = v * 2, ts = ts + 100000 WHERE id % 11 = 0",
    "REPLACE INTO readings VALUES(2000, 1700900000, 'K12', 8.5)",
    "INSERT INTO readings VALUES(2001, 1704000000, 'K2001', 1), (2002, 1600000000, 'K2002', 2)",
    "DELETE FROM readings WHERE id BETWEEN 40 AND 44",
    "UPDATE events SET at = datetime(at, '+1 hour') WHERE rowid % 5 = 0",
    "DELETE FROM kinds WHERE kind = 'b'",
    "UPDATE readings SET v = v + 3, ts = ts - 7000 WHERE id IN (7, 77, 149)",
]

# What it writes between two runs, of which a power failure may take part.
MEANWHILE = [
    "UPDATE readings SET v = v - 1 WHERE id % 3 = 0",
    "INSERT INTO readings SELECT NULL, ts + 50, k || 'x', v FROM readings WHERE id < 40",
    "DELETE FROM readings WHERE id % 17 = 0",
    "INSERT INTO events SELECT at, 'b' FROM events",
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
    "newest": ("WITH (partition = k, keep = '20 newest')", *["SELECT k, count(*) AS n, sum(v) AS total FROM readings GROUP BY 1"] * 2),
    "ranks": ("", *["SELECT id, k, rank() OVER (ORDER BY v DESC, id) AS place FROM readings"] * 2),
    "zoned": ("", "SELECT time_bucket('1 day', ts, 'Asia/Tokyo') AS bucket, count(*) AS n FROM readings GROUP BY 1",
              "SELECT (ts + 32400) / 86400 * 86400 - 32400, count(*) FROM readings GROUP BY 1"),
}

# Summaries of summaries. The SQL without the extension reads the table.
SUMMARIES |= {
    "days": ("", "SELECT time_bucket('1 day', bucket) AS day, sum(n) AS n, sum(total) AS total FROM hourly GROUP BY 1",
             "SELECT ts / 86400 * 86400, count(*), sum(v) FROM readings GROUP BY 1"),
    "top": ("", "SELECT day, rank() OVER (ORDER BY n DESC, day) AS place FROM days",
            "SELECT ts / 86400 * 86400 AS day, rank() OVER (ORDER BY count(*) DESC, ts / 86400 * 86400) FROM readings GROUP BY 1"),
}

# The same names with other definitions; those that are not here stay as they are.
CHANGED = {
    "hourly": ("", "SELECT time_bucket('2 hours', ts) AS bucket, count(*) AS n, min(v) AS low FROM readings GROUP BY 1",
               "SELECT ts / 7200 * 7200, count(*), min(v) FROM readings GROUP BY 1"),
    "days": ("", "SELECT time_bucket('1 day', bucket) AS day, sum(n) AS n, min(low) AS low FROM hourly GROUP BY 1",
             "SELECT ts / 86400 * 86400, count(*), min(v) FROM readings GROUP BY 1"),
    "by_key": ("WITH (partition = k, index = v)", *["SELECT k, v, count(*) OVER (PARTITION BY k) AS n FROM readings"] * 2),
    "ranks": ("WITH (partition = 'id % 10')", *["SELECT id % 10 AS tenth, sum(v) AS total FROM readings GROUP BY 1"] * 2),
}

# So much for each key that a refresh's temporary tables don't stay in memory.
WIDE = {"wide": ("WITH (partition = k)", *["SELECT k, id, printf('%.*c', 20000, 'x') || v AS text FROM readings"] * 2)}


def definitions(summaries):
    return "".join(f"CREATE MATERIALIZED VIEW {name} {options} AS {select};\n" for name, (options, select, _) in summaries.items())


def queries(summaries):
    return {name: query for name, (_, _, query) in summaries.items()}


ALL, OTHER = queries(SUMMARIES), queries({**SUMMARIES, **CHANGED})
AS_THEY_ARE = {name: f"SELECT * FROM {name}" for name in SUMMARIES}
WITHOUT_TEXTS = {name: query for name, query in ALL.items() if name != "texts"}

def in_both(*statements):
    """Each in one transaction with the same on the twin."""
    return [f"BEGIN; {statement}; {statement.replace('readings', 'twin')}; COMMIT" for statement in statements]


# Summaries of which a prune freezes what is old and takes the raw rows; the queries read a twin that keeps them.
LATER_S = 1702500000  # what is written from there on is not frozen; what is older than KEPT_FROM_S may be
KEPT_FROM_S = 1701500000
KEPT = {name: SUMMARIES[name] for name in ("hourly", "monthly", "days")}
KEPT["hourly"] = (f"WITH (keep_raw = '{(int(time.time()) - KEPT_FROM_S) // 86400} days')", *KEPT["hourly"][1:])
KEPT_QUERIES = {name: query.replace("readings", "twin") for name, (_, _, query) in KEPT.items()}
PRUNED = "SELECT count(*) + 50 < (SELECT count(*) FROM twin) FROM readings"
KEPT_MEANWHILE = in_both(f"UPDATE readings SET v = v - 1 WHERE ts >= {LATER_S} AND id % 3 = 0",
                         "INSERT INTO readings VALUES(3000, 1702800000, 'K3000', 1)")
KEPT_WRITES = in_both(f"UPDATE readings SET v = v * 2 WHERE ts >= {LATER_S} AND id % 5 = 0",
                      f"DELETE FROM readings WHERE ts >= {LATER_S} AND id % 11 = 0",
                      "INSERT INTO readings VALUES(3001, 1702900000, 'K3001', 7), (3002, 1704000000, 'K3002', 8)")

# A file that the previous version has made, with summaries of its own; of one the name gives the rows of the last refresh.
OLD_FILE = os.path.join(ROOT, "tests", "data", "format1.sql")
OLD = {**QUERIES, "shapes": "SELECT * FROM shapes"}
OLD_MEANWHILE = ["UPDATE readings SET value = 1 - value WHERE id % 3 = 0", "DELETE FROM events WHERE id % 7 = 0"]
OLD_WRITES = [
    "UPDATE readings SET ts = ts + 90000, sensor = 's0' WHERE id % 11 = 0",
    "REPLACE INTO events VALUES(7, '2024-02-01 00:00:00', 3, 'c4')",
    "DELETE FROM events WHERE panel = 1 AND code = 'c1'",
    "UPDATE sensors SET site = 'north' WHERE name = 's2'",
    "INSERT INTO readings VALUES(500, 1700050000, 's2', 3), (501, 1700900000, 's0', 4)",
]


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
    code: int = 0  # how it ends when nothing disturbs it
    shows: str = None  # what is true when it has done its work
    writes: list = field(default_factory=lambda: WRITES)
    meanwhile: list = field(default_factory=lambda: MEANWHILE)

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
    Scenario("refresh by two processes", "changed", ["refresh", "--full", "--jobs", "2"], None, ALL, ALL),
    Scenario("first fill by three", "declared", ["refresh", "--jobs", "3"], None, ALL, ALL),
    Scenario("refresh that spills", "wide", ["refresh"], None, queries(WIDE), queries(WIDE)),
    Scenario("drop one", "changed", ["drop", "texts"], None, ALL, WITHOUT_TEXTS),
    Scenario("drop all", "changed", ["drop", "--all"], None, ALL, {}, False),
    Scenario("pause", "changed", ["pause"], None, ALL, {}),
    Scenario("resume", "paused", ["resume"], None, {}, ALL),
    Scenario("verify", "changed", ["verify"], None, ALL, ALL),
    Scenario("verify of what was changed by hand", "doctored", ["verify"], None, AS_THEY_ARE, ALL, code=1),
    Scenario("prune", "kept", ["prune"], None, KEPT_QUERIES, KEPT_QUERIES, shows=PRUNED, writes=KEPT_WRITES, meanwhile=KEPT_MEANWHILE),
    Scenario("prune in small steps", "kept", ["prune", "--lock-ms", "1"], None, KEPT_QUERIES, KEPT_QUERIES, shows=PRUNED, writes=KEPT_WRITES,
             meanwhile=KEPT_MEANWHILE),
    Scenario("upgrade", "old", ["status"], None, OLD, OLD, writes=OLD_WRITES, meanwhile=OLD_MEANWHILE),
]


@functools.cache
def library(source):
    """Compiles a file of this folder to be preloaded."""
    path = os.path.join(directory(), source + ".so")
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", path, os.path.join(HERE, source + ".c")], check=True)
    return path


def undisturbed(*arguments, stdin=None, codes=(0,)):
    """Runs the tool; disk.c spares it the waiting for a real disk."""
    done = subprocess.run([TOOL, *arguments], input=stdin, capture_output=True, text=True, env={**os.environ, "LD_PRELOAD": library("disk")})
    assert done.returncode in codes and not done.stderr, f"{arguments} ended with {done.returncode}: {done.stderr}"


def opened(path):
    """An application's connection, which doesn't wait for a real disk either."""
    db = connect(path, extension=False)
    db.execute("PRAGMA synchronous=OFF")
    return db


def plain(path, journal):
    db = opened(path)
    db.execute(f"PRAGMA journal_mode={journal}").fetchall()
    db.executescript(SCHEMA)
    db.close()


def declared(path, journal):
    plain(path, journal)
    undisturbed("apply", path, "-", stdin=definitions(SUMMARIES))


def wide(path, journal):
    plain(path, journal)
    undisturbed("apply", path, "-", stdin=definitions(WIDE))


def changed(path, journal):
    declared(path, journal)
    undisturbed("refresh", path)
    db = opened(path)
    db.executescript(CHANGE)
    db.close()


def paused(path, journal):
    changed(path, journal)
    undisturbed("pause", path)
    db = opened(path)
    db.executescript("UPDATE readings SET v = v + 1 WHERE id = 5; ALTER TABLE kinds ADD COLUMN about TEXT")
    db.close()


def doctored(path, journal):
    """Stored rows are wrong, of partitions that count as clean."""
    changed(path, journal)
    undisturbed("refresh", path)
    db = opened(path)
    db.executescript("""UPDATE hourly_stored SET total = total + 1 WHERE rowid % 40 = 0; DELETE FROM zoned_stored WHERE rowid % 20 = 0;
                        INSERT INTO by_key_stored SELECT * FROM by_key_stored LIMIT 2; UPDATE ranks_stored SET place = 0 WHERE rowid = 3""")
    db.close()


def kept(path, journal):
    plain(path, journal)
    db = opened(path)
    db.executescript("INSERT INTO readings VALUES(2999, 1703300000, 'K2999', 3); CREATE TABLE twin AS SELECT * FROM readings")
    undisturbed("apply", path, "-", stdin=definitions(KEPT))
    undisturbed("refresh", path)
    db.executescript(";".join(in_both(f"UPDATE readings SET v = v + 1 WHERE ts > {LATER_S} AND id % 7 = 0")))
    db.close()


def old(path, journal):
    shell(path, f"PRAGMA journal_mode={journal}", f".read {OLD_FILE}")


@functools.cache
def file_to_start_from(state, journal):
    path = os.path.join(directory(), "start.db")
    globals()[state](path, journal)
    return path


class World:
    """A scenario in a journal mode, with a folder for the file that is disturbed."""

    def __init__(self, scenario, journal):
        self.scenario, self.journal = scenario, journal
        folder = directory()
        self.path, self.name = os.path.join(folder, "t.db"), f"{scenario.name}, {journal}"

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
        start = file_to_start_from(self.scenario.state, self.journal)
        for suffix in ("", "-wal"):
            if os.path.exists(start + suffix):
                shutil.copy(start + suffix, self.path + suffix)

    def run(self, environment=None):
        """Runs the command, disturbed by what the environment says. In a process group of its own, for `kill` takes all of it."""
        self.copy()
        return subprocess.run([TOOL, *self.scenario.arguments(self.path)], input=self.scenario.stdin, capture_output=True, text=True,
                              env={**os.environ, **(environment or {})}, timeout=60, start_new_session=True)

    def failed(self, done):
        """Did the command fail, by what it said?"""
        return done.returncode not in (0, self.scenario.code) or bool(done.stderr)

    def states(self, done):
        """Which states its names may be in."""
        return [self.scenario.before, self.scenario.after] if self.failed(done) else [self.scenario.after]

    def count(self, library, variable, **environment):
        """How many operations the command makes when all goes well: the library writes it to a descriptor that the variable names."""
        reads, writes = os.pipe()
        self.copy()
        done = subprocess.run([TOOL, *self.scenario.arguments(self.path)], input=self.scenario.stdin, capture_output=True, text=True,
                              pass_fds=[writes], env={**os.environ, **environment, "LD_PRELOAD": library, variable: str(writes)})
        equal((done.returncode, done.stderr), (self.scenario.code, ""), self.name)
        os.close(writes)
        with os.fdopen(reads) as pipe:
            return max(map(int, pipe.read().split()))  # of each process


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


def check(world, what, states):
    """What must hold in the file after a disturbance."""
    scenario, path = world.scenario, world.path
    db = opened(path)
    try:
        equal(db.execute("PRAGMA integrity_check(3)").fetchall(), [("ok",)], what)
        state = compare(db, states, what)
        if state == scenario.after and not scenario.leaves:
            equal(traces(db), [], what)
        for statement in scenario.writes[:-1]:
            db.executescript(statement)
        compare(db, [state], what + ", and writes")
        if state != scenario.after or scenario.before == scenario.after:
            undisturbed(*scenario.arguments(path), stdin=scenario.stdin, codes=(0, scenario.code))
        if scenario.shows:
            equal(db.execute(scenario.shows).fetchone(), (1,), what)
        if scenario.command == ["pause"]:
            undisturbed("resume", path)
        if scenario.command[0] != "refresh" and scenario.leaves:
            undisturbed("refresh", path)
        if scenario.leaves:
            state = compare(db, [ALL if scenario.command == ["pause"] else scenario.after], what + ", and the next run")
            equal(db.execute("SELECT name, dirty, last_error FROM almanac_status WHERE dirty <> 0 OR last_error IS NOT NULL").fetchall(), [], what)
            db.executescript(scenario.writes[-1])
            compare(db, [state], what + ", the next run and a write")
    except (sqlite3.Error, AssertionError) as error:
        raise AssertionError(f"{what}: {error}") from error
    finally:
        db.close()


def visit(worlds, faults, run_s, count, disturb, apart=1):
    """Calls disturb(world, fault, n, random numbers, what to say of it) at fault points: at random ones until the time is up, or
    at all that are `apart` in turn, where ALMANAC_FAULTS says so. count(world, fault) says how many points there are. Returns how many
    were visited."""
    counts = {}

    def points(world, fault):
        key = world.name, fault
        if key not in counts:
            counts[key] = count(world, fault)
        return counts[key]

    def disturb_at(world, fault, n, r):
        disturb(world, fault, n, r, f"{world.name}: {fault} at {n} of {points(world, fault)}")

    if not EVERY:
        return visit_some(worlds, faults, run_s, points, disturb_at)
    every, visited, failures = (1 if EVERY == "all" else int(EVERY)) * apart, 0, []
    for world in worlds:
        for fault in faults:
            for n in range(1 + len(counts) * 7 % every, points(world, fault) + 1, every):
                visited += 1
                try:
                    disturb_at(world, fault, n, random.Random(n))
                except AssertionError as error:
                    failures.append(str(error))
    print(f"  ({visited} fault points, {len(failures)} failures)")
    assert not failures, "\n".join(failures[:10])
    return visited


def visit_some(worlds, faults, run_s, points, disturb_at):
    seed, visited, started = int(os.environ.get("ALMANAC_SEED", 0)) or int(time.time() * 1000) % 10**9, 0, time.time()
    while time.time() - started < float(os.environ.get("ALMANAC_SECONDS", run_s)):
        r = random.Random(seed)
        world, fault = r.choice(worlds), r.choice(faults)
        try:
            if points(world, fault):  # a verify that finds nothing writes nothing
                disturb_at(world, fault, r.randrange(1, points(world, fault) + 1), r)
        except AssertionError as error:
            raise AssertionError(f"ALMANAC_SEED={seed}\n{error}") from error
        visited, seed = visited + 1, seed + 1
    if "ALMANAC_SECONDS" in os.environ:
        print(f"  ({visited} fault points)")
    return visited
