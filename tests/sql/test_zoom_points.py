"""zoom_points beside all raw rows. ZP1 to ZP6 stand in ext/table/zoom_points.c."""
import json
import os
import random
from collections import Counter

from almanac import equal, error_of
from zooms import WORLDS


def ask(world, lo, hi, points, key):
    arguments = ("z", lo, hi, points) + (() if key is None else (world.asked(key),))
    return world.db.execute(f"SELECT x, y, level FROM zoom_points({','.join('?' * len(arguments))})", arguments).fetchall()


def lttb(world, rows, points):
    return [tuple(p) for p in json.loads(world.db.execute("SELECT lttb(json_extract(value, '$[0]'), json_extract(value, '$[1]'), ?2) FROM json_each(?1)",
                                                          (json.dumps(rows), points)).fetchone()[0])]


def check_points(world, got, rows, points, what):
    """ZP1, ZP2, ZP5: rows of the range, in order of time, not too many, the highest and lowest among them."""
    assert [x for x, _ in got] == sorted(x for x, _ in got), what
    missing = Counter((x, y, type(x), type(y)) for x, y in got)
    missing.subtract(Counter((x, y, type(x), type(y)) for x, y in rows))
    assert max(missing.values(), default=0) <= 0, (what, [point for point, n in missing.items() if n > 0][:5])
    equal(len(got), min(len(rows), points) if len(rows) <= points or points < 2 else len(got), what)
    if not got:
        return
    assert got[0][0] == rows[0][0] or points == 2, (what, got[0], rows[0])
    assert got[-1][0] == rows[-1][0] or points < 4, (what, got[-1], rows[-1])
    if len(rows) > points > 1:
        values, all_values = [y for _, y in got], [y for _, y in rows]
        assert 2 <= len(got) <= points, what
        equal((min(values), max(values)), (min(all_values), max(all_values)), what)


def check(world, n):
    levels = {}
    for _ in range(n):
        lo, hi = world.span()
        points = world.random.choice([0, 1, 2, 3, 4, 5, 10, 30, 100, 1000])
        key = world.random.choice(world.key_values)
        what = (lo, hi, points, key)
        rows = world.counted(lo, hi, key)
        got = ask(world, lo, hi, points, key)
        check_points(world, [row[:2] for row in got], rows, points, what)
        if not got:
            continue
        level = got[0][2]
        levels[level] = levels.get(level, 0) + 1
        assert level in ["raw"] + world.ladder, what
        if level == "raw" and len(rows) > points > 3:  # ZP3: lttb() of all rows, where it picks both extremes
            times = [time for time, _ in rows]
            picked = lttb(world, rows, points)
            values = [y for _, y in picked]
            if len(set(times)) == len(times) and min(values) == min(y for _, y in rows) and max(values) == max(y for _, y in rows):
                equal([row[:2] for row in got], picked, what)
    return levels


def in_world(kind):
    seed = int(os.environ.get("ALMANAC_SEED", random.randrange(1 << 32)))
    world, log = kind(seed), []
    try:
        check(world, 5)
        for _ in range(12):
            log.append(world.change())
            check(world, 10)
    except AssertionError as error:
        raise AssertionError(f"ALMANAC_SEED={seed} {kind.__name__} after {log}: {str(error)[:500]}") from None


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
