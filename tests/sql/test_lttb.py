"""lttb and lttb_each. L1..L10 and E1..E4 are the requirements at the top of ext/function/lttb.c and ext/table/lttb_each.c."""
import datetime
import itertools
import json
import math
import os
import random
import sqlite3
import subprocess
import sys

from almanac import EXTENSION, connect, equal, error_of

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lines import KINDS, reference, series

SEED = random.SystemRandom().randrange(1 << 32)


def text_of(points):
    """The JSON that lttb must write: Python's floats are the shortest that read back, too."""
    return json.dumps([list(p) for p in points], separators=(",", ":"), ensure_ascii=False)


def lttb(db, points, n):
    """lttb over points that come in this order."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS given(x, y)")
    db.execute("DELETE FROM given")
    db.execute("BEGIN")
    db.executemany("INSERT INTO given VALUES (?, ?)", points)
    db.execute("COMMIT")
    return db.execute("SELECT lttb(x, y, ?) FROM given", (n,)).fetchone()[0]


def check(db, points, n, what, number=float):
    equal(lttb(db, points, n), text_of(reference(points, n, number)), f"{what}, N = {len(points)}, n = {n}, seed {SEED}")


SIZES = [(17, 13), (3987, 500), (1, 3), (3, 3), (4, 3), (5, 4), (100, 3), (100, 99), (101, 10), (1000, 37), (2500, 2499), (6000, 1000)]


def test_reference_arithmetic():
    """L2, L7: 144 lines and two long ones."""
    db, rng = connect(), random.Random(SEED)
    for kind in KINDS:
        for count, n in SIZES:
            check(db, series(rng, kind, count), n, kind)
    for kind in ("walk", "plateaus"):
        check(db, series(rng, kind, 30000), 100, kind)


def test_bucket_limits():
    """L2: every N up to 40 with every n: where every * i rounds to the other side of a whole number."""
    db, rng = connect(), random.Random(SEED)
    for count in range(3, 41):
        points = series(rng, "walk", count)
        for n in range(3, count):
            check(db, points, n, "walk")
    for _ in range(150):
        count = rng.randrange(50, 3000)
        check(db, series(rng, "plateaus", count), rng.randrange(3, count), "plateaus")


def test_small_n():
    """L1, L3."""
    db = connect()
    points = [(i, i * i % 7) for i in range(10)]
    for n, expected in [(0, []), (1, points[:1]), (2, [points[0], points[-1]]), (10, points), (11, points), (2**63 - 1, points)]:
        equal(lttb(db, points, n), text_of(expected), f"n = {n}")
    for n in (0, 1, 5):
        equal(lttb(db, [], n), "[]", f"no rows, n = {n}")
    for n in range(4):
        equal(lttb(db, [(1, 2)], n), "[]" if n == 0 else "[[1,2]]", f"one row, n = {n}")
    equal(db.execute("SELECT count(*) FROM (SELECT lttb(x, y, 3) FROM given WHERE 0 GROUP BY x)").fetchone(), (0,))


def test_whole_reals_for_n():
    """L4: some clients bind every number as a REAL."""
    db = connect()
    equal(lttb(db, [(i, i % 3) for i in range(9)], 3.0), lttb(db, [(i, i % 3) for i in range(9)], 3))


def test_types_of_numbers():
    """L7: what goes in comes out, to the bit and with its type."""
    db, rng = connect(), random.Random(SEED)
    reals = [0.0, -0.0, 5.0, 0.1, 1 / 3, 1e15, 1e16, 1e17, 123456789012345680.0, 1e22, 1e23, 1e-4, 1e-5, 1.5e-5, 5e-324, 2.2250738585072014e-308,
             1.7976931348623157e308, 9007199254740993.0, 2.0**-30, 2.0**-29, 1e-9, 9.999999999999999e-10, 99999999999999984.0,
             4.35, 0.3, 2.0**56, 2.0**57, 4.9406564584124654e-320, 1.2345678e-310, 9.5, 8.41e21, 2.0**-1074, 9.5367431640625e-07]
    reals += [2.0**e for e in range(-1074, 1024)] + [math.nextafter(2.0**e, 0) for e in range(-1000, 1024, 7)]
    reals += [float(f"1e{e}") for e in range(-320, 309)]
    reals += [rng.uniform(-1, 1) * 10.0 ** rng.randrange(-320, 308) for _ in range(3000)]
    reals += [round(rng.uniform(-1e5, 1e5), rng.randrange(0, 6)) for _ in range(2000)]
    reals += [rng.uniform(-1e3, 1e3) for _ in range(3000)] + [rng.uniform(-1e-6, 1e-6) for _ in range(1000)]
    integers = [0, -1, 2**63 - 1, -(2**63), 2**53 + 1, 10**18, -(10**18)] + [rng.randrange(-(2**63), 2**63) for _ in range(500)]
    for values in (reals, integers):
        points = [(i, v) for i, v in enumerate(values)]
        equal(lttb(db, points, len(points)), text_of(points), f"seed {SEED}")
        points = sorted((v, i) for i, v in enumerate(values))
        equal(lttb(db, points, len(points)), text_of(points), f"as x, seed {SEED}")


def test_unsorted():
    """L6: sorted by x, stably."""
    db, rng = connect(), random.Random(SEED)
    for kind in KINDS:
        for count in (2, 3, 50, 1500):
            points = series(rng, kind, count)
            rng.shuffle(points)
            ordered = sorted(points, key=lambda p: p[0])  # stable
            for n in (2, 3, count // 3, count):
                equal(lttb(db, points, n), text_of(reference(ordered, n)), f"{kind}, N = {count}, n = {n}, seed {SEED}")


def test_signs_and_zeros_sort():
    """L6: negative numbers, and -0.0 beside 0.0 and 0, keep the order of values."""
    db = connect()
    points = [(x, i) for i, x in enumerate([3.5, -0.0, 0.0, -2.0, 0, -1e300, 1e300, -0.0, 2**53 + 1, -(2**62), 5e-324, -5e-324])]
    equal(lttb(db, points, 99), text_of(sorted(points, key=lambda p: p[0])))
    integers = [(x, i) for i, x in enumerate([2**63 - 1, -(2**63), 0, 2**53 + 1, 2**53, 2**53 + 2, -1, 1, 2**53 + 1])]
    equal(lttb(db, integers, 99), text_of(sorted(integers, key=lambda p: p[0])))


def test_large_unsorted():
    """L6: many chunks, and some of them only out of place."""
    db = connect()
    cases = [(300000, "(i * 7919) % 1000003"), (280000, "CASE WHEN i % 3 THEN (i * 7919) % 1000003 ELSE (i * 7919) % 1000003 / 2.0 END"),
             (100000, "(i + 50000) % 100000"), (100000, "0.5 * (i - (i % 1000 = 0) * 5000)"), (100000, "-i"), (100000, "i / 1000 * 1000 + 999 - i % 1000"),
             (100000, "CASE WHEN i > 60000 THEN -0.25 * i ELSE i END"), (100000, "(i * 7919) % 10")]
    for count, x in cases:
        db.execute("DROP TABLE IF EXISTS big")
        db.execute(f"CREATE TEMP TABLE big AS WITH RECURSIVE c(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM c LIMIT {count}) "
                   f"SELECT {x} AS x, (i * 31) % 997 AS y FROM c")
        got = db.execute("SELECT lttb(x, y, 50), lttb(x, y, 600000) FROM big").fetchone()
        points = sorted(db.execute("SELECT x, y FROM big ORDER BY rowid"), key=lambda p: p[0])
        equal(got[0], text_of(reference(points, 50)), x)
        equal(got[1] == text_of(points), True, x)


def test_times():
    """L8: ISO text comes out as it was; its seconds make the areas and the order."""
    db, rng = connect(), random.Random(SEED)
    epoch = datetime.datetime(1970, 1, 1)

    def seconds(text):
        text, fraction = text.rstrip("Z").replace("T", " "), 0.0
        if "." in text:
            text, digits = text.split(".")
            fraction = int(digits.ljust(9, "0")) / 1e9
        form = "%Y-%m-%d %H:%M:%S"[: {10: 8, 16: 14, 19: 17}[len(text)]]
        return float((datetime.datetime.strptime(text, form) - epoch) // datetime.timedelta(seconds=1)) + fraction

    def spell(moment, shape):
        return moment.strftime({"date": "%Y-%m-%d", "minute": "%Y-%m-%d %H:%M", "second": "%Y-%m-%d %H:%M:%S", "T": "%Y-%m-%dT%H:%M:%S",
                                "Z": "%Y-%m-%dT%H:%M:%SZ", "ms": "%Y-%m-%d %H:%M:%S." + "%03d" % (moment.microsecond // 1000),
                                "us": "%Y-%m-%dT%H:%M:%S.%fZ"}[shape])

    for shape in ("date", "minute", "second", "T", "Z", "ms", "us"):
        moment = datetime.datetime(1969, 12, 1, 5, 7, 9, 123456)
        points = []
        for _ in range(400):
            step = 86400 if shape == "date" else rng.uniform(60, 90000)
            moment += datetime.timedelta(seconds=step)
            points.append((spell(moment, shape), rng.choice([rng.randrange(9), rng.random()])))
        for n in (3, 40, 399, 400):
            check(db, points, n, shape, seconds)
        shuffled = points[:]
        rng.shuffle(shuffled)
        equal(lttb(db, shuffled, 40), text_of(reference(points, 40, seconds)), f"{shape} shuffled, seed {SEED}")
    mixed = [("2024-01-02T00:00:00+02:00", 1), ("2024-01-01 22:30", 2), ("2024-01-02", 3.5)]
    equal(lttb(db, mixed[::-1], 9), text_of(mixed))


def test_nulls():
    """L5."""
    db = connect()
    points = [(1, 5), (None, 6), (2, None), (None, None), (3, 7), ("2024-01-01", None)]
    equal(lttb(db, points, 9), "[[1,5],[3,7]]")
    equal(lttb(db, [(None, 1), (None, None)], 9), "[]")


def test_bad_input():
    """L4, L9."""
    db = connect()
    points = [(1, 2), (3, 4)]
    for n, shown in [(-1, "-1"), (-(2**63), "-9223372036854775808"), (2.5, "2.5"), ("10", "'10'"), ("abc", "'abc'"), (None, "NULL"), (b"1", "a blob of 1 bytes"),
                     (1e300, "1.0e+300"), (math.inf, "Inf"), (9223372036854775808.0, "9.22337203685478e+18")]:
        try:
            lttb(db, points, n)
            raise AssertionError(f"no error for n = {n}")
        except sqlite3.Error as error:
            equal(str(error), f"lttb: n, the number of points wanted, must be a whole number >= 0, not {shown}")
    x_error = "lttb: x must be a finite number or an ISO time such as '2024-05-01 12:30:00', not "
    for x, shown in [("abc", "'abc'"), ("12:30", "'12:30'"), ("", "''"), (b"ab", "a blob of 2 bytes"), (math.inf, "Inf"), (-math.inf, "-Inf"),
                     ("2024-13-01", "'2024-13-01'"), ("2024-01-01\0", "'2024-01-01'"), ("x" * 100, "'" + "x" * 40 + "...'")]:
        equal(error_of(db, "SELECT lttb(?, 1, 5)", x), x_error + shown)
    for y, shown in [("5", "'5'"), (b"", "a blob of 0 bytes"), (math.inf, "Inf"), (-math.inf, "-Inf")]:
        equal(error_of(db, "SELECT lttb(1, ?, 5)", y), "lttb: y must be a finite number, not " + shown)
    for rows, shown in [([(1, 1), ("2024-01-01", 1)], "'2024-01-01' after a number"), ([("2024-01-01", 1), (5, 1)], "5 after a time")]:
        try:
            lttb(db, rows, 5)
            raise AssertionError(f"no error for {rows}")
        except sqlite3.Error as error:
            equal(str(error), f"lttb: x must be ISO times in all rows of a group or in none, not {shown}")
    for wrong in ("SELECT lttb(1, 2)", "SELECT lttb(1, 2, 3, 4)", "SELECT lttb()"):
        assert "wrong number of arguments" in error_of(db, wrong)
    assert "may not be used as a window function" in error_of(db, "SELECT lttb(1, 2, 3) OVER ()")
    equal(lttb(db, points, 5), "[[1,2],[3,4]]", "after all these errors")


def test_constant_n():
    """L4: constant within a group, free between groups."""
    db = connect()
    db.execute("CREATE TABLE t(g, x, y, n)")
    db.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", [(g, i, i % 3, g) for g in range(4) for i in range(50)])
    equal([len(json.loads(r[0])) for r in db.execute("SELECT lttb(x, y, n) FROM t GROUP BY g ORDER BY g")], [0, 1, 2, 3])
    equal(error_of(db, "SELECT lttb(x, y, n) FROM t"), "lttb: n must be the same in every row of a group, not 0 and then 1")
    for last in (None, "a", 2.5):
        assert error_of(db, "SELECT lttb(x, y, CASE WHEN x = 49 THEN ? ELSE 0 END) FROM t", last).startswith("lttb: n")


def test_utf16():
    """L8, E1: in a database of the other encoding."""
    db = connect()
    db.execute("PRAGMA encoding = 'UTF-16'")
    db.execute("CREATE TABLE t(x, y)")
    db.execute("INSERT INTO t VALUES ('2024-01-02', 1), ('2024-01-01', 2)")
    equal(db.execute("SELECT lttb(x, y, 2) FROM t").fetchone()[0], '[["2024-01-01",2],["2024-01-02",1]]')
    equal(db.execute("SELECT x, y FROM lttb_each((SELECT lttb(x, y, 2) FROM t))").fetchall(), [("2024-01-01", 2), ("2024-01-02", 1)])
    equal(db.execute("SELECT x FROM lttb_each('[[\"é\",1]]')").fetchall(), [("é",)])
    equal(error_of(db, "SELECT lttb('é', 1, 2)"), "lttb: x must be a finite number or an ISO time such as '2024-05-01 12:30:00', not 'é'")
    assert error_of(db, "SELECT * FROM lttb_each('[[é')").endswith("a value must stand here, at byte 3 of 4")


def test_groups():
    """L10: a group's memory is its own, and small groups cost little."""
    db, rng = connect(), random.Random(SEED)
    db.execute("CREATE TABLE t(g, x, y)")
    rows = [(rng.randrange(300), x, rng.random()) for x in range(9000)]
    db.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    for g, got in db.execute("SELECT g, lttb(x, y, 7) FROM t GROUP BY g"):
        equal(got, text_of(reference([(x, y) for h, x, y in rows if h == g], 7)), f"group {g}, seed {SEED}")


