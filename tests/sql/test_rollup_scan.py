"""rollup_scan against GROUP BY over time_bucket, first and last by windows. R-1... are those of ext/table/rollup_scan.c."""
import math
import os
import random
import sqlite3
import subprocess
import sys
import threading

from almanac import EXTENSION, connect, directory, equal, error_of

SEED = int(os.environ.get("ALMANAC_SEED", random.SystemRandom().randrange(1 << 32)))
INSTANT = "CAST(round(julianday(ts) * 86400000) AS INTEGER)"  # of text times with no more than milliseconds


def scan(db, width, key=None, filter=None, modifiers=None, table="t", value="value", columns="*"):
    return db.execute(f"SELECT {columns} FROM rollup_scan(?, 'ts', ?, ?, ?, ?, ?)", (table, width, value, key, filter, modifiers)).fetchall()


def plain(db, width, key=None, where="1", modifiers=None, table="t", at="ts"):
    """The same by SQL."""
    marks = "".join(", ?" for _ in (modifiers or "").split(",") if modifiers)
    parameters = [width, *(m.strip() for m in modifiers.split(",") if modifiers)] if modifiers else [width]
    return db.execute(f"""
        WITH rows AS (SELECT time_bucket(?, ts{marks}) AS bucket, {key or 'NULL'} AS key, value, {at} AS at FROM {table} WHERE {where}),
        ends AS (SELECT *, first_value(value) OVER (PARTITION BY bucket, key ORDER BY value IS NULL, at, value) AS first,
                        first_value(value) OVER (PARTITION BY bucket, key ORDER BY value IS NULL, at DESC, value DESC) AS last
                 FROM rows WHERE bucket IS NOT NULL)
        SELECT bucket, key, count(value), sum(value), avg(value), min(value), max(value), first, last
        FROM ends GROUP BY bucket, key ORDER BY bucket, key""", parameters).fetchall()


def same(got, expected, what):
    """Equal, types too, but for the last digits of real sums."""
    equal(len(got), len(expected), (SEED, what))
    for row, wanted in zip(got, expected):
        for column, (a, b) in enumerate(zip(row, wanted)):
            if column in (3, 4) and isinstance(a, float) and isinstance(b, float):
                assert math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9), (SEED, what, row, wanted)
            elif column > 0 or isinstance(b, str):  # 0 and 0.0 are one bucket: test_keys_that_look_different
                assert (type(a), a) == (type(b), b), (SEED, what, row, wanted)
            else:
                assert a == b, (SEED, what, row, wanted)


def texts(rng, i):
    s = 1711800000 + rng.choice([i * 37, rng.randrange(300000)])
    shape = rng.choice(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d", "%Y-%m-%dT%H:%M+02:00"])
    import datetime
    moment = datetime.datetime.fromtimestamp(s + rng.randrange(1000) / 1000, datetime.timezone.utc)
    text = moment.strftime(shape)
    return text[:-3] if shape.endswith("%f") else text


TIMES = {
    "sorted": lambda rng, i: 1711800000 + i * 29,
    "random": lambda rng, i: 1711800000 + rng.randrange(300000),
    "real": lambda rng, i: 1711800000 + i * 29 + rng.randrange(4) / 4,
    "text": texts,
    "odd": lambda rng, i: rng.choice([None, 5, -5, 1711800000 + i, b"x", "no time", 2**63 - 1, 1711800000.5 + i]),
}
VALUES = {
    "real": lambda rng: rng.uniform(-50, 50),
    "integer": lambda rng: rng.randrange(-100, 100),
    "nulls": lambda rng: rng.choice([None, rng.uniform(0, 1), rng.randrange(9) + 0.5]),
    "mixed": lambda rng: rng.choice([None, rng.randrange(9), rng.randrange(9) + 0.5]),
}
KEYS = {
    "dense": lambda rng: rng.randrange(40),
    "any": lambda rng: rng.choice([None, 1, 7, 2**53, 2**53 + 1, -2.5, 9.5e300, "a", "A", "a ", "", b"a", b""]),
    "text": lambda rng: rng.choice(["north", "south", "west", None]),
}
# table -> its columns and what comes behind, and how others see it
TABLES = [
    ("CREATE TABLE t(id INTEGER PRIMARY KEY, ts, key, value)", None),
    ("CREATE TABLE t(id INTEGER, ts, key, value, PRIMARY KEY(id)) WITHOUT ROWID", None),
    ("CREATE TABLE raw(id INTEGER PRIMARY KEY, ts, key, value)", "CREATE VIEW t AS SELECT * FROM raw WHERE id > 0"),
    ("CREATE TEMP TABLE t(id INTEGER PRIMARY KEY, ts, key, value)", None),
]


def filled(path, rng, times, keys, values, rows=2500, table=TABLES[0]):
    db = connect(path)
    db.execute(table[0])
    db.execute("BEGIN")
    name = "raw" if table[1] else "t"
    db.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?)",
                   ((i, TIMES[times](rng, i), KEYS[keys](rng), VALUES[values](rng)) for i in range(rows)))
    if table[1]:
        db.execute(table[1])
    db.execute("COMMIT")
    return db


