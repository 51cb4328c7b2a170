"""time_bucket against an independent reference: whole numbers and fractions of Python, its zoneinfo, SQLite's dates.

The numbers R-1 to R-11 are the requirements in ext/function/time_bucket.c.
"""
import math
import os
import random
import re
import struct
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from almanac import connect, directory, equal, error_of

SEED = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 32)))
TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
MONDAY = 946857600  # 2000-01-03
EPOCH = datetime(1970, 1, 1)
ZONES = ["Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "America/St_Johns", "Africa/Casablanca",
         "Europe/Berlin", "America/New_York", "Europe/Dublin", "Pacific/Apia", "America/Havana", "Antarctica/Troll"]

db = connect()


def seeded(test):
    """Gives a test its random numbers, and shows their seed if it fails."""
    def run():
        try:
            test(random.Random(f"{SEED} {test.__name__}"))
        except Exception:
            print(f"ALMANAC_SEED={SEED}")
            raise
    return run


def one(sql, *parameters):
    return db.execute("SELECT " + sql, parameters).fetchone()[0]


def buckets(values, *arguments):
    """time_bucket over a column of `values`; arguments are (width, modifier ...), constant in the statement."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS v(i INTEGER PRIMARY KEY, ts)")
    db.execute("DELETE FROM v")
    db.executemany("INSERT INTO v(ts) VALUES (?)", [(v,) for v in values])
    marks = "".join(", ?" for _ in arguments[1:])
    return [r[0] for r in db.execute(f"SELECT time_bucket(?, ts{marks}) FROM v ORDER BY i", arguments)]


def check(values, expected, *arguments):
    got = buckets(values, *arguments)
    for value, a, b in zip(values, got, expected):
        if a != b or type(a) is not type(b):
            raise AssertionError(f"time_bucket of {value!r} with {arguments}: {a!r}, expected {b!r}")


# ---- The reference ----

def fixed(at, width, origin):
    return at - (at - origin) % width


def months(at, n, origin):
    """Start of the bucket of n months on a clock that reads `at` (seconds); origin is a datetime."""
    clock = EPOCH + timedelta(seconds=at)
    index = (clock.year - origin.year) * 12 + clock.month - origin.month
    while True:  # the latest bucket of which the start is not after the clock
        index -= index % n
        year, month = divmod(origin.year * 12 + origin.month - 1 + index, 12)
        start = datetime(year, month + 1, origin.day, origin.hour, origin.minute, origin.second)
        if start <= clock:
            return int((start - EPOCH).total_seconds())
        index -= 1


def offset(zone, at):
    return int(datetime.fromtimestamp(at, timezone.utc).astimezone(zone).utcoffset().total_seconds())


@lru_cache(None)
def changes(name, year):
    """[(instant, offset before, offset after)] of a year, by looking at every 6th hour and bisecting."""
    zone, found = ZoneInfo(name), []
    at = int((datetime(year, 1, 1) - EPOCH).total_seconds())
    end = int((datetime(year + 1, 1, 1) - EPOCH).total_seconds()) if year < 9999 else at + 365 * 86400 - 86400
    before = offset(zone, at)
    while at < end:
        after = offset(zone, min(at + 21600, end))
        if after != before:
            low, high = at, min(at + 21600, end)
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(zone, middle) == before else (low, middle)
            found.append((high, before, after))
            before = after
        at += 21600
    return found


def zoned(at, floor, name):
    """R-8 to the letter: of all instants not after `at` at which the clock reads the start or skips it, the latest."""
    here = offset(ZoneInfo(name), at)
    start = floor(at + here)
    first_year = (EPOCH + timedelta(seconds=start - 2 * 86400)).year
    last_year = (EPOCH + timedelta(seconds=at)).year
    stretches, jumps, since = [], [], start - 3 * 86400
    for u, before, after in [c for y in range(first_year, last_year + 1) for c in changes(name, y)]:
        if since < u <= at:
            stretches.append((since, u, before))
            jumps.append((u, before, after))
            since = u
    stretches.append((since, at + 1, here))
    reads = [start - o for since, until, o in stretches if since <= start - o < until]
    skips = [u for u, before, after in jumps if u + before <= start < u + after]
    return max(reads + skips)


# ---- Numbers ----

@seeded
def test_integers(r):
    """(R-1, R-2, R-3) every unit, widths as text and as numbers, both signs."""
    widths = {"1 second": 1, "30s": 30, "15 minutes": 900, "15m": 900, "15min": 900, "1 hour": 3600, "hour": 3600, "1h": 3600,
              "1 day": 86400, "day": 86400, "1d": 86400, "1 week": 604800, "1w": 604800, "7 hours": 25200, "PT15M": 900,
              "P1D": 86400, "P1DT12H": 129600, "P2W": 1209600, "1h30m": 5400, "2 weeks 1 day 3 hours": 1306800, "1.5 hours": 5400,
              " 90  MINUTES ": 5400, "0.5d": 43200, "PT1.5H": 5400}
    for text, width in widths.items():
        unit = r.choice(list(TICKS))
        ticks = TICKS[unit]
        values = [r.randrange(-4 * 10**9, 8 * 10**9) * ticks + r.randrange(ticks) for _ in range(40)]
        values += [k * width * ticks + MONDAY * ticks + d for k in (-3, 0, 5) for d in (-1, 0, 1)] + [0, -1, 1]
        values = [v for v in values if abs(v) < 2**63]
        expected = [fixed(v, width * ticks, MONDAY * ticks) for v in values]
        check(values, expected, text, unit)
        if unit == "s":
            check(values, expected, text)
        check(values, [fixed(v, width * ticks, 0) for v in values], width * ticks)
        check(values, [fixed(v, width * ticks, 0) for v in values], float(width * ticks))
    for text, unit, width in [("500ms", "ms", 500), ("250 us", "us", 250), ("1500ms", "ms", 1500), ("1.5s", "us", 1500000),
                              ("7ns", "ns", 7), ("700 milliseconds", "ns", 700 * 10**6), ("1 day 1ns", "ns", 86400 * 10**9 + 1)]:
        ticks = TICKS[unit]
        values = [r.randrange(-2**62, 2**62) for _ in range(50)] + [r.randrange(-5 * width, 5 * width) for _ in range(50)]
        check(values, [fixed(v, width, MONDAY * ticks) for v in values], text, unit)
    values = [r.randrange(-1000, 1000) for _ in range(100)]
    for width in (1, 7, 10, 86400):
        check(values, [v // width * width for v in values], width)
    # Widths that divide a day or a week are the same from 1970 and from 2000.
    check(values, [fixed(v, 3600, 0) for v in values], "1 hour")


def test_width_that_divides_the_unit():
    """(R-4) seconds in buckets of half a second stay as they are."""
    check([3, -3, 2**62], [3, -3, 2**62], "500ms")
    check([3, -3], [3, -3], "1ns", "us")
    check([3, -3], [3, -3], "PT0.25S")


@seeded
def test_fractions(r):
    """(R-4) REAL times, and widths that are no whole number of their unit."""

    def nearest(x, width, origin):
        k = math.floor((Fraction(x) - origin) / width)
        return max(s for s in (float(origin + (k + d) * width) for d in (-1, 0, 1, 2)) if s <= x)

    for text, width in {"100ms": Fraction(1, 10), "500 ms": Fraction(1, 2), "1.5 s": Fraction(3, 2), "700ms": Fraction(7, 10),
                        "1 hour": Fraction(3600), "1 day": Fraction(86400), "33 us": Fraction(33, 10**6)}.items():
        origin = Fraction(MONDAY) % width
        values = [r.uniform(-1e6, 2e9) for _ in range(100)] + [r.randrange(-50, 50) / 10 for _ in range(100)]
        check(values, [nearest(v, width, origin) for v in values], text)
        starts = buckets(values, text)
        check(starts, starts, text)  # a start is in its own bucket
    values = [r.uniform(-1e13, 2e13) for _ in range(100)]
    check(values, [float(fixed(math.floor(v), 3600000, 0)) for v in values], "1 hour", "ms")
    check(values, [float(math.floor(v / 900000) * 900000) for v in values], 900000)
    check([0.3, 0.25, -0.1, 7.75, 1e300], [0.25, 0.25, -0.25, 7.75, 1e300], 0.25)
    check([1.5, 1e19, -1e19, math.inf], [0.0, nearest(1e19, 3600, 0), nearest(-1e19, 3600, 0), math.inf], 3600)
    # INTEGER where the start is whole, else REAL
    check([0, 1, 2, 3, 4, -1], [0, 0, 1.5, 3, 3, -1.5], 1.5)
    check([0, 1, 2, 3], [0, 0, 1.5, 3], "1.5 s")


def test_ends_of_64_bits():
    """(R-10) no wrap-around: NULL where the start is below -2^63."""
    low, high = -2**63, 2**63 - 1
    for width in ("1 hour", "1 day", "1 week", 7, 3600, 2**62):
        ticks = {"1 hour": 3600, "1 day": 86400, "1 week": 604800}.get(width, width)
        origin = MONDAY if isinstance(width, str) else 0
        for at in (low, low + 1, low + ticks, high, high - 1):
            start = fixed(at, ticks, origin)
            check([at], [start if start >= low else None], width)
    for arguments in (("1 month",), ("1 day", "Europe/Berlin"), ("1 year", "Europe/Berlin")):
        check([low, high, low + 5], [None, None, None], *arguments)
        for unit in ("ms", "us", "ns"):
            got = buckets([low, low + 1, high], *arguments, unit)
            assert all(g is None or low <= g <= at for g, at in zip(got, (low, low + 1, high))), (arguments, unit, got)
    check([9.2e18, -9.2e18, 1e300, -math.inf], [None] * 4, "1 month")
    check([2**63 - 1], [fixed(high, 10**9, 0)], "1 s", "ns")
    for width, unit in (("106751 days", "ns"), ("PT9223372036.854775807S", "ns")):
        got = buckets([low, -1, 0, high], width, unit)
        assert got[0] is None or got[0] <= low and got[1] <= -1 <= got[3] <= high, got


# ---- Months and origins ----

@seeded
def test_months(r):
    """(R-2, R-9) months, quarters, years, decades; from the first to the last year of the calendar."""
    origin = datetime(2000, 1, 1)
    for text, n in {"1 month": 1, "month": 1, "1mo": 1, "3 months": 3, "quarter": 3, "P3M": 3, "1y": 12, "1 year": 12, "P1Y6M": 18,
                    "5 months": 5, "10 years": 120, "1.5 years": 18, "100y": 1200, "year": 12}.items():
        values = [r.randrange(-45 * 10**9, 200 * 10**9) for _ in range(60)] + [r.randrange(0, 4 * 10**9) for _ in range(60)]
        check(values, [months(v, n, origin) for v in values], text)
        check([v * 1000 + 999 for v in values], [months(v, n, origin) * 1000 for v in values], text, "ms")
        check([v + 0.75 for v in values], [float(months(v, n, origin)) for v in values], text)
        stamps = [str(EPOCH + timedelta(seconds=v)) for v in values]
        check(stamps, [str(EPOCH + timedelta(seconds=months(v, n, origin))) for v in values], text)


@seeded
def test_origins(r):
    """(R-9)"""
    for _ in range(40):
        origin = datetime(r.randrange(1, 3000), r.randrange(1, 13), r.randrange(1, 29), r.randrange(24), r.randrange(60), r.randrange(60))
        if r.random() < 0.5:
            origin = datetime(origin.year, origin.month, origin.day)
        text = "origin=" + (origin.strftime("%Y-%m-%d").zfill(10) if r.random() < 0.5 and origin == datetime(*origin.timetuple()[:3])
                            else str(origin))
        at = int((origin - EPOCH).total_seconds())
        values = [r.randrange(-10**10, 10**10) for _ in range(30)] + [at + d for d in (-1, 0, 1)]
        for width, seconds in (("1 day", 86400), ("1 week", 604800), ("7 hours", 25200), ("11 days", 950400)):
            check(values, [fixed(v, seconds, at) for v in values], width, text)
            check([v * 1000 for v in values], [fixed(v, seconds, at) * 1000 for v in values], width, text, "ms")
        check(values, [fixed(v, 1000, at) for v in values], 1000, text)
        check(values, [fixed(v, 1000, at) for v in values], 1000.0, text)
        floats = [v / 8 for v in values]
        check(floats, [float(math.floor((Fraction(v) - at) / Fraction(7, 8)) * Fraction(7, 8) + at) for v in floats], "875ms", text)
        # not whole seconds and far from the origin, in text
        stamps = [str(EPOCH + timedelta(seconds=v % 10**10, milliseconds=r.randrange(1000))) for v in values]
        exact = [Fraction(int((datetime.fromisoformat(s) - EPOCH) / timedelta(microseconds=1)), 10**6) for s in stamps]
        starts = [math.floor((e - at) / Fraction(7, 10)) * Fraction(7, 10) + at for e in exact]
        check(stamps, [(EPOCH + timedelta(microseconds=int(s * 10**6))).isoformat(" ", "milliseconds") for s in starts], "700ms", text)
        for n in (1, 2, 5, 12):
            inside = [v for v in values if -6 * 10**10 < v]
            check(inside, [months(v, n, origin) for v in inside], f"{n} months", text)
    equal(one("time_bucket('1 day', 100000, 'origin=1970-01-01T06:00:00+02:00')"), 4 * 3600 + 0 * 86400 if 100000 < 86400 + 14400 else 100800)


# ---- Zones ----

GRAINS = {"1 hour": 3600, "15 minutes": 900, "2 hours": 7200, "6 hours": 21600, "1 day": 86400, "2 days": 172800, "1 week": 604800,
          "1 minute": 60, "45 minutes": 2700, "7 hours": 25200}
MONTHS = {"1 month": 1, "3 months": 3, "1 year": 12, "7 months": 7}


def around(r, name, years):
    """Instants near the zone's changes and anywhere, in some years."""
    found = []
    for year in years:
        start = int((datetime(year, 1, 1) - EPOCH).total_seconds())
        found += [start + r.randrange(365 * 86400) for _ in range(4)]
        for u, before, after in changes(name, year):
            found += [u + d for d in (-86400, -3601, -3600, -1801, -1, 0, 1, 1799, 1800, 3599, 3600, 7200, 86399)]
            found += [u + r.randrange(-2 * 86400, 2 * 86400) for _ in range(6)]
    return found


