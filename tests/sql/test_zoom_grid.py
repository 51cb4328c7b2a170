"""zoom_grid beside numpy.histogram2d over all raw rows. ZG1 to ZG6 stand in ext/table/zoom_grid.c."""
import json
import os
import random

import numpy

from almanac import connect, directory, equal, error_of, shell, tool

SQL = "SELECT grid, trace, x0, x1, y0, y1, nx, ny, level FROM zoom_grid"


def declare(path, size="64x64", select="dataset_id, x, y", name="z"):
    tool("apply", path, "-", stdin=f"CREATE MATERIALIZED VIEW {name} WITH (zoom_cells = '{size}') AS SELECT {select} FROM defects;")


def fresh(rows=3000, keys="dataset_id", size="64x64", seed=1, spread=10.0):
    chance = random.Random(seed)
    path = directory() + "/t.db"
    db = connect(path)
    listed = [key.strip() for key in keys.split(",") if key.strip()]
    db.execute(f"CREATE TABLE defects(id INTEGER PRIMARY KEY, {''.join(key + ', ' for key in listed)}x, y)")
    db.execute("BEGIN")
    for _ in range(rows):
        db.execute(f"INSERT INTO defects VALUES (NULL, {'?, ' * len(listed)}?, ?)", (*[chance.randrange(3) for _ in listed], chance.gauss(5, spread), chance.uniform(-3, 4)))
    db.execute("COMMIT")
    declare(path, size, "".join(key + ", " for key in listed) + "x, y")
    tool("refresh", path)
    return path, db


def rows_of(db, key=0):
    numbers = "typeof(x) IN ('integer', 'real') AND typeof(y) IN ('integer', 'real') AND abs(x) < 9e999 AND abs(y) < 9e999"
    found = db.execute(f"SELECT x, y FROM defects WHERE dataset_id = ? AND {numbers}", (key,)).fetchall()
    return numpy.array(found, dtype=float).reshape(-1, 2)


def histogram(points, x_bins, y_bins, reach=None):
    return numpy.histogram2d(points[:, 0], points[:, 1], bins=(x_bins, y_bins), range=reach)


def ask(db, x0, x1, y0, y1, nx, ny, key=0):
    grid, trace, *rest = db.execute(f"{SQL}(?, ?, ?, ?, ?, ?, ?, ?)", ("z", x0, x1, y0, y1, nx, ny, key)).fetchone()
    grid, trace = json.loads(grid), json.loads(trace)
    equal(trace["z"], grid)
    a0, a1, b0, b1, columns, lines, _ = rest
    equal((len(grid), {len(row) for row in grid}), (lines, {columns}))
    equal((trace["type"], trace["x0"], trace["dx"], trace["y0"], trace["dy"]),
          ("heatmap", a0 + (a1 - a0) / columns / 2, (a1 - a0) / columns, b0 + (b1 - b0) / lines / 2, (b1 - b0) / lines))
    return grid, rest


def expect(points, grid, rest, asked):
    """ZG1, ZG2, ZG3: numpy's cells, from the edges of the grid that was read."""
    a0, a1, b0, b1, columns, lines, level = rest
    if level == "raw":
        equal(tuple(rest[:6]), asked)
        counted, _, _ = histogram(points, columns, lines, ((a0, a1), (b0, b1)))
    else:
        _, x_edges, y_edges = histogram(points, *[side_of(edges, n, finest) for edges, n, finest in
                                                  zip(((points[:, 0], a0, a1), (points[:, 1], b0, b1)), (columns, lines), map(int, level.split("x")))])
        i0, i1, j0, j1 = [int(numpy.flatnonzero(edges == v)[0]) for edges, v in ((x_edges, a0), (x_edges, a1), (y_edges, b0), (y_edges, b1))]
        equal((i1 - i0, j1 - j0), (columns, lines))
        counted, _, _ = histogram(points, x_edges, y_edges)
        counted = counted[i0:i1, j0:j1]
    equal(grid, counted.T.astype(int).tolist(), (rest, asked))


def side_of(axis, n, finest):
    """How many cells a side the grid has, of which n are low ... high."""
    values, low, high = axis
    width = values.max() - values.min()
    return min((1 << i for i in range(13)), key=lambda side: abs(width / side * n - (high - low)))


