"""What the tests of capture share (test_capture.py has the specification): tables and their statements, and what is compared."""
import os
import shutil
import sqlite3

from almanac import connect, directory, equal, tool

HOUR, DAY = 3600, 86400
START = 1704067200  # 2024-01-01
ROWS = 700
LAST = START + (ROWS - 1) * 1800

DEFINITIONS = {
    "hourly": ("", "SELECT time_bucket('1 hour', ts) AS b, k, count(*) AS n, sum(v) AS total, max(id) AS last FROM r GROUP BY 1, 2"),
    "quarters": ("", "SELECT time_bucket('15 minutes', ts) AS b, min(u) AS u FROM r GROUP BY 1"),
    "real_days": ("", "SELECT time_bucket('1 day', x) AS b, count(*) AS n, min(v) AS low, max(c) AS c FROM r GROUP BY 1"),
    "text_hours": ("", "SELECT time_bucket('1 hour', t) AS b, count(*) AS n, sum(u) AS u FROM r GROUP BY 1"),
    "berlin": ("", "SELECT time_bucket('1 day', ts, 'Europe/Berlin') AS b, count(*) AS n, max(v) AS high FROM r GROUP BY 1"),
    "by_key": ("WITH (partition = k)", "SELECT k, count(*) AS n, sum(v) AS total, min(ts) AS first FROM r GROUP BY k"),
    "by_owner": ("WITH (partition = 'owner, boss')", "SELECT owner, boss, count(*) AS n, max(id) AS last FROM r GROUP BY owner, boss"),
    "by_third": ("WITH (partition = 'u % 3')", "SELECT u % 3 AS third, count(*) AS n, sum(v) AS total FROM r GROUP BY u % 3"),
    "whole": ("", "SELECT k, count(*) AS n, rank() OVER (ORDER BY count(*), k) AS place FROM r GROUP BY k"),
    "chain": ("", "SELECT time_bucket('1 day', b) AS d, sum(n) AS n, max(last) AS last FROM hourly GROUP BY 1"),
}
# What a chain's query is over raw rows.
QUERIES = {name: query for name, (_, query) in DEFINITIONS.items()}
QUERIES["chain"] = "SELECT time_bucket('1 day', ts) AS d, count(*), max(id) FROM r GROUP BY 1"

COLUMNS = "k, v REAL NOT NULL ON CONFLICT REPLACE DEFAULT 0.5, u INTEGER, c TEXT COLLATE NOCASE, f INTEGER, note TEXT, " \
          "owner INTEGER DEFAULT 1 REFERENCES people(id) ON UPDATE CASCADE ON DELETE SET NULL, " \
          "boss INTEGER DEFAULT 1 REFERENCES people(id) ON UPDATE SET DEFAULT ON DELETE CASCADE"
TIMES = "ts INTEGER, x REAL, t TEXT"
GENERATED = "base INTEGER, ts INTEGER GENERATED ALWAYS AS (base) STORED, x REAL GENERATED ALWAYS AS (base * 1.0), t TEXT AS (datetime(base, 'unixepoch')) VIRTUAL"
TABLES = {
    "integer primary key": f"CREATE TABLE r(id INTEGER PRIMARY KEY, {TIMES}, {COLUMNS})",
    "rowid": f"CREATE TABLE r(id INTEGER NOT NULL UNIQUE, {TIMES}, {COLUMNS})",
    "without rowid": f"CREATE TABLE r(id INTEGER PRIMARY KEY, {TIMES}, {COLUMNS}) WITHOUT ROWID",
    "generated": f"CREATE TABLE r(id INTEGER PRIMARY KEY, {GENERATED}, {COLUMNS})",
}


class Table:
    """Statements on one of the tables. A row is a dictionary; its time, `at`, is an SQL expression in seconds."""

    def __init__(self, kind):
        self.kind = kind
        self.at_columns = "base" if kind == "generated" else "ts, x, t"

    def at(self, expression):
        """The values of the time's columns."""
        return f"{expression}" if self.kind == "generated" else f"{expression}, {expression}, datetime({expression}, 'unixepoch')"

    def set_at(self, expression):
        """The assignments of the time's columns."""
        return f"base = {expression}" if self.kind == "generated" else f"ts = {expression}, x = {expression}, t = datetime({expression}, 'unixepoch')"

    def names(self, row):
        return ", ".join([self.at_columns] * ("at" in row) + [name for name in row if name != "at"])

    def row(self, row):
        return ", ".join([self.at(row["at"])] * ("at" in row) + [str(value) for name, value in row.items() if name != "at"])

    def insert(self, *rows, verb="INSERT"):
        return f"{verb} INTO r({self.names(rows[0])}) VALUES " + ", ".join(f"({self.row(row)})" for row in rows)

    def create(self, path):
        db = connect(path, extension=False)
        db.executescript(f"""
            CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT);
            INSERT INTO people SELECT value, 'p' || value FROM json_each('[1, 2, 3, 4, 5, 6, 7, 8]');
            {TABLES[self.kind]};
            CREATE INDEX r_ts ON r(ts); CREATE INDEX r_x ON r(x); CREATE INDEX r_t ON r(t); CREATE INDEX r_k ON r(k);
            CREATE UNIQUE INDEX r_u ON r(u); CREATE UNIQUE INDEX r_c ON r(c); CREATE UNIQUE INDEX r_f ON r(f, k) WHERE v >= 90;
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
            INSERT INTO r(id, {self.at_columns}, k, v, u, c, f, note, owner, boss)
            SELECT i, {self.at(f'({START} + (i - 1) * 1800)')}, CASE WHEN i % 5 THEN i % 5 END, i * 0.5, i * 10, 'c' || i, i, 'n' || i, i % 8 + 1, CASE WHEN i BETWEEN 240 AND 260 THEN 2 WHEN i BETWEEN 261 AND 270 THEN 3 ELSE 1 END FROM n;""")
        db.close()


