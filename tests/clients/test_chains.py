"""Summaries of summaries.

C-1  A summary may read another one; its name equals its definition over the other's query, at any depth, after any change.
C-2  A file declares them in any order. Those that read each other in a circle are an error that shows it.
C-3  Refreshed one after the other, each from the rows of the one below: its view costs hours, not raw rows.
C-4  Buckets that don't nest in those above them are refused with the reason.
C-5  What others read can't be dropped without them; declared anew, those that read it are declared anew too.
C-6  They need no extension, also in a time zone, and survive pause and resume.
"""
import os
import random
import sqlite3
import time

from almanac import connect, directory, equal, shell, tool

HOURLY = "SELECT time_bucket('1 hour', ts{m}) AS bucket, k, count(*) AS n, sum(v) AS s, max(v) AS high FROM readings GROUP BY 1, 2"
DAILY = "SELECT time_bucket('1 day', bucket{m}) AS day, k, sum(n) AS n, sum(s) AS s, max(high) AS high FROM {hourly} GROUP BY 1, 2"
MONTHLY = "SELECT time_bucket('1 month', day{m}) AS month, sum(n) AS n, round(sum(s), 6) AS s FROM {daily} GROUP BY 1"
RANKS = "SELECT k, sum(n) AS n, rank() OVER (ORDER BY sum(n) DESC, k) AS place FROM {daily} GROUP BY 1"
START = 1711000000  # in March 2024, ten days before clocks change in Europe


def definitions(m=""):
    """Declared top down."""
    return (f"CREATE MATERIALIZED VIEW ranks AS {RANKS.format(daily='daily')};"
            f"CREATE MATERIALIZED VIEW monthly AS {MONTHLY.format(m=m, daily='daily')};"
            f"CREATE MATERIALIZED VIEW daily AS {DAILY.format(m=m, hourly='hourly')};"
            f"CREATE MATERIALIZED VIEW hourly AS {HOURLY.format(m=m)};")


def queries(m=""):
    """The same over the raw rows alone."""
    hourly = HOURLY.format(m=m)
    daily = DAILY.format(m=m, hourly=f"({hourly})")
    return {"hourly": hourly, "daily": daily, "monthly": MONTHLY.format(m=m, daily=f"({daily})"), "ranks": RANKS.format(daily=f"({daily})")}


def rows(db, sql):
    fix = lambda v: round(v, 6) if isinstance(v, float) else v
    return sorted((tuple(map(fix, row)) for row in db.execute(sql).fetchall()), key=repr)


def compare(db, m, when):
    for name, query in queries(m).items():
        equal(rows(db, f"SELECT * FROM {name}"), rows(db, query), f"{name} {when}")


# How a time is written, and the modifiers that say so.
SPELLINGS = {
    "seconds": ("INTEGER", lambda t: t, ""),
    "milliseconds": ("INTEGER", lambda t: t * 1000, ", 'ms'"),
    "reals": ("REAL", lambda t: t + 0.25, ""),
    "text": ("TEXT", lambda t: time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(t)), ""),
    "text with T and Z": ("TEXT", lambda t: time.strftime("%Y-%m-%dT%H:%M:%S.250Z", time.gmtime(t)), ""),
    "in a zone": ("INTEGER", lambda t: t, ", 'Europe/Berlin'"),
    "text in a zone": ("TEXT", lambda t: time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(t)), ", 'America/New_York'"),
}


def insert(db, readings):
    db.execute("BEGIN")
    db.executemany("INSERT INTO readings(ts, k, v) VALUES(?, ?, ?)", readings)
    db.execute("COMMIT")


def database(spelling, n=2000, step=1800):
    kind, spell, m = SPELLINGS[spelling]
    path = os.path.join(directory(), "chain.db")
    db = connect(path)
    db.execute("PRAGMA synchronous=OFF")
    db.execute(f"CREATE TABLE readings(id INTEGER PRIMARY KEY, ts {kind}, k INTEGER, v REAL)")
    db.execute("CREATE INDEX by_time ON readings(ts)")
    insert(db, [(spell(START + i * step), i % 3, i % 101 / 4) for i in range(n)])
    return path, db, spell, m


