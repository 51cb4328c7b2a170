"""What the processes of test_processes.py work on: a plant's tables, its summaries with their queries, and its writers' statements.

The queries are the oracle: plain SQL without a function of ours; local days are zoneinfo's.
"""
import datetime
import functools
import zoneinfo

from comparison import difference

DAY_S = 86400
BASE_S = 1704067200  # 2024-01-01 00:00:00
SPAN_S = 100 * DAY_S
ROWS = 1500
KEYS = 5
KINDS = ["on", "off", "alarm"]

SCHEMA = """
    CREATE TABLE sensors(k INTEGER PRIMARY KEY, label TEXT, factor REAL);
    CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, k INTEGER REFERENCES sensors(k) ON DELETE CASCADE ON UPDATE CASCADE, v REAL, note TEXT UNIQUE);
    CREATE INDEX by_time ON readings(ts);
    CREATE INDEX by_key ON readings(k);
    CREATE TABLE events(ts TEXT NOT NULL, kind TEXT NOT NULL, v INTEGER, PRIMARY KEY(ts, kind)) WITHOUT ROWID;
    CREATE TABLE commands(at TEXT, v INTEGER);
    CREATE TRIGGER app_command AFTER INSERT ON commands BEGIN INSERT OR REPLACE INTO events VALUES(NEW.at, 'command', NEW.v); END;
    CREATE TRIGGER app_alarm AFTER UPDATE OF v ON readings WHEN NEW.v > 98 BEGIN
      INSERT OR REPLACE INTO events SELECT datetime(NEW.ts, 'unixepoch'), 'alarm', NEW.id WHERE NEW.ts IS NOT NULL; END;
"""


