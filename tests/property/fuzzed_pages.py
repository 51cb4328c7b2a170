"""A run of ../fuzz/pages.c over random databases: what test_fuzzed_pages.py does again and again."""
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "unit")]

import stored_tables
from almanac import directory
from test_scan import driver

PAGES_A_RUN = 50_000
FILES = 12
SIZE_MAX = 400_000  # of a file: small ones are scanned quickly


def images(chance):
    """Paths of sound databases, small ones, in rollback mode."""
    found = []
    while len(found) < FILES:
        path = os.path.join(directory(), "image.db")
        db, _ = stored_tables.world(chance, path)
        db.execute("PRAGMA journal_mode = delete").fetchall()
        db.close()
        if 4096 < os.path.getsize(path) < SIZE_MAX:
            found.append(path)
    return found


def run(seed, pages=PAGES_A_RUN):
    scratch = os.path.join(directory(), "scratch.db")
    done = subprocess.run([driver("fuzz/pages.c", ()), scratch, str(pages), str(seed), *images(random.Random(seed))], capture_output=True, text=True)
    assert done.returncode == 0, f"seed {seed}: {done.returncode}\n{done.stdout}{done.stderr[-5000:]}"
    return [int(word) for word in done.stdout.split() if word.isdigit()]
