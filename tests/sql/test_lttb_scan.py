"""lttb_scan against the thesis's arithmetic in Python, and lttb(). R-1... are those of ext/table/lttb_scan.c and points_scan.c (P)."""
import itertools
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading

from almanac import EXTENSION, connect, directory, equal, error_of

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lines import KINDS, reference, series

SEED = random.SystemRandom().randrange(1 << 32)


def filled(points, declared="x, y", path=":memory:", suffix=""):
    db = connect(path)
    db.execute(f"CREATE TABLE t({declared}){suffix}")
    db.execute("BEGIN")
    db.executemany("INSERT INTO t VALUES (?, ?)", points)
    db.execute("COMMIT")
    return db


def scan(db, n, filter=None, table="t", x="x", y="y"):
    return db.execute("SELECT x, y FROM lttb_scan(?, ?, ?, ?, ?)", (table, x, y, n, filter)).fetchall()


def typed(rows):
    return [(type(x), x, type(y), y) for x, y in rows]


def both(path, declared="x, y", suffix=""):
    """An empty table in memory, which is read through SQL, and one in a file, which is read from pages."""
    for name in (":memory:", path):
        db = connect(name)
        db.execute("DROP TABLE IF EXISTS t")
        db.execute(f"CREATE TABLE t({declared}){suffix}")
        yield db


def refill(db, points):
    db.execute("BEGIN")
    db.execute("DELETE FROM t")
    db.executemany("INSERT INTO t VALUES (?, ?)", points)
    db.execute("COMMIT")


def test_equals_the_reference():
    """R-1: every kind of line, sorted and not, values and types."""
    rng = random.Random(SEED)
    path = directory() + "/t.db"
    for db in both(path):
        for kind in KINDS:
            for count, n in [(0, 3), (1, 1), (2, 5), (17, 13), (700, 40), (3000, 2999), (5000, 3), (5000, 300)]:
                points = series(rng, kind, count)
                for order in ("sorted", "shuffled"):
                    refill(db, points)
                    ordered = sorted(points, key=lambda p: p[0])
                    equal(typed(scan(db, n)), typed(reference(ordered, n)), f"{kind} {order}, N = {count}, n = {n}, seed {SEED}")
                    points = points[:]
                    rng.shuffle(points)


def test_equals_lttb():
    """R-1: also with NULLs and a filter."""
    rng = random.Random(SEED)
    for db in both(directory() + "/t.db", "x, y NUMERIC"):
        for _ in range(15):
            count = rng.randrange(1, 3000)
            points = [(rng.choice([None, i, i + 0.5, i, i]), rng.choice([None, rng.random(), rng.randrange(9), rng.random()])) for i in range(count)]
            refill(db, points)
            for n in (0, 1, 2, 3, rng.randrange(3, count + 3)):
                for filter, where in ((None, "1"), ('{"y": {">": 0.25, "<=": 7}}', "y > 0.25 AND y <= 7"), ('{"y": 3}', "y = 3"), ('{"x": []}', "0")):
                    expected = db.execute(f"SELECT x, y FROM lttb_each((SELECT lttb(x, y, ?) FROM t WHERE {where}))", (n,)).fetchall()
                    equal(typed(scan(db, n, filter)), typed(expected), f"n = {n}, {filter}, seed {SEED}")


def large(path, count, x="i", y="(i * 7919) % 10007 * 0.5"):
    db = connect(path)
    db.execute("CREATE TABLE big(x, y)")
    db.execute(f"INSERT INTO big WITH RECURSIVE c(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM c LIMIT {count}) SELECT {x}, {y} FROM c")
    return db


def digest(db, sql, *parameters):
    return json.dumps(db.execute(sql, parameters).fetchall())


def test_more_points_than_are_kept():
    """R-3: two scans, one, or three, as the order of x demands: the result is that of lttb()."""
    count = 540_000
    for x, wanted in [("i", (1, 2, 1000)), ("i * 0.5", (3, 99_999)), ("CASE WHEN i % 3 THEN i ELSE i + 0.25 END", (1000,)), ("i / 1000", (count - 1,)),
                      ("CASE WHEN i = 539000 THEN 5 ELSE i END", (1000,)), ("(i * 7919) % 1000003", (7,)), ("datetime(i, 'unixepoch')", (200,))]:
        db = large(directory() + "/big.db", count, x)
        for n in wanted:
            expected = db.execute("SELECT lttb(x, y, ?) FROM big", (n,)).fetchone()[0]
            got = [list(row) for row in db.execute("SELECT x, y FROM lttb_scan('big', 'x', 'y', ?)", (n,))]
            assert json.dumps(got, separators=(",", ":")) == expected, f"x = {x}, n = {n}"
        db.close()


