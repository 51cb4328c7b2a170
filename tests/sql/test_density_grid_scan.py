"""density_grid_scan against numpy.histogram2d and density_grid(). R-1... are those of ext/table/density_grid_scan.c."""
import json
import math
import random
import sqlite3
import subprocess
import sys
import threading
import warnings

import numpy

from almanac import EXTENSION, connect, directory, equal, error_of

SEED = random.SystemRandom().randrange(1 << 32)


def histogram(points, nx, ny, reach=None):
    points = numpy.array([p for p in points if None not in p], dtype=float).reshape(-1, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        h, _, _ = numpy.histogram2d(points[:, 0], points[:, 1], bins=(nx, ny), range=reach)
    return h.T.astype(int).tolist()


def both(declared="x, y"):
    """An empty table in memory, which is read through SQL, and one in a file, which is read from pages."""
    for path in (":memory:", directory() + "/t.db"):
        db = connect(path)
        db.execute(f"CREATE TABLE t({declared})")
        yield db


def refill(db, points):
    db.execute("BEGIN")
    db.execute("DELETE FROM t")
    db.executemany("INSERT INTO t VALUES (?, ?)", points)
    db.execute("COMMIT")


def flat(reach):
    return (*reach[0], *reach[1]) if reach else (None,) * 4


def scan(db, nx, ny, reach=None, filter=None):
    rows = db.execute("SELECT grid FROM density_grid_scan('t', 'x', 'y', ?, ?, ?, ?, ?, ?, ?)", (nx, ny, *flat(reach), filter)).fetchall()
    equal(len(rows), 1)
    return json.loads(rows[0][0])


def some_points(rng, count):
    """Floats, integers, both, NULLs; on edges of round ranges and beside them."""
    kind = rng.randrange(5)
    number = [lambda: rng.uniform(-3, 103), lambda: rng.randrange(-3, 104), lambda: rng.choice([rng.randrange(101), rng.random() * 100, None]),
              lambda: math.nextafter(rng.randrange(101), rng.choice([-1e9, 1e9])), lambda: rng.gauss(50, 9)][kind]
    return [(number(), number()) for _ in range(count)]


def test_equals_numpy():
    """R-1: with a range and without, in batches of any size."""
    rng = random.Random(SEED)
    for db in both():
        for _ in range(40):
            points = some_points(rng, rng.choice([1, 2, 10, 300, 2047, 2048, 2049, 7000]))
            bins = rng.randrange(1, 120), rng.randrange(1, 40)
            refill(db, points)
            for reach in (None, ((0, 100), (0, 100)), ((rng.uniform(-9, 40), rng.uniform(41, 120)), (-5, rng.uniform(1, 200)))):
                if reach is None and all(None in p for p in points):
                    continue
                equal(scan(db, *bins, reach), histogram(points, *bins, reach), f"{bins} {reach}, seed {SEED}")


def test_equals_the_aggregates():
    """R-1: to the byte, the trace too, with filters, over a view, for every thread number."""
    rng = random.Random(SEED)
    for db in both("x REAL, y NUMERIC"):
        db.execute("CREATE VIEW v AS SELECT y AS x, x AS y FROM t WHERE x > 3")
        points = some_points(rng, 9000)
        refill(db, points)
        for threads in (1, 2, 5):
            db.execute("SELECT almanac_threads(?)", (threads,))
            for filter, where in ((None, "1"), ("{}", "1"), ('{"x": {"<": 50}, "y": {">=": 20, "<": 70.5}}', "x < 50 AND y >= 20 AND y < 70.5"), ('{"x": [1, 2, 3]}', "x IN (1, 2, 3)")):
                for reach in ("", ", 10, 90.5, 0, 60"):
                    for table in ("t", "v"):
                        expected = db.execute(f"SELECT density_grid(x, y, 40, 30 {reach}), density_grid_trace(x, y, 40, 30 {reach}) FROM {table} WHERE {where}").fetchone()
                        if expected[0] == "[]":
                            continue
                        arguments = f"'{table}', 'x', 'y', 40, 30" + (reach or ", NULL, NULL, NULL, NULL") + ", ?"
                        equal(db.execute(f"SELECT grid, trace FROM density_grid_scan({arguments})", (filter,)).fetchall(), [expected], f"{arguments} {filter}, seed {SEED}")


def test_many_points():
    """R-1, R-4: more points than are kept, without a range: the second scan counts."""
    for db in both("x REAL, y REAL"):
        db.execute("INSERT INTO t WITH RECURSIVE c(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM c LIMIT 200000) SELECT i * 7919 % 100003 * 0.01, i * 104729 % 99991 FROM c")
        for threads in (1, 3):
            db.execute("SELECT almanac_threads(?)", (threads,))
            for nx, ny in ((1, 1), (100, 100), (500, 400)):
                for arguments in (f"{nx}, {ny}", f"{nx}, {ny}, 0, 990, 100, 99999"):
                    expected = db.execute(f"SELECT density_grid(x, y, {arguments}) FROM t").fetchone()[0]
                    got = db.execute(f"SELECT grid FROM density_grid_scan('t', 'x', 'y', {arguments})").fetchone()[0]
                    assert got == expected, f"{arguments}, {threads} threads"


def test_no_data():
    """R-1, R-3: cells of 0, also without any row."""
    for db in both():
        for points in ([], [(None, 1), (1, None)], [(None, "text"), (None, b"")]):
            refill(db, points)
            equal(scan(db, 3, 2), [[0, 0, 0], [0, 0, 0]])
            equal(scan(db, 1, 2, ((0, 1), (0, 1))), [[0], [0]])
            equal(db.execute("SELECT trace FROM density_grid_scan('t', 'x', 'y', 1, 2)").fetchall(), [('{"type":"heatmap","x0":0.5,"dx":1.0,"y0":0.25,"dy":0.5,"z":[[0],[0]]}',)])
        refill(db, [(5, 7)] * 3)
        equal(scan(db, 2, 1), histogram([(5, 7)] * 3, 2, 1))
        equal(scan(db, 2, 2, None, '{"x": 6}'), [[0, 0], [0, 0]])


def test_what_is_no_point():
    """R-3."""
    for db in both():
        for x, y, message in [("abc", 1, "x must hold numbers, not 'abc'"), (1, b"ab", "y must hold numbers, not a blob of 2 bytes"), (1, "5", "y must hold numbers, not '5'"),
                              ("abc", None, "x must hold numbers, not 'abc'")]:
            refill(db, [(1, 2)] * 3000 + [(x, y)])
            for reach in ("", ", 0, 9, 0, 9"):
                equal(error_of(db, f"SELECT grid FROM density_grid_scan('t', 'x', 'y', 3, 3 {reach})"), "density_grid_scan: column " + message)
        refill(db, [(1, 2), (None, math.inf), (math.inf, None)])
        equal(scan(db, 1, 1), [[1]])
        for x, y, message in [(math.inf, 1, "x must hold finite numbers where no range is given, not Inf"), (1, -math.inf, "y must hold finite numbers where no range is given, not -Inf")]:
            refill(db, [(1, 2), (None, 3), (x, y)])
            equal(error_of(db, "SELECT grid FROM density_grid_scan('t', 'x', 'y', 3, 3)"), "density_grid_scan: column " + message)
            equal(scan(db, 1, 1, ((0, 9), (0, 9))), [[1]])
        refill(db, [(-1.7e308, 1), (1.7e308, 2)])
        equal(error_of(db, "SELECT grid FROM density_grid_scan('t', 'x', 'y', 3, 3)"), "density_grid_scan: the range of x, -1.7e+308 to 1.7e+308, is wider than a REAL can hold")


def test_arguments():
    """R-2."""
    db = connect()
    db.execute("CREATE TABLE t(x, y)")
    db.execute("INSERT INTO t VALUES (1, 2)")
    for arguments, message in [("0, 5", "nx, the number of columns, must be a whole number >= 1, not 0"), ("5, '5'", "ny, the number of rows, must be a whole number >= 1, not '5'"),
                               ("NULL, 5", "nx, the number of columns, must be a whole number >= 1, not NULL"), ("5000, 5000", "nx * ny must be at most 16777216 cells, not 5000 * 5000"),
                               ("2, 2, 0, 1, 0", "x0, x1, y0 and y1 must be given all or none: y1 is not given"), ("2, 2, NULL, 1, 0, 1", "x0, x1, y0 and y1 must be given all or none: x0 is not given"),
                               ("2, 2, 1, 0, 0, 1", "x0 must be below x1, not 1 and 0"), ("2, 2, 0, 1, 'a', 1", "y0 must be a finite number, not 'a'"),
                               ("2, 2, 0, 9e999, 0, 1", "x1 must be a finite number, not Inf"), ("2, 2, -1.7e308, 1.7e308, 0, 1", "the range of x, -1.7e+308 to 1.7e+308, is wider than a REAL can hold")]:
        equal(error_of(db, f"SELECT grid FROM density_grid_scan('t', 'x', 'y', {arguments})"), "density_grid_scan: " + message)
    for arguments in ("'none', 'x', 'y', 5, 5", "'t', 'none', 'y', 5, 5", "'t', 'x', NULL, 5, 5", "'t', 'x', 'y', 2, 2, 0, 1, 0, 1, 7", "'t', 'x', 'y', 2, 2, 0, 1, 0, 1, '{\"none\": 1}'"):
        assert error_of(db, f"SELECT grid FROM density_grid_scan({arguments})").startswith("density_grid_scan: "), arguments
    assert "an argument is missing" in error_of(db, "SELECT grid FROM density_grid_scan('t', 'x', 'y', 3)")
    equal(db.execute("SELECT json_array(grid), nx, x0, filter, rowid FROM density_grid_scan('t', 'x', 'y', 2.0, 1, 0, 2, 0, 2)").fetchall(), [("[[[0,1]]]", 2.0, 0, None, 0)])
    equal(db.execute("SELECT count(*) FROM density_grid_scan('t', 'x', 'y', 2, 1) s JOIN density_grid_each(s.grid)").fetchall(), [(2,)])
    db.execute("CREATE VIEW through AS SELECT * FROM density_grid_scan('t', 'x', 'y', 5, 5)")
    assert "unsafe use of virtual table" in error_of(db, "SELECT * FROM through")


def test_sources():
    """WITHOUT ROWID, added columns, integers as reals, other databases; what this connection has not committed."""
    path = directory() + "/t.db"
    db = connect(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x REAL)")
    db.executemany("INSERT INTO t(x) VALUES (?)", [(i % 97,) for i in range(5000)])
    db.execute("ALTER TABLE t ADD COLUMN y INTEGER DEFAULT 7")
    db.executemany("INSERT INTO t(x, y) VALUES (?, ?)", [(i % 97 + 0.5, i % 10) for i in range(5000)])
    points = [(i % 97, 7) for i in range(5000)] + [(i % 97 + 0.5, i % 10) for i in range(5000)]
    db.execute("CREATE TABLE k(a TEXT, x REAL, y INTEGER, PRIMARY KEY (y, x, a)) WITHOUT ROWID")
    db.execute("INSERT INTO k SELECT id, x, y FROM t")
    db.execute("ATTACH ? AS aux", (directory() + "/aux.db",))
    db.execute("CREATE TABLE aux.u AS SELECT * FROM t")
    for table in ("t", "main.t", "k", "u", "aux.u"):
        equal(json.loads(db.execute("SELECT grid FROM density_grid_scan(?, 'x', 'y', 20, 10)", (table,)).fetchone()[0]), histogram(points, 20, 10), table)
    equal(json.loads(db.execute("SELECT grid FROM density_grid_scan('t', 'id', 'y', 20, 10)").fetchone()[0]), histogram([(i + 1, p[1]) for i, p in enumerate(points)], 20, 10))
    db.execute("BEGIN")
    db.execute("DELETE FROM t WHERE id > 10")
    equal(scan(db, 1, 1), [[10]])
    db.execute("ROLLBACK")
    equal(scan(db, 1, 1), [[10000]])


def test_one_snapshot():
    """R-4: both scans see the same rows, while another connection writes between and within them."""
    path = directory() + "/t.db"
    db = connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE t(x REAL, y REAL)")
    db.execute("INSERT INTO t WITH RECURSIVE c(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM c LIMIT 200000) SELECT i % 1000, i % 777 FROM c")
    writer = sqlite3.connect(path, isolation_level=None)
    expected = db.execute("SELECT density_grid(x, y, 50, 50) FROM t").fetchone()[0]
    writes = []

    def write():
        if len(writes) < 40:
            writer.execute("UPDATE t SET x = x + 10 WHERE rowid % 1000 = ?", (len(writes),))
            writer.execute("INSERT INTO t VALUES (?, 5)", (-len(writes),))
            writes.append(1)

    db.set_progress_handler(write, 500)
    got = db.execute("SELECT grid FROM density_grid_scan('t', 'x', 'y', 50, 50)").fetchone()[0]
    db.set_progress_handler(None, 0)
    assert got == expected and writes, f"{len(writes)} writes"
    writer.close()


def test_interrupted():
    db = connect()
    db.execute("CREATE VIEW endless AS WITH RECURSIVE c(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM c) SELECT i AS x, i % 7 AS y FROM c")
    for reach in ("", ", 0, 9, 0, 9"):
        timer = threading.Timer(0.1, db.interrupt)
        timer.start()
        equal(error_of(db, f"SELECT grid FROM density_grid_scan('endless', 'x', 'y', 5, 5 {reach})"), "interrupted")
        timer.join()


LIMITED = """
import resource, sqlite3, sys
db = sqlite3.connect(sys.argv[2])
db.enable_load_extension(True)
db.load_extension(sys.argv[1])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[3]) * 1000000,) * 2)
try:
    print(db.execute("SELECT length(grid) FROM density_grid_scan('t', 'x', 'y', " + sys.argv[4] + ")").fetchone()[0])
except (sqlite3.Error, MemoryError) as error:
    print(str(error) or "out of memory")
"""


def test_memory():
    """R-4: 500,000 points do with 8 MB; too little is an error."""
    if b"__asan_" in open(EXTENSION + ".so", "rb").read():
        return  # its shadow memory is beyond any limit
    path = directory() + "/t.db"
    db = connect(path)
    db.execute("CREATE TABLE t(x REAL, y REAL)")
    db.execute("INSERT INTO t WITH RECURSIVE c(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM c LIMIT 500000) SELECT i % 1000, i % 777 FROM c")
    db.close()
    for mb, arguments, wanted in ((8, "10, 10", "digits"), (8, "10, 10, 0, 1000, 0, 1000", "digits"), (100, "4096, 4096", "out of memory")):
        done = subprocess.run([sys.executable, "-c", LIMITED, EXTENSION, path, str(mb), arguments], capture_output=True, text=True)
        result = done.stdout.strip()
        assert result.isdigit() if wanted == "digits" else result == wanted, (mb, arguments, result, done.stderr)
