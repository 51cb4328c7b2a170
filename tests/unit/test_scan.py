"""Scans as a C program of their own, with sanitizers and failing memory (scan.c beside this file), against SELECTs of Python's sqlite3."""
import functools
import glob
import json
import os
import random
import sqlite3
import struct
import subprocess

from almanac import ROOT, connect, directory, equal
from builds import SANITIZE, sanitized

SEED = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 32)))


@functools.cache
def driver(source="unit/scan.c", flags=("-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc",)):
    """The path of a program with all that scans: this one, or another one of the tests'."""
    program = os.path.join(directory(), "scan")
    names = [p for folder in ("scan", "kernel") for p in sorted(glob.glob(os.path.join(ROOT, "ext", folder, "*.c")))]
    objects = [os.path.join("obj", "core", os.path.relpath(p, ROOT)[:-2] + ".o") for p in names]
    build = sanitized(targets=objects)
    done = subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-D_GNU_SOURCE", "-DSQLITE_CORE", "-Wall", "-Wextra", "-Werror", *SANITIZE.split(),
                    *flags, "-I.", "-o", program, f"tests/{source}",
                    *(os.path.join(build, o) for o in objects), "-lsqlite3", "-lm", "-lpthread"], cwd=ROOT, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return program


def ask(path, *requests, code=0):
    """The program's answers to these requests, as lines."""
    text = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run([driver(), path], input=text, capture_output=True, text=True)
    assert done.returncode == code, f"seed {SEED}: {done.returncode}\n{text[-3000:]}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout.splitlines()


def shown(value):
    """A value as the program prints it."""
    if value is None:
        return "n"
    if isinstance(value, int):
        return f"i{value}"
    if isinstance(value, float):
        return "r" + struct.pack(">d", value).hex()
    return ("t" + value.encode().hex()) if isinstance(value, str) else "b" + bytes(value).hex()


def rows_of(db, sql, *parameters):
    return sorted(" ".join(map(shown, row)) for row in db.execute(sql, parameters))


def test_values():
    path = directory() + "/t.db"
    db = connect(path, extension=False)
    db.execute("CREATE TABLE t(a, b INTEGER, c REAL, d TEXT, e BLOB)")
    values = (None, 0, 1, -1, 2**63 - 1, -(2**63), 0.5, -0.0, 1e308, float("inf"), "", "x", "é\0ü", "12", b"", b"\0\xff")
    chance = random.Random(SEED)
    for _ in range(5000):
        db.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?)", [chance.choice(values) for _ in range(5)])
    got = ask(path, {"table": "t", "columns": ["a", "b", "c", "d", "e", "rowid"]})
    assert got[-1].startswith("way "), got[-1]
    equal(sorted(got[:-1]), rows_of(db, "SELECT a, b, c, d, e, rowid FROM t"), SEED)