def test_times():
    """P R-2, R-3: texts come out as they were, whatever their spelling."""
    points = [("2024-01-01T00:00:00Z", 1), ("2024-01-01 01:30:00+01:00", 2), ("2024-01-01 00:45", 3.5), ("2024-01-02", 4)]
    for db in both(directory() + "/t.db"):
        for order in itertools.permutations(points):
            refill(db, order)
            equal(scan(db, 9), points)
        refill(db, [("2024-01-01", 1), (None, 2), ("2024-01-02", None), ("2024-01-03", 4)])
        equal(scan(db, 9), [("2024-01-01", 1), ("2024-01-03", 4)])


def test_what_is_no_point():
    """R-2, P R-2."""
    x_wrong = "lttb_scan: column x must hold finite numbers or ISO times such as '2024-05-01 12:30:00', not "
    for db in both(directory() + "/t.db"):
        for x, shown in [("abc", "'abc'"), ("12:30", "'12:30'"), ("", "''"), (b"ab", "a blob of 2 bytes"), (float("inf"), "Inf"), ("2024-01-01\0", "'2024-01-01"),
                         ("x" * 100, "'" + "x" * 40 + "...'"), ("é", "'é'")]:
            refill(db, [(x, 1)])
            assert error_of(db, "SELECT * FROM lttb_scan('t', 'x', 'y', 5)").startswith(x_wrong + shown), x
        for y, shown in [("5", "'5'"), (b"", "a blob of 0 bytes"), (float("-inf"), "-Inf")]:
            refill(db, [(1, 1.5), (2, y)])
            equal(error_of(db, "SELECT * FROM lttb_scan('t', 'x', 'y', 5)"), "lttb_scan: column y must hold finite numbers, not " + shown)
        for points, shown in [([(1, 1), ("2024-01-01", 1)], "'2024-01-01' after a number"), ([("2024-01-01", 1), (5, 1)], "5 after a time")]:
            refill(db, points)
            equal(error_of(db, "SELECT * FROM lttb_scan('t', 'x', 'y', 5)"), "lttb_scan: column x must hold ISO times in all rows or in none, not " + shown)
        refill(db, [(None, "text"), ("text", None)])
        equal(scan(db, 5), [])


def test_arguments():
    """R-2."""
    db = filled([(1, 2), (3, 4)])
    for n, shown in [(-1, "-1"), (2.5, "2.5"), ("10", "'10'"), (None, "NULL"), (b"1", "a blob of 1 bytes"), (float("inf"), "Inf")]:
        equal(error_of(db, "SELECT * FROM lttb_scan('t', 'x', 'y', ?)", n), f"lttb_scan: n, the number of points wanted, must be a whole number >= 0, not {shown}")
    equal(scan(db, 5.0), [(1, 2), (3, 4)])
    for arguments in ("'none', 'x', 'y', 5", "'t', 'none', 'y', 5", "'t', 'x', 'none', 5", "NULL, 'x', 'y', 5", "'t', NULL, 'y', 5", "'t', 'x', 7, 5", "'t', 'x', 'y', 5, 7",
                      "'t', 'x', 'y', 5, '{'", "'t', 'x', 'y', 5, '{\"none\": 1}'"):
        assert error_of(db, f"SELECT * FROM lttb_scan({arguments})").startswith("lttb_scan: "), arguments
    assert "lttb_scan(table, x, y, n [, filter]): an argument is missing" in error_of(db, "SELECT * FROM lttb_scan('t', 'x', 'y')")
    equal(db.execute("SELECT x FROM lttb_scan('t', 'x', 'y', 5, NULL)").fetchall(), [(1,), (3,)])
    equal(db.execute("SELECT rowid, n, filter, table_name, x_column, y_column FROM lttb_scan('t', 'x', 'y', 5, '{\"x\": 3}')").fetchall(), [(0, 5, '{"x": 3}', "t", "x", "y")])
    equal(db.execute("SELECT v.n, count(*) FROM (SELECT 1 AS n UNION SELECT 2) v, lttb_scan('t', 'x', 'y', v.n) GROUP BY 1").fetchall(), [(1, 1), (2, 2)])
    db.execute("CREATE VIEW through AS SELECT * FROM lttb_scan('t', 'x', 'y', 5)")
    assert "unsafe use of virtual table" in error_of(db, "SELECT * FROM through")


