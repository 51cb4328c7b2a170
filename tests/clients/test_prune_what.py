"""Retention: what almanac prune deletes, what it refuses, and what apply refuses after it."""
import json

from almanac import connect, directory, equal, tool
from retention import DAY_S, NOW_S, SHAPES, World


def test_dry_run():
    w = World()
    w.db.close()
    before = open(w.path, "rb").read()
    out = w.prune("--dry-run")[0]
    record = json.loads(w.prune("--dry-run", "--json")[0])
    equal(open(w.path, "rb").read(), before, "a dry run changes nothing")
    plan = tool("plan", w.path, "s0")[0]
    equal(open(w.path, "rb").read(), before, "a plan changes nothing")
    done = json.loads(w.prune("--json")[0])
    assert f"readings: {done['rows']} rows before {done['frozen_before']} (" in out, out
    assert f"prune: {done['rows']} rows of readings before {done['frozen_before']} (" in plan, plan
    equal((record["rows"], record["frozen_before"], record["dry_run"]), (done["rows"], done["frozen_before"], True))
    equal(json.loads(w.prune("--json")[0])["rows"], 0)
    assert "nothing to prune" in tool("prune", World(options={"s0": ""}).path)[1]


def test_refusals():
    w = World()
    others = {
        "keyed": ("CREATE MATERIALIZED VIEW keyed WITH (partition = k) AS SELECT k, count(*) AS n FROM readings GROUP BY 1;", "a key"),
        "ranks": ("CREATE MATERIALIZED VIEW ranks AS SELECT k, rank() OVER (ORDER BY sum(v)) AS r FROM readings GROUP BY 1;", "whole"),
        "other": ("CREATE MATERIALIZED VIEW other AS SELECT time_bucket(10, id) AS b, count(*) AS n FROM readings GROUP BY 1;", "by another time"),
        "joined": ("CREATE MATERIALIZED VIEW joined WITH (source = events) AS SELECT time_bucket('1 day', at) AS d, count(*) AS n "
                   "FROM events JOIN readings ON readings.id = events.id GROUP BY 1;", "in a join"),
        "labelled": ("CREATE MATERIALIZED VIEW labelled WITH (source = readings) AS SELECT time_bucket('1 day', readings.ts) AS d, "
                     "sum(factor) AS f FROM readings JOIN labels ON labels.k = readings.k GROUP BY 1;", "WITH (static = labels)"),
        "noon": ("CREATE MATERIALIZED VIEW noon AS SELECT time_bucket('1 day', ts, 'origin=2024-01-01T12:00:00') AS d, count(*) AS n "
                 "FROM readings GROUP BY 1;", "never start at the same time"),
    }
    w.db.executescript("CREATE TABLE events(id INTEGER PRIMARY KEY, at INTEGER); CREATE TABLE labels(k PRIMARY KEY, factor);"
                       f"INSERT INTO events SELECT id, ts FROM readings; INSERT INTO labels VALUES(1, 2);")
    rows = w.rows()
    for name, (definition, reason) in others.items():
        tool("apply", w.path, "-", stdin=definition)
        tool("refresh", w.path)
        for arguments in (["--dry-run"], []):
            error = w.prune(*arguments, code=1)[1]
            assert "readings is not pruned: " in error and name in error and reason in error, (name, error)
        equal((w.rows(), w.frozen_before()), (rows, None), name)
        tool("drop", w.path, name)
    # Other sources go on.
    tool("apply", w.path, "-", stdin=others["keyed"][0] + "CREATE MATERIALIZED VIEW e WITH (keep_raw = '5 days') AS "
         "SELECT time_bucket('1 day', at) AS d, count(*) AS n FROM events GROUP BY 1;")
    tool("refresh", w.path)
    w.prune(code=3)
    equal(w.rows(), rows)
    assert w.value("SELECT count(*) FROM events") < rows
    tool("drop", w.path, "keyed")
    tool("pause", w.path)
    assert "paused" in w.prune(code=1)[1]