class Bench:
    """A database, its twin without Almanac, and what is compared with what."""

    def __init__(self, path, twin, recursive=False, names=QUERIES):
        self.path, self.names = path, names
        self.db, self.twin = connect(path, extension=False), connect(twin, extension=False)
        for db in (self.db, self.twin):
            db.execute("PRAGMA foreign_keys = ON")
            db.execute(f"PRAGMA recursive_triggers = {recursive:d}")
        self.oracle = connect(path)

    def close(self):
        for db in (self.db, self.twin, self.oracle):
            db.close()

    def run(self, statements):
        """Each does what it does without Almanac."""
        for sql in statements:
            outcomes = []
            for db in (self.db, self.twin):
                try:
                    outcomes.append(db.execute(sql.lstrip("!?")).fetchall())
                except sqlite3.Error as error:
                    outcomes.append(str(error))
            equal(*outcomes, sql)
            assert sql.startswith("?") or isinstance(outcomes[1], str) == sql.startswith("!"), (sql, outcomes)
        equal(*[db.execute("SELECT * FROM r ORDER BY id, ts").fetchall() for db in (self.db, self.twin)], statements)

    def shown(self, name, refreshed):
        """The rows of a name; None where a time lies beyond the known days of a time zone, until a refresh makes more known."""
        try:
            return sorted(self.db.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
        except sqlite3.OperationalError as error:
            assert str(error) == "integer overflow" and name == "berlin" and not refreshed, (name, error)
            return None

    def compare(self, what, ok=True, refreshed=False):
        for name, query in self.names.items():
            shown, wanted = self.shown(name, refreshed), sorted(self.oracle.execute(query).fetchall(), key=repr)
            if shown is None:
                continue
            if shown != wanted:
                raise AssertionError(f"{name} {what}\n  shown  {[x for x in shown if x not in wanted]}\n  wanted {[x for x in wanted if x not in shown]}")
        if ok:
            for summary, name in self.db.execute("SELECT id, name FROM almanac_summary WHERE kind <> 'whole' AND (name <> 'berlin' OR ?)", (refreshed,)).fetchall():
                equal(self.db.execute(f"SELECT ok FROM almanac_ok_{summary}").fetchone(), (1,), f"{name} {what}: not captured, but all read")

    def refresh(self, what, ok=True):
        tool("refresh", self.path, code=0 if ok else None)
        self.compare(what, ok, refreshed=True)
        if ok:
            equal(self.db.execute("SELECT name, dirty FROM almanac_status WHERE dirty <> 0").fetchall(), [], f"dirty {what}")


def made(kind, names=DEFINITIONS):
    """The paths of a database with summaries and of one without."""
    path, twin = os.path.join(directory(), "t.db"), os.path.join(directory(), "twin.db")
    Table(kind).create(path)
    shutil.copy(path, twin)
    tool("apply", path, "-", stdin="".join(f"CREATE MATERIALIZED VIEW {name} {DEFINITIONS[name][0]} AS {DEFINITIONS[name][1]};\n" for name in names))
    tool("refresh", path)
    return path, twin


def declared(schema, definitions, code=0):
    """The paths of a database with these summaries, refreshed, and of its twin without."""
    path, twin = os.path.join(directory(), "t.db"), os.path.join(directory(), "twin.db")
    for file in (path, twin):
        db = connect(file, extension=False)
        db.executescript(schema)
        db.close()
    tool("apply", path, "-", stdin="".join(f"CREATE MATERIALIZED VIEW {name} {options} AS {query};\n" for name, (options, query) in definitions.items()))
    tool("refresh", path, code=code)
    return path, twin


def try_on(schema, definitions, ways, recursive=False, ok=True):
    """All ways in a row, and with a refresh after every second one. Tables have an id."""
    queries = {name: query for name, (_, query) in definitions.items()}
    path, twin = declared(schema, definitions)
    again = [shutil.copy(file, file + "-again") for file in (path, twin)]
    for files, refreshes in (((path, twin), True), (again, False)):
        bench = Bench(*files, recursive, queries)
        for n, statements in enumerate(ways):
            bench.run(statements)
            what = f"after {'; '.join(statements)}{'' if refreshes else ', none refreshed'}"
            bench.compare(what, ok)
            if refreshes and n % 2:
                bench.refresh(what + ", refreshed", ok)
        bench.refresh("at the end", ok)
        bench.close()
