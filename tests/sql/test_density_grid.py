"""density_grid, density_grid_trace and density_grid_each against numpy.histogram2d.

D1..D10 and G1..G5 are the requirements at the top of ext/function/density_grid.c and ext/table/density_grid_each.c.
"""
import json
import math
import random
import sqlite3
import subprocess
import sys
import warnings

import numpy

from almanac import EXTENSION, connect, equal, error_of

SEED = random.SystemRandom().randrange(1 << 32)


def fill(db, rows):
    db.execute("CREATE TEMP TABLE IF NOT EXISTS given(x, y, w)")
    db.execute("DELETE FROM given")
    db.execute("BEGIN")
    db.executemany("INSERT INTO given VALUES (?, ?, ?)", [(*r, None)[:3] for r in rows])
    db.execute("COMMIT")


def histogram(points, nx, ny, reach=None, weights=None):
    """numpy's answer as the matrix that density_grid must give: its H transposed."""
    points = numpy.array(points, dtype=float).reshape(-1, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        h, _, _ = numpy.histogram2d(points[:, 0], points[:, 1], bins=(nx, ny), range=reach, weights=weights)
    return h.T.tolist() if weights is not None else h.T.astype(int).tolist()


def grid(db, points, nx, ny, reach=None):
    fill(db, points)
    flat = [] if reach is None else [*reach[0], *reach[1]]
    return json.loads(db.execute(f"SELECT density_grid(x, y, ?, ?{', ?' * len(flat)}) FROM given", (nx, ny, *flat)).fetchone()[0])


def near(value):
    return [math.nextafter(value, -math.inf), value, math.nextafter(value, math.inf)]


def some_range(rng):
    """A range of any size and place: round, odd, huge, tiny, a few doubles wide."""
    kind = rng.randrange(9)
    if kind == 0:
        return (0.0, float(rng.choice([1, 10, 100, 7])))
    if kind == 1:
        low = rng.uniform(-1e3, 1e3)
        return (low, low + rng.uniform(1e-3, 1e3))
    if kind == 2:
        low = rng.choice([1.7e9, 1.7e12, 1e15, -1e15]) + rng.randrange(1000)
        return (low, low + rng.choice([1.0, 3600.0, 86400.0, 12345.0]))
    if kind == 3:
        return (-(10.0 ** rng.randrange(-300, 300)), 10.0 ** rng.randrange(-300, 300))
    if kind == 4:
        low = rng.uniform(-1, 1) * 10.0 ** rng.randrange(-200, 200)
        return (low, low + abs(low) * 10.0 ** rng.randrange(-13, 3))
    if kind == 5:  # a few doubles wide: edges coincide
        low = rng.uniform(-1e6, 1e6)
        high = low
        for _ in range(rng.randrange(1, 40)):
            high = math.nextafter(high, math.inf)
        return (low, high)
    if kind == 6:
        return (0.1 * rng.randrange(1, 50), 0.1 * rng.randrange(50, 90))
    if kind == 7:
        return (-8e307 * rng.random(), 8e307)
    low = rng.randrange(-100, 100)
    return (low / 3, low / 3 + rng.randrange(1, 30) / 7)


def edge_values(rng, reach, bins):
    """Values on all edges of linspace, one ulp beside them, outside, and some between."""
    edges = numpy.linspace(reach[0], reach[1], bins + 1).tolist()
    values = [v for e in edges for v in near(e)]
    values += [rng.uniform(*reach) for _ in range(20)] + [reach[0] - 1, reach[1] + 1, reach[0] - 1e300, reach[1] + 1e300]
    rng.shuffle(values)
    return values


def test_edges():
    """D2, D3: 400 ranges, points on their edges and one ulp beside them."""
    db, rng = connect(), random.Random(SEED)
    for _ in range(400):
        reach, bins = (some_range(rng), some_range(rng)), (rng.choice([1, 2, 3, 7, 10, 50, 100, rng.randrange(1, 130)]), rng.randrange(1, 40))
        xs, ys = edge_values(rng, reach[0], bins[0]), edge_values(rng, reach[1], bins[1])
        count = max(len(xs), len(ys))
        points = [(xs[i % len(xs)], ys[i % len(ys)]) for i in range(count)]
        points += [(x, reach[1][0]) for x in xs] + [(reach[0][1], y) for y in ys]
        equal(grid(db, points, *bins, reach), histogram(points, *bins, reach), f"{reach} {bins}, seed {SEED}")


def test_every_edge_of_an_axis():
    """D2: each value by itself, so that two errors can't cancel out."""
    db, rng = connect(), random.Random(SEED)
    for _ in range(60):
        reach, bins = some_range(rng), rng.randrange(1, 60)
        for v in rng.sample(edge_values(rng, reach, bins), 25 if bins > 8 else 20):
            equal(grid(db, [(v, 0.5)], bins, 1, (reach, (0, 1))), histogram([(v, 0.5)], bins, 1, (reach, (0, 1))), f"{v!r} in {reach} {bins}, seed {SEED}")


def test_own_range():
    """D4."""
    db, rng = connect(), random.Random(SEED)
    for _ in range(200):
        count, bins = rng.choice([1, 2, 3, 10, 300]), (rng.randrange(1, 60), rng.randrange(1, 60))
        x_range, y_range = some_range(rng), some_range(rng)
        points = [(rng.choice(edge_values(rng, x_range, 5)[:9]), rng.uniform(*y_range)) for _ in range(count)]
        spread = [max(p[i] for p in points) - min(p[i] for p in points) for i in (0, 1)]
        if not all(map(math.isfinite, spread)):
            continue
        equal(grid(db, points, *bins), histogram(points, *bins), f"{points[:5]} {bins}, seed {SEED}")
    for points in ([(5, 7)], [(5, 7)] * 3, [(5, 7), (5, 8)], [(0, 0)], [(1e17, 1e17)], [(1e17, -3)] * 2, [(2**53 + 1, 2**62)], [(5e-324, 0), (0, 5e-324)]):
        for bins in ((1, 1), (4, 3), (2, 5)):
            equal(grid(db, points, *bins), histogram(points, *bins), str(points))


def test_no_data():
    """D4, D5, D6."""
    db = connect()
    equal(grid(db, [(None, 1), (1, None), (None, None)], 3, 2), [[0, 0, 0], [0, 0, 0]])
    equal(grid(db, [(None, 1)], 3, 2, ((0, 1), (0, 1))), [[0, 0, 0], [0, 0, 0]])
    equal(grid(db, [], 3, 2), [])
    equal(grid(db, [], 3, 2, ((0, 1), (0, 1))), [])
    equal(db.execute("SELECT density_grid_trace(x, y, 3, 2) FROM given").fetchone()[0], '{"type":"heatmap","z":[]}')
    fill(db, [(None, 1)])
    equal(db.execute("SELECT density_grid_trace(x, y, 1, 2) FROM given").fetchone()[0], '{"type":"heatmap","x0":0.5,"dx":1.0,"y0":0.25,"dy":0.5,"z":[[0],[0]]}')
    equal(db.execute("SELECT density_grid(x, y, 1, 1, 0, 1, 0, 1, w) FROM given").fetchone()[0], "[[0.0]]")
    equal(grid(db, [(1, 2), (None, 5), (1.5, 2.5)], 2, 1), [[1, 1]])


def test_integers():
    """D1, D2: integer coordinates, exactly on edges, and counts as integers."""
    db, rng = connect(), random.Random(SEED)
    points = [(rng.randrange(0, 11), rng.randrange(-5, 6)) for _ in range(2000)]
    for bins in ((10, 10), (11, 11), (3, 7), (100, 1)):
        equal(grid(db, points, *bins), histogram(points, *bins), f"seed {SEED}")
        equal(grid(db, points, *bins, ((0, 10), (-5, 5))), histogram(points, *bins, ((0, 10), (-5, 5))), f"seed {SEED}")
    huge = [(2**53 + i, 2**62 - 100 * i) for i in range(50)]
    equal(grid(db, huge, 7, 5), histogram(huge, 7, 5))
    equal(db.execute("SELECT density_grid(1, 1, 1, 1, 0, 2, 0, 2)").fetchone()[0], "[[1]]")


def test_weights():
    """D1, D3, D5: sums in the order of the rows, to the bit; always reals."""
    db, rng = connect(), random.Random(SEED)
    for _ in range(60):
        reach, bins = (some_range(rng), some_range(rng)), (rng.randrange(1, 9), rng.randrange(1, 9))
        rows = [(rng.choice(edge_values(rng, reach[0], 4)), rng.uniform(*reach[1]), rng.choice([rng.uniform(-1, 1) * 10.0 ** rng.randrange(-9, 9), rng.randrange(9), 0.1]))
                for _ in range(80)]
        fill(db, rows + [(reach[0][0], reach[1][0], None), (None, reach[1][0], 5), (reach[0][0], None, 5)])
        got = json.loads(db.execute("SELECT density_grid(x, y, ?, ?, ?, ?, ?, ?, w) FROM given", (*bins, *reach[0], *reach[1])).fetchone()[0])
        equal(got, histogram([r[:2] for r in rows], *bins, reach, [float(r[2]) for r in rows]), f"{reach} {bins}, seed {SEED}")
    equal(db.execute("SELECT density_grid(1, 1, 2, 1, 0, 2, 0, 2, 3)").fetchone()[0], "[[0.0,3.0]]")


def test_infinite_points():
    """D3, D4: outside of any range; an error without one."""
    db = connect()
    equal(grid(db, [(math.inf, 1), (1, -math.inf), (1, 1)], 1, 1, ((0, 2), (0, 2))), [[1]])
    equal(error_of(db, "SELECT density_grid(1, ?, 1, 1)", -math.inf), "density_grid: y must be finite where no range is given, not -Inf")
    equal(error_of(db, "SELECT density_grid_trace(?, 1, 1, 1)", math.inf), "density_grid_trace: x must be finite where no range is given, not Inf")
    fill(db, [(-1e308, 1), (1e308, 1)])
    equal(error_of(db, "SELECT density_grid(x, y, 2, 2) FROM given"), "density_grid: the range of x, -1e+308 to 1e+308, is wider than a REAL can hold")
    equal(error_of(db, "SELECT density_grid(1, 1, 2, 2, 0, 1, -1e308, 1e308)"), "density_grid: the range of y, -1e+308 to 1e+308, is wider than a REAL can hold")


def test_many_points():
    """D4, D9: more points than one chunk holds, and more rows than are checked one by one."""
    db, rng = connect(), random.Random(SEED)
    points = [(rng.gauss(0, 1), rng.gauss(5, 2)) for _ in range(40000)]
    equal(grid(db, points, 30, 20), histogram(points, 30, 20), f"seed {SEED}")
    equal(grid(db, points, 30, 20, ((-1, 1), (0, 5))), histogram(points, 30, 20, ((-1, 1), (0, 5))), f"seed {SEED}")


def test_trace():
    """D7: axes of the cells' centres, for every arity."""
    db, rng = connect(), random.Random(SEED)
    points = [(rng.random() * 10, rng.random()) for _ in range(100)]
    fill(db, [(x, y, 0.5) for x, y in points])
    trace = lambda arguments: db.execute(f"SELECT density_grid_trace(x, y, {arguments}) FROM given").fetchone()[0]
    plain = lambda arguments: db.execute(f"SELECT density_grid(x, y, {arguments}) FROM given").fetchone()[0]
    for arguments in ("5, 4, 0, 10, -1, 1", "5, 4, 0, 10, -1, 1, w"):
        equal(trace(arguments), '{"type":"heatmap","x0":1.0,"dx":2.0,"y0":-0.75,"dy":0.5,"z":' + plain(arguments) + "}")
    own = json.loads(trace("5, 4"))
    equal(list(own), ["type", "x0", "dx", "y0", "dy", "z"])
    equal(own["z"], json.loads(plain("5, 4")))
    low, high = min(p[0] for p in points), max(p[0] for p in points)
    equal((own["dx"], own["x0"]), ((high - low) / 5, low + (high - low) / 5 / 2))


def test_json_subtype():
    """D1, D7."""
    db = connect()
    equal(db.execute("SELECT json_array(density_grid(1, 1, 2, 1, 0, 2, 0, 2), density_grid_trace(1, 1, 1, 1, 0, 2, 0, 2))").fetchone()[0],
          '[[[0,1]],{"type":"heatmap","x0":1.0,"dx":2.0,"y0":1.0,"dy":2.0,"z":[[1]]}]')
    equal(db.execute("SELECT json_extract(density_grid_trace(1, 1, 1, 1, 0, 2, 0, 2), '$.z[0][0]')").fetchone()[0], 1)


def test_bad_parameters():
    """D8: for every arity and both names."""
    db = connect()
    for name in ("density_grid", "density_grid_trace"):
        for nx, shown in [(0, "0"), (-3, "-3"), (2.5, "2.5"), ("10", "'10'"), (None, "NULL"), (b"", "a blob of 0 bytes"), (1e300, "1.0e+300"), (math.inf, "Inf"), (-(2**63), "-9223372036854775808")]:
            for rest, values in [("", ()), (", 0, 1, 0, 1", ()), (", 0, 1, 0, 1, 1", ())]:
                equal(error_of(db, f"SELECT {name}(1, 1, ?, 5{rest})", nx), f"{name}: nx, the number of columns, must be a whole number >= 1, not {shown}")
                equal(error_of(db, f"SELECT {name}(1, 1, 5, ?{rest})", nx), f"{name}: ny, the number of rows, must be a whole number >= 1, not {shown}")
        for nx, ny in [(100000, 10000), (1000000000, 1), (1, 10**9), (2**63 - 1, 2**63 - 1), (4097, 4096), (2**32, 2**32)]:
            for rest in ("", ", 0, 1, 0, 1"):
                equal(error_of(db, f"SELECT {name}(1, 1, ?, ?{rest})", nx, ny), f"{name}: nx * ny must be at most 16777216 cells, not {nx} * {ny}")
        for at, word in enumerate(("x0", "x1", "y0", "y1")):
            for value, shown in [("0", "'0'"), (None, "NULL"), (math.inf, "Inf"), (-math.inf, "-Inf"), (b"1", "a blob of 1 bytes"), ("abc", "'abc'")]:
                values = [0, 1, 0, 1]
                values[at] = value
                equal(error_of(db, f"SELECT {name}(1, 1, 5, 5, ?, ?, ?, ?)", *values), f"{name}: {word} must be a finite number, not {shown}")
        equal(error_of(db, f"SELECT {name}(1, 1, 5, 5, 1, 1, 0, 1)"), f"{name}: x0 must be below x1, not 1 and 1")
        equal(error_of(db, f"SELECT {name}(1, 1, 5, 5, 0, 1, 3.5, -2, 1)"), f"{name}: y0 must be below y1, not 3.5 and -2")
    for wrong in ("1, 1, 1", "1, 1, 1, 1, 1", "1, 1, 1, 1, 1, 1", "1, 1, 1, 1, 1, 1, 1", "1, 1, 1, 1, 1, 1, 1, 1, 1, 1", "1"):
        assert "wrong number of arguments" in error_of(db, f"SELECT density_grid({wrong})")
    equal(json.loads(db.execute("SELECT density_grid(1, 1, 5.0, 2.0)").fetchone()[0])[1][2], 1)
    equal(len(db.execute("SELECT density_grid(1, 1, 4096, 4096, 0, 1, 0, 1)").fetchone()[0]), 2 * 4096 * 4096 + 4096 * 2 + 1)


def test_bad_points():
    """D10."""
    db = connect()
    for rest in ("", ", 0, 1, 0, 1", ", 0, 1, 0, 1, 1"):
        for value, shown in [("abc", "'abc'"), ("2024-01-01", "'2024-01-01'"), ("1", "'1'"), (b"12", "a blob of 2 bytes")]:
            equal(error_of(db, f"SELECT density_grid(?, 1, 2, 2{rest})", value), f"density_grid: x must be a number, not {shown}")
            equal(error_of(db, f"SELECT density_grid(1, ?, 2, 2{rest})", value), f"density_grid: y must be a number, not {shown}")
    equal(error_of(db, "SELECT density_grid(1, 1, 1, 1, 0, 2, 0, 2, 'a')"), "density_grid: weight must be a number, not 'a'")
    equal(error_of(db, "SELECT density_grid(1, 1, 1, 1, 0, 2, 0, 2, 9e999)"), "density_grid: weight must be finite, not Inf")
    fill(db, [(1, 1, 1e308)] * 3)
    equal(error_of(db, "SELECT density_grid(x, y, 2, 1, 0, 1, 0, 2, w) FROM given"), "density_grid: the weights in cell (1, 0) add up to more than a REAL can hold")


def test_constant_parameters():
    """D9: within a group; between groups they may differ."""
    db = connect()
    fill(db, [(i, i % 7, i // 500) for i in range(1000)])
    for at, word in enumerate(("nx", "ny", "x0", "x1", "y0", "y1")):
        for row in (1, 2, 500, 999):
            values = ["5", "6", "0", "7", "1", "9"]
            values[at] = f"CASE WHEN x = {row} THEN ? ELSE {values[at]} END"
            for other, shown in [(4, "4"), (None, "NULL"), ("a", "'a'"), (5.5, "5.5")]:
                message = error_of(db, f"SELECT density_grid(x, y, {', '.join(values)}) FROM given", other)
                equal(message, f"density_grid: {word} must be the same in every row of a group: it was {'560719'[at]}, not {shown}")
                if at < 2:
                    error_of(db, f"SELECT density_grid(x, y, {', '.join(values[:2])}) FROM given", other)
    got = db.execute("SELECT density_grid(x, y, 1 + w, 1, 0, 1000, 0, 7) FROM given GROUP BY w").fetchall()
    equal(got, [("[[500]]",), ("[[0,500]]",)])


def test_groups():
    """D3: one grid a group."""
    db, rng = connect(), random.Random(SEED)
    rows = [(rng.random(), rng.random(), rng.randrange(40)) for _ in range(4000)]
    fill(db, rows)
    for arguments, reach in [("5, 4, 0, 1, 0, 1", ((0, 1), (0, 1))), ("5, 4", None)]:
        for g, got in db.execute(f"SELECT w, density_grid(x, y, {arguments}) FROM given GROUP BY w"):
            equal(json.loads(got), histogram([r[:2] for r in rows if r[2] == g], 5, 4, reach), f"seed {SEED}")


def cells(db, *arguments):
    return db.execute(f"SELECT ix, iy, x, y, value FROM density_grid_each({', '.join('?' * len(arguments))})", arguments).fetchall()


def test_each_of_a_matrix():
    """G1..G4."""
    db = connect()
    equal(cells(db, "[[1,2.0],[null,-4e1]]"), [(0, 0, None, None, 1), (1, 0, None, None, 2.0), (0, 1, None, None, None), (1, 1, None, None, -40.0)])
    equal(db.execute("SELECT typeof(value) FROM density_grid_each('[[1,2.0,null]]')").fetchall(), [("integer",), ("real",), ("null",)])
    equal(cells(db, "[[1,2],[3,4]]", 0, 10, -1, 1), [(0, 0, 2.5, -0.5, 1), (1, 0, 7.5, -0.5, 2), (0, 1, 2.5, 0.5, 3), (1, 1, 7.5, 0.5, 4)])
    equal(cells(db, "[[1]]", None, None, None, None), [(0, 0, None, None, 1)])
    for nothing in (None, "[]", '{"z":[]}', "[[],[]]", '{"type":"heatmap","z":[]}'):
        equal(cells(db, nothing), [])
        equal(cells(db, nothing, 0, 1, 0, 1), [])
    equal(db.execute("SELECT rowid FROM density_grid_each('[[1,2],[3,4]]')").fetchall(), [(0,), (1,), (2,), (3,)])
    equal(db.execute("SELECT grid, x0, x1, y0, y1 FROM density_grid_each('[[1]]', 1, 2, 3, 4.5)").fetchall(), [("[[1]]", 1, 2, 3, 4.5)])


def test_each_of_a_trace():
    """G1, G2: also with elements that a user or Plotly adds, in any order."""
    db = connect()
    z = '"z":[[1,2],[3,4]]'
    expected = [(0, 0, 1.0, 5.0, 1), (1, 0, 1.5, 5.0, 2), (0, 1, 1.0, 7.0, 3), (1, 1, 1.5, 7.0, 4)]
    for trace in ('{"type":"heatmap","x0":1.0,"dx":0.5,"y0":5,"dy":2,' + z + "}", '{' + z + ',"dy":2,"dx":5e-1,"y0":5,"x0":1}',
                  ' { "colorscale" : [[0,"red"],[1,{"z":[9]}]] , ' + z + ' , "x0":1,"dx":0.5,"\\u00790":5,"dy":2,"name":"\\"z\\":","a":true,"b":null,"c":false}\n'):
        equal(cells(db, trace), expected)
        equal(cells(db, trace, 0, 2, 0, 2)[3], (1, 1, 1.5, 1.5, 4), "a range that is given counts")
    equal(cells(db, '{"x0":"2024-01-01","dx":1,"y0":2,' + z + "}")[3], (1, 1, None, None, 4))
    equal(cells(db, '{"z":[[9]],' + z + "}")[0][4], 1)


def test_each_of_grids():
    """G1, G2: unpacks what density_grid packs; the centres are the same by both ways."""
    db, rng = connect(), random.Random(SEED)
    for _ in range(20):
        reach = tuple(tuple(sorted((rng.uniform(-10, 10), rng.uniform(-10, 10)))) for _ in range(2))
        flat, bins = (*reach[0], *reach[1]), (rng.randrange(1, 9), rng.randrange(1, 9))
        points = [(rng.uniform(-10, 10), rng.uniform(-10, 10)) for _ in range(200)]
        fill(db, points)
        matrix, trace = db.execute("SELECT density_grid(x, y, ?1, ?2, ?3, ?4, ?5, ?6), density_grid_trace(x, y, ?1, ?2, ?3, ?4, ?5, ?6) FROM given", (*bins, *flat)).fetchone()
        got = cells(db, matrix, *flat)
        equal(cells(db, trace), got)
        expected = histogram(points, *bins, reach)
        equal([(ix, iy, v) for ix, iy, _, _, v in got], [(ix, iy, expected[iy][ix]) for iy in range(bins[1]) for ix in range(bins[0])], f"seed {SEED}")
        for ix, iy, x, y, _ in got:
            for i, n, low, high, centre in ((ix, bins[0], *reach[0], x), (iy, bins[1], *reach[1], y)):
                assert abs(centre - (low + (i + 0.5) * (high - low) / n)) < 1e-13, (reach, bins, x, y)
    db.execute("CREATE TABLE panel(id, grid, x0, x1, y0, y1)")
    db.execute("INSERT INTO panel VALUES (1, '[[1,2]]', 0, 2, 0, 1), (2, '[[5]]', 0, 1, 0, 3), (3, NULL, 0, 1, 0, 1), (4, '[[6]]', NULL, NULL, NULL, NULL)")
    equal(db.execute("SELECT id, c.x, c.y, value FROM panel p, density_grid_each(p.grid, p.x0, p.x1, p.y0, p.y1) c ORDER BY 1, ix").fetchall(),
          [(1, 0.5, 0.5, 1), (1, 1.5, 0.5, 2), (2, 0.5, 1.5, 5), (4, None, None, 6)])
    equal(db.execute("SELECT id, value FROM density_grid_each(p.grid) JOIN panel p WHERE value > 4 ORDER BY 1").fetchall(), [(2, 5), (4, 6)])
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("CREATE VIEW v AS SELECT id, ix, value FROM panel, density_grid_each(panel.grid)")
    equal(db.execute("SELECT sum(value) FROM v").fetchone(), (14,))


G = "density_grid_each: grid must be [[..],..] or {\"z\":[[..],..],..}: "
BAD_GRIDS = [("", "it ends too early, at byte 1 of 0"), ("5", "a matrix [[..],..] or a trace {..} must stand here, at byte 1 of 1"), ("null", "a matrix [[..],..] or a trace {..} must stand here, at byte 1 of 4"),
             ("[[1,2],[3]]", "a row ends here that has not as many cells as the first, at byte 10 of 11"), ("[[1],[3,4]]", "a row ends here that has not as many cells as the first, at byte 10 of 11"),
             ("[1,2]", "a row of cells must stand here, at byte 2 of 5"), ("[[1,[2]]]", "a cell must be a number or null, at byte 5 of 9"), ('[["1"]]', "a cell must be a number or null, at byte 3 of 7"),
             ("[[true]]", "a cell must be a number or null, at byte 3 of 8"), ("[[1]", "it ends too early, at byte 5 of 4"), ("[[1]]]", "nothing more must stand here, at byte 6 of 6"), ("[[1],]", "a value must stand here, at byte 6 of 6"),
             ("[[nul]]", "a value must stand here, at byte 3 of 7"), ("{}", 'this object has no "z", at byte 1 of 2'), ('{"x0":1}', 'this object has no "z", at byte 1 of 8'), ('{"z":5}', "a matrix [[..],..] must stand here, at byte 6 of 7"),
             ('{"z":[[1]]', "it ends too early, at byte 11 of 10"), ('{"z":[[1]],}', "a string must stand here, at byte 12 of 12"), ('{"z" [[1]]}', "a colon must stand here, at byte 6 of 11"), ("{z:[[1]]}", "a string must stand here, at byte 2 of 9"),
             ('{"z":[[1]] "x0":1}', "a comma or } must stand here, at byte 12 of 18"), ('{"a":tru,"z":[[1]]}', "a value must stand here, at byte 6 of 19"), ('{"z":[[1]]}}', "nothing more must stand here, at byte 12 of 12"),
             ('{"a":' + "[" * 200 + ',"z":[[1]]}', "it is nested too deeply, at byte 106 of 216"), ('{"a":' + '{"b":' * 200, "it is nested too deeply, at byte 506 of 1005"), ('{"a":"\\ud83d","z":[[1]]}', "the other half of a surrogate pair must stand here, at byte 13 of 24"),
             ('{"dx":1e999,"z":[[1]]}', "a number is too large, at byte 7 of 22"), ("[[0x10]]", "a comma or ] must stand here, at byte 4 of 8"), ("[[.5]]", "a value must stand here, at byte 3 of 6"), ("[[+5]]", "a value must stand here, at byte 3 of 6")]


def test_each_bad_json():
    """G5."""
    db = connect()
    for text, message in BAD_GRIDS:
        equal(error_of(db, "SELECT count(*) FROM density_grid_each(?)", text), G + message, text[:60])
    assert error_of(db, "SELECT * FROM density_grid_each(x'5b5d')").startswith("density_grid_each: the argument must be JSON text, not a blob of 2 bytes")
    equal(error_of(db, "SELECT * FROM density_grid_each"), "density_grid_each(grid [, x0, x1, y0, y1]): an argument is missing")


def test_each_bad_range():
    """G2."""
    db = connect()
    for arguments, message in [((0, 1), "x0, x1, y0 and y1 must be given all four or not at all"), ((0, 1, 0), "x0, x1, y0 and y1 must be given all four or not at all"),
                               ((0, 1, None, 1), "x0, x1, y0 and y1 must be given all four or not at all"), ((1, 1, 0, 1), "x0 must be below x1, not 1 and 1"), ((0, 1, 5, -5), "y0 must be below y1, not 5 and -5"),
                               ((0, "1", 0, 1), "x1 must be a finite number, not '1'"), ((0, 1, 0, math.inf), "y1 must be a finite number, not Inf"), ((0, 1, b"ab", 1), "y0 must be a finite number, not a blob of 2 bytes"),
                               ((-1e308, 1e308, 0, 1), "the range of x, -1e+308 to 1e+308, is wider than a REAL can hold")]:
        equal(error_of(db, f"SELECT * FROM density_grid_each('[[1]]'{', ?' * len(arguments)})", *arguments), "density_grid_each: " + message)


def test_each_mutated():
    """G5: thousands of damaged texts: Python's strict reader and ours agree on which are good."""
    db, rng = connect(), random.Random(SEED)
    goods = ["[[1,2.5,null],[-3,4e-2,0]]", '{"type":"heatmap","x0":0.5,"dx":1,"y0":2,"dy":3,"z":[[1,2],[3,4]],"k":{"a":[true,false,null,"\\n"]}}']
    pieces = ["[", "]", ",", '"', "\\", "0", "1", "-", ".", "e", "{", "}", ":", " ", "u", "null", "true", "\n", "\x01", "+", "é", ""]

    def constant(_):
        raise ValueError

    def real(text):
        assert math.isfinite(float(text))
        return float(text)

    def strict(text):
        value = json.loads(text, parse_constant=constant, parse_float=real)
        json.dumps(value, ensure_ascii=False).encode()  # no lone surrogates
        z = value["z"] if isinstance(value, dict) else value
        assert isinstance(z, list) and all(isinstance(r, list) and len(r) == len(z[0]) for r in z)
        assert all(v is None or type(v) in (int, float) for r in z for v in r)
        return [v for r in z for v in r]

    accepted = 0
    for _ in range(6000):
        text = list(rng.choice(goods))
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            at = rng.randrange(len(text))
            text[at: at + rng.randrange(0, 3)] = [rng.choice(pieces)]
        text = "".join(text)
        try:
            expected = strict(text)
        except (ValueError, AssertionError, KeyError, TypeError):
            expected = None
        try:
            got = [v for v, in db.execute("SELECT value FROM density_grid_each(?) ORDER BY iy, ix", (text,))]
            accepted += 1
        except sqlite3.Error as error:
            assert str(error).startswith("density_grid_each: grid must be"), (text, error)
            got = None
        equal(got, expected, f"{text!r}, seed {SEED}")
    assert accepted > 300, accepted


LIMITED = """
import os, resource, sqlite3, sys
db = sqlite3.connect(":memory:")
db.enable_load_extension(True)
db.load_extension(sys.argv[1])
rows = "WITH RECURSIVE c(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM c LIMIT %s) SELECT length(%s) FROM c"
db.execute(rows % (100, "density_grid(i, i, 2, 2)")).fetchall()
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + (int(sys.argv[3]) << 20),) * 2)
try:
    print(db.execute(rows % (sys.argv[4], sys.argv[2])).fetchone()[0])
except MemoryError:
    print("out of memory")
except sqlite3.Error as error:
    print(error)
print(db.execute("SELECT density_grid(1, 1, 1, 1)").fetchone()[0])
"""


def test_memory():
    """D10: too little memory is an error, whenever it comes: for points, cells, edges or the text."""
    if b"__asan_" in open(EXTENSION + ".so", "rb").read():
        return  # its shadow memory is beyond any limit
    for call, rows, limits in [("density_grid(i, i % 977, 10, 10)", 1_000_000, (2, 9, 17, 60)), ("density_grid(i, i, 16777216, 1, 0, 9, 0, 9)", 5, (60, 200, 300, 420)),
                               ("density_grid(i, i, 1, 16777216)", 5, (60, 200, 300, 420))]:
        ends = []
        for mb in limits:
            done = subprocess.run([sys.executable, "-c", LIMITED, EXTENSION, call, str(mb), str(rows)], capture_output=True, text=True)
            assert done.returncode == 0, (call, mb, done.returncode, done.stderr)
            result, again = done.stdout.split("\n")[:2]
            equal(again, "[[1]]", "after it")
            ends.append(result)
        equal(ends[0], "out of memory", f"{call} {ends}")
        assert ends[-1].isdigit() and set(ends[:-1]) <= {"out of memory", ends[-1]}, (call, ends)
