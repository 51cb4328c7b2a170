"""Zooms, as a user has them.

Z-1  A zoom's name shows the rows of its SELECT; its levels, one a width, equal a brute force over them: n, sum, min, max with
     their earliest times, first and last. Rows without a time, with a NULL key, or with a value that is no finite number
     are left out.
Z-2  So after any change, before and after the next refresh, also where the stock shell alone reads.
Z-3  Any keys, any spelling of times, any ladder that nests.
Z-4  Applied again unchanged it is left alone, also when the table has grown; a new ladder keeps the levels that are as they were.
Z-5  refresh, verify, plan and drop take its name for its levels; no level is dropped alone; drop --all leaves nothing.
Z-6  pause, resume, renamed columns and tables, prune: as with any summary.
Z-7  auto finds a ladder that fits: some 16 rows in the finest buckets, steps of at most 7, with 15 minutes, an hour, a day, a week.
Z-8  Rows of a key lie together; all levels take at most 40 % of the raw table.
Z-9  What can't be a zoom is refused, with the place and the remedy.
Z-10 Only a database with a zoom is of a format that older tools refuse.
Z-11 The finest level is computed by a scan of the table where much of it is to do, whatever its keys, times and WHERE are, unless a
     key has a collation or the WHERE is no comparison; by SQL it is the same.
"""
import json
import math
import os
import random
import time

from almanac import connect, directory, equal, shell, tool

START = 1711000000
COLUMNS = "n, sum, min, min_at, max, max_at, first, first_at, last, last_at"


