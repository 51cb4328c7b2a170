"""What zoom_points and zoom_buckets share: snapshots, schemas that change while a connection keeps its statements, errors (ZB6, ZP6), time."""
import os
import random
import sqlite3
import subprocess
import time

from almanac import EXTENSION, connect, directory, equal, error_of, shell, tool
from zooms import START

BUCKETS = "SELECT bucket, n, min, max FROM zoom_buckets('z', NULL, NULL, 1000"
POINTS = "SELECT x, y FROM zoom_points('z', NULL, NULL, 1000"


def declare(path, options="zoom = '10s, 1m, 10m'", select="ts, sensor_id, value", name="z"):
    tool("apply", path, "-", stdin=f"CREATE MATERIALIZED VIEW {name} WITH ({options}) AS SELECT {select} FROM readings;")


def fresh(rows=2000, refresh=True, wal=False):
    """A database with a zoom of a line for each of two sensors, a row a second."""
    path = directory() + "/t.db"
    shell(path, *["PRAGMA journal_mode=wal"] * wal, "CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, sensor_id INTEGER, value REAL)",
          "CREATE INDEX readings_ts ON readings(ts)", "CREATE INDEX readings_key ON readings(sensor_id, ts)",
          f"WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c LIMIT {rows})"
          f" INSERT INTO readings(ts, sensor_id, value) SELECT {START} + i, i % 2, i * 37 % 101 FROM c")
    declare(path)
    if refresh:
        tool("refresh", path)
    return path


def total(db, key=0):
    return db.execute("SELECT sum(n) FROM zoom_buckets('z', NULL, NULL, 1000, ?)", (key,)).fetchone()[0]


def test_levels_are_read_after_a_refresh_and_raw_rows_before():
    """The rows read, counted by SQLite's instructions: few where the levels are filled; the same result."""
    path = fresh(20000, refresh=False)
    db = connect(path)
    before = db.execute(BUCKETS + ", 0)").fetchall(), steps(db, BUCKETS + ", 0)")
    tool("refresh", path)
    after = db.execute(BUCKETS + ", 0)").fetchall(), steps(db, BUCKETS + ", 0)")
    equal(before[0], after[0])
    assert after[1] * 3 < before[1], (before[1], after[1])


def steps(db, sql, *parameters):
    """How many instructions SQLite runs for a statement, in tens."""
    count = [0]

    def tick():
        count[0] += 1

    db.execute(sql, parameters).fetchall()
    db.set_progress_handler(tick, 10)
    db.execute(sql, parameters).fetchall()
    db.set_progress_handler(None, 10)
    return count[0]


def test_own_transaction_and_others():
    """What a connection has changed and not committed is there for itself; what others commit is not, within a transaction."""
    path = fresh(wal=True)
    db, other = connect(path), connect(path)
    db.execute("BEGIN")
    db.execute("INSERT INTO readings(ts, sensor_id, value) VALUES (?, 0, 500), (?, 0, 501)", (START + 5, START + 99999))
    equal((total(db), total(other)), (1002, 1000))
    equal(db.execute(POINTS + ", 0)").fetchall()[-1], (START + 99999, 501.0))
    db.execute("ROLLBACK")
    equal(total(db), 1000)
    db.execute("BEGIN")
    equal(total(db), 1000)
    other.execute("DELETE FROM readings WHERE ts < ?", (START + 100,))
    tool("refresh", path)
    equal((total(db), total(other)), (1000, 950))
    db.execute("COMMIT")
    equal(total(db), 950)


def test_statements_live_through_changes_of_the_schema():
    """A connection keeps its statements: other columns, other ladders, a zoom that is gone and one that is there again."""
    path = fresh()
    db = connect(path)
    level = lambda: db.execute("SELECT level FROM zoom_buckets('z', NULL, NULL, 1000, 0) LIMIT 1").fetchone()[0]
    equal((total(db), level()), (1000, "10s"))
    shell(path, "ALTER TABLE readings ADD COLUMN note", "CREATE INDEX readings_note ON readings(note)")
    equal(total(db), 1000)
    declare(path, "zoom = '30s, 5m'")
    equal((total(db), level()), (1000, "30s"))
    tool("refresh", path)
    equal((total(db), level()), (1000, "30s"))
    tool("drop", path, "z")
    assert "there is no zoom 'z'" in error_of(db, BUCKETS + ", 0)")
    declare(path, select="ts, value")
    equal(db.execute("SELECT sum(n) FROM zoom_buckets('z', NULL, NULL, 1000)").fetchone()[0], 2000)
    assert "z has no key columns: leave the key out, 0" in error_of(db, BUCKETS + ", 0)")
    declare(path, select="ts, sensor_id, value", name="other")
    equal(db.execute("SELECT sum(n) FROM zoom_buckets('other', NULL, NULL, 1000, 1)").fetchone()[0], 1000)
    equal(db.execute("SELECT sum(n) FROM zoom_buckets('Z', NULL, NULL, 1000)").fetchone()[0], 2000)
    shell(path, "ALTER TABLE readings RENAME COLUMN value TO v", "ALTER TABLE readings RENAME TO measured")
    tool("refresh", path)
    equal(db.execute("SELECT sum(n) FROM zoom_buckets('other', NULL, NULL, 1000, 1)").fetchone()[0], 1000)


