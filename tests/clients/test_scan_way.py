"""Which definitions a refresh computes by a scan, and what it leaves to SQL (tool/README.md, "By a scan"): as `plan` and `refresh --json`
say, and what is stored either way. The oracle is the definition's own query."""
import json
import os
import subprocess

from almanac import TOOL, connect, directory, equal, shell, tool

BUCKET = "time_bucket('1 hour', ts)"
SCAN = [
    f"SELECT {BUCKET} AS b, k, count(*) AS n, sum(v) AS s, total(v) AS t, avg(v) AS a, min(v) AS lo, max(v) AS hi FROM r GROUP BY 1, 2",
    f"SELECT {BUCKET} bucket, count(v) FROM r GROUP BY bucket",
    f'SELECT max("v") "top", q.K, {BUCKET.replace("ts", "q.ts")} AS b FROM "R" AS q GROUP BY q.k, {BUCKET.replace("ts", "q.ts")} ORDER BY 2 DESC',
    f"SELECT {BUCKET} AS b, b AS other, count(*) AS n FROM r WHERE v > -1 AND k IN (1, 2) AND w = 'x' AND b BETWEEN 0 AND 5.5 GROUP BY 1, r.b, k",
    f"SELECT {BUCKET} AS b, count(*) AS n FROM r WHERE ts >= 1700000000 AND v <> 3 GROUP BY 1",
]
SQL = {
    f"SELECT {BUCKET} AS b, count(*) AS n FROM r GROUP BY 1 HAVING count(*) > 1": "HAVING",
    f"SELECT {BUCKET} AS b, count(DISTINCT k) AS n FROM r GROUP BY 1": "not a plain SELECT",
    f"SELECT {BUCKET} AS b, count(*) FILTER (WHERE v > 1) AS n FROM r GROUP BY 1": "",
    f"SELECT {BUCKET} AS b, sum(v) * 2 AS n FROM r GROUP BY 1": "",
    f"SELECT {BUCKET} AS b, sum(v) ISNULL FROM r GROUP BY 1": "an expression",
    f"SELECT {BUCKET} AS b, sum(v + 1) AS n FROM r GROUP BY 1": "",
    f"SELECT {BUCKET} AS b, min(v, k) AS n, count(*) AS c FROM r GROUP BY 1": "",
    f"SELECT {BUCKET} AS b, k, max(v) AS hi FROM r GROUP BY 1": "it doesn't group by k",
    f"SELECT {BUCKET} AS b, v > 0 AS up, count(*) AS n FROM r GROUP BY 1, 2": "",
    f"SELECT {BUCKET} AS b, count(*) AS n FROM r GROUP BY 1, v > 0": "groups by an expression",
    f"SELECT {BUCKET} AS b, count(*) AS n FROM r WHERE v > k GROUP BY 1": "its WHERE",
    f"SELECT {BUCKET} AS b, count(*) AS n FROM r WHERE v > 1 OR k = 2 GROUP BY 1": "its WHERE",
    f"SELECT {BUCKET} AS b, count(*) AS n FROM r WHERE NOT v > 1 GROUP BY 1": "its WHERE",
    f"SELECT {BUCKET} AS b, count(*) AS n FROM r WHERE v IS NULL GROUP BY 1": "its WHERE",
    f"SELECT {BUCKET} AS b, folded, count(*) AS n FROM r GROUP BY 1, 2": "the key folded has the collation NOCASE",
    f"SELECT {BUCKET} AS b, min(w) AS lo FROM r GROUP BY 1": "w, which holds text",
    f"SELECT {BUCKET} AS b, label, count(*) AS n FROM r JOIN names USING (k) GROUP BY 1, 2": "it reads other tables",
    f"SELECT {BUCKET} AS b, v, rank() OVER (PARTITION BY {BUCKET} ORDER BY v) AS place FROM r": "not a plain SELECT",
    f"SELECT b, max(n) AS most FROM (SELECT {BUCKET} AS b, k, count(*) AS n FROM r GROUP BY 1, 2) GROUP BY b": "not a plain SELECT",
    "SELECT k, count(*) AS n FROM r GROUP BY k": "one partition",
}


def database(rows=20_000, index=True):
    path = os.path.join(directory(), "t.db")
    shell(path, f"""
        CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER, k INTEGER, v REAL, w TEXT, b, folded TEXT COLLATE NOCASE);
        CREATE TABLE names(k INTEGER, label TEXT);
        INSERT INTO names VALUES(1, 'one'), (2, 'two');
        WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < {rows - 1})
        INSERT INTO r SELECT n, 1700000000 + n * 60, n % 3, n % 101 / 4.0, 'x', n % 7, char(65 + n % 2 * 32) FROM i;
        {'CREATE INDEX r_ts ON r(ts);' if index else ''}""")
    return path


def declare(path, queries):
    tool("apply", path, "-", stdin="".join(f"CREATE MATERIALIZED VIEW s{i} AS {query};\n" for i, query in enumerate(queries)))


def refresh(path, *options):
    return {line["name"]: line["way"] for line in map(json.loads, tool("refresh", path, "--json", *options)[0].splitlines())}