def test_json_subtype():
    """L1: the result nests as JSON, and SQLite reads it."""
    db = connect()
    equal(db.execute("SELECT json_object('a', lttb(1, 2.5, 3))").fetchone()[0], '{"a":[[1,2.5]]}')
    equal(db.execute("SELECT json_array(lttb('2024-01-01', 2, 3))").fetchone()[0], '[[["2024-01-01",2]]]')
    equal(db.execute("SELECT json_extract(lttb(1, 2.5, 3), '$[0][1]')").fetchone()[0], 2.5)
    equal(db.execute("SELECT typeof(lttb(1, 2, 3)), json_valid(lttb(1, 2, 3))").fetchone(), ("text", 1))


def test_each():
    """E1..E3."""
    db = connect()
    rows = lambda points: db.execute("SELECT point, x, y, typeof(x), typeof(y) FROM lttb_each(?)", (points,)).fetchall()
    equal(rows("[[1,2],[2.0,5e0],[-3,-0.5]]"), [(0, 1, 2, "integer", "integer"), (1, 2.0, 5.0, "real", "real"), (2, -3, -0.5, "integer", "real")])
    equal(rows(' [ [ "2024-01-01" , 7 ] , ["\\u00e9\\ud83d\\ude00\\n\\"\\\\\\/\\b\\f\\r\\t", 1 ] ]\n'),
          [(0, "2024-01-01", 7, "text", "integer"), (1, "é😀\n\"\\/\b\f\r\t", 1, "text", "integer")])
    equal(rows('[["",1],["a\\u0000b",2]]')[0][:3], (0, "", 1))
    equal(rows("[[9223372036854775807,-9223372036854775808],[9223372036854775808,0]]"),
          [(0, 2**63 - 1, -(2**63), "integer", "integer"), (1, 9.223372036854775808e18, 0, "real", "integer")])
    for nothing in (None, "[]", " [ ] "):
        equal(rows(nothing), [])
    equal(db.execute("SELECT rowid, points FROM lttb_each('[[1,2],[3,4]]')").fetchall(), [(0, "[[1,2],[3,4]]"), (1, "[[1,2],[3,4]]")])


