"""Allocations that fail, anywhere in any command: never a crash, a clear error, and all promises stand (promise 6).

ALMANAC_FAULTS=all takes every hundredth of the two million allocations."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worlds import EVERY, SCENARIOS, World, check, library, visit

RUN_S = 7  # for each of the tests
FOREVER = 10**12


def fail(fault, lasts):
    memory = library("memory")
    worlds = [World(scenario, "WAL") for scenario in SCENARIOS]
    failed = 0

    def disturb(world, fault, n, r, what):
        nonlocal failed
        if not EVERY and r.random() < 0.5:
            n = r.randrange(1, 3000)  # where the command starts: every one of its own steps comes there, later mostly SQLite's
        done = world.run({"LD_PRELOAD": memory, "FAIL_FIRST": str(n), "FAIL_LAST": str(FOREVER if lasts else n)})
        what = f"{what} ({n}): {done.returncode} {done.stderr}"
        failed += world.failed(done)
        assert done.returncode in (0, 1, 3, 10), what
        assert not world.failed(done) or "memory" in done.stderr, what
        check(world, what, world.states(done))

    visited = visit(worlds, [fault], RUN_S, lambda world, _: world.count(memory, "FAIL_COUNT"), disturb, apart=100)
    assert failed > visited / 8 or visited < 40, f"{failed} failures at {visited} points"


def test_one_fails():
    fail("no memory", False)


def test_all_fail_from_one_on():
    fail("no memory from then on", True)
