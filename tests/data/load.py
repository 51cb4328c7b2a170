"""Loads the real data beside this script into a SQLite database, as the tables that dashboards sit on.

    python3 load.py DATABASE readings 3000000          one table, so many rows (about)
    python3 load.py DATABASE readings 100000 django    with times as Django writes them (see TIMES)
    python3 load.py DATABASE all                       every table, small

Everything is deterministic: the same call gives the same rows. Python's standard library only.
"""
import csv
import datetime
import gzip
import os
import sqlite3
import sys
from random import Random

HERE = os.path.dirname(os.path.abspath(__file__))
DAY = 86400
START = 1735689600  # 2025-01-01, the first reading and the first point of a recording

_STAMP = "strftime('%Y-%m-%d %H:%M:%S', t, 'unixepoch')"
# How time is written: the column's declared type and the expression, of t (seconds) and u (microseconds).
TIMES = {
    "seconds": ("INTEGER", "t"),
    "milliseconds": ("INTEGER", "t * 1000 + u / 1000"),
    "real": ("REAL", "t + u / 1e6"),
    "sqlalchemy": ("DATETIME", _STAMP + " || printf('.%06d', u)"),
    "pandas": ("TIMESTAMP", _STAMP),
    # str() of a datetime leaves the fraction out when it is zero, so both spellings are in one column.
    "django": ("datetime", _STAMP + " || CASE WHEN u % 8 = 0 THEN '' ELSE printf('.%06d', u) END"),
}


def rows_of(name):
    """The rows of a data file, as dictionaries of text."""
    path = os.path.join(HERE, name)
    with gzip.open(path, "rt") if name.endswith(".gz") else open(path, newline="") as file:
        return list(csv.DictReader(file))


def temperatures():
    """Seattle's temperature for each hour of a year of 365 days, local standard time; hour 0 is the year's last."""
    hourly = [float(row["temperature"]) for row in rows_of("seattle-hourly.csv")]
    return [hourly[-1]] + hourly