def test_each_of_lttb():
    """E1, E2: unpacks what lttb packs, also laterally, in views, triggers and joins in any order."""
    db, rng = connect(), random.Random(SEED)
    points = [(rng.randrange(2**60), rng.choice([rng.random(), rng.randrange(5)])) for _ in range(200)]
    points.sort()
    db.execute("CREATE TABLE line(name, points)")
    db.execute("INSERT INTO line VALUES ('a', ?), ('b', '[[1,2]]'), ('c', NULL)", (lttb(db, points, 50),))
    got = db.execute("SELECT x, y FROM line, lttb_each(line.points) WHERE name = 'a' ORDER BY point").fetchall()
    equal(got, reference(points, 50), f"seed {SEED}")
    equal(db.execute("SELECT name, count(p.x) FROM line LEFT JOIN lttb_each(line.points) p GROUP BY 1 ORDER BY 1").fetchall(), [("a", 50), ("b", 1), ("c", 0)])
    equal(db.execute("SELECT name, count(*) FROM lttb_each(line.points) JOIN line GROUP BY 1 ORDER BY 1").fetchall(), [("a", 50), ("b", 1)])
    equal(db.execute("SELECT x FROM lttb_each WHERE points = '[[7,8]]'").fetchall(), [(7,)])
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("CREATE VIEW v AS SELECT name, x, y FROM line, lttb_each(line.points)")
    equal(db.execute("SELECT count(*) FROM v").fetchone(), (51,))
    db.execute("CREATE TABLE log(x)")
    db.execute("CREATE TRIGGER t AFTER INSERT ON line BEGIN INSERT INTO log SELECT x FROM lttb_each(new.points); END")
    db.execute("INSERT INTO line VALUES ('d', '[[4,5],[6,7]]')")
    equal(db.execute("SELECT x FROM log").fetchall(), [(4,), (6,)])


