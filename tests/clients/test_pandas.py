"""pandas writes the table that summaries read: to_sql appends to it, or drops it and creates it again.

P-1  After any to_sql the name gives what the SELECT gives, or fails with the remedy.
P-2  The next refresh makes all of it anew, with other columns and other types too where the SELECT still works.
"""
import os
import warnings

import pandas
from almanac import connect, directory, equal, error_of, tool

warnings.filterwarnings("ignore")

HOURLY = "SELECT time_bucket('1 hour', ts) AS bucket, sensor, count(*) AS n, sum(value) AS total FROM readings GROUP BY 1, 2"
KEYS = "SELECT sensor, max(value) AS high FROM readings GROUP BY sensor"
RANKS = "SELECT sensor, rank() OVER (ORDER BY sum(value) DESC) AS place FROM readings GROUP BY sensor"
DEFINITIONS = (f"CREATE MATERIALIZED VIEW hourly AS {HOURLY}; CREATE MATERIALIZED VIEW keys WITH (partition = sensor) AS {KEYS};"
               f"CREATE MATERIALIZED VIEW ranks AS {RANKS};")


def frame(n, start="2024-05-01 00:00:00", sensors=3, **columns):
    return pandas.DataFrame({"ts": pandas.date_range(start, periods=n, freq="7min"), "sensor": [i % sensors for i in range(n)],
                             "value": [i % 50 / 4 for i in range(n)], **columns})


def compare(db, when):
    for name, query in (("hourly", HOURLY), ("keys", KEYS), ("ranks", RANKS)):
        equal(sorted(db.execute(f"SELECT * FROM {name}").fetchall()), sorted(db.execute(query).fetchall()), f"{name} {when}")


def refresh(db, path, when):
    tool("refresh", path)
    compare(db, when + ", refreshed")
    equal(db.execute("SELECT name FROM almanac_status WHERE dirty<>0 OR last_error IS NOT NULL").fetchall(), [], when)


def test_to_sql():
    path = os.path.join(directory(), "pandas.db")
    db = connect(path)
    frame(1000).to_sql("readings", db, index=False)
    tool("apply", path, "-", stdin=DEFINITIONS)
    refresh(db, path, "declared")
    frame(200, "2024-05-20 00:00:00").to_sql("readings", db, index=False, if_exists="append")
    compare(db, "appended")
    refresh(db, path, "appended")
    for what, new in [("replaced", frame(700, "2024-06-01 00:00:00")), ("with an index", frame(300).set_index("ts")),
                      ("with a column more", frame(300, site="a")), ("with other sensors", frame(300, sensors=7)),
                      ("with none", frame(0)), ("with rows again", frame(50))]:
        new.to_sql("readings", db, index=new.index.name == "ts", if_exists="replace")
        compare(db, what)
        new.to_sql("readings", db, index=new.index.name == "ts", if_exists="append")
        compare(db, what + ", and appended")
        refresh(db, path, what)


def test_to_sql_with_other_times_and_without_a_column():
    path = os.path.join(directory(), "pandas.db")
    db = connect(path)
    frame(500).to_sql("readings", db, index=False)
    tool("apply", path, "-", stdin=DEFINITIONS)
    refresh(db, path, "declared")
    numbers = frame(400)
    numbers["ts"] = numbers["ts"].astype("int64") // 10**9
    numbers.to_sql("readings", db, index=False, if_exists="replace")
    # The one known exception: the bucket's type, until the next refresh (README, Limits).
    equal(sorted(db.execute("SELECT CAST(bucket AS INTEGER), sensor, n, total FROM hourly").fetchall()), sorted(db.execute(HOURLY).fetchall()))
    tool("refresh", path)
    refresh(db, path, "with numbers for times")
    frame(100).drop(columns="value").to_sql("readings", db, index=False, if_exists="replace")
    assert "value" in error_of(db, "SELECT * FROM hourly")
    assert "value" in tool("refresh", path, code=None)[1] and "apply" in tool("status", path)[0]
    frame(100).to_sql("readings", db, index=False, if_exists="replace")
    tool("refresh", path)
    refresh(db, path, "with the column again")