def text_of(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def seconds_of(text):
    return int(time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S")) - time.timezone)


# How a time is written: its column's type, a time from seconds, and units a second (None: text).
SPELLINGS = {
    "seconds": ("INTEGER", lambda t: int(t), 1),
    "milliseconds": ("INTEGER", lambda t: int(t * 1000), 1000),
    "microseconds": ("INTEGER", lambda t: int(t * 1000000), 1000000),
    "reals": ("REAL", lambda t: t + 0.25, 1),
    "untyped": ("", lambda t: int(t), 1),
    "text": ("TEXT", text_of, None),
}


def brute(rows, n_keys, width, phase, is_text):
    """The rows of a level: {(bucket, keys...): values}."""
    groups = {}
    for at, *keys, value in rows:
        counts = isinstance(value, (int, float)) and abs(value) != float("inf")
        if at is None or None in keys or not counts or isinstance(at, str) != is_text:
            continue
        ticks = seconds_of(at) if is_text else at
        start = (ticks - phase) // width * width + phase
        groups.setdefault((text_of(start) if is_text else start, *keys), []).append((at, value))
    result = {}
    for group, points in groups.items():
        values, times = [v for _, v in points], [t for t, _ in points]
        low, high, begin, end = min(values), max(values), min(times), max(times)
        result[group] = (len(points), math.fsum(values), low, min(t for t, v in points if v == low), high, min(t for t, v in points if v == high),
                         min(v for t, v in points if t == begin), begin, max(v for t, v in points if t == end), end)
    return result


def check(path, zoom="readings_zoom", when="", extension=False):
    """Every level against the brute force over the name's rows."""
    db = connect(path, extension=extension)
    keys, unit = db.execute("SELECT keys, unit FROM almanac_zoom WHERE name = ?", (zoom,)).fetchone()
    keys = json.loads(keys)
    rows = db.execute(f'SELECT * FROM "{zoom}"').fetchall()
    levels = db.execute("SELECT name, width, phase FROM almanac_zoom_level WHERE zoom = ? ORDER BY level", (zoom,)).fetchall()
    assert levels
    for name, width, phase in levels:
        listed = ", ".join(f'"{key}"' for key in keys)
        got = {}
        for row in db.execute(f'SELECT bucket, {listed + ", " if listed else ""}{COLUMNS} FROM "{name}"'):
            group, values = row[:1 + len(keys)], row[1 + len(keys):]
            assert group not in got, (name, group)
            got[group] = values
        expected = brute(rows, len(keys), width, phase, unit == "text")
        equal(got.keys(), expected.keys(), f"{name} {when}")
        for group in got:
            one, other = list(got[group]), list(expected[group])
            scale = max(abs(one[2]), abs(one[4])) * one[0]  # whatever cancels out in the sum
            assert abs(one.pop(1) - other.pop(1)) <= 1e-12 * scale, f"{name} {group} {when}: {got[group]} {expected[group]}"
            equal(one, other, f"{name} {group} {when}")
    db.close()
    return [name for name, _, _ in levels]


def database(rows=1500, keys=("sensor_id INTEGER",), spelling="seconds", seed=1, spread=400):
    chance = random.Random(seed)
    type, write, _ = SPELLINGS[spelling]
    path = os.path.join(directory(), "zoom.db")
    db = connect(path, extension=False)
    db.execute(f"CREATE TABLE readings(id INTEGER PRIMARY KEY, ts {type}, {''.join(key + ', ' for key in keys)}value REAL)")
    db.executemany(f"INSERT INTO readings(ts, {''.join(key.split()[0] + ', ' for key in keys)}value) VALUES (?, {'?, ' * len(keys)}?)",
                   [(write(START + i * spread + chance.randrange(spread)), *[chance.randrange(3) for _ in keys], round(chance.gauss(0, 100), 2))
                    for i in range(rows)])
    db.execute("CREATE INDEX readings_ts ON readings(ts)")
    db.close()
    return path


def zoom(options="zoom = '10m, 1h, 6h, 1d'", select="SELECT ts, sensor_id, value FROM readings"):
    return f"CREATE MATERIALIZED VIEW readings_zoom WITH ({options}) AS {select};"


def test_levels():
    """Z-1, Z-2"""
    path = database()
    tool("apply", path, "-", stdin=zoom())
    check(path, when="before the first refresh")
    tool("refresh", path)
    names = check(path, when="refreshed")
    equal(names, ["readings_zoom_10m", "readings_zoom_1h", "readings_zoom_6h", "readings_zoom_1d"])
    shell(path, f"""
        INSERT INTO readings(ts, sensor_id, value) SELECT {START} + 1500 * 400 + id * 60, id % 4, id % 7 FROM readings LIMIT 50;
        INSERT INTO readings(ts, sensor_id, value) VALUES ({START - 10000}, 1, 5), ({START + 500}, 1, 1e6), ({START + 500}, 1, -1e6),
          ({START + 600}, NULL, 3), ({START + 600}, 2, NULL), (NULL, 2, 3), ({START + 600}, 2, 'abc'), ({START + 600}, 2, x'00'),
          ({START + 600}, 2, 9e999), ({START + 600}, 2, -9e999), ({START + 600}, 9, NULL);
        UPDATE readings SET value = value + 1 WHERE id % 100 = 7;
        UPDATE readings SET ts = ts + 86400 WHERE id = 50;
        UPDATE readings SET sensor_id = 8 WHERE id = 51;
        DELETE FROM readings WHERE id BETWEEN 400 AND 450;""")
    check(path, when="changed")
    tool("refresh", path, "readings_zoom_10m")
    check(path, when="with only the finest refreshed")
    tool("refresh", path, "readings_zoom")
    check(path, when="refreshed again", extension=True)
    equal(shell(path, "SELECT count(*) FROM readings_zoom_1d WHERE n < 1 OR sum IS NULL OR bucket IS NULL OR first IS NULL OR last_at IS NULL"), "0\n")
    equal(shell(path, "SELECT count(*) FROM readings_zoom"), shell(path, "SELECT count(*) FROM readings"))
    equal(tool("verify", path, "readings_zoom")[0], "")
    equal(shell(path, "SELECT max(dirty) FROM almanac_status; PRAGMA integrity_check"), "0\nok\n")


LADDERS = {"seconds": ["10m, 1h, 1d", "auto", "7m,14m", "1w"], "milliseconds": ["250ms, 1s, 1m, 1h", "auto", "60000, 3600000"],
           "microseconds": ["5ms, 1s, 1h", "auto"], "reals": ["1s, 1m, 1h, 1w", "auto"], "untyped": ["1000, 10000, 100000", "auto"], "text": ["1m, 1h, 1d, 1w", "auto"]}
KEYS = [(), ("sensor_id INTEGER",), ("site TEXT COLLATE NOCASE", '"odd key"', "k3 REAL")]


def test_any_world():
    """Z-1, Z-2, Z-3: random keys, spellings and ladders; random changes."""
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(10**6)))
    print("ALMANAC_SEED", seed)
    for number, (spelling, ladders) in enumerate(LADDERS.items()):
        chance = random.Random(seed + number)
        keys, widths = chance.choice(KEYS), chance.choice(ladders)
        names = [key.split()[0] if '"' not in key else key for key in keys]
        keys = tuple(key if '"' not in key else '"odd key" INTEGER' for key in keys)
        path = world(chance, spelling, keys, names)
        select = f"SELECT r.ts, {''.join('r.' + name + ', ' for name in names)}value FROM readings AS r"
        if chance.random() < 0.5:
            select += " WHERE id % 5 <> 2 OR r.value > 0"
        try:
            tool("apply", path, "-", stdin=zoom(f"zoom = {widths if widths == 'auto' else repr(widths)}", select))
            check(path, when="before the first refresh")
            for _ in range(3):
                tool("refresh", path, *chance.choice([(), ("readings_zoom",)]))
                check(path, when="refreshed")
                change(chance, path, spelling, names)
                check(path, when="changed")
            equal(tool("verify", path)[0], "")
        except AssertionError as error:
            raise AssertionError(f"ALMANAC_SEED={seed}: {spelling}, {names}, {widths}: {select}\n{error}") from error


