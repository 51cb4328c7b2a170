"""Retention: what stays right after almanac prune. The oracle is a twin without Almanac that keeps all raw rows: before and after
a prune each name equals its query there."""
import time

from almanac import equal, tool
from retention import DAY_S, NOW_S, SHAPES, World, text


def test_raw_rows_go_and_names_stay():
    for shape in SHAPES:
        w = World(shape, widths=("1 day", "1 week") if shape == "dates" else ("1 hour", "1 day"))
        before = w.rows()
        w.compare(f"of {shape} before")
        w.prune("--lock-ms", "1")
        cutoff = w.write(NOW_S - 10 * DAY_S)
        assert w.value("SELECT min(ts) FROM readings") >= w.frozen_before() and w.frozen_before() <= cutoff, shape
        assert w.rows() < before / 2, (shape, before, w.rows())
        w.compare(f"of {shape} after")
        # Life goes on in what is not frozen.
        w.insert([NOW_S - DAY_S, NOW_S - 5 * DAY_S, NOW_S])
        w.both("UPDATE readings SET v = v + 1 WHERE id % 17 = 0 AND ts >= " + repr(w.write(NOW_S - 8 * DAY_S)),
               "DELETE FROM readings WHERE id % 19 = 0 AND ts >= " + repr(w.write(NOW_S - 8 * DAY_S)))
        w.compare(f"of {shape} after changes")
        tool("refresh", w.path)
        w.compare(f"of {shape} after a refresh")
        tool("refresh", w.path, "--full")
        w.compare(f"of {shape} after a full refresh")
        w.prune()
        w.compare(f"of {shape} after a second prune")
        equal(w.value("PRAGMA integrity_check"), "ok")
    w.insert([NOW_S - 30 * DAY_S], twin=False)
    tool("verify", w.path)
    tool("refresh", w.path)
    w.compare("after verify")


def test_zone_and_months():
    w = World(zone=", 'Europe/Berlin'", widths=("1 day", "1 hour"))
    w.prune()
    assert w.frozen_before() and w.rows() < 200
    w.compare("of Berlin's days")
    tool("refresh", w.path, "--full")
    w.compare("of Berlin's days after a full refresh")
    w = World("text", widths=("1 month", "1 day"), days=200, step_s=7 * 3600, keep_raw="2 months")
    w.prune()
    equal(w.frozen_before()[8:], "01 00:00:00")
    w.compare("of months")


def test_weeks_and_months():
    """The two share a boundary where a Monday is the first of a month."""
    w = World(widths=("1 week", "1 month"), days=900, step_s=10 * 3600, keep_raw="60 days")
    w.prune()
    boundary = time.gmtime(w.frozen_before())
    equal((boundary.tm_wday, boundary.tm_mday, boundary.tm_hour), (0, 1, 0))
    w.compare("of weeks and months")


def test_fallback():
    """Where the stored rows can't be trusted, those of frozen time count all the same."""
    for shape in ("seconds", "text"):
        w = World(shape)
        w.prune()
        w.db.execute("DROP TRIGGER almanac_1_del")
        w.both("DELETE FROM readings WHERE id % 7 = 0 AND ts >= " + repr(w.write(NOW_S - 8 * DAY_S)))
        equal(w.value("SELECT ok FROM almanac_ok_1"), 0)
        w.compare(f"of {shape} without a trigger")
        tool("refresh", w.path)
        equal(w.value("SELECT ok FROM almanac_ok_1"), 1)
        w.compare(f"of {shape} with the trigger again")
        tool("pause", w.path)
        w.both("DELETE FROM readings WHERE id % 11 = 0 AND ts >= " + repr(w.write(NOW_S - 8 * DAY_S)))
        tool("resume", w.path)
        w.compare(f"of {shape} after a pause")


def test_times_off_the_axis_stay():
    w = World()
    w.both("INSERT INTO readings VALUES(-1, NULL, 1, 2.5), (-2, 'text', 1, 2.5), (-3, x'00', 2, 2.5)")
    w.prune()
    w.compare("with other types")
    equal(w.value("SELECT count(*) FROM readings WHERE id < 0"), 3)
    # A spelling of its own makes all reads use the raw rows that there are.
    w = World("text")
    w.prune()
    w.both("INSERT INTO readings VALUES(-1, 'junk', 1, 2.5), (-2, NULL, 1, 2.5)",
           f"INSERT INTO readings VALUES(-3, '{text(NOW_S - 5 * DAY_S, '%Y-%m-%dT%H:%M:%SZ')}', 1, 2.5)")
    w.compare("with a time in another spelling")
    error = w.prune(code=1)[1]
    assert "can't be relied on" in error, error
    tool("refresh", w.path, code=None)
    w.compare("with a time in another spelling, refreshed")
    w.both("DELETE FROM readings WHERE id < 0")
    tool("refresh", w.path)
    equal(w.value("SELECT ok FROM almanac_ok_1"), 1)
    w.compare("in one spelling again")
    w.prune()


