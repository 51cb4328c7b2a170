"""What loading the extension changes in a connection: exactly the declared names, and nothing else.

test_versions.py runs this file on other SQLites, too.
"""
import glob
import os
import re
import sqlite3

from almanac import EXTENSION, ROOT, connect, equal, error_of
from surface import DIRECTONLY, FUNCTIONS, MISTAKES, SAMPLES, TABLES

DETERMINISTIC, DIRECTONLY_FLAG, INNOCUOUS = 0x800, 0x80000, 0x200000


def functions(db):
    return set(db.execute("SELECT name, builtin, type, enc, narg, flags FROM pragma_function_list"))


def modules(db):
    return {name for name, in db.execute("SELECT name FROM pragma_module_list")}


def plain():
    db = connect(extension=False)
    db.execute("SELECT count(*) FROM pragma_function_list, pragma_module_list").fetchall()  # lists themselves, too
    db.enable_load_extension(True)
    return db


def test_this_is_the_sqlite_that_was_asked_for():
    wanted = os.environ.get("ALMANAC_SQLITE_VERSION")
    equal(sqlite3.sqlite_version, wanted or sqlite3.sqlite_version)


def test_exactly_the_declared_names_are_added():
    db = plain()
    functions_before, modules_before = functions(db), modules(db)
    db.load_extension(EXTENSION)
    added = functions(db) - functions_before
    equal(functions_before - functions(db), set(), "functions that were there and have changed")
    equal({(name, n) for name, _, _, _, n, _ in added}, {(name, n) for name, arities in FUNCTIONS.items() for n in arities})
    equal({name for name, *_ in added} & {name for name, *_ in functions_before}, set(), "overridden or overloaded")
    equal(modules(db) - modules_before, set(TABLES))
    equal(modules_before - modules(db), set())
    for name, _, _, _, n, flags in added:
        wanted = DIRECTONLY_FLAG if name in DIRECTONLY else DETERMINISTIC | INNOCUOUS
        equal(flags & (DETERMINISTIC | DIRECTONLY_FLAG | INNOCUOUS), wanted, f"flags of {name}/{n}")


def test_loading_again_changes_nothing():
    by_call = lambda db: db.load_extension(EXTENSION)
    by_select = lambda db: equal(db.execute("SELECT load_extension(?)", (EXTENSION,)).fetchall(), [(None,)])
    by_entry = lambda db: db.execute("SELECT load_extension(?, 'sqlite3_almanac_init')", (EXTENSION,)).fetchall()
    for first, second in [(by_call, by_call), (by_call, by_select), (by_select, by_call), (by_select, by_select),
                          (by_select, by_entry), (by_entry, by_call)]:
        db = plain()
        first(db)
        before = functions(db), modules(db)
        running = db.execute(SAMPLES[-1])
        rows = [running.fetchone()]
        second(db)
        rows += running.fetchall()
        equal(rows, db.execute(SAMPLES[-1]).fetchall())
        second(db)
        equal((functions(db), modules(db)), before)


def test_another_version_in_the_way_is_an_error():
    db = plain()
    db.create_function("almanac_version", 0, lambda: "0.0.0-other")
    assert "almanac: unable to delete/modify user-function" in error_of(db, "SELECT load_extension(?)", EXTENSION)


def test_samples_run_and_mistakes_do_not():
    db = connect()
    for sql in SAMPLES:
        assert db.execute(sql).fetchall(), sql
    for sql in MISTAKES:
        name = re.search(r"(\w+)\(", sql).group(1)
        message = error_of(db, sql)
        assert message.startswith(name), f"{sql}\n  {message}"
    for name in [*FUNCTIONS, *TABLES]:
        assert any(f"{name}(" in sql for sql in SAMPLES), f"no sample of {name}"


def test_untrusted_schemas_may_call_the_pure_functions():
    """Views and TEMP indexes may, with trusted_schema off; almanac_live() may not be called from a schema."""
    db = connect()
    db.execute("PRAGMA trusted_schema = OFF")
    for i, sql in enumerate(SAMPLES):
        db.execute(f"CREATE VIEW v{i} AS {sql}")
        if any(f"{name}(" in sql for name in DIRECTONLY):
            assert "unsafe use of" in error_of(db, f"SELECT * FROM v{i}")
        else:
            db.execute(f"SELECT * FROM v{i}").fetchall()
    db.execute("CREATE TABLE t(ts)")
    db.execute("CREATE INDEX t_hour ON t(time_bucket('1 hour', ts))")
    db.execute("INSERT INTO t VALUES (3601)")
    equal(db.execute("SELECT ts FROM t INDEXED BY t_hour WHERE time_bucket('1 hour', ts) = 3600").fetchall(), [(3601,)])


def mentions(paths):
    text = ""
    for path in paths:
        with open(path) as file:
            text += file.read()
    return {name for name in [*FUNCTIONS, *TABLES] if f"{name}(" in text}


def test_what_is_registered_is_declared_and_tested():
    with open(os.path.join(ROOT, "ext", "init.c")) as file:
        registered = set(re.findall(r'^ *\{"(\w+)",', file.read(), re.M))
    equal(registered, {*FUNCTIONS, *TABLES})
    tests = set(glob.glob(os.path.join(ROOT, "tests", "*", "test_*.py"))) - {os.path.abspath(__file__)}
    equal(registered - mentions(tests), set(), "functions without a test")


def test_what_is_registered_is_in_the_reference():
    reference = os.path.join(ROOT, "ext", "README.md")
    equal({*FUNCTIONS, *TABLES} - mentions([reference]), set(), "functions without a line in ext/README.md")