def test_equals_group_by():
    """R-1, R-2, R-4, R-6, R-7: times, keys and values of all types, with and without threads."""
    rng = random.Random(SEED)
    folder = directory()
    for number, (times, values) in enumerate((t, v) for t in TIMES for v in VALUES):
        keys = rng.choice(list(KEYS))
        db = filled(f"{folder}/{number}.db", rng, times, keys, values)
        widths = ["1 hour", "1 day", "7 minutes"] if times in ("text", "odd") else ["1 hour", 3600, 250.5, "1 month"]
        for width in widths:
            for key in (None, "key"):
                threads = rng.choice([1, 2, 5])
                db.execute("SELECT almanac_threads(?)", (threads,))
                expected = plain(db, width, key, at=INSTANT if times == "text" else "ts", where="1" if times == "text" else "ts IS NOT 'no time'")
                same(scan(db, width, key), expected, (times, keys, values, width, key, threads))
        db.close()


def test_zones_units_and_origins():
    """R-1: the modifiers of time_bucket."""
    rng = random.Random(SEED)
    db = filled(directory() + "/t.db", rng, "random", "dense", "real")
    for width, modifiers in [("1 day", "Europe/Berlin"), ("1 hour", "Europe/Berlin"), ("1 month", "America/St_Johns"), ("1h", "ms"), ("1 day", "ms, Asia/Kolkata"),
                             ("1 week", "origin=2024-02-01"), ("6h", "Europe/Berlin,origin=2024-01-01 03:00,s,fraction=3"), ("1 day", "  "), ("90m", "")]:
        given = modifiers if modifiers.strip() else None
        same(scan(db, width, "key", modifiers=modifiers), plain(db, width, "key", modifiers=given), (width, modifiers))


def test_filters():
    """R-1: rows that the filter lets through."""
    rng = random.Random(SEED)
    db = filled(directory() + "/t.db", rng, "sorted", "any", "mixed")
    for filter, where in [('{"id": {">=": 100, "<": 200}}', "id >= 100 AND id < 200"), ('{"key": ["a", 7, null]}', "key IN ('a', 7) OR key IS NULL"),
                          ('{"ts": {"<": 1711820000}, "value": {"!=": null}}', "ts < 1711820000 AND value IS NOT NULL"), ('{"id": -1}', "0"), ("{}", "1")]:
        for key in (None, "key"):
            same(scan(db, "1 hour", key, filter), plain(db, "1 hour", key, where), (filter, key))


def test_kinds_of_tables():
    """Ordinary ones, WITHOUT ROWID, views, TEMP, in memory, UTF-16: the same, whichever way they are read."""
    for table in TABLES:
        for encoding in ("UTF-8", "UTF-16le", "UTF-16be"):
            for place in ("file", "memory"):
                rng = random.Random(SEED)
                path = directory() + "/t.db" if place == "file" else ":memory:"
                first = connect(path)
                first.execute(f"PRAGMA encoding = '{encoding}'")
                first.execute("CREATE TABLE other(x)")
                db = first if place == "memory" else connect(path)
                db.execute(table[0])
                db.executemany(f"INSERT INTO {'raw' if table[1] else 't'} VALUES (?, ?, ?, ?)",
                               [(i, TIMES["text"](rng, i), KEYS["text"](rng), VALUES["mixed"](rng)) for i in range(300)])
                if table[1]:
                    db.execute(table[1])
                same(scan(db, "1 hour", "key"), plain(db, "1 hour", "key", at=INSTANT), (table, encoding, place))
                way = db.execute("SELECT DISTINCT way FROM rollup_scan('t', 'ts', '1 hour', 'value')").fetchall()
                assert len(way) == 1 and (way[0][0] == "pages" or way[0][0].startswith("sql: ")), way