def test_late_rows():
    for shape in ("seconds", "text"):
        w = World(shape)
        w.prune()
        w.insert([NOW_S - 30 * DAY_S, NOW_S - 30 * DAY_S + 1, NOW_S - 20 * DAY_S], twin=False)
        w.compare("with late rows")
        out, error = tool("refresh", w.path)
        assert "changes came for 2 partitions" in error, error
        equal(tool("refresh", w.path)[1], "")
        w.compare("with late rows, refreshed")
        tool("refresh", w.path, "--full")
        w.compare("with late rows, all refreshed")
        exact = w.value("SELECT exact FROM almanac_status WHERE name = 's0'")
        equal(exact, f"live, frozen before {w.frozen_before()}")
        equal(w.value("SELECT late FROM almanac_status WHERE name = 's1'"), 2)
        assert "frozen before" in tool("status", w.path)[0]
        before = w.rows()
        w.prune()
        equal(w.rows(), before - 3)
        w.compare("without late rows")
        equal(w.value("SELECT late FROM almanac_track"), 2)


def test_what_changed_is_not_lost():
    """A prune goes no further than to the first partition that is not stored as it is now."""
    w = World()
    changed = NOW_S - 25 * DAY_S
    w.insert([changed])
    w.prune()
    assert NOW_S - 26 * DAY_S - 1 <= w.frozen_before() <= changed
    w.compare("with a change")
    tool("refresh", w.path)
    w.prune()
    assert w.frozen_before() > changed
    w.compare("after the refresh")


def test_with_the_extension():
    """A summary that calls its functions keeps its frozen rows, also in the exact form of almanac_live()."""
    w = World()
    tool("apply", w.path, "-", stdin="CREATE MATERIALIZED VIEW shapes AS SELECT time_bucket('1 day', ts) AS d, lttb(ts, v, 4) AS points FROM readings GROUP BY 1;")
    tool("refresh", w.path)
    expected = w.twin.execute("SELECT time_bucket('1 day', ts), lttb(ts, v, 4) FROM readings GROUP BY 1 ORDER BY 1").fetchall()
    w.prune()
    equal(w.db.execute("SELECT * FROM shapes ORDER BY 1").fetchall(), expected)
    w.db.execute("SELECT almanac_live()")
    w.insert([NOW_S - 3 * DAY_S])
    expected = w.twin.execute("SELECT time_bucket('1 day', ts), lttb(ts, v, 4) FROM readings GROUP BY 1 ORDER BY 1").fetchall()
    equal(w.db.execute("SELECT * FROM shapes ORDER BY 1").fetchall(), expected)


def test_stopped_and_gone_on():
    w = World(step_s=600)
    before = w.rows()
    w.prune("--max-time", "20ms", "--lock-ms", "1")
    w.compare("after a prune that was stopped")
    w.prune()
    assert w.rows() < before / 3
    w.compare("after the rest of it")


def test_chains():
    """Summaries of summaries go on from what is stored: they may be declared, changed and filled after a prune."""
    w = World(widths=("1 hour",))
    daily = "SELECT time_bucket('1 day', bucket) AS day, sum(n) AS n, sum(total) AS total FROM s0 GROUP BY 1"
    of_raw = "SELECT time_bucket('1 day', ts) AS day, count(*) AS n, sum(v) AS total FROM readings GROUP BY 1"
    shares = "SELECT k, sum(n) AS n, rank() OVER (ORDER BY sum(total)) AS place FROM s0 GROUP BY 1"
    shares_of_raw = "SELECT k, count(*) AS n, rank() OVER (ORDER BY sum(v)) AS place FROM readings GROUP BY 1"
    queries = {"s0": w.queries["s0"], "daily": of_raw, "shares": shares_of_raw}

    def check(what):
        w.queries = queries
        w.compare(what)

    tool("apply", w.path, "-", stdin=f"CREATE MATERIALIZED VIEW daily AS {daily}; CREATE MATERIALIZED VIEW shares AS {shares};")
    tool("refresh", w.path)
    check("before")
    rows = w.rows()
    w.prune("--lock-ms", "1")
    assert w.rows() < rows / 2
    check("after")
    tool("refresh", w.path)
    check("after a refresh")
    tool("refresh", w.path, "--full")
    check("after a full refresh")
    w.insert([NOW_S - DAY_S, NOW_S - 9 * DAY_S])
    check("with changes")
    w.db.execute("DROP TRIGGER almanac_1_upd")
    check("in the fallback")
    tool("refresh", w.path)
    check("repaired")
    # Declared later, and changed: all of it is there in the summary below.
    queries["weekly"] = "SELECT time_bucket('1 week', ts) AS week, count(*) AS n FROM readings GROUP BY 1"
    queries["daily"] = of_raw.replace("sum(v)", "min(v)")
    tool("apply", w.path, "-", stdin="CREATE MATERIALIZED VIEW weekly AS SELECT time_bucket('1 week', day) AS week, sum(n) AS n FROM daily GROUP BY 1;"
         "CREATE MATERIALIZED VIEW daily AS SELECT time_bucket('1 day', bucket) AS day, sum(n) AS n, min(low) AS total FROM s0 GROUP BY 1;")
    check("declared anew")
    tool("refresh", w.path)
    check("declared anew and refreshed")
    w.insert([NOW_S - 30 * DAY_S], twin=False)
    check("with a late row")
    tool("refresh", w.path)
    check("with a late row, refreshed")
    w.prune()
    check("in the end")
    tool("verify", w.path)
    check("verified")