def test_names():
    """A table is named as in SQL; without a schema temp comes before main, main before what is attached."""
    path, other = directory() + "/t.db", directory() + "/o.db"
    db = connect(path, extension=False)
    db.execute(f"ATTACH '{other}' AS aux")
    for i, name in enumerate(('main.t', 'aux.t', 'aux."only aux"', 'main."odd ""name"', "main.[x.y]", "main.[é]", "main.shadowed", "main.[2024-05]")):
        db.execute(f"CREATE TABLE {name} AS SELECT {i} AS i")
    db.execute("CREATE VIEW aux.v AS SELECT 99 AS i")
    setup = ({"sql": f"ATTACH '{other}' AS aux"}, {"sql": "CREATE TEMP TABLE shadowed AS SELECT 77 AS i"})
    expected = {"t": 0, "T": 0, "main.t": 0, "MAIN.T": 0, "aux.t": 1, '"aux"."T"': 1, "[aux].[t]": 1, "`aux`.`t`": 1, " aux . t ": 1, "'t'": 0,
                '"only aux"': 2, "only aux": 2, "aux.[only aux]": 2, '"odd ""name"': 3, 'odd "name': 3, '`odd "name`': 3, '"x.y"': 4, "é": 5,
                "shadowed": 77, "main.shadowed": 6, "temp.shadowed": 77, "2024-05": 7, "[2024-05]": 7, "v": 99, "aux.v": 99}
    got = ask(path, *setup, *({"table": name, "columns": ["I"]} for name in expected))
    equal([line for line in got if not line.startswith("way ")], [f"i{i}" for i in expected.values()])
    for name, error in (("nix", 'no table "nix"; among those that there are: shadowed, '), ("tt", 'no table "tt"; among those that there are: shadowed, '),
                        ("aux.shadowed", 'no table "shadowed" in schema "aux"; among those that there are: '), ("temp.t", 'no table "t" in schema "temp"'),
                        ("main.nix.t", 'no table "main.nix.t"'), ("nix.t", 'no schema "nix" in this connection, which has "temp", "main", "aux"'), ("", 'no table ""')):
        got = ask(path, *setup, {"table": name, "columns": ["i"]})
        assert len(got) == 1 and got[0].startswith("error 1 scan: " + error), (name, got)
    equal(ask(":memory:", {"table": "t", "columns": ["i"]}), ['error 1 scan: no table "t": it has none'])


def test_columns():
    path = directory() + "/t.db"
    db = connect(path, extension=False)
    db.executescript("""
        CREATE TABLE t(a, "odd col", "x""y" TEXT);
        CREATE TABLE own(rowid TEXT, a);
        CREATE TABLE taken(rowid, oid, _rowid_);
        CREATE TABLE taken_key(rowid, oid, _rowid_, id INTEGER PRIMARY KEY);
        CREATE TABLE without(a PRIMARY KEY, b) WITHOUT ROWID;
        CREATE VIEW v AS SELECT a FROM t;
        INSERT INTO t VALUES (1, 2, 'z'); INSERT INTO own VALUES ('mine', 5); INSERT INTO taken VALUES (1, 2, 3); INSERT INTO taken_key VALUES (1, 2, 3, 9);""")
    ok = {("t", "A"): "i1", ("t", "odd col"): "i2", ("t", '"odd col"'): "i2", ("t", "[ODD COL]"): "i2", ("t", 'x"y'): "t7a", ("t", '"x""y"'): "t7a", ("t", "rowid"): "i1",
          ("t", "OID"): "i1", ("t", "_rowid_"): "i1", ("own", "rowid"): shown("mine"), ("own", "oid"): "i1", ("taken", "oid"): "i2", ("taken_key", "rowid"): "i1",
          ("taken_key", "id"): "i9"}
    got = ask(path, *({"table": table, "columns": [column]} for table, column in ok))
    equal([line for line in got if not line.startswith("way ")], list(ok.values()))
    for table, column, there in (("t", "b", 'a, odd col, x"y'), ("without", "rowid", "a, b"), ("v", "rowid", "a"), ("t", "", 'a, odd col, x"y')):
        equal(ask(path, {"table": table, "columns": [column]}), [f'error 1 scan: no column "{column}" in "{table}", which has {there}'])
        equal(ask(path, {"table": table, "columns": ["a"], "filter": {column: 1}}), [f'error 1 scan: no column "{column}" in "{table}", which has {there}'])
    # What isn't in the schema is SQLite's to tell.
    equal(ask(path, {"table": "sqlite_master", "columns": ["nix"]}), ["error 1 scan: no such column: r.nix"])
    equal(ask(path, {"table": "sqlite_master", "columns": ["tbl_name"], "filter": {"name": "v"}}), [shown("v"), "way sql: it is not in the schema"])


