"""zoom_buckets beside brute force over all raw rows. ZB1 to ZB6 stand in ext/table/zoom_buckets.c."""
import os
import random

from almanac import connect, directory, equal, error_of, shell, tool
from zooms import WORLDS, Numbers


def alike(got, expected):
    """Sums and averages of reals may differ in their last digits; all else is the same, types of buckets among it."""
    if len(got) != len(expected):
        return False
    for g, e in zip(got, expected):
        exact = g[:3] == e[:3] and [type(v) for v in g[:2]] == [type(v) for v in e[:2]] and g[5:] == e[5:]
        close = all(abs(a - b) <= 1e-9 * max(1, abs(b)) for a, b in zip(g[3:5], e[3:5]))
        if not exact or not close or (type(e[3]) is int and g[3] != e[3]):
            return False
    return True


def check(world, n):
    for _ in range(n):
        lo, hi = world.span()
        most = world.random.choice([1, 2, 3, 10, 50, 400, 2000])
        key = world.random.choice(world.key_values)
        expected, level = world.buckets(lo, hi, most, key)
        what = (lo, hi, most, key)
        arguments = ("z", lo, hi, most) + (() if key is None else (world.asked(key),))
        call = f"zoom_buckets({','.join('?' * len(arguments))})"
        if expected is None:
            assert "fit into max_buckets = " in error_of(world.db, f"SELECT * FROM {call}", *arguments), what
            continue
        got = world.db.execute(f"SELECT *, level FROM {call}", arguments).fetchall()
        assert alike([row[:-1] for row in got], expected), (what, got, expected)
        assert {row[-1] for row in got} <= {level}, (what, got[0][-1], level)


def in_world(kind):
    """ZB1 to ZB5: between changes of all kinds, refreshes of all levels and of some, before the first and after."""
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 32)))
    world, log = kind(seed), []
    try:
        check(world, 5)
        for _ in range(12):
            log.append(world.change())
            check(world, 12)
    except AssertionError as error:
        raise AssertionError(f"ALMANAC_SEED={seed} {kind.__name__} after {log}: {str(error)[:1000]}") from None


def test_numbers():
    in_world(WORLDS[0])


def test_texts():
    in_world(WORLDS[1])


def test_zulu():
    in_world(WORLDS[2])


def test_days():
    in_world(WORLDS[3])


def test_reals():
    in_world(WORLDS[4])


def test_milliseconds():
    in_world(WORLDS[5])