def world(chance, spelling, keys, names):
    path = os.path.join(directory(), "world.db")
    db = connect(path, extension=False)
    db.execute(f"CREATE TABLE readings(id INTEGER PRIMARY KEY, ts {SPELLINGS[spelling][0]}, {''.join(key + ', ' for key in keys)}value)")
    insert(chance, db, spelling, names, 400)
    if chance.random() < 0.7:
        db.execute("CREATE INDEX readings_ts ON readings(ts)")
    db.close()
    return path


def insert(chance, db, spelling, names, n, start=START):
    write = SPELLINGS[spelling][1]
    step = chance.choice([3, 40, 900])
    value = lambda: chance.choice([chance.randrange(-3, 4), chance.randrange(-3, 4) + 0.5, round(chance.gauss(0, 9), 3), chance.choice([None, 7, "text", 2**53 + 1])])
    key = lambda: chance.choice([0, 1, 2, 2, None if chance.random() < 0.2 else 1])
    db.executemany(f"INSERT INTO readings(ts, {''.join(name + ', ' for name in names)}value) VALUES (?, {'?, ' * len(names)}?)",
                   [(write(start + chance.randrange(n * step)) if chance.random() < 0.98 else None, *[key() for _ in names], value()) for _ in range(n)])


def change(chance, path, spelling, names):
    db = connect(path, extension=False)
    insert(chance, db, spelling, names, 20, START + chance.choice([-5000, 0, 400 * 900, 10**7]))
    db.execute("UPDATE readings SET value = -value WHERE id % 37 = ? AND typeof(value) <> 'text'", (chance.randrange(37),))
    db.execute("DELETE FROM readings WHERE id % 41 = ?", (chance.randrange(41),))
    db.execute("UPDATE readings SET ts = (SELECT ts FROM readings WHERE ts IS NOT NULL ORDER BY id LIMIT 1) WHERE id % 43 = ?", (chance.randrange(43),))
    db.close()


def versions(path):
    return dict(connect(path, extension=False).execute("SELECT name, id || '.' || stored_version FROM almanac_summary"))