def test_what_is_not_in_pages():
    path = directory() + "/t.db"
    db = connect(path, extension=False)
    db.executescript("""
        CREATE TABLE t(a INT, b TEXT COLLATE nocase, c AS (a + 1), d AS (a * 2) STORED, e COLLATE RTRIM);
        CREATE VIEW v AS SELECT * FROM t;
        CREATE VIRTUAL TABLE f USING fts5(x);
        INSERT INTO t(a, b) VALUES (1, 'x');
        INSERT INTO f VALUES ('word');
        CREATE TABLE taken(rowid, oid, _rowid_);
        INSERT INTO taken VALUES (1, 2, 3)""")
    setup = ({"sql": "CREATE TEMP TABLE m AS SELECT 1 AS a"},)
    for request, why in (({"table": "v", "columns": ["a"]}, "it is a view"), ({"table": "f", "columns": ["x"]}, "it is a virtual table"),
                         ({"table": "m", "columns": ["a"]}, "it is a TEMP table"), ({"table": "t", "columns": ["a", "c"]}, '"c" is a virtual column'),
                         ({"table": "t", "columns": ["a"], "filter": {"c": 2}}, '"c" is a virtual column'),
                         ({"table": "pragma_page_count", "columns": ["page_count"]}, "it is not in the schema"),
                         ({"table": "sqlite_master", "columns": ["name"]}, "it is not in the schema"),
                         ({"table": "taken", "columns": ["oid"]}, "no name is left for its rowid"),
                         ({"table": "t", "columns": ["a"], "through_sql": True}, "it was asked for")):
        got = ask(path, *setup, request)
        equal(got[-1], f"way sql: {why}", request)
        assert len(got) > 1, request
    for filter in ({"b": "X"}, {"e": "q"}, {"d": {"<": 5}}, {"a": "1"}, {"rowid": 1}):
        got = ask(path, {"table": "t", "columns": ["a", "d"], "filter": filter, "do": "fields"})
        assert got[-1].startswith("way tests 1 pages "), got
    utf16 = directory() + "/t.db"
    db = connect(utf16, extension=False)
    db.executescript("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(a TEXT, b INT); INSERT INTO t VALUES ('a', 1), ('ā', 2)")
    equal(ask(utf16, {"table": "t", "columns": ["a"], "filter": {"a": {"<": "b"}}})[-1], "way sql: a condition on text, which this database keeps as UTF-16")
    got = ask(utf16, {"table": "t", "columns": ["a"], "filter": {"b": 2}, "do": "fields"})
    assert got[-1].startswith("way tests 1 pages "), got


def test_collations_of_others():
    path = directory() + "/t.db"
    db = connect(path, extension=False)
    db.create_collation("OTHER", lambda a, b: (a > b) - (a < b))
    db.executescript("CREATE TABLE t(a COLLATE NOCASE, b COLLATE OTHER); INSERT INTO t VALUES ('\u00c9', 1), ('x', 2)")
    filter = {"a": "\u00e9"}
    assert ask(path, {"table": "t", "columns": ["a"], "filter": filter}) in (["way pages"], ["way sql: pages are not built yet"])
    equal(ask(path, {"collation": "NOCASE"}, {"table": "t", "columns": ["a"], "filter": filter}),
          [shown("\u00c9"), "way sql: NOCASE or RTRIM is not SQLite's own in this connection"])
    other = {"collation": "OTHER"}
    equal(ask(path, other, {"table": "t", "columns": ["a"], "filter": {"b": "1"}}), ['way sql: a condition on "b", which has a collation of its own'])
    equal(ask(path, other, {"table": "t", "columns": ["b"], "filter": {"b": 1}})[0], "i1")


def test_runs_of_a_scan_see_the_same_rows():
    for mode in ("wal", "delete"):
        for through_sql in (False, True):
            path = directory() + "/t.db"
            db = connect(path, extension=False)
            db.executescript(f"PRAGMA journal_mode = {mode}; CREATE TABLE t(a); INSERT INTO t VALUES (1); CREATE TABLE u(a); INSERT INTO u VALUES (7)")
            between = "DROP TABLE u; INSERT INTO t VALUES (2); VACUUM"
            got = ask(path, {"table": "t", "columns": ["a"], "do": "twice", "between": between, "through_sql": through_sql})
            equal(got[0:3], ["between done" if mode == "wal" else "between database is locked", "i1", "i1"], mode)