def test_pages_are_read():
    db = filled(directory() + "/t.db", random.Random(SEED), "sorted", "dense", "real")
    equal(db.execute("SELECT DISTINCT way FROM rollup_scan('t', 'ts', '1 hour', 'value')").fetchall(), [("pages",)])


def test_snapshots():
    """What others write after the transaction began is not seen, in WAL mode with a writer and checkpoints at work; one's own writes are."""
    rng = random.Random(SEED)
    path = directory() + "/t.db"
    db = filled(path, rng, "sorted", "dense", "integer")
    db.execute("PRAGMA journal_mode = WAL")
    writer = connect(path)
    db.execute("BEGIN")
    expected = plain(db, "1 hour", "key")
    writer.execute("UPDATE t SET value = value + 1000, ts = ts + 7200")
    writer.execute("PRAGMA wal_checkpoint")
    same(scan(db, "1 hour", "key"), expected, "old snapshot")
    db.execute("COMMIT")
    same(scan(db, "1 hour", "key"), plain(db, "1 hour", "key"), "new snapshot")
    db.execute("BEGIN")
    db.execute("DELETE FROM t WHERE id % 3 = 0")
    same(scan(db, "1 hour", "key"), plain(db, "1 hour", "key"), "own writes")
    db.execute("ROLLBACK")


def test_order():
    """R-2: ORDER BY bucket, key needs no sort; others are sorted by SQLite."""
    rng = random.Random(SEED)
    db = filled(directory() + "/t.db", rng, "random", "any", "real")
    call = "SELECT bucket, key, n, max FROM rollup_scan('t', 'ts', '1 hour', 'value', 'key')"
    db.execute("CREATE TEMP TABLE rows AS " + call)
    for order, sorts in [("bucket", False), ("bucket, key", False), ("bucket DESC, key", True), ("key, bucket", True), ("bucket, key DESC", True), ("n, max", True),
                         ("bucket, n, max", True)]:
        plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {call} ORDER BY {order}"))
        equal("B-TREE" in plan, sorts, (order, plan))
        complete = order + ", key" if order == "bucket" else order
        equal(db.execute(f"{call} ORDER BY {order}").fetchall(), db.execute(f"SELECT * FROM rows ORDER BY {complete}").fetchall(), (SEED, order))


def test_order_in_utf16():
    """R-2: texts in a UTF-16 database are ordered by their UTF-16, which is SQLite's job then."""
    db = connect()
    db.execute("PRAGMA encoding = 'UTF-16be'")
    db.execute("CREATE TABLE t(ts, key, value)")
    db.executemany("INSERT INTO t VALUES (0, ?, 1)", [("\uffee",), ("\U00010000",), ("a",)])
    call = "SELECT key FROM rollup_scan('t', 'ts', 1, 'value', 'key') ORDER BY bucket, key"
    equal(db.execute(call).fetchall(), db.execute("SELECT key FROM t ORDER BY key").fetchall())


def test_keys_that_look_different():
    """R-3."""
    db = connect(directory() + "/t.db")
    db.execute("CREATE TABLE t(ts, value, key, nocase COLLATE NOCASE, rtrim COLLATE RTRIM)")
    keys = [1.0, 1, 2**53, float(2**53), 2**53 + 1, "b", "B", "b ", " b", None, -0.0, 0, b"b"]
    db.executemany("INSERT INTO t VALUES (0, 1, ?1, ?1, ?1)", [(k,) for k in keys])
    db.execute("CREATE VIEW v AS SELECT * FROM t")
    for table in ("t", "v"):
        for key, shown in [("key", [None, 0, 1, 2**53, 2**53 + 1, " b", "B", "b", "b ", b"b"]), ("nocase", [None, 0, 1, 2**53, 2**53 + 1, " b", "B", "b ", b"b"]),
                           ("rtrim", [None, 0, 1, 2**53, 2**53 + 1, " b", "B", "b", b"b"])]:
            rows = scan(db, 10, key, table=table, columns="key, n")
            equal([(type(k), k) for k, _ in rows], [(type(k), k) for k in shown], (table, key))
            equal(sorted(n for _, n in rows), sorted(n for n, in db.execute(f"SELECT count(*) FROM {table} GROUP BY {key}")), (table, key))
    db.execute("INSERT INTO t(ts, value) VALUES (5.5, 3)")
    equal(scan(db, 10, columns="typeof(bucket), bucket, n"), [("integer", 0, len(keys) + 1)])


