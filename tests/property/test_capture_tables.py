"""The requirements of test_capture.py that want tables of their own. Each test names those that it is for."""
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from almanac import connect, directory, equal, shell, tool
from capture import QUERIES, START, Bench, Table, declared, made, try_on

BY_TIME_AND_KEY = {
    "h": ("", "SELECT time_bucket('1 hour', ts) AS b, count(*) AS n, max(id) AS last FROM r GROUP BY 1"),
    "k": ("WITH (partition = k)", "SELECT k, count(*) AS n, max(id) AS last FROM r GROUP BY k"),
    "w": ("", "SELECT count(*) AS n, max(id) AS last FROM r"),
}
FILL = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) INSERT INTO r"


def test_constraints_with_a_policy_of_their_own():
    """C-11: the default that takes the place of a NULL is the row's time, or key, and may evict another row."""
    for policy in ("", " ON CONFLICT REPLACE"):
        ways = [["REPLACE INTO r(id, ts, k, u) VALUES (101, NULL, 1, 201)"], ["REPLACE INTO r(id, ts, k, u) VALUES (102, 50000, NULL, 202)"],
                ["REPLACE INTO r(id, ts, k, u) VALUES (103, 60000, 2, NULL)"], ["REPLACE INTO r(id, ts, k, u) VALUES (104, NULL, NULL, NULL)"],
                ["UPDATE OR REPLACE r SET ts = NULL WHERE id = 5"], ["UPDATE OR REPLACE r SET k = NULL WHERE id = 6"], ["UPDATE OR REPLACE r SET u = NULL WHERE id = 7"],
                ["UPDATE OR REPLACE r SET ts = NULL, k = NULL, u = NULL, v = NULL WHERE id IN (8, 9)"], ["INSERT OR IGNORE INTO r(id, ts, k, u) VALUES (105, NULL, 1, 205)"]]
        if policy:
            ways += [["INSERT INTO r(id, ts, k, u) VALUES (111, NULL, 1, 211)"], ["INSERT INTO r(id, ts, k, u) VALUES (112, 50000, NULL, 212)"],
                     ["INSERT INTO r(id, ts, k, u) VALUES (113, 60000, 2, NULL)"], ["INSERT INTO r(id, ts, k, u) VALUES (114, NULL, NULL, NULL)"],
                     ["UPDATE r SET ts = NULL WHERE id = 15"], ["UPDATE r SET k = NULL WHERE id = 16"], ["UPDATE r SET u = NULL WHERE id = 17"],
                     ["INSERT INTO r(id, ts, k, u) VALUES (21, 7200, 3, 220)"], ["INSERT INTO r(id, ts, k, u) VALUES (115, 7200, 3, 23)"], ["UPDATE r SET u = 24 WHERE id = 25"], ["UPDATE r SET id = 26 WHERE id = 27"],
                     ["INSERT INTO r(id, ts, k, u) VALUES (28, 90000, 3, 29)"]]
        for rest in ("", " WITHOUT ROWID"):
            try_on(f"""CREATE TABLE r(id INTEGER PRIMARY KEY{policy}, ts INTEGER NOT NULL{policy} DEFAULT 20000, k INTEGER NOT NULL{policy} DEFAULT 3, u INTEGER NOT NULL{policy} DEFAULT (10 + 1) UNIQUE{policy},
                       v TEXT NOT NULL{policy} DEFAULT 'x'){rest}; CREATE INDEX r_ts ON r(ts); {FILL} SELECT i, i * 1800, i % 5, i, i FROM n;""", BY_TIME_AND_KEY, ways)