@seeded
def test_zones(r):
    """(R-8) a dozen zones, near every change of their clocks."""
    for name in ZONES:
        years = [1905, 1919, 1945, 1986, 1996, 2011, 2018, 2023, 2024, 2025, 2037, 2038, 2100, 2101, 2399] + r.sample(range(1890, 2120), 6)
        values = around(r, name, years)
        for width, seconds in GRAINS.items():
            check(values, [zoned(v, lambda c: fixed(c, seconds, MONDAY), name) for v in values], width, name)
        origin = datetime(2000, 1, 1)
        for width, n in MONTHS.items():
            few = r.sample(values, min(len(values), 150))
            check(few, [zoned(v, lambda c: months(c, n, origin), name) for v in few], width, name)


@seeded
def test_zones_in_all_forms(r):
    """(R-1, R-8, R-9) units, REAL, text, origins and the order of modifiers with a zone."""
    for name in ZONES[:8]:
        values = r.sample(around(r, name, [1970, 1984, 1999, 2011, 2024]), 20)
        for width, seconds in (("1 day", 86400), ("1 hour", 3600), ("1 week", 604800)):
            expected = [zoned(v, lambda c: fixed(c, seconds, MONDAY), name) for v in values]
            for unit, ticks in TICKS.items():
                order = r.choice([(name, unit), (unit, name)])
                check([v * ticks + ticks - 1 for v in values], [e * ticks for e in expected], width, *order)
            check([v + 0.5 for v in values], [float(e) for e in expected], width, name)
            stamps = [(EPOCH + timedelta(seconds=v)).isoformat("T") + ".75Z" for v in values]
            check(stamps, [(EPOCH + timedelta(seconds=e)).isoformat("T") + "Z" for e in expected], width, name)
            at = r.randrange(86400 * 365)
            text = "origin=" + str(EPOCH + timedelta(seconds=at))
            check(values, [zoned(v, lambda c: fixed(c, seconds, at), name) for v in values], width, text, name)
        # A number is a time with a zone, and counts from 1970.
        check(values, [zoned(v, lambda c: fixed(c, 86400, 0), name) for v in values], 86400, name)
        check([v * 1000 for v in values], [zoned(v, lambda c: fixed(c, 86400, 0), name) * 1000 for v in values], 86400000.0, "ms", name)
        # Parts of a second start alike everywhere.
        check([0.3, 1700000000.77], [0.3, 1700000000.7], "100ms", name)
    equal(one("time_bucket('1 day', '2024-07-15', 'Europe/Berlin')"), "2024-07-14")  # the UTC date of 22:00 on the 14th
    equal(one("time_bucket('1 day', '2024-07-14T23:30', 'Europe/Berlin')"), "2024-07-14T22:00:00")


