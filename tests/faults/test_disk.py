"""A disk that fails the tool at any of its operations, or a kill there: a clear error, and all promises stand (promise 6).

ALMANAC_FAULTS=all takes every operation of every command and both journal modes."""
import errno
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worlds import SCENARIOS, World, check, library, visit

RUN_S = 3  # for each of the tests
FOREVER = 10**9

# What SQLite tells: a journal that can't be made; of the file that a WAL's readers share no more than the second; a failed read;
# a lock that fails again and again.
CLEAR = ("the disk is full", "disk I/O error", "unable to open database file", "database disk image is malformed, or the disk can't be read",
         "its file system's locks don't work")


def disturb_with(faults, run_s, class_of_operations):
    """Faults: name: (errno or None for a kill, whether it lasts)."""
    disk = library("disk")
    worlds = [World(scenario, journal) for scenario in SCENARIOS for journal in ("DELETE", "WAL")]
    failed = 0

    def count(world, fault):
        return world.count(disk, "DISK_COUNT", DISK_CLASS=class_of_operations)

    def disturb(world, fault, n, r, what):
        nonlocal failed
        error, lasts = faults[fault]
        environment = {"LD_PRELOAD": disk, "DISK_CLASS": class_of_operations, "DISK_FIRST": str(n), "DISK_LAST": str(FOREVER if lasts else n)}
        done = world.run({**environment, **({"DISK_ERROR": str(error)} if error else {})})
        what = f"{what}: {done.returncode} {done.stderr}"
        failed += world.failed(done)
        if error is None:
            assert done.returncode in (world.scenario.code, -9), what  # the number of operations varies, for the size of batches follows the clock
        elif world.failed(done):
            assert done.returncode in (1, 3, 10) and any(f"{world.path}: {text}" in done.stderr for text in CLEAR), what
        check(world, what, world.states(done))

    visited = visit(worlds, list(faults), run_s, count, disturb)
    assert failed > visited / 8 or visited < 40, f"{failed} failures at {visited} points"


def test_killed():
    disturb_with({"kill": (None, False)}, RUN_S, "change")


def test_failing():
    disturb_with({"EIO": (errno.EIO, False), "EIO from then on": (errno.EIO, True)}, RUN_S, "change")


def test_full():
    disturb_with({"ENOSPC": (errno.ENOSPC, False), "ENOSPC from then on": (errno.ENOSPC, True)}, RUN_S, "change")


def test_unreadable():
    disturb_with({"EIO": (errno.EIO, False), "EIO from then on": (errno.EIO, True)}, RUN_S / 2, "read")


def test_unlockable():
    disturb_with({"EIO": (errno.EIO, False)}, RUN_S / 2, "lock")
