"""What the extension adds to a connection: the declared list, and a statement that calls each of it.

A function that is added, dropped or takes other numbers of arguments is a change of this list.
"""

FUNCTIONS = {  # name: the numbers of arguments
    "almanac_live": [0],
    "almanac_threads": [0, 1],
    "almanac_version": [0],
    "density_grid": [4, 8, 9],
    "density_grid_trace": [4, 8, 9],
    "drawdown": [1, 2],
    "local_time": [2, 3],
    "lttb": [3],
    "rolling_drawdown": [1, 2],
    "time_bucket": [2, 3, 4, 5, 6],
}

DIRECTONLY = ["almanac_live", "almanac_threads", "density_grid_scan", "drawdown_scan", "lttb_scan", "rollup_scan", "zoom_buckets", "zoom_grid", "zoom_points"]  # they do something; the others are deterministic and innocuous

TABLES = ["density_grid_each", "density_grid_scan", "drawdown_scan", "lttb_each", "lttb_scan", "rollup_scan", "zoom_buckets", "zoom_grid", "zoom_points"]

_POINTS = ("(WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c LIMIT 400)"
           " SELECT i AS id, i * 37 % 101 AS x, i * 53 % 89 + 0.5 AS y FROM c)")

# Small, the same on any SQLite, and all of the surface: the hosts in other languages run these.
SAMPLES = [
    "SELECT almanac_version() IS NOT NULL",
    "SELECT almanac_live()",
    "SELECT almanac_threads(2), almanac_threads(), almanac_threads(1)",
    "SELECT time_bucket('1 hour', 1700000000), time_bucket(900, 1700000000), time_bucket('1d', '2024-03-31T12:34:56Z')",
    "SELECT time_bucket('1 day', 1711846800, 'Europe/Berlin'), time_bucket('1 month', 1711846800000, 'ms')",
    "SELECT local_time(1711846800, 'Europe/Berlin')",
    f"SELECT lttb(id, y, 20) FROM {_POINTS}",
    f"SELECT point, x, y FROM lttb_each((SELECT lttb(id, y, 20) FROM {_POINTS}))",
    f"SELECT density_grid(x, y, 7, 5) FROM {_POINTS}",
    f"SELECT density_grid(x, y, 7, 5, 0, 100, 0, 100, y) FROM {_POINTS}",
    f"SELECT density_grid_trace(x, y, 7, 5, 0, 100, 0, 100) FROM {_POINTS}",
    f"SELECT ix, iy, x, y, value FROM density_grid_each((SELECT density_grid(x, y, 7, 5, 0, 70, 0, 50) FROM {_POINTS}), 0, 70, 0, 50)",
    f"SELECT rolling_drawdown(y) OVER (ORDER BY id ROWS 9 PRECEDING) FROM {_POINTS}",
    f"SELECT rolling_drawdown(y, 'absolute'), drawdown(y) FROM {_POINTS}",
    f"SELECT drawdown(y, 'absolute') OVER (PARTITION BY x % 3 ORDER BY id RANGE BETWEEN 30 PRECEDING AND 5 FOLLOWING) FROM {_POINTS}",
    "SELECT grid, trace FROM density_grid_scan('sqlite_master', 'rootpage', 'rootpage', 2, 1)",
    "SELECT count(*), max(drawdown) FROM drawdown_scan('sqlite_master', 'rootpage', 'rootpage', 3)",
    "SELECT count(*), max(y) FROM lttb_scan('sqlite_master', 'rootpage', 'rootpage', 3)",
    "SELECT count(*), sum(n), min(first), max(last) FROM rollup_scan('sqlite_master', 'rootpage', 2, 'rootpage', 'type')",
    # There is no zoom to read here: they are looked up, and not run.
    "SELECT CASE WHEN random() IS NULL THEN (SELECT sum(n) FROM zoom_buckets('z', NULL, NULL, 10)) ELSE 'no zoom' END",
    "SELECT CASE WHEN random() IS NULL THEN (SELECT sum(nx) FROM zoom_grid('z', NULL, NULL, NULL, NULL, 10, 10)) ELSE 'no zoom' END",
    "SELECT CASE WHEN random() IS NULL THEN (SELECT sum(y) FROM zoom_points('z', NULL, NULL, 10)) ELSE 'no zoom' END",
]

# Each ends with an error, whose message begins with the function's name.
MISTAKES = [
    "SELECT almanac_threads(0)",
    "SELECT time_bucket('1 fortnight', 0)",
    "SELECT local_time(0, 'Mars/Olympus')",
    f"SELECT lttb(id, y, -1) FROM {_POINTS}",
    f"SELECT density_grid(x, y, 0, 5) FROM {_POINTS}",
    "SELECT rolling_drawdown(1, 'percent')",
    "SELECT drawdown(1, NULL)",
    "SELECT * FROM lttb_each('[[1')",
    "SELECT * FROM density_grid_each('{}')",
    "SELECT * FROM density_grid_scan('sqlite_master', 'rootpage', 'rootpage', 0, 1)",
    "SELECT * FROM drawdown_scan('sqlite_master', 'rootpage', 'rootpage', 0)",
    "SELECT * FROM lttb_scan('sqlite_master', 'none', 'rootpage', 3)",
    "SELECT * FROM rollup_scan('sqlite_master', 'rootpage', 0, 'rootpage')",
    "SELECT * FROM zoom_buckets('no zoom', NULL, NULL, 10)",
    "SELECT * FROM zoom_grid('no zoom', NULL, NULL, NULL, NULL, 10, 10)",
    "SELECT * FROM zoom_points('no zoom', NULL, NULL, 10)",
]