def test_over_an_empty_table():
    """Until a refresh has seen a time nobody knows what times look like: nothing to read, or a refresh to run."""
    path = directory() + "/t.db"
    shell(path, "CREATE TABLE readings(ts, sensor_id, value)")
    declare(path)
    db = connect(path)
    for _ in range(2):
        equal(db.execute(BUCKETS + ", 0)").fetchall() + db.execute(POINTS + ", 0)").fetchall(), [])
        assert "there is no zoom 'y' in the main database, but: z" in error_of(db, "SELECT * FROM zoom_points('y', NULL, NULL, 5, 0)")
        tool("refresh", path)
    shell(path, "INSERT INTO readings VALUES (NULL, 0, 1)")
    equal(db.execute(BUCKETS + ", 0)").fetchall(), [])
    shell(path, f"INSERT INTO readings VALUES ({START}, 0, 7)")
    for read, function in ((BUCKETS, "zoom_buckets"), (POINTS, "zoom_points")):
        assert error_of(db, read + ", 0)").startswith(f"{function}: no refresh has seen rows of z yet"), read
    tool("pause", path)
    assert "almanac resume" in error_of(db, BUCKETS + ", 0)")
    tool("resume", path)
    tool("refresh", path)
    equal(db.execute(POINTS + ", 0)").fetchall(), [(START, 7)])


def test_paused():
    path = fresh()
    db = connect(path)
    equal(total(db), 1000)
    tool("pause", path)
    assert "almanac resume" in error_of(db, BUCKETS + ", 0)")
    tool("resume", path)
    equal(total(db), 1000)


def test_what_cannot_be_trusted_is_read_from_raw_rows():
    """A rebuilt table has lost its triggers without a word: then no stored row counts."""
    path = fresh()
    db = connect(path)
    shell(path, "CREATE TABLE copy(id INTEGER PRIMARY KEY, ts INTEGER, sensor_id INTEGER, value REAL)", "INSERT INTO copy SELECT * FROM readings",
          "PRAGMA legacy_alter_table = ON; DROP TABLE readings; ALTER TABLE copy RENAME TO readings; DELETE FROM readings WHERE id <= 1000")
    equal((total(db), total(db, 1)), (500, 500))
    equal(len(db.execute(POINTS + ", 0)").fetchall()), 500)


def test_keys():
    """Values compare as the column does; what isn't there has no rows."""
    path = fresh()
    db = connect(path)
    for key in (0, "0", 0.0):
        equal(total(db, key), 1000, key)
    for key in (2, "x", b"0", 0.5):
        equal(total(db, key), None, key)


def test_joined_with_what_is_drawn():
    """As a table in a join: once for each row of another."""
    db = connect(fresh())
    equal(db.execute("SELECT s.value, sum(b.n), (SELECT count(*) FROM zoom_points('z', NULL, NULL, 20, s.value)) FROM json_each('[0, 1, 2]') s,"
                     " zoom_buckets('z', NULL, NULL, 3, s.value) b GROUP BY 1").fetchall(), [(0, 1000, 20), (1, 1000, 20)])


