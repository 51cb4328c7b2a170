"""Reading a database's pages without SQLite: where it is safe, and that it is; see page_file.c beside this file."""
import os
import random
import re
import sqlite3
import subprocess

import versions
from almanac import ROOT, directory, equal

SOURCES = ["tests/unit/page_file.c", "ext/scan/page_file.c", "ext/scan/page_wal.c"]
T = "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n " \
    "WHERE i < 100) SELECT i, randomblob(1000) FROM n"
built = {}


def program():
    if not built:
        built["path"] = os.path.join(directory(), "page_file")
        subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-D_GNU_SOURCE", "-DSQLITE_CORE", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
                        "-fsanitize=address,undefined", "-fno-sanitize-recover", "-I.", "-Itests/unit", "-o", built["path"], *SOURCES,
                        "-lsqlite3"], cwd=ROOT, check=True)
    return built["path"]


def run(*arguments, environment=None):
    done = subprocess.run([program(), *map(str, arguments)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
    return done.stdout


class Look:
    """page_file_open in a process of its own. It waits at each "-", with the file open, and once more with it closed."""

    def __init__(self, path, *sql, schema="main"):
        self.process = subprocess.Popen([program(), "look", path, schema, *sql], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said = self.line()

    def line(self):
        return self.process.stdout.readline().strip()

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.said = self.line()
        return self.said

    def end(self):
        self.go_on()
        self.process.stdin.close()
        equal(self.process.wait(), 0, self.said)


def look(path, *sql, schema="main"):
    done = subprocess.run([program(), "look", path, schema, *sql], input="\n\n", capture_output=True, text=True)
    assert done.returncode == 0, f"{path} {sql}\n{done.stdout}{done.stderr}"
    said, closed = done.stdout.splitlines()
    return said


def database(*sql, name="t.db"):
    path = os.path.join(directory(), name)
    db = sqlite3.connect(path, isolation_level=None)
    for statement in sql:
        db.execute(statement).fetchall()
    db.executescript(T)
    db.close()
    return path


def test_steps():
    """Others write and checkpoint between any two of the calls to the file (F-1 to F-9, W-1 to W-7)."""
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 32)))
    said = run("step", seed, os.environ.get("ALMANAC_STEPS", 300), directory())
    counts = [int(n) for n in re.findall(r"\d+", said)]
    assert counts[0] > 100 and counts[1] > 0 and counts[2] > 150 and counts[4] > 1000 and counts[5] > 1000 and counts[7] > 150, said


def test_steps_with_other_sqlites():
    for version in (versions.OLDEST, versions.NEWEST):
        seed = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 32)))
        run("step", seed, 100, directory(), environment=versions.environment(version))


def test_hammer():
    """Processes write, roll back, vacuum and checkpoint at the same time."""
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 32)))
    said = run("hammer", seed, os.environ.get("ALMANAC_SECONDS", 4), directory())
    counts = [int(n) for n in re.findall(r"\d+", said)]
    assert counts[0] + counts[1] > 50 and counts[4] > 500, f"seed {seed}: {said}"


def test_a_database_that_shrinks():
    """W-5: a checkpoint counts pages as copied that it left, because they are above the database's end by then."""
    for vacuum, shrink in ((0, "VACUUM"), (1, "SELECT 1")):
        path = database(f"PRAGMA auto_vacuum = {vacuum}", "PRAGMA journal_mode = wal")
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("UPDATE t SET v = randomblob(1000)")
        reader = Look(path, "BEGIN; SELECT count(*) FROM t", "-")
        equal(reader.said, "waiting")
        for statement in ("DELETE FROM t WHERE id > 10", shrink, "PRAGMA wal_checkpoint(PASSIVE)",
                          "INSERT INTO t SELECT NULL, randomblob(1000) FROM t", "PRAGMA wal_checkpoint(PASSIVE)"):
            writer.execute(statement).fetchall()
        assert reader.go_on().startswith("pages 2"), reader.said
        reader.go_on()
        equal(reader.said, "closed, transaction 1")
        reader.end()


