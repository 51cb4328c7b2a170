"""Scans from pages that an index narrows, by the program scan.c beside this file, against SELECTs."""
import json
import os
import random
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from almanac import directory, equal
from test_scan import SEED, ask, shown

chance = random.Random(SEED)
FEW = "sql: an index finds its few rows"
OPERATORS = ("=", "<", "<=", ">", ">=")


def database(*statements, encoding="UTF-8", page_size=1024):
    path = directory() + "/t.db"
    db = sqlite3.connect(path, isolation_level=None)
    for statement in (f"PRAGMA page_size = {page_size}", f"PRAGMA encoding = '{encoding}'", *statements):
        db.execute(statement)
    return path, db


def fill(db, rows, values):
    db.execute("BEGIN")
    db.executemany(f"INSERT OR IGNORE INTO t VALUES ({', '.join('?' * len(values(0)))})", (values(i) for i in range(rows)))
    db.execute("COMMIT")


def rows_of(db, sql, *parameters):
    """In the table's order."""
    return [" ".join(map(shown, row)) for row in db.execute(sql + " ORDER BY id", parameters)]


def scan(path, filter, way, columns=("id", "v")):
    answer = ask(path, {"table": "t", "columns": list(columns), "filter": filter})
    equal(answer[-1], f"way {way}", f"seed {SEED}: {filter}")
    return answer[:-1]


def mixed():
    kind = chance.randrange(8)
    if kind < 3:
        return chance.randrange(-300, 300)
    if kind < 5:
        return chance.choice([chance.randrange(600) / 2 - 150, chance.random() * 100, 2.0**53, 1e300, float("-inf")])
    if kind == 5:
        return "".join(chance.choice("abAB ") for _ in range(chance.choice([0, 1, 2, 3, 30])))
    return bytes(chance.randrange(3) for _ in range(chance.randrange(4))) if kind == 6 else chance.choice([None, 2**53, 2**53 + 1, 2**63 - 1, -2**63, 0, 1])


def literal(value):
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return f"x'{value.hex()}'" if isinstance(value, bytes) else repr(value)


def given(value):
    return f"blob:{value.decode()}" if isinstance(value, bytes) else value


def request(values):
    """Random bounds on v, and now and then a condition on another column, in JSON and in SQL."""
    filter, where = {}, []
    some = [v for v in (chance.choice(values) for _ in range(12)) if v is not None and not (isinstance(v, float) and abs(v) > 1e308)]
    if chance.random() < 0.4:
        some = some[:chance.choice([1, 1, 4])]
        filter["v"] = [given(v) for v in some]
        where.append(f"r.v IN ({', '.join(map(literal, some))})")
    else:
        bounds = dict(zip(chance.sample(["<", "<=", ">", ">="], chance.choice([1, 2, 2, 3])), some))
        filter["v"] = {name: given(v) for name, v in bounds.items()}
        where += [f"r.v {name} {literal(v)}" for name, v in bounds.items()]
    if chance.random() < 0.2:
        filter["w"] = "w" * 60
        where.append(f"r.w = '{'w' * 60}'")
    return {"table": "t", "columns": ["id", "v"], "filter": filter, "where": " AND ".join(where), "do": "compare"}


def test_random():
    """Any values, in any kind of index, within any bounds."""
    seen = set()
    for world in range(8):
        declared = chance.choice(["", "INTEGER", "REAL", "TEXT", "NUMERIC", "TEXT COLLATE NOCASE", "COLLATE RTRIM"])
        index = chance.choice(["(v)", "(v DESC)", "(v, w)", "(v DESC, id)", "(v COLLATE NOCASE)", "(v COLLATE BINARY DESC)"])
        path, db = database(f"CREATE TABLE t(id INTEGER PRIMARY KEY, v {declared}, w)", f"CREATE INDEX i ON t{index}",
                            encoding=chance.choice(["UTF-8", "UTF-8", "UTF-16le"]), page_size=chance.choice([512, 1024, 4096]))
        rising = chance.random() < 0.5
        values = [mixed() for _ in range(6000)]
        if rising:
            values.sort(key=lambda v: (v is not None, isinstance(v, str) + 2 * isinstance(v, bytes), v or 0 if not isinstance(v, (str, bytes)) else v))
        for i in range(chance.choice([0, 20])):
            values[chance.randrange(6000)] = mixed()
        fill(db, 6000, lambda i: (i * chance.choice([1, 1, 1]) + (10000 if i > 3000 else 0), values[i], "w" * 60))
        for _ in range(400):
            db.execute("DELETE FROM t WHERE id = ?", (chance.randrange(6000),))
        requests = [request(values) for _ in range(25)]
        for asked, answer in zip(requests, ask(path, *requests)):
            assert answer.startswith("same "), f"seed {SEED}: {declared} {index}: {asked}: {answer}"
            seen.add(answer.split("way ")[1])
    assert "pages" in seen and FEW in seen, seen


