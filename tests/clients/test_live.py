"""almanac_live(): summaries that call functions of the extension, exact on a connection that has it.

The numbers R-1 to R-3 are the requirements in ext/function/live.c.
"""
import os
import sqlite3

from almanac import EXTENSION, connect, directory, equal, error_of, shell, tool

DEFINITIONS = """
CREATE MATERIALIZED VIEW lines AS SELECT time_bucket('1 day', ts) AS day, lttb(id, v, 3) AS line FROM r GROUP BY 1;
CREATE MATERIALIZED VIEW grids WITH (partition = k) AS SELECT k, density_grid(id, v, 4, 4, 0, 400, 0, 10) AS grid FROM r GROUP BY k;
CREATE MATERIALIZED VIEW falls AS SELECT k, id, drawdown(v) OVER (ORDER BY id) AS fall FROM r;
CREATE MATERIALIZED VIEW counts AS SELECT time_bucket('1 day', ts) AS day, count(*) AS n FROM r GROUP BY 1;
"""
QUERIES = {
    "lines": "SELECT time_bucket('1 day', ts), lttb(id, v, 3) FROM r GROUP BY 1",
    "grids": "SELECT k, density_grid(id, v, 4, 4, 0, 400, 0, 10) FROM r GROUP BY k",
    "falls": "SELECT k, id, drawdown(v) OVER (ORDER BY id) FROM r",
    "counts": "SELECT time_bucket('1 day', ts), count(*) FROM r GROUP BY 1",
}


def database():
    path = os.path.join(directory(), "live.db")
    shell(path, "CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER, k INTEGER, v REAL)", "CREATE INDEX r_ts ON r(ts)", "CREATE INDEX r_k ON r(k)",
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
          " INSERT INTO r SELECT i, 1700000000 + i * 3600, i % 4, i * 37 % 101 / 10.0 FROM n")
    tool("apply", path, "-", stdin=DEFINITIONS)
    tool("refresh", path)
    return path


def rows(db, sql):
    return sorted(db.execute(sql).fetchall(), key=str)


def change(db):
    db.execute("DELETE FROM r WHERE id BETWEEN 100 AND 130")
    db.execute("INSERT INTO r(ts, k, v) VALUES (1700000000 + 3600 * 50, 2, 9.5), (1800000000, 3, 0.5), (NULL, NULL, 1.5)")


def test_names_become_exact():
    """R-1"""
    path = database()
    db = connect(path)
    before = {name: rows(db, f"SELECT * FROM {name}") for name in QUERIES}
    for name, query in QUERIES.items():
        equal(before[name], rows(db, query), name)
    change(db)
    for name, query in QUERIES.items():
        now, wanted = rows(db, f"SELECT * FROM {name}"), rows(db, query)
        assert before[name] != wanted, name
        equal(now, wanted if name == "counts" else before[name], f"{name}, before almanac_live()")
    equal(db.execute("SELECT almanac_live()").fetchone(), (3,))
    for name, query in QUERIES.items():
        equal(rows(db, f"SELECT * FROM {name}"), rows(db, query), name)
    change_again = "UPDATE r SET v = 10 - v WHERE k = 1"
    connect(path, extension=False).execute(change_again)  # another connection's change, too
    for name, query in QUERIES.items():
        equal(rows(db, f"SELECT * FROM {name}"), rows(db, query), name)
    tool("refresh", path)
    for name, query in QUERIES.items():
        equal(rows(db, f"SELECT * FROM {name}"), rows(db, query), name)


def test_calls_are_counted_and_may_be_repeated():
    """R-2"""
    equal(connect().execute("SELECT almanac_live()").fetchone(), (0,))
    path = database()
    db = connect(path)
    for _ in range(3):
        equal(db.execute("SELECT almanac_live()").fetchone(), (3,))
    tool("apply", path, "-", stdin=DEFINITIONS.replace("lttb(id, v, 3)", "lttb(id, v, 5)"))
    equal(db.execute("SELECT almanac_live()").fetchone(), (3,))
    equal(rows(db, "SELECT * FROM lines"), rows(db, QUERIES["lines"].replace("v, 3", "v, 5")))
    plain = "CREATE MATERIALIZED VIEW lines AS SELECT time_bucket('1 day', ts) AS day, max(v) AS line FROM r GROUP BY 1; DROP MATERIALIZED VIEW falls;"
    tool("apply", path, "-", stdin=plain)
    equal(db.execute("SELECT almanac_live()").fetchone(), (1,))
    equal(db.execute("SELECT name FROM temp.sqlite_master").fetchall(), [("grids",)])
    equal(rows(db, "SELECT * FROM lines"), rows(db, "SELECT time_bucket('1 day', ts), max(v) FROM r GROUP BY 1"))


def test_a_connection_older_than_the_summaries():
    """R-2: what it knows of the schema is from before they were declared."""
    path = os.path.join(directory(), "young.db")
    db = connect(path)
    db.execute("CREATE TABLE r(ts INTEGER, v REAL)")
    db.execute("INSERT INTO r VALUES (1700000000, 1), (1700003600, 2)")
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW lines AS SELECT lttb(ts, v, 2) AS line FROM r;")
    equal(db.execute("SELECT almanac_live()").fetchone(), (1,))
    equal(rows(db, "SELECT * FROM lines"), rows(db, "SELECT lttb(ts, v, 2) FROM r"))


def test_nothing_is_written_to_the_file():
    """R-3: also where the file can't be written."""
    path = database()
    with open(path, "rb") as file:
        before = file.read()
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    equal(db.execute("SELECT almanac_live()").fetchone(), (3,))
    equal(rows(db, "SELECT * FROM grids"), rows(db, QUERIES["grids"]))
    db.close()
    with open(path, "rb") as file:
        equal(file.read() == before, True)


def test_a_damaged_catalog_is_an_error():
    path = database()
    db = connect(path)
    db.execute("UPDATE almanac_summary SET live_sql = 'CREATE TEMP VIEW lines AS SELEC 1' WHERE name = 'lines'")
    assert error_of(db, "SELECT almanac_live()").startswith('almanac_live: near "SELEC"')


def test_a_summary_of_a_summary():
    """R-1: also while the one that it reads waits for a refresh, whose stored rows are not its query's."""
    path = os.path.join(directory(), "chain.db")
    shell(path, "CREATE TABLE r(ts INTEGER, v REAL)", "INSERT INTO r VALUES (1700000000, 1), (1700003600, 2)")
    tool("apply", path, "-", stdin="""
        CREATE MATERIALIZED VIEW lines AS SELECT time_bucket('1 hour', ts) AS hour, lttb(ts, v, 2) AS line, count(*) AS n FROM r GROUP BY 1;
        CREATE MATERIALIZED VIEW total AS SELECT sum(n) AS n, count(*) AS hours FROM lines;""")
    db = connect(path)
    equal(db.execute("SELECT almanac_live()").fetchone(), (2,))
    equal(rows(db, "SELECT * FROM total"), [(2, 2)], "declared")
    tool("refresh", path, "total")
    equal(rows(db, "SELECT * FROM total"), [(2, 2)], "refreshed before what it reads")
    tool("refresh", path)
    db.execute("INSERT INTO r VALUES (1700003601, 3), (1700090000, 4)")
    equal(rows(db, "SELECT * FROM total"), [(4, 3)], "after a change of the raw rows")
    tool("refresh", path, "total")
    equal(rows(db, "SELECT * FROM total"), [(4, 3)], "refreshed before what it reads, again")
    tool("refresh", path)
    equal(rows(db, "SELECT * FROM total"), [(4, 3)], "refreshed")