def test_an_authorizer_is_heeded():
    path = directory() + "/t.db"
    db = connect(path, extension=False)
    db.executescript("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b TEXT); INSERT INTO t VALUES (1, 2, 'x')")
    request = {"table": "t", "columns": ["a", "b"], "filter": {"id": 1}}
    for rule, expected in (("READ t a DENY", ["error 23 scan: access to t.a is prohibited"]), ("READ t id DENY", ["error 23 scan: access to t.id is prohibited"]),
                           ("READ t a IGNORE", ["n t78", "way sql: an authorizer hides some of it"]), ("READ t b IGNORE", ["i2 n", "way sql: an authorizer hides some of it"]),
                           ("READ t id IGNORE", ["way sql: an authorizer hides some of it"]),
                           *((rule, ["i2 t78", "way sql: the authorizer does not let the schema be read"])
                             for rule in ("PRAGMA * * DENY", "PRAGMA table_xinfo * DENY", "PRAGMA index_xinfo * DENY", "PRAGMA index_list * DENY", "READ sqlite_master rootpage DENY",
                                          "READ sqlite_master * DENY")),
                           ("READ sqlite_master name IGNORE", ["i2 t78", "way sql: it is not in the schema"])):
        equal(ask(path, {"authorize": rule}, request), expected, rule)


def test_an_authorizer_hides_the_rowid():
    """Nobody asked for it, but changed pages are fetched by it, and rows of an index found by it: none of them may be missing."""
    for key, name in (("id INTEGER PRIMARY KEY", "id"), ("id", "rowid")):
        path = directory() + "/t.db"
        db = connect(path, extension=False)
        db.executescript(f"""PRAGMA journal_mode = wal; CREATE TABLE t({key}, a, b); CREATE INDEX ta ON t(a);
            INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) SELECT i, i, i % 7 FROM n;
            PRAGMA wal_checkpoint(TRUNCATE); UPDATE t SET b = 6 WHERE a IN (10000, 29996)""")
        requests = [{"table": "t", "columns": ["b"], "do": "compare"},
                    {"table": "t", "columns": ["b"], "filter": {"a": {">": 29950}}, "where": "a > 29950", "do": "compare"}]
        for rule, way in ((f"READ t {name} IGNORE", "sql: an authorizer hides its rowid"), (f"READ t {name} DENY", "sql: an authorizer hides its rowid"),
                          ("READ nothing x DENY", "pages")):
            equal(ask(path, {"authorize": rule}, *requests), [f"same {n} rows, way {way}" for n in (30000, 50)], rule)


