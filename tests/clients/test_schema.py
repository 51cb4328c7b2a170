"""Changes of the schema under summaries, by a stock SQLite: every change of the table below, with `almanac pause` around it and
without, on a database with a summary of each sort (numeric time, text time, key, whole, join).

S-1  After a change, and after any write under the new schema, a name gives the rows of its SELECT, or an error. Never a wrong
     row, never rows of before.
S-2  Where SQLite refuses the change, nothing has changed.
S-3  Where a name gives an error, `almanac status` or `almanac refresh` says what is amiss and what to do.
S-4  `almanac refresh` repairs what can be repaired: then names are right, nothing is dirty, and changes are captured again.
S-5  What it can't repair comes back by itself when the schema fits again, and by `almanac apply` of definitions that fit.
S-6  A rename is followed: the definition has the new names, the result keeps its columns.
"""
import functools
import os
import shutil
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import versions
from almanac import connect, directory, equal, tool

NAMES = {"readings": "readings", "sensors": "sensors", "ts": "ts", "at": "at", "sensor": "sensor", "value": "value", "k": "k", "label": "label"}

# Each name's SELECT over the tables as they are called now; as a definition it has time_bucket.
QUERIES = {
    "by_hour": "SELECT {hour} AS bucket, {sensor}{as_sensor}, count(*) AS n, sum({value}) AS total FROM {readings} GROUP BY 1, 2",
    "by_day": "SELECT {day} AS day, count(*) AS n, max({value}) AS top FROM {readings} GROUP BY 1",
    "by_sensor": "SELECT {sensor}{as_sensor}, count(*) AS n, min({value}) AS low FROM {readings} GROUP BY 1",
    "ranks": "SELECT {sensor}{as_sensor}, sum({value}) AS total, rank() OVER (ORDER BY sum({value})) AS rank FROM {readings} GROUP BY 1",
    "labels": "SELECT {hour} AS bucket, {label}{as_label}, count(*) AS n, total({value}) AS total FROM {readings} JOIN {sensors} ON {k} = {sensor} GROUP BY 1, 2",
}
OPTIONS = {"by_sensor": " WITH (partition = {sensor})"}


def query(name, names):
    return QUERIES[name].format(hour=f"CAST({names['ts']} AS INTEGER) / 3600 * 3600", day=f"substr({names['at']}, 1, 10) || ' 00:00:00'", as_sensor="", as_label="", **names)


def definitions(names):
    keep = {f"as_{c}": "" if names[c] == c else f" AS {c}" for c in ("sensor", "label")}
    calls = {"hour": f"time_bucket('1 hour', {names['ts']})", "day": f"time_bucket('1 day', {names['at']})"}
    return "".join(f"CREATE MATERIALIZED VIEW {name}{OPTIONS.get(name, '')} AS {text};\n" for name, text in QUERIES.items()).format(**calls, **keep, **names)


TABLE = "CREATE TABLE {name}(id INTEGER PRIMARY KEY, ts INTEGER, at TEXT, sensor INTEGER, value INTEGER, spare TEXT, code TEXT UNIQUE)"
COLUMNS = "id, ts, at, sensor, value, spare, code"
SENSORS = "CREATE TABLE sensors(k INTEGER PRIMARY KEY, label TEXT, place TEXT)"
INDEXES = "CREATE INDEX readings_ts ON readings(ts); CREATE INDEX readings_at ON readings(at); CREATE UNIQUE INDEX readings_spare ON readings(spare)"
FILL = """WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 300)
INSERT INTO {name}(id, ts, at, sensor, value) SELECT n, 1700000000 + n * 797, datetime(1700000000 + n * 797, 'unixepoch'), n % 4, n % 31 FROM i"""


@functools.lru_cache(None)
def template():
    path = os.path.join(directory(), "schema.db")
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(f"{TABLE}; {SENSORS}; {INDEXES}; {FILL};".format(name="readings") +
                     "INSERT INTO sensors VALUES(0, 'a', 'x'), (1, 'b', 'x'), (2, 'a', 'y'), (3, 'c', 'y');")
    db.close()
    tool("apply", path, "-", stdin=definitions(NAMES))
    tool("refresh", path)
    return path


