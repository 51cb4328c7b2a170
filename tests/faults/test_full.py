"""A disk that is full from some write on: a clear error, and the names still equal their queries (promise 4)."""
import os
import random
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from almanac import TOOL, connect, directory, equal, tool
from test_memory import DEFINITIONS, SUMMARIES, change, compare, database

RUN_S = 2  # for each verb and journal mode


def full_at_any_write(verb, journal):
    seed = int(os.environ.get("ALMANAC_SEED", 0)) or int(time.time() * 1000) % 10**9
    r = random.Random(seed)
    folder = directory()
    library, start = os.path.join(folder, "full.so"), os.path.join(folder, "start.db")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, os.path.join(HERE, "full.c"), "-ldl"], check=True)
    database(start)
    db = connect(start, extension=False)
    db.execute(f"PRAGMA journal_mode={journal}").fetchall()
    db.close()
    if verb == "refresh":
        tool("apply", start, "-", stdin=DEFINITIONS)
        tool("refresh", start)
        change(start)
    longest, failures, started, runs = 400, 0, time.time(), 0
    while time.time() - started < RUN_S:
        first, runs = r.randrange(1, longest), runs + 1
        what = f"after {verb} on a disk full from write {first} on, {journal} (ALMANAC_SEED={seed})"
        path = os.path.join(directory(), "t.db")
        shutil.copy(start, path)
        done = subprocess.run([TOOL, verb, path, *(["-"] if verb == "apply" else [])], input=DEFINITIONS, capture_output=True, text=True,
                              env={**os.environ, "LD_PRELOAD": library, "FULL_FROM": str(first)}, timeout=30)
        if done.returncode == 0:
            longest = max(first, 2)
        else:
            failures += 1
            # Of the file that a WAL's readers share, SQLite says no more than that.
            clear = path + ": the disk is full" in done.stderr or (journal == "WAL" and path + ": disk I/O error" in done.stderr)
            assert done.returncode in (1, 3) and clear, f"{done.returncode} {what}\n{done.stderr}"
        names = compare(path, what)
        equal(names, set() if verb == "apply" and done.returncode else set(SUMMARIES), what)
        if names and r.random() < 0.3:
            tool("refresh", path)
            compare(path, what + ", and a refresh")
            db = connect(path, extension=False)
            equal(db.execute("SELECT name, last_error FROM almanac_status WHERE dirty <> 0 OR last_error IS NOT NULL").fetchall(), [], what)
            db.close()
    assert failures > runs / 4, f"{failures} failures in {runs} runs"


def test_apply():
    full_at_any_write("apply", "DELETE")
    full_at_any_write("apply", "WAL")


def test_refresh():
    full_at_any_write("refresh", "DELETE")
    full_at_any_write("refresh", "WAL")
