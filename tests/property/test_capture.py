"""Every way in which a row can change is captured: a specification, a numbered requirement for each way.

Each is tried on four tables: one with an INTEGER PRIMARY KEY, one with a rowid of its own, one WITHOUT ROWID and one whose times
and keys are generated columns; with recursive_triggers off and on; under summaries by time (integer, real, text, a time zone),
by key, by an expression, whole, and a chain. After each statement every name, read by a connection without the extension,
equals its query, and the tables hold what they hold without Almanac. So it does before a refresh and after it, and where
other changes are still to be refreshed. The condition of every view holds
all the time: it is the triggers that see the change, and no fallback that reads everything.

C-1  INSERT: of one row, of many, of none, with defaults, from a SELECT, from itself, with RETURNING, within a CTE
C-2  rows where none were: before the oldest, in between, behind the newest, before 1970, far in the future
C-3  UPDATE of a value, of all rows, with FROM, of nothing, of a column that nobody reads, to what it was
C-4  UPDATE of the time: the bucket that it leaves and the one that it enters
C-5  UPDATE of the key, to NULL and from it
C-6  UPDATE of the primary key and of the rowid, by every name that it has
C-7  DELETE: of some rows, of a whole bucket, of a whole key, with RETURNING, of all rows without WHERE
C-8  REPLACE, which removes rows without firing DELETE triggers: through the primary key, the rowid, a unique index, one with
     a collation, a partial one, several at once, rows of one statement that evict each other; from a SELECT
C-9  INSERT OR IGNORE, ABORT, FAIL and ROLLBACK on each of these
C-10 UPDATE OR REPLACE, IGNORE, ABORT, FAIL and ROLLBACK on each of these
C-11 constraints that are declared ON CONFLICT REPLACE, NOT NULL ones among them, whose default takes the place of a NULL
C-12 upserts: DO NOTHING, DO UPDATE of a value, a time, a key, a primary key
C-13 foreign keys: ON DELETE and ON UPDATE CASCADE, SET NULL, SET DEFAULT, on keys and on times; deferred ones
C-14 the app's own triggers: that write to the table from another one, from the table itself, from a view, instead of or besides
     the statement; that raise IGNORE or ABORT; temporary ones
C-15 writers that have ATTACHed the file under another name
C-16 transactions: rolled back, rolled back to a savepoint, several statements, a statement that fails half way
C-17 NULL, text, blobs, reals, infinities in the partition's columns, and back
C-18 the shell's .import, executemany
C-19 joined tables: any change there counts, unless WITH (static = ...)
C-20 a time in the far future does not switch off freshness for what comes before it
C-21 what no trigger could see is refused as a source: virtual tables, temporary tables, tables of attached files
C-22 a column that is named rowid, and any name that has to be quoted
C-23 what SQLite does without firing triggers (incremental blob I/O) is for almanac verify
"""
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from almanac import equal
from capture import DAY, LAST, START, TABLES, Bench, Table, made