# ---------------------------------------------------------------------------------------------------- checking

WRITES = (
    "INSERT INTO {readings}({ts}, {at}, {sensor}, {value}) VALUES (1700000100, '2023-11-14 22:30:00', 1, 50), (1800000000, '2027-01-15 08:00:00', 2, 1), (NULL, NULL, NULL, 9)",
    "UPDATE {readings} SET {value} = {value} + 100 WHERE id % 50 = 7",
    "UPDATE {readings} SET {ts} = {ts} + 7200, {at} = datetime({at}, '+1 day') WHERE id = 33",
    "REPLACE INTO {readings}(id, {ts}, {at}, {sensor}, {value}) VALUES (44, 1700100000, '2023-11-16 02:00:00', 3, 77)",
    "DELETE FROM {readings} WHERE id % 50 = 9",
    "UPDATE {sensors} SET {label} = {label} || 'x' WHERE {k} = 2",
)


def rows(db, sql):
    """Sorted rows, or the error."""
    try:
        return sorted(db.execute(sql).fetchall(), key=repr)
    except sqlite3.Error as error:
        return str(error)


def check(path, names, when, broken=()):
    """S-1; `broken` are the names that must give an error. A table or column that `names` lacks is gone."""
    db = connect(path, extension=False)
    for name in QUERIES:
        got = rows(db, f"SELECT * FROM {name}")
        if name in broken:
            assert isinstance(got, str), f"{name} {when}: gives rows though what it reads is gone: {got[:3]}"
        else:
            equal(got, rows(db, query(name, names)), f"{name} {when}")
    db.close()


def write(path, names, times=1):
    """Writes as an application does; a plain database has to take them, so this one, too."""
    db = connect(path, extension=False)
    for _ in range(times):
        for sql in WRITES:
            if all(table is not None for table in names.values()) or not any(f"{{{k}}}" in sql for k in names if names[k] is None):
                db.execute(sql.format(**names))
    db.close()


def refresh(path, broken, when):
    """S-3, S-4: repairs, or tells each of the broken ones with a remedy; `status` tells them, too."""
    _, err = tool("refresh", path, code=3 if broken else 0)
    out, _ = tool("status", path)
    for name in broken:
        for text in (err, out):
            told = [line for line in text.splitlines() if f"{name}: " in line and ("almanac apply" in line or "almanac refresh" in line)]
            assert told, f"{name} {when}: no remedy in\n{text}"
    db = connect(path, extension=False)
    dirty = [row for row in db.execute("SELECT name, dirty FROM almanac_status") if row[0] not in broken and row[1]]
    equal(dirty, [], f"dirty {when}")
    db.close()


def changed(path, change, names, broken=(), resumed=None, paused=False):
    """Makes the change; then S-1 to S-4, before a refresh and after, with writes between."""
    if paused:
        tool("pause", path)
    alter(path, change)
    if paused:
        _, err = tool("resume", path)
        broken = resumed if resumed is not None else broken
        assert all(name in err for name in broken), err
    else:
        check(path, names, "after the change", broken)
    write(path, names)
    check(path, names, "after writes", broken)
    refresh(path, broken, "after a refresh")
    write(path, names)
    check(path, names, "after a refresh and writes", broken)


def alter(path, change):
    db = sqlite3.connect(path, isolation_level=None)
    try:
        change(db) if callable(change) else db.executescript(change)
    finally:
        db.close()


def fresh():
    return shutil.copy(template(), directory())


# ------------------------------------------------------------------------------------------------------ the table

def without(*gone):
    return {k: None if k in gone else v for k, v in NAMES.items()}


READ_READINGS = ("by_hour", "by_day", "by_sensor", "ranks", "labels")

REBUILD = (f"BEGIN; {TABLE.format(name='rebuilt')}; INSERT INTO rebuilt SELECT {{columns}} FROM readings; DROP TABLE readings;"
           f" ALTER TABLE rebuilt RENAME TO readings; {INDEXES}; COMMIT")

