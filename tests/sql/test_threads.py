"""almanac_threads(); the requirements (T...) are those of ext/function/threads.c. What threads do is tested with the scans."""
from almanac import EXTENSION, connect, equal, error_of


def threads(db):
    return db.execute("SELECT almanac_threads(), typeof(almanac_threads())").fetchone()


def test_set_and_read():  # T1
    db = connect()
    equal(threads(db), (1, "integer"))
    for n in (64, 2.0, 1, 3):
        equal(db.execute("SELECT almanac_threads(?)", (n,)).fetchone(), (n,))
        equal(threads(db), (n, "integer"))


def test_what_is_no_number_of_threads():  # T1
    db = connect()
    db.execute("SELECT almanac_threads(7)")
    for n, shown in ((0, "0"), (65, "65"), (-1, "-1"), (1.5, "1.5"), ("2", "'2'"), (None, "NULL"), (b"2", "a blob of 1 bytes"), (2**62, str(2**62))):
        equal(error_of(db, "SELECT almanac_threads(?)", n), f"almanac_threads: n must be a whole number from 1 to 64, not {shown}")
        equal(threads(db), (7, "integer"))


def test_of_one_connection():  # T2
    one, other = connect(), connect()
    one.execute("SELECT almanac_threads(5)")
    equal((threads(one)[0], threads(other)[0]), (5, 1))


def test_loading_again_keeps_it():  # T2
    db = connect()
    db.execute("SELECT almanac_threads(5)")
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    equal(threads(db)[0], 5)
    db.execute("SELECT load_extension(?)", (EXTENSION,))
    equal(threads(db)[0], 5)
    db.execute("SELECT almanac_threads(6)")
    equal(threads(db)[0], 6)


def test_not_from_views():
    db = connect()
    db.execute("CREATE VIEW v AS SELECT almanac_threads(9)")
    assert "unsafe use of almanac_threads()" in error_of(db, "SELECT * FROM v")
    equal(threads(db)[0], 1)