def test_each_reads_doubles():
    """E2: a double written by anyone with 17 digits or fewer comes back to the bit."""
    db, rng = connect(), random.Random(SEED)
    values = [rng.uniform(-1, 1) * 10.0 ** rng.randrange(-320, 308) for _ in range(3000)] + [5e-324, 1.7976931348623157e308, 2.2250738585072011e-308]
    points = "[" + ",".join(f"[{i},{v:{'.17g' if i % 2 else 'r'}}]" if i % 2 else f"[{i},{v!r}]" for i, v in enumerate(values)) + "]"
    points = points.replace("e+", "E+")
    got = [float(y) for y, in db.execute("SELECT y FROM lttb_each(?) ORDER BY point", (points,))]
    equal(got, values, f"seed {SEED}")
    half = "9007199254740993." + "0" * 700 + "1"
    equal(db.execute(f"SELECT y FROM lttb_each('[[0,{half}],[1,1e-999],[2,{'1' * 30}]]')").fetchall(), [(9007199254740994.0,), (0.0,), (float("1" * 30),)])


BAD_POINTS = [("", "it ends too early, at byte 1 of 0"), ("[", "it ends too early, at byte 2 of 1"), ("[[1,2]", "it ends too early, at byte 7 of 6"),
              ("5", "an array of points must stand here, at byte 1 of 1"), ("{}", "an array of points must stand here, at byte 1 of 2"),
              ("null", "an array of points must stand here, at byte 1 of 4"), ("[1]", "a point [x,y] must stand here, at byte 2 of 3"),
              ("[[1,2],]", "a value must stand here, at byte 8 of 8"), ("[[1,2]]x", "nothing more must stand here, at byte 8 of 8"), ("[[]]", "x is missing, at byte 4 of 4"),
              ("[[1]]", "y is missing, at byte 5 of 5"), ("[[1,2,3]]", "a point has two coordinates only, at byte 7 of 9"), ("[[1 2]]", "a comma or ] must stand here, at byte 5 of 7"),
              ("[[null,2]]", "x must be a number or a string, at byte 3 of 10"), ("[[1,\"2\"]]", "y must be a number, at byte 5 of 9"),
              ("[[1,02]]", "a number must not start with 0, at byte 6 of 8"), ("[[1,2.]]", "a digit must stand here, at byte 7 of 8"),
              ("[[1,-]]", "a digit must stand here, at byte 6 of 7"), ("[[1,1e]]", "a digit must stand here, at byte 7 of 8"),
              ("[[1,1e999]]", "a number is too large, at byte 5 of 11"), ("[[1,0." + "1" * 2000 + "]]", "a number has too many digits, at byte 5 of 2008"),
              ("[[1,NaN]]", "a value must stand here, at byte 5 of 9"), ("[[1,Infinity]]", "a value must stand here, at byte 5 of 14"),
              ('[["a,2]]', "it ends within a string, at byte 9 of 8"), ('[["\\x",2]]', "no such escape, at byte 5 of 10"),
              ('[["\\u12g4",2]]', "four hexadecimal digits must stand here, at byte 8 of 14"), ('[["\\ud800",2]]', "the other half of a surrogate pair must stand here, at byte 10 of 14"),
              ('[["\\udc00",2]]', "half a surrogate pair ends here, at byte 10 of 14"), ('[["\n",2]]', "a control character within a string, at byte 4 of 9"),
              ("[" * 5000, "x must be a number or a string, at byte 3 of 5000"), ("[[1,2]\0]", "a comma or ] must stand here, at byte 7 of 8")]