def test_foreign_keys_on_times_and_keys():
    """C-13"""
    for action in ("CASCADE", "SET NULL", "SET DEFAULT"):
        try_on(f"""CREATE TABLE hours(ts INTEGER PRIMARY KEY); CREATE TABLE kinds(k PRIMARY KEY);
                   CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER DEFAULT 3600 REFERENCES hours(ts) ON UPDATE {action} ON DELETE {action},
                                  k DEFAULT 1 REFERENCES kinds(k) ON UPDATE {action} ON DELETE {action}, up INTEGER REFERENCES r(id) ON DELETE {action});
                   CREATE INDEX r_ts ON r(ts); INSERT INTO kinds VALUES (0), (1), (2), (3), (4);
                   WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) INSERT INTO hours SELECT i * 900 FROM n;
                   {FILL} SELECT i, i * 900, i % 5, CASE WHEN i > 50 THEN i - 1 END FROM n;""", BY_TIME_AND_KEY,
               [["UPDATE hours SET ts = ts + 100000 WHERE ts = 9000"], ["DELETE FROM hours WHERE ts IN (18000, 27000)"], ["UPDATE kinds SET k = 'two' WHERE k = 2"], ["DELETE FROM kinds WHERE k = 3"],
                ["REPLACE INTO hours VALUES (19800)"], ["DELETE FROM r WHERE id = 52"], ["UPDATE OR REPLACE hours SET ts = 20700 WHERE ts = 21600"], ["DELETE FROM hours WHERE ts > 40000"]])


def test_the_time_is_the_rowid():
    """C-6, C-8"""
    for moves in ("ts", "rowid", "_rowid_", "oid"):
        try_on(f"CREATE TABLE r(ts INTEGER PRIMARY KEY, id INTEGER, k, v); {FILL} SELECT i * 1000, i, i % 5, i FROM n;",
               BY_TIME_AND_KEY | {"s": ("", "SELECT time_bucket('1 hour', ts) AS b, k, sum(v) AS v FROM r GROUP BY 1, 2")},
               [[f"UPDATE r SET {moves} = {moves} + 500000 WHERE id = 7"], [f"UPDATE OR REPLACE r SET {moves} = 20000 WHERE id = 40"], ["INSERT INTO r VALUES (NULL, 100, 1, 1)"],
                [f"INSERT OR REPLACE INTO r({moves}, id, k, v) VALUES (21000, 101, 2, 2)"], ["REPLACE INTO r VALUES ('22000', 102, 2, 2)"], ["INSERT INTO r VALUES (-5, 103, 1, 1)"], ["DELETE FROM r WHERE ts = 30000"]])


ODD_NUMBERS = ["NULL", "'text'", "''", "x'00'", "x''", "5.75", "-5.75", "9e999", "-9e999", "9223372036854775807", "-9223372036854775807", "1e19", "1e15", "'12:00'", "'2024-01-01'", "'7200'", "2.5e9"]
ODD_TEXTS = ["NULL", "'junk'", "''", "x'00'", "1704067200", "17.5", "'2024-01-01'", "'2024-01-01T10:00:00Z'", "'2024-13-45 99:99:99'", "'1969-12-31 23:59:59'",
             "'0001-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'2024-01-03 10:20:30.123456'", "'2024-01-01 10:00:00+02:00'", "'10000-01-01 00:00:00'"]


def try_odd_times(schema, values, usual, ok):
    """Each value comes and goes: within an INSERT, an UPDATE, a REPLACE, beside usual times."""
    path, twin = declared(schema, BY_TIME_AND_KEY)
    # Numbers that are no times, and text among numbers, are in the bucket NULL: the README's limits have it.
    a_time = "time_bucket('1 hour', CASE WHEN ts >= -9e18 AND ts < 9e18 THEN ts END)" if usual == 50001 else "time_bucket('1 hour', ts)"
    bench = Bench(path, twin, names={name: query.replace("time_bucket('1 hour', ts)", a_time) for name, (_, query) in BY_TIME_AND_KEY.items()})
    for n, value in enumerate(values):
        came = [[f"INSERT INTO r(id, ts, k) VALUES ({1000 + n}, {value}, 1)"], [f"UPDATE r SET ts = {value} WHERE id = {20 + n}"],
                [f"UPDATE r SET k = 77 WHERE id IN ({1000 + n}, {20 + n})", f"INSERT INTO r(id, ts, k) VALUES ({2000 + n}, {usual}, 1)"]]
        went = [[f"UPDATE r SET ts = {value} WHERE id = {2000 + n}", f"DELETE FROM r WHERE id = {2000 + n}"],
                [f"REPLACE INTO r(id, ts, k) VALUES ({1000 + n}, {usual}, 2)"], [f"UPDATE r SET ts = {usual} WHERE id = {20 + n}"]]
        for statements in came + went:
            bench.run(statements)
            bench.compare(f"after {statements}", ok)
            if statements in (came[n % 3], went[2]):
                bench.refresh(f"after {statements}, refreshed", ok or statements is went[2])
    bench.close()


