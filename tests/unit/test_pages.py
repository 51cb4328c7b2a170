"""Scans from pages: every way in which a file stores rows, read from pages and compared with a SELECT by the program scan.c beside
this file, with sanitizers. Random databases by the thousand, writers beside them and fuzzed pages are in property/."""
import os
import random
import sqlite3
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from almanac import directory, equal
from test_scan import SEED, ask

chance = random.Random(SEED)
INTEGERS = [0, 1, -1, 2, 127, 128, -128, -129, 32767, 32768, -32769, 2**23 - 1, 2**23, -2**23 - 1, 2**31 - 1, 2**31, -2**31 - 1,
            2**47 - 1, 2**47, -2**47 - 1, 2**63 - 1, -2**63]
REALS = [0.5, -0.0, 3.0, -1e6, 2.0**53, 1e308, 5e-324, float("inf"), -float("inf")]


def database(*pragmas):
    path = directory() + "/t.db"
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in pragmas:
        db.execute("PRAGMA " + pragma)
    return path, db


def write(path, at, data):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def value():
    kind = chance.randrange(6)
    if kind < 2:
        return chance.choice(INTEGERS) if kind else None
    if kind == 2:
        return chance.choice(REALS + [chance.random()])
    if kind == 3:
        return "x" * chance.choice([0, 1, 5, 57, 58, 150])  # serial types of one byte and of two
    return "é€😀\0y" * chance.randrange(4) if kind == 4 else bytes(chance.randrange(256) for _ in range(chance.choice([0, 3, 60])))


def large():
    return chance.choice(["t" * chance.choice([300, 1000, 20000]), bytes(chance.choice([400, 3000, 70000]))])


def insert(db, table, rows):
    rows = list(rows)
    db.execute("BEGIN")
    db.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    db.execute("COMMIT")


def same(path, *requests, way="pages", code=0):
    """All of them agree with a SELECT, and go that way."""
    for request in requests:
        request["do"] = "compare"
        request.setdefault("ordered", "filter" not in request)
    for request, answer in zip(requests, ask(path, *requests, code=code)):
        assert answer.startswith("same ") and answer.endswith(f", way {way}"), f"seed {SEED}: {request}: {answer}"


def fill_kinds(db):
    """Rows of all types in a rowid table and a WITHOUT ROWID table, some of them larger than a page."""
    db.execute("CREATE TABLE t(a, b INTEGER, c REAL, d TEXT, e BLOB, id INTEGER PRIMARY KEY, f NUMERIC)")
    db.execute("CREATE TABLE w(a, b INTEGER, c REAL, d TEXT, e, k TEXT, f NUMERIC, PRIMARY KEY(k, b)) WITHOUT ROWID")
    db.execute("CREATE TABLE none(a, b)")
    db.execute("CREATE TABLE one(a INTEGER PRIMARY KEY, b)")
    db.execute("INSERT INTO one VALUES (7, 8)")
    some = lambda: large() if chance.random() < 0.1 else value()
    insert(db, "t", ((value(), value(), value(), some(), some(), None if i % 50 else chance.choice([i * 3, *INTEGERS]), value())
                     for i in range(chance.choice([40, 400]))))
    insert(db, "w", ((value(), i, value(), some(), some(), f"k{chance.randrange(1000)}" * chance.choice([1, 1, 30]), value())
                     for i in range(chance.choice([40, 400]))))
    for column in ("g REAL DEFAULT 7", "h DEFAULT 'déf'", "i"):
        db.execute("ALTER TABLE t ADD COLUMN " + column)
    db.execute("BEGIN")
    for _ in range(40):
        db.execute("INSERT INTO t(a, d, g, h, i) VALUES (?, ?, ?, ?, ?)", [value() for _ in range(5)])
    db.execute("COMMIT")


