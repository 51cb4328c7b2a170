"""When is a definition taken for the sum of its partitions (tool/README.md, "Proof")? Its form may prove it, at once and on
an empty table; any other form is tried on three partitions; what is not the sum is whole, or refused where asked for."""
import os

from almanac import connect, directory, equal, shell, tool

PROVEN = """
CREATE MATERIALIZED VIEW by_position AS SELECT time_bucket('1 hour', ts) AS b, sum(v) AS s FROM r GROUP BY 1;
CREATE MATERIALIZED VIEW by_alias AS SELECT time_bucket('1 hour', ts) AS b, k, sum(v) AS s FROM r GROUP BY b, r.k;
CREATE MATERIALIZED VIEW by_call AS SELECT time_bucket('1 hour', ts) AS b, k, sum(v) AS s FROM r GROUP BY time_bucket('1 hour', r.ts), k;
CREATE MATERIALIZED VIEW by_key WITH (partition = k) AS SELECT k, sum(v) AS s FROM r GROUP BY k;
CREATE MATERIALIZED VIEW with_names AS SELECT time_bucket('1 hour', ts) AS b, name, count(*) AS n FROM r JOIN names USING (k) GROUP BY 1, 2;
"""
# A form that tells nothing: these have two partitions, too few to try.
UNKNOWN = """
CREATE MATERIALIZED VIEW coarser WITH (partition = k) AS SELECT k, sum(v) AS s FROM r GROUP BY lower(k);
CREATE MATERIALIZED VIEW other_collation WITH (partition = k) AS SELECT k, sum(v) AS s FROM r GROUP BY k COLLATE NOCASE;
CREATE MATERIALIZED VIEW ranked WITH (partition = k) AS SELECT k, v, rank() OVER (PARTITION BY k ORDER BY v) AS rank FROM r;
CREATE MATERIALIZED VIEW made_of_nothing WITH (partition = k, source = r) AS
  SELECT r.k AS k, names.name AS name, count(v) AS n FROM names LEFT JOIN r ON r.k = names.k GROUP BY 1, 2;
CREATE MATERIALIZED VIEW of_the_other WITH (partition = k, source = r) AS SELECT r.k AS k, count(*) AS n FROM r JOIN names ON 1 GROUP BY names.k;
"""
# The alias is the name of a column, too, which is what GROUP BY means.
WHOLE = "CREATE MATERIALIZED VIEW hidden AS SELECT time_bucket('1 hour', ts) AS bucket, sum(v) AS s FROM r GROUP BY bucket;"


def database(rows=1000):
    path = os.path.join(directory(), "proof.db")
    shell(path, f"""
        CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER, v REAL, k TEXT, bucket INTEGER);
        CREATE TABLE names(k TEXT, name TEXT);
        INSERT INTO names VALUES('A', 'first'), ('a', 'second'), ('z', 'third');
        WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < {rows - 1})
        INSERT INTO r SELECT n, n * 60, n % 7, char(65 + n % 2 * 32), n % 3 FROM i;
        CREATE INDEX r_ts ON r(ts);""")
    return path


def proven(path):
    db = connect(path)
    found = {name: (kind, proof) for name, kind, proof in db.execute("SELECT name, kind, proven FROM almanac_summary")}
    db.close()
    return found


def check(path, definitions):
    """Every name equals its query, also after changes that are not refreshed."""
    shell(path, "UPDATE r SET v = v + 1 WHERE id % 50 = 3; DELETE FROM r WHERE id = 77; UPDATE r SET k = 'z' WHERE id = 5")
    db = connect(path)
    for definition in definitions.split(";\n"):
        if definition.strip():
            name, query = definition.split("VIEW ", 1)[1].split(" AS", 1)
            rows = db.execute(f"SELECT * FROM {name.split()[0]}").fetchall()
            equal(sorted(rows, key=repr), sorted(db.execute(query.rstrip(";\n")).fetchall(), key=repr), definition)
    db.close()


def test_the_form_proves():
    path = database()
    tool("apply", path, "-", stdin=PROVEN)
    tool("refresh", path)
    equal({proof for _, proof in proven(path).values()}, {1})
    check(path, PROVEN)


def test_the_form_tells_nothing():
    path = database()
    tool("apply", path, "-", stdin=UNKNOWN)
    tool("refresh", path)
    equal(set(proven(path).values()), {("key", 0)})
    check(path, UNKNOWN)


def test_what_is_no_sum_is_whole():
    path = database()
    tool("apply", path, "-", stdin=WHOLE)
    tool("refresh", path)
    equal(proven(path), {"hidden": ("whole", 0)})
    check(path, WHOLE)


def test_what_is_no_sum_is_refused_where_it_was_asked_for():
    path = database()
    shell(path, "UPDATE r SET k = 'key ' || (id % 5)")
    before = shell(path, ".dump")
    _, err = tool("apply", path, "-", code=1, stdin="CREATE MATERIALIZED VIEW s WITH (partition = k) AS SELECT k, v, sum(v) OVER (ORDER BY id) AS t FROM r;")
    assert "not the sum of its partitions" in err, err
    equal(shell(path, ".dump"), before)


def test_a_window_over_all_rows_is_no_sum_whatever_three_partitions_show():
    """Three partitions of NULLs would show no difference."""
    path = database(0)
    shell(path, "INSERT INTO r(ts, v) VALUES(0, 0.25), (3600, NULL), (7200, NULL), (10800, 1)")
    definitions = """CREATE MATERIALIZED VIEW running AS SELECT time_bucket('1 hour', ts) AS b, sum(v) OVER (ORDER BY ts) AS t FROM r;
CREATE MATERIALIZED VIEW named AS SELECT time_bucket('1 hour', ts) AS b, sum(v) OVER w AS t FROM r WINDOW w AS (ORDER BY ts);
"""
    tool("apply", path, "-", stdin=definitions)
    tool("refresh", path)
    equal(set(proven(path).values()), {("whole", 0)})
    shell(path, "INSERT INTO r(ts, v) VALUES(14400, 5)")
    check(path, definitions)
