"""Zooms over space, as a user has them.

C-1  The cells of every grid are numpy.histogram2d's over the data set's own range: its lowest and highest x and y, a half to each side where
     these are one. Rows with a NULL key, or without finite numbers for x and y, are left out. Values on an edge and an ulp beside it too.
C-2  So after any change, before and after the next refresh, for any keys and any WHERE, also where the stock shell alone reads.
C-3  A data set that changes is computed again alone; without keys all is.
C-4  Where a range is too narrow or too wide for cells there are none, and its extent says so.
C-5  Applied again unchanged it is left alone, with another size it is rebuilt; refresh, verify, pause and drop take its name for both
     summaries, drop leaves nothing.
C-6  What can't be a zoom over space is refused, with the place and the remedy.
C-7  Stored cells lie in the order of key, grid, row and column.
"""
import bisect
import json
import math
import os
import random

from almanac import connect, directory, equal, shell, tool

SIZES = ["8x8", "16x16", "64x16", "32x128"]


def linspace(low, high, bins):
    """numpy.linspace, in doubles."""
    return [i * ((high - low) / bins) + low for i in range(bins)] + [high]


def bin_of(edges, value):
    """numpy's: the last bin is closed."""
    return len(edges) - 2 if value == edges[-1] else bisect.bisect_right(edges, value) - 1


def reach(values):
    low, high = min(values), max(values)
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def counts(row):
    *keys, x, y = row
    return None not in keys and all(isinstance(v, (int, float)) and math.isfinite(v) for v in (x, y))


def fits(low, high):
    return 1e-290 <= high - low < math.inf and (high - low) * 2.0**38 >= max(abs(low), abs(high))


def brute(rows, nx, ny):
    """{key: (range, n, {(columns, iy, ix): n})}"""
    sets = {}
    for row in filter(counts, rows):
        sets.setdefault(tuple(row[:-2]), []).append((float(row[-2]), float(row[-1])))
    result = {}
    for key, points in sets.items():
        range = (*reach([x for x, _ in points]), *reach([y for _, y in points]))
        cells, columns, lines = {}, nx, ny
        while fits(*range[:2]) and fits(*range[2:]) and min(columns, lines) >= 8:
            x_edges, y_edges = linspace(*range[:2], columns), linspace(*range[2:], lines)
            for x, y in points:
                cell = (columns, bin_of(y_edges, y), bin_of(x_edges, x))
                cells[cell] = cells.get(cell, 0) + 1
            columns, lines = columns // 2, lines // 2
        result[key] = (range, len(points), cells)
    return result


def check(path, name="z", when=""):
    """Both summaries against the brute force over the name's rows."""
    db = connect(path, extension=False)
    keys, size = db.execute("SELECT z.keys, width_text FROM almanac_zoom z JOIN almanac_zoom_level l ON l.zoom = z.name WHERE name = ? AND level = 1".replace("WHERE name", "WHERE z.name"), (name,)).fetchone()
    keys, (nx, ny) = json.loads(keys), map(int, size.split("x"))
    expected = brute(db.execute(f'SELECT * FROM "{name}"').fetchall(), nx, ny)
    extents = {tuple(row[:len(keys)]): row[len(keys):] for row in db.execute(f'SELECT * FROM "{name}_extent"')}
    equal(extents, {key: (*range, n, *((nx, ny) if cells else (0, 0))) for key, (range, n, cells) in expected.items()}, f"extents {when}")
    got = {key: {} for key in expected}
    for row in db.execute(f'SELECT * FROM "{name}_cells"'):
        key, (level, iy, ix, n) = tuple(row[:len(keys)]), row[len(keys):]
        assert (level, iy, ix) not in got[key], (when, row)
        got[key][level, iy, ix] = n
    for key, (_, _, cells) in expected.items():
        equal(got[key], cells, f"cells of {key} {when}")
    db.close()
    return expected


