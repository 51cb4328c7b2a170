"""What the tool leaves, in the hands of a stock SQLite without the extension (design section 9), on random worlds of model.py.

ALMANAC_SEED=4711 runs that one world.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from almanac import connect, equal, shell, tool
from model import World
from comparison import difference
from runner import Failure, Runner
from play import log_of

WORLDS = 8


def worlds():
    """Runners of random worlds that have been declared, refreshed and written to."""
    first = int(os.environ.get("ALMANAC_SEED", 1))
    for seed in [first] if os.environ.get("ALMANAC_SEED") else range(first, first + WORLDS):
        world = World(seed, 15)
        with tempfile.TemporaryDirectory(prefix="almanac-") as directory:
            runner = Runner(world, directory)
            try:
                failed = runner.run(world.setup + [step for step in world.steps if step[0] == "sql" and "DROP TABLE" not in str(step)])
                if failed:
                    raise AssertionError(f"ALMANAC_SEED={seed} {failed[1]}\n(test_stepper.py cuts it down)")
                if runner.summaries:
                    yield runner
            except (AssertionError, Failure) as error:
                if "ALMANAC_SEED" in str(error):
                    raise
                raise AssertionError(f"ALMANAC_SEED={seed}\n{log_of(world, world.setup)}\n{error}") from error
            finally:
                runner.close()


def schema(path):
    db = connect(path, extension=False)
    rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    pragmas = [db.execute(f"PRAGMA {p}").fetchone() for p in ("user_version", "application_id", "encoding", "journal_mode")]
    db.close()
    return rows, pragmas


def released(runner):
    """Without our own connections, for what wants the file alone."""
    for db in runner.connections.values():
        db.close()
    runner.connections.clear()
    return runner.path


def compare_as(runner, db, prefix, when):
    """Every name, as another connection sees it, equals its query on the twin."""
    inexact = {n for n, in db.execute(f"SELECT name FROM {prefix}almanac_summary WHERE exact<>'live'")}
    for name in set(runner.summaries) - inexact:
        wrong = difference(db.execute(f'SELECT * FROM {prefix}"{name}"').fetchall(), runner.query(name), runner.world.schema.folds_case)
        assert not wrong, f'"{name}" {when}: {wrong}\n{runner.lineage(name)}'


def test_a_stock_shell_reads_and_introspects_everything():
    for runner in worlds():
        path = released(runner)
        names = shell(path, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").split("\n")[:-1]
        for name in names:
            quoted = name.replace('"', '""')
            shell(path, f'SELECT count(*) FROM "{quoted}"')
        shell(path, "SELECT m.name, p.* FROM sqlite_master m, pragma_table_info(m.name) p", "SELECT m.name, p.* FROM sqlite_master m, pragma_table_xinfo(m.name) p",
              "SELECT m.name, p.* FROM sqlite_master m, pragma_index_list(m.name) p", "SELECT m.name, p.* FROM sqlite_master m, pragma_foreign_key_list(m.name) p",
              "SELECT * FROM almanac_status", ".schema --indent", ".tables", "PRAGMA optimize", "ANALYZE", "REINDEX")
        equal(shell(path, "PRAGMA integrity_check"), "ok\n")
        equal(shell(path, "VACUUM", "PRAGMA integrity_check"), "ok\n")
        runner.open("stock")
        compare_as(runner, runner.connections["stock"], "", "after VACUUM by a stock shell")


def test_the_schema_holds_plain_sql_only():
    for runner in worlds():
        for kind, name, table, sql in schema(runner.path)[0]:
            if kind in ("trigger", "view") and (table.startswith("almanac_") or name.startswith("almanac_") or name in runner.summaries):
                sql = re.sub("'(?:[^']|'')*'", "''", sql or "")  # texts of the user's schema stand in ours
                for word in ("time_bucket", "main.", "temp.", "unixepoch(", "MATERIALIZED", "->", "STRICT", "VIRTUAL"):
                    assert word not in sql, f"{name} has {word}:\n{sql}"


def test_attached_under_another_name():
    for runner in worlds():
        db = connect(extension=False)
        db.execute("ATTACH ? AS elsewhere", (runner.path,))
        compare_as(runner, db, "elsewhere.", "attached")
        db.execute("SELECT m.name, p.* FROM elsewhere.sqlite_master m, pragma_table_info(m.name, 'elsewhere') p").fetchall()
        db.close()


def test_dump_and_restore():
    for runner in worlds():
        path = released(runner)
        copy = path + ".copy"
        dump = subprocess.run(["sqlite3", "-batch", path, ".dump"], capture_output=True, text=True, check=True)
        done = subprocess.run(["sqlite3", "-batch", "-bail", copy], input=dump.stdout, capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, f"restore: {done.stderr}"
        equal(schema(copy)[0], schema(path)[0], "the restored schema")
        for twin_path, how in ((copy, "restored"), (path + ".into", "by VACUUM INTO")):
            if how != "restored":
                shell(path, f"VACUUM INTO '{twin_path}'")
            db = connect(twin_path, extension=False)
            compare_as(runner, db, "", how)
            db.close()
        tool("refresh", copy, code=None)
        db = connect(copy, extension=False)
        compare_as(runner, db, "", "restored and refreshed")
        db.close()


def test_drop_all_leaves_no_trace():
    first = int(os.environ.get("ALMANAC_SEED", 1))
    for seed in range(first, first + WORLDS):
        world = World(seed, 15)
        with tempfile.TemporaryDirectory(prefix="almanac-") as directory:
            runner = Runner(world, directory)
            try:
                bare = [entry for entry in world.setup if entry[0] == "sql"]
                runner.run(bare)
                before = schema(runner.path)
                runner.run(world.setup[len(bare):])
                if not runner.summaries:
                    continue
                runner.run([("sql", "stock", [world.schema.write() for _ in range(10)])])
                rows = sorted(map(repr, runner.twin.execute(f"SELECT * FROM {world.schema.q(world.schema.table)}").fetchall()))
                for name in list(runner.summaries)[:1]:  # refused where others read it
                    runner.run_tool(["drop", name])
                    runner.compare_all("after another was dropped")
                tool("drop", runner.path, "--all", code=0 if runner.summaries else None)
                equal(schema(runner.path), before, f"ALMANAC_SEED={seed}: the schema after drop --all")
                left = shell(runner.path, f"SELECT count(*) FROM sqlite_master WHERE name LIKE 'almanac%' OR name LIKE '%_stored%' OR sql LIKE '%almanac%'")
                equal(left, "0\n")
                runner.compare_tables()
                equal(len(rows), runner.connections["stock"].execute(f"SELECT count(*) FROM {world.schema.q(world.schema.table)}").fetchone()[0])
                equal(shell(runner.path, "PRAGMA integrity_check"), "ok\n")
            finally:
                runner.close()


def test_pause_parks_everything_and_resume_is_exact():
    """An ORM's table rebuild, as Alembic's batch mode and Django do it, between pause and resume."""
    for runner in worlds():
        s = runner.world.schema
        table = s.q(s.table)
        runner.run_tool(["pause"])
        names = {name for _, name, _, _ in schema(runner.path)[0]}
        assert not names & set(runner.summaries), names
        shell(runner.path, "SELECT m.name, p.* FROM sqlite_master m, pragma_table_info(m.name) p", "PRAGMA integrity_check")
        ours = runner.connections["stock"].execute("SELECT name FROM sqlite_master WHERE type='trigger' AND name LIKE 'almanac%'").fetchall()
        equal(ours, [])
        for db in (runner.connections["stock"], runner.twin):
            create, = db.execute("SELECT sql FROM sqlite_master WHERE type='table' AND name=?", (s.table,)).fetchone()
            others = db.execute("SELECT sql FROM sqlite_master WHERE tbl_name=? AND type IN ('index', 'trigger') AND sql IS NOT NULL", (s.table,)).fetchall()
            columns = ", ".join(s.q(c[1]) for c in db.execute(f"PRAGMA table_xinfo({table})") if c[6] == 0)
            db.execute("PRAGMA foreign_keys=0")
            db.execute("BEGIN")
            db.execute("DROP VIEW joined")
            db.execute(create.replace(table, '"rebuilt"', 1))
            db.execute(f"INSERT INTO rebuilt({columns}) SELECT {columns} FROM {table} ORDER BY {'rowid' if s.has_rowid else 'id'}")
            db.execute(f"DROP TABLE {table}")
            db.execute(f"ALTER TABLE rebuilt RENAME TO {table}")
            for sql, in others:
                db.execute(sql)
            db.execute(f"CREATE VIEW joined AS SELECT q.*, s.label, s.factor FROM {table} q LEFT JOIN sensors s ON s.k = q.{s.q(s.k)}")
            db.execute("COMMIT")
        runner.run([("sql", "stock", [s.write() for _ in range(5)])])
        runner.run_tool(["resume"])
        for step in ([], [("sql", "stock", [s.write() for _ in range(5)])], [("tool", ["refresh"])], [("sql", "stock", [s.write() for _ in range(5)])]):
            failed = runner.run(step)
            assert not failed, failed[1]
            runner.compare_all("after resume")