def test_places_and_defaults():
    """Where values stand in records, against the records' own order; what rows have that were written before a column, against SELECT."""
    path = directory() + "/t.db"
    db = connect(path, extension=False)
    db.executescript("""
        CREATE TABLE k(a INT, id INTEGER PRIMARY KEY, v AS (a) VIRTUAL, s REAL AS (a * 2) STORED, z CLOB COLLATE NOCASE);
        CREATE TABLE w(a VARCHAR(9), b, c DOUBLE, d AS (1), e NUMERIC, PRIMARY KEY (c, a, c)) WITHOUT ROWID;
        CREATE TABLE notkey(id INTEGER PRIMARY KEY DESC, b INT);
        CREATE TABLE unique_key(id INTEGER UNIQUE PRIMARY KEY);
        CREATE TABLE other_key(id INT PRIMARY KEY);
        CREATE TABLE pair(a INTEGER, b INTEGER, PRIMARY KEY (a, b));""")
    def fields(table, *columns):
        got = ask(path, {"table": table, "columns": columns, "do": "fields"})
        return [line.split()[1:4] for line in got[:-1]], got[-1].split()[-1]
    equal(fields("k", "a", "id", "s", "z", "rowid"), ([["0", "D", "0"], ["-1", "D", "0"], ["2", "E", "0"], ["3", "B", "1"], ["-1", "D", "0"]], "rowid"))
    equal(fields("w", "a", "b", "c", "e"), ([["1", "B", "0"], ["2", "A", "0"], ["0", "E", "0"], ["3", "C", "0"]], "without"))
    equal(fields("notkey", "id", "b", "rowid"), ([["0", "D", "0"], ["1", "D", "0"], ["-1", "D", "0"]], "rowid"))
    equal(fields("unique_key", "id"), ([["-1", "D", "0"]], "rowid"))
    equal(fields("other_key", "id"), ([["0", "D", "0"]], "rowid"))
    equal(fields("pair", "a", "b"), ([["0", "D", "0"], ["1", "D", "0"]], "rowid"))
    types = {"": "A", "INT": "D", "FLOATING POINT": "D", "CHARINT": "D", "BLOBINT": "D", "TEXT": "B", "nClob": "B", "CHARBLOB": "B", "BLOB": "A", "REALBLOB": "A", "BLOBREAL": "A",
             "DOUBLE": "E", "FLOA": "E", "STRING": "C", "DATE": "C", "ANY": "C", "BOOLEAN": "C", "DECIMAL(10,5)": "C"}
    db.execute("CREATE TABLE types(%s)" % ", ".join(f"c{i} {t}" for i, t in enumerate(types)))
    equal([f[1] for f in fields("types", *(f"c{i}" for i in range(len(types))))[0]], list(types.values()))
    if sqlite3.sqlite_version_info >= (3, 37):
        db.execute("CREATE TABLE strict(a ANY, b INT, c TEXT) STRICT")
        equal([f[1] for f in fields("strict", "a", "b", "c")[0]], ["A", "D", "B"])

    literals = ["NULL", "5", "-5", "+7", "- 3", "1.0", "1.5", "-1.50", "1e3", "'x'", "'12'", "' 1.0 '", "'it''s'", "x'00ff'", "X''", "TRUE", "false", "9223372036854775807",
                "-9223372036854775808", "9223372036854775808", "0x10", "\"quoted\"", "word", "''", "007", "(5)", "('a')", "1e400", "'1e400'", "9007199254740993", "'é'"]
    db.execute("CREATE TABLE d(x)")
    db.execute("INSERT INTO d VALUES (1)")
    names = []
    for i, literal in enumerate(literals):
        for type in ("", "TEXT", "NUMERIC", "INTEGER", "REAL"):
            names.append(f"c{i}{type}")
            db.execute(f"ALTER TABLE d ADD COLUMN {names[-1]} {type} DEFAULT {literal}")
    for some in [names[i:i + 40] for i in range(0, len(names), 40)]:
        row = db.execute(f"SELECT {', '.join(some)} FROM d").fetchone()
        for line, value in zip(ask(path, {"table": "d", "columns": some, "do": "fields"}), row):
            name, got = line.split()[0], line.split()[4]
            literal = literals[int("".join(c for c in name if c.isdigit()))]
            assert got in (shown(value), "?"), f"{name} DEFAULT {literal}: {got}, not {value!r}"
            usual = literal not in ("0x10", '"quoted"', "word") and not (name.endswith("TEXT") or name[-1].isdigit()) or literal[-1] == "'" or literal == "NULL"
            assert got != "?" or not usual, f"{name} DEFAULT {literal} is not known"


