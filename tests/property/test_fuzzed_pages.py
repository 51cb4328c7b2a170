"""Malformed files: no crash, no read out of bounds, no endless loop, whatever the pages hold (../fuzz/pages.c, with sanitizers).

ALMANAC_PAGES=10000000 changes that many pages, on all cores, instead of some seconds' worth; ALMANAC_SEED replays one run.
"""
import multiprocessing
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from fuzzed_pages import PAGES_A_RUN, driver, run

SHORT_RUN_PAGES = 20_000


def test_fuzzed_pages():
    driver("fuzz/pages.c", ())  # built before processes are forked that need it
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 40)))
    pages = int(os.environ.get("ALMANAC_PAGES", 0))
    if pages:
        with multiprocessing.Pool() as pool:
            found = pool.map(run, range(seed, seed + pages // PAGES_A_RUN), chunksize=1)
    else:
        found = [run(seed, SHORT_RUN_PAGES)]
    print("  {} fuzzed pages, {} scans, {} of them to the end".format(*map(sum, zip(*found))))
