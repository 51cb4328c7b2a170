"""How table-valued functions take their arguments: what the planner asks for, too few, too many (ext/table/arguments.c)."""
from almanac import connect, directory, equal, error_of, shell, tool

CALLS = {  # of each function a call without its last parenthesis, with all arguments, and a column
    "lttb_each": ("'[[1,2],[3,4],[5,6]]'", "x"),
    "density_grid_each": ("'[[1,2],[3,4]]', 0, 2, 0, 2", "value"),
    "rollup_scan": ("'readings', 'ts', 60, 'value', 'sensor_id', NULL, 's'", "n"),
    "density_grid_scan": ("'readings', 'ts', 'value', 2, 2, 0, 1000, 0, 1000, NULL", "grid"),
    "lttb_scan": ("'readings', 'ts', 'value', 5, NULL", "x"),
    "drawdown_scan": ("'readings', 'ts', 'value', 5, NULL", "peak"),
    "zoom_points": ("'z', NULL, NULL, 5, 0", "x"),
    "zoom_buckets": ("'z', NULL, NULL, 5, 0", "n"),
    "zoom_grid": ("'cells', NULL, NULL, NULL, NULL, 4, 4, 0", "nx"),
}


def database():
    path = directory() + "/t.db"
    shell(path, "CREATE TABLE readings(ts INTEGER, sensor_id INTEGER, value REAL)",
          "INSERT INTO readings WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c LIMIT 600) SELECT i, i % 2, i * 37 % 101 FROM c")
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW z WITH (zoom = '10s, 1m') AS SELECT ts, sensor_id, value FROM readings;"
         "CREATE MATERIALIZED VIEW cells WITH (zoom_cells = '8x8') AS SELECT sensor_id, ts, value FROM readings;")
    return connect(path)


def test_all_are_here():
    equal({name for (name,) in database().execute("SELECT name FROM pragma_module_list WHERE name LIKE '%\\_each' ESCAPE '\\' OR name LIKE '%\\_scan' ESCAPE '\\'"
                                                  " OR name LIKE 'zoom\\_%' ESCAPE '\\'")} - {"json_each"}, set(CALLS))


def test_or_over_their_columns():
    """For an OR of columns SQLite asks for a plan of each of its sides, without any argument: that is no mistake."""
    db = database()
    for function, (arguments, column) in CALLS.items():
        rows = db.execute(f"SELECT {column} FROM {function}({arguments})").fetchall()
        other = db.execute(f"SELECT name FROM pragma_table_xinfo('{function}') LIMIT 1").fetchone()[0]
        low, high = min(rows)[0], max(rows)[0]
        for where in (f"{column} = ?1 OR {column} = ?2", f"{column} < ?2 OR {other} = ?1", f"{column} > ?1 OR {other} = ?2",
                      f"({column} = ?1 OR {other} = ?2) AND ({column} = ?2 OR {other} = 3)", f"{column} IN (?1, ?2) OR {column} LIKE '%1%'"):
            expected = [row[:1] for row in db.execute(f"SELECT {column}, {where} FROM {function}({arguments})", (low, high)) if row[1]]
            equal(db.execute(f"SELECT {column} FROM {function}({arguments}) WHERE {where}", (low, high)).fetchall(), expected, (function, where))


def test_too_few():
    db = database()
    for function, (arguments, column) in CALLS.items():
        for call in (function, f"{function}()", f"{function} WHERE {column} = 1 OR {column} = 2"):
            got = error_of(db, f"SELECT * FROM {call}")
            assert got.startswith(f"{function}(") and got.endswith("): an argument is missing"), (call, got)


def test_too_many():
    """One more would be compared with the hidden column after the arguments: no rows, and no word."""
    db = database()
    version = tuple(map(int, db.execute("SELECT sqlite_version()").fetchone()[0].split(".")))
    for function, (arguments, _) in CALLS.items():
        call = f"{function}({arguments}"
        if function.endswith("_each"):
            assert "too many arguments" in error_of(db, f"SELECT * FROM {call}, 7)")
            continue
        everything = db.execute(f"SELECT * FROM {call})").fetchall()
        assert everything, function
        for value, shown in (("7", "7"), ("'x'", "'x'"), ("x'00'", "a blob of 1 bytes"), ("NULL", "NULL"), ("''", "''")) if version >= (3, 38) else ():
            got = error_of(db, f"SELECT * FROM {call}, {value})")
            assert got.startswith(f"{function}(") and got.endswith(f"there is an argument too many, {shown}"), (function, got)
        column = "way" if "_scan" in function else "level"
        said = db.execute(f"SELECT {column} FROM {call})").fetchone()[0]
        for condition in (f"{column} = '{said}'", f"{column} IN ('{said}', 'raw')", f"{column} = '{said}' OR {column} = 'sql: it is a view'"):
            equal(db.execute(f"SELECT * FROM {call}) WHERE {condition}").fetchall(), everything, (function, condition))