def test_known_nights():
    """(R-8) by hand: the two hours of autumn, days of 23 and 25 hours, a day that Samoa left out, a half hour, Havana."""
    def stamps(width, zone, *values):
        return [one("time_bucket(?, ?, ?)", width, v, zone) for v in values]
    equal(stamps("1 hour", "Europe/Berlin", "2024-10-27 00:59", "2024-10-27 01:00", "2024-10-27 01:59:59"),
          ["2024-10-27 00:00:00", "2024-10-27 01:00:00", "2024-10-27 01:00:00"])
    equal(stamps("1 day", "Europe/Berlin", "2024-10-26 22:00", "2024-10-27 22:59:59", "2024-10-27 23:00"),
          ["2024-10-26 22:00:00", "2024-10-26 22:00:00", "2024-10-27 23:00:00"])
    equal(stamps("1 day", "America/New_York", "2024-03-10 05:00", "2024-03-11 03:59", "2024-03-11 04:00"),
          ["2024-03-10 05:00:00", "2024-03-10 05:00:00", "2024-03-11 04:00:00"])
    equal(stamps("2 hours", "Europe/Berlin", "2024-03-31 01:30"), ["2024-03-31 01:00:00"])  # 02:00 is skipped
    equal(stamps("1 day", "Pacific/Apia", "2011-12-30 09:59", "2011-12-30 10:00"), ["2011-12-29 10:00:00", "2011-12-30 10:00:00"])
    equal(stamps("1 hour", "Asia/Kathmandu", "2024-01-01 00:14", "2024-01-01 00:15"), ["2023-12-31 23:15:00", "2024-01-01 00:15:00"])
    equal(stamps("1 hour", "Australia/Lord_Howe", "2024-04-06 14:59", "2024-04-06 15:15", "2024-04-06 15:30"),
          ["2024-04-06 14:00:00", "2024-04-06 14:00:00", "2024-04-06 15:30:00"])
    equal(stamps("1 day", "America/Havana", "2024-11-03 04:30", "2024-11-03 05:30", "2024-11-04 04:59"),
          ["2024-11-03 04:00:00", "2024-11-03 05:00:00", "2024-11-03 05:00:00"])
    equal(stamps("1 month", "Europe/Berlin", "2024-04-15"), ["2024-03-31"])