def test_collations_of_others():
    """R-3."""
    db = connect()
    db.create_collation("odd", lambda a, b: (a > b) - (a < b))
    db.execute("CREATE TABLE t(ts, value, key COLLATE odd)")
    db.execute("CREATE VIEW v AS SELECT * FROM t")
    db.execute("CREATE VIEW w AS SELECT ts, value, key COLLATE BINARY AS key FROM t")
    db.execute("INSERT INTO t VALUES (1, 2, 'a')")
    for table in ("t", "v"):
        equal(error_of(db, "SELECT * FROM rollup_scan(?, 'ts', 1, 'value', 'key')", table),
              'rollup_scan: key "key" has the collation odd; a view that says "key" COLLATE BINARY (or NOCASE, RTRIM) can be grouped')
    equal(scan(db, 1, "key", table="w", columns="key, n"), [("a", 1)])


def test_integer_sums():
    """R-5."""
    db = connect()
    db.execute("CREATE TABLE t(ts, value)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [(0, 2**63 - 1), (0, 1), (0, -5), (10, 2**63 - 1), (10, 1), (20, 2**63 - 1), (20, 0.5)])
    equal(scan(db, 10, filter='{"ts": 0}', columns="sum, typeof(sum)"), [(2**63 - 5, "integer")])  # 1 too large on the way
    equal(scan(db, 10, columns="bucket, n, min, max, avg"), [(0, 3, -5, 2**63 - 1, (2**63 - 5) / 3), (10, 2, 1, 2**63 - 1, 2.0**62), (20, 2, 0.5, 2**63 - 1, 2.0**62)])
    equal(error_of(db, "SELECT sum FROM rollup_scan('t', 'ts', 10, 'value')"),
          "rollup_scan: integer overflow in the sum of 'value'; ask for avg, or CAST it to REAL in a view")
    equal(scan(db, 10, filter='{"ts": 20}', columns="sum"), [(2.0**63,)])


def test_values_that_are_no_numbers():
    """R-4."""
    db = connect(directory() + "/t.db")
    db.execute("CREATE TABLE t(ts, value)")
    db.execute("INSERT INTO t VALUES (1, 5), (2, 'five'), (NULL, 'six'), (3, NULL), (4, x'05')")
    equal(scan(db, 10, columns="n"), [(3,)])
    equal(error_of(db, "SELECT * FROM rollup_scan('t', 'ts', 10, 'value')"),
          "rollup_scan: value \"value\" has 'five', which is no number; a view can leave it out, or CAST it")
    equal(error_of(db, "SELECT max FROM rollup_scan('t', 'ts', 10, 'value', NULL, '{\"ts\": 4}')"),
          'rollup_scan: value "value" has a blob of 1 bytes, which is no number; a view can leave it out, or CAST it')
    equal(scan(db, 10, filter='{"ts": [1, 3, null]}', columns="n, sum, first"), [(1, 5, 5)])


def test_one_column_in_several_places():
    db = filled(directory() + "/t.db", random.Random(SEED), "sorted", "dense", "real")
    equal(db.execute("SELECT key, n, min, max, sum, first, last FROM rollup_scan('t', 'id', 1000, 'id', 'id') LIMIT 3").fetchall(),
          [(i, 1, i, i, i, i, i) for i in range(3)])
    equal(db.execute("SELECT bucket, n, min, max FROM rollup_scan('t', 'rowid', 1000, 'ROWID')").fetchall(), [(0, 1000, 0, 999), (1000, 1000, 1000, 1999), (2000, 500, 2000, 2499)])


def test_empty():
    db = connect(directory() + "/t.db")
    db.execute("CREATE TABLE t(ts, key, value)")
    equal(scan(db, "1 hour", "key"), [])
    db.execute("INSERT INTO t VALUES (NULL, 1, 1), ('x', 1, 1), (x'00', 1, 1)")
    equal(scan(db, "1 hour", "key"), [])
    db.execute("INSERT INTO t VALUES (1, NULL, NULL)")
    equal(scan(db, "1 hour", "key"), [(0, None, 0, None, None, None, None, None, None)])


def test_arguments():
    """R-8, and NULL for what is left out."""
    db = connect()
    db.execute("CREATE TABLE t(ts, key, value)")
    db.execute("INSERT INTO t VALUES (1, 2, 3)")
    row = [(0, None, 1, 3, 3.0, 3, 3, 3, 3)]
    equal(db.execute("SELECT * FROM rollup_scan('t', 'ts', 10, 'value')").fetchall(), row)
    equal(db.execute("SELECT * FROM rollup_scan('t', 'ts', 10, 'value', NULL, NULL, NULL)").fetchall(), row)
    equal(db.execute("SELECT table_name, time_column, width, value_column, key_column, filter, modifiers FROM rollup_scan('t', 'ts', 10, 'value', NULL, '{}', 's')").fetchall(),
          [("t", "ts", 10, "value", None, "{}", "s")])
    for arguments, message in [
        ("NULL, 'ts', 10, 'value'", "rollup_scan: table must be a name, as text, not NULL"),
        ("'', 'ts', 10, 'value'", "rollup_scan: table must be a name, as text, not ''"),
        ("'t', 7, 10, 'value'", "rollup_scan: time must be a name, as text, not 7"),
        ("'t', 'ts', 10, x'00'", "rollup_scan: value must be a name, as text, not a blob of 1 bytes"),
        ("'t', 'ts', 10, 'value', 1.5", "rollup_scan: key must be a name, as text, not 1.5"),
        ("'t', 'ts', NULL, 'value'", "rollup_scan: width must be a number or text such as '1 hour', not NULL"),
        ("'t', 'ts', x'10', 'value'", "rollup_scan: width must be a number or text such as '1 hour', not a blob of 1 bytes"),
        ("'t', 'ts', 10, 'value', 'key', 5", "rollup_scan: filter must be a JSON object such as '{\"sensor_id\": 7}', not 5"),
        ("'t', 'ts', 10, 'value', 'key', NULL, 5", "rollup_scan: modifiers must be text such as 'ms,Europe/Berlin', not 5"),
        ("'t', 'ts', 10, 'value', 'key', NULL, 's,ms,us,ns,Europe/Berlin'", "rollup_scan: modifiers must be four at most, each kind once, not 's,ms,us,ns,Europe/Berlin'"),
    ]:
        equal(error_of(db, f"SELECT * FROM rollup_scan({arguments})"), message)
    for arguments, start in [("'t', 'ts', 0, 'value'", "rollup_scan: "), ("'t', 'ts', '1M', 'value'", "rollup_scan: "), ("'t', 'ts', '1h', 'value', NULL, NULL, 'Mars/Olympus'", "rollup_scan: "),
                             ("'t', 'ts', '1h', 'value', NULL, NULL, 'ms,,s'", "rollup_scan: "), ("'nothing', 'ts', 1, 'value'", "rollup_scan: "), ("'t', 'nothing', 1, 'value'", "rollup_scan: "),
                             ("'t', 'ts', 1, 'value', 'nothing'", "rollup_scan: "), ("'t', 'ts', 1, 'value', 'key', '{'", "rollup_scan: "), ("'t', 'ts', 1", "rollup_scan(table, time, width, value")]:
        assert error_of(db, f"SELECT * FROM rollup_scan({arguments})").startswith(start), (arguments, error_of(db, f"SELECT * FROM rollup_scan({arguments})"))
    for width in ("0", "-5", "'1M'", "'1 fortnight'", "'1 month 1 day'"):
        of_function = error_of(db, f"SELECT time_bucket({width}, 1)")
        equal(error_of(db, f"SELECT * FROM rollup_scan('t', 'ts', {width}, 'value')"), of_function.replace("time_bucket:", "rollup_scan:"))
    db.execute("INSERT INTO t VALUES ('2024-01-01', 2, 3)")
    equal(error_of(db, "SELECT * FROM rollup_scan('t', 'ts', 900, 'value')"),
          "rollup_scan: width 900 is a number, but time \"ts\" has text, '2024-01-01'; write a width such as '1 hour'")


def test_in_joins():
    """Arguments from other tables: a call for each row."""
    db = connect()
    for name, n in (("a", 3), ("b", 5)):
        db.execute(f"CREATE TABLE {name}(ts, value)")
        db.executemany(f"INSERT INTO {name} VALUES (?, 1)", [(i,) for i in range(n)])
    db.execute("CREATE TABLE tables(name, span)")
    db.execute("INSERT INTO tables VALUES ('a', 2), ('b', 4), ('a', 100)")
    equal(db.execute("SELECT name, span, bucket, n FROM tables, rollup_scan(name, 'ts', span, 'value') ORDER BY tables.rowid, bucket").fetchall(),
          [("a", 2, 0, 2), ("a", 2, 2, 1), ("b", 4, 0, 4), ("b", 4, 4, 1), ("a", 100, 0, 3)])
    equal(db.execute("SELECT bucket, n FROM rollup_scan('a', 'ts', 2, 'value') WHERE n > 1 AND bucket < 100").fetchall(), [(0, 2)])


def test_not_from_views():
    db = connect()
    db.execute("CREATE TABLE t(ts, value)")
    db.execute("CREATE VIEW v AS SELECT * FROM rollup_scan('t', 'ts', 1, 'value')")
    assert "unsafe use of virtual table" in error_of(db, "SELECT * FROM v")


def large(path):
    db = connect(path)
    db.execute("CREATE TABLE t(ts, key, value)")
    db.execute("INSERT INTO t WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c LIMIT 400000) SELECT i, i % 100, i * 0.5 FROM c")
    db.execute("CREATE VIEW v AS SELECT * FROM t")
    return db


def test_interrupted():
    """By the progress handler and from another thread; through SQL and from pages; and it works again after."""
    db = large(directory() + "/t.db")
    call = "SELECT count(*), sum(n) FROM rollup_scan('{}', 'ts', 3600, 'value', 'key')"
    for table in ("t", "v"):
        for threads in (1, 2):
            db.execute("SELECT almanac_threads(?)", (threads,))
            calls = []
            db.set_progress_handler(lambda: calls.append(1) or len(calls) > 3, 100)
            equal(error_of(db, call.format(table)), "interrupted", (table, threads))
            db.set_progress_handler(None, 0)
            equal(db.execute(call.format(table)).fetchone(), (11200, 400000), (table, threads))


def test_interrupted_once():
    """A progress handler that says stop a single time is heeded, whatever runs then: what looks at the schema, the file or an index, too."""
    path = directory() + "/t.db"
    db = connect(path)
    db.executescript("""PRAGMA journal_mode = wal; CREATE TABLE t(id INTEGER PRIMARY KEY, ts, value, key TEXT COLLATE NOCASE DEFAULT 'x');
        INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) SELECT i, i, i % 7, char(65 + i % 2 * 32) FROM n;
        CREATE INDEX at ON t(ts); CREATE VIEW v AS SELECT ts, value, key FROM t WHERE id < 50; PRAGMA wal_checkpoint;""")
    late = '{"ts": {">": 11900}}'
    for table, key, filter, change in (("t", None, late, ""), ("t", "key", late, "UPDATE t SET value = 8, ts = 11999.5 WHERE ts = 11999"),
                                       ("t", "key", '{"key": "a"}', ""), ("v", "key", None, "")):
        db.execute(change)
        expected = scan(db, 100, key, filter, table=table)
        for at in range(1 + SEED % 3, 3000, 3):
            calls = []
            db.set_progress_handler(lambda: calls.append(1) or len(calls) == at, 1)
            try:
                equal((scan(db, 100, key, filter, table=table), len(calls) < at), (expected, True), (SEED, table, filter, change, at))
                break
            except sqlite3.OperationalError as error:
                equal((str(error), len(calls) >= at), ("interrupted", True), (SEED, table, filter, at))
            finally:
                db.set_progress_handler(None, 0)


def test_interrupted_from_a_thread():
    path = directory() + "/t.db"
    large(path).close()
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    for table in ("t", "v"):
        timer = threading.Timer(0.05, db.interrupt)
        timer.start()
        message = error_of(db, f"""WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 10000)
                                   SELECT sum(n) FROM c, rollup_scan('{table}', 'ts', 3600 + i, 'value', 'key')""")
        timer.join()
        equal(message, "interrupted")


LIMITED = """
import resource, sqlite3, sys
db = sqlite3.connect(sys.argv[2])
db.enable_load_extension(True)
db.load_extension(sys.argv[1])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[3]) * 1000000,) * 2)
for key in ("'key'", "'ts'", "'key'"):
    try:
        print(db.execute(f"SELECT count(*) FROM rollup_scan('t', 'ts', 3600, 'value', {key}) WHERE max > -1 AND last > -1").fetchone()[0])
    except (sqlite3.Error, MemoryError) as error:
        print(str(error) or "out of memory")
"""


def test_memory():
    """R-9: by groups, not by rows; too little is an error, and nothing is lost by it."""
    if b"__asan_" in open(EXTENSION + ".so", "rb").read():
        return  # its shadow memory is beyond any limit
    path = directory() + "/t.db"
    large(path).close()
    for mb, ends in ((12, ["11200", "out of memory", "11200"]), (250, ["11200", "400000", "11200"])):
        done = subprocess.run([sys.executable, "-c", LIMITED, EXTENSION, path, str(mb)], capture_output=True, text=True)
        equal(done.stdout.split("\n")[:-1], ends, (mb, done.stderr))