def test_odd_times_among_numbers():
    """C-2, C-17: whatever stands in the time column, and goes again."""
    for declared_type in ("INTEGER", "REAL", "", "NUMERIC"):
        try_odd_times(f"CREATE TABLE r(id INTEGER PRIMARY KEY, ts {declared_type}, k); CREATE INDEX r_ts ON r(ts); {FILL} SELECT i, i * 2400, i % 4 FROM n;", ODD_NUMBERS, 50001, True)


def test_odd_times_among_texts():
    """C-2, C-17. Where another spelling came all rows are read until it is gone, and a refresh says so."""
    for declared_type in ("TEXT", "DATETIME"):
        # A number stays one in a column that isn't TEXT: the README's limits have it.
        values = [value for value in ODD_TEXTS if declared_type == "TEXT" or not value[0].isdigit()]
        try_odd_times(f"CREATE TABLE r(id INTEGER PRIMARY KEY, ts {declared_type}, k); CREATE INDEX r_ts ON r(ts); "
                      f"{FILL} SELECT i, datetime({START} + i * 2400, 'unixepoch'), i % 4 FROM n;", values, "'2024-01-02 03:04:05'", False)


def test_a_future_time_does_not_switch_off_freshness():
    """C-20: rows before it are captured, stored, and no fallback reads all of them."""
    for declared_type, form in (("INTEGER", "{}"), ("REAL", "{}"), ("TEXT", "datetime({}, 'unixepoch')")):
        at = lambda s: form.format(s)
        schema = f"CREATE TABLE r(id INTEGER PRIMARY KEY, ts {declared_type}, k); CREATE INDEX r_ts ON r(ts); {FILL} SELECT i, {at(f'({START} + i * 2400)')}, i % 4 FROM n;"
        definitions = BY_TIME_AND_KEY | {name: ("", f"SELECT time_bucket('{width}', ts) AS b, count(*) AS n FROM r GROUP BY 1") for name, width in (("d", "1 day"), ("m", "1 month"), ("y", "1 year"))}
        for future in (4102444800, 253402300799):
            ways = [[f"INSERT INTO r VALUES (500, {at(future)}, 1)"]]
            ways += [[f"INSERT INTO r VALUES ({600 + n}, {at(START + 60 * 2400 + n * 5000)}, 2)", f"DELETE FROM r WHERE id = {n + 1}", f"UPDATE r SET k = 3 WHERE id = {599 + n}"] for n in range(4)]
            try_on(schema, definitions, ways)
            path, twin = declared(schema, definitions)
            db = connect(path, extension=False)
            db.execute(f"INSERT INTO r VALUES (500, {at(future)}, 1)")
            tool("refresh", path)
            db.execute(f"INSERT INTO r VALUES (700, {at(START + 60 * 2400)}, 2)")
            equal(db.execute("SELECT dirty FROM almanac_status WHERE name = 'h'").fetchone(), (1,), "one hour, and no other, is to be recomputed")
            out, _ = tool("refresh", path, "h", "--json")
            assert '"partitions":1,' in out, out
            db.close()