def change(db, r, spell, n=2000, step=1800):
    some = lambda: spell(START + r.randrange(n * step))
    for _ in range(r.randrange(1, 12)):
        r.choice([lambda: db.execute("INSERT INTO readings(ts, k, v) VALUES(?, ?, ?)", (r.choice([some(), some(), None, spell(START + n * step + r.randrange(9 * 86400))]), r.randrange(3), r.randrange(400) / 4)),
                  lambda: db.execute("DELETE FROM readings WHERE id=?", (r.randrange(n),)),
                  lambda: db.execute("UPDATE readings SET ts=?, v=v+1 WHERE id=?", (some(), r.randrange(n))),
                  lambda: db.execute("REPLACE INTO readings VALUES(?, ?, 1, 2.5)", (r.randrange(n), some()))])()


def test_names_equal_their_queries():
    """C-1, C-2, C-6"""
    seed = int(os.environ.get("ALMANAC_SEED", 0)) or int(time.time())
    for spelling in SPELLINGS:
        r = random.Random(seed)
        path, db, spell, m = database(spelling)
        tool("apply", path, "-", stdin=definitions(m))
        compare(db, m, f"declared ({spelling}, ALMANAC_SEED={seed})")
        for turn in range(5):
            if turn != 1:
                tool("refresh", path, *r.choice([[], ["daily"], ["hourly", "monthly"], ["hourly", "monthly"], ["hourly"], ["--full", "daily"]]) if turn else [])
            compare(db, m, f"refreshed ({spelling}, turn {turn}, ALMANAC_SEED={seed})")
            if turn == 0:  # nothing of it is computed at each read
                equal(db.execute("SELECT name, kind, dirty FROM almanac_status").fetchall(),
                      [("daily", "time", 0), ("hourly", "time", 0), ("monthly", "time", 0), ("ranks", "whole", 0)], spelling)
            change(db, r, spell)
            compare(db, m, f"changed ({spelling}, turn {turn}, ALMANAC_SEED={seed})")
        tool("pause", path)
        change(db, r, spell)
        tool("resume", path)
        compare(db, m, f"resumed ({spelling}, ALMANAC_SEED={seed})")
        tool("refresh", path)
        compare(db, m, f"refreshed after resume ({spelling}, ALMANAC_SEED={seed})")
        stock = sorted(shell(path, "SELECT day, k, n FROM daily").splitlines())
        equal(len(stock), db.execute("SELECT count(*) FROM daily").fetchone()[0], "the stock shell reads it without the extension")
        db.close()


def test_an_empty_table_and_a_late_start():
    """C-1: how times are written shows with the first row."""
    for spelling in SPELLINGS:
        path, db, spell, m = database(spelling, n=0)
        tool("apply", path, "-", stdin=definitions(m))
        insert(db, [(spell(START + i * 3000), i % 3, i / 4) for i in range(500)])
        tool("refresh", path)
        tool("refresh", path)
        compare(db, m, spelling)
        db.close()


def test_over_one_that_waits():
    """C-1: rows have come since, but no refresh."""
    path, db, spell, m = database("seconds", n=0)
    tool("apply", path, "-", stdin=definitions().split(";")[3] + ";")
    insert(db, [(START + i * 3000, i % 3, i / 4) for i in range(500)])
    tool("apply", path, "-", stdin=definitions())
    compare(db, "", "declared")
    tool("refresh", path)
    compare(db, "", "refreshed")
    equal(db.execute("SELECT count(*) FROM almanac_status WHERE dirty = 0").fetchone(), (4,))
    db.close()


