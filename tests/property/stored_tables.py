"""Random tables in random files: everything about how SQLite stores a row that a reader of pages must know.

Page sizes, reserved bytes, auto-vacuum, encodings, rowid and WITHOUT ROWID tables, primary keys that are the rowid,
affinities, integers of every size, reals that are stored as integers, overflow pages, columns added later with defaults,
generated columns, holes left by deletes, trees of several levels; journals and WALs in all states.
"""
import ctypes
import ctypes.util
import sqlite3

RESERVE_BYTES = 38  # SQLITE_FCNTL_RESERVE_BYTES
OPENS = 6  # SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
TYPES = ["INTEGER", "INT", "BIGINT", "REAL", "DOUBLE", "FLOAT", "TEXT", "VARCHAR(20)", "NUMERIC", "DECIMAL(10,2)", "BLOB", "", "BOOLEAN", "DATETIME"]
COLLATIONS = ["", "", "", " COLLATE NOCASE", " COLLATE RTRIM"]
DEFAULTS = ["7", "-2.5", "'late'", "'12'", "NULL", "x'0102'", "1e3", "5.0"]
EDGES = [0, 1, -1, 127, -128, 128, 32767, -32769, 8388607, -8388609, 2**31 - 1, -2**31 - 1, 2**47 - 1, -2**47 - 1, 2**53 + 1, 2**63 - 1, -2**63]
LETTERS = ["a", "B", "z ", "é", "ß", "日本", "😀", "'", '"', "%"]


def text(chance, length):
    return "".join(chance.choice(LETTERS) for _ in range(length))


def value(chance, wide):
    kind = chance.random()
    if kind < 0.12:
        return None
    if kind < 0.27:
        return chance.choice(EDGES)
    if kind < 0.45:
        return chance.randint(-10 ** chance.randint(1, 18), 10 ** chance.randint(1, 18))
    if kind < 0.55:
        return float(chance.randint(-1000, 1000))
    if kind < 0.70:
        return chance.gauss(0, 10 ** chance.randint(-5, 15))
    if kind < 0.74:
        return chance.choice([float("inf"), -0.0, 1e300, 5e-324, str(chance.randint(0, 99)), "1e2", "2024-05-01 12:00:00"])
    length = chance.randint(0, 12) if chance.random() < 0.9 else chance.randint(0, wide)
    return text(chance, length) if chance.random() < 0.7 else bytes(chance.randrange(256) for _ in range(length))


