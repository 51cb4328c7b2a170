"""Python's sqlite3, as an application uses it."""
import sqlite3
import threading

from almanac import EXTENSION, connect, directory, equal
from surface import SAMPLES


def test_connections_in_threads():
    """Each thread has a connection of its own, and they open, work and close at the same time."""
    expected = [connect().execute(sql).fetchall() for sql in SAMPLES]
    wrong = []

    def work():
        try:
            for _ in range(5):
                db = connect()
                for sql, rows in zip(SAMPLES, expected):
                    if db.execute(sql).fetchall() != rows:
                        wrong.append(sql)
                db.close()
        except sqlite3.Error as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(wrong, [])


def test_one_connection_passed_between_threads():
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    rows = db.execute(SAMPLES[-1]).fetchall()
    seen = []
    thread = threading.Thread(target=lambda: seen.extend(db.execute(SAMPLES[-1]).fetchall()))
    thread.start()
    thread.join()
    equal(seen, rows)


def test_a_read_only_file_is_left_as_it_is():
    path = directory() + "/data.db"
    db = connect(path, extension=False)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    db.execute("INSERT INTO t(v) VALUES (3), (1), (2)")
    db.close()
    with open(path, "rb") as file:
        before = file.read()
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    equal(db.execute("SELECT rolling_drawdown(v) FROM t").fetchone(), (1 / 3 - 1,))
    for sql in SAMPLES:
        db.execute(sql).fetchall()
    db.close()
    with open(path, "rb") as file:
        equal(file.read() == before, True)


def test_rows_cursors_and_transactions():
    db = sqlite3.connect(":memory:")  # with Python's own transactions
    db.row_factory = sqlite3.Row
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    db.enable_load_extension(False)
    with db:
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v REAL)")
        db.executemany("INSERT INTO t(v) VALUES (?)", [(v,) for v in (100, 50, 75)])
    cursor = db.execute("SELECT id, drawdown(v, :mode) OVER (ORDER BY id) AS d FROM t", {"mode": "absolute"})
    db.execute("INSERT INTO t(v) VALUES (10)")  # while the cursor stands on a row
    equal([row["d"] for row in cursor][:3], [0.0, -50.0, -25.0])
    db.rollback()
    equal(db.execute("SELECT drawdown(v) AS d FROM t").fetchone()["d"], -0.25)


def test_an_error_leaves_the_connection_usable():
    db = connect()
    for _ in range(3):
        try:
            db.execute("SELECT rolling_drawdown(1, 'percent')").fetchone()
            raise AssertionError("no error")
        except sqlite3.OperationalError as error:
            equal(str(error), "rolling_drawdown: the mode must be 'ratio' or 'absolute', not 'percent'")
        equal(db.execute("SELECT rolling_drawdown(1, 'ratio')").fetchone(), (0.0,))
