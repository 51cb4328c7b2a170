"""A change in a table that is joined dirties everything, however the SELECT names it: SQLite's authorizer says nothing of columns
that only NATURAL or USING read (promise 4)."""
import os

from almanac import connect, directory, equal, tool

SELECTS = {
    "by_natural": "SELECT time_bucket(60, ts) AS b, count(*) AS n FROM r NATURAL JOIN kinds GROUP BY 1",
    "by_using": "SELECT time_bucket(60, ts) AS b, count(*) AS n FROM r JOIN kinds USING (kind) GROUP BY 1",
    "by_view": "SELECT time_bucket(60, r.ts) AS b, count(*) AS n FROM r JOIN wanted ON wanted.kind = r.kind GROUP BY 1",
    "whole": "SELECT count(*) AS n FROM (SELECT kind FROM r) NATURAL JOIN kinds",
}


def test_joined_by_name():
    path = os.path.join(directory(), "t.db")
    db = connect(path)
    db.executescript("""
        CREATE TABLE r(ts INTEGER, kind TEXT); CREATE INDEX r_ts ON r(ts);
        CREATE TABLE kinds(kind TEXT PRIMARY KEY);
        CREATE TABLE more(kind TEXT PRIMARY KEY);
        CREATE VIEW wanted AS SELECT more.kind FROM more NATURAL JOIN kinds;
        INSERT INTO r VALUES (0, 'a'), (60, 'b'), (120, 'a'), (180, 'b');
        INSERT INTO kinds VALUES ('a'), ('b');
        INSERT INTO more VALUES ('a'), ('b');""")
    tool("apply", path, "-", stdin="".join(f"CREATE MATERIALIZED VIEW {name} AS {select};" for name, select in SELECTS.items()))
    for change in ("DELETE FROM kinds WHERE kind = 'b'", "INSERT INTO kinds VALUES ('b')", "UPDATE kinds SET kind = 'c' WHERE kind = 'a'",
                   "DELETE FROM more"):
        tool("refresh", path)
        db.execute(change)
        for name, select in SELECTS.items():
            equal(sorted(db.execute(f"SELECT * FROM {name}").fetchall()), sorted(db.execute(select).fetchall()), f"{name} after {change}")
    db.close()
