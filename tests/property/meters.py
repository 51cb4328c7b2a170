"""A table whose old raw rows are pruned while all goes on, and its twin that keeps what its summaries must show.

Up to `frozen_before` the twin has the rows that were there when their time was frozen, from there on those that are there
now: whoever writes to `meters` brings it up to date in the same transaction.
"""
import time

DAY_S = 86400
DAYS = 60
ROWS = 3000
KEPT_DAYS = DAYS - 5, 5  # keep_raw, at first and at last

SCHEMA = """
    CREATE TABLE meters(id INTEGER PRIMARY KEY, ts INTEGER, v REAL);
    CREATE INDEX meters_by_time ON meters(ts);
    CREATE TABLE meters_twin(id INTEGER, ts INTEGER, v REAL);
    CREATE INDEX twin_by_time ON meters_twin(ts);
"""

_LIVE = "(ts IS NULL OR ts >= coalesce((SELECT frozen_before FROM almanac_track WHERE source = 'meters'), -9e999))"
FOLLOW = [f"DELETE FROM meters_twin WHERE {_LIVE}", f"INSERT INTO meters_twin SELECT * FROM meters WHERE {_LIVE}"]

# name: (options, SELECT, query); the first says how long raw rows are kept.
SUMMARIES = {
    "meter_hours": ("WITH (keep_raw = '{kept}')", "SELECT time_bucket('1 hour', ts) AS bucket, count(*) AS n, sum(v) AS total FROM meters GROUP BY 1",
                    "SELECT ts / 3600 * 3600 AS bucket, count(*) AS n, sum(v) AS total FROM meters_twin GROUP BY 1"),
    "meter_days": ("", "SELECT time_bucket('1 day', ts) AS bucket, count(*) AS n, max(v) AS high FROM meters GROUP BY 1",
                   "SELECT ts / 86400 * 86400 AS bucket, count(*) AS n, max(v) AS high FROM meters_twin GROUP BY 1"),
    "meter_weeks": ("", "SELECT time_bucket(604800, bucket) AS bucket, sum(n) AS n, max(high) AS high FROM meter_days GROUP BY 1",
                    "SELECT ts / 604800 * 604800 AS bucket, count(*) AS n, max(v) AS high FROM meters_twin GROUP BY 1"),
}


def definition(name, share):
    """The text of a summary when that share of the run is over."""
    options, select, _ = SUMMARIES[name]
    hours = int(24 * (KEPT_DAYS[0] + (KEPT_DAYS[1] - KEPT_DAYS[0]) * share))
    return f"CREATE MATERIALIZED VIEW {name} {options.format(kept=f'{hours} hours')} AS {select};\n"


def fill(db, r):
    db.executescript(SCHEMA)
    now = int(time.time())
    db.execute("BEGIN")
    db.executemany("INSERT INTO meters VALUES(?, ?, ?)", [(i, now - r.randrange(DAYS * DAY_S), r.randrange(400) / 4) for i in range(1, ROWS)])
    db.execute("INSERT INTO meters_twin SELECT * FROM meters")
    db.execute("COMMIT")


def write(r):
    """The statements of one transaction but for its BEGIN and COMMIT."""
    now = int(time.time())
    times = lambda: r.choice([now - r.randrange(3600), now - r.randrange(KEPT_DAYS[1] * DAY_S), now - r.randrange(DAYS * DAY_S), "NULL"])
    identity = lambda: r.randrange(1, ROWS)
    value = lambda: r.randrange(400) / 4
    return [r.choice([
        lambda: f"INSERT INTO meters(ts, v) VALUES({times()}, {value()}), ({times()}, {value()})",
        lambda: f"REPLACE INTO meters VALUES({identity()}, {times()}, {value()})",
        lambda: f"UPDATE meters SET v = {value()} WHERE id % 997 = {r.randrange(997)}",
        lambda: f"UPDATE meters SET ts = {times()} WHERE id = {identity()}",
        lambda: f"UPDATE OR REPLACE meters SET id = {identity()} WHERE id = {identity()}",
        lambda: f"DELETE FROM meters WHERE id = {identity()} OR id > {2 * ROWS}"])() for _ in range(r.choice([1, 1, 3]))] + FOLLOW