def test_circles():
    """C-2"""
    path, db, _, _ = database("seconds", n=10)
    one = "SELECT time_bucket('1 day', b) AS b, count(*) AS n FROM {0} GROUP BY 1"
    circle = "".join(f"CREATE MATERIALIZED VIEW {name} AS {one.format(of)};" for name, of in (("one", "two"), ("two", "three"), ("three", "one")))
    error = tool("apply", path, "-", stdin=circle, code=1)[1]
    assert "in a circle: one -> two -> three -> one" in error, error
    error = tool("apply", path, "-", stdin=f"CREATE MATERIALIZED VIEW one AS {one.format('one')};", code=1)[1]
    assert "in a circle: one -> one" in error, error
    error = tool("apply", path, "-", stdin=f"CREATE MATERIALIZED VIEW one AS {one.format('absent')};", code=1)[1]
    assert "no such table: absent" in error and "circle" not in error, error
    # Over what is declared already.
    tool("apply", path, "-", stdin=definitions())
    error = tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW hourly AS SELECT time_bucket('1 month', month) AS bucket, 1 AS k, sum(n) AS n, 0.0 AS s, 0.0 AS high FROM monthly GROUP BY 1;", code=1)[1]
    assert "circle" in error and "hourly -> " in error and "monthly" in error, error
    compare(db, "", "after a refused circle")
    db.close()


def test_the_view_costs_hours():
    """C-3: counted in steps of SQLite's machine, with an open tail."""
    path, db, spell, m = database("seconds", n=60000, step=60)
    tool("apply", path, "-", stdin=definitions())
    tool("refresh", path)
    insert(db, [(START + 60000 * 60 + i * 60, i % 3, 1.5) for i in range(500)])

    def steps(sql):
        count = [0]
        db.set_progress_handler(lambda: count.__setitem__(0, count[0] + 1), 100)
        db.execute(sql).fetchall()
        db.set_progress_handler(None, 0)
        return count[0]

    for name in ("daily", "monthly", "ranks"):
        mine, raw = steps(f"SELECT * FROM {name}"), steps(queries()[name])
        assert mine * 4 < raw, (name, mine, raw)
    # Computed again in full: from the hours that are stored.
    tool("refresh", path)
    compare(db, "", "with a tail")
    db.close()


def test_buckets_that_do_not_nest():
    """C-4"""
    path, db, _, _ = database("seconds", n=100)
    base = {
        "h2": "time_bucket('2 days', ts)", "w": "time_bucket('1 week', ts)", "d": "time_bucket('1 day', ts)", "mo": "time_bucket('1 month', ts)",
        "o": "time_bucket('1 day', ts, 'origin=2024-01-01 12:00:00')", "z": "time_bucket('1 hour', ts, 'Europe/Berlin')", "ms": "time_bucket('1 hour', ts, 'ms')",
        "mm": "time_bucket('5 minutes', ts)", "q": "time_bucket('3 months', ts)",
    }
    tool("apply", path, "-", stdin="".join(f"CREATE MATERIALIZED VIEW {n} AS SELECT {b} AS b, count(*) AS n FROM readings GROUP BY 1;" for n, b in base.items()))
    refused = [("h2", "'1 month', b", "don't nest"), ("w", "'1 month', b", "don't nest"), ("d", "'36 hours', b", "don't nest"), ("mo", "'1 day', b", "don't nest"), ("mo", "'30 days', b", "don't nest"),
               ("o", "'1 week', b", "don't nest"), ("d", "'1 day', b, 'origin=2024-01-01 12:00:00'", "don't nest"), ("q", "'4 months', b", "don't nest"), ("q", "'6 months', b, 'origin=2024-02-01'", "don't nest"),
               ("d", "'1 day', b, 'Europe/Berlin'", "are in UTC and these in Europe/Berlin"), ("z", "'1 day', b", "are in Europe/Berlin and these in UTC"),
               ("z", "'1 day', b, 'Europe/Paris'", "these in Europe/Paris"), ("ms", "'1 day', b", "another unit"), ("mm", "'12 minutes', b", "don't nest")]
    for parent, call, reason in refused:
        error = tool("apply", path, "-", stdin=f"CREATE MATERIALIZED VIEW child AS SELECT time_bucket({call}) AS c, sum(n) AS n FROM {parent} GROUP BY 1;", code=1)[1]
        assert reason in error and parent in error, (call, error)
    nesting = [("d", "'1 week', b"), ("d", "'1 month', b"), ("mo", "'1 year', b"), ("q", "'1 year', b"), ("mm", "'15 minutes', b"), ("z", "'1 day', b, 'Europe/Berlin'"), ("z", "'1 month', b, 'Europe/Berlin'"),
               ("ms", "'1 day', b, 'ms'"), ("d", "'1 day', b"), ("o", "'2 days', b, 'origin=2024-01-01 12:00:00'")]
    for parent, call in nesting:
        tool("apply", path, "-", stdin=f"CREATE MATERIALIZED VIEW child AS SELECT time_bucket({call}) AS c, sum(n) AS n FROM {parent} GROUP BY 1;")
        tool("refresh", path)
        query = f"SELECT time_bucket({call}) AS c, sum(n) AS n FROM (SELECT {base[parent]} AS b, count(*) AS n FROM readings GROUP BY 1) GROUP BY 1"
        equal(rows(db, "SELECT * FROM child"), rows(db, query), call)
        equal(db.execute("SELECT kind, dirty FROM almanac_status WHERE name='child'").fetchone(), ("time", 0), call)
        tool("drop", path, "child")
    db.close()