def test_whole_range():
    """ZG2, ZG4: powers of two over the whole range are density_grid() itself, whatever the shape."""
    _, db = fresh()
    for nx, ny in [(64, 64), (32, 32), (8, 8), (1, 1), (4, 64), (64, 2), (16, 32)]:
        for key in range(3):
            grid, rest = ask(db, None, None, None, None, nx, ny, key)
            expected, x_edges, y_edges = histogram(rows_of(db, key), nx, ny)
            equal(grid, expected.T.astype(int).tolist(), (nx, ny, key))
            equal(rest[:6], [x_edges[0], x_edges[-1], y_edges[0], y_edges[-1], nx, ny])
            assert rest[6] != "raw"
            equal(json.dumps(grid).replace(" ", ""), db.execute("SELECT density_grid(x, y, ?, ?) FROM defects WHERE dataset_id = ?", (nx, ny, key)).fetchone()[0])
            asked = [x_edges[0], x_edges[-1], y_edges[0], y_edges[-1]]
            equal(ask(db, *asked, nx, ny, key)[0], grid, "the range given")
    equal(ask(db, None, None, None, None, 128, 64)[1][6], "raw")
    equal(ask(db, None, None, None, None, 8, 8)[1][6], "8x8")


def details(db, chance, n, key=0):
    """Random details of a data set against numpy; which levels were read."""
    points, levels = rows_of(db, key), set()
    low, high = (points.min(axis=0), points.max(axis=0)) if len(points) else ((0, 0), (1, 1))
    for _ in range(n):
        coarse = chance.random() < 0.3
        wide = [max(high[i] - low[i], 1e-3) * 2 ** -chance.uniform(0, 1 if coarse else 8) for i in (0, 1)]
        from_ = [low[i] + (high[i] - low[i]) * chance.uniform(-0.2, 1.1) for i in (0, 1)]
        x0, x1, y0, y1 = from_[0], from_[0] + wide[0], from_[1], from_[1] + wide[1]
        nx, ny = (chance.randrange(1, 8 if coarse else 40) for _ in "xy")
        grid, rest = ask(db, x0, x1, y0, y1, nx, ny, key)
        expect(points, grid, rest, (x0, x1, y0, y1, nx, ny))
        levels.add(rest[6])
        if rest[6] == "raw":
            continue
        assert (rest[0] <= x0 or rest[0] == low[0]) and (rest[1] >= x1 or rest[1] == high[0]) and (rest[2] <= y0 or rest[2] == low[1]) and (rest[3] >= y1 or rest[3] == high[1]), rest
        assert rest[4] <= 2 * nx + 2 and rest[5] <= 2 * ny + 2, (rest, nx, ny)
        assert (rest[1] - rest[0]) / rest[4] <= wide[0] / nx * (1 + 2e-9) and (rest[3] - rest[2]) / rest[5] <= wide[1] / ny * (1 + 2e-9), (rest, wide, nx, ny)
    return levels


def test_details():
    """ZG1, ZG2, ZG3: any detail, also beyond the data."""
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(10**6)))
    print("ALMANAC_SEED", seed)
    chance = random.Random(seed)
    _, db = fresh(seed=seed)
    levels = details(db, chance, 150) | details(db, chance, 50, 1)
    assert len(levels) >= 4 and {"raw", "64x64"} <= levels, levels


def test_parts():
    """ZG2: halves and quarters of a range, as they come from a former result, keep the cells' size."""
    _, db = fresh()
    grid, (x0, x1, y0, y1, *_) = ask(db, None, None, None, None, 64, 64)
    x_edges, y_edges = [numpy.linspace(low, high, 65) for low, high in ((x0, x1), (y0, y1))]
    for first in range(0, 64, 16):
        got, rest = ask(db, x_edges[first], x_edges[first + 16], y_edges[first], y_edges[first + 16], 16, 16)
        equal(got, [row[first:first + 16] for row in grid[first:first + 16]])
        equal(rest, [x_edges[first], x_edges[first + 16], y_edges[first], y_edges[first + 16], 16, 16, "64x64"])


