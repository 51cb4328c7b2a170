"""Files that an older almanac has made (data/format1.sql: summaries of every kind, some of their partitions changed since
the last refresh): any command brings them up to date, and every name stays equal to its query."""
import os
import subprocess

from almanac import ROOT, TOOL, connect, directory, equal, shell, tool

with open(os.path.join(ROOT, "tests", "data", "format1.sql")) as file:
    FORMAT1 = file.read()

QUERIES = {
    "hourly": "SELECT ts / 3600 * 3600, sensor, count(*), sum(value) FROM readings GROUP BY 1, 2",
    "daily": "SELECT ts / 86400 * 86400, count(*), max(value) FROM readings GROUP BY 1",
    "by_site": "SELECT ts / 86400 * 86400, site, count(*) FROM readings JOIN sensors ON name = sensor GROUP BY 1, 2",
    "monthly": "SELECT datetime(at, 'start of month'), count(*) FROM events GROUP BY 1",
    # In winter Berlin is an hour ahead.
    "local_months": "SELECT datetime(at, '+1 hour', 'start of month', '-1 hour'), count(*) FROM events GROUP BY 1",
    "panels": "SELECT panel, code, count(*) FROM events GROUP BY 1, 2",
    "ranks": "SELECT sensor, sum(value), RANK() OVER (ORDER BY sum(value) DESC) FROM readings GROUP BY sensor",
    "waiting": "SELECT date(at), count(*) FROM later GROUP BY 1",
}

CHANGES = """
INSERT INTO readings VALUES(500, 1700050000, 's2', 3), (501, 1700900000, 's0', 4);
UPDATE readings SET ts = ts + 90000, sensor = 's0' WHERE id = 11;
DELETE FROM readings WHERE id IN (1, 40);
REPLACE INTO events VALUES(7, '2024-02-01 00:00:00', 3, 'c4');
UPDATE events SET at = '2024-03-02 10:00:00' WHERE id = 12;
DELETE FROM events WHERE panel = 1 AND code = 'c1';
UPDATE sensors SET site = 'north' WHERE name = 's2';
"""


def old_file():
    path = os.path.join(directory(), "old.db")
    shell(path, FORMAT1)
    return path