def test_again():
    """Z-4"""
    path = database()
    _, talk = tool("apply", path, "-", "--verbose", stdin=zoom("zoom = auto"))
    assert "chosen from the data" in talk, talk
    tool("refresh", path)
    before = versions(path)
    db = connect(path, extension=False)
    db.executemany("INSERT INTO readings(ts, sensor_id, value) VALUES (?, 1, 1)", [(START + i * 7,) for i in range(3000)])
    db.close()
    _, talk = tool("apply", path, "-", "--verbose", stdin=zoom("ZOOM = Auto").replace(" AS SELECT", "  AS -- raw\n SELECT"))
    equal((talk, versions(path)), ("", before), "applied again")
    tool("apply", path, "-", stdin=zoom("zoom = '1h, 1d'"))
    tool("refresh", path)
    before = versions(path)
    _, talk = tool("apply", path, "-", "--verbose", stdin=zoom("zoom = '1h, 1d, 1w'"))
    equal({name: was for name, was in versions(path).items() if name in before}, before, "with a level more")
    check(path, when="with a level more")
    tool("apply", path, "-", stdin=zoom("zoom = '10m, 1h, 1d'"))
    equal(check(path, when="with a finer one"), ["readings_zoom_10m", "readings_zoom_1h", "readings_zoom_1d"])
    tool("refresh", path)
    tool("apply", path, "-", stdin=zoom("zoom = '10m, 1h, 1d'", "SELECT ts, value FROM readings WHERE sensor_id = 1"))
    tool("refresh", path)
    check(path, when="with another SELECT")
    equal(shell(path, "SELECT keys FROM almanac_zoom"), "[]\n")
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW readings_zoom AS SELECT time_bucket('1h', ts) AS b, count(*) AS n FROM readings GROUP BY 1;")
    equal(shell(path, "SELECT group_concat(name) FROM almanac_summary"), "readings_zoom\n")
    tool("apply", path, "-", stdin=zoom("zoom = '10m, 1h, 1d'"))
    check(path, when="a zoom again")


def test_verbs():
    """Z-5"""
    path = database()
    out, _ = tool("apply", path, "-", "--json", stdin=zoom() + "REFRESH MATERIALIZED VIEW readings_zoom;")
    levels = [f"readings_zoom_{width}" for width in ("10m", "1h", "6h", "1d")]
    equal([json.loads(line)["name"] for line in out.splitlines()], levels)
    equal([json.loads(line)["name"] for line in tool("refresh", path, "readings_zoom", "--full", "--json", "--jobs", 2)[0].splitlines()], levels)
    equal([json.loads(line)["name"] for line in tool("plan", path, "READINGS_ZOOM", "--json")[0].splitlines()], levels)
    shell(path, "UPDATE readings_zoom_1h_stored SET n = 1000 WHERE bucket = (SELECT min(bucket) FROM readings_zoom_1h_stored)")
    assert "readings_zoom_1h" in tool("verify", path, "readings_zoom", code=1)[0]
    check(path, when="verified")
    shell(path, "INSERT INTO readings_zoom_1h_stored SELECT bucket + 1, sensor_id + 1, n, sum, min, min_at, max, max_at, first, first_at, last, last_at FROM readings_zoom_1h_stored LIMIT 1")
    assert "it is no partition" in tool("verify", path, "readings_zoom", code=1)[0]
    check(path, when="swept")
    for operands in (["readings_zoom_1h"], levels):
        assert "is a level of the zoom readings_zoom" in tool("drop", path, *operands, code=1)[1]
    assert "is a level of the zoom" in tool("apply", path, "-", stdin="DROP MATERIALIZED VIEW readings_zoom_1d;", code=1)[1]
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW weekly AS SELECT time_bucket('1w', bucket) AS w, sum(n) AS n FROM readings_zoom_1d GROUP BY 1;")
    assert "the summary weekly reads it" in tool("drop", path, "readings_zoom", code=1)[1]
    tool("apply", path, "-", stdin="DROP MATERIALIZED VIEW weekly; DROP MATERIALIZED VIEW readings_zoom; DROP MATERIALIZED VIEW IF EXISTS readings_zoom;")
    equal(shell(path, "SELECT name FROM sqlite_master WHERE name LIKE '%zoom%'"), "")
    for command in (["drop", path, "readings_zoom"], ["drop", path, "--all"]):
        tool("apply", path, "-", stdin=zoom())
        tool(*command)
        equal(shell(path, "SELECT name FROM sqlite_master ORDER BY 1"), "readings\nreadings_ts\n")