def test_changes():
    """ZG1: late rows, deletes, updates, moved extents: exact before the next refresh, by raw rows of that data set alone."""
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(10**6)))
    print("ALMANAC_SEED", seed)
    chance = random.Random(seed)
    path, db = fresh(seed=seed)
    for change in ("INSERT INTO defects(dataset_id, x, y) VALUES (0, 1000, 1), (0, 'abc', 1), (0, 1, NULL), (0, 9e999, 1), (NULL, 1, 1)", "DELETE FROM defects WHERE dataset_id = 0 AND id % 3 = 0",
                   "UPDATE defects SET x = CAST(x AS INTEGER), y = y * 2 WHERE dataset_id = 0", "UPDATE defects SET dataset_id = 0 WHERE id % 7 = 0 AND dataset_id = 1", "DELETE FROM defects WHERE x > 100",
                   "DELETE FROM defects WHERE dataset_id = 0"):
        db.execute(change)
        equal(details(db, chance, 15), {"raw"}, change)
        equal(ask(db, None, None, None, None, 8, 8)[0], histogram(rows_of(db), 8, 8)[0].T.astype(int).tolist(), change)
        equal(ask(db, None, None, None, None, 8, 8, 2)[1][6], "8x8", "another data set")
        db.execute("BEGIN")
        db.execute("UPDATE defects SET x = x + 1 WHERE dataset_id = 2")
        equal(ask(db, None, None, None, None, 8, 8, 2)[1][6], "raw", "within a transaction")
        db.execute("ROLLBACK")
        tool("refresh", path, *chance.choice([("z_cells",), ("z_extent",)]))
        equal(ask(db, None, None, None, None, 8, 8)[1][6], "raw", "half refreshed")
        tool("refresh", path)
        details(db, chance, 15)
    equal(ask(db, None, None, None, None, 2, 2), ([[0, 0], [0, 0]], [0, 1, 0, 1, 2, 2, "raw"]), "empty")
    equal(ask(db, 5, 6, 7, 9, 2, 1, 77), ([[0, 0]], [5, 6, 7, 9, 2, 1, "raw"]), "no such data set")


def test_keys():
    """One, several, none; compared as the column does."""
    path, db = fresh(keys="site TEXT, dataset_id INTEGER")
    got = lambda key: db.execute("SELECT json_extract(grid, '$[0][0]'), level FROM zoom_grid('z', NULL, NULL, NULL, NULL, 1, 1, ?)", (key,)).fetchone()
    count = db.execute("SELECT count(*) FROM defects WHERE site = '1' AND dataset_id = 2").fetchone()[0]
    equal([got(key) for key in ('["1", 2]', "[1, 2]", '["1", "2"]', '["1", 2.0]', '["x", 2]')], [(count, "8x8")] * 4 + [(0, "raw")])
    assert "a JSON array of their 2 values" in error_of(db, SQL + "('z', NULL, NULL, NULL, NULL, 1, 1, 7)")
    path, db = fresh(keys="")
    points = numpy.array(db.execute("SELECT x, y FROM defects").fetchall())
    for level in ("8x8", "raw", "8x8"):
        grid, got = db.execute("SELECT grid, level FROM zoom_grid('z', NULL, NULL, NULL, NULL, 8, 8)").fetchone()
        equal((json.loads(grid), got), (histogram(points, 8, 8)[0].T.astype(int).tolist(), level))
        if level == "8x8":
            db.execute("UPDATE defects SET x = x")
        else:
            tool("refresh", path)


def test_unusual_ranges():
    """No cells are kept of these: raw rows."""
    path, db = fresh(rows=0)
    db.executemany("INSERT INTO defects(dataset_id, x, y) VALUES (?, ?, ?)", [
        (0, 1.0, 1), (0, 1 + 2**-52, 2), (1, 5, 5), (2, 2**53 + 1, 0), (2, 2**53 + 2, 1), (2, 2**53 + 50000, 1), (3, -1.7e308, 0), (3, 1.7e308, 1)])
    for refreshed in (False, True):
        for key in range(3):
            equal(ask(db, None, None, None, None, 4, 4, key)[0], histogram(rows_of(db, key), 4, 4)[0].T.astype(int).tolist(), key)
        assert "wider than a REAL can hold" in error_of(db, SQL + "('z', NULL, NULL, NULL, NULL, 4, 4, 3)")
        equal(ask(db, -1e308, 0, 0, 1, 2, 2, 3)[0], [[0, 0], [0, 0]])
        equal(ask(db, 2**53 + 1, 2**53 + 8, 0, 1, 2, 2, 2)[0], histogram(rows_of(db, 2), 2, 2, ((2**53 + 1, 2**53 + 8), (0, 1)))[0].T.astype(int).tolist(), "integers beyond 53 bits")
        tool("refresh", path)
    equal([ask(db, None, None, None, None, 4, 4, key)[1][6] for key in range(3)], ["raw", "8x8", "8x8"])