def test_errors():
    path = fresh(rows=10)
    db = connect(path)
    for call, message in [
            ("zoom_points('y', NULL, NULL, 5, 0)", "zoom_points: there is no zoom 'y' in the main database, but: z"),
            ("zoom_points(NULL, NULL, NULL, 5, 0)", "zoom_points: the name of a zoom must be text, not NULL"),
            ("zoom_points(7, NULL, NULL, 5, 0)", "zoom_points: the name of a zoom must be text, not 7"),
            ("zoom_points('z', NULL, NULL, 5)", "zoom_points: z is kept for each sensor_id apart: give its value as the last argument"),
            ("zoom_points('z', NULL, NULL, 5, NULL)", "zoom_points: z is kept for each sensor_id apart: give its value as the last argument"),
            ("zoom_points('z', '2024-01-01', NULL, 5, 0)", "zoom_points: lo must be a time as ts of z has it, such as 1714550400, not '2024-01-01' (strftime('%s', ...)"),
            ("zoom_buckets('z', NULL, x'00', 5, 0)", "zoom_buckets: hi must be a time as ts of z has it, such as 1714550400, not a blob of 1 bytes"),
            ("zoom_points('z', NULL, NULL, -1, 0)", "zoom_points: points must be a whole number of at least 0, not -1"),
            ("zoom_points('z', NULL, NULL, 2.5, 0)", "zoom_points: points must be a whole number of at least 0, not 2.5"),
            ("zoom_points('z', NULL, NULL, NULL, 0)", "zoom_points: points must be a whole number of at least 0, not NULL"),
            ("zoom_buckets('z', NULL, NULL, 0, 0)", "zoom_buckets: max_buckets must be a whole number of at least 1, not 0"),
            ("zoom_buckets('z', 0, 1e18, 2, 0)", "zoom_buckets: the range from lo to hi doesn't fit into max_buckets = 2, however wide"),
            ("zoom_buckets('z', NULL, NULL)", "zoom_buckets(name, lo, hi, max_buckets [, key]): an argument is missing")]:
        got = error_of(db, f"SELECT * FROM {call}")
        assert got.startswith(message), (call, got)
    equal(len(db.execute("SELECT * FROM zoom_points('z', NULL, NULL, 3.0, 0)").fetchall()), 3)
    db.execute("CREATE VIEW v AS SELECT * FROM zoom_points('z', NULL, NULL, 5, 0)")
    assert "unsafe use of" in error_of(db, "SELECT * FROM v")
    db.execute("CREATE TEMP VIEW mine AS SELECT * FROM zoom_points('z', NULL, NULL, 5, 0)")
    equal(len(db.execute("SELECT * FROM mine").fetchall()), 5)
    assert "there is no zoom 'z' in the main database, nor any other: declare one" in error_of(connect(), "SELECT * FROM zoom_points('z', NULL, NULL, 5, 0)")


def test_errors_of_texts_and_several_keys():
    path = directory() + "/t.db"
    shell(path, "CREATE TABLE readings(ts TEXT, site TEXT, sensor_id INTEGER, value REAL)",
          "INSERT INTO readings VALUES ('2024-05-01 10:00:00', 'A', 7, 1.5), ('2024-05-01 10:00:01', 'A', 7, 2.5), ('2024-05-01 10:00:01', 'B', 7, 3)")
    declare(path, select="ts, site, sensor_id, value")
    db = connect(path)
    count = lambda key, lo=None: db.execute("SELECT sum(n) FROM zoom_buckets('z', ?2, NULL, 5, ?1)", (key, lo)).fetchone()[0]
    equal([count(k) for k in ('["A", 7]', '["A","7"]', '["A", 7.0]', '[ "C" , 7 ]', '["\\u0041", 7]')], [2, 2, 2, None, 2])
    for key in ('["A"]', '["A", 7, 8]', '["A", null]', '["A", [7]]', '"A"', "A", "", '["A", 7', '["A", 7] x', 7, b"x"):
        got = error_of(db, "SELECT * FROM zoom_buckets('z', NULL, NULL, 5, ?)", key)
        assert got.startswith("zoom_buckets: z is kept for each (site, sensor_id) apart: give a JSON array of their 2 values as the last argument, not "), (key, got)
    equal([count('["A", 7]', lo) for lo in ("2024-05-01 10:00:01", "2024-05-01", "2024-05-01 10:00:00.5")], [1, 2, 1])
    for lo in ("2024-05-01T10:00:00", "2024-05-01 10:00:00Z", "10:00", 5, "2024-02-31 00:00:00", "now"):
        got = error_of(db, "SELECT * FROM zoom_buckets('z', ?, NULL, 5, '[\"A\", 7]')", lo)
        assert got.startswith("zoom_buckets: lo must be a time as ts of z has it, such as '2024-05-01 08:00:00', not "), (lo, got)


def test_sums():
    """ZB4: sums of integers are exact, or an error as sum()'s."""
    path = directory() + "/t.db"
    shell(path, "CREATE TABLE readings(ts INTEGER, value INTEGER)", "INSERT INTO readings VALUES (1, 9007199254740993), (2, 9007199254740995), (3, -1)")
    declare(path, select="ts, value")
    tool("refresh", path)
    db = connect(path)
    ask = "SELECT n, sum, avg FROM zoom_buckets('z', NULL, NULL, 1)"
    equal(db.execute(ask.replace(", avg", "")).fetchall(), [(3, 18014398509481987)])
    db.execute("INSERT INTO readings VALUES (4, 9223372036854775807)")
    equal(error_of(db, ask), "zoom_buckets: integer overflow")
    db.execute("INSERT INTO readings VALUES (5, 0.5)")
    equal(db.execute(ask).fetchall(), db.execute("SELECT count(*), total(value), total(value) / count(*) FROM readings").fetchall())