def test_each_bad_json():
    """E4."""
    db = connect()
    for points, message in BAD_POINTS:
        equal(error_of(db, "SELECT count(*) FROM lttb_each(?)", points), "lttb_each: points must be [[x,y],...]: " + message, points[:60])
    assert error_of(db, "SELECT * FROM lttb_each(x'5b5d')").startswith("lttb_each: the argument must be JSON text, not a blob of 2 bytes")
    equal(error_of(db, "SELECT * FROM lttb_each"), "lttb_each(points): an argument is missing")
    equal(error_of(db, "SELECT * FROM lttb_each()"), "lttb_each(points): an argument is missing")
    assert "too many arguments" in error_of(db, "SELECT * FROM lttb_each(1, 2)")


def test_each_mutated():
    """E4: thousands of damaged texts: Python's strict reader and ours agree on which are good."""
    db, rng = connect(), random.Random(SEED)
    good = '[[1,2],[-3.5,4e-2],["2024-01-01 \\u00e9",7],["\\\\\\"",0]]'
    pieces = ["[", "]", ",", '"', "\\", "0", "1", "-", ".", "e", "{", "}", ":", " ", "u", "null", "true", "\n", "\x01", "+", "é", ""]

    def strict(text):
        def number(whole):
            if whole:
                return lambda t: int(t)
            return lambda t: float(t) if math.isfinite(float(t)) else None

        def constant(_):
            raise ValueError

        value = json.loads(text, parse_int=number(True), parse_float=number(False), parse_constant=constant)
        assert isinstance(value, list)
        for x, y in (tuple(p) if isinstance(p, list) else () for p in value):
            assert type(x) in (int, float, str) and type(y) in (int, float)
            if isinstance(x, str):
                x.encode()
        return value

    accepted = 0
    for _ in range(6000):
        text = list(good)
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            at = rng.randrange(len(text))
            text[at: at + rng.randrange(0, 3)] = [rng.choice(pieces)]
        text = "".join(text)
        try:
            expected = strict(text)
        except (ValueError, AssertionError):
            expected = None
        try:
            got = [list(r) for r in db.execute("SELECT x, y FROM lttb_each(?) ORDER BY point", (text,))]
            accepted += 1
        except sqlite3.Error as error:
            assert str(error).startswith("lttb_each: points must be"), (text, error)
            got = None
        equal(got, expected, f"{text!r}, seed {SEED}")
    assert accepted > 100, accepted


