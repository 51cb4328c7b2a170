"""The two sources of a scan agree to the bit with a SELECT, on random tables in random files (stored_tables.py): in transactions and
out of them, in both journal modes, beside a writer that changes, checkpoints and restarts the WAL all the time. The driver
is ../unit/scan.c, with sanitizers.

A short run is part of make test. For more:

    ALMANAC_WORLDS=10000 tests/run.py property/test_scans      that many files, on all cores
    ALMANAC_SEED=4711 tests/run.py property/test_scans         that one
"""
import multiprocessing
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from scan_worlds import driver, world

SHORT_RUN_S = 6


def worlds():
    """The counts of world after world: a given one, as many new ones as asked for, or some seconds' worth."""
    if os.environ.get("ALMANAC_SEED"):
        yield world(int(os.environ["ALMANAC_SEED"]))
        return
    first = random.randrange(1 << 40)
    asked = int(os.environ.get("ALMANAC_WORLDS", 0))
    if asked:
        with multiprocessing.Pool() as pool:
            yield from pool.imap_unordered(world, range(first, first + asked))
        return
    started = time.time()
    while time.time() - started < SHORT_RUN_S:
        first += 1
        yield world(first)


def test_both_sources_agree():
    driver()  # built before processes are forked that need it
    total = [0, 0, 0, 0]
    for found in worlds():
        total = [a + b for a, b in zip(total, (1, *found))]
    print("  {} worlds, {} comparisons, {} from pages, {} rows".format(*total))
    assert total[2] > total[1] / 4, "hardly anything is read from pages"