def database(rows=1000, keys="dataset_id INTEGER", seed=1):
    chance = random.Random(seed)
    path = os.path.join(directory(), "cells.db")
    db = connect(path, extension=False)
    db.execute(f"CREATE TABLE defects(id INTEGER PRIMARY KEY, {keys + ', ' if keys else ''}x, y REAL)")
    n_keys = len(keys.split(",")) if keys else 0
    db.executemany(f"INSERT INTO defects VALUES (NULL, {'?, ' * n_keys}?, ?)",
                   [(*[chance.randrange(3) for _ in range(n_keys)], round(chance.gauss(0, 10), 2), chance.randrange(50)) for _ in range(rows)])
    db.close()
    return path


def zoom(size="16x16", select="SELECT dataset_id, x, y FROM defects"):
    return f"CREATE MATERIALIZED VIEW z WITH (zoom_cells = '{size}') AS {select};"


def test_cells():
    """C-1, C-2, C-3"""
    path = database()
    tool("apply", path, "-", stdin=zoom("64x16"))
    check(path, when="before the first refresh")
    tool("refresh", path)
    equal(set(check(path, when="refreshed")), {(0,), (1,), (2,)})
    shell(path, """
        INSERT INTO defects(dataset_id, x, y) VALUES (1, 100, 3), (7, 5, 5), (8, 1, 2), (8, 1, 3), (NULL, 3, 3), (1, 'abc', 3), (1, 3, 'abc'), (1, NULL, 3),
          (1, 3, NULL), (1, 9e999, 3), (1, 3, -9e999), (1, x'00', 3), (9, NULL, 3)""")
    check(path, when="changed")
    runs = [json.loads(line) for line in tool("refresh", path, "z", "--json")[0].splitlines()]
    equal([(run["name"], run["partitions"]) for run in runs], [("z_cells", 5), ("z_extent", 5)], "1, 7, 8, 9, NULL")
    check(path, when="refreshed again")
    shell(path, "DELETE FROM defects WHERE x = 100; UPDATE defects SET x = x * 2 WHERE dataset_id = 2; UPDATE defects SET dataset_id = 4 WHERE id = 5; DELETE FROM defects WHERE dataset_id = 7")
    check(path, when="changed again")
    tool("refresh", path, "z_cells")
    check(path, when="with only the cells refreshed")
    tool("refresh", path)
    check(path, when="refreshed at last")
    equal(tool("verify", path)[0], "")
    equal(shell(path, "SELECT max(dirty) FROM almanac_status; PRAGMA integrity_check; VACUUM; PRAGMA integrity_check; SELECT count(*) > 0 FROM z_cells_stored WHERE level = 32"), "0\nok\nok\n1\n")


def test_edges():
    """C-1: values on each edge of the finest grid and an ulp beside it."""
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(10**6)))
    print("ALMANAC_SEED", seed)
    chance = random.Random(seed)
    path = database(rows=0)
    db = connect(path, extension=False)
    for number in range(12):
        low, width = chance.uniform(-1, 1) * 10 ** chance.randrange(-5, 12), 10 ** chance.uniform(-4, 9)
        edges = linspace(low, low + width, 64)
        values = [v for edge in edges for v in (math.nextafter(edge, -math.inf), edge, math.nextafter(edge, math.inf)) if low <= v <= low + width]
        db.executemany("INSERT INTO defects(dataset_id, x, y) VALUES (?, ?, ?)", [(number, v, chance.choice(values)) for v in values])
    db.close()
    tool("apply", path, "-", stdin=zoom("64x64") + "REFRESH MATERIALIZED VIEW z;")
    check(path, when=f"ALMANAC_SEED={seed}")


