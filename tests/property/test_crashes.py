"""kill -9 at random moments of real refreshes, and readers and writers beside a running one: the name equals the query (promises 4, 6)."""
import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from almanac import TOOL, connect, directory, equal, tool
from runner import difference

RUN_S = 5
ROWS = 1500

DEFINITIONS = {
    "hourly": ("", "SELECT time_bucket('1 hour', ts) AS bucket, k, count(*) AS n, sum(v) AS total FROM readings GROUP BY 1, 2"),
    "daily": ("", "SELECT time_bucket('1 day', ts) AS bucket, count(*) AS n, max(v) AS high FROM readings GROUP BY 1"),
    "monthly": ("", "SELECT time_bucket('1 month', ts) AS bucket, k, min(v) AS low FROM readings GROUP BY 1, 2"),
    "by_key": ("WITH (partition = k)", "SELECT k, v, rank() OVER (PARTITION BY k ORDER BY v DESC, id) AS place FROM readings"),
    "ranks": ("", "SELECT id, k, rank() OVER (ORDER BY v DESC, id) AS place FROM readings"),
}


def writes(r):
    """One transaction of a writer."""
    ts = lambda: r.choice([r.randrange(0, 100 * 86400), 100 * 86400 + r.randrange(3600), "NULL"])
    statements = []
    for _ in range(r.choice([1, 1, 5])):
        statements.append(r.choice([
            lambda: f"INSERT INTO readings(ts, k, v) VALUES({ts()}, {r.randrange(5)}, {r.randrange(400) / 4})",
            lambda: f"UPDATE readings SET v = {r.randrange(400) / 4} WHERE id % 997 = {r.randrange(997)}",
            lambda: f"UPDATE readings SET ts = {ts()}, k = {r.randrange(5)} WHERE id = {r.randrange(1, ROWS)}",
            lambda: f"DELETE FROM readings WHERE id = {r.randrange(1, ROWS)}",
            lambda: f"REPLACE INTO readings VALUES({r.randrange(1, ROWS)}, {ts()}, {r.randrange(5)}, {r.randrange(400) / 4})"])())
    return statements


def database(journal, r):
    path = os.path.join(directory(), "crash.db")
    db = connect(path)
    db.execute(f"PRAGMA journal_mode={journal}").fetchall()
    db.execute("CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, k INTEGER, v REAL)")
    db.execute("CREATE INDEX by_time ON readings(ts)")
    db.execute("BEGIN")
    db.executemany("INSERT INTO readings(ts, k, v) VALUES(?, ?, ?)", [(r.randrange(0, 100 * 86400), r.randrange(5), r.randrange(400) / 4) for _ in range(ROWS)])
    db.execute("COMMIT")
    tool("apply", path, "-", stdin="".join(f"CREATE MATERIALIZED VIEW {n} {o} AS {s};\n" for n, (o, s) in DEFINITIONS.items()))
    return path, db


def compare(db, when):
    """Name and query in one snapshot."""
    db.execute("BEGIN")
    for name, (_, select) in DEFINITIONS.items():
        wrong = difference(db.execute(f"SELECT * FROM {name}").fetchall(), db.execute(select).fetchall(), False)
        assert not wrong, f"{name} {when}: {wrong}"
    db.execute("COMMIT")


def nothing_dirty(db, seed):
    equal(db.execute("SELECT name, dirty, last_error FROM almanac_status WHERE dirty<>0").fetchall(), [], f"left dirty by a refresh (ALMANAC_SEED={seed})")


def write(db, statements):
    db.execute("BEGIN IMMEDIATE")
    for statement in statements:
        db.execute(statement)
    db.execute("COMMIT")


def refresh(path, *options):
    return subprocess.Popen([TOOL, "refresh", path, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def test_killed_at_any_moment():
    seed = int(os.environ.get("ALMANAC_SEED", 0)) or int(time.time() * 1000) % 10**9
    r = random.Random(seed)
    for journal in ("DELETE", "WAL"):
        path, db = database(journal, r)
        longest_s, kills, started = 0.3, 0, time.time()
        while time.time() - started < RUN_S / 2:
            process = refresh(path, "--lock-ms", r.choice(["1", "50"]), *r.choice([[], ["--full"], ["hourly"]]))
            began = time.time()
            try:
                process.wait(r.random() * longest_s)
                longest_s = 0.9 * longest_s + 0.1 * 1.2 * (time.time() - began)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                kills += 1
            process.communicate()
            compare(db, f"after a kill (ALMANAC_SEED={seed}, {journal})")
            for _ in range(r.choice([0, 1, 3])):
                write(db, writes(r))
            compare(db, f"after a kill and writes (ALMANAC_SEED={seed}, {journal})")
            if r.random() < 0.2:
                tool("refresh", path)
                compare(db, f"refreshed (ALMANAC_SEED={seed}, {journal})")
                nothing_dirty(db, seed)
        equal(db.execute("PRAGMA integrity_check").fetchone(), ("ok",))
        assert kills, "the refresh was too fast to be killed"
        db.close()


def test_readers_and_writers_beside_a_running_refresh():
    seed = int(os.environ.get("ALMANAC_SEED", 0)) or int(time.time() * 1000) % 10**9
    r = random.Random(seed)
    for journal in ("DELETE", "WAL"):
        path, db = database(journal, r)
        started, running = time.time(), []
        while time.time() - started < RUN_S / 2:
            running = [p for p in running if p.poll() is None]
            while len(running) < 2:  # two that take each other's work
                running.append(refresh(path, "--busy-timeout", "20s", *r.choice([[], [], ["--full"], ["ranks"]])))
            write(db, writes(r))
            time.sleep(0.05)  # a refresh beside writers that never pause may not end
            compare(db, f"beside running refreshes (ALMANAC_SEED={seed}, {journal})")
        for process in running:
            error = process.communicate()[1]
            equal((process.returncode, error), (0, ""), "a refresh beside others")
        tool("refresh", path)
        compare(db, f"refreshed at last (ALMANAC_SEED={seed}, {journal})")
        nothing_dirty(db, seed)
        db.close()
