"""What the tests share: where things are, a connection with the extension, the tool, the stock shell."""
import os
import sqlite3
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("ALMANAC_BUILD", os.path.join(ROOT, "build"))
EXTENSION = os.path.join(BUILD, "lib", "almanac")
TOOL = os.path.join(BUILD, "bin", "almanac")


def connect(path=":memory:", extension=True):
    """A connection in autocommit mode, with the extension loaded unless told otherwise."""
    db = sqlite3.connect(path, isolation_level=None)
    if extension:
        db.enable_load_extension(True)
        db.load_extension(EXTENSION)
    return db


def directory():
    """A fresh temporary directory, removed at exit."""
    keep = tempfile.TemporaryDirectory(prefix="almanac-")
    _directories.append(keep)
    return keep.name


_directories = []


def tool(*arguments, stdin=None, code=0):
    """Runs the tool and returns (stdout, stderr). `code` is the exit code it must have (None: any)."""
    done = subprocess.run([TOOL, *map(str, arguments)], input=stdin, capture_output=True, text=True)
    if code is not None and done.returncode != code:
        raise AssertionError(f"almanac {arguments} ended with {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}")
    return done.stdout, done.stderr


def shell(path, *statements, code=0):
    """Runs statements in the stock sqlite3 shell, without the extension, and returns its output."""
    # The shell wants its own library, also where the tests run on another SQLite (versions.py).
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LD_")}
    done = subprocess.run(["sqlite3", "-batch", path, *statements], capture_output=True, text=True, env=environment)
    if code is not None and done.returncode != code:
        raise AssertionError(f"sqlite3 ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def error_of(db, sql, *parameters):
    """The message of the error that `sql` must raise."""
    try:
        db.execute(sql, parameters).fetchall()
    except sqlite3.Error as error:
        return str(error)
    raise AssertionError(f"no error: {sql} {parameters}")


def equal(got, expected, what=""):
    """Asserts equality and shows both sides when it fails."""
    if got != expected:
        raise AssertionError(f"{what}\n  got      {got!r}\n  expected {expected!r}")