def files(path):
    return sorted(os.listdir(os.path.dirname(path)))


def test_what_it_says_of_a_file():
    for number, encoding in enumerate(("UTF-8", "UTF-16le", "UTF-16be"), 1):
        for mode in ("delete", "persist", "memory", "off", "wal"):
            path = database("PRAGMA page_size = 1024", f"PRAGMA encoding = '{encoding}'", f"PRAGMA journal_mode = {mode}")
            before, size = files(path), os.path.getsize(path)
            said = look(path, f"PRAGMA journal_mode = {mode}")
            equal(said, f"pages {size // 1024} of 1024, usable 1024, encoding {number}, format 4, ambiguous 0", mode)
            equal(files(path), before, f"{mode}: nothing is left")


def test_the_log():
    """The wal-index's first part has 4,062 pages, the others 4,096. Of page 1 in the log the format isn't known."""
    for rows, encoding in ((4000, "UTF-8"), (4062, "UTF-16le"), (4063, "UTF-8"), (8158, "UTF-8"), (8159, "UTF-8"), (20000, "UTF-8")):
        path = database("PRAGMA page_size = 512", f"PRAGMA encoding = '{encoding}'", "PRAGMA journal_mode = wal", "PRAGMA wal_autocheckpoint = 0")
        said = look(path, "PRAGMA wal_autocheckpoint = 0", "CREATE TABLE u(v)", "PRAGMA wal_checkpoint(TRUNCATE)",
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO u SELECT zeroblob(400) FROM n" % rows)
        found = re.fullmatch(r"pages (\d+) of 512, usable 512, encoding (\d), format 0, ambiguous (\d+) with 1", said)
        assert found and int(found[1]) < 1000 and int(found[2]) == (2 if encoding == "UTF-16le" else 1) and int(found[3]) > rows, said
        kept = look(path, "PRAGMA wal_autocheckpoint = 0", "UPDATE u SET v = zeroblob(399) WHERE rowid = 1")
        assert re.fullmatch(r"pages \d+ of 512, usable 512, encoding \d, format 4, ambiguous [12]", kept), kept


def test_refused():
    """F-1, F-3, F-4, F-6, F-8, F-10: not where anything is unusual."""
    path = database()
    empty = os.path.join(directory(), "empty.db")
    wal = database("PRAGMA journal_mode = wal")
    for uri, sql, schema, why in (
            (path, "BEGIN IMMEDIATE", "main", "a write transaction is open"),
            (path, "BEGIN; DELETE FROM t", "main", "a write transaction is open"),
            (path, "PRAGMA locking_mode = exclusive; BEGIN IMMEDIATE; COMMIT", "main", "the file isn't locked as usual"),
            (path, "PRAGMA locking_mode = exclusive", "main", "its locking_mode is exclusive"),
            (wal, "PRAGMA locking_mode = exclusive", "main", "the file isn't locked as usual"),
            (f"file:{path}?cache=shared", "SELECT 1", "main", "the cache can be shared with other connections"),
            (f"file:{wal}?cache=shared", "SELECT 1", "main", "the cache can be shared with other connections"),
            (f"file:{path}?immutable=1", "SELECT 1", "main", "the database was opened without locks"),
            (f"file:{path}?nolock=1", "SELECT 1", "main", "the database was opened without locks"),
            (f"file:{path}?vfs=copy", "SELECT 1", "main", "the VFS isn't unix"),
            (f"file:{path}?vfs=unix-excl", "SELECT 1", "main", "the VFS isn't unix"),
            (f"file:{wal}?vfs=unix-excl", "SELECT 1", "main", "the VFS isn't unix"),
            (f"file:{path}?vfs=unix-dotfile", "SELECT 1", "main", "the VFS isn't unix"),
            (f"file:{path}?vfs=unix-none", "SELECT 1", "main", "the VFS isn't unix"),
            (empty, "SELECT 1", "main", "the database is empty"),
            (":memory:", "CREATE TABLE t(x)", "main", "the database is temporary or in memory"),
            ("", "CREATE TABLE t(x)", "main", "the database is temporary or in memory"),
            ("file:x?mode=memory", "CREATE TABLE t(x)", "main", "the database is temporary or in memory"),
            ("file:/x?vfs=memdb", "CREATE TABLE t(x)", "main", "the VFS isn't unix"),
            (path, "CREATE TEMP TABLE x(y)", "temp", "the database is temporary or in memory"),
            (path, "SELECT 1", "nowhere", "the database is temporary or in memory")):
        equal(look(uri, sql, schema=schema), f"-1: {why}", (uri, sql))
        equal(os.path.exists(path + "-shm"), False, (uri, sql))


def test_attached():
    path, other = database("PRAGMA page_size = 2048"), database("PRAGMA page_size = 512", name="o'%s\".db")
    attach = "ATTACH '%s' AS \"a'\"\"b%%s\"" % other.replace("'", "''")
    assert " of 512," in look(path, attach, schema="a'\"b%s")
    equal(look(path, attach, "BEGIN; DELETE FROM \"a'\"\"b%s\".t", schema="a'\"b%s"), "-1: a write transaction is open")
    assert " of 2048," in look(path, attach, "BEGIN; DELETE FROM \"a'\"\"b%s\".t", schema="main")


def patched(offset, value, *sql):
    path = database(*sql)
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(value)
    return path


def test_headers():
    """F-8: fields that mean nothing to us. (SQLite itself refuses or reads files with most of them.)"""
    for offset, value, sql in ((72, b"\1", "SELECT 1"), (91, b"\1", "SELECT 1")):
        equal(look(patched(offset, value), sql), "-1: the file is encrypted or of an unknown form", offset)


def test_locks_stay():
    """F-2: another process can't write while the reader's transaction is open, also after page_file_close."""
    path = database()
    reader = Look(path, "BEGIN; SELECT count(*) FROM t")
    writer = sqlite3.connect(path, isolation_level=None, timeout=0)
    for said in ("pages ", "closed, transaction 1"):
        assert reader.said.startswith(said), reader.said
        try:
            writer.execute("BEGIN EXCLUSIVE")
            raise AssertionError("the reader's lock is gone")
        except sqlite3.OperationalError as error:
            equal(str(error), "database is locked")
        if said == "pages ":
            reader.go_on()
    reader.end()
    writer.execute("BEGIN EXCLUSIVE")


def test_reserved_bytes():
    """F-7: with page 1 in the log they can't be known; that there are none is known by SQLite's word."""
    path = os.path.join(directory(), "t.db")
    said = look(path, "reserve", "PRAGMA page_size = 1024", T, "PRAGMA journal_mode = wal", "SELECT 1")
    assert ", usable 992," in said, said
    equal(look(path, "UPDATE t SET v = 1"), "-1: its pages have reserved bytes, and the log has page 1")
    path = database("PRAGMA page_size = 1024", "PRAGMA journal_mode = wal")
    assert ", usable 1024," in look(path, "CREATE TABLE u(v)") and ", usable 1024," in look(path)
    equal(look(path, "reserve", "CREATE TABLE v(v)"), "-1: its pages have reserved bytes, and the log has page 1")
    assert ", usable 1024," in look(path, "reserve")
    assert ", usable 992," in look(path, "reserve", "VACUUM", "PRAGMA wal_checkpoint")


def test_memory():
    """Any allocation may fail, in WAL mode with a log and without."""
    path = database("PRAGMA journal_mode = wal")
    keep = sqlite3.connect(path, isolation_level=None)
    keep.execute("BEGIN; ").fetchall()
    keep.execute("SELECT * FROM t").fetchone()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("UPDATE t SET v = 1")
    for uri in (path, database()):
        assert int(run("memory", uri).split()[0]) > 20