def test_filters():
    path = directory() + "/t.db"
    db = connect(path, extension=False)
    db.executescript("CREATE TABLE t(a INT, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, NULL), (NULL, 'z'), (3, '')")
    for filter, where in ((None, "1"), ({}, "1"), ({"a": None}, "a IS NULL"), ({"a": {"!=": None}}, "a IS NOT NULL"), ({"a": [1, None]}, "a = 1 OR a IS NULL"),
                          ({"a": []}, "0"), ({"a": {"<": None}}, "0"), ({"a": {">=": 1, "<": 3}}, "a >= 1 AND a < 3"), ({"a": {}}, "1"), ({"a": True}, "a = 1"),
                          ({"a": {"=": [2, 3]}}, "a IN (2, 3)"), ({"a": "2"}, "a = 2"), ({"b": ""}, "b = ''"), ({"b": {"!=": "x"}}, "b <> 'x'"), ({"b": [None, "x"]}, "b = 'x' OR b IS NULL"),
                          ({"a": {"!=": 2}, "b": {">": ""}}, "a <> 2 AND b > ''"), ({"rowid": {">": 1}, "ROWID": {"<=": 3}}, "rowid BETWEEN 2 AND 3"), ({"a": [None]}, "a IS NULL"),
                          ({"a": [None, None]}, "a IS NULL")):
        request = {"table": "t", "columns": ["a", "b"], "do": "compare", "where": where} | ({"filter": filter} if filter is not None else {})
        assert ask(path, request)[0].startswith("same "), filter
    duplicate = '{"table": "t", "columns": ["a"], "filter": {"a": {">": 1}, "a": {"<": 3}}}\n'
    done = subprocess.run([driver(), path], input=duplicate, capture_output=True, text=True)
    assert done.stdout.startswith("i2\nway "), done.stdout
    example = 'not a JSON object, such as {"panel_id": 7, "ts": {">=": 100}}'
    nested = 'column "a": a list or an object within it; write a string, a number, true, false or null'
    for filter, error in (("[]", f"{example}, at byte 1 of 2, from here: []"), ("7", f"{example}, at byte 1 of 1, from here: 7"), ("null", f"{example}, at byte 1 of 4, from here: null"),
                          ('{"a": { "<>": 1}}', 'column "a": an operator must be one of = != < <= > >=, at byte 9 of 17, from here: "<>": 1}}'),
                          ('{"a": [[1]]}', f"{nested}, at byte 8 of 12, from here: [1]]}}"), ('{"a": {"<": {}}}', f"{nested}, at byte 13 of 16, from here: {{}}}}}}"),
                          ('{"a": {"<": [1]}}', 'column "a": a list can only be compared by =, at byte 13 of 17, from here: [1]}}'),
                          ('{"a\\u0000b": 1}', 'column "a": a NUL in its name, at byte 12 of 15, from here: : 1}'),
                          ("{\"a\": 1", "it ends too early, at byte 8 of 7"), ('{"a": nul}', "a value must stand here, at byte 7 of 10, from here: nul}"), ("", "it ends too early, at byte 1 of 0"),
                          ("{'a': 1}", "a string must stand here, at byte 2 of 8, from here: 'a': 1}"), ('{"a": 1e999}', "a number is too large, at byte 7 of 12, from here: 1e999}"),
                          ('{"a": 1} x', "nothing more must stand here, at byte 10 of 10, from here: x"), ('{"a" 1}', "a colon must stand here, at byte 6 of 7, from here: 1}"),
                          ('{"a": [1 2]}', "a comma or ] must stand here, at byte 10 of 12, from here: 2]}"), ('{"a": {"<": 1 ">": 2}}', "a comma or } must stand here, at byte 15 of 22"),
                          ('{"a": "\\ud800"}', "the other half of a surrogate pair must stand here, at byte 14 of 15")):
        got = ask(path, {"table": "t", "columns": ["a"], "filter_text": filter})
        assert len(got) == 1 and got[0].startswith("error 1 scan: filter: " + error), (filter, got)
    many = list(range(300000))
    got = ask(path, {"table": "t", "columns": ["a"], "filter": {"a": many}})
    assert got[0].startswith("error 1 scan: 300000 values in the filter, and at most "), got


