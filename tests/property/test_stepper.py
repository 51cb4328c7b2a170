"""Promise 4: a summary's name equals its query, at every step of random worlds (model.py, runner.py).

A short run over the same worlds each time is part of make test. For more:

    ALMANAC_STEPS=100000 tests/run.py stepper     that many steps of new worlds, on all cores, as long as it takes
    ALMANAC_SEED=4711 tests/run.py stepper        that one world
"""
import multiprocessing
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from model import World
from play import STEPS_PER_WORLD, play, play_world

SHORT_RUN_S = 12
FAILURES_MAX = 5  # after which a long run ends


def results(steps):
    """Of worlds, one after the other: the same ones for a while, or with `steps` new ones on all cores without end."""
    if steps:
        first = int(time.time() * 1000) % 10**9
        with multiprocessing.Pool(initializer=signal.signal, initargs=(signal.SIGTERM, lambda *_: sys.exit())) as pool:
            yield from pool.imap_unordered(play_world, range(first, first + 1 + steps // STEPS_PER_WORLD))
    else:
        started = time.time()
        over = lambda: time.time() - started > SHORT_RUN_S
        seed = 0
        while not over():
            seed += 1
            yield play_world(seed, over)


def test_names_equal_their_queries():
    if os.environ.get("ALMANAC_SEED"):
        counts, failure = play_world(int(os.environ["ALMANAC_SEED"]))
        print("  " + ", ".join(f"{n} {k}" for k, n in counts.items()))
        assert not failure, failure
        return
    steps = int(os.environ.get("ALMANAC_STEPS", 0))
    total, failures = {"worlds": 0}, []
    for counts, failure in results(steps):
        total = {"worlds": total["worlds"] + 1, **{k: total.get(k, 0) + n for k, n in counts.items()}}
        failures += [failure] if failure else []
        if failure and steps:
            print(failure, flush=True)
        if len(failures) >= (FAILURES_MAX if steps else 1) or steps and total["steps"] >= steps:
            break
    print("  " + ", ".join(f"{n} {k}" for k, n in total.items()))
    assert not failures, "\n\n".join(failures)


def deaf(pattern):
    """A sabotage: the tool's triggers of that name do nothing, which a view can't know."""
    def sabotage(runner):
        db = runner.connections["stock"]
        db.execute("PRAGMA writable_schema=ON")  # a trigger made again is noticed
        for name, sql in db.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger' AND name GLOB ?", (pattern,)).fetchall():
            db.execute("UPDATE sqlite_master SET sql=? WHERE name=?", (re.sub(r"\bBEGIN\n.*", "BEGIN SELECT 1; END", sql, flags=re.S), name))
        db.execute(f"PRAGMA schema_version={db.execute('PRAGMA schema_version').fetchone()[0] + 1}")
        db.execute("PRAGMA writable_schema=RESET")
    return sabotage


def stale_stored(runner):
    """A sabotage: what is stored is wrong. Seen only where stored rows are read, not computed at each read."""
    db = runner.connections["stock"]
    for name, in db.execute("SELECT name FROM sqlite_master WHERE type='table' AND name LIKE '%\\_stored' ESCAPE '\\'").fetchall():
        db.execute(f'DELETE FROM "{name}"')


def test_the_stepper_sees_what_is_broken():
    for name, sabotage in [("stored rows", stale_stored), ("insert", deaf("almanac_[0-9]*_ins")), ("update", deaf("almanac_[0-9]*_upd")),
                           ("delete", deaf("almanac_[0-9]*_del")), ("replace by update", deaf("almanac_[0-9]*_bupd"))]:
        for seed in range(1, 60):
            world = World(seed, 40)
            world.steps = [s for s in world.steps if s[0] in ("sql", "tool") and s[1] not in (["pause"], ["resume"])]
            if play(world, world.setup + [("tool", ["refresh"]), ("sabotage", sabotage)] + world.steps)[1]:
                break
        else:
            raise AssertionError(f"not seen in {seed} worlds: {name}")