# What is done, what the tables and columns are called then, whose names give an error until they are applied anew: without
# pause, and after resume, where SQLite had no views to follow a rename in.
CHANGES = {
    "add a column": ("ALTER TABLE readings ADD COLUMN extra INTEGER DEFAULT 5", {}, (), ()),
    "add a column to the joined table": ("ALTER TABLE sensors ADD COLUMN extra", {}, (), ()),
    "add a column of a result's name": ("ALTER TABLE readings ADD COLUMN total INTEGER DEFAULT 5; ALTER TABLE sensors ADD COLUMN n", {}, (), ()),
    "rename the time": ("ALTER TABLE readings RENAME COLUMN ts TO taken", {"ts": "taken"}, (), ("by_hour", "labels")),
    "rename the text time": ("ALTER TABLE readings RENAME COLUMN at TO day", {"at": "day"}, (), ("by_day",)),
    "rename the key": ("ALTER TABLE readings RENAME COLUMN sensor TO probe", {"sensor": "probe"}, (), ("by_hour", "by_sensor", "ranks", "labels")),
    "rename a value": ("ALTER TABLE readings RENAME COLUMN value TO \"the reading\"", {"value": '"the reading"'}, (), READ_READINGS),
    "rename what nobody reads": ("ALTER TABLE readings RENAME COLUMN spare TO other", {}, (), ()),
    "rename a joined column": ("ALTER TABLE sensors RENAME COLUMN label TO title", {"label": "title"}, (), ("labels",)),
    "rename the joined key": ("ALTER TABLE sensors RENAME COLUMN k TO number", {"k": "number"}, (), ("labels",)),
    "swap two columns": ("ALTER TABLE readings RENAME COLUMN value TO x; ALTER TABLE readings RENAME COLUMN sensor TO value;"
                         "ALTER TABLE readings RENAME COLUMN x TO sensor", {"value": "sensor", "sensor": "value"}, (), READ_READINGS),
    "rename the source": ("ALTER TABLE readings RENAME TO measurements", {"readings": "measurements"}, (), READ_READINGS),
    "rename the joined table": ("ALTER TABLE sensors RENAME TO probes", {"sensors": "probes"}, (), ("labels",)),
    "rename and rename back": ("ALTER TABLE readings RENAME TO x; ALTER TABLE x RENAME TO readings; ALTER TABLE readings RENAME COLUMN ts TO x;"
                               "ALTER TABLE readings RENAME COLUMN x TO ts", {}, (), ()),
    "drop a column that nobody reads": ("ALTER TABLE sensors DROP COLUMN place", {}, (), ()),
    "drop the source": ("DROP TABLE readings", without("readings"), READ_READINGS, READ_READINGS),
    "drop the joined table": ("DROP TABLE sensors", without("sensors"), ("labels",), ("labels",)),
    "drop and create the same": (f"DROP TABLE readings; {TABLE}; {INDEXES}; {FILL}".format(name="readings"), {}, (), ()),
    "drop and create it empty": (f"DROP TABLE readings; {TABLE}".format(name="readings"), {}, (), ()),
    "drop and create with fewer columns": ("DROP TABLE readings; CREATE TABLE readings(id INTEGER PRIMARY KEY, ts INTEGER, at TEXT, sensor INTEGER)",
                                           without("value"), READ_READINGS, READ_READINGS),
    "drop and create with other types": (f"DROP TABLE readings; CREATE TABLE readings(id INTEGER PRIMARY KEY, ts REAL, at, sensor TEXT, value NUMERIC, spare, code); {FILL}"
                                         .format(name="readings"), {}, (), ()),
    "rebuild": (REBUILD.format(columns=COLUMNS), {}, None, ()),
    "rebuild with other values": (REBUILD.format(columns=COLUMNS.replace("value", "value * 2")), {}, None, ()),
    "rebuild by legacy_alter_table": ("PRAGMA legacy_alter_table = ON; " + REBUILD.format(columns=COLUMNS.replace("value", "value * 2")), {}, (), ()),
    "rebuild by the 12 steps": (lambda db: rebuild_by_the_book(db), {}, (), ()),
    "triggers dropped and made again": (lambda db: bulk_load(db), {}, (), ()),
    "another unique index of the name": ("DROP INDEX readings_spare; CREATE UNIQUE INDEX readings_spare ON readings(at) WHERE id < 250;"
                                         "REPLACE INTO readings(id, ts, at, sensor, value) SELECT 249, 5, at, 3, 5 FROM readings WHERE id = 20", {}, (), ()),
    "drop a unique index": ("DROP INDEX readings_spare", {}, (), ()),
    "add a unique index": ("CREATE UNIQUE INDEX another ON readings(at, sensor, id)", {}, (), ()),
    "drop an index": ("DROP INDEX readings_ts; DROP INDEX readings_at", {}, (), ()),
    "vacuum": ("VACUUM", {}, (), ()),
    "analyze": ("ANALYZE; REINDEX", {}, (), ()),
}