def test_nonsense():
    w = World()
    select = "SELECT time_bucket('1 day', ts) AS d, count(*) AS n FROM readings GROUP BY 1;"
    for options, select, reason in [
            ("keep_raw = '1M'", select, "ambiguous"), ("keep_raw = '0 days'", select, "zero"), ("keep_raw = 90", select, "unit"),
            ("keep_raw = '500 ms'", select, "whole seconds"), ("keep_raw = ''", select, "keep_raw"), ("keep = '-1 day'", select, "keep"),
            ("keep = '20 newest'", select, "a span of it"), ("keep = '0 newest'", select, "a number from 1"), ("keep_row = '1 day'", select, "keep_raw and keep"),
            ("partition = k, keep_raw = '1 day'", "SELECT k, count(*) AS n FROM readings GROUP BY 1;", "by keys"),
            ("partition = k, keep = '1 day'", "SELECT k, count(*) AS n FROM readings GROUP BY 1;", "20 newest"),
            ("keep_raw = '1 day'", "SELECT count(*) AS n FROM readings;", "a whole summary"), ("keep = '1 day'", "SELECT count(*) AS n FROM readings;", "a whole summary"),
            ("keep_raw = '1 day'", "SELECT time_bucket('1 day', ts) AS d, sum(v) OVER (ORDER BY ts) AS t FROM readings;", "sum of its partitions")]:
        error = tool("apply", w.path, "-", stdin=f"CREATE MATERIALIZED VIEW odd WITH ({options}) AS {select}", code=1)[1]
        assert reason in error, (options, error)


def test_definitions_change():
    w = World()
    w.prune()
    before = w.db.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    definitions = dict(w.queries)
    w.queries["s1"] = w.queries["s1"].replace("sum(v)", "max(v)")
    error = w.apply(code=1)[1]
    assert "-:2:1: s1: its definition has changed, but" in error and "DROP MATERIALIZED VIEW s1" in error, error
    equal(w.db.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall(), before, "a refused apply")
    w.queries = definitions
    w.compare("after a refused apply")
    # How long rows are kept is no change of what is stored.
    w.options = {"s0": "keep_raw = '20 days'", "s1": "keep_raw = '30 days'"}
    version = w.value("SELECT stored_version FROM almanac_status WHERE name = 's0'")
    w.apply()
    equal(w.value("SELECT stored_version FROM almanac_status WHERE name = 's0'"), version)
    w.compare("with another keep_raw")
    frozen = w.frozen_before()
    w.prune()
    equal(w.frozen_before(), frozen, "the longest keep_raw counts")
    # Dropped by name it starts anew with the rows that there are.
    tool("drop", w.path, "s1")
    error = w.apply()[1]
    assert "s1: starts at " in error, error
    tool("refresh", w.path)
    for what in ("before", "after"):
        got = w.db.execute("SELECT * FROM s1 ORDER BY 1, 2").fetchall()
        equal(got, w.twin.execute("SELECT * FROM (" + w.queries["s1"].replace("FROM readings", f"FROM readings WHERE ts >= {frozen}") + ") ORDER BY 1, 2").fetchall(), what)
        equal(w.db.execute("SELECT * FROM s0 ORDER BY 1, 2").fetchall(), w.twin.execute(f"SELECT * FROM ({w.queries['s0']}) ORDER BY 1, 2").fetchall(), what)
        w.db.execute("DROP TRIGGER IF EXISTS almanac_1_del")
    tool("drop", w.path, "--all")
    equal(w.value("SELECT count(*) FROM sqlite_master WHERE name LIKE '%almanac%' OR name LIKE '%stored%'"), 0)


def test_a_wider_bucket_on_a_pruned_source():
    """The bucket in which the boundary lies has the rows from there on."""
    w = World(days=80)
    w.prune()
    frozen = w.frozen_before()
    tool("apply", w.path, "-", stdin="CREATE MATERIALIZED VIEW monthly AS SELECT time_bucket('1 month', ts) AS m, count(*) AS n FROM readings GROUP BY 1;")
    expected = w.twin.execute(f"SELECT time_bucket('1 month', ts), count(*) FROM readings WHERE ts >= {frozen} GROUP BY 1").fetchall()
    w.insert([NOW_S - 70 * DAY_S], twin=False)  # late
    for step in ("declared", "refreshed", "fallback"):
        equal(sorted(w.db.execute("SELECT * FROM monthly").fetchall()), sorted(expected), step)
        tool("refresh", w.path)
        if step == "refreshed":
            w.db.execute("DROP TRIGGER almanac_1_del")
    w.compare("beside a wider bucket")