def test_ranges():
    """C-4: ranges of a few doubles, subnormal ones, and those wider than a REAL; integers beyond 53 bits."""
    path = database(rows=0)
    tiny = 5e-324
    sets = [[(1.0, 1.0), (1.0 + 2**-52, 2.0)], [(0.0, 0.0), (tiny * 100, 1.0)], [(-1.7e308, 0.0), (1.7e308, 1.0)], [(1e300, 5.0)], [(2**53 + 1, 1), (2**53 + 50001, 2), (2**53 + 77, 1.5)],
            [(0.0, -0.0)], [(1e9, 1e9), (1e9 + 1, 1e9 + 0.004)], [(1e-280, 1.0), (3e-280, 2.0), (2e-280, 1.5)]]
    db = connect(path, extension=False)
    for number, points in enumerate(sets):
        db.executemany("INSERT INTO defects(dataset_id, x, y) VALUES (?, ?, ?)", [(number, *point) for point in points])
    db.close()
    tool("apply", path, "-", stdin=zoom("64x64") + "REFRESH MATERIALIZED VIEW z;")
    found = check(path)
    equal([bool(cells) for _, _, cells in found.values()], [False, False, False, False, True, True, True, True])


def change(chance, db, names):
    at = [chance.choice([0, 1, 2, 3, "a", None, 2.5]) for _ in names]
    value = lambda: chance.choice([chance.gauss(0, 30), chance.randrange(-50, 50), chance.gauss(0, 3), None, "abc", math.inf])
    kind = chance.randrange(4)
    if kind < 2:
        columns = "".join(name + ", " for name in names)
        db.execute(f"INSERT INTO defects({columns}x, y) VALUES ({'?, ' * len(names)}?, ?)", (*at, value(), value()))
    elif kind == 2:
        column = chance.choice([*names, "x", "y"])
        db.execute(f"UPDATE defects SET {column} = ? WHERE id % 50 = ?", (chance.randrange(3), chance.randrange(50)))
    else:
        db.execute("DELETE FROM defects WHERE id % 60 = ?", (chance.randrange(60),))


def test_any_world():
    """C-2: random keys, sizes and changes."""
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(10**6)))
    print("ALMANAC_SEED", seed)
    for number, (declared, select) in enumerate([
            ("", "SELECT x, y FROM defects"), ("dataset_id INTEGER", "SELECT d.dataset_id AS ds, d.x AS a, y AS b FROM defects AS d WHERE id % 5 <> 2 OR d.x > 0"),
            ('"odd "" key" TEXT, k2', 'SELECT "odd "" key", k2, x, y FROM defects'), ("p1 REAL, i INTEGER", "SELECT i, p1, x, y FROM defects")]):
        chance = random.Random(seed + number)
        names = [part.rsplit(" ", 1)[0].strip() if "odd" in part or " " in part.strip() else part.strip() for part in declared.split(",") if part]
        path = database(rows=300, keys=declared, seed=seed)
        try:
            tool("apply", path, "-", stdin=zoom(chance.choice(SIZES), select))
            db = connect(path, extension=False)
            check(path, when="before the first refresh")
            for _ in range(3):
                tool("refresh", path, *chance.choice([(), ("z",), ("z_extent",)]))
                check(path, when="refreshed")
                for _ in range(chance.randrange(1, 12)):
                    change(chance, db, names)
                check(path, when="changed")
            equal(tool("verify", path)[0], "")
        except AssertionError as error:
            raise AssertionError(f"ALMANAC_SEED={seed}: {select}\n{error}") from error


