"""drawdown_scan against all pairs of each frame, and drawdown() OVER. R-1... are those of ext/table/drawdown_scan.c."""
import math
import random
import sqlite3
import threading

from almanac import connect, directory, equal, error_of

SEED = random.SystemRandom().randrange(1 << 32)


def both(declared="ts, value"):
    """An empty table in memory, which is read through SQL, and one in a file, which is read from pages."""
    for path in (":memory:", directory() + "/t.db"):
        db = connect(path)
        db.execute(f"CREATE TABLE t({declared})")
        yield db


def refill(db, rows):
    db.execute("BEGIN")
    db.execute("DELETE FROM t")
    db.executemany("INSERT INTO t VALUES (?, ?)", rows)
    db.execute("COMMIT")


def scan(db, frame_rows, filter=None):
    return db.execute("SELECT time, value, peak, drawdown, deepest FROM drawdown_scan('t', 'ts', 'value', ?, ?)", (frame_rows, filter)).fetchall()


def against(value, peak):
    """R-4: value / peak - 1; no drawdown where it is not below."""
    return 0.0 if value >= peak else float(value) / float(peak) - 1


def brute(rows, frame_rows, key=lambda row: row[0]):
    """R-1..R-4 by comparing all pairs of each frame."""
    rows = sorted((r for r in rows if None not in r), key=key)
    result = []
    for i, (time, value) in enumerate(rows):
        frame = [v for _, v in rows[max(0, i - frame_rows + 1):i + 1]]
        peak = max(reversed(frame))
        drawdown = deepest = None
        if min(frame) >= 0:
            drawdown = against(value, peak)
            deepest = min(against(frame[j], frame[i]) for j in range(len(frame)) for i in range(j + 1))
        result.append((time, value, peak, drawdown, deepest))
    return result


def typed(rows):
    return [[(type(v), v) for v in row] for row in rows]


def series(rng, kind, n):
    if kind == "walk":
        value, values = 100.0, []
        for _ in range(n):
            value *= 1 + rng.gauss(0, 0.02)
            values.append(value)
        return values
    if kind == "ties":
        return [rng.randint(0, 5) for _ in range(n)]
    if kind == "falling":
        return [1000.5 - i - rng.random() for i in range(n)]
    if kind == "climbing":
        return list(range(n))
    if kind == "huge":
        return [2**53 + rng.randint(0, 3) if rng.random() < 0.7 else float(2**53 + rng.randint(0, 3)) for _ in range(n)]
    if kind == "negative":
        return [rng.choice([None, -1, -0.5, 3, 2.5, 0, 0.0, 7]) if rng.random() < 0.2 else rng.random() * 9 for _ in range(n)]
    return [rng.choice([None, 0, 1.5, 2, 7, rng.random(), 5e-324, 1e308]) for _ in range(n)]


KINDS = ["walk", "ties", "falling", "climbing", "huge", "negative", "mixed"]


def test_all_pairs():
    """R-1..R-4: every kind of values, frames of all sizes."""
    rng = random.Random(SEED)
    for db in both():
        for kind in KINDS:
            for n in (0, 1, 2, 60, 150):
                values = series(rng, kind, n)
                rows = [(rng.choice([i, i, i, None, i * 1.0]) if kind == "mixed" else i, v) for i, v in enumerate(values)]
                refill(db, rows)
                for frame_rows in (1, 2, 3, 10, n or 1, 2**63 - 1):
                    if n == 150 and frame_rows > 10:
                        continue
                    equal(typed(scan(db, frame_rows)), typed(brute(rows, frame_rows)), f"{kind}, {n} rows, frames of {frame_rows}, seed {SEED}")


def test_equals_window_functions():
    """R-2..R-4: the frame is ROWS BETWEEN frame_rows - 1 PRECEDING AND CURRENT ROW; over many batches, with a filter."""
    rng = random.Random(SEED)
    for db in both():
        for kind in KINDS:
            values = series(rng, kind, 4500)
            order = list(range(4500))
            if kind != "walk":
                rng.shuffle(order)
            refill(db, [(i, values[i]) for i in order])
            for frame_rows in (1, 7, 65, 2500):
                for filter, where in ((None, "1"), ('{"ts": {">=": 1000}, "value": {"<": 900}}', "ts >= 1000 AND value < 900")):
                    window = f"OVER (ORDER BY ts ROWS BETWEEN {frame_rows - 1} PRECEDING AND CURRENT ROW)"
                    expected = db.execute(f"SELECT ts, value, drawdown(value) {window}, rolling_drawdown(value) {window} FROM t"
                                          f" WHERE ts IS NOT NULL AND value IS NOT NULL AND {where} ORDER BY ts").fetchall()
                    # Not max() OVER: SQLite 3.40's is wrong in some of these rows of frames this large.
                    found = [v for _, v, _, _ in expected]
                    peaks = [max(found[max(0, i - frame_rows + 1):i + 1]) for i in range(len(found))] if frame_rows < 100 else None
                    got = scan(db, frame_rows, filter)
                    what = f"{kind}, frames of {frame_rows}, {filter}, seed {SEED}"
                    assert [(t, v, d, r) for t, v, _, d, r in got] == expected, what
                    assert peaks is None or [p for _, _, p, _, _ in got] == peaks, what
                    assert all(p >= v and (d is None or d == against(v, p)) for _, v, p, d, _ in got), what