def test_attached_writers():
    """C-15"""
    s, (path, twin) = Table("integer primary key"), made("integer primary key")
    bench = Bench(path, twin)
    other = connect(os.path.join(directory(), "app.db"), extension=False)
    other.execute("CREATE TABLE news(id, v)")
    other.execute("INSERT INTO news VALUES (9001, 1.5), (9002, 2.5)")
    other.execute("PRAGMA foreign_keys = ON")
    for name, file in (("x", path), ("y", twin)):
        other.execute(f"ATTACH '{file}' AS {name}")
    for sql in (f"INSERT INTO $.r(id, ts, x, t, v) SELECT id, {s.at(f'{START} + 50')}, v FROM news", "UPDATE $.r SET v = v + 1, k = 3 WHERE id IN (5, 6)", "DELETE FROM $.r WHERE id = 7",
                "REPLACE INTO $.r(id, u) VALUES (8, 90)", f"UPDATE OR REPLACE $.r SET u = 110, {s.set_at(f'{START} - 500')} WHERE id = 10", "DELETE FROM $.people WHERE id = 2",
                "INSERT INTO $.r(id, ts, x, t, c) VALUES (9003, 1, 1, '1970-01-01 00:00:01', 'C20') ON CONFLICT(c) DO UPDATE SET v = 9, ts = 5", "DELETE FROM $.r"):
        for name in ("x", "y"):
            other.execute(sql.replace("$", name))
        bench.run([])
        bench.compare(f"after {sql}")
        for view in QUERIES.keys() - {"berlin"}:
            equal(sorted(other.execute(f"SELECT * FROM x.{view}").fetchall(), key=repr), sorted(bench.db.execute(f"SELECT * FROM {view}").fetchall(), key=repr), f"{view} as x.{view}")
        bench.refresh(f"after {sql}, refreshed")
    other.close()
    bench.close()


def test_import_and_executemany():
    """C-18"""
    path, twin = declared("CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER, k); CREATE INDEX r_ts ON r(ts); " + FILL + " SELECT i, i * 1800, i % 5 FROM n;", BY_TIME_AND_KEY)
    bench = Bench(path, twin, names={name: query for name, (_, query) in BY_TIME_AND_KEY.items()})
    rows = os.path.join(directory(), "rows.csv")
    with open(rows, "w") as file:
        file.write("".join(f"{i},{i * 700},{i % 3}\n" for i in range(101, 160)) + "3,9,9\n")  # of these the last one is there already
    for db in (path, twin):
        shell(db, ".mode csv", f".import {rows} r", code=None)
    bench.run([])
    bench.compare("after .import")
    bench.refresh("after .import, refreshed")
    for db in (bench.db, bench.twin):
        db.executemany("INSERT OR REPLACE INTO r VALUES (?, ?, ?)", [(i, i * 1000, None) for i in range(20, 220, 3)])
        db.executemany("DELETE FROM r WHERE id = ?", [(i,) for i in range(1, 200, 7)])
    bench.run([])
    bench.compare("after executemany")
    bench.refresh("after executemany, refreshed")
    bench.close()