def test_dropping_and_declaring_anew():
    """C-5"""
    path, db, spell, m = database("seconds")
    tool("apply", path, "-", stdin=definitions())
    tool("refresh", path)
    error = tool("drop", path, "hourly", code=1)[1]
    assert "hourly can't be dropped" in error and "daily" in error, error
    assert "can't be dropped" in tool("apply", path, "-", stdin="DROP MATERIALIZED VIEW daily;", code=1)[1]
    compare(db, "", "after refused drops")
    # The same hours with one column more: what reads them is made anew.
    changed = definitions().replace("max(v) AS high FROM readings", "max(v) AS high, min(v) AS low FROM readings")
    said = tool("apply", path, "-", "--verbose", stdin=changed.split(";")[3] + ";")[1]
    assert "daily: it reads hourly: it is rebuilt" in said and "ranks: it reads hourly" in said, said
    db.execute("DELETE FROM readings WHERE id % 7 = 0")
    tool("refresh", path)
    for name in ("daily", "monthly", "ranks"):
        equal(rows(db, f"SELECT * FROM {name}"), rows(db, queries()[name]), name)
    # Without a column that others need it is refused, and nothing changes.
    before = shell(path, "SELECT group_concat(name) FROM almanac_status", "SELECT * FROM daily ORDER BY 1, 2")
    error = tool("apply", path, "-", stdin=definitions().split(";")[3].replace("sum(v) AS s, ", "") + ";", code=1)[1]
    assert "daily" in error and "no such column: s" in error, error
    equal(shell(path, "SELECT group_concat(name) FROM almanac_status", "SELECT * FROM daily ORDER BY 1, 2"), before)
    # Both at once: parent and child changed in one file, in any order.
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW daily AS SELECT time_bucket('1 day', b) AS day, 0 AS k, sum(m) AS n, sum(m) AS s FROM hourly GROUP BY 1;"
         "CREATE MATERIALIZED VIEW hourly AS SELECT time_bucket('1 hour', ts) AS b, count(*) AS m FROM readings GROUP BY 1;")
    tool("refresh", path)
    equal(rows(db, "SELECT day, n FROM daily"), rows(db, "SELECT time_bucket('1 day', ts), count(*) FROM readings GROUP BY 1"))
    tool("drop", path, "hourly", "monthly", "daily", "ranks")
    equal(shell(path, "SELECT name FROM sqlite_master"), "readings\nby_time\n")
    db.close()