def test_order():
    """R-1: by time, rows of one time as they are in the table; texts by what they mean."""
    rng = random.Random(SEED)
    for db in both():
        rows = [(rng.randrange(50), rng.random()) for _ in range(500)]
        refill(db, rows)
        equal(scan(db, 9), brute(rows, 9), f"seed {SEED}")
        times = ["2024-01-01T00:00:00Z", "2024-01-01 01:30:00+01:00", "2024-01-01 00:45", "2024-01-02"]
        shuffled = list(enumerate(times))
        rng.shuffle(shuffled)
        refill(db, [(time, i) for i, time in shuffled])
        equal([row[:2] for row in scan(db, 2)], [(time, i) for i, time in enumerate(times)])


def test_order_of_one_time():
    """R-1: rows of one time as they are in the table, also where SQL would read an index that has all the columns, or finds few rows."""
    rng = random.Random(SEED)
    rows = [(i // 9, rng.randrange(1, 100), rng.choice("aAbBcC"), i) for i in range(900)]
    for key, order in (("id INTEGER PRIMARY KEY", "id"), ("id", "rowid"), ("id, PRIMARY KEY(k COLLATE NOCASE DESC, id DESC)", "k COLLATE NOCASE DESC, id DESC")):
        db = connect(directory() + "/t.db")
        db.execute(f"CREATE TABLE t(ts, value, k, {key})" + " WITHOUT ROWID" * ("PRIMARY KEY(" in key))
        db.execute("BEGIN")
        db.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rng.sample(rows, len(rows)))
        db.executescript("CREATE INDEX covering ON t(ts, value, k); CREATE INDEX few ON t(k)")
        for filter, where in ((None, "1"), ('{"ts": {">": 50}}', "ts > 50"), ('{"k": ["B", "a"]}', "k IN ('a', 'B')"), ('{"k": "c"}', "k = 'c'"),
                              ('{"value": {"<": 50}}', "value < 50")):
            wanted = db.execute(f"SELECT ts, value FROM t WHERE {where} ORDER BY {order}").fetchall()
            for begin, way in (("SELECT 1", "pages"), ("BEGIN IMMEDIATE", "sql: a write transaction is open")):
                db.execute(begin)
                equal(db.execute("SELECT way FROM drawdown_scan('t', 'ts', 'value', 7, ?) LIMIT 1", (filter,)).fetchone(), (way,), (key, filter))
                equal(scan(db, 7, filter), brute(wanted, 7), (SEED, key, filter, way))
            db.execute("ROLLBACK")


def test_known_by_hand():
    """R-3, R-4: types as they were, a peak of 0, a negative value until it has left, infinity."""
    for db in both():
        refill(db, [(1, 10), (2, 5), (3, 8.0), (4, 4), (5, -1), (6, 0), (7, 0), (8, math.inf), (9, 3)])
        equal(typed(scan(db, 2)), typed([(1, 10, 10, 0.0, 0.0), (2, 5, 10, -0.5, -0.5), (3, 8.0, 8.0, 0.0, 0.0), (4, 4, 8.0, -0.5, -0.5), (5, -1, 4, None, None),
                                         (6, 0, 0, None, None), (7, 0, 0, 0.0, 0.0), (8, math.inf, math.inf, 0.0, 0.0), (9, 3, math.inf, -1.0, -1.0)]))


def test_what_is_no_row():
    """R-1, R-5."""
    for db in both():
        for row, message in [((1, "5"), "value must hold numbers, not '5'"), ((1, b"x"), "value must hold numbers, not a blob of 1 bytes"),
                             (("soon", 5), "ts must hold finite numbers or ISO times such as '2024-05-01 12:30:00', not 'soon'"),
                             ((math.inf, 5), "ts must hold finite numbers or ISO times such as '2024-05-01 12:30:00', not Inf"),
                             (("2024-01-01", 5), "ts must hold ISO times in all rows or in none, not '2024-01-01' after a number")]:
            refill(db, [(0, 1), row] if "after" in message else [row])
            equal(error_of(db, "SELECT * FROM drawdown_scan('t', 'ts', 'value', 5)"), "drawdown_scan: column " + message)
        refill(db, [(None, "x"), ("x", None), (3, 4)])
        equal(scan(db, 5), [(3, 4, 4, 0.0, 0.0)])


def test_arguments():
    """R-5."""
    db = connect()
    db.execute("CREATE TABLE t(ts, value)")
    db.execute("INSERT INTO t VALUES (1, 2), (2, 1)")
    for given, shown in [(0, "0"), (-1, "-1"), (2.5, "2.5"), ("10", "'10'"), (None, "NULL"), (b"1", "a blob of 1 bytes")]:
        equal(error_of(db, "SELECT * FROM drawdown_scan('t', 'ts', 'value', ?)", given),
              f"drawdown_scan: frame_rows, the rows in a frame, must be a whole number >= 1, not {shown}")
    equal(len(scan(db, 5.0)), 2)
    for arguments in ("'none', 'ts', 'value', 5", "'t', 'none', 'value', 5", "'t', 'ts', NULL, 5", "'t', 'ts', 'value', 5, 7", "'t', 'ts', 'value', 5, '{\"none\": 1}'"):
        assert error_of(db, f"SELECT * FROM drawdown_scan({arguments})").startswith("drawdown_scan: "), arguments
    assert "an argument is missing" in error_of(db, "SELECT * FROM drawdown_scan('t', 'ts', 'value')")
    equal(db.execute("SELECT rowid, frame_rows, filter, way LIKE 'sql: %' FROM drawdown_scan('t', 'ts', 'value', 5, '{\"ts\": 2}')").fetchall(), [(0, 5, '{"ts": 2}', 1)])
    equal(db.execute("SELECT f.n, sum(drawdown) FROM (SELECT 1 AS n UNION SELECT 2) f, drawdown_scan('t', 'ts', 'value', f.n) GROUP BY 1").fetchall(), [(1, 0.0), (2, -0.5)])
    db.execute("CREATE VIEW through AS SELECT * FROM drawdown_scan('t', 'ts', 'value', 5)")
    assert "unsafe use of virtual table" in error_of(db, "SELECT * FROM through")


def test_sources():
    """Views, WITHOUT ROWID, WAL beside a writer."""
    path = directory() + "/t.db"
    db = connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE t(k TEXT, ts INTEGER, value REAL, PRIMARY KEY (k, ts)) WITHOUT ROWID")
    rng = random.Random(SEED)
    rows = [(k, i, rng.random() * 100) for i in range(3000) for k in "ab"]
    db.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    db.execute("CREATE VIEW v AS SELECT ts AS \"time of day\", value FROM t WHERE k = 'a' ORDER BY ts DESC")
    expected = brute([r[1:] for r in rows if r[0] == "a"], 5)
    writer = sqlite3.connect(path, isolation_level=None)
    calls = []
    db.set_progress_handler(lambda: calls.append(1) or (len(calls) < 20 and writer.execute("UPDATE t SET value = value + 1 WHERE ts = ?", (len(calls) * 7,)) and 0), 1000)
    equal(scan(db, 5, '{"k": "a"}'), expected, f"seed {SEED}")
    db.set_progress_handler(None, 0)
    rows = db.execute("SELECT ts, value FROM t WHERE k = 'a'").fetchall()
    equal(db.execute("SELECT time, value, peak, drawdown, deepest FROM drawdown_scan('v', 'time of day', 'value', 5)").fetchall(), brute(rows, 5))
    writer.close()


def test_interrupted():
    """While reading and while sorting."""
    db = connect()
    db.execute("CREATE VIEW endless AS WITH RECURSIVE c(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM c) SELECT i AS ts, 5 AS value FROM c")
    timer = threading.Timer(0.1, db.interrupt)
    timer.start()
    equal(error_of(db, "SELECT * FROM drawdown_scan('endless', 'ts', 'value', 5)"), "interrupted")
    timer.join()
    db.execute("CREATE TABLE t AS WITH RECURSIVE c(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM c LIMIT 400000) SELECT i * 7919 % 1000003 AS ts, i AS value FROM c")
    steps = []
    db.set_progress_handler(lambda: steps.append(1) and 0, 1000)
    db.execute("SELECT count(*) FROM drawdown_scan('t', 'ts', 'value', 5)").fetchall()
    last = len(steps)  # the last of them are asked while sorting
    for at in (last // 2, last - 1):
        steps.clear()
        db.set_progress_handler(lambda at=at: steps.append(1) or len(steps) >= at, 1000)
        equal(error_of(db, "SELECT count(*) FROM drawdown_scan('t', 'ts', 'value', 5)"), "interrupted", f"at {at} of {last}")
    db.set_progress_handler(None, 0)
    equal(db.execute("SELECT count(*) FROM drawdown_scan('t', 'ts', 'value', 5)").fetchall(), [(400000,)])
