"""Allocations that fail, anywhere in apply and refresh: never a crash, and the names still equal their queries (promise 4)."""
import os
import random
import shutil
import subprocess
import time

from almanac import TOOL, connect, directory, equal, tool

RUN_S = 3.5  # for each of the four tests
HERE = os.path.dirname(os.path.abspath(__file__))

# name: options, SELECT for the tool, the same in SQL that needs no extension
SUMMARIES = {
    "hourly": ("", "SELECT time_bucket('1 hour', ts) AS bucket, k, count(*) AS n, sum(v) AS total FROM readings GROUP BY 1, 2",
               "SELECT ts / 3600 * 3600, k, count(*), sum(v) FROM readings GROUP BY 1, 2"),
    "texts": ("WITH (index = (bucket, n))", "SELECT time_bucket('1 hour', at) AS bucket, count(*) AS n FROM events NATURAL JOIN kinds GROUP BY 1",
              "SELECT strftime('%Y-%m-%d %H:00:00', at), count(*) FROM events NATURAL JOIN kinds GROUP BY 1"),
    "by_key": ("WITH (partition = k)", *["SELECT k, v, rank() OVER (PARTITION BY k ORDER BY v DESC, id) AS place FROM readings"] * 2),
    "ranks": ("", *["SELECT id, k, rank() OVER (ORDER BY v DESC, id) AS place FROM readings"] * 2),
    "zoned": ("", "SELECT time_bucket('1 day', ts, 'Asia/Tokyo') AS bucket, count(*) AS n FROM readings GROUP BY 1",
              "SELECT (ts + 32400) / 86400 * 86400 - 32400, count(*) FROM readings GROUP BY 1"),
}
DEFINITIONS = "".join(f"CREATE MATERIALIZED VIEW {name} {options} AS {select};\n" for name, (options, select, _) in SUMMARIES.items())


def database(path):
    db = connect(path, extension=False)
    db.executescript("""
        CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, k TEXT UNIQUE COLLATE NOCASE, v REAL);
        CREATE INDEX by_time ON readings(ts);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)
        INSERT INTO readings SELECT i, 1700000000 + i * 3000, 'k' || i, i * 0.5 FROM n;
        CREATE TABLE kinds(kind TEXT PRIMARY KEY);
        INSERT INTO kinds VALUES('a'), ('b');
        CREATE TABLE events(at TEXT, kind TEXT);
        CREATE INDEX events_by_time ON events(at);
        INSERT INTO events SELECT datetime(ts, 'unixepoch'), 'a' FROM readings LIMIT 40;""")
    db.close()


def change(path):
    db = connect(path, extension=False)
    db.executescript("""
        UPDATE readings SET v = v + 1 WHERE id % 7 = 0;
        REPLACE INTO readings VALUES(1000, 1700003000, 'K9', 4.5);
        DELETE FROM readings WHERE id = 30;
        INSERT INTO kinds VALUES('c');
        UPDATE events SET kind = 'c' WHERE rowid = 3;""")
    db.close()


def compare(path, what):
    db = connect(path, extension=False)
    equal(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)], what)
    views = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'view'")]
    for name, (_, _, query) in SUMMARIES.items():
        if name in views:
            equal(sorted(db.execute(f"SELECT * FROM {name}").fetchall()), sorted(db.execute(query).fetchall()), f"{name} {what}")
    db.close()
    return {name for name in SUMMARIES if name in views}


def failing():
    library = os.path.join(directory(), "memory.so")
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, os.path.join(HERE, "memory.c")], check=True)
    return library


def run(library, command, definitions, first, last):
    environment = {**os.environ, "LD_PRELOAD": library, "FAIL_FIRST": str(first), "FAIL_LAST": str(last)}
    return subprocess.run([TOOL, *command], input=definitions, env=environment, capture_output=True, text=True, timeout=30)


def count(library, command, definitions):
    """How many allocations the command makes when all goes well."""
    reads, writes = os.pipe()
    environment = {**os.environ, "LD_PRELOAD": library, "FAIL_COUNT": str(writes)}
    subprocess.run([TOOL, *command], input=definitions, env=environment, text=True, check=True, pass_fds=[writes])
    os.close(writes)
    with os.fdopen(reads) as pipe:
        return int(pipe.read())


def try_all(verb, forever):
    """Fails one allocation after another (or all from one on), at random places until the time is up."""
    seed = int(os.environ.get("ALMANAC_SEED", 0)) or int(time.time() * 1000) % 10**9
    r = random.Random(seed)
    folder, library = directory(), failing()
    start, path = os.path.join(folder, "start.db"), os.path.join(folder, "t.db")
    database(start)
    if verb == "refresh":
        tool("apply", start, "-", stdin=DEFINITIONS)
        tool("refresh", start)
        change(start)
    command, definitions = ([verb, path, "-"], DEFINITIONS) if verb == "apply" else ([verb, path], None)
    shutil.copy(start, path)
    n, failures, started = count(library, command, definitions), 0, time.time()
    while time.time() - started < RUN_S:
        # Half of them where the command starts: every one of its own steps comes there, later mostly SQLite's.
        first = r.randrange(1, r.choice([3000, n]))
        what = f"after {verb} whose allocation {first} of {n} failed, {forever=} (ALMANAC_SEED={seed})"
        shutil.copy(start, path)
        done = run(library, command, definitions, first, 10**12 if forever else first)
        assert done.returncode in (0, 1, 3, 10), f"{done.returncode} {what}\n{done.stderr}"
        assert done.returncode == 0 or done.stderr, what
        failures += done.returncode != 0
        names = compare(path, what)
        equal(names, set() if verb == "apply" and done.returncode else set(SUMMARIES), what)
        if r.random() < 0.3 and names:
            change_again = connect(path, extension=False)
            change_again.execute("UPDATE readings SET v = v * 2, ts = ts + 100 WHERE id % 11 = 0")
            change_again.close()
            compare(path, what + ", and a write")
            tool("refresh", path)
            compare(path, what + ", and a refresh")
    assert failures > 10, f"{failures} failures"


def test_apply_one_fails():
    try_all("apply", False)


def test_apply_all_fail_from_one_on():
    try_all("apply", True)


def test_refresh_one_fails():
    try_all("refresh", False)


def test_refresh_all_fail_from_one_on():
    try_all("refresh", True)