def trash_leaves(path, db, low, high=19900):
    """Makes trash of the table's leaves whose rows' markers are all between these: who reads them will know."""
    size = db.execute("PRAGMA page_size").fetchone()[0]
    trashed = 0
    with open(path, "r+b") as file:
        while page := file.read(size):
            markers = [int(text[:8]) for text in page.split(b"marker")[1:]]
            if page[0] == 13 and markers and low < min(markers) and max(markers) < high:
                file.seek(-size, 1)
                trashed += file.write(b"\xff" * size)
    assert trashed > 100 * size, trashed


def rising(*statements, values=lambda i: (i, i * 10, f"marker{i:08}")):
    path, db = database("CREATE TABLE t(id INTEGER PRIMARY KEY, v, m)", *statements)
    fill(db, 20000, values)
    return path, db


def test_only_what_the_index_finds_is_read():
    cases = [({"v": {"<": 50000}}, "v < 50000"), ({"v": {">=": 10000, "<=": 30000}}, "v BETWEEN 10000 AND 30000"), ({"v": 15}, "v = 15"),
             ({"v": {"<": 0}}, "v < 0"), ({"v": {">": 30000, "<": 20000}}, "0"), ({"v": [*range(1000, 3000, 10), 40000]}, "id BETWEEN 100 AND 299 OR id = 4000"),
             ({"v": {">": 5.5, "<": 20000.5}, "m": {"<": "marker00000100"}}, "id BETWEEN 1 AND 99")]
    for order in ("", " DESC"):
        path, db = rising(f"CREATE INDEX i ON t(v{order})")
        expected = [rows_of(db, f"SELECT id, v FROM t WHERE {sql}") for _, sql in cases]
        trash_leaves(path, db, 6000)
        for (filter, _), rows in zip(cases, expected):
            equal(scan(path, filter, "pages"), rows, filter)


def test_sparse_rowids():
    """Rowids far apart, as of a table with keys made of times."""
    for spacing in (100, 10**9, 3 * 10**14):
        path, db = rising("CREATE INDEX i ON t(v)", values=lambda i: (i * spacing - 10**18, i, f"marker{i:08}"))
        rows = rows_of(db, "SELECT id, v FROM t WHERE v < 5000")
        trash_leaves(path, db, 6000)
        equal(scan(path, {"v": {"<": 5000}}, "pages"), rows, spacing)


def test_late_rows():
    """Some rows come later than their values say."""
    path, db = rising("CREATE INDEX i ON t(v)", values=lambda i: (i, i * 10 - (40000 if i % 500 == 0 and i < 9000 else 0), f"marker{i:08}"))
    rows = rows_of(db, "SELECT id, v FROM t WHERE v < 30000")
    trash_leaves(path, db, 12000)
    equal(scan(path, {"v": {"<": 30000}}, "pages"), rows)