def rebuild_by_the_book(db):
    """https://www.sqlite.org/lang_altertable.html#otheralter, with views and triggers made again from their texts."""
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("BEGIN")
    kept = db.execute("SELECT type, name, sql FROM sqlite_master WHERE type = 'view' OR type IN ('index', 'trigger') AND tbl_name = 'readings' AND sql IS NOT NULL"
                      " OR type = 'trigger' AND tbl_name LIKE 'almanac%' ORDER BY type, rowid").fetchall()
    db.execute(TABLE.format(name="new_readings"))
    db.execute(f"INSERT INTO new_readings SELECT {COLUMNS.replace('value', 'value * 2')} FROM readings")
    for kind, name, _ in kept:
        if kind == "view":
            db.execute(f'DROP VIEW "{name}"')
    db.execute("DROP TABLE readings")
    db.execute("ALTER TABLE new_readings RENAME TO readings")
    for kind in ("index", "view", "trigger") if len(kept) % 2 else ("index", "trigger", "view"):
        for sql in (sql for k, _, sql in kept if k == kind and (k != "trigger" or "INSTEAD" not in sql)):
            db.execute(sql)
    for _, _, sql in kept:
        if "INSTEAD OF" in sql:
            db.execute(sql)
    db.execute("COMMIT")


def bulk_load(db):
    """Every trigger out of the way, then back."""
    kept = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'readings' ORDER BY rowid").fetchall()
    for name, _ in kept:
        db.execute(f"DROP TRIGGER {name}")
    db.execute("UPDATE readings SET value = value + 1 WHERE id < 50")
    for _, sql in kept:
        db.execute(sql)


def run(label, paused):
    change, renamed, broken, resumed = CHANGES[label]
    if label.startswith("triggers") and paused:
        return
    path, names = fresh(), {**NAMES, **renamed}
    if paused and label.startswith("swap"):
        names, resumed = NAMES, ()  # the definition stands, and speaks of the other columns now
    if broken is None and not paused:  # S-2
        db = connect(path, extension=False)
        before = db.execute("SELECT * FROM sqlite_master").fetchall()
        try:
            db.executescript(change)
            raise AssertionError("SQLite took it")
        except sqlite3.OperationalError as error:
            assert "error in view" in str(error), error
        db.execute("ROLLBACK")
        equal(db.execute("SELECT * FROM sqlite_master").fetchall(), before)
        return changed(path, "SELECT 1", NAMES)
    try:
        changed(path, change, names, broken, resumed, paused)
    except sqlite3.OperationalError as error:
        # S-2: SQLite before 3.35 doesn't find its way through many views.
        assert sqlite3.sqlite_version_info < (3, 35) and ("error in view" in str(error) or "syntax error" in str(error)), error
        return changed(path, "SELECT 1", NAMES)
    if broken or paused and resumed:
        back_again(path, names)


def back_again(path, names):
    """S-5."""
    if None in names.values():
        return
    tool("apply", path, "-", stdin=definitions(names))
    changed(path, "SELECT 1", names)