def schema(path):
    db = connect(path, extension=False)
    rows = dict(db.execute("SELECT type || ' ' || name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))
    # ADD COLUMN writes the same columns in another way.
    for table in ("almanac_summary", "almanac_track"):
        rows["table " + table] = db.execute(f"SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('{table}')").fetchall()
    db.close()
    return rows


def check(path, names=QUERIES):
    for name in names:
        equal(sorted(shell(path, f"SELECT * FROM {name}").splitlines()), sorted(shell(path, QUERIES[name]).splitlines()), name)


def check_stored_rows(path):
    """(sql/catalog.sql) stored_rows is the number of rows that are stored."""
    for name, kind, stored in [line.split("|") for line in shell(path, "SELECT name, kind, stored_rows FROM almanac_summary").splitlines()]:
        where = f" WHERE almanac_generation = (SELECT generation FROM almanac_summary WHERE name = '{name}')" if kind == "whole" else ""
        equal(shell(path, f"SELECT count(*) FROM {name}_stored{where}"), stored + "\n", name)


def check_upgraded(path):
    equal(shell(path, "SELECT value FROM almanac_setting WHERE name = 'format'; PRAGMA integrity_check"), "2\nok\n")
    check_stored_rows(path)


def test_the_fixture():
    """It is of format 1, and has dirty partitions in summaries of all kinds."""
    path = old_file()
    check(path)
    equal(shell(path, "SELECT value FROM almanac_setting WHERE name = 'format'"), "1\n")
    dirty = dict(line.split("|") for line in shell(path, "SELECT name, dirty FROM almanac_status").splitlines())
    equal([name for name, count in dirty.items() if not int(count or 0)], ["waiting"])
    assert all(shell(path, f"SELECT count(*) FROM {name}_stored") != "0\n" for name in QUERIES if name != "waiting")


def test_every_command_upgrades():
    again = "CREATE MATERIALIZED VIEW daily AS SELECT time_bucket('1 day', ts) AS day, count(*) AS n, max(value) AS top FROM readings GROUP BY 1;"
    for command, stdin in [(["status", "{}"], None), (["refresh", "{}"], None), (["plan", "{}", "hourly"], None),
                           (["apply", "{}", "-"], again), (["drop", "{}", "shapes"], None)]:
        path = old_file()
        tool(*[word.format(path) for word in command], stdin=stdin)
        check(path)
        check_upgraded(path)
        shell(path, CHANGES)
        check(path)
        tool("refresh", path)
        check(path)
        check_upgraded(path)
        equal(shell(path, "SELECT sum(dirty) FROM almanac_status"), "0\n", str(command))


def test_as_if_made_by_this_version():
    """An upgraded file and one of the same history that this version made have the same schema."""
    path, new = old_file(), os.path.join(directory(), "new.db")
    tool("status", path)
    db = connect(path, extension=False)
    definitions = [text for (text,) in db.execute("SELECT definition FROM almanac_summary ORDER BY id")]
    tables = [line for line in FORMAT1.splitlines() if any(line.startswith(f"{verb} {table}") for table in ("readings", "sensors", "events", "later")
                                                           for verb in ("CREATE TABLE", "INSERT INTO"))]
    db.close()
    shell(new, "\n".join(tables) + "CREATE INDEX readings_by_time ON readings(ts); CREATE INDEX events_by_time ON events(at);")
    tool("apply", new, "-", stdin=";\n".join(definitions) + ";")
    got, expected = schema(path), schema(new)
    equal({k: v for k, v in got.items() if expected.get(k) != v}, {k: v for k, v in expected.items() if got.get(k) != v})


def test_functions_of_the_extension():
    """A name that shows the rows of the last refresh goes on showing them."""
    path = old_file()
    before = shell(path, "SELECT * FROM shapes")
    tool("status", path)
    equal(shell(path, "SELECT * FROM shapes"), before)
    db = connect(path)
    now = db.execute("SELECT sensor, lttb(ts, value, 4) FROM readings GROUP BY 1").fetchall()
    equal(db.execute("SELECT almanac_live()").fetchone(), (1,))
    equal(sorted(db.execute("SELECT * FROM shapes")), now)
    db.close()
    tool("refresh", path)
    equal(sorted(connect(path).execute("SELECT * FROM shapes")), now)


def test_dry_run():
    """It upgrades nothing, and tells what would be done."""
    path = old_file()
    with open(path, "rb") as file:
        before = file.read()
    for command in [["refresh", path], ["drop", path, "daily"], ["drop", path, "--all"], ["pause", path], ["apply", path, "-"]]:
        out, _ = tool(*command, "--dry-run", stdin="CREATE MATERIALIZED VIEW x AS SELECT count(*) AS n FROM events;")
        assert "ADD COLUMN" in out, out
    with open(path, "rb") as file:
        assert file.read() == before


def test_paused():
    """Paused by the older version (triggers and views are gone), and resumed by this one; upgraded at once or at an
    earlier command."""
    for command in ([], ["status"]):
        path = old_file()
        for line in shell(path, "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view') ORDER BY type").splitlines():
            kind, name = line.split("|")
            shell(path, f"DROP {kind} {name}")
        shell(path, "CREATE VIEW almanac_status(name, kind, exact, refreshed_at, stored_to, dirty, stored_version, last_error) AS SELECT s.name, s.kind, "
                    "s.exact, NULL, NULL, NULL, s.stored_version, s.last_error FROM almanac_summary s; UPDATE almanac_setting SET value = 1 WHERE name = 'paused'")
        for verb in command:
            assert "paused" in tool(verb, path)[0]
            check_upgraded(path)
            equal(shell(path, "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"), "0\n")
        assert "paused" in tool("refresh", path, code=1)[1]
        shell(path, CHANGES)
        tool("resume", path)
        check(path)
        check_upgraded(path)
        tool("refresh", path)
        check(path)
        check_upgraded(path)


def test_a_definition_that_no_longer_fits():
    """Its view stays as it is, and right; the others are upgraded."""
    path = old_file()
    shell(path, "ALTER TABLE readings RENAME COLUMN value TO reading")
    others = [name for name in QUERIES if "value" not in QUERIES[name]]
    tool("status", path)
    check_upgraded(path)
    shell(path, CHANGES)
    check(path, others)
    for name in ("hourly", "daily", "ranks"):
        query = QUERIES[name].replace("(value)", "(reading)")
        equal(sorted(shell(path, f"SELECT * FROM {name}").splitlines()), sorted(shell(path, query).splitlines()), name)
    assert "value" in tool("refresh", path, code=3)[1]
    check(path, others)


def test_read_only():
    """What can't be written can't be upgraded: says who can do it, and leaves the file alone."""
    path = old_file()
    os.chmod(path, 0o444)
    os.chmod(os.path.dirname(path), 0o755)
    other = {"user": 65534} if os.geteuid() == 0 else {}  # root may write anything
    done = subprocess.run([TOOL, "status", path], capture_output=True, text=True, **other)
    equal((done.returncode, done.stdout), (1, ""))
    assert "older almanac" in done.stderr and "read-only" in done.stderr and "almanac status" in done.stderr, done.stderr
    check(path)


def test_locked():
    path = old_file()
    db = connect(path, extension=False)
    db.execute("BEGIN IMMEDIATE")
    assert "locked" in tool("status", path, "--busy-timeout", "50ms", code=11)[1]
    db.execute("ROLLBACK")
    equal(shell(path, "SELECT value FROM almanac_setting WHERE name = 'format'"), "1\n")
