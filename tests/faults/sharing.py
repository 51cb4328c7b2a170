"""A database that several refreshers share, with a log of what they publish."""
import json
import os
import subprocess
import time

from almanac import TOOL, connect, directory, equal, tool

HOURS = 400
HOURLY = "SELECT ts / 3600 * 3600, k, count(*), sum(v) FROM readings GROUP BY 1, 2 ORDER BY 1, 2"
BY_KEY = "SELECT k, count(*), max(v) FROM readings GROUP BY 1 ORDER BY 1"
RANKS = "SELECT id, rank() OVER (ORDER BY v DESC, id) FROM readings ORDER BY 1"
DEFINITIONS = {
    "hourly": "CREATE MATERIALIZED VIEW hourly AS SELECT time_bucket('1 hour', ts) AS bucket, k, count(*) AS n, sum(v) AS total FROM readings GROUP BY 1, 2;",
    "by_key": "CREATE MATERIALIZED VIEW by_key WITH (partition = k) AS SELECT k, count(*) AS n, max(v) AS high FROM readings GROUP BY 1;",
    "ranks": "CREATE MATERIALIZED VIEW ranks AS SELECT id, rank() OVER (ORDER BY v DESC, id) AS place FROM readings;",
}


def database(journal, names=DEFINITIONS, rows=8000):
    """Readings of 400 hours and 5 keys, with summaries that are not filled yet, and a log of what is published."""
    path = os.path.join(directory(), "t.db")
    db = connect(path, extension=False)
    db.execute(f"PRAGMA journal_mode={journal}").fetchall()
    db.executescript(f"""
        CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, k INTEGER, v INTEGER);
        CREATE INDEX by_time ON readings(ts);
        CREATE INDEX by_k ON readings(k);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
        INSERT INTO readings SELECT i, 1700000000 / 3600 * 3600 + i * 1000 * {HOURS} / {rows} * 3600 / 1000, i % 5, i * 7919 % 10007 FROM n;""")
    tool("apply", path, "-", stdin="".join(DEFINITIONS[name] for name in names))
    db.execute("CREATE TABLE published(name, partition, place)")
    for name, partition, place in (("hourly", "bucket", "k"), ("by_key", "k", "k")):
        if name in names:
            db.execute(f"CREATE TRIGGER log_{name} AFTER INSERT ON {name}_stored BEGIN INSERT INTO published VALUES('{name}', NEW.{partition}, NEW.{place}); END")
    return path, db


def check(db, what):
    for name, query in (("hourly", HOURLY), ("by_key", BY_KEY), ("ranks", RANKS)):
        if db.execute("SELECT 1 FROM almanac_summary WHERE name=?", (name,)).fetchone():
            equal(db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall(), db.execute(query).fetchall(), f"{name} {what}")


def nothing_dirty(db, what):
    equal(db.execute("SELECT name, dirty FROM almanac_status WHERE dirty<>0").fetchall(), [], what)


def none_twice(db, what):
    twice = db.execute("SELECT name, partition, count(*) FROM published GROUP BY name, partition, place HAVING count(*)>1").fetchall()
    equal(twice, [], f"published twice {what}")


def start(path, *options):
    return subprocess.Popen([TOOL, "refresh", path, "--json", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process, code=0):
    out, error = process.communicate(timeout=30)
    equal((process.returncode, error), (code, ""), "a refresh beside another")
    return [json.loads(line) for line in out.splitlines()]


def claimed(db, name):
    number = db.execute("SELECT id FROM almanac_summary WHERE name=?", (name,)).fetchone()[0]
    return lambda: db.execute(f"SELECT count(*) FROM almanac_dirty_{number} WHERE token IS NOT NULL").fetchone()[0]


def until(condition, what, seconds=10):
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.002)
