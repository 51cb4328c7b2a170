"""Several refreshers of one database: none does another's work, a dead one's is taken over at once, a live one's never."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from almanac import equal, tool
from halted import Halted, stops_library
from sharing import DEFINITIONS, HOURLY, check, claimed, database, finish, none_twice, nothing_dirty, start, until


def test_overlapping_refreshes_share_the_work():
    for journal in ("WAL", "DELETE"):
        path, db = database(journal, rows=20000)
        sums = {name: [0, 0] for name in DEFINITIONS}
        for process in [start(path) for _ in range(3)]:
            for line in finish(process):
                sums[line["name"]][0] += line["partitions"]
                sums[line["name"]][1] += line["rows"]
        nothing_dirty(db, f"after three that overlap ({journal})")
        none_twice(db, f"by three that overlap ({journal})")
        expected = {"hourly": [len({row[0] for row in db.execute(HOURLY)}), len(db.execute(HOURLY).fetchall())], "by_key": [5, 5], "ranks": [1, 20000]}
        equal(sums, expected, f"what three that overlap have computed ({journal})")
        check(db, f"after three that overlap ({journal})")
        db.close()


def test_a_dead_owners_claim_is_taken_over_at_once():
    library = stops_library()
    for journal in ("WAL", "DELETE"):
        for name in ("hourly", "by_key"):
            path, db = database(journal, [name])
            taken = claimed(db, name)
            refresh = Halted(library, path)
            refresh.run_until(taken)
            refresh.kill()
            assert taken() > 0, "the kill took the claim away"
            check(db, "after the kill")
            started = time.monotonic()
            finish(start(path))
            assert time.monotonic() - started < 3, "it waited for a dead one"
            nothing_dirty(db, f"{name}, after a dead one's claim was taken over ({journal})")
            check(db, "after a dead one's claim was taken over")
            db.close()


def test_a_live_owners_claim_is_left_to_it():
    library = stops_library()
    for journal in ("WAL", "DELETE"):
        for name in ("hourly", "by_key"):
            path, db = database(journal, [name])
            taken = claimed(db, name)
            refresh = Halted(library, path, "--json")
            refresh.run_until(taken)
            its = taken()
            # Another does the rest, then waits until the claim is published.
            waits = start(path)
            dirty = lambda: db.execute("SELECT dirty FROM almanac_status").fetchone()[0]
            until(lambda: dirty() == its, "all but the claims of the one that stands still")
            time.sleep(0.3)
            assert waits.poll() is None, "it did not wait"
            equal((taken(), dirty()), (its, its), "claims of the one that stands still")
            check(db, "while one stands still")
            finish(start(path, "--max-time", "100ms"))
            equal((taken(), dirty()), (its, its), "claims of the one that stands still, after another has come and gone")
            equal(refresh.run_out(), (0, ""))
            total = its + sum(line["partitions"] for line in finish(waits))
            equal(total, len(db.execute(f"SELECT DISTINCT {'bucket' if name == 'hourly' else 'k'} FROM {name}_stored").fetchall()), "partitions that both have computed")
            nothing_dirty(db, "after both")
            none_twice(db, "by one that stood still and another")
            check(db, "after both")
            db.close()


def test_a_whole_summary_is_computed_by_one():
    library = stops_library()
    for journal in ("WAL", "DELETE"):
        path, db = database(journal, ["ranks"])
        taken = lambda: db.execute("SELECT token IS NOT NULL FROM almanac_summary").fetchone()[0]
        refresh = Halted(library, path, "--json")
        refresh.run_until(taken)
        waits = start(path)
        time.sleep(0.2)
        assert waits.poll() is None, "it did not wait"
        equal(refresh.run_out(), (0, ""))
        equal([line["rows"] for line in finish(waits)], [0], "rows computed by the one that waited")
        equal(json.loads(refresh.printed)["rows"], 8000)
        nothing_dirty(db, "after both")
        # A dead one's generation is written anew, and what there is of it goes.
        db.execute("UPDATE readings SET v = v + 1 WHERE id = 5")
        refresh = Halted(library, path)
        refresh.run_until(lambda: db.execute("SELECT count(*)>8000 FROM ranks_stored").fetchone()[0])
        refresh.kill()
        check(db, "after a kill while a generation was written")
        finish(start(path))
        equal(db.execute("SELECT count(*) FROM ranks_stored").fetchone()[0], 8000, "rows of one generation")
        nothing_dirty(db, "after a dead one's generation")
        check(db, "after a dead one's generation")
        db.close()


def test_a_summary_of_a_summary_waits_for_it():
    path, db = database("WAL", ["hourly"])
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW daily AS SELECT time_bucket('1 day', bucket) AS day, sum(n) AS n FROM hourly GROUP BY 1;")
    refresh = Halted(stops_library(), path, "hourly")
    refresh.run_until(claimed(db, "hourly"))
    waits = start(path)
    time.sleep(0.3)
    equal(db.execute("SELECT count(*) FROM daily_stored").fetchone()[0], 0, "days computed before their hours")
    equal(refresh.run_out(), (0, ""))
    finish(waits)
    nothing_dirty(db, "after both")
    query = "SELECT ts / 86400 * 86400, count(*) FROM readings GROUP BY 1 ORDER BY 1"
    equal(db.execute("SELECT * FROM daily_stored ORDER BY day").fetchall(), db.execute(query).fetchall(), "days")
    db.close()


def test_a_stopped_refresh_gives_back_what_it_has_not_done():
    path, db = database("WAL", ["hourly"])
    refresh = Halted(stops_library(), path, "--max-time", "300ms")
    refresh.run_until(claimed(db, "hourly"))
    time.sleep(0.4)
    equal(refresh.run_out(), (0, ""))
    equal(claimed(db, "hourly")(), 0, "claims left by a refresh that --max-time ended")
    db.close()


def test_one_of_ten_fails():
    """Nine are refreshed, the code is 3, the error names the tenth, whose partitions stay dirty and nobody's."""
    path, db = database("WAL", ["hourly"])
    names = [f"s{i}" for i in range(9)]
    tool("apply", path, "-", stdin="".join(
        f"CREATE MATERIALIZED VIEW {name} AS SELECT time_bucket({1800 * (i + 1)}, ts) AS bucket, {'sum(abs(v))' if i == 4 else 'sum(v)'} AS total FROM readings GROUP BY 1;"
        for i, name in enumerate(names)))
    tool("refresh", path)
    db.execute("UPDATE readings SET v = -9223372036854775808 WHERE id = 4000")
    db.execute("UPDATE readings SET v = v + 1 WHERE id = 10")
    error = tool("refresh", path, code=3)[1]
    equal(error, "almanac: warning: s4: integer overflow\n")
    status = {name: rest for name, *rest in db.execute("SELECT name, dirty, last_error FROM almanac_status")}
    equal(status.pop("s4"), [2, "integer overflow"])
    assert all(rest == [0, None] for rest in status.values()), status
    equal(claimed(db, "s4")(), 0, "partitions that the failed one has kept")
    for i, name in enumerate(names):
        if i != 4:
            width = 1800 * (i + 1)
            query = f"SELECT ts / {width} * {width}, sum(v) FROM readings GROUP BY 1 ORDER BY 1"
            equal(db.execute(f"SELECT * FROM {name}_stored ORDER BY bucket").fetchall(), db.execute(query).fetchall(), name)
    db.execute("UPDATE readings SET v = 1 WHERE id = 4000")
    tool("refresh", path)
    nothing_dirty(db, "after the cause is gone")
    db.close()


