"""Scans from pages: where a table's tree is gone through, and where not; changes in the WAL, trash, threads, failing memory. Compared
as in test_pages.py beside this file."""
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from almanac import equal
from test_pages import chance, database, fill_kinds, insert, same, write
from test_scan import ask


def numbers(db, rows):
    """t(id, a, b, c) with ids 3, 6, 9, ..."""
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT)")
    db.execute("INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
               "SELECT i * 3, i % 7, i * 0.5, 'text ' || i FROM n", (rows,))


def root(db, table="t"):
    return db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]


def leaves(path, page_size, number):
    """The leaves of a rowid table's tree, in order."""
    with open(path, "rb") as file:
        file.seek((number - 1) * page_size)
        page = file.read(page_size)
    if page[0] == 13:
        return [number]
    cells = struct.unpack_from(f">{struct.unpack_from('>H', page, 3)[0]}H", page, 12)
    children = [struct.unpack_from(">I", page, at)[0] for at in cells] + [struct.unpack_from(">I", page, 8)[0]]
    return [leaf for child in children for leaf in leaves(path, page_size, child)]


def test_rowid_ranges():
    """Children that can't have a wanted rowid are not read: they may even be trash."""
    path, db = database("page_size = 512")
    numbers(db, 20000)
    conditions = [({"id": 3000}, "id = 3000"), ({"id": [6, 2999, 59997, 7.5, "9", None]}, "id IN (6, 59997, 9)"), ({"id": {">": 60000}}, "0"),
                  ({"id": {">=": 299.5, "<": 1200}}, "id >= 299.5 AND id < 1200"), ({"id": {">": 50000.0}}, "id > 50000.0"), ({"id": []}, "0"),
                  ({"id": {"<=": -5}}, "0"), ({"id": {">": 2**63 - 1}}, "0"), ({"id": {">": 1e300}}, "0"), ({"id": {"<": 9.3e18, ">": -1e300}}, "1"),
                  ({"id": {"<": 12, ">": "x"}}, "0"), ({"id": {"!=": 9, "<": 30}}, "id <> 9 AND id < 30")]
    same(path, *({"table": "t", "columns": ["id", "c"], "filter": f, "where": w, "sinks": s} for f, w in conditions for s in (1, 2)))
    pages = leaves(path, 512, root(db))
    db.close()
    for leaf in pages[10:-10]:
        write(path, (leaf - 1) * 512, b"\xee" * 512)
    got = ask(path, {"table": "t", "columns": ["id"], "filter": {"id": {"<": 10}}}, {"table": "t", "columns": ["id"], "filter": {"id": [3, 60000, 59997]}})
    equal(got, ["i3", "i6", "i9", "way pages", "i3", "i59997", "i60000", "way pages"])


def test_changed_pages():
    """What the WAL has otherwise is fetched through SQL, some rows at a time."""
    path, db = database("page_size = 512", "journal_mode = wal", "wal_autocheckpoint = 0")
    numbers(db, 6000)
    db.execute("CREATE TABLE w(k PRIMARY KEY, a) WITHOUT ROWID")
    db.execute("INSERT INTO w SELECT id, c FROM t")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    requests = [{"table": "t", "columns": ["id", "a", "b", "c"], "sinks": s} for s in (1, 3)] + \
               [{"table": "t", "columns": ["c"], "filter": {"id": {">": 5000, "<": 12000}, "a": 3}, "where": "id > 5000 AND id < 12000 AND a = 3"}]
    whole = {"table": "w", "columns": ["a", "k"]}
    same(path, *requests, whole)
    for _ in range(3):
        for _ in range(4):
            low = chance.randrange(18000)
            db.execute(f"UPDATE t SET a = 99, c = 'changed' WHERE id BETWEEN {low} AND {low + chance.choice([0, 10, 100])}")
            low = chance.randrange(18000)
            db.execute(f"DELETE FROM t WHERE id BETWEEN {low} AND {low + chance.choice([0, 10, 60])}")
            db.execute("INSERT OR REPLACE INTO t VALUES (?, 5, 1.5, ?)", (chance.randrange(18000), "new" * chance.choice([1, 50])))
        same(path, *requests, whole)
    db.execute("UPDATE w SET a = 5 WHERE k = 300")
    same(path, whole, way="sql: changed pages")
    db.execute("UPDATE t SET a = a + 1")
    same(path, *requests, way="sql: changed pages")
    db.execute("PRAGMA wal_checkpoint(PASSIVE)")
    same(path, *requests, whole)