def test_with_other_tables_and_summaries():
    """C-1: joins, self-joins, windows within a partition, a whole summary over several others."""
    path, db, spell, m = database("seconds")
    db.execute("CREATE TABLE sensors(k INTEGER PRIMARY KEY, site TEXT)")
    db.execute("INSERT INTO sensors VALUES(0, 'a'), (1, 'b'), (2, 'b')")
    tool("apply", path, "-", stdin=definitions())
    more = {
        "sites": "SELECT time_bucket('1 day', h.bucket) AS day, s.site, sum(h.n) AS n FROM {hourly} h JOIN sensors s ON s.k = h.k GROUP BY 1, 2",
        "above": "SELECT time_bucket('1 day', a.bucket) AS day, count(*) AS n FROM {hourly} a JOIN {hourly} b ON b.bucket = a.bucket AND b.k = a.k + 1 WHERE a.s > b.s GROUP BY 1",
        "firsts": "SELECT time_bucket('1 day', bucket) AS day, bucket, k, row_number() OVER (PARTITION BY time_bucket('1 day', bucket), k ORDER BY bucket) AS i FROM {hourly}",
        "of_all": "SELECT time_bucket('1 day', bucket) AS day, sum(n) AS n, (SELECT count(*) FROM READINGS) AS of_all FROM {hourly} GROUP BY 1",
        "share": "SELECT d.day, d.k, d.n * 1.0 / m.n AS share FROM {daily} d JOIN {monthly} m ON time_bucket('1 month', d.day) = m.month",
        "mixed": "SELECT time_bucket('1 hour', r.ts) AS b, count(*) AS n, max(p.place) AS place FROM readings r JOIN {ranks} p ON p.k = r.k GROUP BY 1",
    }
    tool("apply", path, "-", stdin="".join(f"CREATE MATERIALIZED VIEW {n} AS {q.format(hourly='hourly', daily='daily', monthly='monthly', ranks='ranks')};" for n, q in more.items()))
    raw = {f"{k}": f"({q})" for k, q in queries().items()}
    kinds = dict(db.execute("SELECT name, kind FROM almanac_status"))
    equal([kinds[n] for n in more], ["time", "time", "time", "time", "whole", "whole"])
    r = random.Random(7)
    for turn in range(6):
        if turn != 1:
            tool("refresh", path)
        for name, query in more.items():
            equal(rows(db, f"SELECT * FROM {name}"), rows(db, query.format(**raw)), f"{name}, turn {turn}")
        change(db, r, spell)
        if turn == 3:
            db.execute("UPDATE sensors SET site='c' WHERE k=1")
        for name, query in more.items():
            equal(rows(db, f"SELECT * FROM {name}"), rows(db, query.format(**raw)), f"{name}, changed, turn {turn}")
    db.close()


def test_rows_are_counted():
    """No column is read: what is stored of the parent is no table of its own, whose refresh would be a change."""
    path, db, spell, m = database("seconds", n=200)
    tool("apply", path, "-", stdin=definitions() + "CREATE MATERIALIZED VIEW hours AS SELECT count(*) AS n FROM hourly;")
    for turn in range(2):
        tool("refresh", path)
        equal(rows(db, "SELECT name, dirty FROM almanac_status WHERE dirty"), [], f"turn {turn}")
        equal(rows(db, "SELECT * FROM hours"), rows(db, "SELECT count(*) FROM hourly"))
        db.execute("UPDATE readings SET ts = ts - 36000 WHERE rowid % 7 = 1")
        equal(rows(db, "SELECT * FROM hours"), rows(db, "SELECT count(*) FROM hourly"))
    db.close()


def test_over_what_needs_the_extension():
    """A summary that shows the rows of its last refresh: whole summaries may read those, time_bucket may not."""
    path, db, spell, m = database("seconds", n=300)
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW curves AS SELECT time_bucket('1 hour', ts) AS b, lttb(id, v, 5) AS points FROM readings GROUP BY 1;")
    error = tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW child AS SELECT time_bucket('1 day', b) AS d, count(*) AS n FROM curves GROUP BY 1;", code=1)[1]
    assert "curves calls functions of the extension" in error, error
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW sizes AS SELECT count(*) AS n, sum(length(points)) AS bytes FROM curves;")
    equal(db.execute("SELECT exact FROM almanac_status WHERE name='sizes'").fetchone(), ("as of the last refresh",))
    for _ in range(2):
        tool("refresh", path)
        equal(db.execute("SELECT name, dirty FROM almanac_status").fetchall(), [("curves", 0), ("sizes", 0)], "one refresh is enough")
        equal(rows(db, "SELECT * FROM sizes"), rows(db, "SELECT count(*), sum(length(points)) FROM curves"))
        equal(db.execute("SELECT n FROM sizes").fetchone(), db.execute("SELECT count(DISTINCT ts / 3600) FROM readings").fetchone())
        db.execute("INSERT INTO readings(ts, k, v) VALUES(1, 1, 1)")
    equal(rows(db, "SELECT * FROM sizes"), rows(db, "SELECT count(*), sum(length(points)) FROM curves"))
    # Where the one is exact, so is the other, whatever was refreshed last.
    db.execute("INSERT INTO readings(ts, k, v) VALUES(7200, 1, 1)")
    tool("refresh", path, "sizes")
    equal(db.execute("SELECT almanac_live()").fetchone(), (2,))
    equal(db.execute("SELECT n FROM sizes").fetchone(), db.execute("SELECT count(DISTINCT ts / 3600) FROM readings").fetchone())
    db.close()