def test_sources():
    """Views, WITHOUT ROWID, other databases, odd names, WAL: the rows are the table's; `way` tells how they were read."""
    path = directory() + "/t.db"
    db = connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE keyed(k TEXT, x INTEGER, y REAL, PRIMARY KEY (k, x)) WITHOUT ROWID")
    db.execute('CREATE TABLE "odd ""name"("x y" INTEGER PRIMARY KEY, "select" REAL)')
    rows = [(key, i, (i * 7919) % 101 / 4) for i in range(4000) for key in ("b", "a")]
    db.executemany("INSERT INTO keyed VALUES (?, ?, ?)", rows)
    db.executemany('INSERT INTO "odd ""name" VALUES (?, ?)', [r[1:] for r in rows if r[0] == "a"])
    db.execute("CREATE VIEW seen AS SELECT x + 0 AS x, y FROM keyed WHERE k = 'a'")
    db.execute("ATTACH ? AS aux", (directory() + "/aux.db",))
    db.execute("CREATE TABLE aux.there AS SELECT x, y FROM seen")
    db.execute("CREATE TEMP TABLE here AS SELECT x, y FROM seen")
    expected = reference([(x, y) for k, x, y in rows if k == "a"], 50)
    for table, x, y, filter in [("seen", "x", "y", None), ("keyed", "x", "y", '{"k": "a"}'), ('"odd ""name"', "x y", "select", None), ("aux.there", "x", "y", None), ("there", "x", "y", None),
                                ("here", "x", "y", None), ("main.keyed", "X", "Y", '{"k": ["a"]}')]:
        equal(scan(db, 50, filter, table, x, y), expected, table)
    equal(db.execute("SELECT DISTINCT way LIKE 'sql: %' FROM lttb_scan('seen', 'x', 'y', 5)").fetchall(), [(1,)])
    db.execute("BEGIN")
    db.execute("DELETE FROM keyed WHERE x >= 100")
    equal(scan(db, 2, '{"k": "a"}', "keyed"), [(0, 0.0), (99, [y for k, x, y in rows if x == 99][0])], "what this connection has written")
    db.execute("ROLLBACK")


def interrupted(db, sql, after):
    """The error of a statement while which another thread interrupts."""
    timer = threading.Timer(after, db.interrupt)
    timer.start()
    try:
        db.execute(sql).fetchall()
    except sqlite3.OperationalError as error:
        return str(error)
    finally:
        timer.cancel()
        timer.join()
    return None


def test_interrupts():
    """While reading and while sorting."""
    db = large(directory() + "/big.db", 700_000, "(i * 7919) % 1000003")
    db.execute("CREATE VIEW endless AS WITH RECURSIVE c(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM c) SELECT i, i * 0.5 AS y FROM c")
    equal(interrupted(db, "SELECT * FROM lttb_scan('endless', 'i', 'y', 5)", 0.1), "interrupted")
    seen = [interrupted(db, "SELECT count(*) FROM lttb_scan('big', 'x', 'y', 600000)", after / 50) for after in range(1, 6)]
    assert set(seen) <= {"interrupted", None} and "interrupted" in seen, seen
    calls = []
    db.set_progress_handler(lambda: calls.append(1) or len(calls) > 20, 1000)
    equal(error_of(db, "SELECT count(*) FROM lttb_scan('big', 'x', 'y', 600000)"), "interrupted")
    db.set_progress_handler(None, 0)
    equal(len(db.execute("SELECT x FROM lttb_scan('big', 'x', 'y', 7)").fetchall()), 7, "after it")


def test_one_snapshot():
    """Both scans see the same rows, while another connection writes between and within them."""
    path = directory() + "/big.db"
    db = large(path, 600_000)
    db.execute("PRAGMA journal_mode = WAL")
    writer = sqlite3.connect(path, isolation_level=None)
    expected = digest(db, "SELECT x, y FROM lttb_each((SELECT lttb(x, y, 100) FROM big))")
    writes = []

    def write():
        if len(writes) < 40:
            writer.execute("UPDATE big SET y = y + 1000 WHERE rowid % 1000 = ?", (len(writes),))
            writer.execute("INSERT INTO big VALUES (?, 5)", (-len(writes),))
            writes.append(1)

    db.set_progress_handler(write, 500)
    got = digest(db, "SELECT x, y FROM lttb_scan('big', 'x', 'y', 100)")
    db.set_progress_handler(None, 0)
    assert got == expected, f"{len(writes)} writes"
    assert writes
    writer.close()


LIMITED = """
import resource, sqlite3, sys
db = sqlite3.connect(sys.argv[2])
db.enable_load_extension(True)
db.load_extension(sys.argv[1])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 24_000_000,) * 2)
for sql in ["SELECT count(*), way FROM lttb_scan('big', 'x', 'y', 1000)", "SELECT count(*), way FROM lttb_scan('big', 'x', 'y', 5)", "SELECT length(lttb(x, y, 5)) FROM big"]:
    try:
        print(*db.execute(sql).fetchone())
    except (sqlite3.Error, MemoryError) as error:
        print(str(error) or "out of memory")
"""


def test_memory():
    """R-3: two million points in order do with 24 MB, for any n; lttb() keeps 32 MB of them."""
    if b"__asan_" in open(EXTENSION + ".so", "rb").read():
        return  # its shadow memory is beyond any limit
    path = directory() + "/big.db"
    large(path, 2_000_000).close()
    done = subprocess.run([sys.executable, "-c", LIMITED, EXTENSION, path], capture_output=True, text=True)
    equal(done.stdout.splitlines(), ["1000 pages", "5 pages", "out of memory"], done.stderr)