def ways(s):
    """(number, statements): each list of statements is one way, `!` before one that fails, `?` before one that may. s is a Table."""
    mid, old, gap = f"{START} + 90 * 1800 + 7", f"{START} + 7", f"{START} + 30 * {DAY}"
    given = {"id": 1001, "at": mid, "k": 2, "v": 3.5, "u": 90001, "c": "'new'", "f": 90001, "owner": 4, "boss": 5}
    evicting = {"id": 1002, "at": f"{LAST} - 5 * 1800 + 3", "k": 9, "v": 95.5, "u": 90002, "c": "'other'", "f": 90002, "owner": 4, "boss": 6}
    conflicts = {"id": {**evicting, "id": 40}, "u": {**evicting, "u": 600}, "c": {**evicting, "c": "'C77'"}, "f": {**evicting, "f": 190, "k": "NULL", "v": 95.5},
                 "ff": {**evicting, "f": 191, "k": 1}, "all": {**evicting, "id": 44, "u": 450, "c": "'C46'", "f": 192, "k": 2}}
    has_rowid = s.kind != "without rowid"
    yield 1, [s.insert(given)]
    yield 1, [s.insert({**given, "id": 1003, "u": 1, "c": "'m1'", "f": 1}, {**given, "id": 1004, "at": old, "k": "NULL", "u": 2, "c": "'m2'", "f": 2})]
    yield 1, [f"INSERT INTO r(id, {s.at_columns}, v) SELECT id + 20000, {s.at(old)}, v FROM r WHERE id % 50 = 3"]
    yield 1, [f"INSERT INTO r(id, {s.at_columns}, v) SELECT id + 5000, {s.at('ts + 1')}, v FROM r WHERE id = 10 RETURNING id, v"]
    yield 1, [f"WITH w(i) AS (VALUES (3001), (3002)) INSERT INTO r(id, {s.at_columns}) SELECT i, {s.at(mid)} FROM w"]
    yield 1, ["INSERT INTO r(id, v) VALUES (3003, 4.5)", "INSERT INTO r(id) SELECT 1 WHERE 0"]
    if s.kind != "without rowid" and s.kind != "rowid":
        yield 1, ["INSERT INTO r DEFAULT VALUES", "INSERT INTO r(k, v) VALUES (1, 1)"]
    for identity, at in enumerate((f"{START} - 86400 * 3", gap, f"{LAST} + 50", f"{LAST} + 90 * {DAY}", "-1", "-3600", "-86400 * 365 * 20", "0"), 4000):
        yield 2, [s.insert({"id": identity, "at": at, "k": 1, "v": 2.5}), f"UPDATE r SET v = v + 1 WHERE id = {identity}"]
        yield 2, [f"DELETE FROM r WHERE id = {identity}"]
    yield 3, ["UPDATE r SET v = v + 1 WHERE id = 20"]
    yield 3, ["UPDATE r SET v = v + 0.5"]
    yield 3, ["UPDATE r SET v = (SELECT count(*) FROM people) FROM people p WHERE p.id = r.owner AND r.id IN (50, 51, 90)"]
    yield 3, ["UPDATE r SET v = v WHERE id = 21", "UPDATE r SET note = 'other' WHERE id < 9", "UPDATE r SET v = 1 WHERE 0"]
    yield 3, ["UPDATE r SET v = 7.5 WHERE id = 22 RETURNING v", "WITH w AS (SELECT 23 AS i) UPDATE r SET v = 8.5 WHERE id IN (SELECT i FROM w)"]
    yield 4, [f"UPDATE r SET {s.set_at(f'{START} + 50 * 1800')} WHERE id IN (3, 120)"]
    yield 4, [f"UPDATE r SET {s.set_at(f'{LAST} + 3 * {DAY}')} WHERE id = 100", f"UPDATE r SET {s.set_at(old)} WHERE id = 100"]
    yield 4, [f"UPDATE r SET {s.set_at('NULL')} WHERE id = 101", f"UPDATE r SET {s.set_at(mid)} WHERE id = 101"]
    yield 4, [f"UPDATE r SET {s.set_at('ts + 7200')} WHERE id BETWEEN 60 AND 70"]
    yield 5, ["UPDATE r SET k = 4 WHERE id IN (11, 12)", "UPDATE r SET k = NULL WHERE id IN (13, 14)", "UPDATE r SET k = 1 WHERE k IS NULL AND id < 40", "UPDATE r SET k = 'new' WHERE id = 15"]
    yield 5, ["UPDATE r SET u = u + 1 WHERE id IN (16, 17)", "UPDATE r SET owner = 7, boss = 6 WHERE id = 18", "UPDATE r SET owner = NULL WHERE id = 19"]
    yield 6, ["UPDATE r SET id = 7001 WHERE id = 25", "UPDATE r SET id = id + 10000 WHERE id BETWEEN 26 AND 28"]
    if has_rowid:
        for i, alias in enumerate(("rowid", "_rowid_", "oid")):
            yield 6, [f"UPDATE r SET {alias} = {7100 + i} WHERE id = {30 + i}"]
            yield 6, [f"UPDATE OR REPLACE r SET {alias} = (SELECT {alias} FROM r WHERE id = {150 + i}) WHERE id = {33 + i}"]
    yield 7, ["DELETE FROM r WHERE id = 55"]
    yield 7, [f"DELETE FROM r WHERE ts BETWEEN {START} + 20 * 1800 AND {START} + 24 * 1800", "DELETE FROM r WHERE k = 3"]
    yield 7, ["DELETE FROM r WHERE id = 57 RETURNING *", "WITH w AS (SELECT 58 AS i) DELETE FROM r WHERE id IN (SELECT i FROM w)", "DELETE FROM r WHERE 0"]
    yield 7, [f"DELETE FROM r WHERE ts > {LAST} - 86400 * 2 AND id % 2"]
    for row in conflicts.values():
        yield 8, [s.insert(row, verb="REPLACE")]
        yield 8, [s.insert({**row, "at": gap}, verb="INSERT OR REPLACE")]
    yield 8, [s.insert({**evicting, "id": 61}, {**evicting, "id": 62}, {**evicting, "id": 63, "at": old}, verb="REPLACE")]
    yield 8, [f"REPLACE INTO r(id, {s.at_columns}, k, v, u) SELECT id + 1, {s.at('ts')}, k, v, u + 1 FROM r WHERE id BETWEEN 64 AND 68"]
    yield 8, ["REPLACE INTO r(id, v, u) VALUES ('71', 1, '720')", "REPLACE INTO r(id, v, u) VALUES (73.0, 1, 740.0)"]
    if has_rowid:
        yield 8, [f"REPLACE INTO r(rowid, id, {s.at_columns}, v) SELECT rowid, 8001, {s.at(mid)}, 3.5 FROM r WHERE id = 76" if s.kind == "rowid" else "REPLACE INTO r(rowid, v) VALUES (76, 1)",
                  f"REPLACE INTO r(_rowid_, id, v) SELECT rowid, 8002, 3.5 FROM r WHERE id = 77" if s.kind == "rowid" else "REPLACE INTO r(oid, v) VALUES (77, 1)"]
    for policy in ("IGNORE", "ABORT", "FAIL", "ROLLBACK"):
        for n, row in enumerate(conflicts.values()):
            fails = "!" if policy != "IGNORE" else ""
            yield 9, [fails + s.insert({**evicting, "id": 6000 + n, "u": 6000 + n, "c": f"'z{policy}{n}'", "f": 6000 + n}, row, verb=f"INSERT OR {policy}"),
                      f"DELETE FROM r WHERE id = {6000 + n}"]
        yield 9, ["BEGIN", "UPDATE r SET v = v + 1 WHERE id = 80", fails + s.insert(conflicts["u"], verb=f"INSERT OR {policy}"),
                  "UPDATE r SET v = v + 1 WHERE id = 81", "COMMIT" if policy != "ROLLBACK" else "SELECT 1"]
    block = 300
    for policy in ("REPLACE", "IGNORE", "ABORT", "FAIL", "ROLLBACK"):
        fails = "!" if policy in ("ABORT", "FAIL", "ROLLBACK") else ""
        for assignment in ("id = {0}", "u = {0} * 10", "c = 'C' || {0}", "f = {0}, k = 4, v = 99.5", "id = {0}, u = {1} * 10, c = 'C' || {2}"):
            assignment = assignment.format(block + 4, block + 6, block + 7)
            # (Of several constraints SQLite's UPDATE OR REPLACE of a rowid may fail on one.)
            doubtful = "?" if policy == "REPLACE" and "," in assignment else fails
            yield 10, [f"{doubtful}UPDATE OR {policy} r SET {assignment} WHERE id IN ({block + 1}, {block + 2})"]
            block += 10
        # A row enters the partial index by a change of its condition alone.
        yield 10, [f"UPDATE r SET v = 1, f = {block + 4}, k = 4 WHERE id = {block + 1}", f"{fails}UPDATE OR {policy} r SET v = 96 WHERE id = {block + 1}"]
        block += 10
    yield 11, [s.insert({**given, "id": 9001, "v": "NULL", "u": 9001, "c": "'d1'"}), "UPDATE r SET v = NULL WHERE id = 95" if s.kind == "never" else "UPDATE OR REPLACE r SET v = NULL WHERE id = 95"]
    yield 12, [s.insert({**given, "id": 96, "u": 9002, "c": "'d2'"}) + " ON CONFLICT DO NOTHING"]
    yield 12, [s.insert({**given, "id": 96, "u": 9003, "c": "'d3'"}) + " ON CONFLICT(id) DO UPDATE SET v = v + excluded.v"]
    yield 12, [s.insert({**given, "id": 9004, "u": 970, "c": "'d4'"}) + f" ON CONFLICT(u) DO UPDATE SET {s.set_at('excluded.ts + 3600')}, k = excluded.k"]
    yield 12, [s.insert({**given, "id": 9005, "u": 9005, "c": "'C98'"}) + " ON CONFLICT(c) DO UPDATE SET id = 9006, owner = 8"]
    yield 12, [s.insert({**given, "id": 99, "u": 9007, "c": "'d7'"}, {**given, "id": 9008, "at": gap, "u": 9008, "c": "'d8'"}) + " ON CONFLICT(id) DO UPDATE SET k = NULL WHERE v < 1000"]
    yield 13, ["UPDATE people SET id = 70 WHERE id = 7"]
    yield 13, ["DELETE FROM people WHERE id = 8", "UPDATE people SET id = 30 WHERE id = 3"]
    yield 13, ["BEGIN", "PRAGMA defer_foreign_keys = ON", "UPDATE r SET owner = 555 WHERE id = 116", "INSERT INTO people VALUES (555, 'late')", "COMMIT"]
    yield 13, ["BEGIN", "PRAGMA defer_foreign_keys = ON", "UPDATE r SET owner = 556, v = v + 1 WHERE id = 117", "!COMMIT", "ROLLBACK"]
    yield 13, ["DELETE FROM people WHERE id IN (2, 70)"]
    yield 14, ["CREATE TABLE inbox(i, v)", f"CREATE TRIGGER app AFTER INSERT ON inbox BEGIN INSERT INTO r(id, {s.at_columns}, v) VALUES (NEW.i, {s.at(mid)}, NEW.v); "
               f"UPDATE r SET v = v + 1 WHERE id = 123; DELETE FROM r WHERE id = 124; REPLACE INTO r(id, v, u) VALUES (125, 0, 1260); END",
               "INSERT INTO inbox VALUES (9101, 1.5)", "INSERT OR REPLACE INTO inbox VALUES (9102, 2.5)", "INSERT OR IGNORE INTO inbox VALUES (9103, 2.5)", "DROP TABLE inbox"]
    yield 14, ["CREATE TRIGGER app AFTER INSERT ON r WHEN NEW.note IS NOT 'copy' BEGIN UPDATE r SET v = v + 100, k = 4 WHERE id = NEW.id; "
               f"INSERT OR IGNORE INTO r(id, {s.at_columns}, v, note) SELECT NEW.id + 1, {s.at('ts + 86400')}, 1, 'copy' FROM r WHERE id = 127; END",
               s.insert({"id": 9201, "at": mid, "v": 1}), "DROP TRIGGER app"]
    yield 14, ["CREATE TRIGGER app BEFORE DELETE ON r BEGIN UPDATE r SET v = v + 1 WHERE id = OLD.id + 1; END", "DELETE FROM r WHERE id = 128", "DROP TRIGGER app"]
    yield 14, [f"CREATE TRIGGER app AFTER UPDATE OF v ON r WHEN NEW.v > 5000 BEGIN UPDATE r SET {s.set_at(old)} WHERE id = NEW.id; DELETE FROM r WHERE id = 129; END",
               "UPDATE r SET v = 6000 WHERE id = 130", "DROP TRIGGER app"]
    yield 14, ["CREATE TRIGGER app BEFORE INSERT ON r WHEN NEW.v < 0 BEGIN SELECT RAISE(IGNORE); END", s.insert({"id": 9301, "at": mid, "v": -1}, {"id": 9302, "at": mid, "v": 1}), "DROP TRIGGER app"]
    yield 14, ["CREATE TRIGGER app AFTER UPDATE ON r WHEN NEW.v < 0 BEGIN SELECT RAISE(ABORT, 'no'); END", "!UPDATE r SET v = CASE WHEN id = 137 THEN -1 ELSE v + 1 END WHERE id BETWEEN 131 AND 140", "DROP TRIGGER app"]
    yield 14, ["CREATE VIEW shown AS SELECT id, v FROM r", "CREATE TRIGGER app INSTEAD OF UPDATE ON shown BEGIN UPDATE r SET v = NEW.v * 2 WHERE id = OLD.id; END",
               "CREATE TRIGGER app2 INSTEAD OF DELETE ON shown BEGIN DELETE FROM r WHERE id = OLD.id; END", "UPDATE shown SET v = 3 WHERE id = 141", "DELETE FROM shown WHERE id = 142", "DROP VIEW shown"]
    yield 14, ["CREATE TEMP TRIGGER app AFTER INSERT ON people BEGIN UPDATE r SET v = v + 1 WHERE id = 143; END", "INSERT INTO people VALUES (900, 'p')", "DROP TRIGGER app"]
    yield 16, ["BEGIN", "UPDATE r SET v = 0", "DELETE FROM r WHERE id < 100", "ROLLBACK"]
    yield 16, ["BEGIN", "UPDATE r SET v = v + 1 WHERE id = 160", "SAVEPOINT s", "DELETE FROM r WHERE id BETWEEN 161 AND 165", "UPDATE r SET k = 1 WHERE id = 166", "ROLLBACK TO s",
               "UPDATE r SET k = 2 WHERE id = 166", "RELEASE s", "COMMIT"]
    yield 16, ["BEGIN", "SAVEPOINT s", "UPDATE r SET v = 0 WHERE id = 167", "ROLLBACK TO s", "RELEASE s", "UPDATE r SET v = 1 WHERE id = 168", "DELETE FROM r WHERE id = 169", "COMMIT"]
    yield 16, ["!UPDATE r SET u = u / 100 WHERE id BETWEEN 170 AND 180"]
    for k in ("'2'", "2.0", "2.5", "x'02'", "''", "x''", "9e999", "-9e999", "'NULL'", "9007199254740993"):
        yield 17, [f"UPDATE r SET k = {k} WHERE id IN (181, 182)", "UPDATE r SET k = 2 WHERE id = 181"]
    yield 7, ["DELETE FROM r"]
    yield 1, [s.insert(given), s.insert({**given, "id": 1, "at": old, "u": 4, "c": "'again'"})]