class Table:
    """The columns of a table, and how a row of it is written."""

    def __init__(self, chance, name):
        self.chance, self.name = chance, name
        self.without_rowid = chance.random() < 0.25
        self.columns = []  # (name, declared type) of those that a writer gives values to
        parts = []
        for i in range(chance.randint(1, 7)):
            declared = chance.choice(TYPES)
            column = f"c{i}" if chance.random() < 0.9 else f'"odd {i}"'
            self.columns.append((column, declared))
            parts.append(f"{column} {declared}{chance.choice(COLLATIONS)}" + (f" DEFAULT {chance.choice(DEFAULTS)}" if chance.random() < 0.2 else ""))
        self.generated = []
        if chance.random() < 0.2:
            kind = chance.choice(["STORED", "STORED", "VIRTUAL"])
            place = chance.randint(0, len(parts))
            parts.insert(place, f"g {chance.choice(TYPES)} AS (coalesce({self.columns[0][0]}, 3)) {kind}")
            self.generated = ["g"]
        self.key = None
        if self.without_rowid:
            self.key = "k1"
            parts.insert(chance.randint(0, len(parts)), "k1 " + chance.choice(["INTEGER", "TEXT", "REAL", ""]))
            parts.insert(chance.randint(0, len(parts)), "k2 " + chance.choice(["INT", "TEXT COLLATE NOCASE"]))
            parts.append(f"PRIMARY KEY({chance.choice(['k1, k2', 'k2, k1', 'k2 DESC, k1'])})")
        elif chance.random() < 0.6:
            self.key = "id"
            parts.insert(chance.randint(0, len(parts) if not self.generated else 0), "id INTEGER PRIMARY KEY")
        self.sql = f"CREATE TABLE {name}({', '.join(parts)})" + (" WITHOUT ROWID" if self.without_rowid else "")
        self.next_key = chance.choice([1, 1, 1000, 2**40, -500])

    def names(self):
        keys = ["k1", "k2"] if self.without_rowid else ["id"] if self.key else ["rowid"]
        return keys + [name for name, _ in self.columns] + self.generated

    def insert(self, db, n, wide):
        keys = ["k1", "k2"] if self.without_rowid else [self.key or "rowid"]
        names = keys + [name for name, _ in self.columns]
        sql = f"INSERT OR IGNORE INTO {self.name}({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        rows = []
        for _ in range(n):
            self.next_key += self.chance.choice([1, 1, 1, 1, 2, self.chance.randint(1, 10**self.chance.randint(1, 6))])
            key = [self.next_key, self.chance.randint(0, 3)] if self.without_rowid else [self.next_key]
            if self.without_rowid and self.chance.random() < 0.3:
                key[0] = text(self.chance, self.chance.randint(0, wide // 4 if self.chance.random() < 0.1 else 8)) + str(self.next_key)
            rows.append(key + [value(self.chance, wide) for _ in self.columns])
        db.executemany(sql, rows)

    def add_column(self, db):
        declared, name = self.chance.choice(TYPES), f"late{len(self.columns)}"
        default = f" DEFAULT {self.chance.choice(DEFAULTS)}" if self.chance.random() < 0.7 else ""
        db.execute(f"ALTER TABLE {self.name} ADD COLUMN {name} {declared}{self.chance.choice(COLLATIONS)}{default}")
        self.columns.append((name, declared))

    def change(self, db, wide):
        """One transaction's worth of anything that a writer does."""
        kind = self.chance.random()
        some = f"(abs(random()) % 100) < {self.chance.choice([2, 20, 60])}"
        if kind < 0.4:
            self.insert(db, self.chance.randint(1, 60), wide)
        elif kind < 0.6:
            db.execute(f"DELETE FROM {self.name} WHERE {some}")
        elif kind < 0.9:
            column = self.chance.choice(self.columns)[0]
            db.execute(f"UPDATE OR IGNORE {self.name} SET {column} = ? WHERE {some}", (value(self.chance, wide),))
        elif len(self.columns) < 12:
            self.add_column(db)


def reserve(path, count):
    """Makes an empty file whose pages keep `count` bytes for others: no SQL can say so."""
    library = ctypes.CDLL(ctypes.util.find_library("sqlite3"))
    handle, n = ctypes.c_void_p(), ctypes.c_int(count)
    assert library.sqlite3_open_v2(path.encode(), ctypes.byref(handle), OPENS, None) == 0
    assert library.sqlite3_file_control(handle, b"main", RESERVE_BYTES, ctypes.byref(n)) == 0
    assert library.sqlite3_exec(handle, b"CREATE TABLE gone(x); DROP TABLE gone", None, None, None) == 0
    library.sqlite3_close(handle)


def world(chance, path):
    """(connection, [Table]): a new random file with some tables; the connection is in autocommit mode."""
    if chance.random() < 0.2:
        reserve(path, chance.choice([4, 8, 31, 32, 64]))
        db = sqlite3.connect(path, isolation_level=None)
        wide = 3000
    else:
        db = sqlite3.connect(path, isolation_level=None)
        size = chance.choice([512, 512, 1024, 2048, 4096, 4096, 8192, 16384, 65536])
        wide = size * 3 if size < 16384 else size
        db.execute(f"PRAGMA page_size = {size}")
        db.execute(f"PRAGMA auto_vacuum = {chance.choice([0, 0, 1, 2])}")
        db.execute(f"PRAGMA encoding = '{chance.choice(['UTF-8', 'UTF-8', 'UTF-16le', 'UTF-16be'])}'")
    db.execute(f"PRAGMA journal_mode = {chance.choice(['delete', 'truncate', 'persist', 'wal', 'wal', 'wal'])}").fetchall()
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    tables = [Table(chance, f"t{i}") for i in range(chance.randint(1, 2))]
    for table in tables:
        db.execute(table.sql)
        db.execute("BEGIN")
        table.insert(db, chance.choice([0, 1, 3, 40, 300, 1500]), wide)
        db.execute("COMMIT")
        if chance.random() < 0.5:
            db.execute("PRAGMA wal_checkpoint").fetchall()
        for _ in range(chance.randint(0, 4)):
            table.change(db, wide)
            if chance.random() < 0.3:
                db.execute(f"PRAGMA wal_checkpoint({chance.choice(['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'])})").fetchall()
    return db, tables