def test_the_file_of_owners():
    """Made beside the database with its mode, where locks live; it goes with the last trace of Almanac."""
    path, db = database("WAL", ["hourly"])
    os.chmod(path, 0o640)
    owners = path + "-almanac"
    assert not os.path.exists(owners), "made before anybody owned anything"
    tool("refresh", path)
    equal((os.stat(owners).st_mode & 0o777, os.path.getsize(owners)), (0o640, 0))
    tool("drop", path, "--all")
    assert not os.path.exists(owners), "left by drop --all"
    db.close()


def test_without_a_file_of_owners():
    """Where it can't be made (here stands a directory) refreshes take each other's work, and nothing is wrong."""
    path, db = database("DELETE")
    os.mkdir(path + "-almanac")
    for process in [start(path) for _ in range(2)]:
        finish(process)
    check(db, "without a file of owners")
    nothing_dirty(db, "without a file of owners")
    db.close()


def test_what_others_hand_out_keeps_nobody_at_work_for_ever():
    """At each of its stops rows change, and another refresh hands them out: the rest is the next run's."""
    path, db = database("WAL", ["hourly", "by_key"], rows=2000)
    finish(start(path))
    db.execute("UPDATE readings SET v = v + 1 WHERE id % 400 = 1")
    refresh, stops = Halted(stops_library(), path, "hourly"), 0
    while (state := refresh.halt()) and stops < 200:
        if state == b"0":
            stops += 1
            db.execute("UPDATE readings SET v = v + 1 WHERE id % 100 = ?", (stops % 100,))
            finish(start(path, "by_key"))
        refresh.go_on()
    assert not state, "it is still at work"
    equal(refresh.run_out(), (0, ""))
    check(db, "after it")
    finish(start(path))
    nothing_dirty(db, "after the next")
    check(db, "after the next")
    db.close()