def test_schema():
    """Z-6: pause and resume, renames."""
    path = database()
    tool("apply", path, "-", stdin=zoom())
    tool("refresh", path)
    shell(path, "ALTER TABLE readings RENAME COLUMN sensor_id TO probe; ALTER TABLE readings RENAME COLUMN value TO reading;"
                "ALTER TABLE readings RENAME COLUMN ts TO taken_at; ALTER TABLE readings RENAME TO samples;")
    check(path, when="renamed")
    shell(path, f"INSERT INTO samples(taken_at, probe, reading) VALUES ({START + 7}, 1, 99)")
    check(path, when="renamed and changed")
    tool("refresh", path)
    check(path, when="renamed and refreshed")
    before = versions(path)
    tool("apply", path, "-", stdin=zoom(select="SELECT taken_at AS ts, probe AS sensor_id, reading AS value FROM samples"))
    check(path, when="renamed and applied again")
    tool("pause", path)
    shell(path, "CREATE TABLE rebuilt AS SELECT * FROM samples; DROP TABLE samples; ALTER TABLE rebuilt RENAME TO samples;"
                "UPDATE samples SET reading = 5 WHERE id = 9; CREATE INDEX samples_t ON samples(taken_at)")
    tool("resume", path)
    check(path, when="resumed")
    tool("refresh", path)
    check(path, when="resumed and refreshed")
    assert before.keys() == versions(path).keys()


def test_widths_over_an_empty_table():
    """Nobody can tell the unit of times that aren't there: the refresh that finds rows does, unless it is said."""
    path = directory() + "/t.db"
    shell(path, "CREATE TABLE readings(ts, sensor_id, value)")
    select = "AS SELECT ts, sensor_id, value FROM readings;"
    text = f"CREATE MATERIALIZED VIEW a WITH (zoom = '1m, 1h') {select} CREATE MATERIALIZED VIEW b WITH (zoom = '1m, 1h', unit = s) {select}"
    tool("apply", path, "-", stdin=text)
    tool("refresh", path)
    shell(path, "INSERT INTO readings WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c LIMIT 1000) SELECT 1714521600000 + i * 1000, 1, i FROM c")
    tool("refresh", path)
    widths = "SELECT zoom, width FROM almanac_zoom_level ORDER BY zoom, level"
    for _ in range(2):
        db = connect(path, extension=False)
        equal(db.execute(widths).fetchall(), [("a", 60000), ("a", 3600000), ("b", 60), ("b", 3600)])
        equal(db.execute("SELECT bucket, n FROM a_1m ORDER BY 1").fetchall()[:2], [(1714521600000, 60), (1714521660000, 60)])
        equal(db.execute("SELECT sum(n), count(*) FROM a_1m_stored").fetchall(), [(1000, 17)])
        db.close()
        tool("verify", path)
        tool("apply", path, "-", stdin=text)
        tool("refresh", path)


