"""Summaries of summaries: what the view of a daily summary costs over an hourly one, over raw rows, and without any."""
import data
from measure import heading, queries, report
from summaries import declare, definition, dirty, stock

CHAIN = """CREATE MATERIALIZED VIEW readings_chained AS
SELECT time_bucket('1 day', bucket) AS bucket, sensor_id, sum(n) AS n, sum(value_avg * n) / sum(n) AS value_avg,
    min(value_min) AS value_min, max(value_max) AS value_max FROM readings_hourly GROUP BY 1, 2;
"""
RAW = "SELECT ts / 86400 * 86400 AS bucket, sensor_id, count(*) AS n, avg(value), min(value), max(value) FROM readings GROUP BY 1, 2"
TAIL = 5000


def run(rows, rounds):
    n = rows // 5
    hours = 33 * 24
    seconds = hours * 3600 / n
    path = data.copy(data.readings(n, "integer", seconds), "chains")
    declare(path, CHAIN + definition("hourly", "1 hour") + definition("daily", "1 day"))
    assert dirty(path) == 0, "dirty after the refresh"
    db = stock(path)
    newest = data.START + int(n * seconds)
    heading(f"Summaries of summaries: days of {n:,} readings, an open tail of {TAIL:,} rows")
    db.execute("BEGIN")
    db.executemany("INSERT INTO readings(ts, sensor_id, value) VALUES(?, ?, 1.5)", [(newest + i * 2, i % 100) for i in range(TAIL)])
    db.execute("COMMIT")
    latest = "SELECT bucket, sensor_id, n FROM {} ORDER BY bucket DESC LIMIT 24"
    taken = queries(db, rounds, {"chained": "SELECT * FROM readings_chained", "daily": "SELECT * FROM readings_daily", "raw": RAW,
                                 "chained latest": latest.format("readings_chained"), "raw latest": latest.format(f"({RAW})")})
    report("all days from the hours", taken["chained"], "from raw rows", taken["raw"], at_most=0.25)
    report("the same from a summary of raw rows", taken["daily"], "from raw rows", taken["raw"])
    report("the latest 24 days from the hours", taken["chained latest"], "from raw rows", taken["raw latest"], at_most=0.25)
    db.close()