def check(path, queries):
    db = connect(path)
    for i, query in enumerate(queries):
        db.execute(f"CREATE TEMP VIEW expected AS {query}")
        columns = [f'"{row[1]}"' for row in db.execute("PRAGMA table_info(expected)")]
        shown = ", ".join(f"CASE typeof({c}) WHEN 'real' THEN printf('%.12g', {c}) ELSE quote({c}) END, typeof({c})" for c in columns)
        for name in (f"s{i}", f"s{i}_stored"):
            equal(db.execute(f"SELECT {shown} FROM {name} ORDER BY 1, 3").fetchall(), db.execute(f"SELECT {shown} FROM expected ORDER BY 1, 3").fetchall(), query)
        db.execute("DROP VIEW expected")
    db.close()


def test_the_form():
    path = database(2000)
    queries = SCAN + list(SQL)
    declare(path, queries)
    planned = {}
    for i, query in enumerate(queries):
        plan = json.loads(tool("plan", path, f"s{i}", "--json")[0])
        planned[f"s{i}"] = plan["way"]
        assert f"way: {plan['way']}\n" in tool("plan", path, f"s{i}")[0]
        assert plan["way"].startswith("scan: one pass over r" if query in SCAN else "sql: ") and SQL.get(query, "") in plan["way"], (query, plan["way"])
    for name, way in refresh(path).items():
        equal(way.split(": ")[0], planned[name].split(": ")[0], f"{name}: {way}")
    check(path, SCAN)
    shell(path, "UPDATE r SET v = v + 1 WHERE id % 3 = 0")
    refresh(path)
    check(path, SCAN)


def test_little_goes_by_index():
    """Below a fortieth of the partitions, where there is an index on the time; else always a scan."""
    for index in (True, False):
        path = database(index=index)
        declare(path, SCAN[:1])
        assert refresh(path)["s0"].startswith("scan: "), "the first fill"
        for change, scans in (("id IN (9, 5000)", not index), ("1", True)):
            shell(path, f"UPDATE r SET v = v + 1 WHERE {change}")
            equal(refresh(path)["s0"].startswith("scan: "), scans, f"{change}, index: {index}")
            check(path, SCAN[:1])


def test_what_a_scan_leaves_to_sql():
    """Text or a blob in an aggregated column; a sum that overflows, of which SQL's error is the same."""
    queries = [f"SELECT {BUCKET} AS b, sum(b) AS s, min(b) AS lo, max(b) AS hi, avg(b) AS a, count(b) AS n FROM r GROUP BY 1"]
    for value in ("'12 apples'", "x'3132'"):
        path = database()
        declare(path, queries)
        shell(path, f"UPDATE r SET b = {value} WHERE id = 777")
        assert refresh(path)["s0"].startswith("sql: "), value
        check(path, queries)
        shell(path, "UPDATE r SET b = id")
        assert refresh(path)["s0"].startswith("scan: "), "numbers again"
        check(path, queries)
    shell(path, "UPDATE r SET b = 9223372036854775807")
    equal(tool("refresh", path, code=1)[1], "almanac: warning: s0: integer overflow\n")
    shell(path, "UPDATE r SET b = NULL WHERE id % 5")
    tool("refresh", path, code=1)
    shell(path, "UPDATE r SET b = 9223372036854775807 - id WHERE id % 500 = 0; UPDATE r SET b = NULL WHERE id % 500")
    refresh(path)
    check(path, queries)


def test_integers_to_the_bit():
    """Neighbours of 2^53, 2^63: minima, maxima, sums and keys are not doubles."""
    path = database(3000)
    shell(path, "UPDATE r SET k = 9007199254740992 + id % 3, b = CASE id % 4 WHEN 0 THEN 9007199254740993 WHEN 1 THEN 9007199254740992.0 WHEN 2 THEN -9223372036854775807 - 1 END;"
                "UPDATE r SET b = NULL WHERE id < 60 OR id % 4 <> id / 60 % 3")
    queries = [f"SELECT {BUCKET} AS b, k, sum(b) AS s, min(b) AS lo, max(b) AS hi, count(b) AS n FROM r GROUP BY 1, 2"]
    declare(path, queries)
    shell(path, "UPDATE r SET b = NULL WHERE b < 0 AND id % 8")
    assert refresh(path)["s0"], "a way"
    check(path, queries)


def test_memory_does_not_grow_with_groups():
    """More groups than are held at a time: they are published in several batches, newest first, and counted once."""
    path = os.path.join(directory(), "t.db")
    rows = 350_000
    shell(path, f"""PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER, k INTEGER, v REAL);
        WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < {rows - 1})
        INSERT INTO r SELECT n, 1700000000 + n * 3, n * 7919 % 1000003, n * 0.5 FROM i; PRAGMA journal_mode = DELETE;""")
    more = ", ".join(f"max({c}) AS hi_{c}" for c in ("id", "ts", "k"))
    declare(path, [f"SELECT {BUCKET} AS b, k, sum(v) AS s, min(v) AS lo, max(v) AS hi, {more} FROM r GROUP BY 1, 2"])
    process = subprocess.Popen([TOOL, "refresh", path, "--json"], stdout=subprocess.PIPE, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    line = json.loads(out)
    equal((status, line["rows"], line["way"].split(": ")[0]), (0, rows, "scan"))
    assert usage.ru_maxrss < 100_000, f"{usage.ru_maxrss} KB"
    db = connect(path)
    equal(db.execute("SELECT count(*), sum(s), max(hi), min(lo), sum(hi_id), sum(hi_k) FROM s0_stored").fetchall(),
          db.execute("SELECT count(*), sum(v), max(v), min(v), sum(id), sum(k) FROM r").fetchall())
    equal(db.execute("SELECT stored_version > 2, dirty FROM almanac_status").fetchall(), [(1, 0)], "several batches")
    db.close()
