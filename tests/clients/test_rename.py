"""Renames, by a stock sqlite3 and without pause: a summary's name stays equal to its query, or the rename is refused."""
import os

from almanac import connect, directory, equal, shell, tool

DEFINITIONS = """
CREATE MATERIALIZED VIEW hourly AS
SELECT time_bucket('1 hour', ts) AS bucket, sensor, count(*) AS n, sum(value) AS total FROM readings GROUP BY 1, 2;
CREATE MATERIALIZED VIEW by_sensor WITH (partition = sensor) AS
SELECT sensor, max(value) AS top FROM readings GROUP BY sensor;
"""


def application():
    path = os.path.join(directory(), "rename.db")
    shell(path, """
        CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, sensor TEXT, value REAL);
        WITH RECURSIVE i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < 999)
        INSERT INTO readings SELECT n, n * 97, 's' || n % 5, n % 31 FROM i;
        CREATE INDEX by_time ON readings(ts);""")
    tool("apply", path, "-", stdin=DEFINITIONS)
    tool("refresh", path)
    return path


def check(path, table="readings", time="ts", value="value", sensor="sensor"):
    db = connect(path)
    equal(sorted(db.execute("SELECT * FROM hourly")), sorted(db.execute(
        f"SELECT {time} / 3600 * 3600, {sensor}, count(*), sum({value}) FROM {table} GROUP BY 1, 2")))
    equal(sorted(db.execute("SELECT * FROM by_sensor")), sorted(db.execute(f"SELECT {sensor}, max({value}) FROM {table} GROUP BY 1")))
    db.close()


def test_columns():
    """Each column that a summary reads, then rows change under the new names."""
    for old, names in (("value", {"value": "reading"}), ("ts", {"time": "taken_at"}), ("sensor", {"sensor": "probe"})):
        path = application()
        new = next(iter(names.values()))
        shell(path, f"ALTER TABLE readings RENAME COLUMN {old} TO {new}")
        check(path, **names)
        shell(path, f"UPDATE readings SET {names.get('value', 'value')} = 99 WHERE id = 7; DELETE FROM readings WHERE id = 500;"
                    "INSERT INTO readings VALUES(5000, 12, 's9', 1);")
        check(path, **names)
        tool("refresh", path)
        check(path, **names)
        definitions = shell(path, "SELECT definition FROM almanac_summary")
        assert new in definitions and f"AS {old}" in definitions.replace('"', "") or old != "sensor", definitions


def test_columns_under_other_triggers():
    """(tool/README.md) While a definition can't be derived, any column of its source may be one that it reads."""
    path = application()
    shell(path, "ALTER TABLE readings RENAME COLUMN value TO reading")
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW daily AS SELECT time_bucket('1 day', ts) AS d, count(*) AS n FROM readings GROUP BY 1;")
    tool("refresh", path, code=None)
    shell(path, "UPDATE readings SET reading = reading + 1")
    check(path, value="reading")


def test_table():
    """SQLite takes the triggers and views along, and refresh the definition."""
    path = application()
    shell(path, "ALTER TABLE readings RENAME TO measurements")
    check(path, table="measurements")
    writes = "UPDATE measurements SET value = 99 WHERE id = 7; DELETE FROM measurements WHERE id = 500; INSERT INTO measurements VALUES(5000, 12, 's9', 1);"
    shell(path, writes)
    check(path, table="measurements")
    tool("refresh", path)
    check(path, table="measurements")
    shell(path, writes.replace("99", "98").replace("500", "501").replace("5000", "5001"))
    check(path, table="measurements")
    new = DEFINITIONS.replace("readings", "measurements")
    _, err = tool("apply", path, "-", "--verbose", stdin=new)
    equal(err, "", "the rewritten definitions are those that one would write")


def test_a_table_behind_a_view_or_a_summary():
    """What reads it doesn't name it; and a rebuild may have taken the triggers that would tell its new name."""
    for rebuilt in (False, True):
        path = os.path.join(directory(), "behind.db")
        shell(path, "CREATE TABLE r(ts, k, v)", "CREATE TABLE sites(k, site)", "INSERT INTO sites VALUES (1, 'a')",
              "CREATE VIEW joined AS SELECT r.*, site FROM r JOIN sites USING (k)")
        # Of an untyped column that is empty nothing is known but its query.
        tool("apply", path, "-", stdin="""
            CREATE MATERIALIZED VIEW sums AS SELECT site, sum(v) AS v FROM joined GROUP BY 1;
            CREATE MATERIALIZED VIEW hourly AS SELECT time_bucket('1 hour', ts) AS h, sum(v) AS v FROM r GROUP BY 1;
            CREATE MATERIALIZED VIEW total AS SELECT sum(v) AS v FROM hourly;""")
        if rebuilt:
            shell(path, "PRAGMA legacy_alter_table=1; BEGIN; CREATE TABLE copy(ts, k, v); DROP TABLE r; ALTER TABLE copy RENAME TO r; COMMIT;")
        shell(path, "ALTER TABLE r RENAME TO measured")
        for turn in range(3):
            shell(path, "INSERT INTO measured VALUES (1700000000, 1, 2.5)")
            equal(shell(path, "SELECT * FROM sums", "SELECT * FROM total"), f"a|{2.5 * (turn + 1)}\n{2.5 * (turn + 1)}\n", f"turn {turn}, rebuilt {rebuilt}")
            tool("refresh", path)
            equal(shell(path, "SELECT * FROM sums", "SELECT * FROM total"), f"a|{2.5 * (turn + 1)}\n{2.5 * (turn + 1)}\n", f"refreshed, turn {turn}, rebuilt {rebuilt}")


def test_added_and_dropped_columns():
    path = application()
    shell(path, "ALTER TABLE readings ADD COLUMN note TEXT; UPDATE readings SET note = 'x', value = value + 1 WHERE id < 10")
    check(path)
    tool("refresh", path)
    shell(path, "ALTER TABLE readings DROP COLUMN note; DELETE FROM readings WHERE id = 4")
    check(path)