def test_a_parent_that_turns_out_to_be_whole():
    """C-1: until three partitions have been seen nobody knows."""
    path, db, spell, m = database("seconds", n=2, step=60)
    total = "SELECT time_bucket('1 hour', ts) AS bucket, count(*) AS n, (SELECT count(*) FROM readings) AS total FROM readings GROUP BY 1"
    tool("apply", path, "-", stdin=f"CREATE MATERIALIZED VIEW child AS SELECT time_bucket('1 day', bucket) AS day, sum(n) AS n, max(total) AS total FROM hourly GROUP BY 1;CREATE MATERIALIZED VIEW hourly AS {total};")
    query = f"SELECT time_bucket('1 day', bucket) AS day, sum(n) AS n, max(total) AS total FROM ({total}) GROUP BY 1"
    for _ in range(3):
        tool("refresh", path)
        equal(rows(db, "SELECT * FROM child"), rows(db, query))
        insert(db, [(START + i * 3600, 1, 1) for i in range(40)])
        equal(rows(db, "SELECT * FROM child"), rows(db, query))
        equal(rows(db, "SELECT * FROM hourly"), rows(db, total))
    equal(db.execute("SELECT name, kind FROM almanac_status").fetchall(), [("child", "whole"), ("hourly", "whole")])
    db.close()


def test_a_view_of_the_users_in_between():
    """C-1, C-6: a summary over a user's view over a summary, parked with all others."""
    path, db, spell, m = database("seconds")
    tool("apply", path, "-", stdin=definitions())
    db.execute("CREATE VIEW busy AS SELECT day, k, n FROM daily WHERE n > 20")
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW tops AS SELECT k, max(n) AS n FROM busy GROUP BY 1;")
    query = "SELECT k, max(n) AS n FROM (SELECT day, k, n FROM daily WHERE n > 20) GROUP BY 1"
    for step in (["refresh"], ["pause"], ["resume"], ["refresh"]):
        tool(step[0], path)
        if step[0] != "pause":
            equal(rows(db, "SELECT * FROM tops"), rows(db, query), step)
        db.execute("INSERT INTO readings(ts, k, v) SELECT ts, k, v FROM readings LIMIT 100")
        if step[0] != "pause":
            equal(rows(db, "SELECT * FROM tops"), rows(db, query), step)
    db.close()


def test_six_deep():
    """C-1: from minutes to years; SQLite 3.54 takes less than a thousand tables in a statement, all views expanded."""
    path, db, spell, m = database("seconds", n=3000, step=7200)
    widths = ["1 minute", "15 minutes", "1 hour", "1 day", "1 month", "1 year"]
    below, query, names = "readings", "readings", []
    for i, width in enumerate(widths):
        select = f"SELECT time_bucket('{width}', {'b' if i else 'ts'}) AS b, {'sum(n)' if i else 'count(*)'} AS n FROM {{0}} GROUP BY 1"
        names.append((f"level{i}", select.format(below), select.format(query)))
        below, query = f"level{i}", f"({select.format(query)})"
    tool("apply", path, "-", stdin="".join(f"CREATE MATERIALIZED VIEW {n} AS {s};" for n, s, _ in reversed(names)))
    for _ in range(2):
        tool("refresh", path)
        for name, _, query in names:
            equal(rows(db, f"SELECT * FROM {name}"), rows(db, query), name)
        insert(db, [(START + i * 86400, 1, 1) for i in range(-300, 0)])
        for name, _, query in names:
            equal(rows(db, f"SELECT * FROM {name}"), rows(db, query), name)
    db.close()
