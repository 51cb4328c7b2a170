"""almanac verify: finds what no trigger saw, says which partitions differ, makes names right at once, and gives no
false alarm. The oracle is each summary's query in plain SQL, a partition at a time."""
import ctypes
import ctypes.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../property"))

from actor import Actor
from almanac import TOOL, connect, directory, equal, shell, tool

DAY, HOUR = 86400, 3600
START = 1704067200  # 2024-01-01, winter in Berlin
DAYS = 12
SEED = int(os.environ.get("ALMANAC_SEED", time.time_ns() % 1_000_000))

# The definition, the partition's columns in plain SQL, and the result in plain SQL.
SUMMARIES = {
    "hourly": ("SELECT time_bucket('1 hour', ts) AS b, k, count(*) AS n, avg(v) AS a FROM r GROUP BY 1, 2",
               "ts / 3600 * 3600", "ts / 3600 * 3600, k, count(*), avg(v)", "1, 2"),
    "text_daily": ("SELECT time_bucket('1 day', t) AS b, min(v) AS lowest, count(v) AS n FROM r GROUP BY 1",
                   "substr(t, 1, 10) || ' 00:00:00'", "substr(t, 1, 10) || ' 00:00:00', min(v), count(v)", "1"),
    "real_6h": ("SELECT time_bucket('6 hours', x) AS b, sum(v) AS total FROM r GROUP BY 1",
                "CAST(CAST(x AS INTEGER) / 21600 * 21600 AS REAL)", "CAST(CAST(x AS INTEGER) / 21600 * 21600 AS REAL), sum(v)", "1"),
    "berlin": ("SELECT time_bucket('1 day', ts, 'Europe/Berlin') AS b, count(*) AS n, max(v) AS m FROM r GROUP BY 1",
               "(ts + 3600) / 86400 * 86400 - 3600", "(ts + 3600) / 86400 * 86400 - 3600, count(*), max(v)", "1"),
    "by_key": ("SELECT k, count(*) AS n, sum(v) AS total FROM r GROUP BY k", "k", "k, count(*), sum(v)", "1"),
    "by_keys": ("SELECT k, q, count(*) AS n FROM r GROUP BY k, q", "k, q", "k, q, count(*)", "1, 2"),
    "unshown": ("SELECT time_bucket('1 day', ts) / 86400 AS day, k, total(v) AS total FROM r GROUP BY 1, 2",
                "ts / 86400 * 86400", "ts / 86400 * 86400 / 86400, k, total(v)", "1, 2"),
    "ranked": ("SELECT k, avg(v) AS a, rank() OVER (ORDER BY avg(v)) AS place FROM r GROUP BY k",
               "NULL", "k, avg(v), rank() OVER (ORDER BY avg(v))", "k"),
    "grids": ("SELECT time_bucket('1 day', ts) AS b, density_grid(id, v, 1, 1, 0, 1e9, -1e9, 1e9) AS grid FROM r GROUP BY 1",
              "ts / 86400 * 86400", "ts / 86400 * 86400, '[[' || count(*) || ']]'", "1"),
}
OPTIONS = {"by_key": " WITH (partition = k)", "by_keys": " WITH (partition = 'k, q')"}
NOT_LIVE = {"grids"}


def database(journal="delete", names=SUMMARIES):
    path = os.path.join(directory(), "t.db")
    db = connect(path, extension=False)
    db.executescript(f"""
        PRAGMA journal_mode = {journal};
        CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER, t TEXT, x REAL, k, q INTEGER, v REAL);
        CREATE INDEX r_ts ON r(ts); CREATE INDEX r_t ON r(t); CREATE INDEX r_x ON r(x); CREATE INDEX r_k ON r(k, q);
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {DAYS * 24 * 6 - 1})
        INSERT INTO r SELECT i + 1, {START} + i * 600, datetime({START} + i * 600, 'unixepoch'), {START} + i * 600.0,
          CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN 'a' ELSE i % 5 END, CASE WHEN i % 3 THEN i % 3 END, i * 0.1 FROM n;""")
    db.close()
    definitions = "".join(f"CREATE MATERIALIZED VIEW {name}{OPTIONS.get(name, '')} AS {SUMMARIES[name][0]};\n" for name in names)
    tool("apply", path, "-", stdin=definitions)
    tool("refresh", path)
    return path


def sqlite_error(library, db):
    return ctypes.string_at(library.sqlite3_errmsg(db)).decode()


def untriggered(path, sql):
    """Runs statements on a connection of which triggers are switched off (SQLITE_DBCONFIG_ENABLE_TRIGGER)."""
    library = ctypes.CDLL(ctypes.util.find_library("sqlite3"))
    library.sqlite3_errmsg.restype = ctypes.c_void_p
    library.sqlite3_errmsg.argtypes = [ctypes.c_void_p]
    db = ctypes.c_void_p()
    assert library.sqlite3_open(path.encode(), ctypes.byref(db)) == 0
    assert library.sqlite3_db_config(db, 1003, 0, None) == 0
    done = library.sqlite3_exec(db, sql.encode(), None, None, None)
    error = sqlite_error(library, db)
    library.sqlite3_close(db)
    assert done == 0, (error, sql)