def kinds(path, texts=True):
    requests = []
    for sinks in (1, 3):
        for columns in ([*"abcdefghi", "id", "rowid"], ["a"], ["c", "b"], ["i", "d"], ["e"], ["id", "id", "c", "c"], []):
            requests.append({"table": "t", "columns": columns, "sinks": sinks})
        for columns in ([*"abcdefk"], ["a"], ["k", "f"], ["e", "b"]):
            requests.append({"table": "w", "columns": columns, "sinks": sinks})
        for table in ("none", "one"):
            requests.append({"table": table, "columns": ["a", "b"], "sinks": sinks})
    requests.append({"table": "t", "columns": ["a", "b", "id"], "filter": {"b": {">": 0}, "f": {"<": 1000}}, "where": "b > 0 AND f < 1000"})
    if texts:  # conditions on texts go through SQL where these are UTF-16
        requests += [{"table": "t", "columns": ["e", "id"], "filter": {"d": "x"}, "where": "d = 'x'"},
                     {"table": "w", "columns": ["e", "d"], "filter": {"d": [None, "xxxxx", 5]}, "where": "d IS NULL OR d IN ('xxxxx', '5')"}]
    same(path, *requests)


def test_kinds_512():
    path, db = database("page_size = 512", "encoding = 'UTF-16le'")
    fill_kinds(db)
    kinds(path, texts=False)


def test_kinds_4096():
    path, db = database("page_size = 4096", "auto_vacuum = 1")
    fill_kinds(db)
    kinds(path)


def test_kinds_65536():
    path, db = database("page_size = 65536", "encoding = 'UTF-16be'")
    fill_kinds(db)
    kinds(path, texts=False)


def test_reserved_bytes():
    """SQLite leaves the last bytes of each page alone where its header says so."""
    path, db = database("page_size = 1024")
    db.close()
    with open(path, "wb") as file:
        header = bytearray(1024)
        header[:16] = b"SQLite format 3\0"
        header[16:24] = struct.pack(">HBBBBBB", 1024, 1, 1, 32, 64, 32, 32)
        header[24:28] = header[92:96] = struct.pack(">I", 1)
        header[28:32] = struct.pack(">I", 1)
        header[44:48] = struct.pack(">I", 4)
        header[56:60] = struct.pack(">I", 1)
        header[100:108] = struct.pack(">BHHHB", 13, 0, 0, 992, 0)
        file.write(header)
    db = sqlite3.connect(path, isolation_level=None)
    fill_kinds(db)
    equal(db.execute("PRAGMA integrity_check").fetchone()[0], "ok")
    kinds(path)


def test_columns_behind_many():
    """Headers too long for a key, and such that go on in overflow pages."""
    path, db = database("page_size = 512")
    names = [f"c{i}" for i in range(200)]
    db.execute(f"CREATE TABLE t({', '.join(names)})")
    insert(db, "t", ([value() for _ in names] for _ in range(60)))
    insert(db, "t", ([i % 2] * 200 for i in range(3000)))
    same(path, *({"table": "t", "columns": columns, "sinks": sinks} for sinks in (1, 2)
                 for columns in (["c0"], ["c6"], ["c7"], ["c14"], ["c15", "c3"], ["c60"], ["c75", "c0"], ["c199"], names[:50])))


def test_many_shapes():
    """More kinds of headers than are kept at a time."""
    path, db = database()
    db.execute("CREATE TABLE t(a TEXT, b TEXT, c, d)")
    insert(db, "t", (("x" * chance.randrange(70), "y" * chance.randrange(50), i, chance.choice(INTEGERS)) for i in range(20000)))
    same(path, *({"table": "t", "columns": columns} for columns in (["a", "b", "c", "d"], ["d"], ["rowid", "c"])))


def test_not_a_number():
    """SQLite keeps no NaN, but it reads one that is there as NULL."""
    path, db = database()
    db.execute("CREATE TABLE t(a REAL, b INTEGER, c)")
    insert(db, "t", ((1234.5678, i, 0.25) for i in range(10)))
    insert(db, "t", ((1234.5678 if i == 77 else i + 0.5, i, 1234.5678 if i == 5 else i) for i in range(3000)))
    db.close()
    data = open(path, "rb").read()
    write(path, 0, data.replace(struct.pack(">d", 1234.5678), b"\xff\xf8\0\0\0\0\0\1"))
    same(path, {"table": "t", "columns": ["a", "b", "c"]}, {"table": "t", "columns": ["b"], "filter": {"a": None}, "where": "a IS NULL"})