@seeded
def test_every_zone(r):
    """(R-8) each zone of the system opens, and days start as Python's zoneinfo says."""
    names = sorted(n for n in available_timezones() if n != "localtime")
    assert len(names) > 300
    for name in names:
        zone = ZoneInfo(name)
        values = [r.randrange(-2 * 10**9, 6 * 10**9) for _ in range(12)] + [r.randrange(6 * 10**9, 250 * 10**9) for _ in range(3)]
        got = [r2[0] for r2 in db.execute("SELECT local_time(value, ?) FROM json_each(?)", (name, str(values)))]
        equal(got, [datetime.fromtimestamp(v, timezone.utc).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") for v in values], name)
        for v in values[:3]:
            equal(one("time_bucket('1 day', ?, ?)", v, name), zoned(v, lambda c: fixed(c, 86400, MONDAY), name), name)


def test_arguments_from_columns():
    """Widths, modifiers and zones that differ from row to row, alone and mixed with constant ones."""
    rows = [(w, t, z) for t in (0, 1711846800, 1729990800) for w in ("1 hour", "1 day", "1 month") for z in ZONES]
    db.execute("CREATE TEMP TABLE mixed(w, t, z)")
    db.executemany("INSERT INTO mixed VALUES (?, ?, ?)", rows)

    def expected(width, at, name):
        floor = (lambda c: months(c, 1, datetime(2000, 1, 1))) if width == "1 month" else (lambda c: fixed(c, GRAINS[width], MONDAY))
        return zoned(at, floor, name)
    got = db.execute("SELECT time_bucket(w, t, z), time_bucket('1 day', t, z), time_bucket(w, t, 'Europe/Berlin'), time_bucket(w, t),"
                     " time_bucket('1 day', t, 's', z) FROM mixed ORDER BY rowid").fetchall()
    for (w, t, z), row in zip(rows, got):
        day = expected("1 day", t, z)
        equal(row, (expected(w, t, z), day, expected(w, t, "Europe/Berlin"), expected(w, t, "UTC"), day), (w, t, z))
    units = db.execute("SELECT time_bucket('1 hour', 7200001, column1) FROM (VALUES ('s'), ('ms'), ('us'))").fetchall()
    equal(units, [(7200000,), (7200000,), (0,)])
    for sql in ("CREATE INDEX temp.i ON mixed(time_bucket('1 day', t, 'Europe/Berlin'))", "ANALYZE temp.mixed"):
        db.execute(sql)
    equal(db.execute("SELECT count(*) FROM mixed WHERE time_bucket('1 day', t, 'Europe/Berlin') = ?", (expected("1 day", 0, "Europe/Berlin"),))
          .fetchone()[0], 3 * len(ZONES))


# ---- Text ----

def by_sqlite(text):
    """Unix seconds as SQLite reads the text, the fraction cut off; None if it is no date or has none in it."""
    if not re.match(r"-?\d{4}-\d\d-\d\d", text):
        return None
    cut = re.sub(r"(:\d\d:\d\d)\.\d+(?![\d.])", r"\1", text)
    return one("CASE WHEN julianday(?) NOT NULL THEN CAST(strftime('%s', ?, '+0 days') AS INTEGER) END", cut, cut)


SHAPES = ["2024-05-06", "2024-05-06 07:08", "2024-05-06 07:08:09", "2024-05-06 07:08:09.1", "2024-05-06T07:08:09.999999999999",
          "2024-05-06T07:08Z", "2024-05-06 07:08:09 Z", "2024-05-06T07:08:09z", "2024-05-06 07:08:09+02:00", "2024-05-06T07:08:09.5-14:59",
          "2024-05-06 07:08+14:00", "2024-05-06 07:08+15:00", "2024-05-06 07:08 +02:00 ", "2024-05-06  07:08", "2024-05-06\t07:08",
          "2024-05-06TT07:08", "2024-05-06T", "2024-05-06 ", "2024-05-06Z", "2024-05-06 Z", "2024-05-06+02:00", "2024-05-06 7:08",
          "2024-02-30", "2024-02-31", "2023-02-29", "2024-04-31 12:00", "2024-13-01", "2024-00-10", "2024-01-00", "2024-01-32",
          "2024-01-01 24:00", "2024-01-01 24:00:00", "2024-01-01 25:00", "2024-01-01 12:60", "2024-01-01 12:00:60",
          "2024-01-01 12:00:00.", "2024-01-01 12:00.5", "2024-01-01 12:00:00.5x", "2024-01-01 12:00:00x", "2024-01-01 12", "2024-01-01 12:",
          "2024-01-01 12:00:", "2024-01-01 12:00+2:00", "2024-01-01 12:00+0200", "2024-01-01 12:00+02", "2024-01-01 12:00+02:60",
          "2024-01-01 12:00ZZ", "2024-01-01 12:00 - 02:00", "2024-1-1", " 2024-01-01", "+2024-01-01", "24-01-01", "20240101", "2024-01-01t12:00",
          "2024-01-01T12:00:00+00:00", "2024-01-01 12:00-00:00", "12:00", "12:00:00", "now", "2460000.5", "2460000", "1700000000", "", "abc",
          "0000-01-01", "9999-12-31 23:59:59.999999", "9999-12-31 23:59:59-00:01", "9999-12-31 24:00", "0001-01-01 00:00+01:00",
          "2024-02-29T23:59:59.999999Z", "1969-12-31 23:59:59.9", "1900-02-29", "２０２４-01-01", "2024-01-01\n12:00:00\r"]


def spelt(text, at, digits=0):
    """How R-6 and R-7 write the instant `at` (a Fraction of seconds) for an input spelt like `text`."""
    whole = math.floor(at)
    day = EPOCH + timedelta(seconds=whole)
    rest = re.sub(r"^-?\d{4}-\d\d-\d\d", "", text)
    result = f"{day.year:04}-{day.month:02}-{day.day:02}"
    if not re.search(r"\d", rest):
        return result
    gap = re.match(r"[T\s]*", rest).group()
    result += ("T" if "T" in gap else " ") + day.strftime("%H:%M:%S")
    if digits:
        result += f".{math.floor((at - whole) * 10**digits):0{digits}}"
    return result + ("Z" if re.search(r"[Zz]|[+-]\d\d:\d\d\s*$", rest) else "")


def check_text(text, read, width="1 hour", seconds=3600):
    start = None if read is None else fixed(read, seconds, MONDAY)
    in_range = start is not None and -62135596800 <= start
    got = one("time_bucket(?, ?)", width, text)
    if start is None or in_range:
        equal(got, spelt(text, start) if in_range else None, f"{text!r} in {width}")


@seeded
def test_text_shapes(r):
    """(R-5, R-6) each shape, and random damage to each, as julianday() and strftime() read it."""
    assert {s: by_sqlite(s) is None for s in SHAPES}["2024-02-31"] is False
    for text in SHAPES:
        for width, seconds in (("1 hour", 3600), ("1 second", 1), ("1 day", 86400), ("1 week", 604800)):
            check_text(text, by_sqlite(text), width, seconds)
    for _ in range(6000):
        text = list(r.choice(SHAPES))
        for _ in range(r.randrange(1, 4)):
            i = r.randrange(len(text) + 1)
            text[i:i + r.randrange(2)] = r.choice("0123456789-: T+Z.")
        text = "".join(text)
        if re.search(r"24:(?!00)|24:00:(?!00)", text):
            continue  # older versions of SQLite read 24:30, newer ones only 24:00
        # Midnight and the hour tell wrong seconds apart from wrong hours; the reader is the same.
        check_text(text, by_sqlite(text), "1 second", 1)
    equal(one("time_bucket('1 day', '2024-02-31')"), "2024-03-02")
    equal(one("time_bucket('1 hour', '2024-12-31 24:00:00')"), "2025-01-01 00:00:00")
    equal(one("time_bucket('1 hour', '2024-05-06T07:08:09.123456+02:00')"), "2024-05-06T05:00:00Z")
    equal(one("time_bucket('1 hour', '2024-01-01 12:30' || char(0) || 'x')"), "2024-01-01 12:00:00")  # as SQLite reads it
    equal(one("time_bucket('1 day', '-0044-03-15 12:00')"), "-0044-03-15 00:00:00")
    equal(one("time_bucket('1 day', '-4713-11-24 11:59:59')"), None)
    equal(one("time_bucket('1 hour', '-4713-11-24 12:00')"), "-4713-11-24 12:00:00")
    equal(one("time_bucket('1 day', '-4713-11-24 12:00')"), None)  # the start is outside of the calendar


@seeded
def test_text_random_dates(r):
    """(R-5, R-6) every spelling of random instants."""
    for _ in range(1500):
        at = datetime(r.randrange(1, 9999), r.randrange(1, 13), r.randrange(1, 29), r.randrange(24), r.randrange(60), r.randrange(60),
                      r.randrange(10**6))
        form = r.choice(["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f"])
        text = at.strftime(form.replace("%Y", f"{at.year:04}"))
        if "H" in form:
            text += r.choice(["", "", "Z", " Z", "+05:45", "-03:30", "+00:00"])
        width, seconds = r.choice([("15 minutes", 900), ("1 day", 86400), ("1 week", 604800), ("7 hours", 25200), ("30s", 30)])
        check_text(text, by_sqlite(text), width, seconds)


@seeded
def test_fraction(r):
    """(R-6, R-7) rows with and without fractions share a bucket; `fraction=` writes one; parts of a second need one."""
    equal(buckets(["2024-01-01 00:00:00", "2024-01-01 00:59:59.999999", "2024-01-01 00:00"], "1 hour"), ["2024-01-01 00:00:00"] * 3)
    for digits in range(10):
        zeros = "." + "0" * digits if digits else ""
        equal(one("time_bucket('1 hour', '2024-01-01 12:34:56.789Z', ?)", f"fraction={digits}"), f"2024-01-01 12:00:00{zeros}Z")
    equal(one("time_bucket('1 day', '2024-01-01', 'fraction=6')"), "2024-01-01")
    equal(one("time_bucket('1 month', '2024-01-31T00:00', 'Europe/Berlin', 'fraction=3')"), "2023-12-31T23:00:00.000")
    for width, part, digits in (("500ms", Fraction(1, 2), 3), ("1.5s", Fraction(3, 2), 3), ("700ms", Fraction(7, 10), 3),
                                ("250us", Fraction(1, 4000), 6), ("1ns", Fraction(1, 10**9), 9), ("1 hour 1 ms", Fraction(3600001, 1000), 3)):
        for _ in range(50):
            nanosecond = r.randrange(10**9)
            at = datetime(r.randrange(1900, 2200), 1, 1) + timedelta(seconds=r.randrange(365 * 86400))
            exact = Fraction(int((at - EPOCH).total_seconds())) + Fraction(nanosecond, 10**9)
            text = f"{at}.{nanosecond:09}"
            start = exact - (exact - MONDAY) % part
            equal(one("time_bucket(?, ?)", width, text), spelt(text, start, digits), (width, text))
            equal(one("time_bucket(?, ?, 'fraction=9')", width, text), spelt(text, start, 9), (width, text))
    equal(one("time_bucket('500ms', '2024-01-01 00:00:00.75', 'fraction=1')"), "2024-01-01 00:00:00.5")


# ---- What is no time, and mistakes ----

def test_nothing():
    """(R-1)"""
    for sql in ("time_bucket('1 hour', NULL)", "time_bucket(NULL, 5)", "time_bucket('1 hour', 5, NULL)", "time_bucket('1 hour', x'31')",
                "time_bucket('1 hour', 'soon')", "time_bucket('1 hour', 'now')", "time_bucket('1 hour', '12:00')",
                "time_bucket('1 hour', '2460000.5')", "time_bucket('1 month', 'x', 'Europe/Berlin')", "time_bucket(60, NULL)"):
        equal(one(sql), None, sql)


MISTAKES = [
    #
    ("'1M', 0", "width '1M' is ambiguous: write 1mo or 1m"),
    ("'15 M', 0", "width '15 M' is ambiguous: write 15mo or 15m"),
    ("'1 month 2 days', 0", "width '1 month 2 days' mixes months with shorter units; use one or the other"),
    ("'P1M1D', 0", "width 'P1M1D' mixes months with shorter units; use one or the other"),
    ("'0 hours', 0", "width '0 hours' is zero; write a width such as "),
    ("'PT0S', 0", "width 'PT0S' is zero; write a width such as "),
    ("0, 0", "width 0 is zero; write a number above 0 or "),
    ("0.0, 0", "width 0 is zero; write a number above 0 or "),
    ("'-1 hour', 0", "width '-1 hour' is negative; write it without the minus"),
    ("'P-1D', 0", "width 'P-1D' is negative; write it without the minus"),
    ("-60, 0", "width -60 is negative; write a number above 0 or "),
    ("-0.5, 0", "width -0.5 is negative; write a number above 0 or "),
    ("1e999, 0", "width inf is not finite"),
    ("'3 fortnights', 0", "unknown interval '3 fortnights'; write a width such as '15 minutes', '1 hour', "),
    ("'hour 1', 0", "unknown interval 'hour 1'; "), ("'', 0", "unknown interval ''; "), ("' ', 0", "unknown interval ''; "),
    ("'P', 0", "unknown interval 'P'; "), ("'PT', 0", "unknown interval 'PT'; "), ("'P1DT', 0", "unknown interval 'P1DT'; "),
    ("'P1', 0", "unknown interval 'P1'; "), ("'PT1D', 0", "unknown interval 'PT1D'; "), ("'PT1HT1M', 0", "unknown interval 'PT1HT1M'; "),
    ("'1..5h', 0", "unknown interval '1..5h'; "), ("'.5h', 0", "unknown interval '.5h'; "), ("'5.h', 0", "unknown interval '5.h'; "),
    ("'1 hour,', 0", "unknown interval '1 hour,'; "), ("'15 %', 0", "unknown interval '15 %'; "), ("'+1h', 0", "unknown interval '+1h'; "),
    ("'3600', 0", "width '3600' has no unit; write '3600 seconds', or the number without quotes"),
    ("'1h 30', 0", "width '1h 30' has no unit; "),
    ("'1.5 months', 0", "width '1.5 months' is no whole number of months"),
    ("'0.5 ns', 0", "width '0.5 ns' is no whole number of nanoseconds"),
    ("'1.0000000001 h', 0", "width '1.0000000001 h' has more than nine decimals"),
    ("'200000 days', 0", "width '200000 days' is too long; the longest are 292 years in days and 10000 years in months"),
    ("'10001 years', 0", "width '10001 years' is too long; "),
    ("'99999999999999999999 s', 0", "width '99999999999999999999 s' is too long; "),
    ("'9223372036854775807 weeks', 0", "width '9223372036854775807 weeks' is too long; "),
    ("'9223372036854775807ns 1ns', 0", "width '9223372036854775807ns 1ns' is too long; "),
    ("'" + "x" * 70 + "', 0", "unknown interval '" + "x" * 40 + "'; "),
    ("'" + "ä" * 70 + "', 0", "unknown interval '" + "ä" * 20 + "'; "),
    ("x'00', 0", "width must be a number or text such as '1 hour', not a blob of 1 bytes"),
    ("3600, '2024-01-01'", "width 3600 is a number, but ts '2024-01-01' is text; write a width such as '1 hour'"),
    ("1.5, 'soon'", "width 1.5 is a number, but ts 'soon' is text; "),
    ("3600, '2024-01-01', 'Europe/Berlin'", "width 3600 is a number, but ts '2024-01-01' is text; "),
    #
    ("'1 day', 0, 'Mars/Olympus'", "unknown modifier 'Mars/Olympus'; write a time zone of this system such as 'Europe/Berlin', 's', "),
    ("'1 day', 0, 'Europe'", "unknown modifier 'Europe'; "), ("'1 day', 0, 'Europe/'", "unknown modifier 'Europe/'; "),
    ("'1 day', 0, '../zoneinfo/Europe/Berlin'", "unknown modifier '../zoneinfo/Europe/Berlin'; "),
    ("'1 day', 0, '/etc/localtime'", "unknown modifier '/etc/localtime'; "), ("'1 day', 0, 'Europe//Berlin'", "unknown modifier 'Europe//Berlin'; "),
    ("'1 day', 0, ''", "unknown modifier ''; "), ("'1 day', 0, 'zone.tab'", "unknown modifier 'zone.tab'; "),
    ("'1 day', 0, 'tzdata'", "unknown modifier 'tzdata'; "), ("'1 day', 0, 'minutes'", "unknown modifier 'minutes'; "),
    ("'1 day', 0, 'Europe/Berlin' || char(0)", "unknown modifier 'Europe/Berlin'; "),
    ("'1.5 s', 0, 'Europe/Berlin'", "width 1.5 seconds is neither whole nor divides a second evenly, as a time zone needs"),
    ("0.7, 0, 'Europe/Berlin'", "width 0.7 seconds is neither whole nor divides a second evenly, as a time zone needs"),
    ("1e-10, 0, 'Europe/Berlin'", "width 1e-10 is no whole number of nanoseconds, which a time zone needs; "),
    ("9223372036854775807, 0, 'Europe/Berlin'", "width 9.22337203685478e+18 is too long for a time zone"),
    #
    ("'1 day', 0, 'origin=soon'", "'origin=soon' is no origin; write 'origin=2024-04-01' or 'origin=2024-04-01 06:00:00'"),
    ("'1 day', 0, 'origin='", "'origin=' is no origin; "), ("'1 day', 0, 'origin=2024-04-01 00:00:00.5'", "'origin=2024-04-01 00:00:00.5' is no origin; "),
    ("'1 day', 0, 'origin=2024-04-01T00:00Z', 'Europe/Berlin'", "'origin=2024-04-01T00:00Z' is not on the clock of the time zone; write it without"),
    ("'1 month', 0, 'origin=2024-01-31'", "an origin on day 31 does not exist in every month; write a day up to 28"),
    #
    ("'1 day', 0, 'fraction=10'", "'fraction=10' is no number of digits; write 'fraction=0' to 'fraction=9'"),
    ("'1 day', 0, 'fraction=x'", "'fraction=x' is no number of digits; "), ("'1 day', 0, 'fraction='", "'fraction=' is no number of digits; "),
    ("'500ms', 0, 'fraction=0'", "'fraction=0' cannot hold the starts of this width; write 'fraction=1'"),
    #
    ("'1 day', 0, 'ms', 'us'", "'us' is the second unit; give one"), ("'1 day', 0, 'UTC', 'Europe/Berlin'", "'Europe/Berlin' is the second time zone; give one"),
    ("'1 day', 0, 'fraction=1', 'fraction=1'", "'fraction=1' is the second fraction; give one"),
    ("'1 day', 0, 'origin=2024-01-01', 'origin=2024-01-01'", "'origin=2024-01-01' is the second origin; give one"),
    ("'1 day', 0, 5", "a modifier must be text such as 'ms' or 'Europe/Berlin', not 5"),
    ("'1 day', 0, x'6d73'", "a modifier must be text such as 'ms' or 'Europe/Berlin', not a blob of 2 bytes"),
]


def test_mistakes():
    """(R-2, R-7, R-8, R-9, R-11) each error says what is wrong, shows it, and tells what to do."""
    for arguments, message in MISTAKES:
        got = error_of(db, f"SELECT time_bucket({arguments})")
        assert got.startswith("time_bucket: " + message), f"time_bucket({arguments})\n  got      {got}\n  expected time_bucket: {message}"
    for count in (0, 1, 7):
        assert "wrong number of arguments" in error_of(db, f"SELECT time_bucket({', '.join('1' * count)})")
    equal(one("time_bucket('9223372036854775807 ns', 5, 'ns')") is not None, True)
    equal(one("time_bucket('1 day', 90000, 'UTC', 's', 'fraction=3', 'origin=1970-01-01')"), 86400)


# ---- Zone files ----

def tzif(version, times, indexes, types, footer, n_leaps=0):
    """A TZif file, the same data in the block of version 1 and in the second one."""
    def block(size):
        kept = [(t, i) for t, i in zip(times, indexes) if size == 8 or -2**31 <= t < 2**31]
        names = b"AAA\0BBB\0"
        counts = struct.pack(">6I", 0, 0, n_leaps, len(kept), len(types), len(names))
        data = b"".join(struct.pack(">q" if size == 8 else ">i", t) for t, _ in kept) + bytes(i for _, i in kept)
        data += b"".join(struct.pack(">iBB", o, d, 0) for o, d in types) + names + bytes(n_leaps * (size + 4))
        return b"TZif" + version + bytes(15) + counts + data
    return block(4) if version == b"\0" else block(4) + block(8) + b"\n" + footer + b"\n"


def test_zone_files():
    """(R-8) TZDIR, versions 1 to 4, rules of every kind, and files that are damaged."""
    home = directory()
    os.environ["TZDIR"] = home
    try:
        def zone(name, content):
            with open(os.path.join(home, name), "wb") as file:
                file.write(content)
            return name

        def at(text, name):
            return one("local_time(?, ?)", text, name)
        one_type = [(3600, 0)]
        equal(at("2030-07-01", zone("v1", tzif(b"\0", [0], [0], [(7200, 0)], b""))), "2030-07-01 02:00:00")
        for version in (b"2", b"3", b"4", b"9"):
            name = zone(f"v{version.decode()}", tzif(version, [0], [1], [(0, 0), (3600, 0)], b"CET-1CEST,M3.5.0,M10.5.0/3"))
            equal([at(t, name) for t in ("1969-12-31", "1970-01-02", "2024-07-01", "5024-07-01", "2024-03-31 00:59:59", "2024-03-31 01:00")],
                  ["1969-12-31 00:00:00", "1970-01-02 01:00:00", "2024-07-01 02:00:00", "5024-07-01 02:00:00", "2024-03-31 01:59:59",
                   "2024-03-31 03:00:00"])
        rules = {  # footer: (instant, what the clock reads)
            b"<+0330>-3:30": [("2024-07-01", "2024-07-01 03:30:00"), ("1900-01-01", "1900-01-01 03:30:00")],
            b"EST5": [("2024-07-01", "2024-06-30 19:00:00")],
            b"XXX3EDT4,0/0,J365/23": [("2024-07-01", "2024-06-30 20:00:00"), ("2024-01-01 03:00", "2023-12-31 23:00:00"),
                                     ("2023-12-31 23:30", "2023-12-31 19:30:00")],  # all of the year, RFC 9636's example
            b"AAA0BBB,J60/0,J61/0": [("2024-02-29 12:00", "2024-02-29 12:00:00"), ("2024-03-01 12:00", "2024-03-01 13:00:00"),
                                     ("2024-03-02", "2024-03-02 00:00:00"), ("2023-03-01", "2023-03-01 01:00:00")],
            b"AAA0BBB,59/0,60/0": [("2024-02-29 12:00", "2024-02-29 13:00:00"), ("2024-03-01", "2024-03-01 00:00:00"),
                                   ("2023-03-01 05:00", "2023-03-01 06:00:00")],
            b"IST-2IDT,M3.4.4/26,M10.5.0": [("2024-03-28 23:59", "2024-03-29 01:59:00"), ("2024-03-29 00:00", "2024-03-29 03:00:00"),
                                            ("1850-03-29 00:00", "1850-03-29 03:00:00")],  # day 29 is a Friday in both
            b"<-02>2<-01>,M3.5.0/-1,M10.5.0/0": [("2024-03-31 00:59", "2024-03-30 22:59:00"), ("2024-03-31 01:00", "2024-03-31 00:00:00")],
            b"IST-1GMT0,M10.5.0,M3.5.0/1": [("2024-07-01", "2024-07-01 01:00:00"), ("2024-12-01", "2024-12-01 00:00:00")],
        }
        for i, (footer, cases) in enumerate(rules.items()):
            name = zone(f"rule{i}", tzif(b"3", [], [], one_type, footer))
            for instant, shown in cases:
                equal(at(instant, name), shown, (footer, instant))
        good = tzif(b"2", [0, 100], [0, 0], one_type, b"CET-1")
        zone("good", good)
        equal(at("2024-01-01", "good"), "2024-01-01 01:00:00")
        damaged = [tzif(b"2", [100, 0], [0, 0], one_type, b"CET-1"), tzif(b"2", [0, 0], [0, 0], one_type, b"CET-1"),
                   tzif(b"2", [0], [1], one_type, b"CET-1"), tzif(b"2", [0], [0], [(26 * 3600, 0)], b"CET-1"),
                   tzif(b"2", [0], [0], [], b"CET-1")]
        damaged += [tzif(b"2", [0], [0], one_type, f) for f in (b"CET", b"CE-1", b"CET-1CEST", b"CET-1CEST,M3.5.0", b"CET-25", b"CET-1 ",
                    b"CET-1CEST,M13.5.0,M10.5.0", b"CET-1CEST,M3.6.0,M10.5.0", b"CET-1CEST,M3.5.7,M10.5.0", b"CET-1CEST,J0,J5",
                    b"CET-1CEST,J366,J5", b"CET-1CEST,366,5", b"CET-1CEST,M3.5.0/168,M10.5.0", b"<CET-1", b"CET-1CEST,M3.5.0,M10.5.0,x",
                    b"CET-1:60", b"CET-99999999999999999999", b"CET-1CEST-\xff,M3.5.0,M10.5.0")]
        damaged += [good[:n] for n in range(4, len(good))]
        for i, content in enumerate(damaged):
            got = error_of(db, "SELECT local_time(0, ?)", zone(f"damaged{i}", content))
            equal(got, f"local_time: time zone 'damaged{i}' has a damaged file; install tzdata again", content)
        got = error_of(db, "SELECT time_bucket('1 day', 0, ?)", zone("leaps", tzif(b"2", [], [], one_type, b"CET-1", 1)))
        assert got.startswith("time_bucket: time zone 'leaps' counts leap seconds"), got
        zone("text", b"no zone")
        assert "unknown modifier 'text'" in error_of(db, "SELECT time_bucket('1 day', 0, 'text')")
        equal(one("time_bucket('1 day', 0, 'Europe/Berlin')"), -3600)  # not in TZDIR, but in the system's directories
    finally:
        del os.environ["TZDIR"]


# ---- local_time ----

@seeded
def test_local_time(r):
    """The requirements of ext/function/local_time.c."""
    for name in ZONES:
        zone = ZoneInfo(name)
        for v in around(r, name, [1945, 1990, 2024, 2200]):
            clock = datetime.fromtimestamp(v, timezone.utc).astimezone(zone).replace(tzinfo=None)
            equal(one("local_time(?, ?)", v, name), str(clock), (name, v))
            unit, ticks = r.choice(list(TICKS.items()))
            equal(one("local_time(?, ?, ?)", v * ticks + ticks - 1, name, unit), str(clock), (name, v, unit))
            equal(one("local_time(?, ?)", v + 0.75, name), str(clock), (name, v))
            equal(one("local_time(?, ?)", f"{EPOCH + timedelta(seconds=v)}.9", name), str(clock), (name, v))
            equal(one("local_time(?, ?)", (EPOCH + timedelta(seconds=v)).isoformat() + "Z", name), clock.isoformat(), (name, v))
    equal(one("local_time('2024-07-15T12:00+02:00', 'Asia/Tokyo')"), "2024-07-15T19:00:00")
    equal(one("local_time('2024-07-15', 'Asia/Tokyo')"), "2024-07-15 09:00:00")
    equal(one("local_time(-62167219201, 'UTC')"), "-0001-12-31 23:59:59")
    for sql in ("local_time(NULL, 'UTC')", "local_time(0, NULL)", "local_time(0, 'UTC', NULL)", "local_time(x'00', 'UTC')",
                "local_time('noon', 'UTC')", "local_time(253402300799, 'Asia/Tokyo')", "local_time(9223372036854775807, 'UTC')",
                "local_time(-9223372036854775808, 'Asia/Tokyo')", "local_time(1e300, 'UTC')", "local_time(-1e999, 'Asia/Tokyo')"):
        equal(one(sql), None, sql)
    equal(error_of(db, "SELECT local_time(0, 'Mars/Olympus')"),
          "local_time: time zone 'Mars/Olympus' is unknown; write a name of this system's zoneinfo such as 'Europe/Berlin'")
    equal(error_of(db, "SELECT local_time(0, 5)"),
          "local_time: time zone 5 is unknown; write a name of this system's zoneinfo such as 'Europe/Berlin'")
    equal(error_of(db, "SELECT local_time(0, 'UTC', 'm')"), "local_time: unit 'm' is unknown; write 's', 'ms', 'us' or 'ns'")
    equal(error_of(db, "SELECT local_time(0, 'UTC', 1000)"), "local_time: unit 1000 is unknown; write 's', 'ms', 'us' or 'ns'")