def test_changed_overflow():
    """An overflow page can change without its leaf."""
    path, db = database("page_size = 512", "journal_mode = wal", "wal_autocheckpoint = 0")
    numbers(db, 1000)
    db.execute("CREATE TABLE o(a, b)")
    db.execute("INSERT INTO o VALUES (zeroblob(5000), 1)")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    same(path, {"table": "o", "columns": ["a"]}, {"table": "o", "columns": ["b"]})
    db.execute("UPDATE o SET a = CAST(substr(a, 1, 4900) || zeroblob(99) || x'01' AS BLOB)")  # SQLite overwrites what differs
    same(path, {"table": "o", "columns": ["b"]}, way="sql: changed pages")


def test_malformed():
    """Trash goes to SQL, which says so or reads on; nothing else happens."""
    path, db = database("page_size = 1024")
    numbers(db, 5000)
    top = root(db)
    leaf = leaves(path, 1024, top)[7]
    db.execute("CREATE TABLE o(a)")
    db.execute("INSERT INTO o VALUES (zeroblob(9000))")
    chain = root(db, "o")
    db.close()
    good = open(path, "rb").read()
    first_overflow = good.index(struct.pack(">I", chain + 1), (chain - 1) * 1024 + 8)
    damage = {"type": (leaf, 0, b"\x05"), "cells": (leaf, 3, b"\xff\xff"), "pointer": (leaf, 8, b"\xff\xf0"), "no cells": (top, 3, b"\0\0"),
              "loop": (top, 8, struct.pack(">I", top)), "leaf is root": (top, 8, struct.pack(">I", leaf)), "no page": (top, 8, b"\0\0\0\0"),
              "far": (top, 8, b"\x7f\xff\xff\xff")}
    for name, (page, at, data) in damage.items():
        write(path, 0, good)
        write(path, (page - 1) * 1024 + at, data)
        got = ask(path, *({"table": "t", "columns": ["id", "b"], "sinks": sinks} for sinks in (1, 3)))
        ends = [line for line in got if line.startswith(("way", "error"))]
        assert len(ends) == 2 and all(end in ("way sql: malformed page", "error 11 scan: database disk image is malformed") for end in ends) \
            or name == "leaf is root", (name, ends)
    for data in (struct.pack(">I", chain), b"\0\0\0\0", b"\x7f\xff\xff\xff"):
        write(path, 0, good)
        write(path, first_overflow, data)
        got = ask(path, {"table": "o", "columns": ["a"]})
        assert got[-1].startswith(("error 11", "way ")), got[-1]


def test_a_record_that_claims_two_gigabytes():
    """A column that is wanted three times would take 6 GB, more than 32 bits count."""
    path, db = database("page_size = 1024")
    db.execute("CREATE TABLE o(a)")
    db.execute("INSERT INTO o VALUES (1)")
    top = root(db, "o")
    db.close()
    varint = lambda n: bytes([n >> shift & 127 | (128 if shift else 0) for shift in (28, 21, 14, 7, 0)])
    payload, local_max, local_min = 2**31 - 1, 1024 - 35, (1024 - 12) * 32 // 255 - 23
    local = local_min + (payload - local_min) % (1024 - 4)
    record = b"\x06" + varint(12 + 2 * (payload - 6))
    cell = varint(payload) + b"\1" + record.ljust(local if local <= local_max else local_min, b"a") + struct.pack(">I", 1)
    at = 1024 - len(cell)
    write(path, (top - 1) * 1024, (b"\x0d" + struct.pack(">HHHBH", 0, 1, at, 0, at)).ljust(at, b"\0") + cell)
    for columns in (["a"], ["a", "a", "a"], ["a"] * 9):
        got = ask(path, {"table": "o", "columns": columns})
        assert got[-1].startswith(("error 11", "error 18", "way ")), (columns, got[-1])


def test_threads():
    """A large table's pieces, in order; rows in chains are read by the caller for all threads."""
    path, db = database()
    numbers(db, 60000)
    db.execute("CREATE TABLE o(a, b TEXT, c)")
    insert(db, "o", ((i, "long" * chance.choice([1, 2000]), i * 0.5) for i in range(2000)))
    same(path, *({"table": "t", "columns": ["id", "b"], "sinks": sinks} for sinks in (2, 5)),
         *({"table": "o", "columns": ["c", "b"], "sinks": sinks} for sinks in (2, 5)))
    for sinks in (1, 4):
        equal(ask(path, {"table": "t", "columns": ["id", "b"], "do": "interrupt", "sinks": sinks}), ["error 9 "], sinks)


def test_memory():
    """Any allocation may fail."""
    path, db = database("page_size = 512", "encoding = 'UTF-16le'")
    fill_kinds(db)
    for sinks in (1, 3):
        got = ask(path, {"table": "t", "columns": ["a", "d", "e", "id"], "do": "memory", "sinks": sinks},
                  {"table": "w", "columns": ["k", "f"], "filter": {"b": {"<": 20}}, "do": "memory", "sinks": sinks})
        assert all(line.startswith("memory failed ") for line in got), got
