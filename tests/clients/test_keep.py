"""WITH (keep = ...): what is stored is bounded, and names equal their queries all the same. The oracle is a twin without Almanac."""
import json

from almanac import connect, directory, equal, tool
from retention import DAY_S, NOW_S, World


def test_a_span():
    for shape in ("seconds", "milliseconds", "text", "dates"):
        width = "1 day" if shape == "dates" else "6 hours"
        w = World(shape, widths=(width, "1 week"), options={"s0": "keep = '10 days'"})
        first = w.value("SELECT min(bucket) FROM s0_stored")
        assert w.write(NOW_S - 11 * DAY_S) < first <= w.write(NOW_S - 10 * DAY_S), (shape, first)
        w.compare(f"of {shape}")
        status = w.db.execute("SELECT dirty, stored_rows, partitions, stored_from, clean FROM almanac_status WHERE name = 's0'").fetchone()
        equal(status, (0, w.value("SELECT count(*) FROM s0_stored"), w.value("SELECT count(DISTINCT bucket) FROM s0_stored"), first, 1.0), shape)
        equal(tool("refresh", w.path, "--json")[0].count('"partitions":0,'), 2, "nothing is left to do")
        # Changes of time that isn't stored are seen, and stored no more than before.
        w.insert([NOW_S - 30 * DAY_S, NOW_S - 3 * DAY_S, NOW_S - 55 * DAY_S])
        w.both("DELETE FROM readings WHERE id % 7 = 0")
        w.compare(f"of {shape} with changes")
        for arguments in ([], ["--full"]):
            tool("refresh", w.path, *arguments)
            w.compare(f"of {shape} after refresh {arguments}")
            equal(w.value("SELECT min(bucket) FROM s0_stored"), first, (shape, arguments))
            equal(w.value("SELECT stored_rows FROM almanac_status WHERE name = 's0'"), w.value("SELECT count(*) FROM s0_stored"), shape)
            equal(w.value("SELECT dirty FROM almanac_status WHERE name = 's0'"), 0, shape)
        w.db.execute("DROP TRIGGER almanac_1_del")
        w.compare(f"of {shape} in the fallback")
        # A longer span is stored again once it is asked for.
        w.options = {"s0": "keep = '20 days'"}
        w.apply()
        tool("refresh", w.path)
        w.compare(f"of {shape} with more kept")
        equal(w.value("PRAGMA integrity_check"), "ok")


def test_more_is_kept():
    w = World(options={"s0": "keep = '10 days'"})
    for options, days in (("keep = '20 days'", 20), ("", 40), ("keep = '5 days'", 5)):
        w.options = {"s0": options}
        w.apply()
        tool("refresh", w.path)
        first = w.value("SELECT min(bucket) FROM s0_stored")
        assert NOW_S - days * DAY_S - 4 * 3600 <= first <= NOW_S - days * DAY_S + 4 * 3600, (options, first)
        w.compare(options)
        equal(w.value("SELECT dirty FROM almanac_status WHERE name = 's0'"), 0, options)


def test_reads_of_what_is_kept_stay_fast():
    """A filter on the bucket keeps what isn't stored out of a read."""
    w = World(days=400, step_s=1800, options={"s0": "keep = '10 days'"})
    steps = [0]

    def count():
        steps[0] += 1
        return 0

    def cost(sql):
        steps[0] = 0
        w.db.set_progress_handler(count, 1)
        w.db.execute(sql).fetchall()
        w.db.set_progress_handler(None, 0)
        return steps[0]

    recent = cost(f"SELECT * FROM s0 WHERE bucket >= {NOW_S - DAY_S}")
    all_of_it = cost("SELECT * FROM s0")
    assert recent < all_of_it / 5, (recent, all_of_it)