def test_prune():
    """Z-6: raw rows go, levels stay."""
    path = database(spread=400)
    now = int(time.time())
    shell(path, f"UPDATE readings SET ts = ts + {now - START - 1500 * 400}")
    tool("apply", path, "-", stdin=zoom("zoom = '10m, 1h, 1d', keep_raw = '3 days'"))
    tool("refresh", path)
    db = connect(path, extension=False)
    before = [db.execute(f"SELECT * FROM readings_zoom_{width} ORDER BY 1, 2").fetchall() for width in ("10m", "1h", "1d")]
    tool("prune", path)
    assert 0 < db.execute("SELECT count(*) FROM readings").fetchone()[0] < 1200
    for frozen in (False, True):
        equal([db.execute(f"SELECT * FROM readings_zoom_{width} ORDER BY 1, 2").fetchall() for width in ("10m", "1h", "1d")], before)
        tool("refresh", path, "--full")
    others = [zoom(f"zoom = '{ladder}', keep_raw = '3 days'") for ladder in ("5m, 1h, 1d", "1h, 1d", "30m, 1h, 1d")]
    for other in others + ["CREATE MATERIALIZED VIEW readings_zoom AS SELECT sensor_id, count(*) AS n FROM readings GROUP BY 1;"]:
        error = tool("apply", path, "-", stdin=other, code=1)[1].strip()
        assert "pruned" in error and error.endswith("DROP MATERIALIZED VIEW readings_zoom first") and error.count("-:1:1:") == 1, error
    tool("apply", path, "-", stdin=zoom("zoom = '10m, 1h, 1d', keep_raw = '4 days'"))
    equal([db.execute(f"SELECT * FROM readings_zoom_{width} ORDER BY 1, 2").fetchall() for width in ("10m", "1h", "1d")], before)


def ladder(path):
    db = connect(path, extension=False)
    return db.execute("SELECT name, width, width_text FROM almanac_zoom_level ORDER BY level").fetchall(), db.execute("SELECT unit FROM almanac_zoom").fetchone()[0]


# rows a second of a key, keys, seconds in all, units a second
DENSITIES = {"a second of ten": (1, 10, 900, 1), "360 Hz": (360, 1, 20, 1000), "a minute of a hundred": (1 / 60, 100, 6000, 1),
             "an hour of two": (1 / 3600, 2, 10**7, 1), "5 kHz in microseconds": (5000, 2, 1, 10**6)}