def test_joined_tables():
    """C-19"""
    schema = f"""CREATE TABLE kinds(k INTEGER PRIMARY KEY, label TEXT); INSERT INTO kinds VALUES (0, 'zero'), (1, 'one'), (2, 'two');
                 CREATE TABLE extra(id INTEGER PRIMARY KEY, factor REAL) WITHOUT ROWID; INSERT INTO extra VALUES (1, 1.5), (2, 2.5);
                 CREATE VIEW named AS SELECT k, label FROM kinds;
                 CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER, k INTEGER); CREATE INDEX r_ts ON r(ts); CREATE INDEX r_k ON r(k); {FILL} SELECT i, i * 1800, i % 4 FROM n;"""
    definitions = {
        "joined": ("WITH (source = r)", "SELECT time_bucket('1 hour', ts) AS b, label, count(*) AS n FROM r JOIN kinds ON kinds.k = r.k GROUP BY 1, 2"),
        "natural": ("WITH (source = r)", "SELECT time_bucket('1 hour', ts) AS b, count(label) AS n FROM r NATURAL LEFT JOIN kinds GROUP BY 1"),
        "through": ("WITH (source = r)", "SELECT time_bucket('1 hour', ts) AS b, count(*) AS n FROM r WHERE k IN (SELECT k FROM named WHERE label <> 'one') GROUP BY 1"),
        "keyed": ("WITH (partition = k, source = r)", "SELECT r.k, max(label) AS label, (SELECT sum(factor) FROM extra) AS f, count(*) AS n FROM r LEFT JOIN kinds USING (k) GROUP BY r.k"),
        "whole": ("", "SELECT label, count(*) AS n FROM r, kinds WHERE r.k = kinds.k GROUP BY 1"),
    }
    queries = {name: query for name, (_, query) in definitions.items()}
    fixed = {f"fixed_{name}": (options[:-1] + ", static = 'kinds, extra, named')" if options else "WITH (static = 'kinds')", query) for name, (options, query) in definitions.items()}
    path, twin = declared(schema, definitions | fixed)
    bench = Bench(path, twin, names=queries)
    for statements in (["UPDATE kinds SET label = 'ONE' WHERE k = 1"], ["INSERT INTO kinds VALUES (3, 'three')"], ["DELETE FROM kinds WHERE k = 2"], ["REPLACE INTO kinds VALUES (0, 'null')"],
                       ["UPDATE OR REPLACE kinds SET k = 3 WHERE k = 1"], ["UPDATE extra SET factor = 7 WHERE id = 1"], ["REPLACE INTO extra VALUES (2, 0.5)"], ["DELETE FROM extra"],
                       ["UPDATE kinds SET rowid = 2 WHERE k = 0"], ["DELETE FROM kinds"]):
        before = {name: bench.db.execute(f"SELECT * FROM {name}").fetchall() for name in fixed}
        bench.run(statements)
        bench.compare(f"after {statements}", ok=False)
        equal({name: bench.db.execute(f"SELECT * FROM {name}").fetchall() for name in fixed}, before, f"what is said to be static, after {statements}")
        bench.refresh(f"after {statements}, refreshed")
        equal({name: bench.db.execute(f"SELECT * FROM {name}").fetchall() for name in fixed}, before, f"what is said to be static, refreshed after {statements}")
    for sql in ("UPDATE r SET k = 1 WHERE id = 5", "DELETE FROM r WHERE id = 9", "REPLACE INTO r VALUES (11, 900000, 0)"):
        bench.run([sql])
        bench.compare(f"after {sql}")
        bench.refresh(f"after {sql}, refreshed")
    # A change of the source shows what the joined table is now.
    bench.run(["INSERT INTO kinds VALUES (1, 'new')", "UPDATE r SET ts = ts + 1"])
    for name, query in queries.items():
        if name != "whole":
            equal(sorted(bench.db.execute(f"SELECT * FROM fixed_{name}").fetchall(), key=repr), sorted(bench.oracle.execute(query).fetchall(), key=repr), f"fixed_{name}")
    bench.close()


def test_what_no_trigger_sees_is_refused():
    """C-21: and the table it is about is named."""
    path = os.path.join(directory(), "t.db")
    shell(path, "CREATE VIRTUAL TABLE found USING fts5(ts, body)", "CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER, k)", "INSERT INTO r VALUES (1, 1, 1)", "INSERT INTO found VALUES (1, 'b')")
    for query, name in (("SELECT time_bucket('1 hour', ts) AS b, count(*) AS n FROM found GROUP BY 1", "found"), ("SELECT count(*) AS n FROM found", "found"),
                        ("SELECT time_bucket('1 hour', ts) AS b, count(*) AS n FROM r WHERE k IN (SELECT rowid FROM found) GROUP BY 1", "found"),
                        ("SELECT count(*) AS n FROM temp.r", "temp"), ("SELECT count(*) AS n FROM main.r", "main: "), ("SELECT count(*) AS n FROM other.r", "other")):
        _, err = tool("apply", path, "-", stdin=f"CREATE MATERIALIZED VIEW s AS {query};", code=1)
        assert name in err, (query, err)
        equal(shell(path, "SELECT count(*) FROM sqlite_master WHERE name GLOB 'almanac*' OR name = 's'"), "0\n", query)
    for statement in ("CREATE TEMP TABLE mine(ts); CREATE MATERIALIZED VIEW s AS SELECT count(*) AS n FROM mine;", f"ATTACH '{path}' AS a; CREATE MATERIALIZED VIEW s AS SELECT count(*) AS n FROM a.r;"):
        _, err = tool("apply", path, "-", stdin=statement, code=1)
        equal(shell(path, "SELECT count(*) FROM sqlite_master WHERE name GLOB 'almanac*' OR name = 's'"), "0\n", statement)
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW s WITH (static = found, source = r) AS SELECT time_bucket('1 hour', ts) AS b, count(*) AS n FROM r WHERE k IN (SELECT rowid FROM found) GROUP BY 1;")