def readings(db, rows=100_000, sensors=50, step_s=60, start=START, times="seconds"):
    """readings(id, ts, sensor_id, value), index on ts: each sensor follows Seattle's weather in its own way."""
    type_, expression = TIMES[times]
    hours = temperatures()
    db.executescript(f"""
        CREATE TABLE readings(id INTEGER PRIMARY KEY, ts {type_} NOT NULL, sensor_id INTEGER NOT NULL, value REAL NOT NULL);
        CREATE TEMP TABLE hour(hour INTEGER PRIMARY KEY, now REAL, next REAL);
        CREATE TEMP TABLE sensor(id INTEGER PRIMARY KEY, plus REAL, gain REAL, second INTEGER);""")
    db.execute("BEGIN")
    db.executemany("INSERT INTO hour VALUES (?,?,?)", ((i, t, hours[(i + 1) % len(hours)]) for i, t in enumerate(hours)))
    # Sensors hang in sun and shade and report at seconds of their own.
    db.executemany("INSERT INTO sensor VALUES (?,?,?,?)", (
        (s, s * 37 % 11 - 5 + s % 7 / 10, 0.8 + s * 13 % 9 / 20, s * 7 % step_s) for s in range(1, sensors + 1)))
    # u is a pseudorandom number below a million: the noise, and the fraction of the time where there is one.
    db.execute(f"""
        WITH RECURSIVE tick(i, t) AS (SELECT 0, :start UNION ALL SELECT i + 1, t + :step FROM tick WHERE i + 1 < :ticks)
        INSERT INTO readings(ts, sensor_id, value)
        SELECT {expression}, sensor, round(value + (u - 500000) / 1e6, 2) FROM (
          SELECT tick.t + s.second AS t, s.id AS sensor, (i * 7919 + s.id * 104729) * 48271 % 2147483647 % 1000000 AS u,
                 s.plus + s.gain * (h.now + (h.next - h.now) * ((tick.t + :west) % 3600) / 3600.0) AS value
          FROM tick CROSS JOIN hour h ON h.hour = (tick.t + :west) / 3600 % :hours CROSS JOIN sensor s)""",
               dict(start=start, step=step_s, ticks=max(1, rows // sensors), hours=len(hours),
                    # Seattle's clock is 8 hours behind, and 2025-01-01 is this long after the epoch's first hour of a year
                    west=(-8 * 3600 - START) % (len(hours) * 3600)))
    db.execute("CREATE INDEX readings_by_time ON readings(ts)")
    db.execute("COMMIT")
    db.executescript("DROP TABLE hour; DROP TABLE sensor;")


PANEL_WIDTH, PANEL_HEIGHT = 1500, 1850  # mm


def panel_defects(db, rows=100_000, panels=20, layers=3):
    """defects(id, panel_id, layer, x, y, kind), index on (panel_id, layer, x): a week's earthquakes from Alaska to
    the Caribbean as a cloud with dense spots, shifted from panel to panel."""
    cloud = []
    for q in rows_of("earthquakes.csv"):
        magnitude = float(q["magnitude"] or 0)
        kind = "particle" if magnitude < 1 else "scratch" if magnitude < 2.5 else "short"
        cloud.append(((float(q["longitude"]) + 170) / 110 % 1, (float(q["latitude"]) - 15) / 57 % 1, kind))
    db.executescript("CREATE TABLE defects(id INTEGER PRIMARY KEY, panel_id INTEGER NOT NULL, layer INTEGER NOT NULL, "
                     "x REAL NOT NULL, y REAL NOT NULL, kind TEXT NOT NULL);")
    each = max(1, rows // (panels * layers))

    random = Random(1).random

    def spots():
        for panel in range(1, panels + 1):
            for layer in range(1, layers + 1):
                for i in range(each):
                    x, y, kind = cloud[(i * 3 + layer * 11) % len(cloud)]
                    # The jitter keeps copies of one quake apart; a panel's cloud is moved along its width.
                    x += panel * 0.037 + (random() + random() - 1) / 30
                    y += layer * 0.09 + (random() + random() - 1) / 30
                    yield panel, layer, round(x % 1 * PANEL_WIDTH, 2), round(y % 1 * PANEL_HEIGHT, 2), kind

    db.execute("BEGIN")
    db.executemany("INSERT INTO defects(panel_id, layer, x, y, kind) VALUES (?,?,?,?,?)", spots())
    db.execute("CREATE INDEX defects_by_panel ON defects(panel_id, layer, x)")
    db.execute("COMMIT")


GENERA = ("Bacteroides", "Bifidobacterium", "Clostridium", "Lactobacillus", "Prevotella", "Roseburia", "Akkermansia",
          "Eubacterium", "Faecalibacterium", "Streptococcus")
ACIDS = ("acetate", "butyrate", "propionate", "lactate", "succinate", "valerate", "isobutyrate", "cholate", "deoxycholate",
         "hippurate", "indoleacetate", "citrate", "malate", "fumarate", "formate", "pyruvate")
AMINES = ("tryptamine", "tyramine", "histamine", "putrescine", "cadaverine", "spermidine", "serotonin", "dopamine", "agmatine",
          "phenethylamine", "trimethylamine", "betaine", "carnitine", "choline")


def metabolites(db, rows=30_000, wide=False):
    """unpivoted_data(bacteria, metabolite, value), index on metabolite; with `wide` a view over two wide tables.
    The values are flight distances: real, skewed and with many ties."""
    distances = [int(f["distance"]) for f in rows_of("flights.csv.gz")]
    names = ACIDS + AMINES
    bacteria = [f"{GENERA[i % len(GENERA)]} {i // len(GENERA) + 1}" for i in range(max(1, rows // len(names)))]
    value = lambda b, m: distances[(b * 3571 + m * 6151) % len(distances)] / 100
    db.execute("BEGIN")
    if wide:
        for table, own, first in (("acids", ACIDS, 0), ("amines", AMINES, len(ACIDS))):
            db.execute(f"CREATE TABLE {table}(bacteria TEXT PRIMARY KEY, {', '.join(m + ' REAL' for m in own)})")
            db.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * (len(own) + 1))})", (
                [name] + [value(b, first + m) for m in range(len(own))] for b, name in enumerate(bacteria)))
        db.execute("CREATE VIEW unpivoted_data(bacteria, metabolite, value) AS " + " UNION ALL ".join(
            f"SELECT bacteria, '{m}', {m} FROM {table}" for table, own in (("acids", ACIDS), ("amines", AMINES)) for m in own))
    else:
        db.execute("CREATE TABLE unpivoted_data(bacteria TEXT NOT NULL, metabolite TEXT NOT NULL, value REAL)")
        db.executemany("INSERT INTO unpivoted_data VALUES (?,?,?)", (
            (name, m, value(b, i)) for b, name in enumerate(bacteria) for i, m in enumerate(names)))
        db.execute("CREATE INDEX unpivoted_data_by_metabolite ON unpivoted_data(metabolite)")
    db.execute("COMMIT")