def test_a_connection_closes_with_its_statements():
    """Statements that the tables keep are no reason for a database to stay open, also where one of the host's is."""
    path = fresh(rows=10)
    db = connect(path)
    running = db.execute("SELECT * FROM zoom_points('z', NULL, NULL, 5, 0)")
    running.fetchone()
    db.close()
    del running
    script = (f"import sqlite3\ndb = sqlite3.connect({path!r}); db.enable_load_extension(True); db.load_extension({EXTENSION!r})\n"
              "c = db.execute(\"SELECT * FROM zoom_points('z', NULL, NULL, 5, 0)\"); c.fetchone(); db.close(); del c\nprint('fine')")
    equal(subprocess.run(["/usr/bin/python3", "-c", script], capture_output=True, text=True).stdout, "fine\n")
    db = connect(path)
    equal(total(db), 5)
    shell(path, "PRAGMA journal_mode=wal", "VACUUM")
    equal(total(db), 5)
    db.execute("VACUUM")
    equal(total(db), 5)


def test_interrupted():
    path = fresh(rows=200000, refresh=False)
    db = connect(path)
    began = time.thread_time()
    db.set_progress_handler(lambda: 1 if time.thread_time() - began > 0.005 else 0, 1000)
    for function in ("zoom_points", "zoom_buckets"):
        began = time.thread_time()
        equal(error_of(db, f"SELECT count(*) FROM {function}('z', NULL, NULL, 5, 0)"), f"{function}: interrupted")
    db.set_progress_handler(None, 0)
    equal(total(db), 100000)


def test_the_size_of_the_table_hardly_matters():
    """The same random ranges of a table twenty times the size: at most 1.5 times the instructions of the dearest, and twice those of all,
    for the small table has little to read in some."""
    seed = int(os.environ.get("ALMANAC_SEED", random.SystemRandom().randrange(1 << 32)))
    totals = []
    for rows in (15000, 300000):
        path = fresh(rows, refresh=False)
        declare(path, "zoom = '10s, 1m, 5m, 30m, 2h, 12h'")
        tool("refresh", path, "--lock-ms", "1000")
        db, chance, most = connect(path), random.Random(seed), 0
        counts = []
        for _ in range(60):
            lo, hi = sorted(START + int(chance.random() * rows) for _ in range(2))
            function, limit = chance.choice([("zoom_points", 200), ("zoom_buckets", 200)])
            counts.append(steps(db, f"SELECT count(*) FROM {function}('z', ?, ?, ?, ?)", lo, hi, limit, chance.randrange(2)))
        totals.append((sum(counts), max(counts)))
    assert totals[1][0] <= 2 * totals[0][0] and totals[1][1] <= 1.5 * totals[0][1], (seed, totals)


def test_pruned():
    """Raw rows that prune has deleted are still there in the levels; what of the finest bucket an end cuts is left out."""
    path = directory() + "/t.db"
    now = int(time.time()) // 600 * 600
    shell(path, "CREATE TABLE readings(ts INTEGER, value INTEGER)", "CREATE INDEX readings_ts ON readings(ts)",
          f"WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c LIMIT 20000) INSERT INTO readings SELECT {now} - 60 * i, i % 97 FROM c")
    declare(path, "zoom = '10m, 1h, 1d', keep_raw = '3 days'", select="ts, value")
    db = connect(path)
    rows = db.execute("SELECT ts, value FROM readings").fetchall()
    tool("refresh", path)
    tool("prune", path)
    left = db.execute("SELECT min(ts) FROM readings").fetchone()[0]
    assert left > now - 4 * 86400 < rows[0][0]
    db.execute("INSERT INTO readings VALUES (?, 1000)", (now - 100,))
    rows.append((now - 100, 1000))
    chance = random.Random(5)
    for _ in range(60):
        lo, hi = sorted(now - chance.randrange(0, 1300000) for _ in range(2))
        lo, hi = (None if chance.random() < 0.1 else lo), (None if chance.random() < 0.1 else hi)
        got = db.execute("SELECT n, sum, min, max FROM zoom_buckets('z', ?, ?, 2)", (lo, hi)).fetchall()
        first = -10**12 if lo is None else lo if lo >= left else -(-lo // 600) * 600
        last = 10**12 if hi is None else hi if hi >= left else hi // 600 * 600 - 1
        values = [v for ts, v in rows if first <= ts <= last]
        equal((sum(r[0] for r in got), sum(r[1] for r in got)), (len(values), sum(values)), (lo, hi))
        points = db.execute("SELECT x, y FROM zoom_points('z', ?, ?, 10)", (lo, hi)).fetchall()
        assert set(points) <= set(rows) and len(points) <= min(10, len(values)), (lo, hi, points)
        if values:
            equal((min(y for _, y in points), max(y for _, y in points)), (min(values), max(values)), (lo, hi))