def test_errors():
    """ZG6"""
    path, db = fresh(rows=10)
    shell(path, "CREATE TABLE readings(ts INTEGER, value)", "INSERT INTO readings VALUES (1700000000, 1)")
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW t WITH (zoom = '1h') AS SELECT ts, value FROM readings;")
    for call, message in [
            ("('y', NULL, NULL, NULL, NULL, 5, 5, 0)", "zoom_grid: there is no zoom 'y' in the main database, but: z"), ("('t', NULL, NULL, NULL, NULL, 5, 5, 0)", "zoom_grid: t is a zoom over time: read it with zoom_points or zoom_buckets"),
            ("(NULL, NULL, NULL, NULL, NULL, 5, 5, 0)", "zoom_grid: the name of a zoom must be text, not NULL"), ("('z', NULL, NULL, NULL, NULL, 5, 5)", "zoom_grid: z is kept for each dataset_id apart: give its value as the last argument"),
            ("('z', NULL, NULL, NULL, NULL, 0, 5, 0)", "zoom_grid: nx, the number of columns, must be a whole number >= 1, not 0"), ("('z', NULL, NULL, NULL, NULL, 5, NULL, 0)", "zoom_grid: ny, the number of rows, must be a whole number >= 1, not NULL"),
            ("('z', NULL, NULL, NULL, NULL, 5000, 5000, 0)", "zoom_grid: nx * ny must be at most 16777216 cells"), ("('z', 1, NULL, NULL, NULL, 5, 5, 0)", "zoom_grid: x0 and x1 must be given both or neither"),
            ("('z', 1, 2, 3, NULL, 5, 5, 0)", "zoom_grid: y0 and y1 must be given both or neither"), ("('z', 2, 1, NULL, NULL, 5, 5, 0)", "zoom_grid: x0 must be below x1, not 2 and 1"),
            ("('z', 1, 2, 'a', 4, 5, 5, 0)", "zoom_grid: y0 must be a finite number, not 'a'"), ("('z', 1, 9e999, 3, 4, 5, 5, 0)", "zoom_grid: x1 must be a finite number, not"), ("('z', NULL)", "zoom_grid(name, x0, x1, y0, y1, nx, ny [, key]): an argument is missing")]:
        got = error_of(db, SQL + call)
        assert got.startswith(message), (call, got)
    for name in ("points", "buckets"):
        equal(error_of(db, f"SELECT * FROM zoom_{name}('z', NULL, NULL, 5, 0)"), f"zoom_{name}: z is a zoom over space: read it with zoom_grid")
    assert "declare one with almanac apply" in error_of(connect(), SQL + "('z', NULL, NULL, NULL, NULL, 5, 5, 0)")
    db.execute("CREATE VIEW v AS SELECT * FROM zoom_grid('z', NULL, NULL, NULL, NULL, 5, 5, 0)")
    assert "unsafe use of" in error_of(db, "SELECT * FROM v")
    tool("pause", path)
    assert "is paused" in error_of(db, SQL + "('z', NULL, NULL, NULL, NULL, 5, 5, 0)")
    tool("resume", path)
    equal(ask(db, None, None, None, None, 1, 1)[0], [[db.execute("SELECT count(*) FROM defects WHERE dataset_id = 0").fetchone()[0]]])


def test_join():
    """One call for each row of another table."""
    _, db = fresh()
    got = db.execute("SELECT d.id, g.nx, g.level FROM (SELECT DISTINCT dataset_id AS id FROM defects) d, zoom_grid('z', NULL, NULL, NULL, NULL, 2, 2, d.id) g ORDER BY 1").fetchall()
    equal(got, [(0, 2, "8x8"), (1, 2, "8x8"), (2, 2, "8x8")])