def test_names():
    """C-22"""
    for table, time, key, unique in (("order", "group", "select", "where"), ("a b", "x\"y", "it's", "[z]"), ("r", "rowid", "oid", "u"), ("r", "ts", "_rowid_", "rowid"),
                                     ("{r}", "{x}", "k", "{time"), ("Ünit", "Zeit", "Schlüssel", "%d%s"), ("R", "TS", "K", "U")):
        q = lambda name: '"' + name.replace('"', '""') + '"'
        select = f"count(*) AS n, sum(id) AS total FROM {q(table)} GROUP BY 1"
        definitions = {"h": ("", f"SELECT time_bucket('1 hour', {q(time)}) AS b, {select}"), "k": (f"WITH (partition = {q(key)})", f"SELECT {q(key)}, {select}"),
                       "e": (f"WITH (partition = '{q(key)} || 1'".replace("it's", "it''s") + ")", f"SELECT {q(key)} || 1 AS e, {select}"), "w": ("", f"SELECT {q(unique)} AS u, {select}")}
        path, twin = declared(f"""CREATE TABLE {q(table)}(id INTEGER NOT NULL, {q(time)} INTEGER, {q(key)}, {q(unique)} INTEGER UNIQUE); CREATE INDEX i ON {q(table)}({q(time)});
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) INSERT INTO {q(table)} SELECT i, i * 1800, i % 5, i FROM n;""", definitions)
        bench = Bench(path, twin, names={name: query for name, (_, query) in definitions.items()})
        for sql in (f"UPDATE {q(table)} SET {q(time)} = {q(time)} + 7200, {q(key)} = 3 WHERE id = 5", f"REPLACE INTO {q(table)} VALUES (70, 100, 2, 9)", f"UPDATE OR REPLACE {q(table)} SET {q(unique)} = 11 WHERE id = 12",
                    f"DELETE FROM {q(table)} WHERE id = 20", f"INSERT INTO {q(table)} VALUES (71, 500000, 8, 71), (72, -5, NULL, NULL)"):
            for db in (bench.db, bench.twin):
                db.execute(sql)
            bench.compare(f"after {sql}")
            bench.refresh(f"after {sql}, refreshed")
        if "rowid" in (time, key, unique) or table != "r":
            free = [alias for alias in ("rowid", "_rowid_", "oid") if alias not in (time, key, unique)][0]
            bench.db.execute(f"UPDATE OR REPLACE {q(table)} SET {free} = (SELECT {free} FROM {q(table)} WHERE id = 40) WHERE id = 30")
            bench.compare(f"{table}: after a row was evicted through {free}")
            bench.db.execute(f"INSERT OR REPLACE INTO {q(table)}({free}, id) SELECT {free}, 80 FROM {q(table)} WHERE id = 44")
            bench.compare(f"{table}: after a row was replaced through {free}")
        bench.close()


def test_blob_io_is_for_verify():
    """C-23"""
    path, _ = declared("CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER, k, note BLOB); CREATE INDEX r_ts ON r(ts); " + FILL + " SELECT i, i * 1800, i % 5, CAST('note ' || i AS BLOB) FROM n;",
                       {"h": ("", "SELECT time_bucket('1 hour', ts) AS b, max(note) AS note FROM r GROUP BY 1")})
    db = connect(path, extension=False)
    with db.blobopen("r", "note", 9) as blob:
        blob.write(b"zzzz")
    db.close()
    out, _ = tool("verify", path, code=1)
    equal(out, "h  14400  1 stored row differs\n")
    equal(shell(path, "SELECT CAST(note AS TEXT) FROM h WHERE b = 14400"), "zzzz 9\n")