def test_clusters():
    """The rows of one value, of some values, that lie together."""
    path, db = rising("CREATE INDEX i ON t(v)", values=lambda i: (i, i // 1000 * 7 % 20, f"marker{i:08}"))
    rows = rows_of(db, "SELECT id, v FROM t WHERE v IN (7, 14)")
    trash_leaves(path, db, 3000)
    equal(scan(path, {"v": [7, 14]}, "pages"), rows)


def test_few_and_scattered():
    path, db = rising("CREATE INDEX i ON t(v)", values=lambda i: (i, i % 997, f"marker{i:08}"))
    equal(scan(path, {"v": 5}, FEW), rows_of(db, "SELECT id, v FROM t WHERE v = 5"))
    equal(scan(path, {"v": [650, 5, 300]}, FEW), rows_of(db, "SELECT id, v FROM t WHERE v IN (5, 300, 650)"))
    equal(scan(path, {"v": {"<": 300}}, "pages"), rows_of(db, "SELECT id, v FROM t WHERE v < 300"))
    db.execute("DROP INDEX i")
    equal(scan(path, {"v": 5}, "pages"), rows_of(db, "SELECT id, v FROM t WHERE v = 5"))


def test_not_used():
    """Partial, on an expression, with another collation, not first in it, not for this operator; then all is read."""
    for index in ("(v) WHERE v > 0", "(abs(v))", "(m, v)", "(v COLLATE NOCASE)"):
        path, db = rising(f"CREATE INDEX i ON t{index}", values=lambda i: (i, f"x{i:08}" if "NOCASE" in index else i, f"marker{i:08}"))
        bound = "x00000100" if "NOCASE" in index else 100
        rows = rows_of(db, "SELECT id, v FROM t WHERE v < ?", bound)
        equal(len(rows), 100)
        equal(scan(path, {"v": {"<": bound}}, "pages"), rows, index)
        trash_leaves(path, db, 6000)
        answer = ask(path, {"table": "t", "columns": ["id", "v"], "filter": {"v": {"<": bound}}})
        assert "pages" not in answer[-1], (index, answer[-1])


def test_unique_and_text():
    path, db = database("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT UNIQUE, m)")
    fill(db, 20000, lambda i: (i, f"key{i:06}", f"marker{i:08}"))
    rows = rows_of(db, "SELECT id, v FROM t WHERE v >= 'key001000' AND v < 'key002'")
    equal(len(rows), 1000)
    trash_leaves(path, db, 6000)
    equal(scan(path, {"v": {">=": "key001000", "<": "key002"}}, "pages"), rows)


def test_changed_pages():
    """An index whose pages are in the log: SQL tells the rowids."""
    path, db = rising("PRAGMA journal_mode = wal", "PRAGMA wal_autocheckpoint = 0", "CREATE INDEX i ON t(v)")
    db.execute("INSERT INTO t SELECT id + 20000, id * 10 + 200000, 'late' FROM t WHERE id % 100 = 0")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.execute("UPDATE t SET v = v + 1 WHERE id = 100")
    db.execute("INSERT INTO t VALUES (50000, 500000, 'last')")
    db.execute("UPDATE t SET m = 'late' WHERE v = 800")
    keep = sqlite3.connect(path, isolation_level=None)
    keep.execute("BEGIN")
    keep.execute("SELECT * FROM t").fetchone()  # who closes last checkpoints
    filters = {'{"v": {"<": 2000}}': "v < 2000", '{"v": {">=": 190000}}': "v >= 190000", '{"v": {">": 199000, "<": 300000}}': "v > 199000 AND v < 300000"}
    expected = {filter: rows_of(db, f"SELECT id, v FROM t WHERE {sql}") for filter, sql in filters.items()}
    for filter, rows in expected.items():
        equal(scan(path, json.loads(filter), "pages"), rows, filter)
    equal(scan(path, {"v": [500000, 100, 99999999]}, FEW), rows_of(db, "SELECT id, v FROM t WHERE v IN (100, 500000)"))
    trash_leaves(path, db, 5000, 15000)
    for filter, rows in expected.items():
        equal(scan(path, json.loads(filter), "pages"), rows, filter)


def test_malformed_index():
    """Trash in the index: never a crash, and the rows as they are in the table, where the index isn't understood."""
    path, db = rising("CREATE INDEX i ON t(v)")
    rows = rows_of(db, "SELECT id, v FROM t WHERE +v < 20000")
    with open(path, "rb") as file:
        sound = file.read()
    index = [n for n in range(0, len(sound), 1024) if sound[n] in (2, 10)]
    db.close()
    for _ in range(60):
        trashed = bytearray(sound)
        at = chance.choice(index)
        kind = chance.randrange(3)
        if kind == 0:
            trashed[at:at + 12] = bytes(chance.randrange(256) for _ in range(12))
        elif kind == 1:
            trashed[at:at + 1024] = bytes(chance.randrange(256) for _ in range(1024))
        else:
            for _ in range(20):
                trashed[at + chance.randrange(8, 200)] = chance.randrange(256)
        with open(path, "wb") as file:
            file.write(trashed)
        answer = ask(path, {"table": "t", "columns": ["id", "v"], "filter": {"v": {"<": 20000}}})
        assert answer, SEED


def test_memory():
    path, db = rising("CREATE INDEX i ON t(v)", values=lambda i: (i, i // 50, "x" * 40))
    ask(path, {"table": "t", "columns": ["id"], "filter": {"v": [5, 6]}, "do": "memory"})
