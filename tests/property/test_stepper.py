"""Promise 4: a summary's name equals its query, at every step of random worlds (model.py, runner.py).

A short run over the same worlds each time is part of make test. For more:

    ALMANAC_STEPS=100000 tests/run.py stepper     that many steps of new worlds, as long as it takes
    ALMANAC_SEED=4711 tests/run.py stepper        that one world
"""
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from model import World
from runner import log_of, play, shrink

STEPS_PER_WORLD = 60
SHORT_RUN_S = 12
SHRINK_S = float(os.environ.get("ALMANAC_SHRINK_S", 20))


def fail(seed, world, entries, failed):
    index, failure = failed
    deadline = time.time() + SHRINK_S
    entries = shrink(world, entries[:index + 1], failure, lambda: time.time() > deadline)
    again = play(world, entries)[1]
    failure = again[1] if again else failure
    raise AssertionError(f"ALMANAC_SEED={seed}\n{log_of(world, entries)}\n{failure}")


def step(seed, n_steps=STEPS_PER_WORLD, until=None):
    world = World(seed, n_steps)
    entries = world.setup + world.steps
    counts, failed, refusals = play(world, entries, until)
    if failed:
        fail(seed, world, entries, failed)
    return counts, refusals


def test_names_equal_their_queries():
    seed = int(os.environ.get("ALMANAC_SEED", 0))
    if seed:
        print(step(seed))
        return
    steps = int(os.environ.get("ALMANAC_STEPS", 0))
    started, total, seed = time.time(), {}, int(time.time() * 1000) % 10**9 if steps else 0
    over = lambda: total.get("steps", 0) >= steps if steps else time.time() - started > SHORT_RUN_S
    while not over():
        seed += 1
        counts, _ = step(seed, until=None if steps else over)
        total = {k: total.get(k, 0) + n for k, n in counts.items()}
    print("  " + ", ".join(f"{n} {k}" for k, n in total.items()))


def deaf(pattern):
    """A sabotage: the tool's triggers of that name do nothing, which a view can't know."""
    def sabotage(runner):
        db = runner.connections["stock"]
        for name, sql in db.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger' AND name GLOB ?", (pattern,)).fetchall():
            db.execute(f"DROP TRIGGER {name}")
            db.execute(re.sub(r"\bBEGIN\n.*", "BEGIN SELECT 1; END", sql, flags=re.S))
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