STRATEGIES = ("carry", "hedge", "overnight", "reversal", "trend")


def trades(db, rows=200_000, portfolios=4, days=None):
    """trades(id, portfolio_id, strategy, closed_at, pnl), indexes on closed_at and (portfolio_id, strategy): five
    simple strategies on the S&P 500's daily moves, each day's position closed in a few trades."""
    daily = [(datetime.date.fromisoformat(r["date"]), float(r["close"])) for r in rows_of("sp500-daily.csv")]
    epoch = datetime.date(1970, 1, 1)
    first = max(21, len(daily) - days) if days else 21
    parts = max(1, rows // ((len(daily) - first) * portfolios * len(STRATEGIES)))

    def closed():
        for d in range(first, len(daily)):
            move = daily[d][1] / daily[d - 1][1] - 1
            before = daily[d - 1][1] / daily[d - 2][1] - 1
            trend = 1 if daily[d - 1][1] > daily[d - 21][1] else -1
            position = dict(carry=0.5, hedge=-0.2, overnight=0.3 if before > 0 else 0,
                            reversal=-0.6 if before > 0 else 0.6, trend=0.4 * trend)
            noon = (daily[d][0] - epoch).days * DAY + 15 * 3600
            for portfolio in range(1, portfolios + 1):
                for s, strategy in enumerate(STRATEGIES):
                    for part in range(parts):
                        u = (d * 7919 + portfolio * 104729 + s * 1299709 + part * 15485863) * 48271 % 2147483647
                        noise = (u % 2001 - 1000) * 0.03
                        pnl = position[strategy] * move * 100_000 / parts * (0.6 + 0.2 * portfolio) + noise
                        yield portfolio, strategy, noon + u % 18000, round(pnl, 2)

    db.execute("BEGIN")
    db.execute("CREATE TABLE trades(id INTEGER PRIMARY KEY, portfolio_id INTEGER NOT NULL, strategy TEXT NOT NULL, "
               "closed_at INTEGER NOT NULL, pnl REAL NOT NULL)")
    db.executemany("INSERT INTO trades(portfolio_id, strategy, closed_at, pnl) VALUES (?,?,?,?)", closed())
    db.execute("CREATE INDEX trades_by_time ON trades(closed_at)")
    db.execute("CREATE INDEX trades_by_strategy ON trades(portfolio_id, strategy)")
    db.execute("COMMIT")


def signals(db, rows=200_000, recordings=1, start=START):
    """signals(id, recording_id, signal, t, value), indexes on t and (recording_id, signal): ten points a second of a
    smooth signal (Seattle's temperatures) and a wild one (flight delays in order of departure)."""
    hours = temperatures()
    delays = [int(f["delay"]) for f in rows_of("flights.csv.gz")]
    points = max(1, rows // recordings // 2)

    def series():
        for recording in range(1, recordings + 1):
            begin = start + (recording - 1) * DAY
            for i in range(points):
                at, along = divmod(i * 24 * 14 + recording * 999, points)  # two weeks of hours along the recording
                smooth = hours[at % len(hours)] + (hours[(at + 1) % len(hours)] - hours[at % len(hours)]) * along / points
                yield recording, "temperature", begin + i / 10, round(smooth, 4)
                yield recording, "vibration", begin + i / 10, delays[(i + recording * 7919) % len(delays)] / 8

    db.execute("BEGIN")
    db.execute("CREATE TABLE signals(id INTEGER PRIMARY KEY, recording_id INTEGER NOT NULL, signal TEXT NOT NULL, "
               "t REAL NOT NULL, value REAL NOT NULL)")
    db.executemany("INSERT INTO signals(recording_id, signal, t, value) VALUES (?,?,?,?)", series())
    db.execute("CREATE INDEX signals_by_time ON signals(t)")
    db.execute("CREATE INDEX signals_by_recording ON signals(recording_id, signal)")
    db.execute("COMMIT")


TABLES = {"readings": readings, "panel_defects": panel_defects, "metabolites": metabolites, "trades": trades, "signals": signals}


def main(database, table, rows=None, times=None):
    db = sqlite3.connect(database, isolation_level=None)
    for name, load in TABLES.items():
        if table in (name, "all"):
            load(db, **({"rows": int(rows)} if rows else {}), **({"times": times} if times else {}))
    db.close()


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4, 5) or sys.argv[2] not in [*TABLES, "all"]:
        sys.exit(__doc__)
    main(*sys.argv[1:])