def rounded(row):
    return tuple(float(f"{value:.9g}") if isinstance(value, float) else value for value in row)


def partitions(path, name):
    """The result in plain SQL by the partition's JSON: {partition: rows}."""
    _, partition, columns, groups = SUMMARIES[name]
    several = "," in partition and not partition.startswith(("substr", "CAST"))
    db = connect(path, extension=False)
    found = {}
    for row in db.execute(f"SELECT {columns}, json_array({partition}) FROM r GROUP BY {groups}"):
        key = json.loads(row[-1])
        found.setdefault(json.dumps(key if several else key[0]), []).append(rounded(row[:-1]))
    db.close()
    return {key: sorted(rows, key=repr) for key, rows in found.items()}


def all_partitions(path, names=SUMMARIES):
    return {name: partitions(path, name) for name in names}


def differing(before, after):
    """{name: partitions of which the rows are not the same}"""
    return {name: {p for p in before[name].keys() | after[name].keys() if before[name].get(p) != after[name].get(p)}
            for name in before}


def compare_names(path, what, names=SUMMARIES):
    db = connect(path)
    db.execute("SELECT almanac_live()")
    for name in names:
        _, _, columns, groups = SUMMARIES[name]
        shown = sorted((rounded(row) for row in db.execute(f"SELECT * FROM {name}")), key=repr)
        equal(shown, sorted((rounded(row) for row in db.execute(f"SELECT {columns} FROM r GROUP BY {groups}")), key=repr), f"{name} {what}")
    db.close()


def verify(path, *arguments, code):
    out, err = tool("verify", path, "--json", *arguments, code=code)
    return [json.loads(line) for line in out.splitlines()], err


def found_by(path, *arguments, code):
    found, _ = verify(path, *arguments, code=code)
    result = {}
    for line in found:
        equal(line["view"], 0, line)
        equal(line["missing"] + line["extra"] + line["differing"] > 0, True, line)
        result.setdefault(line["name"], set()).add(json.dumps(line["partition"]))
    return result


def counts(err):
    """{name: (partitions, differing, dirty)} of what --verbose says"""
    return {m[1]: (int(m[2]), int(m[3]), int(m[4] or 0)) for m in re.finditer(
        r"almanac: (\w+): (\d+) partitions?, \d+ rows, (\d+) differs?(?:, (\d+) dirty left out)?", err)}


def test_all_is_well():
    for journal in ("delete", "wal"):
        path = database(journal)
        out, err = tool("verify", path)
        equal((out, err), ("", ""))
        before = {name: len(p) for name, p in all_partitions(path).items()}
        out, err = tool("verify", path, "--verbose")
        equal({name: n for name, (n, _, _) in counts(err).items()}, before)
        assert all(c[1:] == (0, 0) for c in counts(err).values()), err
        equal(verify(path, code=0)[0], [])


SILENT = [
    "UPDATE r SET v = v + 1 WHERE id = 100",
    "DELETE FROM r WHERE id BETWEEN 300 AND 305",
    f"INSERT INTO r(ts, t, x, k, q, v) SELECT ts + 1, t, x + 1, k, q, -5 FROM r WHERE id = 200",
    # A partition that was never there, and one that goes.
    f"INSERT INTO r(ts, t, x, k, q, v) VALUES ({START} - 40 * {DAY}, '2023-11-22 01:00:00', {START} - 40.0 * {DAY}, 'new', 7, 1.5)",
    f"DELETE FROM r WHERE ts BETWEEN {START} + {DAY} AND {START} + 2 * {DAY} - 1",
    f"UPDATE r SET ts = ts - 3 * {DAY}, t = datetime(ts - 3 * {DAY}, 'unixepoch'), x = x - 3 * {DAY} WHERE id = 900",
    "UPDATE r SET k = NULL WHERE id IN (10, 11, 12)",
    "UPDATE r SET q = NULL, k = 2 WHERE id = 14",
    "REPLACE INTO r SELECT id, ts, t, x, k, q, v * 2 FROM r WHERE id = 500",
    "DELETE FROM r WHERE k = 'a'",
]


def test_changes_without_triggers():
    """Each change is found in exactly the partitions that it is in, names are right at once, a refresh repairs."""
    path = database()
    for sql in SILENT:
        before = all_partitions(path)
        untriggered(path, sql)
        assert before != all_partitions(path), sql
        expected = {name: found for name, found in differing(before, all_partitions(path)).items() if found}
        if "ranked" in expected:
            expected["ranked"] = {"null"}
        equal(found_by(path, code=1), expected, sql)
        compare_names(path, f"once verified, after {sql}", SUMMARIES.keys())
        out, err = tool("verify", path, "--verbose")
        equal(out, "", f"{sql}: what is known is not said again")
        equal({name: n for name, (_, _, n) in counts(err).items() if n}, {name: len(found) for name, found in expected.items()}, sql)
        tool("refresh", path)
        equal(found_by(path, code=0), {}, sql)
        compare_names(path, f"refreshed, after {sql}")


