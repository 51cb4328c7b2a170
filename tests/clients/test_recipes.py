"""The recipes of sql/recipes on real data: what a definition's SELECT gives, what the tool keeps of it, and what the
dashboard queries give, each against an oracle that knows neither: Python, numpy, and the query that each one replaces.
"""
import bisect
import collections
import datetime
import functools
import json
import math
import os
import re
import sys
import zoneinfo

import numpy

import recipes
from almanac import ROOT, connect, directory, equal, shell, tool

sys.path.insert(0, os.path.join(ROOT, "tests", "data"))
import load  # noqa: E402

UTC = datetime.timezone.utc


# --- comparing ---

def plain(value):
    """A value to compare: JSON as what it holds, where 15 and 15.0 are one number."""
    return json.loads(value, parse_int=float) if isinstance(value, str) and value[:1] in ("{", "[") else value


def same_value(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-7)  # sums differ by the order of addition
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_value, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_value(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


def order_key(row):
    """Rows are brought into one order by what is exact in them; floats are rounded and come last."""
    exact = [(str(type(v)), v) for v in row if not isinstance(v, (float, list, dict)) and v is not None]
    return exact, [round(v, 6) for v in row if isinstance(v, float)]


def same_rows(got, expected, what, ordered=False):
    got, expected = ([[plain(v) for v in row] for row in rows] for rows in (got, expected))
    if not ordered:
        got, expected = sorted(got, key=order_key), sorted(expected, key=order_key)
    for a, b in zip(got, expected):
        if len(a) != len(b) or not all(map(same_value, a, b)):
            raise AssertionError(f"{what}\n  got      {str(a)[:500]}\n  expected {str(b)[:500]}")
    equal(len(got), len(expected), f"{what}: the number of rows")


def rows_of(path, sql, extension=False):
    db = connect(path, extension)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


# --- a recipe's life ---

def live_through(recipe, loading, oracles, changes, text=None, queries=True):
    """Loads data, applies the recipe with the tool, and after every change compares each summary, read by a stock
    SQLite, with its oracle (of the raw tables alone): at once where almanac_status says live, else after a refresh."""
    path = os.path.join(directory(), "data.db")
    text = text or recipes.text_of(recipe)
    db = connect(path, extension=False)
    loading(db)
    db.close()
    equal(sorted(d.name for d in recipes.definitions_in(text)), sorted(oracles), f"{recipe}: every definition has an oracle")
    tool("apply", path, "-", stdin=text)
    tool("refresh", path)
    compare(path, recipe, oracles, "first fill")
    if queries:
        compare_queries(path, recipe, text)
    for n, change in enumerate(changes):
        shell(path, change)
        exact = {name for name, in rows_of(path, "SELECT name FROM almanac_status WHERE exact = 'live'")}
        compare(path, recipe, {name: f for name, f in oracles.items() if name in exact}, f"change {n} at once")
        tool("refresh", path)
        compare(path, recipe, oracles, f"change {n} after a refresh")
        equal(rows_of(path, "SELECT name FROM almanac_status WHERE dirty OR last_error IS NOT NULL"), [], f"{recipe}: settled")
    if queries:
        compare_queries(path, recipe, text)
    equal(rows_of(path, "PRAGMA integrity_check"), [("ok",)])
    return path


def compare(path, recipe, oracles, when):
    db = connect(path, extension=False)
    for name, oracle in oracles.items():
        same_rows(db.execute(f"SELECT * FROM {name}").fetchall(), oracle(db), f"{recipe}: {name}, {when}")
    db.close()


def compare_queries(path, recipe, text):
    """Each dashboard query, in a stock SQLite, gives what the query gives that it replaces."""
    for query in recipes.queries_in(text):
        got = rows_of(path, query.sql)
        assert got, f"{recipe}: {query.name}: no rows"
        if query.raw:
            same_rows(got, rows_of(path, query.raw, extension=True), f"{recipe}: {query.name}", ordered=True)


def select_matches(recipe, loading, oracles):
    """The definitions' SELECTs themselves, with the extension, against the oracles."""
    db = connect()
    loading(db)
    for definition in recipes.definitions_in(recipes.text_of(recipe)):
        same_rows(db.execute(definition.select).fetchall(), oracles[definition.name](db), f"{recipe}: {definition.name}")


# --- sensors ---

@functools.lru_cache(None)
def instant(ts):
    """Seconds since 1970, exact, of any of the spellings in load.TIMES (but milliseconds)."""
    if isinstance(ts, str):
        moment = datetime.datetime.fromisoformat(ts).replace(tzinfo=UTC)
        return math.floor(moment.timestamp())
    return math.floor(ts)


@functools.lru_cache(None)
def local_day(t, zone=zoneinfo.ZoneInfo("America/Los_Angeles")):
    day = datetime.datetime.fromtimestamp(t, zone).date()
    return int(datetime.datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


MONDAY = 345600  # 1970-01-05
BUCKETS = {
    "readings_15min": lambda t: t - t % 900,
    "readings_hourly": lambda t: t - t % 3600,
    "readings_daily": lambda t: t - t % 86400,
    "readings_weekly": lambda t: t - (t - MONDAY) % 604800,
    "readings_daily_local": local_day,
}


@functools.lru_cache(None)
def spelled(start, kind, unit=1):
    """A bucket's start in the type of the times it was made of."""
    return f"{datetime.datetime.fromtimestamp(start, UTC):%Y-%m-%d %H:%M:%S}" if kind is str else kind(start * unit)


def sensor_oracles(unit=1):
    def grouped(db, bucket):
        groups = collections.defaultdict(list)
        for id_, ts, sensor, value in db.execute("SELECT id, ts, sensor_id, value FROM readings ORDER BY id"):
            start = bucket(instant(ts if unit == 1 else ts // unit))
            groups[spelled(start, type(ts), unit), sensor].append((ts, value))
        return groups

    def summary(bucket):
        def rows(db):
            for (start, sensor), readings in grouped(db, bucket).items():
                values = [value for _, value in readings]
                yield (start, sensor, len(values), math.fsum(values), math.fsum(values) / len(values), min(values), max(values))
        return lambda db: list(rows(db))

    def latest(db):
        return [(start, sensor, *max(readings)) for (start, sensor), readings in grouped(db, BUCKETS["readings_hourly"]).items()]

    return {**{name: summary(bucket) for name, bucket in BUCKETS.items()}, "readings_latest": latest}


MARCH = 1740787200  # 2025-03-01: the clocks of Los Angeles change on the 9th


def sensor_data(times="seconds", rows=6_000):
    return lambda db: load.readings(db, rows=rows, sensors=9, step_s=1500, start=MARCH, times=times)


def sensor_changes(times="seconds"):
    def at(t, u):
        return re.sub(r"\bu\b", str(u), re.sub(r"\bt\b", str(t), load.TIMES[times][1]))

    last = MARCH + 6_000 // 9 * 1500
    return [
        # late rows, values corrected, readings moved to another hour, a sensor's hours lost
        f"""INSERT INTO readings(ts, sensor_id, value) VALUES ({at(MARCH + 700_007, 250_000)}, 3, 17.25),
              ({at(MARCH + 700_007, 0)}, 4, -3.5), ({at(MARCH + 399_999, 999_999)}, 77, 1), ({at(MARCH - 100_001, 8)}, 3, 2.5);
            UPDATE readings SET value = value + 10 WHERE id % 2001 = 17;
            UPDATE readings SET ts = (SELECT q.ts FROM readings q WHERE q.id = 2500), value = 99.5 WHERE id = 4500;
            DELETE FROM readings WHERE id BETWEEN 3000 AND 3060;""",
        # new rows at the end, and a new day after them
        f"""INSERT INTO readings(ts, sensor_id, value) VALUES ({at(last + 60, 1)}, 7, 8.5), ({at(last + 61, 8)}, 7, 9.5),
              ({at(last + 90_000, 3)}, 7, 10.5);
            DELETE FROM readings WHERE id = 5500; REPLACE INTO readings SELECT id, ts, sensor_id, value - 1 FROM readings WHERE id = 300;""",
    ]


def test_sensors_select():
    select_matches("sensors", sensor_data(), sensor_oracles())


def test_sensors_select_of_text_and_real_times():
    for times in ("sqlalchemy", "pandas", "django", "real"):
        select_matches("sensors", sensor_data(times, rows=3_000), sensor_oracles())


def test_sensors():
    live_through("sensors", sensor_data(), sensor_oracles(), sensor_changes())


def test_sensors_with_sqlalchemy_times():
    live_through("sensors", sensor_data("sqlalchemy"), sensor_oracles(), sensor_changes("sqlalchemy"), queries=False)


def test_sensors_with_pandas_times():
    live_through("sensors", sensor_data("pandas"), sensor_oracles(), sensor_changes("pandas"), queries=False)


def test_sensors_with_django_times():
    live_through("sensors", sensor_data("django"), sensor_oracles(), sensor_changes("django"), queries=False)


def test_sensors_in_milliseconds():
    text = re.sub(r"(time_bucket\('[^']+', ts)", r"\1, 'ms'", recipes.text_of("sensors"))
    live_through("sensors", sensor_data("milliseconds"), sensor_oracles(unit=1000), sensor_changes("milliseconds"), text, queries=False)


def test_sensors_in_real_seconds():
    live_through("sensors", sensor_data("real"), sensor_oracles(), sensor_changes("real"), queries=False)


# --- panel defects ---

WIDTH, HEIGHT = load.PANEL_WIDTH, load.PANEL_HEIGHT


def defects_of(db):
    groups = collections.defaultdict(list)
    for panel, layer, x, y in db.execute("SELECT panel_id, layer, x, y FROM defects ORDER BY id"):
        groups[panel, layer].append((x, y))
    return {key: numpy.array(points).T for key, points in groups.items()}


def trace_of(x, y, cells):
    counts, _, _ = numpy.histogram2d(x, y, bins=cells, range=((0, WIDTH), (0, HEIGHT)))
    dx, dy = WIDTH / cells, HEIGHT / cells
    return dict(type="heatmap", x0=dx / 2, dx=dx, y0=dy / 2, dy=dy, z=counts.T.astype(int).tolist())


def grid_rows(cells):
    def rows(db):
        for (panel, layer), (x, y) in defects_of(db).items():
            inside = (x >= 0) & (x <= WIDTH) & (y >= 0) & (y <= HEIGHT)
            ix = numpy.minimum((x[inside] / (WIDTH / cells)).astype(int), cells - 1)
            iy = numpy.minimum((y[inside] / (HEIGHT / cells)).astype(int), cells - 1)
            for (a, b), n in collections.Counter(zip(ix.tolist(), iy.tolist())).items():
                yield panel, layer, a, b, n
    return lambda db: list(rows(db))


def defect_traces(db):
    return [(panel, layer, len(x), json.dumps(trace_of(x, y, 50)), json.dumps(trace_of(x, y, 100)))
            for (panel, layer), (x, y) in defects_of(db).items()]


DEFECT_ORACLES = {"defect_traces": defect_traces, "defect_grid_50": grid_rows(50), "defect_grid_100": grid_rows(100)}


def defect_data(db):
    load.panel_defects(db, rows=12_000, panels=5, layers=2)
    # on the far edges, on an inner edge and outside
    db.execute("INSERT INTO defects(panel_id, layer, x, y, kind) VALUES (3, 1, 1500, 1850, 'short'), (3, 1, 0, 0, 'short'), "
               "(3, 1, 30, 37, 'short'), (3, 1, 1500.5, 10, 'short'), (3, 2, -0.5, 10, 'short')")


DEFECT_CHANGES = [
    """INSERT INTO defects(panel_id, layer, x, y, kind) VALUES (2, 1, 750, 925, 'scratch'), (9, 1, 1, 2, 'scratch');
       UPDATE defects SET layer = 2, x = 100 WHERE id = 77; DELETE FROM defects WHERE panel_id = 4 AND layer = 2;""",
    "DELETE FROM defects WHERE panel_id = 5; UPDATE defects SET panel_id = 1 WHERE id % 1000 = 1;",
]


def test_panel_defects_select():
    select_matches("panel_defects", defect_data, DEFECT_ORACLES)


def test_panel_defects():
    live_through("panel_defects", defect_data, DEFECT_ORACLES, DEFECT_CHANGES)


def test_the_overlay_is_thinned_evenly_to_its_limit():
    overlay = next(q for q in recipes.queries_in(recipes.text_of("panel_defects")) if "inside a box" in q.name)
    for rows, fewer in ((400_000, False), (2_000, True)):
        db = connect(extension=False)
        load.panel_defects(db, rows=rows, panels=5, layers=2)
        box = db.execute("SELECT x, y, kind FROM defects WHERE panel_id = 3 AND layer = 1 "
                         "AND x BETWEEN 300 AND 900 AND y BETWEEN 600 AND 1200 ORDER BY id").fetchall()
        got = db.execute(overlay.sql).fetchall()
        equal(len(got), min(500, len(box)))
        equal(len(box) <= 500, fewer, "the case is what it says")
        places = {point: i for i, point in enumerate(box)}
        taken = [places[point] for point in got]
        gaps = {b - a for a, b in zip(taken, taken[1:])}
        assert max(gaps) - min(gaps) <= 1 or len(places) < len(box), gaps


# --- top metabolites ---

def ranks(values):
    """rank() of each value among all, highest first."""
    ordered = sorted(-v for v in values)
    return [bisect.bisect_left(ordered, -v) + 1 for v in values]


def by_metabolite(db):
    groups = collections.defaultdict(list)
    for bacteria, metabolite, value in db.execute("SELECT bacteria, metabolite, value FROM unpivoted_data"):
        groups[metabolite].append((bacteria, value))
    return groups


def top_metabolites(db):
    return [(bacteria, metabolite, value, rank) for metabolite, rows in by_metabolite(db).items()
            for (bacteria, value), rank in zip(rows, ranks([value for _, value in rows]))]


def metabolite_extremes(db):
    found = []
    for metabolite, rows in by_metabolite(db).items():
        rows = [row for row in rows if row[1] is not None]
        tops, bottoms = ranks([v for _, v in rows]), ranks([-v for _, v in rows])
        found += [(metabolite, b, v, top, bottom) for (b, v), top, bottom in zip(rows, tops, bottoms) if top <= 20 or bottom <= 20]
    return found


METABOLITE_ORACLES = {"top_metabolites_by_bacteria": top_metabolites, "metabolite_extremes": metabolite_extremes}
# As in the README, to the letter.
AS_WRITTEN = ("CREATE MATERIALIZED VIEW top_metabolites_by_bacteria AS SELECT bacteria, metabolite, value, RANK() OVER "
              "(PARTITION BY metabolite ORDER BY value DESC) AS rank FROM unpivoted_data; "
              "REFRESH MATERIALIZED VIEW top_metabolites_by_bacteria;")


def test_top_metabolites_select():
    select_matches("top_metabolites", lambda db: load.metabolites(db, rows=3_000), METABOLITE_ORACLES)


def test_top_metabolites():
    live_through("top_metabolites", lambda db: load.metabolites(db, rows=3_000), METABOLITE_ORACLES, [
        """INSERT INTO unpivoted_data VALUES ('Roseburia 99', 'butyrate', 1e6), ('Roseburia 99', 'indole', 1);
           UPDATE unpivoted_data SET value = value / 2 WHERE bacteria = 'Prevotella 3'; DELETE FROM unpivoted_data WHERE metabolite = 'malate';""",
        "UPDATE unpivoted_data SET metabolite = 'acetate' WHERE metabolite = 'formate' AND value > 10",
    ])


def test_top_metabolites_as_written_over_a_view_of_wide_tables():
    path = os.path.join(directory(), "wide.db")
    db = connect(path, extension=False)
    load.metabolites(db, rows=3_000, wide=True)
    db.close()
    oracles = {"top_metabolites_by_bacteria": top_metabolites}
    _, refusal = tool("apply", path, recipes.path_of("top_metabolites"), code=1)  # the variant is for a table
    assert "metabolite_extremes" in refusal and "unpivoted_data is a view" in refusal, refusal
    equal(rows_of(path, "SELECT name FROM sqlite_master WHERE name LIKE 'almanac%' OR name LIKE 'top%'"), [], "nothing is left")
    tool("apply", path, "-", stdin=AS_WRITTEN)
    compare(path, "as written", oracles, "after apply")  # REFRESH stands in the file
    shell(path, "UPDATE acids SET butyrate = butyrate * 3 WHERE rowid % 7 = 0; DELETE FROM acids WHERE rowid = 5; "
                "INSERT INTO amines(bacteria, serotonin, dopamine, tyramine) VALUES ('Roseburia 99', 1, 2, 3); "
                "UPDATE amines SET serotonin = 0.5 WHERE serotonin IS NULL;"
                + "".join(f"UPDATE amines SET {m} = 1 WHERE {m} IS NULL;" for m in load.AMINES))
    compare(path, "as written", oracles, "at once")
    tool("refresh", path)
    compare(path, "as written", oracles, "after a refresh")
    equal(rows_of(path, "SELECT name FROM almanac_status WHERE dirty"), [])


# --- portfolio ---

CAPITAL = 100_000
DAY = 86400


def daily_pnl(db):
    groups = collections.defaultdict(lambda: collections.defaultdict(list))
    for portfolio, strategy, closed_at, pnl in db.execute("SELECT portfolio_id, strategy, closed_at, pnl FROM trades ORDER BY id"):
        groups[portfolio, strategy][closed_at - closed_at % DAY].append(pnl)
    return groups


def profits(pnls):
    return math.fsum(p for p in pnls if p > 0), math.fsum(-p for p in pnls if p < 0)


def pnl_daily(db):
    return [(day, *key, len(pnls), math.fsum(pnls), sum(p > 0 for p in pnls), *profits(pnls))
            for key, days in daily_pnl(db).items() for day, pnls in days.items()]


def curves(db):
    """For each portfolio and strategy the days in order, with P&L and equity at their end."""
    for key, days in daily_pnl(db).items():
        equity, curve = CAPITAL, []
        for day in sorted(days):
            pnl = math.fsum(days[day])
            equity += pnl
            curve.append((day, pnl, equity))
        yield key, curve


def equity_daily(db):
    rows = []
    for key, curve in curves(db):
        peak = CAPITAL
        for day, pnl, equity in curve:
            peak = max(peak, equity)
            rows.append((*key, day, pnl, equity, equity / peak - 1))
    return rows


def drawdown_30_days(db):
    """The deepest fall between two days of the last thirty, by brute force."""
    rows = []
    for key, curve in curves(db):
        for i, (day, _, equity) in enumerate(curve):
            frame = [e for d, _, e in curve[max(0, i - 30):i + 1] if d > day - 30 * DAY]
            deepest = min(b / a - 1 for k, a in enumerate(frame) for b in frame[k:])
            rows.append((*key, day, equity, deepest))
    return rows


def strategy_ratios(db):
    rows = []
    for key, days in daily_pnl(db).items():
        pnls = [p for of_day in days.values() for p in of_day]
        profit, loss = profits(pnls)
        rows.append((*key, len(pnls), math.fsum(pnls), sum(p > 0 for p in pnls) / len(pnls), profit / loss if loss else None))
    return rows


def return_bins(db):
    rows = []
    for key, curve in curves(db):
        bins = collections.Counter(math.floor(pnl / (equity - pnl) * 400) for _, pnl, equity in curve)
        rows += [(*key, bin_, days) for bin_, days in bins.items()]
    return rows


PORTFOLIO_ORACLES = dict(pnl_daily=pnl_daily, equity_daily=equity_daily, drawdown_30_days=drawdown_30_days,
                         strategy_ratios=strategy_ratios, return_bins=return_bins)


def trade_data(db):
    load.trades(db, rows=5_000, portfolios=1, days=620)  # the dates of the recipe's queries begin inside


def test_portfolio_select():
    select_matches("portfolio", trade_data, PORTFOLIO_ORACLES)


def test_portfolio():
    live_through("portfolio", trade_data, PORTFOLIO_ORACLES, [
        """INSERT INTO trades(portfolio_id, strategy, closed_at, pnl) SELECT 1, 'carry', closed_at, -1234.5 FROM trades WHERE id = 2000;
           UPDATE trades SET pnl = -pnl WHERE id % 997 = 5; DELETE FROM trades WHERE strategy = 'hedge';""",
        """INSERT INTO trades(portfolio_id, strategy, closed_at, pnl) SELECT 3, 'new', max(closed_at) + 90000, 10.5 FROM trades;
           UPDATE trades SET strategy = 'trend' WHERE id % 500 = 1;""",
    ])


# --- signals ---

def lttb_reference(points, n):
    """Largest Triangle Three Buckets as in the thesis, in plain doubles."""
    size = len(points)
    if n >= size:
        return points
    every, kept, a = (size - 2) / (n - 2), [points[0]], 0
    for i in range(n - 2):
        begin, end = math.floor(i * every) + 1, math.floor((i + 1) * every) + 1
        following = points[end:min(math.floor((i + 2) * every) + 1, size)]
        cx = cy = 0.0
        for x, y in following:
            cx += x
            cy += y
        cx, cy = cx / len(following), cy / len(following)
        (ax, ay), best = points[a], -1.0
        for j in range(begin, end):
            x, y = points[j]
            area = abs((ax - cx) * (y - ay) - (ax - x) * (cy - ay)) * 0.5
            if area > best:
                best, a = area, j
        kept.append(points[a])
    return kept + [points[-1]]


def series_of(db):
    groups = collections.defaultdict(list)
    for recording, signal, t, value in db.execute("SELECT recording_id, signal, t, value FROM signals ORDER BY t, id"):
        groups[recording, signal].append((t, value))
    return groups


def signals_by_minute(db):
    rows = []
    for key, series in series_of(db).items():
        minutes = collections.defaultdict(list)
        for t, value in series:
            minutes[math.floor(t / 60) * 60.0].append(value)
        rows += [(minute, *key, len(v), min(v), max(v), v[0], v[-1]) for minute, v in minutes.items()]
    return rows


def signal_overviews(db):
    return [(*key, len(series), series[0][0], series[-1][0], json.dumps(lttb_reference(series, 2000)))
            for key, series in series_of(db).items()]


SIGNAL_ORACLES = dict(signals_by_minute=signals_by_minute, signal_overviews=signal_overviews)


def signal_data(db):
    load.signals(db, rows=200_000)  # a recording of two signals, 100,000 points each
    db.execute("INSERT INTO signals(recording_id, signal, t, value) "
               "SELECT 2, signal, t + 86400, value FROM signals WHERE id <= 3000")


def test_signals_select():
    select_matches("signals", signal_data, SIGNAL_ORACLES)


def test_signals():
    live_through("signals", signal_data, SIGNAL_ORACLES, [
        """INSERT INTO signals(recording_id, signal, t, value) SELECT 2, 'vibration', t + 86400.05, -500 FROM signals WHERE id = 1000;
           UPDATE signals SET value = 400 WHERE id = 200500; DELETE FROM signals WHERE recording_id = 1 AND t BETWEEN 1735690000 AND 1735690100;""",
    ])


# --- the files themselves ---

def test_every_recipe_says_what_it_is_for_and_has_queries():
    for name in recipes.names():
        text = recipes.text_of(name)
        assert text.startswith("-- ") and "\n-- For: " in text, name
        equal(len(recipes.definitions_in(text)), len(re.findall(r"^CREATE MATERIALIZED VIEW", text, re.M)), f"{name}: definitions read")
        equal(len(recipes.queries_in(text)), len(re.findall(r"^-- query:", text, re.M)), f"{name}: queries read")
        assert max(map(len, text.splitlines())) <= 140, name
    equal(recipes.names(), ["panel_defects", "portfolio", "sensors", "signals", "top_metabolites"])