def test_auto():
    """Z-7"""
    for number, (what, (density, keys, seconds, units)) in enumerate(DENSITIES.items()):
        for indexed in ("CREATE INDEX by_time ON readings(ts)", "CREATE INDEX by_key ON readings(sensor_id, ts)")[number % 2:][:1 + number // 3]:
            path = os.path.join(directory(), "auto.db")
            db = connect(path, extension=False)
            db.execute("CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, sensor_id INTEGER, value REAL)")
            n = int(density * seconds)
            db.executemany("INSERT INTO readings(ts, sensor_id, value) VALUES (?, ?, ?)",
                           ((int((START + (i + k / keys) / density) * units), k, i % 17) for i in range(n) for k in range(keys)))
            db.execute(indexed)
            tool("apply", path, "-", stdin=zoom("zoom = auto"))
            levels, unit = ladder(path)
            equal(unit, {1: "s", 1000: "ms", 10**6: "us"}[units], what)
            rows = levels[0][1] / units * density
            assert 14 <= rows <= 64, (what, levels, rows)
            for (_, a, _), (_, b, text) in zip(levels, levels[1:]):
                assert b % a == 0 and (b // a <= 6 or text == "1w"), (what, levels)
            texts = [text for _, _, text in levels]
            for wanted, width in (("15m", 900), ("1h", 3600), ("1d", 86400), ("1w", 604800)):
                assert wanted in texts or width * units < levels[0][1], (what, texts)
            db.close()


def test_auto_of_little():
    """Z-7: an empty table, and one that is filled later."""
    path = database(rows=0)
    _, talk = tool("apply", path, "-", "--verbose", stdin=zoom("zoom = auto"))
    assert "too few rows" in talk, talk
    equal([text for _, _, text in ladder(path)[0]], ["1m", "5m", "15m", "1h", "6h", "1d", "1w"])
    check(path, when="empty")
    shell(path, f"INSERT INTO readings(ts, sensor_id, value) WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < 999) SELECT {START} + n * 97, n % 3, n % 31 FROM i")
    check(path, when="filled")
    out, _ = tool("refresh", path, "--json")
    texts = ["2h", "6h", "1d", "1w"]  # a key's row each 291 s
    equal([text for _, _, text in ladder(path)[0]], texts)
    equal([json.loads(line)["name"] for line in out.splitlines()], ["readings_zoom_" + text for text in texts])
    check(path, when="filled and refreshed")
    equal(shell(path, "SELECT min(state), min(proven) FROM almanac_summary"), "1|1\n")
    shell(path, f"INSERT INTO readings(ts, sensor_id, value) SELECT ts + 30, sensor_id, value FROM readings; INSERT INTO readings(ts, sensor_id, value) SELECT ts + 60, sensor_id, value FROM readings")
    for command in (["refresh", path], ["apply", path, "-"]):
        tool(*command, stdin=zoom("zoom = auto"))
        equal([text for _, _, text in ladder(path)[0]], texts, "as it was chosen")


def test_auto_of_little_that_is_read():
    """Z-7: where a summary reads a level that would go, the widths stay."""
    path = database(rows=0)
    tool("apply", path, "-", stdin=zoom("zoom = auto") + "CREATE MATERIALIZED VIEW other AS SELECT time_bucket('15m', bucket) AS b, sum(n) AS n FROM readings_zoom_1m GROUP BY 1;")
    before = ladder(path)
    shell(path, f"INSERT INTO readings(ts, sensor_id, value) WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < 999) SELECT {START} + n * 97, n % 3, n % 31 FROM i")
    for _ in range(2):
        tool("refresh", path)
        equal(ladder(path), before)
        check(path, when="filled and refreshed")


def test_storage():
    """Z-8"""
    path = os.path.join(directory(), "storage.db")
    db = connect(path, extension=False)
    db.execute("CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, sensor_id INTEGER, value REAL)")
    db.execute(f"""WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < 149999)
        INSERT INTO readings(ts, sensor_id, value) SELECT {START} + n / 10, n % 10, n * 7919 % 100003 / 97.0 FROM i""")
    db.execute("CREATE INDEX by_time ON readings(ts)")
    tool("apply", path, "-", stdin=zoom("zoom = auto") + "REFRESH MATERIALIZED VIEW readings_zoom;")
    size = lambda where: db.execute(f"SELECT sum(pgsize) FROM dbstat JOIN sqlite_master m USING (name) WHERE aggregate = 1 AND {where}").fetchone()[0]
    equal(ladder(path)[0][0][2], "20s")
    share = size("m.tbl_name LIKE 'readings_zoom%'") / size("m.name = 'readings'")
    assert 0.2 < share <= 0.4, share
    plan = db.execute("EXPLAIN QUERY PLAN SELECT * FROM readings_zoom_1h_stored WHERE sensor_id = 3 AND bucket BETWEEN 5 AND 9").fetchall()
    assert "USING PRIMARY KEY (sensor_id=? AND bucket>? AND bucket<?)" in plan[0][3], plan


def test_mistakes():
    """Z-9"""
    path = database(rows=300)
    shell(path, "CREATE VIEW v AS SELECT * FROM readings; CREATE TABLE taken(a); CREATE TABLE readings_taken_10m(a); CREATE TABLE notes(ts, note VARCHAR(9))")
    for statement, words in (
            (zoom("zoom = '1 month'"), "fixed widths"), (zoom("zoom = '10s, 15s'"), "don't nest"), (zoom("zoom = '1h, 3600s'"), "there twice"),
            (zoom("zoom = '1M'"), "ambiguous"), (zoom("zoom = '500ms'"), "whole number of the time's unit"), (zoom("zoom = ''"), "write auto"),
            (zoom("zoom = auto, unit = 'h'"), "s, ms, us or ns"), (zoom("zoom = auto, keep = '1 year'"), "a zoom has the options"),
            (zoom("zom = auto"), "there is no such option; there are partition, source, static, index, keep_raw and keep, and for a zoom zoom or zoom_cells"), (zoom("zoom = auto, partition = sensor_id"), "a zoom has the options"), (zoom("zoom_level = 'x'"), "for the tool itself"),
            (zoom(select="SELECT ts FROM readings"), "a time and a value at least"), (zoom(select="SELECT ts, value * 2 FROM readings"), "plain columns"),
            (zoom(select="SELECT ts, 1 AS v FROM readings"), "plain columns"), (zoom(select="SELECT ts, value FROM v"), "no table v"),
            (zoom(select="SELECT ts, value FROM readings GROUP BY 1"), "-:1:106"), (zoom(select="SELECT ts, value FROM readings ORDER BY 1"), "plain columns"),
            (zoom(select="SELECT ts, note FROM notes"), "declared as VARCHAR(9)"),
            (zoom(select="SELECT ts, value FROM readings, taken"), "plain columns"), (zoom(select="SELECT DISTINCT ts, value FROM readings"), "plain columns"),
            (zoom(select="SELECT ts, reading FROM readings"), "no such column"), (zoom(select="SELECT ts, sensor_id AS min, value FROM readings"), "give it another one with AS"),
            (zoom(select="SELECT ts, value FROM readings WHERE id IN (SELECT 1)"), "no SELECT in it"), (zoom(select="SELECT ts, value AS ts FROM readings"), "two columns are named ts"),
            (zoom(select="SELECT ts, value FROM readings WHERE ts > strftime('%s', 'now')"), "changes by itself"),
            (zoom().replace("readings_zoom", "taken"), "already, which is not a summary"), (zoom().replace("readings_zoom", "readings_taken"), "readings_taken_10m"),
            (zoom() + "CREATE MATERIALIZED VIEW readings_zoom_1h AS SELECT 1 AS a;", "is a level of the zoom")):
        _, talk = tool("apply", path, "-", stdin=statement, code=1)
        assert words in talk and "-:1:" in talk, (statement, words, talk)
        equal(shell(path, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'almanac%' OR name LIKE '%zoom%'"), "0\n")


def test_format():
    """Z-10"""
    path = database(rows=300)
    hourly = "CREATE MATERIALIZED VIEW hourly AS SELECT time_bucket('1h', ts) AS b, count(*) AS n FROM readings GROUP BY 1;"
    formats = []
    for statement in (hourly, zoom(), "DROP MATERIALIZED VIEW readings_zoom;"):
        tool("apply", path, "-", stdin=statement)
        formats.append(shell(path, "SELECT value FROM almanac_setting WHERE name = 'format'; SELECT count(*) FROM sqlite_master WHERE name LIKE 'almanac_zoom%' AND type = 'table'"))
    equal(formats, ["2\n0\n", "3\n2\n", "2\n0\n"])
    tool("apply", path, "-", stdin=zoom())
    shell(path, "UPDATE almanac_setting SET value = 4 WHERE name = 'format'")
    assert "newer almanac" in tool("refresh", path, code=1)[1]


def test_by_scan():
    """Z-11"""
    for spelling in SPELLINGS:
        for keys, select, way in (
                ((), "SELECT ts, value FROM readings", "scan: pages"),
                (("sensor_id INTEGER", "site"), "SELECT r.ts, site, sensor_id AS s, r.value FROM readings r WHERE r.id > 7 AND value BETWEEN -50 AND 1e9", "scan: pages"),
                (("sensor_id INTEGER",), "SELECT ts, sensor_id, value FROM readings WHERE id % 3 = 1", "sql: its WHERE is more"),
                (("site COLLATE NOCASE",), "SELECT ts, site, value FROM readings", "sql: the key site has the collation NOCASE")):
            path = database(rows=600, keys=keys, spelling=spelling)
            if keys:
                shell(path, f"UPDATE readings SET {keys[-1].split()[0]} = NULL WHERE id % 10 = 3; UPDATE readings SET value = 9e999 WHERE id % 50 = 9; UPDATE readings SET value = id WHERE id % 2")
            tool("apply", path, "-", stdin=zoom("zoom = '1h, 1d'", select))
            scanned, chained = map(json.loads, tool("refresh", path, "--json")[0].splitlines())
            assert scanned["way"].startswith(way) and chained["way"].startswith("sql"), (spelling, select, scanned, chained)
            check(path, when=f"{spelling}, {select}")
            equal(tool("verify", path)[0], "")
