"""--jobs N: as one refresh says and leaves it, whoever of its processes dies."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from almanac import equal, tool
from sharing import DEFINITIONS, HOURLY, HOURS, check, claimed, database, finish, none_twice, nothing_dirty, start, until


def test_jobs():
    """--jobs N says and leaves what one process would: sums, text, errors, exit codes; nothing is done twice."""
    for journal in ("WAL", "DELETE"):
        path, db = database(journal, rows=20000)
        lines = finish(start(path, "--jobs", "3"))
        hours = len({row[0] for row in db.execute(HOURLY)})
        sums = {line["name"]: (line["partitions"], line["rows"]) for line in lines}
        equal(sums, {"hourly": (hours, len(db.execute(HOURLY).fetchall())), "by_key": (5, 5), "ranks": (1, 20000)}, f"sums of three jobs ({journal})")
        equal([line["name"] for line in lines], list(DEFINITIONS), "a line for each, in order")
        nothing_dirty(db, "after three jobs")
        none_twice(db, f"by three jobs ({journal})")
        check(db, "after three jobs")
        out, error = tool("refresh", path, "--jobs", "2", "--full", "--verbose", "hourly")
        assert out == "" and error.startswith(f"almanac: hourly: {hours} partitions, ") and error.count("\n") == 1, (out, error)
        check(db, "after --full by two jobs")
        db.close()


def test_jobs_of_apply():
    path, db = database("WAL", [])
    error = tool("apply", path, "-", "--jobs", "2", "--verbose", stdin=DEFINITIONS["hourly"] + "REFRESH MATERIALIZED VIEW hourly;")[1]
    assert f"almanac: hourly: {len({row[0] for row in db.execute(HOURLY)})} partitions, " in error, error
    nothing_dirty(db, "after apply's REFRESH by two jobs")
    check(db, "after apply's REFRESH by two jobs")
    db.close()


def test_an_error_of_jobs_is_said_once():
    path, db = database("WAL", ["hourly", "by_key"])
    db.execute("UPDATE readings SET v = CASE WHEN id % 10 THEN 9223372036854775807 ELSE v END")
    for options, code, summaries in (([], 3, 1), (["hourly"], 1, 1)):
        out, error = tool("refresh", path, "--jobs", "3", *options, code=code)
        equal((out, error), ("", "almanac: warning: hourly: integer overflow\n"))
    equal(db.execute("SELECT name, dirty > 0, last_error FROM almanac_status ORDER BY name").fetchall(), [("by_key", 0, None), ("hourly", 1, "integer overflow")])
    equal(claimed(db, "hourly")(), 0, "claims that failed jobs have kept")
    db.close()


def children(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        return [int(pid) for pid in file.read().split()]


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_killed_jobs_work_is_done_by_the_others():
    """Also that of the first process, whose end ends the others."""
    path, db = database("WAL", ["hourly"], rows=200_000)
    taken = claimed(db, "hourly")
    refresh = start(path, "--jobs", "3")
    until(lambda: len(children(refresh)) == 2 and taken(), "two more processes at work")
    os.kill(children(refresh)[0], signal.SIGKILL)
    assert sum(line["partitions"] for line in finish(refresh)) <= HOURS + 1
    nothing_dirty(db, "after one of three was killed")
    check(db, "after one of three was killed")
    refresh = start(path, "--jobs", "3", "--full")
    until(lambda: len(children(refresh)) == 2 and taken(), "two more processes at work, again")
    others = children(refresh)
    refresh.kill()
    refresh.communicate()
    until(lambda: not any(alive(pid) for pid in others), "the end of the others after that of the first")
    finish(start(path))
    nothing_dirty(db, "after the first was killed")
    check(db, "after the first was killed")
    db.close()


def test_signals_and_times_reach_all_jobs():
    path, db = database("WAL", ["hourly"], rows=200_000)
    taken = claimed(db, "hourly")
    for number in (signal.SIGTERM, signal.SIGINT):
        refresh = start(path, "--jobs", "2", "--full")
        until(lambda: len(children(refresh)) == 1 and taken(), "another process at work")
        others = children(refresh)
        refresh.send_signal(number)
        refresh.communicate(timeout=10)
        equal(refresh.returncode, 130)
        assert not any(alive(pid) for pid in others), "one outlived the signal"
        check(db, "after a signal")
        finish(start(path))  # at once, whatever they had taken
    started = time.monotonic()
    finish(start(path, "--jobs", "2", "--full", "--max-time", "100ms"))
    assert time.monotonic() - started < 2
    tool("refresh", path)
    every = start(path, "--jobs", "2", "--every", "50ms", "--duty", "50%")
    until(lambda: len(children(every)) == 1, "another process")
    others = children(every)
    for i in range(3):
        db.execute("UPDATE readings SET v = v + 1 WHERE id % 9000 = 7")
        until(lambda: db.execute("SELECT dirty FROM almanac_status").fetchone()[0] == 0, "a refresh by --every")
    every.terminate()
    lines = finish(every)
    assert len(lines) >= 3 and sum(line["partitions"] for line in lines) >= 3, lines
    assert not any(alive(pid) for pid in others), "one outlived --every"
    check(db, "after --every by two jobs")
    db.close()
