"""The application after the migration: the summary is right and captures changes, and autogenerate finds nothing to do."""
import glob
import sqlite3
import subprocess

QUERY = "SELECT substr(ts, 1, 13) || ':00:00', sensor_id, count(*), sum(value) FROM readings GROUP BY 1, 2 ORDER BY 1, 2"


def check():
    db = sqlite3.connect("app.db")
    assert db.execute("SELECT * FROM readings_hourly ORDER BY 1, 2").fetchall() == db.execute(QUERY).fetchall()
    return db


db = check()
assert "unit" in [row[1] for row in db.execute("PRAGMA table_info(readings)")]
assert db.execute("SELECT dirty, last_error FROM almanac_status").fetchall() == [(0, None)]
with db:
    db.execute("DELETE FROM readings WHERE ts LIKE '2024-05-02 10:%'")
    db.execute("INSERT INTO readings(ts, sensor_id, value) VALUES ('2024-05-01 03:00:00.500000', 1, 8.0)")
assert check().execute("SELECT dirty FROM almanac_status").fetchone() == (2,)
subprocess.run(["almanac", "refresh", "app.db"], check=True)
assert check().execute("SELECT dirty FROM almanac_status").fetchone() == (0,)

subprocess.run(["alembic", "revision", "--autogenerate", "--rev-id", "check", "-m", "check"], check=True, capture_output=True)
with open(glob.glob("migrations/versions/check*.py")[0]) as file:
    generated = file.read()
assert "op." not in generated, generated