def test_filters_of_any_bytes():
    chance = random.Random(SEED)
    path = directory() + "/t.db"
    connect(path, extension=False).executescript("CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 'x')")
    parts = ["{", "}", "[", "]", ":", ",", '"', '"a"', '"b"', "1", "-2.5e3", "null", "true", '"<"', '"!="', '"\\u0000"', '"\\', " ", "\n", "é", '{"a":', '{"<":1}', "\x01"]
    requests = []
    for _ in range(3000):
        text = "".join(chance.choice(parts) for _ in range(chance.randrange(12)))
        if chance.random() < 0.7:
            text = '{"a": [1, null, "x"], "b": {">=": 1, "<": "z"}, "rowid": true}'
            for _ in range(chance.choice((1, 1, 2, 5))):
                at = chance.randrange(len(text) + 1)
                text = text[:at] + chance.choice(parts + [""]) + text[at + chance.choice((0, 0, 1, 3)):]
        requests.append({"table": "t", "columns": ["a"], "filter_text": text})
    answers = [line for line in ask(path, *requests) if line.startswith(("way ", "error "))]
    for request, answer in zip(requests, answers, strict=True):
        try:
            well = isinstance(json.loads(request["filter_text"]), dict)
        except ValueError:
            well = False
        assert well or answer.startswith("error 1 scan: filter: "), (SEED, request, answer)


def test_memory_that_fails():
    for encoding in ("UTF-8", "UTF-16le"):
        path = directory() + "/t.db"
        db = connect(path, extension=False)
        db.execute(f"PRAGMA encoding = '{encoding}'")
        db.executescript("""CREATE TABLE t(a INT, b TEXT COLLATE NOCASE, c REAL); CREATE TABLE w(a, b, PRIMARY KEY (b)) WITHOUT ROWID; CREATE VIEW v AS SELECT a, b FROM t;
            INSERT INTO t VALUES (1, 'x', 2.5), (2, 'yyy', NULL); INSERT INTO w VALUES (1, x'00'); ALTER TABLE t ADD COLUMN d NUMERIC DEFAULT '5.5'; CREATE INDEX ta ON t(a)""")
        filter = {"a": ["1", 2, None], "b": {">": 3, "<=": "zz"}}
        got = ask(path, *({"do": "memory", "table": table, "columns": columns, "filter": filter}
                          for table, columns in (("t", ["a", "b", "c", "d", "rowid"]), ("w", ["a", "b"]), ("v", ["a", "b"]), ("main.t", ["a"]))),
                  *({"do": "memory", "table": table, "columns": ["a"], "filter": filter, "through_sql": True, "ordered": True} for table in "tw"))
        assert len(got) == 6 and all(int(line.split()[2]) > 20 for line in got), got


def test_a_sink_that_wants_no_more():
    path = directory() + "/t.db"
    db = connect(path, extension=False)
    db.executescript("CREATE TABLE t(a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) INSERT INTO t SELECT i FROM n")
    for through_sql in (False, True):
        got = ask(path, {"table": "t", "columns": ["a"], "do": "stop", "through_sql": through_sql})
        equal((got[-1], len(got) <= 2048 + 1 or not through_sql), ("error 13 ", True))


def test_interrupts():
    """From another thread, and by a progress handler; also where nothing but polls runs."""
    path = directory() + "/t.db"
    db = connect(path, extension=False)
    db.execute("CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n")
    equal(ask(path, {"table": "endless", "columns": ["i"], "do": "interrupt", "filter": {"i": -1}}), ["error 9 "])
    for steps, most in ((1, 2), (1000, 4), (100000, 400)):
        poll = ask(path, {"do": "poll", "steps": steps})[0].split()
        assert poll[:2] == ["poll", "9"] and int(poll[3].rstrip(",")) <= most and poll[4] == "1", poll


def test_texts_are_handed_on_early():
    """Batches of long texts are small: memory is bounded by some megabytes, whatever the rows hold."""
    path = directory() + "/t.db"
    db = connect(path, extension=False)
    db.executescript("CREATE TABLE t(a, b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
                     "INSERT INTO t SELECT zeroblob(i * 10000), hex(zeroblob(i * 10000)) FROM n")
    equal(ask(path, {"table": "t", "columns": ["a", "b"], "do": "compare"})[0].split(",")[0], "same 40 rows")