def iso(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


@functools.lru_cache(maxsize=None)
def berlin_day(text):
    """The instant, as UTC text, at which the local day of a UTC text began."""
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    local = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc).astimezone(berlin)
    midnight = local.replace(hour=0, minute=0, second=0)
    return midnight.astimezone(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _start(width_s):
    return f"ts - (ts % {width_s} + {width_s}) % {width_s}"


_MONTH = "CAST(strftime('%s', ts, 'unixepoch', 'start of month') AS INTEGER)"
_RANKED = "SELECT k, v, rank() OVER (PARTITION BY k ORDER BY v DESC, id) AS place FROM readings"
_RANKS = "SELECT id, k, rank() OVER (ORDER BY v DESC, id) AS place FROM readings"


def _bucketed(bucket, query_bucket, rest):
    """A definition's SELECT and its query, which differ in the bucket only."""
    return f"SELECT {bucket} AS bucket, {rest}", f"SELECT {query_bucket} AS bucket, {rest}"


# name: (options, SELECT, query); of a chain, too, the query reads raw rows.
SUMMARIES = {
    "quarters": ("", *_bucketed("time_bucket('15 minutes', ts)", _start(900), "count(*) AS n, sum(v) AS total FROM readings GROUP BY 1")),
    "hourly": ("", *_bucketed("time_bucket('1 hour', ts)", _start(3600), "k, count(*) AS n, sum(v) AS total FROM readings GROUP BY 1, 2")),
    "daily": ("", *_bucketed("time_bucket('1 day', ts)", _start(DAY_S), "count(*) AS n, max(v) AS high FROM readings GROUP BY 1")),
    "monthly": ("", *_bucketed("time_bucket('1 month', ts)", _MONTH, "k, min(v) AS low FROM readings GROUP BY 1, 2")),
    "days": ("", "SELECT time_bucket('1 day', bucket) AS bucket, k, sum(n) AS n, sum(total) AS total FROM hourly GROUP BY 1, 2",
             f"SELECT {_start(DAY_S)} AS bucket, k, count(*) AS n, sum(v) AS total FROM readings GROUP BY 1, 2"),
    "months": ("", "SELECT time_bucket('1 month', bucket) AS bucket, sum(n) AS n, sum(total) AS total FROM days GROUP BY 1",
               f"SELECT {_MONTH} AS bucket, count(*) AS n, sum(v) AS total FROM readings GROUP BY 1"),
    "labelled": ("WITH (source = readings)", *_bucketed("time_bucket('1 hour', ts)", _start(3600),
                 "label, sum(v * factor) AS total FROM readings JOIN sensors ON sensors.k = readings.k GROUP BY 1, 2")),
    "ranked": ("WITH (partition = k)", _RANKED, _RANKED),
    "ranks": ("", _RANKS, _RANKS),
    "event_hours": ("", *_bucketed("time_bucket('1 hour', ts)", "substr(ts, 1, 13) || ':00:00'", "kind, count(*) AS n, sum(v) AS total FROM events GROUP BY 1, 2")),
    "event_days": ("", *_bucketed("time_bucket('1 day', ts, 'Europe/Berlin')", "berlin_day(ts)", "count(*) AS n, min(v) AS low FROM events GROUP BY 1")),
    "event_weeks": ("", "SELECT time_bucket('7 days', bucket) AS bucket, sum(n) AS n FROM event_hours GROUP BY 1",
                    "SELECT datetime(ts, 'weekday 0', '-6 days', 'start of day') AS bucket, count(*) AS n FROM events GROUP BY 1"),
    "event_kinds": ("WITH (partition = kind)", *(["SELECT kind, count(*) AS n, max(ts) AS latest FROM events GROUP BY kind"] * 2)),
}


def definition(name):
    options, select, _ = SUMMARIES[name]
    return f"CREATE MATERIALIZED VIEW {name} {options} AS {select};\n"


def fill(db, r):
    db.executescript(SCHEMA)
    db.execute("BEGIN")
    db.executemany("INSERT INTO sensors VALUES(?, ?, ?)", [(k, f"sensor {k}", k / 2) for k in range(KEYS)])
    db.executemany("INSERT INTO readings VALUES(?, ?, ?, ?, ?)", [(i, BASE_S + r.randrange(SPAN_S), r.randrange(KEYS), r.randrange(400) / 4, f"note {i}" if i % 3 else None)
                                                                  for i in range(1, ROWS)])
    db.executemany("INSERT OR REPLACE INTO events VALUES(?, ?, ?)", [(iso(BASE_S + r.randrange(SPAN_S)), r.choice(KINDS), r.randrange(50)) for _ in range(ROWS // 3)])
    db.execute("COMMIT")


# ---------------------------------------------------------------------------------------------------------- writers

def _time(r, n):
    """Late, at the open end, ahead of it, before 1970, none."""
    chance = r.random()
    if chance < 0.03:
        return r.choice(["NULL", -r.randrange(400 * DAY_S), BASE_S + 2 * SPAN_S + n])
    return BASE_S + (r.randrange(SPAN_S) if chance < 0.6 else SPAN_S + r.randrange(2 * DAY_S))


def _event_time(r):
    return f"'{iso(BASE_S + (r.randrange(0, SPAN_S, 600) if r.random() < 0.6 else SPAN_S + r.randrange(0, 2 * DAY_S, 600)))}'"


def writes(r):
    """A function that gives one statement of any kind of DML: (kind, SQL)."""
    identity = lambda: r.randrange(1, ROWS)
    key = lambda: r.choice([*range(KEYS), "NULL"])
    value = lambda: r.randrange(400) / 4
    note = lambda: r.choice(["NULL", f"'note {identity()}'"])
    time = lambda: _time(r, identity())
    row = lambda first: f"({first}, {time()}, {key()}, {value()}, {note()})"
    rows = lambda first: ", ".join(row(first()) for _ in range(r.choice([1, 1, 1, 4])))
    event = lambda: f"({_event_time(r)}, '{r.choice(KINDS)}', {r.randrange(50)})"
    some = lambda: r.choice([f"id = {identity()}", f"id % 499 = {r.randrange(499)}", f"note = 'note {identity()}'"])
    kinds = {
        "insert": (6, lambda: f"INSERT INTO readings VALUES {rows(lambda: 'NULL')}"),
        "insert or ignore": (3, lambda: f"INSERT OR IGNORE INTO readings VALUES {rows(identity)}"),
        "insert or fail": (1, lambda: f"INSERT OR FAIL INTO readings VALUES {rows(identity)}"),
        "insert or rollback": (0.3, lambda: f"INSERT OR ROLLBACK INTO readings VALUES {rows(identity)}"),
        "replace": (6, lambda: f"REPLACE INTO readings VALUES {rows(identity)}"),
        "upsert": (4, lambda: f"INSERT INTO readings VALUES {row(identity())} ON CONFLICT(id) DO UPDATE SET {r.choice(['v = excluded.v', 'ts = excluded.ts, k = excluded.k'])}"),
        "upsert of a note": (2, lambda: f"INSERT INTO readings VALUES {row('NULL')} ON CONFLICT(note) DO UPDATE SET v = v + excluded.v"),
        "upsert of nothing": (1, lambda: f"INSERT INTO readings VALUES {row(identity())} ON CONFLICT DO NOTHING"),
        "update of the value": (5, lambda: f"UPDATE readings SET v = {value()} WHERE {some()}"),
        "update of the time": (5, lambda: f"UPDATE readings SET ts = {r.choice([time(), 'ts + 3600', 'ts - 86400'])} WHERE {some()}"),
        "update of the key": (3, lambda: f"UPDATE readings SET k = {key()} WHERE {some()}"),
        "update of the rowid": (2, lambda: f"UPDATE OR IGNORE readings SET {r.choice(['id', 'rowid', 'oid'])} = {identity()} WHERE {some()}"),
        "update or replace": (4, lambda: f"UPDATE OR REPLACE readings SET {r.choice([f'id = {identity()}', f'rowid = {identity()}', f'note = {note()}'])} WHERE id = {identity()}"),
        "delete": (6, lambda: f"DELETE FROM readings WHERE {some()}"),
        "delete of the newest ids": (1, lambda: f"DELETE FROM readings WHERE id >= {ROWS + r.randrange(ROWS // 3)}"),
        "delete of a range": (1, lambda: f"DELETE FROM readings WHERE ts BETWEEN {BASE_S + SPAN_S} AND {BASE_S + SPAN_S + r.randrange(3 * DAY_S)}"),
        "cascade of a delete": (0.1, lambda: f"DELETE FROM sensors WHERE k = {r.randrange(KEYS)}"),
        "cascade of an update": (0.2, lambda: f"UPDATE OR IGNORE sensors SET k = {r.randrange(KEYS)} WHERE k = {r.randrange(KEYS)}"),
        "new sensor": (0.5, lambda: f"INSERT OR IGNORE INTO sensors VALUES({r.randrange(KEYS)}, 'new', 2)"),
        "joined table": (0.3, lambda: f"UPDATE sensors SET factor = {value()}, label = 'sensor {r.randrange(9)}' WHERE k = {r.randrange(KEYS)}"),
        "event": (4, lambda: f"INSERT OR IGNORE INTO events VALUES {event()}, {event()}"),
        "event replaced": (3, lambda: f"REPLACE INTO events VALUES {event()}"),
        "event upserted": (2, lambda: f"INSERT INTO events VALUES {event()} ON CONFLICT(ts, kind) DO UPDATE SET v = excluded.v"),
        "event moved": (2, lambda: f"UPDATE OR REPLACE events SET ts = {_event_time(r)} WHERE ts >= {_event_time(r)} AND v = {r.randrange(50)}"),
        "events deleted": (2, lambda: f"DELETE FROM events WHERE v = {r.randrange(50)} AND ts > {_event_time(r)}"),
        "app's trigger": (1, lambda: f"INSERT INTO commands VALUES({_event_time(r)}, {r.randrange(50)})"),
    }
    names, weights = list(kinds), [weight for weight, _ in kinds.values()]

    def one():
        name = r.choices(names, weights)[0]
        return name, kinds[name][1]()
    return one
