"""The reader of definitions files, with sanitizers (see definitions.c): what it makes of statements, what it says
of mistakes and where, that no bytes and no lack of memory upset it."""
import json
import os
import random
import re
import subprocess

from almanac import ROOT, directory, equal

_built = []


def program():
    if not _built:
        path = os.path.join(directory(), "definitions")
        subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
                        "-fsanitize=address,undefined", "-fno-sanitize-recover", "-I.", "-o", path, "tests/unit/definitions.c",
                        "tool/engine/definitions.c", "tool/engine/token.c", "-lsqlite3"], cwd=ROOT, check=True)
        _built.append(path)
    return _built[0]


def run(texts, *arguments):
    """For each text its statements (dicts) or the error (str)."""
    texts = [t if isinstance(t, bytes) else t.encode() for t in texts]
    done = subprocess.run([program(), *arguments], input=b"\0".join(texts), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    results, current = [], []
    for line in done.stdout.decode("utf-8", "replace").split("\n")[:-1]:
        if line == "end":
            results.append(current)
            current = []
        elif line.startswith("error "):
            current = line[6:]
        else:
            current.append(json.loads(line))
    equal(len(results), len(texts))
    return results


def read(text):
    result = run([text])[0]
    assert isinstance(result, list), result
    return result


FILE = '''-- A file, with ünïcode; and a quote ' in a comment.
CREATE MATERIALIZED VIEW IF NOT EXISTS readings_hourly
WITH (partition = 'panel_id, it''s', Static = sensors, "index" = lower(a, b) || 'x', days = 90) AS
  SELECT time_bucket('1 hour', ts) AS bucket, 'a;b' AS "c;d" -- a comment; with a semicolon
  FROM readings GROUP BY 1 -- the end
;;
CREATE TEMP TRIGGER t AFTER INSERT ON readings BEGIN SELECT CASE 1 WHEN 2 THEN 3 END; SELECT 2; END;
/* ö */ refresh materialized view concurrently "a ""b""" with data; DROP MATERIALIZED VIEW IF EXISTS x, [y z] RESTRICT;
  INSERT INTO t VALUES (';')'''


def test_statements():
    create, trigger, refresh, drop_x, drop_y, insert = read(FILE)
    equal((create["type"], create["name"], create["if_exists"], create["line"], create["column"]), ("create", "readings_hourly", 1, 2, 1))
    equal(create["options"], [["partition", "panel_id, it's"], ["static", "sensors"], ["index", "lower(a, b) || 'x'"], ["days", "90"]])
    equal(create["select"], FILE[FILE.index("SELECT time") : FILE.index(" -- the end")])
    equal(create["text"], FILE[FILE.index("CREATE") : FILE.index(" -- the end")])
    equal((create["first"], create["last"]), ("some.sql:4:3", "some.sql:5:26"))
    equal((trigger["type"], trigger["text"][-4:], trigger["line"], trigger["select"]), ("sql", " END", 7, None))
    equal((refresh["type"], refresh["name"], refresh["line"], refresh["column"]), ("refresh", 'a "b"', 8, 9))
    equal((drop_x["type"], drop_x["name"], drop_x["if_exists"], drop_y["type"], drop_y["name"]), ("drop", "x", 1, "drop", "y z"))
    equal((insert["type"], insert["text"], insert["name"], insert["line"], insert["column"]), ("sql", "INSERT INTO t VALUES (';')", None, 9, 3))


def test_shapes():
    for text in ["", ";", " ;; -- nothing\n", "\ufeff", "/* */"]:
        equal(read(text), [], text)
    equal(read("\ufeffSELECT 1;")[0]["column"], 1)
    equal(read("SELECT 1;\r\n  SELECT 2")[1]["line"], 2)
    equal(read("SELECT '変数'; SELECT 2")[1]["column"], 14)
    for select in ["SELECT 1", "WITH a AS (SELECT 1) SELECT * FROM a", "VALUES (1)", "SELECT ' WITH DATA'", 'SELECT 1 AS "create materialized view"']:
        for tail in ["", ";", " WITH DATA;", " with\n data -- so\n;"]:
            equal(read(f"CREATE MATERIALIZED VIEW a AS {select}{tail}")[0]["select"], select)
    for name in ["plan", "key", "groups", "view", "materialized", "if", "`a.b`", '"order"', "größe", "_x", "stored", "x_stored_", "almanac"]:
        equal(read(f"CREATE MATERIALIZED VIEW {name} AS SELECT 1")[0]["name"], name.strip('`"'))
    equal(read("DROP MATERIALIZED VIEW x_stored")[0]["name"], "x_stored")
    for trigger in ["CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; END", "EXPLAIN CREATE TRIGGER t DELETE ON x BEGIN SELECT ';'; SELECT 2; END",
                    "CREATE TEMPORARY TRIGGER IF NOT EXISTS t INSTEAD OF UPDATE OF a ON x BEGIN SELECT CASE a WHEN 1 THEN 2 END; END"]:
        for tail in ["", ";", " ; SELECT 1"]:
            equal(read(trigger + tail)[0]["text"], trigger)


MISTAKES = [
    ("CREATE MATERIALIZED VIEW order AS SELECT 1", "1:26: expected the summary's name (a keyword needs double quotes), found order"),
    ("CREATE MATERIALIZED VIEW AS SELECT 1", "1:26: expected the summary's name"),
    ("CREATE MATERIALIZED VIEW\n  'a' AS SELECT 1", "2:3: expected the summary's name, in double quotes"),
    ("CREATE MATERIALIZED VIEW", "1:25: expected the summary's name, found the end of the file"),
    ("CREATE MATERIALIZED VIEW ; SELECT 1", "1:26: expected the summary's name, found the end of the statement"),
    ("CREATE MATERIALIZED TABLE a AS SELECT 1", "1:21: expected VIEW, found TABLE"),
    ("CREATE MATERIALIZED VIEW IF EXISTS a AS SELECT 1", "1:29: expected AS or WITH (, found EXISTS"),
    ("CREATE MATERIALIZED VIEW IF NOT a AS SELECT 1", "1:33: expected EXISTS, found a"),
    ("CREATE MATERIALIZED VIEW main.a AS SELECT 1", "1:26: main.a: write a alone"),
    ("CREATE MATERIALIZED VIEW a (b, c) AS SELECT 1", "1:28: a list of columns is not read here: write the names with AS in the SELECT"),
    ("CREATE MATERIALIZED VIEW Almanac_x AS SELECT 1", "1:26: Almanac_x: names that start with almanac_"),
    ("CREATE MATERIALIZED VIEW \"SQLITE_x\" AS SELECT 1", "1:26: \"SQLITE_x\": names that start with sqlite_"),
    ("CREATE MATERIALIZED VIEW x_Stored AS SELECT 1", "1:26: x_Stored: names that end in _stored"),
    ("CREATE MATERIALIZED VIEW \"\" AS SELECT 1", "1:26: \"\": a summary needs a name"),
    ("CREATE MATERIALIZED VIEW a SELECT 1", "1:28: expected AS or WITH (, found SELECT"),
    ("CREATE MATERIALIZED VIEW a WITH (b = 1) SELECT 1", "1:41: expected AS, found SELECT"),
    ("CREATE MATERIALIZED VIEW a AS SELCT 1", "1:31: expected SELECT, WITH or VALUES, found SELCT"),
    ("CREATE MATERIALIZED VIEW a AS", "1:30: expected SELECT, WITH or VALUES, found the end of the file"),
    ("CREATE MATERIALIZED VIEW a AS (SELECT 1)", "1:31: expected SELECT"),
    ("CREATE MATERIALIZED VIEW a AS SELECT 1 WITH NO DATA", "1:40: WITH NO DATA: leave it out"),
    ("CREATE MATERIALIZED VIEW a AS SELECT 1\nREFRESH MATERIALIZED VIEW a", "2:1: a semicolon is missing before this REFRESH MATERIALIZED VIEW"),
    ("CREATE MATERIALIZED VIEW a WITH b = 1 AS SELECT 1", "1:33: expected (, found b"),
    ("CREATE MATERIALIZED VIEW a WITH () AS SELECT 1", "1:34: expected the name of an option, found )"),
    ("CREATE MATERIALIZED VIEW a WITH (b 1) AS SELECT 1", "1:36: expected =, found 1"),
    ("CREATE MATERIALIZED VIEW a WITH (b = ) AS SELECT 1", "1:38: expected a value after =, found )"),
    ("CREATE MATERIALIZED VIEW a WITH (b = 1, B = 2) AS SELECT 1", "1:41: option b is given twice"),
    ("CREATE MATERIALIZED VIEW a WITH (b = (1 AS SELECT 1", "expected a ) after the options, found the end of the file"),
    ("CREATE OR REPLACE MATERIALIZED VIEW a AS SELECT 1", "1:8: OR REPLACE: leave it out: apply rebuilds a changed definition by itself"),
    ("CREATE TEMP MATERIALIZED VIEW a AS SELECT 1", "1:8: TEMP: leave it out"),
    ("ALTER MATERIALIZED VIEW a RENAME TO b", "1:1: ALTER MATERIALIZED VIEW is refused"),
    ("REFRESH a", "1:9: expected MATERIALIZED, found a"),
    ("REFRESH MATERIALIZED VIEW a WITH NO DATA", "1:29: WITH NO DATA would empty the summary"),
    ("REFRESH MATERIALIZED VIEW a b", "1:29: expected a semicolon, found b"),
    ("REFRESH MATERIALIZED VIEW main.a", "1:27: main.a: write a alone"),
    ("DROP MATERIALIZED VIEW a CASCADE", "1:26: CASCADE: name the summaries to drop"),
    ("DROP MATERIALIZED VIEW a,", "expected the summary's name, found the end of the file"),
    ("SELECT 1;\n .mode csv\nSELECT 2;", "2:2: dot commands are the sqlite3 shell's"),
    ("\\d a", "1:1: \\: psql's commands are not read here"),
    ("SELECT '変数', 'it\nis", "1:14: 'it: a quote that is never closed"),
    ("SELECT 1 /* x", "1:10: /* x: a comment that is never closed"),
    ("SELECT x'0'", "1:8: x'0': a blob needs an even number of hex digits"),
    ("SELECT 12ab", "1:8: 12ab: neither a number nor a name"),
    ("SELECT 1 ^ 2", "1:10: ^: not something that SQL knows"),
    ("SELECT :a", "1:8: :a: a parameter has no value here"),
    ("CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; SELECT 2", "1:1: this CREATE TRIGGER has no END; that closes its BEGIN"),
]


def test_mistakes():
    for (text, expected), got in zip(MISTAKES, run([text for text, _ in MISTAKES])):
        assert isinstance(got, str) and got.startswith("some.sql:") and expected in got, f"{text}\n  {got}\n  {expected}"
    for word in ["BEGIN", "begin immediate", "START TRANSACTION", "COMMIT", "END", "ROLLBACK", "SAVEPOINT a", "RELEASE a", "VACUUM",
                 "ATTACH 'a' AS b", "DETACH b"]:
        got = run([f"SELECT 1; {word}; SELECT 2"])[0]
        equal(got.split(" is refused: ")[0], f"some.sql:1:11: {word.split()[0].upper()}", got)
        assert "apply runs the file as one transaction" in got, got
    assert "PRAGMA is refused" in run(["PRAGMA user_version = 1"])[0]


def test_no_memory():
    n = 0
    while run([FILE], str(n))[0] != read(FILE):
        equal(run([FILE], str(n))[0], "(no memory for a message)", str(n))
        n += 1
    assert n > 20


WORDS = re.findall(rb"\w+|[^\w\s]|\s", (FILE + " ".join(text for text, _ in MISTAKES)).encode())


def mutated(rng):
    text = FILE.encode() if rng.random() < 0.3 else rng.choice(MISTAKES)[0].encode()
    for _ in range(rng.randrange(6)):
        at = rng.randrange(len(text) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            text = text[:at] + text[at + rng.randrange(10) :]
        elif kind == 1:
            text = text[:at] + rng.choice(WORDS) + text[at:]
        elif kind == 2:
            text = text[:at] + bytes([rng.randrange(1, 256)]) + text[at + 1 :]
        else:
            other = rng.randrange(len(text) + 1)
            text = text[:at] + text[other : other + rng.randrange(60)] + text[at:]
    return text.replace(b"\0", b"")


def test_mutated_files():
    """No bytes upset it; a statement's text stands in the file where its line and column say; a mistake has a place."""
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 32)))
    rng = random.Random(seed)
    texts = [mutated(rng) for _ in range(int(os.environ.get("ALMANAC_CASES", 4000)))]
    read_well = 0
    for text, got in zip(texts, run(texts)):
        what = f"seed {seed}: {text!r}\n  {got}"
        lines = text.decode("utf-8", "replace").removeprefix("\ufeff").split("\n")
        if isinstance(got, str):
            place = re.match(r"some.sql:(\d+):(\d+): .", got)
            assert place and int(place[1]) <= len(lines), what
            continue
        try:
            text.decode()
        except UnicodeDecodeError:
            continue
        read_well += len(got)
        for statement in got:
            rest = "\n".join([lines[statement["line"] - 1][statement["column"] - 1 :], *lines[statement["line"] :]])
            assert rest.startswith(statement["text"]), what
    assert read_well > 100, f"seed {seed}"