def objects(path):
    return shell(path, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'almanac%' OR name LIKE 'z%'")


def test_life():
    """C-5"""
    path = database()
    _, talk = tool("apply", path, "-", "--verbose", stdin=zoom() + "REFRESH MATERIALIZED VIEW z;")
    before = shell(path, "SELECT name, stored_version, stored_rows FROM almanac_status")
    tool("apply", path, "-", stdin=zoom())
    equal(shell(path, "SELECT name, stored_version, stored_rows FROM almanac_status"), before, "applied again")
    for name in ("z_cells", "z_extent"):
        assert "is a level of the zoom z" in tool("drop", path, name, code=1)[1]
    shell(path, "UPDATE z_cells_stored SET n = n + 1 WHERE dataset_id = 1 AND level = 8")
    assert "z_cells" in tool("verify", path, "z", code=None)[0]
    tool("refresh", path)
    check(path, when="repaired")
    shell(path, "ALTER TABLE defects RENAME COLUMN x TO xx; ALTER TABLE defects RENAME COLUMN dataset_id TO ds; ALTER TABLE defects RENAME TO faults")
    check(path, when="renamed")
    tool("refresh", path)
    tool("pause", path)
    shell(path, "INSERT INTO faults(ds, xx, y) VALUES (1, 500, 500)")
    tool("resume", path)
    check(path, when="resumed")
    tool("refresh", path)
    check(path, when="resumed and refreshed")
    tool("apply", path, "-", stdin=zoom("32x8", "SELECT ds, xx, y FROM faults"))
    check(path, when="of another size")
    tool("refresh", path)
    check(path, when="of another size, refreshed")
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW z WITH (zoom = '1h') AS SELECT id, ds, y FROM faults;")
    equal(shell(path, "SELECT group_concat(name) FROM almanac_summary"), "z_1h\n")
    tool("apply", path, "-", stdin=zoom("32x8", "SELECT ds, xx, y FROM faults"))
    check(path, when="over space again")
    tool("drop", path, "z")
    equal(objects(path), "0\n")


def test_mistakes():
    """C-6"""
    path = database(rows=50)
    shell(path, "CREATE VIEW v AS SELECT * FROM defects; CREATE TABLE notes(a VARCHAR(9), b); CREATE TABLE z_extent(a)")
    for statement, words in (
            (zoom("1000x1000"), "powers of two from 8 to 4096"), (zoom("1024"), "powers of two"), (zoom("8x4"), "powers of two"), (zoom("8192x8"), "powers of two"), (zoom("8x8x8"), "powers of two"),
            (zoom(""), "powers of two"), (zoom().replace("')", "', zoom = auto)"), "the option zoom_cells alone"), (zoom().replace("')", "', unit = 's')"), "the option zoom_cells alone"),
            ("CREATE MATERIALIZED VIEW q WITH (zoom_key = 2) AS SELECT x, y FROM defects;", "for the tool itself"), (zoom(select="SELECT x FROM defects"), "two columns at least"),
            (zoom(select="SELECT x + 1, y FROM defects"), "a zoom over space is SELECT [key, ...] x, y"), (zoom(select="SELECT x, y FROM v"), "there is no table v"),
            (zoom(select="SELECT a, b FROM notes"), "declared as VARCHAR(9)"), (zoom(select="SELECT dataset_id AS level, x, y FROM defects"), "give it another one with AS"),
            (zoom(select="SELECT x, y FROM defects GROUP BY 1"), "plain columns"), (zoom(), "z_extent")):
        _, talk = tool("apply", path, "-", stdin=statement, code=1)
        assert words in talk and "-:1:" in talk, (statement, words, talk)
        equal(shell(path, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'almanac%'"), "0\n")


def test_plan():
    """C-7"""
    path = database()
    tool("apply", path, "-", stdin=zoom() + "REFRESH MATERIALIZED VIEW z;")
    plan = shell(path, "EXPLAIN QUERY PLAN SELECT ix, n FROM z_cells_stored WHERE dataset_id = 1 AND level = 16 AND iy = 3 AND ix BETWEEN 4 AND 7")
    assert "USING PRIMARY KEY (dataset_id=? AND level=? AND iy=? AND ix>? AND ix<?)" in plan, plan
    _, talk = tool("apply", database(keys=""), "-", "--verbose", stdin=zoom(select="SELECT x, y FROM defects"))
    assert "z_cells: whole" in talk, talk