def test_random_changes_without_triggers():
    r = random.Random(SEED)
    path = database("wal")
    try:
        for _ in range(4):
            before = all_partitions(path)
            ids = [r.randrange(1, DAYS * 24 * 6 - 500) for _ in range(r.randrange(1, 8))]
            for i in ids:
                untriggered(path, r.choice([
                    f"DELETE FROM r WHERE id = {i}", f"UPDATE r SET v = {r.random()} WHERE id = {i}", f"UPDATE r SET k = {r.randrange(6)} WHERE id = {i}",
                    f"INSERT INTO r(ts, t, x, k, q, v) SELECT ts, t, x, k, {r.randrange(4)}, {r.random()} FROM r WHERE id = {i}"]))
            # Writers with triggers beside them: partitions that are dirty are not looked at.
            shell(path, f"UPDATE r SET v = v + 1 WHERE id = {DAYS * 24 * 6 - 300}")
            changed = differing(before, all_partitions(path))
            found = found_by(path, code=1)
            for name, parts in found.items():
                assert parts <= changed[name] or name == "ranked", (name, parts - changed[name])
            compare_names(path, "once verified", SUMMARIES.keys() - NOT_LIVE)
            tool("refresh", path)
            equal(found_by(path, code=0), {})
            compare_names(path, "refreshed")
    except AssertionError:
        print(f"ALMANAC_SEED={SEED}")
        raise


CHAIN = """
CREATE MATERIALIZED VIEW daily AS SELECT time_bucket('1 day', b) AS d, k, sum(n) AS n, max(a) AS a FROM hourly GROUP BY 1, 2;
CREATE MATERIALIZED VIEW weekly AS SELECT time_bucket('7 days', d) AS w, sum(n) AS n FROM daily GROUP BY 1;
CREATE MATERIALIZED VIEW places AS SELECT d, k, rank() OVER (ORDER BY n, d, k) AS place FROM daily;
"""
CHAIN_QUERIES = {
    "daily": "SELECT d, k, sum(n), max(a) FROM (SELECT ts / 86400 * 86400 AS d, k, count(*) AS n, avg(v) AS a FROM r GROUP BY ts / 3600, k) GROUP BY 1, 2",
    "weekly": f"SELECT (ts - 345600) / 604800 * 604800 + 345600, count(*) FROM r GROUP BY 1",
    "places": "SELECT d, k, rank() OVER (ORDER BY n, d, k) FROM (SELECT ts / 86400 * 86400 AS d, k, count(*) AS n FROM r GROUP BY 1, 2)",
}


def compare_chain(path, what):
    db = connect(path, extension=False)
    compare_names(path, what, ["hourly"])
    for name, query in CHAIN_QUERIES.items():
        equal(*[sorted(map(rounded, db.execute(sql)), key=repr) for sql in (f"SELECT * FROM {name}", query)], f"{name} {what}")
    db.close()


def test_chains():
    """What reads a wrong partition is marked with it, also where only the one below was verified."""
    path = database(names=["hourly"])
    tool("apply", path, "-", stdin=CHAIN)
    tool("refresh", path)
    compare_chain(path, "at first")
    equal(verify(path, code=0)[0], [])
    hour = START + 52 * HOUR
    for names in ([], ["hourly"]):
        for change in ("DELETE FROM r", f"UPDATE r SET ts = ts - {5 * DAY}"):
            untriggered(path, f"{change} WHERE ts BETWEEN {hour} AND {hour + 1300}")
            assert hour in {f["partition"] for f in verify(path, *names, code=1)[0]}
            compare_chain(path, f"once {names} is verified")
            equal(verify(path, code=0)[0], [], f"after {names} was verified")
            tool("refresh", path)
            equal(verify(path, code=0)[0], [], f"after {names} was verified and all is refreshed")
            compare_chain(path, f"refreshed after {names}")
            hour += 9 * HOUR
    # Rows of the chain itself, and what it is made of.
    shell(path, f"UPDATE daily_stored SET n = n + 1 WHERE d = {START + DAY} AND k = 2")
    equal([(f["name"], f["partition"], f["differing"]) for f in verify(path, "daily", "hourly", code=1)[0]], [("daily", START + DAY, 1)])
    compare_chain(path, "once the chain is verified")


def test_triggers_dropped_and_put_back():
    """By the same names and texts: the views notice, read raw rows, and there is nothing to find."""
    path = database(names=["hourly", "by_key"])
    db = connect(path, extension=False)
    triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'r'").fetchall()
    assert triggers
    db.execute("BEGIN")
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    db.execute("UPDATE r SET v = 1000 WHERE id = 77")
    for _, sql in triggers:
        db.execute(sql)
    db.execute("COMMIT")
    compare_names(path, "at once", ["hourly", "by_key"])
    equal(found_by(path, code=0), {})
    tool("refresh", path)
    equal(found_by(path, code=0), {})
    compare_names(path, "refreshed", ["hourly", "by_key"])
    db.close()