def test_sources():
    """Rows without a rowid, under other names, without an index, with triggers and children of their own."""
    for primary, tail in [("id INTEGER NOT NULL, kk INTEGER DEFAULT 1, PRIMARY KEY(id, kk)", " WITHOUT ROWID"), ("id INTEGER", ""),
                          ("rowid INTEGER", "")]:
        w = World.__new__(World)
        columns = "id, ts, k, v" if "rowid I" not in primary else "rowid, ts, k, v"
        if "PRIMARY KEY(" in primary:
            shape = f"id INTEGER NOT NULL, ts INTEGER, k INTEGER, v REAL, PRIMARY KEY(id, k)"
        else:
            shape = f"{primary}, ts INTEGER, k INTEGER, v REAL"
        w.path = directory() + "/w.db"
        w.write, w.n, w.options = SHAPES["seconds"][1], 0, {"s0": "keep_raw = '10 days'"}
        w.db, w.twin = connect(w.path), connect()
        w.both(f"CREATE TABLE readings({shape}){tail}", "CREATE TABLE log(n)",
               "CREATE TABLE notes(id INTEGER REFERENCES readings(id) ON DELETE CASCADE)" if "INTEGER, k" not in shape else "CREATE TABLE notes(id)")
        w.insert(range(NOW_S - 40 * DAY_S, NOW_S, 3 * 3600))
        w.queries = {"s0": "SELECT time_bucket('1 day', ts) AS d, count(*) AS n, sum(v) AS total FROM readings GROUP BY 1"}
        w.apply()
        tool("refresh", w.path)
        w.db.execute("CREATE TRIGGER app_log AFTER DELETE ON readings BEGIN INSERT INTO log VALUES(OLD.ts); END")
        before = w.rows()
        w.prune("--lock-ms", "1")
        equal(w.value("SELECT count(*) FROM log"), before - w.rows(), primary)
        assert w.rows() < before / 2
        w.compare(f"of {primary}{tail}")


def test_children_go_along():
    w = World()
    w.db.executescript("CREATE TABLE notes(reading INTEGER REFERENCES readings(id) ON DELETE CASCADE); INSERT INTO notes SELECT id FROM readings;")
    w.prune()
    equal(w.value("SELECT count(*) FROM notes"), w.rows())
    w.insert([NOW_S - 30 * DAY_S, NOW_S - 29 * DAY_S], twin=False)
    w.db.executescript("CREATE TABLE kept(reading INTEGER REFERENCES readings(id)); INSERT INTO kept SELECT max(id) FROM readings;")
    assert "FOREIGN KEY" in w.prune(code=1)[1]
    w.compare("with a row that may not go")


def test_schemas_change():
    """What refresh would declare anew keeps its frozen rows instead."""
    w = World()
    w.prune()
    w.db.execute("CREATE UNIQUE INDEX late ON readings(abs(id))")
    w.compare("with a unique index on an expression")
    error = tool("refresh", w.path, code=3)[1]
    assert "s1: the schema has changed" in error and "pruned" in error, error
    w.compare("with that index, after a refresh")
    assert "is not pruned: s0 reads its rows and fails" in w.prune(code=1)[1]
    assert "would be lost" in w.apply(code=1)[1]
    w.db.execute("DROP INDEX late")
    w.insert([NOW_S - DAY_S])
    tool("refresh", w.path)
    w.compare("without the index")
    w.both("ALTER TABLE readings RENAME COLUMN v TO value")
    w.queries = {name: query.replace("(v)", "(value)") for name, query in w.queries.items()}
    w.compare("with a column renamed")
    tool("refresh", w.path)
    w.compare("with a column renamed, after a refresh")
    w.prune()
