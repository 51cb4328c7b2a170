"""The extension and the tool, built against this machine's SQLite, on the oldest and a recent one; see versions.py."""
import os
import subprocess
import sys

import versions
from almanac import BUILD, EXTENSION, ROOT, TOOL, equal

INSIDE = "ALMANAC_SQLITE_VERSION"  # set in the runs below; test_surface.py checks that it is that version

# The test files that are run again on each.
AGAIN = ["tests/sql/", "tests/unit/test_scan", "tests/clients/test_surface", "tests/clients/test_recipes", "tests/clients/test_chains", "tests/clients/test_zoom"]


def environment(version):
    # LD_BIND_NOW: a symbol that the version doesn't have ends the program when it starts, not when it is called.
    return {**versions.environment(version), INSIDE: version, "ALMANAC_BUILD": BUILD, "LD_BIND_NOW": "1"}


def on(version):
    if INSIDE in os.environ:
        return  # run by this very test
    done = subprocess.run([sys.executable, "-B", os.path.join(ROOT, "tests", "run.py"), *AGAIN], env=environment(version),
                          capture_output=True, text=True)
    lines = done.stdout.splitlines() or [""]
    failures = [line for line in lines if not line.endswith(")") or ", 0 failed (" not in line]
    assert done.returncode == 0 and lines[-1].endswith(" 0 failed"), f"SQLite {version}\n" + "\n".join(failures) + done.stderr
    done = subprocess.run([TOOL, "version"], env=environment(version), capture_output=True, text=True)
    assert done.returncode == 0 and version in done.stdout, f"almanac on SQLite {version}: {done.stdout}{done.stderr}"


def test_oldest():
    on(versions.OLDEST)


def test_recent():
    on(versions.NEWEST)


def test_older_than_promised_is_refused():
    """A library that says it is 3.33: loading fails with a message, and nothing is registered."""
    if INSIDE in os.environ:
        return
    source = "int sqlite3_libversion_number(void) { return 3033000; }"
    fake = os.path.join(BUILD, "sqlite", "older.so")
    library = versions.library(versions.OLDEST)
    subprocess.run([os.environ.get("CC", "cc"), "-x", "c", "-", "-shared", "-fPIC", "-o", fake], input=source, text=True, check=True)
    program = ("import sqlite3, sys\ndb = sqlite3.connect(':memory:')\ndb.enable_load_extension(True)\n"
               "try:\n    db.load_extension(sys.argv[1])\nexcept sqlite3.Error as error:\n    print(error)")
    done = subprocess.run([sys.executable, "-c", program, EXTENSION], capture_output=True, text=True,
                          env={**os.environ, "LD_LIBRARY_PATH": library, "LD_PRELOAD": fake})
    assert "almanac: needs SQLite 3.34 or later, this is" in done.stdout, done.stdout + done.stderr