def test_newest_keys():
    for primary, tail, order in [("id INTEGER PRIMARY KEY", "", "max(id)"), ("id INTEGER NOT NULL, PRIMARY KEY(k, id)", " WITHOUT ROWID", "k")]:
        path = directory() + "/k.db"
        db, twin = connect(path), connect()

        def both(*statements):
            for statement in statements:
                db.execute(statement)
                twin.execute(statement)

        query = "SELECT k, count(*) AS n, max(v) AS high, count(*) OVER () IS NULL AS w FROM points GROUP BY k"
        query = "SELECT k, count(*) AS n, max(v) AS high FROM points GROUP BY k"
        columns = primary.replace(", PRIMARY KEY(k, id)", "")
        both(f"CREATE TABLE points({columns}, k INTEGER{' NOT NULL' if tail else ''}, v REAL{', PRIMARY KEY(k, id)' if tail else ''}){tail}", "CREATE INDEX by_k ON points(k)",
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO points SELECT i, i / 20, i * 0.5 FROM n")
        tool("apply", path, "-", stdin=f"CREATE MATERIALIZED VIEW panels WITH (partition = k, keep = '5 newest') AS {query};")

        def check(what):
            tool("refresh", path)
            newest = sorted(row[0] for row in twin.execute(f"SELECT k FROM points GROUP BY k ORDER BY {order} DESC LIMIT 5"))
            equal(sorted(row[0] for row in db.execute("SELECT DISTINCT k FROM panels_stored")), newest, f"stored {what}")
            equal(sorted(db.execute("SELECT * FROM panels")), sorted(twin.execute(query)), f"all {what}")
            equal(db.execute("SELECT dirty, stored_rows, partitions FROM almanac_status").fetchone(), (0, 5, 5), what)

        check("at first")
        both("UPDATE points SET v = v + 100 WHERE k IN (3, 4, 49)", "DELETE FROM points WHERE k = 7")
        equal(sorted(db.execute("SELECT * FROM panels")), sorted(twin.execute(query)), "with changes")
        check("after changes of old ones")
        both("INSERT INTO points(id, k, v) VALUES(2000, 70, 1), (2001, 3, 2), (2002, 71, 3)")
        check("with new ones")
        both("DELETE FROM points WHERE k IN (70, 71)")
        check("without them")
        both("DELETE FROM points WHERE k >= 45")
        check("with others that are the newest now")
        tool("refresh", path, "--full")
        check("after all of it was refreshed")


def test_frozen_time_that_is_not_kept():
    """Its stored rows are removed by prune alone, for there are no raw rows any more."""
    w = World(days=60, keep_raw="10 days", options={"s0": "keep_raw = '10 days', keep = '30 days'"})
    w.prune("--dry-run")
    w.compare("before")
    record = json.loads(w.prune("--json")[0])
    first = w.value("SELECT min(bucket) FROM s0_stored")
    assert NOW_S - 31 * DAY_S < first <= NOW_S - 30 * DAY_S
    kept = w.twin.execute(f"SELECT * FROM ({w.queries['s0']}) WHERE bucket >= {first} ORDER BY 1, 2").fetchall()
    equal(w.db.execute("SELECT * FROM s0 ORDER BY 1, 2").fetchall(), kept)
    del w.queries["s0"]
    w.compare("the other one")
    # Frozen first, not kept later.
    w = World(days=60, keep_raw="10 days")
    w.prune()
    w.options = {"s0": "keep_raw = '10 days', keep = '30 days'"}
    w.apply()
    tool("refresh", w.path)
    w.compare("with what was frozen before")
    planned = json.loads(w.prune("--dry-run", "--json")[0])["stored_rows"]
    before = w.value("SELECT count(*) FROM s0_stored")
    done = json.loads(w.prune("--json")[0])["stored_rows"]
    equal((planned, w.value("SELECT count(*) FROM s0_stored"), w.value("SELECT stored_rows FROM almanac_status WHERE name = 's0'")),
          (done, before - done, before - done))
    assert done > 100
    equal(w.db.execute("SELECT * FROM s0 ORDER BY 1, 2").fetchall(), kept)


def test_below_another_one():
    """Of a summary that others make their buckets of all is stored."""
    w = World(widths=("6 hours",), options={"s0": "keep = '10 days'"})
    equal(w.value("SELECT count(*) > 0 FROM almanac_dirty_1 WHERE token = -1"), 1)
    tool("apply", w.path, "-", stdin="CREATE MATERIALIZED VIEW daily AS SELECT time_bucket('1 day', bucket) AS d, sum(n) AS n FROM s0 GROUP BY 1;")
    expected = w.twin.execute("SELECT time_bucket('1 day', ts), count(*) FROM readings GROUP BY 1").fetchall()
    for what in ("declared", "refreshed"):
        equal(sorted(w.db.execute("SELECT * FROM daily")), sorted(expected), what)
        w.compare(what)
        tool("refresh", w.path)
    equal(w.value("SELECT count(*) FROM almanac_dirty_1"), 0)
    tool("drop", w.path, "daily")
    tool("refresh", w.path)
    assert w.value("SELECT min(bucket) FROM s0_stored") > NOW_S - 11 * DAY_S
    w.compare("on its own again")