def test_triggers_without_effect():
    """For a while, in their places in the schema, so that no condition of a view notices."""
    path = database(names=["hourly", "by_key"])
    db = connect(path, extension=False)
    triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'r'").fetchall()
    assert triggers
    db.execute("PRAGMA writable_schema = ON")
    for name, sql in triggers:
        db.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql.split(" WHEN ")[0] + " WHEN 0 BEGIN SELECT 1; END", name))
    other = connect(path, extension=False)
    other.execute("UPDATE r SET v = 1000 WHERE id = 77")
    other.close()
    for name, sql in triggers:
        db.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, name))
    shown = db.execute("SELECT max(a) FROM hourly").fetchone()
    assert shown[0] < 1000, "the change was seen, so that this shows nothing"
    equal(found_by(path, code=1), {"hourly": {str((START + 76 * 600) // HOUR * HOUR)}, "by_key": {json.dumps("a")}})
    compare_names(path, "once verified", ["hourly", "by_key"])
    db.close()


def test_stored_rows_changed_by_hand():
    """(what is done to the stored rows, the partition, missing, extra, differing)"""
    path = database()
    hour = START + 30 * HOUR
    for name, sql, partition, expected in [
        ("hourly", f"UPDATE hourly_stored SET a = a + 0.001 WHERE b = {hour} AND k = 2", hour, (0, 0, 1)),
        ("hourly", f"DELETE FROM hourly_stored WHERE b = {hour}", hour, (5, 0, 0)),
        ("hourly", f"INSERT INTO hourly_stored SELECT * FROM hourly_stored WHERE b = {hour} AND k = 2", hour, (0, 1, 0)),
        ("hourly", f"UPDATE hourly_stored SET k = 77 WHERE b = {hour} AND k = 2", hour, (0, 0, 1)),
        ("hourly", f"UPDATE hourly_stored SET n = CAST(n AS TEXT) WHERE b = {hour} AND k = 3", hour, (0, 0, 1)),
        ("hourly", f"UPDATE hourly_stored SET a = NULL WHERE b = {hour} AND k IS NULL", hour, (0, 0, 1)),
        ("text_daily", "UPDATE text_daily_stored SET n = n - 1 WHERE b LIKE '2024-01-03%'", "2024-01-03 00:00:00", (0, 0, 1)),
        ("text_daily", "UPDATE text_daily_stored SET lowest = CAST(CAST(lowest AS TEXT) AS BLOB) WHERE b LIKE '2024-01-03%'", "2024-01-03 00:00:00", (0, 0, 1)),
        ("real_6h", f"DELETE FROM real_6h_stored WHERE b = {START}", float(START), (1, 0, 0)),
        ("berlin", f"UPDATE berlin_stored SET m = 9e999 WHERE b = {START + DAY - HOUR}", START + DAY - HOUR, (0, 0, 1)),
        ("by_key", "UPDATE by_key_stored SET n = n + 1 WHERE k IS NULL", None, (0, 0, 1)),
        ("by_key", "UPDATE by_key_stored SET total = total * (1 + 1e-8) WHERE k = 'a'", "a", (0, 0, 1)),
        ("by_key", "INSERT INTO by_key_stored VALUES (x'00ff', 1, 2)", "X'00FF'", (0, 1, 0)),
        ("by_keys", "DELETE FROM by_keys_stored WHERE k IS NULL AND q IS NULL", [None, None], (1, 0, 0)),
        ("by_keys", "UPDATE by_keys_stored SET n = 0 WHERE k = 3 AND q = 2", [3, 2], (0, 0, 1)),
        ("unshown", f"UPDATE unshown_stored SET total = 0 WHERE day = {START // DAY + 2} AND k = 3", START + 2 * DAY, (0, 0, 1)),
        ("ranked", "UPDATE ranked_stored SET place = place + 1 WHERE k IN (2, 3)", None, (0, 0, 2)),
        ("ranked", "DELETE FROM ranked_stored WHERE k IN (2, 3)", None, (2, 0, 0)),
        ("grids", f"UPDATE grids_stored SET grid = '[[1]]' WHERE b = {START}", START, (0, 0, 1)),
    ]:
        shell(path, sql)
        found, _ = verify(path, code=1)
        kind = shell(path, f"SELECT kind FROM almanac_status WHERE name = '{name}'").strip()
        equal(found, [{"name": name, "kind": kind, "partition": partition, "missing": expected[0], "extra": expected[1],
                       "differing": expected[2], "view": 0}], sql)
        compare_names(path, f"once verified, after {sql}", [name])
        tool("refresh", path)
        equal(verify(path, code=0)[0], [], sql)
        counted = shell(path, f"SELECT stored_rows, stored_partitions FROM almanac_summary WHERE name = '{name}'")
        rows, = shell(path, f"SELECT count(*) FROM {name}").split()
        equal(counted, f"{rows}|{1 if name == 'ranked' else len(partitions(path, name))}\n", sql)


def test_what_is_equal():
    """Reals may differ by 1e-9 of the larger one, or by 1e-12 of the column's greatest: the order of summation. Which of
    1 and 1.0 a group shows is a matter of the order of its rows. Rows stand in any order."""
    path = database(names=["hourly", "by_key", "ranked"])
    shell(path, "UPDATE hourly_stored SET a = a * (1 + 5e-11), n = CAST(n AS REAL)",
          "UPDATE by_key_stored SET total = total * (1 - 5e-11)",
          "UPDATE hourly_stored SET a = a + 2e-10 WHERE a = 0",
          "CREATE TEMP TABLE kept AS SELECT * FROM ranked_stored; DELETE FROM ranked_stored; INSERT INTO ranked_stored SELECT * FROM kept ORDER BY a DESC")
    equal(verify(path, code=0)[0], [])
    shell(path, "UPDATE hourly_stored SET a = a * (1 + 5e-9) WHERE rowid = 20", "UPDATE hourly_stored SET a = a + 1e-5 WHERE rowid = 1",
          "UPDATE hourly_stored SET n = n + 1e-9 WHERE rowid = 700")
    equal([f["differing"] for f in verify(path, code=1)[0]], [1, 1, 1])


def test_stored_rows_of_no_partition():
    """A bucket that starts nowhere: no refresh would know what to do with it, so verify takes it away."""
    path = database(names=["hourly", "text_daily", "berlin"])
    for name, was, bucket in [("hourly", START + 5 * HOUR, START + 5 * HOUR + 1), ("text_daily", "2024-01-04 00:00:00", "2024-01-04 00:00:01"),
                              ("text_daily", "2024-01-05 00:00:00", "-nonsense"), ("berlin", START + 2 * DAY - HOUR, START + 2 * DAY),
                              ("hourly", START + 7 * HOUR, None)]:
        db = connect(path, extension=False)
        n = db.execute(f"UPDATE {name}_stored SET b = ? WHERE b = ?", (bucket, was)).rowcount
        assert n > 0
        found, _ = verify(path, code=1)
        equal(sorted(((f["partition"], f["missing"], f["extra"]) for f in found), key=repr), sorted([(was, n, 0), (bucket, 0, n)], key=repr), (name, bucket))
        compare_names(path, f"once verified, with a bucket {bucket}", [name])
        tool("refresh", path)
        equal(verify(path, code=0)[0], [])
        compare_names(path, f"refreshed, with a bucket {bucket}", [name])
        equal(db.execute("SELECT stored_rows FROM almanac_summary WHERE name = ?", (name,)).fetchone(),
              db.execute(f"SELECT count(*) FROM {name}_stored").fetchone())
        db.close()
    out, _ = tool("verify", path)
    shell(path, "UPDATE hourly_stored SET b = b + 1 WHERE rowid = 3")
    out, _ = tool("verify", path, code=1)
    assert "1 stored row too many (it is no partition)" in out and "1 stored row is missing" in out, out


def test_other_rows_in_the_name():
    """Stored rows that are right and a name that shows others: a bug of ours, which is made here by hand."""
    path = database(names=["hourly", "by_key", "ranked", "unshown"])
    for name, wrong in [("hourly", "b, k, n + (n = 2), a"), ("by_key", "k, n + (k IS NULL), total"), ("ranked", "k, a, place + 1"), ("unshown", "day, k, total + 1")]:
        db = connect(path, extension=False)
        sql, = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        columns = sql.split("(", 1)[1].split(")", 1)[0]
        db.executescript(f"DROP VIEW {name}; CREATE VIEW shown_{name}({columns}) AS {sql.split(' AS', 1)[1]}; "
                         f"CREATE VIEW {name}({columns}) AS SELECT {wrong} FROM shown_{name};")
        found, _ = verify(path, name, code=1)
        assert found and all(f["view"] > 0 and f["missing"] == f["extra"] == f["differing"] == 0 for f in found), (name, found)
        db.executescript(f"DROP VIEW {name}; DROP VIEW shown_{name}; {sql}")
        tool("refresh", path)
        db.close()
    equal(verify(path, code=0)[0], [])


def test_text_report():
    path = database(names=["hourly", "by_keys", "ranked"])
    shell(path, f"UPDATE hourly_stored SET n = 5 WHERE b = {START} AND k = 'a'", f"DELETE FROM hourly_stored WHERE b = {START + HOUR}",
          "DELETE FROM by_keys_stored WHERE k IS NULL AND q = 1", "UPDATE ranked_stored SET a = 0")
    out, err = tool("verify", path, code=1)
    equal(err, "")
    equal(sorted(out.splitlines()), sorted([
        f"hourly  {START}  1 stored row differs", f"hourly  {START + HOUR}  5 stored rows are missing",
        "by_keys  NULL, 1  1 stored row is missing", "ranked  5 stored rows differ"]))


def test_sample():
    path = database(names=["hourly", "by_key", "ranked"])
    total = {name: len(p) for name, p in all_partitions(path, ["hourly", "by_key", "ranked"]).items()}
    for share in (0.5, 0.05, 0.001):
        _, err = tool("verify", path, "--sample", f"{share * 100:g}%", "--verbose")
        equal({name: n for name, (n, _, _) in counts(err).items()},
              {name: max(1, int(n * share + 0.5)) for name, n in total.items()}, share)
    # All of them are wrong: a sample tells which ones it looked at. The same seed gives the same sample.
    samples = []
    for seed in (11, 11, 12):
        shell(path, "UPDATE hourly_stored SET n = n + 1")
        samples.append(found_by(path, "hourly", "--sample", "10%", "--seed", seed, code=1)["hourly"])
        tool("refresh", path, "--full")
    equal(samples[0], samples[1])
    assert samples[0] != samples[2] and len(samples[0]) == len(samples[2]) == round(total["hourly"] / 10), samples
    _, err = tool("verify", path, "--sample", "50%", "--verbose")
    assert re.search(r"--seed [1-9]\d*\n", err), err
    for bad in ("0%", "101%", "5", "x%"):
        tool("verify", path, "--sample", bad, code=2)


def test_since():
    names = ["hourly", "text_daily", "real_6h", "berlin", "by_key"]
    path = database(names=names)
    since = START + 4 * DAY + 5 * HOUR + 60
    for spelled in ("2024-01-05 05:01:00", "2024-01-05T05:01:00Z", str(since)):
        _, err = tool("verify", path, "--since", spelled, "--verbose")
        seen = {name: n for name, (n, _, _) in counts(err).items()}
        hours = DAYS * 24 - 4 * 24 - 5
        equal(seen, {"hourly": hours, "text_daily": DAYS - 4, "real_6h": 4 * DAYS - 16, "berlin": DAYS - 4 + 1, "by_key": 5}, spelled)
        assert "by_key: --since is for time summaries" in err, err
    # The partition that the time is in counts, also where its raw rows are gone, or all before that time.
    bucket = since // HOUR * HOUR
    shell(path, f"UPDATE hourly_stored SET n = n + 1 WHERE b IN ({bucket}, {bucket - HOUR})")
    equal(found_by(path, "hourly", "--since", since, code=1), {"hourly": {str(bucket)}})
    tool("refresh", path, "--full")
    untriggered(path, f"DELETE FROM r WHERE ts BETWEEN {bucket - HOUR} AND {bucket + HOUR - 1}")
    equal(found_by(path, "hourly", "--since", since, code=1), {"hourly": {str(bucket)}})
    equal(found_by(path, "berlin", "--since", "2024-01-04 23:00:00", code=1), {"berlin": {str(START + 4 * DAY - HOUR)}})
    tool("refresh", path, "--full")
    for far, n in (("2000-01-01", 0), ("2100-01-01", 1)):
        _, err = tool("verify", path, "--since", far, "--verbose", *names[:4])
        equal({name for name, (seen, _, _) in counts(err).items() if seen == 0}, set(names[:4]) if n else set(), far)
    tool("verify", path, "--since", "yesterday", code=2)
    _, err = tool("verify", path, "hourly", "--since", "2024-13-01", code=3)
    assert "2024-13-01" in err, err


def test_exit_codes():
    path = database(names=["hourly", "by_key", "ranked"])
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW parsed AS SELECT time_bucket('1 day', ts) AS b, json_extract(max(k), '$') AS j FROM r WHERE q = 99 GROUP BY 1;")
    tool("refresh", path)
    tool("verify", path)
    # It fails for this summary alone, and only when it is computed.
    untriggered(path, f"INSERT INTO r(ts, t, x, k, q) VALUES ({START}, '2024-01-01 00:00:00', {START}.0, '[', 99)")
    tool("refresh", path, code=0)
    out, err = tool("verify", path, "parsed", code=3)
    assert out == "" and err.startswith("almanac: warning: parsed: "), err
    found, err = verify(path, code=1)
    equal({f["name"] for f in found}, {"hourly", "by_key", "ranked"})
    assert "parsed" in err, err
    tool("refresh", path, code=0)
    equal(tool("verify", path, code=3)[0], "")
    equal(tool("verify", path, "hourly", "ranked"), ("", ""))
    _, err = tool("verify", path, "nobody", code=1)
    assert "there is no summary nobody" in err, err
    tool("pause", path)
    assert "is paused" in tool("verify", path, code=1)[1]
    tool("verify", path + "x", code=10)


def test_not_filled_and_changed():
    """What is known not to be right is left out and counted: before the first refresh, and where reads run the query."""
    path = database(names=["hourly", "by_key", "ranked"])
    shell(path, "UPDATE r SET v = v + 1 WHERE id IN (5, 6, 700)")
    _, err = tool("verify", path, "--verbose")
    equal({name: dirty for name, (_, _, dirty) in counts(err).items()}, {"hourly": 2, "by_key": 2, "ranked": 1})
    shell(path, "DROP TRIGGER almanac_1_del")
    _, err = tool("verify", path, "--verbose", "hourly")
    equal(counts(err), {"hourly": (0, 0, DAYS * 24)})
    tool("refresh", path)
    _, err = tool("verify", path, "--verbose")
    assert all(c[1:] == (0, 0) for c in counts(err).values()), err
    empty = os.path.join(directory(), "e.db")
    shell(empty, "CREATE TABLE r(ts, v)")
    tool("apply", empty, "-", stdin="CREATE MATERIALIZED VIEW h AS SELECT time_bucket('1 hour', ts) AS b, count(*) AS n FROM r GROUP BY 1;")
    equal(tool("verify", empty), ("", ""))
    shell(empty, "INSERT INTO r VALUES (1, 1), (4000, 2)")
    equal(tool("verify", empty), ("", ""))
    tool("refresh", empty)
    _, err = tool("verify", empty, "--verbose")
    equal(counts(err), {"h": (2, 0, 0)})


def test_a_time_in_another_spelling():
    """It came while nobody looked, and stands above the end of its own hour: the walk along the index must go past it."""
    path = os.path.join(directory(), "s.db")
    shell(path, "CREATE TABLE r(ts TEXT, v)", "CREATE INDEX by_time ON r(ts)", "INSERT INTO r VALUES ('2024-01-01 00:30:00', 1), ('2024-01-02 00:30:00', 2)")
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW h AS SELECT time_bucket('1 hour', ts) AS b, count(*) AS n FROM r GROUP BY 1;")
    tool("refresh", path)
    tool("pause", path)
    shell(path, "INSERT INTO r VALUES ('2024-01-01T10:00:00+02:00', 3), ('2024-01-03 00:30:00', 4)")
    tool("resume", path)
    started = time.time()
    equal(tool("verify", path, "--max-time", "10s"), ("", ""))
    assert time.time() - started < 9, "it walked on the spot"
    tool("refresh", path, code=1)
    equal(tool("verify", path), ("", ""))


def test_what_is_kept_and_frozen():
    """What is not stored any more, and what is stored for good, is left out and counted; what is left of it is verified."""
    path = os.path.join(directory(), "t.db")
    shell(path, "CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER, k INTEGER)", "CREATE INDEX r_ts ON r(ts)", "CREATE INDEX r_k ON r(k)",
          "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 719) INSERT INTO r SELECT i, strftime('%s', 'now') / 86400 * 86400 - i * 3600 + 1800, i / 100 FROM n")
    tool("apply", path, "-", stdin="""
        CREATE MATERIALIZED VIEW h WITH (keep = '10 days') AS SELECT time_bucket('1 hour', ts) AS b, count(*) AS n FROM r GROUP BY 1;
        CREATE MATERIALIZED VIEW k WITH (partition = k, keep = '3 newest') AS SELECT k, count(*) AS n FROM r GROUP BY k;""")
    tool("refresh", path)
    out, err = tool("verify", path, "--verbose")
    equal(out, "")
    kept = {name: int(n) for name, n in re.findall(r"almanac: (\w+): \d+ partitions, \d+ rows, 0 differ, (\d+) not kept", err)}
    stored = {name: int(shell(path, f"SELECT count(*) FROM {name}_stored")) for name in ("h", "k")}
    equal(kept, {"h": 720 - stored["h"], "k": 8 - stored["k"]}, err)
    equal(stored["k"], 3)
    for name in ("h", "k"):
        shell(path, f"UPDATE {name}_stored SET n = n + 1 WHERE rowid = (SELECT min(rowid) FROM {name}_stored)")
    equal([f["differing"] for f in verify(path, code=1)[0]], [1, 1])
    tool("refresh", path)
    equal(verify(path, code=0)[0], [])

    path = os.path.join(directory(), "f.db")
    shell(path, "CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER)", "CREATE INDEX r_ts ON r(ts)",
          "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 719) INSERT INTO r SELECT i, strftime('%s', 'now') / 86400 * 86400 - i * 3600 + 1800 FROM n")
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW h WITH (keep_raw = '10 days') AS SELECT time_bucket('1 hour', ts) AS b, count(*) AS n FROM r GROUP BY 1;")
    tool("refresh", path)
    tool("prune", path)
    raw = int(shell(path, "SELECT count(*) FROM r"))
    assert 200 < raw < 300, raw
    shell(path, f"UPDATE h_stored SET n = n + 1 WHERE b = (SELECT min(b) FROM h_stored)", "UPDATE h_stored SET n = n + 1 WHERE b = (SELECT min(ts) - 1800 FROM r)")
    out, err = tool("verify", path, "--verbose", code=1)
    equal(out.count("\n"), 1, out)
    assert f"almanac: h: {raw} partitions, {raw} rows, 1 differs, {720 - raw} frozen left out" in err, err
    tool("refresh", path)
    equal(shell(path, "SELECT sum(n) FROM h"), "721\n")


def test_nothing_is_written():
    """Where all is well the file keeps its bytes, in both journal modes."""
    for journal in ("delete", "wal"):
        path = database(journal)
        tool("status", path)
        before = {name: open(os.path.join(os.path.dirname(path), name), "rb").read() for name in os.listdir(os.path.dirname(path)) if not name.endswith("-shm")}
        tool("verify", path)
        after = {name: open(os.path.join(os.path.dirname(path), name), "rb").read() for name in os.listdir(os.path.dirname(path)) if not name.endswith("-shm")}
        assert before == after, (journal, before.keys(), after.keys())


def test_read_transactions_are_short():
    """Where a reader keeps writers from their commit, --lock-ms bounds it."""
    reads = {}
    for journal in ("delete", "wal"):
        path = database(journal, ["hourly"])
        run, reads[journal] = Actor(path, ["verify", "--lock-ms", "1"]), 0
        while run.alive:
            reads[journal] += run.holds == 1
            run.move()
        equal(run.code, 0)
    assert reads["delete"] > 2 * reads["wal"], reads


def test_others_at_every_boundary():
    """A writer, a refresh, a DROP at any boundary between its transactions: no false alarm, and no failure."""
    meanwhile = {
        "a writer": lambda path: shell(path, "UPDATE r SET v = v + 1, ts = ts - 7200 WHERE id % 200 = 7", "DELETE FROM r WHERE id % 150 = 3"),
        "a refresh": lambda path: (shell(path, "UPDATE r SET v = v + 1 WHERE id % 100 = 9"), tool("refresh", path)),
        "a refresh of all": lambda path: tool("refresh", path, "--full"),
        "a drop": lambda path: tool("drop", path, "hourly", "ranked"),
    }
    made = database("delete", ["hourly", "by_key", "ranked", "unshown"])
    alone, moves = Actor(made, ["verify"]), 0
    while alone.alive:
        alone.move()
        moves += 1
    for who, does in meanwhile.items():
        for share in random.Random(SEED).sample([0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], 3):
            path = os.path.join(directory(), "t.db")
            shutil.copy(made, path)
            run, passed = Actor(path, ["verify"]), 0
            while run.alive and (passed < moves * share or run.holds):
                run.move()
                passed += 1
            does(path)
            while run.alive:
                run.move()
            equal((run.code, run.error), (0, ""), f"{who} at stop {passed} of {moves}, ALMANAC_SEED={SEED}")


def test_beside_writers_and_refreshes():
    """No false alarm, however much goes on meanwhile."""
    for journal in ("wal", "delete"):
        path = database(journal, ["hourly", "by_key", "by_keys", "ranked", "unshown", "text_daily"])
        until, errors = time.monotonic() + 2, []

        def write(seed):
            r = random.Random(seed)
            db = connect(path, extension=False)
            db.execute("PRAGMA busy_timeout = 10000")
            while time.monotonic() < until:
                i = r.randrange(1, DAYS * 24 * 6)
                db.execute(r.choice([f"UPDATE r SET v = {r.random()} WHERE id = {i}", f"DELETE FROM r WHERE id = {i}",
                                     f"UPDATE r SET ts = ts - {DAY} WHERE id = {i}", f"REPLACE INTO r SELECT id + 1, ts, t, x, k, q, v FROM r WHERE id = {i}",
                                     f"INSERT INTO r(ts, t, x, k, q, v) SELECT ts + 5, t, x, k, q, 1 FROM r WHERE id = {i}"]))
                time.sleep(0.001)
            db.close()

        def refresh():
            while time.monotonic() < until:
                try:
                    tool("refresh", path, "--busy-timeout", "10s")
                except AssertionError as error:
                    errors.append(error)

        threads = [threading.Thread(target=write, args=(SEED,)), threading.Thread(target=refresh)]
        for thread in threads:
            thread.start()
        runs = 0
        while time.monotonic() < until:
            equal(tool("verify", path, "--busy-timeout", "10s"), ("", ""), journal)
            runs += 1
        for thread in threads:
            thread.join()
        assert runs > 1 and not errors, (runs, errors)
        tool("refresh", path)
        equal(tool("verify", path), ("", ""))
        compare_names(path, "at the end", ["hourly", "by_key", "by_keys", "ranked", "unshown", "text_daily"])


def test_costs_about_as_much_as_a_refresh_of_all():
    """Each partition is found by one step along the index, and read once."""
    path = os.path.join(directory(), "t.db")
    shell(path, "CREATE TABLE r(id INTEGER PRIMARY KEY, ts INTEGER, v REAL)", "CREATE INDEX r_ts ON r(ts)",
          "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199999) INSERT INTO r SELECT i, 1700000000 + i * 60, i FROM n")
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW h AS SELECT time_bucket('1 hour', ts) AS b, avg(v) AS a FROM r GROUP BY 1;")
    seconds = []
    for command in (["refresh", path, "--full"], ["verify", path]):
        started = time.monotonic()
        tool(*command)
        seconds.append(time.monotonic() - started)
    assert seconds[1] < 8 * seconds[0], seconds


def test_max_time_and_signals():
    path = database(names=["hourly"])
    out, err = tool("verify", path, "--max-time", "1ms", "--verbose")
    equal(out, "")
    process = subprocess.Popen([TOOL, "verify", path, "--lock-ms", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.terminate()
    out, err = process.communicate(timeout=10)
    assert process.returncode in (130, -15, 0) and out == b"", (process.returncode, out, err)