def every(paused):
    failed = []
    for label in CHANGES:
        if not label.startswith(os.environ.get("ALMANAC_CHANGE", "")):
            continue
        if label == "rename a value" and sqlite3.sqlite_version_info < (3, 35):
            continue  # README.md, Limits
        try:
            run(label, paused)
        except (AssertionError, sqlite3.Error) as error:
            failed.append(f"{label}{', paused' if paused else ''}: {error}")
    assert not failed, "\n\n".join(failed)


def test_each_change():
    every(False)


def test_renames_on_the_oldest_sqlite():
    """Followed or refused. The tool runs on it as well."""
    program = "import sys, sqlite3, test_schema; assert sqlite3.sqlite_version == sys.argv[1]; test_schema.every(False)"
    environment = {**versions.environment(versions.OLDEST), "ALMANAC_CHANGE": "rename", "PYTHONPATH": os.path.dirname(os.path.abspath(__file__))}
    done = subprocess.run([sys.executable, "-B", "-c", program, versions.OLDEST], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --------------------------------------------------------------------------------------------- what names mean

def declared(definition, schema=""):
    """A database with the summary s beside those of the table; gives its path."""
    path = fresh()
    if schema:
        alter(path, schema)
    tool("apply", path, "-", stdin=f"CREATE MATERIALIZED VIEW s {definition};")
    tool("refresh", path)
    return path


def same(path, sql, when):
    db = connect(path, extension=False)
    equal(rows(db, "SELECT * FROM s"), rows(db, sql), when)
    db.close()


def test_a_view_that_is_read_changes():
    select = "SELECT sensor, n, rank() OVER (ORDER BY n) AS r FROM strong"
    view = "CREATE VIEW strong AS SELECT sensor, count(*) AS n FROM (SELECT * FROM readings WHERE value > {}) GROUP BY 1"
    path = declared("AS " + select, view.format(10))
    alter(path, "DROP VIEW strong;" + view.format(20))
    same(path, select, "after the view's change")
    tool("refresh", path)
    same(path, select, "after a refresh")
    alter(path, "UPDATE readings SET value = 30 WHERE id < 20")
    same(path, select, "after an update")
    alter(path, "DROP VIEW strong")
    _, err = tool("refresh", path, code=3)
    assert "no such table: strong; it worked when it was declared" in err, err
    alter(path, view.format(5))
    tool("refresh", path)
    same(path, select, "with the view again")


def test_a_chain_over_a_table_that_is_gone():
    """Each says which summary it reads, and the root's reason once, however long the chain is."""
    path = fresh()
    widths = ["1 minute", "1 hour", "1 day", "1 week"]
    tool("apply", path, "-", stdin="".join(
        f"CREATE MATERIALIZED VIEW c{i} AS SELECT time_bucket('{width}', {'t' if i else 'ts'}) AS t, {'sum(n)' if i else 'count(*)'} AS n"
        f" FROM {f'c{i - 1}' if i else 'readings'} GROUP BY 1;" for i, width in enumerate(widths)))
    tool("refresh", path)
    alter(path, "DROP TABLE readings")
    _, err = tool("refresh", path, code=3)
    for i in range(1, len(widths)):
        line, = (line for line in err.splitlines() if f" c{i}: " in line)
        assert f"c{i}: it reads c{i - 1}, which fails: " in line, line
        equal((line.count("no such table: readings"), line.count("it worked when it was declared"), line.count("which fails")), (1, 1, 1), line)


def test_a_star_gets_a_column():
    select = "SELECT * FROM sensors ORDER BY k LIMIT 3"
    path = declared("AS " + select)
    alter(path, "ALTER TABLE sensors ADD COLUMN height DEFAULT 2")
    db = connect(path, extension=False)
    assert isinstance(rows(db, "SELECT * FROM s"), str)
    db.close()
    tool("refresh", path)
    same(path, select, "after a refresh")


def test_a_new_column_takes_a_name():
    """The SELECT's own name for a result becomes that of a column: from the next refresh on it means that, throughout."""
    for definition, add in (("AS SELECT time_bucket('1 hour', ts) AS bucket, count(*) AS n, sensor % 2 AS odd FROM readings GROUP BY bucket, odd",
                             "ALTER TABLE readings ADD COLUMN odd DEFAULT 7"),
                            ("WITH (partition = sensor) AS SELECT sensor, (SELECT max(place) FROM sensors WHERE k = sensor AND spot IS NOT NULL) AS p FROM"
                             " (SELECT sensor, 1 AS spot FROM readings GROUP BY sensor)", "ALTER TABLE sensors ADD COLUMN spot")):
        path = declared(definition)
        select = definition[definition.index("SELECT"):].replace("time_bucket('1 hour', ts)", "CAST(ts AS INTEGER) / 3600 * 3600")
        alter(path, add)
        tool("refresh", path)
        alter(path, "UPDATE readings SET value = value + 1 WHERE id = 5")
        same(path, select, add)
        tool("refresh", path)
        same(path, select, add + ", and a refresh")


# ------------------------------------------------------------------------------------------- what stays as it was

def test_legacy_rename():
    """legacy_alter_table leaves views and the bodies of triggers behind: readers and writers get errors; a refresh lets writers on."""
    path, names = fresh(), {**NAMES, "readings": "measurements"}
    alter(path, "PRAGMA legacy_alter_table = ON; ALTER TABLE readings RENAME TO measurements")
    check(path, names, "after the rename", READ_READINGS)
    tool("refresh", path, code=3)
    write(path, names)
    refresh(path, READ_READINGS, "after the rename")
    tool("apply", path, "-", stdin=definitions(names))
    changed(path, "SELECT 1", names)


def test_a_summary_that_resume_finds_broken():
    """Times of two sorts: without a pause the name goes on as its query; after one, too."""
    path = os.path.join(directory(), "mixed.db")
    alter(path, "CREATE TABLE readings(ts, value)")
    query = "SELECT ts / 3600 * 3600, count(*) FROM readings WHERE typeof(ts) = 'integer' GROUP BY 1"
    tool("apply", path, "-", stdin="CREATE MATERIALIZED VIEW s AS SELECT time_bucket('1 hour', ts) AS b, count(*) AS n FROM readings"
                                   " WHERE typeof(ts) = 'integer' GROUP BY 1;")
    alter(path, "INSERT INTO readings VALUES (1, 1), (7200, 2), ('2024-05-01 00:00:00', 3), ('2024-05-01T00:00:00Z', 3)")
    same(path, query, "with times of two sorts")
    tool("pause", path)
    tool("resume", path)
    same(path, query, "after resume")
    tool("refresh", path, code=None)
    alter(path, "INSERT INTO readings VALUES (3601, 1)")
    same(path, query, "after a refresh")
    alter(path, "DELETE FROM readings WHERE typeof(ts) = 'text'")
    tool("refresh", path)
    alter(path, "INSERT INTO readings VALUES (3602, 1), (9000, 1); DELETE FROM readings WHERE ts = 1")
    same(path, query, "with times of one sort")


def dump_by_python(path, copy):
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    target.executescript("\n".join(source.iterdump()))
    source.close()
    target.close()


def backup(path, copy):
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    source.backup(target)
    source.close()
    target.close()


def test_copies():
    """Copies of each sort are right, stay so, and can be refreshed; an older one in the place of the file as well."""
    source = fresh()
    write(source, NAMES)
    for make in (backup, dump_by_python, lambda path, copy: alter(path, f"VACUUM INTO '{copy}'"), shutil.copy):
        copy = os.path.join(directory(), "copy.db")
        make(source, copy)
        changed(copy, "SELECT 1", NAMES)
        changed(copy, "VACUUM", NAMES)
    older = shutil.copy(source, directory())
    tool("refresh", source)
    write(source, NAMES)
    backup(older, source)
    changed(source, "SELECT 1", NAMES)


def test_copies_are_not_computed_again():
    """VACUUM and the ways to copy that keep the order of the schema leave what is stored in use."""
    path = fresh()
    copy = os.path.join(directory(), "copy.db")
    alter(path, f"VACUUM; VACUUM INTO '{copy}'")
    for each in (path, copy):
        db = connect(each, extension=False)
        equal(db.execute("SELECT name, dirty FROM almanac_status WHERE dirty").fetchall(), [])
        db.close()