LIMITED = """
import json, os, resource, sqlite3, sys
order, limit = sys.argv[2], int(sys.argv[3])
db = sqlite3.connect(":memory:")
db.enable_load_extension(True)
db.load_extension(sys.argv[1])
rows = "WITH RECURSIVE c(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM c LIMIT %s) SELECT lttb(%s, i %% 977, 100) FROM c" % (sys.argv[4], order)
db.execute(rows.replace(sys.argv[4], "1000")).fetchall()
pages = int(open("/proc/self/statm").read().split()[0])
if limit:
    resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + limit,) * 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(len(json.loads(db.execute(rows).fetchone()[0])))
except MemoryError:
    print("out of memory")
except sqlite3.Error as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2) if not limit else None
print(db.execute("SELECT lttb(1, 2, 3)").fetchone()[0])
"""


def limited(order, limit_mb, rows):
    """Result, growth in KiB and the result of a next query, in a process of `limit_mb` more (0: any)."""
    done = subprocess.run([sys.executable, "-c", LIMITED, EXTENSION, order, str(limit_mb << 20), str(rows)], capture_output=True, text=True)
    assert done.returncode == 0, (order, limit_mb, done.returncode, done.stderr)
    result, growth, again = done.stdout.split("\n")[:3]
    equal(again, "[[1,2]]", "after it")
    return result, int(growth)


def test_memory():
    """L10: 10M points in 160 MB and little more, sorted or not; too little memory is an error, whenever it comes."""
    if b"__asan_" in open(EXTENSION + ".so", "rb").read():
        return  # its shadow memory is beyond any limit
    result, growth = limited("i", 0, 10_000_000)
    equal(result, "100")
    assert growth < 176_000, growth
    equal(limited("i", 100, 10_000_000)[0], "out of memory")
    result, growth = limited("(i * 7919) % 1000003", 0, 1_000_000)
    equal(result, "100")
    assert growth < 36_000, growth
    ends = [limited("(i * 7919) % 1000003", mb, 1_000_000)[0] for mb in (2, 30, 40, 50, 90)]
    equal(sorted(set(ends)), ["100", "out of memory"], str(ends))
    equal((ends[0], ends[-1]), ("out of memory", "100"))