def try_ways(kind, turn, recursive=False):
    """One way after the other, with a refresh after every fifth: each is the first after one on one of the tables, by its
    turn, and comes on the others while changes of those before it are still to be refreshed."""
    s = Table(kind)
    bench = Bench(*made(kind), recursive)
    bench.compare("at first")
    for n, (number, statements) in enumerate(ways(s)):
        what = f"{kind}, recursive_triggers {recursive}, C-{number}, after {'; '.join(statements)}"
        bench.run(statements)
        bench.compare(what)
        if n % 5 == turn:
            bench.refresh(what + ", refreshed")
    bench.refresh("at the end")
    bench.close()


def test_integer_primary_key():
    """C-1 to C-14, C-16, C-17"""
    try_ways("integer primary key", 0)


def test_integer_primary_key_with_recursive_triggers():
    """C-1 to C-14, C-16, C-17"""
    try_ways("integer primary key", 1, True)


def test_rowid():
    """C-1 to C-14, C-16, C-17"""
    try_ways("rowid", 2)


def test_without_rowid():
    """C-1 to C-14, C-16, C-17"""
    try_ways("without rowid", 3)


def test_generated_columns():
    """C-1 to C-14, C-16, C-17"""
    try_ways("generated", 4)


def test_every_requirement_is_tried():
    """By the ways above, or by a test that names it."""
    required = set(re.findall(r"^C-(\d+)", __doc__, re.M))
    tried = {str(number) for kind in TABLES for number, _ in ways(Table(kind))}
    for path in glob.glob(os.path.join(HERE, "test_capture_*.py")):
        with open(path) as file:
            tried |= set(re.findall(r"\bC-(\d+)", file.read()))
    equal(sorted(required - tried, key=int), [])
